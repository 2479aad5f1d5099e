/* SPDX-License-Identifier: Apache-2.0
 *
 * preparation.c - binding the stages of a dataset, and fitting them.
 *
 * Nothing is deferred here: without a search there is no scan of sums that scalers could wait for, so each stage learns
 * from the rows as the stages before it leave them.
 */
#include "model/preparation.h"

#include <math.h>

#include "base/limits.h"
#include "model/fit.h"
#include "model/inputs.h"
#include "model/notes.h"

static penstock_code add_stage(struct ps_preparation *preparation, const struct ps_call *call,
                               struct penstock_error *error) {
    struct ps_pipeline *pipeline = preparation->pipeline;
    const struct ps_transform_type *type = ps_transform_find(call->name);
    if (type == &ps_target_encoder_type) {
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                           "%s learns from a label, which a dataset does not have", type->name);
        (void)ps_error_hint(error, "OneHotEncoder and StringIndexer need none");
        return ps_error_at(error, call->location, NULL, 0);
    }
    PS_TRY(ps_pipeline_add(pipeline, call, error));
    const struct ps_transform *transform = &pipeline->transforms[pipeline->transform_count - 1];
    struct ps_prepared_stage *stage = &preparation->stages[preparation->stage_count++];
    *stage = (struct ps_prepared_stage){.name = transform->type->name, .call = call};
    if (transform->type == &ps_outlier_filter_type) {
        stage->bounds =
            ps_arena_allocate(preparation->arena, transform->input_count + 1, sizeof *stage->bounds);
        if (stage->bounds == NULL) {
            return ps_error_memory(error, "a dataset");
        }
        stage->bound_count = transform->input_count;
    }
    return PENSTOCK_OK;
}

static penstock_code bind(struct ps_preparation *preparation, struct penstock_error *error) {
    const struct ps_dataset_statement *dataset = &preparation->node->statement->as.dataset;
    const struct ps_input_stages stages = {dataset->transforms, dataset->transform_count};
    PS_TRY(ps_pipeline_new(preparation->arena, &preparation->pipeline, error));
    preparation->pipeline->is_of_dataset = true;
    for (size_t i = 0; i < preparation->column_count; i++) {
        bool is_added = false;
        PS_TRY(ps_input_add(preparation->pipeline, &stages, preparation->names[i], preparation->types[i],
                            false, &is_added, error));
    }
    for (size_t i = 0; i < dataset->transform_count; i++) {
        PS_TRY(add_stage(preparation, &dataset->transforms[i], error));
    }
    ps_pipeline_defer(preparation->pipeline);
    for (size_t i = 0; i < preparation->pipeline->transform_count; i++) {
        const struct ps_transform *transform = &preparation->pipeline->transforms[i];
        for (size_t k = 0; k < transform->input_count; k++) {
            transform->is_deferred[k] = false;
        }
    }
    return PENSTOCK_OK;
}

penstock_code ps_preparation_read(const struct ps_node *node, const char *const *names,
                                  const char *const *types, size_t column_count, struct ps_arena *arena,
                                  struct ps_preparation **preparation_out, struct penstock_error *error) {
    const struct ps_dataset_statement *dataset = &node->statement->as.dataset;
    struct ps_preparation *preparation = ps_arena_allocate(arena, 1, sizeof *preparation);
    struct ps_prepared_stage *stages =
        ps_arena_allocate(arena, dataset->transform_count + 1, sizeof *preparation->stages);
    if (preparation == NULL || stages == NULL) {
        return ps_error_memory(error, "a dataset");
    }
    *preparation = (struct ps_preparation){.arena = arena,
                                           .node = node,
                                           .names = names,
                                           .types = types,
                                           .column_count = column_count,
                                           .stages = stages};
    PS_TRY(bind(preparation, error));
    *preparation_out = preparation;
    return PENSTOCK_OK;
}

penstock_code ps_preparation_check(const struct ps_node *node, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_preparation *preparation = NULL;
    struct ps_dataset_settings settings;
    if (arena == NULL) {
        return ps_error_memory(error, "a dataset");
    }
    PS_TRY(ps_dataset_settings_read(&node->statement->as.dataset, arena, &settings, error));
    return ps_preparation_read(node, node->column_names, node->column_types, node->column_count, arena,
                               &preparation, error);
}

/* ---- running ---- */

static penstock_code take_note(void *context, const char *text, struct penstock_error *error) {
    return ps_notes_add(context, error, "%s", text);
}

static penstock_code fit(struct ps_preparation *preparation, const struct ps_preparation_run *run,
                         struct ps_notes *notes, struct penstock_error *error) {
    struct ps_buffer where PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&where, (size_t)16 << 20);
    struct ps_fit fit = {
        .connection = run->connection,
        .relation = run->rows,
        .where = &where,
        .pipeline = preparation->pipeline,
        .arena = preparation->arena,
        .stop = run->stop,
        .note = take_note,
        .note_context = notes,
    };
    PS_TRY(ps_pipeline_fit(&fit, error));
    for (size_t i = 0; i < preparation->stage_count; i++) {
        const struct ps_transform *transform = &preparation->pipeline->transforms[i];
        for (size_t k = 0; k < preparation->stages[i].bound_count; k++) {
            struct ps_prepared_bound *bound = &preparation->stages[i].bounds[k];
            bound->column = preparation->pipeline->slots[transform->inputs[k]].name;
            ps_outlier_filter_bounds(transform, k, &bound->lower, &bound->upper);
        }
    }
    return PENSTOCK_OK;
}

static penstock_code refuse_nothing(const struct ps_preparation *preparation, struct penstock_error *error) {
    if (preparation->row_count == 0) {
        (void)ps_error_set(error, PENSTOCK_INVALID_DATA, "the dataset's SELECT gives no rows");
        return ps_error_hint(error, "is there anything in what it reads?");
    }
    const struct ps_prepared_stage *worst = &preparation->stages[0];
    for (size_t i = 1; i < preparation->stage_count; i++) {
        worst = preparation->stages[i].dropped_count > worst->dropped_count ? &preparation->stages[i] : worst;
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_DATA, "no row is left of %lld: %s drops %lld",
                       (long long)preparation->row_count, worst->name, (long long)worst->dropped_count);
    (void)ps_error_hint(error, worst->bound_count > 0 ? "a larger k keeps more rows"
                                                      : "handleInvalid = 'keep' keeps rows without a value");
    return ps_error_at(error, worst->call->location, NULL, 0);
}

penstock_code ps_preparation_run(struct ps_preparation *preparation, const struct ps_preparation_run *run,
                                 struct penstock_error *error) {
    struct ps_notes notes = {0};
    PS_TRY(ps_notes_init(&notes, preparation->arena, error));
    const char *count = ps_arena_printf(preparation->arena, "SELECT count(*) FROM %s", run->rows);
    if (count == NULL) {
        return ps_error_memory(error, "a dataset");
    }
    PS_TRY(ps_sql_integer(run->connection, count, &preparation->row_count, error));
    if (preparation->row_count == 0) {
        return refuse_nothing(preparation, error);
    }
    if (preparation->stage_count == 0) {
        preparation->kept_count = preparation->row_count;
        return ps_preparation_name_columns(preparation, run, NULL, 0, NULL, error);
    }
    PS_TRY(fit(preparation, run, &notes, error));
    PS_TRY(ps_preparation_apply(preparation, run, error));
    PS_TRY(ps_notes_finish(&notes, error));
    preparation->notes = notes.texts;
    preparation->note_count = notes.count;
    return preparation->kept_count > 0 ? PENSTOCK_OK : refuse_nothing(preparation, error);
}
