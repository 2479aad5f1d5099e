/* SPDX-License-Identifier: Apache-2.0
 *
 * activation.h - what the units of a network do with their sum.
 *
 * Exponentials are computed here and not by the C library: in loops that a compiler turns into vectors, with the same
 * bits whatever the number of values, so that a row predicts the same alone and among a thousand.
 */
#ifndef PS_MODEL_ACTIVATION_H
#define PS_MODEL_ACTIVATION_H

#include <stddef.h>

enum ps_activation {
    PS_ACTIVATION_IDENTITY,
    PS_ACTIVATION_RELU,
    PS_ACTIVATION_TANH,
    PS_ACTIVATION_SIGMOID,
};
/* "identity|relu|tanh|sigmoid" */
const char *ps_activation_name(enum ps_activation activation);
/* -1: there is none. */
int ps_activation_find(const char *name);

void ps_activation_apply(enum ps_activation activation, double *values, size_t count);
/* slopes[i] is multiplied with the derivative where the outcome was values[i]. */
void ps_activation_slope(enum ps_activation activation, const double *values, double *slopes, size_t count);
/* e to the power of each value, within two units in the last place; 0 below -708. */
void ps_exponentials(double *values, size_t count);
/* Each row of `count` sums becomes probabilities. */
void ps_softmax(double *values, size_t row_count, size_t count);

#endif
