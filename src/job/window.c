/* SPDX-License-Identifier: Apache-2.0
 *
 * window.c - TUMBLE and HOP become subqueries.
 */
#include "job/window.h"

#include "job/syntax.h"

static const char tumble_form[] = "TUMBLE(STREAM table, time_column, INTERVAL 15 MINUTE)";
static const char hop_form[] = "HOP(STREAM table, time_column, INTERVAL 5 MINUTE, INTERVAL 1 HOUR)";

struct calls {
    struct ps_arena *arena;
    struct ps_node_list list;
};

static bool is_window_call(yyjson_mut_val *node) {
    if (!ps_syntax_is(node, "TABLE_FUNCTION")) {
        return false;
    }
    const char *name = ps_tree_member(yyjson_mut_obj_get(node, "function"), "function_name");
    return ps_text_equal_nocase(name, "tumble") || ps_text_equal_nocase(name, "hop");
}

static bool visit_call(yyjson_mut_val *node, void *context) {
    struct calls *calls = context;
    if (is_window_call(node)) {
        ps_node_list_add(&calls->list, calls->arena, node);
        return false;
    }
    return true;
}

static penstock_code wrong_call(bool is_hop, const char *what, struct penstock_error *error) {
    ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s %s", is_hop ? "HOP" : "TUMBLE", what);
    ps_error_hint(error, "write %s", is_hop ? hop_form : tumble_form);
    return PENSTOCK_INVALID_PROJECT;
}

/* An INTERVAL argument: its text, its months, and its microseconds when it has no months. */
struct length {
    const char *text;
    int64_t months, microseconds;
};

static penstock_code read_length(struct ps_connection *connection, struct ps_tree *tree,
                                 yyjson_mut_val *argument, bool is_hop, struct ps_arena *arena,
                                 struct length *length_out, struct penstock_error *error) {
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_tree_expression_text(connection, tree, argument, arena, &length_out->text, error));
    const penstock_code code = ps_sql_queryf(
        connection, &result, error,
        "SELECT date_part('year', i) * 12 + date_part('month', i), CAST(date_part('epoch', i) * 1e6 AS BIGINT), "
        "typeof(i) FROM (SELECT (%s) AS i)",
        length_out->text);
    if (code != PENSTOCK_OK || ps_result_row_count(result) != 1 || ps_result_text(result, 0, 2) == NULL ||
        strcmp(ps_result_text(result, 0, 2), "INTERVAL") != 0) {
        return wrong_call(is_hop, "takes its lengths as constant INTERVALs", error);
    }
    length_out->months = ps_result_integer(result, 0, 0);
    length_out->microseconds = ps_result_integer(result, 0, 1);
    if (length_out->microseconds <= 0) {
        return wrong_call(is_hop, "needs lengths greater than zero", error);
    }
    return PENSTOCK_OK;
}

/* STREAM t and the time column, the first two arguments. */
static penstock_code read_columns(yyjson_mut_val *arguments, bool is_hop, struct ps_window *window,
                                  struct penstock_error *error) {
    yyjson_mut_val *parts = yyjson_mut_obj_get(yyjson_mut_arr_get_first(arguments), "column_names");
    const char *schema = yyjson_mut_get_str(yyjson_mut_arr_get_first(parts));
    if (yyjson_mut_arr_size(parts) != 2 || schema == NULL || !ps_text_equal_nocase(schema, "stream")) {
        return wrong_call(is_hop, "reads a stream: its first argument is STREAM name", error);
    }
    window->stream = yyjson_mut_get_str(yyjson_mut_arr_get_last(parts));
    window->column = ps_syntax_column(yyjson_mut_arr_get(arguments, 1));
    if (window->column == NULL) {
        return wrong_call(is_hop, "needs the event time's column as its second argument", error);
    }
    return PENSTOCK_OK;
}

static penstock_code read_call(struct ps_connection *connection, struct ps_tree *tree, yyjson_mut_val *node,
                               struct ps_arena *arena, struct ps_window *window,
                               struct penstock_error *error) {
    yyjson_mut_val *function = yyjson_mut_obj_get(node, "function");
    yyjson_mut_val *arguments = yyjson_mut_obj_get(function, "children");
    const bool is_hop = ps_text_equal_nocase(ps_tree_member(function, "function_name"), "hop");
    window->offset = ps_syntax_offset(node);
    if (yyjson_mut_arr_size(arguments) != (is_hop ? 4 : 3)) {
        return wrong_call(is_hop, is_hop ? "takes four arguments" : "takes three arguments", error);
    }
    PS_TRY(read_columns(arguments, is_hop, window, error));
    const char *alias = ps_tree_member(node, "alias");
    window->alias = alias[0] != '\0' ? alias : window->stream;
    struct length size = {NULL, 0, 0}, slide = {NULL, 0, 0};
    PS_TRY(read_length(connection, tree, yyjson_mut_arr_get_last(arguments), is_hop, arena, &size, error));
    PS_TRY(read_length(connection, tree, yyjson_mut_arr_get(arguments, 2), is_hop, arena, &slide, error));
    window->size = size.text;
    window->slide = slide.text;
    window->count = 1;
    if (!is_hop) {
        return PENSTOCK_OK;
    }
    if (size.months != 0 || slide.months != 0) {
        return wrong_call(is_hop, "cannot use months or years, which have no fixed length", error);
    }
    if (size.microseconds % slide.microseconds != 0) {
        return wrong_call(is_hop, "needs a size that is a whole multiple of the slide", error);
    }
    window->count = size.microseconds / slide.microseconds;
    if (window->count > PS_LIMIT_HOP_COUNT) {
        ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                     "each row of this HOP is in %lld windows; at most %d are allowed",
                     (long long)window->count, PS_LIMIT_HOP_COUNT);
        ps_error_hint(error, "use a longer slide or a shorter size");
        return PENSTOCK_INVALID_PROJECT;
    }
    return PENSTOCK_OK;
}

/* The subquery as SQL; the stream's table is stream."t", as everywhere in a tree. */
static void write_subquery(const struct ps_window *window, struct ps_buffer *sql) {
    ps_buffer_text(sql, "SELECT 1 FROM (SELECT *, window_start + ");
    ps_buffer_printf(sql, "%s AS window_end FROM (SELECT *, time_bucket(%s, CAST(", window->size,
                     window->slide);
    ps_buffer_sql_name(sql, window->column);
    ps_buffer_text(sql, " AS TIMESTAMP), TIMESTAMP '1970-01-01 00:00:00')");
    if (window->count > 1) {
        ps_buffer_printf(sql, " - %s * CAST(unnest(range(%lld)) AS INTEGER)", window->slide,
                         (long long)window->count);
    }
    ps_buffer_text(sql, " AS window_start FROM stream.");
    ps_buffer_sql_name(sql, window->stream);
    ps_buffer_text(sql, " WHERE ");
    ps_buffer_sql_name(sql, window->column);
    ps_buffer_text(sql, " IS NOT NULL)) AS ");
    ps_buffer_sql_name(sql, window->alias);
}

struct placing {
    struct ps_tree *tree;
    int64_t offset;
};

static bool visit_place(yyjson_mut_val *node, void *context) {
    const struct placing *placing = context;
    ps_syntax_set_offset(placing->tree, node, placing->offset);
    return true;
}

/* Gives `node` the members of `from`, which belongs to another document. */
static penstock_code replace_node(struct ps_tree *tree, yyjson_mut_val *node, yyjson_mut_val *from,
                                  struct penstock_error *error) {
    yyjson_mut_doc *document = ps_tree_document(tree);
    yyjson_mut_val *sample = yyjson_mut_val_mut_copy(document, yyjson_mut_obj_get(node, "sample"));
    yyjson_mut_obj_clear(node);
    size_t index, max;
    yyjson_mut_val *key, *value;
    yyjson_mut_obj_foreach(from, index, max, key, value) {
        yyjson_mut_val *name = yyjson_mut_val_mut_copy(document, key);
        yyjson_mut_val *copy = yyjson_mut_val_mut_copy(document, value);
        if (strcmp(yyjson_mut_get_str(key), "sample") == 0 && sample != NULL) {
            copy = sample;
        }
        if (name == NULL || copy == NULL || !yyjson_mut_obj_add(node, name, copy)) {
            return ps_error_memory(error, "a syntax tree");
        }
    }
    return PENSTOCK_OK;
}

static penstock_code expand(struct ps_connection *connection, struct ps_tree *tree, yyjson_mut_val *node,
                            const struct ps_window *window, struct penstock_error *error) {
    yyjson_mut_val *function = yyjson_mut_obj_get(node, "function");
    int64_t stream_offset =
        ps_syntax_offset(yyjson_mut_arr_get_first(yyjson_mut_obj_get(function, "children")));
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, (size_t)1 << 20);
    write_subquery(window, &sql);
    PS_TRY(ps_buffer_status(&sql, error));
    struct ps_tree *made PS_SCOPED(ps_tree_free_scoped) = NULL;
    PS_TRY(ps_tree_parse(connection, sql.data, &made, NULL, error));
    yyjson_mut_val *from = yyjson_mut_obj_get(ps_tree_root(made), "from_table");
    struct placing placing = {made, stream_offset};
    ps_tree_visit(from, visit_place, &placing);
    return replace_node(tree, node, from, error);
}

penstock_code ps_window_expand(struct ps_connection *connection, struct ps_tree *tree, struct ps_arena *arena,
                               struct ps_window **windows_out, size_t *count_out, int64_t *offset_out,
                               struct penstock_error *error) {
    struct calls calls = {arena, {NULL, 0, 0, false}};
    ps_tree_visit(ps_tree_root(tree), visit_call, &calls);
    struct ps_window *windows = ps_arena_allocate(arena, calls.list.count + 1, sizeof *windows);
    if (calls.list.failed || windows == NULL) {
        return ps_error_memory(error, "the windows of a statement");
    }
    for (size_t i = 0; i < calls.list.count; i++) {
        struct ps_window *window = &windows[i];
        window->offset = -1;
        const penstock_code code = read_call(connection, tree, calls.list.nodes[i], arena, window, error);
        if (code != PENSTOCK_OK) {
            if (offset_out != NULL) {
                *offset_out = window->offset;
            }
            return code;
        }
        /* Texts of the tree that the expansion clears must outlive it. */
        window->stream = ps_arena_copy(arena, window->stream);
        window->column = ps_arena_copy(arena, window->column);
        window->alias = ps_arena_copy(arena, window->alias);
        if (window->stream == NULL || window->column == NULL || window->alias == NULL) {
            return ps_error_memory(error, "the windows of a statement");
        }
        PS_TRY(expand(connection, tree, calls.list.nodes[i], window, error));
    }
    if (windows_out != NULL) {
        *windows_out = windows;
    }
    if (count_out != NULL) {
        *count_out = calls.list.count;
    }
    return PENSTOCK_OK;
}
