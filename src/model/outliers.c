/* SPDX-License-Identifier: Apache-2.0
 *
 * outliers.c - OutlierFilter: training rows whose value lies outside bounds are left out.
 *
 *   iqr         [q1 - k (q3 - q1), q3 + k (q3 - q1)]   k = 1.5 (Tukey 1977)
 *   zscore      mean -+ k sample standard deviations   k = 3
 *   mad         median -+ k 1.4826 MAD                 k = 3.5 (Iglewicz and Hoaglin 1993)
 *   percentile  [quantile(lower), quantile(upper)]     0.01 and 0.99
 *
 * Bounds are learnt from all training rows and applied to training rows only: hold-out rows stay, because in
 * service nobody leaves out the rows that are hard. It is the one stage that may read the label.
 */
#include <math.h>

#include "model/fit.h"

enum { LOWER, UPPER, NUMBER_COUNT };

struct config {
    const char *method;
    double k, lower, upper;
};

static const struct ps_option options[] = {
    {"method", PS_OPTION_CHOICE, "iqr", 0, 0, "iqr|zscore|mad|percentile", offsetof(struct config, method),
     false, false, "how the bounds are found", "0.1"},
    {"k", PS_OPTION_DOUBLE, NULL, 0, 1e300, NULL, offsetof(struct config, k), false, false,
     "how far from the middle a bound is; default 1.5 for iqr, 3 for zscore, 3.5 for mad", "0.1"},
    {"lower", PS_OPTION_DOUBLE, "0.01", 0, 1, NULL, offsetof(struct config, lower), false, false,
     "lower quantile for percentile", "0.1"},
    {"upper", PS_OPTION_DOUBLE, "0.99", 0, 1, NULL, offsetof(struct config, upper), false, false,
     "upper quantile for percentile", "0.1"},
    {0},
};

static bool is_method(const struct ps_transform *transform, const char *name) {
    const struct config *config = transform->config;
    return strcmp(config->method, name) == 0;
}

static penstock_code bind(struct ps_pipeline *pipeline, struct ps_transform *transform,
                          struct penstock_error *error) {
    (void)pipeline;
    struct config *config = transform->config;
    if (config->k == 0) {
        config->k = is_method(transform, "iqr") ? 1.5 : is_method(transform, "zscore") ? 3 : 3.5;
    }
    if (is_method(transform, "percentile") && !(config->lower < config->upper)) {
        return ps_transform_error(transform, error,
                                  "lower must be less than upper, but %g is not less than %g", config->lower,
                                  config->upper);
    }
    return PENSTOCK_OK;
}

static penstock_code bounds_by_quantiles(struct ps_fit *fit, const struct ps_transform *transform,
                                         const char *const *expressions, struct penstock_error *error) {
    const struct config *config = transform->config;
    const bool is_iqr = is_method(transform, "iqr");
    const double probabilities[2] = {is_iqr ? 0.25 : config->lower, is_iqr ? 0.75 : config->upper};
    PS_TRY(ps_fit_quantiles(fit, expressions, transform->input_count, probabilities, 2, transform->numbers,
                            error));
    for (size_t i = 0; is_iqr && i < transform->input_count; i++) {
        double *bounds = transform->numbers + i * NUMBER_COUNT;
        const double reach = config->k * (bounds[UPPER] - bounds[LOWER]);
        bounds[LOWER] -= reach;
        bounds[UPPER] += reach;
    }
    return PENSTOCK_OK;
}

static penstock_code bounds_by_median(struct ps_fit *fit, const struct ps_transform *transform,
                                      const char *const *expressions, struct penstock_error *error) {
    const struct config *config = transform->config;
    const size_t count = transform->input_count;
    const double half = 0.5;
    double *medians = ps_arena_allocate(fit->arena, 2 * count, sizeof *medians);
    const char **distances = ps_arena_allocate(fit->arena, count, sizeof *distances);
    if (medians == NULL || distances == NULL) {
        return ps_error_memory(error, "medians");
    }
    PS_TRY(ps_fit_quantiles(fit, expressions, count, &half, 1, medians, error));
    for (size_t i = 0; i < count; i++) {
        const double median = isnan(medians[i]) ? 0 : medians[i];
        distances[i] =
            ps_arena_printf(fit->arena, "abs(%s - CAST('%.17g' AS DOUBLE))", expressions[i], median);
        if (distances[i] == NULL) {
            return ps_error_memory(error, "medians");
        }
    }
    double *deviations = medians + count;
    PS_TRY(ps_fit_quantiles(fit, distances, count, &half, 1, deviations, error));
    for (size_t i = 0; i < count; i++) {
        double *bounds = transform->numbers + i * NUMBER_COUNT;
        bounds[LOWER] = medians[i] - config->k * 1.4826 * deviations[i];
        bounds[UPPER] = medians[i] + config->k * 1.4826 * deviations[i];
    }
    return PENSTOCK_OK;
}

static penstock_code bounds_by_mean(struct ps_fit *fit, const struct ps_transform *transform,
                                    const char *const *expressions, struct penstock_error *error) {
    const struct config *config = transform->config;
    const size_t count = transform->input_count;
    struct ps_column_moments *moments = ps_arena_allocate(fit->arena, count, sizeof *moments);
    if (moments == NULL) {
        return ps_error_memory(error, "moments");
    }
    PS_TRY(ps_fit_moments(fit, expressions, count, moments, error));
    for (size_t i = 0; i < count; i++) {
        double *bounds = transform->numbers + i * NUMBER_COUNT;
        const double reach = config->k * sqrt(moments[i].variance);
        bounds[LOWER] = moments[i].mean - reach;
        bounds[UPPER] = moments[i].mean + reach;
    }
    return PENSTOCK_OK;
}

/* ---- of one split: the same, from its rows ---- */

/* The median of the distances from `median`: a walk from it to both sides passes them from the least to the largest. */
static double median_distance(const double *values, size_t count, double median) {
    size_t above = 0;
    while (above < count && values[above] < median) {
        above++;
    }
    size_t below = above; /* the values before it are to come */
    double distance = (double)NAN, before = (double)NAN;
    for (size_t passed = 0; passed <= count / 2 && passed < count; passed++) {
        const bool is_up =
            below == 0 || (above < count && values[above] - median < median - values[below - 1]);
        before = distance;
        distance = is_up ? values[above++] - median : median - values[--below];
    }
    return count % 2 == 1 ? distance : before + (distance - before) / 2;
}

static void bound_split(void *context, size_t input, const double *values, size_t count) {
    const struct ps_transform *transform = context;
    const struct config *config = transform->config;
    double *bounds = transform->numbers + input * NUMBER_COUNT;
    if (is_method(transform, "mad")) {
        const double median = ps_sorted_quantile(values, count, 0.5);
        const double reach = config->k * 1.4826 * median_distance(values, count, median);
        bounds[LOWER] = median - reach;
        bounds[UPPER] = median + reach;
        return;
    }
    const bool is_iqr = is_method(transform, "iqr");
    bounds[LOWER] = ps_sorted_quantile(values, count, is_iqr ? 0.25 : config->lower);
    bounds[UPPER] = ps_sorted_quantile(values, count, is_iqr ? 0.75 : config->upper);
    const double reach = is_iqr ? config->k * (bounds[UPPER] - bounds[LOWER]) : 0;
    bounds[LOWER] -= reach;
    bounds[UPPER] += reach;
}

static penstock_code fit_split(struct ps_fit *fit, struct ps_transform *transform,
                               struct penstock_error *error) {
    const struct config *config = transform->config;
    if (is_method(transform, "zscore")) {
        struct ps_column_moments *moments =
            ps_arena_allocate(fit->arena, transform->input_count, sizeof *moments);
        if (moments == NULL) {
            return ps_error_memory(error, "moments");
        }
        PS_TRY(ps_fit_input_moments(fit, transform, moments, error));
        for (size_t i = 0; i < transform->input_count; i++) {
            const double reach = config->k * sqrt(moments[i].variance);
            transform->numbers[i * NUMBER_COUNT + LOWER] = moments[i].mean - reach;
            transform->numbers[i * NUMBER_COUNT + UPPER] = moments[i].mean + reach;
        }
    } else {
        PS_TRY(ps_fit_sorted(fit, transform, (double)NAN, transform, bound_split, error));
    }
    for (size_t i = 0; i < transform->input_count; i++) {
        double *bounds = transform->numbers + i * NUMBER_COUNT;
        transform->is_fitted[i] = true;
        if (!(bounds[UPPER] > bounds[LOWER])) {
            bounds[LOWER] = -(double)INFINITY;
            bounds[UPPER] = (double)INFINITY;
        }
    }
    return PENSTOCK_OK;
}

static penstock_code add_condition(struct ps_fit *fit, const char *sql, const double *bounds,
                                   struct penstock_error *error) {
    ps_buffer_printf(fit->where, "%s coalesce(%s BETWEEN ", fit->where->size > 0 ? " AND" : "WHERE", sql);
    ps_buffer_sql_double(fit->where, bounds[LOWER]);
    ps_buffer_text(fit->where, " AND ");
    ps_buffer_sql_double(fit->where, bounds[UPPER]);
    ps_buffer_text(fit->where, ", true)");
    return ps_buffer_status(fit->where, error);
}

static penstock_code fit_bounds(struct ps_fit *fit, struct ps_transform *transform,
                                struct penstock_error *error) {
    if (fit->split != NULL) {
        return fit_split(fit, transform, error);
    }
    const char **expressions = ps_arena_allocate(fit->arena, transform->input_count, sizeof *expressions);
    if (expressions == NULL) {
        return ps_error_memory(error, "a pipeline");
    }
    for (size_t i = 0; i < transform->input_count; i++) {
        expressions[i] = fit->pipeline->slots[transform->inputs[i]].sql;
    }
    PS_TRY(is_method(transform, "mad")      ? bounds_by_median(fit, transform, expressions, error)
           : is_method(transform, "zscore") ? bounds_by_mean(fit, transform, expressions, error)
                                            : bounds_by_quantiles(fit, transform, expressions, error));
    for (size_t i = 0; i < transform->input_count; i++) { /* all bounds are of the rows before this stage */
        double *bounds = transform->numbers + i * NUMBER_COUNT;
        transform->is_fitted[i] = true;
        const bool has_spread = bounds[UPPER] > bounds[LOWER];
        if (has_spread) {
            PS_TRY(add_condition(fit, expressions[i], bounds, error));
            continue;
        }
        bounds[LOWER] = -(double)INFINITY;
        bounds[UPPER] = (double)INFINITY;
        PS_TRY(ps_fit_note(fit, error,
                           "OutlierFilter(%s): the column has no spread by %s, so nothing is left out",
                           fit->pipeline->slots[transform->inputs[i]].name,
                           ((const struct config *)transform->config)->method));
    }
    return PENSTOCK_OK;
}

void ps_outlier_filter_bounds(const struct ps_transform *transform, size_t input, double *lower_out,
                              double *upper_out) {
    *lower_out = transform->numbers[input * NUMBER_COUNT + LOWER];
    *upper_out = transform->numbers[input * NUMBER_COUNT + UPPER];
}

static penstock_code finish(struct ps_pipeline *pipeline, struct ps_transform *transform,
                            struct penstock_error *error) {
    (void)pipeline;
    (void)transform;
    (void)error;
    return PENSTOCK_OK;
}

static void apply(const struct ps_pipeline *pipeline, const struct ps_transform *transform,
                  struct ps_frame *frame) {
    (void)pipeline;
    for (size_t i = 0; frame->is_training && i < transform->input_count; i++) {
        const double *in = frame->slots[transform->inputs[i]].numbers;
        const double lower = transform->numbers[i * NUMBER_COUNT + LOWER];
        const double upper = transform->numbers[i * NUMBER_COUNT + UPPER];
        for (size_t row = 0; row < frame->row_count; row++) {
            if (in[row] < lower || in[row] > upper) {
                ps_frame_set_fate(frame, row, PS_FATE_OUTLIER);
            }
        }
    }
}

const struct ps_transform_type ps_outlier_filter_type = {
    .name = "OutlierFilter",
    .help = "leaves training rows with extreme values out",
    .options = options,
    .config_size = sizeof(struct config),
    .column_min = 1,
    .takes_label = true,
    .is_filter = true,
    .reads_values = true,
    .number_count = NUMBER_COUNT,
    .bind = bind,
    .fit = fit_bounds,
    .finish = finish,
    .apply = apply,
};
