/* SPDX-License-Identifier: Apache-2.0
 *
 * batch.c - columns that grow together, and the dead letters beside them.
 *
 * Validity is kept only for columns that have met a NULL: most never do. A row that is begun and then
 * turns out to be a dead letter is simply not ended; the next one overwrites it.
 */
#include "data/batch.h"

#include <stdio.h>

#include "base/check.h"
#include "base/limits.h"

#define ROW_CAPACITY_MIN 64
/* Longest sentence of a dead letter. */
#define TEXT_SIZE_MAX 512

const char *ps_reason_name(enum ps_reason reason) {
    switch (reason) {
    case PS_REASON_SYNTAX: return "syntax";
    case PS_REASON_ENCODING: return "encoding";
    case PS_REASON_TYPE: return "type";
    case PS_REASON_RANGE: return "range";
    case PS_REASON_NULL: return "null";
    case PS_REASON_NESTING: return "nesting";
    case PS_REASON_SIZE: return "size";
    case PS_REASON_LATE: return "late";
    case PS_REASON_RULE: return "rule";
    case PS_REASON_KEY: return "key";
    case PS_REASON_SCHEMA: return "schema";
    }
    return "unknown";
}

/* --- messages --------------------------------------------------------------------------------------------------- */

static penstock_code read_text(const void *of, struct ps_arena *arena, struct ps_bytes *headers_out,
                               struct penstock_error *error) {
    (void)arena, (void)error;
    *headers_out = *(const struct ps_bytes *)of;
    return PENSTOCK_OK;
}

struct ps_headers ps_headers_of(const struct ps_bytes *text) {
    return (struct ps_headers){read_text, text};
}

penstock_code ps_message_headers(const struct ps_message *message, struct ps_arena *arena,
                                 struct ps_bytes *headers_out, struct penstock_error *error) {
    if (message->headers.read == NULL) {
        *headers_out = (struct ps_bytes){NULL, 0};
        return PENSTOCK_OK;
    }
    return message->headers.read(message->headers.of, arena, headers_out, error);
}

void ps_lent_give_back(struct ps_lent *lent) {
    if (lent != NULL) {
        lent->give_back(lent);
    }
}

/* --- rows ------------------------------------------------------------------------------------------------------- */

static penstock_code reserve(struct ps_batch *batch, int64_t row_capacity, struct penstock_error *error) {
    const size_t count = (size_t)row_capacity;
    const size_t column_count = batch->schema->column_count;
    for (size_t i = 0; i < column_count; i++) {
        struct ps_column *column = &batch->columns[i];
        void *values = ps_reallocate(column->values, count, ps_type_size(column->type));
        if (values == NULL) {
            return ps_error_memory(error, "the columns of a batch");
        }
        column->values = values;
    }
    struct ps_record *records = ps_reallocate(batch->records, count, sizeof(*records));
    if (records == NULL) {
        return ps_error_memory(error, "the records of a batch");
    }
    batch->records = records;
    if (batch->operations != NULL) {
        uint8_t *operations = ps_reallocate(batch->operations, count, 1);
        if (operations == NULL) {
            return ps_error_memory(error, "the records of a batch");
        }
        batch->operations = operations;
    }
    uint8_t *validity = ps_reallocate(NULL, count, column_count + 1);
    if (validity == NULL) {
        return ps_error_memory(error, "the columns of a batch");
    }
    for (size_t i = 0; i < column_count; i++) {
        struct ps_column *column = &batch->columns[i];
        if (column->is_valid != NULL) {
            memcpy(validity + i * count, column->is_valid, (size_t)batch->row_count);
            column->is_valid = validity + i * count;
        }
    }
    ps_release(batch->validity);
    batch->validity = validity;
    batch->row_capacity = row_capacity;
    return PENSTOCK_OK;
}

penstock_code ps_batch_new(const struct ps_schema *schema, int64_t row_capacity, struct ps_batch **batch_out,
                           struct penstock_error *error) {
    struct ps_batch *batch PS_SCOPED(ps_batch_free_scoped) = ps_allocate(1, sizeof(*batch));
    if (batch == NULL) {
        return ps_error_memory(error, "a batch");
    }
    batch->schema = schema;
    batch->arena = ps_arena_new(0);
    batch->columns = ps_allocate(schema->column_count + 1, sizeof(*batch->columns));
    if (batch->arena == NULL || batch->columns == NULL) {
        return ps_error_memory(error, "a batch");
    }
    for (size_t i = 0; i < schema->column_count; i++) {
        batch->columns[i].type = schema->columns[i].type;
    }
    PS_TRY(reserve(batch, row_capacity < ROW_CAPACITY_MIN ? ROW_CAPACITY_MIN : row_capacity, error));
    *batch_out = ps_take(batch);
    return PENSTOCK_OK;
}

void ps_batch_free(struct ps_batch *batch) {
    if (batch == NULL) {
        return;
    }
    if (batch->columns != NULL) {
        for (size_t i = 0; i < batch->schema->column_count; i++) {
            ps_release(batch->columns[i].values);
        }
    }
    ps_release(batch->columns);
    ps_release(batch->validity);
    ps_release(batch->records);
    ps_release(batch->dead_letters);
    ps_arena_free(batch->arena);
    ps_release(batch->raw);
    ps_release(batch->messages);
    ps_lent_give_back(batch->lent);
    ps_release(batch->operations);
    ps_release(batch);
}

void ps_batch_free_scoped(struct ps_batch **batch) {
    ps_batch_free(*batch);
}

penstock_code ps_batch_use_operations(struct ps_batch *batch, struct penstock_error *error) {
    ps_check(batch->row_count == 0 && batch->operations == NULL);
    batch->operations = ps_allocate((size_t)batch->row_capacity, 1);
    return batch->operations != NULL ? PENSTOCK_OK : ps_error_memory(error, "the records of a batch");
}

penstock_code ps_batch_begin_row(struct ps_batch *batch, struct penstock_error *error) {
    if (batch->row_count == batch->row_capacity) {
        PS_TRY(reserve(batch, batch->row_capacity * 2, error));
    }
    for (size_t i = 0; i < batch->schema->column_count; i++) {
        if (batch->columns[i].is_valid != NULL) {
            batch->columns[i].is_valid[batch->row_count] = 1;
        }
    }
    if (batch->operations != NULL) {
        batch->operations[batch->row_count] = PS_OPERATION_PUT;
    }
    return PENSTOCK_OK;
}

void ps_batch_end_row(struct ps_batch *batch, struct ps_record record) {
    ps_check(batch->row_count < batch->row_capacity);
    batch->records[batch->row_count] = record;
    batch->row_count++;
    batch->record_count++;
}

void ps_batch_take_back_row(struct ps_batch *batch) {
    ps_check(batch->row_count > 0 && batch->record_count > 0);
    batch->row_count--;
    batch->record_count--;
}

void ps_batch_take_back_dead_letter(struct ps_batch *batch) {
    ps_check(batch->dead_letter_count > 0 && batch->record_count > 0);
    batch->dead_letter_count--;
    batch->record_count--;
}

void ps_batch_skip_record(struct ps_batch *batch) {
    batch->skipped_count++;
    batch->record_count++;
}

void ps_batch_is_second_row(struct ps_batch *batch) {
    ps_check(batch->row_count > 1 && batch->operations != NULL);
    batch->second_count++;
    batch->record_count--;
}

bool ps_batch_is_counted(const struct ps_batch *batch) {
    return batch->record_count ==
           batch->row_count + (int64_t)batch->dead_letter_count + batch->skipped_count - batch->second_count;
}

void ps_batch_set_null(struct ps_batch *batch, size_t column_index) {
    ps_check(column_index < batch->schema->column_count);
    ps_check(batch->row_count < batch->row_capacity);
    struct ps_column *column = &batch->columns[column_index];
    if (column->is_valid == NULL) {
        column->is_valid = batch->validity + column_index * (size_t)batch->row_capacity;
        memset(column->is_valid, 1, (size_t)batch->row_count);
    }
    column->is_valid[batch->row_count] = 0;
    /* a defined value under the NULL: what copies whole columns never reads garbage */
    const size_t size = ps_type_size(column->type);
    memset((char *)column->values + (size_t)batch->row_count * size, 0, size);
}

penstock_code ps_batch_add_dead_letter(struct ps_batch *batch, struct ps_record record, enum ps_reason reason,
                                       const char *column, struct penstock_error *error, const char *format,
                                       ...) {
    void *items = batch->dead_letters;
    const penstock_code grown = ps_grow(&items, &batch->dead_letter_capacity, batch->dead_letter_count + 1,
                                        sizeof(*batch->dead_letters), error);
    batch->dead_letters = items;
    PS_TRY(grown);
    char text[TEXT_SIZE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    const size_t kept =
        record.raw.size < PS_LIMIT_DEAD_LETTER_SIZE ? record.raw.size : PS_LIMIT_DEAD_LETTER_SIZE;
    const char *raw_copy = ps_arena_copy_size(batch->arena, kept > 0 ? record.raw.data : "", kept);
    const char *text_copy = ps_arena_copy(batch->arena, text);
    const char *column_copy = column == NULL ? NULL : ps_arena_copy(batch->arena, column);
    if (raw_copy == NULL || text_copy == NULL || (column != NULL && column_copy == NULL)) {
        return ps_error_memory(error, "a dead letter");
    }
    batch->dead_letters[batch->dead_letter_count] = (struct ps_dead_letter){
        .raw = {raw_copy, kept},
        .raw_size = (int64_t)record.raw.size,
        .offset = record.offset,
        .reason = reason,
        .column = column_copy,
        .text = text_copy,
        .message = record.message,
    };
    batch->dead_letter_count++;
    batch->record_count++;
    return PENSTOCK_OK;
}

penstock_code ps_batch_explain_dead_letter(struct ps_batch *batch, const char *more,
                                           struct penstock_error *error) {
    ps_check(batch->dead_letter_count > 0);
    struct ps_dead_letter *letter = &batch->dead_letters[batch->dead_letter_count - 1];
    const char *text = ps_arena_printf(batch->arena, "%s%s", letter->text, more);
    letter->text = text != NULL ? text : letter->text;
    return text != NULL ? PENSTOCK_OK : ps_error_memory(error, "a dead letter");
}
