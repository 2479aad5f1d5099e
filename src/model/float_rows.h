/* SPDX-License-Identifier: Apache-2.0
 *
 * float_rows.h - feature rows as XGBoost takes them: float32, row after row, whole or sparse.
 *
 * With one-hot groups a row is sparse: its numbers and the one category that it has, so that memory follows what is
 * there and not how many categories there are. Without groups it is whole.
 */
#ifndef PS_MODEL_FLOAT_ROWS_H
#define PS_MODEL_FLOAT_ROWS_H

#include "model/features.h"
#include "model/xgboost.h"

struct ps_float_rows {
    size_t feature_count;
    bool is_sparse, is_weighted;
    size_t width; /* values of one row at most */
    size_t row_max, row_count, value_count;
    float *values, *labels, *weights; /* weights: what rows count, if is_weighted (the caller's to set) */
    int32_t *indices;                 /* sparse: the feature of each value */
    uint64_t *starts;                 /* sparse: row_max + 1 */
};
/* number_count and group_count: columns of each kind. */
penstock_code ps_float_rows_init(struct ps_float_rows *rows, size_t feature_count, size_t number_count,
                                 size_t group_count, size_t row_max, struct penstock_error *error)
    PENSTOCK_MUST_USE;
void ps_float_rows_done(struct ps_float_rows *rows);
void ps_float_rows_clear(struct ps_float_rows *rows);
/* Row `row` of a block; there must be room. */
void ps_float_rows_add(struct ps_float_rows *rows, const struct ps_features *features, size_t row,
                       float label, float weight);

/* The rows as XGBoost's description of an array in memory. */
struct ps_float_arrays {
    char values[160], indices[160], starts[160];
};
void ps_float_rows_describe(const struct ps_float_rows *rows, struct ps_float_arrays *arrays_out);
/* Labels, and weights if the rows have some, for a matrix or what stands for one. XGBoost's status. */
int ps_float_rows_inform(const struct ps_float_rows *rows, const struct ps_xgboost *xgboost, void *matrix);
/* A matrix of its own with the labels. */
penstock_code ps_float_rows_matrix(const struct ps_float_rows *rows, const struct ps_xgboost *xgboost,
                                   int64_t thread_count, void **matrix_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

#endif
