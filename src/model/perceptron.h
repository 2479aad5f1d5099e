/* SPDX-License-Identifier: Apache-2.0
 *
 * perceptron.h - MultilayerPerceptron: a feed-forward network for a number, two classes or several.
 *
 * The objective is scikit-learn's: mean loss (half the squared error of the standardised label, or log loss) plus
 * alpha / 2n of the squared weights. Adam takes mini-batches in shuffled order, L-BFGS and gradient descent all rows
 * at once. A batch is cut into slices by its size alone, and what slices give is added up in their order.
 */
#ifndef PS_MODEL_PERCEPTRON_H
#define PS_MODEL_PERCEPTRON_H

#include "base/option.h"
#include "model/backward.h"
#include "model/estimator.h"

struct ps_perceptron_config {
    const char *layers, *activation, *solver, *loss_type, *thresholds;
    int64_t max_iter, batch_size, seed, patience;
    double tol, step_size, beta1, beta2, epsilon, alpha, validation_fraction, dropout;
    bool early_stopping;
};
extern const struct ps_option ps_perceptron_options[];

penstock_code ps_perceptron_check(const void *config, struct penstock_error *error) PENSTOCK_MUST_USE;
enum ps_task ps_perceptron_task(const void *config, size_t class_count, bool is_text);
penstock_code ps_perceptron_fit(const void *config, const struct ps_training_set *set,
                                const struct ps_predictor *start, struct ps_fit_result *result_out,
                                struct penstock_error *error) PENSTOCK_MUST_USE;

/* One fit, as its solvers see it. */
struct ps_perceptron {
    const struct ps_perceptron_config *config;
    const struct ps_training_set *set;
    struct ps_inputs inputs;
    struct ps_network_shape shape;
    double label_mean, label_scale;
    double *parameters; /* in the order of the inputs, to be improved */
    double loss;        /* reached */
    int64_t iteration_count;
    bool is_unconverged;
};
/* Half of the sum of squared weights; biases do not count. */
double ps_perceptron_weight_size(const struct ps_network_shape *shape, const double *parameters);
penstock_code ps_perceptron_adam(struct ps_perceptron *perceptron, struct penstock_error *error)
    PENSTOCK_MUST_USE;
penstock_code ps_perceptron_whole(struct ps_perceptron *perceptron, struct penstock_error *error)
    PENSTOCK_MUST_USE;
penstock_code ps_perceptron_diverged(const struct ps_perceptron *perceptron, struct penstock_error *error);

#endif
