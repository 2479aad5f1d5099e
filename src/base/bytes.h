/* SPDX-License-Identifier: Apache-2.0
 *
 * bytes.h - views of bytes, and a growing buffer that cannot be made without a maximum.
 */
#ifndef PS_BASE_BYTES_H
#define PS_BASE_BYTES_H

#include <stdint.h>
#include <string.h>

#include "base/memory.h"

/* A view: not owned, not NUL-terminated. */
struct ps_bytes {
    const char *data;
    size_t size;
};

#define PS_BYTES(literal) ((struct ps_bytes){(literal), sizeof(literal) - 1})
struct ps_bytes ps_bytes_of(const char *text); /* NULL gives an empty view */
bool ps_bytes_equal(struct ps_bytes left, struct ps_bytes right);
/* The same for what is short and of one size, without a call for each: two loads that may overlap see all of up to 16
 * bytes. `size` is at least 1. */
static inline bool ps_bytes_same(const char *left, const char *right, size_t size) {
    uint64_t a = 0, b = 0, c = 0, d = 0;
    if (size > 16) {
        return memcmp(left, right, size) == 0;
    }
    if (size >= 8) {
        memcpy(&a, left, 8), memcpy(&b, right, 8);
        memcpy(&c, left + size - 8, 8), memcpy(&d, right + size - 8, 8);
    } else if (size >= 4) {
        memcpy(&a, left, 4), memcpy(&b, right, 4);
        memcpy(&c, left + size - 4, 4), memcpy(&d, right + size - 4, 4);
    } else {
        return left[0] == right[0] && left[size / 2] == right[size / 2] && left[size - 1] == right[size - 1];
    }
    return ((a ^ b) | (c ^ d)) == 0;
}
/* ASCII only, as for SQL keywords and names. */
bool ps_text_equal_nocase(const char *left, const char *right);
/* Is this well-formed UTF-8 (no overlong forms, no surrogates)? *bad_out: offset of the first bad byte. */
bool ps_bytes_is_utf8(struct ps_bytes bytes, size_t *bad_out);

/* A growing text or byte buffer; data is always NUL-terminated once something was added. */
struct ps_buffer {
    char *data;
    size_t size;
    size_t capacity;
    size_t size_max;
    bool failed; /* something did not fit: all later adds do nothing; look once, at the end */
};

void ps_buffer_init(struct ps_buffer *buffer, size_t size_max);
void ps_buffer_done(struct ps_buffer *buffer);
void ps_buffer_add(struct ps_buffer *buffer, const char *data, size_t size);
void ps_buffer_text(struct ps_buffer *buffer, const char *text);
void ps_buffer_printf(struct ps_buffer *buffer, const char *format, ...) PS_PRINTF(2, 3);
/* 'it''s': an SQL string literal, an SQL "identifier", a JSON "string" */
void ps_buffer_sql_literal(struct ps_buffer *buffer, const char *text);
void ps_buffer_sql_name(struct ps_buffer *buffer, const char *name);
void ps_buffer_json(struct ps_buffer *buffer, const char *data, size_t size);
void ps_buffer_clear(struct ps_buffer *buffer);
/* Room for so many bytes more, so that it need not grow piece by piece. */
void ps_buffer_reserve(struct ps_buffer *buffer, size_t size);
/* OK, or the error that `failed` stands for. */
penstock_code ps_buffer_status(const struct ps_buffer *buffer, struct penstock_error *error)
    PENSTOCK_MUST_USE;

/* The nearest of `names` (NULL-terminated) to `name` by Damerau-Levenshtein distance ignoring case and
 * underscores, or NULL if none is near (distance > 1 + length / 4). For "did you mean". */
const char *ps_nearest(const char *name, const char *const *names);

/* That distance; SIZE_MAX for names above 63 characters. */
size_t ps_text_distance(const char *left, const char *right);
/* Is `known` near enough to `name` to be what was meant? */
bool ps_text_is_near(const char *name, const char *known, size_t *distance_out);

uint64_t ps_hash(const void *data, size_t size, uint64_t seed); /* FNV-1a 64, finalised; for fingerprints */

#endif
