/* SPDX-License-Identifier: Apache-2.0
 *
 * predicate.c - from a condition in DuckDB's syntax tree to columns compared with constants.
 *
 * Parts are put in a list, breadth first, each behind the one that it is a part of, with a NOT carried down into them.
 * Then, from the end, what is not understood is dropped: alone out of an AND, with all of its OR. What remains lets
 * through every row that the condition does.
 */
#include "base/check.h"
#include "job/predicate_parts.h"
#include "job/syntax.h"

/* One part while it is being read. */
struct part {
    struct ps_predicate predicate;
    yyjson_mut_val *node; /* NULL: it is made already */
    bool is_negated;
    size_t parent;
    const char *why; /* not NULL: not understood */
    size_t place;    /* in the finished list */
};

struct reading {
    const struct ps_predicate_scope *scope;
    struct part *parts;
    size_t count, capacity;
    struct penstock_error *error;
};

static void free_reading(struct reading *reading) {
    ps_release(reading->parts);
}

static penstock_code out_of_memory(struct penstock_error *error) {
    return ps_error_memory(error, "a condition");
}

static penstock_code add_part(struct reading *reading, yyjson_mut_val *node, bool is_negated, size_t parent) {
    PS_TRY(ps_grow((void **)&reading->parts, &reading->capacity, reading->count + 1, sizeof *reading->parts,
                   reading->error));
    reading->parts[reading->count++] =
        (struct part){.node = node,
                      .is_negated = is_negated,
                      .parent = parent,
                      .predicate = {.kind = PS_PREDICATE_ALL, .is_exact = true}};
    return PENSTOCK_OK;
}

/* --- columns ------------------------------------------------------------------------------------------------ */

struct using_search {
    const char *name;
    bool is_found;
};

static bool visit_using(yyjson_mut_val *node, void *context) {
    struct using_search *search = context;
    size_t index, max;
    yyjson_mut_val *value;
    yyjson_mut_arr_foreach(yyjson_mut_obj_get(node, "using_columns"), index, max, value) {
        const char *name = yyjson_mut_get_str(value);
        search->is_found = search->is_found || (name != NULL && ps_text_equal_nocase(name, search->name));
    }
    search->is_found = search->is_found || strcmp(ps_tree_member(node, "ref_type"), "NATURAL") == 0;
    return !search->is_found;
}

/* The source's column that the node is, or -1. */
static int64_t column_of(const struct ps_predicate_scope *scope, yyjson_mut_val *node) {
    yyjson_mut_val *parts = yyjson_mut_obj_get(node, "column_names");
    const size_t count = yyjson_mut_arr_size(parts);
    const char *name = ps_syntax_column(node);
    if (name == NULL || count > 2) {
        return -1;
    }
    if (count == 2) {
        const char *table = yyjson_mut_get_str(yyjson_mut_arr_get_first(parts));
        if (table == NULL || scope->table[0] == '\0' || !ps_text_equal_nocase(table, scope->table)) {
            return -1;
        }
    } else if (scope->from != NULL) {
        struct using_search search = {name, false};
        ps_tree_visit(scope->from, visit_using, &search);
        if (search.is_found) {
            return -1;
        }
    }
    for (size_t i = 0; i < scope->schema->column_count; i++) {
        if (scope->names[i] != NULL && ps_text_equal_nocase(scope->names[i], name)) {
            return (int64_t)i;
        }
    }
    return -1;
}

/* --- leaves ------------------------------------------------------------------------------------------------- */

static const char *why_not_column(const struct reading *reading) {
    return reading->scope->why_absent != NULL ? reading->scope->why_absent
                                              : "it is not a column of the source compared with a constant";
}

/* Of each comparison and NULL test; ALL, which is 0, where there is nothing. */
static const struct {
    enum ps_predicate_kind turned;  /* 10 < a is a > 10 */
    enum ps_predicate_kind negated; /* of rows where neither is NULL */
    const char *sign;
} kinds[PS_PREDICATE_IS_NOT_NULL + 1] = {
    [PS_PREDICATE_LESS] = {PS_PREDICATE_GREATER, PS_PREDICATE_GREATER_EQUAL, "<"},
    [PS_PREDICATE_LESS_EQUAL] = {PS_PREDICATE_GREATER_EQUAL, PS_PREDICATE_GREATER, "<="},
    [PS_PREDICATE_EQUAL] = {PS_PREDICATE_EQUAL, PS_PREDICATE_NOT_EQUAL, "="},
    [PS_PREDICATE_NOT_EQUAL] = {PS_PREDICATE_NOT_EQUAL, PS_PREDICATE_EQUAL, "<>"},
    [PS_PREDICATE_GREATER_EQUAL] = {PS_PREDICATE_LESS_EQUAL, PS_PREDICATE_LESS, ">="},
    [PS_PREDICATE_GREATER] = {PS_PREDICATE_LESS, PS_PREDICATE_LESS_EQUAL, ">"},
    [PS_PREDICATE_IS_NULL] = {PS_PREDICATE_ALL, PS_PREDICATE_IS_NOT_NULL, NULL},
    [PS_PREDICATE_IS_NOT_NULL] = {PS_PREDICATE_ALL, PS_PREDICATE_IS_NULL, NULL},
};

static const char *column_name(const struct reading *reading, size_t column) {
    return reading->scope->schema->columns[column].name;
}

static penstock_code set_null_test(struct reading *reading, struct part *part, size_t column,
                                   enum ps_predicate_kind kind) {
    part->predicate.kind = kind;
    part->predicate.column = column;
    part->predicate.text =
        ps_arena_printf(reading->scope->arena, "%s IS %sNULL", column_name(reading, column),
                        kind == PS_PREDICATE_IS_NULL ? "" : "NOT ");
    return part->predicate.text == NULL ? out_of_memory(reading->error) : PENSTOCK_OK;
}

/* Moves the comparison from what was written to the nearest value of the column's type. */
static enum ps_predicate_kind moved(enum ps_predicate_kind kind, int order, bool is_float, bool *is_exact) {
    if (order == 0) {
        return kind;
    }
    *is_exact = !is_float;
    const bool is_lower = kind == PS_PREDICATE_GREATER || kind == PS_PREDICATE_GREATER_EQUAL;
    if (is_float) { /* on which side DuckDB rounds is not known: the end belongs to it */
        return is_lower ? PS_PREDICATE_GREATER_EQUAL : PS_PREDICATE_LESS_EQUAL;
    }
    if (is_lower) {
        return order < 0 ? PS_PREDICATE_GREATER : PS_PREDICATE_GREATER_EQUAL;
    }
    return order < 0 ? PS_PREDICATE_LESS_EQUAL : PS_PREDICATE_LESS;
}

static bool is_float_type(const struct reading *reading, size_t column) {
    return reading->scope->schema->columns[column].type == PS_TYPE_FLOAT;
}

static penstock_code set_comparison(struct reading *reading, struct part *part, size_t column,
                                    enum ps_predicate_kind kind,
                                    const struct ps_predicate_constant *constant) {
    struct ps_arena *arena = reading->scope->arena;
    struct ps_predicate *predicate = &part->predicate;
    const bool is_boolean = reading->scope->schema->columns[column].type == PS_TYPE_BOOLEAN;
    const bool is_equality = kind == PS_PREDICATE_EQUAL || kind == PS_PREDICATE_NOT_EQUAL;
    struct ps_bytes value = constant->value;
    const char *shown = constant->shown;
    if (is_boolean && !is_equality) {
        part->why = "BOOLEAN values have no order";
        return PENSTOCK_OK;
    }
    if (is_boolean && kind == PS_PREDICATE_NOT_EQUAL) {
        shown = strcmp(value.data, "true") == 0 ? "false" : "true";
        value = ps_bytes_of(shown);
        kind = PS_PREDICATE_EQUAL;
    }
    if (is_equality && constant->order != 0 && kind == PS_PREDICATE_NOT_EQUAL) {
        predicate->is_exact = !is_float_type(reading, column);
        return set_null_test(reading, part, column, PS_PREDICATE_IS_NOT_NULL);
    }
    if (is_equality && constant->order != 0 && !is_float_type(reading, column)) {
        part->why = "no value of the column is equal to it";
        return PENSTOCK_OK;
    }
    if (is_equality) {
        predicate->is_exact = constant->order == 0;
    } else {
        kind = moved(kind, constant->order, is_float_type(reading, column), &predicate->is_exact);
    }
    predicate->kind = kind;
    predicate->column = column;
    predicate->values = ps_arena_allocate(arena, 1, sizeof *predicate->values);
    predicate->text =
        ps_arena_printf(arena, "%s %s %s", column_name(reading, column), kinds[kind].sign, shown);
    if (predicate->values == NULL || predicate->text == NULL) {
        return out_of_memory(reading->error);
    }
    predicate->values[0] = value;
    predicate->value_count = 1;
    return PENSTOCK_OK;
}

static penstock_code read_against(struct reading *reading, struct part *part, size_t column,
                                  enum ps_predicate_kind kind, yyjson_mut_val *constant_node,
                                  bool is_listed) {
    struct ps_predicate_constant constant;
    PS_TRY(
        ps_predicate_constant(reading->scope, column, is_listed, constant_node, &constant, reading->error));
    part->why = constant.why;
    return constant.why != NULL ? PENSTOCK_OK : set_comparison(reading, part, column, kind, &constant);
}

static penstock_code read_comparison(struct reading *reading, struct part *part,
                                     enum ps_predicate_kind kind) {
    yyjson_mut_val *left = yyjson_mut_obj_get(part->node, "left");
    yyjson_mut_val *right = yyjson_mut_obj_get(part->node, "right");
    kind = part->is_negated ? kinds[kind].negated : kind;
    int64_t column = column_of(reading->scope, left);
    if (column >= 0) {
        return read_against(reading, part, (size_t)column, kind, right, false);
    }
    column = column_of(reading->scope, right);
    if (column >= 0) {
        return read_against(reading, part, (size_t)column, kinds[kind].turned, left, false);
    }
    part->why = why_not_column(reading);
    return PENSTOCK_OK;
}

/* BETWEEN and NOT IN become several comparisons: parts of their own, made here. */
static penstock_code add_comparison(struct reading *reading, size_t parent, size_t column,
                                    enum ps_predicate_kind kind, yyjson_mut_val *constant, bool is_listed) {
    PS_TRY(add_part(reading, NULL, false, parent));
    struct part made = reading->parts[reading->count - 1];
    PS_TRY(read_against(reading, &made, column, kind, constant, is_listed));
    reading->parts[reading->count - 1] = made;
    return PENSTOCK_OK;
}

static penstock_code read_between(struct reading *reading, size_t index) {
    const struct part part = reading->parts[index];
    const int64_t column = column_of(reading->scope, yyjson_mut_obj_get(part.node, "input"));
    if (column < 0) {
        reading->parts[index].why = why_not_column(reading);
        return PENSTOCK_OK;
    }
    reading->parts[index].predicate.kind = part.is_negated ? PS_PREDICATE_ANY : PS_PREDICATE_ALL;
    PS_TRY(add_comparison(reading, index, (size_t)column,
                          part.is_negated ? PS_PREDICATE_LESS : PS_PREDICATE_GREATER_EQUAL,
                          yyjson_mut_obj_get(part.node, "lower"), false));
    return add_comparison(reading, index, (size_t)column,
                          part.is_negated ? PS_PREDICATE_GREATER : PS_PREDICATE_LESS_EQUAL,
                          yyjson_mut_obj_get(part.node, "upper"), false);
}

static penstock_code read_not_in(struct reading *reading, size_t index, size_t column) {
    yyjson_mut_val *children = yyjson_mut_obj_get(reading->parts[index].node, "children");
    reading->parts[index].predicate.kind = PS_PREDICATE_ALL;
    for (size_t i = 1; i < yyjson_mut_arr_size(children); i++) {
        PS_TRY(add_comparison(reading, index, column, PS_PREDICATE_NOT_EQUAL, yyjson_mut_arr_get(children, i),
                              true));
    }
    return PENSTOCK_OK;
}

static penstock_code read_in(struct reading *reading, struct part *part, size_t column) {
    struct ps_predicate *predicate = &part->predicate;
    yyjson_mut_val *children = yyjson_mut_obj_get(part->node, "children");
    const size_t count = yyjson_mut_arr_size(children) - 1;
    const char *text = ps_arena_printf(reading->scope->arena, "%s IN (", column_name(reading, column));
    predicate->values = ps_arena_allocate(reading->scope->arena, count, sizeof *predicate->values);
    if (predicate->values == NULL) {
        return out_of_memory(reading->error);
    }
    predicate->kind = PS_PREDICATE_IN;
    predicate->column = column;
    for (size_t i = 0; i < count && text != NULL; i++) {
        struct ps_predicate_constant constant;
        PS_TRY(ps_predicate_constant(reading->scope, column, true, yyjson_mut_arr_get(children, i + 1),
                                     &constant, reading->error));
        if (constant.why == NULL && constant.order != 0 && !is_float_type(reading, column)) {
            constant.why = "no value of the column is equal to one of them";
        }
        if (constant.why != NULL) {
            part->why = constant.why;
            return PENSTOCK_OK;
        }
        predicate->is_exact = predicate->is_exact && constant.order == 0;
        predicate->values[predicate->value_count++] = constant.value;
        text = ps_arena_printf(reading->scope->arena, "%s%s%s%s", text, i > 0 ? ", " : "", constant.shown,
                               i + 1 == count ? ")" : "");
    }
    predicate->text = text;
    return text == NULL ? out_of_memory(reading->error) : PENSTOCK_OK;
}

static penstock_code read_list(struct reading *reading, size_t index, bool is_not) {
    struct part *part = &reading->parts[index];
    yyjson_mut_val *children = yyjson_mut_obj_get(part->node, "children");
    const int64_t column = column_of(reading->scope, yyjson_mut_arr_get_first(children));
    if (column < 0 || yyjson_mut_arr_size(children) < 2) {
        part->why = why_not_column(reading);
        return PENSTOCK_OK;
    }
    if (yyjson_mut_arr_size(children) - 1 > PS_LIMIT_PREDICATE_VALUES) {
        part->why = "the list is too long";
        return PENSTOCK_OK;
    }
    return is_not != part->is_negated ? read_not_in(reading, index, (size_t)column)
                                      : read_in(reading, part, (size_t)column);
}

/* LIKE 'abc%': up to the first % or _ it is a prefix. */
static penstock_code read_like(struct reading *reading, struct part *part, size_t column,
                               yyjson_mut_val *pattern, bool is_like) {
    struct ps_predicate_constant constant;
    PS_TRY(ps_predicate_constant(reading->scope, column, false, pattern, &constant, reading->error));
    if (constant.why != NULL) {
        part->why = constant.why;
        return PENSTOCK_OK;
    }
    const size_t size = is_like ? strcspn(constant.value.data, "%_") : constant.value.size;
    const bool is_whole = is_like && size == constant.value.size;
    if (is_whole) {
        return set_comparison(reading, part, column,
                              part->is_negated ? PS_PREDICATE_NOT_EQUAL : PS_PREDICATE_EQUAL, &constant);
    }
    if (part->is_negated || size == 0) {
        part->why = "it is no prefix";
        return PENSTOCK_OK;
    }
    struct ps_predicate *predicate = &part->predicate;
    predicate->kind = PS_PREDICATE_PREFIX;
    predicate->column = column;
    predicate->is_exact = !is_like || strcmp(constant.value.data + size, "%") == 0;
    predicate->values = ps_arena_allocate(reading->scope->arena, 1, sizeof *predicate->values);
    struct ps_buffer shown PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&shown, (size_t)4 << 20);
    ps_buffer_printf(&shown, "starts_with(%s, ", column_name(reading, column));
    char *prefix = ps_arena_copy_size(reading->scope->arena, constant.value.data, size);
    if (prefix == NULL || predicate->values == NULL) {
        return out_of_memory(reading->error);
    }
    ps_buffer_sql_literal(&shown, prefix);
    ps_buffer_text(&shown, ")");
    PS_TRY(ps_buffer_status(&shown, reading->error));
    predicate->values[0] = (struct ps_bytes){prefix, size};
    predicate->value_count = 1;
    predicate->text = ps_arena_copy(reading->scope->arena, shown.data);
    return predicate->text == NULL ? out_of_memory(reading->error) : PENSTOCK_OK;
}

static penstock_code read_function(struct reading *reading, struct part *part) {
    static const char *const prefixes[] = {"starts_with", "prefix", "^@", NULL};
    const char *name = ps_tree_member(part->node, "function_name");
    yyjson_mut_val *children = yyjson_mut_obj_get(part->node, "children");
    const int64_t column = column_of(reading->scope, yyjson_mut_arr_get_first(children));
    bool is_like = strcmp(name, "~~") == 0, is_prefix = is_like;
    if (strcmp(name, "!~~") == 0) {
        is_like = is_prefix = true;
        part->is_negated = !part->is_negated;
    }
    for (size_t i = 0; prefixes[i] != NULL; i++) {
        is_prefix = is_prefix || ps_text_equal_nocase(name, prefixes[i]);
    }
    if (!is_prefix || column < 0 || yyjson_mut_arr_size(children) != 2 ||
        reading->scope->schema->columns[column].type != PS_TYPE_VARCHAR) {
        part->why = why_not_column(reading);
        return PENSTOCK_OK;
    }
    return read_like(reading, part, (size_t)column, yyjson_mut_arr_get(children, 1), is_like);
}

static penstock_code read_boolean(struct reading *reading, struct part *part) {
    const int64_t column = column_of(reading->scope, part->node);
    if (column < 0 || reading->scope->schema->columns[column].type != PS_TYPE_BOOLEAN) {
        part->why = why_not_column(reading);
        return PENSTOCK_OK;
    }
    const char *value = part->is_negated ? "false" : "true";
    const struct ps_predicate_constant constant = {.value = ps_bytes_of(value), .shown = value};
    return set_comparison(reading, part, (size_t)column, PS_PREDICATE_EQUAL, &constant);
}

/* --- all parts ------------------------------------------------------------------------------------------------ */

static penstock_code read_junction(struct reading *reading, size_t index, bool is_and) {
    const struct part part = reading->parts[index];
    size_t position, max;
    yyjson_mut_val *child;
    reading->parts[index].predicate.kind = is_and != part.is_negated ? PS_PREDICATE_ALL : PS_PREDICATE_ANY;
    yyjson_mut_arr_foreach(yyjson_mut_obj_get(part.node, "children"), position, max, child) {
        PS_TRY(add_part(reading, child, part.is_negated, index));
    }
    return PENSTOCK_OK;
}

static penstock_code read_null_test(struct reading *reading, struct part *part, enum ps_predicate_kind kind) {
    const int64_t column =
        column_of(reading->scope, yyjson_mut_arr_get_first(yyjson_mut_obj_get(part->node, "children")));
    if (column < 0) {
        part->why = why_not_column(reading);
        return PENSTOCK_OK;
    }
    return set_null_test(reading, part, (size_t)column, part->is_negated ? kinds[kind].negated : kind);
}

static penstock_code read_part(struct reading *reading, size_t index) {
    static const struct {
        const char *type;
        enum ps_predicate_kind kind;
    } comparisons[] = {{"COMPARE_EQUAL", PS_PREDICATE_EQUAL},
                       {"COMPARE_NOTEQUAL", PS_PREDICATE_NOT_EQUAL},
                       {"COMPARE_LESSTHAN", PS_PREDICATE_LESS},
                       {"COMPARE_GREATERTHAN", PS_PREDICATE_GREATER},
                       {"COMPARE_LESSTHANOREQUALTO", PS_PREDICATE_LESS_EQUAL},
                       {"COMPARE_GREATERTHANOREQUALTO", PS_PREDICATE_GREATER_EQUAL}};
    struct part *part = &reading->parts[index];
    while (ps_syntax_is(part->node, "OPERATOR_NOT")) {
        part->node = yyjson_mut_arr_get_first(yyjson_mut_obj_get(part->node, "children"));
        part->is_negated = !part->is_negated;
    }
    const char *type = ps_tree_member(part->node, "type");
    for (size_t i = 0; i < sizeof comparisons / sizeof comparisons[0]; i++) {
        if (strcmp(type, comparisons[i].type) == 0) {
            return read_comparison(reading, part, comparisons[i].kind);
        }
    }
    if (strcmp(type, "CONJUNCTION_AND") == 0 || strcmp(type, "CONJUNCTION_OR") == 0) {
        return read_junction(reading, index, strcmp(type, "CONJUNCTION_AND") == 0);
    }
    if (strcmp(type, "COMPARE_BETWEEN") == 0) {
        return read_between(reading, index);
    }
    if (strcmp(type, "COMPARE_IN") == 0 || strcmp(type, "COMPARE_NOT_IN") == 0) {
        return read_list(reading, index, strcmp(type, "COMPARE_NOT_IN") == 0);
    }
    if (strcmp(type, "OPERATOR_IS_NULL") == 0) {
        return read_null_test(reading, part, PS_PREDICATE_IS_NULL);
    }
    if (strcmp(type, "OPERATOR_IS_NOT_NULL") == 0) {
        return read_null_test(reading, part, PS_PREDICATE_IS_NOT_NULL);
    }
    return ps_syntax_is_class(part->node, "FUNCTION") ? read_function(reading, part)
                                                      : read_boolean(reading, part);
}

static bool is_junction(const struct ps_predicate *predicate) {
    return predicate->kind == PS_PREDICATE_ALL || predicate->kind == PS_PREDICATE_ANY;
}

/* From the last part to the first, so that all children of one are known when it is its turn. */
static void drop_unknown(struct reading *reading) {
    for (size_t i = reading->count; i-- > 0;) {
        struct part *part = &reading->parts[i];
        if (part->why == NULL && is_junction(&part->predicate) && part->predicate.child_count == 0) {
            part->why = "nothing of it can be";
        }
        if (i == 0) {
            break;
        }
        struct part *parent = &reading->parts[part->parent];
        parent->predicate.is_exact =
            parent->predicate.is_exact && part->why == NULL && part->predicate.is_exact;
        if (part->why == NULL) {
            parent->predicate.child_count++;
        } else if (parent->predicate.kind == PS_PREDICATE_ANY) {
            parent->why = part->why;
        }
    }
}

/* What of it stays with SQL: the uppermost parts that are not understood. */
static penstock_code list_left(const struct reading *reading, struct ps_predicate_list *list) {
    list->left = ps_arena_allocate(reading->scope->arena, reading->count + 1, sizeof *list->left);
    if (list->left == NULL) {
        return out_of_memory(reading->error);
    }
    for (size_t i = 0; i < reading->count; i++) {
        const struct part *part = &reading->parts[i];
        const bool is_below = i > 0 && reading->parts[part->parent].why != NULL;
        if (part->why == NULL || is_below) {
            continue;
        }
        struct ps_predicate_left *left = &list->left[list->left_count++];
        left->why = part->why;
        /* what was made of a BETWEEN or NOT IN is told as a whole */
        yyjson_mut_val *node = part->node != NULL ? part->node : reading->parts[part->parent].node;
        struct penstock_error unwritable;
        const penstock_code code =
            ps_tree_expression_text(reading->scope->connection, reading->scope->tree, node,
                                    reading->scope->arena, &left->text, &unwritable);
        if (code == PENSTOCK_OUT_OF_MEMORY) {
            return out_of_memory(reading->error);
        }
        left->text = code == PENSTOCK_OK ? left->text : "a part of the condition";
    }
    return PENSTOCK_OK;
}

/* --- the finished list ---------------------------------------------------------------------------------------- */

/* Texts of ALL and ANY, from their children's; from the last to the first. */
static penstock_code write_texts(struct ps_predicate_list *list, struct ps_arena *arena,
                                 struct penstock_error *error) {
    for (size_t i = list->count; i-- > 0;) {
        struct ps_predicate *predicate = &list->items[i];
        const char *text = predicate->text;
        for (size_t j = 0; is_junction(predicate) && j < predicate->child_count; j++) {
            const struct ps_predicate *child = &list->items[predicate->first_child + j];
            const bool is_nested =
                is_junction(child) && child->kind != predicate->kind && child->child_count > 1;
            text = ps_arena_printf(arena, "%s%s%s%s%s", j == 0 ? "" : text,
                                   j == 0                                ? ""
                                   : predicate->kind == PS_PREDICATE_ALL ? " AND "
                                                                         : " OR ",
                                   is_nested ? "(" : "", child->text, is_nested ? ")" : "");
            if (text == NULL) {
                return out_of_memory(error);
            }
        }
        predicate->text = text;
    }
    return PENSTOCK_OK;
}

/* Copies what is understood; parts of one parent stand together because they were added so. */
static penstock_code finish(struct reading *reading, struct ps_predicate_list *list) {
    PS_TRY(list_left(reading, list));
    list->is_exact = list->left_count == 0 && reading->parts[0].predicate.is_exact;
    if (reading->parts[0].why != NULL) {
        return PENSTOCK_OK;
    }
    list->items = ps_arena_allocate(reading->scope->arena, reading->count, sizeof *list->items);
    if (list->items == NULL) {
        return out_of_memory(reading->error);
    }
    for (size_t i = 0; i < reading->count; i++) {
        struct part *part = &reading->parts[i];
        if (i > 0 && reading->parts[part->parent].why != NULL) {
            part->why = "its parent is not there";
        }
        if (part->why != NULL) {
            continue;
        }
        part->place = list->count++;
        list->items[part->place] = part->predicate;
        struct ps_predicate *parent = &list->items[reading->parts[part->parent].place];
        if (i > 0 && parent->first_child == 0) {
            parent->first_child = part->place;
        }
    }
    return write_texts(list, reading->scope->arena, reading->error);
}

penstock_code ps_predicate_read(const struct ps_predicate_scope *scope, yyjson_mut_val *condition,
                                struct ps_predicate_list *list_out, struct penstock_error *error) {
    *list_out = (struct ps_predicate_list){.is_exact = true};
    if (condition == NULL || !yyjson_mut_is_obj(condition)) {
        return PENSTOCK_OK;
    }
    struct reading reading PS_SCOPED(free_reading) = {.scope = scope, .error = error};
    PS_TRY(add_part(&reading, condition, false, 0));
    for (size_t i = 0; i < reading.count; i++) {
        if (reading.parts[i].node != NULL) {
            PS_TRY(read_part(&reading, i));
        }
    }
    drop_unknown(&reading);
    return finish(&reading, list_out);
}
