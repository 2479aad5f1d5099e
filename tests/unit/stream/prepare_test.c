/* SPDX-License-Identifier: Apache-2.0
 *
 * prepare_test.c - statements applied once, changed ones refused, new ones added.
 */
#include "scene.h"

#define SOURCE \
    "CREATE SOURCE s (id INTEGER, v DOUBLE) WITH (connector = 'file', path = 'data/*.ndjson') FORMAT PLAIN ENCODE JSON;\n"
#define TABLE "CREATE STREAMING TABLE t AS SELECT id, v FROM STREAM s;\n"
#define VIEW "CREATE MATERIALIZED VIEW n AS SELECT count(*) AS n FROM STREAM t;\n"

static void begin(struct scene *scene, const char *sql) {
    scene_make(scene, "name: test\n");
    scene_write(scene, "data/a.ndjson", "{\"id\":1,\"v\":5}\n{\"id\":2,\"v\":-6}\n");
    scene_open(scene, sql);
    scene_run(scene);
}

static void sql_statements_run_once(void **state) {
    (void)state;
    struct scene scene;
    const char *sql = "CREATE TABLE log (x INTEGER); INSERT INTO log VALUES (1); INSERT INTO log VALUES (1);"
                      "SET VARIABLE seen = 5; CREATE TABLE w AS SELECT * FROM 'data/w.csv';" SOURCE TABLE;
    scene_make(&scene, "name: test\n");
    scene_write(&scene, "data/w.csv", "k,label\n1,one\n");
    scene_open(&scene, sql);
    scene_run(&scene);
    scene_open(
        &scene,
        "-- a comment, and other white space\n CREATE   TABLE log (x INTEGER); INSERT INTO log VALUES (1);"
        " INSERT INTO log VALUES (1);\nSET VARIABLE seen = 5; CREATE TABLE w AS SELECT * FROM 'data/w.csv';"
        "INSERT INTO log VALUES (2);" SOURCE TABLE);
    scene_run(&scene);
    scene_expect(&scene, "SELECT * FROM log ORDER BY 1", "1;1;2;");
    scene_expect(&scene, "SELECT * FROM w", "1|one;");
    scene_expect(&scene, "SELECT getvariable('seen')", "5;");
    scene_end(&scene);
}

static void an_sql_statement_that_fails_leaves_nothing(void **state) {
    (void)state;
    struct scene scene;
    scene_make(&scene, "name: test\n");
    scene_open(&scene, "CREATE TABLE log (x INTEGER);\nINSERT INTO log SELECT error('boom');");
    scene_fails(&scene, PENSTOCK_SQL, "all.sql:2:1");
    assert_non_null(strstr(scene.error.message, "boom"));
    scene_expect(&scene, "SELECT count(*) FROM penstock.statements", "1;");
    scene_end(&scene);
}

static void a_changed_statement_is_refused(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene, SOURCE TABLE VIEW);
    scene_open(&scene, SOURCE TABLE "CREATE MATERIALIZED VIEW n AS SELECT sum(id) AS n FROM STREAM t;");
    scene_fails(&scene, PENSTOCK_INVALID_PROJECT, "n has changed");
    assert_non_null(strstr(scene.error.message, "all.sql:3:1"));
    assert_non_null(strstr(scene.error.detail, "sum(id)"));
    assert_non_null(strstr(scene.error.hint, "new name"));
    scene_open(&scene,
               SOURCE "CREATE STREAMING TABLE t -- the same\n  AS SELECT id,\n v FROM STREAM s;" VIEW);
    scene_run(&scene);
    scene_end(&scene);
}

static void a_source_that_changes_a_table_is_refused(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene, SOURCE "CREATE STREAMING TABLE t AS SELECT * FROM STREAM s;");
    scene_open(
        &scene,
        "CREATE SOURCE s (id INTEGER, v DOUBLE, x DATE) WITH (connector = 'file', path = 'data/*.ndjson')"
        " FORMAT PLAIN ENCODE JSON;\nCREATE STREAMING TABLE t AS SELECT * FROM STREAM s;");
    scene_fails(&scene, PENSTOCK_INVALID_PROJECT,
                "t, or what it reads, has changed: its column 3 was (none) , it would be x DATE");
    scene_open(&scene,
               "CREATE SOURCE s (id INTEGER, v FLOAT) WITH (connector = 'file', path = 'data/*.ndjson')"
               " FORMAT PLAIN ENCODE JSON;\nCREATE STREAMING TABLE t AS SELECT * FROM STREAM s;");
    scene_fails(&scene, PENSTOCK_INVALID_PROJECT, "its column 2 was v DOUBLE, it would be v FLOAT");
    scene_end(&scene);
}

/* A rule that was too strict is mended: new records and replayed ones go by the new one, old rows stay. */
static void a_changed_table_holds_from_now_on(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene, SOURCE
          "CREATE STREAMING TABLE t (CONSTRAINT small EXPECT (v < 0) ON VIOLATION DEAD LETTER) AS SELECT "
          "id, v FROM STREAM s;");
    scene_expect(&scene, "SELECT id, v FROM t", "2|-6.0;");
    scene_write(&scene, "data/b.ndjson", "{\"id\":3,\"v\":7}\n");
    scene_open(&scene, SOURCE
               "CREATE STREAMING TABLE t (CONSTRAINT small EXPECT (v < 100) ON VIOLATION DEAD LETTER) AS "
               "SELECT id, v * 2 AS v FROM STREAM s;");
    scene_run(&scene);
    scene_expect(&scene, "SELECT id, v FROM t ORDER BY id", "2|-6.0;3|14.0;");
    const struct ps_runner_options options = {.graph = scene.graph, .store = scene.store, .once = true};
    struct ps_replay_totals totals;
    scene_must(&scene, ps_runner_replay(&options, NULL, NULL, &totals, &scene.error));
    assert_int_equal(totals.replayed, 1);
    scene_expect(&scene, "SELECT id, v FROM t ORDER BY id", "1|10.0;2|-6.0;3|14.0;");
    scene_end(&scene);
}

static void what_was_left_out_cannot_come_back(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene, SOURCE TABLE VIEW);
    scene_open(&scene, SOURCE TABLE);
    scene_run(&scene);
    scene_open(&scene, SOURCE TABLE VIEW);
    scene_fails(&scene, PENSTOCK_INVALID_PROJECT, "left out of the project");
    scene_end(&scene);
}

static void a_new_statement_over_a_table_starts_with_its_rows(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene, SOURCE TABLE);
    scene_write(&scene, "data/b.ndjson", "{\"id\":3,\"v\":7}\n");
    scene_open(
        &scene, SOURCE TABLE
        "CREATE STREAMING TABLE u (CONSTRAINT positive EXPECT (v > 0) ON VIOLATION DEAD LETTER)"
        " AS SELECT *, id * 10 AS ten FROM STREAM t;\n"
        "CREATE MATERIALIZED VIEW n AS SELECT count(*) AS n, sum(v) AS s FROM STREAM t;\n"
        "CREATE MATERIALIZED VIEW m AS SELECT id % 2 AS odd, count(*) AS n FROM STREAM u GROUP BY odd;\n");
    scene_run(&scene);
    scene_expect(&scene, "SELECT * FROM u", "1|5.0|10;3|7.0|30;");
    scene_expect(&scene, "SELECT * FROM n", "3|6.0;");
    scene_expect(&scene, "SELECT * FROM m", "1|2;");
    scene_expect(
        &scene, "SELECT source, statement, partition, position, rule, decode(raw) FROM penstock.dead_letters",
        "s|u|t|1|positive|{\"id\":2,\"v\":-6.0};");
    /* it is a row of t, not a record of s */
    const struct ps_runner_options options = {.graph = scene.graph, .store = scene.store, .once = true};
    struct ps_replay_totals totals;
    scene_must(&scene, ps_runner_replay(&options, NULL, NULL, &totals, &scene.error));
    assert_int_equal(totals.tried, 1);
    assert_int_equal(totals.still_dead, 1);
    scene_end(&scene);
}

static void a_new_statement_over_a_read_source_is_refused(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene, SOURCE TABLE);
    scene_open(&scene, SOURCE TABLE "CREATE STREAMING TABLE u AS SELECT id FROM STREAM s;");
    scene_fails(&scene, PENSTOCK_INVALID_PROJECT, "source s has been read already");
    scene_end(&scene);
}

static void a_project_without_source_is_prepared(void **state) {
    (void)state;
    struct scene scene;
    scene_make(&scene, "name: test\n");
    scene_open(&scene, "CREATE TABLE a AS SELECT 1 AS x;");
    scene_must(&scene, ps_runner_prepare(scene.graph, scene.store, &scene.error));
    scene_must(&scene, ps_runner_prepare(scene.graph, scene.store, &scene.error));
    scene_expect(&scene, "SELECT * FROM a", "1;");
    scene_run(&scene);
    assert_int_equal(scene.totals.epoch_count, 0);
    scene_end(&scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sql_statements_run_once),
        cmocka_unit_test(an_sql_statement_that_fails_leaves_nothing),
        cmocka_unit_test(a_changed_statement_is_refused),
        cmocka_unit_test(a_source_that_changes_a_table_is_refused),
        cmocka_unit_test(a_changed_table_holds_from_now_on),
        cmocka_unit_test(what_was_left_out_cannot_come_back),
        cmocka_unit_test(a_new_statement_over_a_table_starts_with_its_rows),
        cmocka_unit_test(a_new_statement_over_a_read_source_is_refused),
        cmocka_unit_test(a_project_without_source_is_prepared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
