/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_pushed_rows.h - what hbase_pushdown.c and hbase_pushed_rows.c share: a whole condition, translated.
 */
#ifndef PS_CONNECT_HBASE_PUSHED_ROWS_H
#define PS_CONNECT_HBASE_PUSHED_ROWS_H

#include "connect/hbase_pushdown.h"

/* A condition, or a part of it: a record passes only if its key is in `keys`, its time in [time_min, time_max), and its
 * row passes the filter. */
struct ps_hbase_rows_test {
    bool has_keys;
    struct ps_hbase_spans keys;
    struct ps_hbase_filter filter;
    int64_t time_min, time_max;
    const char *filter_text; /* what the filter says, as SQL */
    bool is_exact;
    const char *why; /* not NULL: it cannot be pushed at all */
};

struct ps_hbase_rows_translation {
    const struct ps_hbase_pushdown_request *request;
    const struct ps_predicate_list *list;
    bool is_first_pass;
    struct ps_arena *arena;
    struct ps_hbase_rows_test *tests; /* of each part of the list */
    struct ps_predicate_left *left;   /* parts that were not pushed */
    size_t left_count;
    struct penstock_error *error;
};

/* *test_out of the whole; of an empty list: everything passes. */
penstock_code ps_hbase_rows_translate(struct ps_hbase_rows_translation *translation,
                                      struct ps_hbase_rows_test *test_out) PENSTOCK_MUST_USE;

#endif
