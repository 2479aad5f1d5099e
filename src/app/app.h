/* SPDX-License-Identifier: Apache-2.0
 *
 * app.h - the composition root: what the program and the library can do with a project.
 *
 * The command line and libpenstock speak only to this file. Answers are tables of text (shown as table,
 * csv or json by the caller) or JSON. Nothing here prints.
 */
#ifndef PS_APP_APP_H
#define PS_APP_APP_H

#include "job/graph.h"
#include "model/train.h"
#include "publish/gate.h"
#include "stream/runner.h"

/* A table of text cells; NULL is SQL NULL. Owns its cells. */
struct ps_text_table {
    size_t column_count;
    int64_t row_count;
    const char **names;
    const char **types; /* SQL type per column: "BIGINT", "VARCHAR", ...: numbers are not quoted in JSON */
#define PS_TEXT_TABLE_LINES "LINES" /* text made for a person, of several lines; else a type as VARCHAR */
    const char **cells;             /* row * column_count + column */
    struct ps_arena *arena;
};
void ps_text_table_free(struct ps_text_table *table);

struct ps_app_options {
    const char *folder; /* of the project */
    struct ps_project_options project;
    /* Statements are read but not bound, which takes most of the time of a start: enough for ps_app_query(),
     * models and predictions. ps_app_graph() is NULL. */
    bool is_for_reading;
};
struct ps_app;
/* Loads and checks the project (statements, graph, models); the store is opened by the calls that need it. */
penstock_code ps_app_open(const struct ps_app_options *options, struct ps_app **app_out,
                          struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_app_close(struct ps_app *app);
const struct ps_project *ps_app_project(const struct ps_app *app);
const struct ps_graph *ps_app_graph(const struct ps_app *app);
penstock_code ps_app_explain(struct ps_app *app, enum ps_explain_form form, struct ps_buffer *out,
                             struct penstock_error *error) PENSTOCK_MUST_USE;
/* A new project folder with a manifest, one SQL file and a little data that runs. ALREADY_EXISTS if not empty. */
penstock_code ps_app_init(const char *folder, struct penstock_error *error) PENSTOCK_MUST_USE;

/* What became of one CREATE MODEL in a run. */
struct ps_model_outcome {
    const char *name;
    bool is_skipped;                /* trained before from the same positions and statement */
    bool is_unchanged;              /* trained again, and bit for bit the champion */
    int64_t version;                /* registered (also when refused), or the one it was skipped for */
    int64_t champion_before;        /* 0: none */
    struct ps_candidate *candidate; /* NULL when skipped */
    struct ps_gate_report *report;  /* NULL when skipped or unchanged */
    /* up to three hold-out rows */
    size_t sample_count;
    double sample_labels[3], sample_predictions[3];
};
/* What became of one CREATE DATASET in a run. */
struct ps_dataset_outcome {
    const char *name;
    bool is_skipped; /* made before from the same rows by the same statement */
    int64_t making;  /* 1, 2, ... */
    int64_t row_count, kept_count;
    const char *places; /* "out/a.parquet, out/a (version 3)" */
};
struct ps_run_report {
    const char *application;
    bool has_sources;                   /* false: a batch project, its totals say nothing */
    struct ps_run_totals totals;        /* of this run */
    struct ps_text_table *dead_letters; /* statement or source, reason, rule, count: of this run */
    struct ps_text_table *violations;   /* statement, rule, action, count: of this run */
    struct ps_text_table *tables;       /* name, kind, rows: of the store now */
    struct ps_text_table *stages;       /* stage, tasks, records, wall_ms, cpu_ms: of this run */
    struct ps_model_outcome *models;
    size_t model_count;
    struct ps_dataset_outcome *datasets;
    size_t dataset_count;
    struct ps_arena *arena;
};
struct ps_app_run_options {
    bool once;
    bool accepts_changes; /* what a changed project drops and computes again need not be agreed to */
    void (*on_line)(const char *line, void *context); /* progress lines for a person, or NULL */
    /* A changed project, before it runs: statement, kind, action, reason. Is it agreed to? Or NULL. */
    bool (*on_changes)(const struct ps_text_table *changes, bool needs_consent, void *context);
    void *context;
};
/* Runs the project as one application. *report_out is also set for GATE_REFUSED (everything else was done). */
penstock_code ps_app_run(struct ps_app *app, const struct ps_app_run_options *options,
                         struct ps_run_report **report_out, struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_run_report_free(struct ps_run_report *report);
void ps_app_stop(struct ps_app *app); /* async-signal-safe */

/* The store read: through the running process (unix socket STORE/penstock.sock) if there is one, else directly.
 * `sql`: exactly one SELECT (also WITH, FROM, VALUES, DESCRIBE, SHOW, EXPLAIN, PRAGMA-free).
 * Without a store a SELECT that needs none still works. */
penstock_code ps_app_query(struct ps_app *app, const char *sql, struct ps_text_table **table_out,
                           struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_app_status(struct ps_app *app, struct ps_text_table **table_out,
                            struct penstock_error *error) PENSTOCK_MUST_USE;
/* A row for each version. Its last column is the JSON object of all its metrics: holdout, baseline, training. */
penstock_code ps_app_models_list(struct ps_app *app, struct ps_text_table **table_out,
                                 struct penstock_error *error) PENSTOCK_MUST_USE;
/* reference: "congestion", "congestion@champion", "congestion@3". JSON as ps_registry_show(). */
penstock_code ps_app_models_show(struct ps_app *app, const char *reference, struct ps_buffer *json_out,
                                 struct penstock_error *error) PENSTOCK_MUST_USE;
/* Promotes, rolls back, deletes (publish/registry.h), through the running process if there is one. One row: model,
 * alias, from, to, who; `alias` is NULL for a deletion, from = to means that nothing was to be done. */
struct ps_registry_request;
penstock_code ps_app_models_change(struct ps_app *app, const struct ps_registry_request *request,
                                   struct ps_text_table **table_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* JSON as ps_registry_diff(). */
penstock_code ps_app_models_diff(struct ps_app *app, const char *first, const char *second,
                                 struct ps_buffer *json_out, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Trains a version once more from what was recorded of it; nothing is registered. JSON as ps_retrain(). */
penstock_code ps_app_models_replay(struct ps_app *app, const char *reference, struct ps_buffer *json_out,
                                   struct penstock_error *error) PENSTOCK_MUST_USE;
/* Predicts rows: `input` is the text of a CSV file with a header or of NDJSON, or an SQL SELECT over the store when
 * is_sql. The table has the input's columns and "prediction". */
penstock_code ps_app_predict(struct ps_app *app, const char *reference, const char *input, bool is_sql,
                             struct ps_text_table **table_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
penstock_code ps_app_load_model(struct ps_app *app, const char *reference, struct ps_fitted **fitted_out,
                                int64_t *version_out, struct penstock_error *error) PENSTOCK_MUST_USE;
/* job, model, trains, state, next_due, rows_left, last_run, outcome, version, sentence. Also while it runs. */
penstock_code ps_app_jobs_list(struct ps_app *app, struct ps_text_table **table_out,
                               struct penstock_error *error) PENSTOCK_MUST_USE;
/* What a job that was carried out now came to. */
struct ps_job_result {
    char outcome[16]; /* "published", "refused", "unchanged", "nothing new" */
    int64_t version;
    char sentence[1024];
};
/* Through the running process if there is one, else as an application of its own. A refusal is no error. */
penstock_code ps_app_jobs_run(struct ps_app *app, const char *name, const struct ps_app_run_options *options,
                              struct ps_job_result *result_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* dataset, making, made_at, rows_read, rows_kept, files, application: the last making of each. */
penstock_code ps_app_datasets_list(struct ps_app *app, struct ps_text_table **table_out,
                                   struct penstock_error *error) PENSTOCK_MUST_USE;
/* The last making: JSON as publish/quality.h says, with "fitted". NOT_FOUND with the nearest name. */
penstock_code ps_app_datasets_show(struct ps_app *app, const char *name, struct ps_buffer *json_out,
                                   struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_app_dlq_list(struct ps_app *app, const char *source, const char *reason,
                              int64_t row_count_max, struct ps_text_table **table_out,
                              struct penstock_error *error) PENSTOCK_MUST_USE;
/* One row; NOT_FOUND. */
penstock_code ps_app_dlq_show(struct ps_app *app, int64_t id, struct ps_text_table **table_out,
                              struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_app_dlq_replay(struct ps_app *app, const char *source, const char *reason,
                                struct ps_replay_totals *totals_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

/* What `run` would do with the project as it is now: statement, kind, action, reason. *is_ready_out: no consent
 * and no backfill is needed. Also while the project runs. */
penstock_code ps_app_plan(struct ps_app *app, struct ps_text_table **table_out, bool *is_ready_out,
                          struct penstock_error *error) PENSTOCK_MUST_USE;
/* Shown before something is done that cannot be taken back. `is_harmless`: nothing needs to be agreed to. True:
 * do it. */
struct ps_app_ask {
    bool is_dry_run; /* only show */
    bool (*on_plan)(const struct ps_text_table *plan, const char *meaning, bool is_harmless, void *context);
    void *context;
};
struct ps_backfill; /* stream/backfill.h */
/* Fills one table or view from its source, as an application of its own. ask: from where to where is shown first; a
 * rebuild must be agreed to. *is_finished_out false: stopped on the way, or a dry run. */
penstock_code ps_app_backfill(struct ps_app *app, const struct ps_backfill *backfill,
                              const struct ps_app_run_options *options, const struct ps_app_ask *ask,
                              struct ps_run_totals *totals_out, bool *is_finished_out,
                              struct penstock_error *error) PENSTOCK_MUST_USE;
/* Removes what a statement that left the project has in the store. BUSY while a run holds it. */
penstock_code ps_app_drop(struct ps_app *app, const char *name, struct penstock_error *error)
    PENSTOCK_MUST_USE;

/* source, partition, position, epoch, low, high, lag; of one source or, NULL, of all. The last three are NULL where a
 * broker does not answer: *unreachable_out says why (its code is OK otherwise). Also while the project runs. */
penstock_code ps_app_offsets_show(struct ps_app *app, const char *source, struct ps_text_table **table_out,
                                  struct penstock_error *unreachable_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* Moves a source to `to` (stream/offsets.h). Errors: INVALID_ARGUMENT if it was not agreed to; BUSY while a run holds
 * the store. */
penstock_code ps_app_offsets_reset(struct ps_app *app, const char *source, const char *to,
                                   const struct ps_app_ask *ask, bool *is_done_out,
                                   struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
