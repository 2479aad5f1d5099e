/* SPDX-License-Identifier: Apache-2.0
 *
 * runner.c - drives the step function with files and DuckDB.
 *
 * Every decision about order, commits and recovery is step.c's, which tests/sim crashes at every point; here
 * is only what each action means in this world.
 */
#include "stream/runner.h"

#include "base/clock.h"
#include "stream/columns.h"
#include "stream/epoch.h"
#include "stream/prepare.h"
#include "stream/step.h"

/* How often the control socket is looked at while an epoch is being decoded. */
#define PAUSE_INTERVAL_MS 20
/* A server that is away is tried again after this long, twice as long each time, up to the second. */
#define RETRY_MS_MIN 200
#define RETRY_MS_MAX 10000

struct drive {
    struct ps_run *run;
    const struct ps_runner_options *options;
    struct ps_ahead *ahead;
    struct ps_prepared *prepared; /* the epoch in work */
    struct ps_epoch_totals epoch_totals;
    struct ps_run_totals totals;
    int64_t started_ns, planned_ms;
    bool has_started;           /* store, sinks and sources were all reached once */
    const char *recovered_sink; /* the last that told where it stands: what a refusal is about */
    int64_t sink_epoch, store_epoch;
    struct penstock_error error; /* of the action that failed */
};

static struct ps_step_event failed(penstock_code code) {
    return (struct ps_step_event){.kind = PS_STEP_FAILED, .code = code};
}

static struct ps_step_event done_or_failed(penstock_code code) {
    return code == PENSTOCK_OK ? (struct ps_step_event){.kind = PS_STEP_DONE} : failed(code);
}

static void pause(const struct drive *drive) {
    if (drive->options->on_pause != NULL) {
        drive->options->on_pause(drive->options->context);
    }
}

static struct ps_step_event recover(struct drive *drive) {
    int64_t planned_epoch = 0;
    bool is_stale = false;
    penstock_code code = ps_prepare_attempt(drive->run, &drive->error);
    if (code == PENSTOCK_OK && drive->run->sink_count > 0) {
        code = ps_plan_find(drive->run, &planned_epoch, &is_stale, &drive->error);
    }
    if (code != PENSTOCK_OK) {
        return failed(code);
    }
    drive->store_epoch = drive->run->epoch.number;
    return (struct ps_step_event){.kind = PS_STEP_RECOVERED,
                                  .epoch = drive->run->epoch,
                                  .planned_epoch = planned_epoch,
                                  .is_plan_stale = is_stale};
}

static struct ps_step_event recover_sink(struct drive *drive, size_t sink) {
    struct ps_epoch epoch = {0};
    const penstock_code code = ps_sinks_recover(drive->run, sink, &epoch, &drive->error);
    drive->recovered_sink = drive->run->sinks[sink].output.name;
    drive->sink_epoch = epoch.number;
    return code == PENSTOCK_OK ? (struct ps_step_event){.kind = PS_STEP_RECOVERED, .epoch = epoch}
                               : failed(code);
}

static struct ps_step_event seek(struct drive *drive) {
    drive->recovered_sink = NULL;
    penstock_code code = ps_prepare_epochs(drive->run, &drive->error);
    if (code == PENSTOCK_OK) {
        code = ps_ahead_start(drive->run, drive->options->once, &drive->ahead, &drive->error);
    }
    drive->has_started = drive->has_started || code == PENSTOCK_OK;
    return done_or_failed(code);
}

/* Waits for the epoch that is being prepared, answering the control socket meanwhile. NULL: stopped. */
static struct ps_prepared *take(struct drive *drive) {
    for (;;) {
        pause(drive);
        for (int64_t waited_ms = 0; waited_ms < PAUSE_INTERVAL_MS; waited_ms++) {
            struct ps_prepared *prepared = ps_ahead_poll(drive->ahead);
            if (prepared != NULL || ps_stop_requested(drive->options->stop)) {
                return prepared;
            }
            if (waited_ms == 0 && !drive->options->once) {
                ps_store_rest(drive->run->store);
            }
            ps_clock_sleep_ms(1);
        }
    }
}

static struct ps_step_event plan(struct drive *drive) {
    drive->prepared = take(drive);
    if (drive->prepared == NULL) {
        return (struct ps_step_event){.kind = PS_STEP_NOTHING};
    }
    if (drive->prepared->notice[0] != '\0') {
        ps_run_tell(drive->run, (struct ps_event){.kind = PS_EVENT_NOTICE, .name = drive->prepared->notice});
    }
    if (drive->prepared->code != PENSTOCK_OK) {
        drive->error = drive->prepared->error;
        return failed(drive->prepared->code);
    }
    if (drive->prepared->is_empty) {
        ps_prepared_free(ps_take(drive->prepared));
        return (struct ps_step_event){.kind = PS_STEP_NOTHING};
    }
    if (drive->options->on_new_columns != NULL) {
        const penstock_code code = ps_columns_look(drive->run, drive->prepared, &drive->error);
        if (code != PENSTOCK_OK || ps_columns_are_new(drive->run)) { /* live() goes on from here */
            return failed(code != PENSTOCK_OK ? code : PENSTOCK_CANCELLED);
        }
    }
    drive->planned_ms = ps_clock_wall_ms();
    return (struct ps_step_event){.kind = PS_STEP_PLANNED};
}

/* The records of the epoch that was in work when the run before this one ended. */
static struct ps_step_event load_plan(struct drive *drive) {
    struct ps_range **ranges = ps_allocate(drive->run->input_count + 1, sizeof(struct ps_range *));
    if (ranges == NULL) {
        return failed(ps_error_memory(&drive->error, "an epoch's plan"));
    }
    penstock_code code = ps_plan_load(drive->run, &drive->planned_ms, ranges, &drive->error);
    if (code == PENSTOCK_OK) {
        code = ps_ahead_restore(drive->ahead, ranges, &drive->error);
    }
    if (code != PENSTOCK_OK) {
        for (size_t i = 0; i < drive->run->input_count; i++) {
            ps_range_free(ranges[i]);
        }
        ps_release(ranges);
        return failed(code);
    }
    while (drive->prepared == NULL) { /* also when a stop is asked for: the epoch in work is finished */
        pause(drive);
        ps_clock_sleep_ms(1);
        drive->prepared = ps_ahead_poll(drive->ahead);
    }
    if (drive->prepared->code != PENSTOCK_OK) {
        drive->error = drive->prepared->error;
        return failed(drive->prepared->code);
    }
    return (struct ps_step_event){.kind = PS_STEP_DONE};
}

static struct ps_step_event commit_sink(struct drive *drive, size_t sink) {
    struct ps_position_list positions;
    penstock_code code = ps_position_list_init(&positions, &drive->error);
    if (code != PENSTOCK_OK) {
        return failed(code);
    }
    code = ps_plan_ends(drive->run, drive->prepared->ranges, &positions, &drive->error);
    if (code == PENSTOCK_OK) {
        code = ps_sinks_commit(drive->run, sink, &positions, &drive->error);
    }
    ps_position_list_done(&positions);
    return done_or_failed(code);
}

static struct ps_step_event begin(struct drive *drive, struct ps_epoch epoch) {
    drive->started_ns = ps_clock_monotonic_ns();
    const penstock_code code = ps_epoch_begin(drive->run, epoch, drive->planned_ms, &drive->error);
    if (code == PENSTOCK_OK) {
        ps_run_tell(drive->run, (struct ps_event){.kind = PS_EVENT_EPOCH_STARTED,
                                                  .byte_count = drive->prepared->byte_count});
    }
    return done_or_failed(code);
}

static struct ps_step_event write(struct drive *drive) {
    if (!ps_stop_requested(drive->options->stop)) {
        ps_ahead_ask(drive->ahead); /* decoded while the SQL below runs */
    }
    return done_or_failed(ps_epoch_write(drive->run, drive->prepared, &drive->epoch_totals, &drive->error));
}

static void tell_lags(const struct drive *drive) {
    for (size_t i = 0; i < drive->run->input_count; i++) {
        ps_run_tell(drive->run, (struct ps_event){.kind = PS_EVENT_LAG,
                                                  .name = drive->run->inputs[i].name,
                                                  .record_count = ps_ahead_lag(drive->ahead, i)});
    }
}

static struct ps_step_event release(struct drive *drive) {
    const struct ps_epoch_totals *epoch = &drive->epoch_totals;
    drive->totals.epoch_count++;
    drive->totals.record_count += epoch->record_count;
    drive->totals.row_count += epoch->row_count;
    drive->totals.dead_letter_count += epoch->dead_count;
    drive->totals.byte_count += epoch->byte_count;
    ps_run_tell(drive->run, (struct ps_event){.kind = PS_EVENT_EPOCH_COMMITTED,
                                              .record_count = epoch->record_count,
                                              .row_count = epoch->row_count,
                                              .dead_letter_count = epoch->dead_count,
                                              .byte_count = epoch->byte_count,
                                              .duration_ns = ps_clock_monotonic_ns() - drive->started_ns});
    tell_lags(drive);
    ps_epoch_release(drive->run);
    ps_ahead_committed(drive->ahead, ps_take(drive->prepared));
    return (struct ps_step_event){.kind = PS_STEP_DONE};
}

/* Short naps, so that a stop request is seen soon whatever the interval is. */
static struct ps_step_event wait(struct drive *drive) {
    const int64_t interval_ms = drive->run->project->manifest.epoch_interval_ms;
    const int64_t end_ns = ps_clock_monotonic_ns() + interval_ms * 1000000;
    ps_run_tell(drive->run, (struct ps_event){.kind = PS_EVENT_IDLE});
    tell_lags(drive);
    if (ps_ahead_waits(drive->ahead)) {
        return (struct ps_step_event){.kind = PS_STEP_DONE}; /* planning has waited already */
    }
    for (;;) {
        pause(drive);
        const int64_t left_ms = (end_ns - ps_clock_monotonic_ns()) / 1000000;
        if (left_ms <= 0 || ps_stop_requested(drive->options->stop)) {
            break;
        }
        ps_clock_sleep_ms(left_ms < 100 ? left_ms : 100);
    }
    return (struct ps_step_event){.kind = PS_STEP_DONE};
}

static struct ps_step_event act(struct drive *drive, struct ps_step_action action) {
    switch (action.kind) {
    case PS_STEP_RECOVER_STORE: return recover(drive);
    case PS_STEP_SEEK: return seek(drive);
    case PS_STEP_PLAN: return plan(drive);
    case PS_STEP_BEGIN_STORE: return begin(drive, action.epoch);
    case PS_STEP_WRITE_STORE: return write(drive);
    case PS_STEP_COMMIT_STORE: return done_or_failed(ps_epoch_commit(drive->run, &drive->error));
    case PS_STEP_RELEASE: return release(drive);
    case PS_STEP_WAIT: return wait(drive);
    case PS_STEP_DISCARD_STORE:
        ps_run_roll_back(drive->run);
        return (struct ps_step_event){.kind = PS_STEP_DONE};
    case PS_STEP_RECOVER_SINK: return recover_sink(drive, action.sink);
    case PS_STEP_LOAD_PLAN: return load_plan(drive);
    case PS_STEP_SAVE_PLAN:
        return done_or_failed(
            ps_plan_save(drive->run, drive->planned_ms, drive->prepared->ranges, &drive->error));
    case PS_STEP_BEGIN_SINK: return done_or_failed(ps_sinks_begin(drive->run, action.sink, &drive->error));
    case PS_STEP_WRITE_SINK: return done_or_failed(ps_sinks_write(drive->run, action.sink, &drive->error));
    case PS_STEP_COMMIT_SINK: return commit_sink(drive, action.sink);
    case PS_STEP_DISCARD_SINK:
        ps_sinks_discard(drive->run, action.sink);
        return (struct ps_step_event){.kind = PS_STEP_DONE};
    case PS_STEP_END: break;
    }
    return failed(ps_error_set(&drive->error, PENSTOCK_INTERNAL, "the runner cannot %s",
                               ps_step_action_name(action.kind)));
}

static penstock_code drive_to_end(struct drive *drive, struct penstock_error *error) {
    struct ps_step step;
    struct ps_step_action action = ps_step_start(
        &step, (struct ps_step_options){.sink_count = drive->run->sink_count, .once = drive->options->once});
    while (action.kind != PS_STEP_END) {
        struct ps_step_event event = act(drive, action);
        event.is_stop_requested = ps_stop_requested(drive->options->stop);
        action = ps_step_next(&step, &event);
    }
    if (action.code != PENSTOCK_OK && action.reason != NULL) {
        (void)ps_error_set(error, action.code, "%s", action.reason);
        if (drive->recovered_sink != NULL) {
            (void)ps_error_detail(error, "sink %s has epoch %lld, the store has committed epoch %lld",
                                  drive->recovered_sink, (long long)drive->sink_epoch,
                                  (long long)drive->store_epoch);
        }
        return ps_error_hint(error, "%s", action.hint);
    }
    if (action.code != PENSTOCK_OK && error != NULL) {
        *error = drive->error;
    }
    return action.code;
}

penstock_code ps_runner_prepare(const struct ps_graph *graph, struct ps_store *store,
                                struct penstock_error *error) {
    struct ps_run *run PS_SCOPED(ps_run_free_scoped) = NULL;
    PS_TRY(ps_run_new(graph, store, &run, error));
    return ps_prepare(run, error);
}

/* One life: from the store's last commit until the end, a stop or a failure; or until the sources have new columns:
 * then options->graph is another one. */
static penstock_code live(struct ps_runner_options *options, struct ps_run_totals *totals, bool *has_started,
                          struct penstock_error *error) {
    struct ps_run *run PS_SCOPED(ps_run_free_scoped) = NULL;
    PS_TRY(ps_runner_replay_resume(options, error));
    PS_TRY(ps_run_new(options->graph, options->store, &run, error));
    run->options = options;
    PS_TRY(ps_prepare(run, error));
    PS_TRY(ps_sinks_open(run, error));
    struct drive drive = {.run = run, .options = options, .totals = *totals, .has_started = *has_started};
    penstock_code code = PENSTOCK_OK;
    if (run->input_count > 0) {
        code = drive_to_end(&drive, error);
    }
    ps_ahead_stop(drive.ahead);
    ps_epoch_release(run);
    ps_prepared_free(drive.prepared);
    if (code == PENSTOCK_CANCELLED && ps_columns_are_new(run)) {
        code = ps_columns_add(run, &options->graph, error);
    }
    *totals = drive.totals; /* also what was committed before a failure */
    *has_started = drive.has_started;
    return code;
}

/* Waits, answering the control socket. A random part keeps many runs from coming back at the same moment. */
static void wait_to_retry(const struct ps_runner_options *options, int64_t wait_ms) {
    wait_ms = wait_ms / 2 + (int64_t)(ps_hash(&wait_ms, sizeof wait_ms, (uint64_t)ps_clock_monotonic_ns()) %
                                      (uint64_t)(wait_ms / 2 + 1));
    const int64_t end_ns = ps_clock_monotonic_ns() + wait_ms * 1000000;
    while (ps_clock_monotonic_ns() < end_ns && !ps_stop_requested(options->stop)) {
        if (options->on_pause != NULL) {
            options->on_pause(options->context);
        }
        ps_clock_sleep_ms(PAUSE_INTERVAL_MS);
    }
}

penstock_code ps_runner_run(const struct ps_runner_options *options, struct ps_run_totals *totals_out,
                            struct penstock_error *error) {
    struct penstock_error own;
    error = error != NULL ? error : &own;
    const int64_t patience_ms = options->graph->project->manifest.retry_timeout_ms;
    struct ps_runner_options grown = *options;
    struct ps_run_totals totals = {0};
    bool has_started = false;
    int64_t wait_ms = RETRY_MS_MIN, since_ns = 0, epochs_before = 0;
    penstock_code code;
    options->store->attempt =
        0; /* each run claims one of its own, and keeps it however often it tries again */
    for (;;) {
        const struct ps_graph *graph = grown.graph;
        code = live(&grown, &totals, &has_started, error);
        if (grown.graph != graph && !ps_stop_requested(options->stop)) {
            continue;
        }
        if (code != PENSTOCK_UNAVAILABLE || !has_started || ps_stop_requested(options->stop)) {
            break;
        }
        if (since_ns == 0 || totals.epoch_count > epochs_before) { /* it had gone on since */
            since_ns = ps_clock_monotonic_ns();
            epochs_before = totals.epoch_count;
            wait_ms = RETRY_MS_MIN;
        }
        if (ps_clock_monotonic_ns() - since_ns > patience_ms * 1000000) {
            break;
        }
        if (options->on_event != NULL) {
            const struct ps_event event = {
                .kind = PS_EVENT_RETRY, .name = error->message, .duration_ns = wait_ms * 1000000};
            options->on_event(&event, options->context);
        }
        wait_to_retry(options, wait_ms);
        wait_ms = wait_ms * 2 < RETRY_MS_MAX ? wait_ms * 2 : RETRY_MS_MAX;
    }
    *totals_out = totals;
    return code;
}
