/* SPDX-License-Identifier: Apache-2.0
 *
 * estimator.c - reading USING LinearRegression(regParam = GRID(0, 0.1), ...).
 */
#include "model/estimator.h"

#include <math.h>
#include <string.h>

#include "model/boosted.h"
#include "model/glm.h"
#include "model/huber.h"
#include "model/linear_huber.h"
#include "model/logistic.h"
#include "model/perceptron.h"
#include "model/search_space.h"
#include "model/thresholds.h"

const struct ps_estimator_type ps_estimator_types[] = {
    {.name = "LinearRegression",
     .help = "least squares with ridge, lasso or elastic net",
     .options = ps_linear_options,
     .config_size = sizeof(struct ps_linear_config),
     .tasks = PS_TASK_REGRESSION,
     .wants_rows = ps_linear_is_huber,
     .rows_choice = "huber",
     .check = ps_linear_check,
     .fit = ps_linear_huber_fit},
    {.name = "LogisticRegression",
     .help = "two classes or several: ridge, lasso or elastic net on the log-likelihood",
     .options = ps_logistic_options,
     .config_size = sizeof(struct ps_logistic_config),
     .tasks = PS_TASK_CLASSES,
     .needs_rows = true,
     .check = ps_logistic_check,
     .task = ps_logistic_task,
     .fit = ps_logistic_fit},
    {.name = "GeneralizedLinearRegression",
     .help = "a number with its own distribution: gaussian, binomial, poisson, gamma, tweedie",
     .options = ps_glm_options,
     .config_size = sizeof(struct ps_glm_config),
     .tasks = PS_TASK_REGRESSION,
     .needs_rows = true,
     .check = ps_glm_check,
     .fit = ps_glm_fit},
    {.name = "HuberRegression",
     .help = "a straight line that single wild rows do not move",
     .options = ps_huber_options,
     .config_size = sizeof(struct ps_huber_config),
     .tasks = PS_TASK_REGRESSION,
     .needs_rows = true,
     .fit = ps_huber_fit},
    {.name = "GradientBoostedTrees",
     .help = "boosted trees, learnt by XGBoost",
     .options = ps_boosted_options,
     .config_size = sizeof(struct ps_boosted_config),
     .tasks = PS_TASK_ANY,
     .needs_rows = true,
     .check = ps_boosted_check,
     .task = ps_boosted_task,
     .fit = ps_boosted_fit},
    {.name = "MultilayerPerceptron",
     .help = "a network of layers (deep learning), for numbers and classes",
     .options = ps_perceptron_options,
     .config_size = sizeof(struct ps_perceptron_config),
     .tasks = PS_TASK_ANY,
     .needs_rows = true,
     .check = ps_perceptron_check,
     .task = ps_perceptron_task,
     .fit = ps_perceptron_fit},
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

const char *ps_estimator_text(const struct ps_estimator_type *type, const void *config, const char *name) {
    const struct ps_option *row = ps_option_find(type->options, name);
    const char *text = NULL;
    if (row != NULL) {
        memcpy(&text, (const char *)config + row->offset, sizeof text);
    }
    return text;
}

penstock_code ps_estimator_fit(const struct ps_estimator_type *type, const void *config,
                               const struct ps_training_set *set, const struct ps_predictor *start,
                               struct ps_fit_result *result_out, struct penstock_error *error) {
    struct ps_fit_result result = {.objective = (double)NAN};
    PS_TRY(type->fit(config, set, start, &result, error));
    const penstock_code code =
        ps_thresholds_set(ps_estimator_text(type, config, "thresholds"), result.predictor, error);
    if (code != PENSTOCK_OK) {
        ps_predictor_free(result.predictor);
        return code;
    }
    *result_out = result;
    return PENSTOCK_OK;
}

bool ps_estimator_needs_rows(const struct ps_estimator *estimator) {
    const struct ps_estimator_type *type = estimator->type;
    bool needs = ps_estimator_cell_needs_rows(type, estimator->config);
    for (size_t a = 0; type->rows_choice != NULL && a < estimator->axis_count; a++) {
        for (size_t i = 0; i < estimator->axes[a].count; i++) {
            needs = needs || ps_option_name_equal(estimator->axes[a].texts[i], type->rows_choice);
        }
    }
    return needs;
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

const char **ps_estimator_names(struct ps_arena *arena) {
    size_t count = 0;
    while (ps_estimator_types[count].name != NULL) {
        count++;
    }
    const char **names = ps_arena_allocate(arena, count + 1, sizeof *names);
    for (size_t i = 0; names != NULL && i < count; i++) {
        names[i] = ps_estimator_types[i].name;
    }
    return names;
}

static penstock_code unknown(const struct ps_call *call, struct ps_arena *arena,
                             struct penstock_error *error) {
    const char **names = ps_estimator_names(arena);
    if (names == NULL) {
        return ps_error_memory(error, "the estimators");
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "there is no estimator %s",
                       call->name == NULL ? "without a name" : call->name);
    const char *nearest = call->name == NULL ? NULL : ps_nearest(call->name, names);
    if (nearest != NULL) {
        (void)ps_error_hint(error, "did you mean %s?", nearest);
    } else {
        const char *all = names[0];
        for (size_t i = 1; names[i] != NULL && all != NULL; i++) {
            all = ps_arena_printf(arena, "%s%s%s", all, names[i + 1] == NULL ? " and " : ", ", names[i]);
        }
        (void)ps_error_hint(error, "%s %s there", all == NULL ? "" : all, names[1] == NULL ? "is" : "are");
    }
    return at(PENSTOCK_INVALID_PROJECT, error, call->location);
}

/* Reading one USING call. */
struct reading {
    const struct ps_call *call;
    struct ps_estimator *estimator;
    struct ps_search_range *ranges;
    const struct ps_parameter **sources; /* of the ranges, for places in errors */
    size_t range_count;
    const struct ps_parameter *random; /* or NULL */
    struct ps_arena *arena;
};

static penstock_code add_range(struct reading *reading, const struct ps_parameter *parameter,
                               struct penstock_error *error) {
    const struct ps_estimator_type *type = reading->estimator->type;
    const struct ps_option *option = ps_option_find(type->options, parameter->name);
    if (option == NULL) { /* for its error: the nearest name */
        return ps_option_set(type->options, reading->estimator->config, parameter->name, "", reading->arena,
                             error);
    }
    for (size_t i = 0; i < reading->range_count; i++) {
        if (reading->ranges[i].option == option) {
            return ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s is given twice", option->name);
        }
    }
    reading->sources[reading->range_count] = parameter;
    return ps_search_range_read(parameter, option, reading->random != NULL, reading->arena,
                                &reading->ranges[reading->range_count++], error);
}

static const char *list_text(const struct ps_parameter *parameter, struct ps_arena *arena) {
    const char *text = "[";
    for (size_t i = 0; i < parameter->value_count && text != NULL; i++) {
        text = ps_arena_printf(arena, "%s%s%s", text, i > 0 ? ", " : "", parameter->values[i]);
    }
    return text == NULL ? NULL : ps_arena_printf(arena, "%s]", text);
}

/* [16, 8] as one text, for options that are lists. */
static penstock_code set_list(struct reading *reading, const struct ps_parameter *parameter,
                              struct penstock_error *error) {
    const struct ps_estimator *estimator = reading->estimator;
    const struct ps_option *option = ps_option_find(estimator->type->options, parameter->name);
    if (option != NULL && option->type != PS_OPTION_TEXT) {
        return ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s takes one value, or GRID(...)",
                            parameter->name);
    }
    const char *text = list_text(parameter, reading->arena);
    return text == NULL ? ps_error_memory(error, "an estimator")
                        : ps_option_set(estimator->type->options, estimator->config, parameter->name, text,
                                        reading->arena, error);
}

static penstock_code set_parameter(struct reading *reading, const struct ps_parameter *parameter,
                                   struct penstock_error *error) {
    const struct ps_estimator *estimator = reading->estimator;
    if (parameter->form == PS_FORM_RANDOM) {
        return PENSTOCK_OK;
    }
    if (parameter->name == NULL) {
        return ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                            "'%s' has no name; write regParam = 0.1 and the like", parameter->values[0]);
    }
    switch (parameter->form) {
    case PS_FORM_GRID:
    case PS_FORM_RANGE: return add_range(reading, parameter, error);
    case PS_FORM_LIST: return set_list(reading, parameter, error);
    case PS_FORM_INTERVAL:
        return ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s is no time", parameter->name);
    case PS_FORM_VALUE:
    case PS_FORM_RANDOM: break;
    }
    return ps_option_set(estimator->type->options, estimator->config, parameter->name, parameter->values[0],
                         reading->arena, error);
}

/* Every value of every axis alone, at the place where it is written; and all cells, as far as parameters must go
 * together. */
static penstock_code try_values(const struct reading *reading, struct ps_location *place,
                                struct penstock_error *error) {
    const struct ps_estimator *estimator = reading->estimator;
    const struct ps_estimator_type *type = estimator->type;
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    void *trial = arena == NULL ? NULL : ps_arena_allocate(arena, 1, type->config_size);
    if (trial == NULL) {
        return ps_error_memory(error, "a search");
    }
    for (size_t a = 0; a < estimator->axis_count; a++) {
        const struct ps_grid_axis *axis = &estimator->axes[a];
        *place = reading->sources[a]->location;
        for (size_t i = 0; i < axis->count; i++) {
            memcpy(trial, estimator->config, type->config_size);
            PS_TRY(ps_option_set(type->options, trial, axis->name, axis->texts[i], arena, error));
        }
    }
    *place = reading->call->location;
    for (size_t cell = 0; type->check != NULL && cell < estimator->cell_count; cell++) {
        PS_TRY(ps_estimator_cell(estimator, cell, arena, trial, NULL, NULL, error));
        PS_TRY(type->check(trial, error));
    }
    return PENSTOCK_OK;
}

static penstock_code refuse_cells(const struct ps_estimator *estimator, double cells, size_t split_count,
                                  struct penstock_error *error) {
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                       "a grid of %.0f cells in %zu folds is %.0f solutions%s; the limit is %d cells", cells,
                       split_count, cells * (double)split_count,
                       estimator->type->needs_rows ? ", each over all rows" : "", PS_LIMIT_GRID_CELLS);
    return ps_error_hint(error, "search a coarse grid first, then a fine one about its best cell, or draw "
                                "some cells of it with RANDOM(n, seed)");
}

static penstock_code read_call(struct reading *reading, size_t split_count, struct ps_location *place,
                               struct penstock_error *error) {
    struct ps_estimator *estimator = reading->estimator;
    const struct ps_call *call = reading->call;
    for (size_t i = 0; i < call->parameter_count; i++) {
        reading->random = call->parameters[i].form == PS_FORM_RANDOM ? &call->parameters[i] : reading->random;
    }
    for (size_t i = 0; i < call->parameter_count; i++) {
        *place = call->parameters[i].location;
        PS_TRY(set_parameter(reading, &call->parameters[i], error));
    }
    *place = reading->random != NULL ? reading->random->location : call->location;
    double cells = 1;
    PS_TRY(ps_search_space_make(estimator, reading->ranges, reading->range_count, reading->random,
                                reading->arena, &cells, error));
    if (cells > PS_LIMIT_GRID_CELLS) {
        return refuse_cells(estimator, cells, split_count, error);
    }
    estimator->cell_count = (size_t)cells;
    return try_values(reading, place, error);
}

penstock_code ps_estimator_read(const struct ps_call *call, size_t split_count, struct ps_arena *arena,
                                struct ps_estimator *estimator_out, struct penstock_error *error) {
    struct ps_estimator estimator = {.type = ps_estimator_find(call->name), .location = call->location};
    if (estimator.type == NULL) {
        return unknown(call, arena, error);
    }
    struct reading reading = {.call = call, .estimator = &estimator, .arena = arena};
    const size_t count = call->parameter_count + 1;
    estimator.axes = ps_arena_allocate(arena, count, sizeof *estimator.axes);
    estimator.config = ps_arena_allocate(arena, 1, estimator.type->config_size);
    reading.ranges = ps_arena_allocate(arena, count, sizeof *reading.ranges);
    reading.sources = ps_arena_allocate(arena, count, sizeof *reading.sources);
    if (estimator.axes == NULL || estimator.config == NULL || reading.ranges == NULL ||
        reading.sources == NULL) {
        return ps_error_memory(error, "a grid");
    }
    PS_TRY(ps_option_defaults(estimator.type->options, estimator.config, arena, error));
    struct ps_location place = call->location;
    const penstock_code code = read_call(&reading, split_count, &place, error);
    if (code != PENSTOCK_OK) {
        (void)ps_error_context(error, "%s", estimator.type->name);
        return at(code, error, place);
    }
    *estimator_out = estimator;
    return PENSTOCK_OK;
}

penstock_code ps_estimator_name_given(struct ps_estimator *estimator, const struct ps_call *call,
                                      struct ps_arena *arena, struct penstock_error *error) {
    struct ps_grid_axis *axes = ps_arena_allocate(arena, call->parameter_count + 1, sizeof *axes);
    size_t count = 0;
    for (size_t i = 0; axes != NULL && i < call->parameter_count; i++) {
        const struct ps_parameter *parameter = &call->parameters[i];
        if (parameter->form != PS_FORM_VALUE && parameter->form != PS_FORM_LIST) {
            continue;
        }
        const char **texts = ps_arena_allocate(arena, 1, sizeof *texts);
        double *values = ps_arena_allocate(arena, 1, sizeof *values);
        if (texts == NULL || values == NULL) {
            return ps_error_memory(error, "a search");
        }
        texts[0] = parameter->form == PS_FORM_LIST ? list_text(parameter, arena) : parameter->values[0];
        if (texts[0] == NULL) {
            return ps_error_memory(error, "a search");
        }
        if (!ps_parse_double(texts[0], values)) {
            values[0] = (double)NAN;
        }
        axes[count++] = (struct ps_grid_axis){ps_option_find(estimator->type->options, parameter->name)->name,
                                              texts, values, 1};
    }
    if (axes == NULL) {
        return ps_error_memory(error, "a search");
    }
    memcpy(axes + count, estimator->axes, estimator->axis_count * sizeof *axes);
    estimator->axes = axes;
    estimator->axis_count += count;
    return PENSTOCK_OK;
}

penstock_code ps_estimator_cell(const struct ps_estimator *estimator, size_t cell, struct ps_arena *arena,
                                void *config_out, const char **texts_out, double *values_out,
                                struct penstock_error *error) {
    memcpy(config_out, estimator->config, estimator->type->config_size);
    for (size_t i = estimator->axis_count; i-- > 0;) {
        const struct ps_grid_axis *axis = &estimator->axes[i];
        const size_t index = cell % axis->count; /* of a drawn cell: itself */
        cell /= estimator->is_drawn ? 1 : axis->count;
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
