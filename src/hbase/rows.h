/* SPDX-License-Identifier: Apache-2.0
 *
 * rows.h - what is asked of a scanner and what it answers: ScanRequest and ScanResponse, without any patience.
 *
 * An answer is a number of whole rows: how many cells each has, and the cells in a block behind the message. Rows are
 * never cut (client_handles_partials is not set), so that the last row of an answer is complete.
 */
#ifndef PS_HBASE_ROWS_H
#define PS_HBASE_ROWS_H

#include "hbase/cell.h"

/* A family, or one column of it. */
struct ps_hbase_column {
    struct ps_bytes family, qualifier;
    bool is_family; /* all of it: qualifier is not looked at */
};

/* What to read of one region. */
struct ps_hbase_range {
    struct ps_bytes start_row, stop_row; /* empty: from the first, to the last */
    bool start_is_exclusive, stop_is_inclusive, is_reversed;
    const struct ps_hbase_column *columns; /* none: all */
    size_t column_count;
    int64_t time_min, time_max;   /* [min, max) in ms; both 0: any */
    int64_t versions;             /* 0: one */
    int64_t result_size_max;      /* bytes of an answer; 0: 2 MiB */
    struct ps_bytes filter_class; /* a filter of the server: its Java class, */
    struct ps_bytes filter;       /* and its Protobuf form */
};
/* Opens a scanner in the region. is_single: it is closed with this answer. */
void ps_hbase_add_scan_open(struct ps_buffer *out, struct ps_bytes region_name,
                            const struct ps_hbase_range *range, int64_t row_count, bool is_single);
void ps_hbase_add_scan_next(struct ps_buffer *out, uint64_t scanner_id, int64_t call_sequence,
                            int64_t row_count);
void ps_hbase_add_scan_close(struct ps_buffer *out, uint64_t scanner_id);
/* The columns and the time range as Get has them too: Column{family, qualifier*}, TimeRange{from, to}. */
void ps_hbase_add_columns(struct ps_buffer *out, uint32_t field, const struct ps_hbase_column *columns,
                          size_t count);
void ps_hbase_add_time_range(struct ps_buffer *out, uint32_t field, int64_t time_min, int64_t time_max);

struct ps_hbase_row {
    struct ps_bytes key;
    const struct ps_hbase_cell *cells; /* by family and qualifier, newest version first */
    size_t cell_count;                 /* 0: there is no further row */
};

struct ps_hbase_rows {
    uint64_t scanner_id;
    bool has_more, has_more_in_region, is_heartbeat;
    size_t row_count, row_index;
    uint32_t *counts; /* cells of each row */
    size_t count_capacity;
    struct ps_hbase_cell_reader reader;
    struct ps_hbase_cell *cells; /* of the current row */
    size_t cell_capacity;
};
void ps_hbase_rows_done(struct ps_hbase_rows *rows);
/* Views of `message` and `block`, which must live as long. Memory is kept from answer to answer. Errors:
 * INVALID_DATA. */
penstock_code ps_hbase_rows_parse(struct ps_hbase_rows *rows, struct ps_bytes message, struct ps_bytes block,
                                  struct penstock_error *error) PENSTOCK_MUST_USE;
/* The next row; one of no cells at the end of the answer. Errors: INVALID_DATA. */
penstock_code ps_hbase_rows_next(struct ps_hbase_rows *rows, struct ps_hbase_row *row_out,
                                 struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
