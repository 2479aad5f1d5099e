/* SPDX-License-Identifier: Apache-2.0
 *
 * fitted_read.c - a model from JSON. Nothing in the text is believed: whatever does not fit is INVALID_DATA.
 */
#include <math.h>
#include <stdio.h>

#include "base/check.h"
#include "base/limits.h"
#include "model/categories.h"
#include "model/model.h"

/* Most bytes of one model: 8192 features with names are below a megabyte. */
static const size_t model_size_max = (size_t)256 << 20;
/* Format 2: predictors of any kind, classes. */
static const int64_t format_newest = 2;

/* Most numbers of one transform: as PCA of all features into all features would have. */
static const size_t number_count_max = (size_t)PS_LIMIT_FEATURE_COUNT * PS_LIMIT_FEATURE_COUNT;

struct reader {
    struct ps_arena *arena;
    struct ps_fitted *fitted;
    const char *json;
    size_t size;
    struct penstock_error *error;
};

static penstock_code damaged(struct reader *reader, const char *what) {
    (void)ps_error_set(reader->error, PENSTOCK_INVALID_DATA, "the stored model is damaged: %s", what);
    (void)ps_error_hint(reader->error, "train it again, or take another version");
    return PENSTOCK_INVALID_DATA;
}

static penstock_code exhausted(struct reader *reader) {
    return ps_error_memory(reader->error, "a model");
}

static const char *text_of(struct reader *reader, yyjson_val *value) {
    const char *text = yyjson_get_str(value);
    return text == NULL || strlen(text) != yyjson_get_len(value) ? NULL : ps_arena_copy(reader->arena, text);
}

static bool read_number(yyjson_val *value, double *number_out) {
    if (!yyjson_is_num(value)) {
        return false;
    }
    *number_out = yyjson_get_num(value);
    return isfinite(*number_out);
}

static penstock_code read_inputs(struct reader *reader, yyjson_val *model) {
    yyjson_val *inputs = yyjson_obj_get(model, "inputs");
    if (!yyjson_is_arr(inputs) || yyjson_arr_size(inputs) > PS_LIMIT_COLUMN_COUNT) {
        return damaged(reader, "its inputs are not a list");
    }
    size_t index, count;
    yyjson_val *input;
    yyjson_arr_foreach(inputs, index, count, input) {
        const char *name = text_of(reader, yyjson_obj_get(input, "name"));
        const char *kind = yyjson_get_str(yyjson_obj_get(input, "kind"));
        const char *type = text_of(reader, yyjson_obj_get(input, "type"));
        if (name == NULL || kind == NULL || type == NULL) {
            return damaged(reader, "an input has no name");
        }
        PS_TRY(ps_pipeline_add_input(reader->fitted->pipeline, name,
                                     strcmp(kind, "text") == 0 ? PS_SLOT_TEXT : PS_SLOT_NUMBER, type, NULL,
                                     false, reader->error));
    }
    return PENSTOCK_OK;
}

static penstock_code read_values(struct reader *reader, yyjson_val *list, const char *name,
                                 struct ps_parameter *parameter) {
    const size_t count = yyjson_arr_size(list);
    const char **values = ps_arena_allocate(reader->arena, count + 1, sizeof *values);
    if (values == NULL) {
        return exhausted(reader);
    }
    for (size_t i = 0; i < count; i++) {
        values[i] = text_of(reader, yyjson_arr_get(list, i));
        if (values[i] == NULL) {
            return damaged(reader, "a parameter is no text");
        }
    }
    *parameter = (struct ps_parameter){.name = name, .values = values, .value_count = count};
    return PENSTOCK_OK;
}

/* The call that the stage was: first its columns, then its options. */
static penstock_code read_call(struct reader *reader, yyjson_val *stage, struct ps_call **call_out) {
    yyjson_val *columns = yyjson_obj_get(stage, "columns");
    yyjson_val *options = yyjson_obj_get(stage, "parameters");
    if (!yyjson_is_arr(columns) || !yyjson_is_obj(options) ||
        yyjson_arr_size(columns) > PS_LIMIT_COLUMN_COUNT) {
        return damaged(reader, "a transform has no columns");
    }
    struct ps_call *call = ps_arena_allocate(reader->arena, 1, sizeof *call);
    struct ps_parameter *parameters =
        ps_arena_allocate(reader->arena, yyjson_obj_size(options) + 1, sizeof *parameters);
    if (call == NULL || parameters == NULL) {
        return exhausted(reader);
    }
    call->name = text_of(reader, yyjson_obj_get(stage, "name"));
    call->parameters = parameters;
    if (call->name == NULL) {
        return damaged(reader, "a transform has no name");
    }
    PS_TRY(read_values(reader, columns, "inputCols", &parameters[call->parameter_count++]));
    size_t index, count;
    yyjson_val *key, *value;
    yyjson_obj_foreach(options, index, count, key, value) {
        PS_TRY(read_values(reader, value, text_of(reader, key), &parameters[call->parameter_count++]));
    }
    *call_out = call;
    return PENSTOCK_OK;
}

static penstock_code read_categories(struct reader *reader, yyjson_val *list, bool is_text,
                                     struct ps_categories *categories) {
    const size_t count = yyjson_arr_size(list);
    if (count > PS_LIMIT_FEATURE_COUNT || count == 0) {
        return damaged(reader, "a column has no categories");
    }
    categories->count = count;
    categories->labels = ps_arena_allocate(reader->arena, count, sizeof *categories->labels);
    categories->numbers = is_text ? NULL : ps_arena_allocate(reader->arena, count, sizeof(double));
    if (categories->labels == NULL || (!is_text && categories->numbers == NULL)) {
        return exhausted(reader);
    }
    for (size_t i = 0; i < count; i++) {
        yyjson_val *value = yyjson_arr_get(list, i);
        if (is_text) {
            categories->labels[i] = text_of(reader, value);
        } else if (read_number(value, &categories->numbers[i]) &&
                   (i == 0 || categories->numbers[i - 1] < categories->numbers[i])) {
            categories->labels[i] = ps_category_label(reader->arena, categories->numbers[i]);
        }
        if (categories->labels[i] == NULL) {
            return damaged(reader, "a category is wrong");
        }
    }
    return PENSTOCK_OK;
}

static penstock_code read_learnt(struct reader *reader, yyjson_val *stage, struct ps_transform *transform) {
    yyjson_val *numbers = yyjson_obj_get(stage, "numbers");
    yyjson_val *categories = yyjson_obj_get(stage, "categories");
    const size_t given = yyjson_arr_size(numbers);
    if (transform->type->has_own_count && given <= number_count_max) {
        PS_TRY(ps_transform_reserve(reader->fitted->pipeline, transform, given, reader->error));
    }
    const size_t count = transform->number_count;
    if (given != count || yyjson_arr_size(categories) != transform->input_count) {
        return damaged(reader, "a transform has not the numbers it needs");
    }
    for (size_t i = 0; i < count; i++) {
        if (!read_number(yyjson_arr_get(numbers, i), &transform->numbers[i])) {
            return damaged(reader, "a number of a transform is none");
        }
    }
    for (size_t i = 0; i < transform->input_count; i++) {
        const struct ps_slot *slot = &reader->fitted->pipeline->slots[transform->inputs[i]];
        transform->is_fitted[i] = true;
        yyjson_val *list = yyjson_arr_get(categories, i);
        const bool needs = transform->type->learns_categories && slot->categories == NULL;
        if (needs != yyjson_is_arr(list)) {
            return damaged(reader, "a transform has not the categories it needs");
        }
        if (needs) {
            PS_TRY(read_categories(reader, list, slot->kind == PS_SLOT_TEXT, &transform->categories[i]));
        }
    }
    return PENSTOCK_OK;
}

static penstock_code read_dropped(struct reader *reader, yyjson_val *stage,
                                  const struct ps_transform *transform) {
    yyjson_val *dropped = yyjson_obj_get(stage, "dropped");
    for (size_t i = 0; i < transform->input_count && i < transform->output_count; i++) {
        struct ps_slot *slot = &reader->fitted->pipeline->slots[transform->outputs[i]];
        const int64_t index = yyjson_get_sint(yyjson_arr_get(dropped, i));
        if (slot->kind != PS_SLOT_ONE_HOT || slot->categories == NULL) {
            continue;
        }
        if (index < -1 || index >= (int64_t)slot->width) {
            return damaged(reader, "a category that is left out does not exist");
        }
        slot->dropped = index;
    }
    return PENSTOCK_OK;
}

static penstock_code bind_stage(struct reader *reader, yyjson_val *stage) {
    struct ps_pipeline *pipeline = reader->fitted->pipeline;
    struct ps_call *call = NULL;
    PS_TRY(read_call(reader, stage, &call));
    const penstock_code code = ps_pipeline_add(pipeline, call, reader->error);
    if (code == PENSTOCK_INVALID_PROJECT) {
        (void)ps_error_context(reader->error, "the stored model is damaged");
        if (reader->error != NULL) {
            reader->error->code = PENSTOCK_INVALID_DATA;
        }
        return PENSTOCK_INVALID_DATA;
    }
    PS_TRY(code);
    return pipeline->transforms[pipeline->transform_count - 1].type->is_filter
               ? damaged(reader, "it filters rows")
               : PENSTOCK_OK;
}

/* As in training: first all stages are bound, then each gets what it has learnt, which may make more columns. */
static penstock_code read_transforms(struct reader *reader, yyjson_val *model) {
    struct ps_pipeline *pipeline = reader->fitted->pipeline;
    yyjson_val *stages = yyjson_obj_get(model, "transforms");
    size_t index, count;
    yyjson_val *stage;
    yyjson_arr_foreach(stages, index, count, stage) {
        PS_TRY(bind_stage(reader, stage));
    }
    yyjson_arr_foreach(stages, index, count, stage) {
        struct ps_transform *transform = &pipeline->transforms[index];
        PS_TRY(read_learnt(reader, stage, transform));
        PS_TRY(transform->type->finish(pipeline, transform, reader->error));
        ps_pipeline_settle(pipeline, transform);
        PS_TRY(read_dropped(reader, stage, transform));
    }
    ps_pipeline_prune(pipeline);
    for (size_t i = 0; i < pipeline->column_count; i++) {
        if (pipeline->slots[pipeline->columns[i].slot].kind == PS_SLOT_TEXT) {
            return damaged(reader, "no transform makes a number of a text");
        }
    }
    return PENSTOCK_OK;
}

/* Of the very bytes that were written; of a file that somebody has laid out anew, of what it says. */
static penstock_code hash_model(struct reader *reader, yyjson_val *model, char *hash_out, size_t hash_size) {
    static const char head[] = "{\"model\":";
    static const char tail[] = ",\"checksum\":\"0123456789abcdef\"}";
    const size_t head_size = sizeof head - 1;
    const size_t tail_size = sizeof tail - 1;
    const bool is_ours =
        reader->size > head_size + tail_size && memcmp(reader->json, head, head_size) == 0 &&
        memcmp(reader->json + reader->size - tail_size, tail, sizeof ",\"checksum\":\"" - 1) == 0;
    size_t size = reader->size - head_size - tail_size;
    char *text PS_SCOPED(ps_release_scoped) = NULL;
    if (!is_ours) {
        text = yyjson_val_write_opts(model, YYJSON_WRITE_NOFLAG, &ps_model_allocator, &size, NULL);
        if (text == NULL) {
            return exhausted(reader);
        }
    }
    const char *bytes = is_ours ? reader->json + head_size : text;
    (void)snprintf(hash_out, hash_size, "%016llx", (unsigned long long)ps_hash(bytes, size, 0));
    return PENSTOCK_OK;
}

static penstock_code verify(struct reader *reader, yyjson_val *root, yyjson_val **model_out,
                            int64_t *format_out) {
    yyjson_val *model = yyjson_obj_get(root, "model");
    const char *checksum = yyjson_get_str(yyjson_obj_get(root, "checksum"));
    if (!yyjson_is_obj(model) || checksum == NULL) {
        return damaged(reader, "it is no model");
    }
    const int64_t format = yyjson_get_sint(yyjson_obj_get(model, "format"));
    if (format > format_newest) {
        return ps_error_set(
            reader->error, PENSTOCK_UNSUPPORTED,
            "the stored model has format %lld of a newer penstock; this one reads formats 1 to %lld",
            (long long)format, (long long)format_newest);
    }
    char expected[32];
    PS_TRY(hash_model(reader, model, expected, sizeof expected));
    if (format < 1 || strcmp(expected, checksum) != 0) {
        return damaged(reader, "its checksum does not fit");
    }
    *model_out = model;
    *format_out = format;
    return PENSTOCK_OK;
}

static penstock_code read_model(struct reader *reader, yyjson_val *root) {
    yyjson_val *model = NULL;
    int64_t format = 0;
    PS_TRY(verify(reader, root, &model, &format));
    PS_TRY(ps_pipeline_new(reader->arena, &reader->fitted->pipeline, reader->error));
    PS_TRY(read_inputs(reader, model));
    PS_TRY(read_transforms(reader, model));
    return ps_fitted_read_features(reader->fitted, model, format, reader->error);
}

penstock_code ps_fitted_from_json(const char *json, size_t size, struct ps_fitted **fitted_out,
                                  struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_fitted *fitted = arena == NULL ? NULL : ps_arena_allocate(arena, 1, sizeof *fitted);
    if (fitted == NULL) {
        return ps_error_memory(error, "a model");
    }
    fitted->arena = arena;
    struct reader reader = {.arena = arena, .fitted = fitted, .json = json, .size = size, .error = error};
    if (size > model_size_max) {
        return damaged(&reader, "it is too large");
    }
    yyjson_read_err cause = {0};
    char *copy PS_SCOPED(ps_release_scoped) = ps_allocate(size + YYJSON_PADDING_SIZE, 1);
    if (copy == NULL) {
        return ps_error_memory(error, "a model");
    }
    memcpy(copy, json, size);
    yyjson_doc *doc = yyjson_read_opts(copy, size, YYJSON_READ_NOFLAG, &ps_model_allocator, &cause);
    if (doc == NULL) {
        return cause.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION ? ps_error_memory(error, "a model")
                                                                 : damaged(&reader, cause.msg);
    }
    const penstock_code code = read_model(&reader, yyjson_doc_get_root(doc));
    yyjson_doc_free(doc);
    if (code != PENSTOCK_OK) {
        ps_predictor_free(fitted->predictor);
        return code;
    }
    *fitted_out = fitted;
    arena = NULL;
    return PENSTOCK_OK;
}
