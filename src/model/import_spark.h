/* SPDX-License-Identifier: Apache-2.0
 *
 * import_spark.h - what the reader of a Spark pipeline and its stages share.
 */
#ifndef PS_MODEL_IMPORT_SPARK_H
#define PS_MODEL_IMPORT_SPARK_H

#include <stdio.h>
#include <yyjson.h>

#include "model/import_values.h"

#define PS_SPARK_DOCS_MAX 4096

/* A column of the frame: one element, or a vector. */
struct ps_spark_column {
    const char *name;
    struct ps_import_vector vector;
    bool is_known; /* false: a stage that is not supported made it */
};
struct ps_spark_reading {
    struct ps_importing *importing;
    struct ps_spark_column *columns;
    size_t column_count, column_capacity;
    yyjson_doc **docs;
    size_t doc_count;
    /* The stage: */
    yyjson_val *metadata, *rows, *row; /* row: the first of rows */
    char place[128];                   /* "StandardScalerModel (stage 3)" */
};
struct ps_spark_stage_type {
    const char *name; /* of the class; NULL ends the table */
    penstock_code (*run)(struct ps_spark_reading *reading);
};
extern const struct ps_spark_stage_type ps_spark_stage_types[];

/* Parameters: set, or default. */
yyjson_val *ps_spark_parameter(const struct ps_spark_reading *reading, const char *name);
const char *ps_spark_text(const struct ps_spark_reading *reading, const char *name, const char *otherwise);
bool ps_spark_bool(const struct ps_spark_reading *reading, const char *name, bool otherwise);
double ps_spark_number(const struct ps_spark_reading *reading, const char *name, double otherwise);
double ps_spark_number_of(yyjson_val *value); /* NaN: none */
/* inputCol or inputCols; at least one. */
penstock_code ps_spark_columns(struct ps_spark_reading *reading, const char *one, const char *many,
                               const char *const **names_out, size_t *count_out) PENSTOCK_MUST_USE;
penstock_code ps_spark_doubles(struct ps_spark_reading *reading, yyjson_val *list, double **values_out,
                               size_t *count_out) PENSTOCK_MUST_USE;
/* A VectorUDT, dense or sparse, written out. */
penstock_code ps_spark_vector(struct ps_spark_reading *reading, yyjson_val *object, double **values_out,
                              size_t *count_out) PENSTOCK_MUST_USE;

/* Columns of the frame. ps_spark_get: a copy that may be changed; a name that is not there is a column of the rows. */
penstock_code ps_spark_put(struct ps_spark_reading *reading, const char *name, struct ps_import_vector vector,
                           bool is_known) PENSTOCK_MUST_USE;
penstock_code ps_spark_get(struct ps_spark_reading *reading, const char *name, bool is_text,
                           struct ps_import_vector *vector_out, bool *is_known_out) PENSTOCK_MUST_USE;

/* All stages are read: is what they gave possible? */
penstock_code ps_import_spark_check(struct ps_spark_reading *reading) PENSTOCK_MUST_USE;

#endif
