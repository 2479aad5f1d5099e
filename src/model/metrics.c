/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics.c - the table of metrics, and all of them from rows.
 *
 * Sums over rows are compensated (Neumaier), so that a million rows lose nothing.
 */
#include "model/metrics.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/option.h"

#define NUMBER(field) offsetof(struct ps_metrics, field)
const struct ps_metric_type ps_metric_types[] = {
    {"rmse", NUMBER(rmse), PS_TASK_REGRESSION, false, false, "root of the mean squared error"},
    {"mse", NUMBER(mse), PS_TASK_REGRESSION, false, false, "mean squared error"},
    {"r2", NUMBER(r2), PS_TASK_REGRESSION, true, false, "share of the label's variance that is explained"},
    {"mae", NUMBER(mae), PS_TASK_REGRESSION, false, true,
     "mean absolute error; needs a second scan of the data"},
    {"var", NUMBER(var), PS_TASK_REGRESSION, true, false,
     "explained variance: mean squared distance of predictions from the label's mean"},
    {0},
};
#undef NUMBER

double ps_metric_read(const struct ps_metric_type *type, const struct ps_metrics *metrics) {
    double value;
    memcpy(&value, (const char *)metrics + type->offset, sizeof value);
    return value;
}

void ps_metrics_clear(struct ps_metrics *metrics_out) {
    *metrics_out = (struct ps_metrics){0};
    for (size_t at = offsetof(struct ps_metrics, rmse); at < sizeof *metrics_out; at += sizeof(double)) {
        memcpy((char *)metrics_out + at, &(double){(double)NAN}, sizeof(double));
    }
}

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
    ps_metrics_clear(metrics_out);
    metrics_out->row_count = row_count;
    metrics_out->mse = residuals / n;
    metrics_out->rmse = sqrt(residuals / n);
    metrics_out->mae = (absolute.sum + absolute.rest) / n;
    metrics_out->r2 = 1 - residuals / (total.sum + total.rest);
    metrics_out->var = (explained.sum + explained.rest) / n;
}
