/* SPDX-License-Identifier: Apache-2.0
 *
 * scalers.c - StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler.
 *
 * All are out = (in - shift) * factor + offset, with numbers as in Spark ML: the sample standard deviation
 * (n - 1), factor 0 for a column without spread (1 for MaxAbs), the middle of the range for MinMax. The first
 * three follow from moments, so they wait for the scan; quantiles do not, so RobustScaler asks for them before.
 * Its quantiles are exact, with linear interpolation, where Spark's are within relativeError.
 */
#include <math.h>

#include "model/fit.h"

enum { SHIFT, FACTOR, OFFSET, NUMBER_COUNT };

struct standard_config {
    bool with_mean, with_std;
};
struct min_max_config {
    double min, max;
};
struct robust_config {
    double lower, upper;
    bool with_centering, with_scaling;
};
struct no_config {
    char unused;
};

static const struct ps_option standard_options[] = {
    {"withMean", PS_OPTION_BOOLEAN, "false", 0, 0, NULL, offsetof(struct standard_config, with_mean), false,
     false, "subtract the mean", "0.1"},
    {"withStd", PS_OPTION_BOOLEAN, "true", 0, 0, NULL, offsetof(struct standard_config, with_std), false,
     false, "divide by the sample standard deviation", "0.1"},
    {0},
};
static const struct ps_option min_max_options[] = {
    {"min", PS_OPTION_DOUBLE, "0.0", 0, 0, NULL, offsetof(struct min_max_config, min), false, false,
     "what the least value becomes", "0.1"},
    {"max", PS_OPTION_DOUBLE, "1.0", 0, 0, NULL, offsetof(struct min_max_config, max), false, false,
     "what the largest value becomes", "0.1"},
    {0},
};
static const struct ps_option robust_options[] = {
    {"lower", PS_OPTION_DOUBLE, "0.25", 0, 1, NULL, offsetof(struct robust_config, lower), false, false,
     "lower quantile of the range", "0.1"},
    {"upper", PS_OPTION_DOUBLE, "0.75", 0, 1, NULL, offsetof(struct robust_config, upper), false, false,
     "upper quantile of the range", "0.1"},
    {"withCentering", PS_OPTION_BOOLEAN, "false", 0, 0, NULL, offsetof(struct robust_config, with_centering),
     false, false, "subtract the median", "0.1"},
    {"withScaling", PS_OPTION_BOOLEAN, "true", 0, 0, NULL, offsetof(struct robust_config, with_scaling),
     false, false, "divide by the range between the quantiles", "0.1"},
    {0},
};
static const struct ps_option no_options[] = {{0}};

static void learn_standard(const struct ps_transform *transform, const struct ps_column_moments *moments,
                           double *numbers_out) {
    const struct standard_config *config = transform->config;
    const double deviation = sqrt(moments->variance);
    numbers_out[SHIFT] = config->with_mean ? moments->mean : 0;
    numbers_out[FACTOR] = !config->with_std ? 1 : deviation > 0 ? 1 / deviation : 0;
    numbers_out[OFFSET] = 0;
}

static void learn_min_max(const struct ps_transform *transform, const struct ps_column_moments *moments,
                          double *numbers_out) {
    const struct min_max_config *config = transform->config;
    const double range = moments->largest - moments->least;
    numbers_out[SHIFT] = moments->least;
    numbers_out[FACTOR] = range > 0 ? (config->max - config->min) / range : 0;
    numbers_out[OFFSET] = range > 0 ? config->min : 0.5 * (config->max + config->min);
}

static void learn_max_abs(const struct ps_transform *transform, const struct ps_column_moments *moments,
                          double *numbers_out) {
    (void)transform;
    const double largest = fmax(fabs(moments->least), fabs(moments->largest));
    numbers_out[SHIFT] = 0;
    numbers_out[FACTOR] = largest > 0 ? 1 / largest : 1;
    numbers_out[OFFSET] = 0;
}

static penstock_code bind_min_max(struct ps_pipeline *pipeline, struct ps_transform *transform,
                                  struct penstock_error *error) {
    const struct min_max_config *config = transform->config;
    if (!(config->min < config->max)) {
        return ps_transform_error(transform, error, "min must be less than max, but %g is not less than %g",
                                  config->min, config->max);
    }
    return ps_pipeline_replace_all(pipeline, transform, error);
}

static penstock_code bind_robust(struct ps_pipeline *pipeline, struct ps_transform *transform,
                                 struct penstock_error *error) {
    const struct robust_config *config = transform->config;
    if (!(config->lower < config->upper)) {
        return ps_transform_error(transform, error,
                                  "lower must be less than upper, but %g is not less than %g", config->lower,
                                  config->upper);
    }
    return ps_pipeline_replace_all(pipeline, transform, error);
}

/* Of one split: the same, from its rows. */
struct ranging {
    const double *probabilities;
    double *quantiles;
};

static void take_quantiles(void *context, size_t input, const double *values, size_t count) {
    const struct ranging *ranging = context;
    for (size_t i = 0; i < 3; i++) {
        ranging->quantiles[3 * input + i] = ps_sorted_quantile(values, count, ranging->probabilities[i]);
    }
}

static penstock_code fit_robust(struct ps_fit *fit, struct ps_transform *transform,
                                struct penstock_error *error) {
    const struct robust_config *config = transform->config;
    const double probabilities[3] = {config->lower, 0.5, config->upper};
    const size_t count = transform->input_count;
    const char **expressions = ps_arena_allocate(fit->arena, count + 1, sizeof *expressions);
    double *quantiles = ps_arena_allocate(fit->arena, 3 * count + 1, sizeof(double));
    if (expressions == NULL || quantiles == NULL) {
        return ps_error_memory(error, "quantiles");
    }
    for (size_t i = 0; i < count; i++) {
        expressions[i] = fit->pipeline->slots[transform->inputs[i]].sql;
    }
    struct ranging ranging = {probabilities, quantiles};
    PS_TRY(fit->split != NULL
               ? ps_fit_sorted(fit, transform, (double)NAN, &ranging, take_quantiles, error)
               : ps_fit_quantiles(fit, expressions, count, probabilities, 3, quantiles, error));
    for (size_t i = 0; i < count; i++) {
        const double *q = quantiles + 3 * i;
        const double range = q[2] - q[0];
        double *numbers = transform->numbers + i * NUMBER_COUNT;
        numbers[SHIFT] = config->with_centering && isfinite(q[1]) ? q[1] : 0;
        numbers[FACTOR] = !config->with_scaling ? 1 : range > 0 ? 1 / range : 0;
        numbers[OFFSET] = 0;
        transform->is_fitted[i] = true;
    }
    return PENSTOCK_OK;
}

static penstock_code finish(struct ps_pipeline *pipeline, struct ps_transform *transform,
                            struct penstock_error *error) {
    for (size_t i = 0; i < transform->input_count; i++) {
        const char *sql = pipeline->slots[transform->inputs[i]].sql;
        if (sql == NULL || !transform->is_fitted[i]) {
            continue;
        }
        struct ps_buffer text PS_SCOPED(ps_buffer_done);
        ps_buffer_init(&text, (size_t)16 << 20);
        const double *numbers = transform->numbers + i * NUMBER_COUNT;
        ps_buffer_printf(&text, "((%s - ", sql);
        ps_buffer_sql_double(&text, numbers[SHIFT]);
        ps_buffer_text(&text, ") * ");
        ps_buffer_sql_double(&text, numbers[FACTOR]);
        ps_buffer_text(&text, " + ");
        ps_buffer_sql_double(&text, numbers[OFFSET]);
        ps_buffer_text(&text, ")");
        PS_TRY(ps_buffer_status(&text, error));
        pipeline->slots[transform->outputs[i]].sql = ps_arena_copy(pipeline->arena, text.data);
        if (pipeline->slots[transform->outputs[i]].sql == NULL) {
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
        if (frame->is_training && transform->is_deferred[i]) {
            out->numbers = in;
            continue;
        }
        const double shift = transform->numbers[i * NUMBER_COUNT + SHIFT];
        const double factor = transform->numbers[i * NUMBER_COUNT + FACTOR];
        const double offset = transform->numbers[i * NUMBER_COUNT + OFFSET];
        for (size_t row = 0; row < frame->row_count; row++) {
            out->own_numbers[row] = (in[row] - shift) * factor + offset;
        }
        out->numbers = out->own_numbers;
    }
}

const struct ps_transform_type ps_standard_scaler_type = {
    .name = "StandardScaler",
    .help = "divides by the sample standard deviation, and subtracts the mean if asked",
    .options = standard_options,
    .config_size = sizeof(struct standard_config),
    .column_min = 1,
    .takes_all = true,
    .is_learnt = true,
    .number_count = NUMBER_COUNT,
    .bind = ps_pipeline_replace_all,
    .learn = learn_standard,
    .finish = finish,
    .apply = apply,
};

const struct ps_transform_type ps_min_max_scaler_type = {
    .name = "MinMaxScaler",
    .help = "moves and stretches a column's range to min .. max",
    .options = min_max_options,
    .config_size = sizeof(struct min_max_config),
    .column_min = 1,
    .takes_all = true,
    .is_learnt = true,
    .learns_range = true,
    .number_count = NUMBER_COUNT,
    .bind = bind_min_max,
    .learn = learn_min_max,
    .finish = finish,
    .apply = apply,
};

const struct ps_transform_type ps_max_abs_scaler_type = {
    .name = "MaxAbsScaler",
    .help = "divides by the largest absolute value",
    .options = no_options,
    .config_size = sizeof(struct no_config),
    .column_min = 1,
    .takes_all = true,
    .is_learnt = true,
    .learns_range = true,
    .number_count = NUMBER_COUNT,
    .bind = ps_pipeline_replace_all,
    .learn = learn_max_abs,
    .finish = finish,
    .apply = apply,
};

const struct ps_transform_type ps_robust_scaler_type = {
    .name = "RobustScaler",
    .help = "divides by the range between two quantiles, and subtracts the median if asked",
    .options = robust_options,
    .config_size = sizeof(struct robust_config),
    .column_min = 1,
    .takes_all = true,
    .reads_values = true,
    .refits = true,
    .number_count = NUMBER_COUNT,
    .bind = bind_robust,
    .fit = fit_robust,
    .finish = finish,
    .apply = apply,
};
