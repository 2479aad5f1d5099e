/* SPDX-License-Identifier: Apache-2.0
 *
 * new_fields.h - fields of records that no column has, on their way to becoming columns (on_new_field = 'add').
 *
 * Each has the narrowest type that holds all its values. What is nothing else is text: a VARCHAR column takes whatever
 * comes, an object or a list as its JSON.
 */
#ifndef PS_DATA_NEW_FIELDS_H
#define PS_DATA_NEW_FIELDS_H

#include "base/memory.h"
#include "data/schema.h"

/* Columns that fields may become, in one source: more of them are keys that should have been values. */
#define PS_LIMIT_ADDED_COLUMN_COUNT 100

struct ps_new_field {
    const char *name;
    enum ps_type type; /* BOOLEAN, BIGINT, DOUBLE or VARCHAR */
};
struct ps_new_fields {
    struct ps_new_field *items; /* in the order in which they were met */
    size_t count, capacity;
};

/* Adds a field, or widens the one of that name (ASCII case ignored) until it holds both. What is more than count_max,
 * which is always the same, is not added. The name is copied into the arena. */
penstock_code ps_new_fields_add(struct ps_new_fields *fields, struct ps_bytes name, enum ps_type type,
                                size_t count_max, struct ps_arena *arena, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* Why a field of this name cannot become a column of the source; NULL: it can. `taken`: all columns it has. */
const char *ps_new_field_refusal(struct ps_bytes name, const struct ps_schema *taken, bool is_full);

#endif
