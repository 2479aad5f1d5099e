/* SPDX-License-Identifier: Apache-2.0
 *
 * learners_test.c - trees beside XGBoost's own Python package, networks beside scikit-learn's.
 *
 * learners.json was made by make_learners.py. Trees must predict every row as XGBoost does: the same float32, whatever
 * of parameters and losses. Networks begin with other random weights than scikit-learn's: what they reach on the
 * same rows with the same settings must be as good as what its do. A canary moves a prediction by one unit in the last
 * place.
 */
#include <math.h>

#include "model/metrics.h"
#include "model/xgboost.h"
#include "scene.h"

enum { STEP = 6, ROWS_MAX = 3000 };

static int setup(void **state) {
    return scene_open(state, "learners.json", "*");
}

/* The table's columns that the model reads. */
static int64_t read_inputs(struct scene *scene, const struct ps_fitted *fitted,
                           struct ps_input_column *columns) {
    struct penstock_error error = {0};
    int64_t row_count = 0;
    for (size_t i = 0; i < ps_fitted_input_count(fitted); i++) {
        struct ps_result *result = NULL;
        const char *sql =
            ps_arena_printf(scene->arena, "SELECT %s FROM data", ps_fitted_input_name(fitted, i));
        must(ps_sql_query(scene->connection, sql, &result, &error), &error);
        row_count = ps_result_row_count(result);
        assert_true(row_count <= ROWS_MAX);
        double *numbers = ps_arena_allocate(scene->arena, ROWS_MAX, sizeof(double));
        struct ps_bytes *texts = ps_arena_allocate(scene->arena, ROWS_MAX, sizeof *texts);
        const bool is_text = ps_fitted_input_is_text(fitted, i);
        for (int64_t row = 0; row < row_count; row++) {
            if (is_text) {
                texts[row] = ps_bytes_of(ps_arena_copy(scene->arena, ps_result_text(result, row, 0)));
            } else {
                numbers[row] = ps_result_double(result, row, 0);
            }
        }
        columns[i] =
            (struct ps_input_column){.numbers = is_text ? NULL : numbers, .texts = is_text ? texts : NULL};
        ps_result_free(result);
    }
    return row_count;
}

/* How many predictions are others than XGBoost's. */
static size_t count_differences(struct scene *scene, yyjson_val *example, double canary) {
    struct penstock_error error = {0};
    struct ps_candidate *candidate = scene_train(scene, yyjson_get_str(yyjson_obj_get(example, "statement")));
    struct ps_input_column columns[16];
    const int64_t row_count = read_inputs(scene, candidate->fitted, columns);
    const size_t classes = candidate->target.class_count;
    const size_t width = classes > 0 ? classes : 1;
    double *found = ps_arena_allocate(scene->arena, (size_t)row_count * width, sizeof(double));
    must(classes > 0 ? ps_fitted_probabilities(candidate->fitted, columns, row_count, found, &error)
                     : ps_fitted_predict(candidate->fitted, columns, row_count, found, &error),
         &error);
    found[0] *= 1 + canary;
    const double offset = yyjson_get_num(yyjson_obj_get(example, "offset"));
    yyjson_val *predictions = yyjson_obj_get(example, "predictions");
    size_t differences = 0, index, size;
    yyjson_val *prediction;
    yyjson_arr_foreach(predictions, index, size, prediction) {
        const size_t per_row = classes > 2 ? classes : 1; /* of two classes XGBoost tells the second only */
        const size_t row = index / per_row * STEP;
        const double own = found[row * width + (classes == 2 ? 1 : index % per_row)];
        const double expected = yyjson_get_num(prediction) + offset;
        /* the mean of the label is rounded differently by another sum: 1e-13 of it */
        const double allowed = offset == 0 ? 0 : 1e-13 * fabs(offset);
        if (!(fabs(own - expected) <= allowed)) {
            differences++;
            if (differences == 1 && canary == 0) {
                print_error("%s: row %zu: %.17g, but XGBoost says %.17g\n",
                            yyjson_get_str(yyjson_obj_get(example, "name")), row, own, expected);
            }
        }
    }
    assert_int_equal(size * STEP, (size_t)row_count * (classes > 2 ? classes : 1));
    ps_candidate_free(candidate);
    return differences;
}

static void predicts_as_xgboost(void **state) {
    struct scene *scene = *state;
    yyjson_val *examples = yyjson_obj_get(yyjson_doc_get_root(scene->reference), "trees");
    size_t index, count, failed = 0;
    yyjson_val *example;
    yyjson_arr_foreach(examples, index, count, example) {
        const size_t differences = count_differences(scene, example, 0);
        print_message("%s: %zu differences\n", yyjson_get_str(yyjson_obj_get(example, "name")), differences);
        failed += differences > 0 ? 1 : 0;
    }
    assert_int_equal(failed, 0);
    assert_true(count >= 8);
    assert_int_equal(count_differences(scene, yyjson_arr_get_first(examples), 1e-7), 1);
}

static void learns_as_scikit(void **state) {
    struct scene *scene = *state;
    yyjson_val *examples = yyjson_obj_get(yyjson_doc_get_root(scene->reference), "networks");
    size_t index, count, failed = 0;
    yyjson_val *example;
    yyjson_arr_foreach(examples, index, count, example) {
        struct ps_candidate *candidate =
            scene_train(scene, yyjson_get_str(yyjson_obj_get(example, "statement")));
        const struct ps_metric_type *metric =
            ps_metric_find(yyjson_get_str(yyjson_obj_get(example, "metric")));
        const double own = ps_metric_read(metric, &candidate->training);
        double sum = 0;
        size_t seed, seeds;
        yyjson_val *reached;
        yyjson_arr_foreach(yyjson_obj_get(example, "reached"), seed, seeds, reached) {
            sum += yyjson_get_num(reached);
        }
        print_message("%s: %s %.4f, scikit-learn's mean of %zu is %.4f\n",
                      yyjson_get_str(yyjson_obj_get(example, "name")), metric->name, own, seeds,
                      sum / (double)seeds);
        failed += own <= 1.02 * sum / (double)seeds ? 0 : 1;
        ps_candidate_free(candidate);
    }
    assert_int_equal(failed, 0);
    assert_true(count == 4);
    /* canary: a linear model does not reach it */
    struct ps_candidate *linear = scene_train(
        scene,
        "CREATE MODEL m TRANSFORM (StandardScaler(a, b, c, d)) PREDICT high USING MultilayerPerceptron("
        "layers = 0, solver = 'l-bfgs') AS SELECT a, b, c, d, y > 55 AS high FROM data");
    assert_true(linear->training.log_loss > 1.02 * 0.5952);
    ps_candidate_free(linear);
}

int main(void) {
    struct ps_xgboost xgboost;
    struct penstock_error error = {0};
    const struct CMUnitTest tests[] = {cmocka_unit_test(learns_as_scikit),
                                       cmocka_unit_test(predicts_as_xgboost)};
    if (ps_xgboost_open(&xgboost, &error) != PENSTOCK_OK) { /* a build without it */
        const struct CMUnitTest some[] = {tests[0]};
        return cmocka_run_group_tests(some, setup, scene_close);
    }
    return cmocka_run_group_tests(tests, setup, scene_close);
}
