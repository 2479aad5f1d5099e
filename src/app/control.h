/* SPDX-License-Identifier: Apache-2.0
 *
 * control.h - how other processes speak with the one that holds the store: a unix socket, STORE/penstock.sock.
 *
 * One connection carries one request, a JSON object on one line, and one answer, likewise:
 *   {"request": "query", "sql": "..."}           -> {"code": 0, "names": [...], "types": [...], "rows": [[...]]}
 *   {"request": "show", "reference": "m@1"}      -> {"code": 0, "json": "..."}
 *   {"request": "load", "reference": "m@1"}      -> {"code": 0, "json": "...", "version": 1}
 *   {"request": "diff", "reference": "m@1", "other": "m@2"} -> {"code": 0, "json": "..."}
 *   {"request": "retrain", "reference": "m@1"}   -> {"code": 0, "json": "..."}
 *   {"request": "models", "verb": "promote", "reference": "m@3", "alias": null, "force": false, "reason": null}
 *                                                -> as a query, with the one row of what was done
 *   {"request": "status"}                        -> {"code": 0, "application": "application_...", "lags": [...],
 *                                                    "training": {"model": "...", "job": "...", ...}}
 *   {"request": "train", "job": "retrain"}       -> {"code": 0, "outcome": "published", "version": 2, "sentence": ""}
 *   {"request": "stop", "application": "..."}    -> {"code": 0}
 *   {"request": "replay", "source": null, "reason": "late"} -> {"code": 0, "tried": 1, "replayed": 1, ...}
 * An error is {"code": n, "message": "...", "detail": "...", "hint": "..."}.
 *
 * Only the user who runs the application may connect (mode 0600). Questions are answered by a few threads with
 * connections of their own, in read-only transactions, but for "models", which moves aliases; a replay is handed to
 * the runner's thread.
 */
#ifndef PS_APP_CONTROL_H
#define PS_APP_CONTROL_H

#include "app/app.h"
#include "publish/json.h"

/* Bits of a ps_stop of this room: somebody asked for the end; the runner is to come back for a moment (a replay). */
#define PS_STOP_ASKED 1
#define PS_STOP_PAUSE 2

struct ps_control;
struct ps_jobs;

struct ps_control_setup {
    struct ps_engine *engine;
    const char *store_path;
    const char *application; /* id */
    struct ps_stop *stop;    /* what "stop" sets */
    const struct ps_graph *graph;
    struct ps_jobs *jobs; /* what "train" asks; NULL: the project has none */
    size_t node_count;    /* of the graph: lags are told by node */
};
/* The caller holds the store's lock, so a socket that is there is a dead one's. */
penstock_code ps_control_open(const struct ps_control_setup *setup, struct ps_control **control_out,
                              struct penstock_error *error) PENSTOCK_MUST_USE;
/* Ends queries that run, refuses a replay that waits, removes the socket. */
void ps_control_close(struct ps_control *control);

/* How far behind the source at a node is, -1: not known; for who asks for the status. */
void ps_control_tell_lag(struct ps_control *control, size_t node, int64_t lag);

/* The runner's thread, between epochs: does a replay wait? Then take it; the texts stay until
 * ps_control_replayed(). */
bool ps_control_replay_waits(struct ps_control *control);
bool ps_control_take_replay(struct ps_control *control, const char **source_out, const char **reason_out);
void ps_control_replayed(struct ps_control *control, penstock_code code,
                         const struct ps_replay_totals *totals, const struct penstock_error *error);

/* The other side. `request`: written as it is. NOT_FOUND when nobody listens. The answer's code becomes this one's,
 * with its message. `wait_ms` 0: as long as it takes. Free *answer_out with yyjson_doc_free(). */
penstock_code ps_control_ask(const char *store_path, const yyjson_mut_doc *request, int64_t wait_ms,
                             yyjson_doc **answer_out, struct penstock_error *error) PENSTOCK_MUST_USE;
bool ps_control_is_served(const char *store_path);
/* Asks the application to stop; NOT_FOUND when nobody listens or another application does. */
penstock_code ps_control_stop(const char *store_path, const char *application, struct penstock_error *error)
    PENSTOCK_MUST_USE;

#endif
