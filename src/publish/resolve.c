/* SPDX-License-Identifier: Apache-2.0
 *
 * resolve.c - from what a person wrote to a name and a version that are there.
 *
 * Every miss names what there is: the nearest model, the aliases, the versions. A store that never trained
 * has no registry tables at all; that is the same answer as an empty registry.
 */
#include "publish/registry.h"

#include <inttypes.h>
#include <stdio.h>

#include "publish/reference.h"

/* Names offered when one is not found. */
#define OFFERED_COUNT_MAX 200

penstock_code ps_registry_has(struct ps_connection *connection, const char *table, const char *column,
                              bool *has_out, struct penstock_error *error) {
    const char *const values[] = {table, column};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query_with(connection,
                             "SELECT count(*) FROM duckdb_columns() WHERE database_name = current_database()"
                             " AND schema_name = 'penstock' AND table_name = $1 AND column_name = $2",
                             values, 2, &result, error));
    *has_out = ps_result_integer(result, 0, 0) > 0;
    return PENSTOCK_OK;
}

static penstock_code has_registry(struct ps_connection *connection, bool *has_out,
                                  struct penstock_error *error) {
    return ps_registry_has(connection, "model_aliases", "alias", has_out, error);
}

penstock_code ps_registry_alias(struct ps_connection *connection, const char *name, const char *alias,
                                int64_t *version_out, struct penstock_error *error) {
    bool has = false;
    PS_TRY(has_registry(connection, &has, error));
    if (!has) {
        *version_out = 0;
        return PENSTOCK_OK;
    }
    const char *const values[] = {name, alias};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query_with(connection,
                             "SELECT version FROM penstock.model_aliases WHERE model = $1 AND alias = $2",
                             values, 2, &result, error));
    *version_out = ps_result_row_count(result) == 0 ? 0 : ps_result_integer(result, 0, 0);
    return PENSTOCK_OK;
}

static penstock_code unknown_model(struct ps_connection *connection, const char *name,
                                   struct penstock_error *error) {
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query(connection, "SELECT DISTINCT name FROM penstock.models ORDER BY name LIMIT 200",
                        &result, error));
    const char *names[OFFERED_COUNT_MAX + 1] = {NULL};
    int64_t count = ps_result_row_count(result);
    count = count > OFFERED_COUNT_MAX ? OFFERED_COUNT_MAX : count;
    for (int64_t i = 0; i < count; i++) {
        names[i] = ps_result_text(result, i, 0);
    }
    const char *nearest = ps_nearest(name, names);
    ps_error_set(error, PENSTOCK_NOT_FOUND, "there is no model '%s' in the store", name);
    if (nearest != NULL) {
        return ps_error_hint(error, "did you mean %s?", nearest);
    }
    return count == 0 ? ps_error_hint(error, "no model was trained yet: run penstock run first")
                      : ps_error_hint(error, "see penstock models list");
}

/* "champion (2), previous (1)" of the model, or NULL when it has none. */
static penstock_code list_aliases(struct ps_connection *connection, const char *name,
                                  struct ps_result **result_out, struct penstock_error *error) {
    const char *const values[] = {name};
    return ps_sql_query_with(connection,
                             "SELECT string_agg(alias || ' (version ' || version || ')', ', ' ORDER BY alias)"
                             " FROM penstock.model_aliases WHERE model = $1",
                             values, 1, result_out, error);
}

static penstock_code unknown_alias(struct ps_connection *connection,
                                   const struct ps_model_reference *reference, struct penstock_error *error) {
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(list_aliases(connection, reference->name, &result, error));
    const char *aliases = ps_result_text(result, 0, 0);
    ps_error_set(error, PENSTOCK_NOT_FOUND, "model %s has no alias '%s'", reference->name, reference->alias);
    return aliases == NULL
               ? ps_error_hint(error, "no version of it passed its gate yet; see penstock models show %s@1",
                               reference->name)
               : ps_error_hint(error, "its aliases: %s", aliases);
}

static penstock_code count_versions(struct ps_connection *connection, const char *name, int64_t *last_out,
                                    struct penstock_error *error) {
    const char *const values[] = {name};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query_with(connection,
                             "SELECT coalesce(max(version), 0) FROM penstock.models WHERE name = $1", values,
                             1, &result, error));
    *last_out = ps_result_integer(result, 0, 0);
    return PENSTOCK_OK;
}

/* A deleted version is a row without a model: who took it away, when and why is in the history. */
static penstock_code check_there(struct ps_connection *connection, const char *name, int64_t version,
                                 struct penstock_error *error) {
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRId64, version);
    const char *const values[] = {name, text};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query_with(
        connection,
        "SELECT h.who, h.moved_at, h.why FROM penstock.models m LEFT JOIN penstock.model_alias_history h"
        " ON h.model = m.name AND h.alias = '' AND h.from_version = m.version"
        " WHERE m.name = $1 AND m.version = CAST($2 AS BIGINT) AND m.status = 'deleted'",
        values, 2, &result, error));
    if (ps_result_row_count(result) == 0) {
        return PENSTOCK_OK;
    }
    const char *who = ps_result_text(result, 0, 0);
    const char *when = ps_result_text(result, 0, 1);
    const char *why = ps_result_text(result, 0, 2);
    ps_error_set(error, PENSTOCK_NOT_FOUND, "version %s of model %s was deleted by %s at %s: %s", text, name,
                 who == NULL ? "?" : who, when == NULL ? "?" : when, why == NULL ? "?" : why);
    return ps_error_hint(error, "penstock models list shows what is there");
}

penstock_code ps_registry_resolve(struct ps_connection *connection, const char *reference_text,
                                  struct ps_arena *arena, const char **name_out, int64_t *version_out,
                                  struct penstock_error *error) {
    struct ps_model_reference reference;
    PS_TRY(ps_reference_parse(reference_text, arena, &reference, error));
    bool has = false;
    PS_TRY(has_registry(connection, &has, error));
    if (!has) {
        ps_error_set(error, PENSTOCK_NOT_FOUND, "there is no model '%s' in the store", reference.name);
        return ps_error_hint(error, "no model was trained yet: run penstock run first");
    }
    int64_t last = 0;
    PS_TRY(count_versions(connection, reference.name, &last, error));
    if (last == 0) {
        return unknown_model(connection, reference.name, error);
    }
    int64_t version = reference.version;
    if (reference.alias != NULL) {
        PS_TRY(ps_registry_alias(connection, reference.name, reference.alias, &version, error));
        if (version == 0) {
            return unknown_alias(connection, &reference, error);
        }
    } else if (version > last) {
        ps_error_set(error, PENSTOCK_NOT_FOUND, "model %s has no version %" PRId64, reference.name, version);
        return ps_error_hint(error, "its versions are 1 to %" PRId64, last);
    }
    PS_TRY(check_there(connection, reference.name, version, error));
    *name_out = reference.name;
    *version_out = version;
    return PENSTOCK_OK;
}
