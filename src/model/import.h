/* SPDX-License-Identifier: Apache-2.0
 *
 * import.h - the analyst's model: a linear pipeline of Spark ML or scikit-learn becomes a model of ours.
 *
 * It stands in this room beside the export, and for the same reason: it makes pipelines and predictors. What is read
 * is a folder that Spark's PipelineModel.save() has written, or an ONNX file that skl2onnx has made. Both are run
 * with symbols in place of rows; what comes out of every column is written down as transforms of ours, with the
 * numbers of the original. An operator that is not known is named with its place, all of them at once.
 */
#ifndef PS_MODEL_IMPORT_H
#define PS_MODEL_IMPORT_H

#include "model/fitted.h"
#include "sql/engine.h"

struct ps_import_options {
    const char *path;              /* a folder or a file */
    const char *const *column_map; /* "X=distance,air_time" or "origin=airport"; NULL-terminated, or NULL */
    struct ps_connection *connection; /* any: reads Parquet */
};
struct ps_import_report {
    const char *format;   /* "Spark ML PipelineModel", "ONNX" */
    const char *producer; /* "Spark 4.3.0", "skl2onnx 1.20.0"; NULL: not said */
    const char *label;    /* the column that it predicts, where the file says it; or NULL */
    bool is_single;       /* its numbers are of single precision: predictions agree to 1e-6 */
};
/* Texts of the report are in the arena. Errors: NOT_FOUND, IO, INVALID_DATA (cut or changed), UNSUPPORTED (operators,
 * stages; a column used in two ways), INVALID_ARGUMENT (column_map). */
penstock_code ps_model_import(const struct ps_import_options *options, struct ps_arena *arena,
                              struct ps_fitted **fitted_out, struct ps_import_report *report_out,
                              struct penstock_error *error) PENSTOCK_MUST_USE;

/* The same for bytes of an ONNX file: what the fuzzer calls. */
penstock_code ps_model_import_onnx(const char *data, size_t size, const struct ps_import_options *options,
                                   struct ps_arena *arena, struct ps_fitted **fitted_out,
                                   struct ps_import_report *report_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

#endif
