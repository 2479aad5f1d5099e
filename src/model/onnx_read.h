/* SPDX-License-Identifier: Apache-2.0
 *
 * onnx_read.h - an ONNX file as plain structs: nodes, constants, inputs, outputs.
 *
 * Only what a pipeline without loops has: a subgraph in an attribute is passed over (its node will not be known).
 * Constants are numbers as doubles, whatever they were, or texts. Everything is in the arena.
 */
#ifndef PS_MODEL_ONNX_READ_H
#define PS_MODEL_ONNX_READ_H

#include "base/bytes.h"

/* Of a file at most; a linear pipeline has some dozens. */
#define PS_ONNX_NODES_MAX 4096
#define PS_ONNX_DIMENSIONS_MAX 8

struct ps_onnx_tensor {
    const char *name;
    int64_t type; /* enum ps_onnx_type */
    int64_t dimensions[PS_ONNX_DIMENSIONS_MAX];
    size_t dimension_count, count; /* count: elements */
    double *numbers;               /* or */
    const char **texts;
};
struct ps_onnx_attribute {
    const char *name;
    double number; /* f */
    int64_t integer;
    const char *text;
    double *numbers; /* floats or ints */
    const char **texts;
    size_t number_count, text_count;
};
struct ps_onnx_reading {
    const char *operator_name, *domain, *name;
    const char **inputs, **outputs;
    size_t input_count, output_count;
    struct ps_onnx_attribute *attributes;
    size_t attribute_count;
};
struct ps_onnx_value {
    const char *name;
    int64_t type;
    int64_t width; /* the last dimension; 1 for one dimension; 0: not said */
};
struct ps_onnx_file {
    const char *producer, *producer_version;
    struct ps_onnx_reading *nodes;
    struct ps_onnx_tensor *constants;
    struct ps_onnx_value *inputs, *outputs;
    size_t node_count, constant_count, input_count, output_count;
};

/* Errors: INVALID_DATA (it is cut or no ONNX file), UNSUPPORTED (too large), OUT_OF_MEMORY. */
penstock_code ps_onnx_read(const char *data, size_t size, struct ps_arena *arena,
                           struct ps_onnx_file *file_out, struct penstock_error *error) PENSTOCK_MUST_USE;
const struct ps_onnx_attribute *ps_onnx_attribute_find(const struct ps_onnx_reading *node, const char *name);

#endif
