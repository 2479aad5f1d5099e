/* SPDX-License-Identifier: Apache-2.0
 *
 * scene.h - a small project in a temporary folder, for the tests of room stream.
 */
#ifndef PS_TESTS_STREAM_SCENE_H
#define PS_TESTS_STREAM_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "stream/runner.h"

struct scene {
    char folder[200];
    struct ps_project *project;
    struct ps_graph *graph;
    struct ps_store *store;
    struct ps_run_totals totals;
    struct penstock_error error;
    char answer[200000];
};

static inline void scene_write(struct scene *scene, const char *name, const char *text) {
    char path[600];
    snprintf(path, sizeof path, "%s/%s", scene->folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static inline void scene_append(struct scene *scene, const char *name, const char *text) {
    char path[600];
    snprintf(path, sizeof path, "%s/%s", scene->folder, name);
    FILE *file = fopen(path, "a");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static inline void scene_make(struct scene *scene, const char *manifest) {
    memset(scene, 0, sizeof *scene);
    snprintf(scene->folder, sizeof scene->folder, "/tmp/penstock-stream-XXXXXX");
    assert_non_null(mkdtemp(scene->folder));
    char path[600];
    snprintf(path, sizeof path, "%s/data", scene->folder);
    assert_int_equal(mkdir(path, 0777), 0);
    scene_write(scene, "penstock.yml", manifest);
}

static inline void scene_close(struct scene *scene) {
    ps_store_close(scene->store);
    ps_graph_free(scene->graph);
    ps_project_free(scene->project);
    scene->store = NULL;
    scene->graph = NULL;
    scene->project = NULL;
}

static inline void scene_end(struct scene *scene) {
    scene_close(scene);
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", scene->folder);
    assert_int_equal(system(command), 0);
}

static inline void scene_must(struct scene *scene, penstock_code code) {
    if (code != PENSTOCK_OK) {
        print_error("%s: %s (%s) (%s)\n", ps_error_code_name(code), scene->error.message, scene->error.detail,
                    scene->error.hint);
    }
    assert_int_equal(code, PENSTOCK_OK);
}

/* (Re)opens the project with these statements, and its store. */
static inline void scene_open(struct scene *scene, const char *sql) {
    scene_close(scene);
    if (sql != NULL) {
        scene_write(scene, "all.sql", sql);
    }
    const struct ps_project_options options = {.master = "local[2]"};
    scene_must(scene, ps_project_load(scene->folder, &options, &scene->project, &scene->error));
    scene_must(scene, ps_graph_build(scene->project, &scene->graph, &scene->error));
    const struct ps_store_options store = {.path = scene->project->store_path};
    scene_must(scene, ps_store_open(&store, &scene->store, &scene->error));
}

static inline penstock_code scene_try(struct scene *scene) {
    const struct ps_runner_options options = {
        .graph = scene->graph, .store = scene->store, .application = "application_1_0001", .once = true};
    return ps_runner_run(&options, &scene->totals, &scene->error);
}

static inline void scene_run(struct scene *scene) {
    scene_must(scene, scene_try(scene));
}

static inline void scene_fails(struct scene *scene, penstock_code code, const char *text) {
    assert_int_equal(scene_try(scene), code);
    if (strstr(scene->error.message, text) == NULL) {
        print_error("'%s' is not in '%s'\n", text, scene->error.message);
        fail();
    }
}

/* "a|b;c|d;" */
static inline const char *scene_query(struct scene *scene, const char *sql) {
    struct ps_result *result = NULL;
    scene_must(scene, ps_sql_query(scene->store->connection, sql, &result, &scene->error));
    size_t size = 0;
    scene->answer[0] = '\0';
    for (int64_t row = 0; row < ps_result_row_count(result); row++) {
        for (int64_t column = 0; column < ps_result_column_count(result); column++) {
            const char *text = ps_result_text(result, row, column);
            size += (size_t)snprintf(scene->answer + size, sizeof scene->answer - size, "%s%s",
                                     column > 0 ? "|" : "", text != NULL ? text : "NULL");
            assert_true(size < sizeof scene->answer);
        }
        size += (size_t)snprintf(scene->answer + size, sizeof scene->answer - size, ";");
    }
    ps_result_free(result);
    return scene->answer;
}

static inline void scene_expect(struct scene *scene, const char *sql, const char *expected) {
    const char *answer = scene_query(scene, sql);
    if (strcmp(answer, expected) != 0) {
        print_error("%s\n gives    %s\n expected %s\n", sql, answer, expected);
        fail();
    }
}

#endif
