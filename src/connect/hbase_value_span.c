/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_value_span.c - from a comparison of values to spans of their bytes, encoding by encoding.
 *
 *   same       bytes are ordered as the values are: text, bytes, OrderedBytes, padded digits from 0 on
 *   opposite   the other way round: reversed times, descending OrderedBytes
 *   signed     two's complement: values from 0 on are 0x00.. to 0x7F.., those below 0x80.. to 0xFF.., each ascending
 *   floating   IEEE 754: as signed, but values below 0 descend; both zeros are equal, and every NaN is greater than
 *              all other values, as DuckDB has it, also one with a sign
 */
#include <math.h>

#include "base/option.h"
#include "connect/hbase_encoding.h"
#include "connect/hbase_span.h"
#include "data/value.h"

enum ordering {
    ORDERING_NONE,
    ORDERING_SAME,
    ORDERING_OPPOSITE,
    ORDERING_SIGNED,
    ORDERING_FLOATING,
    ORDERING_BOOLEAN,
    ORDERING_PADDED
};

/* The condition while it is translated. */
struct translation {
    const struct ps_hbase_mapping *mapping;
    const struct ps_hbase_field *field;
    const struct ps_column_schema *column;
    struct ps_arena *arena;
    struct ps_hbase_spans *spans;
    struct penstock_error *error;
};

static const struct ps_bytes nothing = {"", 0};
static const struct ps_bytes sign_bit = {"\x80", 1};

static bool is_integer(enum ps_type type) {
    return type >= PS_TYPE_TINYINT && type <= PS_TYPE_BIGINT;
}

static enum ordering ordering_of(enum ps_hbase_encoding encoding, enum ps_type type) {
    const enum ps_hbase_order order = ps_hbase_encoding_order(encoding, type);
    switch (encoding) {
    case PS_HBASE_AS_BOOLEAN: return ORDERING_BOOLEAN;
    case PS_HBASE_AS_FLOAT: return type == PS_TYPE_FLOAT ? ORDERING_FLOATING : ORDERING_NONE;
    case PS_HBASE_AS_DOUBLE: return type == PS_TYPE_DOUBLE ? ORDERING_FLOATING : ORDERING_NONE;
    case PS_HBASE_AS_PADDED: return order == PS_HBASE_ORDER_NONE ? ORDERING_NONE : ORDERING_PADDED;
    case PS_HBASE_AS_BYTE:
    case PS_HBASE_AS_SHORT:
    case PS_HBASE_AS_INT:
    case PS_HBASE_AS_LONG: return is_integer(type) || type == PS_TYPE_DATE ? ORDERING_SIGNED : ORDERING_NONE;
    case PS_HBASE_AS_SECONDS:
    case PS_HBASE_AS_MILLIS:
    case PS_HBASE_AS_MICROS: return type == PS_TYPE_TIMESTAMP ? ORDERING_SIGNED : ORDERING_NONE;
    case PS_HBASE_AS_REVERSED:
    case PS_HBASE_AS_RAW:
    case PS_HBASE_AS_TEXT:
    case PS_HBASE_AS_ORDERED:
    case PS_HBASE_AS_ORDERED_DESC:
    case PS_HBASE_AS_NUMERIC:
    case PS_HBASE_AS_NUMERIC_DESC:
    case PS_HBASE_AS_BLOB_LAST:
    case PS_HBASE_AS_BLOB_LAST_DESC:
        return order == PS_HBASE_ORDER_SAME       ? ORDERING_SAME
               : order == PS_HBASE_ORDER_OPPOSITE ? ORDERING_OPPOSITE
                                                  : ORDERING_NONE;
    case PS_HBASE_AS_BYTES:
    case PS_HBASE_AS_DECIMAL:
    case PS_HBASE_AS_JSON: break;
    }
    return ORDERING_NONE;
}

/* --- spans -------------------------------------------------------------------------------------------------- */

static penstock_code add(struct translation *translation, struct ps_hbase_span span) {
    return ps_hbase_spans_add(translation->spans, &span, translation->arena, translation->error);
}

static struct ps_hbase_span between(struct ps_bytes low, bool low_is_open, struct ps_bytes high,
                                    bool high_is_in) {
    return (struct ps_hbase_span){
        .low = low, .low_is_open = low_is_open, .high = high, .high_is_in = high_is_in, .has_high = true};
}

static struct ps_hbase_span from(struct ps_bytes low, bool is_open) {
    return (struct ps_hbase_span){.low = low, .low_is_open = is_open};
}

static penstock_code add_all_but(struct translation *translation, struct ps_bytes value) {
    PS_TRY(add(translation, between(nothing, false, value, false)));
    return add(translation, from(value, true));
}

/* --- same and opposite -------------------------------------------------------------------------------------- */

static enum ps_predicate_kind turned(enum ps_predicate_kind kind) {
    return kind == PS_PREDICATE_LESS            ? PS_PREDICATE_GREATER
           : kind == PS_PREDICATE_LESS_EQUAL    ? PS_PREDICATE_GREATER_EQUAL
           : kind == PS_PREDICATE_GREATER_EQUAL ? PS_PREDICATE_LESS_EQUAL
           : kind == PS_PREDICATE_GREATER       ? PS_PREDICATE_LESS
                                                : kind;
}

/* OrderedBytes write a NULL as one byte, before all values or, descending, behind them: no comparison holds for it. */
static struct ps_hbase_span without_null(const struct translation *translation, struct ps_hbase_span span) {
    if (ps_hbase_encoding_is_ordered_bytes(translation->field->encoding)) {
        if (span.low.size == 0) {
            span.low = (struct ps_bytes){"\x06", 1};
        }
        if (!span.has_high) {
            span.has_high = true;
            span.high = (struct ps_bytes){"\xFA", 1};
        }
    }
    return span;
}

/* `least` and `most`: the bytes of the value; they differ for a zero, which has two forms. */
static penstock_code add_same(struct translation *translation, enum ps_predicate_kind kind,
                              struct ps_bytes least, struct ps_bytes most) {
    struct ps_hbase_span span = between(least, false, most, true);
    switch (kind) {
    case PS_PREDICATE_LESS: span = between(nothing, false, least, false); break;
    case PS_PREDICATE_LESS_EQUAL: span = between(nothing, false, most, true); break;
    case PS_PREDICATE_GREATER_EQUAL: span = from(least, false); break;
    case PS_PREDICATE_GREATER: span = from(most, true); break;
    case PS_PREDICATE_NOT_EQUAL:
        PS_TRY(add(translation, without_null(translation, between(nothing, false, least, false))));
        span = from(most, true);
        break;
    case PS_PREDICATE_EQUAL:
    case PS_PREDICATE_IN:
    case PS_PREDICATE_ALL:
    case PS_PREDICATE_ANY:
    case PS_PREDICATE_PREFIX:
    case PS_PREDICATE_IS_NULL:
    case PS_PREDICATE_IS_NOT_NULL: break;
    }
    return add(translation, without_null(translation, span));
}

/* --- signed ------------------------------------------------------------------------------------------------- */

static penstock_code add_signed(struct translation *translation, enum ps_predicate_kind kind,
                                struct ps_bytes value) {
    const bool is_negative = ((unsigned char)value.data[0] & 0x80) != 0;
    const bool is_in = kind == PS_PREDICATE_LESS_EQUAL || kind == PS_PREDICATE_GREATER_EQUAL;
    if (kind == PS_PREDICATE_NOT_EQUAL) {
        return add_all_but(translation, value);
    }
    if (kind == PS_PREDICATE_GREATER || kind == PS_PREDICATE_GREATER_EQUAL) {
        if (is_negative) {
            PS_TRY(add(translation, between(nothing, false, sign_bit, false)));
            return add(translation, from(value, !is_in));
        }
        return add(translation, between(value, !is_in, sign_bit, false));
    }
    if (kind == PS_PREDICATE_LESS || kind == PS_PREDICATE_LESS_EQUAL) {
        if (is_negative) {
            return add(translation, between(sign_bit, false, value, is_in));
        }
        PS_TRY(add(translation, between(nothing, false, value, is_in)));
        return add(translation, from(sign_bit, false));
    }
    return add(translation, between(value, false, value, true));
}

/* --- floating ----------------------------------------------------------------------------------------------- */

static penstock_code add_greater(struct translation *translation, bool is_in, bool is_negative, bool is_zero,
                                 struct ps_bytes value, struct ps_bytes minus_zero,
                                 struct ps_bytes minus_infinity) {
    PS_TRY(add(translation, from(minus_infinity, true))); /* NaN with a sign; others are among the positive */
    if (is_zero && is_in) {
        PS_TRY(add(translation, between(minus_zero, false, minus_zero, true)));
    }
    return add(translation,
               is_negative ? between(nothing, false, value, is_in) : between(value, !is_in, sign_bit, false));
}

static penstock_code add_less(struct translation *translation, bool is_in, bool is_negative, bool is_zero,
                              struct ps_bytes value, struct ps_bytes minus_zero,
                              struct ps_bytes minus_infinity) {
    if (is_negative) {
        return add(translation, between(value, !is_in, minus_infinity, true));
    }
    if (is_zero && !is_in) {
        return add(translation, between(minus_zero, true, minus_infinity, true));
    }
    PS_TRY(add(translation, between(nothing, false, value, is_in)));
    return add(translation, between(sign_bit, false, minus_infinity, true));
}

static penstock_code add_floating(struct translation *translation, enum ps_predicate_kind kind,
                                  struct ps_bytes value) {
    static const char zero[8] = "\0\0\0\0\0\0\0", minus_zero_bytes[8] = "\x80\0\0\0\0\0\0",
                      minus_infinity_8[8] = "\xFF\xF0\0\0\0\0\0", minus_infinity_4[4] = "\xFF\x80\0";
    const struct ps_bytes minus_zero = {minus_zero_bytes, value.size};
    const struct ps_bytes minus_infinity = {value.size == 8 ? minus_infinity_8 : minus_infinity_4,
                                            value.size};
    const struct ps_bytes plus_zero = {zero, value.size};
    const bool is_zero = ps_bytes_equal(value, plus_zero) || ps_bytes_equal(value, minus_zero);
    value = is_zero ? plus_zero : value;
    const bool is_negative = ((unsigned char)value.data[0] & 0x80) != 0;
    const bool is_in = kind == PS_PREDICATE_LESS_EQUAL || kind == PS_PREDICATE_GREATER_EQUAL;
    if (kind == PS_PREDICATE_GREATER || kind == PS_PREDICATE_GREATER_EQUAL) {
        return add_greater(translation, is_in, is_negative, is_zero, value, minus_zero, minus_infinity);
    }
    if (kind == PS_PREDICATE_LESS || kind == PS_PREDICATE_LESS_EQUAL) {
        return add_less(translation, is_in, is_negative, is_zero, value, minus_zero, minus_infinity);
    }
    if (kind == PS_PREDICATE_NOT_EQUAL) {
        PS_TRY(add(translation, between(nothing, false, value, false)));
        PS_TRY(is_zero ? add(translation, between(value, true, minus_zero, false)) : PENSTOCK_OK);
        return add(translation, from(is_zero ? minus_zero : value, true));
    }
    if (is_zero) {
        PS_TRY(add(translation, between(minus_zero, false, minus_zero, true)));
    }
    return add(translation, between(value, false, value, true));
}

/* --- digits with zeros in front ------------------------------------------------------------------------------- */

/* "-" comes before all digits, and behind it greater digits are smaller numbers. */
static penstock_code add_padded(struct translation *translation, enum ps_predicate_kind kind,
                                struct ps_bytes value, const char **why_out) {
    if (value.data[0] != '-' || kind == PS_PREDICATE_EQUAL || kind == PS_PREDICATE_NOT_EQUAL ||
        kind == PS_PREDICATE_IN) {
        return add_same(translation, kind, value, value);
    }
    if (kind == PS_PREDICATE_GREATER || kind == PS_PREDICATE_GREATER_EQUAL) {
        *why_out = "digits below zero are not ordered as bytes";
        return PENSTOCK_OK;
    }
    translation->spans->is_exact = false;
    return add(translation, between(nothing, false, (struct ps_bytes){"0", 1}, false));
}

/* --- one value ---------------------------------------------------------------------------------------------- */

static penstock_code encode(const struct translation *translation, struct ps_bytes value,
                            struct ps_bytes *bytes_out, bool *is_encoded_out) {
    struct ps_buffer bytes PS_SCOPED(ps_buffer_done);
    struct penstock_error own;
    const enum ps_hbase_encoding encoding = translation->field->encoding;
    ps_buffer_init(&bytes, (size_t)16 << 20);
    *is_encoded_out = false;
    if (encoding == PS_HBASE_AS_TEXT || encoding == PS_HBASE_AS_RAW) {
        *bytes_out = value; /* also what is only the beginning of one, and too short for its part */
        *is_encoded_out = true;
        return PENSTOCK_OK;
    }
    const penstock_code code =
        ps_hbase_value_encode(translation->mapping, translation->field, value, &bytes, &own);
    if (code != PENSTOCK_OK || bytes.size == 0) {
        return code == PENSTOCK_OUT_OF_MEMORY ? ps_error_memory(translation->error, "a condition")
                                              : PENSTOCK_OK;
    }
    const char *copy = ps_arena_copy_size(translation->arena, bytes.data, bytes.size);
    if (copy == NULL) {
        return ps_error_memory(translation->error, "a condition");
    }
    *bytes_out = (struct ps_bytes){copy, bytes.size};
    *is_encoded_out = true;
    return PENSTOCK_OK;
}

/* Microseconds of the encoding's unit of time; 1 if there is none, 0 if it is not known here. */
static int64_t unit_of(const struct translation *translation) {
    if (translation->column->type != PS_TYPE_TIMESTAMP) {
        return 1;
    }
    const enum ps_hbase_encoding encoding = translation->field->encoding;
    return encoding == PS_HBASE_AS_SECONDS                                      ? 1000000
           : encoding == PS_HBASE_AS_MILLIS || encoding == PS_HBASE_AS_REVERSED ? 1000
           : encoding == PS_HBASE_AS_MICROS                                     ? 1
                                                                                : 0;
}

/* A time between two units is cut to the one before it: what is compared with it must not. */
static enum ps_predicate_kind cut(struct translation *translation, enum ps_predicate_kind kind,
                                  struct ps_bytes value, const char **why_out) {
    const int64_t unit = unit_of(translation);
    int64_t us = 0;
    if (unit == 1) {
        return kind;
    }
    const bool is_known = ps_value_of_text(PS_TYPE_TIMESTAMP, value, &us, 0) == PS_VALUE_OK;
    if (!is_known || (unit == 0 && (kind == PS_PREDICATE_EQUAL || kind == PS_PREDICATE_NOT_EQUAL))) {
        *why_out = is_known ? "times are cut to a unit in this encoding" : "the time cannot be compared";
        return kind;
    }
    if (unit == 0) {
        translation->spans->is_exact = false;
        return kind == PS_PREDICATE_GREATER ? PS_PREDICATE_GREATER_EQUAL
               : kind == PS_PREDICATE_LESS  ? PS_PREDICATE_LESS_EQUAL
                                            : kind;
    }
    if (us % unit == 0) {
        return kind;
    }
    if (kind == PS_PREDICATE_EQUAL || kind == PS_PREDICATE_NOT_EQUAL) {
        *why_out = "no cell can hold that time exactly";
    }
    return kind == PS_PREDICATE_GREATER_EQUAL ? PS_PREDICATE_GREATER
           : kind == PS_PREDICATE_LESS        ? PS_PREDICATE_LESS_EQUAL
                                              : kind;
}

static bool is_finite(const struct translation *translation, struct ps_bytes value) {
    double number = 0;
    const enum ps_type type = translation->column->type;
    return (type != PS_TYPE_FLOAT && type != PS_TYPE_DOUBLE) || ps_parse_double(value.data, &number);
}

static penstock_code translate_value(struct translation *translation, enum ps_predicate_kind kind,
                                     struct ps_bytes value, const char **why_out) {
    const enum ps_type type = translation->column->type;
    const enum ordering ordering = ordering_of(translation->field->encoding, type);
    struct ps_bytes bytes = nothing, other = nothing;
    bool is_encoded = false, is_other_encoded = false;
    kind = cut(translation, kind, value, why_out);
    if (*why_out != NULL) {
        return PENSTOCK_OK;
    }
    PS_TRY(encode(translation, value, &bytes, &is_encoded));
    if (!is_encoded || !is_finite(translation, value)) {
        *why_out = "the encoding has no such value";
        return PENSTOCK_OK;
    }
    switch (ordering) {
    case ORDERING_SIGNED: return add_signed(translation, kind, bytes);
    case ORDERING_FLOATING: return add_floating(translation, kind, bytes);
    case ORDERING_PADDED: return add_padded(translation, kind, bytes, why_out);
    case ORDERING_BOOLEAN:
        return strcmp(value.data, "true") == 0 ? add_all_but(translation, (struct ps_bytes){"\0", 1})
                                               : add(translation, between((struct ps_bytes){"\0", 1}, false,
                                                                          (struct ps_bytes){"\0", 1}, true));
    case ORDERING_SAME:
    case ORDERING_OPPOSITE:
    case ORDERING_NONE: break;
    }
    double number = 1;
    if ((type == PS_TYPE_FLOAT || type == PS_TYPE_DOUBLE) && ps_parse_double(value.data, &number) &&
        fpclassify(number) == FP_ZERO) {
        PS_TRY(encode(translation, PS_BYTES("0.0"), &bytes, &is_encoded));
        PS_TRY(encode(translation, PS_BYTES("-0.0"), &other, &is_other_encoded));
        if (!is_encoded || !is_other_encoded) {
            *why_out = "the encoding has no such value";
            return PENSTOCK_OK;
        }
    } else {
        other = bytes;
    }
    const bool is_other_less = ps_hbase_compare(other, bytes) < 0;
    return add_same(translation, ordering == ORDERING_OPPOSITE ? turned(kind) : kind,
                    is_other_less ? other : bytes, is_other_less ? bytes : other);
}

static penstock_code translate_prefix(struct translation *translation, struct ps_bytes prefix,
                                      const char **why_out) {
    if (translation->field->encoding != PS_HBASE_AS_TEXT && translation->field->encoding != PS_HBASE_AS_RAW) {
        *why_out = "a prefix of the text is none of its bytes";
        return PENSTOCK_OK;
    }
    struct ps_bytes behind;
    PS_TRY(ps_hbase_behind(prefix, translation->arena, &behind, translation->error));
    return add(translation, behind.size == 0 ? from(prefix, false) : between(prefix, false, behind, false));
}

penstock_code ps_hbase_spans_of(const struct ps_hbase_mapping *mapping, const struct ps_hbase_field *field,
                                const struct ps_predicate *predicate, struct ps_arena *arena,
                                struct ps_hbase_spans *spans_out, const char **why_out,
                                struct penstock_error *error) {
    const struct ps_column_schema *const column = &mapping->schema->columns[field->column];
    struct ps_hbase_spans spans = {.is_exact = predicate->is_exact};
    struct translation translation = {.mapping = mapping,
                                      .field = field,
                                      .column = column,
                                      .arena = arena,
                                      .spans = &spans,
                                      .error = error};
    *why_out = NULL;
    if (ordering_of(field->encoding, column->type) == ORDERING_NONE) {
        *why_out = ps_arena_printf(arena, "%s cells are not compared byte by byte",
                                   ps_hbase_encoding_name(field->encoding));
        return *why_out == NULL ? ps_error_memory(error, "a condition") : PENSTOCK_OK;
    }
    const enum ps_predicate_kind kind =
        predicate->kind == PS_PREDICATE_IN ? PS_PREDICATE_EQUAL : predicate->kind;
    for (size_t i = 0; i < predicate->value_count && *why_out == NULL; i++) {
        PS_TRY(kind == PS_PREDICATE_PREFIX
                   ? translate_prefix(&translation, predicate->values[i], why_out)
                   : translate_value(&translation, kind, predicate->values[i], why_out));
    }
    *spans_out = spans;
    return PENSTOCK_OK;
}
