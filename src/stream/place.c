/* SPDX-License-Identifier: Apache-2.0
 *
 * place.c - carries penstock_row, the index of a record in its epoch, through a user's SELECT.
 *
 * A row that breaks a rule must lead back to the bytes it came from. So every SELECT on the way from the
 * stream to the top gets penstock_row as its last column, and stars on the way leave it out, which keeps
 * it there exactly once.
 */
#include "stream/run.h"

struct star_visit {
    yyjson_mut_doc *document;
    const char *carrier; /* what FROM calls the rows that have the column */
    bool failed;
};

static bool visit_star(yyjson_mut_val *node, void *context) {
    struct star_visit *visit = context;
    const char *class_name = ps_tree_member(node, "class");
    if (strcmp(class_name, "SUBQUERY") == 0) {
        return false; /* reads other tables */
    }
    if (strcmp(class_name, "STAR") != 0) {
        return true;
    }
    const char *relation = ps_tree_member(node, "relation_name");
    const bool has_pattern = yyjson_mut_is_obj(yyjson_mut_obj_get(node, "expr"));
    if (!has_pattern && (relation[0] == '\0' || ps_text_equal_nocase(relation, visit->carrier))) {
        yyjson_mut_val *list = yyjson_mut_obj_get(node, "exclude_list");
        if (!yyjson_mut_arr_add_str(visit->document, list, PS_ROW_COLUMN)) {
            visit->failed = true;
        }
    }
    return true;
}

static bool append_column(yyjson_mut_doc *document, yyjson_mut_val *select_list) {
    yyjson_mut_val *column = yyjson_mut_arr_add_obj(document, select_list);
    yyjson_mut_val *names = yyjson_mut_arr(document);
    return column != NULL && names != NULL &&
           yyjson_mut_obj_add_str(document, column, "class", "COLUMN_REF") &&
           yyjson_mut_obj_add_str(document, column, "type", "COLUMN_REF") &&
           yyjson_mut_obj_add_str(document, column, "alias", "") &&
           yyjson_mut_obj_add_uint(document, column, "query_location", UINT64_MAX) &&
           yyjson_mut_arr_add_str(document, names, PS_ROW_COLUMN) &&
           yyjson_mut_obj_add_val(document, column, "column_names", names);
}

penstock_code ps_place_carry(struct ps_tree *tree, const struct ps_shape *shape,
                             struct penstock_error *error) {
    yyjson_mut_doc *document = ps_tree_document(tree);
    for (size_t i = shape->path_count; i-- > 0;) {
        yyjson_mut_val *query = shape->path[i];
        struct star_visit visit = {.document = document, .carrier = ps_shape_carrier(shape, i)};
        yyjson_mut_val *select_list = yyjson_mut_obj_get(query, "select_list");
        ps_tree_visit(select_list, visit_star, &visit);
        if (visit.failed || !append_column(document, select_list)) {
            return ps_error_memory(error, "a statement");
        }
    }
    return PENSTOCK_OK;
}
