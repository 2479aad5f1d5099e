/* SPDX-License-Identifier: Apache-2.0
 *
 * project_test.c - the manifest: keys, targets, variables, overrides, files; and what wrong ones are told.
 */
#include "job/project.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "cases.h"

#include "base/file.h"
#include "base/thread.h"

static char folder[64];

static int begin(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/penstock-job-XXXXXX");
    return mkdtemp(folder) == NULL;
}

static int end(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static void write_file(const char *name, const char *text) {
    char path[160];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static struct ps_project *good(const char *manifest, const struct ps_project_options *options) {
    struct penstock_error error;
    struct ps_project *project = NULL;
    write_file("penstock.yml", manifest);
    if (ps_project_load(folder, options, &project, &error) != PENSTOCK_OK) {
        fail_msg("%s\n%s (%s)", manifest, error.message, error.hint);
    }
    return project;
}

static void test_defaults(void **state) {
    (void)state;
    write_file("b.sql", "SELECT 2;");
    write_file("a.sql", "SELECT 1; CREATE SOURCE Dep (a INT) WITH (connector = 'file');");
    struct ps_project *project = good("", NULL);
    assert_string_equal(project->manifest.name, ps_path_name(folder));
    assert_string_equal(project->manifest.store, "store");
    assert_int_equal(project->core_count, ps_core_count());
    assert_int_equal(project->manifest.executor_memory, 1 << 30);
    assert_int_equal(project->manifest.epoch_interval_ms, 100);
    assert_string_equal(project->manifest.log_level, "info");
    assert_int_equal(project->statement_count, 3);
    assert_string_equal(project->statements[0].text, "SELECT 1");
    assert_string_equal(project->statements[0].location.file, "a.sql");
    assert_string_equal(project->statements[2].text, "SELECT 2");
    assert_ptr_equal(ps_project_find(project, "dep"), &project->statements[1]);
    assert_null(ps_project_find(project, "nothing"));
    char store[128];
    snprintf(store, sizeof store, "%s/store", folder);
    assert_string_equal(project->store_path, store);
    ps_project_free(project);
}

static void test_everything(void **state) {
    (void)state;
    write_file("a.sql", "SELECT '${A}', '${B}', '${C}', '${D}'");
    setenv("D", "environment", 1);
    setenv("C", "environment", 1);
    const char *manifest = "\xEF\xBB\xBFname: flights # a comment\r\n"
                           "sql: \"a.sql\"\r\n"
                           "store: /somewhere/${B}\r\n"
                           "master: local[2]\r\n"
                           "executor_memory: 512m\r\n"
                           "driver-memory: 64m\r\n"
                           "epoch: {rows: 1000, bytes: 1MiB, interval: 2s}\r\n"
                           "log-level: debug\r\n"
                           "vars: {A: own, B: own, C: own}\r\n"
                           "default-target: dev\r\n"
                           "targets:\r\n"
                           "  dev: {master: local, vars: {A: target, B: target}}\r\n"
                           "  big:\r\n"
                           "    executor-cores: 3\r\n"
                           "    master: local[8]\r\n"
                           "    epoch:\r\n"
                           "      rows: 5\r\n";
    const char *const variables[] = {"A=set=it", NULL};
    const struct ps_project_options options = {.variables = variables};
    struct ps_project *project = good(manifest, &options);
    assert_string_equal(project->manifest.name, "flights");
    assert_string_equal(project->store_path, "/somewhere/target");
    assert_int_equal(project->core_count, 1);
    assert_int_equal(project->manifest.executor_memory, 576 << 20);
    assert_int_equal(project->manifest.epoch_rows, 1000);
    assert_int_equal(project->manifest.epoch_bytes, 1 << 20);
    assert_int_equal(project->manifest.epoch_interval_ms, 2000);
    assert_string_equal(project->statements[0].text, "SELECT 'set=it', 'target', 'own', 'environment'");
    ps_project_free(project);

    const char *const settings[] = {"spark.executor.cores=2", "spark.executor.memory=2g", "epoch.bytes=5m",
                                    "spark.app.name=x", NULL};
    const struct ps_project_options other = {.target = "big", .settings = settings};
    project = good(manifest, &other);
    assert_int_equal(project->core_count, 2);
    assert_int_equal(project->manifest.epoch_rows, 5);
    assert_int_equal(project->manifest.epoch_bytes, 5 << 20);
    assert_string_equal(project->manifest.name, "x");
    assert_int_equal(project->manifest.executor_memory, ((int64_t)2 << 30) + (64 << 20));
    assert_string_equal(project->statements[0].text, "SELECT 'own', 'own', 'own', 'environment'");
    ps_project_free(project);

    const struct ps_project_options master = {.target = "big", .master = "local[5]"};
    project = good(manifest, &master);
    assert_int_equal(project->core_count, 3); /* executor-cores of the target is less */
    ps_project_free(project);
}

static void test_files(void **state) {
    (void)state;
    write_file("2.sql", "SELECT 2;");
    write_file("1.sql", "");
    write_file("3.sql", "-- nothing");
    struct ps_project *project = good("sql: [2.sql, \"*.sql\"]", NULL);
    assert_int_equal(project->statement_count, 1);
    ps_project_free(project);
}

/* The manifest's text is `text`; the error's message has FOLDER for the folder's name. */
static penstock_code load(const char *text, struct penstock_error *error) {
    struct ps_project *project = NULL;
    write_file("penstock.yml", text);
    const penstock_code code = ps_project_load(folder, NULL, &project, error);
    char *at = strstr(error->message, folder);
    if (at != NULL) {
        memcpy(at, "FOLDER", 6);
        memmove(at + 6, at + strlen(folder), strlen(at + strlen(folder)) + 1);
    }
    ps_project_free(project);
    return code;
}

static void test_cases(void **state) {
    (void)state;
    struct test_cases cases;
    size_t wrong_count = 0;
    write_file("a.sql", "");
    assert_true(read_cases("manifest.txt", &cases));
    assert_true(cases.count > 20);
    for (size_t i = 0; i < cases.count; i++) {
        struct penstock_error error = {0};
        const penstock_code code = load(cases.items[i].text, &error);
        wrong_count += !check_case(&cases.items[i], code, &error);
    }
    ps_arena_free(cases.arena);
    assert_int_equal(wrong_count, 0);
}

/* Texts that cannot stand in a file of cases. */
static void test_bad_bytes(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } rows[] = {{"name: x\n\tstore: y",
                 "penstock.yml:2:1: this is not YAML: found a tab character that violates indentation"},
                {"name: \"\xff\"", "penstock.yml:1:8: the byte 0xff is not UTF-8"},
                {"name: \"\xc3\xa4\xc3\xa4\" : x",
                 "penstock.yml:1:14: this is not YAML: mapping values are not allowed in this context"}};
    write_file("a.sql", "");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct penstock_error error;
        assert_int_equal(load(rows[i].text, &error), PENSTOCK_INVALID_PROJECT);
        assert_string_equal(error.message, rows[i].message);
    }
}

/* A wrong value of an option: the wording is room base's, the place is ours. */
static void test_bad_values(void **state) {
    (void)state;
    static const char *const rows[] = {"executor-cores: many", "executor-memory: 1", "epoch: {rows: 0}",
                                       "log-level: loud", "epoch: {interval: 0s}"};
    write_file("a.sql", "");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct penstock_error error = {0};
        struct ps_project *project = NULL;
        write_file("penstock.yml", rows[i]);
        if (ps_project_load(folder, NULL, &project, &error) != PENSTOCK_INVALID_PROJECT) {
            fail_msg("%s: %s", rows[i], error.message);
        }
        assert_memory_equal(error.message, "penstock.yml:1:", 15);
    }
}

static void test_bad_options(void **state) {
    (void)state;
    static const struct {
        const char *setting, *variable, *target, *master, *message, *hint;
    } rows[] = {
        {"executor-coers=1", NULL, NULL, NULL, "--conf 'executor-coers' is not a setting",
         "did you mean executor-cores?"},
        {"spark.executor.core=1", NULL, NULL, NULL, "--conf 'spark.executor.core' is not a setting",
         "did you mean spark.executor.cores?"},
        {"spark.sql.shuffle.partitions=1", NULL, NULL, NULL,
         "--conf 'spark.sql.shuffle.partitions' is not a setting", "spark.app.name"},
        {"executor-cores", NULL, NULL, NULL, "--conf 'executor-cores' is not of the form name=value", NULL},
        {NULL, "A", NULL, NULL, "--set 'A' is not of the form name=value", NULL},
        {NULL, NULL, "prodd", NULL, "there is no target 'prodd' in penstock.yml", "did you mean prod?"},
        {NULL, NULL, NULL, "local[x]", "master 'local[x]': the number of cores is from 1 to 1024", NULL},
    };
    write_file("a.sql", "");
    write_file("penstock.yml", "targets: {prod: }");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct penstock_error error = {0};
        struct ps_project *project = NULL;
        const char *const settings[] = {rows[i].setting, NULL}, *const variables[] = {rows[i].variable, NULL};
        const struct ps_project_options options = {rows[i].target, rows[i].master, settings, variables};
        assert_int_equal(ps_project_load(folder, &options, &project, &error), PENSTOCK_INVALID_ARGUMENT);
        assert_string_equal(error.message, rows[i].message);
        if (rows[i].hint != NULL && strstr(error.hint, rows[i].hint) == NULL) {
            fail_msg("%s: %s", error.message, error.hint);
        }
    }
}

static void test_no_project(void **state) {
    (void)state;
    struct penstock_error error;
    struct ps_project *project = NULL;
    assert_int_equal(ps_project_load(folder, NULL, &project, &error), PENSTOCK_NOT_FOUND);
    assert_non_null(strstr(error.hint, "penstock init"));
    write_file("penstock.yml", "name: x");
    assert_int_equal(ps_project_load(folder, NULL, &project, &error), PENSTOCK_INVALID_PROJECT);
    assert_non_null(strstr(error.message, "no SQL file matches '*.sql'"));
    assert_null(project);
}

/* Every allocation fails once; nothing leaks, nothing is half-made (the sanitizers look on). */
static void test_out_of_memory(void **state) {
    (void)state;
    write_file("a.sql", "CREATE SOURCE s (a INT) WITH (connector = 'file');");
    write_file("penstock.yml", "name: x\nvars: {A: b}");
    for (int64_t call = 1; call < 1000; call++) {
        struct penstock_error error;
        struct ps_project *project = NULL;
        ps_memory_fail_at(call);
        const penstock_code code = ps_project_load(folder, NULL, &project, &error);
        ps_memory_fail_at(0);
        if (code == PENSTOCK_OK) {
            ps_project_free(project);
            assert_true(call > 3);
            return;
        }
        assert_null(project);
    }
    fail_msg("it never succeeds");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_defaults, begin, end),
        cmocka_unit_test_setup_teardown(test_everything, begin, end),
        cmocka_unit_test_setup_teardown(test_files, begin, end),
        cmocka_unit_test_setup_teardown(test_cases, begin, end),
        cmocka_unit_test_setup_teardown(test_bad_bytes, begin, end),
        cmocka_unit_test_setup_teardown(test_bad_values, begin, end),
        cmocka_unit_test_setup_teardown(test_bad_options, begin, end),
        cmocka_unit_test_setup_teardown(test_no_project, begin, end),
        cmocka_unit_test_setup_teardown(test_out_of_memory, begin, end),
    };
    return cmocka_run_group_tests_name("job/project", tests, NULL, NULL);
}
