/* SPDX-License-Identifier: Apache-2.0
 *
 * rows.c - ScanRequest, ScanResponse (Client.proto of 2.6).
 */
#include "hbase/rows.h"

#include "hbase/wire.h"

#define MESSAGE_SIZE_MAX ((size_t)16 << 20)
#define RESULT_SIZE_MAX_DEFAULT ((int64_t)2 << 20)
#define READ_TYPE_STREAM 1

void ps_hbase_add_columns(struct ps_buffer *out, uint32_t field, const struct ps_hbase_column *columns,
                          size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct ps_buffer column PS_SCOPED(ps_buffer_done) = {.data = NULL};
        ps_buffer_init(&column, MESSAGE_SIZE_MAX);
        ps_proto_add_bytes(&column, 1, columns[i].family.data, columns[i].family.size);
        if (!columns[i].is_family) {
            ps_proto_add_bytes(&column, 2, columns[i].qualifier.data, columns[i].qualifier.size);
        }
        ps_proto_add_message(out, field, &column);
    }
}

void ps_hbase_add_time_range(struct ps_buffer *out, uint32_t field, int64_t time_min, int64_t time_max) {
    if (time_min != 0 || time_max != 0) {
        struct ps_buffer range PS_SCOPED(ps_buffer_done) = {.data = NULL};
        ps_buffer_init(&range, MESSAGE_SIZE_MAX);
        ps_proto_add_integer(&range, 1, time_min);
        ps_proto_add_integer(&range, 2, time_max);
        ps_proto_add_message(out, field, &range);
    }
}

static void add_scan(struct ps_buffer *out, const struct ps_hbase_range *range, int64_t row_count) {
    struct ps_buffer scan PS_SCOPED(ps_buffer_done) = {.data = NULL};
    ps_buffer_init(&scan, MESSAGE_SIZE_MAX);
    ps_hbase_add_columns(&scan, 1, range->columns, range->column_count);
    ps_proto_add_bytes(&scan, 3, range->start_row.data, range->start_row.size);
    ps_proto_add_bytes(&scan, 4, range->stop_row.data, range->stop_row.size);
    if (range->filter_class.size > 0) {
        struct ps_buffer filter PS_SCOPED(ps_buffer_done) = {.data = NULL};
        ps_buffer_init(&filter, MESSAGE_SIZE_MAX);
        ps_proto_add_bytes(&filter, 1, range->filter_class.data, range->filter_class.size);
        ps_proto_add_bytes(&filter, 2, range->filter.data, range->filter.size);
        ps_proto_add_message(&scan, 5, &filter);
    }
    ps_hbase_add_time_range(&scan, 6, range->time_min, range->time_max);
    ps_proto_add_integer(&scan, 7, range->versions > 0 ? range->versions : 1);
    ps_proto_add_integer(&scan, 8, 0); /* a scan must not push what others use out of the server's cache */
    ps_proto_add_integer(&scan, 10,
                         range->result_size_max > 0 ? range->result_size_max : RESULT_SIZE_MAX_DEFAULT);
    if (range->is_reversed) {
        ps_proto_add_integer(&scan, 15, 1);
    }
    ps_proto_add_integer(&scan, 17, row_count);
    ps_proto_add_integer(&scan, 21, range->start_is_exclusive ? 0 : 1);
    ps_proto_add_integer(&scan, 22, range->stop_is_inclusive ? 1 : 0);
    if (!range->is_reversed) {
        ps_proto_add_integer(&scan, 23, READ_TYPE_STREAM);
    }
    ps_proto_add_message(out, 2, &scan);
}

/* Rows are whole, and an answer without rows may be a sign of life. */
static void add_abilities(struct ps_buffer *out) {
    ps_proto_add_integer(out, 7, 0);
    ps_proto_add_integer(out, 8, 1);
}

void ps_hbase_add_scan_open(struct ps_buffer *out, struct ps_bytes region_name,
                            const struct ps_hbase_range *range, int64_t row_count, bool is_single) {
    ps_hbase_add_region_specifier(out, 1, region_name);
    add_scan(out, range, row_count);
    ps_proto_add_integer(out, 4, row_count);
    ps_proto_add_integer(out, 5, is_single ? 1 : 0);
    add_abilities(out);
}

void ps_hbase_add_scan_next(struct ps_buffer *out, uint64_t scanner_id, int64_t call_sequence,
                            int64_t row_count) {
    ps_proto_add_integer(out, 3, (int64_t)scanner_id);
    ps_proto_add_integer(out, 4, row_count);
    ps_proto_add_integer(out, 5, 0);
    ps_proto_add_integer(out, 6, call_sequence);
    add_abilities(out);
}

void ps_hbase_add_scan_close(struct ps_buffer *out, uint64_t scanner_id) {
    ps_proto_add_integer(out, 3, (int64_t)scanner_id);
    ps_proto_add_integer(out, 4, 0);
    ps_proto_add_integer(out, 5, 1);
}

void ps_hbase_rows_done(struct ps_hbase_rows *rows) {
    ps_release(rows->counts);
    ps_release(rows->cells);
    *rows = (struct ps_hbase_rows){.counts = NULL};
}

static penstock_code damaged(struct penstock_error *error, const char *words) {
    return ps_error_set(error, PENSTOCK_INVALID_DATA, "HBase answers a scan with what cannot be read: %s",
                        words);
}

static penstock_code add_count(struct ps_hbase_rows *rows, uint64_t count, struct penstock_error *error) {
    if (count == 0 || count > UINT32_MAX) {
        return damaged(error, "a row of no or too many cells");
    }
    void *counts = rows->counts;
    PS_TRY(ps_grow(&counts, &rows->count_capacity, rows->row_count + 1, sizeof *rows->counts, error));
    rows->counts = counts;
    rows->counts[rows->row_count++] = (uint32_t)count;
    return PENSTOCK_OK;
}

static penstock_code take_field(struct ps_hbase_rows *rows, const struct ps_proto_field *field,
                                bool *says_more, struct penstock_error *error) {
    switch (field->number) {
    case 1: {
        if (field->wire == PS_PROTO_VARINT) {
            return add_count(rows, field->value, error);
        }
        struct ps_proto_reader packed = ps_proto_begin(field->bytes);
        uint64_t count;
        while (ps_proto_next_packed(&packed, &count)) {
            PS_TRY(add_count(rows, count, error));
        }
        return packed.is_damaged ? damaged(error, "its counts of cells") : PENSTOCK_OK;
    }
    case 2: rows->scanner_id = field->value; return PENSTOCK_OK;
    case 3: rows->has_more = field->value != 0; return PENSTOCK_OK;
    case 5: return damaged(error, "its rows are not in a cell block");
    case 7:
        return field->wire == PS_PROTO_VARINT && field->value != 0 ? damaged(error, "a part of a row")
                                                                   : PENSTOCK_OK;
    case 8:
        rows->has_more_in_region = field->value != 0;
        *says_more = true;
        return PENSTOCK_OK;
    case 9: rows->is_heartbeat = field->value != 0; return PENSTOCK_OK;
    default: return PENSTOCK_OK;
    }
}

penstock_code ps_hbase_rows_parse(struct ps_hbase_rows *rows, struct ps_bytes message, struct ps_bytes block,
                                  struct penstock_error *error) {
    struct ps_proto_reader reader = ps_proto_begin(message);
    struct ps_proto_field field;
    bool says_more = false;
    rows->row_count = rows->row_index = 0;
    rows->scanner_id = 0;
    rows->has_more = true;
    rows->is_heartbeat = false;
    while (ps_proto_next(&reader, &field)) {
        PS_TRY(take_field(rows, &field, &says_more, error));
    }
    if (reader.is_damaged) {
        return damaged(error, "its message");
    }
    if (!says_more) {
        rows->has_more_in_region = rows->row_count > 0;
    }
    if (rows->row_count == 0 && block.size > 0) {
        return damaged(error, "cells of no row");
    }
    rows->reader = ps_hbase_cell_begin(block);
    return PENSTOCK_OK;
}

penstock_code ps_hbase_rows_next(struct ps_hbase_rows *rows, struct ps_hbase_row *row_out,
                                 struct penstock_error *error) {
    *row_out = (struct ps_hbase_row){.cell_count = 0};
    if (rows->row_index == rows->row_count) {
        return rows->reader.at == rows->reader.end ? PENSTOCK_OK
                                                   : damaged(error, "cells behind the last row");
    }
    const size_t count = rows->counts[rows->row_index];
    for (size_t i = 0; i < count; i++) {
        if (i == rows->cell_capacity) { /* grows with the cells that are there, not with what is claimed */
            void *cells = rows->cells;
            PS_TRY(ps_grow(&cells, &rows->cell_capacity, i + 1, sizeof *rows->cells, error));
            rows->cells = cells;
        }
        struct ps_hbase_cell *const cell = &rows->cells[i];
        if (!ps_hbase_cell_next(&rows->reader, cell)) {
            return damaged(error, rows->reader.is_damaged ? "a cell" : "there are fewer cells than it says");
        }
        const struct ps_bytes row = rows->cells[0].row;
        if (cell->row.size == 0 ||
            (i > 0 && (cell->row.size != row.size || !ps_bytes_same(cell->row.data, row.data, row.size)))) {
            return damaged(error, "cells of two rows in one");
        }
    }
    rows->row_index++;
    *row_out = (struct ps_hbase_row){.key = rows->cells[0].row, .cells = rows->cells, .cell_count = count};
    return PENSTOCK_OK;
}
