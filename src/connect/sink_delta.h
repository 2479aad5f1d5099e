/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_delta.h - the delta sink's state, shared by its files.
 *
 *   sink_delta.c             recover, an epoch, the row of the table of sinks
 *   sink_delta_schema.c      DuckDB's types as Delta's, and a table that is there held against the SELECT
 *   sink_delta_log.c         one commit: a new file of _delta_log, never one over another
 *   sink_delta_claim.c       who writes the table, and may it be written
 *   sink_delta_state.c       the table as the log tells it: files, removed files, transactions
 *   sink_delta_checkpoint.c  checkpoints, and the removal of files that nobody can need any more
 *   sink_delta_compact.c     small files merged
 *   sink_delta_stats.c       the add actions of an epoch
 *
 * Source: the Delta transaction log protocol, github.com/delta-io/delta, PROTOCOL.md. Private to room connect.
 */
#ifndef PS_CONNECT_SINK_DELTA_H
#define PS_CONNECT_SINK_DELTA_H

#include <yyjson.h>

#include "connect/sink_parts.h"

/* One commit: the add actions of an epoch with thousands of partitions, with statistics. */
#define PS_DELTA_COMMIT_SIZE_MAX ((size_t)256 << 20)
#define PS_DELTA_STATEMENT_SIZE_MAX ((size_t)64 << 20)

struct ps_delta_config {
    const char *path, *partition_by;
    int64_t compact_files, target_file_size, checkpoint_interval, retention_ms, log_retention_ms;
    const char *on_other_store;
};

/* How smallest and largest value of a column are told to readers. */
enum ps_delta_stats {
    PS_DELTA_STATS_NONE,
    PS_DELTA_STATS_NUMBER,
    PS_DELTA_STATS_DATE,
    PS_DELTA_STATS_TIMESTAMP,
    PS_DELTA_STATS_TEXT
};

struct ps_delta_column {
    const char *name;
    const char *type;       /* Delta's, as JSON: "long", {"type":"array",...} */
    const char *expression; /* SQL that gives it of the SELECT's column */
    enum ps_delta_stats stats;
    const char *stats_type; /* DuckDB's, that a statistic's text is cast to */
    bool has_zone_cast;     /* a TIMESTAMP inside another type: right only if the session is in UTC */
};

struct ps_delta_sink {
    const struct ps_sink_setup *setup;
    struct ps_delta_config config;
    struct ps_arena *arena;
    const char *folder, *log_folder, *stage;
    const char *app, *app_attempt, *app_store; /* appIds of our txn actions */
    const char *app_store_prefix;              /* of every store's */
    char tag[12];                              /* in the names of our files: no other sink's or store's */
    struct ps_delta_column *columns;
    const char *schema; /* schemaString */
    bool is_short;      /* the table lacks columns that a source has got: they come with the claim */
    const char **partition_names;
    size_t partition_count;
    int64_t version; /* of the log that we know; -1: no table yet */
    struct ps_epoch epoch;
    int64_t generation; /* of our store's txn: a replace makes it grow */
    struct ps_arena *epoch_arena;
    struct ps_part_list parts;
    struct ps_buffer adds; /* add actions of the epoch in work, one a line */
    int64_t row_count;
    bool is_there;
    struct ps_engine *engine;
    struct ps_connection *connection;
    int64_t state_version;      /* of the tables in the private engine */
    int64_t checkpoint_version; /* the newest one there is; -1: none */
    int64_t log_first;          /* oldest commit that is still a file */
    int64_t added_count;        /* files since small ones were last looked for */
};

/* --- schema -------------------------------------------------------------------------------------------------- */
/* Fills sink->columns and sink->schema. UNSUPPORTED for a type that Delta has nothing for. */
penstock_code ps_delta_schema_make(struct ps_delta_sink *sink, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* INVALID_DATA that names the columns that differ. `table`: schemaString of the table. Added columns that it does not
 * have yet are none: *is_short_out. */
penstock_code ps_delta_schema_check(const struct ps_delta_sink *sink, const char *table, size_t size,
                                    bool *is_short_out, struct penstock_error *error) PENSTOCK_MUST_USE;
/* The table's schemaString with those columns last. */
penstock_code ps_delta_schema_grow(const struct ps_delta_sink *sink, const char *table, struct ps_buffer *out,
                                   struct penstock_error *error) PENSTOCK_MUST_USE;
/* What the rows go to, in errors. */
const char *ps_delta_what(const struct ps_delta_sink *sink);
/* The table's own metadata with another schema (its JSON) and, if !keeps_partitions, no partitions. */
penstock_code ps_delta_add_metadata(const struct ps_delta_sink *sink, const char *schema,
                                    bool keeps_partitions, struct ps_buffer *actions,
                                    struct penstock_error *error) PENSTOCK_MUST_USE;
/* protocol and metaData of a table that is not there yet. */
penstock_code ps_delta_add_new_table(const struct ps_delta_sink *sink, struct ps_buffer *actions,
                                     struct penstock_error *error) PENSTOCK_MUST_USE;
/* From a DuckDB type; texts in the arena. NULL type_out: Delta has nothing like it. */
penstock_code ps_delta_type_of(const char *duckdb_type, struct ps_arena *arena, const char **type_out,
                               const char **cast_out, bool *has_zone_cast_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

/* --- log ----------------------------------------------------------------------------------------------------- */
/* What others committed between the version we knew and ours. */
struct ps_delta_others {
    const char **removed; /* paths, in the arena given; for who must know whether his input is still there */
    size_t removed_count, removed_capacity;
    struct ps_arena *arena;
};
/* Path of a version's file. In the arena. */
const char *ps_delta_log_path(const struct ps_delta_sink *sink, int64_t version, struct ps_arena *arena);
/* Commits the actions as the next version, after looking at what others have committed meanwhile. `operation`: the
 * commitInfo line is made of it. *is_there_out (may be NULL): our epoch `epoch` is there already, nothing was done;
 * `others` (may be NULL) is filled; when it gets removals, BUSY and nothing is committed.
 * Errors: FENCED (another attempt or store), INVALID_DATA (schema or protocol changed), IO. */
struct ps_delta_commit {
    const char *operation;                    /* "STREAMING UPDATE" */
    const char *parameters;                   /* JSON object */
    const struct ps_position_list *positions; /* kept in commitInfo; NULL: none */
    struct ps_epoch epoch;                    /* epoch.number 0: no txn of an epoch in it */
    const char *actions;                      /* lines of JSON, each with its line feed */
    size_t actions_size;
    bool is_append;
    bool must_be_first; /* version 0, or BUSY */
    struct ps_delta_others *others;
};
penstock_code ps_delta_log_commit(struct ps_delta_sink *sink, const struct ps_delta_commit *commit,
                                  bool *is_there_out, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Looks at what others have committed, without taking note of it: FENCED and the like. */
penstock_code ps_delta_log_look(struct ps_delta_sink *sink, struct penstock_error *error) PENSTOCK_MUST_USE;
/* The positions that our last epoch's commitInfo has kept. */
penstock_code ps_delta_log_positions(const struct ps_delta_sink *sink, struct ps_position_list *positions,
                                     struct penstock_error *error) PENSTOCK_MUST_USE;
/* `values`: partitionValues as JSON. */
void ps_delta_add_remove(struct ps_buffer *out, const char *path, const char *values, int64_t size,
                         bool is_change);
/* A log path is a URL: the file's name, relative to the folder, is it decoded. In the arena. */
const char *ps_delta_file_name(const char *path, struct ps_arena *arena);
void ps_delta_add_txn(struct ps_buffer *out, const char *app, int64_t version);
/* Refuses what this sink cannot write to, naming it. */
penstock_code ps_delta_protocol_check(const struct ps_delta_sink *sink, yyjson_val *protocol,
                                      struct penstock_error *error) PENSTOCK_MUST_USE;

/* --- claim --------------------------------------------------------------------------------------------------- */
/* What the state says of this sink's commits. */
struct ps_delta_claim {
    struct ps_epoch epoch;
    int64_t generation;    /* of the newest store; 0: none has claimed the table */
    const char *store_app; /* its appId; in the arena */
};
penstock_code ps_delta_claim_read(const struct ps_delta_sink *sink, struct ps_arena *arena,
                                  struct ps_delta_claim *claim_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
penstock_code ps_delta_claim_fence(const struct ps_delta_sink *sink, const char *by,
                                   struct penstock_error *error);
/* The table's features, columns and partitions are those that we write. *is_short_out: as ps_delta_schema_check(). */
penstock_code ps_delta_table_check(const struct ps_delta_sink *sink, bool *is_short_out,
                                   struct penstock_error *error) PENSTOCK_MUST_USE;
/* The columns that we write are gone, or come from two sides at once. */
penstock_code ps_delta_columns_moved(const struct ps_delta_sink *sink, struct penstock_error *error);
/* That, and nobody newer has claimed the table. */
penstock_code ps_delta_claim_check(const struct ps_delta_sink *sink, struct penstock_error *error)
    PENSTOCK_MUST_USE;

/* --- state --------------------------------------------------------------------------------------------------- */
/* Brings the tables of the private engine (delta_files, delta_removed, delta_txns, delta_metadata, delta_protocol)
 * to the newest version and sets sink->version; *is_table_out: there is a table. When others have committed since,
 * what they did is checked as ps_delta_claim_check() says. */
penstock_code ps_delta_state_load(struct ps_delta_sink *sink, bool *is_table_out,
                                  struct penstock_error *error) PENSTOCK_MUST_USE;

/* --- rows ---------------------------------------------------------------------------------------------------- */
/* Into the stage, as sink->parts, with their add actions in sink->adds; the part's name has the epoch after
 * sink->epoch. */
penstock_code ps_delta_write_rows(struct ps_delta_sink *sink, struct ps_connection *connection,
                                  const char *select_sql, struct penstock_error *error) PENSTOCK_MUST_USE;

/* --- the rest ------------------------------------------------------------------------------------------------ */
/* Appends the add actions of the staged parts. */
penstock_code ps_delta_stats_add(struct ps_delta_sink *sink, struct ps_connection *connection,
                                 const struct ps_part_list *parts, bool is_change, struct ps_buffer *out,
                                 struct penstock_error *error) PENSTOCK_MUST_USE;
/* "day=2013%2D01" of a file name as log paths are written, URL-encoded once more. */
void ps_delta_add_path(struct ps_buffer *out, const char *name);
/* A checkpoint if one is due, and then the removal of expired files. */
penstock_code ps_delta_checkpoint(struct ps_delta_sink *sink, struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_delta_compact(struct ps_delta_sink *sink, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Removes files of ours that no version names: what a crash has left. */
penstock_code ps_delta_remove_orphans(struct ps_delta_sink *sink, struct penstock_error *error)
    PENSTOCK_MUST_USE;

#endif
