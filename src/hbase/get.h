/* SPDX-License-Identifier: Apache-2.0
 *
 * get.h - one row by its key, or many.
 *
 * Like a scan it looks up where the row is, and tries again where that has changed. There is no order among several
 * gets and none is a snapshot: each sees what its server has committed.
 */
#ifndef PS_HBASE_GET_H
#define PS_HBASE_GET_H

#include "hbase/client.h"
#include "hbase/rows.h"

struct ps_hbase_get_options {
    const char *table;
    struct ps_bytes row;
    const struct ps_hbase_column *columns; /* none: all */
    size_t column_count;
    int64_t time_min, time_max; /* [min, max) in ms; both 0: any */
    int64_t versions;           /* 0: one */
};
/* The row's cells, in the arena; of no cells if there is no such row. Errors: as those of a scan. */
penstock_code ps_hbase_get(struct ps_hbase *client, const struct ps_hbase_get_options *options,
                           struct ps_arena *arena, struct ps_hbase_row *row_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

/* Many rows: in calls grouped by region and server, of as many rows at once as make answers of a few MB. *rows_out:
 * one row for each key, in the order of the keys, which may come more than once; of no cells, but with its key, where
 * there is no such row. All is in the arena, whose limit is that of all rows together, but for the keys of rows that
 * are not there: those are views of `keys`. options->row is not looked at. Errors: as those of a scan. */
penstock_code ps_hbase_get_many(struct ps_hbase *client, const struct ps_hbase_get_options *options,
                                const struct ps_bytes *keys, size_t count, struct ps_arena *arena,
                                struct ps_hbase_row **rows_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

/* Get, as a field of a message. */
void ps_hbase_add_get(struct ps_buffer *out, uint32_t field, const struct ps_hbase_get_options *options,
                      struct ps_bytes row);
/* Result: its cells are in the message, or come next in the block. Views of both; the array is in the arena.
 * Errors: INVALID_DATA. */
penstock_code ps_hbase_result_parse(struct ps_bytes message, struct ps_hbase_cell_reader *block,
                                    struct ps_arena *arena, struct ps_hbase_row *row_out,
                                    struct penstock_error *error) PENSTOCK_MUST_USE;
/* GetResponse: the cells are in the message, or in a block behind it. Views of both; the array is in the arena. */
penstock_code ps_hbase_get_parse(struct ps_bytes message, struct ps_bytes block, struct ps_arena *arena,
                                 struct ps_hbase_row *row_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

#endif
