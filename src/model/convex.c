/* SPDX-License-Identifier: Apache-2.0
 *
 * convex.c - from features to parameters and back.
 */
#include <math.h>
#include <string.h>

#include "model/convex_parts.h"

/* With more parameters a matrix of them costs more than the passes it saves: limited memory instead. */
enum { DENSE_COUNT_MAX = 1024 };
/* Rows of the sample for each parameter of a sum: its curvature is then right to about a tenth. */
enum { SAMPLE_ROWS = 100, SAMPLE_ROWS_MIN = 16384 };

static const struct ps_training_set *set_of(const struct ps_convex *convex) {
    return convex->problem->set;
}

/* A feature's column in base rows, which have no label. */
static size_t base_column(const struct ps_layout *layout, size_t column) {
    return column < layout->label ? column : column - 1;
}

/* The feature itself, neither centred nor scaled. */
static struct ps_convex_map map_as_it_is(const struct ps_convex *convex, const struct ps_feature_map *from) {
    struct ps_convex_map map = {.column = base_column(convex->layout, from->column),
                                .gap = PS_NO_COLUMN,
                                .on_column = from->scale,
                                .constant = from->constant,
                                .sigma = 1};
    if (from->indicator != PS_NO_COLUMN) {
        map.gap = base_column(convex->layout, from->indicator);
        map.on_gap = from->scale * from->fill;
    }
    return map;
}

static void make_maps(struct ps_convex *convex) {
    const struct ps_training_set *set = set_of(convex);
    const struct ps_moments *moments = set->moments;
    const double rows = moments->row_count;
    /* weighted rows: Spark's summarizer divides by what is left of their sum */
    const double left = rows - (moments->weight_squares > 0 ? moments->weight_squares / rows : 1);
    const double sample = left > 0 ? rows / left : 1;
    for (size_t j = 0; j < set->design->count; j++) {
        const struct ps_feature_map *from = &set->design->maps[j];
        const double variance = moments->covariance[j * moments->count + j] * sample;
        if (j + 1 == set->offset_feature) {
            convex->has_offset = true;
            convex->offset = map_as_it_is(convex, from);
            continue;
        }
        if (!(variance > 0)) {
            continue;
        }
        const double sigma = sqrt(variance);
        const double mean = convex->problem->fit_intercept ? moments->means[j] : 0;
        struct ps_convex_map *map = &convex->maps[convex->map_count++];
        *map = (struct ps_convex_map){.feature = j,
                                      .column = base_column(convex->layout, from->column),
                                      .gap = PS_NO_COLUMN,
                                      .on_column = from->scale / sigma,
                                      .constant = (from->constant - mean) / sigma,
                                      .sigma = sigma,
                                      .mean = mean};
        if (from->indicator != PS_NO_COLUMN) {
            map->gap = base_column(convex->layout, from->indicator);
            map->on_gap = from->scale * from->fill / sigma;
        }
    }
}

static bool is_bare(const struct ps_convex *convex, size_t sum) {
    const struct ps_loss *loss = &convex->problem->loss;
    return loss->is_bare != NULL && loss->is_bare[sum];
}

static void number_parameters(struct ps_convex *convex) {
    size_t next = 0;
    for (size_t k = 0; k < convex->sum_count; k++) {
        convex->offsets[k] = next;
        next += is_bare(convex, k) ? 0 : convex->map_count;
        const bool has_intercept = is_bare(convex, k) || convex->problem->fit_intercept;
        convex->intercepts[k] = has_intercept ? next++ : PS_NO_COLUMN;
    }
    convex->offsets[convex->sum_count] = next;
    convex->count = next;
}

static void set_penalties(struct ps_convex *convex) {
    const struct ps_convex_problem *problem = convex->problem;
    for (size_t k = 0; k < convex->sum_count; k++) {
        for (size_t j = 0; !is_bare(convex, k) && j < convex->map_count; j++) {
            const double unit = problem->penalises_raw ? convex->maps[j].sigma : 1;
            convex->l1[convex->offsets[k] + j] = problem->l1 / unit;
            convex->l2[convex->offsets[k] + j] = problem->l2 / (unit * unit);
        }
    }
    convex->has_l1 = problem->l1 > 0;
}

/* Every so many blocks are a sample that is large enough; 1: take all. */
static size_t choose_stride(const struct ps_convex *convex) {
    const struct ps_rows *rows = set_of(convex)->rows;
    const double wanted = fmax(SAMPLE_ROWS_MIN, (double)(SAMPLE_ROWS * (convex->map_count + 1)));
    const double a_block = (double)ps_training_set_rows(set_of(convex)) / (double)(rows->block_count + 1) + 1;
    const double blocks = ceil(wanted / a_block);
    const size_t stride = (size_t)((double)rows->block_count / blocks);
    return stride < 2 ? 1 : stride;
}

penstock_code ps_convex_init(struct ps_convex *convex, const struct ps_convex_problem *problem,
                             struct penstock_error *error) {
    const struct ps_layout *layout = problem->set->rows->layout;
    *convex = (struct ps_convex){.problem = problem, .layout = layout};
    const size_t sums = problem->loss.sum_count;
    convex->sum_count = sums;
    convex->pair_count = sums * (sums + 1) / 2;
    convex->base_count = layout->label + layout->shape.slot_count;
    convex->maps = ps_allocate(problem->set->design->count + 1, sizeof *convex->maps);
    convex->offsets = ps_allocate(sums + 1, sizeof(size_t));
    convex->intercepts = ps_allocate(sums, sizeof(size_t));
    convex->weights = ps_allocate(sums * (convex->base_count + 1), sizeof(double));
    if (convex->maps == NULL || convex->offsets == NULL || convex->intercepts == NULL ||
        convex->weights == NULL) {
        return ps_error_memory(error, "an estimator");
    }
    make_maps(convex);
    number_parameters(convex);
    convex->l1 = ps_allocate(convex->count + 1, sizeof(double));
    convex->l2 = ps_allocate(convex->count + 1, sizeof(double));
    if (convex->l1 == NULL || convex->l2 == NULL) {
        return ps_error_memory(error, "an estimator");
    }
    set_penalties(convex);
    convex->block_stride = choose_stride(convex);
    return PENSTOCK_OK;
}

void ps_convex_free(struct ps_convex *convex) {
    ps_release(convex->maps);
    ps_release(convex->offsets);
    ps_release(convex->intercepts);
    ps_release(convex->l1);
    ps_release(convex->l2);
    ps_release(convex->weights);
}

penstock_code ps_convex_point_init(struct ps_convex_point *point, const struct ps_convex *convex,
                                   bool has_hessian, struct penstock_error *error) {
    const size_t count = convex->count + 1;
    *point = (struct ps_convex_point){.l2_factor = 1, .curvature = 1};
    point->parameters = ps_allocate(count, sizeof(double));
    point->gradient = ps_allocate(count, sizeof(double));
    point->hessian = has_hessian ? ps_allocate(count * count, sizeof(double)) : NULL;
    return point->parameters == NULL || point->gradient == NULL || (has_hessian && point->hessian == NULL)
               ? ps_error_memory(error, "an estimator")
               : PENSTOCK_OK;
}

void ps_convex_point_done(struct ps_convex_point *point) {
    ps_release(point->parameters);
    ps_release(point->gradient);
    ps_release(point->hessian);
}

/* The parameters of the model that was found before, or the given intercepts alone. */
static void set_start(const struct ps_convex *convex, double *parameters) {
    const struct ps_convex_problem *problem = convex->problem;
    const struct ps_predictor *start = problem->start;
    const struct ps_linear_predictor *linear = NULL;
    if (start != NULL && start->type == &ps_linear_predictor_type && problem->loss.is_bare == NULL &&
        start->feature_count == set_of(convex)->design->count) {
        linear = (const struct ps_linear_predictor *)start;
    }
    const bool fits = linear != NULL && linear->sum_count == convex->sum_count;
    for (size_t k = 0; k < convex->sum_count; k++) {
        double intercept = fits ? linear->intercepts[k] : problem->intercepts[k];
        for (size_t j = 0; fits && j < convex->map_count; j++) {
            const struct ps_convex_map *map = &convex->maps[j];
            const double coefficient = linear->coefficients[k * start->feature_count + map->feature];
            parameters[convex->offsets[k] + j] = coefficient * map->sigma;
            intercept += coefficient * map->mean;
        }
        if (convex->intercepts[k] != PS_NO_COLUMN) {
            parameters[convex->intercepts[k]] = intercept;
        }
    }
}

static void read_solution(const struct ps_convex *convex, const struct ps_convex_point *point,
                          struct ps_convex_solution *solution) {
    const size_t features = set_of(convex)->design->count;
    for (size_t k = 0; k < convex->sum_count; k++) {
        double intercept =
            convex->intercepts[k] == PS_NO_COLUMN ? 0 : point->parameters[convex->intercepts[k]];
        for (size_t j = 0; !is_bare(convex, k) && j < convex->map_count; j++) {
            const struct ps_convex_map *map = &convex->maps[j];
            const double coefficient = point->parameters[convex->offsets[k] + j] / map->sigma;
            solution->coefficients[k * features + map->feature] = coefficient;
            intercept -= coefficient * map->mean;
        }
        solution->intercepts[k] = intercept;
    }
    if (convex->has_offset) {
        solution->coefficients[set_of(convex)->offset_feature - 1] = 1;
    }
    solution->objective = point->value + ps_convex_l1_of(convex, point->parameters);
}

static penstock_code minimise(struct ps_convex *convex, struct ps_convex_solution *solution,
                              struct penstock_error *error) {
    struct ps_convex_point point PS_SCOPED(ps_convex_point_done) = {0};
    struct ps_convex_report report = {0};
    PS_TRY(ps_convex_point_init(&point, convex, false, error));
    set_start(convex, point.parameters);
    PS_TRY(convex->count <= DENSE_COUNT_MAX ? ps_convex_descend_dense(convex, &point, &report, error)
                                            : ps_convex_descend_limited(convex, &point, &report, error));
    read_solution(convex, &point, solution);
    solution->iteration_count = report.iteration_count;
    solution->is_unconverged = report.is_unconverged;
    solution->is_separated = report.is_separated;
    return PENSTOCK_OK;
}

penstock_code ps_convex_fit(const struct ps_convex_problem *problem, struct ps_convex_solution *solution_out,
                            struct penstock_error *error) {
    struct ps_convex convex PS_SCOPED(ps_convex_free) = {0};
    struct ps_convex_solution solution PS_SCOPED(ps_convex_done) = {0};
    ps_gram_prepare();
    const size_t sums = problem->loss.sum_count;
    solution.intercepts = ps_allocate(sums, sizeof(double));
    solution.coefficients = ps_allocate(sums * problem->set->design->count + 1, sizeof(double));
    if (solution.intercepts == NULL || solution.coefficients == NULL) {
        return ps_error_memory(error, "an estimator");
    }
    PS_TRY(ps_convex_init(&convex, problem, error));
    PS_TRY(minimise(&convex, &solution, error));
    *solution_out = solution;
    solution = (struct ps_convex_solution){0};
    return PENSTOCK_OK;
}

void ps_convex_done(struct ps_convex_solution *solution) {
    ps_release(solution->intercepts);
    ps_release(solution->coefficients);
    solution->intercepts = solution->coefficients = NULL;
}

struct ps_label_range ps_convex_labels(const struct ps_training_set *set, double *counts) {
    const struct ps_rows *rows = set->rows;
    struct ps_label_range range = {.least = (double)INFINITY, .largest = -(double)INFINITY};
    double sum = 0;
    for (size_t p = 0; p < rows->block_count * rows->part_count; p++) {
        const struct ps_row_panel *panel = &rows->panels[p];
        double part = 0;
        for (size_t i = 0; set->trains[p % rows->part_count] && i < panel->row_count; i++) {
            const double label = panel->labels[i];
            const double weight = set->is_weighted ? panel->weights[i] : 1;
            part += weight * label;
            range.least = label < range.least ? label : range.least;
            range.largest = label > range.largest ? label : range.largest;
            range.row_count += weight;
            if (counts != NULL) {
                counts[(size_t)label] += weight;
            }
        }
        sum += part;
    }
    range.mean = range.row_count > 0 ? sum / range.row_count : 0;
    return range;
}
