/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_parts.h - a SELECT as Parquet files of a folder, staged where no reader looks, then put in place.
 *
 * What the parquet and the delta sink share. A part is one file; with partition_by there is one for each value, in hive
 * folders (day=2013-01-01/). Private to room connect.
 */
#ifndef PS_CONNECT_SINK_PARTS_H
#define PS_CONNECT_SINK_PARTS_H

#include "connect/sink.h"

struct ps_part {
    const char *name;   /* relative to the folder: "day=2013-01-01/part-000000000007-2.parquet" */
    const char *staged; /* path while it is not in place */
    int64_t row_count, size;
};

struct ps_part_list {
    struct ps_part *items; /* texts are in the arena */
    size_t count, capacity;
    struct ps_arena *arena;
};

void ps_part_list_init(struct ps_part_list *list, struct ps_arena *arena);
void ps_part_list_done(struct ps_part_list *list);
penstock_code ps_part_list_add(struct ps_part_list *list, const struct ps_part *part,
                               struct penstock_error *error) PENSTOCK_MUST_USE;

/* "a, b" as names of columns of the SELECT, spelt as there; in the arena, NULL-terminated. Errors: INVALID_PROJECT. */
penstock_code ps_parts_columns(const struct ps_sink_setup *setup, const char *partition_by,
                               struct ps_arena *arena, const char ***names_out, size_t *count_out,
                               struct penstock_error *error) PENSTOCK_MUST_USE;

struct ps_parts_copy {
    const char *select_sql;
    const char *stage;                  /* a folder that is made anew */
    const char *const *partition_names; /* NULL-terminated */
    size_t partition_count;
    const char *name; /* of each file, without ".parquet": "part-000000000007-2" */
};
/* Runs the COPY and adds the synced parts; no part for no rows. */
penstock_code ps_parts_copy(const struct ps_parts_copy *copy, struct ps_connection *connection,
                            struct ps_part_list *list, int64_t *row_count_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* Renames the staged parts into the folder and makes the names durable. */
penstock_code ps_parts_place(const struct ps_part_list *list, const char *folder,
                             struct penstock_error *error) PENSTOCK_MUST_USE;

/* --- compaction ---------------------------------------------------------------------------------------------- */

/* Which neighbours of files with these sizes are to be merged into one: the first of them and how many; 0: none yet.
 * Files are merged with others of their own order of magnitude, so that a row is written again only
 * log(target) / log(file_count) times (as in a log-structured merge tree: O'Neil et al. 1996). */
size_t ps_parts_choose(const int64_t *sizes, size_t count, int64_t file_count, int64_t size_target,
                       size_t *first_out);
/* Merges Parquet files in this order into `path` and syncs it. *row_count_out may be NULL. */
penstock_code ps_parts_merge(struct ps_connection *connection, const char *const *paths, size_t count,
                             const char *path, int64_t *row_count_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* A private engine in memory for such work: the epoch's connection is in a transaction of its own. */
penstock_code ps_parts_engine(struct ps_engine **engine, struct ps_connection **connection,
                              const char *temp_folder, struct penstock_error *error) PENSTOCK_MUST_USE;

#define PS_PARTS_COMPACT_OPTIONS(config_type, files_field, size_field) \
    {.name = "compact.files", \
     .type = PS_OPTION_INTEGER, \
     .default_text = "32", \
     .value_min = 0, \
     .value_max = 100000, \
     .offset = offsetof(config_type, files_field), \
     .help = "merge small files when there are so many of them side by side; 0: never", \
     .since = "0.2"}, \
    { \
        .name = "target_file_size", .type = PS_OPTION_SIZE, .default_text = "128m", \
        .offset = offsetof(config_type, size_field), .help = "a merged file is about this large", \
        .since = "0.2" \
    }

#endif
