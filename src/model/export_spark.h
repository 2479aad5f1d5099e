/* SPDX-License-Identifier: Apache-2.0
 *
 * export_spark.h - what the two halves of the Spark export share: the steps and the predictor.
 */
#ifndef PS_MODEL_EXPORT_SPARK_H
#define PS_MODEL_EXPORT_SPARK_H

#include "model/export_parts.h"
#include "model/network.h"
#include "model/spark_stages.h"
#include "model/trees.h"

/* Where Spark has a value: in a column, or in an element of a vector column. */
struct ps_spark_place {
    const char *column; /* NULL: nowhere yet */
    int64_t element;    /* -1: the column itself */
};
struct ps_spark_writer {
    const struct ps_exporting *exporting;
    const struct ps_formula *formula;
    struct ps_spark_stages stages;
    struct ps_spark_place *places; /* of each step */
    bool *is_scalar;               /* of each step: somebody reads it as a column */
    size_t *positions;             /* of each feature, in the assembled vector */
    size_t width;                  /* of that vector */
    size_t name_count;
    struct penstock_error *error;
};

/* A name of its own for a column; NULL: out of memory. */
const char *ps_spark_name(struct ps_spark_writer *writer);
/* A SQLTransformer: SELECT *, <expressions> FROM __THIS__, and WHERE <condition> over its result if there is one. */
penstock_code ps_spark_add_sql(struct ps_spark_writer *writer, const char *expressions, const char *condition)
    PENSTOCK_MUST_USE;
void ps_spark_add_identifier(struct ps_buffer *out, const char *name);

/* The step's column, quoted. */
void ps_spark_add_column(struct ps_spark_writer *writer, struct ps_buffer *out, size_t step);
penstock_code ps_spark_no_memory(struct ps_spark_writer *writer);
/* A VectorAssembler. NULL and NaN pass, and make the prediction NaN. */
penstock_code ps_spark_assemble(struct ps_spark_writer *writer, const char *const *columns, size_t count,
                                const char *output) PENSTOCK_MUST_USE;

/* The vector "features"; sets positions and width. */
penstock_code ps_export_spark_features(struct ps_spark_writer *writer) PENSTOCK_MUST_USE;
/* The last stages: from the vector "features" to "prediction". */
penstock_code ps_export_spark_predictor(struct ps_spark_writer *writer) PENSTOCK_MUST_USE;
penstock_code ps_export_spark_trees(struct ps_spark_writer *writer, const struct ps_trees_predictor *trees)
    PENSTOCK_MUST_USE;
penstock_code ps_export_spark_network(struct ps_spark_writer *writer,
                                      const struct ps_network_predictor *network) PENSTOCK_MUST_USE;
/* The column "penstock_whole": 0, or NaN where a feature is. */
penstock_code ps_spark_add_whole(struct ps_spark_writer *writer) PENSTOCK_MUST_USE;
/* Columns and thresholds of a classifier; it predicts "penstock_class". */
void ps_spark_begin_classifier(struct ps_spark_writer *writer, struct ps_spark_stage *stage);
/* "prediction" from "penstock_class" and "penstock_whole". */
penstock_code ps_spark_add_class(struct ps_spark_writer *writer) PENSTOCK_MUST_USE;

#endif
