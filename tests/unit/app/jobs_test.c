/* SPDX-License-Identifier: Apache-2.0
 *
 * jobs_test.c - a run with its jobs beside it, and people who ask, all in one process: what the thread sanitizer is to
 * look at. Through app.h alone.
 */
#include "app/app.h"

#include <string.h>

#include "app/control.h"
#include "base/clock.h"
#include "base/file.h"
#include "scene.h"

#define WAIT_MS 120000

static const char statements[] =
    "CREATE SOURCE s (x DOUBLE, y DOUBLE) WITH (connector = 'file', path = 'data/*.ndjson') FORMAT PLAIN ENCODE JSON;\n"
    "CREATE STREAMING TABLE t AS SELECT * FROM STREAM s;\n"
    "SET TimeZone = 'Asia/Tokyo';\n"
    "CREATE OR REPLACE TEMP TABLE wide AS SELECT i FROM range(60) AS r(i);\n"
    "CREATE MODEL m PREDICT y USING LinearRegression VALIDATE CrossValidator(numFolds = 2, seed = 1)\n"
    "  AS SELECT x + i * 1e-9 AS x, y FROM t, wide;\n"
    "CREATE JOB often FOR MODEL m AFTER 300 ROWS WITH (cores = 2);\n"
    "CREATE JOB yearly FOR MODEL m EVERY '@yearly' OR ON DRIFT CHECK EVERY INTERVAL 1 SECOND;\n";

static char *folder;
static int file_count;

static void write_file(const char *name, const char *text, size_t size) {
    struct penstock_error error = {0};
    char *path = NULL;
    assert_true(asprintf(&path, "%s/%s", folder, name) > 0);
    must(ps_file_replace(path, text, size, &error), &error);
    free(path);
}

static void add_rows(int count) {
    char name[64];
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    for (int i = 0; i < count; i++) {
        const double x = (double)((i * 7919 + file_count * 31) % 1000) / 1000.0;
        fprintf(out, "{\"x\": %.6f, \"y\": %.6f}\n", x, 3 * x + (double)(i * 104729 % 100) / 100.0);
    }
    (void)fclose(out);
    (void)snprintf(name, sizeof name, "data/%04d.ndjson", ++file_count);
    write_file(name, text, size);
    free(text);
}

static int set_up(void **state) {
    (void)state;
    struct penstock_error error = {0};
    char *path = NULL;
    folder = make_store();
    assert_true(asprintf(&path, "%s/data", folder) > 0);
    must(ps_file_make_folders(path, &error), &error);
    free(path);
    write_file("penstock.yml", "name: jobs\nmaster: local[4]\n", strlen("name: jobs\nmaster: local[4]\n"));
    write_file("all.sql", statements, strlen(statements));
    file_count = 0;
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    free_store(folder);
    return 0;
}

static struct ps_app *open_project(void) {
    struct penstock_error error = {0};
    struct ps_app *opened = NULL;
    const struct ps_app_options options = {.folder = folder};
    must(ps_app_open(&options, &opened, &error), &error);
    return opened;
}

/* The run, in a thread of its own. */
struct runner {
    struct ps_app *app;
    struct ps_thread thread;
    atomic_bool has_ended;
    penstock_code code;
    struct penstock_error error;
};

static void *run_project(void *argument) {
    struct runner *runner = argument;
    const struct ps_app_run_options options = {.once = false};
    struct ps_run_report *report = NULL;
    runner->code = ps_app_run(runner->app, &options, &report, &runner->error);
    ps_run_report_free(report);
    atomic_store(&runner->has_ended, true);
    return NULL;
}

static void start(struct runner *runner) {
    struct penstock_error error = {0};
    *runner = (struct runner){.app = open_project()};
    must(ps_thread_start(&runner->thread, "run", run_project, runner, &error), &error);
}

static void stop(struct runner *runner) {
    ps_app_stop(runner->app);
    ps_thread_join(&runner->thread);
    must(runner->code, &runner->error);
    ps_app_close(runner->app);
}

/* One number; -1 when it cannot be asked for yet. */
static int64_t ask(struct ps_app *app, const char *sql) {
    struct penstock_error error = {0};
    struct ps_text_table *table = NULL;
    if (ps_app_query(app, sql, &table, &error) != PENSTOCK_OK) {
        return -1;
    }
    const int64_t value = table->row_count == 0 || table->cells[0] == NULL ? -1 : atoll(table->cells[0]);
    ps_text_table_free(table);
    return value;
}

static void wait_for(struct ps_app *app, const char *sql, int64_t least) {
    const int64_t end_ns = ps_clock_monotonic_ns() + (int64_t)WAIT_MS * 1000000;
    while (ask(app, sql) < least) {
        assert_true(ps_clock_monotonic_ns() < end_ns);
        ps_clock_sleep_ms(20);
    }
}

static void wait_for_socket(struct runner *runner) {
    const int64_t end_ns = ps_clock_monotonic_ns() + (int64_t)WAIT_MS * 1000000;
    char *path = NULL;
    assert_true(asprintf(&path, "%s/store", folder) > 0);
    while (!ps_control_is_served(path)) {
        assert_false(atomic_load(&runner->has_ended));
        assert_true(ps_clock_monotonic_ns() < end_ns);
        ps_clock_sleep_ms(10);
    }
    free(path);
}

/* What somebody else does meanwhile. */
struct asker {
    struct ps_thread thread;
    penstock_code code;
    struct penstock_error error;
    struct ps_job_result result;
};

static void *ask_for_training(void *argument) {
    struct asker *asker = argument;
    struct ps_app *app = open_project();
    const struct ps_app_run_options options = {.once = true};
    asker->code = ps_app_jobs_run(app, "yearly", &options, &asker->result, &asker->error);
    ps_app_close(app);
    return NULL;
}

static void test_beside_the_stream(void **state) {
    (void)state;
    struct penstock_error error = {0};
    struct runner runner;
    struct asker askers[2] = {0};
    add_rows(400);
    start(&runner);
    wait_for_socket(&runner);
    struct ps_app *other = open_project();
    wait_for(other, "SELECT count(*) FROM penstock.job_runs", 2); /* one training, for both jobs */
    assert_int_equal(ask(other, "SELECT count(*) FROM penstock.models"), 1);
    add_rows(100);
    for (size_t i = 0; i < 2; i++) {
        must(ps_thread_start(&askers[i].thread, "asker", ask_for_training, &askers[i], &error), &error);
    }
    for (int i = 0; i < 5; i++) { /* a list and a status at any moment */
        struct ps_text_table *table = NULL;
        must(ps_app_jobs_list(other, &table, &error), &error);
        assert_int_equal(table->row_count, 2);
        ps_text_table_free(table);
        must(ps_app_status(other, &table, &error), &error);
        ps_text_table_free(table);
        add_rows(5);
    }
    for (size_t i = 0; i < 2; i++) {
        ps_thread_join(&askers[i].thread);
        must(askers[i].code, &askers[i].error);
        assert_true(askers[i].result.version >= 1);
    }
    add_rows(300); /* nobody asks for these */
    wait_for(other, "SELECT count(*) FROM penstock.job_runs WHERE reason LIKE '%300 new rows%'", 1);
    /* as many versions as trainings that made one */
    assert_int_equal(ask(other, "SELECT count(*) - count(DISTINCT version) FROM penstock.models"), 0);
    assert_int_equal(ask(other, "SELECT count(*) FROM penstock.job_runs WHERE outcome = 'failed'"), 0);
    ps_app_close(other);
    stop(&runner);
}

/* Stopped in the middle: it ends at once, nothing is left, whoever waited is told. */
static void test_stopped(void **state) {
    (void)state;
    struct penstock_error error = {0};
    struct runner runner;
    struct asker asker = {.code = PENSTOCK_OK};
    add_rows(20000);
    start(&runner);
    wait_for_socket(&runner);
    must(ps_thread_start(&asker.thread, "asker", ask_for_training, &asker, &error), &error);
    struct ps_app *other = open_project();
    wait_for(other, "SELECT count(*) FROM penstock.epochs", 1);
    ps_clock_sleep_ms(100);
    stop(&runner);
    ps_thread_join(&asker.thread);
    /* refused by the one that ended, or, asked again by itself, trained directly */
    assert_true(asker.code == PENSTOCK_CANCELLED || asker.code == PENSTOCK_OK ||
                asker.code == PENSTOCK_NOT_FOUND || asker.code == PENSTOCK_BUSY);
    const int64_t made = ask(other, "SELECT count(*) FROM penstock.models");
    const int64_t noted = ask(other, "SELECT count(DISTINCT version) FROM penstock.job_runs");
    assert_int_equal(made, noted < 0 ? 0 : noted);
    ps_app_close(other);
}

static void test_unknown(void **state) {
    (void)state;
    struct penstock_error error = {0};
    struct ps_job_result result;
    struct ps_app *app = open_project();
    const struct ps_app_run_options options = {.once = true};
    assert_int_equal(ps_app_jobs_run(app, "oftn", &options, &result, &error), PENSTOCK_NOT_FOUND);
    assert_string_equal(error.message, "there is no job oftn");
    assert_string_equal(error.hint, "did you mean often?");
    ps_app_close(app);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_beside_the_stream, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stopped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unknown, set_up, tear_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
