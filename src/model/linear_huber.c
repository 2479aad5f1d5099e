/* SPDX-License-Identifier: Apache-2.0
 *
 * linear_huber.c - the parameters of LinearRegression as those of HuberRegression.
 */
#include "model/linear_huber.h"

#include <string.h>

#include "model/huber.h"
#include "model/linear.h"

bool ps_linear_is_huber(const void *config) {
    const struct ps_linear_config *linear = config;
    return strcmp(linear->loss, "huber") == 0;
}

penstock_code ps_linear_check(const void *config, struct penstock_error *error) {
    const struct ps_linear_config *linear = config;
    if (!ps_linear_is_huber(config)) {
        return PENSTOCK_OK;
    }
    if (linear->elastic_net_param > 0) {
        return ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                            "loss = 'huber' goes with L2 alone: elasticNetParam must be 0");
    }
    if (strcmp(linear->compat, "sklearn") == 0) {
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "loss = 'huber' has no compat = 'sklearn'");
        return ps_error_hint(
            error, "regParam is scikit-learn's alpha divided by the rows, with standardization = false");
    }
    return PENSTOCK_OK;
}

penstock_code ps_linear_huber_fit(const void *config, const struct ps_training_set *set,
                                  const struct ps_predictor *start, struct ps_fit_result *result_out,
                                  struct penstock_error *error) {
    const struct ps_linear_config *linear = config;
    const struct ps_huber_config huber = {.reg_param = linear->reg_param,
                                          .tol = linear->tol,
                                          .epsilon = linear->epsilon,
                                          .max_iter = linear->max_iter,
                                          .aggregation_depth = linear->aggregation_depth,
                                          .fit_intercept = linear->fit_intercept,
                                          .standardization = linear->standardization};
    return ps_huber_fit(&huber, set, start, result_out, error);
}
