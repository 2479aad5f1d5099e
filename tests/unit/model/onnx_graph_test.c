/* SPDX-License-Identifier: Apache-2.0
 *
 * onnx_graph_test.c - an ONNX graph of our writer through our reader: the same predictions;
 * and every cut of it a sentence.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/import.h"
#include "model/onnx_graph.h"
#include "model/onnx_read.h"

/* A graph of our writer through our reader: (X - [1, 2]) x [3; 4] + 5, one input of two columns. */
static void a_graph_is_imported(void **state) {
    (void)state;
    static const double means[] = {1, 2}, weights[] = {3, 4};
    static const char *const map[] = {"X=first,second", NULL};
    const struct ps_onnx_properties properties = {
        .graph_name = "g", .description = "", .producer_version = "1"};
    struct ps_arena *arena = ps_arena_new(0);
    struct penstock_error error = {0};
    struct ps_onnx onnx;
    struct ps_buffer out;
    ps_onnx_init(&onnx, arena);
    ps_buffer_init(&out, 100000);
    const char *one = ps_onnx_input(&onnx, "first", PS_ONNX_DOUBLE);
    const char *two = ps_onnx_input(&onnx, "second", PS_ONNX_DOUBLE);
    const char *const both[] = {one, two};
    const char *x = ps_onnx_concat(&onnx, both, 2);
    x = ps_onnx_node(&onnx, "Sub", x, ps_onnx_doubles(&onnx, means, 1, 2), NULL);
    x = ps_onnx_node(&onnx, "MatMul", x, ps_onnx_doubles(&onnx, weights, 2, 1), NULL);
    x = ps_onnx_node(&onnx, "Add", x, ps_onnx_double(&onnx, 5), NULL);
    ps_onnx_output(&onnx, x, "prediction", PS_ONNX_DOUBLE, 1);
    assert_int_equal(ps_onnx_finish(&onnx, &properties, &out, &error), PENSTOCK_OK);
    const struct ps_import_options options = {.path = "test", .column_map = map};
    struct ps_import_report report = {0};
    struct ps_fitted *fitted = NULL;
    if (ps_model_import_onnx(out.data, out.size, &options, arena, &fitted, &report, &error) != PENSTOCK_OK) {
        fail_msg("%s", error.message);
    }
    assert_false(report.is_single);
    const double first[] = {10, (double)NAN}, second[] = {20, 1};
    const struct ps_input_column columns[] = {{.numbers = first}, {.numbers = second}};
    double predictions[2];
    assert_int_equal(ps_fitted_predict(fitted, columns, 2, predictions, &error), PENSTOCK_OK);
    assert_true(predictions[0] == 9 * 3 + 18 * 4 + 5);
    assert_true(isnan(predictions[1]));
    for (size_t size = 0; size < out.size; size += 3) { /* cut: a sentence */
        struct ps_fitted *none = NULL;
        error = (struct penstock_error){0};
        assert_true(ps_model_import_onnx(out.data, size, &options, arena, &none, &report, &error) !=
                    PENSTOCK_OK);
        assert_null(none);
        assert_true(error.message[0] != '\0');
    }
    ps_fitted_free(fitted);
    ps_onnx_done(&onnx);
    ps_buffer_done(&out);
    ps_arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_graph_is_imported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
