/* SPDX-License-Identifier: Apache-2.0
 *
 * parse.c - numbers, sizes and durations from text, the whole text or nothing.
 *
 * strtod() and friends skip white space, stop at the first odd character and follow the locale; a setting of
 * "1,5" or "10x" must be an error, so the form is checked here before the value is taken.
 */
#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/option.h"

static bool is_digit(char letter) {
    return letter >= '0' && letter <= '9';
}

bool ps_parse_integer(const char *text, int64_t *value_out) {
    const bool is_negative = text[0] == '-';
    const char *digit = text + (text[0] == '-' || text[0] == '+' ? 1 : 0);
    if (!is_digit(*digit)) {
        return false;
    }
    int64_t value = 0; /* built up negative, because INT64_MIN has no positive twin */
    for (; is_digit(*digit); digit++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, *digit - '0', &value)) {
            return false;
        }
    }
    if (*digit != '\0' || (!is_negative && value == INT64_MIN)) {
        return false;
    }
    *value_out = is_negative ? value : -value;
    return true;
}

/* End of a decimal number at the start of `text`, NULL if there is none. "+1.5e-3", ".5" and "5." are numbers. */
static const char *skip_number(const char *text) {
    const char *at = text + (text[0] == '-' || text[0] == '+' ? 1 : 0);
    const char *start = at;
    size_t digit_count = 0;
    for (; is_digit(*at) || (*at == '.' && memchr(start, '.', (size_t)(at - start)) == NULL); at++) {
        digit_count += is_digit(*at) ? 1 : 0;
    }
    if (digit_count == 0) {
        return NULL;
    }
    if (*at == 'e' || *at == 'E') {
        const char *exponent = at + 1 + (at[1] == '-' || at[1] == '+' ? 1 : 0);
        if (is_digit(*exponent)) {
            while (is_digit(*exponent)) {
                exponent++;
            }
            return exponent;
        }
    }
    return at;
}

/* The number at the start of `text`, which skip_number() has found good. */
static bool read_number(const char *text, double *value_out) {
    locale_t neutral = newlocale(LC_ALL_MASK, "C", (locale_t)0); /* a constant of the C library, not a load */
    if (neutral == (locale_t)0) {
        return false;
    }
    const double value = strtod_l(text, NULL, neutral);
    freelocale(neutral);
    if (!isfinite(value)) {
        return false;
    }
    *value_out = value;
    return true;
}

bool ps_parse_double(const char *text, double *value_out) {
    const char *end = skip_number(text);
    return end != NULL && *end == '\0' && read_number(text, value_out);
}

struct unit {
    const char *name;
    int64_t factor;
};

/* A whole number and a unit, or a fraction and a unit; white space may stand between. Not negative. */
static bool parse_with_unit(const char *text, const struct unit *units, int64_t *value_out) {
    const char *end = skip_number(text);
    if (end == NULL || text[0] == '-') {
        return false;
    }
    const char *name = end + strspn(end, " ");
    for (size_t index = 0; units[index].name != NULL; index++) {
        if (!ps_text_equal_nocase(name, units[index].name)) {
            continue;
        }
        char digits[32];
        const size_t size = (size_t)(end - text);
        int64_t whole;
        if (size < sizeof digits) {
            memcpy(digits, text, size);
            digits[size] = '\0';
            if (ps_parse_integer(digits, &whole)) { /* exact where it can be */
                return !__builtin_mul_overflow(whole, units[index].factor, value_out);
            }
        }
        double fraction;
        if (!read_number(text, &fraction)) {
            return false;
        }
        fraction *= (double)units[index].factor;
        if (fraction >= 9.2e18) {
            return false;
        }
        *value_out = (int64_t)fraction;
        return true;
    }
    return false;
}

bool ps_parse_size(const char *text, int64_t *bytes_out) {
    static const struct unit units[] = {
        {"", 1},
        {"b", 1},
        {"k", INT64_C(1) << 10},
        {"kb", INT64_C(1) << 10},
        {"kib", INT64_C(1) << 10},
        {"m", INT64_C(1) << 20},
        {"mb", INT64_C(1) << 20},
        {"mib", INT64_C(1) << 20},
        {"g", INT64_C(1) << 30},
        {"gb", INT64_C(1) << 30},
        {"gib", INT64_C(1) << 30},
        {"t", INT64_C(1) << 40},
        {"tb", INT64_C(1) << 40},
        {"tib", INT64_C(1) << 40},
        {NULL, 0},
    };
    int64_t bytes;
    if (!parse_with_unit(text, units, &bytes)) {
        return false;
    }
    *bytes_out = bytes;
    return true;
}

bool ps_parse_duration(const char *text, int64_t *ms_out) {
    static const struct unit units[] = {
        {"", 1},           {"ms", 1},          {"millisecond", 1}, {"milliseconds", 1}, {"s", 1000},
        {"sec", 1000},     {"second", 1000},   {"seconds", 1000},  {"m", 60000},        {"min", 60000},
        {"minute", 60000}, {"minutes", 60000}, {"h", 3600000},     {"hour", 3600000},   {"hours", 3600000},
        {"d", 86400000},   {"day", 86400000},  {"days", 86400000}, {NULL, 0},
    };
    int64_t ms;
    if (!parse_with_unit(text, units, &ms)) {
        return false;
    }
    *ms_out = ms;
    return true;
}
