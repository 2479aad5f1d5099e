/* SPDX-License-Identifier: Apache-2.0
 *
 * bytes.c - views, UTF-8, the growing buffer, near names, a hash.
 */
#include "base/bytes.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

struct ps_bytes ps_bytes_of(const char *text) {
    return (struct ps_bytes){text, text != NULL ? strlen(text) : 0};
}

bool ps_bytes_equal(struct ps_bytes left, struct ps_bytes right) {
    return left.size == right.size && (left.size == 0 || memcmp(left.data, right.data, left.size) == 0);
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

bool ps_text_equal_nocase(const char *left, const char *right) {
    while (*left != '\0' && lower(*left) == lower(*right)) {
        left++;
        right++;
    }
    return *left == '\0' && *right == '\0';
}

/* Bytes of the well-formed sequence at data[0], 0 if there is none. Table 3-7 of the Unicode standard. */
static size_t utf8_size(const unsigned char *data, size_t size) {
    const unsigned char first = data[0];
    size_t length = first < 0x80 ? 1 : first >= 0xC2 && first <= 0xDF ? 2 : (first & 0xF0) == 0xE0 ? 3 : first >= 0xF0 && first <= 0xF4 ? 4 : 0;
    if (length == 0 || length > size) {
        return 0;
    }
    if (length >= 2) {
        const unsigned char low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
        const unsigned char high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
        if (data[1] < low || data[1] > high) {
            return 0;
        }
    }
    for (size_t i = 2; i < length; i++) {
        if ((data[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    return length;
}

bool ps_bytes_is_utf8(struct ps_bytes bytes, size_t *bad_out) {
    const unsigned char *data = (const unsigned char *)bytes.data;
    for (size_t at = 0; at < bytes.size;) {
        uint64_t word;
        if (bytes.size - at >= sizeof word) { /* eight ASCII bytes at a time: the usual case */
            memcpy(&word, data + at, sizeof word);
            if ((word & 0x8080808080808080u) == 0) {
                at += sizeof word;
                continue;
            }
        }
        const size_t size = utf8_size(data + at, bytes.size - at);
        if (size == 0) {
            if (bad_out != NULL) {
                *bad_out = at;
            }
            return false;
        }
        at += size;
    }
    return true;
}

/* --- buffer ------------------------------------------------------------------------------------------------- */

void ps_buffer_init(struct ps_buffer *buffer, size_t size_max) {
    *buffer = (struct ps_buffer){.size_max = size_max};
}

void ps_buffer_done(struct ps_buffer *buffer) {
    ps_release(buffer->data);
    *buffer = (struct ps_buffer){.size_max = buffer->size_max};
}

/* Room for `size` more bytes and the NUL. */
static bool reserve(struct ps_buffer *buffer, size_t size) {
    if (buffer->failed || size > buffer->size_max - buffer->size) {
        buffer->failed = true;
        return false;
    }
    void *data = buffer->data;
    if (ps_grow(&data, &buffer->capacity, buffer->size + size + 1, 1, NULL) != PENSTOCK_OK) {
        buffer->failed = true;
        return false;
    }
    buffer->data = data;
    return true;
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
    ps_buffer_add(buffer, text, strlen(text));
}

void ps_buffer_printf(struct ps_buffer *buffer, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    const int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (size < 0) {
        buffer->failed = true;
    } else if (reserve(buffer, (size_t)size)) {
        vsnprintf(buffer->data + buffer->size, (size_t)size + 1, format, again);
        buffer->size += (size_t)size;
    }
    va_end(again);
}

static void add_doubled(struct ps_buffer *buffer, const char *text, char quote) {
    ps_buffer_add(buffer, &quote, 1);
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == quote) {
            ps_buffer_add(buffer, &quote, 1);
        }
        ps_buffer_add(buffer, c, 1);
    }
    ps_buffer_add(buffer, &quote, 1);
}

void ps_buffer_sql_literal(struct ps_buffer *buffer, const char *text) {
    add_doubled(buffer, text, '\'');
}

void ps_buffer_sql_name(struct ps_buffer *buffer, const char *name) {
    add_doubled(buffer, name, '"');
}

void ps_buffer_json(struct ps_buffer *buffer, const char *data, size_t size) {
    ps_buffer_add(buffer, "\"", 1);
    for (size_t i = 0; i < size;) {
        const unsigned char c = (unsigned char)data[i];
        const size_t length = utf8_size((const unsigned char *)data + i, size - i);
        if (length == 0) {
            ps_buffer_text(buffer, "\\ufffd"); /* not text: JSON has no bytes */
            i++;
            continue;
        }
        if (c == '"' || c == '\\') {
            ps_buffer_printf(buffer, "\\%c", c);
        } else if (c == '\n') {
            ps_buffer_text(buffer, "\\n");
        } else if (c == '\t') {
            ps_buffer_text(buffer, "\\t");
        } else if (c == '\r') {
            ps_buffer_text(buffer, "\\r");
        } else if (c < 0x20 || c == 0x7F) {
            ps_buffer_printf(buffer, "\\u%04x", c);
        } else {
            ps_buffer_add(buffer, data + i, length);
        }
        i += length;
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
    return ps_error_set(error, PENSTOCK_OUT_OF_MEMORY, "a text would grow beyond %zu bytes or the memory there is",
                        buffer->size_max);
}

/* --- near names ----------------------------------------------------------------------------------------------- */

#define NAME_SIZE_MAX 64

/* Lower case without underscores, cut: enough to compare names. */
static size_t plain_name(const char *name, char *out) {
    size_t size = 0;
    for (; *name != '\0' && size < NAME_SIZE_MAX; name++) {
        if (*name != '_') {
            out[size++] = lower(*name);
        }
    }
    return size;
}

static size_t min3(size_t a, size_t b, size_t c) {
    return a < b ? (a < c ? a : c) : (b < c ? b : c);
}

/* Damerau-Levenshtein in its "optimal string alignment" form. */
static size_t distance(const char *left, size_t left_size, const char *right, size_t right_size) {
    size_t rows[3][NAME_SIZE_MAX + 1];
    for (size_t j = 0; j <= right_size; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= left_size; i++) {
        size_t *now = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= right_size; j++) {
            const size_t cost = left[i - 1] == right[j - 1] ? 0 : 1;
            now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + cost);
            if (i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] && before[j - 2] + 1 < now[j]) {
                now[j] = before[j - 2] + 1;
            }
        }
    }
    return rows[left_size % 3][right_size];
}

const char *ps_nearest(const char *name, const char *const *names) {
    char wanted[NAME_SIZE_MAX], other[NAME_SIZE_MAX];
    const size_t wanted_size = plain_name(name, wanted);
    const char *best = NULL;
    size_t best_distance = 2 + wanted_size / 4; /* one more than is still near */
    for (; *names != NULL; names++) {
        const size_t near = distance(wanted, wanted_size, other, plain_name(*names, other));
        if (near < best_distance) {
            best_distance = near;
            best = *names;
        }
    }
    return best;
}

uint64_t ps_hash(const void *data, size_t size, uint64_t seed) {
    const unsigned char *bytes = data;
    uint64_t hash = 14695981039346656037u ^ seed;
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ bytes[i]) * 1099511628211u;
    }
    hash ^= hash >> 33; /* the finaliser of MurmurHash3: FNV's low bits are weak */
    hash *= 0xff51afd7ed558ccdu;
    hash ^= hash >> 33;
    hash *= 0xc4ceb9fe1a85ec53u;
    return hash ^ (hash >> 33);
}
