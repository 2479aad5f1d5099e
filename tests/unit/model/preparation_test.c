/* SPDX-License-Identifier: Apache-2.0
 *
 * preparation_test.c - TRANSFORM without a model: columns and their names, rows that are dropped, and the same bits
 * however the rows are cut.
 */
#include "model/preparation.h"

#include "training.h"
/* an index and a number are categories, too; so is a missing value that training has seen */
/* What training has not seen; and a model never asks for the label. */

static const char *const given = "temp.main.given";

static penstock_code make_with(struct scene *scene, int64_t slice_rows, const char *clause,
                               const char *select, struct ps_preparation **out) {
    const char **names = NULL, **types = NULL;
    size_t count = 0;
    parse(scene,
          ps_arena_printf(scene->arena, "CREATE DATASET d %s WITH (parquet = 'd') AS %s", clause, select));
    scene->node.kind = PS_NODE_DATASET;
    must(
        ps_sql_runf(scene->connection, &scene->error, "CREATE OR REPLACE TEMP TABLE %s AS %s", given, select),
        &scene->error);
    must(ps_sql_describe(scene->connection, "FROM temp.main.given", scene->arena, &names, &types, &count,
                         NULL, &scene->error),
         &scene->error);
    struct ps_node *node = ps_arena_allocate(scene->arena, 1, sizeof *node);
    *node = scene->node;
    PS_TRY(ps_preparation_read(node, names, types, count, scene->arena, out, &scene->error));
    const struct ps_preparation_run run = {.engine = scene->engine,
                                           .connection = scene->connection,
                                           .rows = given,
                                           .made = "temp.main.made",
                                           .feed = ps_arena_printf(scene->arena, "feed %p", (void *)node),
                                           .slice_rows = slice_rows};
    return ps_preparation_run(*out, &run, &scene->error);
}

static struct ps_preparation *make(struct scene *scene, const char *clause, const char *select) {
    struct ps_preparation *preparation = NULL;
    must(make_with(scene, 0, clause, select, &preparation), &scene->error);
    return preparation;
}

static void refuse(struct scene *scene, const char *clause, const char *select, penstock_code code,
                   const char *words) {
    struct ps_preparation *preparation = NULL;
    const penstock_code found = make_with(scene, 0, clause, select, &preparation);
    if (found != code || strstr(scene->error.message, words) == NULL) {
        fail_msg("expected %s with '%s', found %s: %s", ps_error_code_name(code), words,
                 ps_error_code_name(found), found == PENSTOCK_OK ? "" : scene->error.message);
    }
}

/* The one answer of "SELECT question FROM (the dataset)". */
static const char *ask(struct scene *scene, const struct ps_preparation *preparation, const char *question) {
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    must(ps_sql_queryf(scene->connection, &result, &scene->error, "SELECT %s FROM (%s)", question,
                       preparation->select),
         &scene->error);
    const char *text = ps_result_text(result, 0, 0);
    return text == NULL ? "NULL" : ps_arena_copy(scene->arena, text);
}

static const char *names_of(struct scene *scene, const struct ps_preparation *preparation) {
    const char *text = "";
    for (size_t i = 0; i < preparation->prepared_count; i++) {
        text = ps_arena_printf(scene->arena, "%s%s%s", text, i > 0 ? "," : "", preparation->columns[i].name);
    }
    return text;
}

#define ROWS \
    "SELECT i AS id, 'n' || i % 3 AS origin, i % 7 + 0.5 AS speed, [i] AS list, i % 5 = 0 AS late," \
    " TIMESTAMP '2013-01-01' + to_hours(CAST(i AS INTEGER)) AS moment FROM range(5000) t(i)"

static void types_stay(void **state) {
    struct scene *scene = *state;
    struct ps_preparation *made = make(scene, "", ROWS);
    assert_string_equal(names_of(scene, made), "id,origin,speed,list,late,moment");
    assert_string_equal(ask(scene, made, "count(*)"), "5000");
    made = make(scene, "TRANSFORM (StandardScaler(speed, withMean = true))", ROWS);
    assert_string_equal(names_of(scene, made), "id,origin,speed,list,late,moment");
    assert_string_equal(
        ask(scene, made, "any_value(typeof(list) || typeof(late) || typeof(speed) || typeof(moment))"),
        "BIGINT[]BOOLEANDOUBLETIMESTAMP");
    assert_string_equal(ask(scene, made, "abs(avg(speed)) < 1e-12 AND abs(stddev_samp(speed) - 1) < 1e-12"),
                        "true");
    assert_string_equal(ask(scene, made, "bool_and(list[1] = id)"), "true"); /* row for row */
}

static void new_columns_have_names(void **state) {
    struct scene *scene = *state;
    struct ps_preparation *made =
        make(scene, "TRANSFORM (OneHotEncoder(origin))", "SELECT origin, 1 AS ORIGIN_N1, id FROM (" ROWS ")");
    assert_string_equal(names_of(scene, made), "origin_n0,origin_n1_2,ORIGIN_N1,id");
    assert_string_equal(
        ask(scene, made, "sum(origin_n0) || ' ' || sum(origin_n1_2) || ' ' || max(origin_n0 + origin_n1_2)"),
        "1667 1667 1");
    made = make(scene, "TRANSFORM (OneHotEncoder(origin, dropLast = false))",
                "SELECT CASE WHEN id % 2 = 0 THEN 'a b=(c)' ELSE 'é' END AS origin, id FROM (" ROWS ")");
    assert_string_equal(names_of(scene, made), "origin_a_b__c_,origin_é,id");
    made = make(
        scene,
        "TRANSFORM (CyclicEncoder(moment, period = 'hour_of_day'), PolynomialExpansion(speed, degree = 2))",
        "SELECT moment, speed, list FROM (" ROWS ")");
    assert_string_equal(names_of(scene, made),
                        "speed,list,moment_hour_of_day_sin,moment_hour_of_day_cos,speed^2");
    made = make(scene, "TRANSFORM (VarianceThresholdSelector(speed, one))",
                "SELECT speed, 1 AS one, list FROM (" ROWS ")");
    assert_string_equal(names_of(scene, made), "speed,list");
    assert_int_equal(made->note_count, 1);
}

static void rows_beyond_bounds_go(void **state) {
    struct scene *scene = *state;
    const char *select =
        "SELECT i AS id, CASE WHEN i < 30 THEN 1000 WHEN i < 40 THEN -1000 ELSE i % 10 END AS x,"
        " CASE WHEN i >= 35 AND i < 50 THEN 99 ELSE i % 3 END AS y, CASE WHEN i = 7 THEN NULL ELSE"
        " i % 4 END AS z FROM range(3000) t(i)";
    struct ps_preparation *made =
        make(scene, "TRANSFORM (OutlierFilter(x, y, method = 'iqr', k = 3), StandardScaler(z))", select);
    assert_int_equal(made->row_count, 3000);
    assert_int_equal(made->kept_count, 2950);
    assert_int_equal(made->stages[0].dropped_count, 50); /* 40 by x, 15 by y, 5 of them by both */
    assert_int_equal(made->stages[0].bounds[0].above, 30);
    assert_int_equal(made->stages[0].bounds[0].below, 10);
    assert_int_equal(made->stages[0].bounds[1].above, 15);
    assert_int_equal(made->stages[0].bounds[1].below, 0);
    assert_true(made->stages[0].bounds[0].lower < 0 && made->stages[0].bounds[0].upper > 9);
    assert_int_equal(made->stages[1].dropped_count, 0);
    assert_string_equal(ask(scene, made, "min(id) || ' ' || count(*) || ' ' || count(z)"), "50 2950 2950");
}

static void what_is_missing_is_null(void **state) {
    struct scene *scene = *state;
    const char *select =
        "SELECT CASE i % 4 WHEN 0 THEN NULL WHEN 1 THEN 'nan'::DOUBLE WHEN 2 THEN 'inf'::DOUBLE ELSE"
        " i END AS x, CASE i % 4 WHEN 1 THEN 'nan'::DOUBLE ELSE i END AS y FROM range(400) t(i)";
    struct ps_preparation *made = make(scene, "TRANSFORM (StandardScaler(x))", select);
    assert_string_equal(ask(scene, made,
                            "count(*) || ' ' || count(x) || ' ' || count(*) FILTER (isinf(x)) || ' ' ||"
                            " count(*) FILTER (isnan(y))"),
                        "400 200 100 100");
    made = make(scene, "TRANSFORM (Imputer(y), StandardScaler(y))", select);
    assert_string_equal(ask(scene, made, "count(y) || ' ' || count(*) FILTER (isnan(y))"), "400 0");
}

static void cut_anywhere_it_is_the_same(void **state) {
    struct scene *scene = *state;
    struct ps_preparation *whole = NULL, *cut = NULL;
    const char *clause = "TRANSFORM (OutlierFilter(id, method = 'percentile', lower = 0.1, upper = 0.8),"
                         " StandardScaler(speed, id), OneHotEncoder(origin))";
    must(make_with(scene, 0, clause, ROWS, &whole), &scene->error);
    sql(scene, ps_arena_printf(scene->arena, "CREATE TABLE whole AS %s", whole->select));
    must(ps_engine_set_threads(scene->engine, 1, &scene->error), &scene->error);
    must(make_with(scene, 1000, clause, ROWS, &cut),
         &scene->error); /* slices that are no whole frames, too */
    assert_int_equal(whole->kept_count, cut->kept_count);
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    must(ps_sql_queryf(scene->connection, &result, &scene->error,
                       "SELECT count(*) FROM (SELECT *, row_number() OVER () FROM whole EXCEPT ALL SELECT *,"
                       " row_number() OVER () FROM (%s))",
                       cut->select),
         &scene->error);
    assert_int_equal(ps_result_integer(result, 0, 0), 0); /* the same bits, in the same order */
    /* canary: the comparison sees one bit */
    struct ps_result *other PS_SCOPED(ps_result_free_scoped) = NULL;
    must(ps_sql_queryf(
             scene->connection, &other, &scene->error,
             "SELECT count(*) FROM (SELECT speed FROM whole EXCEPT ALL SELECT speed + CASE WHEN speed ="
             " (SELECT max(speed) FROM whole) THEN 1e-15 ELSE 0 END FROM (%s))",
             cut->select),
         &scene->error);
    assert_true(ps_result_integer(other, 0, 0) > 0);
}

static void refusals(void **state) {
    struct scene *scene = *state;
    refuse(scene, "TRANSFORM (StandardScaler(sped))", ROWS, PENSTOCK_INVALID_PROJECT,
           "m.sql:1:44: StandardScaler: the dataset's SELECT has no column sped");
    hints(scene, "did you mean speed?");
    refuse(scene, "TRANSFORM (StandardScaler(list))", ROWS, PENSTOCK_INVALID_PROJECT, "not a number");
    refuse(scene, "TRANSFORM (TargetEncoder(origin))", ROWS, PENSTOCK_INVALID_PROJECT,
           "a dataset does not have");
    refuse(scene, "", ROWS " WHERE i < 0", PENSTOCK_INVALID_DATA, "gives no rows");
    refuse(scene,
           "TRANSFORM (StringIndexer(o), OutlierFilter(id, method = 'percentile', lower = 0.5, upper = 0.6))",
           "SELECT CASE WHEN i = 0 THEN 'a' END AS o, i AS id FROM range(100) t(i)", PENSTOCK_INVALID_DATA,
           "no row is left of 100: StringIndexer drops 99");
    refuse(scene, "TRANSFORM (VarianceThresholdSelector(x))", "SELECT 1 AS x FROM range(5)",
           PENSTOCK_INVALID_DATA, "leaves no column");
    refuse(scene, "TRANSFORM (OneHotEncoder(n))", "SELECT 'n' || i AS n FROM range(4200) t(i)",
           PENSTOCK_INVALID_DATA, "at most 4096");
}

static void what_was_learnt_is_told(void **state) {
    struct scene *scene = *state;
    struct ps_buffer json PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&json, (size_t)1 << 20);
    struct ps_preparation *made =
        make(scene, "TRANSFORM (OutlierFilter(one, x, method = 'iqr'), StandardScaler(x))",
             "SELECT 1 AS one, i AS x FROM range(11) t(i)");
    must(ps_preparation_write(made, &json, &scene->error), &scene->error);
    assert_non_null(strstr(json.data, "\"name\":\"OutlierFilter\",\"columns\":[\"one\",\"x\"]"));
    assert_non_null(strstr(json.data, "\"numbers\":[null,null,-5.0,15.0]")); /* no spread: no bounds */
    assert_non_null(strstr(json.data, "\"numbers\":[0.0,0.30151134457776363,0.0]"));
    assert_non_null(strstr(json.data, "{\"name\":\"x\",\"of\":\"x\",\"made\":true}"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(types_stay, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(new_columns_have_names, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(rows_beyond_bounds_go, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(what_is_missing_is_null, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(cut_anywhere_it_is_the_same, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(refusals, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(what_was_learnt_is_told, scene_open, scene_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
