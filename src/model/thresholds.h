/* SPDX-License-Identifier: Apache-2.0
 *
 * thresholds.h - Spark's `thresholds`: which class probabilities mean, when not simply the most probable one.
 *
 * The class whose probability over its threshold is the greatest; one of threshold 0 always. For logistic regression
 * of two classes it is the same as one threshold, t1 / (t0 + t1), as in Spark.
 */
#ifndef PS_MODEL_THRESHOLDS_H
#define PS_MODEL_THRESHOLDS_H

#include "model/predictor.h"

/* "[0.3, 0.7]"; NULL: none, which is right. threshold: the option beside it, 0.5 when it was not given; NaN: there is
 * none. Errors: INVALID_PROJECT: no numbers, below 0, more than one 0, or the two of them contradict each other. */
penstock_code ps_thresholds_check(const char *text, double threshold, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* Gives them to the predictor. NULL: nothing. Errors: INVALID_DATA: not one for each class. */
penstock_code ps_thresholds_set(const char *text, struct ps_predictor *predictor,
                                struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
