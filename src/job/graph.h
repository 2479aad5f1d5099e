/* SPDX-License-Identifier: Apache-2.0
 *
 * graph.h - from statements to a DAG, and from the DAG to an optimised physical plan of stages and tasks.
 *
 * Analysis binds every SELECT against an in-memory catalogue of empty tables, so that a misspelt column
 * is an error of `penstock check`, with file, line and column, and every node knows its output schema.
 */
#ifndef PS_JOB_GRAPH_H
#define PS_JOB_GRAPH_H

#include "job/project.h"
#include "job/pushed.h"
#include "job/use.h"

enum ps_node_kind {
    PS_NODE_SOURCE,
    PS_NODE_SQL,
    PS_NODE_TABLE,
    PS_NODE_VIEW,
    PS_NODE_SINK,
    PS_NODE_MODEL,
    PS_NODE_JOB, /* its one input is the model that it trains */
    PS_NODE_DATASET,
};

struct ps_node {
    enum ps_node_kind kind;
    const char *name; /* PS_NODE_SQL: "sql_1", ... */
    const struct ps_statement *statement;
    const char *const *column_names; /* output schema; empty for PS_NODE_SQL; of a sink: what it is given */
    const char *const *column_types;
    size_t column_count;
    size_t *inputs; /* indexes of nodes this one reads, as stream or table */
    bool *input_is_stream;
    size_t input_count;
    int64_t source; /* node of the source whose records reach this one by STREAM, or -1 */
    /* Sources: whether any statement reads the column (column_count of them; the watermark's always). What is not
     * read is still decoded and checked against its type, but need not go further. Else NULL. */
    bool *column_is_read;
    const struct ps_source_use *use; /* sources: what the statements need of it; else NULL */
    /* Sources and tables: the column that is the event time of the watermark, handed through as it is; or -1. */
    int64_t time_column;
    /* Its rows are changes: FORMAT UPSERT or DEBEZIUM, and what streams from such a source row by row. A row
     * replaces the ones with the same values in the key columns. */
    bool is_changelog;
    size_t *keys; /* columns, in the order of the source's PRIMARY KEY */
    size_t key_count;
    /* A join of two streams, or what streams from one: rows may come long after their event time. `source` is then
     * that of the left stream. */
    bool is_joined;
    bool is_join;        /* it joins two streams itself */
    size_t sides[2];     /* of a join: the nodes of its streams, left and right */
    int64_t bound_us[2]; /* of a join: least and greatest time of the right row less that of the left one */
    const char *const *models; /* references of the models that its statement predicts with, as written */
    size_t model_count;
};

struct ps_graph {
    struct ps_node *nodes; /* in an order in which every node comes after its inputs */
    size_t node_count;
    struct ps_arena *arena;
    const struct ps_project *project;
};

/* Errors: INVALID_PROJECT (unknown table or column with the nearest name, a cycle, a stream where a table is
 * needed, an aggregate in a streaming table, a volatile function in a continuous statement, ...). */
penstock_code ps_graph_build(const struct ps_project *project, struct ps_graph **graph_out,
                             struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_graph_free(struct ps_graph *graph);
const char *ps_node_kind_name(enum ps_node_kind kind); /* "streaming table" */
/* Index of a node by name, or -1. */
int64_t ps_graph_find(const struct ps_graph *graph, const char *name);

/* When a job trains, in words: "every '0 3 * * *' or after 100,000 rows". */
void ps_job_describe(const struct ps_job_statement *job, struct ps_buffer *out);
/* WITH (...) of a job. */
struct ps_job_settings {
    int64_t cores;        /* most that a training beside the stream takes; 0: all but one */
    bool makes_up_missed; /* a time that passed while nothing ran */
    int64_t pause_ms;     /* least time between the starts of two trainings that AFTER or ON DRIFT asks for */
};
/* Cores of a training beside the stream when there are `core_count`: all but one, at most `cores`, at least one. */
int64_t ps_job_core_share(const struct ps_job_settings *settings, int64_t core_count);
extern const struct ps_option ps_job_options[];
penstock_code ps_job_settings_read(const struct ps_job_statement *job, struct ps_arena *arena,
                                   struct ps_job_settings *settings_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

/* WITH (...) of a dataset: paths as written, NULL where none was given. */
struct ps_dataset_settings {
    const char *parquet, *delta, *report;
    const char *numbers;     /* of the report: beside it */
    const char *on_existing; /* "fail" or "replace" */
};
extern const struct ps_option ps_dataset_options[];
/* Errors: INVALID_PROJECT with the place: an unknown setting, one that is given twice, no place at all. */
penstock_code ps_dataset_settings_read(const struct ps_dataset_statement *dataset, struct ps_arena *arena,
                                       struct ps_dataset_settings *settings_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

/* Stages end where data must be exchanged: decoding is parallel (one task a slice), the SQL of an epoch is
 * one task (its order makes results repeat), a training scan is one task a block of rows. */
struct ps_stage {
    const char *name;         /* "epoch: decode departures" */
    const char *const *steps; /* lines: what each task does, in order */
    size_t step_count;
    size_t *nodes; /* of the graph that this stage carries out */
    size_t node_count;
    const char *tasks; /* "up to 4, one per 4 MiB slice" */
    size_t *inputs;    /* stages */
    size_t input_count;
};
struct ps_plan {
    struct ps_stage *stages;
    size_t stage_count;
    const char *const *notes; /* what the optimiser did: "filter x is pushed into ..." */
    size_t note_count;
    const struct ps_pushed **pushed; /* of each node what it leaves out, or NULL; NULL: nothing was added */
    const struct ps_graph *graph;
    struct ps_arena *arena;
};
/* Every stage comes after its inputs. */
penstock_code ps_plan_build(const struct ps_graph *graph, struct ps_plan **plan_out,
                            struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_plan_free(struct ps_plan *plan);
/* What the connector of a source says that it leaves out; its texts must live as long as the plan. */
penstock_code ps_plan_add_pushed(struct ps_plan *plan, size_t node, const struct ps_pushed *pushed,
                                 struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_plan_write_pushed(const struct ps_pushed *pushed, struct ps_buffer *out); /* JSON */

enum ps_explain_form { PS_EXPLAIN_TEXT, PS_EXPLAIN_DOT, PS_EXPLAIN_JSON };
penstock_code ps_plan_explain(const struct ps_plan *plan, enum ps_explain_form form, struct ps_buffer *out,
                              struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
