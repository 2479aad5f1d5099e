/* SPDX-License-Identifier: Apache-2.0
 *
 * features.h - a block of rows as an estimator and a predictor see them: columns of numbers and one-hot groups.
 *
 * In training they come from rows in memory (rows.h), when predicting from a frame (frame.h). A one-hot group is
 * never written out as zeros and ones unless somebody asks for it (ps_features_dense). Values are finite: rows with
 * others have been left out before.
 */
#ifndef PS_MODEL_FEATURES_H
#define PS_MODEL_FEATURES_H

#include <stddef.h>
#include <stdint.h>

/* A number, or a group of categories of which a row has one at most. */
struct ps_feature_column {
    const double *numbers;   /* row_count values; NULL: a group */
    size_t feature;          /* of a number: its index among the features */
    const int32_t *indexes;  /* of a group: each row's category, -1: none */
    const double *values;    /* of a group: the value there; NULL: 1 */
    const int32_t *features; /* of a group: the feature of each category, -1: it is none (dropLast) */
    size_t width;            /* of a group: categories */
};
struct ps_features {
    const struct ps_feature_column *columns; /* in the order of the features */
    size_t column_count, feature_count;
    size_t row_count; /* at most PS_FRAME_ROWS */
};

/* Written out: row i, feature j at matrix_out[i * feature_count + j]. row_count * feature_count doubles. */
void ps_features_dense(const struct ps_features *features, double *matrix_out);

#endif
