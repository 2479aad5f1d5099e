/* SPDX-License-Identifier: Apache-2.0
 *
 * json_keys.h - which column a key of a JSON object is.
 *
 * Records of one source mostly have their keys in the same order. So the i-th key is first compared with the i-th key
 * of the record before, and only a difference costs a lookup by name.
 */
#ifndef PS_DATA_JSON_KEYS_H
#define PS_DATA_JSON_KEYS_H

#include "data/names.h"

/* What the i-th key of the last record was. */
struct ps_json_key;

struct ps_json_keys {
    struct ps_names names;
    struct ps_json_key *last;
    size_t last_count;
};
/* Errors: OUT_OF_MEMORY; what ps_names_init() says. To be done also then, if it was zero before. */
penstock_code ps_json_keys_init(struct ps_json_keys *keys, const struct ps_schema *schema,
                                struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_json_keys_done(struct ps_json_keys *keys);
/* The column of the member number `index` of a record, by its name, -1: none. *is_exact_out: not only but for case. */
int32_t ps_json_keys_find(struct ps_json_keys *keys, size_t index, struct ps_bytes key, bool *is_exact_out);

#endif
