/* SPDX-License-Identifier: Apache-2.0
 *
 * fitted_test.c - a model as JSON: the same bits back, damage is noticed, and what predict does with odd values.
 */
#include <stdio.h>

#include "training.h"

static int open_model(void **state) {
    (void)scene_open(state);
    struct scene *scene = *state;
    sql(scene,
        "CREATE TABLE t AS SELECT i / 3.0 AS a, CASE WHEN i % 9 = 0 THEN NULL ELSE sin(i) END AS b, "
        "['x', 'y', 'ü'][i % 3 + 1] AS g, i % 5 AS h, i + 10 * sin(i) + i % 3 AS y FROM range(300) r(i)");
    train(
        scene,
        "CREATE MODEL m TRANSFORM (OutlierFilter(y, k = 9), Imputer(b), StandardScaler(a, b), OneHotEncoder(g), "
        "Bucketizer(h, splits = [0, 2, 5]), OneHotEncoder(h, handleInvalid = 'keep'), Interaction(a, g)) PREDICT y "
        "USING LinearRegression(regParam = 0.1) AS SELECT a, b, g, h, y FROM t");
    return 0;
}

static void write(struct scene *scene, const struct ps_fitted *fitted, struct ps_buffer *text) {
    ps_buffer_init(text, (size_t)1 << 20);
    must(ps_fitted_to_json(fitted, text, &scene->error), &scene->error);
}

static void comes_back_bit_for_bit(void **state) {
    struct scene *scene = *state;
    struct ps_buffer first, second;
    write(scene, scene->candidate->fitted, &first);
    struct ps_fitted *fitted = NULL;
    must(ps_fitted_from_json(first.data, first.size, &fitted, &scene->error), &scene->error);
    write(scene, fitted, &second);
    assert_string_equal(first.data, second.data);
    assert_int_equal(ps_fitted_input_count(fitted), 4);
    assert_string_equal(ps_fitted_input_name(fitted, 2), "g");
    assert_true(ps_fitted_input_is_text(fitted, 2));
    assert_false(ps_fitted_input_is_text(fitted, 3));
    ps_fitted_free(fitted);
    ps_buffer_done(&first);
    ps_buffer_done(&second);
}

/* Every byte changed, every length cut: refused, never a crash. */
static void damage_is_noticed(void **state) {
    struct scene *scene = *state;
    struct ps_buffer text;
    write(scene, scene->candidate->fitted, &text);
    size_t refused = 0;
    for (size_t i = 0; i < text.size; i += 3) {
        const char kept = text.data[i];
        text.data[i] = kept == '7' ? '8' : '7';
        struct ps_fitted *fitted = NULL;
        const penstock_code code = ps_fitted_from_json(text.data, text.size, &fitted, &scene->error);
        assert_true(code == PENSTOCK_INVALID_DATA || code == PENSTOCK_UNSUPPORTED || code == PENSTOCK_OK);
        refused += code != PENSTOCK_OK ? 1 : 0;
        ps_fitted_free(fitted);
        text.data[i] = kept;
        fitted = NULL;
        assert_int_equal(ps_fitted_from_json(text.data, i, &fitted, &scene->error), PENSTOCK_INVALID_DATA);
    }
    assert_true(refused >= text.size / 3);
    ps_buffer_done(&text);
}

static void newer_formats_are_refused(void **state) {
    struct scene *scene = *state;
    static const char text[] = "{\"model\":{\"format\":3},\"checksum\":\"0\"}";
    struct ps_fitted *fitted = NULL;
    assert_int_equal(ps_fitted_from_json(text, sizeof text - 1, &fitted, &scene->error),
                     PENSTOCK_UNSUPPORTED);
}

/* What versions before 0.3 have stored. */
static void the_first_format_is_read(void **state) {
    struct scene *scene = *state;
    static const char model[] =
        "{\"format\":1,\"inputs\":[{\"name\":\"a\",\"kind\":\"number\",\"type\":\"DOUBLE\"}],\"transforms\":[],"
        "\"features\":[{\"name\":\"a\",\"coefficient\":2.5}],\"intercept\":-1}";
    char text[512];
    const int size = snprintf(text, sizeof text, "{\"model\":%s,\"checksum\":\"%016llx\"}", model,
                              (unsigned long long)ps_hash(model, sizeof model - 1, 0));
    struct ps_fitted *fitted = NULL;
    must(ps_fitted_from_json(text, (size_t)size, &fitted, &scene->error), &scene->error);
    assert_int_equal(ps_fitted_target(fitted)->task, PS_TASK_REGRESSION);
    assert_true(ps_fitted_has_coefficients(fitted));
    static const double a[] = {0, 2};
    const struct ps_input_column column = {a, NULL, NULL};
    double predictions[2];
    must(ps_fitted_predict(fitted, &column, 2, predictions, &scene->error), &scene->error);
    assert_true(predictions[0] == -1 && predictions[1] == 4);
    ps_fitted_free(fitted);
}

static penstock_code predict(struct scene *scene, double a, bool has_b, const char *g, double h,
                             double *prediction) {
    static const uint64_t none = 0;
    const double b = 0.5;
    const struct ps_bytes text = ps_bytes_of(g);
    const struct ps_input_column columns[] = {{&a, NULL, NULL},
                                              {&b, NULL, has_b ? NULL : &none},
                                              {NULL, &text, g == NULL ? &none : NULL},
                                              {&h, NULL, NULL}};
    return ps_fitted_predict(scene->candidate->fitted, columns, 1, prediction, &scene->error);
}

static void predicts(void **state) {
    struct scene *scene = *state;
    double x, missing;
    must(predict(scene, 1, true, "x", 1, &x), &scene->error);
    must(predict(scene, 1, false, "x", 1, &missing), &scene->error);
    assert_true(isfinite(x) && isfinite(missing)); /* the Imputer fills b */
    must(predict(scene, (double)NAN, true, "x", 1, &missing), &scene->error);
    assert_true(isnan(missing)); /* nothing fills a */
    must(predict(scene, 1, true, NULL, 1, &missing), &scene->error);
    assert_true(isnan(missing));
    assert_int_equal(predict(scene, 1, true, "new", 1, &missing), PENSTOCK_INVALID_DATA);
    assert_non_null(strstr(scene->error.message, "row 1: column g: 'new'"));
    assert_int_equal(predict(scene, 1, true, "x", 6, &missing), PENSTOCK_INVALID_DATA);
    assert_non_null(strstr(scene->error.message, "outside the splits"));
}

/* By hand, from coefficients and what SQL says of the columns. */
static void predicts_what_the_numbers_say(void **state) {
    struct scene *scene = *state;
    struct ps_result *result = NULL;
    must(
        ps_sql_query(scene->connection,
                     "SELECT stddev_samp(a), stddev_samp(coalesce(b, m)) FROM t, (SELECT avg(b) AS m FROM t)",
                     &result, &scene->error),
        &scene->error);
    const double a = 2.5 / ps_result_double(result, 0, 0);
    const double b = 0.5 / ps_result_double(result, 0, 1);
    ps_result_free(result);
    double found;
    must(predict(scene, 2.5, true, "x", 1, &found), &scene->error);
    /* 'ü' is the last of three equally frequent categories */
    assert_false(has_feature(scene, "g=ü"));
    const double expected = ps_fitted_intercept(scene->candidate->fitted) + a * coefficient(scene, "a") +
                            b * coefficient(scene, "b") + coefficient(scene, "g=x") +
                            coefficient(scene, "h=[0,2)") + a * coefficient(scene, "a:g=x");
    near(found, expected, 1e-10);
}

static void many_rows_are_one_row_many_times(void **state) {
    struct scene *scene = *state;
    enum { ROWS = 5000 };
    double *a = ps_allocate(ROWS, sizeof(double));
    double *h = ps_allocate(ROWS, sizeof(double));
    double *predictions = ps_allocate(ROWS, sizeof(double));
    struct ps_bytes *g = ps_allocate(ROWS, sizeof *g);
    uint64_t *validity = ps_allocate(ROWS / 64 + 1, sizeof *validity);
    for (size_t i = 0; i < ROWS; i++) {
        a[i] = (double)i / 7;
        h[i] = (double)(i % 5);
        g[i] = ps_bytes_of(i % 2 == 0 ? "x" : "y");
        validity[i / 64] |= (uint64_t)(i % 3 == 0) << (i % 64);
    }
    const struct ps_input_column columns[] = {
        {a, NULL, NULL}, {a, NULL, validity}, {NULL, g, NULL}, {h, NULL, NULL}};
    must(ps_fitted_predict(scene->candidate->fitted, columns, ROWS, predictions, &scene->error),
         &scene->error);
    for (size_t i = 0; i < ROWS; i += 611) {
        const uint64_t valid = i % 3 == 0 ? 1 : 0;
        const struct ps_input_column one[] = {
            {a + i, NULL, NULL}, {a + i, NULL, &valid}, {NULL, g + i, NULL}, {h + i, NULL, NULL}};
        double single;
        must(ps_fitted_predict(scene->candidate->fitted, one, 1, &single, &scene->error), &scene->error);
        assert_true(single == predictions[i]);
    }
    ps_release(a);
    ps_release(h);
    ps_release(predictions);
    ps_release(g);
    ps_release(validity);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(comes_back_bit_for_bit, open_model, scene_close),
        cmocka_unit_test_setup_teardown(damage_is_noticed, open_model, scene_close),
        cmocka_unit_test_setup_teardown(newer_formats_are_refused, open_model, scene_close),
        cmocka_unit_test_setup_teardown(the_first_format_is_read, open_model, scene_close),
        cmocka_unit_test_setup_teardown(predicts, open_model, scene_close),
        cmocka_unit_test_setup_teardown(predicts_what_the_numbers_say, open_model, scene_close),
        cmocka_unit_test_setup_teardown(many_rows_are_one_row_many_times, open_model, scene_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
