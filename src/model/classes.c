/* SPDX-License-Identifier: Apache-2.0
 *
 * classes.c - SELECT DISTINCT of the label, and the expression that turns a value into its index.
 */
#include "model/classes.h"

#include "base/bytes.h"

/* So many comparisons in a row are faster than a search in a list. */
static const size_t case_max = 16;

static struct ps_slot *label_slot(const struct ps_recipe *recipe) {
    struct ps_pipeline *pipeline = recipe->pipeline;
    for (size_t i = 0; i < pipeline->input_count; i++) {
        if (pipeline->slots[pipeline->inputs[i]].is_label) {
            return &pipeline->slots[pipeline->inputs[i]];
        }
    }
    return NULL;
}

static bool is_text_type(const char *type) {
    return strcmp(type, "VARCHAR") == 0 || strncmp(type, "ENUM", 4) == 0;
}

static penstock_code query_classes(struct ps_dataset *dataset, const struct ps_slot *label,
                                   struct ps_arena *arena, struct ps_target *target,
                                   struct penstock_error *error) {
    const char *column = ps_dataset_column(dataset, label->name);
    if (column == NULL) {
        return ps_error_memory(error, "classes");
    }
    const bool is_text = is_text_type(label->type_text);
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, (size_t)64 << 20);
    ps_buffer_printf(&sql, "SELECT CAST(v AS VARCHAR) FROM (SELECT DISTINCT CAST(%s AS %s) AS v FROM %s",
                     column, is_text ? "VARCHAR" : label->type_text, dataset->relation);
    if (dataset->training != NULL) {
        ps_buffer_printf(&sql, " WHERE %s", dataset->training);
    }
    ps_buffer_printf(&sql, ") WHERE v IS NOT NULL ORDER BY v%s LIMIT %d",
                     is_text ? " COLLATE \"binary\"" : "", PS_LIMIT_CLASS_COUNT + 1);
    PS_TRY(ps_buffer_status(&sql, error));
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query(dataset->connection, sql.data, &result, error));
    const size_t count = (size_t)ps_result_row_count(result);
    const char **names = ps_arena_allocate(arena, count + 1, sizeof *names);
    if (names == NULL) {
        return ps_error_memory(error, "classes");
    }
    for (size_t i = 0; i < count; i++) {
        names[i] = ps_arena_copy(arena, ps_result_text(result, (int64_t)i, 0));
        if (names[i] == NULL) {
            return ps_error_memory(error, "classes");
        }
    }
    *target = (struct ps_target){.class_count = count, .class_names = names, .is_text = is_text};
    return PENSTOCK_OK;
}

static void add_literal(struct ps_buffer *sql, const struct ps_target *target, size_t index) {
    if (target->is_text) {
        ps_buffer_sql_literal(sql, target->class_names[index]);
    } else {
        ps_buffer_text(sql, target->class_names[index]);
    }
}

/* The label's index as SQL: NULL of NULL, -1 of a value that is no class. */
static penstock_code index_sql(const struct ps_dataset *dataset, const struct ps_target *target,
                               const char *name, struct ps_arena *arena, const char **sql_out,
                               struct penstock_error *error) {
    const char *column = ps_dataset_column(dataset, name);
    if (column == NULL) {
        return ps_error_memory(error, "classes");
    }
    const char *value = ps_arena_printf(arena, target->is_text ? "CAST(%s AS VARCHAR)" : "%s", column);
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, (size_t)64 << 20);
    ps_buffer_printf(&sql, "CAST(CASE WHEN %s IS NULL THEN NULL", column);
    for (size_t i = 0; target->class_count <= case_max && i < target->class_count; i++) {
        ps_buffer_printf(&sql, " WHEN %s = ", value == NULL ? "" : value);
        add_literal(&sql, target, i);
        ps_buffer_printf(&sql, " THEN %zu", i);
    }
    ps_buffer_text(&sql, " ELSE ");
    if (target->class_count > case_max) {
        ps_buffer_text(&sql, "coalesce(list_position([");
        for (size_t i = 0; i < target->class_count; i++) {
            ps_buffer_text(&sql, i > 0 ? ", " : "");
            add_literal(&sql, target, i);
        }
        ps_buffer_printf(&sql, "], %s), 0) ", value == NULL ? "" : value);
    }
    ps_buffer_text(&sql, target->class_count > case_max ? "- 1 END AS DOUBLE)" : "-1 END AS DOUBLE)");
    PS_TRY(ps_buffer_status(&sql, error));
    *sql_out = ps_arena_copy(arena, sql.data);
    return value != NULL && *sql_out != NULL ? PENSTOCK_OK : ps_error_memory(error, "classes");
}

static penstock_code check_count(const struct ps_recipe *recipe, const struct ps_target *target,
                                 struct penstock_error *error) {
    const char *label = recipe->model->label;
    if (target->class_count > PS_LIMIT_CLASS_COUNT) {
        (void)ps_error_set(error, PENSTOCK_INVALID_DATA, "the label %s has more than %d classes", label,
                           PS_LIMIT_CLASS_COUNT);
        return ps_error_hint(
            error, "a number is predicted by a regression; rare classes can be joined in the SELECT");
    }
    if (target->class_count < 2) {
        (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                           "the label %s is %s in all training rows: %s needs two classes", label,
                           target->class_count == 0 ? "NULL" : target->class_names[0],
                           recipe->estimators[0].type->name);
        return ps_error_hint(error, "give rows of another class, or another label");
    }
    return PENSTOCK_OK;
}

static enum ps_task task_of(const struct ps_estimator *estimator, size_t class_count, bool is_only_class) {
    const struct ps_estimator_type *type = estimator->type;
    if (type->task != NULL) {
        return type->task(estimator->config, class_count, is_only_class);
    }
    if ((type->tasks & PS_TASK_CLASSES) == 0 || class_count == 0) {
        return PS_TASK_REGRESSION;
    }
    return class_count == 2 ? PS_TASK_BINARY : PS_TASK_MULTICLASS;
}

/* What the estimators make of a label with so many classes: all the same. */
static penstock_code agree(const struct ps_recipe *recipe, const struct ps_slot *label,
                           struct ps_target *target, struct penstock_error *error) {
    const bool is_only_class = target->is_text || strcmp(label->type_text, "BOOLEAN") == 0;
    target->task = task_of(&recipe->estimators[0], target->class_count, is_only_class);
    for (size_t i = 0; i < recipe->estimator_count; i++) {
        const struct ps_estimator *estimator = &recipe->estimators[i];
        const enum ps_task task = task_of(estimator, target->class_count, is_only_class);
        if (task == PS_TASK_BINARY && target->class_count > 2) {
            (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                               "the label %s has %zu classes; %s as it is set predicts two",
                               recipe->model->label, target->class_count, estimator->type->name);
            return ps_error_at(error, estimator->location, NULL, 0);
        }
        if (task != target->task) {
            (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                               "USING: %s and %s make different things of the label %s",
                               recipe->estimators[0].type->name, estimator->type->name, recipe->model->label);
            (void)ps_error_hint(error, "make two models of them");
            return ps_error_at(error, estimator->location, NULL, 0);
        }
    }
    return PENSTOCK_OK;
}

penstock_code ps_classes_apply(struct ps_dataset *dataset, struct ps_recipe *recipe,
                               const struct ps_target *target, struct ps_arena *arena,
                               struct penstock_error *error) {
    struct ps_slot *label = label_slot(recipe);
    if (target->task == PS_TASK_REGRESSION || label == NULL) {
        return PENSTOCK_OK;
    }
    PS_TRY(index_sql(dataset, target, label->name, arena, &dataset->label_sql, error));
    label->sql = dataset->label_sql;
    return PENSTOCK_OK;
}

penstock_code ps_classes_find(struct ps_dataset *dataset, struct ps_recipe *recipe, struct ps_arena *arena,
                              struct ps_target *target_out, struct penstock_error *error) {
    const struct ps_slot *label = label_slot(recipe);
    struct ps_target target = {.task = PS_TASK_REGRESSION};
    if ((recipe->tasks & PS_TASK_CLASSES) == 0 || label == NULL) {
        *target_out = target;
        return ps_recipe_settle(recipe, PS_TASK_REGRESSION, arena, error);
    }
    PS_TRY(query_classes(dataset, label, arena, &target, error));
    dataset->scan_count++;
    PS_TRY(agree(recipe, label, &target, error));
    if (target.task == PS_TASK_REGRESSION) {
        target = (struct ps_target){.task = PS_TASK_REGRESSION};
    } else {
        PS_TRY(check_count(recipe, &target, error));
    }
    PS_TRY(ps_recipe_settle(recipe, target.task, arena, error));
    PS_TRY(ps_classes_apply(dataset, recipe, &target, arena, error));
    *target_out = target;
    return PENSTOCK_OK;
}
