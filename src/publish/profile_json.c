/* SPDX-License-Identifier: Apache-2.0
 *
 * profile_json.c - a profile as JSON and back.
 *
 * {"format": 1, "rows": {...}, "columns": [{"name", "kind", "count", "missing", "minimum", ..., "quantiles",
 *  "edges" or "values", "bins", "others", "bins_missing"}]}. The last column is the label. Other members may stand
 * beside these (what the gate adds for the report page); a reader passes over them.
 */
#include <math.h>

#include "publish/json.h"
#include "publish/profile.h"

#define FORMAT 1
/* A column has no more bins than this; what has is no profile of ours. */
#define BIN_MAX 10000

static void add_counts(yyjson_mut_doc *document, yyjson_mut_val *object, const char *name,
                       const int64_t *counts, size_t count) {
    yyjson_mut_val *array = yyjson_mut_obj_add_arr(document, object, name);
    for (size_t i = 0; i < count; i++) {
        (void)yyjson_mut_arr_add_sint(document, array, counts[i]);
    }
}

static void add_numbers(yyjson_mut_doc *document, yyjson_mut_val *object, const char *name,
                        const double *numbers, size_t count) {
    yyjson_mut_val *array = yyjson_mut_obj_add_arr(document, object, name);
    for (size_t i = 0; i < count; i++) {
        if (isfinite(numbers[i])) {
            (void)yyjson_mut_arr_add_real(document, array, numbers[i]);
        } else {
            (void)yyjson_mut_arr_add_null(document, array);
        }
    }
}

static void add_column(const struct ps_profile_column *column, yyjson_mut_doc *document,
                       yyjson_mut_val *columns) {
    yyjson_mut_val *object = yyjson_mut_arr_add_obj(document, columns);
    ps_json_add_text(document, object, "name", column->name);
    ps_json_add_text(document, object, "kind", column->is_text ? "text" : "number");
    (void)yyjson_mut_obj_add_sint(document, object, "count", column->count);
    (void)yyjson_mut_obj_add_sint(document, object, "missing", column->missing_count);
    if (column->is_text) {
        yyjson_mut_val *values = yyjson_mut_obj_add_arr(document, object, "values");
        for (size_t i = 0; i < column->bin_count; i++) {
            (void)yyjson_mut_arr_add_strcpy(document, values, column->values[i]);
        }
    } else {
        ps_json_add_number(document, object, "minimum", column->minimum);
        ps_json_add_number(document, object, "maximum", column->maximum);
        ps_json_add_number(document, object, "mean", column->mean);
        ps_json_add_number(document, object, "deviation", column->deviation);
        add_numbers(document, object, "quantiles", column->quantiles, PS_PROFILE_QUANTILES);
        add_numbers(document, object, "edges", column->edges,
                    column->bin_count > 0 ? column->bin_count - 1 : 0);
    }
    add_counts(document, object, "bins", column->bins, column->bin_count);
    (void)yyjson_mut_obj_add_sint(document, object, "others", column->other_count);
    (void)yyjson_mut_obj_add_sint(document, object, "bins_missing", column->kept_missing_count);
}

void ps_profile_write(const struct ps_profile *profile, yyjson_mut_doc *document, yyjson_mut_val *object) {
    (void)yyjson_mut_obj_add_int(document, object, "format", FORMAT);
    yyjson_mut_val *rows = yyjson_mut_obj_add_obj(document, object, "rows");
    (void)yyjson_mut_obj_add_sint(document, rows, "training", profile->training_count);
    (void)yyjson_mut_obj_add_sint(document, rows, "holdout", profile->holdout_count);
    (void)yyjson_mut_obj_add_sint(document, rows, "kept", profile->kept_count);
    ps_json_add_number(document, rows, "time_last", profile->time_last);
    yyjson_mut_val *columns = yyjson_mut_obj_add_arr(document, object, "columns");
    for (size_t i = 0; i < profile->column_count; i++) {
        add_column(&profile->columns[i], document, columns);
    }
}

static double number_of(yyjson_val *object, const char *name) {
    yyjson_val *value = yyjson_obj_get(object, name);
    return yyjson_is_num(value) ? yyjson_get_num(value) : (double)NAN;
}

static int64_t count_of(yyjson_val *object, const char *name) {
    return yyjson_get_sint(yyjson_obj_get(object, name));
}

static penstock_code read_bins(yyjson_val *object, struct ps_arena *arena, struct ps_profile_column *column,
                               struct penstock_error *error) {
    yyjson_val *bins = yyjson_obj_get(object, "bins");
    yyjson_val *edges = yyjson_obj_get(object, "edges");
    yyjson_val *values = yyjson_obj_get(object, "values");
    const size_t count = yyjson_arr_size(bins);
    const size_t needed = column->is_text ? count : (count > 0 ? count - 1 : 0);
    if (count > BIN_MAX || yyjson_arr_size(column->is_text ? values : edges) != needed) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA, "a profile's column %s has bins that do not match",
                            column->name);
    }
    int64_t *counts = ps_arena_allocate(arena, count + 1, sizeof *counts);
    double *numbers = ps_arena_allocate(arena, count + 1, sizeof *numbers);
    const char **texts = ps_arena_allocate(arena, count + 1, sizeof *texts);
    if (counts == NULL || numbers == NULL || texts == NULL) {
        return ps_error_memory(error, "a profile");
    }
    for (size_t i = 0; i < count; i++) {
        counts[i] = yyjson_get_sint(yyjson_arr_get(bins, i));
        if (column->is_text) {
            const char *text = yyjson_get_str(yyjson_arr_get(values, i));
            texts[i] = ps_arena_copy(arena, text == NULL ? "" : text);
            if (texts[i] == NULL) {
                return ps_error_memory(error, "a profile");
            }
        } else if (i < needed) {
            numbers[i] = yyjson_get_num(yyjson_arr_get(edges, i));
        }
    }
    column->bin_count = count;
    column->bins = counts;
    column->edges = numbers;
    column->values = texts;
    return PENSTOCK_OK;
}

static penstock_code read_column(yyjson_val *object, struct ps_arena *arena, struct ps_profile_column *column,
                                 struct penstock_error *error) {
    const char *name = yyjson_get_str(yyjson_obj_get(object, "name"));
    const char *kind = yyjson_get_str(yyjson_obj_get(object, "kind"));
    if (name == NULL || kind == NULL) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA, "a profile has a column without a name or kind");
    }
    *column = (struct ps_profile_column){.name = ps_arena_copy(arena, name),
                                         .is_text = strcmp(kind, "text") == 0,
                                         .count = count_of(object, "count"),
                                         .missing_count = count_of(object, "missing"),
                                         .minimum = number_of(object, "minimum"),
                                         .maximum = number_of(object, "maximum"),
                                         .mean = number_of(object, "mean"),
                                         .deviation = number_of(object, "deviation"),
                                         .other_count = count_of(object, "others"),
                                         .kept_missing_count = count_of(object, "bins_missing")};
    yyjson_val *quantiles = yyjson_obj_get(object, "quantiles");
    for (size_t i = 0; i < PS_PROFILE_QUANTILES; i++) {
        yyjson_val *value = yyjson_arr_get(quantiles, i);
        column->quantiles[i] = yyjson_is_num(value) ? yyjson_get_num(value) : (double)NAN;
    }
    return column->name == NULL ? ps_error_memory(error, "a profile")
                                : read_bins(object, arena, column, error);
}

penstock_code ps_profile_read(const char *json, struct ps_arena *arena, struct ps_profile *profile_out,
                              struct penstock_error *error) {
    yyjson_doc *parsed PS_SCOPED(ps_json_read_free_scoped) = NULL;
    PS_TRY(ps_json_parse(json, strlen(json), &parsed, error));
    yyjson_val *root = yyjson_doc_get_root(parsed);
    if (count_of(root, "format") != FORMAT) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA,
                            "this is no profile of a model, or one of a newer penstock");
    }
    yyjson_val *rows = yyjson_obj_get(root, "rows");
    yyjson_val *columns = yyjson_obj_get(root, "columns");
    struct ps_profile profile = {.training_count = count_of(rows, "training"),
                                 .holdout_count = count_of(rows, "holdout"),
                                 .kept_count = count_of(rows, "kept"),
                                 .time_last = number_of(rows, "time_last"),
                                 .column_count = yyjson_arr_size(columns)};
    profile.columns = ps_arena_allocate(arena, profile.column_count + 1, sizeof *profile.columns);
    if (profile.columns == NULL) {
        return ps_error_memory(error, "a profile");
    }
    for (size_t i = 0; i < profile.column_count; i++) {
        PS_TRY(read_column(yyjson_arr_get(columns, i), arena, &profile.columns[i], error));
    }
    *profile_out = profile;
    return PENSTOCK_OK;
}
