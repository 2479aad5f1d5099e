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

int32_t ps_json_keys_find(struct ps_json_keys *keys, size_t index, struct ps_bytes key, bool *is_exact_out) {
    struct ps_json_key *last = &keys->last[index < KEY_COUNT ? index : 0];
    if (index < keys->last_count && last->size == key.size &&
        (key.size == 0 || ps_bytes_same(last->key, key.data, key.size))) {
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
