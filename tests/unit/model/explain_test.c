/* SPDX-License-Identifier: Apache-2.0
 *
 * explain_test.c - EXPLAIN MODEL beside the training of the same statement: cells, splits, scans, features.
 */
#include "model/explain.h"
#include "model/recipe.h"
#include "training.h"

static int open_rows(void **state) {
    (void)scene_open(state);
    sql(*state,
        "CREATE TABLE r AS SELECT i % 17 AS a, CASE WHEN i % 9 > 0 THEN (i * 7) % 13 / 4.0 END AS b, (i * i) % 11 AS c, "
        "hash(i) % 5 AS d, i % 4 AS e, (i % 3) / 2.0 AS f, ['x', 'y', 'z'][i % 3 + 1] AS g, "
        "['p', 'q'][i % 2 + 1] AS h, TIMESTAMP '2024-01-01' + INTERVAL (i) HOUR AS t, "
        "10 + 2 * (i % 17) + (i * i) % 11 + hash(i) % 5 AS y FROM range(600) r(i)");
    return 0;
}

static const struct ps_model_explanation *explain(struct scene *scene, const struct ps_model_known *known) {
    const char **names = NULL, **types = NULL;
    must(ps_sql_describe(scene->connection, scene->node.statement->as.model.select.text, scene->arena, &names,
                         &types, &scene->node.column_count, NULL, &scene->error),
         &scene->error);
    scene->node.column_names = names;
    scene->node.column_types = types;
    struct ps_model_explanation *explanation = NULL;
    must(ps_model_explain(NULL, &scene->node, known, scene->arena, &explanation, &scene->error),
         &scene->error);
    return explanation;
}

static bool tells(const struct ps_model_explanation *explanation, const char *item, const char *words) {
    for (size_t i = 0; i < explanation->fact_count; i++) {
        const struct ps_model_fact *fact = &explanation->facts[i];
        if (strcmp(fact->item, item) == 0 &&
            (strstr(fact->value, words) != NULL || strstr(fact->why, words) != NULL)) {
            return true;
        }
    }
    return false;
}

/* Scans of the stages before the search, of the search, and of the hold-out. */
static int64_t scans_of(const struct ps_candidate *candidate) {
    int64_t count = candidate->scan_count;
    for (size_t i = 0; i < candidate->stage_count; i++) {
        const char *name = candidate->stages[i].name;
        const bool is_before = strcmp(name, "split by time") == 0 || strcmp(name, "fit transforms") == 0;
        count += is_before ? candidate->stages[i].task_count : 0;
    }
    return count + (candidate->holdout.row_count > 0 ? 1 : 0);
}

/* What is told comes true. */
static void tells_what_training_does(void **state) {
    struct scene *scene = *state;
    static const char *const statements[] = {
        "CREATE MODEL m PREDICT y USING LinearRegression(regParam = GRID(0, 1, 2), elasticNetParam = RANGE(0, 1, 2)) "
        "VALIDATE CrossValidator(numFolds = 4) AS SELECT a, c, d, y FROM r",
        "CREATE MODEL m PREDICT y USING LinearRegression() VALIDATE CrossValidator(metricName = 'mae') "
        "HOLDOUT LAST 20 PERCENT BY t AS SELECT a, c, d, t, y FROM r",
        "CREATE MODEL m PREDICT y USING LinearRegression(regParam = GRID(0, 1)), LinearRegression(compat = 'sklearn') "
        "VALIDATE TimeSeriesSplit(n = 3, gap = 5) HOLDOUT LAST 5 DAYS BY t AS SELECT a, c, d, t, y FROM r",
        "CREATE MODEL m TRANSFORM (OutlierFilter(a, c, d, e, f), OneHotEncoder(g, h), Imputer(b, strategy = 'median'), "
        "StandardScaler(a, c)) PREDICT y USING LinearRegression() VALIDATE TrainValidationSplit() HOLDOUT 20 PERCENT "
        "AS SELECT * EXCLUDE (t) FROM r",
        "CREATE MODEL m TRANSFORM (OutlierFilter(y, method = 'mad'), OutlierFilter(a, method = 'zscore'), "
        "StringIndexer(g, h), OneHotEncoder(g), Imputer(b, strategy = 'mode'), RobustScaler(a, c, d, e, f), "
        "QuantileDiscretizer(d, numBuckets = 3), VarianceThresholdSelector(c, e), MinMaxScaler(c)) "
        "PREDICT y USING LinearRegression() AS SELECT * EXCLUDE (t) FROM r",
        "CREATE MODEL m TRANSFORM (Imputer(b), StandardScaler(a, b, c, withMean = true), PCA(a, b, c, k = 2), "
        "TargetEncoder(g, targetType = 'continuous'), FeatureHasher(h, numFeatures = 64)) PREDICT y USING LinearRegression() "
        "AS SELECT * EXCLUDE (t) FROM r",
        "CREATE MODEL m TRANSFORM (Imputer(b, strategy = 'median'), OutlierFilter(b, f), OneHotEncoder(b, e)) PREDICT y "
        "USING LinearRegression() VALIDATE TimeSeriesSplit(n = 4) HOLDOUT LAST 20 PERCENT BY t "
        "AS SELECT b, e, f, t, y FROM r",
        "CREATE MODEL m TRANSFORM (OutlierFilter(a), QuantileDiscretizer(a, c, numBuckets = 3), OneHotEncoder(a), "
        "TargetEncoder(g, c, targetType = 'continuous'), StandardScaler(g), PolynomialExpansion(d, g)) PREDICT y "
        "USING LinearRegression() VALIDATE CrossValidator(metricName = 'mae') AS SELECT a, c, d, g, y FROM r",
    };
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        train(scene, statements[i]);
        const struct ps_candidate *candidate = scene->candidate;
        const struct ps_model_explanation *told = explain(scene, &(struct ps_model_known){0});
        if (told->scan_count != scans_of(candidate)) {
            fail_msg("statement %zu: %lld scans are told, %lld were made", i, (long long)told->scan_count,
                     (long long)scans_of(candidate));
        }
        assert_int_equal(told->cell_count, candidate->cell_count);
        assert_int_equal(told->split_count, candidate->cells[0].fold_count);
        assert_int_equal(told->fit_count, told->cell_count * told->split_count + 1);
        assert_int_equal(told->row_bytes, 0);
    }
}

static void says_why(void **state) {
    struct scene *scene = *state;
    parse(
        scene,
        "CREATE MODEL m TRANSFORM (OneHotEncoder(g)) PREDICT y "
        "USING LinearRegression(regParam = RANGE(0, 1), tol = GRID(0.1, 0.01), RANDOM(20)) "
        "VALIDATE CrossValidator(metricName = 'mape') HOLDOUT LAST 20 PERCENT BY t AS SELECT a, c, g, h, t, y FROM r");
    const struct ps_model_explanation *told = explain(scene, &(struct ps_model_known){0});
    assert_true(tells(told, "task", "regression"));
    assert_true(tells(told, "features", "more than 2"));
    assert_true(tells(told, "left out", "h (VARCHAR)"));
    assert_true(tells(told, "estimator", "LinearRegression, 20 cells"));
    assert_true(tells(told, "estimator", "regParam at random, tol at random"));
    assert_true(tells(told, "fits", "20 cells x 3 splits"));
    assert_true(tells(told, "scan", "HOLDOUT: where t is cut"));
    assert_true(tells(told, "scan", "OneHotEncoder learns categories"));
    assert_true(tells(told, "scan", "LinearRegression is solved and scored from them alone"));
    assert_true(tells(told, "scan", "mape cannot be had from sums"));
    assert_true(tells(told, "scans", "6"));
    assert_true(tells(told, "memory", "does not grow with the rows") ||
                tells(told, "memory", "without the categories"));
    told = explain(scene, &(struct ps_model_known){.version = 7, .row_count = 600, .feature_count = 4});
    assert_true(tells(told, "features", "as in version 7: 2 numbers and the categories of 1 one-hot column"));
    parse(scene,
          "CREATE MODEL m TRANSFORM (StandardScaler(a, c), PCA(a, c, k = 1), OneHotEncoder(g)) PREDICT y "
          "USING LinearRegression() AS SELECT a, c, g, y FROM r");
    const struct ps_model_explanation *refits = explain(scene, &(struct ps_model_known){0});
    assert_true(tells(refits, "scan", "StandardScaler, PCA learn from each split's own training rows"));
    assert_true(tells(refits, "scan", "3 splits x (2 to learn, 1 for sums)"));
    assert_true(tells(refits, "scans", "13"));
    parse(
        scene,
        "CREATE MODEL m PREDICT y USING LinearRegression(regParam = GRID(0, 1, 2), tol = GRID(0.1, 0.2)) "
        "USING LinearRegression(compat = 'sklearn', RANDOM(5), regParam = RANGE(0, 1)) AS SELECT a, y FROM r");
    const struct ps_model_explanation *two = explain(scene, &(struct ps_model_known){0});
    assert_true(tells(two, "estimator", "3 of regParam, 2 of tol"));
    assert_true(tells(two, "estimator", "compat = sklearn, regParam at random"));
    assert_true(tells(two, "fits", "11 cells x 3 splits"));
}

static void knows_who_needs_the_rows(void **state) {
    struct scene *scene = *state;
    if (ps_estimator_find("LogisticRegression") == NULL) {
        skip();
    }
    parse(
        scene,
        "CREATE MODEL m PREDICT g USING LogisticRegression(regParam = GRID(0, 1)) AS SELECT a, c, g FROM r");
    const struct ps_model_explanation *told = explain(scene, &(struct ps_model_known){0});
    assert_true(tells(told, "task", "the values of g decide"));
    assert_true(tells(told, "scan", "the rows into memory, for LogisticRegression"));
    assert_true(tells(told, "scan", "the classes of g"));
    assert_true(tells(told, "memory", "per 1,000,000 rows"));
    assert_true(tells(told, "validation", "areaUnderROC chooses of two classes, f1 of more"));
    assert_int_equal(told->row_bytes, 24);
    train(
        scene,
        "CREATE MODEL m PREDICT g USING LogisticRegression(regParam = GRID(0, 1)) AS SELECT a, c, g FROM r");
    assert_int_equal(told->scan_count, scans_of(scene->candidate));
    parse(
        scene,
        "CREATE MODEL m PREDICT y USING LinearRegression(loss = GRID('squaredError', 'huber')) AS SELECT a, c, y FROM r");
    const struct ps_model_explanation *huber = explain(scene, &(struct ps_model_known){0});
    assert_true(tells(huber, "scan", "the rows into memory, for LinearRegression"));
    parse(
        scene,
        "CREATE MODEL m PREDICT g USING LogisticRegression(regParam = GRID(0, 1)) AS SELECT a, c, g FROM r");
    told = explain(scene, &(struct ps_model_known){.version = 2, .row_count = 600, .feature_count = 2});
    assert_true(tells(told, "memory", "600 rows of 24 bytes, as many as version 2 saw"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tells_what_training_does, open_rows, scene_close),
        cmocka_unit_test_setup_teardown(says_why, open_rows, scene_close),
        cmocka_unit_test_setup_teardown(knows_who_needs_the_rows, open_rows, scene_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
