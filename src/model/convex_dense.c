/* SPDX-License-Identifier: Apache-2.0
 *
 * convex_dense.c - Newton on a sample of the blocks, then quasi-Newton on all rows, with a matrix of all parameters.
 *
 * The optimum of a sample is near that of all rows, and its curvature is nearly theirs: from there a step with the
 * sample's curvature leaves about sqrt(parameters / sample) of the error, and BFGS updates make it less with each
 * pass, which needs a gradient only. When the sample would be most of the rows, plain Newton steps on all of them.
 *
 * With L1 a step minimises the quadratic model plus the penalty by coordinate descent (a proximal Newton step; Lee,
 * Sun, Saunders 2014); it ends on the exact zeros. How far there is to go is what the model says a step would gain.
 */
#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "model/convex_parts.h"

/* Newton steps on the sample at most; what has not settled by then is no help. */
enum { SAMPLE_STEPS_MAX = 20, SWEEPS_MAX = 1000, HALVINGS_MAX = 40 };
/* Below this mean loss nothing is left to learn. */
static const double vanished = 1e-9;

struct dense {
    struct ps_convex *convex;
    struct ps_convex_point *point; /* where we are */
    struct ps_convex_point trial;
    double *matrix; /* curvature, with L2: the point's own or an estimate of it */
    double *factor;
    double *step;
    double *scratch; /* matrix times step and the like */
    double gain;     /* what the model says the step gains */
    bool is_exact;   /* matrix is made anew at each point */
    size_t block_stride;
    struct ps_convex_report report;
};

static size_t count_of(const struct dense *dense) {
    return dense->convex->count;
}

/* Solves matrix * step = -gradient; when the matrix is singular a little is added to its diagonal: along directions
 * without curvature there is no gradient either. */
static penstock_code solve_smooth(struct dense *dense, struct penstock_error *error) {
    const size_t n = count_of(dense);
    double largest = 0;
    for (size_t i = 0; i < n; i++) {
        largest = fmax(largest, dense->matrix[i * n + i]);
    }
    if (n == 0) {
        return PENSTOCK_OK;
    }
    for (double ridge = 1e-14; ridge < 1e3; ridge *= 100) {
        memcpy(dense->factor, dense->matrix, n * n * sizeof(double));
        for (size_t i = 0; i < n; i++) {
            dense->factor[i * n + i] += ridge * largest + 1e-300;
            dense->step[i] = -dense->point->gradient[i];
        }
        if (LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', (int)n, dense->factor, (int)n) == 0 &&
            LAPACKE_dpotrs_work(LAPACK_COL_MAJOR, 'U', (int)n, 1, dense->factor, (int)n, dense->step,
                                (int)n) == 0) {
            return PENSTOCK_OK;
        }
    }
    return ps_error_set(error, PENSTOCK_INVALID_DATA, "the curvature of the loss is no number");
}

/* scratch = gradient + matrix * step, kept up to date; gives the largest change, in units of a deviation. */
static double sweep(struct dense *dense, bool only_active) {
    const struct ps_convex *convex = dense->convex;
    const size_t n = convex->count;
    const double *at = dense->point->parameters;
    double largest = 0;
    for (size_t j = 0; j < n; j++) {
        const double diagonal = dense->matrix[j * n + j];
        const double old = at[j] + dense->step[j];
        if (!(diagonal > 0) || (only_active && convex->l1[j] > 0 && !(fabs(old) > 0))) {
            continue;
        }
        const double slope = diagonal * old - dense->scratch[j];
        const double size = fabs(slope) - convex->l1[j];
        const double now = size > 0 ? copysign(size, slope) / diagonal : 0;
        const double change = now - old;
        if (fabs(change) > 0) {
            dense->step[j] = now - at[j];
            cblas_daxpy((int)n, change, dense->matrix + j * n, 1, dense->scratch, 1);
            largest = fmax(largest, fabs(change) * sqrt(diagonal));
        }
    }
    return largest;
}

/* Takes the features that are not zero, and their signs, as final and solves their equations: coordinate descent
 * comes near, this is exact. False: the signs do not stay. */
static bool polish(struct dense *dense, size_t *active) {
    const struct ps_convex *convex = dense->convex;
    const size_t n = convex->count;
    const double *at = dense->point->parameters;
    size_t count = 0;
    for (size_t j = 0; j < n; j++) {
        if (!(convex->l1[j] > 0) || fabs(at[j] + dense->step[j]) > 0) {
            active[count++] = j;
        }
    }
    /* with the others at zero: M_aa (new - at) = -g_a - l1 sign - M_ao (0 - at) */
    for (size_t i = 0; i < count; i++) {
        const size_t row = active[i];
        const double now = at[row] + dense->step[row];
        double right =
            -dense->point->gradient[row] - (convex->l1[row] > 0 ? copysign(convex->l1[row], now) : 0);
        size_t next = 0;
        for (size_t j = 0; j < n; j++) {
            if (next < count && active[next] == j) {
                dense->factor[i * count + next++] = dense->matrix[row * n + j];
            } else {
                right += dense->matrix[row * n + j] * at[j];
            }
        }
        dense->scratch[i] = right;
    }
    if (count > 0 &&
        (LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', (int)count, dense->factor, (int)count) != 0 ||
         LAPACKE_dpotrs_work(LAPACK_COL_MAJOR, 'U', (int)count, 1, dense->factor, (int)count, dense->scratch,
                             (int)count) != 0)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const size_t j = active[i];
        const double old = at[j] + dense->step[j];
        if (!isfinite(dense->scratch[i]) || (convex->l1[j] > 0 && (at[j] + dense->scratch[i]) * old <= 0)) {
            return false;
        }
    }
    for (size_t i = 0; i < count; i++) {
        dense->step[active[i]] = dense->scratch[i];
    }
    return true;
}

static penstock_code solve_sparse(struct dense *dense, struct penstock_error *error) {
    const size_t n = count_of(dense);
    size_t *active PS_SCOPED(ps_release_scoped) = ps_allocate(n + 1, sizeof(size_t));
    if (active == NULL) {
        return ps_error_memory(error, "an estimator");
    }
    memset(dense->step, 0, n * sizeof(double));
    memcpy(dense->scratch, dense->point->gradient, n * sizeof(double));
    double first = 0;
    bool only_active = false;
    for (size_t count = 0; count < SWEEPS_MAX; count++) {
        const double largest = sweep(dense, only_active);
        first = fmax(first, largest);
        if (largest <= 1e-11 * first) {
            if (!only_active) {
                break;
            }
            only_active = false;
            continue;
        }
        only_active = count % 8 != 0;
    }
    (void)polish(dense, active);
    return PENSTOCK_OK;
}

/* What the model says: gradient . step + L1 there - L1 here, negative. */
static penstock_code find_step(struct dense *dense, struct penstock_error *error) {
    const struct ps_convex *convex = dense->convex;
    PS_TRY(convex->has_l1 ? solve_sparse(dense, error) : solve_smooth(dense, error));
    double sum = 0;
    for (size_t i = 0; i < convex->count; i++) {
        const double at = dense->point->parameters[i];
        sum += dense->point->gradient[i] * dense->step[i];
        sum += convex->l1[i] * (fabs(at + dense->step[i]) - fabs(at));
    }
    dense->gain = -sum;
    return isfinite(sum)
               ? PENSTOCK_OK
               : ps_error_set(error, PENSTOCK_INVALID_DATA, "the loss of the training rows is no number");
}

/* BFGS: the matrix learns what the last step has shown. scratch is lost. */
static void update_matrix(struct dense *dense) {
    const size_t n = count_of(dense);
    const double *from = dense->point->gradient;
    const double *to = dense->trial.gradient;
    double *change = dense->factor; /* gradient there - gradient here */
    double *moved = dense->factor + n;
    double inner = 0;
    for (size_t i = 0; i < n; i++) {
        change[i] = to[i] - from[i];
        moved[i] = dense->trial.parameters[i] - dense->point->parameters[i];
        inner += change[i] * moved[i];
    }
    cblas_dsymv(CblasColMajor, CblasUpper, (int)n, 1.0, dense->matrix, (int)n, moved, 1, 0.0, dense->scratch,
                1);
    const double curvature = cblas_ddot((int)n, moved, 1, dense->scratch, 1);
    if (!(inner > 1e-3 * curvature) || !(curvature > 0)) {
        return;
    }
    for (size_t j = 0; j < n; j++) {
        for (size_t i = 0; i < n; i++) {
            dense->matrix[j * n + i] +=
                change[i] * change[j] / inner - dense->scratch[i] * dense->scratch[j] / curvature;
        }
    }
}

static double total_of(const struct dense *dense, const struct ps_convex_point *point) {
    return point->value + ps_convex_l1_of(dense->convex, point->parameters);
}

/* Goes along the step until the loss is less. *is_stuck_out: it cannot be told to be. */
static penstock_code search_line(struct dense *dense, bool *is_stuck_out, struct penstock_error *error) {
    const double here = total_of(dense, dense->point);
    const double noise = 1e-13 * fmax(fabs(here), fabs(dense->point->loss));
    double length = 1;
    *is_stuck_out = false;
    for (size_t i = 0; i < HALVINGS_MAX; i++, length /= 2) {
        for (size_t j = 0; j < count_of(dense); j++) {
            dense->trial.parameters[j] = dense->point->parameters[j] + length * dense->step[j];
        }
        dense->trial.l2_factor = dense->point->l2_factor;
        PS_TRY(ps_convex_pass(dense->convex, dense->block_stride, &dense->trial, error));
        const double there = total_of(dense, &dense->trial);
        if (there <= here - 1e-4 * length * dense->gain || (dense->gain < noise && there <= here + noise)) {
            return PENSTOCK_OK;
        }
    }
    *is_stuck_out = true;
    return PENSTOCK_OK;
}

static void move(struct dense *dense) {
    struct ps_convex_point kept = *dense->point;
    *dense->point = dense->trial;
    dense->trial = kept;
}

/* After a move: the penalty follows the curvature; the matrix is the point's, or has learnt. */
static void settle(struct dense *dense) {
    const struct ps_convex *convex = dense->convex;
    const double before = dense->point->l2_factor;
    if (convex->problem->follows_curvature) {
        const double now = dense->point->curvature;
        ps_convex_point_rescale(convex, dense->point, now);
        for (size_t i = 0; !dense->is_exact && i < convex->count; i++) {
            dense->matrix[i * convex->count + i] += (now - before) * convex->l2[i];
        }
    }
    if (dense->is_exact) {
        memcpy(dense->matrix, dense->point->hessian, convex->count * convex->count * sizeof(double));
    }
}

/* The gain that is as good as none: a step that moves sums by so little of their size. */
static double gain_min(const struct dense *dense, double precision) {
    const double scale = fmin(1, dense->point->square);
    const size_t first = dense->convex->intercepts[0];
    const double curvature = first != PS_NO_COLUMN ? dense->matrix[first * count_of(dense) + first]
                             : count_of(dense) > 0 ? dense->matrix[0]
                                                   : 1;
    return precision * precision * fmax(curvature, 1e-30) * fmax(scale, 1e-30);
}

static penstock_code iterate(struct dense *dense, double precision, int64_t step_max,
                             struct penstock_error *error) {
    double best = (double)INFINITY;
    size_t waits = 0;
    for (int64_t step = 0; step < step_max; step++) {
        const struct ps_convex *convex = dense->convex;
        if (convex->problem->loss.can_vanish && dense->point->loss < vanished && !convex->has_l1 &&
            !(convex->problem->l2 > 0)) {
            dense->report.is_separated = true;
            return PENSTOCK_OK;
        }
        PS_TRY(find_step(dense, error));
        if (dense->gain <= gain_min(dense, precision)) {
            return PENSTOCK_OK;
        }
        /* below the rounding of the loss the gain itself must fall, or it is rounding, too */
        waits = dense->gain < 0.5 * best ? 0 : waits + 1;
        best = fmin(best, dense->gain);
        if (waits >= 4 && dense->gain < 1e-12 * fabs(dense->point->loss)) {
            return PENSTOCK_OK;
        }
        bool is_stuck = false;
        PS_TRY(search_line(dense, &is_stuck, error));
        if (is_stuck) {
            dense->report.is_unconverged = dense->gain > 1e-10 * fabs(dense->point->loss);
            return PENSTOCK_OK;
        }
        dense->report.iteration_count++;
        if (!dense->is_exact) {
            update_matrix(dense);
        }
        move(dense);
        settle(dense);
    }
    dense->report.is_unconverged = true;
    return PENSTOCK_OK;
}

/* Newton steps with the curvature of these blocks, made anew at each point. `point` gets no matrix of its own. */
static penstock_code newton(struct dense *dense, size_t block_stride, double precision, int64_t step_max,
                            struct penstock_error *error) {
    struct ps_convex_point own PS_SCOPED(ps_convex_point_done) = {0};
    struct ps_convex_point other = {0};
    const struct ps_convex *convex = dense->convex;
    struct ps_convex_point *point = dense->point;
    PS_TRY(ps_convex_point_init(&own, convex, true, error));
    const penstock_code code = ps_convex_point_init(&other, convex, true, error);
    struct ps_convex_point kept = dense->trial;
    dense->trial = other;
    penstock_code result = code;
    if (code == PENSTOCK_OK) {
        memcpy(own.parameters, point->parameters, convex->count * sizeof(double));
        dense->point = &own;
        dense->is_exact = true;
        dense->block_stride = block_stride;
        result = ps_convex_pass(dense->convex, block_stride, &own, error);
        if (result == PENSTOCK_OK) {
            settle(dense);
            result = iterate(dense, precision, step_max, error);
        }
        memcpy(point->parameters, own.parameters, convex->count * sizeof(double));
        memcpy(point->gradient, own.gradient, convex->count * sizeof(double));
        point->loss = own.loss;
        point->value = own.value;
        point->curvature = own.curvature;
        point->square = own.square;
        point->l2_factor = own.l2_factor;
    }
    ps_convex_point_done(&dense->trial);
    dense->trial = kept;
    dense->point = point;
    dense->is_exact = false;
    return result;
}

static void dense_done(struct dense *dense) {
    ps_convex_point_done(&dense->trial);
    ps_release(dense->matrix);
    ps_release(dense->factor);
    ps_release(dense->step);
    ps_release(dense->scratch);
}

static penstock_code dense_init(struct dense *dense, struct penstock_error *error) {
    const size_t n = count_of(dense) + 2;
    PS_TRY(ps_convex_point_init(&dense->trial, dense->convex, false, error));
    dense->matrix = ps_allocate(n * n, sizeof(double));
    dense->factor = ps_allocate(n * n, sizeof(double));
    dense->step = ps_allocate(n, sizeof(double));
    dense->scratch = ps_allocate(n, sizeof(double));
    return dense->matrix == NULL || dense->factor == NULL || dense->step == NULL || dense->scratch == NULL
               ? ps_error_memory(error, "an estimator")
               : PENSTOCK_OK;
}

penstock_code ps_convex_descend_dense(struct ps_convex *convex, struct ps_convex_point *point,
                                      struct ps_convex_report *report, struct penstock_error *error) {
    struct dense dense PS_SCOPED(dense_done) = {.convex = convex, .point = point};
    const double precision = convex->problem->tol * 1e-3;
    const int64_t steps = convex->problem->iteration_max;
    PS_TRY(dense_init(&dense, error));
    if (convex->block_stride > 1) {
        double *start PS_SCOPED(ps_release_scoped) = ps_allocate(convex->count + 1, sizeof(double));
        if (start == NULL) {
            return ps_error_memory(error, "an estimator");
        }
        memcpy(start, point->parameters, convex->count * sizeof(double));
        PS_TRY(newton(&dense, convex->block_stride, 1e-3, SAMPLE_STEPS_MAX, error));
        const bool is_useful = !dense.report.is_unconverged && !dense.report.is_separated;
        dense.report = (struct ps_convex_report){0};
        if (is_useful) {
            const double factor = point->l2_factor;
            dense.block_stride = 1;
            PS_TRY(ps_convex_pass(convex, 1, point, error));
            point->l2_factor = factor;
            settle(&dense);
            PS_TRY(iterate(&dense, precision, steps, error));
            *report = dense.report;
            return PENSTOCK_OK;
        }
        memcpy(point->parameters, start, convex->count * sizeof(double));
        point->l2_factor = 1;
    }
    PS_TRY(newton(&dense, 1, precision, steps, error));
    *report = dense.report;
    return PENSTOCK_OK;
}
