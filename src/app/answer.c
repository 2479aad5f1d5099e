/* SPDX-License-Identifier: Apache-2.0
 *
 * answer.c - reading a store. Every question is answered from one read-only transaction, so that several
 * statements of one answer see the same state, and nothing that is asked can write.
 */
#include "app/answer.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>

#include "app/table.h"
#include "publish/registry.h"
#include "sql/serve.h"
#include "sql/tree.h"

#define WORD_SIZE_MAX 32

/* The word at `*at` in upper case; skips white space and opening parentheses before it. */
static void next_word(const char **at, const char *end, char *word) {
    size_t size = 0;
    while (*at < end && (isspace((unsigned char)**at) || **at == '(')) {
        (*at)++;
    }
    while (*at < end && (isalpha((unsigned char)**at) || **at == '_') && size < WORD_SIZE_MAX - 1) {
        word[size++] = (char)toupper((unsigned char)**at);
        (*at)++;
    }
    word[size] = '\0';
}

static bool is_reading(const char *word) {
    static const char *const words[] = {"SELECT", "WITH", "FROM",      "VALUES", "DESCRIBE",
                                        "DESC",   "SHOW", "SUMMARIZE", "TABLE"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(word, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

penstock_code ps_answer_check(const char *sql, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    if (arena == NULL) {
        return ps_error_memory(error, "query");
    }
    struct ps_sql_piece *pieces = NULL;
    size_t count = 0;
    PS_TRY(ps_sql_split(sql, strlen(sql), arena, &pieces, &count, error));
    if (count != 1) {
        ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "a query is exactly one statement, but %zu were given",
                     count);
        return ps_error_hint(error, "ask one SELECT at a time");
    }
    const char *at = sql + pieces[0].offset;
    const char *end = at + pieces[0].size;
    char word[WORD_SIZE_MAX];
    next_word(&at, end, word);
    /* EXPLAIN ANALYZE runs what it explains */
    while (strcmp(word, "EXPLAIN") == 0 || strcmp(word, "ANALYZE") == 0) {
        next_word(&at, end, word);
    }
    if (!is_reading(word)) {
        ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "a query only reads, but this one begins with '%s'",
                     word);
        return ps_error_hint(error,
                             "begin with SELECT, WITH, FROM, VALUES, DESCRIBE, SHOW, SUMMARIZE or EXPLAIN; "
                             "what writes belongs into the project's SQL");
    }
    return PENSTOCK_OK;
}

static penstock_code begin(struct ps_connection *connection, struct penstock_error *error) {
    return ps_sql_run(connection, "BEGIN TRANSACTION READ ONLY", error);
}

/* Nothing was written, so there is nothing to keep; a failed statement may have ended the transaction already. */
static void end(struct ps_connection *connection) {
    struct penstock_error ignored;
    (void)!ps_sql_run(connection, "ROLLBACK", &ignored);
}

penstock_code ps_answer_query(struct ps_connection *connection, const char *sql,
                              struct ps_text_table **table_out, struct penstock_error *error) {
    PS_TRY(ps_answer_check(sql, error));
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    if (arena == NULL) {
        return ps_error_memory(error, "query");
    }
    PS_TRY(ps_serve_expand(sql, arena, &sql, NULL, NULL, error));
    PS_TRY(begin(connection, error));
    const penstock_code code = ps_sql_query(connection, sql, &result, error);
    end(connection);
    return code == PENSTOCK_OK ? ps_text_table_of_result(result, table_out, error) : code;
}

penstock_code ps_answer_show(struct ps_connection *connection, const char *reference,
                             struct ps_buffer *json_out, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    const char *name = NULL;
    int64_t version = 0;
    if (arena == NULL) {
        return ps_error_memory(error, "model");
    }
    PS_TRY(begin(connection, error));
    penstock_code code = ps_registry_resolve(connection, reference, arena, &name, &version, error);
    code = code == PENSTOCK_OK ? ps_registry_show(connection, name, version, json_out, error) : code;
    end(connection);
    return code;
}

penstock_code ps_answer_diff(struct ps_connection *connection, const char *first, const char *second,
                             struct ps_buffer *json_out, struct penstock_error *error) {
    PS_TRY(begin(connection, error));
    const penstock_code code = ps_registry_diff(connection, first, second, json_out, error);
    end(connection);
    return code;
}

static penstock_code check_published(struct ps_connection *connection, const char *name, int64_t version,
                                     struct penstock_error *error) {
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRId64, version);
    const char *const values[] = {name, text};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query_with(
        connection, "SELECT status FROM penstock.models WHERE name = $1 AND version = CAST($2 AS BIGINT)",
        values, 2, &result, error));
    const char *status = ps_result_row_count(result) > 0 ? ps_result_text(result, 0, 0) : NULL;
    if (status == NULL || strcmp(status, "refused") == 0) {
        ps_error_set(error, PENSTOCK_NOT_FOUND,
                     "version %s of model %s was refused by its gate, so it cannot be used to predict", text,
                     name);
        return ps_error_hint(
            error,
            "penstock models show %s@%s tells why; %s@champion is what is published; penstock "
            "models promote --force --reason publishes this one",
            name, text, name);
    }
    return PENSTOCK_OK;
}

static void free_fitted(struct ps_fitted **fitted) {
    ps_fitted_free(*fitted);
}

static penstock_code load(struct ps_connection *connection, const char *reference, struct ps_arena *arena,
                          struct ps_buffer *json_out, int64_t *version_out, struct penstock_error *error) {
    const char *name = NULL;
    struct ps_fitted *fitted PS_SCOPED(free_fitted) = NULL;
    PS_TRY(ps_registry_resolve(connection, reference, arena, &name, version_out, error));
    PS_TRY(check_published(connection, name, *version_out, error));
    PS_TRY(ps_registry_load(connection, name, *version_out, &fitted, error));
    PS_TRY(ps_fitted_to_json(fitted, json_out, error));
    return ps_buffer_status(json_out, error);
}

penstock_code ps_answer_load(struct ps_connection *connection, const char *reference,
                             struct ps_buffer *json_out, int64_t *version_out, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    if (arena == NULL) {
        return ps_error_memory(error, "model");
    }
    PS_TRY(begin(connection, error));
    const penstock_code code = load(connection, reference, arena, json_out, version_out, error);
    end(connection);
    return code;
}
