/* SPDX-License-Identifier: Apache-2.0
 *
 * shape_test.c - TUMBLE and HOP give the right windows when they run; a SELECT's stream, path, keys and window
 * are found.
 */
#include "job/shape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct ps_engine *engine;
static struct ps_connection *connection;
static struct ps_arena *arena;

static int begin(void **state) {
    (void)state;
    const struct ps_engine_options options = {.thread_count = 1};
    arena = ps_arena_new(0);
    return arena == NULL || ps_engine_open(&options, &engine, NULL) != PENSTOCK_OK ||
           ps_connection_open(engine, &connection, NULL) != PENSTOCK_OK ||
           ps_sql_run(
               connection,
               "CREATE SCHEMA stream; CREATE TABLE stream.\"a t\" (id INTEGER, \"my ts\" TIMESTAMP, day DATE);"
               "INSERT INTO stream.\"a t\" VALUES (1, '1970-01-01 00:00:00', '1970-01-08'), (2, "
               "'1969-12-31 23:59:59.999999', '1970-01-06'),"
               " (3, '2013-01-01 00:07:30', NULL), (4, NULL, NULL)",
               NULL) != PENSTOCK_OK;
}

static int end(void **state) {
    (void)state;
    ps_connection_close(connection);
    ps_engine_close(engine);
    ps_arena_free(arena);
    return 0;
}

/* Expands, runs, and gives the rows as one text. */
static void assert_rows(const char *select, const char *expected) {
    struct penstock_error error;
    struct ps_tree *tree PS_SCOPED(ps_tree_free_scoped) = NULL;
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    struct ps_buffer rows PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&rows, 1 << 16);
    const char *sql = NULL;
    if (ps_tree_parse(connection, select, &tree, NULL, &error) != PENSTOCK_OK ||
        ps_window_expand(connection, tree, arena, NULL, NULL, NULL, &error) != PENSTOCK_OK ||
        ps_tree_text(connection, tree, ps_tree_root(tree), arena, &sql, &error) != PENSTOCK_OK ||
        ps_sql_query(connection, sql, &result, &error) != PENSTOCK_OK) {
        fail_msg("%s\n%s", select, error.message);
    }
    for (int64_t row = 0; row < ps_result_row_count(result); row++) {
        for (int64_t column = 0; column < ps_result_column_count(result); column++) {
            const char *text = ps_result_text(result, row, column);
            ps_buffer_printf(&rows, "%s%s", column > 0 ? " " : "", text != NULL ? text : "NULL");
        }
        ps_buffer_text(&rows, "\n");
    }
    assert_string_equal(rows.data, expected);
}

static void test_tumble(void **state) {
    (void)state;
    assert_rows(
        "SELECT id, window_start, window_end FROM TUMBLE(STREAM \"a t\", \"my ts\", INTERVAL 7 MINUTE) ORDER BY id",
        "1 1970-01-01 00:00:00 1970-01-01 00:07:00\n"
        "2 1969-12-31 23:53:00 1970-01-01 00:00:00\n"
        "3 2013-01-01 00:03:00 2013-01-01 00:10:00\n");
    assert_rows(
        "SELECT w.id, w.window_start, window_end FROM tumble(stream \"a t\", day, INTERVAL '7 days') AS "
        "w ORDER BY id",
        "1 1970-01-08 00:00:00 1970-01-15 00:00:00\n"
        "2 1970-01-01 00:00:00 1970-01-08 00:00:00\n");
    assert_rows(
        "SELECT id, window_start, window_end FROM TUMBLE(STREAM \"a t\", \"my ts\", INTERVAL 1 MONTH) ORDER BY id",
        "1 1970-01-01 00:00:00 1970-02-01 00:00:00\n"
        "2 1969-12-01 00:00:00 1970-01-01 00:00:00\n"
        "3 2013-01-01 00:00:00 2013-02-01 00:00:00\n");
    assert_rows(
        "SELECT \"a t\".id FROM (SELECT * FROM TUMBLE(STREAM \"a t\", \"my ts\", INTERVAL 1 HOUR)) AS "
        "\"a t\" ORDER BY id",
        "1\n2\n3\n");
}

static void test_hop(void **state) {
    (void)state;
    assert_rows("SELECT window_start, window_end FROM HOP(STREAM \"a t\", \"my ts\", INTERVAL 5 MINUTE, "
                "INTERVAL 15 MINUTE) WHERE id = 3 ORDER BY 1",
                "2012-12-31 23:55:00 2013-01-01 00:10:00\n"
                "2013-01-01 00:00:00 2013-01-01 00:15:00\n"
                "2013-01-01 00:05:00 2013-01-01 00:20:00\n");
    assert_rows(
        "SELECT window_start, window_end FROM HOP(STREAM \"a t\", \"my ts\", INTERVAL 1 HOUR + INTERVAL "
        "30 MINUTE, INTERVAL 3 HOUR) WHERE id = 1 ORDER BY 1",
        "1969-12-31 22:30:00 1970-01-01 01:30:00\n"
        "1970-01-01 00:00:00 1970-01-01 03:00:00\n");
    assert_rows(
        "SELECT count(*), count(DISTINCT window_start) FROM HOP(STREAM \"a t\", \"my ts\", INTERVAL 5 "
        "MINUTE, INTERVAL 5 MINUTE)",
        "3 3\n");
}

static struct ps_shape read_shape(const char *select, enum ps_shape_use use, struct ps_tree **tree_out) {
    struct penstock_error error;
    struct ps_window *windows = NULL;
    size_t count = 0;
    struct ps_shape shape = {0};
    if (ps_tree_parse(connection, select, tree_out, NULL, &error) != PENSTOCK_OK ||
        ps_window_expand(connection, *tree_out, arena, &windows, &count, NULL, &error) != PENSTOCK_OK ||
        ps_shape_read(connection, *tree_out, use, windows, count, arena, &shape, NULL, &error) !=
            PENSTOCK_OK) {
        fail_msg("%s\n%s", select, error.message);
    }
    return shape;
}

static void test_shape(void **state) {
    (void)state;
    /* The statement, number of keys, output of each key, window key, its column and size. */
    static const struct {
        const char *select;
        size_t key_count;
        int64_t outputs[3];
        int64_t window_key;
        const char *column, *size;
    } rows[] = {
        {"SELECT a, count(*) FROM STREAM t GROUP BY a", 1, {0}, -1, NULL, NULL},
        {"SELECT count(*), t.a FROM STREAM t GROUP BY a", 1, {1}, -1, NULL, NULL},
        {"SELECT count(*), a + 1 FROM STREAM t GROUP BY a + 1, b", 2, {1, -1}, -1, NULL, NULL},
        {"SELECT b AS x, count(*) AS n, a FROM STREAM t GROUP BY 3, x", 2, {2, 0}, -1, NULL, NULL},
        {"SELECT b, count(*) AS n, a || 'x' FROM STREAM t GROUP BY ALL", 2, {0, 2}, -1, NULL, NULL},
        {"SELECT count(*) FROM STREAM t", 0, {0}, -1, NULL, NULL},
        {"SELECT time_bucket(INTERVAL 5 MINUTE, ts) AS w, count(*) FROM STREAM t GROUP BY b, w",
         2,
         {-1, 0},
         1,
         "ts",
         "to_minutes(CAST(trunc(CAST(5 AS DOUBLE)) AS BIGINT))"},
        {"SELECT date_trunc('hour', t.ts) AS w, count(*) FROM STREAM t GROUP BY 1",
         1,
         {0},
         0,
         "ts",
         "INTERVAL 1 hour"},
        {"SELECT window_end, count(*) FROM TUMBLE(STREAM t, ts, INTERVAL '1 day') GROUP BY ALL",
         1,
         {0},
         0,
         "ts",
         NULL},
        {"SELECT count(*), w.window_start FROM TUMBLE(STREAM t, ts, INTERVAL '1 day') w GROUP BY window_start",
         1,
         {1},
         0,
         "ts",
         "CAST('1 day' AS INTERVAL)"},
        {"SELECT x.window_start, count(*) FROM TUMBLE(STREAM t, ts, INTERVAL '1 day') w, x GROUP BY 1",
         1,
         {0},
         -1,
         NULL,
         NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ps_tree *tree PS_SCOPED(ps_tree_free_scoped) = NULL;
        const struct ps_shape shape = read_shape(rows[i].select, PS_SHAPE_VIEW, &tree);
        assert_string_equal(shape.stream.name, "t");
        assert_int_equal(shape.key_count, rows[i].key_count);
        for (size_t j = 0; j < shape.key_count; j++) {
            assert_int_equal(shape.keys[j].output, rows[i].outputs[j]);
        }
        assert_int_equal(shape.window_key, rows[i].window_key);
        assert_int_equal(shape.aggregate_count, 1);
        if (rows[i].column != NULL) {
            assert_string_equal(shape.window_column, rows[i].column);
        }
        if (rows[i].size != NULL) {
            assert_string_equal(shape.window_size, rows[i].size);
        } else {
            assert_null(shape.window_size);
        }
    }
}

static void test_path(void **state) {
    (void)state;
    static const struct {
        const char *select;
        size_t path_count;
    } rows[] = {{"FROM STREAM t", 1},
                {"SELECT a FROM x JOIN STREAM t USING (a), y", 1},
                {"SELECT a FROM (SELECT a FROM (FROM STREAM t))", 3},
                {"WITH q AS (FROM STREAM t), r AS (FROM q) SELECT * FROM r, z", 3},
                {"FROM TUMBLE(STREAM t, ts, INTERVAL 1 DAY)", 3}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ps_tree *tree PS_SCOPED(ps_tree_free_scoped) = NULL;
        const struct ps_shape shape = read_shape(rows[i].select, PS_SHAPE_TABLE, &tree);
        assert_int_equal(shape.path_count, rows[i].path_count);
        assert_ptr_equal(shape.path[0], ps_tree_root(tree));
        assert_string_equal(ps_tree_member(shape.stream.node, "table_name"), "t");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tumble),
        cmocka_unit_test(test_hop),
        cmocka_unit_test(test_shape),
        cmocka_unit_test(test_path),
    };
    return cmocka_run_group_tests_name("job/shape", tests, begin, end);
}
