/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics.c - the table of metrics, and all of them from rows.
 *
 * Sums over rows are compensated (Neumaier), so that a million rows lose nothing.
 */
#include "model/metrics.h"

#include <math.h>

#include "base/option.h"

static double read_rmse(const struct ps_metrics *metrics) {
    return metrics->rmse;
}
static double read_mse(const struct ps_metrics *metrics) {
    return metrics->mse;
}
static double read_r2(const struct ps_metrics *metrics) {
    return metrics->r2;
}
static double read_mae(const struct ps_metrics *metrics) {
    return metrics->mae;
}
static double read_var(const struct ps_metrics *metrics) {
    return metrics->var;
}

const struct ps_metric_type ps_metric_types[] = {
    {"rmse", read_rmse, false, false, "root of the mean squared error"},
    {"mse", read_mse, false, false, "mean squared error"},
    {"r2", read_r2, true, false, "share of the label's variance that is explained"},
    {"mae", read_mae, false, true, "mean absolute error; needs a second scan of the data"},
    {"var", read_var, true, false,
     "explained variance: mean squared distance of predictions from the label's mean"},
    {0},
};

const struct ps_metric_type *ps_metric_find(const char *name) {
    for (const struct ps_metric_type *type = ps_metric_types; type->name != NULL; type++) {
        if (ps_option_name_equal(type->name, name)) {
            return type;
        }
    }
    return NULL;
}

struct compensated {
    double sum, rest;
};

static void add(struct compensated *total, double value) {
    const double sum = total->sum + value;
    total->rest += fabs(total->sum) >= fabs(value) ? (total->sum - sum) + value : (value - sum) + total->sum;
    total->sum = sum;
}

void ps_metrics_compute(const double *labels, const double *predictions, int64_t row_count,
                        struct ps_metrics *metrics_out) {
    struct compensated label = {0}, squares = {0}, absolute = {0}, total = {0}, explained = {0};
    for (int64_t i = 0; i < row_count; i++) {
        add(&label, labels[i]);
    }
    const double n = (double)row_count;
    const double mean = (label.sum + label.rest) / n;
    for (int64_t i = 0; i < row_count; i++) {
        const double residual = labels[i] - predictions[i];
        const double distance = labels[i] - mean;
        const double gain = predictions[i] - mean;
        add(&squares, residual * residual);
        add(&absolute, fabs(residual));
        add(&total, distance * distance);
        add(&explained, gain * gain);
    }
    const double residuals = squares.sum + squares.rest;
    *metrics_out = (struct ps_metrics){
        .row_count = row_count,
        .mse = residuals / n,
        .rmse = sqrt(residuals / n),
        .mae = (absolute.sum + absolute.rest) / n,
        .r2 = 1 - residuals / (total.sum + total.rest),
        .var = (explained.sum + explained.rest) / n,
    };
}
