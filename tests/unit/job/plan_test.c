/* SPDX-License-Identifier: Apache-2.0
 *
 * plan_test.c - stages, tasks and notes of a plan, and its three forms.
 */
#include "job/graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <yyjson.h>
#include <cmocka.h>

static struct ps_project project;
static struct ps_graph *graph;
static struct ps_plan *plan;
static struct ps_buffer out;

static void open_plan(const char *text) {
    struct penstock_error error;
    project = (struct ps_project){
        .arena = ps_arena_new(0), .folder = ".", .core_count = 4, .manifest = {.name = "fl\"ights"}};
    ps_buffer_init(&out, 1 << 20);
    if (ps_statements_parse("a.sql", text, strlen(text), NULL, 0, project.arena, &project.statements,
                            &project.statement_count, &error) != PENSTOCK_OK ||
        ps_graph_build(&project, &graph, &error) != PENSTOCK_OK ||
        ps_plan_build(graph, &plan, &error) != PENSTOCK_OK) {
        fail_msg("%s", error.message);
    }
}

static void close_plan(void) {
    ps_buffer_done(&out);
    ps_plan_free(plan);
    ps_graph_free(graph);
    ps_arena_free(project.arena);
}

static const char whole[] =
    "CREATE TABLE weather (origin VARCHAR);\n"
    "CREATE SOURCE departures (carrier VARCHAR, origin VARCHAR, ts TIMESTAMP, flight INTEGER, y DOUBLE, "
    "WATERMARK FOR ts AS ts - INTERVAL 30 SECOND)"
    " WITH (connector = 'file');\n"
    "CREATE STREAMING TABLE clean (CONSTRAINT a EXPECT (y > 0)) AS SELECT d.origin, y, d.ts FROM STREAM "
    "departures d JOIN weather w USING (origin);\n"
    "CREATE MATERIALIZED VIEW \"by \"\"origin\" AS SELECT origin, date_trunc('day', ts) AS day, "
    "count(*) AS n FROM STREAM clean GROUP BY ALL EMIT FINAL;\n"
    "CREATE MODEL m TRANSFORM (StandardScaler(n)) PREDICT y USING LinearRegression(regParam = GRID(0, "
    "1), elasticNetParam = GRID(0, 0.5, 1))\n"
    "  VALIDATE CrossValidator(numFolds = 5) HOLDOUT LAST 3 DAYS BY ts GATE (rmse < 3, r2 > 0) AS FROM clean";

static void test_text(void **state) {
    (void)state;
    open_plan(whole);
    assert_int_equal(ps_plan_explain(plan, PS_EXPLAIN_TEXT, &out, NULL), PENSTOCK_OK);
    assert_string_equal(
        out.data,
        "== DAG ==\n"
        "  sql_1  [sql, a.sql:1]\n"
        "  departures  [source, file, json, 5 columns]\n"
        "  clean  [streaming table, 1 rule, 3 columns]  <- STREAM departures, sql_1\n"
        "  by \"origin  [materialized view, emit final, 3 columns]  <- STREAM clean\n"
        "  m  [model, LinearRegression predicts y, 3 columns]  <- clean\n"
        "\n"
        "== Physical plan ==\n"
        "Stage 0: prepare\n"
        "  tasks: 1, when a statement is new or changed\n"
        "  `- sql_1: CREATE TABLE weather (origin VARCHAR)\n"
        "Stage 1: decode departures  (after stage 0)\n"
        "  tasks: one per slice of records, up to 4 at a time\n"
        "  +- read a slice from connector 'file'\n"
        "  `- decode json into 5 columns, checked against their types; what does not fit is a dead letter\n"
        "Stage 2: epoch  (after stage 1)\n"
        "  tasks: 1: one transaction, in the order of the records\n"
        "  +- departures: watermark of ts, 30000 ms behind; late records are dead letters\n"
        "  +- clean: SELECT, 1 rule, insert\n"
        "  +- by \"origin: aggregate the epoch's rows, merge the states; shown once the watermark is "
        "past the window\n"
        "  `- commit rows, states, dead letters, watermarks and positions together\n"
        "Stage 3: train m  (after stage 2)\n"
        "  tasks: one per block of rows, up to 4 at a time\n"
        "  +- fit StandardScaler\n"
        "  +- search LinearRegression with CrossValidator\n"
        "  +- fit the best, score the hold-out rows\n"
        "  `- gate: 2 conditions; publish what passes\n"
        "\n"
        "== Optimiser ==\n"
        "- departures: no statement reads carrier, flight; still decoded and checked\n"
        "- departures: clean, by \"origin are fused into one task: no data is exchanged between them\n"
        "- by \"origin: kept incrementally, an epoch reads only its own rows\n"
        "- m: one scan feeds the whole search, 5 folds x 6 parameter sets\n");
    close_plan();
}

static void test_dot(void **state) {
    (void)state;
    open_plan(whole);
    assert_int_equal(ps_plan_explain(plan, PS_EXPLAIN_DOT, &out, NULL), PENSTOCK_OK);
    assert_non_null(strstr(out.data, "digraph \"fl\\\"ights\" {"));
    assert_non_null(strstr(out.data, "  \"by \\\"origin\" [shape=box3d, tooltip=\"materialized view\"];\n"));
    assert_non_null(strstr(out.data, "  \"departures\" -> \"clean\" [label=\"STREAM\"];\n"));
    assert_non_null(strstr(out.data, "  \"sql_1\" -> \"clean\" [style=dashed];\n"));
    close_plan();
}

static void test_json(void **state) {
    (void)state;
    open_plan(whole);
    assert_int_equal(ps_plan_explain(plan, PS_EXPLAIN_JSON, &out, NULL), PENSTOCK_OK);
    yyjson_doc *document = yyjson_read(out.data, out.size, 0);
    assert_non_null(document);
    yyjson_val *root = yyjson_doc_get_root(document);
    yyjson_val *nodes = yyjson_obj_get(root, "nodes"), *stages = yyjson_obj_get(root, "stages");
    assert_int_equal(yyjson_arr_size(nodes), 5);
    assert_int_equal(yyjson_arr_size(stages), 4);
    assert_int_equal(yyjson_arr_size(yyjson_obj_get(root, "notes")), 4);
    assert_string_equal(yyjson_get_str(yyjson_obj_get(root, "project")), "fl\"ights");
    yyjson_val *view = yyjson_arr_get(nodes, 3);
    assert_string_equal(yyjson_get_str(yyjson_obj_get(view, "name")), "by \"origin");
    yyjson_val *day = yyjson_arr_get(yyjson_obj_get(view, "columns"), 1);
    assert_string_equal(yyjson_get_str(yyjson_obj_get(day, "type")), "TIMESTAMP");
    yyjson_val *input = yyjson_arr_get_first(yyjson_obj_get(view, "inputs"));
    assert_true(yyjson_get_bool(yyjson_obj_get(input, "stream")));
    assert_int_equal(
        yyjson_get_int(yyjson_arr_get_first(yyjson_obj_get(yyjson_arr_get(stages, 3), "inputs"))), 2);
    yyjson_doc_free(document);
    close_plan();
}

static void test_small_projects(void **state) {
    (void)state;
    open_plan("");
    assert_int_equal(plan->stage_count, 0);
    assert_int_equal(ps_plan_explain(plan, PS_EXPLAIN_TEXT, &out, NULL), PENSTOCK_OK);
    close_plan();
    open_plan("CREATE MODEL m PREDICT a USING Tree AS SELECT 1 AS a"); /* a batch project: no source */
    assert_int_equal(plan->stage_count, 1);
    assert_int_equal(plan->stages[0].input_count, 0);
    assert_int_equal(plan->note_count, 1);
    assert_non_null(strstr(plan->notes[0], "one more takes the rows into memory, 3 folds x 1 parameter set"));
    close_plan();
    open_plan("CREATE SOURCE s (a INT, b INT) WITH (connector = 'f'); CREATE STREAMING TABLE t AS SELECT * "
              "EXCLUDE (b) FROM STREAM s");
    assert_true(graph->nodes[0].column_is_read[0]);
    assert_false(graph->nodes[0].column_is_read[1]);
    close_plan();
    open_plan("CREATE SOURCE s (a INT, b INT) WITH (connector = 'f'); CREATE STREAMING TABLE t AS SELECT "
              "COLUMNS('x|a') FROM STREAM s");
    assert_true(graph->nodes[0].column_is_read[1]);
    close_plan();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_dot),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_small_projects),
    };
    return cmocka_run_group_tests_name("job/plan", tests, NULL, NULL);
}
