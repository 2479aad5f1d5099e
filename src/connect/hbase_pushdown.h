/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_pushdown.h - what HBase's servers leave out for a source: cells, row keys, times, and rows by their cells.
 *
 * Made once of what the statements need (job/use.h) and of scan.filter; then only read. DuckDB looks at all conditions
 * again, so what is pushed lets through at least every record that can count; scan.filter is pushed exactly, or
 * refused.
 *
 * A pass after the first one (is_first_pass) gives the cells that are new: its records lack the cells that were given
 * before, and which those are depends on what was read. So no condition on a cell is pushed there: a row key and a
 * range of times are the same for all of a row's cells, and go on leaving out what they can.
 */
#ifndef PS_CONNECT_HBASE_PUSHDOWN_H
#define PS_CONNECT_HBASE_PUSHDOWN_H

#include "connect/hbase_span.h"
#include "job/pushed.h"
#include "job/use.h"

struct ps_hbase_pushdown_request {
    const struct ps_hbase_mapping *mapping;
    const struct ps_source_statement *statement;
    const struct ps_source_use *use; /* NULL: everything is needed */
    const char *filter;              /* scan.filter, or NULL */
    int64_t versions;                /* scan.versions; INT32_MAX: all */
    bool is_snapshot, is_upsert;
    struct ps_hbase_filter base; /* a filter that is there anyway, and must stay the last one; or none */
};

/* For one kind of pass. */
struct ps_hbase_pushed_rows {
    struct ps_hbase_spans keys;
    struct ps_hbase_span around; /* all of them; no key can be in none */
    bool is_nothing;             /* no row can count */
    struct ps_hbase_filter filter;
    int64_t time_min, time_max; /* [min, max) */
};

struct ps_hbase_pushdown {
    const struct ps_hbase_column *columns;
    size_t column_count;
    struct ps_hbase_pushed_rows first, later;
    struct ps_pushed shown;
};

/* Errors: INVALID_PROJECT: scan.filter is wrong, or a part of it cannot be pushed; the message names it. */
penstock_code ps_hbase_pushdown_new(const struct ps_hbase_pushdown_request *request, struct ps_arena *arena,
                                    const struct ps_hbase_pushdown **pushdown_out,
                                    struct penstock_error *error) PENSTOCK_MUST_USE;
/* Narrows what is to be scanned. False: nothing in it can count, and it need not be scanned. */
bool ps_hbase_pushdown_apply(const struct ps_hbase_pushdown *pushdown, bool is_first_pass,
                             struct ps_hbase_range *range);

#endif
