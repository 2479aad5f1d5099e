/* SPDX-License-Identifier: Apache-2.0
 *
 * serve_write.c - predictions as DuckDB's vectors: a STRUCT with a member for each kind of prediction, of which the
 * model's is filled and the others are NULL, and maps of probabilities.
 */
#include <math.h>

#include "sql/serve_values.h"

static uint64_t *writable_validity(duckdb_vector vector) {
    duckdb_vector_ensure_validity_writable(vector);
    return duckdb_vector_get_validity(vector);
}

static void set_all_null(duckdb_vector vector, idx_t row_count) {
    uint64_t *validity = writable_validity(vector);
    for (idx_t row = 0; row < row_count; row++) {
        duckdb_validity_set_row_invalid(validity, row);
    }
}

/* The predictions as values of the vector's type. */
static void write_predictions(const struct ps_serve_rows *rows, duckdb_vector out) {
    const struct ps_served *served = rows->served;
    uint64_t *validity = writable_validity(out);
    void *data = duckdb_vector_get_data(out);
    for (idx_t row = 0; row < rows->row_count; row++) {
        const double prediction = rows->predictions[row];
        if (isnan(prediction)) {
            duckdb_validity_set_row_invalid(validity, row);
            continue;
        }
        if (served->kind == PS_SERVED_NUMBER) {
            ((double *)data)[row] = prediction;
            continue;
        }
        const char *name = served->class_names[(size_t)prediction];
        if (served->kind == PS_SERVED_REAL) {
            ((double *)data)[row] = strtod(name, NULL);
        } else if (served->kind == PS_SERVED_INTEGER) {
            ((int64_t *)data)[row] = strtoll(name, NULL, 10);
        } else if (served->kind == PS_SERVED_TRUTH) {
            ((bool *)data)[row] = ps_text_equal_nocase(name, "true") || strcmp(name, "1") == 0;
        } else {
            duckdb_vector_assign_string_element(out, row, name);
        }
    }
}

penstock_code ps_serve_write_probabilities(const struct ps_serve_rows *rows, duckdb_vector out,
                                           struct penstock_error *error) {
    const struct ps_served *served = rows->served;
    const size_t count = served->class_count;
    uint64_t *validity = writable_validity(out);
    if (duckdb_list_vector_reserve(out, rows->row_count * count) != DuckDBSuccess) {
        return ps_error_memory(error, "probabilities");
    }
    duckdb_list_entry *entries = duckdb_vector_get_data(out);
    duckdb_vector pairs = duckdb_list_vector_get_child(out);
    duckdb_vector keys = duckdb_struct_vector_get_child(pairs, 0);
    double *values = duckdb_vector_get_data(duckdb_struct_vector_get_child(pairs, 1));
    idx_t used = 0;
    for (idx_t row = 0; row < rows->row_count; row++) {
        entries[row] = (duckdb_list_entry){.offset = used, .length = 0};
        if (isnan(rows->predictions[row])) {
            duckdb_validity_set_row_invalid(validity, row);
            continue;
        }
        entries[row].length = count;
        for (size_t i = 0; i < count; i++, used++) {
            duckdb_vector_assign_string_element(keys, used, served->class_names[i]);
            values[used] = rows->probabilities[row * count + i];
        }
    }
    return duckdb_list_vector_set_size(out, used) == DuckDBSuccess ? PENSTOCK_OK
                                                                   : ps_error_memory(error, "probabilities");
}

penstock_code ps_serve_write_kinds(const struct ps_serve_rows *rows, duckdb_vector out,
                                   struct penstock_error *error) {
    (void)error;
    for (idx_t kind = 0; kind < PS_SERVE_KIND_COUNT; kind++) {
        duckdb_vector child = duckdb_struct_vector_get_child(out, kind);
        if (kind == (idx_t)rows->served->kind) {
            write_predictions(rows, child);
        } else {
            set_all_null(child, rows->row_count);
        }
    }
    return PENSTOCK_OK;
}

penstock_code ps_serve_write_columns(const struct ps_serve_rows *rows, duckdb_vector out,
                                     struct penstock_error *error) {
    for (idx_t kind = 0; kind < PS_SERVE_KIND_COUNT; kind++) {
        duckdb_vector child = duckdb_struct_vector_get_child(out, kind);
        duckdb_vector prediction = duckdb_struct_vector_get_child(child, 0);
        duckdb_vector map = kind == PS_SERVED_NUMBER ? NULL : duckdb_struct_vector_get_child(child, 1);
        if (kind != (idx_t)rows->served->kind) {
            set_all_null(child, rows->row_count);
            set_all_null(prediction, rows->row_count);
            if (map != NULL) {
                set_all_null(map, rows->row_count);
            }
            continue;
        }
        write_predictions(rows, prediction);
        if (map != NULL) {
            PS_TRY(ps_serve_write_probabilities(rows, map, error));
        }
    }
    return PENSTOCK_OK;
}
