/* SPDX-License-Identifier: Apache-2.0
 *
 * get.h - one row by its key.
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

/* GetResponse: the cells are in the message, or in a block behind it. Views of both; the array is in the arena. */
penstock_code ps_hbase_get_parse(struct ps_bytes message, struct ps_bytes block, struct ps_arena *arena,
                                 struct ps_hbase_row *row_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

#endif
