/* SPDX-License-Identifier: Apache-2.0
 *
 * splits_test.c - what TRANSFORM learns from a split's training rows must not know the rows that validate.
 *
 * The label is noise, the category has few rows: encoded with the means of all rows it explains a third of the label
 * (the canary), of a split's own rows nothing. That also holds with folds drawn at random only if each row falls into
 * the same part in every scan. What is learnt from values is compared, fold by fold, with the same made in SQL.
 */
#include "training.h"

#define NOISE "((hash(i * 7 + 1) % 1000) / 100.0)"

static int open_noise(void **state) {
    (void)scene_open(state);
    sql(*state,
        "CREATE TABLE r AS SELECT i, (hash(i) % 300)::VARCHAR AS g, (hash(i + 5) % 300)::INTEGER AS n, " NOISE
        " AS y, i % 3 AS fold, CASE WHEN i % 6 > 0 THEN ((i * 37) % 101) / 8.0 END AS b, (hash(i + 9) % 50) "
        "/ 7.0 AS c, TIMESTAMP '2024-01-01' + INTERVAL (i) MINUTE AS t FROM range(1200) s(i)");
    sql(*state, "CREATE TABLE once AS SELECT *, avg(y) OVER (PARTITION BY g) AS encoded FROM r ORDER BY i");
    return 0;
}

static double mean_of(struct scene *scene, const char *text) {
    train(scene, text);
    return scene->candidate->cells[scene->candidate->best].mean;
}

#define R2(transforms, columns, validate, table) \
    "CREATE MODEL m " transforms " PREDICT y USING LinearRegression() VALIDATE " validate \
    " AS SELECT " columns " FROM " table
#define ENCODE "TRANSFORM (TargetEncoder(g, targetType = 'continuous', handleInvalid = 'keep'))"

static void labels_do_not_leak(void **state) {
    struct scene *scene = *state;
    const double leaked = mean_of(scene, R2("", "encoded, y", "CrossValidator(metricName = 'r2')", "once"));
    assert_true(leaked > 0.15);
    static const char *const statements[] = {
        R2(ENCODE, "g, y", "CrossValidator(metricName = 'r2')", "r"),
        R2(ENCODE, "g, y", "CrossValidator(numFolds = 5, metricName = 'r2', seed = 7)", "r"),
        R2(ENCODE, "g, y, fold", "CrossValidator(foldCol = fold, metricName = 'r2')", "r"),
        R2(ENCODE, "g, y", "TrainValidationSplit(metricName = 'r2')", "r"),
        R2(ENCODE, "g, y, t", "TimeSeriesSplit(n = 3, by = t, metricName = 'r2')", "r"),
        /* rows that filters leave out, an order that is made by sorting, categories that are numbers */
        R2("TRANSFORM (OutlierFilter(c, method = 'percentile', lower = 0.2, upper = 0.8), "
           "TargetEncoder(g, targetType = 'continuous', handleInvalid = 'keep'))",
           "c, g, y", "CrossValidator(metricName = 'r2')", "r"),
        R2(ENCODE, "g, y", "CrossValidator(metricName = 'r2')",
           "(SELECT g, n, y, i FROM r UNION ALL FROM (SELECT g, n, y, i "
           "FROM r WHERE false))"),
        R2("TRANSFORM (TargetEncoder(n, targetType = 'continuous', handleInvalid = 'keep'))", "n, y",
           "CrossValidator(metricName = 'r2')", "r"),
        R2("TRANSFORM (StringIndexer(g), TargetEncoder(g, targetType = 'continuous', handleInvalid = 'keep'))",
           "g, y", "CrossValidator(metricName = 'r2')", "r"),
        R2("TRANSFORM (Imputer(b, strategy = 'median'), Binarizer(b, threshold = 3), TargetEncoder(g, b, targetType = "
           "'continuous', handleInvalid = 'keep'))",
           "b, g, y", "CrossValidator(metricName = 'r2')", "r"),
    };
    for (size_t s = 0; s < sizeof statements / sizeof statements[0]; s++) {
        const double mean = mean_of(scene, statements[s]);
        if (!(mean < 0.02)) {
            fail_msg("statement %zu: r2 %g of noise; it is %g when the labels leak", s, mean, leaked);
        }
    }
}

/* Of classes, and with an estimator that needs the rows. */
static void classes_do_not_leak(void **state) {
    struct scene *scene = *state;
    const double mean = mean_of(
        scene,
        "CREATE MODEL m TRANSFORM (TargetEncoder(g, handleInvalid = 'keep')) PREDICT late USING LogisticRegression() VALIDATE "
        "CrossValidator(metricName = 'areaUnderROC') AS SELECT g, y > 5 AS late FROM r");
    assert_true(mean > 0.4 && mean < 0.6);
}

/* The model that is kept has learnt from all training rows. */
static void the_model_learns_from_all(void **state) {
    struct scene *scene = *state;
    train(scene, R2(ENCODE, "g, y", "CrossValidator()", "r ORDER BY i"));
    const double found = coefficient(scene, "g");
    train(scene, R2("", "encoded, y", "CrossValidator()", "once ORDER BY i"));
    near(found, coefficient(scene, "encoded"), 1e-9);
}

/* Each fold's metric is that of a model whose column was made in SQL, of the rows of the other folds. */
static void folds_are_those_of_sql(void **state) {
    struct scene *scene = *state;
    static const struct {
        const char *transforms, *column, *made;
    } cases[] = {
        {"Imputer(b, strategy = 'median')", "b",
         "coalesce(b, (SELECT median(b) FROM r WHERE fold <> getvariable('out')))"},
        {"Imputer(b, strategy = 'mode')", "b",
         "coalesce(b, (SELECT b FROM r WHERE fold <> getvariable('out') AND b IS NOT NULL GROUP BY b ORDER BY count(*) DESC, b LIMIT 1))"},
        {"QuantileDiscretizer(c, numBuckets = 2)", "c",
         "(c >= (SELECT quantile_disc(c, 0.5) FROM r WHERE fold <> getvariable('out')))::INTEGER"},
        {"TargetEncoder(g, targetType = 'continuous', smoothing = 3, handleInvalid = 'keep')", "g",
         "(WITH m AS (SELECT avg(y + i / 500.0) AS mean FROM r WHERE fold <> getvariable('out')) SELECT coalesce((SELECT "
         "(sum(o.y + o.i / 500.0) + 3 * (FROM m)) / (count(*) + 3) FROM r o WHERE o.g = r.g AND o.fold <> "
         "getvariable('out')), (FROM m)))"},
        {"StandardScaler(c), Normalizer(c, i)", "c, i",
         "c / (SELECT stddev(c) FROM r WHERE fold <> getvariable('out')) / sqrt((c / (SELECT stddev(c) FROM r WHERE fold <> getvariable('out'))) ** 2 "
         "+ i ** 2), i / sqrt((c / (SELECT stddev(c) FROM r WHERE fold <> getvariable('out'))) ** 2 + i ** 2)"},
    };
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        double folds[3];
        train(scene,
              ps_arena_printf(scene->arena,
                              "CREATE MODEL m TRANSFORM (%s) PREDICT y USING LinearRegression() VALIDATE "
                              "CrossValidator(foldCol = fold) AS SELECT %s, fold, y + i / 500.0 AS y FROM r",
                              cases[c].transforms, cases[c].column));
        memcpy(folds, scene->candidate->cells[0].fold_metrics, sizeof folds);
        for (int fold = 0; fold < 3; fold++) {
            sql(scene, ps_arena_printf(scene->arena, "SET VARIABLE out = %d", fold));
            train(scene,
                  ps_arena_printf(scene->arena,
                                  "CREATE MODEL m PREDICT label USING LinearRegression() VALIDATE "
                                  "CrossValidator(foldCol = fold) AS SELECT %s, fold, y + i / 500.0 AS label "
                                  "FROM r ORDER BY i",
                                  cases[c].made));
            const double made = scene->candidate->cells[0].fold_metrics[fold];
            if (!(fabs(folds[fold] - made) <= 1e-9)) {
                fail_msg("%s, fold %d: %.17g is not %.17g", cases[c].transforms, fold, folds[fold], made);
            }
        }
    }
}

/* What a later stage learns from values that a split has changed, it learns of the split, too. */
static void later_stages_follow(void **state) {
    struct scene *scene = *state;
    static const char *const filters[] = {"iqr", "zscore", "mad", "percentile"};
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
        train(scene, ps_arena_printf(
                         scene->arena,
                         "CREATE MODEL m TRANSFORM (RobustScaler(c, n), OutlierFilter(c, n, method = '%s'), "
                         "FeatureHasher(c)) PREDICT y USING LinearRegression() AS SELECT c, n, y FROM r",
                         filters[i]));
        assert_int_equal(scene->candidate->cells[0].fold_count, 3);
    }
    /* the median that fills differs from fold to fold: a category of its own in each */
    train(scene,
          "CREATE MODEL m TRANSFORM (Imputer(b, strategy = 'median'), OneHotEncoder(b)) PREDICT y USING "
          "LinearRegression(regParam = 0.1) AS SELECT b, y FROM r");
    train(
        scene,
        "CREATE MODEL m TRANSFORM (Imputer(b, strategy = 'median'), TargetEncoder(b, targetType = 'continuous', handleInvalid = 'keep')) "
        "PREDICT y USING LinearRegression() AS SELECT b, y FROM r");
    refuses(
        scene,
        "CREATE MODEL m TRANSFORM (VarianceThresholdSelector(one)) PREDICT y USING LinearRegression() VALIDATE "
        "CrossValidator(foldCol = fold) AS SELECT CASE WHEN fold = 1 THEN y ELSE 1 END AS one, fold, y FROM r",
        PENSTOCK_INVALID_DATA, "split 2 of 3: TRANSFORM leaves no feature");
}

/* A category that only the rows of one fold have: refused, left out of its metric, or the mean of the others. */
static void unseen_in_a_fold(void **state) {
    struct scene *scene = *state;
#define RARE(invalid) \
    "CREATE MODEL m TRANSFORM (TargetEncoder(g, targetType = 'continuous', handleInvalid = '" invalid \
    "')) PREDICT y " \
    "USING LinearRegression() VALIDATE CrossValidator(foldCol = fold) AS SELECT CASE WHEN i % 50 = 0 AND fold = 1 " \
    "THEN 'rare' ELSE 'often' || i % 5 END AS g, fold, i % 7 + CASE WHEN i % 50 = 0 THEN 100 ELSE 0 END AS y FROM r"
    refuses(scene, RARE("error"), PENSTOCK_INVALID_DATA,
            "column g: 'rare' is no category that the training rows have (handleInvalid = 'error'");
    train(scene, RARE("skip"));
    const double skipped = scene->candidate->cells[0].fold_metrics[1];
    assert_true(skipped < 20); /* the rows with a label of 100 and more are not looked at */
    train(scene, RARE("keep"));
    assert_true(scene->candidate->cells[0].fold_metrics[1] > 5 + skipped / 2);
#undef RARE
}

static void same_bits_on_any_threads(void **state) {
    struct scene *scene = *state;
    static const char *const text =
        "CREATE MODEL m TRANSFORM (OutlierFilter(c), StandardScaler(n, i), PCA(n, i, k = 1), TargetEncoder(g, targetType = "
        "'continuous', handleInvalid = 'keep'), QuantileDiscretizer(c)) PREDICT y USING LinearRegression() VALIDATE CrossValidator(metricName = "
        "'mae') AS SELECT g, n, i, c, y FROM r";
    double first[3] = {0};
    for (int64_t threads = 1; threads <= 4; threads *= 2) {
        must(train_with(scene, threads, text), &scene->error);
        const double *folds = scene->candidate->cells[0].fold_metrics;
        if (threads == 1) {
            memcpy(first, folds, sizeof first);
        }
        assert_memory_equal(first, folds, sizeof first);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(labels_do_not_leak, open_noise, scene_close),
        cmocka_unit_test_setup_teardown(classes_do_not_leak, open_noise, scene_close),
        cmocka_unit_test_setup_teardown(the_model_learns_from_all, open_noise, scene_close),
        cmocka_unit_test_setup_teardown(folds_are_those_of_sql, open_noise, scene_close),
        cmocka_unit_test_setup_teardown(later_stages_follow, open_noise, scene_close),
        cmocka_unit_test_setup_teardown(unseen_in_a_fold, open_noise, scene_close),
        cmocka_unit_test_setup_teardown(same_bits_on_any_threads, open_noise, scene_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
