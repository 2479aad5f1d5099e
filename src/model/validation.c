/* SPDX-License-Identifier: Apache-2.0
 *
 * validation.c - CrossValidator and TrainValidationSplit.
 *
 * Parts are cut exactly as PySpark cuts them (python/pyspark/ml/tuning.py): fold i validates the rows with
 * i h <= rand(seed) < (i + 1) h, h = 1/numFolds; a train-validation split validates rand(seed) >= trainRatio.
 * PySpark has no fixed default seed (it hashes the class name, differently in every process); here it is 42.
 */
#include "model/validation.h"

#define FIELD(member) offsetof(struct ps_validation, member)
#define METRIC_ROW \
    { \
        "metricName", PS_OPTION_CHOICE, "rmse", 0, 0, "rmse|mse|r2|mae|var", FIELD(metric_name), false, \
            false, "what is compared; r2 and var: larger is better; mae costs a second scan", "0.1" \
    }
#define SEED_ROW \
    { \
        "seed", PS_OPTION_INTEGER, "42", 0, 0, NULL, FIELD(seed), false, false, \
            "of the random numbers that choose a row's part, as rand(seed) of Spark on one partition", "0.1" \
    }

static const struct ps_option cross_options[] = {
    {"numFolds", PS_OPTION_INTEGER, "3", 2, 1000, NULL, FIELD(fold_count), false, false, "number of folds",
     "0.1"},
    METRIC_ROW,
    SEED_ROW,
    {"foldCol", PS_OPTION_TEXT, NULL, 0, 0, NULL, FIELD(fold_column), false, false,
     "column with the fold of each row, 0 .. numFolds - 1, instead of random folds", "0.1"},
    {0},
};
static const struct ps_option split_options[] = {
    {"trainRatio", PS_OPTION_DOUBLE, "0.75", 1e-9, 1 - 1e-9, NULL, FIELD(train_ratio), false, false,
     "share of rows to train on", "0.1"},
    METRIC_ROW,
    SEED_ROW,
    {0},
};

static void plan_cross(struct ps_validation *validation) {
    validation->part_count = validation->split_count = (size_t)validation->fold_count;
    const double width = 1.0 / (double)validation->fold_count;
    for (size_t i = 0; i + 1 < validation->part_count; i++) {
        validation->cuts[i] = (double)(i + 1) * width;
    }
}

/* Part 0 validates: random numbers from trainRatio on. */
static void plan_split(struct ps_validation *validation) {
    validation->part_count = 2;
    validation->split_count = 1;
    validation->cuts[0] = validation->train_ratio;
    validation->is_reversed = true;
}

const struct ps_validation_type ps_validation_types[] = {
    {"CrossValidator", "every part validates once; the mean over parts decides", cross_options, plan_cross},
    {"TrainValidationSplit", "one part validates, the other trains", split_options, plan_split},
    {0},
};

static penstock_code unknown(const struct ps_call *call, struct penstock_error *error) {
    const char *const names[] = {ps_validation_types[0].name, ps_validation_types[1].name, NULL};
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "there is no validator %s", call->name);
    const char *nearest = ps_nearest(call->name, names);
    if (nearest != NULL) {
        (void)ps_error_hint(error, "did you mean %s?", nearest);
    } else {
        (void)ps_error_hint(error, "CrossValidator and TrainValidationSplit are there");
    }
    return ps_error_at(error, call->location, NULL, 0);
}

static penstock_code set_parameter(struct ps_validation *validation, const struct ps_parameter *parameter,
                                   struct ps_arena *arena, struct penstock_error *error) {
    const char *type = validation->type->name;
    penstock_code code;
    if (parameter->name == NULL) {
        code =
            ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                         "%s: '%s' has no name; write numFolds = 3 and the like", type, parameter->values[0]);
    } else if (parameter->is_grid || parameter->value_count != 1) {
        code = ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s: %s takes one value", type, parameter->name);
    } else {
        code = ps_option_set(validation->type->options, validation, parameter->name, parameter->values[0],
                             arena, error);
        if (code == PENSTOCK_OK || code == PENSTOCK_OUT_OF_MEMORY) {
            return code;
        }
        (void)ps_error_context(error, "%s", type);
        if (error != NULL) {
            error->code = PENSTOCK_INVALID_PROJECT;
        }
    }
    (void)ps_error_at(error, parameter->location, NULL, 0);
    return PENSTOCK_INVALID_PROJECT;
}

penstock_code ps_validation_read(const struct ps_call *call, struct ps_arena *arena,
                                 struct ps_validation *validation_out, struct penstock_error *error) {
    struct ps_validation validation = {.type = &ps_validation_types[0]};
    for (size_t i = 0; call->name != NULL && ps_validation_types[i].name != NULL; i++) {
        if (ps_option_name_equal(ps_validation_types[i].name, call->name)) {
            validation.type = &ps_validation_types[i];
        }
    }
    if (call->name != NULL && !ps_option_name_equal(validation.type->name, call->name)) {
        return unknown(call, error);
    }
    PS_TRY(ps_option_defaults(validation.type->options, &validation, arena, error));
    for (size_t i = 0; i < call->parameter_count; i++) {
        PS_TRY(set_parameter(&validation, &call->parameters[i], arena, error));
    }
    validation.metric = ps_metric_find(validation.metric_name);
    validation.cuts = ps_arena_allocate(arena, (size_t)validation.fold_count + 2, sizeof(double));
    if (validation.cuts == NULL) {
        return ps_error_memory(error, "folds");
    }
    validation.type->plan(&validation);
    *validation_out = validation;
    return PENSTOCK_OK;
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
