/* SPDX-License-Identifier: Apache-2.0
 *
 * export_trees.h - the nodes of trees as questions about the columns of a formula, for formats that write them out.
 *
 * A feature of a one-hot group that a row has not is neither above nor below a limit: training has found out where
 * such rows go. So a split on it asks whether the row has the category, and, where a number stands beside it, also
 * how large that is. The branch for "yes" is called the first one; it may be the left or the right child.
 */
#ifndef PS_MODEL_EXPORT_TREES_H
#define PS_MODEL_EXPORT_TREES_H

#include "model/export_parts.h"
#include "model/trees.h"

/* Nodes that are written out as text at most; larger models are for formats that are not read by people. */
#define PS_EXPORT_TREE_NODES_MAX 100000
/* Splits above a leaf at most, as text: parsers limit how deep an expression may be. */
#define PS_EXPORT_TREE_DEPTH_MAX 200

enum ps_split_kind {
    PS_SPLIT_YES,      /* every row goes to the first branch */
    PS_SPLIT_BELOW,    /* the column's number, as float32, is below the limit */
    PS_SPLIT_IS,       /* the row has the category */
    PS_SPLIT_IS_BELOW, /* it has, and the number beside it, as float32, is below the limit */
    PS_SPLIT_IS_FROM,  /* it has, and that number is not below */
};
struct ps_split {
    enum ps_split_kind kind;
    bool is_right_first; /* rows for which it holds go to the right child */
    size_t column;       /* of the formula */
    size_t category;     /* of a group */
    double limit;
};
/* Which column of the formula a feature is, and which category of it. */
struct ps_split_place {
    size_t column, category;
};

/* For each feature; NULL: out of memory. */
const struct ps_split_place *ps_export_split_places(const struct ps_exporting *exporting);
struct ps_split ps_export_split(const struct ps_formula *formula, const struct ps_split_place *places,
                                const struct ps_tree_node *node);
/* Errors: UNSUPPORTED: too many nodes for the format, or too deep. */
penstock_code ps_export_trees_fit(const struct ps_trees_predictor *trees, const char *format,
                                  struct ps_arena *arena, struct penstock_error *error) PENSTOCK_MUST_USE;

/* The order in which a tree is written as nested text. */
enum ps_walk_event {
    PS_WALK_LEAF,
    PS_WALK_OPEN,    /* a split; its first branch follows */
    PS_WALK_BETWEEN, /* its second branch follows */
    PS_WALK_CLOSE,
    PS_WALK_END,
};
struct ps_tree_walk {
    const struct ps_formula *formula;
    const struct ps_split_place *places;
    const struct ps_tree_node *nodes;
    size_t stack[PS_EXPORT_TREE_DEPTH_MAX + 2]; /* node * 2 + 1 when its first branch is done */
    size_t depth;
    size_t next; /* node that is entered next, SIZE_MAX: go up */
};
void ps_export_walk(struct ps_tree_walk *walk, const struct ps_formula *formula,
                    const struct ps_split_place *places, const struct ps_tree_node *nodes);
/* node_out: of the tree; split_out: of PS_WALK_OPEN, PS_WALK_BETWEEN, PS_WALK_CLOSE. */
enum ps_walk_event ps_export_walk_next(struct ps_tree_walk *walk, size_t *node_out,
                                       struct ps_split *split_out);

#endif
