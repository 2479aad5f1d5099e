/* SPDX-License-Identifier: Apache-2.0
 *
 * step.h - the engine of exactly-once, as a pure step: (state, event) -> (state, action).
 *
 * No I/O, no clock, no thread. Whoever drives it carries out the one action it is given and comes back
 * with what happened; runner.c does that with files and DuckDB, tests/sim does it with a simulated world
 * that it crashes before and after every action.
 *
 *   recover store and sinks -> seek -> [ plan -> save plan -> begin -> write -> commit sinks -> commit store
 *   -> release ]*
 *
 * The invariant: the store commits an epoch last, so a sink is at the store's epoch or, after a crash
 * between the two commits, exactly one ahead; and then the range of that one epoch is durable ("save plan"),
 * so that the replay writes the same records and the sink that has them is left out. A plan that was made for other
 * statements is dropped if no sink has its epoch, else the engine refuses to go on. Without outside
 * sinks the store's transaction is everything, and no plan needs saving.
 *
 * Fencing: recovering claims a new attempt in the store and in every sink; whoever still runs with an older
 * one fails at its next durable action.
 */
#ifndef PS_STREAM_STEP_H
#define PS_STREAM_STEP_H

#include "connect/sink.h"

/* Outside sinks of one project: one bit each. */
#define PS_LIMIT_SINK_COUNT 64

enum ps_step_action_kind {
    PS_STEP_RECOVER_STORE, /* claim the next attempt; answer RECOVERED */
    PS_STEP_RECOVER_SINK,  /* claim action.epoch.attempt there; answer RECOVERED */
    PS_STEP_SEEK,          /* sources to the committed positions */
    PS_STEP_PLAN,          /* fix the range of a new epoch; answer PLANNED or NOTHING */
    PS_STEP_LOAD_PLAN,     /* take the saved range of the epoch */
    PS_STEP_SAVE_PLAN,     /* make epoch and range durable */
    PS_STEP_BEGIN_STORE,
    PS_STEP_BEGIN_SINK,
    PS_STEP_WRITE_STORE, /* the SQL of the epoch */
    PS_STEP_WRITE_SINK,
    PS_STEP_COMMIT_SINK,
    PS_STEP_COMMIT_STORE, /* rows, states, dead letters and positions at once */
    PS_STEP_RELEASE,      /* the epoch's input may be forgotten */
    PS_STEP_DISCARD_SINK,
    PS_STEP_DISCARD_STORE,
    PS_STEP_WAIT, /* for new data; answer DONE */
    PS_STEP_END,  /* with action.code; no event may follow */
};

struct ps_step_action {
    enum ps_step_action_kind kind;
    struct ps_epoch epoch;
    size_t sink;        /* of the *_SINK kinds */
    penstock_code code; /* of END */
    const char *reason; /* of END, when the engine itself refuses to go on; a constant sentence or NULL */
    const char *hint;   /* with reason: what to do */
};

enum ps_step_event_kind {
    PS_STEP_DONE,
    PS_STEP_RECOVERED,
    PS_STEP_PLANNED,
    PS_STEP_NOTHING, /* no source has anything new */
    PS_STEP_FAILED,  /* the action failed with event.code; whether it took effect is not known */
};

struct ps_step_event {
    enum ps_step_event_kind kind;
    struct ps_epoch epoch;  /* RECOVERED: last committed; the store also tells the attempt it claimed */
    int64_t planned_epoch;  /* RECOVERED, store: number of the saved plan, 0 if there is none */
    bool is_plan_stale;     /* and the project has changed since: its records would become other rows */
    penstock_code code;     /* FAILED */
    bool is_stop_requested; /* looked at between epochs */
};

struct ps_step_options {
    size_t sink_count; /* outside sinks: all but the store */
    bool once;         /* end when nothing is new */
};

struct ps_step {
    struct ps_step_options options;
    struct ps_step_action last; /* the action that is being carried out */
    struct ps_epoch epoch;      /* the one in work; committed is epoch.number - 1 */
    int64_t planned_epoch;
    bool is_plan_stale;
    uint64_t has_epoch; /* bit i: sink i already holds the epoch in work */
    uint64_t is_begun;  /* bit i: sink i must be discarded if the epoch fails */
    bool is_store_begun;
    bool is_stop_requested;
    penstock_code failure;
    const char *reason, *hint;
};

/* The first action. */
struct ps_step_action ps_step_start(struct ps_step *step, struct ps_step_options options);
/* What to do after `event`, which is the outcome of the action given before. */
struct ps_step_action ps_step_next(struct ps_step *step, const struct ps_step_event *event);

const char *ps_step_action_name(enum ps_step_action_kind kind);

#endif
