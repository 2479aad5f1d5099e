/* SPDX-License-Identifier: Apache-2.0
 *
 * proto_test.c - Protobuf's wire format: what is written is read, what is cut is noticed.
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
#include "model/proto.h"

static void fields_come_back(void **state) {
    (void)state;
    struct ps_buffer inner, outer;
    struct ps_proto_field field;
    ps_buffer_init(&inner, 1000);
    ps_buffer_init(&outer, 1000);
    ps_proto_add_integer(&inner, 3, INT64_MIN);
    ps_proto_add_text(&inner, 4, "two");
    ps_proto_add_integer(&outer, 536870911, 300);
    ps_proto_add_message(&outer, 2, &inner);
    struct ps_proto_reader reader = ps_proto_begin((struct ps_bytes){outer.data, outer.size});
    assert_true(ps_proto_next(&reader, &field));
    assert_int_equal(field.number, 536870911);
    assert_int_equal(field.value, 300);
    assert_true(ps_proto_next(&reader, &field));
    assert_int_equal(field.wire, PS_PROTO_BYTES);
    struct ps_proto_reader nested = ps_proto_begin(field.bytes);
    assert_true(ps_proto_next(&nested, &field));
    assert_true((int64_t)field.value == INT64_MIN);
    assert_true(ps_proto_next(&nested, &field));
    assert_true(ps_bytes_equal(field.bytes, ps_bytes_of("two")));
    assert_false(ps_proto_next(&nested, &field));
    assert_false(nested.is_damaged);
    assert_false(ps_proto_next(&reader, &field));
    assert_false(reader.is_damaged);
    for (size_t size = 1; size < outer.size; size++) { /* every cut but the one between the two fields */
        reader = ps_proto_begin((struct ps_bytes){outer.data, size});
        while (ps_proto_next(&reader, &field)) {
        }
        assert_true(reader.is_damaged || size == 7);
    }
    ps_buffer_done(&inner);
    ps_buffer_done(&outer);
}

static void impossible_bytes_are_damage(void **state) {
    (void)state;
    const struct ps_bytes inputs[] = {
        PS_BYTES("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"), /* a varint of 11 bytes */
        PS_BYTES("\x00\x01"),                                     /* field 0 */
        PS_BYTES("\x0A\x05gone"),                                 /* a length beyond the end */
        PS_BYTES("\x0B\x0C"),                                     /* a group */
        PS_BYTES("\x09\x01\x02"),                                 /* half of eight bytes */
    };
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) {
        struct ps_proto_reader reader = ps_proto_begin(inputs[i]);
        struct ps_proto_field field;
        assert_false(ps_proto_next(&reader, &field));
        assert_true(reader.is_damaged);
    }
}

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
        cmocka_unit_test(fields_come_back),
        cmocka_unit_test(impossible_bytes_are_damage),
        cmocka_unit_test(a_graph_is_imported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
