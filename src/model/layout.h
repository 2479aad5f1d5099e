/* SPDX-License-Identifier: Apache-2.0
 *
 * layout.h - how a pipeline's columns lie in the Gram matrix, and which features a training set makes of them.
 *
 * Base columns are what the scan sums up: numbers as they leave the stages that are not deferred, a mark for
 * each column whose gaps are filled later, the label, one-hot groups with all their categories. A design is
 * the features of one training set: scalers learn from its moments, a mean fills its gaps, and of each one-hot
 * column the category that is the last by these rows' counts is left out. So every fold gets what a refit of
 * the whole pipeline would give it, without its rows.
 */
#ifndef PS_MODEL_LAYOUT_H
#define PS_MODEL_LAYOUT_H

#include "model/pipeline.h"
#include "model/spread.h"

struct ps_chain_step {
    size_t transform, input;
};
struct ps_dense_column {
    size_t slot;                 /* of the frame to read; the label's for the last */
    struct ps_chain_step *chain; /* deferred stages, first to last */
    size_t chain_count;
    bool is_filled;   /* NaN is allowed: a deferred Imputer */
    size_t indicator; /* dense index of the column that marks its gaps, or PS_NO_COLUMN */
};
/* A feature column of the pipeline: a number (dense index) or a group. */
struct ps_layout_column {
    bool is_group;
    size_t index;
};
struct ps_layout {
    const struct ps_pipeline *pipeline;
    struct ps_gram_shape shape;
    size_t number_count;           /* dense columns that are features: 0 .. number_count - 1 */
    struct ps_dense_column *dense; /* number_count; then come indicators, then the label */
    size_t label;                  /* dense index of the label: the last */
    size_t label_slot;
    size_t *groups;                   /* slots, shape.group_count */
    struct ps_layout_column *columns; /* in the order of the features */
    size_t column_count;
    size_t feature_max; /* numbers + all slots */
    bool needs_range;   /* some deferred stage learns from least and largest */
};

penstock_code ps_layout_init(struct ps_layout *layout, const struct ps_pipeline *pipeline,
                             struct ps_arena *arena, struct penstock_error *error) PENSTOCK_MUST_USE;

/* Sums over one set of rows. */
struct ps_rowset {
    double *sums, *pairs;
    double weight_squares;   /* of weighted rows: the sum of their squared weights */
    double *least, *largest; /* number_count, in the columns' own units */
    struct ps_spread spread;
};

struct ps_design {
    struct ps_feature_map *maps;
    size_t *columns; /* of the layout */
    size_t *indexes; /* within a group */
    size_t count;
    int64_t *dropped; /* per slot of the pipeline: the category left out, or -1 */
    double *counts;   /* scratch: feature_max */
};
penstock_code ps_design_init(struct ps_design *design, const struct ps_layout *layout,
                             struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_design_done(struct ps_design *design);
/* Fills the design for the rows of `set`. With `fitted` (the layout's own pipeline), what was learnt is also
 * written there: these are the numbers of the model. */
void ps_design_learn(struct ps_design *design, const struct ps_layout *layout, const struct ps_rowset *set,
                     const double *pilots, struct ps_pipeline *fitted);

#endif
