/* SPDX-License-Identifier: Apache-2.0
 *
 * onnx_graph.c - the messages of onnx.proto, as far as a graph of doubles needs them.
 */
#include "model/onnx_graph.h"

#include "base/proto.h"

#define GRAPH_SIZE_MAX ((size_t)256 << 20)

/* Field numbers. */
enum {
    MODEL_IR_VERSION = 1,
    MODEL_PRODUCER = 2,
    MODEL_PRODUCER_VERSION = 3,
    MODEL_DESCRIPTION = 6,
    MODEL_GRAPH = 7,
    MODEL_OPSET = 8,
    MODEL_PROPERTIES = 14,
    OPSET_DOMAIN = 1,
    OPSET_VERSION = 2,
    PROPERTY_KEY = 1,
    PROPERTY_VALUE = 2,
    GRAPH_NODE = 1,
    GRAPH_NAME = 2,
    GRAPH_INITIALIZER = 5,
    GRAPH_INPUT = 11,
    GRAPH_OUTPUT = 12,
    NODE_INPUT = 1,
    NODE_OUTPUT = 2,
    NODE_NAME = 3,
    NODE_OPERATOR = 4,
    NODE_ATTRIBUTE = 5,
    NODE_DOMAIN = 7,
    ATTRIBUTE_NAME = 1,
    ATTRIBUTE_INTEGER = 3,
    ATTRIBUTE_FLOATS = 7,
    ATTRIBUTE_INTEGERS = 8,
    ATTRIBUTE_TEXTS = 9,
    ATTRIBUTE_TYPE = 20,
    TENSOR_DIMENSION = 1,
    TENSOR_TYPE = 2,
    TENSOR_STRING = 6,
    TENSOR_NAME = 8,
    TENSOR_RAW = 9,
    VALUE_NAME = 1,
    VALUE_TYPE = 2,
    TYPE_TENSOR = 1,
    TENSOR_TYPE_ELEMENT = 1,
    TENSOR_TYPE_SHAPE = 2,
    SHAPE_DIMENSION = 1,
    DIMENSION_VALUE = 1,
    DIMENSION_NAME = 2,
};
/* onnx.AttributeProto.INT, FLOATS, INTS, STRINGS */
static const int64_t attribute_is_integer = 2, attribute_is_floats = 6, attribute_is_integers = 7,
                     attribute_is_texts = 8;
static const char trees_domain[] = "ai.onnx.ml";
static const int64_t trees_version = 3;
/* The first opset whose Equal compares strings, and the version of the file format that goes with it. */
static const int64_t opset_version = 19, ir_version = 9;

void ps_onnx_init(struct ps_onnx *onnx, struct ps_arena *arena) {
    *onnx = (struct ps_onnx){.arena = arena};
    ps_buffer_init(&onnx->nodes, GRAPH_SIZE_MAX);
    ps_buffer_init(&onnx->constants, GRAPH_SIZE_MAX);
    ps_buffer_init(&onnx->inputs, GRAPH_SIZE_MAX);
    ps_buffer_init(&onnx->outputs, GRAPH_SIZE_MAX);
}

void ps_onnx_done(struct ps_onnx *onnx) {
    ps_buffer_done(&onnx->nodes);
    ps_buffer_done(&onnx->constants);
    ps_buffer_done(&onnx->inputs);
    ps_buffer_done(&onnx->outputs);
}

static const char *new_name(struct ps_onnx *onnx, const char *kind) {
    const char *name = ps_arena_printf(onnx->arena, "%s_%zu", kind, onnx->value_count++);
    onnx->failed = onnx->failed || name == NULL;
    return name;
}

static void begin_tensor(struct ps_buffer *tensor, enum ps_onnx_type type, size_t rows, size_t columns) {
    ps_buffer_init(tensor, GRAPH_SIZE_MAX);
    if (rows > 0) {
        ps_proto_add_integer(tensor, TENSOR_DIMENSION, (int64_t)rows);
    }
    ps_proto_add_integer(tensor, TENSOR_DIMENSION, (int64_t)columns);
    ps_proto_add_integer(tensor, TENSOR_TYPE, (int64_t)type);
}

static const char *end_tensor(struct ps_onnx *onnx, struct ps_buffer *tensor) {
    const char *name = new_name(onnx, "constant");
    if (name != NULL) {
        ps_proto_add_text(tensor, TENSOR_NAME, name);
        ps_proto_add_message(&onnx->constants, GRAPH_INITIALIZER, tensor);
    }
    ps_buffer_done(tensor);
    return name;
}

/* Eight bytes each, least significant first, whatever this machine does. */
static void add_raw(struct ps_onnx *onnx, struct ps_buffer *tensor, const void *values, size_t count) {
    unsigned char *raw = ps_allocate(count + 1, 8);
    onnx->failed = onnx->failed || raw == NULL;
    for (size_t i = 0; raw != NULL && i < count; i++) {
        uint64_t bits;
        memcpy(&bits, (const char *)values + 8 * i, 8);
        for (size_t byte = 0; byte < 8; byte++) {
            raw[8 * i + byte] = (unsigned char)(bits >> (8 * byte));
        }
    }
    if (raw != NULL) {
        ps_proto_add_bytes(tensor, TENSOR_RAW, (const char *)raw, count * 8);
    }
    ps_release(raw);
}

const char *ps_onnx_doubles(struct ps_onnx *onnx, const double *values, size_t rows, size_t columns) {
    struct ps_buffer tensor;
    begin_tensor(&tensor, PS_ONNX_DOUBLE, rows, columns);
    add_raw(onnx, &tensor, values, (rows == 0 ? 1 : rows) * columns);
    return end_tensor(onnx, &tensor);
}

const char *ps_onnx_double(struct ps_onnx *onnx, double value) {
    return ps_onnx_doubles(onnx, &value, 0, 1);
}

const char *ps_onnx_integers(struct ps_onnx *onnx, const int64_t *values, size_t count) {
    struct ps_buffer tensor;
    begin_tensor(&tensor, PS_ONNX_INT64, 0, count);
    add_raw(onnx, &tensor, values, count);
    return end_tensor(onnx, &tensor);
}

const char *ps_onnx_strings(struct ps_onnx *onnx, const char *const *values, size_t count, bool is_row) {
    struct ps_buffer tensor;
    begin_tensor(&tensor, PS_ONNX_STRING, is_row ? 1 : 0, count);
    for (size_t i = 0; i < count; i++) {
        ps_proto_add_text(&tensor, TENSOR_STRING, values[i]);
    }
    return end_tensor(onnx, &tensor);
}

/* Everything of a node but its inputs and attribute. */
static const char *end_node(struct ps_onnx *onnx, struct ps_buffer *node, const char *operator_name) {
    const char *name = new_name(onnx, "value");
    if (name != NULL) {
        ps_proto_add_text(node, NODE_OUTPUT, name);
        ps_proto_add_text(node, NODE_NAME, name);
        ps_proto_add_text(node, NODE_OPERATOR, operator_name);
        ps_proto_add_message(&onnx->nodes, GRAPH_NODE, node);
    }
    ps_buffer_done(node);
    return name;
}

static void add_attribute(struct ps_buffer *node, const char *name, int64_t value) {
    struct ps_buffer attribute;
    ps_buffer_init(&attribute, GRAPH_SIZE_MAX);
    ps_proto_add_text(&attribute, ATTRIBUTE_NAME, name);
    ps_proto_add_integer(&attribute, ATTRIBUTE_INTEGER, value);
    ps_proto_add_integer(&attribute, ATTRIBUTE_TYPE, attribute_is_integer);
    ps_proto_add_message(node, NODE_ATTRIBUTE, &attribute);
    ps_buffer_done(&attribute);
}

const char *ps_onnx_node_with(struct ps_onnx *onnx, const char *operator_name, const char *a, const char *b,
                              const char *attribute, int64_t value) {
    if (a == NULL) {
        onnx->failed = true;
        return NULL;
    }
    struct ps_buffer node;
    ps_buffer_init(&node, GRAPH_SIZE_MAX);
    ps_proto_add_text(&node, NODE_INPUT, a);
    if (b != NULL) {
        ps_proto_add_text(&node, NODE_INPUT, b);
    }
    add_attribute(&node, attribute, value);
    return end_node(onnx, &node, operator_name);
}

const char *ps_onnx_node(struct ps_onnx *onnx, const char *operator_name, const char *a, const char *b,
                         const char *c) {
    if (a == NULL) {
        onnx->failed = true;
        return NULL;
    }
    struct ps_buffer node;
    ps_buffer_init(&node, GRAPH_SIZE_MAX);
    const char *const inputs[] = {a, b, c};
    for (size_t i = 0; i < 3 && inputs[i] != NULL; i++) {
        ps_proto_add_text(&node, NODE_INPUT, inputs[i]);
    }
    return end_node(onnx, &node, operator_name);
}

/* Floats as four bytes each, least significant first. */
static void add_floats(struct ps_buffer *attribute, const float *values, size_t count) {
    struct ps_buffer packed;
    ps_buffer_init(&packed, GRAPH_SIZE_MAX);
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        const char raw[] = {(char)(bits & 255), (char)(bits >> 8 & 255), (char)(bits >> 16 & 255),
                            (char)(bits >> 24 & 255)};
        ps_buffer_add(&packed, raw, sizeof raw);
    }
    ps_proto_add_message(attribute, ATTRIBUTE_FLOATS, &packed);
    ps_buffer_done(&packed);
}

static void add_list(struct ps_buffer *node, const struct ps_onnx_list *list) {
    struct ps_buffer attribute;
    ps_buffer_init(&attribute, GRAPH_SIZE_MAX);
    ps_proto_add_text(&attribute, ATTRIBUTE_NAME, list->name);
    if (list->floats != NULL) {
        add_floats(&attribute, list->floats, list->count);
    }
    for (size_t i = 0; list->integers != NULL && i < list->count; i++) {
        ps_proto_add_integer(&attribute, ATTRIBUTE_INTEGERS, list->integers[i]);
    }
    for (size_t i = 0; list->texts != NULL && i < list->count; i++) {
        ps_proto_add_text(&attribute, ATTRIBUTE_TEXTS, list->texts[i]);
    }
    ps_proto_add_integer(&attribute, ATTRIBUTE_TYPE,
                         list->floats != NULL     ? attribute_is_floats
                         : list->integers != NULL ? attribute_is_integers
                                                  : attribute_is_texts);
    ps_proto_add_message(node, NODE_ATTRIBUTE, &attribute);
    ps_buffer_done(&attribute);
}

const char *ps_onnx_trees(struct ps_onnx *onnx, const char *input, size_t target_count,
                          const struct ps_onnx_list *lists, size_t list_count) {
    if (input == NULL) {
        onnx->failed = true;
        return NULL;
    }
    struct ps_buffer node;
    ps_buffer_init(&node, GRAPH_SIZE_MAX);
    ps_proto_add_text(&node, NODE_INPUT, input);
    add_attribute(&node, "n_targets", (int64_t)target_count);
    for (size_t i = 0; i < list_count; i++) {
        add_list(&node, &lists[i]);
    }
    ps_proto_add_text(&node, NODE_DOMAIN, trees_domain);
    onnx->has_trees = true;
    return end_node(onnx, &node, "TreeEnsembleRegressor");
}

const char *ps_onnx_concat(struct ps_onnx *onnx, const char *const *values, size_t count) {
    struct ps_buffer node;
    ps_buffer_init(&node, GRAPH_SIZE_MAX);
    for (size_t i = 0; i < count; i++) {
        onnx->failed = onnx->failed || values[i] == NULL;
        ps_proto_add_text(&node, NODE_INPUT, values[i] == NULL ? "" : values[i]);
    }
    add_attribute(&node, "axis", 1);
    return end_node(onnx, &node, "Concat");
}

/* rank 0: any shape; 1: rows; 2: rows x columns */
static void add_value(struct ps_buffer *graph, uint32_t field, const char *name, enum ps_onnx_type type,
                      size_t rank, size_t columns) {
    struct ps_buffer dimension, shape, tensor, kind, value;
    ps_buffer_init(&dimension, GRAPH_SIZE_MAX);
    ps_buffer_init(&shape, GRAPH_SIZE_MAX);
    ps_buffer_init(&tensor, GRAPH_SIZE_MAX);
    ps_buffer_init(&kind, GRAPH_SIZE_MAX);
    ps_buffer_init(&value, GRAPH_SIZE_MAX);
    ps_proto_add_text(&dimension, DIMENSION_NAME, "rows");
    ps_proto_add_message(&shape, SHAPE_DIMENSION, &dimension);
    if (rank > 1) {
        ps_buffer_clear(&dimension);
        ps_proto_add_integer(&dimension, DIMENSION_VALUE, (int64_t)columns);
        ps_proto_add_message(&shape, SHAPE_DIMENSION, &dimension);
    }
    ps_proto_add_integer(&tensor, TENSOR_TYPE_ELEMENT, (int64_t)type);
    if (rank > 0) {
        ps_proto_add_message(&tensor, TENSOR_TYPE_SHAPE, &shape);
    }
    ps_proto_add_message(&kind, TYPE_TENSOR, &tensor);
    ps_proto_add_text(&value, VALUE_NAME, name);
    ps_proto_add_message(&value, VALUE_TYPE, &kind);
    ps_proto_add_message(graph, field, &value);
    ps_buffer_done(&dimension);
    ps_buffer_done(&shape);
    ps_buffer_done(&tensor);
    ps_buffer_done(&kind);
    ps_buffer_done(&value);
}

const char *ps_onnx_input(struct ps_onnx *onnx, const char *name, enum ps_onnx_type type) {
    static const int64_t shape[] = {-1, 1};
    add_value(&onnx->inputs, GRAPH_INPUT, name, type, 0, 0);
    return ps_onnx_node(onnx, "Reshape", name, ps_onnx_integers(onnx, shape, 2), NULL);
}

void ps_onnx_output(struct ps_onnx *onnx, const char *value, const char *name, enum ps_onnx_type type,
                    size_t columns) {
    if (value == NULL) {
        onnx->failed = true;
        return;
    }
    struct ps_buffer node;
    ps_buffer_init(&node, GRAPH_SIZE_MAX);
    ps_proto_add_text(&node, NODE_INPUT, value);
    ps_proto_add_text(&node, NODE_OUTPUT, name);
    ps_proto_add_text(&node, NODE_NAME, name);
    ps_proto_add_text(&node, NODE_OPERATOR, "Identity");
    ps_proto_add_message(&onnx->nodes, GRAPH_NODE, &node);
    ps_buffer_done(&node);
    add_value(&onnx->outputs, GRAPH_OUTPUT, name, type, columns > 0 ? 2 : 1, columns);
}

static void add_properties(struct ps_buffer *out, const struct ps_onnx_properties *properties) {
    for (size_t i = 0; i < properties->count; i++) {
        struct ps_buffer pair;
        if (properties->values[i] == NULL) {
            continue;
        }
        ps_buffer_init(&pair, GRAPH_SIZE_MAX);
        ps_proto_add_text(&pair, PROPERTY_KEY, properties->keys[i]);
        ps_proto_add_text(&pair, PROPERTY_VALUE, properties->values[i]);
        ps_proto_add_message(out, MODEL_PROPERTIES, &pair);
        ps_buffer_done(&pair);
    }
}

penstock_code ps_onnx_finish(struct ps_onnx *onnx, const struct ps_onnx_properties *properties,
                             struct ps_buffer *out, struct penstock_error *error) {
    struct ps_buffer graph PS_SCOPED(ps_buffer_done);
    struct ps_buffer opset PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&graph, GRAPH_SIZE_MAX);
    ps_buffer_init(&opset, GRAPH_SIZE_MAX);
    const struct ps_buffer *const parts[] = {&onnx->nodes, &onnx->constants, &onnx->inputs, &onnx->outputs};
    for (size_t i = 0; i < 4; i++) {
        if (parts[i]->failed || onnx->failed) {
            return ps_error_memory(error, "an ONNX file");
        }
        ps_buffer_add(&graph, parts[i]->data, parts[i]->size);
        if (i == 0) {
            ps_proto_add_text(&graph, GRAPH_NAME, properties->graph_name);
        }
    }
    ps_proto_add_text(&opset, OPSET_DOMAIN, "");
    ps_proto_add_integer(&opset, OPSET_VERSION, opset_version);
    ps_proto_add_integer(out, MODEL_IR_VERSION, ir_version);
    ps_proto_add_text(out, MODEL_PRODUCER, "penstock");
    ps_proto_add_text(out, MODEL_PRODUCER_VERSION, properties->producer_version);
    ps_proto_add_text(out, MODEL_DESCRIPTION, properties->description);
    ps_proto_add_message(out, MODEL_GRAPH, &graph);
    ps_proto_add_message(out, MODEL_OPSET, &opset);
    if (onnx->has_trees) {
        ps_buffer_clear(&opset);
        ps_proto_add_text(&opset, OPSET_DOMAIN, trees_domain);
        ps_proto_add_integer(&opset, OPSET_VERSION, trees_version);
        ps_proto_add_message(out, MODEL_OPSET, &opset);
    }
    add_properties(out, properties);
    return ps_buffer_status(out, error);
}
