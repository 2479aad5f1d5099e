/* SPDX-License-Identifier: Apache-2.0
 *
 * search_space_test.c - GRID, RANGE and RANDOM as the cells of a search, and what is refused.
 */
#include <math.h>

#include "model/estimator.h"
#include "training.h"

static penstock_code read_using(struct scene *scene, const char *using, struct ps_estimator *estimator_out) {
    const char *text = ps_arena_printf(scene->arena, "CREATE MODEL m PREDICT y USING %s AS SELECT 1", using);
    struct ps_statement *statements = NULL;
    size_t count = 0;
    PS_TRY(ps_statements_parse("m.sql", text, strlen(text), NULL, 0, scene->arena, &statements, &count,
                               &scene->error));
    return ps_estimator_read(&statements[0].as.model.estimator, 3, scene->arena, estimator_out,
                             &scene->error);
}

static struct ps_estimator estimator_of(struct scene *scene, const char *using) {
    struct ps_estimator estimator = {0};
    must(read_using(scene, using, &estimator), &scene->error);
    return estimator;
}

static void is_refused(struct scene *scene, const char *using, const char *words, const char *hint) {
    struct ps_estimator estimator = {0};
    scene->error.hint[0] = '\0';
    const penstock_code code = read_using(scene, using, &estimator);
    if (code != PENSTOCK_INVALID_PROJECT || strstr(scene->error.message, words) == NULL ||
        strstr(scene->error.message, "m.sql:1:") == NULL) {
        fail_msg("%s: expected '%s', found %s: %s", using, words, ps_error_code_name(code),
                 scene->error.message);
    }
    hints(scene, hint);
}

static double value_of(struct scene *scene, const struct ps_estimator *estimator, size_t cell, size_t axis) {
    struct ps_linear_config config;
    double values[8];
    must(ps_estimator_cell(estimator, cell, scene->arena, &config, NULL, values, &scene->error),
         &scene->error);
    if (strcmp(estimator->axes[axis].name, "regParam") == 0) {
        assert_true(config.reg_param == values[axis]);
    }
    return values[axis];
}

static void combines_grids(void **state) {
    struct scene *scene = *state;
    const struct ps_estimator estimator = estimator_of(
        scene,
        "LinearRegression(regParam = GRID(0, 0.5), fitIntercept = GRID(TRUE, FALSE), elasticNetParam = 1)");
    assert_int_equal(estimator.cell_count, 4);
    const char *texts[2];
    struct ps_linear_config config;
    must(ps_estimator_cell(&estimator, 1, scene->arena, &config, texts, NULL, &scene->error), &scene->error);
    assert_string_equal(texts[0], "0");
    assert_string_equal(texts[1], "false");
    assert_false(config.fit_intercept);
    assert_true(config.elastic_net_param == 1);
}

static void spaces_ranges(void **state) {
    struct scene *scene = *state;
    struct ps_estimator estimator = estimator_of(scene, "LinearRegression(regParam = RANGE(0, 1, 5))");
    assert_int_equal(estimator.cell_count, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_true(value_of(scene, &estimator, i, 0) == (double)i / 4);
    }
    estimator = estimator_of(scene, "LinearRegression(regParam = RANGE(0.001, 10, 5, LOG))");
    static const double logarithmic[] = {0.001, 0.01, 0.1, 1, 10};
    for (size_t i = 0; i < 5; i++) {
        near(value_of(scene, &estimator, i, 0), logarithmic[i], 1e-14);
    }
    assert_string_equal(estimator.axes[0].texts[4], "10");
    estimator =
        estimator_of(scene, "LinearRegression(maxIter = RANGE(3, 6))"); /* whole numbers: all of them */
    assert_int_equal(estimator.cell_count, 4);
    assert_string_equal(estimator.axes[0].texts[1], "4");
    estimator = estimator_of(scene, "LinearRegression(maxIter = RANGE(1, 3, 9))"); /* no value twice */
    assert_int_equal(estimator.cell_count, 3);
    estimator = estimator_of(scene, "LinearRegression(regParam = RANGE(1, 0, 3))"); /* downwards */
    assert_true(value_of(scene, &estimator, 1, 0) == 0.5 && value_of(scene, &estimator, 2, 0) == 0);
}

static void draws_at_random(void **state) {
    struct scene *scene = *state;
    static const char text[] =
        "LinearRegression(regParam = RANGE(0.0001, 10, LOG), elasticNetParam = RANGE(0, 1), "
        "maxIter = RANGE(10, 12), fitIntercept = GRID(TRUE, FALSE), RANDOM(200, 7))";
    const struct ps_estimator one = estimator_of(scene, text);
    const struct ps_estimator two = estimator_of(scene, text);
    assert_int_equal(one.cell_count, 200);
    size_t below = 0, counts[3] = {0};
    for (size_t cell = 0; cell < 200; cell++) {
        for (size_t axis = 0; axis < 4; axis++) {
            assert_string_equal(one.axes[axis].texts[cell], two.axes[axis].texts[cell]);
        }
        const double value = value_of(scene, &one, cell, 0);
        assert_true(value >= 0.0001 && value <= 10);
        below += value < 0.0316227766 ? 1 : 0; /* half of the decades */
        const double rounds = value_of(scene, &one, cell, 2);
        assert_true(rounds >= 10 && rounds <= 12);
        counts[(size_t)rounds - 10]++;
    }
    assert_in_range(below, 75, 125);
    for (size_t i = 0; i < 3; i++) {
        assert_in_range(counts[i], 45, 90);
    }
    const struct ps_estimator other =
        estimator_of(scene, "LinearRegression(regParam = RANGE(0, 1), RANDOM(5, 8))");
    const struct ps_estimator again =
        estimator_of(scene, "LinearRegression(regParam = RANGE(0, 1), RANDOM(5, 9))");
    assert_true(value_of(scene, &other, 0, 0) != value_of(scene, &again, 0, 0));
}

/* Of finitely many combinations none comes twice, and all come when so many are asked for. */
static void draws_without_putting_back(void **state) {
    struct scene *scene = *state;
    struct ps_estimator estimator = estimator_of(
        scene, "LinearRegression(regParam = RANGE(1, 10, 10), elasticNetParam = GRID(0, 0.5, 1), "
               "RANDOM(25))");
    assert_int_equal(estimator.cell_count, 25);
    bool seen[11][3] = {{false}};
    for (size_t cell = 0; cell < 25; cell++) {
        const size_t row = (size_t)value_of(scene, &estimator, cell, 0);
        const size_t column = (size_t)(value_of(scene, &estimator, cell, 1) * 2);
        assert_false(seen[row][column]);
        seen[row][column] = true;
    }
    estimator = estimator_of(scene, "LinearRegression(regParam = GRID(1, 2, 3), RANDOM(50, 1))");
    assert_int_equal(estimator.cell_count, 3);
    assert_true(value_of(scene, &estimator, 2, 0) == 3);
}

static void refuses_what_cannot_be(void **state) {
    struct scene *scene = *state;
    is_refused(scene, "LinearRegresion()", "there is no estimator LinearRegresion",
               "did you mean LinearRegression?");
    is_refused(scene, "Forest()", "there is no estimator Forest", "LinearRegression");
    is_refused(scene, "LinearRegression(regParam = RANGE(0, 1))", "does not say how many values",
               "RANDOM(n, seed)");
    is_refused(scene, "LinearRegression(regParam = RANGE(0, 1, 5, LOG))", "between numbers above 0", "");
    is_refused(scene, "LinearRegression(regParam = RANGE(0, 1, 2.5))", "how many values", "both ends");
    is_refused(scene, "LinearRegression(regParam = RANGE(0, 1, 2, 3))",
               "found '3', but LOG or ')' was expected", "");
    is_refused(scene, "LinearRegression(regParam = RANGE(0))", "too few numbers: RANGE(from, to", "");
    is_refused(scene, "LinearRegression(regParam = RANGE('a', 1))", "found 'a', but a number", "");
    is_refused(scene, "LinearRegression(maxIter = RANGE(0.5, 2))", "maxIter is a whole number", "");
    is_refused(scene, "LinearRegression(fitIntercept = RANGE(0, 1, 2))", "RANGE is for numbers", "GRID");
    is_refused(scene, "LinearRegression(regParam = RANGE(-1, 1, 3))", "-1 is outside its range", "");
    is_refused(scene, "LinearRegression(regParam = GRID(0, 'x'))", "'x' is not of type number", "");
    is_refused(scene, "LinearRegression(regParam = [1, 2])", "regParam takes one value, or GRID(...)", "");
    is_refused(scene, "LinearRegression(RANDOM(5))", "RANDOM has nothing to draw from", "RANGE(from, to)");
    is_refused(scene, "LinearRegression(regParam = RANGE(0, 1), RANDOM(0, 1))", "1 to 100000 cells, not 0",
               "");
    is_refused(scene, "LinearRegression(regParam = RANGE(0, 1), RANDOM(3), RANDOM(4))",
               "RANDOM is given twice", "");
    is_refused(scene, "LinearRegression(regParam = GRID(0), reg_param = GRID(1))", "set twice", "");
    is_refused(scene, "LinearRegression(regParm = GRID(0, 1))", "regParm", "regParam");
    is_refused(scene, "LinearRegression(gap = INTERVAL 1 DAY)", "gap is no time", "");
    is_refused(scene, "LinearRegression(regParam = RANGE(0, 1, 1000), tol = RANGE(0, 1, 101))",
               "a grid of 101000 cells in 3 folds is 303000 solutions; the limit is 100000 cells",
               "RANDOM(n, seed)");
    is_refused(scene, "LinearRegression() USING 7", "found '7'", "");
}

static void competes(void **state) {
    struct scene *scene = *state;
    parse(scene, "CREATE MODEL m PREDICT y USING LinearRegression(regParam = 1), LinearRegression "
                 "USING LinearRegression(regParam = GRID(0, 1)) AS SELECT 1");
    const struct ps_model_statement *model = &scene->node.statement->as.model;
    assert_int_equal(model->estimator_count, 3);
    assert_int_equal(model->estimators[0].parameter_count, 1);
    assert_int_equal(model->estimators[1].parameter_count, 0);
    assert_int_equal(model->estimators[2].parameters[0].form, PS_FORM_GRID);
    assert_string_equal(model->estimator.name, "LinearRegression");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(combines_grids, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(spaces_ranges, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(draws_at_random, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(draws_without_putting_back, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(refuses_what_cannot_be, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(competes, scene_open, scene_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
