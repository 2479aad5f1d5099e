/* SPDX-License-Identifier: Apache-2.0
 *
 * relation.c - sources whose slices arrive as SQL (Parquet): the rows of an epoch in a temporary table.
 *
 * The connector has cast and checked the columns; what is left is lateness, by a window over the rows before
 * each row. rowid of the table is penstock_row. Dead letters keep the row as JSON.
 */
#include <stdio.h>

#include "stream/run.h"

static void add_table(struct ps_buffer *sql, const struct ps_input *input) {
    char name[300];
    snprintf(name, sizeof name, "penstock_input_%s", input->name);
    ps_buffer_sql_name(sql, name);
}

static void add_columns(struct ps_buffer *sql, const struct ps_input *input) {
    for (size_t i = 0; i < input->statement->schema.column_count; i++) {
        ps_buffer_text(sql, i > 0 ? ", " : "");
        ps_buffer_sql_name(sql, input->statement->schema.columns[i].name);
    }
}

static void add_json(struct ps_buffer *sql, const struct ps_input *input) {
    ps_buffer_text(sql, "to_json({");
    for (size_t i = 0; i < input->statement->schema.column_count; i++) {
        ps_buffer_text(sql, i > 0 ? ", " : "");
        ps_buffer_sql_literal(sql, input->statement->schema.columns[i].name);
        /* what travels as text stays text: a JSON number would lose digits of a DECIMAL */
        const bool is_text = input->statement->schema.columns[i].type == PS_TYPE_CAST;
        ps_buffer_text(sql, is_text ? ": CAST(" : ": ");
        ps_buffer_sql_name(sql, input->statement->schema.columns[i].name);
        ps_buffer_text(sql, is_text ? " AS VARCHAR)" : "");
    }
    ps_buffer_text(sql, "})::VARCHAR");
}

/* CREATE OR REPLACE TEMP TABLE ... AS SELECT columns, offset, slice, state, time, lateness FROM (rows) */
static void add_create(struct ps_buffer *sql, const struct ps_input *input, const char *rows, bool is_timed) {
    ps_buffer_text(sql, "CREATE OR REPLACE TEMP TABLE ");
    add_table(sql, input);
    ps_buffer_text(sql, " AS SELECT ");
    add_columns(sql, input);
    ps_buffer_text(sql, ", penstock_offset, penstock_slice, ");
    if (!is_timed) {
        ps_buffer_text(
            sql,
            "0 AS penstock_state, NULL::BIGINT AS penstock_time, NULL::BIGINT AS penstock_lateness FROM ");
        ps_buffer_text(sql, rows);
        ps_buffer_text(sql, " ORDER BY penstock_slice, penstock_offset");
        return;
    }
    ps_buffer_printf(
        sql,
        "CASE WHEN penstock_time IS NULL THEN 1 WHEN penstock_time < penstock_before - %lld THEN 2 ELSE 0"
        " END AS penstock_state, penstock_time, (penstock_before - penstock_time) // 1000"
        " AS penstock_lateness FROM (SELECT *, epoch_us(CAST(",
        (long long)input->delay_us);
    ps_buffer_sql_name(sql, input->time_name);
    ps_buffer_text(
        sql, " AS TIMESTAMP)) AS penstock_time, greatest(max(penstock_time) OVER (ORDER BY penstock_slice,"
             " penstock_offset ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), ");
    if (input->has_time) {
        ps_buffer_printf(sql, "%lld", (long long)input->time_max_us);
    } else {
        ps_buffer_text(sql, "NULL");
    }
    ps_buffer_text(sql, ") AS penstock_before FROM ");
    ps_buffer_text(sql, rows);
    ps_buffer_text(sql, ") ORDER BY penstock_slice, penstock_offset");
}

penstock_code ps_relation_define(struct ps_run *run, const struct ps_input *input,
                                 struct penstock_error *error) {
    struct ps_buffer rows PS_SCOPED(ps_buffer_done);
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&rows, PS_LIMIT_SQL_SIZE);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    ps_buffer_text(&rows, "(SELECT ");
    for (size_t i = 0; i < input->statement->schema.column_count; i++) {
        ps_buffer_printf(&rows, "NULL::%s AS ", input->statement->schema.columns[i].type_text);
        ps_buffer_sql_name(&rows, input->statement->schema.columns[i].name);
        ps_buffer_text(&rows, ", ");
    }
    ps_buffer_text(&rows, "0::BIGINT AS penstock_offset, 0 AS penstock_slice WHERE false)");
    PS_TRY(ps_buffer_status(&rows, error));
    add_create(&sql, input, rows.data, false);
    for (int has_row = 0; has_row < 2; has_row++) {
        char name[300];
        snprintf(name, sizeof name, "penstock_%s_%s", has_row != 0 ? "place" : "stream", input->name);
        ps_buffer_text(&sql, "; CREATE OR REPLACE TEMP VIEW ");
        ps_buffer_sql_name(&sql, name);
        ps_buffer_text(&sql, " AS SELECT ");
        add_columns(&sql, input);
        ps_buffer_text(&sql, has_row != 0 ? ", rowid AS " PS_ROW_COLUMN " FROM temp." : " FROM temp.");
        add_table(&sql, input);
        ps_buffer_text(&sql, " WHERE penstock_state = 0");
    }
    PS_TRY(ps_buffer_status(&sql, error));
    return ps_sql_run(run->connection, sql.data, error);
}

static penstock_code add_late(struct ps_run *run, struct ps_input *input, struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    ps_buffer_text(&sql, "SELECT penstock_slice, penstock_offset, penstock_state, penstock_lateness, ");
    add_json(&sql, input);
    ps_buffer_text(&sql, " FROM temp.");
    add_table(&sql, input);
    ps_buffer_text(&sql, " WHERE penstock_state <> 0 ORDER BY rowid");
    PS_TRY(ps_buffer_status(&sql, error));
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query(run->connection, sql.data, &result, error));
    for (int64_t i = 0; i < ps_result_row_count(result); i++) {
        const bool is_late = ps_result_integer(result, i, 2) == 2;
        struct ps_dead_row dead = {.input = (size_t)(input - run->inputs),
                                   .slice = ps_result_integer(result, i, 0),
                                   .offset = ps_result_integer(result, i, 1),
                                   .reason = is_late ? PS_REASON_LATE : PS_REASON_NULL,
                                   .column = input->time_name,
                                   .has_lateness = is_late,
                                   .lateness_ms = ps_result_integer(result, i, 3)};
        dead.partition = input->rows.partitions[dead.slice];
        const char *json = ps_arena_copy(run->epoch_arena, ps_result_text(result, i, 4));
        dead.message = is_late ? ps_watermark_late_text(run, input, dead.lateness_ms)
                               : ps_watermark_null_text(run, input);
        if (json == NULL || dead.message == NULL) {
            return ps_error_memory(error, "dead letters");
        }
        dead.raw = ps_bytes_of(json);
        dead.raw_size = (int64_t)dead.raw.size;
        PS_TRY(ps_dead_add(run, dead, error));
    }
    return PENSTOCK_OK;
}

static penstock_code move_time(struct ps_run *run, struct ps_input *input, struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    ps_buffer_text(&sql, "SELECT max(penstock_time) FROM temp.");
    add_table(&sql, input);
    PS_TRY(ps_buffer_status(&sql, error));
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query(run->connection, sql.data, &result, error));
    const int64_t time = ps_result_integer(result, 0, 0);
    if (ps_result_text(result, 0, 0) != NULL && (!input->has_time || time > input->time_max_us)) {
        input->has_time = true;
        input->time_max_us = time;
    }
    return PENSTOCK_OK;
}

penstock_code ps_relation_load(struct ps_run *run, struct ps_input *input, const char *const *relations,
                               struct penstock_error *error) {
    struct ps_buffer rows PS_SCOPED(ps_buffer_done);
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&rows, PS_LIMIT_SQL_SIZE);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    ps_buffer_text(&rows, "(");
    for (size_t i = 0; i < input->rows.slice_count; i++) {
        ps_buffer_text(&rows, i > 0 ? " UNION ALL SELECT " : "SELECT ");
        add_columns(&rows, input);
        ps_buffer_printf(&rows, ", penstock_offset, %zu AS penstock_slice FROM %s", i, relations[i]);
    }
    ps_buffer_text(&rows, ")");
    PS_TRY(ps_buffer_status(&rows, error));
    add_create(&sql, input, rows.data, input->time_column >= 0);
    PS_TRY(ps_buffer_status(&sql, error));
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query(run->connection, sql.data, &result, error));
    input->rows.record_count = ps_result_integer(result, 0, 0);
    input->rows.row_count = input->rows.record_count;
    if (input->time_column < 0) {
        return PENSTOCK_OK;
    }
    PS_TRY(add_late(run, input, error));
    return move_time(run, input, error);
}

penstock_code ps_relation_feed(struct ps_run *run, struct ps_input *input, struct penstock_error *error) {
    struct ps_buffer rows PS_SCOPED(ps_buffer_done);
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&rows, PS_LIMIT_SQL_SIZE);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    ps_buffer_text(&rows, "(SELECT ");
    for (size_t i = 0; i < input->statement->schema.column_count; i++) {
        ps_buffer_text(&rows, "CAST(");
        ps_buffer_sql_name(&rows, input->statement->schema.columns[i].name);
        ps_buffer_printf(&rows, " AS %s) AS ", input->statement->schema.columns[i].type_text);
        ps_buffer_sql_name(&rows, input->statement->schema.columns[i].name);
        ps_buffer_text(&rows, ", ");
    }
    ps_buffer_text(&rows, PS_ROW_COLUMN " AS penstock_offset, 0 AS penstock_slice FROM penstock_feed(");
    ps_buffer_sql_literal(&rows, input->feed);
    ps_buffer_text(&rows, "))");
    PS_TRY(ps_buffer_status(&rows, error));
    add_create(&sql, input, rows.data, false);
    PS_TRY(ps_buffer_status(&sql, error));
    return ps_sql_run(run->connection, sql.data, error);
}

penstock_code ps_relation_rows(struct ps_run *run, const struct ps_input *input, const int64_t *rows,
                               size_t count, struct ps_result **result_out, struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    ps_buffer_text(&sql, "SELECT penstock_slice, penstock_offset, ");
    add_json(&sql, input);
    ps_buffer_text(&sql, " FROM temp.");
    add_table(&sql, input);
    ps_buffer_text(&sql, " WHERE rowid IN (");
    for (size_t i = 0; i < count; i++) {
        ps_buffer_printf(&sql, "%s%lld", i > 0 ? ", " : "", (long long)rows[i]);
    }
    ps_buffer_text(&sql, ") ORDER BY rowid");
    PS_TRY(ps_buffer_status(&sql, error));
    return ps_sql_query(run->connection, sql.data, result_out, error);
}
