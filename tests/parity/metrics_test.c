/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics_test.c - metrics beside those of Spark's evaluators and scikit-learn (metrics.json, made by make_metrics.py).
 *
 * A canary moves predictions: every metric must notice.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <yyjson.h>

#include "base/file.h"
#include "model/metrics.h"

static yyjson_doc *reference;

static int setup(void **state) {
    struct ps_arena *arena = ps_arena_new(0);
    const char *root = getenv("PENSTOCK_SOURCE_ROOT");
    struct ps_bytes text = {0};
    const char *path = ps_arena_printf(arena, "%s/tests/parity/metrics.json", root != NULL ? root : ".");
    assert_int_equal(ps_file_read(path, (size_t)64 << 20, arena, &text, NULL), PENSTOCK_OK);
    reference = yyjson_read(text.data, text.size, 0);
    ps_arena_free(arena);
    *state = NULL;
    return reference != NULL ? 0 : 1;
}

static int teardown(void **state) {
    (void)state;
    yyjson_doc_free(reference);
    return 0;
}

/* The caller's. */
static double *numbers_of(yyjson_val *item, const char *name, size_t *count_out) {
    yyjson_val *array = yyjson_obj_get(item, name);
    const size_t count = yyjson_arr_size(array);
    double *numbers = ps_allocate(count + 1, sizeof *numbers);
    size_t index, max;
    yyjson_val *value;
    yyjson_arr_foreach(array, index, max, value) {
        numbers[index] = yyjson_get_num(value);
    }
    *count_out = count;
    return numbers;
}

static const struct ps_decision plain = {.threshold = 0.5};

static void compute(yyjson_val *item, bool is_moved, struct ps_metrics *metrics_out) {
    size_t rows = 0, count = 0;
    double *labels = numbers_of(item, "labels", &rows);
    const size_t classes = (size_t)yyjson_get_uint(yyjson_obj_get(item, "class_count"));
    double *given = numbers_of(item, classes > 0 ? "probabilities" : "predictions", &count);
    double *weights = numbers_of(item, "weights", &count);
    const bool has_weights = count > 0;
    for (size_t i = 0; is_moved && classes == 0 && i < rows; i++) {
        given[i] += 0.01;
    }
    if (is_moved && classes > 0) { /* the first right row becomes wrong */
        size_t row = 0;
        while (ps_metrics_class(given + row * classes, classes, &plain) != (size_t)labels[row]) {
            row++;
        }
        const size_t right = (size_t)labels[row];
        const double least = fmin(given[row * classes], given[row * classes + 1]);
        given[row * classes + (right + 1) % classes] += given[row * classes + right] - least / 2;
        given[row * classes + right] = least / 2;
    }
    if (classes == 0) {
        ps_metrics_compute(labels, given, has_weights ? weights : NULL, (int64_t)rows, metrics_out);
    } else {
        const struct ps_class_rows of = {labels, given, has_weights ? weights : NULL, (int64_t)rows, classes};
        assert_int_equal(ps_metrics_compute_classes(&of, &plain, metrics_out, NULL), PENSTOCK_OK);
    }
    ps_release(weights);
    ps_release(labels);
    ps_release(given);
}

/* How many of the metrics agree; all that the task has are compared. */
static size_t agree(yyjson_val *item, const struct ps_metrics *metrics, bool is_strict) {
    const size_t classes = (size_t)yyjson_get_uint(yyjson_obj_get(item, "class_count"));
    const unsigned task = classes == 0   ? PS_TASK_REGRESSION
                          : classes == 2 ? PS_TASK_BINARY
                                         : PS_TASK_MULTICLASS;
    size_t count = 0;
    for (const struct ps_metric_type *type = ps_metric_types; type->name != NULL; type++) {
        const double found = ps_metric_read(type, metrics);
        if ((type->tasks & task) == 0) {
            assert_true(isnan(found));
            continue;
        }
        yyjson_val *expected = yyjson_obj_get(yyjson_obj_get(item, "metrics"), type->name);
        assert_true(yyjson_is_num(expected));
        const double number = yyjson_get_num(expected);
        const bool is_near = fabs(found - number) <= 1e-12 * fmax(1, fabs(number));
        if (is_strict && !is_near) {
            fail_msg("%s: %s is %.17g, expected %.17g", yyjson_get_str(yyjson_obj_get(item, "name")),
                     type->name, found, number);
        }
        count += is_near ? 1 : 0;
    }
    return count;
}

static void agrees_with_the_peers(void **state) {
    (void)state;
    size_t index, max;
    yyjson_val *item;
    yyjson_arr_foreach(yyjson_obj_get(yyjson_doc_get_root(reference), "cases"), index, max, item) {
        struct ps_metrics metrics;
        compute(item, false, &metrics);
        assert_int_equal(metrics.row_count, (int64_t)yyjson_arr_size(yyjson_obj_get(item, "labels")));
        (void)agree(item, &metrics, true);
    }
    assert_int_equal(max, 7);
}

static void a_canary_is_noticed(void **state) {
    (void)state;
    size_t index, max;
    yyjson_val *item;
    yyjson_arr_foreach(yyjson_obj_get(yyjson_doc_get_root(reference), "cases"), index, max, item) {
        struct ps_metrics metrics;
        compute(item, true, &metrics);
        assert_int_equal(agree(item, &metrics, false), 0);
    }
}

/* No rows, one class only, a label that is none of the classes. */
static void says_nothing_of_nothing(void **state) {
    (void)state;
    struct ps_metrics metrics;
    const double labels[] = {1, 1, 7}, probabilities[] = {0.2, 0.8, 0.6, 0.4, 0.5, 0.5};
    struct ps_class_rows rows = {labels, probabilities, NULL, 0, 2};
    assert_int_equal(ps_metrics_compute_classes(&rows, &plain, &metrics, NULL), PENSTOCK_OK);
    assert_true(isnan(metrics.accuracy) && isnan(metrics.log_loss) && metrics.row_count == 0);
    rows.row_count = 2;
    assert_int_equal(ps_metrics_compute_classes(&rows, &plain, &metrics, NULL), PENSTOCK_OK);
    assert_true(isnan(metrics.area_under_roc) && fabs(metrics.area_under_pr - 1) < 1e-15);
    assert_true(fabs(metrics.accuracy - 0.5) < 1e-15);
    rows.labels = labels + 1;
    rows.probabilities = probabilities + 2;
    assert_int_equal(ps_metrics_compute_classes(&rows, &plain, &metrics, NULL), PENSTOCK_OK);
    assert_true(metrics.accuracy < 1e-15 && fabs(metrics.hamming_loss - 1) < 1e-15);
    assert_true(metrics.log_loss > 17);
    assert_ptr_equal(ps_metric_find("weightedFMeasure"), ps_metric_find("f1"));
    assert_null(ps_metric_find("gini"));
    assert_string_equal(ps_metric_default(PS_TASK_REGRESSION)->name, "rmse");
    assert_string_equal(ps_metric_default(PS_TASK_BINARY)->name, "areaUnderROC");
    assert_string_equal(ps_metric_default(PS_TASK_MULTICLASS)->name, "f1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_peers),
        cmocka_unit_test(a_canary_is_noticed),
        cmocka_unit_test(says_nothing_of_nothing),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
