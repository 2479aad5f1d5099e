/* SPDX-License-Identifier: Apache-2.0
 *
 * trees_import.c - trees from the JSON in which XGBoost saves a model.
 *
 * Its nodes are numbered anew, level by level: the two children of a node stand side by side and behind it.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/option.h"
#include "model/model.h"
#include "model/trees.h"

struct import {
    const struct ps_trees_origin *origin;
    yyjson_val *trees; /* a list */
    size_t tree_count;
    int64_t *queue;     /* of one tree: its node for each of ours */
    size_t queue_count; /* capacity */
};

/* Lists of one tree; yyjson's lists are read in order only, so nodes are copied first. */
struct source {
    double *lefts, *rights, *indices, *conditions, *absent, *changes;
    size_t count;
};

static penstock_code strange(struct penstock_error *error, const char *what) {
    return ps_error_set(error, PENSTOCK_INVALID_DATA, "XGBoost's model is not as expected: %s", what);
}

static bool copy_list(yyjson_val *tree, const char *name, double *numbers_out, size_t count) {
    yyjson_val *list = yyjson_obj_get(tree, name);
    if (yyjson_arr_size(list) != count) {
        return false;
    }
    size_t index, size;
    yyjson_val *value;
    yyjson_arr_foreach(list, index, size, value) {
        numbers_out[index] = yyjson_is_bool(value) ? (double)yyjson_get_bool(value) : yyjson_get_num(value);
    }
    return true;
}

static bool copy_tree(yyjson_val *tree, double *memory, struct source *source) {
    const size_t count = yyjson_arr_size(yyjson_obj_get(tree, "left_children"));
    *source = (struct source){.lefts = memory,
                              .rights = memory + count,
                              .indices = memory + 2 * count,
                              .conditions = memory + 3 * count,
                              .absent = memory + 4 * count,
                              .changes = memory + 5 * count,
                              .count = count};
    return count > 0 && copy_list(tree, "left_children", source->lefts, count) &&
           copy_list(tree, "right_children", source->rights, count) &&
           copy_list(tree, "split_indices", source->indices, count) &&
           copy_list(tree, "split_conditions", source->conditions, count) &&
           copy_list(tree, "default_left", source->absent, count) &&
           copy_list(tree, "loss_changes", source->changes, count);
}

/* Takes the source's nodes level by level; false: it is no tree. */
static bool take_tree(struct import *import, const struct source *source, struct ps_trees_predictor *trees,
                      size_t tree) {
    struct ps_tree_node *nodes = trees->nodes + trees->starts[tree];
    size_t count = 1;
    import->queue[0] = 0;
    for (size_t n = 0; n < count; n++) {
        const size_t from = (size_t)import->queue[n];
        const double left = source->lefts[from], right = source->rights[from];
        nodes[n] = (struct ps_tree_node){.value = (float)source->conditions[from], .feature = -1};
        if (left < 0) {
            continue;
        }
        const bool is_inside = left < (double)source->count && right > 0 && right < (double)source->count &&
                               source->indices[from] >= 0 &&
                               source->indices[from] < (double)trees->predictor.feature_count;
        if (!is_inside || count + 2 > source->count) {
            return false;
        }
        nodes[n].feature = (int32_t)source->indices[from];
        nodes[n].left = (uint32_t)count;
        nodes[n].absent_left = source->absent[from] != 0 ? 1 : 0;
        trees->gains[nodes[n].feature] += source->changes[from];
        import->queue[count++] = (int64_t)left;
        import->queue[count++] = (int64_t)right;
    }
    trees->starts[tree + 1] = trees->starts[tree] + count;
    return true;
}

/* A probability or a mean as XGBoost keeps it; the sum before the first tree. */
static bool read_base(yyjson_val *learner, enum ps_tree_link link, float *base_out) {
    const char *text =
        yyjson_get_str(yyjson_obj_get(yyjson_obj_get(learner, "learner_model_param"), "base_score"));
    double number = 0;
    if (text == NULL || !ps_parse_double(text, &number)) {
        return false;
    }
    const float score = (float)number;
    *base_out = link == PS_TREE_LOGISTIC ? -logf(1.0F / score - 1.0F)
                : link == PS_TREE_LOG    ? logf(score)
                                         : score;
    return isfinite(*base_out);
}

static void share_gains(struct ps_trees_predictor *trees) {
    double total = 0;
    for (size_t j = 0; j < trees->predictor.feature_count; j++) {
        trees->gains[j] = isfinite(trees->gains[j]) && trees->gains[j] > 0 ? trees->gains[j] : 0;
        total += trees->gains[j];
    }
    for (size_t j = 0; total > 0 && j < trees->predictor.feature_count; j++) {
        trees->gains[j] /= total;
    }
}

static penstock_code take_trees(struct import *import, struct ps_trees_predictor *trees,
                                struct penstock_error *error) {
    double *memory PS_SCOPED(ps_release_scoped) = ps_allocate(6 * import->queue_count, sizeof(double));
    if (memory == NULL) {
        return ps_error_memory(error, "trees");
    }
    size_t index, count;
    yyjson_val *tree;
    yyjson_arr_foreach(import->trees, index, count, tree) {
        struct source source;
        if (index == import->tree_count) {
            break;
        }
        if (!copy_tree(tree, memory, &source) || !take_tree(import, &source, trees, index)) {
            return strange(error, "a tree has not the nodes it needs");
        }
    }
    share_gains(trees);
    return ps_trees_are_sound(trees) ? PENSTOCK_OK : strange(error, "a tree leads nowhere");
}

static penstock_code import_model(struct import *import, yyjson_val *learner,
                                  struct ps_trees_predictor **predictor_out, struct penstock_error *error) {
    const struct ps_trees_origin *origin = import->origin;
    const size_t sum_count = origin->link == PS_TREE_SOFTMAX ? origin->class_count : 1;
    const size_t kept = origin->round_count * sum_count;
    import->tree_count = yyjson_arr_size(import->trees);
    if (import->tree_count % sum_count != 0) {
        return strange(error, "there are not as many trees as classes");
    }
    if (kept > 0 && kept < import->tree_count) {
        import->tree_count = kept;
    }
    size_t node_count = 0, index, count;
    yyjson_val *tree;
    yyjson_arr_foreach(import->trees, index, count, tree) {
        const size_t size = yyjson_arr_size(yyjson_obj_get(tree, "left_children"));
        node_count += index < import->tree_count ? size : 0;
        import->queue_count = size > import->queue_count ? size : import->queue_count;
    }
    const struct ps_predictor head = {
        .task = origin->task,
        .feature_count = origin->feature_count,
        .output_count = origin->task == PS_TASK_REGRESSION ? 1 : origin->class_count,
    };
    struct ps_trees_predictor *trees = NULL;
    PS_TRY(ps_trees_new(&head, import->tree_count, node_count, &trees, error));
    trees->link = origin->link;
    trees->offset = origin->offset;
    trees->sum_count = sum_count;
    import->queue = ps_allocate(import->queue_count + 1, sizeof *import->queue);
    penstock_code code = PENSTOCK_OK;
    if (import->queue == NULL) {
        code = ps_error_memory(error, "trees");
    } else if (!read_base(learner, origin->link, &trees->base)) {
        code = strange(error, "it has no base score");
    } else {
        code = take_trees(import, trees, error);
    }
    ps_release(import->queue);
    if (code != PENSTOCK_OK) {
        ps_predictor_free(&trees->predictor);
        return code;
    }
    *predictor_out = trees;
    return PENSTOCK_OK;
}

penstock_code ps_trees_from_xgboost(const char *json, size_t size, const struct ps_trees_origin *origin,
                                    struct ps_trees_predictor **predictor_out, struct penstock_error *error) {
    yyjson_read_err cause = {0};
    /* the text is not changed: the flag that would say so is not given */
    yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)json, size, YYJSON_READ_ALLOW_INF_AND_NAN,
                                       &ps_model_allocator, &cause);
    if (doc == NULL) {
        return cause.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION ? ps_error_memory(error, "trees")
                                                                 : strange(error, cause.msg);
    }
    yyjson_val *learner = yyjson_obj_get(yyjson_doc_get_root(doc), "learner");
    yyjson_val *model = yyjson_obj_get(yyjson_obj_get(learner, "gradient_booster"), "model");
    struct import import = {.origin = origin, .trees = yyjson_obj_get(model, "trees")};
    const penstock_code code = yyjson_is_arr(import.trees)
                                   ? import_model(&import, learner, predictor_out, error)
                                   : strange(error, "it has no trees");
    yyjson_doc_free(doc);
    return code;
}
