/* SPDX-License-Identifier: Apache-2.0
 *
 * bind.c - one statement in DuckDB: parsed, checked, described, and left behind as an empty table.
 *
 * A SELECT is described from its own text (STREAM x written as stream.x, same length), so that every error
 * points at the user's byte; only statements with TUMBLE or HOP are described from the expanded tree.
 * No row is read: of DuckDB's statements only definitions are carried out, CREATE TABLE ... AS without its rows.
 */
#include "base/limits.h"
#include "job/analysis.h"
#include "job/syntax.h"
#include "sql/lexer.h"
#include "sql/serve.h"

/* The text with STREAM x as stream.x: the tree knows where each one stands. */
static const char *mark_streams(struct ps_analysis *analysis, const struct ps_item *item) {
    char *text = ps_arena_copy(analysis->arena, item->select->text);
    for (size_t i = 0; text != NULL && i < item->table_count; i++) {
        const int64_t offset = item->tables[i].offset;
        if (!item->tables[i].is_stream || offset < 0 || strncasecmp(text + offset, "stream", 6) != 0) {
            continue;
        }
        memcpy(text + offset, "stream", 6);
        char *after = text + offset + 6;
        if (*after == '(') {
            char *close = strchr(after, ')');
            *after = '.';
            if (close != NULL) {
                *close = ' ';
            }
        } else if (*after != '.') {
            char *dot = after;
            while ((*dot == '\n' || *dot == '\r') &&
                   (dot[1] == ' ' || dot[1] == '\t' || dot[1] == '\n' || dot[1] == '\r')) {
                dot++;
            }
            *dot = '.';
        }
    }
    return text;
}

/* Only whether it is a statement; *what it means comes later, when what it needs is there. */
static penstock_code check_syntax(struct ps_analysis *analysis, struct ps_item *item) {
    struct ps_tree *tree PS_SCOPED(ps_tree_free_scoped) = NULL;
    int64_t offset = -1;
    const penstock_code code =
        ps_tree_parse(analysis->connection, item->node.statement->text, &tree, &offset, analysis->error);
    if (code == PENSTOCK_OK || code != PENSTOCK_SQL ||
        strstr(analysis->error->message, "SELECT was expected") != NULL) {
        if (code == PENSTOCK_OK || code == PENSTOCK_SQL) {
            ps_error_clear(analysis->error);
            return ps_edges_read_sql(analysis, item);
        }
        return code;
    }
    return ps_analysis_place(analysis, item, offset);
}

penstock_code ps_bind_parse(struct ps_analysis *analysis, struct ps_item *item) {
    if (item->node.kind == PS_NODE_SQL) {
        return check_syntax(analysis, item);
    }
    if (item->select == NULL) {
        return PENSTOCK_OK;
    }
    int64_t offset = -1;
    if (ps_tree_parse(analysis->connection, item->select->text, &item->tree, &offset, analysis->error) !=
        PENSTOCK_OK) {
        return ps_analysis_place(analysis, item, offset);
    }
    PS_TRY(ps_tree_tables(item->tree, analysis->arena, &item->tables, &item->table_count, analysis->error));
    const char *marked = mark_streams(analysis, item);
    if (marked == NULL) {
        return ps_error_memory(analysis->error, "the graph");
    }
    if (ps_window_expand(analysis->connection, item->tree, analysis->arena, &item->windows,
                         &item->window_count, &offset, analysis->error) != PENSTOCK_OK) {
        return ps_analysis_place(analysis, item, offset);
    }
    item->marked = item->window_count == 0 ? marked : NULL;
    return ps_tree_tables(item->tree, analysis->arena, &item->tables, &item->table_count, analysis->error);
}

/* --- columns --------------------------------------------------------------------------------------------- */

static penstock_code check_columns(struct ps_analysis *analysis, const struct ps_item *item) {
    const struct ps_node *node = &item->node;
    for (size_t i = 0; i < node->column_count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (ps_text_equal_nocase(node->column_names[i], node->column_names[j])) {
                return ps_analysis_fail(
                    analysis, item, 0,
                    "give one of them another name with AS, or leave it out with * EXCLUDE (...)",
                    "two columns of '%s' are called '%s'", node->name, node->column_names[i]);
            }
        }
    }
    if (node->column_count > PS_LIMIT_COLUMN_COUNT) {
        return ps_analysis_fail(analysis, item, 0, NULL, "'%s' has %zu columns; at most %d are allowed",
                                node->name, node->column_count, PS_LIMIT_COLUMN_COUNT);
    }
    return PENSTOCK_OK;
}

static penstock_code describe(struct ps_analysis *analysis, struct ps_item *item) {
    const char *sql = item->marked;
    if (sql == NULL) {
        PS_TRY(ps_tree_text(analysis->connection, item->tree, ps_tree_root(item->tree), analysis->arena, &sql,
                            analysis->error));
    }
    const char **names = NULL, **types = NULL;
    int64_t offset = -1;
    if (ps_sql_describe(analysis->connection, sql, analysis->arena, &names, &types, &item->node.column_count,
                        &offset, analysis->error) != PENSTOCK_OK) {
        return ps_bind_error(analysis, item, item->marked != NULL ? offset : -1);
    }
    item->node.column_names = names;
    item->node.column_types = types;
    return check_columns(analysis, item);
}

/* An empty table of the item's columns, for those that read it. */
static penstock_code leave_table(struct ps_analysis *analysis, const struct ps_item *item,
                                 const char *schema) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, (size_t)4 << 20);
    ps_buffer_printf(&sql, "CREATE TABLE %s.", schema);
    ps_buffer_sql_name(&sql, item->node.name);
    for (size_t i = 0; i < item->node.column_count; i++) {
        ps_buffer_text(&sql, i == 0 ? " (" : ", ");
        ps_buffer_sql_name(&sql, item->node.column_names[i]);
        ps_buffer_printf(&sql, " %s",
                         strcmp(item->node.column_types[i], "\"NULL\"") == 0 ? "INTEGER"
                                                                             : item->node.column_types[i]);
    }
    ps_buffer_text(&sql, ")");
    PS_TRY(ps_buffer_status(&sql, analysis->error));
    return ps_sql_run(analysis->connection, sql.data, analysis->error) == PENSTOCK_OK
               ? PENSTOCK_OK
               : ps_analysis_place(analysis, item, 0);
}

static penstock_code wrong_type(struct ps_analysis *analysis, const struct ps_source_statement *source,
                                size_t column) {
    static const char *const known[] = {
        "BOOLEAN", "TINYINT", "SMALLINT",  "INTEGER",     "BIGINT",   "HUGEINT", "FLOAT",  "DOUBLE",
        "DECIMAL", "DATE",    "TIMESTAMP", "TIMESTAMPTZ", "INTERVAL", "VARCHAR", "STRING", "BLOB",
        "UUID",    "JSON",    "STRUCT",    "MAP",         "TIME",     "TEXT",    NULL};
    const struct ps_column_schema *schema = &source->schema.columns[column];
    const struct penstock_error cause = *analysis->error;
    const char *near = ps_nearest(schema->type_text, known);
    ps_error_set(analysis->error, PENSTOCK_INVALID_PROJECT,
                 "the column '%s' has the type '%s', which is none", schema->name, schema->type_text);
    ps_error_detail(analysis->error, "%s", cause.message);
    if (near != NULL) {
        ps_error_hint(analysis->error, "did you mean %s?", near);
    }
    ps_error_at(analysis->error, source->column_locations[column], NULL, -1);
    return PENSTOCK_INVALID_PROJECT;
}

static penstock_code bind_source(struct ps_analysis *analysis, struct ps_item *item) {
    const struct ps_source_statement *source = &item->node.statement->as.source;
    const size_t count = source->schema.column_count;
    const char **names = ps_arena_allocate(analysis->arena, count + 1, sizeof *names);
    const char **types = ps_arena_allocate(analysis->arena, count + 1, sizeof *types);
    if (names == NULL || types == NULL) {
        return ps_error_memory(analysis->error, "the graph");
    }
    for (size_t i = 0; i < count; i++) {
        const struct ps_column_schema *column = &source->schema.columns[i];
        const char *sql = ps_arena_printf(analysis->arena, "SELECT CAST(NULL AS %s)", column->type_text);
        const char **name = NULL, **type = NULL;
        size_t one = 0;
        if (sql == NULL) {
            return ps_error_memory(analysis->error, "the graph");
        }
        if (ps_sql_describe(analysis->connection, sql, analysis->arena, &name, &type, &one, NULL,
                            analysis->error) != PENSTOCK_OK ||
            one != 1) {
            return wrong_type(analysis, source, i);
        }
        names[i] = column->name;
        types[i] = type[0];
    }
    item->node.column_names = names;
    item->node.column_types = types;
    item->node.column_count = count;
    PS_TRY(ps_bind_source_stream(analysis, item));
    return leave_table(analysis, item, "stream");
}

/* --- rules ----------------------------------------------------------------------------------------------- */

static penstock_code rule_error(struct ps_analysis *analysis, const struct ps_rule *rule, int64_t offset) {
    if (analysis->error->code == PENSTOCK_SQL) {
        analysis->error->code = PENSTOCK_INVALID_PROJECT;
        analysis->error->remedy = PENSTOCK_GIVE_UP;
    }
    ps_error_context(analysis->error, "rule '%s'", rule->name);
    ps_error_at(analysis->error, rule->expression.location, rule->expression.text, offset);
    return analysis->error->code;
}

/* Nothing but the row itself may decide: no subquery, aggregate or window function, and the same on a replay. */
static penstock_code check_rule_syntax(struct ps_analysis *analysis, yyjson_mut_val *expression,
                                       int64_t *offset_out) {
    struct ps_node_list aggregates = {NULL, 0, 0, false};
    yyjson_mut_val *found = ps_syntax_find_subquery(expression);
    const char *what = "a subquery";
    if (found == NULL) {
        found = ps_syntax_find_window(expression);
        what = "a window function";
    }
    if (found == NULL) {
        PS_TRY(ps_syntax_aggregates(analysis->connection, expression, analysis->arena, &aggregates,
                                    analysis->error));
        found = aggregates.count > 0 ? aggregates.nodes[0] : NULL;
        what = "an aggregate";
    }
    if (found != NULL) {
        *offset_out = ps_syntax_offset(found);
        ps_error_set(analysis->error, PENSTOCK_INVALID_PROJECT, "a rule looks at one row and cannot use %s",
                     what);
        ps_error_hint(analysis->error,
                      "compute it as a column of the SELECT, and let the rule look at the column");
        return PENSTOCK_INVALID_PROJECT;
    }
    return ps_syntax_check_replay(analysis->connection, expression, offset_out, analysis->error);
}

static penstock_code bind_rule(struct ps_analysis *analysis, const struct ps_item *item,
                               const struct ps_rule *rule) {
    static const char head[] = "SELECT (";
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, (size_t)4 << 20);
    ps_buffer_printf(&sql, "%s%s) FROM main.", head, rule->expression.text);
    ps_buffer_sql_name(&sql, item->node.name);
    PS_TRY(ps_buffer_status(&sql, analysis->error));
    struct ps_tree *tree PS_SCOPED(ps_tree_free_scoped) = NULL;
    const int64_t shift = (int64_t)sizeof head - 1;
    int64_t offset = -1;
    if (ps_tree_parse(analysis->connection, sql.data, &tree, &offset, analysis->error) != PENSTOCK_OK) {
        return rule_error(analysis, rule, offset - shift);
    }
    yyjson_mut_val *select_list = yyjson_mut_obj_get(ps_tree_root(tree), "select_list");
    if (check_rule_syntax(analysis, select_list, &offset) != PENSTOCK_OK) {
        return rule_error(analysis, rule, offset - shift);
    }
    const char **names = NULL, **types = NULL;
    size_t count = 0;
    if (ps_sql_describe(analysis->connection, sql.data, analysis->arena, &names, &types, &count, &offset,
                        analysis->error) != PENSTOCK_OK) {
        offset = offset >= shift ? offset - shift : -1;
        ps_bind_translate(analysis, item, rule->expression.text, true, &offset);
        return rule_error(analysis, rule, offset);
    }
    if (count != 1 || strcmp(types[0], "BOOLEAN") != 0) {
        ps_error_set(analysis->error, PENSTOCK_INVALID_PROJECT, "this is %s, not a condition",
                     count == 1 ? types[0] : "several values");
        return rule_error(analysis, rule, 0);
    }
    return PENSTOCK_OK;
}

/* --- statements ------------------------------------------------------------------------------------------ */

static penstock_code bind_continuous(struct ps_analysis *analysis, struct ps_item *item) {
    const bool is_view = item->node.kind == PS_NODE_VIEW;
    int64_t offset = -1;
    if (ps_shape_read(analysis->connection, item->tree, is_view ? PS_SHAPE_VIEW : PS_SHAPE_TABLE,
                      item->windows, item->window_count, analysis->arena, &item->shape, &offset,
                      analysis->error) != PENSTOCK_OK) {
        return ps_analysis_place(analysis, item, offset);
    }
    PS_TRY(describe(analysis, item));
    PS_TRY(ps_bind_stream(analysis, item));
    if (item->node.kind == PS_NODE_SINK) {
        return PENSTOCK_OK; /* nobody reads it */
    }
    PS_TRY(leave_table(analysis, item, "main"));
    if (is_view) {
        return ps_bind_view(analysis, item);
    }
    PS_TRY(leave_table(analysis, item, "stream"));
    const struct ps_table_statement *table = &item->node.statement->as.table;
    for (size_t i = 0; i < table->rule_count; i++) {
        PS_TRY(bind_rule(analysis, item, &table->rules[i]));
    }
    return PENSTOCK_OK;
}

/* Tables of schema penstock are the store's and not here. */
static bool reads_store(const char *text) {
    const size_t size = strlen(text);
    struct ps_token before = {PS_TOKEN_END, 0, 0, false};
    for (size_t at = 0; at < size;) {
        const struct ps_token token = ps_lexer_next(text, size, at);
        at += token.size;
        if (token.kind == PS_TOKEN_SIGN && text[token.offset] == '.' &&
            ps_token_is(text, before, "penstock")) {
            return true;
        }
        before = token;
    }
    return false;
}

static penstock_code bind_sql(struct ps_analysis *analysis, struct ps_item *item) {
    const char *text = item->node.statement->text;
    if (!item->is_definition || reads_store(text)) {
        return PENSTOCK_OK;
    }
    PS_TRY(ps_serve_expand(text, analysis->arena, &text, NULL, NULL, analysis->error));
    const char *sql =
        item->is_query_table ? ps_arena_printf(analysis->arena, "%s\n WITH NO DATA", text) : text;
    if (sql == NULL) {
        return ps_error_memory(analysis->error, "the graph");
    }
    if (ps_sql_run(analysis->connection, sql, analysis->error) == PENSTOCK_OK) {
        return PENSTOCK_OK;
    }
    /* The text may say WITH [NO] DATA itself; then it is DuckDB's parser that objects to a second one. */
    if (item->is_query_table && strstr(analysis->error->message, "syntax error") != NULL) {
        return PENSTOCK_OK;
    }
    return ps_bind_error(analysis, item, -1);
}

penstock_code ps_bind_item(struct ps_analysis *analysis, struct ps_item *item) {
    switch (item->node.kind) {
    case PS_NODE_SOURCE: return bind_source(analysis, item);
    case PS_NODE_TABLE:
    case PS_NODE_VIEW:
    case PS_NODE_SINK: return bind_continuous(analysis, item);
    case PS_NODE_MODEL: return describe(analysis, item);
    case PS_NODE_DATASET: PS_TRY(describe(analysis, item)); return ps_bind_dataset(analysis, item);
    case PS_NODE_JOB: return ps_bind_job(analysis, item);
    case PS_NODE_SQL: break;
    }
    return bind_sql(analysis, item);
}
