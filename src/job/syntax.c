/* SPDX-License-Identifier: Apache-2.0
 *
 * syntax.c - looking into DuckDB's syntax trees.
 */
#include "job/syntax.h"

int64_t ps_syntax_offset(yyjson_mut_val *node) {
    const uint64_t location = yyjson_mut_get_uint(yyjson_mut_obj_get(node, "query_location"));
    return location > INT64_MAX || yyjson_mut_obj_get(node, "query_location") == NULL ? -1
                                                                                      : (int64_t)location;
}

void ps_syntax_set_offset(struct ps_tree *tree, yyjson_mut_val *node, int64_t offset) {
    if (yyjson_mut_obj_get(node, "query_location") != NULL && offset >= 0) {
        yyjson_mut_doc *document = ps_tree_document(tree);
        yyjson_mut_obj_put(node, yyjson_mut_str(document, "query_location"),
                           yyjson_mut_uint(document, (uint64_t)offset));
    }
}

bool ps_syntax_is(yyjson_mut_val *node, const char *type) {
    return strcmp(ps_tree_member(node, "type"), type) == 0;
}

bool ps_syntax_is_class(yyjson_mut_val *node, const char *class_name) {
    return strcmp(ps_tree_member(node, "class"), class_name) == 0;
}

const char *ps_syntax_column(yyjson_mut_val *node) {
    if (!ps_syntax_is_class(node, "COLUMN_REF")) {
        return NULL;
    }
    return yyjson_mut_get_str(yyjson_mut_arr_get_last(yyjson_mut_obj_get(node, "column_names")));
}

const char *ps_syntax_function(yyjson_mut_val *node) {
    if (!ps_syntax_is_class(node, "FUNCTION") ||
        yyjson_mut_get_bool(yyjson_mut_obj_get(node, "is_operator"))) {
        return NULL;
    }
    return ps_tree_member(node, "function_name");
}

yyjson_mut_val *ps_syntax_query(yyjson_mut_val *node) {
    yyjson_mut_val *value = yyjson_mut_obj_get(node, "value"); /* a CTE's entry */
    yyjson_mut_val *holder =
        value != NULL ? yyjson_mut_obj_get(value, "query") : yyjson_mut_obj_get(node, "subquery");
    return yyjson_mut_obj_get(holder, "node");
}

void ps_node_list_add(struct ps_node_list *list, struct ps_arena *arena, yyjson_mut_val *node) {
    if (list->count == list->capacity) {
        const size_t capacity = list->capacity == 0 ? 8 : list->capacity * 2;
        yyjson_mut_val **nodes = ps_arena_allocate(arena, capacity, sizeof *nodes);
        if (nodes == NULL) {
            list->failed = true;
            return;
        }
        if (list->count > 0) {
            memcpy(nodes, list->nodes, list->count * sizeof *nodes);
        }
        list->nodes = nodes;
        list->capacity = capacity;
    }
    list->nodes[list->count++] = node;
}

struct search {
    struct ps_connection *connection;
    struct ps_arena *arena;
    struct ps_node_list *list;
    yyjson_mut_val *found;
    const char *name;
};

static bool visit_aggregate(yyjson_mut_val *node, void *context) {
    struct search *search = context;
    if (ps_syntax_is_class(node, "SUBQUERY") || ps_syntax_is_class(node, "WINDOW")) {
        return false;
    }
    const char *name = ps_syntax_function(node);
    if (name != NULL && ps_sql_is_aggregate(search->connection, name)) {
        ps_node_list_add(search->list, search->arena, node);
        return false;
    }
    return true;
}

penstock_code ps_syntax_aggregates(struct ps_connection *connection, yyjson_mut_val *expression,
                                   struct ps_arena *arena, struct ps_node_list *list,
                                   struct penstock_error *error) {
    struct search search = {.connection = connection, .arena = arena, .list = list};
    ps_tree_visit(expression, visit_aggregate, &search);
    return list->failed ? ps_error_memory(error, "a syntax tree") : PENSTOCK_OK;
}

static bool visit_window(yyjson_mut_val *node, void *context) {
    struct search *search = context;
    if (search->found == NULL && ps_syntax_is_class(node, "WINDOW")) {
        search->found = node;
    }
    return search->found == NULL && !ps_syntax_is_class(node, "SUBQUERY");
}

yyjson_mut_val *ps_syntax_find_window(yyjson_mut_val *expression) {
    struct search search = {.found = NULL};
    ps_tree_visit(expression, visit_window, &search);
    return search.found;
}

static bool visit_subquery(yyjson_mut_val *node, void *context) {
    struct search *search = context;
    if (search->found == NULL && ps_syntax_is_class(node, "SUBQUERY")) {
        search->found = node;
    }
    return search->found == NULL;
}

yyjson_mut_val *ps_syntax_find_subquery(yyjson_mut_val *expression) {
    struct search search = {.found = NULL};
    ps_tree_visit(expression, visit_subquery, &search);
    return search.found;
}

/* Written without parentheses these are columns to DuckDB's parser, and functions to its binder. */
static bool is_clock_word(yyjson_mut_val *node) {
    static const char *const words[] = {"current_timestamp", "current_date", "current_time", "localtime",
                                        "localtimestamp"};
    const char *name = ps_syntax_column(node);
    if (name == NULL || yyjson_mut_arr_size(yyjson_mut_obj_get(node, "column_names")) != 1) {
        return false;
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (ps_text_equal_nocase(name, words[i])) {
            return true;
        }
    }
    return false;
}

static bool visit_volatile(yyjson_mut_val *node, void *context) {
    struct search *search = context;
    if (search->found != NULL) {
        return false;
    }
    const char *name = ps_syntax_function(node);
    if (is_clock_word(node)) {
        search->found = node;
        search->name = ps_syntax_column(node);
    } else if (name != NULL && ps_sql_is_volatile(search->connection, name)) {
        search->found = node;
        search->name = name;
    } else if (yyjson_mut_is_obj(yyjson_mut_obj_get(node, "sample"))) {
        search->found = node;
        search->name = "SAMPLE";
    }
    return search->found == NULL;
}

yyjson_mut_val *ps_syntax_find_volatile(struct ps_connection *connection, yyjson_mut_val *node,
                                        const char **name_out) {
    struct search search = {.connection = connection};
    ps_tree_visit(node, visit_volatile, &search);
    *name_out = search.name;
    return search.found;
}

penstock_code ps_syntax_check_replay(struct ps_connection *connection, yyjson_mut_val *node,
                                     int64_t *offset_out, struct penstock_error *error) {
    static const char *const random_names[] = {"random",          "uuid",   "uuidv4", "uuidv7",
                                               "gen_random_uuid", "SAMPLE", "setseed"};
    const char *name = NULL;
    yyjson_mut_val *found = ps_syntax_find_volatile(connection, node, &name);
    if (found == NULL) {
        return PENSTOCK_OK;
    }
    *offset_out = ps_syntax_offset(found);
    bool is_random = false;
    for (size_t i = 0; i < sizeof random_names / sizeof random_names[0]; i++) {
        is_random = is_random || ps_text_equal_nocase(name, random_names[i]);
    }
    ps_error_set(
        error, PENSTOCK_INVALID_PROJECT,
        "%s%s would give another answer when an epoch is replayed, so a continuous statement cannot use it",
        name, is_clock_word(found) || strcmp(name, "SAMPLE") == 0 ? "" : "()");
    if (is_random) {
        ps_error_hint(error, "derive it from the record, for example from hash(column)");
    } else if (ps_sql_is_volatile(connection, name) || is_clock_word(found)) {
        ps_error_hint(error,
                      "use epoch_time(): the time of the epoch, stored with it and the same on a replay");
    }
    return PENSTOCK_INVALID_PROJECT;
}
