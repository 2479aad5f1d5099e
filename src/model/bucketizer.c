/* SPDX-License-Identifier: Apache-2.0
 *
 * bucketizer.c - Bucketizer: a number becomes the index of the interval it lies in.
 *
 * Intervals are [split, next split), the last one closed. A value outside all of them is an error however
 * handleInvalid stands (put -Infinity and Infinity at the ends); NaN and NULL follow handleInvalid. As in Spark.
 */
#include <math.h>
#include <stdio.h>

#include "model/categories.h"
#include "model/fit.h"

struct config {
    const char *handle_invalid;
    const char *splits; /* only for the option table: the numbers are transform->list */
};

static const struct ps_option options[] = {
    {"splits", PS_OPTION_TEXT, NULL, 0, 0, NULL, offsetof(struct config, splits), false, false,
     "borders of the buckets, ascending, three or more; -Infinity and Infinity may be the ends", "0.1"},
    {"handleInvalid", PS_OPTION_CHOICE, "error", 0, 0, "error|keep|skip",
     offsetof(struct config, handle_invalid), false, false,
     "what happens to a missing value: keep gives it a bucket of its own", "0.1"},
    {0},
};

static bool is_invalid(const struct ps_transform *transform, const char *name) {
    const struct config *config = transform->config;
    return strcmp(config->handle_invalid, name) == 0;
}

static penstock_code bind(struct ps_pipeline *pipeline, struct ps_transform *transform,
                          struct penstock_error *error) {
    if (transform->list_count < 3) {
        return ps_transform_error(transform, error,
                                  "splits needs at least 3 numbers, as in splits = [0, 10, 20]");
    }
    for (size_t i = 1; i < transform->list_count; i++) {
        if (!(transform->list[i - 1] < transform->list[i])) {
            return ps_transform_error(transform, error, "splits must rise, but %g is followed by %g",
                                      transform->list[i - 1], transform->list[i]);
        }
    }
    return ps_pipeline_replace_all(pipeline, transform, error);
}

static penstock_code name_buckets(struct ps_pipeline *pipeline, const struct ps_transform *transform,
                                  struct ps_categories *categories, struct penstock_error *error) {
    categories->count = transform->list_count - 1;
    categories->order = PS_ORDER_VALUE;
    categories->has_unknown = is_invalid(transform, "keep");
    categories->labels = ps_arena_allocate(pipeline->arena, categories->count, sizeof *categories->labels);
    if (categories->labels == NULL) {
        return ps_error_memory(error, "a pipeline");
    }
    for (size_t i = 0; i < categories->count; i++) {
        const bool is_last = i + 1 == categories->count;
        categories->labels[i] = ps_arena_printf(pipeline->arena, "[%.12g,%.12g%s", transform->list[i],
                                                transform->list[i + 1], is_last ? "]" : ")");
        if (categories->labels[i] == NULL) {
            return ps_error_memory(error, "a pipeline");
        }
    }
    return PENSTOCK_OK;
}

static penstock_code write_sql(struct ps_pipeline *pipeline, const struct ps_transform *transform,
                               const char *in, struct ps_slot *out, struct penstock_error *error) {
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&text, (size_t)16 << 20);
    ps_buffer_text(&text, "CAST(CASE");
    for (size_t i = 1; i < transform->list_count; i++) {
        const bool is_last = i + 1 == transform->list_count;
        ps_buffer_printf(&text, " WHEN %s %s ", in, is_last ? "<=" : "<");
        ps_buffer_sql_double(&text, transform->list[i]);
        ps_buffer_printf(&text, " THEN %zu", i - 1);
    }
    if (is_invalid(transform, "keep")) {
        ps_buffer_printf(&text, " WHEN %s IS NULL THEN %zu", in, transform->list_count - 1);
    }
    ps_buffer_text(&text, " END AS DOUBLE)");
    PS_TRY(ps_buffer_status(&text, error));
    out->sql = ps_arena_copy(pipeline->arena, text.data);
    return out->sql != NULL ? PENSTOCK_OK : ps_error_memory(error, "a pipeline");
}

static penstock_code finish(struct ps_pipeline *pipeline, struct ps_transform *transform,
                            struct penstock_error *error) {
    for (size_t i = 0; i < transform->input_count; i++) {
        transform->is_fitted[i] = true;
        struct ps_slot *out = &pipeline->slots[transform->outputs[i]];
        PS_TRY(name_buckets(pipeline, transform, &transform->categories[i], error));
        out->categories = &transform->categories[i];
        const char *in = pipeline->slots[transform->inputs[i]].sql;
        if (in != NULL) {
            PS_TRY(write_sql(pipeline, transform, in, out, error));
        }
    }
    return PENSTOCK_OK;
}

/* Index of the bucket, or -1 outside. */
static int64_t bucket_of(const struct ps_transform *transform, double value) {
    const double *splits = transform->list;
    size_t low = 0;
    size_t high = transform->list_count - 1;
    if (value < splits[0] || value > splits[high]) {
        return -1;
    }
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (value < splits[middle]) {
            high = middle;
        } else {
            low = middle;
        }
    }
    return (int64_t)low;
}

static void apply(const struct ps_pipeline *pipeline, const struct ps_transform *transform,
                  struct ps_frame *frame) {
    for (size_t i = 0; i < transform->input_count; i++) {
        const double *in = frame->slots[transform->inputs[i]].numbers;
        struct ps_frame_slot *out = &frame->slots[transform->outputs[i]];
        for (size_t row = 0; row < frame->row_count; row++) {
            if (isnan(in[row])) {
                const bool keeps = is_invalid(transform, "keep");
                out->own_numbers[row] = keeps ? (double)(transform->list_count - 1) : (double)NAN;
                if (!keeps) {
                    ps_frame_set_fate(frame, row, PS_FATE_NULL);
                }
                continue;
            }
            const int64_t bucket = bucket_of(transform, in[row]);
            if (bucket < 0) {
                char digits[32];
                (void)snprintf(digits, sizeof digits, "%.17g", in[row]);
                ps_frame_fail(frame, row, pipeline->slots[transform->inputs[i]].name, ps_bytes_of(digits),
                              "is outside the splits of Bucketizer (-Infinity and Infinity can be its ends)");
            }
            out->own_numbers[row] = (double)bucket;
        }
        out->numbers = out->own_numbers;
    }
}

const struct ps_transform_type ps_bucketizer_type = {
    .name = "Bucketizer",
    .help = "gives each number the index of the interval it lies in",
    .options = options,
    .config_size = sizeof(struct config),
    .list_name = "splits",
    .column_min = 1,
    .bind = bind,
    .finish = finish,
    .apply = apply,
};
