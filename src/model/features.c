/* SPDX-License-Identifier: Apache-2.0
 *
 * features.c - one-hot groups written out, for those who multiply whole matrices.
 */
#include "model/features.h"

#include <string.h>

static void put_group(const struct ps_features *features, const struct ps_feature_column *column,
                      double *matrix) {
    for (size_t i = 0; i < features->row_count; i++) {
        const int32_t index = column->indexes[i];
        const int32_t feature = index < 0 ? -1 : column->features[index];
        if (feature >= 0) {
            matrix[i * features->feature_count + (size_t)feature] =
                column->values == NULL ? 1 : column->values[i];
        }
    }
}

void ps_features_dense(const struct ps_features *features, double *matrix_out) {
    memset(matrix_out, 0, features->row_count * features->feature_count * sizeof(double));
    for (size_t c = 0; c < features->column_count; c++) {
        const struct ps_feature_column *column = &features->columns[c];
        if (column->numbers == NULL) {
            put_group(features, column, matrix_out);
            continue;
        }
        for (size_t i = 0; i < features->row_count; i++) {
            matrix_out[i * features->feature_count + column->feature] = column->numbers[i];
        }
    }
}
