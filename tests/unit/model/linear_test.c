/* SPDX-License-Identifier: Apache-2.0
 *
 * linear_test.c - solutions on plain arrays: residual equations, optimality, singular matrices, odd labels.
 */
#include "model/linear.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "close.h"

#include "model/random.h"

enum { ROWS = 400, FEATURES = 5 };

struct problem {
    double x[ROWS][FEATURES], y[ROWS];
    double means[FEATURES], covariance[FEATURES * FEATURES], cross[FEATURES];
    struct ps_moments moments;
};

/* Features of very different scale and mean; a copy of the first, or a constant, may stand in the last place. */
static void make(struct problem *problem, bool has_copy, bool has_constant) {
    struct ps_random random;
    ps_random_init(&random, 5);
    for (size_t i = 0; i < ROWS; i++) {
        double y = 3;
        for (size_t j = 0; j < FEATURES; j++) {
            problem->x[i][j] = pow(10, (double)j - 2) * (ps_random_next(&random) + (double)j);
            y += problem->x[i][j] / pow(10, (double)j - 2) * (j == 2 ? 0 : (double)j + 1);
        }
        problem->x[i][1] += 0.5 * problem->x[i][0];
        problem->x[i][4] = has_copy ? 2 * problem->x[i][0] - 1 : has_constant ? 7 : problem->x[i][4];
        problem->y[i] = y + ps_random_next(&random);
    }
    double label_mean = 0;
    for (size_t j = 0; j < FEATURES; j++) {
        problem->means[j] = 0;
    }
    for (size_t i = 0; i < ROWS; i++) {
        label_mean += problem->y[i] / ROWS;
        for (size_t j = 0; j < FEATURES; j++) {
            problem->means[j] += problem->x[i][j] / ROWS;
        }
    }
    double variance = 0;
    memset(problem->covariance, 0, sizeof problem->covariance);
    memset(problem->cross, 0, sizeof problem->cross);
    for (size_t i = 0; i < ROWS; i++) {
        const double dy = problem->y[i] - label_mean;
        variance += dy * dy / ROWS;
        for (size_t j = 0; j < FEATURES; j++) {
            const double dj = problem->x[i][j] - problem->means[j];
            problem->cross[j] += dj * dy / ROWS;
            for (size_t k = 0; k < FEATURES; k++) {
                problem->covariance[j * FEATURES + k] += dj * (problem->x[i][k] - problem->means[k]) / ROWS;
            }
        }
    }
    if (has_constant) {
        problem->cross[4] = 0;
        for (size_t j = 0; j < FEATURES; j++) {
            problem->covariance[4 * FEATURES + j] = problem->covariance[j * FEATURES + 4] = 0;
        }
    }
    problem->moments = (struct ps_moments){.count = FEATURES,
                                           .row_count = ROWS,
                                           .means = problem->means,
                                           .covariance = problem->covariance,
                                           .cross = problem->cross,
                                           .label_mean = label_mean,
                                           .label_variance = variance};
}

static const struct ps_linear_config plain = {
    .fit_intercept = true, .standardization = true, .max_iter = 100, .tol = 1e-6};

static struct ps_linear_solution solve(const struct problem *problem, const struct ps_linear_config *config,
                                       double *coefficients) {
    struct ps_linear_workspace *workspace = NULL;
    struct ps_linear_solution solution = {.coefficients = coefficients};
    struct penstock_error error;
    assert_int_equal(ps_linear_workspace_new(FEATURES, &workspace, &error), PENSTOCK_OK);
    assert_int_equal(ps_linear_solve(config, &problem->moments, workspace, &solution, &error), PENSTOCK_OK);
    ps_linear_workspace_free(workspace);
    assert_false(solution.is_unconverged);
    return solution;
}

/* Gradient of the objective in the scaled space, from the rows. */
static double gradient(const struct problem *problem, const struct ps_linear_config *config,
                       const struct ps_linear_solution *solution, size_t feature) {
    const double sigma = sqrt(problem->covariance[feature * FEATURES + feature]);
    const double sigma_label = sqrt(problem->moments.label_variance);
    double sum = 0;
    for (size_t i = 0; i < ROWS; i++) {
        double residual = problem->y[i] - solution->intercept;
        for (size_t j = 0; j < FEATURES; j++) {
            residual -= solution->coefficients[j] * problem->x[i][j];
        }
        sum += residual * problem->x[i][feature] / (sigma * sigma_label) / ROWS;
    }
    const double lambda = config->reg_param / sigma_label;
    const double unit = config->standardization ? 1 : sigma;
    const double scaled = solution->coefficients[feature] * sigma / sigma_label;
    return sum - lambda * (1 - config->elastic_net_param) / (unit * unit) * scaled;
}

static void check_optimal(const struct problem *problem, const struct ps_linear_config *config,
                          bool asks_zeros) {
    double coefficients[FEATURES];
    const struct ps_linear_solution solution = solve(problem, config, coefficients);
    size_t zeros = 0;
    for (size_t j = 0; j < FEATURES; j++) {
        const double sigma = sqrt(problem->covariance[j * FEATURES + j]);
        const double l1 = config->reg_param / sqrt(problem->moments.label_variance) *
                          config->elastic_net_param / (config->standardization ? 1 : sigma);
        const double slope = gradient(problem, config, &solution, j);
        if (coefficients[j] == 0) {
            zeros++;
            assert_true(fabs(slope) <= l1 + 1e-10);
        } else {
            assert_close(slope, copysign(l1, coefficients[j]), 1e-9);
        }
    }
    assert_true(!asks_zeros || zeros > 0);
}

static void is_optimal(void **state) {
    (void)state;
    struct problem problem;
    make(&problem, false, false);
    static const double strengths[] = {0, 0.01, 0.3};
    static const double shares[] = {0, 0.5, 1};
    for (size_t r = 0; r < 3; r++) {
        for (size_t a = 0; a < 3; a++) {
            struct ps_linear_config config = plain;
            config.reg_param = strengths[r];
            config.elastic_net_param = shares[a];
            check_optimal(&problem, &config, r == 2 && a == 2);
            config.fit_intercept = false;
            check_optimal(&problem, &config, false);
        }
    }
}

static void copies_share_and_stay_finite(void **state) {
    (void)state;
    struct problem problem;
    make(&problem, true, false);
    double coefficients[FEATURES];
    const struct ps_linear_solution solution = solve(&problem, &plain, coefficients);
    assert_int_equal(solution.varying_count, FEATURES);
    assert_int_equal(solution.rank, FEATURES - 1);
    for (size_t j = 0; j < FEATURES; j++) {
        assert_true(isfinite(coefficients[j]));
        assert_close(gradient(&problem, &plain, &solution, j), 0, 1e-9);
    }
    /* the same weight in the scaled space */
    assert_close(coefficients[0] / 2, coefficients[4], 1e-6 * fabs(coefficients[4]));
}

static void constants_get_nothing(void **state) {
    (void)state;
    struct problem problem;
    make(&problem, false, true);
    double coefficients[FEATURES];
    const struct ps_linear_solution solution = solve(&problem, &plain, coefficients);
    assert_true(coefficients[4] == 0);
    assert_int_equal(solution.varying_count, FEATURES - 1);
}

static void constant_labels(void **state) {
    (void)state;
    struct problem problem;
    make(&problem, false, false);
    problem.moments.label_variance = 0;
    memset(problem.cross, 0, sizeof problem.cross);
    double coefficients[FEATURES];
    const struct ps_linear_solution solution = solve(&problem, &plain, coefficients);
    assert_close(solution.intercept, problem.moments.label_mean, 1e-12);
    struct ps_linear_config config = plain;
    config.fit_intercept = false;
    config.reg_param = 0.1;
    struct ps_linear_workspace *workspace = NULL;
    struct ps_linear_solution refused = {.coefficients = coefficients};
    struct penstock_error error;
    assert_int_equal(ps_linear_workspace_new(FEATURES, &workspace, &error), PENSTOCK_OK);
    assert_int_equal(ps_linear_solve(&config, &problem.moments, workspace, &refused, &error),
                     PENSTOCK_INVALID_DATA);
    ps_linear_workspace_free(workspace);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_optimal),
        cmocka_unit_test(copies_share_and_stay_finite),
        cmocka_unit_test(constants_get_nothing),
        cmocka_unit_test(constant_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
