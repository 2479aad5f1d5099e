/* SPDX-License-Identifier: Apache-2.0
 *
 * bind_error.c - what DuckDB's binder says, in words that name the project's own things.
 *
 * DuckDB's "did you mean" looks through all of its catalogue (pg_enum, ...); ours looks through the tables of the
 * project and the columns of what the statement reads. Messages that are not recognised stay as they are.
 */
#include <stdio.h>

#include "job/analysis.h"
#include "sql/lexer.h"

/* Texts of messages: a name is a word of this size at most. */
#define NAME_SIZE 200
#define CANDIDATE_MAX 512

struct candidates {
    const char *names[CANDIDATE_MAX + 1]; /* NULL-terminated */
    size_t count;
};

static void add_candidate(struct candidates *candidates, const char *name) {
    if (name != NULL && candidates->count < CANDIDATE_MAX) {
        candidates->names[candidates->count++] = name;
    }
}

/* The text between `before` and `after` in the message. */
static bool cut(const char *message, const char *before, const char *after, char *name_out) {
    const char *start = strstr(message, before);
    if (start == NULL) {
        return false;
    }
    start += strlen(before);
    const char *end = strstr(start, after);
    if (end == NULL || end == start || (size_t)(end - start) >= NAME_SIZE) {
        return false;
    }
    memcpy(name_out, start, (size_t)(end - start));
    name_out[end - start] = '\0';
    return true;
}

/* "a", "t.ts" in DuckDB's list of candidates: the last part of each. */
static void add_quoted(struct ps_analysis *analysis, struct candidates *candidates, const char *text) {
    const char *open = strchr(text, '"');
    while (open != NULL) {
        const char *close = strchr(open + 1, '"');
        if (close == NULL) {
            return;
        }
        const char *start = open + 1;
        for (const char *c = start; c < close; c++) {
            start = *c == '.' ? c + 1 : start;
        }
        add_candidate(candidates, ps_arena_copy_size(analysis->arena, start, (size_t)(close - start)));
        open = strchr(close + 1, '"');
    }
}

static void add_columns(struct candidates *candidates, const struct ps_node *node) {
    for (size_t i = 0; i < node->column_count; i++) {
        add_candidate(candidates, node->column_names[i]);
    }
}

/* Where `name` stands in the text as a word or quoted name; -1 if nowhere. */
static int64_t find_name(const char *text, const char *name) {
    const size_t size = strlen(text), name_size = strlen(name);
    for (size_t at = 0; at < size;) {
        const struct ps_token token = ps_lexer_next(text, size, at);
        const bool is_quoted = token.kind == PS_TOKEN_NAME || token.kind == PS_TOKEN_STRING;
        const size_t start = token.offset + (is_quoted ? 1 : 0);
        const bool is_size = token.size == name_size + (is_quoted ? 2 : 0);
        if (token.kind != PS_TOKEN_SPACE && is_size && strncasecmp(text + start, name, name_size) == 0) {
            return (int64_t)token.offset;
        }
        at += token.size;
    }
    return -1;
}

/* Sets message and hint; DuckDB's own words stay as the detail. */
static void reword(struct ps_analysis *analysis, const char *what, const char *name, const char *near,
                   const char *hint) {
    const struct penstock_error cause = *analysis->error;
    ps_error_set(analysis->error, cause.code, "%s '%s'", what, name);
    ps_error_detail(analysis->error, "%s", cause.message);
    if (near != NULL) {
        ps_error_hint(analysis->error, "did you mean %s?", near);
    } else if (hint != NULL) {
        ps_error_hint(analysis->error, "%s", hint);
    }
}

static const char *nearest_function(struct ps_analysis *analysis, const char *name) {
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    if (ps_sql_query(analysis->connection, "SELECT DISTINCT function_name FROM duckdb_functions() ORDER BY 1",
                     &result, NULL) != PENSTOCK_OK) {
        return NULL;
    }
    const size_t count = (size_t)ps_result_row_count(result);
    const char **names = ps_arena_allocate(analysis->arena, count + 1, sizeof *names);
    for (size_t i = 0; names != NULL && i < count; i++) {
        names[i] = ps_result_text(result, (int64_t)i, 0);
    }
    const char *near = names != NULL ? ps_nearest(name, names) : NULL;
    return near != NULL ? ps_arena_copy(analysis->arena, near) : NULL;
}

static void unknown_column(struct ps_analysis *analysis, const struct ps_item *item, const char *name,
                           bool is_own) {
    struct candidates candidates = {.count = 0};
    if (is_own) {
        add_columns(&candidates, &item->node);
    }
    for (size_t i = 0; i < item->node.input_count && !is_own; i++) {
        add_columns(&candidates, &analysis->items[item->node.inputs[i]].node);
    }
    add_quoted(analysis, &candidates, analysis->error->detail);
    const char *list = strstr(analysis->error->detail, "Candidate bindings");
    reword(analysis, "there is no column", name, ps_nearest(name, candidates.names), NULL);
    if (analysis->error->hint[0] == '\0' && list != NULL && is_own) {
        ps_error_hint(analysis->error, "a rule sees the columns that the SELECT gives");
    }
}

void ps_bind_translate(struct ps_analysis *analysis, const struct ps_item *item, const char *text,
                       bool is_own, int64_t *offset) {
    char name[NAME_SIZE];
    const char *message = analysis->error->message;
    const uint32_t tables = 1U << PS_NODE_TABLE | 1U << PS_NODE_VIEW | 1U << PS_NODE_SQL;
    if (cut(message, "Referenced column \"", "\" not found", name) ||
        cut(message, "not have a column named \"", "\"", name)) {
        unknown_column(analysis, item, name, is_own);
    } else if (cut(message, "Table with name ", " does not exist", name)) {
        reword(analysis, "there is no table", name,
               ps_analysis_nearest(analysis, name, tables | 1U << PS_NODE_SOURCE),
               "tables are made by CREATE TABLE, CREATE STREAMING TABLE and CREATE MATERIALIZED VIEW");
    } else if (cut(message, "Function with name ", " does not exist", name)) {
        reword(analysis, "there is no function", name, nearest_function(analysis, name), NULL);
    } else if (cut(message, "match the pattern \"", "\"", name)) {
        reword(analysis, "there is no file", name, NULL,
               "names of files are relative to the project's folder");
    } else if (!cut(message, "\"", "\"", name)) {
        return;
    }
    if (*offset < 0) {
        *offset = find_name(text, name);
    }
}

penstock_code ps_bind_error(struct ps_analysis *analysis, const struct ps_item *item, int64_t offset) {
    ps_bind_translate(analysis, item, item->select != NULL ? item->select->text : item->node.statement->text,
                      false, &offset);
    return ps_analysis_place(analysis, item, offset);
}
