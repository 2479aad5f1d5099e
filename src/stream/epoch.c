/* SPDX-License-Identifier: Apache-2.0
 *
 * epoch.c - one epoch in one transaction: load what was decoded, carry out the statements in graph order,
 * then positions, watermarks, dead letters and the epoch's own row.
 *
 * Nothing here depends on time or on the number of threads but the columns that only show when it ran.
 */
#include "stream/epoch.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/limits.h"

/* Epochs between two looks at what is too old. */
#define FORGET_EVERY 1000

penstock_code ps_epoch_begin(struct ps_run *run, struct ps_epoch epoch, int64_t planned_ms,
                             struct penstock_error *error) {
    run->epoch = epoch;
    run->dead.count = 0;
    PS_TRY(ps_pins_take(run, epoch.number, error));
    PS_TRY(ps_run_execute(run, PS_RUN_BEGIN, "BEGIN TRANSACTION", error));
    ps_pins_apply(run);
    if (!run->uses_epoch_time) {
        return PENSTOCK_OK;
    }
    char planned[32];
    ps_clock_format_iso(planned_ms, planned, sizeof planned);
    return ps_sql_runf(run->connection, error,
                       "CREATE OR REPLACE TEMP MACRO epoch_time() AS '%s'::TIMESTAMPTZ::TIMESTAMP", planned);
}

/* --- what was decoded ------------------------------------------------------------------------------------------- */

/* The first failure in record order. */
static penstock_code check_tasks(const struct ps_prepared *prepared, struct penstock_error *error) {
    for (size_t i = 0; i < prepared->task_count; i++) {
        const struct ps_task *task = &prepared->tasks[i];
        if (task->code != PENSTOCK_OK) {
            if (task->error == NULL) {
                return ps_error_memory(error, "an error");
            }
            if (error != NULL) {
                *error = *task->error;
            }
            return task->code;
        }
    }
    return PENSTOCK_OK;
}

static void tell_tasks(const struct ps_run *run, const struct ps_prepared *prepared) {
    for (size_t i = 0; i < prepared->task_count; i++) {
        const struct ps_task *task = &prepared->tasks[i];
        ps_run_tell(run,
                    (struct ps_event){
                        .kind = PS_EVENT_TASK_FINISHED,
                        .name = run->inputs[task->input].name,
                        .task = (int64_t)i,
                        .record_count = task->batch != NULL ? task->batch->record_count : task->raw.row_count,
                        .row_count = task->batch != NULL ? task->batch->row_count : task->raw.row_count,
                        .byte_count = task->byte_count,
                        .duration_ns = task->duration_ns});
    }
}

static penstock_code load_input(struct ps_run *run, struct ps_input *input, const struct ps_task *tasks,
                                size_t count, struct penstock_error *error) {
    struct ps_arena *arena = run->epoch_arena;
    struct ps_batch **batches = ps_arena_allocate(arena, count + 1, sizeof(struct ps_batch *));
    const char **relations = ps_arena_allocate(arena, count + 1, sizeof(char *));
    const char **partitions = ps_arena_allocate(arena, count + 1, sizeof(char *));
    if (batches == NULL || relations == NULL || partitions == NULL) {
        return ps_error_memory(error, "an epoch");
    }
    for (size_t i = 0; i < count; i++) {
        batches[i] = tasks[i].batch;
        relations[i] = tasks[i].raw.relation;
        partitions[i] = tasks[i].slice->partition.name;
    }
    input->rows = (struct ps_input_rows){
        .batches = input->is_relation ? NULL : batches, .partitions = partitions, .slice_count = count};
    return input->is_relation && count > 0 ? ps_relation_load(run, input, relations, error)
           : input->is_relation            ? ps_relation_define(run, input, error)
                                           : ps_input_load(run, input, error);
}

static penstock_code load(struct ps_run *run, const struct ps_prepared *prepared,
                          struct ps_epoch_totals *totals, struct penstock_error *error) {
    PS_TRY(check_tasks(prepared, error));
    tell_tasks(run, prepared);
    size_t first = 0;
    for (size_t i = 0; i < run->input_count; i++) {
        if (!run->inputs[i].is_used) {
            continue;
        }
        size_t count = 0;
        while (first + count < prepared->task_count && prepared->tasks[first + count].input == i) {
            count++;
        }
        PS_TRY(load_input(run, &run->inputs[i], prepared->tasks + first, count, error));
        totals->record_count += run->inputs[i].rows.record_count;
        first += count;
    }
    totals->byte_count = prepared->byte_count;
    return PENSTOCK_OK;
}

/* --- the transaction --------------------------------------------------------------------------------------------- */

static const char epoch_feed[] = "penstock_epoch";

static const struct ps_column_schema epoch_columns[] = {
    {.name = "epoch", .type_text = "BIGINT", .type = PS_TYPE_BIGINT},
    {.name = "attempt", .type_text = "BIGINT", .type = PS_TYPE_BIGINT},
    {.name = "application", .type_text = "VARCHAR", .type = PS_TYPE_VARCHAR},
    {.name = "started_at", .type_text = "TIMESTAMP", .type = PS_TYPE_TIMESTAMP},
    {.name = "committed_at", .type_text = "TIMESTAMP", .type = PS_TYPE_TIMESTAMP},
    {.name = "records", .type_text = "BIGINT", .type = PS_TYPE_BIGINT},
    {.name = "rows_kept", .type_text = "BIGINT", .type = PS_TYPE_BIGINT},
    {.name = "dead_letters", .type_text = "BIGINT", .type = PS_TYPE_BIGINT},
};
#define EPOCH_COLUMN_COUNT (sizeof epoch_columns / sizeof epoch_columns[0])

/* A schema over a copy of the columns, which must live as long. */
static struct ps_schema epoch_schema(struct ps_column_schema copy[EPOCH_COLUMN_COUNT]) {
    memcpy(copy, epoch_columns, sizeof epoch_columns);
    return (struct ps_schema){copy, EPOCH_COLUMN_COUNT};
}

penstock_code ps_epoch_declare(struct ps_engine *engine, struct penstock_error *error) {
    struct ps_column_schema copy[EPOCH_COLUMN_COUNT];
    const struct ps_schema schema = epoch_schema(copy);
    return ps_feed_declare(engine, epoch_feed, &schema, error);
}

/* A stream of ten epochs a second writes 300 million rows a year here: the oldest go, so that the store does not grow
 * with the number of commits. Only now and then, because a DELETE looks at the whole table. */
static penstock_code forget_old(struct ps_run *run, struct penstock_error *error) {
    const int64_t last = run->epoch.number - PS_LIMIT_EPOCH_COUNT;
    if (last <= 0 || run->epoch.number % FORGET_EVERY != 0) {
        return PENSTOCK_OK;
    }
    char number[24];
    snprintf(number, sizeof number, "%lld", (long long)last);
    const char *const values[] = {number};
    PS_TRY(ps_sql_run_with(run->connection, "DELETE FROM penstock.epochs WHERE epoch <= $1::BIGINT", values,
                           1, error));
    return ps_sql_run_with(run->connection, "DELETE FROM penstock.rule_violations WHERE epoch <= $1::BIGINT",
                           values, 1, error);
}

penstock_code ps_epoch_save(struct ps_run *run, int64_t started_ms, const struct ps_epoch_totals *totals,
                            struct penstock_error *error) {
    struct ps_column_schema copy[EPOCH_COLUMN_COUNT];
    const struct ps_schema schema = epoch_schema(copy);
    struct ps_batch *batch PS_SCOPED(ps_batch_free_scoped) = NULL;
    PS_TRY(ps_batch_new(&schema, 1, &batch, error));
    PS_TRY(ps_batch_begin_row(batch, error));
    const int64_t values[EPOCH_COLUMN_COUNT] = {
        run->epoch.number, run->epoch.attempt,        0,
        started_ms * 1000, ps_clock_wall_ms() * 1000, totals->record_count,
        totals->row_count, totals->dead_count};
    for (size_t i = 0; i < EPOCH_COLUMN_COUNT; i++) {
        if (epoch_columns[i].type != PS_TYPE_VARCHAR) {
            ((int64_t *)batch->columns[i].values)[0] = values[i];
        } else if (run->options == NULL || run->options->application == NULL) {
            ps_batch_set_null(batch, i);
        } else {
            ((struct ps_bytes *)batch->columns[i].values)[0] = ps_bytes_of(run->options->application);
        }
    }
    ps_batch_end_row(batch, (struct ps_record){{NULL, 0}, 0, NULL});
    const struct ps_batch *const batches[] = {batch};
    PS_TRY(ps_feed_put(run->store->engine, epoch_feed, batches, 1, error));
    const penstock_code code =
        ps_run_execute(run, PS_RUN_SAVE_EPOCH,
                       "INSERT INTO penstock.epochs SELECT * FROM penstock_feed('penstock_epoch')", error);
    ps_feed_clear(run->store->engine, epoch_feed);
    return code == PENSTOCK_OK ? forget_old(run, error) : code;
}

penstock_code ps_epoch_write(struct ps_run *run, struct ps_prepared *prepared,
                             struct ps_epoch_totals *totals_out, struct penstock_error *error) {
    const int64_t started_ms = ps_clock_wall_ms();
    struct ps_epoch_totals totals = {0};
    PS_TRY(load(run, prepared, &totals, error));
    ps_flow_begin(run);
    for (size_t i = 0; i < run->output_count; i++) {
        int64_t row_count = 0;
        if (ps_flow_has_rows(run, &run->outputs[i])) {
            PS_TRY(ps_output_write(run, &run->outputs[i], &row_count, error));
            totals.row_count += row_count;
        }
    }
    totals.dead_count = (int64_t)run->dead.count;
    PS_TRY(ps_dead_save(run, error));
    for (size_t i = 0; i < run->input_count; i++) {
        if (prepared->ranges[i] != NULL) {
            PS_TRY(ps_watermark_save(run, &run->inputs[i], error));
        }
    }
    PS_TRY(ps_position_save(run, (const struct ps_range *const *)prepared->ranges, error));
    if (run->backfill == NULL) { /* its records have had their epochs */
        PS_TRY(ps_epoch_save(run, started_ms, &totals, error));
        PS_TRY(ps_pins_save(run, run->epoch.number, false, error));
    }
    *totals_out = totals;
    return PENSTOCK_OK;
}

penstock_code ps_epoch_commit(struct ps_run *run, struct penstock_error *error) {
    PS_TRY(ps_sinks_save(run, error));
    PS_TRY(ps_store_check_owner(run->store, error));
    PS_TRY(ps_run_execute(run, PS_RUN_COMMIT, "COMMIT", error));
    return ps_store_settle(run->store, error);
}

void ps_epoch_release(struct ps_run *run) {
    for (size_t i = 0; i < run->input_count; i++) {
        ps_input_clear(run, &run->inputs[i]);
    }
    run->dead.count = 0;
    ps_pins_release(run);
    ps_arena_reset(run->epoch_arena);
}
