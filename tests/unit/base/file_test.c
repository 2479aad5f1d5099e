/* SPDX-License-Identifier: Apache-2.0
 *
 * file_test.c - reading, replacing, listing, globbing and locking, in a folder made for the test.
 */
#include "base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    char folder[64];
    struct ps_arena *arena;
    struct penstock_error error;
};

static int set_up(void **state) {
    static struct fixture fixture;
    (void)snprintf(fixture.folder, sizeof fixture.folder, "penstock-file-test-XXXXXX");
    fixture.arena = ps_arena_new(0);
    *state = &fixture;
    return mkdtemp(fixture.folder) == NULL ? -1 : 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    char command[96];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", fixture->folder);
    ps_arena_free(fixture->arena);
    return system(command) == 0 ? 0 : -1;
}

static const char *at(const struct fixture *fixture, const char *name) {
    return ps_path_join(fixture->arena, fixture->folder, name);
}

static void make(struct fixture *fixture, const char *name) {
    const char *path = at(fixture, name);
    char *folder = ps_arena_copy_size(fixture->arena, path, (size_t)(ps_path_name(path) - path));
    assert_int_equal(ps_file_make_folders(folder, &fixture->error), PENSTOCK_OK);
    assert_int_equal(ps_file_replace(path, name, strlen(name), &fixture->error), PENSTOCK_OK);
}

static void test_replace_and_read(void **state) {
    struct fixture *fixture = *state;
    struct penstock_error *error = &fixture->error;
    const char *path = at(fixture, "a");
    struct ps_bytes content = {0};
    assert_int_equal(ps_file_read(path, 100, fixture->arena, &content, error), PENSTOCK_NOT_FOUND);
    assert_non_null(strstr(error->message, path));
    assert_int_equal(ps_file_replace(path, "12345", 5, error), PENSTOCK_OK);
    assert_int_equal(ps_file_replace(path, "abc", 3, error), PENSTOCK_OK);
    assert_int_equal(ps_file_read(path, 3, fixture->arena, &content, error), PENSTOCK_OK);
    assert_int_equal(content.size, 3);
    assert_string_equal(content.data, "abc");
    assert_int_equal(ps_file_read(path, 2, fixture->arena, &content, error), PENSTOCK_INVALID_DATA);
    assert_non_null(strstr(error->message, "larger than the limit of 2 bytes"));
    assert_int_equal(ps_file_replace(path, "", 0, error), PENSTOCK_OK);
    assert_int_equal(ps_file_read(path, 2, fixture->arena, &content, error), PENSTOCK_OK);
    assert_string_equal(content.data, "");
    char **names;
    size_t count;
    assert_int_equal(ps_file_list(fixture->folder, fixture->arena, &names, &count, error), PENSTOCK_OK);
    assert_int_equal(count, 1); /* no temporary file left */
}

static void test_read_larger_than_one_chunk(void **state) {
    struct fixture *fixture = *state;
    char *text = ps_arena_allocate(fixture->arena, 100000, 1);
    memset(text, 'x', 100000);
    struct ps_bytes content = {0};
    assert_int_equal(ps_file_replace(at(fixture, "big"), text, 100000, &fixture->error), PENSTOCK_OK);
    assert_int_equal(ps_file_read(at(fixture, "big"), 1 << 20, fixture->arena, &content, &fixture->error),
                     PENSTOCK_OK);
    assert_int_equal(content.size, 100000);
    assert_memory_equal(content.data, text, 100000);
}

static void test_refusals(void **state) {
    struct fixture *fixture = *state;
    struct penstock_error *error = &fixture->error;
    struct ps_bytes content = {0};
    assert_int_equal(ps_file_read(fixture->folder, 100, fixture->arena, &content, error), PENSTOCK_IO);
    assert_non_null(strstr(error->message, "it is a folder"));
    make(fixture, "plain");
    assert_int_equal(ps_file_make_folders(at(fixture, "plain"), error), PENSTOCK_IO);
    assert_int_equal(ps_file_make_folders(at(fixture, "plain/x"), error), PENSTOCK_IO);
    assert_int_equal(ps_file_replace(at(fixture, "no/folder"), "x", 1, error), PENSTOCK_NOT_FOUND);
    make(fixture, "folder/file");
    assert_int_equal(ps_file_replace(at(fixture, "folder"), "x", 1, error), PENSTOCK_IO);
    char **names;
    size_t count;
    assert_int_equal(ps_file_list(fixture->folder, fixture->arena, &names, &count, error), PENSTOCK_OK);
    assert_int_equal(count, 2); /* "folder" and "plain": what was begun is gone */
}

static void test_stat(void **state) {
    struct fixture *fixture = *state;
    make(fixture, "file");
    struct ps_file_info info = {0};
    assert_int_equal(ps_file_stat(at(fixture, "file"), &info, &fixture->error), PENSTOCK_OK);
    assert_int_equal(info.size, 4);
    assert_true(info.is_regular && !info.is_directory && info.modified_ms > 0 && info.inode != 0);
    assert_true(ps_file_exists(fixture->folder));
    assert_false(ps_file_exists(at(fixture, "none")));
}

static void test_paths(void **state) {
    struct fixture *fixture = *state;
    assert_string_equal(ps_path_join(fixture->arena, "a", "b"), "a/b");
    assert_string_equal(ps_path_join(fixture->arena, "a/", "b"), "a/b");
    assert_string_equal(ps_path_join(fixture->arena, "a", "/b"), "/b");
    assert_string_equal(ps_path_join(fixture->arena, "", "b"), "b");
    assert_string_equal(ps_path_name("a/b.c"), "b.c");
    assert_string_equal(ps_path_name("b.c"), "b.c");
}

/* The matches of a pattern below the test's folder, joined by spaces, without the folder. */
static const char *matches(struct fixture *fixture, const char *pattern) {
    char **paths = NULL;
    size_t count = 0;
    assert_int_equal(ps_file_glob(at(fixture, pattern), fixture->arena, &paths, &count, &fixture->error),
                     PENSTOCK_OK);
    const char *text = "";
    for (size_t index = 0; index < count; index++) {
        text = ps_arena_printf(fixture->arena, "%s%s%s", text, index == 0 ? "" : " ",
                               paths[index] + strlen(fixture->folder) + 1);
    }
    return text;
}

static void test_glob(void **state) {
    struct fixture *fixture = *state;
    static const char *const names[] = {"b.json",       "a.json",      "a.csv",
                                        ".hidden.json", "x/c.json",    "x/y/d.json",
                                        "x/y/z/e.json", ".git/f.json", "x/B.json"};
    for (size_t index = 0; index < sizeof names / sizeof names[0]; index++) {
        make(fixture, names[index]);
    }
    assert_string_equal(matches(fixture, "*.json"), "a.json b.json");
    assert_string_equal(matches(fixture, "a.json"), "a.json");
    assert_string_equal(matches(fixture, "?.[cj]s*"), "a.csv a.json b.json");
    assert_string_equal(matches(fixture, "none*"), "");
    assert_string_equal(matches(fixture, "none/none"), "");
    assert_string_equal(matches(fixture, "a.json/x"), "");
    assert_string_equal(matches(fixture, "x"), "");
    assert_string_equal(matches(fixture, "x/*.json"), "x/B.json x/c.json");
    assert_string_equal(matches(fixture, "*/y/*"), "x/y/d.json");
    assert_string_equal(matches(fixture, "**/*.json"),
                        "a.json b.json x/B.json x/c.json x/y/d.json x/y/z/e.json");
    assert_string_equal(matches(fixture, "x/**"), "x/B.json x/c.json x/y/d.json x/y/z/e.json");
    assert_string_equal(matches(fixture, "**/y/**/*.json"), "x/y/d.json x/y/z/e.json");
    assert_string_equal(matches(fixture, "**/**/e.json"), "x/y/z/e.json");
    assert_string_equal(matches(fixture, ".hid*"), ".hidden.json");
}

static void test_glob_survives_circles(void **state) {
    struct fixture *fixture = *state;
    make(fixture, "x/a.json");
    assert_int_equal(symlink("..", at(fixture, "x/up")), 0);
    assert_int_equal(symlink("nowhere", at(fixture, "dangling.json")), 0);
    assert_string_equal(matches(fixture, "**/*.json"), "x/a.json");
    assert_string_equal(matches(fixture, "x/up/x/*.json"), "x/up/x/a.json"); /* named, so followed */
}

static void test_glob_every_allocation_may_fail(void **state) {
    struct fixture *fixture = *state;
    make(fixture, "x/y/a.json");
    const char *pattern = at(fixture, "**/*.json");
    penstock_code code = PENSTOCK_OUT_OF_MEMORY;
    int64_t call = 0;
    while (code == PENSTOCK_OUT_OF_MEMORY) {
        assert_true(++call < 1000);
        struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
        char **paths;
        size_t count;
        ps_memory_fail_at(call);
        code = ps_file_glob(pattern, arena, &paths, &count, &fixture->error);
        ps_memory_fail_at(0);
    }
    assert_int_equal(code, PENSTOCK_OK);
    assert_true(call > 3);
}

static void test_lock(void **state) {
    struct fixture *fixture = *state;
    struct penstock_error *error = &fixture->error;
    const char *path = at(fixture, "lock");
    struct ps_file_lock first = {-1}, second = {-1};
    assert_int_equal(ps_file_lock(path, &first, error), PENSTOCK_OK);
    assert_int_equal(ps_file_lock(path, &second, error), PENSTOCK_BUSY); /* also within one process */
    assert_int_equal(second.descriptor, -1);
    const pid_t child = fork();
    if (child == 0) {
        const bool is_busy = ps_file_lock(path, &second, error) == PENSTOCK_BUSY;
        char expected[64];
        (void)snprintf(expected, sizeof expected, "is held by process %d", (int)getppid());
        _exit(is_busy && strstr(error->message, expected) != NULL ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    struct ps_bytes content = {0};
    assert_int_equal(ps_file_read(path, 100, fixture->arena, &content, error), PENSTOCK_OK);
    assert_string_equal(content.data,
                        ps_arena_printf(fixture->arena, "%d\n",
                                        (int)getpid())); /* that open and close did not drop the lock: */
    assert_int_equal(ps_file_lock(path, &second, error), PENSTOCK_BUSY);
    ps_file_unlock(&first);
    ps_file_unlock(&first);
    assert_int_equal(ps_file_lock(path, &second, error), PENSTOCK_OK);
    ps_file_unlock(&second);
    assert_int_equal(ps_file_lock(at(fixture, "no/lock"), &second, error), PENSTOCK_NOT_FOUND);
}

/* A killed holder leaves its pid in the file, but no lock. */
static void test_lock_of_a_dead_process(void **state) {
    struct fixture *fixture = *state;
    const char *path = at(fixture, "lock");
    const pid_t child = fork();
    if (child == 0) {
        struct ps_file_lock lock = {-1};
        if (ps_file_lock(path, &lock, NULL) == PENSTOCK_OK) {
            _exit(7);
        }
        _exit(1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 7);
    struct ps_file_lock lock = {-1};
    assert_int_equal(ps_file_lock(path, &lock, &fixture->error), PENSTOCK_OK);
    ps_file_unlock(&lock);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_replace_and_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_read_larger_than_one_chunk, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refusals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stat, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_paths, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_glob, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_glob_survives_circles, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_glob_every_allocation_may_fail, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lock, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lock_of_a_dead_process, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
