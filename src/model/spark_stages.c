/* SPDX-License-Identifier: Apache-2.0
 *
 * spark_stages.c - the files of a PipelineModel.
 *
 *   metadata/part-00000                       {"class": ..., "paramMap": {"stageUids": [...]}, ...}
 *   stages/03_StandardScaler_penstock/metadata/part-00000
 *   stages/03_StandardScaler_penstock/data/part-00000.parquet
 *   stages/09_GBTRegressionModel_penstock9/treesMetadata/part-00000.parquet
 */
#include "model/spark_stages.h"

#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/file.h"

#define STAGE_SIZE_MAX ((size_t)256 << 20)
/* The layout of these files is that of Spark since 3.0; readers look at this to know it. */
#define SPARK_VERSION "3.5.0"

static const char vector_type[] =
    "{\"type\":\"udt\",\"class\":\"org.apache.spark.ml.linalg.VectorUDT\",\"pyClass\":"
    "\"pyspark.ml.linalg.VectorUDT\",\"sqlType\":{\"type\":\"struct\",\"fields\":["
    "{\"name\":\"type\",\"type\":\"byte\",\"nullable\":false,\"metadata\":{}},"
    "{\"name\":\"size\",\"type\":\"integer\",\"nullable\":true,\"metadata\":{}},"
    "{\"name\":\"indices\",\"type\":{\"type\":\"array\",\"elementType\":\"integer\",\"containsNull\":false},"
    "\"nullable\":true,\"metadata\":{}},"
    "{\"name\":\"values\",\"type\":{\"type\":\"array\",\"elementType\":\"double\",\"containsNull\":false},"
    "\"nullable\":true,\"metadata\":{}}]}}";
static const char matrix_type[] =
    "{\"type\":\"udt\",\"class\":\"org.apache.spark.ml.linalg.MatrixUDT\",\"pyClass\":"
    "\"pyspark.ml.linalg.MatrixUDT\",\"sqlType\":{\"type\":\"struct\",\"fields\":["
    "{\"name\":\"type\",\"type\":\"byte\",\"nullable\":false,\"metadata\":{}},"
    "{\"name\":\"numRows\",\"type\":\"integer\",\"nullable\":false,\"metadata\":{}},"
    "{\"name\":\"numCols\",\"type\":\"integer\",\"nullable\":false,\"metadata\":{}},"
    "{\"name\":\"colPtrs\",\"type\":{\"type\":\"array\",\"elementType\":\"integer\",\"containsNull\":false},"
    "\"nullable\":true,\"metadata\":{}},"
    "{\"name\":\"rowIndices\",\"type\":{\"type\":\"array\",\"elementType\":\"integer\",\"containsNull\":false},"
    "\"nullable\":true,\"metadata\":{}},"
    "{\"name\":\"values\",\"type\":{\"type\":\"array\",\"elementType\":\"double\",\"containsNull\":false},"
    "\"nullable\":true,\"metadata\":{}},"
    "{\"name\":\"isTransposed\",\"type\":\"boolean\",\"nullable\":false,\"metadata\":{}}]}}";

struct ps_spark_stage *ps_spark_add(struct ps_spark_stages *stages, const char *class_name) {
    if (stages->count == stages->capacity) {
        const size_t larger = stages->capacity == 0 ? 32 : stages->capacity * 2;
        struct ps_spark_stage *items = ps_arena_allocate(stages->arena, larger, sizeof *items);
        if (items == NULL) {
            return NULL;
        }
        if (stages->count > 0) {
            memcpy(items, stages->items, stages->count * sizeof *items);
        }
        stages->items = items;
        stages->capacity = larger;
    }
    const char *simple = strrchr(class_name, '.');
    struct ps_spark_stage stage = {
        .class_name = ps_arena_printf(stages->arena, "org.apache.spark.ml.%s", class_name),
        .uid = ps_arena_printf(stages->arena, "%s_penstock%zu", simple == NULL ? class_name : simple + 1,
                               stages->count),
    };
    if (stage.class_name == NULL || stage.uid == NULL) {
        return NULL;
    }
    ps_buffer_init(&stage.parameters, STAGE_SIZE_MAX);
    ps_buffer_init(&stage.values, STAGE_SIZE_MAX);
    ps_buffer_init(&stage.fields, STAGE_SIZE_MAX);
    ps_buffer_init(&stage.members, STAGE_SIZE_MAX);
    stages->items[stages->count] = stage;
    return &stages->items[stages->count++];
}

void ps_spark_done(struct ps_spark_stages *stages) {
    for (size_t i = 0; i < stages->count; i++) {
        ps_buffer_done(&stages->items[i].parameters);
        ps_buffer_done(&stages->items[i].values);
        ps_buffer_done(&stages->items[i].fields);
        ps_buffer_done(&stages->items[i].members);
    }
    stages->count = 0;
}

static void add_json(struct ps_buffer *out, const char *text) {
    ps_buffer_json(out, text, strlen(text));
}

static struct ps_buffer *begin_parameter(struct ps_spark_stage *stage, const char *name) {
    struct ps_buffer *out = &stage->parameters;
    ps_buffer_text(out, out->size > 0 ? "," : "");
    add_json(out, name);
    ps_buffer_text(out, ":");
    return out;
}

/* Infinity has no number in JSON; Spark writes and reads these words for it. */
static void add_json_number(struct ps_buffer *out, double value) {
    if (isnan(value)) {
        ps_buffer_text(out, "\"NaN\"");
    } else if (isinf(value)) {
        ps_buffer_text(out, value > 0 ? "\"Inf\"" : "\"-Inf\"");
    } else {
        ps_buffer_printf(out, "%.17e", value);
    }
}

void ps_spark_set_text(struct ps_spark_stage *stage, const char *name, const char *value) {
    add_json(begin_parameter(stage, name), value);
}

void ps_spark_set_texts(struct ps_spark_stage *stage, const char *name, const char *const *values,
                        size_t count) {
    struct ps_buffer *out = begin_parameter(stage, name);
    for (size_t i = 0; i < count; i++) {
        ps_buffer_text(out, i == 0 ? "[" : ",");
        add_json(out, values[i]);
    }
    ps_buffer_text(out, count == 0 ? "[]" : "]");
}

void ps_spark_set_number(struct ps_spark_stage *stage, const char *name, double value) {
    add_json_number(begin_parameter(stage, name), value);
}

void ps_spark_set_numbers(struct ps_spark_stage *stage, const char *name, const double *values,
                          size_t count) {
    struct ps_buffer *out = begin_parameter(stage, name);
    for (size_t i = 0; i < count; i++) {
        ps_buffer_text(out, i == 0 ? "[" : ",");
        add_json_number(out, values[i]);
    }
    ps_buffer_text(out, count == 0 ? "[]" : "]");
}

void ps_spark_set_integers(struct ps_spark_stage *stage, const char *name, const int64_t *values,
                           size_t count) {
    struct ps_buffer *out = begin_parameter(stage, name);
    for (size_t i = 0; i < count; i++) {
        ps_buffer_printf(out, "%s%lld", i == 0 ? "[" : ",", (long long)values[i]);
    }
    ps_buffer_text(out, count == 0 ? "[]" : "]");
}

void ps_spark_set_bool(struct ps_spark_stage *stage, const char *name, bool value) {
    ps_buffer_text(begin_parameter(stage, name), value ? "true" : "false");
}

/* --- the row -------------------------------------------------------------------------------------------- */

static void begin_value(struct ps_spark_stage *stage, const char *name, const char *type, bool is_nullable) {
    struct ps_buffer *fields = &stage->fields;
    ps_buffer_text(fields, fields->size > 0 ? ",{\"name\":" : "{\"name\":");
    add_json(fields, name);
    ps_buffer_printf(fields, ",\"type\":%s,\"nullable\":%s,\"metadata\":{}}", type,
                     is_nullable ? "true" : "false");
    ps_buffer_text(&stage->values, stage->values.size > 0 ? ", " : "");
}

static void end_value(struct ps_spark_stage *stage, const char *name) {
    ps_buffer_text(&stage->values, " AS ");
    ps_buffer_sql_name(&stage->values, name);
}

static void add_doubles(struct ps_buffer *out, const double *values, size_t count) {
    ps_buffer_text(out, "CAST([");
    for (size_t i = 0; i < count; i++) {
        ps_buffer_printf(out, "%s%.17e", i == 0 ? "" : ",", values[i]);
    }
    ps_buffer_text(out, "] AS DOUBLE[])");
}

void ps_spark_learn_number(struct ps_spark_stage *stage, const char *name, double value) {
    begin_value(stage, name, "\"double\"", false);
    ps_buffer_printf(&stage->values, "CAST(%.17e AS DOUBLE)", value);
    end_value(stage, name);
}

void ps_spark_learn_integer(struct ps_spark_stage *stage, const char *name, int64_t value) {
    begin_value(stage, name, "\"integer\"", false);
    ps_buffer_printf(&stage->values, "CAST(%lld AS INTEGER)", (long long)value);
    end_value(stage, name);
}

void ps_spark_learn_bool(struct ps_spark_stage *stage, const char *name, bool value) {
    begin_value(stage, name, "\"boolean\"", false);
    ps_buffer_text(&stage->values, value ? "true" : "false");
    end_value(stage, name);
}

void ps_spark_learn_vector(struct ps_spark_stage *stage, const char *name, const double *values,
                           size_t count) {
    begin_value(stage, name, vector_type, true);
    ps_buffer_text(&stage->values, "{'type': CAST(1 AS TINYINT), 'size': CAST(NULL AS INTEGER), 'indices':"
                                   " CAST(NULL AS INTEGER[]), 'values': ");
    add_doubles(&stage->values, values, count);
    ps_buffer_text(&stage->values, "}");
    end_value(stage, name);
}

void ps_spark_learn_matrix(struct ps_spark_stage *stage, const char *name, const double *values, size_t rows,
                           size_t columns) {
    begin_value(stage, name, matrix_type, true);
    ps_buffer_printf(&stage->values,
                     "{'type': CAST(1 AS TINYINT), 'numRows': CAST(%zu AS INTEGER), 'numCols': CAST(%zu AS"
                     " INTEGER), 'colPtrs': CAST(NULL AS INTEGER[]), 'rowIndices': CAST(NULL AS INTEGER[]),"
                     " 'values': ",
                     rows, columns);
    add_doubles(&stage->values, values, rows * columns);
    ps_buffer_text(&stage->values, ", 'isTransposed': true}");
    end_value(stage, name);
}

void ps_spark_learn_integers(struct ps_spark_stage *stage, const char *name, const int64_t *values,
                             size_t count) {
    begin_value(stage, name, "{\"type\":\"array\",\"elementType\":\"integer\",\"containsNull\":false}", true);
    ps_buffer_text(&stage->values, "CAST([");
    for (size_t i = 0; i < count; i++) {
        ps_buffer_printf(&stage->values, "%s%lld", i == 0 ? "" : ",", (long long)values[i]);
    }
    ps_buffer_text(&stage->values, "] AS INTEGER[])");
    end_value(stage, name);
}

void ps_spark_begin_labels(struct ps_spark_stage *stage, const char *name) {
    begin_value(stage, name,
                "{\"type\":\"array\",\"elementType\":{\"type\":\"array\",\"elementType\":\"string\","
                "\"containsNull\":true},\"containsNull\":true}",
                true);
    ps_buffer_text(&stage->values, "CAST([");
}

void ps_spark_add_labels(struct ps_spark_stage *stage, const char *const *labels, size_t count) {
    struct ps_buffer *out = &stage->values;
    ps_buffer_text(out, out->data[out->size - 1] == ']' ? ",[" : "[");
    for (size_t i = 0; i < count; i++) {
        ps_buffer_text(out, i == 0 ? "" : ",");
        ps_buffer_sql_literal(out, labels[i]);
    }
    ps_buffer_text(out, "]");
}

void ps_spark_end_labels(struct ps_spark_stage *stage, const char *name) {
    ps_buffer_text(&stage->values, "] AS VARCHAR[][])");
    end_value(stage, name);
}

/* --- files ---------------------------------------------------------------------------------------------- */

static penstock_code write_metadata(struct ps_arena *arena, const char *folder, const char *class_name,
                                    const char *uid, const struct ps_buffer *parameters, const char *members,
                                    struct penstock_error *error) {
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&text, STAGE_SIZE_MAX);
    ps_buffer_printf(&text,
                     "{\"class\":\"%s\",\"timestamp\":%lld,\"sparkVersion\":\"" SPARK_VERSION
                     "\",\"uid\":\"%s\",\"paramMap\":{",
                     class_name, (long long)ps_clock_wall_ms(), uid);
    if (parameters->size > 0) {
        ps_buffer_add(&text, parameters->data, parameters->size);
    }
    ps_buffer_printf(&text, "},\"defaultParamMap\":{}%s}\n", members);
    PS_TRY(ps_buffer_status(parameters, error));
    PS_TRY(ps_buffer_status(&text, error));
    const char *inner = ps_path_join(arena, folder, "metadata");
    const char *path = inner == NULL ? NULL : ps_path_join(arena, inner, "part-00000");
    if (path == NULL) {
        return ps_error_memory(error, "an export");
    }
    PS_TRY(ps_file_make_folders(inner, error));
    return ps_file_replace(path, text.data, text.size, error);
}

/* A file of Parquet in folder `name` of the stage. select: what follows SELECT. */
static penstock_code write_table(struct ps_arena *arena, const char *folder, const char *name,
                                 const char *select, const char *fields, struct ps_connection *connection,
                                 struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    struct ps_buffer schema PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, STAGE_SIZE_MAX);
    ps_buffer_init(&schema, STAGE_SIZE_MAX);
    const char *inner = ps_path_join(arena, folder, name);
    const char *path = inner == NULL ? NULL : ps_path_join(arena, inner, "part-00000.parquet");
    if (path == NULL) {
        return ps_error_memory(error, "an export");
    }
    PS_TRY(ps_file_make_folders(inner, error));
    ps_buffer_printf(&schema, "{\"type\":\"struct\",\"fields\":[%s]}", fields);
    PS_TRY(ps_buffer_status(&schema, error));
    ps_buffer_text(&sql, "COPY (SELECT ");
    ps_buffer_text(&sql, select);
    ps_buffer_text(&sql, ") TO ");
    ps_buffer_sql_literal(&sql, path);
    ps_buffer_text(&sql, " (FORMAT parquet, KV_METADATA {'org.apache.spark.version': '" SPARK_VERSION
                         "', 'org.apache.spark.sql.parquet.row.metadata': ");
    ps_buffer_sql_literal(&sql, schema.data);
    ps_buffer_text(&sql, "})");
    PS_TRY(ps_buffer_status(&sql, error));
    return ps_sql_run(connection, sql.data, error);
}

/* --- trees ---------------------------------------------------------------------------------------------- */

void ps_spark_learn_trees(struct ps_spark_stage *stage, struct ps_spark_trees *trees, size_t feature_count) {
    stage->trees = trees;
    ps_spark_set_text(stage, "impurity", "variance");
    ps_buffer_printf(&stage->members, ",\"numFeatures\":%zu,\"numTrees\":%zu", feature_count,
                     trees->tree_count);
}

static int32_t member_of(const struct ps_spark_node *node, size_t member) {
    const int32_t members[] = {node->tree, node->id, node->left, node->right, node->feature};
    return members[member];
}

static penstock_code write_nodes(struct ps_arena *arena, const char *folder,
                                 const struct ps_spark_trees *trees, struct ps_connection *connection,
                                 struct penstock_error *error) {
    static const char *const names[] = {"treeID", "id", "l", "r", "f"};
    static const char fields[] =
        "{\"name\":\"treeID\",\"type\":\"integer\",\"nullable\":false,\"metadata\":{}},{\"name\":\"nodeData\","
        "\"type\":{\"type\":\"struct\",\"fields\":["
        "{\"name\":\"id\",\"type\":\"integer\",\"nullable\":false,\"metadata\":{}},"
        "{\"name\":\"prediction\",\"type\":\"double\",\"nullable\":false,\"metadata\":{}},"
        "{\"name\":\"impurity\",\"type\":\"double\",\"nullable\":false,\"metadata\":{}},"
        "{\"name\":\"impurityStats\",\"type\":{\"type\":\"array\",\"elementType\":\"double\",\"containsNull\":false},"
        "\"nullable\":true,\"metadata\":{}},"
        "{\"name\":\"rawCount\",\"type\":\"long\",\"nullable\":false,\"metadata\":{}},"
        "{\"name\":\"gain\",\"type\":\"double\",\"nullable\":false,\"metadata\":{}},"
        "{\"name\":\"leftChild\",\"type\":\"integer\",\"nullable\":false,\"metadata\":{}},"
        "{\"name\":\"rightChild\",\"type\":\"integer\",\"nullable\":false,\"metadata\":{}},"
        "{\"name\":\"split\",\"type\":{\"type\":\"struct\",\"fields\":["
        "{\"name\":\"featureIndex\",\"type\":\"integer\",\"nullable\":false,\"metadata\":{}},"
        "{\"name\":\"leftCategoriesOrThreshold\",\"type\":{\"type\":\"array\",\"elementType\":\"double\","
        "\"containsNull\":false},\"nullable\":true,\"metadata\":{}},"
        "{\"name\":\"numCategories\",\"type\":\"integer\",\"nullable\":false,\"metadata\":{}}]},"
        "\"nullable\":true,\"metadata\":{}}]},\"nullable\":true,\"metadata\":{}}";
    struct ps_buffer select PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&select, STAGE_SIZE_MAX);
    ps_buffer_text(
        &select,
        "treeID, {'id': id, 'prediction': CASE WHEN f < 0 THEN v ELSE 0 END, 'impurity': CAST(0 AS DOUBLE),"
        " 'impurityStats': CAST([0, 0, 0] AS DOUBLE[]), 'rawCount': CAST(0 AS BIGINT), 'gain': CAST(CASE "
        "WHEN f < 0 THEN -1 ELSE 0 END AS DOUBLE), 'leftChild': l, 'rightChild': r, 'split': {"
        "'featureIndex': f, 'leftCategoriesOrThreshold': CASE WHEN f < 0 THEN CAST([] AS DOUBLE[]) ELSE [v] "
        "END, 'numCategories': CAST(-1 AS INTEGER)}} AS nodeData FROM (SELECT ");
    for (size_t member = 0; member < 5; member++) {
        ps_buffer_text(&select, "unnest(CAST([");
        for (size_t i = 0; i < trees->node_count; i++) {
            ps_buffer_printf(&select, "%s%d", i == 0 ? "" : ",", (int)member_of(&trees->nodes[i], member));
        }
        ps_buffer_printf(&select, "] AS INTEGER[])) AS %s, ", names[member]);
    }
    ps_buffer_text(&select, "unnest(CAST([");
    for (size_t i = 0; i < trees->node_count; i++) {
        ps_buffer_printf(&select, "%s%.17e", i == 0 ? "" : ",", trees->nodes[i].value);
    }
    ps_buffer_text(&select, "] AS DOUBLE[])) AS v)");
    PS_TRY(ps_buffer_status(&select, error));
    return write_table(arena, folder, "data", select.data, fields, connection, error);
}

/* Of each tree: the metadata that it would have if it stood alone, and its weight. */
static penstock_code write_tree_list(struct ps_arena *arena, const char *folder,
                                     const struct ps_spark_trees *trees, struct ps_connection *connection,
                                     struct penstock_error *error) {
    static const char fields[] = "{\"name\":\"_1\",\"type\":\"integer\",\"nullable\":false,\"metadata\":{}},"
                                 "{\"name\":\"_2\",\"type\":\"string\",\"nullable\":true,\"metadata\":{}},"
                                 "{\"name\":\"_3\",\"type\":\"double\",\"nullable\":false,\"metadata\":{}}";
    struct ps_buffer select PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&select, STAGE_SIZE_MAX);
    ps_buffer_printf(&select,
                     "CAST(t AS INTEGER) AS _1, '{\"class\":\"org.apache.spark.ml.regression."
                     "DecisionTreeRegressionModel\",\"timestamp\":%lld,\"sparkVersion\":\"" SPARK_VERSION
                     "\",\"uid\":\"dtr_penstock' || t || '\",\"paramMap\":{\"impurity\":\"variance\"},"
                     "\"defaultParamMap\":{}}' AS _2, CAST(%.17e AS DOUBLE) AS _3 FROM range(%zu) AS r(t)",
                     (long long)ps_clock_wall_ms(), trees->weight, trees->tree_count);
    PS_TRY(ps_buffer_status(&select, error));
    return write_table(arena, folder, "treesMetadata", select.data, fields, connection, error);
}

static penstock_code write_stage(struct ps_spark_stages *stages, size_t index, const char *folder, int digits,
                                 struct ps_connection *connection, struct penstock_error *error) {
    const struct ps_spark_stage *stage = &stages->items[index];
    const char *path =
        ps_arena_printf(stages->arena, "%s/stages/%0*zu_%s", folder, digits, index, stage->uid);
    if (path == NULL) {
        return ps_error_memory(error, "an export");
    }
    PS_TRY(write_metadata(stages->arena, path, stage->class_name, stage->uid, &stage->parameters,
                          stage->members.size > 0 ? stage->members.data : "", error));
    if (stage->trees != NULL) {
        PS_TRY(write_nodes(stages->arena, path, stage->trees, connection, error));
        return write_tree_list(stages->arena, path, stage->trees, connection, error);
    }
    if (stage->values.size == 0) {
        return PENSTOCK_OK;
    }
    PS_TRY(ps_buffer_status(&stage->values, error));
    PS_TRY(ps_buffer_status(&stage->fields, error));
    return write_table(stages->arena, path, "data", stage->values.data, stage->fields.data, connection,
                       error);
}

penstock_code ps_spark_write(struct ps_spark_stages *stages, const char *folder, const char *uid,
                             struct ps_connection *connection, struct penstock_error *error) {
    struct ps_buffer parameters PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&parameters, STAGE_SIZE_MAX);
    char count_text[24];
    const int digits = snprintf(count_text, sizeof count_text, "%zu", stages->count);
    ps_buffer_text(&parameters, "\"stageUids\":[");
    for (size_t i = 0; i < stages->count; i++) {
        ps_buffer_printf(&parameters, "%s\"%s\"", i == 0 ? "" : ",", stages->items[i].uid);
    }
    ps_buffer_text(&parameters, "]");
    PS_TRY(write_metadata(stages->arena, folder, "org.apache.spark.ml.PipelineModel", uid, &parameters, "",
                          error));
    for (size_t i = 0; i < stages->count; i++) {
        PS_TRY(write_stage(stages, i, folder, digits, connection, error));
    }
    return PENSTOCK_OK;
}
