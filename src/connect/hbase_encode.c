/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_encode.c - the text of a value, as SQL writes it, as HBase's bytes.
 *
 * Sinks and predicates come here. A value that the encoding cannot hold is refused with the column and the value; only
 * times are cut, to the unit of the encoding.
 */
#include "connect/hbase_encoding.h"

#include <math.h>
#include <stdio.h>

#include "connect/hbase_ordered.h"
#include "data/value.h"

/* Bytes of a value that an error quotes. */
#define QUOTE_SIZE_MAX 48
#define MICROS_OF_DAY INT64_C(86400000000)

penstock_code ps_hbase_refuse_value(const struct ps_column_schema *column, struct ps_bytes value,
                                    const char *why, struct penstock_error *error) {
    struct ps_buffer shown PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&shown, (size_t)8 * QUOTE_SIZE_MAX);
    ps_hbase_show(&shown,
                  (struct ps_bytes){value.data, value.size < QUOTE_SIZE_MAX ? value.size : QUOTE_SIZE_MAX});
    return ps_error_set(error, PENSTOCK_INVALID_DATA, "column %s: '%s%s' %s", column->name,
                        shown.data == NULL ? "" : shown.data, value.size > QUOTE_SIZE_MAX ? "..." : "", why);
}

int64_t ps_hbase_divide_down(int64_t value, int64_t divisor) {
    return value / divisor - (value % divisor < 0 ? 1 : 0);
}

void ps_hbase_add_integer(struct ps_buffer *out, uint64_t value, size_t size) {
    char bytes[8];
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (char)(unsigned char)(value >> (8 * (size - 1 - i)) & 0xFF);
    }
    ps_buffer_add(out, bytes, size);
}

/* --- texts of numbers and times ---------------------------------------------------------------------------------- */

static enum ps_hbase_fit fit_of(enum ps_value_result result) {
    return result == PS_VALUE_OK      ? PS_HBASE_FITS
           : result == PS_VALUE_RANGE ? PS_HBASE_MISFIT_RANGE
                                      : PS_HBASE_MISFIT_VALUE;
}

enum ps_hbase_fit ps_hbase_integer_of_text(enum ps_type type, struct ps_bytes text, int64_t *value_out) {
    if (type == PS_TYPE_BOOLEAN) {
        uint8_t truth;
        const enum ps_value_result result = ps_value_of_text(PS_TYPE_BOOLEAN, text, &truth, 0);
        *value_out = truth;
        return fit_of(result);
    }
    if (type == PS_TYPE_DATE) {
        int32_t days;
        const enum ps_value_result result = ps_value_of_text(PS_TYPE_DATE, text, &days, 0);
        *value_out = days;
        return fit_of(result);
    }
    return fit_of(ps_value_of_text(PS_TYPE_BIGINT, text, value_out, 0));
}

/* Also how SQL and Java write what is not finite. */
enum ps_hbase_fit ps_hbase_double_of_text(struct ps_bytes text, double *value_out) {
    static const struct {
        const char *name;
        double value;
    } words[] = {{"nan", (double)NAN},           {"inf", (double)INFINITY},
                 {"-inf", -(double)INFINITY},    {"+inf", (double)INFINITY},
                 {"infinity", (double)INFINITY}, {"-infinity", -(double)INFINITY},
                 {"+infinity", (double)INFINITY}};
    char word[12];
    if (text.size > 0 && text.size < sizeof word) {
        memcpy(word, text.data, text.size);
        word[text.size] = '\0';
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
            if (ps_text_equal_nocase(word, words[i].name)) {
                *value_out = words[i].value;
                return PS_HBASE_FITS;
            }
        }
    }
    return fit_of(ps_value_of_text(PS_TYPE_DOUBLE, text, value_out, 0));
}

enum ps_hbase_fit ps_hbase_micros_of_text(struct ps_bytes text, int64_t *micros_out) {
    return fit_of(ps_value_of_text(PS_TYPE_TIMESTAMP, text, micros_out, 0));
}

/* --- encodings --------------------------------------------------------------------------------------------------- */

static penstock_code refuse(enum ps_hbase_fit fit, enum ps_hbase_encoding encoding,
                            const struct ps_column_schema *column, struct ps_bytes value,
                            struct penstock_error *error) {
    char why[80];
    (void)snprintf(why, sizeof why, fit == PS_HBASE_MISFIT_RANGE ? "is out of range for %s" : "is not %s",
                   ps_hbase_encoding_what(encoding));
    return ps_hbase_refuse_value(column, value, why, error);
}

static penstock_code encode_integer(enum ps_hbase_encoding encoding, const struct ps_column_schema *column,
                                    struct ps_bytes value, struct ps_buffer *out,
                                    struct penstock_error *error) {
    const size_t size = ps_hbase_encoding_size(encoding, column->type);
    int64_t integer = 0;
    enum ps_hbase_fit fit = ps_hbase_integer_of_text(column->type, value, &integer);
    const int64_t max = INT64_MAX >> (8 * (8 - size));
    if (fit == PS_HBASE_FITS && (integer > max || integer < -max - 1)) {
        fit = PS_HBASE_MISFIT_RANGE;
    }
    if (fit != PS_HBASE_FITS) {
        return refuse(fit, encoding, column, value, error);
    }
    ps_hbase_add_integer(out, (uint64_t)integer, size);
    return PENSTOCK_OK;
}

/* A whole number that would be another one afterwards is out of range. */
static enum ps_hbase_fit keeps_integer(enum ps_type type, struct ps_bytes value, bool is_float) {
    int64_t integer = 0;
    const enum ps_hbase_fit fit = ps_hbase_integer_of_text(type, value, &integer);
    const double kept = is_float ? (double)(float)integer : (double)integer;
    /* 2^63 is the first double above all of them */
    const bool is_kept = kept < 9223372036854775808.0 && (int64_t)kept == integer;
    return fit != PS_HBASE_FITS || is_kept ? fit : PS_HBASE_MISFIT_RANGE;
}

static penstock_code encode_real(enum ps_hbase_encoding encoding, const struct ps_column_schema *column,
                                 struct ps_bytes value, struct ps_buffer *out, struct penstock_error *error) {
    double real = 0;
    enum ps_hbase_fit fit = ps_hbase_double_of_text(value, &real);
    const bool is_float = encoding == PS_HBASE_AS_FLOAT;
    if (fit == PS_HBASE_FITS && column->type <= PS_TYPE_BIGINT) {
        fit = keeps_integer(column->type, value, is_float);
    }
    if (fit == PS_HBASE_FITS && is_float && isfinite(real) && !isfinite((float)real)) {
        fit = PS_HBASE_MISFIT_RANGE;
    }
    if (fit != PS_HBASE_FITS) {
        return refuse(fit, encoding, column, value, error);
    }
    if (is_float) {
        const float single = (float)real;
        uint32_t bits;
        memcpy(&bits, &single, sizeof bits);
        ps_hbase_add_integer(out, bits, sizeof bits);
    } else {
        uint64_t bits;
        memcpy(&bits, &real, sizeof bits);
        ps_hbase_add_integer(out, bits, sizeof bits);
    }
    return PENSTOCK_OK;
}

static penstock_code encode_time(enum ps_hbase_encoding encoding, const struct ps_column_schema *column,
                                 struct ps_bytes value, struct ps_buffer *out, struct penstock_error *error) {
    const int64_t unit = encoding == PS_HBASE_AS_MICROS    ? 1
                         : encoding == PS_HBASE_AS_SECONDS ? 1000000
                                                           : 1000;
    int64_t micros = 0;
    const enum ps_hbase_fit fit = ps_hbase_micros_of_text(value, &micros);
    if (fit != PS_HBASE_FITS) {
        return refuse(fit, encoding, column, value, error);
    }
    const uint64_t units = (uint64_t)ps_hbase_divide_down(micros, unit);
    ps_hbase_add_integer(out, encoding == PS_HBASE_AS_REVERSED ? (uint64_t)INT64_MAX - units : units, 8);
    return PENSTOCK_OK;
}

static penstock_code encode_reversed(const struct ps_column_schema *column, struct ps_bytes value,
                                     struct ps_buffer *out, struct penstock_error *error) {
    if (column->type < PS_TYPE_TINYINT || column->type > PS_TYPE_BIGINT) {
        return encode_time(PS_HBASE_AS_REVERSED, column, value, out, error);
    }
    int64_t integer = 0;
    const enum ps_hbase_fit fit = ps_hbase_integer_of_text(column->type, value, &integer);
    if (fit != PS_HBASE_FITS) {
        return refuse(fit, PS_HBASE_AS_LONG, column, value, error);
    }
    ps_hbase_add_integer(out, (uint64_t)INT64_MAX - (uint64_t)integer, 8);
    return PENSTOCK_OK;
}

static penstock_code encode_boolean(const struct ps_column_schema *column, struct ps_bytes value,
                                    struct ps_buffer *out, struct penstock_error *error) {
    int64_t truth = 0;
    const enum ps_hbase_fit fit = ps_hbase_integer_of_text(column->type, value, &truth);
    if (fit != PS_HBASE_FITS) {
        return refuse(fit, PS_HBASE_AS_BOOLEAN, column, value, error);
    }
    ps_buffer_add(out, truth != 0 ? "\xFF" : "\0", 1);
    return PENSTOCK_OK;
}

static penstock_code encode_decimal(const struct ps_column_schema *column, struct ps_bytes value,
                                    struct ps_buffer *out, struct penstock_error *error) {
    struct ps_hbase_decimal decimal;
    if (!ps_hbase_decimal_of_text(value, &decimal)) {
        return refuse(PS_HBASE_MISFIT_VALUE, PS_HBASE_AS_DECIMAL, column, value, error);
    }
    ps_hbase_add_decimal(out, &decimal);
    return PENSTOCK_OK;
}

static penstock_code encode_text(const struct ps_column_schema *column, struct ps_bytes value,
                                 struct ps_buffer *out, struct penstock_error *error) {
    size_t bad;
    if (column->type != PS_TYPE_BLOB && !ps_bytes_is_utf8(value, &bad)) {
        return ps_hbase_refuse_value(column, value, "is not UTF-8", error);
    }
    ps_buffer_add(out, value.data == NULL ? "" : value.data, value.size);
    return PENSTOCK_OK;
}

/* Numbers, booleans and JSON as they are, everything else as a JSON string. */
static penstock_code encode_json(const struct ps_column_schema *column, struct ps_bytes value,
                                 struct ps_buffer *out, struct penstock_error *error) {
    size_t bad;
    double real = 0;
    if (!ps_bytes_is_utf8(value, &bad)) {
        return ps_hbase_refuse_value(column, value, "is not UTF-8", error);
    }
    const enum ps_type type = column->type;
    if ((type == PS_TYPE_FLOAT || type == PS_TYPE_DOUBLE) &&
        (ps_hbase_double_of_text(value, &real) != PS_HBASE_FITS || !isfinite(real))) {
        return ps_hbase_refuse_value(column, value, "is nothing that JSON has", error);
    }
    const enum ps_hbase_kind kind =
        type == PS_TYPE_CAST ? ps_hbase_kind_of(column->type_text) : PS_HBASE_KIND_OTHER;
    if (type <= PS_TYPE_DOUBLE || kind == PS_HBASE_KIND_NUMBER || kind == PS_HBASE_KIND_JSON) {
        return encode_text(column, value, out, error);
    }
    ps_buffer_json(out, value.data, value.size);
    return PENSTOCK_OK;
}

penstock_code ps_hbase_encode(enum ps_hbase_encoding encoding, const struct ps_column_schema *column,
                              struct ps_bytes value, struct ps_buffer *out, struct penstock_error *error) {
    switch (encoding) {
    case PS_HBASE_AS_BYTE:
    case PS_HBASE_AS_SHORT:
    case PS_HBASE_AS_INT:
    case PS_HBASE_AS_LONG: return encode_integer(encoding, column, value, out, error);
    case PS_HBASE_AS_FLOAT:
    case PS_HBASE_AS_DOUBLE: return encode_real(encoding, column, value, out, error);
    case PS_HBASE_AS_BOOLEAN: return encode_boolean(column, value, out, error);
    case PS_HBASE_AS_DECIMAL: return encode_decimal(column, value, out, error);
    case PS_HBASE_AS_SECONDS:
    case PS_HBASE_AS_MILLIS:
    case PS_HBASE_AS_MICROS: return encode_time(encoding, column, value, out, error);
    case PS_HBASE_AS_REVERSED: return encode_reversed(column, value, out, error);
    case PS_HBASE_AS_ORDERED:
    case PS_HBASE_AS_ORDERED_DESC:
    case PS_HBASE_AS_NUMERIC:
    case PS_HBASE_AS_NUMERIC_DESC:
    case PS_HBASE_AS_BLOB_LAST:
    case PS_HBASE_AS_BLOB_LAST_DESC: return ps_hbase_ordered_encode(encoding, column, value, out, error);
    case PS_HBASE_AS_JSON: return encode_json(column, value, out, error);
    case PS_HBASE_AS_BYTES:
    case PS_HBASE_AS_RAW:
    case PS_HBASE_AS_TEXT:
    case PS_HBASE_AS_PADDED: break; /* the key pads */
    }
    return encode_text(column, value, out, error);
}
