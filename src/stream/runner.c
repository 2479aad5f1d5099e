/* SPDX-License-Identifier: Apache-2.0
 *
 * runner.c - drives the step function with files and DuckDB.
 *
 * Every decision about order, commits and recovery is step.c's, which tests/sim crashes at every point; here
 * is only what each action means in this world.
 */
#include "stream/runner.h"

#include "base/clock.h"
#include "stream/epoch.h"
#include "stream/prepare.h"
#include "stream/step.h"

/* How often the control socket is looked at while an epoch is being decoded. */
#define PAUSE_INTERVAL_MS 20

struct drive {
    struct ps_run *run;
    const struct ps_runner_options *options;
    struct ps_ahead *ahead;
    struct ps_prepared *prepared; /* the epoch in work */
    struct ps_epoch_totals epoch_totals;
    struct ps_run_totals totals;
    int64_t started_ns, planned_ms;
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
    const penstock_code code = ps_prepare_attempt(drive->run, &drive->error);
    if (code != PENSTOCK_OK) {
        return failed(code);
    }
    return (struct ps_step_event){.kind = PS_STEP_RECOVERED, .epoch = drive->run->epoch};
}

static struct ps_step_event seek(struct drive *drive) {
    penstock_code code = ps_prepare_epochs(drive->run, &drive->error);
    if (code == PENSTOCK_OK) {
        code = ps_ahead_start(drive->run, drive->options->once, &drive->ahead, &drive->error);
    }
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
            ps_clock_sleep_ms(1);
        }
    }
}

static struct ps_step_event plan(struct drive *drive) {
    drive->prepared = take(drive);
    if (drive->prepared == NULL) {
        return (struct ps_step_event){.kind = PS_STEP_NOTHING};
    }
    if (drive->prepared->code != PENSTOCK_OK) {
        drive->error = drive->prepared->error;
        return failed(drive->prepared->code);
    }
    if (drive->prepared->is_empty) {
        ps_prepared_free(ps_take(drive->prepared));
        return (struct ps_step_event){.kind = PS_STEP_NOTHING};
    }
    drive->planned_ms = ps_clock_wall_ms();
    return (struct ps_step_event){.kind = PS_STEP_PLANNED};
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
    ps_epoch_release(drive->run);
    ps_prepared_free(ps_take(drive->prepared));
    return (struct ps_step_event){.kind = PS_STEP_DONE};
}

/* Short naps, so that a stop request is seen soon whatever the interval is. */
static struct ps_step_event wait(struct drive *drive) {
    const int64_t interval_ms = drive->run->project->manifest.epoch_interval_ms;
    const int64_t end_ns = ps_clock_monotonic_ns() + interval_ms * 1000000;
    ps_run_tell(drive->run, (struct ps_event){.kind = PS_EVENT_IDLE});
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
    case PS_STEP_RECOVER_SINK: /* no project has outside sinks yet */
    case PS_STEP_LOAD_PLAN:
    case PS_STEP_SAVE_PLAN:
    case PS_STEP_BEGIN_SINK:
    case PS_STEP_WRITE_SINK:
    case PS_STEP_COMMIT_SINK:
    case PS_STEP_DISCARD_SINK:
    case PS_STEP_END: break;
    }
    return failed(ps_error_set(&drive->error, PENSTOCK_INTERNAL, "the runner cannot %s",
                               ps_step_action_name(action.kind)));
}

static penstock_code drive_to_end(struct drive *drive, struct penstock_error *error) {
    struct ps_step step;
    struct ps_step_action action =
        ps_step_start(&step, (struct ps_step_options){.once = drive->options->once});
    while (action.kind != PS_STEP_END) {
        struct ps_step_event event = act(drive, action);
        event.is_stop_requested = ps_stop_requested(drive->options->stop);
        action = ps_step_next(&step, &event);
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

penstock_code ps_runner_run(const struct ps_runner_options *options, struct ps_run_totals *totals_out,
                            struct penstock_error *error) {
    struct ps_run *run PS_SCOPED(ps_run_free_scoped) = NULL;
    PS_TRY(ps_run_new(options->graph, options->store, &run, error));
    run->options = options;
    PS_TRY(ps_prepare(run, error));
    struct drive drive = {.run = run, .options = options};
    penstock_code code = PENSTOCK_OK;
    if (run->input_count > 0) {
        code = drive_to_end(&drive, error);
    }
    ps_ahead_stop(drive.ahead);
    ps_epoch_release(run);
    ps_prepared_free(drive.prepared);
    *totals_out = drive.totals; /* also what was committed before a failure */
    return code;
}
