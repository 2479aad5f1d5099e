/* SPDX-License-Identifier: Apache-2.0
 *
 * new_fields.c - a list of fields that have no column yet; see new_fields.h.
 */
#include "data/new_fields.h"

#include <strings.h>

/* Longest name that a field may give a column. */
#define NAME_SIZE_MAX 250

static bool is_same(const char *column, struct ps_bytes name) {
    return strlen(column) == name.size && strncasecmp(column, name.data, name.size) == 0;
}

static enum ps_type wider(enum ps_type left, enum ps_type right) {
    const bool are_numbers = (left == PS_TYPE_BIGINT || left == PS_TYPE_DOUBLE) &&
                             (right == PS_TYPE_BIGINT || right == PS_TYPE_DOUBLE);
    return left == right ? left : are_numbers ? PS_TYPE_DOUBLE : PS_TYPE_VARCHAR;
}

penstock_code ps_new_fields_add(struct ps_new_fields *fields, struct ps_bytes name, enum ps_type type,
                                size_t count_max, struct ps_arena *arena, struct penstock_error *error) {
    for (size_t i = 0; i < fields->count; i++) {
        struct ps_new_field *field = &fields->items[i];
        if (is_same(field->name, name)) {
            field->type = wider(field->type, type);
            return PENSTOCK_OK;
        }
    }
    if (fields->items == NULL && count_max > 0) {
        fields->items = ps_arena_allocate(arena, count_max, sizeof *fields->items);
        fields->capacity = fields->items != NULL ? count_max : 0;
    }
    if (fields->count == count_max || fields->count == fields->capacity) {
        return count_max > 0 && fields->items == NULL ? ps_error_memory(error, "new fields") : PENSTOCK_OK;
    }
    const char *copy = ps_arena_copy_size(arena, name.data, name.size);
    if (copy == NULL) {
        return ps_error_memory(error, "new fields");
    }
    fields->items[fields->count++] = (struct ps_new_field){copy, type};
    return PENSTOCK_OK;
}

const char *ps_new_field_refusal(struct ps_bytes name, const struct ps_schema *taken, bool is_full) {
    static const char prefix[] = "penstock_";
    const size_t size = sizeof prefix - 1;
    if (name.size == 0 || name.size > NAME_SIZE_MAX || memchr(name.data, '\0', name.size) != NULL) {
        return "a column's name has 1 to 250 bytes, none of them 0";
    }
    if (name.size >= size && strncasecmp(name.data, prefix, size) == 0) {
        return "names that begin with penstock_ are taken";
    }
    for (size_t i = 0; i < taken->column_count; i++) {
        if (is_same(taken->columns[i].name, name)) {
            return "INCLUDE has a column of that name; call that one something else, with AS";
        }
    }
    return is_full ? "the source has got 100 columns already, the most it may; declare what is wanted" : NULL;
}
