/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics.h - the metrics of Spark's evaluators in one table: of regressions, of two classes, of several.
 *
 *   mse  = mean (y - p)^2        rmse = its square root      mae = mean |y - p|
 *   r2   = 1 - sum (y - p)^2 / sum (y - mean y)^2
 *   var  = mean (p - mean y)^2, the explained variance
 */
#ifndef PS_MODEL_METRICS_H
#define PS_MODEL_METRICS_H

#include "model/train.h"

struct ps_metric_type {
    const char *name; /* NULL ends the table */
    size_t offset;    /* of its number in struct ps_metrics */
    unsigned tasks;   /* enum ps_task, or-ed */
    bool larger_is_better;
    bool needs_rows; /* cannot come from sums of products: costs another scan */
    const char *help;
};
extern const struct ps_metric_type ps_metric_types[];
const struct ps_metric_type *ps_metric_find(const char *name);
double ps_metric_read(const struct ps_metric_type *type, const struct ps_metrics *metrics);
/* All NaN, no rows. */
void ps_metrics_clear(struct ps_metrics *metrics_out);

/* From labels and predictions (no NaN among them). Zero rows give NaN. */
void ps_metrics_compute(const double *labels, const double *predictions, int64_t row_count,
                        struct ps_metrics *metrics_out);

#endif
