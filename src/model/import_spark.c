/* SPDX-License-Identifier: Apache-2.0
 *
 * import_spark.c - a Spark ML PipelineModel, stage after stage, run with symbols.
 *
 * Metadata is JSON in text files, what was learnt one row (or some) of Parquet, which DuckDB reads and gives as JSON.
 * Columns of the frame are looked up by name; a name that no stage has made is a column of the rows.
 */
#include "model/import_spark.h"

#include <math.h>

#include "base/file.h"
#include "model/model.h"

/* Of one file: a StringIndexer with a million labels is tens of megabytes. */
#define METADATA_SIZE_MAX ((size_t)16 << 20)
#define STAGES_MAX 1000

/* --- files ------------------------------------------------------------------------------------------------ */

static penstock_code no_memory(struct ps_spark_reading *reading) {
    return ps_error_memory(reading->importing->error, "an import");
}

/* The first file of a folder that Spark would read: not _SUCCESS, no checksum. */
static penstock_code find_part(struct ps_spark_reading *reading, const char *folder, const char **path_out) {
    struct ps_arena *arena = reading->importing->arena;
    char **names = NULL;
    size_t count = 0;
    *path_out = NULL;
    if (!ps_file_exists(folder)) {
        return PENSTOCK_OK;
    }
    PS_TRY(ps_file_list(folder, arena, &names, &count, reading->importing->error));
    for (size_t i = 0; i < count && *path_out == NULL; i++) {
        if (names[i][0] != '_' && names[i][0] != '.') {
            *path_out = ps_path_join(arena, folder, names[i]);
            if (*path_out == NULL) {
                return no_memory(reading);
            }
        }
    }
    return PENSTOCK_OK;
}

static penstock_code parse(struct ps_spark_reading *reading, const char *text, size_t size, const char *what,
                           yyjson_val **root_out) {
    if (reading->doc_count == PS_SPARK_DOCS_MAX) {
        return ps_import_damaged(reading->importing, "it has too many files");
    }
    char *copy = ps_arena_allocate(reading->importing->arena, size + YYJSON_PADDING_SIZE, 1);
    if (copy == NULL) {
        return no_memory(reading);
    }
    memcpy(copy, text, size);
    yyjson_doc *doc = yyjson_read_opts(copy, size, YYJSON_READ_NOFLAG, &ps_model_allocator, NULL);
    if (doc == NULL) {
        return ps_import_damaged(reading->importing, "%s is no JSON", what);
    }
    reading->docs[reading->doc_count++] = doc;
    *root_out = yyjson_doc_get_root(doc);
    return PENSTOCK_OK;
}

static penstock_code read_metadata(struct ps_spark_reading *reading, const char *folder,
                                   yyjson_val **root_out) {
    const char *path = NULL;
    const char *inner = ps_path_join(reading->importing->arena, folder, "metadata");
    if (inner == NULL) {
        return no_memory(reading);
    }
    PS_TRY(find_part(reading, inner, &path));
    if (path == NULL) {
        return ps_import_damaged(reading->importing, "there is no metadata in %s", ps_path_name(folder));
    }
    struct ps_bytes content;
    PS_TRY(ps_file_read(path, METADATA_SIZE_MAX, reading->importing->arena, &content,
                        reading->importing->error));
    PS_TRY(parse(reading, content.data, content.size, "the metadata", root_out));
    return yyjson_is_str(yyjson_obj_get(*root_out, "class"))
               ? PENSTOCK_OK
               : ps_import_damaged(reading->importing, "the metadata in %s names no class",
                                   ps_path_name(folder));
}

/* All rows of a stage's data as a JSON array. */
static penstock_code read_data(struct ps_spark_reading *reading, const char *folder, yyjson_val **rows_out) {
    const char *path = NULL;
    const char *inner = ps_path_join(reading->importing->arena, folder, "data");
    *rows_out = NULL;
    if (inner == NULL) {
        return no_memory(reading);
    }
    PS_TRY(find_part(reading, inner, &path));
    if (path == NULL) {
        return PENSTOCK_OK;
    }
    if (strpbrk(path, "*?[") != NULL) {
        return ps_error_set(reading->importing->error, PENSTOCK_INVALID_ARGUMENT,
                            "%s: the path has a '*', '?' or '[' in it", path);
    }
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    ps_buffer_init(&sql, (size_t)1 << 20);
    ps_buffer_text(&sql, "SELECT CAST(to_json(list(t)) AS VARCHAR) FROM read_parquet(");
    ps_buffer_sql_literal(&sql, path);
    ps_buffer_text(&sql, ") AS t");
    PS_TRY(ps_buffer_status(&sql, reading->importing->error));
    const penstock_code code =
        ps_sql_query(reading->importing->options->connection, sql.data, &result, reading->importing->error);
    if (code != PENSTOCK_OK) {
        (void)ps_error_context(reading->importing->error, "%s", path);
        return code;
    }
    const char *text = ps_result_text(result, 0, 0);
    if (text == NULL) {
        return ps_import_damaged(reading->importing, "%s is empty", ps_path_name(folder));
    }
    return parse(reading, text, strlen(text), "a stage's data", rows_out);
}

/* --- what a stage says ------------------------------------------------------------------------------------ */

yyjson_val *ps_spark_parameter(const struct ps_spark_reading *reading, const char *name) {
    yyjson_val *value = yyjson_obj_get(yyjson_obj_get(reading->metadata, "paramMap"), name);
    return value != NULL ? value : yyjson_obj_get(yyjson_obj_get(reading->metadata, "defaultParamMap"), name);
}

const char *ps_spark_text(const struct ps_spark_reading *reading, const char *name, const char *otherwise) {
    const char *text = yyjson_get_str(ps_spark_parameter(reading, name));
    return text == NULL ? otherwise : text;
}

bool ps_spark_bool(const struct ps_spark_reading *reading, const char *name, bool otherwise) {
    yyjson_val *value = ps_spark_parameter(reading, name);
    return yyjson_is_bool(value) ? yyjson_get_bool(value) : otherwise;
}

double ps_spark_number_of(yyjson_val *value) {
    const char *text = yyjson_get_str(value);
    if (text == NULL) {
        return yyjson_is_num(value) ? yyjson_get_num(value) : (double)NAN;
    }
    return strcmp(text, "Inf") == 0 || strcmp(text, "Infinity") == 0     ? (double)INFINITY
           : strcmp(text, "-Inf") == 0 || strcmp(text, "-Infinity") == 0 ? -(double)INFINITY
                                                                         : (double)NAN;
}

double ps_spark_number(const struct ps_spark_reading *reading, const char *name, double otherwise) {
    yyjson_val *value = ps_spark_parameter(reading, name);
    return value == NULL ? otherwise : ps_spark_number_of(value);
}

penstock_code ps_spark_columns(struct ps_spark_reading *reading, const char *one, const char *many,
                               const char *const **names_out, size_t *count_out) {
    yyjson_val *list = yyjson_obj_get(yyjson_obj_get(reading->metadata, "paramMap"), many);
    yyjson_val *single = yyjson_obj_get(yyjson_obj_get(reading->metadata, "paramMap"), one);
    single = single != NULL ? single : ps_spark_parameter(reading, one);
    const size_t count = yyjson_is_arr(list) ? yyjson_arr_size(list) : single != NULL ? 1 : 0;
    const char **names = ps_arena_allocate(reading->importing->arena, count + 1, sizeof *names);
    if (names == NULL) {
        return no_memory(reading);
    }
    for (size_t i = 0; i < count; i++) {
        names[i] = yyjson_get_str(yyjson_is_arr(list) ? yyjson_arr_get(list, i) : single);
        if (names[i] == NULL) {
            return ps_import_damaged(reading->importing, "%s: a column has no name", reading->place);
        }
    }
    *names_out = names;
    *count_out = count;
    return count > 0 ? PENSTOCK_OK
                     : ps_import_damaged(reading->importing, "%s has no %s", reading->place, one);
}

penstock_code ps_spark_doubles(struct ps_spark_reading *reading, yyjson_val *list, double **values_out,
                               size_t *count_out) {
    const size_t count = yyjson_arr_size(list);
    double *values = ps_arena_allocate(reading->importing->arena, count + 1, sizeof(double));
    if (values == NULL) {
        return no_memory(reading);
    }
    size_t index, size;
    yyjson_val *value;
    yyjson_arr_foreach(list, index, size, value) {
        values[index] = ps_spark_number_of(value);
        if (isnan(values[index])) {
            return ps_import_damaged(reading->importing, "%s: what should be a number is none",
                                     reading->place);
        }
    }
    *values_out = values;
    *count_out = count;
    return PENSTOCK_OK;
}

penstock_code ps_spark_vector(struct ps_spark_reading *reading, yyjson_val *object, double **values_out,
                              size_t *count_out) {
    double *stored = NULL, *places = NULL;
    size_t count = 0, place_count = 0;
    PS_TRY(ps_spark_doubles(reading, yyjson_obj_get(object, "values"), &stored, &count));
    yyjson_val *type = yyjson_obj_get(object, "type");
    if (!yyjson_is_int(type)) {
        return ps_import_damaged(reading->importing, "%s: a vector is none", reading->place);
    }
    if (yyjson_get_int(type) == 1) {
        *values_out = stored;
        *count_out = count;
        return PENSTOCK_OK;
    }
    const int64_t size = yyjson_get_sint(yyjson_obj_get(object, "size"));
    PS_TRY(ps_spark_doubles(reading, yyjson_obj_get(object, "indices"), &places, &place_count));
    if (size < 0 || size > PS_LIMIT_FEATURE_COUNT || place_count != count) {
        return ps_import_damaged(reading->importing, "%s: a vector has an impossible size", reading->place);
    }
    double *values = ps_arena_allocate(reading->importing->arena, (size_t)size + 1, sizeof(double));
    if (values == NULL) {
        return no_memory(reading);
    }
    for (size_t i = 0; i < count; i++) {
        if (!(places[i] >= 0) || !(places[i] < (double)size)) {
            return ps_import_damaged(reading->importing, "%s: a vector has an impossible place",
                                     reading->place);
        }
        values[(size_t)places[i]] = stored[i];
    }
    *values_out = values;
    *count_out = (size_t)size;
    return PENSTOCK_OK;
}

/* --- the frame -------------------------------------------------------------------------------------------- */

static struct ps_spark_column *find_column(struct ps_spark_reading *reading, const char *name) {
    for (size_t i = reading->column_count; i > 0; i--) {
        if (strcmp(reading->columns[i - 1].name, name) == 0) {
            return &reading->columns[i - 1];
        }
    }
    return NULL;
}

penstock_code ps_spark_put(struct ps_spark_reading *reading, const char *name, struct ps_import_vector vector,
                           bool is_known) {
    if (reading->column_count == reading->column_capacity) {
        const size_t larger = reading->column_capacity == 0 ? 64 : reading->column_capacity * 2;
        struct ps_spark_column *columns =
            ps_arena_allocate(reading->importing->arena, larger, sizeof *columns);
        if (columns == NULL) {
            return no_memory(reading);
        }
        if (reading->column_count > 0) {
            memcpy(columns, reading->columns, reading->column_count * sizeof *columns);
        }
        reading->columns = columns;
        reading->column_capacity = larger;
    }
    reading->columns[reading->column_count++] = (struct ps_spark_column){name, vector, is_known};
    return PENSTOCK_OK;
}

penstock_code ps_spark_get(struct ps_spark_reading *reading, const char *name, bool is_text,
                           struct ps_import_vector *vector_out, bool *is_known_out) {
    const struct ps_spark_column *column = find_column(reading, name);
    if (column == NULL) {
        struct ps_import_vector vector = {0};
        PS_TRY(ps_import_input(reading->importing, name, 1, is_text, &vector));
        PS_TRY(ps_spark_put(reading, name, vector, true));
        column = find_column(reading, name);
    }
    *is_known_out = column->is_known;
    PS_TRY(ps_import_vector_new(reading->importing, column->vector.count, vector_out));
    if (column->vector.count > 0) {
        memcpy(vector_out->elements, column->vector.elements,
               column->vector.count * sizeof *column->vector.elements);
    }
    return PENSTOCK_OK;
}

/* --- stages ----------------------------------------------------------------------------------------------- */

/* What the outputs of a stage that is not supported hold, nobody knows. */
static penstock_code put_unknown(struct ps_spark_reading *reading) {
    static const char *const parameters[] = {"outputCol", "outputCols", "predictionCol"};
    for (size_t i = 0; i < 3; i++) {
        yyjson_val *value = ps_spark_parameter(reading, parameters[i]);
        if (yyjson_is_str(value)) {
            PS_TRY(ps_spark_put(reading, yyjson_get_str(value), (struct ps_import_vector){0}, false));
        }
        for (size_t k = 0; k < yyjson_arr_size(value); k++) {
            const char *name = yyjson_get_str(yyjson_arr_get(value, k));
            if (name != NULL) {
                PS_TRY(ps_spark_put(reading, name, (struct ps_import_vector){0}, false));
            }
        }
    }
    return PENSTOCK_OK;
}

static penstock_code run_stage(struct ps_spark_reading *reading, const char *folder, size_t index) {
    PS_TRY(read_metadata(reading, folder, &reading->metadata));
    const char *class_name = yyjson_get_str(yyjson_obj_get(reading->metadata, "class"));
    const char *simple = strrchr(class_name, '.') == NULL ? class_name : strrchr(class_name, '.') + 1;
    (void)snprintf(reading->place, sizeof reading->place, "%.80s (stage %zu)", simple, index);
    for (size_t i = 0; ps_spark_stage_types[i].name != NULL; i++) {
        if (strcmp(ps_spark_stage_types[i].name, simple) == 0) {
            PS_TRY(read_data(reading, folder, &reading->rows));
            reading->row = yyjson_arr_get_first(reading->rows);
            return ps_spark_stage_types[i].run(reading);
        }
    }
    ps_import_problem(reading->importing, "stage %s", reading->place);
    return put_unknown(reading);
}

/* "stages/03_<uid>": the number has as many digits as it needs. */
static penstock_code find_stage(struct ps_spark_reading *reading, char *const *names, size_t count,
                                const char *uid, const char **folder_out) {
    struct ps_arena *arena = reading->importing->arena;
    for (size_t i = 0; i < count; i++) {
        const char *rest = strchr(names[i], '_');
        if (rest != NULL && strcmp(rest + 1, uid) == 0) {
            *folder_out = ps_arena_printf(arena, "%s/stages/%s", reading->importing->options->path, names[i]);
            return *folder_out == NULL ? no_memory(reading) : PENSTOCK_OK;
        }
    }
    return ps_import_damaged(reading->importing, "its stage %.100s is not there", uid);
}

static penstock_code run_stages(struct ps_spark_reading *reading) {
    struct ps_importing *importing = reading->importing;
    yyjson_val *root = NULL;
    PS_TRY(read_metadata(reading, importing->options->path, &root));
    const char *class_name = yyjson_get_str(yyjson_obj_get(root, "class"));
    if (strcmp(class_name, "org.apache.spark.ml.PipelineModel") != 0) {
        (void)ps_error_set(importing->error, PENSTOCK_UNSUPPORTED, "%s is a %.120s, not a PipelineModel",
                           importing->options->path, class_name);
        return ps_error_hint(importing->error, "put it into a Pipeline and save what fit() gives");
    }
    const char *version = yyjson_get_str(yyjson_obj_get(root, "sparkVersion"));
    importing->report->producer =
        version == NULL ? NULL : ps_arena_printf(importing->arena, "Spark %.40s", version);
    yyjson_val *uids = yyjson_obj_get(yyjson_obj_get(root, "paramMap"), "stageUids");
    const char *folder = ps_path_join(importing->arena, importing->options->path, "stages");
    char **names = NULL;
    size_t count = 0;
    if (folder == NULL) {
        return no_memory(reading);
    }
    if (!ps_file_exists(folder) || yyjson_arr_size(uids) == 0 || yyjson_arr_size(uids) > STAGES_MAX) {
        return ps_import_damaged(importing, "it has no stages");
    }
    PS_TRY(ps_file_list(folder, importing->arena, &names, &count, importing->error));
    for (size_t i = 0; i < yyjson_arr_size(uids); i++) {
        const char *uid = yyjson_get_str(yyjson_arr_get(uids, i));
        const char *stage = NULL;
        if (uid == NULL) {
            return ps_import_damaged(importing, "a stage has no name");
        }
        PS_TRY(find_stage(reading, names, count, uid, &stage));
        PS_TRY(run_stage(reading, stage, i));
    }
    return PENSTOCK_OK;
}

penstock_code ps_import_spark(struct ps_importing *importing) {
    struct ps_spark_reading reading = {.importing = importing};
    reading.docs = ps_arena_allocate(importing->arena, PS_SPARK_DOCS_MAX, sizeof *reading.docs);
    if (reading.docs == NULL) {
        return ps_error_memory(importing->error, "an import");
    }
    penstock_code code = run_stages(&reading);
    if (code == PENSTOCK_OK) {
        code = ps_import_spark_check(&reading);
    }
    for (size_t i = 0; i < reading.doc_count; i++) {
        yyjson_doc_free(reading.docs[i]);
    }
    return code;
}
