/* SPDX-License-Identifier: Apache-2.0
 *
 * target_encoder.c - TargetEncoder: a category becomes the mean of the label in its training rows.
 *
 * As Spark 4's: a category with n rows becomes w * mean of its rows + (1 - w) * mean of all rows, w = n / (n +
 * smoothing); with targetType = 'binary' the label must be 0 or 1 and the mean is a share. A missing value is a
 * category of its own when training has seen some; what it has not seen is the mean of all rows (keep), costs the
 * row (skip) or is refused (error). The label is read in training only: a model keeps the means, and serving
 * never asks for a label.
 *
 * For each split of the validation it is fitted anew, on the rows that the split trains on, as Spark's pipeline in a
 * CrossValidator would do it: else the label of the rows that validate would leak into their features, and rare
 * categories would look like good ones. A category that only they have is one that training
 * has not seen: handleInvalid says what becomes of it. Its mean is NaN then, in a split only.
 *
 * Numbers, per column: categories, mean of all rows, 1 if missing values were seen, their mean, the means of the
 * categories.
 */
#include <math.h>
#include <stdio.h>

#include "model/categories.h"
#include "model/fit.h"

enum { COUNT, OVERALL, HAS_MISSING, MISSING, FIRST };

struct config {
    const char *target_type, *handle_invalid;
    double smoothing;
};

static const struct ps_option options[] = {
    {"targetType", PS_OPTION_CHOICE, "binary", 0, 0, "binary|continuous",
     offsetof(struct config, target_type), false, false, "what the label is: 0 and 1, or any number", "0.2"},
    {"smoothing", PS_OPTION_DOUBLE, "0.0", 0, 1e300, NULL, offsetof(struct config, smoothing), false, false,
     "rows' worth of the overall mean that is mixed into each category's", "0.2"},
    {"handleInvalid", PS_OPTION_CHOICE, "error", 0, 0, "error|keep|skip",
     offsetof(struct config, handle_invalid), false, false,
     "what happens to a category that training has not seen: keep takes the overall mean", "0.2"},
    {0},
};

static bool is_invalid(const struct ps_transform *transform, const char *name) {
    const struct config *config = transform->config;
    return strcmp(config->handle_invalid, name) == 0;
}

static bool is_binary(const struct ps_transform *transform) {
    const struct config *config = transform->config;
    return strcmp(config->target_type, "binary") == 0;
}

/* An index carries its categories with it, so that the number is the place. */
static bool is_index(const struct ps_slot *slot) {
    return slot->kind == PS_SLOT_NUMBER && slot->categories != NULL;
}

/* Place of the row's category; -1: none that is known. */
static int64_t place_of(const struct ps_slot *in, const struct ps_categories *categories,
                        const struct ps_frame_slot *values, size_t row, bool *is_missing_out) {
    if (in->kind == PS_SLOT_TEXT) {
        *is_missing_out = values->texts[row].data == NULL;
        return *is_missing_out ? -1 : ps_categories_find_text(categories, values->texts[row]);
    }
    const double number = values->numbers[row];
    *is_missing_out = isnan(number);
    if (*is_missing_out) {
        return -1;
    }
    if (is_index(in)) {
        return number >= 0 && number < (double)categories->count ? (int64_t)number : -1;
    }
    return ps_categories_find_number(categories, number);
}

struct mean {
    double count, value;
};

/* One column: means by place, then the missing values', then all rows'. */
struct column {
    const struct ps_categories *categories;
    struct mean *means;
};

struct learning {
    const struct ps_pipeline *pipeline;
    const struct ps_transform *transform;
    size_t label_slot;
    struct column *columns;
};

static void add(struct mean *mean, double label) {
    mean->count++;
    mean->value += (label - mean->value) / mean->count;
}

static penstock_code take(void *context, const struct ps_frame *frame, struct penstock_error *error) {
    const struct learning *learning = context;
    const struct ps_transform *transform = learning->transform;
    const double *labels = frame->slots[learning->label_slot].numbers;
    for (size_t row = 0; row < frame->row_count; row++) {
        const double label = labels[row];
        if (frame->fates[row] != PS_FATE_KEEP || !isfinite(label)) {
            continue;
        }
        if (is_binary(transform) && label != 0 && label != 1) {
            (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                               "TargetEncoder: the label is %.17g, but targetType = 'binary' needs 0 or 1",
                               label);
            return ps_error_hint(error, "targetType = 'continuous' takes the mean of any number");
        }
        for (size_t i = 0; i < transform->input_count; i++) {
            const struct column *column = &learning->columns[i];
            bool is_missing = false;
            const int64_t place =
                place_of(&learning->pipeline->slots[transform->inputs[i]], column->categories,
                         &frame->slots[transform->inputs[i]], row, &is_missing);
            const size_t count = column->categories->count;
            add(&column->means[count + 1], label);
            if (place >= 0 || is_missing) {
                add(&column->means[is_missing ? count : (size_t)place], label);
            }
        }
    }
    return PENSTOCK_OK;
}

/* The categories of every column that does not carry its own. */
static penstock_code find_categories(struct ps_fit *fit, struct ps_transform *transform, size_t input,
                                     struct penstock_error *error) {
    const struct ps_slot *slot = &fit->pipeline->slots[transform->inputs[input]];
    if (is_index(slot)) {
        return PENSTOCK_OK;
    }
    struct ps_fit_values values = {0};
    bool is_given = false;
    PS_TRY(ps_fit_categories(fit, transform, input, &values, &is_given, error));
    if (is_given) {
        return PENSTOCK_OK;
    }
    if (values.count == 0) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA,
                            "TargetEncoder: column %s has no value in the training rows", slot->name);
    }
    struct ps_categories *categories = &transform->categories[input];
    *categories = (struct ps_categories){
        .labels = values.texts, .numbers = values.numbers, .count = values.count, .order = PS_ORDER_VALUE};
    return ps_categories_index(categories, fit->pipeline->arena, error);
}

/* is_split: a category without rows is not known, unless handleInvalid takes it. */
static void encode(const struct ps_transform *transform, const struct column *column, bool is_split,
                   double *numbers) {
    const struct config *config = transform->config;
    const size_t count = column->categories->count;
    const double overall = column->means[count + 1].value;
    numbers[COUNT] = (double)count;
    numbers[OVERALL] = overall;
    numbers[HAS_MISSING] = column->means[count].count > 0 ? 1 : 0;
    for (size_t i = 0; i <= count; i++) {
        const struct mean *mean = &column->means[i];
        const double weight = mean->count > 0 ? mean->count / (mean->count + config->smoothing) : 0;
        const bool is_unseen = is_split && i < count && mean->count == 0 && !is_invalid(transform, "keep");
        numbers[i < count ? FIRST + i : MISSING] =
            is_unseen ? (double)NAN : weight * mean->value + (1 - weight) * overall;
    }
}

static size_t label_slot(const struct ps_pipeline *pipeline) {
    for (size_t i = 0; i < pipeline->input_count; i++) {
        if (pipeline->slots[pipeline->inputs[i]].is_label) {
            return pipeline->inputs[i];
        }
    }
    return PS_NO_SLOT;
}

/* A stored model has no label any more; a text has no mean. */
static penstock_code bind(struct ps_pipeline *pipeline, struct ps_transform *transform,
                          struct penstock_error *error) {
    const size_t label = label_slot(pipeline);
    if (label != PS_NO_SLOT && pipeline->slots[label].kind != PS_SLOT_NUMBER) {
        const char *name = pipeline->slots[label].name;
        const penstock_code code =
            ps_transform_error(transform, error, "the label %s is %s, of which there is no mean", name,
                               pipeline->slots[label].type_text);
        (void)ps_error_hint(error,
                            "CAST(%s = '...' AS INTEGER) AS %s in the SELECT makes 0 and 1 of two classes",
                            name, name);
        return code;
    }
    return ps_pipeline_replace_all(pipeline, transform, error);
}

static penstock_code fit(struct ps_fit *fit, struct ps_transform *transform, struct penstock_error *error) {
    struct learning learning = {
        .pipeline = fit->pipeline, .transform = transform, .label_slot = label_slot(fit->pipeline)};
    learning.columns = ps_arena_allocate(fit->arena, transform->input_count, sizeof *learning.columns);
    if (learning.columns == NULL) {
        return ps_error_memory(error, "means of the label");
    }
    size_t number_count = 0;
    for (size_t i = 0; i < transform->input_count; i++) {
        PS_TRY(find_categories(fit, transform, i, error));
        const struct ps_slot *slot = &fit->pipeline->slots[transform->inputs[i]];
        struct column *column = &learning.columns[i];
        column->categories = is_index(slot) ? slot->categories : &transform->categories[i];
        column->means = ps_arena_allocate(fit->arena, column->categories->count + 2, sizeof *column->means);
        if (column->means == NULL) {
            return ps_error_memory(error, "means of the label");
        }
        number_count += FIRST + column->categories->count;
    }
    PS_TRY(ps_fit_rows(fit, transform, true, &learning, take, error));
    PS_TRY(ps_transform_reserve(fit->pipeline, transform, number_count, error));
    double *numbers = transform->numbers;
    for (size_t i = 0; i < transform->input_count; i++) {
        encode(transform, &learning.columns[i], fit->split != NULL, numbers);
        transform->is_fitted[i] = true;
        numbers += FIRST + learning.columns[i].categories->count;
    }
    return PENSTOCK_OK;
}

static penstock_code write_sql(struct ps_pipeline *pipeline, const struct ps_transform *transform,
                               size_t input, const double *numbers, struct penstock_error *error) {
    const struct ps_slot *in = &pipeline->slots[transform->inputs[input]];
    struct ps_slot *out = &pipeline->slots[transform->outputs[input]];
    if (in->sql == NULL || !out->is_asked) {
        return PENSTOCK_OK;
    }
    char texts[2][64];
    const double values[2] = {numbers[HAS_MISSING] > 0 ? numbers[MISSING] : numbers[OVERALL],
                              numbers[OVERALL]};
    for (size_t i = 0; i < 2; i++) {
        const bool is_known = is_invalid(transform, "keep") || (i == 0 && numbers[HAS_MISSING] > 0);
        if (is_known) {
            (void)snprintf(texts[i], sizeof texts[i], "CAST('%.17g' AS DOUBLE)", values[i]);
        } else {
            (void)snprintf(texts[i], sizeof texts[i], "NULL");
        }
    }
    return ps_categories_write_sql(in->categories != NULL ? in->categories : &transform->categories[input],
                                   in->sql, is_index(in), numbers + FIRST, texts[0], texts[1],
                                   pipeline->arena, &out->sql, error);
}

/* From now on categories[i] is what column i is looked up in, and numbers[...] lie one column after the other. */
static penstock_code finish(struct ps_pipeline *pipeline, struct ps_transform *transform,
                            struct penstock_error *error) {
    size_t next = 0;
    for (size_t i = 0; i < transform->input_count; i++) {
        const struct ps_slot *in = &pipeline->slots[transform->inputs[i]];
        struct ps_categories *categories = &transform->categories[i];
        if (is_index(in)) {
            *categories = *in->categories;
        } else if (categories->table == NULL) {
            categories->order = PS_ORDER_VALUE;
            PS_TRY(ps_categories_index(categories, pipeline->arena, error));
        }
        const size_t size = FIRST + categories->count;
        const double *numbers = transform->numbers + next;
        if (next + size > transform->number_count || numbers[COUNT] != (double)categories->count) {
            return ps_error_set(error, PENSTOCK_INVALID_DATA,
                                "the stored model is damaged: TargetEncoder has not the means it needs");
        }
        next += size;
        transform->is_fitted[i] = true;
        PS_TRY(write_sql(pipeline, transform, i, numbers, error));
    }
    return next == transform->number_count
               ? PENSTOCK_OK
               : ps_error_set(error, PENSTOCK_INVALID_DATA,
                              "the stored model is damaged: TargetEncoder has more means than categories");
}

/* Of a row whose category is not known. */
static double unknown(const struct ps_transform *transform, const struct ps_slot *in, const double *numbers,
                      const struct ps_frame_slot *values, struct ps_frame *frame, size_t row,
                      bool is_missing) {
    if (is_missing && numbers[HAS_MISSING] > 0) {
        return numbers[MISSING];
    }
    if (is_invalid(transform, "keep")) {
        return numbers[OVERALL];
    }
    if (is_missing || is_invalid(transform, "skip")) {
        ps_frame_set_fate(frame, row, PS_FATE_NULL);
        return (double)NAN;
    }
    char digits[32];
    struct ps_bytes text = {digits, 0};
    if (in->kind == PS_SLOT_TEXT) {
        text = values->texts[row];
    } else {
        text.size = (size_t)snprintf(digits, sizeof digits, "%.17g", values->numbers[row]);
    }
    ps_frame_fail(
        frame, row, in->name, text,
        "is no category that the training rows have (handleInvalid = 'error'; 'keep' or 'skip' would "
        "take it)");
    return (double)NAN;
}

static void apply(const struct ps_pipeline *pipeline, const struct ps_transform *transform,
                  struct ps_frame *frame) {
    const double *numbers = transform->numbers;
    for (size_t i = 0; i < transform->input_count; i++) {
        const struct ps_slot *in = &pipeline->slots[transform->inputs[i]];
        const struct ps_categories *categories = &transform->categories[i];
        const struct ps_frame_slot *values = &frame->slots[transform->inputs[i]];
        struct ps_frame_slot *out = &frame->slots[transform->outputs[i]];
        for (size_t row = 0; row < frame->row_count; row++) {
            bool is_missing = false;
            const int64_t place = place_of(in, categories, values, row, &is_missing);
            out->own_numbers[row] = place >= 0 && !isnan(numbers[FIRST + place])
                                        ? numbers[FIRST + place]
                                        : unknown(transform, in, numbers, values, frame, row, is_missing);
        }
        out->numbers = out->own_numbers;
        numbers += FIRST + categories->count;
    }
}

const struct ps_transform_type ps_target_encoder_type = {
    .name = "TargetEncoder",
    .help = "gives each category the mean of the label in its training rows",
    .options = options,
    .config_size = sizeof(struct config),
    .column_min = 1,
    .takes_text = true,
    .takes_time = true,
    .learns_categories = true,
    .reads_values = true,
    .has_own_count = true,
    .refits = true,
    .bind = bind,
    .fit = fit,
    .finish = finish,
    .apply = apply,
};
