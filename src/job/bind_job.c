/* SPDX-License-Identifier: Apache-2.0
 *
 * bind_job.c - a job's model, time zone and settings, looked up; and what a job says, in words.
 */
#include "job/analysis.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

const struct ps_option ps_job_options[] = {
    {.name = "cores",
     .type = PS_OPTION_INTEGER,
     .default_text = "0",
     .value_min = 0,
     .value_max = 1024,
     .offset = offsetof(struct ps_job_settings, cores),
     .help = "most cores that a training beside the stream takes; 0: all but one",
     .since = "0.2"},
    {.name = "missed",
     .type = PS_OPTION_BOOLEAN,
     .default_text = "true",
     .offset = offsetof(struct ps_job_settings, makes_up_missed),
     .help = "whether an EVERY that passed while nothing ran is made up for, once",
     .since = "0.2"},
    {.name = "pause",
     .type = PS_OPTION_DURATION,
     .default_text = "0 ms",
     .offset = offsetof(struct ps_job_settings, pause_ms),
     .help = "least time from the start of one training to the next that AFTER or ON DRIFT asks for",
     .since = "0.2"},
    {.name = NULL},
};

penstock_code ps_job_settings_read(const struct ps_job_statement *job, struct ps_arena *arena,
                                   struct ps_job_settings *settings_out, struct penstock_error *error) {
    PS_TRY(ps_option_defaults(ps_job_options, settings_out, arena, error));
    for (size_t i = 0; i < job->setting_count; i++) {
        const struct ps_setting *setting = &job->settings[i];
        if (ps_option_set(ps_job_options, settings_out, setting->name, setting->value, arena, error) !=
            PENSTOCK_OK) {
            if (error != NULL && error->code == PENSTOCK_INVALID_ARGUMENT) {
                error->code = PENSTOCK_INVALID_PROJECT;
            }
            ps_error_at(error, setting->location, NULL, -1);
            return error != NULL ? error->code : PENSTOCK_INVALID_PROJECT;
        }
    }
    return PENSTOCK_OK;
}

int64_t ps_job_core_share(const struct ps_job_settings *settings, int64_t core_count) {
    const int64_t others = core_count > 1 ? core_count - 1 : 1;
    return settings->cores > 0 && settings->cores < others ? settings->cores : others;
}

penstock_code ps_bind_job_model(struct ps_analysis *analysis, const struct ps_item *item, size_t *index_out) {
    const struct ps_job_statement *job = &item->node.statement->as.job;
    const int64_t found = ps_analysis_find(analysis, job->model);
    if (found >= 0 && analysis->items[found].node.kind == PS_NODE_MODEL) {
        *index_out = (size_t)found;
        return PENSTOCK_OK;
    }
    if (found >= 0) {
        ps_error_set(analysis->error, PENSTOCK_INVALID_PROJECT, "'%s' is a %s, but a job trains a model",
                     job->model, ps_node_kind_name(analysis->items[found].node.kind));
    } else {
        ps_error_set(analysis->error, PENSTOCK_INVALID_PROJECT, "there is no model '%s'", job->model);
        const char *near = ps_analysis_nearest(analysis, job->model, 1U << PS_NODE_MODEL);
        if (near != NULL) {
            ps_error_hint(analysis->error, "did you mean %s?", near);
        } else {
            ps_error_hint(analysis->error, "make it with CREATE MODEL %s ...", job->model);
        }
    }
    ps_error_at(analysis->error, job->model_location, NULL, -1);
    return PENSTOCK_INVALID_PROJECT;
}

penstock_code ps_bind_job(struct ps_analysis *analysis, struct ps_item *item) {
    const struct ps_job_statement *job = &item->node.statement->as.job;
    const struct ps_zone *zone = NULL;
    struct ps_job_settings settings;
    if (ps_zone_load(job->time_zone, analysis->arena, &zone, analysis->error) != PENSTOCK_OK) {
        if (analysis->error->code == PENSTOCK_NOT_FOUND) {
            analysis->error->code = PENSTOCK_INVALID_PROJECT;
        }
        ps_error_at(analysis->error, job->zone_location, NULL, -1);
        return analysis->error->code;
    }
    return ps_job_settings_read(job, analysis->arena, &settings, analysis->error);
}

/* 100000 -> 100,000 */
static void write_count(struct ps_buffer *out, int64_t count) {
    char digits[32];
    const int size = snprintf(digits, sizeof digits, "%" PRId64, count);
    for (int i = 0; i < size; i++) {
        ps_buffer_add(out, &digits[i], 1);
        if ((size - i - 1) % 3 == 0 && i + 1 < size) {
            ps_buffer_text(out, ",");
        }
    }
}

static void write_duration(struct ps_buffer *out, int64_t ms) {
    static const struct {
        int64_t ms;
        const char *name;
    } units[] = {{86400000, "day"}, {3600000, "hour"}, {60000, "minute"}, {1000, "second"}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (ms % units[i].ms == 0) {
            const int64_t count = ms / units[i].ms;
            ps_buffer_printf(out, "%" PRId64 " %s%s", count, units[i].name, count == 1 ? "" : "s");
            return;
        }
    }
    ps_buffer_printf(out, "%" PRId64 " ms", ms);
}

void ps_job_describe(const struct ps_job_statement *job, struct ps_buffer *out) {
    const char *between = "";
    if (job->every != NULL) {
        ps_buffer_printf(out, "every '%s' %s", job->every, job->time_zone);
        between = " or ";
    }
    if (job->row_count > 0) {
        ps_buffer_printf(out, "%safter ", between);
        write_count(out, job->row_count);
        ps_buffer_text(out, job->row_count == 1 ? " row" : " rows");
        between = " or ";
    }
    if (job->on_drift) {
        ps_buffer_printf(out, "%son drift", between);
        if (job->drift_tolerance >= 0) {
            ps_buffer_printf(out, " > %g", job->drift_tolerance);
        }
        ps_buffer_text(out, " checked every ");
        write_duration(out, job->drift_interval_ms);
    }
}
