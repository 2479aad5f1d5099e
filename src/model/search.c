/* SPDX-License-Identifier: Apache-2.0
 *
 * search.c - splits outside, cells inside.
 */
#include "model/search.h"

#include <math.h>
#include <string.h>

#include "model/search_split.h"

static penstock_code check_rows(const struct ps_split *split, struct penstock_error *error) {
    const double validating = split->validating.spread.row_count;
    const double training = split->training.spread.row_count;
    if (validating > 0 && training > 1) {
        return PENSTOCK_OK;
    }
    if (!(validating > 0) && split->options->validation->score_weights != NULL) {
        (void)ps_error_set(
            error, PENSTOCK_INVALID_DATA,
            "fold %zu has no row to validate that counts: it has none, or %s is 0 in all of them",
            split->index, split->options->validation->weight_column);
        return ps_error_hint(error, "give more rows, fewer folds, or another foldCol");
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                       "fold %zu has %.0f rows to validate and %.0f to train on", split->index, validating,
                       training);
    return ps_error_hint(error, "give more rows, fewer folds, or another foldCol");
}

static penstock_code predictor_of(const struct ps_split *split, const struct ps_linear_solution *solution,
                                  struct ps_predictor **predictor_out, struct penstock_error *error) {
    struct ps_linear_predictor *linear = NULL;
    PS_TRY(ps_linear_predictor_new(PS_TASK_REGRESSION, PS_LINK_IDENTITY, 1, split->design.count, 1, &linear,
                                   error));
    linear->intercepts[0] = solution->intercept;
    memcpy(linear->coefficients, solution->coefficients, split->design.count * sizeof(double));
    *predictor_out = &linear->predictor;
    return PENSTOCK_OK;
}

/* A cell of LinearRegression: solved from moments; scored from sums where they say the metric. */
static penstock_code run_linear_cell(struct ps_split *split, const struct ps_linear_config *config,
                                     size_t cell, struct ps_search *search, struct penstock_error *error) {
    const struct ps_search_options *options = split->options;
    const struct ps_metric_type *metric = options->validation->metric;
    struct ps_linear_solution solution;
    PS_TRY(ps_split_solve(split, config, &solution, error));
    search->unconverged_count += solution.is_unconverged ? 1 : 0;
    if (search->weights != NULL) {
        const size_t place = split->index * search->cell_count + cell;
        search->constants[place] = split->model.constant;
        memcpy(search->weights + place * search->base_count, split->model.weights,
               search->base_count * sizeof(double));
        return PENSTOCK_OK;
    }
    struct ps_metrics metrics;
    if (metric->needs_rows) {
        struct ps_predictor *predictor = NULL;
        PS_TRY(predictor_of(split, &solution, &predictor, error));
        const penstock_code code = ps_split_score(split, split->validates, predictor, &metrics, error);
        ps_predictor_free(predictor);
        PS_TRY(code);
    } else {
        ps_spread_score(&split->validating.spread, options->layout->label, &split->model, split->scratch,
                        &metrics);
        const double squares = split->validating.weight_squares;
        if (squares > 0) {
            metrics.r2 = ps_metric_weighted_r2(metrics.r2, split->validating.spread.row_count, squares);
        }
    }
    search->metrics[cell * search->split_count + split->index] = ps_metric_read(metric, &metrics);
    return PENSTOCK_OK;
}

/* A cell of an estimator that needs the rows. *last: the predictor of the estimator's cell before, or NULL; the new
 * one takes its place. */
static penstock_code run_rows_cell(struct ps_split *split, const struct ps_estimator_type *type,
                                   const void *config, size_t cell, struct ps_search *search,
                                   struct ps_predictor **last, struct penstock_error *error) {
    struct ps_fit_result result = {.objective = (double)NAN};
    PS_TRY(ps_estimator_fit(type, config, &split->set, *last, &result, error));
    ps_predictor_free(*last);
    *last = result.predictor;
    search->unconverged_count += result.is_unconverged ? 1 : 0;
    struct ps_metrics metrics;
    PS_TRY(ps_split_score(split, split->validates, result.predictor, &metrics, error));
    search->metrics[cell * search->split_count + split->index] =
        ps_metric_read(split->options->validation->metric, &metrics);
    return PENSTOCK_OK;
}

static void predictor_free_scoped(struct ps_predictor **predictor) {
    ps_predictor_free(*predictor);
}

penstock_code ps_search_split(const struct ps_search_options *options, size_t index, struct ps_search *search,
                              struct penstock_error *error) {
    struct ps_split split PS_SCOPED(ps_split_done) = {0};
    struct ps_predictor *last PS_SCOPED(predictor_free_scoped) = NULL;
    PS_TRY(ps_split_init(&split, options, index, NULL, error));
    PS_TRY(check_rows(&split, error));
    for (size_t cell = 0; cell < search->cell_count; cell++) {
        if (ps_stop_requested(options->stop)) {
            return ps_error_set(error, PENSTOCK_CANCELLED, "stopped while solving");
        }
        if (options->on_fit != NULL) {
            options->on_fit((int64_t)(index * search->cell_count + cell),
                            (int64_t)(search->split_count * search->cell_count), options->on_fit_context);
        }
        const struct ps_cell_origin *origin = &search->origins[cell];
        const struct ps_estimator_type *type = origin->estimator->type;
        void *config PS_SCOPED(ps_release_scoped) = ps_allocate(1, type->config_size);
        if (config == NULL) {
            return ps_error_memory(error, "the model search");
        }
        PS_TRY(ps_estimator_cell(origin->estimator, origin->cell, options->arena, config, NULL, NULL, error));
        if (!ps_estimator_cell_needs_rows(type, config)) {
            PS_TRY(run_linear_cell(&split, config, cell, search, error));
            continue;
        }
        if (origin->cell == 0) {
            ps_predictor_free(last); /* of another estimator */
            last = NULL;
        }
        PS_TRY(run_rows_cell(&split, type, config, cell, search, &last, error));
    }
    return PENSTOCK_OK;
}

static penstock_code describe_estimator(const struct ps_search_options *options,
                                        const struct ps_estimator *estimator, size_t first,
                                        struct ps_search *search, struct penstock_error *error) {
    const size_t axes = estimator->axis_count;
    const size_t count = estimator->cell_count;
    const char **names = ps_arena_allocate(options->arena, axes + 1, sizeof *names);
    double *values = ps_arena_allocate(options->arena, count * axes + 1, sizeof(double));
    const char **texts = ps_arena_allocate(options->arena, count * axes + 1, sizeof *texts);
    void *config = ps_arena_allocate(options->arena, 1, estimator->type->config_size);
    if (names == NULL || values == NULL || texts == NULL || config == NULL) {
        return ps_error_memory(error, "the cells of the search");
    }
    for (size_t i = 0; i < axes; i++) {
        names[i] = estimator->axes[i].name;
    }
    for (size_t cell = 0; cell < count; cell++) {
        PS_TRY(ps_estimator_cell(estimator, cell, options->arena, config, texts + cell * axes,
                                 values + cell * axes, error));
        search->origins[first + cell] = (struct ps_cell_origin){estimator, cell};
        search->cells[first + cell] = (struct ps_search_cell){
            .estimator = estimator->type->name,
            .names = names,
            .texts = texts + cell * axes,
            .values = values + cell * axes,
            .parameter_count = axes,
            .fold_metrics = search->metrics + (first + cell) * search->split_count,
            .fold_count = search->split_count,
        };
    }
    return PENSTOCK_OK;
}

static penstock_code describe_cells(const struct ps_search_options *options, struct ps_search *search,
                                    struct penstock_error *error) {
    for (size_t e = 0; e < options->estimator_count; e++) {
        search->cell_count += options->estimators[e].cell_count;
    }
    search->cells = ps_arena_allocate(options->arena, search->cell_count, sizeof *search->cells);
    search->origins = ps_arena_allocate(options->arena, search->cell_count, sizeof *search->origins);
    search->metrics =
        ps_arena_allocate(options->arena, search->cell_count * search->split_count, sizeof(double));
    if (search->cells == NULL || search->origins == NULL || search->metrics == NULL) {
        return ps_error_memory(error, "the cells of the search");
    }
    size_t first = 0;
    for (size_t e = 0; e < options->estimator_count; e++) {
        PS_TRY(describe_estimator(options, &options->estimators[e], first, search, error));
        first += options->estimators[e].cell_count;
    }
    return PENSTOCK_OK;
}

/* Several cells, and not one with a mean: there is a fold of which the metric says nothing. */
static penstock_code check_choice(const struct ps_search_options *options, const struct ps_search *search,
                                  struct penstock_error *error) {
    if (search->cell_count < 2 || !isnan(search->cells[search->best].mean)) {
        return PENSTOCK_OK;
    }
    size_t fold = 0;
    while (fold + 1 < search->split_count && !isnan(search->metrics[fold])) {
        fold++;
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_DATA, "%s says nothing of fold %zu: %s",
                       options->validation->metric->name, fold,
                       options->target->task == PS_TASK_REGRESSION ? "its labels are all equal"
                                                                   : "its rows are of one class only");
    return ps_error_hint(error,
                         "give more rows, fewer folds, another seed or foldCol, or another metricName");
}

penstock_code ps_search_begin(const struct ps_search_options *options, struct ps_search *search_out,
                              struct penstock_error *error) {
    struct ps_search search = {.split_count = options->validation->split_count};
    PS_TRY(describe_cells(options, &search, error));
    *search_out = search;
    return PENSTOCK_OK;
}

penstock_code ps_search_end(const struct ps_search_options *options, struct ps_search *search,
                            struct penstock_error *error) {
    ps_search_choose(search, options->validation->metric);
    return check_choice(options, search, error);
}

penstock_code ps_search_run(const struct ps_search_options *options, struct ps_search *search_out,
                            struct penstock_error *error) {
    struct ps_search search PS_SCOPED(ps_search_done) = {0};
    PS_TRY(ps_search_begin(options, &search, error));
    search.base_count = options->layout->shape.dense_count + options->layout->shape.slot_count;
    if (options->validation->metric->needs_rows && options->rows == NULL) {
        const size_t models = search.cell_count * search.split_count;
        search.constants = ps_allocate(models, sizeof(double));
        search.weights = ps_allocate(models * search.base_count, sizeof(double));
        if (search.constants == NULL || search.weights == NULL) {
            return ps_error_memory(error, "the models of the search");
        }
    }
    for (size_t i = 0; i < search.split_count; i++) {
        PS_TRY(ps_search_split(options, i, &search, error));
    }
    if (search.weights == NULL) {
        PS_TRY(ps_search_end(options, &search, error));
    }
    *search_out = search;
    search.constants = search.weights = NULL;
    return PENSTOCK_OK;
}

void ps_search_done(struct ps_search *search) {
    ps_release(search->constants);
    ps_release(search->weights);
    search->constants = search->weights = NULL;
}

void ps_search_choose(struct ps_search *search, const struct ps_metric_type *metric) {
    search->best = 0;
    for (size_t cell = 0; cell < search->cell_count; cell++) {
        double sum = 0;
        for (size_t i = 0; i < search->split_count; i++) {
            sum += search->metrics[cell * search->split_count + i];
        }
        const double mean = sum / (double)search->split_count;
        search->cells[cell].mean = mean;
        const double best = search->cells[search->best].mean;
        const bool is_better = metric->larger_is_better ? mean > best : mean < best;
        if (cell > 0 && (is_better || (isnan(best) && !isnan(mean)))) {
            search->best = cell;
        }
    }
}

/* What the notes say of the features is asked of the moments, whatever the estimator. */
static void count_varying(struct ps_refit *refit) {
    const struct ps_moments *moments = &refit->moments;
    for (size_t i = 0; i < moments->count; i++) {
        refit->solution.varying_count += moments->covariance[i * moments->count + i] > 0 ? 1 : 0;
    }
    refit->solution.rank = refit->solution.varying_count;
}

static penstock_code refit_rows(struct ps_split *split, const struct ps_estimator_type *type,
                                const void *config, struct ps_refit *refit, struct penstock_error *error) {
    struct ps_fit_result result = {.objective = (double)NAN};
    PS_TRY(ps_estimator_fit(type, config, &split->set, NULL, &result, error));
    refit->predictor = result.predictor;
    refit->iteration_count = result.iteration_count;
    refit->note = result.note;
    refit->solution.is_unconverged = result.is_unconverged;
    ps_metrics_clear(&refit->metrics);
    refit->metrics.row_count = (int64_t)split->training.spread.row_count;
    const int64_t allowed = split->options->memory_max / 4;
    if (allowed > 0 && ps_split_score_size(split, split->trains) > allowed) {
        return PENSTOCK_OK; /* the hold-out tells more, and the folds have told */
    }
    return ps_split_score(split, split->trains, result.predictor, &refit->metrics, error);
}

static penstock_code refit_linear(struct ps_split *split, const struct ps_linear_config *config,
                                  struct ps_refit *refit, struct penstock_error *error) {
    PS_TRY(ps_split_solve(split, config, &refit->solution, error));
    refit->solution.coefficients = NULL; /* still the split's */
    struct ps_linear_solution solution = refit->solution;
    solution.coefficients = split->coefficients;
    PS_TRY(predictor_of(split, &solution, &refit->predictor, error));
    refit->solution.coefficients = ps_take(split->coefficients);
    ps_spread_score(&split->training.spread, split->options->layout->label, &split->model, split->scratch,
                    &refit->metrics);
    return PENSTOCK_OK;
}

penstock_code ps_search_refit(const struct ps_search_options *options, const struct ps_cell_origin *origin,
                              struct ps_pipeline *fitted, struct ps_refit *refit_out,
                              struct penstock_error *error) {
    struct ps_split split PS_SCOPED(ps_split_done) = {0};
    struct ps_refit refit PS_SCOPED(ps_refit_done) = {0};
    const struct ps_estimator_type *type = origin->estimator->type;
    PS_TRY(ps_split_init(&split, options, options->validation->split_count, fitted, error));
    void *config PS_SCOPED(ps_release_scoped) = ps_allocate(1, type->config_size);
    if (config == NULL) {
        return ps_error_memory(error, "the model search");
    }
    PS_TRY(ps_estimator_cell(origin->estimator, origin->cell, options->arena, config, NULL, NULL, error));
    const bool needs_rows = ps_estimator_cell_needs_rows(type, config);
    PS_TRY(needs_rows ? refit_rows(&split, type, config, &refit, error)
                      : refit_linear(&split, config, &refit, error));
    refit.design = split.design;
    refit.moments = split.moments;
    split.design = (struct ps_design){0};
    split.moments = (struct ps_moments){0};
    if (needs_rows) {
        count_varying(&refit);
    }
    *refit_out = refit;
    refit = (struct ps_refit){0};
    return PENSTOCK_OK;
}

void ps_refit_done(struct ps_refit *refit) {
    ps_design_done(&refit->design);
    ps_moments_done(&refit->moments);
    ps_release(refit->solution.coefficients);
    refit->solution.coefficients = NULL;
    ps_predictor_free(refit->predictor);
    refit->predictor = NULL;
}
