/* SPDX-License-Identifier: Apache-2.0
 *
 * huber.h - HuberRegression: a straight line that single wild rows do not move, with Spark ML's meaning.
 */
#ifndef PS_MODEL_HUBER_H
#define PS_MODEL_HUBER_H

#include "base/option.h"
#include "model/estimator.h"

struct ps_huber_config {
    double reg_param, tol, epsilon;
    int64_t max_iter, aggregation_depth;
    bool fit_intercept, standardization;
    const char *weight_column;
};
extern const struct ps_option ps_huber_options[];
penstock_code ps_huber_fit(const void *config, const struct ps_training_set *set,
                           const struct ps_predictor *start, struct ps_fit_result *result_out,
                           struct penstock_error *error);

#endif
