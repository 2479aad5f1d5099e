/* SPDX-License-Identifier: Apache-2.0
 *
 * mutate_parts.h - what the two ways of writing share: how a mutation is checked, and how a guarded call is written.
 */
#ifndef PS_HBASE_MUTATE_PARTS_H
#define PS_HBASE_MUTATE_PARTS_H

#include "hbase/actions.h"
#include "hbase/mutate.h"

struct ps_hbase_guarded {
    const struct ps_hbase_condition *condition;
    const struct ps_hbase_mutation *mutations;
    size_t count;
};
/* Sizes, types and timestamps. Errors: INVALID_ARGUMENT. */
penstock_code ps_hbase_mutation_check(const struct ps_hbase_mutation *mutation, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* One Action of a RegionAction; its cells go behind the message. */
void ps_hbase_add_action(struct ps_buffer *out, uint32_t index, const struct ps_hbase_mutation *mutation,
                         struct ps_buffer *cells);
/* A MultiRequest of one atomic RegionAction; inits both buffers. */
void ps_hbase_add_guarded(struct ps_buffer *message, struct ps_buffer *cells, struct ps_bytes region_name,
                          const struct ps_hbase_guarded *guarded);

#endif
