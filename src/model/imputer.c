/* SPDX-License-Identifier: Apache-2.0
 *
 * imputer.c - Imputer: what stands for a missing number.
 *
 * NULL, NaN and missingValue are missing. A mean can wait for the scan: the column then passes with its gaps,
 * the Gram matrix carries a column that marks them, and each fold fills with the mean of its own training rows,
 * as Spark's refit does; median and mode are found for each split anew. The mode is the least of equally frequent
 * values, as in Spark, the median exact.
 */
#include <math.h>

#include "model/fit.h"

struct config {
    const char *strategy;
    double missing_value, value;
    const char *missing_text;
};

static const struct ps_option options[] = {
    {"strategy", PS_OPTION_CHOICE, "mean", 0, 0, "mean|median|mode|constant",
     offsetof(struct config, strategy), false, false, "what a missing value becomes", "0.1"},
    {"missingValue", PS_OPTION_TEXT, "NaN", 0, 0, NULL, offsetof(struct config, missing_text), false, false,
     "a number that means missing, beside NULL and NaN", "0.1"},
    {"value", PS_OPTION_DOUBLE, "0.0", 0, 0, NULL, offsetof(struct config, value), false, false,
     "the number for strategy = 'constant'", "0.1"},
    {0},
};

static bool is_strategy(const struct ps_transform *transform, const char *name) {
    const struct config *config = transform->config;
    return strcmp(config->strategy, name) == 0;
}

static penstock_code bind(struct ps_pipeline *pipeline, struct ps_transform *transform,
                          struct penstock_error *error) {
    struct config *config = transform->config;
    config->missing_value = (double)NAN;
    if (!ps_text_equal_nocase(config->missing_text, "nan") &&
        !ps_parse_double(config->missing_text, &config->missing_value)) {
        return ps_transform_error(transform, error, "missingValue: '%s' is not a number",
                                  config->missing_text);
    }
    transform->is_learnt = is_strategy(transform, "mean");
    transform->refits = is_strategy(transform, "median") || is_strategy(transform, "mode");
    return ps_pipeline_replace_all(pipeline, transform, error);
}

static void learn(const struct ps_transform *transform, const struct ps_column_moments *moments,
                  double *numbers_out) {
    (void)transform;
    numbers_out[0] = moments->row_count > 0 ? moments->mean : 0;
}

/* SQL of the input with missingValue as NULL. */
static const char *present(const struct ps_fit *fit, const struct ps_transform *transform, size_t input) {
    const struct config *config = transform->config;
    const char *sql = fit->pipeline->slots[transform->inputs[input]].sql;
    if (isnan(config->missing_value)) {
        return sql;
    }
    return ps_arena_printf(fit->arena, "nullif(%s, CAST('%.17g' AS DOUBLE))", sql, config->missing_value);
}

/* What fills each of the listed inputs, in fills_out. Median and mean take all of them at once. */
static penstock_code find_fills(struct ps_fit *fit, const struct ps_transform *transform,
                                const char *const *expressions, size_t count, double *fills_out,
                                struct penstock_error *error) {
    const struct config *config = transform->config;
    const double half = 0.5;
    if (is_strategy(transform, "median")) {
        return ps_fit_quantiles(fit, expressions, count, &half, 1, fills_out, error);
    }
    if (is_strategy(transform, "mean")) {
        struct ps_column_moments *moments = ps_arena_allocate(fit->arena, count, sizeof *moments);
        if (moments == NULL) {
            return ps_error_memory(error, "moments");
        }
        PS_TRY(ps_fit_moments(fit, expressions, count, moments, error));
        for (size_t i = 0; i < count; i++) {
            learn(transform, &moments[i], &fills_out[i]);
        }
        return PENSTOCK_OK;
    }
    for (size_t i = 0; i < count; i++) {
        fills_out[i] = config->value;
        if (is_strategy(transform, "mode")) {
            PS_TRY(ps_fit_mode(fit, expressions[i], &fills_out[i], error));
        }
    }
    return PENSTOCK_OK;
}

/* Of one split: the same, from its rows. */
struct filling {
    const struct ps_transform *transform;
    double *fills; /* of the inputs that are not deferred */
    size_t count;
};

static void find_fill(void *context, size_t input, const double *values, size_t count) {
    (void)input;
    struct filling *filling = context;
    double fill = 0;
    if (is_strategy(filling->transform, "median")) {
        fill = ps_sorted_quantile(values, count, 0.5);
    } else if (is_strategy(filling->transform, "mode")) {
        fill = ps_sorted_mode(values, count);
    } else {
        struct ps_fit_sums sums = {0};
        for (size_t i = 0; i < count; i++) {
            ps_fit_sums_add(&sums, values[i]);
        }
        const struct ps_column_moments moments = ps_fit_sums_moments(&sums);
        learn(filling->transform, &moments, &fill);
    }
    filling->fills[filling->count++] = fill;
}

static penstock_code fit(struct ps_fit *fit, struct ps_transform *transform, struct penstock_error *error) {
    const char **expressions = ps_arena_allocate(fit->arena, transform->input_count, sizeof *expressions);
    double *fills = ps_arena_allocate(fit->arena, transform->input_count, sizeof *fills);
    if (expressions == NULL || fills == NULL) {
        return ps_error_memory(error, "a pipeline");
    }
    size_t count = 0;
    for (size_t i = 0; i < transform->input_count; i++) {
        if (!transform->is_deferred[i]) {
            expressions[count] = present(fit, transform, i);
            if (expressions[count++] == NULL) {
                return ps_error_memory(error, "a pipeline");
            }
        }
    }
    if (count == 0) {
        return PENSTOCK_OK;
    }
    const struct config *config = transform->config;
    struct filling filling = {transform, fills, 0};
    PS_TRY(fit->split != NULL
               ? ps_fit_sorted(fit, transform, config->missing_value, &filling, find_fill, error)
               : find_fills(fit, transform, expressions, count, fills, error));
    const double *fill = fills;
    for (size_t i = 0; i < transform->input_count; i++) {
        if (transform->is_deferred[i]) {
            continue;
        }
        if (!isfinite(*fill)) {
            return ps_error_set(error, PENSTOCK_INVALID_DATA,
                                "Imputer: column %s has no value in the training rows to fill with",
                                fit->pipeline->slots[transform->inputs[i]].name);
        }
        transform->numbers[i] = *fill++;
        transform->is_fitted[i] = true;
    }
    return PENSTOCK_OK;
}

static penstock_code finish(struct ps_pipeline *pipeline, struct ps_transform *transform,
                            struct penstock_error *error) {
    const struct config *config = transform->config;
    for (size_t i = 0; i < transform->input_count; i++) {
        const char *sql = pipeline->slots[transform->inputs[i]].sql;
        if (sql == NULL || !transform->is_fitted[i]) {
            continue;
        }
        if (!isnan(config->missing_value)) {
            sql = ps_arena_printf(pipeline->arena, "nullif(%s, CAST('%.17g' AS DOUBLE))", sql,
                                  config->missing_value);
        }
        struct ps_slot *out = &pipeline->slots[transform->outputs[i]];
        out->sql = sql == NULL ? NULL
                               : ps_arena_printf(pipeline->arena, "coalesce(%s, CAST('%.17g' AS DOUBLE))",
                                                 sql, transform->numbers[i]);
        if (out->sql == NULL) {
            return ps_error_memory(error, "a pipeline");
        }
    }
    return PENSTOCK_OK;
}

static void apply(const struct ps_pipeline *pipeline, const struct ps_transform *transform,
                  struct ps_frame *frame) {
    (void)pipeline;
    const struct config *config = transform->config;
    for (size_t i = 0; i < transform->input_count; i++) {
        const double *in = frame->slots[transform->inputs[i]].numbers;
        struct ps_frame_slot *out = &frame->slots[transform->outputs[i]];
        const bool is_deferred = frame->is_training && transform->is_deferred[i];
        if (is_deferred && isnan(config->missing_value)) {
            out->numbers = in;
            continue;
        }
        const double fill = is_deferred ? (double)NAN : transform->numbers[i];
        for (size_t row = 0; row < frame->row_count; row++) {
            out->own_numbers[row] = isnan(in[row]) || in[row] == config->missing_value ? fill : in[row];
        }
        out->numbers = out->own_numbers;
    }
}

const struct ps_transform_type ps_imputer_type = {
    .name = "Imputer",
    .help = "fills missing numbers",
    .options = options,
    .config_size = sizeof(struct config),
    .column_min = 1,
    .takes_all = true,
    .is_learnt = true,
    .reads_values = true,
    .number_count = 1,
    .bind = bind,
    .fit = fit,
    .learn = learn,
    .finish = finish,
    .apply = apply,
};
