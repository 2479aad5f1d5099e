/* SPDX-License-Identifier: Apache-2.0
 *
 * float_rows.c - rows in float32, for XGBoost.
 */
#include "model/float_rows.h"

#include <float.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/check.h"

penstock_code ps_float_rows_init(struct ps_float_rows *rows, size_t feature_count, size_t number_count,
                                 size_t group_count, size_t row_max, struct penstock_error *error) {
    *rows = (struct ps_float_rows){.feature_count = feature_count,
                                   .is_sparse = group_count > 0,
                                   .width = number_count + group_count,
                                   .row_max = row_max};
    size_t value_max = 0;
    if (__builtin_mul_overflow(row_max, rows->width, &value_max)) {
        return ps_error_memory(error, "rows for XGBoost");
    }
    rows->values = ps_allocate(value_max + 1, sizeof *rows->values);
    rows->labels = ps_allocate(row_max + 1, sizeof *rows->labels);
    rows->weights = ps_allocate(row_max + 1, sizeof *rows->weights);
    if (rows->is_sparse) {
        rows->indices = ps_allocate(value_max + 1, sizeof *rows->indices);
        rows->starts = ps_allocate(row_max + 1, sizeof *rows->starts);
    }
    if (rows->values == NULL || rows->labels == NULL || rows->weights == NULL ||
        (rows->is_sparse && (rows->indices == NULL || rows->starts == NULL))) {
        ps_float_rows_done(rows);
        return ps_error_memory(error, "rows for XGBoost");
    }
    return PENSTOCK_OK;
}

void ps_float_rows_done(struct ps_float_rows *rows) {
    ps_release(rows->values);
    ps_release(rows->labels);
    ps_release(rows->weights);
    ps_release(rows->indices);
    ps_release(rows->starts);
    *rows = (struct ps_float_rows){0};
}

void ps_float_rows_clear(struct ps_float_rows *rows) {
    rows->row_count = 0;
    rows->value_count = 0;
}

static float narrow(double value) {
    return value > (double)FLT_MAX ? FLT_MAX : value < -(double)FLT_MAX ? -FLT_MAX : (float)value;
}

static void add_sparse(struct ps_float_rows *rows, const struct ps_feature_column *column, size_t row) {
    int32_t feature = (int32_t)column->feature;
    double value = 1;
    if (column->numbers != NULL) {
        value = column->numbers[row];
    } else {
        feature = column->indexes[row] < 0 ? -1 : column->features[column->indexes[row]];
        value = column->values == NULL ? 1 : column->values[row];
    }
    if (feature >= 0) {
        rows->indices[rows->value_count] = feature;
        rows->values[rows->value_count++] = narrow(value);
    }
}

void ps_float_rows_add(struct ps_float_rows *rows, const struct ps_features *features, size_t row,
                       float label, float weight) {
    ps_check(rows->row_count < rows->row_max);
    if (rows->is_sparse) {
        for (size_t c = 0; c < features->column_count; c++) {
            add_sparse(rows, &features->columns[c], row);
        }
        rows->starts[rows->row_count + 1] = rows->value_count;
    } else {
        float *values = rows->values + rows->row_count * rows->width;
        for (size_t c = 0; c < features->column_count; c++) {
            values[c] = narrow(features->columns[c].numbers[row]);
        }
        rows->value_count += rows->width;
    }
    rows->weights[rows->row_count] = weight;
    rows->labels[rows->row_count++] = label;
}

/* The array interface of numpy, which XGBoost reads; it wants an address even for nothing. */
static void describe(char *out, size_t size, const void *data, size_t rows, size_t columns,
                     const char *type) {
    char shape[64];
    (void)snprintf(shape, sizeof shape, columns == 0 ? "%zu" : "%zu, %zu", rows, columns);
    (void)snprintf(out, size,
                   "{\"data\": [%" PRIuPTR ", true], \"shape\": [%s], \"typestr\": \"%s\", \"version\": 3}",
                   (uintptr_t)data, shape, type);
}

void ps_float_rows_describe(const struct ps_float_rows *rows, struct ps_float_arrays *arrays_out) {
    if (!rows->is_sparse) {
        describe(arrays_out->values, sizeof arrays_out->values, rows->values, rows->row_count, rows->width,
                 "<f4");
        return;
    }
    describe(arrays_out->values, sizeof arrays_out->values, rows->values, rows->value_count, 0, "<f4");
    describe(arrays_out->indices, sizeof arrays_out->indices, rows->indices, rows->value_count, 0, "<i4");
    describe(arrays_out->starts, sizeof arrays_out->starts, rows->starts, rows->row_count + 1, 0, "<u8");
}

int ps_float_rows_inform(const struct ps_float_rows *rows, const struct ps_xgboost *xgboost, void *matrix) {
    const int status = xgboost->matrix_set_floats(matrix, "label", rows->labels, rows->row_count);
    return status != 0 || !rows->is_weighted
               ? status
               : xgboost->matrix_set_floats(matrix, "weight", rows->weights, rows->row_count);
}

penstock_code ps_float_rows_matrix(const struct ps_float_rows *rows, const struct ps_xgboost *xgboost,
                                   int64_t thread_count, void **matrix_out, struct penstock_error *error) {
    struct ps_float_arrays arrays;
    char config[96];
    ps_float_rows_describe(rows, &arrays);
    (void)snprintf(config, sizeof config, "{\"missing\": NaN, \"nthread\": %" PRId64 "}", thread_count);
    void *matrix = NULL;
    const int status = rows->is_sparse
                           ? xgboost->matrix_create_csr(arrays.starts, arrays.indices, arrays.values,
                                                        rows->feature_count, config, &matrix)
                           : xgboost->matrix_create_dense(arrays.values, config, &matrix);
    PS_TRY(ps_xgboost_status(xgboost, status, error));
    const penstock_code code = ps_xgboost_status(xgboost, ps_float_rows_inform(rows, xgboost, matrix), error);
    if (code != PENSTOCK_OK) {
        (void)xgboost->matrix_free(matrix);
        return code;
    }
    *matrix_out = matrix;
    return PENSTOCK_OK;
}
