/* SPDX-License-Identifier: Apache-2.0
 *
 * bucketizer.c - Bucketizer: a number becomes the index of the interval it lies in.
 *
 * Intervals are [split, next split), the last one closed. A value outside all of them is an error however
 * handleInvalid stands (put -Infinity and Infinity at the ends); NaN and NULL follow handleInvalid. As in Spark.
 */
#include "model/buckets.h"

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

static struct ps_buckets buckets_of(const struct ps_transform *transform) {
    return (struct ps_buckets){
        .splits = transform->list,
        .split_count = transform->list_count,
        .keeps_missing = is_invalid(transform, "keep"),
        .refusal = "is outside the splits of Bucketizer (-Infinity and Infinity can be its ends)",
    };
}

static penstock_code finish(struct ps_pipeline *pipeline, struct ps_transform *transform,
                            struct penstock_error *error) {
    const struct ps_buckets buckets = buckets_of(transform);
    for (size_t i = 0; i < transform->input_count; i++) {
        transform->is_fitted[i] = true;
        struct ps_slot *out = &pipeline->slots[transform->outputs[i]];
        PS_TRY(ps_buckets_name(&buckets, pipeline->arena, &transform->categories[i], error));
        out->categories = &transform->categories[i];
        const char *in = pipeline->slots[transform->inputs[i]].sql;
        if (in != NULL) {
            PS_TRY(ps_buckets_write_sql(&buckets, in, pipeline->arena, &out->sql, error));
        }
    }
    return PENSTOCK_OK;
}

static void apply(const struct ps_pipeline *pipeline, const struct ps_transform *transform,
                  struct ps_frame *frame) {
    const struct ps_buckets buckets = buckets_of(transform);
    for (size_t i = 0; i < transform->input_count; i++) {
        const char *column = pipeline->slots[transform->inputs[i]].name;
        ps_buckets_apply(&buckets, column, frame, transform->inputs[i], transform->outputs[i]);
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
