/* SPDX-License-Identifier: Apache-2.0
 *
 * cell_test.c - cells of a block that HBase 2.6.1 wrote, cells that we write, and how they are shown.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hbase/cell.h"

/* KeyValueCodec of HBase 2.6.1: row r000001, f:n = "1" at 1001, a put */
#define RECORDED \
    "\x00\x00\x00\x1E\x00\x00\x00\x15\x00\x00\x00\x01" \
    "\x00\x07r000001\x01" \
    "fn\x00\x00\x00\x00\x00\x00\x03\xE9\x04" \
    "1"

static void a_recorded_cell_is_read_and_written(void **state) {
    (void)state;
    struct ps_hbase_cell_reader reader = ps_hbase_cell_begin(PS_BYTES(RECORDED));
    struct ps_hbase_cell cell;
    struct ps_buffer out;
    assert_true(ps_hbase_cell_next(&reader, &cell));
    assert_true(ps_bytes_equal(cell.row, PS_BYTES("r000001")));
    assert_true(ps_bytes_equal(cell.family, PS_BYTES("f")));
    assert_true(ps_bytes_equal(cell.qualifier, PS_BYTES("n")));
    assert_true(ps_bytes_equal(cell.value, PS_BYTES("1")));
    assert_int_equal(cell.timestamp, 1001);
    assert_int_equal(cell.type, PS_HBASE_CELL_PUT);
    assert_false(ps_hbase_cell_next(&reader, &cell));
    assert_false(reader.is_damaged);
    ps_buffer_init(&out, 1000);
    ps_hbase_cell_add(&out, &cell);
    assert_true(ps_bytes_equal((struct ps_bytes){out.data, out.size}, PS_BYTES(RECORDED)));
    ps_buffer_done(&out);
}

static void every_cut_is_damage(void **state) {
    (void)state;
    for (size_t size = 1; size < sizeof RECORDED - 1; size++) {
        struct ps_hbase_cell_reader reader = ps_hbase_cell_begin((struct ps_bytes){RECORDED, size});
        struct ps_hbase_cell cell;
        assert_false(ps_hbase_cell_next(&reader, &cell));
        assert_true(reader.is_damaged);
    }
}

/* Each length too large by itself: of the cell, the key, the value, the row, the family. */
static void lengths_that_do_not_fit_are_damage(void **state) {
    (void)state;
    static const size_t places[] = {0, 3, 4, 7, 8, 11, 12, 13, 21};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        char bytes[] = RECORDED;
        bytes[places[i]] = (char)(unsigned char)0xFF;
        struct ps_hbase_cell_reader reader = ps_hbase_cell_begin((struct ps_bytes){bytes, sizeof bytes - 1});
        struct ps_hbase_cell cell;
        assert_false(ps_hbase_cell_next(&reader, &cell));
        assert_true(reader.is_damaged);
    }
}

static void a_cell_as_a_message(void **state) {
    (void)state;
    static const char message[] = "\x0A\x01r\x12\x01"
                                  "f\x1A\x01q\x20\x07\x28\x04\x32\x02vv";
    struct ps_hbase_cell cell;
    assert_true(ps_hbase_cell_parse((struct ps_bytes){message, sizeof message - 1}, &cell));
    assert_true(ps_bytes_equal(cell.row, PS_BYTES("r")));
    assert_true(ps_bytes_equal(cell.qualifier, PS_BYTES("q")));
    assert_true(ps_bytes_equal(cell.value, PS_BYTES("vv")));
    assert_int_equal(cell.timestamp, 7);
    assert_false(ps_hbase_cell_parse((struct ps_bytes){message, sizeof message - 2}, &cell));
}

static void the_spelling_of_the_shell(void **state) {
    (void)state;
    static const char bytes[] = "a\\\x00\xFF~ ";
    struct ps_arena *arena = ps_arena_new(0);
    struct penstock_error error;
    struct ps_buffer shown;
    struct ps_bytes read;
    ps_buffer_init(&shown, 1000);
    ps_hbase_show(&shown, (struct ps_bytes){bytes, sizeof bytes - 1});
    assert_string_equal(shown.data, "a\\x5C\\x00\\xFF~ ");
    assert_int_equal(ps_hbase_spell(shown.data, arena, &read, &error), PENSTOCK_OK);
    assert_true(ps_bytes_equal(read, (struct ps_bytes){bytes, sizeof bytes - 1}));
    assert_int_equal(ps_hbase_spell("\\x0\\xfg\\y\\xff", arena, &read, &error), PENSTOCK_OK);
    assert_true(ps_bytes_equal(read, PS_BYTES("\\x0\\xfg\\y\xFF")));
    ps_buffer_done(&shown);
    ps_arena_free(arena);
}

static void keys_are_ordered_by_bytes(void **state) {
    (void)state;
    assert_true(ps_hbase_compare(PS_BYTES("a"), PS_BYTES("a\0")) < 0);
    assert_true(ps_hbase_compare(PS_BYTES("\xFF"), PS_BYTES("a")) > 0);
    assert_true(ps_hbase_compare(PS_BYTES(""), PS_BYTES("")) == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_recorded_cell_is_read_and_written), cmocka_unit_test(every_cut_is_damage),
        cmocka_unit_test(lengths_that_do_not_fit_are_damage),  cmocka_unit_test(a_cell_as_a_message),
        cmocka_unit_test(the_spelling_of_the_shell),           cmocka_unit_test(keys_are_ordered_by_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
