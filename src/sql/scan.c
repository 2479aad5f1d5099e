/* SPDX-License-Identifier: Apache-2.0
 *
 * scan.c - ordered streaming of a SELECT.
 *
 * duckdb_pending_prepared_streaming is marked deprecated in 1.5.6 and has no successor; it is used here and
 * nowhere else. With preserve_insertion_order (DuckDB's default) its chunks come in the order of the rows.
 */
#include "sql/scan.h"

#include <stdio.h>

#include "base/check.h"
#include "sql/duck.h"

struct ps_chunk {
    duckdb_data_chunk handle;
    int64_t row_count;
    size_t column_count;
    struct {
        void *data;
        uint64_t *validity;
    } columns[];
};

struct ps_scan {
    duckdb_prepared_statement statement;
    duckdb_pending_result pending;
    duckdb_result result;
    bool has_result;
    size_t column_count;
    penstock_code (*observe)(void *context, const struct ps_chunk *chunk, struct penstock_error *error);
    void *observe_context;
};

int64_t ps_chunk_row_count(const struct ps_chunk *chunk) {
    return chunk->row_count;
}

const double *ps_chunk_doubles(const struct ps_chunk *chunk, size_t column) {
    ps_check(column < chunk->column_count);
    return chunk->columns[column].data;
}

const uint64_t *ps_chunk_validity(const struct ps_chunk *chunk, size_t column) {
    ps_check(column < chunk->column_count);
    return chunk->columns[column].validity;
}

struct ps_bytes ps_chunk_text(const struct ps_chunk *chunk, size_t column, int64_t row) {
    ps_check(column < chunk->column_count);
    duckdb_string_t *texts = chunk->columns[column].data;
    return (struct ps_bytes){duckdb_string_t_data(&texts[row]), duckdb_string_t_length(texts[row])};
}

void ps_chunk_free(struct ps_chunk *chunk) {
    if (chunk != NULL) {
        duckdb_destroy_data_chunk(&chunk->handle);
        ps_release(chunk);
    }
}

/* DATE and TIMESTAMP have no cast to DOUBLE: they are delivered as seconds since 1970. */
static bool is_time(const char *type) {
    return strncmp(type, "TIMESTAMP", 9) == 0 || strcmp(type, "DATE") == 0;
}

static penstock_code build_select(struct ps_connection *connection, const char *relation,
                                  const struct ps_scan_column *columns, size_t column_count, const char *tail,
                                  struct ps_buffer *sql, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    if (arena == NULL) {
        return ps_error_memory(error, "a scan");
    }
    ps_buffer_text(sql, "SELECT ");
    for (size_t i = 0; i < column_count; i++) {
        ps_buffer_printf(sql, "%s%s AS c%zu", i > 0 ? ", " : "", columns[i].expression, i);
    }
    ps_buffer_printf(sql, " FROM %s", relation);
    PS_TRY(ps_buffer_status(sql, error));
    const char **names;
    const char **types;
    size_t count = 0;
    PS_TRY(ps_sql_describe(connection, sql->data, arena, &names, &types, &count, NULL, error));
    ps_check(count == column_count);
    ps_buffer_clear(sql);
    ps_buffer_text(sql, "SELECT ");
    for (size_t i = 0; i < column_count; i++) {
        const char *form = columns[i].kind == PS_SCAN_TEXT    ? "CAST(%s AS VARCHAR)"
                           : columns[i].kind == PS_SCAN_BYTES ? "CAST(%s AS BLOB)"
                           : is_time(types[i])                ? "CAST(epoch(%s) AS DOUBLE)"
                                                              : "CAST(%s AS DOUBLE)";
        const char *place = strstr(form, "%s");
        ps_buffer_text(sql, i > 0 ? ", " : "");
        ps_buffer_add(sql, form, (size_t)(place - form));
        ps_buffer_text(sql, columns[i].expression);
        ps_buffer_text(sql, place + 2);
    }
    ps_buffer_printf(sql, " FROM %s %s", relation, tail != NULL ? tail : "");
    return ps_buffer_status(sql, error);
}

static penstock_code start(struct ps_connection *connection, const char *sql, struct ps_scan *scan,
                           struct penstock_error *error) {
    PS_TRY(ps_duck_prepare(connection, sql, &scan->statement, error));
    if (duckdb_pending_prepared_streaming(scan->statement, &scan->pending) != DuckDBSuccess) {
        return ps_duck_error(error, DUCKDB_ERROR_INVALID, duckdb_pending_error(scan->pending), sql, NULL);
    }
    const duckdb_state state = duckdb_execute_pending(scan->pending, &scan->result);
    scan->has_result = true;
    if (state != DuckDBSuccess) {
        return ps_duck_error(error, duckdb_result_error_type(&scan->result),
                             duckdb_result_error(&scan->result), sql, NULL);
    }
    return PENSTOCK_OK;
}

penstock_code ps_scan_open(struct ps_connection *connection, const char *relation,
                           const struct ps_scan_column *columns, size_t column_count, const char *tail,
                           struct ps_scan **scan_out, struct penstock_error *error) {
    ps_check(column_count > 0);
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, (size_t)64 << 20);
    PS_TRY(build_select(connection, relation, columns, column_count, tail, &sql, error));
    struct ps_scan *scan = ps_allocate(1, sizeof *scan);
    if (scan == NULL) {
        return ps_error_memory(error, "a scan");
    }
    scan->column_count = column_count;
    const penstock_code code = start(connection, sql.data, scan, error);
    if (code != PENSTOCK_OK) {
        ps_scan_close(scan);
        return code;
    }
    *scan_out = scan;
    return PENSTOCK_OK;
}

penstock_code ps_scan_next(struct ps_scan *scan, struct ps_chunk **chunk_out, struct penstock_error *error) {
    duckdb_data_chunk handle = duckdb_fetch_chunk(scan->result);
    if (handle == NULL) {
        const char *text = duckdb_result_error(&scan->result);
        if (text != NULL && text[0] != '\0') {
            return ps_duck_error(error, duckdb_result_error_type(&scan->result), text, NULL, NULL);
        }
        *chunk_out = NULL;
        return PENSTOCK_OK;
    }
    struct ps_chunk *chunk = ps_allocate(1, sizeof *chunk + scan->column_count * sizeof chunk->columns[0]);
    if (chunk == NULL) {
        duckdb_destroy_data_chunk(&handle);
        return ps_error_memory(error, "a chunk of rows");
    }
    chunk->handle = handle;
    chunk->row_count = (int64_t)duckdb_data_chunk_get_size(handle);
    chunk->column_count = scan->column_count;
    for (size_t i = 0; i < scan->column_count; i++) {
        duckdb_vector vector = duckdb_data_chunk_get_vector(handle, i);
        chunk->columns[i].data = duckdb_vector_get_data(vector);
        chunk->columns[i].validity = duckdb_vector_get_validity(vector);
    }
    if (scan->observe != NULL) {
        const penstock_code code = scan->observe(scan->observe_context, chunk, error);
        if (code != PENSTOCK_OK) {
            ps_chunk_free(chunk);
            return code;
        }
    }
    *chunk_out = chunk;
    return PENSTOCK_OK;
}

void ps_scan_observe(struct ps_scan *scan,
                     penstock_code (*observe)(void *context, const struct ps_chunk *chunk,
                                              struct penstock_error *error),
                     void *context) {
    scan->observe = observe;
    scan->observe_context = context;
}

void ps_scan_close(struct ps_scan *scan) {
    if (scan == NULL) {
        return;
    }
    if (scan->has_result) {
        duckdb_destroy_result(&scan->result);
    }
    if (scan->pending != NULL) {
        duckdb_destroy_pending(&scan->pending);
    }
    if (scan->statement != NULL) {
        duckdb_destroy_prepare(&scan->statement);
    }
    ps_release(scan);
}
