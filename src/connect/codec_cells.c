/* SPDX-License-Identifier: Apache-2.0
 *
 * codec_cells.c - a row of HBase, as the cells that a scan answers, to a row of columns.
 *
 * A record is the cells of one row in a cell block. They are sorted by family and qualifier, and so are the cells of
 * the mapping: one walk over both finds every value, without a look-up and without memory of its own; a block in
 * another order is searched. Of the versions of a column, newest first, the first that no mark of deletion hides is
 * the value.
 */
#include "base/check.h"
#include "base/limits.h"
#include "connect/hbase_key.h"
#include "data/value.h"

/* Bytes of a row key, and of a family and qualifier, that a sentence shows. */
#define SHOWN_KEY_SIZE_MAX 40
/* Deletions of whole families in one record that are heeded; more make it a dead letter. */
#define FAMILY_MARK_COUNT_MAX 1024

/* What is known of a column of the row. */
struct progress {
    bool is_done;    /* it has its value, or has none */
    bool has_mark;   /* one version is deleted: */
    int64_t mark_at; /* that of this timestamp */
};

/* A deletion of a family: up to a timestamp, or of just that one. */
struct family_mark {
    struct ps_bytes family;
    int64_t at;
    bool is_version;
};

/* A cell of the mapping as it stands on the wire: family and qualifier behind each other. */
struct name {
    const char *bytes;
    size_t family_size, qualifier_size;
};

struct cells_decoder {
    const struct ps_hbase_mapping *mapping;
    struct name *names; /* per cell of the mapping */
    char *name_bytes;
    size_t *plain_sizes;       /* per field: bytes of a value that only has to be turned round, or 0 */
    struct progress *progress; /* per cell of the mapping */
    struct ps_bytes *pieces;   /* per part of the row key */
    size_t *key_fields;        /* those that are filled from the row key */
    size_t key_field_count;
    struct family_mark *marks;
    size_t mark_count, mark_capacity;
    struct ps_buffer scratch, sentence;
    char *json_memory;
};

/* The record at hand. */
struct reading {
    struct cells_decoder *decoder;
    struct ps_batch *batch;
    struct ps_record record;
    struct ps_bytes row;
    int64_t newest;
    size_t next;     /* cell of the mapping that is likely to come: behind the one that came */
    bool is_refused; /* it has become a dead letter */
    struct penstock_error *error;
};

/* --- open and close ---------------------------------------------------------------------------------------------- */

static void cells_close(void *state) {
    struct cells_decoder *const decoder = state;
    if (decoder == NULL) {
        return;
    }
    ps_release(decoder->names);
    ps_release(decoder->name_bytes);
    ps_release(decoder->plain_sizes);
    ps_release(decoder->progress);
    ps_release(decoder->pieces);
    ps_release(decoder->key_fields);
    ps_release(decoder->marks);
    ps_release(decoder->json_memory);
    ps_buffer_done(&decoder->scratch);
    ps_buffer_done(&decoder->sentence);
    ps_release(decoder);
}

static void cells_close_scoped(struct cells_decoder **decoder) {
    cells_close(*decoder);
}

static penstock_code name_cells(struct cells_decoder *decoder, struct penstock_error *error) {
    const struct ps_hbase_mapping *const mapping = decoder->mapping;
    size_t size = 1, at = 0;
    for (size_t i = 0; i < mapping->cell_count; i++) {
        size += mapping->cells[i].family.size + mapping->cells[i].qualifier.size;
    }
    decoder->names = ps_allocate(mapping->cell_count + 1, sizeof *decoder->names);
    decoder->name_bytes = ps_allocate(size, 1);
    if (decoder->names == NULL || decoder->name_bytes == NULL) {
        return ps_error_memory(error, "a decoder of cells");
    }
    for (size_t i = 0; i < mapping->cell_count; i++) {
        const struct ps_hbase_column *const cell = &mapping->cells[i];
        decoder->names[i] = (struct name){decoder->name_bytes + at, cell->family.size, cell->qualifier.size};
        memcpy(decoder->name_bytes + at, cell->family.data, cell->family.size);
        memcpy(decoder->name_bytes + at + cell->family.size, cell->qualifier.data, cell->qualifier.size);
        at += cell->family.size + cell->qualifier.size;
    }
    return PENSTOCK_OK;
}

/* Of a number that the column holds as HBase does, but the other way round. */
static size_t plain_size(const struct ps_hbase_field *field, enum ps_type type) {
    const bool is_plain = (type == PS_TYPE_BIGINT && field->encoding == PS_HBASE_AS_LONG) ||
                          (type == PS_TYPE_DOUBLE && field->encoding == PS_HBASE_AS_DOUBLE) ||
                          (type == PS_TYPE_INTEGER && field->encoding == PS_HBASE_AS_INT) ||
                          (type == PS_TYPE_FLOAT && field->encoding == PS_HBASE_AS_FLOAT);
    return is_plain && field->place == PS_HBASE_IN_CELL ? ps_type_size(type) : 0;
}

static penstock_code cells_open(const void *config, const struct ps_schema *schema, struct ps_bytes header,
                                void **state_out, struct penstock_error *error) {
    (void)header;
    const struct ps_hbase_mapping *const mapping = config;
    ps_check(schema->column_count == mapping->field_count);
    struct cells_decoder *decoder PS_SCOPED(cells_close_scoped) = ps_allocate(1, sizeof *decoder);
    if (decoder == NULL) {
        return ps_error_memory(error, "a decoder of cells");
    }
    decoder->mapping = mapping;
    ps_buffer_init(&decoder->scratch, 2 * PS_LIMIT_RECORD_SIZE);
    ps_buffer_init(&decoder->sentence, 4096);
    decoder->progress = ps_allocate(mapping->cell_count + 1, sizeof *decoder->progress);
    decoder->pieces = ps_allocate(mapping->part_count + 1, sizeof *decoder->pieces);
    decoder->key_fields = ps_allocate(mapping->field_count + 1, sizeof *decoder->key_fields);
    decoder->plain_sizes = ps_allocate(mapping->field_count + 1, sizeof *decoder->plain_sizes);
    if (decoder->progress == NULL || decoder->pieces == NULL || decoder->key_fields == NULL ||
        decoder->plain_sizes == NULL) {
        return ps_error_memory(error, "a decoder of cells");
    }
    PS_TRY(name_cells(decoder, error));
    bool has_json = false;
    for (size_t i = 0; i < mapping->field_count; i++) {
        const struct ps_hbase_field *const field = &mapping->fields[i];
        has_json = has_json || field->encoding == PS_HBASE_AS_JSON;
        decoder->plain_sizes[i] = plain_size(field, schema->columns[i].type);
        if (field->place == PS_HBASE_IN_KEY || field->place == PS_HBASE_IN_KEY_PART) {
            decoder->key_fields[decoder->key_field_count++] = i;
        }
    }
    decoder->json_memory = has_json ? ps_reallocate(NULL, PS_HBASE_JSON_MEMORY_SIZE, 1) : NULL;
    *state_out = ps_take(decoder);
    return PENSTOCK_OK;
}

/* --- dead letters ------------------------------------------------------------------------------------------------ */

static void show(struct ps_buffer *out, struct ps_bytes bytes) {
    ps_hbase_show(out, (struct ps_bytes){bytes.data,
                                         bytes.size < SHOWN_KEY_SIZE_MAX ? bytes.size : SHOWN_KEY_SIZE_MAX});
    ps_buffer_text(out, bytes.size > SHOWN_KEY_SIZE_MAX ? "..." : "");
}

static void show_column(struct ps_buffer *out, struct ps_bytes family, struct ps_bytes qualifier) {
    show(out, family);
    ps_buffer_text(out, ":");
    show(out, qualifier);
}

static void show_row(struct ps_buffer *out, const char *before, struct ps_bytes row) {
    ps_buffer_printf(out, "%srow '", before);
    show(out, row);
    ps_buffer_text(out, "'");
}

static penstock_code refuse(struct reading *reading, enum ps_reason reason, const char *column) {
    const struct ps_buffer *const sentence = &reading->decoder->sentence;
    reading->is_refused = true;
    PS_TRY(ps_buffer_status(sentence, reading->error));
    return ps_batch_add_dead_letter(reading->batch, reading->record, reason, column, reading->error, "%s",
                                    sentence->data);
}

/* Begins the sentence about a column: "column speed: cell f:speed of row 'r1' at 1700000000000 ". */
static struct ps_buffer *begin_sentence(const struct reading *reading, const struct ps_hbase_field *field,
                                        const struct ps_hbase_cell *cell) {
    const struct ps_hbase_mapping *const mapping = reading->decoder->mapping;
    struct ps_buffer *const out = &reading->decoder->sentence;
    ps_buffer_clear(out);
    ps_buffer_printf(out, "column %.64s: ", mapping->schema->columns[field->column].name);
    if (cell != NULL) {
        ps_buffer_text(out, "cell ");
        show_column(out, cell->family, cell->qualifier);
        show_row(out, " of ", reading->row);
        ps_buffer_printf(out, " at %lld ", (long long)cell->timestamp);
        return out;
    }
    if (field->place == PS_HBASE_IN_KEY_PART) {
        ps_buffer_text(out, "its part of ");
    }
    show_row(out, "", reading->row);
    ps_buffer_text(out, " ");
    return out;
}

static penstock_code refuse_misfit(struct reading *reading, const struct ps_hbase_field *field,
                                   const struct ps_hbase_cell *cell, enum ps_hbase_fit fit,
                                   struct ps_bytes bytes) {
    const struct ps_column_schema *const column = &reading->decoder->mapping->schema->columns[field->column];
    struct ps_buffer *const out = begin_sentence(reading, field, cell);
    if (fit == PS_HBASE_FITS_NULL) {
        const bool is_deleted = cell != NULL && cell->type == PS_HBASE_CELL_DELETE_COLUMN;
        ps_buffer_printf(out, "is %s, expected %s NOT NULL", is_deleted ? "deleted" : "null",
                         column->type_text);
        return refuse(reading, PS_REASON_NULL, column->name);
    }
    ps_hbase_explain_misfit(out, fit, field->encoding, column, bytes);
    return refuse(reading, ps_hbase_reason_of(fit), column->name);
}

static penstock_code refuse_block(struct reading *reading, size_t at, const char *why) {
    struct ps_buffer *const out = &reading->decoder->sentence;
    ps_buffer_clear(out);
    if (reading->row.data != NULL) {
        show_row(out, "", reading->row);
        ps_buffer_text(out, ": ");
    }
    ps_buffer_printf(out, "byte %zu of the record: %s", at, why);
    return refuse(reading, PS_REASON_SYNTAX, NULL);
}

/* --- values ------------------------------------------------------------------------------------------------------ */

static struct ps_hbase_slot slot_of(const struct reading *reading, size_t column) {
    const struct ps_batch *const batch = reading->batch;
    return (struct ps_hbase_slot){.column = &reading->decoder->mapping->schema->columns[column],
                                  .values = batch->columns[column].values,
                                  .row = batch->row_count,
                                  .arena = batch->arena,
                                  .scratch = &reading->decoder->scratch,
                                  .json_memory = reading->decoder->json_memory};
}

/* What became of a value: nothing more, a NULL, or a dead letter. */
static penstock_code settle(struct reading *reading, const struct ps_hbase_field *field,
                            const struct ps_hbase_cell *cell, enum ps_hbase_fit fit, struct ps_bytes bytes) {
    if (fit == PS_HBASE_FITS) {
        return PENSTOCK_OK;
    }
    if (fit == PS_HBASE_NO_MEMORY) {
        return ps_error_memory(reading->error, "a row of HBase");
    }
    if (fit == PS_HBASE_FITS_NULL && !reading->decoder->mapping->schema->columns[field->column].not_null) {
        ps_batch_set_null(reading->batch, field->column);
        return PENSTOCK_OK;
    }
    return refuse_misfit(reading, field, cell, fit, bytes);
}

/* `cell` NULL: the newest of the row. */
static penstock_code take_timestamp(struct reading *reading, const struct ps_hbase_field *field,
                                    const struct ps_hbase_cell *cell) {
    const struct ps_hbase_slot slot = slot_of(reading, field->column);
    const int64_t timestamp = cell != NULL ? cell->timestamp : reading->newest;
    const enum ps_hbase_fit fit = slot.column->type == PS_TYPE_TIMESTAMP
                                      ? ps_hbase_store_millis(&slot, timestamp)
                                      : ps_hbase_store_integer(&slot, timestamp);
    if (fit == PS_HBASE_FITS) {
        return PENSTOCK_OK;
    }
    struct ps_buffer *const out = &reading->decoder->sentence;
    ps_buffer_clear(out);
    ps_buffer_printf(out, "column %.64s: timestamp %lld of ", slot.column->name, (long long)timestamp);
    if (cell != NULL) {
        ps_buffer_text(out, "cell ");
        show_column(out, cell->family, cell->qualifier);
        ps_buffer_text(out, " of ");
    }
    show_row(out, "", reading->row);
    ps_buffer_printf(out, " is out of the range of %s", slot.column->type_text);
    return refuse(reading, PS_REASON_RANGE, slot.column->name);
}

static penstock_code take_value(struct reading *reading, size_t index, const struct ps_hbase_cell *cell) {
    const struct cells_decoder *const decoder = reading->decoder;
    const struct ps_hbase_field *const field = &decoder->mapping->fields[index];
    const size_t size = decoder->plain_sizes[index];
    char *const values = reading->batch->columns[field->column].values;
    const size_t row = (size_t)reading->batch->row_count;
    if (size == sizeof(uint64_t) && cell->value.size == size) {
        const uint64_t bits = ps_hbase_u64_of(cell->value.data);
        memcpy(values + row * sizeof bits, &bits, sizeof bits);
        return PENSTOCK_OK;
    }
    if (size == sizeof(uint32_t) && cell->value.size == size) {
        const uint32_t bits = ps_hbase_u32_of(cell->value.data);
        memcpy(values + row * sizeof bits, &bits, sizeof bits);
        return PENSTOCK_OK;
    }
    if (field->place == PS_HBASE_IN_CELL_TIMESTAMP) {
        return take_timestamp(reading, field, cell);
    }
    const struct ps_hbase_slot slot = slot_of(reading, field->column);
    return settle(reading, field, cell, ps_hbase_decode(field->encoding, cell->value, &slot), cell->value);
}

static penstock_code take_key(struct reading *reading) {
    struct cells_decoder *const decoder = reading->decoder;
    const struct ps_hbase_mapping *const mapping = decoder->mapping;
    size_t bad = 0;
    if (mapping->part_count > 0 && !ps_hbase_key_split(mapping, reading->row, decoder->pieces, &bad)) {
        ps_buffer_clear(&decoder->sentence);
        show_row(&decoder->sentence, "", reading->row);
        ps_buffer_text(&decoder->sentence, " ");
        ps_hbase_key_explain(&decoder->sentence, mapping, reading->row, bad);
        return refuse(reading, PS_REASON_KEY,
                      bad < mapping->part_count && mapping->parts[bad].name != NULL ? mapping->parts[bad].name
                                                                                    : NULL);
    }
    for (size_t i = 0; i < decoder->key_field_count && !reading->is_refused; i++) {
        const struct ps_hbase_field *const field = &mapping->fields[decoder->key_fields[i]];
        const struct ps_bytes bytes =
            field->place == PS_HBASE_IN_KEY ? reading->row : decoder->pieces[field->part];
        const struct ps_hbase_slot slot = slot_of(reading, field->column);
        PS_TRY(settle(reading, field, NULL, ps_hbase_decode(field->encoding, bytes, &slot), bytes));
    }
    return PENSTOCK_OK;
}

/* --- cells ------------------------------------------------------------------------------------------------------- */

static int compare(const struct ps_hbase_column *column, const struct ps_hbase_cell *cell) {
    const int order = ps_hbase_compare(column->family, cell->family);
    return order != 0 ? order : ps_hbase_compare(column->qualifier, cell->qualifier);
}

/* In a block the qualifier stands right behind the family. */
static bool is_of(const struct name *name, const struct ps_hbase_cell *cell) {
    return cell->family.size == name->family_size && cell->qualifier.size == name->qualifier_size &&
           ps_bytes_same(name->bytes, cell->family.data, name->family_size + name->qualifier_size);
}

/* In a block that is not sorted. */
static bool search(const struct ps_hbase_mapping *mapping, const struct ps_hbase_cell *cell,
                   size_t *index_out) {
    size_t first = 0, end = mapping->cell_count;
    while (first < end) {
        const size_t middle = first + (end - first) / 2;
        const int order = compare(&mapping->cells[middle], cell);
        if (order == 0) {
            *index_out = middle;
            return true;
        }
        if (order < 0) {
            first = middle + 1;
        } else {
            end = middle;
        }
    }
    return false;
}

/* Which cell of the mapping it is; false: none. */
static bool find(struct reading *reading, const struct ps_hbase_cell *cell, size_t *index_out) {
    const struct cells_decoder *const decoder = reading->decoder;
    const struct ps_hbase_mapping *const mapping = decoder->mapping;
    if (reading->next < mapping->cell_count && is_of(&decoder->names[reading->next], cell)) {
        *index_out = reading->next++;
        return true;
    }
    if (reading->next > 0 && is_of(&decoder->names[reading->next - 1], cell)) { /* an older version */
        *index_out = reading->next - 1;
        return true;
    }
    int order = -1;
    while (reading->next < mapping->cell_count &&
           (order = compare(&mapping->cells[reading->next], cell)) < 0) {
        reading->next++;
    }
    if (order == 0) {
        *index_out = reading->next++;
        return true;
    }
    const bool is_in_order = reading->next == 0 || compare(&mapping->cells[reading->next - 1], cell) < 0;
    return !is_in_order && search(mapping, cell, index_out);
}

static penstock_code add_family_mark(struct reading *reading, const struct ps_hbase_cell *cell, size_t at) {
    struct cells_decoder *const decoder = reading->decoder;
    if (decoder->mark_count == FAMILY_MARK_COUNT_MAX) {
        return refuse_block(reading, at, "more deletions of families than one row can have");
    }
    void *items = decoder->marks;
    const penstock_code grown = ps_grow(&items, &decoder->mark_capacity, decoder->mark_count + 1,
                                        sizeof *decoder->marks, reading->error);
    decoder->marks = items;
    PS_TRY(grown);
    decoder->marks[decoder->mark_count++] = (struct family_mark){
        cell->family, cell->timestamp, cell->type == PS_HBASE_CELL_DELETE_FAMILY_VERSION};
    return PENSTOCK_OK;
}

/* Is this version of a column deleted by a mark before it? */
static bool is_hidden(const struct cells_decoder *decoder, const struct progress *progress,
                      const struct ps_hbase_cell *cell) {
    if (progress->has_mark && progress->mark_at == cell->timestamp) {
        return true;
    }
    for (size_t i = 0; i < decoder->mark_count; i++) {
        const struct family_mark *const mark = &decoder->marks[i];
        if ((mark->is_version ? mark->at == cell->timestamp : mark->at >= cell->timestamp) &&
            ps_bytes_equal(mark->family, cell->family)) {
            return true;
        }
    }
    return false;
}

static penstock_code take_cell(struct reading *reading, const struct ps_hbase_cell *cell, size_t at) {
    struct cells_decoder *const decoder = reading->decoder;
    const struct ps_hbase_mapping *const mapping = decoder->mapping;
    reading->newest = cell->timestamp > reading->newest ? cell->timestamp : reading->newest;
    if (cell->type == PS_HBASE_CELL_DELETE_FAMILY || cell->type == PS_HBASE_CELL_DELETE_FAMILY_VERSION) {
        return add_family_mark(reading, cell, at);
    }
    size_t index;
    if (!find(reading, cell, &index) || decoder->progress[index].is_done) {
        return PENSTOCK_OK;
    }
    struct progress *const progress = &decoder->progress[index];
    if (cell->type == PS_HBASE_CELL_DELETE) {
        progress->has_mark = true;
        progress->mark_at = cell->timestamp;
        return PENSTOCK_OK;
    }
    if (cell->type == PS_HBASE_CELL_DELETE_COLUMN) { /* all that follow are older */
        progress->has_mark = true;
        progress->is_done = true;
        for (size_t i = mapping->first_of_cell[index]; i < mapping->first_of_cell[index + 1]; i++) {
            const struct ps_hbase_field *const field = &mapping->fields[mapping->of_cell[i]];
            PS_TRY(settle(reading, field, cell, PS_HBASE_FITS_NULL, cell->value));
        }
        return PENSTOCK_OK;
    }
    if (is_hidden(decoder, progress, cell)) {
        return PENSTOCK_OK;
    }
    progress->is_done = true;
    for (size_t i = mapping->first_of_cell[index];
         i < mapping->first_of_cell[index + 1] && !reading->is_refused; i++) {
        PS_TRY(take_value(reading, mapping->of_cell[i], cell));
    }
    return PENSTOCK_OK;
}

static penstock_code take_cells(struct reading *reading) {
    struct ps_hbase_cell_reader reader = ps_hbase_cell_begin(reading->record.raw);
    const char *const start = reader.at;
    struct ps_hbase_cell cell;
    size_t at = 0;
    while (!reading->is_refused && ps_hbase_cell_next(&reader, &cell)) {
        if (at == 0) {
            reading->row = cell.row;
            reading->newest = cell.timestamp;
            PS_TRY(take_key(reading));
        } else if (cell.row.size != reading->row.size ||
                   (cell.row.size > 0 && !ps_bytes_same(cell.row.data, reading->row.data, cell.row.size))) {
            return refuse_block(reading, at, "a cell of another row");
        }
        if (!reading->is_refused) {
            PS_TRY(take_cell(reading, &cell, at));
        }
        at = (size_t)(reader.at - start);
    }
    if (!reading->is_refused && (reader.is_damaged || at == 0)) {
        return refuse_block(reading, at,
                            reader.is_damaged ? "not a cell: its lengths do not fit" : "it has no cells");
    }
    return PENSTOCK_OK;
}

/* Columns without a cell, and the timestamp of the whole row. */
static penstock_code take_rest(struct reading *reading) {
    const struct ps_hbase_mapping *const mapping = reading->decoder->mapping;
    for (size_t i = 0; i < mapping->field_count && !reading->is_refused; i++) {
        const struct ps_hbase_field *const field = &mapping->fields[i];
        const struct ps_column_schema *const column = &mapping->schema->columns[field->column];
        if (field->place == PS_HBASE_IN_TIMESTAMP) {
            PS_TRY(take_timestamp(reading, field, NULL));
        } else if (field->place <= PS_HBASE_IN_CELL_TIMESTAMP &&
                   !reading->decoder->progress[field->cell].is_done) {
            if (column->not_null) {
                struct ps_buffer *const out = begin_sentence(reading, field, NULL);
                ps_buffer_text(out, "has no cell ");
                show_column(out, mapping->cells[field->cell].family, mapping->cells[field->cell].qualifier);
                ps_buffer_printf(out, ", expected %s NOT NULL", column->type_text);
                return refuse(reading, PS_REASON_NULL, column->name);
            }
            ps_batch_set_null(reading->batch, field->column);
        }
    }
    return PENSTOCK_OK;
}

static penstock_code cells_decode(void *state, struct ps_batch *batch, struct ps_record record,
                                  struct penstock_error *error) {
    struct cells_decoder *const decoder = state;
    struct reading reading = {.decoder = decoder, .batch = batch, .record = record, .error = error};
    memset(decoder->progress, 0, decoder->mapping->cell_count * sizeof *decoder->progress);
    decoder->mark_count = 0;
    PS_TRY(ps_batch_begin_row(batch, error));
    PS_TRY(take_cells(&reading));
    if (!reading.is_refused) {
        PS_TRY(take_rest(&reading));
    }
    if (!reading.is_refused) {
        ps_batch_end_row(batch, record);
    }
    return PENSTOCK_OK;
}

/* --- blocks of several rows -------------------------------------------------------------------------------------- */

/* Cells up to the first one of another row. */
static size_t cells_frame(const void *config, const char *data, size_t size, bool is_end) {
    (void)config;
    struct ps_hbase_cell_reader reader = ps_hbase_cell_begin((struct ps_bytes){data, size});
    struct ps_hbase_cell cell;
    struct ps_bytes row = {NULL, 0};
    size_t at = 0;
    while (ps_hbase_cell_next(&reader, &cell)) {
        if (at > 0 && !ps_bytes_equal(cell.row, row)) {
            return at;
        }
        row = cell.row;
        at = (size_t)(reader.at - data);
    }
    return is_end ? size : 0;
}

/* --- for a person ------------------------------------------------------------------------------------------------ */

static const char *name_of_type(uint8_t type) {
    switch (type) {
    case PS_HBASE_CELL_PUT: return NULL;
    case PS_HBASE_CELL_DELETE: return "deleted";
    case PS_HBASE_CELL_DELETE_FAMILY_VERSION: return "family deleted, of this timestamp";
    case PS_HBASE_CELL_DELETE_COLUMN: return "deleted, with all older versions";
    case PS_HBASE_CELL_DELETE_FAMILY: return "family deleted, up to this timestamp";
    default: return "a cell of unknown type";
    }
}

static void cells_print(struct ps_bytes raw, struct ps_buffer *out) {
    struct ps_hbase_cell_reader reader = ps_hbase_cell_begin(raw);
    const char *at = reader.at;
    struct ps_hbase_cell cell;
    while (ps_hbase_cell_next(&reader, &cell)) {
        const char *const type = name_of_type(cell.type);
        ps_buffer_text(out, at > raw.data ? "\nrow '" : "row '");
        ps_hbase_show(out, cell.row);
        ps_buffer_text(out, "' ");
        ps_hbase_show(out, cell.family);
        ps_buffer_text(out, ":");
        ps_hbase_show(out, cell.qualifier);
        ps_buffer_printf(out, "@%lld %s", (long long)cell.timestamp, type == NULL ? "= " : type);
        if (type == NULL) {
            ps_hbase_show(out, cell.value);
        }
        at = reader.at;
    }
    if (reader.is_damaged) {
        const size_t left = raw.size - (size_t)(at - raw.data);
        ps_buffer_printf(out, "%s%zu bytes that are no cell: ", at > raw.data ? "\n" : "", left);
        ps_hbase_show(out, (struct ps_bytes){at, left});
    }
}

static const struct ps_option cells_options[] = {{.name = NULL}};

const struct ps_codec_type ps_codec_cells = {
    .name = "cells",
    .summary = "the cells of a row of HBase",
    .options = cells_options,
    .config_size = sizeof(struct ps_hbase_mapping),
    .is_binary = true,
    .has_key = true,
    .has_header = ps_codec_has_no_header,
    .frame = cells_frame,
    .open = cells_open,
    .decode = cells_decode,
    .close = cells_close,
    .print = cells_print,
};
