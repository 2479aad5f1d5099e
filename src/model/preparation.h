/* SPDX-License-Identifier: Apache-2.0
 *
 * preparation.h - TRANSFORM without a model: the stages of a CREATE DATASET fitted on all rows and applied to them.
 *
 * The rows are a table already, in a fixed order (its rowid). Its columns that no stage touches stay where they are;
 * what the stages make is written beside it, row for row, into a second table, with a mark of the rows that stay. What
 * the dataset is, then, is a SELECT over both (`select`). Neither the values of untouched columns nor their types pass
 * through here, and memory does not grow with the rows.
 *
 * Sums are those of an ordered scan, as in training: the same rows give the same bits on any number of threads.
 */
#ifndef PS_MODEL_PREPARATION_H
#define PS_MODEL_PREPARATION_H

#include "job/graph.h"
#include "model/pipeline.h"

#define PS_PREPARATION_NO_COLUMN SIZE_MAX

/* A column of the dataset. */
struct ps_prepared_column {
    const char *name;
    const char *expression; /* over the two tables, t and m */
    size_t source; /* the SELECT's column that it is, or whose place it took; or PS_PREPARATION_NO_COLUMN */
    bool is_made;  /* by a stage */
};
/* What an OutlierFilter has found for a column. A row may be beyond the bounds of several. */
struct ps_prepared_bound {
    const char *column;
    double lower, upper; /* infinite: the column has no spread, nothing is dropped for it */
    int64_t below, above;
};
struct ps_prepared_stage {
    const char *name;
    const struct ps_call *call;
    struct ps_prepared_bound *bounds; /* of an OutlierFilter */
    size_t bound_count;
    int64_t dropped_count; /* rows that this stage dropped, of those that the stages before have left */
};

struct ps_preparation {
    struct ps_arena *arena;
    const struct ps_node *node;
    const char *const *names; /* of the SELECT */
    const char *const *types;
    size_t column_count;
    struct ps_pipeline *pipeline;
    struct ps_prepared_stage *stages;
    size_t stage_count;
    /* once it has run: */
    struct ps_prepared_column *columns;
    size_t prepared_count;
    int64_t row_count, kept_count;
    const char *select; /* the dataset */
    const char *marked; /* follows FROM: the SELECT's columns with penstock_kept */
    const char **notes; /* "column x has no spread" */
    size_t note_count;
};

/* Binds the stages to the columns. Everything in the arena. Errors: INVALID_PROJECT with the place: an unknown stage,
 * column or parameter, a stage that needs a label. */
penstock_code ps_preparation_read(const struct ps_node *node, const char *const *names,
                                  const char *const *types, size_t column_count, struct ps_arena *arena,
                                  struct ps_preparation **preparation_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* The same, for `penstock check`. `node` gives the SELECT's columns. */
penstock_code ps_preparation_check(const struct ps_node *node, struct penstock_error *error)
    PENSTOCK_MUST_USE;

struct ps_preparation_run {
    struct ps_engine *engine;
    struct ps_connection *connection;
    const char *rows;   /* the table of the rows, as SQL writes it; it has been committed */
    const char *made;   /* the table that is to be made, as SQL writes it */
    const char *feed;   /* a name that no feed has had */
    int64_t slice_rows; /* rows that are made at a time; 0: as many as memory is set aside for */
    const struct ps_stop *stop;
};
/* Fits and applies. Errors: INVALID_DATA (a value that a stage refuses, no row left, more columns than a table has),
 * CANCELLED, SQL. */
penstock_code ps_preparation_run(struct ps_preparation *preparation, const struct ps_preparation_run *run,
                                 struct penstock_error *error) PENSTOCK_MUST_USE;

/* The stages with what they have learnt, as JSON: {"format": 1, "inputs": [...], "transforms": [...], "columns":
 * [...]}; transforms as in a stored model, OutlierFilters among them. Numbers in shortest form that reads back as the
 * same bits; null: infinite. */
penstock_code ps_preparation_write(const struct ps_preparation *preparation, struct ps_buffer *json_out,
                                   struct penstock_error *error) PENSTOCK_MUST_USE;

/* Private to preparation*.c: preparation_columns.c */
/* What the second table has beside the mark: number `index` of a slot (a category of a one-hot group). */
struct ps_made_column {
    size_t slot, index;
    bool is_whole; /* 0 or 1: INTEGER; else DOUBLE */
};
penstock_code ps_preparation_list_made(const struct ps_preparation *preparation,
                                       struct ps_made_column **made_out, size_t *count_out,
                                       struct penstock_error *error) PENSTOCK_MUST_USE;
/* dropped: per slot the category that is no column, or -1. Fills columns, select and marked. */
penstock_code ps_preparation_name_columns(struct ps_preparation *preparation,
                                          const struct ps_preparation_run *run,
                                          const struct ps_made_column *made, size_t made_count,
                                          const int64_t *dropped, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* preparation_apply.c */
penstock_code ps_preparation_apply(struct ps_preparation *preparation, const struct ps_preparation_run *run,
                                   struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
