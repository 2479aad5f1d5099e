/* SPDX-License-Identifier: Apache-2.0
 *
 * stages_test.c - transforms that look at several columns, at the label or at a clock.
 *
 * The label of a test is a known function of what a stage should make, so that a model of it fits exactly when, and
 * only when, the stage makes just that.
 */
#include "training.h"

#include "model/sample.h"

static int open_rows(void **state) {
    (void)scene_open(state);
    sql(*state,
        "CREATE TABLE t AS SELECT i::DOUBLE AS a, (i * 37 % 101)::DOUBLE AS b, (i * i % 53)::DOUBLE AS c, "
        "4.5 AS constant, ['red', 'red', 'red', 'blue', 'blue', 'green', 'red', 'lila', 'lila', 'blue'][i % 10 + 1] "
        "AS g, i % 4 AS q, i % 3 = 0 AS flag, TIMESTAMP '2024-02-27 22:10:05' + INTERVAL (i * 37) MINUTE AS sched, "
        "(i * 71 % 97)::DOUBLE AS noise FROM range(300) r(i)");
    return 0;
}

#define MODEL(transforms, columns, label) \
    "CREATE MODEL m TRANSFORM (" transforms ") PREDICT y USING LinearRegression() AS SELECT " columns \
    ", " label " AS y FROM t"

static void fits_exactly(struct scene *scene, const char *text) {
    train(scene, text);
    if (!(scene->candidate->training.rmse < 1e-6)) {
        fail_msg("rmse %.17g: %s", scene->candidate->training.rmse, text);
    }
}

static void does_not_fit(struct scene *scene, const char *text) {
    train(scene, text);
    if (!(scene->candidate->training.rmse > 1e-3)) {
        fail_msg("rmse %.17g, which the wrong feature should not give: %s", scene->candidate->training.rmse,
                 text);
    }
}

static void normalizer(void **state) {
    struct scene *scene = *state;
    fits_exactly(scene, MODEL("Normalizer(a, b, c)", "a, b, c",
                              "CASE WHEN a = 0 THEN 0 ELSE 3 * a / sqrt(a * a + b * b + c * c) END"));
    near(coefficient(scene, "a"), 3, 1e-9);
    fits_exactly(scene,
                 MODEL("Normalizer(a, b, c, p = 1)", "a, b, c", "coalesce(2 * b / nullif(a + b + c, 0), 0)"));
    fits_exactly(scene, MODEL("Normalizer(a, b, p = 'Infinity')", "a, b",
                              "coalesce(b / nullif(greatest(a, b), 0), 0)"));
    fits_exactly(scene, MODEL("Normalizer(a, b, p = 3)", "a, b",
                              "coalesce(b / nullif(pow(a ** 3 + b ** 3, 1 / 3::DOUBLE), 0), 0)"));
    does_not_fit(scene,
                 MODEL("Normalizer(a, b, p = 1)", "a, b", "coalesce(a / nullif(sqrt(a * a + b * b), 0), 0)"));
    /* a later stage asks for its values in SQL */
    train(scene, MODEL("Normalizer(a, b), RobustScaler(a, b)", "a, b",
                       "coalesce(a / nullif(sqrt(a * a + b * b), 0), 0)"));
    assert_true(scene->candidate->training.rmse < 1e-6);
    refuses(scene, MODEL("Normalizer(a, p = 0.5)", "a", "a"), PENSTOCK_INVALID_PROJECT, "number from 1 on");
    refuses(scene, MODEL("Normalizer(g)", "a, g", "a"), PENSTOCK_INVALID_PROJECT, "is VARCHAR, not a number");
}

static void quantile_buckets(void **state) {
    struct scene *scene = *state;
    fits_exactly(
        scene,
        MODEL("QuantileDiscretizer(b, numBuckets = 4)", "b",
              "(b >= (SELECT quantile_disc(b, 0.25) FROM t))::INT + (b >= (SELECT quantile_disc(b, 0.5) FROM "
              "t))::INT + (b >= (SELECT quantile_disc(b, 0.75) FROM t))::INT"));
    train(scene, MODEL("QuantileDiscretizer(b, numBuckets = 3), OneHotEncoder(b)", "b", "a"));
    assert_int_equal(ps_fitted_feature_count(scene->candidate->fitted), 2);
    assert_true(has_feature(scene, "b=[-inf,33)"));
    /* 7/25 of 100 is 28.000000000000004 in doubles: rank 29, as in Spark */
    sql(scene,
        "CREATE TABLE ranks AS SELECT i::DOUBLE AS v, i * i AS y, i % 2 AS fold FROM range(1, 101) s(i)");
    train(
        scene,
        "CREATE MODEL m TRANSFORM (QuantileDiscretizer(v, numBuckets = 25), OneHotEncoder(v, dropLast = false)) "
        "PREDICT y USING LinearRegression(regParam = 1) AS SELECT v, y FROM ranks");
    assert_true(has_feature(scene, "v=[24,29)") && has_feature(scene, "v=[20,24)"));
    /* values that repeat make fewer buckets; two columns have their own borders */
    train(scene, MODEL("QuantileDiscretizer(q, b, numBuckets = 10), OneHotEncoder(q)", "q, b", "a"));
    assert_true(has_note(scene, "QuantileDiscretizer(q): 5 buckets instead of 10"));
    train(scene, MODEL("QuantileDiscretizer(b, handleInvalid = 'keep'), OneHotEncoder(b, dropLast = false)",
                       "CASE WHEN b < 10 THEN NULL ELSE b END AS b", "(b < 10)::INT"));
    assert_true(scene->candidate->training.rmse < 1e-6);
    assert_true(has_feature(scene, "b=__unknown"));
    train(scene, MODEL("QuantileDiscretizer(b, handleInvalid = 'skip')",
                       "CASE WHEN b < 10 THEN NULL ELSE b END AS b", "a"));
    assert_true(scene->candidate->rows.training < 300 && scene->candidate->rows.null_features > 0);
    refuses(scene, MODEL("QuantileDiscretizer(b, numBuckets = 1)", "b", "a"), PENSTOCK_INVALID_PROJECT,
            "numBuckets");
    refuses(scene, MODEL("QuantileDiscretizer(b)", "CAST(NULL AS DOUBLE) AS b, a", "a"),
            PENSTOCK_INVALID_DATA, "column b has no value");
}

static void target_means(void **state) {
    struct scene *scene = *state;
    sql(scene, "CREATE TABLE e AS SELECT t.*, a + length(g) * q AS y, g AS h FROM t");
    sql(scene,
        "CREATE TABLE f AS SELECT *, n / (n + 5) * m + 5 / (n + 5) * (SELECT avg(y) FROM e) AS encoded "
        "FROM (SELECT *, avg(y) OVER (PARTITION BY g) AS m, count(*) OVER (PARTITION BY g) AS n FROM e)");
    train(scene,
          "CREATE MODEL m TRANSFORM (TargetEncoder(g, targetType = 'continuous', smoothing = 5)) PREDICT y "
          "USING LinearRegression() AS SELECT g, b, y FROM e");
    const double found = coefficient(scene, "g");
    train(scene,
          "CREATE MODEL m PREDICT y USING LinearRegression() AS SELECT encoded, b, y FROM f ORDER BY a");
    near(found, coefficient(scene, "encoded"), 1e-9);
    /* an index and a number are categories, too; so is a missing value that training has seen */
    train(
        scene,
        "CREATE MODEL m TRANSFORM (StringIndexer(g), TargetEncoder(g, q, targetType = 'continuous', smoothing "
        "= 5)) PREDICT y USING LinearRegression() AS SELECT g, q, b, y FROM e");
    train(scene, "CREATE MODEL m TRANSFORM (TargetEncoder(g, targetType = 'continuous')) PREDICT y USING "
                 "LinearRegression() AS SELECT nullif(g, 'red') AS g, y FROM e");
    assert_int_equal(scene->candidate->rows.training, 300);
    train(scene,
          "CREATE MODEL m TRANSFORM (TargetEncoder(g), StandardScaler(g), OutlierFilter(g, method = 'iqr')) "
          "PREDICT y USING LinearRegression() AS SELECT g, flag::INT AS y FROM t");
    refuses(scene, MODEL("TargetEncoder(g)", "g", "a"), PENSTOCK_INVALID_DATA, "needs 0 or 1");
    hints(scene, "targetType = 'continuous'");
    refuses(scene, MODEL("TargetEncoder(y)", "g, b", "a"), PENSTOCK_INVALID_PROJECT, "is the label");
}

static double predict(const struct scene *scene, const char *text, bool *refused_out) {
    struct penstock_error error = {0};
    const struct ps_bytes value = ps_bytes_of(text == NULL ? "" : text);
    static const uint64_t none = 0;
    const struct ps_input_column column = {.texts = &value, .validity = text == NULL ? &none : NULL};
    double prediction = 0;
    const penstock_code code = ps_fitted_predict(scene->candidate->fitted, &column, 1, &prediction, &error);
    *refused_out = code == PENSTOCK_INVALID_DATA;
    if (!*refused_out) {
        must(code, &error);
    }
    return prediction;
}

/* What training has not seen; and a model never asks for the label. */
static void unseen_targets(void **state) {
    struct scene *scene = *state;
    bool is_refused = false;
#define TARGET(parameters) \
    "CREATE MODEL m TRANSFORM (TargetEncoder(g, targetType = 'continuous'" parameters ")) PREDICT secret " \
    "USING LinearRegression() AS SELECT g, a + length(g) AS secret FROM t"
    train(scene, TARGET(", handleInvalid = 'keep'"));
    const double mean = predict(scene, "black", &is_refused);
    assert_false(is_refused);
    near(mean, predict(scene, NULL, &is_refused), 0);
    assert_false(mean == predict(scene, "red", &is_refused));
    train(scene, TARGET(", handleInvalid = 'skip'"));
    assert_true(isnan(predict(scene, "black", &is_refused)));
    train(scene, TARGET(""));
    (void)predict(scene, "black", &is_refused);
    assert_true(is_refused);
    assert_int_equal(ps_fitted_input_count(scene->candidate->fitted), 1);
    struct ps_buffer json PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&json, (size_t)1 << 20);
    must(ps_fitted_to_json(scene->candidate->fitted, &json, &scene->error), &scene->error);
    assert_null(strstr(json.data, "secret"));
}

static void hashing(void **state) {
    struct scene *scene = *state;
    /* the example of Spark's documentation, with the places it prints */
    sql(scene,
        "CREATE TABLE s AS SELECT 2.2 + i % 7 AS real, i % 2 = 0 AS bool, (i % 4 + 1)::VARCHAR AS stringNum, "
        "['foo', 'bar', 'baz'][i % 3 + 1] AS string, 5.0 * (2.2 + i % 7) + CASE WHEN i % 3 = 0 THEN 7 ELSE 0 END "
        "AS y FROM range(84) r(i)");
    train(scene, "CREATE MODEL m TRANSFORM (FeatureHasher(real, bool, stringNum, string)) PREDICT y "
                 "USING LinearRegression() AS SELECT * FROM s");
    static const char *const names[] = {"hash_22406",  "hash_70644",  "hash_89673",  "hash_101499",
                                        "hash_173866", "hash_174475", "hash_187923", "hash_247670",
                                        "hash_257907", "hash_262126"};
    assert_int_equal(ps_fitted_feature_count(scene->candidate->fitted), 10);
    for (size_t i = 0; i < 10; i++) {
        assert_string_equal(ps_fitted_feature_name(scene->candidate->fitted, i), names[i]);
    }
    assert_true(scene->candidate->training.rmse < 1e-6);
    near(coefficient(scene, "hash_174475"), 5, 1e-8);                                     /* real */
    near(coefficient(scene, "hash_257907") - coefficient(scene, "hash_187923"), 7, 1e-8); /* foo, baz */
    assert_false(has_note(scene, "is a copy of"));
    train(
        scene,
        "CREATE MODEL m TRANSFORM (FeatureHasher(q, g, categoricalCols = ['q'], numFeatures = 64, outputCol = "
        "'f')) PREDICT y USING LinearRegression() AS SELECT q, g, q * q AS y FROM t");
    assert_true(ps_fitted_feature_count(scene->candidate->fitted) <= 8 &&
                scene->candidate->training.rmse < 1e-6);
    refuses(scene, MODEL("FeatureHasher(g, categoricalCols = ['q'])", "g, q", "a"), PENSTOCK_INVALID_PROJECT,
            "q is none of its columns");
    refuses(scene, MODEL("Imputer(q), FeatureHasher(q, categoricalCols = ['q'])", "q", "a"),
            PENSTOCK_INVALID_PROJECT, "put FeatureHasher first");
    refuses(scene, MODEL("FeatureHasher(g, numFeatures = 0)", "g", "a"), PENSTOCK_INVALID_PROJECT,
            "numFeatures");
    sql(scene, "CREATE TABLE many AS SELECT i::VARCHAR AS id, i AS y FROM range(9000) r(i)");
    refuses(scene,
            "CREATE MODEL m TRANSFORM (FeatureHasher(id)) PREDICT y USING LinearRegression() AS FROM many",
            PENSTOCK_INVALID_DATA, "of the 262144 features; the limit is 8192");
    hints(scene, "numFeatures = 4096");
}

static void components(void **state) {
    struct scene *scene = *state;
    /* b and c as they vary most and least: the directions are known */
    sql(scene,
        "CREATE TABLE p AS SELECT (x + z) / sqrt(2) AS u, (x - z) / sqrt(2) AS v, 3 * x + 1 AS y, z FROM (SELECT "
        "[-5, -3, -1, 1, 3, 5, 0, 0, 0, 0][i % 10 + 1]::DOUBLE AS x, [0, 0, 0, 0, 0, 0, 1, -1, 2, -2][i % 10 + "
        "1]::DOUBLE AS z FROM range(200) r(i))");
    train(scene,
          "CREATE MODEL m TRANSFORM (PCA(u, v, k = 1)) PREDICT y USING LinearRegression() AS SELECT u, v, y "
          "FROM p");
    assert_int_equal(ps_fitted_feature_count(scene->candidate->fitted), 1);
    near(coefficient(scene, "pca_0"), 3, 1e-10); /* positive: the largest weight of a direction is */
    assert_true(scene->candidate->training.rmse < 1e-9);
    assert_true(has_note(scene, "1 directions keep 87.5 percent"));
    fits_exactly(
        scene, "CREATE MODEL m TRANSFORM (PCA(k = 2, outputCol = 'd')) PREDICT y USING LinearRegression() AS "
               "SELECT u, v, y + 2 * z AS y FROM p");
    near(fabs(coefficient(scene, "d_1")), 2, 1e-10);
    /* learns what the stages before it make, whatever they are */
    train(scene,
          MODEL("OneHotEncoder(g), StandardScaler(a, b), PolynomialExpansion(a, b), PCA(a, b, c, k = 2), "
                "RobustScaler(pca_0)",
                "a, b, c, g", "a + b"));
    assert_true(has_feature(scene, "pca_1") && has_feature(scene, "a*b") && !has_feature(scene, "a"));
    refuses(scene, MODEL("PCA(a, b, k = 3)", "a, b", "a"), PENSTOCK_INVALID_PROJECT, "only 2 columns");
    refuses(scene, MODEL("PCA(a, b)", "a, b", "a"), PENSTOCK_INVALID_PROJECT, "k is missing");
    refuses(scene, MODEL("PCA(a, b, k = 1), PCA(a, c, k = 1)", "a, b, c", "a"), PENSTOCK_INVALID_PROJECT,
            "no feature column a");
    hints(scene, "PCA has taken a and made other columns of it");
    refuses(scene, MODEL("VarianceThresholdSelector(), PCA(k = 2)", "a, constant", "a"),
            PENSTOCK_INVALID_DATA, "only 1 of its 2 columns");
    refuses(scene, MODEL("PCA(a, b, k = 1)", "a, CAST(NULL AS DOUBLE) AS b", "a"), PENSTOCK_INVALID_DATA,
            "no training row has a value");
}

static void selection(void **state) {
    struct scene *scene = *state;
    train(scene, MODEL("VarianceThresholdSelector()", "a, constant, b", "a"));
    assert_int_equal(ps_fitted_feature_count(scene->candidate->fitted), 2);
    assert_true(has_note(scene, "column constant is left out"));
    /* what is made of a column that has gone goes with it */
    train(
        scene,
        MODEL(
            "VarianceThresholdSelector(a, q, constant, varianceThreshold = 10), StandardScaler(a, constant), "
            "PolynomialExpansion(a, q), Interaction(a, constant), OneHotEncoder(q)",
            "a, q, constant", "a"));
    assert_true(has_feature(scene, "a") && has_feature(scene, "a^2"));
    assert_int_equal(ps_fitted_feature_count(scene->candidate->fitted), 2);
    train(scene, MODEL("VarianceThresholdSelector(), Normalizer()", "a, constant, b",
                       "coalesce(a / nullif(sqrt(a * a + b * b), 0), 0)"));
    assert_true(scene->candidate->training.rmse < 1e-6);
    refuses(scene, MODEL("VarianceThresholdSelector()", "constant", "a"), PENSTOCK_INVALID_DATA,
            "TRANSFORM leaves no feature");
}

static void circles(void **state) {
    struct scene *scene = *state;
    fits_exactly(
        scene,
        MODEL("CyclicEncoder(sched, period = 'hour_of_day')", "sched, noise",
              "3 * sin(2 * pi() * epoch(sched::TIME) / 86400) - cos(2 * pi() * epoch(sched::TIME) / 86400)"));
    near(coefficient(scene, "sched_hour_of_day_sin"), 3, 1e-9);
    near(coefficient(scene, "sched_hour_of_day_cos"), -1, 1e-9);
    fits_exactly(scene,
                 MODEL("CyclicEncoder(sched, period = 'day_of_week'), CyclicEncoder(sched, period = 'month')",
                       "sched, noise",
                       "sin(2 * pi() * isodow(sched) / 7) + cos(2 * pi() * month(sched) / 12)"));
    near(coefficient(scene, "sched_day_of_week_sin"), 1, 1e-9);
    fits_exactly(scene, MODEL("CyclicEncoder(sched, period = 'day_of_year')", "sched::DATE AS sched",
                              "sin(2 * pi() * dayofyear(sched) / 366)"));
    fits_exactly(scene, MODEL("CyclicEncoder(sched, period = 3600)", "sched",
                              "cos(2 * pi() * (epoch(sched) % 3600) / 3600)"));
    fits_exactly(scene, MODEL("CyclicEncoder(sched, period = 'hour_of_day')", "sched::TIME AS sched",
                              "cos(2 * pi() * epoch(sched::TIME) / 86400)"));
    fits_exactly(scene, MODEL("CyclicEncoder(q, period = 4)", "q, noise", "sin(2 * pi() * q / 4)"));
    assert_true(has_feature(scene, "q_sin") && !has_feature(scene, "q"));
    does_not_fit(scene, MODEL("CyclicEncoder(sched, period = 'hour_of_day')", "sched",
                              "sin(2 * pi() * isodow(sched) / 7)"));
    /* the HOLDOUT column may be read as a circle, and as nothing else */
    train(scene, "CREATE MODEL m TRANSFORM (CyclicEncoder(sched, period = 'hour_of_day')) PREDICT y USING "
                 "LinearRegression() HOLDOUT LAST 20 PERCENT BY sched AS SELECT sched, b, b + cos(2 * pi() * "
                 "epoch(sched::TIME) / 86400) AS y FROM t");
    assert_true(scene->candidate->holdout.rmse < 1e-6);
    assert_int_equal(ps_fitted_feature_count(scene->candidate->fitted), 3);
    refuses(scene, MODEL("CyclicEncoder(sched, period = 'hour_of_dya')", "sched", "a"),
            PENSTOCK_INVALID_PROJECT, "period is");
    hints(scene, "did you mean hour_of_day?");
    refuses(scene, MODEL("CyclicEncoder(sched)", "sched", "a"), PENSTOCK_INVALID_PROJECT,
            "period is missing");
    refuses(scene, MODEL("CyclicEncoder(sched, period = -3)", "sched", "a"), PENSTOCK_INVALID_PROJECT,
            "period is '-3'");
    refuses(scene, MODEL("CyclicEncoder(sched, period = 'hour_of_day')", "sched::DATE AS sched", "a"),
            PENSTOCK_INVALID_PROJECT, "has no hour_of_day");
    refuses(scene, MODEL("CyclicEncoder(g, period = 'month')", "g", "a"), PENSTOCK_INVALID_PROJECT,
            "neither a time nor a number");
    refuses(scene, MODEL("StandardScaler(sched)", "sched, b", "a"), PENSTOCK_INVALID_PROJECT,
            "CyclicEncoder makes numbers");
}

/* Times as a request brings them. */
static void times_as_text(void **state) {
    struct scene *scene = *state;
    bool is_refused = false;
    fits_exactly(scene, MODEL("CyclicEncoder(sched, period = 'hour_of_day')", "sched",
                              "sin(2 * pi() * epoch(sched::TIME) / 86400)"));
    assert_true(scene->candidate->training_sample->columns[0].is_time); /* its values are no categories */
    near(predict(scene, "2026-11-23 06:00:00", &is_refused), 1, 1e-9);
    near(predict(scene, "2026-11-23T06:00:00Z", &is_refused), 1, 1e-9);
    near(predict(scene, "2026-11-23 18:00:00.000+02:00", &is_refused), -1, 1e-9);
    near(predict(scene, "06:00", &is_refused), 1, 1e-9);
    near(predict(scene, "2026-11-23", &is_refused), 0, 1e-9);
    assert_false(is_refused);
    assert_true(isnan(predict(scene, "infinity", &is_refused)) && !is_refused);
    static const char *const wrong[] = {"",
                                        "yesterday",
                                        "2026-13-01",
                                        "2026-02-30",
                                        "2026-11-23 ",
                                        "2026-11-23 25:00",
                                        "2026-11-23 06:00:0x"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        (void)predict(scene, wrong[i], &is_refused);
        if (!is_refused) {
            fail_msg("'%s' is taken for a time", wrong[i]);
        }
    }
}

static void constants(void **state) {
    struct scene *scene = *state;
    fits_exactly(scene, MODEL("Binarizer(b, threshold = 20)", "b", "3 * (b > 20)::INT"));
    near(coefficient(scene, "b"), 3, 1e-9);
    train(scene, MODEL("Binarizer(b, threshold = 20)", "nullif(b, 5) AS b, a", "a"));
    assert_true(scene->candidate->rows.null_features > 0);
    train(scene, MODEL("ElementwiseProduct(a, b, scalingVec = [2, -4])", "a, b", "6 * a + 8 * b"));
    near(coefficient(scene, "a"), 3, 1e-9);
    near(coefficient(scene, "b"), -2, 1e-9);
    fits_exactly(
        scene,
        MODEL(
            "Binarizer(b), ElementwiseProduct(a, b, scalingVec = [2, 5]), RobustScaler(a), OneHotEncoder(b)",
            "a, b", "a / 100 + (b > 0)::INT"));
    assert_true(has_feature(scene, "b=0") && !has_feature(scene, "b=5"));
    refuses(scene, MODEL("ElementwiseProduct(a, b, scalingVec = [2])", "a, b", "a"), PENSTOCK_INVALID_PROJECT,
            "1 numbers for 2 columns");
}

#define EVERYTHING(holdout) \
    "CREATE MODEL m TRANSFORM (OutlierFilter(b, method = 'zscore', k = 3), VarianceThresholdSelector(a, b, constant), " \
    "CyclicEncoder(sched, period = 'hour_of_day'), TargetEncoder(g, targetType = 'continuous', smoothing = 2), " \
    "FeatureHasher(flag, h, numFeatures = 8), QuantileDiscretizer(noise, numBuckets = 5), OneHotEncoder(noise), " \
    "Normalizer(a, b, g), PCA(a, b, c, k = 2), StandardScaler(g, pca_0)) PREDICT y USING LinearRegression(regParam = " \
    "0.01) " holdout \
    " AS SELECT a, b, c, constant, sched, g, g AS h, flag, noise, a + length(g) * b AS y FROM t "

/* All stages in one model: the same bits on any number of threads, also when the SELECT has no order of its own; and
 * the hold-out, which goes through the stored model, is predicted as well as training, which goes through algebra. */
static const char *json_of(struct scene *scene, int64_t threads, const char *statement) {
    must(train_with(scene, threads, statement), &scene->error);
    assert_true(scene->candidate->holdout.row_count == 0 ||
                scene->candidate->holdout.rmse < 3 * scene->candidate->training.rmse);
    struct ps_buffer json PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&json, (size_t)1 << 24);
    must(ps_fitted_to_json(scene->candidate->fitted, &json, &scene->error), &scene->error);
    return ps_arena_printf(scene->arena, "%s", json.data);
}

static void same_bits(void **state) {
    struct scene *scene = *state;
    static const char *const statements[] = {
        EVERYTHING("HOLDOUT 20 PERCENT"),
        EVERYTHING("HOLDOUT 20 PERCENT") "JOIN (SELECT i::DOUBLE AS a FROM range(300) r(i)) USING (a)"};
    for (size_t s = 0; s < 2; s++) {
        const char *first = json_of(scene, 1, statements[s]);
        assert_string_equal(first, json_of(scene, 2, statements[s]));
        assert_string_equal(first, json_of(scene, 4, statements[s]));
    }
    /* halves of a UNION come in any order: neither order may be seen in what is learnt */
    sql(scene, "CREATE TABLE u AS SELECT * FROM t WHERE a % 2 = 0");
    sql(scene, "CREATE TABLE v AS SELECT * FROM t WHERE a % 2 = 1");
    sql(scene, "DROP TABLE t");
    sql(scene, "CREATE VIEW t AS FROM u");
    const char *first =
        json_of(scene, 2,
                EVERYTHING("") "UNION ALL SELECT a, b, c, constant, sched, g, g, flag, noise, a + "
                               "length(g) * b FROM v");
    sql(scene, "CREATE OR REPLACE VIEW t AS FROM v");
    assert_string_equal(
        first, json_of(scene, 2,
                       EVERYTHING("") "UNION ALL SELECT a, b, c, constant, sched, g, g, flag, noise, "
                                      "a + length(g) * b FROM u"));
}

/* One scan of the search, and as many before it as the table of stages in the documentation says; for what is fitted
 * anew in each of the three splits, its scans and one for the sums. */
static void scans(void **state) {
    struct scene *scene = *state;
    static const struct {
        const char *text;
        int64_t scans, split_scans;
    } cases[] = {
        {MODEL("Normalizer(a, b), CyclicEncoder(q, period = 4)", "a, b, q", "a"), 0, 0},
        {MODEL("FeatureHasher(g, q)", "a, b, q, g", "a"), 1, 0},
        {MODEL("VarianceThresholdSelector(a, b, c, noise)", "a, b, c, noise", "a"), 1, 6},
        {MODEL("PCA(a, b, c, k = 2)", "a, b, c", "a"), 1, 6},
        {MODEL("StandardScaler(a, b, c), PCA(a, b, c, k = 2)", "a, b, c", "a"), 2, 9},
        {MODEL("QuantileDiscretizer(a, b, c, noise, numBuckets = 5)", "a, b, c, noise", "a"), 1, 6},
        {MODEL("TargetEncoder(g, targetType = 'continuous')", "a, g", "a"), 2, 6},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        train(scene, cases[i].text);
        const bool is_before = strcmp(scene->candidate->stages[0].name, "fit transforms") == 0;
        assert_int_equal(scene->candidate->scan_count, 1 + cases[i].split_scans);
        assert_int_equal(is_before ? scene->candidate->stages[0].task_count : 0, cases[i].scans);
    }
}

static void odd_values(void **state) {
    struct scene *scene = *state;
    sql(scene,
        "CREATE TABLE o AS SELECT CASE a WHEN 7 THEN 'NaN'::DOUBLE WHEN 9 THEN 'Infinity'::DOUBLE WHEN 11 THEN "
        "NULL ELSE a END AS a, b, c, g, a + b AS y FROM t");
#define ODD(transforms) \
    "CREATE MODEL m TRANSFORM (" transforms ") PREDICT y USING LinearRegression() AS SELECT a, b, c, y FROM o"
    static const char *const statements[] = {
        ODD("Normalizer(a, b)"),
        ODD("PCA(a, b, k = 2)"),
        ODD("VarianceThresholdSelector()"),
        ODD("CyclicEncoder(a, period = 24)"),
        ODD("QuantileDiscretizer(a)"),
    };
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        train(scene, statements[i]);
        const int64_t rows = scene->candidate->rows.training;
        assert_true(rows == 297 || (i == 4 && rows == 298)); /* infinity has a bucket */
    }
    refuses(scene,
            "CREATE MODEL m TRANSFORM (TargetEncoder(g, targetType = 'continuous')) PREDICT y USING "
            "LinearRegression() AS SELECT g, y FROM o WHERE a > 1000 AND a < 2000",
            PENSTOCK_INVALID_DATA, "no value in the training rows");
    refuses(
        scene,
        "CREATE MODEL m TRANSFORM (VarianceThresholdSelector()) PREDICT y USING LinearRegression() AS SELECT "
        "a, b, y FROM o WHERE a > 1000 AND a < 2000",
        PENSTOCK_INVALID_DATA, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(normalizer, open_rows, scene_close),
        cmocka_unit_test_setup_teardown(quantile_buckets, open_rows, scene_close),
        cmocka_unit_test_setup_teardown(target_means, open_rows, scene_close),
        cmocka_unit_test_setup_teardown(unseen_targets, open_rows, scene_close),
        cmocka_unit_test_setup_teardown(hashing, open_rows, scene_close),
        cmocka_unit_test_setup_teardown(components, open_rows, scene_close),
        cmocka_unit_test_setup_teardown(selection, open_rows, scene_close),
        cmocka_unit_test_setup_teardown(circles, open_rows, scene_close),
        cmocka_unit_test_setup_teardown(times_as_text, open_rows, scene_close),
        cmocka_unit_test_setup_teardown(constants, open_rows, scene_close),
        cmocka_unit_test_setup_teardown(same_bits, open_rows, scene_close),
        cmocka_unit_test_setup_teardown(scans, open_rows, scene_close),
        cmocka_unit_test_setup_teardown(odd_values, open_rows, scene_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
