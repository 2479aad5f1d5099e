/* SPDX-License-Identifier: Apache-2.0
 *
 * jobs_look.c - what has to be looked up before it is known whether a job is due: rows of tables, drift of features.
 */
#include "app/jobs_parts.h"
#include "base/clock.h"
#include "publish/drift.h"
#include "publish/registry.h"

#define ROWS_INTERVAL_MS 500

penstock_code ps_jobs_count_rows(struct ps_jobs *jobs, struct ps_connection *connection,
                                 struct penstock_error *error) {
    const int64_t now_ms = ps_clock_wall_ms();
    if (now_ms >= jobs->counted_ms && now_ms - jobs->counted_ms < ROWS_INTERVAL_MS) {
        return PENSTOCK_OK;
    }
    jobs->counted_ms = now_ms;
    for (size_t i = 0; i < jobs->schedule.job_count; i++) {
        const struct ps_schedule_rule *rule = &jobs->schedule.jobs[i].rule;
        int64_t count = 0;
        if (rule->row_count > 0) {
            PS_TRY(ps_sql_integer(connection, jobs->count_sql[rule->model], &count, error));
            ps_schedule_rows(&jobs->schedule, i, count, now_ms);
        }
    }
    return PENSTOCK_OK;
}

/* In a read transaction. A model without a champion, or one without a profile, has nothing to drift from. */
static penstock_code check_drift(struct ps_jobs *jobs, const struct ps_jobs_seat *seat, size_t job,
                                 struct ps_drift_report **report_out, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    const struct ps_job_statement *statement = &jobs->nodes[job]->statement->as.job;
    const struct ps_node *model = jobs->models[jobs->schedule.jobs[job].rule.model];
    int64_t champion = 0;
    const char *profile = NULL;
    if (arena == NULL) {
        return ps_error_memory(error, "a look at drift");
    }
    PS_TRY(ps_registry_alias(seat->connection, model->name, "champion", &champion, error));
    if (champion > 0) {
        PS_TRY(ps_registry_profile(seat->connection, model->name, champion, arena, &profile, error));
    }
    if (profile == NULL) {
        return PENSTOCK_OK;
    }
    const struct ps_drift_options options = {.statement = model->statement,
                                             .profile = profile,
                                             .tolerance = statement->drift_tolerance,
                                             .confidence = statement->drift_confidence,
                                             .stop = seat->stop};
    return ps_drift_check(seat->connection, &options, report_out, error);
}

void ps_jobs_look(struct ps_jobs *jobs, const struct ps_jobs_seat *seat, size_t job) {
    struct penstock_error error = {0};
    struct penstock_error ignored;
    struct ps_drift_report *report PS_SCOPED(ps_drift_report_free_scoped) = NULL;
    const char *name = jobs->nodes[job]->name;
    penstock_code code = ps_sql_run(seat->connection, "BEGIN TRANSACTION READ ONLY", &error);
    code = code == PENSTOCK_OK ? check_drift(jobs, seat, job, &report, &error) : code;
    (void)!ps_sql_run(seat->connection, "ROLLBACK", &ignored);
    if (code == PENSTOCK_CANCELLED) {
        return;
    }
    const bool has_drifted = code == PENSTOCK_OK && report != NULL && report->has_drifted;
    ps_schedule_looked(&jobs->schedule, job, has_drifted, ps_clock_wall_ms());
    if (report != NULL) {
        ps_log_write(ps_application_log(jobs->progress->application),
                     has_drifted ? PS_LOG_NOTICE : PS_LOG_INFO, NULL, "job %s: %s", name, report->sentence);
    }
    if (has_drifted) {
        ps_voice_line(seat->voice, "job %s: %s", name, report->sentence);
    }
    const struct ps_schedule_mark *mark = &jobs->schedule.jobs[job].mark;
    if (code == PENSTOCK_OK && !has_drifted && mark->is_known) {
        const char *model = jobs->models[jobs->schedule.jobs[job].rule.model]->name;
        code = ps_sql_run(seat->connection, "BEGIN TRANSACTION", &error);
        code = code == PENSTOCK_OK ? ps_job_store_write(seat->connection, name, model, mark, &error) : code;
        code = code == PENSTOCK_OK ? ps_sql_run(seat->connection, "COMMIT", &error) : code;
        if (code != PENSTOCK_OK) {
            (void)!ps_sql_run(seat->connection, "ROLLBACK", &ignored);
        }
    }
    if (code != PENSTOCK_OK) {
        (void)ps_error_context(&error, "job %s", name);
        ps_voice_complain(seat->voice, &error);
    }
}
