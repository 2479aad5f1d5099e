/* SPDX-License-Identifier: Apache-2.0
 *
 * export_xgboost.c - boosted trees as the JSON in which XGBoost saves a model (that of 1.7; later ones read it).
 *
 * It holds trees and the names of columns, no transforms: every feature must be a column as it is. What trees were
 * learnt from but do not predict with (gains, sums of second derivatives) is 0. A label's shift goes into the base
 * score, which is a float32: a sum differs by its rounding.
 */
#include <math.h>
#include <stdio.h>

#include "model/export_parts.h"
#include "model/trees.h"

/* Rows of a tree's lists: what a node has in each. */
enum list { LEFTS, RIGHTS, PARENTS, FEATURES, ABSENT };

static int64_t value_of(const struct ps_tree_node *node, uint32_t parent, enum list list) {
    const bool is_leaf = node->feature < 0;
    switch (list) {
    case LEFTS: return is_leaf ? -1 : (int64_t)node->left;
    case RIGHTS: return is_leaf ? -1 : (int64_t)node->left + 1;
    case PARENTS: return (int64_t)parent;
    case FEATURES: return is_leaf ? 0 : node->feature;
    case ABSENT: return is_leaf ? 0 : (int64_t)node->absent_left;
    }
    return 0;
}

/* zero: "0" in a list of whole numbers, "0.0" in one of others, which XGBoost tells apart. */
static void add_zeros(struct ps_buffer *out, const char *name, const char *zero, size_t count) {
    ps_buffer_printf(out, "\"%s\":[", name);
    for (size_t n = 0; n < count; n++) {
        ps_buffer_printf(out, "%s%s", n == 0 ? "" : ",", zero);
    }
    ps_buffer_text(out, "],");
}

static void add_tree(const struct ps_trees_predictor *trees, size_t tree, uint32_t *parents,
                     struct ps_buffer *out) {
    static const char *const names[] = {"left_children", "right_children", "parents", "split_indices",
                                        "default_left"};
    const struct ps_tree_node *nodes = trees->nodes + trees->starts[tree];
    const size_t count = trees->starts[tree + 1] - trees->starts[tree];
    parents[0] = 2147483647; /* XGBoost's word for none */
    for (size_t n = 0; n < count; n++) {
        if (nodes[n].feature >= 0) {
            parents[nodes[n].left] = parents[nodes[n].left + 1] = (uint32_t)n;
        }
    }
    ps_buffer_printf(out, "%s{\"id\":%zu,", tree == 0 ? "" : ",", tree);
    for (size_t list = 0; list < 5; list++) {
        ps_buffer_printf(out, "\"%s\":[", names[list]);
        for (size_t n = 0; n < count; n++) {
            ps_buffer_printf(out, "%s%lld", n == 0 ? "" : ",",
                             (long long)value_of(&nodes[n], parents[n], (enum list)list));
        }
        ps_buffer_text(out, "],");
    }
    ps_buffer_text(out, "\"split_conditions\":[");
    for (size_t n = 0; n < count; n++) {
        ps_buffer_printf(out, "%s%.8e", n == 0 ? "" : ",", (double)nodes[n].value);
    }
    ps_buffer_text(out, "],");
    add_zeros(out, "split_type", "0", count);
    add_zeros(out, "base_weights", "0.0", count);
    add_zeros(out, "loss_changes", "0.0", count);
    add_zeros(out, "sum_hessian", "0.0", count);
    ps_buffer_printf(out,
                     "\"categories\":[],\"categories_nodes\":[],\"categories_segments\":[],"
                     "\"categories_sizes\":[],\"tree_param\":{\"num_deleted\":\"0\",\"num_feature\":\"%zu\","
                     "\"num_nodes\":\"%zu\",\"size_leaf_vector\":\"0\"}}",
                     trees->predictor.feature_count, count);
}

/* What XGBoost's objective makes of a sum; its base score is what the base sum becomes. */
static void add_objective(const struct ps_trees_predictor *trees, struct ps_buffer *out) {
    const double base = (double)trees->base;
    double score = base;
    char name[160] = "";
    switch (trees->link) {
    case PS_TREE_IDENTITY:
        score = trees->offset + base;
        (void)snprintf(name, sizeof name,
                       "\"reg:squarederror\",\"reg_loss_param\":{\"scale_pos_weight\":\"1\"}");
        break;
    case PS_TREE_LOG:
        score = exp(base);
        (void)snprintf(name, sizeof name,
                       "\"count:poisson\",\"poisson_regression_param\":{\"max_delta_step\":\"0.699999988\"}");
        break;
    case PS_TREE_LOGISTIC:
        score = 1 / (1 + exp(-base));
        (void)snprintf(name, sizeof name,
                       "\"binary:logistic\",\"reg_loss_param\":{\"scale_pos_weight\":\"1\"}");
        break;
    case PS_TREE_SOFTMAX:
        (void)snprintf(name, sizeof name,
                       "\"multi:softprob\",\"softmax_multiclass_param\":{\"num_class\":\"%zu\"}",
                       trees->sum_count);
        break;
    }
    ps_buffer_printf(out,
                     "\"learner_model_param\":{\"base_score\":\"%.9g\",\"boost_from_average\":\"1\","
                     "\"num_class\":\"%zu\",\"num_feature\":\"%zu\",\"num_target\":\"1\"},"
                     "\"objective\":{\"name\":%s}",
                     score, trees->sum_count > 1 ? trees->sum_count : 0, trees->predictor.feature_count,
                     name);
}

/* Every feature a column of the rows, as it is? */
static penstock_code check_plain(const struct ps_exporting *exporting, struct penstock_error *error) {
    const struct ps_formula *formula = exporting->formula;
    for (size_t c = 0; c < formula->column_count; c++) {
        const struct ps_formula_column *column = &formula->columns[c];
        const size_t step = column->is_group ? column->parts[0].step : column->value;
        if (column->is_group || formula->steps[step].op != PS_FORMULA_NUMBER) {
            (void)ps_error_set(error, PENSTOCK_UNSUPPORTED,
                               "XGBoost's own format has no transforms, and the model reads what %s makes",
                               ps_export_maker(exporting, step));
            return ps_error_hint(error, "ONNX, PMML and SQL can say it");
        }
    }
    return PENSTOCK_OK;
}

penstock_code ps_export_xgboost(const struct ps_exporting *exporting, struct ps_buffer *out,
                                struct penstock_error *error) {
    if (exporting->predictor->type != &ps_trees_predictor_type) {
        return ps_export_refuse(error, "XGBoost's format", ps_export_estimator(exporting));
    }
    PS_TRY(check_plain(exporting, error));
    const struct ps_trees_predictor *trees =
        (const struct ps_trees_predictor *)(const void *)exporting->predictor;
    const struct ps_formula *formula = exporting->formula;
    uint32_t *parents =
        ps_arena_allocate(exporting->arena, trees->starts[trees->tree_count] + 1, sizeof *parents);
    if (parents == NULL) {
        return ps_error_memory(error, "an export");
    }
    ps_buffer_text(out, "{\"learner\":{\"attributes\":{},\"feature_names\":[");
    for (size_t c = 0; c < formula->column_count; c++) {
        const char *name = formula->steps[formula->columns[c].value].name;
        ps_buffer_text(out, c == 0 ? "" : ",");
        ps_buffer_json(out, name, strlen(name));
    }
    ps_buffer_text(out, "],\"feature_types\":[");
    for (size_t c = 0; c < formula->column_count; c++) {
        ps_buffer_text(out, c == 0 ? "\"float\"" : ",\"float\"");
    }
    ps_buffer_printf(out,
                     "],\"gradient_booster\":{\"model\":{\"gbtree_model_param\":{\"num_parallel_tree\":\"1\","
                     "\"num_trees\":\"%zu\",\"size_leaf_vector\":\"0\"},\"tree_info\":[",
                     trees->tree_count);
    for (size_t t = 0; t < trees->tree_count; t++) {
        ps_buffer_printf(out, "%s%zu", t == 0 ? "" : ",", t % trees->sum_count);
    }
    ps_buffer_text(out, "],\"trees\":[");
    for (size_t t = 0; t < trees->tree_count; t++) {
        add_tree(trees, t, parents, out);
    }
    ps_buffer_text(out, "]},\"name\":\"gbtree\"},");
    add_objective(trees, out);
    ps_buffer_text(out, "},\"version\":[1,7,4]}\n");
    return ps_buffer_status(out, error);
}
