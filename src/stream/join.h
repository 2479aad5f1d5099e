/* SPDX-License-Identifier: Apache-2.0
 *
 * join.h - a streaming table that joins two streams within a bound of time.
 *
 *   new pairs of an epoch = new left x all right  +  old left x new right          (all = old + new)
 *
 * Each side keeps its rows in penstock_state."<table>/left" and "/right", with the columns that the statement names.
 * A row leaves when the watermark of the other side says that no partner can come for it any more; late records never
 * get here (watermark.c), so that is exact. A left row of a LEFT JOIN that leaves without having had a partner goes
 * into the table with NULLs: by then the right rows that could have matched it are still there, so no flag is kept.
 * So the rows of the table follow from the records alone, however they were cut into epochs; within an epoch they are
 * put in the order of their columns.
 */
#ifndef PS_STREAM_JOIN_H
#define PS_STREAM_JOIN_H

#include "stream/run.h"

struct ps_join_side {
    const struct ps_node *node;
    size_t root;             /* input that its records come from */
    int64_t upstream;        /* index of the table it is; -1: the source itself */
    const char *name;        /* "left" or "right" */
    const char *time;        /* its event time column */
    const char *columns_sql; /* what is kept: "k", "t" */
};

struct ps_join {
    struct ps_join_side sides[2];
    bool is_left; /* LEFT JOIN */
    struct ps_time_bound bound;
    /* LEFT JOIN: the left rows of a FROM that have no partner. "x" and " AS x ANTI JOIN all right rows ON ..." */
    const char *alias_sql, *alone_sql;
};

/* Reads the sides from the graph; marks what they need. */
penstock_code ps_join_list(struct ps_run *run, struct ps_output *output, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* The SQL of the stage, and the (empty) temporary tables it reads. */
penstock_code ps_join_plan(struct ps_run *run, struct ps_output *output, struct ps_tree *tree,
                           const struct ps_shape *shape, struct penstock_error *error) PENSTOCK_MUST_USE;
/* The empty states. */
penstock_code ps_join_create(struct ps_run *run, const struct ps_output *output, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* States that lack columns which their stream has got since (on_new_field = 'add') get them, NULL in their rows,
 * and in the place where the statement's `*` has them. */
penstock_code ps_join_grow(struct ps_run *run, const struct ps_output *output, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* Before the stage of an epoch: the new rows of both sides, and the left ones that stay alone. */
penstock_code ps_join_load(struct ps_run *run, const struct ps_output *output, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* Behind it: what is kept for later epochs. */
penstock_code ps_join_keep(struct ps_run *run, const struct ps_output *output, struct penstock_error *error)
    PENSTOCK_MUST_USE;

/* The joined rows `rows` (ascending) of the epoch behind `output`, as ps_relation_rows() gives those of a file. */
penstock_code ps_join_rows(struct ps_run *run, const struct ps_output *output, const int64_t *rows,
                           size_t count, struct ps_result **result_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

#endif
