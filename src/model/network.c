/* SPDX-License-Identifier: Apache-2.0
 *
 * network.c - the predictor "network": applying, writing and reading layers.
 *
 * Predicting does not use BLAS: its kernels sum up in another order for another number of rows, and a row must get
 * the same bits alone and in a batch. Here every sum runs over its inputs in order; tiles of 4 rows and 8 units
 * keep it in registers.
 */
#include "model/network.h"

#include <math.h>
#include <string.h>

#include "base/check.h"
#include "data/render.h"

enum { BLOCK_ROWS = 64, TILE_ROWS = 4, TILE_UNITS = 8 };
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "stored weights are little-endian");

static const struct ps_network_predictor *network_of(const struct ps_predictor *predictor) {
    return (const struct ps_network_predictor *)(const void *)predictor;
}

size_t ps_network_offset(const struct ps_network_shape *shape, size_t layer) {
    size_t offset = 0;
    for (size_t l = 0; l < layer; l++) {
        offset += (shape->sizes[l] + 1) * shape->sizes[l + 1];
    }
    return offset;
}

size_t ps_network_sum_count(enum ps_task task, size_t class_count) {
    return task == PS_TASK_MULTICLASS ? class_count : 1;
}

bool ps_network_shape_close(struct ps_network_shape *shape) {
    shape->parameter_count = 0;
    for (size_t l = 0; l < shape->layer_count; l++) {
        /* sizes are below 2^17, so that the products fit */
        if (shape->sizes[l + 1] == 0 || shape->sizes[l + 1] > PS_LIMIT_NETWORK_UNITS ||
            shape->sizes[l] > PS_LIMIT_NETWORK_UNITS) {
            return false;
        }
        shape->parameter_count += (shape->sizes[l] + 1) * shape->sizes[l + 1];
    }
    return shape->parameter_count <= PS_LIMIT_NETWORK_PARAMETERS;
}

/* One layer on a block of rows. `weights`: of each input, its unit_count weights. */
struct layer {
    const double *const *weights;
    const double *biases;
    size_t input_count, unit_count;
};

static void sum_tile(const struct layer *layer, const double *inputs, size_t unit, double *sums) {
    double tile[TILE_ROWS][TILE_UNITS];
    for (size_t r = 0; r < TILE_ROWS; r++) {
        for (size_t u = 0; u < TILE_UNITS; u++) {
            tile[r][u] = layer->biases[unit + u];
        }
    }
    for (size_t i = 0; i < layer->input_count; i++) {
        const double *weights = layer->weights[i] + unit;
        for (size_t r = 0; r < TILE_ROWS; r++) {
            const double input = inputs[r * layer->input_count + i];
            for (size_t u = 0; u < TILE_UNITS; u++) {
                tile[r][u] += input * weights[u];
            }
        }
    }
    for (size_t r = 0; r < TILE_ROWS; r++) {
        memcpy(sums + r * layer->unit_count + unit, tile[r], sizeof tile[r]);
    }
}

/* Rows and units that fill no tile: the same sums in the same order. */
static void sum_rest(const struct layer *layer, const double *inputs, size_t row_count, size_t first_unit,
                     double *sums) {
    for (size_t r = 0; r < row_count; r++) {
        double *row = sums + r * layer->unit_count;
        memcpy(row + first_unit, layer->biases + first_unit,
               (layer->unit_count - first_unit) * sizeof(double));
        for (size_t i = 0; i < layer->input_count; i++) {
            const double input = inputs[r * layer->input_count + i];
            const double *weights = layer->weights[i];
            for (size_t u = first_unit; u < layer->unit_count; u++) {
                row[u] += input * weights[u];
            }
        }
    }
}

static void sum_layer(const struct layer *layer, const double *inputs, size_t row_count, double *sums) {
    const size_t tiled_units = layer->unit_count / TILE_UNITS * TILE_UNITS;
    const size_t tiled_rows = row_count / TILE_ROWS * TILE_ROWS;
    for (size_t row = 0; row < tiled_rows; row += TILE_ROWS) {
        for (size_t unit = 0; unit < tiled_units; unit += TILE_UNITS) {
            sum_tile(layer, inputs + row * layer->input_count, unit, sums + row * layer->unit_count);
        }
    }
    if (tiled_units < layer->unit_count) {
        sum_rest(layer, inputs, tiled_rows, tiled_units, sums);
    }
    sum_rest(layer, inputs + tiled_rows * layer->input_count, row_count - tiled_rows, 0,
             sums + tiled_rows * layer->unit_count);
}

struct workspace {
    const double **weights; /* per input of the widest layer */
    double *inputs, *outputs;
};

static void workspace_done(struct workspace *work) {
    ps_release(work->weights);
    ps_release(work->inputs);
    ps_release(work->outputs);
}

static penstock_code workspace_init(struct workspace *work, const struct ps_network_shape *shape, size_t rows,
                                    struct penstock_error *error) {
    size_t widest = 1;
    for (size_t l = 0; l <= shape->layer_count; l++) {
        widest = shape->sizes[l] > widest ? shape->sizes[l] : widest;
    }
    work->weights = ps_allocate(widest, sizeof *work->weights);
    work->inputs = ps_allocate(widest * rows, sizeof(double));
    work->outputs = ps_allocate(widest * rows, sizeof(double));
    return work->weights == NULL || work->inputs == NULL || work->outputs == NULL
               ? ps_error_memory(error, "a prediction")
               : PENSTOCK_OK;
}

/* The first layer: numbers as any layer, then the one weight row of each group. */
static void sum_features(const struct ps_network_predictor *network, const struct ps_features *features,
                         size_t begin, size_t count, struct workspace *work) {
    const size_t units = network->shape.sizes[1];
    struct layer layer = {.weights = work->weights,
                          .biases = network->parameters + network->shape.sizes[0] * units,
                          .unit_count = units};
    for (size_t c = 0; c < features->column_count; c++) {
        if (features->columns[c].numbers != NULL) {
            work->weights[layer.input_count++] = network->parameters + features->columns[c].feature * units;
        }
    }
    size_t number = 0;
    for (size_t c = 0; c < features->column_count; c++) {
        const double *numbers = features->columns[c].numbers;
        for (size_t i = 0; numbers != NULL && i < count; i++) {
            work->inputs[i * layer.input_count + number] = numbers[begin + i];
        }
        number += numbers != NULL ? 1 : 0;
    }
    sum_layer(&layer, work->inputs, count, work->outputs);
    for (size_t c = 0; c < features->column_count; c++) {
        const struct ps_feature_column *column = &features->columns[c];
        for (size_t i = 0; column->numbers == NULL && i < count; i++) {
            const int32_t index = column->indexes[begin + i];
            const int32_t feature = index < 0 ? -1 : column->features[index];
            if (feature >= 0) {
                const double *weights = network->parameters + (size_t)feature * units;
                const double value = column->values == NULL ? 1 : column->values[begin + i];
                double *sums = work->outputs + i * units;
                for (size_t u = 0; u < units; u++) {
                    sums[u] += value * weights[u];
                }
            }
        }
    }
}

static void finish_rows(const struct ps_network_predictor *network, double *sums, size_t count,
                        double *outputs) {
    const size_t width = network->predictor.output_count;
    switch (network->shape.task) {
    case PS_TASK_REGRESSION:
        for (size_t i = 0; i < count; i++) {
            outputs[i] = sums[i] * network->label_scale + network->label_mean;
        }
        break;
    case PS_TASK_BINARY:
        ps_activation_apply(PS_ACTIVATION_SIGMOID, sums, count);
        for (size_t i = 0; i < count; i++) {
            outputs[2 * i] = 1 - sums[i];
            outputs[2 * i + 1] = sums[i];
        }
        break;
    case PS_TASK_MULTICLASS:
        ps_softmax(sums, count, width);
        memcpy(outputs, sums, count * width * sizeof(double));
        break;
    }
}

static penstock_code apply(const struct ps_predictor *predictor, const struct ps_features *features,
                           double *outputs_out, struct penstock_error *error) {
    const struct ps_network_predictor *network = network_of(predictor);
    const struct ps_network_shape *shape = &network->shape;
    const size_t rows = features->row_count < BLOCK_ROWS ? features->row_count : BLOCK_ROWS;
    struct workspace work PS_SCOPED(workspace_done) = {0};
    PS_TRY(workspace_init(&work, shape, rows, error));
    for (size_t begin = 0; begin < features->row_count; begin += BLOCK_ROWS) {
        const size_t left = features->row_count - begin;
        const size_t count = left < BLOCK_ROWS ? left : BLOCK_ROWS;
        sum_features(network, features, begin, count, &work);
        for (size_t l = 1; l < shape->layer_count; l++) {
            const double *weights = network->parameters + ps_network_offset(shape, l);
            const struct layer layer = {work.weights, weights + shape->sizes[l] * shape->sizes[l + 1],
                                        shape->sizes[l], shape->sizes[l + 1]};
            double *const inputs = work.outputs;
            ps_activation_apply(shape->activation, inputs, count * shape->sizes[l]);
            for (size_t i = 0; i < shape->sizes[l]; i++) {
                work.weights[i] = weights + i * shape->sizes[l + 1];
            }
            work.outputs = work.inputs;
            work.inputs = inputs;
            sum_layer(&layer, work.inputs, count, work.outputs);
        }
        finish_rows(network, work.outputs, count, outputs_out + begin * predictor->output_count);
    }
    return PENSTOCK_OK;
}

static penstock_code write(const struct ps_predictor *predictor, yyjson_mut_doc *doc, yyjson_mut_val *object,
                           struct penstock_error *error) {
    const struct ps_network_predictor *network = network_of(predictor);
    const struct ps_network_shape *shape = &network->shape;
    (void)yyjson_mut_obj_add_str(doc, object, "activation", ps_activation_name(shape->activation));
    yyjson_mut_val *layers = yyjson_mut_obj_add_arr(doc, object, "layers");
    for (size_t l = 0; l <= shape->layer_count; l++) {
        (void)yyjson_mut_arr_add_uint(doc, layers, shape->sizes[l]);
    }
    if (shape->task == PS_TASK_REGRESSION) {
        (void)yyjson_mut_obj_add_real(doc, object, "labelMean", network->label_mean);
        (void)yyjson_mut_obj_add_real(doc, object, "labelScale", network->label_scale);
    }
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&text, PS_LIMIT_NETWORK_PARAMETERS * sizeof(double) * 2);
    ps_render_base64(
        &text, (struct ps_bytes){(const char *)network->parameters, shape->parameter_count * sizeof(double)});
    PS_TRY(ps_buffer_status(&text, error));
    (void)yyjson_mut_obj_add_strncpy(doc, object, "parameters", text.data, text.size);
    return PENSTOCK_OK;
}

static void free_network(struct ps_predictor *predictor) {
    struct ps_network_predictor *network = (struct ps_network_predictor *)(void *)predictor;
    ps_release(network->parameters);
    ps_release(network);
}

penstock_code ps_network_predictor_new(const struct ps_network_shape *shape, size_t output_count,
                                       struct ps_network_predictor **predictor_out,
                                       struct penstock_error *error) {
    struct ps_network_predictor *network = ps_allocate(1, sizeof *network);
    double *parameters = ps_allocate(shape->parameter_count + 1, sizeof(double));
    if (network == NULL || parameters == NULL) {
        ps_release(network);
        ps_release(parameters);
        return ps_error_memory(error, "a network");
    }
    network->predictor =
        (struct ps_predictor){&ps_network_predictor_type, shape->task, shape->sizes[0], output_count, NULL};
    network->shape = *shape;
    network->label_scale = 1;
    network->parameters = parameters;
    *predictor_out = network;
    return PENSTOCK_OK;
}

static bool read_shape(yyjson_val *object, struct ps_network_shape *shape) {
    yyjson_val *layers = yyjson_obj_get(object, "layers");
    const size_t size_count = yyjson_arr_size(layers);
    const int activation = ps_activation_find(yyjson_get_str(yyjson_obj_get(object, "activation")));
    if (size_count < 2 || size_count > PS_LIMIT_NETWORK_LAYERS + 1 || activation < 0) {
        return false;
    }
    shape->activation = (enum ps_activation)activation;
    shape->layer_count = size_count - 1;
    for (size_t l = 0; l < size_count; l++) {
        yyjson_val *size = yyjson_arr_get(layers, l);
        if (!yyjson_is_uint(size) || yyjson_get_uint(size) > PS_LIMIT_NETWORK_UNITS) {
            return false;
        }
        shape->sizes[l] = (size_t)yyjson_get_uint(size);
    }
    return ps_network_shape_close(shape);
}

static penstock_code read_members(yyjson_val *object, struct ps_network_predictor *network,
                                  struct penstock_error *error) {
    yyjson_val *text = yyjson_obj_get(object, "parameters");
    struct ps_buffer bytes PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&bytes, network->shape.parameter_count * sizeof(double));
    if (!yyjson_is_str(text) ||
        !ps_read_base64((struct ps_bytes){yyjson_get_str(text), yyjson_get_len(text)}, &bytes) ||
        bytes.failed || bytes.size != network->shape.parameter_count * sizeof(double)) {
        return ps_predictor_damaged(error, "it has not the weights it needs");
    }
    memcpy(network->parameters, bytes.data, bytes.size);
    for (size_t i = 0; i < network->shape.parameter_count; i++) {
        if (!isfinite(network->parameters[i])) {
            return ps_predictor_damaged(error, "a weight is not finite");
        }
    }
    if (network->shape.task == PS_TASK_REGRESSION) {
        double numbers[2];
        static const char *const names[] = {"labelMean", "labelScale"};
        for (size_t i = 0; i < 2; i++) {
            yyjson_val *number = yyjson_obj_get(object, names[i]);
            numbers[i] = yyjson_is_num(number) ? yyjson_get_num(number) : (double)NAN;
            if (!isfinite(numbers[i])) {
                return ps_predictor_damaged(error, "the scale of its label is missing");
            }
        }
        network->label_mean = numbers[0];
        network->label_scale = numbers[1];
    }
    return PENSTOCK_OK;
}

static penstock_code read(yyjson_val *object, size_t feature_count, struct ps_predictor **predictor_out,
                          struct penstock_error *error) {
    struct ps_network_shape shape = {0};
    size_t output_count = 0;
    PS_TRY(ps_predictor_read_head(object, &shape.task, &output_count, error));
    if (!read_shape(object, &shape) || shape.sizes[0] != feature_count ||
        shape.sizes[shape.layer_count] != ps_network_sum_count(shape.task, output_count)) {
        return ps_predictor_damaged(error, "its layers do not fit");
    }
    struct ps_network_predictor *network = NULL;
    PS_TRY(ps_network_predictor_new(&shape, output_count, &network, error));
    const penstock_code code = read_members(object, network, error);
    if (code != PENSTOCK_OK) {
        free_network(&network->predictor);
        return code;
    }
    *predictor_out = &network->predictor;
    return PENSTOCK_OK;
}

const struct ps_predictor_type ps_network_predictor_type = {"network", apply,        write,
                                                            read,      free_network, NULL};
