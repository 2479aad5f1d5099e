/* SPDX-License-Identifier: Apache-2.0
 *
 * onnx_read.c - onnx.proto, read with nothing believed.
 *
 * A message's fields are counted first and then read, so that every list has the size that it needs; what a count
 * says is never more than the bytes there are.
 */
#include "model/onnx_read.h"

#include <stdio.h>

#include "base/proto.h"
#include "model/onnx_graph.h"

/* Elements of one constant at most: the coefficients of a model with the most features and many classes. */
#define TENSOR_ELEMENTS_MAX ((size_t)16 << 20)

struct reader {
    struct ps_arena *arena;
    struct penstock_error *error;
};

static penstock_code damaged(struct reader *reader, const char *what) {
    return ps_error_set(reader->error, PENSTOCK_INVALID_DATA, "it is no ONNX file, or cut or changed: %s",
                        what);
}

static penstock_code no_memory(struct reader *reader) {
    return ps_error_memory(reader->error, "an ONNX file");
}

static penstock_code copy_text(struct reader *reader, struct ps_bytes bytes, const char **text_out) {
    size_t bad = 0;
    if (bytes.size > 0 && (memchr(bytes.data, 0, bytes.size) != NULL || !ps_bytes_is_utf8(bytes, &bad))) {
        return damaged(reader, "a text is not UTF-8");
    }
    char *text = ps_arena_allocate(reader->arena, bytes.size + 1, 1);
    if (text == NULL) {
        return no_memory(reader);
    }
    if (bytes.size > 0) {
        memcpy(text, bytes.data, bytes.size);
    }
    *text_out = text;
    return PENSTOCK_OK;
}

/* How often a field is there; packed or not. */
static size_t count_field(struct ps_bytes message, uint32_t number) {
    struct ps_proto_reader reader = ps_proto_begin(message);
    struct ps_proto_field field;
    size_t count = 0;
    while (ps_proto_next(&reader, &field)) {
        count += field.number == number ? 1 : 0;
    }
    return count;
}

/* --- lists of numbers ------------------------------------------------------------------------------------- */

struct numbers {
    double *values;
    size_t count, capacity;
};

static penstock_code push(struct reader *reader, struct numbers *numbers, double value) {
    if (numbers->count == numbers->capacity) {
        const size_t larger = numbers->capacity == 0 ? 16 : numbers->capacity * 2;
        if (larger > TENSOR_ELEMENTS_MAX) {
            return ps_error_set(reader->error, PENSTOCK_UNSUPPORTED, "a list of more than %zu numbers",
                                TENSOR_ELEMENTS_MAX);
        }
        double *values = ps_arena_allocate(reader->arena, larger, sizeof *values);
        if (values == NULL) {
            return no_memory(reader);
        }
        if (numbers->count > 0) {
            memcpy(values, numbers->values, numbers->count * sizeof *values);
        }
        numbers->values = values;
        numbers->capacity = larger;
    }
    numbers->values[numbers->count++] = value;
    return PENSTOCK_OK;
}

/* A repeated field of floats (wire 32BIT), doubles (64BIT) or integers (VARINT), one or packed. */
static penstock_code push_field(struct reader *reader, const struct ps_proto_field *field,
                                enum ps_proto_wire element, struct numbers *numbers) {
    const size_t size = element == PS_PROTO_32BIT ? 4 : 8;
    if (field->wire == element && element == PS_PROTO_VARINT) {
        return push(reader, numbers, (double)(int64_t)field->value);
    }
    if (field->wire == element) {
        char bytes[8];
        for (size_t i = 0; i < 8; i++) {
            bytes[i] = (char)(unsigned char)(field->value >> (8 * i));
        }
        return push(reader, numbers, size == 4 ? (double)ps_proto_float(bytes) : ps_proto_double(bytes));
    }
    if (field->wire != PS_PROTO_BYTES) {
        return damaged(reader, "a list of numbers is none");
    }
    if (element == PS_PROTO_VARINT) {
        struct ps_proto_reader packed = ps_proto_begin(field->bytes);
        uint64_t value = 0;
        while (ps_proto_next_packed(&packed, &value)) {
            PS_TRY(push(reader, numbers, (double)(int64_t)value));
        }
        return packed.is_damaged ? damaged(reader, "a list of numbers ends too early") : PENSTOCK_OK;
    }
    if (field->bytes.size % size != 0) {
        return damaged(reader, "a list of numbers ends too early");
    }
    for (size_t i = 0; i < field->bytes.size; i += size) {
        PS_TRY(push(reader, numbers,
                    size == 4 ? (double)ps_proto_float(field->bytes.data + i)
                              : ps_proto_double(field->bytes.data + i)));
    }
    return PENSTOCK_OK;
}

/* --- tensors ---------------------------------------------------------------------------------------------- */

static penstock_code read_raw(struct reader *reader, const struct ps_onnx_tensor *tensor, struct ps_bytes raw,
                              struct numbers *numbers) {
    const bool is_small = tensor->type == PS_ONNX_FLOAT || tensor->type == 6;
    const size_t size = tensor->type == PS_ONNX_BOOL ? 1 : is_small ? 4 : 8;
    if (tensor->type != PS_ONNX_FLOAT && tensor->type != 6 && tensor->type != PS_ONNX_INT64 &&
        tensor->type != PS_ONNX_DOUBLE && tensor->type != PS_ONNX_BOOL) {
        return ps_error_set(reader->error, PENSTOCK_UNSUPPORTED, "constant %s has element type %lld",
                            tensor->name, (long long)tensor->type);
    }
    if (raw.size % size != 0) {
        return damaged(reader, "a constant ends too early");
    }
    for (size_t i = 0; i < raw.size; i += size) {
        const char *at = raw.data + i;
        const double value = tensor->type == PS_ONNX_FLOAT    ? (double)ps_proto_float(at)
                             : tensor->type == PS_ONNX_DOUBLE ? ps_proto_double(at)
                             : tensor->type == PS_ONNX_INT64  ? (double)ps_proto_int64(at)
                             : tensor->type == 6              ? (double)ps_proto_int32(at)
                                                              : (double)(*at != 0);
        PS_TRY(push(reader, numbers, value));
    }
    return PENSTOCK_OK;
}

static penstock_code check_tensor(struct reader *reader, struct ps_onnx_tensor *tensor, size_t text_count,
                                  const struct numbers *numbers) {
    uint64_t expected = 1;
    for (size_t i = 0; i < tensor->dimension_count; i++) {
        if (tensor->dimensions[i] < 0 || (uint64_t)tensor->dimensions[i] > TENSOR_ELEMENTS_MAX) {
            return damaged(reader, "a constant has an impossible size");
        }
        expected *= (uint64_t)tensor->dimensions[i];
        if (expected > TENSOR_ELEMENTS_MAX) {
            return damaged(reader, "a constant has an impossible size");
        }
    }
    tensor->count = tensor->type == PS_ONNX_STRING ? text_count : numbers->count;
    tensor->numbers = tensor->type == PS_ONNX_STRING ? NULL : numbers->values;
    return tensor->count == expected ? PENSTOCK_OK
                                     : damaged(reader, "a constant has not as many elements as it says");
}

static penstock_code read_tensor_field(struct reader *reader, const struct ps_proto_field *field,
                                       struct ps_onnx_tensor *tensor, struct numbers *dimensions,
                                       struct numbers *numbers, size_t *text_count) {
    switch (field->number) {
    case 1: return push_field(reader, field, PS_PROTO_VARINT, dimensions);
    case 2: tensor->type = (int64_t)field->value; return PENSTOCK_OK;
    case 4: return push_field(reader, field, PS_PROTO_32BIT, numbers);
    case 5:
    case 7: return push_field(reader, field, PS_PROTO_VARINT, numbers);
    case 6: return copy_text(reader, field->bytes, &tensor->texts[(*text_count)++]);
    case 8: return copy_text(reader, field->bytes, &tensor->name);
    case 10: return push_field(reader, field, PS_PROTO_64BIT, numbers);
    default: return PENSTOCK_OK;
    }
}

static penstock_code read_tensor(struct reader *reader, struct ps_bytes message,
                                 struct ps_onnx_tensor *tensor) {
    struct numbers dimensions = {0}, numbers = {0};
    struct ps_bytes raw = {NULL, 0};
    size_t text_count = 0;
    *tensor = (struct ps_onnx_tensor){.name = ""};
    tensor->texts = ps_arena_allocate(reader->arena, count_field(message, 6) + 1, sizeof *tensor->texts);
    if (tensor->texts == NULL) {
        return no_memory(reader);
    }
    struct ps_proto_reader proto = ps_proto_begin(message);
    struct ps_proto_field field;
    while (ps_proto_next(&proto, &field)) {
        if (field.number == 9) {
            raw = field.bytes;
            continue;
        }
        PS_TRY(read_tensor_field(reader, &field, tensor, &dimensions, &numbers, &text_count));
    }
    if (proto.is_damaged || dimensions.count > PS_ONNX_DIMENSIONS_MAX) {
        return damaged(reader, "a constant");
    }
    for (size_t i = 0; i < dimensions.count; i++) {
        const double size = dimensions.values[i];
        tensor->dimensions[i] = size >= 0 && size <= (double)TENSOR_ELEMENTS_MAX ? (int64_t)size : -1;
    }
    tensor->dimension_count = dimensions.count;
    if (raw.size > 0) {
        PS_TRY(read_raw(reader, tensor, raw, &numbers));
    }
    return check_tensor(reader, tensor, text_count, &numbers);
}

/* --- nodes ------------------------------------------------------------------------------------------------ */

static penstock_code read_attribute(struct reader *reader, struct ps_bytes message,
                                    struct ps_onnx_attribute *attribute) {
    struct numbers numbers = {0};
    *attribute = (struct ps_onnx_attribute){.name = ""};
    attribute->texts =
        ps_arena_allocate(reader->arena, count_field(message, 9) + 1, sizeof *attribute->texts);
    if (attribute->texts == NULL) {
        return no_memory(reader);
    }
    struct ps_proto_reader proto = ps_proto_begin(message);
    struct ps_proto_field field;
    while (ps_proto_next(&proto, &field)) {
        switch (field.number) {
        case 1: PS_TRY(copy_text(reader, field.bytes, &attribute->name)); break;
        case 2: {
            struct numbers one = {0};
            PS_TRY(push_field(reader, &field, PS_PROTO_32BIT, &one));
            attribute->number = one.count > 0 ? one.values[0] : 0;
            break;
        }
        case 3: attribute->integer = (int64_t)field.value; break;
        case 4: PS_TRY(copy_text(reader, field.bytes, &attribute->text)); break;
        case 7: PS_TRY(push_field(reader, &field, PS_PROTO_32BIT, &numbers)); break;
        case 8: PS_TRY(push_field(reader, &field, PS_PROTO_VARINT, &numbers)); break;
        case 9: PS_TRY(copy_text(reader, field.bytes, &attribute->texts[attribute->text_count++])); break;
        default: break;
        }
    }
    attribute->numbers = numbers.values;
    attribute->number_count = numbers.count;
    return proto.is_damaged ? damaged(reader, "an attribute") : PENSTOCK_OK;
}

static penstock_code read_node(struct reader *reader, struct ps_bytes message, struct ps_onnx_reading *node) {
    *node = (struct ps_onnx_reading){.operator_name = "", .domain = "", .name = ""};
    node->inputs = ps_arena_allocate(reader->arena, count_field(message, 1) + 1, sizeof *node->inputs);
    node->outputs = ps_arena_allocate(reader->arena, count_field(message, 2) + 1, sizeof *node->outputs);
    node->attributes =
        ps_arena_allocate(reader->arena, count_field(message, 5) + 1, sizeof *node->attributes);
    if (node->inputs == NULL || node->outputs == NULL || node->attributes == NULL) {
        return no_memory(reader);
    }
    struct ps_proto_reader proto = ps_proto_begin(message);
    struct ps_proto_field field;
    while (ps_proto_next(&proto, &field)) {
        switch (field.number) {
        case 1: PS_TRY(copy_text(reader, field.bytes, &node->inputs[node->input_count++])); break;
        case 2: PS_TRY(copy_text(reader, field.bytes, &node->outputs[node->output_count++])); break;
        case 3: PS_TRY(copy_text(reader, field.bytes, &node->name)); break;
        case 4: PS_TRY(copy_text(reader, field.bytes, &node->operator_name)); break;
        case 5:
            PS_TRY(read_attribute(reader, field.bytes, &node->attributes[node->attribute_count++]));
            break;
        case 7: PS_TRY(copy_text(reader, field.bytes, &node->domain)); break;
        default: break;
        }
    }
    return proto.is_damaged ? damaged(reader, "a node") : PENSTOCK_OK;
}

/* The first field `number` of a message; empty when it is not there. */
static struct ps_bytes inner(struct ps_bytes message, uint32_t number) {
    struct ps_proto_reader proto = ps_proto_begin(message);
    struct ps_proto_field field;
    while (ps_proto_next(&proto, &field)) {
        if (field.number == number && field.wire == PS_PROTO_BYTES) {
            return field.bytes;
        }
    }
    return (struct ps_bytes){NULL, 0};
}

static int64_t inner_integer(struct ps_bytes message, uint32_t number) {
    struct ps_proto_reader proto = ps_proto_begin(message);
    struct ps_proto_field field;
    int64_t value = 0;
    while (ps_proto_next(&proto, &field)) {
        if (field.number == number && field.wire == PS_PROTO_VARINT) {
            value = (int64_t)field.value;
        }
    }
    return value;
}

static penstock_code read_value(struct reader *reader, struct ps_bytes message, struct ps_onnx_value *value) {
    *value = (struct ps_onnx_value){.name = ""};
    PS_TRY(copy_text(reader, inner(message, 1), &value->name));
    const struct ps_bytes tensor = inner(inner(message, 2), 1);
    const struct ps_bytes shape = inner(tensor, 2);
    value->type = inner_integer(tensor, 1);
    struct ps_proto_reader proto = ps_proto_begin(shape);
    struct ps_proto_field field;
    size_t count = 0;
    while (ps_proto_next(&proto, &field)) {
        if (field.number == 1) {
            value->width = inner_integer(field.bytes, 1);
            count++;
        }
    }
    value->width = count == 1 ? 1 : value->width;
    return proto.is_damaged ? damaged(reader, "an input") : PENSTOCK_OK;
}

static penstock_code read_graph(struct reader *reader, struct ps_bytes graph, struct ps_onnx_file *file) {
    const size_t counts[] = {count_field(graph, 1), count_field(graph, 5), count_field(graph, 11),
                             count_field(graph, 12)};
    for (size_t i = 0; i < 4; i++) {
        if (counts[i] > PS_ONNX_NODES_MAX) {
            return ps_error_set(reader->error, PENSTOCK_UNSUPPORTED, "a graph of %zu parts; the limit is %d",
                                counts[i], PS_ONNX_NODES_MAX);
        }
    }
    file->nodes = ps_arena_allocate(reader->arena, counts[0] + 1, sizeof *file->nodes);
    file->constants = ps_arena_allocate(reader->arena, counts[1] + 1, sizeof *file->constants);
    file->inputs = ps_arena_allocate(reader->arena, counts[2] + 1, sizeof *file->inputs);
    file->outputs = ps_arena_allocate(reader->arena, counts[3] + 1, sizeof *file->outputs);
    if (file->nodes == NULL || file->constants == NULL || file->inputs == NULL || file->outputs == NULL) {
        return no_memory(reader);
    }
    struct ps_proto_reader proto = ps_proto_begin(graph);
    struct ps_proto_field field;
    while (ps_proto_next(&proto, &field)) {
        switch (field.number) {
        case 1: PS_TRY(read_node(reader, field.bytes, &file->nodes[file->node_count++])); break;
        case 5: PS_TRY(read_tensor(reader, field.bytes, &file->constants[file->constant_count++])); break;
        case 11: PS_TRY(read_value(reader, field.bytes, &file->inputs[file->input_count++])); break;
        case 12: PS_TRY(read_value(reader, field.bytes, &file->outputs[file->output_count++])); break;
        default: break;
        }
    }
    return proto.is_damaged ? damaged(reader, "its graph") : PENSTOCK_OK;
}

penstock_code ps_onnx_read(const char *data, size_t size, struct ps_arena *arena,
                           struct ps_onnx_file *file_out, struct penstock_error *error) {
    struct reader reader = {.arena = arena, .error = error};
    struct ps_onnx_file file = {0};
    struct ps_bytes graph = {NULL, 0};
    bool has_opset = false;
    struct ps_proto_reader proto = ps_proto_begin((struct ps_bytes){data, size});
    struct ps_proto_field field;
    while (ps_proto_next(&proto, &field)) {
        if (field.number == 2) {
            PS_TRY(copy_text(&reader, field.bytes, &file.producer));
        } else if (field.number == 3) {
            PS_TRY(copy_text(&reader, field.bytes, &file.producer_version));
        } else if (field.number == 7) {
            graph = field.bytes;
        }
        has_opset = has_opset || field.number == 8;
    }
    if (proto.is_damaged || graph.size == 0 || !has_opset) { /* the opset stands behind the graph */
        return damaged(&reader, graph.size == 0 ? "there is no graph in it" : "it ends too early");
    }
    PS_TRY(read_graph(&reader, graph, &file));
    *file_out = file;
    return PENSTOCK_OK;
}

const struct ps_onnx_attribute *ps_onnx_attribute_find(const struct ps_onnx_reading *node, const char *name) {
    for (size_t i = 0; i < node->attribute_count; i++) {
        if (strcmp(node->attributes[i].name, name) == 0) {
            return &node->attributes[i];
        }
    }
    return NULL;
}
