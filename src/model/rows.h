/* SPDX-License-Identifier: Apache-2.0
 *
 * rows.h - the training rows in memory, for estimators that sums of products do not serve.
 *
 * A second scan packs the same rows as the tally's first one and keeps the panels: dense columns shifted by the
 * pilots, one-hot columns as indexes. Beyond half of the executor's memory they lie in a temporary file that is
 * mapped, so that the system and not the program decides what stays. Blocks are the tally's: fixed by the rows,
 * never by threads, so that sums over blocks in block order are the same bits on any number of threads.
 *
 * A training set is some parts of these rows, seen through the features (design) of just these rows.
 */
#ifndef PS_MODEL_ROWS_H
#define PS_MODEL_ROWS_H

#include "model/features.h"
#include "model/tally.h"
#include "model/task.h"

/* Rows of one part in one block. */
struct ps_row_panel {
    const double *columns;  /* dense column j (without the label), row i: columns[j * stride + i] */
    const int32_t *indexes; /* group g: indexes[g * stride + i] */
    const double *values;   /* as indexes, or NULL: all 1 */
    const double *labels;   /* as they are, not shifted; a class is its index */
    const double *weights;  /* what each row counts, or NULL: there are no weights */
    size_t stride, row_count;
};
struct ps_rows {
    const struct ps_layout *layout;
    const double *pilots; /* the tally's */
    size_t part_count, block_count;
    struct ps_row_panel *panels; /* block * part_count + part */
    int64_t row_count;
    void *memory; /* of all panels */
    size_t memory_size;
    bool is_mapped; /* a temporary file */
};
/* `scan` must deliver the tally's rows in the tally's order. `folder`: for the temporary file. Errors: as the
 * tally's, IO (the file cannot grow), INTERNAL (other rows than the tally's). Owns: ps_rows_free(). */
penstock_code ps_rows_collect(const struct ps_tally_options *options, const struct ps_tally *tally,
                              const char *folder, struct ps_scan *scan, struct ps_rows **rows_out,
                              struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_rows_free(struct ps_rows *rows);

struct ps_training_set {
    const struct ps_rows *rows;
    const bool *trains; /* rows->part_count: are the part's rows trained on? Others must not be looked at */
    const struct ps_design *design;
    const struct ps_moments *moments; /* of these rows */
    const struct ps_target *target;
    bool is_weighted;      /* rows count as their panels' weights say */
    size_t offset_feature; /* that is added as it is, its coefficient 1: counted from 1; 0: none */
    size_t worker_count;   /* threads that fit() may use, itself included */
    int64_t memory_max;
    const struct ps_stop *stop;
};

/* Rows of its parts. */
int64_t ps_training_set_rows(const struct ps_training_set *set);

/* Scratch for one thread that looks at panels as features. */
struct ps_features_reader;
penstock_code ps_features_reader_new(const struct ps_training_set *set,
                                     struct ps_features_reader **reader_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
void ps_features_reader_free(struct ps_features_reader *reader);
/* Rows begin .. begin + count (count <= PS_FRAME_ROWS) of a panel as features; valid until the next call. */
const struct ps_features *ps_features_reader_read(struct ps_features_reader *reader,
                                                  const struct ps_row_panel *panel, size_t begin,
                                                  size_t count);

/* Blocks that may be worked on and not merged yet: results may be kept in block % window places. */
size_t ps_training_set_window(const struct ps_training_set *set);
/* Runs work(context, worker, block) for every block, in any order, on set->worker_count threads (worker counts from
 * 0); the results, kept per block by the caller, are merged in block order by merge(), in the caller's thread, which
 * works, too. Errors: the first in block order; CANCELLED. */
penstock_code ps_training_set_run(const struct ps_training_set *set, void *context,
                                  penstock_code (*work)(void *context, size_t worker, size_t block,
                                                        struct penstock_error *error),
                                  penstock_code (*merge)(void *context, size_t block,
                                                         struct penstock_error *error),
                                  struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
