/* SPDX-License-Identifier: Apache-2.0
 *
 * pick_test.c - cells picked out of whole families, beside what a look at each column finds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hbase/pick.h"

static const char *const families[] = {"a", "ab", "b"};
static const char *const qualifiers[] = {"",  "a", "aa", "ab", "b", "long qualifier of twenty-odd bytes",
                                         "q", "q0"};
enum { FAMILIES = 3, QUALIFIERS = 8, COLUMNS = FAMILIES * QUALIFIERS, VERSIONS = 3 };

/* Column i in the order of cells. */
static struct ps_hbase_column column_of(size_t i) {
    return (struct ps_hbase_column){.family = ps_bytes_of(families[i / QUALIFIERS]),
                                    .qualifier = ps_bytes_of(qualifiers[i % QUALIFIERS])};
}

static uint32_t next_random(uint32_t *seed) {
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

/* A row in a block, as a scanner gives it: up to three versions of each column that `has` names. */
static size_t read_row(struct ps_buffer *block, uint32_t has, uint32_t *seed, struct ps_hbase_cell *cells) {
    ps_buffer_clear(block);
    for (size_t i = 0; i < COLUMNS; i++) {
        const struct ps_hbase_column column = column_of(i);
        const uint32_t versions = (has >> i & 1) == 0 ? 0 : 1 + next_random(seed) % VERSIONS;
        for (uint32_t version = 0; version < versions; version++) {
            const struct ps_hbase_cell cell = {.row = PS_BYTES("row"),
                                               .family = column.family,
                                               .qualifier = column.qualifier,
                                               .value = PS_BYTES("value"),
                                               .timestamp = 9 - (int64_t)version,
                                               .type = PS_HBASE_CELL_PUT};
            ps_hbase_cell_add(block, &cell);
        }
    }
    struct ps_hbase_cell_reader reader = ps_hbase_cell_begin((struct ps_bytes){block->data, block->size});
    size_t count = 0;
    while (ps_hbase_cell_next(&reader, &cells[count])) {
        count++;
    }
    assert_false(reader.is_damaged);
    return count;
}

static bool is_one_of(const struct ps_hbase_cell *cell, const struct ps_hbase_column *columns, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (ps_bytes_equal(cell->family, columns[i].family) &&
            ps_bytes_equal(cell->qualifier, columns[i].qualifier)) {
            return true;
        }
    }
    return false;
}

static void the_cells_of_the_columns_are_picked(void **state) {
    (void)state;
    struct penstock_error error;
    struct ps_buffer block;
    uint32_t seed = 7;
    ps_buffer_init(&block, 1 << 20);
    for (int round = 0; round < 20000; round++) {
        struct ps_hbase_column columns[COLUMNS];
        struct ps_hbase_cell cells[COLUMNS * VERSIONS + 1], wanted[COLUMNS * VERSIONS + 1];
        size_t column_count = 0, wanted_count = 0;
        int64_t other_size = 0, wanted_size = 0;
        for (size_t i = next_random(&seed) % 9; i > 0; i--) { /* in any order, some of them twice */
            columns[column_count++] = column_of(next_random(&seed) % COLUMNS);
        }
        struct ps_hbase_pick pick;
        assert_int_equal(ps_hbase_pick_init(&pick, columns, column_count, &error), PENSTOCK_OK);
        for (size_t i = 0; i < column_count; i++) { /* each is in a family that is asked for */
            size_t found = 0;
            for (size_t f = 0; f < pick.family_count; f++) {
                found += ps_bytes_equal(pick.families[f].family, columns[i].family) ? 1 : 0;
                assert_true(pick.families[f].is_family);
            }
            assert_int_equal(found, 1);
        }
        const size_t count = read_row(&block, next_random(&seed), &seed, cells);
        for (size_t i = 0; i < count; i++) {
            const bool is_wanted = is_one_of(&cells[i], columns, column_count);
            const size_t size =
                PS_HBASE_CELL_SIZE_MIN + 3 + cells[i].family.size + cells[i].qualifier.size + 5;
            *(is_wanted ? &wanted_size : &other_size) += (int64_t)size;
            if (is_wanted) {
                wanted[wanted_count++] = cells[i];
            }
        }
        assert_int_equal(ps_hbase_pick_cells(&pick, cells, count), wanted_count);
        for (size_t i = 0; i < wanted_count; i++) {
            assert_ptr_equal(cells[i].row.data, wanted[i].row.data); /* the very cell */
        }
        assert_int_equal(pick.wanted_size, wanted_size);
        assert_int_equal(pick.other_size, other_size);
        ps_hbase_pick_done(&pick);
    }
    ps_buffer_done(&block);
}

static void families_pay_while_little_else_is_in_them(void **state) {
    (void)state;
    struct ps_hbase_pick pick = {.wanted_size = 500, .other_size = 0};
    assert_true(ps_hbase_pick_pays(&pick));
    pick.other_size = 100;
    assert_true(ps_hbase_pick_pays(&pick));
    pick.other_size = 101;
    assert_false(ps_hbase_pick_pays(&pick));
    pick = (struct ps_hbase_pick){.other_size = 1};
    assert_false(ps_hbase_pick_pays(&pick));
}

static void without_memory_nothing_is_held(void **state) {
    (void)state;
    const struct ps_hbase_column columns[] = {column_of(1), column_of(20)};
    struct penstock_error error;
    struct ps_hbase_pick pick;
    for (int64_t call = 1;; call++) {
        ps_memory_fail_at(call);
        const penstock_code code = ps_hbase_pick_init(&pick, columns, 2, &error);
        ps_memory_fail_at(0);
        ps_hbase_pick_done(&pick);
        if (code == PENSTOCK_OK) {
            assert_true(call > 3);
            return;
        }
        assert_int_equal(code, PENSTOCK_OUT_OF_MEMORY);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cells_of_the_columns_are_picked),
        cmocka_unit_test(families_pay_while_little_else_is_in_them),
        cmocka_unit_test(without_memory_nothing_is_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
