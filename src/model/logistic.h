/* SPDX-License-Identifier: Apache-2.0
 *
 * logistic.h - LogisticRegression: two classes or several, with Spark ML's meaning.
 */
#ifndef PS_MODEL_LOGISTIC_H
#define PS_MODEL_LOGISTIC_H

#include "base/option.h"
#include "model/estimator.h"

struct ps_logistic_config {
    double reg_param, elastic_net_param, tol, threshold, block_size;
    int64_t max_iter, aggregation_depth;
    bool fit_intercept, standardization;
    const char *family, *thresholds, *weight_column;
};
extern const struct ps_option ps_logistic_options[];
penstock_code ps_logistic_check(const void *config, struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_logistic_fit(const void *config, const struct ps_training_set *set,
                              const struct ps_predictor *start, struct ps_fit_result *result_out,
                              struct penstock_error *error);
enum ps_task ps_logistic_task(const void *config, size_t class_count, bool is_text);

#endif
