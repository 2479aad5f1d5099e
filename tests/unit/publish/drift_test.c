/* SPDX-License-Identifier: Apache-2.0
 *
 * drift_test.c - samples of a SELECT, and the new rows of a model's SELECT against the profile of its champion.
 */
#include "publish/drift.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "publish/drift_score.h"
#include "publish/json.h"
#include "publish/profile.h"

struct scene {
    struct ps_engine *engine;
    struct ps_connection *connection;
    struct ps_arena *arena;
    struct ps_statement statement;
    const char *profile;
};

static void must(penstock_code code, const struct penstock_error *error) {
    if (code != PENSTOCK_OK) {
        fail_msg("%s", error->message);
    }
}

static struct ps_sample *take(struct ps_connection *connection, const char *relation, const char *tail,
                              size_t room) {
    static const char *const names[] = {"origin", "distance", "label"};
    static const bool is_text[] = {true, false, false};
    static const struct ps_scan_column columns[] = {
        {"origin", PS_SCAN_TEXT}, {"distance", PS_SCAN_DOUBLE}, {"label", PS_SCAN_DOUBLE}};
    struct penstock_error error;
    struct ps_sample *sample = NULL;
    struct ps_scan *scan = NULL;
    must(ps_sample_new(3, names, is_text, room, &sample, &error), &error);
    must(ps_scan_open(connection, relation, columns, 3, tail, &scan, &error), &error);
    ps_sample_watch(sample, scan);
    for (;;) {
        struct ps_chunk *chunk = NULL;
        must(ps_scan_next(scan, &chunk, &error), &error);
        if (chunk == NULL) {
            break;
        }
        ps_chunk_free(chunk);
    }
    ps_scan_close(scan);
    ps_sample_finish(sample);
    return sample;
}

static void open_scene(struct scene *scene) {
    const struct ps_engine_options options = {.thread_count = 1};
    struct penstock_error error;
    *scene = (struct scene){.arena = ps_arena_new(0)};
    must(ps_engine_open(&options, &scene->engine, &error), &error);
    must(ps_connection_open(scene->engine, &scene->connection, &error), &error);
    must(
        ps_sql_run(
            scene->connection,
            "CREATE TABLE t AS SELECT TIMESTAMP '2013-01-01' + INTERVAL (i) MINUTE AS left_at,"
            " ['EWR', 'JFK', 'LGA'][1 + CAST(hash(i) % 3 AS INTEGER)] AS origin,"
            " CASE WHEN hash(i, 7) % 50 > 0 THEN hash(i, 1) % 1000 END AS distance, 1.0 * i AS label"
            " FROM range(10000) r(i);"
            "INSERT INTO t SELECT TIMESTAMP '2013-01-01' + INTERVAL (i) MINUTE,"
            " ['EWR', 'JFK', 'LGA'][1 + CAST(hash(i) % 3 AS INTEGER)], hash(i, 1) % 1000, i FROM range(10000, 12000) r(i);"
            "INSERT INTO t SELECT TIMESTAMP '2013-01-01' + INTERVAL (i) MINUTE,"
            " ['EWR', 'HPN'][1 + CAST(hash(i) % 2 AS INTEGER)], hash(i, 1) % 1000, i FROM range(12000, 14000) r(i)",
            &error),
        &error);
    scene->statement.as.model.select.text = "SELECT left_at, origin, distance, label FROM t -- a comment";
    scene->statement.as.model.label = "label";
    struct ps_sample *sample = take(scene->connection, "t", "WHERE label < 10000", PS_SAMPLE_ROWS);
    struct ps_profile profile;
    yyjson_mut_doc *document PS_SCOPED(ps_json_free_scoped) = ps_json_new();
    struct ps_buffer json PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&json, 1 << 20);
    must(ps_profile_of_sample(sample, scene->arena, &profile, &error), &error);
    profile.time_last = 1356998400.0 + 9999 * 60.0;
    ps_profile_write(&profile, document, yyjson_mut_doc_get_root(document));
    must(ps_json_write(document, false, &json, &error), &error);
    scene->profile = ps_arena_copy(scene->arena, json.data);
    ps_sample_free(sample);
}

static void close_scene(struct scene *scene) {
    ps_connection_close(scene->connection);
    ps_engine_close(scene->engine);
    ps_arena_free(scene->arena);
}

static struct ps_drift_report *check(const struct scene *scene, const char *condition,
                                     int64_t row_count_max) {
    const struct ps_drift_options options = {.statement = &scene->statement,
                                             .profile = scene->profile,
                                             .condition = condition,
                                             .row_count_max = row_count_max,
                                             .tolerance = -1};
    struct ps_drift_report *report = NULL;
    struct penstock_error error;
    must(ps_drift_check(scene->connection, &options, &report, &error), &error);
    return report;
}

static void new_rows_are_those_behind_the_champions_last(void **state) {
    struct scene scene;
    (void)state;
    open_scene(&scene);
    scene.statement.as.model.holdout.by_column = "left_at";
    struct ps_drift_report *report = check(&scene, NULL, 0);
    assert_int_equal(report->row_count, 4000); /* half of them as ever, half from other airports */
    assert_true(report->has_drifted);
    assert_int_equal(report->drifted_count, 1);
    assert_string_equal(report->features[0].name, "origin");
    assert_non_null(strstr(report->sentence, "1 of 2 features has drifted: origin PSI"));
    ps_drift_report_free(report);
    report = check(&scene, NULL, 1000); /* the newest */
    assert_int_equal(report->row_count, 1000);
    assert_true(report->has_drifted);
    ps_drift_report_free(report);
    report = check(&scene, "label >= 10000 AND label < 12000 -- as ever", 0);
    assert_int_equal(report->row_count, 2000);
    assert_false(report->has_drifted);
    assert_string_equal(report->sentence, "none of 2 features has drifted");
    ps_drift_report_free(report);
    report = check(&scene, "label > 13950", 0);
    assert_false(report->is_applicable);
    assert_string_equal(report->sentence, "49 new rows are too few to tell drift");
    ps_drift_report_free(report);
    close_scene(&scene);
}

/* New rows have new moments: that is no drift of a time that is read as a cycle; that it is missing is. */
static void moments_do_not_drift(void **state) {
    static const struct {
        const char *tail;
        bool is_time, has_drifted;
    } cases[] = {
        {"WHERE label >= 10000 AND label < 12000", true, false},
        {"WHERE label >= 10000 AND label < 12000", false, true}, /* as texts they do: the test can fail */
        {"WHERE label > 11000 AND label < 13000", true, true},   /* half of them are missing */
    };
    struct scene scene;
    (void)state;
    open_scene(&scene);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct penstock_error error;
        static const char *const moments =
            "(SELECT CASE WHEN label < 12000 THEN CAST(CAST(left_at AS DATE) AS VARCHAR) END AS origin, distance, label FROM t) AS r";
        struct ps_sample *old = take(scene.connection, moments, "WHERE label < 10000", 5000);
        struct ps_sample *new = take(scene.connection, moments, cases[i].tail, 5000);
        struct ps_profile profile;
        struct ps_drift_report *report = NULL;
        old->columns[0].is_time = cases[i].is_time;
        must(ps_profile_of_sample(old, scene.arena, &profile, &error), &error);
        must(ps_drift_compare(&profile, new, NULL, 0.1, 0.99, &report, &error), &error);
        assert_int_equal(report->has_drifted, cases[i].has_drifted);
        ps_drift_report_free(report);
        ps_sample_free(old);
        ps_sample_free(new);
    }
    close_scene(&scene);
}

static void what_cannot_be_checked_is_an_error(void **state) {
    struct scene scene;
    struct ps_drift_report *report = NULL;
    struct penstock_error error;
    (void)state;
    open_scene(&scene);
    scene.statement.as.model.select.text = "SELECT left_at, origin, label FROM t";
    struct ps_drift_options options = {.statement = &scene.statement, .profile = scene.profile};
    assert_int_equal(ps_drift_check(scene.connection, &options, &report, &error), PENSTOCK_SQL);
    options.profile = "{}";
    assert_int_equal(ps_drift_check(scene.connection, &options, &report, &error), PENSTOCK_INVALID_DATA);
    close_scene(&scene);
}

/* Counts are of all rows, whatever is kept; what is kept is the same each time, and spread over all rows. */
static void a_small_sample_counts_all_rows(void **state) {
    struct scene scene;
    (void)state;
    open_scene(&scene);
    struct ps_sample *whole = take(scene.connection, "t", NULL, PS_SAMPLE_ROWS);
    struct ps_sample *small = take(scene.connection, "t", NULL, 500);
    struct ps_sample *again = take(scene.connection, "t", NULL, 500);
    assert_int_equal(whole->kept_count, 14000);
    assert_true(small->kept_count > 200 && small->kept_count <= 500);
    assert_int_equal(again->kept_count, small->kept_count);
    assert_memory_equal(again->rows, small->rows, small->kept_count * sizeof(int64_t));
    assert_true(small->rows[small->kept_count - 1] > 13000);
    for (size_t c = 0; c < 3; c++) {
        assert_int_equal(small->columns[c].count, whole->columns[c].count);
        assert_int_equal(small->columns[c].missing_count, whole->columns[c].missing_count);
    }
    assert_true(small->columns[1].mean == whole->columns[1].mean);
    assert_true(whole->columns[1].missing_count > 100 && whole->columns[1].missing_count < 300);
    assert_true(whole->columns[2].minimum == 0 && whole->columns[2].maximum == 13999);
    for (size_t i = 0; i < small->kept_count; i++) { /* rows are kept whole: label is the row's number */
        assert_true(small->columns[2].numbers[i] == (double)small->rows[i]);
    }
    assert_int_equal(ps_dictionary_count(whole->columns[0].values), 4);
    ps_sample_free(whole);
    ps_sample_free(small);
    ps_sample_free(again);
    close_scene(&scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_rows_are_those_behind_the_champions_last),
        cmocka_unit_test(moments_do_not_drift),
        cmocka_unit_test(what_cannot_be_checked_is_an_error),
        cmocka_unit_test(a_small_sample_counts_all_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
