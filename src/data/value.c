/* SPDX-License-Identifier: Apache-2.0
 *
 * value.c - texts to values.
 *
 * Numbers take a short way when it is exact (up to 19 digits for integers; up to 15 digits and a power of ten
 * up to 22 for doubles, W. Clinger, "How to read floating point numbers accurately", 1990) and yyjson's correctly
 * rounded reader otherwise. Nothing here depends on the locale.
 */
#include "data/value.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <yyjson.h>

#include "base/option.h"

/* The longest text of one number: a double's exact decimal expansion has fewer digits. */
#define NUMBER_SIZE_MAX 1100
/* Bytes of a value that an error quotes. */
#define QUOTE_SIZE_MAX 64

static bool is_space(char character) {
    return character == ' ' || (character >= '\t' && character <= '\r');
}

static bool is_digit(char character) {
    return character >= '0' && character <= '9';
}

static struct ps_bytes trim(struct ps_bytes text) {
    while (text.size > 0 && is_space(text.data[0])) {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && is_space(text.data[text.size - 1])) {
        text.size--;
    }
    return text;
}

/* --- numbers --------------------------------------------------------------------------------------------- */

static const double powers_of_ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                       1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* An optional sign and 1 to 18 digits: cannot overflow. */
static bool parse_short_integer(struct ps_bytes text, int64_t *value_out) {
    const bool is_negative = text.data[0] == '-';
    const size_t first = is_negative || text.data[0] == '+' ? 1 : 0;
    if (text.size == first || text.size - first > 18) {
        return false;
    }
    int64_t value = 0;
    for (size_t i = first; i < text.size; i++) {
        if (!is_digit(text.data[i])) {
            return false;
        }
        value = value * 10 + (text.data[i] - '0');
    }
    *value_out = is_negative ? -value : value;
    return true;
}

/* Digits with at most one dot, no exponent, at most 15 digits: exact in one division. */
static bool parse_short_decimal(struct ps_bytes text, double *value_out) {
    const bool is_negative = text.data[0] == '-';
    int64_t digits = 0;
    size_t digit_count = 0, fraction = 0;
    bool has_dot = false;
    for (size_t i = is_negative ? 1 : 0; i < text.size; i++) {
        if (text.data[i] == '.' && !has_dot) {
            has_dot = true;
            continue;
        }
        if (!is_digit(text.data[i]) || digit_count == 15) {
            return false;
        }
        digits = digits * 10 + (text.data[i] - '0');
        digit_count++;
        fraction += has_dot ? 1 : 0;
    }
    if (digit_count == 0) {
        return false;
    }
    const double value = (double)digits / powers_of_ten[fraction];
    *value_out = is_negative ? -value : value;
    return true;
}

/* [+-] digits [. digits] [e [+-] digits], with a digit before or after the dot. */
static bool is_number(struct ps_bytes text) {
    size_t at = text.data[0] == '-' || text.data[0] == '+' ? 1 : 0;
    size_t digits = 0;
    for (; at < text.size && is_digit(text.data[at]); at++) {
        digits++;
    }
    if (at < text.size && text.data[at] == '.') {
        for (at++; at < text.size && is_digit(text.data[at]); at++) {
            digits++;
        }
    }
    if (digits == 0) {
        return false;
    }
    if (at < text.size && (text.data[at] == 'e' || text.data[at] == 'E')) {
        at++;
        at += at < text.size && (text.data[at] == '-' || text.data[at] == '+') ? 1 : 0;
        const size_t first = at;
        while (at < text.size && is_digit(text.data[at])) {
            at++;
        }
        if (at == first) {
            return false;
        }
    }
    return at == text.size;
}

/* Any number. Integers beyond 64 bits become doubles; what no double can hold is out of range. */
static enum ps_value_result parse_number(struct ps_bytes text, bool *is_integer_out, int64_t *integer_out,
                                         double *double_out) {
    *is_integer_out = true;
    if (text.size == 0) {
        return PS_VALUE_TYPE;
    }
    if (parse_short_integer(text, integer_out)) {
        return PS_VALUE_OK;
    }
    *is_integer_out = false;
    if (parse_short_decimal(text, double_out)) {
        return PS_VALUE_OK;
    }
    if (text.size >= NUMBER_SIZE_MAX || !is_number(text)) {
        return PS_VALUE_TYPE;
    }
    char number[NUMBER_SIZE_MAX];
    const size_t skip = text.data[0] == '+' ? 1 : 0;
    memcpy(number, text.data + skip, text.size - skip);
    number[text.size - skip] = '\0';
    yyjson_val value;
    const char *end = yyjson_read_number(number, &value, 0, NULL, NULL);
    if (end == NULL || *end != '\0') {
        /* not JSON's spelling (.5, 5., 007), or too large */
        return ps_parse_double(number, double_out) ? PS_VALUE_OK : PS_VALUE_RANGE;
    }
    if (yyjson_is_sint(&value) || (yyjson_is_uint(&value) && yyjson_get_uint(&value) <= INT64_MAX)) {
        *is_integer_out = true;
        *integer_out = yyjson_get_sint(&value);
    } else {
        *double_out = yyjson_get_num(&value);
    }
    return PS_VALUE_OK;
}

enum ps_value_result ps_value_of_integer(enum ps_type type, int64_t value, void *values, int64_t row) {
    switch (type) {
    case PS_TYPE_BOOLEAN:
        ((uint8_t *)values)[row] = value == 1;
        return value == 0 || value == 1 ? PS_VALUE_OK : PS_VALUE_TYPE;
    case PS_TYPE_TINYINT:
        ((int8_t *)values)[row] = (int8_t)value;
        return value >= INT8_MIN && value <= INT8_MAX ? PS_VALUE_OK : PS_VALUE_RANGE;
    case PS_TYPE_SMALLINT:
        ((int16_t *)values)[row] = (int16_t)value;
        return value >= INT16_MIN && value <= INT16_MAX ? PS_VALUE_OK : PS_VALUE_RANGE;
    case PS_TYPE_INTEGER:
        ((int32_t *)values)[row] = (int32_t)value;
        return value >= INT32_MIN && value <= INT32_MAX ? PS_VALUE_OK : PS_VALUE_RANGE;
    case PS_TYPE_BIGINT: ((int64_t *)values)[row] = value; return PS_VALUE_OK;
    case PS_TYPE_FLOAT: ((float *)values)[row] = (float)value; return PS_VALUE_OK;
    case PS_TYPE_DOUBLE: ((double *)values)[row] = (double)value; return PS_VALUE_OK;
    case PS_TYPE_DATE:
    case PS_TYPE_TIMESTAMP:
    case PS_TYPE_VARCHAR:
    case PS_TYPE_BLOB:
    case PS_TYPE_CAST: return PS_VALUE_TYPE;
    }
    return PS_VALUE_TYPE;
}

enum ps_value_result ps_value_of_double(enum ps_type type, double value, void *values, int64_t row) {
    if (type == PS_TYPE_DOUBLE) {
        ((double *)values)[row] = value;
        return PS_VALUE_OK;
    }
    if (type == PS_TYPE_FLOAT) {
        if (fabs(value) > (double)FLT_MAX) {
            return PS_VALUE_RANGE;
        }
        ((float *)values)[row] = (float)value;
        return PS_VALUE_OK;
    }
    if (type > PS_TYPE_BIGINT || value != floor(value)) {
        return PS_VALUE_TYPE;
    }
    /* 2^63: the first double above INT64_MAX */
    if (value >= 9223372036854775808.0 || value < -9223372036854775808.0) {
        return PS_VALUE_RANGE;
    }
    return ps_value_of_integer(type, (int64_t)value, values, row);
}

static enum ps_value_result parse_number_column(enum ps_type type, struct ps_bytes text, void *values,
                                                int64_t row) {
    bool is_integer;
    int64_t integer = 0;
    double value = 0;
    const enum ps_value_result result = parse_number(text, &is_integer, &integer, &value);
    if (result != PS_VALUE_OK) {
        return result;
    }
    return is_integer ? ps_value_of_integer(type, integer, values, row)
                      : ps_value_of_double(type, value, values, row);
}

static enum ps_value_result parse_boolean(struct ps_bytes text, void *values, int64_t row) {
    char word[6];
    if (text.size == 0 || text.size >= sizeof(word)) {
        return PS_VALUE_TYPE;
    }
    memcpy(word, text.data, text.size);
    word[text.size] = '\0';
    const bool is_true =
        ps_text_equal_nocase(word, "true") || ps_text_equal_nocase(word, "t") || strcmp(word, "1") == 0;
    const bool is_false =
        ps_text_equal_nocase(word, "false") || ps_text_equal_nocase(word, "f") || strcmp(word, "0") == 0;
    ((uint8_t *)values)[row] = is_true ? 1 : 0;
    return is_true || is_false ? PS_VALUE_OK : PS_VALUE_TYPE;
}

/* --- dates and times ------------------------------------------------------------------------------------- */

/* A cursor over a date or a time. */
struct scan {
    const char *at, *end;
};

/* Exactly `count` digits. */
static bool scan_digits(struct scan *scan, int count, int32_t *value_out) {
    if (scan->end - scan->at < count) {
        return false;
    }
    int32_t value = 0;
    for (int i = 0; i < count; i++) {
        if (!is_digit(scan->at[i])) {
            return false;
        }
        value = value * 10 + (scan->at[i] - '0');
    }
    scan->at += count;
    *value_out = value;
    return true;
}

static bool scan_character(struct scan *scan, char character) {
    if (scan->at == scan->end || *scan->at != character) {
        return false;
    }
    scan->at++;
    return true;
}

/* Days from 1970-01-01 in the proleptic Gregorian calendar (H. Hinnant, "chrono-compatible low-level date
 * algorithms", days_from_civil). */
static int32_t days_of(int32_t year, int32_t month, int32_t day) {
    const int32_t shifted = month <= 2 ? year - 1 : year;
    const int32_t era = (shifted >= 0 ? shifted : shifted - 399) / 400;
    const int32_t year_of_era = shifted - era * 400;
    const int32_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    const int32_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static enum ps_value_result scan_date(struct scan *scan, int32_t *days_out) {
    static const int32_t month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int32_t year, month, day;
    if (!scan_digits(scan, 4, &year) || !scan_character(scan, '-') || !scan_digits(scan, 2, &month) ||
        !scan_character(scan, '-') || !scan_digits(scan, 2, &day)) {
        return PS_VALUE_TYPE;
    }
    if (year < 1 || month < 1 || month > 12 || day < 1) {
        return PS_VALUE_RANGE;
    }
    const bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (day > month_days[month - 1] + (month == 2 && is_leap ? 1 : 0)) {
        return PS_VALUE_RANGE;
    }
    *days_out = days_of(year, month, day);
    return PS_VALUE_OK;
}

/* HH:MM[:SS[.fraction]] in microseconds. */
static enum ps_value_result scan_time(struct scan *scan, int64_t *microseconds_out) {
    int32_t hour, minute, second = 0;
    int64_t fraction = 0;
    if (!scan_digits(scan, 2, &hour) || !scan_character(scan, ':') || !scan_digits(scan, 2, &minute)) {
        return PS_VALUE_TYPE;
    }
    if (scan_character(scan, ':')) {
        if (!scan_digits(scan, 2, &second)) {
            return PS_VALUE_TYPE;
        }
        if (scan_character(scan, '.')) {
            int64_t unit = 100000;
            const char *first = scan->at;
            for (; scan->at < scan->end && is_digit(*scan->at); scan->at++) {
                fraction += (*scan->at - '0') * unit;
                unit /= 10;
            }
            if (scan->at == first) {
                return PS_VALUE_TYPE;
            }
        }
    }
    if (hour > 23 || minute > 59 || second > 59) {
        return PS_VALUE_RANGE;
    }
    *microseconds_out = ((hour * 60 + minute) * 60 + second) * INT64_C(1000000) + fraction;
    return PS_VALUE_OK;
}

/* Z, +hh, +hhmm or +hh:mm, in microseconds to take off; nothing is 0. */
static enum ps_value_result scan_zone(struct scan *scan, int64_t *offset_out) {
    *offset_out = 0;
    if (scan->at == scan->end || scan_character(scan, 'Z') || scan_character(scan, 'z')) {
        return PS_VALUE_OK;
    }
    const bool is_west = scan_character(scan, '-');
    int32_t hours, minutes = 0;
    if ((!is_west && !scan_character(scan, '+')) || !scan_digits(scan, 2, &hours)) {
        return PS_VALUE_TYPE;
    }
    if (scan->at < scan->end) {
        (void)scan_character(scan, ':');
        if (!scan_digits(scan, 2, &minutes)) {
            return PS_VALUE_TYPE;
        }
    }
    if (hours > 15 || minutes > 59) {
        return PS_VALUE_RANGE;
    }
    *offset_out = (hours * 60 + minutes) * INT64_C(60000000) * (is_west ? -1 : 1);
    return PS_VALUE_OK;
}

static enum ps_value_result parse_date(struct ps_bytes text, void *values, int64_t row) {
    struct scan scan = {text.data, text.data + text.size};
    int32_t days;
    const enum ps_value_result result = scan_date(&scan, &days);
    if (result != PS_VALUE_OK || scan.at != scan.end) {
        return result == PS_VALUE_OK ? PS_VALUE_TYPE : result;
    }
    ((int32_t *)values)[row] = days;
    return PS_VALUE_OK;
}

static enum ps_value_result parse_timestamp(struct ps_bytes text, void *values, int64_t row) {
    struct scan scan = {text.data, text.data + text.size};
    int32_t days;
    int64_t time = 0, offset = 0;
    enum ps_value_result result = scan_date(&scan, &days);
    if (result == PS_VALUE_OK && scan.at < scan.end) {
        if (!scan_character(&scan, 'T') && !scan_character(&scan, ' ') && !scan_character(&scan, 't')) {
            return PS_VALUE_TYPE;
        }
        result = scan_time(&scan, &time);
        if (result == PS_VALUE_OK) {
            (void)scan_character(&scan, ' ');
            result = scan_zone(&scan, &offset);
        }
    }
    if (result != PS_VALUE_OK || scan.at != scan.end) {
        return result == PS_VALUE_OK ? PS_VALUE_TYPE : result;
    }
    ((int64_t *)values)[row] = days * INT64_C(86400000000) + time - offset;
    return PS_VALUE_OK;
}

/* --- all of them ----------------------------------------------------------------------------------------- */

enum ps_value_result ps_value_of_text(enum ps_type type, struct ps_bytes text, void *values, int64_t row) {
    switch (type) {
    case PS_TYPE_VARCHAR:
    case PS_TYPE_BLOB:
    case PS_TYPE_CAST: ((struct ps_bytes *)values)[row] = text; return PS_VALUE_OK;
    case PS_TYPE_BOOLEAN: return parse_boolean(trim(text), values, row);
    case PS_TYPE_DATE: return parse_date(trim(text), values, row);
    case PS_TYPE_TIMESTAMP: return parse_timestamp(trim(text), values, row);
    case PS_TYPE_TINYINT:
    case PS_TYPE_SMALLINT:
    case PS_TYPE_INTEGER:
    case PS_TYPE_BIGINT:
    case PS_TYPE_FLOAT:
    case PS_TYPE_DOUBLE: return parse_number_column(type, trim(text), values, row);
    }
    return PS_VALUE_TYPE;
}

/* The beginning of a value for a message: printable, cut at a character. */
static void quote(struct ps_bytes found, char *out) {
    size_t size = found.size < QUOTE_SIZE_MAX ? found.size : QUOTE_SIZE_MAX;
    while (size < found.size && size > 0 && ((unsigned char)found.data[size] & 0xC0) == 0x80) {
        size--;
    }
    for (size_t i = 0; i < size; i++) {
        const unsigned char byte = (unsigned char)found.data[i];
        out[i] = byte < 0x20 || byte == 0x7F ? ' ' : found.data[i];
    }
    memcpy(out + size, size < found.size ? "..." : "", size < found.size ? 4 : 1);
}

penstock_code ps_value_refuse(struct ps_batch *batch, struct ps_record record, size_t column,
                              enum ps_value_result result, const char *kind_found, struct ps_bytes found,
                              struct penstock_error *error) {
    const struct ps_column_schema *schema = &batch->schema->columns[column];
    char text[QUOTE_SIZE_MAX + 4];
    quote(found, text);
    const char *mark = strcmp(kind_found, "the text") == 0 ? "'" : "";
    if (result == PS_VALUE_RANGE) {
        return ps_batch_add_dead_letter(batch, record, PS_REASON_RANGE, schema->name, error,
                                        "column %s: %s %s%s%s is out of range for %s", schema->name,
                                        kind_found, mark, text, mark, schema->type_text);
    }
    return ps_batch_add_dead_letter(batch, record, PS_REASON_TYPE, schema->name, error,
                                    "column %s: found %s %s%s%s, expected %s", schema->name, kind_found, mark,
                                    text, mark, schema->type_text);
}

penstock_code ps_value_refuse_null(struct ps_batch *batch, struct ps_record record, size_t column,
                                   const char *found, struct penstock_error *error) {
    const struct ps_column_schema *schema = &batch->schema->columns[column];
    return ps_batch_add_dead_letter(batch, record, PS_REASON_NULL, schema->name, error,
                                    "column %s: found %s, expected %s NOT NULL", schema->name, found,
                                    schema->type_text);
}
