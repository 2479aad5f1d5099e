/* SPDX-License-Identifier: Apache-2.0
 *
 * learnt_test.c - GradientBoostedTrees and MultilayerPerceptron by CREATE MODEL: searched, compared, scored, stored.
 */
#include "training.h"

#include "model/metrics.h"
#include "model/xgboost.h"

/* y is no sum of features: a step in a, a product of a and b, another level for each category; c says which of two
 * classes a point's ring is, k one of three names. */
static int open_rings(void **state) {
    (void)scene_open(state);
    sql(*state,
        "CREATE TABLE rings AS SELECT a, b, g, CASE WHEN a > 0.3 THEN 5 ELSE 0 END + 4 * a * b + length(g) AS y, "
        "a * a + b * b < 0.5 AS c, CAST(a * a + b * b < 0.5 AS INTEGER) AS c01, "
        "CASE WHEN a * a + b * b < 0.3 THEN 'core' WHEN a * a + b * b < 0.7 THEN 'ring' ELSE 'rest' END AS k "
        "FROM (SELECT sin(i * 12.9898) AS a, cos(i * 78.233 + 1) AS b, ['x', 'yy', 'zzzz'][i % 3 + 1] AS g "
        "FROM range(3000) r(i))");
    return 0;
}

static double holdout(const struct scene *scene, const char *name) {
    return ps_metric_read(ps_metric_find(name), &scene->candidate->holdout);
}

/* What is read from the model's JSON predicts the same bits. */
static void survives_json(struct scene *scene) {
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&text, (size_t)64 << 20);
    must(ps_fitted_to_json(scene->candidate->fitted, &text, &scene->error), &scene->error);
    struct ps_fitted *copy = NULL;
    must(ps_fitted_from_json(text.data, text.size, &copy, &scene->error), &scene->error);
    double *predictions = NULL;
    must(ps_model_score_holdout(&scene->options, scene->candidate, copy, &predictions, &scene->error),
         &scene->error);
    const struct ps_candidate *candidate = scene->candidate;
    const bool is_class = candidate->target.class_count > 0;
    const size_t width = is_class ? candidate->target.class_count : 1;
    assert_memory_equal(predictions,
                        is_class ? candidate->holdout_probabilities : candidate->holdout_predictions,
                        (size_t)candidate->holdout.row_count * width * sizeof(double));
    ps_release(predictions);
    ps_fitted_free(copy);
    /* a byte that changed is found */
    text.data[text.size / 2] = text.data[text.size / 2] == 'A' ? 'B' : 'A';
    assert_int_equal(ps_fitted_from_json(text.data, text.size, &copy, &scene->error), PENSTOCK_INVALID_DATA);
}

static void trees_predict_numbers(void **state) {
    struct scene *scene = *state;
    train(scene, "CREATE MODEL m TRANSFORM (OneHotEncoder(g)) PREDICT y "
                 "USING GradientBoostedTrees(maxIter = 60, maxDepth = GRID(1, 5)) HOLDOUT 20 PERCENT "
                 "AS SELECT a, b, g, y FROM rings");
    assert_int_equal(scene->candidate->cell_count, 2);
    assert_int_equal(scene->candidate->best, 1);
    assert_true(scene->candidate->cells[1].mean < scene->candidate->cells[0].mean / 2);
    assert_true(holdout(scene, "rmse") < 0.3);
    assert_string_equal(scene->candidate->cells[0].estimator, "GradientBoostedTrees");
    assert_false(ps_fitted_has_coefficients(scene->candidate->fitted));
    survives_json(scene);
}

static void trees_predict_classes(void **state) {
    struct scene *scene = *state;
    train(scene, "CREATE MODEL m PREDICT c USING GradientBoostedTrees(maxIter = 40) HOLDOUT 20 PERCENT "
                 "AS SELECT a, b, c FROM rings");
    assert_int_equal(scene->candidate->target.task, PS_TASK_BINARY);
    assert_true(holdout(scene, "areaUnderROC") > 0.99);
    survives_json(scene);
    train(scene, "CREATE MODEL m PREDICT k USING GradientBoostedTrees(maxIter = 40, earlyStoppingRounds = 5) "
                 "HOLDOUT 20 PERCENT AS SELECT a, b, k FROM rings");
    assert_int_equal(scene->candidate->target.task, PS_TASK_MULTICLASS);
    assert_true(holdout(scene, "accuracy") > 0.95);
    survives_json(scene);
}

static void networks_predict_numbers(void **state) {
    struct scene *scene = *state;
    train(scene,
          "CREATE MODEL m TRANSFORM (StandardScaler(a, b, withMean = true), OneHotEncoder(g)) PREDICT y "
          "USING MultilayerPerceptron(layers = GRID([2], [32, 16]), maxIter = 60, stepSize = 0.01, "
          "batchSize = 64) HOLDOUT 20 PERCENT AS SELECT a, b, g, y FROM rings");
    assert_int_equal(scene->candidate->best, 1);
    assert_false(has_note(scene, "far from mean 0"));
    assert_true(holdout(scene, "rmse") < 0.6);
    assert_true(holdout(scene, "rmse") < scene->candidate->baseline.rmse / 4);
    survives_json(scene);
}

static void networks_predict_classes(void **state) {
    struct scene *scene = *state;
    train(scene, "CREATE MODEL m PREDICT c01 USING MultilayerPerceptron(layers = [16], solver = 'l-bfgs', "
                 "activation = 'tanh') HOLDOUT 20 PERCENT AS SELECT a, b, c01 FROM rings");
    assert_int_equal(scene->candidate->target.task, PS_TASK_BINARY);
    assert_true(holdout(scene, "accuracy") > 0.97);
    survives_json(scene);
    train(
        scene,
        "CREATE MODEL m PREDICT k USING MultilayerPerceptron(layers = [32, 32], stepSize = 0.01, "
        "batchSize = 64, maxIter = 60, earlyStopping = true) HOLDOUT 20 PERCENT AS SELECT a, b, k FROM rings");
    assert_int_equal(scene->candidate->target.task, PS_TASK_MULTICLASS);
    assert_true(holdout(scene, "accuracy") > 0.93);
    survives_json(scene);
}

static void networks_ask_for_scaled_features(void **state) {
    struct scene *scene = *state;
    train(scene,
          "CREATE MODEL m TRANSFORM (StandardScaler(a)) PREDICT y USING MultilayerPerceptron(layers = [2], "
          "maxIter = 2) AS SELECT 1000 + a AS a, b, y FROM rings"); /* deviation 1, but the mean stays */
    assert_true(has_note(scene, "far from mean 0 and deviation 1"));
}

/* Three kinds of model compete; the plain one loses. */
static void estimators_compete(void **state) {
    struct scene *scene = *state;
    static const char statement[] =
        "CREATE MODEL m TRANSFORM (OneHotEncoder(g)) PREDICT y "
        "USING LinearRegression(), GradientBoostedTrees(maxIter = 50), "
        "MultilayerPerceptron(layers = [8], maxIter = 10) HOLDOUT 20 PERCENT AS SELECT a, b, g, y FROM rings";
    double *first = NULL;
    for (int64_t threads = 1; threads <= 4; threads *= 2) {
        must(train_with(scene, threads, statement), &scene->error);
        assert_int_equal(scene->candidate->cell_count, 3);
        assert_int_equal(scene->candidate->best, 1);
        const size_t size = (size_t)scene->candidate->holdout.row_count * sizeof(double);
        if (first == NULL) {
            first = ps_allocate(1, size);
            memcpy(first, scene->candidate->holdout_predictions, size);
        }
        assert_memory_equal(first, scene->candidate->holdout_predictions, size);
    }
    ps_release(first);
}

static void refuses_what_makes_no_sense(void **state) {
    struct scene *scene = *state;
    refuses(scene,
            "CREATE MODEL m PREDICT y USING GradientBoostedTrees(maxDeph = 3) AS SELECT a, y FROM rings",
            PENSTOCK_INVALID_PROJECT, "maxDeph");
    refuses(scene,
            "CREATE MODEL m PREDICT y USING GradientBoostedTrees(maxDepth = 99) AS SELECT a, y FROM rings",
            PENSTOCK_INVALID_PROJECT, "maxDepth");
    refuses(scene,
            "CREATE MODEL m PREDICT y USING MultilayerPerceptron(layers = [4, -1]) AS SELECT a, y FROM rings",
            PENSTOCK_INVALID_PROJECT, "layers cannot be [4, -1]");
    refuses(
        scene,
        "CREATE MODEL m PREDICT k USING GradientBoostedTrees(lossType = 'squared') AS SELECT a, k FROM rings",
        PENSTOCK_INVALID_PROJECT, "VARCHAR");
    refuses(
        scene,
        "CREATE MODEL m PREDICT y USING MultilayerPerceptron(lossType = 'logLoss') AS SELECT a, y FROM rings",
        PENSTOCK_INVALID_PROJECT, "predicts classes");
    refuses(scene, "CREATE MODEL m PREDICT c USING GradientBoostedTrees() AS SELECT a, c FROM rings WHERE c",
            PENSTOCK_INVALID_DATA, "class");
}

int main(void) {
    struct ps_xgboost xgboost;
    struct penstock_error error = {0};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(networks_predict_numbers, open_rings, scene_close),
        cmocka_unit_test_setup_teardown(networks_predict_classes, open_rings, scene_close),
        cmocka_unit_test_setup_teardown(networks_ask_for_scaled_features, open_rings, scene_close),
        cmocka_unit_test_setup_teardown(trees_predict_numbers, open_rings, scene_close),
        cmocka_unit_test_setup_teardown(trees_predict_classes, open_rings, scene_close),
        cmocka_unit_test_setup_teardown(estimators_compete, open_rings, scene_close),
        cmocka_unit_test_setup_teardown(refuses_what_makes_no_sense, open_rings, scene_close),
    };
    if (ps_xgboost_open(&xgboost, &error) != PENSTOCK_OK) { /* a build without it: networks only */
        print_message("%s\n", error.message);
        const struct CMUnitTest some[] = {tests[0], tests[1], tests[2]};
        return cmocka_run_group_tests(some, NULL, NULL);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
