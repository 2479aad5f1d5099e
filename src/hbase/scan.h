/* SPDX-License-Identifier: Apache-2.0
 *
 * scan.h - the rows of a table, or of a range of its keys, in order, each once.
 *
 * As soon as an answer has said what is in it, while its cells still arrive, the next is asked for. Regions are read
 * one after the other; the first answers of the next one, 32 MiB at most, are fetched meanwhile (not if row_count_max,
 * waits_for_caller or is_one_of_many is set). A region that was split, merged or moved, a scanner that the server lost,
 * a server that was killed: the scan goes on behind the last row of the last whole answer, so that no row is lost or
 * comes twice.
 * Rows are atomic, a scan as a whole is not: what is written meanwhile may be seen or not, as with every client.
 *
 *   PS_TRY(ps_hbase_scan_open(client, &options, &scan, error));
 *   for (;;) {
 *       PS_TRY(ps_hbase_scan_next(scan, &row, error));
 *       if (row.cell_count == 0) break;
 *       ...
 *   }
 */
#ifndef PS_HBASE_SCAN_H
#define PS_HBASE_SCAN_H

#include "hbase/client.h"
#include "hbase/rows.h"

struct ps_hbase_scan_options {
    const char *table;           /* as of ps_hbase_table_name() */
    struct ps_hbase_range range; /* views; must live as long as the scan. is_reversed is not allowed */
    int64_t caching;             /* rows of one answer; 0: as many as fit into 4 MiB */
    int64_t row_count_max;       /* 0: all */
    bool waits_for_caller;       /* the next answer is asked for only when it is needed */
    bool is_one_of_many;         /* other regions are read by other scans: the one behind is not begun */
    bool is_empty;               /* it is known that there is no such row: nobody is asked */
};

struct ps_hbase_scan;
/* Does not read yet. Errors: INVALID_ARGUMENT. */
penstock_code ps_hbase_scan_open(struct ps_hbase *client, const struct ps_hbase_scan_options *options,
                                 struct ps_hbase_scan **scan_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* Sends the first request now, which the first call of ps_hbase_scan_next() does else: the servers of several scans
 * then work at once. False: it was not sent; why is found, and said, by that call. */
bool ps_hbase_scan_begin(struct ps_hbase_scan *scan);
/* The next row: views that hold until the next call. One of no cells at the end. After an error: close it.
 * Errors: NOT_FOUND (no such table), INVALID_ARGUMENT (a family), UNAVAILABLE, INVALID_DATA, CANCELLED. */
penstock_code ps_hbase_scan_next(struct ps_hbase_scan *scan, struct ps_hbase_row *row_out,
                                 struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_hbase_scan_close(struct ps_hbase_scan *scan);
void ps_hbase_scan_close_scoped(struct ps_hbase_scan **scan);

#endif
