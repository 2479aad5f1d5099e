/* SPDX-License-Identifier: Apache-2.0
 *
 * spark_stages.h - a Spark ML PipelineModel that is being written: stages, and the folder they become.
 *
 * A stage is JSON (class, uid, parameters) and, if it has learnt something, one row of Parquet. Spark knows a vector
 * in it by the schema that lies in the file's metadata, beside Parquet's own. Nothing is written before all stages
 * are there: their number is part of the names of their folders.
 */
#ifndef PS_MODEL_SPARK_STAGES_H
#define PS_MODEL_SPARK_STAGES_H

#include "base/bytes.h"
#include "sql/engine.h"

struct ps_spark_stage {
    const char *class_name; /* "org.apache.spark.ml.feature.VectorAssembler" */
    const char *uid;
    struct ps_buffer parameters;  /* members of paramMap */
    struct ps_buffer values;      /* SELECT list of the row; empty: no data */
    struct ps_buffer fields;      /* its schema, fields of Spark's JSON */
    struct ps_buffer members;     /* of metadata, beside paramMap: ,"name":value */
    struct ps_spark_trees *trees; /* of a model of trees: their files instead of the row; NULL: none */
};
/* Nodes of regression trees, in the arena, tree after tree; children are given by their number within the tree. */
struct ps_spark_node {
    int32_t tree, id, left, right, feature; /* feature -1: a leaf, as left and right */
    double value;                           /* of a leaf; else rows up to it go left */
};
struct ps_spark_trees {
    const struct ps_spark_node *nodes;
    size_t node_count, tree_count;
    double weight; /* of each tree */
};
struct ps_spark_stages {
    struct ps_arena *arena;
    struct ps_spark_stage *items;
    size_t count, capacity;
};

/* A new stage of org.apache.spark.ml.<class_name>; NULL: out of memory. Good until the next one is added. */
struct ps_spark_stage *ps_spark_add(struct ps_spark_stages *stages, const char *class_name);
void ps_spark_done(struct ps_spark_stages *stages);

/* Parameters. */
void ps_spark_set_text(struct ps_spark_stage *stage, const char *name, const char *value);
void ps_spark_set_texts(struct ps_spark_stage *stage, const char *name, const char *const *values,
                        size_t count);
void ps_spark_set_number(struct ps_spark_stage *stage, const char *name, double value);
void ps_spark_set_numbers(struct ps_spark_stage *stage, const char *name, const double *values, size_t count);
void ps_spark_set_integers(struct ps_spark_stage *stage, const char *name, const int64_t *values,
                           size_t count);
void ps_spark_set_bool(struct ps_spark_stage *stage, const char *name, bool value);

/* What was learnt: columns of the row. */
void ps_spark_learn_number(struct ps_spark_stage *stage, const char *name, double value);
void ps_spark_learn_integer(struct ps_spark_stage *stage, const char *name, int64_t value);
void ps_spark_learn_bool(struct ps_spark_stage *stage, const char *name, bool value);
void ps_spark_learn_vector(struct ps_spark_stage *stage, const char *name, const double *values,
                           size_t count);
void ps_spark_learn_matrix(struct ps_spark_stage *stage, const char *name, const double *values, size_t rows,
                           size_t columns); /* row after row */
void ps_spark_learn_integers(struct ps_spark_stage *stage, const char *name, const int64_t *values,
                             size_t count);
/* An array of arrays of texts. */
void ps_spark_begin_labels(struct ps_spark_stage *stage, const char *name);
void ps_spark_add_labels(struct ps_spark_stage *stage, const char *const *labels, size_t count);
void ps_spark_end_labels(struct ps_spark_stage *stage, const char *name);

/* numFeatures and numTrees, and the files of the trees. */
void ps_spark_learn_trees(struct ps_spark_stage *stage, struct ps_spark_trees *trees, size_t feature_count);

/* Writes the PipelineModel into `folder`. */
penstock_code ps_spark_write(struct ps_spark_stages *stages, const char *folder, const char *uid,
                             struct ps_connection *connection, struct penstock_error *error)
    PENSTOCK_MUST_USE;

#endif
