/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_delta_checkpoint.c - the whole state in one Parquet file now and then, and the end of files nobody can need.
 *
 * A reader starts at the newest checkpoint instead of at commit 0. It is written under another name, synced and
 * renamed, so that it is whole or not there; _last_checkpoint, which only saves readers a listing, comes after it. A
 * file that a merge or a replace removed stays on the disk for `retention`, for those who read an older version; what
 * a checkpoint no longer names has been unlinked.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "connect/sink_delta.h"
#include "connect/sink_disk.h"

/* Commits removed after one checkpoint: the rest goes after the next. */
#define LOG_COUNT_MAX 1000

/* The columns that the protocol gives a classic checkpoint; one action a row. */
#define ADD_TYPE \
    "STRUCT(path VARCHAR, partitionValues MAP(VARCHAR, VARCHAR), size BIGINT, modificationTime BIGINT," \
    " dataChange BOOLEAN, stats VARCHAR)"
#define REMOVE_TYPE \
    "STRUCT(path VARCHAR, deletionTimestamp BIGINT, dataChange BOOLEAN, extendedFileMetadata BOOLEAN," \
    " partitionValues MAP(VARCHAR, VARCHAR), size BIGINT)"

static const char select_checkpoint[] =
    "SELECT row(appId, version, lastUpdated)::STRUCT(appId VARCHAR, version BIGINT, lastUpdated BIGINT) AS txn,"
    " NULL::" ADD_TYPE " AS add, NULL::" REMOVE_TYPE " AS remove,"
    " NULL::STRUCT(id VARCHAR, name VARCHAR, description VARCHAR, format STRUCT(provider VARCHAR, options"
    " MAP(VARCHAR, VARCHAR)), schemaString VARCHAR, partitionColumns VARCHAR[], configuration MAP(VARCHAR, VARCHAR),"
    " createdTime BIGINT) AS metaData,"
    " NULL::STRUCT(minReaderVersion INTEGER, minWriterVersion INTEGER, readerFeatures VARCHAR[], writerFeatures"
    " VARCHAR[]) AS protocol FROM delta_txns"
    " UNION ALL SELECT NULL, row(path, partitionValues, size, modificationTime, false, stats), NULL, NULL, NULL FROM"
    " delta_files"
    " UNION ALL SELECT NULL, NULL, row(path, deletionTimestamp, false, true, partitionValues, size), NULL, NULL FROM"
    " delta_removed"
    " UNION ALL SELECT NULL, NULL, NULL, row(id, name, description, format, schemaString, partitionColumns,"
    " configuration, createdTime), NULL FROM delta_metadata"
    " UNION ALL SELECT NULL, NULL, NULL, NULL, row(minReaderVersion, minWriterVersion, readerFeatures,"
    " writerFeatures) FROM delta_protocol";

/* --- files that are not needed ------------------------------------------------------------------------------- */

/* A path that leads out of the folder, or is no path of a file system, is not ours to unlink. */
static bool is_inside(const char *path) {
    return path[0] != '/' && strstr(path, "..") == NULL && strstr(path, ":/") == NULL;
}

static penstock_code remove_expired(struct ps_delta_sink *sink, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    const int64_t before = ps_clock_wall_ms() - sink->config.retention_ms;
    if (arena == NULL) {
        return ps_error_memory(error, "a checkpoint");
    }
    PS_TRY(ps_sql_queryf(sink->connection, &result, error,
                         "SELECT path FROM delta_removed WHERE coalesce(deletionTimestamp, 0) < %" PRId64,
                         before));
    for (int64_t i = 0; i < ps_result_row_count(result); i++) {
        const char *path = ps_result_text(result, i, 0);
        const char *file = path == NULL ? NULL : ps_delta_file_name(path, arena);
        if (file == NULL) {
            return ps_error_memory(error, "a checkpoint");
        }
        if (is_inside(path)) {
            PS_TRY(ps_disk_remove(ps_path_join(arena, sink->folder, file), error));
        }
    }
    return ps_sql_runf(sink->connection, error,
                       "DELETE FROM delta_removed WHERE coalesce(deletionTimestamp, 0) < %" PRId64, before);
}

/* --- the checkpoint ------------------------------------------------------------------------------------------ */

static penstock_code write_checkpoint(struct ps_delta_sink *sink, struct ps_arena *arena,
                                      int64_t *action_count_out, struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_DELTA_STATEMENT_SIZE_MAX);
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    const char *path =
        ps_arena_printf(arena, "%s/%020" PRId64 ".checkpoint.parquet", sink->log_folder, sink->state_version);
    const char *temporary = ps_arena_printf(arena, "%s/.%s.checkpoint.tmp", sink->log_folder, sink->tag);
    if (path == NULL || temporary == NULL) {
        return ps_error_memory(error, "a checkpoint");
    }
    ps_buffer_text(&sql, "COPY (");
    ps_buffer_text(&sql, select_checkpoint);
    ps_buffer_text(&sql, ") TO ");
    ps_buffer_sql_literal(&sql, temporary);
    ps_buffer_text(&sql, " (FORMAT parquet, COMPRESSION snappy, USE_TMP_FILE false)");
    PS_TRY(ps_buffer_status(&sql, error));
    PS_TRY(ps_sql_query(sink->connection, sql.data, &result, error));
    *action_count_out = ps_result_integer(result, 0, 0);
    PS_TRY(ps_disk_sync_file(temporary, error));
    PS_TRY(ps_disk_rename(temporary, path, error));
    return ps_disk_sync_folder(sink->log_folder, error);
}

/* --- the log before it --------------------------------------------------------------------------------------- */

static const char *checkpoint_path(const struct ps_delta_sink *sink, int64_t version,
                                   struct ps_arena *arena) {
    return ps_arena_printf(arena, "%s/%020" PRId64 ".checkpoint.parquet", sink->log_folder, version);
}

/* Behind the last commit that is old enough to go. */
static penstock_code find_old(const struct ps_delta_sink *sink, struct ps_arena *arena, int64_t *end_out,
                              struct penstock_error *error) {
    const int64_t before = ps_clock_wall_ms() - sink->config.log_retention_ms;
    int64_t end = sink->log_first;
    for (; end < sink->checkpoint_version && end - sink->log_first < LOG_COUNT_MAX; end++) {
        const char *path = ps_delta_log_path(sink, end, arena);
        struct ps_file_info info = {0};
        if (path == NULL) {
            return ps_error_memory(error, "a log");
        }
        if (ps_file_exists(path)) {
            PS_TRY(ps_file_stat(path, &info, error));
        }
        if (info.modified_ms >= before) {
            break;
        }
    }
    *end_out = end;
    return PENSTOCK_OK;
}

/* Commits before a checkpoint that is itself old enough: every version that is left can be put together. */
static penstock_code remove_old_log(struct ps_delta_sink *sink, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    int64_t end = 0;
    if (arena == NULL) {
        return ps_error_memory(error, "a log");
    }
    PS_TRY(find_old(sink, arena, &end, error));
    for (bool is_found = false; end > sink->log_first && !is_found; end -= is_found ? 0 : 1) {
        const char *path = checkpoint_path(sink, end, arena);
        is_found = path != NULL && ps_file_exists(path);
    }
    for (; sink->log_first < end; sink->log_first++) {
        const char *path = ps_delta_log_path(sink, sink->log_first, arena);
        const char *checkpoint = checkpoint_path(sink, sink->log_first, arena);
        if (path == NULL || checkpoint == NULL) {
            return ps_error_memory(error, "a log");
        }
        PS_TRY(ps_disk_remove(path, error));
        PS_TRY(ps_disk_remove(checkpoint, error));
    }
    return PENSTOCK_OK;
}

penstock_code ps_delta_checkpoint(struct ps_delta_sink *sink, struct penstock_error *error) {
    const int64_t interval = sink->config.checkpoint_interval;
    bool is_table = false;
    if (interval == 0 ||
        sink->version - (sink->checkpoint_version > 0 ? sink->checkpoint_version : 0) < interval) {
        return PENSTOCK_OK;
    }
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    const char *last = arena == NULL ? NULL : ps_arena_printf(arena, "%s/_last_checkpoint", sink->log_folder);
    if (last == NULL) {
        return ps_error_memory(error, "a checkpoint");
    }
    PS_TRY(ps_delta_state_load(sink, &is_table, error));
    if (sink->version - sink->checkpoint_version < interval) {
        return PENSTOCK_OK; /* another writer has made one */
    }
    int64_t action_count = 0;
    penstock_code code = remove_expired(sink, error);
    code = code == PENSTOCK_OK ? write_checkpoint(sink, arena, &action_count, error) : code;
    if (code != PENSTOCK_OK) {
        return ps_error_context(error, "write a checkpoint of %s", sink->folder);
    }
    const char *text = ps_arena_printf(arena, "{\"version\":%" PRId64 ",\"size\":%" PRId64 "}\n",
                                       sink->state_version, action_count);
    if (text == NULL) {
        return ps_error_memory(error, "a checkpoint");
    }
    PS_TRY(ps_file_replace(last, text, strlen(text), error));
    sink->checkpoint_version = sink->state_version;
    return remove_old_log(sink, error);
}

/* --- what a crash has left ----------------------------------------------------------------------------------- */

/* A newer attempt's files are not ours to judge: who was frozen here knows an older state of the table than theirs. */
penstock_code ps_delta_remove_orphans(struct ps_delta_sink *sink, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_buffer names PS_SCOPED(ps_buffer_done);
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    const char *literal = arena == NULL ? NULL : ps_disk_literal(arena, sink->folder);
    const char *pattern =
        literal == NULL ? NULL : ps_arena_printf(arena, "%s/**/part-*-%s*.parquet", literal, sink->tag);
    char **paths = NULL;
    size_t count = 0;
    ps_buffer_init(&names, PS_DELTA_STATEMENT_SIZE_MAX);
    ps_buffer_init(&sql, PS_DELTA_STATEMENT_SIZE_MAX);
    if (pattern == NULL) {
        return ps_error_memory(error, "a sink");
    }
    PS_TRY(ps_file_glob(pattern, arena, &paths, &count, error));
    if (count == 0) {
        return PENSTOCK_OK;
    }
    /* the tag makes our names unlike all others: the name without its folder is enough */
    for (size_t i = 0; i < count; i++) {
        ps_buffer_text(&names, i > 0 ? "\n" : "");
        ps_buffer_text(&names, paths[i]);
    }
    PS_TRY(ps_buffer_status(&names, error));
    /* one literal: a list of many takes DuckDB's parser seconds */
    ps_buffer_text(&sql, "SELECT path FROM (SELECT unnest(string_split(");
    ps_buffer_sql_literal(&sql, names.data);
    ps_buffer_text(&sql,
                   ", '\n')) AS path) WHERE parse_filename(path) NOT IN (SELECT parse_filename(path) FROM"
                   " delta_files UNION ALL SELECT parse_filename(path) FROM delta_removed)");
    ps_buffer_printf(
        &sql,
        " AND TRY_CAST(regexp_extract(parse_filename(path), '^part-[0-9]+-([0-9]+)-', 1) AS BIGINT)"
        " <= %" PRId64,
        sink->epoch.attempt);
    PS_TRY(ps_buffer_status(&sql, error));
    PS_TRY(ps_sql_query(sink->connection, sql.data, &result, error));
    for (int64_t i = 0; i < ps_result_row_count(result); i++) {
        PS_TRY(ps_disk_remove(ps_result_text(result, i, 0), error));
    }
    return PENSTOCK_OK;
}
