/* SPDX-License-Identifier: Apache-2.0
 *
 * good.c - what only looks wrong: nothing here may be complained of. malloc(1), goto, strcpy(a, b).
 */
#include "base/file.h"

#define LONG_MACRO(x)                                                                                        \
    do {                                                                                                     \
        static_assert(x);                                                                                    \
    } while (0)

struct operations {
    void (*free)(void *state);
    int (*printf)(const char *format, ...);
};
struct later;
enum kind { FIRST, SECOND };
static const char *const names[] = {"goto", "it's \"free(x)\"", NULL};
static const struct operations none;
static int sum(int left, int right);

static int sum(int left, int right) {
    const char quote = '"', slash = '\\'; /* these two confuse simple readers */
    return left + right + quote + slash;
}

// a line comment with strcpy(a, b) and an apostrophe: don't
void ps_good_free(struct operations *operations, void *state) {
    operations->free(state);
    (*operations).free(state);
    free(state); /* tidy: allow memory: shows that a switch with a reason works */
    ps_release(names[0] == NULL ? none.free : (void *)sum);
}
