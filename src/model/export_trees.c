/* SPDX-License-Identifier: Apache-2.0
 *
 * export_trees.c - splits as questions, and a tree in the order of nested text, without recursion.
 */
#include "model/export_trees.h"

#include "base/check.h"

const struct ps_split_place *ps_export_split_places(const struct ps_exporting *exporting) {
    const struct ps_formula *formula = exporting->formula;
    struct ps_split_place *places =
        ps_arena_allocate(exporting->arena, formula->feature_count + 1, sizeof *places);
    for (size_t c = 0; places != NULL && c < formula->column_count; c++) {
        const struct ps_formula_column *column = &formula->columns[c];
        if (!column->is_group) {
            places[column->feature] = (struct ps_split_place){c, 0};
            continue;
        }
        for (size_t i = 0; i < column->width; i++) {
            if (column->features[i] >= 0) {
                places[column->features[i]] = (struct ps_split_place){c, i};
            }
        }
    }
    return places;
}

struct ps_split ps_export_split(const struct ps_formula *formula, const struct ps_split_place *places,
                                const struct ps_tree_node *node) {
    const struct ps_split_place place = places[node->feature];
    const struct ps_formula_column *column = &formula->columns[place.column];
    struct ps_split split = {.kind = PS_SPLIT_BELOW,
                             .column = place.column,
                             .category = place.category,
                             .limit = (double)node->value};
    const bool absent_left = node->absent_left != 0;
    if (column->is_group && column->value != PS_NO_STEP) {
        /* not there, or below: the rest is there and not below */
        split.kind = absent_left ? PS_SPLIT_IS_FROM : PS_SPLIT_IS_BELOW;
        split.is_right_first = absent_left;
    } else if (column->is_group) {
        const bool present_left = 1.0F < node->value;
        split.kind = present_left == absent_left ? PS_SPLIT_YES : PS_SPLIT_IS;
        split.is_right_first = !present_left;
    }
    return split;
}

penstock_code ps_export_trees_fit(const struct ps_trees_predictor *trees, const char *format,
                                  struct ps_arena *arena, struct penstock_error *error) {
    const size_t node_count = trees->starts[trees->tree_count];
    if (node_count > PS_EXPORT_TREE_NODES_MAX) {
        return ps_error_set(error, PENSTOCK_UNSUPPORTED,
                            "%s would have to spell out %zu nodes of trees, more than %d: take ONNX", format,
                            node_count, PS_EXPORT_TREE_NODES_MAX);
    }
    uint32_t *depths = ps_arena_allocate(arena, node_count + 1, sizeof *depths);
    if (depths == NULL) {
        return ps_error_memory(error, "an export");
    }
    for (size_t t = 0; t < trees->tree_count; t++) {
        uint32_t *of_tree = depths + trees->starts[t];
        const size_t count = trees->starts[t + 1] - trees->starts[t];
        for (size_t n = 0; n < count; n++) { /* children stand behind their parent */
            const struct ps_tree_node *node = &trees->nodes[trees->starts[t] + n];
            if (of_tree[n] > PS_EXPORT_TREE_DEPTH_MAX) {
                return ps_error_set(
                    error, PENSTOCK_UNSUPPORTED,
                    "%s cannot nest splits more than %d deep, a tree of the model does: take ONNX", format,
                    PS_EXPORT_TREE_DEPTH_MAX);
            }
            if (node->feature >= 0) {
                of_tree[node->left] = of_tree[node->left + 1] = of_tree[n] + 1;
            }
        }
    }
    return PENSTOCK_OK;
}

void ps_export_walk(struct ps_tree_walk *walk, const struct ps_formula *formula,
                    const struct ps_split_place *places, const struct ps_tree_node *nodes) {
    walk->formula = formula;
    walk->places = places;
    walk->nodes = nodes;
    walk->depth = 0;
    walk->next = 0;
}

static size_t branch(const struct ps_tree_node *node, bool is_right) {
    return node->left + (is_right ? 1 : 0);
}

enum ps_walk_event ps_export_walk_next(struct ps_tree_walk *walk, size_t *node_out,
                                       struct ps_split *split_out) {
    if (walk->next != SIZE_MAX) {
        const size_t at = walk->next;
        const struct ps_tree_node *node = &walk->nodes[at];
        *node_out = at;
        if (node->feature < 0) {
            walk->next = SIZE_MAX;
            return PS_WALK_LEAF;
        }
        ps_check(walk->depth < sizeof walk->stack / sizeof walk->stack[0]);
        *split_out = ps_export_split(walk->formula, walk->places, node);
        walk->stack[walk->depth++] = at * 2;
        walk->next = branch(node, split_out->is_right_first);
        return PS_WALK_OPEN;
    }
    if (walk->depth == 0) {
        return PS_WALK_END;
    }
    size_t *const top = &walk->stack[walk->depth - 1];
    const struct ps_tree_node *node = &walk->nodes[*top / 2];
    *node_out = *top / 2;
    *split_out = ps_export_split(walk->formula, walk->places, node);
    if (*top % 2 == 0) {
        *top += 1;
        walk->next = branch(node, !split_out->is_right_first);
        return PS_WALK_BETWEEN;
    }
    walk->depth--;
    return PS_WALK_CLOSE;
}
