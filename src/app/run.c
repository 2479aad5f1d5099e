/* SPDX-License-Identifier: Apache-2.0
 *
 * run.c - one run of a project as an application: everything up, the stream, the models, everything down.
 *
 * The order is what makes it safe to be killed anywhere: the record of the application first, so that whatever
 * happens can be found; then the store with its lock; the socket only once the store can answer. On the way down
 * the socket goes first, the store is closed, and the last word is the record's.
 *
 * A replay of dead letters is asked for by another thread. The runner is then made to return for a moment (a second
 * bit of its stop flag), the replay runs between two of its calls, and it goes on from the committed positions.
 */
#include "app/progress.h"

#include <inttypes.h>
#include <stdio.h>

#include "app/backfill.h"
#include "app/changes.h"
#include "app/growth.h"
#include "app/jobs.h"
#include "app/table.h"
#include "base/clock.h"
#include "base/file.h"
#include "publish/registry.h"

/* Of the memory that the user gave; the rest is for batches on the way in, or for the solver (training.c). */
#define DUCKDB_SHARE_PERCENT 60
#define JOBS_POLL_MS 20
#define BUSY_WAIT_MS 5000
#define BUSY_POLL_MS 25

static bool is_stopped(const struct ps_progress *progress) {
    return (atomic_load(&progress->app->stop.requested) & PS_STOP_ASKED) != 0;
}

/* ---- up ---- */

static enum ps_log_level log_level_of(const char *name) {
    for (int level = PS_LOG_ERROR; level <= PS_LOG_DEBUG; level++) {
        if (name != NULL && ps_text_equal_nocase(name, ps_log_level_name((enum ps_log_level)level))) {
            return (enum ps_log_level)level;
        }
    }
    return PS_LOG_INFO;
}

static penstock_code begin(struct ps_progress *progress, struct penstock_error *error) {
    const struct ps_project *project = progress->app->project;
    const struct ps_application_setup setup = {.store_path = project->store_path,
                                               .name = project->manifest.name,
                                               .master = project->manifest.master,
                                               .executor_count = project->manifest.num_executors,
                                               .log_level = log_level_of(project->manifest.log_level)};
    progress->arena = ps_arena_new(0);
    progress->nodes = progress->arena == NULL
                          ? NULL
                          : ps_arena_allocate(progress->arena, progress->app->graph->node_count + 1,
                                              sizeof *progress->nodes);
    if (progress->nodes == NULL) {
        return ps_error_memory(error, "run");
    }
    progress->voice = (struct ps_voice){.progress = progress};
    PS_TRY(ps_jobs_new(progress, &progress->jobs, error));
    return ps_application_begin(&setup, &progress->application, error);
}

/* A command that reads the store holds it for a moment: that is waited for. Another run of the project is not. */
static penstock_code wait_for_store(struct ps_progress *progress, const struct ps_store_options *options,
                                    struct penstock_error *error) {
    const int64_t end_ns = ps_clock_monotonic_ns() + (int64_t)BUSY_WAIT_MS * 1000000;
    bool is_told = false;
    for (;;) {
        struct penstock_error local = {0};
        const penstock_code code = ps_store_open(options, &progress->store, &local);
        const bool is_busy = code == PENSTOCK_BUSY;
        const bool has_run = is_busy && ps_control_is_served(options->path);
        if (is_busy && !has_run && !is_stopped(progress) && ps_clock_monotonic_ns() < end_ns) {
            if (!is_told) {
                ps_voice_line(&progress->voice,
                              "another command reads the store: waiting for it, %d seconds at most",
                              BUSY_WAIT_MS / 1000);
            }
            is_told = true;
            ps_clock_sleep_ms(BUSY_POLL_MS);
            continue;
        }
        if (has_run) {
            char cause[sizeof local.message];
            (void)snprintf(cause, sizeof cause, "%s", local.message);
            (void)ps_error_set(&local, PENSTOCK_BUSY, "another run of this project holds the store %s",
                               options->path);
            (void)ps_error_detail(&local, "%s", cause);
            (void)ps_error_hint(&local, "penstock status and penstock query ask it; stop it before you start "
                                        "another: Ctrl-C, or penstock application -list and -kill");
        } else if (is_busy) {
            (void)ps_error_context(&local, "after %d seconds", BUSY_WAIT_MS / 1000);
            (void)ps_error_hint(&local,
                                "a long penstock query, or another program, has it open: wait until the "
                                "process that is named has ended, or stop it, then run again");
        }
        if (code != PENSTOCK_OK && error != NULL) {
            *error = local;
        }
        return code;
    }
}

/* Store and socket: who asks sees that something runs. */
static penstock_code open_quietly(struct ps_progress *progress, struct penstock_error *error) {
    const struct ps_project *project = progress->app->project;
    const struct ps_store_options options = {.path = project->store_path,
                                             .thread_count = 1,
                                             .memory_max = project->manifest.executor_memory / 100 *
                                                           DUCKDB_SHARE_PERCENT};
    PS_TRY(wait_for_store(progress, &options, error));
    PS_TRY(ps_growth_renew(progress->app, progress->store, error));
    PS_TRY(ps_registry_prepare(progress->store->connection, error));
    PS_TRY(ps_shelf_open(progress->store->engine, progress->app->graph, &progress->shelf, error));
    ps_shelf_await(progress->shelf, progress->store->connection);
    const struct ps_control_setup control = {.engine = progress->store->engine,
                                             .store_path = project->store_path,
                                             .application = ps_application_id(progress->application),
                                             .stop = &progress->app->stop,
                                             .graph = progress->app->graph,
                                             .jobs = progress->jobs,
                                             .node_count = progress->app->graph->node_count};
    PS_TRY(ps_control_open(&control, &progress->control, error));
    return ps_application_set_running(progress->application, error);
}

static penstock_code open_store(struct ps_progress *progress, struct penstock_error *error) {
    PS_TRY(open_quietly(progress, error));
    PS_TRY(ps_changes_settle(progress, error));
    PS_TRY(ps_runner_prepare(progress->app->graph, progress->store, error));
    return ps_change_remember(progress->app->graph, progress->store, error);
}

/* ---- the stream ---- */

static void add_totals(struct ps_run_totals *sum, const struct ps_run_totals *more) {
    sum->epoch_count += more->epoch_count;
    sum->record_count += more->record_count;
    sum->row_count += more->row_count;
    sum->dead_letter_count += more->dead_letter_count;
    sum->byte_count += more->byte_count;
}

static void pause_for_others(void *context) {
    struct ps_progress *progress = context;
    ps_jobs_hear(progress->jobs);
    if (ps_control_replay_waits(progress->control)) {
        (void)atomic_fetch_or(&progress->app->stop.requested, PS_STOP_PAUSE);
    }
}

/* "congestion@champion: version 3" of each pin. */
static void tell_pins(struct ps_progress *progress, const char *pins) {
    yyjson_doc *document PS_SCOPED(ps_json_read_free_scoped) = ps_json_read(pins, strlen(pins));
    size_t index, count;
    yyjson_val *key, *version;
    yyjson_obj_foreach(yyjson_doc_get_root(document), index, count, key, version) {
        if (yyjson_is_int(version)) {
            ps_progress_line(progress, "predicting with %s: version %" PRId64, yyjson_get_str(key),
                             yyjson_get_sint(version));
        } else {
            ps_progress_line(progress, "predicting with %s: there is no version yet, predictions are NULL",
                             yyjson_get_str(key));
        }
    }
}

static penstock_code pin_models(const char *const *references, size_t count, const char *pins,
                                const char **pins_out, bool *is_changed_out, void *context,
                                struct penstock_error *error) {
    struct ps_progress *progress = context;
    PS_TRY(ps_shelf_pin(progress->shelf, references, count, pins, pins_out, is_changed_out, error));
    if (*is_changed_out) {
        tell_pins(progress, *pins_out);
    }
    return PENSTOCK_OK;
}

static penstock_code add_columns(const struct ps_added_column *columns, size_t count,
                                 const struct ps_graph **graph_out, void *context,
                                 struct penstock_error *error) {
    struct ps_progress *progress = context;
    return ps_growth_add(progress->app, columns, count, graph_out, error);
}

static struct ps_runner_options runner_options(struct ps_progress *progress, bool once) {
    return (struct ps_runner_options){.graph = progress->app->graph,
                                      .store = progress->store,
                                      .application = ps_application_id(progress->application),
                                      .stop = &progress->app->stop,
                                      .once = once,
                                      .on_event = ps_progress_event,
                                      .on_pause = pause_for_others,
                                      .on_pin = pin_models,
                                      .on_new_columns = add_columns,
                                      .context = progress};
}

/* The answer is the asker's; a failed replay does not end the run. */
static void replay_if_asked(struct ps_progress *progress) {
    const char *source = NULL;
    const char *reason = NULL;
    if (!ps_control_take_replay(progress->control, &source, &reason)) {
        return;
    }
    struct penstock_error error = {0};
    struct ps_replay_totals totals = {0};
    struct ps_runner_options options = runner_options(progress, true);
    options.stop = NULL;
    options.on_pause = NULL;
    const penstock_code code = ps_runner_replay(&options, reason, source, &totals, &error);
    if (code == PENSTOCK_OK) {
        ps_progress_line(progress,
                         "dead letters: %" PRId64 " tried again, %" PRId64 " are rows now, %" PRId64
                         " are still dead",
                         totals.tried, totals.replayed, totals.still_dead);
    } else {
        ps_progress_complain(progress, &error);
    }
    ps_control_replayed(progress->control, code, &totals, &error);
}

/* Until the sources are drained (once) or a stop is asked for, whatever it is interrupted by. */
static penstock_code stream(struct ps_progress *progress, bool once, struct penstock_error *error) {
    const int64_t wall_ns = ps_clock_monotonic_ns();
    const int64_t cpu_ns = ps_clock_cpu_ns();
    penstock_code code = PENSTOCK_OK;
    bool is_paused = true;
    while (code == PENSTOCK_OK && is_paused) {
        struct ps_run_totals totals = {0};
        (void)atomic_fetch_and(&progress->app->stop.requested, ~PS_STOP_PAUSE);
        replay_if_asked(progress);
        const struct ps_runner_options options = runner_options(progress, once); /* of the newest graph */
        code = ps_runner_run(&options, &totals, error);
        add_totals(&progress->totals, &totals);
        is_paused =
            !is_stopped(progress) && (atomic_load(&progress->app->stop.requested) & PS_STOP_PAUSE) != 0;
    }
    ps_progress_flush(progress);
    progress->stream_wall_ns += ps_clock_monotonic_ns() - wall_ns;
    progress->stream_cpu_ns += ps_clock_cpu_ns() - cpu_ns;
    return code;
}

static bool has_source(const struct ps_graph *graph) {
    for (size_t i = 0; i < graph->node_count; i++) {
        if (graph->nodes[i].kind == PS_NODE_SOURCE) {
            return true;
        }
    }
    return false;
}

static penstock_code stopped(struct ps_progress *progress, struct penstock_error *error) {
    if (ps_application_kill_requested(progress->application)) {
        return ps_error_set(error, PENSTOCK_CANCELLED, "killed by penstock application -kill");
    }
    ps_error_set(error, PENSTOCK_CANCELLED, "stopped before everything was done; what was committed is kept");
    return ps_error_hint(error, "run again to go on from there");
}

/* A running stream is worth more than a model that has no rows yet: it is told, and the stream goes on. */
static penstock_code train(struct ps_progress *progress, struct penstock_error *error) {
    const penstock_code code = ps_training_run(progress, error);
    if (code == PENSTOCK_OK || progress->options->once || code != PENSTOCK_INVALID_DATA) {
        return code;
    }
    struct penstock_error kept = *error;
    ps_progress_complain(progress, &kept);
    ps_progress_line(progress, "%s; the stream goes on", kept.message);
    ps_error_clear(error);
    return ps_engine_set_threads(progress->store->engine, 1, error);
}

/* A project without a source that has jobs: nothing comes but their times. */
static penstock_code wait_for_jobs(struct ps_progress *progress) {
    while (!is_stopped(progress)) {
        pause_for_others(progress);
        if ((atomic_load(&progress->app->stop.requested) & PS_STOP_PAUSE) != 0) {
            (void)atomic_fetch_and(&progress->app->stop.requested, ~PS_STOP_PAUSE);
            replay_if_asked(progress);
        }
        ps_clock_sleep_ms(JOBS_POLL_MS);
    }
    return PENSTOCK_OK;
}

/* The stream from now on, with its jobs beside it. */
static penstock_code go_on(struct ps_progress *progress, bool streams, struct penstock_error *error) {
    PS_TRY(ps_jobs_start(progress->jobs, error));
    ps_progress_line(progress, "%s (stop with Ctrl-C)",
                     streams ? "drained; waiting for more" : "waiting for the next job that is due");
    const penstock_code code = streams ? stream(progress, false, error) : wait_for_jobs(progress);
    ps_jobs_stop(progress->jobs);
    return code;
}

static penstock_code work(struct ps_progress *progress, struct penstock_error *error) {
    const bool streams = has_source(progress->app->graph);
    const bool goes_on = (streams || progress->jobs != NULL) && !progress->options->once;
    if (streams) {
        PS_TRY(stream(progress, true, error));
    }
    if (!is_stopped(progress)) {
        const penstock_code code = train(progress, error);
        if (code != PENSTOCK_OK && !(code == PENSTOCK_CANCELLED && goes_on)) {
            return code == PENSTOCK_CANCELLED ? stopped(progress, error) : code;
        }
    } else if (!goes_on) {
        return stopped(progress, error);
    }
    if (goes_on && !is_stopped(progress)) {
        PS_TRY(go_on(progress, streams, error));
    }
    return ps_application_kill_requested(progress->application) ? stopped(progress, error) : PENSTOCK_OK;
}

static penstock_code run_inside(struct ps_progress *progress, struct ps_run_report **report_out,
                                struct penstock_error *error) {
    PS_TRY(open_store(progress, error));
    PS_TRY(work(progress, error));
    PS_TRY(ps_report_make(progress, report_out, error));
    if (progress->refusal != NULL) {
        ps_error_set(error, PENSTOCK_GATE_REFUSED, "%s", progress->refusal);
        return ps_error_hint(error, "everything else was done; the champion stays as it was");
    }
    return PENSTOCK_OK;
}

/* ---- down ---- */

static void close_all(struct ps_progress *progress) {
    ps_jobs_stop(progress->jobs);
    ps_control_close(progress->control);
    ps_shelf_close(progress->shelf);
    ps_store_close(progress->store);
    progress->shelf = NULL;
    progress->control = NULL;
    progress->store = NULL;
}

/* The last word of the application. Its failure is not worth more than what the run came to. */
static void conclude(struct ps_progress *progress, penstock_code code, const struct penstock_error *error) {
    char diagnostics[2048] = "";
    enum ps_application_state state = PS_APPLICATION_FINISHED;
    const char *final_status = "SUCCEEDED";
    if (code != PENSTOCK_OK) {
        (void)snprintf(diagnostics, sizeof diagnostics, "%s%s%s%s", error->message,
                       error->detail[0] == '\0' ? "" : " (", error->detail,
                       error->detail[0] == '\0' ? "" : ")");
        ps_progress_complain(progress, error);
        state = code == PENSTOCK_CANCELLED
                    ? PS_APPLICATION_KILLED
                    : (code == PENSTOCK_GATE_REFUSED ? PS_APPLICATION_FINISHED : PS_APPLICATION_FAILED);
        final_status = code == PENSTOCK_CANCELLED ? "KILLED" : "FAILED";
    }
    struct penstock_error ignored;
    (void)!ps_application_end(progress->application, state, final_status, ps_error_exit_status(code),
                              diagnostics, &ignored);
}

static void progress_done(struct ps_progress *progress) {
    ps_training_free(progress->models, progress->model_count);
    ps_jobs_free(progress->jobs);
    ps_application_free(progress->application);
    ps_arena_free(progress->arena);
    atomic_store(&progress->app->stop.requested, 0); /* the next run is a new one */
}

penstock_code ps_app_run(struct ps_app *app, const struct ps_app_run_options *options,
                         struct ps_run_report **report_out, struct penstock_error *error) {
    struct penstock_error local = {0};
    struct penstock_error *where = error == NULL ? &local : error;
    struct ps_progress progress = {.app = app, .options = options};
    struct ps_run_report *report = NULL;
    ps_error_clear(where);
    penstock_code code = begin(&progress, where);
    if (code == PENSTOCK_OK) {
        ps_progress_line(&progress, "%s: %s", ps_application_id(progress.application),
                         app->project->manifest.name);
        code = run_inside(&progress, &report, where);
        close_all(&progress);
        conclude(&progress, code, where);
    }
    progress_done(&progress);
    if (code == PENSTOCK_OK || code == PENSTOCK_GATE_REFUSED) {
        *report_out = report;
    }
    return code;
}

static penstock_code replay_inside(struct ps_progress *progress, const char *source, const char *reason,
                                   struct ps_replay_totals *totals_out, struct penstock_error *error) {
    PS_TRY(open_store(progress, error));
    struct ps_runner_options options = runner_options(progress, true);
    options.on_pause = NULL;
    return ps_runner_replay(&options, reason, source, totals_out, error);
}

penstock_code ps_app_replay(struct ps_app *app, const char *source, const char *reason,
                            struct ps_replay_totals *totals_out, struct penstock_error *error) {
    struct penstock_error local = {0};
    struct penstock_error *where = error == NULL ? &local : error;
    struct ps_progress progress = {.app = app};
    ps_error_clear(where);
    penstock_code code = begin(&progress, where);
    if (code == PENSTOCK_OK) {
        code = replay_inside(&progress, source, reason, totals_out, where);
        close_all(&progress);
        conclude(&progress, code, where);
    }
    progress_done(&progress);
    return code;
}

static penstock_code train_inside(struct ps_progress *progress, const char *job,
                                  struct ps_job_result *result_out, struct penstock_error *error) {
    PS_TRY(open_store(progress, error));
    progress->models = ps_arena_allocate(progress->arena, 1, sizeof *progress->models);
    if (progress->models == NULL) {
        return ps_error_memory(error, "models");
    }
    progress->model_count = 1;
    PS_TRY(ps_engine_set_threads(progress->store->engine, progress->app->project->core_count, error));
    PS_TRY(ps_jobs_run_one(progress->jobs, job, &progress->models[0], error));
    ps_jobs_describe(&progress->models[0], result_out);
    return PENSTOCK_OK;
}

penstock_code ps_app_train(struct ps_app *app, const char *job, const struct ps_app_run_options *options,
                           struct ps_job_result *result_out, struct penstock_error *error) {
    struct penstock_error local = {0};
    struct penstock_error *where = error == NULL ? &local : error;
    struct ps_progress progress = {.app = app, .options = options};
    ps_error_clear(where);
    penstock_code code = begin(&progress, where);
    if (code == PENSTOCK_OK) {
        code = train_inside(&progress, job, result_out, where);
        code = code == PENSTOCK_CANCELLED ? stopped(&progress, where) : code;
        close_all(&progress);
        conclude(&progress, code, where);
    }
    progress_done(&progress);
    return code;
}

/* ---- a backfill ---- */

static penstock_code ask_first(const struct ps_progress *progress, const struct ps_backfill *backfill,
                               const struct ps_app_ask *ask, struct penstock_error *error) {
    struct ps_text_table *table PS_SCOPED(ps_text_table_drop) = NULL;
    struct ps_buffer meaning PS_SCOPED(ps_buffer_done) = {0};
    ps_buffer_init(&meaning, (size_t)1 << 20);
    PS_TRY(ps_backfill_describe(progress->app, progress->store, backfill, &table, &meaning, error));
    if (!ask->on_plan(table, meaning.data, !backfill->is_rebuild, ask->context) && !ask->is_dry_run) {
        (void)ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "%s was not rebuilt: nobody said yes",
                           backfill->name);
        return ps_error_hint(error, "give --yes: its rows are dropped before they are read again");
    }
    return PENSTOCK_OK;
}

static penstock_code backfill_inside(struct ps_progress *progress, const struct ps_backfill *backfill,
                                     const struct ps_app_ask *ask, struct ps_run_totals *totals_out,
                                     bool *is_finished_out, struct penstock_error *error) {
    PS_TRY(open_quietly(progress, error));
    PS_TRY(ask_first(progress, backfill, ask, error));
    if (ask->is_dry_run) {
        return PENSTOCK_OK;
    }
    struct ps_runner_options options = runner_options(progress, true);
    options.on_pause = NULL;
    const penstock_code code = ps_runner_backfill(&options, backfill, totals_out, is_finished_out, error);
    ps_progress_flush(progress);
    return code;
}

penstock_code ps_app_backfill(struct ps_app *app, const struct ps_backfill *backfill,
                              const struct ps_app_run_options *options, const struct ps_app_ask *ask,
                              struct ps_run_totals *totals_out, bool *is_finished_out,
                              struct penstock_error *error) {
    struct penstock_error local = {0};
    struct penstock_error *where = error == NULL ? &local : error;
    struct ps_progress progress = {.app = app, .options = options};
    ps_error_clear(where);
    *is_finished_out = false;
    if (!ps_file_exists(app->project->store_path)) {
        (void)ps_error_set(where, PENSTOCK_NOT_FOUND, "there is no store yet: a run fills everything");
        return ps_error_hint(where, "penstock run");
    }
    penstock_code code = begin(&progress, where);
    if (code == PENSTOCK_OK) {
        code = backfill_inside(&progress, backfill, ask, totals_out, is_finished_out, where);
        close_all(&progress);
        conclude(&progress, code, where);
    }
    progress_done(&progress);
    return code;
}
