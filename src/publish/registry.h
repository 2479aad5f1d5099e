/* SPDX-License-Identifier: Apache-2.0
 *
 * registry.h - models in the store: immutable versions, aliases with history, lineage, gate reports.
 *
 * A version is written once, together with the gate's report and the alias that moves, in one transaction.
 * A refused candidate leaves its gate report (and the search) but no alias moves.
 *
 * Tables, all in schema penstock:
 *   models(name, version, status, created_at, application, statement_text, label, positions, search, fitted, metrics,
 *          checksum, snapshot, profile, profile_checksum)
 *                                                     status: 'published', 'refused', 'forced', 'imported', 'deleted'
 *   model_aliases(model, alias, version)                        champion, previous, and what users name
 *   model_alias_history(model, alias, from_version, to_version, moved_at, who, why, action)
 *                                                               action: 'publish', 'promote', 'rollback', 'delete';
 *                                                               alias '' for a deletion; to_version 0: taken away
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
    const char *snapshot_json;  /* snapshot.h; or NULL: this version cannot be trained again from its rows */
};
/* Inside the caller's transaction. *version_out: the new version's number; a refused candidate is registered too,
 * as a version without alias, with status 'refused'. A passed one becomes champion, the old champion previous. */
penstock_code ps_registry_publish(struct ps_connection *connection, const struct ps_publication *publication,
                                  int64_t *version_out, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Makes the tables of this room. */
penstock_code ps_registry_prepare(struct ps_connection *connection, struct penstock_error *error)
    PENSTOCK_MUST_USE;

/* Has the store this column of schema penstock? One that an older penstock wrote, and that is only read, may not. */
penstock_code ps_registry_has(struct ps_connection *connection, const char *table, const char *column,
                              bool *has_out, struct penstock_error *error) PENSTOCK_MUST_USE;

/* "congestion", "congestion@champion", "congestion@3", "models:/congestion@champion" ->
 * name and version. Errors: NOT_FOUND with the nearest name or the aliases there are. */
penstock_code ps_registry_resolve(struct ps_connection *connection, const char *reference,
                                  struct ps_arena *arena, const char **name_out, int64_t *version_out,
                                  struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_registry_load(struct ps_connection *connection, const char *name, int64_t version,
                               struct ps_fitted **fitted_out, struct penstock_error *error) PENSTOCK_MUST_USE;
/* What a version was made from and what it came to, for training it again. Texts in the arena; snapshot NULL: it was
 * made by a penstock that kept none, or imported. */
struct ps_registry_origin {
    const char *statement, *fitted, *metrics, *snapshot, *checksum, *application, *created_at;
};
penstock_code ps_registry_origin(struct ps_connection *connection, const char *name, int64_t version,
                                 struct ps_arena *arena, struct ps_registry_origin *origin_out,
                                 struct penstock_error *error) PENSTOCK_MUST_USE;
/* Version number that `alias` of the model points to, 0 if none. */
penstock_code ps_registry_alias(struct ps_connection *connection, const char *name, const char *alias,
                                int64_t *version_out, struct penstock_error *error) PENSTOCK_MUST_USE;
/* The whole version as one JSON object: search, chosen pair, intercept, coefficients by feature name, hold-out and
 * training metrics, baseline, gate checks, aliases, lineage (SQL text, positions, application, time). */
penstock_code ps_registry_show(struct ps_connection *connection, const char *name, int64_t version,
                               struct ps_buffer *json_out, struct penstock_error *error) PENSTOCK_MUST_USE;

/* ---- what people do with versions (aliases.c) ---- */

enum ps_registry_verb { PS_REGISTRY_PROMOTE, PS_REGISTRY_ROLLBACK, PS_REGISTRY_DELETE, PS_REGISTRY_IMPORT };
struct ps_registry_request {
    enum ps_registry_verb verb;
    const char *reference; /* of the version; to roll back: the model's name */
    const char *alias;     /* to promote; NULL: champion */
    bool is_forced;        /* promote what the gate refused; needs a reason */
    const char *reason;    /* or NULL */
    /* To import; reference is the model's name then. label: or NULL; statement: what is told of where it is from. */
    const char *fitted, *label, *statement;
};
/* What it did. Texts are in the arena. */
struct ps_registry_change {
    const char *model, *alias; /* alias "": a version was deleted */
    int64_t from, to;          /* versions; 0: none */
    const char *who;           /* user@host */
};
/* Inside the caller's transaction. `previous` always is the version that a rollback would go to. Errors: NOT_FOUND,
 * GATE_REFUSED (not forced), INVALID_ARGUMENT (no reason; an alias that cannot be given; an alias names the version
 * that is to be deleted), NOT_FOUND (nothing to roll back to). */
penstock_code ps_registry_carry_out(struct ps_connection *connection,
                                    const struct ps_registry_request *request, struct ps_arena *arena,
                                    struct ps_registry_change *change_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* One more row of the history and the alias itself. `from`: 0: the alias is new; `to` 0: it is taken away. */
struct ps_alias_move {
    const char *model, *alias;
    int64_t from, to;
    const char *moved_at, *who, *why, *action;
};
penstock_code ps_registry_move(struct ps_connection *connection, const struct ps_alias_move *move,
                               struct penstock_error *error) PENSTOCK_MUST_USE;
/* Over every text of a version, each with its length; the number that the model's next version gets. */
void ps_registry_seal(const char *const *texts, size_t count, char *out, size_t size);
penstock_code ps_registry_next_version(struct ps_connection *connection, const char *name,
                                       int64_t *version_out, struct penstock_error *error) PENSTOCK_MUST_USE;
/* "user@host" of this process. */
void ps_registry_who(char *out, size_t size);

/* Two versions as one JSON object: what is different in parameters, metrics, coefficients, inputs, SQL text, rows and
 * gate. References as in ps_registry_resolve(). */
penstock_code ps_registry_diff(struct ps_connection *connection, const char *first, const char *second,
                               struct ps_buffer *json_out, struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
