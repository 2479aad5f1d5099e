/* SPDX-License-Identifier: Apache-2.0
 *
 * explain.h - EXPLAIN MODEL name, as a command and as a statement of penstock query; what a plan's sources leave out.
 */
#ifndef PS_APP_EXPLAIN_H
#define PS_APP_EXPLAIN_H

#include "app/app.h"

/* Asks the connectors of the graph's sources what they leave out by themselves; the texts are in the arena. */
penstock_code ps_explain_add_pushed(const struct ps_graph *graph, struct ps_plan *plan,
                                    struct ps_arena *arena, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Columns item, value, why. What the last version of the model knows of rows and features is taken from the store, if
 * there is one. Errors: NOT_FOUND (no such model, with the nearest), ps_model_check()'s. */
penstock_code ps_app_explain_model(struct ps_app *app, const char *name, struct ps_text_table **table_out,
                                   struct penstock_error *error) PENSTOCK_MUST_USE;
/* The name behind EXPLAIN MODEL, in the arena; NULL if `sql` is another statement. */
penstock_code ps_explain_model_name(const char *sql, struct ps_arena *arena, const char **name_out,
                                    struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
