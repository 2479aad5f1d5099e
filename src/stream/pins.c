/* SPDX-License-Identifier: Apache-2.0
 *
 * pins.c - which version of a model an epoch predicts with.
 *
 * 'congestion@champion' may mean another version a second later, but all statements of an epoch, and the same epoch
 * once more after a crash, must predict with the same one. So what the references mean is fixed (pinned) before an
 * epoch begins, and kept: penstock.epoch_models(epoch, models) has a row for each epoch from which on something else
 * was meant. An epoch whose plan is made durable for outside sinks gets its row with the plan, and a later life that
 * carries out the plan takes it from there.
 *
 * How a reference becomes a version is not this room's affair: options->on_pin knows.
 */
#include "stream/run.h"

static bool is_known(const char *const *models, size_t count, const char *reference) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(models[i], reference) == 0) {
            return true;
        }
    }
    return false;
}

penstock_code ps_pins_list(struct ps_run *run, struct penstock_error *error) {
    size_t count = 0;
    for (size_t i = 0; i < run->graph->node_count; i++) {
        count += run->graph->nodes[i].model_count;
    }
    run->models = ps_arena_allocate(run->arena, count + 1, sizeof *run->models);
    if (run->models == NULL) {
        return ps_error_memory(error, "a run");
    }
    for (size_t i = 0; i < run->graph->node_count; i++) {
        const struct ps_node *node = &run->graph->nodes[i];
        const bool is_continuous =
            node->kind == PS_NODE_TABLE || node->kind == PS_NODE_VIEW || node->kind == PS_NODE_SINK;
        for (size_t k = 0; is_continuous && k < node->model_count; k++) {
            if (!is_known(run->models, run->model_count, node->models[k])) {
                run->models[run->model_count++] = node->models[k];
            }
        }
    }
    return PENSTOCK_OK;
}

static bool has_pins(const struct ps_run *run) {
    return run->model_count > 0 && run->options != NULL && run->options->on_pin != NULL;
}

static penstock_code make_table(struct ps_run *run, struct penstock_error *error) {
    return ps_sql_run(run->connection,
                      "CREATE TABLE IF NOT EXISTS penstock.epoch_models(epoch BIGINT NOT NULL,"
                      " models VARCHAR NOT NULL)",
                      error);
}

/* The models of the epoch's row, in the epoch's arena; NULL: it has none. */
static penstock_code read_row(struct ps_run *run, const char *condition, int64_t epoch,
                              const char **models_out, struct penstock_error *error) {
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_queryf(
        run->connection, &result, error,
        "SELECT models FROM penstock.epoch_models WHERE epoch %s %lld ORDER BY epoch DESC LIMIT 1", condition,
        (long long)epoch));
    const char *text = ps_result_row_count(result) > 0 ? ps_result_text(result, 0, 0) : NULL;
    *models_out = text == NULL ? NULL : ps_arena_copy(run->epoch_arena, text);
    return text != NULL && *models_out == NULL ? ps_error_memory(error, "models") : PENSTOCK_OK;
}

penstock_code ps_pins_take(struct ps_run *run, int64_t epoch, struct penstock_error *error) {
    const char *planned = NULL;
    const char *pins = NULL;
    bool is_changed = false;
    if (!has_pins(run) || run->is_pinned) {
        return PENSTOCK_OK;
    }
    PS_TRY(make_table(run, error));
    if (run->backfill == NULL) { /* its records have had their epochs: it predicts with what is meant now */
        PS_TRY(read_row(run, "=", epoch, &planned, error));
    }
    PS_TRY(run->options->on_pin(run->models, run->model_count, planned, &pins, &is_changed,
                                run->options->context, error));
    run->pins = ps_arena_copy(run->epoch_arena, pins);
    if (run->pins == NULL) {
        return ps_error_memory(error, "models");
    }
    run->is_pinned = true;
    run->needs_plans |= is_changed;
    return PENSTOCK_OK;
}

/* What was planned has the old version in it. Only views keep a statement from epoch to epoch. */
void ps_pins_apply(struct ps_run *run) {
    for (size_t i = 0; i < run->output_count && run->needs_plans; i++) {
        ps_view_done(&run->outputs[i]);
    }
    run->needs_plans = false;
}

penstock_code ps_pins_save(struct ps_run *run, int64_t epoch, bool is_planned, struct penstock_error *error) {
    const char *before = NULL;
    if (!run->is_pinned) {
        return PENSTOCK_OK;
    }
    PS_TRY(read_row(run, "<", epoch, &before, error));
    PS_TRY(ps_sql_runf(run->connection, error, "DELETE FROM penstock.epoch_models WHERE epoch >= %lld",
                       (long long)epoch));
    if (!is_planned && before != NULL && strcmp(before, run->pins) == 0) {
        return PENSTOCK_OK; /* what the row before says still holds */
    }
    char text[24];
    (void)snprintf(text, sizeof text, "%lld", (long long)epoch);
    const char *const values[] = {text, run->pins};
    return ps_sql_run_with(run->connection, "INSERT INTO penstock.epoch_models SELECT CAST($1 AS BIGINT), $2",
                           values, 2, error);
}

void ps_pins_release(struct ps_run *run) {
    run->is_pinned = false;
    run->pins = NULL;
}
