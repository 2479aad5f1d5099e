/* SPDX-License-Identifier: Apache-2.0
 *
 * spread.h - means and covariances of one set of rows, and what follows from them by algebra alone.
 *
 * From the sums of a set of rows (gram.h) come its means and population covariances over the base columns
 * (dense columns, the label last among them, then slots). Features are affine in base columns, so their
 * moments for any choice of scaling follow without the rows; and so do the metrics of any linear model on
 * these rows (but for the mean absolute error).
 */
#ifndef PS_MODEL_SPREAD_H
#define PS_MODEL_SPREAD_H

#include "model/gram.h"
#include "model/metrics.h"

/* Base columns: dense 0 .. dense_count - 1 (the label is the last), then slots. All shifted by their pilots. */
struct ps_spread {
    size_t count;
    double row_count;
    double *means;      /* count */
    double *covariance; /* count x count, population */
};

/* Reads sums and pairs. A variance that is rounding noise beside its second moment becomes exactly 0.
 * With no rows everything is 0. Owns: ps_spread_done(). */
penstock_code ps_spread_init(struct ps_spread *spread, const struct ps_gram_shape *shape, const double *sums,
                             const double *pairs, struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_spread_done(struct ps_spread *spread);

#define PS_NO_COLUMN SIZE_MAX
/* feature = scale * (base[column] + fill * base[indicator]) + constant */
struct ps_feature_map {
    size_t column;
    size_t indicator; /* of missing values, or PS_NO_COLUMN */
    double fill;
    double scale;
    double constant;
};

/* Moments of features and label, not shifted any more. */
struct ps_moments {
    size_t count;
    double row_count;      /* of weighted rows: the sum of their weights */
    double weight_squares; /* of weighted rows: the sum of their squared weights; 0: each counts 1 */
    double *means;
    double *covariance; /* count x count; a row and column of zeros for a constant feature */
    double *cross;      /* with the label */
    double label_mean, label_variance;
};
penstock_code ps_moments_init(struct ps_moments *moments, const struct ps_spread *spread, size_t label,
                              double label_pilot, const struct ps_feature_map *maps, size_t map_count,
                              struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_moments_done(struct ps_moments *moments);

/* A linear model over base columns: label - label_pilot ~ constant + weights . base */
struct ps_base_model {
    double constant;
    double *weights; /* spread.count; 0 at the label */
};
/* weights (spread.count doubles, the caller's) from coefficients on the features. */
void ps_base_model_set(struct ps_base_model *model, size_t base_count, double label_pilot,
                       const struct ps_feature_map *maps, size_t map_count, const double *coefficients,
                       double intercept);
/* Metrics of the model on the rows of `spread`; mae is NaN. `scratch`: spread->count doubles. */
void ps_spread_score(const struct ps_spread *spread, size_t label, const struct ps_base_model *model,
                     double *scratch, struct ps_metrics *metrics_out);

#endif
