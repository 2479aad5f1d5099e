/* SPDX-License-Identifier: Apache-2.0
 *
 * recipe.c - which column is what.
 *
 * Features are all number and BOOLEAN columns but the label, foldCol and the HOLDOUT column. A text or a time is
 * a feature only where a stage names it: an index or one-hot columns are made of it; otherwise it is left out.
 */
#include "model/recipe.h"

#include "base/limits.h"
#include "model/train.h"

static bool starts_with(const char *text, const char *start) {
    return strncmp(text, start, strlen(start)) == 0;
}

/* By what DuckDB calls its types. */
static bool is_number(const char *type) {
    static const char *const names[] = {"BOOLEAN",  "TINYINT",  "SMALLINT",  "INTEGER",  "BIGINT",
                                        "HUGEINT",  "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
                                        "UHUGEINT", "FLOAT",    "DOUBLE",    "DECIMAL"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const size_t size = strlen(names[i]);
        if (starts_with(type, names[i]) &&
            (type[size] == '\0' || (type[size] == '(' && type[strlen(type) - 1] == ')'))) {
            return true;
        }
    }
    return false;
}

static bool is_time(const char *type) {
    return starts_with(type, "TIMESTAMP") || strcmp(type, "DATE") == 0;
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

/* The first stage that names the column, or NULL. */
static const struct ps_call *first_stage(const struct binder *binder, const char *name) {
    for (size_t t = 0; t < binder->model->transform_count; t++) {
        const struct ps_call *call = &binder->model->transforms[t];
        for (size_t i = 0; i < call->parameter_count; i++) {
            const struct ps_parameter *parameter = &call->parameters[i];
            const bool has_columns = parameter->name == NULL ||
                                     ps_option_name_equal(parameter->name, "inputCol") ||
                                     ps_option_name_equal(parameter->name, "inputCols");
            for (size_t v = 0; has_columns && v < parameter->value_count; v++) {
                if (ps_text_equal_nocase(parameter->values[v], name)) {
                    return call;
                }
            }
        }
    }
    return NULL;
}

static const char *value_sql(const struct binder *binder, const char *name, bool is_text,
                             struct penstock_error *error) {
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&text, (size_t)1 << 20);
    ps_buffer_text(&text, is_text ? "CAST(" : "CASE WHEN isfinite(CAST(");
    ps_buffer_sql_name(&text, name);
    if (is_text) {
        ps_buffer_text(&text, " AS VARCHAR)");
    } else {
        ps_buffer_text(&text, " AS DOUBLE)) THEN CAST(");
        ps_buffer_sql_name(&text, name);
        ps_buffer_text(&text, " AS DOUBLE) END");
    }
    if (ps_buffer_status(&text, error) != PENSTOCK_OK) {
        return NULL;
    }
    const char *copy = ps_arena_printf(binder->arena, "(%s)", text.data);
    if (copy == NULL) {
        (void)ps_error_memory(error, "a model");
    }
    return copy;
}

static penstock_code add_input(struct binder *binder, size_t column, bool is_label,
                               struct penstock_error *error) {
    const char *name = binder->names[column];
    const char *type = binder->types[column];
    const struct ps_call *stage = is_label ? NULL : first_stage(binder, name);
    bool is_text = !is_label && !is_number(type);
    if (is_text && stage == NULL) {
        const char *note = ps_arena_printf(binder->arena, "%s (%s)", name, type);
        if (note == NULL) {
            return ps_error_memory(error, "a model");
        }
        binder->recipe->left_out[binder->recipe->left_out_count++] = note;
        return PENSTOCK_OK;
    }
    is_text = is_text || (stage != NULL && ps_transform_find(stage->name) == &ps_string_indexer_type);
    const char *sql = value_sql(binder, name, is_text, error);
    if (sql == NULL) {
        return PENSTOCK_OUT_OF_MEMORY;
    }
    return ps_pipeline_add_input(binder->recipe->pipeline, name, is_text ? PS_SLOT_TEXT : PS_SLOT_NUMBER,
                                 type, sql, is_label, error);
}

static penstock_code check_label(const struct binder *binder, size_t *label_out,
                                 struct penstock_error *error) {
    const struct ps_model_statement *model = binder->model;
    const int64_t label = find(binder, model->label);
    if (label < 0) {
        return no_column(binder, "PREDICT", model->label, model->label_location, error);
    }
    if (!is_number(binder->types[label])) {
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                           "PREDICT: the label %s is %s; a regression predicts a number", model->label,
                           binder->types[label]);
        (void)ps_error_hint(error, "CAST(%s AS DOUBLE) AS %s in the SELECT, or predict another column",
                            model->label, model->label);
        (void)ps_error_at(error, model->label_location, NULL, 0);
        return PENSTOCK_INVALID_PROJECT;
    }
    *label_out = (size_t)label;
    return PENSTOCK_OK;
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
    const bool is_right = is_time(type) || (holdout->kind == PS_HOLDOUT_FRACTION && is_number(type));
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
    if (!is_number(binder->types[column])) {
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "foldCol: column %s is %s, not a whole number",
                           name, binder->types[column]);
        (void)ps_error_at(error, binder->model->validation.location, NULL, 0);
        return PENSTOCK_INVALID_PROJECT;
    }
    binder->recipe->validation.fold_column = binder->names[column];
    return PENSTOCK_OK;
}

static penstock_code check_gate(const struct binder *binder, struct penstock_error *error) {
    const char *names[16] = {0};
    for (size_t i = 0; ps_metric_types[i].name != NULL && i < 15; i++) {
        names[i] = ps_metric_types[i].name;
    }
    for (size_t i = 0; i < binder->model->gate_count; i++) {
        const struct ps_gate_condition *condition = &binder->model->gate[i];
        if (condition->kind != PS_GATE_LIMIT || ps_metric_find(condition->metric) != NULL) {
            continue;
        }
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "GATE: there is no metric %s", condition->metric);
        const char *nearest = ps_nearest(condition->metric, names);
        if (nearest != NULL) {
            (void)ps_error_hint(error, "did you mean %s?", nearest);
        } else {
            (void)ps_error_hint(error, "rmse, mse, r2, mae and var are there");
        }
        (void)ps_error_at(error, condition->location, NULL, 0);
        return PENSTOCK_INVALID_PROJECT;
    }
    return PENSTOCK_OK;
}

static penstock_code bind(struct binder *binder, struct penstock_error *error) {
    struct ps_recipe *recipe = binder->recipe;
    const struct ps_model_statement *model = binder->model;
    PS_TRY(ps_validation_read(&model->validation, binder->arena, &recipe->validation, error));
    PS_TRY(ps_estimator_read(&model->estimator, recipe->validation.split_count, binder->arena,
                             &recipe->estimator, error));
    size_t label = 0;
    PS_TRY(check_label(binder, &label, error));
    PS_TRY(check_holdout(binder, error));
    PS_TRY(check_fold_column(binder, error));
    PS_TRY(check_gate(binder, error));
    PS_TRY(ps_pipeline_new(binder->arena, &recipe->pipeline, error));
    for (size_t i = 0; i < binder->column_count; i++) {
        const char *name = binder->names[i];
        const bool is_reserved =
            i == label || (recipe->by_column != NULL && strcmp(recipe->by_column, name) == 0) ||
            (recipe->validation.fold_column != NULL && strcmp(recipe->validation.fold_column, name) == 0);
        if (!is_reserved) {
            PS_TRY(add_input(binder, i, false, error));
        }
    }
    PS_TRY(add_input(binder, label, true, error));
    for (size_t i = 0; i < model->transform_count; i++) {
        PS_TRY(ps_pipeline_add(recipe->pipeline, &model->transforms[i], error));
    }
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
    if (recipe->pipeline->column_count < 2) {
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
