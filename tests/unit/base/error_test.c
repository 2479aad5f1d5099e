/* SPDX-License-Identifier: Apache-2.0
 *
 * error_test.c - an error says what, why and what to do, fits its fields, and maps to exit statuses.
 */
#include "base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_set_fills_all(void **state) {
    (void)state;
    struct penstock_error error;
    memset(&error, 'x', sizeof error);
    assert_int_equal(ps_error_set(&error, PENSTOCK_INVALID_DATA, "line %d", 7), PENSTOCK_INVALID_DATA);
    assert_int_equal(error.code, PENSTOCK_INVALID_DATA);
    assert_int_equal(error.remedy, PENSTOCK_GIVE_UP);
    assert_string_equal(error.message, "line 7");
    assert_string_equal(error.detail, "");
    assert_string_equal(error.hint, "");
    assert_int_equal(ps_error_detail(&error, "errno %d", 5), PENSTOCK_INVALID_DATA);
    assert_int_equal(ps_error_hint(&error, "look %s", "there"), PENSTOCK_INVALID_DATA);
    assert_int_equal(ps_error_context(&error, "read %s", "a.csv"), PENSTOCK_INVALID_DATA);
    assert_string_equal(error.message, "read a.csv: line 7");
    assert_string_equal(error.detail, "errno 5");
    assert_string_equal(error.hint, "look there");
}

static void test_null_error(void **state) {
    (void)state;
    assert_int_equal(ps_error_set(NULL, PENSTOCK_BUSY, "x"), PENSTOCK_BUSY);
    assert_int_equal(ps_error_detail(NULL, "x"), PENSTOCK_INTERNAL);
    assert_int_equal(ps_error_hint(NULL, "x"), PENSTOCK_INTERNAL);
    assert_int_equal(ps_error_context(NULL, "x"), PENSTOCK_INTERNAL);
    assert_int_equal(ps_error_errno(NULL, EACCES, "x"), PENSTOCK_IO);
    ps_error_clear(NULL);
}

static void test_own_text_as_argument(void **state) {
    (void)state;
    struct penstock_error error;
    (void)ps_error_set(&error, PENSTOCK_SQL, "inner");
    (void)ps_error_set(&error, PENSTOCK_SQL, "outer: %s", error.message);
    assert_string_equal(error.message, "outer: inner");
}

static void test_long_text_is_cut_at_a_character(void **state) {
    (void)state;
    struct penstock_error error;
    char text[3000];
    for (size_t index = 0; index + 2 < sizeof text; index += 2) {
        memcpy(text + index, "\xC3\xA9", 2); /* U+00E9, so an odd cut would fall inside */
    }
    text[sizeof text - 2] = '\0';
    (void)ps_error_set(&error, PENSTOCK_SQL, "%s", text);
    const size_t size = strlen(error.message);
    assert_true(size < sizeof error.message && size > sizeof error.message - 8);
    assert_string_equal(error.message + size - 3, "...");
    assert_int_equal((unsigned char)error.message[size - 4], 0xA9);
    (void)ps_error_set(&error, PENSTOCK_SQL, "a%s", text);
    assert_int_equal((unsigned char)error.message[strlen(error.message) - 4], 0xA9);
    (void)ps_error_context(&error, "%s", text);
    assert_string_equal(error.message + strlen(error.message) - 3, "...");
}

static void test_errno_becomes_a_sentence(void **state) {
    (void)state;
    struct penstock_error error;
    assert_int_equal(ps_error_errno(&error, ENOSPC, "write %s", "s/x"), PENSTOCK_IO);
    assert_string_equal(error.message, "write s/x: the disk is full");
    assert_non_null(strstr(error.hint, "free some space"));
    assert_int_equal(error.remedy, PENSTOCK_GIVE_UP);
    assert_int_equal(ps_error_errno(&error, ENOENT, "open y"), PENSTOCK_NOT_FOUND);
    assert_int_equal(ps_error_errno(&error, EIO, "read z"), PENSTOCK_IO);
    assert_int_equal(error.remedy, PENSTOCK_RETRY);
    assert_non_null(strstr(error.detail, "errno 5"));
    assert_int_equal(ps_error_errno(&error, ENOMEM, "map z"), PENSTOCK_OUT_OF_MEMORY);
}

static void test_exit_statuses_and_names(void **state) {
    (void)state;
    for (int code = PENSTOCK_OK; code <= PENSTOCK_INTERNAL; code++) {
        assert_string_not_equal(ps_error_code_name((penstock_code)code), "UNKNOWN");
    }
    assert_string_equal(ps_error_code_name((penstock_code)99), "UNKNOWN");
    assert_int_equal(ps_error_exit_status(PENSTOCK_OK), 0);
    assert_int_equal(ps_error_exit_status(PENSTOCK_INVALID_ARGUMENT), 2);
    assert_int_equal(ps_error_exit_status(PENSTOCK_GATE_REFUSED), 3);
    assert_int_equal(ps_error_exit_status(PENSTOCK_RULE_FAILED), 4);
    assert_int_equal(ps_error_exit_status(PENSTOCK_INVALID_PROJECT), 1);
    assert_int_equal(ps_error_exit_status(PENSTOCK_INTERNAL), 1);
}

static void test_remedies(void **state) {
    (void)state;
    struct penstock_error error;
    (void)ps_error_set(&error, PENSTOCK_BUSY, "x");
    assert_int_equal(error.remedy, PENSTOCK_RETRY);
    (void)ps_error_set(&error, PENSTOCK_FENCED, "x");
    assert_int_equal(error.remedy, PENSTOCK_RESTART);
    (void)ps_error_set(&error, PENSTOCK_SQL, "x");
    assert_int_equal(error.remedy, PENSTOCK_ABORT);
    ps_error_clear(&error);
    assert_int_equal(error.code, PENSTOCK_OK);
    assert_string_equal(error.message, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_fills_all),
        cmocka_unit_test(test_null_error),
        cmocka_unit_test(test_own_text_as_argument),
        cmocka_unit_test(test_long_text_is_cut_at_a_character),
        cmocka_unit_test(test_errno_becomes_a_sentence),
        cmocka_unit_test(test_exit_statuses_and_names),
        cmocka_unit_test(test_remedies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
