/* SPDX-License-Identifier: Apache-2.0
 *
 * estimator.c - reading USING LinearRegression(regParam = GRID(0, 0.1), ...).
 */
#include "model/estimator.h"

#include <string.h>

const struct ps_estimator_type ps_estimator_types[] = {
    {.name = "LinearRegression",
     .help = "least squares with ridge, lasso or elastic net",
     .options = ps_linear_options,
     .config_size = sizeof(struct ps_linear_config),
     .tasks = PS_TASK_REGRESSION},
    {0},
};

const struct ps_estimator_type *ps_estimator_find(const char *name) {
    for (const struct ps_estimator_type *type = ps_estimator_types; name != NULL && type->name != NULL;
         type++) {
        if (ps_option_name_equal(type->name, name)) {
            return type;
        }
    }
    return NULL;
}

static penstock_code at(penstock_code code, struct penstock_error *error, struct ps_location location) {
    if (code == PENSTOCK_OUT_OF_MEMORY) {
        return code;
    }
    if (error != NULL) {
        error->code = PENSTOCK_INVALID_PROJECT;
    }
    (void)ps_error_at(error, location, NULL, 0);
    return PENSTOCK_INVALID_PROJECT;
}

static penstock_code unknown(const struct ps_call *call, struct penstock_error *error) {
    const char *const names[] = {ps_estimator_types[0].name, NULL};
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "there is no estimator %s",
                       call->name == NULL ? "without a name" : call->name);
    const char *nearest = call->name == NULL ? NULL : ps_nearest(call->name, names);
    if (nearest != NULL) {
        (void)ps_error_hint(error, "did you mean %s?", nearest);
    } else {
        (void)ps_error_hint(error, "LinearRegression is there");
    }
    return at(PENSTOCK_INVALID_PROJECT, error, call->location);
}

static penstock_code add_axis(struct ps_estimator *estimator, const struct ps_parameter *parameter,
                              struct ps_arena *arena, struct penstock_error *error) {
    const struct ps_option *option = ps_option_find(estimator->type->options, parameter->name);
    if (option != NULL && option->type != PS_OPTION_DOUBLE && option->type != PS_OPTION_INTEGER) {
        return ps_error_set(error, PENSTOCK_INVALID_PROJECT, "GRID is for numbers, and %s is none",
                            option->name);
    }
    if (parameter->value_count == 0) {
        return ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s: GRID needs at least one value",
                            parameter->name);
    }
    struct ps_grid_axis *axis = &estimator->axes[estimator->axis_count];
    axis->texts = parameter->values;
    axis->count = parameter->value_count;
    axis->values = ps_arena_allocate(arena, axis->count, sizeof(double));
    void *trial = ps_arena_allocate(arena, 1, estimator->type->config_size);
    if (axis->values == NULL || trial == NULL) {
        return ps_error_memory(error, "a grid");
    }
    for (size_t i = 0; i < axis->count; i++) {
        memcpy(trial, estimator->config, estimator->type->config_size);
        PS_TRY(ps_option_set(estimator->type->options, trial, parameter->name, parameter->values[i], arena,
                             error));
        (void)ps_parse_double(parameter->values[i], &axis->values[i]);
    }
    axis->name = option->name; /* it is there, or ps_option_set would have failed */
    for (size_t i = 0; i < estimator->axis_count; i++) {
        if (estimator->axes[i].name == axis->name) {
            return ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s is given twice", axis->name);
        }
    }
    estimator->axis_count++;
    return PENSTOCK_OK;
}

static penstock_code set_parameter(struct ps_estimator *estimator, const struct ps_parameter *parameter,
                                   struct ps_arena *arena, struct penstock_error *error) {
    penstock_code code;
    if (parameter->name == NULL) {
        code = ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                            "'%s' has no name; write regParam = 0.1 and the like", parameter->values[0]);
    } else if (parameter->is_grid) {
        code = add_axis(estimator, parameter, arena, error);
    } else if (parameter->value_count != 1) {
        code = ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s takes one value, or GRID(...)",
                            parameter->name);
    } else {
        code = ps_option_set(estimator->type->options, estimator->config, parameter->name,
                             parameter->values[0], arena, error);
    }
    if (code == PENSTOCK_OK) {
        return code;
    }
    (void)ps_error_context(error, "%s", estimator->type->name);
    return at(code, error, parameter->location);
}

penstock_code ps_estimator_read(const struct ps_call *call, size_t split_count, struct ps_arena *arena,
                                struct ps_estimator *estimator_out, struct penstock_error *error) {
    struct ps_estimator estimator = {.type = ps_estimator_find(call->name)};
    if (estimator.type == NULL) {
        return unknown(call, error);
    }
    estimator.axes = ps_arena_allocate(arena, call->parameter_count + 1, sizeof *estimator.axes);
    estimator.config = ps_arena_allocate(arena, 1, estimator.type->config_size);
    if (estimator.axes == NULL || estimator.config == NULL) {
        return ps_error_memory(error, "a grid");
    }
    PS_TRY(ps_option_defaults(estimator.type->options, estimator.config, arena, error));
    for (size_t i = 0; i < call->parameter_count; i++) {
        PS_TRY(set_parameter(&estimator, &call->parameters[i], arena, error));
    }
    double cells = 1;
    for (size_t i = 0; i < estimator.axis_count; i++) {
        cells *= (double)estimator.axes[i].count;
    }
    if (cells > PS_LIMIT_GRID_CELLS) {
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                           "%s: a grid of %.0f cells in %zu folds is %.0f solutions; the limit is %d cells",
                           estimator.type->name, cells, split_count, cells * (double)split_count,
                           PS_LIMIT_GRID_CELLS);
        (void)ps_error_hint(error, "search a coarse grid first, then a fine one about its best cell");
        return at(PENSTOCK_INVALID_PROJECT, error, call->location);
    }
    estimator.cell_count = (size_t)cells;
    *estimator_out = estimator;
    return PENSTOCK_OK;
}

penstock_code ps_estimator_cell(const struct ps_estimator *estimator, size_t cell, struct ps_arena *arena,
                                void *config_out, const char **texts_out, double *values_out,
                                struct penstock_error *error) {
    memcpy(config_out, estimator->config, estimator->type->config_size);
    for (size_t i = estimator->axis_count; i-- > 0;) {
        const struct ps_grid_axis *axis = &estimator->axes[i];
        const size_t index = cell % axis->count;
        cell /= axis->count;
        PS_TRY(ps_option_set(estimator->type->options, config_out, axis->name, axis->texts[index], arena,
                             error));
        if (texts_out != NULL) {
            texts_out[i] = axis->texts[index];
        }
        if (values_out != NULL) {
            values_out[i] = axis->values[index];
        }
    }
    return PENSTOCK_OK;
}
