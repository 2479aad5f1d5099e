/* SPDX-License-Identifier: Apache-2.0
 *
 * explain.c - the facts of a statement, in the order in which a training would meet them.
 *
 * The scans are counted as the stages will make them; a test trains the same statements and compares.
 */
#include "model/explain.h"

#include <math.h>

#include "model/recipe.h"

enum { FACT_MAX = 64 };
/* fit.c asks for the quantiles of so many columns at once. */
static const size_t quantile_columns = 4;

struct telling {
    const struct ps_recipe *recipe;
    const struct ps_model_known *known;
    struct ps_arena *arena;
    struct ps_model_explanation *explanation;
    size_t capacity;
    size_t number_count, one_hot_count; /* features: columns of each kind */
    bool failed;                        /* out of memory: looked at once, at the end */
};

static void add(struct telling *telling, const char *item, const char *value, const char *why) {
    struct ps_model_explanation *explanation = telling->explanation;
    telling->failed = telling->failed || value == NULL || why == NULL;
    if (!telling->failed && explanation->fact_count < telling->capacity) {
        explanation->facts[explanation->fact_count++] = (struct ps_model_fact){item, value, why};
    }
}

#define TEXT(...) ps_arena_printf(telling->arena, __VA_ARGS__)

static void add_scans(struct telling *telling, size_t count, const char *why) {
    if (count > 0) {
        telling->explanation->scan_count += (int64_t)count;
        add(telling, "scan", TEXT("%zu", count), why);
    }
}

/* --- what is predicted, from what ------------------------------------------------------------------------- */

static void tell_task(struct telling *telling) {
    const struct ps_recipe *recipe = telling->recipe;
    const unsigned tasks = recipe->tasks;
    const char *label = recipe->model->label;
    if (tasks == PS_TASK_REGRESSION) {
        add(telling, "task", "regression", TEXT("%s is a number", label));
    } else if (tasks == PS_TASK_BINARY) {
        add(telling, "task", "two classes", TEXT("of %s", label));
    } else if ((tasks & PS_TASK_REGRESSION) == 0) {
        add(telling, "task", "classes", TEXT("two or more: the values of %s decide", label));
    } else {
        add(telling, "task", "regression or classes", TEXT("the values of %s decide", label));
    }
}

static void tell_features(struct telling *telling) {
    const struct ps_pipeline *pipeline = telling->recipe->pipeline;
    for (size_t i = 0; i < pipeline->column_count; i++) {
        const struct ps_slot *slot = &pipeline->slots[pipeline->columns[i].slot];
        if (!pipeline->columns[i].is_label && !slot->is_spent && !slot->is_absent) {
            telling->one_hot_count += slot->kind == PS_SLOT_ONE_HOT ? 1 : 0;
            telling->number_count += slot->kind == PS_SLOT_ONE_HOT ? 0 : 1;
        }
    }
    const char *kinds =
        telling->one_hot_count == 0
            ? TEXT("%zu numbers", telling->number_count)
            : TEXT("%zu numbers and the categories of %zu one-hot column%s", telling->number_count,
                   telling->one_hot_count, telling->one_hot_count == 1 ? "" : "s");
    const struct ps_model_known *known = telling->known;
    if (known->version > 0) {
        add(telling, "features", TEXT("%lld", (long long)known->feature_count),
            kinds == NULL ? NULL : TEXT("as in version %lld: %s", (long long)known->version, kinds));
    } else if (telling->one_hot_count > 0) {
        add(telling, "features", TEXT("more than %zu", telling->number_count), kinds);
    } else {
        add(telling, "features", TEXT("%zu", telling->number_count), "");
    }
    for (size_t i = 0; i < telling->recipe->left_out_count; i++) {
        add(telling, "left out", telling->recipe->left_out[i], "no TRANSFORM makes numbers of it");
    }
}

/* --- search ------------------------------------------------------------------------------------------------ */

static void tell_estimator(struct telling *telling, const struct ps_estimator *estimator) {
    const char *why = estimator->axis_count == 0 ? "nothing is searched" : "";
    for (size_t a = 0; a < estimator->axis_count && why != NULL; a++) {
        const struct ps_grid_axis *axis = &estimator->axes[a];
        const char *before = a > 0 ? ", " : "";
        if (axis->count == 1 && !(estimator->is_drawn && estimator->cell_count == 1)) {
            why = TEXT("%s%s%s = %s", why, before, axis->name, axis->texts[0]);
        } else if (estimator->is_drawn) {
            why = TEXT("%s%s%s at random", why, before, axis->name);
        } else {
            why = TEXT("%s%s%zu of %s", why, before, axis->count, axis->name);
        }
    }
    add(telling, "estimator",
        TEXT("%s, %zu cell%s", estimator->type->name, estimator->cell_count,
             estimator->cell_count == 1 ? "" : "s"),
        why);
}

static void tell_search(struct telling *telling) {
    const struct ps_recipe *recipe = telling->recipe;
    const struct ps_validation *validation = &recipe->validation;
    struct ps_model_explanation *explanation = telling->explanation;
    for (size_t i = 0; i < recipe->estimator_count; i++) {
        tell_estimator(telling, &recipe->estimators[i]);
    }
    const bool is_decided = recipe->tasks == PS_TASK_REGRESSION || validation->metric_name != NULL ||
                            recipe->tasks == PS_TASK_BINARY;
    add(telling, "validation",
        TEXT("%s, %zu split%s", validation->type->name, validation->split_count,
             validation->split_count == 1 ? "" : "s"),
        is_decided ? TEXT("the best mean %s chooses", validation->metric->name)
                   : "the best mean areaUnderROC chooses of two classes, f1 of more");
    explanation->cell_count = recipe->cell_count;
    explanation->split_count = validation->split_count;
    explanation->fit_count = recipe->cell_count * validation->split_count + 1;
    add(telling, "fits", TEXT("%zu", explanation->fit_count),
        TEXT("%zu cells x %zu splits, and the best on all training rows", recipe->cell_count,
             validation->split_count));
}

/* --- scans ------------------------------------------------------------------------------------------------- */

static const char *parameter_of(const struct ps_transform *transform, const char *name,
                                const char *by_default) {
    for (size_t i = 0; i < transform->call->parameter_count; i++) {
        const struct ps_parameter *parameter = &transform->call->parameters[i];
        if (parameter->name != NULL && ps_option_name_equal(parameter->name, name)) {
            return parameter->values[0];
        }
    }
    return by_default;
}

/* Has a stage made an index of it, whose categories are known with it? */
static bool is_index(const struct ps_pipeline *pipeline, const struct ps_slot *slot) {
    const struct ps_transform_type *maker =
        slot->maker == PS_NO_SLOT ? NULL : pipeline->transforms[slot->maker].type;
    return maker == &ps_string_indexer_type || maker == &ps_quantile_discretizer_type ||
           maker == &ps_bucketizer_type;
}

/* Inputs whose categories no earlier stage knows. */
static size_t count_unknown(const struct ps_pipeline *pipeline, const struct ps_transform *transform) {
    size_t count = 0;
    for (size_t i = 0; i < transform->input_count; i++) {
        count += is_index(pipeline, &pipeline->slots[transform->inputs[i]]) ? 0 : 1;
    }
    return count;
}

static size_t count_undeferred(const struct ps_transform *transform) {
    size_t count = 0;
    for (size_t i = 0; i < transform->input_count; i++) {
        count += transform->is_deferred[i] ? 0 : 1;
    }
    return count;
}

/* Scans of one stage; *what: what it asks. */
static size_t scans_of(const struct ps_pipeline *pipeline, const struct ps_transform *transform,
                       const char **what) {
    const char *name = transform->type->name;
    const size_t columns = transform->input_count;
    const size_t blocks = (columns + quantile_columns - 1) / quantile_columns;
    *what = "exact quantiles, four columns at a time";
    if (strcmp(name, "OutlierFilter") == 0) {
        const char *method = parameter_of(transform, "method", "iqr");
        if (ps_text_equal_nocase(method, "zscore")) {
            *what = "means and deviations";
            return 1;
        }
        return ps_text_equal_nocase(method, "mad") ? 2 * blocks : blocks;
    }
    if (strcmp(name, "RobustScaler") == 0 || strcmp(name, "QuantileDiscretizer") == 0) {
        return blocks;
    }
    if (strcmp(name, "Imputer") == 0) {
        const char *strategy = parameter_of(transform, "strategy", "mean");
        if (ps_text_equal_nocase(strategy, "median")) {
            return blocks;
        }
        *what = "the most frequent values";
        if (ps_text_equal_nocase(strategy, "mode")) {
            return columns;
        }
        *what = "means, which a later stage needs";
        return ps_text_equal_nocase(strategy, "mean") && count_undeferred(transform) > 0 ? 1 : 0;
    }
    if (strcmp(name, "OneHotEncoder") == 0 || strcmp(name, "StringIndexer") == 0) {
        *what = "categories, a column at a time";
        return count_unknown(pipeline, transform);
    }
    if (strcmp(name, "TargetEncoder") == 0) {
        *what = "categories, a column at a time, and their means";
        return count_unknown(pipeline, transform) + 1;
    }
    *what = strcmp(name, "PCA") == 0             ? "its directions"
            : strcmp(name, "FeatureHasher") == 0 ? "which of its features there are"
                                                 : "what to leave out";
    if (transform->type->fit != NULL) {
        return 1;
    }
    *what = "its moments, which a later stage needs";
    return transform->is_learnt && count_undeferred(transform) > 0 ? 1 : 0;
}

static void tell_transforms(struct telling *telling) {
    const struct ps_pipeline *pipeline = telling->recipe->pipeline;
    for (size_t i = 0; i < pipeline->transform_count; i++) {
        const struct ps_transform *transform = &pipeline->transforms[i];
        const char *what = "";
        const size_t count = scans_of(pipeline, transform, &what);
        add_scans(telling, count, TEXT("%s learns %s", transform->type->name, what));
    }
}

static bool needs_rows(const struct ps_recipe *recipe) {
    bool is_needed = false;
    for (size_t i = 0; i < recipe->estimator_count; i++) {
        is_needed = is_needed || ps_estimator_needs_rows(&recipe->estimators[i]);
    }
    return is_needed;
}

/* Scans of one stage that is fitted anew for a split. */
static size_t refit_scans(const struct ps_pipeline *pipeline, const struct ps_transform *transform) {
    const struct ps_transform_type *type = transform->type;
    const bool sorts = type == &ps_quantile_discretizer_type || type == &ps_robust_scaler_type ||
                       type == &ps_imputer_type ||
                       (type == &ps_outlier_filter_type &&
                        !ps_text_equal_nocase(parameter_of(transform, "method", "iqr"), "zscore"));
    if (sorts) {
        return (count_undeferred(transform) + quantile_columns - 1) / quantile_columns;
    }
    if (type != &ps_one_hot_encoder_type && type != &ps_target_encoder_type) {
        return 1;
    }
    size_t count = type == &ps_target_encoder_type ? 1 : 0;
    for (size_t i = 0; i < transform->input_count; i++) {
        const struct ps_slot *slot = &pipeline->slots[transform->inputs[i]];
        count += slot->is_refitted && !is_index(pipeline, slot) ? 1 : 0;
    }
    return count;
}

/* Of all such stages; *names: theirs. */
static size_t refits_of(struct telling *telling, const char **names) {
    const struct ps_pipeline *pipeline = telling->recipe->pipeline;
    size_t count = 0;
    *names = "";
    for (size_t i = 0; i < pipeline->transform_count; i++) {
        const struct ps_transform *transform = &pipeline->transforms[i];
        if (!transform->refits) {
            continue;
        }
        count += refit_scans(pipeline, transform);
        *names = *names == NULL
                     ? NULL
                     : TEXT("%s%s%s", *names, (*names)[0] == '\0' ? "" : ", ", transform->type->name);
    }
    return count;
}

static void tell_splits(struct telling *telling, bool has_rows) {
    const struct ps_validation *validation = &telling->recipe->validation;
    const char *names = NULL;
    const size_t own = refits_of(telling, &names);
    const bool wants_rows = has_rows || validation->metric->needs_rows;
    const size_t count = own + 1 + (wants_rows ? 1 : 0);
    add_scans(telling, count * validation->split_count,
              names == NULL
                  ? NULL
                  : TEXT("%s learn%s from each split's own training rows, so that what validates leaks "
                         "into nothing: %zu splits x (%zu to learn, 1 for sums%s)",
                         names, strchr(names, ',') == NULL ? "s" : "", validation->split_count, own,
                         wants_rows ? ", 1 for the rows" : ""));
}

static void tell_scans(struct telling *telling) {
    const struct ps_recipe *recipe = telling->recipe;
    const struct ps_holdout *holdout = &recipe->model->holdout;
    if (holdout->kind != PS_HOLDOUT_NONE) {
        add_scans(
            telling, recipe->by_column != NULL ? 2 : 1,
            recipe->by_column != NULL
                ? TEXT("HOLDOUT: where %s is cut, and how many rows are on each side", recipe->by_column)
                : "HOLDOUT: how many rows are on each side");
    }
    if (recipe->validation.series != NULL) {
        add_scans(telling, 2,
                  TEXT("TimeSeriesSplit: how many rows, and where %s is cut", recipe->time_column));
    }
    if ((recipe->tasks & PS_TASK_CLASSES) != 0) {
        add_scans(telling, 1, TEXT("the classes of %s", recipe->model->label));
    }
    tell_transforms(telling);
    const bool has_rows = needs_rows(recipe);
    bool has_sums = false;
    for (size_t i = 0; i < recipe->estimator_count; i++) {
        has_sums = has_sums || !ps_estimator_needs_rows(&recipe->estimators[i]);
    }
    const bool refits = ps_pipeline_refits(recipe->pipeline);
    if (refits) {
        tell_splits(telling, has_rows);
    }
    add_scans(telling, 1,
              refits ? "sums of products of all training rows, for the model that is kept"
              : has_sums
                  ? "sums of products per split: LinearRegression is solved and scored from them alone"
                  : "sums of products per split: what scales the features and tells which are constant");
    if (has_rows) {
        const char *names = "";
        for (size_t i = 0; i < recipe->estimator_count && names != NULL; i++) {
            if (ps_estimator_needs_rows(&recipe->estimators[i])) {
                names = TEXT("%s%s%s", names, names[0] == '\0' ? "" : ", ", recipe->estimators[i].type->name);
            }
        }
        add_scans(telling, 1, names == NULL ? NULL : TEXT("the rows into memory, for %s", names));
    } else if (recipe->validation.metric->needs_rows && !refits) {
        add_scans(telling, 1,
                  TEXT("%s cannot be had from sums: each model is applied to the rows",
                       recipe->validation.metric->name));
    }
    if (holdout->kind != PS_HOLDOUT_NONE) {
        add_scans(telling, 1, "the hold-out rows are scored; once more for the champion, if there is one");
    }
    add(telling, "scans", TEXT("%lld", (long long)telling->explanation->scan_count),
        "of the SELECT, whatever the number of cells");
}

/* --- memory ------------------------------------------------------------------------------------------------ */

static const char *size_text(struct telling *telling, double bytes) {
    return bytes < 104858    ? TEXT("%.0f KiB", ceil(bytes / 1024))
           : bytes < 1048576 ? TEXT("%.1f MiB", bytes / 1048576)
                             : TEXT("%.0f MiB", bytes / 1048576);
}

static void tell_memory(struct telling *telling, const struct ps_project *project) {
    const struct ps_recipe *recipe = telling->recipe;
    const struct ps_model_known *known = telling->known;
    const double base = fmax((double)known->feature_count, (double)telling->number_count) + 3;
    const double slots = project == NULL ? 4 : 2.0 * (double)project->core_count + 2;
    const double sums = (double)recipe->validation.part_count * base * base * 8 * (slots + 2);
    add(telling, "memory", size_text(telling, sums),
        known->version == 0 && telling->one_hot_count > 0
            ? TEXT("sums of %zu parts, without the categories of one-hot columns",
                   recipe->validation.part_count)
            : TEXT("sums of %zu parts; it does not grow with the rows", recipe->validation.part_count));
    if (!needs_rows(recipe)) {
        return;
    }
    const size_t bytes = 8 * (telling->number_count + 1) + 4 * telling->one_hot_count;
    telling->explanation->row_bytes = (int64_t)bytes;
    if (known->row_count > 0) {
        add(telling, "memory", size_text(telling, (double)bytes * (double)known->row_count),
            TEXT(
                "%lld rows of %zu bytes, as many as version %lld saw; a temporary file if that is more than half of "
                "executor-memory",
                (long long)known->row_count, bytes, (long long)known->version));
    } else {
        add(telling, "memory", TEXT("%s per 1,000,000 rows", size_text(telling, (double)bytes * 1e6)),
            TEXT("rows of %zu bytes; a temporary file if all are more than half of executor-memory", bytes));
    }
}

penstock_code ps_model_explain(const struct ps_project *project, const struct ps_node *node,
                               const struct ps_model_known *known, struct ps_arena *arena,
                               struct ps_model_explanation **explanation_out, struct penstock_error *error) {
    struct ps_recipe *recipe = NULL;
    PS_TRY(ps_recipe_read(node->statement, node->column_names, node->column_types, node->column_count, arena,
                          &recipe, error));
    struct ps_model_explanation *explanation = ps_arena_allocate(arena, 1, sizeof *explanation);
    struct telling telling = {.recipe = recipe, .known = known, .arena = arena, .explanation = explanation};
    telling.capacity =
        FACT_MAX + recipe->left_out_count + recipe->estimator_count + recipe->pipeline->transform_count;
    if (explanation != NULL) {
        explanation->facts = ps_arena_allocate(arena, telling.capacity, sizeof *explanation->facts);
    }
    if (explanation == NULL || explanation->facts == NULL) {
        return ps_error_memory(error, "an explanation");
    }
    explanation->tasks = recipe->tasks;
    tell_task(&telling);
    tell_features(&telling);
    tell_search(&telling);
    tell_scans(&telling);
    tell_memory(&telling, project);
    if (telling.failed) {
        return ps_error_memory(error, "an explanation");
    }
    *explanation_out = explanation;
    return PENSTOCK_OK;
}
