/* SPDX-License-Identifier: Apache-2.0
 *
 * sinks.c - the outside sinks of a run: what each action of step.c means for them.
 *
 * penstock.sinks remembers from which epoch on a sink belongs to the project: one that was added later has no
 * earlier epochs, and one that has lost epochs must not be taken for a new one.
 */
#include "base/clock.h"
#include "stream/run.h"

static struct ps_location place_of(const struct ps_run_sink *sink) {
    return sink->output.node->statement->as.sink.connector_location;
}

/* "sink alerts: ...", at the statement's connector. */
static penstock_code blame(const struct ps_run_sink *sink, penstock_code code, struct penstock_error *error) {
    if (code != PENSTOCK_OK && error != NULL) {
        if (strncmp(error->message, "sink ", 5) != 0) { /* some say it themselves */
            (void)ps_error_context(error, "sink %s", sink->output.name);
        }
        (void)ps_error_at(error, place_of(sink), NULL, -1);
    }
    return code;
}

penstock_code ps_sinks_open(struct ps_run *run, struct penstock_error *error) {
    for (size_t i = 0; i < run->sink_count; i++) {
        struct ps_run_sink *sink = &run->sinks[i];
        const struct ps_node *node = sink->output.node;
        bool *is_added = ps_arena_allocate(run->arena, node->column_count + 1, sizeof *is_added);
        if (is_added == NULL) {
            return ps_error_memory(error, "a sink");
        }
        for (size_t k = 0; k < node->column_count; k++) {
            is_added[k] = ps_project_is_added(run->project, node->column_names[k]);
        }
        const struct ps_sink_setup setup = {.name = node->name,
                                            .project = run->project->manifest.name,
                                            .store_id = run->store->id,
                                            .folder = run->project->folder,
                                            .column_names = node->column_names,
                                            .column_types = node->column_types,
                                            .column_count = node->column_count,
                                            .column_is_added = is_added};
        PS_TRY(ps_sink_create(&node->statement->as.sink, &setup, run->arena, &sink->sink, error));
    }
    return PENSTOCK_OK;
}

void ps_sinks_close(struct ps_run *run) {
    for (size_t i = 0; i < run->sink_count; i++) {
        ps_sink_close(run->sinks[i].sink);
        run->sinks[i].sink = NULL;
    }
}

/* The epoch after which the sink came to the project; it is entered at its first start. */
static penstock_code find_since(struct ps_run *run, const struct ps_run_sink *sink, int64_t *since_out,
                                struct penstock_error *error) {
    const char *const values[] = {sink->output.name};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query_with(run->connection, "SELECT since_epoch FROM penstock.sinks WHERE name = $1",
                             values, 1, &result, error));
    if (ps_result_row_count(result) > 0) {
        *since_out = ps_result_integer(result, 0, 0);
        return PENSTOCK_OK;
    }
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    ps_buffer_text(&sql, "INSERT INTO penstock.sinks VALUES (");
    ps_buffer_sql_literal(&sql, sink->output.name);
    ps_buffer_text(&sql, ", ");
    ps_buffer_sql_literal(&sql, sink->output.node->statement->as.sink.connector);
    ps_buffer_printf(&sql, ", %lld, %lld, 0)", (long long)run->epoch.number, (long long)run->epoch.number);
    PS_TRY(ps_buffer_status(&sql, error));
    *since_out = run->epoch.number;
    return ps_sql_run(run->connection, sql.data, error);
}

penstock_code ps_sinks_recover(struct ps_run *run, size_t index, struct ps_epoch *epoch_out,
                               struct penstock_error *error) {
    struct ps_run_sink *sink = &run->sinks[index];
    int64_t since = 0;
    PS_TRY(find_since(run, sink, &since, error));
    struct ps_position_list positions;
    PS_TRY(ps_position_list_init(&positions, error));
    penstock_code code = ps_sink_recover(sink->sink, run->epoch.attempt, epoch_out, &positions, error);
    ps_position_list_done(&positions);
    if (code == PENSTOCK_OK && epoch_out->number == 0) {
        ps_sink_start_after(sink->sink, since);
        epoch_out->number = since;
    }
    return blame(sink, code, error);
}

penstock_code ps_sinks_begin(struct ps_run *run, size_t index, struct penstock_error *error) {
    struct ps_run_sink *sink = &run->sinks[index];
    sink->row_count = 0;
    return blame(sink, ps_sink_begin(sink->sink, run->epoch, error), error);
}

penstock_code ps_sinks_write(struct ps_run *run, size_t index, struct penstock_error *error) {
    struct ps_run_sink *sink = &run->sinks[index];
    const int64_t start = ps_clock_monotonic_ns();
    const bool has_rows = ps_flow_has_rows(run, &sink->output); /* else what it reads is of an older epoch */
    if (has_rows) {
        PS_TRY(ps_table_stage(run, &sink->output, error));
    }
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    ps_buffer_printf(&sql, "SELECT %s FROM temp.", sink->output.columns_sql);
    char *stage = ps_arena_printf(run->epoch_arena, "penstock_stage_%s", sink->output.name);
    ps_buffer_sql_name(&sql, stage != NULL ? stage : "");
    ps_buffer_text(&sql, has_rows ? "" : " LIMIT 0");
    PS_TRY(ps_buffer_status(&sql, error));
    const penstock_code code =
        ps_sink_write_query(sink->sink, run->connection, sql.data, &sink->row_count, error);
    if (code == PENSTOCK_SQL) { /* the statement's own mistake, as a table's would be */
        return ps_output_explain(&sink->output, code, error);
    }
    PS_TRY(blame(sink, code, error));
    ps_run_tell(run, (struct ps_event){.kind = PS_EVENT_STATEMENT_FINISHED,
                                       .name = sink->output.name,
                                       .row_count = sink->row_count,
                                       .duration_ns = ps_clock_monotonic_ns() - start});
    return PENSTOCK_OK;
}

penstock_code ps_sinks_commit(struct ps_run *run, size_t index, const struct ps_position_list *positions,
                              struct penstock_error *error) {
    struct ps_run_sink *sink = &run->sinks[index];
    return blame(sink, ps_sink_commit(sink->sink, run->epoch, positions, error), error);
}

/* What cannot be discarded now is found by the next recover(). */
void ps_sinks_discard(struct ps_run *run, size_t index) {
    struct penstock_error error;
    const penstock_code code = ps_sink_discard(run->sinks[index].sink, &error);
    (void)code;
}

penstock_code ps_sinks_save(struct ps_run *run, struct penstock_error *error) {
    if (run->sink_count == 0) {
        return PENSTOCK_OK;
    }
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    ps_buffer_printf(&sql, "UPDATE penstock.sinks SET last_epoch = %lld, row_count = row_count + CASE name",
                     (long long)run->epoch.number);
    for (size_t i = 0; i < run->sink_count; i++) {
        ps_buffer_text(&sql, " WHEN ");
        ps_buffer_sql_literal(&sql, run->sinks[i].output.name);
        ps_buffer_printf(&sql, " THEN %lld", (long long)run->sinks[i].row_count);
    }
    ps_buffer_text(&sql, " ELSE 0 END WHERE name IN (''");
    for (size_t i = 0; i < run->sink_count; i++) {
        ps_buffer_text(&sql, ", ");
        ps_buffer_sql_literal(&sql, run->sinks[i].output.name);
    }
    ps_buffer_text(&sql, ")");
    PS_TRY(ps_buffer_status(&sql, error));
    return ps_sql_run(run->connection, sql.data, error);
}
