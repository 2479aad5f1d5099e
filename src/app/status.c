/* SPDX-License-Identifier: Apache-2.0
 *
 * status.c - where a project stands: its store, its last application, and every node with a count and a sentence.
 */
#include "app/session.h"

#include <inttypes.h>
#include <stdio.h>

#include "app/control.h"
#include "app/offsets.h"
#include "app/record.h"
#include "app/table.h"
#include "base/clock.h"
#include "connect/source.h"

#define SQL_SIZE_MAX ((size_t)1 << 20)
/* Numbers in memory are answered at once. */
#define LAG_WAIT_MS 2000

struct status {
    struct ps_app *app;
    struct ps_access access;
    struct ps_text_table_builder builder;
    int64_t *lags;      /* per node; -1: not known */
    char training[256]; /* model and since when; "": nothing is trained */
    char trained_model[128];
};

static penstock_code add(struct status *status, const char *kind, const char *name, const char *state,
                         const char *count, const char *detail, struct penstock_error *error) {
    const char *const cells[] = {kind, name, state, count, detail};
    return ps_text_table_row(&status->builder, cells, error);
}

/* The rows of a query with the columns name, state, count, detail. */
static penstock_code add_query(struct status *status, const char *kind, const char *sql,
                               struct penstock_error *error) {
    struct ps_text_table *table PS_SCOPED(ps_text_table_drop) = NULL;
    PS_TRY(ps_access_query(&status->access, sql, &table, error));
    for (int64_t row = 0; row < table->row_count; row++) {
        const char **cells = table->cells + (size_t)row * table->column_count;
        PS_TRY(add(status, kind, cells[0], cells[1], cells[2], cells[3], error));
    }
    return PENSTOCK_OK;
}

static penstock_code add_application(struct status *status, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_application_record *records = NULL;
    size_t count = 0;
    char when[40];
    char detail[512];
    char total[24];
    if (arena == NULL) {
        return ps_error_memory(error, "status");
    }
    PS_TRY(ps_record_list(status->app->project->store_path, arena, &records, &count, error));
    if (count == 0) {
        return PENSTOCK_OK;
    }
    const struct ps_application_record *last = &records[count - 1];
    const bool finished = ps_record_is_finished(last);
    ps_clock_format_iso(finished ? last->finish_ms : last->start_ms, when, sizeof when);
    if (finished) {
        (void)snprintf(detail, sizeof detail, "%s at %s%s%s", last->final_status, when,
                       last->diagnostics[0] == '\0' ? "" : ": ", last->diagnostics);
    } else {
        (void)snprintf(detail, sizeof detail, "process %" PRId64 " since %s", last->pid, when);
    }
    (void)snprintf(total, sizeof total, "%zu", count);
    return add(status, "application", last->id, ps_application_state_name(last->state), total, detail, error);
}

/* What the running process trains. */
static void note_training(struct status *status, yyjson_val *training) {
    const char *model = yyjson_get_str(yyjson_obj_get(training, "model"));
    const char *reason = yyjson_get_str(yyjson_obj_get(training, "reason"));
    char since[40];
    if (model == NULL) {
        return;
    }
    ps_clock_format_iso(yyjson_get_sint(yyjson_obj_get(training, "since_ms")), since, sizeof since);
    (void)snprintf(status->trained_model, sizeof status->trained_model, "%s", model);
    (void)snprintf(status->training, sizeof status->training, "training since %s: %s", since,
                   reason == NULL ? "" : reason);
}

/* What the running process knows of its sources. */
static void ask_lags(struct status *status) {
    yyjson_mut_doc *request PS_SCOPED(ps_json_free_scoped) = ps_json_new();
    yyjson_doc *answer PS_SCOPED(ps_json_read_free_scoped) = NULL;
    struct penstock_error ignored;
    if (request == NULL || !status->access.is_remote) {
        return;
    }
    ps_json_add_text(request, yyjson_mut_doc_get_root(request), "request", "status");
    if (ps_control_ask(status->access.store_path, request, LAG_WAIT_MS, &answer, &ignored) != PENSTOCK_OK) {
        return;
    }
    yyjson_val *lags = yyjson_obj_get(yyjson_doc_get_root(answer), "lags");
    yyjson_arr_iter items = yyjson_arr_iter_with(lags);
    for (size_t i = 0; i < status->app->graph->node_count && i < yyjson_arr_size(lags); i++) {
        status->lags[i] = yyjson_get_sint(yyjson_arr_iter_next(&items));
    }
    note_training(status, yyjson_obj_get(yyjson_doc_get_root(answer), "training"));
}

/* "120 records behind"; "" if it is not known. Without a run only files are looked at: a broker may be far away. */
static penstock_code describe_lag(struct status *status, size_t index, char *text, size_t size,
                                  struct penstock_error *error) {
    const struct ps_node *node = &status->app->graph->nodes[index];
    const struct ps_source_type *type = ps_source_type_find(node->statement->as.source.connector);
    int64_t lag = status->lags[index];
    if (!status->access.is_remote && type != NULL && !type->is_sparse) {
        PS_TRY(ps_offsets_lag(status->app, &status->access, node->name, &lag, error));
    }
    (void)snprintf(text, size, lag < 0 ? "" : "%" PRId64 " %s behind", lag,
                   type != NULL && type->is_sparse ? "records" : "bytes");
    return PENSTOCK_OK;
}

static penstock_code add_sink(struct status *status, const struct ps_node *node,
                              struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done) = {0};
    struct penstock_error missing;
    ps_buffer_init(&sql, SQL_SIZE_MAX);
    ps_buffer_text(
        &sql, "SELECT name, connector AS state, row_count AS count, 'rows; committed to epoch ' || last_epoch"
              " || CASE WHEN since_epoch > 0 THEN ', since epoch ' || since_epoch ELSE '' END AS detail"
              " FROM penstock.sinks WHERE name = ");
    ps_buffer_sql_literal(&sql, node->name);
    PS_TRY(ps_buffer_status(&sql, error));
    const int64_t before = status->builder.table->row_count;
    const penstock_code code = add_query(status, "sink", sql.data, &missing);
    return code == PENSTOCK_OK && status->builder.table->row_count > before
               ? PENSTOCK_OK
               : add(status, "sink", node->name, node->statement->as.sink.connector, NULL,
                     "nothing written yet", error);
}

static penstock_code add_source(struct status *status, size_t index, struct penstock_error *error) {
    const struct ps_node *node = &status->app->graph->nodes[index];
    char lag[64];
    PS_TRY(describe_lag(status, index, lag, sizeof lag, error));
    struct ps_buffer sql PS_SCOPED(ps_buffer_done) = {0};
    ps_buffer_init(&sql, SQL_SIZE_MAX);
    ps_buffer_text(&sql, "SELECT ");
    ps_buffer_sql_literal(&sql, node->name);
    ps_buffer_text(&sql, " AS name, nullif(");
    ps_buffer_sql_literal(&sql, lag);
    ps_buffer_text(&sql, ", '') AS state, count(*) AS count, 'partitions, ' || coalesce('watermark '"
                         " || (SELECT max(w.watermark)"
                         " FROM penstock.watermarks w WHERE w.source = ");
    ps_buffer_sql_literal(&sql, node->name);
    ps_buffer_text(&sql, "), 'no watermark')");
    if (node->statement->as.source.added_count > 0) {
        struct ps_buffer added PS_SCOPED(ps_buffer_done) = {0};
        ps_buffer_init(&added, SQL_SIZE_MAX);
        ps_buffer_text(&added, ", added columns: ");
        ps_source_list_added(&node->statement->as.source, &added);
        PS_TRY(ps_buffer_status(&added, error));
        ps_buffer_text(&sql, " || ");
        ps_buffer_sql_literal(&sql, added.data);
    }
    ps_buffer_text(&sql, " AS detail FROM penstock.positions p WHERE p.source = ");
    ps_buffer_sql_literal(&sql, node->name);
    PS_TRY(ps_buffer_status(&sql, error));
    return add_query(status, "source", sql.data, error);
}

static penstock_code add_relation(struct status *status, const struct ps_node *node,
                                  struct penstock_error *error) {
    const char *kind = node->kind == PS_NODE_TABLE ? "streaming table" : "materialized view";
    struct ps_buffer sql PS_SCOPED(ps_buffer_done) = {0};
    struct penstock_error missing;
    ps_buffer_init(&sql, SQL_SIZE_MAX);
    ps_buffer_text(&sql, "SELECT ");
    ps_buffer_sql_literal(&sql, node->name);
    ps_buffer_text(&sql, " AS name, NULL AS state, count(*) AS count, 'rows' AS detail FROM main.");
    ps_buffer_sql_name(&sql, node->name);
    PS_TRY(ps_buffer_status(&sql, error));
    /* a table of a project that has grown since its last run */
    return add_query(status, kind, sql.data, &missing) == PENSTOCK_OK
               ? PENSTOCK_OK
               : add(status, kind, node->name, "not made yet", NULL, NULL, error);
}

static penstock_code add_model(struct status *status, const struct ps_node *node,
                               struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done) = {0};
    ps_buffer_init(&sql, SQL_SIZE_MAX);
    ps_buffer_text(&sql, "SELECT ");
    ps_buffer_sql_literal(&sql, node->name);
    ps_buffer_text(&sql, " AS name, coalesce((SELECT 'champion is version ' || a.version"
                         " FROM penstock.model_aliases a WHERE a.alias = 'champion'"
                         " AND a.model = ");
    ps_buffer_sql_literal(&sql, node->name);
    ps_buffer_text(&sql,
                   "), 'no champion') AS state, count(*) AS count, 'versions' || coalesce('; the last: '"
                   " || (SELECT g.sentence FROM"
                   " penstock.gate_reports g WHERE g.check_index = 0 AND g.model = ");
    ps_buffer_sql_literal(&sql, node->name);
    ps_buffer_text(&sql,
                   " ORDER BY g.version DESC LIMIT 1), '') AS detail FROM penstock.models m WHERE m.name = ");
    ps_buffer_sql_literal(&sql, node->name);
    PS_TRY(ps_buffer_status(&sql, error));
    return add_query(status, "model", sql.data, error);
}

/* How often it trained, and what came of it last; penstock jobs list says more. */
static penstock_code add_job(struct status *status, const struct ps_node *node,
                             struct penstock_error *error) {
    const char *model = status->app->graph->nodes[node->inputs[0]].name;
    const bool is_running = ps_text_equal_nocase(status->trained_model, model);
    struct ps_buffer sql PS_SCOPED(ps_buffer_done) = {0};
    struct penstock_error missing;
    ps_buffer_init(&sql, SQL_SIZE_MAX);
    ps_buffer_text(&sql, "SELECT ");
    ps_buffer_sql_literal(&sql, node->name);
    ps_buffer_text(&sql, " AS name, nullif(");
    ps_buffer_sql_literal(&sql, is_running ? status->training : "");
    ps_buffer_text(&sql, ", '') AS state, count(*) AS count, 'trainings' || coalesce('; the last: '"
                         " || arg_max(outcome || ', ' || sentence, finished_at), '') AS detail"
                         " FROM penstock.job_runs WHERE job = ");
    ps_buffer_sql_literal(&sql, node->name);
    PS_TRY(ps_buffer_status(&sql, error));
    /* a store that no run with a job has had yet */
    return add_query(status, "job", sql.data, &missing) == PENSTOCK_OK
               ? PENSTOCK_OK
               : add(status, "job", node->name, is_running ? status->training : NULL, "0", "trainings",
                     error);
}

static penstock_code add_dataset(struct status *status, const struct ps_node *node,
                                 struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done) = {0};
    struct penstock_error missing;
    ps_buffer_init(&sql, SQL_SIZE_MAX);
    ps_buffer_text(
        &sql, "SELECT name, 'making ' || making AS state, rows_kept AS count, 'of ' || rows_read || ' rows, '"
              " || strftime(made_at, '%Y-%m-%d %H:%M:%S') AS detail FROM penstock.datasets WHERE name = ");
    ps_buffer_sql_literal(&sql, node->name);
    ps_buffer_text(&sql, " ORDER BY making DESC LIMIT 1");
    PS_TRY(ps_buffer_status(&sql, error));
    const int64_t before = status->builder.table->row_count;
    const penstock_code code = add_query(status, "dataset", sql.data, &missing);
    return code == PENSTOCK_OK && status->builder.table->row_count > before
               ? PENSTOCK_OK
               : add(status, "dataset", node->name, "not made yet", NULL, NULL, error);
}

static penstock_code add_nodes(struct status *status, struct penstock_error *error) {
    const struct ps_graph *graph = status->app->graph;
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct ps_node *node = &graph->nodes[i];
        switch (node->kind) {
        case PS_NODE_SOURCE: PS_TRY(add_source(status, i, error)); break;
        case PS_NODE_TABLE:
        case PS_NODE_VIEW: PS_TRY(add_relation(status, node, error)); break;
        case PS_NODE_SINK: PS_TRY(add_sink(status, node, error)); break;
        case PS_NODE_MODEL: PS_TRY(add_model(status, node, error)); break;
        case PS_NODE_JOB: PS_TRY(add_job(status, node, error)); break;
        case PS_NODE_DATASET: PS_TRY(add_dataset(status, node, error)); break;
        case PS_NODE_SQL: break;
        }
    }
    return PENSTOCK_OK;
}

/* How fast, only while it runs. */
static penstock_code add_epochs(struct status *status, struct penstock_error *error) {
    return add_query(
        status, "epochs",
        status->access.is_remote
            ? "SELECT 'last ' || max(epoch) AS name, (SELECT format("
              "'{:.1f} epochs/s, {:.0f} records/s in the last minute',"
              " count(*) / 60.0, coalesce(sum(records), 0) / 60.0) FROM penstock.epochs"
              " WHERE committed_at > (now() AT TIME ZONE 'UTC') - INTERVAL 1 MINUTE) AS state,"
              " CAST(coalesce(sum(records), 0) AS BIGINT) AS count,"
              " 'records read in ' || if(min(epoch) > 1, 'the last ', '') || count(*) || ' epochs' AS detail"
              " FROM penstock.epochs"
            : "SELECT 'last ' || max(epoch) AS name, NULL AS state, CAST(coalesce(sum(records), 0) AS BIGINT) AS count,"
              " 'records read in ' || if(min(epoch) > 1, 'the last ', '') || count(*) || ' epochs' AS detail"
              " FROM penstock.epochs",
        error);
}

static penstock_code add_all(struct status *status, struct penstock_error *error) {
    const char *store = status->app->project->store_path;
    const bool has_store = ps_access_has_store(&status->access);
    PS_TRY(add(status, "store", store,
               !has_store ? "not made yet"
                          : (status->access.is_remote ? "open in a running application" : "closed"),
               NULL, NULL, error));
    PS_TRY(add_application(status, error));
    if (!has_store) {
        return PENSTOCK_OK;
    }
    PS_TRY(add_epochs(status, error));
    PS_TRY(add_nodes(status, error));
    return add_query(
        status, "dead letters",
        "SELECT coalesce(statement, source) AS name, reason || coalesce(' ' || rule, '') AS state, count(*) AS count,"
        " 'not replayed' AS detail FROM penstock.dead_letters WHERE replayed_epoch IS NULL GROUP BY ALL ORDER BY ALL",
        error);
}

penstock_code ps_app_status(struct ps_app *app, struct ps_text_table **table_out,
                            struct penstock_error *error) {
    static const char *const names[] = {"kind", "name", "state", "count", "detail"};
    static const char *const types[] = {"VARCHAR", "VARCHAR", "VARCHAR", "BIGINT", "VARCHAR"};
    struct status status = {.app = app};
    PS_TRY(ps_access_open(app, &status.access, error));
    const size_t node_count = app->graph->node_count;
    status.lags = ps_allocate(node_count + 1, sizeof *status.lags);
    penstock_code code = status.lags == NULL ? ps_error_memory(error, "status")
                                             : ps_text_table_begin(&status.builder, names, types, 5, error);
    for (size_t i = 0; status.lags != NULL && i < node_count; i++) {
        status.lags[i] = -1;
    }
    ask_lags(&status);
    code = code == PENSTOCK_OK ? add_all(&status, error) : code;
    code = code == PENSTOCK_OK ? ps_text_table_end(&status.builder, table_out, error) : code;
    ps_text_table_builder_done(&status.builder);
    ps_release(status.lags);
    ps_access_close(&status.access);
    return code;
}
