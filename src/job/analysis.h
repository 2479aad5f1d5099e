/* SPDX-License-Identifier: Apache-2.0
 *
 * analysis.h - what graph.c, edges.c and bind.c share while a project becomes a graph.
 *
 * Every statement is an item, in the order of the text. Edges come from syntax alone; then the items are put
 * in an order in which each comes after what it reads; then each is bound in DuckDB against empty tables that
 * the items before it have left there.
 */
#ifndef PS_JOB_ANALYSIS_H
#define PS_JOB_ANALYSIS_H

#include "job/graph.h"
#include "job/shape.h"

/* What a DuckDB statement does to a relation, as far as its first words tell. */
enum ps_effect { PS_EFFECT_NONE, PS_EFFECT_CREATE, PS_EFFECT_CHANGE, PS_EFFECT_DROP };

struct ps_item {
    struct ps_node node;              /* inputs count items here, nodes in the finished graph */
    const struct ps_sql_text *select; /* NULL for sources and PS_NODE_SQL */
    struct ps_tree *tree;             /* of select, windows already expanded */
    const char *marked; /* select with stream.x for STREAM x: same length; NULL if it has windows */
    struct ps_window *windows;
    size_t window_count;
    struct ps_shape shape;             /* tables and views */
    struct ps_table_reference *tables; /* of select */
    size_t table_count;
    /* PS_NODE_SQL */
    enum ps_effect effect;
    bool is_definition;  /* CREATE, ALTER, DROP: carried out on the empty tables */
    bool is_query_table; /* CREATE TABLE ... AS SELECT: without its rows */
    const char *target;  /* the relation it makes or changes, or NULL */
    bool is_placed;      /* already in the order */
    bool is_late;        /* PS_NODE_SQL: it waits for a model; see predicted.h */
};

struct ps_analysis {
    const struct ps_project *project;
    struct ps_arena *arena;
    struct ps_engine *engine;
    struct ps_connection *connection;
    struct ps_item *items;
    size_t item_count;
    struct penstock_error *error;
};

/* Index of the item that is called so (not PS_NODE_SQL), or -1. */
int64_t ps_analysis_find(const struct ps_analysis *analysis, const char *name);
/* Nearest name of items of these kinds (bits 1 << kind) and, with PS_NODE_SQL, of plain tables; or NULL. */
const char *ps_analysis_nearest(const struct ps_analysis *analysis, const char *name, uint32_t kinds);
/* An INVALID_PROJECT error at a byte of the item's SELECT (or of its statement, when it has none). */
penstock_code ps_analysis_fail(struct ps_analysis *analysis, const struct ps_item *item, int64_t offset,
                               const char *hint, const char *format, ...) PS_PRINTF(5, 6);
/* Puts the place in front of the error that is set, and makes it INVALID_PROJECT. */
penstock_code ps_analysis_place(struct ps_analysis *analysis, const struct ps_item *item, int64_t offset);

/* edges.c: effect and target of PS_NODE_SQL; then the inputs of every item. */
penstock_code ps_edges_read_sql(struct ps_analysis *analysis, struct ps_item *item) PENSTOCK_MUST_USE;
penstock_code ps_edges_find(struct ps_analysis *analysis) PENSTOCK_MUST_USE;
/* The item reads another one as a table. */
penstock_code ps_edges_add(struct ps_analysis *analysis, struct ps_item *item, size_t input)
    PENSTOCK_MUST_USE;

/* bind.c: one item in DuckDB; its inputs are bound. */
penstock_code ps_bind_parse(struct ps_analysis *analysis, struct ps_item *item) PENSTOCK_MUST_USE;
penstock_code ps_bind_item(struct ps_analysis *analysis, struct ps_item *item) PENSTOCK_MUST_USE;
/* bind_stream.c: what the item's stream says of its rows: source, event time, keys. The item is described. */
penstock_code ps_bind_stream(struct ps_analysis *analysis, struct ps_item *item) PENSTOCK_MUST_USE;
penstock_code ps_bind_source_stream(struct ps_analysis *analysis, struct ps_item *item) PENSTOCK_MUST_USE;
/* bind_view.c: what is only asked of views. */
penstock_code ps_bind_view(struct ps_analysis *analysis, struct ps_item *item) PENSTOCK_MUST_USE;
/* bind_job.c: the model that a job is for, its time zone and its settings. */
penstock_code ps_bind_job(struct ps_analysis *analysis, struct ps_item *item) PENSTOCK_MUST_USE;
/* Index of that model. */
penstock_code ps_bind_job_model(struct ps_analysis *analysis, const struct ps_item *item, size_t *index_out)
    PENSTOCK_MUST_USE;
/* bind_dataset.c: where a dataset is written to. */
penstock_code ps_bind_dataset(struct ps_analysis *analysis, struct ps_item *item) PENSTOCK_MUST_USE;
/* reads.c: which columns of each source are read. */
penstock_code ps_reads_find(struct ps_analysis *analysis) PENSTOCK_MUST_USE;
/* use.c: which of its rows can count; after ps_reads_find(). */
penstock_code ps_use_find(struct ps_analysis *analysis) PENSTOCK_MUST_USE;
/* bind_error.c: DuckDB's words become ours where a nearer name can be given. `text`: what the user wrote, in which
 * *offset (-1: not known) is looked up by the name that DuckDB complains about. `is_own`: `text` is about the item's
 * own columns (a rule), not about those of its inputs. */
void ps_bind_translate(struct ps_analysis *analysis, const struct ps_item *item, const char *text,
                       bool is_own, int64_t *offset);
/* The same about the item's SELECT or statement, with its place. */
penstock_code ps_bind_error(struct ps_analysis *analysis, const struct ps_item *item, int64_t offset);

#endif
