/* SPDX-License-Identifier: Apache-2.0
 *
 * shape_join.c - joins in the FROM of a continuous SELECT: a stream with tables, and a stream with a stream.
 *
 * With tables the stream must stand where its rows decide. Two streams meet row by row as long as it is known how
 * far apart in event time two rows can be and still match: then each side keeps its rows until nothing of the other
 * side can come for them any more. That bound is read here from the comparisons of the two time columns.
 */
#include "base/check.h"
#include "job/shape_parts.h"

/* Bounds beyond this are mistakes, and sums with event times stay in 64 bits. */
#define BOUND_US_MAX ((int64_t)100000 * 86400 * 1000000)

const char *ps_shape_alias(yyjson_mut_val *table) {
    const char *alias = ps_tree_member(table, "alias");
    return alias[0] != '\0' ? alias : ps_tree_member(table, "table_name");
}

/* --- a stream with tables ------------------------------------------------------------------------------------ */

penstock_code ps_shape_check_join(struct ps_shape_reading *reading, yyjson_mut_val *join, bool is_left,
                                  bool is_right) {
    const char *type = ps_tree_member(join, "join_type");
    char message[240];
    if (strcmp(ps_tree_member(join, "ref_type"), "POSITIONAL") == 0) {
        return ps_shape_fail(reading, join, "a POSITIONAL JOIN counts rows, but a stream has no first row",
                             NULL);
    }
    const bool needs_left =
        strcmp(type, "LEFT") == 0 || strcmp(type, "SEMI") == 0 || strcmp(type, "ANTI") == 0;
    const bool needs_right = strcmp(type, "RIGHT") == 0;
    if (strcmp(type, "FULL") == 0 || strcmp(type, "OUTER") == 0 || (needs_left && is_right) ||
        (needs_right && is_left)) {
        snprintf(message, sizeof message,
                 "this %s JOIN waits for what the stream may still bring: the stream must be on the side "
                 "that is kept whole",
                 type);
        return ps_shape_fail(reading, join, message,
                             "write FROM STREAM ... LEFT JOIN table, or an inner JOIN");
    }
    return PENSTOCK_OK;
}

/* --- a stream with a stream ---------------------------------------------------------------------------------- */

/* The one FROM STREAM of a side, through joins with tables. */
static penstock_code find_side(struct ps_shape_reading *reading, yyjson_mut_val *side,
                               yyjson_mut_val **found_out) {
    yyjson_mut_val *node = side;
    while (ps_syntax_is(node, "JOIN")) {
        yyjson_mut_val *left = yyjson_mut_obj_get(node, "left"), *right = yyjson_mut_obj_get(node, "right");
        const bool is_left = ps_shape_count_streams(reading, left) > 0;
        PS_TRY(ps_shape_check_join(reading, node, is_left, !is_left));
        node = is_left ? left : right;
    }
    if (!ps_shape_is_stream(node)) {
        return ps_shape_fail(
            reading, node, "a join of two streams reads both of them directly: STREAM name [AS alias]",
            "put this SELECT into a streaming table of its own, and join STREAM of that table");
    }
    if (yyjson_mut_arr_size(yyjson_mut_obj_get(node, "column_name_alias")) > 0) {
        return ps_shape_fail(reading, node, "a stream in a join of two keeps the names of its columns",
                             "give columns other names in the SELECT");
    }
    *found_out = node;
    return PENSTOCK_OK;
}

static penstock_code check_kind(struct ps_shape_reading *reading, yyjson_mut_val *join) {
    const char *type = ps_tree_member(join, "join_type");
    const char *kind = ps_tree_member(join, "ref_type");
    char message[160];
    if (strcmp(type, "RIGHT") == 0) {
        return ps_shape_fail(reading, join, "a RIGHT JOIN of two streams is written the other way round",
                             "write FROM STREAM b LEFT JOIN STREAM a");
    }
    const bool is_plain = strcmp(kind, "REGULAR") == 0 || strcmp(kind, "CROSS") == 0;
    if (!is_plain || (strcmp(type, "INNER") != 0 && strcmp(type, "LEFT") != 0)) {
        snprintf(message, sizeof message, "two streams cannot be joined by %s JOIN",
                 is_plain ? (strcmp(type, "OUTER") == 0 ? "FULL" : type) : kind);
        return ps_shape_fail(
            reading, join, message,
            "write JOIN or LEFT JOIN ... ON, with the key and a bound of time between the two rows");
    }
    return PENSTOCK_OK;
}

penstock_code ps_shape_read_join(struct ps_shape_reading *reading, yyjson_mut_val *join,
                                 yyjson_mut_val **left_out) {
    if (reading->shape.join.node != NULL) {
        return ps_shape_fail(reading, join, "a statement joins at most two streams", NULL);
    }
    PS_TRY(check_kind(reading, join));
    yyjson_mut_val *left = NULL, *right = NULL;
    yyjson_mut_val *left_side = yyjson_mut_obj_get(join, "left");
    yyjson_mut_val *right_side = yyjson_mut_obj_get(join, "right");
    PS_TRY(find_side(reading, left_side, &left));
    PS_TRY(find_side(reading, right_side, &right));
    struct ps_shape *shape = &reading->shape;
    shape->join.is_left = strcmp(ps_tree_member(join, "join_type"), "LEFT") == 0;
    if (shape->join.is_left && (left != left_side || right != right_side)) {
        return ps_shape_fail(reading, join,
                             "a LEFT JOIN of two streams joins them first: tables come behind it",
                             "write FROM STREAM a LEFT JOIN STREAM b ON ... JOIN table ON ...");
    }
    if (shape->stream.node != left) { /* found in the order of the text */
        const struct ps_table_reference first = shape->stream;
        shape->stream = shape->join.partner;
        shape->join.partner = first;
    }
    ps_check(shape->stream.node == left);
    ps_check(shape->join.partner.node == right);
    shape->join.node = join;
    *left_out = left;
    return PENSTOCK_OK;
}

/* --- the bound of time --------------------------------------------------------------------------------------- */

struct bound_reading {
    struct ps_connection *connection;
    struct ps_tree *tree;
    struct ps_arena *arena;
    struct penstock_error *error;
    int64_t *offset_out;
    const char *aliases[2], *times[2]; /* of the stream and its partner */
    bool has_lower, has_upper;
    struct ps_time_bound bound;
};

static penstock_code fail_bound(struct bound_reading *reading, yyjson_mut_val *node, const char *message,
                                const char *hint) {
    if (reading->offset_out != NULL) {
        *reading->offset_out = ps_syntax_offset(node);
    }
    (void)ps_error_set(reading->error, PENSTOCK_INVALID_PROJECT, "%s", message);
    if (hint != NULL) {
        (void)ps_error_hint(reading->error, "%s", hint);
    }
    return PENSTOCK_INVALID_PROJECT;
}

static bool visit_column(yyjson_mut_val *node, void *context) {
    bool *has_column = context;
    *has_column =
        *has_column || ps_syntax_is_class(node, "COLUMN_REF") || ps_syntax_is_class(node, "SUBQUERY");
    return !*has_column;
}

static bool is_constant(yyjson_mut_val *expression) {
    bool has_column = false;
    ps_tree_visit(expression, visit_column, &has_column);
    return !has_column;
}

/* Which stream's event time the column is: 0, 1, or -1. */
static int side_of(const struct bound_reading *reading, yyjson_mut_val *column) {
    yyjson_mut_val *parts = yyjson_mut_obj_get(column, "column_names");
    const char *name = ps_syntax_column(column);
    const size_t count = yyjson_mut_arr_size(parts);
    const char *owner = count > 1 ? yyjson_mut_get_str(yyjson_mut_arr_get(parts, count - 2)) : NULL;
    for (int side = 0; name != NULL && side < 2; side++) {
        if (ps_text_equal_nocase(name, reading->times[side]) &&
            (owner == NULL || ps_text_equal_nocase(owner, reading->aliases[side]))) {
            return side;
        }
    }
    return -1;
}

/* An INTERVAL in microseconds; *is_known_out: it is one. */
static penstock_code read_interval(struct bound_reading *reading, yyjson_mut_val *expression, int64_t *us_out,
                                   bool *is_known_out) {
    const char *text = NULL;
    PS_TRY(ps_tree_expression_text(reading->connection, reading->tree, expression, reading->arena, &text,
                                   reading->error));
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    struct penstock_error ignored;
    *is_known_out = false;
    if (ps_sql_queryf(reading->connection, &result, &ignored,
                      "SELECT epoch_us(i), datepart('month', i) + 12 * datepart('year', i)"
                      " FROM (SELECT CAST((%s) AS INTERVAL) AS i)",
                      text) != PENSTOCK_OK ||
        ps_result_row_count(result) != 1 || ps_result_text(result, 0, 0) == NULL) {
        return PENSTOCK_OK;
    }
    if (ps_result_integer(result, 0, 1) != 0) {
        return fail_bound(reading, expression, "months are not equally long, so they cannot bound a join",
                          "write the bound in days");
    }
    *us_out = ps_result_integer(result, 0, 0);
    if (*us_out > BOUND_US_MAX || *us_out < -BOUND_US_MAX) {
        return fail_bound(reading, expression, "this bound of a join is longer than 100000 days", NULL);
    }
    *is_known_out = true;
    return PENSTOCK_OK;
}

/* column, column + INTERVAL ..., column - INTERVAL ...; *side_out -1: none of them. */
static penstock_code read_time(struct bound_reading *reading, yyjson_mut_val *expression, int *side_out,
                               int64_t *us_out) {
    yyjson_mut_val *node = expression;
    *side_out = -1;
    *us_out = 0;
    for (int depth = 0; ps_syntax_is_class(node, "FUNCTION") && depth < 8; depth++) {
        const char *name = ps_tree_member(node, "function_name");
        yyjson_mut_val *children = yyjson_mut_obj_get(node, "children");
        yyjson_mut_val *left = yyjson_mut_arr_get(children, 0), *right = yyjson_mut_arr_get(children, 1);
        const bool is_minus = strcmp(name, "-") == 0;
        if ((!is_minus && strcmp(name, "+") != 0) || right == NULL) {
            return PENSTOCK_OK;
        }
        const bool is_first = !is_minus && is_constant(left);
        int64_t us = 0;
        bool is_known = false;
        if (!is_constant(is_first ? left : right)) {
            return PENSTOCK_OK;
        }
        PS_TRY(read_interval(reading, is_first ? left : right, &us, &is_known));
        if (!is_known) {
            return PENSTOCK_OK;
        }
        *us_out += is_minus ? -us : us;
        node = is_first ? right : left;
    }
    *side_out = side_of(reading, node);
    return PENSTOCK_OK;
}

/* `left` at or after `right`, if is_after; else at or before. */
static penstock_code add_comparison(struct bound_reading *reading, yyjson_mut_val *left,
                                    yyjson_mut_val *right, bool is_after) {
    int left_side = -1, right_side = -1;
    int64_t left_us = 0, right_us = 0;
    PS_TRY(read_time(reading, left, &left_side, &left_us));
    PS_TRY(read_time(reading, right, &right_side, &right_us));
    if (left_side < 0 || right_side < 0 || left_side == right_side) {
        return PENSTOCK_OK;
    }
    const int64_t us = left_side == 1 ? right_us - left_us : left_us - right_us; /* of partner - stream */
    if ((left_side == 1) == is_after) {
        reading->bound.lower_us =
            reading->has_lower && reading->bound.lower_us > us ? reading->bound.lower_us : us;
        reading->has_lower = true;
    } else {
        reading->bound.upper_us =
            reading->has_upper && reading->bound.upper_us < us ? reading->bound.upper_us : us;
        reading->has_upper = true;
    }
    return PENSTOCK_OK;
}

static penstock_code add_condition(struct bound_reading *reading, yyjson_mut_val *node) {
    if (ps_syntax_is(node, "COMPARE_BETWEEN")) {
        yyjson_mut_val *input = yyjson_mut_obj_get(node, "input");
        PS_TRY(add_comparison(reading, input, yyjson_mut_obj_get(node, "lower"), true));
        return add_comparison(reading, input, yyjson_mut_obj_get(node, "upper"), false);
    }
    yyjson_mut_val *left = yyjson_mut_obj_get(node, "left"), *right = yyjson_mut_obj_get(node, "right");
    const bool is_equal = ps_syntax_is(node, "COMPARE_EQUAL");
    if (is_equal || ps_syntax_is(node, "COMPARE_GREATERTHANOREQUALTO") ||
        ps_syntax_is(node, "COMPARE_GREATERTHAN")) {
        PS_TRY(add_comparison(reading, left, right, true));
    }
    if (is_equal || ps_syntax_is(node, "COMPARE_LESSTHANOREQUALTO") ||
        ps_syntax_is(node, "COMPARE_LESSTHAN")) {
        PS_TRY(add_comparison(reading, left, right, false));
    }
    return PENSTOCK_OK;
}

/* Every part of a condition that is joined by AND. */
static penstock_code add_conditions(struct bound_reading *reading, yyjson_mut_val *condition) {
    struct ps_node_list list = {NULL, 0, 0, false};
    if (condition != NULL && !yyjson_mut_is_null(condition)) {
        ps_node_list_add(&list, reading->arena, condition);
    }
    for (size_t i = 0; i < list.count && !list.failed; i++) {
        yyjson_mut_val *node = list.nodes[i];
        if (!ps_syntax_is(node, "CONJUNCTION_AND")) {
            PS_TRY(add_condition(reading, node));
            continue;
        }
        size_t index, max;
        yyjson_mut_val *child;
        yyjson_mut_arr_foreach(yyjson_mut_obj_get(node, "children"), index, max, child) {
            ps_node_list_add(&list, reading->arena, child);
        }
    }
    return list.failed ? ps_error_memory(reading->error, "a syntax tree") : PENSTOCK_OK;
}

static penstock_code check_bound(struct bound_reading *reading, const struct ps_shape *shape) {
    yyjson_mut_val *partner = shape->join.partner.node;
    char message[300], hint[300];
    snprintf(hint, sizeof hint,
             "add to ON: AND %s.%s BETWEEN %s.%s - INTERVAL 5 MINUTE AND %s.%s + INTERVAL 5 MINUTE",
             reading->aliases[1], reading->times[1], reading->aliases[0], reading->times[0],
             reading->aliases[0], reading->times[0]);
    if (!reading->has_lower && !reading->has_upper) {
        return fail_bound(
            reading, partner,
            "the join of two streams has no bound of time: it would have to keep every row for ever", hint);
    }
    if (!reading->has_lower || !reading->has_upper) {
        snprintf(message, sizeof message,
                 "the time bound of the join has no %s end: rows of %s would have to be kept for ever",
                 reading->has_lower ? "upper" : "lower", reading->aliases[reading->has_lower ? 0 : 1]);
        return fail_bound(reading, partner, message, hint);
    }
    if (reading->bound.lower_us > reading->bound.upper_us) {
        return fail_bound(reading, partner,
                          "no two rows can fit the time bound of the join: its end is before its"
                          " beginning",
                          hint);
    }
    return PENSTOCK_OK;
}

penstock_code ps_shape_read_bound(struct ps_connection *connection, struct ps_tree *tree,
                                  const struct ps_shape *shape, const char *stream_time,
                                  const char *partner_time, struct ps_arena *arena,
                                  struct ps_time_bound *bound_out, int64_t *offset_out,
                                  struct penstock_error *error) {
    struct bound_reading reading = {
        .connection = connection,
        .tree = tree,
        .arena = arena,
        .error = error,
        .offset_out = offset_out,
        .aliases = {ps_shape_alias(shape->stream.node), ps_shape_alias(shape->join.partner.node)},
        .times = {stream_time, partner_time}};
    PS_TRY(add_conditions(&reading, yyjson_mut_obj_get(shape->join.node, "condition")));
    if (!shape->join.is_left) {
        PS_TRY(
            add_conditions(&reading, yyjson_mut_obj_get(shape->path[shape->path_count - 1], "where_clause")));
    }
    PS_TRY(check_bound(&reading, shape));
    *bound_out = reading.bound;
    return PENSTOCK_OK;
}
