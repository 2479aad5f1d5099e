/* SPDX-License-Identifier: Apache-2.0
 *
 * train.c - the stages of a training, one after the other, with their times.
 */
#include "model/training.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "model/absolute.h"
#include "model/classes.h"
#include "model/fit.h"
#include "model/leaks.h"
#include "model/model.h"
#include "model/sample.h"
#include "model/sanity.h"
#include "model/slices.h"

/* Stages of a training at most: split, classes, fit, scan, second scan, solve, refit, score. */
enum { STAGE_MAX = 10 };

static void begin_stage(struct ps_training *training) {
    training->wall_ns = ps_clock_monotonic_ns();
    training->cpu_ns = ps_clock_cpu_ns();
}

penstock_code ps_training_end_stage(struct ps_training *training, int64_t task_count, const char *name,
                                    struct penstock_error *error) {
    struct ps_candidate *candidate = training->candidate;
    if (name == NULL || candidate->stage_count >= STAGE_MAX) {
        return ps_error_memory(error, "stages");
    }
    candidate->stages[candidate->stage_count++] = (struct ps_stage_time){
        .name = name,
        .wall_ns = ps_clock_monotonic_ns() - training->wall_ns,
        .cpu_ns = ps_clock_cpu_ns() - training->cpu_ns,
        .task_count = task_count,
    };
    begin_stage(training);
    return PENSTOCK_OK;
}

static penstock_code take_note(void *context, const char *text, struct penstock_error *error) {
    return ps_notes_add(context, error, "%s", text);
}

penstock_code ps_training_read_statement(struct ps_training *training, struct penstock_error *error) {
    const struct ps_train_options *options = training->options;
    const struct ps_node *node = options->node;
    const char *const *names = node->column_names;
    const char *const *types = node->column_types;
    size_t count = node->column_count;
    if (count == 0) {
        const char **found_names = NULL;
        const char **found_types = NULL;
        PS_TRY(ps_sql_describe(options->connection, node->statement->as.model.select.text, training->arena,
                               &found_names, &found_types, &count, NULL, error));
        names = found_names;
        types = found_types;
    }
    PS_TRY(ps_recipe_read(node->statement, names, types, count, training->arena, &training->recipe, error));
    training->column_names = names;
    training->column_types = types;
    training->column_count = count;
    for (size_t i = 0; i < training->recipe->left_out_count; i++) {
        PS_TRY(ps_notes_add(&training->notes, error,
                            "column %s is left out: no TRANSFORM makes numbers of it",
                            training->recipe->left_out[i]));
    }
    return PENSTOCK_OK;
}

static penstock_code split(struct ps_training *training, struct penstock_error *error) {
    PS_TRY(ps_dataset_open(training->options->connection, training->recipe, training->options->thread_count,
                           training->arena, &training->dataset, error));
    PS_TRY(ps_dataset_cut_series(&training->dataset, &training->recipe->validation, error));
    if (training->dataset.null_times > 0) {
        PS_TRY(ps_notes_add(&training->notes, error,
                            "%lld rows without %s are in neither training nor hold-out",
                            (long long)training->dataset.null_times, training->recipe->by_column));
    }
    if (training->dataset.is_sorted && training->recipe->validation.fold_column == NULL) {
        PS_TRY(ps_notes_add(
            &training->notes, error,
            "the SELECT's order of rows is not fixed: rows are sorted by all columns, so that folds repeat"));
    }
    return training->dataset.scan_count == 0
               ? PENSTOCK_OK
               : ps_training_end_stage(training, training->dataset.scan_count, "split by time", error);
}

static penstock_code find_classes(struct ps_training *training, struct penstock_error *error) {
    const int64_t before = training->dataset.scan_count;
    PS_TRY(ps_classes_find(&training->dataset, training->recipe, training->arena, &training->target, error));
    const int64_t scans = training->dataset.scan_count - before;
    training->candidate->scan_count += scans;
    return scans == 0 ? PENSTOCK_OK : ps_training_end_stage(training, scans, "find the classes", error);
}

static penstock_code fit_transforms(struct ps_training *training, struct penstock_error *error) {
    struct ps_buffer where PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&where, (size_t)16 << 20);
    if (training->dataset.training != NULL) {
        ps_buffer_printf(&where, "WHERE %s", training->dataset.training);
    }
    struct ps_fit fit = {
        .connection = training->options->connection,
        .relation = training->dataset.relation,
        .where = &where,
        .is_sorted = training->dataset.is_sorted,
        .pipeline = training->recipe->pipeline,
        .arena = training->arena,
        .stop = training->options->stop,
        .note = take_note,
        .note_context = &training->notes,
    };
    PS_TRY(ps_pipeline_fit(&fit, error));
    PS_TRY(ps_layout_init(&training->layout, training->recipe->pipeline, training->arena, error));
    return fit.scan_count == 0 ? PENSTOCK_OK
                               : ps_training_end_stage(training, fit.scan_count, "fit transforms", error);
}

static penstock_code check_counts(const struct ps_training *training, struct penstock_error *error) {
    const struct ps_tally *tally = &training->tally;
    const struct ps_recipe *recipe = training->recipe;
    const char *label = recipe->model->label;
    if (tally->row_count == 0) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA, "the model's SELECT gives no rows");
    }
    if (tally->null_labels > 0) {
        (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                           "the label %s is NULL or not finite in %lld of %lld rows", label,
                           (long long)tally->null_labels, (long long)tally->row_count);
        return ps_error_hint(error, "add WHERE %s IS NOT NULL to the SELECT", label);
    }
    if (tally->used_count == 0) {
        (void)ps_error_set(
            error, PENSTOCK_INVALID_DATA,
            "no training row is left of %lld: %lld are outliers, in %lld a feature is NULL or not finite",
            (long long)tally->row_count, (long long)tally->outliers, (long long)tally->null_features);
        return ps_error_hint(error, "Imputer fills NULLs; a larger k keeps more rows");
    }
    if (tally->used_count < (int64_t)recipe->validation.part_count && recipe->validation.series == NULL) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA, "%lld rows are fewer than the %zu folds",
                            (long long)tally->used_count, recipe->validation.part_count);
    }
    return PENSTOCK_OK;
}

static penstock_code note_counts(struct ps_training *training, struct penstock_error *error) {
    const struct ps_tally *tally = &training->tally;
    struct ps_row_counts *rows = &training->candidate->rows;
    rows->training = tally->used_count;
    rows->outliers = tally->outliers;
    rows->null_features = tally->null_features;
    rows->read = tally->row_count + training->dataset.null_times;
    if (tally->outliers > 0) {
        PS_TRY(ps_notes_add(&training->notes, error, "%lld of %lld training rows left out as outliers",
                            (long long)tally->outliers, (long long)tally->row_count));
    }
    if (tally->null_features > 0) {
        PS_TRY(ps_notes_add(&training->notes, error,
                            "%lld of %lld training rows left out: a feature is NULL or not finite",
                            (long long)tally->null_features, (long long)tally->row_count));
    }
    return PENSTOCK_OK;
}

/* What the gate wants to know of the rows is learnt from the search's own scan. */
static penstock_code watch_rows(struct ps_training *training, struct ps_scan *scan,
                                struct penstock_error *error) {
    const struct ps_pipeline *pipeline = training->recipe->pipeline;
    const char **names = ps_arena_allocate(training->arena, pipeline->input_count + 1, sizeof *names);
    bool *is_text = ps_arena_allocate(training->arena, pipeline->input_count + 1, sizeof *is_text);
    if (names == NULL || is_text == NULL) {
        return ps_error_memory(error, "a training");
    }
    for (size_t i = 0; i < pipeline->input_count; i++) {
        const struct ps_slot *slot = &pipeline->slots[pipeline->inputs[i]];
        names[i] = slot->name;
        is_text[i] = slot->kind == PS_SLOT_TEXT;
    }
    struct ps_sample **sample = &training->candidate->training_sample;
    PS_TRY(ps_sample_new(pipeline->input_count, names, is_text, PS_SAMPLE_ROWS, sample, error));
    for (size_t i = 0; i < pipeline->input_count; i++) { /* what CyclicEncoder makes numbers of */
        (*sample)->columns[i].is_time = is_text[i] && pipeline->slots[pipeline->inputs[i]].is_spent;
    }
    ps_sample_watch(*sample, scan);
    return PENSTOCK_OK;
}

static penstock_code scan_once(struct ps_training *training, struct penstock_error *error) {
    training->tally_options = (struct ps_tally_options){
        .pipeline = training->recipe->pipeline,
        .layout = &training->layout,
        .validation = &training->recipe->validation,
        .worker_count = training->options->thread_count > 1 ? (size_t)training->options->thread_count : 1,
        .memory_max = training->options->memory_max,
        .stop = training->options->stop,
    };
    struct ps_scan *scan = NULL;
    PS_TRY(ps_dataset_scan_training(&training->dataset, &scan, error));
    penstock_code code = watch_rows(training, scan, error);
    if (code == PENSTOCK_OK) {
        code = ps_tally_run(&training->tally_options, scan, &training->tally, error);
    }
    ps_scan_close(scan);
    PS_TRY(code);
    ps_sample_finish(training->candidate->training_sample);
    training->candidate->scan_count++;
    PS_TRY(check_counts(training, error));
    PS_TRY(note_counts(training, error));
    return ps_training_end_stage(training, training->tally.task_count, "search: one scan", error);
}

static struct ps_search_options search_options(const struct ps_training *training) {
    return (struct ps_search_options){
        .layout = &training->layout,
        .tally = &training->tally,
        .rows = training->rows,
        .validation = &training->recipe->validation,
        .estimators = training->recipe->estimators,
        .estimator_count = training->recipe->estimator_count,
        .target = &training->target,
        .offset_column = training->recipe->offset_column,
        .arena = training->arena,
        .stop = training->options->stop,
        .worker_count = training->tally_options.worker_count,
        .memory_max = training->options->memory_max,
        .on_fit = training->options->on_fit,
        .on_fit_context = training->options->on_fit_context,
    };
}

/* Where rows that memory does not hold may lie: where the engine puts its own. */
static penstock_code find_folder(const struct ps_training *training, const char **folder_out,
                                 struct penstock_error *error) {
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query(training->options->connection, "SELECT current_setting('temp_directory')", &result,
                        error));
    const char *text = ps_result_text(result, 0, 0);
    char *folder = ps_arena_copy(training->arena, text == NULL || text[0] == '\0' ? P_tmpdir : text);
    if (folder == NULL) {
        return ps_error_memory(error, "a training");
    }
    if (!ps_file_exists(folder)) { /* it is made when it is first needed; beside it is as good */
        char *slash = strrchr(folder, '/');
        if (slash != NULL && slash > folder) {
            *slash = '\0';
        }
        folder = slash != NULL && ps_file_exists(folder) ? folder : ps_arena_copy(training->arena, P_tmpdir);
    }
    *folder_out = folder;
    return folder != NULL ? PENSTOCK_OK : ps_error_memory(error, "a training");
}

static bool needs_rows(const struct ps_training *training) {
    /* the second scan that errors of linear models are measured by knows of no weights */
    const struct ps_validation *validation = &training->recipe->validation;
    bool is_needed = validation->score_weights != NULL && validation->metric->needs_rows;
    for (size_t i = 0; i < training->recipe->estimator_count; i++) {
        is_needed = is_needed || ps_estimator_needs_rows(&training->recipe->estimators[i]);
    }
    return is_needed;
}

static penstock_code collect_rows(struct ps_training *training, struct penstock_error *error) {
    if (!needs_rows(training)) {
        return PENSTOCK_OK;
    }
    const char *folder = NULL;
    PS_TRY(find_folder(training, &folder, error));
    struct ps_scan *scan = NULL;
    PS_TRY(ps_dataset_scan_training(&training->dataset, &scan, error));
    const penstock_code code =
        ps_rows_collect(&training->tally_options, &training->tally, folder, scan, &training->rows, error);
    ps_scan_close(scan);
    PS_TRY(code);
    training->candidate->scan_count++;
    if (training->rows->is_mapped) {
        PS_TRY(ps_notes_add(&training->notes, error,
                            "the training rows take %zu MiB, more than half of the memory: they lie in a "
                            "temporary file",
                            training->rows->memory_size >> 20));
    }
    return ps_training_end_stage(training, training->tally.task_count, "search: rows into memory", error);
}

static penstock_code scan_again(struct ps_training *training, struct penstock_error *error) {
    struct ps_scan *scan = NULL;
    PS_TRY(ps_dataset_scan_training(&training->dataset, &scan, error));
    const penstock_code code =
        ps_absolute_run(&training->tally_options, &training->tally, scan, &training->search, error);
    ps_scan_close(scan);
    PS_TRY(code);
    training->candidate->scan_count++;
    ps_search_choose(&training->search, training->recipe->validation.metric);
    const char *metric = training->recipe->validation.metric->name;
    PS_TRY(ps_notes_add(&training->notes, error, "%s needs the rows: the training rows were scanned twice",
                        metric));
    return ps_training_end_stage(training, training->tally.task_count,
                                 ps_arena_printf(training->arena, "search: second scan for %s", metric),
                                 error);
}

static penstock_code run_search(struct ps_training *training, struct penstock_error *error) {
    const struct ps_search_options options = search_options(training);
    if (!ps_pipeline_refits(training->recipe->pipeline)) {
        return ps_search_run(&options, &training->search, error);
    }
    const char *folder = NULL;
    PS_TRY(find_folder(training, &folder, error));
    return ps_training_solve_splits(training, &options, folder, error);
}

static penstock_code solve(struct ps_training *training, struct penstock_error *error) {
    PS_TRY(run_search(training, error));
    const struct ps_search *search = &training->search;
    if (search->unconverged_count > 0) {
        PS_TRY(ps_notes_add(&training->notes, error,
                            "%zu of %zu solutions reached maxIter before they converged",
                            search->unconverged_count, search->cell_count * search->split_count));
    }
    const char *name = ps_arena_printf(
        training->arena, "%s%zu x %zu",
        ps_pipeline_refits(training->recipe->pipeline) ? "fit transforms of each split and solve " : "solve ",
        search->cell_count, search->split_count);
    PS_TRY(ps_training_end_stage(training, (int64_t)(search->cell_count * search->split_count), name, error));
    return search->weights != NULL ? scan_again(training, error) : PENSTOCK_OK;
}

static penstock_code refit(struct ps_training *training, struct penstock_error *error) {
    const struct ps_search_options options = search_options(training);
    struct ps_refit *result = &training->refit;
    const struct ps_cell_origin *origin = &training->search.origins[training->search.best];
    PS_TRY(ps_search_refit(&options, origin, training->recipe->pipeline, result, error));
    PS_TRY(ps_notes_features(&training->notes, &training->layout, result, error));
    if (result->note != NULL) {
        PS_TRY(ps_notes_add(&training->notes, error, "%s", result->note));
    }
    struct ps_buffer json PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&json, (size_t)256 << 20);
    PS_TRY(ps_model_write_predictor(training->recipe->pipeline, result->predictor, &training->target, &json,
                                    error));
    PS_TRY(ps_fitted_from_json(json.data, json.size, &training->candidate->fitted, error));
    training->candidate->training = result->metrics;
    PS_TRY(ps_sanity_measure(&result->moments, &training->candidate->sanity, error));
    training->candidate->sanity.has_convergence = true;
    training->candidate->sanity.is_converged = !result->solution.is_unconverged;
    training->candidate->sanity.iteration_count = result->iteration_count;
    return ps_training_end_stage(training, 1, "refit on all training rows", error);
}

static penstock_code run(struct ps_training *training, struct penstock_error *error) {
    begin_stage(training);
    PS_TRY(ps_notes_init(&training->notes, training->arena, error));
    PS_TRY(ps_training_read_statement(training, error));
    PS_TRY(split(training, error));
    PS_TRY(find_classes(training, error));
    PS_TRY(fit_transforms(training, error));
    PS_TRY(scan_once(training, error));
    const bool refits = ps_pipeline_refits(training->recipe->pipeline);
    PS_TRY(refits ? solve(training, error) : collect_rows(training, error));
    PS_TRY(refits ? collect_rows(training, error)
                  : solve(training, error)); /* never two sets of rows at once */
    PS_TRY(refit(training, error));
    PS_TRY(ps_training_score(training, error));
    PS_TRY(ps_leaks_find(training->candidate, &training->notes, error));
    PS_TRY(ps_notes_finish(&training->notes, error));
    struct ps_candidate *candidate = training->candidate;
    candidate->statement = training->options->node->statement;
    candidate->target = training->target;
    candidate->cells = training->search.cells;
    candidate->cell_count = training->search.cell_count;
    candidate->best = training->search.best;
    candidate->metric_name = training->recipe->validation.metric->name;
    candidate->notes = training->notes.texts;
    candidate->note_count = training->notes.count;
    return PENSTOCK_OK;
}

static void done(struct ps_training *training) {
    ps_tally_done(&training->tally);
    ps_rows_free(training->rows);
    ps_search_done(&training->search);
    ps_refit_done(&training->refit);
    ps_scored_done(&training->scored);
}

penstock_code ps_model_train(const struct ps_train_options *options, struct ps_candidate **candidate_out,
                             struct penstock_error *error) {
    struct ps_arena *arena = ps_arena_new(0);
    struct ps_candidate *candidate = arena == NULL ? NULL : ps_arena_allocate(arena, 1, sizeof *candidate);
    if (candidate == NULL) {
        ps_arena_free(arena);
        return ps_error_memory(error, "a training");
    }
    candidate->arena = arena;
    candidate->stages = ps_arena_allocate(arena, STAGE_MAX, sizeof *candidate->stages);
    struct ps_training training = {.options = options, .candidate = candidate, .arena = arena};
    penstock_code code =
        candidate->stages == NULL ? ps_error_memory(error, "a training") : run(&training, error);
    done(&training);
    if (code != PENSTOCK_OK) {
        ps_candidate_free(candidate);
        (void)ps_error_context(error, "model %s", options->node->name);
        return code;
    }
    *candidate_out = candidate;
    return PENSTOCK_OK;
}

void ps_candidate_free(struct ps_candidate *candidate) {
    if (candidate == NULL) {
        return;
    }
    ps_fitted_free(candidate->fitted);
    ps_release(candidate->holdout_labels);
    ps_release(candidate->holdout_predictions);
    ps_release(candidate->holdout_times);
    ps_sample_free(candidate->training_sample);
    ps_sample_free(candidate->holdout_sample);
    ps_slices_free(candidate->slices);
    ps_release(candidate->holdout_probabilities);
    ps_arena_free(candidate->arena);
}
