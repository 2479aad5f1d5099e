/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_source_seen.c - the cells that were given already and may be met again.
 *
 * Two passes overlap in time, because a cell may be seen later than its timestamp says. Of the cells in the overlap
 * it is remembered which were given: by 128 bits of a hash of row, family, qualifier and timestamp, so that a key of
 * any length costs the same, and by the timestamp, so that it can be forgotten again.
 */
#include "connect/hbase_source.h"

#define SLOT_COUNT_MIN 64
static const uint64_t seeds[2] = {0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F};

void ps_hbase_seen_done(struct ps_hbase_seen *seen) {
    ps_release(seen->slots);
    *seen = (struct ps_hbase_seen){.slots = NULL};
}

struct ps_hbase_seen_cell ps_hbase_seen_of(const struct ps_hbase_cell *cell) {
    struct ps_hbase_seen_cell seen = {.timestamp = cell->timestamp};
    const size_t sizes[2] = {cell->row.size, cell->family.size}; /* where one ends and the next begins */
    for (size_t i = 0; i < 2; i++) {
        uint64_t hash = ps_hash(sizes, sizeof sizes, seeds[i]);
        hash = ps_hash(&cell->timestamp, sizeof cell->timestamp, hash);
        hash = ps_hash(cell->row.data, cell->row.size, hash);
        hash = ps_hash(cell->family.data, cell->family.size, hash);
        seen.hash[i] = ps_hash(cell->qualifier.data, cell->qualifier.size, hash);
    }
    seen.hash[1] = seen.hash[0] == 0 && seen.hash[1] == 0 ? 1 : seen.hash[1];
    return seen;
}

static bool is_free(const struct ps_hbase_seen_cell *slot) {
    return slot->hash[0] == 0 && slot->hash[1] == 0;
}

/* The cell's slot, or the free one where it would be. There is always a free one. */
static struct ps_hbase_seen_cell *find(const struct ps_hbase_seen *seen,
                                       const struct ps_hbase_seen_cell *cell) {
    size_t index = (size_t)cell->hash[0] & (seen->slot_count - 1);
    while (!is_free(&seen->slots[index]) &&
           (seen->slots[index].hash[0] != cell->hash[0] || seen->slots[index].hash[1] != cell->hash[1])) {
        index = (index + 1) & (seen->slot_count - 1);
    }
    return &seen->slots[index];
}

bool ps_hbase_seen_has(const struct ps_hbase_seen *seen, const struct ps_hbase_seen_cell *cell) {
    return seen->count > 0 && !is_free(find(seen, cell));
}

/* Those from `time` on into a table for `count` of them. */
static penstock_code rebuild(struct ps_hbase_seen *seen, size_t count, int64_t time,
                             struct penstock_error *error) {
    size_t slot_count = SLOT_COUNT_MIN;
    while (slot_count / 2 < count) {
        slot_count *= 2;
    }
    struct ps_hbase_seen to = {.slots = ps_allocate(slot_count, sizeof *to.slots), .slot_count = slot_count};
    if (to.slots == NULL) {
        return ps_error_memory(error, "the cells that were given");
    }
    for (size_t i = 0; i < seen->slot_count; i++) {
        if (!is_free(&seen->slots[i]) && seen->slots[i].timestamp >= time) {
            *find(&to, &seen->slots[i]) = seen->slots[i];
            to.count++;
        }
    }
    ps_hbase_seen_done(seen);
    *seen = to;
    return PENSTOCK_OK;
}

penstock_code ps_hbase_seen_add(struct ps_hbase_seen *seen, const struct ps_hbase_seen_cell *cell,
                                struct penstock_error *error) {
    if (seen->slot_count / 2 <= seen->count) {
        PS_TRY(rebuild(seen, seen->count + 1, INT64_MIN, error));
    }
    struct ps_hbase_seen_cell *const slot = find(seen, cell);
    seen->count += is_free(slot) ? 1 : 0;
    *slot = *cell;
    return PENSTOCK_OK;
}

penstock_code ps_hbase_seen_forget(struct ps_hbase_seen *seen, int64_t time, struct penstock_error *error) {
    size_t kept = 0;
    for (size_t i = 0; i < seen->slot_count; i++) {
        kept += !is_free(&seen->slots[i]) && seen->slots[i].timestamp >= time ? 1 : 0;
    }
    return kept == seen->count ? PENSTOCK_OK : rebuild(seen, kept, time, error);
}
