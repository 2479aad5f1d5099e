/* SPDX-License-Identifier: Apache-2.0
 *
 * growth.c - columns of the store into the project; see growth.h.
 */
#include "app/growth.h"

#include "app/table.h"

/* Names of new fields in an error. */
#define LIST_SIZE_MAX ((size_t)64 << 10)

/* A store of before, or one whose sources have got nothing, does not have the table. */
static const char is_there_sql[] =
    "SELECT count(*) AS n FROM duckdb_tables() WHERE database_name = current_database()"
    " AND schema_name = 'penstock' AND table_name = 'source_columns'";
static const char columns_sql[] =
    "SELECT source, name, type FROM penstock.source_columns ORDER BY source, ordinal";

/* The project with the table's columns: source, name, type. */
static penstock_code grow(const struct ps_project *project, const struct ps_text_table *table,
                          struct ps_project **grown_out, struct penstock_error *error) {
    struct ps_added_column *columns PS_SCOPED(ps_release_scoped) =
        ps_allocate((size_t)table->row_count + 1, sizeof *columns);
    if (columns == NULL) {
        return ps_error_memory(error, "project");
    }
    for (int64_t i = 0; i < table->row_count; i++) {
        const char *const *cells = table->cells + (size_t)i * table->column_count;
        columns[i] = (struct ps_added_column){cells[0], cells[1], cells[2]};
    }
    return ps_project_grow(project, columns, (size_t)table->row_count, grown_out, error);
}

static penstock_code read_remote(struct ps_access *access, struct ps_text_table **table_out,
                                 struct penstock_error *error) {
    struct ps_text_table *count PS_SCOPED(ps_text_table_drop) = NULL;
    if (!ps_access_has_store(access)) {
        return PENSTOCK_OK;
    }
    PS_TRY(ps_access_query(access, is_there_sql, &count, error));
    return strcmp(count->cells[0], "0") == 0 ? PENSTOCK_OK
                                             : ps_access_query(access, columns_sql, table_out, error);
}

penstock_code ps_growth_read(struct ps_app *app, struct penstock_error *error) {
    struct ps_access access PS_SCOPED(ps_access_close) = {0};
    struct ps_text_table *table PS_SCOPED(ps_text_table_drop) = NULL;
    if (!ps_project_adds_columns(app->project)) {
        return PENSTOCK_OK;
    }
    PS_TRY(ps_access_open(app, &access, error));
    PS_TRY(read_remote(&access, &table, error));
    if (table == NULL) {
        return PENSTOCK_OK;
    }
    app->column_count = (size_t)table->row_count;
    return grow(app->project, table, &app->project, error);
}

/* From now on app->graph is of this project. */
static penstock_code use(struct ps_app *app, const struct ps_project *project, struct penstock_error *error) {
    struct ps_graph *graph = NULL;
    void *past = app->past;
    const penstock_code kept =
        ps_grow(&past, &app->past_capacity, app->past_count + 1, sizeof(struct ps_graph *), error);
    app->past = past;
    PS_TRY(kept);
    PS_TRY(ps_graph_build(project, &graph, error));
    const penstock_code code = ps_app_check(graph, error);
    if (code != PENSTOCK_OK) {
        ps_graph_free(graph);
        return code;
    }
    app->past[app->past_count++] = app->graph;
    app->graph = graph;
    return PENSTOCK_OK;
}

penstock_code ps_growth_renew(struct ps_app *app, struct ps_store *store, struct penstock_error *error) {
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    struct ps_text_table *table PS_SCOPED(ps_text_table_drop) = NULL;
    struct ps_project *grown = NULL;
    int64_t is_there = 0;
    if (!ps_project_adds_columns(app->project)) {
        return PENSTOCK_OK;
    }
    PS_TRY(ps_sql_integer(store->connection, is_there_sql, &is_there, error));
    if (is_there == 0) {
        return PENSTOCK_OK;
    }
    PS_TRY(ps_sql_query(store->connection, columns_sql, &result, error));
    PS_TRY(ps_text_table_of_result(result, &table, error));
    if ((size_t)table->row_count == app->column_count) {
        return PENSTOCK_OK;
    }
    PS_TRY(grow(app->graph->project, table, &grown, error));
    app->column_count = (size_t)table->row_count;
    return use(app, grown, error);
}

/* Says which fields it is that the project cannot take: nothing has become of them yet. */
static penstock_code refuse(const struct ps_added_column *columns, size_t count, penstock_code code,
                            struct penstock_error *error) {
    struct ps_buffer names PS_SCOPED(ps_buffer_done) = {0};
    ps_buffer_init(&names, LIST_SIZE_MAX);
    for (size_t i = 0; i < count; i++) {
        ps_buffer_printf(&names, "%s%s.%s", i > 0 ? ", " : "", columns[i].source, columns[i].name);
    }
    (void)ps_error_context(error, "with the new field%s %s", count == 1 ? "" : "s",
                           names.failed ? "" : names.data);
    return code;
}

penstock_code ps_growth_add(struct ps_app *app, const struct ps_added_column *columns, size_t count,
                            const struct ps_graph **graph_out, struct penstock_error *error) {
    struct ps_project *grown = NULL;
    PS_TRY(ps_project_grow(app->graph->project, columns, count, &grown, error));
    const penstock_code code = use(app, grown, error);
    if (code != PENSTOCK_OK) {
        return refuse(columns, count, code, error);
    }
    app->column_count += count;
    *graph_out = app->graph;
    return PENSTOCK_OK;
}
