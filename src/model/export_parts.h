/* SPDX-License-Identifier: Apache-2.0
 *
 * export_parts.h - what the writers of the formats share.
 *
 * A writer gets the model as a formula and writes text or bytes into a buffer, or files into a folder. What it cannot
 * say is UNSUPPORTED with a sentence that names the transform or the estimator.
 */
#ifndef PS_MODEL_EXPORT_PARTS_H
#define PS_MODEL_EXPORT_PARTS_H

#include "model/export.h"
#include "model/formula.h"
#include "model/predictor.h"

/* Bytes of one exported file at most: far above any model within PS_LIMIT_FEATURE_COUNT. */
#define PS_EXPORT_SIZE_MAX ((size_t)256 << 20)

struct ps_exporting {
    const struct ps_export_options *options;
    const struct ps_formula *formula;
    const struct ps_predictor *predictor;
    struct ps_target target;
    const uint8_t *guards; /* of the formula */
    struct ps_arena *arena;
    const char *folder; /* where files go */
    bool has_onnx;
};
/* The predictor as one of its kind; NULL when it is another. */
const struct ps_linear_predictor *ps_export_linear(const struct ps_exporting *exporting);
/* For messages: what an estimator of this kind is called. */
const char *ps_export_estimator(const struct ps_exporting *exporting);
/* "models:/name/version" and the like: "congestion version 3" */
void ps_export_title(const struct ps_exporting *exporting, struct ps_buffer *out);
/* A number as its shortest decimal digits that read back as the same bits. */
void ps_export_number(struct ps_buffer *out, double value);
/* UNSUPPORTED: "<what> has no counterpart in <format>". */
penstock_code ps_export_refuse(struct penstock_error *error, const char *format, const char *what);
/* For messages: the transform that made the step, or its column. */
const char *ps_export_maker(const struct ps_exporting *exporting, size_t step);

penstock_code ps_export_sql(const struct ps_exporting *exporting, struct ps_buffer *out,
                            struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_export_onnx(const struct ps_exporting *exporting, struct ps_buffer *out,
                             struct penstock_error *error) PENSTOCK_MUST_USE;
/* The same with a column for each class's probability: MLflow makes a DataFrame of the outputs. */
penstock_code ps_export_onnx_flat(const struct ps_exporting *exporting, struct ps_buffer *out,
                                  struct penstock_error *error) PENSTOCK_MUST_USE;
/* The file that MLmodel points to. */
const char *ps_export_mlflow_file(const struct ps_exporting *exporting);
penstock_code ps_export_pmml(const struct ps_exporting *exporting, struct ps_buffer *out,
                             struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_export_mlmodel(const struct ps_exporting *exporting, struct ps_buffer *out,
                                struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_export_xgboost(const struct ps_exporting *exporting, struct ps_buffer *out,
                                struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_export_spark(const struct ps_exporting *exporting, struct penstock_error *error)
    PENSTOCK_MUST_USE;

#endif
