/* SPDX-License-Identifier: Apache-2.0
 *
 * encoders.c - StringIndexer and OneHotEncoder.
 *
 * StringIndexer gives a text the index of its place in an order (by frequency unless told otherwise).
 * OneHotEncoder takes such an index, a Bucketizer's, a text (as StringIndexer and OneHotEncoder in one) or a
 * number (its distinct values, ascending). With handleInvalid = 'keep' what training has not seen is a category
 * of its own, the last; dropLast then leaves that one out and keeps all that were seen, as in Spark.
 */
#include <math.h>
#include <stdio.h>

#include "base/limits.h"
#include "model/categories.h"
#include "model/fit.h"

struct config {
    const char *handle_invalid;
    const char *order; /* StringIndexer */
    bool drop_last;    /* OneHotEncoder */
};

static const struct ps_option indexer_options[] = {
    {"handleInvalid", PS_OPTION_CHOICE, "error", 0, 0, "error|keep|skip",
     offsetof(struct config, handle_invalid), false, false,
     "what happens to a category that training has not seen", "0.1"},
    {"stringOrderType", PS_OPTION_CHOICE, "frequencyDesc", 0, 0,
     "frequencyDesc|frequencyAsc|alphabetDesc|alphabetAsc", offsetof(struct config, order), false, false,
     "order of the categories", "0.1"},
    {0},
};
static const struct ps_option encoder_options[] = {
    {"handleInvalid", PS_OPTION_CHOICE, "error", 0, 0, "error|keep|skip",
     offsetof(struct config, handle_invalid), false, false,
     "what happens to a category that training has not seen", "0.1"},
    {"dropLast", PS_OPTION_BOOLEAN, "true", 0, 0, NULL, offsetof(struct config, drop_last), false, false,
     "leave out the last category, which the others imply", "0.1"},
    {0},
};

static bool is_invalid(const struct ps_transform *transform, const char *name) {
    const struct config *config = transform->config;
    return strcmp(config->handle_invalid, name) == 0;
}

static enum ps_category_order order_of(const char *name) {
    static const char *const names[] = {"frequencyDesc", "frequencyAsc", "alphabetDesc", "alphabetAsc"};
    static const enum ps_category_order orders[] = {PS_ORDER_FREQUENCY_DESC, PS_ORDER_FREQUENCY_ASC,
                                                    PS_ORDER_ALPHABET_DESC, PS_ORDER_ALPHABET_ASC};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (name != NULL && strcmp(name, names[i]) == 0) {
            return orders[i];
        }
    }
    return PS_ORDER_FREQUENCY_DESC;
}

static penstock_code bind_indexer(struct ps_pipeline *pipeline, struct ps_transform *transform,
                                  struct penstock_error *error) {
    for (size_t i = 0; i < transform->input_count; i++) {
        if (pipeline->slots[transform->inputs[i]].kind != PS_SLOT_TEXT) {
            return ps_transform_error(transform, error,
                                      "%s is a number already that an earlier stage has changed",
                                      pipeline->slots[transform->inputs[i]].name);
        }
    }
    return ps_pipeline_replace_all(pipeline, transform, error);
}

static penstock_code bind_encoder(struct ps_pipeline *pipeline, struct ps_transform *transform,
                                  struct penstock_error *error) {
    const struct config *config = transform->config;
    for (size_t i = 0; i < transform->input_count; i++) {
        PS_TRY(ps_pipeline_replace(pipeline, transform, i, PS_SLOT_ONE_HOT, error));
        pipeline->slots[transform->outputs[i]].drops_last = config->drop_last;
    }
    return PENSTOCK_OK;
}

/* Does the input carry its categories with it, as an index does? */
static bool has_categories(const struct ps_fit *fit, const struct ps_transform *transform, size_t input) {
    const struct ps_slot *slot = &fit->pipeline->slots[transform->inputs[input]];
    return slot->kind == PS_SLOT_NUMBER && slot->categories != NULL;
}

static penstock_code fit_categories(struct ps_fit *fit, struct ps_transform *transform,
                                    struct penstock_error *error) {
    const struct config *config = transform->config;
    for (size_t i = 0; i < transform->input_count; i++) {
        transform->is_fitted[i] = true;
        if (has_categories(fit, transform, i)) {
            continue;
        }
        const struct ps_slot *slot = &fit->pipeline->slots[transform->inputs[i]];
        struct ps_fit_values values = {0};
        bool is_given = false;
        PS_TRY(ps_fit_categories(fit, transform, i, &values, &is_given, error));
        if (is_given) {
            continue;
        }
        if (values.count == 0) {
            return ps_error_set(error, PENSTOCK_INVALID_DATA,
                                "%s: column %s has no value in the training rows", transform->type->name,
                                slot->name);
        }
        struct ps_categories *categories = &transform->categories[i];
        *categories =
            (struct ps_categories){.labels = values.texts, .numbers = values.numbers, .count = values.count};
        categories->order = values.numbers != NULL ? PS_ORDER_VALUE : order_of(config->order);
        if (values.numbers == NULL) {
            PS_TRY(ps_categories_sort(categories, values.counts, fit->arena, error));
        }
    }
    return PENSTOCK_OK;
}

static penstock_code finish_indexer(struct ps_pipeline *pipeline, struct ps_transform *transform,
                                    struct penstock_error *error) {
    const struct config *config = transform->config;
    for (size_t i = 0; i < transform->input_count; i++) {
        struct ps_categories *categories = &transform->categories[i];
        categories->order = order_of(config->order);
        categories->has_unknown = is_invalid(transform, "keep");
        PS_TRY(ps_categories_index(categories, pipeline->arena, error));
        struct ps_slot *out = &pipeline->slots[transform->outputs[i]];
        out->categories = categories;
        const char *in = pipeline->slots[transform->inputs[i]].sql;
        if (in != NULL && out->is_asked) {
            const char *unknown =
                categories->has_unknown ? ps_arena_printf(pipeline->arena, "%zu", categories->count) : "NULL";
            if (unknown == NULL) {
                return ps_error_memory(error, "a pipeline");
            }
            PS_TRY(ps_categories_write_sql(categories, in, false, NULL, unknown, unknown, pipeline->arena,
                                           &out->sql, error));
        }
    }
    return PENSTOCK_OK;
}

static penstock_code finish_encoder(struct ps_pipeline *pipeline, struct ps_transform *transform,
                                    struct penstock_error *error) {
    for (size_t i = 0; i < transform->input_count; i++) {
        const struct ps_slot *in = &pipeline->slots[transform->inputs[i]];
        struct ps_slot *out = &pipeline->slots[transform->outputs[i]];
        struct ps_categories *categories = &transform->categories[i];
        if (in->kind == PS_SLOT_NUMBER && in->categories != NULL) {
            *categories = *in->categories; /* the index is the category: nothing to look up */
        } else {
            categories->order = categories->numbers != NULL ? PS_ORDER_VALUE : PS_ORDER_FREQUENCY_DESC;
            PS_TRY(ps_categories_index(categories, pipeline->arena, error));
        }
        const struct config *config = transform->config;
        const bool keeps = is_invalid(transform, "keep") || categories->has_unknown;
        /* with an unknown category that dropLast would leave out, there is simply no slot for it */
        categories->has_unknown = keeps && !config->drop_last;
        out->drops_last = config->drop_last && !keeps;
        out->categories = categories;
        out->width = categories->count + (categories->has_unknown ? 1 : 0);
        out->components = ps_arena_allocate(pipeline->arena, 1, sizeof *out->components);
        if (out->components == NULL) {
            return ps_error_memory(error, "a pipeline");
        }
        out->components[0] = (struct ps_component){transform->outputs[i], 1, out->width};
        out->component_count = 1;
        if (out->width > PS_LIMIT_FEATURE_COUNT) {
            return ps_error_set(error, PENSTOCK_INVALID_DATA,
                                "OneHotEncoder: column %s has %zu categories, the limit is %d", out->name,
                                out->width, PS_LIMIT_FEATURE_COUNT);
        }
    }
    return PENSTOCK_OK;
}

static void refuse(struct ps_frame *frame, size_t row, const struct ps_slot *slot, double number,
                   struct ps_bytes text) {
    char digits[32];
    if (text.data == NULL) {
        (void)snprintf(digits, sizeof digits, "%.17g", number);
        text = ps_bytes_of(digits);
    }
    ps_frame_fail(
        frame, row, slot->name, text,
        "is no category that the training rows have (handleInvalid = 'error'; 'keep' or 'skip' would take it)");
}

/* Index of the row's value; -1: unknown; the row's fate is set when it cannot stay. */
static int32_t look_up(const struct ps_transform *transform, const struct ps_slot *in,
                       const struct ps_categories *categories, const struct ps_frame_slot *values,
                       struct ps_frame *frame, size_t row) {
    int32_t index = -1;
    struct ps_bytes text = {NULL, 0};
    double number = 0;
    bool is_missing;
    if (in->kind == PS_SLOT_TEXT) {
        text = values->texts[row];
        is_missing = text.data == NULL;
        index = is_missing ? -1 : ps_categories_find_text(categories, text);
    } else {
        number = values->numbers[row];
        is_missing = isnan(number);
        if (in->categories != NULL) {
            index = !is_missing && number < (double)categories->count ? (int32_t)number : -1;
        } else {
            index = is_missing ? -1 : ps_categories_find_number(categories, number);
        }
    }
    if (index < 0 && !is_invalid(transform, "keep")) {
        const bool was_kept = in->categories != NULL && in->categories->has_unknown && !is_missing;
        if (was_kept) {
            return -1;
        }
        if (is_missing || is_invalid(transform, "skip")) {
            ps_frame_set_fate(frame, row, PS_FATE_NULL);
        } else {
            refuse(frame, row, in, number, text);
        }
    }
    return index;
}

static void apply_indexer(const struct ps_pipeline *pipeline, const struct ps_transform *transform,
                          struct ps_frame *frame) {
    for (size_t i = 0; i < transform->input_count; i++) {
        const struct ps_slot *in = &pipeline->slots[transform->inputs[i]];
        const struct ps_categories *categories = &transform->categories[i];
        const struct ps_frame_slot *values = &frame->slots[transform->inputs[i]];
        struct ps_frame_slot *out = &frame->slots[transform->outputs[i]];
        const double unknown = categories->has_unknown ? (double)categories->count : (double)NAN;
        for (size_t row = 0; row < frame->row_count; row++) {
            const int32_t index = look_up(transform, in, categories, values, frame, row);
            out->own_numbers[row] = index < 0 ? unknown : (double)index;
        }
        out->numbers = out->own_numbers;
    }
}

static void apply_encoder(const struct ps_pipeline *pipeline, const struct ps_transform *transform,
                          struct ps_frame *frame) {
    for (size_t i = 0; i < transform->input_count; i++) {
        const struct ps_slot *in = &pipeline->slots[transform->inputs[i]];
        const struct ps_categories *categories = &transform->categories[i];
        const struct ps_frame_slot *values = &frame->slots[transform->inputs[i]];
        int32_t *indexes = frame->slots[transform->outputs[i]].indexes;
        const int32_t unknown = categories->has_unknown ? (int32_t)categories->count : -1;
        for (size_t row = 0; row < frame->row_count; row++) {
            const int32_t index = look_up(transform, in, categories, values, frame, row);
            indexes[row] = index < 0 ? unknown : index;
        }
    }
}

const struct ps_transform_type ps_string_indexer_type = {
    .name = "StringIndexer",
    .help = "gives each text the number of its place in an order",
    .options = indexer_options,
    .config_size = sizeof(struct config),
    .column_min = 1,
    .takes_text = true,
    .takes_time = true,
    .learns_categories = true,
    .reads_values = true,
    .bind = bind_indexer,
    .fit = fit_categories,
    .finish = finish_indexer,
    .apply = apply_indexer,
};

const struct ps_transform_type ps_one_hot_encoder_type = {
    .name = "OneHotEncoder",
    .help = "makes a column of zeros and ones of each category",
    .options = encoder_options,
    .config_size = sizeof(struct config),
    .column_min = 1,
    .takes_text = true,
    .takes_time = true,
    .learns_categories = true,
    .reads_values = true,
    .bind = bind_encoder,
    .fit = fit_categories,
    .finish = finish_encoder,
    .apply = apply_encoder,
};
