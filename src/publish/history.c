/* SPDX-License-Identifier: Apache-2.0
 *
 * history.c - profiles of earlier versions, newest first.
 *
 * A store that was made by an older penstock and is only read may lack the column; then no profile is known. A profile
 * is sealed as the version itself is: one that was changed since is told from one that is whole.
 */
#include "publish/history.h"

#include <inttypes.h>
#include <stdio.h>

#include "publish/registry.h"

struct columns {
    bool has_profile, has_checksum;
};

static penstock_code find_columns(struct ps_connection *connection, struct columns *columns_out,
                                  struct penstock_error *error) {
    PS_TRY(ps_registry_has(connection, "models", "profile", &columns_out->has_profile, error));
    return ps_registry_has(connection, "models", "profile_checksum", &columns_out->has_checksum, error);
}

/* Is the profile in this row (version, profile, checksum) the one that was written? One of an older penstock has no
 * checksum. */
static bool is_whole(const char *name, const struct ps_result *result, int64_t row) {
    const char *stored = ps_result_text(result, row, 2);
    const char *const parts[] = {name, ps_result_text(result, row, 0), ps_result_text(result, row, 1)};
    if (parts[2] == NULL || stored == NULL) {
        return true;
    }
    char expected[24];
    ps_registry_seal(parts, sizeof parts / sizeof parts[0], expected, sizeof expected);
    return strcmp(stored, expected) == 0;
}

static penstock_code keep(struct ps_arena *arena, const char *text, const char **copy_out,
                          struct penstock_error *error) {
    *copy_out = text == NULL ? NULL : ps_arena_copy(arena, text);
    return text != NULL && *copy_out == NULL ? ps_error_memory(error, "profiles of a model") : PENSTOCK_OK;
}

penstock_code ps_registry_profile(struct ps_connection *connection, const char *name, int64_t version,
                                  struct ps_arena *arena, const char **profile_out,
                                  struct penstock_error *error) {
    struct columns columns;
    char version_text[24];
    (void)snprintf(version_text, sizeof version_text, "%" PRId64, version);
    const char *const values[] = {name, version_text};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    *profile_out = NULL;
    PS_TRY(find_columns(connection, &columns, error));
    if (!columns.has_profile) {
        return PENSTOCK_OK;
    }
    PS_TRY(ps_sql_query_with(connection,
                             columns.has_checksum
                                 ? "SELECT version, profile, profile_checksum FROM penstock.models"
                                   " WHERE name = $1 AND version = CAST($2 AS BIGINT)"
                                 : "SELECT version, profile, NULL::VARCHAR FROM penstock.models"
                                   " WHERE name = $1 AND version = CAST($2 AS BIGINT)",
                             values, 2, &result, error));
    if (ps_result_row_count(result) == 0) {
        return PENSTOCK_OK;
    }
    if (!is_whole(name, result, 0)) {
        ps_error_set(error, PENSTOCK_INVALID_DATA,
                     "the profile of model %s version %" PRId64
                     " was changed after it was published: its checksum does not match",
                     name, version);
        return ps_error_hint(error, "train again: the new version has a profile of its own");
    }
    return keep(arena, ps_result_text(result, 0, 1), profile_out, error);
}

/* A profile that is damaged must not keep a new version from being trained: the gate takes it as one that is not there,
 * and the checks that need it say so. */
static penstock_code recall_champion(struct ps_connection *connection, const char *name,
                                     struct ps_arena *arena, struct ps_gate_question *question,
                                     struct penstock_error *error) {
    struct penstock_error reason = {0};
    const penstock_code code = ps_registry_profile(connection, name, question->champion_version, arena,
                                                   &question->champion_profile, &reason);
    if (code == PENSTOCK_OK || code == PENSTOCK_INVALID_DATA) {
        return PENSTOCK_OK;
    }
    if (error != NULL) {
        *error = reason;
    }
    return code;
}

penstock_code ps_registry_recall(struct ps_connection *connection, const char *name, struct ps_arena *arena,
                                 struct ps_gate_question *question, struct penstock_error *error) {
    struct columns columns;
    PS_TRY(find_columns(connection, &columns, error));
    if (!columns.has_profile) {
        return PENSTOCK_OK;
    }
    if (question->champion_version > 0) {
        PS_TRY(recall_champion(connection, name, arena, question, error));
    }
    char count[24];
    (void)snprintf(count, sizeof count, "%d", PS_HISTORY_VERSIONS);
    const char *const values[] = {name, count};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, 1 << 16);
    ps_buffer_printf(&sql,
                     "SELECT version, profile, %s FROM penstock.models WHERE name = $1 AND status IN"
                     " ('published', 'forced') AND profile IS NOT NULL ORDER BY version DESC"
                     " LIMIT CAST($2 AS BIGINT)",
                     columns.has_checksum ? "profile_checksum" : "NULL::VARCHAR");
    PS_TRY(ps_buffer_status(&sql, error));
    PS_TRY(ps_sql_query_with(connection, sql.data, values, 2, &result, error));
    const char **profiles = ps_arena_allocate(arena, PS_HISTORY_VERSIONS, sizeof *profiles);
    if (profiles == NULL) {
        return ps_error_memory(error, "profiles of a model");
    }
    for (int64_t row = 0; row < ps_result_row_count(result); row++) {
        if (is_whole(name, result, row)) {
            PS_TRY(keep(arena, ps_result_text(result, row, 1), &profiles[question->past_count++], error));
        }
    }
    question->past_profiles = profiles;
    return PENSTOCK_OK;
}
