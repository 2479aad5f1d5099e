/* SPDX-License-Identifier: Apache-2.0
 *
 * score.h - a fitted model on the hold-out rows.
 */
#ifndef PS_MODEL_SCORE_H
#define PS_MODEL_SCORE_H

#include "model/dataset.h"
#include "model/model.h"
#include "model/sample.h"
#include "model/slices.h"

/* Rows of the hold-out that the first model can predict, in order. All are the caller's (ps_release). */
struct ps_scored {
    int64_t row_count;
    int64_t unpredicted; /* rows that the first model cannot predict: left out */
    int64_t null_labels;
    int64_t unseen_classes;               /* rows of a class that training has not seen: label -1 */
    double *labels, *times, *predictions; /* times NULL without BY */
    double *probabilities;                /* of classes: row * class_count + class; NULL for a regression */
    double *
        others; /* of the second model, NaN where it cannot predict: predictions, or probabilities of classes;
                     * NULL without one */
    /* Without a second model: for the gate, see train.h. */
    struct ps_sample *sample;
    struct ps_slices *slices;
};

/* `other` may be NULL. A row that `fitted` refuses (handleInvalid = 'error') is an error; one that `other`
 * refuses is NaN. */
penstock_code ps_score_holdout(struct ps_dataset *dataset, const struct ps_fitted *fitted,
                               const struct ps_fitted *other, const struct ps_stop *stop,
                               struct ps_scored *scored_out, struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_scored_done(struct ps_scored *scored);

#endif
