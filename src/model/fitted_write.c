/* SPDX-License-Identifier: Apache-2.0
 *
 * fitted_write.c - a model as JSON.
 *
 *   {"model": {"format": 2, "inputs": [...], "transforms": [...], "features": [{"name": ...}, ...],
 *              "classes": [...], "isText": ..., "predictor": {"kind": "linear", ...}}, "checksum": "..."}
 *
 * A transform is written as the call it was, with what it learnt: reading it binds the call again. Numbers are
 * in shortest form that reads back as the same bits. The checksum is over the text of "model".
 */
#include <math.h>

#include "base/limits.h"
#include "model/model.h"

/* context: a bool that says that memory ran out once (yyjson's builders just leave something out), or NULL. */
static void *json_allocate(void *context, size_t size) {
    void *pointer = ps_allocate(1, size);
    if (pointer == NULL && context != NULL) {
        *(bool *)context = true;
    }
    return pointer;
}
static void *json_reallocate(void *context, void *pointer, size_t old_size, size_t size) {
    (void)old_size;
    void *larger = ps_reallocate(pointer, 1, size);
    if (larger == NULL && context != NULL) {
        *(bool *)context = true;
    }
    return larger;
}
static void json_free(void *context, void *pointer) {
    (void)context;
    ps_release(pointer);
}
const yyjson_alc ps_model_allocator = {json_allocate, json_reallocate, json_free, NULL};

static bool is_own(const struct ps_categories *categories, const struct ps_slot *input) {
    /* an index or a bucket carries its categories: they are found again when it is bound */
    return categories->count > 0 && categories->labels != NULL &&
           !(input->kind == PS_SLOT_NUMBER && input->categories != NULL);
}

static yyjson_mut_val *write_categories(yyjson_mut_doc *doc, const struct ps_categories *categories) {
    yyjson_mut_val *values = yyjson_mut_arr(doc);
    for (size_t i = 0; i < categories->count; i++) {
        if (categories->numbers != NULL) {
            (void)yyjson_mut_arr_add_real(doc, values, categories->numbers[i]);
        } else {
            (void)yyjson_mut_arr_add_str(doc, values, categories->labels[i]);
        }
    }
    return values;
}

static yyjson_mut_val *write_parameters(yyjson_mut_doc *doc, const struct ps_call *call) {
    yyjson_mut_val *parameters = yyjson_mut_obj(doc);
    for (size_t i = 0; i < call->parameter_count; i++) {
        const struct ps_parameter *parameter = &call->parameters[i];
        if (parameter->name == NULL || ps_option_name_equal(parameter->name, "inputCol") ||
            ps_option_name_equal(parameter->name, "inputCols")) {
            continue;
        }
        yyjson_mut_val *values = yyjson_mut_arr(doc);
        for (size_t v = 0; v < parameter->value_count; v++) {
            (void)yyjson_mut_arr_add_str(doc, values, parameter->values[v]);
        }
        (void)yyjson_mut_obj_add_val(doc, parameters, parameter->name, values);
    }
    return parameters;
}

yyjson_mut_val *ps_model_write_transform(yyjson_mut_doc *doc, const struct ps_pipeline *pipeline,
                                         const struct ps_transform *transform) {
    yyjson_mut_val *object = yyjson_mut_obj(doc);
    (void)yyjson_mut_obj_add_str(doc, object, "name", transform->type->name);
    yyjson_mut_val *columns = yyjson_mut_obj_add_arr(doc, object, "columns");
    for (size_t i = 0; i < transform->input_count; i++) {
        (void)yyjson_mut_arr_add_str(doc, columns, pipeline->slots[transform->inputs[i]].name);
    }
    (void)yyjson_mut_obj_add_val(doc, object, "parameters", write_parameters(doc, transform->call));
    yyjson_mut_val *numbers = yyjson_mut_obj_add_arr(doc, object, "numbers");
    for (size_t i = 0; i < transform->number_count; i++) {
        (void)yyjson_mut_arr_add_real(doc, numbers, transform->numbers[i]);
    }
    yyjson_mut_val *categories = yyjson_mut_obj_add_arr(doc, object, "categories");
    yyjson_mut_val *dropped = yyjson_mut_obj_add_arr(doc, object, "dropped");
    for (size_t i = 0; i < transform->input_count; i++) {
        const bool own = transform->type->learns_categories &&
                         is_own(&transform->categories[i], &pipeline->slots[transform->inputs[i]]);
        (void)yyjson_mut_arr_add_val(categories, own ? write_categories(doc, &transform->categories[i])
                                                     : yyjson_mut_null(doc));
        const struct ps_slot *out =
            i < transform->output_count ? &pipeline->slots[transform->outputs[i]] : NULL;
        (void)yyjson_mut_arr_add_sint(doc, dropped,
                                      out != NULL && out->kind == PS_SLOT_ONE_HOT ? out->dropped : -1);
    }
    return object;
}

void ps_model_write_inputs(yyjson_mut_doc *doc, yyjson_mut_val *model, const struct ps_pipeline *pipeline) {
    yyjson_mut_val *inputs = yyjson_mut_obj_add_arr(doc, model, "inputs");
    for (size_t i = 0; i < pipeline->input_count; i++) {
        const struct ps_slot *slot = &pipeline->slots[pipeline->inputs[i]];
        if (slot->is_label) {
            continue;
        }
        yyjson_mut_val *input = yyjson_mut_arr_add_obj(doc, inputs);
        (void)yyjson_mut_obj_add_str(doc, input, "name", slot->name);
        (void)yyjson_mut_obj_add_str(doc, input, "kind", slot->kind == PS_SLOT_TEXT ? "text" : "number");
        (void)yyjson_mut_obj_add_str(doc, input, "type", slot->type_text == NULL ? "" : slot->type_text);
    }
}

static penstock_code write_features(yyjson_mut_doc *doc, yyjson_mut_val *model,
                                    const struct ps_pipeline *pipeline, size_t feature_count,
                                    struct penstock_error *error) {
    yyjson_mut_val *features = yyjson_mut_obj_add_arr(doc, model, "features");
    int64_t *dropped PS_SCOPED(ps_release_scoped) = ps_allocate(pipeline->slot_count + 1, sizeof *dropped);
    if (dropped == NULL) {
        return ps_error_memory(error, "a model");
    }
    for (size_t i = 0; i < pipeline->slot_count; i++) {
        dropped[i] = pipeline->slots[i].dropped;
    }
    size_t feature = 0;
    for (size_t c = 0; c < pipeline->column_count; c++) {
        const struct ps_slot *slot = &pipeline->slots[pipeline->columns[c].slot];
        const size_t width = pipeline->columns[c].is_label   ? 0
                             : slot->kind == PS_SLOT_ONE_HOT ? slot->width
                                                             : 1;
        for (size_t i = 0; i < width && feature < feature_count; i++) {
            if (slot->kind == PS_SLOT_ONE_HOT && ps_slot_is_dropped(slot, dropped, i)) {
                continue;
            }
            const char *name = ps_slot_feature_name(pipeline, pipeline->columns[c].slot, i);
            if (name == NULL) {
                return ps_error_memory(error, "a model");
            }
            yyjson_mut_val *object = yyjson_mut_arr_add_obj(doc, features);
            (void)yyjson_mut_obj_add_str(doc, object, "name", name);
            feature++;
        }
    }
    return PENSTOCK_OK;
}

static penstock_code write_text(yyjson_mut_doc *doc, struct ps_buffer *out, struct penstock_error *error) {
    size_t size = 0;
    yyjson_write_err cause = {0};
    char *text = yyjson_mut_write_opts(doc, YYJSON_WRITE_NOFLAG, &ps_model_allocator, &size, &cause);
    if (text == NULL) {
        return cause.code == YYJSON_WRITE_ERROR_MEMORY_ALLOCATION
                   ? ps_error_memory(error, "a model")
                   : ps_error_set(error, PENSTOCK_INTERNAL, "the model cannot be written: %s", cause.msg);
    }
    ps_buffer_text(out, "{\"model\":");
    ps_buffer_add(out, text, size);
    ps_buffer_printf(out, ",\"checksum\":\"%016llx\"}", (unsigned long long)ps_hash(text, size, 0));
    ps_release(text);
    return ps_buffer_status(out, error);
}

static void write_classes(yyjson_mut_doc *doc, yyjson_mut_val *model, const struct ps_target *target) {
    if (target->class_count == 0) {
        return;
    }
    yyjson_mut_val *classes = yyjson_mut_obj_add_arr(doc, model, "classes");
    for (size_t i = 0; i < target->class_count; i++) {
        (void)yyjson_mut_arr_add_str(doc, classes, target->class_names[i]);
    }
    (void)yyjson_mut_obj_add_bool(doc, model, "isText", target->is_text);
}

penstock_code ps_model_write_predictor(const struct ps_pipeline *pipeline,
                                       const struct ps_predictor *predictor, const struct ps_target *target,
                                       struct ps_buffer *out, struct penstock_error *error) {
    bool is_exhausted = false;
    const yyjson_alc allocator = {json_allocate, json_reallocate, json_free, &is_exhausted};
    yyjson_mut_doc *doc = yyjson_mut_doc_new(&allocator);
    if (doc == NULL) {
        return ps_error_memory(error, "a model");
    }
    yyjson_mut_val *model = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, model);
    (void)yyjson_mut_obj_add_int(doc, model, "format", 2);
    ps_model_write_inputs(doc, model, pipeline);
    yyjson_mut_val *transforms = yyjson_mut_obj_add_arr(doc, model, "transforms");
    for (size_t i = 0; i < pipeline->transform_count; i++) {
        if (!pipeline->transforms[i].type->is_filter) {
            (void)yyjson_mut_arr_add_val(transforms,
                                         ps_model_write_transform(doc, pipeline, &pipeline->transforms[i]));
        }
    }
    penstock_code code = write_features(doc, model, pipeline, predictor->feature_count, error);
    write_classes(doc, model, target);
    if (code == PENSTOCK_OK) {
        code = ps_predictor_write(predictor, doc, yyjson_mut_obj_add_obj(doc, model, "predictor"), error);
    }
    if (code == PENSTOCK_OK && is_exhausted) {
        code = ps_error_memory(error, "a model");
    }
    if (code == PENSTOCK_OK) {
        code = write_text(doc, out, error);
    }
    yyjson_mut_doc_free(doc);
    return code;
}

penstock_code ps_model_write(const struct ps_pipeline *pipeline, const double *coefficients,
                             size_t feature_count, double intercept, struct ps_buffer *out,
                             struct penstock_error *error) {
    struct ps_linear_predictor *linear = NULL;
    PS_TRY(
        ps_linear_predictor_new(PS_TASK_REGRESSION, PS_LINK_IDENTITY, 1, feature_count, 1, &linear, error));
    linear->intercepts[0] = intercept;
    memcpy(linear->coefficients, coefficients, feature_count * sizeof(double));
    const struct ps_target target = {.task = PS_TASK_REGRESSION};
    const penstock_code code = ps_model_write_predictor(pipeline, &linear->predictor, &target, out, error);
    ps_predictor_free(&linear->predictor);
    return code;
}

penstock_code ps_fitted_to_json(const struct ps_fitted *fitted, struct ps_buffer *out,
                                struct penstock_error *error) {
    return ps_model_write_predictor(fitted->pipeline, fitted->predictor, &fitted->target, out, error);
}
