/* SPDX-License-Identifier: Apache-2.0
 *
 * serve_values.c - DuckDB's vectors as the numbers and texts that a model was trained on.
 *
 * In training DuckDB casts a column to DOUBLE or to VARCHAR (scan.c). A scalar function cannot ask DuckDB for a cast,
 * so the same is done here: numbers by the arithmetic of DuckDB's casts, texts of rare types by casting single values.
 */
#include <math.h>
#include <stdio.h>

#include "sql/serve_values.h"

bool ps_serve_is_number(duckdb_type type) {
    switch ((int)type) {
    case DUCKDB_TYPE_BOOLEAN:
    case DUCKDB_TYPE_TINYINT:
    case DUCKDB_TYPE_SMALLINT:
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_BIGINT:
    case DUCKDB_TYPE_UTINYINT:
    case DUCKDB_TYPE_USMALLINT:
    case DUCKDB_TYPE_UINTEGER:
    case DUCKDB_TYPE_UBIGINT:
    case DUCKDB_TYPE_HUGEINT:
    case DUCKDB_TYPE_UHUGEINT:
    case DUCKDB_TYPE_FLOAT:
    case DUCKDB_TYPE_DOUBLE:
    case DUCKDB_TYPE_DECIMAL:
    case DUCKDB_TYPE_DATE:
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_S:
    case DUCKDB_TYPE_TIMESTAMP_MS:
    case DUCKDB_TYPE_TIMESTAMP_NS:
    case DUCKDB_TYPE_TIMESTAMP_TZ:
    case DUCKDB_TYPE_SQLNULL: return true;
    default: return false;
    }
}

bool ps_serve_is_text(duckdb_type type) {
    switch ((int)type) {
    case DUCKDB_TYPE_VARCHAR:
    case DUCKDB_TYPE_ENUM:
    case DUCKDB_TYPE_TIME:
    case DUCKDB_TYPE_UUID: return true;
    case DUCKDB_TYPE_TIMESTAMP_TZ: return false; /* its text depends on the session */
    default: return ps_serve_is_number(type);
    }
}

penstock_code ps_serve_field_init(duckdb_logical_type type, idx_t child, struct ps_serve_field *field,
                                  struct penstock_error *error) {
    *field = (struct ps_serve_field){.child = child, .type = duckdb_get_type_id(type)};
    field->internal = field->type;
    if (field->type == DUCKDB_TYPE_DECIMAL) {
        field->scale = duckdb_decimal_scale(type);
        field->width = duckdb_decimal_width(type);
        field->internal = duckdb_decimal_internal_type(type);
    }
    if (field->type == DUCKDB_TYPE_ENUM) {
        field->internal = duckdb_enum_internal_type(type);
        field->label_count = duckdb_enum_dictionary_size(type);
        field->labels = ps_allocate(field->label_count + 1, sizeof *field->labels);
        if (field->labels == NULL) {
            return ps_error_memory(error, "the values of an ENUM");
        }
        for (idx_t i = 0; i < field->label_count; i++) {
            field->labels[i] = duckdb_enum_dictionary_value(type, i);
        }
    }
    return PENSTOCK_OK;
}

void ps_serve_field_done(struct ps_serve_field *field) {
    for (idx_t i = 0; field->labels != NULL && i < field->label_count; i++) {
        duckdb_free(field->labels[i]);
    }
    ps_release(field->labels);
    field->labels = NULL;
}

/* ---- numbers ---- */

#define EXACT_MAX ((int64_t)1 << 53)

static double power_of_ten(uint8_t exponent) {
    double value = 1;
    for (uint8_t i = 0; i < exponent; i++) {
        value *= 10; /* exact up to 10^22 */
    }
    return value;
}

/* As DuckDB casts a DECIMAL of up to 18 digits. */
static double decimal_number(int64_t value, uint8_t scale) {
    if (scale == 0 || (value >= -EXACT_MAX && value <= EXACT_MAX)) {
        return (double)value / power_of_ten(scale);
    }
    int64_t power = 1;
    for (uint8_t i = 0; i < scale; i++) {
        power *= 10;
    }
    return (double)(value / power) + (double)(value % power) / power_of_ten(scale);
}

static int64_t integer_at(duckdb_type type, const void *data, idx_t row) {
    switch ((int)type) {
    case DUCKDB_TYPE_BOOLEAN: return ((const bool *)data)[row];
    case DUCKDB_TYPE_TINYINT: return ((const int8_t *)data)[row];
    case DUCKDB_TYPE_SMALLINT: return ((const int16_t *)data)[row];
    case DUCKDB_TYPE_DATE:
    case DUCKDB_TYPE_INTEGER: return ((const int32_t *)data)[row];
    case DUCKDB_TYPE_UTINYINT: return ((const uint8_t *)data)[row];
    case DUCKDB_TYPE_USMALLINT: return ((const uint16_t *)data)[row];
    case DUCKDB_TYPE_UINTEGER: return ((const uint32_t *)data)[row];
    default: return ((const int64_t *)data)[row];
    }
}

static double decimal_at(const struct ps_serve_field *field, const void *data, idx_t row) {
    if (field->internal != DUCKDB_TYPE_HUGEINT) {
        return decimal_number(integer_at(field->internal, data, row), field->scale);
    }
    const duckdb_decimal decimal = {
        .width = field->width, .scale = field->scale, .value = ((const duckdb_hugeint *)data)[row]};
    return duckdb_decimal_to_double(decimal);
}

/* Seconds since 1970, as epoch() gives them. */
static double time_at(duckdb_type type, const void *data, idx_t row) {
    const int64_t value = integer_at(type, data, row);
    switch ((int)type) {
    case DUCKDB_TYPE_DATE:
        return value == INT32_MAX || value == -INT32_MAX ? (double)NAN : (double)(value * 86400);
    case DUCKDB_TYPE_TIMESTAMP_S: return (double)value;
    case DUCKDB_TYPE_TIMESTAMP_MS: return (double)(value * 1000) / 1000000;
    case DUCKDB_TYPE_TIMESTAMP_NS: return (double)(value / 1000) / 1000000;
    default: return value == INT64_MAX || value == -INT64_MAX ? (double)NAN : (double)value / 1000000;
    }
}

static double number_at(const struct ps_serve_field *field, const void *data, idx_t row) {
    switch ((int)field->type) {
    case DUCKDB_TYPE_DOUBLE: return ((const double *)data)[row];
    case DUCKDB_TYPE_FLOAT: return (double)((const float *)data)[row];
    case DUCKDB_TYPE_UBIGINT: return (double)((const uint64_t *)data)[row];
    case DUCKDB_TYPE_HUGEINT: return duckdb_hugeint_to_double(((const duckdb_hugeint *)data)[row]);
    case DUCKDB_TYPE_UHUGEINT: return duckdb_uhugeint_to_double(((const duckdb_uhugeint *)data)[row]);
    case DUCKDB_TYPE_DECIMAL: return decimal_at(field, data, row);
    case DUCKDB_TYPE_DATE:
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_S:
    case DUCKDB_TYPE_TIMESTAMP_MS:
    case DUCKDB_TYPE_TIMESTAMP_NS:
    case DUCKDB_TYPE_TIMESTAMP_TZ: return time_at(field->type, data, row);
    default: return (double)integer_at(field->type, data, row);
    }
}

static bool is_valid(uint64_t *validity, idx_t row) {
    return validity == NULL || duckdb_validity_row_is_valid(validity, row);
}

void ps_serve_numbers(const struct ps_serve_field *field, duckdb_vector vector, idx_t row_count,
                      double *numbers, uint64_t *validity) {
    const void *data = duckdb_vector_get_data(vector);
    uint64_t *given = duckdb_vector_get_validity(vector);
    for (idx_t row = 0; row < row_count; row++) {
        if (field->type == DUCKDB_TYPE_SQLNULL || !is_valid(given, row)) {
            validity[row / 64] &= ~((uint64_t)1 << (row % 64));
            numbers[row] = 0;
        } else {
            numbers[row] = number_at(field, data, row);
        }
    }
}

/* ---- texts ---- */

/* A value of one of the rarer types; NULL for others. */
static duckdb_value value_at(const struct ps_serve_field *field, const void *data, idx_t row) {
    switch ((int)field->type) {
    case DUCKDB_TYPE_FLOAT: return duckdb_create_float(((const float *)data)[row]);
    case DUCKDB_TYPE_DOUBLE: return duckdb_create_double(((const double *)data)[row]);
    case DUCKDB_TYPE_UBIGINT: return duckdb_create_uint64(((const uint64_t *)data)[row]);
    case DUCKDB_TYPE_HUGEINT: return duckdb_create_hugeint(((const duckdb_hugeint *)data)[row]);
    case DUCKDB_TYPE_UHUGEINT: return duckdb_create_uhugeint(((const duckdb_uhugeint *)data)[row]);
    case DUCKDB_TYPE_DATE: return duckdb_create_date(((const duckdb_date *)data)[row]);
    case DUCKDB_TYPE_TIME: return duckdb_create_time(((const duckdb_time *)data)[row]);
    case DUCKDB_TYPE_TIMESTAMP: return duckdb_create_timestamp(((const duckdb_timestamp *)data)[row]);
    case DUCKDB_TYPE_TIMESTAMP_S: return duckdb_create_timestamp_s(((const duckdb_timestamp_s *)data)[row]);
    case DUCKDB_TYPE_TIMESTAMP_MS:
        return duckdb_create_timestamp_ms(((const duckdb_timestamp_ms *)data)[row]);
    case DUCKDB_TYPE_TIMESTAMP_NS:
        return duckdb_create_timestamp_ns(((const duckdb_timestamp_ns *)data)[row]);
    case DUCKDB_TYPE_UUID: {
        /* DuckDB keeps the first bit turned, so that they sort as numbers */
        const duckdb_hugeint stored = ((const duckdb_hugeint *)data)[row];
        return duckdb_create_uuid(
            (duckdb_uhugeint){.lower = stored.lower, .upper = (uint64_t)stored.upper ^ ((uint64_t)1 << 63)});
    }
    case DUCKDB_TYPE_DECIMAL: {
        duckdb_decimal decimal = {.width = field->width, .scale = field->scale};
        if (field->internal == DUCKDB_TYPE_HUGEINT) {
            decimal.value = ((const duckdb_hugeint *)data)[row];
        } else {
            const int64_t value = integer_at(field->internal, data, row);
            decimal.value = (duckdb_hugeint){.lower = (uint64_t)value, .upper = value < 0 ? -1 : 0};
        }
        return duckdb_create_decimal(decimal);
    }
    default: return NULL;
    }
}

static const char *rare_text(const struct ps_serve_field *field, const void *data, idx_t row,
                             struct ps_arena *arena) {
    duckdb_value value = value_at(field, data, row);
    char *text = value == NULL ? NULL : duckdb_get_varchar(value);
    const char *kept = text == NULL ? NULL : ps_arena_copy(arena, text);
    duckdb_free(text);
    if (value != NULL) {
        duckdb_destroy_value(&value);
    }
    return kept;
}

static idx_t label_at(const struct ps_serve_field *field, const void *data, idx_t row) {
    return (idx_t)(field->internal == DUCKDB_TYPE_UTINYINT    ? ((const uint8_t *)data)[row]
                   : field->internal == DUCKDB_TYPE_USMALLINT ? ((const uint16_t *)data)[row]
                                                              : ((const uint32_t *)data)[row]);
}

static const char *text_at(const struct ps_serve_field *field, const void *data, idx_t row,
                           struct ps_arena *arena) {
    switch ((int)field->type) {
    case DUCKDB_TYPE_ENUM: return field->labels[label_at(field, data, row)];
    case DUCKDB_TYPE_BOOLEAN: return ((const bool *)data)[row] ? "true" : "false";
    case DUCKDB_TYPE_TINYINT:
    case DUCKDB_TYPE_SMALLINT:
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_BIGINT:
    case DUCKDB_TYPE_UTINYINT:
    case DUCKDB_TYPE_USMALLINT:
    case DUCKDB_TYPE_UINTEGER:
        return ps_arena_printf(arena, "%lld", (long long)integer_at(field->type, data, row));
    default: return rare_text(field, data, row, arena);
    }
}

penstock_code ps_serve_texts(const struct ps_serve_field *field, duckdb_vector vector, idx_t row_count,
                             struct ps_arena *arena, struct ps_bytes *texts, uint64_t *validity,
                             struct penstock_error *error) {
    void *data = duckdb_vector_get_data(vector);
    uint64_t *given = duckdb_vector_get_validity(vector);
    for (idx_t row = 0; row < row_count; row++) {
        if (field->type == DUCKDB_TYPE_SQLNULL || !is_valid(given, row)) {
            validity[row / 64] &= ~((uint64_t)1 << (row % 64));
        } else if (field->type == DUCKDB_TYPE_VARCHAR) {
            duckdb_string_t *text = &((duckdb_string_t *)data)[row];
            texts[row] = (struct ps_bytes){duckdb_string_t_data(text), duckdb_string_t_length(*text)};
        } else {
            const char *text = text_at(field, data, row, arena);
            if (text == NULL) {
                return ps_error_memory(error, "the row of a prediction");
            }
            texts[row] = ps_bytes_of(text);
        }
    }
    return PENSTOCK_OK;
}
