/* SPDX-License-Identifier: Apache-2.0
 *
 * transforms_test.c - each transform on a table small enough to know the answer.
 */
#include "training.h"

static int open_rows(void **state) {
    (void)scene_open(state);
    sql(*state,
        "CREATE TABLE t AS SELECT i::DOUBLE AS a, (i * 37 % 101)::DOUBLE AS b, "
        "['red', 'red', 'red', 'blue', 'blue', 'green', 'red', 'lila', 'lila', 'blue'][i % 10 + 1] AS g, "
        "i % 4 AS q, 3.0 * i + 0.5 * (i * 37 % 101) + i % 4 AS y FROM range(200) r(i)");
    return 0;
}

#define MODEL(transforms) \
    "CREATE MODEL m TRANSFORM (" transforms ") PREDICT y USING LinearRegression() AS SELECT a, b, y FROM t"

static double value(struct scene *scene, const char *expression) {
    struct ps_result *result = NULL;
    must(ps_sql_queryf(scene->connection, &result, &scene->error, "SELECT %s FROM t", expression),
         &scene->error);
    const double number = ps_result_double(result, 0, 0);
    ps_result_free(result);
    return number;
}

/* coefficients are on the scale of the transformed feature */
static void scalers(void **state) {
    struct scene *scene = *state;
    train(scene, MODEL("StandardScaler(a)"));
    const double plain_a = coefficient(scene, "a") / value(scene, "stddev_samp(a)");
    train(scene, MODEL("StandardScaler(a, withMean = true)"));
    near(coefficient(scene, "a") / value(scene, "stddev_samp(a)"), plain_a, 1e-11);
    train(scene, MODEL("StandardScaler(a, withStd = false, withMean = true)"));
    near(coefficient(scene, "a"), plain_a, 1e-11);
    train(scene, MODEL("MinMaxScaler(a, min = -1, max = 3)"));
    near(coefficient(scene, "a"), plain_a * 199 / 4, 1e-11);
    train(scene, MODEL("MaxAbsScaler(a)"));
    near(coefficient(scene, "a"), plain_a * 199, 1e-11);
    train(scene, MODEL("RobustScaler(a, lower = 0.1, upper = 0.9, with_centering = true)"));
    near(coefficient(scene, "a"), plain_a * value(scene, "quantile_cont(a, 0.9) - quantile_cont(a, 0.1)"),
         1e-11);
    train(scene, MODEL("StandardScaler()"));
    near(coefficient(scene, "a") / value(scene, "stddev_samp(a)"), plain_a, 1e-11);
    assert_int_equal(scene->candidate->scan_count, 1);
    /* scalers in a row: the second sees what the first gives */
    train(scene, MODEL("StandardScaler(a), MinMaxScaler(a), StandardScaler(a)"));
    near(coefficient(scene, "a") / value(scene, "stddev_samp(a)"), plain_a, 1e-10);
}

static void outliers(void **state) {
    struct scene *scene = *state;
    train(scene, MODEL("OutlierFilter(a, method = 'percentile', lower = 0.1, upper = 0.9)"));
    assert_int_equal(
        scene->candidate->rows.outliers,
        (int64_t)value(
            scene, "(SELECT count(*) FROM t WHERE a < (SELECT quantile_cont(a, 0.1) FROM t) OR a > (SELECT "
                   "quantile_cont(a, 0.9) FROM t))"));
    train(scene, MODEL("OutlierFilter(a, method = 'iqr', k = 0)"));
    assert_int_equal(scene->candidate->rows.outliers, 0); /* k = 0 is the default, 1.5 */
    train(scene, MODEL("OutlierFilter(a, method = 'iqr', k = 0.1)"));
    const int64_t kept = (int64_t)value(
        scene,
        "(WITH q AS (SELECT quantile_cont(a, 0.25) l, quantile_cont(a, 0.75) u FROM t) SELECT count(*) "
        "FROM t, q WHERE a BETWEEN l - 0.1 * (u - l) AND u + 0.1 * (u - l))");
    assert_int_equal(scene->candidate->rows.training, kept);
    train(scene, MODEL("OutlierFilter(a, method = 'zscore', k = 1)"));
    assert_int_equal(
        scene->candidate->rows.training,
        (int64_t)value(
            scene, "(WITH q AS (SELECT avg(a) m, stddev_samp(a) s FROM t) SELECT count(*) FROM t, q WHERE "
                   "abs(a - m) <= s)"));
    train(scene, MODEL("OutlierFilter(a, method = 'mad', k = 1)"));
    assert_int_equal(
        scene->candidate->rows.training,
        (int64_t)value(
            scene, "(WITH q AS (SELECT median(a) m, mad(a) s FROM t) SELECT count(*) FROM t, q WHERE abs(a - "
                   "m) <= 1.4826 * s)"));
    /* a second filter learns from what the first has left; a filter may stand behind a scaler */
    train(scene,
          MODEL("OutlierFilter(a, method = 'percentile', lower = 0, upper = 0.5), OutlierFilter(a, method = "
                "'percentile', lower = 0, upper = 0.5)"));
    assert_int_equal(scene->candidate->rows.training, 50);
    train(scene, MODEL("StandardScaler(a), OutlierFilter(a, method = 'zscore', k = 1)"));
    assert_int_equal(
        scene->candidate->rows.training,
        (int64_t)value(
            scene, "(WITH q AS (SELECT avg(a) m, stddev_samp(a) s FROM t) SELECT count(*) FROM t, q WHERE "
                   "abs(a - m) <= s)"));
}

static void encoders(void **state) {
    struct scene *scene = *state;
    /* red 4, blue 3, lila 2, green 1 of ten: green is the last and dropped */
    train(scene,
          "CREATE MODEL m TRANSFORM (OneHotEncoder(g, q)) PREDICT y USING LinearRegression() AS SELECT a, "
          "g, b, q, y FROM t");
    static const char *const names[] = {"a", "g=red", "g=blue", "g=lila", "b", "q=0", "q=1", "q=2"};
    assert_int_equal(ps_fitted_feature_count(scene->candidate->fitted), 8);
    for (size_t i = 0; i < 8; i++) {
        assert_string_equal(ps_fitted_feature_name(scene->candidate->fitted, i), names[i]);
    }
    near(coefficient(scene, "q=0"), -3, 1e-9);
    near(coefficient(scene, "q=2"), -1, 1e-9);
    near(coefficient(scene, "g=red"), 0, 1e-9);
    train(scene, "CREATE MODEL m TRANSFORM (OneHotEncoder(q, dropLast = false)) PREDICT y USING "
                 "LinearRegression() AS SELECT a, b, q, y FROM t");
    assert_int_equal(ps_fitted_feature_count(scene->candidate->fitted), 6);
    near(coefficient(scene, "q=3") - coefficient(scene, "q=0"), 3, 1e-9);
    assert_true(has_note(scene, "follow from the others"));
    train(scene,
          "CREATE MODEL m TRANSFORM (StringIndexer(g, stringOrderType = 'alphabetAsc'), OneHotEncoder(g)) "
          "PREDICT y USING LinearRegression() AS SELECT a, g, y FROM t");
    assert_true(has_feature(scene, "g=blue") && has_feature(scene, "g=green") &&
                has_feature(scene, "g=lila") && !has_feature(scene, "g=red"));
    train(scene,
          "CREATE MODEL m TRANSFORM (StringIndexer(q)) PREDICT y USING LinearRegression() AS SELECT a, b, "
          "q, y FROM t");
    near(coefficient(scene, "q"), 1, 1e-9); /* all equally frequent: alphabet */
    train(scene,
          "CREATE MODEL m TRANSFORM (OneHotEncoder(g, handleInvalid = 'keep', dropLast = false)) PREDICT "
          "y USING LinearRegression(regParam = 0.1) AS SELECT a, g, y FROM t");
    assert_true(has_feature(scene, "g=__unknown"));
}

static void buckets(void **state) {
    struct scene *scene = *state;
    sql(scene,
        "CREATE TABLE s AS SELECT a, CASE WHEN a < 50 THEN 1 WHEN a < 120 THEN 5 ELSE 7 END AS y FROM t");
    train(scene,
          "CREATE MODEL m TRANSFORM (Bucketizer(a, splits = [0, 50, 120, 199]), OneHotEncoder(a)) PREDICT "
          "y USING LinearRegression() AS SELECT a, y FROM s");
    near(coefficient(scene, "a=[0,50)"), -6, 1e-10);
    near(coefficient(scene, "a=[50,120)"), -2, 1e-10);
    near(ps_fitted_intercept(scene->candidate->fitted), 7, 1e-10);
    train(scene, "CREATE MODEL m TRANSFORM (Bucketizer(a, splits = ['-Infinity', 50, 120, 'Infinity'], "
                 "handleInvalid = 'keep'), StandardScaler(a), PolynomialExpansion(a)) PREDICT y USING "
                 "LinearRegression() AS SELECT CASE WHEN a = 3 THEN NULL ELSE a END AS a, y FROM s");
    assert_int_equal(scene->candidate->rows.training, 200);
}

static void imputers(void **state) {
    struct scene *scene = *state;
    sql(scene, "CREATE TABLE h AS SELECT CASE WHEN a % 7 = 1 THEN NULL WHEN a % 7 = 2 THEN -99 ELSE a END AS "
               "a, b, y FROM t");
    sql(scene, "CREATE TABLE filled AS SELECT coalesce(a, (SELECT avg(a) FROM h)) AS a, b, y FROM h");
    train(scene, "CREATE MODEL m PREDICT y USING LinearRegression() AS SELECT a, b, y FROM filled");
    const double expected = coefficient(scene, "a");
    train(scene, "CREATE MODEL m TRANSFORM (Imputer(a)) PREDICT y USING LinearRegression() AS SELECT a, b, y "
                 "FROM h");
    near(coefficient(scene, "a"), expected, 1e-10);
    assert_int_equal(scene->candidate->rows.training, 200);
    assert_int_equal(scene->candidate->stage_count, 3); /* no scan before the search */
    sql(scene, "CREATE OR REPLACE TABLE filled AS SELECT coalesce(nullif(a, -99), (SELECT median(a) FROM h "
               "WHERE a <> -99)) AS a, b, y FROM h");
    train(scene, "CREATE MODEL m PREDICT y USING LinearRegression() AS SELECT a, b, y FROM filled");
    const double by_median = coefficient(scene, "a");
    train(scene,
          "CREATE MODEL m TRANSFORM (Imputer(a, strategy = 'median', missingValue = -99)) PREDICT y USING "
          "LinearRegression() AS SELECT a, b, y FROM h");
    near(coefficient(scene, "a"), by_median, 1e-10);
    train(scene,
          "CREATE MODEL m TRANSFORM (Imputer(a, missingValue = -99), StandardScaler(a)) PREDICT y USING "
          "LinearRegression() AS SELECT a, b, y FROM h");
    sql(scene,
        "CREATE OR REPLACE TABLE filled AS SELECT coalesce(nullif(a, -99), (SELECT avg(a) FROM h WHERE "
        "a <> -99)) AS a, b, y FROM h");
    const double scaled = coefficient(scene, "a");
    train(scene,
          "CREATE MODEL m TRANSFORM (StandardScaler(a)) PREDICT y USING LinearRegression() AS SELECT a, "
          "b, y FROM filled");
    near(scaled, coefficient(scene, "a"), 1e-10);
    train(scene, "CREATE MODEL m TRANSFORM (Imputer(a, strategy = 'constant', value = 5)) PREDICT y USING "
                 "LinearRegression() AS SELECT a, b, y FROM h");
    sql(scene, "CREATE OR REPLACE TABLE filled AS SELECT coalesce(a, 5) AS a, b, y FROM h");
    const double constant = coefficient(scene, "a");
    train(scene, "CREATE MODEL m PREDICT y USING LinearRegression() AS SELECT a, b, y FROM filled");
    near(constant, coefficient(scene, "a"), 1e-10);
}

static void products(void **state) {
    struct scene *scene = *state;
    sql(scene,
        "CREATE TABLE p AS SELECT a / 100 AS a, b / 50 AS b, g, 1 + a / 100 * b / 50 - (a / 100) ** 2 + "
        "CASE g WHEN 'red' THEN 2 WHEN 'blue' THEN 1 ELSE 0 END * a / 100 AS y FROM t");
    train(scene, "CREATE MODEL m TRANSFORM (PolynomialExpansion(a, b), OneHotEncoder(g), Interaction(a, g)) "
                 "PREDICT y USING LinearRegression() AS SELECT a, b, g, y FROM p");
    near(coefficient(scene, "a*b"), 1, 1e-8);
    near(coefficient(scene, "a^2"), -1, 1e-8);
    near(coefficient(scene, "b^2"), 0, 1e-8);
    near(coefficient(scene, "a:g=red"), 2, 1e-8);
    near(coefficient(scene, "a:g=blue"), 1, 1e-8);
    assert_false(has_feature(scene, "a:g=green"));
    train(scene, "CREATE MODEL m TRANSFORM (Interaction(a, b), Interaction(a, b, a2)) PREDICT y USING "
                 "LinearRegression() AS SELECT a, b, a * a AS a2, y FROM p");
    assert_true(has_feature(scene, "a:b") && has_feature(scene, "a:b:a2"));
    train(scene, "CREATE MODEL m TRANSFORM (PolynomialExpansion(a, b, degree = 3)) PREDICT y USING "
                 "LinearRegression(regParam = 0.1) AS SELECT a, b, y FROM p");
    assert_int_equal(ps_fitted_feature_count(scene->candidate->fitted), 9);
    assert_true(has_feature(scene, "a^2*b") && has_feature(scene, "b^3"));
}

/* The numbers of deferred scalers come from algebra; predictions go through the stages. Both must agree. */
static void algebra_is_the_stages(void **state) {
    struct scene *scene = *state;
    train(scene,
          "CREATE MODEL m TRANSFORM (Imputer(a), StandardScaler(a, withMean = true), MinMaxScaler(b, min "
          "= -1), OneHotEncoder(g), Interaction(b, g), PolynomialExpansion(q)) "
          "PREDICT y USING LinearRegression(regParam = 0.01) HOLDOUT 30 PERCENT AS SELECT a, b, g, q, y "
          "FROM t");
    struct ps_candidate *first = scene->candidate;
    scene->candidate = NULL;
    assert_true(first->holdout.rmse < first->baseline.rmse);
    assert_true(fabs(first->holdout.rmse - first->training.rmse) < 0.5 * first->training.rmse);
    ps_candidate_free(first);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(scalers, open_rows, scene_close),
        cmocka_unit_test_setup_teardown(outliers, open_rows, scene_close),
        cmocka_unit_test_setup_teardown(encoders, open_rows, scene_close),
        cmocka_unit_test_setup_teardown(buckets, open_rows, scene_close),
        cmocka_unit_test_setup_teardown(imputers, open_rows, scene_close),
        cmocka_unit_test_setup_teardown(products, open_rows, scene_close),
        cmocka_unit_test_setup_teardown(algebra_is_the_stages, open_rows, scene_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
