/* SPDX-License-Identifier: Apache-2.0
 *
 * minimizer.h - minimising a smooth function of many numbers: L-BFGS, and plain gradient descent as Spark's.
 */
#ifndef PS_MODEL_MINIMIZER_H
#define PS_MODEL_MINIMIZER_H

#include "base/memory.h"

struct ps_minimizer_options {
    size_t count; /* of the numbers */
    int64_t iteration_max;
    double tol;       /* L-BFGS: of the largest derivative; descent: of the relative change of the numbers */
    double step_size; /* descent only: step i is step_size / sqrt(i) */
    void *context;
    /* Value and gradient at `point`. Errors end the search. */
    penstock_code (*evaluate)(void *context, const double *point, double *value_out, double *gradient_out,
                              struct penstock_error *error);
};
struct ps_minimum {
    double value;
    int64_t iteration_count;
    bool is_unconverged; /* iteration_max came first, or the function does not fall any more */
};
/* From `point`, which becomes where it ends. Errors: evaluate()'s, OUT_OF_MEMORY. */
penstock_code ps_minimize_lbfgs(const struct ps_minimizer_options *options, double *point,
                                struct ps_minimum *minimum_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
penstock_code ps_minimize_descent(const struct ps_minimizer_options *options, double *point,
                                  struct ps_minimum *minimum_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

#endif
