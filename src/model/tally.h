/* SPDX-License-Identifier: Apache-2.0
 *
 * tally.h - one scan of the training rows: the sufficient statistics of every part.
 *
 * Workers pack blocks and sum them up; the sums of blocks are added in block order by a fixed tree (sumtree.h).
 * Counts of pairs of categories are whole numbers, exact in any order, so each worker keeps its own until the
 * end. Dense columns are shifted by pilots: the mean of the first block that has a usable row.
 */
#ifndef PS_MODEL_TALLY_H
#define PS_MODEL_TALLY_H

#include "model/packer.h"
#include "model/validation.h"

struct ps_tally_options {
    const struct ps_pipeline *pipeline;
    const struct ps_layout *layout;
    const struct ps_validation *validation;
    size_t worker_count;
    int64_t memory_max; /* of the sums; 0: no limit */
    const struct ps_stop *stop;
};

struct ps_tally {
    size_t part_count;
    struct ps_rowset *parts;    /* spread is filled for each */
    struct ps_rowset *weighted; /* the same of weighted rows; NULL: there are no weights */
    double *pilots;             /* dense_count */
    int64_t row_count;          /* read */
    int64_t used_count;
    int64_t outliers, null_features, null_labels;
    int64_t task_count;
};

/* The scan's columns: the pipeline's inputs, then the fold column if the validation has one.
 * Errors: INVALID_DATA, OUT_OF_MEMORY (also when the sums need more than memory_max), CANCELLED, SQL. */
penstock_code ps_tally_run(const struct ps_tally_options *options, struct ps_scan *scan,
                           struct ps_tally *tally_out, struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_tally_done(struct ps_tally *tally);
/* Sums of the parts that split `split` trains on (split_count: of all parts), or of those it validates. Added up, never
 * subtracted. is_weighted: of weighted rows. Owns: ps_rowset_done(). */
penstock_code ps_tally_join(const struct ps_tally *tally, const struct ps_layout *layout,
                            const struct ps_validation *validation, size_t split, bool is_validating,
                            bool is_weighted, struct ps_rowset *set_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
void ps_rowset_done(struct ps_rowset *set);

#endif
