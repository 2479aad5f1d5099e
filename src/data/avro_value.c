/* SPDX-License-Identifier: Apache-2.0
 *
 * avro_value.c - values of Avro's binary encoding: passed over, or rendered as JSON.
 *
 * Nesting is kept in a stack of frames of fixed depth, so no input makes this recurse. A count in the bytes is never
 * believed: memory is only taken for what is rendered, and the number of values of a record is bounded by its size.
 */
#include "data/codec_avro.h"
#include "data/render.h"

enum ps_avro_result ps_avro_read_long(struct ps_avro_reader *reader, int64_t *value_out) {
    uint64_t bits = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (reader->at == reader->end) {
            return PS_AVRO_CUT;
        }
        const unsigned char byte = *reader->at++;
        if (shift == 63 && byte > 1) {
            return PS_AVRO_BAD;
        }
        bits |= (uint64_t)(byte & 0x7F) << shift;
        if ((byte & 0x80) == 0) {
            *value_out = (int64_t)(bits >> 1) ^ -(int64_t)(bits & 1);
            return PS_AVRO_OK;
        }
    }
    return PS_AVRO_BAD;
}

enum ps_avro_result ps_avro_enter_unions(struct ps_avro_reader *reader, const struct ps_avro_type **type) {
    while ((*type)->kind == PS_AVRO_UNION) {
        int64_t branch = 0;
        const enum ps_avro_result result = ps_avro_read_long(reader, &branch);
        if (result != PS_AVRO_OK) {
            return result;
        }
        if (branch < 0 || (uint64_t)branch >= (*type)->count) {
            return PS_AVRO_BAD;
        }
        *type = (*type)->types[branch];
    }
    return PS_AVRO_OK;
}

enum ps_avro_result ps_avro_read_bytes(struct ps_avro_reader *reader, const struct ps_avro_type *type,
                                       struct ps_bytes *bytes_out) {
    int64_t size = type->size;
    if (type->kind != PS_AVRO_FIXED) {
        const enum ps_avro_result result = ps_avro_read_long(reader, &size);
        if (result != PS_AVRO_OK) {
            return result;
        }
    }
    if (size < 0) {
        return PS_AVRO_BAD;
    }
    if (size > reader->end - reader->at) {
        return PS_AVRO_CUT;
    }
    *bytes_out = (struct ps_bytes){(const char *)reader->at, (size_t)size};
    reader->at += size;
    return PS_AVRO_OK;
}

bool ps_avro_microseconds(enum ps_avro_logical logical, int64_t value, int64_t *microseconds_out) {
    switch (logical) {
    case PS_AVRO_TIME_MS:
    case PS_AVRO_TIMESTAMP_MS: return !__builtin_mul_overflow(value, 1000, microseconds_out);
    case PS_AVRO_TIME_US:
    case PS_AVRO_TIMESTAMP_US: *microseconds_out = value; return true;
    case PS_AVRO_TIMESTAMP_NS: *microseconds_out = value / 1000 - (value % 1000 < 0 ? 1 : 0); return true;
    case PS_AVRO_PLAIN:
    case PS_AVRO_DECIMAL:
    case PS_AVRO_DATE: break;
    }
    return false;
}

/* --- scalars ---------------------------------------------------------------------------------------------------- */

static void render_number(const struct ps_avro_type *type, int64_t value, struct ps_buffer *out) {
    int64_t microseconds;
    if (type->logical == PS_AVRO_DATE) {
        ps_buffer_add(out, "\"", 1);
        ps_render_date(out, value);
        ps_buffer_add(out, "\"", 1);
    } else if (ps_avro_microseconds(type->logical, value, &microseconds)) {
        ps_buffer_add(out, "\"", 1);
        if (type->logical == PS_AVRO_TIME_MS || type->logical == PS_AVRO_TIME_US) {
            ps_render_time(out, microseconds);
        } else {
            ps_render_timestamp(out, microseconds, type->is_local ? "" : "Z");
        }
        ps_buffer_add(out, "\"", 1);
    } else {
        ps_render_integer(out, value);
    }
}

static enum ps_avro_result walk_number(struct ps_avro_reader *reader, const struct ps_avro_type *type,
                                       struct ps_buffer *out) {
    int64_t value = 0;
    const enum ps_avro_result result = ps_avro_read_long(reader, &value);
    if (result != PS_AVRO_OK) {
        return result;
    }
    if (type->kind == PS_AVRO_INT && (value < INT32_MIN || value > INT32_MAX)) {
        return PS_AVRO_BAD;
    }
    if (type->kind == PS_AVRO_ENUM) {
        if (value < 0 || (uint64_t)value >= type->count) {
            return PS_AVRO_BAD;
        }
        if (out != NULL) {
            ps_buffer_json(out, type->names[value].data, type->names[value].size);
        }
    } else if (out != NULL) {
        render_number(type, value, out);
    }
    return PS_AVRO_OK;
}

static enum ps_avro_result walk_bytes(struct ps_avro_reader *reader, const struct ps_avro_type *type,
                                      struct ps_buffer *out) {
    struct ps_bytes bytes = {"", 0};
    const enum ps_avro_result result = ps_avro_read_bytes(reader, type, &bytes);
    if (result != PS_AVRO_OK || out == NULL) {
        return result;
    }
    if (type->kind == PS_AVRO_STRING) {
        if (!ps_bytes_is_utf8(bytes, NULL)) {
            return PS_AVRO_TEXT;
        }
        ps_buffer_json(out, bytes.data, bytes.size);
        return PS_AVRO_OK;
    }
    if (type->logical == PS_AVRO_DECIMAL && ps_render_decimal(out, bytes, type->scale)) {
        return PS_AVRO_OK;
    }
    ps_buffer_add(out, "\"", 1);
    ps_render_base64(out, bytes);
    ps_buffer_add(out, "\"", 1);
    return PS_AVRO_OK;
}

static enum ps_avro_result walk_float(struct ps_avro_reader *reader, const struct ps_avro_type *type,
                                      struct ps_buffer *out) {
    const size_t size = type->kind == PS_AVRO_FLOAT ? sizeof(float) : sizeof(double);
    if ((size_t)(reader->end - reader->at) < size) {
        return PS_AVRO_CUT;
    }
    float small = 0;
    double value = 0;
    if (type->kind == PS_AVRO_FLOAT) {
        memcpy(&small, reader->at, sizeof small); /* both sides are little-endian */
        value = (double)small;
    } else {
        memcpy(&value, reader->at, sizeof value);
    }
    reader->at += size;
    if (out != NULL) {
        ps_render_double(out, value, type->kind == PS_AVRO_FLOAT, true);
    }
    return PS_AVRO_OK;
}

static enum ps_avro_result walk_boolean(struct ps_avro_reader *reader, struct ps_buffer *out) {
    if (reader->at == reader->end) {
        return PS_AVRO_CUT;
    }
    const unsigned char byte = *reader->at++;
    if (byte > 1) {
        return PS_AVRO_BAD;
    }
    if (out != NULL) {
        ps_buffer_text(out, byte == 1 ? "true" : "false");
    }
    return PS_AVRO_OK;
}

/* --- containers ------------------------------------------------------------------------------------------------- */

/* A scalar is passed over; a container becomes a frame. */
static enum ps_avro_result enter(struct ps_avro_reader *reader, const struct ps_avro_type *type,
                                 size_t *depth, struct ps_buffer *out) {
    const enum ps_avro_result result = ps_avro_enter_unions(reader, &type);
    if (result != PS_AVRO_OK) {
        return result;
    }
    if (--reader->steps_left < 0) {
        return PS_AVRO_LARGE;
    }
    switch (type->kind) {
    case PS_AVRO_NULL:
        if (out != NULL) {
            ps_buffer_text(out, "null");
        }
        return PS_AVRO_OK;
    case PS_AVRO_BOOLEAN: return walk_boolean(reader, out);
    case PS_AVRO_INT:
    case PS_AVRO_LONG:
    case PS_AVRO_ENUM: return walk_number(reader, type, out);
    case PS_AVRO_FLOAT:
    case PS_AVRO_DOUBLE: return walk_float(reader, type, out);
    case PS_AVRO_BYTES:
    case PS_AVRO_STRING:
    case PS_AVRO_FIXED: return walk_bytes(reader, type, out);
    case PS_AVRO_ARRAY:
    case PS_AVRO_MAP:
    case PS_AVRO_RECORD:
    case PS_AVRO_UNION: break;
    }
    if (*depth == PS_LIMIT_JSON_DEPTH) {
        return PS_AVRO_DEEP;
    }
    reader->frames[*depth] = (struct ps_avro_frame){.type = type, .is_first = true};
    (*depth)++;
    if (out != NULL) {
        ps_buffer_text(out, type->kind == PS_AVRO_ARRAY ? "[" : "{");
    }
    return PS_AVRO_OK;
}

/* The count of the next block; 0 ends an array or map. A negative one has its size in bytes behind it, which is of
 * use only when nothing is rendered. */
static enum ps_avro_result next_block(struct ps_avro_reader *reader, struct ps_avro_frame *frame,
                                      bool skips) {
    while (true) {
        int64_t count = 0, size = 0;
        enum ps_avro_result result = ps_avro_read_long(reader, &count);
        if (result != PS_AVRO_OK || count == 0) {
            frame->left = 0;
            return result;
        }
        if (count < 0) {
            result = ps_avro_read_long(reader, &size);
            if (result != PS_AVRO_OK || size < 0 || count == INT64_MIN) {
                return result != PS_AVRO_OK ? result : PS_AVRO_BAD;
            }
            if (size > reader->end - reader->at) {
                return PS_AVRO_CUT;
            }
            if (skips) {
                reader->at += size;
                continue;
            }
            count = -count;
        }
        frame->left = count;
        return PS_AVRO_OK;
    }
}

/* What comes next in the innermost container: its type, or NULL once the container is closed. */
static enum ps_avro_result step(struct ps_avro_reader *reader, struct ps_avro_frame *frame,
                                const struct ps_avro_type **next_out, struct ps_buffer *out) {
    const struct ps_avro_type *type = frame->type;
    struct ps_bytes key = {"", 0};
    *next_out = NULL;
    if (type->kind == PS_AVRO_RECORD) {
        if (frame->next == type->count) {
            return PS_AVRO_OK;
        }
        key = type->names[frame->next];
        *next_out = type->types[frame->next];
        frame->next++;
    } else {
        if (frame->left == 0) {
            const enum ps_avro_result result = next_block(reader, frame, out == NULL);
            if (result != PS_AVRO_OK || frame->left == 0) {
                return result;
            }
        }
        frame->left--;
        *next_out = type->types[0];
        if (type->kind == PS_AVRO_MAP) {
            static const struct ps_avro_type text = {.kind = PS_AVRO_STRING};
            const enum ps_avro_result result = ps_avro_read_bytes(reader, &text, &key);
            if (result != PS_AVRO_OK) {
                return result;
            }
            if (out != NULL && !ps_bytes_is_utf8(key, NULL)) {
                return PS_AVRO_TEXT;
            }
        }
    }
    if (out != NULL) {
        ps_buffer_text(out, frame->is_first ? "" : ",");
        if (type->kind != PS_AVRO_ARRAY) {
            ps_buffer_json(out, key.data, key.size);
            ps_buffer_add(out, ":", 1);
        }
    }
    frame->is_first = false;
    return PS_AVRO_OK;
}

enum ps_avro_result ps_avro_walk(struct ps_avro_reader *reader, const struct ps_avro_type *type,
                                 struct ps_buffer *out) {
    size_t depth = 0;
    enum ps_avro_result result = enter(reader, type, &depth, out);
    while (result == PS_AVRO_OK && depth > 0) {
        const struct ps_avro_type *next = NULL;
        struct ps_avro_frame *frame = &reader->frames[depth - 1];
        result = step(reader, frame, &next, out);
        if (result == PS_AVRO_OK && next != NULL) {
            result = enter(reader, next, &depth, out);
        } else if (result == PS_AVRO_OK) {
            if (out != NULL) {
                ps_buffer_text(out, frame->type->kind == PS_AVRO_ARRAY ? "]" : "}");
            }
            depth--;
        }
        if (out != NULL && out->failed) {
            return out->size > out->size_max / 2 ? PS_AVRO_LARGE : PS_AVRO_MEMORY;
        }
    }
    return result;
}
