/* SPDX-License-Identifier: Apache-2.0
 *
 * refusals_test.c - bad statements and bad data: one sentence each, with the place and a way out.
 */
#include "training.h"

static int open_rows(void **state) {
    (void)scene_open(state);
    sql(*state,
        "CREATE TABLE t AS SELECT i AS a, sin(i) AS b, ['x', 'y'][i % 2 + 1] AS g, i % 3 AS fold, i * "
        "2.0 AS y, "
        "DATE '2024-01-01' + i::INTEGER AS day FROM range(100) r(i)");
    return 0;
}

#define AS_T " PREDICT y USING LinearRegression() AS SELECT a, b, g, y FROM t"

static void statements(void **state) {
    struct scene *scene = *state;
    refuses(scene, "CREATE MODEL m TRANSFORM (StandardScalar(a))" AS_T, PENSTOCK_INVALID_PROJECT,
            "m.sql:1:27: there is no transform StandardScalar");
    hints(scene, "did you mean StandardScaler?");
    refuses(scene, "CREATE MODEL m TRANSFORM (StandardScaler(aa))" AS_T, PENSTOCK_INVALID_PROJECT,
            "no feature column aa");
    hints(scene, "did you mean a?");
    refuses(scene, "CREATE MODEL m TRANSFORM (StandardScaler(a, withMaen = true))" AS_T,
            PENSTOCK_INVALID_PROJECT, "m.sql:1:45: StandardScaler");
    hints(scene, "withMean");
    refuses(scene, "CREATE MODEL m TRANSFORM (StandardScaler(g))" AS_T, PENSTOCK_INVALID_PROJECT,
            "g is VARCHAR, not a number");
    refuses(scene, "CREATE MODEL m TRANSFORM (StandardScaler(y))" AS_T, PENSTOCK_INVALID_PROJECT,
            "y is the label");
    refuses(scene, "CREATE MODEL m TRANSFORM (OneHotEncoder(g), StandardScaler(g))" AS_T,
            PENSTOCK_INVALID_PROJECT, "one-hot encoded already");
    refuses(scene, "CREATE MODEL m TRANSFORM (Interaction(a))" AS_T, PENSTOCK_INVALID_PROJECT,
            "takes at least 2 columns, not 1");
    refuses(scene, "CREATE MODEL m TRANSFORM (Interaction(a, a))" AS_T, PENSTOCK_INVALID_PROJECT,
            "column a is given twice");
    refuses(scene, "CREATE MODEL m TRANSFORM (Bucketizer(a))" AS_T, PENSTOCK_INVALID_PROJECT,
            "splits needs at least 3 numbers");
    refuses(scene, "CREATE MODEL m TRANSFORM (Bucketizer(a, splits = [0, 2, 1]))" AS_T,
            PENSTOCK_INVALID_PROJECT, "splits must rise");
    refuses(scene, "CREATE MODEL m TRANSFORM (OutlierFilter(a, method = 'iqz'))" AS_T,
            PENSTOCK_INVALID_PROJECT, "OutlierFilter");
    refuses(scene, "CREATE MODEL m TRANSFORM (PolynomialExpansion(a, b, degree = 11))" AS_T,
            PENSTOCK_INVALID_PROJECT, "degree");
    refuses(scene, "CREATE MODEL m TRANSFORM (OutlierFilter(a, k = GRID(1, 2)))" AS_T,
            PENSTOCK_INVALID_PROJECT, "GRID is for parameters of the estimator");
    refuses(scene, "CREATE MODEL m PREDICT yy USING LinearRegression() AS SELECT a, y FROM t",
            PENSTOCK_INVALID_PROJECT, "m.sql:1:24: PREDICT: the model's SELECT has no column yy");
    refuses(scene, "CREATE MODEL m PREDICT g USING LinearRegression() AS SELECT a, g FROM t",
            PENSTOCK_INVALID_PROJECT, "the label g is VARCHAR");
    refuses(scene, "CREATE MODEL m PREDICT y USING LinearRegression() AS SELECT g, y FROM t",
            PENSTOCK_INVALID_PROJECT, "has no feature beside the label");
    refuses(scene, "CREATE MODEL m PREDICT y USING LinearRegresion() AS SELECT a, y FROM t",
            PENSTOCK_INVALID_PROJECT, "there is no estimator LinearRegresion");
    hints(scene, "LinearRegression");
    refuses(scene, "CREATE MODEL m PREDICT y USING LinearRegression(regParm = 1) AS SELECT a, y FROM t",
            PENSTOCK_INVALID_PROJECT, "m.sql:1:49: LinearRegression");
    refuses(scene,
            "CREATE MODEL m PREDICT y USING LinearRegression(elasticNetParam = GRID(0, 2)) AS SELECT a, y "
            "FROM t",
            PENSTOCK_INVALID_PROJECT, "elasticNetParam");
    refuses(scene,
            "CREATE MODEL m PREDICT y USING LinearRegression(solver = 'l-bfgs') AS SELECT a, y "
            "FROM t",
            PENSTOCK_INVALID_PROJECT, "solver");
    refuses(scene,
            "CREATE MODEL m PREDICT y USING LinearRegression(fitIntercept = RANGE(0, 1, 2)) AS SELECT a, "
            "y FROM t",
            PENSTOCK_INVALID_PROJECT, "RANGE is for numbers");
    refuses(
        scene,
        "CREATE MODEL m PREDICT y USING LinearRegression() VALIDATE CrossValidatr() AS SELECT a, y FROM t",
        PENSTOCK_INVALID_PROJECT, "there is no validator CrossValidatr");
    refuses(scene,
            "CREATE MODEL m PREDICT y USING LinearRegression() VALIDATE CrossValidator(numFolds = 1) AS "
            "SELECT a, y FROM t",
            PENSTOCK_INVALID_PROJECT, "numFolds");
    refuses(scene,
            "CREATE MODEL m PREDICT y USING LinearRegression() VALIDATE CrossValidator(foldCol = 'g') AS "
            "SELECT a, g, y FROM t",
            PENSTOCK_INVALID_PROJECT, "foldCol: column g is VARCHAR");
    refuses(scene,
            "CREATE MODEL m PREDICT y USING LinearRegression() HOLDOUT LAST 3 DAYS BY a AS SELECT a, b, y "
            "FROM t",
            PENSTOCK_INVALID_PROJECT, "HOLDOUT: column a is BIGINT");
    refuses(scene,
            "CREATE MODEL m PREDICT y USING LinearRegression() HOLDOUT LAST 3 DAYS BY dya AS SELECT a, b, "
            "y, day FROM t",
            PENSTOCK_INVALID_PROJECT, "HOLDOUT: the model's SELECT has no column dya");
    refuses(scene,
            "CREATE MODEL m PREDICT y USING LinearRegression() GATE (rsme <= 3) AS SELECT a, b, y FROM t",
            PENSTOCK_INVALID_PROJECT, "rsme");
}

static void large_grid(void **state) {
    struct scene *scene = *state;
    struct ps_buffer text;
    ps_buffer_init(&text, (size_t)1 << 20);
    ps_buffer_text(&text, "CREATE MODEL m PREDICT y USING LinearRegression(regParam = GRID(0");
    for (int i = 1; i < 500; i++) {
        ps_buffer_printf(&text, ", %d", i);
    }
    ps_buffer_text(&text, "), elasticNetParam = GRID(0");
    for (int i = 1; i < 300; i++) {
        ps_buffer_printf(&text, ", 0.%03d", i);
    }
    ps_buffer_text(&text, ")) AS SELECT a, y FROM t");
    refuses(scene, text.data, PENSTOCK_INVALID_PROJECT,
            "a grid of 150000 cells in 3 folds is 450000 solutions");
    ps_buffer_done(&text);
}

static void data(void **state) {
    struct scene *scene = *state;
    refuses(scene, "CREATE MODEL m PREDICT y USING LinearRegression() AS SELECT a, y FROM t WHERE a < 0",
            PENSTOCK_INVALID_DATA, "gives no rows");
    refuses(scene, "CREATE MODEL m PREDICT y USING LinearRegression() AS SELECT a, y FROM t WHERE a < 2",
            PENSTOCK_INVALID_DATA, "2 rows are fewer than the 3 folds");
    refuses(scene,
            "CREATE MODEL m PREDICT y USING LinearRegression() AS SELECT a, nullif(y, 6) AS y "
            "FROM t",
            PENSTOCK_INVALID_DATA, "the label y is NULL or not finite in 1 of 100 rows");
    hints(scene, "WHERE y IS NOT NULL");
    refuses(scene,
            "CREATE MODEL m PREDICT y USING LinearRegression() AS SELECT a, NULL::DOUBLE AS b, y FROM t",
            PENSTOCK_INVALID_DATA, "no training row is left of 100");
    refuses(scene,
            "CREATE MODEL m PREDICT y USING LinearRegression() VALIDATE CrossValidator(foldCol = 'fold') AS "
            "SELECT a, y, fold + 1 AS fold FROM t",
            PENSTOCK_INVALID_DATA, "row 3: foldCol fold is 3");
    refuses(scene,
            "CREATE MODEL m PREDICT y USING LinearRegression() VALIDATE CrossValidator(foldCol = 'fold') AS "
            "SELECT a, y, nullif(fold, 1) AS fold FROM t",
            PENSTOCK_INVALID_DATA, "row 2: foldCol fold is NULL");
    refuses(scene,
            "CREATE MODEL m PREDICT y USING LinearRegression() VALIDATE CrossValidator(foldCol = 'fold') AS "
            "SELECT a, y, fold // 2 AS fold FROM t",
            PENSTOCK_INVALID_DATA, "fold 2 has 0 rows to validate");
    refuses(scene,
            "CREATE MODEL m PREDICT y USING LinearRegression() HOLDOUT LAST 100 DAYS BY day AS SELECT a, y, "
            "day FROM t",
            PENSTOCK_INVALID_DATA, "HOLDOUT holds all of the 100 rows out by day");
    refuses(scene,
            "CREATE MODEL m PREDICT y USING LinearRegression() HOLDOUT LAST 10 PERCENT BY day AS SELECT a, "
            "y, DATE '2024-01-01' AS day FROM t",
            PENSTOCK_INVALID_DATA, "HOLDOUT holds all of the 100 rows");
    refuses(scene,
            "CREATE MODEL m PREDICT y USING LinearRegression() HOLDOUT LAST 3 DAYS BY day AS SELECT a, y, "
            "NULL::DATE AS day FROM t",
            PENSTOCK_INVALID_DATA, "HOLDOUT holds none");
    refuses(scene,
            "CREATE MODEL m TRANSFORM (OneHotEncoder(g)) PREDICT y USING LinearRegression() HOLDOUT LAST 3 "
            "DAYS BY day AS SELECT a, CASE WHEN a > 98 THEN 'new' ELSE g END AS g, y, day FROM t",
            PENSTOCK_INVALID_DATA, "column g: 'new' is no category");
    refuses(scene,
            "CREATE MODEL m TRANSFORM (Bucketizer(a, splits = [0, 10, 20])) PREDICT y USING "
            "LinearRegression() AS SELECT a, y FROM t",
            PENSTOCK_INVALID_DATA, "row 22: column a: '21' is outside the splits");
    refuses(scene,
            "CREATE MODEL m TRANSFORM (OneHotEncoder(g)) PREDICT y USING LinearRegression() AS SELECT a, "
            "NULL::VARCHAR AS g, y FROM t",
            PENSTOCK_INVALID_DATA, "column g has no value");
    refuses(scene,
            "CREATE MODEL m TRANSFORM (Imputer(b, strategy = 'median')) PREDICT y USING LinearRegression() "
            "AS SELECT a, NULL::DOUBLE AS b, y FROM t",
            PENSTOCK_INVALID_DATA, "Imputer: column b has no value");
}

/* Sums that would not fit are refused before anything is read. */
static void memory(void **state) {
    struct scene *scene = *state;
    sql(scene, "CREATE TABLE wide AS SELECT i % 4000 AS c, i AS y FROM range(8000) r(i)");
    parse(scene,
          "CREATE MODEL m TRANSFORM (OneHotEncoder(c)) PREDICT y USING LinearRegression(regParam = 1) AS "
          "SELECT c, y FROM wide");
    scene->options = (struct ps_train_options){.node = &scene->node,
                                               .connection = scene->connection,
                                               .thread_count = 1,
                                               .memory_max = (int64_t)64 << 20};
    assert_int_equal(ps_model_train(&scene->options, &scene->candidate, &scene->error),
                     PENSTOCK_OUT_OF_MEMORY);
    assert_non_null(strstr(scene->error.message, "64 MiB are allowed"));
}

static void stops(void **state) {
    struct scene *scene = *state;
    parse(scene, "CREATE MODEL m PREDICT y USING LinearRegression() AS SELECT a, y FROM t");
    struct ps_stop stop;
    atomic_init(&stop.requested, 1);
    scene->options = (struct ps_train_options){
        .node = &scene->node, .connection = scene->connection, .thread_count = 2, .stop = &stop};
    assert_int_equal(ps_model_train(&scene->options, &scene->candidate, &scene->error), PENSTOCK_CANCELLED);
}

/* Odd but not wrong: a constant label, one feature, as many rows as folds. */
static void odd(void **state) {
    struct scene *scene = *state;
    train(scene, "CREATE MODEL m PREDICT y USING LinearRegression(regParam = GRID(0, 1)) AS SELECT a, 4 AS y "
                 "FROM t");
    near(ps_fitted_intercept(scene->candidate->fitted), 4, 1e-12);
    assert_true(has_note(scene, "the label is the same in all rows"));
    train(scene, "CREATE MODEL m PREDICT y USING LinearRegression() AS SELECT 1 AS one, y FROM t");
    assert_true(coefficient(scene, "one") == 0);
    train(scene,
          "CREATE MODEL m PREDICT y USING LinearRegression() VALIDATE CrossValidator(foldCol = 'fold') AS "
          "SELECT a, y, fold FROM t WHERE a < 3");
    near(coefficient(scene, "a"), 2, 1e-9);
    train(scene,
          "CREATE MODEL m TRANSFORM (OutlierFilter(a, method = 'mad')) PREDICT y USING LinearRegression() "
          "AS SELECT CASE WHEN a > 60 THEN a ELSE 0 END AS a, b, y FROM t");
    assert_true(has_note(scene, "no spread"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(statements, open_rows, scene_close),
        cmocka_unit_test_setup_teardown(large_grid, open_rows, scene_close),
        cmocka_unit_test_setup_teardown(data, open_rows, scene_close),
        cmocka_unit_test_setup_teardown(memory, open_rows, scene_close),
        cmocka_unit_test_setup_teardown(stops, open_rows, scene_close),
        cmocka_unit_test_setup_teardown(odd, open_rows, scene_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
