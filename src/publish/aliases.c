/* SPDX-License-Identifier: Apache-2.0
 *
 * aliases.c - promote, roll back, delete: what people do with versions that are there.
 *
 * Each is a few rows in the caller's transaction, and one of them is the history's: who, when, why. The history is
 * read back to find what the champion was before: publishing and promoting put a version on top of a stack, rolling
 * back takes the top off, so that rolling back twice goes two steps and never back and forth. `previous` is the
 * version below the top: the one that a rollback would go to.
 */
#include "publish/registry.h"

#include <ctype.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "publish/import.h"
#include "publish/reference.h"

#define ALIAS_SIZE_MAX 64

void ps_registry_who(char *out, size_t size) {
    char buffer[1024];
    char host[64] = "";
    struct passwd entry;
    struct passwd *found = NULL;
    if (gethostname(host, sizeof host - 1) != 0 || host[0] == '\0') {
        (void)snprintf(host, sizeof host, "localhost");
    }
    if (getpwuid_r(geteuid(), &entry, buffer, sizeof buffer, &found) == 0 && found != NULL) {
        (void)snprintf(out, size, "%s@%s", entry.pw_name, host);
    } else {
        (void)snprintf(out, size, "uid %lu@%s", (unsigned long)geteuid(), host);
    }
}

static const char *version_text(int64_t version, char text[24]) {
    if (version == 0) {
        return NULL;
    }
    (void)snprintf(text, 24, "%" PRId64, version);
    return text;
}

penstock_code ps_registry_move(struct ps_connection *connection, const struct ps_alias_move *move,
                               struct penstock_error *error) {
    char from[24];
    char to[24];
    const char *const placed[] = {move->model, move->alias, version_text(move->to, to)};
    if (move->to == 0) {
        PS_TRY(ps_sql_run_with(connection,
                               "DELETE FROM penstock.model_aliases WHERE model = $1 AND alias = $2", placed,
                               2, error));
    } else if (move->alias[0] != '\0') {
        PS_TRY(ps_sql_run_with(connection,
                               "INSERT INTO penstock.model_aliases SELECT $1, $2, CAST($3 AS BIGINT)"
                               " ON CONFLICT (model, alias) DO UPDATE SET version = excluded.version",
                               placed, 3, error));
    }
    const char *const history[] = {move->model,
                                   move->alias,
                                   version_text(move->from, from),
                                   move->to == 0 ? "0" : placed[2],
                                   move->moved_at,
                                   move->who,
                                   move->why,
                                   move->action};
    return ps_sql_run_with(
        connection,
        "INSERT INTO penstock.model_alias_history(model, alias, from_version, to_version, moved_at, who, why, action)"
        " SELECT $1, $2, CAST($3 AS BIGINT), CAST($4 AS BIGINT), CAST($5 AS TIMESTAMP), $6, $7, $8",
        history, sizeof history / sizeof history[0], error);
}

/* ---- what the champion was ---- */

struct stack {
    int64_t *versions;
    size_t count;
};

/* The versions that were champion and could be again, the present one last. Deleted ones have gone from it. */
static penstock_code read_stack(struct ps_connection *connection, const char *model, struct ps_arena *arena,
                                struct stack *stack_out, struct penstock_error *error) {
    const char *const values[] = {model};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(
        ps_sql_query_with(connection,
                          "SELECT h.to_version, coalesce(h.action, 'publish'), coalesce(m.status, 'deleted')"
                          " FROM penstock.model_alias_history h LEFT JOIN penstock.models m"
                          " ON m.name = h.model AND m.version = h.to_version"
                          " WHERE h.model = $1 AND h.alias = 'champion' ORDER BY h.rowid",
                          values, 1, &result, error));
    const int64_t row_count = ps_result_row_count(result);
    struct stack stack = {ps_arena_allocate(arena, (size_t)row_count + 1, sizeof *stack.versions), 0};
    if (stack.versions == NULL) {
        return ps_error_memory(error, "the history of a model");
    }
    bool *is_deleted = ps_arena_allocate(arena, (size_t)row_count + 1, sizeof *is_deleted);
    if (is_deleted == NULL) {
        return ps_error_memory(error, "the history of a model");
    }
    for (int64_t row = 0; row < row_count; row++) {
        const int64_t version = ps_result_integer(result, row, 0);
        if (strcmp(ps_result_text(result, row, 1), "rollback") == 0) {
            while (stack.count > 0 && stack.versions[stack.count - 1] != version) {
                stack.count--;
            }
        }
        if (stack.count == 0 || stack.versions[stack.count - 1] != version) {
            is_deleted[stack.count] = strcmp(ps_result_text(result, row, 2), "deleted") == 0;
            stack.versions[stack.count++] = version;
        }
    }
    size_t kept = 0; /* without the deleted ones, and without the pairs that they leave */
    for (size_t i = 0; i < stack.count; i++) {
        if (!is_deleted[i] && (kept == 0 || stack.versions[kept - 1] != stack.versions[i])) {
            stack.versions[kept++] = stack.versions[i];
        }
    }
    stack.count = kept;
    *stack_out = stack;
    return PENSTOCK_OK;
}

/* Makes `previous` the version below the top. */
static penstock_code place_previous(struct ps_connection *connection, const struct ps_alias_move *champion,
                                    struct ps_arena *arena, struct penstock_error *error) {
    struct stack stack = {NULL, 0};
    struct ps_alias_move move = *champion;
    move.alias = "previous";
    PS_TRY(read_stack(connection, move.model, arena, &stack, error));
    PS_TRY(ps_registry_alias(connection, move.model, move.alias, &move.from, error));
    move.to = stack.count > 1 ? stack.versions[stack.count - 2] : 0;
    return move.from == move.to ? PENSTOCK_OK : ps_registry_move(connection, &move, error);
}

/* ---- the three ---- */

struct carrying {
    struct ps_connection *connection;
    const struct ps_registry_request *request;
    struct ps_arena *arena;
    struct ps_registry_change *change;
    char now[32];
};

static penstock_code status_of(const struct carrying *carrying, const char *model, int64_t version,
                               const char **status_out, struct penstock_error *error) {
    char text[24];
    const char *const values[] = {model, version_text(version, text)};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query_with(
        carrying->connection,
        "SELECT status FROM penstock.models WHERE name = $1 AND version = CAST($2 AS BIGINT)", values, 2,
        &result, error));
    const char *status = ps_result_text(result, 0, 0);
    *status_out = ps_arena_copy(carrying->arena, status == NULL ? "" : status);
    return *status_out == NULL ? ps_error_memory(error, "a model's status") : PENSTOCK_OK;
}

static penstock_code check_alias(const char *alias, struct penstock_error *error) {
    bool is_number = true;
    const size_t size = strlen(alias);
    for (size_t i = 0; i < size; i++) {
        const unsigned char letter = (unsigned char)alias[i];
        is_number = is_number && isdigit(letter) != 0;
        if (isalnum(letter) == 0 && letter != '_' && letter != '-' && letter != '.') {
            (void)ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "'%s' cannot be an alias", alias);
            return ps_error_hint(error, "letters, digits, '_', '-' and '.' make an alias");
        }
    }
    if (size == 0 || size > ALIAS_SIZE_MAX || is_number) {
        (void)ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "'%.80s' cannot be an alias", alias);
        return ps_error_hint(error, "an alias has 1 to %d letters, and is not just a number", ALIAS_SIZE_MAX);
    }
    if (strcmp(alias, "previous") == 0) {
        (void)ps_error_set(
            error, PENSTOCK_INVALID_ARGUMENT,
            "'previous' is the version that a rollback would go to; it cannot be given by hand");
        return ps_error_hint(error, "promote to champion, or to an alias of another name");
    }
    return PENSTOCK_OK;
}

/* A version that its gate refused, or that never came before one, may get an alias only by force, with a reason. */
static penstock_code check_gate(const struct carrying *carrying, const char *model, int64_t version,
                                const char *status, struct penstock_error *error) {
    const struct ps_registry_request *request = carrying->request;
    const bool is_imported = strcmp(status, "imported") == 0;
    if (strcmp(status, "refused") != 0 && !is_imported) {
        return PENSTOCK_OK;
    }
    if (!request->is_forced) {
        (void)ps_error_set(error, PENSTOCK_GATE_REFUSED,
                           is_imported ? "version %" PRId64 " of %s was imported: no gate has looked at it"
                                       : "version %" PRId64 " of %s was refused by its gate",
                           version, model);
        return ps_error_hint(error,
                             "penstock models show %s@%" PRId64 " tells why; to promote it all the same: "
                             "--force --reason \"why\"",
                             model, version);
    }
    if (request->reason == NULL || request->reason[strspn(request->reason, " \t")] == '\0') {
        (void)ps_error_set(error, PENSTOCK_INVALID_ARGUMENT,
                           "--force needs --reason: it is kept in the history of %s", model);
        return ps_error_hint(error, "--force --reason \"why the gate is wrong this time\"");
    }
    char text[24];
    const char *const values[] = {model, version_text(version, text)};
    return ps_sql_run_with(carrying->connection,
                           "UPDATE penstock.models SET status = 'forced'"
                           " WHERE name = $1 AND version = CAST($2 AS BIGINT)",
                           values, 2, error);
}

static penstock_code promote(struct carrying *carrying, struct penstock_error *error) {
    const struct ps_registry_request *request = carrying->request;
    struct ps_registry_change *change = carrying->change;
    const char *status = NULL;
    change->alias = ps_arena_copy(carrying->arena, request->alias == NULL ? "champion" : request->alias);
    if (change->alias == NULL) {
        return ps_error_memory(error, "an alias");
    }
    PS_TRY(check_alias(change->alias, error));
    PS_TRY(ps_registry_resolve(carrying->connection, request->reference, carrying->arena, &change->model,
                               &change->to, error));
    PS_TRY(status_of(carrying, change->model, change->to, &status, error));
    PS_TRY(check_gate(carrying, change->model, change->to, status, error));
    PS_TRY(ps_registry_alias(carrying->connection, change->model, change->alias, &change->from, error));
    if (change->from == change->to) {
        return PENSTOCK_OK; /* it is there already: nothing happened, and the history says nothing */
    }
    const struct ps_alias_move move = {.model = change->model,
                                       .alias = change->alias,
                                       .from = change->from,
                                       .to = change->to,
                                       .moved_at = carrying->now,
                                       .who = change->who,
                                       .why = request->reason != NULL ? request->reason : "promoted by hand",
                                       .action = "promote"};
    PS_TRY(ps_registry_move(carrying->connection, &move, error));
    return strcmp(change->alias, "champion") == 0
               ? place_previous(carrying->connection, &move, carrying->arena, error)
               : PENSTOCK_OK;
}

static penstock_code roll_back(struct carrying *carrying, struct penstock_error *error) {
    const struct ps_registry_request *request = carrying->request;
    struct ps_registry_change *change = carrying->change;
    struct ps_model_reference reference;
    struct stack stack = {NULL, 0};
    PS_TRY(ps_reference_parse(request->reference, carrying->arena, &reference, error));
    if (reference.version > 0 || strcmp(reference.alias, "champion") != 0) {
        (void)ps_error_set(error, PENSTOCK_INVALID_ARGUMENT,
                           "a rollback is of a model's champion: '%s' names a version", request->reference);
        return ps_error_hint(error,
                             "penstock models rollback %s; to go to a version of your choice: "
                             "penstock models promote %s",
                             reference.name, request->reference);
    }
    PS_TRY(ps_registry_resolve(carrying->connection, request->reference, carrying->arena, &change->model,
                               &change->from, error));
    PS_TRY(read_stack(carrying->connection, change->model, carrying->arena, &stack, error));
    if (stack.count < 2) {
        (void)ps_error_set(error, PENSTOCK_NOT_FOUND,
                           "version %" PRId64 " is the first champion of %s: there is nothing before it",
                           change->from, change->model);
        return ps_error_hint(error, "penstock models promote %s@VERSION takes any version", change->model);
    }
    change->alias = "champion";
    change->to = stack.versions[stack.count - 2];
    const struct ps_alias_move move = {.model = change->model,
                                       .alias = change->alias,
                                       .from = change->from,
                                       .to = change->to,
                                       .moved_at = carrying->now,
                                       .who = change->who,
                                       .why =
                                           request->reason != NULL ? request->reason : "rolled back by hand",
                                       .action = "rollback"};
    PS_TRY(ps_registry_move(carrying->connection, &move, error));
    return place_previous(carrying->connection, &move, carrying->arena, error);
}

static penstock_code refuse_named(const struct carrying *carrying, struct penstock_error *error) {
    const struct ps_registry_change *change = carrying->change;
    char text[24];
    const char *const values[] = {change->model, version_text(change->from, text)};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(
        ps_sql_query_with(carrying->connection,
                          "SELECT string_agg('@' || alias, ', ' ORDER BY alias) FROM penstock.model_aliases"
                          " WHERE model = $1 AND version = CAST($2 AS BIGINT)",
                          values, 2, &result, error));
    const char *aliases = ps_result_text(result, 0, 0);
    if (aliases == NULL) {
        return PENSTOCK_OK;
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_ARGUMENT,
                       "version %" PRId64 " of %s is %s, so it is not deleted", change->from, change->model,
                       aliases);
    return ps_error_hint(error, "give the alias to another version first: penstock models promote %s@VERSION",
                         change->model);
}

/* An epoch that outside sinks may have seen is carried out once more with the very same versions. */
static penstock_code refuse_pinned(const struct carrying *carrying, struct penstock_error *error) {
    const struct ps_registry_change *change = carrying->change;
    bool has_pins = false;
    PS_TRY(ps_registry_has(carrying->connection, "epoch_models", "models", &has_pins, error));
    if (!has_pins) {
        return PENSTOCK_OK;
    }
    char pattern[512];
    (void)snprintf(pattern, sizeof pattern, "(models:/)?%.400s([@/][^\"]*)?\":%" PRId64 "[,}]", change->model,
                   change->from);
    const char *const values[] = {pattern};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query_with(carrying->connection,
                             "SELECT max(epoch) FROM penstock.epoch_models"
                             " WHERE epoch > (SELECT coalesce(max(epoch), 0) FROM penstock.epochs)"
                             " AND regexp_matches(models, CHR(34) || $1::VARCHAR)",
                             values, 1, &result, error));
    if (ps_result_text(result, 0, 0) == NULL) {
        return PENSTOCK_OK;
    }
    (void)ps_error_set(error, PENSTOCK_BUSY,
                       "epoch %s, which is in work, predicts with version %" PRId64 " of %s",
                       ps_result_text(result, 0, 0), change->from, change->model);
    return ps_error_hint(error, "penstock run --once finishes the epoch");
}

/* The row stays, so that its number is never given again and the history can be read; what is large goes. */
static penstock_code delete_version(struct carrying *carrying, struct penstock_error *error) {
    const struct ps_registry_request *request = carrying->request;
    struct ps_registry_change *change = carrying->change;
    char text[24];
    change->alias = "";
    PS_TRY(ps_registry_resolve(carrying->connection, request->reference, carrying->arena, &change->model,
                               &change->from, error));
    PS_TRY(refuse_named(carrying, error));
    PS_TRY(refuse_pinned(carrying, error));
    const char *const values[] = {change->model, version_text(change->from, text)};
    PS_TRY(ps_sql_run_with(carrying->connection,
                           "UPDATE penstock.models SET status = 'deleted', search = '{}', fitted = ''"
                           " WHERE name = $1 AND version = CAST($2 AS BIGINT)",
                           values, 2, error));
    const struct ps_alias_move move = {.model = change->model,
                                       .alias = "",
                                       .from = change->from,
                                       .to = 0,
                                       .moved_at = carrying->now,
                                       .who = change->who,
                                       .why = request->reason != NULL ? request->reason : "deleted by hand",
                                       .action = "delete"};
    return ps_registry_move(carrying->connection, &move, error);
}

penstock_code ps_registry_carry_out(struct ps_connection *connection,
                                    const struct ps_registry_request *request, struct ps_arena *arena,
                                    struct ps_registry_change *change_out, struct penstock_error *error) {
    struct ps_registry_change change = {0};
    struct carrying carrying = {
        .connection = connection, .request = request, .arena = arena, .change = &change};
    char who[160];
    ps_clock_format_iso(ps_clock_wall_ms(), carrying.now, sizeof carrying.now);
    ps_registry_who(who, sizeof who);
    change.who = ps_arena_copy(arena, who);
    if (change.who == NULL) {
        return ps_error_memory(error, "a model's history");
    }
    switch (request->verb) {
    case PS_REGISTRY_PROMOTE: PS_TRY(promote(&carrying, error)); break;
    case PS_REGISTRY_ROLLBACK: PS_TRY(roll_back(&carrying, error)); break;
    case PS_REGISTRY_DELETE: PS_TRY(delete_version(&carrying, error)); break;
    case PS_REGISTRY_IMPORT:
        change.model = request->reference;
        change.alias = "";
        PS_TRY(ps_registry_add_imported(connection, request, carrying.now, change.who, &change.to, error));
        break;
    }
    *change_out = change;
    return PENSTOCK_OK;
}
