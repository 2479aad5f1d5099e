/* SPDX-License-Identifier: Apache-2.0
 *
 * binarizer.c - Binarizer: 1 for a number above the threshold, else 0.
 *
 * As in Spark, but that a missing number stays missing instead of becoming 0. Nothing is learnt.
 */
#include <math.h>

#include "model/fit.h"

struct config {
    double threshold;
};

static const struct ps_option options[] = {
    {"threshold", PS_OPTION_DOUBLE, "0.0", 0, 0, NULL, offsetof(struct config, threshold), false, false,
     "numbers above it become 1, the others 0", "0.2"},
    {0},
};

static penstock_code finish(struct ps_pipeline *pipeline, struct ps_transform *transform,
                            struct penstock_error *error) {
    const struct config *config = transform->config;
    for (size_t i = 0; i < transform->input_count; i++) {
        const char *in = pipeline->slots[transform->inputs[i]].sql;
        struct ps_slot *out = &pipeline->slots[transform->outputs[i]];
        transform->is_fitted[i] = true;
        if (in == NULL || !out->is_asked) {
            continue;
        }
        out->sql =
            ps_arena_printf(pipeline->arena, "CAST(CAST(%s > CAST('%.17g' AS DOUBLE) AS INTEGER) AS DOUBLE)",
                            in, config->threshold);
        if (out->sql == NULL) {
            return ps_error_memory(error, "a pipeline");
        }
    }
    return PENSTOCK_OK;
}

static void apply(const struct ps_pipeline *pipeline, const struct ps_transform *transform,
                  struct ps_frame *frame) {
    const struct config *config = transform->config;
    (void)pipeline;
    for (size_t i = 0; i < transform->input_count; i++) {
        const double *in = frame->slots[transform->inputs[i]].numbers;
        struct ps_frame_slot *out = &frame->slots[transform->outputs[i]];
        for (size_t row = 0; row < frame->row_count; row++) {
            out->own_numbers[row] = isnan(in[row]) ? in[row] : in[row] > config->threshold ? 1 : 0;
        }
        out->numbers = out->own_numbers;
    }
}

const struct ps_transform_type ps_binarizer_type = {
    .name = "Binarizer",
    .help = "makes 0 and 1 of numbers by a threshold",
    .options = options,
    .config_size = sizeof(struct config),
    .column_min = 1,
    .bind = ps_pipeline_replace_all,
    .finish = finish,
    .apply = apply,
};
