/* SPDX-License-Identifier: Apache-2.0
 *
 * search.c - splits outside, cells inside.
 *
 * A split's training sums are the other parts' added up, not the total minus its own: nothing cancels. The
 * cells of a split share one workspace, so coordinate descent starts where the last cell ended.
 */
#include "model/search.h"

#include <math.h>

struct split {
    struct ps_rowset training, validating;
    struct ps_design design;
    struct ps_moments moments;
    struct ps_linear_workspace *workspace;
    double *coefficients;
    double *scratch;
    struct ps_base_model model;
};

static void split_done(struct split *split) {
    ps_rowset_done(&split->training);
    ps_rowset_done(&split->validating);
    ps_design_done(&split->design);
    ps_moments_done(&split->moments);
    ps_linear_workspace_free(split->workspace);
    ps_release(split->coefficients);
    ps_release(split->scratch);
    ps_release(split->model.weights);
}

static penstock_code split_init(struct split *split, const struct ps_search_options *options, size_t index,
                                struct ps_pipeline *fitted, struct penstock_error *error) {
    const struct ps_layout *layout = options->layout;
    PS_TRY(ps_tally_join(options->tally, layout, options->validation, index, false, &split->training, error));
    PS_TRY(ps_design_init(&split->design, layout, error));
    ps_design_learn(&split->design, layout, &split->training, options->tally->pilots, fitted);
    PS_TRY(ps_moments_init(&split->moments, &split->training.spread, layout->label,
                           options->tally->pilots[layout->label], split->design.maps, split->design.count,
                           error));
    PS_TRY(ps_linear_workspace_new(split->design.count, &split->workspace, error));
    const size_t base_count = split->training.spread.count;
    split->coefficients = ps_allocate(split->design.count + 1, sizeof(double));
    split->scratch = ps_allocate(base_count, sizeof(double));
    split->model.weights = ps_allocate(base_count, sizeof(double));
    if (split->coefficients == NULL || split->scratch == NULL || split->model.weights == NULL) {
        return ps_error_memory(error, "the model search");
    }
    return PENSTOCK_OK;
}

static penstock_code check_rows(size_t index, double validating, double training_count,
                                struct penstock_error *error) {
    if (validating > 0 && training_count > 1) {
        return PENSTOCK_OK;
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                       "fold %zu has %.0f rows to validate and %.0f to train on", index, validating,
                       training_count);
    return ps_error_hint(error, "give more rows, fewer folds, or another foldCol");
}

static penstock_code run_split(const struct ps_search_options *options, size_t index,
                               struct ps_search *search, struct penstock_error *error) {
    struct split split PS_SCOPED(split_done) = {0};
    PS_TRY(split_init(&split, options, index, NULL, error));
    PS_TRY(ps_tally_join(options->tally, options->layout, options->validation, index, true, &split.validating,
                         error));
    const struct ps_spread *rows = &split.validating.spread;
    PS_TRY(check_rows(index, rows->row_count, split.training.spread.row_count, error));
    const size_t label = options->layout->label;
    const double label_pilot = options->tally->pilots[label];
    for (size_t cell = 0; cell < search->cell_count; cell++) {
        if (ps_stop_requested(options->stop)) {
            return ps_error_set(error, PENSTOCK_CANCELLED, "stopped while solving");
        }
        struct ps_linear_config config;
        PS_TRY(ps_estimator_cell(options->estimator, cell, options->arena, &config, NULL, NULL, error));
        struct ps_linear_solution solution = {.coefficients = split.coefficients};
        PS_TRY(ps_linear_solve(&config, &split.moments, split.workspace, &solution, error));
        search->unconverged_count += solution.is_unconverged ? 1 : 0;
        ps_base_model_set(&split.model, rows->count, label_pilot, split.design.maps, split.design.count,
                          solution.coefficients, solution.intercept);
        if (search->weights != NULL) {
            const size_t place = index * search->cell_count + cell;
            search->constants[place] = split.model.constant;
            memcpy(search->weights + place * search->base_count, split.model.weights,
                   rows->count * sizeof(double));
            continue;
        }
        struct ps_metrics metrics;
        ps_spread_score(rows, label, &split.model, split.scratch, &metrics);
        search->metrics[cell * search->split_count + index] =
            ps_metric_read(options->validation->metric, &metrics);
    }
    return PENSTOCK_OK;
}

static penstock_code describe_cells(const struct ps_search_options *options, struct ps_search *search,
                                    struct penstock_error *error) {
    const struct ps_estimator *estimator = options->estimator;
    const size_t axes = estimator->axis_count;
    const char **names = ps_arena_allocate(options->arena, axes + 1, sizeof *names);
    double *values = ps_arena_allocate(options->arena, search->cell_count * axes + 1, sizeof(double));
    const char **texts = ps_arena_allocate(options->arena, search->cell_count * axes + 1, sizeof *texts);
    search->cells = ps_arena_allocate(options->arena, search->cell_count, sizeof *search->cells);
    search->metrics =
        ps_arena_allocate(options->arena, search->cell_count * search->split_count, sizeof(double));
    if (names == NULL || values == NULL || texts == NULL || search->cells == NULL ||
        search->metrics == NULL) {
        return ps_error_memory(error, "the cells of the search");
    }
    for (size_t i = 0; i < axes; i++) {
        names[i] = estimator->axes[i].name;
    }
    for (size_t cell = 0; cell < search->cell_count; cell++) {
        struct ps_linear_config config;
        PS_TRY(ps_estimator_cell(estimator, cell, options->arena, &config, texts + cell * axes,
                                 values + cell * axes, error));
        search->cells[cell] = (struct ps_search_cell){
            .estimator = estimator->type->name,
            .names = names,
            .texts = texts + cell * axes,
            .values = values + cell * axes,
            .parameter_count = axes,
            .fold_metrics = search->metrics + cell * search->split_count,
            .fold_count = search->split_count,
        };
    }
    return PENSTOCK_OK;
}

penstock_code ps_search_run(const struct ps_search_options *options, struct ps_search *search_out,
                            struct penstock_error *error) {
    struct ps_search search PS_SCOPED(ps_search_done) = {
        .cell_count = options->estimator->cell_count,
        .split_count = options->validation->split_count,
        .base_count = options->layout->shape.dense_count + options->layout->shape.slot_count,
    };
    PS_TRY(describe_cells(options, &search, error));
    if (options->validation->metric->needs_rows) {
        const size_t models = search.cell_count * search.split_count;
        search.constants = ps_allocate(models, sizeof(double));
        search.weights = ps_allocate(models * search.base_count, sizeof(double));
        if (search.constants == NULL || search.weights == NULL) {
            return ps_error_memory(error, "the models of the search");
        }
    }
    for (size_t i = 0; i < search.split_count; i++) {
        PS_TRY(run_split(options, i, &search, error));
    }
    if (search.weights == NULL) {
        ps_search_choose(&search, options->validation->metric);
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

penstock_code ps_search_refit(const struct ps_search_options *options, size_t cell,
                              struct ps_pipeline *fitted, struct ps_refit *refit_out,
                              struct penstock_error *error) {
    struct split split PS_SCOPED(split_done) = {0};
    PS_TRY(split_init(&split, options, options->validation->split_count, fitted, error));
    struct ps_linear_config config;
    PS_TRY(ps_estimator_cell(options->estimator, cell, options->arena, &config, NULL, NULL, error));
    struct ps_linear_solution solution = {.coefficients = split.coefficients};
    PS_TRY(ps_linear_solve(&config, &split.moments, split.workspace, &solution, error));
    const size_t label = options->layout->label;
    ps_base_model_set(&split.model, split.training.spread.count, options->tally->pilots[label],
                      split.design.maps, split.design.count, solution.coefficients, solution.intercept);
    struct ps_refit refit = {.design = split.design, .moments = split.moments, .solution = solution};
    ps_spread_score(&split.training.spread, label, &split.model, split.scratch, &refit.metrics);
    split.design = (struct ps_design){0};
    split.moments = (struct ps_moments){0};
    split.coefficients = NULL;
    *refit_out = refit;
    return PENSTOCK_OK;
}

void ps_refit_done(struct ps_refit *refit) {
    ps_design_done(&refit->design);
    ps_moments_done(&refit->moments);
    ps_release(refit->solution.coefficients);
    refit->solution.coefficients = NULL;
}
