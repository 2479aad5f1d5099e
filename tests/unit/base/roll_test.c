/* SPDX-License-Identifier: Apache-2.0
 *
 * roll_test.c - a log never grows beyond twice its limit, and what was written last is there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/roll.h"

static void make_path(char folder[64], char path[128]) {
    snprintf(folder, 64, "/tmp/penstock-roll-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, 128, "%s/log", folder);
}

static int64_t size_of(const char *path) {
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return -1;
    }
    fseek(file, 0, SEEK_END);
    const int64_t size = ftell(file);
    fclose(file);
    return size;
}

static void a_full_file_makes_room(void **state) {
    (void)state;
    char folder[64], path[128], old_path[160];
    make_path(folder, path);
    snprintf(old_path, sizeof old_path, "%s.1", path);
    struct ps_roll roll;
    assert_int_equal(ps_roll_open(path, 100, &roll, NULL), PENSTOCK_OK);
    for (int i = 0; i < 95; i++) {
        char line[16];
        snprintf(line, sizeof line, "line %03d\n", i);
        ps_roll_write(&roll, line, 9);
        assert_true(size_of(path) <= 100);
        assert_true(size_of(old_path) <= 100);
    }
    ps_roll_close(&roll);
    /* 11 lines a file: 95 = 8 * 11 + 7 */
    assert_int_equal(size_of(path), 7 * 9);
    assert_int_equal(size_of(old_path), 11 * 9);
    FILE *file = fopen(path, "r");
    char line[16];
    assert_non_null(fgets(line, sizeof line, file));
    assert_string_equal(line, "line 088\n");
    fclose(file);
    unlink(path);
    unlink(old_path);
    rmdir(folder);
}

static void an_old_file_is_gone_on_with(void **state) {
    (void)state;
    char folder[64], path[128], old_path[160];
    make_path(folder, path);
    snprintf(old_path, sizeof old_path, "%s.1", path);
    struct ps_roll roll;
    assert_int_equal(ps_roll_open(path, 20, &roll, NULL), PENSTOCK_OK);
    ps_roll_write(&roll, "0123456789abcdef", 16);
    ps_roll_close(&roll);
    assert_int_equal(ps_roll_open(path, 20, &roll, NULL), PENSTOCK_OK);
    ps_roll_write(&roll, "01234567", 8); /* its size is known again */
    ps_roll_close(&roll);
    assert_int_equal(size_of(old_path), 16);
    assert_int_equal(size_of(path), 8);
    unlink(path);
    unlink(old_path);
    rmdir(folder);
}

static void a_folder_that_is_not_there_is_told(void **state) {
    (void)state;
    struct ps_roll roll;
    struct penstock_error error = {0};
    assert_int_not_equal(ps_roll_open("/nowhere/at/all/log", 20, &roll, &error), PENSTOCK_OK);
    assert_non_null(strstr(error.message, "/nowhere/at/all/log"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_file_makes_room),
        cmocka_unit_test(an_old_file_is_gone_on_with),
        cmocka_unit_test(a_folder_that_is_not_there_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
