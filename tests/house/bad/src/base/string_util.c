/* SPDX-License-Identifier: Apache-2.0
 *
 * string_util.c - a name that says nothing (expect-file: name ), and definitions with wrong names.
 */
typedef struct bad { /* expect: name */
    int value;
} bad;

int seen_by_all(void) { /* expect: name */
    return 1;
}

static int ps_seen_by_none(void) { /* expect: name */
    return 2;
}
