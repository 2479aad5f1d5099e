/* SPDX-License-Identifier: Apache-2.0
 *
 * tree.c - DuckDB's syntax trees: from text, to text, and what can be read off them.
 */
#include "sql/tree.h"

#include <stdio.h>

#include "base/check.h"
#include "sql/duck.h"
#include "sql/lexer.h"

struct ps_tree {
    yyjson_mut_doc *document;
};

#define TREE_TEXT_SIZE_MAX ((size_t)64 << 20)

/* --- STREAM name -> stream.name ----------------------------------------------------------------------------- */

static bool is_any_of(const char *text, struct ps_token token, const char *const *words) {
    for (; *words != NULL; words++) {
        if (ps_token_is(text, token, *words)) {
            return true;
        }
    }
    return false;
}

/* `before` came before the word STREAM, `after` comes after it: is this FROM STREAM name, and not a column
 * that is called stream? */
static bool is_stream_marker(const char *text, struct ps_token before, struct ps_token after) {
    static const char *const heads[] = {"FROM", "JOIN", NULL};
    static const char *const follow[] = {
        "FROM",    "AS",      "WHERE",     "GROUP",   "ORDER",  "HAVING",     "LIMIT",   "UNION",   "IS",
        "IN",      "NOT",     "AND",       "OR",      "LIKE",   "OVER",       "END",     "THEN",    "ELSE",
        "WHEN",    "ASC",     "DESC",      "NULLS",   "FILTER", "ON",         "USING",   "JOIN",    "LEFT",
        "RIGHT",   "INNER",   "FULL",      "CROSS",   "EXCEPT", "WINDOW",     "QUALIFY", "BETWEEN", "ILIKE",
        "SIMILAR", "COLLATE", "INTERSECT", "NATURAL", "ASOF",   "POSITIONAL", NULL};
    const bool is_head =
        is_any_of(text, before, heads) ||
        (before.kind == PS_TOKEN_SIGN && (text[before.offset] == ',' || text[before.offset] == '('));
    const bool is_name =
        after.kind == PS_TOKEN_NAME || (after.kind == PS_TOKEN_WORD && !is_any_of(text, after, follow));
    return is_head && is_name;
}

/* Puts the dot into the white space after STREAM; a line feed is spared if it can be, to keep line numbers. */
static void join_with_dot(char *text, size_t space, size_t space_size) {
    size_t dot = space;
    for (size_t i = 0; i < space_size; i++) {
        if (text[space + i] != '\n' && text[space + i] != '\r') {
            dot = space + i;
            break;
        }
    }
    text[dot] = '.';
}

/* A copy of `select` in which STREAM x is stream.x, byte for byte as long. NULL when out of memory. */
static char *mark_streams(const char *select) {
    const size_t size = strlen(select);
    char *text = ps_duplicate(select);
    if (text == NULL) {
        return NULL;
    }
    struct ps_token before = {PS_TOKEN_END, 0, 0, false};
    for (size_t at = 0; at < size;) {
        const struct ps_token token = ps_lexer_next(select, size, at);
        at += token.size;
        if (ps_token_is(select, token, "STREAM")) {
            const struct ps_token space = ps_lexer_next(select, size, at);
            const struct ps_token name = ps_lexer_next(select, size, at + space.size);
            /* a comment between the two could hold anything: white space only */
            const bool is_blank = space.kind == PS_TOKEN_SPACE &&
                                  memchr(select + space.offset, '-', space.size) == NULL &&
                                  memchr(select + space.offset, '/', space.size) == NULL;
            if (is_blank && is_stream_marker(select, before, name)) {
                join_with_dot(text, space.offset, space.size);
                memcpy(text + token.offset, "stream", 6);
            } else if (space.kind == PS_TOKEN_SIGN && select[space.offset] == '(' &&
                       is_stream_marker(select, before, name) && select[name.offset + name.size] == ')') {
                /* STREAM(name), as Spark's declarative pipelines write it */
                memcpy(text + token.offset, "stream.", 7);
                text[name.offset + name.size] = ' ';
            }
        }
        before = token.kind != PS_TOKEN_SPACE ? token : before;
    }
    return text;
}

/* --- text to tree -------------------------------------------------------------------------------------------- */

/* Where a byte of the text that DuckDB parsed stands in what the user wrote. */
struct places {
    const size_t *origins; /* NULL: at the same byte */
    size_t size;
};

static bool visit_place(yyjson_mut_val *node, void *context) {
    const struct places *places = context;
    yyjson_mut_val *location = yyjson_mut_obj_get(node, "query_location");
    if (yyjson_mut_is_uint(location) && yyjson_mut_get_uint(location) <= places->size) {
        yyjson_mut_set_uint(location, places->origins[yyjson_mut_get_uint(location)]);
    }
    return true;
}

static penstock_code parse_failed(yyjson_val *root, const struct places *places, int64_t *offset_out,
                                  struct penstock_error *error) {
    const char *text = yyjson_get_str(yyjson_obj_get(root, "error_message"));
    const char *position = yyjson_get_str(yyjson_obj_get(root, "position"));
    if (offset_out != NULL) {
        *offset_out = position != NULL ? strtoll(position, NULL, 10) : -1;
        if (places->origins != NULL && *offset_out >= 0 && *offset_out <= (int64_t)places->size) {
            *offset_out = (int64_t)places->origins[*offset_out];
        }
    }
    if (text != NULL && strstr(text, "Only SELECT") != NULL) {
        return ps_error_set(error, PENSTOCK_SQL, "a SELECT was expected");
    }
    return ps_error_set(error, PENSTOCK_SQL, "%s", text != NULL ? text : "the statement cannot be parsed");
}

penstock_code ps_tree_parse(struct ps_connection *connection, const char *select, struct ps_tree **tree_out,
                            int64_t *offset_out, struct penstock_error *error) {
    if (offset_out != NULL) {
        *offset_out = -1;
    }
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct places places = {NULL, 0};
    if (arena == NULL) {
        return ps_error_memory(error, "a statement");
    }
    PS_TRY(ps_serve_expand(select, arena, &select, &places.origins, offset_out, error));
    places.size = strlen(select);
    char *text PS_SCOPED(ps_release_scoped) = mark_streams(select);
    if (text == NULL) {
        return ps_error_memory(error, "a statement");
    }
    const char *const values[] = {text};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query_with(connection, "SELECT json_serialize_sql($1::VARCHAR)::VARCHAR", values, 1,
                             &result, error));
    const char *json = ps_result_text(result, 0, 0);
    yyjson_doc *parsed = json != NULL ? yyjson_read(json, strlen(json), 0) : NULL;
    if (parsed == NULL) {
        return ps_error_set(error, PENSTOCK_INTERNAL, "DuckDB gave no syntax tree");
    }
    yyjson_val *root = yyjson_doc_get_root(parsed);
    penstock_code code = PENSTOCK_OK;
    if (yyjson_get_bool(yyjson_obj_get(root, "error"))) {
        code = parse_failed(root, &places, offset_out, error);
    } else if (yyjson_arr_size(yyjson_obj_get(root, "statements")) != 1) {
        code = ps_error_set(error, PENSTOCK_SQL, "exactly one SELECT was expected, %zu were found",
                            yyjson_arr_size(yyjson_obj_get(root, "statements")));
    } else {
        struct ps_tree *tree = ps_allocate(1, sizeof *tree);
        yyjson_mut_doc *document = tree != NULL ? yyjson_doc_mut_copy(parsed, NULL) : NULL;
        if (document == NULL) {
            ps_release(tree);
            code = ps_error_memory(error, "a syntax tree");
        } else {
            tree->document = document;
            if (places.origins != NULL) {
                ps_tree_visit(yyjson_mut_doc_get_root(document), visit_place, &places);
            }
            *tree_out = tree;
        }
    }
    yyjson_doc_free(parsed);
    return code;
}

void ps_tree_free(struct ps_tree *tree) {
    if (tree != NULL) {
        yyjson_mut_doc_free(tree->document);
        ps_release(tree);
    }
}

void ps_tree_free_scoped(struct ps_tree **tree) {
    ps_tree_free(*tree);
}

yyjson_mut_doc *ps_tree_document(struct ps_tree *tree) {
    return tree->document;
}

yyjson_mut_val *ps_tree_root(struct ps_tree *tree) {
    yyjson_mut_val *statements = yyjson_mut_obj_get(yyjson_mut_doc_get_root(tree->document), "statements");
    return yyjson_mut_obj_get(yyjson_mut_arr_get_first(statements), "node");
}

const char *ps_tree_member(yyjson_mut_val *node, const char *name) {
    const char *text = yyjson_mut_get_str(yyjson_mut_obj_get(node, name));
    return text != NULL ? text : "";
}

/* --- tree to text -------------------------------------------------------------------------------------------- */

static void free_document(yyjson_mut_doc **document) {
    yyjson_mut_doc_free(*document);
}

static void free_text(char **text) {
    free(*text); /* tidy: allow memory: yyjson allocates what it writes */
}

penstock_code ps_tree_text(struct ps_connection *connection, struct ps_tree *tree, yyjson_mut_val *node,
                           struct ps_arena *arena, const char **sql_out, struct penstock_error *error) {
    (void)tree;
    yyjson_mut_doc *document PS_SCOPED(free_document) = yyjson_mut_doc_new(NULL);
    if (document == NULL) {
        return ps_error_memory(error, "a statement");
    }
    yyjson_mut_val *root = yyjson_mut_obj(document);
    yyjson_mut_val *statements = yyjson_mut_arr(document);
    yyjson_mut_val *statement = yyjson_mut_arr_add_obj(document, statements);
    yyjson_mut_obj_add_bool(document, root, "error", false);
    yyjson_mut_obj_add_val(document, root, "statements", statements);
    yyjson_mut_obj_add_val(document, statement, "node", yyjson_mut_val_mut_copy(document, node));
    yyjson_mut_obj_add_arr(document, statement, "named_param_map");
    yyjson_mut_doc_set_root(document, root);
    char *json PS_SCOPED(free_text) = yyjson_mut_write(document, 0, NULL);
    if (json == NULL) {
        return ps_error_memory(error, "a statement");
    }
    const char *const values[] = {json};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query_with(connection, "SELECT json_deserialize_sql($1::JSON)", values, 1, &result, error));
    const char *text = ps_result_text(result, 0, 0);
    if (text == NULL || (*sql_out = ps_arena_copy(arena, text)) == NULL) {
        return ps_error_memory(error, "a statement");
    }
    return PENSTOCK_OK;
}

penstock_code ps_tree_expression_text(struct ps_connection *connection, struct ps_tree *tree,
                                      yyjson_mut_val *expression, struct ps_arena *arena,
                                      const char **sql_out, struct penstock_error *error) {
    struct ps_tree *frame PS_SCOPED(ps_tree_free_scoped) = NULL;
    (void)tree;
    PS_TRY(ps_tree_parse(connection, "SELECT 1", &frame, NULL, error));
    yyjson_mut_val *copy = yyjson_mut_val_mut_copy(frame->document, expression);
    if (copy == NULL) {
        return ps_error_memory(error, "an expression");
    }
    if (yyjson_mut_obj_get(copy, "alias") != NULL) {
        yyjson_mut_obj_put(copy, yyjson_mut_str(frame->document, "alias"),
                           yyjson_mut_str(frame->document, ""));
    }
    yyjson_mut_val *list = yyjson_mut_obj_get(ps_tree_root(frame), "select_list");
    yyjson_mut_arr_clear(list);
    yyjson_mut_arr_append(list, copy);
    const char *text = NULL;
    PS_TRY(ps_tree_text(connection, frame, ps_tree_root(frame), arena, &text, error));
    ps_check(strncmp(text, "SELECT ", 7) == 0);
    *sql_out = text + 7;
    return PENSTOCK_OK;
}

/* --- reading a tree -------------------------------------------------------------------------------------------- */

/* Enough for any statement a person writes: memory is needed only beyond it. */
#define FEW_COUNT 1024

struct value_stack {
    yyjson_mut_val **items; /* `few`, or allocated */
    size_t count, capacity;
    yyjson_mut_val *few[FEW_COUNT];
};

static bool push(struct value_stack *stack, yyjson_mut_val *value) {
    if (stack->count == stack->capacity) {
        void *items = stack->items != stack->few ? stack->items : NULL;
        size_t capacity = stack->capacity;
        if (ps_grow(&items, &capacity, stack->count + 1, sizeof *stack->items, NULL) != PENSTOCK_OK) {
            return false;
        }
        if (stack->items == stack->few) {
            memcpy(items, stack->few, sizeof stack->few);
        }
        stack->items = items;
        stack->capacity = capacity;
    }
    stack->items[stack->count++] = value;
    return true;
}

/* Children go on the stack in reverse, so that the first is visited first. */
static void push_children(struct value_stack *stack, yyjson_mut_val *value) {
    const size_t first = stack->count;
    size_t index, max;
    yyjson_mut_val *key, *child;
    if (yyjson_mut_is_obj(value)) {
        yyjson_mut_obj_foreach(value, index, max, key, child) {
            if (yyjson_mut_is_ctn(child)) {
                ps_check(push(stack, child));
            }
        }
    } else {
        yyjson_mut_arr_foreach(value, index, max, child) {
            if (yyjson_mut_is_ctn(child)) {
                ps_check(push(stack, child));
            }
        }
    }
    for (size_t low = first, high = stack->count; low + 1 < high; low++) {
        high--;
        yyjson_mut_val *swap = stack->items[low];
        stack->items[low] = stack->items[high];
        stack->items[high] = swap;
    }
}

void ps_tree_visit(yyjson_mut_val *node, bool (*visit)(yyjson_mut_val *node, void *context), void *context) {
    struct value_stack stack;
    stack.items = stack.few;
    stack.count = 0;
    stack.capacity = FEW_COUNT;
    if (node != NULL && yyjson_mut_is_ctn(node)) {
        ps_check(push(&stack, node));
    }
    while (stack.count > 0) {
        yyjson_mut_val *value = stack.items[--stack.count];
        if (!yyjson_mut_is_obj(value) || visit(value, context)) {
            push_children(&stack, value);
        }
    }
    if (stack.items != stack.few) {
        ps_release(stack.items);
    }
}

struct table_search {
    struct ps_arena *arena;
    struct ps_table_reference *tables;
    size_t count, capacity;
    yyjson_mut_val **cte_maps;
    size_t cte_count, cte_capacity;
    bool failed;
};

static int64_t location_of(yyjson_mut_val *node) {
    const uint64_t location = yyjson_mut_get_uint(yyjson_mut_obj_get(node, "query_location"));
    return location > INT64_MAX ? -1 : (int64_t)location;
}

static void add_table(struct table_search *search, struct ps_table_reference table) {
    void *tables = search->tables;
    if (ps_grow(&tables, &search->capacity, search->count + 1, sizeof *search->tables, NULL) != PENSTOCK_OK) {
        search->failed = true;
        return;
    }
    search->tables = tables;
    search->tables[search->count++] = table;
}

/* TUMBLE(STREAM t, ...) and HOP(STREAM t, ...): the first argument arrives as the column stream.t. */
static bool window_table(yyjson_mut_val *node, struct ps_table_reference *table_out) {
    yyjson_mut_val *function = yyjson_mut_obj_get(node, "function");
    const char *name = ps_tree_member(function, "function_name");
    if (!ps_text_equal_nocase(name, "tumble") && !ps_text_equal_nocase(name, "hop")) {
        return false;
    }
    yyjson_mut_val *first = yyjson_mut_arr_get_first(yyjson_mut_obj_get(function, "children"));
    yyjson_mut_val *parts = yyjson_mut_obj_get(first, "column_names");
    const char *table = yyjson_mut_get_str(yyjson_mut_arr_get_last(parts));
    const char *schema = yyjson_mut_get_str(yyjson_mut_arr_get_first(parts));
    const size_t part_count = yyjson_mut_arr_size(parts);
    if (table == NULL || part_count == 0 || part_count > 2) {
        return false;
    }
    *table_out =
        (struct ps_table_reference){.name = table,
                                    .schema = part_count == 2 ? schema : "",
                                    .alias = ps_tree_member(node, "alias"),
                                    .is_stream = part_count == 2 && ps_text_equal_nocase(schema, "stream"),
                                    .offset = location_of(first),
                                    .node = node};
    return true;
}

static bool visit_table(yyjson_mut_val *node, void *context) {
    struct table_search *search = context;
    const char *type = ps_tree_member(node, "type");
    yyjson_mut_val *map = yyjson_mut_obj_get(yyjson_mut_obj_get(node, "cte_map"), "map");
    if (yyjson_mut_arr_size(map) > 0) {
        void *maps = search->cte_maps;
        if (ps_grow(&maps, &search->cte_capacity, search->cte_count + 1, sizeof *search->cte_maps, NULL) !=
            PENSTOCK_OK) {
            search->failed = true;
            return false;
        }
        search->cte_maps = maps;
        search->cte_maps[search->cte_count++] = map;
    }
    struct ps_table_reference table;
    if (strcmp(type, "BASE_TABLE") == 0) {
        const char *schema = ps_tree_member(node, "schema_name");
        add_table(search, (struct ps_table_reference){.name = ps_tree_member(node, "table_name"),
                                                      .schema = schema,
                                                      .alias = ps_tree_member(node, "alias"),
                                                      .is_stream = ps_text_equal_nocase(schema, "stream"),
                                                      .offset = location_of(node),
                                                      .node = node});
    } else if (strcmp(type, "TABLE_FUNCTION") == 0 && window_table(node, &table)) {
        add_table(search, table);
    }
    return true;
}

static bool is_cte(const struct table_search *search, const struct ps_table_reference *table) {
    if (table->schema[0] != '\0') {
        return false;
    }
    for (size_t i = 0; i < search->cte_count; i++) {
        size_t index, max;
        yyjson_mut_val *entry;
        yyjson_mut_arr_foreach(search->cte_maps[i], index, max, entry) {
            if (ps_text_equal_nocase(ps_tree_member(entry, "key"), table->name)) {
                return true;
            }
        }
    }
    return false;
}

/* Text order by insertion: a statement has a handful of tables. */
static void sort_by_offset(struct ps_table_reference *tables, size_t count) {
    for (size_t i = 1; i < count; i++) {
        const struct ps_table_reference table = tables[i];
        size_t at = i;
        for (; at > 0 && tables[at - 1].offset > table.offset; at--) {
            tables[at] = tables[at - 1];
        }
        tables[at] = table;
    }
}

penstock_code ps_tree_tables(struct ps_tree *tree, struct ps_arena *arena,
                             struct ps_table_reference **tables_out, size_t *count_out,
                             struct penstock_error *error) {
    struct table_search search = {.arena = arena};
    ps_tree_visit(ps_tree_root(tree), visit_table, &search);
    struct ps_table_reference *tables = ps_arena_allocate(arena, search.count + 1, sizeof *tables);
    size_t count = 0;
    const bool failed = search.failed || tables == NULL;
    for (size_t i = 0; i < search.count && !failed; i++) {
        if (!is_cte(&search, &search.tables[i])) {
            tables[count++] = search.tables[i];
        }
    }
    ps_release(search.tables);
    ps_release(search.cte_maps);
    if (failed) {
        return ps_error_memory(error, "the tables of a statement");
    }
    sort_by_offset(tables, count);
    *tables_out = tables;
    *count_out = count;
    return PENSTOCK_OK;
}
