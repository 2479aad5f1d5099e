/* SPDX-License-Identifier: Apache-2.0
 *
 * change.h - what a changed project means for the store that it ran on: decided before anything is done.
 *
 * A pure function of the graph and of what the store knows; reading the store is the caller's, who may have it open or
 * may be asking the process that has. What recomputes or cannot be undone needs a human's consent; what would leave
 * records missing is not done at all, and says what fills them in (`penstock backfill`).
 */
#ifndef PS_STREAM_CHANGE_H
#define PS_STREAM_CHANGE_H

#include "job/graph.h"
#include "stream/store.h"

enum ps_change_action {
    PS_CHANGE_KEEP,
    PS_CHANGE_NEW,
    PS_CHANGE_NEW_TEXT, /* holds from now on, rows stay */
    PS_CHANGE_GROW, /* gets columns that its source has got (on_new_field = 'add'), NULL in the rows that are there */
    PS_CHANGE_REBUILD,  /* dropped and computed again from what it streams from: needs consent */
    PS_CHANGE_BACKFILL, /* cannot be done by a run: records would be missing */
    PS_CHANGE_RESUME,   /* its backfill was begun and must be finished first */
    PS_CHANGE_REFUSED,  /* a sink that was left out: rows are missing in it */
    PS_CHANGE_LEFT_OUT, /* no longer in the project: kept as it is */
};
const char *ps_change_action_name(enum ps_change_action action);

struct ps_change {
    const char *name, *kind;
    enum ps_change_action action;
    const char *reason; /* a sentence */
};

/* What the store knows. Texts are borrowed. */
struct ps_known_statement {
    const char *name, *kind, *text;
    bool is_active;
};
struct ps_known_column {
    const char *table, *name, *type;
};
struct ps_change_facts {
    const struct ps_known_statement *statements;
    size_t statement_count;
    const struct ps_known_column *columns; /* of the tables in main, in their order */
    size_t column_count;
    const char *const *sources; /* that have positions; "backfill:NAME" for a backfill that is not finished */
    size_t source_count;
};

/* One row for every statement of the project but plain SQL that ran already, then those that left it. In the arena. */
penstock_code ps_change_plan(const struct ps_graph *graph, const struct ps_change_facts *facts,
                             struct ps_arena *arena, struct ps_change **changes_out, size_t *count_out,
                             struct penstock_error *error) PENSTOCK_MUST_USE;
/* Drops what is to be rebuilt, in one transaction: preparing the run then makes it anew. */
penstock_code ps_change_apply(const struct ps_graph *graph, struct ps_store *store,
                              const struct ps_change *changes, size_t count, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* After preparing: remembers what sources look like now, by a hash, since they may hold secrets. */
penstock_code ps_change_remember(const struct ps_graph *graph, struct ps_store *store,
                                 struct penstock_error *error) PENSTOCK_MUST_USE;
/* Removes a table or view that is no longer in the project: rows, state, dead letters, a backfill's progress.
 * NOT_FOUND; INVALID_ARGUMENT if the project still has it. */
penstock_code ps_change_drop(const struct ps_graph *graph, struct ps_store *store, const char *name,
                             struct penstock_error *error) PENSTOCK_MUST_USE;
/* The statements of one drop; inside a transaction of the caller. */
penstock_code ps_change_forget(struct ps_store *store, const char *name, struct penstock_error *error)
    PENSTOCK_MUST_USE;

#define PS_BACKFILL_PREFIX "backfill:"

#endif
