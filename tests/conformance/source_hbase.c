/* SPDX-License-Identifier: Apache-2.0
 *
 * source_hbase.c - the suite of all sources over a real HBase: a program for tests/services/hbase_source.py, which
 * knows where one is ($PENSTOCK_HBASE_MASTERS).
 *
 * A partition is a region of one table, whose rows a world deletes when it ends. What is new is looked for by the
 * time, so a plan waits a moment, and the suite's check that the same position gives the same plan is not for this
 * source: a pass ends at the time at which it began.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/clock.h"
#include "connect/create.h"
#include "hbase/admin.h"
#include "hbase/mutate.h"
#include "source_suite.h"

#define TABLE "suite"
#define PARTITION_COUNT 5
#define RECORD_COUNT 100
#define CELL_COUNT 3
#define BATCH_MAX 200
#define WAIT_NS (INT64_C(800) * 1000000)

struct source_world {
    struct ps_hbase *client;
    struct ps_arena *arena;
    struct ps_source_statement statement;
    struct ps_setting settings[5];
    int counts[PARTITION_COUNT]; /* rows */
    char name[32];
};

static struct ps_column_schema columns[] = {{"part", "INTEGER", PS_TYPE_INTEGER, false},
                                            {"number", "INTEGER", PS_TYPE_INTEGER, false},
                                            {"note", "VARCHAR", PS_TYPE_VARCHAR, false}};

static void must(penstock_code code, const struct penstock_error *error) {
    if (code != PENSTOCK_OK) {
        fail_msg("%s (%s)", error->message, error->detail);
    }
}

/* Also where it is there already: of a run before this one. */
static void make_table(struct source_world *world) {
    static const char *const families[] = {"f"};
    const struct ps_bytes splits[] = {PS_BYTES("p1"), PS_BYTES("p2"), PS_BYTES("p3"), PS_BYTES("p4")};
    struct penstock_error error = {0};
    const penstock_code code = ps_hbase_create_table(world->client, TABLE, families, 1, 1, splits, 4, &error);
    must(code == PENSTOCK_ALREADY_EXISTS ? PENSTOCK_OK : code, &error);
}

static struct source_world *make(const struct source_quirks *quirks) {
    (void)quirks;
    struct source_world *world = calloc(1, sizeof(*world));
    struct penstock_error error = {0};
    const char *const masters = getenv("PENSTOCK_HBASE_MASTERS");
    const struct ps_hbase_options options = {.masters = masters};
    must(ps_hbase_open(&options, &world->client, &error), &error);
    world->arena = ps_arena_new(0);
    make_table(world);
    const char *pairs[] = {
        "connector",     "hbase", "masters", masters,
        "table",         TABLE,   "mapping", "part f:part text, number f:number text, note f:note",
        "scan.interval", "10 ms"};
    for (size_t i = 0; i < 5; i++) {
        world->settings[i] = (struct ps_setting){pairs[2 * i], pairs[2 * i + 1], {"s.sql", 1, 1}};
    }
    world->statement = (struct ps_source_statement){.schema = {columns, 3},
                                                    .connector = "hbase",
                                                    .encode = "cells",
                                                    .settings = world->settings,
                                                    .setting_count = 5};
    return world;
}

/* Puts the rows, or deletes them. Every 13th record is bad, and can still be told by its row. */
static void write_rows(struct source_world *world, int partition, int first, int count, bool is_delete) {
    static char keys[BATCH_MAX][16], values[BATCH_MAX][CELL_COUNT][64];
    static struct ps_hbase_cell cells[BATCH_MAX][CELL_COUNT];
    static struct ps_hbase_mutation mutations[BATCH_MAX];
    static const char *const names[CELL_COUNT] = {"part", "number", "note"};
    struct penstock_error error = {0};
    assert_true(count <= BATCH_MAX);
    for (int i = 0; i < count; i++) {
        const int number = first + i;
        const int size = snprintf(keys[i], sizeof keys[i], "p%d/%06d", partition, number);
        snprintf(values[i][0], 64, "%d", partition);
        snprintf(values[i][1], 64, number % 13 == 0 ? "bad%d" : "%d", number);
        snprintf(values[i][2], 64, "%.*s", number % 40, "a note that is now short and then longer");
        for (size_t j = 0; j < CELL_COUNT; j++) {
            cells[i][j] = (struct ps_hbase_cell){.family = PS_BYTES("f"),
                                                 .qualifier = ps_bytes_of(names[j]),
                                                 .value = ps_bytes_of(values[i][j]),
                                                 .timestamp = PS_HBASE_LATEST,
                                                 .type = PS_HBASE_CELL_PUT};
        }
        mutations[i] = (struct ps_hbase_mutation){.row = {keys[i], (size_t)size},
                                                  .is_delete = is_delete,
                                                  .cells = cells[i],
                                                  .cell_count = is_delete ? 0 : CELL_COUNT};
    }
    must(ps_hbase_mutate(world->client, TABLE, mutations, (size_t)count, &error), &error);
}

static void append(struct source_world *world, int partition, int first, int count) {
    assert_true(partition < PARTITION_COUNT);
    write_rows(world, partition, first, count, false);
    world->counts[partition] = first + count;
}

static void destroy(struct source_world *world) {
    for (int i = 0; i < PARTITION_COUNT; i++) {
        if (world->counts[i] > 0) {
            write_rows(world, i, 0, world->counts[i], true);
        }
    }
    ps_clock_sleep_ms(3); /* a delete hides what is put in the same millisecond */
    ps_hbase_close(world->client);
    ps_arena_free(world->arena);
    free(world);
}

static struct ps_source *open_table(struct source_world *world, const struct source_quirks *quirks,
                                    struct ps_source_setup *setup_out) {
    struct penstock_error error = {0};
    struct ps_source *made = NULL, *source = NULL;
    must(ps_source_create(&world->statement, "s", ".", world->arena, &made, setup_out, &error), &error);
    ps_source_close(made); /* it made the setup; the suite's type waits for what was just written */
    const struct ps_option *options = quirks->type->options;
    void *config = ps_arena_allocate(world->arena, 1, quirks->type->config_size);
    must(ps_option_defaults(options, config, world->arena, &error), &error);
    for (size_t i = 1; i < world->statement.setting_count; i++) {
        must(ps_option_set(options, config, world->settings[i].name, world->settings[i].value, world->arena,
                           &error),
             &error);
    }
    must(ps_source_open(quirks->type, setup_out, config, &source, &error), &error);
    struct ps_position_list nowhere;
    must(ps_position_list_init(&nowhere, &error), &error);
    must(ps_source_seek(source, &nowhere, &error), &error);
    ps_position_list_done(&nowhere);
    return source;
}

static bool identify(struct ps_bytes raw, int *partition_out, int *number_out) {
    struct ps_hbase_cell_reader reader = ps_hbase_cell_begin(raw);
    struct ps_hbase_cell cell;
    char text[16];
    if (!ps_hbase_cell_next(&reader, &cell)) {
        return false;
    }
    snprintf(text, sizeof text, "%.*s", (int)(cell.row.size < 15 ? cell.row.size : 15), cell.row.data);
    return sscanf(text, "p%d/%d", partition_out, number_out) == 2;
}

static const char *name_of(struct source_world *world, int partition) {
    char start[8] = "";
    snprintf(start, sizeof start, partition > 0 ? "p%d" : "", partition);
    snprintf(world->name, sizeof world->name, TABLE "[%s]", start);
    return world->name;
}

/* What was written in this millisecond is for the next pass: it is let pass first. */
static penstock_code plan_waiting(void *state, const struct ps_epoch_limits *limits, struct ps_range *range,
                                  struct penstock_error *error) {
    struct ps_epoch_limits own = *limits;
    ps_clock_sleep_ms(3);
    own.deadline_ns = ps_clock_monotonic_ns() + WAIT_NS;
    return ps_source_type_find("hbase")->plan(state, &own, range, error);
}

static struct source_quirks quirks_of(const struct ps_source_type *type) {
    return (struct source_quirks){.name = "hbase",
                                  .type = type,
                                  .make = make,
                                  .destroy = destroy,
                                  .open = open_table,
                                  .append = append,
                                  .can_grow = true,
                                  .plans_what_came = true,
                                  .partition_name = name_of,
                                  .record_count = RECORD_COUNT,
                                  .has_bad_records = true,
                                  .identify = identify};
}

static void hbase_passes(void **state) {
    (void)state;
    struct ps_source_type type = *ps_source_type_find("hbase");
    type.plan = plan_waiting;
    const struct source_quirks quirks = quirks_of(&type);
    const char *fault = source_suite_run(&quirks);
    if (fault != NULL) {
        fail_msg("%s", fault);
    }
}

/* A canary: the last record of each slice is not handed over. */
static penstock_code read_less(void *state, const struct ps_slice *slice, struct ps_raw *raw_out,
                               struct penstock_error *error) {
    PS_TRY(ps_source_type_find("hbase")->read(state, slice, raw_out, error));
    raw_out->message_count--;
    return PENSTOCK_OK;
}

static void one_that_forgets_does_not(void **state) {
    (void)state;
    struct ps_source_type type = *ps_source_type_find("hbase");
    type.plan = plan_waiting;
    type.read = read_less;
    const struct source_quirks quirks = quirks_of(&type);
    const char *fault = source_suite_run(&quirks);
    assert_non_null(fault);
    assert_non_null(strstr(fault, "partition 0 gave 99 records of 100"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(hbase_passes),
                                       cmocka_unit_test(one_that_forgets_does_not)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
