/* SPDX-License-Identifier: Apache-2.0
 *
 * reads.c - which columns of a source any statement reads.
 *
 * By name, over the whole tree of each statement that streams from the source: a column counts as read when its
 * name stands anywhere, when a star, the row as a whole or a number may stand for it, or when a join finds it by
 * itself. Too many is safe.
 */
#include "job/analysis.h"
#include "job/syntax.h"

struct marking {
    struct ps_node *source;
    const struct ps_item *item; /* the statement */
};

static void mark(struct ps_node *source, const char *name) {
    for (size_t i = 0; name != NULL && i < source->column_count; i++) {
        if (ps_text_equal_nocase(source->column_names[i], name)) {
            source->column_is_read[i] = true;
        }
    }
}

static void mark_strings(struct ps_node *source, yyjson_mut_val *list) {
    size_t index, max;
    yyjson_mut_val *value;
    yyjson_mut_arr_foreach(list, index, max, value) {
        mark(source, yyjson_mut_get_str(value));
    }
}

static bool is_in(yyjson_mut_val *list, const char *name) {
    size_t index, max;
    yyjson_mut_val *value;
    yyjson_mut_arr_foreach(list, index, max, value) {
        const char *text = yyjson_mut_get_str(value);
        if (text != NULL && ps_text_equal_nocase(text, name)) {
            return true;
        }
    }
    return false;
}

/* Everything but what the star itself leaves out; NULL: everything. */
static void mark_star(struct ps_node *source, yyjson_mut_val *star) {
    yyjson_mut_val *excluded = yyjson_mut_obj_get(star, "exclude_list");
    for (size_t i = 0; i < source->column_count; i++) {
        source->column_is_read[i] = source->column_is_read[i] || !is_in(excluded, source->column_names[i]);
    }
}

/* `SELECT to_json(s) FROM STREAM s`: a name that FROM gives to rows is the row as a whole. */
static bool is_row(const struct ps_item *item, yyjson_mut_val *reference) {
    const char *name = ps_syntax_column(reference);
    const struct ps_shape *shape = &item->shape;
    if (name == NULL || yyjson_mut_arr_size(yyjson_mut_obj_get(reference, "column_names")) != 1) {
        return false;
    }
    bool is_one =
        shape->join.node != NULL && ps_text_equal_nocase(ps_shape_alias(shape->join.partner.node), name);
    for (size_t i = 0; i < shape->path_count; i++) {
        is_one = is_one || ps_text_equal_nocase(ps_shape_carrier(shape, i), name);
    }
    return is_one;
}

static bool visit(yyjson_mut_val *node, void *context) {
    struct marking *marking = context;
    const bool is_renamed = ps_syntax_is(node, "BASE_TABLE") &&
                            yyjson_mut_arr_size(yyjson_mut_obj_get(node, "column_name_alias")) > 0;
    if (is_renamed || ps_syntax_is_class(node, "POSITIONAL_REFERENCE") || is_row(marking->item, node)) {
        mark_star(marking->source, NULL);
    }
    if (ps_syntax_is_class(node, "COLUMN_REF")) {
        mark_strings(marking->source, yyjson_mut_obj_get(node, "column_names"));
    } else if (ps_syntax_is_class(node, "STAR")) {
        mark_star(marking->source, node);
    } else if (strncmp(ps_tree_member(node, "function_name"), "penstock_predict", 16) == 0 ||
               ps_text_equal_nocase(ps_tree_member(node, "function_name"), "predict_proba")) {
        mark_star(marking->source, NULL); /* its row may be the whole table */
    } else if (ps_syntax_is(node, "JOIN")) {
        mark_strings(marking->source, yyjson_mut_obj_get(node, "using_columns"));
        if (strcmp(ps_tree_member(node, "ref_type"), "NATURAL") == 0) {
            mark_star(marking->source, NULL);
        }
    }
    return true;
}

penstock_code ps_reads_find(struct ps_analysis *analysis) {
    for (size_t i = 0; i < analysis->item_count; i++) {
        struct ps_node *node = &analysis->items[i].node;
        if (node->kind == PS_NODE_SOURCE) {
            node->column_is_read =
                ps_arena_allocate(analysis->arena, node->column_count + 1, sizeof *node->column_is_read);
            if (node->column_is_read == NULL) {
                return ps_error_memory(analysis->error, "the graph");
            }
            mark(node, node->statement->as.source.watermark_column);
        }
    }
    for (size_t i = 0; i < analysis->item_count; i++) {
        const struct ps_item *item = &analysis->items[i];
        for (size_t j = 0; j < item->node.input_count; j++) {
            struct ps_node *input = &analysis->items[item->node.inputs[j]].node;
            if (item->node.input_is_stream[j] && input->kind == PS_NODE_SOURCE) {
                struct marking marking = {input, item};
                ps_tree_visit(ps_tree_root(item->tree), visit, &marking);
            }
        }
    }
    return PENSTOCK_OK;
}
