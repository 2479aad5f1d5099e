/* SPDX-License-Identifier: Apache-2.0
 *
 * jobs_list.c - the jobs of a project as a table, and one of them carried out now: through the process that runs the
 * project, or as an application of its own.
 */
#include "app/session.h"

#include <inttypes.h>
#include <stdio.h>

#include "app/control.h"
#include "app/job_store.h"
#include "app/progress.h"
#include "app/table.h"
#include "base/clock.h"

#define SQL_SIZE_MAX ((size_t)1 << 20)
#define TEXT_SIZE_MAX 4096
/* Numbers in memory are answered at once. */
#define STATUS_WAIT_MS 2000

struct listing {
    struct ps_app *app;
    struct ps_access access;
    struct ps_text_table_builder builder;
    struct ps_arena *arena;
    const char *running_model; /* NULL: nothing is trained */
    int64_t running_since_ms;
};

/* What is trained now, from the process that runs the project. */
static void ask_running(struct listing *listing) {
    yyjson_mut_doc *request PS_SCOPED(ps_json_free_scoped) = ps_json_new();
    yyjson_doc *answer PS_SCOPED(ps_json_read_free_scoped) = NULL;
    struct penstock_error ignored;
    if (request == NULL || !listing->access.is_remote) {
        return;
    }
    ps_json_add_text(request, yyjson_mut_doc_get_root(request), "request", "status");
    if (ps_control_ask(listing->access.store_path, request, STATUS_WAIT_MS, &answer, &ignored) ==
        PENSTOCK_OK) {
        yyjson_val *training = yyjson_obj_get(yyjson_doc_get_root(answer), "training");
        const char *model = yyjson_get_str(yyjson_obj_get(training, "model"));
        listing->running_model = model == NULL ? NULL : ps_arena_copy(listing->arena, model);
        listing->running_since_ms = yyjson_get_sint(yyjson_obj_get(training, "since_ms"));
    }
}

/* NULL: there is no store yet, or it has never seen a job or this table. */
static struct ps_text_table *query_if_there(struct listing *listing, const char *sql) {
    struct penstock_error ignored;
    struct ps_text_table *table = NULL;
    if (ps_access_query(&listing->access, sql, &table, &ignored) != PENSTOCK_OK) {
        return NULL;
    }
    if (table->row_count == 0) {
        ps_text_table_free(table);
        return NULL;
    }
    return table;
}

static const char *cell(const struct ps_text_table *table, size_t column) {
    return table == NULL ? NULL : table->cells[column];
}

static int64_t number(const char *text) {
    int64_t value = 0;
    return text != NULL && ps_parse_integer(text, &value) ? value : 0;
}

/* What is known of one job. */
struct facts {
    struct ps_text_table *mark, *run, *rows;
    int64_t due_ms, rows_left;
    bool has_rows_left;
};

static void facts_done(struct facts *facts) {
    ps_text_table_free(facts->mark);
    ps_text_table_free(facts->run);
    ps_text_table_free(facts->rows);
}

static penstock_code find_facts(struct listing *listing, const struct ps_node *node,
                                const struct ps_node *model, struct facts *facts,
                                struct penstock_error *error) {
    const struct ps_job_statement *job = &node->statement->as.job;
    struct ps_buffer sql PS_SCOPED(ps_buffer_done) = {0};
    ps_buffer_init(&sql, SQL_SIZE_MAX);
    ps_buffer_text(&sql,
                   "SELECT epoch_ms(handled_at), row_count, statement FROM penstock.jobs WHERE name = ");
    ps_buffer_sql_literal(&sql, node->name);
    PS_TRY(ps_buffer_status(&sql, error));
    facts->mark = query_if_there(listing, sql.data);
    ps_buffer_clear(&sql);
    ps_buffer_text(
        &sql,
        "SELECT strftime(finished_at, '%Y-%m-%dT%H:%M:%S') || 'Z', outcome, version, sentence FROM penstock.job_runs"
        " WHERE job = ");
    ps_buffer_sql_literal(&sql, node->name);
    ps_buffer_text(&sql, " ORDER BY finished_at DESC LIMIT 1");
    PS_TRY(ps_buffer_status(&sql, error));
    facts->run = query_if_there(listing, sql.data);
    ps_buffer_clear(&sql);
    PS_TRY(ps_job_count_sql(listing->app->graph, model, &sql, error));
    facts->rows = query_if_there(listing, sql.data);
    facts->due_ms = PS_CRON_NEVER;
    if (job->every != NULL && facts->mark != NULL) {
        const struct ps_zone *zone = NULL;
        PS_TRY(ps_zone_load(job->time_zone, listing->arena, &zone, error));
        facts->due_ms = ps_cron_next(&job->cron, zone, number(cell(facts->mark, 0)));
    }
    if (job->row_count > 0 && facts->mark != NULL && facts->rows != NULL) {
        const int64_t left = job->row_count - (number(cell(facts->rows, 0)) - number(cell(facts->mark, 1)));
        facts->rows_left = left < 0 ? 0 : left;
        facts->has_rows_left = true;
    }
    return PENSTOCK_OK;
}

static const char *state_of(const struct listing *listing, const struct ps_node *model,
                            const struct facts *facts, char *text, size_t size) {
    char fingerprint[24];
    (void)snprintf(fingerprint, sizeof fingerprint, "%016" PRIx64, ps_job_fingerprint(model));
    if (listing->running_model != NULL && ps_text_equal_nocase(listing->running_model, model->name)) {
        char since[40];
        ps_clock_format_iso(listing->running_since_ms, since, sizeof since);
        (void)snprintf(text, size, "training since %s", since);
        return text;
    }
    if (facts->mark == NULL) {
        return "due: first training";
    }
    if (cell(facts->mark, 2) != NULL && strcmp(cell(facts->mark, 2), fingerprint) != 0) {
        return "due: changed statement";
    }
    return facts->due_ms <= ps_clock_wall_ms() || (facts->has_rows_left && facts->rows_left == 0) ? "due"
                                                                                                  : "waits";
}

static penstock_code add_job(struct listing *listing, const struct ps_node *node,
                             struct penstock_error *error) {
    const struct ps_node *model = &listing->app->graph->nodes[node->inputs[0]];
    struct facts facts PS_SCOPED(facts_done) = {0};
    struct ps_buffer words PS_SCOPED(ps_buffer_done) = {0};
    char due[40];
    char left[24];
    char state[80];
    PS_TRY(find_facts(listing, node, model, &facts, error));
    ps_buffer_init(&words, TEXT_SIZE_MAX);
    ps_job_describe(&node->statement->as.job, &words);
    PS_TRY(ps_buffer_status(&words, error));
    ps_clock_format_iso(facts.due_ms == PS_CRON_NEVER ? 0 : facts.due_ms, due, sizeof due);
    (void)snprintf(left, sizeof left, "%" PRId64, facts.rows_left);
    const char *const cells[] = {node->name,
                                 model->name,
                                 words.data,
                                 state_of(listing, model, &facts, state, sizeof state),
                                 facts.due_ms == PS_CRON_NEVER ? NULL : due,
                                 facts.has_rows_left ? left : NULL,
                                 cell(facts.run, 0),
                                 cell(facts.run, 1),
                                 cell(facts.run, 2),
                                 cell(facts.run, 3)};
    return ps_text_table_row(&listing->builder, cells, error);
}

static penstock_code list(struct listing *listing, struct penstock_error *error) {
    static const char *const names[] = {"job",       "model",    "trains",  "state",   "next_due",
                                        "rows_left", "last_run", "outcome", "version", "sentence"};
    static const char *const types[] = {"VARCHAR", "VARCHAR",   "VARCHAR", "VARCHAR", "TIMESTAMP",
                                        "BIGINT",  "TIMESTAMP", "VARCHAR", "BIGINT",  "VARCHAR"};
    const struct ps_graph *graph = listing->app->graph;
    listing->arena = ps_arena_new(0);
    if (listing->arena == NULL) {
        return ps_error_memory(error, "jobs");
    }
    ask_running(listing);
    PS_TRY(ps_text_table_begin(&listing->builder, names, types, sizeof names / sizeof names[0], error));
    for (size_t i = 0; i < graph->node_count; i++) {
        if (graph->nodes[i].kind == PS_NODE_JOB) {
            PS_TRY(add_job(listing, &graph->nodes[i], error));
        }
    }
    return PENSTOCK_OK;
}

penstock_code ps_app_jobs_list(struct ps_app *app, struct ps_text_table **table_out,
                               struct penstock_error *error) {
    struct listing listing = {.app = app};
    PS_TRY(ps_access_open(app, &listing.access, error));
    penstock_code code = list(&listing, error);
    code = code == PENSTOCK_OK ? ps_text_table_end(&listing.builder, table_out, error) : code;
    ps_text_table_builder_done(&listing.builder);
    ps_arena_free(listing.arena);
    ps_access_close(&listing.access);
    return code;
}

static penstock_code ask_process(struct ps_access *access, const char *name, struct ps_job_result *result_out,
                                 struct penstock_error *error) {
    yyjson_mut_doc *request PS_SCOPED(ps_json_free_scoped) = ps_json_new();
    yyjson_doc *answer PS_SCOPED(ps_json_read_free_scoped) = NULL;
    if (request == NULL) {
        return ps_error_memory(error, "request");
    }
    ps_json_add_text(request, yyjson_mut_doc_get_root(request), "request", "train");
    ps_json_add_text(request, yyjson_mut_doc_get_root(request), "job", name);
    PS_TRY(ps_control_ask(access->store_path, request, 0, &answer, error));
    yyjson_val *root = yyjson_doc_get_root(answer);
    const char *outcome = yyjson_get_str(yyjson_obj_get(root, "outcome"));
    const char *sentence = yyjson_get_str(yyjson_obj_get(root, "sentence"));
    (void)snprintf(result_out->outcome, sizeof result_out->outcome, "%s", outcome == NULL ? "" : outcome);
    (void)snprintf(result_out->sentence, sizeof result_out->sentence, "%s", sentence == NULL ? "" : sentence);
    result_out->version = yyjson_get_sint(yyjson_obj_get(root, "version"));
    return PENSTOCK_OK;
}

penstock_code ps_app_jobs_run(struct ps_app *app, const char *name, const struct ps_app_run_options *options,
                              struct ps_job_result *result_out, struct penstock_error *error) {
    struct ps_access access = {0};
    struct penstock_error local = {0};
    struct penstock_error *where = error == NULL ? &local : error;
    *result_out = (struct ps_job_result){.version = 0};
    PS_TRY(ps_access_open(app, &access, where));
    const bool is_remote = access.is_remote;
    const penstock_code code = is_remote ? ask_process(&access, name, result_out, where) : PENSTOCK_OK;
    ps_access_close(&access);
    return is_remote ? code : ps_app_train(app, name, options, result_out, where);
}
