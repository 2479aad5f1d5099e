/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_server_test.c - what sinks with a server share: columns in options, positions as JSON, patience; and the SQL
 * that the PostgreSQL and Kafka sinks make of a SELECT's columns, run by DuckDB.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "connect/kafka_rows.h"
#include "connect/postgres_table.h"

static const char *const names[] = {"id", "Name", "name", "payload"};
static const char *const types[] = {"BIGINT", "VARCHAR", "VARCHAR", "BLOB"};
static const struct ps_sink_setup setup = {
    .name = "out", .column_names = names, .column_types = types, .column_count = 4};

static void columns_are_found(void **state) {
    (void)state;
    struct ps_arena *arena = ps_arena_new(0);
    struct ps_sink_columns columns = {0};
    assert_int_equal(ps_sink_columns_parse(&setup, "key", "name , ID,\n Name", arena, &columns, NULL),
                     PENSTOCK_OK);
    assert_int_equal(columns.count, 3);
    assert_int_equal(columns.indexes[0], 2); /* the exact spelling wins */
    assert_int_equal(columns.indexes[1], 0);
    assert_int_equal(columns.indexes[2], 1);
    assert_true(ps_sink_columns_have(&columns, 1));
    assert_false(ps_sink_columns_have(&columns, 3));
    assert_int_equal(ps_sink_columns_parse(&setup, "key", NULL, arena, &columns, NULL), PENSTOCK_OK);
    assert_int_equal(columns.count, 0);
    ps_arena_free(arena);
}

static void wrong_columns_are_named(void **state) {
    (void)state;
    struct ps_arena *arena = ps_arena_new(0);
    struct ps_sink_columns columns = {0};
    struct penstock_error error = {0};
    assert_int_equal(ps_sink_columns_parse(&setup, "key", "id, paylod", arena, &columns, &error),
                     PENSTOCK_INVALID_PROJECT);
    assert_string_equal(error.message, "sink out: key names 'paylod', which is no column of its SELECT");
    assert_string_equal(error.hint, "did you mean payload?");
    assert_int_equal(ps_sink_columns_parse(&setup, "key", "zzzzzzzz", arena, &columns, &error),
                     PENSTOCK_INVALID_PROJECT);
    assert_string_equal(error.hint, "its columns are: id, Name, name, payload");
    assert_int_equal(ps_sink_columns_parse(&setup, "key", "id, id", arena, &columns, &error),
                     PENSTOCK_INVALID_PROJECT);
    assert_string_equal(error.message, "sink out: key names column id twice");
    assert_int_equal(ps_sink_columns_parse(&setup, "key", "id,,name", arena, &columns, &error),
                     PENSTOCK_INVALID_PROJECT);
    ps_arena_free(arena);
}

static void positions_come_back(void **state) {
    (void)state;
    struct ps_position_list list;
    struct ps_position_list again;
    struct ps_buffer json;
    const struct ps_position one = {{"events[0]", 3}, INT64_C(9007199254740993), "{\"a\":\"\\\"\"}"};
    const struct ps_position two = {{"a \"file\"", 4}, 7, ""};
    assert_int_equal(ps_position_list_init(&list, NULL), PENSTOCK_OK);
    assert_int_equal(ps_position_list_init(&again, NULL), PENSTOCK_OK);
    assert_int_equal(ps_position_list_set(&list, &one, NULL), PENSTOCK_OK);
    assert_int_equal(ps_position_list_set(&list, &two, NULL), PENSTOCK_OK);
    ps_buffer_init(&json, 1000);
    ps_sink_positions_write(&list, &json);
    assert_false(json.failed);
    assert_int_equal(ps_sink_positions_read(json.data, json.size, &again, NULL), PENSTOCK_OK);
    assert_int_equal(again.count, 2);
    assert_int_equal(again.items[0].offset, one.offset);
    assert_int_equal(again.items[0].partition.ordinal, 3);
    assert_string_equal(again.items[0].state, one.state);
    assert_string_equal(again.items[1].partition.name, two.partition.name);
    struct penstock_error error = {0};
    assert_int_equal(ps_sink_positions_read("{}", 2, &again, &error), PENSTOCK_INVALID_DATA);
    assert_int_equal(ps_sink_positions_read("[{}]", 4, &again, &error), PENSTOCK_INVALID_DATA);
    assert_int_equal(ps_sink_positions_read("[", 1, &again, &error), PENSTOCK_INVALID_DATA);
    ps_buffer_done(&json);
    ps_buffer_init(&json, 40); /* too short: it says so, and is then left out */
    ps_sink_positions_write(&list, &json);
    assert_true(json.failed);
    ps_buffer_done(&json);
    ps_position_list_done(&list);
    ps_position_list_done(&again);
}

static void patience_ends(void **state) {
    (void)state;
    const int64_t start_ns = ps_clock_monotonic_ns();
    struct ps_sink_patience patience = ps_sink_patience_of(200);
    int count = 0;
    while (ps_sink_patience_wait(&patience)) {
        count++;
    }
    const int64_t took_ms = (ps_clock_monotonic_ns() - start_ns) / 1000000;
    assert_in_range(took_ms, 200, 5000);
    assert_in_range(count, 2, 8);
    patience = ps_sink_patience_of(0);
    assert_false(ps_sink_patience_wait(&patience));
}

/* --- SQL ---------------------------------------------------------------------------------------------------------- */

static void check_type(const char *type, const char *wanted) {
    struct ps_buffer sql;
    ps_buffer_init(&sql, 200);
    ps_postgres_type(type, &sql);
    assert_string_equal(sql.data, wanted);
    ps_buffer_done(&sql);
}

static void types_are_mapped(void **state) {
    (void)state;
    check_type("DECIMAL(18,3)", "numeric(18,3)");
    check_type("UBIGINT", "numeric(20,0)");
    check_type("TIMESTAMP WITH TIME ZONE", "timestamp with time zone");
    check_type("VARCHAR", "text");
    check_type("ENUM('a', 'b')", "text");
    check_type("INTEGER[]", "jsonb");
    check_type("STRUCT(a INTEGER)", "jsonb");
    check_type("STRUCT(a INTEGER)[3]", "jsonb");
    check_type("MAP(VARCHAR, BLOB)", "jsonb");
    struct ps_arena *arena = ps_arena_new(0);
    assert_string_equal(ps_postgres_expression("a\"b", "BLOB", arena), "'\\x' || hex(\"a\"\"b\")");
    assert_string_equal(ps_postgres_expression("l", "INTEGER[]", arena), "to_json(\"l\")");
    assert_string_equal(ps_postgres_expression("n", "DOUBLE", arena), "\"n\"");
    ps_arena_free(arena);
}

/* The value that the Kafka sink's projection gives for the one row of `select`. */
static void check_value(const char *select, const char *key, const char *wanted, const char *wanted_key) {
    struct ps_engine *engine = NULL;
    struct ps_connection *connection = NULL;
    struct ps_result *result = NULL;
    const struct ps_engine_options options = {.thread_count = 1};
    struct ps_arena *arena = ps_arena_new(0);
    struct ps_scan_column *columns = NULL;
    size_t count = 0;
    struct ps_sink_setup described = {.name = "out"};
    struct ps_kafka_rows rows = {.setup = &described, .what = "sink out"};
    const char **column_names;
    const char **column_types;
    assert_int_equal(ps_engine_open(&options, &engine, NULL), PENSTOCK_OK);
    assert_int_equal(ps_connection_open(engine, &connection, NULL), PENSTOCK_OK);
    assert_int_equal(ps_sql_describe(connection, select, arena, &column_names, &column_types,
                                     &described.column_count, NULL, NULL),
                     PENSTOCK_OK);
    described.column_names = column_names;
    described.column_types = column_types;
    assert_int_equal(ps_kafka_rows_init(&rows, key, NULL, NULL, arena, NULL), PENSTOCK_OK);
    assert_int_equal(ps_kafka_rows_project(&rows, arena, &columns, &count, NULL), PENSTOCK_OK);
    assert_int_equal(count, 2);
    assert_int_equal(ps_sql_queryf(connection, &result, NULL,
                                   "SELECT CAST(%s AS VARCHAR), CAST(%s AS VARCHAR) FROM (%s)",
                                   columns[0].expression, columns[1].expression, select),
                     PENSTOCK_OK);
    assert_string_equal(ps_result_text(result, 0, 0), wanted);
    if (wanted_key != NULL) {
        assert_string_equal(ps_result_text(result, 0, 1), wanted_key);
    } else {
        assert_null(ps_result_text(result, 0, 1));
    }
    ps_result_free(result);
    ps_connection_close(connection);
    ps_engine_close(engine);
    ps_arena_free(arena);
}

static void rows_become_json(void **state) {
    (void)state;
    check_value(
        "SELECT 1 AS id, NULL AS nothing, 1.50::DECIMAL(9,2) AS d, TIMESTAMP '2024-01-02 03:04:05.123456' AS t",
        "id", "{\"id\":1,\"nothing\":null,\"d\":1.5,\"t\":\"2024-01-02 03:04:05.123456\"}", "1");
    check_value(
        "SELECT 'a''b' AS \"it's\", 'nan'::DOUBLE AS x, 'inf'::FLOAT AS y, -0.5::DOUBLE AS z, NULL::DOUBLE AS n",
        "it's", "{\"it's\":\"a'b\",\"x\":\"NaN\",\"y\":\"Infinity\",\"z\":-0.5,\"n\":null}", "a'b");
    check_value("SELECT 1 AS a, 'x' AS b", "b, a", "{\"a\":1,\"b\":\"x\"}", "{\"b\":\"x\",\"a\":1}");
    check_value("SELECT NULL::VARCHAR AS a, 'x' AS A2", "a", "{\"a\":null,\"A2\":\"x\"}", NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_found),   cmocka_unit_test(wrong_columns_are_named),
        cmocka_unit_test(positions_come_back), cmocka_unit_test(patience_ends),
        cmocka_unit_test(types_are_mapped),    cmocka_unit_test(rows_become_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
