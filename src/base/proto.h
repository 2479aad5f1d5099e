/* SPDX-License-Identifier: Apache-2.0
 *
 * proto.h - Protobuf's wire format, written and read field by field: what ONNX files and the messages of HBase
 * are made of.
 *
 * The codec in data/ follows a schema that a user brings; here the schema is known, so a message is a few calls.
 * Reading believes nothing: a length beyond its message, a varint that does not end, a group are an end with
 * is_damaged set, and no field is ever longer than what is there.
 */
#ifndef PS_BASE_PROTO_H
#define PS_BASE_PROTO_H

#include "base/bytes.h"

/* Fields in the order they are added. A failed buffer is found out by its owner. */
void ps_proto_add_integer(struct ps_buffer *out, uint32_t field, int64_t value);
void ps_proto_add_text(struct ps_buffer *out, uint32_t field, const char *text);
void ps_proto_add_bytes(struct ps_buffer *out, uint32_t field, const char *data, size_t size);
void ps_proto_add_message(struct ps_buffer *out, uint32_t field, const struct ps_buffer *message);
/* A number alone, without a field: the length in front of a message that stands on its own. */
void ps_proto_add_varint(struct ps_buffer *out, uint64_t value);

enum ps_proto_wire { PS_PROTO_VARINT = 0, PS_PROTO_64BIT = 1, PS_PROTO_BYTES = 2, PS_PROTO_32BIT = 5 };
struct ps_proto_reader {
    const char *at, *end;
    bool is_damaged;
};
struct ps_proto_field {
    uint32_t number;
    enum ps_proto_wire wire;
    uint64_t value;        /* VARINT, 64BIT, 32BIT */
    struct ps_bytes bytes; /* BYTES: a view into the message */
};
struct ps_proto_reader ps_proto_begin(struct ps_bytes message);
/* False at the end and when damaged. */
bool ps_proto_next(struct ps_proto_reader *reader, struct ps_proto_field *field_out);
/* The next varint of a packed list; false at its end and when damaged. */
bool ps_proto_next_packed(struct ps_proto_reader *reader, uint64_t *value_out);
/* A message with its length in front; false at the end and when damaged. */
bool ps_proto_next_delimited(struct ps_proto_reader *reader, struct ps_bytes *message_out);

/* Little-endian, as they lie in a file. */
float ps_proto_float(const char *bytes);
double ps_proto_double(const char *bytes);
int64_t ps_proto_int64(const char *bytes);
int32_t ps_proto_int32(const char *bytes);

#endif
