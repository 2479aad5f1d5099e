/* SPDX-License-Identifier: Apache-2.0
 *
 * registry.h - models in the store: immutable versions, aliases with history, lineage, gate reports.
 *
 * A version is written once, together with the gate's report and the alias that moves, in one transaction.
 * A refused candidate leaves its gate report (and the search) but no alias moves.
 *
 * Tables, all in schema penstock:
 *   models(name, version, status, created_at, application, statement_text, label, positions, search, fitted, metrics,
 *          checksum)                                            status: 'published' or 'refused'
 *   model_aliases(model, alias, version)                        champion, previous
 *   model_alias_history(model, alias, from_version, to_version, moved_at, who, why)
 *   gate_reports(model, version, check_index, name, value, limit_value, verdict, sentence)
 *                                                               check_index 0: the whole verdict
 */
#ifndef PS_PUBLISH_REGISTRY_H
#define PS_PUBLISH_REGISTRY_H

#include "model/train.h"
#include "publish/gate.h"

struct ps_publication {
    const struct ps_candidate *candidate;
    const struct ps_gate_report *report;
    const char *application; /* id */
    const char *model_name;
    const char *positions_json; /* of every source at the snapshot */
};
/* Inside the caller's transaction. *version_out: the new version's number; a refused candidate is registered too,
 * as a version without alias, with status 'refused'. A passed one becomes champion, the old champion previous. */
penstock_code ps_registry_publish(struct ps_connection *connection, const struct ps_publication *publication,
                                  int64_t *version_out, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Makes the tables of this room. */
penstock_code ps_registry_prepare(struct ps_connection *connection, struct penstock_error *error)
    PENSTOCK_MUST_USE;

/* "congestion", "congestion@champion", "congestion@3", "models:/congestion@champion" ->
 * name and version. Errors: NOT_FOUND with the nearest name or the aliases there are. */
penstock_code ps_registry_resolve(struct ps_connection *connection, const char *reference,
                                  struct ps_arena *arena, const char **name_out, int64_t *version_out,
                                  struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_registry_load(struct ps_connection *connection, const char *name, int64_t version,
                               struct ps_fitted **fitted_out, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Version number that `alias` of the model points to, 0 if none. */
penstock_code ps_registry_alias(struct ps_connection *connection, const char *name, const char *alias,
                                int64_t *version_out, struct penstock_error *error) PENSTOCK_MUST_USE;
/* The whole version as one JSON object: search, chosen pair, intercept, coefficients by feature name, hold-out and
 * training metrics, baseline, gate checks, aliases, lineage (SQL text, positions, application, time). */
penstock_code ps_registry_show(struct ps_connection *connection, const char *name, int64_t version,
                               struct ps_buffer *json_out, struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
