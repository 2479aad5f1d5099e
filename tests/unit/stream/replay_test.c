/* SPDX-License-Identifier: Apache-2.0
 *
 * replay_test.c - dead letters once more: what passes goes in once, where it belongs.
 */
#include "scene.h"

#define SOURCE \
    "CREATE SOURCE s (id INTEGER, at_time TIMESTAMP, price DECIMAL(6,2), WATERMARK FOR at_time AS at_time - INTERVAL 10" \
    " SECOND) WITH (connector = 'file', path = 'data/*') FORMAT PLAIN "
#define STATEMENTS \
    "CREATE TABLE limits AS SELECT 10 AS most;" \
    "CREATE STREAMING TABLE t (CONSTRAINT small EXPECT (id <= (most)) ON VIOLATION DEAD LETTER)" \
    " AS SELECT s.*, limits.most FROM STREAM s, limits;" \
    "CREATE STREAMING TABLE beside AS SELECT id FROM STREAM s;" \
    "CREATE STREAMING TABLE after_t (CONSTRAINT even EXPECT (id % 2 = 0) ON VIOLATION DEAD LETTER)" \
    " AS SELECT id FROM STREAM t;" \
    "CREATE MATERIALIZED VIEW n AS SELECT count(*) AS n FROM STREAM t;"

static struct ps_replay_totals replay(struct scene *scene, const char *reason) {
    const struct ps_runner_options options = {
        .graph = scene->graph, .store = scene->store, .application = "application_1_0002", .once = true};
    struct ps_replay_totals totals = {0};
    scene_must(scene, ps_runner_replay(&options, reason, NULL, &totals, &scene->error));
    return totals;
}

static void check(struct scene *scene) {
    scene_run(scene);
    scene_expect(scene, "SELECT id FROM t", "2;3;");
    scene_expect(scene,
                 "SELECT reason, statement, count(*) FROM penstock.dead_letters GROUP BY ALL ORDER BY ALL",
                 "late|NULL|1;rule|after_t|1;rule|t|2;type|NULL|1;");
    /* nothing has changed: only the late one passes, and is odd */
    struct ps_replay_totals totals = replay(scene, NULL);
    assert_int_equal(totals.tried, 5);
    assert_int_equal(totals.replayed, 1);
    assert_int_equal(totals.still_dead, 4);
    scene_expect(scene, "SELECT id FROM t", "2;3;1;");
    scene_expect(scene, "SELECT id FROM beside ORDER BY id", "1;2;3;11;12;");
    scene_expect(scene, "SELECT n FROM n", "3;");
    scene_expect(scene, "SELECT id FROM after_t", "2;");
    scene_expect(scene, "SELECT count(*) FROM penstock.dead_letters WHERE statement = 'after_t'", "2;");
    scene_expect(scene,
                 "SELECT reason, replayed_epoch FROM penstock.dead_letters WHERE replayed_epoch IS NOT NULL",
                 "late|2;");
    /* the world has changed: the rule lets them pass; only their table and what follows gets them */
    scene_must(scene, ps_sql_run(scene->store->connection, "UPDATE limits SET most = 11", &scene->error));
    totals = replay(scene, "rule");
    assert_int_equal(totals.tried, 4);
    assert_int_equal(totals.replayed, 1);
    scene_expect(scene, "SELECT id FROM t", "2;3;1;11;");
    scene_expect(scene, "SELECT id FROM beside ORDER BY id", "1;2;3;11;12;");
    scene_expect(scene, "SELECT n FROM n", "4;");
    scene_expect(scene, "SELECT epoch, records, rows_kept, dead_letters FROM penstock.epochs WHERE epoch = 3",
                 "3|1|1|1;");
    totals = replay(scene, "late");
    assert_int_equal(totals.tried, 0);
    /* and a run goes on as if nothing had been */
    scene_expect(scene, "SELECT watermark FROM penstock.watermarks", "2013-01-01 00:01:50;");
}

static void letters_of_ndjson(void **state) {
    (void)state;
    struct scene scene;
    scene_make(&scene, "name: test\n");
    scene_write(
        &scene, "data/a.ndjson",
        "{\"id\":2,\"at_time\":\"2013-01-01 00:01:00\"}\n{\"id\":3,\"at_time\":\"2013-01-01 00:02:00\"}\n"
        "{\"id\":1,\"at_time\":\"2013-01-01 00:00:00\",\"price\":1.5}\n{\"id\":11,\"at_time\":\"2013-01-01 00:02:00\"}\n"
        "{\"id\":12,\"at_time\":\"2013-01-01 00:02:00\"}\n"
        "{\"id\":4,\"at_time\":\"2013-01-01 00:02:00\",\"price\":\"x\"}\n");
    scene_open(&scene, SOURCE "ENCODE JSON;" STATEMENTS);
    check(&scene);
    scene_end(&scene);
}

static void letters_of_csv(void **state) {
    (void)state;
    struct scene scene;
    scene_make(&scene, "name: test\n");
    scene_write(
        &scene, "data/a.csv",
        "price,id,at_time\n,2,2013-01-01 00:01:00\n,3,2013-01-01 00:02:00\n1.5,1,2013-01-01 00:00:00\n"
        ",11,2013-01-01 00:02:00\n,12,2013-01-01 00:02:00\nx,4,2013-01-01 00:02:00\n");
    scene_open(&scene, SOURCE "ENCODE CSV;" STATEMENTS);
    check(&scene);
    scene_end(&scene);
}

static void letters_of_parquet(void **state) {
    (void)state;
    struct scene scene;
    scene_make(&scene, "name: test\n");
    const struct ps_engine_options memory = {0};
    struct ps_engine *engine = NULL;
    struct ps_connection *connection = NULL;
    scene_must(&scene, ps_engine_open(&memory, &engine, &scene.error));
    scene_must(&scene, ps_connection_open(engine, &connection, &scene.error));
    scene_must(
        &scene,
        ps_sql_runf(connection, &scene.error,
                    "COPY (SELECT * FROM (VALUES (2, TIMESTAMP '2013-01-01 00:01:00', NULL::DECIMAL(6,2)),"
                    " (3, '2013-01-01 00:02:00', NULL), (1, '2013-01-01 00:00:00', 1.5), (11, '2013-01-01"
                    " 00:02:00', 7), (12, '2013-01-01 00:02:00', 8)) AS v(id, at_time, price))"
                    " TO '%s/data/a.parquet' (FORMAT parquet)",
                    scene.folder));
    ps_connection_close(connection);
    ps_engine_close(engine);
    scene_open(&scene, SOURCE "ENCODE PARQUET;" STATEMENTS);
    scene_run(&scene);
    scene_expect(&scene, "SELECT id FROM t", "2;3;");
    scene_expect(
        &scene,
        "SELECT reason, statement, position, lateness_ms, decode(raw) FROM penstock.dead_letters ORDER BY id",
        "rule|after_t|1|NULL|{\"id\":3,\"at_time\":\"2013-01-01 00:02:00\",\"price\":null};"
        "late|NULL|2|120000|{\"id\":1,\"at_time\":\"2013-01-01 00:00:00\",\"price\":\"1.50\"};"
        "rule|t|3|NULL|{\"id\":11,\"at_time\":\"2013-01-01 00:02:00\",\"price\":\"7.00\"};"
        "rule|t|4|NULL|{\"id\":12,\"at_time\":\"2013-01-01 00:02:00\",\"price\":\"8.00\"};");
    scene_must(&scene, ps_sql_run(scene.store->connection, "UPDATE limits SET most = 11", &scene.error));
    const struct ps_replay_totals totals = replay(&scene, NULL);
    assert_int_equal(totals.replayed, 2);
    scene_expect(&scene, "SELECT id, price FROM t", "2|NULL;3|NULL;1|1.50;11|7.00;");
    scene_expect(&scene, "SELECT id FROM beside ORDER BY 1", "1;2;3;11;12;");
    scene_expect(
        &scene,
        "SELECT statement, position, decode(raw) FROM penstock.dead_letters WHERE epoch = 2 ORDER BY id",
        "after_t|2|{\"id\":1,\"at_time\":\"2013-01-01 00:00:00\",\"price\":\"1.50\"};"
        "after_t|3|{\"id\":11,\"at_time\":\"2013-01-01 00:02:00\",\"price\":\"7.00\"};");
    scene_end(&scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_of_ndjson),
        cmocka_unit_test(letters_of_csv),
        cmocka_unit_test(letters_of_parquet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
