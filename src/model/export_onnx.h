/* SPDX-License-Identifier: Apache-2.0
 *
 * export_onnx.h - what the two halves of the ONNX export share: the steps with their sums, and trees.
 */
#ifndef PS_MODEL_EXPORT_ONNX_H
#define PS_MODEL_EXPORT_ONNX_H

#include "model/export_parts.h"
#include "model/onnx_graph.h"
#include "model/trees.h"

struct ps_onnx_writer {
    const struct ps_exporting *exporting;
    const struct ps_formula *formula;
    struct ps_onnx onnx;
    const char **values;  /* of each step */
    const char *features; /* rows x features */
    const char *poison;   /* rows x 1: 0, or NaN */
    bool is_flat;         /* outputs of one dimension only */
    struct penstock_error *error;
};

/* A group's features as zeros and ones: rows x (those that it has). NULL: it has none, or out of memory. */
const char *ps_export_onnx_hot(struct ps_onnx_writer *writer, const struct ps_formula_column *column);
/* The output of a regression, from rows x 1. */
void ps_export_onnx_number(struct ps_onnx_writer *writer, const char *value);
/* The outputs of classes. probabilities: rows x classes, without the poison; index: of the class, rows x 1 */
penstock_code ps_export_onnx_classes(struct ps_onnx_writer *writer, const char *probabilities,
                                     const char *index) PENSTOCK_MUST_USE;
/* The same, with the class that the probabilities (and the model's thresholds) mean. */
penstock_code ps_export_onnx_decide(struct ps_onnx_writer *writer, const char *probabilities)
    PENSTOCK_MUST_USE;
penstock_code ps_export_onnx_trees(struct ps_onnx_writer *writer, const struct ps_trees_predictor *trees)
    PENSTOCK_MUST_USE;

#endif
