/* SPDX-License-Identifier: Apache-2.0
 *
 * export_spark_trees.c - boosted trees as Spark's GBTRegressionModel and GBTClassificationModel.
 *
 * Spark sends a row left when its double is at most the split's; penstock when it, as a float32, is below the limit.
 * The two ask the same once the split is the largest double that float32 rounds to something below the limit. A
 * category that a row has not is 0 in Spark's vector: a split on it is at 0.5, with the branches that fit. Leaves are
 * added up in double precision, so that sums differ from penstock's by float32's rounding. The sum before the first
 * tree is a tree of one leaf. Spark's probability is the logistic function of twice its sum: trees weigh a half there.
 * Spark has no boosted trees of several classes: then each class has a model of its own, and SQL makes shares of them.
 */
#include <math.h>

#include "model/export_spark.h"
#include "model/export_trees.h"

/* The largest double that is, as a float32, below the limit. */
static double greatest_below(float limit) {
    const double below = (double)nextafterf(limit, -INFINITY);
    const double middle = below + ((double)limit - below) / 2; /* float32s are far enough apart for it */
    return (float)middle < limit ? middle : nextafter(middle, -INFINITY);
}

static penstock_code convert(struct ps_spark_writer *writer, const struct ps_split_place *places,
                             const struct ps_tree_node *node, struct ps_spark_node *out) {
    if (node->feature < 0) {
        out->left = out->right = out->feature = -1;
        out->value = (double)node->value;
        return PENSTOCK_OK;
    }
    const struct ps_split split = ps_export_split(writer->formula, places, node);
    out->feature = (int32_t)writer->positions[node->feature];
    out->left = (int32_t)node->left;
    out->right = (int32_t)node->left + 1;
    switch (split.kind) {
    case PS_SPLIT_BELOW: out->value = greatest_below(node->value); return PENSTOCK_OK;
    case PS_SPLIT_YES: /* nothing is beyond it */
    case PS_SPLIT_IS:  /* rows that have it are above */
        out->value = split.kind == PS_SPLIT_YES ? 2 : 0.5;
        if ((split.kind == PS_SPLIT_IS) != split.is_right_first) {
            const int32_t left = out->left;
            out->left = out->right;
            out->right = left;
        }
        return PENSTOCK_OK;
    case PS_SPLIT_IS_BELOW:
    case PS_SPLIT_IS_FROM: break;
    }
    (void)ps_error_set(
        writer->error, PENSTOCK_UNSUPPORTED,
        "a split on a category times a number (Interaction) has no counterpart in Spark ML: a row "
        "without the category and one with the number 0 look alike there");
    return ps_error_hint(writer->error, "ONNX, PMML and SQL can say it");
}

/* The trees of sum `sum`, behind one that is the sum before them. */
static penstock_code make_trees(struct ps_spark_writer *writer, const struct ps_trees_predictor *trees,
                                size_t sum, double weight, struct ps_spark_trees **trees_out) {
    struct ps_arena *arena = writer->exporting->arena;
    const struct ps_split_place *places = ps_export_split_places(writer->exporting);
    struct ps_spark_trees *made = ps_arena_allocate(arena, 1, sizeof *made);
    struct ps_spark_node *nodes =
        ps_arena_allocate(arena, trees->starts[trees->tree_count] + 1, sizeof *nodes);
    if (places == NULL || made == NULL || nodes == NULL) {
        return ps_spark_no_memory(writer);
    }
    const struct ps_tree_node base = {.value = trees->base, .feature = -1};
    PS_TRY(convert(writer, places, &base, &nodes[0]));
    *made = (struct ps_spark_trees){.nodes = nodes, .node_count = 1, .tree_count = 1, .weight = weight};
    for (size_t t = sum; t < trees->tree_count; t += trees->sum_count) {
        for (size_t n = trees->starts[t]; n < trees->starts[t + 1]; n++) {
            struct ps_spark_node *node = &nodes[made->node_count++];
            node->tree = (int32_t)made->tree_count;
            node->id = (int32_t)(n - trees->starts[t]);
            PS_TRY(convert(writer, places, &trees->nodes[n], node));
        }
        made->tree_count++;
    }
    *trees_out = made;
    return PENSTOCK_OK;
}

/* A GBTRegressionModel for sum `sum`. */
static penstock_code add_sum(struct ps_spark_writer *writer, const struct ps_trees_predictor *trees,
                             size_t sum) {
    struct ps_spark_trees *made = NULL;
    PS_TRY(make_trees(writer, trees, sum, 1, &made));
    struct ps_spark_stage *stage = ps_spark_add(&writer->stages, "regression.GBTRegressionModel");
    const char *name = ps_arena_printf(writer->exporting->arena, "penstock_sum_%zu", sum);
    if (stage == NULL || name == NULL) {
        return ps_spark_no_memory(writer);
    }
    ps_spark_set_text(stage, "featuresCol", "features");
    ps_spark_set_text(stage, "predictionCol", name);
    ps_spark_learn_trees(stage, made, writer->width);
    return PENSTOCK_OK;
}

static penstock_code add_two(struct ps_spark_writer *writer, const struct ps_trees_predictor *trees) {
    struct ps_spark_trees *made = NULL;
    PS_TRY(make_trees(writer, trees, 0, 0.5, &made));
    struct ps_spark_stage *stage = ps_spark_add(&writer->stages, "classification.GBTClassificationModel");
    if (stage == NULL) {
        return ps_spark_no_memory(writer);
    }
    ps_spark_begin_classifier(writer, stage);
    ps_spark_learn_trees(stage, made, writer->width);
    return ps_spark_add_class(writer);
}

/* penstock_sum_0, ... become probability_0, ... and penstock_class. */
static penstock_code add_several(struct ps_spark_writer *writer, size_t count) {
    const double *thresholds = writer->exporting->predictor->thresholds;
    struct ps_buffer weights PS_SCOPED(ps_buffer_done);
    struct ps_buffer shares PS_SCOPED(ps_buffer_done);
    struct ps_buffer best PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&weights, PS_EXPORT_SIZE_MAX);
    ps_buffer_init(&shares, PS_EXPORT_SIZE_MAX);
    ps_buffer_init(&best, PS_EXPORT_SIZE_MAX);
    ps_buffer_text(&best, "CAST(CASE");
    for (size_t k = 0; k < count; k++) {
        ps_buffer_printf(&weights, "%sexp(penstock_sum_%zu - greatest(", k == 0 ? "" : ", ", k);
        ps_buffer_printf(&shares, "%spenstock_weight_%zu / (", k == 0 ? "" : ", ", k);
        ps_buffer_text(&best, k + 1 < count ? " WHEN true" : " ELSE ");
        for (size_t j = 0; j < count; j++) {
            ps_buffer_printf(&weights, "%spenstock_sum_%zu", j == 0 ? "" : ", ", j);
            ps_buffer_printf(&shares, "%spenstock_weight_%zu", j == 0 ? "" : " + ", j);
            if (j > k) { /* p / t >= q / u, without a division by 0 */
                ps_buffer_printf(&best, " AND probability_%zu * %.17eD >= probability_%zu * %.17eD", k,
                                 thresholds == NULL ? 1 : thresholds[j], j,
                                 thresholds == NULL ? 1 : thresholds[k]);
            }
        }
        ps_buffer_printf(&weights, ")) AS penstock_weight_%zu", k);
        ps_buffer_printf(&shares, ") AS probability_%zu", k);
        ps_buffer_printf(&best, k + 1 < count ? " THEN %zu" : "%zu", k);
    }
    ps_buffer_text(&best, " END AS DOUBLE) AS penstock_class");
    PS_TRY(ps_buffer_status(&weights, writer->error));
    PS_TRY(ps_buffer_status(&shares, writer->error));
    PS_TRY(ps_buffer_status(&best, writer->error));
    PS_TRY(ps_spark_add_sql(writer, weights.data, NULL));
    PS_TRY(ps_spark_add_sql(writer, shares.data, NULL));
    PS_TRY(ps_spark_add_sql(writer, best.data, NULL));
    return ps_spark_add_class(writer);
}

penstock_code ps_export_spark_trees(struct ps_spark_writer *writer, const struct ps_trees_predictor *trees) {
    PS_TRY(ps_export_trees_fit(trees, "Spark ML", writer->exporting->arena, writer->error));
    PS_TRY(ps_spark_add_whole(writer));
    if (trees->link == PS_TREE_LOGISTIC) {
        return add_two(writer, trees);
    }
    for (size_t s = 0; s < trees->sum_count; s++) {
        PS_TRY(add_sum(writer, trees, s));
    }
    if (trees->link == PS_TREE_SOFTMAX) {
        return add_several(writer, trees->sum_count);
    }
    const char *text =
        trees->link == PS_TREE_LOG
            ? ps_arena_printf(writer->exporting->arena, "exp(penstock_sum_0) + penstock_whole AS prediction")
            : ps_arena_printf(writer->exporting->arena,
                              "(%.17eD) + penstock_sum_0 + penstock_whole AS prediction", trees->offset);
    return text == NULL ? ps_spark_no_memory(writer) : ps_spark_add_sql(writer, text, NULL);
}
