/* SPDX-License-Identifier: Apache-2.0
 *
 * gram_test.c - sums of products beside the plain triple loop, with one-hot groups multiplied out.
 */
#include "model/gram.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "close.h"

enum { ROWS = 37, DENSE = 3, GROUPS = 2, SLOTS = 7, BASE = 1 + DENSE + SLOTS };
static const size_t starts[] = {0, 4, 7};

struct rows {
    double columns[(DENSE + 1) * ROWS];
    int32_t indexes[GROUPS * ROWS];
    double values[GROUPS * ROWS];
    double full[ROWS][BASE];
};

static struct rows make_rows(bool has_values) {
    struct rows rows = {0};
    for (size_t i = 0; i < ROWS; i++) {
        rows.columns[i] = rows.full[i][0] = 1;
        for (size_t c = 1; c <= DENSE; c++) {
            rows.columns[c * ROWS + i] = rows.full[i][c] = sin((double)(i * c + c));
        }
        for (size_t g = 0; g < GROUPS; g++) {
            const size_t width = starts[g + 1] - starts[g];
            const int32_t index = (int32_t)((i * 7 + g * 3) % (width + 1)) - 1;
            const double value = has_values ? cos((double)(i + g)) : 1;
            rows.indexes[g * ROWS + i] = index;
            rows.values[g * ROWS + i] = value;
            if (index >= 0) {
                rows.full[i][1 + DENSE + starts[g] + (size_t)index] = value;
            }
        }
    }
    return rows;
}

static void check(bool has_values) {
    const struct rows rows = make_rows(has_values);
    const struct ps_gram_shape shape = {.dense_count = DENSE,
                                        .group_count = GROUPS,
                                        .group_starts = starts,
                                        .slot_count = SLOTS,
                                        .has_values = has_values};
    double *sums = ps_allocate(ps_gram_size(&shape), sizeof(double));
    double *pairs = ps_allocate(ps_gram_pair_size(&shape), sizeof(double));
    ps_gram_prepare();
    for (size_t part = 0; part < 2; part++) { /* two panels add up */
        const size_t begin = part * 20;
        const struct ps_panel panel = {.columns = rows.columns + begin,
                                       .indexes = rows.indexes + begin,
                                       .values = has_values ? rows.values + begin : NULL,
                                       .stride = ROWS,
                                       .row_count = part == 0 ? 20 : ROWS - 20};
        ps_gram_add(&shape, &panel, sums, pairs);
    }
    for (size_t a = 0; a < BASE; a++) {
        for (size_t b = 0; b < BASE; b++) {
            double expected = 0;
            for (size_t i = 0; i < ROWS; i++) {
                expected += rows.full[i][a] * rows.full[i][b];
            }
            assert_close(ps_gram_at(&shape, sums, pairs, a, b), expected, 1e-12);
        }
    }
    ps_release(sums);
    ps_release(pairs);
}

static void counts(void **state) {
    (void)state;
    check(false);
}

static void values(void **state) {
    (void)state;
    check(true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts),
        cmocka_unit_test(values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
