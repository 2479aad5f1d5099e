/* SPDX-License-Identifier: Apache-2.0
 *
 * parse.c - numbers, sizes and durations as people write them. Independent of the locale.
 */
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>

#include "base/option.h"

bool ps_parse_integer(const char *text, int64_t *value_out) {
    errno = 0;
    char *end = NULL;
    const long long value = strtoll(text, &end, 10);
    const bool is_number = end != text && *end == '\0' && errno == 0 && text[0] != ' ' && text[0] != '\t' && text[0] != '\n';
    if (is_number) {
        *value_out = value;
    }
    return is_number;
}

/* Only what JSON and SQL call a number: no hex, no inf, no nan, no leading space. */
static bool is_number_text(const char *text) {
    const char *c = text;
    c += *c == '+' || *c == '-';
    size_t digits = 0;
    for (; (*c >= '0' && *c <= '9') || *c == '.'; c++) {
        digits += *c != '.';
    }
    if (digits == 0) {
        return false;
    }
    if (*c == 'e' || *c == 'E') {
        c++;
        c += *c == '+' || *c == '-';
        if (*c < '0' || *c > '9') {
            return false;
        }
        while (*c >= '0' && *c <= '9') {
            c++;
        }
    }
    return *c == '\0';
}

bool ps_parse_double(const char *text, double *value_out) {
    if (!is_number_text(text)) {
        return false;
    }
    locale_t plain = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    char *end = NULL;
    const double value = plain != (locale_t)0 ? strtod_l(text, &end, plain) : strtod(text, &end);
    if (plain != (locale_t)0) {
        freelocale(plain);
    }
    if (end == text || *end != '\0' || !isfinite(value)) {
        return false;
    }
    *value_out = value;
    return true;
}

struct unit {
    const char *name;
    int64_t factor;
};

/* "12", "1.5 GiB": a number, white space, one of the units. */
static bool parse_with_unit(const char *text, const struct unit *units, int64_t *value_out) {
    char number[32];
    size_t size = 0;
    while (size + 1 < sizeof number && ((text[size] >= '0' && text[size] <= '9') || text[size] == '.')) {
        number[size] = text[size];
        size++;
    }
    number[size] = '\0';
    double value;
    if (!ps_parse_double(number, &value)) {
        return false;
    }
    const char *name = text + size;
    while (*name == ' ') {
        name++;
    }
    for (; units->name != NULL; units++) {
        if (ps_text_equal_nocase(name, units->name)) {
            const double scaled = value * (double)units->factor;
            if (scaled > 9.0e18) {
                return false;
            }
            *value_out = (int64_t)scaled;
            return true;
        }
    }
    return false;
}

bool ps_parse_size(const char *text, int64_t *bytes_out) {
    static const struct unit units[] = {
        {"", 1},           {"b", 1},
        {"k", 1 << 10},    {"kb", 1 << 10},   {"kib", 1 << 10},
        {"m", 1 << 20},    {"mb", 1 << 20},   {"mib", 1 << 20},
        {"g", 1 << 30},    {"gb", 1 << 30},   {"gib", 1 << 30},
        {"t", (int64_t)1 << 40}, {"tb", (int64_t)1 << 40}, {"tib", (int64_t)1 << 40}, {NULL, 0}};
    return parse_with_unit(text, units, bytes_out);
}

bool ps_parse_duration(const char *text, int64_t *ms_out) {
    static const struct unit units[] = {
        {"ms", 1},          {"millisecond", 1}, {"milliseconds", 1},
        {"s", 1000},        {"sec", 1000},      {"second", 1000},    {"seconds", 1000},
        {"m", 60000},       {"min", 60000},     {"minute", 60000},   {"minutes", 60000},
        {"h", 3600000},     {"hour", 3600000},  {"hours", 3600000},
        {"d", 86400000},    {"day", 86400000},  {"days", 86400000},
        {"week", 604800000}, {"weeks", 604800000}, {NULL, 0}};
    return parse_with_unit(text, units, ms_out);
}
