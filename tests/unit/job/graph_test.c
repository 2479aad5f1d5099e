/* SPDX-License-Identifier: Apache-2.0
 *
 * graph_test.c - from statements to a bound DAG; and what wrong projects are told, place by place.
 */
#include "job/graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "cases.h"

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
    struct test_cases cases;
    assert_true(read_cases("whole.txt", &cases));
    good(cases.items[0].text);
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
    ps_arena_free(cases.arena);
    done();
}

static void test_twice(void **state) {
    (void)state;
    char text[1000];
    struct penstock_error error;
    snprintf(text, sizeof text, "%s\n%s", case_source, case_source);
    assert_int_equal(build(text, &error), PENSTOCK_INVALID_PROJECT);
    assert_string_equal(error.message, "a.sql:2:15: the name 'departures' is used twice, first in a.sql:1");
    done();
}

static void test_cases(void **state) {
    (void)state;
    struct test_cases cases;
    size_t wrong_count = 0;
    assert_true(read_cases("graph.txt", &cases));
    assert_true(cases.count > 100);
    for (size_t i = 0; i < cases.count; i++) {
        struct penstock_error error = {0};
        const penstock_code code = build(cases.items[i].text, &error);
        wrong_count += !check_case(&cases.items[i], code, &error);
        done();
    }
    ps_arena_free(cases.arena);
    assert_int_equal(wrong_count, 0);
}

/* The checker must be able to say no. */
static void test_canary(void **state) {
    (void)state;
    char text[] = "SELECT 1", message[] = "something else";
    struct penstock_error error = {0};
    const struct test_case wrong_message = {false, text, message, NULL}, good = {true, text, message, NULL};
    ps_error_set(&error, PENSTOCK_INVALID_PROJECT, "something");
    assert_false(check_case(&wrong_message, PENSTOCK_INVALID_PROJECT, &error));
    assert_false(check_case(&wrong_message, PENSTOCK_OK, &error));
    assert_false(check_case(&good, PENSTOCK_INVALID_PROJECT, &error));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_project),
        cmocka_unit_test(test_twice),
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_canary),
    };
    return cmocka_run_group_tests_name("job/graph", tests, begin, end);
}
