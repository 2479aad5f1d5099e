/* SPDX-License-Identifier: Apache-2.0
 *
 * datasets.h - one CREATE DATASET carried out: is there anything new, prepare the rows of a snapshot, write them beside
 * their places, put them there, record it.
 *
 * Three transactions. The first takes the rows into a temporary table, with what they stand on; then all that can go
 * wrong does so, before anything outside has changed. The second says which places are this dataset's from now on. Then
 * files get their names and the Delta table its commit. The third records the making; as long as it is not there, the
 * next run makes the dataset again, so a kill between two places is mended by that run.
 */
#ifndef PS_APP_DATASETS_H
#define PS_APP_DATASETS_H

#include "app/progress.h"
#include "publish/json.h"

/* In the run's thread, on its connection. Adds an outcome to progress->datasets. Errors: INVALID_DATA (no row left, a
 * value that a stage refuses), ALREADY_EXISTS (something else is at a place), IO, CANCELLED, SQL, FENCED. */
penstock_code ps_dataset_make(struct ps_progress *progress, const struct ps_node *node,
                              struct penstock_error *error) PENSTOCK_MUST_USE;

/* ---- dataset_store.c: the tables penstock.datasets and penstock.dataset_files ---- */

penstock_code ps_dataset_store_prepare(struct ps_connection *connection, struct penstock_error *error)
    PENSTOCK_MUST_USE;

/* One making. Texts are JSON but for the first ones. */
struct ps_dataset_record {
    const char *name, *application, *statement, *made_at;
    const char *snapshot, *positions, *dropped, *files, *fitted, *quality;
    int64_t making, row_count, kept_count;
};
/* The last making of the dataset; *is_there_out false: there is none. Texts in the arena: statement, snapshot. */
penstock_code ps_dataset_store_last(struct ps_connection *connection, const char *name,
                                    struct ps_arena *arena, struct ps_dataset_record *record_out,
                                    bool *is_there_out, struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_dataset_store_add(struct ps_connection *connection, const struct ps_dataset_record *record,
                                   struct penstock_error *error) PENSTOCK_MUST_USE;
/* Is the path one that this dataset writes? */
penstock_code ps_dataset_store_owns(struct ps_connection *connection, const char *name, const char *path,
                                    bool *owns_out, struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_dataset_store_claim(struct ps_connection *connection, const char *name, const char *path,
                                     struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
