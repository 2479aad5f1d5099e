/* SPDX-License-Identifier: Apache-2.0
 *
 * export_onnx_trees.c - boosted trees as an ONNX graph that gives the same bits as penstock.
 *
 * TreeEnsembleRegressor compares in float32, as we do, but adds leaves up in an order of its own. So each tree is a
 * target of its own, which nothing is added to, and CumSum, which goes from left to right, adds them up in float32 in
 * the order of the trees. The sum before the first tree is a tree of one leaf. A category that a row has not is NaN,
 * which a node sends where training found it best. exp() is taken in double precision and rounded.
 */
#include <float.h>
#include <math.h>

#include "model/export_onnx.h"

/* The lists of one attribute each; a node's position in them is the same in all. */
struct forest {
    int64_t *trees, *nodes, *features, *lefts, *rights, *absent;
    float *limits;
    const char **modes;
    size_t node_count;
    int64_t *leaf_trees, *leaf_nodes, *leaf_targets;
    float *leaf_values;
    size_t leaf_count;
};

static const char *cast(struct ps_onnx_writer *writer, const char *value, enum ps_onnx_type type) {
    return ps_onnx_node_with(&writer->onnx, "Cast", value, NULL, "to", (int64_t)type);
}

/* To float32; what is too large for it stays finite. */
static const char *narrow(struct ps_onnx_writer *writer, const char *value) {
    struct ps_onnx *onnx = &writer->onnx;
    value = ps_onnx_node(onnx, "Min", value, ps_onnx_double(onnx, (double)FLT_MAX), NULL);
    value = ps_onnx_node(onnx, "Max", value, ps_onnx_double(onnx, -(double)FLT_MAX), NULL);
    return cast(writer, value, PS_ONNX_FLOAT);
}

/* rows x (features of the column), float32. NULL: it has none. */
static const char *write_column(struct ps_onnx_writer *writer, const struct ps_formula_column *column) {
    struct ps_onnx *onnx = &writer->onnx;
    if (!column->is_group) {
        return narrow(writer, writer->values[column->value]);
    }
    const char *hot = ps_export_onnx_hot(writer, column);
    if (hot == NULL) {
        return NULL;
    }
    const char *value = column->value == PS_NO_STEP ? cast(writer, ps_onnx_double(onnx, 1), PS_ONNX_FLOAT)
                                                    : narrow(writer, writer->values[column->value]);
    return ps_onnx_node(onnx, "Where", cast(writer, hot, PS_ONNX_BOOL), value,
                        cast(writer, ps_onnx_double(onnx, (double)NAN), PS_ONNX_FLOAT));
}

static penstock_code write_features(struct ps_onnx_writer *writer) {
    const struct ps_formula *formula = writer->formula;
    const char **parts =
        ps_arena_allocate(writer->exporting->arena, formula->column_count + 1, sizeof *parts);
    size_t count = 0;
    for (size_t c = 0; parts != NULL && c < formula->column_count; c++) {
        const char *part = write_column(writer, &formula->columns[c]);
        if (part != NULL) {
            parts[count++] = part;
        }
    }
    if (parts == NULL || writer->onnx.failed) {
        return ps_error_memory(writer->error, "an export");
    }
    if (count == 0) {
        return ps_export_refuse(writer->error, "ONNX", "a model without features");
    }
    writer->features = ps_onnx_concat(&writer->onnx, parts, count);
    return PENSTOCK_OK;
}

static bool allocate(struct ps_arena *arena, size_t count, struct forest *forest) {
    int64_t **lists[] = {&forest->trees,      &forest->nodes,        &forest->features,
                         &forest->lefts,      &forest->rights,       &forest->leaf_trees,
                         &forest->leaf_nodes, &forest->leaf_targets, &forest->absent};
    bool is_whole = true;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        *lists[i] = ps_arena_allocate(arena, count, sizeof(int64_t));
        is_whole = is_whole && *lists[i] != NULL;
    }
    forest->limits = ps_arena_allocate(arena, count, sizeof(float));
    forest->leaf_values = ps_arena_allocate(arena, count, sizeof(float));
    forest->modes = ps_arena_allocate(arena, count, sizeof *forest->modes);
    return is_whole && forest->limits != NULL && forest->leaf_values != NULL && forest->modes != NULL;
}

static void add_node(struct forest *forest, size_t tree, size_t place, const struct ps_tree_node *node) {
    const size_t n = forest->node_count++;
    const bool is_leaf = node->feature < 0;
    forest->trees[n] = (int64_t)tree;
    forest->nodes[n] = (int64_t)place;
    forest->features[n] = is_leaf ? 0 : node->feature;
    forest->modes[n] = is_leaf ? "LEAF" : "BRANCH_LT";
    forest->limits[n] = is_leaf ? 0 : node->value;
    forest->lefts[n] = is_leaf ? 0 : (int64_t)node->left;
    forest->rights[n] = is_leaf ? 0 : (int64_t)node->left + 1;
    forest->absent[n] = is_leaf ? 0 : (int64_t)node->absent_left;
    if (is_leaf) {
        const size_t leaf = forest->leaf_count++;
        forest->leaf_trees[leaf] = forest->leaf_targets[leaf] = (int64_t)tree;
        forest->leaf_nodes[leaf] = (int64_t)place;
        forest->leaf_values[leaf] = node->value;
    }
}

/* rows x (sums + trees): what each of them adds. */
static const char *write_leaves(struct ps_onnx_writer *writer, const struct ps_trees_predictor *trees) {
    const struct ps_tree_node base = {.value = trees->base, .feature = -1};
    struct forest forest = {0};
    if (!allocate(writer->exporting->arena, trees->starts[trees->tree_count] + trees->sum_count, &forest)) {
        writer->onnx.failed = true;
        return NULL;
    }
    for (size_t s = 0; s < trees->sum_count; s++) {
        add_node(&forest, s, 0, &base);
    }
    for (size_t t = 0; t < trees->tree_count; t++) {
        for (size_t n = trees->starts[t]; n < trees->starts[t + 1]; n++) {
            add_node(&forest, trees->sum_count + t, n - trees->starts[t], &trees->nodes[n]);
        }
    }
    const size_t count = forest.node_count, leaf_count = forest.leaf_count;
    const struct ps_onnx_list lists[] = {
        {.name = "nodes_treeids", .integers = forest.trees, .count = count},
        {.name = "nodes_nodeids", .integers = forest.nodes, .count = count},
        {.name = "nodes_featureids", .integers = forest.features, .count = count},
        {.name = "nodes_modes", .texts = forest.modes, .count = count},
        {.name = "nodes_values", .floats = forest.limits, .count = count},
        {.name = "nodes_truenodeids", .integers = forest.lefts, .count = count},
        {.name = "nodes_falsenodeids", .integers = forest.rights, .count = count},
        {.name = "nodes_missing_value_tracks_true", .integers = forest.absent, .count = count},
        {.name = "target_treeids", .integers = forest.leaf_trees, .count = leaf_count},
        {.name = "target_nodeids", .integers = forest.leaf_nodes, .count = leaf_count},
        {.name = "target_ids", .integers = forest.leaf_targets, .count = leaf_count},
        {.name = "target_weights", .floats = forest.leaf_values, .count = leaf_count},
    };
    return ps_onnx_trees(&writer->onnx, writer->features, trees->sum_count + trees->tree_count, lists,
                         sizeof lists / sizeof lists[0]);
}

/* rows x sums, float32 */
static const char *write_sums(struct ps_onnx_writer *writer, const struct ps_trees_predictor *trees) {
    struct ps_onnx *onnx = &writer->onnx;
    const int64_t round_count = (int64_t)(trees->tree_count / trees->sum_count);
    const int64_t by_round[] = {-1, round_count + 1, (int64_t)trees->sum_count};
    const int64_t by_sum[] = {-1, (int64_t)trees->sum_count};
    const int64_t axis = 1;
    const char *sums = write_leaves(writer, trees);
    sums = ps_onnx_node(onnx, "Reshape", sums, ps_onnx_integers(onnx, by_round, 3), NULL);
    sums = ps_onnx_node(onnx, "CumSum", sums, ps_onnx_integers(onnx, &axis, 1), NULL);
    sums = ps_onnx_node_with(onnx, "Gather", sums, ps_onnx_integers(onnx, &round_count, 1), "axis", 1);
    return ps_onnx_node(onnx, "Reshape", sums, ps_onnx_integers(onnx, by_sum, 2), NULL);
}

/* Rounded once, as expf() nearly always does. */
static const char *exponential(struct ps_onnx_writer *writer, const char *value) {
    value = ps_onnx_node(&writer->onnx, "Exp", cast(writer, value, PS_ONNX_DOUBLE), NULL, NULL);
    return cast(writer, value, PS_ONNX_FLOAT);
}

static penstock_code write_two(struct ps_onnx_writer *writer, const char *sum) {
    struct ps_onnx *onnx = &writer->onnx;
    const char *one = cast(writer, ps_onnx_double(onnx, 1), PS_ONNX_FLOAT);
    const char *share = exponential(writer, ps_onnx_node(onnx, "Neg", sum, NULL, NULL));
    share = ps_onnx_node(onnx, "Div", one, ps_onnx_node(onnx, "Add", share, one, NULL), NULL);
    share = cast(writer, share, PS_ONNX_DOUBLE);
    const char *both[] = {ps_onnx_node(onnx, "Sub", ps_onnx_double(onnx, 1), share, NULL), share};
    return ps_export_onnx_decide(writer, ps_onnx_concat(onnx, both, 2));
}

static penstock_code write_several(struct ps_onnx_writer *writer, const char *sums) {
    struct ps_onnx *onnx = &writer->onnx;
    const int64_t axis = 1;
    const char *axes = ps_onnx_integers(onnx, &axis, 1);
    const char *largest = ps_onnx_node(onnx, "ReduceMax", sums, axes, NULL);
    const char *shares = exponential(writer, ps_onnx_node(onnx, "Sub", sums, largest, NULL));
    const char *total = ps_onnx_node(onnx, "ReduceSum", cast(writer, shares, PS_ONNX_DOUBLE), axes, NULL);
    shares = ps_onnx_node(onnx, "Div", shares, cast(writer, total, PS_ONNX_FLOAT), NULL);
    return ps_export_onnx_decide(writer, cast(writer, shares, PS_ONNX_DOUBLE));
}

penstock_code ps_export_onnx_trees(struct ps_onnx_writer *writer, const struct ps_trees_predictor *trees) {
    struct ps_onnx *onnx = &writer->onnx;
    PS_TRY(write_features(writer));
    const char *sums = write_sums(writer, trees);
    switch (trees->link) {
    case PS_TREE_IDENTITY:
        ps_export_onnx_number(writer, ps_onnx_node(onnx, "Add", cast(writer, sums, PS_ONNX_DOUBLE),
                                                   ps_onnx_double(onnx, trees->offset), NULL));
        return PENSTOCK_OK;
    case PS_TREE_LOG:
        ps_export_onnx_number(writer, cast(writer, exponential(writer, sums), PS_ONNX_DOUBLE));
        return PENSTOCK_OK;
    case PS_TREE_LOGISTIC: return write_two(writer, sums);
    case PS_TREE_SOFTMAX: return write_several(writer, sums);
    }
    return PENSTOCK_OK;
}
