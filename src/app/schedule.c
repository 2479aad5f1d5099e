/* SPDX-License-Identifier: Apache-2.0
 *
 * schedule.c - triggers into trainings: see schedule.h.
 *
 * A job has three views of how far it is served: its mark (the store's), seen (what the mark becomes when the training
 * that was taken last ends), and the triggers that have fired since then. Everything else follows from them.
 */
#include "app/schedule.h"

static void fire(struct ps_schedule *schedule, struct ps_schedule_job *job, unsigned triggers) {
    struct ps_schedule_model *model = &schedule->models[job->rule.model];
    job->fired |= triggers;
    if (model->waits_since == 0) {
        model->waits_since = ++schedule->next_turn;
    }
}

static void set_due(struct ps_schedule_job *job, int64_t after_ms) {
    job->due_ms =
        job->rule.cron == NULL ? PS_CRON_NEVER : ps_cron_next(job->rule.cron, job->rule.zone, after_ms);
}

/* A trigger that may come with every epoch is held back for a while after a training. */
static bool is_pausing(const struct ps_schedule *schedule, const struct ps_schedule_job *job,
                       int64_t now_ms) {
    const int64_t started_ms = schedule->models[job->rule.model].started_ms;
    return started_ms > 0 && now_ms >= started_ms && now_ms - started_ms < job->rule.pause_ms;
}

void ps_schedule_start(struct ps_schedule *schedule, int64_t now_ms) {
    for (size_t i = 0; i < schedule->job_count; i++) {
        struct ps_schedule_job *job = &schedule->jobs[i];
        job->seen = job->mark;
        if (!job->mark.is_known) {
            job->seen = (struct ps_schedule_mark){.handled_ms = now_ms, .row_count = -1, .drift_ms = now_ms};
            fire(schedule, job, PS_TRIGGER_FIRST);
        } else if (job->mark.statement != job->rule.statement) {
            fire(schedule, job, PS_TRIGGER_CHANGED);
        }
        /* a mark of the future was made by a clock that was wrong */
        if (!job->rule.makes_up_missed || job->seen.handled_ms > now_ms) {
            job->seen.handled_ms = now_ms;
        }
        set_due(job, job->seen.handled_ms);
        schedule->models[job->rule.model].started_ms =
            job->mark.is_known && job->mark.handled_ms <= now_ms ? job->mark.handled_ms : 0;
    }
}

void ps_schedule_rows(struct ps_schedule *schedule, size_t job_index, int64_t row_count, int64_t now_ms) {
    struct ps_schedule_job *job = &schedule->jobs[job_index];
    job->row_count = row_count;
    if (job->seen.row_count < 0 ||
        job->seen.row_count > row_count) { /* rows were dropped: counted from what is left */
        job->seen.row_count = row_count;
    }
    if (job->rule.row_count > 0 && row_count - job->seen.row_count >= job->rule.row_count &&
        !is_pausing(schedule, job, now_ms)) {
        fire(schedule, job, PS_TRIGGER_ROWS);
    }
}

void ps_schedule_asked(struct ps_schedule *schedule, size_t job) {
    fire(schedule, &schedule->jobs[job], PS_TRIGGER_ASKED);
}

void ps_schedule_looked(struct ps_schedule *schedule, size_t job_index, bool has_drifted, int64_t now_ms) {
    struct ps_schedule_job *job = &schedule->jobs[job_index];
    job->seen.drift_ms = now_ms;
    if (!has_drifted) {
        job->mark.drift_ms = now_ms;
    } else if (!is_pausing(schedule, job, now_ms)) {
        fire(schedule, job, PS_TRIGGER_DRIFT);
    }
}

static void take(struct ps_schedule *schedule, size_t model, int64_t now_ms) {
    schedule->models[model] = (struct ps_schedule_model){.is_running = true, .started_ms = now_ms};
    for (size_t i = 0; i < schedule->job_count; i++) {
        struct ps_schedule_job *job = &schedule->jobs[i];
        if (job->rule.model == model) {
            job->serving = job->fired;
            job->fired = 0;
            job->seen = (struct ps_schedule_mark){.is_known = true,
                                                  .handled_ms = now_ms,
                                                  .row_count = job->row_count,
                                                  .drift_ms = now_ms,
                                                  .statement = job->rule.statement};
            set_due(job, now_ms);
        }
    }
}

/* A model that is trained anyway need not be looked at. */
static bool wants_look(const struct ps_schedule *schedule, const struct ps_schedule_job *job,
                       int64_t now_ms) {
    const struct ps_schedule_model *model = &schedule->models[job->rule.model];
    return job->rule.drift_interval_ms > 0 && model->waits_since == 0 && !model->is_running &&
           (now_ms - job->seen.drift_ms >= job->rule.drift_interval_ms || job->seen.drift_ms > now_ms);
}

static int64_t earliest(int64_t left, int64_t right) {
    return left < right ? left : right;
}

struct ps_schedule_action ps_schedule_next(struct ps_schedule *schedule, int64_t now_ms) {
    struct ps_schedule_action action = {.kind = PS_SCHEDULE_WAIT, .until_ms = PS_CRON_NEVER};
    for (size_t i = 0; i < schedule->job_count; i++) {
        struct ps_schedule_job *job = &schedule->jobs[i];
        if (now_ms >= job->due_ms) {
            fire(schedule, job, PS_TRIGGER_EVERY);
            set_due(job, now_ms);
        }
        action.until_ms = earliest(action.until_ms, job->due_ms);
    }
    int64_t first = INT64_MAX;
    for (size_t i = 0; i < schedule->model_count; i++) {
        const struct ps_schedule_model *model = &schedule->models[i];
        if (model->waits_since > 0 && !model->is_running && model->waits_since < first) {
            first = model->waits_since;
            action.kind = PS_SCHEDULE_TRAIN;
            action.model = i;
        }
    }
    if (action.kind == PS_SCHEDULE_TRAIN) {
        take(schedule, action.model, now_ms);
        return action;
    }
    for (size_t i = 0; i < schedule->job_count; i++) {
        const struct ps_schedule_job *job = &schedule->jobs[i];
        if (wants_look(schedule, job, now_ms)) {
            return (struct ps_schedule_action){.kind = PS_SCHEDULE_LOOK, .job = i, .model = job->rule.model};
        }
        if (job->rule.drift_interval_ms > 0) {
            action.until_ms = earliest(action.until_ms, job->seen.drift_ms + job->rule.drift_interval_ms);
        }
    }
    return action;
}

void ps_schedule_snapshot(struct ps_schedule *schedule, size_t job, int64_t row_count) {
    schedule->jobs[job].seen.row_count = row_count;
}

void ps_schedule_finished(struct ps_schedule *schedule, size_t model, bool is_served) {
    schedule->models[model].is_running = false;
    for (size_t i = 0; i < schedule->job_count; i++) {
        struct ps_schedule_job *job = &schedule->jobs[i];
        if (job->rule.model != model) {
            continue;
        }
        const unsigned unserved = is_served ? 0 : job->serving;
        job->serving = 0;
        if (is_served) {
            job->mark = job->seen;
        }
        if (unserved != 0) {
            fire(schedule, job, unserved);
        }
    }
}
