/* SPDX-License-Identifier: Apache-2.0
 *
 * explain.c - what a training will cost: the statement's facts, with what the last version of the model tells; and what
 * sources will not read.
 *
 * Nothing is trained and no row is read. Without a store, or without a version, rows and categories are not known.
 */
#include "app/explain.h"

#include <stdio.h>

#include "app/growth.h"
#include "app/session.h"
#include "app/table.h"
#include "connect/create.h"
#include "model/explain.h"

penstock_code ps_explain_model_name(const char *sql, struct ps_arena *arena, const char **name_out,
                                    struct penstock_error *error) {
    static const char *const words[] = {"EXPLAIN", "MODEL"};
    static const char space[] = " \t\r\n";
    *name_out = NULL;
    for (size_t i = 0; i < 2; i++) {
        sql += strspn(sql, space);
        const size_t size = strlen(words[i]);
        if (strncasecmp(sql, words[i], size) != 0 || strchr(space, sql[size]) == NULL) {
            return PENSTOCK_OK;
        }
        sql += size;
    }
    sql += strspn(sql, space);
    const bool is_quoted = *sql == '"';
    sql += is_quoted ? 1 : 0;
    const size_t size = strcspn(sql, is_quoted ? "\"" : " \t\r\n;");
    const char *rest = sql + size + (is_quoted && sql[size] == '"' ? 1 : 0);
    if (size == 0 || rest[strspn(rest, " \t\r\n;")] != '\0') {
        (void)ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "EXPLAIN MODEL takes the name of one model");
        return ps_error_hint(error, "EXPLAIN MODEL congestion");
    }
    *name_out = ps_arena_copy_size(arena, sql, size);
    return *name_out != NULL ? PENSTOCK_OK : ps_error_memory(error, "EXPLAIN MODEL");
}

static const struct ps_node *find_model(const struct ps_graph *graph, const char *name) {
    for (size_t i = 0; i < graph->node_count; i++) {
        if (graph->nodes[i].kind == PS_NODE_MODEL && ps_text_equal_nocase(graph->nodes[i].name, name)) {
            return &graph->nodes[i];
        }
    }
    return NULL;
}

static penstock_code no_model(const struct ps_graph *graph, const char *name, struct ps_arena *arena,
                              struct penstock_error *error) {
    const char **names = ps_arena_allocate(arena, graph->node_count + 1, sizeof *names);
    size_t count = 0;
    for (size_t i = 0; names != NULL && i < graph->node_count; i++) {
        if (graph->nodes[i].kind == PS_NODE_MODEL) {
            names[count++] = graph->nodes[i].name;
        }
    }
    (void)ps_error_set(error, PENSTOCK_NOT_FOUND, "the project has no model %s", name);
    const char *nearest = count > 0 ? ps_nearest(name, names) : NULL;
    if (nearest != NULL) {
        return ps_error_hint(error, "did you mean %s?", nearest);
    }
    return ps_error_hint(error,
                         count == 0 ? "CREATE MODEL makes one" : "penstock explain shows what there is");
}

/* The registry's own words of the last version; a store that cannot be read now is as good as none. */
static void ask_store(struct ps_app *app, const char *name, struct ps_arena *arena,
                      struct ps_model_known *known_out) {
    struct ps_access access PS_SCOPED(ps_access_close) = {0};
    struct ps_text_table *table PS_SCOPED(ps_text_table_drop) = NULL;
    struct penstock_error ignored = {0};
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, (size_t)1 << 20);
    ps_buffer_text(
        &sql,
        "SELECT version, coalesce(CAST(json_extract_string(metrics, '$.rows.training') AS BIGINT), 0),"
        " coalesce(json_array_length(CAST(fitted AS JSON), '$.model.features'), 0) FROM penstock.models "
        "WHERE lower(name) = lower(");
    ps_buffer_sql_literal(&sql, name);
    ps_buffer_text(&sql, ") ORDER BY version DESC LIMIT 1");
    (void)arena;
    if (ps_buffer_status(&sql, &ignored) != PENSTOCK_OK ||
        ps_access_open(app, &access, &ignored) != PENSTOCK_OK || !ps_access_has_store(&access) ||
        ps_access_query(&access, sql.data, &table, &ignored) != PENSTOCK_OK || table->row_count < 1) {
        return;
    }
    struct ps_model_known known = {0};
    if (ps_parse_integer(table->cells[0], &known.version) &&
        ps_parse_integer(table->cells[1], &known.row_count) &&
        ps_parse_integer(table->cells[2], &known.feature_count)) {
        *known_out = known;
    }
}

static penstock_code explain(struct ps_app *app, const struct ps_graph *graph, const char *name,
                             struct ps_arena *arena, struct ps_text_table **table_out,
                             struct penstock_error *error) {
    static const char *const names[] = {"item", "value", "why"};
    static const char *const types[] = {"VARCHAR", "VARCHAR", "VARCHAR"};
    const struct ps_node *node = find_model(graph, name);
    if (node == NULL) {
        return no_model(graph, name, arena, error);
    }
    struct ps_model_known known = {0};
    ask_store(app, node->name, arena, &known);
    struct ps_model_explanation *explanation = NULL;
    PS_TRY(ps_model_explain(app->project, node, &known, arena, &explanation, error));
    struct ps_text_table_builder builder PS_SCOPED(ps_text_table_builder_done) = {0};
    PS_TRY(ps_text_table_begin(&builder, names, types, 3, error));
    for (size_t i = 0; i < explanation->fact_count; i++) {
        const struct ps_model_fact *fact = &explanation->facts[i];
        const char *const cells[] = {fact->item, fact->value, fact->why};
        PS_TRY(ps_text_table_row(&builder, cells, error));
    }
    return ps_text_table_end(&builder, table_out, error);
}

penstock_code ps_app_explain_model(struct ps_app *app, const char *name, struct ps_text_table **table_out,
                                   struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    if (arena == NULL) {
        return ps_error_memory(error, "EXPLAIN MODEL");
    }
    if (app->graph != NULL) {
        return explain(app, app->graph, name, arena, table_out, error);
    }
    struct ps_graph *graph = NULL; /* opened for reading: its statements have not been looked at */
    PS_TRY(ps_growth_read(app, error));
    PS_TRY(ps_graph_build(app->project, &graph, error));
    const penstock_code code = explain(app, graph, name, arena, table_out, error);
    ps_graph_free(graph);
    return code;
}

penstock_code ps_explain_add_pushed(const struct ps_graph *graph, struct ps_plan *plan,
                                    struct ps_arena *arena, struct penstock_error *error) {
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct ps_node *node = &graph->nodes[i];
        struct ps_pushed pushed = {NULL};
        bool is_known = false;
        if (node->kind != PS_NODE_SOURCE) {
            continue;
        }
        PS_TRY(ps_source_explain(&node->statement->as.source, node->name, graph->project->folder, node->use,
                                 arena, &pushed, &is_known, error));
        PS_TRY(is_known ? ps_plan_add_pushed(plan, i, &pushed, error) : PENSTOCK_OK);
    }
    return PENSTOCK_OK;
}
