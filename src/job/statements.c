/* SPDX-License-Identifier: Apache-2.0
 *
 * statements.c - one SQL file into statements.
 *
 * Only what begins with CREATE and one of our words is read further; whatever DuckDB has a statement for goes to
 * it untouched. A CREATE of something that neither knows is an error here, because DuckDB's own message could
 * not name what penstock has to offer.
 */
#include "job/cursor.h"

static const char statement_list[] =
    "statements are CREATE SOURCE, CREATE STREAMING TABLE, CREATE MATERIALIZED VIEW, CREATE SINK, CREATE MODEL, "
    "CREATE JOB, CREATE DATASET and DuckDB's own";

static penstock_code unknown_create(struct ps_cursor *cursor, size_t first) {
    static const char *const words[] = {"SOURCE",    "STREAMING", "MATERIALIZED", "SINK",   "MODEL",
                                        "JOB",       "DATASET",   "TABLE",        "VIEW",   "TEMP",
                                        "TEMPORARY", "SCHEMA",    "SEQUENCE",     "TYPE",   "MACRO",
                                        "FUNCTION",  "INDEX",     "UNIQUE",       "SECRET", NULL};
    static const char *const full[] = {"SOURCE",
                                       "STREAMING TABLE",
                                       "MATERIALIZED VIEW",
                                       "SINK",
                                       "MODEL",
                                       "JOB",
                                       "DATASET",
                                       "TABLE",
                                       "VIEW",
                                       "TEMP",
                                       "TEMPORARY",
                                       "SCHEMA",
                                       "SEQUENCE",
                                       "TYPE",
                                       "MACRO",
                                       "FUNCTION",
                                       "INDEX",
                                       "UNIQUE",
                                       "SECRET",
                                       NULL};
    const struct ps_location location =
        ps_script_location(cursor->script, cursor->script->tokens[first].offset);
    const char *word =
        ps_cursor_text(cursor, cursor->next, cursor->next + (ps_cursor_at_end(cursor) ? 0 : 1));
    if (word == NULL) {
        return ps_error_memory(cursor->error, "a statement");
    }
    const char *near = word[0] != '\0' ? ps_nearest(word, words) : NULL;
    for (size_t i = 0; near != NULL && words[i] != NULL; i++) {
        if (words[i] == near) {
            near = full[i];
            break;
        }
    }
    ps_cursor_fail(cursor, location, "unknown statement CREATE%s%s", word[0] != '\0' ? " " : "", word);
    if (near != NULL) {
        ps_error_hint(cursor->error, "did you mean CREATE %s? %s", near, statement_list);
    } else {
        ps_error_hint(cursor->error, "%s", statement_list);
    }
    return PENSTOCK_INVALID_PROJECT;
}

/* The word behind CREATE [OR REPLACE]: ours (kind), DuckDB's (PS_STATEMENT_SQL), or unknown. */
static penstock_code read_kind(struct ps_cursor *cursor, enum ps_statement_kind *kind_out) {
    static const char *const duckdb_words[] = {"TABLE",    "VIEW",   "TEMP",       "TEMPORARY", "SCHEMA",
                                               "SEQUENCE", "TYPE",   "MACRO",      "INDEX",     "FUNCTION",
                                               "UNIQUE",   "SECRET", "PERSISTENT", "RECURSIVE", NULL};
    const size_t first = cursor->next - 1;
    if (ps_cursor_accept(cursor, "OR")) {
        PS_TRY(ps_cursor_expect(cursor, "REPLACE"));
    }
    for (size_t i = 0; duckdb_words[i] != NULL; i++) {
        if (ps_cursor_is_word(cursor, 0, duckdb_words[i])) {
            *kind_out = PS_STATEMENT_SQL;
            return PENSTOCK_OK;
        }
    }
    if (ps_cursor_accept(cursor, "SOURCE")) {
        *kind_out = PS_STATEMENT_SOURCE;
    } else if (ps_cursor_accept(cursor, "STREAMING")) {
        *kind_out = PS_STATEMENT_STREAMING_TABLE;
        return ps_cursor_expect(cursor, "TABLE");
    } else if (ps_cursor_accept(cursor, "MATERIALIZED")) {
        *kind_out = PS_STATEMENT_MATERIALIZED_VIEW;
        return ps_cursor_expect(cursor, "VIEW");
    } else if (ps_cursor_accept(cursor, "SINK")) {
        *kind_out = PS_STATEMENT_SINK;
    } else if (ps_cursor_accept(cursor, "MODEL")) {
        *kind_out = PS_STATEMENT_MODEL;
    } else if (ps_cursor_accept(cursor, "JOB")) {
        *kind_out = PS_STATEMENT_JOB;
    } else if (ps_cursor_accept(cursor, "DATASET")) {
        *kind_out = PS_STATEMENT_DATASET;
    } else {
        return unknown_create(cursor, first);
    }
    return PENSTOCK_OK;
}

/* DuckDB runs every statement in the transaction of its epoch; the project's text must not end that one. */
static penstock_code check_plain(struct ps_cursor *cursor) {
    static const char *const words[] = {"BEGIN", "COMMIT", "ROLLBACK", "ABORT", "START", "END", NULL};
    for (size_t i = 0; words[i] != NULL; i++) {
        if (ps_cursor_is_word(cursor, 0, words[i])) {
            ps_cursor_fail(cursor, ps_cursor_location(cursor), "%s cannot be used in a project", words[i]);
            ps_error_hint(cursor->error,
                          "leave it out: penstock runs every statement in a transaction of its own");
            return PENSTOCK_INVALID_PROJECT;
        }
    }
    return PENSTOCK_OK;
}

static penstock_code read_name(struct ps_cursor *cursor, struct ps_statement *statement) {
    if (ps_cursor_accept(cursor, "IF")) {
        PS_TRY(ps_cursor_expect(cursor, "NOT"));
        PS_TRY(ps_cursor_expect(cursor, "EXISTS"));
        statement->if_not_exists = true;
    }
    statement->name_location = ps_cursor_location(cursor);
    PS_TRY(ps_cursor_name(cursor, "a name", &statement->name));
    if (ps_cursor_is_sign(cursor, 0, '.')) {
        return ps_cursor_fail(
            cursor, statement->name_location,
            "'%s.' names a schema, but sources, streaming tables, views, models and jobs have none",
            statement->name);
    }
    if (strchr(statement->name, '@') != NULL || strchr(statement->name, '/') != NULL) {
        return ps_cursor_fail(cursor, statement->name_location, "the name \"%s\" must not contain '@' or '/'",
                              statement->name);
    }
    return PENSTOCK_OK;
}

static penstock_code read_statement(struct ps_cursor *cursor, struct ps_statement *statement) {
    statement->location = ps_cursor_location(cursor);
    statement->text = ps_cursor_text(cursor, cursor->next, cursor->end);
    statement->kind = PS_STATEMENT_SQL;
    if (statement->text == NULL) {
        return ps_error_memory(cursor->error, "a statement");
    }
    if (!ps_cursor_accept(cursor, "CREATE")) {
        return check_plain(cursor);
    }
    statement->or_replace = ps_cursor_is_word(cursor, 0, "OR");
    PS_TRY(read_kind(cursor, &statement->kind));
    if (statement->kind == PS_STATEMENT_SQL) {
        statement->or_replace = false;
        return PENSTOCK_OK;
    }
    PS_TRY(read_name(cursor, statement));
    switch (statement->kind) {
    case PS_STATEMENT_SOURCE: PS_TRY(ps_parse_source(cursor, &statement->as.source)); break;
    case PS_STATEMENT_STREAMING_TABLE: PS_TRY(ps_parse_table(cursor, &statement->as.table)); break;
    case PS_STATEMENT_MATERIALIZED_VIEW: PS_TRY(ps_parse_view(cursor, &statement->as.view)); break;
    case PS_STATEMENT_SINK: PS_TRY(ps_parse_sink(cursor, &statement->as.sink)); break;
    case PS_STATEMENT_MODEL: PS_TRY(ps_parse_model(cursor, &statement->as.model)); break;
    case PS_STATEMENT_JOB: PS_TRY(ps_parse_job(cursor, &statement->as.job)); break;
    case PS_STATEMENT_DATASET: PS_TRY(ps_parse_dataset(cursor, &statement->as.dataset)); break;
    case PS_STATEMENT_SQL: break;
    }
    return ps_cursor_at_end(cursor) ? PENSTOCK_OK : ps_cursor_unexpected(cursor, "';'");
}

penstock_code ps_statements_parse(const char *file, const char *text, size_t size,
                                  const struct ps_setting *variables, size_t variable_count,
                                  struct ps_arena *arena, struct ps_statement **statements_out,
                                  size_t *count_out, struct penstock_error *error) {
    struct ps_script script;
    PS_TRY(ps_script_read(file, text, size, variables, variable_count, arena, &script, error));
    const size_t token_count = script.token_count - 1;
    size_t statement_max = 1;
    for (size_t i = 0; i < token_count; i++) {
        statement_max +=
            script.tokens[i].kind == PS_TOKEN_SIGN && script.text[script.tokens[i].offset] == ';';
    }
    struct ps_statement *statements = ps_arena_allocate(arena, statement_max, sizeof *statements);
    if (statements == NULL) {
        return ps_error_memory(error, "the statements of a file");
    }
    size_t count = 0;
    for (size_t first = 0; first < token_count;) {
        size_t end = first;
        while (end < token_count &&
               !(script.tokens[end].kind == PS_TOKEN_SIGN && script.text[script.tokens[end].offset] == ';')) {
            end++;
        }
        if (end > first) {
            struct ps_cursor cursor = {&script, first, end, arena, error};
            PS_TRY(read_statement(&cursor, &statements[count]));
            count++;
        }
        first = end + 1;
    }
    *statements_out = statements;
    *count_out = count;
    return PENSTOCK_OK;
}
