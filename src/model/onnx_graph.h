/* SPDX-License-Identifier: Apache-2.0
 *
 * onnx_graph.h - an ONNX graph that is being written: nodes, constants, inputs, outputs.
 *
 * Every function gives the name of a value, in the arena; NULL goes through all of them, so that the caller looks
 * once, at the end (ps_onnx_finish). Field numbers are those of onnx.proto; the operators are core ones of opset 19
 * that onnxruntime computes in double precision, and for trees one of ai.onnx.ml.
 */
#ifndef PS_MODEL_ONNX_GRAPH_H
#define PS_MODEL_ONNX_GRAPH_H

#include "base/bytes.h"

enum ps_onnx_type {
    PS_ONNX_FLOAT = 1,
    PS_ONNX_INT64 = 7,
    PS_ONNX_STRING = 8,
    PS_ONNX_BOOL = 9,
    PS_ONNX_DOUBLE = 11
};

struct ps_onnx {
    struct ps_arena *arena;
    struct ps_buffer nodes, constants, inputs, outputs; /* fields of a GraphProto */
    size_t value_count;
    bool has_trees;
    bool failed; /* out of memory */
};
void ps_onnx_init(struct ps_onnx *onnx, struct ps_arena *arena);
void ps_onnx_done(struct ps_onnx *onnx);

/* A constant of `rows` x `columns`; rows 0: one dimension. */
const char *ps_onnx_doubles(struct ps_onnx *onnx, const double *values, size_t rows, size_t columns);
const char *ps_onnx_double(struct ps_onnx *onnx, double value); /* of one element */
const char *ps_onnx_integers(struct ps_onnx *onnx, const int64_t *values, size_t count);
/* One dimension, or 1 x count. */
const char *ps_onnx_strings(struct ps_onnx *onnx, const char *const *values, size_t count, bool is_row);
/* A node with 1 to 3 inputs (the rest NULL). */
const char *ps_onnx_node(struct ps_onnx *onnx, const char *operator_name, const char *a, const char *b,
                         const char *c);
/* The same with one integer attribute: Cast (to), Gather, Softmax, ArgMax (axis). */
const char *ps_onnx_node_with(struct ps_onnx *onnx, const char *operator_name, const char *a, const char *b,
                              const char *attribute, int64_t value);
/* An attribute of a node that is a list: of one kind, the other two are NULL. */
struct ps_onnx_list {
    const char *name;
    const int64_t *integers;
    const float *floats;
    const char *const *texts;
    size_t count;
};
/* ai.onnx.ml.TreeEnsembleRegressor: rows x features of float32 to rows x targets, leaves as they are. */
const char *ps_onnx_trees(struct ps_onnx *onnx, const char *input, size_t target_count,
                          const struct ps_onnx_list *lists, size_t list_count);
const char *ps_onnx_concat(struct ps_onnx *onnx, const char *const *values, size_t count);
/* Gives the value the name of an output. columns 0: one dimension. */
void ps_onnx_output(struct ps_onnx *onnx, const char *value, const char *name, enum ps_onnx_type type,
                    size_t columns);
/* A column: rows, or rows x 1. Gives it as rows x 1. */
const char *ps_onnx_input(struct ps_onnx *onnx, const char *name, enum ps_onnx_type type);

struct ps_onnx_properties {
    const char *graph_name, *description, *producer_version;
    const char *const *keys, *const *values; /* metadata */
    size_t count;
};
/* The whole ModelProto. */
penstock_code ps_onnx_finish(struct ps_onnx *onnx, const struct ps_onnx_properties *properties,
                             struct ps_buffer *out, struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
