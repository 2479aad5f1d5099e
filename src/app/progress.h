/* SPDX-License-Identifier: Apache-2.0
 *
 * progress.h - one run of a project while it goes: what the files that carry it out share.
 *
 *   run.c       application and store up, stream, models, down again
 *   progress.c  the runner's events as lines, log entries and times per stage
 *   training.c  one CREATE MODEL: snapshot, skip, train, compare, gate, publish
 *   datasets.c  one CREATE DATASET: snapshot, skip, prepare, write, put in place, record
 *   jobs.c      CREATE JOB: what is due, beside the stream
 *   report.c    what the store says about this run afterwards
 */
#ifndef PS_APP_PROGRESS_H
#define PS_APP_PROGRESS_H

#include "app/container.h"
#include "app/control.h"
#include "app/session.h"
#include "base/thread.h"

/* Times of one node of the graph. */
struct ps_node_time {
    int64_t task_count, task_ns, task_records;        /* decode tasks of a source */
    int64_t statement_count, statement_ns, row_count; /* epochs of a table or view */
};

/* What a thread has to say to a person. The runner's thread speaks; what another one says is laid down in a queue,
 * and the runner's thread speaks it. */
struct ps_voice {
    struct ps_progress *progress;
    struct ps_queue *words; /* NULL: it speaks itself */
};

struct ps_jobs; /* jobs.h */

struct ps_progress {
    struct ps_app *app;
    const struct ps_app_run_options *options;
    struct ps_application *application;
    struct ps_store *store;
    struct ps_control *control;
    struct ps_shelf *shelf; /* models for the statements that predict */
    bool *late_is_done;     /* late.c: per node of the graph */
    struct ps_jobs *jobs;   /* NULL: the project has none */
    struct ps_voice voice;
    struct ps_arena *arena;      /* of the report */
    struct ps_run_totals totals; /* of all calls of the runner so far */
    struct ps_run_totals shown;  /* what the events have told so far */
    struct ps_node_time *nodes;  /* one per node of the graph */
    int64_t stream_wall_ns, stream_cpu_ns;
    int64_t line_ns;    /* when the last progress line was printed */
    int64_t line_epoch; /* and for which epoch */
    struct ps_model_outcome *models;
    size_t model_count;
    struct ps_dataset_outcome *datasets;
    size_t dataset_count;
    const char *refusal; /* sentence of the first refused model, or NULL */
};

/* A line for a person: to the caller and into the driver's stdout. */
void ps_progress_line(struct ps_progress *progress, const char *format, ...) PS_PRINTF(2, 3);
void ps_progress_complain(struct ps_progress *progress, const struct penstock_error *error);
void ps_voice_line(const struct ps_voice *voice, const char *format, ...) PS_PRINTF(2, 3);
/* A line of an executor's stderr. */
void ps_voice_task(const struct ps_voice *voice, const char *format, ...) PS_PRINTF(2, 3);
void ps_voice_complain(const struct ps_voice *voice, const struct penstock_error *error);
/* The runner's thread: speaks what is laid down in `words`. */
void ps_voice_hear(struct ps_progress *progress, struct ps_queue *words);
void ps_progress_event(const struct ps_event *event, void *context); /* struct ps_runner_options.on_event */
/* The line about the last epoch, if it has not been printed. */
void ps_progress_flush(struct ps_progress *progress);

/* Trains all models and makes all datasets. Errors are those of the first that failed; a refusal is none (see
 * refusal). */
penstock_code ps_training_run(struct ps_progress *progress, struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_training_free(struct ps_model_outcome *models, size_t count);

/* Fills a report from the store; takes over the models and the arena. */
penstock_code ps_report_make(struct ps_progress *progress, struct ps_run_report **report_out,
                             struct penstock_error *error) PENSTOCK_MUST_USE;

/* A job as an application of its own, for a store that no run holds. */
penstock_code ps_app_train(struct ps_app *app, const char *job, const struct ps_app_run_options *options,
                           struct ps_job_result *result_out, struct penstock_error *error) PENSTOCK_MUST_USE;
/* A replay as an application of its own, for a store that no run holds. */
penstock_code ps_app_replay(struct ps_app *app, const char *source, const char *reason,
                            struct ps_replay_totals *totals_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

#endif
