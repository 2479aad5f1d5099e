/* SPDX-License-Identifier: Apache-2.0
 *
 * elementwise_product.c - ElementwiseProduct: each column times its own constant.
 *
 * scalingVec has a number for each column, in their order, as in Spark. Nothing is learnt. Beside a regression whose
 * penalty looks at scales (standardization = false) it says which features to trust.
 */
#include <math.h>

#include "model/fit.h"

struct config {
    const char *scaling; /* only for the option table: the numbers are transform->list */
};

static const struct ps_option options[] = {
    {"scalingVec", PS_OPTION_TEXT, NULL, 0, 0, NULL, offsetof(struct config, scaling), true, false,
     "a number for each column, in brackets", "0.2"},
    {0},
};

static penstock_code bind(struct ps_pipeline *pipeline, struct ps_transform *transform,
                          struct penstock_error *error) {
    if (transform->list_count != transform->input_count) {
        return ps_transform_error(transform, error, "scalingVec has %zu numbers for %zu columns",
                                  transform->list_count, transform->input_count);
    }
    for (size_t i = 0; i < transform->list_count; i++) {
        if (!isfinite(transform->list[i])) {
            return ps_transform_error(transform, error, "scalingVec: a number must be finite");
        }
    }
    return ps_pipeline_replace_all(pipeline, transform, error);
}

static penstock_code finish(struct ps_pipeline *pipeline, struct ps_transform *transform,
                            struct penstock_error *error) {
    for (size_t i = 0; i < transform->input_count; i++) {
        const char *in = pipeline->slots[transform->inputs[i]].sql;
        struct ps_slot *out = &pipeline->slots[transform->outputs[i]];
        transform->is_fitted[i] = true;
        if (in == NULL || !out->is_asked) {
            continue;
        }
        out->sql = ps_arena_printf(pipeline->arena, "(%s * CAST('%.17g' AS DOUBLE))", in, transform->list[i]);
        if (out->sql == NULL) {
            return ps_error_memory(error, "a pipeline");
        }
    }
    return PENSTOCK_OK;
}

static void apply(const struct ps_pipeline *pipeline, const struct ps_transform *transform,
                  struct ps_frame *frame) {
    (void)pipeline;
    for (size_t i = 0; i < transform->input_count; i++) {
        const double *in = frame->slots[transform->inputs[i]].numbers;
        struct ps_frame_slot *out = &frame->slots[transform->outputs[i]];
        for (size_t row = 0; row < frame->row_count; row++) {
            out->own_numbers[row] = in[row] * transform->list[i];
        }
        out->numbers = out->own_numbers;
    }
}

const struct ps_transform_type ps_elementwise_product_type = {
    .name = "ElementwiseProduct",
    .help = "multiplies each column with its own number",
    .options = options,
    .config_size = sizeof(struct config),
    .list_name = "scalingVec",
    .column_min = 1,
    .bind = bind,
    .finish = finish,
    .apply = apply,
};
