/* SPDX-License-Identifier: Apache-2.0
 *
 * zone.h - what the clocks on the wall of a place show, and when: time zones of the system's tz database.
 *
 * The C library knows one zone a process (TZ), and changing it under the feet of other threads, or of a program that
 * libpenstock is a part of, cannot be. So the same files are read here: transitions as they are listed, and behind
 * the last one the rule at the end of the file ("CET-1CEST,M3.5.0,M10.5.0/3"). Times are seconds since 1970; a local
 * time is the seconds that would have passed since 1970-01-01 00:00 if the clock on the wall had never been moved.
 * Sources: RFC 8536 (TZif), POSIX.1-2017 chapter 8.3 (TZ).
 */
#ifndef PS_BASE_ZONE_H
#define PS_BASE_ZONE_H

#include "base/memory.h"

struct ps_date {
    int64_t year;
    int month, day; /* from 1 */
};
/* Days since 1970-01-01 in the Gregorian calendar, and back. */
int64_t ps_date_to_days(struct ps_date date);
struct ps_date ps_date_of_days(int64_t days);
int ps_date_weekday(int64_t days); /* 0 is Sunday */
int ps_date_month_days(int64_t year, int month);

struct ps_zone;

/* "UTC", "Europe/Berlin". In the arena. Errors: NOT_FOUND with the nearest name, INVALID_DATA for a file that is no
 * zone, IO. */
penstock_code ps_zone_load(const char *name, struct ps_arena *arena, const struct ps_zone **zone_out,
                           struct penstock_error *error) PENSTOCK_MUST_USE;
/* A zone from the bytes of its file, for tests; UTC from none. */
penstock_code ps_zone_read(const char *data, size_t size, struct ps_arena *arena,
                           const struct ps_zone **zone_out, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Seconds to add to `utc` for the local time. */
int64_t ps_zone_offset(const struct ps_zone *zone, int64_t utc);
/* The instants at which the clock shows `local`: 1, or 2 when it was put back (ascending), or 0 when it was put
 * forward across it; then instants_out[0] is the first instant after the gap. */
int ps_zone_instants(const struct ps_zone *zone, int64_t local, int64_t instants_out[2]);

#endif
