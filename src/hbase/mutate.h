/* SPDX-License-Identifier: Apache-2.0
 *
 * mutate.h - puts and deletes: many at once, or those of one row behind a condition.
 *
 * A mutation that is sent again after a lost answer is harmless if its cells have timestamps of their own: the same
 * row, column and timestamp are the same cell. With PS_HBASE_LATEST a repetition is one more version. A condition is
 * another matter: asked again after it was carried out it is false. So what is guarded by one is never sent again
 * when nobody knows whether it was carried out.
 */
#ifndef PS_HBASE_MUTATE_H
#define PS_HBASE_MUTATE_H

#include "hbase/client.h"
#include "hbase/rows.h"
#include "hbase/wire.h"

enum ps_hbase_durability {
    PS_HBASE_AS_TABLE = 0,
    PS_HBASE_SKIP_WAL = 1,
    PS_HBASE_SYNC_WAL = 3,
    PS_HBASE_FSYNC_WAL = 4
};

struct ps_hbase_mutation {
    bool is_delete;
    struct ps_bytes row;
    const struct ps_hbase_cell
        *cells;        /* `row` of a cell is not looked at; put: type PUT; delete: one of the others */
    size_t cell_count; /* 0 only for a delete: the whole row */
    enum ps_hbase_durability durability;
};

/* All of them, grouped by region and server, in calls with cell blocks. In the order given as far as they are of one
 * row. Not atomic: after an error some may have been carried out. Errors: those of a scan; INVALID_ARGUMENT
 * with the row. */
penstock_code ps_hbase_mutate(struct ps_hbase *client, const char *table,
                              const struct ps_hbase_mutation *mutations, size_t count,
                              struct penstock_error *error) PENSTOCK_MUST_USE;

/* Of the newest version of a column. */
struct ps_hbase_condition {
    struct ps_bytes row, family, qualifier;
    enum ps_hbase_comparison
        compare; /* of what is there with `value`; EQUAL of an empty value: nothing is there */
    struct ps_bytes value;
};
/* The mutations, all of the condition's row, are carried out together if it holds, or none of them.
 * Errors: UNAVAILABLE with the remedy ABORT when it is not known whether they were carried out: read, then decide. */
penstock_code ps_hbase_check_and_mutate(struct ps_hbase *client, const char *table,
                                        const struct ps_hbase_condition *condition,
                                        const struct ps_hbase_mutation *mutations, size_t count,
                                        bool *is_done_out, struct penstock_error *error) PENSTOCK_MUST_USE;

/* What became of an action, or of a region as a whole: of each the answer speaks once. */
struct ps_hbase_multi_result {
    size_t region_index, action_index; /* action_index SIZE_MAX: of the region */
    bool has_exception;
    bool is_processed;      /* of a region: its condition held */
    struct ps_bytes result; /* of an action: the Result, empty if it has none */
    struct ps_hbase_exception exception;
};
/* MultiResponse, told part by part. False when it is damaged. */
typedef void ps_hbase_multi_visit(const struct ps_hbase_multi_result *result, void *context);
bool ps_hbase_multi_parse(struct ps_bytes message, ps_hbase_multi_visit *visit, void *context);

#endif
