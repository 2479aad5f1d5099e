/* SPDX-License-Identifier: Apache-2.0
 *
 * export_onnx.c - a model as an ONNX graph that computes in double precision.
 *
 * Only core operators for which onnxruntime has double kernels (trees: export_onnx_trees.c). Each column is
 * an input of rows x 1. A category is found by comparing with all of them, which gives zeros and ones; everything
 * after that is MatMul. NaN is "cannot be predicted": what must be there is multiplied by zero and added to the
 * result, so that a NaN anywhere becomes NaN there, whatever Relu or a comparison would have made of it.
 */
#include <math.h>

#include "model/export_onnx.h"
#include "model/network.h"
#include "penstock.h"

static const double *filled(struct ps_onnx_writer *writer, size_t count, double start, double step) {
    double *numbers = ps_arena_allocate(writer->exporting->arena, count + 1, sizeof(double));
    for (size_t i = 0; numbers != NULL && i < count; i++) {
        numbers[i] = start + step * (double)i;
    }
    writer->onnx.failed = writer->onnx.failed || numbers == NULL;
    return numbers;
}

/* Zeros and ones: rows x count. */
static const char *compare(struct ps_onnx_writer *writer, const char *value, const char *with) {
    struct ps_onnx *onnx = &writer->onnx;
    return ps_onnx_node_with(onnx, "Cast", ps_onnx_node(onnx, "Equal", value, with, NULL), NULL, "to",
                             PS_ONNX_DOUBLE);
}

static const char *write_affine(struct ps_onnx_writer *writer, const struct ps_formula_step *step,
                                const char *a) {
    struct ps_onnx *onnx = &writer->onnx;
    if (step->numbers[0] != 0) {
        a = ps_onnx_node(onnx, "Sub", a, ps_onnx_double(onnx, step->numbers[0]), NULL);
    }
    if (step->numbers[1] != 1) {
        a = ps_onnx_node(onnx, "Mul", a, ps_onnx_double(onnx, step->numbers[1]), NULL);
    }
    if (step->numbers[2] != 0) {
        a = ps_onnx_node(onnx, "Add", a, ps_onnx_double(onnx, step->numbers[2]), NULL);
    }
    return a;
}

static const char *write_fill(struct ps_onnx_writer *writer, const struct ps_formula_step *step,
                              const char *a) {
    struct ps_onnx *onnx = &writer->onnx;
    const char *missing = ps_onnx_node(onnx, "IsNaN", a, NULL, NULL);
    if (!isnan(step->numbers[1])) {
        const char *equal = ps_onnx_node(onnx, "Equal", a, ps_onnx_double(onnx, step->numbers[1]), NULL);
        missing = ps_onnx_node(onnx, "Or", missing, equal, NULL);
    }
    return ps_onnx_node(onnx, "Where", missing, ps_onnx_double(onnx, step->numbers[0]), a);
}

static const char *write_bucket(struct ps_onnx_writer *writer, const struct ps_formula_step *step,
                                const char *a) {
    struct ps_onnx *onnx = &writer->onnx;
    const size_t inner = step->list_count - 2;
    const char *splits = ps_onnx_doubles(onnx, step->list + 1, 1, inner);
    const char *above = ps_onnx_node_with(onnx, "Cast", ps_onnx_node(onnx, "GreaterOrEqual", a, splits, NULL),
                                          NULL, "to", PS_ONNX_DOUBLE);
    const double *ones = filled(writer, inner, 1, 0);
    if (ones == NULL) {
        return NULL;
    }
    const char *place = ps_onnx_node(onnx, "MatMul", above, ps_onnx_doubles(onnx, ones, inner, 1), NULL);
    const char *inside = ps_onnx_node(
        onnx, "And", ps_onnx_node(onnx, "GreaterOrEqual", a, ps_onnx_double(onnx, step->list[0]), NULL),
        ps_onnx_node(onnx, "LessOrEqual", a, ps_onnx_double(onnx, step->list[inner + 1]), NULL), NULL);
    place = ps_onnx_node(onnx, "Where", inside, place, ps_onnx_double(onnx, (double)NAN));
    if (!isnan(step->unknown)) {
        place = ps_onnx_node(onnx, "Where", ps_onnx_node(onnx, "IsNaN", a, NULL, NULL),
                             ps_onnx_double(onnx, step->unknown), place);
    }
    return place;
}

static const char *write_index(struct ps_onnx_writer *writer, const struct ps_formula_step *step,
                               const char *a) {
    struct ps_onnx *onnx = &writer->onnx;
    const struct ps_categories *categories = step->categories;
    const size_t count = categories->count;
    const bool keeps = !isnan(step->unknown);
    const double *places = filled(writer, count, keeps ? -step->unknown : 0, 1);
    const double *ones = filled(writer, count, 1, 0);
    if (places == NULL || ones == NULL) {
        return NULL;
    }
    const char *labels = categories->numbers != NULL ? ps_onnx_doubles(onnx, categories->numbers, 1, count)
                                                     : ps_onnx_strings(onnx, categories->labels, count, true);
    const char *hot = compare(writer, a, labels);
    const char *place = ps_onnx_node(onnx, "MatMul", hot, ps_onnx_doubles(onnx, places, count, 1), NULL);
    if (keeps) { /* the sum of one-hot * (place - unknown), and unknown */
        return ps_onnx_node(onnx, "Add", place, ps_onnx_double(onnx, step->unknown), NULL);
    }
    /* 0 / 0 is NaN: none of them */
    const char *found = ps_onnx_node(onnx, "MatMul", hot, ps_onnx_doubles(onnx, ones, count, 1), NULL);
    return ps_onnx_node(onnx, "Div", place, found, NULL);
}

static const char *write_step(struct ps_onnx_writer *writer, const struct ps_formula_step *step) {
    const char *a = step->inputs[0] == PS_NO_STEP ? NULL : writer->values[step->inputs[0]];
    const char *b = step->inputs[1] == PS_NO_STEP ? NULL : writer->values[step->inputs[1]];
    switch (step->op) {
    case PS_FORMULA_NUMBER: return ps_onnx_input(&writer->onnx, step->name, PS_ONNX_DOUBLE);
    case PS_FORMULA_TEXT: return ps_onnx_input(&writer->onnx, step->name, PS_ONNX_STRING);
    case PS_FORMULA_AFFINE: return write_affine(writer, step, a);
    case PS_FORMULA_FILL: return write_fill(writer, step, a);
    case PS_FORMULA_BUCKET: return write_bucket(writer, step, a);
    case PS_FORMULA_INDEX: return write_index(writer, step, a);
    case PS_FORMULA_PRODUCT: return ps_onnx_node(&writer->onnx, "Mul", a, b, NULL);
    }
    return NULL;
}

/* Categories of a group that are features: how many, and which, as numbers or as places. */
static size_t present(const struct ps_formula_column *column, double *numbers, int64_t *places) {
    size_t count = 0;
    for (size_t i = 0; i < column->width; i++) {
        if (column->features[i] >= 0) {
            if (numbers != NULL) {
                numbers[count] = (double)i;
            }
            if (places != NULL) {
                places[count] = (int64_t)i;
            }
            count++;
        }
    }
    return count;
}

/* rows x width of the first parts, times rows x width of the next: rows x (both), the first varying fastest. */
static const char *cross(struct ps_onnx_writer *writer, const char *left, size_t left_width,
                         const char *right, size_t right_width) {
    struct ps_onnx *onnx = &writer->onnx;
    const int64_t left_shape[] = {-1, 1, (int64_t)left_width};
    const int64_t right_shape[] = {-1, (int64_t)right_width, 1};
    const int64_t shape[] = {-1, (int64_t)(left_width * right_width)};
    left = ps_onnx_node(onnx, "Reshape", left, ps_onnx_integers(onnx, left_shape, 3), NULL);
    right = ps_onnx_node(onnx, "Reshape", right, ps_onnx_integers(onnx, right_shape, 3), NULL);
    const char *both = ps_onnx_node(onnx, "Mul", right, left, NULL);
    return ps_onnx_node(onnx, "Reshape", both, ps_onnx_integers(onnx, shape, 2), NULL);
}

/* NULL when the group has no feature, too. */
const char *ps_export_onnx_hot(struct ps_onnx_writer *writer, const struct ps_formula_column *column) {
    struct ps_onnx *onnx = &writer->onnx;
    struct ps_arena *arena = writer->exporting->arena;
    double *numbers = ps_arena_allocate(arena, column->width + 1, sizeof(double));
    int64_t *places = ps_arena_allocate(arena, column->width + 1, sizeof(int64_t));
    if (numbers == NULL || places == NULL) {
        onnx->failed = true;
        return NULL;
    }
    const size_t count = present(column, numbers, places);
    if (count == 0) {
        return NULL;
    }
    const char *hot;
    if (column->part_count == 1) {
        hot =
            compare(writer, writer->values[column->parts[0].step], ps_onnx_doubles(onnx, numbers, 1, count));
    } else {
        size_t width = 0;
        hot = NULL;
        for (size_t p = 0; p < column->part_count; p++) {
            const struct ps_formula_part *part = &column->parts[p];
            const double *iota = filled(writer, part->width, 0, 1);
            if (iota == NULL) {
                return NULL;
            }
            const char *one =
                compare(writer, writer->values[part->step], ps_onnx_doubles(onnx, iota, 1, part->width));
            hot = hot == NULL ? one : cross(writer, hot, width, one, part->width);
            width = width == 0 ? part->width : width * part->width;
        }
        hot = ps_onnx_node_with(onnx, "Gather", hot, ps_onnx_integers(onnx, places, count), "axis", 1);
    }
    return hot;
}

static const char *write_group(struct ps_onnx_writer *writer, const struct ps_formula_column *column) {
    const char *hot = ps_export_onnx_hot(writer, column);
    return hot == NULL || column->value == PS_NO_STEP
               ? hot
               : ps_onnx_node(&writer->onnx, "Mul", hot, writer->values[column->value], NULL);
}

static penstock_code write_features(struct ps_onnx_writer *writer) {
    const struct ps_formula *formula = writer->formula;
    const char **parts =
        ps_arena_allocate(writer->exporting->arena, formula->column_count + 1, sizeof *parts);
    if (parts == NULL) {
        return ps_error_memory(writer->error, "an export");
    }
    size_t count = 0;
    for (size_t c = 0; c < formula->column_count; c++) {
        const struct ps_formula_column *column = &formula->columns[c];
        const char *part = column->is_group ? write_group(writer, column) : writer->values[column->value];
        if (part != NULL) {
            parts[count++] = part;
        }
    }
    if (count == 0) {
        return ps_export_refuse(writer->error, "ONNX", "a model without features");
    }
    writer->features = ps_onnx_concat(&writer->onnx, parts, count);
    return PENSTOCK_OK;
}

static penstock_code write_poison(struct ps_onnx_writer *writer) {
    const size_t step_count = writer->formula->step_count;
    const char **guards = ps_arena_allocate(writer->exporting->arena, step_count + 1, sizeof *guards);
    if (guards == NULL) {
        return ps_error_memory(writer->error, "an export");
    }
    size_t count = 0;
    for (size_t i = 0; i < step_count; i++) {
        if (writer->exporting->guards[i] != 0) {
            guards[count++] = writer->values[i];
        }
    }
    const double *zeros = filled(writer, count, 0, 0);
    if (zeros == NULL) {
        return ps_error_memory(writer->error, "an export");
    }
    struct ps_onnx *onnx = &writer->onnx;
    writer->poison = ps_onnx_node(onnx, "MatMul", ps_onnx_concat(onnx, guards, count),
                                  ps_onnx_doubles(onnx, zeros, count, 1), NULL);
    return PENSTOCK_OK;
}

/* rows x sums */
static const char *write_sums(struct ps_onnx_writer *writer, const struct ps_linear_predictor *linear) {
    const size_t feature_count = writer->formula->feature_count;
    double *weights =
        ps_arena_allocate(writer->exporting->arena, feature_count * linear->sum_count + 1, sizeof(double));
    if (weights == NULL) {
        writer->onnx.failed = true;
        return NULL;
    }
    for (size_t j = 0; j < feature_count; j++) {
        for (size_t s = 0; s < linear->sum_count; s++) {
            weights[j * linear->sum_count + s] = linear->coefficients[s * feature_count + j];
        }
    }
    struct ps_onnx *onnx = &writer->onnx;
    const char *product =
        ps_onnx_node(onnx, "MatMul", writer->features,
                     ps_onnx_doubles(onnx, weights, feature_count, linear->sum_count), NULL);
    return ps_onnx_node(onnx, "Add", product, ps_onnx_doubles(onnx, linear->intercepts, 0, linear->sum_count),
                        NULL);
}

static const char *write_mean(struct ps_onnx_writer *writer, const struct ps_linear_predictor *linear,
                              const char *sum) {
    struct ps_onnx *onnx = &writer->onnx;
    switch (linear->link) {
    case PS_LINK_IDENTITY: return sum;
    case PS_LINK_LOG: return ps_onnx_node(onnx, "Exp", sum, NULL, NULL);
    case PS_LINK_INVERSE: return ps_onnx_node(onnx, "Div", ps_onnx_double(onnx, 1), sum, NULL);
    case PS_LINK_LOGIT: return ps_onnx_node(onnx, "Sigmoid", sum, NULL, NULL);
    case PS_LINK_CLOGLOG: {
        const char *inner = ps_onnx_node(onnx, "Neg", ps_onnx_node(onnx, "Exp", sum, NULL, NULL), NULL, NULL);
        return ps_onnx_node(onnx, "Sub", ps_onnx_double(onnx, 1),
                            ps_onnx_node(onnx, "Exp", inner, NULL, NULL), NULL);
    }
    case PS_LINK_SQRT: return ps_onnx_node(onnx, "Mul", sum, sum, NULL);
    case PS_LINK_POWER:
        return linear->link_power == 0
                   ? ps_onnx_node(onnx, "Exp", sum, NULL, NULL)
                   : ps_onnx_node(onnx, "Pow", sum, ps_onnx_double(onnx, 1 / linear->link_power), NULL);
    case PS_LINK_PROBIT: /* Erf has no double kernel */
    case PS_LINK_SOFTMAX: break;
    }
    return NULL;
}

static const char *flat(struct ps_onnx_writer *writer, const char *value) {
    const int64_t shape = -1;
    return ps_onnx_node(&writer->onnx, "Reshape", value, ps_onnx_integers(&writer->onnx, &shape, 1), NULL);
}

void ps_export_onnx_number(struct ps_onnx_writer *writer, const char *value) {
    struct ps_onnx *onnx = &writer->onnx;
    value = ps_onnx_node(onnx, "Add", value, writer->poison, NULL);
    /* an infinite prediction is none: x - x is NaN then, else 0 */
    value = ps_onnx_node(onnx, "Add", value, ps_onnx_node(onnx, "Sub", value, value, NULL), NULL);
    ps_onnx_output(onnx, flat(writer, value), "prediction", PS_ONNX_DOUBLE, 0);
}

/* The class at `index` (rows x 1, int64), NaN or "" where there is none. */
static penstock_code write_class(struct ps_onnx_writer *writer, const char *index) {
    struct ps_onnx *onnx = &writer->onnx;
    const struct ps_target *target = &writer->exporting->target;
    const char *is_none = ps_onnx_node(onnx, "IsNaN", writer->poison, NULL, NULL);
    if (target->is_text) {
        const char *const nothing = "";
        const char *names = ps_onnx_strings(onnx, target->class_names, target->class_count, false);
        const char *name = ps_onnx_node_with(onnx, "Gather", names, index, "axis", 0);
        name = ps_onnx_node(onnx, "Where", is_none, ps_onnx_strings(onnx, &nothing, 1, false), name);
        ps_onnx_output(onnx, flat(writer, name), "prediction", PS_ONNX_STRING, 0);
        return PENSTOCK_OK;
    }
    double *numbers = ps_arena_allocate(writer->exporting->arena, target->class_count + 1, sizeof(double));
    if (numbers == NULL) {
        return ps_error_memory(writer->error, "an export");
    }
    for (size_t i = 0; i < target->class_count; i++) {
        if (!ps_parse_double(target->class_names[i], &numbers[i])) {
            numbers[i] = (double)i; /* false, true */
        }
    }
    const char *labels = ps_onnx_doubles(onnx, numbers, 0, target->class_count);
    const char *label = ps_onnx_node_with(onnx, "Gather", labels, index, "axis", 0);
    label = ps_onnx_node(onnx, "Where", is_none, ps_onnx_double(onnx, (double)NAN), label);
    ps_onnx_output(onnx, flat(writer, label), "prediction", PS_ONNX_DOUBLE, 0);
    return PENSTOCK_OK;
}

penstock_code ps_export_onnx_classes(struct ps_onnx_writer *writer, const char *probabilities,
                                     const char *index) {
    struct ps_onnx *onnx = &writer->onnx;
    const size_t class_count = writer->exporting->target.class_count;
    probabilities = ps_onnx_node(onnx, "Add", probabilities, writer->poison, NULL);
    PS_TRY(write_class(writer, index));
    if (!writer->is_flat) {
        ps_onnx_output(onnx, probabilities, "probabilities", PS_ONNX_DOUBLE, class_count);
        return PENSTOCK_OK;
    }
    for (size_t k = 0; k < class_count; k++) {
        const int64_t place = (int64_t)k;
        const char *name = ps_arena_printf(writer->exporting->arena, "probability_%zu", k);
        if (name == NULL) {
            return ps_error_memory(writer->error, "an export");
        }
        const char *one =
            ps_onnx_node_with(onnx, "Gather", probabilities, ps_onnx_integers(onnx, &place, 1), "axis", 1);
        ps_onnx_output(onnx, flat(writer, one), name, PS_ONNX_DOUBLE, 0);
    }
    return PENSTOCK_OK;
}

/* Two classes of one sum; the second's probability is compared with the threshold. */
static penstock_code write_two(struct ps_onnx_writer *writer, const char *sum, double threshold) {
    struct ps_onnx *onnx = &writer->onnx;
    const char *both[] = {
        ps_onnx_node(onnx, "Sigmoid", ps_onnx_node(onnx, "Neg", sum, NULL, NULL), NULL, NULL),
        ps_onnx_node(onnx, "Sigmoid", sum, NULL, NULL),
    };
    const char *is_second = ps_onnx_node(onnx, "Greater", both[1], ps_onnx_double(onnx, threshold), NULL);
    const char *probabilities = ps_onnx_concat(onnx, both, 2);
    if (writer->exporting->predictor->thresholds != NULL) {
        return ps_export_onnx_decide(writer, probabilities);
    }
    return ps_export_onnx_classes(writer, probabilities,
                                  ps_onnx_node_with(onnx, "Cast", is_second, NULL, "to", PS_ONNX_INT64));
}

penstock_code ps_export_onnx_decide(struct ps_onnx_writer *writer, const char *probabilities) {
    struct ps_onnx *onnx = &writer->onnx;
    const double *thresholds = writer->exporting->predictor->thresholds;
    const size_t class_count = writer->exporting->target.class_count;
    const char *scaled = probabilities;
    double *weights = ps_arena_allocate(writer->exporting->arena, 2 * class_count + 1, sizeof(double));
    if (weights == NULL) {
        return ps_error_memory(writer->error, "an export");
    }
    for (size_t k = 0; thresholds != NULL && k < class_count; k++) {
        weights[k] = thresholds[k] == 0 ? 1 : thresholds[k];
        weights[class_count + k] = thresholds[k] == 0 ? 1e308 : 0; /* always the greatest */
    }
    if (thresholds != NULL) {
        scaled = ps_onnx_node(onnx, "Div", scaled, ps_onnx_doubles(onnx, weights, 0, class_count), NULL);
        scaled = ps_onnx_node(onnx, "Add", scaled,
                              ps_onnx_doubles(onnx, weights + class_count, 0, class_count), NULL);
    }
    return ps_export_onnx_classes(writer, probabilities,
                                  ps_onnx_node_with(onnx, "ArgMax", scaled, NULL, "axis", 1));
}

static penstock_code write_several(struct ps_onnx_writer *writer, const char *sums) {
    return ps_export_onnx_decide(writer, ps_onnx_node_with(&writer->onnx, "Softmax", sums, NULL, "axis", 1));
}

static penstock_code write_linear(struct ps_onnx_writer *writer, const struct ps_linear_predictor *linear) {
    const char *sums = write_sums(writer, linear);
    if (linear->link == PS_LINK_SOFTMAX) {
        return write_several(writer, sums);
    }
    if (writer->exporting->target.class_count > 0) {
        return write_two(writer, sums, linear->threshold);
    }
    const char *mean = write_mean(writer, linear, sums);
    if (mean == NULL && !writer->onnx.failed) {
        return ps_export_refuse(writer->error, "ONNX in double precision", "the probit link");
    }
    ps_export_onnx_number(writer, mean);
    return PENSTOCK_OK;
}

static const char *activate(struct ps_onnx_writer *writer, enum ps_activation activation, const char *value) {
    switch (activation) {
    case PS_ACTIVATION_IDENTITY: return value;
    case PS_ACTIVATION_RELU: return ps_onnx_node(&writer->onnx, "Relu", value, NULL, NULL);
    case PS_ACTIVATION_TANH: return ps_onnx_node(&writer->onnx, "Tanh", value, NULL, NULL);
    case PS_ACTIVATION_SIGMOID: return ps_onnx_node(&writer->onnx, "Sigmoid", value, NULL, NULL);
    }
    return NULL;
}

static penstock_code write_network(struct ps_onnx_writer *writer,
                                   const struct ps_network_predictor *network) {
    struct ps_onnx *onnx = &writer->onnx;
    const struct ps_network_shape *shape = &network->shape;
    const char *value = writer->features;
    for (size_t l = 0; l < shape->layer_count; l++) {
        const size_t input_count = shape->sizes[l];
        const size_t unit_count = shape->sizes[l + 1];
        const double *weights = network->parameters + ps_network_offset(shape, l);
        value = l == 0 ? value : activate(writer, shape->activation, value);
        value = ps_onnx_node(onnx, "MatMul", value, ps_onnx_doubles(onnx, weights, input_count, unit_count),
                             NULL);
        value = ps_onnx_node(onnx, "Add", value,
                             ps_onnx_doubles(onnx, weights + input_count * unit_count, 0, unit_count), NULL);
    }
    if (shape->task == PS_TASK_MULTICLASS) {
        return write_several(writer, value);
    }
    if (shape->task == PS_TASK_BINARY) {
        return write_two(writer, value, 0.5);
    }
    value = ps_onnx_node(onnx, "Mul", value, ps_onnx_double(onnx, network->label_scale), NULL);
    ps_export_onnx_number(writer,
                          ps_onnx_node(onnx, "Add", value, ps_onnx_double(onnx, network->label_mean), NULL));
    return PENSTOCK_OK;
}

static penstock_code write_graph(struct ps_onnx_writer *writer) {
    const struct ps_predictor *predictor = writer->exporting->predictor;
    for (size_t i = 0; i < writer->formula->step_count; i++) {
        writer->values[i] = write_step(writer, &writer->formula->steps[i]);
    }
    PS_TRY(write_poison(writer));
    if (predictor->type == &ps_trees_predictor_type) {
        return ps_export_onnx_trees(writer, (const struct ps_trees_predictor *)(const void *)predictor);
    }
    PS_TRY(write_features(writer));
    return predictor->type == &ps_network_predictor_type
               ? write_network(writer, (const struct ps_network_predictor *)(const void *)predictor)
               : write_linear(writer, ps_export_linear(writer->exporting));
}

static penstock_code write_model(const struct ps_exporting *exporting, bool is_flat, struct ps_buffer *out,
                                 struct penstock_error *error) {
    struct ps_onnx_writer writer = {
        .exporting = exporting, .formula = exporting->formula, .is_flat = is_flat, .error = error};
    writer.values =
        ps_arena_allocate(exporting->arena, exporting->formula->step_count + 1, sizeof *writer.values);
    if (writer.values == NULL) {
        return ps_error_memory(error, "an export");
    }
    struct ps_buffer title PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&title, PS_EXPORT_SIZE_MAX);
    ps_export_title(exporting, &title);
    PS_TRY(ps_buffer_status(&title, error));
    ps_onnx_init(&writer.onnx, exporting->arena);
    penstock_code code = write_graph(&writer);
    if (code == PENSTOCK_OK) {
        const char *const keys[] = {"label", "created_at", "statement", "metrics"};
        const char *const values[] = {exporting->options->label, exporting->options->created_at,
                                      exporting->options->statement, exporting->options->metrics};
        const struct ps_onnx_properties properties = {.graph_name = exporting->options->name,
                                                      .description = title.data,
                                                      .producer_version = PENSTOCK_VERSION,
                                                      .keys = keys,
                                                      .values = values,
                                                      .count = 4};
        code = ps_onnx_finish(&writer.onnx, &properties, out, error);
    }
    ps_onnx_done(&writer.onnx);
    return code;
}

penstock_code ps_export_onnx(const struct ps_exporting *exporting, struct ps_buffer *out,
                             struct penstock_error *error) {
    return write_model(exporting, false, out, error);
}

penstock_code ps_export_onnx_flat(const struct ps_exporting *exporting, struct ps_buffer *out,
                                  struct penstock_error *error) {
    return write_model(exporting, true, out, error);
}
