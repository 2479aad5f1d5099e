/* SPDX-License-Identifier: Apache-2.0
 *
 * train_test.c - whole trainings on small tables: numbers, notes, counts, hold-out, threads.
 */
#include "training.h"

/* y = 10 + 2 a - 3 b, exactly; t is one row an hour; g a category. */
static int open_exact(void **state) {
    (void)scene_open(state);
    sql(*state,
        "CREATE TABLE exact AS SELECT i % 17 AS a, (i * 7) % 13 / 4.0 AS b, 10 + 2 * (i % 17) - 3 * ((i "
        "* 7) % 13 / 4.0) AS y, "
        "TIMESTAMP '2024-01-01' + INTERVAL (i) HOUR AS t, ['x', 'y', 'z'][i % 3 + 1] AS g, i % 3 AS fold "
        "FROM range(1000) r(i)");
    return 0;
}

static void finds_the_exact_model(void **state) {
    struct scene *scene = *state;
    train(scene, "CREATE MODEL m PREDICT y USING LinearRegression() AS SELECT a, b, y FROM exact");
    near(coefficient(scene, "a"), 2, 1e-12);
    near(coefficient(scene, "b"), -3, 1e-12);
    near(ps_fitted_intercept(scene->candidate->fitted), 10, 1e-11);
    assert_int_equal(scene->candidate->cell_count, 1);
    assert_int_equal(scene->candidate->cells[0].fold_count, 3);
    assert_true(scene->candidate->cells[0].mean < 1e-6);
    assert_int_equal(scene->candidate->scan_count, 1);
    assert_int_equal(scene->candidate->rows.read, 1000);
    assert_int_equal(scene->candidate->rows.training, 1000);
    assert_true(scene->candidate->training.r2 > 1 - 1e-12);
}

static void holds_out_by_time(void **state) {
    struct scene *scene = *state;
    train(scene, "CREATE MODEL m PREDICT y USING LinearRegression(regParam = 0.1) HOLDOUT LAST 10 DAYS "
                 "BY t "
                 "AS SELECT a, b, y, t FROM exact");
    const struct ps_candidate *candidate = scene->candidate;
    assert_int_equal(candidate->rows.holdout, 240);
    assert_int_equal(candidate->rows.training, 760);
    assert_int_equal(candidate->holdout.row_count, 240);
    assert_true(candidate->holdout.rmse > 0);
    assert_true(candidate->holdout.rmse < candidate->baseline.rmse);
    assert_true(candidate->baseline.r2 <= 0);
    for (int64_t i = 1; i < 240; i++) {
        assert_true(candidate->holdout_times[i] == candidate->holdout_times[i - 1] + 3600);
    }
    /* the same again, as the champion is scored */
    double *predictions = NULL;
    must(ps_model_score_holdout(&scene->options, candidate, candidate->fitted, &predictions, &scene->error),
         &scene->error);
    assert_memory_equal(predictions, candidate->holdout_predictions, 240 * sizeof(double));
    ps_release(predictions);
}

/* A champion that refuses some hold-out rows gets NaN there; one that needs a column that is gone is an error. */
static void scores_a_champion(void **state) {
    struct scene *scene = *state;
    train(scene,
          "CREATE MODEL m TRANSFORM (OneHotEncoder(g)) PREDICT y USING LinearRegression(regParam = 0.1) "
          "AS SELECT a, g, y FROM exact WHERE g <> 'z' ORDER BY t");
    struct ps_candidate *champion = scene->candidate;
    scene->candidate = NULL;
    train(scene, "CREATE MODEL m PREDICT y USING LinearRegression() HOLDOUT LAST 10 DAYS BY t "
                 "AS SELECT a, b, g, y, t FROM exact");
    double *predictions = NULL;
    must(ps_model_score_holdout(&scene->options, scene->candidate, champion->fitted, &predictions,
                                &scene->error),
         &scene->error);
    size_t missing = 0;
    for (int64_t i = 0; i < scene->candidate->holdout.row_count; i++) {
        missing += isnan(predictions[i]) ? 1 : 0;
    }
    assert_int_equal(missing, 80);
    ps_release(predictions);
    train(scene, "CREATE MODEL m PREDICT y USING LinearRegression() HOLDOUT LAST 10 DAYS BY t "
                 "AS SELECT a, b, y, t FROM exact");
    assert_int_equal(ps_model_score_holdout(&scene->options, scene->candidate, champion->fitted, &predictions,
                                            &scene->error),
                     PENSTOCK_SQL);
    ps_candidate_free(champion);
}

static void holds_out_by_share(void **state) {
    struct scene *scene = *state;
    train(scene,
          "CREATE MODEL m PREDICT y USING LinearRegression() HOLDOUT LAST 20 PERCENT BY t AS SELECT a, b, "
          "y, t FROM exact");
    assert_int_equal(scene->candidate->rows.holdout, 200);
    train(scene,
          "CREATE MODEL m PREDICT y USING LinearRegression() HOLDOUT 20 PERCENT AS SELECT a, b, y FROM "
          "exact");
    assert_in_range(scene->candidate->rows.holdout, 150, 250);
    assert_int_equal(scene->candidate->rows.read, 1000);
    assert_null(scene->candidate->holdout_times);
}

static void says_what_it_finds(void **state) {
    struct scene *scene = *state;
    train(scene, "CREATE MODEL m PREDICT y USING LinearRegression() "
                 "AS SELECT a, b, 5 AS five, a * 2 + 1 AS twice, 3 * y AS answer, g, t, y FROM exact");
    assert_true(has_note(scene, "feature five is constant"));
    assert_true(has_note(scene, "feature twice is a copy of a"));
    assert_true(has_note(scene, "feature answer is a copy of the label"));
    assert_true(has_note(scene, "column g (VARCHAR) is left out"));
    assert_true(has_note(scene, "column t (TIMESTAMP) is left out"));
    assert_true(has_note(scene, "follow from the others"));
    assert_true(coefficient(scene, "five") == 0);
    assert_true(isfinite(coefficient(scene, "twice")));
}

/* Estimators compete on the same splits; each of their cells says what it is. */
static void lets_estimators_compete(void **state) {
    struct scene *scene = *state;
    train(
        scene,
        "CREATE MODEL m PREDICT y USING LinearRegression(regParam = GRID(5, 50)), "
        "LinearRegression(compat = 'sklearn', regParam = 0.5), LinearRegression(regParam = 1, fitIntercept = FALSE) "
        "AS SELECT a, b, y FROM exact");
    const struct ps_candidate *candidate = scene->candidate;
    assert_int_equal(candidate->cell_count, 4);
    assert_int_equal(candidate->best, 2);
    assert_int_equal(candidate->cells[0].parameter_count, 1);
    assert_string_equal(candidate->cells[1].texts[0], "50");
    assert_int_equal(candidate->cells[2].parameter_count, 2);
    assert_string_equal(candidate->cells[2].names[0], "compat");
    assert_string_equal(candidate->cells[2].texts[0], "sklearn");
    assert_string_equal(candidate->cells[3].texts[1], "false");
    const double mean = candidate->cells[2].mean;
    train(scene, "CREATE MODEL m PREDICT y USING LinearRegression(compat = 'sklearn', regParam = 0.5) "
                 "AS SELECT a, b, y FROM exact");
    assert_true(scene->candidate->cells[0].mean == mean); /* to the bit as alone */
    assert_int_equal(scene->candidate->cells[0].parameter_count, 0);
    refuses(
        scene,
        "CREATE MODEL m PREDICT g USING LinearRegression(), LogisticRegression() AS SELECT a, g FROM exact",
        PENSTOCK_INVALID_PROJECT, "the label g is VARCHAR; LinearRegression predicts a number");
    refuses(
        scene,
        "CREATE MODEL m PREDICT fold USING LogisticRegression(), LinearRegression() AS SELECT a, fold FROM exact",
        PENSTOCK_INVALID_PROJECT,
        "LogisticRegression predicts classes and LinearRegression a number: they cannot compete");
    refuses(scene, "CREATE MODEL m PREDICT y USING LogisticRegression() AS SELECT a, y FROM exact",
            PENSTOCK_INVALID_PROJECT, "LogisticRegression predicts classes");
    hints(scene, "CAST(y AS INTEGER)");
    refuses(
        scene,
        "CREATE MODEL m PREDICT fold USING LogisticRegression() VALIDATE CrossValidator(metricName = 'areaUnderROC') "
        "AS SELECT a, fold FROM exact",
        PENSTOCK_INVALID_PROJECT,
        "areaUnderROC is a metric of two classes, and this model predicts more than two");
    hints(scene, "logLoss, accuracy, f1");
}

/* A fold in which the metric has no value leaves nothing to choose by. */
static void refuses_a_fold_of_one_class(void **state) {
    struct scene *scene = *state;
    sql(scene, "CREATE OR REPLACE TABLE one AS SELECT a, fold, fold > 0 AND a > 8 AS y FROM exact");
    refuses(scene,
            "CREATE MODEL m PREDICT y USING LogisticRegression(regParam = GRID(0.1, 1)) "
            "VALIDATE CrossValidator(foldCol = fold) AS SELECT a, fold, y FROM one",
            PENSTOCK_INVALID_DATA, "areaUnderROC says nothing of fold 0: its rows are of one class only");
    train(scene,
          "CREATE MODEL m PREDICT y USING LogisticRegression(regParam = GRID(0.1, 1)) "
          "VALIDATE CrossValidator(foldCol = fold, metricName = 'logLoss') AS SELECT a, fold, y FROM one");
    assert_true(scene->candidate->cells[0].mean > 0);
    sql(scene, "CREATE OR REPLACE TABLE one AS SELECT a, b, fold * 2 - (fold // 2) AS fold, y FROM exact");
    refuses(scene,
            "CREATE MODEL m PREDICT y USING LinearRegression() "
            "VALIDATE CrossValidator(numFolds = 4, foldCol = 'fold') AS SELECT a, b, fold, y FROM one",
            PENSTOCK_INVALID_DATA, "fold 1 has 0 rows to validate and 1000 to train on");
}

/* What tells the label without being a multiple of it; what only looks like it; and sums of features by name. */
static void warns_of_leaks(void **state) {
    struct scene *scene = *state;
    sql(scene,
        "CREATE OR REPLACE TABLE leaky AS SELECT a, b, y, exp(y / 10) AS power, -y * y * y AS down, floor(y / 5) AS rough, "
        "CASE WHEN b > 1 THEN 'p' ELSE 'q' END AS p, "
        "'is ' || CAST(y AS VARCHAR) AS spelt, row_number() OVER () AS id, a + 2 * b AS summed FROM exact");
    train(
        scene,
        "CREATE MODEL m TRANSFORM (OneHotEncoder(p, spelt)) PREDICT y USING LinearRegression(regParam = 0.1) "
        "AS SELECT * FROM leaky");
    assert_true(has_note(scene, "power tells y by itself: the rows are in the same order by both"));
    assert_true(has_note(scene, "down tells y by itself: the rows are in the same order by both"));
    assert_false(has_note(scene, "rough tells y")); /* equal values, other labels */
    assert_false(has_note(scene, "id tells y"));
    assert_false(has_note(scene, "p tells y by itself: each"));
    assert_false(has_note(scene, "a tells y"));
    assert_int_equal(scene->candidate->sanity.leak_count, 2);
    train(
        scene,
        "CREATE MODEL m PREDICT y USING LinearRegression(regParam = 0.1) AS SELECT a, b, id, summed, y FROM leaky");
    assert_true(has_note(scene, "feature summed follows from a, b"));
    assert_false(has_note(scene, "feature id follows"));
    sql(scene,
        "CREATE OR REPLACE TABLE leaky AS SELECT a, a % 3 AS y, ['x', 'y', 'z'][CAST(a % 3 AS INTEGER) + 1] AS spelt, "
        "'row' || CAST(row_number() OVER () AS VARCHAR) AS id FROM exact");
    train(
        scene,
        "CREATE MODEL m TRANSFORM (OneHotEncoder(spelt, id)) PREDICT y USING LinearRegression(regParam = 1) "
        "AS SELECT * FROM leaky LIMIT 200");
    assert_true(has_note(scene, "spelt tells y by itself: each of its values stands for one of the label"));
    assert_int_equal(scene->candidate->sanity.leak_count, 1);
    assert_true(has_note(scene, "200 rows are fewer than the"));
    train(
        scene,
        "CREATE MODEL m PREDICT y USING LinearRegression() AS SELECT a, y, a % 3 AS copy FROM leaky LIMIT 49");
    assert_int_equal(scene->candidate->sanity.leak_count, 0); /* too few rows to say */
}

static void leaves_out_and_counts(void **state) {
    struct scene *scene = *state;
    sql(scene,
        "CREATE OR REPLACE TABLE holes AS SELECT CASE WHEN a = 3 THEN NULL WHEN a = 4 THEN 'nan'::DOUBLE "
        "WHEN a = 5 THEN 'inf'::DOUBLE ELSE a END AS a, b, CASE WHEN a = 9 THEN 1e6 ELSE y END AS y "
        "FROM exact");
    train(scene, "CREATE MODEL m TRANSFORM (OutlierFilter(y, k = 3)) PREDICT y USING LinearRegression() "
                 "AS SELECT a, b, y FROM holes");
    const struct ps_row_counts *rows = &scene->candidate->rows;
    assert_int_equal(rows->read, 1000);
    assert_int_equal(rows->outliers, 59);
    assert_int_equal(rows->null_features, 59 * 3);
    assert_int_equal(rows->training, 1000 - 4 * 59);
    near(coefficient(scene, "a"), 2, 1e-11);
    assert_true(has_note(scene, "outliers"));
    assert_true(has_note(scene, "NULL or not finite"));
}

static void chooses_the_first_best(void **state) {
    struct scene *scene = *state;
    train(scene,
          "CREATE MODEL m PREDICT y USING LinearRegression(regParam = GRID(1, 0, 0.0), elasticNetParam = "
          "GRID(0, 1)) "
          "VALIDATE CrossValidator(foldCol = 'fold', metricName = 'r2') AS SELECT a, b, y, fold FROM exact");
    assert_int_equal(scene->candidate->cell_count, 6);
    assert_int_equal(scene->candidate->best, 2); /* r2: larger is better; cells 2 .. 5 tie */
    assert_string_equal(scene->candidate->cells[3].names[0], "regParam");
    assert_true(scene->candidate->cells[3].values[0] == 0 && scene->candidate->cells[3].values[1] == 1);
    assert_false(has_feature(scene, "fold"));
}

static void mae_scans_twice(void **state) {
    struct scene *scene = *state;
    train(scene, "CREATE MODEL m TRANSFORM (OneHotEncoder(g)) PREDICT y USING LinearRegression(regParam = "
                 "GRID(0.5, 2)) "
                 "VALIDATE CrossValidator(metricName = 'mae') AS SELECT a, b, g, y FROM exact");
    assert_int_equal(scene->candidate->scan_count, 2);
    assert_true(scene->candidate->cells[0].mean > 0);
    assert_true(scene->candidate->cells[0].mean < scene->candidate->cells[1].mean);
}

/* 40,000 rows in many blocks: every number is the same bit for bit with 1, 2 and 4 threads. */
static void same_bits_on_any_threads(void **state) {
    struct scene *scene = *state;
    sql(scene, "CREATE OR REPLACE TABLE many AS SELECT sin(i) * 1e3 + 1e4 AS a, cos(i * 1.7) AS b, "
               "CASE WHEN i % 31 = 0 THEN NULL ELSE tan(i) END AS c, chr((65 + i % 7)::INTEGER) AS g, (i % "
               "5)::VARCHAR AS h, "
               "sin(i) * 3 + cos(i * 1.7) + i % 7 + cos(i * i) AS y FROM range(40000) r(i)");
    struct ps_buffer texts[3];
    double means[3];
    static const int64_t threads[] = {1, 2, 4};
    for (size_t i = 0; i < 3; i++) {
        must(train_with(scene, threads[i],
                        "CREATE MODEL m TRANSFORM (OutlierFilter(c, method = 'zscore'), Imputer(c), "
                        "OneHotEncoder(g, h), "
                        "Interaction(b, g), StandardScaler(a), MinMaxScaler(b)) PREDICT y "
                        "USING LinearRegression(regParam = GRID(0, 0.1), elasticNetParam = GRID(0, 0.5)) AS "
                        "SELECT * FROM many"),
             &scene->error);
        means[i] = scene->candidate->cells[3].mean;
        ps_buffer_init(&texts[i], (size_t)1 << 20);
        must(ps_fitted_to_json(scene->candidate->fitted, &texts[i], &scene->error), &scene->error);
    }
    for (size_t i = 1; i < 3; i++) {
        assert_string_equal(texts[0].data, texts[i].data);
        assert_true(means[0] == means[i]);
    }
    for (size_t i = 0; i < 3; i++) {
        ps_buffer_done(&texts[i]);
    }
}

/* The order of a join's or a GROUP BY's rows is not the query's: rows are sorted then. */
static void sorts_what_has_no_order(void **state) {
    struct scene *scene = *state;
    train(scene,
          "CREATE MODEL m PREDICT y USING LinearRegression() AS SELECT a, b, max(y) AS y FROM exact GROUP "
          "BY a, b");
    assert_true(has_note(scene, "sorted by all columns"));
    train(scene,
          "CREATE MODEL m PREDICT y USING LinearRegression() AS SELECT a, b, max(y) AS y FROM exact GROUP "
          "BY a, b ORDER BY a, b");
    assert_false(has_note(scene, "sorted by all columns"));
    train(scene,
          "CREATE MODEL m PREDICT y USING LinearRegression() AS SELECT a, b, y FROM exact -- to the end");
    assert_false(has_note(scene, "sorted by all columns"));
}

static void shifts_against_cancellation(void **state) {
    struct scene *scene = *state;
    train(scene,
          "CREATE MODEL m PREDICT y USING LinearRegression() AS SELECT a + 1e9 AS a, b - 1e7 AS b, y FROM "
          "exact");
    near(coefficient(scene, "a"), 2, 1e-9);
    near(coefficient(scene, "b"), -3, 1e-9);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(finds_the_exact_model, open_exact, scene_close),
        cmocka_unit_test_setup_teardown(holds_out_by_time, open_exact, scene_close),
        cmocka_unit_test_setup_teardown(scores_a_champion, open_exact, scene_close),
        cmocka_unit_test_setup_teardown(holds_out_by_share, open_exact, scene_close),
        cmocka_unit_test_setup_teardown(says_what_it_finds, open_exact, scene_close),
        cmocka_unit_test_setup_teardown(lets_estimators_compete, open_exact, scene_close),
        cmocka_unit_test_setup_teardown(refuses_a_fold_of_one_class, open_exact, scene_close),
        cmocka_unit_test_setup_teardown(warns_of_leaks, open_exact, scene_close),
        cmocka_unit_test_setup_teardown(leaves_out_and_counts, open_exact, scene_close),
        cmocka_unit_test_setup_teardown(chooses_the_first_best, open_exact, scene_close),
        cmocka_unit_test_setup_teardown(mae_scans_twice, open_exact, scene_close),
        cmocka_unit_test_setup_teardown(same_bits_on_any_threads, open_exact, scene_close),
        cmocka_unit_test_setup_teardown(sorts_what_has_no_order, open_exact, scene_close),
        cmocka_unit_test_setup_teardown(shifts_against_cancellation, open_exact, scene_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
