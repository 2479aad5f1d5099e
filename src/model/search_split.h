/* SPDX-License-Identifier: Apache-2.0
 *
 * search_split.h - one split of a search: what it trains on, and how a model is fitted to that and scored.
 *
 * A split's training sums are its parts' added up, not the total minus the others: nothing cancels. The cells of a
 * split share one workspace, so that each starts where the last one ended.
 */
#ifndef PS_MODEL_SEARCH_SPLIT_H
#define PS_MODEL_SEARCH_SPLIT_H

#include "model/search.h"

struct ps_split {
    const struct ps_search_options *options;
    size_t index;    /* validation->split_count: trains on all parts, validates on none */
    bool *trains;    /* per part */
    bool *validates; /* per part */
    struct ps_rowset training;
    struct ps_rowset weighted;   /* training rows as they count; empty: each counts 1 */
    struct ps_rowset validating; /* as they count in the metric */
    struct ps_design design;
    struct ps_moments moments;
    struct ps_training_set set;
    struct ps_linear_workspace *workspace;
    double *coefficients;
    double *scratch;
    struct ps_base_model model; /* the last that was solved */
};

/* `fitted`: see ps_design_learn(). */
penstock_code ps_split_init(struct ps_split *split, const struct ps_search_options *options, size_t index,
                            struct ps_pipeline *fitted, struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_split_done(struct ps_split *split);
/* LinearRegression from moments: coefficients and model of the split are set. */
penstock_code ps_split_solve(struct ps_split *split, const struct ps_linear_config *config,
                             struct ps_linear_solution *solution_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* Metrics of a predictor on the rows of the parts that `includes` says (one flag a part). Errors: OUT_OF_MEMORY,
 * CANCELLED. */
penstock_code ps_split_score(const struct ps_split *split, const bool *includes,
                             const struct ps_predictor *predictor, struct ps_metrics *metrics_out,
                             struct penstock_error *error) PENSTOCK_MUST_USE;
/* Bytes that scoring these rows takes. */
int64_t ps_split_score_size(const struct ps_split *split, const bool *includes);

#endif
