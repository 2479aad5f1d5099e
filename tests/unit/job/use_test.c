/* SPDX-License-Identifier: Apache-2.0
 *
 * use_test.c - what the statements need of a source: the WHEREs of all readers as one condition without SQL.
 */
#include "job/graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct ps_project project;
static struct ps_graph *graph;

static const char source[] =
    "CREATE SOURCE s (k VARCHAR, i INTEGER, l BIGINT, f FLOAT, d DOUBLE, b BOOLEAN, day DATE, t "
    "TIMESTAMP, z TIMESTAMPTZ, n DECIMAL(9,2), raw BLOB) WITH (connector = 'file', path = 'x');"
    "CREATE TABLE side (k VARCHAR, word VARCHAR);";

static const struct ps_source_use *use_of(const char *head, const char *statements) {
    struct penstock_error error;
    project = (struct ps_project){.arena = ps_arena_new(0), .folder = ".", .core_count = 1};
    const char *text = ps_arena_printf(project.arena, "%s%s", head, statements);
    if (ps_statements_parse("a.sql", text, strlen(text), NULL, 0, project.arena, &project.statements,
                            &project.statement_count, &error) != PENSTOCK_OK ||
        ps_graph_build(&project, &graph, &error) != PENSTOCK_OK) {
        fail_msg("%s: %s", statements, error.message);
    }
    return graph->nodes[ps_graph_find(graph, "s")].use;
}

static void done(void) {
    ps_graph_free(graph);
    graph = NULL;
    ps_arena_free(project.arena);
}

/* What is said of the WHERE of one statement; `wanted` NULL: nothing. */
static void check_rows(const char *where, const char *wanted, bool is_exact) {
    char text[1000];
    snprintf(text, sizeof text, "CREATE STREAMING TABLE a AS SELECT * FROM STREAM s WHERE %s;", where);
    const struct ps_source_use *use = use_of(source, text);
    assert_null(use->why_all);
    const char *got = use->rows.count == 0 ? "" : use->rows.items[0].text;
    if (strcmp(got, wanted == NULL ? "" : wanted) != 0 || use->rows.is_exact != is_exact) {
        fail_msg("%s: %s (%s)", where, got, use->rows.is_exact ? "exact" : "not exact");
    }
    done();
}

static void test_comparisons(void **state) {
    (void)state;
    check_rows("i > 10", "i > 10", true);
    check_rows("10 < s.i", "i > 10", true);
    check_rows("i = -5 AND l <> 3", "i = -5 AND l <> 3", true);
    check_rows("NOT (i > 10 OR l <= 3)", "i <= 10 AND l > 3", true);
    check_rows("NOT (i > 10 AND (b OR k = 'x'))", "i <= 10 OR (b = false AND k <> 'x')", true);
    check_rows("i BETWEEN 2 AND 3", "i >= 2 AND i <= 3", true);
    check_rows("i NOT BETWEEN 2 AND 3", "i < 2 OR i > 3", true);
    check_rows("k IN ('a', 'b''c') AND i NOT IN (1, 2)", "k IN ('a', 'b''c') AND i <> 1 AND i <> 2", true);
    check_rows("k IS NULL OR d IS NOT NULL", "k IS NULL OR d IS NOT NULL", true);
    check_rows("b AND NOT b OR b <> true", "(b = true AND b = false) OR b = false", true);
    check_rows("raw >= from_hex('00ff')", "raw >= from_hex('00FF')", true);
    check_rows("t >= TIMESTAMP '2024-03-01' - INTERVAL 1 DAY AND t < '2024-03-02'",
               "t >= '2024-02-29 00:00:00' AND t < '2024-03-02 00:00:00'", true);
    check_rows("day > DATE '2024-01-01'", "day > '2024-01-01'", true);
}

/* A constant that is no value of the column: the nearest one, and its side. */
static void test_nearest(void **state) {
    (void)state;
    check_rows("i > 2.5", "i >= 3", true);
    check_rows("i >= 2.4", "i > 2", true);
    check_rows("i < 2.5", "i < 3", true);
    check_rows("i <= 2.4", "i <= 2", true);
    check_rows("i <> 2.5", "i IS NOT NULL", true);
    check_rows("i = 2.5", NULL, false);
    check_rows("l > 1e3", "l > 1000", true);
    check_rows("l > 9007199254740993e0", NULL, false);
    check_rows("d > 0.1", "d > 0.1", true);
    check_rows("f > 0.1", "f >= 0.1", false);
    check_rows("f = 0.5", "f = 0.5", true);
    check_rows("day >= TIMESTAMP '2024-01-01 12:00:00'", "day > '2024-01-01'", true);
    check_rows("day < TIMESTAMP '2024-01-01 12:00:00'", "day <= '2024-01-01'", true);
    check_rows("i > 3000000000", NULL, false);
}

static void test_texts(void **state) {
    (void)state;
    check_rows("k LIKE 'ab%'", "starts_with(k, 'ab')", true);
    check_rows("k LIKE 'ab_c%'", "starts_with(k, 'ab')", false);
    check_rows("k LIKE 'abc'", "k = 'abc'", true);
    check_rows("k NOT LIKE 'abc'", "k <> 'abc'", true);
    check_rows("k NOT LIKE 'ab%'", NULL, false);
    check_rows("starts_with(k, 'x') AND k ^@ 'xy'", "starts_with(k, 'x') AND starts_with(k, 'xy')", true);
    check_rows("k ILIKE 'a%'", NULL, false);
    check_rows("k > 5::VARCHAR", "k > '5'", true);
}

/* Out of an AND alone; an OR goes as a whole. */
static void test_left(void **state) {
    (void)state;
    check_rows("i > 1 AND upper(k) = 'X' AND l = 2", "i > 1 AND l = 2", false);
    check_rows("i > 1 OR upper(k) = 'X'", NULL, false);
    check_rows("i > 1 AND (l = 2 OR (d > 1 AND sqrt(d) > 2))", "i > 1 AND (l = 2 OR d > 1.0)", false);
    check_rows("i > l", NULL, false);
    check_rows("z > '2024-01-01'", NULL, false);
    check_rows("n > 1.5", NULL, false);
    check_rows("k = NULL", NULL, false);
    check_rows("i = i", NULL, false);
    check_rows("b > false", NULL, false);
    check_rows("i > (SELECT count(*) FROM side)", NULL, false);
    const struct ps_source_use *use =
        use_of(source, "CREATE STREAMING TABLE a AS SELECT * FROM STREAM s WHERE i > 1 AND upper(k) = 'X';");
    assert_int_equal(use->rows.left_count, 1);
    assert_string_equal(use->rows.left[0].text, "(upper(k) = 'X')");
    done();
}

/* All readers together, and the ways to the stream. */
static void test_readers(void **state) {
    (void)state;
    static const struct {
        const char *statements, *rows, *why_all;
    } cases[] = {
        {"CREATE STREAMING TABLE a AS SELECT * FROM STREAM s WHERE i > 1;"
         "CREATE MATERIALIZED VIEW v AS SELECT k, count(*) AS c FROM STREAM s WHERE l = 2 GROUP BY k;",
         "i > 1 OR l = 2", NULL},
        {"CREATE STREAMING TABLE a AS SELECT * FROM STREAM s WHERE i > 1 AND l > 1;"
         "CREATE STREAMING TABLE c AS SELECT k FROM STREAM s WHERE i > 1 AND l > 1;",
         "i > 1 AND l > 1", NULL},
        {"CREATE STREAMING TABLE a AS SELECT * FROM STREAM s WHERE i > 1;"
         "CREATE STREAMING TABLE c AS SELECT k FROM STREAM s;",
         NULL, "c takes every row"},
        {"CREATE STREAMING TABLE a AS SELECT * FROM STREAM s;"
         "CREATE STREAMING TABLE c AS SELECT k FROM STREAM a WHERE i > 1;",
         NULL, "a takes every row"},
        {"CREATE STREAMING TABLE a AS SELECT x.word FROM STREAM s AS q JOIN side AS x ON x.k = q.k WHERE q.i > 1 "
         "AND word = 'w' AND x.k = 'z';",
         "i > 1", NULL},
        {"CREATE STREAMING TABLE a AS SELECT word, i FROM STREAM s JOIN side USING (k) WHERE k = 'z' AND s.k = 'y';",
         "k = 'y'", NULL},
        {"CREATE STREAMING TABLE a AS SELECT m FROM (SELECT i AS m, l + 1 AS l FROM STREAM s WHERE d > 0) AS q WHERE m "
         "> 1 AND l > 1;",
         "d > 0.0 AND i > 1", NULL},
        {"CREATE STREAMING TABLE a AS WITH q AS (SELECT * FROM STREAM s WHERE b) SELECT * FROM q WHERE q.i > 1;",
         "b = true AND i > 1", NULL},
        {"CREATE MATERIALIZED VIEW v AS SELECT window_start, count(*) AS c FROM TUMBLE(STREAM s, t, INTERVAL 1 HOUR) "
         "WHERE i = 4 GROUP BY window_start;",
         "t IS NOT NULL AND i = 4", NULL},
        {"CREATE STREAMING TABLE a AS SELECT e FROM STREAM s AS q(e, k) WHERE k > 1;", NULL, NULL},
        {"CREATE STREAMING TABLE a AS SELECT i + 1 AS up FROM STREAM s WHERE up > 3 AND i > 1;", "i > 1",
         NULL},
        {"SET default_collation = 'nocase'; CREATE STREAMING TABLE a AS SELECT i FROM STREAM s WHERE k = 'A' AND i > 1;",
         "i > 1", NULL},
        {"", NULL, "no statement reads it"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct ps_source_use *use = use_of(source, cases[i].statements);
        const char *got = use->rows.count == 0 ? "" : use->rows.items[0].text;
        if (strcmp(got, cases[i].rows == NULL ? "" : cases[i].rows) != 0) {
            fail_msg("%s: %s", cases[i].statements, got);
        }
        assert_string_equal(use->why_all == NULL ? "" : use->why_all,
                            cases[i].why_all == NULL ? "" : cases[i].why_all);
        done();
    }
}

/* Columns that are read without being named. */
static void test_columns(void **state) {
    (void)state;
    static const struct {
        const char *select, *used; /* a letter for each column */
    } cases[] = {
        {"SELECT i FROM STREAM s WHERE k = 'x'", "ki"},
        {"SELECT to_json(s) FROM STREAM s", "all"},
        {"SELECT to_json(q) FROM STREAM s AS q", "all"},
        {"SELECT q FROM (SELECT i, k FROM STREAM s) AS q", "all"},
        {"SELECT e FROM STREAM s AS q(e)", "all"},
        {"SELECT #2 FROM STREAM s", "all"},
        {"SELECT COLUMNS('i|l') FROM STREAM s", "all"},
        {"SELECT s.i FROM STREAM s", "i"},
        {"SELECT s.* EXCLUDE (k, l, f, d, b, day, t, z, n, raw) FROM STREAM s", "i"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[1000];
        snprintf(text, sizeof text, "CREATE STREAMING TABLE a AS %s;", cases[i].select);
        const struct ps_source_use *use = use_of(source, text);
        const bool is_all = strcmp(cases[i].used, "all") == 0;
        const bool wanted[] = {is_all || strchr(cases[i].used, 'k') != NULL,
                               is_all || strchr(cases[i].used, 'i') != NULL, is_all, is_all};
        for (size_t c = 0; c < 4; c++) {
            if (use->column_is_used[c] != wanted[c]) {
                fail_msg("%s: column %zu", cases[i].select, c);
            }
        }
        done();
    }
}

static void test_every_row_counts(void **state) {
    (void)state;
    const struct ps_source_use *use = use_of(
        "CREATE SOURCE s (i INTEGER, t TIMESTAMP, x DOUBLE, WATERMARK FOR t AS t - INTERVAL 1 SECOND) WITH "
        "(connector = 'file', path = 'x');",
        "CREATE STREAMING TABLE a AS SELECT i FROM STREAM s WHERE i > 1;");
    assert_string_equal(use->why_all, "each record moves the watermark");
    assert_true(use->column_is_used[0] && use->column_is_used[1] && !use->column_is_used[2]);
    done();
    use = use_of(
        "CREATE SOURCE s (id INTEGER, r VARCHAR, v DOUBLE, w DOUBLE, PRIMARY KEY (id, r)) WITH (connector = "
        "'file', path = 'x') FORMAT UPSERT ENCODE JSON;",
        "CREATE STREAMING TABLE a AS SELECT id, r, v FROM STREAM s WHERE id > 1 AND v > 2;");
    assert_null(use->why_all);
    assert_string_equal(use->rows.items[0].text, "id > 1");
    assert_int_equal(use->rows.left_count, 1);
    assert_true(use->column_is_used[0] && use->column_is_used[1] && use->column_is_used[2] &&
                !use->column_is_used[3]);
    done();
}

static void test_alone(void **state) {
    (void)state;
    struct ps_column_schema columns[] = {{"speed", "DOUBLE", PS_TYPE_DOUBLE, false},
                                         {"lane", "INTEGER", PS_TYPE_INTEGER, false}};
    const struct ps_schema schema = {columns, 2};
    struct ps_arena *arena = ps_arena_new(0);
    struct ps_predicate_list list;
    struct penstock_error error;
    assert_int_equal(ps_predicate_parse("speed > 10 AND lane = 2", &schema, arena, &list, &error),
                     PENSTOCK_OK);
    assert_true(list.is_exact);
    assert_string_equal(list.items[0].text, "speed > 10.0 AND lane = 2");
    assert_int_equal(ps_predicate_parse("sped > 10", &schema, arena, &list, &error),
                     PENSTOCK_INVALID_PROJECT);
    assert_non_null(strstr(error.message, "sped"));
    assert_int_equal(ps_predicate_parse("speed +", &schema, arena, &list, &error), PENSTOCK_INVALID_PROJECT);
    assert_int_equal(ps_predicate_parse("speed", &schema, arena, &list, &error), PENSTOCK_INVALID_PROJECT);
    assert_string_equal(error.message, "this is DOUBLE, not a condition");
    assert_int_equal(ps_predicate_parse("speed > 10) OR (true", &schema, arena, &list, &error),
                     PENSTOCK_INVALID_PROJECT);
    ps_arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comparisons),
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_left),
        cmocka_unit_test(test_readers),
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_every_row_counts),
        cmocka_unit_test(test_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
