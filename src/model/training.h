/* SPDX-License-Identifier: Apache-2.0
 *
 * training.h - one training on its way: what its stages hand to one another.
 */
#ifndef PS_MODEL_TRAINING_H
#define PS_MODEL_TRAINING_H

#include "model/dataset.h"
#include "model/notes.h"
#include "model/rows.h"
#include "model/score.h"
#include "model/search.h"
#include "model/train.h"

struct ps_training {
    const struct ps_train_options *options;
    struct ps_candidate *candidate;
    struct ps_arena *arena;
    struct ps_recipe *recipe;
    const char *const *column_names; /* of the SELECT */
    const char *const *column_types;
    size_t column_count;
    struct ps_dataset dataset;
    struct ps_target target;
    struct ps_layout layout;
    struct ps_tally_options tally_options;
    struct ps_tally tally;
    struct ps_rows *rows; /* NULL: no estimator needs them */
    struct ps_search search;
    struct ps_refit refit;
    struct ps_scored scored;
    struct ps_notes notes;
    int64_t wall_ns, cpu_ns; /* when the stage began */
};

/* A stage has ended; the next begins. `name` NULL: out of memory. */
penstock_code ps_training_end_stage(struct ps_training *training, int64_t task_count, const char *name,
                                    struct penstock_error *error) PENSTOCK_MUST_USE;
/* Binds the statement to the columns of its SELECT. */
penstock_code ps_training_read_statement(struct ps_training *training, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* The search, when stages of TRANSFORM are fitted anew for each split: `options` without layout, tally and rows. */
penstock_code ps_training_solve_splits(struct ps_training *training, const struct ps_search_options *options,
                                       const char *folder, struct penstock_error *error) PENSTOCK_MUST_USE;
/* The model's metrics on the hold-out rows, beside those of the constant. */
penstock_code ps_training_score(struct ps_training *training, struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
