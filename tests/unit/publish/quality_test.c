/* SPDX-License-Identifier: Apache-2.0
 *
 * quality_test.c - the numbers of a dataset's report beside sums made by hand, and its page.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "publish/quality.h"

struct scene {
    struct ps_arena *arena;
    struct ps_engine *engine;
    struct ps_connection *connection;
    struct penstock_error error;
    yyjson_mut_doc *document;
    struct ps_buffer json;
    yyjson_doc *read;
};

static void must(penstock_code code, const struct penstock_error *error) {
    if (code != PENSTOCK_OK) {
        fail_msg("%s: %s | %s | %s", ps_error_code_name(code), error->message, error->detail, error->hint);
    }
}

static int scene_open(void **state) {
    struct scene *scene = ps_allocate(1, sizeof *scene);
    const struct ps_engine_options options = {.thread_count = 2};
    scene->arena = ps_arena_new(0);
    scene->document = ps_json_new();
    ps_buffer_init(&scene->json, (size_t)16 << 20);
    must(ps_engine_open(&options, &scene->engine, &scene->error), &scene->error);
    must(ps_connection_open(scene->engine, &scene->connection, &scene->error), &scene->error);
    *state = scene;
    return 0;
}

static int scene_close(void **state) {
    struct scene *scene = *state;
    yyjson_doc_free(scene->read);
    ps_json_free_scoped(&scene->document);
    ps_buffer_done(&scene->json);
    ps_connection_close(scene->connection);
    ps_engine_close(scene->engine);
    ps_arena_free(scene->arena);
    ps_release(scene);
    return 0;
}

static yyjson_val *measure(struct scene *scene, const char *clause, const char *select) {
    struct ps_statement *statements = NULL;
    struct ps_preparation *preparation = NULL;
    const char **names = NULL, **types = NULL;
    size_t count = 0;
    const char *text =
        ps_arena_printf(scene->arena, "CREATE DATASET d %s WITH (report = 'd.html') AS %s", clause, select);
    must(ps_statements_parse("d.sql", text, strlen(text), NULL, 0, scene->arena, &statements, &count,
                             &scene->error),
         &scene->error);
    const struct ps_node node = {.kind = PS_NODE_DATASET, .name = "d", .statement = &statements[0]};
    must(ps_sql_runf(scene->connection, &scene->error, "CREATE TEMP TABLE given AS %s", select),
         &scene->error);
    must(ps_sql_describe(scene->connection, "FROM given", scene->arena, &names, &types, &count, NULL,
                         &scene->error),
         &scene->error);
    must(ps_preparation_read(&node, names, types, count, scene->arena, &preparation, &scene->error),
         &scene->error);
    const struct ps_preparation_run run = {.engine = scene->engine,
                                           .connection = scene->connection,
                                           .rows = "temp.main.given",
                                           .made = "temp.main.made",
                                           .feed = "feed"};
    must(ps_preparation_run(preparation, &run, &scene->error), &scene->error);
    struct ps_quality_setup setup = {
        .connection = scene->connection, .preparation = preparation, .rows = run.rows, .arena = scene->arena};
    const char **made_names = NULL, **made_types = NULL;
    must(ps_sql_describe(scene->connection, preparation->select, scene->arena, &made_names, &made_types,
                         &setup.column_count, NULL, &scene->error),
         &scene->error);
    setup.column_names = made_names;
    setup.column_types = made_types;
    must(ps_quality_measure(&setup, scene->document, &scene->error), &scene->error);
    must(ps_json_write(scene->document, false, &scene->json, &scene->error), &scene->error);
    scene->read = ps_json_read(scene->json.data, scene->json.size);
    return yyjson_doc_get_root(scene->read);
}

static yyjson_val *at(yyjson_val *root, const char *pointer) {
    yyjson_val *value = yyjson_ptr_get(root, pointer);
    if (value == NULL) {
        fail_msg("there is no %s", pointer);
    }
    return value;
}

static void near(yyjson_val *root, const char *pointer, double expected) {
    const double found = yyjson_get_num(at(root, pointer));
    if (!(fabs(found - expected) <= 1e-12 * fmax(1, fabs(expected)))) {
        fail_msg("%s is %.17g, not %.17g", pointer, found, expected);
    }
}

static void text_is(yyjson_val *root, const char *pointer, const char *expected) {
    assert_string_equal(yyjson_get_str(at(root, pointer)), expected);
}

static int64_t sum_of(yyjson_val *root, const char *pointer) {
    size_t index, count;
    yyjson_val *value;
    int64_t sum = 0;
    yyjson_arr_foreach(at(root, pointer), index, count, value) {
        sum += yyjson_get_sint(value);
    }
    return sum;
}

static void numbers_are_right(void **state) {
    struct scene *scene = *state;
    /* 0 .. 99, and 900 once: dropped; every tenth is NULL in y; z has what is not finite */
    yyjson_val *root = measure(
        scene,
        "TRANSFORM (OutlierFilter(x, method = 'iqr', k = 3), StandardScaler(x, withMean = true), OneHotEncoder(n))",
        "SELECT CASE WHEN i = 100 THEN 900 ELSE i END AS x, CASE WHEN i % 10 > 0 THEN i END AS y, CASE i WHEN 5 THEN"
        " 'nan'::DOUBLE WHEN 6 THEN 'inf'::DOUBLE ELSE 1.5 END AS z, 'v' || i % 3 AS n, DATE '2013-01-01' +"
        " CAST(i AS INTEGER) AS day, [i] AS l FROM range(101) t(i)");
    near(root, "/rows/read", 101);
    near(root, "/rows/kept", 100);
    near(root, "/rows/dropped", 1);
    text_is(root, "/stages/0/name", "OutlierFilter");
    near(root, "/stages/0/columns/0/above", 1);
    near(root, "/stages/0/columns/0/upper", 75 + 3 * 50);
    text_is(root, "/columns/0/state", "changed");
    near(root, "/columns/0/before/mean", (4950.0 + 900) / 101);
    near(root, "/columns/0/before/quantiles/0.5", 50);
    near(root, "/columns/0/before/maximum", 900);
    near(root, "/columns/0/after/mean", 0);
    near(root, "/columns/0/after/deviation", 1);
    near(root, "/columns/0/after/count", 100);
    near(root, "/columns/1/before/nulls", 11);
    near(root, "/columns/1/after/nulls", 10);
    near(root, "/columns/2/before/not_finite", 2);
    near(root, "/columns/2/before/deviation", 0);
    text_is(root, "/columns/3/state", "replaced");
    near(root, "/columns/3/before/distinct", 3);
    near(root, "/columns/3/values/0/all", 34);
    text_is(root, "/columns/4/before/minimum", "2013-01-01");
    text_is(root, "/columns/4/after/maximum", "2013-04-10");
    assert_null(yyjson_ptr_get(root, "/columns/5/before/minimum")); /* a list has none */
    text_is(root, "/new_columns/0/name", "n_v0");
    text_is(root, "/new_columns/0/of", "n");
    near(root, "/new_columns/0/after/mean", 0.34);
    assert_null(yyjson_ptr_get(root, "/new_columns/0/after/quantiles"));
    near(root, "/columns/0/bounds/lower", 25 - 3 * 50);
}

static void values_are_all_there(void **state) {
    struct scene *scene = *state;
    yyjson_val *root =
        measure(scene, "TRANSFORM (OutlierFilter(x, method = 'iqr', k = 3))",
                "SELECT CASE WHEN i < 3 THEN 1e9 WHEN i < 5 THEN -1e9 ELSE (i * 7919 % 1000) / 10.0 END"
                " AS x, i % 7 AS w, i = 4 AS b, 5 AS one, NULL::DOUBLE AS nothing FROM range(5000) t(i)");
    /* the drawing ends where nearly all values end; what lies beyond is counted */
    assert_true(yyjson_get_num(at(root, "/columns/0/histogram/high")) < 500);
    assert_true(yyjson_get_num(at(root, "/columns/0/histogram/low")) > -500);
    near(root, "/columns/0/histogram/above", 3);
    near(root, "/columns/0/histogram/below", 2);
    assert_int_equal(sum_of(root, "/columns/0/histogram/all"), 4995);
    assert_int_equal(sum_of(root, "/columns/0/histogram/kept"), 4995);
    /* bounds are within */
    assert_true(yyjson_get_num(at(root, "/columns/0/bounds/upper")) <=
                yyjson_get_num(at(root, "/columns/0/histogram/high")));
    /* a bin for each whole number */
    assert_int_equal(yyjson_arr_size(at(root, "/columns/1/histogram/all")), 7);
    near(root, "/columns/1/histogram/low", -0.5);
    assert_int_equal(sum_of(root, "/columns/1/histogram/all"), 5000);
    assert_int_equal(sum_of(root, "/columns/1/histogram/kept"), 4995);
    text_is(root, "/columns/2/values/0/value", "false");
    near(root, "/columns/2/values/1/all", 1);
    near(root, "/columns/2/values/1/kept", 0);
    assert_int_equal(sum_of(root, "/columns/3/histogram/all"), 5000);
    assert_null(yyjson_ptr_get(root, "/columns/4/histogram"));
    assert_true(yyjson_is_null(at(root, "/columns/4/before/mean")));
}

static void the_page_is_whole(void **state) {
    struct scene *scene = *state;
    struct ps_buffer html PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&html, (size_t)16 << 20);
    (void)measure(scene, "TRANSFORM (OutlierFilter(\"a<b>\"))",
                  "SELECT i AS \"a<b>\", '<script>' || i % 2 AS t, '\"' AS q FROM range(100) t(i)");
    must(ps_quality_page_write(scene->json.data, scene->json.size, &html, &scene->error), &scene->error);
    assert_null(strstr(html.data, "<script"));
    assert_null(strstr(html.data, "a<b>"));
    assert_null(strstr(html.data, "http"));
    assert_non_null(strstr(html.data, "a&lt;b&gt;"));
    assert_non_null(strstr(html.data, "&lt;script&gt;0"));
    assert_non_null(strstr(html.data, "prefers-color-scheme:dark"));
    assert_non_null(strstr(html.data, "role=img aria-label=\"how the values of a&lt;b&gt; lie\""));
    assert_string_equal(html.data + html.size - 8, "</html>\n");
    assert_int_equal(ps_quality_page_write("no", 2, &html, &scene->error), PENSTOCK_INTERNAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(numbers_are_right, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(values_are_all_there, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(the_page_is_whole, scene_open, scene_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
