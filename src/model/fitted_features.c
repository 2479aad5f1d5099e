/* SPDX-License-Identifier: Apache-2.0
 *
 * fitted_features.c - the second half of a stored model: features, classes, predictor.
 *
 * The features are those that the transforms make; the file names them, so that a file whose halves do not belong
 * together is found out. Format 1 had coefficients with the features; it is a linear regression.
 */
#include <math.h>

#include "base/limits.h"
#include "model/model.h"

/* Classes of a stored model at most: what a label may have (dataset.h), with room. */
static const size_t class_count_max = 65536;

static penstock_code damaged(struct penstock_error *error, const char *what) {
    return ps_predictor_damaged(error, what);
}

/* A live column of the pipeline: its names are compared, its features numbered. */
static penstock_code read_column(struct ps_fitted *fitted, yyjson_val *features, const int64_t *dropped,
                                 size_t slot_index, size_t *next, struct penstock_error *error) {
    const struct ps_slot *slot = &fitted->pipeline->slots[slot_index];
    const bool is_group = slot->kind == PS_SLOT_ONE_HOT;
    struct ps_feature_column *column = &fitted->columns[fitted->column_count];
    fitted->slots[fitted->column_count++] = slot_index;
    *column = (struct ps_feature_column){.feature = *next, .width = is_group ? slot->width : 1};
    int32_t *indexes = is_group ? ps_arena_allocate(fitted->arena, slot->width + 1, sizeof *indexes) : NULL;
    column->features = indexes;
    if (is_group && indexes == NULL) {
        return ps_error_memory(error, "a model");
    }
    for (size_t i = 0; i < column->width; i++) {
        if (is_group && ps_slot_is_dropped(slot, dropped, i)) {
            indexes[i] = -1;
            continue;
        }
        const char *name = ps_slot_feature_name(fitted->pipeline, slot_index, i);
        if (name == NULL) {
            return ps_error_memory(error, "a model");
        }
        yyjson_val *feature = yyjson_arr_get(features, *next);
        if (*next >= fitted->feature_count || !yyjson_equals_str(yyjson_obj_get(feature, "name"), name)) {
            return damaged(error, "its features are not those of its transforms");
        }
        if (is_group) {
            indexes[i] = (int32_t)*next;
        }
        fitted->names[(*next)++] = name;
    }
    return PENSTOCK_OK;
}

static penstock_code read_columns(struct ps_fitted *fitted, yyjson_val *model, struct penstock_error *error) {
    const struct ps_pipeline *pipeline = fitted->pipeline;
    yyjson_val *features = yyjson_obj_get(model, "features");
    fitted->feature_count = yyjson_arr_size(features);
    int64_t *dropped = ps_arena_allocate(fitted->arena, pipeline->slot_count + 1, sizeof *dropped);
    fitted->names = ps_arena_allocate(fitted->arena, fitted->feature_count + 1, sizeof *fitted->names);
    fitted->columns = ps_arena_allocate(fitted->arena, pipeline->column_count + 1, sizeof *fitted->columns);
    fitted->slots = ps_arena_allocate(fitted->arena, pipeline->column_count + 1, sizeof *fitted->slots);
    if (dropped == NULL || fitted->names == NULL || fitted->columns == NULL || fitted->slots == NULL) {
        return ps_error_memory(error, "a model");
    }
    if (fitted->feature_count > PS_LIMIT_FEATURE_COUNT) {
        return damaged(error, "it has too many features");
    }
    for (size_t i = 0; i < pipeline->slot_count; i++) {
        dropped[i] = pipeline->slots[i].dropped;
    }
    size_t next = 0;
    for (size_t c = 0; c < pipeline->column_count; c++) {
        PS_TRY(read_column(fitted, features, dropped, pipeline->columns[c].slot, &next, error));
    }
    return next == fitted->feature_count ? PENSTOCK_OK
                                         : damaged(error, "it has more features than its transforms");
}

static penstock_code read_first_format(struct ps_fitted *fitted, yyjson_val *model,
                                       struct penstock_error *error) {
    struct ps_linear_predictor *linear = NULL;
    PS_TRY(ps_linear_predictor_new(PS_TASK_REGRESSION, PS_LINK_IDENTITY, 1, fitted->feature_count, 1, &linear,
                                   error));
    fitted->predictor = &linear->predictor;
    bool is_right = yyjson_is_num(yyjson_obj_get(model, "intercept"));
    linear->intercepts[0] = yyjson_get_num(yyjson_obj_get(model, "intercept"));
    is_right = is_right && isfinite(linear->intercepts[0]);
    yyjson_val *features = yyjson_obj_get(model, "features");
    size_t index, count;
    yyjson_val *feature;
    yyjson_arr_foreach(features, index, count, feature) {
        yyjson_val *coefficient = yyjson_obj_get(feature, "coefficient");
        linear->coefficients[index] = yyjson_get_num(coefficient);
        is_right = is_right && yyjson_is_num(coefficient) && isfinite(linear->coefficients[index]);
    }
    return is_right ? PENSTOCK_OK : damaged(error, "a coefficient is no number");
}

static penstock_code read_classes(struct ps_fitted *fitted, yyjson_val *model, struct penstock_error *error) {
    yyjson_val *classes = yyjson_obj_get(model, "classes");
    const size_t count = yyjson_arr_size(classes);
    if (!yyjson_is_arr(classes) || count < 2 || count > class_count_max) {
        return damaged(error, "it has no classes");
    }
    const char **names = ps_arena_allocate(fitted->arena, count, sizeof *names);
    if (names == NULL) {
        return ps_error_memory(error, "a model");
    }
    for (size_t i = 0; i < count; i++) {
        const char *name = yyjson_get_str(yyjson_arr_get(classes, i));
        names[i] = name == NULL ? NULL : ps_arena_copy(fitted->arena, name);
        if (names[i] == NULL) {
            return name == NULL ? damaged(error, "a class is no text") : ps_error_memory(error, "a model");
        }
    }
    fitted->target.class_count = count;
    fitted->target.class_names = names;
    fitted->target.is_text = yyjson_get_bool(yyjson_obj_get(model, "isText"));
    return PENSTOCK_OK;
}

static penstock_code read_second_format(struct ps_fitted *fitted, yyjson_val *model,
                                        struct penstock_error *error) {
    PS_TRY(ps_predictor_read(yyjson_obj_get(model, "predictor"), fitted->feature_count, &fitted->predictor,
                             error));
    if (fitted->predictor->task == PS_TASK_REGRESSION) {
        return PENSTOCK_OK;
    }
    PS_TRY(read_classes(fitted, model, error));
    return fitted->target.class_count == fitted->predictor->output_count
               ? PENSTOCK_OK
               : damaged(error, "it has not as many classes as probabilities");
}

/* A plain linear regression: one term for each column. */
static penstock_code make_terms(struct ps_fitted *fitted, struct penstock_error *error) {
    fitted->terms = ps_arena_allocate(fitted->arena, fitted->column_count + 1, sizeof *fitted->terms);
    if (fitted->terms == NULL) {
        return ps_error_memory(error, "a model");
    }
    for (size_t c = 0; c < fitted->column_count; c++) {
        const struct ps_feature_column *column = &fitted->columns[c];
        struct ps_term *term = &fitted->terms[fitted->term_count++];
        *term = (struct ps_term){.slot = fitted->slots[c], .count = column->width};
        term->coefficients = ps_arena_allocate(fitted->arena, term->count + 1, sizeof(double));
        if (term->coefficients == NULL) {
            return ps_error_memory(error, "a model");
        }
        for (size_t i = 0; i < term->count; i++) {
            const int32_t feature = column->features == NULL ? (int32_t)column->feature : column->features[i];
            term->coefficients[i] = feature < 0 ? 0 : fitted->linear->coefficients[feature];
        }
    }
    return PENSTOCK_OK;
}

penstock_code ps_fitted_read_features(struct ps_fitted *fitted, yyjson_val *model, int64_t format,
                                      struct penstock_error *error) {
    PS_TRY(read_columns(fitted, model, error));
    PS_TRY(format == 1 ? read_first_format(fitted, model, error) : read_second_format(fitted, model, error));
    const struct ps_predictor *predictor = fitted->predictor;
    fitted->target.task = predictor->task;
    if (predictor->type != &ps_linear_predictor_type) {
        return PENSTOCK_OK;
    }
    const struct ps_linear_predictor *linear = (const struct ps_linear_predictor *)predictor;
    fitted->linear = linear->sum_count == 1 ? linear : NULL;
    return linear->link == PS_LINK_IDENTITY ? make_terms(fitted, error) : PENSTOCK_OK;
}
