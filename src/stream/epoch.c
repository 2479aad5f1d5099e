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

penstock_code ps_epoch_begin(struct ps_run *run, struct ps_epoch epoch, int64_t planned_ms,
                             struct penstock_error *error) {
    run->epoch = epoch;
    run->dead.count = 0;
    char planned[32];
    ps_clock_format_iso(planned_ms, planned, sizeof planned);
    return ps_sql_runf(run->connection, error,
                       "BEGIN TRANSACTION; CREATE OR REPLACE TEMP MACRO epoch_time() AS"
                       " '%s'::TIMESTAMPTZ::TIMESTAMP",
                       planned);
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
                        .byte_count = task->slice->end - task->slice->begin,
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

penstock_code ps_epoch_save(struct ps_run *run, int64_t started_ms, const struct ps_epoch_totals *totals,
                            struct penstock_error *error) {
    char started[32], committed[32], epoch[24], attempt[24], records[24], rows[24], dead[24];
    ps_clock_format_iso(started_ms, started, sizeof started);
    ps_clock_format_iso(ps_clock_wall_ms(), committed, sizeof committed);
    snprintf(epoch, sizeof epoch, "%lld", (long long)run->epoch.number);
    snprintf(attempt, sizeof attempt, "%lld", (long long)run->epoch.attempt);
    snprintf(records, sizeof records, "%lld", (long long)totals->record_count);
    snprintf(rows, sizeof rows, "%lld", (long long)totals->row_count);
    snprintf(dead, sizeof dead, "%lld", (long long)totals->dead_count);
    const char *const values[] = {epoch,   attempt,   run->options != NULL ? run->options->application : NULL,
                                  started, committed, records,
                                  rows,    dead};
    return ps_sql_run_with(
        run->connection,
        "INSERT INTO penstock.epochs VALUES ($1::BIGINT, $2::BIGINT, $3,"
        " $4::TIMESTAMPTZ::TIMESTAMP, $5::TIMESTAMPTZ::TIMESTAMP, $6::BIGINT, $7::BIGINT, $8::BIGINT)",
        values, sizeof values / sizeof values[0], error);
}

/* Does any record of this epoch reach the output? */
static bool has_rows(const struct ps_run *run, const struct ps_output *output) {
    return run->inputs[output->root].rows.row_count > 0;
}

penstock_code ps_epoch_write(struct ps_run *run, struct ps_prepared *prepared,
                             struct ps_epoch_totals *totals_out, struct penstock_error *error) {
    const int64_t started_ms = ps_clock_wall_ms();
    struct ps_epoch_totals totals = {0};
    PS_TRY(load(run, prepared, &totals, error));
    for (size_t i = 0; i < run->output_count; i++) {
        int64_t row_count = 0;
        if (has_rows(run, &run->outputs[i])) {
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
    PS_TRY(ps_epoch_save(run, started_ms, &totals, error));
    *totals_out = totals;
    return PENSTOCK_OK;
}

penstock_code ps_epoch_commit(struct ps_run *run, struct penstock_error *error) {
    int64_t attempt = 0;
    PS_TRY(ps_sql_integer(run->connection, "SELECT value::BIGINT FROM penstock.meta WHERE key = 'attempt'",
                          &attempt, error));
    if (attempt != run->epoch.attempt) {
        return ps_error_set(error, PENSTOCK_FENCED,
                            "attempt %lld of this store is over: attempt %lld has begun",
                            (long long)run->epoch.attempt, (long long)attempt);
    }
    PS_TRY(ps_sinks_save(run, error));
    return ps_sql_run(run->connection, "COMMIT", error);
}

void ps_epoch_release(struct ps_run *run) {
    for (size_t i = 0; i < run->input_count; i++) {
        ps_input_clear(run, &run->inputs[i]);
    }
    run->dead.count = 0;
    ps_arena_reset(run->epoch_arena);
}
