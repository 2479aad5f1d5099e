/* SPDX-License-Identifier: Apache-2.0
 *
 * convex.h - minimising a mean loss of sums of coefficients times features, with L1 and L2 penalties.
 *
 *   1/n sum_i loss(y_i, x_i b + b0) + l2/2 sum_j b_j^2 + l1 sum_j |b_j|      (b_j times sigma_j when standardized)
 *
 * A loss may have several sums (softmax: one for each class) and sums without features (Huber's scale). It says its
 * value, slopes and curvatures row by row; everything else is here: passes over the panels in the space of base
 * columns, so that no feature is written out; Newton steps with the curvature of a sample of the blocks, then
 * quasi-Newton steps on all rows (BFGS, with L1 as proximal steps by coordinate descent), which need a few passes of
 * gradients only; OWL-QN (Andrew and Gao 2007) where a matrix of all parameters would be too large.
 */
#ifndef PS_MODEL_CONVEX_H
#define PS_MODEL_CONVEX_H

#include "model/estimator.h"
#include "model/rows.h"

struct ps_loss {
    size_t sum_count;
    const bool *is_bare; /* per sum: an intercept and no features, never penalised; NULL: none */
    bool can_vanish;     /* its least value is 0 and may need infinite coefficients: classes apart */
    const void *context;
    /* sums[k * count + i] of row i become slopes. curvatures (NULL: not asked): pair q of sums k <= l, in the order
     * (0,0) (0,1) .. (1,1) ..: curvatures[q * count + i]. Gives the loss of all rows; infinity: a sum is outside of
     * what the loss is defined for. */
    double (*rows)(const void *context, const double *labels, size_t count, double *sums, double *curvatures);
};

struct ps_convex_problem {
    const struct ps_training_set *set;
    struct ps_loss loss;
    bool fit_intercept;
    bool penalises_raw;     /* coefficients as they are, not those of standardized features */
    bool follows_curvature; /* l2 is times the mean curvature of the first sum, as in Spark's IRLS */
    double l1, l2;
    double tol;
    int64_t iteration_max;
    const double *intercepts;         /* sum_count: where to start without `start` */
    const struct ps_predictor *start; /* a linear predictor with as many sums, or NULL */
};

/* Owned by the caller: ps_convex_done(). */
struct ps_convex_solution {
    double *intercepts;   /* sum_count */
    double *coefficients; /* sum k, feature j: k * feature_count + j; 0 for a constant feature */
    double objective;
    int64_t iteration_count;
    bool is_unconverged;
    bool is_separated; /* it vanished: coefficients have no bound, these are where it stopped */
};
/* Errors: INVALID_DATA (no finite start), CANCELLED, OUT_OF_MEMORY. */
penstock_code ps_convex_fit(const struct ps_convex_problem *problem, struct ps_convex_solution *solution_out,
                            struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_convex_done(struct ps_convex_solution *solution);

/* Rows of the set as they count, and least, largest and mean of their labels, in one pass over the labels alone.
 * counts: per class, or NULL. */
struct ps_label_range {
    double row_count, least, largest, mean;
};
struct ps_label_range ps_convex_labels(const struct ps_training_set *set, double *counts);

#endif
