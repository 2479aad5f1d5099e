/* SPDX-License-Identifier: Apache-2.0
 *
 * student_test.c - Student's t against printed tables and closed forms.
 */
#include "publish/student.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void check_near(double actual, double expected, double tolerance) {
    if (!(fabs(actual - expected) <= tolerance)) {
        fail_msg("%.12g is not %.12g within %g", actual, expected, tolerance);
    }
}

/* Table of the t distribution as in Abramowitz and Stegun 26.10, Fisher and Yates: three decimals. */
static void quantiles_are_the_table(void **state) {
    static const struct {
        double freedom, p90, p95, p975, p99, p995;
    } rows[] = {
        {1, 3.078, 6.314, 12.706, 31.821, 63.657}, {2, 1.886, 2.920, 4.303, 6.965, 9.925},
        {3, 1.638, 2.353, 3.182, 4.541, 5.841},    {5, 1.476, 2.015, 2.571, 3.365, 4.032},
        {9, 1.383, 1.833, 2.262, 2.821, 3.250},    {10, 1.372, 1.812, 2.228, 2.764, 3.169},
        {20, 1.325, 1.725, 2.086, 2.528, 2.845},   {30, 1.310, 1.697, 2.042, 2.457, 2.750},
        {60, 1.296, 1.671, 2.000, 2.390, 2.660},   {120, 1.289, 1.658, 1.980, 2.358, 2.617},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        check_near(ps_student_quantile(0.90, rows[i].freedom), rows[i].p90, 0.0006);
        check_near(ps_student_quantile(0.95, rows[i].freedom), rows[i].p95, 0.0006);
        check_near(ps_student_quantile(0.975, rows[i].freedom), rows[i].p975, 0.0006);
        check_near(ps_student_quantile(0.99, rows[i].freedom), rows[i].p99, 0.0006);
        check_near(ps_student_quantile(0.995, rows[i].freedom), rows[i].p995, 0.0006);
    }
}

/* One and two degrees of freedom have closed forms; a large number is the normal distribution. */
static void closed_forms_agree(void **state) {
    (void)state;
    for (double p = 0.01; p < 0.995; p += 0.07) {
        check_near(ps_student_quantile(p, 1), tan(3.14159265358979323846 * (p - 0.5)),
                   1e-9 * (1.0 + fabs(tan(3.14159265358979323846 * (p - 0.5)))));
        check_near(ps_student_quantile(p, 2), (2.0 * p - 1.0) / sqrt(2.0 * p * (1.0 - p)), 1e-9);
        check_near(ps_student_probability(ps_student_quantile(p, 17), 17), p, 1e-12);
    }
    check_near(ps_student_quantile(0.95, 1e7), 1.6448536269514722, 1e-6);
    check_near(ps_student_quantile(0.975, 1e15), 1.959963984540054, 1e-6);
}

static void it_is_symmetric_and_monotone(void **state) {
    (void)state;
    check_near(ps_student_quantile(0.5, 7), 0.0, 1e-12);
    double before = 1e300;
    for (double freedom = 1; freedom < 2000; freedom *= 1.7) {
        const double t = ps_student_quantile(0.95, freedom);
        check_near(ps_student_quantile(0.05, freedom), -t, 1e-9 * t);
        assert_true(t < before);
        before = t;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_are_the_table),
        cmocka_unit_test(closed_forms_agree),
        cmocka_unit_test(it_is_symmetric_and_monotone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
