/* SPDX-License-Identifier: Apache-2.0
 *
 * names.c - which column a key means.
 *
 * Open addressing over a hash of the lower-case name, at most half full.
 */
#include "data/names.h"

static char lower(char character) {
    return character >= 'A' && character <= 'Z' ? (char)(character + 32) : character;
}

static size_t hash_nocase(struct ps_bytes name) {
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < name.size; i++) {
        hash = (hash ^ (unsigned char)lower(name.data[i])) * UINT64_C(1099511628211);
    }
    return (size_t)(hash ^ (hash >> 32));
}

penstock_code ps_names_init(struct ps_names *names, const struct ps_schema *schema,
                            struct penstock_error *error) {
    size_t slot_count = 16;
    while (slot_count < schema->column_count * 2) {
        slot_count *= 2;
    }
    int32_t *slots = ps_allocate(slot_count, sizeof(*slots));
    if (slots == NULL) {
        return ps_error_memory(error, "the names of columns");
    }
    for (size_t i = 0; i < schema->column_count; i++) {
        size_t slot = hash_nocase(ps_bytes_of(schema->columns[i].name)) & (slot_count - 1);
        while (slots[slot] != 0) {
            slot = (slot + 1) & (slot_count - 1);
        }
        slots[slot] = (int32_t)i + 1;
    }
    *names = (struct ps_names){.schema = schema, .slots = slots, .slot_count = slot_count};
    return PENSTOCK_OK;
}

void ps_names_done(struct ps_names *names) {
    ps_release(names->slots);
    *names = (struct ps_names){0};
}

int32_t ps_names_find(const struct ps_names *names, struct ps_bytes key, bool *is_exact_out) {
    size_t slot = hash_nocase(key) & (names->slot_count - 1);
    for (; names->slots[slot] != 0; slot = (slot + 1) & (names->slot_count - 1)) {
        const int32_t column = names->slots[slot] - 1;
        const char *name = names->schema->columns[column].name;
        size_t i = 0;
        while (i < key.size && name[i] != '\0' && lower(name[i]) == lower(key.data[i])) {
            i++;
        }
        if (i == key.size && name[i] == '\0') {
            *is_exact_out = memcmp(name, key.data, key.size) == 0;
            return column;
        }
    }
    return -1;
}
