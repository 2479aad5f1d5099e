/* SPDX-License-Identifier: Apache-2.0
 *
 * growth.h - the project as its SQL says it, and the columns that its sources have got since (on_new_field = 'add').
 *
 * They are kept in the store (penstock.source_columns), so a project with such a source is read with its store.
 * While it runs the project is never read from its files again, which may have changed: it grows in memory.
 */
#ifndef PS_APP_GROWTH_H
#define PS_APP_GROWTH_H

#include "app/session.h"

/* Sources, sinks and models of a graph: can they be what they say? Touches nothing outside. */
penstock_code ps_app_check(const struct ps_graph *graph, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Before the graph is built: app->project with the columns that the store knows, whoever has it. */
penstock_code ps_growth_read(struct ps_app *app, struct penstock_error *error) PENSTOCK_MUST_USE;
/* When the store is ours: has it got more columns since? Then app->graph has them, too. */
penstock_code ps_growth_renew(struct ps_app *app, struct ps_store *store, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* As struct ps_runner_options.on_new_columns. The graph before stays readable. */
penstock_code ps_growth_add(struct ps_app *app, const struct ps_added_column *columns, size_t count,
                            const struct ps_graph **graph_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

#endif
