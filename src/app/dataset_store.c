/* SPDX-License-Identifier: Apache-2.0
 *
 * dataset_store.c - what the store keeps of datasets: every making, and which paths are whose; and the questions of
 * `penstock datasets`.
 */
#include "app/datasets.h"

#include <inttypes.h>
#include <stdio.h>

#include "app/table.h"

#define SQL_SIZE_MAX ((size_t)1 << 20)

penstock_code ps_dataset_store_prepare(struct ps_connection *connection, struct penstock_error *error) {
    return ps_sql_run(
        connection,
        "CREATE TABLE IF NOT EXISTS penstock.datasets(name VARCHAR NOT NULL, making BIGINT NOT NULL,"
        " made_at TIMESTAMP NOT NULL, application VARCHAR NOT NULL, statement_text VARCHAR NOT NULL,"
        " snapshot JSON NOT NULL, positions JSON NOT NULL, rows_read BIGINT NOT NULL, rows_kept BIGINT NOT NULL,"
        " dropped JSON NOT NULL, files JSON NOT NULL, fitted JSON NOT NULL, quality JSON NOT NULL);"
        "CREATE TABLE IF NOT EXISTS penstock.dataset_files(dataset VARCHAR NOT NULL, path VARCHAR NOT NULL);",
        error);
}

static penstock_code copy(struct ps_arena *arena, const char *text, const char **text_out,
                          struct penstock_error *error) {
    *text_out = ps_arena_copy(arena, text == NULL ? "" : text);
    return *text_out != NULL ? PENSTOCK_OK : ps_error_memory(error, "a dataset's record");
}

penstock_code ps_dataset_store_last(struct ps_connection *connection, const char *name,
                                    struct ps_arena *arena, struct ps_dataset_record *record_out,
                                    bool *is_there_out, struct penstock_error *error) {
    const char *const values[] = {name};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query_with(connection,
                             "SELECT making, rows_read, rows_kept, statement_text, CAST(snapshot AS VARCHAR)"
                             " FROM penstock.datasets WHERE name = $1 ORDER BY making DESC LIMIT 1",
                             values, 1, &result, error));
    *record_out = (struct ps_dataset_record){.name = name};
    *is_there_out = ps_result_row_count(result) > 0;
    if (!*is_there_out) {
        return PENSTOCK_OK;
    }
    record_out->making = ps_result_integer(result, 0, 0);
    record_out->row_count = ps_result_integer(result, 0, 1);
    record_out->kept_count = ps_result_integer(result, 0, 2);
    PS_TRY(copy(arena, ps_result_text(result, 0, 3), &record_out->statement, error));
    return copy(arena, ps_result_text(result, 0, 4), &record_out->snapshot, error);
}

penstock_code ps_dataset_store_add(struct ps_connection *connection, const struct ps_dataset_record *record,
                                   struct penstock_error *error) {
    char making[24], rows[24], kept[24];
    (void)snprintf(making, sizeof making, "%" PRId64, record->making);
    (void)snprintf(rows, sizeof rows, "%" PRId64, record->row_count);
    (void)snprintf(kept, sizeof kept, "%" PRId64, record->kept_count);
    const char *const values[] = {record->name,
                                  making,
                                  record->made_at,
                                  record->application,
                                  record->statement,
                                  record->snapshot,
                                  record->positions,
                                  rows,
                                  kept,
                                  record->dropped,
                                  record->files,
                                  record->fitted,
                                  record->quality};
    return ps_sql_run_with(
        connection,
        "INSERT INTO penstock.datasets SELECT $1, CAST($2 AS BIGINT), CAST($3 AS TIMESTAMP), $4,"
        " $5, $6, $7, CAST($8 AS BIGINT), CAST($9 AS BIGINT), $10, $11, $12, $13",
        values, sizeof values / sizeof values[0], error);
}

penstock_code ps_dataset_store_owns(struct ps_connection *connection, const char *name, const char *path,
                                    bool *owns_out, struct penstock_error *error) {
    const char *const values[] = {name, path};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query_with(connection,
                             "SELECT count(*) FROM penstock.dataset_files WHERE dataset = $1 AND path = $2",
                             values, 2, &result, error));
    *owns_out = ps_result_integer(result, 0, 0) > 0;
    return PENSTOCK_OK;
}

penstock_code ps_dataset_store_claim(struct ps_connection *connection, const char *name, const char *path,
                                     struct penstock_error *error) {
    bool owns = false;
    const char *const values[] = {name, path};
    PS_TRY(ps_dataset_store_owns(connection, name, path, &owns, error));
    return owns ? PENSTOCK_OK
                : ps_sql_run_with(connection, "INSERT INTO penstock.dataset_files SELECT $1, $2", values, 2,
                                  error);
}

/* ---- penstock datasets ---- */

/* A store that has never made a dataset does not have the table. */
static penstock_code has_table(struct ps_access *access, bool *has_out, struct penstock_error *error) {
    struct ps_text_table *table PS_SCOPED(ps_text_table_drop) = NULL;
    *has_out = false;
    if (!ps_access_has_store(access)) {
        return PENSTOCK_OK;
    }
    PS_TRY(ps_access_query(
        access, "SELECT 1 FROM duckdb_tables() WHERE schema_name = 'penstock' AND table_name = 'datasets'",
        &table, error));
    *has_out = table->row_count > 0;
    return PENSTOCK_OK;
}

penstock_code ps_app_datasets_list(struct ps_app *app, struct ps_text_table **table_out,
                                   struct penstock_error *error) {
    struct ps_access access PS_SCOPED(ps_access_close) = {0};
    bool has = false;
    PS_TRY(ps_access_open(app, &access, error));
    PS_TRY(has_table(&access, &has, error));
    return ps_access_query(
        &access,
        has ? "SELECT name AS dataset, making, date_trunc('second', made_at) AS made_at, rows_read, rows_kept,"
              " array_to_string(CAST(json_extract_string(files, '$[*].path') AS VARCHAR[]), ', ') AS files,"
              " application FROM penstock.datasets d WHERE making = (SELECT max(making) FROM penstock.datasets"
              " l WHERE l.name = d.name) ORDER BY name"
            : "SELECT '' AS dataset, CAST(0 AS BIGINT) AS making, TIMESTAMP '1970-01-01' AS made_at, CAST(0 AS BIGINT)"
              " AS rows_read, CAST(0 AS BIGINT) AS rows_kept, '' AS files, '' AS application LIMIT 0",
        table_out, error);
}

static penstock_code no_dataset(struct ps_access *access, const char *name, struct penstock_error *error) {
    struct ps_text_table *table PS_SCOPED(ps_text_table_drop) = NULL;
    const char *names[64] = {NULL};
    PS_TRY(ps_access_query(access, "SELECT DISTINCT name FROM penstock.datasets ORDER BY name LIMIT 63",
                           &table, error));
    for (int64_t i = 0; i < table->row_count && i < 63; i++) {
        names[i] = table->cells[i];
    }
    (void)ps_error_set(error, PENSTOCK_NOT_FOUND, "there is no dataset %s in the store", name);
    const char *near = ps_nearest(name, names);
    return near != NULL ? ps_error_hint(error, "did you mean %s?", near)
                        : ps_error_hint(error, "penstock datasets list shows what was made");
}

penstock_code ps_app_datasets_show(struct ps_app *app, const char *name, struct ps_buffer *json_out,
                                   struct penstock_error *error) {
    struct ps_access access PS_SCOPED(ps_access_close) = {0};
    struct ps_text_table *table PS_SCOPED(ps_text_table_drop) = NULL;
    struct ps_buffer sql PS_SCOPED(ps_buffer_done) = {0};
    bool has = false;
    ps_buffer_init(&sql, SQL_SIZE_MAX);
    PS_TRY(ps_access_open(app, &access, error));
    PS_TRY(has_table(&access, &has, error));
    if (!has) {
        (void)ps_error_set(error, PENSTOCK_NOT_FOUND, "no dataset has been made yet");
        return ps_error_hint(error, "penstock run makes those of the project");
    }
    ps_buffer_text(&sql,
                   "SELECT CAST(quality AS VARCHAR), CAST(fitted AS VARCHAR), CAST(positions AS VARCHAR)"
                   " FROM penstock.datasets WHERE lower(name) = lower(");
    ps_buffer_sql_literal(&sql, name);
    ps_buffer_text(&sql, ") ORDER BY making DESC LIMIT 1");
    PS_TRY(ps_buffer_status(&sql, error));
    PS_TRY(ps_access_query(&access, sql.data, &table, error));
    if (table->row_count == 0 || table->cells[0] == NULL) {
        return no_dataset(&access, name, error);
    }
    /* one object: {..., "fitted": ..., "positions": ...} */
    const char *quality = table->cells[0];
    const char *end = strrchr(quality, '}');
    ps_buffer_add(json_out, quality, end == NULL ? strlen(quality) : (size_t)(end - quality));
    ps_buffer_printf(json_out, ",\"fitted\":%s,\"positions\":%s}", table->cells[1], table->cells[2]);
    return ps_buffer_status(json_out, error);
}
