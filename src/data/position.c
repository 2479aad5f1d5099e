/* SPDX-License-Identifier: Apache-2.0
 *
 * position.c - a list of positions that is asked by name and walked in ordinal order.
 *
 * A folder may have a hundred thousand files, so names are found through a hash table. States are replaced
 * at every commit: when the arena holds mostly forgotten texts, the living ones move to a new one.
 */
#include "data/position.h"

#include "base/check.h"

/* The arena is rewritten when it has grown to twice what lived in it at the last rewrite, and this much more. */
#define COMPACT_SLACK ((size_t)1 << 20)
#define HASH_SEED 0x70656e73u

penstock_code ps_position_list_init(struct ps_position_list *list, struct penstock_error *error) {
    struct ps_arena *arena = ps_arena_new(0);
    if (arena == NULL) {
        return ps_error_memory(error, "a list of positions");
    }
    *list = (struct ps_position_list){.arena = arena, .compact_size = COMPACT_SLACK};
    return PENSTOCK_OK;
}

void ps_position_list_done(struct ps_position_list *list) {
    if (list == NULL) {
        return;
    }
    ps_release(list->items);
    ps_release(list->slots);
    ps_arena_free(list->arena);
    *list = (struct ps_position_list){0};
}

/* Slot of `name`: where it is, or the empty one where it belongs. */
static size_t find_slot(const struct ps_position_list *list, const char *name) {
    const size_t mask = list->slot_count - 1;
    size_t slot = (size_t)ps_hash(name, strlen(name), HASH_SEED) & mask;
    while (list->slots[slot] != 0 && strcmp(list->items[list->slots[slot] - 1].partition.name, name) != 0) {
        slot = (slot + 1) & mask;
    }
    return slot;
}

static penstock_code rebuild_slots(struct ps_position_list *list, size_t slot_count,
                                   struct penstock_error *error) {
    if (slot_count != list->slot_count) {
        size_t *slots = ps_allocate(slot_count, sizeof(*slots));
        if (slots == NULL) {
            return ps_error_memory(error, "a list of positions");
        }
        ps_release(list->slots);
        list->slots = slots;
        list->slot_count = slot_count;
    } else {
        memset(list->slots, 0, slot_count * sizeof(*list->slots));
    }
    for (size_t i = 0; i < list->count; i++) {
        list->slots[find_slot(list, list->items[i].partition.name)] = i + 1;
    }
    return PENSTOCK_OK;
}

/* Moves the living texts to a new arena. */
static penstock_code compact(struct ps_position_list *list, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    if (arena == NULL) {
        return ps_error_memory(error, "a list of positions");
    }
    struct ps_position *moved = ps_allocate(list->capacity, sizeof(*moved));
    if (moved == NULL) {
        return ps_error_memory(error, "a list of positions");
    }
    for (size_t i = 0; i < list->count; i++) {
        moved[i] = list->items[i];
        moved[i].partition.name = ps_arena_copy(arena, list->items[i].partition.name);
        moved[i].state = ps_arena_copy(arena, list->items[i].state);
        if (moved[i].partition.name == NULL || moved[i].state == NULL) {
            ps_release(moved);
            return ps_error_memory(error, "a list of positions");
        }
    }
    ps_release(list->items);
    list->items = moved;
    struct ps_arena *old = list->arena;
    list->arena = ps_take(arena);
    ps_arena_free(old);
    list->compact_size = 2 * ps_arena_size(list->arena) + COMPACT_SLACK;
    return PENSTOCK_OK;
}

/* Makes room and puts the item where its ordinal belongs. */
static penstock_code insert(struct ps_position_list *list, const struct ps_position *position,
                            struct penstock_error *error) {
    void *items = list->items;
    const penstock_code grown =
        ps_grow(&items, &list->capacity, list->count + 1, sizeof(*list->items), error);
    list->items = items;
    PS_TRY(grown);
    if ((list->count + 1) * 2 > list->slot_count) {
        PS_TRY(rebuild_slots(list, list->slot_count == 0 ? 16 : list->slot_count * 2, error));
    }
    size_t at = list->count;
    while (at > 0 && list->items[at - 1].partition.ordinal > position->partition.ordinal) {
        at--;
    }
    const bool is_last = at == list->count;
    memmove(&list->items[at + 1], &list->items[at], (list->count - at) * sizeof(*list->items));
    list->items[at] = *position;
    list->count++;
    if (!is_last) {
        return rebuild_slots(list, list->slot_count, error);
    }
    list->slots[find_slot(list, position->partition.name)] = at + 1;
    return PENSTOCK_OK;
}

penstock_code ps_position_list_set(struct ps_position_list *list, const struct ps_position *position,
                                   struct penstock_error *error) {
    ps_check(position->partition.name != NULL);
    const char *state = ps_arena_copy(list->arena, position->state == NULL ? "" : position->state);
    if (state == NULL) {
        return ps_error_memory(error, "a list of positions");
    }
    if (list->slot_count > 0) {
        const size_t slot = find_slot(list, position->partition.name);
        if (list->slots[slot] != 0) {
            struct ps_position *item = &list->items[list->slots[slot] - 1];
            item->offset = position->offset;
            item->state = state;
            return ps_arena_size(list->arena) > list->compact_size ? compact(list, error) : PENSTOCK_OK;
        }
    }
    struct ps_position copy = *position;
    copy.state = state;
    copy.partition.name = ps_arena_copy(list->arena, position->partition.name);
    if (copy.partition.name == NULL) {
        return ps_error_memory(error, "a list of positions");
    }
    return insert(list, &copy, error);
}

const struct ps_position *ps_position_list_find(const struct ps_position_list *list, const char *partition) {
    if (list->slot_count == 0) {
        return NULL;
    }
    const size_t slot = find_slot(list, partition);
    return list->slots[slot] == 0 ? NULL : &list->items[list->slots[slot] - 1];
}

penstock_code ps_position_list_copy(const struct ps_position_list *from, struct ps_position_list *to_out,
                                    struct penstock_error *error) {
    struct ps_position_list copy;
    PS_TRY(ps_position_list_init(&copy, error));
    for (size_t i = 0; i < from->count; i++) {
        const penstock_code code = ps_position_list_set(&copy, &from->items[i], error);
        if (code != PENSTOCK_OK) {
            ps_position_list_done(&copy);
            return code;
        }
    }
    *to_out = copy;
    return PENSTOCK_OK;
}
