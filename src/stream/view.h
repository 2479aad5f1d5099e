/* SPDX-License-Identifier: Apache-2.0
 *
 * view.h - what the view_*.c files share: the state of a materialized view, as columns and as relations.
 * Included by those files only.
 *
 * penstock_state."v" has one row a group: its keys k0, k1, ... and its states a0, a1, ... It is
 *
 *   a table, while there are few groups: an epoch is merged into it;
 *   a view, when there are many: over parts by hash of the keys ("v/base 3.0", "v/base 3.1", ...), one row a
 *   group, and two logs ("v/log 0", "v/log 1") that epochs append to, so that an epoch costs what it touches
 *   and not what there is. view_levels.c folds the logs into the parts, one part at a time.
 *
 * Everything happens in the epoch's transaction, and what is decided depends only on what is in the store, so
 * that a run that was killed goes on exactly as one that was not.
 */
#ifndef PS_STREAM_VIEW_H
#define PS_STREAM_VIEW_H

#include "stream/run.h"

/* How two states of one group become one. */
enum ps_fold { PS_FOLD_SUM, PS_FOLD_MIN, PS_FOLD_MAX, PS_FOLD_COMBINE /* DuckDB's exported state */ };

struct ps_view_column {
    const char *name; /* "a0", "a1_count" */
    const char *type; /* as SQL text */
    enum ps_fold fold;
};

/* Where the logs and parts of a state of many groups stand; a row of "v/levels". */
struct ps_view_levels {
    int64_t generation, part_count; /* parts "v/base <generation>.<0 .. part_count>" */
    int64_t factor;                 /* a part becomes so many in the round */
    int64_t next;                   /* part to be folded next; -1: no round */
    int64_t active;                 /* 0 or 1: the log that epochs append to; a round folds the other one */
    int64_t log_rows[2], base_rows;
};

struct ps_view {
    const char *name;
    size_t key_count, column_count;
    struct ps_view_column *columns; /* states */
    bool has_combined;
    const char *delta_sql;          /* the epoch's groups */
    struct ps_sql_statement *write; /* the delta into the table or the active log */
    bool is_loaded, is_leveled;
    int64_t epoch;        /* of the last write */
    int64_t row_count;    /* of the table: at least as many as there are */
    int64_t planned_rows; /* the same, when `write` was planned */
    int64_t table_rows_max, part_rows_max;
    struct ps_view_levels levels;
};

/* view_fold.c */
/* "k0, k1" with a prefix before each: "s." */
void ps_view_add_keys(struct ps_buffer *sql, const struct ps_view *view, const char *prefix);
/* "k0, k1, a0, a1" */
void ps_view_add_columns(struct ps_buffer *sql, const struct ps_view *view);
/* The state of both `left`.column and `right`.column; either may be NULL. */
void ps_view_add_merged(struct ps_buffer *sql, const struct ps_view_column *column, const char *left,
                        const char *right);
/* "s.k0 IS NOT DISTINCT FROM d.k0 AND ...": NULL is a key like any other */
void ps_view_add_same_key(struct ps_buffer *sql, const struct ps_view *view, const char *left,
                          const char *right);
/* MERGE of the delta into the table. */
void ps_view_add_merge(struct ps_buffer *sql, const struct ps_view *view);
/* A SELECT with one row a group over `base`, whose groups are there once, and `log`, where they may be there many
 * times. Both are SELECTs of all columns; `log` also gives log_order and log_row, in which it was written. */
void ps_view_add_folded(struct ps_buffer *sql, const struct ps_view *view, const char *base, const char *log);

/* view_levels.c */
/* Where it stands, from the store. */
penstock_code ps_view_levels_load(struct ps_run *run, struct ps_view *view, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* Groups in the table, exactly. */
penstock_code ps_view_count(struct ps_run *run, struct ps_view *view, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* The table becomes parts and logs. */
penstock_code ps_view_levels_make(struct ps_run *run, struct ps_view *view, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* INSERT of the delta into the active log. */
void ps_view_add_append(struct ps_buffer *sql, const struct ps_view *view);
/* After an epoch has appended `row_count` rows: begins a round, or goes on with one. *is_moved_out: epochs append to
 * the other log from now on. */
penstock_code ps_view_levels_fold(struct ps_run *run, struct ps_view *view, int64_t row_count,
                                  bool *is_moved_out, struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
