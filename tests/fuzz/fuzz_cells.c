/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_cells.c - any bytes as cells of HBase, with values in many encodings and a row key of parts.
 *
 * Besides what holds for every format: a row key put together again of its values is the
 * row key; values whose bytes have one form are those bytes when they are written again; any record can be shown.
 */
#include "connect/hbase_mapping.h"
#include "data/render.h"
#include "decoding.h"

static struct ps_column_schema cells_columns[] = {
    {"s", "VARCHAR", PS_TYPE_VARCHAR, false},
    {"n", "INTEGER", PS_TYPE_INTEGER, false},
    {"at", "TIMESTAMP", PS_TYPE_TIMESTAMP, false},
    {"a", "INTEGER", PS_TYPE_INTEGER, false},
    {"b", "VARCHAR", PS_TYPE_VARCHAR, true},
    {"c", "DOUBLE", PS_TYPE_DOUBLE, false},
    {"d", "TIMESTAMP", PS_TYPE_TIMESTAMP, false},
    {"e", "BOOLEAN", PS_TYPE_BOOLEAN, false},
    {"g", "DECIMAL(18,3)", PS_TYPE_CAST, false},
    {"h", "BIGINT", PS_TYPE_BIGINT, false},
    {"i", "BIGINT", PS_TYPE_BIGINT, false},
    {"j", "VARCHAR", PS_TYPE_VARCHAR, false},
    {"k", "BLOB", PS_TYPE_BLOB, false},
    {"l", "INTEGER", PS_TYPE_INTEGER, false},
    {"m", "VARCHAR", PS_TYPE_VARCHAR, false},
    {"o", "TIMESTAMP", PS_TYPE_TIMESTAMP, false},
    {"p", "BIGINT", PS_TYPE_BIGINT, false},
    {"q", "DOUBLE", PS_TYPE_DOUBLE, false},
    {"r", "BLOB", PS_TYPE_BLOB, false},
    {"t", "SMALLINT", PS_TYPE_SMALLINT, false},
};
static const struct ps_schema cells_schema = {cells_columns, sizeof cells_columns / sizeof cells_columns[0]};

static const struct ps_hbase_mapping_words words = {
    .rowkey = "s \"|\" n:4:text at:8:reversed",
    .family = "f",
    .mapping =
        "h ordered, i numeric_desc, j ordered_desc, k ordered, l json, m json, o f:a@timestamp, p :timestamp, "
        "q numeric, r blob_last_desc, t text, d g:d seconds",
};

/* The value as SQL writes it; data NULL: NULL. */
static struct ps_bytes text_of(const struct ps_batch *batch, size_t column, int64_t row,
                               struct ps_buffer *out) {
    const struct ps_column *const from = &batch->columns[column];
    if (from->is_valid != NULL && !from->is_valid[row]) {
        return (struct ps_bytes){NULL, 0};
    }
    ps_buffer_clear(out);
    switch (from->type) {
    case PS_TYPE_SMALLINT: ps_render_integer(out, ((const int16_t *)from->values)[row]); break;
    case PS_TYPE_INTEGER: ps_render_integer(out, ((const int32_t *)from->values)[row]); break;
    case PS_TYPE_BIGINT: ps_render_integer(out, ((const int64_t *)from->values)[row]); break;
    case PS_TYPE_TIMESTAMP: ps_render_timestamp(out, ((const int64_t *)from->values)[row], ""); break;
    case PS_TYPE_VARCHAR:
    case PS_TYPE_BLOB: {
        const struct ps_bytes text = ((const struct ps_bytes *)from->values)[row];
        ps_buffer_text(out, "");
        ps_buffer_add(out, text.size == 0 ? "" : text.data, text.size);
        break;
    }
    case PS_TYPE_BOOLEAN:
    case PS_TYPE_TINYINT:
    case PS_TYPE_FLOAT:
    case PS_TYPE_DOUBLE:
    case PS_TYPE_DATE:
    case PS_TYPE_CAST: break;
    }
    return (struct ps_bytes){out->data == NULL ? "" : out->data, out->size};
}

/* Years above 9999 and before 1 are no texts that are read. */
static bool is_of_calendar(const struct ps_batch *batch, size_t column, int64_t row) {
    const int64_t micros = ((const int64_t *)batch->columns[column].values)[row];
    return batch->columns[column].type != PS_TYPE_TIMESTAMP ||
           (micros >= -INT64_C(62135596800000000) && micros < INT64_C(253402300800000000));
}

/* The newest cell of the column in the record, if it has no deletions. */
static bool find_value(struct ps_bytes raw, const struct ps_hbase_column *column,
                       struct ps_bytes *value_out) {
    struct ps_hbase_cell_reader reader = ps_hbase_cell_begin(raw);
    struct ps_hbase_cell cell;
    bool is_found = false;
    while (ps_hbase_cell_next(&reader, &cell)) {
        if (cell.type >= PS_HBASE_CELL_DELETE && cell.type <= PS_HBASE_CELL_DELETE_FAMILY) {
            return false;
        }
        if (!is_found && ps_bytes_equal(cell.family, column->family) &&
            ps_bytes_equal(cell.qualifier, column->qualifier)) {
            *value_out = cell.value;
            is_found = true;
        }
    }
    return is_found;
}

static void check_values(const struct ps_hbase_mapping *mapping, const struct ps_batch *batch, int64_t row) {
    struct ps_buffer text, bytes;
    struct penstock_error error;
    ps_buffer_init(&text, FUZZ_SIZE_MAX * 2);
    ps_buffer_init(&bytes, FUZZ_SIZE_MAX * 2);
    for (size_t i = 0; i < mapping->field_count; i++) {
        const struct ps_hbase_field *const field = &mapping->fields[i];
        struct ps_bytes value;
        const struct ps_bytes shown = text_of(batch, i, row, &text);
        if (field->place == PS_HBASE_IN_CELL && shown.data != NULL && is_of_calendar(batch, i, row) &&
            ps_hbase_encoding_is_unique(field->encoding, mapping->schema->columns[i].type) &&
            find_value(batch->records[row].raw, &mapping->cells[field->cell], &value)) {
            ps_buffer_clear(&bytes);
            ps_check(ps_hbase_value_encode(mapping, field, shown, &bytes, &error) == PENSTOCK_OK);
            ps_check(ps_bytes_equal((struct ps_bytes){bytes.data, bytes.size}, value));
        }
    }
    ps_buffer_done(&text);
    ps_buffer_done(&bytes);
}

static void check_key(const struct ps_hbase_mapping *mapping, const struct ps_batch *batch, int64_t row) {
    struct ps_buffer texts[3], key;
    struct ps_bytes values[sizeof cells_columns / sizeof cells_columns[0]] = {{NULL, 0}};
    struct penstock_error error;
    ps_buffer_init(&key, FUZZ_SIZE_MAX * 2);
    for (size_t i = 0; i < 3; i++) {
        ps_buffer_init(&texts[i], FUZZ_SIZE_MAX * 2);
        values[i] = text_of(batch, i, row, &texts[i]);
    }
    if (is_of_calendar(batch, 2, row)) {
        struct ps_hbase_cell_reader reader = ps_hbase_cell_begin(batch->records[row].raw);
        struct ps_hbase_cell cell;
        ps_check(ps_hbase_cell_next(&reader, &cell));
        ps_check(ps_hbase_key_encode(mapping, values, &key, &error) == PENSTOCK_OK);
        ps_check(ps_bytes_equal((struct ps_bytes){key.data, key.size}, cell.row));
    }
    for (size_t i = 0; i < 3; i++) {
        ps_buffer_done(&texts[i]);
    }
    ps_buffer_done(&key);
}

/* Every byte of every value. */
static uint64_t digest_of(const struct ps_batch *batch, int64_t row) {
    uint64_t digest = 0;
    for (size_t i = 0; i < batch->schema->column_count; i++) {
        const struct ps_column *const column = &batch->columns[i];
        const bool is_valid = column->is_valid == NULL || column->is_valid[row] != 0;
        const size_t size = ps_type_size(column->type);
        const struct ps_bytes *const text = (const struct ps_bytes *)column->values + row;
        size_t bad;
        ps_check(is_valid || !batch->schema->columns[i].not_null);
        if (size == sizeof *text) {
            ps_check(column->type == PS_TYPE_BLOB || ps_bytes_is_utf8(*text, &bad));
            digest = ps_hash(text->data == NULL ? "" : text->data, text->size, digest + is_valid);
        } else {
            digest = ps_hash((const char *)column->values + (size_t)row * size, size, digest + is_valid);
        }
    }
    return digest;
}

static void check_shown(struct ps_bytes raw) {
    struct ps_buffer out;
    ps_buffer_init(&out, FUZZ_SIZE_MAX * 64);
    ps_codec_cells.print(raw, &out);
    ps_check(!out.failed && (out.size > 0 || raw.size == 0));
    ps_buffer_done(&out);
}

/* The record alone comes to the same. */
static void check_alone(const struct ps_hbase_mapping *mapping, const struct ps_batch *batch) {
    for (int64_t row = 0; row < batch->row_count && row < 8; row++) {
        struct ps_batch *const alone =
            fuzz_decode(&ps_codec_cells, mapping, batch->schema, PS_BYTES(""), batch->records[row].raw, true);
        ps_check(alone->row_count == 1 && digest_of(alone, 0) == digest_of(batch, row));
        ps_batch_free(alone);
    }
    for (size_t i = 0; i < batch->dead_letter_count && i < 8; i++) {
        const struct ps_dead_letter *const letter = &batch->dead_letters[i];
        struct ps_batch *const alone =
            fuzz_decode(&ps_codec_cells, mapping, batch->schema, PS_BYTES(""), letter->raw, true);
        ps_check(alone->dead_letter_count == 1 && strcmp(alone->dead_letters[0].text, letter->text) == 0);
        ps_batch_free(alone);
    }
}

static void fuzz_one(const char *data, size_t size) {
    struct ps_arena *const arena = ps_arena_new(0);
    struct ps_hbase_mapping *mapping = NULL;
    struct penstock_error error = {0};
    const struct ps_bytes block = {data, size};
    ps_check(ps_hbase_mapping_new(&words, &cells_schema, false, arena, &mapping, &error) == PENSTOCK_OK);
    fuzz_check_frames(&ps_codec_cells, mapping, block);
    struct ps_batch *const batch =
        fuzz_decode(&ps_codec_cells, mapping, &cells_schema, PS_BYTES(""), block, false);
    fuzz_lose_record(batch);
    fuzz_check_records(batch, block);
    for (int64_t row = 0; row < batch->row_count; row++) {
        check_key(mapping, batch, row);
        check_values(mapping, batch, row);
    }
    check_alone(mapping, batch);
    check_shown(block);
    ps_batch_free(batch);
    ps_arena_free(arena);
}
