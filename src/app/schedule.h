/* SPDX-License-Identifier: Apache-2.0
 *
 * schedule.h - when each model is trained again, as pure functions: no I/O, no clock, no thread.
 *
 * Whoever drives it tells what time it is, how many rows there are, who asked and what a look at drift has shown, and
 * carries out the one action that it is given. jobs.c does that with a store; the tests do it with a simulated one,
 * which they crash.
 *
 * A trigger that holds makes its model wait for a training. Whatever else holds until the training takes its snapshot
 * is served by it; what holds after that, while it is under way, makes one more training. So a model is never trained
 * twice at once, and never more often than something asked for it.
 *
 * A mark is what a job keeps in the store: up to where its triggers have been served. It moves together with what a
 * training publishes. A training that was killed leaves it where it was, and so is made up for; one that failed moves
 * it, too, and is tried again at the next trigger.
 */
#ifndef PS_APP_SCHEDULE_H
#define PS_APP_SCHEDULE_H

#include "job/cron.h"

/* Why a model is trained: bits. */
enum ps_trigger {
    PS_TRIGGER_FIRST = 1,   /* the job has never been served */
    PS_TRIGGER_CHANGED = 2, /* the model's statement is another one now */
    PS_TRIGGER_EVERY = 4,
    PS_TRIGGER_ROWS = 8,
    PS_TRIGGER_DRIFT = 16,
    PS_TRIGGER_ASKED = 32 /* penstock jobs run */
};

struct ps_schedule_rule {
    size_t model;               /* 0, 1, ...: jobs of one model have the same */
    const struct ps_cron *cron; /* NULL: no EVERY */
    const struct ps_zone *zone;
    int64_t row_count;         /* 0: no AFTER */
    int64_t drift_interval_ms; /* 0: no ON DRIFT */
    int64_t pause_ms;
    bool makes_up_missed;
    uint64_t statement; /* hash of the model's */
};

struct ps_schedule_mark {
    bool is_known;      /* false: all others say nothing */
    int64_t handled_ms; /* every time of EVERY up to this one has been served */
    int64_t row_count;  /* of the model's tables at that training */
    int64_t drift_ms;   /* of the last look */
    uint64_t statement;
};

/* Of one job. Private to schedule.c, but for rule, mark, seen and serving, to be read. */
struct ps_schedule_job {
    struct ps_schedule_rule rule;
    struct ps_schedule_mark mark; /* as it is in the store */
    struct ps_schedule_mark seen; /* as it will be after the training that is under way */
    unsigned fired;               /* triggers that wait */
    unsigned serving;             /* triggers that the training under way is for */
    int64_t due_ms;               /* next time of EVERY */
    int64_t row_count;            /* last told */
};

struct ps_schedule_model {
    bool is_running;
    int64_t waits_since; /* order of waiting models; 0: it does not */
    int64_t started_ms;
};

struct ps_schedule {
    struct ps_schedule_job *jobs;
    size_t job_count;
    struct ps_schedule_model *models;
    size_t model_count;
    int64_t next_turn;
};

enum ps_schedule_action_kind {
    PS_SCHEDULE_WAIT,  /* until until_ms, or until something is told */
    PS_SCHEDULE_TRAIN, /* action.model; every training ends with ps_schedule_finished() */
    PS_SCHEDULE_LOOK,  /* at drift, for action.job; ends with ps_schedule_looked() */
};
struct ps_schedule_action {
    enum ps_schedule_action_kind kind;
    size_t model, job;
    int64_t until_ms;
};

/* The rules and marks are in `jobs` already, everything else is zero. What was due before `now_ms` was missed. */
void ps_schedule_start(struct ps_schedule *schedule, int64_t now_ms);
/* The rows that the model's tables have now, for one job. */
void ps_schedule_rows(struct ps_schedule *schedule, size_t job, int64_t row_count, int64_t now_ms);
void ps_schedule_asked(struct ps_schedule *schedule, size_t job);
void ps_schedule_looked(struct ps_schedule *schedule, size_t job, bool has_drifted, int64_t now_ms);
/* What to do now. TRAIN: `serving` of the model's jobs is what it is for, and `seen` becomes their mark. */
struct ps_schedule_action ps_schedule_next(struct ps_schedule *schedule, int64_t now_ms);
/* The rows at the snapshot of the training that is under way, when they are known better than by the last
 * ps_schedule_rows(). */
void ps_schedule_snapshot(struct ps_schedule *schedule, size_t job, int64_t row_count);
/* is_served: it was published, refused, found nothing new, or failed: the marks move. Else it was killed. */
void ps_schedule_finished(struct ps_schedule *schedule, size_t model, bool is_served);

#endif
