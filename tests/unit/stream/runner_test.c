/* SPDX-License-Identifier: Apache-2.0
 *
 * runner_test.c - whole runs of small projects: rules, dead letters, lateness, restarts, stops, refusals.
 */
#include "scene.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/clock.h"

#define MANIFEST "name: test\n"
#define SOURCE \
    "CREATE SOURCE s (id INTEGER NOT NULL, v DOUBLE, at_time TIMESTAMP, price DECIMAL(6,2), name VARCHAR)" \
    " WITH (connector = 'file', path = 'data/*.ndjson') FORMAT PLAIN ENCODE JSON;"
#define TIMED_SOURCE \
    "CREATE SOURCE s (id INTEGER NOT NULL, at_time TIMESTAMP, WATERMARK FOR at_time AS at_time - INTERVAL 10 SECOND)" \
    " WITH (connector = 'file', path = 'data/*.ndjson') FORMAT PLAIN ENCODE JSON;"
#define LETTERS \
    "SELECT source, statement, partition, position, reason, column_name, rule, decode(raw) FROM penstock.dead_letters ORDER BY id"

static void rules_decide_about_rows(void **state) {
    (void)state;
    struct scene scene;
    scene_make(&scene, MANIFEST);
    scene_write(
        &scene, "data/a.ndjson",
        "{\"id\":1,\"v\":5}\n{\"id\":2,\"v\":-1}\n{\"id\":3,\"v\":700}\n{\"id\":4}\n{\"id\":5,\"v\":7}\n");
    scene_open(&scene,
               SOURCE "CREATE STREAMING TABLE t (CONSTRAINT positive EXPECT (v > 0) ON VIOLATION DEAD LETTER,"
                      " CONSTRAINT sane EXPECT (v < 600 OR v IS NULL) ON VIOLATION DROP ROW,"
                      " CONSTRAINT odd EXPECT (id % 2 = 1)) AS SELECT id, v FROM STREAM s;");
    scene_run(&scene);
    scene_expect(&scene, "SELECT * FROM t", "1|5.0;5|7.0;");
    scene_expect(&scene, LETTERS,
                 "s|t|data/a.ndjson|15|rule|NULL|positive|{\"id\":2,\"v\":-1};"
                 "s|t|data/a.ndjson|48|rule|NULL|positive|{\"id\":4};");
    scene_expect(&scene, "SELECT * FROM penstock.rule_violations ORDER BY rule",
                 "1|t|odd|keep|2;1|t|positive|dead letter|2;1|t|sane|drop row|1;");
    scene_expect(&scene, "SELECT epoch, records, rows_kept, dead_letters FROM penstock.epochs", "1|5|2|2;");
    assert_int_equal(scene.totals.record_count, 5);
    assert_int_equal(scene.totals.row_count, 2);
    assert_int_equal(scene.totals.dead_letter_count, 2);
    scene_end(&scene);
}

static void fail_update_writes_nothing_of_the_epoch(void **state) {
    (void)state;
    struct scene scene;
    scene_make(&scene, MANIFEST);
    scene_write(&scene, "data/a.ndjson", "{\"id\":1,\"v\":5}\n");
    const char *sql =
        SOURCE "CREATE STREAMING TABLE t (CONSTRAINT sane EXPECT (v < 600) ON VIOLATION FAIL UPDATE)"
               " AS SELECT id, v FROM STREAM s;"
               "CREATE MATERIALIZED VIEW n AS SELECT count(*) AS n FROM STREAM t;";
    scene_open(&scene, sql);
    scene_run(&scene);
    scene_write(&scene, "data/b.ndjson", "{\"id\":2,\"v\":6}\n{\"id\":3,\"v\":700}\n{\"id\":4,\"v\":701}\n");
    scene_fails(&scene, PENSTOCK_RULE_FAILED,
                "rule sane of t is broken by 2 rows; the first is from data/b.ndjson, byte 15");
    scene_expect(&scene, "SELECT * FROM t", "1|5.0;");
    scene_expect(&scene, "SELECT * FROM n", "1;");
    scene_expect(&scene, "SELECT partition, position FROM penstock.positions", "data/a.ndjson|15;");
    /* the run can be repeated, and gives the same answer */
    scene_open(&scene, NULL);
    scene_fails(&scene, PENSTOCK_RULE_FAILED, "byte 15");
    scene_end(&scene);
}

static void places_survive_any_select(void **state) {
    (void)state;
    static const char *const selects[] = {
        "SELECT * FROM STREAM s",
        "SELECT d.* FROM STREAM s d",
        "SELECT id, v FROM STREAM s WHERE id > 0",
        "SELECT * EXCLUDE (name) FROM STREAM s",
        "SELECT d.*, w.* FROM STREAM s d LEFT JOIN w ON w.k = d.id",
        "SELECT * FROM STREAM s LEFT JOIN w ON w.k = s.id",
        "SELECT * FROM (SELECT * FROM STREAM s) AS q",
        "SELECT q.* FROM (SELECT id, v FROM STREAM s) AS q",
        "SELECT v, id FROM (SELECT d.id, d.v FROM STREAM s AS d) AS q WHERE id < 100",
        "WITH q AS (SELECT id, v + 0 AS v FROM STREAM s) SELECT * FROM q",
        "WITH q AS (SELECT * FROM STREAM s) SELECT r.* FROM q AS r",
        "SELECT COLUMNS(*) FROM STREAM s",
        "SELECT * REPLACE (v + 0 AS v) FROM STREAM s",
        "SELECT id, v FROM STREAM s WHERE id IN (SELECT k FROM w) OR id NOT IN (SELECT k FROM w)",
    };
    for (size_t i = 0; i < sizeof selects / sizeof selects[0]; i++) {
        struct scene scene;
        char sql[2000];
        scene_make(&scene, MANIFEST);
        scene_write(&scene, "data/a.ndjson", "{\"id\":1,\"v\":5}\n{\"id\":2,\"v\":-1}\n{\"id\":3,\"v\":2}\n");
        snprintf(
            sql, sizeof sql,
            "CREATE TABLE w AS SELECT 1 AS k, 'x' AS label;" SOURCE
            "CREATE STREAMING TABLE t (CONSTRAINT positive EXPECT (v > 0) ON VIOLATION DEAD LETTER) AS %s;"
            "CREATE STREAMING TABLE u (CONSTRAINT small EXPECT (v < 4) ON VIOLATION DEAD LETTER)"
            " AS SELECT *, id + 1 AS next FROM STREAM t;",
            selects[i]);
        scene_open(&scene, sql);
        scene_run(&scene);
        scene_expect(&scene, "SELECT id, v FROM t", "1|5.0;3|2.0;");
        scene_expect(&scene, "SELECT id, next FROM u", "3|4;");
        scene_expect(&scene, LETTERS,
                     "s|u|data/a.ndjson|0|rule|NULL|small|{\"id\":1,\"v\":5};"
                     "s|t|data/a.ndjson|15|rule|NULL|positive|{\"id\":2,\"v\":-1};");
        scene_end(&scene);
    }
}

static void a_record_with_several_rows_is_dead_as_a_whole(void **state) {
    (void)state;
    struct scene scene;
    scene_make(&scene, MANIFEST);
    scene_write(&scene, "data/a.ndjson", "{\"id\":1}\n{\"id\":2}\n");
    scene_open(
        &scene,
        "CREATE TABLE w AS SELECT * FROM (VALUES (1, 10), (1, -10), (2, 20), (2, 30)) AS w(k, x);" SOURCE
        "CREATE STREAMING TABLE t (CONSTRAINT positive EXPECT (x > 0) ON VIOLATION DEAD LETTER)"
        " AS SELECT s.id, w.x FROM STREAM s JOIN w ON w.k = s.id;"
        "CREATE MATERIALIZED VIEW n AS SELECT count(*) AS n, sum(x) AS s FROM STREAM t;");
    scene_run(&scene);
    scene_expect(&scene, "SELECT * FROM t ORDER BY x", "2|20;2|30;");
    scene_expect(&scene, "SELECT * FROM n", "2|50;");
    scene_expect(&scene, LETTERS, "s|t|data/a.ndjson|0|rule|NULL|positive|{\"id\":1};");
    scene_end(&scene);
}

static const char times[] = "{\"id\":1,\"at_time\":\"2013-01-01 00:00:00\"}\n"
                            "{\"id\":2,\"at_time\":\"2013-01-01 00:01:00\"}\n"
                            "{\"id\":3,\"at_time\":\"2013-01-01 00:00:50\"}\n" /* just in time */
                            "{\"id\":4,\"at_time\":\"2013-01-01 00:00:49.999\"}\n"
                            "{\"id\":5}\n"
                            "{\"id\":6,\"at_time\":\"2013-01-01 00:02:00\"}\n"
                            "{\"id\":7,\"at_time\":\"2013-01-01 00:01:00\"}\n";

static void lateness_is_told_by_the_records_before(void **state) {
    (void)state;
    struct scene scene;
    scene_make(&scene, MANIFEST);
    scene_write(&scene, "data/a.ndjson", times);
    scene_open(&scene, TIMED_SOURCE "CREATE STREAMING TABLE t AS SELECT id FROM STREAM s;");
    scene_run(&scene);
    scene_expect(&scene, "SELECT * FROM t", "1;2;3;6;");
    scene_expect(&scene,
                 "SELECT reason, column_name, lateness_ms, message FROM penstock.dead_letters ORDER BY id",
                 "late|at_time|10001|at_time is 10.001 s behind the latest record, 10.000 s are allowed;"
                 "null|at_time|NULL|at_time is NULL, but it is the event time;"
                 "late|at_time|60000|at_time is 60.000 s behind the latest record, 10.000 s are allowed;");
    scene_expect(&scene, "SELECT * FROM penstock.watermarks", "s|2013-01-01 00:01:50|2013-01-01 00:02:00;");
    /* the next run goes on from there */
    scene_write(&scene, "data/b.ndjson", "{\"id\":8,\"at_time\":\"2013-01-01 00:01:49\"}\n");
    scene_open(&scene, NULL);
    scene_run(&scene);
    scene_expect(&scene, "SELECT count(*) FROM t", "4;");
    scene_expect(&scene, "SELECT max(lateness_ms) FROM penstock.dead_letters WHERE position = 0", "11000;");
    scene_end(&scene);
}

/* Whatever is cut where, tables and dead letters are the same. */
static void epoch_borders_do_not_matter(void **state) {
    (void)state;
    static const char *const manifests[] = {MANIFEST, "name: test\nepoch: {bytes: 1k}\n",
                                            "name: test\nepoch: {bytes: 2k}\n"};
    char first[20000] = "";
    for (size_t i = 0; i < 3; i++) {
        struct scene scene;
        scene_make(&scene, manifests[i]);
        char line[100];
        for (int file = 0; file < 3; file++) {
            char name[40];
            snprintf(name, sizeof name, "data/%d.ndjson", file);
            scene_write(&scene, name, "");
            for (int j = 0; j < 60; j++) {
                const int second = file * 60 + j - (j % 9 == 0 ? 12 : 0);
                snprintf(line, sizeof line,
                         j % 13 == 5 ? "{%d %d\n" : "{\"id\":%d,\"at_time\":\"2013-01-01 01:%02d:%02d\"}\n",
                         file * 100 + j, second < 0 ? 0 : second / 60, second < 0 ? 0 : second % 60);
                scene_append(&scene, name, line);
            }
        }
        scene_open(&scene, TIMED_SOURCE
                   "CREATE STREAMING TABLE t AS SELECT * FROM STREAM s;"
                   "CREATE MATERIALIZED VIEW n AS SELECT id % 7 AS k, count(*) AS n, max(at_time) AS m"
                   " FROM STREAM t GROUP BY 1;");
        scene_run(&scene);
        assert_true(i == 0 ? scene.totals.epoch_count == 1 : scene.totals.epoch_count > 3);
        char all[20000];
        snprintf(all, sizeof all, "%s", scene_query(&scene, "SELECT * FROM t"));
        const size_t size = strlen(all);
        snprintf(all + size, sizeof all - size, "%s", scene_query(&scene, "SELECT * FROM n ORDER BY k"));
        const size_t more = strlen(all);
        snprintf(
            all + more, sizeof all - more, "%s",
            scene_query(
                &scene,
                "SELECT partition, position, reason, lateness_ms FROM penstock.dead_letters ORDER BY id"));
        if (i == 0) {
            memcpy(first, all, sizeof first);
        }
        assert_string_equal(all, first);
        scene_end(&scene);
    }
}

static void texts_that_do_not_cast_are_dead_letters(void **state) {
    (void)state;
    struct scene scene;
    scene_make(&scene, MANIFEST);
    scene_write(
        &scene, "data/a.ndjson",
        "{\"id\":1,\"price\":\"1.25\"}\n{\"id\":2,\"price\":\"much\"}\n{\"id\":3}\n{\"id\":4,\"price\":123456789}\n"
        "{\"id\":5,\"price\":7}\n");
    scene_open(&scene, SOURCE "CREATE STREAMING TABLE t AS SELECT id, price FROM STREAM s;");
    scene_run(&scene);
    scene_expect(&scene, "SELECT * FROM t", "1|1.25;3|NULL;5|7.00;");
    scene_expect(&scene,
                 "SELECT reason, column_name, position, message FROM penstock.dead_letters ORDER BY id",
                 "type|price|24|price: found 'much', expected DECIMAL(6,2);"
                 "type|price|57|price: found '123456789', expected DECIMAL(6,2);");
    scene_end(&scene);
}

static void a_bad_record_may_fail_the_epoch(void **state) {
    (void)state;
    struct scene scene;
    scene_make(&scene, MANIFEST);
    scene_write(&scene, "data/a.ndjson", "{\"id\":1}\n{\"id\":\"x\"}\n");
    scene_open(
        &scene,
        "CREATE SOURCE s (id INTEGER) WITH (connector = 'file', path = 'data/*.ndjson', on_bad_record = 'fail')"
        " FORMAT PLAIN ENCODE JSON; CREATE STREAMING TABLE t AS SELECT * FROM STREAM s;");
    scene_fails(&scene, PENSTOCK_INVALID_DATA, "data/a.ndjson, byte 9: ");
    scene_expect(&scene, "SELECT count(*) FROM t", "0;");
    scene_expect(&scene, "SELECT count(*) FROM penstock.dead_letters", "0;");
    scene_end(&scene);
}

static void a_select_that_fails_on_data_names_itself(void **state) {
    (void)state;
    struct scene scene;
    scene_make(&scene, MANIFEST);
    scene_write(&scene, "data/a.ndjson", "{\"id\":1,\"name\":\"7\"}\n{\"id\":2,\"name\":\"seven\"}\n");
    scene_open(&scene, SOURCE "\nCREATE STREAMING TABLE t AS SELECT name::INTEGER AS n FROM STREAM s;");
    scene_fails(&scene, PENSTOCK_SQL, "all.sql:2:29: t: ");
    assert_non_null(strstr(scene.error.message, "seven"));
    assert_non_null(strstr(scene.error.hint, "TRY_CAST"));
    scene_expect(&scene, "SELECT count(*) FROM t", "0;");
    scene_expect(&scene, "SELECT count(*) FROM penstock.positions", "0;");
    scene_end(&scene);
}

static void nothing_is_processed_twice(void **state) {
    (void)state;
    struct scene scene;
    scene_make(&scene, MANIFEST);
    scene_write(&scene, "data/a.ndjson", "{\"id\":1}\n{\"id\":2}\n");
    scene_open(&scene, SOURCE "CREATE STREAMING TABLE t AS SELECT id FROM STREAM s;"
                              "CREATE MATERIALIZED VIEW n AS SELECT count(*) AS n FROM STREAM s;");
    scene_run(&scene);
    scene_run(&scene); /* also on the same store */
    assert_int_equal(scene.totals.epoch_count, 0);
    scene_append(&scene, "data/a.ndjson", "{\"id\":3}\n");
    scene_open(&scene, NULL);
    scene_run(&scene);
    assert_int_equal(scene.totals.record_count, 1);
    scene_expect(&scene, "SELECT * FROM t", "1;2;3;");
    scene_expect(&scene, "SELECT * FROM n", "3;");
    scene_expect(
        &scene,
        "SELECT epoch, attempt > coalesce(lag(attempt) OVER (ORDER BY epoch), 0) FROM penstock.epochs"
        " ORDER BY epoch",
        "1|true;2|true;");
    scene_end(&scene);
}

static void empty_input_is_no_epoch(void **state) {
    (void)state;
    struct scene scene;
    scene_make(&scene, MANIFEST);
    scene_write(&scene, "data/a.ndjson", "");
    scene_open(&scene,
               SOURCE "CREATE STREAMING TABLE t AS SELECT id FROM STREAM s;"
                      "CREATE MATERIALIZED VIEW n AS SELECT count(*) AS n, sum(id) AS s FROM STREAM t;");
    scene_run(&scene);
    scene_expect(&scene, "SELECT * FROM t", "");
    scene_expect(&scene, "SELECT * FROM n", "0|NULL;");
    scene_end(&scene);
}

static void remove_first(const struct ps_event *event, void *context) {
    const struct scene *scene = context;
    if (event->kind == PS_EVENT_EPOCH_COMMITTED && event->epoch == 1) {
        char path[300];
        snprintf(path, sizeof path, "%s/data/a.ndjson", scene->folder);
        unlink(path);
    }
}

static void a_file_that_vanishes_while_it_is_read_is_an_error(void **state) {
    (void)state;
    struct scene scene;
    scene_make(&scene, "name: test\nepoch: {bytes: 1k}\n");
    for (int i = 0; i < 1000; i++) {
        char line[40];
        snprintf(line, sizeof line, "{\"id\":%d}\n", 1000 + i);
        scene_append(&scene, "data/a.ndjson", line);
    }
    scene_open(&scene, SOURCE "CREATE STREAMING TABLE t AS SELECT id FROM STREAM s;");
    const struct ps_runner_options options = {.graph = scene.graph,
                                              .store = scene.store,
                                              .once = true,
                                              .on_event = remove_first,
                                              .context = &scene};
    assert_int_not_equal(ps_runner_run(&options, &scene.totals, &scene.error), PENSTOCK_OK);
    assert_non_null(strstr(scene.error.message, "data/a.ndjson"));
    assert_true(scene.totals.epoch_count >= 1 && scene.totals.record_count < 1000);
    /* what was committed before is whole: rows and position agree (12 bytes a record) */
    scene_expect(&scene, "SELECT (SELECT count(*) FROM t) * 12 = (SELECT position FROM penstock.positions)",
                 "true;");
    scene_end(&scene);
}

/* --- running on -------------------------------------------------------------------------------------------------- */

struct guide {
    struct scene *scene;
    struct ps_stop stop;
    int pause_count;
    int64_t epoch_count, task_count, statement_count;
    int64_t row_count_seen;
};

static void on_event(const struct ps_event *event, void *context) {
    struct guide *guide = context;
    guide->epoch_count += event->kind == PS_EVENT_EPOCH_COMMITTED ? 1 : 0;
    guide->task_count += event->kind == PS_EVENT_TASK_FINISHED ? 1 : 0;
    guide->statement_count += event->kind == PS_EVENT_STATEMENT_FINISHED ? 1 : 0;
}

static void on_pause(void *context) {
    struct guide *guide = context;
    guide->pause_count++;
    if (guide->pause_count == 2) {
        scene_write(guide->scene, "data/b.ndjson", "{\"id\":2}\n");
    }
    /* no transaction is open: the store can be asked */
    int64_t count = 0;
    scene_must(guide->scene, ps_sql_integer(guide->scene->store->connection, "SELECT count(*) FROM t", &count,
                                            &guide->scene->error));
    guide->row_count_seen = count;
    if (count == 2 || guide->pause_count > 1000) {
        atomic_store(&guide->stop.requested, 1);
    }
}

static void a_running_stream_sees_new_files_and_stops(void **state) {
    (void)state;
    struct scene scene;
    scene_make(&scene, "name: test\nepoch: {interval: 5 ms}\n");
    scene_write(&scene, "data/a.ndjson", "{\"id\":1}\n");
    scene_open(&scene, SOURCE "CREATE STREAMING TABLE t AS SELECT id FROM STREAM s;");
    struct guide guide = {.scene = &scene};
    const struct ps_runner_options options = {.graph = scene.graph,
                                              .store = scene.store,
                                              .application = "a",
                                              .stop = &guide.stop,
                                              .on_event = on_event,
                                              .on_pause = on_pause,
                                              .context = &guide};
    scene_must(&scene, ps_runner_run(&options, &scene.totals, &scene.error));
    assert_int_equal(guide.row_count_seen, 2);
    assert_int_equal(guide.epoch_count, 2);
    assert_int_equal(guide.task_count, 2);
    assert_int_equal(guide.statement_count, 2);
    assert_int_equal(scene.totals.epoch_count, 2);
    scene_end(&scene);
}

static void a_stop_before_the_first_epoch_does_nothing(void **state) {
    (void)state;
    struct scene scene;
    scene_make(&scene, MANIFEST);
    scene_write(&scene, "data/a.ndjson", "{\"id\":1}\n");
    scene_open(&scene, SOURCE "CREATE STREAMING TABLE t AS SELECT id FROM STREAM s;");
    struct ps_stop stop;
    atomic_init(&stop.requested, 1);
    const struct ps_runner_options options = {.graph = scene.graph, .store = scene.store, .stop = &stop};
    scene_must(&scene, ps_runner_run(&options, &scene.totals, &scene.error));
    assert_int_equal(scene.totals.epoch_count, 0);
    scene_end(&scene);
}

/* A full disk, played by a limit on the size of files, in a process of its own. */
static int run_on_a_small_disk(struct scene *scene) {
    signal(SIGXFSZ, SIG_IGN);
    const struct rlimit limit = {300000, 300000};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) {
        return 90;
    }
    const struct ps_store_options store = {.path = scene->project->store_path};
    if (ps_store_open(&store, &scene->store, &scene->error) != PENSTOCK_OK) {
        return 91;
    }
    const penstock_code code = scene_try(scene);
    fprintf(stderr, "%s: %s (%s)\n", ps_error_code_name(code), scene->error.message, scene->error.hint);
    return (int)code;
}

static void a_full_disk_is_an_error_and_loses_nothing(void **state) {
    (void)state;
    struct scene scene;
    scene_make(&scene, "name: test\nepoch: {bytes: 64k}\n");
    for (int i = 0; i < 20000; i++) {
        char line[80];
        snprintf(line, sizeof line, "{\"id\":%d,\"v\":%d.%d,\"name\":\"n%d\"}\n", 100000 + i,
                 i * 7919 % 10007, i % 97, i * 31);
        scene_append(&scene, "data/a.ndjson", line);
    }
    const char *sql =
        SOURCE "CREATE STREAMING TABLE t AS SELECT id, v, name FROM STREAM s;"
               "CREATE MATERIALIZED VIEW n AS SELECT count(*) AS n, sum(id) AS s FROM STREAM t;";
    scene_write(&scene, "all.sql", sql);
    const struct ps_project_options options = {.master = "local[2]"};
    scene_must(&scene, ps_project_load(scene.folder, &options, &scene.project, &scene.error));
    scene_must(&scene, ps_graph_build(scene.project, &scene.graph, &scene.error));
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        _exit(run_on_a_small_disk(&scene));
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), PENSTOCK_IO);
    scene_open(&scene, NULL);
    scene_expect(&scene,
                 "SELECT (SELECT count(*) FROM t) = (SELECT coalesce(sum(records), 0) FROM penstock.epochs),"
                 " (SELECT count(*) FROM t) = (SELECT n FROM n), (SELECT count(*) FROM t) < 20000",
                 "true|true|true;");
    scene_run(&scene);
    scene_expect(&scene, "SELECT count(*), sum(id) FROM t", "20000|2199990000;");
    scene_expect(&scene, "SELECT * FROM n", "20000|2199990000;");
    scene_end(&scene);
}

static void old_epochs_are_forgotten(void **state) {
    (void)state;
    struct scene scene;
    scene_make(&scene, MANIFEST);
    scene_write(&scene, "data/a.ndjson", "{\"id\":1}\n{\"id\":-2}\n");
    scene_open(&scene, SOURCE
               "CREATE STREAMING TABLE t (CONSTRAINT plus EXPECT (id > 0)) AS SELECT id FROM STREAM s;");
    scene_must(&scene,
               ps_sql_run(scene.store->connection,
                          "INSERT INTO penstock.epochs(epoch, attempt) VALUES (999, 1), (1000, 1), (1001, 1),"
                          " (1000999, 1); INSERT INTO penstock.rule_violations VALUES (1000, 't', 'plus',"
                          " 'keep', 7), (1001, 't', 'plus', 'keep', 8)",
                          &scene.error));
    scene_run(&scene);
    scene_expect(&scene, "SELECT epoch, records FROM penstock.epochs ORDER BY epoch",
                 "1001|NULL;1000999|NULL;1001000|2;");
    scene_expect(&scene, "SELECT epoch, violations FROM penstock.rule_violations ORDER BY epoch",
                 "1001|8;1001000|1;");
    scene_end(&scene);
}

static void epoch_time_is_one_value_an_epoch(void **state) {
    (void)state;
    struct scene scene;
    scene_make(&scene, MANIFEST);
    scene_write(&scene, "data/a.ndjson", "{\"id\":1}\n{\"id\":2}\n");
    scene_open(&scene,
               SOURCE "CREATE STREAMING TABLE t AS SELECT id, epoch_time() AS at_epoch FROM STREAM s;");
    scene_run(&scene);
    scene_expect(&scene, "SELECT count(DISTINCT at_epoch), min(at_epoch) > TIMESTAMP '2020-01-01' FROM t",
                 "1|true;");
    scene_end(&scene);
}

static void epoch_time_moves_on_in_views(void **state) {
    (void)state;
    struct scene scene;
    scene_make(&scene, "name: test\nepoch:\n  bytes: 1k\n");
    FILE *file = NULL;
    char path[600];
    snprintf(path, sizeof path, "%s/data/a.ndjson", scene.folder);
    file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 2000; i++) { /* 20 epochs, which take longer than the clock's millisecond */
        fprintf(file, "{\"id\":%d}\n", i);
    }
    fclose(file);
    scene_open(&scene, SOURCE
               "CREATE STREAMING TABLE t AS SELECT id, epoch_time() AS at_epoch FROM STREAM s;"
               "CREATE MATERIALIZED VIEW v AS SELECT min(epoch_time()) AS first, max(epoch_time()) AS last"
               " FROM STREAM s;");
    scene_run(&scene);
    scene_expect(
        &scene,
        "SELECT first = (SELECT min(at_epoch) FROM t), last = (SELECT max(at_epoch) FROM t), first < last"
        " FROM v",
        "true|true|true;");
    scene_end(&scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_decide_about_rows),
        cmocka_unit_test(fail_update_writes_nothing_of_the_epoch),
        cmocka_unit_test(places_survive_any_select),
        cmocka_unit_test(a_record_with_several_rows_is_dead_as_a_whole),
        cmocka_unit_test(lateness_is_told_by_the_records_before),
        cmocka_unit_test(epoch_borders_do_not_matter),
        cmocka_unit_test(texts_that_do_not_cast_are_dead_letters),
        cmocka_unit_test(a_bad_record_may_fail_the_epoch),
        cmocka_unit_test(a_select_that_fails_on_data_names_itself),
        cmocka_unit_test(nothing_is_processed_twice),
        cmocka_unit_test(empty_input_is_no_epoch),
        cmocka_unit_test(a_file_that_vanishes_while_it_is_read_is_an_error),
        cmocka_unit_test(a_running_stream_sees_new_files_and_stops),
        cmocka_unit_test(a_stop_before_the_first_epoch_does_nothing),
        cmocka_unit_test(a_full_disk_is_an_error_and_loses_nothing),
        cmocka_unit_test(old_epochs_are_forgotten),
        cmocka_unit_test(epoch_time_is_one_value_an_epoch),
        cmocka_unit_test(epoch_time_moves_on_in_views),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
