/* SPDX-License-Identifier: Apache-2.0
 *
 * proto_test.c - Protobuf's wire format: what is written is read, what is cut is noticed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/proto.h"

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

static void a_delimited_message_is_no_longer_than_what_is_there(void **state) {
    (void)state;
    struct ps_buffer out;
    struct ps_bytes message;
    ps_buffer_init(&out, 1000);
    ps_proto_add_varint(&out, 3);
    ps_buffer_add(&out, "oneX", 4);
    struct ps_proto_reader reader = ps_proto_begin((struct ps_bytes){out.data, out.size});
    assert_true(ps_proto_next_delimited(&reader, &message));
    assert_true(ps_bytes_equal(message, ps_bytes_of("one")));
    assert_int_equal(reader.end - reader.at, 1);
    assert_false(ps_proto_next_delimited(&reader, &message)); /* 'X' bytes are not there */
    assert_true(reader.is_damaged);
    ps_buffer_done(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_come_back),
        cmocka_unit_test(impossible_bytes_are_damage),
        cmocka_unit_test(a_delimited_message_is_no_longer_than_what_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
