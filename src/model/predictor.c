/* SPDX-License-Identifier: Apache-2.0
 *
 * predictor.c - the table of kinds, and what all of them have in common: task, outputs, the way into JSON.
 */
#include "model/predictor.h"

#include <math.h>
#include <string.h>

#include "base/check.h"

const struct ps_predictor_type *const ps_predictor_types[] = {
    &ps_linear_predictor_type, &ps_network_predictor_type, &ps_trees_predictor_type, NULL};

/* More outputs than any label has classes: what a stored model may ask for. */
static const int64_t output_count_max = 1 << 20;

const char *ps_task_name(enum ps_task task) {
    return task == PS_TASK_REGRESSION ? "regression" : task == PS_TASK_BINARY ? "binary" : "multiclass";
}

penstock_code ps_predictor_apply(const struct ps_predictor *predictor, const struct ps_features *features,
                                 double *outputs_out, struct penstock_error *error) {
    ps_check(features->feature_count == predictor->feature_count);
    return features->row_count == 0 ? PENSTOCK_OK
                                    : predictor->type->apply(predictor, features, outputs_out, error);
}

penstock_code ps_predictor_write(const struct ps_predictor *predictor, yyjson_mut_doc *doc,
                                 yyjson_mut_val *object, struct penstock_error *error) {
    (void)yyjson_mut_obj_add_str(doc, object, "kind", predictor->type->kind);
    (void)yyjson_mut_obj_add_str(doc, object, "task", ps_task_name(predictor->task));
    (void)yyjson_mut_obj_add_uint(doc, object, "outputs", predictor->output_count);
    if (predictor->thresholds != NULL) {
        ps_predictor_write_numbers(doc, object, "thresholds", predictor->thresholds, predictor->output_count);
    }
    return predictor->type->write(predictor, doc, object, error);
}

penstock_code ps_predictor_damaged(struct penstock_error *error, const char *what) {
    (void)ps_error_set(error, PENSTOCK_INVALID_DATA, "the stored model is damaged: %s", what);
    (void)ps_error_hint(error, "train it again, or take another version");
    return PENSTOCK_INVALID_DATA;
}

penstock_code ps_predictor_read_head(yyjson_val *object, enum ps_task *task_out, size_t *output_count_out,
                                     struct penstock_error *error) {
    static const enum ps_task tasks[] = {PS_TASK_REGRESSION, PS_TASK_BINARY, PS_TASK_MULTICLASS};
    const int64_t count = yyjson_get_sint(yyjson_obj_get(object, "outputs"));
    for (size_t i = 0; i < sizeof tasks / sizeof tasks[0]; i++) {
        if (!yyjson_equals_str(yyjson_obj_get(object, "task"), ps_task_name(tasks[i]))) {
            continue;
        }
        const bool fits = tasks[i] == PS_TASK_REGRESSION ? count == 1
                          : tasks[i] == PS_TASK_BINARY   ? count == 2
                                                         : count > 1 && count <= output_count_max;
        if (!fits) {
            return ps_predictor_damaged(error, "its outputs are not those of its task");
        }
        *task_out = tasks[i];
        *output_count_out = (size_t)count;
        return PENSTOCK_OK;
    }
    return ps_predictor_damaged(error, "it has no task");
}

/* None below 0, at most one 0: what Spark asks of them. */
static penstock_code read_thresholds(yyjson_val *object, struct ps_predictor *predictor,
                                     struct penstock_error *error) {
    yyjson_val *list = yyjson_obj_get(object, "thresholds");
    if (list == NULL) {
        return PENSTOCK_OK;
    }
    const size_t count = predictor->output_count;
    predictor->thresholds = ps_allocate(count, sizeof(double));
    if (predictor->thresholds == NULL) {
        return ps_error_memory(error, "a model");
    }
    size_t zero_count = 0;
    bool is_sound = predictor->task != PS_TASK_REGRESSION &&
                    ps_predictor_read_numbers(list, predictor->thresholds, count);
    for (size_t i = 0; is_sound && i < count; i++) {
        is_sound = predictor->thresholds[i] >= 0;
        zero_count += predictor->thresholds[i] == 0 ? 1 : 0;
    }
    return is_sound && zero_count <= 1
               ? PENSTOCK_OK
               : ps_predictor_damaged(error, "its thresholds are not those of its classes");
}

penstock_code ps_predictor_read(yyjson_val *object, size_t feature_count, struct ps_predictor **predictor_out,
                                struct penstock_error *error) {
    const char *kind = yyjson_get_str(yyjson_obj_get(object, "kind"));
    enum ps_task task = PS_TASK_REGRESSION;
    size_t output_count = 0;
    PS_TRY(ps_predictor_read_head(object, &task, &output_count, error));
    for (size_t i = 0; kind != NULL && ps_predictor_types[i] != NULL; i++) {
        const struct ps_predictor_type *type = ps_predictor_types[i];
        if (strcmp(type->kind, kind) == 0) {
            struct ps_predictor *predictor = NULL;
            PS_TRY(type->read(object, feature_count, &predictor, error));
            ps_check(predictor->type == type && predictor->task == task &&
                     predictor->output_count == output_count && predictor->feature_count == feature_count);
            const penstock_code code = read_thresholds(object, predictor, error);
            if (code != PENSTOCK_OK) {
                ps_predictor_free(predictor);
                return code;
            }
            *predictor_out = predictor;
            return PENSTOCK_OK;
        }
    }
    return ps_predictor_damaged(error, "its kind of model is not known");
}

void ps_predictor_free(struct ps_predictor *predictor) {
    if (predictor != NULL) {
        ps_release(predictor->thresholds);
        predictor->type->free(predictor);
    }
}

struct ps_decision ps_predictor_decision(const struct ps_predictor *predictor) {
    const bool is_linear = predictor->type == &ps_linear_predictor_type && predictor->task == PS_TASK_BINARY;
    return (struct ps_decision){
        is_linear ? ((const struct ps_linear_predictor *)(const void *)predictor)->threshold : 0.5,
        predictor->thresholds};
}

const double *ps_predictor_importances(const struct ps_predictor *predictor) {
    return predictor->type->importances == NULL ? NULL : predictor->type->importances(predictor);
}

bool ps_predictor_read_numbers(yyjson_val *list, double *numbers_out, size_t count) {
    if (!yyjson_is_arr(list) || yyjson_arr_size(list) != count) {
        return false;
    }
    size_t index, size;
    yyjson_val *value;
    yyjson_arr_foreach(list, index, size, value) {
        if (!yyjson_is_num(value) || !isfinite(yyjson_get_num(value))) {
            return false;
        }
        numbers_out[index] = yyjson_get_num(value);
    }
    return true;
}

void ps_predictor_write_numbers(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *name,
                                const double *numbers, size_t count) {
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, object, name);
    for (size_t i = 0; i < count; i++) {
        (void)yyjson_mut_arr_add_real(doc, list, numbers[i]);
    }
}
