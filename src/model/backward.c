/* SPDX-License-Identifier: Apache-2.0
 *
 * backward.c - forward through the layers, and back with the slopes.
 */
#include "model/backward.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

#include "base/check.h"
#include "model/random.h"

struct ps_backward {
    struct ps_network_shape shape;
    size_t row_max;
    double *outcomes[PS_LIMIT_NETWORK_LAYERS + 1]; /* of each layer but the inputs; the last: sums */
    double *masks[PS_LIMIT_NETWORK_LAYERS + 1];    /* of dropout: 0 or 1 / (1 - share) */
    double *slopes, *earlier_slopes;               /* of the layer that is looked at, and of the one before */
};

void ps_backward_free(struct ps_backward *backward) {
    if (backward == NULL) {
        return;
    }
    for (size_t l = 0; l <= PS_LIMIT_NETWORK_LAYERS; l++) {
        ps_release(backward->outcomes[l]);
        ps_release(backward->masks[l]);
    }
    ps_release(backward->slopes);
    ps_release(backward->earlier_slopes);
    ps_release(backward);
}

penstock_code ps_backward_new(const struct ps_network_shape *shape, size_t row_max, bool has_dropout,
                              struct ps_backward **backward_out, struct penstock_error *error) {
    struct ps_backward *backward = ps_allocate(1, sizeof *backward);
    if (backward == NULL) {
        return ps_error_memory(error, "a network");
    }
    backward->shape = *shape;
    backward->row_max = row_max;
    size_t widest = 1;
    bool is_complete = true;
    for (size_t l = 1; l <= shape->layer_count; l++) {
        widest = shape->sizes[l] > widest ? shape->sizes[l] : widest;
        backward->outcomes[l] = ps_allocate(row_max * shape->sizes[l] + 1, sizeof(double));
        is_complete = is_complete && backward->outcomes[l] != NULL;
        if (has_dropout) {
            backward->masks[l] = ps_allocate(row_max * shape->sizes[l] + 1, sizeof(double));
            is_complete = is_complete && backward->masks[l] != NULL;
        }
    }
    backward->slopes = ps_allocate(row_max * widest, sizeof(double));
    backward->earlier_slopes = ps_allocate(row_max * widest, sizeof(double));
    if (!is_complete || backward->slopes == NULL || backward->earlier_slopes == NULL) {
        ps_backward_free(backward);
        return ps_error_memory(error, "a network");
    }
    *backward_out = backward;
    return PENSTOCK_OK;
}

static void put_biases(const double *biases, size_t row_count, size_t unit_count, double *sums) {
    for (size_t i = 0; i < row_count; i++) {
        memcpy(sums + i * unit_count, biases, unit_count * sizeof(double));
    }
}

/* The one-hot part of the first layer: `sums` += the weights of each row's categories. */
static void add_categories(const struct ps_row_batch *batch, size_t begin, size_t count,
                           const double *weights, size_t unit_count, double *sums) {
    const size_t groups = batch->inputs->group_count;
    for (size_t i = 0; i < count; i++) {
        for (size_t g = 0; g < groups; g++) {
            const int32_t input = batch->categories[(begin + i) * groups + g];
            if (input < 0) {
                continue;
            }
            const double value = batch->values == NULL ? 1 : batch->values[(begin + i) * groups + g];
            const double *row = weights + (size_t)input * unit_count;
            double *to = sums + i * unit_count;
            for (size_t u = 0; u < unit_count; u++) {
                to[u] += value * row[u];
            }
        }
    }
}

static void add_category_gradients(const struct ps_row_batch *batch, size_t begin, size_t count,
                                   const double *slopes, size_t unit_count, double *gradient) {
    const size_t groups = batch->inputs->group_count;
    for (size_t i = 0; i < count; i++) {
        for (size_t g = 0; g < groups; g++) {
            const int32_t input = batch->categories[(begin + i) * groups + g];
            if (input < 0) {
                continue;
            }
            const double value = batch->values == NULL ? 1 : batch->values[(begin + i) * groups + g];
            const double *from = slopes + i * unit_count;
            double *row = gradient + (size_t)input * unit_count;
            for (size_t u = 0; u < unit_count; u++) {
                row[u] += value * from[u];
            }
        }
    }
}

/* rows x inputs times inputs x units, added to `sums` */
static void multiply(const double *rows, size_t row_count, size_t input_count, const double *weights,
                     size_t unit_count, double *sums) {
    if (input_count > 0) {
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)row_count, (int)unit_count,
                    (int)input_count, 1, rows, (int)input_count, weights, (int)unit_count, 1, sums,
                    (int)unit_count);
    }
}

/* Draws which units of the layer are left out; they become 0, the others larger. */
static void drop(struct ps_backward *backward, size_t layer, size_t count, const struct ps_dropout *dropout) {
    struct ps_random random;
    ps_random_init(&random, dropout->seed + (int64_t)layer);
    double *mask = backward->masks[layer], *outcomes = backward->outcomes[layer];
    for (size_t i = 0; i < count * backward->shape.sizes[layer]; i++) {
        mask[i] = ps_random_next(&random) < dropout->share ? 0 : 1 / (1 - dropout->share);
        outcomes[i] *= mask[i];
    }
}

static void forward(struct ps_backward *backward, const double *parameters, const struct ps_row_batch *batch,
                    size_t begin, size_t count, const struct ps_dropout *dropout) {
    const struct ps_network_shape *shape = &backward->shape;
    for (size_t l = 0; l < shape->layer_count; l++) {
        const size_t inputs = shape->sizes[l], units = shape->sizes[l + 1];
        const double *weights = parameters + ps_network_offset(shape, l);
        double *sums = backward->outcomes[l + 1];
        put_biases(weights + inputs * units, count, units, sums);
        if (l == 0) {
            const size_t numbers = batch->inputs->number_count;
            multiply(batch->numbers + begin * numbers, count, numbers, weights, units, sums);
            add_categories(batch, begin, count, weights, units, sums);
        } else {
            multiply(backward->outcomes[l], count, inputs, weights, units, sums);
        }
        if (l + 1 < shape->layer_count) {
            ps_activation_apply(shape->activation, sums, count * units);
            if (dropout->share > 0) {
                drop(backward, l + 1, count, dropout);
            }
        }
    }
}

/* log(1 + e^value) */
static double softplus(double value) {
    return (value > 0 ? value : 0) + log1p(exp(-fabs(value)));
}

/* The loss; backward->slopes become its derivatives by the last layer's sums. */
static double close_rows(struct ps_backward *backward, const double *labels, size_t count) {
    const size_t width = backward->shape.sizes[backward->shape.layer_count];
    const double *sums = backward->outcomes[backward->shape.layer_count];
    double *slopes = backward->slopes, loss = 0;
    memcpy(slopes, sums, count * width * sizeof(double));
    switch (backward->shape.task) {
    case PS_TASK_REGRESSION:
        for (size_t i = 0; i < count; i++) {
            slopes[i] -= labels[i];
            loss += slopes[i] * slopes[i] / 2;
        }
        break;
    case PS_TASK_BINARY:
        ps_activation_apply(PS_ACTIVATION_SIGMOID, slopes, count);
        for (size_t i = 0; i < count; i++) {
            loss += softplus(sums[i]) - labels[i] * sums[i];
            slopes[i] -= labels[i];
        }
        break;
    case PS_TASK_MULTICLASS:
        ps_softmax(slopes, count, width);
        for (size_t i = 0; i < count; i++) {
            double *slope = &slopes[i * width + (size_t)labels[i]];
            loss -= log(fmax(*slope, 1e-300));
            *slope -= 1;
        }
        break;
    }
    return loss;
}

/* The layer's part of the gradient. */
static void add_gradient(const struct ps_backward *backward, size_t layer, const struct ps_row_batch *batch,
                         size_t begin, size_t count, double *gradient) {
    const size_t inputs = backward->shape.sizes[layer], units = backward->shape.sizes[layer + 1];
    const size_t numbers = layer == 0 ? batch->inputs->number_count : inputs;
    const double *rows = layer == 0 ? batch->numbers + begin * numbers : backward->outcomes[layer];
    double *own = gradient + ps_network_offset(&backward->shape, layer);
    if (numbers > 0) {
        cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)numbers, (int)units, (int)count, 1, rows,
                    (int)numbers, backward->slopes, (int)units, 1, own, (int)units);
    }
    if (layer == 0) {
        add_category_gradients(batch, begin, count, backward->slopes, units, own);
    }
    double *biases = own + inputs * units;
    for (size_t i = 0; i < count; i++) {
        for (size_t u = 0; u < units; u++) {
            biases[u] += backward->slopes[i * units + u];
        }
    }
}

/* Slopes of the layer before: through its weights, what was left out of it, and its activation. */
static void step_back(struct ps_backward *backward, size_t layer, const double *parameters, size_t count,
                      const struct ps_dropout *dropout) {
    const struct ps_network_shape *shape = &backward->shape;
    const size_t inputs = shape->sizes[layer], units = shape->sizes[layer + 1];
    const size_t size = count * inputs;
    double *outcomes = backward->outcomes[layer], *slopes = backward->earlier_slopes;
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)count, (int)inputs, (int)units, 1,
                backward->slopes, (int)units, parameters + ps_network_offset(shape, layer), (int)units, 0,
                slopes, (int)inputs);
    if (dropout->share > 0) {
        for (size_t i = 0; i < size; i++) {
            slopes[i] *= backward->masks[layer][i];
            outcomes[i] *= 1 - dropout->share; /* as it was before; what is 0 has no slope either way */
        }
    }
    ps_activation_slope(shape->activation, outcomes, slopes, size);
    backward->earlier_slopes = backward->slopes;
    backward->slopes = slopes;
}

double ps_backward_run(struct ps_backward *backward, const double *parameters,
                       const struct ps_row_batch *batch, size_t begin, size_t count,
                       const struct ps_dropout *dropout, double *gradient) {
    ps_check(count <= backward->row_max && begin + count <= batch->row_count);
    forward(backward, parameters, batch, begin, count, dropout);
    const double loss = close_rows(backward, batch->labels + begin, count);
    for (size_t layer = backward->shape.layer_count; gradient != NULL && layer-- > 0;) {
        add_gradient(backward, layer, batch, begin, count, gradient);
        if (layer > 0) {
            step_back(backward, layer, parameters, count, dropout);
        }
    }
    return loss;
}
