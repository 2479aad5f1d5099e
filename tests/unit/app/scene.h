/* SPDX-License-Identifier: Apache-2.0
 *
 * scene.h - a store folder of a test's own, removed at the end, and what every test here asks of an error.
 */
#ifndef SCENE_H
#define SCENE_H

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/bytes.h"

static inline void must(penstock_code code, const struct penstock_error *error) {
    if (code != PENSTOCK_OK) {
        fail_msg("%s: %s (%s)", ps_error_code_name(code), error->message, error->detail);
    }
}

static inline int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *place) {
    (void)info;
    (void)kind;
    (void)place;
    return remove(path);
}

/* A new folder; the path stays valid until free_store(). */
static inline char *make_store(void) {
    const char *base = getenv("TMPDIR");
    char *path = NULL;
    if (asprintf(&path, "%s/penstock-app-XXXXXX", base == NULL ? "/tmp" : base) < 0 ||
        mkdtemp(path) == NULL) {
        fail_msg("no folder for the test");
    }
    return path;
}

static inline void free_store(char *path) {
    (void)nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(path);
}

#endif
