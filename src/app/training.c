/* SPDX-License-Identifier: Apache-2.0
 *
 * training.c - one training of one model; and those of a run that has read its sources to the end.
 *
 * Training reads in one transaction, so the rows and the positions that are written beside the model are those of
 * the same moment; it is rolled back, for it wrote nothing. Version, report and aliases are written in a second one.
 * No other process writes the store in between; a person may move an alias, and then what was compared with the old
 * champion is not published.
 */
#include "app/training.h"

#include <inttypes.h>
#include <stdio.h>

#include "app/datasets.h"
#include "app/jobs.h"
#include "app/late.h"
#include "app/standing.h"
#include "base/clock.h"
#include "base/limits.h"
#include "publish/history.h"
#include "publish/registry.h"
#include "publish/snapshot.h"
#include "sql/tree.h"

/* Of the memory that the user gave: the rest is DuckDB's, see run.c. */
#define SOLVER_SHARE_PERCENT 40
/* JSON of the positions: a million files with long names. */
#define POSITIONS_SIZE_MAX ((size_t)512 << 20)
#define FIRST_FITS_NS (INT64_C(5) * 1000000000)
#define NEXT_FITS_NS (INT64_C(60) * 1000000000)

struct training {
    const struct ps_training_setup *setup;
    struct ps_progress *progress;
    const struct ps_node *node;
    struct ps_connection *connection;
    struct ps_model_outcome *outcome;
    struct ps_train_options options;
    struct ps_buffer positions; /* JSON */
    struct ps_buffer snapshot;  /* JSON: publish/snapshot.h */
    bool can_skip;              /* everything it reads comes from sources with positions */
    struct ps_fitted *champion;
    double *champion_predictions;
    int64_t search_ns; /* when the search's first fit began */
    int64_t told_ns;   /* when a line about its fits was due last */
};

/* ---- what the model stands on ---- */

struct outside {
    bool found;
};

static bool look_for_function(yyjson_mut_val *node, void *context) {
    struct outside *outside = context;
    outside->found = outside->found || strcmp(ps_tree_member(node, "type"), "TABLE_FUNCTION") == 0;
    return !outside->found;
}

/* Does the SELECT read anything that is no node of the graph (a file, read_csv(...), a table made by hand)? */
static penstock_code reads_outside(struct training *training, struct ps_arena *arena, bool *reads_out,
                                   struct penstock_error *error) {
    struct ps_tree *tree PS_SCOPED(ps_tree_free_scoped) = NULL;
    struct ps_table_reference *tables = NULL;
    size_t count = 0;
    struct outside outside = {false};
    PS_TRY(ps_tree_parse(training->connection, training->node->statement->as.model.select.text, &tree, NULL,
                         error));
    PS_TRY(ps_tree_tables(tree, arena, &tables, &count, error));
    for (size_t i = 0; i < count; i++) {
        outside.found = outside.found || ps_graph_find(training->progress->app->graph, tables[i].name) < 0;
    }
    ps_tree_visit(ps_tree_root(tree), look_for_function, &outside);
    *reads_out = outside.found;
    return PENSTOCK_OK;
}

/* Positions of the sources that the model stands on, and whether they say everything about its rows. */
static penstock_code find_positions(struct training *training, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    size_t source_count = 0;
    bool outside = false;
    if (arena == NULL) {
        return ps_error_memory(error, "positions");
    }
    PS_TRY(ps_standing_positions(training->connection, training->progress->app->graph, training->node,
                                 &training->positions, &source_count, error));
    PS_TRY(reads_outside(training, arena, &outside, error));
    training->can_skip = source_count > 0 && !outside;
    return PENSTOCK_OK;
}

/* The champion or the last version, if it was trained from the same positions by the same statement; 0 if not. */
static penstock_code find_same(struct training *training, int64_t *version_out,
                               struct penstock_error *error) {
    const char *const values[] = {training->node->name, training->positions.data,
                                  training->node->statement->text};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    *version_out = 0;
    if (!training->can_skip) {
        return PENSTOCK_OK;
    }
    PS_TRY(ps_sql_query_with(
        training->connection,
        "SELECT m.version FROM penstock.models m WHERE m.name = $1"
        " AND CAST(m.positions AS VARCHAR) = $2 AND m.statement_text = $3"
        " AND (m.version = (SELECT max(l.version) FROM penstock.models l WHERE l.name = $1)"
        " OR m.version = (SELECT a.version FROM penstock.model_aliases a WHERE a.model = $1 AND a.alias = 'champion'))"
        " ORDER BY m.version DESC LIMIT 1",
        values, 3, &result, error));
    *version_out = ps_result_row_count(result) > 0 ? ps_result_integer(result, 0, 0) : 0;
    return PENSTOCK_OK;
}

/* ---- the champion ---- */

/* A champion that cannot be scored (a column it reads is gone) leaves no predictions: the gate then says so. */
static penstock_code score_champion(struct training *training, struct penstock_error *error) {
    struct ps_model_outcome *outcome = training->outcome;
    PS_TRY(
        ps_registry_alias(training->connection, outcome->name, "champion", &outcome->champion_before, error));
    if (outcome->champion_before == 0) {
        return PENSTOCK_OK;
    }
    PS_TRY(ps_registry_load(training->connection, outcome->name, outcome->champion_before,
                            &training->champion, error));
    if (outcome->candidate->holdout.row_count == 0) {
        return PENSTOCK_OK;
    }
    struct penstock_error reason;
    const penstock_code code = ps_model_score_holdout(
        &training->options, outcome->candidate, training->champion, &training->champion_predictions, &reason);
    if (code == PENSTOCK_SQL || code == PENSTOCK_INVALID_DATA || code == PENSTOCK_INVALID_PROJECT ||
        code == PENSTOCK_NOT_FOUND) {
        ps_error_context(&reason,
                         "champion version %" PRId64 " of %s cannot be scored on the new hold-out rows",
                         outcome->champion_before, outcome->name);
        ps_voice_complain(training->setup->voice, &reason);
        return PENSTOCK_OK;
    }
    if (code != PENSTOCK_OK && error != NULL) {
        *error = reason;
    }
    return code;
}

static penstock_code is_same_model(struct training *training, bool *same_out, struct penstock_error *error) {
    *same_out = false;
    if (training->champion == NULL) {
        return PENSTOCK_OK;
    }
    struct ps_buffer before PS_SCOPED(ps_buffer_done) = {0};
    struct ps_buffer after PS_SCOPED(ps_buffer_done) = {0};
    ps_buffer_init(&before, PS_LIMIT_ARENA_SIZE);
    ps_buffer_init(&after, PS_LIMIT_ARENA_SIZE);
    PS_TRY(ps_fitted_to_json(training->champion, &before, error));
    PS_TRY(ps_fitted_to_json(training->outcome->candidate->fitted, &after, error));
    *same_out = before.size == after.size && memcmp(before.data, after.data, after.size) == 0;
    return PENSTOCK_OK;
}

/* ---- one model ---- */

static void take_samples(struct ps_model_outcome *outcome) {
    const struct ps_candidate *candidate = outcome->candidate;
    const int64_t count = candidate->holdout.row_count;
    if (candidate->holdout_labels == NULL || candidate->holdout_predictions == NULL) {
        return;
    }
    const int64_t wanted = count < 3 ? count : 3;
    for (int64_t i = 0; i < wanted; i++) { /* one from each part of the hold-out */
        const int64_t row = (2 * i + 1) * count / (2 * wanted);
        outcome->sample_labels[i] = candidate->holdout_labels[row];
        outcome->sample_predictions[i] = candidate->holdout_predictions[row];
    }
    outcome->sample_count = (size_t)(wanted > 0 ? wanted : 0);
}

/* A search of minutes or days says so in time: soon for the first time, then seldom. */
static void tell_fits(int64_t done, int64_t count, void *context) {
    struct training *training = context;
    const int64_t now = ps_clock_monotonic_ns();
    if (done == 0) {
        training->search_ns = training->told_ns = now;
        return;
    }
    if (now - training->told_ns < (training->told_ns == training->search_ns ? FIRST_FITS_NS : NEXT_FITS_NS)) {
        return;
    }
    training->told_ns = now;
    const double seconds = (double)(now - training->search_ns) / 1e9;
    const double left = seconds / (double)done * (double)(count - done);
    const bool is_hours = left >= 7200, is_minutes = left >= 120;
    ps_voice_line(training->setup->voice,
                  "model %s: %" PRId64 " of %" PRId64
                  " fits of the search in %.0f s; at this pace %.0f %s more",
                  training->outcome->name, done, count, seconds,
                  left / (is_hours     ? 3600
                          : is_minutes ? 60
                                       : 1),
                  is_hours     ? "hours"
                  : is_minutes ? "minutes"
                               : "seconds");
}

static penstock_code train(struct training *training, struct penstock_error *error) {
    PS_TRY(find_positions(training, error));
    int64_t same = 0;
    PS_TRY(find_same(training, &same, error));
    if (same > 0) {
        training->outcome->is_skipped = true;
        training->outcome->version = same;
        return ps_registry_alias(training->connection, training->outcome->name, "champion",
                                 &training->outcome->champion_before, error);
    }
    ps_voice_line(training->setup->voice, "model %s: training", training->outcome->name);
    PS_TRY(ps_snapshot_record(training->connection, training->progress->app->graph, training->node,
                              &training->snapshot, error));
    PS_TRY(ps_model_train(&training->options, &training->outcome->candidate, error));
    const penstock_code code = score_champion(training, error);
    if (code != PENSTOCK_OK) {
        (void)ps_error_context(error, "score the champion of model %s", training->outcome->name);
    }
    return code;
}

/* What was compared with one champion says nothing about another. */
static penstock_code check_champion(struct training *training, struct penstock_error *error) {
    const struct ps_model_outcome *outcome = training->outcome;
    int64_t now = 0;
    PS_TRY(ps_registry_alias(training->connection, outcome->name, "champion", &now, error));
    if (now == outcome->champion_before) {
        return PENSTOCK_OK;
    }
    ps_error_set(error, PENSTOCK_INVALID_DATA,
                 "the champion of model %s became version %" PRId64 " while a model was compared with version"
                 " %" PRId64,
                 outcome->name, now, outcome->champion_before);
    return ps_error_hint(error, "train again");
}

static penstock_code write_outcome(struct training *training, struct penstock_error *error) {
    struct ps_model_outcome *outcome = training->outcome;
    if (outcome->report != NULL) {
        const struct ps_publication publication = {.candidate = outcome->candidate,
                                                   .report = outcome->report,
                                                   .application =
                                                       ps_application_id(training->progress->application),
                                                   .model_name = outcome->name,
                                                   .positions_json = training->positions.data,
                                                   .snapshot_json = training->snapshot.data};
        PS_TRY(check_champion(training, error));
        PS_TRY(ps_registry_publish(training->connection, &publication, &outcome->version, error));
    }
    if (training->setup->on_outcome != NULL) {
        PS_TRY(training->setup->on_outcome(training->setup->context, outcome, error));
    }
    return ps_store_check_owner(training->progress->store, error);
}

/* Version, report, aliases and what a job keeps, together. */
static penstock_code publish(struct training *training, struct penstock_error *error) {
    if (training->outcome->report == NULL && training->setup->on_outcome == NULL) {
        return PENSTOCK_OK;
    }
    PS_TRY(ps_sql_run(training->connection, "BEGIN TRANSACTION", error));
    penstock_code code = write_outcome(training, error);
    code = code == PENSTOCK_OK ? ps_sql_run(training->connection, "COMMIT", error) : code;
    if (code != PENSTOCK_OK) {
        struct penstock_error ignored;
        (void)!ps_sql_run(training->connection, "ROLLBACK", &ignored);
        (void)ps_error_context(error, "publish model %s", training->outcome->name);
    }
    return code;
}

static void tell(struct training *training) {
    const struct ps_model_outcome *outcome = training->outcome;
    const struct ps_candidate *candidate = outcome->candidate;
    for (size_t i = 0; i < candidate->stage_count; i++) {
        ps_voice_task(training->setup->voice,
                      "model %s, %s finished: %" PRId64 " tasks in %.1f ms, %.1f ms cpu", outcome->name,
                      candidate->stages[i].name, candidate->stages[i].task_count,
                      (double)candidate->stages[i].wall_ns / 1e6, (double)candidate->stages[i].cpu_ns / 1e6);
    }
    if (outcome->is_unchanged) {
        ps_voice_line(training->setup->voice,
                      "model %s: bit for bit the champion, version %" PRId64 ": nothing to publish",
                      outcome->name, outcome->version);
        return;
    }
    ps_voice_line(training->setup->voice, "model %s version %" PRId64 ": %s", outcome->name, outcome->version,
                  outcome->report->sentence);
    ps_log_write(ps_application_log(training->progress->application),
                 outcome->report->passed ? PS_LOG_NOTICE : PS_LOG_WARNING, NULL,
                 "model %s version %" PRId64 ": %s", outcome->name, outcome->version,
                 outcome->report->sentence);
}

static penstock_code judge(struct training *training, struct penstock_error *error) {
    struct ps_model_outcome *outcome = training->outcome;
    take_samples(outcome);
    PS_TRY(is_same_model(training, &outcome->is_unchanged, error));
    if (outcome->is_unchanged) {
        outcome->version = outcome->champion_before;
        return PENSTOCK_OK;
    }
    struct ps_gate_question question = {.candidate = outcome->candidate,
                                        .champion_version = outcome->champion_before,
                                        .champion_predictions = training->champion_predictions};
    PS_TRY(
        ps_registry_recall(training->connection, outcome->name, outcome->candidate->arena, &question, error));
    return ps_gate_judge(&question, &outcome->report, error);
}

static penstock_code look_and_train(struct training *training, struct penstock_error *error) {
    if (training->setup->on_snapshot != NULL) {
        PS_TRY(training->setup->on_snapshot(training->setup->context, error));
    }
    return train(training, error);
}

static penstock_code run_model(struct training *training, struct penstock_error *error) {
    PS_TRY(ps_sql_run(training->connection, "BEGIN TRANSACTION", error));
    const penstock_code code = look_and_train(training, error);
    struct penstock_error ignored; /* what failed before is what counts, and a snapshot has nothing to lose */
    (void)!ps_sql_run(training->connection, "ROLLBACK", &ignored);
    PS_TRY(code);
    if (!training->outcome->is_skipped) {
        PS_TRY(judge(training, error));
    }
    PS_TRY(publish(training, error));
    if (training->outcome->is_skipped) {
        ps_voice_line(training->setup->voice, "model %s: nothing new since version %" PRId64 ", not trained",
                      training->outcome->name, training->outcome->version);
    } else {
        tell(training);
    }
    return PENSTOCK_OK;
}

penstock_code ps_training_one(const struct ps_training_setup *setup, struct ps_model_outcome *outcome,
                              struct penstock_error *error) {
    const struct ps_project *project = setup->progress->app->project;
    outcome->name = ps_arena_copy(setup->arena, setup->node->name);
    if (outcome->name == NULL) {
        return ps_error_memory(error, "model");
    }
    struct training training = {.setup = setup,
                                .progress = setup->progress,
                                .node = setup->node,
                                .connection = setup->connection,
                                .outcome = outcome};
    training.options = (struct ps_train_options){.project = project,
                                                 .node = setup->node,
                                                 .connection = setup->connection,
                                                 .thread_count = setup->thread_count,
                                                 .memory_max = project->manifest.executor_memory / 100 *
                                                               SOLVER_SHARE_PERCENT,
                                                 .stop = setup->stop,
                                                 .on_fit = tell_fits,
                                                 .on_fit_context = &training};
    ps_buffer_init(&training.positions, POSITIONS_SIZE_MAX);
    ps_buffer_init(&training.snapshot, POSITIONS_SIZE_MAX);
    const penstock_code code = run_model(&training, error);
    ps_buffer_done(&training.positions);
    ps_buffer_done(&training.snapshot);
    ps_fitted_free(training.champion);
    ps_release(training.champion_predictions);
    return code;
}

/* ---- those of a run ---- */

static void remember_refusal(struct ps_progress *progress, const struct ps_model_outcome *outcome) {
    if (outcome->report != NULL && !outcome->report->passed && progress->refusal == NULL) {
        progress->refusal =
            ps_arena_printf(progress->arena, "model %s version %" PRId64 " was not published: %s",
                            outcome->name, outcome->version, outcome->report->sentence);
    }
}

static penstock_code run_node(struct ps_progress *progress, const struct ps_node *node,
                              struct ps_model_outcome *outcome, struct penstock_error *error) {
    const struct ps_training_setup setup = {.progress = progress,
                                            .voice = &progress->voice,
                                            .node = node,
                                            .connection = progress->store->connection,
                                            .thread_count = progress->app->project->core_count,
                                            .stop = &progress->app->stop,
                                            .arena = progress->arena};
    return ps_training_one(&setup, outcome, error);
}

/* What has a job is trained when that is due: by a run that goes on, beside the stream. */
static penstock_code run_nodes(struct ps_progress *progress, size_t count, struct penstock_error *error) {
    const struct ps_graph *graph = progress->app->graph;
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct ps_node *node = &graph->nodes[i];
        if (node->kind == PS_NODE_MODEL && !ps_jobs_has_model(progress->jobs, node)) {
            PS_TRY(run_node(progress, node, &progress->models[progress->model_count], error));
            progress->model_count++;
        } else if (node->kind == PS_NODE_DATASET) {
            PS_TRY(ps_dataset_make(progress, node, error));
        }
        PS_TRY(ps_late_run(progress, i, i + 1, false, error));
    }
    if (progress->options->once) {
        PS_TRY(ps_jobs_run_due(progress->jobs, progress->models, count, &progress->model_count, error));
    }
    return ps_late_run(progress, 0, graph->node_count, true, error);
}

penstock_code ps_training_run(struct ps_progress *progress, struct penstock_error *error) {
    const struct ps_graph *graph = progress->app->graph;
    size_t count = 0, dataset_count = 0;
    for (size_t i = 0; i < graph->node_count; i++) {
        count += graph->nodes[i].kind == PS_NODE_MODEL;
        dataset_count += graph->nodes[i].kind == PS_NODE_DATASET;
    }
    if (count + dataset_count == 0) {
        return PENSTOCK_OK;
    }
    progress->models = ps_arena_allocate(progress->arena, count + 1, sizeof *progress->models);
    progress->datasets = ps_arena_allocate(progress->arena, dataset_count + 1, sizeof *progress->datasets);
    if (progress->models == NULL || progress->datasets == NULL) {
        return ps_error_memory(error, "models");
    }
    ps_shelf_unpin(progress->shelf); /* the last epoch is over */
    /* The stream's order needs one thread, a scan of all rows does not. */
    PS_TRY(ps_engine_set_threads(progress->store->engine, progress->app->project->core_count, error));
    const penstock_code code = run_nodes(progress, count, error);
    if (code != PENSTOCK_OK) { /* the one that failed may hold a candidate already */
        ps_training_free(&progress->models[progress->model_count], 1);
        progress->models[progress->model_count] = (struct ps_model_outcome){0};
        return code;
    }
    for (size_t i = 0; i < progress->model_count; i++) {
        remember_refusal(progress, &progress->models[i]);
    }
    return ps_engine_set_threads(progress->store->engine, 1, error);
}

void ps_training_free(struct ps_model_outcome *models, size_t count) {
    for (size_t i = 0; i < count; i++) {
        ps_candidate_free(models[i].candidate);
        ps_gate_report_free(models[i].report);
    }
}
