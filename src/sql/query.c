/* SPDX-License-Identifier: Apache-2.0
 *
 * query.c - statements with and without results; results as text.
 *
 * Text is what DuckDB's own cast to VARCHAR gives. A SELECT with columns of other types is therefore run as
 * SELECT CAST(c1 AS VARCHAR), ... FROM (the statement); other statements only ever return simple types.
 */
#include <math.h>
#include <stdio.h>

#include "base/check.h"
#include "sql/duck.h"

struct ps_result {
    struct ps_arena *arena;
    int64_t row_count, column_count, changed;
    const char **names;
    const char **types;
    const char **cells; /* row * column_count + column; NULL for SQL NULL */
    size_t cell_capacity;
};

#define QUERY_TEXT_SIZE_MAX ((size_t)64 << 20)

/* --- types ------------------------------------------------------------------------------------------------ */

static const char *simple_type_text(duckdb_type type) {
    switch ((int)type) { /* a plain int: DuckDB's list grows, and what is not here is "OTHER" */
    case DUCKDB_TYPE_BOOLEAN: return "BOOLEAN";
    case DUCKDB_TYPE_TINYINT: return "TINYINT";
    case DUCKDB_TYPE_SMALLINT: return "SMALLINT";
    case DUCKDB_TYPE_INTEGER: return "INTEGER";
    case DUCKDB_TYPE_BIGINT: return "BIGINT";
    case DUCKDB_TYPE_UTINYINT: return "UTINYINT";
    case DUCKDB_TYPE_USMALLINT: return "USMALLINT";
    case DUCKDB_TYPE_UINTEGER: return "UINTEGER";
    case DUCKDB_TYPE_UBIGINT: return "UBIGINT";
    case DUCKDB_TYPE_HUGEINT: return "HUGEINT";
    case DUCKDB_TYPE_UHUGEINT: return "UHUGEINT";
    case DUCKDB_TYPE_FLOAT: return "FLOAT";
    case DUCKDB_TYPE_DOUBLE: return "DOUBLE";
    case DUCKDB_TYPE_VARCHAR: return "VARCHAR";
    case DUCKDB_TYPE_BLOB: return "BLOB";
    case DUCKDB_TYPE_DATE: return "DATE";
    case DUCKDB_TYPE_TIME: return "TIME";
    case DUCKDB_TYPE_TIMESTAMP: return "TIMESTAMP";
    case DUCKDB_TYPE_TIMESTAMP_S: return "TIMESTAMP_S";
    case DUCKDB_TYPE_TIMESTAMP_MS: return "TIMESTAMP_MS";
    case DUCKDB_TYPE_TIMESTAMP_NS: return "TIMESTAMP_NS";
    case DUCKDB_TYPE_TIMESTAMP_TZ: return "TIMESTAMP WITH TIME ZONE";
    case DUCKDB_TYPE_INTERVAL: return "INTERVAL";
    case DUCKDB_TYPE_UUID: return "UUID";
    case DUCKDB_TYPE_ENUM: return "ENUM";
    case DUCKDB_TYPE_LIST: return "LIST";
    case DUCKDB_TYPE_STRUCT: return "STRUCT";
    case DUCKDB_TYPE_MAP: return "MAP";
    default: return "OTHER";
    }
}

const char *ps_duck_type_text(duckdb_logical_type type, struct ps_arena *arena) {
    const duckdb_type id = duckdb_get_type_id(type);
    if (id == DUCKDB_TYPE_DECIMAL) {
        return ps_arena_printf(arena, "DECIMAL(%d,%d)", duckdb_decimal_width(type),
                               duckdb_decimal_scale(type));
    }
    return simple_type_text(id);
}

/* Is the text of this type made here, without a cast by SQL? */
static bool is_plain(duckdb_type type) {
    return type == DUCKDB_TYPE_VARCHAR || type == DUCKDB_TYPE_BIGINT || type == DUCKDB_TYPE_INTEGER ||
           type == DUCKDB_TYPE_BOOLEAN;
}

/* --- statements without result ---------------------------------------------------------------------------- */

penstock_code ps_sql_run(struct ps_connection *connection, const char *sql, struct penstock_error *error) {
    duckdb_result result;
    penstock_code code = PENSTOCK_OK;
    if (duckdb_query(connection->handle, sql, &result) != DuckDBSuccess) {
        code =
            ps_duck_error(error, duckdb_result_error_type(&result), duckdb_result_error(&result), sql, NULL);
    }
    duckdb_destroy_result(&result);
    return code;
}

/* vprintf into a buffer that can hold any generated statement. */
static penstock_code format_sql(struct ps_buffer *buffer, const char *format, va_list arguments,
                                struct penstock_error *error) PS_PRINTF(2, 0);
static penstock_code format_sql(struct ps_buffer *buffer, const char *format, va_list arguments,
                                struct penstock_error *error) {
    char small[1024];
    va_list again;
    va_copy(again, arguments);
    const int size = vsnprintf(small, sizeof small, format, arguments);
    penstock_code code = PENSTOCK_OK;
    if (size < 0) {
        code = ps_error_set(error, PENSTOCK_INTERNAL, "a statement cannot be formatted");
    } else if ((size_t)size < sizeof small) {
        ps_buffer_add(buffer, small, (size_t)size);
    } else {
        char *large PS_SCOPED(ps_release_scoped) = ps_allocate((size_t)size + 1, 1);
        if (large == NULL) {
            code = ps_error_memory(error, "a statement");
        } else {
            vsnprintf(large, (size_t)size + 1, format, again);
            ps_buffer_add(buffer, large, (size_t)size);
        }
    }
    va_end(again);
    PS_TRY(code);
    return ps_buffer_status(buffer, error);
}

penstock_code ps_sql_runf(struct ps_connection *connection, struct penstock_error *error, const char *format,
                          ...) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, QUERY_TEXT_SIZE_MAX);
    va_list arguments;
    va_start(arguments, format);
    const penstock_code code = format_sql(&sql, format, arguments, error);
    va_end(arguments);
    PS_TRY(code);
    return ps_sql_run(connection, sql.data, error);
}

static void destroy_statement(duckdb_prepared_statement *statement) {
    if (*statement != NULL) {
        duckdb_destroy_prepare(statement);
    }
}

static penstock_code bind_values(duckdb_prepared_statement statement, const char *const *values,
                                 size_t value_count, struct penstock_error *error) {
    for (size_t i = 0; i < value_count; i++) {
        const duckdb_state state = values[i] == NULL ? duckdb_bind_null(statement, i + 1)
                                                     : duckdb_bind_varchar(statement, i + 1, values[i]);
        if (state != DuckDBSuccess) {
            return ps_error_set(error, PENSTOCK_INTERNAL, "parameter $%zu cannot be bound", i + 1);
        }
    }
    return PENSTOCK_OK;
}

penstock_code ps_sql_run_with(struct ps_connection *connection, const char *sql, const char *const *values,
                              size_t value_count, struct penstock_error *error) {
    duckdb_prepared_statement statement PS_SCOPED(destroy_statement) = NULL;
    PS_TRY(ps_duck_prepare(connection, sql, &statement, error));
    PS_TRY(bind_values(statement, values, value_count, error));
    duckdb_result result;
    penstock_code code = PENSTOCK_OK;
    if (duckdb_execute_prepared(statement, &result) != DuckDBSuccess) {
        code =
            ps_duck_error(error, duckdb_result_error_type(&result), duckdb_result_error(&result), sql, NULL);
    }
    duckdb_destroy_result(&result);
    return code;
}

/* --- results ---------------------------------------------------------------------------------------------- */

static const char *cell_text(struct ps_arena *arena, duckdb_type type, void *data, idx_t row) {
    if (type == DUCKDB_TYPE_VARCHAR) {
        duckdb_string_t *texts = data;
        return ps_arena_copy_size(arena, duckdb_string_t_data(&texts[row]),
                                  duckdb_string_t_length(texts[row]));
    }
    if (type == DUCKDB_TYPE_BIGINT) {
        return ps_arena_printf(arena, "%lld", (long long)((int64_t *)data)[row]);
    }
    if (type == DUCKDB_TYPE_INTEGER) {
        return ps_arena_printf(arena, "%d", ((int32_t *)data)[row]);
    }
    ps_check(type == DUCKDB_TYPE_BOOLEAN);
    return ((bool *)data)[row] ? "true" : "false";
}

static penstock_code add_chunk(struct ps_result *result, const duckdb_type *types, duckdb_data_chunk chunk,
                               struct penstock_error *error) {
    const idx_t rows = duckdb_data_chunk_get_size(chunk);
    const size_t columns = (size_t)result->column_count;
    const size_t first = (size_t)result->row_count * columns;
    void *cells = result->cells;
    PS_TRY(ps_grow(&cells, &result->cell_capacity, first + rows * columns, sizeof *result->cells, error));
    result->cells = cells;
    for (size_t column = 0; column < columns; column++) {
        duckdb_vector vector = duckdb_data_chunk_get_vector(chunk, column);
        void *data = duckdb_vector_get_data(vector);
        uint64_t *validity = duckdb_vector_get_validity(vector);
        for (idx_t row = 0; row < rows; row++) {
            const char **cell = &result->cells[first + row * columns + column];
            *cell = NULL;
            if (validity != NULL && !duckdb_validity_row_is_valid(validity, row)) {
                continue;
            }
            *cell = is_plain(types[column]) ? cell_text(result->arena, types[column], data, row) : "";
            if (*cell == NULL) {
                return ps_error_memory(error, "a query's result");
            }
        }
    }
    result->row_count += (int64_t)rows;
    return PENSTOCK_OK;
}

static penstock_code collect(duckdb_result *from, struct ps_result *result, struct penstock_error *error) {
    const idx_t columns = duckdb_column_count(from);
    ps_check((int64_t)columns == result->column_count);
    duckdb_type *types PS_SCOPED(ps_release_scoped) = ps_allocate(columns + 1, sizeof *types);
    if (types == NULL) {
        return ps_error_memory(error, "a query's result");
    }
    for (idx_t i = 0; i < columns; i++) {
        types[i] = duckdb_column_type(from, i);
    }
    result->changed = (int64_t)duckdb_rows_changed(from);
    for (;;) {
        duckdb_data_chunk chunk = duckdb_fetch_chunk(*from);
        if (chunk == NULL) {
            break;
        }
        const penstock_code code = add_chunk(result, types, chunk, error);
        duckdb_destroy_data_chunk(&chunk);
        PS_TRY(code);
    }
    return PENSTOCK_OK;
}

/* Names and types of the statement as written; *needs_cast_out: some column is not plain. */
static penstock_code describe(duckdb_prepared_statement statement, struct ps_result *result,
                              bool *needs_cast_out, struct penstock_error *error) {
    const idx_t columns = duckdb_prepared_statement_column_count(statement);
    result->column_count = (int64_t)columns;
    for (idx_t i = 0; i < duckdb_nparams(statement); i++) {
        if (duckdb_param_type(statement, i + 1) == DUCKDB_TYPE_INVALID) {
            /* then DuckDB does not know the columns either: it calls them one column "unknown" */
            return ps_error_set(error, PENSTOCK_SQL,
                                "the type of parameter $%llu is open: write $%llu::VARCHAR",
                                (unsigned long long)(i + 1), (unsigned long long)(i + 1));
        }
    }
    result->names = ps_arena_allocate(result->arena, columns + 1, sizeof *result->names);
    result->types = ps_arena_allocate(result->arena, columns + 1, sizeof *result->types);
    if (result->names == NULL || result->types == NULL) {
        return ps_error_memory(error, "a query's columns");
    }
    for (idx_t i = 0; i < columns; i++) {
        const char *name = duckdb_prepared_statement_column_name(statement, i);
        duckdb_logical_type type = duckdb_prepared_statement_column_logical_type(statement, i);
        result->names[i] = ps_arena_copy(result->arena, name != NULL ? name : "");
        result->types[i] = ps_duck_type_text(type, result->arena);
        *needs_cast_out = *needs_cast_out || !is_plain(duckdb_get_type_id(type));
        duckdb_destroy_logical_type(&type);
        duckdb_free((void *)(uintptr_t)name); /* the API hands out a const pointer that is ours to free */
        if (result->names[i] == NULL || result->types[i] == NULL) {
            return ps_error_memory(error, "a query's columns");
        }
    }
    return PENSTOCK_OK;
}

static void wrap_in_casts(struct ps_buffer *out, const char *sql, int64_t column_count) {
    ps_buffer_text(out, "SELECT ");
    for (int64_t i = 0; i < column_count; i++) {
        ps_buffer_printf(out, "%sCAST(c%lld AS VARCHAR)", i > 0 ? ", " : "", (long long)i);
    }
    size_t size = strlen(sql);
    while (size > 0 && (sql[size - 1] == ';' || sql[size - 1] == ' ' || sql[size - 1] == '\n')) {
        size--;
    }
    ps_buffer_text(out, " FROM (");
    ps_buffer_add(out, sql, size);
    ps_buffer_text(out, "\n) AS q("); /* the line feed ends a trailing comment */
    for (int64_t i = 0; i < column_count; i++) {
        ps_buffer_printf(out, "%sc%lld", i > 0 ? ", " : "", (long long)i);
    }
    ps_buffer_text(out, ")");
}

static penstock_code execute(duckdb_prepared_statement statement, const char *sql, const char *const *values,
                             size_t value_count, struct ps_result *result, struct penstock_error *error) {
    PS_TRY(bind_values(statement, values, value_count, error));
    duckdb_result raw;
    penstock_code code = PENSTOCK_OK;
    if (duckdb_execute_prepared(statement, &raw) != DuckDBSuccess) {
        code = ps_duck_error(error, duckdb_result_error_type(&raw), duckdb_result_error(&raw), sql, NULL);
    } else {
        /* a prepared DDL statement tells its columns only now */
        result->column_count = (int64_t)duckdb_column_count(&raw);
        code = collect(&raw, result, error);
    }
    duckdb_destroy_result(&raw);
    return code;
}

penstock_code ps_sql_query_with(struct ps_connection *connection, const char *sql, const char *const *values,
                                size_t value_count, struct ps_result **result_out,
                                struct penstock_error *error) {
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = ps_allocate(1, sizeof *result);
    if (result == NULL || (result->arena = ps_arena_new(0)) == NULL) {
        return ps_error_memory(error, "a query's result");
    }
    duckdb_prepared_statement statement PS_SCOPED(destroy_statement) = NULL;
    PS_TRY(ps_duck_prepare(connection, sql, &statement, error));
    bool needs_cast = false;
    PS_TRY(describe(statement, result, &needs_cast, error));
    if (needs_cast && duckdb_prepared_statement_type(statement) == DUCKDB_STATEMENT_TYPE_SELECT) {
        struct ps_buffer wrapped PS_SCOPED(ps_buffer_done);
        ps_buffer_init(&wrapped, QUERY_TEXT_SIZE_MAX);
        wrap_in_casts(&wrapped, sql, result->column_count);
        PS_TRY(ps_buffer_status(&wrapped, error));
        duckdb_prepared_statement casted PS_SCOPED(destroy_statement) = NULL;
        if (duckdb_prepare(connection->handle, wrapped.data, &casted) == DuckDBSuccess) {
            PS_TRY(execute(casted, wrapped.data, values, value_count, result, error));
            *result_out = ps_take(result);
            return PENSTOCK_OK;
        }
    }
    PS_TRY(execute(statement, sql, values, value_count, result, error));
    *result_out = ps_take(result);
    return PENSTOCK_OK;
}

penstock_code ps_sql_query(struct ps_connection *connection, const char *sql, struct ps_result **result_out,
                           struct penstock_error *error) {
    return ps_sql_query_with(connection, sql, NULL, 0, result_out, error);
}

penstock_code ps_sql_queryf(struct ps_connection *connection, struct ps_result **result_out,
                            struct penstock_error *error, const char *format, ...) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, QUERY_TEXT_SIZE_MAX);
    va_list arguments;
    va_start(arguments, format);
    const penstock_code code = format_sql(&sql, format, arguments, error);
    va_end(arguments);
    PS_TRY(code);
    return ps_sql_query(connection, sql.data, result_out, error);
}

penstock_code ps_sql_integer(struct ps_connection *connection, const char *sql, int64_t *value_out,
                             struct penstock_error *error) {
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query(connection, sql, &result, error));
    *value_out = ps_result_integer(result, 0, 0);
    return PENSTOCK_OK;
}

void ps_result_free(struct ps_result *result) {
    if (result != NULL) {
        ps_release(result->cells);
        ps_arena_free(result->arena);
        ps_release(result);
    }
}

void ps_result_free_scoped(struct ps_result **result) {
    ps_result_free(*result);
}

int64_t ps_result_row_count(const struct ps_result *result) {
    return result->row_count;
}

int64_t ps_result_column_count(const struct ps_result *result) {
    return result->column_count;
}

const char *ps_result_name(const struct ps_result *result, int64_t column) {
    return column >= 0 && column < result->column_count ? result->names[column] : NULL;
}

const char *ps_result_type(const struct ps_result *result, int64_t column) {
    return column >= 0 && column < result->column_count ? result->types[column] : NULL;
}

const char *ps_result_text(const struct ps_result *result, int64_t row, int64_t column) {
    if (row < 0 || row >= result->row_count || column < 0 || column >= result->column_count) {
        return NULL;
    }
    return result->cells[row * result->column_count + column];
}

int64_t ps_result_integer(const struct ps_result *result, int64_t row, int64_t column) {
    const char *text = ps_result_text(result, row, column);
    return text != NULL ? strcmp(text, "true") == 0 ? 1 : strtoll(text, NULL, 10) : 0;
}

double ps_result_double(const struct ps_result *result, int64_t row, int64_t column) {
    const char *text = ps_result_text(result, row, column);
    return text != NULL ? strtod(text, NULL) : (double)NAN;
}

int64_t ps_result_changed(const struct ps_result *result) {
    return result->changed;
}
