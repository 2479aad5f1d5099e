/* SPDX-License-Identifier: Apache-2.0
 *
 * roll.h - a file that is only appended to and never grows beyond a limit: a stream runs for months.
 *
 * When it is full it becomes <path>.1, in the place of the one that had that name, and a new one begins. So what
 * happened last is always there, up to twice the limit.
 */
#ifndef PS_BASE_ROLL_H
#define PS_BASE_ROLL_H

#include "base/memory.h"

struct ps_roll {
    char *path;
    int descriptor; /* -1: not open */
    int64_t size, size_max;
};

/* One owner at a time. Errors: IO. Owns: the caller closes. */
penstock_code ps_roll_open(const char *path, int64_t size_max, struct ps_roll *roll_out,
                           struct penstock_error *error) PENSTOCK_MUST_USE;
/* Appends; a log that cannot be written must not stop the work that it is about, so there is no error: the next
 * call tries again. */
void ps_roll_write(struct ps_roll *roll, const char *data, size_t size);
void ps_roll_close(struct ps_roll *roll);

#endif
