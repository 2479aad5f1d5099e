/* SPDX-License-Identifier: Apache-2.0
 *
 * sumtree_test.c - one order of addition, and little rounding.
 */
#include "model/sumtree.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static double total_of(const double *values, size_t count, size_t memory) {
    struct ps_sumtree tree;
    ps_sumtree_init(&tree, 1, memory);
    for (size_t i = 0; i < count; i++) {
        double value = values[i];
        assert_int_equal(ps_sumtree_add(&tree, &value, NULL), PENSTOCK_OK);
    }
    double total = -1;
    ps_sumtree_total(&tree, &total);
    ps_sumtree_done(&tree);
    return total;
}

static void adds_up(void **state) {
    (void)state;
    double values[1000];
    for (size_t i = 0; i < 1000; i++) {
        values[i] = (double)i;
    }
    assert_true(total_of(values, 0, 1024) == 0);
    assert_true(total_of(values, 1, 1024) == 0);
    assert_true(total_of(values, 1000, 1024) == 499500);
    assert_true(total_of(values, 1000, 8) == 499500);
}

/* (0 + 1) + (2 + 3), then 4: as the counter carries, not from left to right. */
static void order_is_the_counters(void **state) {
    (void)state;
    static const double values[] = {1, 0x1p-53, 0x1p-53, 0x1p-53, 0x1p-53};
    const double pairs = ((values[0] + values[1]) + (values[2] + values[3]));
    const double expected = pairs + values[4];
    const double sequential = (((values[0] + values[1]) + values[2]) + values[3]) + values[4];
    assert_true(expected != sequential); /* or this test could not fail */
    assert_true(total_of(values, 5, 1024) == expected);
    assert_true(total_of(values, 5, 8) == sequential); /* one level: one after the other */
}

static void rounds_little(void **state) {
    (void)state;
    enum { COUNT = 1 << 16 };
    double *values = ps_allocate(COUNT, sizeof(double));
    for (size_t i = 0; i < COUNT; i++) {
        values[i] = 0.1;
    }
    assert_true(fabs(total_of(values, COUNT, 4096) - 0.1 * COUNT) <= 1e-15 * 0.1 * COUNT);
    ps_release(values);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adds_up),
        cmocka_unit_test(order_is_the_counters),
        cmocka_unit_test(rounds_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
