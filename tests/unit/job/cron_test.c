/* SPDX-License-Identifier: Apache-2.0
 *
 * cron_test.c - schedules: what is read, what a wrong one is told, and when one is due, against a checker that knows
 * no calendar: it walks minute by minute and asks the C library what the clock on the wall shows.
 */
#include "job/cron.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static struct ps_arena *arena;

static int begin(void **state) {
    (void)state;
    arena = ps_arena_new(0);
    return arena == NULL;
}

static int end(void **state) {
    (void)state;
    ps_arena_free(arena);
    unsetenv("TZ");
    tzset();
    return 0;
}

static struct ps_cron good(const char *text) {
    struct ps_cron cron;
    struct penstock_error error = {0};
    if (ps_cron_parse(text, &cron, &error) != PENSTOCK_OK) {
        fail_msg("%s: %s", text, error.message);
    }
    return cron;
}

/* "2026-03-29 02:30" in UTC, as ms */
static int64_t at(const char *text) {
    struct tm fields = {0};
    assert_non_null(strptime(text, "%Y-%m-%d %H:%M", &fields));
    return (int64_t)timegm(&fields) * 1000;
}

static void check(const char *cron_text, const char *zone_name, const char *after, const char *expected) {
    const struct ps_cron cron = good(cron_text);
    const struct ps_zone *zone = NULL;
    struct penstock_error error = {0};
    assert_int_equal(ps_zone_load(zone_name, arena, &zone, &error), PENSTOCK_OK);
    const time_t found = (time_t)(ps_cron_next(&cron, zone, at(after)) / 1000);
    struct tm fields;
    char text[64];
    assert_non_null(gmtime_r(&found, &fields));
    (void)strftime(text, sizeof text, "%Y-%m-%d %H:%M", &fields);
    if (strcmp(text, expected) != 0) {
        fail_msg("'%s' %s after %s: %s, but %s was expected", cron_text, zone_name, after, text, expected);
    }
}

static void test_next(void **state) {
    (void)state;
    check("0 3 * * *", "UTC", "2026-11-23 02:59", "2026-11-23 03:00");
    check("0 3 * * *", "UTC", "2026-11-23 03:00", "2026-11-24 03:00");
    check("*/15 * * * *", "UTC", "2026-11-23 23:50", "2026-11-24 00:00");
    check("5/20 8-9 * * *", "UTC", "2026-11-23 08:30", "2026-11-23 08:45");
    check("0 0 31 * *", "UTC", "2026-01-31 00:00", "2026-03-31 00:00");   /* months without a 31st */
    check("0 0 29 2 *", "UTC", "2026-01-01 00:00", "2028-02-29 00:00");   /* leap years */
    check("0 0 29 FEB *", "UTC", "2096-03-01 00:00", "2104-02-29 00:00"); /* 2100 is none */
    check("0 12 1 jan,Jul *", "UTC", "2026-01-02 00:00", "2026-07-01 12:00");
    check("0 0 13 * FRI", "UTC", "2026-11-14 00:00", "2026-11-20 00:00"); /* the 13th or a Friday */
    check("0 0 * * 7", "UTC", "2026-11-23 00:00", "2026-11-29 00:00");    /* Sunday */
    check("0 0 * * 5-7", "UTC", "2026-11-23 00:00", "2026-11-27 00:00");
    check("@weekly", "UTC", "2026-11-23 00:00", "2026-11-29 00:00");
    check("@yearly", "UTC", "2026-11-23 00:00", "2027-01-01 00:00");
    check(" @Daily", "UTC", "2026-11-23 00:00", "2026-11-24 00:00");
    check("0 3 * * *", "Europe/Berlin", "2026-07-01 00:00", "2026-07-01 01:00");
    check("0 3 * * *", "Europe/Berlin", "2026-12-01 00:00", "2026-12-01 02:00");
}

/* Berlin leaps from 2:00 to 3:00 on 29 March 2026, and shows 2:00 to 3:00 twice on 25 October. */
static void test_moved_clock(void **state) {
    (void)state;
    check("30 2 * * *", "Europe/Berlin", "2026-03-28 12:00", "2026-03-29 01:00"); /* 3:00 on the wall */
    check("30 2 * * *", "Europe/Berlin", "2026-03-29 01:00", "2026-03-30 00:30");
    check("30 2 * * *", "Europe/Berlin", "2026-10-24 12:00", "2026-10-25 00:30"); /* the first 2:30 only */
    check("30 2 * * *", "Europe/Berlin", "2026-10-25 00:30", "2026-10-26 01:30");
    check("30 * * * *", "Europe/Berlin", "2026-10-25 00:30",
          "2026-10-25 01:30"); /* every hour: both of them */
    check("30 * * * *", "Europe/Berlin", "2026-03-29 00:30", "2026-03-29 01:30"); /* and nothing to make up */
    check("0 0 30 12 *", "Pacific/Apia", "2011-12-01 00:00", "2011-12-30 10:00"); /* the day that never was */
    check("30 0 * * *", "America/Sao_Paulo", "2018-11-03 12:00", "2018-11-04 03:00"); /* a leap at midnight */
}

/* --- the checker -------------------------------------------------------------------------------------- */

static bool part_has(const char *part, int value, int low, int high, const char *const *words) {
    char text[32];
    int numbers[2] = {low, high};
    int step = 1;
    (void)snprintf(text, sizeof text, "%s", part);
    char *slash = strchr(text, '/');
    if (slash != NULL) {
        *slash = '\0';
        step = atoi(slash + 1);
    }
    if (text[0] != '*') {
        char *dash = strchr(text, '-');
        char *ends[2] = {text, dash == NULL ? text : dash + 1};
        if (dash != NULL) {
            *dash = '\0';
        }
        for (int i = 0; i < 2; i++) {
            numbers[i] = atoi(ends[i]);
            for (int w = 0; words != NULL && words[w] != NULL; w++) {
                numbers[i] = strcasecmp(words[w], ends[i]) == 0 ? low + w : numbers[i];
            }
        }
        numbers[1] = dash == NULL && slash != NULL ? high : numbers[1];
    }
    return value >= numbers[0] && value <= numbers[1] && (value - numbers[0]) % step == 0;
}

static bool has(const char *field, int value, int low, int high, const char *const *words) {
    char text[128];
    char *rest = NULL;
    (void)snprintf(text, sizeof text, "%s", field);
    for (char *part = strtok_r(text, ",", &rest); part != NULL; part = strtok_r(NULL, ",", &rest)) {
        if (part_has(part, value, low, high, words)) {
            return true;
        }
    }
    return false;
}

static bool matches(char fields[5][64], const struct tm *wall) {
    static const char *const months[] = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL",
                                         "AUG", "SEP", "OCT", "NOV", "DEC", NULL};
    static const char *const weekdays[] = {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", NULL};
    const bool is_day = has(fields[2], wall->tm_mday, 1, 31, NULL);
    const bool is_weekday = has(fields[4], wall->tm_wday, 0, 7, weekdays) ||
                            (wall->tm_wday == 0 && has(fields[4], 7, 0, 7, weekdays));
    const bool any = fields[2][0] == '*' || fields[4][0] == '*';
    return has(fields[0], wall->tm_min, 0, 59, NULL) && has(fields[1], wall->tm_hour, 0, 23, NULL) &&
           has(fields[3], wall->tm_mon + 1, 1, 12, months) &&
           (any ? is_day && is_weekday : is_day || is_weekday);
}

static struct tm wall_of(int64_t utc) {
    const time_t time = (time_t)utc;
    struct tm fields;
    assert_non_null(localtime_r(&time, &fields));
    return fields;
}

/* What the clock shows between one minute and the next when it leaps: any of it due? */
static bool leapt_over(char fields[5][64], int64_t utc) {
    struct tm before = wall_of(utc - 60);
    struct tm now = wall_of(utc);
    const int64_t from = timegm(&before) + 60;
    const int64_t to = timegm(&now);
    for (int64_t local = from; local < to; local += 60) {
        const time_t time = (time_t)local;
        struct tm shown;
        assert_non_null(gmtime_r(&time, &shown));
        if (matches(fields, &shown)) {
            return true;
        }
    }
    return false;
}

/* Was this time on the wall shown before, within the last three hours? */
static bool was_shown(int64_t utc) {
    struct tm now = wall_of(utc);
    const int64_t local = timegm(&now);
    for (int64_t t = utc - 60; t >= utc - 3 * 3600; t -= 60) {
        struct tm before = wall_of(t);
        if (timegm(&before) == local) {
            return true;
        }
    }
    return false;
}

static int64_t walk(const char *cron, int64_t after_ms, int64_t minute_max) {
    char fields[5][64];
    assert_int_equal(
        sscanf(cron, "%63s %63s %63s %63s %63s", fields[0], fields[1], fields[2], fields[3], fields[4]), 5);
    bool every_hour = true;
    for (int hour = 0; hour < 24; hour++) {
        every_hour = every_hour && has(fields[1], hour, 0, 23, NULL);
    }
    const int64_t first = after_ms / 1000 / 60 * 60 + 60;
    for (int64_t utc = first; utc < first + minute_max * 60; utc += 60) {
        const struct tm wall = wall_of(utc);
        if ((matches(fields, &wall) && (every_hour || !was_shown(utc))) ||
            (!every_hour && leapt_over(fields, utc))) {
            return utc * 1000;
        }
    }
    return PS_CRON_NEVER;
}

static uint64_t next_random(uint64_t *seed) {
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 20;
}

static void test_against_walk(void **state) {
    (void)state;
    static const char *const crons[] = {"30 2 * * *",     "*/20 * * * *",        "15 1-3 * * *",
                                        "0 */2 * * *",    "59 23 * * *",         "0 0 * * MON-FRI",
                                        "7 0 1,15 * *",   "10 4 * * 0,3",        "30 0 13 * FRI",
                                        "0 1 * 3,10 SUN", "45 2 25-31 3,10,11 *"};
    static const char *const zones[] = {"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe",
                                        "America/Sao_Paulo"};
    /* around the days on which clocks were moved, and any */
    static const char *const starts[] = {"2026-03-27 00:00", "2026-10-23 00:00", "2026-03-06 00:00",
                                         "2026-10-30 00:00", "2018-02-16 00:00", "2018-11-02 00:00",
                                         "2026-04-03 00:00", "2026-10-02 00:00", "2024-02-27 00:00"};
    uint64_t seed = 3;
    int64_t compared = 0;
    for (size_t z = 0; z < sizeof zones / sizeof zones[0]; z++) {
        const struct ps_zone *zone = NULL;
        struct penstock_error error = {0};
        assert_int_equal(ps_zone_load(zones[z], arena, &zone, &error), PENSTOCK_OK);
        setenv("TZ", zones[z], 1);
        tzset();
        for (size_t s = 0; s < sizeof starts / sizeof starts[0]; s++) {
            for (size_t c = 0; c < sizeof crons / sizeof crons[0]; c++) {
                const struct ps_cron cron = good(crons[c]);
                const int64_t after = at(starts[s]) + (int64_t)(next_random(&seed) % (4 * 1440)) * 60000;
                const int64_t expected = walk(crons[c], after, 3 * 1440);
                const int64_t found = ps_cron_next(&cron, zone, after);
                if (expected != PS_CRON_NEVER ? found != expected : found < after + (int64_t)3 * 86400000) {
                    fail_msg("'%s' %s after %lld: %lld, the walk says %lld", crons[c], zones[z],
                             (long long)after / 1000, (long long)found / 1000, (long long)expected / 1000);
                }
                compared += expected != PS_CRON_NEVER;
            }
        }
    }
    assert_true(compared > 200);
}

static void refuse(const char *text, const char *message, const char *hint) {
    struct ps_cron cron;
    struct penstock_error error = {0};
    assert_int_equal(ps_cron_parse(text, &cron, &error), PENSTOCK_INVALID_ARGUMENT);
    assert_string_equal(error.message, message);
    assert_non_null(strstr(error.hint, hint));
}

static void test_bad(void **state) {
    (void)state;
    refuse("60 * * * *", "the minute '60' of the schedule is none that there is", "minute is 0 to 59");
    refuse("0 24 * * *", "the hour '24' of the schedule is none that there is", "hour is 0 to 23");
    refuse("0 0 0 * *", "the day of the month '0' of the schedule is none that there is", "1 to 31");
    refuse("0 0 * FOO *", "the month 'FOO' of the schedule is none that there is",
           "or a name of three letters");
    refuse("0 0 * * MON-8", "the weekday 'MON-8' of the schedule is no range that there is", "MON-FRI");
    refuse("0 0 * * FRI-MON",
           "the weekday 'FRI-MON' of the schedule ends before it begins: write two ranges with a comma",
           "weekday");
    refuse("*/0 * * * *", "the minute '*/0' of the schedule has a step that is no number of them", "*/15");
    refuse("1, * * * *", "the minute '' of the schedule is none that there is", "minute");
    refuse("0 0 L * *", "the day of the month 'L' of the schedule is none that there is", "day of the month");
    refuse("0 0 ? * *", "the day of the month '?' of the schedule is none that there is", "day of the month");
    refuse("0 0 30 2 *", "the day of the month '30' of the schedule never comes in the months that are given",
           "");
    refuse("0 0 31 4,6,9,11 *",
           "the day of the month '31' of the schedule never comes in the months that are given", "");
    refuse("0 3 * *", "a schedule has five fields, minute hour day month weekday, but '0 3 * *' has 4",
           "every day");
    refuse("0 0 3 * * *",
           "a schedule has five fields, minute hour day month weekday, but '0 0 3 * * *' has 6",
           "leave out the seconds");
    refuse("", "a schedule has five fields, minute hour day month weekday, but '' has 0", "every day");
    refuse("@dayly", "there is no schedule '@dayly'", "did you mean '@daily'?");
    refuse("1-2-3 * * * *", "the minute '1-2-3' of the schedule is none that there is", "minute");
    refuse("99999999999 * * * *", "the minute '99999999999' of the schedule is none that there is", "minute");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_next), cmocka_unit_test(test_moved_clock),
                                       cmocka_unit_test(test_against_walk), cmocka_unit_test(test_bad)};
    return cmocka_run_group_tests(tests, begin, end);
}
