/* SPDX-License-Identifier: Apache-2.0
 *
 * log_test.c - one JSON object a line, quoted values, levels, many threads.
 */
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/thread.h"

static const char *const path = "penstock-log-test.jsonl";

static struct ps_log *open_log(enum ps_log_level level) {
    struct ps_log *log = NULL;
    struct penstock_error error;
    assert_int_equal(ps_log_open(path, level, "application_1_0001", NULL, &log, &error), PENSTOCK_OK);
    return log;
}

static const char *content(struct ps_arena *arena) {
    struct ps_bytes bytes = {0};
    struct penstock_error error;
    assert_int_equal(ps_file_read(path, 1 << 24, arena, &bytes, &error), PENSTOCK_OK);
    return bytes.data;
}

static int remove_file(void **state) {
    (void)state;
    (void)unlink(path);
    return 0;
}

static void test_lines(void **state) {
    (void)state;
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_log *log = open_log(PS_LOG_INFO);
    ps_log_write(log, PS_LOG_INFO, "\"rows\":5", "read \"%s\"\n", "a.csv");
    ps_log_write(log, PS_LOG_DEBUG, NULL, "too fine");
    ps_log_write(log, PS_LOG_ERROR, NULL, "bad");
    ps_log_write(NULL, PS_LOG_ERROR, NULL, "nowhere");
    ps_log_close(log);
    ps_log_close(NULL);
    const char *text = content(arena);
    assert_non_null(strstr(text, "\"level\":\"info\",\"application\":\"application_1_0001\","
                                 "\"message\":\"read \\\"a.csv\\\"\\n\",\"rows\":5}\n{\"time\":\""));
    assert_null(strstr(text, "too fine"));
    assert_null(strstr(text, "container"));
    assert_non_null(strstr(text, "\"level\":\"error\""));
}

static void test_bad_path(void **state) {
    (void)state;
    struct ps_log *log = NULL;
    struct penstock_error error;
    assert_int_equal(ps_log_open("no/such/folder/log", PS_LOG_INFO, NULL, NULL, &log, &error),
                     PENSTOCK_NOT_FOUND);
    assert_null(log);
}

static void *write_many(void *argument) {
    for (int line = 0; line < 200; line++) {
        ps_log_write(argument, PS_LOG_INFO, "\"end\":true", "line %0100d", line);
    }
    return NULL;
}

static void test_threads_do_not_mix_lines(void **state) {
    (void)state;
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_log *log = open_log(PS_LOG_INFO);
    struct ps_thread threads[4] = {0};
    struct penstock_error error;
    for (size_t index = 0; index < 4; index++) {
        assert_int_equal(ps_thread_start(&threads[index], "logger", write_many, log, &error), PENSTOCK_OK);
    }
    for (size_t index = 0; index < 4; index++) {
        ps_thread_join(&threads[index]);
    }
    ps_log_close(log);
    size_t line_count = 0;
    const char *line = content(arena);
    while (*line != '\0') {
        const char *end = strchr(line, '\n');
        assert_non_null(end);
        assert_memory_equal(line, "{\"time\":\"", 9);
        assert_memory_equal(end - 11, "\"end\":true}", 11);
        line = end + 1;
        line_count++;
    }
    assert_int_equal(line_count, 800);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lines, remove_file, remove_file),
        cmocka_unit_test_setup_teardown(test_bad_path, remove_file, remove_file),
        cmocka_unit_test_setup_teardown(test_threads_do_not_mix_lines, remove_file, remove_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
