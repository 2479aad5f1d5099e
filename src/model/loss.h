/* SPDX-License-Identifier: Apache-2.0
 *
 * loss.h - what one row costs a model: the pieces that a paired comparison adds up.
 *
 *   squared    (y - p)^2                  rmse, mse
 *   absolute   |y - p|                    mae
 *   log        -log P(class of the row)   logLoss; P is at least 1e-15
 *   zero-one   1 if another class has the greatest probability    accuracy
 */
#ifndef PS_MODEL_LOSS_H
#define PS_MODEL_LOSS_H

#include "model/task.h"

enum ps_loss { PS_LOSS_SQUARED = 0, PS_LOSS_ABSOLUTE, PS_LOSS_LOG, PS_LOSS_ZERO_ONE };

/* A metric that is a mean of losses, or the root of one. */
struct ps_loss_metric {
    const char *name; /* NULL ends the table */
    enum ps_loss loss;
    unsigned tasks;    /* enum ps_task, or-ed */
    bool is_root;      /* the metric is the root of the mean loss */
    const char *shown; /* what is compared, in a sentence: "rmse", "error rate" */
};
extern const struct ps_loss_metric ps_loss_metrics[];
/* NULL: no metric that rows add up to. */
const struct ps_loss_metric *ps_loss_find(const char *name);
/* What is compared when nothing is said: rmse, mae where the search measures mae, logLoss of classes. */
const struct ps_loss_metric *ps_loss_of(enum ps_task task, const char *search_metric);

/* outputs: one prediction, or class_count probabilities. NaN: this row cannot be predicted. */
double ps_loss_row(enum ps_loss loss, double label, const double *outputs, size_t class_count);

#endif
