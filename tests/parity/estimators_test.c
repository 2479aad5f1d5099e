/* SPDX-License-Identifier: Apache-2.0
 *
 * estimators_test.c - logistic, generalized linear and Huber models beside Spark ML, scikit-learn and Newton's method.
 *
 * estimators.json (made by make_estimators.py) holds for each case a CREATE MODEL statement and what the others found.
 * "exact" is Newton's method run to the last digit: penstock must meet it far closer than Spark's L-BFGS, which stops
 * early, does. A canary changes a number of the reference and must be noticed.
 */
#include <math.h>

#include "model/predictor.h"
#include "scene.h"

/* How near: of a coefficient in units of the largest effect of any (coefficient times the feature's size). */
struct answer {
    const char *name;
    double tolerance;
};
static const struct answer answers[] = {{"exact", 1e-7}, {"spark", 1e-4}, {"sklearn", 5e-4}, {NULL, 0}};
/* Sizes of a, b, c, d: rounding and stopping early are seen beside what a feature does. */
static const double sizes[] = {3, 2, 200, 6};

static int setup(void **state) {
    return scene_open(state, "estimators.json", "*");
}

static double number_at(yyjson_val *list, size_t row, size_t column) {
    yyjson_val *item = yyjson_arr_get(list, row);
    return yyjson_get_num(yyjson_is_arr(item) ? yyjson_arr_get(item, column) : item);
}

/* The worst difference, beside the largest effect. */
static double distance(const struct ps_linear_predictor *linear, yyjson_val *answer) {
    yyjson_val *coefficients = yyjson_obj_get(answer, "coefficients");
    yyjson_val *intercepts = yyjson_obj_get(answer, "intercepts");
    assert_int_equal(yyjson_arr_size(coefficients), linear->sum_count);
    double largest = 1e-3;
    double worst = 0;
    for (size_t k = 0; k < linear->sum_count; k++) {
        for (size_t j = 0; j < 4; j++) {
            largest = fmax(largest, fabs(number_at(coefficients, k, j)) * sizes[j]);
        }
    }
    for (size_t k = 0; k < linear->sum_count; k++) {
        for (size_t j = 0; j < 4; j++) {
            const double found = linear->coefficients[k * 4 + j];
            worst = fmax(worst, fabs(found - number_at(coefficients, k, j)) * sizes[j]);
        }
        /* an intercept moves with a's coefficient, whose mean is 50 */
        worst = fmax(worst, fabs(linear->intercepts[k] - number_at(intercepts, k, 0)) * 3 / 50);
    }
    return worst / largest;
}

static size_t compare(yyjson_val *item, const struct ps_candidate *candidate, double scale) {
    const struct ps_predictor *predictor = ps_fitted_predictor(candidate->fitted);
    const struct ps_linear_predictor *linear = (const struct ps_linear_predictor *)predictor;
    const char *name = yyjson_get_str(yyjson_obj_get(item, "name"));
    size_t differences = 0;
    for (const struct answer *answer = answers; answer->name != NULL; answer++) {
        yyjson_val *value = yyjson_obj_get(yyjson_obj_get(item, "answers"), answer->name);
        if (value == NULL) {
            continue;
        }
        yyjson_val *own = yyjson_obj_get(item, "tolerance");
        const bool is_loose = yyjson_is_num(own) && strcmp(answer->name, "exact") != 0;
        const double tolerance = is_loose ? yyjson_get_num(own) : answer->tolerance;
        const double found = distance(linear, value);
        if (!(found <= tolerance * scale)) {
            print_error("%s: %.1e from %s\n", name, found, answer->name);
            differences++;
        }
    }
    return differences;
}

static void agrees_with_the_others(void **state) {
    struct scene *scene = *state;
    size_t differences = 0;
    size_t index, count;
    yyjson_val *item;
    yyjson_arr_foreach(yyjson_obj_get(yyjson_doc_get_root(scene->reference), "cases"), index, count, item) {
        struct ps_candidate *candidate =
            scene_train(scene, yyjson_get_str(yyjson_obj_get(item, "statement")));
        differences += compare(item, candidate, 1);
        assert_true(index > 0 || compare(item, candidate, 1e-9) > 0); /* canary: not a bit may differ */
        ps_candidate_free(candidate);
    }
    assert_true(count > 30);
    assert_int_equal(differences, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_others),
    };
    return cmocka_run_group_tests(tests, setup, scene_close);
}
