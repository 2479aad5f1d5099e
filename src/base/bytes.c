/* SPDX-License-Identifier: Apache-2.0
 *
 * bytes.c - views of bytes, the growing buffer, near names and the fingerprint hash.
 *
 * A buffer remembers its first failure and ignores everything after it, so that whoever builds a text of
 * fifty parts looks once, at the end, instead of fifty times.
 */
#include "base/bytes.h"

#include <stdint.h>
#include <stdio.h>

#include "base/check.h"

struct ps_bytes ps_bytes_of(const char *text) {
    return (struct ps_bytes){text == NULL ? "" : text, text == NULL ? 0 : strlen(text)};
}

bool ps_bytes_equal(struct ps_bytes left, struct ps_bytes right) {
    return left.size == right.size && (left.size == 0 || memcmp(left.data, right.data, left.size) == 0);
}

static char lower_ascii(char letter) {
    return letter >= 'A' && letter <= 'Z' ? (char)(letter - 'A' + 'a') : letter;
}

bool ps_text_equal_nocase(const char *left, const char *right) {
    size_t index = 0;
    while (left[index] != '\0' && lower_ascii(left[index]) == lower_ascii(right[index])) {
        index++;
    }
    return left[index] == '\0' && right[index] == '\0';
}

/* Size of the well-formed UTF-8 character at the start of `bytes`, 0 if there is none (Unicode, table 3-7). */
static size_t utf8_size(const unsigned char *bytes, size_t size) {
    const unsigned char lead = bytes[0];
    if (lead < 0x80) {
        return 1;
    }
    unsigned char second_min = 0x80, second_max = 0xBF;
    size_t needed;
    if (lead >= 0xC2 && lead <= 0xDF) {
        needed = 2;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
        needed = 3;
        second_min = lead == 0xE0 ? 0xA0 : second_min; /* overlong */
        second_max = lead == 0xED ? 0x9F : second_max; /* surrogates */
    } else if (lead >= 0xF0 && lead <= 0xF4) {
        needed = 4;
        second_min = lead == 0xF0 ? 0x90 : second_min; /* overlong */
        second_max = lead == 0xF4 ? 0x8F : second_max; /* above U+10FFFF */
    } else {
        return 0;
    }
    if (size < needed || bytes[1] < second_min || bytes[1] > second_max) {
        return 0;
    }
    for (size_t index = 2; index < needed; index++) {
        if ((bytes[index] & 0xC0) != 0x80) {
            return 0;
        }
    }
    return needed;
}

bool ps_bytes_is_utf8(struct ps_bytes bytes, size_t *bad_out) {
    const unsigned char *data = (const unsigned char *)bytes.data;
    size_t index = 0;
    while (index < bytes.size) {
        uint64_t word;
        if (bytes.size - index >= sizeof word) { /* eight ASCII bytes at once: most data is */
            memcpy(&word, data + index, sizeof word);
            if ((word & UINT64_C(0x8080808080808080)) == 0) {
                index += sizeof word;
                continue;
            }
        }
        const size_t size = utf8_size(data + index, bytes.size - index);
        if (size == 0) {
            if (bad_out != NULL) {
                *bad_out = index;
            }
            return false;
        }
        index += size;
    }
    return true;
}

/* --- the buffer --------------------------------------------------------------------------------------- */

void ps_buffer_init(struct ps_buffer *buffer, size_t size_max) {
    ps_check(size_max > 0 && size_max < SIZE_MAX);
    *buffer = (struct ps_buffer){.size_max = size_max};
}

void ps_buffer_done(struct ps_buffer *buffer) {
    ps_release(buffer->data);
    buffer->data = NULL;
    buffer->size = buffer->capacity = 0;
}

/* Room for `size` more bytes and the NUL. */
static bool reserve(struct ps_buffer *buffer, size_t size) {
    if (buffer->failed || size > buffer->size_max - buffer->size) {
        buffer->failed = true;
        return false;
    }
    const size_t needed = buffer->size + size + 1;
    if (needed <= buffer->capacity) {
        return true;
    }
    size_t capacity = buffer->capacity > buffer->size_max / 2 ? buffer->size_max + 1 : buffer->capacity * 2;
    capacity = capacity < 64 ? 64 : capacity;
    capacity = capacity < needed ? needed : capacity;
    char *data = ps_reallocate(buffer->data, capacity, 1);
    if (data == NULL) {
        buffer->failed = true;
        return false;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

void ps_buffer_reserve(struct ps_buffer *buffer, size_t size) {
    (void)reserve(buffer, size);
}

void ps_buffer_add(struct ps_buffer *buffer, const char *data, size_t size) {
    if (reserve(buffer, size)) {
        if (size > 0) {
            memcpy(buffer->data + buffer->size, data, size);
        }
        buffer->size += size;
        buffer->data[buffer->size] = '\0';
    }
}

void ps_buffer_text(struct ps_buffer *buffer, const char *text) {
    const struct ps_bytes bytes = ps_bytes_of(text);
    ps_buffer_add(buffer, bytes.data, bytes.size);
}

void ps_buffer_printf(struct ps_buffer *buffer, const char *format, ...) {
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    char text[256]; /* most parts are short: formatted once */
    const int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (size < 0) {
        buffer->failed = true;
    } else if ((size_t)size < sizeof text) {
        ps_buffer_add(buffer, text, (size_t)size);
    } else if (reserve(buffer, (size_t)size)) {
        (void)vsnprintf(buffer->data + buffer->size, (size_t)size + 1, format, again);
        buffer->size += (size_t)size;
    }
    va_end(again);
}

static void add_quoted(struct ps_buffer *buffer, const char *text, char quote) {
    const char doubled[2] = {quote, quote};
    ps_buffer_add(buffer, &quote, 1);
    for (const char *start = text; start != NULL;) {
        const char *end = strchr(start, quote);
        if (end == NULL) {
            ps_buffer_text(buffer, start);
            break;
        }
        ps_buffer_add(buffer, start, (size_t)(end - start));
        ps_buffer_add(buffer, doubled, sizeof doubled);
        start = end + 1;
    }
    ps_buffer_add(buffer, &quote, 1);
}

void ps_buffer_sql_literal(struct ps_buffer *buffer, const char *text) {
    add_quoted(buffer, text, '\'');
}

void ps_buffer_sql_name(struct ps_buffer *buffer, const char *name) {
    add_quoted(buffer, name, '"');
}

/* The escape of one ASCII byte in JSON, or NULL if it stands for itself. */
static const char *json_escape(unsigned char byte, char text_out[8]) {
    switch (byte) {
    case '"': return "\\\"";
    case '\\': return "\\\\";
    case '\b': return "\\b";
    case '\f': return "\\f";
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    default: break;
    }
    if (byte >= 0x20 && byte != 0x7F) {
        return NULL;
    }
    (void)snprintf(text_out, 8, "\\u%04x", (unsigned)byte);
    return text_out;
}

void ps_buffer_json(struct ps_buffer *buffer, const char *data, size_t size) {
    ps_buffer_add(buffer, "\"", 1);
    size_t start = 0; /* of the run that needs no escape */
    size_t index = 0;
    while (index < size) {
        char text[8];
        const char *escape = NULL;
        size_t character = utf8_size((const unsigned char *)data + index, size - index);
        if (character == 0) {
            escape = "\\ufffd"; /* JSON must be UTF-8, whatever the outside sent */
            character = 1;
        } else if (character == 1) {
            escape = json_escape((unsigned char)data[index], text);
        }
        if (escape != NULL) {
            ps_buffer_add(buffer, data + start, index - start);
            ps_buffer_text(buffer, escape);
            start = index + character;
        }
        index += character;
    }
    if (size > start) {
        ps_buffer_add(buffer, data + start, size - start);
    }
    ps_buffer_add(buffer, "\"", 1);
}

void ps_buffer_clear(struct ps_buffer *buffer) {
    buffer->size = 0;
    buffer->failed = false;
    if (buffer->data != NULL) {
        buffer->data[0] = '\0';
    }
}

penstock_code ps_buffer_status(const struct ps_buffer *buffer, struct penstock_error *error) {
    if (!buffer->failed) {
        return PENSTOCK_OK;
    }
    (void)ps_error_memory(error, "a text");
    (void)ps_error_detail(error, "%zu bytes so far, limit %zu bytes", buffer->size, buffer->size_max);
    return PENSTOCK_OUT_OF_MEMORY;
}

/* --- near names --------------------------------------------------------------------------------------- */

#define NEAR_SIZE_MAX 63 /* longer names are not typed by hand */

/* Lower case, without underscores. False if too long. */
static bool fold_name(const char *name, char folded_out[NEAR_SIZE_MAX + 1], size_t *size_out) {
    size_t size = 0;
    for (size_t index = 0; name[index] != '\0'; index++) {
        if (name[index] == '_') {
            continue;
        }
        if (size == NEAR_SIZE_MAX) {
            return false;
        }
        folded_out[size++] = lower_ascii(name[index]);
    }
    folded_out[size] = '\0';
    *size_out = size;
    return true;
}

static size_t least(size_t left, size_t right) {
    return left < right ? left : right;
}

size_t ps_text_distance(const char *left, const char *right) {
    char a[NEAR_SIZE_MAX + 1], b[NEAR_SIZE_MAX + 1];
    size_t a_size, b_size;
    if (!fold_name(left, a, &a_size) || !fold_name(right, b, &b_size)) {
        return SIZE_MAX;
    }
    /* Restricted Damerau-Levenshtein (optimal string alignment), three rows of the matrix. */
    size_t rows[3][NEAR_SIZE_MAX + 1];
    for (size_t column = 0; column <= b_size; column++) {
        rows[0][column] = column;
    }
    for (size_t line = 1; line <= a_size; line++) {
        size_t *row = rows[line % 3];
        const size_t *above = rows[(line + 2) % 3];
        const size_t *above2 = rows[(line + 1) % 3];
        row[0] = line;
        for (size_t column = 1; column <= b_size; column++) {
            const size_t change = a[line - 1] == b[column - 1] ? 0 : 1;
            row[column] = least(above[column - 1] + change, least(above[column], row[column - 1]) + 1);
            if (line > 1 && column > 1 && a[line - 1] == b[column - 2] && a[line - 2] == b[column - 1]) {
                row[column] = least(row[column], above2[column - 2] + 1);
            }
        }
    }
    return rows[a_size % 3][b_size];
}

bool ps_text_is_near(const char *name, const char *known, size_t *distance_out) {
    const size_t length = strlen(name);
    const size_t distance = ps_text_distance(name, known);
    *distance_out = distance;
    /* as many changes as letters is another word, not a slip */
    return distance <= 1 + length / 4 && (distance == 0 || distance < length);
}

const char *ps_nearest(const char *name, const char *const *names) {
    const char *nearest = NULL;
    size_t distance_min = SIZE_MAX;
    for (size_t index = 0; names[index] != NULL; index++) {
        size_t distance;
        if (ps_text_is_near(name, names[index], &distance) && distance < distance_min) {
            nearest = names[index];
            distance_min = distance;
        }
    }
    return nearest;
}

/* --- hash --------------------------------------------------------------------------------------------- */

/* FNV-1a (Fowler, Noll, Vo), then MurmurHash3's 64-bit finaliser, because FNV's high bits mix badly. */
uint64_t ps_hash(const void *data, size_t size, uint64_t seed) {
    const unsigned char *bytes = data;
    uint64_t hash = UINT64_C(14695981039346656037) ^ seed;
    for (size_t index = 0; index < size; index++) {
        hash = (hash ^ bytes[index]) * UINT64_C(1099511628211);
    }
    hash = (hash ^ (hash >> 33)) * UINT64_C(0xff51afd7ed558ccd);
    hash = (hash ^ (hash >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
    return hash ^ (hash >> 33);
}
