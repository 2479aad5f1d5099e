/* SPDX-License-Identifier: Apache-2.0
 *
 * check.c - what happens when an assert fails: one line on stderr, then abort().
 *
 * write() and no stdio: the failing thread may hold a stream's lock, and nothing here may allocate.
 */
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Noreturn void ps_check_failed(const char *condition, const char *file, int line, const char *function) {
    char text[512];
    const int size = snprintf(text, sizeof text, "penstock: check failed: %s (%s:%d, %s)\n", condition, file,
                              line, function);
    if (size > 0) {
        const size_t shown = (size_t)size < sizeof text ? (size_t)size : sizeof text - 1;
        /* nothing can be done about a failed write here, but the compiler wants it looked at */
        if (write(STDERR_FILENO, text, shown) < 0) {
            abort();
        }
    }
    abort();
}
