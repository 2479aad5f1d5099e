/* SPDX-License-Identifier: Apache-2.0
 *
 * yaml.h - a YAML file as nodes that know their place.
 *
 * libyaml's own loader builds the document (without recursion, aliases shared, nesting bounded); here its
 * nodes get plain text and byte columns, because that is what every error of penstock speaks in. libcyaml was not
 * taken: it maps a document onto structs, but keeps no place for the errors that are found later.
 */
#ifndef PS_JOB_YAML_H
#define PS_JOB_YAML_H

#include "job/project.h"

enum ps_yaml_kind { PS_YAML_SCALAR, PS_YAML_LIST, PS_YAML_MAP };

struct ps_yaml {
    enum ps_yaml_kind kind;
    const char *text; /* scalars; "" for an empty one */
    bool is_null;     /* a plain scalar that is empty, ~ or null */
    struct ps_location location;
    const struct ps_yaml **items; /* of a map: key, value, key, value, ... */
    size_t count;                 /* items; of a map: pairs */
};

/* *root_out is NULL for a file without content. Errors: INVALID_PROJECT with place. In the arena. */
penstock_code ps_yaml_read(const char *file, const char *text, size_t size, struct ps_arena *arena,
                           const struct ps_yaml **root_out, struct penstock_error *error) PENSTOCK_MUST_USE;
/* The value of a key (names as in ps_manifest_options), or NULL. */
const struct ps_yaml *ps_yaml_find(const struct ps_yaml *map, const char *key);

#endif
