/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_numeric.c - OrderedBytes' numbers of variable length.
 *
 * A number is 0.M * 100^E with digits of base 100, two decimal digits each: one byte 2 * digit + 1, the last one 2 *
 * digit. The first byte tells sign and magnitude; E stands in it, or behind it as SQLite 4's varint. What belongs to
 * smaller numbers when it is greater is complemented.
 */
#include "connect/hbase_numeric.h"

#include <math.h>

#define NEGATIVE_INFINITY 0x07
#define NEGATIVE_LARGE 0x08
#define NEGATIVE_MEDIUM_MAX 0x13 /* less E */
#define NEGATIVE_SMALL 0x14
#define ZERO 0x15
#define POSITIVE_SMALL 0x16
#define POSITIVE_MEDIUM_MIN 0x17 /* and E */
#define POSITIVE_LARGE 0x22
#define POSITIVE_INFINITY 0x23
#define NOT_A_NUMBER 0x26

/* HBase rounds to so many decimal digits; here a number with more is refused. */
#define DIGIT_COUNT_MAX 31
/* HBase's encoder counts no further. */
#define EXPONENT_MAX 350
#define MEDIUM_EXPONENT_MAX 10
/* Header, two bytes of exponent, digits in pairs that need not begin with one. */
#define NUMBER_SIZE_MAX (1 + 2 + DIGIT_COUNT_MAX / 2 + 1)
/* The varint: below it one byte, and then two up to what is more than EXPONENT_MAX. */
#define VARINT_ONE_MAX 240

static unsigned char at_of(struct ps_bytes bytes, size_t index, unsigned char mask) {
    return (unsigned char)((unsigned char)bytes.data[index] ^ mask);
}

/* Bytes of the varint that begins with this one. */
static size_t varint_size(unsigned char first) {
    return first <= VARINT_ONE_MAX ? 1 : first <= 248 ? 2 : (size_t)first - 246;
}

struct form {
    bool is_number; /* else infinity, NaN, zero, or nothing of the kind */
    bool is_negative;
    bool has_exponent;                       /* behind the header; else: */
    int32_t exponent;                        /* it is in it */
    bool is_small;                           /* then it is negated */
    unsigned char exponent_mask, digit_mask; /* besides that of the order */
};

static struct form form_of(unsigned char header) {
    struct form form = {.is_number = true};
    form.is_negative = header <= NEGATIVE_SMALL;
    form.digit_mask = form.is_negative ? 0xFF : 0;
    form.is_small = header == NEGATIVE_SMALL || header == POSITIVE_SMALL;
    form.has_exponent = form.is_small || header == NEGATIVE_LARGE || header == POSITIVE_LARGE;
    form.exponent_mask = header == NEGATIVE_LARGE || header == POSITIVE_SMALL ? 0xFF : 0;
    if (header > NEGATIVE_LARGE && header <= NEGATIVE_MEDIUM_MAX) {
        form.exponent = NEGATIVE_MEDIUM_MAX - header;
    } else if (header >= POSITIVE_MEDIUM_MIN && header < POSITIVE_LARGE) {
        form.exponent = header - POSITIVE_MEDIUM_MIN;
    } else {
        form.is_number = form.has_exponent;
    }
    return form;
}

size_t ps_hbase_numeric_measure(struct ps_bytes bytes, unsigned char mask) {
    const unsigned char header = at_of(bytes, 0, mask);
    const struct form form = form_of(header);
    if (header == NEGATIVE_INFINITY || header == ZERO || header == POSITIVE_INFINITY ||
        header == NOT_A_NUMBER) {
        return 1;
    }
    if (!form.is_number) {
        return 0;
    }
    size_t at = 1;
    if (form.has_exponent && bytes.size > 1) {
        at += varint_size(at_of(bytes, 1, mask ^ form.exponent_mask));
    }
    for (; at < bytes.size; at++) {
        if ((at_of(bytes, at, mask ^ form.digit_mask) & 1) == 0) {
            return at + 1;
        }
    }
    return 0;
}

/* --- values to bytes --------------------------------------------------------------------------------------------- */

static size_t put_exponent(unsigned char *to, uint32_t exponent, unsigned char mask) {
    if (exponent <= VARINT_ONE_MAX) {
        to[0] = (unsigned char)(exponent ^ mask);
        return 1;
    }
    const uint32_t rest = exponent - VARINT_ONE_MAX;
    to[0] = (unsigned char)((rest / 256 + VARINT_ONE_MAX + 1) ^ mask);
    to[1] = (unsigned char)((rest % 256) ^ mask);
    return 2;
}

/* Header and exponent; their size. */
static size_t put_magnitude(unsigned char *to, int32_t exponent, bool is_negative) {
    if (exponent > MEDIUM_EXPONENT_MAX) {
        to[0] = is_negative ? NEGATIVE_LARGE : POSITIVE_LARGE;
        return 1 + put_exponent(to + 1, (uint32_t)exponent, is_negative ? 0xFF : 0);
    }
    if (exponent > 0) {
        to[0] =
            (unsigned char)(is_negative ? NEGATIVE_MEDIUM_MAX - exponent : POSITIVE_MEDIUM_MIN + exponent);
        return 1;
    }
    to[0] = is_negative ? NEGATIVE_SMALL : POSITIVE_SMALL;
    return 1 + put_exponent(to + 1, (uint32_t)-exponent, is_negative ? 0 : 0xFF);
}

/* The bytes in ascending order; their count, 0 if HBase cannot write the number. */
static size_t put_number(unsigned char *to, const struct ps_hbase_decimal *decimal) {
    size_t count = decimal->count;
    int64_t point = (int64_t)count + decimal->exponent; /* places before it: value = 0.digits * 10^point */
    while (count > 0 && decimal->digits[count - 1] == 0) {
        count--;
    }
    if (count == 0) {
        to[0] = ZERO;
        return 1;
    }
    const int64_t exponent = ps_hbase_divide_down(point + 1, 2);
    if (count > DIGIT_COUNT_MAX || exponent > EXPONENT_MAX || exponent < -EXPONENT_MAX) {
        return 0;
    }
    size_t size = put_magnitude(to, (int32_t)exponent, decimal->is_negative);
    const unsigned char mask = decimal->is_negative ? 0xFF : 0;
    const size_t shift = point != 2 * exponent ? 1 : 0; /* the first pair is 0 and a digit */
    for (size_t i = 0; i < count + shift; i += 2) {
        const unsigned tens = i < shift ? 0 : decimal->digits[i - shift];
        const unsigned ones = i + 1 - shift < count ? decimal->digits[i + 1 - shift] : 0;
        const unsigned more = i + 2 < count + shift ? 1 : 0;
        to[size++] = (unsigned char)((2 * (10 * tens + ones) + more) ^ mask);
    }
    return size;
}

penstock_code ps_hbase_numeric_encode(const struct ps_column_schema *column, struct ps_bytes value,
                                      struct ps_buffer *out, unsigned char mask,
                                      struct penstock_error *error) {
    unsigned char bytes[NUMBER_SIZE_MAX];
    size_t size = 0;
    double real = 0;
    struct ps_hbase_decimal decimal;
    if (ps_hbase_decimal_of_text(value, &decimal)) {
        size = put_number(bytes, &decimal);
    } else if ((column->type == PS_TYPE_FLOAT || column->type == PS_TYPE_DOUBLE) &&
               ps_hbase_double_of_text(value, &real) == PS_HBASE_FITS) {
        bytes[0] = isnan(real) ? NOT_A_NUMBER : real > 0 ? POSITIVE_INFINITY : NEGATIVE_INFINITY;
        size = 1;
    }
    if (size == 0) {
        return ps_hbase_refuse_value(column, value,
                                     "is no number of at most 31 digits, as OrderedBytes has them", error);
    }
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (unsigned char)(bytes[i] ^ mask);
    }
    ps_buffer_add(out, (const char *)bytes, size);
    return PENSTOCK_OK;
}

/* --- bytes to values --------------------------------------------------------------------------------------------- */

/* The number that the bytes look like; whether they are its only form is for the caller to see. */
static bool read_number(struct ps_bytes bytes, unsigned char mask, struct ps_hbase_decimal *decimal) {
    const struct form form = form_of(at_of(bytes, 0, mask));
    int32_t exponent = form.exponent;
    size_t at = 1;
    if (form.has_exponent) {
        const unsigned char first = at_of(bytes, 1, mask ^ form.exponent_mask);
        at += varint_size(first);
        if (varint_size(first) > 2) {
            return false;
        }
        exponent = first <= VARINT_ONE_MAX ? first
                                           : (first - VARINT_ONE_MAX - 1) * 256 +
                                                 at_of(bytes, 2, mask ^ form.exponent_mask) + VARINT_ONE_MAX;
        exponent = form.is_small ? -exponent : exponent;
    }
    const size_t pair_count = bytes.size - at;
    if (pair_count * 2 > DIGIT_COUNT_MAX + 2) {
        return false;
    }
    for (; at < bytes.size; at++) {
        const unsigned pair = at_of(bytes, at, mask ^ form.digit_mask) / 2U;
        if (pair > 99) {
            return false;
        }
        if (decimal->count > 0 || pair >= 10) {
            decimal->digits[decimal->count++] = (uint8_t)(pair / 10);
        }
        if (decimal->count > 0 || pair > 0) {
            decimal->digits[decimal->count++] = (uint8_t)(pair % 10);
        }
    }
    decimal->is_negative = form.is_negative;
    decimal->exponent = 2 * exponent - 2 * (int32_t)pair_count;
    return true;
}

enum ps_hbase_fit ps_hbase_numeric_decode(struct ps_bytes bytes, unsigned char mask,
                                          const struct ps_hbase_slot *slot) {
    if (bytes.size == 0 || ps_hbase_numeric_measure(bytes, mask) != bytes.size) {
        return PS_HBASE_MISFIT_VALUE;
    }
    switch (at_of(bytes, 0, mask)) {
    case ZERO: return ps_hbase_store_integer(slot, 0);
    case NOT_A_NUMBER:
        return slot->column->type == PS_TYPE_CAST ? PS_HBASE_MISFIT_RANGE
                                                  : ps_hbase_store_double(slot, (double)NAN);
    case POSITIVE_INFINITY:
    case NEGATIVE_INFINITY:
        return slot->column->type == PS_TYPE_CAST
                   ? PS_HBASE_MISFIT_RANGE
                   : ps_hbase_store_double(slot, at_of(bytes, 0, mask) == POSITIVE_INFINITY
                                                     ? (double)INFINITY
                                                     : -(double)INFINITY);
    default: break;
    }
    struct ps_hbase_decimal decimal = {.count = 0};
    unsigned char again[NUMBER_SIZE_MAX];
    if (!read_number(bytes, mask, &decimal) || put_number(again, &decimal) != bytes.size) {
        return PS_HBASE_MISFIT_VALUE;
    }
    for (size_t i = 0; i < bytes.size; i++) {
        if (again[i] != at_of(bytes, i, mask)) {
            return PS_HBASE_MISFIT_VALUE;
        }
    }
    while (decimal.count > 0 && decimal.digits[decimal.count - 1] == 0) {
        decimal.count--;
        decimal.exponent++;
    }
    ps_buffer_clear(slot->scratch);
    ps_hbase_render_digits(slot->scratch, &decimal);
    return slot->scratch->failed
               ? PS_HBASE_NO_MEMORY
               : ps_hbase_store_copy(slot, (struct ps_bytes){slot->scratch->data, slot->scratch->size});
}
