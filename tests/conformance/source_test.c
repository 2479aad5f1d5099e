/* SPDX-License-Identifier: Apache-2.0
 *
 * source_test.c - the source suite over every row of ps_source_types, and over sources that are wrong on purpose.
 *
 * A new connector adds its quirks here; a row of the table without quirks fails the test.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <zlib.h>

#include "base/file.h"
#include "source_suite.h"

/* --- a world of files ------------------------------------------------------------------------------------ */

struct source_world {
    char folder[64];
    const char *extension; /* ndjson, csv, ndjson.gz, parquet */
    struct ps_arena *arena;
    char name[64];
};

static struct ps_column_schema columns[] = {{"part", "INTEGER", PS_TYPE_INTEGER, true},
                                            {"number", "INTEGER", PS_TYPE_INTEGER, true},
                                            {"note", "VARCHAR", PS_TYPE_VARCHAR, false}};
static const struct ps_schema schema = {columns, 3};

static struct source_world *make_files(const struct source_quirks *quirks) {
    struct source_world *world = calloc(1, sizeof(*world));
    world->extension = quirks->name + strlen("file/");
    world->arena = ps_arena_new(0);
    snprintf(world->folder, sizeof(world->folder), "penstock-source-XXXXXX");
    assert_non_null(mkdtemp(world->folder));
    return world;
}

static void destroy_files(struct source_world *world) {
    char command[96];
    snprintf(command, sizeof(command), "rm -rf '%s'", world->folder);
    assert_int_equal(system(command), 0);
    ps_arena_free(world->arena);
    free(world);
}

static const char *file_name(struct source_world *world, int partition) {
    snprintf(world->name, sizeof(world->name), "p%03d.%s", partition, world->extension);
    return world->name;
}

static const char *file_path(struct source_world *world, int partition) {
    return ps_path_join(world->arena, world->folder, file_name(world, partition));
}

static struct ps_source *open_files(struct source_world *world, const struct source_quirks *quirks,
                                    struct ps_source_setup *setup_out) {
    struct penstock_error error = {0};
    struct ps_source *source = NULL;
    const bool is_csv = strstr(world->extension, "csv") != NULL,
               is_parquet = strcmp(world->extension, "parquet") == 0;
    void *config = ps_arena_allocate(world->arena, 1, quirks->type->config_size);
    *setup_out = (struct ps_source_setup){.name = "records", .folder = world->folder, .schema = &schema};
    setup_out->encode = is_parquet ? "parquet" : is_csv ? "csv" : "json";
    setup_out->codec = is_parquet ? NULL : ps_codec_find(setup_out->encode);
    if (setup_out->codec != NULL) {
        void *codec_config = ps_arena_allocate(world->arena, 1, setup_out->codec->config_size);
        assert_int_equal(ps_option_defaults(setup_out->codec->options, codec_config, world->arena, &error),
                         PENSTOCK_OK);
        setup_out->codec_config = codec_config;
    }
    assert_int_equal(ps_option_defaults(quirks->type->options, config, world->arena, &error), PENSTOCK_OK);
    const char *pattern = ps_arena_printf(world->arena, "*.%s", world->extension);
    assert_int_equal(ps_option_set(quirks->type->options, config, "path", pattern, world->arena, &error),
                     PENSTOCK_OK);
    if (ps_source_open(quirks->type, setup_out, config, &source, &error) != PENSTOCK_OK) {
        fail_msg("%s", error.message);
    }
    return source;
}

/* Every 13th record is bad, and can still be told by (partition number). Notes differ in length. */
static size_t write_record(char *out, bool is_csv, int partition, int number) {
    if (is_csv) {
        return number % 13 == 0 ? (size_t)sprintf(out, "%d;%d\n", partition, number)
                                : (size_t)sprintf(out, "%d,%d,\"%.*s\n\"\"x\"\"\"\r\n", partition, number,
                                                  number % 40, "a note that is now short and then longer");
    }
    return number % 13 == 0
               ? (size_t)sprintf(out, "{\"part\":%d,\"number\":%d,\n", partition, number)
               : (size_t)sprintf(out, "{\"note\":\"%.*s\",\"part\":%d,\"number\":%d}\n", number % 40,
                                 "a note that is now short and then longer", partition, number);
}

static void append_text(struct source_world *world, int partition, int first, int count) {
    const bool is_csv = strstr(world->extension, "csv") != NULL,
               is_packed = strstr(world->extension, ".gz") != NULL;
    char *text = malloc((size_t)count * 128 + 64);
    size_t size = is_csv && first == 0 ? (size_t)sprintf(text, "part,number,note\n") : 0;
    for (int i = 0; i < count; i++) {
        size += write_record(text + size, is_csv, partition, first + i);
    }
    if (is_packed) {
        gzFile file = gzopen(file_path(world, partition), "ab");
        assert_int_equal(gzwrite(file, text, (unsigned)size), (int)size);
        gzclose(file);
    } else {
        FILE *file = fopen(file_path(world, partition), "ab");
        assert_int_equal(fwrite(text, 1, size, file), size);
        fclose(file);
    }
    free(text);
}

static void append_parquet(struct source_world *world, int partition, int first, int count) {
    struct ps_engine *engine = NULL;
    struct ps_connection *connection = NULL;
    struct penstock_error error = {0};
    const struct ps_engine_options options = {.thread_count = 1};
    if (ps_engine_open(&options, &engine, &error) != PENSTOCK_OK) {
        fail_msg("%s: %s", error.message, error.detail);
    }
    assert_int_equal(ps_connection_open(engine, &connection, &error), PENSTOCK_OK);
    assert_int_equal(
        ps_sql_runf(
            connection, &error,
            "COPY (SELECT CAST(%d + i AS BIGINT) AS number, 'note ' || i AS \"Note\", CAST(%d AS SMALLINT) "
            "AS part FROM range(%d) t(i)) TO '%s' (FORMAT parquet, ROW_GROUP_SIZE 2048)",
            first, partition, count, file_path(world, partition)),
        PENSTOCK_OK);
    ps_connection_close(connection);
    ps_engine_close(engine);
}

/* --- damage ---------------------------------------------------------------------------------------------- */

static void shrink_file(struct source_world *world, int partition) {
    assert_int_equal(truncate(file_path(world, partition), 100), 0);
}

/* The same length, other bytes at the beginning (for gzip and Parquet: within what is packed). */
static void change_file(struct source_world *world, int partition) {
    FILE *file = fopen(file_path(world, partition), "r+b");
    assert_non_null(file);
    fseek(file, 40, SEEK_SET);
    const int byte = fgetc(file);
    fseek(file, 40, SEEK_SET);
    fputc(byte ^ 1, file);
    fclose(file);
}

static void remove_file(struct source_world *world, int partition) {
    assert_int_equal(unlink(file_path(world, partition)), 0);
}

static bool identify_json(struct ps_bytes raw, int *partition_out, int *number_out) {
    char text[64];
    snprintf(text, sizeof(text), "%.*s", (int)(raw.size < 60 ? raw.size : 60), raw.data);
    return sscanf(text, "{\"part\":%d,\"number\":%d", partition_out, number_out) == 2;
}

static bool identify_csv(struct ps_bytes raw, int *partition_out, int *number_out) {
    char text[64];
    snprintf(text, sizeof(text), "%.*s", (int)(raw.size < 60 ? raw.size : 60), raw.data);
    return sscanf(text, "%d;%d", partition_out, number_out) == 2;
}

static struct source_quirks file_quirks(const char *name, int record_count) {
    const bool is_text = strstr(name, "parquet") == NULL;
    return (struct source_quirks){
        .name = name,
        .type = ps_source_type_find("file"),
        .make = make_files,
        .destroy = destroy_files,
        .open = open_files,
        .append = is_text ? append_text : append_parquet,
        .can_grow = is_text && strstr(name, ".gz") == NULL,
        .shrink = shrink_file,
        .change = change_file,
        .vanish = remove_file,
        .partition_name = file_name,
        .record_count = record_count,
        .has_bad_records = is_text,
        .identify = strstr(name, "csv") != NULL ? identify_csv : identify_json,
    };
}

static void pass(struct source_quirks quirks) {
    const char *fault = source_suite_run(&quirks);
    if (fault != NULL) {
        fail_msg("%s", fault);
    }
}

static void file_ndjson(void **state) {
    (void)state;
    pass(file_quirks("file/ndjson", 200));
}

static void file_csv(void **state) {
    (void)state;
    pass(file_quirks("file/csv", 200));
}

static void file_ndjson_gzip(void **state) {
    (void)state;
    pass(file_quirks("file/ndjson.gz", 200));
}

static void file_csv_gzip(void **state) {
    (void)state;
    pass(file_quirks("file/csv.gz", 200));
}

static void file_parquet(void **state) {
    (void)state;
    pass(file_quirks("file/parquet", 9000));
}

/* Those of HBase are in source_hbase.c, for tests/services, and those of Kafka in source_kafka_test.c. */
static void every_type_has_quirks(void **state) {
    (void)state;
    static const char *const names[] = {"file", "hbase", "kafka"};
    for (size_t i = 0; ps_source_types[i] != NULL; i++) {
        assert_true(i < sizeof names / sizeof names[0]);
        assert_string_equal(ps_source_types[i]->name, names[i]);
    }
}

/* --- canaries: the suite must not let them pass ---------------------------------------------------------- */

enum canary_kind { CANARY_FORGETS, CANARY_DUPLICATES, CANARY_DRIFTS, CANARY_BLIND };
static enum canary_kind canary_kind;
static int canary_plan_count;

/* Blanks the last record of a block out: the size is right, the record is gone. */
static void forget_last(struct ps_raw *raw) {
    for (size_t at = raw->size - 1; at > 0 && raw->data[at - 1] != '\n'; at--) {
        raw->data[at - 1] = ' ';
    }
}

/* Puts the first record's number into the second one. */
static void duplicate_first(struct ps_raw *raw) {
    char *first = memmem(raw->data, raw->size, "\"number\":", 9);
    char *second = first == NULL
                       ? NULL
                       : memmem(first + 9, (size_t)(raw->data + raw->size - first - 9), "\"number\":", 9);
    if (second != NULL && first[10] == second[10]) {
        second[9] = first[9];
    } else if (second != NULL) {
        second[9] = '0';
    }
}

static penstock_code canary_read(void *state, const struct ps_slice *slice, struct ps_raw *raw_out,
                                 struct penstock_error *error) {
    PS_TRY(ps_source_type_find("file")->read(state, slice, raw_out, error));
    if (canary_kind == CANARY_FORGETS) {
        forget_last(raw_out);
    } else if (canary_kind == CANARY_DUPLICATES) {
        duplicate_first(raw_out);
    }
    return PENSTOCK_OK;
}

static penstock_code canary_plan(void *state, const struct ps_epoch_limits *limits, struct ps_range *range,
                                 struct penstock_error *error) {
    struct ps_epoch_limits own = *limits;
    own.slice_size += canary_kind == CANARY_DRIFTS ? canary_plan_count++ % 2 * 100 : 0;
    return ps_source_type_find("file")->plan(state, &own, range, error);
}

/* Takes the fingerprints out of the positions it is given. */
static penstock_code canary_seek(void *state, const struct ps_position_list *positions,
                                 struct penstock_error *error) {
    struct ps_position_list blind;
    PS_TRY(ps_position_list_init(&blind, error));
    for (size_t i = 0; i < positions->count; i++) {
        struct ps_position position = positions->items[i];
        position.state = canary_kind == CANARY_BLIND ? "" : position.state;
        assert_int_equal(ps_position_list_set(&blind, &position, error), PENSTOCK_OK);
    }
    const penstock_code code = ps_source_type_find("file")->seek(state, &blind, error);
    ps_position_list_done(&blind);
    return code;
}

static void canaries_are_caught(void **state) {
    (void)state;
    static const char *const expected[] = {"is missing", "is there twice", "another plan",
                                           "nothing was noticed"};
    struct ps_source_type type = *ps_source_type_find("file");
    type.read = canary_read;
    type.plan = canary_plan;
    type.seek = canary_seek;
    for (int kind = CANARY_FORGETS; kind <= CANARY_BLIND; kind++) {
        struct source_quirks quirks = file_quirks("file/ndjson", 200);
        quirks.type = &type;
        canary_kind = (enum canary_kind)kind;
        const char *fault = source_suite_run(&quirks);
        if (fault == NULL) {
            fail_msg("canary %d passed", kind);
        }
        if (strstr(fault, expected[kind]) == NULL && kind != CANARY_FORGETS) {
            fail_msg("canary %d: %s", kind, fault);
        }
    }
}

/* A plan with a gap does not get past the wrapper: it stops the process before anything is committed. */
static penstock_code gap_plan(void *state, const struct ps_epoch_limits *limits, struct ps_range *range,
                              struct penstock_error *error) {
    PS_TRY(ps_source_type_find("file")->plan(state, limits, range, error));
    if (range->slice_count > 1) {
        range->slices[1].begin++;
    }
    return PENSTOCK_OK;
}

static void a_plan_with_a_gap_stops(void **state) {
    (void)state;
    struct ps_source_type type = *ps_source_type_find("file");
    type.plan = gap_plan;
    struct source_quirks quirks = file_quirks("file/ndjson", 200);
    quirks.type = &type;
    struct suite_run run;
    suite_begin(&run, &quirks, 1);
    const pid_t child = fork();
    if (child == 0) {
        struct ps_range *range = NULL;
        (void)!freopen("/dev/null", "w", stderr);
        signal(SIGABRT, SIG_DFL);
        _exit(ps_source_plan(run.source, &suite_small, &range, NULL) == PENSTOCK_OK ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_null(suite_end(&run, "", PENSTOCK_OK));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_ndjson),         cmocka_unit_test(file_csv),
        cmocka_unit_test(file_ndjson_gzip),    cmocka_unit_test(file_csv_gzip),
        cmocka_unit_test(file_parquet),        cmocka_unit_test(every_type_has_quirks),
        cmocka_unit_test(canaries_are_caught), cmocka_unit_test(a_plan_with_a_gap_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
