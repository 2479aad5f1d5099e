/* SPDX-License-Identifier: Apache-2.0
 *
 * output_test.c - output: the three forms of a table, what may not reach a terminal, and a disk that is full.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/report.h"

static struct ps_text_table *make_table(struct ps_arena *arena) {
    static const char *const names[] = {"name", "count", "is_late"};
    static const char *const types[] = {"VARCHAR", "BIGINT", "BOOLEAN"};
    static const char *const rows[][3] = {{"plain", "5", "true"},
                                          {"a,\"b\"", NULL, "false"},
                                          {"", "-17", NULL},
                                          {"tab\tnew\nesc\x1b[31m", "1200", "true"},
                                          {"\xc3\xa9t\xc3\xa9", "0", "true"}};
    struct ps_text_table *const table = ps_table_new(arena, 3, names, types);
    assert_non_null(table);
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        assert_true(ps_table_add(table, rows[row]));
    }
    return table;
}

/* What a printer writes, through a real file. */
static void expect(void (*print)(struct ps_output *, const struct ps_text_table *), const char *expected) {
    char path[] = "/tmp/penstock-output-XXXXXX";
    const int file = mkstemp(path);
    assert_true(file >= 0);
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_output output;
    struct penstock_error error = {0};
    ps_output_init(&output, file);
    print(&output, make_table(arena));
    assert_int_equal(ps_output_status(&output, &error), PENSTOCK_OK);
    ps_output_done(&output);
    char text[4096] = "";
    assert_true(pread(file, text, sizeof text - 1, 0) >= 0);
    close(file);
    unlink(path);
    assert_string_equal(text, expected);
}

static void print_table(struct ps_output *output, const struct ps_text_table *table) {
    ps_output_table(output, table, 1);
}
static void print_json(struct ps_output *output, const struct ps_text_table *table) {
    ps_output_table_json(output, table, 0);
}

static void forms(void **state) {
    (void)state;
    expect(print_table, " name                   count  is_late\n"
                        " ---------------------  -----  -------\n"
                        " plain                      5  true\n"
                        " a,\"b\"                   NULL  false\n"
                        "                          -17  NULL\n"
                        " tab\\tnew\\nesc\\x1b[31m   1200  true\n"
                        " \xc3\xa9t\xc3\xa9                        0  true\n");
    expect(ps_output_table_csv, "name,count,is_late\nplain,5,true\n\"a,\"\"b\"\"\",,false\n\"\",-17,\n"
                                "\"tab\tnew\nesc\x1b[31m\",1200,true\n\xc3\xa9t\xc3\xa9,0,true\n");
    expect(print_json, "[\n  {\"name\": \"plain\", \"count\": 5, \"is_late\": true},\n"
                       "  {\"name\": \"a,\\\"b\\\"\", \"count\": null, \"is_late\": false},\n"
                       "  {\"name\": \"\", \"count\": -17, \"is_late\": null},\n"
                       "  {\"name\": \"tab\\tnew\\nesc\\u001b[31m\", \"count\": 1200, \"is_late\": true},\n"
                       "  {\"name\": \"\xc3\xa9t\xc3\xa9\", \"count\": 0, \"is_late\": true}\n]");
}

static void numbers_of_json(void **state) {
    (void)state;
    static const struct {
        const char *cell, *json;
    } cases[] = {{"1.5", "1.5"},     {"1e+16", "1e+16"}, {"nan", "\"nan\""}, {"inf", "\"inf\""},
                 {"007", "\"007\""}, {"-0.0", "-0.0"},   {".5", "\".5\""},   {"5.", "\"5.\""},
                 {"", "\"\""},       {"-", "\"-\""},     {"1e", "\"1e\""}};
    for (size_t index = 0; index < sizeof cases / sizeof *cases; index++) {
        struct ps_output output;
        ps_output_init(&output, -1);
        ps_output_cell_json(&output, "DOUBLE", cases[index].cell);
        assert_string_equal(output.text.data, cases[index].json);
        ps_output_done(&output);
    }
}

static void a_full_disk_is_an_error(void **state) {
    (void)state;
    const int full = open("/dev/full", O_WRONLY);
    if (full < 0) {
        skip();
    }
    struct ps_output output;
    struct penstock_error error = {0};
    ps_output_init(&output, full);
    ps_output_text(&output, "a line\n");
    assert_int_equal(ps_output_status(&output, &error), PENSTOCK_IO);
    ps_output_done(&output);
    close(full);
}

static void a_reader_that_went_away_is_none(void **state) {
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    struct ps_output output;
    struct penstock_error error = {0};
    ps_output_init(&output, ends[1]);
    ps_output_text(&output, "a line\n");
    assert_int_equal(ps_output_status(&output, &error), PENSTOCK_OK);
    ps_output_done(&output);
    close(ends[1]);
}

static void counts_and_doubles(void **state) {
    (void)state;
    char text[48];
    assert_string_equal(ps_show_count(336776, text, sizeof text), "336,776");
    assert_string_equal(ps_show_count(-1000, text, sizeof text), "-1,000");
    assert_string_equal(ps_show_count(999, text, sizeof text), "999");
    assert_string_equal(ps_show_double(0.1, text, sizeof text), "0.1");
    assert_string_equal(ps_show_double(1.0 / 3, text, sizeof text), "0.3333333333333333");
    assert_string_equal(ps_show_double(nan(""), text, sizeof text), "nan");
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms),
        cmocka_unit_test(numbers_of_json),
        cmocka_unit_test(a_full_disk_is_an_error),
        cmocka_unit_test(a_reader_that_went_away_is_none),
        cmocka_unit_test(counts_and_doubles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
