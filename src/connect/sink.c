/* SPDX-License-Identifier: Apache-2.0
 *
 * sink.c - the one place that calls a sink's functions, in the order the contract allows.
 *
 *   open -> recover -> [ begin -> write* -> commit | discard ]* -> close
 *
 * After a begin, write or commit that failed nobody knows what the sink holds: only discard, recover and close
 * are allowed then.
 * An epoch follows the one before it; beginning one that is already there is allowed, its commit does nothing.
 */
#include "connect/sink.h"

#include "base/check.h"

enum sink_phase { SINK_OPEN, SINK_READY, SINK_BEGUN, SINK_UNSURE };

struct ps_sink {
    const struct ps_sink_type *type;
    struct ps_sink_setup setup; /* the connector keeps a pointer to it */
    void *state;
    enum sink_phase phase;
    struct ps_epoch epoch;   /* the one that is begun */
    int64_t number, attempt; /* last committed, and ours */
};

/* What may pass by itself, said of a server, is one thing for whoever drives the sink. */
static penstock_code name_trouble(const struct ps_sink *sink, penstock_code code,
                                  struct penstock_error *error) {
    if (code != PENSTOCK_OK && sink->type->is_remote && error != NULL && error->remedy == PENSTOCK_RETRY) {
        error->code = PENSTOCK_UNAVAILABLE;
        return PENSTOCK_UNAVAILABLE;
    }
    return code;
}

penstock_code ps_sink_open(const struct ps_sink_type *type, const struct ps_sink_setup *setup,
                           const void *config, struct ps_sink **sink_out, struct penstock_error *error) {
    ps_check(type != NULL && setup != NULL);
    ps_check((type->write == NULL) != (type->copy == NULL));
    ps_check(sink_out != NULL);
    struct ps_sink *sink = ps_allocate(1, sizeof(*sink));
    if (sink == NULL) {
        return ps_error_memory(error, "a sink");
    }
    sink->type = type;
    sink->setup = *setup;
    const penstock_code code = type->open(&sink->setup, config, &sink->state, error);
    if (code != PENSTOCK_OK) {
        type->close(sink->state);
        ps_release(sink);
        return code;
    }
    *sink_out = sink;
    return PENSTOCK_OK;
}

const struct ps_sink_type *ps_sink_type(const struct ps_sink *sink) {
    return sink->type;
}

void ps_sink_close(struct ps_sink *sink) {
    if (sink == NULL) {
        return;
    }
    sink->type->close(sink->state);
    ps_release(sink);
}

penstock_code ps_sink_recover(struct ps_sink *sink, int64_t attempt, struct ps_epoch *epoch_out,
                              struct ps_position_list *positions_out, struct penstock_error *error) {
    ps_check(attempt > 0);
    ps_check(sink->phase != SINK_BEGUN);
    struct ps_epoch epoch = {0};
    PS_TRY(
        name_trouble(sink, sink->type->recover(sink->state, attempt, &epoch, positions_out, error), error));
    ps_check(epoch.number >= 0);
    if (epoch.attempt > attempt) {
        return ps_error_set(error, PENSTOCK_FENCED, "attempt %lld is over: attempt %lld has committed",
                            (long long)attempt, (long long)epoch.attempt);
    }
    sink->phase = SINK_READY;
    sink->number = epoch.number;
    sink->attempt = attempt;
    *epoch_out = epoch;
    return PENSTOCK_OK;
}

void ps_sink_start_after(struct ps_sink *sink, int64_t number) {
    ps_check(sink->phase == SINK_READY);
    ps_check(sink->number == 0);
    sink->number = number;
}

penstock_code ps_sink_begin(struct ps_sink *sink, struct ps_epoch epoch, struct penstock_error *error) {
    ps_check(sink->phase == SINK_READY);
    ps_check(epoch.number >= 1 && epoch.number <= sink->number + 1);
    ps_check(epoch.attempt == sink->attempt);
    const penstock_code code = name_trouble(sink, sink->type->begin(sink->state, epoch, error), error);
    sink->phase = code == PENSTOCK_OK ? SINK_BEGUN : SINK_UNSURE;
    sink->epoch = epoch;
    return code;
}

penstock_code ps_sink_write(struct ps_sink *sink, const struct ps_batch *batch,
                            struct penstock_error *error) {
    ps_check(sink->phase == SINK_BEGUN);
    ps_check(batch != NULL && sink->type->write != NULL);
    const penstock_code code = name_trouble(sink, sink->type->write(sink->state, batch, error), error);
    sink->phase = code == PENSTOCK_OK ? SINK_BEGUN : SINK_UNSURE;
    return code;
}

/* --- a SELECT's rows as batches -------------------------------------------------------------------------------- */

/* Every column as text. */
static penstock_code project_all(const struct ps_sink_setup *setup, struct ps_arena *arena,
                                 struct ps_scan_column **columns_out, size_t *count_out,
                                 struct penstock_error *error) {
    struct ps_scan_column *columns = ps_arena_allocate(arena, setup->column_count + 1, sizeof *columns);
    for (size_t i = 0; columns != NULL && i < setup->column_count; i++) {
        struct ps_buffer name PS_SCOPED(ps_buffer_done);
        ps_buffer_init(&name, 4096);
        ps_buffer_sql_name(&name, setup->column_names[i]);
        PS_TRY(ps_buffer_status(&name, error));
        columns[i] = (struct ps_scan_column){ps_arena_copy(arena, name.data), PS_SCAN_TEXT};
        if (columns[i].expression == NULL) {
            return ps_error_memory(error, "a sink's columns");
        }
    }
    *columns_out = columns;
    *count_out = setup->column_count;
    return columns != NULL ? PENSTOCK_OK : ps_error_memory(error, "a sink's columns");
}

/* The chunk's texts as a batch; they stay the chunk's. */
static penstock_code batch_of_chunk(const struct ps_chunk *chunk, const struct ps_schema *schema,
                                    struct ps_batch **batch_out, struct penstock_error *error) {
    struct ps_batch *batch PS_SCOPED(ps_batch_free_scoped) = NULL;
    const int64_t row_count = ps_chunk_row_count(chunk);
    PS_TRY(ps_batch_new(schema, row_count, &batch, error));
    for (int64_t row = 0; row < row_count; row++) {
        PS_TRY(ps_batch_begin_row(batch, error));
        for (size_t i = 0; i < schema->column_count; i++) {
            if (ps_chunk_is_valid(ps_chunk_validity(chunk, i), row)) {
                ((struct ps_bytes *)batch->columns[i].values)[row] = ps_chunk_text(chunk, i, row);
            } else {
                ps_batch_set_null(batch, i);
            }
        }
        ps_batch_end_row(batch, (struct ps_record){{NULL, 0}, row, NULL});
    }
    *batch_out = ps_take(batch);
    return PENSTOCK_OK;
}

static penstock_code write_chunks(struct ps_sink *sink, struct ps_scan *scan, const struct ps_schema *schema,
                                  int64_t *row_count_out, struct penstock_error *error) {
    for (;;) {
        struct ps_chunk *chunk = NULL;
        PS_TRY(ps_scan_next(scan, &chunk, error));
        if (chunk == NULL) {
            return PENSTOCK_OK;
        }
        struct ps_batch *batch PS_SCOPED(ps_batch_free_scoped) = NULL;
        penstock_code code = batch_of_chunk(chunk, schema, &batch, error);
        if (code == PENSTOCK_OK) {
            *row_count_out += batch->row_count;
            code = ps_sink_write(sink, batch, error);
        }
        ps_chunk_free(chunk);
        PS_TRY(code);
    }
}

static penstock_code write_by_scan(struct ps_sink *sink, struct ps_connection *connection,
                                   const char *select_sql, int64_t *row_count_out,
                                   struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_scan_column *columns = NULL;
    size_t count = 0;
    if (arena == NULL) {
        return ps_error_memory(error, "a sink's columns");
    }
    PS_TRY(sink->type->project != NULL ? sink->type->project(sink->state, arena, &columns, &count, error)
                                       : project_all(&sink->setup, arena, &columns, &count, error));
    const struct ps_schema schema = {ps_arena_allocate(arena, count + 1, sizeof(struct ps_column_schema)),
                                     count};
    const char *relation = ps_arena_printf(arena, "(%s) AS penstock_sink", select_sql);
    if (schema.columns == NULL || relation == NULL) {
        return ps_error_memory(error, "a sink's columns");
    }
    for (size_t i = 0; i < count; i++) {
        schema.columns[i] = (struct ps_column_schema){
            .name = columns[i].expression, .type_text = "VARCHAR", .type = PS_TYPE_VARCHAR};
    }
    struct ps_scan *scan = NULL;
    PS_TRY(ps_scan_open(connection, relation, columns, count, NULL, &scan, error));
    const penstock_code code = write_chunks(sink, scan, &schema, row_count_out, error);
    ps_scan_close(scan);
    return code;
}

penstock_code ps_sink_write_query(struct ps_sink *sink, struct ps_connection *connection,
                                  const char *select_sql, int64_t *row_count_out,
                                  struct penstock_error *error) {
    ps_check(sink->phase == SINK_BEGUN);
    int64_t row_count = 0;
    const penstock_code code = sink->type->copy != NULL
                                   ? sink->type->copy(sink->state, connection, select_sql, &row_count, error)
                                   : write_by_scan(sink, connection, select_sql, &row_count, error);
    sink->phase = code == PENSTOCK_OK ? SINK_BEGUN : SINK_UNSURE;
    *row_count_out = row_count;
    return code;
}

penstock_code ps_sink_commit(struct ps_sink *sink, struct ps_epoch epoch,
                             const struct ps_position_list *positions, struct penstock_error *error) {
    ps_check(sink->phase == SINK_BEGUN);
    ps_check(positions != NULL);
    ps_check(epoch.number == sink->epoch.number && epoch.attempt == sink->epoch.attempt);
    const penstock_code code =
        name_trouble(sink, sink->type->commit(sink->state, epoch, positions, error), error);
    if (code != PENSTOCK_OK) {
        sink->phase = SINK_UNSURE;
        return code;
    }
    sink->phase = SINK_READY;
    sink->number = epoch.number > sink->number ? epoch.number : sink->number;
    return PENSTOCK_OK;
}

penstock_code ps_sink_discard(struct ps_sink *sink, struct penstock_error *error) {
    ps_check(sink->phase != SINK_OPEN); /* ready: whoever cleans up need not know how far it came */
    PS_TRY(sink->type->discard(sink->state, error));
    /* after a failed commit only recover() knows whether the epoch is there */
    sink->phase = sink->phase == SINK_UNSURE ? SINK_OPEN : SINK_READY;
    return PENSTOCK_OK;
}
