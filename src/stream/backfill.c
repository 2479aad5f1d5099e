/* SPDX-License-Identifier: Apache-2.0
 *
 * backfill.c - fills one output from its source, epoch by epoch, up to the committed position; see backfill.h.
 *
 * Plans go on beyond that position, because a source knows nothing of it: what lies beyond is cut off, and a slice
 * that is cut ends with the committed position's own state. What did not get past the source then does not now
 * either: its dead letters are there already and are not added again.
 */
#include "stream/backfill.h"

#include <stdio.h>

#include "base/clock.h"
#include "stream/ahead.h"
#include "stream/change.h"
#include "stream/columns.h"
#include "stream/epoch.h"
#include "stream/offsets.h"
#include "stream/prepare.h"

#define SLICE_SIZE ((int64_t)4 << 20)
/* A broker may be slow to hand over what it has; a partition that stays away longer does not come. */
#define PATIENCE_MS 60000
#define PLAN_WAIT_MS 200

struct fill {
    struct ps_run *run;
    struct ps_output *output;
    struct ps_input *input;
    struct ps_position_list start, end, at; /* from, up to, reached */
    struct ps_run_totals totals;
    bool is_resumed;
};

/* --- marks in the store ----------------------------------------------------------------------------------------- */

static penstock_code save_position(struct ps_run *run, const char *key, const struct ps_position *position,
                                   struct penstock_error *error) {
    char ordinal[24], offset[24], epoch[24];
    (void)snprintf(ordinal, sizeof ordinal, "%lld", (long long)position->partition.ordinal);
    (void)snprintf(offset, sizeof offset, "%lld", (long long)position->offset);
    (void)snprintf(epoch, sizeof epoch, "%lld", (long long)run->epoch.number);
    const char *const values[] = {
        key,  position->partition.name, ordinal, offset, position->state != NULL ? position->state : "",
        epoch};
    return ps_sql_run_with(
        run->connection,
        "INSERT INTO penstock.positions VALUES ($1, $2, $3::BIGINT, $4::BIGINT, $5, $6::BIGINT)", values, 6,
        error);
}

penstock_code ps_backfill_mark(struct ps_run *run, const struct ps_output *output,
                               struct penstock_error *error) {
    if (run->backfill_start == NULL || strcmp(output->name, run->backfill) != 0) {
        return PENSTOCK_OK;
    }
    for (size_t i = 0; i < run->backfill_start->count; i++) {
        PS_TRY(save_position(run, run->inputs[output->root].key, &run->backfill_start->items[i], error));
    }
    return PENSTOCK_OK;
}

static penstock_code find_open(struct ps_connection *connection, struct ps_arena *arena,
                               const char **name_out, struct penstock_error *error) {
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query(connection,
                        "SELECT DISTINCT substring(source, 10) FROM penstock.positions"
                        " WHERE starts_with(source, '" PS_BACKFILL_PREFIX "') LIMIT 1",
                        &result, error));
    *name_out = NULL;
    if (ps_result_row_count(result) == 0) {
        return PENSTOCK_OK;
    }
    *name_out = ps_arena_copy(arena, ps_result_text(result, 0, 0));
    return *name_out != NULL ? PENSTOCK_OK : ps_error_memory(error, "a backfill");
}

penstock_code ps_backfill_check_none(struct ps_run *run, struct penstock_error *error) {
    const char *name = NULL;
    PS_TRY(find_open(run->connection, run->arena, &name, error));
    if (name == NULL) {
        return PENSTOCK_OK;
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "the backfill of %s is not finished", name);
    return ps_graph_find(run->graph, name) >= 0
               ? ps_error_hint(error, "penstock backfill %s goes on with it", name)
               : ps_error_hint(error, "penstock drop %s gives it up", name);
}

/* --- what is to be filled --------------------------------------------------------------------------------------- */

static bool is_below(const struct ps_run *run, const struct ps_output *output, int64_t target) {
    for (int64_t at = output - run->outputs; at >= 0; at = run->outputs[at].upstream) {
        if (at == target) {
            return true;
        }
    }
    return false;
}

static penstock_code find_output(struct fill *fill, const char *name, struct penstock_error *error) {
    struct ps_run *run = fill->run;
    const char *names[64] = {NULL};
    for (size_t i = 0; i < run->output_count; i++) {
        if (ps_text_equal_nocase(run->outputs[i].name, name)) {
            fill->output = &run->outputs[i];
        }
        if (i < 63) {
            names[i] = run->outputs[i].name;
        }
    }
    if (fill->output == NULL) {
        const char *nearest = ps_nearest(name, names);
        (void)ps_error_set(error, PENSTOCK_NOT_FOUND, "the project has no streaming table or view '%s'",
                           name);
        return nearest != NULL ? ps_error_hint(error, "did you mean %s?", nearest)
                               : ps_error_hint(error, "penstock check lists them");
    }
    if (fill->output->upstream >= 0 && fill->output->join == NULL) {
        (void)ps_error_set(
            error, PENSTOCK_INVALID_ARGUMENT,
            "%s streams from table %s, not from a source: a run fills it from the table's rows",
            fill->output->name, run->outputs[fill->output->upstream].name);
        return ps_error_hint(error, "penstock plan shows what a run would do");
    }
    fill->input = &run->inputs[fill->output->root];
    return PENSTOCK_OK;
}

/* What is filled shall be what the records were when they were read. */
static penstock_code check_source(const struct fill *fill, struct penstock_error *error) {
    const struct ps_source_type *const type = ps_source_type_find(fill->input->statement->connector);
    if (type == NULL || !type->is_fleeting) {
        return PENSTOCK_OK;
    }
    (void)ps_error_set(error, PENSTOCK_UNSUPPORTED,
                       "%s cannot be filled with what source %s has read: connector '%s' may have lost or "
                       "overwritten it since",
                       fill->output->name, fill->input->name, type->name);
    return ps_error_hint(error, "a source with another name reads what is there now");
}

/* Everything else is left alone: other outputs, other sources, all sinks. */
static penstock_code narrow(struct fill *fill, struct penstock_error *error) {
    struct ps_run *run = fill->run;
    const int64_t target = fill->output - run->outputs;
    for (size_t i = 0; i < run->output_count; i++) {
        struct ps_output *output = &run->outputs[i];
        output->is_skipped = !is_below(run, output, target);
        const bool is_join = output->join != NULL || output->join_root >= 0;
        if (!output->is_skipped && is_join) {
            (void)ps_error_set(error, PENSTOCK_UNSUPPORTED,
                               "%s joins two streams: the rows of the other one went by at their own time",
                               output->name);
            return ps_error_hint(error, "join streaming tables that keep their rows, in a new store");
        }
    }
    for (size_t i = 0; i < run->input_count; i++) {
        run->inputs[i].is_used = &run->inputs[i] == fill->input;
    }
    run->sink_count = 0; /* they are not opened, and no stage is made for them */
    run->backfill = fill->output->name;
    fill->input->key = ps_arena_printf(run->arena, PS_BACKFILL_PREFIX "%s", fill->output->name);
    return fill->input->key != NULL ? PENSTOCK_OK : ps_error_memory(error, "a backfill");
}

static penstock_code check_idle(const struct fill *fill, struct penstock_error *error) {
    int64_t count = 0;
    const char *open = NULL;
    PS_TRY(ps_sql_integer(
        fill->run->connection,
        "SELECT count(*) FROM penstock.plans WHERE epoch > (SELECT coalesce(max(epoch), 0) FROM penstock.epochs)",
        &count, error));
    if (count > 0) {
        (void)ps_error_set(error, PENSTOCK_BUSY, "the last run was stopped between its sinks and its store");
        return ps_error_hint(error,
                             "take %s out of the project, finish the epoch with penstock run --once, and "
                             "put it back",
                             fill->output->name);
    }
    PS_TRY(find_open(fill->run->connection, fill->run->arena, &open, error));
    if (open != NULL && strcmp(open, fill->output->name) != 0) {
        (void)ps_error_set(error, PENSTOCK_BUSY, "the backfill of %s is not finished", open);
        return ps_error_hint(error, "penstock backfill %s goes on with it", open);
    }
    return PENSTOCK_OK;
}

static penstock_code check_state(struct fill *fill, const struct ps_backfill *backfill,
                                 struct penstock_error *error) {
    const char *const values[] = {fill->output->name};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query_with(fill->run->connection, "SELECT 1 FROM penstock.statements WHERE name = $1",
                             values, 1, &result, error));
    const bool is_there = ps_result_row_count(result) > 0;
    PS_TRY(ps_position_load(fill->run, fill->input->name, &fill->end, error));
    PS_TRY(ps_position_load(fill->run, fill->input->key, &fill->at, error));
    if (fill->end.count == 0) {
        (void)ps_error_set(error, PENSTOCK_INVALID_ARGUMENT,
                           "source %s has not been read yet: a run fills %s from its beginning",
                           fill->input->name, fill->output->name);
        return ps_error_hint(error, "penstock run");
    }
    fill->is_resumed = fill->at.count > 0 && !backfill->is_rebuild;
    if (is_there && !fill->is_resumed && !backfill->is_rebuild) {
        (void)ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "%s is filled already", fill->output->name);
        return ps_error_hint(error, "--rebuild drops its rows, and what streams from it, and fills it again");
    }
    if (fill->is_resumed && backfill->from != NULL) {
        (void)ps_error_set(error, PENSTOCK_INVALID_ARGUMENT,
                           "the backfill of %s was begun already: it goes on where it stands",
                           fill->output->name);
        return ps_error_hint(error, "leave --from away, or start over with --rebuild");
    }
    return PENSTOCK_OK;
}

/* Where it begins: no partition behind its end. */
static penstock_code find_start(struct fill *fill, const struct ps_backfill *backfill,
                                struct penstock_error *error) {
    struct ps_run *run = fill->run;
    if (fill->is_resumed) {
        return PENSTOCK_OK;
    }
    struct ps_source *source = NULL;
    struct ps_source_setup setup;
    struct ps_position_list found;
    PS_TRY(ps_position_list_init(&found, error));
    penstock_code code = ps_source_create(fill->input->statement, fill->input->name, run->project->folder,
                                          run->arena, &source, &setup, error);
    if (code == PENSTOCK_OK) {
        /* partitions that --from does not name begin at their beginning */
        code = ps_offsets_locate(run->connection, source, &fill->end, "earliest", run->arena, &found, error);
        if (code == PENSTOCK_OK && backfill->from != NULL) {
            code = ps_offsets_locate(run->connection, source, &fill->end, backfill->from, run->arena, &found,
                                     error);
        }
        ps_source_close(source);
    }
    for (size_t i = 0; i < fill->end.count && code == PENSTOCK_OK; i++) {
        const struct ps_position *end = &fill->end.items[i];
        const struct ps_position *from = ps_position_list_find(&found, end->partition.name);
        struct ps_position start = from != NULL && from->offset < end->offset ? *from : *end;
        start.partition = end->partition;
        code = ps_position_list_set(&fill->start, &start, error);
        code = code == PENSTOCK_OK ? ps_position_list_set(&fill->at, &start, error) : code;
    }
    ps_position_list_done(&found);
    return code;
}

static void fill_done(struct fill *fill) {
    ps_position_list_done(&fill->start);
    ps_position_list_done(&fill->end);
    ps_position_list_done(&fill->at);
    if (fill->run != NULL) {
        ps_epoch_release(fill->run);
    }
    ps_run_free(fill->run);
}

/* Everything that is known before anything is done. */
static penstock_code look(const struct ps_graph *graph, struct ps_store *store,
                          const struct ps_backfill *backfill, struct fill *fill,
                          struct penstock_error *error) {
    PS_TRY(ps_position_list_init(&fill->start, error));
    PS_TRY(ps_position_list_init(&fill->end, error));
    PS_TRY(ps_position_list_init(&fill->at, error));
    PS_TRY(ps_run_new(graph, store, &fill->run, error));
    PS_TRY(find_output(fill, backfill->name, error));
    PS_TRY(check_source(fill, error));
    PS_TRY(narrow(fill, error));
    PS_TRY(check_idle(fill, error));
    PS_TRY(check_state(fill, backfill, error));
    if (backfill->is_rebuild) { /* what was reached counts no more */
        ps_position_list_done(&fill->at);
        PS_TRY(ps_position_list_init(&fill->at, error));
    }
    return find_start(fill, backfill, error);
}

penstock_code ps_backfill_plan(const struct ps_graph *graph, struct ps_store *store,
                               const struct ps_backfill *backfill, struct ps_arena *arena,
                               struct ps_backfill_plan *plan_out, struct penstock_error *error) {
    struct fill fill PS_SCOPED(fill_done) = {0};
    PS_TRY(look(graph, store, backfill, &fill, error));
    struct ps_backfill_plan plan = {.source = fill.input->name,
                                    .is_resumed = fill.is_resumed,
                                    .spans = ps_arena_allocate(arena, fill.end.count + 1, sizeof *plan.spans),
                                    .outputs =
                                        ps_arena_allocate(arena, fill.run->output_count + 1, sizeof(char *))};
    if (plan.spans == NULL || plan.outputs == NULL) {
        return ps_error_memory(error, "a backfill");
    }
    for (size_t i = 0; i < fill.end.count; i++) {
        const struct ps_position *end = &fill.end.items[i];
        const struct ps_position *at = ps_position_list_find(&fill.at, end->partition.name);
        struct ps_backfill_span *span = &plan.spans[plan.span_count++];
        *span = (struct ps_backfill_span){.partition = ps_arena_copy(arena, end->partition.name),
                                          .from = at != NULL ? at->offset : end->offset,
                                          .to = end->offset};
        if (span->partition == NULL) {
            return ps_error_memory(error, "a backfill");
        }
    }
    for (size_t i = 0; i < fill.run->output_count; i++) {
        if (!fill.run->outputs[i].is_skipped) {
            plan.outputs[plan.output_count++] = fill.run->outputs[i].name; /* of the graph */
        }
    }
    *plan_out = plan;
    return PENSTOCK_OK;
}

/* --- one epoch -------------------------------------------------------------------------------------------------- */

static bool is_reached(const struct fill *fill) {
    for (size_t i = 0; i < fill->end.count; i++) {
        const struct ps_position *end = &fill->end.items[i];
        const struct ps_position *at = ps_position_list_find(&fill->at, end->partition.name);
        if (at != NULL && at->offset < end->offset) {
            return false;
        }
    }
    return true;
}

/* What lies beyond the committed position, and partitions that have none, are not ours. */
static void cut(const struct fill *fill, struct ps_range *range) {
    size_t kept = 0;
    for (size_t i = 0; i < range->slice_count; i++) {
        struct ps_slice slice = range->slices[i];
        const struct ps_position *end = ps_position_list_find(&fill->end, slice.partition.name);
        if (end == NULL || slice.begin >= end->offset) {
            continue;
        }
        if (slice.end > end->offset) {
            slice.end = end->offset;
            slice.end_state = end->state;
        }
        range->slices[kept++] = slice;
    }
    range->slice_count = kept;
    kept = 0;
    for (size_t i = 0; i < range->end_count; i++) {
        struct ps_position position = range->ends[i];
        const struct ps_position *end = ps_position_list_find(&fill->end, position.partition.name);
        const struct ps_position *at = ps_position_list_find(&fill->at, position.partition.name);
        if (end == NULL || (at != NULL && at->offset >= end->offset)) {
            continue;
        }
        if (position.offset > end->offset) {
            position.offset = end->offset;
            position.state = end->state;
        }
        range->ends[kept++] = position;
    }
    range->end_count = kept;
}

static penstock_code read_slices(struct fill *fill, struct ps_prepared *prepared,
                                 struct penstock_error *error) {
    struct ps_range *range = prepared->ranges[fill->input - fill->run->inputs];
    prepared->tasks = ps_allocate(range->slice_count + 1, sizeof *prepared->tasks);
    if (prepared->tasks == NULL) {
        return ps_error_memory(error, "an epoch");
    }
    prepared->byte_count = range->byte_count;
    for (size_t i = 0; i < range->slice_count; i++) {
        struct ps_task *task = &prepared->tasks[prepared->task_count++];
        *task = (struct ps_task){.epoch = prepared,
                                 .input = (size_t)(fill->input - fill->run->inputs),
                                 .slice = &range->slices[i]};
        const int64_t start = ps_clock_monotonic_ns();
        PS_TRY(ps_source_read(fill->input->source, task->slice, &task->raw, error));
        if (task->raw.relation == NULL) {
            PS_TRY(ps_decode(&fill->input->setup, task->slice, &task->raw, &task->batch, error));
        }
        task->duration_ns = ps_clock_monotonic_ns() - start;
    }
    return PENSTOCK_OK;
}

/* Letters that the source's first reading has left already. */
static penstock_code drop_known_letters(const struct fill *fill, int64_t first_id,
                                        struct ps_epoch_totals *totals, struct penstock_error *error) {
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    if (totals->dead_count == 0) {
        return PENSTOCK_OK;
    }
    PS_TRY(ps_sql_queryf(fill->run->connection, &result, error,
                         "DELETE FROM penstock.dead_letters AS d WHERE d.id >= %lld AND d.statement IS NULL"
                         " AND EXISTS (SELECT 1 FROM penstock.dead_letters o WHERE o.id < %lld"
                         " AND o.source = d.source AND o.statement IS NULL AND o.partition = d.partition"
                         " AND o.position = d.position)",
                         (long long)first_id, (long long)first_id));
    totals->dead_count -= ps_result_changed(result);
    return PENSTOCK_OK;
}

static penstock_code write_epoch(struct fill *fill, struct ps_prepared *prepared,
                                 struct ps_epoch_totals *totals, struct penstock_error *error) {
    const int64_t first_id = fill->run->dead_id_next;
    PS_TRY(ps_epoch_write(fill->run, prepared, totals, error));
    PS_TRY(drop_known_letters(fill, first_id, totals, error));
    return ps_epoch_commit(fill->run, error);
}

static penstock_code carry_out(struct fill *fill, struct ps_prepared *prepared,
                               struct penstock_error *error) {
    struct ps_run *run = fill->run;
    const struct ps_range *range = prepared->ranges[fill->input - run->inputs];
    struct ps_epoch_totals totals = {0};
    const int64_t start_ns = ps_clock_monotonic_ns();
    PS_TRY(read_slices(fill, prepared, error));
    if (run->options->on_new_columns != NULL) {
        PS_TRY(ps_columns_look(run, prepared, error));
        if (ps_columns_are_new(run)) { /* ps_runner_backfill() goes on with them */
            return ps_error_set(error, PENSTOCK_CANCELLED, "source %s has new columns", fill->input->name);
        }
    }
    PS_TRY(ps_epoch_begin(run, run->epoch, ps_clock_wall_ms(), error));
    const penstock_code code = write_epoch(fill, prepared, &totals, error);
    if (code != PENSTOCK_OK) {
        ps_run_roll_back(run);
        return code;
    }
    for (size_t i = 0; i < range->end_count; i++) {
        PS_TRY(ps_position_list_set(&fill->at, &range->ends[i], error));
    }
    fill->totals.epoch_count++;
    fill->totals.record_count += totals.record_count;
    fill->totals.row_count += totals.row_count;
    fill->totals.dead_letter_count += totals.dead_count;
    fill->totals.byte_count += totals.byte_count;
    ps_run_tell(run, (struct ps_event){.kind = PS_EVENT_EPOCH_COMMITTED,
                                       .record_count = totals.record_count,
                                       .row_count = totals.row_count,
                                       .dead_letter_count = totals.dead_count,
                                       .byte_count = totals.byte_count,
                                       .duration_ns = ps_clock_monotonic_ns() - start_ns});
    ps_epoch_release(run);
    return PENSTOCK_OK;
}

static void prepared_free_scoped(struct ps_prepared **prepared) {
    ps_prepared_free(*prepared);
}

/* Plans, cuts, carries out. *is_moved_out: something was there. */
static penstock_code step(struct fill *fill, bool *is_moved_out, struct penstock_error *error) {
    struct ps_run *run = fill->run;
    const struct ps_manifest *manifest = &run->project->manifest;
    const struct ps_epoch_limits limits = {.record_count_max = manifest->epoch_rows,
                                           .byte_count_max = manifest->epoch_bytes,
                                           .slice_size = SLICE_SIZE,
                                           .deadline_ns =
                                               ps_clock_monotonic_ns() + (int64_t)PLAN_WAIT_MS * 1000000};
    struct ps_prepared *prepared PS_SCOPED(prepared_free_scoped) = ps_allocate(1, sizeof *prepared);
    if (prepared == NULL) {
        return ps_error_memory(error, "an epoch");
    }
    prepared->input_count = run->input_count;
    prepared->ranges = ps_allocate(run->input_count + 1, sizeof(struct ps_range *));
    if (prepared->ranges == NULL) {
        return ps_error_memory(error, "an epoch");
    }
    struct ps_range **range = &prepared->ranges[fill->input - run->inputs];
    PS_TRY(ps_source_plan(fill->input->source, &limits, range, error));
    if (*range == NULL) {
        *is_moved_out = false;
        return PENSTOCK_OK;
    }
    cut(fill, *range);
    *is_moved_out = (*range)->end_count > 0;
    return *is_moved_out ? carry_out(fill, prepared, error) : PENSTOCK_OK;
}

/* --- all of it -------------------------------------------------------------------------------------------------- */

static penstock_code stays_away(const struct fill *fill, struct penstock_error *error) {
    for (size_t i = 0; i < fill->end.count; i++) {
        const struct ps_position *end = &fill->end.items[i];
        const struct ps_position *at = ps_position_list_find(&fill->at, end->partition.name);
        if (at != NULL && at->offset < end->offset) {
            (void)ps_error_set(error, PENSTOCK_UNAVAILABLE,
                               "%s was read to %lld before, but now nothing comes behind %lld",
                               end->partition.name, (long long)end->offset, (long long)at->offset);
            return ps_error_hint(
                error,
                "what was filled is kept: run it again once the source is back; or leave that "
                "partition out: --rebuild --from '%s=%lld'",
                end->partition.name, (long long)end->offset);
        }
    }
    return PENSTOCK_OK;
}

static penstock_code go_on(struct fill *fill, const struct ps_stop *stop, struct penstock_error *error) {
    int64_t moved_ns = ps_clock_monotonic_ns();
    while (!is_reached(fill) && !ps_stop_requested(stop)) {
        bool is_moved = false;
        PS_TRY(step(fill, &is_moved, error));
        if (is_moved) {
            moved_ns = ps_clock_monotonic_ns();
        } else if (ps_clock_monotonic_ns() - moved_ns > (int64_t)PATIENCE_MS * 1000000) {
            return stays_away(fill, error);
        } else {
            ps_clock_sleep_ms(20);
        }
    }
    return PENSTOCK_OK;
}

/* From here on the ordinary epochs have it. */
static penstock_code finish(struct fill *fill, struct penstock_error *error) {
    struct ps_run *run = fill->run;
    const char *const values[] = {fill->input->key};
    PS_TRY(ps_sql_run(run->connection, "BEGIN TRANSACTION", error));
    penstock_code code = ps_sql_run_with(run->connection, "DELETE FROM penstock.positions WHERE source = $1",
                                         values, 1, error);
    if (code == PENSTOCK_OK) {
        code = ps_sql_run_with(run->connection, "DELETE FROM penstock.watermarks WHERE source = $1", values,
                               1, error);
    }
    if (code == PENSTOCK_OK) {
        return ps_sql_run(run->connection, "COMMIT", error);
    }
    ps_run_roll_back(run);
    return code;
}

static penstock_code forget_all(struct fill *fill, struct penstock_error *error) {
    struct ps_run *run = fill->run;
    PS_TRY(ps_sql_run(run->connection, "BEGIN TRANSACTION", error));
    penstock_code code = PENSTOCK_OK;
    for (size_t i = run->output_count; i-- > 0 && code == PENSTOCK_OK;) {
        if (!run->outputs[i].is_skipped) {
            code = ps_change_forget(run->store, run->outputs[i].name, error);
        }
    }
    if (code == PENSTOCK_OK) {
        return ps_sql_run(run->connection, "COMMIT", error);
    }
    ps_run_roll_back(run);
    return code;
}

static penstock_code fill_up(struct fill *fill, const struct ps_runner_options *options,
                             const struct ps_backfill *backfill, bool *is_finished,
                             struct penstock_error *error) {
    struct ps_run *run = fill->run;
    run->options = options;
    run->backfill_start = fill->is_resumed ? NULL : &fill->start;
    if (backfill->is_rebuild) {
        PS_TRY(forget_all(fill, error));
    }
    PS_TRY(ps_prepare(run, error));
    PS_TRY(ps_prepare_attempt(run, error));
    PS_TRY(ps_prepare_epochs(run, error));
    PS_TRY(go_on(fill, options->stop, error));
    if (!is_reached(fill)) {
        return PENSTOCK_OK;
    }
    *is_finished = true;
    return finish(fill, error);
}

/* From where it stands until the end, a stop, or new columns of the source: then options->graph is another one. */
static penstock_code fill_once(struct ps_runner_options *options, const struct ps_backfill *backfill,
                               struct ps_run_totals *totals, bool *is_finished,
                               struct penstock_error *error) {
    struct fill fill PS_SCOPED(fill_done) = {0};
    PS_TRY(look(options->graph, options->store, backfill, &fill, error));
    fill.totals = *totals;
    const penstock_code code = fill_up(&fill, options, backfill, is_finished, error);
    *totals = fill.totals;
    return code == PENSTOCK_CANCELLED && ps_columns_are_new(fill.run)
               ? ps_columns_add(fill.run, &options->graph, error)
               : code;
}

penstock_code ps_runner_backfill(const struct ps_runner_options *options, const struct ps_backfill *backfill,
                                 struct ps_run_totals *totals_out, bool *is_finished_out,
                                 struct penstock_error *error) {
    struct ps_runner_options grown = *options;
    struct ps_backfill rest = *backfill;
    const struct ps_graph *graph = NULL;
    penstock_code code = PENSTOCK_OK;
    bool is_finished = false;
    *totals_out = (struct ps_run_totals){0};
    while (code == PENSTOCK_OK && grown.graph != graph) {
        graph = grown.graph;
        code = fill_once(&grown, &rest, totals_out, &is_finished, error);
        rest.is_rebuild = false; /* it has been begun */
        rest.from = NULL;
    }
    *is_finished_out = is_finished && code == PENSTOCK_OK;
    return code;
}
