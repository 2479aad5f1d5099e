/* SPDX-License-Identifier: Apache-2.0
 *
 * columns.h - columns that sources get while they run (on_new_field = 'add').
 *
 * Decoding notes the fields that no column has. The first epoch with some is given up before anything of it is
 * written; its fields become columns in a transaction of their own (penstock.source_columns), the project is read
 * with them, and the same records come again, now with a place for everything. A kill in between finds either no
 * columns, and meets the fields once more, or the columns, and no record that was written without them.
 *
 * A table that takes all columns of its source (`*`) grows by ALTER TABLE when it is prepared: rows that are there
 * have NULL. Added columns stand at the end of such a table, but before those of INCLUDE in its SELECT, so tables with
 * them are written and compared by name.
 */
#ifndef PS_STREAM_COLUMNS_H
#define PS_STREAM_COLUMNS_H

#include "stream/ahead.h"

/* Are there fields that the input's columns do not have? They are kept with the input. Of a task that failed, and what
 * comes after it, nothing is known: its error comes first. */
penstock_code ps_columns_look(struct ps_run *run, const struct ps_prepared *prepared,
                              struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_columns_note(struct ps_run *run, struct ps_input *input, const struct ps_batch *batch,
                              struct penstock_error *error) PENSTOCK_MUST_USE;
bool ps_columns_are_new(const struct ps_run *run);
/* Makes columns of them, outside a transaction: *graph_out is the project's with them. The run is over after that. */
penstock_code ps_columns_add(struct ps_run *run, const struct ps_graph **graph_out,
                             struct penstock_error *error) PENSTOCK_MUST_USE;

/* Of a table, as it was or would be. */
struct ps_column_list {
    const char *const *names, *const *types;
    size_t count;
};
/* May a table go on? Its columns are the same, but that added ones may stand anywhere, and some may be missing:
 * `missing` (now.count of them) gets their indexes in `now`. False: *was_out and *now_out differ (count: none). */
bool ps_columns_match(const struct ps_project *project, struct ps_column_list was, struct ps_column_list now,
                      size_t *missing, size_t *missing_count, size_t *was_out, size_t *now_out);
/* ALTER TABLE ... ADD COLUMN of each, at once. */
penstock_code ps_columns_grow(struct ps_run *run, const char *table, struct ps_column_list columns,
                              const size_t *missing, size_t missing_count, struct penstock_error *error)
    PENSTOCK_MUST_USE;

#endif
