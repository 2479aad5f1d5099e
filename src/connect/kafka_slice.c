/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka_slice.c - the bytes of messages, one after the other in a block, with what the broker says of each.
 *
 * The block is one allocation for thousands of messages and is decoded in place, so a message costs one copy and
 * nothing else. Headers become the text of a JSON object, in their order, names that come twice included; a value
 * that is not UTF-8 becomes "base64:..." and one that is not there null.
 */
#include "connect/kafka_source.h"

#define BLOCK_SIZE_MIN ((size_t)4096)
#define MESSAGE_COUNT_MIN 16
/* Kafka itself has no limit but the message's; this one is far above any use. */
#define HEADERS_SIZE_MAX ((size_t)64 << 20)

void ps_kafka_slice_done(struct ps_kafka_slice *slice) {
    ps_release(slice->data);
    ps_release(slice->messages);
    slice->data = NULL;
    slice->messages = NULL;
}

static struct ps_bytes moved(struct ps_bytes bytes, const char *from, const char *to) {
    return (struct ps_bytes){bytes.data == NULL ? NULL : to + (bytes.data - from), bytes.size};
}

/* Room for `needed` more bytes. A block that moves takes the messages' pointers along. */
static penstock_code reserve(struct ps_kafka_slice *slice, size_t needed, size_t size_hint,
                             struct penstock_error *error) {
    if (slice->data != NULL && needed <= slice->capacity - slice->size) {
        return PENSTOCK_OK;
    }
    size_t capacity = slice->data == NULL ? size_hint : slice->capacity * 2;
    capacity = capacity < BLOCK_SIZE_MIN ? BLOCK_SIZE_MIN : capacity;
    capacity = capacity < slice->size + needed ? slice->size + needed : capacity;
    char *data = ps_reallocate(NULL, capacity, 1);
    if (data == NULL) {
        return ps_error_memory(error, "messages of a broker");
    }
    if (slice->size > 0) {
        memcpy(data, slice->data, slice->size);
    }
    for (size_t i = 0; i < slice->count; i++) {
        struct ps_message *message = &slice->messages[i];
        message->value = moved(message->value, slice->data, data);
        message->key = moved(message->key, slice->data, data);
        message->headers = moved(message->headers, slice->data, data);
    }
    ps_release(slice->data);
    slice->data = data;
    slice->capacity = capacity;
    return PENSTOCK_OK;
}

static struct ps_bytes append(struct ps_kafka_slice *slice, const void *bytes, size_t size) {
    if (bytes == NULL) {
        return (struct ps_bytes){NULL, 0};
    }
    char *at = slice->data + slice->size;
    memcpy(at, bytes, size);
    slice->size += size;
    return (struct ps_bytes){at, size};
}

/* --- headers ---------------------------------------------------------------------------------------------- */

static void add_base64(struct ps_buffer *out, const unsigned char *bytes, size_t size) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    ps_buffer_text(out, "\"base64:");
    for (size_t i = 0; i < size; i += 3) {
        const size_t left = size - i;
        const unsigned word = ((unsigned)bytes[i] << 16) | (left > 1 ? (unsigned)bytes[i + 1] << 8 : 0) |
                              (left > 2 ? (unsigned)bytes[i + 2] : 0);
        const char four[4] = {letters[word >> 18], letters[(word >> 12) & 63],
                              left > 1 ? letters[(word >> 6) & 63] : '=',
                              left > 2 ? letters[word & 63] : '='};
        ps_buffer_add(out, four, sizeof four);
    }
    ps_buffer_text(out, "\"");
}

static void add_text(struct ps_buffer *out, const void *bytes, size_t size) {
    if (bytes == NULL) {
        ps_buffer_text(out, "null");
    } else if (ps_bytes_is_utf8((struct ps_bytes){bytes, size}, NULL)) {
        ps_buffer_json(out, bytes, size);
    } else {
        add_base64(out, bytes, size);
    }
}

static void add_headers(struct ps_buffer *out, const rd_kafka_headers_t *headers) {
    const char *name = NULL;
    const void *value = NULL;
    size_t size = 0;
    for (size_t i = 0;
         rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        ps_buffer_text(out, i == 0 ? "{" : ",");
        add_text(out, name, strlen(name));
        ps_buffer_text(out, ":");
        add_text(out, value, size);
    }
    ps_buffer_text(out, out->size > 0 ? "}" : "");
}

/* --- messages --------------------------------------------------------------------------------------------- */

static penstock_code reserve_message(struct ps_kafka_slice *slice, struct penstock_error *error) {
    if (slice->count < slice->message_capacity) {
        return PENSTOCK_OK;
    }
    const size_t capacity = slice->message_capacity == 0 ? MESSAGE_COUNT_MIN : slice->message_capacity * 2;
    struct ps_message *messages = ps_reallocate(slice->messages, capacity, sizeof *messages);
    if (messages == NULL) {
        return ps_error_memory(error, "messages of a broker");
    }
    slice->messages = messages;
    slice->message_capacity = capacity;
    return PENSTOCK_OK;
}

penstock_code ps_kafka_slice_add(struct ps_kafka_slice *slice, const rd_kafka_message_t *message,
                                 size_t size_hint, struct penstock_error *error) {
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&text, HEADERS_SIZE_MAX);
    rd_kafka_headers_t *headers = NULL;
    if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        add_headers(&text, headers);
        PS_TRY(ps_buffer_status(&text, error));
    }
    PS_TRY(reserve_message(slice, error));
    PS_TRY(reserve(slice, message->len + message->key_len + text.size, size_hint, error));
    rd_kafka_timestamp_type_t kind = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    const int64_t timestamp_ms = rd_kafka_message_timestamp(message, &kind);
    slice->messages[slice->count++] = (struct ps_message){
        .value = append(slice, message->payload, message->len),
        .key = append(slice, message->key, message->key_len),
        .headers = append(slice, text.size > 0 ? text.data : NULL, text.size),
        .offset = message->offset,
        .timestamp_ms = kind == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? -1 : timestamp_ms,
    };
    slice->end = message->offset + 1;
    return PENSTOCK_OK;
}

penstock_code ps_kafka_slice_take(struct ps_kafka_slice *slice, struct ps_raw *raw,
                                  struct penstock_error *error) {
    if (slice->count == 0) { /* compaction may have left nothing: that is a block, too */
        PS_TRY(reserve_message(slice, error));
        PS_TRY(reserve(slice, 1, 1, error));
    }
    raw->data = ps_take(slice->data);
    raw->size = slice->size;
    raw->messages = ps_take(slice->messages);
    raw->message_count = slice->count;
    raw->base_offset = slice->begin;
    return PENSTOCK_OK;
}
