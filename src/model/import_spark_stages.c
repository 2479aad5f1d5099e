/* SPDX-License-Identifier: Apache-2.0
 *
 * import_spark_stages.c - the stages of a Spark pipeline that are known, one function each.
 */
#include <math.h>

#include "model/import_spark.h"

static penstock_code no_memory(struct ps_spark_reading *reading) {
    return ps_error_memory(reading->importing->error, "an import");
}

/* Texts of a JSON array, in the arena. */
static penstock_code copy_texts(struct ps_spark_reading *reading, yyjson_val *list,
                                const char *const **texts_out, size_t *count_out) {
    const size_t count = yyjson_arr_size(list);
    const char **texts = ps_arena_allocate(reading->importing->arena, count + 1, sizeof *texts);
    if (texts == NULL) {
        return no_memory(reading);
    }
    size_t index, size;
    yyjson_val *value;
    yyjson_arr_foreach(list, index, size, value) {
        const char *text = yyjson_get_str(value);
        if (text == NULL || strlen(text) != yyjson_get_len(value)) {
            return ps_import_damaged(reading->importing, "%s: a label is no text", reading->place);
        }
        texts[index] = ps_arena_copy(reading->importing->arena, text);
        if (texts[index] == NULL) {
            return no_memory(reading);
        }
    }
    *texts_out = texts;
    *count_out = count;
    return PENSTOCK_OK;
}

/* "error", "keep" or "skip". */
static penstock_code invalid_of(struct ps_spark_reading *reading, const char **invalid_out) {
    static const char *const names[] = {"error", "keep", "skip"};
    const char *text = ps_spark_text(reading, "handleInvalid", "error");
    for (size_t i = 0; i < 3; i++) {
        if (strcmp(names[i], text) == 0) {
            *invalid_out = names[i];
            return PENSTOCK_OK;
        }
    }
    return ps_import_damaged(reading->importing, "%s: handleInvalid is '%.40s'", reading->place, text);
}

/* Input and output columns, as many of each. */
struct columns {
    const char *const *inputs, *const *outputs;
    size_t count;
};
static penstock_code columns_of(struct ps_spark_reading *reading, struct columns *columns_out) {
    size_t output_count = 0;
    PS_TRY(ps_spark_columns(reading, "inputCol", "inputCols", &columns_out->inputs, &columns_out->count));
    PS_TRY(ps_spark_columns(reading, "outputCol", "outputCols", &columns_out->outputs, &output_count));
    return output_count == columns_out->count
               ? PENSTOCK_OK
               : ps_import_damaged(reading->importing, "%s has not as many outputs as inputs",
                                   reading->place);
}

/* One operation on a column that is one element. */
static penstock_code change_column(struct ps_spark_reading *reading, const char *input, const char *output,
                                   bool is_text, const struct ps_import_op *op) {
    struct ps_import_vector vector;
    bool is_known = false;
    PS_TRY(ps_spark_get(reading, input, is_text, &vector, &is_known));
    if (is_known && vector.count != 1) {
        ps_import_problem(reading->importing, "stage %s: column %s is a vector", reading->place, input);
        is_known = false;
    }
    if (is_known) {
        PS_TRY(ps_import_apply(reading->importing, &vector.elements[0], op, reading->place));
    }
    return ps_spark_put(reading, output, vector, is_known);
}

static penstock_code run_indexer(struct ps_spark_reading *reading) {
    struct columns columns;
    struct ps_import_op op = {.kind = PS_IMPORT_INDEX};
    PS_TRY(columns_of(reading, &columns));
    PS_TRY(invalid_of(reading, &op.invalid));
    yyjson_val *arrays = yyjson_obj_get(reading->row, "labelsArray");
    for (size_t i = 0; i < columns.count; i++) {
        yyjson_val *labels =
            arrays == NULL ? yyjson_obj_get(reading->row, "labels") : yyjson_arr_get(arrays, i);
        PS_TRY(copy_texts(reading, labels, &op.texts, &op.text_count));
        if (op.text_count == 0) {
            return ps_import_damaged(reading->importing, "%s has no labels", reading->place);
        }
        PS_TRY(change_column(reading, columns.inputs[i], columns.outputs[i], true, &op));
    }
    return PENSTOCK_OK;
}

/* 0, 1, ..., count - 1: what an index can be that nobody made here. */
static penstock_code make_places(struct ps_spark_reading *reading, size_t count, const double **list_out) {
    double *list = ps_arena_allocate(reading->importing->arena, count + 1, sizeof *list);
    for (size_t i = 0; list != NULL && i < count; i++) {
        list[i] = (double)i;
    }
    *list_out = list;
    return list == NULL ? no_memory(reading) : PENSTOCK_OK;
}

static bool is_index(const struct ps_importing *importing, const struct ps_import_element *element) {
    if (element->column == PS_IMPORT_CONSTANT || element->depth == 0) {
        return false;
    }
    const enum ps_import_op_kind kind = importing->columns[element->column]->ops[element->depth - 1].kind;
    return kind == PS_IMPORT_INDEX || kind == PS_IMPORT_BUCKET;
}

static penstock_code encode_column(struct ps_spark_reading *reading, const char *input, const char *output,
                                   size_t size, const char *invalid) {
    struct ps_import_vector vector, encoded = {0};
    bool is_known = false;
    PS_TRY(ps_spark_get(reading, input, false, &vector, &is_known));
    if (is_known && vector.count == 1) {
        const bool keeps = strcmp(invalid, "keep") == 0;
        const bool drops = ps_spark_bool(reading, "dropLast", true);
        struct ps_import_op op = {.kind = PS_IMPORT_ENCODE, .invalid = invalid};
        if (!is_index(reading->importing, &vector.elements[0])) {
            PS_TRY(make_places(reading, size, &op.list));
            op.list_count = size;
        }
        const size_t width = size + (keeps ? 1 : 0) - (drops ? 1 : 0);
        PS_TRY(
            ps_import_encode(reading->importing, &vector.elements[0], &op, width, reading->place, &encoded));
    } else if (is_known) {
        ps_import_problem(reading->importing, "stage %s: column %s is a vector", reading->place, input);
        is_known = false;
    }
    return ps_spark_put(reading, output, encoded, is_known);
}

static penstock_code run_encoder(struct ps_spark_reading *reading) {
    struct columns columns;
    const char *invalid = NULL;
    double *sizes = NULL;
    size_t size_count = 0;
    PS_TRY(columns_of(reading, &columns));
    PS_TRY(invalid_of(reading, &invalid));
    PS_TRY(ps_spark_doubles(reading, yyjson_obj_get(reading->row, "categorySizes"), &sizes, &size_count));
    if (size_count != columns.count) {
        return ps_import_damaged(reading->importing, "%s has not as many sizes as columns", reading->place);
    }
    for (size_t i = 0; i < columns.count; i++) {
        if (!(sizes[i] >= 1) || sizes[i] > PS_LIMIT_FEATURE_COUNT) {
            return ps_import_damaged(reading->importing, "%s: %g categories", reading->place, sizes[i]);
        }
        PS_TRY(encode_column(reading, columns.inputs[i], columns.outputs[i], (size_t)sizes[i], invalid));
    }
    return PENSTOCK_OK;
}

static penstock_code run_bucketizer(struct ps_spark_reading *reading) {
    struct columns columns;
    struct ps_import_op op = {.kind = PS_IMPORT_BUCKET};
    PS_TRY(columns_of(reading, &columns));
    PS_TRY(invalid_of(reading, &op.invalid));
    yyjson_val *arrays = yyjson_obj_get(yyjson_obj_get(reading->metadata, "paramMap"), "splitsArray");
    for (size_t i = 0; i < columns.count; i++) {
        double *splits = NULL;
        yyjson_val *list = arrays == NULL ? ps_spark_parameter(reading, "splits") : yyjson_arr_get(arrays, i);
        PS_TRY(ps_spark_doubles(reading, list, &splits, &op.list_count));
        op.list = splits;
        PS_TRY(change_column(reading, columns.inputs[i], columns.outputs[i], false, &op));
    }
    return PENSTOCK_OK;
}

static penstock_code run_imputer(struct ps_spark_reading *reading) {
    struct columns columns;
    PS_TRY(columns_of(reading, &columns));
    for (size_t i = 0; i < columns.count; i++) {
        const struct ps_import_op op = {
            .kind = PS_IMPORT_FILL,
            .numbers = {ps_spark_number_of(yyjson_obj_get(reading->row, columns.inputs[i])),
                        ps_spark_number(reading, "missingValue", (double)NAN), 0}};
        if (!isfinite(op.numbers[0])) {
            return ps_import_damaged(reading->importing, "%s has no number for column %s", reading->place,
                                     columns.inputs[i]);
        }
        PS_TRY(change_column(reading, columns.inputs[i], columns.outputs[i], false, &op));
    }
    return PENSTOCK_OK;
}

/* --- vectors ---------------------------------------------------------------------------------------------- */

static penstock_code run_assembler(struct ps_spark_reading *reading) {
    const char *const *inputs = NULL;
    const char *const *outputs = NULL;
    size_t count = 0, output_count = 0, size = 0;
    bool is_known = true;
    PS_TRY(ps_spark_columns(reading, "inputCol", "inputCols", &inputs, &count));
    PS_TRY(ps_spark_columns(reading, "outputCol", "outputCols", &outputs, &output_count));
    struct ps_import_vector *parts = ps_arena_allocate(reading->importing->arena, count, sizeof *parts);
    struct ps_import_vector whole;
    if (parts == NULL) {
        return no_memory(reading);
    }
    for (size_t i = 0; i < count; i++) {
        bool is_part_known = false;
        PS_TRY(ps_spark_get(reading, inputs[i], false, &parts[i], &is_part_known));
        is_known = is_known && is_part_known;
        size += parts[i].count;
    }
    PS_TRY(ps_import_vector_new(reading->importing, size, &whole));
    size = 0;
    for (size_t i = 0; i < count; i++) {
        memcpy(whole.elements + size, parts[i].elements, parts[i].count * sizeof *whole.elements);
        size += parts[i].count;
    }
    return ps_spark_put(reading, outputs[0], whole, is_known);
}

static penstock_code run_slicer(struct ps_spark_reading *reading) {
    struct columns columns;
    struct ps_import_vector from, to;
    bool is_known = false;
    double *places = NULL;
    size_t count = 0;
    PS_TRY(columns_of(reading, &columns));
    PS_TRY(ps_spark_doubles(reading, ps_spark_parameter(reading, "indices"), &places, &count));
    PS_TRY(ps_spark_get(reading, columns.inputs[0], false, &from, &is_known));
    if (yyjson_arr_size(ps_spark_parameter(reading, "names")) > 0) {
        ps_import_problem(reading->importing, "stage %s: by names", reading->place);
        is_known = false;
    }
    PS_TRY(ps_import_vector_new(reading->importing, is_known ? count : 0, &to));
    for (size_t i = 0; i < to.count; i++) {
        if (!(places[i] >= 0) || !(places[i] < (double)from.count)) {
            return ps_import_damaged(reading->importing, "%s: place %g of %zu", reading->place, places[i],
                                     from.count);
        }
        to.elements[i] = from.elements[(size_t)places[i]];
    }
    return ps_spark_put(reading, columns.outputs[0], to, is_known);
}

/* Numbers of a scaler: (x - shift) * factor + offset for each element. */
struct scaling {
    const double *shifts, *lengths; /* lengths: what is divided by, or the largest value (is_range) */
    size_t shift_count, length_count;
    bool is_range;
    double zero_factor; /* of a length of 0 */
    double least, largest;
};

static penstock_code scale_vector(struct ps_spark_reading *reading, const struct scaling *scaling) {
    struct columns columns;
    struct ps_import_vector vector;
    bool is_known = false;
    PS_TRY(columns_of(reading, &columns));
    PS_TRY(ps_spark_get(reading, columns.inputs[0], false, &vector, &is_known));
    if (is_known && ((scaling->shifts != NULL && scaling->shift_count != vector.count) ||
                     (scaling->lengths != NULL && scaling->length_count != vector.count))) {
        return ps_import_damaged(reading->importing, "%s has not as many numbers as its vector",
                                 reading->place);
    }
    for (size_t i = 0; is_known && i < vector.count; i++) {
        const double shift = scaling->shifts == NULL ? 0 : scaling->shifts[i];
        double factor = 1, offset = 0;
        if (scaling->is_range) {
            const double range = scaling->lengths[i] - shift;
            factor = range == 0 ? 0 : (scaling->largest - scaling->least) / range;
            offset = range == 0 ? 0.5 * (scaling->largest + scaling->least) : scaling->least;
        } else if (scaling->lengths != NULL) {
            factor = scaling->lengths[i] == 0 ? scaling->zero_factor : 1 / scaling->lengths[i];
        }
        PS_TRY(
            ps_import_scale(reading->importing, &vector.elements[i], shift, factor, offset, reading->place));
    }
    return ps_spark_put(reading, columns.outputs[0], vector, is_known);
}

static penstock_code learnt(struct ps_spark_reading *reading, const char *name, const double **values_out,
                            size_t *count_out) {
    double *values = NULL;
    PS_TRY(ps_spark_vector(reading, yyjson_obj_get(reading->row, name), &values, count_out));
    *values_out = values;
    return PENSTOCK_OK;
}

static penstock_code run_standard(struct ps_spark_reading *reading) {
    struct scaling scaling = {0};
    if (ps_spark_bool(reading, "withMean", false)) {
        PS_TRY(learnt(reading, "mean", &scaling.shifts, &scaling.shift_count));
    }
    if (ps_spark_bool(reading, "withStd", true)) {
        PS_TRY(learnt(reading, "std", &scaling.lengths, &scaling.length_count));
    }
    return scale_vector(reading, &scaling);
}

static penstock_code run_robust(struct ps_spark_reading *reading) {
    struct scaling scaling = {0};
    if (ps_spark_bool(reading, "withCentering", false)) {
        PS_TRY(learnt(reading, "median", &scaling.shifts, &scaling.shift_count));
    }
    if (ps_spark_bool(reading, "withScaling", true)) {
        PS_TRY(learnt(reading, "range", &scaling.lengths, &scaling.length_count));
    }
    return scale_vector(reading, &scaling);
}

static penstock_code run_min_max(struct ps_spark_reading *reading) {
    struct scaling scaling = {.is_range = true,
                              .least = ps_spark_number(reading, "min", 0),
                              .largest = ps_spark_number(reading, "max", 1)};
    PS_TRY(learnt(reading, "originalMin", &scaling.shifts, &scaling.shift_count));
    PS_TRY(learnt(reading, "originalMax", &scaling.lengths, &scaling.length_count));
    return scale_vector(reading, &scaling);
}

static penstock_code run_max_abs(struct ps_spark_reading *reading) {
    struct scaling scaling = {.zero_factor = 1};
    PS_TRY(learnt(reading, "maxAbs", &scaling.lengths, &scaling.length_count));
    return scale_vector(reading, &scaling);
}

/* --- predictors ------------------------------------------------------------------------------------------- */

/* The features; NULL in *sums_out: they are not known. */
static penstock_code begin_sums(struct ps_spark_reading *reading, size_t sum_count,
                                struct ps_import_sums **sums_out) {
    struct ps_import_vector vector;
    bool is_known = false;
    *sums_out = NULL;
    PS_TRY(
        ps_spark_get(reading, ps_spark_text(reading, "featuresCol", "features"), false, &vector, &is_known));
    const char *label = ps_spark_text(reading, "labelCol", "label");
    reading->importing->report->label = ps_arena_copy(reading->importing->arena, label);
    PS_TRY(ps_spark_put(reading, ps_spark_text(reading, "predictionCol", "prediction"),
                        (struct ps_import_vector){0}, false));
    return is_known ? ps_import_sums_new(reading->importing, vector, sum_count, reading->place, sums_out)
                    : PENSTOCK_OK;
}

static penstock_code set_weights(struct ps_spark_reading *reading, struct ps_import_sums *sums, size_t s,
                                 const double *values, size_t count, double intercept) {
    if (count != sums->vector.count) {
        return ps_import_damaged(reading->importing, "%s has %zu coefficients for %zu features",
                                 reading->place, count, sums->vector.count);
    }
    memcpy(sums->weights + s * count, values, count * sizeof(double));
    sums->intercepts[s] = intercept;
    return PENSTOCK_OK;
}

static penstock_code run_linear(struct ps_spark_reading *reading) {
    struct ps_import_sums *sums = NULL;
    const double *values = NULL;
    size_t count = 0;
    PS_TRY(begin_sums(reading, 1, &sums));
    PS_TRY(learnt(reading, "coefficients", &values, &count));
    return sums == NULL ? PENSTOCK_OK
                        : set_weights(reading, sums, 0, values, count,
                                      ps_spark_number_of(yyjson_obj_get(reading->row, "intercept")));
}

static penstock_code run_generalized(struct ps_spark_reading *reading) {
    static const struct {
        const char *family, *link; /* the link a family has when none is said */
    } defaults[] = {
        {"gaussian", "identity"}, {"binomial", "logit"}, {"poisson", "log"}, {"gamma", "inverse"}};
    const char *family = ps_spark_text(reading, "family", "gaussian");
    const char *link = ps_spark_text(reading, "link", NULL);
    for (size_t i = 0; link == NULL && i < sizeof defaults / sizeof defaults[0]; i++) {
        link = strcmp(defaults[i].family, family) == 0 ? defaults[i].link : NULL;
    }
    PS_TRY(run_linear(reading));
    const char *offset = ps_spark_text(reading, "offsetCol", NULL);
    if (offset != NULL && offset[0] != '\0') { /* it is no element of the vector */
        ps_import_problem(reading->importing, "stage %s: offsetCol %.40s", reading->place, offset);
    }
    struct ps_import_sums *sums = reading->importing->sums;
    if (sums == NULL) {
        return PENSTOCK_OK;
    }
    if (strcmp(family, "tweedie") == 0) {
        const double power =
            ps_spark_number(reading, "linkPower", 1 - ps_spark_number(reading, "variancePower", 0));
        sums->link = power == 1 ? PS_LINK_IDENTITY : power == 0 ? PS_LINK_LOG : PS_LINK_POWER;
        sums->link_power = power;
        return PENSTOCK_OK;
    }
    for (int i = PS_LINK_IDENTITY; link != NULL && i < PS_LINK_POWER; i++) {
        if (strcmp(ps_link_name((enum ps_link)i), link) == 0) {
            sums->link = (enum ps_link)i;
            return PENSTOCK_OK;
        }
    }
    ps_import_problem(reading->importing, "stage %s: link %.40s", reading->place, link == NULL ? "?" : link);
    return PENSTOCK_OK;
}

/* Classes are 0, 1, ... until an IndexToString names them. */
static penstock_code count_classes(struct ps_spark_reading *reading, struct ps_import_sums *sums,
                                   size_t count) {
    const char **names = ps_arena_allocate(reading->importing->arena, count + 1, sizeof *names);
    for (size_t i = 0; names != NULL && i < count; i++) {
        names[i] = ps_arena_printf(reading->importing->arena, "%zu", i);
        if (names[i] == NULL) {
            return no_memory(reading);
        }
    }
    sums->class_names = names;
    sums->class_count = count;
    return names == NULL ? no_memory(reading) : PENSTOCK_OK;
}

/* Element (row, column) of a MatrixUDT. */
static double matrix_at(yyjson_val *matrix, const double *values, size_t rows, size_t columns, size_t row,
                        size_t column) {
    return yyjson_get_bool(yyjson_obj_get(matrix, "isTransposed")) ? values[row * columns + column]
                                                                   : values[column * rows + row];
}

static penstock_code read_thresholds(struct ps_spark_reading *reading, struct ps_import_sums *sums) {
    yyjson_val *list = ps_spark_parameter(reading, "thresholds");
    const char *text = "[";
    size_t index, count;
    yyjson_val *number;
    yyjson_arr_foreach(list, index, count, number) {
        text = text == NULL ? NULL
                            : ps_arena_printf(reading->importing->arena, "%s%s%.17g", text,
                                              index == 0 ? "" : ", ", yyjson_get_num(number));
    }
    if (yyjson_arr_size(list) == 0) {
        return PENSTOCK_OK;
    }
    sums->thresholds = text == NULL ? NULL : ps_arena_printf(reading->importing->arena, "%s]", text);
    return sums->thresholds == NULL ? no_memory(reading) : PENSTOCK_OK;
}

static penstock_code run_logistic(struct ps_spark_reading *reading) {
    yyjson_val *matrix = yyjson_obj_get(reading->row, "coefficientMatrix");
    const int64_t rows = yyjson_get_sint(yyjson_obj_get(matrix, "numRows"));
    const int64_t columns = yyjson_get_sint(yyjson_obj_get(matrix, "numCols"));
    const int64_t class_count = yyjson_get_sint(yyjson_obj_get(reading->row, "numClasses"));
    const bool is_multinomial = yyjson_get_bool(yyjson_obj_get(reading->row, "isMultinomial"));
    double *values = NULL;
    const double *intercepts = NULL;
    size_t count = 0, intercept_count = 0;
    struct ps_import_sums *sums = NULL;
    PS_TRY(ps_spark_doubles(reading, yyjson_obj_get(matrix, "values"), &values, &count));
    PS_TRY(learnt(reading, "interceptVector", &intercepts, &intercept_count));
    if (rows < 1 || columns < 0 || class_count < 2 || class_count > PS_LIMIT_FEATURE_COUNT ||
        rows != (is_multinomial ? class_count : 1) || columns > PS_LIMIT_FEATURE_COUNT ||
        intercept_count != (size_t)rows) {
        return ps_import_damaged(reading->importing, "%s has an impossible size", reading->place);
    }
    if (yyjson_get_int(yyjson_obj_get(matrix, "type")) != 1 || count != (size_t)(rows * columns)) {
        ps_import_problem(reading->importing, "stage %s: sparse coefficients", reading->place);
        return PENSTOCK_OK;
    }
    PS_TRY(begin_sums(reading, (size_t)rows, &sums));
    if (sums == NULL) {
        return PENSTOCK_OK;
    }
    double *weights = ps_arena_allocate(reading->importing->arena, (size_t)columns + 1, sizeof(double));
    if (weights == NULL) {
        return no_memory(reading);
    }
    for (size_t s = 0; s < (size_t)rows; s++) {
        for (size_t j = 0; j < (size_t)columns; j++) {
            weights[j] = matrix_at(matrix, values, (size_t)rows, (size_t)columns, s, j);
        }
        PS_TRY(set_weights(reading, sums, s, weights, (size_t)columns, intercepts[s]));
    }
    sums->link = is_multinomial ? PS_LINK_SOFTMAX : PS_LINK_LOGIT;
    sums->threshold = is_multinomial ? 0.5 : ps_spark_number(reading, "threshold", 0.5);
    PS_TRY(read_thresholds(reading, sums));
    return count_classes(reading, sums, (size_t)class_count);
}

/* Behind the classifier: names of its classes. */
static penstock_code run_names(struct ps_spark_reading *reading) {
    struct ps_import_sums *sums = reading->importing->sums;
    const char *const *names = NULL;
    size_t count = 0;
    PS_TRY(copy_texts(reading, ps_spark_parameter(reading, "labels"), &names, &count));
    if (sums == NULL || sums->class_count != count) {
        ps_import_problem(reading->importing, "stage %s: of something else than the classes", reading->place);
        return PENSTOCK_OK;
    }
    sums->class_names = names;
    sums->is_text_class = true;
    return PENSTOCK_OK;
}

penstock_code ps_import_spark_check(struct ps_spark_reading *reading) {
    struct ps_import_sums *sums = reading->importing->sums;
    if (sums != NULL && (!isfinite(sums->threshold) || sums->threshold < 0 || sums->threshold > 1)) {
        return ps_import_damaged(reading->importing, "a threshold is no share");
    }
    return PENSTOCK_OK;
}

const struct ps_spark_stage_type ps_spark_stage_types[] = {
    {"StringIndexerModel", run_indexer},
    {"OneHotEncoderModel", run_encoder},
    {"Bucketizer", run_bucketizer},
    {"ImputerModel", run_imputer},
    {"VectorAssembler", run_assembler},
    {"VectorSlicer", run_slicer},
    {"StandardScalerModel", run_standard},
    {"MinMaxScalerModel", run_min_max},
    {"MaxAbsScalerModel", run_max_abs},
    {"RobustScalerModel", run_robust},
    {"LinearRegressionModel", run_linear},
    {"GeneralizedLinearRegressionModel", run_generalized},
    {"LogisticRegressionModel", run_logistic},
    {"IndexToString", run_names},
    {NULL, NULL},
};
