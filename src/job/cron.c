/* SPDX-License-Identifier: Apache-2.0
 *
 * cron.c - five fields into sets of bits, and the search for the next match: day by day, for a day that matches is
 * found by its date alone, and then among the times of that day as the zone's clock shows them.
 */
#include "job/cron.h"

#include <ctype.h>
#include <stdio.h>

#include "base/bytes.h"

#define EVERY_HOUR 0xFFFFFFU
/* From one 29 February to the next it may be eight years (1896 to 1904). */
#define SEARCH_DAYS_MAX (9 * 366)
#define FIELD_COUNT 5
#define TEXT_SIZE_MAX 256

struct field {
    const char *name;
    int low, high;
    const char *const *words; /* of low, low + 1, ...; NULL: numbers only */
    const char *example;
};
static const char *const month_words[] = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL",
                                          "AUG", "SEP", "OCT", "NOV", "DEC", NULL};
static const char *const weekday_words[] = {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", NULL};
static const struct field fields[FIELD_COUNT] = {
    {"minute", 0, 59, NULL, "*/15"},
    {"hour", 0, 23, NULL, "8-18"},
    {"day of the month", 1, 31, NULL, "1,15"},
    {"month", 1, 12, month_words, "JAN-MAR"},
    {"weekday", 0, 7, weekday_words, "MON-FRI"},
};

static penstock_code wrong(const struct field *field, const char *text, size_t size, const char *why,
                           struct penstock_error *error) {
    ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "the %s '%.*s' of the schedule %s", field->name, (int)size,
                 text, why);
    return ps_error_hint(
        error, "%s is %d to %d%s, such as %s; the whole: '0 3 * * MON-FRI' is 3:00 on weekdays", field->name,
        field->low, field->high, field->words == NULL ? "" : " or a name of three letters", field->example);
}

/* A number or a name, as many bytes of the text as belong to it. */
static bool read_value(const struct field *field, const char **at, const char *end, int *value_out) {
    const char *start = *at;
    while (*at < end && isalnum((unsigned char)**at)) {
        (*at)++;
    }
    const size_t size = (size_t)(*at - start);
    if (size == 0 || size > 9) {
        return false;
    }
    if (isalpha((unsigned char)start[0])) {
        for (int i = 0; field->words != NULL && field->words[i] != NULL; i++) {
            if (size == 3 && strncasecmp(field->words[i], start, 3) == 0) {
                *value_out = field->low + i;
                return true;
            }
        }
        return false;
    }
    int value = 0;
    for (size_t i = 0; i < size; i++) {
        if (!isdigit((unsigned char)start[i])) {
            return false;
        }
        value = value * 10 + (start[i] - '0');
    }
    *value_out = value;
    return value >= field->low && value <= field->high;
}

/* One part of a list: *, 5, 1-5, each with /step. */
static penstock_code read_part(const struct field *field, const char *text, size_t size, uint64_t *bits,
                               struct penstock_error *error) {
    const char *at = text;
    const char *end = text + size;
    int first = field->low;
    int last = field->high;
    const bool is_star = size > 0 && *at == '*';
    bool is_range = is_star;
    if (is_star) {
        at++;
    } else if (!read_value(field, &at, end, &first)) {
        return wrong(field, text, size, "is none that there is", error);
    } else if (at < end && *at == '-') {
        at++;
        is_range = true;
        if (!read_value(field, &at, end, &last)) {
            return wrong(field, text, size, "is no range that there is", error);
        }
        if (last < first) {
            return wrong(field, text, size, "ends before it begins: write two ranges with a comma", error);
        }
    } else {
        last = first;
    }
    int step = 1;
    if (at < end && *at == '/') {
        at++;
        const struct field steps = {"step", 1, field->high, NULL, ""};
        if (!read_value(&steps, &at, end, &step)) {
            return wrong(field, text, size, "has a step that is no number of them", error);
        }
        last = is_range ? last : field->high; /* 5/10: from 5 on */
    }
    if (at != end) {
        return wrong(field, text, size, "is none that there is", error);
    }
    for (int value = first; value <= last; value += step) {
        *bits |= UINT64_C(1) << value;
    }
    return PENSTOCK_OK;
}

static penstock_code read_field(const struct field *field, const char *text, size_t size, uint64_t *bits_out,
                                struct penstock_error *error) {
    size_t start = 0;
    *bits_out = 0;
    while (start <= size) {
        const char *comma = memchr(text + start, ',', size - start);
        const size_t end = comma == NULL ? size : (size_t)(comma - text);
        PS_TRY(read_part(field, text + start, end - start, bits_out, error));
        start = end + 1;
    }
    return PENSTOCK_OK;
}

static const char *spell_out(const char *text) {
    static const char *const names[][2] = {{"@hourly", "0 * * * *"},   {"@daily", "0 0 * * *"},
                                           {"@midnight", "0 0 * * *"}, {"@weekly", "0 0 * * 0"},
                                           {"@monthly", "0 0 1 * *"},  {"@yearly", "0 0 1 1 *"},
                                           {"@annually", "0 0 1 1 *"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (ps_text_equal_nocase(text, names[i][0])) {
            return names[i][1];
        }
    }
    return text;
}

static penstock_code wrong_count(const char *text, size_t count, struct penstock_error *error) {
    static const char *const known[] = {"@hourly",  "@daily",  "@midnight", "@weekly",
                                        "@monthly", "@yearly", "@annually", NULL};
    if (text[0] == '@') {
        ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "there is no schedule '%.40s'", text);
        const char *near = ps_nearest(text, known);
        return near != NULL
                   ? ps_error_hint(error, "did you mean '%s'?", near)
                   : ps_error_hint(error, "there are @hourly, @daily, @weekly, @monthly and @yearly");
    }
    ps_error_set(error, PENSTOCK_INVALID_ARGUMENT,
                 "a schedule has five fields, minute hour day month weekday, but '%.60s' has %zu", text,
                 count);
    return ps_error_hint(error, count == 6
                                    ? "leave out the seconds: '0 3 * * *' is every day at 3:00"
                                    : "'0 3 * * *' is every day at 3:00, '*/15 * * * *' every quarter of an "
                                      "hour");
}

/* A day of the month that some of the months have; any weekday comes. */
static bool ever_comes(const struct ps_cron *cron) {
    if (cron->any_day || !cron->any_weekday) {
        return true;
    }
    for (int month = 1; month <= 12; month++) {
        const uint32_t days = cron->days & ((UINT32_C(1) << ps_date_month_days(2000, month)) * 2 - 1);
        if ((cron->months >> month & 1) != 0 && days != 0) {
            return true;
        }
    }
    return false;
}

penstock_code ps_cron_parse(const char *text, struct ps_cron *cron_out, struct penstock_error *error) {
    const char *spelt = spell_out(text + strspn(text, " \t"));
    const char *starts[FIELD_COUNT];
    size_t sizes[FIELD_COUNT];
    size_t count = 0;
    for (const char *at = spelt + strspn(spelt, " \t"); *at != '\0'; at += strspn(at, " \t")) {
        const size_t size = strcspn(at, " \t");
        if (count < FIELD_COUNT) {
            starts[count] = at;
            sizes[count] = size;
        }
        count++;
        at += size;
    }
    if (count != FIELD_COUNT) {
        return wrong_count(text, count, error);
    }
    uint64_t bits[FIELD_COUNT];
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        PS_TRY(read_field(&fields[i], starts[i], sizes[i], &bits[i], error));
    }
    const struct ps_cron cron = {.minutes = bits[0],
                                 .hours = (uint32_t)bits[1],
                                 .days = (uint32_t)bits[2],
                                 .months = (uint32_t)bits[3],
                                 .weekdays = (uint32_t)((bits[4] | bits[4] >> 7) & 0x7F),
                                 .any_day = starts[2][0] == '*',
                                 .any_weekday = starts[4][0] == '*'};
    if (!ever_comes(&cron)) {
        return wrong(&fields[2], starts[2], sizes[2], "never comes in the months that are given", error);
    }
    *cron_out = cron;
    return PENSTOCK_OK;
}

/* --- when ------------------------------------------------------------------------------------------------ */

static bool day_matches(const struct ps_cron *cron, int64_t days) {
    const struct ps_date date = ps_date_of_days(days);
    if ((cron->months >> date.month & 1) == 0) {
        return false;
    }
    const bool is_day = (cron->days >> date.day & 1) != 0;
    const bool is_weekday = (cron->weekdays >> ps_date_weekday(days) & 1) != 0;
    return cron->any_day || cron->any_weekday ? is_day && is_weekday : is_day || is_weekday;
}

/* The first time of that day, as its clock shows it, after `after` (seconds); PS_CRON_NEVER if there is none. */
static int64_t first_of_day(const struct ps_cron *cron, const struct ps_zone *zone, int64_t days,
                            int64_t after) {
    const bool is_elapsed = cron->hours == EVERY_HOUR;
    int64_t best = PS_CRON_NEVER;
    for (int minute = 0; minute < 24 * 60; minute++) {
        if ((cron->hours >> (minute / 60) & 1) == 0 || (cron->minutes >> (minute % 60) & 1) == 0) {
            continue;
        }
        int64_t instants[2];
        const int count = ps_zone_instants(zone, days * 86400 + (int64_t)minute * 60, instants);
        const int wanted = is_elapsed ? count : 1; /* none in a leap, or both times */
        for (int i = 0; i < wanted; i++) {
            if (instants[i] > after && instants[i] < best) {
                best = instants[i];
            }
        }
    }
    return best;
}

int64_t ps_cron_next(const struct ps_cron *cron, const struct ps_zone *zone, int64_t after_ms) {
    const int64_t after = after_ms >= 0 ? after_ms / 1000 : -((-after_ms + 999) / 1000);
    /* the day before: what its clock leaps over may be due on this one */
    const int64_t first =
        (after + ps_zone_offset(zone, after) + INT64_C(86400) * 1000000) / 86400 - 1000000 - 1;
    for (int64_t day = first; day < first + SEARCH_DAYS_MAX; day++) {
        int64_t found = day_matches(cron, day) ? first_of_day(cron, zone, day, after) : PS_CRON_NEVER;
        if (found == PS_CRON_NEVER) {
            continue;
        }
        /* a clock that is put back over midnight shows the next day before the end of this one */
        const int64_t next =
            day_matches(cron, day + 1) ? first_of_day(cron, zone, day + 1, after) : PS_CRON_NEVER;
        return (next < found ? next : found) * 1000;
    }
    return PS_CRON_NEVER;
}
