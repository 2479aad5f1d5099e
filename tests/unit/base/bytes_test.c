/* SPDX-License-Identifier: Apache-2.0
 *
 * bytes_test.c - UTF-8, the growing buffer with its quoting, near names and the hash.
 */
#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_views(void **state) {
    (void)state;
    assert_int_equal(ps_bytes_of(NULL).size, 0);
    assert_true(ps_bytes_equal(ps_bytes_of("ab"), PS_BYTES("ab")));
    assert_false(ps_bytes_equal(ps_bytes_of("ab"), PS_BYTES("abc")));
    assert_false(ps_bytes_equal(ps_bytes_of("ab"), PS_BYTES("ac")));
    assert_true(ps_text_equal_nocase("SeLect", "sELECT"));
    assert_false(ps_text_equal_nocase("select", "selects"));
    assert_false(ps_text_equal_nocase("[", "{")); /* differ by 0x20, and are no letters */
}

static void test_utf8(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t size;
        size_t bad; /* SIZE_MAX: good */
    } rows[] = {
        {"", 0, SIZE_MAX},
        {"plain ascii, longer than eight", 30, SIZE_MAX},
        {"12345678\xC3\xA9", 10, SIZE_MAX},
        {"\xE2\x82\xAC\xF0\x9F\x98\x80", 7, SIZE_MAX},
        {"a\0b", 3, SIZE_MAX},
        {"ab\xFFz", 4, 2},
        {"\xC0\xAF", 2, 0},          /* overlong '/' */
        {"\xE0\x80\xAF", 3, 0},      /* overlong */
        {"\xED\xA0\x80", 3, 0},      /* surrogate */
        {"\xF4\x90\x80\x80", 4, 0},  /* above U+10FFFF */
        {"12345678\xE2\x82", 10, 8}, /* cut off */
        {"\x80", 1, 0},
        {"\xF0\x9F\x98", 3, 0},
        {"\xE2\x82z", 3, 0},
    };
    for (size_t index = 0; index < sizeof rows / sizeof rows[0]; index++) {
        size_t bad = SIZE_MAX;
        const struct ps_bytes bytes = {rows[index].text, rows[index].size};
        assert_int_equal(ps_bytes_is_utf8(bytes, &bad), rows[index].bad == SIZE_MAX);
        assert_int_equal(bad, rows[index].bad);
    }
    assert_false(ps_bytes_is_utf8(PS_BYTES("\xFF"), NULL));
}

static void test_same(void **state) {
    (void)state;
    char left[40], right[40];
    for (size_t size = 1; size <= 40; size++) {
        memset(left, 'x', sizeof left);
        memset(right, 'x', sizeof right);
        assert_true(ps_bytes_same(left, right, size));
        for (size_t at = 0; at < size; at++) { /* every place is looked at */
            right[at] = 'y';
            assert_false(ps_bytes_same(left, right, size));
            right[at] = 'x';
        }
    }
}

static void test_buffer_reserves(void **state) {
    (void)state;
    struct ps_buffer buffer;
    ps_buffer_init(&buffer, 1000);
    ps_buffer_reserve(&buffer, 500);
    const char *const data = buffer.data;
    for (int i = 0; i < 500; i++) {
        ps_buffer_add(&buffer, "x", 1);
    }
    assert_ptr_equal(buffer.data, data); /* it never had to grow */
    assert_int_equal(buffer.size, 500);
    ps_buffer_reserve(&buffer, 501);
    assert_true(buffer.failed);
    ps_buffer_done(&buffer);
}

static void test_buffer_grows_to_its_maximum(void **state) {
    (void)state;
    struct penstock_error error;
    struct ps_buffer buffer PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&buffer, 1000);
    for (size_t count = 0; count < 100; count++) {
        ps_buffer_add(&buffer, "0123456789", 10);
    }
    assert_int_equal(ps_buffer_status(&buffer, &error), PENSTOCK_OK);
    assert_int_equal(buffer.size, 1000);
    assert_int_equal(buffer.data[1000], '\0');
    ps_buffer_add(&buffer, "x", 1);
    assert_true(buffer.failed);
    assert_int_equal(ps_buffer_status(&buffer, &error), PENSTOCK_OUT_OF_MEMORY);
    assert_int_equal(buffer.size, 1000);
    ps_buffer_clear(&buffer);
    ps_buffer_text(&buffer, "again");
    ps_buffer_text(&buffer, NULL);
    assert_string_equal(buffer.data, "again");
    assert_int_equal(ps_buffer_status(&buffer, &error), PENSTOCK_OK);
}

static void test_buffer_out_of_memory(void **state) {
    (void)state;
    struct penstock_error error;
    struct ps_buffer buffer PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&buffer, 1000);
    ps_memory_fail_at(1);
    ps_buffer_text(&buffer, "x");
    ps_memory_fail_at(0);
    ps_buffer_text(&buffer, "y"); /* the first failure stands */
    assert_int_equal(ps_buffer_status(&buffer, &error), PENSTOCK_OUT_OF_MEMORY);
    assert_int_equal(buffer.size, 0);
}

static void test_buffer_printf(void **state) {
    (void)state;
    struct ps_buffer buffer PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&buffer, 2000);
    ps_buffer_printf(&buffer, "%d,", 7);
    ps_buffer_printf(&buffer, "%0600d", 1); /* longer than the short form */
    assert_int_equal(buffer.size, 602);
    assert_int_equal(buffer.data[601], '1');
    ps_buffer_printf(&buffer, "%02000d", 1);
    assert_true(buffer.failed);
}

static void test_quoting(void **state) {
    (void)state;
    struct ps_buffer buffer PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&buffer, 1000);
    ps_buffer_sql_literal(&buffer, "it's '");
    ps_buffer_sql_name(&buffer, "a \"b\"");
    ps_buffer_sql_name(&buffer, "");
    assert_string_equal(buffer.data, "'it''s '''\"a \"\"b\"\"\"\"\"");
    ps_buffer_clear(&buffer);
    ps_buffer_json(&buffer, "a\"\\\n\t\x01\x7F\xC3\xA9\xFF\0z", 12);
    assert_string_equal(buffer.data, "\"a\\\"\\\\\\n\\t\\u0001\\u007f\xC3\xA9\\ufffd\\u0000z\"");
}

static void test_nearest(void **state) {
    (void)state;
    static const char *const names[] = {"regParam", "elasticNetParam", "maxIter", "tol", NULL};
    assert_string_equal(ps_nearest("reg_parm", names), "regParam");
    assert_string_equal(ps_nearest("ergParam", names), "regParam"); /* a transposition is one slip */
    assert_string_equal(ps_nearest("MAXITER", names), "maxIter");
    assert_string_equal(ps_nearest("tl", names), "tol");
    assert_null(ps_nearest("banana", names));
    assert_null(ps_nearest("x", names));
    assert_null(ps_nearest("", names));
    static const char *const short_names[] = {"ab", "xy", NULL};
    assert_null(ps_nearest("pq", short_names));
    assert_int_equal(ps_text_distance("kitten", "sitting"), 3);
    assert_int_equal(ps_text_distance("", "abc"), 3);
}

static void test_hash(void **state) {
    (void)state;
    assert_int_equal(ps_hash("abc", 3, 0), ps_hash("abc", 3, 0));
    assert_int_not_equal(ps_hash("abc", 3, 0), ps_hash("abd", 3, 0));
    assert_int_not_equal(ps_hash("abc", 3, 0), ps_hash("abc", 3, 1));
    /* fixed for ever: fingerprints are stored */
    assert_true(ps_hash("penstock", 8, 0) == UINT64_C(0xec8b507a3e6ec595));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_views),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_buffer_reserves),
        cmocka_unit_test(test_buffer_grows_to_its_maximum),
        cmocka_unit_test(test_buffer_out_of_memory),
        cmocka_unit_test(test_buffer_printf),
        cmocka_unit_test(test_quoting),
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
