/* SPDX-License-Identifier: Apache-2.0
 *
 * predictor_test.c - linear predictors: links, probabilities, and the way through JSON.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "model/family.h"
#include "model/predictor.h"

static void near(double found, double expected, double tolerance) {
    if (!(fabs(found - expected) <= tolerance * fmax(1, fabs(expected)))) {
        fail_msg("%.17g is not %.17g", found, expected);
    }
}

/* Two numbers and a group of three whose second category is no feature. */
static const double first[] = {1, -2, 0.5};
static const double second[] = {0, 3, 1e-3};
static const int32_t indexes[] = {0, 1, -1};
static const int32_t group_features[] = {2, -1, 3};
static const struct ps_feature_column columns[] = {
    {.numbers = first, .feature = 0},
    {.numbers = second, .feature = 1},
    {.indexes = indexes, .features = group_features, .width = 3},
};
static const struct ps_features features = {columns, 3, 4, 3};

static struct ps_linear_predictor *make(enum ps_task task, enum ps_link link, size_t sums, size_t outputs) {
    struct penstock_error error = {0};
    struct ps_linear_predictor *linear = NULL;
    assert_int_equal(ps_linear_predictor_new(task, link, sums, 4, outputs, &linear, &error), PENSTOCK_OK);
    for (size_t s = 0; s < sums; s++) {
        linear->intercepts[s] = 0.25 - (double)s;
        for (size_t j = 0; j < 4; j++) {
            linear->coefficients[s * 4 + j] = 0.5 * (double)(j + 1) - 0.3 * (double)(s * s);
        }
    }
    return linear;
}

static double sum_of(const struct ps_linear_predictor *linear, size_t sum, size_t row) {
    double matrix[12];
    ps_features_dense(&features, matrix);
    double value = linear->intercepts[sum];
    for (size_t j = 0; j < 4; j++) {
        value += linear->coefficients[sum * 4 + j] * matrix[row * 4 + j];
    }
    return value;
}

static void links_turn_sums_into_means(void **state) {
    (void)state;
    struct penstock_error error = {0};
    static const enum ps_link links[] = {PS_LINK_IDENTITY, PS_LINK_LOG,     PS_LINK_INVERSE, PS_LINK_LOGIT,
                                         PS_LINK_PROBIT,   PS_LINK_CLOGLOG, PS_LINK_SQRT,    PS_LINK_POWER};
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        struct ps_linear_predictor *linear = make(PS_TASK_REGRESSION, links[i], 1, 1);
        linear->link_power = links[i] == PS_LINK_POWER ? -0.6 : 0;
        double outputs[3];
        assert_int_equal(ps_predictor_apply(&linear->predictor, &features, outputs, &error), PENSTOCK_OK);
        const struct ps_family family = {.link = links[i], .link_power = linear->link_power};
        for (size_t row = 0; row < 3; row++) {
            if (isfinite(outputs[row]) && (links[i] != PS_LINK_SQRT || sum_of(linear, 0, row) > 0)) {
                near(ps_family_sum(&family, outputs[row]), sum_of(linear, 0, row), 1e-9); /* there and back */
            }
        }
        ps_predictor_free(&linear->predictor);
    }
}

static void probabilities_add_up(void **state) {
    (void)state;
    struct penstock_error error = {0};
    struct ps_linear_predictor *two = make(PS_TASK_BINARY, PS_LINK_LOGIT, 1, 2);
    struct ps_linear_predictor *several = make(PS_TASK_MULTICLASS, PS_LINK_SOFTMAX, 3, 3);
    several->intercepts[2] = 2000; /* would overflow as it is */
    double outputs[9];
    assert_int_equal(ps_predictor_apply(&two->predictor, &features, outputs, &error), PENSTOCK_OK);
    for (size_t row = 0; row < 3; row++) {
        near(outputs[2 * row] + outputs[2 * row + 1], 1, 1e-15);
        near(log(outputs[2 * row + 1] / outputs[2 * row]), sum_of(two, 0, row), 1e-12);
    }
    several->intercepts[2] = 1;
    assert_int_equal(ps_predictor_apply(&several->predictor, &features, outputs, &error), PENSTOCK_OK);
    for (size_t row = 0; row < 3; row++) {
        near(outputs[3 * row] + outputs[3 * row + 1] + outputs[3 * row + 2], 1, 1e-15);
        near(log(outputs[3 * row + 2] / outputs[3 * row]), sum_of(several, 2, row) - sum_of(several, 0, row),
             1e-12);
    }
    several->intercepts[2] = 2000;
    assert_int_equal(ps_predictor_apply(&several->predictor, &features, outputs, &error), PENSTOCK_OK);
    assert_true(outputs[2] == 1 && outputs[0] == 0);
    ps_predictor_free(&two->predictor);
    ps_predictor_free(&several->predictor);
}

static penstock_code read_back(const char *text, struct ps_predictor **predictor) {
    struct penstock_error error = {0};
    yyjson_doc *doc = yyjson_read(text, strlen(text), 0);
    assert_non_null(doc);
    const penstock_code code = ps_predictor_read(yyjson_doc_get_root(doc), 4, predictor, &error);
    yyjson_doc_free(doc);
    return code;
}

static void comes_back_from_json(void **state) {
    (void)state;
    struct penstock_error error = {0};
    struct ps_linear_predictor *several = make(PS_TASK_MULTICLASS, PS_LINK_SOFTMAX, 3, 3);
    several->coefficients[5] = 1.0 / 3;
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *object = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, object);
    assert_int_equal(ps_predictor_write(&several->predictor, doc, object, &error), PENSTOCK_OK);
    char *text = yyjson_mut_write(doc, 0, NULL);
    struct ps_predictor *back = NULL;
    assert_int_equal(read_back(text, &back), PENSTOCK_OK);
    const struct ps_linear_predictor *linear = (const struct ps_linear_predictor *)back;
    assert_memory_equal(linear->coefficients, several->coefficients, 12 * sizeof(double));
    assert_memory_equal(linear->intercepts, several->intercepts, 3 * sizeof(double));
    assert_int_equal(linear->link, PS_LINK_SOFTMAX);
    ps_predictor_free(back);
    ps_predictor_free(&several->predictor);
    free(text);
    yyjson_mut_doc_free(doc);
}

static void nonsense_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = {
        "{}",
        "{\"kind\":\"linear\",\"task\":\"regression\",\"outputs\":2,\"link\":\"identity\",\"intercepts\":[1],"
        "\"coefficients\":[1,2,3,4]}",
        "{\"kind\":\"linear\",\"task\":\"regression\",\"outputs\":1,\"link\":\"identity\",\"intercepts\":[1],"
        "\"coefficients\":[1,2,3]}",
        "{\"kind\":\"linear\",\"task\":\"regression\",\"outputs\":1,\"link\":\"softmax\",\"intercepts\":[1],"
        "\"coefficients\":[1,2,3,4]}",
        "{\"kind\":\"linear\",\"task\":\"multiclass\",\"outputs\":1e9,\"link\":\"softmax\",\"intercepts\":[1],"
        "\"coefficients\":[1,2,3,4]}",
        "{\"kind\":\"linear\",\"task\":\"binary\",\"outputs\":2,\"link\":\"logit\",\"threshold\":7,\"intercepts\":[1],"
        "\"coefficients\":[1,2,3,4]}",
        "{\"kind\":\"linear\",\"task\":\"binary\",\"outputs\":2,\"link\":\"logit\",\"intercepts\":[1],"
        "\"coefficients\":[1,2,3,\"4\"]}",
        "{\"kind\":\"square\",\"task\":\"regression\",\"outputs\":1}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct ps_predictor *predictor = NULL;
        assert_int_equal(read_back(texts[i], &predictor), PENSTOCK_INVALID_DATA);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_turn_sums_into_means),
        cmocka_unit_test(probabilities_add_up),
        cmocka_unit_test(comes_back_from_json),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
