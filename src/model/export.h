/* SPDX-License-Identifier: Apache-2.0
 *
 * export.h - a fitted model in the formats of others: MLflow, ONNX, Spark ML, PMML, SQL, XGBoost.
 *
 * It stands in this room because it reads what only this room knows (pipelines, predictors); it knows nothing of the
 * registry: names, versions and metrics come as texts. The folder appears whole or not at all. A format that cannot
 * say what the model does is left out with the reason when all are asked for, and an error when it is asked for by
 * its name; nothing is ever written that predicts other numbers.
 */
#ifndef PS_MODEL_EXPORT_H
#define PS_MODEL_EXPORT_H

#include "model/fitted.h"
#include "sql/engine.h"

enum { PS_EXPORT_FORMAT_COUNT = 6 };

struct ps_export_options {
    const struct ps_fitted *fitted;
    const char *name;       /* "congestion" */
    int64_t version;        /* 3 */
    const char *label;      /* the column that it predicts; NULL: not known */
    const char *created_at; /* "2026-11-23T08:00:00.000Z" or NULL */
    const char *statement;  /* CREATE MODEL ..., or NULL */
    const char *metrics;    /* JSON as in the registry, or NULL: "holdout" has a member for each metric */
    const char *format;     /* a name of ps_export_formats, or NULL: all that can be */
    struct ps_connection *connection; /* any: writes Parquet */
    const char *folder;               /* must not be there, or be empty */
};
/* What became of a format. */
struct ps_export_outcome {
    const char *format, *file;
    const char *reason; /* why it was left out; NULL: it is there */
};
/* {"mlflow", "onnx", "spark", "pmml", "sql", "xgboost"}, NULL-terminated */
extern const char *const ps_export_formats[];

/* outcomes_out: PS_EXPORT_FORMAT_COUNT, texts in the arena. *count_out of them are filled.
 * Errors: INVALID_ARGUMENT (the folder is not empty), UNSUPPORTED (the one format, or every format, cannot say it),
 * IO, SQL. */
penstock_code ps_model_export(const struct ps_export_options *options, struct ps_arena *arena,
                              struct ps_export_outcome *outcomes_out, size_t *count_out,
                              struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
