/* SPDX-License-Identifier: Apache-2.0
 *
 * engine_test.c - queries as text, parameters, errors, feeds and ordered scans.
 */
#include "sql/engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "sql/feed.h"
#include "sql/scan.h"

static struct ps_engine *engine;
static struct ps_connection *connection;

static int open_engine(void **state) {
    (void)state;
    const struct ps_engine_options options = {.thread_count = 2};
    return ps_engine_open(&options, &engine, NULL) == PENSTOCK_OK &&
                   ps_connection_open(engine, &connection, NULL) == PENSTOCK_OK
               ? 0
               : 1;
}

static int close_engine(void **state) {
    (void)state;
    ps_connection_close(connection);
    ps_engine_close(engine);
    return 0;
}

static void test_values_as_text(void **state) {
    (void)state;
    struct penstock_error error;
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    assert_int_equal(
        ps_sql_query(connection,
                     "SELECT 1 AS i, 0.1::DOUBLE AS d, NULL AS n, 'a''b' AS t, [1, 2] AS l, 1.50 AS c, "
                     "DATE '2013-01-02' AS day, true AS b -- the end",
                     &result, &error),
        PENSTOCK_OK);
    const char *expected[] = {"1", "0.1", NULL, "a'b", "[1, 2]", "1.50", "2013-01-02", "true"};
    for (int64_t i = 0; i < 8; i++) {
        if (expected[i] == NULL) {
            assert_null(ps_result_text(result, 0, i));
        } else {
            assert_string_equal(ps_result_text(result, 0, i), expected[i]);
        }
    }
    assert_string_equal(ps_result_name(result, 3), "t");
    assert_string_equal(ps_result_type(result, 5), "DECIMAL(3,2)");
    assert_null(ps_result_text(result, 1, 0));
}

static void test_statements(void **state) {
    (void)state;
    struct penstock_error error;
    assert_int_equal(
        ps_sql_run(connection, "CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (1), (2);", &error),
        PENSTOCK_OK);
    const char *const values[] = {"3"};
    assert_int_equal(ps_sql_run_with(connection, "INSERT INTO a VALUES ($1::INTEGER)", values, 1, &error),
                     PENSTOCK_OK);
    int64_t sum = 0;
    assert_int_equal(ps_sql_integer(connection, "SELECT sum(x)::BIGINT FROM a", &sum, &error), PENSTOCK_OK);
    assert_int_equal(sum, 6);
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    assert_int_equal(ps_sql_query(connection, "UPDATE a SET x = x + 1 WHERE x > 1", &result, &error),
                     PENSTOCK_OK);
    assert_int_equal(ps_result_changed(result), 2);
}

static void test_untyped_parameters(void **state) {
    (void)state;
    struct penstock_error error;
    const char *const values[] = {NULL};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    assert_int_equal(
        ps_sql_query_with(connection, "SELECT 7 AS a, 'x' AS b WHERE $1 IS NULL", values, 1, &result, &error),
        PENSTOCK_SQL);
    assert_non_null(strstr(error.message, "$1::VARCHAR"));
    assert_int_equal(ps_sql_query_with(connection, "SELECT 7 AS a, 'x' AS b WHERE $1::VARCHAR IS NULL",
                                       values, 1, &result, &error),
                     PENSTOCK_OK);
    assert_string_equal(ps_result_text(result, 0, 1), "x");
}

static void test_errors(void **state) {
    (void)state;
    struct penstock_error error;
    assert_int_equal(ps_sql_run(connection, "SELECT * FROM nothing_here", &error), PENSTOCK_SQL);
    assert_non_null(strstr(error.message, "nothing_here"));
    assert_null(strstr(error.message, "Catalog Error"));
    assert_null(strstr(error.message, "LINE"));
    assert_int_equal(ps_sql_run(connection, "SELECT * FROM 'no/such.parquet'", &error), PENSTOCK_IO);
}

static void test_feed(void **state) {
    (void)state;
    struct penstock_error error;
    struct ps_column_schema columns[] = {{"a", "INTEGER", PS_TYPE_INTEGER, false},
                                         {"b", "VARCHAR", PS_TYPE_VARCHAR, false}};
    const struct ps_schema schema = {columns, 2};
    struct ps_batch *batch PS_SCOPED(ps_batch_free_scoped) = NULL;
    assert_int_equal(ps_batch_new(&schema, 4, &batch, &error), PENSTOCK_OK);
    for (int32_t i = 0; i < 5000; i++) {
        assert_int_equal(ps_batch_begin_row(batch, &error), PENSTOCK_OK);
        ((int32_t *)batch->columns[0].values)[i] = i;
        ((struct ps_bytes *)batch->columns[1].values)[i] =
            i % 2 == 0 ? PS_BYTES("even") : PS_BYTES("a text longer than twelve bytes");
        if (i % 10 == 0) {
            ps_batch_set_null(batch, 1);
        }
        ps_batch_end_row(batch, (struct ps_record){{NULL, 0}, i, NULL});
    }
    assert_int_equal(ps_feed_declare(engine, "f", &schema, &error), PENSTOCK_OK);
    const struct ps_batch *batches[] = {batch, batch};
    assert_int_equal(ps_feed_put(engine, "f", batches, 2, &error), PENSTOCK_OK);
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    assert_int_equal(
        ps_sql_query(connection,
                     "SELECT count(*), sum(a)::BIGINT, count(b), max(length(b)) FROM penstock_feed('f')",
                     &result, &error),
        PENSTOCK_OK);
    assert_int_equal(ps_result_integer(result, 0, 0), 10000);
    assert_int_equal(ps_result_integer(result, 0, 1), 2 * 12497500);
    assert_int_equal(ps_result_integer(result, 0, 2), 9000);
    assert_int_equal(ps_result_integer(result, 0, 3), 31);
    int64_t count = 0;
    assert_int_equal(ps_sql_integer(connection, "SELECT count(*) FROM penstock_feed('f')", &count, &error),
                     PENSTOCK_OK);
    assert_int_equal(count, 10000);
    /* rows keep their order: row ids of a table made from it count along */
    assert_int_equal(ps_sql_run(connection,
                                "CREATE OR REPLACE TEMP TABLE ordered AS SELECT a FROM penstock_feed('f')",
                                &error),
                     PENSTOCK_OK);
    assert_int_equal(
        ps_sql_integer(connection, "SELECT count(*) FROM ordered WHERE rowid % 5000 <> a", &count, &error),
        PENSTOCK_OK);
    assert_int_equal(count, 0);
    ps_feed_clear(engine, "f");
    assert_int_equal(ps_sql_integer(connection, "SELECT count(*) FROM penstock_feed('f')", &count, &error),
                     PENSTOCK_OK);
    assert_int_equal(count, 0);
    assert_int_equal(ps_sql_run(connection, "FROM penstock_feed('unknown')", &error), PENSTOCK_SQL);
}

static void test_scan_is_ordered(void **state) {
    (void)state;
    struct penstock_error error;
    assert_int_equal(
        ps_sql_run(connection,
                   "CREATE TABLE big AS SELECT i, CASE WHEN i % 7 = 0 THEN NULL ELSE 'k' || i % 3 END AS k, "
                   "TIMESTAMP '1970-01-01' + to_seconds(i) AS t FROM range(400000) r(i)",
                   &error),
        PENSTOCK_OK);
    const struct ps_scan_column columns[] = {
        {"i", PS_SCAN_DOUBLE}, {"k", PS_SCAN_TEXT}, {"t", PS_SCAN_DOUBLE}};
    struct ps_scan *scan = NULL;
    assert_int_equal(ps_scan_open(connection, "big", columns, 3, "WHERE i >= 1000", &scan, &error),
                     PENSTOCK_OK);
    int64_t row = 1000;
    for (;;) {
        struct ps_chunk *chunk = NULL;
        assert_int_equal(ps_scan_next(scan, &chunk, &error), PENSTOCK_OK);
        if (chunk == NULL) {
            break;
        }
        for (int64_t i = 0; i < ps_chunk_row_count(chunk); i++, row++) {
            if ((int64_t)ps_chunk_doubles(chunk, 0)[i] != row ||
                (int64_t)ps_chunk_doubles(chunk, 2)[i] != row ||
                ps_chunk_is_valid(ps_chunk_validity(chunk, 1), i) != (row % 7 != 0) ||
                (row % 7 != 0 && ps_chunk_text(chunk, 1, i).data[1] != (char)('0' + row % 3))) {
                fail_msg("row %lld is not in its place", (long long)row);
            }
        }
        ps_chunk_free(chunk);
    }
    ps_scan_close(scan);
    assert_int_equal(row, 400000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_as_text), cmocka_unit_test(test_statements),
        cmocka_unit_test(test_errors),         cmocka_unit_test(test_untyped_parameters),
        cmocka_unit_test(test_feed),           cmocka_unit_test(test_scan_is_ordered),
    };
    return cmocka_run_group_tests(tests, open_engine, close_engine);
}
