/* SPDX-License-Identifier: Apache-2.0
 *
 * control_test.c - the socket of a running process: questions, refusals, stops, replays, and its
 * end while a query runs.
 */
#include "app/control.h"

#include <sys/stat.h>

#include "app/answer.h"
#include "app/table.h"
#include "base/clock.h"
#include "base/file.h"
#include "publish/registry.h"
#include "scene.h"

static char *store;
static char *deep; /* a folder deeper than sun_path can hold */
static struct ps_engine *engine;
static struct ps_control *control;
static struct ps_stop stop;

static int set_up(void **state) {
    (void)state;
    struct penstock_error error = {0};
    const struct ps_engine_options options = {0};
    store = make_store();
    assert_true(asprintf(&deep, "%s/%0200d", store, 7) > 0);
    must(ps_file_make_folders(deep, &error), &error);
    must(ps_engine_open(&options, &engine, &error), &error);
    atomic_store(&stop.requested, 0);
    const struct ps_control_setup setup = {.engine = engine,
                                           .store_path = deep,
                                           .application = "application_1_0001",
                                           .stop = &stop,
                                           .node_count = 1};
    must(ps_control_open(&setup, &control, &error), &error);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    ps_control_close(control);
    control = NULL;
    ps_engine_close(engine);
    free(deep);
    free_store(store);
    return 0;
}

/* `members`: the request as JSON. */
static penstock_code ask(const char *members, yyjson_doc **answer_out, struct penstock_error *error) {
    yyjson_doc *parsed = yyjson_read(members, strlen(members), 0);
    yyjson_mut_doc *request = ps_json_new();
    yyjson_mut_doc_set_root(request, yyjson_val_mut_copy(request, yyjson_doc_get_root(parsed)));
    const penstock_code code = ps_control_ask(deep, request, 20000, answer_out, error);
    ps_json_free_scoped(&request);
    yyjson_doc_free(parsed);
    return code;
}

static void expect_refusal(const char *members, penstock_code code, const char *message) {
    struct penstock_error error = {0};
    yyjson_doc *answer = NULL;
    assert_int_equal(ask(members, &answer, &error), code);
    if (strstr(error.message, message) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", error.message, message);
    }
    assert_null(answer);
}

static void a_query_is_answered(void **state) {
    (void)state;
    struct penstock_error error = {0};
    yyjson_doc *answer = NULL;
    struct ps_text_table *table = NULL;
    must(ask("{\"request\": \"query\", \"sql\": \"SELECT 1 AS a, NULL AS b, 'x\\\"\\n' AS c\"}", &answer,
             &error),
         &error);
    must(ps_text_table_of_json(yyjson_doc_get_root(answer), &table, &error), &error);
    assert_int_equal(table->row_count, 1);
    assert_string_equal(table->names[2], "c");
    assert_string_equal(table->types[0], "INTEGER");
    assert_string_equal(table->cells[0], "1");
    assert_null(table->cells[1]);
    assert_string_equal(table->cells[2], "x\"\n");
    ps_text_table_free(table);
    yyjson_doc_free(answer);
}

static void what_writes_is_refused(void **state) {
    (void)state;
    static const char *const statements[] = {"CREATE TABLE t(i INT)",
                                             "INSERT INTO t VALUES (1)",
                                             "COPY (SELECT 1) TO 'x'",
                                             "EXPLAIN ANALYZE CREATE TABLE t(i INT)",
                                             "PRAGMA version",
                                             "SET threads = 9",
                                             "ATTACH 'x'",
                                             "EXPLAIN ANALYZE COPY (SELECT 1) TO 'x'",
                                             "/* SELECT */ DROP TABLE t",
                                             "SELECT 1; SELECT 2",
                                             "",
                                             "CALL pragma_version()",
                                             "(((",
                                             "EXPLAIN"};
    struct penstock_error error = {0};
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        if (ps_answer_check(statements[i], &error) != PENSTOCK_INVALID_ARGUMENT) {
            fail_msg("'%s' was let through", statements[i]);
        }
    }
    static const char *const reading[] = {"select 1",
                                          " -- x\n SELECT 1;",
                                          "WITH a AS (SELECT 1) FROM a",
                                          "FROM range(3)",
                                          "(SELECT 1)",
                                          "VALUES (1)",
                                          "DESCRIBE SELECT 1",
                                          "SHOW TABLES",
                                          "EXPLAIN SELECT 1",
                                          "EXPLAIN ANALYZE (SELECT 1)",
                                          "SUMMARIZE SELECT 1"};
    struct ps_connection *connection = NULL;
    must(ps_connection_open(engine, &connection, &error), &error);
    for (size_t i = 0; i < sizeof reading / sizeof reading[0]; i++) {
        struct ps_text_table *table = NULL;
        must(ps_answer_query(connection, reading[i], &table, &error), &error);
        ps_text_table_free(table);
    }
    must(ps_sql_run(connection, "CREATE TABLE kept(i INT); INSERT INTO kept VALUES (1)", &error), &error);
    struct ps_text_table *table = NULL;
    /* begins like a query, and only the read-only transaction sees what it is */
    assert_int_equal(
        ps_answer_query(connection, "WITH a AS (SELECT 2) INSERT INTO kept FROM a", &table, &error),
        PENSTOCK_SQL);
    must(ps_answer_query(connection, "SELECT count(*) FROM kept", &table, &error), &error);
    assert_string_equal(table->cells[0], "1");
    ps_text_table_free(table);
    ps_connection_close(connection);
    expect_refusal("{\"request\": \"query\", \"sql\": \"DELETE FROM kept\"}", PENSTOCK_INVALID_ARGUMENT,
                   "a query only reads, but this one begins with 'DELETE'");
}

static void errors_keep_their_code(void **state) {
    (void)state;
    expect_refusal("{\"request\": \"query\", \"sql\": \"SELECT * FROM nowhere\"}", PENSTOCK_SQL, "nowhere");
    expect_refusal("{\"request\": \"query\"}", PENSTOCK_INVALID_ARGUMENT, "the request has no \"sql\"");
    expect_refusal("{\"request\": \"dance\"}", PENSTOCK_INVALID_ARGUMENT, "there is no request 'dance'");
    expect_refusal("[]", PENSTOCK_INVALID_ARGUMENT, "the request has no \"request\"");
    expect_refusal("{\"request\": \"show\", \"reference\": \"m\"}", PENSTOCK_NOT_FOUND,
                   "there is no model 'm' in the store");
    expect_refusal("{\"request\": \"load\", \"reference\": \"m@\"}", PENSTOCK_INVALID_ARGUMENT,
                   "does not name a model");
}

static void only_its_user_may_ask(void **state) {
    (void)state;
    char *path = NULL;
    struct stat info;
    assert_true(asprintf(&path, "%s/penstock.sock", deep) > 0);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    free(path);
}

static void a_stop_names_its_application(void **state) {
    (void)state;
    struct penstock_error error = {0};
    expect_refusal("{\"request\": \"stop\", \"application\": \"application_2_0002\"}", PENSTOCK_NOT_FOUND,
                   "application_1_0001 runs, not application_2_0002");
    assert_int_equal(atomic_load(&stop.requested), 0);
    must(ps_control_stop(deep, "application_1_0001", &error), &error);
    assert_int_equal(atomic_load(&stop.requested), PS_STOP_ASKED);
}

static void nobody_listens(void **state) {
    (void)state;
    struct penstock_error error = {0};
    assert_true(ps_control_is_served(deep));
    ps_control_close(control);
    control = NULL;
    assert_false(ps_control_is_served(deep));
    assert_false(ps_control_is_served("/no/such/store"));
    assert_int_equal(ps_control_stop(deep, "application_1_0001", &error), PENSTOCK_NOT_FOUND);
    /* the next process takes the place of a socket that a killed one left */
    const struct ps_control_setup setup = {.engine = engine,
                                           .store_path = deep,
                                           .application = "application_1_0002",
                                           .stop = &stop,
                                           .node_count = 1};
    must(ps_control_open(&setup, &control, &error), &error);
    assert_true(ps_control_is_served(deep));
}

struct asker {
    const char *members;
    penstock_code code;
    struct penstock_error error;
    int64_t tried;
    struct ps_thread thread;
};

static void *ask_in_thread(void *argument) {
    struct asker *asker = argument;
    yyjson_doc *answer = NULL;
    asker->code = ask(asker->members, &answer, &asker->error);
    asker->tried = yyjson_get_sint(yyjson_obj_get(yyjson_doc_get_root(answer), "tried"));
    yyjson_doc_free(answer);
    return NULL;
}

static void wait_for_replay(void) {
    for (int i = 0; i < 1000 && !ps_control_replay_waits(control); i++) {
        ps_clock_sleep_ms(5);
    }
    assert_true(ps_control_replay_waits(control));
}

static void a_replay_goes_to_the_runner_and_back(void **state) {
    (void)state;
    struct penstock_error error = {0};
    const char *source = NULL;
    const char *reason = NULL;
    struct asker first = {.members = "{\"request\": \"replay\", \"source\": null, \"reason\": \"late\"}"};
    assert_false(ps_control_replay_waits(control));
    must(ps_thread_start(&first.thread, "asker", ask_in_thread, &first, &error), &error);
    wait_for_replay();
    assert_true(ps_control_take_replay(control, &source, &reason));
    assert_null(source);
    assert_string_equal(reason, "late");
    assert_false(ps_control_take_replay(control, &source, &reason)); /* only once */
    const struct ps_replay_totals totals = {.tried = 7};
    ps_control_replayed(control, PENSTOCK_OK, &totals, &error);
    ps_thread_join(&first.thread);
    assert_int_equal(first.code, PENSTOCK_OK);
    assert_int_equal(first.tried, 7);
    struct asker second = {.members = "{\"request\": \"replay\"}"};
    must(ps_thread_start(&second.thread, "asker", ask_in_thread, &second, &error), &error);
    wait_for_replay();
    assert_true(ps_control_take_replay(control, &source, &reason));
    ps_error_set(&error, PENSTOCK_INVALID_DATA, "it went wrong");
    ps_control_replayed(control, PENSTOCK_INVALID_DATA, &totals, &error);
    ps_thread_join(&second.thread);
    assert_int_equal(second.code, PENSTOCK_INVALID_DATA);
    assert_string_equal(second.error.message, "it went wrong");
}

/* More questions than there are threads, one of them endless, a replay that nobody takes: closing ends them all. */
static void closing_ends_what_runs(void **state) {
    (void)state;
    struct penstock_error error = {0};
    struct asker askers[3] = {
        {.members =
             "{\"request\": \"query\", \"sql\": \"SELECT count(*) FROM range(1000000000) a, range(1000000000) b\"}"},
        {.members = "{\"request\": \"replay\"}"},
        {.members =
             "{\"request\": \"query\", \"sql\": \"SELECT sum(random()) FROM range(1000000000) a, range(1000000000) b\"}"}};
    for (size_t i = 0; i < 3; i++) {
        must(ps_thread_start(&askers[i].thread, "asker", ask_in_thread, &askers[i], &error), &error);
    }
    wait_for_replay();
    ps_clock_sleep_ms(100);
    const int64_t start = ps_clock_monotonic_ns();
    ps_control_close(control);
    control = NULL;
    assert_true(ps_clock_monotonic_ns() - start < INT64_C(5000000000));
    for (size_t i = 0; i < 3; i++) {
        ps_thread_join(&askers[i].thread);
        assert_int_equal(askers[i].code, PENSTOCK_CANCELLED);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_query_is_answered),
        TEST(what_writes_is_refused),
        TEST(errors_keep_their_code),
        TEST(only_its_user_may_ask),
        TEST(a_stop_names_its_application),
        TEST(nobody_listens),
        TEST(a_replay_goes_to_the_runner_and_back),
        TEST(closing_ends_what_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
