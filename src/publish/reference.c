/* SPDX-License-Identifier: Apache-2.0
 *
 * reference.c - the spellings of a model reference. Those with models:/ are MLflow's, so that a line can be
 * carried over; "@" and, after models:/, "/" part the name from an alias or a version.
 */
#include "publish/reference.h"

#include <string.h>

#include "base/option.h"

#define SCHEME "models:/"

static penstock_code wrong(const char *text, struct penstock_error *error) {
    ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "'%s' does not name a model", text);
    return ps_error_hint(error, "write name, name@alias, name@3, models:/name@alias or models:/name/3");
}

penstock_code ps_reference_parse(const char *text, struct ps_arena *arena,
                                 struct ps_model_reference *reference_out, struct penstock_error *error) {
    const bool has_scheme = strncmp(text, SCHEME, strlen(SCHEME)) == 0;
    const char *start = has_scheme ? text + strlen(SCHEME) : text;
    const char *mark = strrchr(start, '@');
    mark = mark == NULL && has_scheme ? strrchr(start, '/') : mark;
    const size_t name_size = mark == NULL ? strlen(start) : (size_t)(mark - start);
    const char *which = mark == NULL ? "champion" : mark + 1;
    if (name_size == 0 || *which == '\0') {
        return wrong(text, error);
    }
    struct ps_model_reference reference = {.name = ps_arena_copy_size(arena, start, name_size)};
    if (which[strspn(which, "+-0123456789")] == '\0') {
        if (!ps_parse_integer(which, &reference.version) || reference.version <= 0) {
            return wrong(text, error);
        }
    } else {
        reference.alias = ps_arena_copy(arena, which);
    }
    if (reference.name == NULL || (reference.alias == NULL && reference.version == 0)) {
        return ps_error_memory(error, "model reference");
    }
    *reference_out = reference;
    return PENSTOCK_OK;
}
