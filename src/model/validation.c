/* SPDX-License-Identifier: Apache-2.0
 *
 * validation.c - CrossValidator, TrainValidationSplit and TimeSeriesSplit.
 *
 * Parts are cut exactly as PySpark cuts them (python/pyspark/ml/tuning.py): fold i validates the rows with
 * i h <= rand(seed) < (i + 1) h, h = 1/numFolds; a train-validation split validates rand(seed) >= trainRatio.
 * PySpark has no fixed default seed (it hashes the class name, differently in every process); here it is 42.
 * A series is cut as scikit-learn cuts it: n splits validate n equal parts at the end, each trained on all before.
 */
#include "model/validation.h"

#define FIELD(member) offsetof(struct ps_validation, member)
#define METRIC_ROW \
    { \
        "metricName", PS_OPTION_TEXT, NULL, 0, 0, NULL, FIELD(metric_name), false, false, \
            "what is compared; by default rmse, areaUnderROC of two classes, f1 of several", "0.1" \
    }
#define SEED_ROW \
    { \
        "seed", PS_OPTION_INTEGER, "42", 0, 0, NULL, FIELD(seed), false, false, \
            "of the random numbers that choose a row's part, as rand(seed) of Spark on one partition", "0.1" \
    }
#define WEIGHT_ROW \
    { \
        "weightCol", PS_OPTION_TEXT, NULL, 0, 0, NULL, FIELD(score_weights), false, false, \
            "column of what each row counts in the metric, as of Spark's evaluators", "0.2" \
    }
#define PARALLELISM_ROW \
    { \
        "parallelism", PS_OPTION_INTEGER, "1", 1, 1e6, NULL, FIELD(parallelism), false, false, \
            "accepted for PySpark; the task slots of the project say how many threads work", "0.2" \
    }

static const struct ps_option cross_options[] = {
    {"numFolds", PS_OPTION_INTEGER, "3", 2, 1000, NULL, FIELD(fold_count), false, false, "number of folds",
     "0.1"},
    METRIC_ROW,
    SEED_ROW,
    {"foldCol", PS_OPTION_TEXT, NULL, 0, 0, NULL, FIELD(fold_column), false, false,
     "column with the fold of each row, 0 .. numFolds - 1, instead of random folds", "0.1"},
    WEIGHT_ROW,
    PARALLELISM_ROW,
    {0},
};
static const struct ps_option split_options[] = {
    {"trainRatio", PS_OPTION_DOUBLE, "0.75", 1e-9, 1 - 1e-9, NULL, FIELD(train_ratio), false, false,
     "share of rows to train on", "0.1"},
    METRIC_ROW,
    SEED_ROW,
    WEIGHT_ROW,
    PARALLELISM_ROW,
    {0},
};
static const struct ps_option series_options[] = {
    {"numSplits", PS_OPTION_INTEGER, "5", 1, 1000, NULL, FIELD(fold_count), false, false,
     "number of splits (also n, n_splits): each validates the rows behind those it trains on", "0.2"},
    {"gap", PS_OPTION_TEXT, "0", 0, 0, NULL, FIELD(gap), false, false,
     "rows, or INTERVAL 1 DAY: what is left out between training and validation", "0.2"},
    {"by", PS_OPTION_TEXT, NULL, 0, 0, NULL, FIELD(time_column), false, false,
     "column of time; by default the one of HOLDOUT", "0.2"},
    METRIC_ROW,
    WEIGHT_ROW,
    PARALLELISM_ROW,
    {0},
};

static penstock_code plan_cross(struct ps_validation *validation, struct ps_arena *arena,
                                struct penstock_error *error) {
    (void)arena, (void)error;
    validation->part_count = validation->split_count = (size_t)validation->fold_count;
    const double width = 1.0 / (double)validation->fold_count;
    for (size_t i = 0; i + 1 < validation->part_count; i++) {
        validation->cuts[i] = (double)(i + 1) * width;
    }
    return PENSTOCK_OK;
}

/* Part 0 validates: random numbers from trainRatio on. */
static penstock_code plan_split(struct ps_validation *validation, struct ps_arena *arena,
                                struct penstock_error *error) {
    (void)arena, (void)error;
    validation->part_count = 2;
    validation->split_count = 1;
    validation->cuts[0] = validation->train_ratio;
    validation->is_reversed = true;
    return PENSTOCK_OK;
}

/* Where time is cut is known when the rows are (ps_validation_cut). */
static penstock_code plan_series(struct ps_validation *validation, struct ps_arena *arena,
                                 struct penstock_error *error) {
    int64_t interval_ms = 0;
    if (!ps_parse_integer(validation->gap, &validation->gap_rows) || validation->gap_rows < 0) {
        validation->gap_rows = 0;
        if (!ps_parse_duration(validation->gap, &interval_ms) || interval_ms < 0) {
            (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                               "gap is a number of rows or an INTERVAL, not '%s'", validation->gap);
            return ps_error_hint(error, "gap = 100, gap = INTERVAL 1 DAY");
        }
        validation->gap_ms = interval_ms;
    }
    validation->split_count = (size_t)validation->fold_count;
    const bool has_gap = validation->gap_rows > 0 || validation->gap_ms > 0;
    validation->part_count = (has_gap ? 2 : 1) * validation->split_count + 1;
    struct ps_series_split *splits = ps_arena_allocate(arena, validation->split_count, sizeof *splits);
    if (splits == NULL) {
        return ps_error_memory(error, "folds");
    }
    for (size_t s = 0; s < validation->split_count; s++) {
        splits[s] = (struct ps_series_split){s + 1, s + 1, s + 2};
    }
    validation->series = splits;
    return PENSTOCK_OK;
}

const struct ps_validation_type ps_validation_types[] = {
    {"CrossValidator", "every part validates once; the mean over parts decides", cross_options, plan_cross},
    {"TrainValidationSplit", "one part validates, the other trains", split_options, plan_split},
    {"TimeSeriesSplit", "rows in the order of time: each part validates what the rows before it train",
     series_options, plan_series},
    {0},
};

static penstock_code unknown(const struct ps_call *call, struct penstock_error *error) {
    const char *const names[] = {ps_validation_types[0].name, ps_validation_types[1].name,
                                 ps_validation_types[2].name, NULL};
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "there is no validator %s", call->name);
    const char *nearest = ps_nearest(call->name, names);
    if (nearest != NULL) {
        (void)ps_error_hint(error, "did you mean %s?", nearest);
    } else {
        (void)ps_error_hint(error, "CrossValidator, TrainValidationSplit and TimeSeriesSplit are there");
    }
    return ps_error_at(error, call->location, NULL, 0);
}

/* scikit-learn's and the short name of numSplits. */
static const char *plain_name(const struct ps_validation *validation, const char *name) {
    const bool is_count = ps_option_name_equal(name, "n") || ps_option_name_equal(name, "nSplits");
    return is_count && validation->type->options == series_options ? "numSplits" : name;
}

static penstock_code set_parameter(struct ps_validation *validation, const struct ps_parameter *parameter,
                                   struct ps_arena *arena, struct penstock_error *error) {
    const struct ps_option *options = validation->type->options;
    if (parameter->name == NULL) {
        return ps_error_set(error, PENSTOCK_INVALID_PROJECT, "'%s' has no name; write %s = 3 and the like",
                            parameter->values[0], options[0].name);
    }
    const char *name = plain_name(validation, parameter->name);
    if (parameter->form != PS_FORM_VALUE && parameter->form != PS_FORM_INTERVAL) {
        return ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s takes one value", name);
    }
    const char *value = parameter->values[0];
    if (parameter->form == PS_FORM_INTERVAL) {
        if (!ps_option_name_equal(name, "gap")) {
            return ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s is no time", name);
        }
        value = ps_arena_printf(arena, "%s ms", value);
    }
    if (ps_option_name_equal(name, "metricName")) {
        validation->metric_location = parameter->location;
    }
    return value == NULL ? ps_error_memory(error, "folds")
                         : ps_option_set(options, validation, name, value, arena, error);
}

static penstock_code refuse(struct ps_validation *validation, struct ps_location location, penstock_code code,
                            struct penstock_error *error) {
    if (code == PENSTOCK_OUT_OF_MEMORY) {
        return code;
    }
    (void)ps_error_context(error, "%s", validation->type->name);
    if (error != NULL) {
        error->code = PENSTOCK_INVALID_PROJECT;
    }
    (void)ps_error_at(error, location, NULL, 0);
    return PENSTOCK_INVALID_PROJECT;
}

penstock_code ps_validation_read(const struct ps_call *call, struct ps_arena *arena,
                                 struct ps_validation *validation_out, struct penstock_error *error) {
    struct ps_validation validation = {.type = &ps_validation_types[0], .metric_location = call->location};
    for (size_t i = 0; call->name != NULL && ps_validation_types[i].name != NULL; i++) {
        if (ps_option_name_equal(ps_validation_types[i].name, call->name)) {
            validation.type = &ps_validation_types[i];
        }
    }
    if (call->name != NULL && !ps_option_name_equal(validation.type->name, call->name)) {
        return unknown(call, error);
    }
    validation.seed = 42;
    PS_TRY(ps_option_defaults(validation.type->options, &validation, arena, error));
    for (size_t i = 0; i < call->parameter_count; i++) {
        const penstock_code code = set_parameter(&validation, &call->parameters[i], arena, error);
        if (code != PENSTOCK_OK) {
            return refuse(&validation, call->parameters[i].location, code, error);
        }
    }
    validation.cuts = ps_arena_allocate(arena, (size_t)validation.fold_count + 2, sizeof(double));
    if (validation.cuts == NULL) {
        return ps_error_memory(error, "folds");
    }
    const penstock_code code = validation.type->plan(&validation, arena, error);
    if (code != PENSTOCK_OK) {
        return refuse(&validation, call->location, code, error);
    }
    PS_TRY(ps_validation_settle(&validation, PS_TASK_ANY, arena, error));
    *validation_out = validation;
    return PENSTOCK_OK;
}

penstock_code ps_metric_choose(const char *name, unsigned tasks, struct ps_arena *arena,
                               const struct ps_metric_type **metric_out, struct penstock_error *error) {
    const struct ps_metric_type *metric = ps_metric_find(name);
    if (metric != NULL && (metric->tasks & tasks) != 0) {
        *metric_out = metric;
        return PENSTOCK_OK;
    }
    const char *names[32] = {0};
    size_t count = 0;
    for (size_t i = 0; ps_metric_types[i].name != NULL && count < 31; i++) {
        if ((ps_metric_types[i].tasks & tasks) != 0) {
            names[count++] = ps_metric_types[i].name;
        }
    }
    const char *all = ps_metric_names(tasks, arena);
    if (all == NULL) {
        return ps_error_memory(error, "metrics");
    }
    const char *nearest = metric == NULL ? ps_nearest(name, names) : NULL;
    if (metric == NULL) {
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "there is no metric %s", name);
    } else {
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                           "%s is a metric of %s, and this model predicts %s", metric->name,
                           metric->tasks == PS_TASK_REGRESSION ? "numbers"
                           : metric->tasks == PS_TASK_BINARY   ? "two classes"
                                                               : "classes",
                           tasks == PS_TASK_REGRESSION   ? "a number"
                           : tasks == PS_TASK_MULTICLASS ? "more than two classes"
                                                         : "classes");
    }
    return nearest != NULL ? ps_error_hint(error, "did you mean %s?", nearest)
                           : ps_error_hint(error, "%s are there", all);
}

penstock_code ps_validation_settle(struct ps_validation *validation, unsigned tasks, struct ps_arena *arena,
                                   struct penstock_error *error) {
    if (validation->metric_name == NULL) {
        validation->metric = ps_metric_default(tasks);
        return PENSTOCK_OK;
    }
    const penstock_code code =
        ps_metric_choose(validation->metric_name, tasks, arena, &validation->metric, error);
    return code == PENSTOCK_OK ? code : refuse(validation, validation->metric_location, code, error);
}

void ps_validation_draw(const struct ps_validation *validation, struct ps_random *random, uint16_t *parts_out,
                        int64_t count) {
    struct ps_random state = *random; /* in registers: this is done for every row by the thread that reads */
    if (validation->part_count == 3 && !validation->is_reversed) {
        const double first = validation->cuts[0];
        const double second = validation->cuts[1];
        for (int64_t i = 0; i < count; i++) {
            const double number = ps_random_next(&state);
            parts_out[i] = (uint16_t)((number >= first ? 1 : 0) + (number >= second ? 1 : 0));
        }
    } else {
        for (int64_t i = 0; i < count; i++) {
            parts_out[i] = (uint16_t)ps_validation_part(validation, ps_random_next(&state));
        }
    }
    *random = state;
}
