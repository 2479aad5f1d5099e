/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_hbase.c - any bytes as what HBase answers: a frame, and its message and cell block as each of the replies that
 * are read. What is read must lie inside of what came, and what cannot be read must say so.
 */
#include "fuzz.h"

#include "hbase/fault.h"
#include "hbase/get.h"
#include "hbase/mutate.h"
#include "hbase/region.h"
#include "hbase/tables.h"

/* Touches every byte: a view beyond the input is a sanitizer's find. */
static uint64_t touch(struct ps_bytes bytes) {
    return bytes.size == 0 ? 0 : ps_hash(bytes.data, bytes.size, 0);
}

static void check(penstock_code code, const struct penstock_error *error) {
    if (code != PENSTOCK_OK && (error->message[0] == '\0' || code != PENSTOCK_INVALID_DATA)) {
        abort();
    }
}

static void as_rows(struct ps_bytes message, struct ps_bytes cells) {
    struct ps_hbase_rows rows = {.counts = NULL};
    struct penstock_error error = {0};
    penstock_code code = ps_hbase_rows_parse(&rows, message, cells, &error);
    for (bool is_end = false; code == PENSTOCK_OK && !is_end;) {
        struct ps_hbase_row row;
        struct ps_hbase_region region;
        code = ps_hbase_rows_next(&rows, &row, &error);
        is_end = row.cell_count == 0;
        if (code == PENSTOCK_OK && !is_end && getenv("PENSTOCK_FUZZ_CANARY") != NULL) {
            abort(); /* the seeds have good rows: somebody must get here */
        }
        for (size_t i = 0; code == PENSTOCK_OK && i < row.cell_count; i++) {
            (void)(touch(row.cells[i].row) + touch(row.cells[i].family) + touch(row.cells[i].qualifier) +
                   touch(row.cells[i].value));
        }
        if (code == PENSTOCK_OK && !is_end && ps_hbase_region_parse(&row, &region)) {
            (void)(touch(region.start_key) + touch(region.end_key) + touch(region.table));
        }
    }
    check(code, &error);
    ps_hbase_rows_done(&rows);
}

static void visit(const struct ps_hbase_multi_result *result, void *context) {
    struct penstock_error error = {0};
    struct ps_hbase_fault fault;
    (void)context;
    if (result->has_exception &&
        ps_hbase_fault_set(&result->exception, "h:1", &fault, &error) == PENSTOCK_OK) {
        abort();
    }
}

static void fuzz_one(const char *data, size_t size) {
    struct ps_arena *arena = ps_arena_new(0);
    struct ps_hbase_reply reply;
    struct ps_hbase_row row;
    struct ps_hbase_fault fault;
    struct ps_hbase_table *tables = NULL;
    struct penstock_error error = {0};
    size_t count = 0;
    if (arena == NULL) {
        abort();
    }
    if (ps_hbase_parse_front((struct ps_bytes){data, size / 2}, size, &reply)) {
        as_rows(reply.message, PS_BYTES(""));
    }
    if (!ps_hbase_parse_reply((struct ps_bytes){data, size}, &reply)) { /* then without the frame's lengths */
        reply =
            (struct ps_hbase_reply){.message = {data, size / 2}, .cells = {data + size / 2, size - size / 2}};
    }
    if (reply.has_exception) {
        (void)ps_hbase_fault_set(&reply.exception, "h:1", &fault, &error);
        error = (struct penstock_error){0};
    }
    as_rows(reply.message, reply.cells);
    check(ps_hbase_get_parse(reply.message, reply.cells, arena, &row, &error), &error);
    error = (struct penstock_error){0};
    check(ps_hbase_tables_parse(reply.message, arena, &tables, &count, &error), &error);
    error = (struct penstock_error){0};
    struct ps_hbase_cell_reader block = ps_hbase_cell_begin(reply.cells);
    check(ps_hbase_result_parse(reply.message, &block, arena, &row, &error), &error);
    (void)ps_hbase_multi_parse(reply.message, visit, NULL);
    ps_arena_free(arena);
}
