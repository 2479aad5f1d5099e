/* SPDX-License-Identifier: Apache-2.0
 *
 * json_keys.c - keys of the last record, compared without a call each: with few columns this was a tenth of what
 * decoding costs.
 */
#include "data/json_keys.h"

/* Keys of the last record that are remembered, and the longest of them. */
#define KEY_COUNT 256
#define KEY_SIZE 40

struct ps_json_key {
    uint8_t size;
    bool is_exact;
    int32_t column; /* -1: not a column */
    char key[KEY_SIZE];
};

penstock_code ps_json_keys_init(struct ps_json_keys *keys, const struct ps_schema *schema,
                                struct penstock_error *error) {
    keys->last = ps_reallocate(NULL, KEY_COUNT, sizeof(*keys->last));
    return keys->last != NULL ? ps_names_init(&keys->names, schema, error)
                              : ps_error_memory(error, "a JSON decoder");
}

void ps_json_keys_done(struct ps_json_keys *keys) {
    ps_names_done(&keys->names);
    ps_release(keys->last);
}

static uint64_t load_8(const char *from) {
    uint64_t value;
    memcpy(&value, from, sizeof value);
    return value;
}

static uint32_t load_4(const char *from) {
    uint32_t value;
    memcpy(&value, from, sizeof value);
    return value;
}

/* Of one size. Keys are short, and a call of memcmp() for each costs more than looking at them: two loads that may
 * overlap see all of up to 16 bytes. */
static bool is_same_key(const char *left, const char *right, size_t size) {
    if (size > 16) {
        return memcmp(left, right, size) == 0;
    }
    if (size >= 8) {
        return load_8(left) == load_8(right) && load_8(left + size - 8) == load_8(right + size - 8);
    }
    if (size >= 4) {
        return load_4(left) == load_4(right) && load_4(left + size - 4) == load_4(right + size - 4);
    }
    return size == 0 ||
           (left[0] == right[0] && left[size / 2] == right[size / 2] && left[size - 1] == right[size - 1]);
}

int32_t ps_json_keys_find(struct ps_json_keys *keys, size_t index, struct ps_bytes key, bool *is_exact_out) {
    struct ps_json_key *last = &keys->last[index < KEY_COUNT ? index : 0];
    if (index < keys->last_count && last->size == key.size && is_same_key(last->key, key.data, key.size)) {
        *is_exact_out = last->is_exact;
        return last->column;
    }
    bool is_exact = false;
    const int32_t column = ps_names_find(&keys->names, key, &is_exact);
    if (key.size <= KEY_SIZE && index < KEY_COUNT && index <= keys->last_count) {
        last->size = (uint8_t)key.size;
        last->is_exact = is_exact;
        last->column = column;
        memcpy(last->key, key.data, key.size);
        keys->last_count = index == keys->last_count ? index + 1 : keys->last_count;
    }
    *is_exact_out = is_exact;
    return column;
}
