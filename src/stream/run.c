/* SPDX-License-Identifier: Apache-2.0
 *
 * run.c - a run: what all files of the room work on, made from a graph and an open store.
 */
#include "stream/run.h"

/* Rows keep the order of their records, and what a file name means depends on the project alone. */
penstock_code ps_run_session(const struct ps_project *project, struct ps_connection *connection,
                             struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    ps_buffer_text(&sql, "SET preserve_insertion_order = true; SET file_search_path = ");
    ps_buffer_sql_literal(&sql, project->folder);
    ps_buffer_text(&sql, "; CREATE OR REPLACE TEMP MACRO epoch_time() AS TIMESTAMP '1970-01-01'");
    PS_TRY(ps_buffer_status(&sql, error));
    return ps_sql_run(connection, sql.data, error);
}

static penstock_code set_up(struct ps_run *run, struct penstock_error *error) {
    run->arena = ps_arena_new(0);
    run->epoch_arena = ps_arena_new(0);
    if (run->arena == NULL || run->epoch_arena == NULL) {
        return ps_error_memory(error, "a run");
    }
    PS_TRY(ps_run_session(run->project, run->connection, error));
    PS_TRY(ps_sql_integer(run->connection, "SELECT coalesce(max(id), 0) + 1 FROM penstock.dead_letters",
                          &run->dead_id_next, error));
    PS_TRY(ps_sql_integer(run->connection, "SELECT coalesce(max(epoch), 0) FROM penstock.epochs",
                          &run->epoch.number, error));
    for (size_t i = 0; i < run->project->statement_count; i++) {
        run->uses_epoch_time =
            run->uses_epoch_time || strcasestr(run->project->statements[i].text, "epoch_time") != NULL;
    }
    PS_TRY(ps_pins_list(run, error));
    return ps_output_list(run, error);
}

penstock_code ps_run_new(const struct ps_graph *graph, struct ps_store *store, struct ps_run **run_out,
                         struct penstock_error *error) {
    struct ps_run *run PS_SCOPED(ps_run_free_scoped) = ps_allocate(1, sizeof *run);
    if (run == NULL) {
        return ps_error_memory(error, "a run");
    }
    run->graph = graph;
    run->project = graph->project;
    run->store = store;
    run->connection = store->connection;
    PS_TRY(set_up(run, error));
    *run_out = ps_take(run);
    return PENSTOCK_OK;
}

penstock_code ps_run_execute(struct ps_run *run, enum ps_run_statement which, const char *sql,
                             struct penstock_error *error) {
    if (run->statements[which] == NULL) {
        PS_TRY(ps_sql_prepare(run->connection, sql, &run->statements[which], error));
    }
    return ps_sql_execute(run->statements[which], NULL, error);
}

void ps_run_free(struct ps_run *run) {
    if (run == NULL) {
        return;
    }
    for (size_t i = 0; i < PS_RUN_STATEMENT_COUNT; i++) {
        ps_sql_statement_free(run->statements[i]);
    }
    for (size_t i = 0; i < run->input_count; i++) {
        ps_input_close(&run->inputs[i]);
    }
    ps_sinks_close(run);
    for (size_t i = 0; i < run->output_count; i++) {
        ps_view_done(&run->outputs[i]);
    }
    ps_release(run->dead.items);
    ps_arena_free(run->epoch_arena);
    ps_arena_free(run->arena);
    ps_release(run);
}

void ps_run_free_scoped(struct ps_run **run) {
    ps_run_free(*run);
}

penstock_code ps_run_keep(struct ps_arena *arena, struct ps_buffer *buffer, const char **text_out,
                          struct penstock_error *error) {
    PS_TRY(ps_buffer_status(buffer, error));
    const char *text = ps_arena_copy_size(arena, buffer->size > 0 ? buffer->data : "", buffer->size);
    if (text == NULL) {
        return ps_error_memory(error, "a statement");
    }
    ps_buffer_clear(buffer);
    *text_out = text;
    return PENSTOCK_OK;
}

void ps_run_tell(const struct ps_run *run, struct ps_event event) {
    if (run->options != NULL && run->options->on_event != NULL) {
        event.epoch = run->epoch.number;
        run->options->on_event(&event, run->options->context);
    }
}

void ps_run_roll_back(struct ps_run *run) {
    const penstock_code code = ps_sql_run(run->connection, "ROLLBACK", NULL);
    (void)code;
}
