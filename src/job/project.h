/* SPDX-License-Identifier: Apache-2.0
 *
 * project.h - a project as read from its folder: the manifest and the statements, before anything runs.
 *
 * Everything here is plain data in one arena: the manifest says where and how big, the statements say
 * what. Each piece remembers the place it was written at, so that any later error can name it.
 */
#ifndef PS_JOB_PROJECT_H
#define PS_JOB_PROJECT_H

#include "base/option.h"
#include "data/schema.h"
#include "job/cron.h"
#include "sql/engine.h"

/* Where something was written. Line and column count from 1; column counts bytes. */
struct ps_location {
    const char *file; /* relative to the project */
    int32_t line, column;
};

enum ps_statement_kind {
    PS_STATEMENT_SQL, /* any DuckDB statement, untouched */
    PS_STATEMENT_SOURCE,
    PS_STATEMENT_STREAMING_TABLE,
    PS_STATEMENT_MATERIALIZED_VIEW,
    PS_STATEMENT_SINK,
    PS_STATEMENT_MODEL,
    PS_STATEMENT_JOB,
    PS_STATEMENT_DATASET,
};

/* name = 'value' of a WITH list or a parameter list, as written. */
struct ps_setting {
    const char *name;
    const char *value; /* quotes taken off, ${VARIABLES} put in */
    struct ps_location location;
};

/* A SELECT or expression inside a statement: the text and where it starts. */
struct ps_sql_text {
    const char *text;
    struct ps_location location; /* of text[0] */
};

/* What a record means: PLAIN: one more row. The others are changelogs of a table with a primary key. */
enum ps_source_format {
    PS_FORMAT_PLAIN,
    PS_FORMAT_UPSERT,   /* the newest value of a key counts; no value: the key is gone */
    PS_FORMAT_DEBEZIUM, /* {"before": ..., "after": ..., "op": "c" | "u" | "d" | "r"} */
};

/* The column that on_new_field = 'keep' adds. */
#define PS_REST_COLUMN "penstock_rest"

/* INCLUDE kind [AS name]: what the broker says of a record, as a column behind the declared ones. */
enum ps_include_kind {
    PS_INCLUDE_KEY,       /* BLOB, or VARCHAR with INCLUDE key AS name VARCHAR */
    PS_INCLUDE_PARTITION, /* INTEGER */
    PS_INCLUDE_OFFSET,    /* BIGINT */
    PS_INCLUDE_TIMESTAMP, /* TIMESTAMP */
    PS_INCLUDE_HEADERS,   /* VARCHAR: JSON object */
    PS_INCLUDE_TOPIC,     /* VARCHAR */
    PS_INCLUDE_REST,      /* VARCHAR: fields without a column, with on_new_field = 'keep'; of any connector */
};
struct ps_include {
    enum ps_include_kind kind;
    size_t column; /* of the schema */
    struct ps_location location;
};

struct ps_source_statement {
    /* the declared columns, those that on_new_field = 'add' has added, those of INCLUDE (the last include_count) */
    struct ps_schema schema;
    struct ps_location *column_locations;
    struct ps_include *includes;
    size_t include_count;
    size_t *primary_key; /* columns; PRIMARY KEY (a, b), or PRIMARY KEY behind one column */
    size_t primary_key_count;
    struct ps_location primary_key_location;
    const char *watermark_column;          /* or NULL */
    int64_t watermark_delay_ms;            /* WATERMARK FOR c AS c - INTERVAL ... */
    struct ps_location watermark_location; /* of c */
    const char *connector;                 /* WITH (connector = ...) */
    struct ps_setting *settings;           /* all of WITH, connector included */
    size_t setting_count;
    enum ps_source_format format; /* FORMAT PLAIN (the default) | UPSERT | DEBEZIUM */
    struct ps_location format_location;
    bool adds_columns;  /* on_new_field = 'add' */
    size_t added_count; /* columns that it has added */
    const char *encode; /* ENCODE JSON | CSV | PARQUET | AVRO | PROTOBUF | BYTES, lower case */
    struct ps_setting *encode_settings; /* ENCODE CSV (delimiter = ';') */
    size_t encode_setting_count;
};

enum ps_rule_action { PS_RULE_DROP_ROW, PS_RULE_FAIL_UPDATE, PS_RULE_DEAD_LETTER, PS_RULE_KEEP };
struct ps_rule {
    const char *name;
    struct ps_sql_text expression; /* a row passes when it is TRUE; NULL does not pass */
    enum ps_rule_action action;    /* without ON VIOLATION: KEEP, counted only, as in Spark */
    struct ps_location location;
};

struct ps_table_statement {
    struct ps_rule *rules;
    size_t rule_count;
    struct ps_sql_text select;
};

struct ps_view_statement {
    struct ps_sql_text select;
    bool emit_final; /* EMIT FINAL; else EMIT CHANGES, the default */
};

/* CREATE SINK name WITH (connector = '...', ...) [FORMAT PLAIN] [ENCODE JSON (...)] AS SELECT ... FROM STREAM t */
struct ps_sink_statement {
    const char *connector;
    struct ps_setting *settings; /* all of WITH, connector included */
    size_t setting_count;
    const char *encode; /* lower case; NULL: the connector's own */
    struct ps_setting *encode_settings;
    size_t encode_setting_count;
    struct ps_location connector_location;
    struct ps_sql_text select;
};

/* What stands behind name = in an argument of a TRANSFORM stage, an estimator, a validator. */
enum ps_parameter_form {
    PS_FORM_VALUE,    /* one literal; or, without a name, a column */
    PS_FORM_LIST,     /* [a, b] or (a, b) */
    PS_FORM_GRID,     /* GRID(a, b): each value a literal, or a list as the text "[a, b]" */
    PS_FORM_RANGE,    /* RANGE(from, to [, count] [, LOG]): the two or three numbers */
    PS_FORM_RANDOM,   /* RANDOM(n [, seed]), without a name */
    PS_FORM_INTERVAL, /* INTERVAL 1 DAY, as milliseconds */
};
struct ps_parameter {
    const char *name;          /* NULL: positional, then values[0] is a column name */
    const char *const *values; /* one, or several for the forms above */
    size_t value_count;
    enum ps_parameter_form form;
    bool is_grid; /* GRID, RANGE or RANDOM: for a search */
    bool is_log;  /* RANGE(..., LOG) */
    struct ps_location location;
};
struct ps_call {
    const char *name; /* "StandardScaler" */
    struct ps_parameter *parameters;
    size_t parameter_count;
    struct ps_location location;
};

enum ps_holdout_kind { PS_HOLDOUT_NONE, PS_HOLDOUT_LAST_INTERVAL, PS_HOLDOUT_FRACTION };
struct ps_holdout {
    enum ps_holdout_kind kind;
    const char *interval; /* HOLDOUT LAST 30 DAYS BY c: "30 DAYS" */
    double fraction;      /* HOLDOUT LAST 20 PERCENT BY c: 0.2; HOLDOUT 20 PERCENT: random, by_column NULL */
    const char *by_column;
    struct ps_location location;
};

/* One condition of GATE (...); what each means exactly is in docs/models.md. */
enum ps_gate_kind {
    PS_GATE_LIMIT,           /* rmse <= 20, r2 >= 0.1, cv_rmse <= 22 */
    PS_GATE_IMPROVEMENT,     /* improvement >= 1 PERCENT [OF champion] [IN metric] [CONFIDENCE 0.95] */
    PS_GATE_NON_INFERIORITY, /* non_inferiority <= 2 PERCENT [OF champion] [IN metric] [CONFIDENCE 0.95] */
    PS_GATE_SLICE,           /* slice(c) worse BY <= 5 PERCENT [IN metric] [MIN ROWS 500] [CONFIDENCE 0.95] */
    PS_GATE_ROWS,            /* rows >= 1000 */
    PS_GATE_ROWS_DROP,       /* rows DROP <= 50 PERCENT */
    PS_GATE_NULLS,           /* nulls <= 5 PERCENT, nulls(c) <= 5 PERCENT */
    PS_GATE_NULLS_RISE,      /* nulls RISE <= 10 PERCENT, nulls(c) RISE <= 10 PERCENT */
    PS_GATE_LABEL,           /* label >= 0, label <= 500 */
    PS_GATE_LABEL_SHIFT,     /* label SHIFT <= 1 (standard deviations; classes: of a share) */
    PS_GATE_LABEL_OUTSIDE,   /* label OUTSIDE <= 5 PERCENT */
    PS_GATE_DRIFT,           /* drift <= 0.2 [CONFIDENCE 0.99], drift(c) <= 0.1, DRIFT CONFIDENCE 0.99 */
    PS_GATE_CONDITION,       /* condition <= 1e8 */
    PS_GATE_FULL_RANK,       /* full_rank */
    PS_GATE_CONVERGED,       /* converged */
};
struct ps_gate_condition {
    enum ps_gate_kind kind;
    const char *text;        /* the condition in one wording, whatever the spaces: the name of its check */
    const char *metric;      /* LIMIT: "rmse"; IN metric of a comparison, or NULL: by task */
    const char *comparison;  /* "<=" "<" ">=" ">"; NULL: the condition has none */
    const char *column;      /* slice(c), nulls(c), drift(c); NULL: all */
    double value;            /* PERCENT: a fraction, 0.01 */
    double confidence;       /* 0.95; drift: 0.99 */
    int64_t row_count_min;   /* slice: MIN ROWS */
    bool is_cross_validated; /* cv_rmse: of the search, not of the hold-out */
    bool is_first_run;       /* FIRST RUN ...: applies only while there is no champion */
    struct ps_location location;
    struct ps_location column_location;
};

struct ps_model_statement {
    struct ps_call *transforms;
    size_t transform_count;
    const char *label; /* PREDICT */
    struct ps_location label_location;
    struct ps_call estimator; /* USING: the first of */
    struct ps_call *estimators;
    size_t estimator_count;
    struct ps_call validation; /* VALIDATE; name NULL: CrossValidator() with its defaults */
    struct ps_holdout holdout;
    struct ps_gate_condition *gate;
    size_t gate_count;
    struct ps_sql_text select;
};

/* CREATE DATASET name [TRANSFORM (...)] WITH (parquet = '...', delta = '...', report = '...') AS SELECT: rows made
 * ready for somebody else. */
struct ps_dataset_statement {
    struct ps_call *transforms;
    size_t transform_count;
    struct ps_setting *settings; /* WITH */
    size_t setting_count;
    struct ps_location settings_location;
    struct ps_sql_text select;
};

/* CREATE JOB name FOR MODEL m EVERY 'cron' [TIME ZONE 'zone'] OR AFTER n ROWS OR ON DRIFT [...] [WITH (...)]: when
 * the model is trained again. Any of the three. */
struct ps_job_statement {
    const char *model;
    struct ps_location model_location;
    const char *every; /* as written; NULL: no EVERY */
    struct ps_cron cron;
    const char *time_zone; /* "UTC" unless it is given */
    struct ps_location zone_location;
    int64_t row_count; /* AFTER n ROWS; 0: no AFTER */
    bool on_drift;
    double drift_tolerance;      /* ON DRIFT > 0.1; below 0: not given */
    double drift_confidence;     /* CONFIDENCE 0.99; 0: not given */
    int64_t drift_interval_ms;   /* CHECK EVERY INTERVAL 1 HOUR */
    struct ps_setting *settings; /* WITH */
    size_t setting_count;
};

struct ps_statement {
    enum ps_statement_kind kind;
    const char *name;               /* NULL for PS_STATEMENT_SQL */
    const char *text;               /* the whole statement as written, variables put in */
    bool or_replace, if_not_exists; /* accepted and kept */
    struct ps_location location;
    struct ps_location name_location;
    union {
        struct ps_source_statement source;
        struct ps_table_statement table;
        struct ps_view_statement view;
        struct ps_sink_statement sink;
        struct ps_model_statement model;
        struct ps_job_statement job;
        struct ps_dataset_statement dataset;
    } as;
};

/* Manifest values; rows of ps_manifest_options. Written by YAML, --conf and the command line alike. */
struct ps_manifest {
    const char *name;
    const char *store;         /* folder, relative to the project; default "store" */
    const char *master;        /* "local[*]" */
    int64_t executor_cores;    /* 0: from master */
    int64_t executor_memory;   /* bytes, default 1g; once loaded, driver-memory is added to it */
    int64_t driver_memory;     /* as written */
    int64_t num_executors;     /* local masters: 1 */
    int64_t epoch_rows;        /* most records of one epoch */
    int64_t epoch_bytes;       /* most raw bytes of one epoch */
    int64_t epoch_interval_ms; /* how often a running stream looks for new data, default 100 ms */
    int64_t retry_timeout_ms;  /* how long a server may be away from a running stream, default 1 hour */
    const char *log_level;     /* "info" */
};
extern const struct ps_option ps_manifest_options[];

struct ps_project {
    struct ps_arena *arena;
    const char *folder;     /* as given */
    const char *store_path; /* folder joined with manifest.store */
    struct ps_manifest manifest;
    int64_t core_count;              /* what local[N] / local[*] comes to */
    struct ps_statement *statements; /* in the order of files and text */
    size_t statement_count;
    struct ps_setting *variables;
    size_t variable_count;
};

struct ps_project_options {
    const char *target, *master;
    const char *const *settings;  /* "key=value", NULL-terminated, or NULL; spark.executor.* spellings too */
    const char *const *variables; /* "NAME=value" */
};

/* Reads penstock.yml and the SQL files it names. Errors: NOT_FOUND (no penstock.yml), INVALID_PROJECT with
 * file:line:column, what was found, what was expected, the nearest known name. Owns: the caller frees. */
penstock_code ps_project_load(const char *folder, const struct ps_project_options *options,
                              struct ps_project **project_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
void ps_project_free(struct ps_project *project);
/* A column that a source with on_new_field = 'add' has got. */
struct ps_added_column {
    const char *source, *name;
    const char *type; /* SQL */
};
/* Does any source add columns? */
bool ps_project_adds_columns(const struct ps_project *project);
/* The same project with these columns: another view of the same memory, so that what reads the one before may go on. It
 * lives as long and is not freed by itself. What a source declares, or does not add any more, is left out. */
penstock_code ps_project_grow(const struct ps_project *project, const struct ps_added_column *columns,
                              size_t column_count, struct ps_project **grown_out,
                              struct penstock_error *error) PENSTOCK_MUST_USE;
/* "speed DOUBLE, note VARCHAR": columns that a source has been given. */
void ps_source_list_added(const struct ps_source_statement *source, struct ps_buffer *out);
/* Has a source been given a column of that name? */
bool ps_project_is_added(const struct ps_project *project, const char *column);
const struct ps_statement *ps_project_find(const struct ps_project *project, const char *name);

/* The text's own parser, for tests and fuzzing: statements of one SQL file. */
penstock_code ps_statements_parse(const char *file, const char *text, size_t size,
                                  const struct ps_setting *variables, size_t variable_count,
                                  struct ps_arena *arena, struct ps_statement **statements_out,
                                  size_t *count_out, struct penstock_error *error) PENSTOCK_MUST_USE;

/* Prefixes an error with "file:line:column: ". `offset`: bytes after the location, within `text` (-1: 0). */
penstock_code ps_error_at(struct penstock_error *error, struct ps_location location, const char *text,
                          int64_t offset);

#endif
