/* SPDX-License-Identifier: Apache-2.0
 *
 * import_onnx.c - an ONNX graph, run with symbols.
 *
 * A value is a constant, a vector of elements (import_values.h), the sums of the linear layer, or what comes behind
 * it: labels, probabilities and their normalisation, which a model of ours makes by itself. Batches are the first
 * dimension, so reshapes change nothing here.
 */
#include <math.h>
#include <stdio.h>

#include "model/import_values.h"
#include "model/onnx_graph.h"
#include "model/onnx_read.h"

enum kind { UNKNOWN, CONSTANT, VECTOR, SUMS, TAIL };
struct value {
    const char *name;
    enum kind kind;
    const struct ps_onnx_tensor *tensor;
    struct ps_import_vector vector;
};
struct running {
    struct ps_importing *importing;
    struct ps_onnx_file file;
    struct value *values;
    size_t value_count, value_capacity;
    const struct ps_onnx_reading *node;
    char place[160]; /* "Scaler (node scaler1)" */
};

static const struct value *find(const struct running *running, const char *name) {
    for (size_t i = running->value_count; i > 0; i--) {
        if (strcmp(running->values[i - 1].name, name) == 0) {
            return &running->values[i - 1];
        }
    }
    return NULL;
}

static const struct value *input_at(const struct running *running, size_t index) {
    return index < running->node->input_count ? find(running, running->node->inputs[index]) : NULL;
}

static enum kind kind_at(const struct running *running, size_t index) {
    const struct value *value = input_at(running, index);
    return value == NULL ? UNKNOWN : value->kind;
}

/* Every output of the node becomes the value. */
static penstock_code put(struct running *running, const struct value *value) {
    for (size_t i = 0; i < running->node->output_count; i++) {
        if (running->value_count == running->value_capacity) {
            return ps_import_damaged(running->importing, "its nodes have too many outputs");
        }
        running->values[running->value_count] = *value;
        running->values[running->value_count++].name = running->node->outputs[i];
    }
    return PENSTOCK_OK;
}

static penstock_code put_kind(struct running *running, enum kind kind) {
    const struct value value = {.kind = kind};
    return put(running, &value);
}

/* Not supported: noted; what comes of it is unknown, which is not told again. */
static penstock_code refuse(struct running *running, const char *why) {
    if (why == NULL) {
        ps_import_problem(running->importing, "operator %s", running->place);
    } else {
        ps_import_problem(running->importing, "operator %s: %s", running->place, why);
    }
    return put_kind(running, UNKNOWN);
}

static penstock_code copy_vector(struct running *running, const struct value *value, struct value *copy_out) {
    *copy_out = *value;
    PS_TRY(ps_import_vector_new(running->importing, value->vector.count, &copy_out->vector));
    if (value->vector.count > 0) {
        memcpy(copy_out->vector.elements, value->vector.elements,
               value->vector.count * sizeof *value->vector.elements);
    }
    return PENSTOCK_OK;
}

/* --- core operators --------------------------------------------------------------------------------------- */

static penstock_code run_pass(struct running *running) {
    const struct value *value = input_at(running, 0);
    return value == NULL ? put_kind(running, UNKNOWN) : put(running, value);
}

static penstock_code run_cast(struct running *running) {
    const struct value *value = input_at(running, 0);
    const struct ps_onnx_attribute *to = ps_onnx_attribute_find(running->node, "to");
    for (size_t i = 0; value != NULL && value->kind == VECTOR && i < value->vector.count; i++) {
        const struct ps_import_element *element = &value->vector.elements[i];
        const bool is_text = element->column != PS_IMPORT_CONSTANT &&
                             running->importing->columns[element->column]->is_text && element->depth == 0;
        if (to != NULL && is_text != (to->integer == PS_ONNX_STRING)) {
            return refuse(running, "between texts and numbers");
        }
    }
    return run_pass(running);
}

static penstock_code scale_elements(struct running *running, const struct value *value,
                                    const struct ps_onnx_tensor *tensor, char sign, bool is_turned) {
    struct value result;
    const size_t count = value->vector.count;
    if (tensor->numbers == NULL || (tensor->count != 1 && tensor->count != count)) {
        return refuse(running, "a constant of another size");
    }
    PS_TRY(copy_vector(running, value, &result));
    for (size_t i = 0; i < count; i++) {
        const double number = tensor->numbers[tensor->count == 1 ? 0 : i];
        double shift = 0, factor = 1, offset = 0;
        switch (sign) {
        case '+': offset = number; break;
        case '-':
            if (is_turned) {
                factor = -1;
                offset = number;
            } else {
                shift = number;
            }
            break;
        case '*': factor = number; break;
        default:
            if (is_turned || number == 0) {
                return refuse(running, is_turned ? "a division by a column" : "a division by zero");
            }
            factor = 1 / number;
        }
        PS_TRY(ps_import_scale(running->importing, &result.vector.elements[i], shift, factor, offset,
                               running->place));
    }
    return put(running, &result);
}

static penstock_code add_intercepts(struct running *running, const struct ps_onnx_tensor *tensor) {
    struct ps_import_sums *sums = running->importing->sums;
    if (tensor->numbers == NULL || (tensor->count != 1 && tensor->count != sums->sum_count)) {
        return refuse(running, "a constant of another size");
    }
    for (size_t s = 0; s < sums->sum_count; s++) {
        sums->intercepts[s] += tensor->numbers[tensor->count == 1 ? 0 : s];
    }
    return put_kind(running, SUMS);
}

static penstock_code run_arithmetic(struct running *running) {
    const char *name = running->node->operator_name;
    const char sign = strcmp(name, "Add") == 0   ? '+'
                      : strcmp(name, "Sub") == 0 ? '-'
                      : strcmp(name, "Mul") == 0 ? '*'
                                                 : '/';
    const enum kind left = kind_at(running, 0), right = kind_at(running, 1);
    if (left == TAIL || right == TAIL) {
        return put_kind(running, TAIL);
    }
    if (left == UNKNOWN || right == UNKNOWN) {
        return put_kind(running, UNKNOWN);
    }
    if (left == VECTOR && right == CONSTANT) {
        return scale_elements(running, input_at(running, 0), input_at(running, 1)->tensor, sign, false);
    }
    if (left == CONSTANT && right == VECTOR) {
        return scale_elements(running, input_at(running, 1), input_at(running, 0)->tensor, sign, true);
    }
    if (sign == '+' && ((left == SUMS && right == CONSTANT) || (left == CONSTANT && right == SUMS))) {
        return add_intercepts(running, input_at(running, left == SUMS ? 1 : 0)->tensor);
    }
    return refuse(running, "of two columns");
}

static penstock_code run_concat(struct running *running) {
    struct value result = {.kind = VECTOR};
    size_t count = 0;
    for (size_t i = 0; i < running->node->input_count; i++) {
        const enum kind kind = kind_at(running, i);
        if (kind == TAIL || kind == UNKNOWN) {
            return put_kind(running, kind);
        }
        if (kind != VECTOR) {
            return refuse(running, "of something else than columns");
        }
        count += input_at(running, i)->vector.count;
    }
    PS_TRY(ps_import_vector_new(running->importing, count, &result.vector));
    size_t next = 0;
    for (size_t i = 0; i < running->node->input_count; i++) {
        const struct ps_import_vector *vector = &input_at(running, i)->vector;
        memcpy(result.vector.elements + next, vector->elements, vector->count * sizeof *vector->elements);
        next += vector->count;
    }
    return put(running, &result);
}

/* Gather and ArrayFeatureExtractor: some of the columns. */
static penstock_code run_select(struct running *running) {
    const struct value *from = input_at(running, 0);
    const struct value *places = input_at(running, 1);
    if (from == NULL || places == NULL || from->kind == UNKNOWN || places->kind == UNKNOWN) {
        return put_kind(running, UNKNOWN);
    }
    if (from->kind == CONSTANT && places->kind == TAIL) { /* the names of the classes, by index */
        struct ps_import_sums *sums = running->importing->sums;
        sums->class_count = from->tensor->count;
        sums->is_text_class = from->tensor->numbers == NULL;
        const char **names =
            ps_arena_allocate(running->importing->arena, sums->class_count + 1, sizeof *names);
        for (size_t i = 0; names != NULL && i < sums->class_count; i++) {
            names[i] = sums->is_text_class
                           ? from->tensor->texts[i]
                           : ps_arena_printf(running->importing->arena, "%.17g", from->tensor->numbers[i]);
            if (names[i] == NULL) {
                return ps_error_memory(running->importing->error, "an import");
            }
        }
        sums->class_names = names;
        return names == NULL ? ps_error_memory(running->importing->error, "an import")
                             : put_kind(running, TAIL);
    }
    if (from->kind == TAIL) {
        return put_kind(running, TAIL);
    }
    if (from->kind != VECTOR || places->kind != CONSTANT || places->tensor->numbers == NULL) {
        return refuse(running, "by something else than constant places");
    }
    struct value result = {.kind = VECTOR};
    PS_TRY(ps_import_vector_new(running->importing, places->tensor->count, &result.vector));
    for (size_t i = 0; i < result.vector.count; i++) {
        const double place = places->tensor->numbers[i];
        if (!(place >= 0) || !(place < (double)from->vector.count)) {
            return ps_import_damaged(running->importing, "%s: place %g of %zu", running->place, place,
                                     from->vector.count);
        }
        result.vector.elements[i] = from->vector.elements[(size_t)place];
    }
    return put(running, &result);
}

static penstock_code run_matmul(struct running *running) {
    const struct value *left = input_at(running, 0);
    const struct value *right = input_at(running, 1);
    if (left == NULL || right == NULL || left->kind == UNKNOWN || right->kind == UNKNOWN) {
        return put_kind(running, UNKNOWN);
    }
    if (left->kind != VECTOR || right->kind != CONSTANT || right->tensor->numbers == NULL ||
        left->vector.count == 0 || right->tensor->count == 0 ||
        right->tensor->count % left->vector.count != 0) {
        return refuse(running, "of something else than features and coefficients");
    }
    const size_t d = left->vector.count;
    struct ps_import_sums *sums = NULL;
    PS_TRY(ps_import_sums_new(running->importing, left->vector, right->tensor->count / d, running->place,
                              &sums));
    for (size_t i = 0; i < d; i++) {
        for (size_t s = 0; s < sums->sum_count; s++) {
            sums->weights[s * d + i] = right->tensor->numbers[i * sums->sum_count + s];
        }
    }
    return put_kind(running, SUMS);
}

/* --- behind the sums -------------------------------------------------------------------------------------- */

/* Two sums, one the negative of the other, are one. */
static bool is_mirrored(const struct ps_import_sums *sums) {
    if (sums->sum_count != 2 || sums->intercepts[0] != -sums->intercepts[1]) {
        return false;
    }
    for (size_t i = 0; i < sums->vector.count; i++) {
        if (sums->weights[i] != -sums->weights[sums->vector.count + i]) {
            return false;
        }
    }
    return true;
}

static penstock_code link_sigmoid(struct running *running) {
    struct ps_import_sums *sums = running->importing->sums;
    if (is_mirrored(sums)) {
        memcpy(sums->weights, sums->weights + sums->vector.count, sums->vector.count * sizeof(double));
        sums->intercepts[0] = sums->intercepts[1];
        sums->sum_count = 1;
    }
    if (sums->sum_count != 1) {
        return refuse(running, "one against the rest");
    }
    sums->link = PS_LINK_LOGIT;
    return put_kind(running, TAIL);
}

static penstock_code run_link(struct running *running) {
    const char *name = running->node->operator_name;
    if (kind_at(running, 0) != SUMS) {
        return kind_at(running, 0) == UNKNOWN ? put_kind(running, UNKNOWN) : refuse(running, "of columns");
    }
    if (strcmp(name, "Sigmoid") == 0) {
        return link_sigmoid(running);
    }
    running->importing->sums->link = strcmp(name, "Exp") == 0 ? PS_LINK_LOG : PS_LINK_SOFTMAX;
    return put_kind(running, TAIL);
}

/* ArgMax, Abs, ReduceSum, ZipMap, Normalizer: of probabilities. */
static penstock_code run_tail(struct running *running) {
    const enum kind kind = kind_at(running, 0);
    return kind == SUMS || kind == TAIL ? put_kind(running, TAIL)
           : kind == UNKNOWN            ? put_kind(running, UNKNOWN)
                                        : refuse(running, "of columns");
}

/* --- ai.onnx.ml ------------------------------------------------------------------------------------------- */

static const struct ps_onnx_attribute *numbers_of(const struct running *running, const char *name) {
    const struct ps_onnx_attribute *attribute = ps_onnx_attribute_find(running->node, name);
    return attribute == NULL || attribute->number_count == 0 ? NULL : attribute;
}

static double at(const struct ps_onnx_attribute *attribute, size_t index, double otherwise) {
    return attribute == NULL ? otherwise : attribute->numbers[attribute->number_count == 1 ? 0 : index];
}

static bool fits(const struct ps_onnx_attribute *attribute, size_t count) {
    return attribute == NULL || attribute->number_count == 1 || attribute->number_count == count;
}

static penstock_code run_scaler(struct running *running) {
    const struct value *value = input_at(running, 0);
    if (value == NULL || value->kind != VECTOR) {
        return put_kind(running, UNKNOWN);
    }
    const struct ps_onnx_attribute *offsets = numbers_of(running, "offset");
    const struct ps_onnx_attribute *scales = numbers_of(running, "scale");
    if (!fits(offsets, value->vector.count) || !fits(scales, value->vector.count)) {
        return ps_import_damaged(running->importing, "%s has not as many numbers as columns", running->place);
    }
    running->importing->report->is_single = true;
    struct value result;
    PS_TRY(copy_vector(running, value, &result));
    for (size_t i = 0; i < result.vector.count; i++) {
        PS_TRY(ps_import_scale(running->importing, &result.vector.elements[i], at(offsets, i, 0),
                               at(scales, i, 1), 0, running->place));
    }
    return put(running, &result);
}

static penstock_code run_imputer(struct running *running) {
    const struct value *value = input_at(running, 0);
    if (value == NULL || value->kind != VECTOR) {
        return put_kind(running, UNKNOWN);
    }
    const struct ps_onnx_attribute *fills = numbers_of(running, "imputed_value_floats");
    fills = fills == NULL ? numbers_of(running, "imputed_value_int64s") : fills;
    const struct ps_onnx_attribute *missing = ps_onnx_attribute_find(running->node, "replaced_value_float");
    if (fills == NULL || !fits(fills, value->vector.count)) {
        return ps_import_damaged(running->importing, "%s has not as many numbers as columns", running->place);
    }
    struct value result;
    PS_TRY(copy_vector(running, value, &result));
    for (size_t i = 0; i < result.vector.count; i++) {
        const struct ps_import_op op = {
            .kind = PS_IMPORT_FILL,
            .numbers = {at(fills, i, 0), missing == NULL ? (double)NAN : missing->number, 0}};
        if (!isfinite(op.numbers[0])) {
            return ps_import_damaged(running->importing, "%s fills with a number that is not finite",
                                     running->place);
        }
        PS_TRY(ps_import_apply(running->importing, &result.vector.elements[i], &op, running->place));
    }
    return put(running, &result);
}

static penstock_code run_encoder(struct running *running) {
    const struct value *value = input_at(running, 0);
    if (value == NULL || value->kind != VECTOR) {
        return put_kind(running, UNKNOWN);
    }
    if (value->vector.count != 1) {
        return refuse(running, "of several columns at once");
    }
    const struct ps_onnx_attribute *texts = ps_onnx_attribute_find(running->node, "cats_strings");
    const struct ps_onnx_attribute *numbers = numbers_of(running, "cats_int64s");
    const struct ps_onnx_attribute *zeros = ps_onnx_attribute_find(running->node, "zeros");
    struct ps_import_op op = {.kind = PS_IMPORT_ENCODE,
                              .invalid = zeros == NULL || zeros->integer != 0 ? "keep" : "error"};
    const struct ps_import_element *element = &value->vector.elements[0];
    const bool is_text = element->column != PS_IMPORT_CONSTANT && element->depth == 0 &&
                         running->importing->columns[element->column]->is_text;
    if (is_text && texts != NULL && texts->text_count > 0) {
        op.texts = texts->texts;
        op.text_count = texts->text_count;
    } else if (!is_text && numbers != NULL) {
        op.list = numbers->numbers;
        op.list_count = numbers->number_count;
    } else {
        return ps_import_damaged(running->importing, "%s has no categories of its column's kind",
                                 running->place);
    }
    struct value result = {.kind = VECTOR};
    PS_TRY(ps_import_encode(running->importing, element, &op, op.text_count + op.list_count, running->place,
                            &result.vector));
    return put(running, &result);
}

static penstock_code read_classes(struct running *running, struct ps_import_sums *sums) {
    const struct ps_onnx_attribute *texts = ps_onnx_attribute_find(running->node, "classlabels_strings");
    const struct ps_onnx_attribute *numbers = numbers_of(running, "classlabels_ints");
    sums->is_text_class = texts != NULL && texts->text_count > 0;
    sums->class_count = sums->is_text_class ? texts->text_count : numbers == NULL ? 0 : numbers->number_count;
    if (sums->is_text_class) {
        sums->class_names = texts->texts;
        return PENSTOCK_OK;
    }
    const char **names = ps_arena_allocate(running->importing->arena, sums->class_count + 1, sizeof *names);
    for (size_t i = 0; names != NULL && i < sums->class_count; i++) {
        names[i] = ps_arena_printf(running->importing->arena, "%.17g", numbers->numbers[i]);
        if (names[i] == NULL) {
            return ps_error_memory(running->importing->error, "an import");
        }
    }
    sums->class_names = names;
    return names == NULL ? ps_error_memory(running->importing->error, "an import") : PENSTOCK_OK;
}

/* LinearRegressor and LinearClassifier: sums with their link in one node. */
static penstock_code run_linear(struct running *running) {
    const struct value *value = input_at(running, 0);
    const struct ps_onnx_attribute *coefficients = numbers_of(running, "coefficients");
    const struct ps_onnx_attribute *intercepts = numbers_of(running, "intercepts");
    const struct ps_onnx_attribute *after = ps_onnx_attribute_find(running->node, "post_transform");
    const char *transform = after == NULL || after->text == NULL ? "NONE" : after->text;
    const bool is_classifier = strcmp(running->node->operator_name, "LinearClassifier") == 0;
    if (value == NULL || value->kind != VECTOR) {
        return put_kind(running, UNKNOWN);
    }
    const size_t d = value->vector.count;
    if (coefficients == NULL || d == 0 || coefficients->number_count % d != 0) {
        return ps_import_damaged(running->importing, "%s has not as many coefficients as features",
                                 running->place);
    }
    struct ps_import_sums *sums = NULL;
    PS_TRY(ps_import_sums_new(running->importing, value->vector, coefficients->number_count / d,
                              running->place, &sums));
    memcpy(sums->weights, coefficients->numbers, coefficients->number_count * sizeof(double));
    if (intercepts != NULL && intercepts->number_count != sums->sum_count) {
        return ps_import_damaged(running->importing, "%s has not as many intercepts as sums", running->place);
    }
    for (size_t s = 0; s < sums->sum_count && intercepts != NULL; s++) {
        sums->intercepts[s] = intercepts->numbers[s];
    }
    running->importing->report->is_single = true;
    if (!is_classifier) {
        return strcmp(transform, "NONE") == 0 ? put_kind(running, SUMS) : refuse(running, transform);
    }
    PS_TRY(read_classes(running, sums));
    if (strcmp(transform, "LOGISTIC") == 0) {
        return link_sigmoid(running);
    }
    sums->link = PS_LINK_SOFTMAX;
    return strcmp(transform, "SOFTMAX") == 0 ? put_kind(running, TAIL) : refuse(running, transform);
}

/* --- the graph -------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    penstock_code (*run)(struct running *running);
} operators[] = {
    {"Identity", run_pass},
    {"Reshape", run_pass},
    {"Flatten", run_pass},
    {"Cast", run_cast},
    {"Add", run_arithmetic},
    {"Sub", run_arithmetic},
    {"Mul", run_arithmetic},
    {"Div", run_arithmetic},
    {"Concat", run_concat},
    {"FeatureVectorizer", run_concat},
    {"Gather", run_select},
    {"ArrayFeatureExtractor", run_select},
    {"MatMul", run_matmul},
    {"Sigmoid", run_link},
    {"Softmax", run_link},
    {"Exp", run_link},
    {"ArgMax", run_tail},
    {"Abs", run_tail},
    {"ReduceSum", run_tail},
    {"ZipMap", run_tail},
    {"Normalizer", run_tail},
    {"Scaler", run_scaler},
    {"Imputer", run_imputer},
    {"OneHotEncoder", run_encoder},
    {"LinearRegressor", run_linear},
    {"LinearClassifier", run_linear},
};

static penstock_code run_node(struct running *running, const struct ps_onnx_reading *node) {
    running->node = node;
    (void)snprintf(running->place, sizeof running->place, "%.60s (node %.60s)", node->operator_name,
                   node->name[0] != '\0'    ? node->name
                   : node->output_count > 0 ? node->outputs[0]
                                            : "without a name");
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        if (strcmp(operators[i].name, node->operator_name) == 0) {
            return operators[i].run(running);
        }
    }
    return refuse(running, NULL);
}

static bool is_constant(const struct ps_onnx_file *file, const char *name) {
    for (size_t i = 0; i < file->constant_count; i++) {
        if (strcmp(file->constants[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static penstock_code add_inputs(struct running *running) {
    for (size_t i = 0; i < running->file.constant_count; i++) {
        running->values[running->value_count++] = (struct value){
            .name = running->file.constants[i].name, .kind = CONSTANT, .tensor = &running->file.constants[i]};
    }
    for (size_t i = 0; i < running->file.input_count; i++) {
        const struct ps_onnx_value *input = &running->file.inputs[i];
        struct value value = {.name = input->name, .kind = VECTOR};
        if (is_constant(&running->file, input->name)) {
            continue;
        }
        if (input->type == 0 || input->width < 0 || input->width > PS_LIMIT_COLUMN_COUNT) {
            return ps_import_damaged(running->importing, "input %s has no columns", input->name);
        }
        running->importing->report->is_single =
            running->importing->report->is_single || input->type == PS_ONNX_FLOAT;
        PS_TRY(ps_import_input(running->importing, input->name, input->width == 0 ? 1 : (size_t)input->width,
                               input->type == PS_ONNX_STRING, &value.vector));
        running->values[running->value_count++] = value;
    }
    return PENSTOCK_OK;
}

static penstock_code check_outputs(struct running *running) {
    struct ps_import_sums *sums = running->importing->sums;
    bool is_there = false;
    for (size_t i = 0; i < running->file.output_count; i++) {
        const struct value *value = find(running, running->file.outputs[i].name);
        is_there = is_there || (value != NULL && (value->kind == SUMS || value->kind == TAIL));
    }
    if (sums == NULL || running->importing->problem_count > 0) {
        return PENSTOCK_OK;
    }
    if (!is_there) {
        return ps_import_damaged(running->importing, "none of its outputs comes from its sums");
    }
    const bool has_link = sums->link == PS_LINK_LOGIT || sums->link == PS_LINK_SOFTMAX;
    if (sums->class_count == 0 ? sums->sum_count != 1 || sums->link == PS_LINK_SOFTMAX
                               : !has_link || sums->class_count < 2 ||
                                     (sums->sum_count != sums->class_count &&
                                      !(sums->class_count == 2 && sums->sum_count == 1))) {
        ps_import_problem(running->importing, "%zu sums for %zu classes", sums->sum_count, sums->class_count);
    }
    return PENSTOCK_OK;
}

penstock_code ps_import_onnx(struct ps_importing *importing, const char *data, size_t size) {
    struct running running = {.importing = importing};
    const penstock_code code = ps_onnx_read(data, size, importing->arena, &running.file, importing->error);
    if (code != PENSTOCK_OK) {
        (void)ps_error_context(importing->error, "%s", importing->options->path);
        return code;
    }
    size_t count = running.file.constant_count + running.file.input_count;
    for (size_t i = 0; i < running.file.node_count; i++) {
        count += running.file.nodes[i].output_count;
    }
    running.value_capacity = count;
    running.values = ps_arena_allocate(importing->arena, count + 1, sizeof *running.values);
    if (running.values == NULL) {
        return ps_error_memory(importing->error, "an import");
    }
    if (running.file.producer != NULL) {
        importing->report->producer =
            ps_arena_printf(importing->arena, "%s %s", running.file.producer,
                            running.file.producer_version == NULL ? "" : running.file.producer_version);
    }
    PS_TRY(add_inputs(&running));
    for (size_t i = 0; i < running.file.node_count; i++) {
        PS_TRY(run_node(&running, &running.file.nodes[i]));
    }
    return check_outputs(&running);
}
