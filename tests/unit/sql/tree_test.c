/* SPDX-License-Identifier: Apache-2.0
 *
 * tree_test.c - syntax trees: STREAM marks, tables in order, text and back, offsets of errors, splitting.
 */
#include "sql/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct ps_engine *engine;
static struct ps_connection *connection;

static int open_engine(void **state) {
    (void)state;
    struct penstock_error error;
    const struct ps_engine_options options = {.thread_count = 1};
    if (ps_engine_open(&options, &engine, &error) != PENSTOCK_OK) {
        print_error("%s\n", error.message);
        return 1;
    }
    return ps_connection_open(engine, &connection, &error) == PENSTOCK_OK ? 0 : 1;
}

static int close_engine(void **state) {
    (void)state;
    ps_connection_close(connection);
    ps_engine_close(engine);
    return 0;
}

static const char *round_trip(const char *select, struct ps_arena *arena) {
    struct penstock_error error;
    struct ps_tree *tree PS_SCOPED(ps_tree_free_scoped) = NULL;
    const char *text = NULL;
    if (ps_tree_parse(connection, select, &tree, NULL, &error) != PENSTOCK_OK ||
        ps_tree_text(connection, tree, ps_tree_root(tree), arena, &text, &error) != PENSTOCK_OK) {
        print_error("%s: %s\n", select, error.message);
        fail();
    }
    return text;
}

static void test_stream_marks(void **state) {
    (void)state;
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    assert_string_equal(round_trip("SELECT * FROM STREAM d", arena), "SELECT * FROM stream.d");
    assert_string_equal(round_trip("select * from stream\n  \"d e\" x", arena),
                        "SELECT * FROM stream.\"d e\" AS x");
    assert_string_equal(round_trip("SELECT * FROM STREAM(d)", arena), "SELECT * FROM stream.d");
    assert_string_equal(round_trip("SELECT 'FROM STREAM d' AS a FROM t /* FROM STREAM d */", arena),
                        "SELECT 'FROM STREAM d' AS a FROM t");
    /* a column that is called stream stays a column */
    assert_string_equal(round_trip("SELECT a, stream FROM t", arena), "SELECT a, stream FROM t");
    assert_string_equal(round_trip("SELECT max(stream) FROM t", arena), "SELECT max(stream) FROM t");
}

static void test_tables(void **state) {
    (void)state;
    struct penstock_error error;
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_tree *tree PS_SCOPED(ps_tree_free_scoped) = NULL;
    const char *select = "WITH x AS (SELECT * FROM STREAM d) SELECT * FROM x JOIN main.w AS v USING (a) "
                         "WHERE a IN (SELECT b FROM 'f.parquet')";
    assert_int_equal(ps_tree_parse(connection, select, &tree, NULL, &error), PENSTOCK_OK);
    struct ps_table_reference *tables;
    size_t count;
    assert_int_equal(ps_tree_tables(tree, arena, &tables, &count, &error), PENSTOCK_OK);
    assert_int_equal(count, 3); /* not the CTE x */
    assert_string_equal(tables[0].name, "d");
    assert_true(tables[0].is_stream);
    assert_string_equal(tables[1].name, "w");
    assert_string_equal(tables[1].schema, "main");
    assert_string_equal(tables[1].alias, "v");
    assert_false(tables[1].is_stream);
    assert_string_equal(tables[2].name, "f.parquet");
}

static void test_window_tables(void **state) {
    (void)state;
    struct penstock_error error;
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_tree *tree PS_SCOPED(ps_tree_free_scoped) = NULL;
    assert_int_equal(ps_tree_parse(connection, "SELECT * FROM TUMBLE(STREAM d, t, INTERVAL 1 HOUR) w", &tree,
                                   NULL, &error),
                     PENSTOCK_OK);
    struct ps_table_reference *tables;
    size_t count;
    assert_int_equal(ps_tree_tables(tree, arena, &tables, &count, &error), PENSTOCK_OK);
    assert_int_equal(count, 1);
    assert_string_equal(tables[0].name, "d");
    assert_string_equal(tables[0].alias, "w");
    assert_true(tables[0].is_stream);
}

static void test_errors_have_offsets(void **state) {
    (void)state;
    struct penstock_error error;
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_tree *tree = NULL;
    int64_t offset = 0;
    assert_int_equal(ps_tree_parse(connection, "SELECT a b c FROM t", &tree, &offset, &error), PENSTOCK_SQL);
    assert_int_equal(offset, 11);
    assert_int_equal(ps_tree_parse(connection, "DROP TABLE t", &tree, &offset, &error), PENSTOCK_SQL);
    assert_non_null(strstr(error.message, "SELECT was expected"));
    assert_int_equal(ps_sql_run(connection, "CREATE OR REPLACE TABLE t (good INTEGER)", &error), PENSTOCK_OK);
    const char **names, **types;
    size_t count;
    const char *select = "SELECT good,\n       1 + god AS x\nFROM t";
    assert_int_equal(ps_sql_describe(connection, select, arena, &names, &types, &count, &offset, &error),
                     PENSTOCK_SQL);
    assert_int_equal(offset, strstr(select, "god AS") - select);
    assert_non_null(strstr(error.message, "god"));
    assert_int_equal(ps_sql_describe(connection, "SELECT good, 'x' AS y FROM t", arena, &names, &types,
                                     &count, &offset, &error),
                     PENSTOCK_OK);
    assert_int_equal(count, 2);
    assert_string_equal(names[1], "y");
    assert_string_equal(types[0], "INTEGER");
}

static void test_split(void **state) {
    (void)state;
    struct penstock_error error;
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    const char *text = " -- a; b\nSELECT ';' ; /* ; /* ; */ */ ;; SELECT $x$ ; $x$, \"a;\" -- end;";
    struct ps_sql_piece *pieces;
    size_t count;
    assert_int_equal(ps_sql_split(text, strlen(text), arena, &pieces, &count, &error), PENSTOCK_OK);
    assert_int_equal(count, 2);
    assert_int_equal(pieces[0].offset, 9);
    assert_int_equal(pieces[0].size, 10);
    assert_memory_equal(text + pieces[1].offset, "SELECT $x$ ; $x$, \"a;\"", pieces[1].size);
}

static void test_functions(void **state) {
    (void)state;
    assert_true(ps_sql_is_aggregate(connection, "regr_slope"));
    assert_true(ps_sql_is_aggregate(connection, "count_star"));
    assert_false(ps_sql_is_aggregate(connection, "abs"));
    assert_true(ps_sql_is_volatile(connection, "random"));
    assert_true(ps_sql_is_volatile(connection, "NOW"));
    assert_false(ps_sql_is_volatile(connection, "abs"));
}

/* Also of those that are known without asking it. */
static void test_functions_are_as_duckdb_says(void **state) {
    (void)state;
    struct penstock_error error;
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    assert_int_equal(
        ps_sql_query(connection,
                     "SELECT function_name, coalesce(bool_or(function_type = 'aggregate'), false)::INTEGER,"
                     " coalesce(bool_or(stability <> 'CONSISTENT'), false)::INTEGER"
                     " FROM duckdb_functions() GROUP BY ALL",
                     &result, &error),
        PENSTOCK_OK);
    const int64_t count = ps_result_row_count(result);
    assert_true(count > 500);
    for (int64_t i = 0; i < count; i++) {
        const char *name = ps_result_text(result, i, 0);
        const bool is_aggregate = strcmp(ps_result_text(result, i, 1), "1") == 0;
        const bool is_volatile = strcmp(ps_result_text(result, i, 2), "1") == 0;
        if (ps_sql_is_aggregate(connection, name) != is_aggregate ||
            ps_sql_is_volatile(connection, name) != is_volatile) {
            fail_msg("DuckDB says otherwise of %s", name);
        }
    }
}

static void test_expression_text(void **state) {
    (void)state;
    struct penstock_error error;
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_tree *tree PS_SCOPED(ps_tree_free_scoped) = NULL;
    assert_int_equal(ps_tree_parse(connection, "SELECT avg(a) + 1 AS m FROM t", &tree, NULL, &error),
                     PENSTOCK_OK);
    yyjson_mut_val *first = yyjson_mut_arr_get_first(yyjson_mut_obj_get(ps_tree_root(tree), "select_list"));
    const char *text = NULL;
    assert_int_equal(ps_tree_expression_text(connection, tree, first, arena, &text, &error), PENSTOCK_OK);
    assert_string_equal(text, "(avg(a) + 1)");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream_marks),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_window_tables),
        cmocka_unit_test(test_errors_have_offsets),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_functions),
        cmocka_unit_test(test_functions_are_as_duckdb_says),
        cmocka_unit_test(test_expression_text),
    };
    return cmocka_run_group_tests(tests, open_engine, close_engine);
}
