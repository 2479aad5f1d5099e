/* SPDX-License-Identifier: Apache-2.0
 *
 * wire.c - greeting, requests and replies of HBase's RPC (RPC.proto, HBase.proto of 2.6).
 */
#include "hbase/wire.h"

#include "base/limits.h"

/* Every part that is made on the way to a request: a few hundred bytes. */
#define PART_SIZE_MAX ((size_t)1 << 20)
#define CELL_CODEC "org.apache.hadoop.hbase.codec.KeyValueCodec"
#define REGION_NAME 1

void ps_hbase_add_preamble(struct ps_buffer *out, bool is_kerberos) {
    ps_buffer_add(out, "HBas", 5); /* and version 0 */
    ps_buffer_add(out, is_kerberos ? "\x51" : "\x50", 1);
}

void ps_hbase_add_header(struct ps_buffer *out, const char *user, const char *service) {
    struct ps_buffer header PS_SCOPED(ps_buffer_done) = {.data = NULL},
                            user_info PS_SCOPED(ps_buffer_done) = {.data = NULL};
    ps_buffer_init(&header, PART_SIZE_MAX);
    ps_buffer_init(&user_info, PART_SIZE_MAX);
    if (user != NULL) {
        ps_proto_add_text(&user_info, 1, user);
        ps_proto_add_message(&header, 1, &user_info);
    }
    ps_proto_add_text(&header, 2, service);
    ps_proto_add_text(&header, 3, CELL_CODEC);
    ps_hbase_add_u32(out, (uint32_t)header.size);
    ps_buffer_add(out, header.data, header.size);
    out->failed = out->failed || header.failed || user_info.failed;
}

void ps_hbase_add_request(struct ps_buffer *out, uint32_t call_id, const struct ps_hbase_request *request) {
    struct ps_buffer header PS_SCOPED(ps_buffer_done) = {.data = NULL},
                            lengths PS_SCOPED(ps_buffer_done) = {.data = NULL};
    ps_buffer_init(&header, PART_SIZE_MAX);
    ps_buffer_init(&lengths, PART_SIZE_MAX);
    ps_proto_add_integer(&header, 1, call_id);
    ps_proto_add_text(&header, 3, request->method);
    ps_proto_add_integer(&header, 4, 1);
    const size_t cells_size = request->cells == NULL ? 0 : request->cells->size;
    if (cells_size > 0) {
        struct ps_buffer meta PS_SCOPED(ps_buffer_done) = {.data = NULL};
        ps_buffer_init(&meta, PART_SIZE_MAX);
        ps_proto_add_integer(&meta, 1, (int64_t)cells_size);
        ps_proto_add_message(&header, 5, &meta);
    }
    ps_proto_add_integer(&header, 7, request->timeout_ms);
    ps_proto_add_varint(&lengths, header.size);
    const size_t before = lengths.size;
    ps_proto_add_varint(&lengths, request->message->size);
    const size_t total = lengths.size + header.size + request->message->size + cells_size;
    ps_hbase_add_u32(out, (uint32_t)total);
    ps_buffer_add(out, lengths.data, before);
    ps_buffer_add(out, header.data, header.size);
    ps_buffer_add(out, lengths.data + before, lengths.size - before);
    if (request->message->size > 0) {
        ps_buffer_add(out, request->message->data, request->message->size);
    }
    if (cells_size > 0) {
        ps_buffer_add(out, request->cells->data, cells_size);
    }
    out->failed = out->failed || header.failed || lengths.failed || request->message->failed ||
                  (request->cells != NULL && request->cells->failed) || total > INT32_MAX;
}

static bool parse_exception(struct ps_bytes message, struct ps_hbase_exception *exception_out) {
    struct ps_proto_reader reader = ps_proto_begin(message);
    struct ps_proto_field field;
    *exception_out = (struct ps_hbase_exception){.class_name = PS_BYTES(""), .trace = PS_BYTES("")};
    while (ps_proto_next(&reader, &field)) {
        if (field.number == 1 && field.wire == PS_PROTO_BYTES) {
            exception_out->class_name = field.bytes;
        } else if (field.number == 2 && field.wire == PS_PROTO_BYTES) {
            exception_out->trace = field.bytes;
        } else if (field.number == 5) {
            exception_out->do_not_retry = field.value != 0;
        } else if (field.number == 6) {
            exception_out->is_overloaded = field.value != 0;
        }
    }
    return !reader.is_damaged;
}

static bool parse_header(struct ps_bytes message, struct ps_hbase_reply *reply, size_t *cells_size_out) {
    struct ps_proto_reader reader = ps_proto_begin(message);
    struct ps_proto_field field;
    while (ps_proto_next(&reader, &field)) {
        if (field.number == 1 && field.wire == PS_PROTO_VARINT) {
            reply->call_id = (uint32_t)field.value;
        } else if (field.number == 2 && field.wire == PS_PROTO_BYTES) {
            reply->has_exception = true;
            if (!parse_exception(field.bytes, &reply->exception)) {
                return false;
            }
        } else if (field.number == 3 && field.wire == PS_PROTO_BYTES) {
            struct ps_proto_reader meta = ps_proto_begin(field.bytes);
            while (ps_proto_next(&meta, &field)) {
                *cells_size_out = field.number == 1 ? (size_t)field.value : *cells_size_out;
            }
            if (meta.is_damaged) {
                return false;
            }
        }
    }
    return !reader.is_damaged;
}

bool ps_hbase_parse_front(struct ps_bytes part, size_t frame_size, struct ps_hbase_reply *reply_out) {
    struct ps_proto_reader reader = ps_proto_begin(part);
    struct ps_hbase_reply reply = {.message = PS_BYTES(""), .cells = PS_BYTES("")};
    struct ps_bytes header;
    size_t cells_size = 0;
    if (!ps_proto_next_delimited(&reader, &header) || !parse_header(header, &reply, &cells_size)) {
        return false;
    }
    if (!reply.has_exception) { /* behind an exception there is nothing */
        if (!ps_proto_next_delimited(&reader, &reply.message) ||
            frame_size - (size_t)(reader.at - part.data) != cells_size) {
            return false;
        }
        reply.cells = (struct ps_bytes){reader.at, (size_t)(reader.end - reader.at)};
    }
    *reply_out = reply;
    return true;
}

bool ps_hbase_parse_reply(struct ps_bytes frame, struct ps_hbase_reply *reply_out) {
    return ps_hbase_parse_front(frame, frame.size, reply_out);
}

bool ps_hbase_parse_pair(struct ps_bytes message, struct ps_bytes *first_out, struct ps_bytes *second_out) {
    struct ps_proto_reader reader = ps_proto_begin(message);
    struct ps_proto_field field;
    *first_out = *second_out = PS_BYTES("");
    while (ps_proto_next(&reader, &field)) {
        if (field.wire == PS_PROTO_BYTES && field.number == 1) {
            *first_out = field.bytes;
        } else if (field.wire == PS_PROTO_BYTES && field.number == 2) {
            *second_out = field.bytes;
        }
    }
    return !reader.is_damaged;
}

bool ps_hbase_parse_exception_pair(struct ps_bytes message, struct ps_hbase_exception *exception_out) {
    *exception_out = (struct ps_hbase_exception){.do_not_retry = false};
    return ps_hbase_parse_pair(message, &exception_out->class_name, &exception_out->trace);
}

void ps_hbase_add_region_specifier(struct ps_buffer *out, uint32_t field, struct ps_bytes region_name) {
    struct ps_buffer region PS_SCOPED(ps_buffer_done) = {.data = NULL};
    ps_buffer_init(&region, PART_SIZE_MAX);
    ps_proto_add_integer(&region, 1, REGION_NAME);
    ps_proto_add_bytes(&region, 2, region_name.data, region_name.size);
    ps_proto_add_message(out, field, &region);
}

void ps_hbase_add_table_name(struct ps_buffer *out, uint32_t field, const char *table) {
    struct ps_buffer name PS_SCOPED(ps_buffer_done) = {.data = NULL};
    ps_buffer_init(&name, PART_SIZE_MAX);
    const char *const colon = strchr(table, ':');
    if (colon == NULL) {
        ps_proto_add_text(&name, 1, "default");
    } else {
        ps_proto_add_bytes(&name, 1, table, (size_t)(colon - table));
    }
    ps_proto_add_text(&name, 2, colon == NULL ? table : colon + 1);
    ps_proto_add_message(out, field, &name);
}
