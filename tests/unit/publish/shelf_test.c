/* SPDX-License-Identifier: Apache-2.0
 *
 * shelf_test.c - models of the registry in SQL: the bits of the hold-out's scoring, versions that statements and epochs
 * are pinned to, models that are awaited, and rows that are found again.
 */
#include "publish/shelf.h"

#include <stdio.h>

#include "../model/training.h" /* tidy: allow include: the scene of room model's tests */
#include "publish/snapshot.h"

static const char make_rows[] =
    "CREATE TABLE t AS SELECT i AS id, (i * 7919 % 1000) / 3.0 AS distance, (i * 104729 % 7) AS hour,"
    " ['EWR', 'JFK', 'LGA'][1 + i % 3] AS origin, (i * 31 % 100)::DECIMAL(9, 2) / 7 AS price,"
    " 10 + distance * 0.02 + hour + length(origin) + (i * 65537 % 101) / 50.0 AS y,"
    " CASE WHEN i * 65537 % 101 > 50 THEN 'late' ELSE 'early' END AS status FROM range(5000) r(i)";
static const char statement[] =
    "CREATE MODEL m TRANSFORM (StandardScaler(distance), OneHotEncoder(origin, hour))"
    " PREDICT y USING LinearRegression(regParam = 0.1) HOLDOUT LAST 20 PERCENT BY id"
    " AS SELECT id, distance, hour, origin, price, y FROM t";

static void prepare(struct scene *scene) {
    must(ps_registry_prepare(scene->connection, &scene->error), &scene->error);
    sql(scene, make_rows);
}

/* Trains, and publishes what came out. */
static int64_t publish(struct scene *scene, const char *text, const char *snapshot) {
    static struct ps_gate_report report = {.passed = true, .sentence = "passed"};
    int64_t version = 0;
    train(scene, text);
    const struct ps_publication publication = {.candidate = scene->candidate,
                                               .report = &report,
                                               .application = "application_1_0001",
                                               .model_name = scene->node.name,
                                               .positions_json = "{}",
                                               .snapshot_json = snapshot};
    sql(scene, "BEGIN");
    must(ps_registry_publish(scene->connection, &publication, &version, &scene->error), &scene->error);
    sql(scene, "COMMIT");
    return version;
}

static struct ps_result *ask(struct scene *scene, const char *text) {
    const char *expanded = NULL;
    struct ps_result *result = NULL;
    must(ps_serve_expand(text, scene->arena, &expanded, NULL, NULL, &scene->error), &scene->error);
    must(ps_sql_query(scene->connection, expanded, &result, &scene->error), &scene->error);
    return result;
}

static void answers(struct scene *scene, const char *text, const char *expected) {
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = ask(scene, text);
    const char *found = ps_result_text(result, 0, 0);
    assert_string_equal(found == NULL ? "NULL" : found, expected);
}

/* The predictions of a SELECT of numbers, which DuckDB writes with as many digits as it needs, are these bits. */
static void same_bits(struct scene *scene, const char *text, const double *expected, int64_t count) {
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = ask(scene, text);
    assert_int_equal(ps_result_row_count(result), count);
    for (int64_t i = 0; i < count; i++) {
        const double found = ps_result_double(result, i, 0);
        if (memcmp(&found, &expected[i], sizeof found) != 0) {
            fail_msg("%s: row %lld is %.17g, %.17g in the hold-out", text, (long long)i, found, expected[i]);
        }
    }
}

static void holdout_bits(void **state) {
    struct scene *scene = *state;
    struct ps_shelf *shelf = NULL;
    prepare(scene);
    assert_int_equal(publish(scene, statement, NULL), 1);
    must(ps_shelf_open(scene->engine, NULL, &shelf, &scene->error), &scene->error);
    const int64_t count = scene->candidate->holdout.row_count;
    const double *expected = scene->candidate->holdout_predictions;
    assert_int_equal(count, 1000);
    same_bits(scene, "SELECT predict('m@champion', t) FROM t WHERE id >= 4000", expected, count);
    same_bits(
        scene,
        "SELECT predict('models:/m/1', {'price': price, 'origin': origin, 'hour': hour, 'distance': distance})"
        " FROM t WHERE id >= 4000",
        expected, count);
    same_bits(scene, "SELECT prediction FROM ML_PREDICT(TABLE t, MODEL m) WHERE id >= 4000", expected, count);
    sql(scene, "CREATE TEMP TABLE s AS FROM t LIMIT 0");
    sql(scene, "INSERT INTO s SELECT * FROM t WHERE id >= 4000");
    same_bits(scene, "SELECT prediction FROM ML.PREDICT(MODEL m@1, (SELECT * FROM s))", expected, count);
    /* one row at a time */
    for (int64_t i = 0; i < 50; i++) {
        char text[120];
        snprintf(text, sizeof text, "SELECT predict('m', t) FROM t WHERE id = %lld", (long long)(4000 + i));
        same_bits(scene, text, &expected[i], 1);
    }
    ps_shelf_close(shelf);
}

static void classes(void **state) {
    struct scene *scene = *state;
    struct ps_shelf *shelf = NULL;
    prepare(scene);
    assert_int_equal(
        publish(
            scene,
            "CREATE MODEL c TRANSFORM (OneHotEncoder(origin)) PREDICT status USING LogisticRegression("
            "regParam = 0.01) HOLDOUT LAST 20 PERCENT BY id AS SELECT id, distance, y, origin, status FROM t",
            NULL),
        1);
    must(ps_shelf_open(scene->engine, NULL, &shelf, &scene->error), &scene->error);
    answers(scene, "SELECT typeof(predict('c', t)) FROM t LIMIT 1", "VARCHAR");
    answers(scene,
            "SELECT count(*) FROM ML_PREDICT(TABLE t, MODEL c) WHERE prediction <> "
            "CASE WHEN probabilities['late'] > 0.5 THEN 'late' ELSE 'early' END",
            "0");
    answers(
        scene,
        "SELECT count(*) FROM t WHERE abs(predict_proba('c', t)['late'] + predict_proba('c', t)['early'] - 1)"
        " > 1e-12",
        "0");
    double *late = ps_allocate(1000, sizeof *late);
    assert_non_null(late);
    for (size_t i = 0; i < 1000; i++) {
        late[i] = scene->candidate->holdout_probabilities[i * 2 + 1];
    }
    same_bits(scene, "SELECT predict_proba('c', t)['late'] FROM t WHERE id >= 4000", late, 1000);
    ps_release(late);
    ps_shelf_close(shelf);
}

/* What a reference means: to a statement what the registry says, to the run what it is pinned to. */
static void pins(void **state) {
    struct scene *scene = *state;
    struct ps_shelf *shelf = NULL;
    struct ps_connection *run = NULL;
    struct ps_sql_statement *prepared = NULL;
    const char *text = NULL;
    const char *const references[] = {"m@champion", "m@1"};
    bool is_changed = false;
    prepare(scene);
    assert_int_equal(publish(scene, statement, NULL), 1);
    must(ps_shelf_open(scene->engine, NULL, &shelf, &scene->error), &scene->error);
    must(ps_connection_open(scene->engine, &run, &scene->error), &scene->error);
    ps_shelf_await(shelf, run);
    must(ps_shelf_pin(shelf, references, 2, NULL, &text, &is_changed, &scene->error), &scene->error);
    assert_string_equal(text, "{\"m@champion\":1,\"m@1\":1}");
    assert_true(is_changed);
    const char *expanded = NULL;
    must(ps_serve_expand("INSERT INTO seen SELECT predict('m@champion', t) FROM t WHERE id = 1", scene->arena,
                         &expanded, NULL, NULL, &scene->error),
         &scene->error);
    sql(scene, "CREATE TABLE seen(v DOUBLE)");
    must(ps_sql_prepare(run, expanded, &prepared, &scene->error), &scene->error);
    must(ps_sql_execute(prepared, NULL, &scene->error), &scene->error);
    assert_int_equal(
        publish(
            scene,
            "CREATE MODEL m PREDICT y USING LinearRegression() AS SELECT distance, hour, origin, price, y FROM t",
            NULL),
        2);
    /* the statement of another connection sees it at once, the run goes on with what it has */
    answers(
        scene,
        "SELECT predict('m', t) = predict('m@2', t) AND predict('m', t) <> predict('m@1', t) FROM t WHERE id = 1",
        "true");
    must(ps_sql_execute(prepared, NULL, &scene->error), &scene->error);
    must(ps_sql_run(run, "CREATE OR REPLACE TEMP MACRO again() AS 1", &scene->error), &scene->error);
    must(ps_sql_execute(prepared, NULL, &scene->error), &scene->error);
    answers(scene, "SELECT count(DISTINCT v) || ' ' || count(*) FROM seen", "1 3");
    /* the next epoch: as the registry has it; an epoch once more: as it was */
    must(ps_shelf_pin(shelf, references, 2, NULL, &text, &is_changed, &scene->error), &scene->error);
    assert_string_equal(text, "{\"m@champion\":2,\"m@1\":1}");
    assert_true(is_changed);
    must(ps_shelf_pin(shelf, references, 2, NULL, &text, &is_changed, &scene->error), &scene->error);
    assert_false(is_changed);
    must(
        ps_shelf_pin(shelf, references, 2, "{\"m@champion\":1,\"m@1\":1}", &text, &is_changed, &scene->error),
        &scene->error);
    assert_string_equal(text, "{\"m@champion\":1,\"m@1\":1}");
    const char *const unknown[] = {"n@champion"};
    assert_int_equal(ps_shelf_pin(shelf, unknown, 1, NULL, &text, &is_changed, &scene->error),
                     PENSTOCK_NOT_FOUND);
    ps_sql_statement_free(prepared);
    ps_connection_close(run);
    ps_shelf_close(shelf);
}

static void a_model_that_was_changed_is_refused(void **state) {
    struct scene *scene = *state;
    struct ps_shelf *shelf = NULL;
    struct ps_result *result = NULL;
    const char *expanded = NULL;
    prepare(scene);
    assert_int_equal(publish(scene, statement, NULL), 1);
    must(ps_shelf_open(scene->engine, NULL, &shelf, &scene->error), &scene->error);
    sql(scene, "UPDATE penstock.models SET fitted = replace(fitted, '0', '1')");
    must(ps_serve_expand("SELECT predict('m', t) FROM t", scene->arena, &expanded, NULL, NULL, &scene->error),
         &scene->error);
    assert_int_equal(ps_sql_query(scene->connection, expanded, &result, &scene->error), PENSTOCK_SQL);
    assert_non_null(strstr(scene->error.message, "its checksum does not match"));
    assert_non_null(strstr(scene->error.hint, "train again"));
    ps_shelf_close(shelf);
}

/* ---- rows that are found again ---- */

static void restores(struct scene *scene, const char *json, struct ps_snapshot_changes *changes) {
    sql(scene, "BEGIN");
    must(ps_snapshot_restore(scene->connection, json, ".", scene->arena, changes, &scene->error),
         &scene->error);
}

static void rows_are_found_again(void **state) {
    struct scene *scene = *state;
    struct ps_buffer json PS_SCOPED(ps_buffer_done);
    struct ps_snapshot_changes changes = {0};
    struct ps_project project = {.folder = "."};
    prepare(scene);
    sql(scene,
        "CREATE TABLE penstock.statements(name VARCHAR, kind VARCHAR, text VARCHAR, applied_at TIMESTAMP);"
        "INSERT INTO penstock.statements VALUES ('t', 'streaming table', '', TIMESTAMP '2026-01-01');"
        "CREATE TABLE weather AS SELECT i AS id, i * 2 AS wind FROM range(100) r(i);"
        "CREATE VIEW joined(id, distance, wind, y) AS SELECT t.id, distance, wind, y FROM t JOIN weather USING (id)");
    parse(scene, "CREATE MODEL m PREDICT y USING LinearRegression() AS SELECT * FROM joined");
    struct ps_node nodes[2] = {{.kind = PS_NODE_TABLE, .name = "t"}, scene->node};
    const struct ps_graph graph = {.nodes = nodes, .node_count = 2, .project = &project};
    ps_buffer_init(&json, (size_t)1 << 20);
    must(ps_snapshot_record(scene->connection, &graph, &nodes[1], &json, &scene->error), &scene->error);
    /* nothing has changed */
    restores(scene, json.data, &changes);
    assert_int_equal(changes.count, 0);
    sql(scene, "ROLLBACK");
    /* more has come: the first rows are these rows */
    sql(scene,
        "INSERT INTO t SELECT * REPLACE (id + 5000 AS id) FROM t; INSERT INTO t SELECT * REPLACE (50 AS id) FROM t LIMIT 1");
    answers(scene, "SELECT count(*) FROM joined", "101");
    restores(scene, json.data, &changes);
    assert_int_equal(changes.count, 0);
    answers(scene, "SELECT count(*) FROM joined", "100");
    answers(scene, "SELECT count(*) || ' ' || max(id) FROM t", "5000 4999");
    sql(scene, "ROLLBACK");
    answers(scene, "SELECT count(*) FROM joined", "101");
    /* a plain table has other rows */
    sql(scene, "UPDATE weather SET wind = 0 WHERE id = 7");
    restores(scene, json.data, &changes);
    assert_int_equal(changes.count, 1);
    assert_string_equal(changes.sentences[0],
                        "the rows of table weather have changed: there are 100, as there were");
    sql(scene, "ROLLBACK");
    sql(scene, "INSERT INTO weather VALUES (1, 1)");
    restores(scene, json.data, &changes);
    assert_string_equal(changes.sentences[0],
                        "the rows of table weather have changed: there were 100, now there are 101");
    sql(scene, "ROLLBACK");
    /* the streaming table was made anew, with fewer rows, and then is gone */
    sql(scene, "CREATE OR REPLACE TABLE t AS FROM t LIMIT 10");
    restores(scene, json.data, &changes);
    assert_true(changes.is_lost);
    sql(scene, "ROLLBACK; DROP TABLE t");
    restores(scene, json.data, &changes);
    assert_true(changes.is_lost);
    assert_int_equal(changes.count, 2);
    sql(scene, "ROLLBACK");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(holdout_bits, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(classes, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(pins, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(a_model_that_was_changed_is_refused, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(rows_are_found_again, scene_open, scene_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
