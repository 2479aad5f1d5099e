/* SPDX-License-Identifier: Apache-2.0
 *
 * feed.h - batches into SQL: the table function that hands decoded columns to a statement.
 *
 * A feed is named; SELECT * FROM penstock_feed('name') yields the rows of the batches that were put in, in
 * order, with the columns of the feed's schema (PS_TYPE_CAST columns as VARCHAR). It can be read any number
 * of times until it is cleared. Batches are borrowed and must stay as they are meanwhile.
 */
#ifndef PS_SQL_FEED_H
#define PS_SQL_FEED_H

#include "sql/engine.h"

/* Registers `name` with the engine (all its connections). The schema is copied. */
penstock_code ps_feed_declare(struct ps_engine *engine, const char *name, const struct ps_schema *schema,
                              struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_feed_put(struct ps_engine *engine, const char *name, const struct ps_batch *const *batches,
                          size_t batch_count, struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_feed_clear(struct ps_engine *engine, const char *name);

#endif
