/* SPDX-License-Identifier: Apache-2.0
 *
 * run.h - what the files of this room share: a run, its inputs (sources) and its outputs (streaming
 * tables and views), and the dead letters of the epoch in work. Included by this room only.
 *
 * How records meet SQL. `stream.name` in a statement's tree is pointed at a temporary view:
 *
 *   temp."penstock_stream_<name>"   the rows of this epoch, with the columns of <name>
 *   temp."penstock_place_<name>"    the same with penstock_row last: the record's index in the epoch
 *
 * For a source they stand over the feed of decoded batches (or, Parquet, over a temporary table); for a
 * streaming table over its stage: "penstock_stage_<name>", the user's SELECT with its broken rules as bits.
 * A stage that is cheap to compute again is a view, so nothing is written twice; one with a join is a table.
 * Outside an epoch, while a new statement is applied, they stand over the table's existing rows.
 */
#ifndef PS_STREAM_RUN_H
#define PS_STREAM_RUN_H

#include "base/check.h"
#include "connect/create.h"
#include "connect/sink.h"
#include "job/graph.h"
#include "job/shape.h"
#include "sql/feed.h"
#include "stream/runner.h"

#define PS_ROW_COLUMN "penstock_row"
#define PS_BROKEN_COLUMN "penstock_broken"
#define PS_OPERATION_COLUMN "penstock_operation"
/* Rules of one table: one bit each of a BIGINT that stays positive. */
#define PS_LIMIT_RULE_COUNT 62
/* One statement generated from a project's. */
#define PS_LIMIT_SQL_SIZE ((size_t)64 << 20)

/* The rows of one source in the epoch in work. */
struct ps_input_rows {
    struct ps_batch *
        *batches;            /* one a slice, in record order; borrowed from their tasks. None of a relation */
    const char **partitions; /* of each slice */
    size_t slice_count;
    int64_t *starts; /* penstock_row of each batch's first row */
    int64_t row_count, record_count;
};

struct ps_input {
    const struct ps_node *node;
    size_t node_index;
    const char *name;
    const char *key; /* of its positions and its watermark in the store: its name, or a backfill's */
    const struct ps_source_statement *statement;
    struct ps_source *source; /* used by the reader thread alone once the read-ahead runs */
    struct ps_source_setup setup;
    bool is_relation;  /* Parquet: rows arrive as SQL */
    bool is_used;      /* some statement streams from it */
    bool is_changelog; /* its batches carry operations, its feed penstock_operation */
    bool needs_row;    /* some statement carries penstock_row along */
    bool has_casts;
    const char *feed; /* name of its feed */
    struct ps_schema feed_schema;
    int64_t time_column;   /* of the watermark, or -1 */
    const char *time_name; /* its name, or NULL */
    int64_t delay_us;
    bool has_time, is_time_stored;
    int64_t time_max_us; /* greatest event time so far */
    struct ps_input_rows rows;
    struct ps_new_fields new_fields; /* met in an epoch that was given up for them: columns.c */
};

/* A streaming table or a materialized view. */
struct ps_output {
    const struct ps_node *node;
    size_t node_index;
    const char *name;
    bool is_view;
    size_t root;      /* index of the input its records come from */
    int64_t upstream; /* index of the table it streams from; -1: the source itself */
    bool needs_row;
    bool has_readers;     /* a statement streams from it */
    bool is_skipped;      /* a backfill of another one: it is neither made nor written */
    bool is_written;      /* in this pass over the statements: its stage has the epoch's rows */
    struct ps_join *join; /* it joins two streams; root and upstream are those of the left one. See join.h */
    int64_t join_root;    /* index of the join its rows come from (itself, if it is one), or -1 */

    /* tables */
    bool is_staged;         /* the stage is a table, made in each epoch */
    const char *select_sql; /* of the stage */

    const char *columns_sql; /* "a", "b" */
    const struct ps_rule *rules;
    size_t rule_count;
    uint64_t reject_mask, dead_mask, fail_mask;

    /* views */
    bool is_global;        /* no GROUP BY: one row of state */
    struct ps_view *view;  /* its state: view.h */
    const char *view_sql;  /* of main."<name>" */
    const char *final_sql; /* of the rows that are final, or NULL */
};

/* An outside sink: a SELECT over a stream, planned as a table's is, and where its rows go. */
struct ps_run_sink {
    struct ps_output output;
    struct ps_sink *sink;
    int64_t row_count; /* of the epoch in work */
};

/* Why a record of this epoch is not in a table. Texts live in the epoch's arena or its batches. */
struct ps_dead_row {
    size_t input;
    int64_t slice; /* order of slices within the input */
    int64_t offset;
    const char *partition;
    const char *statement; /* NULL: it did not get past the source */
    enum ps_reason reason;
    const char *column, *rule; /* or NULL */
    const char *message;
    bool has_lateness;
    int64_t lateness_ms;
    struct ps_bytes raw;
    int64_t raw_size;
    const struct ps_message *record; /* of a broker: key, headers, time; or NULL */
    size_t order;                    /* of arrival: keeps the sort stable */
};
struct ps_dead_list {
    struct ps_dead_row *items;
    size_t count, capacity;
};

/* What an epoch's SQL did. */
struct ps_epoch_totals {
    int64_t record_count, row_count, dead_count, byte_count;
};

/* Statements that every epoch runs: prepared at the first one. */
enum ps_run_statement {
    PS_RUN_BEGIN,
    PS_RUN_COMMIT,
    PS_RUN_SAVE_POSITIONS,
    PS_RUN_SAVE_EPOCH,
    PS_RUN_STATEMENT_COUNT,
};

struct ps_run {
    const struct ps_graph *graph;
    const struct ps_project *project;
    struct ps_store *store;
    struct ps_connection *connection;
    const struct ps_runner_options *options; /* NULL while statements are applied */
    struct ps_arena *arena;
    struct ps_arena *epoch_arena; /* reset when an epoch is released */
    struct ps_input *inputs;
    size_t input_count;
    struct ps_output *outputs; /* in graph order */
    size_t output_count;
    struct ps_run_sink *sinks; /* in graph order */
    size_t sink_count;
    struct ps_epoch epoch; /* in work */
    /* Some statement asks for epoch_time(): only then is it defined anew in every epoch, and are views planned anew. */
    bool uses_epoch_time;
    struct ps_sql_statement *statements[PS_RUN_STATEMENT_COUNT];
    struct ps_dead_list dead;
    int64_t dead_id_next;
    bool is_applying;     /* streams stand over existing rows */
    const char *backfill; /* the output that is filled, NULL: an ordinary run. See backfill.c */
    const struct ps_position_list *backfill_start; /* of a backfill that begins */
    bool is_targeted; /* a replay for one table: to all others the sources bring nothing */
    /* models that continuous statements predict with; see pins.c */
    const char **models; /* references, each once */
    size_t model_count;
    const char *pins; /* what they mean in the epoch in work, in its arena */
    bool is_pinned;
    bool needs_plans; /* they mean something else than when statements were planned */
};

/* run.c */
penstock_code ps_run_new(const struct ps_graph *graph, struct ps_store *store, struct ps_run **run_out,
                         struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_run_free(struct ps_run *run);
void ps_run_free_scoped(struct ps_run **run);
/* The settings that every session of a project begins with. */
penstock_code ps_run_session(const struct ps_project *project, struct ps_connection *connection,
                             struct penstock_error *error) PENSTOCK_MUST_USE;
/* The buffer's text in the arena; empties the buffer. */
penstock_code ps_run_keep(struct ps_arena *arena, struct ps_buffer *buffer, const char **text_out,
                          struct penstock_error *error) PENSTOCK_MUST_USE;
/* Runs one of the epoch's own statements; `sql` is always the same for it. */
penstock_code ps_run_execute(struct ps_run *run, enum ps_run_statement which, const char *sql,
                             struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_run_tell(const struct ps_run *run, struct ps_event event);
/* Ends the transaction without effect; an error of that is not worth more than the one before. */
void ps_run_roll_back(struct ps_run *run);

/* input.c */
/* Opens the sources at their committed positions, declares feeds, defines the stream views over them. */
penstock_code ps_input_open_all(struct ps_run *run, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Of one: its feed and the views over it. */
penstock_code ps_input_declare(struct ps_run *run, struct ps_input *input, struct penstock_error *error)
    PENSTOCK_MUST_USE;
void ps_input_close(struct ps_input *input);
/* Defines the stream views of a source without rows: for applying statements. */
penstock_code ps_input_define_empty(struct ps_run *run, const struct ps_input *input,
                                    struct penstock_error *error) PENSTOCK_MUST_USE;
/* The batches become what SQL reads; bad and late records become dead letters. Takes nothing over. */
penstock_code ps_input_load(struct ps_run *run, struct ps_input *input, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* Only the SQL side of it: the batches as they are, nothing is looked at. */
penstock_code ps_input_feed(struct ps_run *run, struct ps_input *input, struct penstock_error *error)
    PENSTOCK_MUST_USE;
void ps_input_clear(struct ps_run *run, struct ps_input *input);
/* relation.c: Parquet. `relations`: one text a slice that may follow FROM. */
penstock_code ps_relation_load(struct ps_run *run, struct ps_input *input, const char *const *relations,
                               struct penstock_error *error) PENSTOCK_MUST_USE;
/* The rows of the feed in the place of files: for replayed records. */
penstock_code ps_relation_feed(struct ps_run *run, struct ps_input *input, struct penstock_error *error)
    PENSTOCK_MUST_USE;
penstock_code ps_relation_define(struct ps_run *run, const struct ps_input *input,
                                 struct penstock_error *error) PENSTOCK_MUST_USE;
/* The rows `rows` (ascending) as text: penstock_slice, penstock_offset, JSON, in the same order. */
penstock_code ps_relation_rows(struct ps_run *run, const struct ps_input *input, const int64_t *rows,
                               size_t count, struct ps_result **result_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

/* watermark.c */
/* Late records and those without event time become dead letters. */
penstock_code ps_watermark_apply(struct ps_run *run, struct ps_input *input, struct ps_batch *batch,
                                 int64_t slice, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Messages of their dead letters, in the epoch's arena; NULL: exhausted. */
const char *ps_watermark_null_text(const struct ps_run *run, const struct ps_input *input);
const char *ps_watermark_late_text(const struct ps_run *run, const struct ps_input *input,
                                   int64_t lateness_ms);
penstock_code ps_watermark_save(struct ps_run *run, struct ps_input *input, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* Takes rows out of a batch; `rows` ascending. */
void ps_batch_drop_rows(struct ps_batch *batch, const int64_t *rows, size_t count);

/* output.c */
/* Inputs and outputs of the graph, and who needs what. */
penstock_code ps_output_list(struct ps_run *run, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Writes the SQL of one output; the streams it reads must be defined. */
penstock_code ps_output_plan(struct ps_run *run, struct ps_output *output, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* Carries out an output's part of an epoch; *row_count_out: rows inserted. */
penstock_code ps_output_write(struct ps_run *run, struct ps_output *output, int64_t *row_count_out,
                              struct penstock_error *error) PENSTOCK_MUST_USE;
const struct ps_sql_text *ps_output_select(const struct ps_output *output);
/* Adds the statement and the way out to an error that came from its SQL. Returns the code. */
penstock_code ps_output_explain(const struct ps_output *output, penstock_code code,
                                struct penstock_error *error);

/* sinks.c: the actions of step.h for outside sinks; `index` of run->sinks */
/* Touches nothing outside. */
penstock_code ps_sinks_open(struct ps_run *run, struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_sinks_close(struct ps_run *run);
penstock_code ps_sinks_recover(struct ps_run *run, size_t index, struct ps_epoch *epoch_out,
                               struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_sinks_begin(struct ps_run *run, size_t index, struct penstock_error *error)
    PENSTOCK_MUST_USE;
penstock_code ps_sinks_write(struct ps_run *run, size_t index, struct penstock_error *error)
    PENSTOCK_MUST_USE;
penstock_code ps_sinks_commit(struct ps_run *run, size_t index, const struct ps_position_list *positions,
                              struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_sinks_discard(struct ps_run *run, size_t index);
/* Into penstock.sinks, in the epoch's transaction. */
penstock_code ps_sinks_save(struct ps_run *run, struct penstock_error *error) PENSTOCK_MUST_USE;

/* saved_plan.c: the range of the epoch in work, durable before an outside sink sees it */
/* ranges[i] belongs to inputs[i]; in a transaction of its own. */
penstock_code ps_plan_save(struct ps_run *run, int64_t planned_ms, struct ps_range *const *ranges,
                           struct penstock_error *error) PENSTOCK_MUST_USE;
/* Epoch of the saved plan, 0: none. *is_stale_out: the project's statements have changed since it was made. */
penstock_code ps_plan_find(struct ps_run *run, int64_t *epoch_out, bool *is_stale_out,
                           struct penstock_error *error) PENSTOCK_MUST_USE;
/* ranges_out: run->input_count pointers, owned by the caller (each by ps_range_free). Errors: INVALID_DATA. */
penstock_code ps_plan_load(struct ps_run *run, int64_t *planned_ms_out, struct ps_range **ranges_out,
                           struct penstock_error *error) PENSTOCK_MUST_USE;
/* The positions at the ends of the ranges, by "source/partition". */
penstock_code ps_plan_ends(const struct ps_run *run, struct ps_range *const *ranges,
                           struct ps_position_list *positions_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

/* kept.c: with the plan, the records of sources that could not read them again */
penstock_code ps_kept_declare(struct ps_engine *engine, struct penstock_error *error) PENSTOCK_MUST_USE;
/* In the transaction of the plan. */
penstock_code ps_kept_save(struct ps_run *run, struct ps_range *const *ranges, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* Gives the slices of a loaded plan what was kept of them. Errors: INVALID_DATA. */
penstock_code ps_kept_load(struct ps_run *run, struct ps_range *const *ranges, struct penstock_error *error)
    PENSTOCK_MUST_USE;

/* pins.c: which version of a model the epoch predicts with */
penstock_code ps_pins_list(struct ps_run *run, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Fixes it for the epoch, once; outside a transaction, or in one that is committed with it. */
penstock_code ps_pins_take(struct ps_run *run, int64_t epoch, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Before the epoch's statements. */
void ps_pins_apply(struct ps_run *run);
/* Keeps it: with the plan (is_planned), or with the epoch. */
penstock_code ps_pins_save(struct ps_run *run, int64_t epoch, bool is_planned, struct penstock_error *error)
    PENSTOCK_MUST_USE;
void ps_pins_release(struct ps_run *run);

/* flow.c: who has rows in this pass over the statements */
void ps_flow_begin(struct ps_run *run);
bool ps_flow_has_rows(const struct ps_run *run, const struct ps_output *output);
/* Of the stream that comes from `upstream`, or, if that is -1, from the input `root` itself. */
bool ps_flow_stream_has_rows(const struct ps_run *run, size_t root, int64_t upstream);

/* keyed.c: tables over a changelog */
/* CREATE TEMP VIEWs do the rest: the rows of stream and place are the puts. In the epoch's transaction: rows of the
 * touched keys go, those of the last put of each key come. `reject_mask`: of the stage's broken rules. */
penstock_code ps_keyed_write(struct ps_run *run, const struct ps_output *output, uint64_t reject_mask,
                             int64_t *row_count_out, struct penstock_error *error) PENSTOCK_MUST_USE;

/* table.c */
penstock_code ps_table_plan(struct ps_run *run, struct ps_output *output, struct ps_tree *tree,
                            const struct ps_shape *shape, struct penstock_error *error) PENSTOCK_MUST_USE;
/* From the text of the statement's SELECT, penstock_row last, to output->select_sql. */
penstock_code ps_table_plan_stage(struct ps_run *run, struct ps_output *output, const char *select,
                                  struct penstock_error *error) PENSTOCK_MUST_USE;
/* Adds temp."penstock_stage_<name>". */
void ps_table_add_stage(struct ps_buffer *sql, const struct ps_run *run, const struct ps_output *output);
/* Defines stage and streams of the table for epochs (is_applying: over its existing rows). */
penstock_code ps_table_define(struct ps_run *run, const struct ps_output *output,
                              struct penstock_error *error) PENSTOCK_MUST_USE;
/* The stage of this epoch, if it is a table. */
penstock_code ps_table_stage(struct ps_run *run, const struct ps_output *output, struct penstock_error *error)
    PENSTOCK_MUST_USE;
penstock_code ps_table_write(struct ps_run *run, struct ps_output *output, int64_t *row_count_out,
                             struct penstock_error *error) PENSTOCK_MUST_USE;
/* place.c: lets the tree's SELECTs hand penstock_row up to the top. */
penstock_code ps_place_carry(struct ps_tree *tree, const struct ps_shape *shape, struct penstock_error *error)
    PENSTOCK_MUST_USE;

/* view.c */
penstock_code ps_view_plan(struct ps_run *run, struct ps_output *output, struct ps_tree *tree,
                           const struct ps_shape *shape, struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_view_create(struct ps_run *run, const struct ps_output *output, struct penstock_error *error)
    PENSTOCK_MUST_USE;
penstock_code ps_view_write(struct ps_run *run, const struct ps_output *output, struct penstock_error *error)
    PENSTOCK_MUST_USE;
void ps_view_done(struct ps_output *output);

/* dead_letters.c */
penstock_code ps_dead_add(struct ps_run *run, struct ps_dead_row row, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* Looks up the records behind penstock_row values and adds them for a rule of `output`. `rows` ascending. */
penstock_code ps_dead_add_rows(struct ps_run *run, const struct ps_output *output, const int64_t *rows,
                               const struct ps_rule *const *rules, size_t count, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* "data/a.ndjson, byte 120" of the record behind a penstock_row. */
penstock_code ps_dead_place(struct ps_run *run, const struct ps_output *output, int64_t row,
                            const char **text_out, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Writes the list to penstock.dead_letters in record order and empties it. */
penstock_code ps_dead_save(struct ps_run *run, struct penstock_error *error) PENSTOCK_MUST_USE;
/* The feeds through which dead letters and positions reach their tables; once an engine. */
penstock_code ps_dead_declare(struct ps_engine *engine, struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_position_declare(struct ps_engine *engine, struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_epoch_declare(struct ps_engine *engine, struct penstock_error *error) PENSTOCK_MUST_USE;

/* position.c */
penstock_code ps_position_load(struct ps_run *run, const char *source, struct ps_position_list *list,
                               struct penstock_error *error) PENSTOCK_MUST_USE;
/* The ends of the epoch's ranges; ranges[i] belongs to inputs[i], NULL: nothing of it. */
penstock_code ps_position_save(struct ps_run *run, const struct ps_range *const *ranges,
                               struct penstock_error *error) PENSTOCK_MUST_USE;

/* backfill.c */
/* In the transaction that makes the output: where its backfill begins. */
penstock_code ps_backfill_mark(struct ps_run *run, const struct ps_output *output,
                               struct penstock_error *error) PENSTOCK_MUST_USE;
/* A backfill that was begun must be finished before anything else runs. */
penstock_code ps_backfill_check_none(struct ps_run *run, struct penstock_error *error) PENSTOCK_MUST_USE;

/* applied.c: what ran before */
#define PS_KIND_TABLE "streaming table"
#define PS_KIND_SINK "sink"
enum ps_applied {
    PS_APPLIED_NEW,
    PS_APPLIED_SAME,
    PS_APPLIED_NEW_TEXT, /* a streaming table with another text: for the records from now on, if its columns stay */
    PS_APPLIED_CHANGED,  /* refused */
    PS_APPLIED_LEFT_OUT, /* refused */
};
/* White space and comments do not make a statement another one. */
penstock_code ps_applied_text(const char *text, struct ps_arena *arena, const char **text_out,
                              struct penstock_error *error) PENSTOCK_MUST_USE;
/* What a statement with secrets (source, sink) is known by. */
penstock_code ps_applied_hash(const char *text, struct ps_arena *arena, const char **hash_out,
                              struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_applied_look(struct ps_run *run, const char *name, const char *kind, const char *text,
                              enum ps_applied *applied_out, struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_applied_save(struct ps_run *run, const char *name, const char *kind, const char *text,
                              struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
