/* SPDX-License-Identifier: Apache-2.0
 *
 * linear.c - solving one cell of the search on d x d.
 *
 * Everything happens in Spark's doubly scaled space: features over sigma_j, label over sigma_y, lambda =
 * regParam / sigma_y. Without L1 it is one Cholesky factorisation; if the matrix is singular as far as
 * doubles can tell, the solution of minimum norm from its eigenvectors (where Spark's fallback, a
 * quasi-Newton method from zero, also goes). With L1 it is coordinate descent with covariance updates
 * (Friedman, Hastie, Tibshirani 2010); now and then the set of active features and their signs is taken as
 * final and its equations solved directly, which, when the optimality conditions hold, is the exact answer.
 */
#include "model/linear.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>

#define FIELD(member) offsetof(struct ps_linear_config, member)
const struct ps_option ps_linear_options[] = {
    {"regParam", PS_OPTION_DOUBLE, "0.0", 0, 1e300, NULL, FIELD(reg_param), false, false,
     "strength of the penalty on coefficients", "0.1"},
    {"elasticNetParam", PS_OPTION_DOUBLE, "0.0", 0, 1, NULL, FIELD(elastic_net_param), false, false,
     "share of L1 in the penalty: 0 is ridge, 1 is lasso", "0.1"},
    {"fitIntercept", PS_OPTION_BOOLEAN, "true", 0, 0, NULL, FIELD(fit_intercept), false, false,
     "whether the model has an intercept", "0.1"},
    {"standardization", PS_OPTION_BOOLEAN, "true", 0, 0, NULL, FIELD(standardization), false, false,
     "whether the penalty is on coefficients of standardized features", "0.1"},
    {"maxIter", PS_OPTION_INTEGER, "100", 0, 1e9, NULL, FIELD(max_iter), false, false,
     "thousands of sweeps of coordinate descent at most; ridge needs none", "0.1"},
    {"tol", PS_OPTION_DOUBLE, "1e-6", 0, 1, NULL, FIELD(tol), false, false,
     "coordinate descent ends when a sweep moves no coefficient by more than a millionth of it", "0.1"},
    {"solver", PS_OPTION_CHOICE, "auto", 0, 0, "auto", FIELD(solver), false, false,
     "the normal equations, as Spark's auto", "0.1"},
    {"loss", PS_OPTION_CHOICE, "squaredError", 0, 0, "squaredError|huber", FIELD(loss), false, false,
     "the loss to minimise; huber needs the rows", "0.1"},
    {"epsilon", PS_OPTION_DOUBLE, "1.35", 1.0000001, 1e300, NULL, FIELD(epsilon), false, false,
     "of the huber loss: residuals beyond so many scales count linearly", "0.2"},
    {"weightCol", PS_OPTION_TEXT, NULL, 0, 0, NULL, FIELD(weight_column), false, false,
     "column of what each training row counts; it is no feature", "0.2"},
    {"aggregationDepth", PS_OPTION_INTEGER, "2", 2, 2, NULL, FIELD(aggregation_depth), false, false,
     "accepted for PySpark; partial sums are merged by a fixed tree", "0.1"},
    {"compat", PS_OPTION_CHOICE, "spark", 0, 0, "spark|sklearn", FIELD(compat), false, false,
     "whose penalties: Spark ML's, or scikit-learn's (regParam is its alpha, elasticNetParam its l1_ratio; 0: Ridge)",
     "0.2"},
    {0},
};

static bool is_sklearn(const struct ps_linear_config *config) {
    return config->compat != NULL && strcmp(config->compat, "sklearn") == 0;
}

/* Reciprocal condition below which normal equations say nothing any more. */
static const double condition_min = 1e-13;

struct ps_linear_workspace {
    size_t capacity;
    double *matrix;   /* A: v x v over the varying features */
    double *factor;   /* a copy to factorise */
    double *right;    /* r */
    double *solution; /* b, scaled; kept as the next start */
    double *gradient; /* r - A b */
    double *trial, *l1, *l2, *sigmas;
    size_t *features; /* the varying features */
    size_t *active;
    size_t count; /* v */
};

void ps_linear_workspace_free(struct ps_linear_workspace *workspace) {
    if (workspace == NULL) {
        return;
    }
    double *const vectors[] = {workspace->matrix,   workspace->factor,   workspace->right,
                               workspace->solution, workspace->gradient, workspace->trial,
                               workspace->l1,       workspace->l2,       workspace->sigmas};
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        ps_release(vectors[i]);
    }
    ps_release(workspace->features);
    ps_release(workspace->active);
    ps_release(workspace);
}

penstock_code ps_linear_workspace_new(size_t feature_count, struct ps_linear_workspace **workspace_out,
                                      struct penstock_error *error) {
    struct ps_linear_workspace *workspace = ps_allocate(1, sizeof *workspace);
    if (workspace == NULL) {
        return ps_error_memory(error, "the solver");
    }
    const size_t n = feature_count + 1;
    workspace->capacity = feature_count;
    workspace->matrix = ps_allocate(n * n, sizeof(double));
    workspace->factor = ps_allocate(n * n, sizeof(double));
    double **const vectors[] = {&workspace->right, &workspace->solution, &workspace->gradient,
                                &workspace->trial, &workspace->l1,       &workspace->l2,
                                &workspace->sigmas};
    bool is_complete = workspace->matrix != NULL && workspace->factor != NULL;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        *vectors[i] = ps_allocate(n, sizeof(double));
        is_complete = is_complete && *vectors[i] != NULL;
    }
    workspace->features = ps_allocate(n, sizeof(size_t));
    workspace->active = ps_allocate(n, sizeof(size_t));
    if (!is_complete || workspace->features == NULL || workspace->active == NULL) {
        ps_linear_workspace_free(workspace);
        return ps_error_memory(error, "the solver");
    }
    *workspace_out = workspace;
    return PENSTOCK_OK;
}

/* The penalty on coefficient i of the scaled space, where sigma is its feature's deviation.
 *
 * scikit-learn does not know of scaling. Its Lasso and ElasticNet minimise 1/2n |y - xb|^2 + alpha l1_ratio |b|_1 +
 * alpha (1 - l1_ratio)/2 |b|^2, its Ridge |y - xb|^2 + alpha |b|^2: there the penalty is divided by n. */
static void set_penalty(const struct ps_linear_config *config, const struct ps_moments *moments,
                        double sigma_label, struct ps_linear_workspace *work, size_t i) {
    const double sigma = work->sigmas[i];
    const double share = config->elastic_net_param;
    if (is_sklearn(config)) {
        const double alpha = share > 0 ? config->reg_param : config->reg_param / moments->row_count;
        work->l1[i] = alpha * share / (sigma * sigma_label);
        work->l2[i] = alpha * (1 - share) / (sigma * sigma);
        return;
    }
    const double lambda = config->reg_param / sigma_label;
    const double unit = config->standardization ? 1 : sigma;
    work->l1[i] = lambda * share / unit;
    work->l2[i] = lambda * (1 - share) / (unit * unit);
}

/* Features that vary. Without an intercept scikit-learn fits constant ones, too: they are scaled by their value. */
static void find_features(const struct ps_linear_config *config, const struct ps_moments *moments,
                          struct ps_linear_workspace *work) {
    work->count = 0;
    for (size_t j = 0; j < moments->count; j++) {
        const double variance = moments->covariance[j * moments->count + j];
        const bool is_level = !(variance > 0) && is_sklearn(config) && !config->fit_intercept;
        const double sigma = is_level ? fabs(moments->means[j]) : sqrt(variance);
        if (sigma > 0) {
            work->sigmas[work->count] = sigma;
            work->features[work->count++] = j;
        }
    }
}

/* Fills A, r, l1, l2 in the scaled space. */
static void scale(const struct ps_linear_config *config, const struct ps_moments *moments, double sigma_label,
                  struct ps_linear_workspace *work) {
    find_features(config, moments, work);
    const size_t n = work->count;
    for (size_t i = 0; i < n; i++) {
        const size_t fi = work->features[i];
        const double si = work->sigmas[i];
        double right = moments->cross[fi];
        if (!config->fit_intercept) {
            right += moments->means[fi] * moments->label_mean;
        }
        work->right[i] = right / (si * sigma_label);
        set_penalty(config, moments, sigma_label, work, i);
        for (size_t j = 0; j < n; j++) {
            const size_t fj = work->features[j];
            double value = moments->covariance[fi * moments->count + fj];
            if (!config->fit_intercept) {
                value += moments->means[fi] * moments->means[fj];
            }
            work->matrix[i * n + j] = value / (si * work->sigmas[j]);
        }
    }
}

static penstock_code lapack_failed(struct penstock_error *error, const char *routine, int info) {
    if (info == LAPACK_WORK_MEMORY_ERROR || info == LAPACK_TRANSPOSE_MEMORY_ERROR) {
        return ps_error_memory(error, "the solver");
    }
    return ps_error_set(error, PENSTOCK_INTERNAL, "LAPACK's %s failed with %d", routine, info);
}

/* (A + l2) b = r by eigenvectors: directions that doubles cannot tell from nothing are left out. */
static penstock_code solve_minimum_norm(struct ps_linear_workspace *work, size_t *rank_out,
                                        struct penstock_error *error) {
    const int n = (int)work->count;
    const size_t count = work->count;
    memcpy(work->factor, work->matrix, count * count * sizeof(double));
    for (size_t i = 0; i < count; i++) {
        work->factor[i * count + i] += work->l2[i];
    }
    const int info = LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'V', 'U', n, work->factor, n, work->trial);
    if (info != 0) {
        return lapack_failed(error, "dsyevd", info);
    }
    const double least = work->trial[count - 1] * condition_min * (double)count;
    size_t rank = 0;
    memset(work->solution, 0, count * sizeof(double));
    for (size_t k = 0; k < count; k++) {
        if (!(work->trial[k] > least)) {
            continue;
        }
        rank++;
        const double *vector = work->factor + k * count;
        const double weight = cblas_ddot(n, vector, 1, work->right, 1) / work->trial[k];
        cblas_daxpy(n, weight, vector, 1, work->solution, 1);
    }
    *rank_out = rank;
    return PENSTOCK_OK;
}

/* Cholesky of `factor` (order n, with its penalty added), or false when it is singular. */
static bool factorise(double *factor, int n) {
    const double norm = LAPACKE_dlansy(LAPACK_COL_MAJOR, '1', 'U', n, factor, n);
    if (LAPACKE_dpotrf(LAPACK_COL_MAJOR, 'U', n, factor, n) != 0) {
        return false;
    }
    double condition = 0;
    return LAPACKE_dpocon(LAPACK_COL_MAJOR, 'U', n, factor, n, norm, &condition) == 0 &&
           condition > condition_min;
}

static penstock_code solve_smooth(struct ps_linear_workspace *work, size_t *rank_out,
                                  struct penstock_error *error) {
    const size_t count = work->count;
    memcpy(work->factor, work->matrix, count * count * sizeof(double));
    for (size_t i = 0; i < count; i++) {
        work->factor[i * count + i] += work->l2[i];
    }
    *rank_out = count;
    if (!factorise(work->factor, (int)count)) {
        return solve_minimum_norm(work, rank_out, error);
    }
    memcpy(work->solution, work->right, count * sizeof(double));
    const int info = LAPACKE_dpotrs(LAPACK_COL_MAJOR, 'U', (int)count, 1, work->factor, (int)count,
                                    work->solution, (int)count);
    return info == 0 ? PENSTOCK_OK : lapack_failed(error, "dpotrs", info);
}

static void update_gradient(struct ps_linear_workspace *work) {
    const int n = (int)work->count;
    memcpy(work->gradient, work->right, work->count * sizeof(double));
    cblas_dsymv(CblasColMajor, CblasUpper, n, -1.0, work->matrix, n, work->solution, 1, 1.0, work->gradient,
                1);
}

static double sweep(struct ps_linear_workspace *work, bool only_active) {
    const size_t n = work->count;
    double largest = 0;
    for (size_t j = 0; j < n; j++) {
        const double old = work->solution[j];
        if (only_active && old == 0) {
            continue;
        }
        const double diagonal = work->matrix[j * n + j];
        const double slope = work->gradient[j] + diagonal * old;
        const double size = fabs(slope) - work->l1[j];
        const double now = size > 0 ? copysign(size, slope) / (diagonal + work->l2[j]) : 0;
        const double change = now - old;
        if (change != 0) {
            work->solution[j] = now;
            cblas_daxpy((int)n, -change, work->matrix + j * n, 1, work->gradient, 1);
            largest = fmax(largest, fabs(change));
        }
    }
    return largest;
}

/* Do the optimality conditions hold for `solution` and `gradient`, to rounding? */
static bool is_optimal(const struct ps_linear_workspace *work) {
    for (size_t j = 0; j < work->count; j++) {
        const double b = work->solution[j];
        const double allowed = 1e-12 + 1e-10 * work->l1[j];
        const double excess = b != 0 ? fabs(work->gradient[j] - work->l2[j] * b - copysign(work->l1[j], b))
                                     : fabs(work->gradient[j]) - work->l1[j];
        if (!(excess <= allowed)) {
            return false;
        }
    }
    return true;
}

/* Takes the active features and their signs as final and solves for them. False: not (yet) the answer; then
 * `solution` is as it was. */
static bool polish(struct ps_linear_workspace *work) {
    const size_t n = work->count;
    size_t count = 0;
    for (size_t j = 0; j < n; j++) {
        if (work->solution[j] != 0) {
            work->active[count++] = j;
        }
    }
    if (count == 0) {
        return is_optimal(work);
    }
    for (size_t i = 0; i < count; i++) {
        const size_t row = work->active[i];
        work->trial[i] = work->right[row] - copysign(work->l1[row], work->solution[row]);
        for (size_t j = 0; j < count; j++) {
            work->factor[i * count + j] = work->matrix[row * n + work->active[j]];
        }
        work->factor[i * count + i] += work->l2[row];
    }
    if (!factorise(work->factor, (int)count) ||
        LAPACKE_dpotrs(LAPACK_COL_MAJOR, 'U', (int)count, 1, work->factor, (int)count, work->trial,
                       (int)count) != 0) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!(work->trial[i] * work->solution[work->active[i]] > 0)) {
            return false;
        }
    }
    for (size_t i = 0; i < count; i++) { /* swapped, so that a wrong guess can be taken back */
        const double old = work->solution[work->active[i]];
        work->solution[work->active[i]] = work->trial[i];
        work->trial[i] = old;
    }
    update_gradient(work);
    if (is_optimal(work)) {
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        work->solution[work->active[i]] = work->trial[i];
    }
    update_gradient(work);
    return false;
}

/* Coordinate descent. False: maxIter was reached. */
static bool descend(const struct ps_linear_config *config, struct ps_linear_workspace *work) {
    const double tolerance = config->tol * 1e-6;
    const int64_t sweep_max = config->max_iter * 1000;
    int64_t next_polish = 4;
    update_gradient(work);
    bool only_active = false;
    for (int64_t count = 0; count < sweep_max; count++) {
        const double largest = sweep(work, only_active);
        if (largest <= tolerance) {
            if (!only_active) {
                update_gradient(work);
                (void)polish(work);
                return true;
            }
            only_active = false;
            continue;
        }
        only_active = count % 10 != 0;
        if (count == next_polish) {
            if (polish(work)) {
                return true;
            }
            next_polish *= 2;
        }
    }
    return false;
}

static void unscale(const struct ps_linear_config *config, const struct ps_moments *moments,
                    double sigma_label, const struct ps_linear_workspace *work,
                    struct ps_linear_solution *solution) {
    memset(solution->coefficients, 0, moments->count * sizeof(double));
    double intercept = moments->label_mean;
    for (size_t i = 0; i < work->count; i++) {
        const size_t feature = work->features[i];
        const double coefficient = work->solution[i] * sigma_label / work->sigmas[i];
        solution->coefficients[feature] = coefficient;
        intercept -= coefficient * moments->means[feature];
    }
    solution->intercept = config->fit_intercept ? intercept : 0;
}

penstock_code ps_linear_solve(const struct ps_linear_config *config, const struct ps_moments *moments,
                              struct ps_linear_workspace *work, struct ps_linear_solution *solution_out,
                              struct penstock_error *error) {
    double sigma_label = sqrt(moments->label_variance);
    struct ps_linear_solution solution = {.coefficients = solution_out->coefficients};
    if (sigma_label == 0 && !config->fit_intercept && moments->label_mean != 0) {
        if (config->reg_param > 0 && !is_sklearn(config)) {
            return ps_error_set(
                error, PENSTOCK_INVALID_DATA,
                "the label is the same in all rows: it cannot be regularized without an intercept");
        }
        sigma_label = fabs(moments->label_mean);
    }
    const size_t previous = work->count;
    scale(config, moments, sigma_label > 0 ? sigma_label : 1, work);
    solution.varying_count = solution.rank = work->count;
    if (previous != work->count) {
        memset(work->solution, 0, work->count * sizeof(double));
    }
    if (sigma_label == 0 || work->count == 0) {
        memset(work->solution, 0, work->count * sizeof(double));
    } else if (config->elastic_net_param == 0 || config->reg_param == 0) {
        PS_TRY(solve_smooth(work, &solution.rank, error));
    } else {
        solution.is_unconverged = !descend(config, work);
    }
    unscale(config, moments, sigma_label > 0 ? sigma_label : 1, work, &solution);
    *solution_out = solution;
    return PENSTOCK_OK;
}
