/* SPDX-License-Identifier: Apache-2.0
 *
 * estimators_test.c - estimators that need the rows: optimality, bits, odd data. (Numbers beside Spark's:
 * tests/parity.)
 */
#include "training.h"

#include <stdio.h>
#include <string.h>

#include "model/predictor.h"

static int open_tables(void **state) {
    (void)scene_open(state);
    sql(*state,
        "CREATE TABLE t AS SELECT sin(i) * 3 AS a, cos(i * 1.7) + 5 AS b, ['x', 'y', 'z'][i % 3 + 1] AS g, "
        "CASE WHEN i % 11 = 0 THEN NULL ELSE tan(i % 7) END AS c, i % 3 AS fold, i AS i, "
        "hash(i) % 1000 / 1000.0 < 1 / (1 + exp(-(sin(i) * 2 + cos(i * 1.7) - 0.5 + i % 3))) AS flag, "
        "['lo', 'mid', 'hi'][CASE WHEN sin(i) + hash(i) % 100 / 80.0 < 0 THEN 1 WHEN sin(i) + cos(i * 1.7) < 1 THEN 2 "
        "ELSE 3 END] AS class, floor(exp(sin(i) + 0.3 * cos(i * 1.7)) * (hash(i + 3) % 1000 / 400.0))::INTEGER AS n, "
        "exp(sin(i)) * (0.5 + hash(i + 5) % 1000 / 1000.0) AS size, "
        "2 * sin(i) + hash(i + 9) % 1000 / 1000.0 + CASE WHEN i % 20 = 0 THEN 100 ELSE 0 END AS wild "
        "FROM range(40000) r(i)");
    return 0;
}

static const struct ps_linear_predictor *linear(const struct scene *scene) {
    const struct ps_predictor *predictor = ps_fitted_predictor(scene->candidate->fitted);
    assert_string_equal(predictor->type->kind, "linear");
    return (const struct ps_linear_predictor *)predictor;
}

/* At the optimum the residuals are orthogonal to every feature that is not penalised. */
static void two_classes(void **state) {
    struct scene *scene = *state;
    train(scene, "CREATE MODEL m PREDICT flag USING LogisticRegression() AS SELECT a, b, flag FROM t");
    const struct ps_candidate *candidate = scene->candidate;
    assert_int_equal(candidate->target.task, PS_TASK_BINARY);
    assert_int_equal(candidate->target.class_count, 2);
    assert_string_equal(candidate->target.class_names[1], "true");
    assert_string_equal(candidate->metric_name, "areaUnderROC");
    assert_int_equal(candidate->scan_count, 3); /* classes, sums, rows */
    char text[512];
    (void)snprintf(
        text, sizeof text,
        "SELECT avg(r), avg(r * a), avg(r * b) FROM (SELECT a, b, flag::INT - 1 / (1 + exp(-(%.17g + a * "
        "%.17g + b * %.17g))) AS r FROM t)",
        ps_fitted_intercept(candidate->fitted), coefficient(scene, "a"), coefficient(scene, "b"));
    struct ps_result *result = NULL;
    must(ps_sql_query(scene->connection, text, &result, &scene->error), &scene->error);
    for (int64_t i = 0; i < 3; i++) {
        near(ps_result_double(result, 0, i), 0, 1e-10);
    }
    ps_result_free(result);
    assert_true(candidate->training.accuracy > 0.7 && candidate->training.area_under_roc > 0.8);
}

static void classes_are_found_and_kept(void **state) {
    struct scene *scene = *state;
    train(scene,
          "CREATE MODEL m TRANSFORM (Imputer(c), OneHotEncoder(g), StandardScaler(a)) PREDICT class "
          "USING LogisticRegression(regParam = 0.01) HOLDOUT 20 PERCENT AS SELECT a, b, c, g, class FROM t");
    const struct ps_candidate *candidate = scene->candidate;
    const struct ps_target *target = ps_fitted_target(candidate->fitted);
    assert_int_equal(target->class_count, 3);
    assert_true(target->is_text);
    assert_string_equal(target->class_names[0], "hi");
    assert_string_equal(target->class_names[2], "mid");
    assert_string_equal(candidate->metric_name, "f1");
    assert_true(candidate->holdout.accuracy > candidate->baseline.accuracy);
    assert_true(candidate->holdout.log_loss < candidate->baseline.log_loss);
    for (int64_t i = 0; i < candidate->holdout.row_count; i++) {
        const double *shares = candidate->holdout_probabilities + 3 * i;
        near(shares[0] + shares[1] + shares[2], 1, 1e-12);
        const double found = candidate->holdout_predictions[i];
        assert_true(shares[(size_t)found] >= fmax(shares[0], fmax(shares[1], shares[2])));
    }
    double *again = NULL;
    must(ps_model_score_holdout(&scene->options, candidate, candidate->fitted, &again, &scene->error),
         &scene->error);
    assert_memory_equal(again, candidate->holdout_probabilities,
                        (size_t)candidate->holdout.row_count * 3 * sizeof(double));
    ps_release(again);
    /* a model of two classes is no match for it */
    struct ps_candidate *several = scene->candidate;
    const struct ps_train_options options = scene->options;
    const struct ps_node node = scene->node;
    scene->candidate = NULL;
    train(scene, "CREATE MODEL m PREDICT flag USING LogisticRegression() AS SELECT a, b, flag FROM t");
    struct ps_train_options other = options;
    other.node = &node;
    assert_int_equal(ps_model_score_holdout(&other, several, scene->candidate->fitted, &again, &scene->error),
                     PENSTOCK_INVALID_DATA);
    ps_candidate_free(several);
}

/* A grid over all of them: 1, 2 and 4 threads say the same to the bit, in memory and in a file. */
static void same_bits_on_any_threads(void **state) {
    struct scene *scene = *state;
    static const char *const statements[] = {
        "CREATE MODEL m TRANSFORM (Imputer(c), OneHotEncoder(g)) PREDICT flag USING LogisticRegression(regParam = "
        "GRID(0, 0.01), elasticNetParam = GRID(0, 0.5)) HOLDOUT 10 PERCENT AS SELECT a, b, c, g, flag FROM t",
        "CREATE MODEL m TRANSFORM (OneHotEncoder(g)) PREDICT class USING LogisticRegression() AS SELECT a, b, g, class "
        "FROM t",
        "CREATE MODEL m PREDICT n USING GeneralizedLinearRegression(family = 'poisson', regParam = 0.1) AS SELECT a, b, n "
        "FROM t",
        "CREATE MODEL m PREDICT wild USING HuberRegression(), LinearRegression(loss = 'huber', epsilon = 2) AS SELECT a, "
        "b, wild FROM t",
    };
    static const int64_t threads[] = {1, 2, 4, 2};
    for (size_t s = 0; s < sizeof statements / sizeof statements[0]; s++) {
        struct ps_buffer texts[4];
        double means[4];
        for (size_t i = 0; i < 4; i++) {
            parse(scene, statements[s]);
            ps_candidate_free(scene->candidate);
            scene->candidate = NULL;
            scene->options.thread_count = threads[i];
            scene->options =
                (struct ps_train_options){.node = &scene->node,
                                          .connection = scene->connection,
                                          .thread_count = threads[i],
                                          .memory_max = i < 3 ? (int64_t)512 << 20 : (int64_t)1 << 20};
            must(ps_model_train(&scene->options, &scene->candidate, &scene->error), &scene->error);
            ps_buffer_init(&texts[i], (size_t)1 << 20);
            must(ps_fitted_to_json(scene->candidate->fitted, &texts[i], &scene->error), &scene->error);
            means[i] = scene->candidate->cells[0].mean;
            assert_int_equal(has_note(scene, "temporary file"), i == 3);
        }
        for (size_t i = 1; i < 4; i++) {
            assert_string_equal(texts[0].data, texts[i].data);
            assert_memory_equal(&means[0], &means[i], sizeof(double));
        }
        for (size_t i = 0; i < 4; i++) {
            ps_buffer_done(&texts[i]);
        }
    }
}

static void estimators_compete(void **state) {
    struct scene *scene = *state;
    train(
        scene,
        "CREATE MODEL m PREDICT wild USING LinearRegression(regParam = GRID(0, 1)), HuberRegression(epsilon = "
        "GRID(1.35, 2)) VALIDATE CrossValidator(metricName = 'mae') AS SELECT a, b, wild FROM t");
    const struct ps_candidate *candidate = scene->candidate;
    assert_int_equal(candidate->cell_count, 4);
    assert_string_equal(candidate->cells[1].estimator, "LinearRegression");
    assert_string_equal(candidate->cells[2].estimator, "HuberRegression");
    assert_true(candidate->best >= 2); /* wild rows pull squares away */
    assert_true(candidate->cells[2].mean < 0.6 * candidate->cells[0].mean);
    assert_int_equal(candidate->scan_count, 2); /* the rows are there: mae needs no scan of its own */
    near(coefficient(scene, "a"), 2.0 / 3, 0.01);
    /* the same cells from sums alone */
    const double mean = candidate->cells[0].mean;
    train(scene, "CREATE MODEL m PREDICT wild USING LinearRegression(regParam = GRID(0, 1)) VALIDATE "
                 "CrossValidator(metricName = 'mae') AS SELECT a, b, wild FROM t");
    near(scene->candidate->cells[0].mean, mean, 1e-12);
}

/* The predictor of the cell before is a start, not an answer. */
static void cells_do_not_lean_on_each_other(void **state) {
    struct scene *scene = *state;
    train(
        scene,
        "CREATE MODEL m PREDICT flag USING LogisticRegression(regParam = GRID(0.5, 0.001, 0.1), elasticNetParam = "
        "0.3) VALIDATE CrossValidator(metricName = 'logLoss', foldCol = 'fold') AS SELECT a, b, fold, flag FROM t");
    const double in_grid = scene->candidate->cells[1].mean;
    train(
        scene,
        "CREATE MODEL m PREDICT flag USING LogisticRegression(regParam = 0.001, elasticNetParam = 0.3) VALIDATE "
        "CrossValidator(metricName = 'logLoss', foldCol = 'fold') AS SELECT a, b, fold, flag FROM t");
    near(scene->candidate->cells[0].mean, in_grid, 1e-11);
}

static void odd_data(void **state) {
    struct scene *scene = *state;
    refuses(scene,
            "CREATE MODEL m PREDICT flag USING LogisticRegression() AS SELECT a, b, flag FROM t WHERE flag",
            PENSTOCK_INVALID_DATA,
            "the label flag is true in all training rows: LogisticRegression needs two classes");
    refuses(scene, "CREATE MODEL m PREDICT i USING LogisticRegression() AS SELECT a, i FROM t",
            PENSTOCK_INVALID_DATA, "more than 1000 classes");
    refuses(
        scene,
        "CREATE MODEL m PREDICT class USING LogisticRegression(family = 'binomial') AS SELECT a, class FROM t",
        PENSTOCK_INVALID_DATA, "has 3 classes");
    refuses(scene, "CREATE MODEL m PREDICT a USING LogisticRegression() AS SELECT a, b FROM t",
            PENSTOCK_INVALID_PROJECT, "predicts classes");
    refuses(
        scene,
        "CREATE MODEL m PREDICT a USING GeneralizedLinearRegression(family = 'gamma') AS SELECT a, b FROM t",
        PENSTOCK_INVALID_DATA, "labels above 0; they are from");
    refuses(
        scene,
        "CREATE MODEL m PREDICT a USING GeneralizedLinearRegression(family = 'poisson') AS SELECT a, b FROM t",
        PENSTOCK_INVALID_DATA, "labels of 0 or more");
    refuses(
        scene,
        "CREATE MODEL m PREDICT n USING GeneralizedLinearRegression(family = 'poisson', link = 'logit') AS SELECT a, n "
        "FROM t",
        PENSTOCK_INVALID_PROJECT, "family poisson has no link logit");
    hints(scene, "log, identity and sqrt");
    refuses(
        scene,
        "CREATE MODEL m PREDICT n USING GeneralizedLinearRegression(family = 'tweedie', variancePower = 0.5) AS SELECT "
        "a, n FROM t",
        PENSTOCK_INVALID_PROJECT, "variancePower is 0.5");
    refuses(
        scene,
        "CREATE MODEL m PREDICT n USING LinearRegression(loss = 'huber', elasticNetParam = 0.5) AS SELECT a, n FROM t",
        PENSTOCK_INVALID_PROJECT, "goes with L2 alone");
}

static void features_that_say_nothing(void **state) {
    struct scene *scene = *state;
    /* constant, copies, sums of others: finite, and the same predictions as without them */
    train(scene,
          "CREATE MODEL m PREDICT flag USING LogisticRegression() VALIDATE CrossValidator(foldCol = 'fold', "
          "metricName = 'logLoss') AS SELECT a, b, fold, flag FROM t");
    const double alone = scene->candidate->cells[0].mean;
    train(
        scene,
        "CREATE MODEL m PREDICT flag USING LogisticRegression() VALIDATE CrossValidator(foldCol = 'fold', "
        "metricName = 'logLoss') AS SELECT a, b, 7 AS seven, 2 * a AS twice, a + b AS both, fold, flag FROM t");
    near(scene->candidate->cells[0].mean, alone, 1e-8);
    assert_true(coefficient(scene, "seven") == 0);
    assert_true(isfinite(coefficient(scene, "twice")) && fabs(coefficient(scene, "twice")) < 10);
    /* more features than rows */
    train(scene, "CREATE MODEL m TRANSFORM (PolynomialExpansion(a, b, c, degree = 4)) PREDICT flag USING "
                 "LogisticRegression(regParam = 0.01) VALIDATE CrossValidator(numFolds = 2) AS SELECT a, b, "
                 "coalesce(c, 0) AS c, flag FROM t WHERE i < 30");
    for (size_t i = 0; i < ps_fitted_feature_count(scene->candidate->fitted); i++) {
        assert_true(isfinite(ps_fitted_coefficient(scene->candidate->fitted, i)));
    }
}

static void classes_apart(void **state) {
    struct scene *scene = *state;
    train(scene,
          "CREATE MODEL m PREDICT yes USING LogisticRegression() AS SELECT a, b, a > 0.1 AS yes FROM t");
    assert_true(has_note(scene, "told apart without an error"));
    assert_true(isfinite(coefficient(scene, "a")) && coefficient(scene, "a") > 10);
    assert_true(scene->candidate->training.accuracy == 1);
    train(
        scene,
        "CREATE MODEL m PREDICT yes USING LogisticRegression(regParam = 0.1) AS SELECT a, b, a > 0.1 AS yes FROM "
        "t");
    assert_false(has_note(scene, "told apart"));
}

/* A class that is in one fold alone: the others learn nothing of it and say so. */
static void a_class_in_one_fold(void **state) {
    struct scene *scene = *state;
    train(
        scene,
        "CREATE MODEL m PREDICT k USING LogisticRegression(regParam = 0.01) VALIDATE CrossValidator(foldCol = "
        "'fold', metricName = 'logLoss') AS SELECT a, b, fold, CASE WHEN i < 300 AND fold = 0 THEN 'rare' ELSE "
        "class END AS k FROM t");
    assert_int_equal(scene->candidate->target.class_count, 4);
    assert_true(scene->candidate->cells[0].fold_metrics[0] > scene->candidate->cells[0].fold_metrics[1]);
    assert_true(isfinite(scene->candidate->cells[0].mean));
    /* and one that only the hold-out has */
    train(
        scene,
        "CREATE MODEL m PREDICT k USING LogisticRegression() HOLDOUT LAST 10 PERCENT BY i AS SELECT a, b, i, CASE "
        "WHEN i > 39900 THEN 'new' ELSE class END AS k FROM t");
    assert_int_equal(scene->candidate->target.class_count, 3);
    assert_true(has_note(scene, "classes that training has not seen"));
}

static void many_parameters(void **state) {
    struct scene *scene = *state;
    /* more than a matrix is made of: OWL-QN */
    sql(scene,
        "CREATE OR REPLACE TABLE wide AS SELECT 'k' || (hash(i) % 1200) AS k, sin(i) AS a, "
        "hash(i + 1) % 1000 / 1000.0 < 1 / (1 + exp(-(2 * sin(i) + (hash(i) % 1200) / 600.0 - 1))) AS flag "
        "FROM range(20000) r(i)");
    train(
        scene,
        "CREATE MODEL m TRANSFORM (OneHotEncoder(k)) PREDICT flag USING LogisticRegression(regParam = GRID(0.001), "
        "elasticNetParam = GRID(0, 1)) VALIDATE CrossValidator(numFolds = 2) AS SELECT k, a, flag FROM wide");
    assert_true(ps_fitted_feature_count(scene->candidate->fitted) > 1100);
    assert_true(scene->candidate->sanity.is_converged);
    assert_true(coefficient(scene, "a") > 0.5);
    size_t zeros = 0;
    train(
        scene,
        "CREATE MODEL m TRANSFORM (OneHotEncoder(k)) PREDICT flag USING LogisticRegression(regParam = 0.002, "
        "elasticNetParam = 1) VALIDATE CrossValidator(numFolds = 2) AS SELECT k, a, flag FROM wide");
    const struct ps_linear_predictor *model = linear(scene);
    for (size_t i = 0; i < model->predictor.feature_count; i++) {
        zeros += model->coefficients[i] == 0 ? 1 : 0;
    }
    assert_in_range(zeros, 50, 1195);
}

static void stops_while_training(void **state) {
    struct scene *scene = *state;
    parse(scene, "CREATE MODEL m PREDICT flag USING LogisticRegression() AS SELECT a, b, flag FROM t");
    struct ps_stop stop;
    atomic_init(&stop.requested, 1);
    scene->options = (struct ps_train_options){
        .node = &scene->node, .connection = scene->connection, .thread_count = 2, .stop = &stop};
    assert_int_equal(ps_model_train(&scene->options, &scene->candidate, &scene->error), PENSTOCK_CANCELLED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(two_classes, open_tables, scene_close),
        cmocka_unit_test_setup_teardown(classes_are_found_and_kept, open_tables, scene_close),
        cmocka_unit_test_setup_teardown(same_bits_on_any_threads, open_tables, scene_close),
        cmocka_unit_test_setup_teardown(estimators_compete, open_tables, scene_close),
        cmocka_unit_test_setup_teardown(cells_do_not_lean_on_each_other, open_tables, scene_close),
        cmocka_unit_test_setup_teardown(odd_data, open_tables, scene_close),
        cmocka_unit_test_setup_teardown(features_that_say_nothing, open_tables, scene_close),
        cmocka_unit_test_setup_teardown(classes_apart, open_tables, scene_close),
        cmocka_unit_test_setup_teardown(a_class_in_one_fold, open_tables, scene_close),
        cmocka_unit_test_setup_teardown(many_parameters, open_tables, scene_close),
        cmocka_unit_test_setup_teardown(stops_while_training, open_tables, scene_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
