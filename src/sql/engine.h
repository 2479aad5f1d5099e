/* SPDX-License-Identifier: Apache-2.0
 *
 * engine.h - DuckDB, seen from the rest of penstock. No other room includes duckdb.h.
 *
 * One engine is one open database (a file or memory). A second open of one file in one process loses
 * DuckDB's file lock and then writes, so an engine holds its own lock beside the file for its lifetime
 * and nothing else ever opens that path. A connection belongs to one thread at a time.
 * Text results are made by casting to VARCHAR in SQL, so they are what the DuckDB shell shows.
 */
#ifndef PS_SQL_ENGINE_H
#define PS_SQL_ENGINE_H

#include "base/bytes.h"
#include "base/thread.h"
#include "data/batch.h"

struct ps_engine;
struct ps_connection;
struct ps_result;

struct ps_engine_options {
    const char *path;        /* NULL: in memory */
    int64_t thread_count;    /* of DuckDB; 0: 1 */
    int64_t memory_max;      /* bytes; 0: DuckDB's default */
    const char *temp_folder; /* for what does not fit; NULL: beside the file */
    bool is_read_only;
};

penstock_code ps_engine_open(const struct ps_engine_options *options, struct ps_engine **engine_out,
                             struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_engine_close(struct ps_engine *engine);
penstock_code ps_engine_set_threads(struct ps_engine *engine, int64_t thread_count,
                                    struct penstock_error *error) PENSTOCK_MUST_USE;
const char *ps_engine_version(void); /* DuckDB's: "v1.5.6" */

penstock_code ps_connection_open(struct ps_engine *engine, struct ps_connection **connection_out,
                                 struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_connection_close(struct ps_connection *connection);
void ps_connection_close_scoped(struct ps_connection **connection);
/* Any thread: ends the statement that runs on it with CANCELLED. */
void ps_connection_interrupt(struct ps_connection *connection);

/* Runs one or more statements and forgets their results. On failure: code SQL (IO for a full disk,
 * OUT_OF_MEMORY for DuckDB's memory limit, CANCELLED for an interrupt), DuckDB's first line in message. */
penstock_code ps_sql_run(struct ps_connection *connection, const char *sql, struct penstock_error *error)
    PENSTOCK_MUST_USE;
penstock_code ps_sql_runf(struct ps_connection *connection, struct penstock_error *error, const char *format,
                          ...) PS_PRINTF(3, 4) PENSTOCK_MUST_USE;
/* One statement with positional parameters $1..$n, bound as text (NULL pointer: SQL NULL). */
penstock_code ps_sql_run_with(struct ps_connection *connection, const char *sql, const char *const *values,
                              size_t value_count, struct penstock_error *error) PENSTOCK_MUST_USE;

/* One statement that is run many times: parsed and planned once. Lives no longer than its connection.
 * *changed_out (may be NULL): rows that an INSERT, UPDATE, DELETE or MERGE changed. Errors as ps_sql_run. */
struct ps_sql_statement;
penstock_code ps_sql_prepare(struct ps_connection *connection, const char *sql,
                             struct ps_sql_statement **statement_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
penstock_code ps_sql_execute(struct ps_sql_statement *statement, int64_t *changed_out,
                             struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_sql_statement_free(struct ps_sql_statement *statement);
void ps_sql_statement_free_scoped(struct ps_sql_statement **statement);

/* Runs one statement; the whole result is in memory. Owns: the caller frees *result_out. */
penstock_code ps_sql_query(struct ps_connection *connection, const char *sql, struct ps_result **result_out,
                           struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_sql_queryf(struct ps_connection *connection, struct ps_result **result_out,
                            struct penstock_error *error, const char *format, ...) PS_PRINTF(4, 5)
    PENSTOCK_MUST_USE;
penstock_code ps_sql_query_with(struct ps_connection *connection, const char *sql, const char *const *values,
                                size_t value_count, struct ps_result **result_out,
                                struct penstock_error *error) PENSTOCK_MUST_USE;
/* As ps_sql_query, but the answer is one value: 0 / false when NULL or no row. */
penstock_code ps_sql_integer(struct ps_connection *connection, const char *sql, int64_t *value_out,
                             struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_result_free(struct ps_result *result);
void ps_result_free_scoped(struct ps_result **result);
int64_t ps_result_row_count(const struct ps_result *result);
int64_t ps_result_column_count(const struct ps_result *result);
const char *ps_result_name(const struct ps_result *result, int64_t column);
const char *ps_result_type(const struct ps_result *result, int64_t column); /* SQL type text */
/* The value as text, or NULL for SQL NULL; borrowed from the result. */
const char *ps_result_text(const struct ps_result *result, int64_t row, int64_t column);
int64_t ps_result_integer(const struct ps_result *result, int64_t row, int64_t column); /* 0 for NULL */
double ps_result_double(const struct ps_result *result, int64_t row, int64_t column);   /* NaN for NULL */
/* Rows that an INSERT, UPDATE, DELETE changed. */
int64_t ps_result_changed(const struct ps_result *result);

/* Names and types of a SELECT without running it. `names_out` and `types_out` are in the arena.
 * A wrong statement: code SQL; *offset_out (may be NULL) is the byte in `sql` it points at, or -1. */
penstock_code ps_sql_describe(struct ps_connection *connection, const char *sql, struct ps_arena *arena,
                              const char ***names_out, const char ***types_out, size_t *count_out,
                              int64_t *offset_out, struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
