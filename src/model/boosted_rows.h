/* SPDX-License-Identifier: Apache-2.0
 *
 * boosted_rows.h - the training rows on their way into XGBoost.
 */
#ifndef PS_MODEL_BOOSTED_ROWS_H
#define PS_MODEL_BOOSTED_ROWS_H

#include "model/float_rows.h"
#include "model/rows.h"

struct ps_boosted_rows_options {
    const struct ps_training_set *set;
    const struct ps_xgboost *xgboost;
    double offset;         /* taken from each label */
    double watching_share; /* of the rows that are held back; 0: none */
    int64_t seed, bin_count, thread_count;
    size_t sum_count; /* predictions of a row */
};
/* Both matrices are the caller's; watching_out is NULL when none are held back.
 * Errors: INVALID_DATA, OUT_OF_MEMORY, CANCELLED. */
penstock_code ps_boosted_rows_read(const struct ps_boosted_rows_options *options, void **matrix_out,
                                   void **watching_out, struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
