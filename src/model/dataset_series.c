/* SPDX-License-Identifier: Apache-2.0
 *
 * dataset_series.c - where time is cut for a TimeSeriesSplit.
 *
 * Time is made a number (microseconds of a DATE or TIMESTAMP); two questions to the training rows give how many there
 * are and the numbers at the ranks where a validation begins and, with a gap of rows, where its training ends. All of
 * them, sorted, cut time into parts; a row's part is how many cuts it has reached, which SQL counts during the scan.
 */
#include <math.h>

#include "base/sort.h"
#include "model/dataset.h"
#include "sql/engine.h"

struct series {
    struct ps_dataset *dataset;
    struct ps_validation *validation;
    const char *key; /* SQL of time as a number */
    int64_t row_count;
    double *begins; /* of the validation of each split */
    double *ends;   /* of its training: as begins without a gap */
    double *cuts;   /* both, sorted */
    size_t cut_count;
};

static penstock_code refuse(const struct series *series, struct penstock_error *error) {
    (void)ps_error_context(error, "%s", series->validation->type->name);
    (void)ps_error_at(error, series->dataset->recipe->model->validation.location, NULL, 0);
    return PENSTOCK_INVALID_DATA;
}

static const char *find_key(const struct ps_dataset *dataset, const char *column, bool is_number) {
    return column == NULL
               ? NULL
               : ps_arena_printf(dataset->arena, is_number ? "CAST(%s AS DOUBLE)" : "epoch_us(%s)", column);
}

static penstock_code count_rows(struct series *series, struct penstock_error *error) {
    struct ps_dataset *dataset = series->dataset;
    const char *name = series->validation->fold_column;
    const char *column = ps_dataset_column(dataset, name);
    if (column == NULL) {
        return ps_error_memory(error, "folds");
    }
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, (size_t)64 << 20);
    ps_buffer_printf(&sql, "SELECT count(*), count(%s), any_value(typeof(%s)) FROM %s", column, column,
                     dataset->relation);
    if (dataset->training != NULL) {
        ps_buffer_printf(&sql, " WHERE %s", dataset->training);
    }
    PS_TRY(ps_buffer_status(&sql, error));
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query(dataset->connection, sql.data, &result, error));
    dataset->scan_count++;
    series->row_count = ps_result_integer(result, 0, 0);
    const int64_t without = series->row_count - ps_result_integer(result, 0, 1);
    const char *type = ps_result_text(result, 0, 2);
    if (without > 0) {
        (void)ps_error_set(error, PENSTOCK_INVALID_DATA, "%s is NULL in %lld of %lld training rows", name,
                           (long long)without, (long long)series->row_count);
        (void)ps_error_hint(error, "add WHERE %s IS NOT NULL to the SELECT", name);
        return refuse(series, error);
    }
    const int64_t needed = (int64_t)series->validation->split_count + 1;
    if (series->row_count < needed) {
        (void)ps_error_set(error, PENSTOCK_INVALID_DATA, "%lld rows are too few for %zu splits",
                           (long long)series->row_count, series->validation->split_count);
        (void)ps_error_hint(error, "each split needs a row, and the first one rows to train on");
        return refuse(series, error);
    }
    const bool is_time = type != NULL && (strncmp(type, "TIMESTAMP", 9) == 0 || strcmp(type, "DATE") == 0);
    series->key = find_key(dataset, column, !is_time);
    return series->key != NULL ? PENSTOCK_OK : ps_error_memory(error, "folds");
}

/* Ranks, rising: where training ends and where validation begins, per split. */
static int64_t rank_of(const struct series *series, size_t split) {
    const int64_t splits = (int64_t)series->validation->split_count;
    const int64_t width = series->row_count / (splits + 1);
    return series->row_count - (splits - (int64_t)split) * width;
}

static penstock_code read_keys(struct series *series, struct penstock_error *error) {
    struct ps_dataset *dataset = series->dataset;
    const struct ps_validation *validation = series->validation;
    const int64_t gap = validation->gap_rows;
    if (gap >= rank_of(series, 0)) {
        (void)ps_error_set(
            error, PENSTOCK_INVALID_DATA,
            "a gap of %lld rows leaves the first split nothing to train on: %lld rows are before it",
            (long long)gap, (long long)rank_of(series, 0));
        (void)ps_error_hint(error, "a smaller gap, or fewer splits");
        return refuse(series, error);
    }
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, (size_t)64 << 20);
    ps_buffer_printf(&sql,
                     "SELECT CAST(k AS DOUBLE), r FROM (SELECT k, row_number() OVER (ORDER BY k) - 1 AS r "
                     "FROM (SELECT %s AS k FROM %s%s%s)) WHERE r IN (",
                     series->key, dataset->relation, dataset->training != NULL ? " WHERE " : "",
                     dataset->training != NULL ? dataset->training : "");
    for (size_t s = 0; s < validation->split_count; s++) {
        ps_buffer_printf(&sql, "%s%lld, %lld", s > 0 ? ", " : "", (long long)rank_of(series, s),
                         (long long)(rank_of(series, s) - gap));
    }
    ps_buffer_text(&sql, ")");
    PS_TRY(ps_buffer_status(&sql, error));
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query(dataset->connection, sql.data, &result, error));
    dataset->scan_count++;
    for (int64_t row = 0; row < ps_result_row_count(result); row++) {
        const double key = ps_result_double(result, row, 0);
        const int64_t rank = ps_result_integer(result, row, 1);
        for (size_t s = 0; s < validation->split_count; s++) {
            series->begins[s] = rank == rank_of(series, s) ? key : series->begins[s];
            series->ends[s] = rank == rank_of(series, s) - gap ? key : series->ends[s];
        }
    }
    for (size_t s = 0; validation->gap_ms > 0 && s < validation->split_count; s++) {
        series->ends[s] = series->begins[s] - (double)validation->gap_ms * 1000;
    }
    return PENSTOCK_OK;
}

static size_t cuts_reached(const struct series *series, double key) {
    size_t count = 0;
    while (count < series->cut_count && series->cuts[count] <= key) {
        count++;
    }
    return count;
}

static penstock_code set_parts(struct series *series, struct penstock_error *error) {
    struct ps_validation *validation = series->validation;
    const size_t splits = validation->split_count;
    const bool has_gap = validation->part_count > splits + 1;
    memcpy(series->cuts, series->begins, splits * sizeof(double));
    memcpy(series->cuts + splits, series->ends, splits * sizeof(double));
    series->cut_count = has_gap ? 2 * splits : splits;
    ps_sort_doubles(series->cuts, series->cut_count);
    for (size_t s = 0; s < splits; s++) {
        validation->series[s] = (struct ps_series_split){
            .train_end = cuts_reached(series, series->ends[s]),
            .begin = cuts_reached(series, series->begins[s]),
            .end = s + 1 < splits ? cuts_reached(series, series->begins[s + 1]) : validation->part_count,
        };
    }
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, (size_t)4 << 20);
    ps_buffer_text(&sql, "CAST(");
    for (size_t i = 0; i < series->cut_count; i++) {
        ps_buffer_printf(&sql, "%sCAST(%s >= %.17g AS INTEGER)", i > 0 ? " + " : "", series->key,
                         series->cuts[i]);
    }
    ps_buffer_text(&sql, " AS DOUBLE)");
    PS_TRY(ps_buffer_status(&sql, error));
    validation->fold_sql = ps_arena_copy(series->dataset->arena, sql.data);
    return validation->fold_sql != NULL ? PENSTOCK_OK : ps_error_memory(error, "folds");
}

penstock_code ps_dataset_cut_series(struct ps_dataset *dataset, struct ps_validation *validation,
                                    struct penstock_error *error) {
    if (validation->series == NULL) {
        return PENSTOCK_OK;
    }
    const size_t splits = validation->split_count;
    struct series series = {.dataset = dataset, .validation = validation};
    series.begins = ps_arena_allocate(dataset->arena, splits, sizeof(double));
    series.ends = ps_arena_allocate(dataset->arena, splits, sizeof(double));
    series.cuts = ps_arena_allocate(dataset->arena, 2 * splits, sizeof(double));
    if (series.begins == NULL || series.ends == NULL || series.cuts == NULL) {
        return ps_error_memory(error, "folds");
    }
    PS_TRY(count_rows(&series, error));
    PS_TRY(read_keys(&series, error));
    return set_parts(&series, error);
}
