/* SPDX-License-Identifier: Apache-2.0
 *
 * clock.c - the system's clocks, and the two forms in which a time is shown.
 *
 * Names of days and months are spelt out here: strftime() would take them from the embedding program's locale.
 */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

#define NS_PER_SECOND INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)

static int64_t read_ns(clockid_t clock) {
    struct timespec now = {0};
    (void)clock_gettime(clock, &now); /* fails only for a clock that does not exist */
    return (int64_t)now.tv_sec * NS_PER_SECOND + (int64_t)now.tv_nsec;
}

int64_t ps_clock_monotonic_ns(void) {
    return read_ns(CLOCK_MONOTONIC);
}

int64_t ps_clock_wall_ms(void) {
    return read_ns(CLOCK_REALTIME) / NS_PER_MS;
}

int64_t ps_clock_cpu_ns(void) {
    return read_ns(CLOCK_PROCESS_CPUTIME_ID);
}

void ps_clock_sleep_ms(int64_t duration_ms) {
    if (duration_ms <= 0) {
        return;
    }
    const struct timespec duration = {.tv_sec = (time_t)(duration_ms / 1000),
                                      .tv_nsec = (long)(duration_ms % 1000 * NS_PER_MS)};
    (void)nanosleep(&duration, NULL);
}

/* Splits into calendar fields (UTC) and the milliseconds left over. */
static void split(int64_t wall_ms, struct tm *fields_out, int *ms_out) {
    int64_t seconds = wall_ms / 1000, ms = wall_ms % 1000;
    if (ms < 0) { /* before 1970 */
        seconds--;
        ms += 1000;
    }
    const time_t time = (time_t)seconds;
    *fields_out = (struct tm){.tm_mday = 1, .tm_year = 70};
    (void)gmtime_r(&time, fields_out); /* fails only for years beyond int */
    *ms_out = (int)ms;
}

void ps_clock_format_iso(int64_t wall_ms, char *text_out, size_t size) {
    struct tm fields;
    int ms;
    split(wall_ms, &fields, &ms);
    (void)snprintf(text_out, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", fields.tm_year + 1900,
                   fields.tm_mon + 1, fields.tm_mday, fields.tm_hour, fields.tm_min, fields.tm_sec, ms);
}

void ps_clock_format_yarn(int64_t wall_ms, char *text_out, size_t size) {
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct tm fields;
    int ms;
    split(wall_ms, &fields, &ms);
    (void)snprintf(text_out, size, "%s %s %02d %02d:%02d:%02d +0000 %04d", days[fields.tm_wday % 7],
                   months[fields.tm_mon % 12], fields.tm_mday, fields.tm_hour, fields.tm_min, fields.tm_sec,
                   fields.tm_year + 1900);
}
