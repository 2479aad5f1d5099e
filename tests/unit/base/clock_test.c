/* SPDX-License-Identifier: Apache-2.0
 *
 * clock_test.c - clocks go forward, and times are shown in the two agreed forms.
 */
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_clocks(void **state) {
    (void)state;
    const int64_t start_ns = ps_clock_monotonic_ns();
    const int64_t cpu_ns = ps_clock_cpu_ns();
    ps_clock_sleep_ms(5);
    ps_clock_sleep_ms(-1);
    assert_true(ps_clock_monotonic_ns() - start_ns >= 5000000);
    assert_true(ps_clock_cpu_ns() >= cpu_ns);
    assert_true(ps_clock_wall_ms() > INT64_C(1700000000000));
}

static void test_forms(void **state) {
    (void)state;
    char text[32];
    ps_clock_format_iso(INT64_C(1795367890123), text, sizeof text);
    assert_string_equal(text, "2026-11-22T17:18:10.123Z");
    ps_clock_format_yarn(INT64_C(1795367890123), text, sizeof text);
    assert_string_equal(text, "Sun Nov 22 17:18:10 +0000 2026");
    ps_clock_format_iso(0, text, sizeof text);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
    ps_clock_format_iso(-1, text, sizeof text);
    assert_string_equal(text, "1969-12-31T23:59:59.999Z");
    ps_clock_format_iso(INT64_MAX, text, sizeof text); /* nonsense in, but no overrun */
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_clocks), cmocka_unit_test(test_forms)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
