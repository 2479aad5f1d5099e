/* SPDX-License-Identifier: Apache-2.0
 *
 * close.h - for tests: doubles compared as doubles (cmocka's assert_float_equal rounds to float first).
 */
#ifndef TESTS_UNIT_MODEL_CLOSE_H
#define TESTS_UNIT_MODEL_CLOSE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static inline void assert_close(double found, double expected, double tolerance) {
    if (!(fabs(found - expected) <= tolerance)) {
        fail_msg("%.17g is not %.17g", found, expected);
    }
}

#endif
