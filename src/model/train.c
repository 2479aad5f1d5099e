/* SPDX-License-Identifier: Apache-2.0
 *
 * train.c - the stages of a training, one after the other, with their times.
 */
#include "model/train.h"

#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "model/absolute.h"
#include "model/dataset.h"
#include "model/fit.h"
#include "model/model.h"
#include "model/notes.h"
#include "model/sample.h"
#include "model/sanity.h"
#include "model/score.h"
#include "model/slices.h"

/* Stages of a training at most: split, fit, scan, second scan, solve, refit, score. */
enum { STAGE_MAX = 8 };

struct training {
    const struct ps_train_options *options;
    struct ps_candidate *candidate;
    struct ps_arena *arena;
    struct ps_recipe *recipe;
    struct ps_dataset dataset;
    struct ps_layout layout;
    struct ps_tally_options tally_options;
    struct ps_tally tally;
    struct ps_search search;
    struct ps_refit refit;
    struct ps_scored scored;
    struct ps_notes notes;
    int64_t wall_ns, cpu_ns; /* when the stage began */
};

static void begin_stage(struct training *training) {
    training->wall_ns = ps_clock_monotonic_ns();
    training->cpu_ns = ps_clock_cpu_ns();
}

static penstock_code end_stage(struct training *training, int64_t task_count, struct penstock_error *error,
                               const char *name) {
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

static penstock_code read_statement(struct training *training, struct penstock_error *error) {
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
    for (size_t i = 0; i < training->recipe->left_out_count; i++) {
        PS_TRY(ps_notes_add(&training->notes, error,
                            "column %s is left out: no TRANSFORM makes numbers of it",
                            training->recipe->left_out[i]));
    }
    return PENSTOCK_OK;
}

static penstock_code split(struct training *training, struct penstock_error *error) {
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
               : end_stage(training, training->dataset.scan_count, error, "split by time");
}

static penstock_code fit_transforms(struct training *training, struct penstock_error *error) {
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
    return fit.scan_count == 0 ? PENSTOCK_OK : end_stage(training, fit.scan_count, error, "fit transforms");
}

static penstock_code check_counts(const struct training *training, struct penstock_error *error) {
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

static penstock_code note_counts(struct training *training, struct penstock_error *error) {
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
static penstock_code watch_rows(struct training *training, struct ps_scan *scan,
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
    ps_sample_watch(*sample, scan);
    return PENSTOCK_OK;
}

static penstock_code scan_once(struct training *training, struct penstock_error *error) {
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
    training->candidate->scan_count = 1;
    PS_TRY(check_counts(training, error));
    PS_TRY(note_counts(training, error));
    return end_stage(training, training->tally.task_count, error, "search: one scan");
}

static struct ps_search_options search_options(const struct training *training) {
    return (struct ps_search_options){
        .layout = &training->layout,
        .tally = &training->tally,
        .validation = &training->recipe->validation,
        .estimator = &training->recipe->estimator,
        .arena = training->arena,
        .stop = training->options->stop,
    };
}

static penstock_code scan_again(struct training *training, struct penstock_error *error) {
    struct ps_scan *scan = NULL;
    PS_TRY(ps_dataset_scan_training(&training->dataset, &scan, error));
    const penstock_code code =
        ps_absolute_run(&training->tally_options, &training->tally, scan, &training->search, error);
    ps_scan_close(scan);
    PS_TRY(code);
    training->candidate->scan_count = 2;
    ps_search_choose(&training->search, training->recipe->validation.metric);
    const char *metric = training->recipe->validation.metric->name;
    PS_TRY(ps_notes_add(&training->notes, error, "%s needs the rows: the training rows were scanned twice",
                        metric));
    return end_stage(training, training->tally.task_count, error,
                     ps_arena_printf(training->arena, "search: second scan for %s", metric));
}

static penstock_code solve(struct training *training, struct penstock_error *error) {
    const struct ps_search_options options = search_options(training);
    PS_TRY(ps_search_run(&options, &training->search, error));
    const struct ps_search *search = &training->search;
    if (search->unconverged_count > 0) {
        PS_TRY(ps_notes_add(&training->notes, error,
                            "%zu of %zu solutions reached maxIter before they converged",
                            search->unconverged_count, search->cell_count * search->split_count));
    }
    const char *name =
        ps_arena_printf(training->arena, "solve %zu x %zu", search->cell_count, search->split_count);
    PS_TRY(end_stage(training, (int64_t)(search->cell_count * search->split_count), error, name));
    return training->recipe->validation.metric->needs_rows ? scan_again(training, error) : PENSTOCK_OK;
}

static penstock_code refit(struct training *training, struct penstock_error *error) {
    const struct ps_search_options options = search_options(training);
    struct ps_refit *result = &training->refit;
    PS_TRY(ps_search_refit(&options, training->search.best, training->recipe->pipeline, result, error));
    PS_TRY(ps_notes_features(&training->notes, &training->layout, result, error));
    struct ps_buffer json PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&json, (size_t)256 << 20);
    PS_TRY(ps_model_write(training->recipe->pipeline, result->solution.coefficients, result->design.count,
                          result->solution.intercept, &json, error));
    PS_TRY(ps_fitted_from_json(json.data, json.size, &training->candidate->fitted, error));
    training->candidate->training = result->metrics;
    PS_TRY(ps_sanity_measure(&result->moments, &training->candidate->sanity, error));
    training->candidate->sanity.has_convergence = true;
    training->candidate->sanity.is_converged = !result->solution.is_unconverged;
    return end_stage(training, 1, error, "refit on all training rows");
}

static penstock_code baseline(struct training *training, struct penstock_error *error) {
    const int64_t rows = training->scored.row_count;
    double *constant PS_SCOPED(ps_release_scoped) = ps_allocate((size_t)rows + 1, sizeof(double));
    if (constant == NULL) {
        return ps_error_memory(error, "the hold-out");
    }
    for (int64_t i = 0; i < rows; i++) {
        constant[i] = training->refit.moments.label_mean;
    }
    ps_metrics_compute(training->scored.labels, constant, rows, &training->candidate->baseline);
    return PENSTOCK_OK;
}

static penstock_code score(struct training *training, struct penstock_error *error) {
    struct ps_candidate *candidate = training->candidate;
    if (training->dataset.holdout == NULL) {
        return ps_notes_add(&training->notes, error,
                            "without HOLDOUT there is no test on rows that training has not seen");
    }
    struct ps_scored *scored = &training->scored;
    PS_TRY(ps_score_holdout(&training->dataset, candidate->fitted, NULL, training->options->stop, scored,
                            error));
    const int64_t seen = scored->row_count + scored->unpredicted + scored->null_labels;
    if (scored->null_labels > 0) {
        (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                           "the label %s is NULL or not finite in %lld of %lld hold-out rows",
                           training->recipe->model->label, (long long)scored->null_labels, (long long)seen);
        return ps_error_hint(error, "add WHERE %s IS NOT NULL to the SELECT", training->recipe->model->label);
    }
    if (scored->row_count == 0) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA, "none of the %lld hold-out rows can be predicted",
                            (long long)seen);
    }
    candidate->rows.holdout = scored->row_count;
    candidate->rows.null_features += scored->unpredicted;
    candidate->rows.read += seen;
    if (scored->unpredicted > 0) {
        PS_TRY(ps_notes_add(&training->notes, error,
                            "%lld of %lld hold-out rows cannot be predicted: a feature is NULL or not finite",
                            (long long)scored->unpredicted, (long long)seen));
    }
    ps_metrics_compute(scored->labels, scored->predictions, scored->row_count, &candidate->holdout);
    PS_TRY(baseline(training, error));
    candidate->holdout_labels = ps_take(scored->labels);
    candidate->holdout_predictions = ps_take(scored->predictions);
    candidate->holdout_times = ps_take(scored->times);
    candidate->holdout_sample = ps_take(scored->sample);
    candidate->slices = ps_take(scored->slices);
    return end_stage(training, 1, error, "score the hold-out");
}

static penstock_code run(struct training *training, struct penstock_error *error) {
    begin_stage(training);
    PS_TRY(ps_notes_init(&training->notes, training->arena, error));
    PS_TRY(read_statement(training, error));
    PS_TRY(split(training, error));
    PS_TRY(fit_transforms(training, error));
    PS_TRY(scan_once(training, error));
    PS_TRY(solve(training, error));
    PS_TRY(refit(training, error));
    PS_TRY(score(training, error));
    PS_TRY(ps_notes_finish(&training->notes, error));
    struct ps_candidate *candidate = training->candidate;
    candidate->statement = training->options->node->statement;
    candidate->target = (struct ps_target){.task = PS_TASK_REGRESSION};
    candidate->cells = training->search.cells;
    candidate->cell_count = training->search.cell_count;
    candidate->best = training->search.best;
    candidate->metric_name = training->recipe->validation.metric->name;
    candidate->notes = training->notes.texts;
    candidate->note_count = training->notes.count;
    return PENSTOCK_OK;
}

static void done(struct training *training) {
    ps_tally_done(&training->tally);
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
    struct training training = {.options = options, .candidate = candidate, .arena = arena};
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

penstock_code ps_model_score_holdout(const struct ps_train_options *options,
                                     const struct ps_candidate *candidate, const struct ps_fitted *fitted,
                                     double **predictions_out, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    if (arena == NULL) {
        return ps_error_memory(error, "the hold-out");
    }
    struct ps_candidate empty = {.arena = arena};
    struct training training = {.options = options, .candidate = &empty, .arena = arena};
    PS_TRY(ps_notes_init(&training.notes, arena, error));
    PS_TRY(read_statement(&training, error));
    PS_TRY(ps_dataset_open(options->connection, training.recipe, options->thread_count, arena,
                           &training.dataset, error));
    struct ps_scored scored = {0};
    PS_TRY(ps_score_holdout(&training.dataset, candidate->fitted, fitted, options->stop, &scored, error));
    if (scored.row_count != candidate->holdout.row_count) {
        ps_scored_done(&scored);
        return ps_error_set(error, PENSTOCK_INTERNAL,
                            "the hold-out has other rows than when the candidate was scored");
    }
    *predictions_out = ps_take(scored.others);
    ps_scored_done(&scored);
    return PENSTOCK_OK;
}
