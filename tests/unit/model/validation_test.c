/* SPDX-License-Identifier: Apache-2.0
 *
 * validation_test.c - what VALIDATE understands, and where a series is cut in time.
 */
#include "model/dataset.h"
#include "training.h"

static int open_series(void **state) {
    (void)scene_open(state);
    /* 23 rows, an hour apart, not in the order of time; y follows a until row 15 and then something else */
    sql(*state, "CREATE TABLE series AS SELECT i AS n, CAST(i % 5 AS DOUBLE) AS a, (i * i) % 7 AS b, "
                "CAST(i % 5 * 2 + (i * i) % 7 + CASE WHEN i >= 15 THEN 10 ELSE 0 END AS DOUBLE) AS y, "
                "TIMESTAMP '2024-01-01' + INTERVAL (i) HOUR AS t, i // 2 AS pair FROM range(23) r(i) "
                "ORDER BY hash(i)");
    return 0;
}

static struct ps_recipe *read_recipe(struct scene *scene, const char *validate) {
    static const char *const names[] = {"n", "a", "b", "y", "t", "pair"};
    static const char *const types[] = {"BIGINT", "DOUBLE", "BIGINT", "DOUBLE", "TIMESTAMP", "BIGINT"};
    parse(scene, ps_arena_printf(scene->arena,
                                 "CREATE MODEL m PREDICT y USING LinearRegression() VALIDATE %s "
                                 "AS SELECT * FROM series",
                                 validate));
    struct ps_recipe *recipe = NULL;
    must(ps_recipe_read(scene->node.statement, names, types, 6, scene->arena, &recipe, &scene->error),
         &scene->error);
    return recipe;
}

/* The rows (n = rank in time) that a split trains on and validates, as bits. */
struct sides {
    uint32_t trains, validates;
};

static struct sides find_sides(struct scene *scene, struct ps_recipe *recipe, size_t split) {
    const char *text =
        ps_arena_printf(scene->arena, "SELECT n, %s AS part FROM series", recipe->validation.fold_sql);
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    must(ps_sql_query(scene->connection, text, &result, &scene->error), &scene->error);
    struct sides sides = {0};
    for (int64_t row = 0; row < ps_result_row_count(result); row++) {
        const uint32_t bit = (uint32_t)1 << ps_result_integer(result, row, 0);
        const size_t part = (size_t)ps_result_double(result, row, 1);
        assert_true(part < recipe->validation.part_count);
        sides.trains |= ps_validation_trains(&recipe->validation, split, part) ? bit : 0;
        sides.validates |= ps_validation_validates(&recipe->validation, split, part) ? bit : 0;
        assert_true(ps_validation_trains(&recipe->validation, recipe->validation.split_count, part));
        assert_false(ps_validation_validates(&recipe->validation, recipe->validation.split_count, part));
    }
    return sides;
}

static void cut(struct scene *scene, struct ps_recipe *recipe) {
    struct ps_dataset dataset = {0};
    must(ps_dataset_open(scene->connection, recipe, 1, scene->arena, &dataset, &scene->error), &scene->error);
    must(ps_dataset_cut_series(&dataset, &recipe->validation, &scene->error), &scene->error);
}

static uint32_t below(unsigned count) {
    return ((uint32_t)1 << count) - 1;
}

/* As sklearn.model_selection.TimeSeriesSplit(n_splits=5, gap=...).split(range(23)). */
static void cuts_as_scikit_learn(void **state) {
    struct scene *scene = *state;
    static const unsigned starts[] = {8, 11, 14, 17, 20};
    for (unsigned gap = 0; gap < 8; gap++) {
        struct ps_recipe *recipe = read_recipe(
            scene, ps_arena_printf(scene->arena, "TimeSeriesSplit(n = 5, gap = %u, by = t)", gap));
        cut(scene, recipe);
        for (size_t s = 0; s < 5; s++) {
            const struct sides sides = find_sides(scene, recipe, s);
            assert_int_equal(sides.trains, below(starts[s] - gap));
            assert_int_equal(sides.validates, below(starts[s] + 3) & ~below(starts[s]));
        }
    }
}

static void takes_a_gap_of_time(void **state) {
    struct scene *scene = *state;
    struct ps_recipe *recipe =
        read_recipe(scene, "TimeSeriesSplit(numSplits = 5, gap = INTERVAL '2' HOUR, by = 't')");
    cut(scene, recipe);
    assert_int_equal(find_sides(scene, recipe, 0).trains, below(6));
    assert_int_equal(find_sides(scene, recipe, 4).trains, below(18));
    assert_int_equal(find_sides(scene, recipe, 4).validates, below(23) & ~below(20));
}

/* Rows of one moment are never on both sides. */
static void keeps_a_moment_together(void **state) {
    struct scene *scene = *state;
    struct ps_recipe *recipe = read_recipe(scene, "TimeSeriesSplit(n_splits = 4, by = pair)");
    cut(scene, recipe);
    for (size_t s = 0; s < 4; s++) {
        const struct sides sides = find_sides(scene, recipe, s);
        assert_int_equal(sides.trains & sides.validates, 0);
        for (unsigned pair = 0; pair < 11; pair++) {
            const uint32_t bits = (uint32_t)3 << (2 * pair);
            assert_true((sides.trains & bits) == 0 || (sides.trains & bits) == bits);
        }
    }
}

/* Metrics of the search are those of training each split by itself. */
static void searches_a_series(void **state) {
    struct scene *scene = *state;
    train(scene, "CREATE MODEL m PREDICT y USING LinearRegression(regParam = GRID(0, 3)) "
                 "VALIDATE TimeSeriesSplit(n = 3, gap = 2, by = t) AS SELECT a, b, y, t FROM series");
    const struct ps_search_cell *cell = &scene->candidate->cells[1];
    assert_int_equal(cell->fold_count, 3);
    double found[3];
    memcpy(found, cell->fold_metrics, sizeof found);
    static const int starts[] = {8, 13, 18};
    for (size_t s = 0; s < 3; s++) {
        sql(scene, ps_arena_printf(
                       scene->arena,
                       "CREATE OR REPLACE TABLE one AS SELECT *, CASE WHEN n < %d THEN 1 ELSE 0 END AS fold "
                       "FROM series WHERE n < %d OR n BETWEEN %d AND %d",
                       starts[s], starts[s] - 2, starts[s], starts[s] + 4));
        train(scene,
              "CREATE MODEL m PREDICT y USING LinearRegression(regParam = 3) "
              "VALIDATE CrossValidator(numFolds = 2, foldCol = 'fold') AS SELECT a, b, y, fold FROM one");
        near(found[s], scene->candidate->cells[0].fold_metrics[0], 1e-12);
    }
    train(
        scene,
        "CREATE MODEL m PREDICT y USING LinearRegression(regParam = GRID(0, 3)) "
        "VALIDATE TimeSeriesSplit(n = 3, gap = 2, by = t, metricName = 'mape') AS SELECT a, b, y + 1 AS y, t FROM series");
    assert_int_equal(scene->candidate->scan_count, 2);
    assert_true(scene->candidate->cells[0].mean > 0 && scene->candidate->cells[0].mean < 5);
}

static void takes_the_time_of_the_hold_out(void **state) {
    struct scene *scene = *state;
    train(
        scene,
        "CREATE MODEL m PREDICT y USING LinearRegression() VALIDATE TimeSeriesSplit(n = 3, parallelism = 4) "
        "HOLDOUT LAST 20 PERCENT BY t AS SELECT a, b, y, t FROM series");
    assert_int_equal(scene->candidate->cells[0].fold_count, 3);
    assert_false(has_feature(scene, "t"));
}

static void refuses_what_cannot_be(void **state) {
    struct scene *scene = *state;
#define SERIES(arguments, rest) \
    "CREATE MODEL m PREDICT y USING LinearRegression() VALIDATE TimeSeriesSplit(" arguments ") " rest
    refuses(scene, SERIES("n = 3", "AS SELECT a, y, t FROM series"), PENSTOCK_INVALID_PROJECT,
            "needs to know what time is");
    hints(scene, "by = column");
    refuses(scene, SERIES("by = tt", "AS SELECT a, y, t FROM series"), PENSTOCK_INVALID_PROJECT,
            "no column tt");
    hints(scene, "did you mean t?");
    refuses(scene, SERIES("by = g", "AS SELECT a, y, 'x' AS g FROM series"), PENSTOCK_INVALID_PROJECT,
            "column g is VARCHAR, not a time or a number");
    refuses(scene, SERIES("by = n, gap = INTERVAL 1 DAY", "AS SELECT a, y, n FROM series"),
            PENSTOCK_INVALID_PROJECT, "not a DATE or a TIMESTAMP");
    refuses(scene, SERIES("by = t, gap = 'soon'", "AS SELECT a, y, t FROM series"), PENSTOCK_INVALID_PROJECT,
            "gap is a number of rows or an INTERVAL, not 'soon'");
    refuses(scene, SERIES("by = t, gap = -1", "AS SELECT a, y, t FROM series"), PENSTOCK_INVALID_PROJECT,
            "gap");
    refuses(scene, SERIES("by = t, n = INTERVAL 1 DAY", "AS SELECT a, y, t FROM series"),
            PENSTOCK_INVALID_PROJECT, "numSplits is no time");
    refuses(scene, SERIES("by = t, gap = 8", "AS SELECT a, y, t FROM series"), PENSTOCK_INVALID_DATA,
            "a gap of 8 rows leaves the first split nothing to train on: 8 rows are before it");
    refuses(scene, SERIES("by = t, gap = INTERVAL 1 DAY", "AS SELECT a, y, t FROM series"),
            PENSTOCK_INVALID_DATA, "fold 0 has 3 rows to validate and 0 to train on");
    refuses(scene, SERIES("by = t, n = 23", "AS SELECT a, y, t FROM series"), PENSTOCK_INVALID_DATA,
            "23 rows are too few for 23 splits");
    refuses(scene, SERIES("by = u", "AS SELECT a, y, CASE WHEN n > 3 THEN t END AS u FROM series"),
            PENSTOCK_INVALID_DATA, "u is NULL in 4 of 23 training rows");
#undef SERIES
    refuses(
        scene,
        "CREATE MODEL m PREDICT y USING LinearRegression() VALIDATE TimeSplit() AS SELECT a, y FROM series",
        PENSTOCK_INVALID_PROJECT, "there is no validator TimeSplit");
    refuses(
        scene,
        "CREATE MODEL m PREDICT y USING LinearRegression() VALIDATE CrossValidator(numFolds = GRID(2, 3)) "
        "AS SELECT a, y FROM series",
        PENSTOCK_INVALID_PROJECT, "numFolds takes one value");
    refuses(scene,
            "CREATE MODEL m PREDICT y USING LinearRegression() VALIDATE CrossValidator(metricName = 'f1') "
            "AS SELECT a, y FROM series",
            PENSTOCK_INVALID_PROJECT, "f1 is a metric of classes, and this model predicts a number");
    hints(scene, "rmse, mse, r2, mae, mape, var are there");
    refuses(scene,
            "CREATE MODEL m PREDICT y USING LinearRegression() VALIDATE CrossValidator(metricName = 'rsme') "
            "AS SELECT a, y FROM series",
            PENSTOCK_INVALID_PROJECT, "there is no metric rsme");
    hints(scene, "did you mean rmse?");
    refuses(
        scene,
        "CREATE MODEL m PREDICT y USING LinearRegression() GATE (areaUnderROC >= 0.8) AS SELECT a, y FROM series",
        PENSTOCK_INVALID_PROJECT, "areaUnderROC is a metric of two classes");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(cuts_as_scikit_learn, open_series, scene_close),
        cmocka_unit_test_setup_teardown(takes_a_gap_of_time, open_series, scene_close),
        cmocka_unit_test_setup_teardown(keeps_a_moment_together, open_series, scene_close),
        cmocka_unit_test_setup_teardown(searches_a_series, open_series, scene_close),
        cmocka_unit_test_setup_teardown(takes_the_time_of_the_hold_out, open_series, scene_close),
        cmocka_unit_test_setup_teardown(refuses_what_cannot_be, open_series, scene_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
