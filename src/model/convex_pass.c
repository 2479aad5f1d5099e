/* SPDX-License-Identifier: Apache-2.0
 *
 * convex_pass.c - one pass over the panels: loss, gradient, and, where asked, curvature matrices.
 *
 * Rows are taken some hundred at a time, so that the columns read for the sums are still in the cache when the
 * slopes go back through them. Everything is added up over base columns; what it means for the features follows by
 * algebra, once for all rows.
 */
#include <cblas.h>
#include <math.h>
#include <string.h>

#include "model/convex_parts.h"
#include "model/gram.h"

/* Bytes of dense columns looked at together: a part of a core's second cache. */
static const size_t chunk_size = (size_t)256 << 10;
enum { CHUNK_ROWS_MIN = 64, CHUNK_ROWS_MAX = 1024 };

/* Of one block under way. */
struct partial {
    double loss, curvature, square, rows;
    double *gradient; /* sum_count * (base_count + 1) */
    double *hessian;  /* pair_count * (base_count + 1)^2, or NULL */
};
/* Of one thread. */
struct scratch {
    double *sums;       /* chunk * sum_count */
    double *curvatures; /* chunk * pair_count, or NULL */
    double *scaled;     /* chunk * dense columns, or NULL */
    double *own;        /* of one row: its sums, then its curvatures */
};

struct pass {
    const struct ps_convex *convex;
    const struct ps_row_panel *panels;
    size_t block_stride, chunk_rows;
    bool has_hessian;
    struct partial *partials; /* per place in the window */
    size_t window;
    struct scratch *scratches; /* per worker */
    size_t worker_count;
    struct partial total;
};

static void add_group_sums(const struct ps_convex *convex, const struct ps_row_panel *panel, size_t begin,
                           size_t count, double *sums) {
    const struct ps_gram_shape *shape = &convex->layout->shape;
    const size_t width = convex->base_count + 1;
    for (size_t g = 0; g < shape->group_count; g++) {
        const int32_t *indexes = panel->indexes + g * panel->stride + begin;
        const double *values = panel->values == NULL ? NULL : panel->values + g * panel->stride + begin;
        const double *weights = convex->weights + convex->layout->label + shape->group_starts[g];
        for (size_t k = 0; k < convex->sum_count; k++) {
            double *to = sums + k * count;
            for (size_t i = 0; i < count; i++) {
                if (indexes[i] >= 0) {
                    to[i] += weights[k * width + (size_t)indexes[i]] * (values == NULL ? 1 : values[i]);
                }
            }
        }
    }
}

static void find_sums(const struct ps_convex *convex, const struct ps_row_panel *panel, size_t begin,
                      size_t count, double *sums) {
    const size_t width = convex->base_count + 1;
    const int dense = (int)convex->layout->label;
    for (size_t k = 0; k < convex->sum_count; k++) {
        const double constant = convex->weights[k * width + convex->base_count];
        for (size_t i = 0; i < count; i++) {
            sums[k * count + i] = constant;
        }
    }
    if (dense > 0 && convex->sum_count == 1) {
        cblas_dgemv(CblasColMajor, CblasNoTrans, (int)count, dense, 1.0, panel->columns + begin,
                    (int)panel->stride, convex->weights, 1, 1.0, sums, 1);
    } else if (dense > 0) {
        cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, (int)count, (int)convex->sum_count, dense, 1.0,
                    panel->columns + begin, (int)panel->stride, convex->weights, (int)width, 1.0, sums,
                    (int)count);
    }
    add_group_sums(convex, panel, begin, count, sums);
}

static void add_gradient(const struct ps_convex *convex, const struct ps_row_panel *panel, size_t begin,
                         size_t count, const double *slopes, double *gradient) {
    const struct ps_gram_shape *shape = &convex->layout->shape;
    const size_t width = convex->base_count + 1;
    const int dense = (int)convex->layout->label;
    if (dense > 0 && convex->sum_count == 1) {
        cblas_dgemv(CblasColMajor, CblasTrans, (int)count, dense, 1.0, panel->columns + begin,
                    (int)panel->stride, slopes, 1, 1.0, gradient, 1);
    } else if (dense > 0) {
        cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, dense, (int)convex->sum_count, (int)count, 1.0,
                    panel->columns + begin, (int)panel->stride, slopes, (int)count, 1.0, gradient,
                    (int)width);
    }
    for (size_t k = 0; k < convex->sum_count; k++) {
        const double *from = slopes + k * count;
        double *to = gradient + k * width;
        double sum = 0;
        for (size_t i = 0; i < count; i++) {
            sum += from[i];
        }
        to[convex->base_count] += sum;
        for (size_t g = 0; g < shape->group_count; g++) {
            const int32_t *indexes = panel->indexes + g * panel->stride + begin;
            const double *values = panel->values == NULL ? NULL : panel->values + g * panel->stride + begin;
            double *slots = to + convex->layout->label + shape->group_starts[g];
            for (size_t i = 0; i < count; i++) {
                if (indexes[i] >= 0) {
                    slots[indexes[i]] += from[i] * (values == NULL ? 1 : values[i]);
                }
            }
        }
    }
}

/* A row's groups in one pair's matrix: entry (low, high) at high * width + low. */
static void add_group_curvature(const struct ps_convex *convex, const struct ps_row_panel *panel, size_t row,
                                double weight, double *matrix) {
    const struct ps_gram_shape *shape = &convex->layout->shape;
    const size_t dense = convex->layout->label;
    const size_t width = convex->base_count + 1;
    for (size_t g = 0; g < shape->group_count; g++) {
        const int32_t index = panel->indexes[g * panel->stride + row];
        if (index < 0) {
            continue;
        }
        const double value = panel->values == NULL ? 1 : panel->values[g * panel->stride + row];
        const double scaled = weight * value;
        const size_t slot = dense + shape->group_starts[g] + (size_t)index;
        double *column = matrix + slot * width;
        for (size_t c = 0; c < dense; c++) {
            column[c] += scaled * panel->columns[c * panel->stride + row];
        }
        column[slot] += scaled * value;
        matrix[convex->base_count * width + slot] += scaled;
        for (size_t h = g + 1; h < shape->group_count; h++) {
            const int32_t other = panel->indexes[h * panel->stride + row];
            if (other >= 0) {
                const double factor = panel->values == NULL ? 1 : panel->values[h * panel->stride + row];
                const size_t place = dense + shape->group_starts[h] + (size_t)other;
                matrix[place * width + slot] += scaled * factor;
            }
        }
    }
}

static void add_curvature(const struct ps_convex *convex, const struct ps_row_panel *panel, size_t begin,
                          size_t count, const double *weights, double *scaled, double *matrix) {
    const size_t dense = convex->layout->label;
    const size_t width = convex->base_count + 1;
    double *constants = matrix + convex->base_count * width;
    for (size_t c = 0; c < dense; c++) {
        const double *from = panel->columns + c * panel->stride + begin;
        double *to = scaled + c * count;
        double sum = 0;
        for (size_t i = 0; i < count; i++) {
            to[i] = from[i] * weights[i];
            sum += to[i];
        }
        constants[c] += sum;
    }
    if (dense > 0) {
        cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, (int)dense, (int)dense, (int)count, 1.0,
                    panel->columns + begin, (int)panel->stride, scaled, (int)count, 1.0, matrix, (int)width);
    }
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += weights[i];
    }
    constants[convex->base_count] += sum;
    for (size_t i = 0; convex->layout->shape.group_count > 0 && i < count; i++) {
        add_group_curvature(convex, panel, begin + i, weights[i], matrix);
    }
}

/* As the loss's rows(), row by row: only that says the loss of one. A row of weight 0 is passed over. */
static double weighted_rows(const struct ps_convex *convex, const struct ps_row_panel *panel, size_t begin,
                            size_t count, const struct scratch *scratch) {
    const struct ps_loss *loss = &convex->problem->loss;
    double *own = scratch->own, *curvatures = scratch->curvatures == NULL ? NULL : own + convex->sum_count;
    double total = 0;
    for (size_t i = 0; i < count; i++) {
        const double weight = panel->weights[begin + i];
        for (size_t k = 0; k < convex->sum_count; k++) {
            own[k] = scratch->sums[k * count + i];
        }
        const double value =
            weight > 0 ? loss->rows(loss->context, panel->labels + begin + i, 1, own, curvatures) : 0;
        total += weight > 0 ? weight * value : 0;
        for (size_t k = 0; k < convex->sum_count; k++) {
            scratch->sums[k * count + i] = weight > 0 ? weight * own[k] : 0;
        }
        for (size_t q = 0; curvatures != NULL && q < convex->pair_count; q++) {
            scratch->curvatures[q * count + i] = weight > 0 ? weight * curvatures[q] : 0;
        }
    }
    return total;
}

static void add_chunk(const struct pass *pass, const struct ps_row_panel *panel, size_t begin, size_t count,
                      const struct scratch *scratch, struct partial *partial) {
    const struct ps_convex *convex = pass->convex;
    const struct ps_loss *loss = &convex->problem->loss;
    find_sums(convex, panel, begin, count, scratch->sums);
    const bool is_weighted = convex->problem->set->is_weighted;
    for (size_t i = 0; i < count; i++) {
        const double weight = is_weighted ? panel->weights[begin + i] : 1;
        partial->square += weight * (scratch->sums[i] * scratch->sums[i]);
        partial->rows += weight;
    }
    partial->loss += is_weighted ? weighted_rows(convex, panel, begin, count, scratch)
                                 : loss->rows(loss->context, panel->labels + begin, count, scratch->sums,
                                              scratch->curvatures);
    add_gradient(convex, panel, begin, count, scratch->sums, partial->gradient);
    for (size_t i = 0; scratch->curvatures != NULL && i < count; i++) {
        partial->curvature += scratch->curvatures[i];
    }
    const size_t width = convex->base_count + 1;
    for (size_t q = 0; partial->hessian != NULL && q < convex->pair_count; q++) {
        add_curvature(convex, panel, begin, count, scratch->curvatures + q * count, scratch->scaled,
                      partial->hessian + q * width * width);
    }
}

static penstock_code work(void *context, size_t worker, size_t block, struct penstock_error *error) {
    (void)error;
    const struct pass *pass = context;
    const struct ps_convex *convex = pass->convex;
    const struct ps_training_set *set = convex->problem->set;
    if (block % pass->block_stride != 0) {
        return PENSTOCK_OK;
    }
    struct partial *partial = &pass->partials[block % pass->window];
    const size_t width = convex->base_count + 1;
    partial->loss = partial->curvature = partial->square = partial->rows = 0;
    memset(partial->gradient, 0, convex->sum_count * width * sizeof(double));
    if (partial->hessian != NULL) {
        memset(partial->hessian, 0, convex->pair_count * width * width * sizeof(double));
    }
    for (size_t p = 0; p < set->rows->part_count; p++) {
        const struct ps_row_panel *panel = &set->rows->panels[block * set->rows->part_count + p];
        for (size_t begin = 0; set->trains[p] && begin < panel->row_count; begin += pass->chunk_rows) {
            const size_t left = panel->row_count - begin;
            add_chunk(pass, panel, begin, left < pass->chunk_rows ? left : pass->chunk_rows,
                      &pass->scratches[worker], partial);
        }
    }
    return PENSTOCK_OK;
}

static penstock_code merge(void *context, size_t block, struct penstock_error *error) {
    (void)error;
    struct pass *pass = context;
    const struct ps_convex *convex = pass->convex;
    if (block % pass->block_stride != 0) {
        return PENSTOCK_OK;
    }
    const struct partial *partial = &pass->partials[block % pass->window];
    struct partial *total = &pass->total;
    const size_t width = convex->base_count + 1;
    total->loss += partial->loss;
    total->curvature += partial->curvature;
    total->square += partial->square;
    total->rows += partial->rows;
    for (size_t i = 0; i < convex->sum_count * width; i++) {
        total->gradient[i] += partial->gradient[i];
    }
    for (size_t i = 0; total->hessian != NULL && i < convex->pair_count * width * width; i++) {
        total->hessian[i] += partial->hessian[i];
    }
    return PENSTOCK_OK;
}

static penstock_code partial_init(const struct pass *pass, struct partial *partial,
                                  struct penstock_error *error) {
    const struct ps_convex *convex = pass->convex;
    const size_t width = convex->base_count + 1;
    partial->gradient = ps_allocate(convex->sum_count * width, sizeof(double));
    partial->hessian =
        pass->has_hessian ? ps_allocate(convex->pair_count * width * width, sizeof(double)) : NULL;
    return partial->gradient == NULL || (pass->has_hessian && partial->hessian == NULL)
               ? ps_error_memory(error, "a pass over the training rows")
               : PENSTOCK_OK;
}

static void partial_done(struct partial *partial) {
    ps_release(partial->gradient);
    ps_release(partial->hessian);
}

static void pass_done(struct pass *pass) {
    for (size_t i = 0; pass->partials != NULL && i < pass->window; i++) {
        partial_done(&pass->partials[i]);
    }
    for (size_t i = 0; pass->scratches != NULL && i < pass->worker_count; i++) {
        ps_release(pass->scratches[i].sums);
        ps_release(pass->scratches[i].curvatures);
        ps_release(pass->scratches[i].scaled);
        ps_release(pass->scratches[i].own);
    }
    ps_release(pass->partials);
    ps_release(pass->scratches);
    partial_done(&pass->total);
}

static penstock_code pass_init(struct pass *pass, bool has_curvatures, struct penstock_error *error) {
    const struct ps_convex *convex = pass->convex;
    const size_t dense = convex->layout->label;
    const size_t blocks = convex->problem->set->rows->block_count;
    size_t rows = chunk_size / (8 * (dense + 1));
    rows = rows < CHUNK_ROWS_MIN ? CHUNK_ROWS_MIN : rows > CHUNK_ROWS_MAX ? CHUNK_ROWS_MAX : rows;
    pass->chunk_rows = rows / 8 * 8;
    pass->window = ps_training_set_window(convex->problem->set);
    pass->window = pass->window < blocks ? pass->window : blocks + 1;
    pass->worker_count = convex->problem->set->worker_count;
    pass->partials = ps_allocate(pass->window, sizeof *pass->partials);
    pass->scratches = ps_allocate(pass->worker_count, sizeof *pass->scratches);
    if (pass->partials == NULL || pass->scratches == NULL) {
        return ps_error_memory(error, "a pass over the training rows");
    }
    PS_TRY(partial_init(pass, &pass->total, error));
    for (size_t i = 0; i < pass->window; i++) {
        PS_TRY(partial_init(pass, &pass->partials[i], error));
    }
    for (size_t i = 0; i < pass->worker_count; i++) {
        struct scratch *scratch = &pass->scratches[i];
        scratch->sums = ps_allocate(pass->chunk_rows * convex->sum_count, sizeof(double));
        scratch->curvatures =
            has_curvatures ? ps_allocate(pass->chunk_rows * convex->pair_count, sizeof(double)) : NULL;
        scratch->scaled =
            pass->has_hessian ? ps_allocate(pass->chunk_rows * dense + 1, sizeof(double)) : NULL;
        scratch->own = ps_allocate(convex->sum_count + convex->pair_count, sizeof(double));
        if (scratch->sums == NULL || scratch->own == NULL ||
            (has_curvatures && scratch->curvatures == NULL) ||
            (pass->has_hessian && scratch->scaled == NULL)) {
            return ps_error_memory(error, "a pass over the training rows");
        }
    }
    return PENSTOCK_OK;
}

/* Weights of base columns from parameters. */
static void set_weights(struct ps_convex *convex, const double *parameters) {
    const size_t width = convex->base_count + 1;
    memset(convex->weights, 0, convex->sum_count * width * sizeof(double));
    for (size_t k = 0; k < convex->sum_count; k++) {
        double *weights = convex->weights + k * width;
        const size_t intercept = convex->intercepts[k];
        const size_t end = intercept == PS_NO_COLUMN ? convex->offsets[k + 1] : intercept;
        double constant = intercept == PS_NO_COLUMN ? 0 : parameters[intercept];
        for (size_t j = convex->offsets[k]; j < end; j++) {
            const struct ps_convex_map *map = &convex->maps[j - convex->offsets[k]];
            weights[map->column] += parameters[j] * map->on_column;
            constant += parameters[j] * map->constant;
            if (map->gap != PS_NO_COLUMN) {
                weights[map->gap] += parameters[j] * map->on_gap;
            }
        }
        weights[convex->base_count] = constant;
    }
    if (convex->has_offset) {
        convex->weights[convex->offset.column] += convex->offset.on_column;
        convex->weights[convex->base_count] += convex->offset.constant;
        if (convex->offset.gap != PS_NO_COLUMN) {
            convex->weights[convex->offset.gap] += convex->offset.on_gap;
        }
    }
}

/* What a vector over base columns (entry b at b * step, the constant last) says of a feature; NULL: of the
 * intercept. */
static double of_feature(const struct ps_convex *convex, const struct ps_convex_map *map,
                         const double *vector) {
    if (map == NULL) {
        return vector[convex->base_count];
    }
    double value = map->on_column * vector[map->column] + map->constant * vector[convex->base_count];
    if (map->gap != PS_NO_COLUMN) {
        value += map->on_gap * vector[map->gap];
    }
    return value;
}

static const struct ps_convex_map *map_of(const struct ps_convex *convex, size_t sum, size_t parameter) {
    return parameter == convex->intercepts[sum] ? NULL : &convex->maps[parameter - convex->offsets[sum]];
}

/* The block of one pair of sums in the matrix of parameters. `rows`: the base matrix times the features of the
 * second sum. */
static void place_pair(const struct ps_convex *convex, double *base, size_t k, size_t l, double factor,
                       double *row, double *hessian) {
    const size_t width = convex->base_count + 1;
    for (size_t high = 0; high < width; high++) { /* make it symmetric */
        for (size_t low = 0; low < high; low++) {
            base[low * width + high] = base[high * width + low];
        }
    }
    for (size_t j = convex->offsets[l]; j < convex->offsets[l + 1]; j++) {
        const struct ps_convex_map *map = map_of(convex, l, j);
        for (size_t b = 0; b < width; b++) {
            row[b] = of_feature(convex, map, base + b * width);
        }
        for (size_t i = convex->offsets[k]; i < convex->offsets[k + 1]; i++) {
            const double value = factor * of_feature(convex, map_of(convex, k, i), row);
            hessian[j * convex->count + i] = value;
            hessian[i * convex->count + j] = value;
        }
    }
}

static penstock_code collect(const struct pass *pass, struct ps_convex_point *point,
                             struct penstock_error *error) {
    const struct ps_convex *convex = pass->convex;
    const struct partial *total = &pass->total;
    const size_t width = convex->base_count + 1;
    const double factor = total->rows > 0 ? 1 / total->rows : 0;
    point->loss = point->value = total->loss * factor;
    point->square = total->square * factor;
    point->curvature = total->curvature > 0 ? total->curvature * factor : 1;
    for (size_t k = 0; k < convex->sum_count; k++) {
        for (size_t i = convex->offsets[k]; i < convex->offsets[k + 1]; i++) {
            point->gradient[i] =
                factor * of_feature(convex, map_of(convex, k, i), total->gradient + k * width);
        }
    }
    if (pass->has_hessian) {
        double *row PS_SCOPED(ps_release_scoped) = ps_allocate(width, sizeof(double));
        if (row == NULL) {
            return ps_error_memory(error, "a pass over the training rows");
        }
        size_t q = 0;
        for (size_t k = 0; k < convex->sum_count; k++) {
            for (size_t l = k; l < convex->sum_count; l++) {
                place_pair(convex, total->hessian + q++ * width * width, k, l, factor, row, point->hessian);
            }
        }
    }
    const double l2_factor = point->l2_factor;
    point->l2_factor = 0;
    ps_convex_point_rescale(convex, point, l2_factor);
    return PENSTOCK_OK;
}

void ps_convex_point_rescale(const struct ps_convex *convex, struct ps_convex_point *point, double factor) {
    const double change = factor - point->l2_factor;
    for (size_t i = 0; i < convex->count; i++) {
        const double l2 = change * convex->l2[i];
        point->value += l2 / 2 * point->parameters[i] * point->parameters[i];
        point->gradient[i] += l2 * point->parameters[i];
        if (point->hessian != NULL) {
            point->hessian[i * convex->count + i] += l2;
        }
    }
    point->l2_factor = factor;
}

double ps_convex_l1_of(const struct ps_convex *convex, const double *parameters) {
    double sum = 0;
    for (size_t i = 0; convex->has_l1 && i < convex->count; i++) {
        sum += convex->l1[i] * fabs(parameters[i]);
    }
    return sum;
}

penstock_code ps_convex_pass(struct ps_convex *convex, size_t block_stride, struct ps_convex_point *point,
                             struct penstock_error *error) {
    struct pass pass PS_SCOPED(pass_done) = {
        .convex = convex, .block_stride = block_stride, .has_hessian = point->hessian != NULL};
    set_weights(convex, point->parameters);
    PS_TRY(pass_init(&pass, pass.has_hessian || convex->problem->follows_curvature, error));
    PS_TRY(ps_training_set_run(convex->problem->set, &pass, work, merge, error));
    return collect(&pass, point, error);
}
