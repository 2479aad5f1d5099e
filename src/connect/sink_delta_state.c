/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_delta_state.c - the table as its log tells it, in tables of a private engine in memory.
 *
 * The newest checkpoint, then every commit after it, the newest action of a path counting; later only the commits
 * that came since. It is what checkpoints are written from, and what knows the small files and the expired ones. An
 * ordinary commit needs none of it.
 */
#include <inttypes.h>
#include <stdio.h>

#include "connect/sink_delta.h"
#include "connect/sink_disk.h"

/* Commits read by one statement. */
#define BATCH_COUNT 500

static const char make_tables[] =
    "CREATE TABLE IF NOT EXISTS delta_files(path VARCHAR, partitionValues MAP(VARCHAR, VARCHAR), size BIGINT,"
    " modificationTime BIGINT, stats VARCHAR);"
    "CREATE TABLE IF NOT EXISTS delta_removed(path VARCHAR, deletionTimestamp BIGINT, partitionValues MAP(VARCHAR,"
    " VARCHAR), size BIGINT);"
    "CREATE TABLE IF NOT EXISTS delta_txns(appId VARCHAR, version BIGINT, lastUpdated BIGINT);"
    "CREATE TABLE IF NOT EXISTS delta_metadata(id VARCHAR, name VARCHAR, description VARCHAR, format"
    " STRUCT(provider VARCHAR, options MAP(VARCHAR, VARCHAR)), schemaString VARCHAR, partitionColumns VARCHAR[],"
    " configuration MAP(VARCHAR, VARCHAR), createdTime BIGINT);"
    "CREATE TABLE IF NOT EXISTS delta_protocol(minReaderVersion INTEGER, minWriterVersion INTEGER,"
    " readerFeatures VARCHAR[], writerFeatures VARCHAR[]);";

static const char clear_tables[] =
    "DELETE FROM delta_files; DELETE FROM delta_removed; DELETE FROM delta_txns;"
    " DELETE FROM delta_metadata; DELETE FROM delta_protocol;";

/* Every action has a column; what it lacks is NULL, what we do not know is left out. */
#define ADD_TYPE \
    "STRUCT(path VARCHAR, partitionValues MAP(VARCHAR, VARCHAR), size BIGINT, modificationTime BIGINT," \
    " stats VARCHAR)"
#define REMOVE_TYPE \
    "STRUCT(path VARCHAR, deletionTimestamp BIGINT, partitionValues MAP(VARCHAR, VARCHAR), size BIGINT)"
#define TXN_TYPE "STRUCT(appId VARCHAR, version BIGINT, lastUpdated BIGINT)"
#define METADATA_TYPE \
    "STRUCT(id VARCHAR, name VARCHAR, description VARCHAR, format STRUCT(provider VARCHAR, options MAP(VARCHAR," \
    " VARCHAR)), schemaString VARCHAR, partitionColumns VARCHAR[], configuration MAP(VARCHAR, VARCHAR)," \
    " createdTime BIGINT)"
#define PROTOCOL_TYPE \
    "STRUCT(minReaderVersion INTEGER, minWriterVersion INTEGER, readerFeatures VARCHAR[], writerFeatures" \
    " VARCHAR[])"

static const char read_commits_head[] =
    "CREATE OR REPLACE TABLE delta_actions AS SELECT regexp_extract(filename, '([0-9]{20}).json$', 1)::BIGINT AS v,"
    " \"add\", remove, txn, metaData, protocol FROM read_json([";
static const char read_commits_tail[] = "], format = 'newline_delimited', filename = true, columns = {"
                                        "\"add\": '" ADD_TYPE "', remove: '" REMOVE_TYPE "', txn: '" TXN_TYPE
                                        "', metaData: '" METADATA_TYPE "', protocol: '" PROTOCOL_TYPE "'})";

/* The newest action of a path counts; a path that is added and removed in one commit is there. */
static const char apply_commits[] =
    "CREATE OR REPLACE TABLE delta_last AS SELECT path, max_by(add, v * 2 + is_add) AS add, max_by(remove, v * 2 +"
    " is_add) AS remove, max(v * 2 + is_add) % 2 = 1 AS is_there"
    " FROM (SELECT v, add.path AS path, 1 AS is_add, add, NULL AS remove FROM delta_actions WHERE"
    " add IS NOT NULL UNION ALL SELECT v, remove.path, 0, NULL, remove FROM delta_actions WHERE remove IS NOT NULL)"
    " GROUP BY path;"
    "DELETE FROM delta_files WHERE path IN (SELECT path FROM delta_last);"
    "DELETE FROM delta_removed WHERE path IN (SELECT path FROM delta_last);"
    "INSERT INTO delta_files SELECT unnest(add) FROM delta_last WHERE is_there ORDER BY path;"
    "INSERT INTO delta_removed SELECT unnest(remove) FROM delta_last WHERE NOT is_there ORDER BY path;"
    "DELETE FROM delta_txns WHERE appId IN (SELECT txn.appId FROM delta_actions);"
    "INSERT INTO delta_txns SELECT unnest(t) FROM (SELECT max_by(txn, v) AS t FROM delta_actions WHERE txn IS NOT"
    " NULL GROUP BY txn.appId);"
    "DELETE FROM delta_metadata WHERE EXISTS (SELECT 1 FROM delta_actions WHERE metaData IS NOT NULL);"
    "INSERT INTO delta_metadata SELECT unnest(m) FROM (SELECT metaData AS m FROM delta_actions WHERE metaData IS"
    " NOT NULL ORDER BY v DESC LIMIT 1);"
    "DELETE FROM delta_protocol WHERE EXISTS (SELECT 1 FROM delta_actions WHERE protocol IS NOT NULL);"
    "INSERT INTO delta_protocol SELECT unnest(p) FROM (SELECT protocol AS p FROM delta_actions WHERE protocol IS"
    " NOT NULL ORDER BY v DESC LIMIT 1);"
    "DROP TABLE delta_actions; DROP TABLE delta_last;";

/* A checkpoint's columns may lack fields that we want, and others have some: so by way of JSON. */
static const struct {
    const char *action, *table, *shape;
} parts_of_checkpoint[] = {
    {"add", "delta_files",
     "{\"path\":\"VARCHAR\",\"partitionValues\":\"MAP(VARCHAR, VARCHAR)\",\"size\":\"BIGINT\","
     "\"modificationTime\":\"BIGINT\",\"stats\":\"VARCHAR\"}"},
    {"remove", "delta_removed",
     "{\"path\":\"VARCHAR\",\"deletionTimestamp\":\"BIGINT\",\"partitionValues\":\"MAP(VARCHAR, VARCHAR)\","
     "\"size\":\"BIGINT\"}"},
    {"txn", "delta_txns", "{\"appId\":\"VARCHAR\",\"version\":\"BIGINT\",\"lastUpdated\":\"BIGINT\"}"},
    {"metaData", "delta_metadata",
     "{\"id\":\"VARCHAR\",\"name\":\"VARCHAR\",\"description\":\"VARCHAR\",\"format\":{\"provider\":\"VARCHAR\","
     "\"options\":\"MAP(VARCHAR, VARCHAR)\"},\"schemaString\":\"VARCHAR\",\"partitionColumns\":[\"VARCHAR\"],"
     "\"configuration\":\"MAP(VARCHAR, VARCHAR)\",\"createdTime\":\"BIGINT\"}"},
    {"protocol", "delta_protocol",
     "{\"minReaderVersion\":\"INTEGER\",\"minWriterVersion\":\"INTEGER\",\"readerFeatures\":[\"VARCHAR\"],"
     "\"writerFeatures\":[\"VARCHAR\"]}"},
};
#define PART_COUNT (sizeof parts_of_checkpoint / sizeof parts_of_checkpoint[0])

/* --- which files the log has --------------------------------------------------------------------------------- */

struct listing {
    int64_t last;       /* newest commit; -1: none */
    int64_t first;      /* oldest commit */
    int64_t checkpoint; /* newest whole one; -1: none */
    struct ps_arena *arena;
    char **names;
    size_t count;
};

static int64_t version_of(const char *name) {
    int64_t version = -1;
    int size = 0;
    return sscanf(name, "%20" SCNd64 "%n", &version, &size) == 1 && size == 20 ? version : -1;
}

/* "....checkpoint.parquet", or a part of "....checkpoint.0000000001.0000000003.parquet": how many there must be. */
static int parts_of(const char *name) {
    int part = 0, count = 0, size = 0;
    if (strcmp(name + 20, ".checkpoint.parquet") == 0) {
        return 1;
    }
    return sscanf(name + 20, ".checkpoint.%10d.%10d.parquet%n", &part, &count, &size) == 2 && size > 0 &&
                   name[20 + size] == '\0'
               ? count
               : 0;
}

static penstock_code list_log(const struct ps_delta_sink *sink, struct listing *listing,
                              struct penstock_error *error) {
    int64_t parts_version = -1;
    int found = 0;
    listing->first = listing->last = listing->checkpoint = -1;
    PS_TRY(ps_file_list(sink->log_folder, listing->arena, &listing->names, &listing->count, error));
    for (size_t i = 0; i < listing->count; i++) {
        const char *name = listing->names[i];
        const int64_t version = version_of(name);
        if (version < 0) {
            continue;
        }
        if (strcmp(name + 20, ".json") == 0) {
            listing->first = listing->first < 0 ? version : listing->first;
            listing->last = version;
            continue;
        }
        const int part_count = parts_of(name);
        found = version == parts_version ? found + 1 : 1;
        parts_version = version;
        if (part_count > 0 && found >= part_count) {
            listing->checkpoint = version;
        }
    }
    return PENSTOCK_OK;
}

/* --- loading ------------------------------------------------------------------------------------------------- */

static penstock_code load_checkpoint(struct ps_delta_sink *sink, const struct listing *listing,
                                     struct penstock_error *error) {
    char pattern[64];
    snprintf(pattern, sizeof pattern, "%020" PRId64 ".checkpoint.", listing->checkpoint);
    struct ps_buffer files PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&files, PS_DELTA_STATEMENT_SIZE_MAX);
    for (size_t i = 0; i < listing->count; i++) {
        if (strncmp(listing->names[i], pattern, strlen(pattern)) == 0 && parts_of(listing->names[i]) > 0) {
            ps_buffer_text(&files, files.size > 0 ? ", " : "");
            ps_buffer_sql_literal(&files, ps_path_join(listing->arena, sink->log_folder, listing->names[i]));
        }
    }
    PS_TRY(ps_buffer_status(&files, error));
    for (size_t i = 0; i < PART_COUNT; i++) {
        PS_TRY(ps_sql_runf(sink->connection, error,
                           "INSERT INTO %s SELECT unnest(json_transform(to_json(\"%s\"), '%s')) FROM"
                           " read_parquet([%s]) WHERE \"%s\" IS NOT NULL",
                           parts_of_checkpoint[i].table, parts_of_checkpoint[i].action,
                           parts_of_checkpoint[i].shape, files.data, parts_of_checkpoint[i].action));
    }
    sink->state_version = listing->checkpoint;
    return PENSTOCK_OK;
}

/* Commits (state_version, last]. */
static penstock_code apply(struct ps_delta_sink *sink, int64_t last, struct penstock_error *error) {
    while (sink->state_version < last) {
        struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
        struct ps_buffer sql PS_SCOPED(ps_buffer_done);
        const int64_t end =
            last - sink->state_version > BATCH_COUNT ? sink->state_version + BATCH_COUNT : last;
        ps_buffer_init(&sql, PS_DELTA_STATEMENT_SIZE_MAX);
        ps_buffer_text(&sql, read_commits_head);
        for (int64_t version = sink->state_version + 1; version <= end; version++) {
            const char *path = arena == NULL ? NULL : ps_delta_log_path(sink, version, arena);
            if (path == NULL) {
                return ps_error_memory(error, "a log");
            }
            ps_buffer_text(&sql, version > sink->state_version + 1 ? ", " : "");
            ps_buffer_sql_literal(&sql, path);
        }
        ps_buffer_text(&sql, read_commits_tail);
        PS_TRY(ps_buffer_status(&sql, error));
        PS_TRY(ps_sql_run(sink->connection, sql.data, error));
        PS_TRY(ps_sql_run(sink->connection, apply_commits, error));
        sink->state_version = end;
    }
    return PENSTOCK_OK;
}

static penstock_code load(struct ps_delta_sink *sink, const struct listing *listing,
                          struct penstock_error *error) {
    PS_TRY(ps_parts_engine(&sink->engine, &sink->connection, NULL, error));
    PS_TRY(ps_sql_run(sink->connection, make_tables, error));
    const bool is_behind = sink->state_version < 0 || sink->state_version + 1 < listing->first;
    if (is_behind) {
        PS_TRY(ps_sql_run(sink->connection, clear_tables, error));
        sink->state_version = -1;
    }
    if (is_behind && listing->checkpoint >= 0) {
        PS_TRY(load_checkpoint(sink, listing, error));
    }
    if (sink->state_version + 1 < listing->first) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA,
                            "commit %" PRId64
                            " of the Delta table is missing, and no checkpoint stands for it",
                            sink->state_version + 1);
    }
    return apply(sink, listing->last, error);
}

/* The newest commit, by looking for one after another from the state's on: a long log need not be listed again. -1: the
 * commits after the state's are no longer there, or there is no state. */
static penstock_code probe(const struct ps_delta_sink *sink, int64_t *newest_out,
                           struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    int64_t newest = sink->state_version;
    for (bool is_there = newest >= 0; is_there; newest += is_there ? 1 : 0) {
        const char *path = arena == NULL ? NULL : ps_delta_log_path(sink, newest + 1, arena);
        if (path == NULL) {
            return ps_error_memory(error, "a log");
        }
        is_there = ps_file_exists(path);
        ps_arena_reset(arena);
    }
    *newest_out = newest >= sink->version ? newest : -1;
    return PENSTOCK_OK;
}

static penstock_code load_more(struct ps_delta_sink *sink, int64_t newest, struct penstock_error *error) {
    const bool is_moved = sink->version >= 0 && newest > sink->version;
    PS_TRY(apply(sink, newest, error));
    sink->version = newest;
    return is_moved ? ps_delta_claim_check(sink, error) : PENSTOCK_OK;
}

penstock_code ps_delta_state_load(struct ps_delta_sink *sink, bool *is_table_out,
                                  struct penstock_error *error) {
    int64_t known = -1;
    PS_TRY(probe(sink, &known, error));
    if (known >= 0) {
        *is_table_out = true;
        const penstock_code more = load_more(sink, known, error);
        sink->state_version = more == PENSTOCK_OK ? sink->state_version : -1;
        return more;
    }
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct listing listing = {.arena = arena};
    if (arena == NULL) {
        return ps_error_memory(error, "a log");
    }
    PS_TRY(list_log(sink, &listing, error));
    const int64_t newest = listing.last > listing.checkpoint ? listing.last : listing.checkpoint;
    sink->checkpoint_version = listing.checkpoint;
    sink->log_first = listing.first > 0 ? listing.first : 0;
    *is_table_out = newest >= 0;
    if (newest < 0) {
        return PENSTOCK_OK;
    }
    const penstock_code code = load(sink, &listing, error);
    if (code != PENSTOCK_OK) {
        sink->state_version = -1; /* half of it is there: next time from the start */
        return ps_error_context(error, "read the log of %s", sink->folder);
    }
    const bool is_moved = sink->version >= 0 && newest > sink->version;
    sink->version = newest;
    return is_moved ? ps_delta_claim_check(sink, error) : PENSTOCK_OK;
}
