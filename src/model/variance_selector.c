/* SPDX-License-Identifier: Apache-2.0
 *
 * variance_selector.c - VarianceThresholdSelector: columns that hardly vary are no features.
 *
 * A column stays when its sample variance (n - 1) over the training rows is greater than varianceThreshold, as in
 * Spark; what later stages make in place of a column that has gone, or as a product with it, goes with it. Number
 * learnt, per column: the variance.
 */
#include <float.h>
#include <math.h>

#include "model/fit.h"

struct config {
    double threshold;
};

static const struct ps_option options[] = {
    {"varianceThreshold", PS_OPTION_DOUBLE, "0.0", 0, 1e300, NULL, offsetof(struct config, threshold), false,
     false, "a column with no larger variance is left out", "0.2"},
    {0},
};

static bool is_kept(const struct ps_transform *transform, size_t input) {
    const struct config *config = transform->config;
    return transform->numbers[input] > config->threshold;
}

static penstock_code fit(struct ps_fit *fit, struct ps_transform *transform, struct penstock_error *error) {
    struct ps_column_moments *moments =
        ps_arena_allocate(fit->arena, transform->input_count, sizeof *moments);
    if (moments == NULL) {
        return ps_error_memory(error, "variances");
    }
    PS_TRY(ps_fit_input_moments(fit, transform, moments, error));
    const struct config *config = transform->config;
    for (size_t i = 0; i < transform->input_count; i++) {
        const char *name = fit->pipeline->slots[transform->inputs[i]].name;
        transform->numbers[i] = fmin(moments[i].variance, DBL_MAX); /* JSON has no infinity */
        transform->is_fitted[i] = true;
        if (!is_kept(transform, i)) {
            PS_TRY(ps_fit_note(
                fit, error,
                "VarianceThresholdSelector: column %s is left out, its variance %.6g is not above %.6g", name,
                moments[i].variance, config->threshold));
        }
    }
    return PENSTOCK_OK;
}

static penstock_code finish(struct ps_pipeline *pipeline, struct ps_transform *transform,
                            struct penstock_error *error) {
    (void)error;
    for (size_t i = 0; i < transform->input_count; i++) {
        const struct ps_slot *in = &pipeline->slots[transform->inputs[i]];
        struct ps_slot *out = &pipeline->slots[transform->outputs[i]];
        out->is_absent = !is_kept(transform, i);
        out->sql = in->sql;
        out->categories = in->categories;
    }
    return PENSTOCK_OK;
}

static void apply(const struct ps_pipeline *pipeline, const struct ps_transform *transform,
                  struct ps_frame *frame) {
    (void)pipeline;
    for (size_t i = 0; i < transform->input_count; i++) {
        frame->slots[transform->outputs[i]].numbers = frame->slots[transform->inputs[i]].numbers;
    }
}

const struct ps_transform_type ps_variance_selector_type = {
    .name = "VarianceThresholdSelector",
    .help = "leaves out columns that hardly vary",
    .options = options,
    .config_size = sizeof(struct config),
    .column_min = 1,
    .takes_all = true,
    .number_count = 1,
    .refits = true,
    .bind = ps_pipeline_replace_all,
    .fit = fit,
    .finish = finish,
    .apply = apply,
};
