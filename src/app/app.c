/* SPDX-License-Identifier: Apache-2.0
 *
 * app.c - opening and checking a project, explaining it, and the questions that are one statement.
 */
#include "app/app.h"

#include "app/control.h"
#include "app/explain.h"
#include "app/growth.h"
#include "app/session.h"
#include "connect/create.h"
#include "model/preparation.h"

static penstock_code check_sink(const struct ps_project *project, const struct ps_node *node,
                                struct penstock_error *error) {
    bool *is_added PS_SCOPED(ps_release_scoped) = ps_allocate(node->column_count + 1, sizeof *is_added);
    if (is_added == NULL) {
        return ps_error_memory(error, "project");
    }
    for (size_t i = 0; i < node->column_count; i++) {
        is_added[i] = ps_project_is_added(project, node->column_names[i]);
    }
    const struct ps_sink_setup setup = {.name = node->name,
                                        .project = project->manifest.name,
                                        .store_id = "",
                                        .folder = project->folder,
                                        .column_names = node->column_names,
                                        .column_types = node->column_types,
                                        .column_count = node->column_count,
                                        .column_is_added = is_added};
    return ps_sink_check(&node->statement->as.sink, &setup, error);
}

penstock_code ps_app_check(const struct ps_graph *graph, struct penstock_error *error) {
    const struct ps_project *project = graph->project;
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct ps_node *node = &graph->nodes[i];
        if (node->kind == PS_NODE_SOURCE) {
            PS_TRY(ps_source_check(&node->statement->as.source, node->name, project->folder, error));
        } else if (node->kind == PS_NODE_SINK) {
            PS_TRY(check_sink(project, node, error));
        } else if (node->kind == PS_NODE_MODEL) {
            PS_TRY(ps_model_check(project, node, error));
        } else if (node->kind == PS_NODE_DATASET) {
            PS_TRY(ps_preparation_check(node, error));
        }
    }
    return PENSTOCK_OK;
}

static penstock_code open_project(const struct ps_app_options *options, struct ps_app *app,
                                  struct penstock_error *error) {
    PS_TRY(ps_project_load(options->folder, &options->project, &app->project, error));
    if (options->is_for_reading) {
        return PENSTOCK_OK;
    }
    PS_TRY(ps_growth_read(app, error));
    PS_TRY(ps_graph_build(app->project, &app->graph, error));
    return ps_app_check(app->graph, error);
}

penstock_code ps_app_open(const struct ps_app_options *options, struct ps_app **app_out,
                          struct penstock_error *error) {
    struct ps_app *app = ps_allocate(1, sizeof *app);
    if (app == NULL) {
        return ps_error_memory(error, "project");
    }
    const penstock_code code = open_project(options, app, error);
    if (code != PENSTOCK_OK) {
        ps_app_close(app);
        return code;
    }
    *app_out = app;
    return PENSTOCK_OK;
}

void ps_app_close(struct ps_app *app) {
    if (app == NULL) {
        return;
    }
    for (size_t i = 0; i < app->past_count; i++) {
        ps_graph_free(app->past[i]);
    }
    ps_release(app->past);
    ps_graph_free(app->graph);
    ps_project_free(app->project);
    ps_release(app);
}

const struct ps_project *ps_app_project(const struct ps_app *app) {
    return app->project;
}

const struct ps_graph *ps_app_graph(const struct ps_app *app) {
    return app->graph;
}

void ps_app_stop(struct ps_app *app) {
    (void)atomic_fetch_or(&app->stop.requested, PS_STOP_ASKED);
}

penstock_code ps_app_explain(struct ps_app *app, enum ps_explain_form form, struct ps_buffer *out,
                             struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_plan *plan = NULL;
    if (arena == NULL) {
        return ps_error_memory(error, "the plan");
    }
    PS_TRY(ps_plan_build(app->graph, &plan, error));
    penstock_code code = ps_explain_add_pushed(app->graph, plan, arena, error);
    code = code == PENSTOCK_OK ? ps_plan_explain(plan, form, out, error) : code;
    ps_plan_free(plan);
    return code;
}

/* One statement with an access of its own. */
static penstock_code query(struct ps_app *app, const char *sql, struct ps_text_table **table_out,
                           struct penstock_error *error) {
    struct ps_access access PS_SCOPED(ps_access_close) = {0};
    PS_TRY(ps_access_open(app, &access, error));
    return ps_access_query(&access, sql, table_out, error);
}

penstock_code ps_app_query(struct ps_app *app, const char *sql, struct ps_text_table **table_out,
                           struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    const char *model = NULL;
    if (arena == NULL) {
        return ps_error_memory(error, "query");
    }
    PS_TRY(ps_explain_model_name(sql, arena, &model, error));
    return model != NULL ? ps_app_explain_model(app, model, table_out, error)
                         : query(app, sql, table_out, error);
}

penstock_code ps_app_models_list(struct ps_app *app, struct ps_text_table **table_out,
                                 struct penstock_error *error) {
    return query(
        app,
        /* by what a version was chosen; versions of older stores, and imported ones, may not say */
        "WITH m AS (SELECT *, coalesce(json_extract_string(search, '$.metric'),"
        " CASE WHEN json_extract_string(metrics, '$.holdout.rmse') IS NOT NULL THEN 'rmse' END) AS metric,"
        " CASE WHEN json_type(metrics, '$.holdout') = 'OBJECT' THEN 'holdout'"
        " WHEN json_type(metrics, '$.training') = 'OBJECT' THEN 'training' END AS measured_on"
        " FROM penstock.models WHERE status <> 'deleted')"
        " SELECT m.name, m.version, m.status, (SELECT string_agg(a.alias, ', ' ORDER BY a.alias)"
        " FROM penstock.model_aliases a"
        " WHERE a.model = m.name AND a.version = m.version) AS aliases, m.label, m.metric,"
        " CAST(json_extract_string(m.metrics, '$.' || m.measured_on || '.' || m.metric) AS DOUBLE) AS holdout,"
        " CAST(json_extract_string(m.metrics, '$.baseline.' || m.metric) AS DOUBLE) AS constant,"
        " m.measured_on, (SELECT g.sentence FROM penstock.gate_reports g"
        " WHERE g.model = m.name AND g.version = m.version AND g.check_index = 0) AS gate,"
        " m.created_at, m.application, json_merge_patch(m.metrics, '{\"rows\": null, \"notes\": null}') AS metrics"
        " FROM m ORDER BY m.name, m.version",
        table_out, error);
}

penstock_code ps_app_models_show(struct ps_app *app, const char *reference, struct ps_buffer *json_out,
                                 struct penstock_error *error) {
    struct ps_access access PS_SCOPED(ps_access_close) = {0};
    PS_TRY(ps_access_open(app, &access, error));
    return ps_access_show(&access, reference, json_out, error);
}

penstock_code ps_app_load_model(struct ps_app *app, const char *reference, struct ps_fitted **fitted_out,
                                int64_t *version_out, struct penstock_error *error) {
    struct ps_access access PS_SCOPED(ps_access_close) = {0};
    PS_TRY(ps_access_open(app, &access, error));
    return ps_access_load(&access, reference, fitted_out, version_out, error);
}
