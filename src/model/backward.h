/* SPDX-License-Identifier: Apache-2.0
 *
 * backward.h - the loss of a network on some rows and its gradient.
 *
 * Sums over rows, not means: half the squared error of a regression, the log loss of classes; no penalty. Matrix
 * products are OpenBLAS's; the first layer looks up the weights of a one-hot category instead of multiplying zeros.
 */
#ifndef PS_MODEL_BACKWARD_H
#define PS_MODEL_BACKWARD_H

#include "model/deck.h"
#include "model/network.h"

struct ps_backward; /* memory of one thread */
penstock_code ps_backward_new(const struct ps_network_shape *shape, size_t row_max, bool has_dropout,
                              struct ps_backward **backward_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
void ps_backward_free(struct ps_backward *backward);

/* Units of hidden layers are left out at random (dropout): a row's draws follow from the seed. */
struct ps_dropout {
    double share; /* 0: none */
    int64_t seed;
};
/* Rows begin .. begin + count of `batch`. gradient: parameter_count doubles to which theirs are added; NULL: the loss
 * alone. */
double ps_backward_run(struct ps_backward *backward, const double *parameters,
                       const struct ps_row_batch *batch, size_t begin, size_t count,
                       const struct ps_dropout *dropout, double *gradient);

#endif
