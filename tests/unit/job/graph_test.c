/* SPDX-License-Identifier: Apache-2.0
 *
 * From statements to a bound DAG; and what wrong projects are told, place by place.
 */
#include "job/graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

static struct ps_project project;
static struct ps_graph *graph;
static char folder[64];

static void write_file(const char *name, const char *text) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int begin(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/penstock-graph-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return 1;
    }
    write_file("weather.csv", "origin,hour_start,visib\nJFK,2013-01-01 00:00:00,10\n");
    return 0;
}

static int end(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static penstock_code build(const char *text, struct penstock_error *error) {
    graph = NULL;
    project = (struct ps_project){.arena = ps_arena_new(0), .folder = folder};
    assert_non_null(project.arena);
    PS_TRY(ps_statements_parse("a.sql", text, strlen(text), NULL, 0, project.arena, &project.statements,
                               &project.statement_count, error));
    return ps_graph_build(&project, &graph, error);
}

static void done(void) {
    ps_graph_free(graph);
    ps_arena_free(project.arena);
}

static void good(const char *text) {
    struct penstock_error error;
    if (build(text, &error) != PENSTOCK_OK) {
        fail_msg("%s\n%s\n%s\n%s", text, error.message, error.detail, error.hint);
    }
}

#define SOURCE                                                                                                         \
    "CREATE SOURCE departures (carrier VARCHAR, origin VARCHAR, sched_dep TIMESTAMP, departed_at TIMESTAMP, distance " \
    "DOUBLE, price DECIMAL(10,2), loading_time DOUBLE, WATERMARK FOR departed_at AS departed_at - INTERVAL 30 "        \
    "SECOND) WITH (connector = 'file');\n"
#define CLEAN SOURCE "CREATE STREAMING TABLE clean AS SELECT * FROM STREAM departures;\n"

static const struct ps_node *node(const char *name) {
    const int64_t index = ps_graph_find(graph, name);
    if (index < 0) {
        fail_msg("no node %s", name);
    }
    return &graph->nodes[index];
}

static void assert_columns(const char *name, const char *expected) {
    char text[1000] = "";
    const struct ps_node *found = node(name);
    for (size_t i = 0; i < found->column_count; i++) {
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s %s", i > 0 ? ", " : "",
                 found->column_names[i], found->column_types[i]);
    }
    assert_string_equal(text, expected);
}

static void assert_reads(const char *name, const char *input, bool is_stream) {
    const struct ps_node *reader = node(name);
    for (size_t i = 0; i < reader->input_count; i++) {
        if (strcmp(graph->nodes[reader->inputs[i]].name, input) == 0) {
            assert_int_equal(reader->input_is_stream[i], is_stream);
            assert_true(&graph->nodes[reader->inputs[i]] < reader);
            return;
        }
    }
    fail_msg("%s does not read %s", name, input);
}

/* Everything at once, in the wrong order. */
static void test_whole_project(void **state) {
    (void)state;
    good(
        "CREATE MODEL congestion PREDICT loading_time USING LinearRegression AS SELECT * EXCLUDE (carrier) FROM clean_departures "
        "WHERE sched_dep > now() - INTERVAL 28 DAY;\n"
        "CREATE VIEW report AS SELECT origin, count(*) AS n FROM clean_departures GROUP BY origin;\n"
        "CREATE MATERIALIZED VIEW by_airport AS SELECT origin, time_bucket(INTERVAL 15 MINUTE, departed_at) AS window_start,\n"
        "  count(*) AS departures, avg(loading_time) AS mean FROM STREAM clean_departures GROUP BY ALL EMIT FINAL;\n"
        "CREATE STREAMING TABLE clean_departures (CONSTRAINT a EXPECT (loading_time > 0 AND hour < 24) ON VIOLATION DEAD LETTER)\n"
        "  AS SELECT d.*, hour(sched_dep) AS hour, w.visib, epoch_time() AS seen FROM STREAM departures d LEFT JOIN weather w\n"
        "  ON w.origin = d.origin AND w.hour_start = date_trunc('hour', sched_dep);\n" SOURCE
        "CREATE TABLE weather AS SELECT * FROM 'weather.csv';\n"
        "INSERT INTO weather SELECT * FROM 'weather.csv';\n"
        "SET threads = 1;");
    assert_int_equal(graph->node_count, 8);
    assert_columns(
        "clean_departures",
        "carrier VARCHAR, origin VARCHAR, sched_dep TIMESTAMP, departed_at TIMESTAMP, distance DOUBLE, "
        "price DECIMAL(10,2), loading_time DOUBLE, hour BIGINT, visib BIGINT, seen TIMESTAMP");
    assert_columns("by_airport", "origin VARCHAR, window_start TIMESTAMP, departures BIGINT, mean DOUBLE");
    assert_int_equal(node("congestion")->column_count, 9);
    assert_reads("clean_departures", "departures", true);
    assert_reads("clean_departures", "sql_2", false);
    assert_reads("clean_departures", "sql_3", false);
    assert_reads("by_airport", "clean_departures", true);
    assert_reads("congestion", "clean_departures", false);
    assert_reads("sql_1", "clean_departures", false);
    assert_ptr_equal(&graph->nodes[node("by_airport")->source], node("departures"));
    assert_int_equal(node("congestion")->source, -1);
    assert_int_equal(node("sql_1")->column_count, 0);
    done();
}

/* What must be accepted. */
static void test_good_statements(void **state) {
    (void)state;
    static const char *const rows[] = {
        "",
        "SELECT 1",
        "CREATE MODEL m PREDICT a USING L AS SELECT 1 AS a, 2 AS b",
        "CREATE MODEL m PREDICT visib USING L AS FROM 'weather.csv'",
        SOURCE "CREATE STREAMING TABLE t AS FROM STREAM departures",
        SOURCE "CREATE STREAMING TABLE t AS FROM STREAM(departures) SELECT origin",
        SOURCE
        "CREATE STREAMING TABLE t AS SELECT d.origin FROM stream\n   departures AS d WHERE distance > 3",
        SOURCE
        "CREATE STREAMING TABLE t AS SELECT x.origin FROM (SELECT upper(origin) AS origin FROM STREAM departures) x",
        SOURCE
        "CREATE STREAMING TABLE t AS WITH x AS (SELECT origin AS o FROM STREAM departures), y AS (FROM x) SELECT o FROM y",
        SOURCE "CREATE STREAMING TABLE t AS SELECT origin, unnest([1, 2]) AS n FROM STREAM departures",
        SOURCE
        "CREATE TABLE w (o VARCHAR); CREATE STREAMING TABLE t AS SELECT o FROM w RIGHT JOIN STREAM departures d ON w.o = d.origin",
        SOURCE
        "CREATE TABLE w (o VARCHAR); CREATE STREAMING TABLE t AS SELECT * FROM STREAM departures WHERE origin IN (SELECT max(o) FROM w)",
        SOURCE
        "CREATE STREAMING TABLE t AS SELECT * FROM TUMBLE(STREAM departures, departed_at, INTERVAL 5 MINUTE)",
        CLEAN
        "CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n, sum(loading_time) FILTER (WHERE distance > 3) AS s FROM STREAM clean",
        CLEAN
        "CREATE MATERIALIZED VIEW v AS SELECT o, count(*) AS n FROM (SELECT upper(origin) AS o FROM STREAM clean) GROUP BY 1 HAVING count(*) > 3",
        CLEAN
        "CREATE MATERIALIZED VIEW v AS SELECT min(origin) AS a, max(departed_at) AS b, stddev(distance) AS c, regr_slope(distance, loading_time) AS d,"
        " approx_count_distinct(origin) AS e, bool_or(distance > 3) AS f, count_if(distance > 3) AS g, sum(price) AS h, avg(price) AS i, corr(distance, price) AS j FROM STREAM clean",
        CLEAN
        "CREATE MATERIALIZED VIEW v AS SELECT w.window_start, window_end, count(*) AS n FROM HOP(STREAM clean, departed_at, INTERVAL 5 MINUTE, INTERVAL 1 HOUR) w GROUP BY ALL EMIT FINAL",
        CLEAN
        "CREATE MATERIALIZED VIEW v AS SELECT origin, count(*) AS n FROM TUMBLE(STREAM clean, departed_at, INTERVAL 1 DAY) GROUP BY origin, window_start EMIT FINAL",
        CLEAN
        "CREATE MATERIALIZED VIEW v AS SELECT date_trunc('hour', departed_at) AS h, count(*) AS n FROM STREAM clean GROUP BY h EMIT FINAL",
        CLEAN
        "CREATE MATERIALIZED VIEW v AS SELECT DISTINCT_KEY.origin FROM STREAM clean DISTINCT_KEY GROUP BY origin",
        CLEAN
        "CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM STREAM clean; CREATE STREAMING TABLE t AS SELECT c.origin, v.n FROM STREAM clean c, v",
        SOURCE
        "CREATE STREAMING TABLE \"select\" AS SELECT origin AS \"from\" FROM STREAM departures; CREATE VIEW r AS SELECT \"from\" FROM \"select\"",
        "CREATE TYPE mood AS ENUM ('a'); CREATE SOURCE s (m mood, n STRUCT(a INT, b VARCHAR[])) WITH (connector = 'f'); CREATE STREAMING TABLE t AS SELECT m, n.b FROM STREAM s",
        "CREATE MACRO twice(a) AS a * 2; CREATE TABLE t AS SELECT twice(2) AS a; INSERT INTO t VALUES (3); CREATE VIEW v AS FROM t",
        "CREATE VIEW v AS FROM t; CREATE TABLE t (a INT); INSERT INTO t VALUES (1); CREATE TABLE u AS FROM t; INSERT INTO t SELECT * FROM u; UPDATE u SET a = 1; DROP TABLE IF EXISTS u",
        "CREATE VIEW d AS SELECT * FROM penstock.dead_letters",
        "COPY (SELECT 1) TO 'out.csv'; CREATE SCHEMA ref; CREATE TABLE ref.t (a INT); CREATE INDEX i ON ref.t(a)",
        "CREATE TABLE t AS SELECT 1 AS a WITH NO DATA",
        "PIVOT (SELECT 1 AS a, 2 AS b) ON a USING sum(b)",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        good(rows[i]);
        done();
    }
}

static const struct {
    const char *text, *message, *hint;
} bad_rows[] = {
    /* names and tables */
    {SOURCE SOURCE, "a.sql:2:15: the name 'departures' is used twice, first in a.sql:1", NULL},
    {SOURCE "CREATE TABLE Departures (a INT)",
     "a.sql:2:1: the name 'Departures' is used twice, first in a.sql:1", NULL},
    {SOURCE "CREATE STREAMING TABLE t AS SELECT * FROM departures",
     "a.sql:2:43: 'departures' is a source: its records are not kept, so it cannot be read as a table",
     "write STREAM departures"},
    {SOURCE "CREATE STREAMING TABLE t AS\nSELECT * FROM STREAM departure",
     "a.sql:3:15: there is no source or streaming table 'departure'", "did you mean departures?"},
    {CLEAN
     "CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM STREAM clean; CREATE STREAMING TABLE t AS FROM STREAM v",
     "a.sql:3:104: 'v' is a materialized view: its rows change, so they cannot be read as STREAM",
     "leave STREAM out"},
    {"CREATE TABLE w (a INT); CREATE STREAMING TABLE t AS FROM STREAM w",
     "a.sql:1:58: 'w' is a plain table: only sources and streaming tables can be read as STREAM",
     "leave STREAM out"},
    {CLEAN "CREATE MODEL m PREDICT distance USING L AS FROM STREAM clean",
     "a.sql:3:49: a model is trained from tables, not from STREAM clean", "leave STREAM out"},
    {SOURCE "CREATE MODEL m PREDICT distance USING L AS FROM departures",
     "a.sql:2:49: 'departures' is a source: its records are not kept, so it cannot be read as a table",
     "CREATE STREAMING TABLE"},
    {CLEAN "CREATE MODEL m PREDICT distance USING L AS FROM cleen", "a.sql:3:49: there is no table 'cleen'",
     "did you mean clean?"},
    {CLEAN
     "CREATE MODEL m PREDICT distance USING L AS FROM clean; CREATE MODEL n PREDICT a USING L AS FROM m",
     "a.sql:3:97: 'm' is a model, not a table", NULL},
    {"CREATE TABLE weather AS SELECT 1 AS a; CREATE MODEL m PREDICT a USING L AS SELECT a FROM wether",
     "a.sql:1:90: there is no table 'wether'", "did you mean weather?"},
    {CLEAN "INSERT INTO clean VALUES (1)",
     "a.sql:3:1: 'clean' is written by its own statement in a.sql:2 only", NULL},
    {CLEAN "DROP TABLE clean", "a.sql:3:1: 'clean' is written by its own statement in a.sql:2 only", NULL},
    /* cycles */
    {SOURCE
     "CREATE STREAMING TABLE t AS SELECT d.origin FROM STREAM departures d JOIN t ON t.origin = d.origin",
     "a.sql:2:24: the statements go in a circle: t reads t", NULL},
    {"CREATE STREAMING TABLE a AS FROM STREAM b; CREATE STREAMING TABLE b AS FROM STREAM a",
     "a.sql:1:24: the statements go in a circle: a reads b, b reads a", NULL},
    /* syntax and names inside SELECTs */
    {"CREATE TABLE t (a INT", "a.sql:1:22: syntax error at end of input", NULL},
    {"SELECT 1;\n  INSRT INTO t VALUES (1)", "a.sql:2:3: syntax error at or near \"INSRT\"", NULL},
    {SOURCE "CREATE STREAMING TABLE t AS\n  SELECT origin FRM STREAM departures",
     "a.sql:3:21: syntax error at or near \"STREAM\"", NULL},
    {SOURCE "CREATE STREAMING TABLE t AS\n  SELECT orign FROM STREAM departures",
     "a.sql:3:10: there is no column 'orign'", "did you mean origin?"},
    {SOURCE "CREATE STREAMING TABLE t AS\n  SELECT d.orign FROM STREAM departures d",
     "a.sql:3:10: there is no column 'orign'", "did you mean origin?"},
    {SOURCE "CREATE STREAMING TABLE t AS SELECT uper(origin) AS o FROM STREAM departures",
     "a.sql:2:36: there is no function 'uper'", "did you mean upper?"},
    {SOURCE
     "CREATE STREAMING TABLE t AS SELECT orign FROM TUMBLE(STREAM departures, departed_at, INTERVAL 5 MINUTE)",
     "a.sql:2:36: there is no column 'orign'", "did you mean origin?"},
    {SOURCE "CREATE STREAMING TABLE t AS SELECT origin, distance AS Origin FROM STREAM departures",
     "a.sql:2:29: two columns of 't' are called 'Origin'", "EXCLUDE"},
    {SOURCE "CREATE STREAMING TABLE t AS SELECT 1; SELECT 2",
     "a.sql:2:29: this streaming table reads no stream, so it would never grow", "FROM STREAM"},
    {"CREATE MODEL m PREDICT a USING L AS FROM 'nothing.parquet'",
     "a.sql:1:42: there is no file 'nothing.parquet'", "project's folder"},
    {"CREATE TABLE t AS FROM 'nothing.csv'", "a.sql:1:24: there is no file 'nothing.csv'", NULL},
    {"CREATE SOURCE s (a INTEGR) WITH (connector = 'f')",
     "a.sql:1:18: the column 'a' has the type 'INTEGR', which is none", "did you mean INTEGER?"},
    {"CREATE VIEW v AS SELECT nope FROM (SELECT 1 AS a)", "a.sql:1:25: there is no column 'nope'", NULL},
    /* streaming tables */
    {SOURCE
     "CREATE STREAMING TABLE t AS SELECT origin, sum(distance) AS s FROM STREAM departures GROUP BY origin",
     "a.sql:2:44: sum() combines rows, but a streaming table works row by row", "CREATE MATERIALIZED VIEW"},
    {SOURCE "CREATE STREAMING TABLE t AS SELECT origin FROM STREAM departures GROUP BY origin",
     "a.sql:2:75: GROUP BY combines rows, but a streaming table works row by row", NULL},
    {SOURCE "CREATE STREAMING TABLE t AS SELECT DISTINCT origin FROM STREAM departures",
     "a.sql:2:45: DISTINCT cannot be used in a streaming table: it compares rows of different epochs", NULL},
    {SOURCE "CREATE STREAMING TABLE t AS SELECT origin FROM STREAM departures ORDER BY distance",
     "a.sql:2:75: ORDER BY cannot be used in a streaming table: its rows never are all there", NULL},
    {SOURCE "CREATE STREAMING TABLE t AS SELECT origin FROM STREAM departures LIMIT 5",
     "a.sql:2:72: LIMIT cannot be used in a streaming table: a stream has no first or last row", NULL},
    {SOURCE "CREATE STREAMING TABLE t AS SELECT lag(origin) OVER () AS l FROM STREAM departures",
     "a.sql:2:36: lag() OVER (...) looks at rows of other epochs, so a continuous statement cannot use it",
     NULL},
    {SOURCE "CREATE STREAMING TABLE t AS SELECT o FROM (SELECT max(origin) AS o FROM STREAM departures)",
     "a.sql:2:51: max() combines rows, but a streaming table works row by row", NULL},
    {SOURCE
     "CREATE STREAMING TABLE t AS SELECT a.origin FROM STREAM departures a JOIN STREAM departures b USING (origin)",
     "a.sql:2:75: a statement reads one stream: a join of two streams is not possible in this version",
     "leave one STREAM out"},
    {SOURCE
     "CREATE STREAMING TABLE t AS WITH x AS (FROM STREAM departures) SELECT a.origin FROM x a JOIN x b USING (origin)",
     "a.sql:2:89: a join of two streams is not possible in this version", NULL},
    {SOURCE
     "CREATE TABLE w (origin VARCHAR); CREATE STREAMING TABLE t AS SELECT w.origin FROM w LEFT JOIN STREAM departures d USING (origin)",
     "a.sql:2:85: this LEFT JOIN waits for what the stream may still bring: the stream must be on the side whose rows are all kept",
     "FROM STREAM"},
    {SOURCE
     "CREATE TABLE w (origin VARCHAR); CREATE STREAMING TABLE t AS SELECT w.origin FROM STREAM departures d FULL JOIN w USING (origin)",
     "a.sql:2:103: this FULL JOIN waits for what the stream may still bring: the stream must be on the side whose rows are all kept",
     NULL},
    {SOURCE
     "CREATE TABLE w (o VARCHAR); CREATE STREAMING TABLE t AS SELECT o FROM w WHERE o IN (SELECT origin FROM STREAM departures)",
     "a.sql:2:104: STREAM departures can be read in FROM only, not in a subquery of an expression or a second time",
     NULL},
    {SOURCE "CREATE STREAMING TABLE t AS SELECT origin FROM STREAM departures UNION ALL SELECT 'x'",
     "a.sql:2:29: a continuous statement is one SELECT: UNION, INTERSECT, EXCEPT and recursion cannot read a stream",
     NULL},
    {SOURCE "CREATE STREAMING TABLE t AS SELECT now() AS n FROM STREAM departures",
     "a.sql:2:36: now() would give another answer when an epoch is replayed, so a continuous statement cannot use it",
     "epoch_time()"},
    {SOURCE "CREATE STREAMING TABLE t AS SELECT current_date AS n FROM STREAM departures",
     "a.sql:2:36: current_date would give another answer when an epoch is replayed, so a continuous statement cannot use it",
     "epoch_time()"},
    {SOURCE "CREATE STREAMING TABLE t AS SELECT origin FROM STREAM departures WHERE random() < 0.5",
     "a.sql:2:72: random() would give another answer when an epoch is replayed, so a continuous statement cannot use it",
     "hash(column)"},
    {SOURCE "CREATE STREAMING TABLE t AS SELECT origin FROM STREAM departures TABLESAMPLE 10%",
     "a.sql:2:48: SAMPLE would give another answer when an epoch is replayed, so a continuous statement cannot use it",
     "hash(column)"},
    /* rules */
    {SOURCE "CREATE STREAMING TABLE t (CONSTRAINT c EXPECT (loading > 0)) AS FROM STREAM departures",
     "a.sql:2:48: rule 'c': there is no column 'loading'", NULL},
    {SOURCE "CREATE STREAMING TABLE t (CONSTRAINT c EXPECT (loading_tim > 0)) AS FROM STREAM departures",
     "a.sql:2:48: rule 'c': there is no column 'loading_tim'", "did you mean loading_time?"},
    {SOURCE "CREATE STREAMING TABLE t (CONSTRAINT c EXPECT (distance)) AS FROM STREAM departures",
     "a.sql:2:48: rule 'c': this is DOUBLE, not a condition", NULL},
    {SOURCE "CREATE STREAMING TABLE t (CONSTRAINT c EXPECT (distance > ))\n AS FROM STREAM departures",
     "a.sql:2:58: rule 'c': syntax error at or near \")\"", NULL},
    {SOURCE
     "CREATE STREAMING TABLE t (CONSTRAINT c EXPECT (distance > max(distance))) AS FROM STREAM departures",
     "a.sql:2:59: rule 'c': a rule looks at one row and cannot use an aggregate", NULL},
    {SOURCE
     "CREATE STREAMING TABLE t (CONSTRAINT c EXPECT (distance > (SELECT 1))) AS FROM STREAM departures",
     "a.sql:2:59: rule 'c': a rule looks at one row and cannot use a subquery", NULL},
    {SOURCE "CREATE STREAMING TABLE t (CONSTRAINT c EXPECT (departed_at < now())) AS FROM STREAM departures",
     "a.sql:2:62: rule 'c': now() would give another answer when an epoch is replayed, so a continuous statement cannot use it",
     NULL},
    /* views */
    {CLEAN "CREATE MATERIALIZED VIEW v AS SELECT origin FROM STREAM clean",
     "a.sql:3:38: this view aggregates nothing", "CREATE STREAMING TABLE"},
    {CLEAN "CREATE MATERIALIZED VIEW v AS SELECT count(*) FROM clean",
     "a.sql:3:52: this view reads no stream, so it would never change", NULL},
    {CLEAN "CREATE MATERIALIZED VIEW v AS SELECT count(DISTINCT origin) AS n FROM STREAM clean",
     "a.sql:3:38: count(DISTINCT ...) needs all values seen so far, so a view cannot keep it",
     "approx_count_distinct(x)"},
    {CLEAN "CREATE MATERIALIZED VIEW v AS SELECT origin, median(distance) AS n FROM STREAM clean GROUP BY 1",
     "a.sql:3:46: median() cannot be combined from one epoch to the next, so a view cannot keep it",
     "histogram"},
    {CLEAN "CREATE MATERIALIZED VIEW v AS SELECT string_agg(origin, ',') AS n FROM STREAM clean",
     "a.sql:3:38: string_agg() cannot be combined from one epoch to the next, so a view cannot keep it",
     "streaming table is queried"},
    {CLEAN "CREATE MATERIALIZED VIEW v AS SELECT quantile_cont(distance, 0.5) AS n FROM STREAM clean",
     "a.sql:3:38: quantile_cont() cannot be combined from one epoch to the next, so a view cannot keep it",
     "histogram"},
    {CLEAN "CREATE MATERIALIZED VIEW v AS SELECT arg_max(origin, distance) AS n FROM STREAM clean",
     "a.sql:3:38: arg_max() cannot be combined from one epoch to the next, so a view cannot keep it", NULL},
    {CLEAN "CREATE MATERIALIZED VIEW v AS SELECT product(distance) AS n FROM STREAM clean",
     "a.sql:3:38: product() cannot be combined from one epoch to the next, so a view cannot keep it",
     "a view keeps count"},
    {CLEAN "CREATE MATERIALIZED VIEW v AS SELECT max(distance, 3) AS n FROM STREAM clean",
     "a.sql:3:38: max() cannot be combined from one epoch to the next, so a view cannot keep it",
     "one argument"},
    {CLEAN
     "CREATE MATERIALIZED VIEW v AS SELECT origin, count(*) AS n FROM STREAM clean GROUP BY origin ORDER BY n",
     "a.sql:3:103: ORDER BY cannot be used in a materialized view: its rows never are all there", NULL},
    {CLEAN
     "CREATE MATERIALIZED VIEW v AS SELECT origin, count(*) AS n FROM STREAM clean GROUP BY origin LIMIT 3",
     "a.sql:3:100: LIMIT cannot be used in a materialized view: a stream has no first or last row", NULL},
    {CLEAN
     "CREATE MATERIALIZED VIEW v AS SELECT origin, carrier, count(*) AS n FROM STREAM clean GROUP BY ROLLUP (origin, carrier)",
     "a.sql:3:104: ROLLUP, CUBE and GROUPING SETS cannot be used in a materialized view", NULL},
    {CLEAN "CREATE MATERIALIZED VIEW v AS SELECT *, count(*) AS n FROM STREAM clean GROUP BY ALL",
     "a.sql:3:38: a materialized view names its columns: '*' cannot be a key", NULL},
    {CLEAN
     "CREATE MATERIALIZED VIEW v AS SELECT sum(count(*)) OVER () AS n FROM STREAM clean GROUP BY origin",
     "a.sql:3:38: sum() OVER (...) looks at rows of other epochs, so a continuous statement cannot use it",
     NULL},
    {CLEAN
     "CREATE MATERIALIZED VIEW v AS SELECT date_trunc('day', departed_at) AS departed_at, count(*) AS n FROM STREAM clean GROUP BY departed_at",
     "a.sql:3:126: 'departed_at' is a column and the name of another select item: it is not clear which one to group by",
     "GROUP BY ALL"},
    {CLEAN
     "CREATE MATERIALIZED VIEW v AS SELECT origin, distance, count(*) AS n FROM STREAM clean GROUP BY origin",
     "a.sql:3:46: column \"distance\" must appear in the GROUP BY clause or must be part of an aggregate function.",
     NULL},
    {CLEAN
     "CREATE MATERIALIZED VIEW v AS SELECT origin, count(*) AS n FROM STREAM clean GROUP BY origin EMIT FINAL",
     "a.sql:3:65: EMIT FINAL needs a window of event time among the keys: without one no row is ever final",
     "time_bucket"},
    {CLEAN
     "CREATE MATERIALIZED VIEW v AS SELECT date_trunc('day', sched_dep) AS d, count(*) AS n FROM STREAM clean GROUP BY ALL EMIT FINAL",
     "a.sql:3:38: EMIT FINAL groups by windows of 'sched_dep', but the watermark of 'departures' is for 'departed_at'",
     NULL},
    {"CREATE SOURCE s (a INT) WITH (connector = 'f'); CREATE MATERIALIZED VIEW v AS SELECT a, count(*) AS n FROM STREAM s GROUP BY a EMIT FINAL",
     "a.sql:1:108: EMIT FINAL needs a watermark, but the source 's' has none", "WATERMARK FOR"},
    /* windows */
    {CLEAN
     "CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM TUMBLE(clean, departed_at, INTERVAL 1 DAY)",
     "a.sql:3:57: TUMBLE reads a stream: its first argument is STREAM name", "TUMBLE(STREAM table"},
    {CLEAN "CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM TUMBLE(STREAM clean, departed_at)",
     "a.sql:3:57: TUMBLE takes three arguments", NULL},
    {CLEAN
     "CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM HOP(STREAM clean, departed_at, INTERVAL 1 DAY)",
     "a.sql:3:57: HOP takes four arguments", "HOP(STREAM table"},
    {CLEAN "CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM TUMBLE(STREAM clean, 5, INTERVAL 1 DAY)",
     "a.sql:3:57: TUMBLE needs the event time's column as its second argument", NULL},
    {CLEAN "CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM TUMBLE(STREAM clean, departed_at, 5)",
     "a.sql:3:57: TUMBLE takes its lengths as constant INTERVALs", NULL},
    {CLEAN
     "CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM TUMBLE(STREAM clean, departed_at, INTERVAL 0 DAY)",
     "a.sql:3:57: TUMBLE needs lengths greater than zero", NULL},
    {CLEAN
     "CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM HOP(STREAM clean, departed_at, INTERVAL 2 DAY, INTERVAL 5 DAY)",
     "a.sql:3:57: HOP needs a size that is a whole multiple of the slide", NULL},
    {CLEAN
     "CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM HOP(STREAM clean, departed_at, INTERVAL 1 DAY, INTERVAL 1 MONTH)",
     "a.sql:3:57: HOP cannot use months or years, which have no fixed length", NULL},
    {CLEAN
     "CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM HOP(STREAM clean, departed_at, INTERVAL 1 SECOND, INTERVAL 1 DAY)",
     "a.sql:3:57: each row of this HOP is in 86400 windows; at most 1000 are allowed", NULL},
};

static void test_bad_projects(void **state) {
    (void)state;
    int wrong_count = 0;
    for (size_t i = 0; i < sizeof bad_rows / sizeof bad_rows[0]; i++) {
        struct penstock_error error = {0};
        const penstock_code code = build(bad_rows[i].text, &error);
        if (code != PENSTOCK_INVALID_PROJECT || error.code != code ||
            strcmp(error.message, bad_rows[i].message) != 0 ||
            (bad_rows[i].hint != NULL && strstr(error.hint, bad_rows[i].hint) == NULL)) {
            print_error("%s\n  is:       %s (%s) %s %s\n  expected: %s (%s)\n", bad_rows[i].text,
                        error.message, error.hint, ps_error_code_name(code), error.detail,
                        bad_rows[i].message, bad_rows[i].hint != NULL ? bad_rows[i].hint : "");
            wrong_count++;
        }
        done();
    }
    assert_int_equal(wrong_count, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_project),
        cmocka_unit_test(test_good_statements),
        cmocka_unit_test(test_bad_projects),
    };
    return cmocka_run_group_tests_name("job/graph", tests, begin, end);
}
