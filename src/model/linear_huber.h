/* SPDX-License-Identifier: Apache-2.0
 *
 * linear_huber.h - LinearRegression(loss = 'huber'): the name that Spark ML has for HuberRegression.
 */
#ifndef PS_MODEL_LINEAR_HUBER_H
#define PS_MODEL_LINEAR_HUBER_H

#include "model/estimator.h"

bool ps_linear_is_huber(const void *config);
penstock_code ps_linear_check(const void *config, struct penstock_error *error);
/* Only with the huber loss; squares are solved from moments. */
penstock_code ps_linear_huber_fit(const void *config, const struct ps_training_set *set,
                                  const struct ps_predictor *start, struct ps_fit_result *result_out,
                                  struct penstock_error *error);

#endif
