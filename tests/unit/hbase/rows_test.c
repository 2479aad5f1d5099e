/* SPDX-License-Identifier: Apache-2.0
 *
 * rows_test.c - replies of HBase: frames, scans, regions of hbase:meta, exceptions and what is done about them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "hbase/fault.h"
#include "hbase/get.h"
#include "hbase/mutate.h"
#include "hbase/region.h"

static struct ps_bytes view(const struct ps_buffer *buffer) {
    return (struct ps_bytes){buffer->data, buffer->size};
}

static void add_cell(struct ps_buffer *block, const char *row, const char *qualifier, const char *value) {
    const struct ps_hbase_cell cell = {.row = ps_bytes_of(row),
                                       .family = PS_BYTES("info"),
                                       .qualifier = ps_bytes_of(qualifier),
                                       .value = ps_bytes_of(value),
                                       .timestamp = 1,
                                       .type = PS_HBASE_CELL_PUT};
    ps_hbase_cell_add(block, &cell);
}

static void a_scan_is_read_row_by_row(void **state) {
    (void)state;
    struct ps_buffer message, block;
    struct ps_hbase_rows rows = {.counts = NULL};
    struct ps_hbase_row row;
    struct penstock_error error;
    ps_buffer_init(&message, 1000);
    ps_buffer_init(&block, 1000);
    ps_proto_add_integer(&message, 1, 2);
    ps_proto_add_integer(&message, 1, 1);
    ps_proto_add_integer(&message, 2, 77);
    ps_proto_add_integer(&message, 3, 1);
    ps_proto_add_integer(&message, 8, 0);
    add_cell(&block, "a", "p", "1");
    add_cell(&block, "a", "q", "2");
    add_cell(&block, "b", "p", "3");
    assert_int_equal(ps_hbase_rows_parse(&rows, view(&message), view(&block), &error), PENSTOCK_OK);
    assert_int_equal(rows.scanner_id, 77);
    assert_true(rows.has_more);
    assert_false(rows.has_more_in_region);
    assert_int_equal(ps_hbase_rows_next(&rows, &row, &error), PENSTOCK_OK);
    assert_int_equal(row.cell_count, 2);
    assert_true(ps_bytes_equal(row.key, PS_BYTES("a")));
    assert_int_equal(ps_hbase_rows_next(&rows, &row, &error), PENSTOCK_OK);
    assert_int_equal(row.cell_count, 1);
    assert_true(ps_bytes_equal(row.cells[0].value, PS_BYTES("3")));
    assert_int_equal(ps_hbase_rows_next(&rows, &row, &error), PENSTOCK_OK);
    assert_int_equal(row.cell_count, 0);
    ps_proto_add_integer(&message, 1, 1); /* one row more than there are cells */
    assert_int_equal(ps_hbase_rows_parse(&rows, view(&message), view(&block), &error), PENSTOCK_OK);
    penstock_code code = PENSTOCK_OK;
    for (int i = 0; i < 3 && code == PENSTOCK_OK; i++) {
        code = ps_hbase_rows_next(&rows, &row, &error);
    }
    assert_int_equal(code, PENSTOCK_INVALID_DATA);
    ps_proto_add_integer(&message, 7, 1); /* a part of a row, which was not asked for */
    assert_int_equal(ps_hbase_rows_parse(&rows, view(&message), view(&block), &error), PENSTOCK_INVALID_DATA);
    ps_hbase_rows_done(&rows);
    ps_buffer_done(&message);
    ps_buffer_done(&block);
}

/* Of two regions: two rows, one that is not there, and an exception between them. */
struct told {
    struct ps_hbase_cell_reader block;
    struct ps_arena *arena;
    char words[200];
    penstock_code code;
};

static void tell(const struct ps_hbase_multi_result *result, void *context) {
    struct told *const told = context;
    struct ps_hbase_row row = {.cell_count = 0};
    const size_t used = strlen(told->words);
    if (result->action_index == SIZE_MAX) {
        return;
    }
    if (!result->has_exception && told->code == PENSTOCK_OK) {
        told->code = ps_hbase_result_parse(result->result, &told->block, told->arena, &row, NULL);
    }
    snprintf(told->words + used, sizeof told->words - used, "%zu.%zu %s %zu %.*s;", result->region_index,
             result->action_index, result->has_exception ? "exception" : "row", row.cell_count,
             (int)(row.cell_count == 0 ? 1 : row.key.size), row.cell_count == 0 ? "-" : row.key.data);
}

static void add_result(struct ps_buffer *region, int64_t index, int64_t cell_count) {
    struct ps_buffer action, result;
    ps_buffer_init(&action, 1000);
    ps_buffer_init(&result, 1000);
    ps_proto_add_integer(&action, 1, index);
    if (cell_count > 0) { /* of no cells the server writes an empty Result */
        ps_proto_add_integer(&result, 2, cell_count);
    }
    ps_proto_add_message(&action, 2, &result);
    ps_proto_add_message(region, 1, &action);
    ps_buffer_done(&action);
    ps_buffer_done(&result);
}

static void add_refusal(struct ps_buffer *region, int64_t index) {
    struct ps_buffer action, pair;
    ps_buffer_init(&action, 1000);
    ps_buffer_init(&pair, 1000);
    ps_proto_add_text(&pair, 1, "org.apache.hadoop.hbase.NotServingRegionException");
    ps_proto_add_integer(&action, 1, index);
    ps_proto_add_message(&action, 3, &pair);
    ps_proto_add_message(region, 1, &action);
    ps_buffer_done(&action);
    ps_buffer_done(&pair);
}

static void many_gets_share_a_block(void **state) {
    (void)state;
    struct ps_buffer message, first, second, block;
    ps_buffer_init(&message, 1000);
    ps_buffer_init(&first, 1000);
    ps_buffer_init(&second, 1000);
    ps_buffer_init(&block, 1000);
    add_result(&first, 1, 2);
    add_refusal(&first, 0);
    add_result(&first, 2, 0);
    add_result(&second, 0, 1);
    ps_proto_add_message(&message, 1, &first);
    ps_proto_add_message(&message, 1, &second);
    add_cell(&block, "b", "p", "1");
    add_cell(&block, "b", "q", "2");
    add_cell(&block, "c", "p", "3");
    struct told told = {.block = ps_hbase_cell_begin(view(&block)), .arena = ps_arena_new(0)};
    assert_true(ps_hbase_multi_parse(view(&message), tell, &told));
    assert_int_equal(told.code, PENSTOCK_OK);
    assert_string_equal(told.words, "0.1 row 2 b;0.0 exception 0 -;0.2 row 0 -;1.0 row 1 c;");
    assert_true(told.block.at == told.block.end);
    add_result(&second, 1, 1); /* of a cell that did not come */
    ps_proto_add_message(&message, 1, &second);
    told.block = ps_hbase_cell_begin(view(&block));
    assert_true(ps_hbase_multi_parse(view(&message), tell, &told));
    assert_int_equal(told.code, PENSTOCK_INVALID_DATA);
    ps_arena_free(told.arena);
    ps_buffer_done(&message);
    ps_buffer_done(&first);
    ps_buffer_done(&second);
    ps_buffer_done(&block);
}

static void a_region_of_meta(void **state) {
    (void)state;
    struct ps_buffer info;
    struct ps_hbase_region region;
    ps_buffer_init(&info, 1000);
    ps_buffer_text(&info, "PBUF");
    ps_proto_add_integer(&info, 1, 1795436048083);
    ps_hbase_add_table_name(&info, 2, "ns:t");
    ps_proto_add_text(&info, 3, "b");
    ps_proto_add_text(&info, 4, "c,d");
    struct ps_hbase_cell cells[] = {
        {.qualifier = PS_BYTES("regioninfo"), .value = view(&info)},
        {.qualifier = PS_BYTES("server"), .value = PS_BYTES("host.example:16020")}};
    const struct ps_hbase_row row = {
        .key = PS_BYTES("ns:t,b,1795436048083.59d1bb4b."), .cells = cells, .cell_count = 2};
    assert_true(ps_hbase_region_parse(&row, &region));
    assert_true(ps_bytes_equal(region.table, PS_BYTES("ns:t")));
    assert_true(ps_bytes_equal(region.end_key, PS_BYTES("c,d")));
    assert_string_equal(region.server.host, "host.example");
    assert_int_equal(region.server.port, 16020);
    cells[1].value = PS_BYTES("no port:");
    assert_false(ps_hbase_region_parse(&row, &region));
    cells[0].value.size -= 2;
    assert_false(ps_hbase_region_parse(&row, &region));
    ps_buffer_done(&info);
}

static void a_reply_with_an_exception(void **state) {
    (void)state;
    struct ps_buffer exception, header, frame;
    struct ps_hbase_reply reply;
    struct ps_hbase_fault fault;
    struct penstock_error error;
    ps_buffer_init(&exception, 1000);
    ps_buffer_init(&header, 1000);
    ps_buffer_init(&frame, 1000);
    ps_proto_add_text(&exception, 1, "org.apache.hadoop.hbase.UnknownScannerException");
    ps_proto_add_text(&exception, 2, "org.apache.hadoop.hbase.UnknownScannerException: 5\n\tat where");
    ps_proto_add_integer(&exception, 5, 1);
    ps_proto_add_integer(&header, 1, 9);
    ps_proto_add_message(&header, 2, &exception);
    ps_proto_add_varint(&frame, header.size);
    ps_buffer_add(&frame, header.data, header.size);
    assert_true(ps_hbase_parse_reply(view(&frame), &reply));
    assert_int_equal(reply.call_id, 9);
    assert_true(reply.has_exception && reply.exception.do_not_retry);
    assert_int_equal(ps_hbase_fault_set(&reply.exception, "h:1", &fault, &error), PENSTOCK_UNAVAILABLE);
    assert_int_equal(fault.cure, PS_HBASE_CURE_REOPEN); /* although the server says not to try again */
    assert_string_equal(error.detail, "org.apache.hadoop.hbase.UnknownScannerException: 5");
    assert_false(reply.exception.is_overloaded);
    for (size_t size = 0; size < frame.size; size++) {
        assert_false(ps_hbase_parse_reply((struct ps_bytes){frame.data, size}, &reply));
    }
    ps_buffer_done(&exception);
    ps_buffer_done(&header);
    ps_buffer_done(&frame);
}

/* Of a reply whose cells are still on their way the message can be read as soon as it is there, and not before. */
static void the_front_of_a_reply(void **state) {
    (void)state;
    static const char cells[50] = "";
    struct ps_buffer meta, header, message, frame;
    struct ps_hbase_reply reply;
    ps_buffer_init(&meta, 1000);
    ps_buffer_init(&header, 1000);
    ps_buffer_init(&message, 1000);
    ps_buffer_init(&frame, 1000);
    ps_proto_add_integer(&meta, 1, sizeof cells);
    ps_proto_add_integer(&header, 1, 9);
    ps_proto_add_message(&header, 3, &meta);
    ps_proto_add_integer(&message, 2, 77);
    ps_proto_add_varint(&frame, header.size);
    ps_buffer_add(&frame, header.data, header.size);
    ps_proto_add_varint(&frame, message.size);
    ps_buffer_add(&frame, message.data, message.size);
    const size_t front = frame.size;
    ps_buffer_add(&frame, cells, sizeof cells);
    for (size_t size = 0; size <= frame.size; size++) {
        const struct ps_bytes part = {frame.data, size};
        assert_int_equal(ps_hbase_parse_front(part, frame.size, &reply), size >= front);
        assert_int_equal(ps_hbase_parse_reply(part, &reply), size == frame.size);
        assert_false(ps_hbase_parse_front(part, frame.size + 1, &reply)); /* other cells than it says */
    }
    assert_true(ps_hbase_parse_front((struct ps_bytes){frame.data, front + 3}, frame.size, &reply));
    assert_int_equal(reply.call_id, 9);
    assert_int_equal(reply.message.size, message.size);
    assert_memory_equal(reply.message.data, message.data, message.size);
    assert_int_equal(reply.cells.size, 3);
    ps_buffer_done(&meta);
    ps_buffer_done(&header);
    ps_buffer_done(&message);
    ps_buffer_done(&frame);
}

static void what_helps_against_an_exception(void **state) {
    (void)state;
    static const struct {
        const char *name;
        bool do_not_retry;
        enum ps_hbase_cure cure;
        penstock_code code;
        penstock_remedy remedy;
    } cases[] = {
        {"org.apache.hadoop.hbase.NotServingRegionException", false, PS_HBASE_CURE_RELOCATE,
         PENSTOCK_UNAVAILABLE, PENSTOCK_RETRY},
        {"org.apache.hadoop.hbase.exceptions.RegionMovedException", false, PS_HBASE_CURE_RELOCATE,
         PENSTOCK_UNAVAILABLE, PENSTOCK_RETRY},
        {"org.apache.hadoop.hbase.regionserver.LeaseException", true, PS_HBASE_CURE_REOPEN,
         PENSTOCK_UNAVAILABLE, PENSTOCK_RETRY},
        {"org.apache.hadoop.hbase.exceptions.OutOfOrderScannerNextException", true, PS_HBASE_CURE_REOPEN,
         PENSTOCK_UNAVAILABLE, PENSTOCK_RETRY},
        {"org.apache.hadoop.hbase.CallQueueTooBigException", false, PS_HBASE_CURE_SLOWLY,
         PENSTOCK_UNAVAILABLE, PENSTOCK_RETRY},
        {"org.apache.hadoop.hbase.RegionTooBusyException", false, PS_HBASE_CURE_SLOWLY, PENSTOCK_UNAVAILABLE,
         PENSTOCK_RETRY},
        {"org.apache.hadoop.hbase.PleaseHoldException", false, PS_HBASE_CURE_AGAIN, PENSTOCK_UNAVAILABLE,
         PENSTOCK_RETRY},
        {"org.apache.hadoop.hbase.regionserver.NoSuchColumnFamilyException", true, PS_HBASE_CURE_NONE,
         PENSTOCK_INVALID_ARGUMENT, PENSTOCK_GIVE_UP},
        {"com.example.Unheard", true, PS_HBASE_CURE_NONE, PENSTOCK_INVALID_DATA, PENSTOCK_GIVE_UP},
        {"java.io.IOException", false, PS_HBASE_CURE_AGAIN, PENSTOCK_UNAVAILABLE, PENSTOCK_RETRY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct ps_hbase_exception exception = {.class_name = ps_bytes_of(cases[i].name),
                                                     .trace = ps_bytes_of(cases[i].name),
                                                     .do_not_retry = cases[i].do_not_retry};
        struct ps_hbase_fault fault;
        struct penstock_error error;
        assert_int_equal(ps_hbase_fault_set(&exception, "h:1", &fault, &error), cases[i].code);
        assert_int_equal(fault.cure, cases[i].cure);
        assert_int_equal(error.remedy, cases[i].remedy);
    }
}

static void an_overloaded_server_gets_more_time(void **state) {
    (void)state;
    struct ps_buffer exception, header, frame;
    struct ps_hbase_reply reply;
    struct ps_hbase_fault fault;
    struct penstock_error error;
    ps_buffer_init(&exception, 1000);
    ps_buffer_init(&header, 1000);
    ps_buffer_init(&frame, 1000);
    ps_proto_add_text(&exception, 1, "org.apache.hadoop.hbase.HBaseServerException");
    ps_proto_add_integer(&exception, 6, 1);
    ps_proto_add_integer(&header, 1, 9);
    ps_proto_add_message(&header, 2, &exception);
    ps_proto_add_varint(&frame, header.size);
    ps_buffer_add(&frame, header.data, header.size);
    assert_true(ps_hbase_parse_reply(view(&frame), &reply));
    assert_true(reply.exception.is_overloaded);
    assert_int_equal(ps_hbase_fault_set(&reply.exception, "h:1", &fault, &error), PENSTOCK_UNAVAILABLE);
    assert_int_equal(fault.cure, PS_HBASE_CURE_SLOWLY);
    reply.exception.do_not_retry = true; /* then nothing helps */
    assert_int_equal(ps_hbase_fault_set(&reply.exception, "h:1", &fault, &error), PENSTOCK_INVALID_DATA);
    assert_int_equal(fault.cure, PS_HBASE_CURE_NONE);
    ps_buffer_done(&exception);
    ps_buffer_done(&header);
    ps_buffer_done(&frame);
}

static void addresses(void **state) {
    (void)state;
    struct ps_hbase_address address;
    assert_true(ps_hbase_address_parse(PS_BYTES("h"), 16000, &address) && address.port == 16000);
    assert_true(ps_hbase_address_parse(PS_BYTES("[::1]:5"), 1, &address) && address.port == 5);
    assert_string_equal(address.host, "::1");
    static const char *const wrong[] = {"", ":5", "h:", "h:0", "h:65536", "h:1x", "[]:1"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(ps_hbase_address_parse(ps_bytes_of(wrong[i]), 1, &address));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scan_is_read_row_by_row),
        cmocka_unit_test(many_gets_share_a_block),
        cmocka_unit_test(a_region_of_meta),
        cmocka_unit_test(a_reply_with_an_exception),
        cmocka_unit_test(the_front_of_a_reply),
        cmocka_unit_test(what_helps_against_an_exception),
        cmocka_unit_test(an_overloaded_server_gets_more_time),
        cmocka_unit_test(addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
