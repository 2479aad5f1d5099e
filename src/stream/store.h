/* SPDX-License-Identifier: Apache-2.0
 *
 * store.h - the store: one folder, one DuckDB file in it, and penstock's own tables.
 *
 *   STORE/store.duckdb      user tables in schema main; schema "penstock" below; view state in "penstock_state"
 *   STORE/penstock.lock     held by the process that has the store open (our own lock, beside DuckDB's)
 *   STORE/applications/     logs and states of applications (room app)
 *
 * Tables of schema penstock (readable by anyone with `penstock query`):
 *   meta(key, value)                                format version, project name, store_id
 *   epochs(epoch, attempt, application, started_at, committed_at, records, rows_kept, dead_letters)
 *   positions(source, partition, ordinal, position, state, epoch)
 *   watermarks(source, watermark, time_max)         event time up to which nothing more is expected; greatest seen
 *   dead_letters(id, epoch, source, statement, partition, position, reason, column_name, rule, lateness_ms,
 *                message, raw BLOB, raw_size, created_at, replayed_epoch, record_key BLOB, headers, record_time)
 *   plans(epoch, planned_at, ranges, project)       the epoch in work, while outside sinks are written; one row or none
 *   kept(source, slice, bytes BLOB)                 with the plan: records of sources that could not read them again;
 *                                                   made by the first plan that has some
 *   sinks(name, connector, since_epoch, last_epoch, row_count)   outside sinks of the project
 *   offset_resets(reset_at, reset_by, source, partition, from_position, to_position, given)   made by the first one
 *   rule_violations(epoch, statement, rule, action, violations)
 *   source_columns(source, ordinal, name, type, since_epoch, added_at)   on_new_field = 'add'; made by the first one
 *   statements(name, kind, text, applied_at, is_active)   what ran, to notice a changed project
 *   datasets, dataset_files                         (room app) made by the first dataset
 *   models, model_aliases, model_alias_history, gate_reports     (room publish)
 */
#ifndef PS_STREAM_STORE_H
#define PS_STREAM_STORE_H

#include "base/file.h"
#include "sql/engine.h"

/* 2: store_id, plans, keys and headers of dead letters; format 1 is brought up to it when a writer opens it */
#define PS_STORE_FORMAT 2

struct ps_store {
    struct ps_engine *engine;
    struct ps_connection *connection; /* of the thread that opened the store */
    const char *path;                 /* folder */
    const char *id;                   /* of this store for ever: a sink tells by it whose epochs it holds */
    struct ps_arena *arena;
    struct ps_file_lock lock;
    bool is_read_only;
    int64_t feed_count;     /* feeds that runs have declared: their names must differ */
    uint64_t settled_inode; /* of DuckDB's log whose name is durable; 0: of none */
    int64_t settled_size;
    int64_t attempt; /* that this run claimed; 0: none yet */
};

struct ps_store_options {
    const char *path;
    bool is_read_only; /* NOT_FOUND if there is no store */
    int64_t memory_max;
    int64_t thread_count;
};

/* Opens or makes the store. Errors: BUSY with the holder's pid; UNSUPPORTED for a newer format (both
 * versions are named); IO. Owns: the caller closes. */
penstock_code ps_store_open(const struct ps_store_options *options, struct ps_store **store_out,
                            struct penstock_error *error) PENSTOCK_MUST_USE;
/* Is the store still this process's? FENCED if its lock file was removed or replaced, so that another process may
 * have opened it: nothing may be committed any more. */
penstock_code ps_store_check_owner(const struct ps_store *store, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* After a COMMIT on which others will rely: DuckDB syncs its files, but not the folder that names them, and after each
 * checkpoint its log is a new file. On a file system that makes a name durable only by an fsync of its folder, a power
 * cut would take the log, and with it what was committed. Costs one stat() unless the log is new. */
penstock_code ps_store_settle(struct ps_store *store, struct penstock_error *error) PENSTOCK_MUST_USE;
/* When there is nothing to do and no transaction is open: a checkpoint, if DuckDB's log has grown. What is left to a
 * COMMIT keeps its records waiting for a quarter of a second; and the longer the log, the longer the next start. */
void ps_store_rest(struct ps_store *store);
void ps_store_close(struct ps_store *store);

#endif
