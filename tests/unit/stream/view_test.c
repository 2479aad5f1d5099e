/* SPDX-License-Identifier: Apache-2.0
 *
 * view_test.c - a materialized view is what its SELECT gives over all rows, however they were cut into epochs.
 *
 * Each case is a SELECT over STREAM t; it is compared with the same SELECT over the table t.
 */
#include "scene.h"

#define SOURCE \
    "CREATE SOURCE s (id INTEGER, k VARCHAR, x DOUBLE, price DECIMAL(8,3), at_time TIMESTAMP, day DATE, flag BOOLEAN," \
    " WATERMARK FOR at_time AS at_time - INTERVAL 1 HOUR)" \
    " WITH (connector = 'file', path = 'data/*.ndjson') FORMAT PLAIN ENCODE JSON;" \
    "CREATE TABLE w AS SELECT * FROM (VALUES ('a', 'alpha'), ('b', 'beta')) AS w(k, label);" \
    "CREATE STREAMING TABLE t AS SELECT * FROM STREAM s;"

static void write_rows(struct scene *scene) {
    char line[300];
    for (int file = 0; file < 3; file++) {
        char name[40];
        snprintf(name, sizeof name, "data/%d.ndjson", file);
        for (int i = 0; i < 40; i++) {
            const int id = file * 40 + i;
            const char *keys[] = {"\"a\"", "\"b\"", "null", "\"c\""};
            /* eighths, so that sums are exact and the order of adding does not show */
            snprintf(
                line, sizeof line,
                "{\"id\":%d,\"k\":%s,\"x\":%.3f,\"price\":\"%d.%03d\",\"at_time\":\"2013-01-01 %02d:%02d:00\","
                "\"day\":\"2013-01-%02d\",\"flag\":%s}\n",
                id, keys[id % 4], (id * 37 % 101) / 8.0, id * 7 % 50, id * 13 % 1000, id / 10, id % 10 * 6,
                1 + id % 5, id % 3 == 0 ? "true" : "false");
            scene_append(scene, name, line);
        }
    }
}

static void expect_same(struct scene *scene, const char *left, const char *right) {
    char *first PS_SCOPED(ps_release_scoped) = ps_duplicate(scene_query(scene, left));
    assert_non_null(first);
    scene_expect(scene, right, first);
}

/* @ stands for what is read. */
static const char *const selects[] = {
    "SELECT k, count(*) AS n FROM @ GROUP BY k",
    "SELECT k, count(*) AS n, sum(x) AS s, avg(x) AS m, min(x) AS lo, max(x) AS hi, count(x) AS c FROM @ GROUP BY ALL",
    "SELECT count(*) AS n, sum(id) AS s, avg(price) AS p, sum(price) AS sp FROM @",
    "SELECT k, min(k) AS first_k, max(at_time) AS last_at, min(day) AS first_day, max(k || id) AS big FROM @ GROUP BY 1",
    "SELECT flag, min(k || id) AS low_text, max(k || id) AS high_text FROM @ GROUP BY flag",
    "SELECT upper(k) AS u, count(*) * 2 + 1 AS odd, round(avg(x), 1) AS m FROM @ GROUP BY upper(k)",
    "SELECT k, sum(x) FILTER (WHERE id > 50) AS late, count(*) FILTER (WHERE flag) AS flags FROM @ GROUP BY k",
    "SELECT k, count(*) AS n FROM @ GROUP BY k HAVING count(*) > 29 AND max(id) > 117",
    "SELECT k, count(*) AS n FROM @ WHERE id % 2 = 0 GROUP BY k HAVING n > 10",
    "SELECT k, day, bool_or(flag) AS f, bool_and(flag) AS g FROM @ GROUP BY k, day",
    "SELECT time_bucket(INTERVAL 2 HOUR, at_time) AS b, count(*) AS n FROM @ GROUP BY b",
    "SELECT date_trunc('day', at_time) AS b, k, count(*) AS n, approx_count_distinct(id) AS d FROM @ GROUP BY ALL",
    "SELECT coalesce(k, '?') AS q, sum(x) / count(*) AS ratio FROM @ GROUP BY coalesce(k, '?')",
    "SELECT DATE '2013-01-01' AS one, k FROM @ GROUP BY k",
    "SELECT q.k, count(*) AS n FROM @ AS q GROUP BY q.k",
    "SELECT k AS \"a b\", count(*) AS \"GROUP\" FROM @ AS q GROUP BY q.k",
    "SELECT w.label, count(*) AS n, sum(q.x) AS s FROM @ AS q JOIN w ON w.k = q.k GROUP BY w.label",
    "SELECT k, sum(y) AS s FROM (SELECT k, x * 2 AS y FROM @ WHERE x > 3) AS q GROUP BY k",
    "WITH q AS (SELECT k, id FROM @ WHERE id > 7) SELECT k, max(id) AS m FROM q GROUP BY k",
    "SELECT CASE WHEN k = 'a' THEN 'first' ELSE 'other' END AS which, count(*) AS n FROM @"
    " GROUP BY CASE WHEN k = 'a' THEN 'first' ELSE 'other' END",
    "SELECT k, sum(x) AS s, sum(x) * 2 AS twice, sum(x) - sum(x) AS nothing FROM @ GROUP BY k",
};

static size_t put_select(char *out, size_t size, const char *select, const char *table) {
    const char *mark = strchr(select, '@');
    return (size_t)snprintf(out, size, "%.*s%s%s", (int)(mark - select), select, table, mark + 1);
}

/* So few groups are many, and so few rows fill a part. */
static void set_limits(struct scene *scene, int table_rows_max, int part_rows_max) {
    char sql[200];
    snprintf(sql, sizeof sql,
             "INSERT INTO penstock.meta VALUES ('view_table_rows_max', '%d'), ('view_part_rows_max', '%d')",
             table_rows_max, part_rows_max);
    scene_query(scene, sql);
}

static void compare_views(struct scene *scene) {
    for (size_t i = 0; i < sizeof selects / sizeof selects[0]; i++) {
        char view[100], table[2000];
        snprintf(view, sizeof view, "SELECT * FROM v%zu ORDER BY ALL", i);
        size_t size = (size_t)snprintf(table, sizeof table, "SELECT * FROM (");
        size += put_select(table + size, sizeof table - size, selects[i], "t");
        snprintf(table + size, sizeof table - size, ") ORDER BY ALL");
        expect_same(scene, view, table);
    }
}

static void check_views(const char *manifest, bool is_small) {
    char sql[20000];
    size_t size = (size_t)snprintf(sql, sizeof sql, "%s", SOURCE);
    for (size_t i = 0; i < sizeof selects / sizeof selects[0]; i++) {
        size += (size_t)snprintf(sql + size, sizeof sql - size, "CREATE MATERIALIZED VIEW v%zu AS ", i);
        size += put_select(sql + size, sizeof sql - size, selects[i], "STREAM t");
        size += (size_t)snprintf(sql + size, sizeof sql - size, ";\n");
    }
    struct scene scene;
    scene_make(&scene, manifest);
    write_rows(&scene);
    scene_open(&scene, sql);
    if (!is_small) {
        set_limits(&scene, 2, 3);
    }
    scene_run(&scene);
    assert_true(scene.totals.epoch_count >= 3);
    assert_int_equal(scene.totals.record_count, 120);
    compare_views(&scene);
    const char *leveled =
        scene_query(&scene, "SELECT count(*) FROM duckdb_tables() WHERE table_name LIKE '%/levels'");
    assert_int_equal(strcmp(leveled, "0;") == 0, is_small);
    scene_end(&scene);
}

static void a_view_is_its_select(void **state) {
    (void)state;
    check_views("name: test\nepoch: {bytes: 4k}\n", true);
}

static void a_view_of_many_groups_is_its_select(void **state) {
    (void)state;
    check_views("name: test\nepoch: {bytes: 1k}\n", false);
}

/* Groups come, go and come again, in many runs; parts are split, logs are folded and taken in turn. */
#define KEYED \
    "CREATE SOURCE s (a BIGINT, b VARCHAR, x BIGINT, y DOUBLE)" \
    " WITH (connector = 'file', path = 'data/*.ndjson') FORMAT PLAIN ENCODE JSON;" \
    "CREATE STREAMING TABLE t AS SELECT * FROM STREAM s;"
static const char *const keyed_selects[] = {
    "SELECT a, count(*) AS n, sum(x) AS s, min(y) AS lo, max(b) AS hi, avg(x) AS m, avg(y) AS my FROM @ GROUP BY a",
    "SELECT a, b, count(x) AS n, sum(y) AS s FROM @ GROUP BY a, b",
    "SELECT a, b, stddev(y) AS d, approx_count_distinct(x) AS u, count(*) AS n, bool_or(x > 90) AS f FROM @ GROUP BY a, b",
    "SELECT b, corr(x, y) IS NULL AS c, max(y) AS hi FROM @ GROUP BY b HAVING count(*) > 1",
};

static void groups_are_split_and_folded(void **state) {
    (void)state;
    char sql[4000];
    size_t size = (size_t)snprintf(sql, sizeof sql, "%s", KEYED);
    const size_t count = sizeof keyed_selects / sizeof keyed_selects[0];
    for (size_t i = 0; i < count; i++) {
        size += (size_t)snprintf(sql + size, sizeof sql - size, "CREATE MATERIALIZED VIEW v%zu AS ", i);
        size += put_select(sql + size, sizeof sql - size, keyed_selects[i], "STREAM t");
        size += (size_t)snprintf(sql + size, sizeof sql - size, ";\n");
    }
    struct scene scene;
    scene_make(&scene, "name: test\nepoch: {bytes: 2k}\n");
    scene_open(&scene, sql);
    set_limits(&scene, 20, 30);
    uint32_t random = 7;
    int64_t round_count = 0;
    for (int turn = 0; turn < 12; turn++) {
        char name[40], line[200];
        snprintf(name, sizeof name, "data/%02d.ndjson", turn);
        for (int i = 0; i < 120; i++) {
            random = random * 1664525u + 1013904223u;
            const int key = (int)(random >> 8) % (turn < 6 ? 40 : 200);
            snprintf(line, sizeof line, "{\"a\":%s%d,\"b\":%s%d\"%s,\"x\":%d,\"y\":%.3f}\n",
                     key % 17 == 0 ? "null,\"c\":" : "", key, key % 13 == 0 ? "null,\"d\":\"" : "\"b",
                     key / 3, "", (int)(random >> 5) % 100, ((int)(random >> 3) % 1000) / 8.0);
            scene_append(&scene, name, line);
        }
        scene_open(&scene, NULL); /* a new process, as it were */
        scene_run(&scene);
        assert_true(scene.totals.epoch_count > 1);
        for (size_t i = 0; i < count; i++) {
            char view[100], table[600];
            snprintf(view, sizeof view, "SELECT * FROM v%zu ORDER BY ALL", i);
            size = (size_t)snprintf(table, sizeof table, "SELECT * FROM (");
            size += put_select(table + size, sizeof table - size, keyed_selects[i], "t");
            snprintf(table + size, sizeof table - size, ") ORDER BY ALL");
            if (i != 2) { /* the last digits of stddev depend on the order of adding */
                expect_same(&scene, view, table);
            }
        }
        expect_same(
            &scene, "SELECT a, b, round(d, 9), u, n, f FROM v2 ORDER BY ALL",
            "SELECT a, b, round(stddev(y), 9), approx_count_distinct(x), count(*), bool_or(x > 90) FROM t"
            " GROUP BY ALL ORDER BY ALL");
    }
    scene_query(&scene, "SELECT generation FROM penstock_state.\"v0/levels\"");
    round_count = strtoll(scene.answer, NULL, 10);
    assert_true(round_count >= 4);
    scene_expect(&scene, "SELECT part_count >= 4 FROM penstock_state.\"v1/levels\"", "true;");
    /* every group is in the part of its hash, once */
    scene_expect(&scene, "SELECT count(*) = (SELECT count(*) FROM v1) FROM penstock_state.v1", "true;");
    scene_end(&scene);
}

/* As if another version of DuckDB had other hashes. */
static void groups_find_new_parts_when_hashes_change(void **state) {
    (void)state;
    struct scene scene;
    scene_make(&scene, "name: test\nepoch: {bytes: 2k}\n");
    scene_open(
        &scene, KEYED
        "CREATE MATERIALIZED VIEW v AS SELECT a, count(*) AS n, stddev(y) AS d FROM STREAM t GROUP BY a");
    set_limits(&scene, 20, 30);
    for (int turn = 0; turn < 4; turn++) {
        char name[40], line[100];
        snprintf(name, sizeof name, "data/%d.ndjson", turn);
        for (int i = 0; i < 150; i++) {
            snprintf(line, sizeof line, "{\"a\":%d,\"b\":\"b\",\"x\":1,\"y\":%d}\n", i * (turn + 1) % 170,
                     i % 8);
            scene_append(&scene, name, line);
        }
        scene_open(&scene, NULL);
        scene_run(&scene);
        expect_same(&scene, "SELECT a, n, round(d, 9) FROM v ORDER BY ALL",
                    "SELECT a, count(*), round(stddev(y), 9) FROM t GROUP BY a ORDER BY ALL");
        scene_query(&scene, "UPDATE penstock_state.\"v/levels\" SET hash_probe = 1");
    }
    scene_expect(&scene, "SELECT generation >= 6, hash_probe = 1 FROM penstock_state.\"v/levels\"",
                 "true|true;");
    scene_end(&scene);
}

/* A store in which all states are DuckDB's own: what penstock 0.1 made. */
static void states_of_before_go_on(void **state) {
    (void)state;
    static const char select[] =
        "SELECT k, count(*) AS n, sum(x) AS s, avg(price) AS p, avg(x) AS m FROM @ GROUP BY k";
    char sql[3000];
    size_t size = (size_t)snprintf(sql, sizeof sql, "%sCREATE MATERIALIZED VIEW v AS ", SOURCE);
    put_select(sql + size, sizeof sql - size, select, "STREAM t");
    struct scene scene;
    scene_make(&scene, "name: test\nepoch: {bytes: 1k}\n");
    write_rows(&scene);
    scene_open(&scene, sql);
    scene_run(&scene);
    scene_query(
        &scene,
        "CREATE OR REPLACE TABLE penstock_state.v AS SELECT k AS k0, count(*) EXPORT_STATE AS a0,"
        " sum(x) EXPORT_STATE AS a1, count(price) EXPORT_STATE AS a2_count, sum(price) EXPORT_STATE AS a2,"
        " avg(x) EXPORT_STATE AS a3 FROM t GROUP BY k");
    scene_query(
        &scene,
        "CREATE OR REPLACE VIEW v AS SELECT k0 AS k, finalize(a0) AS n, finalize(a1) AS s,"
        " CAST(CAST(replace(CAST(finalize(a2) AS VARCHAR), '.', '') AS HUGEINT) AS DOUBLE)"
        " / (CAST(finalize(a2_count) AS DOUBLE) * 1e3) AS p, finalize(a3) AS m FROM penstock_state.v");
    scene_append(
        &scene, "data/9.ndjson",
        "{\"id\":900,\"k\":\"a\",\"x\":2,\"price\":\"1.125\",\"at_time\":\"2013-01-01 12:00:00\"}\n"
        "{\"id\":901,\"k\":\"new\",\"x\":4,\"price\":\"2.5\",\"at_time\":\"2013-01-01 12:00:00\"}\n");
    scene_open(&scene, NULL);
    scene_run(&scene);
    assert_int_equal(scene.totals.record_count, 2);
    char table[600];
    put_select(table, sizeof table, select, "t ");
    strcat(table, " ORDER BY ALL");
    expect_same(&scene, "SELECT * FROM v ORDER BY ALL", table);
    scene_end(&scene);
}

static void windows_and_their_final_rows(void **state) {
    (void)state;
    struct scene scene;
    scene_make(&scene, "name: test\nepoch: {bytes: 4k}\n");
    write_rows(&scene);
    scene_open(
        &scene, SOURCE
        "CREATE MATERIALIZED VIEW tumbled AS SELECT k, window_start, window_end, count(*) AS n"
        " FROM TUMBLE(STREAM t, at_time, INTERVAL 90 MINUTE) GROUP BY ALL;"
        "CREATE MATERIALIZED VIEW hopped AS SELECT window_start, sum(x) AS s"
        " FROM HOP(STREAM t, at_time, INTERVAL 1 HOUR, INTERVAL 3 HOUR) GROUP BY window_start;"
        "CREATE MATERIALIZED VIEW closed AS SELECT k, window_start, window_end, count(*) AS n"
        " FROM TUMBLE(STREAM t, at_time, INTERVAL 90 MINUTE) GROUP BY ALL EMIT FINAL;"
        "CREATE MATERIALIZED VIEW bucketed AS SELECT time_bucket(INTERVAL 2 HOUR, at_time) AS b, count(*) AS n"
        " FROM STREAM t GROUP BY b EMIT FINAL;");
    scene_run(&scene);
    expect_same(
        &scene, "SELECT * FROM tumbled ORDER BY ALL",
        "SELECT k, time_bucket(INTERVAL 90 MINUTE, at_time, TIMESTAMP '1970-01-01') AS a, a + INTERVAL 90 MINUTE,"
        " count(*) FROM t GROUP BY ALL ORDER BY ALL");
    expect_same(
        &scene, "SELECT * FROM hopped ORDER BY ALL",
        "SELECT date_trunc('hour', at_time) - to_hours(i) AS w, sum(x) FROM t, range(3) AS r(i) GROUP BY w ORDER BY ALL");
    expect_same(
        &scene, "SELECT * FROM closed ORDER BY ALL",
        "SELECT * FROM tumbled WHERE window_end <= (SELECT watermark FROM penstock.watermarks) ORDER BY ALL");
    scene_expect(
        &scene,
        "SELECT (SELECT count(*) FROM closed) > 0, (SELECT count(*) FROM closed) < (SELECT count(*) FROM tumbled)",
        "true|true;");
    expect_same(&scene, "SELECT * FROM bucketed ORDER BY ALL",
                "SELECT time_bucket(INTERVAL 2 HOUR, at_time) AS b, count(*) FROM t GROUP BY b"
                " HAVING b + INTERVAL 2 HOUR <= (SELECT watermark FROM penstock.watermarks) ORDER BY ALL");
    scene_end(&scene);
}

static void what_cannot_be_combined_is_refused(void **state) {
    (void)state;
    struct scene scene;
    scene_make(&scene, "name: test\n");
    write_rows(&scene);
    scene_write(&scene, "all.sql",
                SOURCE "CREATE MATERIALIZED VIEW v AS SELECT k, median(x) AS m FROM STREAM t GROUP BY k;");
    const struct ps_project_options options = {0};
    scene_must(&scene, ps_project_load(scene.folder, &options, &scene.project, &scene.error));
    assert_int_not_equal(ps_graph_build(scene.project, &scene.graph, &scene.error), PENSTOCK_OK);
    assert_non_null(strstr(scene.error.message, "median"));
    scene_end(&scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_view_is_its_select),
        cmocka_unit_test(a_view_of_many_groups_is_its_select),
        cmocka_unit_test(groups_are_split_and_folded),
        cmocka_unit_test(groups_find_new_parts_when_hashes_change),
        cmocka_unit_test(states_of_before_go_on),
        cmocka_unit_test(windows_and_their_final_rows),
        cmocka_unit_test(what_cannot_be_combined_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
