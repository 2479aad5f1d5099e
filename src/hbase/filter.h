/* SPDX-License-Identifier: Apache-2.0
 *
 * filter.h - filters that run on HBase's servers, in their Protobuf form: rows that do not pass are not sent.
 *
 * Only those that cannot fail on a cell of an unexpected length are here: values and keys are compared byte by byte,
 * and what the bytes mean is the caller's. A filter on a column needs that column among those that are scanned.
 */
#ifndef PS_HBASE_FILTER_H
#define PS_HBASE_FILTER_H

#include "hbase/rows.h"

/* The Java class and its message; class_name NULL: no filter. */
struct ps_hbase_filter {
    const char *class_name;
    struct ps_bytes body;
};

/* Bytes from low to high. */
struct ps_hbase_span {
    struct ps_bytes low, high;
    bool low_is_open; /* low itself is not in it */
    bool has_high;    /* else there is no end, */
    bool high_is_in;  /* and high itself is in it */
};

/* All of it in the arena. Errors: OUT_OF_MEMORY. */
/* Rows whose newest cell of the column compares so with `value`; rows without the cell do not pass. */
penstock_code ps_hbase_filter_cell(const struct ps_hbase_column *column, enum ps_hbase_comparison compare,
                                   struct ps_bytes value, struct ps_arena *arena,
                                   struct ps_hbase_filter *filter_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* Rows that have no such cell. */
penstock_code ps_hbase_filter_absent(const struct ps_hbase_column *column, struct ps_arena *arena,
                                     struct ps_hbase_filter *filter_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* Rows whose key compares so. */
penstock_code ps_hbase_filter_row(enum ps_hbase_comparison compare, struct ps_bytes key,
                                  struct ps_arena *arena, struct ps_hbase_filter *filter_out,
                                  struct penstock_error *error) PENSTOCK_MUST_USE;
/* All of the filters, or one of them; of one filter: that. */
penstock_code ps_hbase_filter_list(bool is_all, const struct ps_hbase_filter *filters, size_t count,
                                   struct ps_arena *arena, struct ps_hbase_filter *filter_out,
                                   struct penstock_error *error) PENSTOCK_MUST_USE;
/* Keys in one of the spans; the server jumps over what lies between. */
penstock_code ps_hbase_filter_spans(const struct ps_hbase_span *spans, size_t count, struct ps_arena *arena,
                                    struct ps_hbase_filter *filter_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

#endif
