/* SPDX-License-Identifier: Apache-2.0
 *
 * store_test.c - opening, locking and the format of the store.
 */
#include <sys/wait.h>

#include "scene.h"

static const char *path_of(struct scene *scene, const char *name) {
    static char path[600];
    snprintf(path, sizeof path, "%s/%s", scene->folder, name);
    return path;
}

static void a_store_is_made_and_found_again(void **state) {
    (void)state;
    struct scene scene;
    scene_make(&scene, "name: test\n");
    struct ps_store_options options = {.path = path_of(&scene, "deep/store"), .is_read_only = true};
    assert_int_equal(ps_store_open(&options, &scene.store, &scene.error), PENSTOCK_NOT_FOUND);
    assert_null(scene.store);
    options.is_read_only = false;
    scene_must(&scene, ps_store_open(&options, &scene.store, &scene.error));
    scene_must(&scene, ps_sql_run(scene.store->connection, "CREATE TABLE t AS SELECT 42 AS x", &scene.error));
    ps_store_close(scene.store);
    options.is_read_only = true;
    scene_must(&scene, ps_store_open(&options, &scene.store, &scene.error));
    scene_expect(&scene, "SELECT x FROM t", "42;");
    scene_expect(&scene, "SELECT value FROM penstock.meta WHERE key = 'format'", "2;");
    assert_int_not_equal(ps_sql_run(scene.store->connection, "DELETE FROM t", &scene.error), PENSTOCK_OK);
    scene_end(&scene);
}

/* Transactions of a row group (122,880 rows) and a bit leave gaps. Closing all of them writes everything twice; closing
 * one leaves seven of the eight row groups. */
static void a_checkpoint_closes_one_gap(void **state) {
    (void)state;
    struct scene scene;
    scene_make(&scene, "name: test\n");
    struct ps_store_options options = {.path = path_of(&scene, "store")};
    scene_must(&scene, ps_store_open(&options, &scene.store, &scene.error));
    scene_must(&scene, ps_sql_run(scene.store->connection, "CREATE TABLE t (x DOUBLE)", &scene.error));
    for (int i = 0; i < 4; i++) {
        scene_must(&scene, ps_sql_run(scene.store->connection,
                                      "INSERT INTO t SELECT r FROM range(142180) g(r)", &scene.error));
    }
    ps_store_close(scene.store);
    options.is_read_only = true;
    scene_must(&scene, ps_store_open(&options, &scene.store, &scene.error));
    scene_expect(&scene, "SELECT count(DISTINCT row_group_id) FROM pragma_storage_info('t')", "7;");
    scene_expect(&scene, "SELECT count(*), sum(x)::BIGINT FROM t", "568720|40430020440;");
    scene_end(&scene);
}

/* Everything that holds the store runs in a child: one process must not open a DuckDB file twice. */
static int in_child(int (*work)(const char *), const char *path) {
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        _exit(work(path));
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int open_it(const char *path) {
    struct ps_store *store = NULL;
    struct penstock_error error;
    const penstock_code code = ps_store_open(&(struct ps_store_options){.path = path}, &store, &error);
    return code == PENSTOCK_BUSY && strstr(error.message, "process") != NULL ? 7 : (int)code;
}

static int read_it(const char *path) {
    struct ps_store *store = NULL;
    struct penstock_error error;
    return (int)ps_store_open(&(struct ps_store_options){.path = path, .is_read_only = true}, &store, &error);
}

static int write_and_die(const char *path) {
    struct ps_store *store = NULL;
    struct penstock_error error;
    if (ps_store_open(&(struct ps_store_options){.path = path}, &store, &error) != PENSTOCK_OK ||
        ps_sql_run(store->connection, "CREATE TABLE left_behind AS SELECT 1 AS x", &error) != PENSTOCK_OK) {
        return 1;
    }
    return 0; /* without closing: the log is not checkpointed */
}

static void a_second_process_is_refused(void **state) {
    (void)state;
    struct scene scene;
    scene_make(&scene, "name: test\n");
    const char *path = path_of(&scene, "store");
    assert_int_equal(in_child(write_and_die, path), 0);
    scene_must(&scene, ps_store_open(&(struct ps_store_options){.path = path}, &scene.store, &scene.error));
    assert_int_equal(in_child(open_it, path), 7);
    assert_int_equal(in_child(read_it, path), PENSTOCK_BUSY);
    scene_expect(&scene, "SELECT x FROM left_behind", "1;");
    scene_end(&scene);
}

static void a_crashed_store_can_be_read(void **state) {
    (void)state;
    struct scene scene;
    scene_make(&scene, "name: test\n");
    const char *path = path_of(&scene, "store");
    assert_int_equal(in_child(write_and_die, path), 0);
    const struct ps_store_options options = {.path = path, .is_read_only = true};
    scene_must(&scene, ps_store_open(&options, &scene.store, &scene.error));
    scene_expect(&scene, "SELECT x FROM left_behind", "1;");
    scene_end(&scene);
}

static void a_newer_format_is_refused(void **state) {
    (void)state;
    struct scene scene;
    scene_make(&scene, "name: test\n");
    const struct ps_store_options options = {.path = path_of(&scene, "store")};
    scene_must(&scene, ps_store_open(&options, &scene.store, &scene.error));
    scene_must(&scene,
               ps_sql_run(scene.store->connection,
                          "UPDATE penstock.meta SET value = '12' WHERE key = 'format'", &scene.error));
    ps_store_close(scene.store);
    scene.store = NULL;
    assert_int_equal(ps_store_open(&options, &scene.store, &scene.error), PENSTOCK_UNSUPPORTED);
    assert_non_null(strstr(scene.error.message, "format 12"));
    assert_non_null(strstr(scene.error.message, "up to 2"));
    assert_null(scene.store);
    scene_end(&scene);
}

static void what_is_no_store_is_an_error(void **state) {
    (void)state;
    struct scene scene;
    scene_make(&scene, "name: test\n");
    scene_write(&scene, "data/store.duckdb",
                "this is no database, but long enough to be looked at as if it were one");
    const struct ps_store_options options = {.path = path_of(&scene, "data")};
    assert_int_not_equal(ps_store_open(&options, &scene.store, &scene.error), PENSTOCK_OK);
    assert_true(scene.error.message[0] != '\0');
    const struct ps_store_options file = {.path = path_of(&scene, "penstock.yml")};
    assert_int_not_equal(ps_store_open(&file, &scene.store, &scene.error), PENSTOCK_OK);
    assert_null(scene.store);
    scene_end(&scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_is_made_and_found_again), cmocka_unit_test(a_checkpoint_closes_one_gap),
        cmocka_unit_test(a_second_process_is_refused),     cmocka_unit_test(a_crashed_store_can_be_read),
        cmocka_unit_test(a_newer_format_is_refused),       cmocka_unit_test(what_is_no_store_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
