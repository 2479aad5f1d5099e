/* SPDX-License-Identifier: Apache-2.0
 *
 * snapshot.h - which rows a model was trained on, so that the same rows can be found again when more have come.
 *
 * Recorded in the transaction that trains, for every relation that the model's SELECT stands on:
 *   a streaming table    how many rows it had: rows are only ever added, so its first n rows are these rows
 *   a plain table, a materialized view, a table kept by key     row count and a hash of all rows
 *   a view               its text; what it reads is recorded, too
 *   a file               size and time
 * and for every model that it, or a view under it, predicts with the version that was meant. JSON:
 *   {"program": "0.2.0", "inputs": [{"name": "clean", "kind": "stream", "rows": 3000, "since": "..."}, ...],
 *    "models": {"delay@champion": 3}}
 */
#ifndef PS_PUBLISH_SNAPSHOT_H
#define PS_PUBLISH_SNAPSHOT_H

#include "job/graph.h"

/* `node`: the model or dataset. Appends to json_out. */
penstock_code ps_snapshot_record(struct ps_connection *connection, const struct ps_graph *graph,
                                 const struct ps_node *node, struct ps_buffer *json_out,
                                 struct penstock_error *error) PENSTOCK_MUST_USE;

/* What has changed since, a sentence each; in the arena. */
struct ps_snapshot_changes {
    const char **sentences;
    size_t count;
    bool is_lost; /* rows or relations are gone: the same rows cannot be found any more */
};
/* Lets the connection see the relations as they were, by temporary views that stand before them, for as long as it is
 * open. `folder`: of the project. Errors: SQL, INVALID_DATA (no snapshot). */
penstock_code ps_snapshot_restore(struct ps_connection *connection, const char *json, const char *folder,
                                  struct ps_arena *arena, struct ps_snapshot_changes *changes_out,
                                  struct penstock_error *error) PENSTOCK_MUST_USE;
/* The SELECT (expanded: sql/serve.h) with the versions of other models that it meant then, whatever their aliases mean
 * now. */
penstock_code ps_snapshot_pin(const char *json, const char *select, struct ps_arena *arena,
                              const char **pinned_out, struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
