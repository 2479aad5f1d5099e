/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_files_test.c - the sinks that write files, where the world is not as it should be: paths that are something
 * else, files that were changed, pipes, folders that may not be written, tables of others. And what they write, byte
 * by byte.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/file.h"
#include "connect/create.h"
#include "connect/sink_delta.h"
#include "connect/sink_disk.h"

#define SETTING_COUNT 8

struct place {
    char path[64];
    struct ps_arena *arena;
    struct ps_engine *engine;
    struct ps_connection *connection;
    struct ps_setting settings[SETTING_COUNT], encode_settings[SETTING_COUNT];
    struct ps_sink_statement statement;
    struct ps_sink_setup setup;
    struct ps_sink *sink;
    struct ps_position_list positions;
    struct penstock_error error;
    const char *select;
};

static void place_begin(struct place *place) {
    *place = (struct place){.arena = ps_arena_new(0)};
    snprintf(place->path, sizeof(place->path), "penstock-sinks-XXXXXX");
    assert_non_null(mkdtemp(place->path));
    const struct ps_engine_options options = {.thread_count = 1};
    assert_int_equal(ps_engine_open(&options, &place->engine, NULL), PENSTOCK_OK);
    assert_int_equal(ps_connection_open(place->engine, &place->connection, NULL), PENSTOCK_OK);
    assert_int_equal(ps_position_list_init(&place->positions, NULL), PENSTOCK_OK);
    place->statement.settings = place->settings;
    place->statement.encode_settings = place->encode_settings;
    place->setup =
        (struct ps_sink_setup){.name = "s", .project = "p", .store_id = "one", .folder = place->path};
}

static void place_end(struct place *place) {
    char command[200];
    ps_sink_close(place->sink);
    ps_connection_close(place->connection);
    ps_engine_close(place->engine);
    ps_position_list_done(&place->positions);
    ps_arena_free(place->arena);
    snprintf(command, sizeof(command), "chmod -R u+w '%s'; rm -rf '%s'", place->path, place->path);
    assert_int_equal(system(command), 0);
}

/* "a=b", NULL at the end, after the connector. */
static void place_set(struct place *place, const char *connector, const char *const *settings) {
    place->statement.connector = connector;
    place->settings[0] = (struct ps_setting){"connector", connector, {"s.sql", 1, 1}};
    place->statement.setting_count = 1;
    for (; *settings != NULL; settings++) {
        const char *equals = strchr(*settings, '=');
        place->settings[place->statement.setting_count++] =
            (struct ps_setting){ps_arena_copy_size(place->arena, *settings, (size_t)(equals - *settings)),
                                equals + 1,
                                {"s.sql", 1, 1}};
    }
}
/* The last one is left out when it is NULL. */
#define SET(place, connector, first, second) \
    place_set(place, connector, (const char *const[]){first, second, NULL})

static penstock_code place_open(struct place *place, const char *select) {
    const char **names = NULL, **types = NULL;
    ps_sink_close(ps_take(place->sink));
    place->select = select;
    assert_int_equal(ps_sql_describe(place->connection, select, place->arena, &names, &types,
                                     &place->setup.column_count, NULL, &place->error),
                     PENSTOCK_OK);
    place->setup.column_names = names;
    place->setup.column_types = types;
    return ps_sink_create(&place->statement, &place->setup, place->arena, &place->sink, &place->error);
}

static penstock_code place_recover(struct place *place, int64_t attempt, int64_t *epoch_out) {
    struct ps_epoch epoch = {0};
    ps_position_list_done(&place->positions);
    assert_int_equal(ps_position_list_init(&place->positions, NULL), PENSTOCK_OK);
    PS_TRY(ps_sink_recover(place->sink, attempt, &epoch, &place->positions, &place->error));
    *epoch_out = epoch.number;
    return PENSTOCK_OK;
}

static penstock_code place_epoch(struct place *place, int64_t number, int64_t attempt) {
    const struct ps_epoch epoch = {number, attempt};
    int64_t row_count = 0;
    PS_TRY(ps_sink_begin(place->sink, epoch, &place->error));
    PS_TRY(ps_sink_write_query(place->sink, place->connection, place->select, &row_count, &place->error));
    return ps_sink_commit(place->sink, epoch, &place->positions, &place->error);
}

static void start(struct place *place, const char *select, int64_t attempt, int64_t wanted) {
    int64_t epoch = -1;
    if (place_open(place, select) != PENSTOCK_OK || place_recover(place, attempt, &epoch) != PENSTOCK_OK) {
        fail_msg("%s", place->error.message);
    }
    assert_int_equal(epoch, wanted);
}

static void must(struct place *place, penstock_code code) {
    if (code != PENSTOCK_OK) {
        fail_msg("%s (%s)", place->error.message, place->error.detail);
    }
}

static void expect_error(struct place *place, penstock_code got, penstock_code wanted, const char *message,
                         const char *hint) {
    if (got != wanted || strstr(place->error.message, message) == NULL ||
        strstr(place->error.hint, hint) == NULL) {
        fail_msg("%d: %s | %s", (int)got, place->error.message, place->error.hint);
    }
}

static const char *at(struct place *place, const char *name) {
    return ps_path_join(place->arena, place->path, name);
}

static void expect_file(struct place *place, const char *name, const char *wanted) {
    struct ps_bytes content = {0};
    assert_int_equal(ps_file_read(at(place, name), 1 << 20, place->arena, &content, NULL), PENSTOCK_OK);
    assert_string_equal(content.data, wanted);
}

static void append_to(struct place *place, const char *name, const char *text) {
    FILE *file = fopen(at(place, name), "a");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* --- file ---------------------------------------------------------------------------------------------------- */

static void lines_as_asked_for(void **state) {
    struct place place;
    (void)state;
    place_begin(&place);
    SET(&place, "file", "path=a.json", NULL);
    start(&place,
          "SELECT 1 AS i, 'ä\"' AS s, 'nan'::DOUBLE AS d, 2.5::FLOAT AS f, NULL::INTEGER AS n, [1, 2] AS l,"
          " TIMESTAMP '2013-01-02 03:04:05' AS t -- the end",
          1, 0);
    must(&place, place_epoch(&place, 1, 1));
    expect_file(
        &place, "a.json",
        "{\"i\":1,\"s\":\"ä\\\"\",\"d\":null,\"f\":2.5,\"n\":null,\"l\":[1,2],\"t\":\"2013-01-02 03:04:05\"}\n");
    SET(&place, "file", "path=deep/er/a.csv", NULL);
    place.statement.encode = "csv";
    place.encode_settings[0] = (struct ps_setting){"delimiter", ";", {"s.sql", 1, 1}};
    place.encode_settings[1] = (struct ps_setting){"null", "-", {"s.sql", 1, 1}};
    place.encode_settings[2] = (struct ps_setting){"timestampformat", "%d.%m.%Y", {"s.sql", 1, 1}};
    place.statement.encode_setting_count = 3;
    start(&place, "SELECT 1 AS i, 'a;b' AS s, NULL::INTEGER AS n, TIMESTAMP '2013-01-02 03:04:05' AS t", 1,
          0);
    must(&place, place_epoch(&place, 1, 1));
    must(&place, place_epoch(&place, 2, 1));
    expect_file(&place, "deep/er/a.csv", "i;s;n;t\n1;\"a;b\";-;02.01.2013\n1;\"a;b\";-;02.01.2013\n");
    place.encode_settings[0].name = "delimeter";
    expect_error(&place, place_open(&place, "SELECT 1 AS i"), PENSTOCK_INVALID_PROJECT, "delimeter",
                 "delimiter");
    place_end(&place);
}

static void a_file_that_changed(void **state) {
    struct place place;
    int64_t epoch = 0;
    (void)state;
    place_begin(&place);
    SET(&place, "file", "path=a.json", NULL);
    start(&place, "SELECT 1 AS i", 1, 0);
    must(&place, place_epoch(&place, 1, 1));
    append_to(&place, "a.json", "{\"i\":2");
    start(&place, "SELECT 1 AS i", 2, 1);
    expect_file(&place, "a.json", "{\"i\":1}\n"); /* what no epoch has is cut off */
    assert_int_equal(truncate(at(&place, "a.json"), 3), 0);
    must(&place, place_open(&place, "SELECT 1 AS i"));
    expect_error(&place, place_recover(&place, 3, &epoch), PENSTOCK_INVALID_DATA,
                 "shrank: 8 bytes of it are committed, now it has 3", "put the file back");
    assert_int_equal(truncate(at(&place, "a.json"), 0), 0);
    append_to(&place, "a.json", "{\"j\":1}\n");
    must(&place, place_open(&place, "SELECT 1 AS i"));
    expect_error(&place, place_recover(&place, 3, &epoch), PENSTOCK_INVALID_DATA,
                 "changed: its first 8 bytes", "");
    assert_int_equal(unlink(at(&place, "a.json.penstock")), 0);
    must(&place, place_open(&place, "SELECT 1 AS i"));
    expect_error(&place, place_recover(&place, 3, &epoch), PENSTOCK_ALREADY_EXISTS,
                 "has 8 bytes that this sink did not write", "another path");
    append_to(&place, "a.json.penstock", "{\"half");
    must(&place, place_open(&place, "SELECT 1 AS i"));
    expect_error(&place, place_recover(&place, 3, &epoch), PENSTOCK_INVALID_DATA,
                 "a.json.penstock is not what", "");
    place_end(&place);
}

static void another_store_or_sink(void **state) {
    static const char *const connectors[] = {"file", "parquet", "delta"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct place place;
        int64_t epoch = 0;
        place_begin(&place);
        SET(&place, connectors[i], "path=a", NULL);
        start(&place, "SELECT 1 AS i", 7, 0);
        must(&place, place_epoch(&place, 1, 7));
        place.setup.store_id = "two";
        must(&place, place_open(&place, "SELECT 1 AS i"));
        expect_error(&place, place_recover(&place, 1, &epoch), PENSTOCK_INVALID_DATA,
                     "1 epochs of another store", "on_other_store = 'replace'");
        SET(&place, connectors[i], "path=a", "on_other_store=replace");
        start(&place, "SELECT 2 AS i", 1, 0);
        must(&place, place_epoch(&place, 1, 1));
        start(&place, "SELECT 2 AS i", 2, 1);
        if (i < 2) { /* a Delta table may have several sinks */
            place.setup.name = "t";
            must(&place, place_open(&place, "SELECT 1 AS i"));
            expect_error(&place, place_recover(&place, 1, &epoch), PENSTOCK_ALREADY_EXISTS,
                         "belongs to sink s of project p", "path of its own");
        }
        place_end(&place);
    }
}

static void pipes(void **state) {
    struct place place;
    int64_t epoch = 0;
    char text[64] = "";
    (void)state;
    place_begin(&place);
    assert_int_equal(mkfifo(at(&place, "pipe"), 0600), 0);
    SET(&place, "file", "path=pipe", NULL);
    must(&place, place_open(&place, "SELECT 1 AS i"));
    expect_error(&place, place_recover(&place, 1, &epoch), PENSTOCK_UNSUPPORTED, "cannot keep exactly_once",
                 "at_least_once");
    SET(&place, "file", "path=pipe", "delivery=at_least_once");
    start(&place, "SELECT 1 AS i", 1, 0);
    expect_error(&place, place_epoch(&place, 1, 1), PENSTOCK_BUSY, "nobody reads the pipe", "reader");
    const int reader = open(at(&place, "pipe"), O_RDONLY | O_NONBLOCK);
    assert_int_equal(ps_sink_discard(place.sink, NULL), PENSTOCK_OK);
    start(&place, "SELECT 1 AS i", 2, 0);
    must(&place, place_epoch(&place, 1, 2));
    assert_int_equal(read(reader, text, sizeof(text) - 1), 8);
    assert_string_equal(text, "{\"i\":1}\n");
    close(reader);
    start(&place, "SELECT 1 AS i", 3, 1);
    place_end(&place);
}

static void rotation(void **state) {
    struct place place;
    int64_t epoch = 0;
    (void)state;
    place_begin(&place);
    SET(&place, "file", "path=a.b.csv", "rotate.size=8");
    place.statement.encode = "csv";
    start(&place, "SELECT 'text' AS s", 1, 0);
    for (int64_t number = 1; number <= 3; number++) {
        must(&place, place_epoch(&place, number, 1));
    }
    expect_file(&place, "a.b-000001.csv", "s\ntext\ntext\n");
    expect_file(&place, "a.b-000002.csv", "s\ntext\n");
    append_to(&place, "a.b-000003.csv", "of an epoch that was not committed");
    start(&place, "SELECT 'text' AS s", 2, 3);
    assert_false(ps_file_exists(at(&place, "a.b-000003.csv")));
    SET(&place, "file", "path=a.b.csv", NULL);
    must(&place, place_open(&place, "SELECT 'text' AS s"));
    expect_error(&place, place_recover(&place, 3, &epoch), PENSTOCK_INVALID_ARGUMENT,
                 "was written with rotation", "");
    place_end(&place);
}

/* --- all ----------------------------------------------------------------------------------------------------- */

static void places_that_cannot_be(void **state) {
    static const char *const connectors[] = {"file", "parquet", "delta"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct place place;
        int64_t epoch = 0;
        place_begin(&place);
        append_to(&place, "plain", "a file");
        SET(&place, connectors[i], "path=plain/a", NULL);
        must(&place, place_open(&place, "SELECT 1 AS i"));
        expect_error(&place, place_recover(&place, 1, &epoch), PENSTOCK_IO, "plain", "");
        assert_int_equal(mkdir(at(&place, "folder"), 0755), 0);
        SET(&place, connectors[i], i == 0 ? "path=folder" : "path=plain", NULL);
        must(&place, place_open(&place, "SELECT 1 AS i"));
        expect_error(&place, place_recover(&place, 1, &epoch),
                     i == 0 ? PENSTOCK_INVALID_ARGUMENT : PENSTOCK_IO, i == 0 ? "is a folder" : "plain", "");
        if (geteuid() != 0) {
            assert_int_equal(chmod(at(&place, "folder"), 0555), 0);
            SET(&place, connectors[i], "path=folder/a", NULL);
            must(&place, place_open(&place, "SELECT 1 AS i"));
            expect_error(&place, place_recover(&place, 1, &epoch), PENSTOCK_IO, "permission denied",
                         "let the user");
        }
        place_end(&place);
    }
}

/* The device that is always full: the file sink's stage is fine, its target is not. */
static void a_full_disk(void **state) {
    struct place place;
    (void)state;
    place_begin(&place);
    assert_int_equal(symlink("/dev/full", at(&place, "full")), 0);
    SET(&place, "file", "path=full", "delivery=at_least_once");
    start(&place, "SELECT i FROM range(10000) t(i)", 1, 0);
    expect_error(&place, place_epoch(&place, 1, 1), PENSTOCK_IO, "disk is full", "free some space");
    place_end(&place);
}

static void columns_that_changed(void **state) {
    struct place place;
    int64_t epoch = 0;
    (void)state;
    place_begin(&place);
    SET(&place, "parquet", "path=a", "partition_by=P");
    start(&place, "SELECT 1::HUGEINT AS h, 'x' AS p, 2 AS i", 1, 0);
    must(&place, place_epoch(&place, 1, 1));
    must(&place, place_open(&place, "SELECT 1::HUGEINT AS h, 'x' AS p, 2::BIGINT AS i"));
    expect_error(&place, place_recover(&place, 2, &epoch), PENSTOCK_INVALID_DATA, "column i", "another path");
    must(&place, place_open(&place, "SELECT 1::HUGEINT AS h, 'x' AS p, 2 AS k"));
    expect_error(&place, place_recover(&place, 2, &epoch), PENSTOCK_INVALID_DATA, "column k", "another path");
    expect_error(&place, place_open(&place, "SELECT 1 AS i"), PENSTOCK_INVALID_PROJECT, "'P'", "");
    SET(&place, "parquet", "path=a", "partition_by=i");
    expect_error(&place, place_open(&place, "SELECT 1 AS i"), PENSTOCK_INVALID_PROJECT, "every column", "");
    char sql[256];
    int64_t count = 0;
    snprintf(sql, sizeof(sql),
             "SELECT count(*) FROM '%s/a/p=x/part-*.parquet' WHERE typeof(h) = 'DECIMAL(38,0)'", place.path);
    assert_int_equal(ps_sql_integer(place.connection, sql, &count, NULL), PENSTOCK_OK);
    assert_int_equal(count, 1);
    must(&place, ps_disk_remove(at(&place, "a/p=x/part-000000000001-1.parquet"), &place.error));
    SET(&place, "parquet", "path=a", "partition_by=p");
    must(&place, place_open(&place, "SELECT 1::HUGEINT AS h, 'x' AS p, 2 AS i"));
    expect_error(&place, place_recover(&place, 2, &epoch), PENSTOCK_INVALID_DATA, "now it has 0",
                 "put the file back");
    place_end(&place);
}

static void files_to_merge(void **state) {
    static const int64_t equal[] = {10, 10, 10, 10}, mixed[] = {500, 10, 10, 10, 10, 900, 10, 10};
    static const int64_t levels[] = {45, 45, 10, 45, 45, 10};
    static const int64_t large[] = {90, 40, 70}, few[] = {1, 1};
    size_t first = 99;
    (void)state;
    assert_int_equal(ps_parts_choose(equal, 4, 4, 1000, &first), 4);
    assert_int_equal(first, 0);
    assert_int_equal(ps_parts_choose(equal, 3, 4, 1000, &first), 0);
    assert_int_equal(ps_parts_choose(equal, 4, 0, 1000, &first), 0);
    assert_int_equal(ps_parts_choose(mixed, 8, 4, 1000, &first), 4);
    assert_int_equal(first, 1);
    /* an order of magnitude is 4: 45 is of a higher one than 10, and takes the smaller ones along */
    assert_int_equal(ps_parts_choose(levels, 6, 4, 320, &first), 5);
    assert_int_equal(first, 0);
    assert_int_equal(ps_parts_choose(large, 3, 2, 100, &first), 0); /* large enough, or alone */
    assert_int_equal(ps_parts_choose(few, 2, 2, 0, &first), 0);     /* no target: nothing is small */
    /* all files, whenever one comes: each row is written again a few times only, and few files are left */
    int64_t sizes[4096], written = 0;
    size_t count = 0;
    for (int i = 0; i < 4096; i++) {
        sizes[count++] = 10;
        for (size_t chosen; (chosen = ps_parts_choose(sizes, count, 8, 10000, &first)) > 0;) {
            int64_t size = 0;
            for (size_t k = first; k < first + chosen; k++) {
                size += sizes[k];
            }
            written += size;
            sizes[first] = size;
            memmove(sizes + first + 1, sizes + first + chosen, (count - first - chosen) * sizeof(sizes[0]));
            count -= chosen - 1;
        }
    }
    assert_true(written <= 4 * 40960);
    assert_true(count <= 32);
}

static void types_of_delta(void **state) {
    static const struct {
        const char *duckdb, *delta, *cast;
        bool has_zone_cast;
    } cases[] = {
        {"BIGINT", "\"long\"", "BIGINT", false},
        {"DECIMAL(18,3)", "\"decimal(18,3)\"", "DECIMAL(18,3)", false},
        {"TIMESTAMP", "\"timestamp\"", "TIMESTAMPTZ", true},
        {"TIMESTAMP WITH TIME ZONE[]",
         "{\"type\":\"array\",\"elementType\":\"timestamp\",\"containsNull\":true}",
         "TIMESTAMP WITH TIME ZONE[]", false},
        {"INTEGER[][3]",
         "{\"type\":\"array\",\"elementType\":{\"type\":\"array\",\"elementType\":\"integer\",\"containsNull\":true},"
         "\"containsNull\":true}",
         "INTEGER[][]", false},
        {"MAP(VARCHAR, HUGEINT)",
         "{\"type\":\"map\",\"keyType\":\"string\",\"valueType\":\"decimal(38,0)\",\"valueContainsNull\":true}",
         "MAP(VARCHAR, DECIMAL(38,0))", false},
        {"STRUCT(\"a \"\"b\" ENUM('x', 'it''s )'), c TIMESTAMP[])[]",
         "{\"type\":\"array\",\"elementType\":{\"type\":\"struct\",\"fields\":[{\"name\":\"a \\\"b\",\"type\":\"string\","
         "\"nullable\":true,\"metadata\":{}},{\"name\":\"c\",\"type\":{\"type\":\"array\",\"elementType\":\"timestamp\","
         "\"containsNull\":true},\"nullable\":true,\"metadata\":{}}]},\"containsNull\":true}",
         "STRUCT(\"a \"\"b\" VARCHAR, \"c\" TIMESTAMPTZ[])[]", true},
        {"UNION(a INTEGER)", NULL, NULL, false},
        {"TIMESTAMP_NS", NULL, NULL, false},
        {"STRUCT(a VARIANT)", NULL, NULL, false},
        {"INTEGER[", NULL, NULL, false},
        {"MAP(INTEGER, INTEGER, INTEGER)", NULL, NULL, false},
        {"STRUCT(", NULL, NULL, false},
        {"", NULL, NULL, false},
    };
    struct ps_arena *arena = ps_arena_new(0);
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *delta = NULL, *cast = NULL;
        bool has_zone_cast = false;
        assert_int_equal(ps_delta_type_of(cases[i].duckdb, arena, &delta, &cast, &has_zone_cast, NULL),
                         PENSTOCK_OK);
        if (cases[i].delta == NULL) {
            assert_null(delta);
            continue;
        }
        assert_non_null(delta);
        assert_string_equal(delta, cases[i].delta);
        assert_string_equal(cast, cases[i].cast);
        assert_int_equal(has_zone_cast, cases[i].has_zone_cast);
    }
    ps_arena_free(arena);
}

/* Opens, recovers and writes an epoch; the code of what failed. */
static penstock_code live(struct place *place, int64_t attempt) {
    struct ps_epoch epoch = {0};
    struct ps_sink *sink = NULL;
    int64_t row_count = 0;
    PS_TRY(ps_sink_create(&place->statement, &place->setup, place->arena, &sink, &place->error));
    penstock_code code = ps_sink_recover(sink, attempt, &epoch, &place->positions, &place->error);
    if (code == PENSTOCK_OK) {
        epoch = (struct ps_epoch){epoch.number + 1, attempt};
        code = ps_sink_begin(sink, epoch, &place->error);
        code = code != PENSTOCK_OK
                   ? code
                   : ps_sink_write_query(sink, place->connection, place->select, &row_count, &place->error);
        code = code != PENSTOCK_OK ? code : ps_sink_commit(sink, epoch, &place->positions, &place->error);
    }
    ps_sink_close(sink);
    return code;
}

/* Some allocation fails, whichever: an error with a sentence, and the next attempt works. */
static void memory_runs_out(void **state) {
    static const char *const connectors[] = {"file", "parquet", "delta"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct place place;
        int64_t attempt = 1, failed_count = 0;
        place_begin(&place);
        SET(&place, connectors[i], "path=a", NULL);
        start(&place, "SELECT 1 AS i, 'x' AS s", attempt++, 0);
        ps_sink_close(ps_take(place.sink));
        penstock_code code = PENSTOCK_INTERNAL;
        for (int64_t call = 1; code != PENSTOCK_OK; call += 1 + call / 12) {
            place.error.message[0] = '\0';
            ps_memory_fail_at(call);
            code = live(&place, attempt++);
            ps_memory_fail_at(0);
            assert_true(code == PENSTOCK_OK || place.error.message[0] != '\0');
            failed_count += code != PENSTOCK_OK ? 1 : 0;
        }
        assert_true(failed_count > 10);
        must(&place, live(&place, attempt));
        place_end(&place);
    }
}

static void locks(void **state) {
    struct place place;
    int first = -1, second = -1;
    (void)state;
    place_begin(&place);
    must(&place, ps_disk_lock(place.path, &first, &place.error));
    expect_error(&place, ps_disk_lock(place.path, &second, &place.error), PENSTOCK_BUSY,
                 "locked by another writer", "stopped");
    ps_disk_unlock_scoped(&first);
    must(&place, ps_disk_lock(place.path, &second, &place.error));
    ps_disk_unlock_scoped(&second);
    place_end(&place);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_as_asked_for),
        cmocka_unit_test(a_file_that_changed),
        cmocka_unit_test(another_store_or_sink),
        cmocka_unit_test(pipes),
        cmocka_unit_test(rotation),
        cmocka_unit_test(places_that_cannot_be),
        cmocka_unit_test(a_full_disk),
        cmocka_unit_test(columns_that_changed),
        cmocka_unit_test(files_to_merge),
        cmocka_unit_test(types_of_delta),
        cmocka_unit_test(memory_runs_out),
        cmocka_unit_test(locks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
