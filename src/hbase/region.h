/* SPDX-License-Identifier: Apache-2.0
 *
 * region.h - a table is cut into regions by row keys; hbase:meta says where each is.
 *
 * What was looked up is kept until a server says that it is not so any more. A region's name stands for its very
 * bounds: after a split or a merge the old name is refused, so that old knowledge costs a call and never a row.
 */
#ifndef PS_HBASE_REGION_H
#define PS_HBASE_REGION_H

#include "hbase/call.h"
#include "hbase/rows.h"

struct ps_hbase_region {
    struct ps_bytes table, name, start_key, end_key; /* empty keys: from the first row, to the last */
    struct ps_hbase_address server;
    int references; /* of the cache, and of whoever holds it */
    bool is_split, is_offline;
};
/* One more holder; returns the region. */
struct ps_hbase_region *ps_hbase_region_hold(struct ps_hbase_region *region);
void ps_hbase_region_release(struct ps_hbase_region *region); /* also NULL */
void ps_hbase_region_release_scoped(struct ps_hbase_region **region);

/* One attempt: the region of `table` ("ns:t", or "t" in the default namespace) that the row is in; the caller holds
 * it. Errors: NOT_FOUND (no such table), INVALID_ARGUMENT (it is disabled), UNAVAILABLE. */
penstock_code ps_hbase_locate(struct ps_hbase *client, const char *table, struct ps_bytes row,
                              struct ps_hbase_region **region_out, struct ps_hbase_fault *fault,
                              struct penstock_error *error) PENSTOCK_MUST_USE;
/* What was known of it is wrong. If it stays so (`attempts`), the table's state is looked at: INVALID_ARGUMENT if it
 * is disabled, and then *fault says that nothing helps. */
penstock_code ps_hbase_mislocated(struct ps_hbase *client, const struct ps_hbase_region *region,
                                  int64_t attempts, struct ps_hbase_fault *fault,
                                  struct penstock_error *error);

/* All regions of a table in the order of their keys: one task each, for whoever reads in parallel. Tries again by
 * itself. Texts are in the arena. */
penstock_code ps_hbase_regions(struct ps_hbase *client, const char *table, struct ps_arena *arena,
                               struct ps_hbase_region **regions_out, size_t *count_out,
                               struct penstock_error *error) PENSTOCK_MUST_USE;

/* "default:t" is "t". In the arena; INVALID_ARGUMENT if it is no name of a table. */
penstock_code ps_hbase_table_name(const char *written, struct ps_arena *arena, const char **table_out,
                                  struct penstock_error *error) PENSTOCK_MUST_USE;

/* A row of hbase:meta. Views of the row. False if it is no region, or damaged; a region without a server has
 * port 0. */
bool ps_hbase_region_parse(const struct ps_hbase_row *row, struct ps_hbase_region *region_out);

#endif
