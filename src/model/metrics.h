/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics.h - the metrics of Spark's evaluators in one table: of regressions, of two classes, of several.
 *
 *   mse  = mean (y - p)^2        rmse = its square root      mae = mean |y - p|
 *   r2   = 1 - sum (y - p)^2 / sum (y - mean y)^2
 *   var  = mean (p - mean y)^2, the explained variance
 *   mape = mean |y - p| / max(|y|, 2.2e-16), as scikit-learn's
 *
 * What is said of classes: metrics_classes.c.
 */
#ifndef PS_MODEL_METRICS_H
#define PS_MODEL_METRICS_H

#include "model/predictor.h"
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
const struct ps_metric_type *ps_metric_find(const char *name); /* NULL: there is none */
/* As Spark's evaluators: rmse, areaUnderROC, f1 (also where only the data say how many classes there are). */
const struct ps_metric_type *ps_metric_default(unsigned tasks);
/* "rmse, mse, r2, ..." of the tasks; NULL when out of memory. */
const char *ps_metric_names(unsigned tasks, struct ps_arena *arena);
double ps_metric_read(const struct ps_metric_type *type, const struct ps_metrics *metrics);
/* All NaN, no rows. */
void ps_metrics_clear(struct ps_metrics *metrics_out);

/* From labels and predictions (no NaN among them). Zero rows give NaN. weights: what each row counts, or NULL: 1. */
void ps_metrics_compute(const double *labels, const double *predictions, const double *weights,
                        int64_t row_count, struct ps_metrics *metrics_out);
/* Spark's r2 of weighted rows from the plain one: it takes the sum of squares about the mean for a sample variance
 * times the sum of weights less 1. squares: sum of squared weights. */
double ps_metric_weighted_r2(double r2, double weight_sum, double squares);
double ps_metric_share(double label, double prediction); /* one row's part of mape */

/* The class of one row: with thresholds the first of those whose probability over its threshold is the greatest, one
 * of threshold 0 always; else of two the second if its probability is above the threshold, and of several the first
 * of the greatest. */
size_t ps_metrics_class(const double *probabilities, size_t class_count, const struct ps_decision *decision);
struct ps_class_rows {
    const double *labels; /* indexes of classes; one that is none of them counts as a wrong prediction */
    const double *probabilities; /* row * class_count + class */
    const double *weights;       /* what each row counts, or NULL: 1 */
    int64_t row_count;
    size_t class_count;
};
/* Zero rows give NaN; an area is NaN when a class that it needs has no row. Errors: OUT_OF_MEMORY. */
penstock_code ps_metrics_compute_classes(const struct ps_class_rows *rows, const struct ps_decision *decision,
                                         struct ps_metrics *metrics_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

#endif
