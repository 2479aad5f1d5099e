/* SPDX-License-Identifier: Apache-2.0
 *
 * check.c - `penstock check`: everything that can be known to be wrong before anything runs.
 */
#include <stdio.h>

#include "cli/command.h"

static const char *kind_name(enum ps_node_kind kind) {
    switch (kind) {
    case PS_NODE_SOURCE: return "source";
    case PS_NODE_SQL: return "sql";
    case PS_NODE_TABLE: return "streaming table";
    case PS_NODE_VIEW: return "materialized view";
    case PS_NODE_SINK: return "sink";
    case PS_NODE_MODEL: return "model";
    case PS_NODE_JOB: return "job";
    case PS_NODE_DATASET: return "dataset";
    }
    return "";
}

static penstock_code make_table(struct ps_cli *cli, const struct ps_graph *graph,
                                struct ps_text_table **table_out, struct penstock_error *error) {
    static const char *const names[] = {"name", "kind", "columns", "place"};
    static const char *const types[] = {"VARCHAR", "VARCHAR", "BIGINT", "VARCHAR"};
    struct ps_text_table *const table = ps_table_new(cli->arena, 4, names, types);
    for (size_t index = 0; table != NULL && index < graph->node_count; index++) {
        const struct ps_node *const node = &graph->nodes[index];
        const struct ps_location *const location = &node->statement->location;
        char columns[32];
        snprintf(columns, sizeof columns, "%zu", node->column_count);
        const char *const place = ps_arena_printf(cli->arena, "%s:%d:%d", location->file, (int)location->line,
                                                  (int)location->column);
        const char *const cells[] = {node->name, kind_name(node->kind), columns, place};
        if (place == NULL || !ps_table_add(table, cells)) {
            return ps_error_memory(error, "check");
        }
    }
    *table_out = table;
    return table == NULL ? ps_error_memory(error, "check") : PENSTOCK_OK;
}

static penstock_code run_check(struct ps_cli *cli, struct penstock_error *error) {
    struct ps_app *app PS_SCOPED(ps_app_close_scoped) = NULL;
    PS_TRY(ps_cli_open(cli, &app, error));
    struct ps_text_table *table = NULL;
    PS_TRY(make_table(cli, ps_app_graph(app), &table, error));
    const struct ps_project *const project = ps_app_project(app);
    switch (ps_cli_format(cli)) {
    case PS_FORMAT_TABLE:
        ps_output_table(cli->out, table, 0);
        ps_output_printf(cli->out, "ok: %s, %zu statement%s\n", project->manifest.name,
                         project->statement_count, project->statement_count == 1 ? "" : "s");
        break;
    case PS_FORMAT_CSV: ps_output_table_csv(cli->out, table); break;
    case PS_FORMAT_JSON:
        ps_output_table_json(cli->out, table, 0);
        ps_output_text(cli->out, "\n");
        break;
    }
    return PENSTOCK_OK;
}

const struct ps_command ps_command_check = {
    .name = "check",
    .summary = "check the whole project without running it",
    .details =
        "Reads the manifest and every SQL file, binds every SELECT and expression, checks every option, column, "
        "transform and parameter. The first thing that is wrong is named with file, line, column and the nearest "
        "known name. The store is not opened, unless a source has on_new_field = 'add': they are looked up there.",
    .examples = "penstock check --project examples/congestion",
    .run = run_check,
};
