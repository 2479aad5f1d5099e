/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_decode.c - the bytes of a cell, or of a part of a row key, as a value of a column.
 *
 * What the column's own type is written as goes straight into the column; other encodings go through a number, a time
 * or a text. Columns that travel as text (DECIMAL, UUID, ...) get text that SQL casts.
 */
#include "connect/hbase_encoding.h"

#include <math.h>
#include <yyjson.h>

#include "connect/hbase_ordered.h"
#include "data/render.h"
#include "data/value.h"

/* What DuckDB's TIMESTAMP and DATE hold, without their infinities. */
#define MICROS_MIN (-INT64_C(9223372022400000000))
#define MICROS_MAX (INT64_MAX - 1)
#define DAYS_MIN (INT32_MIN + 2)
#define DAYS_MAX (INT32_MAX - 1)
#define MICROS_OF_DAY INT64_C(86400000000)

/* --- storing ----------------------------------------------------------------------------------------------------- */

static enum ps_hbase_fit fit_of(enum ps_value_result result) {
    return result == PS_VALUE_OK      ? PS_HBASE_FITS
           : result == PS_VALUE_RANGE ? PS_HBASE_MISFIT_RANGE
                                      : PS_HBASE_MISFIT_VALUE;
}

enum ps_hbase_fit ps_hbase_store_copy(const struct ps_hbase_slot *slot, struct ps_bytes text) {
    const enum ps_type type = slot->column->type;
    if (type != PS_TYPE_VARCHAR && type != PS_TYPE_BLOB && type != PS_TYPE_CAST) {
        return ps_hbase_store_text(slot, text);
    }
    const char *const copy = ps_arena_copy_size(slot->arena, text.data == NULL ? "" : text.data, text.size);
    return copy == NULL ? PS_HBASE_NO_MEMORY : ps_hbase_store_text(slot, (struct ps_bytes){copy, text.size});
}

/* What was rendered into the scratch. */
static enum ps_hbase_fit store_scratch(const struct ps_hbase_slot *slot) {
    if (slot->scratch->failed) {
        return PS_HBASE_NO_MEMORY;
    }
    return ps_hbase_store_copy(slot, (struct ps_bytes){slot->scratch->data, slot->scratch->size});
}

enum ps_hbase_fit ps_hbase_store_integer(const struct ps_hbase_slot *slot, int64_t value) {
    switch (slot->column->type) {
    case PS_TYPE_DATE:
        if (value < DAYS_MIN || value > DAYS_MAX) {
            return PS_HBASE_MISFIT_RANGE;
        }
        ((int32_t *)slot->values)[slot->row] = (int32_t)value;
        return PS_HBASE_FITS;
    case PS_TYPE_CAST:
        ps_buffer_clear(slot->scratch);
        ps_render_integer(slot->scratch, value);
        return store_scratch(slot);
    case PS_TYPE_BOOLEAN:
    case PS_TYPE_TINYINT:
    case PS_TYPE_SMALLINT:
    case PS_TYPE_INTEGER:
    case PS_TYPE_BIGINT:
    case PS_TYPE_FLOAT:
    case PS_TYPE_DOUBLE:
    case PS_TYPE_TIMESTAMP:
    case PS_TYPE_VARCHAR:
    case PS_TYPE_BLOB: break;
    }
    return fit_of(ps_value_of_integer(slot->column->type, value, slot->values, slot->row));
}

enum ps_hbase_fit ps_hbase_store_double(const struct ps_hbase_slot *slot, double value) {
    if (slot->column->type == PS_TYPE_CAST) {
        ps_buffer_clear(slot->scratch);
        ps_render_double(slot->scratch, value, false, false);
        return store_scratch(slot);
    }
    if (slot->column->type == PS_TYPE_FLOAT) { /* rounded first: the text of FLT_MAX is a double above it */
        ((float *)slot->values)[slot->row] = (float)value;
        return isfinite(value) && !isfinite((float)value) ? PS_HBASE_MISFIT_RANGE : PS_HBASE_FITS;
    }
    if (slot->column->type < PS_TYPE_FLOAT && !isfinite(value)) {
        return PS_HBASE_MISFIT_RANGE;
    }
    return fit_of(ps_value_of_double(slot->column->type, value, slot->values, slot->row));
}

static enum ps_hbase_fit store_micros(const struct ps_hbase_slot *slot, int64_t micros) {
    if (micros < MICROS_MIN || micros > MICROS_MAX) {
        return PS_HBASE_MISFIT_RANGE;
    }
    if (slot->column->type == PS_TYPE_TIMESTAMP) {
        ((int64_t *)slot->values)[slot->row] = micros;
        return PS_HBASE_FITS;
    }
    if (slot->column->type == PS_TYPE_DATE) {
        return ps_hbase_store_integer(slot, ps_hbase_divide_down(micros, MICROS_OF_DAY));
    }
    ps_buffer_clear(slot->scratch);
    ps_render_timestamp(slot->scratch, micros, "");
    return store_scratch(slot);
}

/* `unit`: microseconds of one. */
static enum ps_hbase_fit store_time(const struct ps_hbase_slot *slot, int64_t value, int64_t unit) {
    int64_t micros;
    return __builtin_mul_overflow(value, unit, &micros) ? PS_HBASE_MISFIT_RANGE : store_micros(slot, micros);
}

enum ps_hbase_fit ps_hbase_store_millis(const struct ps_hbase_slot *slot, int64_t milliseconds) {
    return store_time(slot, milliseconds, 1000);
}

enum ps_hbase_fit ps_hbase_store_text(const struct ps_hbase_slot *slot, struct ps_bytes text) {
    const enum ps_type type = slot->column->type;
    size_t bad;
    if (type == PS_TYPE_VARCHAR || type == PS_TYPE_CAST) {
        if (!ps_bytes_is_utf8(text, &bad)) {
            return PS_HBASE_MISFIT_UTF8;
        }
    } else if (type == PS_TYPE_FLOAT || type == PS_TYPE_DOUBLE) {
        double value;
        const enum ps_hbase_fit fit = ps_hbase_double_of_text(text, &value);
        return fit == PS_HBASE_FITS ? ps_hbase_store_double(slot, value) : fit;
    }
    return fit_of(ps_value_of_text(type, text, slot->values, slot->row));
}

/* Digits in a key part: one spelling for each number, so that bytes can be asked for by value. */
static enum ps_hbase_fit store_padded(const struct ps_hbase_slot *slot, struct ps_bytes bytes) {
    const bool is_negative = bytes.size > 0 && bytes.data[0] == '-';
    int64_t value = 0;
    for (size_t i = is_negative ? 1 : 0; i < bytes.size; i++) {
        if (bytes.data[i] < '0' || bytes.data[i] > '9') {
            return PS_HBASE_MISFIT_VALUE;
        }
        const int64_t digit = bytes.data[i] - '0';
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, is_negative ? -digit : digit, &value)) {
            return PS_HBASE_MISFIT_RANGE;
        }
    }
    return bytes.size == (is_negative ? 1 : 0) || (is_negative && value == 0)
               ? PS_HBASE_MISFIT_VALUE
               : ps_hbase_store_integer(slot, value);
}

/* --- JSON -------------------------------------------------------------------------------------------------------- */

static void *json_allocate(void *context, size_t size) {
    (void)context;
    return ps_reallocate(NULL, size, 1);
}

static void *json_reallocate(void *context, void *pointer, size_t old_size, size_t size) {
    (void)context, (void)old_size;
    return ps_reallocate(pointer, size, 1);
}

static void json_free(void *context, void *pointer) {
    (void)context;
    ps_release(pointer);
}

/* yyjson takes `char *` but without YYJSON_READ_INSITU only reads. Numbers keep their digits. */
static yyjson_doc *read_json(struct ps_bytes text, const yyjson_alc *allocator, yyjson_read_err *cause) {
    union {
        const char *in;
        char *out;
    } data = {.in = text.data};
    return yyjson_read_opts(data.out, text.size, YYJSON_READ_NUMBER_AS_RAW, allocator, cause);
}

static struct ps_bytes trim(struct ps_bytes text) {
    while (text.size > 0 && strchr(" \t\r\n", text.data[0]) != NULL && text.data[0] != '\0') {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && strchr(" \t\r\n", text.data[text.size - 1]) != NULL &&
           text.data[text.size - 1] != '\0') {
        text.size--;
    }
    return text;
}

/* `text`: all of the JSON, without white space around it. What fits which type is as in ENCODE JSON. */
static enum ps_hbase_fit store_json_value(const struct ps_hbase_slot *slot, struct ps_bytes text,
                                          yyjson_val *value) {
    const enum ps_type type = slot->column->type;
    if (yyjson_is_null(value)) {
        return PS_HBASE_FITS_NULL;
    }
    const bool keeps_quotes =
        type == PS_TYPE_CAST && ps_hbase_kind_of(slot->column->type_text) == PS_HBASE_KIND_JSON;
    if (yyjson_is_ctn(value) || keeps_quotes) {
        return type == PS_TYPE_VARCHAR || type == PS_TYPE_CAST ? ps_hbase_store_text(slot, text)
                                                               : PS_HBASE_MISFIT_VALUE;
    }
    if (yyjson_is_str(value)) {
        const struct ps_bytes content = {unsafe_yyjson_get_str(value), unsafe_yyjson_get_len(value)};
        return content.size + 2 == text.size /* without escapes, it stands in the cell */
                   ? ps_hbase_store_text(slot, (struct ps_bytes){text.data + 1, content.size})
                   : ps_hbase_store_copy(slot, content);
    }
    const bool fits = yyjson_is_bool(value)
                          ? type == PS_TYPE_BOOLEAN || type == PS_TYPE_VARCHAR || type == PS_TYPE_CAST
                          : type != PS_TYPE_DATE && type != PS_TYPE_TIMESTAMP;
    return fits ? ps_hbase_store_text(slot, text) : PS_HBASE_MISFIT_VALUE;
}

static enum ps_hbase_fit store_json(const struct ps_hbase_slot *slot, struct ps_bytes bytes) {
    static const yyjson_alc heap = {json_allocate, json_reallocate, json_free, NULL};
    const struct ps_bytes text = trim(bytes);
    size_t bad;
    if (!ps_bytes_is_utf8(text, &bad)) {
        return PS_HBASE_MISFIT_UTF8;
    }
    yyjson_alc pool;
    yyjson_read_err cause = {0};
    yyjson_doc *document = NULL;
    if (slot->json_memory != NULL &&
        yyjson_alc_pool_init(&pool, slot->json_memory, PS_HBASE_JSON_MEMORY_SIZE)) {
        document = read_json(text, &pool, &cause);
    }
    if (document == NULL &&
        (cause.code == YYJSON_READ_SUCCESS || cause.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)) {
        document = read_json(text, &heap, &cause);
    }
    if (document == NULL) {
        return cause.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION ? PS_HBASE_NO_MEMORY : PS_HBASE_MISFIT_VALUE;
    }
    const enum ps_hbase_fit fit = store_json_value(slot, text, yyjson_doc_get_root(document));
    yyjson_doc_free(document);
    return fit;
}

/* --- all of them ------------------------------------------------------------------------------------------------- */

static double float_of(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return (double)value;
}

static double double_of(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static enum ps_hbase_fit store_reversed(const struct ps_hbase_slot *slot, uint64_t bits) {
    const int64_t value = (int64_t)((uint64_t)INT64_MAX - bits);
    const enum ps_type type = slot->column->type;
    return type >= PS_TYPE_TINYINT && type <= PS_TYPE_BIGINT ? ps_hbase_store_integer(slot, value)
                                                             : store_time(slot, value, 1000);
}

static enum ps_hbase_fit store_decimal(const struct ps_hbase_slot *slot, struct ps_bytes bytes) {
    ps_buffer_clear(slot->scratch);
    if (bytes.size < PS_HBASE_DECIMAL_SIZE_MIN) {
        return PS_HBASE_MISFIT_SIZE;
    }
    return ps_hbase_render_decimal(slot->scratch, bytes) ? store_scratch(slot) : PS_HBASE_MISFIT_RANGE;
}

/* Values of a fixed size. */
static enum ps_hbase_fit decode_fixed(enum ps_hbase_encoding encoding, const char *at,
                                      const struct ps_hbase_slot *slot) {
    switch (encoding) {
    case PS_HBASE_AS_BYTE: return ps_hbase_store_integer(slot, (int8_t)at[0]);
    case PS_HBASE_AS_SHORT: return ps_hbase_store_integer(slot, (int16_t)ps_hbase_u16_of(at));
    case PS_HBASE_AS_INT: return ps_hbase_store_integer(slot, (int32_t)ps_hbase_u32_of(at));
    case PS_HBASE_AS_LONG: return ps_hbase_store_integer(slot, (int64_t)ps_hbase_u64_of(at));
    case PS_HBASE_AS_FLOAT: return ps_hbase_store_double(slot, float_of(ps_hbase_u32_of(at)));
    case PS_HBASE_AS_DOUBLE: return ps_hbase_store_double(slot, double_of(ps_hbase_u64_of(at)));
    case PS_HBASE_AS_BOOLEAN: ((uint8_t *)slot->values)[slot->row] = at[0] != 0; return PS_HBASE_FITS;
    case PS_HBASE_AS_SECONDS: return store_time(slot, (int64_t)ps_hbase_u64_of(at), 1000000);
    case PS_HBASE_AS_MILLIS: return store_time(slot, (int64_t)ps_hbase_u64_of(at), 1000);
    case PS_HBASE_AS_MICROS: return store_micros(slot, (int64_t)ps_hbase_u64_of(at));
    case PS_HBASE_AS_REVERSED: return store_reversed(slot, ps_hbase_u64_of(at));
    case PS_HBASE_AS_BYTES:
    case PS_HBASE_AS_DECIMAL:
    case PS_HBASE_AS_RAW:
    case PS_HBASE_AS_TEXT:
    case PS_HBASE_AS_PADDED:
    case PS_HBASE_AS_ORDERED:
    case PS_HBASE_AS_ORDERED_DESC:
    case PS_HBASE_AS_NUMERIC:
    case PS_HBASE_AS_NUMERIC_DESC:
    case PS_HBASE_AS_BLOB_LAST:
    case PS_HBASE_AS_BLOB_LAST_DESC:
    case PS_HBASE_AS_JSON: break;
    }
    return PS_HBASE_MISFIT_VALUE;
}

enum ps_hbase_fit ps_hbase_decode(enum ps_hbase_encoding encoding, struct ps_bytes bytes,
                                  const struct ps_hbase_slot *slot) {
    const size_t size = ps_hbase_encoding_size(encoding, slot->column->type);
    if (size > 0) {
        return bytes.size == size ? decode_fixed(encoding, bytes.data, slot) : PS_HBASE_MISFIT_SIZE;
    }
    switch (encoding) {
    case PS_HBASE_AS_RAW: ((struct ps_bytes *)slot->values)[slot->row] = bytes; return PS_HBASE_FITS;
    case PS_HBASE_AS_PADDED: return store_padded(slot, bytes);
    case PS_HBASE_AS_DECIMAL: return store_decimal(slot, bytes);
    case PS_HBASE_AS_JSON: return store_json(slot, bytes);
    case PS_HBASE_AS_ORDERED:
    case PS_HBASE_AS_ORDERED_DESC:
    case PS_HBASE_AS_NUMERIC:
    case PS_HBASE_AS_NUMERIC_DESC:
    case PS_HBASE_AS_BLOB_LAST:
    case PS_HBASE_AS_BLOB_LAST_DESC: return ps_hbase_ordered_decode(encoding, bytes, slot);
    case PS_HBASE_AS_BYTES:
    case PS_HBASE_AS_BYTE:
    case PS_HBASE_AS_SHORT:
    case PS_HBASE_AS_INT:
    case PS_HBASE_AS_LONG:
    case PS_HBASE_AS_FLOAT:
    case PS_HBASE_AS_DOUBLE:
    case PS_HBASE_AS_BOOLEAN:
    case PS_HBASE_AS_TEXT:
    case PS_HBASE_AS_SECONDS:
    case PS_HBASE_AS_MILLIS:
    case PS_HBASE_AS_MICROS:
    case PS_HBASE_AS_REVERSED: break;
    }
    return ps_hbase_store_text(slot, bytes);
}
