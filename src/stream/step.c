/* SPDX-License-Identifier: Apache-2.0
 *
 * step.c - see step.h. One function per phase; every phase ends by asking for exactly one action, so the
 * place of a crash is always "before action n" or "after action n".
 */
#include "base/check.h"
#include "stream/step.h"

static struct ps_step_action ask(struct ps_step *step, enum ps_step_action_kind kind, size_t sink) {
    step->last = (struct ps_step_action){.kind = kind, .epoch = step->epoch, .sink = sink};
    return step->last;
}

static struct ps_step_action end(struct ps_step *step, penstock_code code) {
    step->last = (struct ps_step_action){
        .kind = PS_STEP_END, .epoch = step->epoch, .code = code, .reason = step->reason, .hint = step->hint};
    return step->last;
}

static uint64_t bit_of(size_t sink) {
    return (uint64_t)1 << sink;
}

/* The next sink from `sink` on that does not hold the epoch yet, or sink_count. */
static size_t next_sink(const struct ps_step *step, size_t sink) {
    while (sink < step->options.sink_count && (step->has_epoch & bit_of(sink)) != 0) {
        sink++;
    }
    return sink;
}

/* --- failure: give back what was begun, then end ----------------------------------------------------------- */

static struct ps_step_action discard(struct ps_step *step) {
    for (size_t i = 0; i < step->options.sink_count; i++) {
        if ((step->is_begun & bit_of(i)) != 0) {
            step->is_begun &= ~bit_of(i);
            return ask(step, PS_STEP_DISCARD_SINK, i);
        }
    }
    if (step->is_store_begun) {
        step->is_store_begun = false;
        return ask(step, PS_STEP_DISCARD_STORE, 0);
    }
    return end(step, step->failure);
}

static struct ps_step_action refuse(struct ps_step *step, penstock_code code, const char *reason,
                                    const char *hint) {
    step->failure = code;
    step->reason = reason;
    step->hint = hint;
    return discard(step);
}

/* --- recovery ---------------------------------------------------------------------------------------------- */

static struct ps_step_action recover_sink(struct ps_step *step, size_t sink) {
    if (sink < step->options.sink_count) {
        return ask(step, PS_STEP_RECOVER_SINK, sink);
    }
    step->planned_epoch = step->is_plan_stale ? 0 : step->planned_epoch; /* no sink has it */
    return ask(step, PS_STEP_SEEK, 0);
}

static struct ps_step_action store_recovered(struct ps_step *step, const struct ps_step_event *event) {
    ps_check(event->kind == PS_STEP_RECOVERED);
    ps_check(event->epoch.number >= 0);
    ps_check(event->epoch.attempt > 0);
    step->epoch = (struct ps_epoch){event->epoch.number + 1, event->epoch.attempt};
    step->planned_epoch = event->planned_epoch == step->epoch.number ? event->planned_epoch : 0;
    step->is_plan_stale = step->planned_epoch != 0 && event->is_plan_stale;
    return recover_sink(step, 0);
}

static struct ps_step_action sink_recovered(struct ps_step *step, const struct ps_step_event *event) {
    ps_check(event->kind == PS_STEP_RECOVERED);
    const int64_t committed = step->epoch.number - 1;
    const size_t sink = step->last.sink;
    static const char put_back[] =
        "was the store, or what a sink has written, put back to an older state? A sink with a new name starts anew";
    if (event->epoch.number < committed) {
        return refuse(step, PENSTOCK_INVALID_DATA,
                      "a sink has lost epochs that the store had committed to it", put_back);
    }
    if (event->epoch.number > committed) {
        if (event->epoch.number > step->epoch.number || step->planned_epoch != step->epoch.number) {
            return refuse(step, PENSTOCK_INVALID_DATA, "a sink holds epochs that this store does not know",
                          put_back);
        }
        if (step->is_plan_stale) {
            return refuse(
                step, PENSTOCK_INVALID_PROJECT,
                "an epoch is half-way: a sink has it, the store does not, and the project's statements"
                " have changed since it began",
                "run the project once more as it was (run --once), then change it");
        }
        step->has_epoch |= bit_of(sink);
    }
    return recover_sink(step, sink + 1);
}

/* --- an epoch ---------------------------------------------------------------------------------------------- */

static struct ps_step_action plan(struct ps_step *step) {
    if (step->is_stop_requested) {
        return end(step, PENSTOCK_OK);
    }
    if (step->planned_epoch == step->epoch.number) {
        return ask(step, PS_STEP_LOAD_PLAN, 0);
    }
    return ask(step, PS_STEP_PLAN, 0);
}

static struct ps_step_action planned(struct ps_step *step, const struct ps_step_event *event) {
    if (event->kind == PS_STEP_NOTHING) {
        return step->options.once ? end(step, PENSTOCK_OK) : ask(step, PS_STEP_WAIT, 0);
    }
    ps_check(event->kind == PS_STEP_PLANNED);
    return step->options.sink_count > 0 ? ask(step, PS_STEP_SAVE_PLAN, 0) : ask(step, PS_STEP_BEGIN_STORE, 0);
}

/* Begins, writes or commits the next sink from `sink` on; when there is none, goes on with `then`. */
static struct ps_step_action each_sink(struct ps_step *step, enum ps_step_action_kind kind, size_t sink,
                                       enum ps_step_action_kind then) {
    sink = next_sink(step, sink);
    if (sink == step->options.sink_count) {
        return ask(step, then, 0);
    }
    if (kind == PS_STEP_BEGIN_SINK) {
        step->is_begun |= bit_of(sink); /* also if begin fails: discard accepts half-begun */
    }
    return ask(step, kind, sink);
}

/* After the last write: commits, sink by sink, the store at the end. */
static struct ps_step_action commit_sink(struct ps_step *step, size_t sink) {
    return each_sink(step, PS_STEP_COMMIT_SINK, sink, PS_STEP_COMMIT_STORE);
}

static struct ps_step_action write_sink(struct ps_step *step, size_t sink) {
    sink = next_sink(step, sink);
    return sink < step->options.sink_count ? ask(step, PS_STEP_WRITE_SINK, sink) : commit_sink(step, 0);
}

static struct ps_step_action sink_committed(struct ps_step *step) {
    step->is_begun &= ~bit_of(step->last.sink);
    return commit_sink(step, step->last.sink + 1);
}

static struct ps_step_action released(struct ps_step *step) {
    step->epoch.number++;
    step->has_epoch = 0;
    return plan(step);
}

struct ps_step_action ps_step_start(struct ps_step *step, struct ps_step_options options) {
    ps_check(options.sink_count <= PS_LIMIT_SINK_COUNT);
    *step = (struct ps_step){.options = options};
    return ask(step, PS_STEP_RECOVER_STORE, 0);
}

struct ps_step_action ps_step_next(struct ps_step *step, const struct ps_step_event *event) {
    ps_check(step->last.kind != PS_STEP_END);
    step->is_stop_requested = step->is_stop_requested || event->is_stop_requested;
    if (event->kind == PS_STEP_FAILED && step->failure == PENSTOCK_OK) {
        ps_check(event->code != PENSTOCK_OK);
        return refuse(step, event->code, NULL, NULL);
    }
    switch (step->last.kind) {
    case PS_STEP_RECOVER_STORE: return store_recovered(step, event);
    case PS_STEP_RECOVER_SINK: return sink_recovered(step, event);
    case PS_STEP_SEEK:
    case PS_STEP_WAIT: return plan(step);
    case PS_STEP_PLAN: return planned(step, event);
    case PS_STEP_LOAD_PLAN:
    case PS_STEP_SAVE_PLAN: return ask(step, PS_STEP_BEGIN_STORE, 0);
    case PS_STEP_BEGIN_STORE:
        step->is_store_begun = true;
        return each_sink(step, PS_STEP_BEGIN_SINK, 0, PS_STEP_WRITE_STORE);
    case PS_STEP_BEGIN_SINK:
        return each_sink(step, PS_STEP_BEGIN_SINK, step->last.sink + 1, PS_STEP_WRITE_STORE);
    case PS_STEP_WRITE_STORE: return write_sink(step, 0);
    case PS_STEP_WRITE_SINK: return write_sink(step, step->last.sink + 1);
    case PS_STEP_COMMIT_SINK: return sink_committed(step);
    case PS_STEP_COMMIT_STORE: step->is_store_begun = false; return ask(step, PS_STEP_RELEASE, 0);
    case PS_STEP_RELEASE: return released(step);
    case PS_STEP_DISCARD_SINK:
    case PS_STEP_DISCARD_STORE: return discard(step);
    case PS_STEP_END: break;
    }
    return end(step, PENSTOCK_INTERNAL);
}

const char *ps_step_action_name(enum ps_step_action_kind kind) {
    switch (kind) {
    case PS_STEP_RECOVER_STORE: return "recover store";
    case PS_STEP_RECOVER_SINK: return "recover sink";
    case PS_STEP_SEEK: return "seek";
    case PS_STEP_PLAN: return "plan";
    case PS_STEP_LOAD_PLAN: return "load plan";
    case PS_STEP_SAVE_PLAN: return "save plan";
    case PS_STEP_BEGIN_STORE: return "begin store";
    case PS_STEP_BEGIN_SINK: return "begin sink";
    case PS_STEP_WRITE_STORE: return "write store";
    case PS_STEP_WRITE_SINK: return "write sink";
    case PS_STEP_COMMIT_SINK: return "commit sink";
    case PS_STEP_COMMIT_STORE: return "commit store";
    case PS_STEP_RELEASE: return "release";
    case PS_STEP_DISCARD_SINK: return "discard sink";
    case PS_STEP_DISCARD_STORE: return "discard store";
    case PS_STEP_WAIT: return "wait";
    case PS_STEP_END: return "end";
    }
    return "?";
}
