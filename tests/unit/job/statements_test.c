/* SPDX-License-Identifier: Apache-2.0
 *
 * Statement heads: what is read, and what wrong ones are told, place by place.
 */
#include "job/project.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

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
        "  USING LinearRegression(regParam = GRID(0, 0.01, 1e-1), elasticNetParam = (0, 1), fitIntercept = true, x = NULL)\n"
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

/* Text, the message with its place, and a part of the hint (NULL: no hint is asked for). */
static const struct {
    const char *text, *message, *hint;
} bad_rows[] = {
    {"CREATE SINK s AS SELECT 1", "a.sql:1:1: unknown statement CREATE SINK", "statements are CREATE SOURCE"},
    {"\n  CREATE JOB j", "a.sql:2:3: unknown statement CREATE JOB", NULL},
    {"CREATE ENDPOINT e", "a.sql:1:1: unknown statement CREATE ENDPOINT", NULL},
    {"CREATE STREMING TABLE t", "a.sql:1:1: unknown statement CREATE STREMING",
     "did you mean CREATE STREAMING TABLE?"},
    {"CREATE MODLE m", "a.sql:1:1: unknown statement CREATE MODLE", "did you mean CREATE MODEL?"},
    {"CREATE", "a.sql:1:1: unknown statement CREATE", NULL},
    {"CREATE STREAMING VIEW v", "a.sql:1:18: found 'VIEW', but TABLE was expected", NULL},
    {"CREATE OR DROP TABLE v", "a.sql:1:11: found 'DROP', but REPLACE was expected", NULL},
    {"BEGIN; SELECT 1", "a.sql:1:1: BEGIN cannot be used in a project", "leave it out"},
    {"SELECT 1;\nCOMMIT", "a.sql:2:1: COMMIT cannot be used in a project", NULL},
    {"SELECT 'abc\n", "a.sql:1:8: this string does not end before the end of the file", NULL},
    {"SELECT \"abc\n", "a.sql:1:8: this quoted name does not end before the end of the file", NULL},
    {"-- ok\n /* a */ /* b /* c */", "a.sql:2:10: this comment does not end before the end of the file",
     NULL},
    {"SELECT $a$ $b$ $$", "a.sql:1:8: this string does not end before the end of the file", NULL},
    {"SELECT '\xff'", "a.sql:1:9: the byte 0xff is not UTF-8", "UTF-8"},
    {"SELECT '${KAFKAA}'", "a.sql:1:9: the variable ${KAFKAA} has no value", "did you mean ${KAFKA}?"},
    {"SELECT\n ${NOPE_NEVER}", "a.sql:2:2: the variable ${NOPE_NEVER} has no value", "--set NOPE_NEVER="},
    {"SELECT '${'", "a.sql:1:9: '${' is not followed by a variable's name and '}'", "${NAME}"},
    {"SELECT ${1}", "a.sql:1:8: '${' is not followed by a variable's name and '}'", NULL},
    {"CREATE SOURCE", "a.sql:1:14: found the end of the statement, but a name was expected", NULL},
    {"CREATE SOURCE main.s (a INT)" SOURCE_TAIL,
     "a.sql:1:15: 'main.' names a schema, but sources, streaming tables, views and models have none", NULL},
    {"CREATE SOURCE s" SOURCE_TAIL, "a.sql:1:17: found 'WITH', but '(' and the source's columns was expected",
     NULL},
    {"CREATE SOURCE s ()" SOURCE_TAIL, "a.sql:1:18: found ')', but a column or WATERMARK was expected", NULL},
    {"CREATE SOURCE s (a)" SOURCE_TAIL, "a.sql:1:19: found ')', but the column's type was expected", NULL},
    {"CREATE SOURCE s (a INT, A TEXT)" SOURCE_TAIL, "a.sql:1:25: the column 'A' is declared twice", NULL},
    {"CREATE SOURCE s (a INT PRIMARY KEY)" SOURCE_TAIL,
     "a.sql:1:24: found 'PRIMARY', but ',' or ')' or NOT NULL was expected", NULL},
    {"CREATE SOURCE s (a INT",
     "a.sql:1:23: found the end of the statement, but ',' or ')' or NOT NULL was expected", NULL},
    {"CREATE SOURCE s (a INT)", "a.sql:1:24: the source does not say where its records come from",
     "connector = 'file'"},
    {"CREATE SOURCE s (a INT) WITH (path = 'x')",
     "a.sql:1:25: the source does not say where its records come from", NULL},
    {"CREATE SOURCE s (a INT) WTIH (connector = 'file')",
     "a.sql:1:25: found 'WTIH', but WITH (...), FORMAT PLAIN, ENCODE ... or ';' was expected",
     "did you mean WITH?"},
    {"CREATE SOURCE s (a INT) WITH (connector = file)",
     "a.sql:1:43: found 'file', but a value (a number, a 'string', TRUE, FALSE or NULL) was expected",
     "text needs single quotes: 'file'"},
    {"CREATE SOURCE s (a INT) WITH (connector 'file')", "a.sql:1:41: found 'file', but '=' was expected",
     NULL},
    {"CREATE SOURCE s (a INT) WITH (connector = 'f', a.b = 1, A.B = 2)",
     "a.sql:1:57: 'A.B' is set twice, first in line 1", NULL},
    {"CREATE SOURCE s (a INT)" SOURCE_TAIL " ENCODE JSN",
     "a.sql:1:70: found 'JSN', but JSON, CSV or PARQUET was expected", "did you mean JSON?"},
    {"CREATE SOURCE s (a INT)" SOURCE_TAIL " FORMAT DEBEZIUM",
     "a.sql:1:70: found 'DEBEZIUM', but PLAIN was expected", NULL},
    {"CREATE SOURCE s (dep INT, WATERMARK FOR depp AS depp)" SOURCE_TAIL,
     "a.sql:1:41: the watermark's column 'depp' is not a column of this source", "did you mean dep?"},
    {"CREATE SOURCE s (a INT, WATERMARK FOR a AS a)" SOURCE_TAIL,
     "a.sql:1:39: the watermark's column 'a' is INT, but must be TIMESTAMP or DATE", NULL},
    {"CREATE SOURCE s (a DATE, WATERMARK FOR a AS b)" SOURCE_TAIL,
     "a.sql:1:45: the watermark is for 'a', so it is 'a - INTERVAL ...', not 'b'", NULL},
    {"CREATE SOURCE s (a DATE, WATERMRK FOR a AS a)" SOURCE_TAIL,
     "a.sql:1:26: found 'WATERMRK FOR', but a column or WATERMARK FOR was expected",
     "did you mean WATERMARK FOR?"},
    {"CREATE SOURCE s (a DATE, WATERMARK FOR a AS a - INTERVAL 3 PARSEC)" SOURCE_TAIL,
     "a.sql:1:49: this is not an interval of MILLISECOND, SECOND, MINUTE, HOUR, DAY or WEEK", NULL},
    {"CREATE SOURCE s (a DATE, WATERMARK FOR a AS a - INTERVAL -3 DAY)" SOURCE_TAIL,
     "a.sql:1:49: the interval is negative", NULL},
    {"CREATE STREAMING TABLE t SELECT 1", "a.sql:1:26: found 'SELECT', but AS was expected", NULL},
    {"CREATE STREAMING TABLE t AS", "a.sql:1:28: found the end of the statement, but a SELECT was expected",
     NULL},
    {"CREATE STREAMING TABLE t (a INT) AS SELECT 1",
     "a.sql:1:27: found 'a', but CONSTRAINT name EXPECT (condition) was expected", "only rules stand here"},
    {"CREATE STREAMING TABLE t (CONSTRAINT c EXPECT x > 1) AS SELECT 1",
     "a.sql:1:47: found 'x', but '(' was expected", NULL},
    {"CREATE STREAMING TABLE t (CONSTRAINT c EXPECT ()) AS SELECT 1",
     "a.sql:1:48: found ')', but a condition was expected", NULL},
    {"CREATE STREAMING TABLE t (CONSTRAINT c EXPECT (x) ON VIOLATION DORP ROW) AS SELECT 1",
     "a.sql:1:64: found 'DORP', but DROP ROW, FAIL UPDATE or DEAD LETTER was expected", "did you mean DROP?"},
    {"CREATE STREAMING TABLE t (CONSTRAINT c EXPECT (x), CONSTRAINT C EXPECT (y)) AS SELECT 1",
     "a.sql:1:63: the rule 'C' is declared twice", NULL},
    {"CREATE STREAMING TABLE t (CONSTRAINT c EXPECT (x",
     "a.sql:1:48: the list that this belongs to is not closed: ')' is missing", NULL},
    {"CREATE MATERIALIZED VIEW v AS SELECT 1 EMIT FINALLY",
     "a.sql:1:45: found 'FINALLY', but CHANGES or FINAL was expected", "did you mean FINAL?"},
    {"CREATE MATERIALIZED VIEW v AS SELECT 1 EMIT",
     "a.sql:1:44: found the end of the statement, but CHANGES or FINAL was expected", NULL},
    {"CREATE MODEL m AS SELECT 1", "a.sql:1:16: found 'AS', but PREDICT column was expected", NULL},
    {"CREATE MODEL m PREDICT y AS SELECT 1", "a.sql:1:26: found 'AS', but USING Estimator(...) was expected",
     NULL},
    {"CREATE MODEL m PREDICT y USING L",
     "a.sql:1:33: found the end of the statement, but TRANSFORM, PREDICT, USING, VALIDATE, HOLDOUT, GATE or AS was expected",
     NULL},
    {"CREATE MODEL m PREDICT y USNIG L AS SELECT 1",
     "a.sql:1:26: found 'USNIG', but USING Estimator(...) was expected", "did you mean USING?"},
    {"CREATE MODEL m PREDICT y PREDICT z USING L AS SELECT 1", "a.sql:1:26: PREDICT is given twice", NULL},
    {"CREATE MODEL m PREDICT y USING L(a = 1, A = 2) AS SELECT 1",
     "a.sql:1:41: the parameter 'A' of L is set twice", NULL},
    {"CREATE MODEL m PREDICT y USING L(a = GRID()) AS SELECT 1",
     "a.sql:1:42: the list of values for a is empty", NULL},
    {"CREATE MODEL m PREDICT y USING L(a = GRID(1, 2) AS SELECT 1",
     "a.sql:1:49: found 'AS', but ',', '=' or ')' was expected", NULL},
    {"CREATE MODEL m PREDICT y USING L(a = keep) AS SELECT 1",
     "a.sql:1:38: found 'keep', but a value (a number, a 'string', TRUE, FALSE or NULL) was expected",
     "'keep'"},
    {"CREATE MODEL m PREDICT y USING L HOLDOUT LAST 30 DAYS AS SELECT 1",
     "a.sql:1:55: found 'AS', but BY column (what the last rows are last by) was expected", NULL},
    {"CREATE MODEL m PREDICT y USING L HOLDOUT LAST 30 DYAS BY t AS SELECT 1",
     "a.sql:1:50: found 'DYAS', but PERCENT, or SECONDS, MINUTES, HOURS, DAYS, WEEKS, MONTHS or YEARS was expected",
     "did you mean DAYS?"},
    {"CREATE MODEL m PREDICT y USING L HOLDOUT LAST 100 PERCENT BY t AS SELECT 1",
     "a.sql:1:42: a hold-out of 100 percent leaves nothing to train on", NULL},
    {"CREATE MODEL m PREDICT y USING L HOLDOUT 0 PERCENT AS SELECT 1",
     "a.sql:1:42: a hold-out is more than 0 and less than 100 percent, not 0", NULL},
    {"CREATE MODEL m PREDICT y USING L GATE (rmse = 20) AS SELECT 1",
     "a.sql:1:45: found '=', but <=, <, >= or > was expected", NULL},
    {"CREATE MODEL m PREDICT y USING L GATE (rmse <= 'x') AS SELECT 1",
     "a.sql:1:48: found 'x', but a number was expected", NULL},
    {"CREATE MODEL m PREDICT y USING L GATE (improvement >= 1) AS SELECT 1",
     "a.sql:1:56: found ')', but PERCENT was expected", NULL},
    {"CREATE MODEL m PREDICT y USING L GATE (improvement <= 1 PERCENT) AS SELECT 1",
     "a.sql:1:40: an improvement is at least so much: write improvement >= n PERCENT", NULL},
    {"CREATE MODEL m PREDICT y USING L GATE (improvement >= 1 PERCENT CONFIDENCE 95) AS SELECT 1",
     "a.sql:1:76: a confidence is from 0.5 to below 1, not 95", NULL},
    {"CREATE MODEL m PREDICT y USING L GATE (FIRST RUN improvement >= 1 PERCENT) AS SELECT 1",
     "a.sql:1:40: the first run has no champion to improve on: give it a limit, such as FIRST RUN r2 > 0",
     NULL},
    {"CREATE MODEL \"a@b\" PREDICT y USING L AS SELECT 1",
     "a.sql:1:14: the name \"a@b\" must not contain '@' or '/'", NULL},
};

static void test_bad_statements(void **state) {
    (void)state;
    int wrong_count = 0;
    for (size_t i = 0; i < sizeof bad_rows / sizeof bad_rows[0]; i++) {
        struct penstock_error error;
        struct ps_statement *statements = NULL;
        size_t count = 0;
        if (parse(bad_rows[i].text, &statements, &count, &error) != PENSTOCK_INVALID_PROJECT) {
            print_error("accepted: %s\n", bad_rows[i].text);
            wrong_count++;
            continue;
        }
        if (strcmp(error.message, bad_rows[i].message) != 0 ||
            (bad_rows[i].hint != NULL && strstr(error.hint, bad_rows[i].hint) == NULL)) {
            print_error("%s\n  is:       %s (%s)\n  expected: %s (%s)\n", bad_rows[i].text, error.message,
                        error.hint, bad_rows[i].message, bad_rows[i].hint != NULL ? bad_rows[i].hint : "");
            wrong_count++;
        }
    }
    assert_int_equal(wrong_count, 0);
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
        cmocka_unit_test_setup_teardown(test_bad_statements, begin, end),
    };
    return cmocka_run_group_tests_name("job/statements", tests, NULL, NULL);
}
