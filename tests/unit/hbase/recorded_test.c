/* SPDX-License-Identifier: Apache-2.0
 *
 * recorded_test.c - what an HBase 2.6.1 answered, byte by byte, read as it was meant. The recordings are the seeds of
 * the fuzz target: rows r000000 to r000003 in two regions of a table t with the families f and g.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/file.h"
#include "hbase/fault.h"
#include "hbase/get.h"
#include "hbase/mutate.h"
#include "hbase/region.h"
#include "hbase/tables.h"

struct recording {
    struct ps_arena *arena;
    struct ps_hbase_reply reply;
};

static int open_arena(void **state) {
    struct recording *const recording = ps_allocate(1, sizeof *recording);
    recording->arena = ps_arena_new(0);
    *state = recording;
    return 0;
}

static int close_arena(void **state) {
    struct recording *const recording = *state;
    ps_arena_free(recording->arena);
    ps_release(recording);
    return 0;
}

static struct recording *load(void **state, const char *name) {
    struct recording *const recording = *state;
    struct penstock_error error;
    struct ps_bytes frame;
    const char *const root = getenv("PENSTOCK_SOURCE_ROOT");
    const char *const path = ps_arena_printf(recording->arena, "%s/tests/fuzz/seeds/hbase/%s.bin",
                                             root == NULL ? "." : root, name);
    assert_int_equal(ps_file_read(path, (size_t)1 << 20, recording->arena, &frame, &error), PENSTOCK_OK);
    assert_true(ps_hbase_parse_reply(frame, &recording->reply));
    return recording;
}

static void a_scan(void **state) {
    const struct recording *const recording = load(state, "scan");
    struct ps_hbase_rows rows = {.counts = NULL};
    struct ps_hbase_row row;
    struct penstock_error error;
    assert_int_equal(ps_hbase_rows_parse(&rows, recording->reply.message, recording->reply.cells, &error),
                     PENSTOCK_OK);
    assert_int_equal(rows.row_count, 2);
    assert_false(rows.has_more_in_region);
    assert_true(rows.has_more);
    assert_int_equal(ps_hbase_rows_next(&rows, &row, &error), PENSTOCK_OK);
    assert_true(ps_bytes_equal(row.key, PS_BYTES("r000000")));
    assert_int_equal(row.cell_count, 2);
    assert_true(ps_bytes_equal(row.cells[0].qualifier, PS_BYTES("n")));
    assert_true(ps_bytes_equal(row.cells[0].value, PS_BYTES("0")));
    assert_int_equal(row.cells[0].timestamp, 1000);
    assert_true(ps_bytes_equal(row.cells[1].value, PS_BYTES("xxx")));
    assert_int_equal(ps_hbase_rows_next(&rows, &row, &error), PENSTOCK_OK);
    assert_true(ps_bytes_equal(row.key, PS_BYTES("r000001")));
    ps_hbase_rows_done(&rows);
}

static void rows_of_meta(void **state) {
    const struct recording *const recording = load(state, "meta");
    struct ps_hbase_rows rows = {.counts = NULL};
    struct ps_hbase_row row;
    struct ps_hbase_region region;
    struct penstock_error error;
    assert_int_equal(ps_hbase_rows_parse(&rows, recording->reply.message, recording->reply.cells, &error),
                     PENSTOCK_OK);
    assert_int_equal(ps_hbase_rows_next(&rows, &row, &error), PENSTOCK_OK);
    assert_true(ps_hbase_region_parse(&row, &region));
    assert_true(ps_bytes_equal(region.table, PS_BYTES("t")));
    assert_true(ps_bytes_equal(region.start_key, PS_BYTES("r000002")) || region.start_key.size == 0);
    assert_string_equal(region.server.host, "localhost");
    assert_true(region.server.port > 0 && !region.is_split && !region.is_offline);
    ps_hbase_rows_done(&rows);
}

static void a_get(void **state) {
    const struct recording *const recording = load(state, "get");
    struct ps_hbase_row row;
    struct penstock_error error;
    assert_int_equal(
        ps_hbase_get_parse(recording->reply.message, recording->reply.cells, recording->arena, &row, &error),
        PENSTOCK_OK);
    assert_int_equal(row.cell_count, 2);
    assert_true(ps_bytes_equal(row.key, PS_BYTES("r000001")));
    assert_true(ps_bytes_equal(row.cells[0].value, PS_BYTES("1")));
    assert_int_equal(row.cells[1].timestamp, 1001);
}

static void a_description(void **state) {
    const struct recording *const recording = load(state, "tables");
    struct ps_hbase_table *tables = NULL;
    struct penstock_error error;
    size_t count = 0;
    assert_int_equal(
        ps_hbase_tables_parse(recording->reply.message, recording->arena, &tables, &count, &error),
        PENSTOCK_OK);
    assert_int_equal(count, 1);
    assert_string_equal(tables[0].name, "t");
    assert_int_equal(tables[0].family_count, 2);
    assert_true(ps_bytes_equal(tables[0].families[0].name, PS_BYTES("f")));
    bool has_versions = false;
    for (size_t i = 0; i < tables[0].families[0].attribute_count; i++) {
        const struct ps_hbase_attribute *const attribute = &tables[0].families[0].attributes[i];
        has_versions = has_versions || (ps_bytes_equal(attribute->name, PS_BYTES("VERSIONS")) &&
                                        ps_bytes_equal(attribute->value, PS_BYTES("3")));
    }
    assert_true(has_versions);
}

struct told {
    int actions, regions, exceptions;
    bool is_processed;
    struct ps_hbase_exception exception;
};

static void visit(const struct ps_hbase_multi_result *result, void *context) {
    struct told *const told = context;
    if (result->action_index == SIZE_MAX) {
        told->regions++;
        told->is_processed = result->is_processed;
    } else {
        told->actions++;
    }
    if (result->has_exception) {
        told->exceptions++;
        told->exception = result->exception;
    }
}

static void a_put_refused(void **state) {
    const struct recording *const recording = load(state, "refused");
    struct ps_hbase_fault fault;
    struct penstock_error error;
    struct told told = {.actions = 0};
    assert_true(ps_hbase_multi_parse(recording->reply.message, visit, &told));
    assert_int_equal(told.exceptions, 1);
    assert_int_equal(ps_hbase_fault_set(&told.exception, "h:1", &fault, &error), PENSTOCK_INVALID_ARGUMENT);
    assert_int_equal(fault.cure, PS_HBASE_CURE_NONE);
}

static void a_condition_that_held(void **state) {
    const struct recording *const recording = load(state, "condition");
    struct told told = {.actions = 0};
    assert_true(ps_hbase_multi_parse(recording->reply.message, visit, &told));
    assert_int_equal(told.exceptions, 0);
    assert_int_equal(told.regions, 1);
    assert_true(told.is_processed);
}

static void an_exception(void **state) {
    const struct recording *const recording = load(state, "exists");
    struct ps_hbase_fault fault;
    struct penstock_error error;
    assert_true(recording->reply.has_exception);
    assert_int_equal(ps_hbase_fault_set(&recording->reply.exception, "h:1", &fault, &error),
                     PENSTOCK_ALREADY_EXISTS);
    assert_non_null(strstr(error.detail, "org.apache.hadoop.hbase.TableExistsException: t"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_scan, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(rows_of_meta, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(a_get, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(a_description, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(a_put_refused, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(a_condition_that_held, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(an_exception, open_arena, close_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
