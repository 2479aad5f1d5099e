/* SPDX-License-Identifier: Apache-2.0
 *
 * statements_test.c - statement heads: what is read, and what wrong ones are told, place by place.
 */
#include "job/project.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "cases.h"

static struct ps_arena *arena;

static int begin(void **state) {
    (void)state;
    arena = ps_arena_new(0);
    return arena == NULL;
}

static int end(void **state) {
    (void)state;
    ps_arena_free(arena);
    return 0;
}

static const struct ps_setting variables[] = {{"KAFKA", "localhost:9092", {NULL, 0, 0}},
                                              {"LONG", "a\nb", {NULL, 0, 0}},
                                              {"QUOTE", "it's", {NULL, 0, 0}}};

static penstock_code parse(const char *text, struct ps_statement **statements_out, size_t *count_out,
                           struct penstock_error *error) {
    return ps_statements_parse("a.sql", text, strlen(text), variables, 3, arena, statements_out, count_out,
                               error);
}

static struct ps_statement *good(const char *text, size_t expected_count) {
    struct penstock_error error;
    struct ps_statement *statements = NULL;
    size_t count = 0;
    if (parse(text, &statements, &count, &error) != PENSTOCK_OK) {
        fail_msg("%s\n%s", text, error.message);
    }
    assert_int_equal(count, expected_count);
    return statements;
}

#define SOURCE_TAIL " WITH (connector = 'file', path = 'x')"

static void test_source(void **state) {
    (void)state;
    const struct ps_statement *s = good(
        "-- the source\nCREATE SOURCE IF NOT EXISTS departures (\n"
        "  carrier VARCHAR NOT NULL, \"Sched Dep\" TIMESTAMP, price DECIMAL(10,2),\n"
        "  parts STRUCT(a INTEGER, b VARCHAR[]), tags MAP(VARCHAR, INTEGER) NULL, at TIMESTAMP WITH TIME ZONE,\n"
        "  WATERMARK FOR \"Sched Dep\" AS \"Sched Dep\" - INTERVAL '30' SECOND\n"
        ") WITH (connector = 'kafka', topic = 'departures', properties.bootstrap.servers = '${KAFKA}',\n"
        "        scan.startup-mode = 'earliest', fetch.max = 12, lag = -1.5e3, idle = TRUE)\n"
        "FORMAT PLAIN ENCODE CSV (delimiter = ';', header = true);\n",
        1);
    assert_int_equal(s->kind, PS_STATEMENT_SOURCE);
    assert_string_equal(s->name, "departures");
    assert_true(s->if_not_exists);
    assert_false(s->or_replace);
    assert_int_equal(s->location.line, 2);
    assert_int_equal(s->name_location.column, 29);
    const struct ps_source_statement *source = &s->as.source;
    assert_int_equal(source->schema.column_count, 6);
    assert_true(source->schema.columns[0].not_null);
    assert_string_equal(source->schema.columns[1].name, "Sched Dep");
    assert_int_equal(source->schema.columns[1].type, PS_TYPE_TIMESTAMP);
    assert_string_equal(source->schema.columns[2].type_text, "DECIMAL(10,2)");
    assert_int_equal(source->schema.columns[2].type, PS_TYPE_CAST);
    assert_string_equal(source->schema.columns[3].type_text, "STRUCT(a INTEGER, b VARCHAR[])");
    assert_string_equal(source->schema.columns[5].type_text, "TIMESTAMP WITH TIME ZONE");
    assert_int_equal(source->column_locations[2].line, 3);
    assert_string_equal(source->watermark_column, "Sched Dep");
    assert_int_equal(source->watermark_delay_ms, 30000);
    assert_string_equal(source->connector, "kafka");
    assert_int_equal(source->setting_count, 7);
    assert_string_equal(source->settings[2].name, "properties.bootstrap.servers");
    assert_string_equal(source->settings[2].value, "localhost:9092");
    assert_string_equal(source->settings[3].name, "scan.startup-mode");
    assert_string_equal(source->settings[4].value, "12");
    assert_string_equal(source->settings[5].value, "-1.5e3");
    assert_string_equal(source->settings[6].value, "true");
    assert_string_equal(source->encode, "csv");
    assert_int_equal(source->encode_setting_count, 2);
    assert_string_equal(source->encode_settings[0].value, ";");
}

static void test_watermark_delays(void **state) {
    (void)state;
    static const struct {
        const char *delay;
        int64_t expected_ms;
    } rows[] = {{"", 0},
                {" - INTERVAL 30 SECOND", 30000},
                {" - INTERVAL 30 SECONDS", 30000},
                {" - INTERVAL '30' SECOND", 30000},
                {" - INTERVAL '30 seconds'", 30000},
                {" - INTERVAL '1.5 minutes'", 90000},
                {" - interval 2 hours", 7200000},
                {" - INTERVAL 1 DAY", 86400000},
                {" - INTERVAL 250 MILLISECONDS", 250}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[256];
        snprintf(text, sizeof text, "CREATE SOURCE s (t TIMESTAMP, WATERMARK FOR t AS t%s)" SOURCE_TAIL,
                 rows[i].delay);
        assert_int_equal(good(text, 1)->as.source.watermark_delay_ms, rows[i].expected_ms);
    }
}

static void test_table_and_view(void **state) {
    (void)state;
    const struct ps_statement *s =
        good("CREATE OR REPLACE STREAMING TABLE clean (\n"
             "  CONSTRAINT has_label EXPECT (x > 0 AND y IN (1, 2)) ON VIOLATION DEAD LETTER,\n"
             "  CONSTRAINT sane EXPECT (x < 600) ON VIOLATION DROP ROW,\n"
             "  CONSTRAINT strict EXPECT (x IS NOT NULL) ON VIOLATION FAIL UPDATE,\n"
             "  CONSTRAINT counted EXPECT (f(x, ')') )\n"
             ") AS\n  SELECT * FROM STREAM s;\n"
             "create materialized view v as select 1 as a emit final;"
             "CREATE MATERIALIZED VIEW w AS SELECT 1 AS emit EMIT CHANGES;"
             "CREATE MATERIALIZED VIEW u AS FROM x",
             4);
    const struct ps_table_statement *table = &s[0].as.table;
    assert_true(s[0].or_replace);
    assert_int_equal(table->rule_count, 4);
    assert_string_equal(table->rules[0].expression.text, "x > 0 AND y IN (1, 2)");
    assert_int_equal(table->rules[0].expression.location.line, 2);
    assert_int_equal(table->rules[0].expression.location.column, 32);
    assert_int_equal(table->rules[0].action, PS_RULE_DEAD_LETTER);
    assert_int_equal(table->rules[1].action, PS_RULE_DROP_ROW);
    assert_int_equal(table->rules[2].action, PS_RULE_FAIL_UPDATE);
    assert_int_equal(table->rules[3].action, PS_RULE_KEEP);
    assert_string_equal(table->rules[3].expression.text, "f(x, ')')");
    assert_string_equal(table->select.text, "SELECT * FROM STREAM s");
    assert_int_equal(table->select.location.line, 7);
    assert_int_equal(table->select.location.column, 3);
    assert_true(s[1].as.view.emit_final);
    assert_string_equal(s[1].as.view.select.text, "select 1 as a");
    assert_false(s[2].as.view.emit_final);
    assert_string_equal(s[2].as.view.select.text, "SELECT 1 AS emit");
    assert_string_equal(s[3].as.view.select.text, "FROM x");
}

static void test_model(void **state) {
    (void)state;
    const struct ps_statement *s = good(
        "CREATE MODEL congestion\n"
        "  TRANSFORM (OutlierFilter(loading_time, method = 'iqr', k = 3), StandardScaler(distance, \"wind speed\"),\n"
        "             Bucketizer(distance, splits = [-inf, 0, 1e-3, inf]), Imputer)\n"
        "  PREDICT loading_time\n"
        "  USING LinearRegression(regParam = GRID(0, 0.01, 1e-1), elasticNetParam = (0, 1), "
        "fitIntercept = true, x = NULL, y = nan)\n"
        "  VALIDATE CrossValidator(numFolds = 3, metricName = 'rmse', seed = -7)\n"
        "  HOLDOUT LAST 30 DAYS BY sched_dep\n"
        "  GATE (rmse <= 20, improvement >= 1 PERCENT OF champion CONFIDENCE 0.9, FIRST RUN r2 > -0.1)\n"
        "AS SELECT * EXCLUDE (flight) FROM clean_departures",
        1);
    const struct ps_model_statement *model = &s->as.model;
    assert_int_equal(model->transform_count, 4);
    assert_string_equal(model->transforms[0].parameters[0].values[0], "loading_time");
    assert_null(model->transforms[0].parameters[0].name);
    assert_string_equal(model->transforms[0].parameters[1].name, "method");
    assert_string_equal(model->transforms[0].parameters[1].values[0], "iqr");
    assert_string_equal(model->transforms[1].parameters[1].values[0], "wind speed");
    assert_int_equal(model->transforms[2].parameters[1].value_count, 4);
    assert_string_equal(model->transforms[2].parameters[1].values[0], "-inf");
    assert_string_equal(model->transforms[2].parameters[1].values[2], "1e-3");
    assert_int_equal(model->transforms[3].parameter_count, 0);
    assert_string_equal(model->label, "loading_time");
    assert_int_equal(model->label_location.line, 4);
    assert_true(model->estimator.parameters[0].is_grid);
    assert_int_equal(model->estimator.parameters[0].value_count, 3);
    assert_false(model->estimator.parameters[1].is_grid);
    assert_int_equal(model->estimator.parameters[1].value_count, 2);
    assert_string_equal(model->estimator.parameters[2].values[0], "true");
    assert_string_equal(model->estimator.parameters[3].values[0], "NULL");
    assert_string_equal(model->estimator.parameters[4].values[0], "nan");
    assert_string_equal(model->validation.parameters[2].values[0], "-7");
    assert_int_equal(model->holdout.kind, PS_HOLDOUT_LAST_INTERVAL);
    assert_string_equal(model->holdout.interval, "30 DAYS");
    assert_string_equal(model->holdout.by_column, "sched_dep");
    assert_int_equal(model->gate_count, 3);
    assert_string_equal(model->gate[0].comparison, "<=");
    assert_true(model->gate[0].value == 20);
    assert_int_equal(model->gate[1].kind, PS_GATE_IMPROVEMENT);
    assert_true(model->gate[1].value == 0.01 && model->gate[1].confidence == 0.9);
    assert_true(model->gate[2].is_first_run);
    assert_string_equal(model->gate[2].comparison, ">");
    assert_true(model->gate[2].value == -0.1);
    assert_string_equal(model->select.text, "SELECT * EXCLUDE (flight) FROM clean_departures");
}

static void test_model_forms(void **state) {
    (void)state;
    const struct ps_statement *s = good(
        "CREATE MODEL a USING L HOLDOUT 20 PERCENT PREDICT y AS FROM t;"
        "CREATE MODEL b PREDICT \"a y\" USING L() HOLDOUT LAST 12.5 % BY \"at\" AS FROM t;"
        "CREATE MODEL c PREDICT y USING L GATE (improvement > 2 %) HOLDOUT LAST INTERVAL '2' WEEK BY t AS FROM t;"
        "CREATE MODEL \"d e\" PREDICT y USING L AS FROM 'x.parquet'",
        4);
    assert_int_equal(s[0].as.model.holdout.kind, PS_HOLDOUT_FRACTION);
    assert_true(s[0].as.model.holdout.fraction == 0.2);
    assert_null(s[0].as.model.holdout.by_column);
    assert_true(s[1].as.model.holdout.fraction == 0.125);
    assert_string_equal(s[1].as.model.holdout.by_column, "at");
    assert_string_equal(s[1].as.model.label, "a y");
    assert_string_equal(s[2].as.model.holdout.interval, "2 WEEK");
    assert_true(s[2].as.model.gate[0].confidence == 0.95);
    assert_null(s[3].as.model.validation.name);
    assert_string_equal(s[3].name, "d e");
}

static void test_plain_sql(void **state) {
    (void)state;
    const struct ps_statement *s =
        good("CREATE OR REPLACE TABLE t AS SELECT ';' AS a; -- c\nINSERT INTO t VALUES ($$;$$) ;;"
             "CREATE TEMP VIEW v AS SELECT 1;CREATE MACRO m(a) AS a + 1; SET x = 1;"
             "CREATE TYPE mood AS ENUM ('a'); CREATE SCHEMA z; CREATE SEQUENCE q; /* /* ; */ */ ",
             8);
    assert_int_equal(s[0].kind, PS_STATEMENT_SQL);
    assert_null(s[0].name);
    assert_string_equal(s[0].text, "CREATE OR REPLACE TABLE t AS SELECT ';' AS a");
    assert_string_equal(s[1].text, "INSERT INTO t VALUES ($$;$$)");
    assert_int_equal(s[1].location.line, 2);
}

static void test_nothing(void **state) {
    (void)state;
    good("", 0);
    good("-- only a comment", 0);
    good("\xEF\xBB\xBF/* a */\r\n;\r\n", 0);
    const struct ps_statement *s = good("\xEF\xBB\xBFSELECT 1\r\n;\r\n  SELECT 2", 2);
    assert_int_equal(s[0].location.column, 1);
    assert_int_equal(s[1].location.line, 3);
    assert_int_equal(s[1].location.column, 3);
}

static void test_variables(void **state) {
    (void)state;
    const struct ps_statement *s =
        good("SELECT '${QUOTE}', ${KAFKA}, $${KAFKA}, '$${KAFKA}' -- ${UNKNOWN}\n, \"${QUOTE}\","
             " $$ ${QUOTE} $$, a${KAFKA}b;",
             1);
    assert_string_equal(s[0].text,
                        "SELECT 'it''s', localhost:9092, ${KAFKA}, '${KAFKA}' -- ${UNKNOWN}\n, \"it's\","
                        " $$ it's $$, alocalhost:9092b");
    /* The line and column behind a variable are those of the file, whatever the value holds. */
    s = good("SELECT '${LONG}'; SELECT 2;\nSELECT 3", 3);
    assert_int_equal(s[1].location.line, 1);
    assert_int_equal(s[1].location.column, 19);
    assert_int_equal(s[2].location.line, 2);
    setenv("PENSTOCK_TEST_VARIABLE", "from outside", 1);
    assert_string_equal(good("SELECT '${PENSTOCK_TEST_VARIABLE}'", 1)->text, "SELECT 'from outside'");
}

static void test_cases(void **state) {
    (void)state;
    struct test_cases cases;
    size_t wrong_count = 0;
    assert_true(read_cases("statements.txt", &cases));
    assert_true(cases.count > 50);
    for (size_t i = 0; i < cases.count; i++) {
        struct penstock_error error = {0};
        struct ps_statement *statements = NULL;
        size_t count = 0;
        const penstock_code code = parse(cases.items[i].text, &statements, &count, &error);
        wrong_count += !check_case(&cases.items[i], code, &error);
    }
    ps_arena_free(cases.arena);
    assert_int_equal(wrong_count, 0);
}

/* Texts that cannot stand in a file of cases. */
static void test_bad_bytes(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } rows[] = {{"SELECT 'abc\n", "a.sql:1:8: this string does not end before the end of the file"},
                {"SELECT \"abc\n", "a.sql:1:8: this quoted name does not end before the end of the file"},
                {"SELECT '\xff'", "a.sql:1:9: the byte 0xff is not UTF-8"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct penstock_error error;
        struct ps_statement *statements = NULL;
        size_t count = 0;
        assert_int_equal(parse(rows[i].text, &statements, &count, &error), PENSTOCK_INVALID_PROJECT);
        assert_string_equal(error.message, rows[i].message);
    }
    struct penstock_error error;
    struct ps_statement *statements = NULL;
    size_t count = 0;
    assert_int_equal(
        ps_statements_parse("a.sql", "SELECT\0 1", 9, NULL, 0, arena, &statements, &count, &error),
        PENSTOCK_INVALID_PROJECT);
    assert_string_equal(error.message, "a.sql:1:7: there is a NUL byte in the text");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_source, begin, end),
        cmocka_unit_test_setup_teardown(test_watermark_delays, begin, end),
        cmocka_unit_test_setup_teardown(test_table_and_view, begin, end),
        cmocka_unit_test_setup_teardown(test_model, begin, end),
        cmocka_unit_test_setup_teardown(test_model_forms, begin, end),
        cmocka_unit_test_setup_teardown(test_plain_sql, begin, end),
        cmocka_unit_test_setup_teardown(test_nothing, begin, end),
        cmocka_unit_test_setup_teardown(test_variables, begin, end),
        cmocka_unit_test_setup_teardown(test_cases, begin, end),
        cmocka_unit_test_setup_teardown(test_bad_bytes, begin, end),
    };
    return cmocka_run_group_tests_name("job/statements", tests, NULL, NULL);
}
