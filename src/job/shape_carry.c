/* SPDX-License-Identifier: Apache-2.0
 *
 * shape_carry.c - what of a stream comes out of a continuous SELECT as it went in.
 *
 * A key that identifies rows, or an event time that a join relies on, must be the stream's own column at the end:
 * renamed it may be, computed it may not. Every SELECT on the way is asked for the column: by name, or by a star.
 */
#include "job/shape.h"
#include "job/syntax.h"

/* --- how FROM calls the stream's rows -------------------------------------------------------------------------- */

struct carrier_search {
    yyjson_mut_val *query; /* the SELECT_NODE that brings the rows */
    const char *cte;       /* its name, if it is a CTE */
    yyjson_mut_val *found; /* what FROM holds */
};

static bool visit_from(yyjson_mut_val *node, void *context) {
    struct carrier_search *search = context;
    const bool is_query = ps_syntax_is(node, "SUBQUERY") && ps_syntax_query(node) == search->query;
    const bool is_cte = search->cte != NULL && ps_syntax_is(node, "BASE_TABLE") &&
                        ps_tree_member(node, "schema_name")[0] == '\0' &&
                        ps_text_equal_nocase(ps_tree_member(node, "table_name"), search->cte);
    if (search->found == NULL && (is_query || is_cte)) {
        search->found = node;
    }
    return search->found == NULL;
}

/* The name of the CTE, defined by one of `path`, whose query is `query`; or NULL. */
static const char *cte_of(yyjson_mut_val *const *path, size_t count, yyjson_mut_val *query) {
    for (size_t i = 0; i < count; i++) {
        size_t index, max;
        yyjson_mut_val *entry;
        yyjson_mut_val *map = yyjson_mut_obj_get(yyjson_mut_obj_get(path[i], "cte_map"), "map");
        yyjson_mut_arr_foreach(map, index, max, entry) {
            if (ps_syntax_query(entry) == query) {
                return ps_tree_member(entry, "key");
            }
        }
    }
    return NULL;
}

/* The table reference in path[index]'s FROM, or NULL. */
static yyjson_mut_val *carrier_node(const struct ps_shape *shape, size_t index) {
    if (index + 1 == shape->path_count) {
        return shape->stream.node;
    }
    struct carrier_search search = {.query = shape->path[index + 1],
                                    .cte = cte_of(shape->path, index + 1, shape->path[index + 1])};
    ps_tree_visit(yyjson_mut_obj_get(shape->path[index], "from_table"), visit_from, &search);
    return search.found;
}

const char *ps_shape_carrier(const struct ps_shape *shape, size_t index) {
    yyjson_mut_val *node = carrier_node(shape, index);
    return node == NULL                     ? ""
           : ps_syntax_is(node, "SUBQUERY") ? ps_tree_member(node, "alias")
                                            : ps_shape_alias(node);
}

/* --- one column ------------------------------------------------------------------------------------------------ */

static bool has_text(yyjson_mut_val *list, const char *name) {
    size_t index, max;
    yyjson_mut_val *value;
    yyjson_mut_arr_foreach(list, index, max, value) {
        const char *text =
            yyjson_mut_is_str(value) ? yyjson_mut_get_str(value) : ps_tree_member(value, "key");
        if (ps_text_equal_nocase(text, name)) {
            return true;
        }
    }
    return false;
}

/* What the star calls the column, or NULL: it does not have it. */
static const char *through_star(yyjson_mut_val *star, const char *carrier, const char *column) {
    const char *relation = ps_tree_member(star, "relation_name");
    if ((relation[0] != '\0' && !ps_text_equal_nocase(relation, carrier)) ||
        yyjson_mut_is_obj(yyjson_mut_obj_get(star, "expr")) ||
        has_text(yyjson_mut_obj_get(star, "exclude_list"), column) ||
        has_text(yyjson_mut_obj_get(star, "replace_list"), column) ||
        yyjson_mut_arr_size(yyjson_mut_obj_get(star, "qualified_exclude_list")) > 0) {
        return NULL;
    }
    size_t index, max;
    yyjson_mut_val *rename;
    yyjson_mut_arr_foreach(yyjson_mut_obj_get(star, "rename_list"), index, max, rename) {
        const char *before = ps_tree_member(yyjson_mut_obj_get(rename, "key"), "column");
        if (ps_text_equal_nocase(before, column)) {
            return ps_tree_member(rename, "value");
        }
    }
    return column;
}

static const char *through_item(yyjson_mut_val *item, const char *carrier, const char *column) {
    if (ps_syntax_is_class(item, "STAR")) {
        return through_star(item, carrier, column);
    }
    const char *name = ps_syntax_column(item);
    yyjson_mut_val *parts = yyjson_mut_obj_get(item, "column_names");
    const size_t count = yyjson_mut_arr_size(parts);
    const char *owner = count > 1 ? yyjson_mut_get_str(yyjson_mut_arr_get(parts, count - 2)) : NULL;
    if (name == NULL || !ps_text_equal_nocase(name, column) ||
        (owner != NULL && !ps_text_equal_nocase(owner, carrier))) {
        return NULL;
    }
    const char *alias = ps_tree_member(item, "alias");
    return alias[0] != '\0' ? alias : name;
}

const char *ps_shape_passed(const struct ps_shape *shape, size_t index, const char *column) {
    yyjson_mut_val *node = carrier_node(shape, index);
    if (node == NULL || yyjson_mut_arr_size(yyjson_mut_obj_get(node, "column_name_alias")) > 0) {
        return NULL;
    }
    const char *found = NULL;
    const char *carrier = ps_shape_carrier(shape, index);
    size_t position, max;
    yyjson_mut_val *item;
    yyjson_mut_arr_foreach(yyjson_mut_obj_get(shape->path[index], "select_list"), position, max, item) {
        found = found != NULL ? found : through_item(item, carrier, column);
    }
    return found;
}

const char *ps_shape_handed(const struct ps_shape *shape, const char *column) {
    const char *name = shape->join.node == NULL ? column : NULL;
    for (size_t i = shape->path_count; name != NULL && i-- > 0;) {
        name = ps_shape_passed(shape, i, name);
    }
    return name;
}
