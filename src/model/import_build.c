/* SPDX-License-Identifier: Apache-2.0
 *
 * import_build.c - columns with their chains become a pipeline of ours, sums over them its predictor.
 *
 * The pipeline is made as the one of a stored model is: calls are bound, what they learnt is put in. Then it is
 * written and read as every model is, so that what was imported is what a later process loads.
 */
#include <math.h>
#include <stdio.h>

#include "model/categories.h"
#include "model/import_values.h"
#include "model/model.h"
#include "model/thresholds.h"

struct builder {
    struct ps_importing *importing;
    struct ps_arena *arena;
    struct ps_pipeline *pipeline;
    double **weights;   /* per column: sum s, category c (or 0): s * widths[column] + c */
    size_t *widths;     /* per column; 0: nothing reads it */
    double *intercepts; /* per sum */
    struct ps_linear_predictor *linear;
    struct penstock_error *error;
};

static penstock_code no_memory(struct builder *builder) {
    return ps_error_memory(builder->error, "an import");
}

/* --- weights ---------------------------------------------------------------------------------------------- */

static void check_elements(struct builder *builder) {
    struct ps_importing *importing = builder->importing;
    const struct ps_import_vector *vector = &importing->sums->vector;
    for (size_t i = 0; i < vector->count; i++) {
        const struct ps_import_element *element = &vector->elements[i];
        if (element->column == PS_IMPORT_CONSTANT) {
            continue;
        }
        const struct ps_import_column *column = importing->columns[element->column];
        if (column->is_text && element->depth == 0) {
            ps_import_problem(importing, "column %s is a text and goes into the sums as it is", column->name);
        } else if (element->depth != column->op_count) {
            ps_import_problem(importing, "column %s goes two ways", column->name);
        }
    }
}

static penstock_code allocate_weights(struct builder *builder) {
    const struct ps_importing *importing = builder->importing;
    const struct ps_import_vector *vector = &importing->sums->vector;
    const size_t sum_count = importing->sums->sum_count;
    builder->weights =
        ps_arena_allocate(builder->arena, importing->column_count + 1, sizeof *builder->weights);
    builder->widths = ps_arena_allocate(builder->arena, importing->column_count + 1, sizeof(size_t));
    builder->intercepts = ps_arena_allocate(builder->arena, sum_count + 1, sizeof(double));
    if (builder->weights == NULL || builder->widths == NULL || builder->intercepts == NULL) {
        return no_memory(builder);
    }
    for (size_t i = 0; i < vector->count; i++) {
        const struct ps_import_element *element = &vector->elements[i];
        if (element->column != PS_IMPORT_CONSTANT) {
            const size_t width = element->category < 0 ? 1 : (size_t)element->category + 1;
            size_t *known = &builder->widths[element->column];
            *known = width > *known ? width : *known;
        }
    }
    for (size_t c = 0; c < importing->column_count; c++) {
        builder->weights[c] =
            ps_arena_allocate(builder->arena, builder->widths[c] * sum_count + 1, sizeof(double));
        if (builder->weights[c] == NULL) {
            return no_memory(builder);
        }
    }
    return PENSTOCK_OK;
}

static penstock_code collect_weights(struct builder *builder) {
    const struct ps_import_sums *sums = builder->importing->sums;
    PS_TRY(allocate_weights(builder));
    for (size_t s = 0; s < sums->sum_count; s++) {
        builder->intercepts[s] = sums->intercepts[s];
        for (size_t i = 0; i < sums->vector.count; i++) {
            const struct ps_import_element *element = &sums->vector.elements[i];
            const double weight = sums->weights[s * sums->vector.count + i];
            if (element->column == PS_IMPORT_CONSTANT || element->category >= 0) {
                builder->intercepts[s] += weight * element->offset;
            }
            if (element->column != PS_IMPORT_CONSTANT) {
                const size_t place = element->category < 0 ? 0 : (size_t)element->category;
                builder->weights[element->column][s * builder->widths[element->column] + place] +=
                    weight * (element->category < 0 ? 1 : element->scale);
            }
        }
    }
    return PENSTOCK_OK;
}

/* --- stages ----------------------------------------------------------------------------------------------- */

static const char *number_text(struct builder *builder, double value) {
    return isinf(value) ? (value < 0 ? "-Infinity" : "Infinity")
                        : ps_arena_printf(builder->arena, "%.17g", value);
}

/* A call with one column and up to two parameters; a list has as many values as it needs. */
static struct ps_call *make_call(struct builder *builder, const char *name, const char *column) {
    struct ps_call *call = ps_arena_allocate(builder->arena, 1, sizeof *call);
    struct ps_parameter *parameters = ps_arena_allocate(builder->arena, 4, sizeof *parameters);
    const char **values = ps_arena_allocate(builder->arena, 1, sizeof *values);
    if (call == NULL || parameters == NULL || values == NULL) {
        return NULL;
    }
    values[0] = column;
    parameters[0] = (struct ps_parameter){.name = "inputCols", .values = values, .value_count = 1};
    *call = (struct ps_call){.name = name, .parameters = parameters, .parameter_count = 1};
    return call;
}

static bool add_parameter(struct builder *builder, struct ps_call *call, const char *name,
                          const char *value) {
    const char **values = ps_arena_allocate(builder->arena, 1, sizeof *values);
    if (values == NULL || value == NULL) {
        return false;
    }
    values[0] = value;
    call->parameters[call->parameter_count++] =
        (struct ps_parameter){.name = name, .values = values, .value_count = 1};
    return true;
}

static bool add_splits(struct builder *builder, struct ps_call *call, const struct ps_import_op *op) {
    const char **values = ps_arena_allocate(builder->arena, op->list_count + 1, sizeof *values);
    for (size_t i = 0; values != NULL && i < op->list_count; i++) {
        values[i] = number_text(builder, op->list[i]);
        if (values[i] == NULL) {
            return false;
        }
    }
    if (values == NULL) {
        return false;
    }
    call->parameters[call->parameter_count++] =
        (struct ps_parameter){.name = "splits", .values = values, .value_count = op->list_count};
    return true;
}

static struct ps_call *call_of(struct builder *builder, const struct ps_import_column *column,
                               const struct ps_import_op *op) {
    static const char *const names[] = {[PS_IMPORT_FILL] = "Imputer",
                                        [PS_IMPORT_AFFINE] = "StandardScaler",
                                        [PS_IMPORT_BUCKET] = "Bucketizer",
                                        [PS_IMPORT_INDEX] = "StringIndexer",
                                        [PS_IMPORT_ENCODE] = "OneHotEncoder"};
    struct ps_call *call = make_call(builder, names[op->kind], column->name);
    bool is_complete = call != NULL;
    switch (op->kind) {
    case PS_IMPORT_FILL:
        is_complete = is_complete && add_parameter(builder, call, "strategy", "constant") &&
                      add_parameter(builder, call, "value", number_text(builder, op->numbers[0]));
        if (!isnan(op->numbers[1])) {
            is_complete = is_complete &&
                          add_parameter(builder, call, "missingValue", number_text(builder, op->numbers[1]));
        }
        break;
    case PS_IMPORT_AFFINE:
        is_complete = is_complete && add_parameter(builder, call, "withMean", "true");
        break;
    case PS_IMPORT_BUCKET: is_complete = is_complete && add_splits(builder, call, op); break;
    case PS_IMPORT_INDEX: break;
    case PS_IMPORT_ENCODE:
        is_complete = is_complete && add_parameter(builder, call, "dropLast", "false");
        break;
    }
    if (op->invalid != NULL) {
        is_complete = is_complete && add_parameter(builder, call, "handleInvalid", op->invalid);
    }
    return is_complete ? call : NULL;
}

static penstock_code set_categories(struct builder *builder, const struct ps_import_op *op,
                                    const struct ps_import_column *column, struct ps_categories *categories) {
    const size_t count = op->texts != NULL ? op->text_count : op->list_count;
    if (count == 0 || count > PS_LIMIT_FEATURE_COUNT) {
        return ps_import_damaged(builder->importing, "column %s has %zu categories", column->name, count);
    }
    categories->count = count;
    categories->labels = ps_arena_allocate(builder->arena, count, sizeof *categories->labels);
    categories->numbers = op->texts != NULL ? NULL : ps_arena_allocate(builder->arena, count, sizeof(double));
    if (categories->labels == NULL || (op->texts == NULL && categories->numbers == NULL)) {
        return no_memory(builder);
    }
    for (size_t i = 0; i < count; i++) {
        if (op->texts != NULL) {
            categories->labels[i] = op->texts[i];
            continue;
        }
        categories->numbers[i] = op->list[i];
        categories->labels[i] = ps_category_label(builder->arena, op->list[i]);
        if (!isfinite(op->list[i]) || (i > 0 && !(op->list[i - 1] < op->list[i]))) {
            return ps_import_damaged(builder->importing, "the categories of column %s do not rise",
                                     column->name);
        }
        if (categories->labels[i] == NULL) {
            return no_memory(builder);
        }
    }
    return PENSTOCK_OK;
}

static penstock_code add_stage(struct builder *builder, const struct ps_import_column *column,
                               const struct ps_import_op *op) {
    const struct ps_call *call = call_of(builder, column, op);
    if (call == NULL) {
        return no_memory(builder);
    }
    struct ps_pipeline *pipeline = builder->pipeline;
    penstock_code code = ps_pipeline_add(pipeline, call, builder->error);
    if (code == PENSTOCK_INVALID_PROJECT) { /* a sentence about a statement that nobody wrote */
        (void)ps_error_context(builder->error, "%s: column %s", builder->importing->options->path,
                               column->name);
        if (builder->error != NULL) {
            builder->error->code = PENSTOCK_INVALID_DATA;
        }
        return PENSTOCK_INVALID_DATA;
    }
    PS_TRY(code);
    struct ps_transform *transform = &pipeline->transforms[pipeline->transform_count - 1];
    transform->is_fitted[0] = true;
    if (op->kind == PS_IMPORT_FILL) {
        transform->numbers[0] = op->numbers[0];
    } else if (op->kind == PS_IMPORT_AFFINE) {
        memcpy(transform->numbers, op->numbers, sizeof op->numbers);
    } else if (op->texts != NULL || (op->kind == PS_IMPORT_ENCODE && op->list != NULL)) {
        PS_TRY(set_categories(builder, op, column, &transform->categories[0]));
    }
    PS_TRY(transform->type->finish(pipeline, transform, builder->error));
    if (op->kind == PS_IMPORT_ENCODE) {
        pipeline->slots[transform->outputs[0]].dropped = -1;
    }
    return PENSTOCK_OK;
}

/* Two operations as one, where that rounds no more than they do. */
static bool join(struct ps_import_op *op, const struct ps_import_op *next) {
    if (op->kind != PS_IMPORT_AFFINE || next->kind != PS_IMPORT_AFFINE || op->numbers[2] != 0) {
        return false;
    }
    if (next->numbers[0] == 0 && (op->numbers[1] == 1 || next->numbers[1] == 1)) {
        op->numbers[1] *= next->numbers[1];
        op->numbers[2] = next->numbers[2];
        return true;
    }
    return false;
}

static penstock_code add_chain(struct builder *builder, const struct ps_import_column *column) {
    for (size_t i = 0; i < column->op_count; i++) {
        struct ps_import_op op = column->ops[i];
        while (i + 1 < column->op_count && join(&op, &column->ops[i + 1])) {
            i++;
        }
        PS_TRY(add_stage(builder, column, &op));
    }
    return PENSTOCK_OK;
}

static penstock_code build_pipeline(struct builder *builder) {
    struct ps_importing *importing = builder->importing;
    PS_TRY(ps_pipeline_new(builder->arena, &builder->pipeline, builder->error));
    for (size_t c = 0; c < importing->column_count; c++) {
        const struct ps_import_column *column = importing->columns[c];
        if (builder->widths[c] > 0) {
            PS_TRY(ps_pipeline_add_input(
                builder->pipeline, column->name, column->is_text ? PS_SLOT_TEXT : PS_SLOT_NUMBER,
                column->is_text ? "VARCHAR" : "DOUBLE", NULL, false, builder->error));
        }
    }
    for (size_t c = 0; c < importing->column_count; c++) {
        if (builder->widths[c] > 0) {
            PS_TRY(add_chain(builder, importing->columns[c]));
        }
    }
    return PENSTOCK_OK;
}

/* --- predictor -------------------------------------------------------------------------------------------- */

/* Two classes have one sum here: the second's less the first's. */
static void join_sums(struct builder *builder) {
    struct ps_import_sums *sums = builder->importing->sums;
    if (sums->class_count != 2 || sums->sum_count != 2) {
        return;
    }
    builder->intercepts[0] = builder->intercepts[1] - builder->intercepts[0];
    for (size_t c = 0; c < builder->importing->column_count; c++) {
        for (size_t i = 0; i < builder->widths[c]; i++) {
            builder->weights[c][i] = builder->weights[c][builder->widths[c] + i] - builder->weights[c][i];
        }
    }
    sums->sum_count = 1;
    sums->link = PS_LINK_LOGIT;
}

static enum ps_task task_of(const struct ps_import_sums *sums) {
    return sums->class_count == 0   ? PS_TASK_REGRESSION
           : sums->class_count == 2 ? PS_TASK_BINARY
                                    : PS_TASK_MULTICLASS;
}

/* Coefficients in the order of the features; a category that cannot occur here has none. */
static void place_weights(struct builder *builder, struct ps_linear_predictor *linear) {
    const struct ps_importing *importing = builder->importing;
    size_t feature = 0;
    size_t column = 0;
    for (size_t c = 0; c < builder->pipeline->column_count; c++, column++) {
        while (builder->widths[column] == 0) {
            column++;
        }
        const struct ps_slot *slot = &builder->pipeline->slots[builder->pipeline->columns[c].slot];
        const size_t width = slot->kind == PS_SLOT_ONE_HOT ? slot->width : 1;
        for (size_t i = 0; i < width; i++, feature++) {
            for (size_t s = 0; s < importing->sums->sum_count && i < builder->widths[column]; s++) {
                linear->coefficients[s * linear->predictor.feature_count + feature] =
                    builder->weights[column][s * builder->widths[column] + i];
            }
        }
    }
    memcpy(linear->intercepts, builder->intercepts, importing->sums->sum_count * sizeof(double));
}

static penstock_code build_predictor(struct builder *builder, struct ps_linear_predictor **linear_out) {
    const struct ps_import_sums *sums = builder->importing->sums;
    const size_t feature_count = ps_pipeline_feature_count(builder->pipeline);
    struct ps_linear_predictor *linear = NULL;
    PS_TRY(ps_linear_predictor_new(task_of(sums), sums->link, sums->sum_count, feature_count,
                                   sums->class_count == 0 ? 1 : sums->class_count, &linear, builder->error));
    *linear_out = linear;
    linear->link_power = sums->link_power;
    linear->threshold = sums->threshold;
    if (ps_thresholds_check(sums->thresholds, (double)NAN, NULL) != PENSTOCK_OK) {
        return ps_import_damaged(builder->importing, "thresholds are no thresholds");
    }
    PS_TRY(ps_thresholds_set(sums->thresholds, &linear->predictor, builder->error));
    place_weights(builder, linear);
    for (size_t i = 0; i < sums->sum_count * feature_count; i++) {
        if (!isfinite(linear->coefficients[i])) {
            return ps_import_damaged(builder->importing, "a coefficient is not finite");
        }
    }
    for (size_t s = 0; s < sums->sum_count; s++) {
        if (!isfinite(linear->intercepts[s])) {
            return ps_import_damaged(builder->importing, "an intercept is not finite");
        }
    }
    return PENSTOCK_OK;
}

static penstock_code build(struct builder *builder, struct ps_linear_predictor **linear_out,
                           struct ps_fitted **fitted_out) {
    const struct ps_import_sums *sums = builder->importing->sums;
    PS_TRY(collect_weights(builder));
    PS_TRY(build_pipeline(builder));
    join_sums(builder);
    PS_TRY(build_predictor(builder, linear_out));
    const struct ps_target target = {.task = task_of(sums),
                                     .class_count = sums->class_count,
                                     .class_names = sums->class_names,
                                     .is_text = sums->is_text_class};
    struct ps_buffer json PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&json, PS_LIMIT_ARENA_SIZE);
    PS_TRY(ps_model_write_predictor(builder->pipeline, &(*linear_out)->predictor, &target, &json,
                                    builder->error));
    return ps_fitted_from_json(json.data, json.size, fitted_out, builder->error);
}

static penstock_code tell_problems(struct ps_importing *importing) {
    const size_t more = importing->problem_count > 20 ? importing->problem_count - 20 : 0;
    (void)ps_error_set(importing->error, PENSTOCK_UNSUPPORTED, "%s cannot be imported: %s%s",
                       importing->options->path,
                       importing->problems.size > 0 ? importing->problems.data : "it is not supported",
                       more > 0 ? ", and more" : "");
    return ps_error_hint(importing->error,
                         "linear pipelines can: indexers, one-hot encoders, scalers, imputers, buckets and a"
                         " linear or logistic regression");
}

penstock_code ps_import_finish(struct ps_importing *importing, struct ps_fitted **fitted_out) {
    struct builder builder = {.importing = importing, .arena = importing->arena, .error = importing->error};
    PS_TRY(ps_buffer_status(&importing->problems, importing->error));
    if (importing->problem_count == 0 && importing->sums == NULL) {
        ps_import_problem(importing, "there is no linear or logistic regression in it");
    }
    if (importing->problem_count == 0) {
        check_elements(&builder);
    }
    if (importing->problem_count > 0) {
        return tell_problems(importing);
    }
    struct ps_linear_predictor *linear = NULL;
    const penstock_code code = build(&builder, &linear, fitted_out);
    ps_predictor_free(linear == NULL ? NULL : &linear->predictor);
    return code;
}
