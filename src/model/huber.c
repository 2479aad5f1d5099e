/* SPDX-License-Identifier: Apache-2.0
 *
 * huber.c - HuberRegression, and LinearRegression(loss = 'huber').
 *
 *   1/2n sum_i (s + H((y_i - x_i b - b0)/s) s) + regParam/2 sum (sigma_j b_j)^2
 *   H(z) = z^2 where |z| < epsilon, else 2 epsilon |z| - epsilon^2
 *
 * s, the scale of the residuals, is found together with the coefficients: the whole is convex (Owen, A robust hybrid
 * of lasso and ridge regression, 2007). It is a second sum with an intercept alone. Labels are taken in units of
 * their deviation here, which changes nothing but the rounding. (Spark ML, HuberAggregator.)
 */
#include "model/huber.h"

#include <math.h>
#include <string.h>

#include "model/convex.h"

#define FIELD(member) offsetof(struct ps_huber_config, member)
const struct ps_option ps_huber_options[] = {
    {"epsilon", PS_OPTION_DOUBLE, "1.35", 1.0000001, 1e300, NULL, FIELD(epsilon), false, false,
     "residuals beyond so many scales count linearly; 1.35 is 95 % as good as squares on normal residuals",
     "0.2"},
    {"regParam", PS_OPTION_DOUBLE, "0.0", 0, 1e300, NULL, FIELD(reg_param), false, false,
     "strength of the L2 penalty on coefficients", "0.2"},
    {"maxIter", PS_OPTION_INTEGER, "100", 0, 1e9, NULL, FIELD(max_iter), false, false,
     "steps at most: of Newton's kind, or ten times as many of limited memory", "0.2"},
    {"tol", PS_OPTION_DOUBLE, "1e-6", 0, 1, NULL, FIELD(tol), false, false,
     "a thousandth of it is the precision of what the sums of coefficients times features say", "0.2"},
    {"fitIntercept", PS_OPTION_BOOLEAN, "true", 0, 0, NULL, FIELD(fit_intercept), false, false,
     "whether the model has an intercept", "0.2"},
    {"standardization", PS_OPTION_BOOLEAN, "true", 0, 0, NULL, FIELD(standardization), false, false,
     "whether the penalty is on coefficients of standardized features", "0.2"},
    {"weightCol", PS_OPTION_TEXT, NULL, 0, 0, NULL, FIELD(weight_column), false, false,
     "column of what each training row counts; it is no feature", "0.2"},
    {"aggregationDepth", PS_OPTION_INTEGER, "2", 2, 1e6, NULL, FIELD(aggregation_depth), false, false,
     "accepted for PySpark; partial sums are merged in the order of blocks", "0.2"},
    {0},
};

struct huber {
    double epsilon, unit; /* of labels */
};

static double rows(const void *context, const double *labels, size_t count, double *sums,
                   double *curvatures) {
    const struct huber *huber = context;
    const double epsilon = huber->epsilon;
    const double scale = count > 0 ? sums[count] : 1; /* the same in all rows */
    double loss = scale > 0 ? 0 : (double)INFINITY;
    for (size_t i = 0; i < count; i++) {
        const double residual = labels[i] / huber->unit - sums[i];
        const double share = residual / scale;
        const bool is_near = fabs(share) < epsilon;
        if (is_near) {
            loss += 0.5 * (scale + share * residual);
            sums[i] = -share;
            sums[count + i] = 0.5 * (1 - share * share);
        } else {
            loss += 0.5 * (scale + 2 * epsilon * fabs(residual) - epsilon * epsilon * scale);
            sums[i] = -copysign(epsilon, residual);
            sums[count + i] = 0.5 * (1 - epsilon * epsilon);
        }
        if (curvatures != NULL) {
            curvatures[i] = is_near ? 1 / scale : 0;
            curvatures[count + i] = is_near ? share / scale : 0;
            curvatures[2 * count + i] = is_near ? share * share / scale : 0;
        }
    }
    return loss;
}

penstock_code ps_huber_fit(const void *config, const struct ps_training_set *set,
                           const struct ps_predictor *start, struct ps_fit_result *result_out,
                           struct penstock_error *error) {
    (void)start; /* a start that is further from the answer than least squares is no help */
    const struct ps_huber_config *options = config;
    static const bool is_bare[] = {false, true};
    const double deviation = sqrt(set->moments->label_variance);
    const double unit = deviation > 0 ? deviation : 1;
    const struct huber huber = {.epsilon = options->epsilon, .unit = unit};
    /* a scale that is too large costs a step; one that puts all rows outside leaves no curvature to go by */
    const double mean = set->moments->label_mean / unit;
    const double intercepts[] = {options->fit_intercept ? mean : 0,
                                 options->fit_intercept ? 1 : 2 * sqrt(1 + mean * mean)};
    const struct ps_convex_problem problem = {
        .set = set,
        .loss = {.sum_count = 2, .is_bare = is_bare, .context = &huber, .rows = rows},
        .fit_intercept = options->fit_intercept,
        .penalises_raw = !options->standardization,
        .l2 = options->reg_param * unit,
        .tol = options->tol,
        .iteration_max = options->max_iter,
        .intercepts = intercepts,
    };
    struct ps_linear_predictor *linear = NULL;
    const size_t features = set->design->count;
    PS_TRY(ps_linear_predictor_new(PS_TASK_REGRESSION, PS_LINK_IDENTITY, 1, features, 1, &linear, error));
    if (!(deviation > 0) &&
        options->fit_intercept) { /* the line is the label, and the scale has no least value */
        linear->intercepts[0] = set->moments->label_mean;
        *result_out = (struct ps_fit_result){.predictor = &linear->predictor};
        return PENSTOCK_OK;
    }
    struct ps_convex_solution solution PS_SCOPED(ps_convex_done) = {0};
    const penstock_code code = ps_convex_fit(&problem, &solution, error);
    if (code != PENSTOCK_OK) {
        ps_predictor_free(&linear->predictor);
        return code;
    }
    linear->intercepts[0] = solution.intercepts[0] * unit;
    for (size_t j = 0; j < features; j++) {
        linear->coefficients[j] = solution.coefficients[j] * unit;
    }
    *result_out = (struct ps_fit_result){.predictor = &linear->predictor,
                                         .iteration_count = solution.iteration_count,
                                         .is_unconverged = solution.is_unconverged,
                                         .objective = solution.objective * unit};
    return PENSTOCK_OK;
}
