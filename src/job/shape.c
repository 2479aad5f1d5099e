/* SPDX-License-Identifier: Apache-2.0
 *
 * shape.c - the way from a continuous SELECT to its one stream, and what forbids it.
 *
 * A row of the stream must be able to go its way alone: every SELECT between the stream and the statement's
 * own is row by row, and every join keeps the stream on the side whose rows decide. Only then is the result of
 * an epoch independent of all others. A view's own SELECT aggregates; shape_view.c reads that one.
 */
#include "job/shape_parts.h"

penstock_code ps_shape_fail(struct ps_shape_reading *reading, yyjson_mut_val *node, const char *message,
                            const char *hint) {
    if (node != NULL && ps_syntax_offset(node) >= 0) {
        reading->offset = ps_syntax_offset(node);
    }
    ps_error_set(reading->error, PENSTOCK_INVALID_PROJECT, "%s", message);
    if (hint != NULL) {
        ps_error_hint(reading->error, "%s", hint);
    }
    return PENSTOCK_INVALID_PROJECT;
}

/* --- which tables of the tree lead to a stream ------------------------------------------------------------ */

bool ps_shape_is_stream(yyjson_mut_val *node) {
    return ps_syntax_is(node, "BASE_TABLE") &&
           ps_text_equal_nocase(ps_tree_member(node, "schema_name"), "stream");
}

/* The entry of a streaming CTE that this table reference names, or NULL. */
static yyjson_mut_val *streaming_cte(const struct ps_shape_reading *reading, yyjson_mut_val *node) {
    if (!ps_syntax_is(node, "BASE_TABLE") || ps_tree_member(node, "schema_name")[0] != '\0') {
        return NULL;
    }
    for (size_t i = 0; i < reading->streaming_ctes.count; i++) {
        if (ps_text_equal_nocase(ps_tree_member(reading->streaming_ctes.nodes[i], "key"),
                                 ps_tree_member(node, "table_name"))) {
            return reading->streaming_ctes.nodes[i];
        }
    }
    return NULL;
}

struct stream_count {
    const struct ps_shape_reading *reading;
    size_t count;
};

static bool visit_stream(yyjson_mut_val *node, void *context) {
    struct stream_count *counting = context;
    counting->count += ps_shape_is_stream(node) || streaming_cte(counting->reading, node) != NULL;
    return true;
}

size_t ps_shape_count_streams(const struct ps_shape_reading *reading, yyjson_mut_val *node) {
    struct stream_count counting = {reading, 0};
    ps_tree_visit(node, visit_stream, &counting);
    return counting.count;
}

static bool visit_cte(yyjson_mut_val *node, void *context) {
    struct ps_shape_reading *reading = context;
    if (yyjson_mut_obj_get(node, "key") != NULL && yyjson_mut_obj_get(node, "value") != NULL &&
        ps_syntax_query(node) != NULL) {
        ps_node_list_add(&reading->ctes, reading->arena, node);
    }
    return true;
}

/* A CTE may name another one: repeated until nothing is added. */
static penstock_code find_streaming_ctes(struct ps_shape_reading *reading) {
    ps_tree_visit(ps_tree_root(reading->tree), visit_cte, reading);
    bool is_changed = true;
    while (is_changed && !reading->ctes.failed && !reading->streaming_ctes.failed) {
        is_changed = false;
        for (size_t i = 0; i < reading->ctes.count; i++) {
            yyjson_mut_val *entry = reading->ctes.nodes[i];
            if (entry != NULL && ps_shape_count_streams(reading, ps_syntax_query(entry)) > 0) {
                ps_node_list_add(&reading->streaming_ctes, reading->arena, entry);
                reading->ctes.nodes[i] = NULL;
                is_changed = true;
            }
        }
    }
    return reading->ctes.failed || reading->streaming_ctes.failed
               ? ps_error_memory(reading->error, "a syntax tree")
               : PENSTOCK_OK;
}

/* --- row by row --------------------------------------------------------------------------------------------- */

penstock_code ps_shape_check_modifiers(struct ps_shape_reading *reading, yyjson_mut_val *node,
                                       const char *what) {
    yyjson_mut_val *modifier = yyjson_mut_arr_get_first(yyjson_mut_obj_get(node, "modifiers"));
    if (modifier == NULL) {
        return PENSTOCK_OK;
    }
    char message[160], hint[160];
    if (ps_syntax_is(modifier, "ORDER_MODIFIER")) {
        yyjson_mut_val *first = yyjson_mut_arr_get_first(yyjson_mut_obj_get(modifier, "orders"));
        snprintf(message, sizeof message, "ORDER BY cannot be used in a %s: its rows never are all there",
                 what);
        snprintf(hint, sizeof hint, "leave it out here, and order where the %s is queried", what);
        return ps_shape_fail(reading, yyjson_mut_obj_get(first, "expression"), message, hint);
    }
    if (ps_syntax_is(modifier, "DISTINCT_MODIFIER")) {
        snprintf(message, sizeof message,
                 "DISTINCT cannot be used in a %s: it compares rows of different epochs", what);
        return ps_shape_fail(reading, yyjson_mut_arr_get_first(yyjson_mut_obj_get(node, "select_list")),
                             message, "GROUP BY these columns in a CREATE MATERIALIZED VIEW");
    }
    snprintf(message, sizeof message, "LIMIT cannot be used in a %s: a stream has no first or last row",
             what);
    snprintf(hint, sizeof hint, "leave it out here, and limit where the %s is queried", what);
    yyjson_mut_val *limit = yyjson_mut_obj_get(modifier, "limit");
    return ps_shape_fail(reading, limit, message, hint);
}

penstock_code ps_shape_check_windows(struct ps_shape_reading *reading, yyjson_mut_val *node) {
    yyjson_mut_val *found = ps_syntax_find_window(yyjson_mut_obj_get(node, "select_list"));
    found = found != NULL ? found : ps_syntax_find_window(yyjson_mut_obj_get(node, "qualify"));
    if (found == NULL) {
        return PENSTOCK_OK;
    }
    char message[200];
    snprintf(message, sizeof message,
             "%s() OVER (...) looks at rows of other epochs, so a continuous statement cannot use it",
             ps_tree_member(found, "function_name"));
    return ps_shape_fail(
        reading, found, message,
        "use it where the table is queried; for windows of time use TUMBLE or HOP in a CREATE MATERIALIZED VIEW");
}

static penstock_code check_row_by_row(struct ps_shape_reading *reading, yyjson_mut_val *node) {
    const char *what = reading->use == PS_SHAPE_VIEW ? "subquery over a stream" : "streaming table";
    PS_TRY(ps_shape_check_modifiers(reading, node, what));
    PS_TRY(ps_shape_check_windows(reading, node));
    struct ps_node_list aggregates = {NULL, 0, 0, false};
    PS_TRY(ps_syntax_aggregates(reading->connection, yyjson_mut_obj_get(node, "select_list"), reading->arena,
                                &aggregates, reading->error));
    PS_TRY(ps_syntax_aggregates(reading->connection, yyjson_mut_obj_get(node, "having"), reading->arena,
                                &aggregates, reading->error));
    const char *hint = reading->use == PS_SHAPE_VIEW
                           ? "aggregate once, in the view's own SELECT"
                           : "use CREATE MATERIALIZED VIEW, which keeps aggregates up to date";
    char message[200];
    if (aggregates.count > 0) {
        snprintf(message, sizeof message, "%s() combines rows, but a %s works row by row",
                 ps_syntax_function(aggregates.nodes[0]), what);
        return ps_shape_fail(reading, aggregates.nodes[0], message, hint);
    }
    yyjson_mut_val *groups = yyjson_mut_obj_get(node, "group_expressions");
    if (yyjson_mut_arr_size(groups) > 0 ||
        strcmp(ps_tree_member(node, "aggregate_handling"), "FORCE_AGGREGATES") == 0) {
        snprintf(message, sizeof message, "GROUP BY combines rows, but a %s works row by row", what);
        return ps_shape_fail(reading, yyjson_mut_arr_get_first(groups), message, hint);
    }
    return PENSTOCK_OK;
}

/* --- the FROM of one SELECT ---------------------------------------------------------------------------------- */

/* The reference in `from` that leads to the stream: a BASE_TABLE or a SUBQUERY. */
static penstock_code find_in_from(struct ps_shape_reading *reading, yyjson_mut_val *from,
                                  yyjson_mut_val **found_out) {
    yyjson_mut_val *node = from;
    while (ps_syntax_is(node, "JOIN")) {
        yyjson_mut_val *left = yyjson_mut_obj_get(node, "left"), *right = yyjson_mut_obj_get(node, "right");
        const bool is_left = ps_shape_count_streams(reading, left) > 0;
        const bool is_right = ps_shape_count_streams(reading, right) > 0;
        if (is_left && is_right) {
            return ps_shape_read_join(reading, node, found_out);
        }
        PS_TRY(ps_shape_check_join(reading, node, is_left, is_right));
        node = is_left ? left : right;
    }
    if (!ps_syntax_is(node, "BASE_TABLE") && !ps_syntax_is(node, "SUBQUERY")) {
        char message[160];
        snprintf(message, sizeof message, "STREAM cannot be read through %s", ps_tree_member(node, "type"));
        return ps_shape_fail(
            reading, node, message,
            "read it in FROM STREAM name, TUMBLE(STREAM name, ...) or HOP(STREAM name, ...)");
    }
    *found_out = node;
    return PENSTOCK_OK;
}

static penstock_code misplaced(struct ps_shape_reading *reading) {
    const struct ps_table_reference *stream =
        reading->shape.join.partner.node != NULL ? &reading->shape.join.partner : &reading->shape.stream;
    char message[200];
    snprintf(message, sizeof message,
             "STREAM %s can be read in FROM only, not in a subquery of an expression or a second time",
             stream->name);
    reading->offset = stream->offset;
    return ps_shape_fail(reading, NULL, message, NULL);
}

/* From the root down to the SELECT whose FROM holds the stream. */
static penstock_code find_path(struct ps_shape_reading *reading) {
    struct ps_node_list path = {NULL, 0, 0, false};
    size_t cte_count = 0;
    yyjson_mut_val *node = ps_tree_root(reading->tree);
    for (;;) {
        if (!ps_syntax_is(node, "SELECT_NODE")) {
            return ps_shape_fail(
                reading, node,
                "a continuous statement is one SELECT: UNION, INTERSECT, EXCEPT and recursion cannot read a stream",
                "write one statement for each branch, and CREATE VIEW ... UNION ALL over their tables; one source "
                "reads several files or topics by a pattern");
        }
        if (path.count > 0 || reading->use == PS_SHAPE_TABLE) {
            PS_TRY(check_row_by_row(reading, node));
        }
        ps_node_list_add(&path, reading->arena, node);
        yyjson_mut_val *from = yyjson_mut_obj_get(node, "from_table"), *found = NULL;
        if (path.count > 1000 || ps_shape_count_streams(reading, from) == 0) {
            return misplaced(reading);
        }
        PS_TRY(find_in_from(reading, from, &found));
        if (ps_shape_is_stream(found)) {
            break;
        }
        yyjson_mut_val *cte = streaming_cte(reading, found);
        cte_count += cte != NULL;
        node = ps_syntax_query(cte != NULL ? cte : found);
    }
    reading->shape.path = path.nodes;
    reading->shape.path_count = path.count;
    if (path.failed) {
        return ps_error_memory(reading->error, "a syntax tree");
    }
    const size_t stream_count = reading->shape.join.node != NULL ? 2 : 1;
    return ps_shape_count_streams(reading, ps_tree_root(reading->tree)) == stream_count + cte_count
               ? PENSTOCK_OK
               : misplaced(reading);
}

static penstock_code too_many(struct ps_shape_reading *reading, size_t count, int64_t offset) {
    reading->offset = offset;
    if (reading->use == PS_SHAPE_VIEW) {
        return ps_shape_fail(
            reading, NULL, "a materialized view reads one stream",
            "join the streams in a CREATE STREAMING TABLE, and read STREAM of that table here");
    }
    char message[120];
    snprintf(message, sizeof message, "a statement joins at most two streams, here are %zu", count);
    return ps_shape_fail(
        reading, NULL, message,
        "join with a table instead (leave STREAM out), or let the query of the joined table do it");
}

static penstock_code find_stream(struct ps_shape_reading *reading) {
    struct ps_table_reference *tables = NULL;
    size_t count = 0, stream_count = 0;
    int64_t offset = -1;
    const size_t stream_max = reading->use == PS_SHAPE_VIEW ? 1 : 2;
    PS_TRY(ps_tree_tables(reading->tree, reading->arena, &tables, &count, reading->error));
    for (size_t i = 0; i < count; i++) {
        if (tables[i].is_stream) {
            stream_count++;
            offset = stream_count == stream_max + 1 ? tables[i].offset : offset;
            *(stream_count == 1 ? &reading->shape.stream : &reading->shape.join.partner) = tables[i];
        }
    }
    if (stream_count > stream_max) {
        return too_many(reading, stream_count, offset);
    }
    if (stream_count == 0) {
        reading->offset = count > 0 ? tables[0].offset : -1;
        return ps_shape_fail(
            reading, NULL,
            reading->use == PS_SHAPE_VIEW ? "this view reads no stream, so it would never change"
                                          : "this streaming table reads no stream, so it would never grow",
            "write FROM STREAM name; for a query over tables use CREATE TABLE or CREATE VIEW");
    }
    return PENSTOCK_OK;
}

static penstock_code read_shape(struct ps_shape_reading *reading) {
    PS_TRY(find_stream(reading));
    PS_TRY(ps_syntax_check_replay(reading->connection, ps_tree_root(reading->tree), &reading->offset,
                                  reading->error));
    PS_TRY(find_streaming_ctes(reading));
    PS_TRY(find_path(reading));
    return reading->use == PS_SHAPE_VIEW ? ps_shape_read_view(reading) : PENSTOCK_OK;
}

penstock_code ps_shape_read(struct ps_connection *connection, struct ps_tree *tree, enum ps_shape_use use,
                            const struct ps_window *windows, size_t window_count, struct ps_arena *arena,
                            struct ps_shape *shape_out, int64_t *offset_out, struct penstock_error *error) {
    struct ps_shape_reading reading = {.connection = connection,
                                       .tree = tree,
                                       .use = use,
                                       .windows = windows,
                                       .window_count = window_count,
                                       .arena = arena,
                                       .offset = -1,
                                       .error = error,
                                       .shape = {.window_key = -1}};
    const penstock_code code = read_shape(&reading);
    if (code != PENSTOCK_OK) {
        if (offset_out != NULL) {
            *offset_out = reading.offset;
        }
        return code;
    }
    *shape_out = reading.shape;
    return PENSTOCK_OK;
}
