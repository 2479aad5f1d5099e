/* SPDX-License-Identifier: Apache-2.0
 *
 * engine.c - opens DuckDB with the settings penstock stands on, and turns its errors into ours.
 *
 * Extensions are never fetched: what is not inside the library is an immediate error, not a network call.
 */
#include <ctype.h>
#include <stdio.h>

#include "sql/duck.h"

/* How much of a streaming result DuckDB's threads may make ahead of its consumer. Row groups of wide tables are
 * about 20 MB: with less than two of them in flight, DuckDB works with one thread. */
#define SCAN_AHEAD_SIZE ((int64_t)64 << 20)

const char *ps_engine_version(void) {
    return duckdb_library_version();
}

static penstock_code configure(duckdb_config config, const struct ps_engine_options *options,
                               struct penstock_error *error) {
    char memory[32] = "";
    char threads[32];
    snprintf(threads, sizeof threads, "%lld",
             (long long)(options->thread_count > 0 ? options->thread_count : 1));
    if (options->memory_max > 0) {
        snprintf(memory, sizeof memory, "%lldB", (long long)options->memory_max);
    }
    const struct {
        const char *name, *value;
    } settings[] = {
        {"autoinstall_known_extensions", "false"},
        {"autoload_known_extensions", "false"},
        {"threads", threads},
        {"access_mode", options->is_read_only ? "READ_ONLY" : "AUTOMATIC"},
        {"memory_limit", memory},
        {"temp_directory", options->temp_folder},
        /* Transactions larger than a row group leave the last one of theirs half full; a checkpoint then writes
         * full neighbours again to close the gaps, by default up to 100 times 3 of them. One at a time is enough to
         * keep what deletes leave behind within bounds. */
        {"max_vacuum_tasks", "1"},
    };
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        if (settings[i].value == NULL || settings[i].value[0] == '\0') {
            continue;
        }
        if (duckdb_set_config(config, settings[i].name, settings[i].value) != DuckDBSuccess) {
            return ps_error_set(error, PENSTOCK_INTERNAL, "DuckDB does not take the setting %s = %s",
                                settings[i].name, settings[i].value);
        }
    }
    return PENSTOCK_OK;
}

static penstock_code open_database(struct ps_engine *engine, const struct ps_engine_options *options,
                                   struct penstock_error *error) {
    duckdb_config config = NULL;
    if (duckdb_create_config(&config) != DuckDBSuccess) {
        return ps_error_memory(error, "DuckDB's configuration");
    }
    penstock_code code = configure(config, options, error);
    if (code == PENSTOCK_OK) {
        char *text = NULL;
        if (duckdb_open_ext(options->path, &engine->database, config, &text) != DuckDBSuccess) {
            code = ps_duck_error(error, DUCKDB_ERROR_IO, text != NULL ? text : "no reason given", NULL, NULL);
            if (text != NULL && strstr(text, "Conflicting lock") != NULL) {
                code = ps_error_set(error, PENSTOCK_BUSY, "%s is open in another process", options->path);
                (void)ps_error_detail(error, "%s", text);
                (void)ps_error_hint(error, "wait until it has ended, or stop it");
            } else {
                code = ps_error_context(error, "open %s", options->path != NULL ? options->path : "memory");
            }
        }
        duckdb_free(text);
    }
    duckdb_destroy_config(&config);
    return code;
}

penstock_code ps_engine_open(const struct ps_engine_options *options, struct ps_engine **engine_out,
                             struct penstock_error *error) {
    struct ps_engine *engine = ps_allocate(1, sizeof *engine);
    if (engine == NULL) {
        return ps_error_memory(error, "an engine");
    }
    pthread_mutex_init(&engine->mutex, NULL); /* tidy: allow pthread: guards the list of feeds */
    const bool is_tight = options->memory_max > 0 && options->memory_max / 8 < SCAN_AHEAD_SIZE;
    engine->scan_ahead_size = is_tight ? options->memory_max / 8 : SCAN_AHEAD_SIZE;
    penstock_code code = open_database(engine, options, error);
    if (code == PENSTOCK_OK && duckdb_connect(engine->database, &engine->control) != DuckDBSuccess) {
        code = ps_error_set(error, PENSTOCK_INTERNAL, "DuckDB gives no connection");
    }
    if (code == PENSTOCK_OK) {
        code = ps_feed_register(engine, error);
    }
    if (code == PENSTOCK_OK) {
        code = ps_serve_register(engine, error);
    }
    if (code != PENSTOCK_OK) {
        ps_engine_close(engine);
        return code;
    }
    *engine_out = engine;
    return PENSTOCK_OK;
}

void ps_engine_close(struct ps_engine *engine) {
    if (engine == NULL) {
        return;
    }
    if (engine->control != NULL) {
        duckdb_disconnect(&engine->control);
    }
    if (engine->database != NULL) {
        duckdb_close(&engine->database);
    }
    ps_feed_free_all(engine);
    pthread_mutex_destroy(&engine->mutex); /* tidy: allow pthread: see ps_engine_open */
    ps_release(engine);
}

penstock_code ps_engine_set_threads(struct ps_engine *engine, int64_t thread_count,
                                    struct penstock_error *error) {
    char sql[64];
    snprintf(sql, sizeof sql, "SET GLOBAL threads = %lld", (long long)(thread_count > 0 ? thread_count : 1));
    struct ps_connection control = {engine, engine->control};
    pthread_mutex_lock(&engine->mutex); /* tidy: allow pthread: control is shared */
    const penstock_code code = ps_sql_run(&control, sql, error);
    pthread_mutex_unlock(&engine->mutex); /* tidy: allow pthread: control is shared */
    return code;
}

penstock_code ps_connection_open(struct ps_engine *engine, struct ps_connection **connection_out,
                                 struct penstock_error *error) {
    struct ps_connection *connection = ps_allocate(1, sizeof *connection);
    if (connection == NULL) {
        return ps_error_memory(error, "a connection");
    }
    connection->engine = engine;
    if (duckdb_connect(engine->database, &connection->handle) != DuckDBSuccess) {
        ps_release(connection);
        return ps_error_set(error, PENSTOCK_INTERNAL, "DuckDB gives no connection");
    }
    /* a setting of the connection: DuckDB takes it neither at open nor for all */
    const penstock_code code = ps_sql_runf(connection, error, "SET streaming_buffer_size = '%lldB'",
                                           (long long)engine->scan_ahead_size);
    if (code != PENSTOCK_OK) {
        ps_connection_close(connection);
        return code;
    }
    *connection_out = connection;
    return PENSTOCK_OK;
}

void ps_connection_close(struct ps_connection *connection) {
    if (connection != NULL) {
        duckdb_disconnect(&connection->handle);
        ps_release(connection);
    }
}

void ps_connection_close_scoped(struct ps_connection **connection) {
    ps_connection_close(*connection);
}

void ps_connection_interrupt(struct ps_connection *connection) {
    duckdb_interrupt(connection->handle);
}

/* --- errors ----------------------------------------------------------------------------------------------- */

/* Start of line `number` (from 1) of `text`, or NULL. */
static const char *line_start(const char *text, long number) {
    for (; number > 1; number--) {
        const char *end = strchr(text, '\n');
        if (end == NULL) {
            return NULL;
        }
        text = end + 1;
    }
    return text;
}

/* DuckDB ends its text with "LINE 2: ...part of the line...\n      ^". Long lines are cut on both sides, so
 * the part is looked up in the line itself. */
static int64_t error_offset(const char *marker, const char *sql) {
    char *after = NULL;
    const long number = strtol(marker + 5, &after, 10);
    const char *line = number > 0 ? line_start(sql, number) : NULL;
    if (line == NULL || after == NULL || strncmp(after, ": ", 2) != 0) {
        return -1;
    }
    const char *part = after + 2;
    const char *part_end = strchr(part, '\n');
    if (part_end == NULL) {
        return -1;
    }
    const char *caret = strchr(part_end, '^');
    if (caret == NULL) {
        return -1;
    }
    int64_t column = (caret - part_end - 1) - (part - marker);
    if (strncmp(part, "...", 3) == 0) {
        part += 3;
        column -= 3;
    }
    size_t size = (size_t)(part_end - part);
    if (size > 3 && strncmp(part_end - 3, "...", 3) == 0) {
        size -= 3;
    }
    const char *end = strchr(line, '\n');
    const size_t line_size = end != NULL ? (size_t)(end - line) : strlen(line);
    const char *found = size > 0 && size <= line_size ? memmem(line, line_size, part, size) : NULL;
    if (found == NULL || column < 0 || column > (int64_t)size) {
        return -1;
    }
    return found - sql + column;
}

static penstock_code code_of(duckdb_error_type type, const char *text) {
    if (strstr(text, "No space left on device") != NULL || strstr(text, "File too large") != NULL) {
        return PENSTOCK_IO;
    }
    if (strncmp(text, "INTERRUPT", 9) == 0) {
        return PENSTOCK_CANCELLED;
    }
    if (strncmp(text, "Out of Memory", 13) == 0) {
        return PENSTOCK_OUT_OF_MEMORY;
    }
    if (strncmp(text, "IO Error", 8) == 0) {
        return PENSTOCK_IO;
    }
    return type == DUCKDB_ERROR_INTERRUPT       ? PENSTOCK_CANCELLED
           : type == DUCKDB_ERROR_OUT_OF_MEMORY ? PENSTOCK_OUT_OF_MEMORY
           : type == DUCKDB_ERROR_IO            ? PENSTOCK_IO
                                                : PENSTOCK_SQL;
}

penstock_code ps_duck_error(struct penstock_error *error, duckdb_error_type type, const char *text,
                            const char *sql, int64_t *offset_out) {
    if (text == NULL || text[0] == '\0') {
        text = "DuckDB gave no reason";
    }
    const penstock_code code = code_of(type, text);
    const char *marker = strstr(text, "\nLINE ");
    if (offset_out != NULL) {
        *offset_out = marker != NULL && sql != NULL ? error_offset(marker + 1, sql) : -1;
    }
    const size_t text_size = marker != NULL ? (size_t)(marker - text) : strlen(text);
    const char *line = memchr(text, '\n', text_size);
    const size_t first_size = line != NULL ? (size_t)(line - text) : text_size;
    /* "Binder Error: Referenced ..." : the kind is for programmers, the sentence is for users */
    const char *start = text;
    const char *colon = memmem(text, first_size, " Error: ", 8);
    if (colon != NULL && colon - text < 32) {
        start = colon + 8;
    }
    (void)ps_error_set(error, code, "%.*s", (int)(first_size - (size_t)(start - text)), start);
    if (line != NULL && line[1] != '\0' && text_size > first_size + 1) {
        size_t rest = text_size - first_size - 1;
        while (rest > 0 && isspace((unsigned char)line[rest]) != 0) {
            rest--;
        }
        (void)ps_error_detail(error, "%.*s", (int)rest, line + 1);
    }
    if (error != NULL && strncmp(error->detail, PS_SERVE_HINT, sizeof PS_SERVE_HINT - 1) == 0) {
        (void)ps_error_hint(error, "%s", error->detail + sizeof PS_SERVE_HINT - 1);
        error->detail[0] = '\0';
    }
    const bool is_full = strstr(text, "No space left on device") != NULL;
    if (code == PENSTOCK_IO && (is_full || strstr(text, "File too large") != NULL)) {
        (void)ps_error_set(error, code,
                           is_full ? "the disk is full" : "a file reached the limit on the size of files");
        (void)ps_error_detail(error, "%.*s", (int)text_size, text);
        (void)ps_error_hint(
            error, is_full ? "free some space and run again: nothing of this epoch was written"
                           : "raise it (ulimit -f) and run again: nothing of this epoch was written");
    }
    return code;
}

penstock_code ps_duck_prepare(struct ps_connection *connection, const char *sql,
                              duckdb_prepared_statement *statement_out, struct penstock_error *error) {
    if (duckdb_prepare(connection->handle, sql, statement_out) != DuckDBSuccess) {
        return ps_duck_error(error, DUCKDB_ERROR_INVALID, duckdb_prepare_error(*statement_out), sql, NULL);
    }
    return PENSTOCK_OK;
}
