/* SPDX-License-Identifier: Apache-2.0
 *
 * trees.c - the predictor "trees": applying, writing and reading boosted trees.
 *
 * Rows are laid out as float32 in small blocks and every tree sees a block before the next tree does, so that its
 * nodes stay in the cache. A feature that a row does not have (a category of a one-hot group) is NaN there.
 */
#include "model/trees.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/check.h"

enum { BLOCK_ROWS = 64 };

/* Nodes of a stored model at most: a gigabyte of them. */
static const size_t node_count_max = (size_t)1 << 26;

static const char *const link_names[] = {"identity", "log", "logistic", "softmax"};

static const struct ps_trees_predictor *trees_of(const struct ps_predictor *predictor) {
    return (const struct ps_trees_predictor *)(const void *)predictor;
}

/* A number as XGBoost gets it: what is too large for a float32 stays finite. */
static float narrow(double value) {
    return value > (double)FLT_MAX ? FLT_MAX : value < -(double)FLT_MAX ? -FLT_MAX : (float)value;
}

static void lay_out(const struct ps_features *features, size_t begin, size_t count, float *block) {
    const size_t width = features->feature_count;
    for (size_t c = 0; c < features->column_count; c++) {
        const struct ps_feature_column *column = &features->columns[c];
        if (column->numbers != NULL) {
            for (size_t i = 0; i < count; i++) {
                block[i * width + column->feature] = narrow(column->numbers[begin + i]);
            }
            continue;
        }
        for (size_t s = 0; s < column->width; s++) {
            for (size_t i = 0; column->features[s] >= 0 && i < count; i++) {
                block[i * width + (size_t)column->features[s]] = NAN;
            }
        }
        for (size_t i = 0; i < count; i++) {
            const int32_t index = column->indexes[begin + i];
            if (index >= 0 && column->features[index] >= 0) {
                block[i * width + (size_t)column->features[index]] =
                    column->values == NULL ? 1 : narrow(column->values[begin + i]);
            }
        }
    }
}

static float leaf_of(const struct ps_tree_node *nodes, const float *row) {
    const struct ps_tree_node *node = nodes;
    while (node->feature >= 0) {
        const float value = row[node->feature];
        const bool goes_left = isnan(value) ? node->absent_left != 0 : value < node->value;
        node = nodes + node->left + (goes_left ? 0 : 1);
    }
    return node->value;
}

static void soften(const float *sums, size_t count, double *outputs) {
    float largest = sums[0];
    for (size_t s = 1; s < count; s++) {
        largest = fmaxf(largest, sums[s]);
    }
    double total = 0;
    for (size_t s = 0; s < count; s++) {
        const float share = expf(sums[s] - largest);
        outputs[s] = (double)share;
        total += (double)share;
    }
    for (size_t s = 0; s < count; s++) {
        outputs[s] = (double)((float)outputs[s] / (float)total);
    }
}

static void link_row(const struct ps_trees_predictor *trees, const float *sums, double *outputs) {
    float mean = 0;
    switch (trees->link) {
    case PS_TREE_IDENTITY: outputs[0] = trees->offset + (double)sums[0]; break;
    case PS_TREE_LOG: outputs[0] = (double)expf(sums[0]); break;
    case PS_TREE_LOGISTIC:
        mean = 1.0F / (expf(-sums[0]) + 1.0F);
        outputs[0] = 1 - (double)mean;
        outputs[1] = (double)mean;
        break;
    case PS_TREE_SOFTMAX: soften(sums, trees->sum_count, outputs); break;
    }
}

static penstock_code apply(const struct ps_predictor *predictor, const struct ps_features *features,
                           double *outputs_out, struct penstock_error *error) {
    const struct ps_trees_predictor *trees = trees_of(predictor);
    const size_t width = predictor->feature_count;
    const size_t rows_max = features->row_count < BLOCK_ROWS ? features->row_count : BLOCK_ROWS;
    float *memory PS_SCOPED(ps_release_scoped) =
        ps_allocate(rows_max * (width + trees->sum_count), sizeof(float));
    if (memory == NULL) {
        return ps_error_memory(error, "a prediction");
    }
    float *const sums = memory + rows_max * width;
    for (size_t begin = 0; begin < features->row_count; begin += BLOCK_ROWS) {
        const size_t left = features->row_count - begin;
        const size_t count = left < BLOCK_ROWS ? left : BLOCK_ROWS;
        lay_out(features, begin, count, memory);
        for (size_t i = 0; i < count * trees->sum_count; i++) {
            sums[i] = trees->base;
        }
        for (size_t t = 0; t < trees->tree_count; t++) {
            const struct ps_tree_node *nodes = trees->nodes + trees->starts[t];
            float *sum = sums + t % trees->sum_count;
            for (size_t i = 0; i < count; i++) {
                sum[i * trees->sum_count] += leaf_of(nodes, memory + i * width);
            }
        }
        for (size_t i = 0; i < count; i++) {
            link_row(trees, sums + i * trees->sum_count, outputs_out + (begin + i) * predictor->output_count);
        }
    }
    return PENSTOCK_OK;
}

static penstock_code write(const struct ps_predictor *predictor, yyjson_mut_doc *doc, yyjson_mut_val *object,
                           struct penstock_error *error) {
    (void)error;
    const struct ps_trees_predictor *trees = trees_of(predictor);
    (void)yyjson_mut_obj_add_str(doc, object, "link", link_names[trees->link]);
    (void)yyjson_mut_obj_add_real(doc, object, "offset", trees->offset);
    (void)yyjson_mut_obj_add_real(doc, object, "base", (double)trees->base);
    ps_predictor_write_numbers(doc, object, "gains", trees->gains, predictor->feature_count);
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, object, "trees");
    for (size_t t = 0; t < trees->tree_count; t++) {
        yyjson_mut_val *tree = yyjson_mut_arr_add_obj(doc, list);
        yyjson_mut_val *features = yyjson_mut_obj_add_arr(doc, tree, "features");
        yyjson_mut_val *values = yyjson_mut_obj_add_arr(doc, tree, "values");
        yyjson_mut_val *lefts = yyjson_mut_obj_add_arr(doc, tree, "lefts");
        yyjson_mut_val *absent = yyjson_mut_obj_add_arr(doc, tree, "absent_left");
        for (size_t n = trees->starts[t]; n < trees->starts[t + 1]; n++) {
            (void)yyjson_mut_arr_add_sint(doc, features, trees->nodes[n].feature);
            (void)yyjson_mut_arr_add_real(doc, values, (double)trees->nodes[n].value);
            (void)yyjson_mut_arr_add_uint(doc, lefts, trees->nodes[n].left);
            (void)yyjson_mut_arr_add_uint(doc, absent, trees->nodes[n].absent_left);
        }
    }
    return PENSTOCK_OK;
}

bool ps_trees_are_sound(const struct ps_trees_predictor *trees) {
    for (size_t t = 0; t < trees->tree_count; t++) {
        const struct ps_tree_node *nodes = trees->nodes + trees->starts[t];
        const size_t count = trees->starts[t + 1] - trees->starts[t];
        for (size_t n = 0; n < count; n++) {
            const bool is_leaf = nodes[n].feature < 0;
            /* children stand behind their parent, so that no walk can go in circles */
            if (!isfinite(nodes[n].value) ||
                (!is_leaf && ((size_t)nodes[n].feature >= trees->predictor.feature_count ||
                              nodes[n].left <= n || (size_t)nodes[n].left + 1 >= count))) {
                return false;
            }
        }
        if (count == 0) {
            return false;
        }
    }
    return isfinite(trees->offset) && isfinite(trees->base);
}

static void free_trees(struct ps_predictor *predictor) {
    struct ps_trees_predictor *trees = (struct ps_trees_predictor *)(void *)predictor;
    ps_release(trees->starts);
    ps_release(trees->nodes);
    ps_release(trees->gains);
    ps_release(trees);
}

penstock_code ps_trees_new(const struct ps_predictor *head, size_t tree_count, size_t node_count,
                           struct ps_trees_predictor **predictor_out, struct penstock_error *error) {
    struct ps_trees_predictor *trees = ps_allocate(1, sizeof *trees);
    if (trees == NULL) {
        return ps_error_memory(error, "trees");
    }
    trees->predictor = *head;
    trees->predictor.type = &ps_trees_predictor_type;
    trees->tree_count = tree_count;
    trees->starts = ps_allocate(tree_count + 1, sizeof *trees->starts);
    trees->nodes = ps_allocate(node_count + 1, sizeof *trees->nodes);
    trees->gains = ps_allocate(head->feature_count + 1, sizeof *trees->gains);
    if (trees->starts == NULL || trees->nodes == NULL || trees->gains == NULL) {
        free_trees(&trees->predictor);
        return ps_error_memory(error, "trees");
    }
    *predictor_out = trees;
    return PENSTOCK_OK;
}

static bool read_float(yyjson_val *value, float *number_out) {
    const double number = yyjson_is_num(value) ? yyjson_get_num(value) : (double)NAN;
    if (!(fabs(number) <= (double)FLT_MAX)) {
        return false;
    }
    *number_out = (float)number;
    return (double)*number_out == number;
}

/* The four lists of one tree, of the same length. */
static bool read_tree(yyjson_val *tree, struct ps_tree_node *nodes, size_t count) {
    static const char *const names[] = {"features", "values", "lefts", "absent_left"};
    yyjson_arr_iter iterators[4];
    for (size_t i = 0; i < 4; i++) {
        yyjson_val *list = yyjson_obj_get(tree, names[i]);
        if (yyjson_arr_size(list) != count || !yyjson_arr_iter_init(list, &iterators[i])) {
            return false;
        }
    }
    for (size_t n = 0; n < count; n++) {
        yyjson_val *feature = yyjson_arr_iter_next(&iterators[0]);
        yyjson_val *value = yyjson_arr_iter_next(&iterators[1]);
        yyjson_val *left = yyjson_arr_iter_next(&iterators[2]);
        yyjson_val *absent = yyjson_arr_iter_next(&iterators[3]);
        const int64_t index = yyjson_get_sint(feature);
        if (!yyjson_is_int(feature) || index < -1 || index > INT32_MAX || !yyjson_is_uint(left) ||
            yyjson_get_uint(left) > UINT32_MAX || !yyjson_is_uint(absent) || yyjson_get_uint(absent) > 1 ||
            !read_float(value, &nodes[n].value)) {
            return false;
        }
        nodes[n].feature = (int32_t)index;
        nodes[n].left = (uint32_t)yyjson_get_uint(left);
        nodes[n].absent_left = (uint32_t)yyjson_get_uint(absent);
    }
    return true;
}

static size_t sum_count_of(enum ps_task task, size_t link, size_t output_count) {
    switch (link) {
    case PS_TREE_IDENTITY:
    case PS_TREE_LOG: return task == PS_TASK_REGRESSION ? 1 : 0;
    case PS_TREE_LOGISTIC: return task == PS_TASK_BINARY ? 1 : 0;
    case PS_TREE_SOFTMAX: return task == PS_TASK_REGRESSION ? 0 : output_count;
    default: return 0;
    }
}

static penstock_code read_members(yyjson_val *object, struct ps_trees_predictor *trees,
                                  struct penstock_error *error) {
    yyjson_val *offset = yyjson_obj_get(object, "offset");
    trees->offset = yyjson_is_num(offset) ? yyjson_get_num(offset) : (double)NAN;
    if (!read_float(yyjson_obj_get(object, "base"), &trees->base) ||
        !ps_predictor_read_numbers(yyjson_obj_get(object, "gains"), trees->gains,
                                   trees->predictor.feature_count)) {
        return ps_predictor_damaged(error, "its trees have no base or no gains");
    }
    size_t index, count;
    yyjson_val *tree;
    yyjson_arr_foreach(yyjson_obj_get(object, "trees"), index, count, tree) {
        const size_t size = yyjson_arr_size(yyjson_obj_get(tree, "features"));
        trees->starts[index + 1] = trees->starts[index] + size;
        if (!read_tree(tree, trees->nodes + trees->starts[index], size)) {
            return ps_predictor_damaged(error, "a tree has not the nodes it needs");
        }
    }
    return ps_trees_are_sound(trees) ? PENSTOCK_OK : ps_predictor_damaged(error, "a tree leads nowhere");
}

static penstock_code read(yyjson_val *object, size_t feature_count, struct ps_predictor **predictor_out,
                          struct penstock_error *error) {
    struct ps_predictor head = {.feature_count = feature_count};
    PS_TRY(ps_predictor_read_head(object, &head.task, &head.output_count, error));
    size_t link = 0;
    while (link < sizeof link_names / sizeof link_names[0] &&
           !yyjson_equals_str(yyjson_obj_get(object, "link"), link_names[link])) {
        link++;
    }
    yyjson_val *list = yyjson_obj_get(object, "trees");
    const size_t sum_count = sum_count_of(head.task, link, head.output_count);
    if (sum_count == 0 || !yyjson_is_arr(list) || yyjson_arr_size(list) % sum_count != 0) {
        return ps_predictor_damaged(error, "its trees are not those of its task");
    }
    size_t index, count, node_count = 0;
    yyjson_val *tree;
    yyjson_arr_foreach(list, index, count, tree) {
        node_count += yyjson_arr_size(yyjson_obj_get(tree, "features"));
    }
    if (node_count > node_count_max) {
        return ps_predictor_damaged(error, "it has too many trees");
    }
    struct ps_trees_predictor *trees = NULL;
    PS_TRY(ps_trees_new(&head, yyjson_arr_size(list), node_count, &trees, error));
    trees->link = (enum ps_tree_link)link;
    trees->sum_count = sum_count;
    const penstock_code code = read_members(object, trees, error);
    if (code != PENSTOCK_OK) {
        free_trees(&trees->predictor);
        return code;
    }
    *predictor_out = &trees->predictor;
    return PENSTOCK_OK;
}

static const double *importances(const struct ps_predictor *predictor) {
    return trees_of(predictor)->gains;
}

const struct ps_predictor_type ps_trees_predictor_type = {"trees", apply,      write,
                                                          read,    free_trees, importances};
