/* SPDX-License-Identifier: Apache-2.0
 *
 * cron.h - a schedule of five fields, and when it is due next: a pure function of the schedule, the zone and a time.
 *
 *   minute 0-59, hour 0-23, day of the month 1-31, month 1-12 or JAN-DEC, weekday 0-7 or SUN-SAT (0 and 7 are SUN)
 *
 * Each field is *, a value, a range 1-5, one with a step (0-30/10; also behind a star), or a list of these. When
 * both days are restricted, either makes a day match, as in every cron. @hourly, @daily (@midnight), @weekly,
 * @monthly and @yearly (@annually) are spelt out.
 *
 * The clock that is moved: a time that the clock leaps over is due at the first instant after the leap; one that the
 * clock shows twice is due the first time only. A schedule of every hour means the time that passes, not the clock: it
 * has nothing to make up after a leap, and goes on in an hour that is shown again.
 */
#ifndef PS_JOB_CRON_H
#define PS_JOB_CRON_H

#include "base/zone.h"

struct ps_cron {
    uint64_t minutes; /* bit i: minute i, and so on */
    uint32_t hours, days, months, weekdays;
    bool any_day, any_weekday; /* the field begins with a star */
};

#define PS_CRON_NEVER INT64_MAX

/* Errors: INVALID_ARGUMENT with the field that is wrong, what it may be, and an example; also for a day that no year
 * has (30 February). */
penstock_code ps_cron_parse(const char *text, struct ps_cron *cron_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* The first time after `after_ms` (since 1970, UTC) at which it is due. */
int64_t ps_cron_next(const struct ps_cron *cron, const struct ps_zone *zone, int64_t after_ms);

#endif
