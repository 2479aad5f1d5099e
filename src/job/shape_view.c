/* SPDX-License-Identifier: Apache-2.0
 *
 * shape_view.c - the keys and aggregates of a materialized view.
 *
 * A view keeps, per key, the state of each aggregate, and adds every epoch's state to it. So each aggregate must
 * have a state of fixed size that two of can be combined into one. Those are listed here; all others are refused
 * with what to use instead.
 */
#include "job/shape_parts.h"

static const char *const combinable[] = {"count",       "count_star",
                                         "count_if",    "countif",
                                         "sum",         "avg",
                                         "mean",        "min",
                                         "max",         "var_pop",
                                         "var_samp",    "variance",
                                         "stddev",      "stddev_pop",
                                         "stddev_samp", "corr",
                                         "covar_pop",   "covar_samp",
                                         "regr_avgx",   "regr_avgy",
                                         "regr_count",  "regr_intercept",
                                         "regr_r2",     "regr_slope",
                                         "regr_sxx",    "regr_sxy",
                                         "regr_syy",    "approx_count_distinct",
                                         "bool_and",    "bool_or",
                                         NULL};

static const char combinable_list[] =
    "a view keeps count, sum, avg, min, max, var_*, stddev_*, corr, covar_*, regr_*, "
    "approx_count_distinct, bool_and and bool_or";

/* Aggregates that need all values, with what does the job. The first name that is a prefix counts. */
static const struct {
    const char *prefix, *hint;
} instead[] = {
    {"median", "keep a histogram: GROUP BY a bucket of the value and count(*); or query the streaming table"},
    {"quantile",
     "keep a histogram: GROUP BY a bucket of the value and count(*); or query the streaming table"},
    {"approx_quantile",
     "keep a histogram: GROUP BY a bucket of the value and count(*); or query the streaming table"},
    {"reservoir_quantile",
     "keep a histogram: GROUP BY a bucket of the value and count(*); or query the streaming table"},
    {"mad", "use stddev(), or compute it where the streaming table is queried"},
    {"mode", "GROUP BY the value too and keep count(*), then take the largest where the view is queried"},
    {"histogram", "GROUP BY a bucket of the value and keep count(*)"},
    {"approx_top_k",
     "GROUP BY the value too and keep count(*), then take the largest where the view is queried"},
    {"entropy", "GROUP BY the value too and keep count(*), then compute it where the view is queried"},
    {"string_agg", "collect the values where the streaming table is queried"},
    {"group_concat", "collect the values where the streaming table is queried"},
    {"listagg", "collect the values where the streaming table is queried"},
    {"list", "collect the values where the streaming table is queried"},
    {"array_agg", "collect the values where the streaming table is queried"},
    {"first", "use min() or max() of a column that has an order"},
    {"last", "use min() or max() of a column that has an order"},
    {"any_value", "use min() or max()"},
    {"arbitrary", "use min() or max()"},
    {"arg_m", "keep min() or max() here, and join it with the streaming table where the view is queried"},
    {"argm", "keep min() or max() here, and join it with the streaming table where the view is queried"},
    {"max_by", "keep max() here, and join it with the streaming table where the view is queried"},
    {"min_by", "keep min() here, and join it with the streaming table where the view is queried"},
    {"fsum", "use sum()"},
    {"kahan_sum", "use sum()"},
    {"sumkahan", "use sum()"},
    {"favg", "use avg()"},
    {NULL, NULL}};

static bool is_combinable(const char *name) {
    for (size_t i = 0; combinable[i] != NULL; i++) {
        if (ps_text_equal_nocase(combinable[i], name)) {
            return true;
        }
    }
    return false;
}

static const char *hint_for(const char *name) {
    for (size_t i = 0; instead[i].prefix != NULL; i++) {
        if (strncasecmp(name, instead[i].prefix, strlen(instead[i].prefix)) == 0) {
            return instead[i].hint;
        }
    }
    return combinable_list;
}

static penstock_code check_aggregate(struct ps_shape_reading *reading, yyjson_mut_val *aggregate) {
    const char *name = ps_syntax_function(aggregate);
    const size_t argument_count = yyjson_mut_arr_size(yyjson_mut_obj_get(aggregate, "children"));
    char message[200], hint[200];
    if (yyjson_mut_get_bool(yyjson_mut_obj_get(aggregate, "distinct"))) {
        snprintf(message, sizeof message,
                 "%s(DISTINCT ...) needs all values seen so far, so a view cannot keep it", name);
        const bool is_minmax = ps_text_equal_nocase(name, "min") || ps_text_equal_nocase(name, "max");
        snprintf(hint, sizeof hint, "%s",
                 ps_text_equal_nocase(name, "count")
                     ? "use approx_count_distinct(x), which is within a few percent"
                 : is_minmax ? "leave DISTINCT out: it changes nothing here"
                             : "GROUP BY the value too, then aggregate where the view is queried");
        return ps_shape_fail(reading, aggregate, message, hint);
    }
    if (yyjson_mut_arr_size(yyjson_mut_obj_get(yyjson_mut_obj_get(aggregate, "order_bys"), "orders")) > 0) {
        snprintf(message, sizeof message,
                 "%s(... ORDER BY ...) needs all values seen so far, so a view cannot keep it", name);
        return ps_shape_fail(reading, aggregate, message, "leave ORDER BY out");
    }
    const bool is_several =
        (ps_text_equal_nocase(name, "min") || ps_text_equal_nocase(name, "max")) && argument_count > 1;
    if (is_several || !is_combinable(name)) {
        snprintf(message, sizeof message,
                 "%s() cannot be combined from one epoch to the next, so a view cannot keep it", name);
        return ps_shape_fail(reading, aggregate, message, is_several ? "use one argument" : hint_for(name));
    }
    return PENSTOCK_OK;
}

/* --- keys ---------------------------------------------------------------------------------------------------- */

/* An unqualified column of this name is the select item of that alias; -1 if there is none. */
static int64_t find_alias(yyjson_mut_val *select_list, yyjson_mut_val *expression) {
    const char *name = ps_syntax_column(expression);
    if (name == NULL || yyjson_mut_arr_size(yyjson_mut_obj_get(expression, "column_names")) != 1) {
        return -1;
    }
    size_t index, max;
    yyjson_mut_val *item;
    yyjson_mut_arr_foreach(select_list, index, max, item) {
        if (ps_text_equal_nocase(ps_tree_member(item, "alias"), name)) {
            return (int64_t)index;
        }
    }
    return -1;
}

/* GROUP BY 2 */
static int64_t find_ordinal(yyjson_mut_val *select_list, yyjson_mut_val *expression) {
    yyjson_mut_val *value = yyjson_mut_obj_get(yyjson_mut_obj_get(expression, "value"), "value");
    if (!ps_syntax_is_class(expression, "CONSTANT") || !yyjson_mut_is_int(value)) {
        return -1;
    }
    const int64_t ordinal = yyjson_mut_get_sint(value);
    return ordinal >= 1 && (size_t)ordinal <= yyjson_mut_arr_size(select_list) ? ordinal - 1 : -1;
}

/* d.origin and origin are the same column: were they not, DuckDB would call the second ambiguous. */
static bool is_same_column(yyjson_mut_val *left, yyjson_mut_val *right) {
    const char *left_name = ps_syntax_column(left), *right_name = ps_syntax_column(right);
    return left_name != NULL && right_name != NULL && ps_text_equal_nocase(left_name, right_name) &&
           (yyjson_mut_arr_size(yyjson_mut_obj_get(left, "column_names")) == 1 ||
            yyjson_mut_arr_size(yyjson_mut_obj_get(right, "column_names")) == 1);
}

/* The select item that is this expression, letter by letter. */
static penstock_code find_output(struct ps_shape_reading *reading, yyjson_mut_val *select_list,
                                 yyjson_mut_val *expression, int64_t *output_out) {
    const char *wanted = NULL;
    PS_TRY(ps_tree_expression_text(reading->connection, reading->tree, expression, reading->arena, &wanted,
                                   reading->error));
    *output_out = -1;
    size_t index, max;
    yyjson_mut_val *item;
    yyjson_mut_arr_foreach(select_list, index, max, item) {
        const char *text = NULL;
        PS_TRY(ps_tree_expression_text(reading->connection, reading->tree, item, reading->arena, &text,
                                       reading->error));
        if (strcmp(text, wanted) == 0 || is_same_column(item, expression)) {
            *output_out = (int64_t)index;
            return PENSTOCK_OK;
        }
    }
    return PENSTOCK_OK;
}

static penstock_code read_key(struct ps_shape_reading *reading, yyjson_mut_val *select_list,
                              yyjson_mut_val *expression) {
    struct ps_shape_key *key = &reading->shape.keys[reading->shape.key_count++];
    int64_t output = find_ordinal(select_list, expression);
    output = output >= 0 ? output : find_alias(select_list, expression);
    if (output >= 0) {
        *key = (struct ps_shape_key){yyjson_mut_arr_get(select_list, (size_t)output), output};
        return PENSTOCK_OK;
    }
    key->expression = expression;
    return find_output(reading, select_list, expression, &key->output);
}

/* GROUP BY ALL: every select item that has no aggregate in it. */
static penstock_code read_all_keys(struct ps_shape_reading *reading, yyjson_mut_val *select_list) {
    size_t index, max;
    yyjson_mut_val *item;
    yyjson_mut_arr_foreach(select_list, index, max, item) {
        struct ps_node_list aggregates = {NULL, 0, 0, false};
        PS_TRY(ps_syntax_aggregates(reading->connection, item, reading->arena, &aggregates, reading->error));
        if (aggregates.count == 0) {
            reading->shape.keys[reading->shape.key_count++] = (struct ps_shape_key){item, (int64_t)index};
        }
    }
    return PENSTOCK_OK;
}

static penstock_code read_keys(struct ps_shape_reading *reading, yyjson_mut_val *root) {
    yyjson_mut_val *select_list = yyjson_mut_obj_get(root, "select_list");
    yyjson_mut_val *groups = yyjson_mut_obj_get(root, "group_expressions");
    if (yyjson_mut_arr_size(yyjson_mut_obj_get(root, "group_sets")) > 1) {
        return ps_shape_fail(reading, yyjson_mut_arr_get_first(groups),
                             "ROLLUP, CUBE and GROUPING SETS cannot be used in a materialized view",
                             "write one view for each set of keys");
    }
    const size_t key_max = yyjson_mut_arr_size(groups) + yyjson_mut_arr_size(select_list) + 1;
    reading->shape.keys = ps_arena_allocate(reading->arena, key_max, sizeof *reading->shape.keys);
    if (reading->shape.keys == NULL) {
        return ps_error_memory(reading->error, "the keys of a view");
    }
    if (strcmp(ps_tree_member(root, "aggregate_handling"), "FORCE_AGGREGATES") == 0) {
        return read_all_keys(reading, select_list);
    }
    size_t index, max;
    yyjson_mut_val *expression;
    yyjson_mut_arr_foreach(groups, index, max, expression) {
        PS_TRY(read_key(reading, select_list, expression));
    }
    return PENSTOCK_OK;
}

/* --- windows of event time ------------------------------------------------------------------------------------ */

static const struct ps_window *find_window(const struct ps_shape_reading *reading, yyjson_mut_val *column) {
    yyjson_mut_val *parts = yyjson_mut_obj_get(column, "column_names");
    const char *alias =
        yyjson_mut_arr_size(parts) > 1 ? yyjson_mut_get_str(yyjson_mut_arr_get_first(parts)) : NULL;
    for (size_t i = 0; i < reading->window_count; i++) {
        if (alias == NULL || ps_text_equal_nocase(alias, reading->windows[i].alias)) {
            return &reading->windows[i];
        }
    }
    return NULL;
}

/* time_bucket(INTERVAL, column) or date_trunc('unit', column) */
static penstock_code read_bucket(struct ps_shape_reading *reading, yyjson_mut_val *key,
                                 const char **column_out, const char **size_out) {
    const char *function = ps_syntax_function(key);
    yyjson_mut_val *arguments = yyjson_mut_obj_get(key, "children");
    yyjson_mut_val *first = yyjson_mut_arr_get_first(arguments);
    const char *column = ps_syntax_column(yyjson_mut_arr_get(arguments, 1));
    if (function == NULL || column == NULL) {
        return PENSTOCK_OK;
    }
    if (ps_text_equal_nocase(function, "time_bucket")) {
        PS_TRY(ps_tree_expression_text(reading->connection, reading->tree, first, reading->arena, size_out,
                                       reading->error));
        *column_out = column;
    } else if (ps_text_equal_nocase(function, "date_trunc") || ps_text_equal_nocase(function, "datetrunc")) {
        static const char *const units[] = {"second", "minute", "hour",    "day",
                                            "week",   "month",  "quarter", "year"};
        const char *unit =
            yyjson_mut_get_str(yyjson_mut_obj_get(yyjson_mut_obj_get(first, "value"), "value"));
        for (size_t i = 0; unit != NULL && i < sizeof units / sizeof units[0]; i++) {
            if (ps_text_equal_nocase(unit, units[i])) {
                *size_out = ps_arena_printf(reading->arena, "INTERVAL 1 %s", units[i]);
                *column_out = column;
                return *size_out != NULL ? PENSTOCK_OK : ps_error_memory(reading->error, "a view");
            }
        }
    }
    return PENSTOCK_OK;
}

static penstock_code find_window_key(struct ps_shape_reading *reading) {
    struct ps_shape *shape = &reading->shape;
    for (size_t i = 0; i < shape->key_count && shape->window_key < 0; i++) {
        yyjson_mut_val *key = shape->keys[i].expression;
        const char *name = ps_syntax_column(key), *column = NULL, *size = NULL;
        const bool is_start = name != NULL && ps_text_equal_nocase(name, "window_start");
        const bool is_end = name != NULL && ps_text_equal_nocase(name, "window_end");
        if (is_start || is_end) {
            const struct ps_window *window = find_window(reading, key);
            column = window != NULL ? window->column : NULL;
            size = window != NULL && is_start ? window->size : NULL;
        } else {
            PS_TRY(read_bucket(reading, key, &column, &size));
        }
        if (column != NULL) {
            shape->window_key = (int64_t)i;
            shape->window_column = column;
            shape->window_size = size;
        }
    }
    return PENSTOCK_OK;
}

penstock_code ps_shape_read_view(struct ps_shape_reading *reading) {
    yyjson_mut_val *root = ps_tree_root(reading->tree);
    yyjson_mut_val *select_list = yyjson_mut_obj_get(root, "select_list");
    PS_TRY(ps_shape_check_modifiers(reading, root, "materialized view"));
    PS_TRY(ps_shape_check_windows(reading, root));
    struct ps_node_list aggregates = {NULL, 0, 0, false};
    PS_TRY(
        ps_syntax_aggregates(reading->connection, select_list, reading->arena, &aggregates, reading->error));
    PS_TRY(ps_syntax_aggregates(reading->connection, yyjson_mut_obj_get(root, "having"), reading->arena,
                                &aggregates, reading->error));
    for (size_t i = 0; i < aggregates.count; i++) {
        PS_TRY(check_aggregate(reading, aggregates.nodes[i]));
    }
    reading->shape.aggregates = aggregates.nodes;
    reading->shape.aggregate_count = aggregates.count;
    const bool is_grouped = yyjson_mut_arr_size(yyjson_mut_obj_get(root, "group_expressions")) > 0 ||
                            strcmp(ps_tree_member(root, "aggregate_handling"), "FORCE_AGGREGATES") == 0;
    if (aggregates.count == 0 && !is_grouped) {
        return ps_shape_fail(reading, yyjson_mut_arr_get_first(select_list), "this view aggregates nothing",
                             "use CREATE STREAMING TABLE for what is row by row");
    }
    size_t index, max;
    yyjson_mut_val *item;
    yyjson_mut_arr_foreach(select_list, index, max, item) {
        if (ps_syntax_is_class(item, "STAR")) {
            return ps_shape_fail(reading, item, "a materialized view names its columns: '*' cannot be a key",
                                 "list the columns");
        }
    }
    PS_TRY(read_keys(reading, root));
    return find_window_key(reading);
}
