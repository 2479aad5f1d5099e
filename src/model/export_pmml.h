/* SPDX-License-Identifier: Apache-2.0
 *
 * export_pmml.h - what the parts of the PMML export share: the fields of the steps, schema, outputs.
 */
#ifndef PS_MODEL_EXPORT_PMML_H
#define PS_MODEL_EXPORT_PMML_H

#include "model/export_parts.h"
#include "model/network.h"
#include "model/trees.h"

struct ps_pmml_writer {
    const struct ps_exporting *exporting;
    const struct ps_formula *formula;
    struct ps_buffer *out;
    const char **names;    /* of each step */
    const char **features; /* of each feature; of trees: of each column's number, as float32 */
    struct penstock_error *error;
};

/* In an attribute or between tags. */
void ps_export_pmml_text(struct ps_buffer *out, const char *text);
void ps_export_pmml_reference(struct ps_buffer *out, const char *name);
void ps_export_pmml_constant(struct ps_buffer *out, double value);
/* MiningSchema of the model: the label and all columns. */
void ps_export_pmml_schema(struct ps_pmml_writer *writer);
/* <Output> with what is predicted under `name`, and the classes' probabilities; the caller closes it. */
void ps_export_pmml_output(struct ps_pmml_writer *writer, const char *name);

/* Derived fields that only trees ask: numbers as float32. */
penstock_code ps_export_pmml_tree_fields(struct ps_pmml_writer *writer) PENSTOCK_MUST_USE;
penstock_code ps_export_pmml_trees(struct ps_pmml_writer *writer, const struct ps_trees_predictor *trees)
    PENSTOCK_MUST_USE;
penstock_code ps_export_pmml_network(struct ps_pmml_writer *writer,
                                     const struct ps_network_predictor *network) PENSTOCK_MUST_USE;

#endif
