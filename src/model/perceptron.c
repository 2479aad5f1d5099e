/* SPDX-License-Identifier: Apache-2.0
 *
 * perceptron.c - MultilayerPerceptron: parameters, layers, first weights, and the way to a predictor.
 */
#include "model/perceptron.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/gram.h"
#include "model/random.h"
#include "model/thresholds.h"

#define FIELD(member) offsetof(struct ps_perceptron_config, member)
const struct ps_option ps_perceptron_options[] = {
    {"layers", PS_OPTION_TEXT, "100", 0, 0, NULL, FIELD(layers), false, false,
     "units of each hidden layer, as [64, 32]; 0: none; Spark's list with inputs and outputs is taken, too",
     "0.2"},
    {"activation", PS_OPTION_CHOICE, "relu", 0, 0, "relu|tanh|sigmoid|identity", FIELD(activation), false,
     false, "of the hidden units", "0.2"},
    {"solver", PS_OPTION_CHOICE, "adam", 0, 0, "adam|l-bfgs|gd", FIELD(solver), false, false,
     "adam takes mini-batches, l-bfgs and gd all rows at once", "0.2"},
    {"maxIter", PS_OPTION_INTEGER, "200", 1, 1e9, NULL, FIELD(max_iter), false, false,
     "epochs (adam) or iterations at most", "0.2"},
    {"tol", PS_OPTION_DOUBLE, "1e-4", 0, 1, NULL, FIELD(tol), false, false,
     "adam: what the loss must fall by to count; l-bfgs: the largest derivative at the end", "0.2"},
    {"stepSize", PS_OPTION_DOUBLE, "0.001", 1e-300, 1e6, NULL, FIELD(step_size), false, false,
     "how far a step goes (adam, gd)", "0.2"},
    {"learningRate", PS_OPTION_DOUBLE, "0.001", 1e-300, 1e6, NULL, FIELD(step_size), false, false,
     "another name of stepSize", "0.2"},
    {"batchSize", PS_OPTION_INTEGER, "200", 1, 1e6, NULL, FIELD(batch_size), false, false,
     "rows of a mini-batch (adam)", "0.2"},
    {"blockSize", PS_OPTION_INTEGER, "200", 1, 1e6, NULL, FIELD(batch_size), false, false,
     "another name of batchSize", "0.2"},
    {"beta1", PS_OPTION_DOUBLE, "0.9", 0, 0.999999, NULL, FIELD(beta1), false, false,
     "how long adam remembers slopes", "0.2"},
    {"beta2", PS_OPTION_DOUBLE, "0.999", 0, 0.999999999, NULL, FIELD(beta2), false, false,
     "how long adam remembers squared slopes", "0.2"},
    {"epsilon", PS_OPTION_DOUBLE, "1e-8", 1e-300, 1, NULL, FIELD(epsilon), false, false,
     "keeps adam's division finite", "0.2"},
    {"alpha", PS_OPTION_DOUBLE, "0.0001", 0, 1e300, NULL, FIELD(alpha), false, false,
     "L2 penalty on weights, as scikit-learn's", "0.2"},
    {"l2", PS_OPTION_DOUBLE, "0.0001", 0, 1e300, NULL, FIELD(alpha), false, false, "another name of alpha",
     "0.2"},
    {"dropout", PS_OPTION_DOUBLE, "0.0", 0, 0.95, NULL, FIELD(dropout), false, false,
     "share of the hidden units that each step leaves out (adam)", "0.2"},
    {"earlyStopping", PS_OPTION_BOOLEAN, "false", 0, 0, NULL, FIELD(early_stopping), false, false,
     "stop when rows held back do not get better, and keep the best weights (adam)", "0.2"},
    {"validationFraction", PS_OPTION_DOUBLE, "0.1", 0.0001, 0.9, NULL, FIELD(validation_fraction), false,
     false, "share of the rows held back for earlyStopping", "0.2"},
    {"nIterNoChange", PS_OPTION_INTEGER, "10", 1, 1e9, NULL, FIELD(patience), false, false,
     "epochs without an improvement by tol before adam stops", "0.2"},
    {"lossType", PS_OPTION_CHOICE, "auto", 0, 0, "auto|squared|logLoss", FIELD(loss_type), false, false,
     "squared predicts a number, logLoss classes; auto: classes for texts, booleans and two whole numbers",
     "0.2"},
    {"thresholds", PS_OPTION_TEXT, NULL, 0, 0, NULL, FIELD(thresholds), false, false,
     "a number for each class: predicted is the one whose probability over its threshold is the greatest",
     "0.2"},
    {"seed", PS_OPTION_INTEGER, "0", 0, 9e15, NULL, FIELD(seed), false, false,
     "of first weights, shuffling, dropout and the rows held back", "0.2"},
    {0},
};

/* "[64, 32]", "64, 32" or "64": positive numbers. */
static bool read_layers(const char *text, size_t *sizes_out, size_t *count_out) {
    size_t count = 0;
    const char *at = text + strspn(text, " [");
    while (*at != '\0' && *at != ']') {
        char *end = NULL;
        const long size = strtol(at, &end, 10);
        if (end == at || size < 0 || size > PS_LIMIT_NETWORK_UNITS || count == PS_LIMIT_NETWORK_LAYERS + 1) {
            return false;
        }
        sizes_out[count++] = (size_t)size;
        at = end + strspn(end, " ");
        if (*at == ',') {
            at += 1 + strspn(at + 1, " ");
        } else if (*at != '\0' && *at != ']') {
            return false;
        }
    }
    if (count == 1 && sizes_out[0] == 0) {
        count = 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (sizes_out[i] == 0) {
            return false;
        }
    }
    *count_out = count;
    return at[*at == ']' ? 1 : 0] == '\0';
}

penstock_code ps_perceptron_check(const void *config, struct penstock_error *error) {
    const struct ps_perceptron_config *perceptron = config;
    size_t sizes[PS_LIMIT_NETWORK_LAYERS + 1], count = 0;
    PS_TRY(ps_thresholds_check(perceptron->thresholds, (double)NAN, error));
    if (!read_layers(perceptron->layers, sizes, &count)) {
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "layers cannot be %s", perceptron->layers);
        (void)ps_error_hint(error, "units of each hidden layer, 1 to %d: layers = [64, 32]",
                            PS_LIMIT_NETWORK_UNITS);
        return PENSTOCK_INVALID_PROJECT;
    }
    if (strcmp(perceptron->solver, "adam") != 0 && (perceptron->early_stopping || perceptron->dropout > 0)) {
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s is for solver = 'adam', not for '%s'",
                           perceptron->early_stopping ? "earlyStopping" : "dropout", perceptron->solver);
        (void)ps_error_hint(error, "'%s' looks at all rows in every iteration", perceptron->solver);
        return PENSTOCK_INVALID_PROJECT;
    }
    return PENSTOCK_OK;
}

enum ps_task ps_perceptron_task(const void *config, size_t class_count, bool is_text) {
    const struct ps_perceptron_config *perceptron = config;
    const bool is_auto = strcmp(perceptron->loss_type, "auto") == 0;
    if (strcmp(perceptron->loss_type, "squared") == 0 || (is_auto && class_count != 2 && !is_text)) {
        return PS_TASK_REGRESSION;
    }
    return class_count <= 2 ? PS_TASK_BINARY : PS_TASK_MULTICLASS;
}

static penstock_code set_shape(struct ps_perceptron *perceptron, struct penstock_error *error) {
    const struct ps_target *target = perceptron->set->target;
    const size_t feature_count = perceptron->set->design->count;
    const size_t outputs = target->task == PS_TASK_REGRESSION ? 1 : target->class_count;
    size_t sizes[PS_LIMIT_NETWORK_LAYERS + 1], count = 0, first = 0;
    (void)read_layers(perceptron->config->layers, sizes, &count);
    if (count >= 2 && sizes[0] == feature_count && sizes[count - 1] == outputs) {
        first = 1; /* Spark's list: inputs, hidden layers, outputs */
        count--;
    }
    struct ps_network_shape *shape = &perceptron->shape;
    shape->task = target->task;
    shape->activation = (enum ps_activation)ps_activation_find(perceptron->config->activation);
    shape->layer_count = count - first + 1;
    shape->sizes[0] = feature_count;
    for (size_t i = first; i < count && i - first + 1 < PS_LIMIT_NETWORK_LAYERS; i++) {
        shape->sizes[i - first + 1] = sizes[i];
    }
    if (shape->layer_count <= PS_LIMIT_NETWORK_LAYERS) {
        shape->sizes[shape->layer_count] = ps_network_sum_count(target->task, target->class_count);
    }
    if (shape->layer_count > PS_LIMIT_NETWORK_LAYERS || !ps_network_shape_close(shape)) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA,
                            "layers = %s on %zu features: more than %zu million weights or %d layers",
                            perceptron->config->layers, feature_count, PS_LIMIT_NETWORK_PARAMETERS >> 20,
                            PS_LIMIT_NETWORK_LAYERS - 1);
    }
    return PENSTOCK_OK;
}

/* Glorot's uniform weights, which keep the sums of a layer as large as its inputs; biases too, so that the bends of
 * relu units do not all go through one point. (He's wider ones for relu learn more slowly: with few inputs the first
 * layer hardly moves from where it was drawn.) */
static void draw_weights(struct ps_perceptron *perceptron) {
    const struct ps_network_shape *shape = &perceptron->shape;
    struct ps_random random;
    ps_random_init(&random, perceptron->config->seed);
    for (size_t l = 0; l < shape->layer_count; l++) {
        const double bound = sqrt(6 / (double)(shape->sizes[l] + shape->sizes[l + 1]));
        double *parameters = perceptron->parameters + ps_network_offset(shape, l);
        for (size_t i = 0; i < (shape->sizes[l] + 1) * shape->sizes[l + 1]; i++) {
            parameters[i] = bound * (2 * ps_random_next(&random) - 1);
        }
    }
}

double ps_perceptron_weight_size(const struct ps_network_shape *shape, const double *parameters) {
    double sum = 0;
    for (size_t l = 0; l < shape->layer_count; l++) {
        const double *weights = parameters + ps_network_offset(shape, l);
        for (size_t i = 0; i < shape->sizes[l] * shape->sizes[l + 1]; i++) {
            sum += weights[i] * weights[i];
        }
    }
    return sum / 2;
}

penstock_code ps_perceptron_diverged(const struct ps_perceptron *perceptron, struct penstock_error *error) {
    (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                       "MultilayerPerceptron: the loss is not finite any more after %lld %s",
                       (long long)perceptron->iteration_count,
                       strcmp(perceptron->config->solver, "adam") == 0 ? "epochs" : "iterations");
    (void)ps_error_hint(error,
                        "scale the features (TRANSFORM StandardScaler(...)), or take a smaller stepSize");
    return PENSTOCK_INVALID_DATA;
}

/* Numbers only: rare categories have small deviations by nature. */
static bool is_far_from_standard(const struct ps_perceptron *perceptron) {
    const struct ps_moments *moments = perceptron->set->moments;
    for (size_t i = 0; moments->means != NULL && i < perceptron->inputs.number_count; i++) {
        const size_t feature = perceptron->inputs.features[i];
        const double deviation = sqrt(moments->covariance[feature * moments->count + feature]);
        if (deviation > 0 && (deviation < 0.1 || deviation > 10 || fabs(moments->means[feature]) > 10)) {
            return true;
        }
    }
    return false;
}

/* The weights in the order of the features. */
static penstock_code make_predictor(const struct ps_perceptron *perceptron, struct ps_fit_result *result_out,
                                    struct penstock_error *error) {
    const struct ps_network_shape *shape = &perceptron->shape;
    const size_t outputs = shape->task == PS_TASK_REGRESSION ? 1 : perceptron->set->target->class_count;
    struct ps_network_predictor *network = NULL;
    PS_TRY(ps_network_predictor_new(shape, outputs, &network, error));
    const size_t units = shape->sizes[1];
    memcpy(network->parameters, perceptron->parameters, shape->parameter_count * sizeof(double));
    for (size_t i = 0; i < shape->sizes[0]; i++) {
        memcpy(network->parameters + perceptron->inputs.features[i] * units,
               perceptron->parameters + i * units, units * sizeof(double));
    }
    network->label_mean = perceptron->label_mean;
    network->label_scale = perceptron->label_scale;
    for (size_t i = 0; i < shape->parameter_count; i++) {
        if (!isfinite(network->parameters[i])) {
            ps_predictor_free(&network->predictor);
            return ps_perceptron_diverged(perceptron, error);
        }
    }
    *result_out = (struct ps_fit_result){.predictor = &network->predictor,
                                         .iteration_count = perceptron->iteration_count,
                                         .is_unconverged = perceptron->is_unconverged,
                                         .objective = perceptron->loss};
    if (is_far_from_standard(perceptron)) {
        result_out->note =
            "some features are far from mean 0 and deviation 1, from which a network learns badly: "
            "TRANSFORM (StandardScaler(..., withMean = true))";
    }
    return PENSTOCK_OK;
}

static penstock_code fit(struct ps_perceptron *perceptron, struct ps_fit_result *result_out,
                         struct penstock_error *error) {
    const struct ps_training_set *set = perceptron->set;
    const struct ps_perceptron_config *config = perceptron->config;
    if (set->target->task != PS_TASK_REGRESSION && set->target->class_count < 2) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA,
                            "the label has one class only: there is nothing to tell apart");
    }
    PS_TRY(set_shape(perceptron, error));
    PS_TRY(ps_inputs_init(&perceptron->inputs, set, error));
    perceptron->label_scale = 1;
    if (set->target->task == PS_TASK_REGRESSION) {
        perceptron->label_mean = set->moments->label_mean;
        perceptron->label_scale = set->moments->label_variance > 0 ? sqrt(set->moments->label_variance) : 1;
    }
    perceptron->parameters = ps_allocate(perceptron->shape.parameter_count + 1, sizeof(double));
    if (perceptron->parameters == NULL) {
        return ps_error_memory(error, "a network");
    }
    draw_weights(perceptron);
    ps_gram_prepare();
    PS_TRY(strcmp(config->solver, "adam") == 0 ? ps_perceptron_adam(perceptron, error)
                                               : ps_perceptron_whole(perceptron, error));
    return make_predictor(perceptron, result_out, error);
}

penstock_code ps_perceptron_fit(const void *config, const struct ps_training_set *set,
                                const struct ps_predictor *start, struct ps_fit_result *result_out,
                                struct penstock_error *error) {
    (void)start; /* another start would be another result */
    struct ps_perceptron perceptron = {.config = config, .set = set};
    const penstock_code code = fit(&perceptron, result_out, error);
    ps_inputs_done(&perceptron.inputs);
    ps_release(perceptron.parameters);
    return code;
}
