/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_files.h - the sinks that write files, in the ways they can be set, each with a reader that is not told what the
 * sink thinks it has written: DuckDB over the files. A world is a folder.
 */
#ifndef TESTS_CONFORMANCE_SINK_FILES_H
#define TESTS_CONFORMANCE_SINK_FILES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/file.h"
#include "connect/create.h"
#include "sink_suite.h"

struct kind {
    struct sink_quirks quirks;
    const char *connector, *encode;
    const char *settings[3][2]; /* besides connector */
    const char *reader;         /* a relation with a column id; %s: the folder */
    const char *files;          /* there is nothing to read before one of them is there */
    /* for sink_crash_test.c */
    bool is_in_crash_test, is_exact_at_once;
    long stride;
};

struct sink_world {
    const struct kind *kind;
    char folder[64];
    struct ps_arena *arena;
    struct ps_engine *engine;
    struct ps_setting settings[4];
    struct ps_sink_statement statement;
    void *config;
};

static inline struct sink_world *make_world(const struct sink_quirks *quirks) {
    struct sink_world *world = calloc(1, sizeof(*world));
    assert_non_null(world);
    memcpy(&world->kind, &quirks, sizeof(quirks)); /* the quirks are the kind's first member */
    snprintf(world->folder, sizeof(world->folder), "penstock-sink-XXXXXX");
    assert_non_null(mkdtemp(world->folder));
    world->arena = ps_arena_new(0);
    const struct ps_engine_options options = {.thread_count = 1};
    assert_int_equal(ps_engine_open(&options, &world->engine, NULL), PENSTOCK_OK);
    return world;
}

static inline void destroy_world(struct sink_world *world) {
    char command[96];
    snprintf(command, sizeof(command), "rm -rf '%s'", world->folder);
    assert_int_equal(system(command), 0);
    ps_engine_close(world->engine);
    ps_arena_free(world->arena);
    free(world);
}

static inline const void *config_of_world(struct sink_world *world) {
    const struct ps_sink_type *type = world->kind->quirks.type;
    world->config = ps_arena_allocate(world->arena, 1, type->config_size);
    assert_int_equal(ps_option_defaults(type->options, world->config, world->arena, NULL), PENSTOCK_OK);
    for (size_t i = 0; i < world->statement.setting_count; i++) {
        struct penstock_error error = {0};
        if (ps_option_set(type->options, world->config, world->settings[i].name, world->settings[i].value,
                          world->arena, &error) != PENSTOCK_OK) {
            fail_msg("%s", error.message);
        }
    }
    return world->config;
}

static inline void set_up_world(struct sink_world *world, struct ps_sink_setup *setup) {
    size_t count = 0;
    while (count < 3 && world->kind->settings[count][0] != NULL) {
        world->settings[count] = (struct ps_setting){.name = world->kind->settings[count][0],
                                                     .value = world->kind->settings[count][1]};
        count++;
    }
    world->statement = (struct ps_sink_statement){.connector = world->kind->connector,
                                                  .encode = world->kind->encode,
                                                  .settings = world->settings,
                                                  .setting_count = count};
    setup->statement = &world->statement;
    setup->encode = world->kind->encode;
    setup->folder = world->folder;
}

static inline bool has_files(struct sink_world *world) {
    char **paths = NULL;
    size_t count = 0;
    const char *pattern = ps_path_join(world->arena, world->folder, world->kind->files);
    assert_int_equal(ps_file_glob(pattern, world->arena, &paths, &count, NULL), PENSTOCK_OK);
    return count > 0;
}

static inline void count_records(struct sink_world *world, int *times) {
    struct ps_connection *connection PS_SCOPED(ps_connection_close_scoped) = NULL;
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    struct penstock_error error = {0};
    char relation[2048], sql[4096];
    if (!has_files(world)) {
        return;
    }
    /* every %s is the folder */
    size_t length = 0;
    for (const char *at = world->kind->reader; *at != '\0'; at++) {
        if (strncmp(at, "%s", 2) == 0) {
            length += (size_t)snprintf(relation + length, sizeof(relation) - length, "%s", world->folder);
            at++;
        } else {
            relation[length++] = *at;
        }
    }
    relation[length] = '\0';
    assert_int_equal(ps_connection_open(world->engine, &connection, NULL), PENSTOCK_OK);
    snprintf(sql, sizeof(sql), "SELECT id::BIGINT, count(*) FROM %s GROUP BY id", relation);
    if (ps_sql_query(connection, sql, &result, &error) != PENSTOCK_OK) {
        fail_msg("%s: %s", sql, error.message);
    }
    for (int64_t row = 0; row < ps_result_row_count(result); row++) {
        const int64_t id = ps_result_integer(result, row, 0);
        if (id >= 0 && id < SINK_SUITE_RECORDS) {
            times[id] += (int)ps_result_integer(result, row, 1);
        }
    }
}

#define QUIRKS(title) \
    { \
        .name = (title), .keeps_positions = true, .make = make_world, .destroy = destroy_world, \
        .config = config_of_world, .set_up = set_up_world, .count = count_records \
    }

/* The files that the log adds and does not remove, without a checkpoint's help. */
#define LIVE_FILES(folder) \
    "(WITH log AS (FROM read_json('%s/" folder \
    "/_delta_log/*.json', format = 'newline_delimited', columns = {" \
    "\"add\": 'STRUCT(path VARCHAR)', remove: 'STRUCT(path VARCHAR)'}))" \
    " SELECT id FROM read_parquet('%s/" folder "/part-*.parquet', filename = true)" \
    " WHERE parse_filename(filename) IN (SELECT add.path FROM log WHERE add IS NOT NULL)" \
    " AND parse_filename(filename) NOT IN (SELECT remove.path FROM log WHERE remove IS NOT NULL))"

static struct kind kinds[] = {
    {.quirks = QUIRKS("file_json"),
     .connector = "file",
     .encode = "json",
     .settings = {{"path", "out/a.ndjson"}},
     .reader = "read_json('%s/out/a.ndjson', columns = {id: 'BIGINT'}, format = 'newline_delimited')",
     .files = "out/a.ndjson"},
    {.quirks = QUIRKS("file_csv"),
     .connector = "file",
     .encode = "csv",
     .settings = {{"path", "a.csv"}},
     .reader = "read_csv('%s/a.csv', header = true, columns = {id: 'BIGINT'}, auto_detect = false)",
     .files = "a.csv"},
    {.quirks = QUIRKS("file_rotated"),
     .is_in_crash_test = true,
     .is_exact_at_once = false,
     .stride = 2,
     .connector = "file",
     .encode = "csv",
     .settings = {{"path", "out/a.csv"}, {"rotate.epochs", "1"}},
     .reader = "read_csv('%s/out/a-*.csv', header = true, columns = {id: 'BIGINT'}, auto_detect = false)",
     .files = "out/a-*.csv"},
    {.quirks = QUIRKS("parquet"),
     .connector = "parquet",
     .encode = "parquet",
     .settings = {{"path", "out/[a]"}},
     .reader = "read_parquet('%s/out/[[]a]/part-*.parquet')",
     .files = "out/\\[a\\]/part-*.parquet"},
    {.quirks = QUIRKS("parquet_compacted"),
     .is_in_crash_test = true,
     .is_exact_at_once = false,
     .stride = 3,
     .connector = "parquet",
     .encode = "parquet",
     .settings = {{"path", "a"}, {"compact.files", "2"}},
     .reader = "read_parquet('%s/a/part-*.parquet')",
     .files = "a/part-*.parquet"},
    {.quirks = QUIRKS("delta"),
     .connector = "delta",
     .encode = "parquet",
     .settings = {{"path", "out/t"}},
     .reader = LIVE_FILES("out/t"),
     .files = "out/t/part-*.parquet"},
    {.quirks = QUIRKS("delta_compacted"),
     .is_in_crash_test = true,
     .is_exact_at_once = true,
     .stride = 5,
     .connector = "delta",
     .encode = "parquet",
     .settings = {{"path", "t"}, {"compact.files", "2"}, {"checkpoint.interval", "1"}},
     .reader = LIVE_FILES("t"),
     .files = "t/part-*.parquet"},
};
#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

#endif
