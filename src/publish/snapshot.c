/* SPDX-License-Identifier: Apache-2.0
 *
 * snapshot.c - the inputs of a model's SELECT: written down when it is trained, and found again.
 *
 * The relations that the SELECT names are looked up in the store's catalogue; views are followed to what they read.
 * To find the rows again, a temporary view is put before each streaming table that ends after the rows it had, and
 * before each view with the text it had: a name without schema is looked up among temporary ones first.
 */
#include "publish/snapshot.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/file.h"
#include "publish/json.h"
#include "publish/snapshot_models.h"
#include "sql/lexer.h"
#include "sql/tree.h"

/* Relations under one SELECT, views included. */
#define RELATION_COUNT_MAX 1000
#define SQL_SIZE_MAX ((size_t)16 << 20)

struct relation {
    const char *name, *schema;
};

struct recording {
    struct ps_connection *connection;
    const struct ps_graph *graph;
    struct ps_arena *arena;
    yyjson_mut_doc *document;
    yyjson_mut_val *inputs, *models;
    struct relation *relations; /* found so far; those from `next` on are not looked at yet */
    size_t relation_count, next;
};

/* ---- recording ---- */

static penstock_code add_relation(struct recording *recording, const char *name, const char *schema,
                                  struct penstock_error *error) {
    for (size_t i = 0; i < recording->relation_count; i++) {
        if (ps_text_equal_nocase(recording->relations[i].name, name) &&
            ps_text_equal_nocase(recording->relations[i].schema, schema)) {
            return PENSTOCK_OK;
        }
    }
    if (recording->relation_count == RELATION_COUNT_MAX) {
        return ps_error_set(error, PENSTOCK_UNSUPPORTED, "a model's SELECT stands on more than %d relations",
                            RELATION_COUNT_MAX);
    }
    struct relation *relation = &recording->relations[recording->relation_count++];
    relation->name = ps_arena_copy(recording->arena, name);
    relation->schema = ps_arena_copy(recording->arena, schema);
    return relation->name != NULL && relation->schema != NULL ? PENSTOCK_OK
                                                              : ps_error_memory(error, "a snapshot");
}

struct functions {
    struct recording *recording;
};

static yyjson_mut_val *add_input(struct recording *recording, const char *name, const char *kind) {
    yyjson_mut_val *input = yyjson_mut_arr_add_obj(recording->document, recording->inputs);
    ps_json_add_text(recording->document, input, "name", name);
    ps_json_add_text(recording->document, input, "kind", kind);
    return input;
}

static bool visit_function(yyjson_mut_val *node, void *context) {
    const struct functions *functions = context;
    if (strcmp(ps_tree_member(node, "type"), "TABLE_FUNCTION") == 0) {
        (void)add_input(functions->recording,
                        ps_tree_member(yyjson_mut_obj_get(node, "function"), "function_name"), "function");
    }
    return true;
}

/* The relations of a SELECT; functions that yield rows are noted at once: nothing can be kept of them. */
static penstock_code read_select(struct recording *recording, const char *select,
                                 struct penstock_error *error) {
    struct ps_tree *tree PS_SCOPED(ps_tree_free_scoped) = NULL;
    struct ps_table_reference *tables = NULL;
    struct functions functions = {recording};
    size_t count = 0;
    PS_TRY(ps_tree_parse(recording->connection, select, &tree, NULL, error));
    PS_TRY(ps_tree_tables(tree, recording->arena, &tables, &count, error));
    for (size_t i = 0; i < count; i++) {
        PS_TRY(add_relation(recording, tables[i].name, tables[i].schema, error));
    }
    ps_tree_visit(ps_tree_root(tree), visit_function, &functions);
    return PENSTOCK_OK;
}

/* Row count and, with `wants_hash`, a sum of the rows' hashes, which does not depend on their order. */
static penstock_code measure(struct ps_connection *connection, const char *name, bool wants_hash,
                             struct ps_result **result_out, struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done) = {0};
    ps_buffer_init(&sql, SQL_SIZE_MAX);
    ps_buffer_printf(&sql, "SELECT count(*)%s FROM main.",
                     wants_hash ? ", CAST(sum(CAST(hash(penstock_rows) AS HUGEINT)) AS VARCHAR)" : "");
    ps_buffer_sql_name(&sql, name);
    ps_buffer_text(&sql, " AS penstock_rows");
    PS_TRY(ps_buffer_status(&sql, error));
    return ps_sql_query(connection, sql.data, result_out, error);
}

static penstock_code record_table(struct recording *recording, const char *name, const char *kind,
                                  bool wants_hash, struct penstock_error *error) {
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(measure(recording->connection, name, wants_hash, &result, error));
    yyjson_mut_val *input = add_input(recording, name, kind);
    (void)yyjson_mut_obj_add_int(recording->document, input, "rows", ps_result_integer(result, 0, 0));
    if (wants_hash) {
        ps_json_add_text(recording->document, input, "hash", ps_result_text(result, 0, 1));
        return PENSTOCK_OK;
    }
    const char *const values[] = {name};
    struct ps_result *since PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query_with(recording->connection,
                             "SELECT applied_at FROM penstock.statements WHERE name = $1", values, 1, &since,
                             error));
    ps_json_add_text(recording->document, input, "since", ps_result_text(since, 0, 0));
    return PENSTOCK_OK;
}

/* "CREATE VIEW name (a, b) AS SELECT ...": the columns, "" if they are not given, and the SELECT. In the arena. */
static penstock_code split_view(const char *sql, struct ps_arena *arena, const char **columns_out,
                                const char **select_out, struct penstock_error *error) {
    size_t size = strlen(sql);
    size_t depth = 0, open = 0, close = 0;
    while (size > 0 && (sql[size - 1] == ';' || sql[size - 1] == ' ' || sql[size - 1] == '\n')) {
        size--;
    }
    size_t from = size + 1; /* not found yet */
    for (size_t at = 0; at < size && from > size;) {
        const struct ps_token token = ps_lexer_next(sql, size, at);
        at += token.size;
        if (token.kind == PS_TOKEN_SIGN && sql[token.offset] == '(') {
            open = depth++ == 0 ? token.offset : open;
        } else if (token.kind == PS_TOKEN_SIGN && sql[token.offset] == ')' && depth > 0) {
            close = --depth == 0 ? at : close;
        } else if (depth == 0 && ps_token_is(sql, token, "AS")) {
            from = at;
        }
    }
    from = from > size ? size : from;
    *columns_out = ps_arena_copy_size(arena, sql + open, close - open);
    *select_out = ps_arena_copy_size(arena, sql + from, size - from);
    return *columns_out != NULL && *select_out != NULL ? PENSTOCK_OK : ps_error_memory(error, "a snapshot");
}

static penstock_code record_view(struct recording *recording, const char *name, const char *sql,
                                 struct penstock_error *error) {
    const int64_t node = ps_graph_find(recording->graph, name);
    if (node >= 0 && recording->graph->nodes[node].kind == PS_NODE_VIEW) {
        return record_table(recording, name, "materialized view", true, error);
    }
    const char *columns = NULL, *select = NULL;
    PS_TRY(split_view(sql, recording->arena, &columns, &select, error));
    yyjson_mut_val *input = add_input(recording, name, "view");
    ps_json_add_text(recording->document, input, "columns", columns);
    ps_json_add_text(recording->document, input, "select", select);
    PS_TRY(ps_snapshot_add_models(recording->connection, select, recording->arena, recording->document,
                                  recording->models, error));
    return read_select(recording, select, error);
}

static penstock_code record_file(struct recording *recording, const char *name,
                                 struct penstock_error *error) {
    char **paths = NULL;
    size_t count = 0;
    const char *pattern = ps_path_join(recording->arena, recording->graph->project->folder, name);
    if (pattern == NULL) {
        return ps_error_memory(error, "a snapshot");
    }
    if (ps_file_glob(pattern, recording->arena, &paths, &count, error) != PENSTOCK_OK || count == 0) {
        (void)add_input(recording, name, "outside"); /* https://..., or a relation of another database */
        return PENSTOCK_OK;
    }
    yyjson_mut_val *input = add_input(recording, name, "file");
    yyjson_mut_val *files = yyjson_mut_obj_add_arr(recording->document, input, "files");
    for (size_t i = 0; i < count; i++) {
        struct ps_file_info info;
        PS_TRY(ps_file_stat(paths[i], &info, error));
        yyjson_mut_val *file = yyjson_mut_arr_add_obj(recording->document, files);
        ps_json_add_text(recording->document, file, "name", ps_path_name(paths[i]));
        (void)yyjson_mut_obj_add_int(recording->document, file, "size", info.size);
        (void)yyjson_mut_obj_add_int(recording->document, file, "modified_ms", info.modified_ms);
    }
    return PENSTOCK_OK;
}

static penstock_code record_relation(struct recording *recording, const struct relation *relation,
                                     struct penstock_error *error) {
    const bool is_main = relation->schema[0] == '\0' || ps_text_equal_nocase(relation->schema, "main");
    const char *const values[] = {relation->name};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(
        ps_sql_query_with(recording->connection,
                          "SELECT 'table', '' FROM duckdb_tables() WHERE database_name = current_database()"
                          " AND schema_name = 'main' AND lower(table_name) = lower($1) UNION ALL"
                          " SELECT 'view', sql FROM duckdb_views() WHERE database_name = current_database()"
                          " AND schema_name = 'main' AND lower(view_name) = lower($1)",
                          values, 1, &result, error));
    if (!is_main) {
        (void)add_input(recording, relation->name, "outside");
        return PENSTOCK_OK;
    }
    if (ps_result_row_count(result) == 0) {
        return record_file(recording, relation->name, error);
    }
    if (strcmp(ps_result_text(result, 0, 0), "view") == 0) {
        return record_view(recording, relation->name, ps_result_text(result, 0, 1), error);
    }
    const int64_t index = ps_graph_find(recording->graph, relation->name);
    const struct ps_node *node = index >= 0 ? &recording->graph->nodes[index] : NULL;
    const bool is_stream = node != NULL && node->kind == PS_NODE_TABLE && !node->is_changelog;
    return record_table(recording, relation->name, is_stream ? "stream" : "table", !is_stream, error);
}

penstock_code ps_snapshot_record(struct ps_connection *connection, const struct ps_graph *graph,
                                 const struct ps_node *node, struct ps_buffer *json_out,
                                 struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    yyjson_mut_doc *document PS_SCOPED(ps_json_free_scoped) = ps_json_new();
    struct recording recording = {
        .connection = connection, .graph = graph, .arena = arena, .document = document};
    recording.relations =
        arena == NULL ? NULL : ps_arena_allocate(arena, RELATION_COUNT_MAX, sizeof *recording.relations);
    if (recording.relations == NULL || document == NULL) {
        return ps_error_memory(error, "a snapshot");
    }
    yyjson_mut_val *root = yyjson_mut_doc_get_root(document);
    ps_json_add_text(document, root, "program", PENSTOCK_VERSION);
    recording.inputs = yyjson_mut_obj_add_arr(document, root, "inputs");
    recording.models = yyjson_mut_obj_add_obj(document, root, "models");
    const char *select = node->kind == PS_NODE_DATASET ? node->statement->as.dataset.select.text
                                                       : node->statement->as.model.select.text;
    PS_TRY(ps_snapshot_add_models(connection, select, arena, document, recording.models, error));
    PS_TRY(read_select(&recording, select, error));
    while (recording.next < recording.relation_count) {
        const struct relation relation = recording.relations[recording.next++];
        PS_TRY(record_relation(&recording, &relation, error));
    }
    return ps_json_write(document, false, json_out, error);
}

/* ---- finding the rows again ---- */

struct restoring {
    struct ps_connection *connection;
    const char *folder, *database;
    struct ps_arena *arena;
    yyjson_val *models; /* versions of then */
    struct ps_snapshot_changes changes;
    size_t capacity;
};

static penstock_code tell(struct restoring *restoring, const char *sentence, struct penstock_error *error) {
    if (sentence == NULL) {
        return ps_error_memory(error, "a snapshot");
    }
    if (restoring->changes.count < restoring->capacity) {
        restoring->changes.sentences[restoring->changes.count++] = sentence;
    }
    return PENSTOCK_OK;
}

static const char *text_of(yyjson_val *input, const char *name) {
    const char *text = yyjson_get_str(yyjson_obj_get(input, name));
    return text == NULL ? "" : text;
}

/* Is there a table or view of this name in the store? */
static penstock_code is_there(struct restoring *restoring, const char *name, bool *is_there_out,
                              struct penstock_error *error) {
    const char *const values[] = {name};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query_with(restoring->connection,
                             "SELECT count(*) FROM (SELECT table_name AS name FROM duckdb_tables()"
                             " WHERE database_name = current_database() AND schema_name = 'main' UNION ALL"
                             " SELECT view_name FROM duckdb_views()"
                             " WHERE database_name = current_database() AND schema_name = 'main')"
                             " WHERE lower(name) = lower($1)",
                             values, 1, &result, error));
    *is_there_out = ps_result_integer(result, 0, 0) > 0;
    if (!*is_there_out) {
        restoring->changes.is_lost = true;
        return tell(restoring, ps_arena_printf(restoring->arena, "%s is no longer in the store", name),
                    error);
    }
    return PENSTOCK_OK;
}

static penstock_code restore_stream(struct restoring *restoring, yyjson_val *input, const char *name,
                                    struct penstock_error *error) {
    const int64_t rows = yyjson_get_sint(yyjson_obj_get(input, "rows"));
    struct ps_result *now PS_SCOPED(ps_result_free_scoped) = NULL;
    struct ps_result *since PS_SCOPED(ps_result_free_scoped) = NULL;
    const char *const values[] = {name};
    PS_TRY(measure(restoring->connection, name, false, &now, error));
    PS_TRY(ps_sql_query_with(restoring->connection,
                             "SELECT applied_at FROM penstock.statements WHERE name = $1", values, 1, &since,
                             error));
    const char *applied = ps_result_text(since, 0, 0);
    if (ps_result_integer(now, 0, 0) < rows) {
        restoring->changes.is_lost = true;
        return tell(restoring,
                    ps_arena_printf(restoring->arena,
                                    "table %s was made anew: it had %" PRId64 " rows then, and has %" PRId64
                                    " now",
                                    name, rows, ps_result_integer(now, 0, 0)),
                    error);
    }
    if (applied == NULL || strcmp(applied, text_of(input, "since")) != 0) {
        PS_TRY(
            tell(restoring,
                 ps_arena_printf(restoring->arena,
                                 "the statement of table %s was applied anew at %s: it was rebuilt, or has "
                                 "another text",
                                 name, applied == NULL ? "?" : applied),
                 error));
    }
    struct ps_buffer sql PS_SCOPED(ps_buffer_done) = {0};
    ps_buffer_init(&sql, SQL_SIZE_MAX);
    ps_buffer_text(&sql, "CREATE OR REPLACE TEMP VIEW ");
    ps_buffer_sql_name(&sql, name);
    /* with its database: temporary views have a schema main, too */
    ps_buffer_text(&sql, " AS SELECT * FROM ");
    ps_buffer_sql_name(&sql, restoring->database);
    ps_buffer_text(&sql, ".main.");
    ps_buffer_sql_name(&sql, name);
    ps_buffer_printf(&sql, " WHERE rowid < %" PRId64, rows);
    PS_TRY(ps_buffer_status(&sql, error));
    return ps_sql_run(restoring->connection, sql.data, error);
}

static penstock_code compare_table(struct restoring *restoring, yyjson_val *input, const char *name,
                                   struct penstock_error *error) {
    const int64_t rows = yyjson_get_sint(yyjson_obj_get(input, "rows"));
    struct ps_result *now PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(measure(restoring->connection, name, true, &now, error));
    const char *hash = ps_result_text(now, 0, 1);
    if (ps_result_integer(now, 0, 0) == rows &&
        strcmp(hash == NULL ? "" : hash, text_of(input, "hash")) == 0) {
        return PENSTOCK_OK;
    }
    return tell(restoring,
                ps_result_integer(now, 0, 0) == rows
                    ? ps_arena_printf(restoring->arena,
                                      "the rows of %s %s have changed: there are %" PRId64 ", as there were",
                                      text_of(input, "kind"), name, rows)
                    : ps_arena_printf(restoring->arena,
                                      "the rows of %s %s have changed: there were %" PRId64
                                      ", now there are %" PRId64,
                                      text_of(input, "kind"), name, rows, ps_result_integer(now, 0, 0)),
                error);
}

static penstock_code restore_view(struct restoring *restoring, yyjson_val *input, const char *name,
                                  struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done) = {0};
    ps_buffer_init(&sql, SQL_SIZE_MAX);
    ps_buffer_text(&sql, "CREATE OR REPLACE TEMP VIEW ");
    ps_buffer_sql_name(&sql, name);
    ps_buffer_text(&sql, text_of(input, "columns"));
    ps_buffer_text(&sql, " AS ");
    const char *select = NULL;
    PS_TRY(ps_snapshot_pin_models(text_of(input, "select"), restoring->models, restoring->arena, &select,
                                  error));
    ps_buffer_text(&sql, select);
    PS_TRY(ps_buffer_status(&sql, error));
    if (restoring->changes.is_lost) {
        return PENSTOCK_OK; /* it may stand on what is gone */
    }
    return ps_sql_run(restoring->connection, sql.data, error);
}

static penstock_code compare_file(struct restoring *restoring, yyjson_val *file, const char *pattern,
                                  struct penstock_error *error) {
    const char *name = text_of(file, "name");
    struct ps_file_info info;
    const char *const slash = strrchr(pattern, '/');
    const char *folder =
        slash == NULL ? "" : ps_arena_copy_size(restoring->arena, pattern, (size_t)(slash - pattern) + 1);
    const char *path = ps_arena_printf(restoring->arena, "%s%s", folder == NULL ? "" : folder, name);
    path = path == NULL ? NULL : ps_path_join(restoring->arena, restoring->folder, path);
    if (path == NULL) {
        return ps_error_memory(error, "a snapshot");
    }
    if (!ps_file_exists(path) || ps_file_stat(path, &info, error) != PENSTOCK_OK) {
        restoring->changes.is_lost = true;
        return tell(restoring, ps_arena_printf(restoring->arena, "file %s is gone", name), error);
    }
    const int64_t size = yyjson_get_sint(yyjson_obj_get(file, "size"));
    if (info.size != size) {
        return tell(restoring,
                    ps_arena_printf(restoring->arena,
                                    "file %s had %" PRId64 " bytes, and has %" PRId64 " now", name, size,
                                    info.size),
                    error);
    }
    return info.modified_ms == yyjson_get_sint(yyjson_obj_get(file, "modified_ms"))
               ? PENSTOCK_OK
               : tell(restoring, ps_arena_printf(restoring->arena, "file %s was written since", name), error);
}

static penstock_code restore_input(struct restoring *restoring, yyjson_val *input,
                                   struct penstock_error *error) {
    const char *name = text_of(input, "name");
    const char *kind = text_of(input, "kind");
    bool found = true;
    if (strcmp(kind, "file") == 0) {
        size_t index, count;
        yyjson_val *file;
        yyjson_arr_foreach(yyjson_obj_get(input, "files"), index, count, file) {
            PS_TRY(compare_file(restoring, file, name, error));
        }
        return PENSTOCK_OK;
    }
    if (strcmp(kind, "function") == 0 || strcmp(kind, "outside") == 0) {
        return tell(restoring,
                    ps_arena_printf(restoring->arena, "nothing is known of the rows that %s gave then", name),
                    error);
    }
    if (strcmp(kind, "view") == 0) {
        return restore_view(restoring, input, name, error);
    }
    PS_TRY(is_there(restoring, name, &found, error));
    return !found                        ? PENSTOCK_OK
           : strcmp(kind, "stream") == 0 ? restore_stream(restoring, input, name, error)
                                         : compare_table(restoring, input, name, error);
}

penstock_code ps_snapshot_restore(struct ps_connection *connection, const char *json, const char *folder,
                                  struct ps_arena *arena, struct ps_snapshot_changes *changes_out,
                                  struct penstock_error *error) {
    yyjson_doc *document PS_SCOPED(ps_json_read_free_scoped) = NULL;
    PS_TRY(ps_json_parse(json, strlen(json), &document, error));
    yyjson_val *root = yyjson_doc_get_root(document);
    yyjson_val *inputs = yyjson_obj_get(root, "inputs");
    struct restoring restoring = {
        .connection = connection, .folder = folder, .arena = arena, .models = yyjson_obj_get(root, "models")};
    restoring.capacity = 2;
    size_t index, count;
    yyjson_val *input;
    yyjson_arr_foreach(inputs, index, count, input) {
        restoring.capacity += 2 + yyjson_arr_size(yyjson_obj_get(input, "files"));
    }
    restoring.changes.sentences =
        ps_arena_allocate(arena, restoring.capacity, sizeof *restoring.changes.sentences);
    if (restoring.changes.sentences == NULL) {
        return ps_error_memory(error, "a snapshot");
    }
    struct ps_result *database PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query(connection, "SELECT current_database()", &database, error));
    restoring.database = ps_result_text(database, 0, 0);
    const char *program = text_of(root, "program");
    if (strcmp(program, PENSTOCK_VERSION) != 0) {
        PS_TRY(tell(
            &restoring,
            ps_arena_printf(arena, "it was trained by penstock %s, this is %s", program, PENSTOCK_VERSION),
            error));
    }
    for (size_t i = yyjson_arr_size(inputs); i-- > 0;) { /* what views read comes behind them */
        PS_TRY(restore_input(&restoring, yyjson_arr_get(inputs, i), error));
    }
    *changes_out = restoring.changes;
    return PENSTOCK_OK;
}

penstock_code ps_snapshot_pin(const char *json, const char *select, struct ps_arena *arena,
                              const char **pinned_out, struct penstock_error *error) {
    yyjson_doc *document PS_SCOPED(ps_json_read_free_scoped) = NULL;
    PS_TRY(ps_json_parse(json, strlen(json), &document, error));
    return ps_snapshot_pin_models(select, yyjson_obj_get(yyjson_doc_get_root(document), "models"), arena,
                                  pinned_out, error);
}
