/* SPDX-License-Identifier: Apache-2.0
 *
 * dictionary.c - a hash table over texts in an arena. The table doubles when it is half full.
 */
#include "model/dictionary.h"

#include "base/check.h"

#define TEXT_SIZE_MAX ((size_t)256 << 20)
#define TABLE_SIZE_FIRST 64

struct ps_dictionary {
    struct ps_arena *arena;
    struct ps_bytes *texts;
    size_t count, capacity, count_max;
    int32_t *table; /* index + 1; 0: free */
    size_t table_size;
};

penstock_code ps_dictionary_new(size_t count_max, struct ps_dictionary **dictionary_out,
                                struct penstock_error *error) {
    struct ps_dictionary *dictionary = ps_allocate(1, sizeof *dictionary);
    if (dictionary == NULL) {
        return ps_error_memory(error, "a dictionary");
    }
    dictionary->count_max = count_max;
    dictionary->arena = ps_arena_new(TEXT_SIZE_MAX);
    dictionary->table_size = TABLE_SIZE_FIRST;
    dictionary->table = ps_allocate(dictionary->table_size, sizeof *dictionary->table);
    if (dictionary->arena == NULL || dictionary->table == NULL) {
        ps_dictionary_free(dictionary);
        return ps_error_memory(error, "a dictionary");
    }
    *dictionary_out = dictionary;
    return PENSTOCK_OK;
}

void ps_dictionary_free(struct ps_dictionary *dictionary) {
    if (dictionary != NULL) {
        ps_arena_free(dictionary->arena);
        ps_release(dictionary->texts);
        ps_release(dictionary->table);
        ps_release(dictionary);
    }
}

/* Where the text is, or the free place where it belongs. */
static size_t find_place(const struct ps_dictionary *dictionary, struct ps_bytes text) {
    const size_t mask = dictionary->table_size - 1;
    size_t place = (size_t)ps_hash(text.data, text.size, 0) & mask;
    while (dictionary->table[place] != 0 &&
           !ps_bytes_equal(dictionary->texts[dictionary->table[place] - 1], text)) {
        place = (place + 1) & mask;
    }
    return place;
}

static penstock_code widen(struct ps_dictionary *dictionary, struct penstock_error *error) {
    int32_t *larger = ps_allocate(dictionary->table_size * 2, sizeof *larger);
    if (larger == NULL) {
        return ps_error_memory(error, "a dictionary");
    }
    ps_release(dictionary->table);
    dictionary->table = larger;
    dictionary->table_size *= 2;
    for (size_t i = 0; i < dictionary->count; i++) {
        larger[find_place(dictionary, dictionary->texts[i])] = (int32_t)i + 1;
    }
    return PENSTOCK_OK;
}

penstock_code ps_dictionary_add(struct ps_dictionary *dictionary, struct ps_bytes text, int32_t *index_out,
                                struct penstock_error *error) {
    size_t place = find_place(dictionary, text);
    if (dictionary->table[place] != 0) {
        *index_out = dictionary->table[place] - 1;
        return PENSTOCK_OK;
    }
    if (dictionary->count >= dictionary->count_max) {
        *index_out = PS_DICTIONARY_FULL;
        return PENSTOCK_OK;
    }
    if (2 * (dictionary->count + 1) > dictionary->table_size) {
        PS_TRY(widen(dictionary, error));
        place = find_place(dictionary, text);
    }
    PS_TRY(ps_grow((void **)&dictionary->texts, &dictionary->capacity, dictionary->count + 1,
                   sizeof *dictionary->texts, error));
    const char *copy = ps_arena_copy_size(dictionary->arena, text.data, text.size);
    if (copy == NULL) {
        return ps_error_memory(error, "a dictionary");
    }
    dictionary->texts[dictionary->count] = (struct ps_bytes){copy, text.size};
    *index_out = (int32_t)dictionary->count++;
    dictionary->table[place] = (int32_t)dictionary->count;
    return PENSTOCK_OK;
}

size_t ps_dictionary_count(const struct ps_dictionary *dictionary) {
    return dictionary->count;
}

const char *ps_dictionary_text(const struct ps_dictionary *dictionary, size_t index) {
    ps_check(index < dictionary->count);
    return dictionary->texts[index].data;
}

size_t ps_dictionary_text_size(const struct ps_dictionary *dictionary, size_t index) {
    ps_check(index < dictionary->count);
    return dictionary->texts[index].size;
}
