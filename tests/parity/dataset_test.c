/* SPDX-License-Identifier: Apache-2.0
 *
 * dataset_test.c - what CREATE DATASET makes of real rows, beside what Spark ML, scikit-learn and pandas make of them.
 *
 * stages.json (made by make_stages.py) holds for each case a TRANSFORM clause and, per feature, its first values and
 * the sum over all rows: the clause is carried out as that of a dataset, and its columns are compared. Cases with a
 * label are refused. Canary: a value that is off by a millionth is noticed.
 */
#include <math.h>

#include "model/preparation.h"
#include "scene.h"

static int setup(void **state) {
    return scene_open(state, "stages.json", "*");
}

static penstock_code make(struct scene *scene, const char *transforms, const char *columns,
                          struct ps_preparation **preparation_out, struct penstock_error *error) {
    struct ps_statement *statements = NULL;
    const char **names = NULL, **types = NULL;
    size_t count = 0;
    const char *text = ps_arena_printf(
        scene->arena, "CREATE DATASET d TRANSFORM (%s) WITH (parquet = 'd') AS SELECT %s FROM data",
        transforms, columns);
    must(ps_statements_parse("reference.sql", text, strlen(text), NULL, 0, scene->arena, &statements, &count,
                             error),
         error);
    struct ps_node *node = ps_arena_allocate(scene->arena, 1, sizeof *node);
    *node =
        (struct ps_node){.kind = PS_NODE_DATASET, .name = statements[0].name, .statement = &statements[0]};
    must(ps_sql_runf(scene->connection, error, "CREATE OR REPLACE TEMP TABLE given AS %s",
                     statements[0].as.dataset.select.text),
         error);
    must(ps_sql_describe(scene->connection, "FROM given", scene->arena, &names, &types, &count, NULL, error),
         error);
    PS_TRY(ps_preparation_read(node, names, types, count, scene->arena, preparation_out, error));
    const struct ps_preparation_run run = {
        .engine = scene->engine,
        .connection = scene->connection,
        .rows = "temp.main.given",
        .made = "temp.main.made",
        .feed = ps_arena_printf(scene->arena, "feed %zu", ++scene->feed_count)};
    return ps_preparation_run(*preparation_out, &run, error);
}

/* A sum of differences from the first values, and the sum over all rows, of one column. */
static size_t compare_feature(struct scene *scene, const struct ps_preparation *preparation, yyjson_val *item,
                              const char *name, double shift) {
    struct penstock_error error = {0};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    struct ps_result *sum PS_SCOPED(ps_result_free_scoped) = NULL;
    const double tolerance = yyjson_get_num(yyjson_obj_get(item, "tolerance"));
    yyjson_val *feature = yyjson_obj_get(yyjson_obj_get(item, "features"), name);
    yyjson_val *values = yyjson_obj_get(feature, "values");
    must(ps_sql_queryf(scene->connection, &result, &error, "SELECT \"%s\" FROM (%s) LIMIT %zu", name,
                       preparation->select, yyjson_arr_size(values)),
         &error);
    must(ps_sql_queryf(scene->connection, &sum, &error, "SELECT fsum(\"%s\"), max(abs(\"%s\")) FROM (%s)",
                       name, name, preparation->select),
         &error);
    size_t differences = 0;
    for (size_t i = 0; i < yyjson_arr_size(values); i++) {
        const double expected = yyjson_get_num(yyjson_arr_get(values, i));
        const double found = ps_result_double(result, (int64_t)i, 0) + shift;
        if (!(fabs(found - expected) <= tolerance * fmax(1, fabs(expected)))) {
            print_error("%s: %s: %.17g, but the reference has %.17g\n",
                        yyjson_get_str(yyjson_obj_get(item, "name")), name, found, expected);
            differences++;
        }
    }
    const double total = yyjson_get_num(yyjson_obj_get(feature, "sum"));
    const double allowed = tolerance * 3000 * fmax(1, ps_result_double(sum, 0, 1));
    return differences +
           (fabs(ps_result_double(sum, 0, 0) - total) <= allowed * fmax(1, fabs(total)) ? 0 : 1);
}

static size_t compare_case(struct scene *scene, yyjson_val *item, double shift) {
    struct penstock_error error = {0};
    struct ps_preparation *preparation = NULL;
    const char *columns = yyjson_get_str(yyjson_obj_get(item, "select"));
    const char *transforms = yyjson_get_str(yyjson_obj_get(item, "transforms"));
    size_t index, count, differences = 0;
    yyjson_val *key, *value;
    if (strstr(columns, " AS label") != NULL) {
        assert_int_equal(make(scene, transforms, columns, &preparation, &error), PENSTOCK_INVALID_PROJECT);
        assert_non_null(strstr(error.message, "a label, which a dataset does not have"));
        return 0;
    }
    must(make(scene, transforms, columns, &preparation, &error), &error);
    yyjson_obj_foreach(yyjson_obj_get(item, "features"), index, count, key, value) {
        (void)value;
        differences += compare_feature(scene, preparation, item, yyjson_get_str(key), shift);
    }
    assert_int_equal(preparation->prepared_count, count); /* no column more */
    return differences;
}

static void datasets_agree(void **state) {
    struct scene *scene = *state;
    size_t index, count, differences = 0;
    yyjson_val *item;
    yyjson_arr_foreach(yyjson_obj_get(yyjson_doc_get_root(scene->reference), "cases"), index, count, item) {
        const size_t own = compare_case(scene, item, 0);
        print_message("%-45s %s\n", yyjson_get_str(yyjson_obj_get(item, "name")),
                      own == 0 ? "agrees" : "DIFFERS");
        differences += own;
    }
    assert_true(count > 25);
    assert_int_equal(differences, 0);
}

static void canary_is_noticed(void **state) {
    struct scene *scene = *state;
    yyjson_val *cases = yyjson_obj_get(yyjson_doc_get_root(scene->reference), "cases");
    assert_true(compare_case(scene, yyjson_arr_get(cases, 0), 1e-6) > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(datasets_agree),
        cmocka_unit_test(canary_is_noticed),
    };
    return cmocka_run_group_tests(tests, setup, scene_close);
}
