/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_decimal.c - decimal numbers between their text, their digits, and the bytes of a Java BigDecimal.
 *
 * Digits, because OrderedBytes are made of digits, too, and because a DECIMAL has more of them than any number that the
 * processor knows.
 */
#include <limits.h>

#include "connect/hbase_encoding.h"
#include "data/render.h"

/* Powers of ten beyond it are no numbers that anything here can hold; far from overflowing in what follows. */
#define EXPONENT_MAX 100000
/* A number with more places than this behind or before its digits is written with an exponent. */
#define PLAIN_ZEROS_MAX 60

static bool is_digit(char character) {
    return character >= '0' && character <= '9';
}

/* Digits from `at` on, into the decimal; how many places there were. False: too many digits. */
static bool take_digits(struct ps_bytes text, size_t *at, struct ps_hbase_decimal *decimal,
                        size_t *places_out) {
    const size_t first = *at;
    for (; *at < text.size && is_digit(text.data[*at]); ++*at) {
        const uint8_t digit = (uint8_t)(text.data[*at] - '0');
        if (digit == 0 && decimal->count == 0) {
            continue;
        }
        if (decimal->count == PS_HBASE_DIGIT_COUNT_MAX) {
            return false;
        }
        decimal->digits[decimal->count++] = digit;
    }
    *places_out = *at - first;
    return *places_out <= EXPONENT_MAX;
}

static bool take_exponent(struct ps_bytes text, size_t *at, int32_t *exponent_out) {
    const bool is_negative = *at < text.size && text.data[*at] == '-';
    *at += *at < text.size && (text.data[*at] == '-' || text.data[*at] == '+') ? 1 : 0;
    const size_t first = *at;
    int32_t value = 0;
    for (; *at < text.size && is_digit(text.data[*at]) && value <= EXPONENT_MAX; ++*at) {
        value = value * 10 + (text.data[*at] - '0');
    }
    *exponent_out = is_negative ? -value : value;
    return *at > first && value <= EXPONENT_MAX;
}

bool ps_hbase_decimal_of_text(struct ps_bytes text, struct ps_hbase_decimal *decimal_out) {
    struct ps_hbase_decimal decimal = {.is_negative = text.size > 0 && text.data[0] == '-'};
    size_t at = text.size > 0 && (text.data[0] == '-' || text.data[0] == '+') ? 1 : 0;
    size_t before = 0, behind = 0;
    int32_t exponent = 0;
    if (!take_digits(text, &at, &decimal, &before)) {
        return false;
    }
    if (at < text.size && text.data[at] == '.') {
        at++;
        if (!take_digits(text, &at, &decimal, &behind)) {
            return false;
        }
    }
    if (at < text.size && (text.data[at] == 'e' || text.data[at] == 'E')) {
        at++;
        if (!take_exponent(text, &at, &exponent)) {
            return false;
        }
    }
    if (before + behind == 0 || at != text.size) {
        return false;
    }
    decimal.exponent = exponent - (int32_t)behind;
    decimal.is_negative = decimal.is_negative && decimal.count > 0;
    *decimal_out = decimal;
    return true;
}

static void add_digits(struct ps_buffer *out, const uint8_t *digits, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const char digit = (char)('0' + digits[i]);
        ps_buffer_add(out, &digit, 1);
    }
}

static void add_zeros(struct ps_buffer *out, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        ps_buffer_add(out, "0", 1);
    }
}

void ps_hbase_render_digits(struct ps_buffer *out, const struct ps_hbase_decimal *decimal) {
    const int64_t exponent = decimal->exponent;
    /* digits before the dot; if not above 0, as many zeros stand behind it */
    const int64_t whole = (int64_t)decimal->count + exponent;
    ps_buffer_text(out, decimal->is_negative ? "-" : "");
    if (exponent > PLAIN_ZEROS_MAX || whole < -PLAIN_ZEROS_MAX) {
        add_digits(out, decimal->digits, decimal->count);
        ps_buffer_text(out, decimal->count == 0 ? "0" : "");
        ps_buffer_printf(out, "e%d", (int)exponent);
        return;
    }
    if (whole > 0 && decimal->count > 0) {
        const size_t shown = exponent >= 0 ? decimal->count : (size_t)whole;
        add_digits(out, decimal->digits, shown);
        add_zeros(out, exponent);
    } else {
        ps_buffer_text(out, "0");
    }
    if (exponent < 0) {
        const int64_t first = whole > 0 ? whole : 0;
        ps_buffer_text(out, ".");
        add_zeros(out, -whole);
        add_digits(out, decimal->digits + first, decimal->count - (size_t)first);
    }
}

/* --- BigDecimal -------------------------------------------------------------------------------------------------- */

/* The digits as a number in 32-bit limbs, the least first; how many. */
static size_t limbs_of(const struct ps_hbase_decimal *decimal, uint32_t *limbs) {
    size_t count = 0;
    for (size_t i = 0; i < decimal->count; i++) {
        uint64_t carry = decimal->digits[i];
        for (size_t k = 0; k < count; k++) {
            carry += (uint64_t)limbs[k] * 10;
            limbs[k] = (uint32_t)carry;
            carry >>= 32;
        }
        if (carry > 0) {
            limbs[count++] = (uint32_t)carry;
        }
    }
    return count;
}

void ps_hbase_add_decimal(struct ps_buffer *out, const struct ps_hbase_decimal *decimal) {
    uint32_t limbs[PS_RENDER_DECIMAL_SIZE_MAX / 4] = {0};
    const size_t count = limbs_of(decimal, limbs);
    char bytes[PS_RENDER_DECIMAL_SIZE_MAX + 1];
    size_t first = sizeof bytes;
    uint32_t carry = decimal->is_negative ? 1 : 0;
    /* two's complement, with a byte in front for the sign; then without the bytes that say nothing */
    for (size_t i = 0; i < sizeof bytes; i++) {
        const uint32_t magnitude = i / 4 < count ? limbs[i / 4] >> (8 * (i % 4)) & 0xFF : 0;
        const uint32_t byte = (decimal->is_negative ? ~magnitude & 0xFF : magnitude) + carry;
        bytes[--first] = (char)(unsigned char)(byte & 0xFF);
        carry = byte >> 8;
    }
    const char sign = decimal->is_negative ? (char)(unsigned char)0xFF : '\0';
    while (first + 1 < sizeof bytes && bytes[first] == sign && ((bytes[first + 1] ^ sign) & 0x80) == 0) {
        first++;
    }
    ps_hbase_add_integer(out, (uint64_t) - (int64_t)decimal->exponent, 4);
    ps_buffer_add(out, bytes + first, sizeof bytes - first);
}

bool ps_hbase_render_decimal(struct ps_buffer *out, struct ps_bytes bytes) {
    if (bytes.size < PS_HBASE_DECIMAL_SIZE_MIN) {
        return false;
    }
    const int32_t scale = (int32_t)ps_hbase_u32_of(bytes.data);
    const struct ps_bytes unscaled = {bytes.data + 4, bytes.size - 4};
    if (scale < -EXPONENT_MAX || scale > EXPONENT_MAX) {
        return false;
    }
    if (scale >= 0 && scale <= PLAIN_ZEROS_MAX) {
        return ps_render_decimal(out, unscaled, scale);
    }
    const bool fits = ps_render_decimal(out, unscaled, 0);
    ps_buffer_printf(out, "e%d", -(int)scale);
    return fits;
}
