/* SPDX-License-Identifier: Apache-2.0
 *
 * pushed.h - what a source leaves out by itself, for a person to read: `penstock explain`.
 */
#ifndef PS_JOB_PUSHED_H
#define PS_JOB_PUSHED_H

#include "job/predicate.h"

/* Texts, in an arena. */
struct ps_pushed {
    const char *const *columns; /* what is asked for: "f:speed" */
    size_t column_count, column_count_all;
    const char
        *why_all_columns;    /* why none is left out that is not used; NULL: that was done, or all are used */
    const char *const *keys; /* ranges of row keys: "from 'a' to before 'b'"; none: all */
    size_t key_count;
    const char *times;        /* "from 2024-01-01 00:00:00", or NULL */
    const char *filter;       /* the condition that the servers look at, or NULL */
    const char *note;         /* of the filter, or NULL */
    const char *why_all_rows; /* why no condition of a statement could be pushed at all; or NULL */
    const struct ps_predicate_left *left; /* conditions that DuckDB alone looks at */
    size_t left_count;
};

#endif
