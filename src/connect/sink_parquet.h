/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_parquet.h - the parquet sink's state, shared by its three files: epochs, manifest, compaction.
 *
 * Private to room connect.
 */
#ifndef PS_CONNECT_SINK_PARQUET_H
#define PS_CONNECT_SINK_PARQUET_H

#include "connect/sink_parts.h"

#define PS_PARQUET_MANIFEST "_manifest.json"

struct ps_parquet_config {
    const char *path, *partition_by;
    int64_t compact_files, target_file_size;
    const char *on_other_store;
};

/* A committed file. */
struct ps_parquet_file {
    char *name; /* owned */
    int64_t row_count, size, epoch_first, epoch_last;
};

struct ps_parquet_files {
    struct ps_parquet_file *items;
    size_t count, capacity;
};

struct ps_parquet_sink {
    const struct ps_sink_setup *setup;
    struct ps_parquet_config config;
    struct ps_arena *arena;
    const char *folder, *manifest_path, *stage;
    const char **partition_names;
    size_t partition_count;
    struct ps_epoch epoch; /* committed, with these: */
    struct ps_parquet_files files;
    struct ps_position_list positions;
    bool has_positions;           /* the list is initialised */
    size_t file_count_seen;       /* files there were when last nothing was found to merge */
    struct ps_arena *epoch_arena; /* of the epoch in work */
    struct ps_part_list parts;
    bool is_there;            /* the epoch in work is committed already */
    struct ps_engine *engine; /* for merging; NULL until it is needed */
    struct ps_connection *connection;
};

/* sink_parquet_manifest.c */
void ps_parquet_clear_files(struct ps_parquet_files *files);
penstock_code ps_parquet_add_file(struct ps_parquet_files *files, const struct ps_parquet_file *file,
                                  const char *name, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Makes `files` what counts: the commit. */
penstock_code ps_parquet_write_manifest(const struct ps_parquet_sink *sink, struct ps_epoch epoch,
                                        const struct ps_position_list *positions,
                                        const struct ps_parquet_files *files, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* What is committed, into sink->epoch, files and positions. */
penstock_code ps_parquet_load(struct ps_parquet_sink *sink, int64_t attempt, struct ps_arena *arena,
                              struct penstock_error *error) PENSTOCK_MUST_USE;
/* Removes files that the manifest does not name, and what was staged. */
penstock_code ps_parquet_clean(const struct ps_parquet_sink *sink, struct ps_arena *arena,
                               struct penstock_error *error) PENSTOCK_MUST_USE;
/* FENCED when the folder is no longer ours; the caller holds the lock. */
penstock_code ps_parquet_check_owner(const struct ps_parquet_sink *sink, int64_t attempt,
                                     struct penstock_error *error) PENSTOCK_MUST_USE;

/* sink_parquet_compact.c: merges what is to be merged, each merge with a manifest of its own. */
penstock_code ps_parquet_compact(struct ps_parquet_sink *sink, struct penstock_error *error)
    PENSTOCK_MUST_USE;

#endif
