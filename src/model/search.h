/* SPDX-License-Identifier: Apache-2.0
 *
 * search.h - every cell of the grid on every split, from sums alone.
 */
#ifndef PS_MODEL_SEARCH_H
#define PS_MODEL_SEARCH_H

#include "model/estimator.h"
#include "model/tally.h"

struct ps_search_options {
    const struct ps_layout *layout;
    const struct ps_tally *tally;
    const struct ps_validation *validation;
    const struct ps_estimator *estimator;
    struct ps_arena *arena;
    const struct ps_stop *stop;
};

struct ps_search {
    struct ps_search_cell *cells; /* in the arena */
    double *metrics;              /* cells x splits, what the cells point to */
    size_t cell_count, split_count;
    size_t best;
    size_t unconverged_count;
    /* For a metric that needs the rows: the model of each (split, cell), over base columns. */
    double *constants; /* split_count * cell_count; NULL when not asked for */
    double *weights;   /* split_count * cell_count * base_count, split after split */
    size_t base_count;
};

/* Solves everything and scores it; for a metric that needs the rows it keeps the models instead, metrics are set
 * by ps_absolute_run() (absolute.h) and ps_search_choose() follows. Errors: INVALID_DATA: a fold without rows. */
penstock_code ps_search_run(const struct ps_search_options *options, struct ps_search *search_out,
                            struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_search_done(struct ps_search *search);
/* Means of the cells and the first best of them. */
void ps_search_choose(struct ps_search *search, const struct ps_metric_type *metric);

/* A model of all parts with the parameters of `cell`. */
struct ps_refit {
    struct ps_design design;
    struct ps_moments moments;
    struct ps_linear_solution solution; /* coefficients owned here */
    struct ps_metrics metrics;          /* on the rows it was fitted to; mae NaN */
};
penstock_code ps_search_refit(const struct ps_search_options *options, size_t cell,
                              struct ps_pipeline *fitted, struct ps_refit *refit_out,
                              struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_refit_done(struct ps_refit *refit);

#endif
