/* SPDX-License-Identifier: Apache-2.0
 *
 * logistic.c - LogisticRegression.
 *
 *   1/n sum -log p(y_i | x_i) + regParam ((1 - a)/2 sum (s_j b_j)^2 + a sum |s_j b_j|),   a = elasticNetParam
 *
 * s: sample standard deviations of the training rows; without standardization 1. Two classes: p = 1/(1 + exp(-xb - b0))
 * (binomial); several, or two with family = 'multinomial': softmax, one set of coefficients for each class. Intercepts
 * are not penalised. Softmax says the same when all classes' coefficients move alike: without a penalty they are
 * centred, and the intercepts always are. (Spark ML, LogisticRegression.scala; the parity tests hold it to that.)
 */
#include "model/logistic.h"

#include <math.h>
#include <string.h>

#include "model/convex.h"
#include "model/thresholds.h"

#define FIELD(member) offsetof(struct ps_logistic_config, member)
const struct ps_option ps_logistic_options[] = {
    {"regParam", PS_OPTION_DOUBLE, "0.0", 0, 1e300, NULL, FIELD(reg_param), false, false,
     "strength of the penalty on coefficients", "0.2"},
    {"elasticNetParam", PS_OPTION_DOUBLE, "0.0", 0, 1, NULL, FIELD(elastic_net_param), false, false,
     "share of L1 in the penalty: 0 is ridge, 1 is lasso", "0.2"},
    {"maxIter", PS_OPTION_INTEGER, "100", 0, 1e9, NULL, FIELD(max_iter), false, false,
     "steps at most: of Newton's kind, or ten times as many of limited memory", "0.2"},
    {"tol", PS_OPTION_DOUBLE, "1e-6", 0, 1, NULL, FIELD(tol), false, false,
     "a thousandth of it is the precision of what the sums of coefficients times features say", "0.2"},
    {"fitIntercept", PS_OPTION_BOOLEAN, "true", 0, 0, NULL, FIELD(fit_intercept), false, false,
     "whether the model has an intercept", "0.2"},
    {"weightCol", PS_OPTION_TEXT, NULL, 0, 0, NULL, FIELD(weight_column), false, false,
     "column of what each training row counts; it is no feature", "0.2"},
    {"thresholds", PS_OPTION_TEXT, NULL, 0, 0, NULL, FIELD(thresholds), false, false,
     "a number for each class: predicted is the one whose probability over its threshold is the greatest",
     "0.2"},
    {"threshold", PS_OPTION_DOUBLE, "0.5", 0, 1, NULL, FIELD(threshold), false, false,
     "of two classes: the second is predicted when its probability is above", "0.2"},
    {"family", PS_OPTION_CHOICE, "auto", 0, 0, "auto|binomial|multinomial", FIELD(family), false, false,
     "auto: binomial for two classes, else multinomial", "0.2"},
    {"standardization", PS_OPTION_BOOLEAN, "true", 0, 0, NULL, FIELD(standardization), false, false,
     "whether the penalty is on coefficients of standardized features", "0.2"},
    {"aggregationDepth", PS_OPTION_INTEGER, "2", 2, 1e6, NULL, FIELD(aggregation_depth), false, false,
     "accepted for PySpark; partial sums are merged in the order of blocks", "0.2"},
    {"maxBlockSizeInMB", PS_OPTION_DOUBLE, "0.0", 0, 1e9, NULL, FIELD(block_size), false, false,
     "accepted for PySpark; blocks are cut to the cache", "0.2"},
    {0},
};

/* How far a class without rows is put from the others: a probability of about 1e-16. */
static const double absent_distance = 37;
/* Rows whose factors 1 + exp(-|sum|), each at most 2, are multiplied before one logarithm is taken of them. */
enum { FACTOR_ROWS = 256 };

enum ps_task ps_logistic_task(const void *config, size_t class_count, bool is_text) {
    (void)is_text;
    const struct ps_logistic_config *logistic = config;
    return class_count == 2 || strcmp(logistic->family, "binomial") == 0 ? PS_TASK_BINARY
                                                                         : PS_TASK_MULTICLASS;
}

static double binomial_rows(const void *context, const double *labels, size_t count, double *sums,
                            double *curvatures) {
    (void)context;
    double loss = 0;
    double factors = 1;
    for (size_t i = 0; i < count; i++) {
        const double sum = sums[i];
        const double small = exp(-fabs(sum));
        const double share = 1 / (1 + small);
        loss += (sum > 0 ? sum : 0) - labels[i] * sum;
        factors *= 1 + small;
        if (i % FACTOR_ROWS == FACTOR_ROWS - 1) {
            loss += log(factors);
            factors = 1;
        }
        sums[i] = (sum >= 0 ? share : small * share) - labels[i];
        if (curvatures != NULL) {
            curvatures[i] = small * share * share;
        }
    }
    return loss + log(factors);
}

struct softmax {
    size_t class_count;    /* that have rows */
    const int32_t *places; /* of each class of the target: among those, or -1 */
};

static double softmax_row(const struct softmax *softmax, size_t place, size_t count, double *sums) {
    const size_t classes = softmax->class_count;
    double largest = sums[0];
    for (size_t k = 1; k < classes; k++) {
        largest = fmax(largest, sums[k * count]);
    }
    const double own = sums[place * count] - largest;
    double total = 0;
    for (size_t k = 0; k < classes; k++) {
        sums[k * count] = exp(sums[k * count] - largest);
        total += sums[k * count];
    }
    for (size_t k = 0; k < classes; k++) {
        sums[k * count] /= total;
    }
    return log(total) - own;
}

static double multinomial_rows(const void *context, const double *labels, size_t count, double *sums,
                               double *curvatures) {
    const struct softmax *softmax = context;
    const size_t classes = softmax->class_count;
    double loss = 0;
    for (size_t i = 0; i < count; i++) {
        const size_t place = (size_t)softmax->places[(size_t)labels[i]];
        loss += softmax_row(softmax, place, count, sums + i);
        size_t q = 0;
        for (size_t k = 0; curvatures != NULL && k < classes; k++) {
            const double share = sums[k * count + i];
            curvatures[q++ * count + i] = share * (1 - share);
            for (size_t l = k + 1; l < classes; l++) {
                curvatures[q++ * count + i] = -share * sums[l * count + i];
            }
        }
        sums[place * count + i] -= 1;
    }
    return loss;
}

static void fill_problem(const struct ps_logistic_config *config, const struct ps_training_set *set,
                         const struct ps_predictor *start, struct ps_convex_problem *problem) {
    problem->set = set;
    problem->loss.can_vanish = true;
    problem->fit_intercept = config->fit_intercept;
    problem->penalises_raw = !config->standardization;
    problem->l1 = config->reg_param * config->elastic_net_param;
    problem->l2 = config->reg_param * (1 - config->elastic_net_param);
    problem->tol = config->tol;
    problem->iteration_max = config->max_iter;
    problem->start = start;
}

static void fill_result(const struct ps_convex_solution *solution, struct ps_linear_predictor *linear,
                        struct ps_fit_result *result) {
    *result = (struct ps_fit_result){.predictor = &linear->predictor,
                                     .iteration_count = solution->iteration_count,
                                     .is_unconverged = solution->is_unconverged,
                                     .objective = solution->objective};
    if (solution->is_separated) {
        result->note = "the classes can be told apart without an error: coefficients have no bound and were "
                       "stopped where the loss is below 1e-9; regParam > 0 bounds them";
    }
}

static penstock_code fit_binomial(const struct ps_logistic_config *config, const struct ps_training_set *set,
                                  const struct ps_predictor *start, const double *counts,
                                  struct ps_fit_result *result_out, struct penstock_error *error) {
    struct ps_linear_predictor *linear = NULL;
    const size_t features = set->design->count;
    PS_TRY(ps_linear_predictor_new(PS_TASK_BINARY, PS_LINK_LOGIT, 1, features, 2, &linear, error));
    linear->threshold = config->threshold;
    if (counts[0] == 0 || counts[1] == 0) {
        linear->intercepts[0] = counts[0] == 0 ? absent_distance : -absent_distance;
        *result_out = (struct ps_fit_result){.predictor = &linear->predictor, .objective = 0};
        return PENSTOCK_OK;
    }
    const double intercept = config->fit_intercept ? log(counts[1] / counts[0]) : 0;
    struct ps_convex_problem problem = {.loss = {.sum_count = 1, .rows = binomial_rows},
                                        .intercepts = &intercept};
    fill_problem(config, set, start, &problem);
    struct ps_convex_solution solution PS_SCOPED(ps_convex_done) = {0};
    const penstock_code code = ps_convex_fit(&problem, &solution, error);
    if (code != PENSTOCK_OK) {
        ps_predictor_free(&linear->predictor);
        return code;
    }
    linear->intercepts[0] = solution.intercepts[0];
    memcpy(linear->coefficients, solution.coefficients, features * sizeof(double));
    fill_result(&solution, linear, result_out);
    return PENSTOCK_OK;
}

/* Moves all sums alike, so that their mean is 0. */
static void centre(double *values, size_t sum_count, size_t stride, size_t count) {
    for (size_t j = 0; j < count; j++) {
        double mean = 0;
        for (size_t k = 0; k < sum_count; k++) {
            mean += values[k * stride + j] / (double)sum_count;
        }
        for (size_t k = 0; k < sum_count; k++) {
            values[k * stride + j] -= mean;
        }
    }
}

/* From the classes that have rows to all classes. */
static void spread_classes(const struct ps_logistic_config *config, const struct softmax *softmax,
                           struct ps_convex_solution *solution, struct ps_linear_predictor *linear) {
    const size_t features = linear->predictor.feature_count;
    if (config->reg_param == 0) {
        centre(solution->coefficients, softmax->class_count, features, features);
    }
    if (config->fit_intercept) {
        centre(solution->intercepts, softmax->class_count, 1, 1);
    }
    double least = 0;
    for (size_t k = 0; k < softmax->class_count; k++) {
        least = fmin(least, solution->intercepts[k]);
    }
    for (size_t k = 0; k < linear->sum_count; k++) {
        const int32_t place = softmax->places[k];
        if (place < 0) {
            linear->intercepts[k] = least - absent_distance;
            continue;
        }
        linear->intercepts[k] = solution->intercepts[place];
        memcpy(linear->coefficients + k * features, solution->coefficients + (size_t)place * features,
               features * sizeof(double));
    }
}

static penstock_code fit_softmax(const struct ps_logistic_config *config, const struct ps_training_set *set,
                                 const struct ps_predictor *start, const struct softmax *softmax,
                                 const double *intercepts, struct ps_fit_result *result_out,
                                 struct penstock_error *error) {
    const size_t classes = set->target->class_count;
    struct ps_linear_predictor *linear = NULL;
    PS_TRY(ps_linear_predictor_new(set->target->task, PS_LINK_SOFTMAX, classes, set->design->count, classes,
                                   &linear, error));
    struct ps_convex_problem problem = {
        .loss = {.sum_count = softmax->class_count, .context = softmax, .rows = multinomial_rows},
        .intercepts = intercepts};
    fill_problem(config, set, softmax->class_count == classes ? start : NULL, &problem);
    struct ps_convex_solution solution PS_SCOPED(ps_convex_done) = {0};
    const penstock_code code = ps_convex_fit(&problem, &solution, error);
    if (code != PENSTOCK_OK) {
        ps_predictor_free(&linear->predictor);
        return code;
    }
    spread_classes(config, softmax, &solution, linear);
    fill_result(&solution, linear, result_out);
    return PENSTOCK_OK;
}

static penstock_code fit_multinomial(const struct ps_logistic_config *config,
                                     const struct ps_training_set *set, const struct ps_predictor *start,
                                     const double *counts, struct ps_fit_result *result_out,
                                     struct penstock_error *error) {
    const size_t classes = set->target->class_count;
    int32_t *places PS_SCOPED(ps_release_scoped) = ps_allocate(classes, sizeof *places);
    double *intercepts PS_SCOPED(ps_release_scoped) = ps_allocate(classes, sizeof(double));
    if (places == NULL || intercepts == NULL) {
        return ps_error_memory(error, "an estimator");
    }
    struct softmax softmax = {.places = places};
    for (size_t k = 0; k < classes; k++) {
        places[k] = counts[k] > 0 ? (int32_t)softmax.class_count : -1;
        if (counts[k] > 0) {
            intercepts[softmax.class_count++] = config->fit_intercept ? log(counts[k]) : 0;
        }
    }
    centre(intercepts, softmax.class_count, 1, 1);
    return fit_softmax(config, set, start, &softmax, intercepts, result_out, error);
}

penstock_code ps_logistic_check(const void *config, struct penstock_error *error) {
    const struct ps_logistic_config *logistic = config;
    return ps_thresholds_check(logistic->thresholds, logistic->threshold, error);
}

penstock_code ps_logistic_fit(const void *config, const struct ps_training_set *set,
                              const struct ps_predictor *start, struct ps_fit_result *result_out,
                              struct penstock_error *error) {
    const struct ps_logistic_config *logistic = config;
    double *counts PS_SCOPED(ps_release_scoped) = ps_allocate(set->target->class_count + 1, sizeof(double));
    if (counts == NULL) {
        return ps_error_memory(error, "an estimator");
    }
    (void)ps_convex_labels(set, counts);
    const bool is_binomial = set->target->class_count == 2 && strcmp(logistic->family, "multinomial") != 0;
    return is_binomial ? fit_binomial(logistic, set, start, counts, result_out, error)
                       : fit_multinomial(logistic, set, start, counts, result_out, error);
}
