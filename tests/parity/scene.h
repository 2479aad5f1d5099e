/* SPDX-License-Identifier: Apache-2.0
 *
 * scene.h - what the tests beside peers begin with: an engine with data.csv as table `data`, and a reference file.
 */
#ifndef PS_TESTS_PARITY_SCENE_H
#define PS_TESTS_PARITY_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>
#include <yyjson.h>

#include "base/file.h"
#include "model/train.h"

struct scene {
    struct ps_arena *arena;
    struct ps_engine *engine;
    struct ps_connection *connection;
    yyjson_doc *reference;
    size_t feed_count; /* feeds that were declared: each has a name of its own */
};

static inline void must(penstock_code code, const struct penstock_error *error) {
    if (code != PENSTOCK_OK) {
        fail_msg("%s: %s | %s | %s", ps_error_code_name(code), error->message, error->detail, error->hint);
    }
}

static inline const char *scene_path(const struct scene *scene, const char *name) {
    const char *root = getenv("PENSTOCK_SOURCE_ROOT");
    return ps_arena_printf(scene->arena, "%s/tests/parity/%s", root != NULL ? root : ".", name);
}

/* columns: of the table, over those of data.csv. */
static inline int scene_open(void **state, const char *reference, const char *columns) {
    struct penstock_error error = {0};
    struct scene *scene = ps_allocate(1, sizeof *scene);
    scene->arena = ps_arena_new(0);
    const struct ps_engine_options options = {.thread_count = 2};
    must(ps_engine_open(&options, &scene->engine, &error), &error);
    must(ps_connection_open(scene->engine, &scene->connection, &error), &error);
    must(ps_sql_runf(scene->connection, &error, "CREATE TABLE data AS SELECT %s FROM read_csv('%s')", columns,
                     scene_path(scene, "data.csv")),
         &error);
    struct ps_bytes text = {0};
    must(ps_file_read(scene_path(scene, reference), (size_t)64 << 20, scene->arena, &text, &error), &error);
    scene->reference = yyjson_read(text.data, text.size, 0);
    assert_non_null(scene->reference);
    *state = scene;
    return 0;
}

static inline int scene_close(void **state) {
    struct scene *scene = *state;
    yyjson_doc_free(scene->reference);
    ps_connection_close(scene->connection);
    ps_engine_close(scene->engine);
    ps_arena_free(scene->arena);
    ps_release(scene);
    return 0;
}

/* Trains what CREATE MODEL says; the caller frees the candidate. */
static inline struct ps_candidate *scene_train(struct scene *scene, const char *statement) {
    struct penstock_error error = {0};
    struct ps_statement *statements = NULL;
    size_t count = 0;
    must(ps_statements_parse("reference.sql", statement, strlen(statement), NULL, 0, scene->arena,
                             &statements, &count, &error),
         &error);
    const struct ps_node node = {
        .kind = PS_NODE_MODEL, .name = statements[0].name, .statement = &statements[0]};
    const struct ps_train_options options = {
        .node = &node, .connection = scene->connection, .thread_count = 2, .memory_max = (int64_t)512 << 20};
    struct ps_candidate *candidate = NULL;
    must(ps_model_train(&options, &candidate, &error), &error);
    return candidate;
}

#endif
