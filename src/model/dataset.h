/* SPDX-License-Identifier: Apache-2.0
 *
 * dataset.h - the rows of a model's SELECT, split into training and hold-out by SQL conditions.
 *
 * Both parts are the same SELECT with another WHERE, so DuckDB reads only what it must. A SELECT whose order of
 * rows depends on the number of threads (it groups, joins, unites) and that has no ORDER BY is sorted by all its
 * columns: random folds and sums then repeat.
 */
#ifndef PS_MODEL_DATASET_H
#define PS_MODEL_DATASET_H

#include "model/recipe.h"
#include "sql/scan.h"

struct ps_dataset {
    struct ps_connection *connection;
    const struct ps_recipe *recipe;
    struct ps_arena *arena;
    const char *select;    /* the model's, as DuckDB understands it */
    const char *relation;  /* follows FROM */
    const char *training;  /* condition, or NULL: all rows */
    const char *holdout;   /* condition, or NULL: there is no hold-out */
    bool is_disordered;    /* the SELECT joins, groups, unites, ...: work for DuckDB's threads */
    bool is_sorted;        /* ORDER BY ALL is added */
    const char *label_sql; /* a class's index (classes.h), or NULL: the column itself */
    int64_t null_times;    /* rows without a time: in neither part */
    int64_t scan_count;
};

/* Does the order of a SELECT's rows depend on the number of threads, and must it be sorted by all columns, for it says
 * no order itself? */
penstock_code ps_dataset_find_order(struct ps_connection *connection, const char *select,
                                    bool *is_disordered_out, bool *is_sorted_out,
                                    struct penstock_error *error) PENSTOCK_MUST_USE;
/* Finds the cut between training and hold-out. Errors: INVALID_DATA (nothing or everything held out), SQL. */
penstock_code ps_dataset_open(struct ps_connection *connection, const struct ps_recipe *recipe,
                              int64_t thread_count, struct ps_arena *arena, struct ps_dataset *dataset_out,
                              struct penstock_error *error) PENSTOCK_MUST_USE;
/* Cuts the training rows of a TimeSeriesSplit in time: sets fold_sql and the parts of its splits; nothing for other
 * validators. As scikit-learn's: n splits, each validates 1/(n + 1) of the rows, the last ones at the end. Rows of one
 * moment stay together. Errors: INVALID_DATA (rows without time, fewer rows than splits, a gap that leaves nothing),
 * SQL. */
penstock_code ps_dataset_cut_series(struct ps_dataset *dataset, struct ps_validation *validation,
                                    struct penstock_error *error) PENSTOCK_MUST_USE;
/* The pipeline's inputs (and the fold column), over the training rows. */
penstock_code ps_dataset_scan_training(struct ps_dataset *dataset, struct ps_scan **scan_out,
                                       struct penstock_error *error) PENSTOCK_MUST_USE;
/* Any columns over the hold-out rows. */
penstock_code ps_dataset_scan_holdout(struct ps_dataset *dataset, const struct ps_scan_column *columns,
                                      size_t count, struct ps_scan **scan_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* "name", in the arena; NULL when exhausted. */
const char *ps_dataset_column(const struct ps_dataset *dataset, const char *name);

#endif
