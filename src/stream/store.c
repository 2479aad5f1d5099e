/* SPDX-License-Identifier: Apache-2.0
 *
 * store.c - opens the store, makes penstock's own tables, looks at their format.
 *
 * Two locks: our own beside the file, taken first, so that a second process gets a sentence with a pid
 * before DuckDB is even started; and DuckDB's, which also keeps readers out while a writer runs. The file
 * itself is never opened by us: closing any descriptor of it would drop DuckDB's lock.
 */
#include <limits.h>
#include <stdio.h>

#include "base/limits.h"
#include "stream/run.h"

/* A quarter of what DuckDB lets grow before a COMMIT does it: some 70 ms of work, 0.1 s of the next start. */
#define REST_LOG_SIZE_MIN ((int64_t)4 << 20)

static const char make_tables[] =
    "BEGIN TRANSACTION;"
    "CREATE SCHEMA penstock;"
    "CREATE SCHEMA penstock_state;"
    "CREATE TABLE penstock.meta(key VARCHAR NOT NULL, value VARCHAR);"
    "CREATE TABLE penstock.epochs(epoch BIGINT NOT NULL, attempt BIGINT NOT NULL, application VARCHAR,"
    " started_at TIMESTAMP, committed_at TIMESTAMP, records BIGINT, rows_kept BIGINT, dead_letters BIGINT);"
    "CREATE TABLE penstock.positions(source VARCHAR NOT NULL, partition VARCHAR NOT NULL, ordinal BIGINT NOT NULL,"
    " position BIGINT NOT NULL, state VARCHAR NOT NULL, epoch BIGINT NOT NULL);"
    "CREATE TABLE penstock.watermarks(source VARCHAR NOT NULL, watermark TIMESTAMP, time_max TIMESTAMP);"
    "CREATE TABLE penstock.dead_letters(id BIGINT NOT NULL, epoch BIGINT NOT NULL, source VARCHAR NOT NULL,"
    " statement VARCHAR, partition VARCHAR, position BIGINT, reason VARCHAR NOT NULL, column_name VARCHAR,"
    " rule VARCHAR, lateness_ms BIGINT, message VARCHAR, raw BLOB, raw_size BIGINT, created_at TIMESTAMP,"
    " replayed_epoch BIGINT, record_key BLOB, headers VARCHAR, record_time TIMESTAMP);"
    "CREATE TABLE penstock.plans(epoch BIGINT NOT NULL, planned_at TIMESTAMP NOT NULL, ranges VARCHAR NOT NULL,"
    " project VARCHAR NOT NULL);"
    "CREATE TABLE penstock.sinks(name VARCHAR NOT NULL, connector VARCHAR NOT NULL, since_epoch BIGINT NOT NULL,"
    " last_epoch BIGINT NOT NULL, row_count BIGINT NOT NULL);"
    "CREATE TABLE penstock.rule_violations(epoch BIGINT NOT NULL, statement VARCHAR NOT NULL, rule VARCHAR NOT NULL,"
    " action VARCHAR NOT NULL, violations BIGINT NOT NULL);"
    "CREATE TABLE penstock.statements(name VARCHAR NOT NULL, kind VARCHAR NOT NULL, text VARCHAR NOT NULL,"
    " applied_at TIMESTAMP, is_active BOOLEAN NOT NULL);";

/* From format 1. */
static const char upgrade_tables[] =
    "BEGIN TRANSACTION;"
    "ALTER TABLE penstock.dead_letters ADD COLUMN record_key BLOB;"
    "ALTER TABLE penstock.dead_letters ADD COLUMN headers VARCHAR;"
    "ALTER TABLE penstock.dead_letters ADD COLUMN record_time TIMESTAMP;"
    "CREATE TABLE penstock.plans(epoch BIGINT NOT NULL, planned_at TIMESTAMP NOT NULL, ranges VARCHAR NOT NULL,"
    " project VARCHAR NOT NULL);"
    "CREATE TABLE penstock.sinks(name VARCHAR NOT NULL, connector VARCHAR NOT NULL, since_epoch BIGINT NOT NULL,"
    " last_epoch BIGINT NOT NULL, row_count BIGINT NOT NULL);"
    "INSERT INTO penstock.meta VALUES ('store_id', gen_random_uuid()::VARCHAR);"
    "UPDATE penstock.meta SET value = '2' WHERE key = 'format';"
    "COMMIT";

static penstock_code check_format(struct ps_store *store, bool *is_made_out, struct penstock_error *error) {
    int64_t found = 0;
    PS_TRY(ps_sql_integer(store->connection,
                          "SELECT count(*) FROM duckdb_tables() WHERE database_name = current_database()"
                          " AND schema_name = 'penstock' AND table_name = 'meta'",
                          &found, error));
    *is_made_out = found > 0;
    if (found == 0) {
        return PENSTOCK_OK;
    }
    int64_t format = 0;
    PS_TRY(ps_sql_integer(store->connection, "SELECT value::BIGINT FROM penstock.meta WHERE key = 'format'",
                          &format, error));
    if (format > PS_STORE_FORMAT) {
        (void)ps_error_set(error, PENSTOCK_UNSUPPORTED,
                           "the store %s has format %lld, but this penstock (%s) knows formats up to %d",
                           store->path, (long long)format, PENSTOCK_VERSION, PS_STORE_FORMAT);
        (void)ps_error_hint(error, "use the penstock that wrote it, or a newer one");
        return PENSTOCK_UNSUPPORTED;
    }
    if (format < PS_STORE_FORMAT && !store->is_read_only) {
        return ps_sql_run(store->connection, upgrade_tables, error);
    }
    return PENSTOCK_OK;
}

static penstock_code read_id(struct ps_store *store, struct penstock_error *error) {
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query(store->connection, "SELECT value FROM penstock.meta WHERE key = 'store_id'", &result,
                        error));
    const bool is_there = ps_result_row_count(result) > 0; /* format 1, opened to read */
    store->id = ps_arena_copy(store->arena, is_there ? ps_result_text(result, 0, 0) : "");
    return store->id != NULL ? PENSTOCK_OK : ps_error_memory(error, "a store");
}

/* Where there is nothing more to say: what failed before is the error that counts. */
static void run_quietly(struct ps_connection *connection, const char *sql) {
    const penstock_code code = ps_sql_run(connection, sql, NULL);
    (void)code;
}

static penstock_code make(struct ps_store *store, struct penstock_error *error) {
    penstock_code code = ps_sql_run(store->connection, make_tables, error);
    if (code == PENSTOCK_OK) {
        code = ps_sql_runf(store->connection, error,
                           "INSERT INTO penstock.meta VALUES ('format', '%d'), ('attempt', '0'),"
                           " ('made_by', 'penstock %s'), ('store_id', gen_random_uuid()::VARCHAR); COMMIT",
                           PS_STORE_FORMAT, PENSTOCK_VERSION);
    }
    if (code != PENSTOCK_OK) {
        run_quietly(store->connection, "ROLLBACK");
        return ps_error_context(error, "make the store %s", store->path);
    }
    return PENSTOCK_OK;
}

/* A database file of a later DuckDB is a store of a newer version, too. */
static penstock_code explain_open(struct ps_store *store, struct penstock_error *error) {
    if (error == NULL) {
        return PENSTOCK_IO;
    }
    const char *text = strstr(error->message, "version number");
    if (text != NULL) {
        char cause[sizeof error->message];
        snprintf(cause, sizeof cause, "%s", error->message);
        (void)ps_error_set(error, PENSTOCK_UNSUPPORTED,
                           "the store %s was written by a DuckDB that %s cannot read", store->path,
                           ps_engine_version());
        (void)ps_error_detail(error, "%s", cause);
        (void)ps_error_hint(error, "use the penstock that wrote it, or a newer one");
    } else if (error->code == PENSTOCK_BUSY) {
        char cause[sizeof error->detail];
        snprintf(cause, sizeof cause, "%s", error->detail);
        (void)ps_error_set(error, PENSTOCK_BUSY, "the store %s is open in another process", store->path);
        (void)ps_error_detail(error, "%s", cause);
        (void)ps_error_hint(error, "wait until it has ended, or stop it");
    }
    return error->code;
}

static penstock_code open_engine(struct ps_store *store, const struct ps_store_options *options,
                                 struct penstock_error *error) {
    const char *file = ps_path_join(store->arena, store->path, "store.duckdb");
    const char *lock = ps_path_join(store->arena, store->path, "penstock.lock");
    if (file == NULL || lock == NULL) {
        return ps_error_memory(error, "the store's paths");
    }
    if (options->is_read_only && !ps_file_exists(file)) {
        (void)ps_error_set(error, PENSTOCK_NOT_FOUND, "there is no store in %s yet", store->path);
        return ps_error_hint(error, "run the project once: penstock run --once");
    }
    if (!options->is_read_only) {
        PS_TRY(ps_file_make_folders(store->path, error));
        const penstock_code code = ps_file_lock(lock, &store->lock, error);
        if (code != PENSTOCK_OK) {
            return ps_error_context(error, "open the store");
        }
    }
    const struct ps_engine_options engine = {.path = file,
                                             .thread_count = options->thread_count,
                                             .memory_max = options->memory_max,
                                             .is_read_only = options->is_read_only};
    if (ps_engine_open(&engine, &store->engine, error) != PENSTOCK_OK) {
        return explain_open(store, error);
    }
    PS_TRY(ps_connection_open(store->engine, &store->connection, error));
    PS_TRY(ps_dead_declare(store->engine, error));
    PS_TRY(ps_position_declare(store->engine, error));
    PS_TRY(ps_epoch_declare(store->engine, error));
    PS_TRY(ps_kept_declare(store->engine, error));
    /* what a timestamp means must not depend on the machine */
    return ps_sql_run(store->connection, "SET GLOBAL TimeZone = 'UTC'", error);
}

static penstock_code open_tables(struct ps_store *store, struct penstock_error *error) {
    bool is_made = false;
    PS_TRY(check_format(store, &is_made, error));
    if (is_made) {
        return read_id(store, error);
    }
    if (store->is_read_only) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA, "%s/store.duckdb is no store of penstock",
                            store->path);
    }
    PS_TRY(make(store, error));
    return read_id(store, error);
}

penstock_code ps_store_open(const struct ps_store_options *options, struct ps_store **store_out,
                            struct penstock_error *error) {
    struct ps_store *store = ps_allocate(1, sizeof *store);
    if (store == NULL) {
        return ps_error_memory(error, "a store");
    }
    store->lock.descriptor = -1;
    store->is_read_only = options->is_read_only;
    store->arena = ps_arena_new(0);
    store->path = store->arena != NULL ? ps_arena_copy(store->arena, options->path) : NULL;
    penstock_code code =
        store->path != NULL ? open_engine(store, options, error) : ps_error_memory(error, "a store");
    if (code == PENSTOCK_OK) {
        code = open_tables(store, error);
    }
    if (code == PENSTOCK_OK && !store->is_read_only) {
        code = ps_store_settle(store, error); /* before a sink is told whose epochs it gets */
    }
    if (code != PENSTOCK_OK) {
        ps_store_close(store);
        return code;
    }
    *store_out = store;
    return PENSTOCK_OK;
}

penstock_code ps_store_check_owner(const struct ps_store *store, struct penstock_error *error) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/penstock.lock", store->path);
    if (ps_file_lock_is_at(&store->lock, path)) {
        return PENSTOCK_OK;
    }
    (void)ps_error_set(error, PENSTOCK_FENCED,
                       "the lock file of the store %s was removed or replaced while it was open",
                       store->path);
    return ps_error_hint(error, "another process may have the store; nothing more is written by this one");
}

penstock_code ps_store_settle(struct ps_store *store, struct penstock_error *error) {
    char path[PATH_MAX];
    struct ps_file_info log = {0};
    snprintf(path, sizeof path, "%s/store.duckdb.wal", store->path);
    if (ps_file_exists(path)) { /* a commit that was a checkpoint, too, leaves none */
        PS_TRY(ps_file_stat(path, &log, error));
    }
    /* a log that is smaller than before is another one, whatever its inode says */
    if (store->settled_inode != 0 && store->settled_inode == log.inode && log.size >= store->settled_size) {
        store->settled_size = log.size;
        return PENSTOCK_OK;
    }
    if (store->settled_inode == 0) {
        PS_TRY(ps_file_sync_name(store->path, error));
    }
    PS_TRY(ps_file_sync_name(path, error));
    store->settled_inode = log.inode;
    store->settled_size = log.size;
    return PENSTOCK_OK;
}

void ps_store_rest(struct ps_store *store) {
    struct ps_file_info log;
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/store.duckdb.wal", store->path);
    if (ps_file_stat(path, &log, NULL) == PENSTOCK_OK && log.size >= REST_LOG_SIZE_MIN) {
        run_quietly(store->connection,
                    "CHECKPOINT"); /* refused while somebody else writes: then a COMMIT does it */
    }
}

void ps_store_close(struct ps_store *store) {
    if (store == NULL) {
        return;
    }
    if (store->connection != NULL && !store->is_read_only &&
        ps_store_check_owner(store, NULL) == PENSTOCK_OK) {
        /* Everything is in the log already: a checkpoint that fails (disk full) loses nothing. */
        run_quietly(store->connection, "CHECKPOINT");
    }
    ps_connection_close(store->connection);
    ps_engine_close(store->engine);
    ps_file_unlock(&store->lock);
    ps_arena_free(store->arena);
    ps_release(store);
}
