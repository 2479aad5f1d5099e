/* SPDX-License-Identifier: Apache-2.0
 *
 * position.h - where a source stands: per partition, an offset that the source understands.
 *
 * A partition is a file or a topic partition, named by text. `offset` is the next one to read: byte,
 * Kafka offset, row group. `state` is what the source needs to find the same place again and to notice
 * that the world changed (fingerprint, running watermark): an opaque JSON text, stored beside the offset.
 * `ordinal` is the order in which partitions were found: a source is read in that order.
 */
#ifndef PS_DATA_POSITION_H
#define PS_DATA_POSITION_H

#include "base/bytes.h"

struct ps_partition {
    const char *name; /* "data/2013-01-01.ndjson", "departures[3]" */
    int64_t ordinal;
};

struct ps_position {
    struct ps_partition partition;
    int64_t offset;
    const char *state; /* JSON or "" */
};

struct ps_position_list {
    struct ps_position *items; /* in ordinal order */
    size_t count, capacity;
    struct ps_arena *arena; /* owns the texts */
    size_t *slots;          /* hash table over names: index + 1 into items */
    size_t slot_count;
    size_t compact_size; /* of the arena: above it, forgotten texts are dropped */
};

penstock_code ps_position_list_init(struct ps_position_list *list, struct penstock_error *error)
    PENSTOCK_MUST_USE;
void ps_position_list_done(struct ps_position_list *list);
/* Sets the position of a partition, adding it if it is new (its ordinal then never changes). Copies the texts,
 * which may be the list's own; items found before are no longer valid. */
penstock_code ps_position_list_set(struct ps_position_list *list, const struct ps_position *position,
                                   struct penstock_error *error) PENSTOCK_MUST_USE;
const struct ps_position *ps_position_list_find(const struct ps_position_list *list, const char *partition);
penstock_code ps_position_list_copy(const struct ps_position_list *from, struct ps_position_list *to_out,
                                    struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
