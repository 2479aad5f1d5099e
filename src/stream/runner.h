/* SPDX-License-Identifier: Apache-2.0
 *
 * runner.h - runs the streaming part of a project, epoch by epoch, exactly once.
 *
 * Decoding runs on the executor's task slots, one slice a task, ahead of the epoch that is being
 * committed; the SQL of an epoch runs in one DuckDB transaction with one thread, in DAG order, and commits
 * output, view states, dead letters and positions together. A kill at any moment leaves the last commit.
 */
#ifndef PS_STREAM_RUNNER_H
#define PS_STREAM_RUNNER_H

#include "base/thread.h"
#include "job/graph.h"
#include "stream/store.h"

/* What happened, told to the caller (room app) on the runner's thread. Texts are borrowed for the call. */
enum ps_event_kind {
    PS_EVENT_EPOCH_STARTED,
    PS_EVENT_EPOCH_COMMITTED,
    PS_EVENT_TASK_FINISHED,      /* a decode task: stage, task, milliseconds, records */
    PS_EVENT_STATEMENT_FINISHED, /* a table or view of an epoch */
    PS_EVENT_IDLE,
    PS_EVENT_LAG,    /* of a source: record_count is how far behind it is (bytes of files), -1: not known */
    PS_EVENT_NOTICE, /* `name` is a sentence for a human: a broker is waited for, or is back */
    PS_EVENT_RETRY, /* a server is away: `name` is the error's message, it is tried again after duration_ns */
};
struct ps_event {
    enum ps_event_kind kind;
    const char *name; /* source, table or view */
    int64_t epoch, task;
    int64_t record_count, row_count, dead_letter_count, byte_count;
    int64_t duration_ns;
};

struct ps_runner_options {
    const struct ps_graph *graph;
    struct ps_store *store;
    const char *application; /* id, written to penstock.epochs */
    const struct ps_stop *stop;
    bool once;                                                     /* return when every source is drained */
    void (*on_event)(const struct ps_event *event, void *context); /* may be NULL */
    /* Called between epochs (at least every epoch_interval_ms) on the runner's thread, when no transaction is
     * open: the control socket's queries are answered here. May be NULL. */
    void (*on_pause)(void *context);
    /* Fixes which versions the models are that the statements predict with, until it is called again. `references`:
     * as written; `pins`: as it was given out for the same epoch in an earlier life, or NULL. *pins_out: borrowed until
     * the next call; *is_changed_out: something else is meant than by the call before. NULL: there are no models. */
    penstock_code (*on_pin)(const char *const *references, size_t count, const char *pins,
                            const char **pins_out, bool *is_changed_out, void *context,
                            struct penstock_error *error);
    /* Fields that are to become columns (on_new_field = 'add'): the graph of the project with them; it lives as
     * long as the options. A failure ends the run; nothing has happened yet. NULL: such fields are left out. */
    penstock_code (*on_new_columns)(const struct ps_added_column *columns, size_t count,
                                    const struct ps_graph **graph_out, void *context,
                                    struct penstock_error *error);
    void *context;
};

/* Totals of one run. */
struct ps_run_totals {
    int64_t epoch_count, record_count, row_count, dead_letter_count, byte_count;
};

/* Applies PS_STATEMENT_SQL statements and creates tables and views that are not there yet (also for a project
 * without a source). A view that changed since the last run is refused with what to do; a
 * streaming table's new text holds from now on if its columns stay. A new statement over a
 * streaming table starts with the rows that are there; over a source that has been read it is refused
 * (ps_runner_backfill() fills it); one that was left out for a while is refused, because records are missing. */
penstock_code ps_runner_prepare(const struct ps_graph *graph, struct ps_store *store,
                                struct penstock_error *error) PENSTOCK_MUST_USE;
/* Applies one PS_STATEMENT_SQL that ps_runner_prepare() left out, because it predicts with a model of the project
 * (job/predicted.h: is late): once, as the others. */
penstock_code ps_runner_late(const struct ps_graph *graph, struct ps_store *store, size_t index,
                             struct penstock_error *error) PENSTOCK_MUST_USE;
/* Makes another connection of a prepared store see what the project's statements make for their own session: SET, USE,
 * CREATE TEMP ... ATTACH and LOAD hold for all connections already. */
penstock_code ps_runner_session(const struct ps_graph *graph, struct ps_connection *connection,
                                struct penstock_error *error) PENSTOCK_MUST_USE;
/* Prepares, then runs. *totals_out is set also on failure: to what was committed before it.
 * A server that is away (UNAVAILABLE) is tried again from the last commit, for at most the manifest's retry-timeout,
 * once everything had been reached at the start.
 * Errors: RULE_FAILED, INVALID_DATA, IO, SQL; CANCELLED is not one: a stop request ends it with OK. */
penstock_code ps_runner_run(const struct ps_runner_options *options, struct ps_run_totals *totals_out,
                            struct penstock_error *error) PENSTOCK_MUST_USE;

/* Dead letters back through the project as it is now: those of `reason` (NULL: all not yet replayed) are decoded
 * again and, if they pass, their rows go the way of new ones, in one epoch; each is replayed at most once. A letter
 * of a table's rule goes to that table and what streams from it only. Lateness is not looked at again. */
struct ps_replay_totals {
    int64_t tried, replayed, still_dead;
};
/* A replay that was cut off between outside sinks and the store is finished first; ps_runner_run() does that, too. */
penstock_code ps_runner_replay_resume(const struct ps_runner_options *options, struct penstock_error *error)
    PENSTOCK_MUST_USE;
penstock_code ps_runner_replay(const struct ps_runner_options *options, const char *reason,
                               const char *source, struct ps_replay_totals *totals_out,
                               struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
