/* SPDX-License-Identifier: Apache-2.0
 *
 * linear.h - linear regression from moments: ridge, lasso, elastic net, with Spark ML's meaning.
 *
 *   1/2n sum (y - xb - b0)^2 + regParam/sigma_y ((1 - a)/2 sum (sigma_j b_j)^2 + a sigma_y sum |sigma_j b_j|)
 *
 * sigma: population standard deviations of the training rows; without standardization the penalty is on b_j
 * itself. With compat = 'sklearn' the penalties are those of scikit-learn's Ridge, Lasso and ElasticNet, on the
 * features as they are. A constant feature gets coefficient 0. (Spark ML, WeightedLeastSquares; facts and checks of the
 * parity tests.)
 */
#ifndef PS_MODEL_LINEAR_H
#define PS_MODEL_LINEAR_H

#include "base/option.h"
#include "model/spread.h"

struct ps_linear_config {
    double reg_param, elastic_net_param, tol, epsilon;
    int64_t max_iter, aggregation_depth;
    bool fit_intercept, standardization;
    const char *solver, *loss, *compat, *weight_column;
};
extern const struct ps_option ps_linear_options[];

struct ps_linear_solution {
    double *coefficients; /* moments.count; the caller's */
    double intercept;
    size_t rank;          /* of the features that are not constant; less than their number: not unique */
    size_t varying_count; /* features that are not constant */
    bool is_unconverged;
};

/* Memory of solves of one size: kept between the cells of a search, so that each starts where the last ended. */
struct ps_linear_workspace;
penstock_code ps_linear_workspace_new(size_t feature_count, struct ps_linear_workspace **workspace_out,
                                      struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_linear_workspace_free(struct ps_linear_workspace *workspace);

/* Errors: INVALID_DATA (a constant label that Spark refuses too), OUT_OF_MEMORY. Coefficients are finite. */
penstock_code ps_linear_solve(const struct ps_linear_config *config, const struct ps_moments *moments,
                              struct ps_linear_workspace *workspace, struct ps_linear_solution *solution_out,
                              struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
