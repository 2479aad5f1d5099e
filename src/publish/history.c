/* SPDX-License-Identifier: Apache-2.0
 *
 * history.c - profiles of earlier versions, newest first.
 *
 * A store that was made by an older penstock and is only read may lack the column; then no profile is known.
 */
#include "publish/history.h"

#include <inttypes.h>
#include <stdio.h>

static penstock_code has_profiles(struct ps_connection *connection, bool *has_out,
                                  struct penstock_error *error) {
    int64_t count = 0;
    PS_TRY(ps_sql_integer(connection,
                          "SELECT count(*) FROM duckdb_columns() WHERE schema_name = 'penstock'"
                          " AND table_name = 'models' AND column_name = 'profile'",
                          &count, error));
    *has_out = count > 0;
    return PENSTOCK_OK;
}

static penstock_code keep(struct ps_arena *arena, const char *text, const char **copy_out,
                          struct penstock_error *error) {
    *copy_out = text == NULL ? NULL : ps_arena_copy(arena, text);
    return text != NULL && *copy_out == NULL ? ps_error_memory(error, "profiles of a model") : PENSTOCK_OK;
}

penstock_code ps_registry_profile(struct ps_connection *connection, const char *name, int64_t version,
                                  struct ps_arena *arena, const char **profile_out,
                                  struct penstock_error *error) {
    bool has = false;
    char version_text[24];
    (void)snprintf(version_text, sizeof version_text, "%" PRId64, version);
    const char *const values[] = {name, version_text};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    *profile_out = NULL;
    PS_TRY(has_profiles(connection, &has, error));
    if (!has) {
        return PENSTOCK_OK;
    }
    PS_TRY(ps_sql_query_with(
        connection, "SELECT profile FROM penstock.models WHERE name = $1 AND version = CAST($2 AS BIGINT)",
        values, 2, &result, error));
    return ps_result_row_count(result) == 0 ? PENSTOCK_OK
                                            : keep(arena, ps_result_text(result, 0, 0), profile_out, error);
}

penstock_code ps_registry_recall(struct ps_connection *connection, const char *name, struct ps_arena *arena,
                                 struct ps_gate_question *question, struct penstock_error *error) {
    bool has = false;
    PS_TRY(has_profiles(connection, &has, error));
    if (!has) {
        return PENSTOCK_OK;
    }
    if (question->champion_version > 0) {
        PS_TRY(ps_registry_profile(connection, name, question->champion_version, arena,
                                   &question->champion_profile, error));
    }
    char count[24];
    (void)snprintf(count, sizeof count, "%d", PS_HISTORY_VERSIONS);
    const char *const values[] = {name, count};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query_with(
        connection,
        "SELECT profile FROM penstock.models WHERE name = $1 AND status IN ('published', 'forced')"
        " AND profile IS NOT NULL ORDER BY version DESC LIMIT CAST($2 AS BIGINT)",
        values, 2, &result, error));
    const char **profiles = ps_arena_allocate(arena, PS_HISTORY_VERSIONS, sizeof *profiles);
    if (profiles == NULL) {
        return ps_error_memory(error, "profiles of a model");
    }
    for (int64_t row = 0; row < ps_result_row_count(result); row++) {
        PS_TRY(keep(arena, ps_result_text(result, row, 0), &profiles[question->past_count++], error));
    }
    question->past_profiles = profiles;
    return PENSTOCK_OK;
}
