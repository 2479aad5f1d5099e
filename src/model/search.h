/* SPDX-License-Identifier: Apache-2.0
 *
 * search.h - every cell of every estimator on every split.
 *
 * Linear regression is solved and scored from sums alone. Estimators that need the rows get them in memory; all
 * estimators share the splits, and so the metrics of all cells can be compared.
 */
#ifndef PS_MODEL_SEARCH_H
#define PS_MODEL_SEARCH_H

#include "model/estimator.h"
#include "model/rows.h"
#include "model/tally.h"

struct ps_search_options {
    const struct ps_layout *layout;
    const struct ps_tally *tally;
    const struct ps_rows *rows; /* NULL: no estimator needs them */
    const struct ps_validation *validation;
    const struct ps_estimator *estimators;
    size_t estimator_count;
    const struct ps_target *target;
    const char *offset_column; /* of offsetCol, or NULL */
    struct ps_arena *arena;
    const struct ps_stop *stop;
    size_t worker_count;
    int64_t memory_max;                                         /* 0: no limit */
    void (*on_fit)(int64_t done, int64_t count, void *context); /* as in struct ps_train_options */
    void *on_fit_context;
};

/* Where a cell comes from. */
struct ps_cell_origin {
    const struct ps_estimator *estimator;
    size_t cell; /* of the estimator */
};

struct ps_search {
    struct ps_search_cell *cells;   /* in the arena: estimator after estimator */
    struct ps_cell_origin *origins; /* of each cell */
    double *metrics;                /* cells x splits, what the cells point to */
    size_t cell_count, split_count;
    size_t best;
    size_t unconverged_count;
    /* Without rows, for a metric that needs them: the model of each (split, cell), over base columns. */
    double *constants; /* split_count * cell_count; NULL when not asked for */
    double *weights;   /* split_count * cell_count * base_count, split after split */
    size_t base_count;
};

/* Solves everything and scores it; for a metric that needs the rows, when they are not there, it keeps the models
 * instead, metrics are set by ps_absolute_run() (absolute.h) and ps_search_choose() follows. Errors: INVALID_DATA: a
 * fold without rows; what fit() returns. */
penstock_code ps_search_run(const struct ps_search_options *options, struct ps_search *search_out,
                            struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_search_done(struct ps_search *search);
/* The same in steps, for splits whose features are not those of one layout (train_splits.c): the cells, without a
 * metric yet (of `options` no layout, tally and rows are needed); one split, on its own layout, tally and rows (there,
 * if the metric needs them); the choice. */
penstock_code ps_search_begin(const struct ps_search_options *options, struct ps_search *search_out,
                              struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_search_split(const struct ps_search_options *options, size_t index, struct ps_search *search,
                              struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_search_end(const struct ps_search_options *options, struct ps_search *search,
                            struct penstock_error *error) PENSTOCK_MUST_USE;
/* Means of the cells and the first best of them. */
void ps_search_choose(struct ps_search *search, const struct ps_metric_type *metric);

/* A model of all parts with the parameters of one cell. */
struct ps_refit {
    struct ps_design design;
    struct ps_moments moments;
    struct ps_linear_solution
        solution;                   /* coefficients owned here; of other estimators rank and varying_count are
                                         * those of the features, and is_unconverged is fit()'s */
    struct ps_predictor *predictor; /* owned */
    int64_t iteration_count;        /* 0: not known */
    const char *note;               /* of fit(); NULL: none */
    struct ps_metrics metrics;      /* on the rows it was fitted to; NaN: not known */
};
penstock_code ps_search_refit(const struct ps_search_options *options, const struct ps_cell_origin *origin,
                              struct ps_pipeline *fitted, struct ps_refit *refit_out,
                              struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_refit_done(struct ps_refit *refit);

#endif
