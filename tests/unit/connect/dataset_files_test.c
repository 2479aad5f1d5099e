/* SPDX-License-Identifier: Apache-2.0
 *
 * dataset_files_test.c - files of a dataset: nothing changes before `put`, what is somebody else's stays, and the log
 * of the Delta table says what it must. (delta-rs reads the table in tests/services/dataset.py.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/file.h"
#include "connect/dataset_files.h"

struct scene {
    char path[64];
    struct ps_arena *arena;
    struct ps_engine *engine;
    struct ps_connection *connection;
    struct penstock_error error;
    struct ps_dataset_place place;
};

static const char *const names[] = {"id", "x"};
static const char *const types[] = {"BIGINT", "HUGEINT"};
static const char select_three[] = "SELECT i AS id, i::HUGEINT * 10 AS x FROM range(3) t(i)";

static void must(penstock_code code, const struct penstock_error *error) {
    if (code != PENSTOCK_OK) {
        fail_msg("%s: %s | %s | %s", ps_error_code_name(code), error->message, error->detail, error->hint);
    }
}

static void refused(struct scene *scene, penstock_code found, penstock_code code, const char *words) {
    if (found != code || strstr(scene->error.message, words) == NULL) {
        fail_msg("expected %s with '%s', found %s: %s", ps_error_code_name(code), words,
                 ps_error_code_name(found), found == PENSTOCK_OK ? "" : scene->error.message);
    }
}

static int scene_open(void **state) {
    struct scene *scene = ps_allocate(1, sizeof *scene);
    const struct ps_engine_options options = {.thread_count = 1};
    scene->arena = ps_arena_new(0);
    snprintf(scene->path, sizeof scene->path, "penstock-dataset-XXXXXX");
    assert_non_null(mkdtemp(scene->path));
    must(ps_engine_open(&options, &scene->engine, &scene->error), &scene->error);
    must(ps_connection_open(scene->engine, &scene->connection, &scene->error), &scene->error);
    scene->place = (struct ps_dataset_place){.name = "d",
                                             .project = "p",
                                             .store_id = "one",
                                             .attempt = 1,
                                             .folder = scene->path,
                                             .path = "out/a.parquet",
                                             .column_names = names,
                                             .column_types = types,
                                             .column_count = 2};
    *state = scene;
    return 0;
}

static int scene_close(void **state) {
    struct scene *scene = *state;
    char command[200];
    ps_connection_close(scene->connection);
    ps_engine_close(scene->engine);
    ps_arena_free(scene->arena);
    snprintf(command, sizeof command, "rm -rf '%s'", scene->path);
    assert_int_equal(system(command), 0);
    ps_release(scene);
    return 0;
}

static const char *path_of(struct scene *scene, const char *name) {
    return ps_arena_printf(scene->arena, "%s/%s", scene->path, name);
}

/* The sum of x of all rows of a Parquet file (or pattern). */
static int64_t sum_of(struct scene *scene, const char *name) {
    int64_t sum = 0;
    must(
        ps_sql_integer(scene->connection,
                       ps_arena_printf(scene->arena, "SELECT sum(x)::BIGINT FROM '%s'", path_of(scene, name)),
                       &sum, &scene->error),
        &scene->error);
    return sum;
}

static void write_text(struct scene *scene, const char *name, const char *text) {
    must(ps_file_make_folders(path_of(scene, "out"), &scene->error), &scene->error);
    must(ps_file_replace(path_of(scene, name), text, strlen(text), &scene->error), &scene->error);
}

static size_t count_of(struct scene *scene, const char *folder) {
    char **found = NULL;
    size_t count = 0;
    must(ps_file_list(path_of(scene, folder), scene->arena, &found, &count, &scene->error), &scene->error);
    return count;
}

static void a_file_is_old_or_new(void **state) {
    struct scene *scene = *state;
    int64_t rows = 0, size = 0;
    write_text(scene, "out/a.parquet", "old");
    refused(scene, ps_dataset_file_check(&scene->place, false, &scene->error), PENSTOCK_ALREADY_EXISTS,
            "'out/a.parquet' is there already");
    must(ps_dataset_file_check(&scene->place, true, &scene->error), &scene->error);
    must(
        ps_dataset_parquet_write(&scene->place, scene->connection, select_three, &rows, &size, &scene->error),
        &scene->error);
    assert_int_equal(rows, 3);
    struct ps_bytes text = {0};
    must(ps_file_read(path_of(scene, "out/a.parquet"), 100, scene->arena, &text, &scene->error),
         &scene->error);
    assert_string_equal(text.data, "old"); /* until it is put */
    must(ps_dataset_parquet_put(&scene->place, &scene->error), &scene->error);
    assert_int_equal(sum_of(scene, "out/a.parquet"), 30);
    assert_int_equal(count_of(scene, "out"), 1);
    must(
        ps_dataset_parquet_write(&scene->place, scene->connection, select_three, &rows, &size, &scene->error),
        &scene->error);
    ps_dataset_parquet_discard(&scene->place);
    assert_int_equal(count_of(scene, "out"), 1);
    scene->place.path = "out";
    refused(scene, ps_dataset_file_check(&scene->place, true, &scene->error), PENSTOCK_ALREADY_EXISTS,
            "'out' is a folder");
    scene->place.path = "out/a.parquet/b/c.html";
    refused(scene, ps_dataset_file_put(&scene->place, "x", 1, &scene->error), PENSTOCK_IO,
            "is a file, not a folder");
}

static void make_version(struct scene *scene, const char *select, int64_t expected) {
    struct ps_dataset_delta *delta PS_SCOPED(ps_dataset_delta_close_scoped) = NULL;
    int64_t rows = 0, size = 0, version = -1;
    must(ps_dataset_delta_open(&scene->place, &delta, &scene->error), &scene->error);
    must(ps_dataset_delta_write(delta, scene->connection, select, &rows, &size, &scene->error),
         &scene->error);
    must(ps_dataset_delta_put(delta, &version, &scene->error), &scene->error);
    assert_int_equal(version, expected);
}

static const char *commit_of(struct scene *scene, int version) {
    struct ps_bytes text = {0};
    must(ps_file_read(path_of(scene, ps_arena_printf(scene->arena, "out/d/_delta_log/%020d.json", version)),
                      1 << 20, scene->arena, &text, &scene->error),
         &scene->error);
    return text.data;
}

static size_t times(const char *text, const char *word) {
    size_t count = 0;
    for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word)) {
        count++;
    }
    return count;
}

static void a_version_replaces_the_rows(void **state) {
    struct scene *scene = *state;
    scene->place.path = "out/d";
    make_version(scene, select_three, 0);
    const char *first = commit_of(scene, 0);
    assert_int_equal(times(first, "{\"protocol\""), 1);
    assert_int_equal(times(first, "{\"add\""), 1);
    assert_int_equal(times(first, "{\"remove\""), 0);
    scene->place.attempt = 2;
    make_version(scene, "SELECT 7::BIGINT AS id, 1::HUGEINT AS x", 1);
    const char *second = commit_of(scene, 1);
    assert_int_equal(times(second, "{\"metaData\""), 0); /* the same columns */
    assert_int_equal(times(second, "{\"add\""), 1);
    assert_int_equal(times(second, "{\"remove\""), 1);
    assert_non_null(strstr(second, "\"mode\":\"Overwrite\""));
    /* no rows: the others go all the same */
    make_version(scene, "SELECT 7::BIGINT AS id, 1::HUGEINT AS x LIMIT 0", 2);
    assert_int_equal(times(commit_of(scene, 2), "{\"add\""), 0);
    assert_int_equal(times(commit_of(scene, 2), "{\"remove\""), 1);
    /* other columns */
    static const char *const other_names[] = {"x"};
    static const char *const other_types[] = {"DOUBLE"};
    scene->place.column_names = other_names;
    scene->place.column_types = other_types;
    scene->place.column_count = 1;
    make_version(scene, "SELECT 1.5::DOUBLE AS x", 3);
    assert_int_equal(times(commit_of(scene, 3), "{\"metaData\""), 1);
}

static void what_is_not_put_is_no_version(void **state) {
    struct scene *scene = *state;
    struct ps_dataset_delta *delta = NULL;
    int64_t rows = 0, size = 0;
    scene->place.path = "out/d";
    must(ps_dataset_delta_open(&scene->place, &delta, &scene->error), &scene->error);
    must(ps_dataset_delta_write(delta, scene->connection, select_three, &rows, &size, &scene->error),
         &scene->error);
    ps_dataset_delta_close(delta);
    assert_int_equal(count_of(scene, "out/d/_delta_log"), 0);
    assert_int_equal(count_of(scene, "out/d"), 1); /* no stage */
    make_version(scene, select_three, 0);
    /* what a kill has left of a making: its file is in no version, and goes with the next one */
    must(ps_sql_runf(scene->connection, &scene->error,
                     "COPY (SELECT 1 AS id, 1 AS x) TO '%s' (FORMAT parquet)",
                     path_of(scene, "left.parquet")),
         &scene->error);
    char **found = NULL;
    size_t count = 0;
    must(ps_file_glob(path_of(scene, "out/d/part-*.parquet"), scene->arena, &found, &count, &scene->error),
         &scene->error);
    assert_int_equal(count, 1);
    char *orphan = ps_arena_copy(scene->arena, found[0]);
    memcpy(strstr(orphan, "000000000001"), "000000000009", 12);
    assert_int_equal(rename(path_of(scene, "left.parquet"), orphan), 0);
    make_version(scene, select_three, 1);
    assert_false(ps_file_exists(orphan));
    assert_true(ps_file_exists(found[0])); /* version 0 can still be read */
}

static void others_are_left_alone(void **state) {
    struct scene *scene = *state;
    struct ps_dataset_delta *delta = NULL;
    scene->place.path = "out/d";
    make_version(scene, select_three, 0);
    scene->place.store_id = "two";
    refused(scene, ps_dataset_delta_open(&scene->place, &delta, &scene->error), PENSTOCK_ALREADY_EXISTS,
            "of another store");
    scene->place.store_id = "one";
    scene->place.name = "e";
    refused(scene, ps_dataset_delta_open(&scene->place, &delta, &scene->error), PENSTOCK_ALREADY_EXISTS,
            "did not make");
    scene->place.may_replace = true;
    make_version(scene, select_three, 1);
    scene->place.name = "d"; /* it is the other's now */
    scene->place.may_replace = false;
    scene->place.store_id = "three";
    refused(scene, ps_dataset_delta_open(&scene->place, &delta, &scene->error), PENSTOCK_ALREADY_EXISTS,
            "of another store");
    scene->place.path = "out";
    scene->place.may_replace = true;
    refused(scene, ps_dataset_delta_open(&scene->place, &delta, &scene->error), PENSTOCK_ALREADY_EXISTS,
            "the folder 'out' has something in it");
    write_text(scene, "out/file", "x");
    scene->place.path = "out/file";
    refused(scene, ps_dataset_delta_open(&scene->place, &delta, &scene->error), PENSTOCK_ALREADY_EXISTS,
            "'out/file' is a file");
    static const char *const bad[] = {"a b", "x"};
    scene->place.path = "out/new";
    scene->place.column_names = bad;
    refused(scene, ps_dataset_delta_open(&scene->place, &delta, &scene->error), PENSTOCK_UNSUPPORTED,
            "dataset d: Delta allows none of");
    assert_false(ps_file_exists(path_of(scene, "out/new"))); /* looking makes nothing */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_is_old_or_new, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(a_version_replaces_the_rows, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(what_is_not_put_is_no_version, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(others_are_left_alone, scene_open, scene_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
