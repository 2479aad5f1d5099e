/* SPDX-License-Identifier: Apache-2.0
 *
 * statement.c - statements that are run again and again: parsed and planned once.
 *
 * For an epoch of a few hundred rows, parsing and planning cost more than the rows do. DuckDB plans a
 * prepared statement anew by itself when something it reads was made anew.
 */
#include "sql/duck.h"

struct ps_sql_statement {
    struct ps_connection *connection;
    duckdb_prepared_statement handle;
    char *text; /* for errors that point into it */
};

penstock_code ps_sql_prepare(struct ps_connection *connection, const char *sql,
                             struct ps_sql_statement **statement_out, struct penstock_error *error) {
    struct ps_sql_statement *statement PS_SCOPED(ps_sql_statement_free_scoped) =
        ps_allocate(1, sizeof *statement);
    if (statement == NULL || (statement->text = ps_duplicate(sql)) == NULL) {
        return ps_error_memory(error, "a statement");
    }
    statement->connection = connection;
    PS_TRY(ps_duck_prepare(connection, sql, &statement->handle, error));
    *statement_out = ps_take(statement);
    return PENSTOCK_OK;
}

penstock_code ps_sql_execute(struct ps_sql_statement *statement, int64_t *changed_out,
                             struct penstock_error *error) {
    duckdb_result result;
    penstock_code code = PENSTOCK_OK;
    if (duckdb_execute_prepared(statement->handle, &result) != DuckDBSuccess) {
        code = ps_duck_error(error, duckdb_result_error_type(&result), duckdb_result_error(&result),
                             statement->text, NULL);
    } else if (changed_out != NULL) {
        *changed_out = (int64_t)duckdb_rows_changed(&result);
    }
    duckdb_destroy_result(&result);
    return code;
}

void ps_sql_statement_free(struct ps_sql_statement *statement) {
    if (statement != NULL) {
        if (statement->handle != NULL) {
            duckdb_destroy_prepare(&statement->handle);
        }
        ps_release(statement->text);
        ps_release(statement);
    }
}

void ps_sql_statement_free_scoped(struct ps_sql_statement **statement) {
    ps_sql_statement_free(*statement);
}
