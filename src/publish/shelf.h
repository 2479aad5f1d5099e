/* SPDX-License-Identifier: Apache-2.0
 *
 * shelf.h - the models of a store, for the predictions of its SQL statements (sql/serve.h).
 *
 * A model is loaded once, known by its name, version and checksum, and shared by all statements and threads that
 * predict with it. A statement gets the version that its reference means when it is bound.
 *
 * The run's own connection gets something firmer: what its references mean is fixed for an epoch (pinned), so that
 * every statement of the epoch, and the same epoch after a crash, predicts with the same version. There, and only
 * there, a model that the project has yet to train is awaited: its predictions are NULL until it has a version.
 */
#ifndef PS_PUBLISH_SHELF_H
#define PS_PUBLISH_SHELF_H

#include "job/graph.h"
#include "publish/registry.h"
#include "sql/serve.h"

struct ps_shelf;

/* `graph` (or NULL): whose models may be awaited. The engine's statements can predict from now on. */
penstock_code ps_shelf_open(struct ps_engine *engine, const struct ps_graph *graph,
                            struct ps_shelf **shelf_out, struct penstock_error *error) PENSTOCK_MUST_USE;
/* All statements of the engine that predict are closed. */
void ps_shelf_close(struct ps_shelf *shelf);

/* The connection of the run. */
void ps_shelf_await(struct ps_shelf *shelf, const struct ps_connection *connection);
/* Fixes what the references mean to the run's connection. `pins`: as it was given out before, NULL: as the registry
 * has it now. *pins_out, JSON {"congestion@champion": 3, ...}, null for a model that is awaited: the shelf's, until the
 * next call. *is_changed_out: statements that are planned already must be planned anew. Errors: NOT_FOUND. */
penstock_code ps_shelf_pin(struct ps_shelf *shelf, const char *const *references, size_t count,
                           const char *pins, const char **pins_out, bool *is_changed_out,
                           struct penstock_error *error) PENSTOCK_MUST_USE;
/* From here on references mean to the run's connection what the registry says, until they are pinned again. */
void ps_shelf_unpin(struct ps_shelf *shelf);

#endif
