/* SPDX-License-Identifier: Apache-2.0
 *
 * dataset_files.h - what a dataset (CREATE DATASET) leaves outside the store: one Parquet file, and a Delta table whose
 * rows are replaced as a whole.
 *
 * Both come in two steps, so that all that can fail on the way is behind when the first of them changes: `write` puts
 * everything beside its place, under a name that no reader looks at; `put` gives it its name, or commits it. A kill
 * before `put` leaves the old content and something to be cleaned away, which the next `write` does.
 */
#ifndef PS_CONNECT_DATASET_FILES_H
#define PS_CONNECT_DATASET_FILES_H

#include "sql/engine.h"

/* Everything is borrowed. */
struct ps_dataset_place {
    const char *name, *project, *store_id; /* of the dataset */
    int64_t attempt;                       /* of the run: higher than that of all before */
    const char *folder;                    /* of the project: relative paths start here */
    const char *path;                      /* as the user wrote it */
    bool may_replace;                      /* on_existing = 'replace' */
    const char *const *column_names;       /* of the rows */
    const char *const *column_types;       /* DuckDB's */
    size_t column_count;
};

/* May a file be put there? `is_ours`: this dataset made the one that is there. Errors: ALREADY_EXISTS, naming it. */
penstock_code ps_dataset_file_check(const struct ps_dataset_place *place, bool is_ours,
                                    struct penstock_error *error) PENSTOCK_MUST_USE;

/* One Parquet file (zstd). *row_count_out, *size_out: of what was written. */
penstock_code ps_dataset_parquet_write(const struct ps_dataset_place *place, struct ps_connection *connection,
                                       const char *select_sql, int64_t *row_count_out, int64_t *size_out,
                                       struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_dataset_parquet_put(const struct ps_dataset_place *place, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* What was written and not put. */
void ps_dataset_parquet_discard(const struct ps_dataset_place *place);
/* A small file at once: its folder is made, its name durable. */
penstock_code ps_dataset_file_put(const struct ps_dataset_place *place, const char *data, size_t size,
                                  struct penstock_error *error) PENSTOCK_MUST_USE;

struct ps_dataset_delta;
/* Reads the table's log, if there is one. Errors: ALREADY_EXISTS (not this dataset's, not this store's, no Delta
 * table), UNSUPPORTED (a column's type or name, a feature of the table). Owns: the caller closes. */
penstock_code ps_dataset_delta_open(const struct ps_dataset_place *place, struct ps_dataset_delta **delta_out,
                                    struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_dataset_delta_write(struct ps_dataset_delta *delta, struct ps_connection *connection,
                                     const char *select_sql, int64_t *row_count_out, int64_t *size_out,
                                     struct penstock_error *error) PENSTOCK_MUST_USE;
/* One commit: all rows that were there out, these in, and other columns if they have changed. *version_out: of the
 * table. */
penstock_code ps_dataset_delta_put(struct ps_dataset_delta *delta, int64_t *version_out,
                                   struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_dataset_delta_close(struct ps_dataset_delta *delta); /* also what was written and not put goes */
void ps_dataset_delta_close_scoped(struct ps_dataset_delta **delta);
/* Is there a Delta table at the place? */
bool ps_dataset_delta_is_there(const struct ps_dataset_place *place);
bool ps_dataset_file_is_there(const struct ps_dataset_place *place);

#endif
