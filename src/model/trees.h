/* SPDX-License-Identifier: Apache-2.0
 *
 * trees.h - boosted regression trees as a predictor: the result of GradientBoostedTrees.
 *
 * Trees are learnt by XGBoost and applied here: no library is needed to predict, nothing is shared between threads,
 * and a stored model is checked before it is believed. The arithmetic is XGBoost's to the bit: a row is compared in
 * float32, leaves are added up in float32 in the order of the trees.
 */
#ifndef PS_MODEL_TREES_H
#define PS_MODEL_TREES_H

#include "model/predictor.h"

/* What the sum of a row's leaves becomes. */
enum ps_tree_link { PS_TREE_IDENTITY, PS_TREE_LOG, PS_TREE_LOGISTIC, PS_TREE_SOFTMAX };

struct ps_tree_node {
    float value;          /* of a leaf: what it adds; else rows below it go left */
    int32_t feature;      /* -1: a leaf */
    uint32_t left;        /* of the same tree; the right one follows it; both behind their parent */
    uint32_t absent_left; /* where a row without the feature goes: a category that it has not */
};
struct ps_trees_predictor {
    struct ps_predictor predictor;
    enum ps_tree_link link;
    double offset;    /* is added to the outcome of a regression */
    float base;       /* a sum before the first tree */
    size_t sum_count; /* 1, or the number of classes: tree t belongs to sum t % sum_count */
    size_t tree_count;
    size_t *starts; /* tree_count + 1: first node of each tree */
    struct ps_tree_node *nodes;
    double *gains; /* feature_count: how much splits on a feature lowered the loss, shares of 1 */
};

struct ps_trees_origin {
    enum ps_task task;
    enum ps_tree_link link;
    double offset;
    size_t feature_count, class_count;
    size_t round_count; /* rounds that are kept, from the first; 0: all */
};
/* From XGBoost's JSON. Errors: INVALID_DATA, OUT_OF_MEMORY. */
penstock_code ps_trees_from_xgboost(const char *json, size_t size, const struct ps_trees_origin *origin,
                                    struct ps_trees_predictor **predictor_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* Empty trees, to be filled. Free with ps_predictor_free(). */
penstock_code ps_trees_new(const struct ps_predictor *head, size_t tree_count, size_t node_count,
                           struct ps_trees_predictor **predictor_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* Does every path through every tree end in a leaf, and is every feature one of the model's? */
bool ps_trees_are_sound(const struct ps_trees_predictor *trees);

#endif
