/* SPDX-License-Identifier: Apache-2.0
 *
 * serve_test.c - predict() in SQL, with a model of the test's own in place of room model's: what texts become, what is
 * bound, what arrives at the model, and that it is what a scan for training would deliver.
 */
#include "sql/serve.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sql/scan.h"
#include "sql/tree.h"

static struct ps_engine *engine;
static struct ps_connection *connection;

/* ---- a model: x + 10 * length of the text; classes by whether that is above 50 ---- */

static const char *const inputs[] = {"x", "t"};
static const bool is_text[] = {false, true};
static const char *const texts[] = {"high", "low"};
static const char *const wholes[] = {"-1", "7"};
static const char *const truths[] = {"false", "true"};

static const struct ps_served models[] = {
    {.name = "number",
     .kind = PS_SERVED_NUMBER,
     .input_count = 2,
     .input_names = inputs,
     .input_is_text = is_text},
    {.name = "text",
     .kind = PS_SERVED_TEXT,
     .input_count = 2,
     .input_names = inputs,
     .input_is_text = is_text,
     .class_count = 2,
     .class_names = texts},
    {.name = "whole",
     .kind = PS_SERVED_INTEGER,
     .input_count = 2,
     .input_names = inputs,
     .input_is_text = is_text,
     .class_count = 2,
     .class_names = wholes},
    {.name = "truth",
     .kind = PS_SERVED_TRUTH,
     .input_count = 2,
     .input_names = inputs,
     .input_is_text = is_text,
     .class_count = 2,
     .class_names = truths},
    {.name = "awaited", .kind = PS_SERVED_TEXT, .is_awaited = true},
};

struct served_state {
    int found, released;
    uint64_t connection;
    double last_number;
    char last_text[64];
};
static struct served_state seen;

static penstock_code find(void *context, const char *reference, uint64_t id,
                          const struct ps_served **served_out, struct penstock_error *error) {
    struct served_state *state = context;
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        if (strcmp(models[i].name, reference) == 0) {
            __atomic_add_fetch(&state->found, 1, __ATOMIC_SEQ_CST);
            state->connection = id;
            *served_out = &models[i];
            return PENSTOCK_OK;
        }
    }
    (void)ps_error_set(error, PENSTOCK_NOT_FOUND, "there is no model '%s'", reference);
    return ps_error_hint(error, "did you mean number?");
}

static void release(void *context, const struct ps_served *served) {
    struct served_state *state = context;
    assert_non_null(served);
    __atomic_add_fetch(&state->released, 1, __ATOMIC_SEQ_CST);
}

static bool is_valid(const struct ps_served_column *column, int64_t row) {
    return ps_chunk_is_valid(column->validity, row);
}

static penstock_code predict(void *context, const struct ps_served *served,
                             const struct ps_served_column *columns, int64_t row_count,
                             double *predictions_out, double *probabilities_out,
                             struct penstock_error *error) {
    (void)context;
    for (int64_t row = 0; row < row_count; row++) {
        predictions_out[row] = (double)NAN;
        if (!is_valid(&columns[0], row) || !is_valid(&columns[1], row)) {
            continue;
        }
        const struct ps_bytes text = columns[1].texts[row];
        if (text.size == 3 && memcmp(text.data, "bad", 3) == 0) {
            return ps_error_set(error, PENSTOCK_INVALID_DATA,
                                "row %lld: column t: 'bad' was not seen in training", (long long)row + 1);
        }
        seen.last_number = columns[0].numbers[row];
        (void)snprintf(seen.last_text, sizeof seen.last_text, "%.*s", (int)text.size, text.data);
        const double value = columns[0].numbers[row] + 10 * (double)text.size;
        predictions_out[row] = served->class_count == 0 ? value : (double)(value > 50);
        if (probabilities_out != NULL) {
            probabilities_out[row * 2] = value > 50 ? 0.25 : 0.75;
            probabilities_out[row * 2 + 1] = value > 50 ? 0.75 : 0.25;
        }
    }
    return PENSTOCK_OK;
}

static int open_engine(void **state) {
    (void)state;
    const struct ps_engine_options options = {.thread_count = 2};
    const struct ps_server server = {.context = &seen, .find = find, .release = release, .predict = predict};
    seen = (struct served_state){0};
    if (ps_engine_open(&options, &engine, NULL) != PENSTOCK_OK ||
        ps_connection_open(engine, &connection, NULL) != PENSTOCK_OK) {
        return 1;
    }
    ps_engine_serve(engine, &server);
    return ps_sql_run(connection,
                      "CREATE TABLE r AS SELECT i AS id, i * 0.5 AS x, repeat('a', (i % 7)::INTEGER) AS t"
                      " FROM range(10000) s(i)",
                      NULL) == PENSTOCK_OK
               ? 0
               : 1;
}

static int close_engine(void **state) {
    (void)state;
    ps_connection_close(connection);
    ps_engine_close(engine);
    return 0;
}

/* Runs the statement as penstock does, expanded first. */
static penstock_code query(const char *sql, struct ps_result **result_out, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    PS_TRY(ps_serve_expand(sql, arena, &sql, NULL, NULL, error));
    return ps_sql_query(connection, sql, result_out, error);
}

static void expect(const char *sql, const char *expected) {
    struct penstock_error error = {0};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    if (query(sql, &result, &error) != PENSTOCK_OK) {
        fail_msg("%s: %s (%s)", sql, error.message, error.hint);
    }
    const char *text = ps_result_text(result, 0, 0);
    assert_string_equal(text == NULL ? "NULL" : text, expected);
}

static void expect_error(const char *sql, const char *message, const char *hint) {
    struct penstock_error error = {0};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    assert_int_not_equal(query(sql, &result, &error), PENSTOCK_OK);
    if (strstr(error.message, message) == NULL || strstr(error.hint, hint) == NULL) {
        fail_msg("%s: '%s' (%s), hint '%s'", sql, error.message, error.detail, error.hint);
    }
}

/* ---- texts ---- */

static void expect_expanded(const char *sql, const char *expected) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    const char *text = NULL;
    assert_int_equal(ps_serve_expand(sql, arena, &text, NULL, NULL, NULL), PENSTOCK_OK);
    assert_string_equal(text, expected);
}

static void test_texts_are_expanded(void **state) {
    (void)state;
    expect_expanded("SELECT 1", "SELECT 1");
    expect_expanded("SELECT 'predict(''m'', t)' -- predict('m', t)",
                    "SELECT 'predict(''m'', t)' -- predict('m', t)");
    expect_expanded("SELECT 1 + predict('m', t) FROM t",
                    "SELECT 1 + struct_extract(penstock_predict('m', t), penstock_output('m')) FROM t");
    expect_expanded(
        "SELECT a, Predict ( 'it''s' , {'a': (1, 2)} ), b FROM t",
        "SELECT a, struct_extract(penstock_predict('it''s', {'a': (1, 2)}), penstock_output('it''s')) AS "
        "prediction, b FROM t");
    expect_expanded("SELECT predict('m', t) AS p FROM t",
                    "SELECT struct_extract(penstock_predict('m', t), penstock_output('m')) AS p FROM t");
    expect_expanded("SELECT x.predict('m', t), predict(m, t), predict('m'), predict FROM t",
                    "SELECT x.predict('m', t), predict(m, t), predict('m'), predict FROM t");
    expect_expanded(
        "FROM ML_PREDICT(TABLE t, MODEL m@champion) AS p",
        "FROM (SELECT penstock_input.*, unnest(struct_extract(penstock_predict_columns('m@champion', "
        "penstock_input), penstock_output('m@champion'))) FROM t AS penstock_input) AS p");
    expect_expanded("FROM ml.predict(MODEL m, (SELECT 1 AS x))",
                    "FROM (SELECT penstock_input.*, unnest(struct_extract(penstock_predict_columns('m', "
                    "penstock_input), penstock_output('m'))) FROM (SELECT 1 AS x) AS penstock_input)");
}

static void test_places_lead_back(void **state) {
    (void)state;
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    const char *sql = "SELECT predict('m', {'a': predict('n', t)}), zebra FROM t WHERE giraffe";
    const char *text = NULL;
    const size_t *origins = NULL;
    assert_int_equal(ps_serve_expand(sql, arena, &text, &origins, NULL, NULL), PENSTOCK_OK);
    assert_non_null(origins);
    const char *words[] = {"zebra", "giraffe", "FROM t"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(origins[strstr(text, words[i]) - text], strstr(sql, words[i]) - sql);
    }
    assert_int_equal(origins[strlen(text)], strlen(sql));
    assert_null(strstr(text, " predict("));
    /* a tree's places are the user's */
    struct ps_tree *tree PS_SCOPED(ps_tree_free_scoped) = NULL;
    struct ps_table_reference *tables = NULL;
    size_t count = 0;
    sql =
        "SELECT predict('m', a) FROM STREAM departures AS a JOIN ML_PREDICT(TABLE b, MODEL m) AS c USING (id), d";
    assert_int_equal(ps_tree_parse(connection, sql, &tree, NULL, NULL), PENSTOCK_OK);
    assert_int_equal(ps_tree_tables(tree, arena, &tables, &count, NULL), PENSTOCK_OK);
    assert_int_equal(count, 3);
    assert_string_equal(tables[0].name, "departures");
    assert_true(tables[0].is_stream);
    assert_int_equal(tables[0].offset, strstr(sql, "STREAM departures") - sql);
    assert_int_equal(tables[1].offset, strstr(sql, "b, MODEL") - sql);
    assert_string_equal(tables[2].name, "d");
    assert_int_equal(tables[2].offset, (int64_t)strlen(sql) - 1);
}

static void test_mentions(void **state) {
    (void)state;
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_served_mention *mentions = NULL;
    size_t count = 0;
    const char *sql =
        "INSERT INTO x SELECT predict('a@1', {'p': predict_proba('b', t)}) FROM ML_PREDICT(TABLE t, MODEL "
        "c@best) -- predict('d', t)";
    assert_int_equal(ps_serve_mentions(sql, arena, &mentions, &count, NULL), PENSTOCK_OK);
    assert_int_equal(count, 3);
    assert_string_equal(mentions[0].reference, "a@1");
    assert_string_equal(mentions[1].reference, "b");
    assert_string_equal(mentions[2].reference, "c@best");
    assert_int_equal(mentions[2].offset, strstr(sql, "c@best") - sql);
}

/* ---- predictions ---- */

static void test_types_are_the_models(void **state) {
    (void)state;
    expect("SELECT typeof(predict('number', r)) FROM r LIMIT 1", "DOUBLE");
    expect("SELECT typeof(predict('text', r)) FROM r LIMIT 1", "VARCHAR");
    expect("SELECT typeof(predict('whole', r)) FROM r LIMIT 1", "BIGINT");
    expect("SELECT typeof(predict('truth', r)) FROM r LIMIT 1", "BOOLEAN");
    expect("SELECT predict('number', {'t': 'abc', 'X': 1.5})", "31.5");
    expect("SELECT predict('text', {'x': 60, 't': ''}) || predict('text', {'x': 1, 't': ''})", "lowhigh");
    expect("SELECT predict('whole', {'x': 60, 't': ''}) + predict('whole', {'x': 1, 't': ''})", "6");
    expect("SELECT predict('truth', {'x': 60, 't': ''})", "true");
    expect("SELECT predict_proba('text', {'x': 60, 't': ''})", "{high=0.25, low=0.75}");
    expect("SELECT max(prediction) FROM ML_PREDICT(TABLE r, MODEL number)", "5057.5");
    expect("SELECT string_agg(column_name, ' ') FROM (DESCRIBE FROM ML_PREDICT(TABLE r, MODEL number))",
           "id x t prediction");
    expect("SELECT string_agg(column_name, ' ') FROM (DESCRIBE FROM ML_PREDICT(TABLE r, MODEL text))",
           "id x t prediction probabilities");
    expect("SELECT probabilities['true'] FROM ML_PREDICT((SELECT 60 AS x, '' AS t), MODEL truth)", "0.75");
    expect("SELECT column_name FROM (DESCRIBE SELECT predict('number', r) FROM r)", "prediction");
}

static void test_every_row_of_every_chunk(void **state) {
    (void)state;
    expect("SELECT count(*) FROM r WHERE predict('number', r) IS DISTINCT FROM x + 10 * length(t)", "0");
    expect("SELECT count(*) FROM r WHERE predict('text', r) IS DISTINCT FROM"
           " CASE WHEN x + 10 * length(t) > 50 THEN 'low' ELSE 'high' END",
           "0");
    expect(
        "SELECT count(*) FROM (SELECT predict_proba('whole', r) AS p, x, t FROM r) WHERE p['7'] IS DISTINCT FROM"
        " CASE WHEN x + 10 * length(t) > 50 THEN 0.75 ELSE 0.25 END",
        "0");
    expect("SELECT sum(predict('number', a) - predict('number', {'x': a.x, 't': a.t})) FROM r a", "0.0");
    assert_true(seen.found > 0);
    assert_int_equal(seen.found, seen.released); /* every binding was given back */
    assert_int_equal(seen.connection, ps_connection_id(connection));
}

static void test_nulls(void **state) {
    (void)state;
    expect("SELECT predict('number', {'x': NULL::DOUBLE, 't': 'a'})", "NULL");
    expect("SELECT predict('number', {'x': NULL, 't': 'a'})", "NULL");
    expect("SELECT predict('text', {'x': 1, 't': NULL})", "NULL");
    expect("SELECT predict_proba('text', {'x': 1, 't': NULL})", "NULL");
    expect(
        "SELECT count(p) FROM (SELECT predict('number', s) AS p FROM (SELECT CASE WHEN i % 2 = 0 THEN {'x': i,"
        " 't': 'a'} END AS s FROM range(3000) q(i)))",
        "1500");
    expect(
        "SELECT count(p) FROM (SELECT predict_proba('text', {'x': CASE WHEN i % 3 = 0 THEN i END, 't': ''}) AS p"
        " FROM range(3000) q(i))",
        "1000");
    expect("SELECT predict('awaited', r) IS NULL AND predict_proba('awaited', r) IS NULL FROM r LIMIT 1",
           "true");
}

/* What a model gets from predict() is what it gets from a scan in training, for every type. */
static void test_values_are_those_of_training(void **state) {
    (void)state;
    static const char *const values[] = {"true",
                                         "42::TINYINT",
                                         "-300::SMALLINT",
                                         "7::INTEGER",
                                         "9007199254740993::BIGINT",
                                         "250::UTINYINT",
                                         "65000::USMALLINT",
                                         "4000000000::UINTEGER",
                                         "18446744073709551615::UBIGINT",
                                         "-170141183460469231731687303715884105727::HUGEINT",
                                         "340282366920938463463374607431768211455::UHUGEINT",
                                         "-1::HUGEINT",
                                         "-123456789012345678901::HUGEINT",
                                         "0.1::FLOAT",
                                         "1e300::DOUBLE",
                                         "12.34::DECIMAL(4,2)",
                                         "123456.789::DECIMAL(9,3)",
                                         "-99999999999.9999999::DECIMAL(18,7)",
                                         "12345678901234567.891::DECIMAL(20,3)",
                                         "1.1::DECIMAL(38,37)",
                                         "'2013-01-02'::DATE",
                                         "'1969-12-31 23:59:59.123456'::TIMESTAMP",
                                         "'2013-01-02 03:04:05'::TIMESTAMP_S",
                                         "'2013-01-02 03:04:05.678'::TIMESTAMP_MS",
                                         "'2013-01-02 03:04:05.123456789'::TIMESTAMP_NS"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct penstock_error error = {0};
        char relation[200], sql[400];
        struct ps_scan *scan = NULL;
        struct ps_chunk *chunk = NULL;
        snprintf(relation, sizeof relation, "(SELECT %s AS v) AS q", values[i]);
        const struct ps_scan_column columns[] = {{"v", PS_SCAN_DOUBLE}, {"v", PS_SCAN_TEXT}};
        assert_int_equal(ps_scan_open(connection, relation, columns, 2, NULL, &scan, &error), PENSTOCK_OK);
        assert_int_equal(ps_scan_next(scan, &chunk, &error), PENSTOCK_OK);
        const double number = ps_chunk_doubles(chunk, 0)[0];
        char text[64];
        const struct ps_bytes bytes = ps_chunk_text(chunk, 1, 0);
        snprintf(text, sizeof text, "%.*s", (int)bytes.size, bytes.data);
        ps_chunk_free(chunk);
        ps_scan_close(scan);
        snprintf(sql, sizeof sql, "SELECT predict('number', {'x': v, 't': v}) IS NULL FROM %s", relation);
        expect(sql, "false");
        if (memcmp(&seen.last_number, &number, sizeof number) != 0 || strcmp(seen.last_text, text) != 0) {
            fail_msg("%s: %.17g '%s' in training, %.17g '%s' in predict()", values[i], number, text,
                     seen.last_number, seen.last_text);
        }
    }
    expect("SELECT predict('number', {'x': 1, 't': v}) FROM (SELECT 'abcd'::ENUM ('a', 'abcd') AS v)",
           "41.0");
    expect("SELECT predict('number', {'x': 1, 't': '11111111-1111-1111-1111-111111111111'::UUID})", "361.0");
    assert_string_equal(seen.last_text, "11111111-1111-1111-1111-111111111111");
}

static void test_what_is_wrong_is_said(void **state) {
    (void)state;
    expect_error("SELECT predict('nmber', r) FROM r", "there is no model 'nmber'", "did you mean number?");
    expect_error("SELECT predict('number', {'xx': 1, 't': 'a'})", "no column 'x', which model number reads",
                 "give the row that column");
    expect_error("SELECT predict('number', {'x': 'one', 't': 'a'})",
                 "'x' is VARCHAR, but model number reads a number", "AS DOUBLE");
    expect_error("SELECT predict('number', {'x': [1], 't': 'a'})", "'x' is LIST", "CAST");
    expect_error("SELECT predict('number', {'x': 1, 't': 'a'::BLOB})",
                 "'t' is BLOB, but model number reads a category", "AS VARCHAR");
    expect_error("SELECT predict('number', x) FROM r", "second argument is a row", "a table of FROM");
    expect_error("SELECT predict(t, r) FROM r", "a model, as a constant text", "congestion@champion");
    expect_error("SELECT predict_proba('number', r) FROM r", "predicts a number", "predict(");
    expect_error("SELECT predict('number', {'x': 2, 't': 'bad'})",
                 "model number: column t: 'bad' was not seen in training, in the row {x: 2, t: 'bad'}", "");
    expect_error("FROM ML_PREDICT(TABLE r)", "ML_PREDICT takes TABLE name", "MODEL congestion");
    expect_error("FROM ML_PREDICT(TABLE r, MODEL number, DESCRIPTOR(x))", "leave DESCRIPTOR out", "");
    expect_error("FROM ML_PREDICT(r, MODEL number)", "ML_PREDICT takes TABLE name", "");
}

static void test_without_models(void **state) {
    (void)state;
    ps_engine_serve(engine, NULL);
    expect_error("SELECT predict('number', r) FROM r", "there are no models here", "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_texts_are_expanded, open_engine, close_engine),
        cmocka_unit_test_setup_teardown(test_places_lead_back, open_engine, close_engine),
        cmocka_unit_test_setup_teardown(test_mentions, open_engine, close_engine),
        cmocka_unit_test_setup_teardown(test_types_are_the_models, open_engine, close_engine),
        cmocka_unit_test_setup_teardown(test_every_row_of_every_chunk, open_engine, close_engine),
        cmocka_unit_test_setup_teardown(test_nulls, open_engine, close_engine),
        cmocka_unit_test_setup_teardown(test_values_are_those_of_training, open_engine, close_engine),
        cmocka_unit_test_setup_teardown(test_what_is_wrong_is_said, open_engine, close_engine),
        cmocka_unit_test_setup_teardown(test_without_models, open_engine, close_engine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
