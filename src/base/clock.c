/* SPDX-License-Identifier: Apache-2.0
 *
 * clock.c - the outside world's time.
 */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t read_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t ps_clock_monotonic_ns(void) {
    return read_ns(CLOCK_MONOTONIC);
}

int64_t ps_clock_wall_ms(void) {
    return read_ns(CLOCK_REALTIME) / 1000000;
}

int64_t ps_clock_cpu_ns(void) {
    return read_ns(CLOCK_PROCESS_CPUTIME_ID);
}

void ps_clock_sleep_ms(int64_t duration_ms) {
    if (duration_ms > 0) {
        const struct timespec duration = {duration_ms / 1000, duration_ms % 1000 * 1000000};
        nanosleep(&duration, NULL);
    }
}

void ps_clock_format_iso(int64_t wall_ms, char *text_out, size_t size) {
    const time_t seconds = (time_t)(wall_ms / 1000);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    char head[32];
    strftime(head, sizeof head, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text_out, size, "%s.%03dZ", head, (int)(wall_ms % 1000));
}

void ps_clock_format_yarn(int64_t wall_ms, char *text_out, size_t size) {
    /* English names whatever the locale, as Java prints them */
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    const time_t seconds = (time_t)(wall_ms / 1000);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    snprintf(text_out, size, "%.3s %.3s %02d %02d:%02d:%02d +0000 %d", days + 3 * parts.tm_wday, months + 3 * parts.tm_mon,
             parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, parts.tm_year + 1900);
}
