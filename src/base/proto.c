/* SPDX-License-Identifier: Apache-2.0
 *
 * proto.c - varints, lengths, and nothing believed.
 */
#include "base/proto.h"

void ps_proto_add_varint(struct ps_buffer *out, uint64_t value) {
    char bytes[10];
    size_t size = 0;
    do {
        const uint64_t rest = value >> 7;
        bytes[size++] = (char)(unsigned char)((value & 0x7F) | (rest != 0 ? 0x80 : 0));
        value = rest;
    } while (value != 0);
    ps_buffer_add(out, bytes, size);
}

static void add_key(struct ps_buffer *out, uint32_t field, enum ps_proto_wire wire) {
    ps_proto_add_varint(out, (uint64_t)field << 3 | (uint64_t)wire);
}

void ps_proto_add_integer(struct ps_buffer *out, uint32_t field, int64_t value) {
    add_key(out, field, PS_PROTO_VARINT);
    ps_proto_add_varint(out, (uint64_t)value);
}

void ps_proto_add_bytes(struct ps_buffer *out, uint32_t field, const char *data, size_t size) {
    add_key(out, field, PS_PROTO_BYTES);
    ps_proto_add_varint(out, size);
    if (size > 0) {
        ps_buffer_add(out, data, size);
    }
}

void ps_proto_add_text(struct ps_buffer *out, uint32_t field, const char *text) {
    ps_proto_add_bytes(out, field, text, strlen(text));
}

void ps_proto_add_message(struct ps_buffer *out, uint32_t field, const struct ps_buffer *message) {
    ps_proto_add_bytes(out, field, message->data, message->size);
    out->failed = out->failed || message->failed;
}

struct ps_proto_reader ps_proto_begin(struct ps_bytes message) {
    const char *start = message.data == NULL ? "" : message.data;
    return (struct ps_proto_reader){.at = start, .end = start + message.size};
}

static bool read_varint(struct ps_proto_reader *reader, uint64_t *value_out) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && reader->at < reader->end; shift += 7) {
        const unsigned char byte = (unsigned char)*reader->at++;
        value |= (uint64_t)(byte & 0x7F) << shift;
        if ((byte & 0x80) == 0) {
            *value_out = value;
            return true;
        }
    }
    reader->is_damaged = true;
    return false;
}

static uint64_t little_endian(const char *bytes, size_t size) {
    uint64_t value = 0;
    for (size_t i = size; i > 0; i--) {
        value = value << 8 | (unsigned char)bytes[i - 1];
    }
    return value;
}

static bool read_fixed(struct ps_proto_reader *reader, size_t size, uint64_t *value_out) {
    if ((size_t)(reader->end - reader->at) < size) {
        reader->is_damaged = true;
        return false;
    }
    *value_out = little_endian(reader->at, size);
    reader->at += size;
    return true;
}

bool ps_proto_next(struct ps_proto_reader *reader, struct ps_proto_field *field_out) {
    uint64_t key = 0;
    if (reader->is_damaged || reader->at >= reader->end || !read_varint(reader, &key)) {
        return false;
    }
    *field_out = (struct ps_proto_field){.number = (uint32_t)(key >> 3)};
    if (key >> 3 == 0 || key >> 3 > UINT32_MAX >> 3) {
        reader->is_damaged = true;
        return false;
    }
    switch (key & 7) {
    case PS_PROTO_VARINT: field_out->wire = PS_PROTO_VARINT; return read_varint(reader, &field_out->value);
    case PS_PROTO_64BIT: field_out->wire = PS_PROTO_64BIT; return read_fixed(reader, 8, &field_out->value);
    case PS_PROTO_32BIT: field_out->wire = PS_PROTO_32BIT; return read_fixed(reader, 4, &field_out->value);
    case PS_PROTO_BYTES: {
        uint64_t size = 0;
        field_out->wire = PS_PROTO_BYTES;
        if (!read_varint(reader, &size) || size > (uint64_t)(reader->end - reader->at)) {
            reader->is_damaged = true;
            return false;
        }
        field_out->bytes = (struct ps_bytes){reader->at, (size_t)size};
        reader->at += size;
        return true;
    }
    default: reader->is_damaged = true; return false;
    }
}

bool ps_proto_next_packed(struct ps_proto_reader *reader, uint64_t *value_out) {
    return !reader->is_damaged && reader->at < reader->end && read_varint(reader, value_out);
}

bool ps_proto_next_delimited(struct ps_proto_reader *reader, struct ps_bytes *message_out) {
    uint64_t size = 0;
    if (!ps_proto_next_packed(reader, &size)) {
        return false;
    }
    if (size > (uint64_t)(reader->end - reader->at)) {
        reader->is_damaged = true;
        return false;
    }
    *message_out = (struct ps_bytes){reader->at, (size_t)size};
    reader->at += size;
    return true;
}

float ps_proto_float(const char *bytes) {
    const uint32_t bits = (uint32_t)little_endian(bytes, 4);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

double ps_proto_double(const char *bytes) {
    const uint64_t bits = little_endian(bytes, 8);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

int64_t ps_proto_int64(const char *bytes) {
    return (int64_t)little_endian(bytes, 8);
}

int32_t ps_proto_int32(const char *bytes) {
    return (int32_t)(uint32_t)little_endian(bytes, 4);
}
