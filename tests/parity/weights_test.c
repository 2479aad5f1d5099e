/* SPDX-License-Identifier: Apache-2.0
 *
 * weights_test.c - weightCol, offsetCol, threshold and thresholds beside Spark ML.
 *
 * weights.json (made by make_weights.py) holds for each case a CREATE MODEL statement and what Spark found:
 * coefficients, the mean metric of a cross-validation, or the class of each row. Canaries: the same statement without
 * its weights, offset or thresholds must differ.
 */
#include <math.h>

#include "model/predictor.h"
#include "scene.h"

/* Sizes of a, b, c, d: rounding and stopping early are seen beside what a feature does. */
static const double sizes[] = {3, 2, 200, 6};

#define TOLERANCE 1e-5

static int setup(void **state) {
    return scene_open(state, "weights.json", "*");
}

static double number_at(yyjson_val *list, size_t row, size_t column) {
    yyjson_val *item = yyjson_arr_get(list, row);
    return yyjson_get_num(yyjson_is_arr(item) ? yyjson_arr_get(item, column) : item);
}

/* The worst difference of coefficients and intercepts, beside the largest effect. An offset is one more feature. */
static double coefficient_distance(const struct ps_candidate *candidate, yyjson_val *item) {
    const struct ps_linear_predictor *linear =
        (const struct ps_linear_predictor *)(const void *)ps_fitted_predictor(candidate->fitted);
    yyjson_val *coefficients = yyjson_obj_get(item, "coefficients");
    yyjson_val *intercepts = yyjson_obj_get(item, "intercepts");
    const size_t width = linear->predictor.feature_count;
    assert_int_equal(yyjson_arr_size(coefficients), linear->sum_count);
    assert_int_equal(width, yyjson_get_bool(yyjson_obj_get(item, "offset")) ? 5 : 4);
    double largest = 1e-3, worst = width == 5 ? fabs(linear->coefficients[4] - 1) : 0;
    for (size_t k = 0; k < linear->sum_count; k++) {
        for (size_t j = 0; j < 4; j++) {
            const double wanted = number_at(coefficients, k, j);
            largest = fmax(largest, fabs(wanted) * sizes[j]);
            worst = fmax(worst, fabs(linear->coefficients[k * width + j] - wanted) * sizes[j]);
        }
        /* an intercept moves with a's coefficient, whose mean is 50 */
        worst = fmax(worst, fabs(linear->intercepts[k] - number_at(intercepts, k, 0)) * 3 / 50);
    }
    return worst / largest;
}

/* The share of rows whose class is another. */
static double class_distance(struct scene *scene, const struct ps_candidate *candidate, yyjson_val *item) {
    struct penstock_error error = {0};
    struct ps_result *result = NULL;
    const char *classes = yyjson_get_str(yyjson_obj_get(item, "classes"));
    must(ps_sql_query(scene->connection, "SELECT a, b, c, d FROM data", &result, &error), &error);
    const int64_t rows = ps_result_row_count(result);
    assert_int_equal((int64_t)strlen(classes), rows);
    double differences = 0;
    for (int64_t i = 0; i < rows; i++) {
        double numbers[4], prediction = 0;
        struct ps_input_column columns[4] = {{0}};
        for (size_t j = 0; j < 4; j++) {
            assert_true(ps_parse_double(ps_result_text(result, i, (int64_t)j), &numbers[j]));
            columns[j].numbers = &numbers[j];
        }
        must(ps_fitted_predict(candidate->fitted, columns, 1, &prediction, &error), &error);
        differences += (int)prediction == classes[i] - '0' ? 0 : 1;
    }
    ps_result_free(result);
    return differences / (double)rows;
}

static double distance(struct scene *scene, yyjson_val *item, const char *statement) {
    struct ps_candidate *candidate = scene_train(scene, statement);
    yyjson_val *metric = yyjson_obj_get(item, "metric");
    double found = 0;
    if (metric != NULL) {
        found = fabs(candidate->cells[0].mean - yyjson_get_num(metric)) / fabs(yyjson_get_num(metric));
    } else if (yyjson_obj_get(item, "classes") != NULL) {
        found = class_distance(scene, candidate, item);
    } else {
        found = coefficient_distance(candidate, item);
    }
    ps_candidate_free(candidate);
    return found;
}

static void agrees_with_spark(void **state) {
    struct scene *scene = *state;
    size_t differences = 0;
    size_t index, count;
    yyjson_val *item;
    yyjson_arr_foreach(yyjson_obj_get(yyjson_doc_get_root(scene->reference), "cases"), index, count, item) {
        const double found = distance(scene, item, yyjson_get_str(yyjson_obj_get(item, "statement")));
        if (!(found <= TOLERANCE)) {
            print_error("%s: %.2g\n", yyjson_get_str(yyjson_obj_get(item, "name")), found);
            differences++;
        }
    }
    assert_true(count > 40);
    assert_int_equal(differences, 0);
}

/* The statement's weights become ones, or its thresholds are not there: the numbers must be others. */
static void sees_what_is_missing(void **state) {
    struct scene *scene = *state;
    size_t index, count, seen = 0;
    yyjson_val *item;
    yyjson_arr_foreach(yyjson_obj_get(yyjson_doc_get_root(scene->reference), "cases"), index, count, item) {
        char *statement = ps_arena_copy(scene->arena, yyjson_get_str(yyjson_obj_get(item, "statement")));
        char *weight = strstr(statement, "0.5 + c / 100");
        char *thresholds = strstr(statement, "thresholds = [0.5, 0.2, 0.3]");
        if (weight != NULL) {
            memcpy(weight, "0.5 + 0 / 100", 13);
        } else if (thresholds != NULL) {
            memcpy(thresholds, "thresholds = [0.3, 0.3, 0.3]", 28);
        } else {
            continue;
        }
        if (!(distance(scene, item, statement) > TOLERANCE)) {
            fail_msg("%s: nothing is seen", yyjson_get_str(yyjson_obj_get(item, "name")));
        }
        seen++;
    }
    assert_true(seen > 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_spark),
        cmocka_unit_test(sees_what_is_missing),
    };
    return cmocka_run_group_tests(tests, setup, scene_close);
}
