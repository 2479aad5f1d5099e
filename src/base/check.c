/* SPDX-License-Identifier: Apache-2.0
 *
 * check.c - the end of a process that found a bug in itself.
 */
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void ps_check_failed(const char *condition, const char *file, int line, const char *function) {
    fprintf(stderr, "penstock: internal fault: %s:%d: %s: not true: %s\n", file, line, function, condition);
    fflush(stderr);
    abort();
}
