/* SPDX-License-Identifier: Apache-2.0
 *
 * predicate_join.c - conditions put together, and one that is written alone.
 */
#include "job/predicate.h"

static penstock_code out_of_memory(struct penstock_error *error) {
    return ps_error_memory(error, "a condition");
}

static bool is_same(const struct ps_predicate_list *left, const struct ps_predicate_list *right) {
    return left->count > 0 && right->count > 0 && strcmp(left->items[0].text, right->items[0].text) == 0;
}

/* `to` takes a copy of `from` whose root is at to->items[root], the rest behind what is there. */
static void copy_below(struct ps_predicate_list *to, size_t root, const struct ps_predicate_list *from) {
    const size_t shift = to->count - 1; /* from->items[1] comes to to->items[to->count] */
    for (size_t i = 0; i < from->count; i++) {
        struct ps_predicate item = from->items[i];
        item.first_child += item.child_count > 0 ? shift : 0;
        to->items[i == 0 ? root : i + shift] = item;
    }
    to->count += from->count - 1;
}

static bool needs_brackets(const struct ps_predicate_list *list, enum ps_predicate_kind kind) {
    const enum ps_predicate_kind root = list->items[0].kind;
    return list->items[0].child_count > 1 && root != kind;
}

static penstock_code join(enum ps_predicate_kind kind, const struct ps_predicate_list *left,
                          const struct ps_predicate_list *right, struct ps_arena *arena,
                          struct ps_predicate_list *list, struct penstock_error *error) {
    const size_t count = left->count + right->count + 1;
    list->items = ps_arena_allocate(arena, count, sizeof *list->items);
    const bool brackets[2] = {needs_brackets(left, kind), needs_brackets(right, kind)};
    const char *text = ps_arena_printf(arena, "%s%s%s%s%s%s%s", brackets[0] ? "(" : "", left->items[0].text,
                                       brackets[0] ? ")" : "", kind == PS_PREDICATE_ALL ? " AND " : " OR ",
                                       brackets[1] ? "(" : "", right->items[0].text, brackets[1] ? ")" : "");
    if (list->items == NULL || text == NULL) {
        return out_of_memory(error);
    }
    list->items[0] = (struct ps_predicate){.kind = kind,
                                           .first_child = 1,
                                           .child_count = 2,
                                           .is_exact = left->is_exact && right->is_exact,
                                           .text = text};
    list->count = 3;
    copy_below(list, 1, left);
    copy_below(list, 2, right);
    return PENSTOCK_OK;
}

static penstock_code join_left(const struct ps_predicate_list *left, const struct ps_predicate_list *right,
                               struct ps_arena *arena, struct ps_predicate_list *list,
                               struct penstock_error *error) {
    list->left_count = left->left_count + right->left_count;
    list->left = ps_arena_allocate(arena, list->left_count + 1, sizeof *list->left);
    if (list->left == NULL) {
        return out_of_memory(error);
    }
    for (size_t i = 0; i < list->left_count; i++) {
        list->left[i] = i < left->left_count ? left->left[i] : right->left[i - left->left_count];
    }
    return PENSTOCK_OK;
}

penstock_code ps_predicate_either(const struct ps_predicate_list *left, const struct ps_predicate_list *right,
                                  struct ps_arena *arena, struct ps_predicate_list *list_out,
                                  struct penstock_error *error) {
    struct ps_predicate_list list = {.is_exact = left->is_exact && right->is_exact};
    PS_TRY(join_left(left, right, arena, &list, error));
    if (is_same(left, right)) {
        list.items = left->items;
        list.count = left->count;
    } else if (left->count > 0 && right->count > 0) {
        PS_TRY(join(PS_PREDICATE_ANY, left, right, arena, &list, error));
    }
    *list_out = list;
    return PENSTOCK_OK;
}

penstock_code ps_predicate_both(const struct ps_predicate_list *left, const struct ps_predicate_list *right,
                                struct ps_arena *arena, struct ps_predicate_list *list_out,
                                struct penstock_error *error) {
    struct ps_predicate_list list = {.is_exact = left->is_exact && right->is_exact};
    PS_TRY(join_left(left, right, arena, &list, error));
    if (left->count > 0 && right->count > 0) {
        PS_TRY(join(PS_PREDICATE_ALL, left, right, arena, &list, error));
    } else {
        list.items = left->count > 0 ? left->items : right->items;
        list.count = left->count + right->count;
    }
    *list_out = list;
    return PENSTOCK_OK;
}

/* --- a condition that stands alone ------------------------------------------------------------------------- */

struct alone {
    struct ps_engine *engine;
    struct ps_connection *connection;
    struct ps_tree *tree;
};

static void alone_done(struct alone *alone) {
    ps_tree_free(alone->tree);
    ps_connection_close(alone->connection);
    ps_engine_close(alone->engine);
}

static penstock_code make_table(struct alone *alone, const struct ps_schema *schema,
                                struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, (size_t)16 << 20);
    ps_buffer_text(&sql, "CREATE TABLE source (");
    for (size_t i = 0; i < schema->column_count; i++) {
        ps_buffer_text(&sql, i > 0 ? ", " : "");
        ps_buffer_sql_name(&sql, schema->columns[i].name);
        ps_buffer_printf(&sql, " %s", schema->columns[i].type_text);
    }
    ps_buffer_text(&sql, ")");
    PS_TRY(ps_buffer_status(&sql, error));
    return ps_sql_run(alone->connection, sql.data, error);
}

static penstock_code blame(struct penstock_error *error) {
    if (error != NULL && error->code == PENSTOCK_SQL) {
        error->code = PENSTOCK_INVALID_PROJECT;
        error->remedy = PENSTOCK_GIVE_UP;
        return error->code;
    }
    return error != NULL ? error->code : PENSTOCK_INVALID_PROJECT;
}

static penstock_code read_alone(struct alone *alone, const char *condition, const struct ps_schema *schema,
                                struct ps_arena *arena, struct ps_predicate_list *list,
                                struct penstock_error *error) {
    const char **names = NULL, **types = NULL;
    size_t count = 0;
    const struct ps_engine_options options = {.thread_count = 1};
    PS_TRY(ps_engine_open(&options, &alone->engine, error));
    PS_TRY(ps_connection_open(alone->engine, &alone->connection, error));
    PS_TRY(make_table(alone, schema, error));
    const char *value = ps_arena_printf(arena, "SELECT (%s) FROM source", condition);
    const char *select = ps_arena_printf(arena, "SELECT 1 FROM source WHERE %s", condition);
    const char **columns = ps_arena_allocate(arena, schema->column_count + 1, sizeof *columns);
    if (value == NULL || select == NULL || columns == NULL) {
        return out_of_memory(error);
    }
    if (ps_sql_describe(alone->connection, value, arena, &names, &types, &count, NULL, error) !=
            PENSTOCK_OK ||
        ps_tree_parse(alone->connection, select, &alone->tree, NULL, error) != PENSTOCK_OK) {
        return blame(error);
    }
    if (count != 1 || strcmp(types[0], "BOOLEAN") != 0) {
        return ps_error_set(error, PENSTOCK_INVALID_PROJECT, "this is %s, not a condition",
                            count == 1 ? types[0] : "several values");
    }
    for (size_t i = 0; i < schema->column_count; i++) {
        columns[i] = schema->columns[i].name;
    }
    const struct ps_predicate_scope scope = {.connection = alone->connection,
                                             .tree = alone->tree,
                                             .schema = schema,
                                             .names = columns,
                                             .table = "source",
                                             .arena = arena};
    return ps_predicate_read(&scope, yyjson_mut_obj_get(ps_tree_root(alone->tree), "where_clause"), list,
                             error);
}

penstock_code ps_predicate_parse(const char *condition, const struct ps_schema *schema,
                                 struct ps_arena *arena, struct ps_predicate_list *list_out,
                                 struct penstock_error *error) {
    struct alone alone PS_SCOPED(alone_done) = {NULL, NULL, NULL};
    return read_alone(&alone, condition, schema, arena, list_out, error);
}
