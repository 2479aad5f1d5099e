/* SPDX-License-Identifier: Apache-2.0
 *
 * parse_job.c - CREATE JOB name FOR MODEL m trigger [OR trigger] ... [WITH (...)]
 *
 *   trigger: EVERY 'cron' [TIME ZONE 'zone'] | AFTER n ROWS
 *            | ON DRIFT [> 0.1] [CONFIDENCE 0.99] [CHECK EVERY INTERVAL 1 HOUR]
 *
 * Each trigger once, in any order. Whether there is such a model, zone or setting is looked at when the graph is
 * built (bind_job.c).
 */
#include <math.h>

#include "base/check.h"
#include "job/cursor.h"

#define DRIFT_INTERVAL_MS 3600000
/* A check reads up to 100,000 rows. */
#define DRIFT_INTERVAL_MS_MIN 1000
#define ROW_COUNT_MAX 1e15

static const char expected_trigger[] = "EVERY 'cron', AFTER n ROWS or ON DRIFT";

static penstock_code read_every(struct ps_cursor *cursor, struct ps_job_statement *job) {
    const struct ps_location start = ps_cursor_location(cursor);
    if (job->every != NULL) {
        return ps_cursor_fail(cursor, start, "EVERY is given twice");
    }
    PS_TRY(ps_cursor_string(cursor, "a schedule such as '0 3 * * *'", &job->every));
    if (ps_cron_parse(job->every, &job->cron, cursor->error) != PENSTOCK_OK) {
        if (cursor->error != NULL) {
            cursor->error->code = PENSTOCK_INVALID_PROJECT;
        }
        ps_error_at(cursor->error, start, NULL, -1);
        return PENSTOCK_INVALID_PROJECT;
    }
    if (ps_cursor_accept(cursor, "TIME")) {
        PS_TRY(ps_cursor_expect(cursor, "ZONE"));
        job->zone_location = ps_cursor_location(cursor);
        PS_TRY(ps_cursor_string(cursor, "a time zone such as 'Europe/Berlin'", &job->time_zone));
    }
    return PENSTOCK_OK;
}

static penstock_code read_after(struct ps_cursor *cursor, struct ps_job_statement *job) {
    const struct ps_location start = ps_cursor_location(cursor);
    double count = 0;
    if (job->row_count > 0) {
        return ps_cursor_fail(cursor, start, "AFTER n ROWS is given twice");
    }
    PS_TRY(ps_cursor_number(cursor, "how many rows, such as AFTER 100000 ROWS", &count));
    if (count < 1 || count > ROW_COUNT_MAX || floor(count) < count) {
        ps_cursor_fail(cursor, start, "AFTER is a whole number of rows from 1 on, not %.17g", count);
        ps_error_hint(cursor->error,
                      "AFTER 100000 ROWS trains when the model's tables have grown by so many");
        return PENSTOCK_INVALID_PROJECT;
    }
    job->row_count = (int64_t)count;
    if (!ps_cursor_accept(cursor, "ROW")) {
        PS_TRY(ps_cursor_expect(cursor, "ROWS"));
    }
    return PENSTOCK_OK;
}

static penstock_code read_drift_option(struct ps_cursor *cursor, struct ps_job_statement *job) {
    const struct ps_location start = ps_cursor_location(cursor);
    if (ps_cursor_accept_sign(cursor, '>')) {
        PS_TRY(ps_cursor_number(cursor, "how much drift is too much, such as ON DRIFT > 0.1",
                                &job->drift_tolerance));
        return job->drift_tolerance < 0
                   ? ps_cursor_fail(cursor, start, "drift is never below 0, so > %g always holds",
                                    job->drift_tolerance)
                   : PENSTOCK_OK;
    }
    if (ps_cursor_accept(cursor, "CONFIDENCE")) {
        PS_TRY(ps_cursor_number(cursor, "a confidence such as 0.99", &job->drift_confidence));
        return job->drift_confidence < 0.5 || job->drift_confidence >= 1
                   ? ps_cursor_fail(cursor, start, "a confidence is from 0.5 to below 1, not %g",
                                    job->drift_confidence)
                   : PENSTOCK_OK;
    }
    PS_TRY(ps_cursor_expect(cursor, "CHECK"));
    PS_TRY(ps_cursor_expect(cursor, "EVERY"));
    PS_TRY(ps_cursor_interval_ms(cursor, &job->drift_interval_ms));
    return job->drift_interval_ms < DRIFT_INTERVAL_MS_MIN
               ? ps_cursor_fail(cursor, start, "drift is checked every second at most: a check reads rows")
               : PENSTOCK_OK;
}

static penstock_code read_drift(struct ps_cursor *cursor, struct ps_job_statement *job) {
    PS_TRY(ps_cursor_expect(cursor, "DRIFT"));
    if (job->on_drift) {
        return ps_cursor_fail(cursor, ps_cursor_location(cursor), "ON DRIFT is given twice");
    }
    job->on_drift = true;
    while (ps_cursor_is_sign(cursor, 0, '>') || ps_cursor_is_word(cursor, 0, "CONFIDENCE") ||
           ps_cursor_is_word(cursor, 0, "CHECK")) {
        PS_TRY(read_drift_option(cursor, job));
    }
    return PENSTOCK_OK;
}

static penstock_code read_trigger(struct ps_cursor *cursor, struct ps_job_statement *job) {
    static const char *const words[] = {"EVERY", "AFTER", "ON", NULL};
    if (ps_cursor_accept(cursor, "EVERY")) {
        return read_every(cursor, job);
    }
    if (ps_cursor_accept(cursor, "AFTER")) {
        return read_after(cursor, job);
    }
    if (ps_cursor_accept(cursor, "ON")) {
        return read_drift(cursor, job);
    }
    return ps_cursor_unknown(cursor, expected_trigger, words);
}

penstock_code ps_parse_job(struct ps_cursor *cursor, struct ps_job_statement *job_out) {
    static const char *const words[] = {"OR", "WITH", NULL};
    *job_out = (struct ps_job_statement){
        .time_zone = "UTC", .drift_tolerance = -1, .drift_interval_ms = DRIFT_INTERVAL_MS};
    PS_TRY(ps_cursor_expect(cursor, "FOR"));
    PS_TRY(ps_cursor_expect(cursor, "MODEL"));
    job_out->model_location = ps_cursor_location(cursor);
    PS_TRY(ps_cursor_name(cursor, "the name of a model", &job_out->model));
    do {
        PS_TRY(read_trigger(cursor, job_out));
    } while (ps_cursor_accept(cursor, "OR"));
    if (ps_cursor_accept(cursor, "WITH")) {
        PS_TRY(ps_cursor_settings(cursor, &job_out->settings, &job_out->setting_count));
    }
    return ps_cursor_at_end(cursor) ? PENSTOCK_OK : ps_cursor_unknown(cursor, "OR, WITH (...) or ';'", words);
}
