/* SPDX-License-Identifier: Apache-2.0
 *
 * render.c - binary values as text.
 *
 * Dates follow the proleptic Gregorian calendar (H. Hinnant, "chrono-compatible low-level date algorithms",
 * civil_from_days), for any 64-bit count of days. Decimals are divided by 10^9 limb by limb.
 */
#include "data/render.h"

#include <math.h>
#include <stdio.h>
#include <yyjson.h>

/* What yyjson's writer takes for one number, with room to spare. */
#define NUMBER_MEMORY_SIZE 1024
#define MICROSECONDS_OF_DAY INT64_C(86400000000)

static const char base64_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void ps_render_integer(struct ps_buffer *out, int64_t value) {
    char text[24];
    size_t at = sizeof text;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        text[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0) {
        text[--at] = '-';
    }
    ps_buffer_add(out, text + at, sizeof text - at);
}

void ps_render_double(struct ps_buffer *out, double value, bool is_float, bool is_json) {
    if (!isfinite(value)) {
        const char *name = isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
        ps_buffer_printf(out, is_json ? "\"%s\"" : "%s", name);
        return;
    }
    char memory[NUMBER_MEMORY_SIZE];
    yyjson_alc allocator;
    yyjson_val number = {0};
    size_t size = 0;
    (void)yyjson_alc_pool_init(&allocator, memory, sizeof memory);
    unsafe_yyjson_set_double(&number, value);
    if (is_float) {
        unsafe_yyjson_set_float(&number, (float)value);
    }
    const char *text = yyjson_val_write_opts(&number, 0, &allocator, &size, NULL);
    ps_buffer_add(out, text, text == NULL ? 0 : size);
}

/* --- dates and times ------------------------------------------------------------------------------------------- */

static int64_t divide_down(int64_t value, int64_t divisor) {
    return value / divisor - (value % divisor < 0 ? 1 : 0);
}

/* What divide_down() leaves, never negative. */
static int64_t rest_of(int64_t value, int64_t divisor) {
    return value % divisor + (value % divisor < 0 ? divisor : 0);
}

void ps_render_date(struct ps_buffer *out, int64_t days) {
    if (days > INT64_C(1000000000) || days < -INT64_C(1000000000)) { /* no calendar goes there */
        ps_render_integer(out, days);
        return;
    }
    const int64_t shifted = days + 719468;
    const int64_t era = divide_down(shifted, 146097);
    const int64_t day_of_era = shifted - era * 146097;
    const int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const int64_t month_index = (5 * day_of_year + 2) / 153;
    const int64_t month = month_index < 10 ? month_index + 3 : month_index - 9;
    const int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
    ps_buffer_printf(out, "%04lld-%02lld-%02lld", (long long)year, (long long)month,
                     (long long)(day_of_year - (153 * month_index + 2) / 5 + 1));
}

void ps_render_time(struct ps_buffer *out, int64_t microseconds) {
    const int64_t seconds = divide_down(microseconds, 1000000);
    const int64_t fraction = rest_of(microseconds, 1000000);
    ps_buffer_printf(out, "%02lld:%02lld:%02lld", (long long)(seconds / 3600), (long long)(seconds / 60 % 60),
                     (long long)(seconds % 60));
    if (fraction != 0) {
        ps_buffer_printf(out, ".%06lld", (long long)fraction);
    }
}

void ps_render_timestamp(struct ps_buffer *out, int64_t microseconds, const char *zone) {
    ps_render_date(out, divide_down(microseconds, MICROSECONDS_OF_DAY));
    ps_buffer_add(out, "T", 1);
    ps_render_time(out, rest_of(microseconds, MICROSECONDS_OF_DAY));
    ps_buffer_text(out, zone);
}

/* --- decimals -------------------------------------------------------------------------------------------------- */

/* The magnitude in 32-bit limbs, last one first; their count. */
static size_t limbs_of(struct ps_bytes bytes, bool is_negative, uint32_t *limbs) {
    const size_t count = (bytes.size + 3) / 4;
    uint64_t carry = is_negative ? 1 : 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t limb = 0;
        for (size_t k = 0; k < 4; k++) {
            const size_t index = i * 4 + k;
            const uint32_t byte = index < bytes.size ? (unsigned char)bytes.data[bytes.size - 1 - index]
                                  : is_negative      ? 0xFF
                                                     : 0;
            limb |= byte << (8 * k);
        }
        const uint64_t value = (uint64_t)(is_negative ? ~limb : limb) + carry;
        limbs[i] = (uint32_t)value;
        carry = value >> 32;
    }
    return count;
}

bool ps_render_decimal(struct ps_buffer *out, struct ps_bytes bytes, int64_t scale) {
    if (bytes.size > PS_RENDER_DECIMAL_SIZE_MAX || scale < 0 || scale > 4 * PS_RENDER_DECIMAL_SIZE_MAX) {
        return false;
    }
    uint32_t limbs[PS_RENDER_DECIMAL_SIZE_MAX / 4];
    const bool is_negative = bytes.size > 0 && (bytes.data[0] & 0x80) != 0;
    size_t count = limbs_of(bytes, is_negative, limbs);
    char text[8 * PS_RENDER_DECIMAL_SIZE_MAX];
    size_t at = sizeof text, digits = 0;
    while (count > 0 || digits <= (size_t)scale) {
        uint64_t rest = 0;
        for (size_t i = count; i > 0; i--) {
            const uint64_t value = rest << 32 | limbs[i - 1];
            limbs[i - 1] = (uint32_t)(value / 10);
            rest = value % 10;
        }
        while (count > 0 && limbs[count - 1] == 0) {
            count--;
        }
        text[--at] = (char)('0' + rest);
        digits++;
        if (digits == (size_t)scale) {
            text[--at] = '.';
        }
    }
    if (is_negative) {
        text[--at] = '-';
    }
    ps_buffer_add(out, text + at, sizeof text - at);
    return true;
}

/* --- base64 (RFC 4648) ----------------------------------------------------------------------------------------- */

void ps_render_base64(struct ps_buffer *out, struct ps_bytes bytes) {
    for (size_t i = 0; i < bytes.size; i += 3) {
        uint32_t group = 0;
        for (size_t k = 0; k < 3; k++) {
            group = group << 8 | (i + k < bytes.size ? (unsigned char)bytes.data[i + k] : 0);
        }
        const char text[4] = {base64_letters[group >> 18], base64_letters[group >> 12 & 63],
                              i + 1 < bytes.size ? base64_letters[group >> 6 & 63] : '=',
                              i + 2 < bytes.size ? base64_letters[group & 63] : '='};
        ps_buffer_add(out, text, sizeof text);
    }
}

bool ps_read_base64(struct ps_bytes text, struct ps_buffer *out) {
    uint32_t group = 0;
    unsigned bit_count = 0;
    size_t padding = 0;
    for (size_t i = 0; i < text.size; i++) {
        const char letter = text.data[i];
        if (letter == '\n' || letter == '\r' || letter == ' ') {
            continue;
        }
        if (letter == '=') {
            padding++;
            continue;
        }
        const char *found = letter == '\0' ? NULL : strchr(base64_letters, letter);
        if (found == NULL || padding > 0) {
            return false;
        }
        group = group << 6 | (uint32_t)(found - base64_letters);
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            const char byte = (char)(group >> bit_count & 0xFF);
            ps_buffer_add(out, &byte, 1);
        }
    }
    return padding <= 2 && bit_count < 6;
}
