/* SPDX-License-Identifier: Apache-2.0
 *
 * join_test.c - joins of two streams: against DuckDB's join of the same rows, however the records are cut into epochs
 * and whatever is killed.
 */
#include "scene.h"

#include <signal.h>
#include <sys/wait.h>

#define MANIFEST "name: test\n"
#define SOURCES \
    "CREATE SOURCE a (k INTEGER, t TIMESTAMP, v INTEGER, note VARCHAR, WATERMARK FOR t AS t - INTERVAL 20 SECOND)" \
    " WITH (connector = 'file', path = 'data/a*.ndjson') ENCODE JSON;" \
    "CREATE SOURCE b (k INTEGER, u TIMESTAMP, w INTEGER, WATERMARK FOR u AS u - INTERVAL 30 SECOND)" \
    " WITH (connector = 'file', path = 'data/b*.ndjson') ENCODE JSON;"
#define LETTERS \
    "SELECT source, statement, partition, position, reason, rule, decode(raw) FROM penstock.dead_letters ORDER BY id"

/* One record a line: key and seconds. */
static void add(struct scene *scene, const char *file, int key, int second, int value) {
    char line[200];
    const bool is_a = file[5] == 'a';
    snprintf(line, sizeof line, "{\"k\":%d,\"%s\":\"2024-01-01 %02d:%02d:%02d\",\"%s\":%d}\n", key,
             is_a ? "t" : "u", second / 3600, second / 60 % 60, second % 60, is_a ? "v" : "w", value);
    scene_append(scene, file, line);
}

static void pairs_meet_across_epochs(void **state) {
    (void)state;
    struct scene scene;
    scene_make(&scene, MANIFEST);
    scene_open(&scene,
               SOURCES "CREATE STREAMING TABLE j AS SELECT a.k, v, w FROM STREAM a JOIN STREAM b"
                       " ON a.k = b.k AND b.u BETWEEN a.t - INTERVAL 5 SECOND AND a.t + INTERVAL 10 SECOND;");
    add(&scene, "data/a.ndjson", 1, 100, 1);
    add(&scene, "data/a.ndjson", 2, 100, 2);
    scene_run(&scene);
    scene_expect(&scene, "SELECT * FROM j", "");
    add(&scene, "data/b.ndjson", 1, 110, 10);
    add(&scene, "data/b.ndjson", 1, 111, 11); /* too far */
    add(&scene, "data/b.ndjson", 1, 94, 12);  /* too far, the other way */
    scene_run(&scene);
    scene_expect(&scene, "SELECT * FROM j", "1|1|10;");
    scene_open(&scene, NULL);
    add(&scene, "data/b.ndjson", 2, 95, 20);
    add(&scene, "data/a.ndjson", 1, 104, 3);
    scene_run(&scene);
    scene_expect(&scene, "SELECT * FROM j ORDER BY ALL", "1|1|10;1|3|10;1|3|11;2|2|20;");
    scene_end(&scene);
}

static void a_row_without_partner_comes_when_its_time_is_over(void **state) {
    (void)state;
    struct scene scene;
    scene_make(&scene, MANIFEST);
    scene_open(
        &scene, SOURCES
        "CREATE STREAMING TABLE j AS SELECT x.k, x.v, y.* EXCLUDE (k, u) FROM STREAM a AS x"
        " LEFT JOIN STREAM b AS y ON x.k = y.k AND u >= t - INTERVAL 5 SECOND AND u <= t + INTERVAL '10s';"
        "CREATE MATERIALIZED VIEW n AS SELECT count(*) AS n, count(w) AS m FROM STREAM j;"
        "CREATE STREAMING TABLE late (CONSTRAINT alone EXPECT (w IS NOT NULL) ON VIOLATION DEAD LETTER)"
        " AS SELECT k, w FROM STREAM j;");
    add(&scene, "data/a.ndjson", 1, 100, 1);
    add(&scene, "data/a.ndjson", 2, 101, 2);
    add(&scene, "data/b.ndjson", 2, 105, 20);
    scene_run(&scene);
    scene_expect(&scene, "SELECT * FROM j", "2|2|20;");
    scene_expect(&scene, "SELECT * FROM n", "1|1;");
    add(&scene, "data/b.ndjson", 9, 140,
        0); /* watermark 110: the row of second 100 may still have a partner */
    scene_run(&scene);
    scene_expect(&scene, "SELECT * FROM j", "2|2|20;");
    scene_expect(&scene, "SELECT * FROM n", "1|1;");
    add(&scene, "data/b.ndjson", 1, 110, 10);
    add(&scene, "data/a.ndjson", 3, 100, 3);
    scene_run(&scene);
    add(&scene, "data/b.ndjson", 9, 141, 0);
    scene_run(&scene);
    scene_expect(&scene, "SELECT * FROM j ORDER BY ALL", "1|1|10;2|2|20;3|3|NULL;");
    scene_expect(&scene, "SELECT * FROM n", "3|2;");
    scene_expect(&scene, "SELECT * FROM late ORDER BY ALL", "1|10;2|20;");
    scene_expect(&scene, LETTERS, "a|late|j|0|rule|alone|{\"k\":3,\"v\":3,\"w\":null};");
    scene_expect(&scene, "SELECT count(*) FROM penstock_state.\"j/left\"", "1;");
    scene_end(&scene);
}

#define JOIN \
    "CREATE STREAMING TABLE j AS SELECT a.k, v, w FROM STREAM a JOIN STREAM b" \
    " ON a.k = b.k AND b.u BETWEEN a.t - INTERVAL 5 SECOND AND a.t + INTERVAL 10 SECOND;"

static void rules_bury_the_joined_row(void **state) {
    (void)state;
    struct scene scene;
    scene_make(&scene, MANIFEST);
    scene_open(&scene,
               "CREATE TABLE names AS SELECT * FROM (VALUES (1, 'one'), (2, 'two')) AS n(k, name);" SOURCES
               "CREATE STREAMING TABLE j (CONSTRAINT small EXPECT (v + w < 100) ON VIOLATION DEAD LETTER,"
               " CONSTRAINT sane EXPECT (v < 1000) ON VIOLATION FAIL UPDATE)"
               " AS WITH p AS (SELECT a.k, v, w FROM STREAM a JOIN STREAM b ON a.k = b.k AND b.u = a.t)"
               " SELECT name, v, w FROM p JOIN names USING (k);");
    add(&scene, "data/a.ndjson", 1, 100, 1);
    add(&scene, "data/a.ndjson", 2, 100, 2);
    scene_run(&scene);
    add(&scene, "data/b.ndjson", 1, 100, 10);
    add(&scene, "data/b.ndjson", 2, 100, 99);
    scene_run(&scene);
    scene_expect(&scene, "SELECT * FROM j", "one|1|10;");
    scene_expect(&scene, LETTERS, "a|j|j|1|rule|small|{\"name\":\"two\",\"v\":2,\"w\":99};");
    add(&scene, "data/a.ndjson", 1, 100, 1001);
    scene_fails(
        &scene, PENSTOCK_RULE_FAILED,
        "rule sane of j is broken by 1 row; the first is from the joined row {\"name\":\"one\",\"v\":1001");
    scene_expect(&scene, "SELECT count(*) FROM penstock_state.\"j/left\"", "2;");
    /* what is no record cannot be replayed */
    struct ps_replay_totals totals = {0};
    const struct ps_runner_options options = {.graph = scene.graph, .store = scene.store};
    scene_must(&scene, ps_runner_replay(&options, NULL, NULL, &totals, &scene.error));
    assert_int_equal(totals.tried, 1);
    assert_int_equal(totals.replayed, 0);
    scene_end(&scene);
}

static void replayed_records_meet_what_is_kept(void **state) {
    (void)state;
    struct scene scene;
    scene_make(&scene, MANIFEST);
    const char *sql = SOURCES
        "CREATE STREAMING TABLE good (CONSTRAINT small EXPECT (v < 10) ON VIOLATION DEAD LETTER)"
        " AS SELECT k, t, v FROM STREAM a;"
        "CREATE STREAMING TABLE direct AS SELECT a.k, v, w FROM STREAM a JOIN STREAM b ON a.k = b.k AND b.u = a.t;"
        "CREATE STREAMING TABLE j AS SELECT b.k, v, w FROM STREAM b JOIN STREAM good USING (k)"
        " WHERE t = u;";
    scene_open(&scene, sql);
    add(&scene, "data/a.ndjson", 1, 100, 50);
    scene_append(&scene, "data/a.ndjson", "{\"k\":2,\"t\":\"2024-01-01 00:01:40\",\"v\":\"x\"}\n");
    add(&scene, "data/b.ndjson", 1, 100, 5);
    add(&scene, "data/b.ndjson", 2, 100, 6);
    scene_run(&scene);
    scene_expect(&scene, "SELECT * FROM direct", "1|50|5;");
    scene_expect(&scene, "SELECT * FROM j", "");
    char wider[2000];
    snprintf(wider, sizeof wider, "%s", sql);
    memcpy(strstr(wider, "v < 10)"), "v < 99)", 7);
    scene_open(&scene, wider);
    struct ps_replay_totals totals = {0};
    const struct ps_runner_options options = {.graph = scene.graph, .store = scene.store};
    scene_must(&scene, ps_runner_replay(&options, NULL, NULL, &totals, &scene.error));
    assert_int_equal(totals.replayed, 1);
    scene_expect(&scene, "SELECT k, v FROM good", "1|50;");
    scene_expect(&scene, "SELECT * FROM j", "1|50|5;");
    scene_expect(&scene, "SELECT * FROM direct", "1|50|5;"); /* it has had that record */
    scene_end(&scene);
}

static void a_new_join_starts_with_the_rows_that_are_there(void **state) {
    (void)state;
    struct scene scene;
    scene_make(&scene, MANIFEST);
    const char *before = SOURCES "CREATE STREAMING TABLE ta AS SELECT * FROM STREAM a;"
                                 "CREATE STREAMING TABLE tb AS SELECT * FROM STREAM b;";
    char after[2000];
    scene_open(&scene, before);
    add(&scene, "data/a.ndjson", 1, 100, 1);
    add(&scene, "data/a.ndjson", 2, 100, 2);
    add(&scene, "data/a.ndjson", 3, 115, 3);
    add(&scene, "data/b.ndjson", 1, 100, 10);
    add(&scene, "data/b.ndjson", 4, 141, 40);
    scene_run(&scene);
    snprintf(after, sizeof after, "%s%s", before,
             "CREATE STREAMING TABLE j AS SELECT x.k, v, w FROM STREAM ta AS x LEFT JOIN STREAM tb AS y"
             " ON x.k = y.k AND u BETWEEN t AND t + INTERVAL 10 SECOND;");
    scene_open(&scene, after);
    scene_run(&scene);
    scene_expect(&scene, "SELECT * FROM j ORDER BY ALL", "1|1|10;2|2|NULL;");
    add(&scene, "data/b.ndjson", 3, 120, 30);
    scene_run(&scene);
    scene_expect(&scene, "SELECT * FROM j ORDER BY ALL", "1|1|10;2|2|NULL;3|3|30;");
    /* what it keeps belongs to its text */
    memcpy(strstr(after, "INTERVAL 10"), "INTERVAL 11", 11);
    scene_open(&scene, after);
    scene_fails(&scene, PENSTOCK_INVALID_PROJECT, "j has changed");
    /* and over a source that was read it comes too late */
    snprintf(after, sizeof after,
             "%sCREATE STREAMING TABLE j2 AS SELECT ta.k FROM STREAM ta JOIN STREAM b ON u = t;", before);
    scene_open(&scene, after);
    scene_fails(&scene, PENSTOCK_INVALID_PROJECT, "source b has been read already");
    scene_end(&scene);
}

static void a_sink_gets_each_joined_row_once(void **state) {
    (void)state;
    struct scene scene;
    scene_make(&scene, "name: test\nepoch: {bytes: 1k}\n");
    scene_open(
        &scene, SOURCES JOIN
        "CREATE SOURCE other (x INTEGER) WITH (connector = 'file', path = 'data/o*.ndjson') ENCODE JSON;"
        "CREATE STREAMING TABLE o AS SELECT x FROM STREAM other;"
        "CREATE STREAMING TABLE ta AS SELECT k FROM STREAM a;"
        "CREATE SINK keys WITH (connector = 'file', path = 'keys.ndjson') ENCODE JSON AS SELECT k FROM STREAM ta;"
        "CREATE SINK out WITH (connector = 'file', path = 'out.ndjson') ENCODE JSON AS SELECT * FROM STREAM j;");
    add(&scene, "data/a.ndjson", 1, 100, 1);
    add(&scene, "data/b.ndjson", 1, 100, 10);
    for (int i = 0; i < 400; i++) { /* several epochs: in all but the first one the join has nothing to do */
        scene_append(&scene, "data/o.ndjson", "{\"x\":1}\n");
    }
    scene_run(&scene);
    assert_true(scene.totals.epoch_count > 2);
    add(&scene, "data/b.ndjson", 1, 101, 11);
    scene_run(&scene);
    char sql[400];
    snprintf(sql, sizeof sql, "SELECT v, w FROM '%s/out.ndjson' ORDER BY ALL", scene.folder);
    scene_expect(&scene, sql, "1|10;1|11;");
    /* a replay in which one source's letter passes and the other one's does not */
    add(&scene, "data/a.ndjson", 7, 10, 7);
    scene_append(&scene, "data/o.ndjson", "{\"x\":\"no\"}\n");
    scene_run(&scene);
    struct ps_replay_totals totals = {0};
    const struct ps_runner_options options = {.graph = scene.graph, .store = scene.store};
    scene_must(&scene, ps_runner_replay(&options, NULL, NULL, &totals, &scene.error));
    assert_int_equal(totals.replayed, 1);
    snprintf(sql, sizeof sql, "SELECT k FROM '%s/keys.ndjson' ORDER BY k", scene.folder);
    scene_expect(&scene, sql, "1;7;");
    scene_end(&scene);
}

/* --- against DuckDB's join ---------------------------------------------------------------------------------------- */

struct random {
    uint64_t state;
};

static int draw(struct random *random, int below) {
    random->state = random->state * 6364136223846793005u + 1442695040888963407u;
    return (int)((random->state >> 33) % (uint64_t)below);
}

#define BOUND "b.u BETWEEN a.t - INTERVAL 7 SECOND AND a.t + INTERVAL 15 SECOND"
static const char random_project[] = SOURCES
    "CREATE STREAMING TABLE ta AS SELECT k, t, v FROM STREAM a;"
    "CREATE STREAMING TABLE tb AS SELECT * FROM STREAM b;"
    "CREATE STREAMING TABLE inner_join AS SELECT a.k, a.t, a.v, b.u, b.w FROM STREAM a JOIN STREAM b"
    " ON a.k = b.k AND " BOUND ";"
    "CREATE STREAMING TABLE left_join AS SELECT x.*, y.u, y.w FROM STREAM ta AS x LEFT JOIN STREAM tb AS y"
    " ON x.k = y.k AND y.u BETWEEN x.t - INTERVAL 7 SECOND AND x.t + INTERVAL 15 SECOND AND x.v <> y.w;"
    "CREATE STREAMING TABLE self_join AS SELECT x.v, y.v AS z FROM STREAM a AS x JOIN STREAM a AS y USING (k)"
    " WHERE x.t >= y.t AND x.t - INTERVAL 9 SECOND < y.t AND x.v <> y.v;";

/* Rows that are in one of the two only. */
static long difference(struct scene *scene, const char *table, const char *expected) {
    char sql[3000];
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM ((FROM %s EXCEPT ALL (%s)) UNION ALL ((%s) EXCEPT ALL FROM %s))", table,
             expected, expected, table);
    return strtol(scene_query(scene, sql), NULL, 10);
}

static long wrong_rows(struct scene *scene) {
    return difference(scene, "inner_join",
                      "SELECT a.k, a.t, a.v, b.u, b.w FROM ta a JOIN tb b ON a.k = b.k AND " BOUND) +
           difference(scene, "left_join",
                      "SELECT a.k, a.t, a.v, b.u, b.w FROM ta a LEFT JOIN tb b ON a.k = b.k AND " BOUND
                      " AND a.v <> b.w WHERE b.u IS NOT NULL OR a.t + INTERVAL 15 SECOND < "
                      " (SELECT watermark FROM penstock.watermarks WHERE source = 'b')") +
           difference(scene, "self_join",
                      "SELECT x.v, y.v FROM ta x JOIN ta y ON x.k = y.k AND x.t >= y.t AND"
                      " x.t - INTERVAL 9 SECOND < y.t AND x.v <> y.v");
}

/* Runs in a process of its own that is killed at some moment, then to the end. */
static void run_killed(struct scene *scene, struct random *random) {
    const useconds_t delay = (useconds_t)(2000 + draw(random, 60000));
    scene_close(scene);
    const pid_t child = fork();
    if (child == 0) {
        scene_open(scene, NULL);
        _exit(scene_try(scene) == PENSTOCK_OK ? 0 : 1);
    }
    assert_true(child > 0);
    usleep(delay);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    scene_open(scene, NULL);
}

enum break_kind { BREAK_NOTHING, BREAK_EARLY, BREAK_LATE };

/* Random rows, a little out of order and sometimes late, in random portions; *rows_out: of all three tables. */
static long run_random(uint64_t seed, bool is_killed, enum break_kind broken, long *rows_out) {
    struct random random = {seed};
    struct scene scene;
    int now[2] = {1000, 1000};
    scene_make(&scene, "name: test\nepoch: {bytes: 1024}\n");
    scene_open(&scene, random_project);
    for (int portion = 0; portion < 8; portion++) {
        const int count = 1 + draw(&random, 60);
        const int side = draw(&random, 3); /* 2: both */
        for (int i = 0; i < count; i++) {
            const int which = side == 2 ? draw(&random, 2) : side;
            now[which] += draw(&random, 4);
            const int second = now[which] - draw(&random, draw(&random, 10) == 0 ? 60 : 12);
            add(&scene, which == 0 ? "data/a.ndjson" : "data/b.ndjson", draw(&random, 6), second,
                draw(&random, 40));
        }
        if (is_killed) {
            run_killed(&scene, &random);
        }
        if (broken != BREAK_NOTHING &&
            portion > 0) { /* rows leave the state that still have partners to come, or come back */
            (void)scene_query(&scene,
                              broken == BREAK_EARLY
                                  ? "DELETE FROM penstock_state.\"left_join/right\" WHERE w % 3 = 0"
                                  : "INSERT INTO penstock_state.\"left_join/left\" SELECT * FROM ta LIMIT 3");
        }
        scene_run(&scene);
    }
    const long wrong = wrong_rows(&scene);
    *rows_out = strtol(
        scene_query(&scene, "SELECT (SELECT count(*) FROM inner_join) + (SELECT count(*) FROM left_join)"
                            " + (SELECT count(*) FROM self_join)"),
        NULL, 10);
    if (wrong > 0 && broken == BREAK_NOTHING) {
        print_error("seed %llu: %ld wrong rows\n", (unsigned long long)seed, wrong);
    }
    scene_end(&scene);
    return wrong;
}

static void the_same_as_a_join_of_all_rows(void **state) {
    (void)state;
    long row_count = 0;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        long rows = 0;
        assert_int_equal(run_random(seed, false, BREAK_NOTHING, &rows), 0);
        row_count += rows;
    }
    assert_true(row_count > 150);
}

static void kills_change_nothing(void **state) {
    (void)state;
    for (uint64_t seed = 101; seed <= 102; seed++) {
        long rows = 0;
        assert_int_equal(run_random(seed, true, BREAK_NOTHING, &rows), 0);
    }
}

/* The check itself: a state that forgets too early or too late must be seen. */
static void a_wrong_eviction_is_seen(void **state) {
    (void)state;
    long rows = 0;
    assert_true(run_random(1, false, BREAK_EARLY, &rows) > 0);
    assert_true(run_random(1, false, BREAK_LATE, &rows) > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_meet_across_epochs),
        cmocka_unit_test(a_row_without_partner_comes_when_its_time_is_over),
        cmocka_unit_test(rules_bury_the_joined_row),
        cmocka_unit_test(replayed_records_meet_what_is_kept),
        cmocka_unit_test(a_new_join_starts_with_the_rows_that_are_there),
        cmocka_unit_test(a_sink_gets_each_joined_row_once),
        cmocka_unit_test(the_same_as_a_join_of_all_rows),
        cmocka_unit_test(kills_change_nothing),
        cmocka_unit_test(a_wrong_eviction_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
