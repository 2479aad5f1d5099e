/* SPDX-License-Identifier: Apache-2.0
 *
 * jobs.c - carries out what schedule.h decides: trains, and writes down what came of it.
 *
 * The schedule belongs to the thread that trains: the one of jobs, or, before that one is started, the run's. What
 * others may look at while a training is under way are three numbers, each atomic.
 */
#include "app/jobs_parts.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/limits.h"

#define WORD_MAX 1024
/* How long the thread sleeps when nothing is to be done; a request waits no longer. */
#define POLL_MS 50
#define SQL_SIZE_MAX ((size_t)1 << 20)
#define REASON_SIZE_MAX 4096

/* One training. */
struct work {
    struct ps_jobs *jobs;
    const struct ps_jobs_seat *seat;
    size_t model;
    int64_t started_ms;
};

/* ---- up and down ---- */

static size_t add_model(struct ps_jobs *jobs, const struct ps_node *model) {
    for (size_t i = 0; i < jobs->schedule.model_count; i++) {
        if (jobs->models[i] == model) {
            return i;
        }
    }
    jobs->models[jobs->schedule.model_count] = model;
    return jobs->schedule.model_count++;
}

static penstock_code add_job(struct ps_jobs *jobs, const struct ps_node *node, struct penstock_error *error) {
    const struct ps_job_statement *statement = &node->statement->as.job;
    const struct ps_node *model = &jobs->progress->app->graph->nodes[node->inputs[0]];
    const size_t index = jobs->schedule.job_count;
    struct ps_job_settings *settings = &jobs->settings[index];
    const struct ps_zone *zone = NULL;
    PS_TRY(ps_zone_load(statement->time_zone, jobs->arena, &zone, error));
    PS_TRY(ps_job_settings_read(statement, jobs->arena, settings, error));
    jobs->nodes[index] = node;
    jobs->schedule.jobs[index].rule =
        (struct ps_schedule_rule){.model = add_model(jobs, model),
                                  .cron = statement->every == NULL ? NULL : &statement->cron,
                                  .zone = zone,
                                  .row_count = statement->row_count,
                                  .drift_interval_ms = statement->on_drift ? statement->drift_interval_ms : 0,
                                  .pause_ms = settings->pause_ms,
                                  .makes_up_missed = settings->makes_up_missed,
                                  .statement = ps_job_fingerprint(model)};
    jobs->schedule.job_count++;
    return PENSTOCK_OK;
}

static penstock_code fill(struct ps_jobs *jobs, size_t count, struct penstock_error *error) {
    const struct ps_graph *graph = jobs->progress->app->graph;
    jobs->arena = ps_arena_new(0);
    jobs->requests = ps_queue_new(PS_JOBS_REQUEST_MAX);
    jobs->words = ps_queue_new(WORD_MAX);
    if (jobs->arena == NULL || jobs->requests == NULL || jobs->words == NULL) {
        return ps_error_memory(error, "jobs");
    }
    jobs->schedule.jobs = ps_arena_allocate(jobs->arena, count, sizeof *jobs->schedule.jobs);
    jobs->schedule.models = ps_arena_allocate(jobs->arena, count, sizeof *jobs->schedule.models);
    jobs->nodes = ps_arena_allocate(jobs->arena, count, sizeof(struct ps_node *));
    jobs->models = ps_arena_allocate(jobs->arena, count, sizeof(struct ps_node *));
    jobs->count_sql = ps_arena_allocate(jobs->arena, count, sizeof(char *));
    jobs->settings = ps_arena_allocate(jobs->arena, count, sizeof *jobs->settings);
    if (jobs->schedule.jobs == NULL || jobs->schedule.models == NULL || jobs->nodes == NULL ||
        jobs->models == NULL || jobs->count_sql == NULL || jobs->settings == NULL) {
        return ps_error_memory(error, "jobs");
    }
    for (size_t i = 0; i < graph->node_count; i++) {
        if (graph->nodes[i].kind == PS_NODE_JOB) {
            PS_TRY(add_job(jobs, &graph->nodes[i], error));
        }
    }
    for (size_t i = 0; i < jobs->schedule.model_count; i++) {
        struct ps_buffer sql PS_SCOPED(ps_buffer_done) = {0};
        ps_buffer_init(&sql, SQL_SIZE_MAX);
        PS_TRY(ps_job_count_sql(graph, jobs->models[i], &sql, error));
        jobs->count_sql[i] = ps_arena_copy(jobs->arena, sql.data);
        if (jobs->count_sql[i] == NULL) {
            return ps_error_memory(error, "jobs");
        }
    }
    return PENSTOCK_OK;
}

penstock_code ps_jobs_new(struct ps_progress *progress, struct ps_jobs **jobs_out,
                          struct penstock_error *error) {
    const struct ps_graph *graph = progress->app->graph;
    size_t count = 0;
    for (size_t i = 0; i < graph->node_count; i++) {
        count += graph->nodes[i].kind == PS_NODE_JOB;
    }
    *jobs_out = NULL;
    if (count == 0) {
        return PENSTOCK_OK;
    }
    struct ps_jobs *jobs = ps_allocate(1, sizeof *jobs);
    if (jobs == NULL) {
        return ps_error_memory(error, "jobs");
    }
    jobs->progress = progress;
    const penstock_code code = fill(jobs, count, error);
    if (code != PENSTOCK_OK) {
        ps_jobs_free(jobs);
        return code;
    }
    *jobs_out = jobs;
    return PENSTOCK_OK;
}

void ps_jobs_free(struct ps_jobs *jobs) {
    if (jobs == NULL) {
        return;
    }
    ps_jobs_stop(jobs);
    ps_queue_free(jobs->requests);
    ps_queue_free(jobs->words);
    ps_arena_free(jobs->arena);
    ps_release(jobs);
}

bool ps_jobs_has_model(const struct ps_jobs *jobs, const struct ps_node *model) {
    for (size_t i = 0; jobs != NULL && i < jobs->schedule.model_count; i++) {
        if (jobs->models[i] == model) {
            return true;
        }
    }
    return false;
}

/* Marks from the store, once a run. */
static penstock_code load(struct ps_jobs *jobs, struct penstock_error *error) {
    struct ps_connection *connection = jobs->progress->store->connection;
    if (jobs->is_loaded) {
        return PENSTOCK_OK;
    }
    PS_TRY(ps_job_store_prepare(connection, error));
    for (size_t i = 0; i < jobs->schedule.job_count; i++) {
        PS_TRY(ps_job_store_read(connection, jobs->nodes[i]->name, &jobs->schedule.jobs[i].mark, error));
    }
    ps_schedule_start(&jobs->schedule, ps_clock_wall_ms());
    jobs->is_loaded = true;
    return PENSTOCK_OK;
}

/* ---- what came of a training ---- */

void ps_jobs_describe(const struct ps_model_outcome *outcome, struct ps_job_result *result_out) {
    const char *word = "";
    result_out->version = outcome->version;
    if (outcome->is_skipped) {
        word = "nothing new";
        (void)snprintf(result_out->sentence, sizeof result_out->sentence,
                       "nothing new since version %" PRId64, outcome->version);
    } else if (outcome->is_unchanged) {
        word = "unchanged";
        (void)snprintf(result_out->sentence, sizeof result_out->sentence,
                       "bit for bit the champion, version %" PRId64, outcome->version);
    } else {
        word = outcome->report->passed ? "published" : "refused";
        (void)snprintf(result_out->sentence, sizeof result_out->sentence, "%s", outcome->report->sentence);
    }
    (void)snprintf(result_out->outcome, sizeof result_out->outcome, "%s", word);
}

/* In a transaction: the marks of all jobs of the model, and a run of each that the training was for. */
static penstock_code note(const struct work *work, const struct ps_job_result *result,
                          struct penstock_error *error) {
    struct ps_jobs *jobs = work->jobs;
    const char *model = jobs->models[work->model]->name;
    for (size_t i = 0; i < jobs->schedule.job_count; i++) {
        const struct ps_schedule_job *job = &jobs->schedule.jobs[i];
        const char *name = jobs->nodes[i]->name;
        if (job->rule.model != work->model) {
            continue;
        }
        PS_TRY(ps_job_store_write(work->seat->connection, name, model, &job->seen, error));
        if (job->serving == 0) {
            continue;
        }
        struct ps_buffer reason PS_SCOPED(ps_buffer_done) = {0};
        ps_buffer_init(&reason, REASON_SIZE_MAX);
        ps_job_reasons(&jobs->nodes[i]->statement->as.job, job->serving, &reason);
        PS_TRY(ps_buffer_status(&reason, error));
        const struct ps_job_run run = {.job = name,
                                       .model = model,
                                       .reason = reason.data,
                                       .started_ms = work->started_ms,
                                       .outcome = result->outcome,
                                       .version = result->version,
                                       .sentence = result->sentence,
                                       .application = ps_application_id(jobs->progress->application)};
        PS_TRY(ps_job_store_add(work->seat->connection, &run, error));
    }
    return PENSTOCK_OK;
}

static penstock_code note_outcome(void *context, const struct ps_model_outcome *outcome,
                                  struct penstock_error *error) {
    struct ps_job_result result = {.version = 0};
    ps_jobs_describe(outcome, &result);
    return note(context, &result, error);
}

static penstock_code count_snapshot(void *context, struct penstock_error *error) {
    const struct work *work = context;
    struct ps_jobs *jobs = work->jobs;
    int64_t count = 0;
    PS_TRY(ps_sql_integer(work->seat->connection, jobs->count_sql[work->model], &count, error));
    for (size_t i = 0; i < jobs->schedule.job_count; i++) {
        if (jobs->schedule.jobs[i].rule.model == work->model) {
            ps_schedule_snapshot(&jobs->schedule, i, count);
        }
    }
    return PENSTOCK_OK;
}

/* A transaction of its own: there was none to publish in. */
static void note_failure(const struct work *work, const struct penstock_error *failure) {
    struct ps_job_result result = {.outcome = "failed"};
    struct penstock_error error = {0};
    struct ps_connection *connection = work->seat->connection;
    (void)snprintf(result.sentence, sizeof result.sentence, "%s", failure->message);
    penstock_code code = ps_sql_run(connection, "BEGIN TRANSACTION", &error);
    code = code == PENSTOCK_OK ? note(work, &result, &error) : code;
    code = code == PENSTOCK_OK ? ps_store_check_owner(work->jobs->progress->store, &error) : code;
    code = code == PENSTOCK_OK ? ps_sql_run(connection, "COMMIT", &error) : code;
    if (code != PENSTOCK_OK) {
        struct penstock_error ignored;
        (void)!ps_sql_run(connection, "ROLLBACK", &ignored);
        ps_voice_complain(work->seat->voice, &error);
    }
}

/* ---- a training ---- */

/* The first job that it is for, with its reasons. */
static size_t serving_job(const struct ps_jobs *jobs, size_t model) {
    for (size_t i = 0; i < jobs->schedule.job_count; i++) {
        if (jobs->schedule.jobs[i].rule.model == model && jobs->schedule.jobs[i].serving != 0) {
            return i;
        }
    }
    return 0;
}

static void announce(const struct work *work, size_t job) {
    struct ps_jobs *jobs = work->jobs;
    struct ps_buffer reason PS_SCOPED(ps_buffer_done) = {0};
    ps_buffer_init(&reason, REASON_SIZE_MAX);
    ps_job_reasons(&jobs->nodes[job]->statement->as.job, jobs->schedule.jobs[job].serving, &reason);
    ps_voice_line(work->seat->voice, "job %s: model %s is due: %s", jobs->nodes[job]->name,
                  jobs->models[work->model]->name, reason.size > 0 ? reason.data : "");
    ps_log_write(ps_application_log(jobs->progress->application), PS_LOG_NOTICE, NULL,
                 "job %s: model %s is due: %s", jobs->nodes[job]->name, jobs->models[work->model]->name,
                 reason.size > 0 ? reason.data : "");
    atomic_store(&jobs->running_reasons, jobs->schedule.jobs[job].serving);
    atomic_store(&jobs->running_since_ms, work->started_ms);
    atomic_store(&jobs->running_job, job + 1);
}

/* Beside the stream the scanning thread counts as one of the share. */
static int64_t thread_count(const struct work *work, size_t job) {
    const int64_t core_count = work->jobs->progress->app->project->core_count;
    if (!work->seat->is_beside) {
        return core_count;
    }
    const int64_t share = ps_job_core_share(&work->jobs->settings[job], core_count);
    return share > 1 ? share - 1 : 1;
}

static penstock_code train(struct ps_jobs *jobs, const struct ps_jobs_seat *seat, size_t model,
                           struct ps_model_outcome *outcome, struct ps_arena *arena,
                           struct penstock_error *error) {
    struct work work = {.jobs = jobs, .seat = seat, .model = model, .started_ms = ps_clock_wall_ms()};
    struct ps_job_result result = {.outcome = "failed"};
    const size_t job = serving_job(jobs, model);
    announce(&work, job);
    const struct ps_training_setup setup = {.progress = jobs->progress,
                                            .voice = seat->voice,
                                            .node = jobs->models[model],
                                            .connection = seat->connection,
                                            .thread_count = thread_count(&work, job),
                                            .stop = seat->stop,
                                            .arena = arena,
                                            .on_snapshot = count_snapshot,
                                            .on_outcome = note_outcome,
                                            .context = &work};
    penstock_code code = ps_training_one(&setup, outcome, error);
    if (code != PENSTOCK_OK && ps_stop_requested(seat->stop)) {
        code = PENSTOCK_CANCELLED; /* whatever an interrupted statement became on its way out */
    }
    if (code == PENSTOCK_OK) {
        ps_jobs_describe(outcome, &result);
    } else if (code != PENSTOCK_CANCELLED) {
        note_failure(&work, error);
    }
    ps_schedule_finished(&jobs->schedule, model, code != PENSTOCK_CANCELLED);
    atomic_store(&jobs->running_job, 0);
    ps_jobs_answer(jobs, model, code, &result, error);
    return code;
}

/* ---- in the run's thread ---- */

static struct ps_jobs_seat own_seat(struct ps_jobs *jobs) {
    return (struct ps_jobs_seat){.connection = jobs->progress->store->connection,
                                 .voice = &jobs->progress->voice,
                                 .stop = &jobs->progress->app->stop};
}

/* What was not trained since `begin_ms`, and when it will be. */
static void tell_not_due(struct ps_jobs *jobs, int64_t begin_ms) {
    for (size_t i = 0; i < jobs->schedule.job_count; i++) {
        const struct ps_schedule_job *job = &jobs->schedule.jobs[i];
        const char *model = jobs->models[job->rule.model]->name;
        const char *name = jobs->nodes[i]->name;
        char due[40];
        if (!job->mark.is_known || job->mark.handled_ms >= begin_ms) {
            continue;
        }
        ps_clock_format_iso(job->due_ms == PS_CRON_NEVER ? 0 : job->due_ms, due, sizeof due);
        if (job->rule.row_count > 0) {
            const int64_t left = job->rule.row_count - (job->row_count - job->seen.row_count);
            ps_voice_line(&jobs->progress->voice,
                          "job %s: model %s is not due: %" PRId64 " more rows%s%s, not trained", name, model,
                          left, job->due_ms == PS_CRON_NEVER ? "" : " or ",
                          job->due_ms == PS_CRON_NEVER ? "" : due);
        } else {
            ps_voice_line(&jobs->progress->voice, "job %s: model %s is not due%s%s, not trained", name, model,
                          job->due_ms == PS_CRON_NEVER ? "" : " before ",
                          job->due_ms == PS_CRON_NEVER ? "" : due);
        }
    }
}

penstock_code ps_jobs_run_due(struct ps_jobs *jobs, struct ps_model_outcome *outcomes, size_t outcome_max,
                              size_t *outcome_count, struct penstock_error *error) {
    if (jobs == NULL) {
        return PENSTOCK_OK;
    }
    PS_TRY(load(jobs, error));
    const struct ps_jobs_seat seat = own_seat(jobs);
    const int64_t begin_ms = ps_clock_wall_ms();
    ps_jobs_take_requests(jobs);
    jobs->counted_ms = 0;
    PS_TRY(ps_jobs_count_rows(jobs, seat.connection, error));
    const size_t first = *outcome_count;
    while (*outcome_count < outcome_max && *outcome_count - first < jobs->schedule.model_count) {
        const struct ps_schedule_action action = ps_schedule_next(&jobs->schedule, ps_clock_wall_ms());
        if (action.kind == PS_SCHEDULE_WAIT) {
            break;
        }
        if (ps_stop_requested(seat.stop)) {
            return ps_error_set(error, PENSTOCK_CANCELLED, "stopped");
        }
        if (action.kind == PS_SCHEDULE_LOOK) {
            ps_jobs_look(jobs, &seat, action.job);
            continue;
        }
        PS_TRY(train(jobs, &seat, action.model, &outcomes[*outcome_count], jobs->progress->arena, error));
        (*outcome_count)++;
    }
    tell_not_due(jobs, begin_ms);
    return PENSTOCK_OK;
}

penstock_code ps_jobs_run_one(struct ps_jobs *jobs, const char *name, struct ps_model_outcome *outcome,
                              struct penstock_error *error) {
    size_t job = 0;
    PS_TRY(ps_jobs_find(jobs, name, &job, error));
    PS_TRY(load(jobs, error));
    const struct ps_jobs_seat seat = own_seat(jobs);
    const size_t model = jobs->schedule.jobs[job].rule.model;
    /* nothing else is served: what else waits for this model is served with it, other models wait on */
    for (size_t i = 0; i < jobs->schedule.model_count; i++) {
        jobs->schedule.models[i].waits_since = i == model ? jobs->schedule.models[i].waits_since : 0;
    }
    ps_schedule_asked(&jobs->schedule, job);
    jobs->schedule.models[model].waits_since = 1;
    const struct ps_schedule_action action = ps_schedule_next(&jobs->schedule, ps_clock_wall_ms());
    return train(jobs, &seat, action.model, outcome, jobs->progress->arena, error);
}

/* ---- beside the stream ---- */

static void train_beside(struct ps_jobs *jobs, const struct ps_jobs_seat *seat, size_t model) {
    struct penstock_error error = {0};
    struct ps_model_outcome outcome = {0};
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    if (arena == NULL) {
        ps_schedule_finished(&jobs->schedule, model, true);
        return;
    }
    const char *name = jobs->nodes[serving_job(jobs, model)]->name;
    const penstock_code code = train(jobs, seat, model, &outcome, arena, &error);
    if (code != PENSTOCK_OK && code != PENSTOCK_CANCELLED) {
        ps_voice_complain(seat->voice, &error);
        ps_voice_line(seat->voice, "job %s: %s; the stream goes on, it is tried again when it is due next",
                      name, error.message);
    }
    ps_training_free(&outcome, 1);
}

static void work_beside(struct ps_jobs *jobs, const struct ps_jobs_seat *seat) {
    struct penstock_error error = {0};
    ps_jobs_take_requests(jobs);
    if (ps_jobs_count_rows(jobs, seat->connection, &error) != PENSTOCK_OK &&
        !ps_stop_requested(&jobs->stop)) {
        ps_voice_complain(seat->voice, &error);
    }
    const struct ps_schedule_action action = ps_schedule_next(&jobs->schedule, ps_clock_wall_ms());
    switch (action.kind) {
    case PS_SCHEDULE_WAIT: ps_clock_sleep_ms(POLL_MS); break;
    case PS_SCHEDULE_LOOK: ps_jobs_look(jobs, seat, action.job); break;
    case PS_SCHEDULE_TRAIN: train_beside(jobs, seat, action.model); break;
    }
}

static void *run_thread(void *argument) {
    struct ps_jobs *jobs = argument;
    struct ps_voice voice = {.progress = jobs->progress, .words = jobs->words};
    const struct ps_jobs_seat seat = {
        .connection = jobs->connection, .voice = &voice, .stop = &jobs->stop, .is_beside = true};
    ps_thread_give_way();
    while (!ps_stop_requested(&jobs->stop)) {
        work_beside(jobs, &seat);
    }
    atomic_store(&jobs->has_ended, true);
    return NULL;
}

penstock_code ps_jobs_start(struct ps_jobs *jobs, struct penstock_error *error) {
    if (jobs == NULL) {
        return PENSTOCK_OK;
    }
    PS_TRY(load(jobs, error));
    PS_TRY(ps_connection_open(jobs->progress->store->engine, &jobs->connection, error));
    PS_TRY(ps_runner_session(jobs->progress->app->graph, jobs->connection, error));
    return ps_thread_start(&jobs->thread, "jobs", run_thread, jobs, error);
}

void ps_jobs_hear(struct ps_jobs *jobs) {
    if (jobs != NULL) {
        ps_voice_hear(jobs->progress, jobs->words);
    }
}

void ps_jobs_stop(struct ps_jobs *jobs) {
    if (jobs == NULL) {
        return;
    }
    atomic_store(&jobs->stop.requested, 1);
    if (jobs->requests == NULL || jobs->words == NULL) { /* half made */
        return;
    }
    ps_queue_close(jobs->requests);
    ps_queue_close(jobs->words); /* it waits for nobody who would hear it */
    while (jobs->thread.is_started && !atomic_load(&jobs->has_ended)) {
        ps_connection_interrupt(jobs->connection); /* again: one before a statement starts is lost */
        ps_clock_sleep_ms(1);
    }
    ps_thread_join(&jobs->thread);
    ps_jobs_refuse_all(jobs);
    ps_jobs_hear(jobs);
    ps_connection_close(jobs->connection);
    jobs->connection = NULL;
}
