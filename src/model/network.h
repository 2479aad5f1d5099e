/* SPDX-License-Identifier: Apache-2.0
 *
 * network.h - layers of units as a predictor: the result of MultilayerPerceptron.
 *
 * All parameters are one vector, which is what a minimiser wants: layer after layer its matrix (an input's weights
 * side by side) and its biases. The last layer gives a number, one sum for two classes (logistic), or a sum for each
 * of several (softmax).
 */
#ifndef PS_MODEL_NETWORK_H
#define PS_MODEL_NETWORK_H

#include "model/activation.h"
#include "model/predictor.h"

/* Layers of weights at most, units of a layer, parameters in all (128 MiB of them). */
#define PS_LIMIT_NETWORK_LAYERS 32
#define PS_LIMIT_NETWORK_UNITS 65536
#define PS_LIMIT_NETWORK_PARAMETERS ((size_t)1 << 24)

struct ps_network_shape {
    enum ps_task task;
    enum ps_activation activation;             /* of all layers but the last */
    size_t layer_count;                        /* of weights: 1 without hidden units */
    size_t sizes[PS_LIMIT_NETWORK_LAYERS + 1]; /* features, hidden units, ..., sums */
    size_t parameter_count;
};
/* Where layer `layer` begins: sizes[layer] * sizes[layer + 1] weights, then sizes[layer + 1] biases. */
size_t ps_network_offset(const struct ps_network_shape *shape, size_t layer);
/* Sums of the last layer. */
size_t ps_network_sum_count(enum ps_task task, size_t class_count);
/* Fills parameter_count from the sizes. False: a layer is empty or there are too many. */
bool ps_network_shape_close(struct ps_network_shape *shape);

struct ps_network_predictor {
    struct ps_predictor predictor;
    struct ps_network_shape shape;
    double label_mean, label_scale; /* of a regression: outcome * scale + mean */
    double *parameters;
};
/* Zeros, to be filled. */
penstock_code ps_network_predictor_new(const struct ps_network_shape *shape, size_t output_count,
                                       struct ps_network_predictor **predictor_out,
                                       struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
