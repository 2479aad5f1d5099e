/* SPDX-License-Identifier: Apache-2.0
 *
 * names.h - which column a key means: the column of exactly that name, else the one that differs only in
 * ASCII case. A hash table made once per decoder; columns never differ by case alone.
 */
#ifndef PS_DATA_NAMES_H
#define PS_DATA_NAMES_H

#include "data/schema.h"

struct ps_names {
    const struct ps_schema *schema;
    int32_t *slots; /* column + 1; 0: empty */
    size_t slot_count;
};

penstock_code ps_names_init(struct ps_names *names, const struct ps_schema *schema,
                            struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_names_done(struct ps_names *names);
/* The column, or -1. *is_exact_out: the case agrees too. */
int32_t ps_names_find(const struct ps_names *names, struct ps_bytes key, bool *is_exact_out);

#endif
