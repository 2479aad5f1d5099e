/* SPDX-License-Identifier: Apache-2.0
 *
 * gate_error_test.c - the gate's error rate, in small: 200 retrainings of each kind, with bounds as wide as 200 need.
 *
 * The checker itself is checked: a gate that always says yes must be found out by the same bound.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gate_simulation.h"

#define RETRAININGS 200
/* At most 5 percent are published: of 200, 10 are expected, and 20 or more come once in 500 times. */
#define PUBLISHED_MAX 20

static bool errs_too_often(int published) {
    return published > PUBLISHED_MAX;
}

static struct simulation asking(enum ps_gate_kind kind, const char *comparison, double value) {
    return (struct simulation){.row_count = 4000,
                               .hour_count = 240,
                               .condition = {.kind = kind,
                                             .text = "the condition",
                                             .comparison = comparison,
                                             .column = "origin",
                                             .value = value,
                                             .confidence = 0.95,
                                             .row_count_min = 100}};
}

static void nothing_changed_is_seldom_published(void **state) {
    (void)state;
    for (int noise = NOISE_INDEPENDENT; noise <= NOISE_ACROSS; noise++) {
        struct simulation simulation = asking(PS_GATE_IMPROVEMENT, ">=", 0);
        simulation.noise = (enum simulated_noise)noise;
        simulation.is_hard = true;
        const int published = simulated_published(&simulation, RETRAININGS, false, 5);
        if (errs_too_often(published)) {
            fail_msg("%s: %d of %d published", simulated_noise_names[noise], published, RETRAININGS);
        }
    }
}

static void at_its_limit_a_gain_is_seldom_published(void **state) {
    (void)state;
    struct simulation simulation = asking(PS_GATE_IMPROVEMENT, ">=", 0.02);
    simulation.gain = 0.02;
    simulation.noise = NOISE_IN_HOURS;
    assert_false(errs_too_often(simulated_published(&simulation, RETRAININGS, false, 6)));
}

static void one_that_is_worse_by_the_margin_is_seldom_published(void **state) {
    (void)state;
    struct simulation simulation = asking(PS_GATE_NON_INFERIORITY, "<=", 0.02);
    simulation.gain = -0.02;
    simulation.noise = NOISE_IN_HOURS;
    assert_false(errs_too_often(simulated_published(&simulation, RETRAININGS, false, 7)));
    simulation.gain = 0.05;
    assert_true(simulated_published(&simulation, 50, false, 7) >= 40);
}

static void a_true_gain_is_found(void **state) {
    (void)state;
    struct simulation simulation = asking(PS_GATE_IMPROVEMENT, ">=", 0);
    simulation.gain = 0.02;
    simulation.row_count = 50000;
    simulation.hour_count = 720;
    for (int noise = NOISE_INDEPENDENT; noise <= NOISE_HEAVY_HOURS; noise++) {
        simulation.noise = (enum simulated_noise)noise;
        const int published = simulated_published(&simulation, 20, false, 8);
        if (published < 14) { /* 80 percent of 20 are 16 */
            fail_msg("%s: %d of 20 found", simulated_noise_names[noise], published);
        }
    }
}

static void slices_seldom_cry_and_find_what_is_there(void **state) {
    (void)state;
    struct simulation simulation = asking(PS_GATE_SLICE, "<=", 0);
    simulation.slice_count = 10;
    simulation.noise = NOISE_IN_HOURS;
    const int published = simulated_published(&simulation, RETRAININGS, false, 9);
    assert_true(published >= RETRAININGS - PUBLISHED_MAX);
    simulation.slice_worse = 0.5;
    assert_true(simulated_published(&simulation, 20, false, 9) <= 4);
}

/* The canary: what always says yes is caught by the bound. */
static void a_gate_that_always_says_yes_is_caught(void **state) {
    (void)state;
    const struct simulation simulation = asking(PS_GATE_IMPROVEMENT, ">=", 0);
    assert_true(errs_too_often(simulated_published(&simulation, RETRAININGS, true, 5)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_changed_is_seldom_published),
        cmocka_unit_test(at_its_limit_a_gain_is_seldom_published),
        cmocka_unit_test(one_that_is_worse_by_the_margin_is_seldom_published),
        cmocka_unit_test(a_true_gain_is_found),
        cmocka_unit_test(slices_seldom_cry_and_find_what_is_there),
        cmocka_unit_test(a_gate_that_always_says_yes_is_caught),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
