/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics_regression.c - all metrics of a regression from rows.
 *
 * Sums over rows are compensated (Neumaier), so that a million rows lose nothing.
 */
#include <float.h>
#include <math.h>

#include "model/metrics.h"

struct compensated {
    double sum, rest;
};

static void add(struct compensated *total, double value) {
    const double sum = total->sum + value;
    total->rest += fabs(total->sum) >= fabs(value) ? (total->sum - sum) + value : (value - sum) + total->sum;
    total->sum = sum;
}

double ps_metric_share(double label, double prediction) {
    return fabs(label - prediction) / fmax(fabs(label), DBL_EPSILON);
}

double ps_metric_weighted_r2(double r2, double weight_sum, double squares) {
    return 1 - (1 - r2) * (weight_sum - squares / weight_sum) / (weight_sum - 1);
}

void ps_metrics_compute(const double *labels, const double *predictions, const double *weights,
                        int64_t row_count, struct ps_metrics *metrics_out) {
    struct compensated count = {0}, counted = {0}, label = {0}, squares = {0}, absolute = {0}, share = {0},
                       total = {0}, explained = {0};
    for (int64_t i = 0; i < row_count; i++) {
        const double weight = weights == NULL ? 1 : weights[i];
        add(&count, weight);
        add(&counted, weight * weight);
        add(&label, weight * labels[i]);
    }
    const double n = count.sum + count.rest;
    const double mean = (label.sum + label.rest) / n;
    for (int64_t i = 0; i < row_count; i++) {
        const double residual = labels[i] - predictions[i];
        const double distance = labels[i] - mean;
        const double gain = predictions[i] - mean;
        const double weight = weights == NULL ? 1 : weights[i];
        add(&squares, weight * (residual * residual));
        add(&absolute, weight * fabs(residual));
        add(&share, weight * ps_metric_share(labels[i], predictions[i]));
        add(&total, weight * (distance * distance));
        add(&explained, weight * (gain * gain));
    }
    const double residuals = squares.sum + squares.rest;
    ps_metrics_clear(metrics_out);
    metrics_out->row_count = row_count;
    metrics_out->mse = residuals / n;
    metrics_out->rmse = sqrt(residuals / n);
    metrics_out->mae = (absolute.sum + absolute.rest) / n;
    metrics_out->mape = (share.sum + share.rest) / n;
    metrics_out->r2 = 1 - residuals / (total.sum + total.rest);
    if (weights != NULL) {
        metrics_out->r2 = ps_metric_weighted_r2(metrics_out->r2, n, counted.sum + counted.rest);
    }
    metrics_out->var = (explained.sum + explained.rest) / n;
}
