/* SPDX-License-Identifier: Apache-2.0
 *
 * boosted.c - fitting GradientBoostedTrees: parameters in XGBoost's words, rounds, when to stop.
 *
 * The rows go to XGBoost in portions (boosted_rows.c), which keeps one byte of each value. After the last round the
 * trees are taken out of it (trees_import.c), and XGBoost is not needed any more.
 */
#include "model/boosted.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/thread.h"
#include "model/boosted_rows.h"
#include "model/trees.h"
#include "model/thresholds.h"

#define FIELD(member) offsetof(struct ps_boosted_config, member)
const struct ps_option ps_boosted_options[] = {
    {"maxIter", PS_OPTION_INTEGER, "100", 1, 100000, NULL, FIELD(max_iter), false, false,
     "rounds of boosting: trees, or trees per class", "0.2"},
    {"maxDepth", PS_OPTION_INTEGER, "6", 1, 30, NULL, FIELD(max_depth), false, false,
     "levels of a tree below its root", "0.2"},
    {"stepSize", PS_OPTION_DOUBLE, "0.3", 1e-9, 1, NULL, FIELD(step_size), false, false,
     "what a tree's leaves are multiplied with (eta)", "0.2"},
    {"learningRate", PS_OPTION_DOUBLE, "0.3", 1e-9, 1, NULL, FIELD(step_size), false, false,
     "another name of stepSize", "0.2"},
    {"subsamplingRate", PS_OPTION_DOUBLE, "1.0", 1e-9, 1, NULL, FIELD(subsampling_rate), false, false,
     "share of the rows that each tree is learnt from", "0.2"},
    {"minInstancesPerNode", PS_OPTION_INTEGER, "1", 1, 1e9, NULL, FIELD(min_instances_per_node), false, false,
     "rows of a leaf at least; for losses that weigh each row alike", "0.2"},
    {"minChildWeight", PS_OPTION_DOUBLE, "1.0", 0, 1e300, NULL, FIELD(min_child_weight), false, false,
     "weight (sum of second derivatives) of a leaf at least", "0.2"},
    {"maxBins", PS_OPTION_INTEGER, "256", 2, 65535, NULL, FIELD(max_bins), false, false,
     "intervals that the values of a feature are sorted into", "0.2"},
    {"maxLeaves", PS_OPTION_INTEGER, "0", 0, 1e6, NULL, FIELD(max_leaves), false, false,
     "leaves of a tree at most; 0: as maxDepth allows", "0.2"},
    {"growPolicy", PS_OPTION_CHOICE, "depthwise", 0, 0, "depthwise|lossguide", FIELD(grow_policy), false,
     false, "which node is split next: level by level, or where it helps most", "0.2"},
    {"featureSubsetStrategy", PS_OPTION_TEXT, "auto", 0, 0, NULL, FIELD(feature_subset_strategy), false,
     false, "features tried at each node: auto, all, sqrt, log2, onethird, a number or a share such as 0.5",
     "0.2"},
    {"colsampleByTree", PS_OPTION_DOUBLE, "1.0", 1e-9, 1, NULL, FIELD(column_share_tree), false, false,
     "share of the features drawn for each tree", "0.2"},
    {"colsampleByLevel", PS_OPTION_DOUBLE, "1.0", 1e-9, 1, NULL, FIELD(column_share_level), false, false,
     "share of these drawn for each level", "0.2"},
    {"colsampleByNode", PS_OPTION_DOUBLE, "1.0", 1e-9, 1, NULL, FIELD(column_share_node), false, false,
     "share of these drawn for each node", "0.2"},
    {"lambda", PS_OPTION_DOUBLE, "1.0", 0, 1e300, NULL, FIELD(lambda), false, false,
     "L2 penalty on the values of leaves", "0.2"},
    {"alpha", PS_OPTION_DOUBLE, "0.0", 0, 1e300, NULL, FIELD(alpha), false, false,
     "L1 penalty on the values of leaves", "0.2"},
    {"gamma", PS_OPTION_DOUBLE, "0.0", 0, 1e300, NULL, FIELD(gamma), false, false,
     "what a split must lower the loss by", "0.2"},
    {"maxDeltaStep", PS_OPTION_DOUBLE, "0.0", 0, 1e300, NULL, FIELD(max_delta_step), false, false,
     "the value of a leaf at most, before stepSize; 0: any", "0.2"},
    {"scalePosWeight", PS_OPTION_DOUBLE, "1.0", 1e-300, 1e300, NULL, FIELD(scale_pos_weight), false, false,
     "weight of the second of two classes", "0.2"},
    {"lossType", PS_OPTION_CHOICE, "auto", 0, 0,
     "auto|squared|absolute|huber|poisson|gamma|tweedie|logistic|softprob", FIELD(loss_type), false, false,
     "the loss; auto: squared for numbers, logistic for two classes, softprob for several", "0.2"},
    {"objective", PS_OPTION_CHOICE, "auto", 0, 0,
     "auto|reg:squarederror|reg:absoluteerror|reg:pseudohubererror|count:poisson|reg:gamma|reg:tweedie|"
     "binary:logistic|multi:softprob",
     FIELD(objective), false, false, "the loss in XGBoost's words", "0.2"},
    {"huberSlope", PS_OPTION_DOUBLE, "1.0", 1e-300, 1e300, NULL, FIELD(huber_slope), false, false,
     "residual beyond which lossType = 'huber' is linear", "0.2"},
    {"tweedieVariancePower", PS_OPTION_DOUBLE, "1.5", 1.000001, 1.999999, NULL, FIELD(tweedie_power), false,
     false, "of lossType = 'tweedie'", "0.2"},
    {"treeMethod", PS_OPTION_CHOICE, "hist", 0, 0, "hist", FIELD(tree_method), false, false,
     "how splits are found: in histograms", "0.2"},
    {"earlyStoppingRounds", PS_OPTION_INTEGER, "0", 0, 1e6, NULL, FIELD(early_stopping_rounds), false, false,
     "stop when rows held back have not got better for so many rounds, and keep the best; 0: never", "0.2"},
    {"validationFraction", PS_OPTION_DOUBLE, "0.1", 0.0001, 0.9, NULL, FIELD(validation_fraction), false,
     false, "share of the rows held back for earlyStoppingRounds", "0.2"},
    {"weightCol", PS_OPTION_TEXT, NULL, 0, 0, NULL, FIELD(weight_column), false, false,
     "column of what each training row counts; it is no feature", "0.2"},
    {"thresholds", PS_OPTION_TEXT, NULL, 0, 0, NULL, FIELD(thresholds), false, false,
     "a number for each class: predicted is the one whose probability over its threshold is the greatest",
     "0.2"},
    {"seed", PS_OPTION_INTEGER, "0", 0, 2147483647, NULL, FIELD(seed), false, false,
     "of everything that is drawn", "0.2"},
    {"nthread", PS_OPTION_INTEGER, "4", 1, 256, NULL, FIELD(thread_count), false, false,
     "threads that sums are split into; the same number gives the same trees on any machine", "0.2"},
    {0},
};

static const struct loss {
    const char *type, *objective;
    enum ps_tree_link link;
    unsigned tasks;
    bool weighs_alike; /* second derivative 1 for every row */
    bool is_shifted;   /* the label's mean may be taken away first */
    bool has_mean_as_base;
} losses[] = {
    {"squared", "reg:squarederror", PS_TREE_IDENTITY, PS_TASK_REGRESSION, true, true, true},
    {"absolute", "reg:absoluteerror", PS_TREE_IDENTITY, PS_TASK_REGRESSION, true, true, false},
    {"huber", "reg:pseudohubererror", PS_TREE_IDENTITY, PS_TASK_REGRESSION, false, true, true},
    {"poisson", "count:poisson", PS_TREE_LOG, PS_TASK_REGRESSION, false, false, true},
    {"gamma", "reg:gamma", PS_TREE_LOG, PS_TASK_REGRESSION, false, false, true},
    {"tweedie", "reg:tweedie", PS_TREE_LOG, PS_TASK_REGRESSION, false, false, true},
    {"logistic", "binary:logistic", PS_TREE_LOGISTIC, PS_TASK_BINARY, false, false, true},
    {"softprob", "multi:softprob", PS_TREE_SOFTMAX, PS_TASK_CLASSES, false, false, false},
};
enum { LOSS_COUNT = sizeof losses / sizeof losses[0] };

/* NULL: as the label has it. */
static const struct loss *asked_loss(const struct ps_boosted_config *config) {
    for (size_t i = 0; i < LOSS_COUNT; i++) {
        if (strcmp(losses[i].type, config->loss_type) == 0 ||
            strcmp(losses[i].objective, config->objective) == 0) {
            return &losses[i];
        }
    }
    return NULL;
}

/* Share of the features tried at a node; 0: the text says none. */
static double subset_share(const char *text, size_t feature_count) {
    const double count = feature_count > 0 ? (double)feature_count : 1;
    double number = 0;
    if (strcmp(text, "auto") == 0 || strcmp(text, "all") == 0) {
        return 1;
    }
    if (strcmp(text, "sqrt") == 0) {
        return ceil(sqrt(count)) / count;
    }
    if (strcmp(text, "log2") == 0) {
        return fmax(1, ceil(log2(count))) / count;
    }
    if (strcmp(text, "onethird") == 0) {
        return ceil(count / 3) / count;
    }
    if (!ps_parse_double(text, &number) || number <= 0) {
        return 0;
    }
    if (strchr(text, '.') != NULL || number < 1) {
        return number <= 1 ? number : 0;
    }
    return fmin(1, floor(number) / count);
}

penstock_code ps_boosted_check(const void *config, struct penstock_error *error) {
    const struct ps_boosted_config *boosted = config;
    const struct loss *loss = asked_loss(boosted);
    PS_TRY(ps_thresholds_check(boosted->thresholds, (double)NAN, error));
    if (loss != NULL && strcmp(boosted->loss_type, "auto") != 0 && strcmp(boosted->objective, "auto") != 0 &&
        strcmp(loss->objective, boosted->objective) != 0) {
        return ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                            "lossType = '%s' and objective = '%s' are two different losses",
                            boosted->loss_type, boosted->objective);
    }
    if (subset_share(boosted->feature_subset_strategy, 1) == 0) {
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "featureSubsetStrategy cannot be '%s'",
                           boosted->feature_subset_strategy);
        (void)ps_error_hint(error,
                            "auto, all, sqrt, log2, onethird, a number of features, or a share such as 0.5");
        return PENSTOCK_INVALID_PROJECT;
    }
    if (loss != NULL && !loss->weighs_alike && boosted->min_instances_per_node > 1) {
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                           "minInstancesPerNode counts rows, but the %s loss weighs them differently",
                           loss->type);
        (void)ps_error_hint(error, "use minChildWeight");
        return PENSTOCK_INVALID_PROJECT;
    }
    return PENSTOCK_OK;
}

enum ps_task ps_boosted_task(const void *config, size_t class_count, bool is_text) {
    const struct loss *loss = asked_loss(config);
    if (loss != NULL && loss->tasks == PS_TASK_REGRESSION) {
        return PS_TASK_REGRESSION;
    }
    if (loss == NULL && class_count != 2 && !is_text) {
        return PS_TASK_REGRESSION; /* three whole numbers or more: rather a number than a name */
    }
    return class_count <= 2 ? PS_TASK_BINARY : PS_TASK_MULTICLASS;
}

struct boosting {
    const struct ps_boosted_config *config;
    const struct ps_training_set *set;
    const struct loss *loss;
    struct ps_xgboost xgboost;
    double offset;
    void *matrix, *watching, *booster;
    int64_t round_count, best_round;
    double best_score;
};

static penstock_code choose_loss(struct boosting *boosting, struct penstock_error *error) {
    const struct ps_target *target = boosting->set->target;
    const struct loss *loss = asked_loss(boosting->config);
    if (target->task != PS_TASK_REGRESSION && target->class_count < 2) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA,
                            "the label has one class only: there is nothing to tell apart");
    }
    if (loss == NULL) {
        loss = &losses[target->task == PS_TASK_REGRESSION ? 0 : LOSS_COUNT - 1];
        loss = target->task == PS_TASK_BINARY ? loss - 1 : loss;
    }
    if ((loss->tasks & (unsigned)target->task) == 0) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA, "the %s loss is not one for a label of %zu classes",
                            loss->type, target->class_count);
    }
    if (!loss->weighs_alike && boosting->config->min_instances_per_node > 1) {
        (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                           "minInstancesPerNode counts rows, but the %s loss weighs them differently",
                           loss->type);
        (void)ps_error_hint(error, "use minChildWeight");
        return PENSTOCK_INVALID_DATA;
    }
    boosting->loss = loss;
    boosting->offset = loss->is_shifted ? boosting->set->moments->label_mean : 0;
    return PENSTOCK_OK;
}

static penstock_code set_text(struct boosting *boosting, const char *name, const char *value,
                              struct penstock_error *error) {
    return ps_xgboost_status(&boosting->xgboost,
                             boosting->xgboost.booster_set_param(boosting->booster, name, value), error);
}

static penstock_code set_number(struct boosting *boosting, const char *name, double value,
                                struct penstock_error *error) {
    char text[40];
    (void)snprintf(text, sizeof text, "%.17g", value);
    return set_text(boosting, name, text, error);
}

static penstock_code set_base(struct boosting *boosting, struct penstock_error *error) {
    double base = boosting->set->moments->label_mean - boosting->offset;
    if (!boosting->loss->has_mean_as_base) {
        return PENSTOCK_OK;
    }
    if (boosting->loss->link == PS_TREE_LOGISTIC) {
        base = fmin(fmax(base, 1e-6), 1 - 1e-6);
    } else if (boosting->loss->link == PS_TREE_LOG) {
        base = fmax(base, 1e-30);
    }
    return set_number(boosting, "base_score", (double)(float)base, error);
}

static penstock_code set_parameters(struct boosting *boosting, struct penstock_error *error) {
    const struct ps_boosted_config *config = boosting->config;
    const double node_share = subset_share(config->feature_subset_strategy, boosting->set->design->count);
    const double rows_min = boosting->loss->weighs_alike ? (double)config->min_instances_per_node : 0;
    const struct {
        const char *name;
        double value;
    } numbers[] = {
        {"nthread", (double)config->thread_count},
        {"seed", (double)config->seed},
        {"eta", config->step_size},
        {"max_depth", (double)config->max_depth},
        {"max_leaves", (double)config->max_leaves},
        {"max_bin", (double)config->max_bins},
        {"subsample", config->subsampling_rate},
        {"min_child_weight", fmax(config->min_child_weight, rows_min)},
        {"colsample_bytree", config->column_share_tree},
        {"colsample_bylevel", config->column_share_level},
        {"colsample_bynode", config->column_share_node * node_share},
        {"lambda", config->lambda},
        {"alpha", config->alpha},
        {"gamma", config->gamma},
        {"max_delta_step", config->max_delta_step},
    };
    PS_TRY(set_text(boosting, "tree_method", "hist", error));
    PS_TRY(set_text(boosting, "grow_policy", config->grow_policy, error));
    PS_TRY(set_text(boosting, "objective", boosting->loss->objective, error));
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        PS_TRY(set_number(boosting, numbers[i].name, numbers[i].value, error));
    }
    if (boosting->loss->link == PS_TREE_SOFTMAX) {
        PS_TRY(set_number(boosting, "num_class", (double)boosting->set->target->class_count, error));
    }
    if (boosting->loss->link == PS_TREE_LOGISTIC) {
        PS_TRY(set_number(boosting, "scale_pos_weight", config->scale_pos_weight, error));
    }
    if (strcmp(boosting->loss->type, "huber") == 0) {
        PS_TRY(set_number(boosting, "huber_slope", config->huber_slope, error));
    }
    if (strcmp(boosting->loss->type, "tweedie") == 0) {
        PS_TRY(set_number(boosting, "tweedie_variance_power", config->tweedie_power, error));
    }
    return set_base(boosting, error);
}

/* The loss on the rows that watch: the last number of XGBoost's "[3]\twatching-rmse:1.25". */
static penstock_code evaluate(struct boosting *boosting, int round, double *score_out,
                              struct penstock_error *error) {
    const char *text = NULL;
    const char *names[] = {"watching"};
    PS_TRY(ps_xgboost_status(
        &boosting->xgboost,
        boosting->xgboost.booster_evaluate(boosting->booster, round, &boosting->watching, names, 1, &text),
        error));
    const char *number = text == NULL ? NULL : strrchr(text, ':');
    if (number == NULL || !ps_parse_double(number + 1, score_out)) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA,
                            "the loss is not finite any more: XGBoost says '%s'", text == NULL ? "" : text);
    }
    return PENSTOCK_OK;
}

static penstock_code boost(struct boosting *boosting, struct penstock_error *error) {
    const struct ps_boosted_config *config = boosting->config;
    for (int64_t round = 0; round < config->max_iter; round++) {
        if (ps_stop_requested(boosting->set->stop)) {
            return ps_error_set(error, PENSTOCK_CANCELLED, "stopped while training");
        }
        PS_TRY(ps_xgboost_status(
            &boosting->xgboost,
            boosting->xgboost.booster_update(boosting->booster, (int)round, boosting->matrix), error));
        boosting->round_count = round + 1;
        if (boosting->watching == NULL) {
            boosting->best_round = round;
            continue;
        }
        double score = 0;
        PS_TRY(evaluate(boosting, (int)round, &score, error));
        if (round == 0 || score < boosting->best_score) {
            boosting->best_score = score;
            boosting->best_round = round;
        } else if (round - boosting->best_round >= config->early_stopping_rounds) {
            break;
        }
    }
    return PENSTOCK_OK;
}

static penstock_code take_result(struct boosting *boosting, struct ps_fit_result *result_out,
                                 struct penstock_error *error) {
    uint64_t size = 0;
    const char *json = NULL;
    PS_TRY(ps_xgboost_status(
        &boosting->xgboost,
        boosting->xgboost.booster_save(boosting->booster, "{\"format\": \"json\"}", &size, &json), error));
    const struct ps_trees_origin origin = {
        .task = boosting->set->target->task,
        .link = boosting->loss->link,
        .offset = boosting->offset,
        .feature_count = boosting->set->design->count,
        .class_count = boosting->set->target->class_count,
        .round_count = (size_t)boosting->best_round + 1,
    };
    struct ps_trees_predictor *trees = NULL;
    PS_TRY(ps_trees_from_xgboost(json, (size_t)size, &origin, &trees, error));
    *result_out =
        (struct ps_fit_result){.predictor = &trees->predictor,
                               .iteration_count = boosting->round_count,
                               .objective = boosting->watching == NULL ? (double)NAN : boosting->best_score};
    return PENSTOCK_OK;
}

static penstock_code run(struct boosting *boosting, struct ps_fit_result *result_out,
                         struct penstock_error *error) {
    const struct ps_boosted_config *config = boosting->config;
    PS_TRY(choose_loss(boosting, error));
    PS_TRY(ps_xgboost_open(&boosting->xgboost, error));
    const struct ps_boosted_rows_options options = {
        .set = boosting->set,
        .xgboost = &boosting->xgboost,
        .offset = boosting->offset,
        .watching_share = config->early_stopping_rounds > 0 ? config->validation_fraction : 0,
        .seed = config->seed,
        .bin_count = config->max_bins,
        .thread_count = config->thread_count,
        .sum_count = boosting->loss->link == PS_TREE_SOFTMAX ? boosting->set->target->class_count : 1,
    };
    PS_TRY(ps_boosted_rows_read(&options, &boosting->matrix, &boosting->watching, error));
    void *matrices[] = {boosting->matrix, boosting->watching};
    PS_TRY(ps_xgboost_status(
        &boosting->xgboost,
        boosting->xgboost.booster_create(matrices, boosting->watching == NULL ? 1 : 2, &boosting->booster),
        error));
    PS_TRY(set_parameters(boosting, error));
    PS_TRY(boost(boosting, error));
    return take_result(boosting, result_out, error);
}

penstock_code ps_boosted_fit(const void *config, const struct ps_training_set *set,
                             const struct ps_predictor *start, struct ps_fit_result *result_out,
                             struct penstock_error *error) {
    (void)start;
    struct boosting boosting = {.config = config, .set = set};
    const penstock_code code = run(&boosting, result_out, error);
    if (boosting.booster != NULL) {
        (void)boosting.xgboost.booster_free(boosting.booster);
    }
    if (boosting.matrix != NULL) {
        (void)boosting.xgboost.matrix_free(boosting.matrix);
    }
    if (boosting.watching != NULL) {
        (void)boosting.xgboost.matrix_free(boosting.watching);
    }
    return code;
}
