/* SPDX-License-Identifier: Apache-2.0
 *
 * codec_csv_test.c - RFC 4180: quotes, line breaks within them, headers; and framing that any cut of the data
 * survives.
 */
#include "decoding.h"

#include "base/limits.h"

static void rows_by_header(void **state) {
    (void)state;
    struct decoding decoding;
    decoding_begin(&decoding, "csv", "a INTEGER; b VARCHAR; c DOUBLE", NULL);
    expect_row(&decoding, "a,b,c", "1,x,2.5\n", "1|'x'|2.5");
    expect_row(&decoding, "C, B ,other,\"A\"", "2.5,x,ignored,1\r\n", "1|'x'|2.5");
    expect_row(&decoding, "a,b,c", "1,\"x, \"\"y\"\"\nz\",2.5\n", "1|'x, \"y\"\nz'|2.5");
    expect_row(&decoding, "a,b,c", "\"1\",,\n", "1|NULL|NULL");
    expect_row(&decoding, "a,b,c", "1,\"\",2.5", "1|''|2.5");
    expect_row(&decoding, "a,b,c", "1,x\"y\",2.5", "1|'x\"y\"'|2.5");
    decoding_run(&decoding, "a,b,c", "1,x,1\n\n2,\"y\n\",2\r\n3,z,3");
    assert_int_equal(decoding.batch->row_count, 3);
    assert_string_equal(decoding_row(&decoding, 1), "2|'y\n'|2");
    assert_int_equal(decoding.batch->records[2].offset, 17);
    decoding_end(&decoding);
}

static void records_that_are_wrong(void **state) {
    (void)state;
    struct decoding decoding;
    decoding_begin(&decoding, "csv", "a INTEGER NOT NULL; b VARCHAR", NULL);
    expect_dead(&decoding, "a,b", "1\n", PS_REASON_SYNTAX, NULL, "found 1 field, expected 2");
    expect_dead(&decoding, "a,b", "1,2,3\n", PS_REASON_SYNTAX, NULL, "found 3 fields, expected 2");
    expect_dead(&decoding, "a,b", "1,\"x\n", PS_REASON_SYNTAX, NULL, "a quote is opened and not closed");
    expect_dead(&decoding, "a,b", "1,\"x\"y\n", PS_REASON_SYNTAX, NULL, "a closing quote is followed by");
    expect_dead(&decoding, "a,b", "x,y\n", PS_REASON_TYPE, "a",
                "column a: found the text 'x', expected INTEGER");
    expect_dead(&decoding, "a,b", "3000000000,y\n", PS_REASON_RANGE, "a", "out of range for INTEGER");
    expect_dead(&decoding, "a,b", ",y\n", PS_REASON_NULL, "a", "expected INTEGER NOT NULL");
    expect_dead(&decoding, "a,b", "1,\xFFy\n", PS_REASON_ENCODING, NULL, "byte 2 of the record (0xFF)");
    /* an open quote costs its own line only */
    decoding_run(&decoding, "a,b", "1,\"x\n2,y\n3,z\n");
    assert_int_equal(decoding.batch->row_count, 2);
    assert_int_equal(decoding.batch->dead_letter_count, 1);
    decoding_end(&decoding);
}

static void options(void **state) {
    (void)state;
    struct decoding decoding;
    static const char *const semicolon[] = {"delimiter=;", "quote='", "null_text=NA", "header=false", NULL};
    decoding_begin(&decoding, "csv", "a INTEGER; b VARCHAR", semicolon);
    expect_row(&decoding, "", "NA;'x;''y'\n", "NULL|'x;'y'");
    expect_row(&decoding, "", "1;'NA'\n", "1|'NA'");
    decoding_end(&decoding);
    static const char *const escaped[] = {"delimiter=tab", "escape=\\", "header=false", NULL};
    decoding_begin(&decoding, "csv", "a INTEGER; b VARCHAR", escaped);
    expect_row(&decoding, "", "1\t\"a\\\"b\\\\c\\n\"\n", "1|'a\"b\\c\\n'");
    decoding_end(&decoding);
    static const char *const unquoted[] = {"quote=", "header=false", NULL};
    decoding_begin(&decoding, "csv", "a INTEGER; b VARCHAR", unquoted);
    expect_row(&decoding, "", "1,\"a\n", "1|'\"a'");
    decoding_end(&decoding);
}

static void options_that_are_wrong(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"delimiter=", NULL}, {"delimiter=;;", NULL}, {"quote=\n", NULL}, {"delimiter=\"", NULL}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct decoding decoding;
        struct penstock_error error = {0};
        decoding_begin(&decoding, "csv", "a INTEGER", cases[i]);
        assert_int_equal(decoding.codec->check(decoding.config, &error), PENSTOCK_INVALID_ARGUMENT);
        assert_true(error.message[0] != '\0');
        decoding_end(&decoding);
    }
}

static void a_header_without_a_column(void **state) {
    (void)state;
    struct decoding decoding;
    struct penstock_error error = {0};
    decoding_begin(&decoding, "csv", "origin VARCHAR; dest VARCHAR", NULL);
    assert_int_equal(decoding_try(&decoding, "orgin,dest", "a,b\n", 4, &error), PENSTOCK_INVALID_DATA);
    assert_string_equal(error.message, "the CSV header has no column origin; it is: orgin,dest");
    assert_non_null(strstr(error.hint, "did you mean orgin?"));
    decoding_end(&decoding);
}

/* Framed from its whole, or from any beginning of it: the same ends, and never an end that is not there yet. */
static void framing_does_not_depend_on_the_cut(void **state) {
    (void)state;
    static const char data[] = "a,b\r\n\"x\ny\",1\n\"q\"\"\n\"\"\",2\n,\n\"open,\n3,4\n";
    static const size_t lengths[] = {5, 8, 11, 2};
    struct decoding decoding;
    decoding_begin(&decoding, "csv", "a INTEGER", NULL);
    size_t at = 0;
    for (size_t i = 0; i < 4; i++) {
        const size_t left = sizeof(data) - 1 - at;
        for (size_t size = 1; size <= left; size++) {
            const size_t length = ps_codec_frame(decoding.codec, decoding.config, data + at, size, false);
            assert_int_equal(length, size < lengths[i] ? 0 : lengths[i]);
        }
        at += lengths[i];
    }
    const size_t left = sizeof(data) - 1 - at;
    assert_int_equal(ps_codec_frame(decoding.codec, decoding.config, data + at, left, false), 0);
    assert_int_equal(ps_codec_frame(decoding.codec, decoding.config, data + at, left, true), 7);
    decoding_end(&decoding);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_by_header),
        cmocka_unit_test(records_that_are_wrong),
        cmocka_unit_test(options),
        cmocka_unit_test(options_that_are_wrong),
        cmocka_unit_test(a_header_without_a_column),
        cmocka_unit_test(framing_does_not_depend_on_the_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
