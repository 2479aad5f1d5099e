/* SPDX-License-Identifier: Apache-2.0
 *
 * report.c - what a run did, as the store itself says it: dead letters and broken rules of the epochs of this
 * application, rows in the tables now; and the times that were taken on the way.
 */
#include "app/progress.h"

#include <inttypes.h>
#include <stdio.h>

#include "app/table.h"
#include "publish/registry.h"

static penstock_code ask(struct ps_progress *progress, const char *sql, struct ps_text_table **table_out,
                         struct penstock_error *error) {
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    const char *const values[] = {ps_application_id(progress->application)};
    PS_TRY(ps_sql_query_with(progress->store->connection, sql, values, 1, &result, error));
    return ps_text_table_of_result(result, table_out, error);
}

static penstock_code count_rows(struct ps_progress *progress, const struct ps_node *node, int64_t *count_out,
                                struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done) = {0};
    ps_buffer_init(&sql, 4096);
    ps_buffer_text(&sql, "SELECT count(*) FROM main.");
    ps_buffer_sql_name(&sql, node->name);
    PS_TRY(ps_buffer_status(&sql, error));
    return ps_sql_integer(progress->store->connection, sql.data, count_out, error);
}

static penstock_code list_tables(struct ps_progress *progress, struct ps_text_table **table_out,
                                 struct penstock_error *error) {
    static const char *const names[] = {"name", "kind", "rows"};
    static const char *const types[] = {"VARCHAR", "VARCHAR", "BIGINT"};
    const struct ps_graph *graph = progress->app->graph;
    struct ps_text_table_builder builder PS_SCOPED(ps_text_table_builder_done) = {0};
    PS_TRY(ps_text_table_begin(&builder, names, types, 3, error));
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct ps_node *node = &graph->nodes[i];
        int64_t count = 0;
        char text[24];
        if (node->kind != PS_NODE_TABLE && node->kind != PS_NODE_VIEW) {
            continue;
        }
        PS_TRY(count_rows(progress, node, &count, error));
        (void)snprintf(text, sizeof text, "%" PRId64, count);
        const char *const cells[] = {
            node->name, node->kind == PS_NODE_TABLE ? "streaming table" : "materialized view", text};
        PS_TRY(ps_text_table_row(&builder, cells, error));
    }
    return ps_text_table_end(&builder, table_out, error);
}

static penstock_code add_stage(struct ps_text_table_builder *builder, const char *stage, const char *name,
                               int64_t tasks, int64_t records, int64_t wall_ns, int64_t cpu_ns,
                               struct penstock_error *error) {
    char texts[5][256];
    (void)snprintf(texts[0], sizeof texts[0], "%s%s%s", stage, name == NULL ? "" : " ",
                   name == NULL ? "" : name);
    (void)snprintf(texts[1], sizeof texts[1], "%" PRId64, tasks);
    (void)snprintf(texts[2], sizeof texts[2], "%" PRId64, records);
    (void)snprintf(texts[3], sizeof texts[3], "%.1f", (double)wall_ns / 1e6);
    (void)snprintf(texts[4], sizeof texts[4], "%.1f", (double)cpu_ns / 1e6);
    const char *const cells[] = {texts[0], texts[1], texts[2], texts[3], cpu_ns < 0 ? NULL : texts[4]};
    return ps_text_table_row(builder, cells, error);
}

/* The CPU time is the process's, so only the stream as a whole has one. */
static penstock_code list_stages(struct ps_progress *progress, struct ps_text_table **table_out,
                                 struct penstock_error *error) {
    static const char *const names[] = {"stage", "tasks", "records", "wall_ms", "cpu_ms"};
    static const char *const types[] = {"VARCHAR", "BIGINT", "BIGINT", "DOUBLE", "DOUBLE"};
    const struct ps_graph *graph = progress->app->graph;
    struct ps_text_table_builder builder PS_SCOPED(ps_text_table_builder_done) = {0};
    PS_TRY(ps_text_table_begin(&builder, names, types, 5, error));
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct ps_node_time *time = &progress->nodes[i];
        if (time->task_count > 0) {
            PS_TRY(add_stage(&builder, "decode", graph->nodes[i].name, time->task_count, time->task_records,
                             time->task_ns, -1, error));
        }
    }
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct ps_node_time *time = &progress->nodes[i];
        if (time->statement_count > 0) {
            const enum ps_node_kind node_kind = graph->nodes[i].kind;
            const char *kind = node_kind == PS_NODE_VIEW   ? "view"
                               : node_kind == PS_NODE_SINK ? "sink"
                                                           : "table";
            PS_TRY(add_stage(&builder, kind, graph->nodes[i].name, time->statement_count, time->row_count,
                             time->statement_ns, -1, error));
        }
    }
    if (progress->totals.epoch_count > 0) {
        PS_TRY(add_stage(&builder, "epochs, all of the above", NULL, progress->totals.epoch_count,
                         progress->totals.record_count, progress->stream_wall_ns, progress->stream_cpu_ns,
                         error));
    }
    return ps_text_table_end(&builder, table_out, error);
}

static penstock_code fill(struct ps_progress *progress, struct ps_run_report *report,
                          struct penstock_error *error) {
    PS_TRY(ask(
        progress,
        "SELECT coalesce(d.statement, d.source) AS name, d.reason, d.rule, count(*) AS count"
        " FROM penstock.dead_letters d"
        " WHERE d.epoch IN (SELECT e.epoch FROM penstock.epochs e WHERE e.application = $1) GROUP BY ALL ORDER BY ALL",
        &report->dead_letters, error));
    PS_TRY(ask(
        progress,
        "SELECT v.statement, v.rule, v.action, CAST(sum(v.violations) AS BIGINT) AS count"
        " FROM penstock.rule_violations v"
        " WHERE v.epoch IN (SELECT e.epoch FROM penstock.epochs e WHERE e.application = $1) GROUP BY ALL ORDER BY ALL",
        &report->violations, error));
    const struct ps_graph *graph = progress->app->graph;
    for (size_t i = 0; i < graph->node_count; i++) {
        report->has_sources = report->has_sources || graph->nodes[i].kind == PS_NODE_SOURCE;
    }
    PS_TRY(list_tables(progress, &report->tables, error));
    return list_stages(progress, &report->stages, error);
}

penstock_code ps_report_make(struct ps_progress *progress, struct ps_run_report **report_out,
                             struct penstock_error *error) {
    struct ps_run_report *report = ps_arena_allocate(progress->arena, 1, sizeof *report);
    const char *id =
        report == NULL ? NULL : ps_arena_copy(progress->arena, ps_application_id(progress->application));
    if (id == NULL) {
        return ps_error_memory(error, "report");
    }
    report->application = id;
    report->totals = progress->totals;
    const penstock_code code = fill(progress, report, error);
    if (code != PENSTOCK_OK) {
        ps_run_report_free(report); /* the arena is not the report's yet */
        return code;
    }
    report->models = progress->models;
    report->model_count = progress->model_count;
    report->datasets = progress->datasets;
    report->dataset_count = progress->dataset_count;
    report->arena = ps_take(progress->arena);
    progress->models = NULL;
    progress->model_count = 0;
    *report_out = report;
    return PENSTOCK_OK;
}

void ps_run_report_free(struct ps_run_report *report) {
    if (report == NULL) {
        return;
    }
    ps_text_table_free(report->dead_letters);
    ps_text_table_free(report->violations);
    ps_text_table_free(report->tables);
    ps_text_table_free(report->stages);
    ps_training_free(report->models, report->model_count);
    ps_arena_free(report->arena);
}
