/* SPDX-License-Identifier: Apache-2.0
 *
 * job_store.c - the two tables of jobs, and a job's reasons in words. A row of penstock.jobs is written anew as a
 * whole; times are kept in milliseconds, as the schedule counts them.
 */
#include "app/job_store.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"

penstock_code ps_job_store_prepare(struct ps_connection *connection, struct penstock_error *error) {
    return ps_sql_run(
        connection,
        "CREATE TABLE IF NOT EXISTS penstock.jobs(name VARCHAR NOT NULL, model VARCHAR NOT NULL,"
        " handled_at TIMESTAMP NOT NULL, row_count BIGINT NOT NULL, drift_checked_at TIMESTAMP NOT NULL,"
        " statement VARCHAR NOT NULL);"
        "CREATE TABLE IF NOT EXISTS penstock.job_runs(job VARCHAR NOT NULL, model VARCHAR NOT NULL,"
        " reason VARCHAR NOT NULL, started_at TIMESTAMP NOT NULL, finished_at TIMESTAMP NOT NULL,"
        " outcome VARCHAR NOT NULL, version BIGINT, sentence VARCHAR NOT NULL, application VARCHAR NOT NULL);",
        error);
}

penstock_code ps_job_store_read(struct ps_connection *connection, const char *job,
                                struct ps_schedule_mark *mark_out, struct penstock_error *error) {
    const char *const values[] = {job};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query_with(connection,
                             "SELECT epoch_ms(handled_at), row_count, epoch_ms(drift_checked_at), statement"
                             " FROM penstock.jobs WHERE name = $1",
                             values, 1, &result, error));
    *mark_out = (struct ps_schedule_mark){.is_known = false};
    if (ps_result_row_count(result) == 0) {
        return PENSTOCK_OK;
    }
    const char *statement = ps_result_text(result, 0, 3);
    *mark_out =
        (struct ps_schedule_mark){.is_known = true,
                                  .handled_ms = ps_result_integer(result, 0, 0),
                                  .row_count = ps_result_integer(result, 0, 1),
                                  .drift_ms = ps_result_integer(result, 0, 2),
                                  .statement = strtoull(statement == NULL ? "" : statement, NULL, 16)};
    return PENSTOCK_OK;
}

static void write_number(char text[24], int64_t value) {
    (void)snprintf(text, 24, "%" PRId64, value);
}

penstock_code ps_job_store_write(struct ps_connection *connection, const char *job, const char *model,
                                 const struct ps_schedule_mark *mark, struct penstock_error *error) {
    char handled[24];
    char rows[24];
    char drift[24];
    char statement[24];
    write_number(handled, mark->handled_ms);
    write_number(rows, mark->row_count);
    write_number(drift, mark->drift_ms);
    (void)snprintf(statement, sizeof statement, "%016" PRIx64, mark->statement);
    const char *const name[] = {job};
    PS_TRY(ps_sql_run_with(connection, "DELETE FROM penstock.jobs WHERE name = $1", name, 1, error));
    const char *const values[] = {job, model, handled, rows, drift, statement};
    return ps_sql_run_with(
        connection,
        "INSERT INTO penstock.jobs SELECT $1, $2, make_timestamp(CAST($3 AS BIGINT) * 1000),"
        " CAST($4 AS BIGINT), make_timestamp(CAST($5 AS BIGINT) * 1000), $6",
        values, sizeof values / sizeof values[0], error);
}

penstock_code ps_job_store_add(struct ps_connection *connection, const struct ps_job_run *run,
                               struct penstock_error *error) {
    char started[24];
    char finished[24];
    char version[24];
    write_number(started, run->started_ms);
    write_number(finished, ps_clock_wall_ms());
    write_number(version, run->version);
    const char *const values[] = {run->job,
                                  run->model,
                                  run->reason,
                                  started,
                                  finished,
                                  run->outcome,
                                  run->version > 0 ? version : NULL,
                                  run->sentence,
                                  run->application};
    return ps_sql_run_with(
        connection,
        "INSERT INTO penstock.job_runs SELECT $1, $2, $3, make_timestamp(CAST($4 AS BIGINT) * 1000),"
        " make_timestamp(CAST($5 AS BIGINT) * 1000), $6, CAST($7 AS BIGINT), $8, $9",
        values, sizeof values / sizeof values[0], error);
}

penstock_code ps_job_count_sql(const struct ps_graph *graph, const struct ps_node *model,
                               struct ps_buffer *sql, struct penstock_error *error) {
    ps_buffer_text(sql, "SELECT CAST(0");
    for (size_t i = 0; i < model->input_count; i++) {
        const struct ps_node *input = &graph->nodes[model->inputs[i]];
        if (input->kind == PS_NODE_TABLE || input->kind == PS_NODE_VIEW) {
            ps_buffer_text(sql, " + (SELECT count(*) FROM main.");
            ps_buffer_sql_name(sql, input->name);
            ps_buffer_text(sql, ")");
        }
    }
    ps_buffer_text(sql, " AS BIGINT)");
    return ps_buffer_status(sql, error);
}

void ps_job_reasons(const struct ps_job_statement *job, unsigned triggers, struct ps_buffer *out) {
    const char *between = "";
    const struct {
        enum ps_trigger trigger;
        const char *text;
    } words[] = {{PS_TRIGGER_FIRST, "first training"},
                 {PS_TRIGGER_CHANGED, "changed statement"},
                 {PS_TRIGGER_ASKED, "asked for"},
                 {PS_TRIGGER_DRIFT, "drift"}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if ((triggers & (unsigned)words[i].trigger) != 0) {
            ps_buffer_printf(out, "%s%s", between, words[i].text);
            between = ", ";
        }
    }
    if ((triggers & (unsigned)PS_TRIGGER_EVERY) != 0) {
        ps_buffer_printf(out, "%severy '%s'", between, job->every);
        between = ", ";
    }
    if ((triggers & (unsigned)PS_TRIGGER_ROWS) != 0) {
        ps_buffer_printf(out, "%s%" PRId64 " new rows", between, job->row_count);
    }
}

uint64_t ps_job_fingerprint(const struct ps_node *model) {
    return ps_hash(model->statement->text, strlen(model->statement->text), 0);
}
