/* SPDX-License-Identifier: Apache-2.0
 *
 * run_test.c - the project that `penstock init` makes, from its first run to its last question, through app.h alone.
 */
#include "app/application.h"

#include <math.h>
#include <string.h>

#include "app/control.h"
#include "app/record.h"
#include "base/clock.h"
#include "base/file.h"
#include "publish/json.h"
#include "scene.h"

static char *folder;
static struct ps_app *app;

static struct ps_app *open_project(const char *const *settings) {
    struct penstock_error error = {0};
    struct ps_app *opened = NULL;
    const struct ps_app_options options = {.folder = folder, .project = {.settings = settings}};
    must(ps_app_open(&options, &opened, &error), &error);
    return opened;
}

static int set_up(void **state) {
    (void)state;
    struct penstock_error error = {0};
    folder = make_store();
    must(ps_app_init(folder, &error), &error);
    app = open_project(NULL);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    ps_app_close(app);
    free_store(folder);
    return 0;
}

static penstock_code run(struct ps_run_report **report_out, struct penstock_error *error) {
    const struct ps_app_run_options options = {.once = true};
    return ps_app_run(app, &options, report_out, error);
}

static struct ps_run_report *must_run(void) {
    struct penstock_error error = {0};
    struct ps_run_report *report = NULL;
    must(run(&report, &error), &error);
    assert_non_null(report);
    return report;
}

/* One value of a query. The text stays until the next call. */
static const char *ask(const char *sql) {
    static char text[1024];
    struct penstock_error error = {0};
    struct ps_text_table *table = NULL;
    must(ps_app_query(app, sql, &table, &error), &error);
    (void)snprintf(text, sizeof text, "%s",
                   table->row_count == 0 || table->cells[0] == NULL ? "NULL" : table->cells[0]);
    ps_text_table_free(table);
    return text;
}

static void write_file(const char *name, const char *text) {
    struct penstock_error error = {0};
    char *path = NULL;
    assert_true(asprintf(&path, "%s/%s", folder, name) > 0);
    must(ps_file_replace(path, text, strlen(text), &error), &error);
    free(path);
}

/* The pipeline with one piece of text replaced, opened anew. */
static void change_pipeline(const char *from, const char *to) {
    struct penstock_error error = {0};
    struct ps_arena *arena = ps_arena_new(0);
    struct ps_bytes sql;
    char *path = ps_arena_printf(arena, "%s/pipeline.sql", folder);
    must(ps_file_read(path, 1 << 20, arena, &sql, &error), &error);
    const char *at = strstr(sql.data, from);
    assert_non_null(at);
    write_file("pipeline.sql",
               ps_arena_printf(arena, "%.*s%s%s", (int)(at - sql.data), sql.data, to, at + strlen(from)));
    ps_arena_free(arena);
    ps_app_close(app);
    app = open_project(NULL);
}

static const char *last_state(void) {
    static char text[64];
    struct ps_arena *arena = ps_arena_new(0);
    struct ps_application_record *records = NULL;
    struct penstock_error error = {0};
    size_t count = 0;
    char *store = ps_path_join(arena, folder, "store");
    must(ps_record_list(store, arena, &records, &count, &error), &error);
    (void)snprintf(text, sizeof text, "%s %s %d", ps_application_state_name(records[count - 1].state),
                   records[count - 1].final_status, (int)records[count - 1].exit_code);
    ps_arena_free(arena);
    return text;
}

static void init_makes_a_project_once(void **state) {
    (void)state;
    struct penstock_error error = {0};
    assert_int_equal(ps_app_init(folder, &error), PENSTOCK_ALREADY_EXISTS);
    assert_non_null(strstr(error.message, "is there already and not empty"));
    char *file = NULL;
    assert_true(asprintf(&file, "%s/penstock.yml", folder) > 0);
    assert_int_equal(ps_app_init(file, &error), PENSTOCK_ALREADY_EXISTS);
    assert_non_null(strstr(error.message, "no folder"));
    free(file);
}

static void before_the_first_run(void **state) {
    (void)state;
    struct penstock_error error = {0};
    struct ps_text_table *table = NULL;
    struct ps_buffer json;
    ps_buffer_init(&json, 1 << 20);
    assert_string_equal(ask("SELECT 41 + 1"), "42");
    assert_int_equal(ps_app_query(app, "FROM clean_visits", &table, &error), PENSTOCK_NOT_FOUND);
    assert_string_equal(error.message, "there is no store yet");
    assert_int_equal(ps_app_models_show(app, "loading", &json, &error), PENSTOCK_NOT_FOUND);
    assert_int_equal(ps_app_predict(app, "loading", "a\n1\n", false, &table, &error), PENSTOCK_NOT_FOUND);
    must(ps_app_status(app, &table, &error), &error);
    assert_string_equal(table->cells[2], "not made yet");
    ps_text_table_free(table);
    struct ps_replay_totals totals;
    assert_int_equal(ps_app_dlq_replay(app, NULL, NULL, &totals, &error), PENSTOCK_NOT_FOUND);
    ps_buffer_done(&json);
}

static void a_run_does_everything_once(void **state) {
    (void)state;
    struct ps_run_report *report = must_run();
    assert_int_equal(report->totals.record_count, 600);
    assert_int_equal(report->totals.dead_letter_count, 3);
    assert_int_equal(report->dead_letters->row_count, 3);
    assert_int_equal(report->violations->row_count, 1);
    assert_int_equal(report->tables->row_count, 2);
    assert_string_equal(report->tables->cells[2], "597");
    assert_int_equal(report->model_count, 1);
    const struct ps_model_outcome *outcome = &report->models[0];
    assert_int_equal(outcome->version, 1);
    assert_true(outcome->report->passed);
    assert_int_equal(outcome->sample_count, 3);
    assert_int_equal(outcome->candidate->scan_count, 1);
    ps_run_report_free(report);
    assert_string_equal(last_state(), "FINISHED SUCCEEDED 0");
    report = must_run();
    assert_int_equal(report->totals.record_count, 0);
    assert_int_equal(report->dead_letters->row_count, 0);
    assert_true(report->models[0].is_skipped);
    assert_int_equal(report->models[0].version, 1);
    ps_run_report_free(report);
    assert_string_equal(ask("SELECT count(*) FROM penstock.models"), "1");
    assert_string_equal(ask("SELECT count(*) FROM clean_visits"), "597");
}

static void a_refusal_is_an_answer(void **state) {
    (void)state;
    struct penstock_error error = {0};
    struct ps_run_report *report = NULL;
    change_pipeline("rmse <= 1,", "rmse <= 0.01,");
    assert_int_equal(run(&report, &error), PENSTOCK_GATE_REFUSED);
    assert_non_null(strstr(error.message, "model loading version 1 was not published: refused: rmse 0.26"));
    assert_non_null(report);
    assert_int_equal(report->totals.record_count, 600);
    ps_run_report_free(report);
    assert_string_equal(last_state(), "FINISHED FAILED 3");
    assert_string_equal(ask("SELECT status FROM penstock.models"), "refused");
    assert_string_equal(ask("SELECT count(*) FROM penstock.model_aliases"), "0");
    struct ps_fitted *fitted = NULL;
    int64_t version = 0;
    assert_int_equal(ps_app_load_model(app, "loading@1", &fitted, &version, &error), PENSTOCK_NOT_FOUND);
    assert_string_equal(
        error.message, "version 1 of model loading was refused by its gate, so it cannot be used to predict");
    assert_int_equal(ps_app_load_model(app, "loading", &fitted, &version, &error), PENSTOCK_NOT_FOUND);
    report = must_run(); /* nothing new: not trained again, not refused again */
    assert_true(report->models[0].is_skipped);
    ps_run_report_free(report);
    change_pipeline("rmse <= 0.01,", "rmse <= 1,");
    report = must_run(); /* another statement: trained again, now published */
    assert_int_equal(report->models[0].version, 2);
    assert_true(report->models[0].report->passed);
    ps_run_report_free(report);
}

static void more_data_asks_for_a_better_model(void **state) {
    (void)state;
    struct penstock_error error = {0};
    struct ps_run_report *report = must_run();
    ps_run_report_free(report);
    write_file(
        "data/zz.ndjson",
        "{\"visit\": 9001, \"page\": \"home\", \"network\": \"4g\", \"started_at\": \"2026-01-07T21:30:00\", \"size_kb\": 500, \"visitors\": 90, \"loading_time\": 1.1}\n");
    assert_int_equal(run(&report, &error), PENSTOCK_GATE_REFUSED); /* one row more is no better model */
    assert_non_null(strstr(error.message, "improvement over champion version 1 is"));
    assert_int_equal(report->models[0].champion_before, 1);
    assert_int_equal(report->models[0].version, 2);
    ps_run_report_free(report);
    assert_string_equal(ask("SELECT version FROM penstock.model_aliases WHERE alias = 'champion'"), "1");
    assert_string_equal(
        ask("SELECT list_sort(json_keys(positions, '$.visits')) FROM penstock.models WHERE version = 2"),
        "[data/visits.ndjson, data/zz.ndjson]");
}

static void a_batch_project_trains_the_same_bits(void **state) {
    (void)state;
    write_file(
        "pipeline.sql",
        "CREATE TABLE rows AS SELECT i, i % 7 AS x, (i * 37) % 11 AS noise, 3.0 * (i % 7) + ((i * 37) % 11) / 10.0 AS y FROM range(500) t(i);\n"
        "CREATE MODEL m PREDICT y USING LinearRegression(regParam = GRID(0, 0.1)) HOLDOUT LAST 20 PERCENT BY i AS SELECT i, x, y FROM rows;\n");
    ps_app_close(app);
    app = open_project(NULL);
    struct ps_run_report *report = must_run();
    assert_true(report->models[0].report->passed);
    ps_run_report_free(report);
    report = must_run(); /* no source says that nothing changed, so it is trained, and found to be the same */
    assert_false(report->models[0].is_skipped);
    assert_true(report->models[0].is_unchanged);
    assert_int_equal(report->models[0].version, 1);
    ps_run_report_free(report);
    assert_string_equal(ask("SELECT count(*) FROM penstock.models"), "1");
}

static void predictions_are_those_of_the_hold_out(void **state) {
    (void)state;
    struct penstock_error error = {0};
    struct ps_text_table *table = NULL;
    struct ps_run_report *report = must_run();
    double label = report->models[0].sample_labels[1];
    double expected = report->models[0].sample_predictions[1];
    ps_run_report_free(report);
    char sql[256];
    (void)snprintf(sql, sizeof sql, "FROM clean_visits WHERE loading_time = %.17g", label);
    must(ps_app_predict(app, "models:/loading@champion", sql, true, &table, &error), &error);
    assert_string_equal(table->names[table->column_count - 1], "prediction");
    bool found = false;
    for (int64_t row = 0; row < table->row_count; row++) {
        found = found || strtod(table->cells[(size_t)row * table->column_count + table->column_count - 1],
                                NULL) == expected;
    }
    assert_true(found); /* the same bits */
    ps_text_table_free(table);
    must(
        ps_app_predict(app, "loading",
                       "NETWORK,page,size_kb,visitors\n3g,home,500,100\nsatellite,home,500,100\n4g,home,,1\n",
                       false, &table, &error),
        &error);
    assert_int_equal(table->row_count, 3);
    assert_non_null(table->cells[4]);
    assert_non_null(table->cells[9]); /* handleInvalid = 'keep' */
    assert_null(table->cells[14]);    /* a NULL that no Imputer fills */
    ps_text_table_free(table);
    assert_int_equal(ps_app_predict(app, "loading",
                                    "network,page,size_kb,visitors\n3g,home,5,1\n3g,home,big,1\n", false,
                                    &table, &error),
                     PENSTOCK_INVALID_DATA);
    assert_string_equal(error.message, "row 2, column size_kb: 'big' is not a number");
    assert_int_equal(
        ps_app_predict(app, "loading", "network,page,size,visitors\n3g,home,5,1\n", false, &table, &error),
        PENSTOCK_INVALID_DATA);
    assert_string_equal(error.message, "the rows have no column 'size_kb', which model loading reads");
}

static void dead_letters_come_back(void **state) {
    (void)state;
    struct penstock_error error = {0};
    struct ps_text_table *table = NULL;
    struct ps_replay_totals totals = {0};
    ps_run_report_free(must_run());
    must(ps_app_dlq_list(app, "visits", "late", 10, &table, &error), &error);
    assert_int_equal(table->row_count, 1);
    ps_text_table_free(table);
    assert_int_equal(ps_app_dlq_list(app, NULL, "lat", 10, &table, &error), PENSTOCK_INVALID_ARGUMENT);
    assert_string_equal(error.hint, "did you mean late?");
    assert_int_equal(ps_app_dlq_list(app, "visit", NULL, 10, &table, &error), PENSTOCK_NOT_FOUND);
    assert_string_equal(error.hint, "did you mean visits?");
    must(ps_app_dlq_replay(app, NULL, "late", &totals, &error), &error);
    assert_int_equal(totals.tried, 1);
    assert_int_equal(totals.replayed, 1);
    assert_string_equal(ask("SELECT count(*) FROM clean_visits"), "598");
    assert_string_equal(last_state(), "FINISHED SUCCEEDED 0");
    must(ps_app_dlq_replay(app, NULL, "late", &totals, &error), &error);
    assert_int_equal(totals.tried, 0);
}

/* ---- a run that goes on ---- */

struct live {
    struct ps_app *app; /* of its own: a struct ps_app belongs to one thread */
    struct ps_run_report *report;
    struct penstock_error error;
    penstock_code code;
    struct ps_thread thread;
};

static void *run_on(void *argument) {
    struct live *live = argument;
    const struct ps_app_run_options options = {.once = false};
    live->code = ps_app_run(live->app, &options, &live->report, &live->error);
    return NULL;
}

static void begin_live(struct live *live) {
    struct penstock_error error = {0};
    live->app = open_project(NULL);
    must(ps_thread_start(&live->thread, "live", run_on, live, &error), &error);
    for (int i = 0; i < 2000; i++) {
        struct ps_text_table *table = NULL;
        if (ps_control_is_served(ps_app_project(app)->store_path) &&
            ps_app_query(app, "SELECT count(*) FROM penstock.model_aliases", &table, &error) == PENSTOCK_OK) {
            const bool is_there = strcmp(table->cells[0], "1") == 0;
            ps_text_table_free(table);
            if (is_there) {
                return;
            }
        }
        ps_clock_sleep_ms(10);
    }
    fail_msg("no model after 20 s");
}

static void end_live(struct live *live) {
    ps_thread_join(&live->thread);
    ps_run_report_free(live->report);
    ps_app_close(live->app);
}

static void a_running_process_answers(void **state) {
    (void)state;
    struct live live = {0};
    struct penstock_error error = {0};
    struct ps_text_table *table = NULL;
    struct ps_replay_totals totals = {0};
    struct ps_buffer json;
    begin_live(&live);
    must(ps_app_status(app, &table, &error), &error);
    assert_string_equal(table->cells[2], "open in a running application");
    ps_text_table_free(table);
    ps_buffer_init(&json, 1 << 20);
    must(ps_app_models_show(app, "loading@1", &json, &error), &error);
    assert_non_null(strstr(json.data, "\"verdict\": \"passed\""));
    ps_buffer_done(&json);
    must(ps_app_predict(app, "loading", "FROM clean_visits LIMIT 2", true, &table, &error), &error);
    assert_int_equal(table->row_count, 2);
    ps_text_table_free(table);
    must(ps_app_dlq_replay(app, "visits", "late", &totals, &error), &error);
    assert_int_equal(totals.replayed, 1);
    write_file(
        "data/zz.ndjson",
        "{\"visit\": 9001, \"page\": \"home\", \"network\": \"4g\", \"started_at\": \"2026-01-07T21:30:00\", \"size_kb\": 500, \"visitors\": 90, \"loading_time\": 1.1}\n");
    for (int i = 0; i < 1000 && strcmp(ask("SELECT count(*) FROM clean_visits"), "599") != 0; i++) {
        ps_clock_sleep_ms(10);
    }
    assert_string_equal(ask("SELECT count(*) FROM clean_visits"),
                        "599"); /* 597, the replayed one, the new one */
    ps_app_stop(live.app);
    end_live(&live);
    assert_int_equal(live.code, PENSTOCK_OK);
    assert_string_equal(last_state(), "FINISHED SUCCEEDED 0");
    assert_string_equal(ask("SELECT count(DISTINCT epoch) = count(*) FROM penstock.epochs"), "true");
    assert_string_equal(ask("SELECT count(DISTINCT id) = count(*) FROM penstock.dead_letters"), "true");
}

static void a_second_run_is_told_who_holds_the_store(void **state) {
    (void)state;
    struct live live = {0};
    struct penstock_error error = {0};
    struct ps_run_report *report = NULL;
    begin_live(&live);
    const int64_t begin_ns = ps_clock_monotonic_ns();
    assert_int_equal(run(&report, &error), PENSTOCK_BUSY);
    assert_true(ps_clock_monotonic_ns() - begin_ns < (int64_t)4 * 1000000000); /* it is not waited for */
    assert_non_null(strstr(error.message, "another run of this project holds the store"));
    assert_null(report);
    assert_string_equal(last_state(), "FAILED FAILED 1");
    ps_app_stop(live.app);
    end_live(&live);
    assert_int_equal(live.code, PENSTOCK_OK);
}

static void a_killed_one_says_so(void **state) {
    (void)state;
    struct live live = {0};
    struct penstock_error error = {0};
    struct ps_buffer out;
    begin_live(&live);
    struct ps_arena *arena = ps_arena_new(0);
    struct ps_application_record *records = NULL;
    size_t count = 0;
    const char *store = ps_app_project(app)->store_path;
    must(ps_record_list(store, arena, &records, &count, &error), &error);
    ps_buffer_init(&out, 1 << 20);
    must(ps_application_kill(store, records[0].id, &out, &error), &error);
    assert_string_equal(out.data, ps_arena_printf(arena, "Killing application %s\nKilled application %s\n",
                                                  records[0].id, records[0].id));
    end_live(&live);
    assert_int_equal(live.code, PENSTOCK_CANCELLED);
    assert_string_equal(last_state(), "KILLED KILLED 1");
    ps_buffer_done(&out);
    ps_arena_free(arena);
}

static void a_stop_before_the_end_is_cancelled(void **state) {
    (void)state;
    struct penstock_error error = {0};
    struct ps_run_report *report = NULL;
    ps_app_stop(app);
    assert_int_equal(run(&report, &error), PENSTOCK_CANCELLED);
    assert_string_equal(error.message, "stopped before everything was done; what was committed is kept");
    assert_string_equal(last_state(), "KILLED KILLED 1");
    ps_run_report_free(must_run()); /* the next run is a new one */
}

static void a_failure_leaves_its_cause(void **state) {
    (void)state;
    struct penstock_error error = {0};
    struct ps_run_report *report = NULL;
    change_pipeline("ON VIOLATION DEAD LETTER", "ON VIOLATION FAIL UPDATE");
    assert_int_equal(run(&report, &error), PENSTOCK_RULE_FAILED);
    assert_null(report);
    assert_string_equal(last_state(), "FAILED FAILED 4");
    struct ps_buffer out;
    struct ps_buffer complaints;
    struct ps_arena *arena = ps_arena_new(0);
    struct ps_application_record *records = NULL;
    size_t count = 0;
    int status = 0;
    const char *store = ps_app_project(app)->store_path;
    must(ps_record_list(store, arena, &records, &count, NULL), NULL);
    assert_non_null(strstr(records[0].diagnostics, "has_label"));
    ps_buffer_init(&out, 1 << 20);
    ps_buffer_init(&complaints, 1 << 20);
    const struct ps_logs_options options = {.application_id = records[0].id, .log_files = "stderr"};
    must(ps_application_logs(store, &options, &out, &complaints, &status, NULL), NULL);
    assert_non_null(strstr(out.data, "RULE_FAILED: "));
    ps_buffer_done(&out);
    ps_buffer_done(&complaints);
    ps_arena_free(arena);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(init_makes_a_project_once),
        TEST(before_the_first_run),
        TEST(a_run_does_everything_once),
        TEST(a_refusal_is_an_answer),
        TEST(more_data_asks_for_a_better_model),
        TEST(a_batch_project_trains_the_same_bits),
        TEST(predictions_are_those_of_the_hold_out),
        TEST(dead_letters_come_back),
        TEST(a_running_process_answers),
        TEST(a_second_run_is_told_who_holds_the_store),
        TEST(a_killed_one_says_so),
        TEST(a_stop_before_the_end_is_cancelled),
        TEST(a_failure_leaves_its_cause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
