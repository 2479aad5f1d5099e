/* SPDX-License-Identifier: Apache-2.0
 *
 * sort_test.c - numbers in order, beside what comparing them comes to.
 */
#include "base/sort.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"

enum { COUNT_MAX = 20000 };

static int compare(const void *left, const void *right) {
    const double a = *(const double *)left, b = *(const double *)right;
    return a < b ? -1 : a > b ? 1 : 0;
}

static uint64_t next_random(uint64_t *seed) {
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 11;
}

static double draw(int kind, size_t i, uint64_t *seed) {
    static const double edges[] = {0.0,     -0.0,     DBL_MIN,          -DBL_MIN,          5e-324, -5e-324,
                                   DBL_MAX, -DBL_MAX, (double)INFINITY, -(double)INFINITY, 1.0,    -1.0};
    const uint64_t random = next_random(seed);
    switch (kind) {
    case 0: return (double)i;                                        /* in order already */
    case 1: return -(double)i;                                       /* the other way round */
    case 2: return (double)(random % 7) - 3;                         /* many equal ones */
    case 3: return ((double)random - 4.5e15) / 1e3;                  /* of both signs */
    case 4: return edges[random % (sizeof edges / sizeof edges[0])]; /* at the ends */
    default: {
        double value; /* any bits but those of NaN */
        memcpy(&value, &random, sizeof value);
        return isnan(value) ? 0 : value * (random % 2 == 0 ? 1 : -1);
    }
    }
}

static void sorted_as_by_comparing(void **state) {
    (void)state;
    static const size_t counts[] = {0, 1, 2, 3, 511, 512, 513, 5000, COUNT_MAX};
    static double values[COUNT_MAX], wanted[COUNT_MAX];
    uint64_t seed = 1;
    for (int kind = 0; kind < 6; kind++) {
        for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
            for (size_t i = 0; i < counts[c]; i++) {
                values[i] = wanted[i] = draw(kind, i, &seed);
            }
            qsort(wanted, counts[c], sizeof *wanted, compare);
            ps_sort_doubles(values, counts[c]);
            for (size_t i = 0; i < counts[c]; i++) {
                assert_true(values[i] >= wanted[i] && values[i] <= wanted[i]); /* 0 and -0 are equal */
            }
        }
    }
}

static void no_number_changes(void **state) {
    (void)state;
    static double values[COUNT_MAX];
    uint64_t seed = 3, before = 0, after = 0;
    for (size_t i = 0; i < COUNT_MAX; i++) {
        uint64_t bits;
        values[i] = draw(i % 2 == 0 ? 5 : 4, i, &seed);
        memcpy(&bits, &values[i], sizeof bits);
        before += bits * (bits | 1);
    }
    ps_sort_doubles(values, COUNT_MAX);
    for (size_t i = 0; i < COUNT_MAX; i++) {
        uint64_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        after += bits * (bits | 1);
    }
    assert_true(before == after);
}

static void sorted_without_memory(void **state) {
    (void)state;
    static double values[2000];
    for (size_t i = 0; i < 2000; i++) {
        values[i] = (double)(i * 7919 % 2000);
    }
    ps_memory_fail_at(1);
    ps_sort_doubles(values, 2000);
    ps_memory_fail_at(0);
    for (size_t i = 0; i < 2000; i++) {
        assert_true(values[i] >= (double)i && values[i] <= (double)i);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorted_as_by_comparing),
        cmocka_unit_test(no_number_changes),
        cmocka_unit_test(sorted_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
