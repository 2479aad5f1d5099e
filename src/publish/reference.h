/* SPDX-License-Identifier: Apache-2.0
 *
 * reference.h - how a person names a model: name, name@alias, name@3, models:/name@alias, models:/name/3.
 */
#ifndef PS_PUBLISH_REFERENCE_H
#define PS_PUBLISH_REFERENCE_H

#include "base/memory.h"

struct ps_model_reference {
    const char *name;
    const char *alias; /* "champion" for the bare name; NULL when `version` is set */
    int64_t version;   /* 0: by alias */
};

/* Texts in the arena. Errors: INVALID_ARGUMENT (no name, a version that is no whole number above 0). */
penstock_code ps_reference_parse(const char *text, struct ps_arena *arena,
                                 struct ps_model_reference *reference_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

#endif
