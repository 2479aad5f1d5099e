/* SPDX-License-Identifier: Apache-2.0
 *
 * gate_conditions.c - the gate's conditions beside the columns and the search of their model.
 */
#include "model/gate_conditions.h"

#include "model/loss.h"

struct checking {
    const struct ps_model_statement *model;
    const struct ps_validation *validation;
    const char **names; /* of the SELECT, NULL-terminated */
};

static penstock_code check_column(const struct checking *checking, const struct ps_gate_condition *condition,
                                  struct penstock_error *error) {
    for (size_t i = 0; condition->column != NULL && checking->names[i] != NULL; i++) {
        if (ps_text_equal_nocase(checking->names[i], condition->column)) {
            return PENSTOCK_OK;
        }
    }
    if (condition->column == NULL) {
        return PENSTOCK_OK;
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "GATE: the model's SELECT has no column %s",
                       condition->column);
    const char *nearest = ps_nearest(condition->column, checking->names);
    if (nearest != NULL) {
        (void)ps_error_hint(error, "did you mean %s?", nearest);
    }
    return ps_error_at(error, condition->column_location, NULL, 0);
}

/* rmse and mae are sums over rows, so that two models can be compared row by row; r2 or areaUnderROC are not. */
static penstock_code check_compared(const struct ps_gate_condition *condition, struct penstock_error *error) {
    const bool is_comparison = condition->kind == PS_GATE_IMPROVEMENT ||
                               condition->kind == PS_GATE_NON_INFERIORITY || condition->kind == PS_GATE_SLICE;
    if (!is_comparison || condition->metric == NULL || ps_loss_find(condition->metric) != NULL) {
        return PENSTOCK_OK;
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                       "GATE: two models cannot be compared row by row in %s", condition->metric);
    (void)ps_error_hint(error, "they can in rmse, mse, mae, logLoss and accuracy");
    return ps_error_at(error, condition->location, NULL, 0);
}

static penstock_code check_searched(const struct checking *checking,
                                    const struct ps_gate_condition *condition, struct penstock_error *error) {
    const struct ps_metric_type *metric = checking->validation->metric;
    if (!condition->is_cross_validated || metric == NULL ||
        ps_option_name_equal(condition->metric, metric->name)) {
        return PENSTOCK_OK;
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "GATE: the search measures %s, not %s", metric->name,
                       condition->metric);
    (void)ps_error_hint(error, "write cv_%s, or VALIDATE CrossValidator(metricName = '%s')", metric->name,
                        condition->metric);
    return ps_error_at(error, condition->location, NULL, 0);
}

static penstock_code check_holdout(const struct checking *checking, const struct ps_gate_condition *condition,
                                   struct penstock_error *error) {
    if (condition->kind != PS_GATE_SLICE || checking->model->holdout.kind != PS_HOLDOUT_NONE) {
        return PENSTOCK_OK;
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                       "GATE: slices are compared on hold-out rows, and the model has none");
    (void)ps_error_hint(error, "add HOLDOUT LAST 30 DAYS BY column, or HOLDOUT 20 PERCENT");
    return ps_error_at(error, condition->location, NULL, 0);
}

/* Limits may be given from both sides; what moves the one limit of a check cannot be said twice. */
static bool is_single(enum ps_gate_kind kind) {
    return kind == PS_GATE_ROWS_DROP || kind == PS_GATE_NULLS_RISE || kind == PS_GATE_LABEL_SHIFT ||
           kind == PS_GATE_LABEL_OUTSIDE || kind == PS_GATE_CONDITION || kind == PS_GATE_FULL_RANK ||
           kind == PS_GATE_CONVERGED;
}

static bool is_same_column(const char *left, const char *right) {
    return left == NULL || right == NULL ? left == right : ps_text_equal_nocase(left, right);
}

static penstock_code check_twice(const struct checking *checking, size_t index,
                                 struct penstock_error *error) {
    const struct ps_gate_condition *condition = &checking->model->gate[index];
    for (size_t i = 0; is_single(condition->kind) && i < index; i++) {
        const struct ps_gate_condition *before = &checking->model->gate[i];
        if (before->kind == condition->kind && is_same_column(before->column, condition->column)) {
            (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "GATE: %s is said already: %s",
                               condition->text, before->text);
            return ps_error_at(error, condition->location, NULL, 0);
        }
    }
    return PENSTOCK_OK;
}

penstock_code ps_gate_conditions_check(const struct ps_model_statement *model,
                                       const struct ps_validation *validation, const char *const *names,
                                       size_t name_count, struct ps_arena *arena,
                                       struct penstock_error *error) {
    struct checking checking = {.model = model,
                                .validation = validation,
                                .names = ps_arena_allocate(arena, name_count + 1, sizeof *checking.names)};
    if (checking.names == NULL) {
        return ps_error_memory(error, "a model");
    }
    for (size_t i = 0; i < name_count; i++) {
        checking.names[i] = names[i];
    }
    for (size_t i = 0; i < model->gate_count; i++) {
        const struct ps_gate_condition *condition = &model->gate[i];
        PS_TRY(check_column(&checking, condition, error));
        PS_TRY(check_compared(condition, error));
        PS_TRY(check_searched(&checking, condition, error));
        PS_TRY(check_holdout(&checking, condition, error));
        PS_TRY(check_twice(&checking, i, error));
    }
    return PENSTOCK_OK;
}
