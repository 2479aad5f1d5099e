/* SPDX-License-Identifier: Apache-2.0
 *
 * glm.c - GeneralizedLinearRegression.
 *
 * The maximum of the likelihood; with regParam the fixed point of Spark's iteratively reweighted least squares,
 * whose penalty regParam/2 sum b_j^2 stands beside a mean of squares weighted with the working weights: as a penalty
 * on the mean half deviance it is times the mean working weight at the solution. Coefficients are penalised as they
 * are, not standardized. Gaussian with the identity link is LinearRegression's ridge, penalty and all, solved from
 * moments.
 * (Spark ML, GeneralizedLinearRegression.scala and WeightedLeastSquares.scala.)
 */
#include "model/glm.h"

#include <math.h>
#include <string.h>

#include "model/family.h"

#define FIELD(member) offsetof(struct ps_glm_config, member)
const struct ps_option ps_glm_options[] = {
    {"family", PS_OPTION_CHOICE, "gaussian", 0, 0, "gaussian|binomial|poisson|gamma|tweedie", FIELD(family),
     false, false, "distribution of the label around its mean", "0.2"},
    {"link", PS_OPTION_CHOICE, NULL, 0, 0, "identity|log|inverse|logit|probit|cloglog|sqrt", FIELD(link),
     false, false,
     "what of the mean is linear; default: identity, logit, log, inverse by family; not for tweedie", "0.2"},
    {"variancePower", PS_OPTION_DOUBLE, "0.0", 0, 1e3, NULL, FIELD(variance_power), false, false,
     "tweedie: the variance is the mean to this power: 0, or 1 and more", "0.2"},
    {"linkPower", PS_OPTION_TEXT, NULL, 0, 0, NULL, FIELD(link_power_text), false, false,
     "tweedie: the mean to this power is linear, 0: its logarithm; default 1 - variancePower", "0.2"},
    {"fitIntercept", PS_OPTION_BOOLEAN, "true", 0, 0, NULL, FIELD(fit_intercept), false, false,
     "whether the model has an intercept", "0.2"},
    {"regParam", PS_OPTION_DOUBLE, "0.0", 0, 1e300, NULL, FIELD(reg_param), false, false,
     "strength of the L2 penalty on coefficients", "0.2"},
    {"maxIter", PS_OPTION_INTEGER, "25", 0, 1e9, NULL, FIELD(max_iter), false, false,
     "steps at most: of Newton's kind, or ten times as many of limited memory", "0.2"},
    {"tol", PS_OPTION_DOUBLE, "1e-6", 0, 1, NULL, FIELD(tol), false, false,
     "a thousandth of it is the precision of what the sums of coefficients times features say", "0.2"},
    {"solver", PS_OPTION_CHOICE, "irls", 0, 0, "irls", FIELD(solver), false, false,
     "accepted for PySpark; what it converges to is what is found", "0.2"},
    {"weightCol", PS_OPTION_TEXT, NULL, 0, 0, NULL, FIELD(weight_column), false, false,
     "column of what each training row counts; it is no feature", "0.2"},
    {"offsetCol", PS_OPTION_TEXT, NULL, 0, 0, NULL, FIELD(offset_column), false, false,
     "column that is added to the sum as it is, its coefficient 1", "0.2"},
    {"aggregationDepth", PS_OPTION_INTEGER, "2", 2, 1e6, NULL, FIELD(aggregation_depth), false, false,
     "accepted for PySpark; partial sums are merged in the order of blocks", "0.2"},
    {0},
};

static const char *const family_names[] = {"gaussian", "binomial", "poisson", "gamma", "tweedie"};

/* A power that is a named link, or not. */
static void set_tweedie(const struct ps_glm_config *config, double link_power, struct ps_family *family) {
    const double power = config->variance_power;
    family->kind = power == 0   ? PS_FAMILY_GAUSSIAN
                   : power == 1 ? PS_FAMILY_POISSON
                   : power == 2 ? PS_FAMILY_GAMMA
                                : PS_FAMILY_TWEEDIE;
    family->link_power = link_power;
    family->link = link_power == 0     ? PS_LINK_LOG
                   : link_power == 1   ? PS_LINK_IDENTITY
                   : link_power == -1  ? PS_LINK_INVERSE
                   : link_power == 0.5 ? PS_LINK_SQRT
                                       : PS_LINK_POWER;
}

static penstock_code read_family(const struct ps_glm_config *config, struct ps_family *family_out,
                                 struct penstock_error *error) {
    static const enum ps_link canonical[] = {PS_LINK_IDENTITY, PS_LINK_LOGIT, PS_LINK_LOG, PS_LINK_INVERSE};
    struct ps_family family = {.variance_power = config->variance_power};
    while (strcmp(family_names[family.kind], config->family) != 0) {
        family.kind++;
    }
    if (family.kind == PS_FAMILY_TWEEDIE) {
        double link_power = 1 - config->variance_power;
        if (config->variance_power > 0 && config->variance_power < 1) {
            return ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                                "variancePower is %g; it is 0, or 1 and more", config->variance_power);
        }
        if (config->link_power_text != NULL &&
            (!ps_parse_double(config->link_power_text, &link_power) || !isfinite(link_power))) {
            return ps_error_set(error, PENSTOCK_INVALID_PROJECT, "linkPower '%s' is no number",
                                config->link_power_text);
        }
        if (config->link != NULL) {
            (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "link goes with no tweedie family");
            return ps_error_hint(error, "linkPower = 0 is log, 1 identity, -1 inverse, 0.5 sqrt");
        }
        set_tweedie(config, link_power, &family);
    } else if (config->link == NULL) {
        family.link = canonical[family.kind];
    } else if (!ps_family_link(family.kind, config->link, &family.link)) {
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "family %s has no link %s", config->family,
                           config->link);
        return ps_error_hint(error, "%s are there", ps_family_links(family.kind));
    }
    if (family.kind != PS_FAMILY_TWEEDIE && (config->link_power_text != NULL || config->variance_power > 0) &&
        strcmp(config->family, "tweedie") != 0) {
        return ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                            "variancePower and linkPower are for family tweedie");
    }
    *family_out = family;
    return PENSTOCK_OK;
}

penstock_code ps_glm_check(const void *config, struct penstock_error *error) {
    struct ps_family family;
    return read_family(config, &family, error);
}

/* The moments of label - offset, with the offset as a feature that does not vary. */
static penstock_code take_offset(const struct ps_training_set *set, struct ps_moments *moments_out,
                                 struct penstock_error *error) {
    const struct ps_moments *from = set->moments;
    const size_t n = from->count, o = set->offset_feature - 1;
    struct ps_moments moments = *from;
    moments.means = ps_allocate(n + 1, sizeof(double));
    moments.cross = ps_allocate(n + 1, sizeof(double));
    moments.covariance = ps_allocate(n * n + 1, sizeof(double));
    if (moments.means == NULL || moments.cross == NULL || moments.covariance == NULL) {
        ps_moments_done(&moments);
        return ps_error_memory(error, "moments of features");
    }
    memcpy(moments.means, from->means, n * sizeof(double));
    memcpy(moments.covariance, from->covariance, n * n * sizeof(double));
    for (size_t j = 0; j < n; j++) {
        moments.cross[j] = from->cross[j] - from->covariance[j * n + o];
        moments.covariance[j * n + o] = moments.covariance[o * n + j] = 0;
    }
    moments.cross[o] = 0;
    moments.means[o] = 0;
    moments.label_mean -= from->means[o];
    moments.label_variance += from->covariance[o * n + o] - 2 * from->cross[o];
    *moments_out = moments;
    return PENSTOCK_OK;
}

/* Least squares: Spark solves this one family with LinearRegression's solver and its standardized penalty. */
static penstock_code fit_moments(const struct ps_glm_config *config, const struct ps_training_set *set,
                                 struct ps_linear_predictor *linear, struct penstock_error *error) {
    struct ps_linear_workspace *workspace = NULL;
    const struct ps_linear_config least_squares = {.reg_param = config->reg_param,
                                                   .fit_intercept = config->fit_intercept,
                                                   .standardization = true,
                                                   .max_iter = 100,
                                                   .tol = 1e-6};
    PS_TRY(ps_linear_workspace_new(set->design->count, &workspace, error));
    struct ps_linear_solution solution = {.coefficients = linear->coefficients};
    struct ps_moments moments = {0};
    penstock_code code = set->offset_feature > 0 ? take_offset(set, &moments, error) : PENSTOCK_OK;
    if (code == PENSTOCK_OK) {
        code = ps_linear_solve(&least_squares, set->offset_feature > 0 ? &moments : set->moments, workspace,
                               &solution, error);
    }
    ps_moments_done(&moments);
    ps_linear_workspace_free(workspace);
    linear->intercepts[0] = solution.intercept;
    if (set->offset_feature > 0) {
        linear->coefficients[set->offset_feature - 1] = 1;
    }
    return code;
}

static penstock_code check_labels(const struct ps_glm_config *config, const struct ps_family *family,
                                  const struct ps_label_range *range, struct penstock_error *error) {
    if (ps_family_takes(family, range->least, range->largest)) {
        return PENSTOCK_OK;
    }
    (void)ps_error_set(
        error, PENSTOCK_INVALID_DATA,
        "GeneralizedLinearRegression(family = '%s', link = '%s') is for %s; they are from %g to %g",
        config->family, ps_link_name(family->link), ps_family_labels(family), range->least, range->largest);
    return ps_error_hint(error, "leave such rows out in the SELECT, or choose another family");
}

static penstock_code fit_rows(const struct ps_glm_config *config, const struct ps_training_set *set,
                              const struct ps_predictor *start, const struct ps_family *family,
                              const struct ps_label_range *range, struct ps_linear_predictor *linear,
                              struct ps_fit_result *result, struct penstock_error *error) {
    double mean = range->mean;
    if (family->kind == PS_FAMILY_BINOMIAL) {
        mean = fmin(fmax(mean, 1e-9), 1 - 1e-9);
    } else if (family->kind != PS_FAMILY_GAUSSIAN) {
        mean = fmax(mean, 1e-9 * fmax(range->largest, 1e-300));
    }
    const double shift = set->offset_feature > 0 ? set->moments->means[set->offset_feature - 1] : 0;
    const double intercept = ps_family_sum(family, mean) - shift;
    const struct ps_convex_problem problem = {
        .set = set,
        .loss = {.sum_count = 1, .context = family, .rows = ps_family_rows},
        .fit_intercept = config->fit_intercept,
        .penalises_raw = true,
        .follows_curvature = true,
        .l2 = config->reg_param,
        .tol = config->tol,
        .iteration_max = config->max_iter,
        .intercepts = &intercept,
        .start = start,
    };
    struct ps_convex_solution solution PS_SCOPED(ps_convex_done) = {0};
    PS_TRY(ps_convex_fit(&problem, &solution, error));
    linear->intercepts[0] = solution.intercepts[0];
    memcpy(linear->coefficients, solution.coefficients, set->design->count * sizeof(double));
    result->iteration_count = solution.iteration_count;
    result->is_unconverged = solution.is_unconverged;
    result->objective = solution.objective;
    return PENSTOCK_OK;
}

penstock_code ps_glm_fit(const void *config, const struct ps_training_set *set,
                         const struct ps_predictor *start, struct ps_fit_result *result_out,
                         struct penstock_error *error) {
    const struct ps_glm_config *glm = config;
    struct ps_family family;
    struct ps_linear_predictor *linear = NULL;
    PS_TRY(read_family(glm, &family, error));
    const struct ps_label_range range = ps_convex_labels(set, NULL);
    PS_TRY(check_labels(glm, &family, &range, error));
    PS_TRY(
        ps_linear_predictor_new(PS_TASK_REGRESSION, family.link, 1, set->design->count, 1, &linear, error));
    linear->link_power = family.link == PS_LINK_POWER ? family.link_power : 0;
    struct ps_fit_result result = {.predictor = &linear->predictor, .objective = (double)NAN};
    const bool is_plain = family.kind == PS_FAMILY_GAUSSIAN && family.link == PS_LINK_IDENTITY;
    const penstock_code code = is_plain ? fit_moments(glm, set, linear, error)
                                        : fit_rows(glm, set, start, &family, &range, linear, &result, error);
    if (code != PENSTOCK_OK) {
        ps_predictor_free(&linear->predictor);
        return code;
    }
    *result_out = result;
    return PENSTOCK_OK;
}
