/* SPDX-License-Identifier: Apache-2.0
 *
 * job_store.h - what is kept of jobs in the store: how far each is served, and what its trainings came to.
 *
 *   penstock.jobs(name, model, handled_at, row_count, drift_checked_at, statement)      one row a job that was served
 *   penstock.job_runs(job, model, reason, started_at, finished_at, outcome, version, sentence, application)
 *                          outcome: published, refused, unchanged (bit for bit the champion), nothing new, failed
 *
 * Both are written in the transaction that registers a version, so a training that was killed has left nothing.
 */
#ifndef PS_APP_JOB_STORE_H
#define PS_APP_JOB_STORE_H

#include "app/schedule.h"
#include "job/graph.h"

struct ps_job_run {
    const char *job, *model, *reason;
    int64_t started_ms;
    const char *outcome;
    int64_t version; /* 0: none */
    const char *sentence, *application;
};

penstock_code ps_job_store_prepare(struct ps_connection *connection, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* is_known false when the job was never served. */
penstock_code ps_job_store_read(struct ps_connection *connection, const char *job,
                                struct ps_schedule_mark *mark_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* In the caller's transaction. */
penstock_code ps_job_store_write(struct ps_connection *connection, const char *job, const char *model,
                                 const struct ps_schedule_mark *mark, struct penstock_error *error)
    PENSTOCK_MUST_USE;
penstock_code ps_job_store_add(struct ps_connection *connection, const struct ps_job_run *run,
                               struct penstock_error *error) PENSTOCK_MUST_USE;

/* "SELECT (SELECT count(*) FROM main.a) + ...": rows of the streaming tables and materialized views that the model
 * reads. Cheap: DuckDB knows the number of rows of a table. */
penstock_code ps_job_count_sql(const struct ps_graph *graph, const struct ps_node *model,
                               struct ps_buffer *sql, struct penstock_error *error) PENSTOCK_MUST_USE;
/* "first training, every '0 3 * * *'" of triggers (schedule.h) */
void ps_job_reasons(const struct ps_job_statement *job, unsigned triggers, struct ps_buffer *out);
/* Fingerprint of the model's statement. */
uint64_t ps_job_fingerprint(const struct ps_node *model);

#endif
