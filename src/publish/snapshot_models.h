/* SPDX-License-Identifier: Apache-2.0
 *
 * snapshot_models.h - which versions of other models the SELECT of a model meant when it was trained.
 */
#ifndef PS_PUBLISH_SNAPSHOT_MODELS_H
#define PS_PUBLISH_SNAPSHOT_MODELS_H

#include "publish/json.h"
#include "sql/engine.h"

/* Adds {"delay@champion": 3} for every model that `sql` predicts with, as the registry has it now. Errors:
 * NOT_FOUND. */
penstock_code ps_snapshot_add_models(struct ps_connection *connection, const char *sql,
                                     struct ps_arena *arena, yyjson_mut_doc *document, yyjson_mut_val *models,
                                     struct penstock_error *error) PENSTOCK_MUST_USE;
/* The text, expanded, with the versions that `models` tells in the place of references; in the arena. */
penstock_code ps_snapshot_pin_models(const char *sql, yyjson_val *models, struct ps_arena *arena,
                                     const char **pinned_out, struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
