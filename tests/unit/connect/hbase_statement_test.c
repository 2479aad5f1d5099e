/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_statement_test.c - CREATE SOURCE with connector = 'hbase', without a server: every mistake of the statement,
 * and kept cells that become rows, rows of a changelog and dead letters.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "connect/create.h"
#include "connect/hbase_source.h"

#define SETTING_COUNT_MAX 8

static struct ps_column_schema columns[] = {{"k", "VARCHAR", PS_TYPE_VARCHAR, false},
                                            {"v", "INTEGER", PS_TYPE_INTEGER, false},
                                            {"w", "VARCHAR", PS_TYPE_VARCHAR, false},
                                            {"p", "INTEGER", PS_TYPE_INTEGER, false}}; /* an INCLUDE */

struct written {
    struct ps_setting settings[SETTING_COUNT_MAX];
    struct ps_source_statement statement;
};

/* Settings "name", "value", ..., NULL behind connector, table and mapping; one that is there already is replaced. */
static void write_statement(struct written *written, const char *const *further) {
    static const char *const usual[] = {
        "connector", "hbase", "table", "ns:t", "mapping", "k :key, v f:v text, w f:w text", NULL};
    *written =
        (struct written){.statement = {.schema = {columns, 3}, .connector = "hbase", .encode = "cells"}};
    written->statement.settings = written->settings;
    const char *const *lists[] = {usual, further};
    for (size_t i = 0; i < 2; i++) {
        for (const char *const *at = lists[i]; at != NULL && *at != NULL; at += 2) {
            size_t index = 0;
            while (index < written->statement.setting_count &&
                   strcmp(written->settings[index].name, at[0]) != 0) {
                index++;
            }
            assert_true(index < SETTING_COUNT_MAX);
            written->settings[index] = (struct ps_setting){at[0], at[1], {"s.sql", 1, 7}};
            written->statement.setting_count += index == written->statement.setting_count ? 1 : 0;
        }
    }
}

static void expect_mistake(struct ps_source_statement *statement, const char *words) {
    struct penstock_error error = {0};
    const penstock_code code = ps_source_check(statement, "s", ".", &error);
    if (code != PENSTOCK_INVALID_PROJECT || strstr(error.message, words) == NULL ||
        strstr(error.message, "s.sql:1:7") == NULL) {
        fail_msg("code %d, no '%s' in: %s", (int)code, words, error.message);
    }
}

static void mistakes_are_told(void **state) {
    (void)state;
    static const struct {
        const char *name, *value, *words;
    } cases[] = {
        {"table", "a:b:c", "source s: \"a:b:c\" is no name of a table"},
        {"masters", "x:y:z", "\"x:y:z\" is no address"},
        {"address.map", "x", "does not map"},
        {"scan.startrow", "b", "there is no row between scan.startrow 'b' and scan.stoprow 'a'"},
        {"scan.timerange", "5", "scan.timerange = '5' cannot be understood"},
        {"scan.timerange", "5,5", "cannot be understood"},
        {"scan.timerange", "-1,5", "cannot be understood"},
        {"scan.timerange", "yesterday,", "cannot be understood"},
        {"scan.versions", "0", "scan.versions = '0'"},
        {"scan.versions", "few", "scan.versions = 'few'"},
        {"scan.mode", "once", "once"},
        {"scan.mod", "snapshot", "scan.mod"},
        {"caching", "0", "caching"},
        {"scan.overlap", "2 days", "scan.overlap"},
        {"mapping", "k :kee", "k"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct written written;
        const char *const further[] = {cases[i].name, cases[i].value,
                                       strcmp(cases[i].name, "scan.startrow") == 0 ? "scan.stoprow" : NULL,
                                       "a", NULL};
        write_statement(&written, further);
        expect_mistake(&written.statement, cases[i].words);
    }
}

static void what_does_not_go_together_is_told(void **state) {
    (void)state;
    size_t key[] = {1};
    struct ps_include include = {.kind = PS_INCLUDE_PARTITION, .column = 3, .location = {"s.sql", 1, 7}};
    const char *const all[] = {"scan.versions", "all", NULL};
    struct written written;
    write_statement(&written, NULL);
    written.statement.includes = &include;
    written.statement.include_count = 1;
    written.statement.schema.column_count = 4;
    expect_mistake(&written.statement, "a key, an offset and a timestamp");
    write_statement(&written, NULL);
    written.statement.encode = "json";
    expect_mistake(&written.statement, "cannot read ENCODE json");
    write_statement(&written, NULL);
    written.statement.format = PS_FORMAT_UPSERT;
    written.statement.primary_key = key;
    written.statement.primary_key_count = 1;
    expect_mistake(&written.statement, "column v of the primary key is not of the row key");
    key[0] = 0;
    write_statement(&written, all);
    written.statement.format = PS_FORMAT_UPSERT;
    written.statement.primary_key = key;
    written.statement.primary_key_count = 1;
    expect_mistake(&written.statement, "scan.versions gives older ones too");
    write_statement(&written, NULL);
    written.statement.format = PS_FORMAT_DEBEZIUM;
    written.statement.primary_key = key;
    written.statement.primary_key_count = 1;
    expect_mistake(&written.statement, "not FORMAT DEBEZIUM");
}

static void good_ones_are_good(void **state) {
    (void)state;
    static const char *const good[][5] = {
        {NULL},
        {"scan.timerange", ",1800000000000", NULL},
        {"scan.timerange", "2026-01-31 12:00:00, 2026-02-01T00:00:00Z", NULL},
        {"scan.versions", "all", "scan.mode", "snapshot", NULL},
        {"scan.startrow", "r\\x00", "scan.stoprow", "r\\xFF", NULL},
        {"mapping", "k :key, v f:v int, w f:w@timestamp text", NULL},
    };
    for (size_t i = 0; i + 1 < sizeof good / sizeof good[0]; i++) {
        struct penstock_error error = {0};
        struct written written;
        write_statement(&written, good[i]);
        if (ps_source_check(&written.statement, "s", ".", &error) != PENSTOCK_OK) {
            fail_msg("%s", error.message);
        }
    }
}

/* --- rows ----------------------------------------------------------------------------------------- */

static void add_record(struct ps_hbase_taking *taking, struct ps_hbase_part *part, const char *row,
                       const char *v, const char *w) {
    struct penstock_error error = {0};
    const char *const values[2] = {v, w};
    struct ps_hbase_cell cells[2];
    size_t count = 0;
    for (size_t i = 0; i < 2; i++) {
        if (values[i] != NULL) {
            cells[count++] = (struct ps_hbase_cell){.row = ps_bytes_of(row),
                                                    .family = PS_BYTES("f"),
                                                    .qualifier = ps_bytes_of(i == 0 ? "v" : "w"),
                                                    .value = ps_bytes_of(values[i]),
                                                    .timestamp = 1000 + (int64_t)i,
                                                    .type = PS_HBASE_CELL_PUT};
        }
    }
    assert_int_equal(ps_hbase_take_cells(taking, part, cells, count, false, &error), PENSTOCK_OK);
}

/* Four records, one of them bad, as a plan would keep them; decoded as the statement says. */
static struct ps_batch *decode(struct ps_source_statement *statement, struct ps_arena *arena,
                               struct ps_source **source_out) {
    struct penstock_error error = {0};
    struct ps_source_setup setup = {0};
    struct ps_hbase_source own = {.words = {.versions = 1}};
    struct ps_hbase_part part = {.name = "ns:t[]"};
    struct ps_range range = {.arena = arena};
    struct ps_hbase_taking taking = {.source = &own, .range = &range, .slice_size = 100000};
    struct ps_raw raw = {0};
    struct ps_batch *batch = NULL;
    if (ps_source_create(statement, "s", ".", arena, source_out, &setup, &error) != PENSTOCK_OK) {
        fail_msg("%s", error.message);
    }
    add_record(&taking, &part, "r1", "1", "a");
    add_record(&taking, &part, "r2", NULL, "b");
    add_record(&taking, &part, "r3", "x", NULL);
    add_record(&taking, &part, "r4", "4", NULL);
    assert_int_equal(ps_hbase_close_slice(&taking, &part, &error), PENSTOCK_OK);
    const struct ps_slice slice = {.partition = {"ns:t[]", 0},
                                   .begin = own.slices[0].begin,
                                   .end = own.slices[0].end,
                                   .end_state = "",
                                   .kept = own.slices[0].kept};
    assert_int_equal(ps_source_read(*source_out, &slice, &raw, &error), PENSTOCK_OK);
    if (ps_decode(&setup, &slice, &raw, &batch, &error) != PENSTOCK_OK) {
        fail_msg("%s", error.message);
    }
    ps_raw_done(&raw);
    ps_release(own.slices);
    return batch;
}

static struct ps_bytes text_at(const struct ps_batch *batch, size_t column, int64_t row) {
    return ((const struct ps_bytes *)batch->columns[column].values)[row];
}

static bool is_null(const struct ps_batch *batch, size_t column, int64_t row) {
    return batch->columns[column].is_valid != NULL && batch->columns[column].is_valid[row] == 0;
}

static void check_batch(const struct ps_batch *batch) {
    assert_int_equal(batch->row_count, 3);
    assert_int_equal(batch->dead_letter_count, 1);
    assert_true(ps_batch_is_counted(batch));
    assert_true(ps_bytes_equal(text_at(batch, 0, 0), PS_BYTES("r1")));
    assert_int_equal(((const int32_t *)batch->columns[1].values)[0], 1);
    assert_true(ps_bytes_equal(text_at(batch, 2, 0), PS_BYTES("a")));
    assert_true(is_null(batch, 1, 1) && !is_null(batch, 2, 1));
    assert_true(ps_bytes_equal(text_at(batch, 0, 2), PS_BYTES("r4")));
    const struct ps_dead_letter *const letter = &batch->dead_letters[0];
    assert_int_equal(letter->offset, 2);
    assert_string_equal(letter->column, "v");
    assert_true(ps_bytes_equal(letter->message->key, PS_BYTES("r3")));
    assert_int_equal(letter->message->timestamp_ms, 1000);
    assert_non_null(strstr(letter->text, "r3"));
}

static void cells_become_rows(void **state) {
    (void)state;
    struct ps_arena *arena = ps_arena_new(0);
    struct ps_source *source = NULL;
    struct written written;
    write_statement(&written, NULL);
    struct ps_batch *batch = decode(&written.statement, arena, &source);
    check_batch(batch);
    assert_null(batch->operations);
    ps_batch_free(batch);
    ps_source_close(source);
    ps_arena_free(arena);
}

static void cells_become_rows_of_keys(void **state) {
    (void)state;
    struct ps_arena *arena = ps_arena_new(0);
    struct ps_source *source = NULL;
    struct written written;
    size_t key[] = {0};
    write_statement(&written, NULL);
    written.statement.format = PS_FORMAT_UPSERT;
    written.statement.primary_key = key;
    written.statement.primary_key_count = 1;
    struct ps_batch *batch = decode(&written.statement, arena, &source);
    check_batch(batch);
    for (int64_t i = 0; i < 3; i++) {
        assert_int_equal(batch->operations[i], PS_OPERATION_PUT);
    }
    ps_batch_free(batch);
    ps_source_close(source);
    ps_arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mistakes_are_told), cmocka_unit_test(what_does_not_go_together_is_told),
        cmocka_unit_test(good_ones_are_good), cmocka_unit_test(cells_become_rows),
        cmocka_unit_test(cells_become_rows_of_keys)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
