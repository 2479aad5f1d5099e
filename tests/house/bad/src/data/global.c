/* SPDX-License-Identifier: Apache-2.0
 *
 * global.c - variables that outlive their function, in every dress.
 */
int count;                        /* expect: global */
static int own_count = 0;         /* expect: global */
static const char *name = "name"; /* expect: global */
struct point origin;              /* expect: global */
extern int elsewhere;             /* expect: global */
static struct {                   /* expect: global */
    int value;
} table[3] = {{1}, {2}};

int ps_global_next(void) {
    static int next; /* expect: global */
    static const int first = 1;
    static const char *text = "x"; /* expect: global */
    return first + next++ + (int)text[0];
}
