/* SPDX-License-Identifier: Apache-2.0
 *
 * quality.c - the quality of a dataset as a JSON document.
 *
 * A drawing of values whose extremes lie far out would be one bar, so it ends where nearly all of the values end; what
 * lies beyond is counted. Bounds of an OutlierFilter are always within.
 */
#include "publish/quality.h"

#include <math.h>

#define SQL_SIZE_MAX ((size_t)16 << 20)
#define BIN_COUNT 40
/* Of a text. */
#define VALUE_COUNT_MAX 12
#define VALUE_LENGTH_MAX 60
/* Columns with more different values are ids or prose: the most frequent of them say nothing. */
#define DISTINCT_MAX 2000
/* The values are drawn out to so many times the distance between their first and last hundredth. */
#define DRAWN_REACH 1.0
#define DRAWN_SPAN_MAX 4.0

struct measuring {
    const struct ps_quality_setup *setup;
    const struct ps_preparation *preparation;
    yyjson_mut_doc *document;
    struct ps_quality_column *before, *after;
    struct penstock_error *error;
};

static void put_count(yyjson_mut_doc *document, yyjson_mut_val *object, const char *name, int64_t value) {
    (void)yyjson_mut_obj_add_sint(document, object, name, value);
}

/* ---- numbers ---- */

static void put_numbers(struct measuring *measuring, yyjson_mut_val *parent, const char *name,
                        const struct ps_quality_column *column) {
    static const char *const shares[] = {"0.01", "0.05", "0.25", "0.5", "0.75", "0.95", "0.99"};
    yyjson_mut_doc *document = measuring->document;
    yyjson_mut_val *object = yyjson_mut_obj_add_obj(document, parent, name);
    put_count(document, object, "count", column->count);
    put_count(document, object, "nulls", column->nulls);
    put_count(document, object, "distinct", column->distinct);
    if (column->value == NULL) {
        if (column->has_order) {
            ps_json_add_text(document, object, "minimum", column->least_text);
            ps_json_add_text(document, object, "maximum", column->largest_text);
        }
        return;
    }
    const bool has_values = column->moments.row_count > 0;
    put_count(document, object, "not_finite", column->not_finite);
    ps_json_add_number(document, object, "minimum", has_values ? column->moments.least : (double)NAN);
    ps_json_add_number(document, object, "maximum", has_values ? column->moments.largest : (double)NAN);
    ps_json_add_number(document, object, "mean", has_values ? column->moments.mean : (double)NAN);
    ps_json_add_number(document, object, "deviation",
                       column->moments.row_count > 1 ? sqrt(column->moments.variance) : (double)NAN);
    if (!column->has_quantiles) {
        return;
    }
    yyjson_mut_val *quantiles = yyjson_mut_obj_add_obj(document, object, "quantiles");
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        ps_json_add_number(document, quantiles, shares[i], column->quantiles[i]);
    }
}

/* ---- how the values lie ---- */

struct span {
    double low, high;
    int64_t bin_count;
};

/* Bounds that OutlierFilters have found for the column as it was read; both infinite: none. */
static void find_bounds(const struct measuring *measuring, size_t column, double *lower_out,
                        double *upper_out) {
    const struct ps_pipeline *pipeline = measuring->preparation->pipeline;
    *lower_out = -(double)INFINITY;
    *upper_out = (double)INFINITY;
    for (size_t i = 0; i < measuring->preparation->stage_count; i++) {
        const struct ps_prepared_stage *stage = &measuring->preparation->stages[i];
        for (size_t k = 0; k < stage->bound_count; k++) {
            const struct ps_slot *slot = &pipeline->slots[pipeline->transforms[i].inputs[k]];
            if (slot->maker == PS_NO_SLOT &&
                ps_text_equal_nocase(slot->name, measuring->before[column].name)) {
                *lower_out = fmax(*lower_out, stage->bounds[k].lower);
                *upper_out = fmin(*upper_out, stage->bounds[k].upper);
            }
        }
    }
}

static bool is_whole(const char *type) {
    return strstr(type, "INT") != NULL;
}

static struct span choose_span(const struct measuring *measuring, size_t index) {
    const struct ps_quality_column *column = &measuring->before[index];
    const double least = column->moments.least, largest = column->moments.largest;
    struct span span = {least, largest, BIN_COUNT};
    if (is_whole(column->type) && largest - least < BIN_COUNT) {
        return (struct span){least - 0.5, largest + 0.5, (int64_t)(largest - least) + 1};
    }
    const double first = column->quantiles[0], last = column->quantiles[6];
    const double middle = column->has_quantiles ? last - first : 0;
    if (middle > 0 && largest - least > DRAWN_SPAN_MAX * middle) {
        double lower = 0, upper = 0;
        find_bounds(measuring, index, &lower, &upper);
        span.low = fmax(least, first - DRAWN_REACH * middle);
        span.high = fmin(largest, last + DRAWN_REACH * middle);
        span.low = isfinite(lower) ? fmax(least, fmin(span.low, lower)) : span.low;
        span.high = isfinite(upper) ? fmin(largest, fmax(span.high, upper)) : span.high;
    }
    if (!(span.high > span.low)) {
        span = (struct span){least - 0.5, least + 0.5, 1};
    }
    return span;
}

static void add_double(struct ps_buffer *sql, double value) {
    ps_buffer_printf(sql, "CAST('%.17g' AS DOUBLE)", value);
}

/* Place -1 is below what is drawn, bin_count above it. */
static penstock_code ask_histogram(const struct measuring *measuring, const struct ps_quality_column *column,
                                   const struct span *span, struct ps_result **result_out) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, SQL_SIZE_MAX);
    ps_buffer_text(&sql, "SELECT CASE WHEN v < ");
    add_double(&sql, span->low);
    ps_buffer_text(&sql, " THEN -1 WHEN v > ");
    add_double(&sql, span->high);
    ps_buffer_printf(&sql, " THEN %lld ELSE least(CAST(floor((v - ", (long long)span->bin_count);
    add_double(&sql, span->low);
    ps_buffer_text(&sql, ") / ");
    add_double(&sql, (span->high - span->low) / (double)span->bin_count);
    ps_buffer_printf(&sql,
                     ") AS BIGINT), %lld) END AS b, count(*), count(*) FILTER (penstock_kept) FROM"
                     " (SELECT %s AS v, penstock_kept FROM %s) WHERE v IS NOT NULL GROUP BY b ORDER BY b",
                     (long long)span->bin_count - 1, column->value, measuring->preparation->marked);
    PS_TRY(ps_buffer_status(&sql, measuring->error));
    return ps_sql_query(measuring->setup->connection, sql.data, result_out, measuring->error);
}

static penstock_code put_histogram(struct measuring *measuring, yyjson_mut_val *object, size_t index) {
    const struct ps_quality_column *column = &measuring->before[index];
    const struct span span = choose_span(measuring, index);
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    int64_t all[BIN_COUNT + 2] = {0}, kept[BIN_COUNT + 2] = {0};
    PS_TRY(ask_histogram(measuring, column, &span, &result));
    for (int64_t row = 0; row < ps_result_row_count(result); row++) {
        const int64_t bin = ps_result_integer(result, row, 0) + 1;
        if (bin >= 0 && bin < span.bin_count + 2) {
            all[bin] = ps_result_integer(result, row, 1);
            kept[bin] = ps_result_integer(result, row, 2);
        }
    }
    yyjson_mut_doc *document = measuring->document;
    yyjson_mut_val *histogram = yyjson_mut_obj_add_obj(document, object, "histogram");
    ps_json_add_number(document, histogram, "low", span.low);
    ps_json_add_number(document, histogram, "high", span.high);
    put_count(document, histogram, "below", all[0]);
    put_count(document, histogram, "above", all[span.bin_count + 1]);
    yyjson_mut_val *lists[2] = {yyjson_mut_obj_add_arr(document, histogram, "all"),
                                yyjson_mut_obj_add_arr(document, histogram, "kept")};
    for (int64_t i = 1; i <= span.bin_count; i++) {
        (void)yyjson_mut_arr_add_sint(document, lists[0], all[i]);
        (void)yyjson_mut_arr_add_sint(document, lists[1], kept[i]);
    }
    return PENSTOCK_OK;
}

static penstock_code put_values(struct measuring *measuring, yyjson_mut_val *object,
                                const struct ps_quality_column *column) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    ps_buffer_init(&sql, SQL_SIZE_MAX);
    ps_buffer_text(&sql, "SELECT left(CAST(");
    ps_buffer_sql_name(&sql, column->name);
    ps_buffer_printf(&sql,
                     " AS VARCHAR), %d) AS v, count(*) AS n, count(*) FILTER (penstock_kept) FROM %s WHERE ",
                     VALUE_LENGTH_MAX, measuring->preparation->marked);
    ps_buffer_sql_name(&sql, column->name);
    ps_buffer_printf(&sql, " IS NOT NULL GROUP BY v ORDER BY n DESC, v LIMIT %d", VALUE_COUNT_MAX);
    PS_TRY(ps_buffer_status(&sql, measuring->error));
    PS_TRY(ps_sql_query(measuring->setup->connection, sql.data, &result, measuring->error));
    yyjson_mut_doc *document = measuring->document;
    yyjson_mut_val *values = yyjson_mut_obj_add_arr(document, object, "values");
    for (int64_t row = 0; row < ps_result_row_count(result); row++) {
        yyjson_mut_val *value = yyjson_mut_arr_add_obj(document, values);
        ps_json_add_text(document, value, "value", ps_result_text(result, row, 0));
        put_count(document, value, "all", ps_result_integer(result, row, 1));
        put_count(document, value, "kept", ps_result_integer(result, row, 2));
    }
    return PENSTOCK_OK;
}

/* ---- columns ---- */

/* The dataset's columns that come of this one of the SELECT. */
static const char *state_of(const struct measuring *measuring, size_t column, size_t *same_out) {
    const struct ps_preparation *preparation = measuring->preparation;
    const char *state = "left out";
    *same_out = PS_PREPARATION_NO_COLUMN;
    for (size_t i = 0; i < preparation->prepared_count; i++) {
        if (preparation->columns[i].source == column) {
            const bool is_same = strcmp(preparation->columns[i].name, preparation->names[column]) == 0;
            *same_out = is_same ? i : *same_out;
            state = !preparation->columns[i].is_made ? "unchanged" : is_same ? "changed" : "replaced";
        }
    }
    return state;
}

static penstock_code put_column(struct measuring *measuring, yyjson_mut_val *list, size_t index) {
    yyjson_mut_doc *document = measuring->document;
    const struct ps_quality_column *column = &measuring->before[index];
    size_t same = PS_PREPARATION_NO_COLUMN;
    yyjson_mut_val *object = yyjson_mut_arr_add_obj(document, list);
    ps_json_add_text(document, object, "name", column->name);
    ps_json_add_text(document, object, "type", column->type);
    ps_json_add_text(document, object, "state", state_of(measuring, index, &same));
    put_numbers(measuring, object, "before", column);
    if (same != PS_PREPARATION_NO_COLUMN) {
        put_numbers(measuring, object, "after", &measuring->after[same]);
    }
    double lower = 0, upper = 0;
    find_bounds(measuring, index, &lower, &upper);
    if (isfinite(lower) || isfinite(upper)) {
        yyjson_mut_val *bounds = yyjson_mut_obj_add_obj(document, object, "bounds");
        ps_json_add_number(document, bounds, "lower", lower);
        ps_json_add_number(document, bounds, "upper", upper);
    }
    const bool is_truth = strcmp(column->type, "BOOLEAN") == 0;
    if (column->value != NULL && !is_truth) {
        return column->moments.row_count > 0 ? put_histogram(measuring, object, index) : PENSTOCK_OK;
    }
    const bool is_text = strcmp(column->type, "VARCHAR") == 0 || strncmp(column->type, "ENUM", 4) == 0;
    return (is_text || is_truth) && column->count > 0 && column->distinct <= DISTINCT_MAX
               ? put_values(measuring, object, column)
               : PENSTOCK_OK;
}

static void put_new_columns(struct measuring *measuring, yyjson_mut_val *root) {
    const struct ps_preparation *preparation = measuring->preparation;
    yyjson_mut_doc *document = measuring->document;
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(document, root, "new_columns");
    for (size_t i = 0; i < preparation->prepared_count; i++) {
        const struct ps_prepared_column *column = &preparation->columns[i];
        const bool has_source = column->source != PS_PREPARATION_NO_COLUMN;
        if (has_source && strcmp(preparation->names[column->source], column->name) == 0) {
            continue;
        }
        yyjson_mut_val *object = yyjson_mut_arr_add_obj(document, list);
        ps_json_add_text(document, object, "name", column->name);
        ps_json_add_text(document, object, "type", measuring->after[i].type);
        ps_json_add_text(document, object, "of", has_source ? preparation->names[column->source] : NULL);
        put_numbers(measuring, object, "after", &measuring->after[i]);
    }
}

static void put_stages(struct measuring *measuring, yyjson_mut_val *root) {
    const struct ps_preparation *preparation = measuring->preparation;
    yyjson_mut_doc *document = measuring->document;
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(document, root, "stages");
    for (size_t i = 0; i < preparation->stage_count; i++) {
        const struct ps_prepared_stage *stage = &preparation->stages[i];
        yyjson_mut_val *object = yyjson_mut_arr_add_obj(document, list);
        ps_json_add_text(document, object, "name", stage->name);
        put_count(document, object, "dropped", stage->dropped_count);
        yyjson_mut_val *columns = yyjson_mut_obj_add_arr(document, object, "columns");
        const struct ps_transform *transform = &preparation->pipeline->transforms[i];
        for (size_t k = 0; k < transform->input_count; k++) {
            yyjson_mut_val *column = yyjson_mut_arr_add_obj(document, columns);
            ps_json_add_text(document, column, "name",
                             preparation->pipeline->slots[transform->inputs[k]].name);
            if (k < stage->bound_count) {
                ps_json_add_number(document, column, "lower", stage->bounds[k].lower);
                ps_json_add_number(document, column, "upper", stage->bounds[k].upper);
                put_count(document, column, "below", stage->bounds[k].below);
                put_count(document, column, "above", stage->bounds[k].above);
            }
        }
    }
}

penstock_code ps_quality_measure(const struct ps_quality_setup *setup, yyjson_mut_doc *document,
                                 struct penstock_error *error) {
    const struct ps_preparation *preparation = setup->preparation;
    struct measuring measuring = {
        .setup = setup, .preparation = preparation, .document = document, .error = error};
    const char *after = ps_arena_printf(setup->arena, "(%s) AS r", preparation->select);
    if (after == NULL) {
        return ps_error_memory(error, "a dataset's numbers");
    }
    PS_TRY(ps_quality_count(setup, setup->rows, preparation->names, preparation->types,
                            preparation->column_count, &measuring.before, error));
    PS_TRY(ps_quality_count(setup, after, setup->column_names, setup->column_types, setup->column_count,
                            &measuring.after, error));
    yyjson_mut_val *root = yyjson_mut_doc_get_root(document);
    yyjson_mut_val *rows = yyjson_mut_obj_add_obj(document, root, "rows");
    put_count(document, rows, "read", preparation->row_count);
    put_count(document, rows, "kept", preparation->kept_count);
    put_count(document, rows, "dropped", preparation->row_count - preparation->kept_count);
    put_stages(&measuring, root);
    yyjson_mut_val *columns = yyjson_mut_obj_add_arr(document, root, "columns");
    for (size_t i = 0; i < preparation->column_count; i++) {
        PS_TRY(put_column(&measuring, columns, i));
    }
    put_new_columns(&measuring, root);
    yyjson_mut_val *notes = yyjson_mut_obj_add_arr(document, root, "notes");
    for (size_t i = 0; i < preparation->note_count; i++) {
        (void)yyjson_mut_arr_add_strcpy(document, notes, preparation->notes[i]);
    }
    return PENSTOCK_OK;
}
