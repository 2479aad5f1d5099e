/* SPDX-License-Identifier: Apache-2.0
 *
 * recipe.c - which column is what.
 *
 * Features are all number and BOOLEAN columns but the label, foldCol, weightCol and the HOLDOUT column. A text or a
 * time is a feature only where a stage names it: an index or one-hot columns are made of it; otherwise it is left
 * out.
 */
#include "model/recipe.h"

#include "base/limits.h"
#include "model/gate_conditions.h"
#include "model/inputs.h"
#include "model/train.h"

static bool starts_with(const char *text, const char *start) {
    return strncmp(text, start, strlen(start)) == 0;
}

struct binder {
    const struct ps_statement *statement;
    const struct ps_model_statement *model;
    const char *const *names;
    const char *const *types;
    size_t column_count;
    struct ps_recipe *recipe;
    struct ps_arena *arena;
};

static int64_t find(const struct binder *binder, const char *name) {
    for (size_t i = 0; i < binder->column_count; i++) {
        if (ps_text_equal_nocase(binder->names[i], name)) {
            return (int64_t)i;
        }
    }
    return -1;
}

static penstock_code no_column(const struct binder *binder, const char *what, const char *name,
                               struct ps_location location, struct penstock_error *error) {
    const char **names = ps_arena_allocate(binder->arena, binder->column_count + 1, sizeof *names);
    if (names == NULL) {
        return ps_error_memory(error, "a model");
    }
    memcpy(names, binder->names, binder->column_count * sizeof *names);
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s: the model's SELECT has no column %s", what,
                       name);
    const char *nearest = ps_nearest(name, names);
    if (nearest != NULL) {
        (void)ps_error_hint(error, "did you mean %s?", nearest);
    }
    (void)ps_error_at(error, location, NULL, 0);
    return PENSTOCK_INVALID_PROJECT;
}

/* The HOLDOUT column says when; it is a feature only as a place on a circle, which says nothing of later or earlier. */
static bool is_only_holdout(const struct binder *binder, const char *name) {
    const struct ps_recipe *recipe = binder->recipe;
    if ((recipe->by_column == NULL || strcmp(recipe->by_column, name) != 0) &&
        (recipe->time_column == NULL || strcmp(recipe->time_column, name) != 0)) {
        return false;
    }
    const struct ps_input_stages stages = {binder->model->transforms, binder->model->transform_count};
    const struct ps_call *stage = ps_input_first_stage(&stages, name);
    return stage == NULL || ps_transform_find(stage->name) != &ps_cyclic_encoder_type;
}

static penstock_code add_input(struct binder *binder, size_t column, bool is_label,
                               struct penstock_error *error) {
    const char *name = binder->names[column];
    const char *type = binder->types[column];
    const struct ps_input_stages stages = {binder->model->transforms, binder->model->transform_count};
    bool is_added = false;
    PS_TRY(ps_input_add(binder->recipe->pipeline, &stages, name, type, is_label, &is_added, error));
    if (is_added) {
        return PENSTOCK_OK;
    }
    const char *note = ps_arena_printf(binder->arena, "%s (%s)", name, type);
    if (note == NULL) {
        return ps_error_memory(error, "a model");
    }
    binder->recipe->left_out[binder->recipe->left_out_count++] = note;
    return PENSTOCK_OK;
}

/* What an estimator may do with the label, as far as the statement tells. */
static unsigned tasks_of(const struct ps_estimator *estimator, bool is_class, bool is_text, bool is_boolean) {
    const struct ps_estimator_type *type = estimator->type;
    unsigned tasks = type->tasks;
    if (type->task != NULL) {
        const bool is_only_class = is_text || is_boolean;
        tasks = is_only_class ? 0 : (unsigned)type->task(estimator->config, 0, false);
        for (size_t count = 2; is_class && count <= 3; count++) {
            tasks |= (unsigned)type->task(estimator->config, count, is_only_class);
        }
    }
    return is_class && !is_text ? tasks : tasks & (is_text ? PS_TASK_CLASSES : PS_TASK_REGRESSION);
}

static penstock_code refuse_label(const struct binder *binder, const char *estimator, const char *type,
                                  struct penstock_error *error) {
    const char *label = binder->model->label;
    if (ps_input_is_number(type)) {
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                           "PREDICT: the label %s is %s; %s predicts classes", label, type, estimator);
        (void)ps_error_hint(error, "a class is BOOLEAN, a whole number or a text: CAST(%s AS INTEGER) AS %s",
                            label, label);
    } else if (strcmp(type, "VARCHAR") == 0 || starts_with(type, "ENUM")) {
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                           "PREDICT: the label %s is %s; %s predicts a number", label, type, estimator);
        (void)ps_error_hint(
            error, "CAST(%s AS DOUBLE) AS %s in the SELECT, an estimator of classes, or another column",
            label, label);
    } else {
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                           "PREDICT: the label %s is %s, neither a number nor a class", label, type);
        (void)ps_error_hint(error,
                            "CAST it to a number or to VARCHAR in the SELECT, or predict another column");
    }
    (void)ps_error_at(error, binder->model->label_location, NULL, 0);
    return PENSTOCK_INVALID_PROJECT;
}

/* All estimators of a search predict the same kind of thing, or their metrics could not be compared. */
static penstock_code check_task(const struct binder *binder, size_t label, struct penstock_error *error) {
    struct ps_recipe *recipe = binder->recipe;
    const char *type = binder->types[label];
    const bool is_text = strcmp(type, "VARCHAR") == 0 || starts_with(type, "ENUM");
    const bool is_class = is_text || (ps_input_is_number(type) && strcmp(type, "FLOAT") != 0 &&
                                      strcmp(type, "DOUBLE") != 0 && !starts_with(type, "DECIMAL"));
    unsigned tasks = PS_TASK_ANY;
    for (size_t i = 0; i < recipe->estimator_count; i++) {
        const struct ps_estimator *estimator = &recipe->estimators[i];
        const bool is_boolean = strcmp(type, "BOOLEAN") == 0;
        const unsigned own =
            is_class || ps_input_is_number(type) ? tasks_of(estimator, is_class, is_text, is_boolean) : 0;
        if (own == 0) {
            return refuse_label(binder, estimator->type->name, type, error);
        }
        if ((tasks & own) == 0) {
            (void)ps_error_set(
                error, PENSTOCK_INVALID_PROJECT, "USING: %s predicts %s and %s %s: they cannot compete",
                recipe->estimator.type->name, (own & PS_TASK_REGRESSION) != 0 ? "classes" : "a number",
                estimator->type->name, (own & PS_TASK_REGRESSION) != 0 ? "a number" : "classes");
            (void)ps_error_hint(error, "make two models of them");
            return ps_error_at(error, estimator->location, NULL, 0);
        }
        tasks &= own;
    }
    recipe->tasks = strcmp(type, "BOOLEAN") == 0 ? tasks & ~(unsigned)PS_TASK_MULTICLASS : tasks;
    return PENSTOCK_OK;
}

static penstock_code check_label(const struct binder *binder, size_t *label_out,
                                 struct penstock_error *error) {
    const struct ps_model_statement *model = binder->model;
    const int64_t label = find(binder, model->label);
    if (label < 0) {
        return no_column(binder, "PREDICT", model->label, model->label_location, error);
    }
    *label_out = (size_t)label;
    return check_task(binder, (size_t)label, error);
}

static penstock_code check_holdout(const struct binder *binder, struct penstock_error *error) {
    const struct ps_holdout *holdout = &binder->model->holdout;
    if (holdout->kind == PS_HOLDOUT_NONE || holdout->by_column == NULL) {
        return PENSTOCK_OK;
    }
    const int64_t column = find(binder, holdout->by_column);
    if (column < 0) {
        return no_column(binder, "HOLDOUT", holdout->by_column, holdout->location, error);
    }
    const char *type = binder->types[column];
    const bool is_right =
        ps_input_is_time(type) || (holdout->kind == PS_HOLDOUT_FRACTION && ps_input_is_number(type));
    if (!is_right) {
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "HOLDOUT: column %s is %s; LAST %s BY needs a %s",
                           holdout->by_column, type,
                           holdout->kind == PS_HOLDOUT_FRACTION ? "PERCENT" : "an interval",
                           holdout->kind == PS_HOLDOUT_FRACTION ? "time or a number" : "DATE or a TIMESTAMP");
        (void)ps_error_at(error, holdout->location, NULL, 0);
        return PENSTOCK_INVALID_PROJECT;
    }
    binder->recipe->by_column = binder->names[column];
    return PENSTOCK_OK;
}

static penstock_code check_fold_column(const struct binder *binder, struct penstock_error *error) {
    const char *name = binder->recipe->validation.fold_column;
    if (name == NULL) {
        return PENSTOCK_OK;
    }
    const int64_t column = find(binder, name);
    if (column < 0) {
        return no_column(binder, "foldCol", name, binder->model->validation.location, error);
    }
    if (!ps_input_is_number(binder->types[column])) {
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "foldCol: column %s is %s, not a whole number",
                           name, binder->types[column]);
        (void)ps_error_at(error, binder->model->validation.location, NULL, 0);
        return PENSTOCK_INVALID_PROJECT;
    }
    binder->recipe->validation.fold_column = binder->names[column];
    return PENSTOCK_OK;
}

/* A number column of weights or offsets, by its name in the SELECT. */
static penstock_code find_number(const struct binder *binder, const char *option, const char *name,
                                 struct ps_location location, const char **name_out,
                                 struct penstock_error *error) {
    const int64_t column = find(binder, name);
    if (column < 0) {
        return no_column(binder, option, name, location, error);
    }
    const char *found = binder->names[column];
    if (!ps_input_is_number(binder->types[column]) || ps_text_equal_nocase(found, binder->model->label)) {
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s: column %s is %s", option, found,
                           ps_input_is_number(binder->types[column]) ? "the label" : binder->types[column]);
        (void)ps_error_hint(error, "it must be a number column of its own");
        return ps_error_at(error, location, NULL, 0);
    }
    *name_out = found;
    return PENSTOCK_OK;
}

/* What all estimators say of one option that names a column: cells of one search must be measured alike. */
static penstock_code common_text(const struct binder *binder, const char *option, const char **text_out,
                                 struct penstock_error *error) {
    const struct ps_recipe *recipe = binder->recipe;
    const char *first = NULL;
    for (size_t i = 0; i < recipe->estimator_count; i++) {
        const struct ps_estimator *estimator = &recipe->estimators[i];
        const char *text = ps_estimator_text(estimator->type, estimator->config, option);
        for (size_t a = 0; a < estimator->axis_count; a++) {
            if (strcmp(estimator->axes[a].name, option) == 0 && estimator->axes[a].count > 1) {
                (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                                   "%s: %s names one column, it cannot be searched", estimator->type->name,
                                   option);
                return ps_error_at(error, estimator->location, NULL, 0);
            }
        }
        first = i == 0 ? text : first;
        if ((text == NULL) != (first == NULL) || (text != NULL && !ps_text_equal_nocase(text, first))) {
            (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                               "USING: %s and %s do not have the same %s: they could not be compared",
                               recipe->estimators[0].type->name, estimator->type->name, option);
            (void)ps_error_hint(error, "make two models of them");
            return ps_error_at(error, estimator->location, NULL, 0);
        }
    }
    *text_out = first;
    return PENSTOCK_OK;
}

/* weightCol of the estimators and of the metric, offsetCol. */
static penstock_code check_row_columns(const struct binder *binder, struct penstock_error *error) {
    struct ps_recipe *recipe = binder->recipe;
    struct ps_validation *validation = &recipe->validation;
    const struct ps_location using = recipe->estimators[0].location;
    const char *weights = NULL, *offset = NULL;
    PS_TRY(common_text(binder, "weightCol", &weights, error));
    PS_TRY(common_text(binder, "offsetCol", &offset, error));
    if (weights != NULL) {
        PS_TRY(find_number(binder, "weightCol", weights, using, &validation->weight_column, error));
        validation->weighs_training = true;
    }
    if (validation->score_weights != NULL) {
        const char *found = NULL;
        const struct ps_location place = binder->model->validation.location;
        PS_TRY(find_number(binder, "weightCol", validation->score_weights, place, &found, error));
        if (weights != NULL && strcmp(found, validation->weight_column) != 0) {
            (void)ps_error_set(
                error, PENSTOCK_INVALID_PROJECT,
                "weightCol: rows are trained with %s and measured with %s; a model has one such column",
                validation->weight_column, found);
            return ps_error_at(error, place, NULL, 0);
        }
        validation->weight_column = found;
    }
    if (offset != NULL) {
        PS_TRY(find_number(binder, "offsetCol", offset, using, &recipe->offset_column, error));
    }
    const bool is_both = offset != NULL && validation->weight_column != NULL &&
                         strcmp(recipe->offset_column, validation->weight_column) == 0;
    if (!is_both) {
        return PENSTOCK_OK;
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "column %s is weightCol and offsetCol", offset);
    return ps_error_at(error, using, NULL, 0);
}

/* The offset is added as it is: no stage may have changed it. */
static penstock_code check_offset(const struct binder *binder, struct penstock_error *error) {
    const struct ps_recipe *recipe = binder->recipe;
    const struct ps_pipeline *pipeline = recipe->pipeline;
    if (recipe->offset_column == NULL) {
        return PENSTOCK_OK;
    }
    const int64_t column = ps_pipeline_find(pipeline, recipe->offset_column);
    if (column >= 0 && pipeline->slots[pipeline->columns[column].slot].maker == PS_NO_SLOT) {
        return PENSTOCK_OK;
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                       "TRANSFORM changes %s, which is offsetCol: it is added as it is",
                       recipe->offset_column);
    (void)ps_error_hint(error, "compute it in the SELECT, ln(exposure) AS offset for instance");
    return ps_error_at(error, binder->statement->location, NULL, 0);
}

/* The column of TimeSeriesSplit: its own `by`, or that of HOLDOUT. */
static penstock_code check_series(const struct binder *binder, struct penstock_error *error) {
    struct ps_recipe *recipe = binder->recipe;
    struct ps_validation *validation = &recipe->validation;
    if (validation->series == NULL) {
        return PENSTOCK_OK;
    }
    const struct ps_location location = binder->model->validation.location;
    const char *name = validation->time_column != NULL ? validation->time_column : recipe->by_column;
    if (name == NULL) {
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s needs to know what time is",
                           validation->type->name);
        (void)ps_error_hint(error, "write %s(by = column), or HOLDOUT LAST 20 PERCENT BY column",
                            validation->type->name);
        return ps_error_at(error, location, NULL, 0);
    }
    const int64_t column = find(binder, name);
    if (column < 0) {
        return no_column(binder, validation->type->name, name, location, error);
    }
    const char *type = binder->types[column];
    if (!ps_input_is_time(type) && !(ps_input_is_number(type) && validation->gap_ms == 0)) {
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s: column %s is %s, not a %s",
                           validation->type->name, name, type,
                           validation->gap_ms > 0 ? "DATE or a TIMESTAMP" : "time or a number");
        return ps_error_at(error, location, NULL, 0);
    }
    recipe->time_column = validation->fold_column = binder->names[column];
    return PENSTOCK_OK;
}

static penstock_code check_gate(const struct ps_recipe *recipe, unsigned tasks, struct ps_arena *arena,
                                struct penstock_error *error) {
    for (size_t i = 0; i < recipe->model->gate_count; i++) {
        const struct ps_gate_condition *condition = &recipe->model->gate[i];
        const bool has_metric =
            condition->metric != NULL &&
            (condition->kind == PS_GATE_LIMIT || condition->kind == PS_GATE_IMPROVEMENT ||
             condition->kind == PS_GATE_NON_INFERIORITY || condition->kind == PS_GATE_SLICE);
        const struct ps_metric_type *metric = NULL;
        if (has_metric && ps_metric_choose(condition->metric, tasks, arena, &metric, error) != PENSTOCK_OK) {
            (void)ps_error_context(error, "GATE");
            return ps_error_at(error, condition->location, NULL, 0);
        }
    }
    return PENSTOCK_OK;
}

penstock_code ps_recipe_settle(struct ps_recipe *recipe, enum ps_task task, struct ps_arena *arena,
                               struct penstock_error *error) {
    PS_TRY(ps_validation_settle(&recipe->validation, (unsigned)task, arena, error));
    return check_gate(recipe, (unsigned)task, arena, error);
}

static penstock_code read_estimators(struct binder *binder, struct penstock_error *error) {
    struct ps_recipe *recipe = binder->recipe;
    const struct ps_model_statement *model = binder->model;
    const size_t splits = recipe->validation.split_count;
    recipe->estimators = ps_arena_allocate(binder->arena, model->estimator_count, sizeof *recipe->estimators);
    if (recipe->estimators == NULL) {
        return ps_error_memory(error, "a model");
    }
    for (size_t i = 0; i < model->estimator_count; i++) {
        struct ps_estimator *estimator = &recipe->estimators[i];
        PS_TRY(ps_estimator_read(&model->estimators[i], splits, binder->arena, estimator, error));
        if (model->estimator_count > 1) {
            PS_TRY(ps_estimator_name_given(estimator, &model->estimators[i], binder->arena, error));
        }
        recipe->cell_count += estimator->cell_count;
        recipe->estimator_count++;
    }
    recipe->estimator = recipe->estimators[0];
    if (recipe->cell_count > PS_LIMIT_GRID_CELLS) {
        (void)ps_error_set(
            error, PENSTOCK_INVALID_PROJECT,
            "USING: %zu cells of %zu estimators in %zu folds are %zu solutions; the limit is %d cells",
            recipe->cell_count, recipe->estimator_count, splits, recipe->cell_count * splits,
            PS_LIMIT_GRID_CELLS);
        return ps_error_at(error, model->estimators[0].location, NULL, 0);
    }
    return PENSTOCK_OK;
}

static penstock_code bind(struct binder *binder, struct penstock_error *error) {
    struct ps_recipe *recipe = binder->recipe;
    const struct ps_model_statement *model = binder->model;
    PS_TRY(ps_validation_read(&model->validation, binder->arena, &recipe->validation, error));
    PS_TRY(read_estimators(binder, error));
    size_t label = 0;
    PS_TRY(check_label(binder, &label, error));
    PS_TRY(check_holdout(binder, error));
    PS_TRY(check_fold_column(binder, error));
    PS_TRY(check_series(binder, error));
    PS_TRY(check_row_columns(binder, error));
    PS_TRY(ps_validation_settle(&recipe->validation, recipe->tasks, binder->arena, error));
    PS_TRY(check_gate(recipe, recipe->tasks, binder->arena, error));
    PS_TRY(ps_gate_conditions_check(model, &recipe->validation, binder->names, binder->column_count,
                                    binder->arena, error));
    PS_TRY(ps_pipeline_new(binder->arena, &recipe->pipeline, error));
    for (size_t i = 0; i < binder->column_count; i++) {
        const char *name = binder->names[i];
        const bool is_reserved =
            i == label || is_only_holdout(binder, name) ||
            (recipe->validation.weight_column != NULL &&
             strcmp(recipe->validation.weight_column, name) == 0) ||
            (recipe->validation.fold_column != NULL && recipe->validation.series == NULL &&
             strcmp(recipe->validation.fold_column, name) == 0);
        if (!is_reserved) {
            PS_TRY(add_input(binder, i, false, error));
        }
    }
    PS_TRY(add_input(binder, label, true, error));
    if (recipe->offset_column != NULL) {
        const int64_t offset = ps_pipeline_find(recipe->pipeline, recipe->offset_column);
        recipe->pipeline->fixed_slot = offset < 0 ? PS_NO_SLOT : recipe->pipeline->columns[offset].slot;
    }
    for (size_t i = 0; i < model->transform_count; i++) {
        PS_TRY(ps_pipeline_add(recipe->pipeline, &model->transforms[i], error));
    }
    PS_TRY(check_offset(binder, error));
    ps_pipeline_defer(recipe->pipeline);
    for (size_t i = 0; i < recipe->pipeline->column_count; i++) {
        const struct ps_live_column *column = &recipe->pipeline->columns[i];
        if (recipe->pipeline->slots[column->slot].kind == PS_SLOT_TEXT) {
            (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "TRANSFORM makes no number of column %s (%s)",
                               column->name, recipe->pipeline->slots[column->slot].type_text);
            (void)ps_error_hint(error, "OneHotEncoder(%s) or StringIndexer(%s) does", column->name,
                                column->name);
            return ps_error_at(error, binder->statement->location, NULL, 0);
        }
    }
    if (recipe->pipeline->column_count < 2 && !recipe->pipeline->makes_late) {
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                           "the model's SELECT has no feature beside the label %s", model->label);
        (void)ps_error_hint(error, "add number columns, or texts with OneHotEncoder");
        (void)ps_error_at(error, binder->statement->location, NULL, 0);
        return PENSTOCK_INVALID_PROJECT;
    }
    return PENSTOCK_OK;
}

penstock_code ps_recipe_read(const struct ps_statement *statement, const char *const *names,
                             const char *const *types, size_t column_count, struct ps_arena *arena,
                             struct ps_recipe **recipe_out, struct penstock_error *error) {
    struct ps_recipe *recipe = ps_arena_allocate(arena, 1, sizeof *recipe);
    if (recipe == NULL) {
        return ps_error_memory(error, "a model");
    }
    recipe->statement = statement;
    recipe->model = &statement->as.model;
    recipe->left_out = ps_arena_allocate(arena, column_count + 1, sizeof *recipe->left_out);
    if (recipe->left_out == NULL) {
        return ps_error_memory(error, "a model");
    }
    if (column_count > PS_LIMIT_COLUMN_COUNT) {
        return ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                            "the model's SELECT has %zu columns; the limit is %d", column_count,
                            PS_LIMIT_COLUMN_COUNT);
    }
    struct binder binder = {statement, &statement->as.model, names, types, column_count, recipe, arena};
    PS_TRY(bind(&binder, error));
    *recipe_out = recipe;
    return PENSTOCK_OK;
}

penstock_code ps_model_check(const struct ps_project *project, const struct ps_node *node,
                             struct penstock_error *error) {
    (void)project;
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    if (arena == NULL) {
        return ps_error_memory(error, "a model");
    }
    struct ps_recipe *recipe = NULL;
    return ps_recipe_read(node->statement, node->column_names, node->column_types, node->column_count, arena,
                          &recipe, error);
}
