/* SPDX-License-Identifier: Apache-2.0
 *
 * filter_test.c - filters as they stand on the wire, byte by byte.
 */
#include "hbase/filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define PACKAGE "org.apache.hadoop.hbase.filter."
/* Comparator{1: BinaryComparator, 2: {1: {1: "\x07"}}} */
#define SEVEN "\x0a\x2f" PACKAGE "BinaryComparator\x12\x05\x0a\x03\x0a\x01\x07"

static void check(const struct ps_hbase_filter *filter, const char *class_name, struct ps_bytes body) {
    assert_string_equal(filter->class_name, class_name);
    assert_int_equal(filter->body.size, body.size);
    assert_memory_equal(filter->body.data, body.data, body.size);
}

static void test_wire(void **state) {
    (void)state;
    struct ps_arena *arena = ps_arena_new(0);
    const struct ps_hbase_column column = {.family = PS_BYTES("f"), .qualifier = PS_BYTES("q")};
    struct ps_hbase_filter filters[2], list;
    struct penstock_error error;
    assert_int_equal(
        ps_hbase_filter_cell(&column, PS_HBASE_GREATER, PS_BYTES("\x07"), arena, &filters[0], &error),
        PENSTOCK_OK);
    check(&filters[0], PACKAGE "SingleColumnValueFilter",
          PS_BYTES("\x0a\x01"
                   "f\x12\x01"
                   "q\x18\x05\x22\x38" SEVEN "\x28\x01\x30\x01"));
    assert_int_equal(ps_hbase_filter_absent(&column, arena, &list, &error), PENSTOCK_OK);
    assert_memory_equal(list.body.data + list.body.size - 4, "\x28\x00\x30\x01", 4);
    assert_int_equal(ps_hbase_filter_row(PS_HBASE_EQUAL, PS_BYTES("\x07"), arena, &filters[1], &error),
                     PENSTOCK_OK);
    check(&filters[1], PACKAGE "RowFilter", PS_BYTES("\x0a\x3c\x08\x02\x12\x38" SEVEN));
    assert_int_equal(ps_hbase_filter_list(true, filters, 1, arena, &list, &error), PENSTOCK_OK);
    assert_string_equal(list.class_name, PACKAGE "SingleColumnValueFilter");
    assert_int_equal(ps_hbase_filter_list(false, filters + 1, 1, arena, &list, &error), PENSTOCK_OK);
    assert_string_equal(list.class_name, PACKAGE "RowFilter");
    assert_int_equal(ps_hbase_filter_list(false, filters, 2, arena, &list, &error), PENSTOCK_OK);
    assert_memory_equal(list.body.data, "\x08\x02\x12", 3); /* MUST_PASS_ONE, filters */
    const struct ps_hbase_span spans[] = {{.low = PS_BYTES("a"), .has_high = true, .high = PS_BYTES("b")},
                                          {.low = PS_BYTES("c"), .low_is_open = true}};
    assert_int_equal(ps_hbase_filter_spans(spans, 2, arena, &list, &error), PENSTOCK_OK);
    check(&list, PACKAGE "MultiRowRangeFilter",
          PS_BYTES("\x0a\x0a\x0a\x01"
                   "a\x10\x01\x1a\x01"
                   "b\x20\x00"
                   "\x0a\x09\x0a\x01"
                   "c\x10\x00\x1a\x00\x20\x00"));
    ps_arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_wire)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
