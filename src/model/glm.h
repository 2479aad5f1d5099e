/* SPDX-License-Identifier: Apache-2.0
 *
 * glm.h - GeneralizedLinearRegression: a number whose mean is a link's inverse of a sum, with Spark ML's meaning.
 */
#ifndef PS_MODEL_GLM_H
#define PS_MODEL_GLM_H

#include "base/option.h"
#include "model/estimator.h"

struct ps_glm_config {
    double reg_param, tol, variance_power, link_power;
    int64_t max_iter, aggregation_depth;
    bool fit_intercept;
    const char *family, *link, *solver, *link_power_text, *weight_column, *offset_column;
};
extern const struct ps_option ps_glm_options[];
penstock_code ps_glm_check(const void *config, struct penstock_error *error);
penstock_code ps_glm_fit(const void *config, const struct ps_training_set *set,
                         const struct ps_predictor *start, struct ps_fit_result *result_out,
                         struct penstock_error *error);

#endif
