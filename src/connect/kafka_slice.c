/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka_slice.c - messages on their way to a task, in the memory where librdkafka has received them.
 *
 * Nothing is copied: a task decodes the bytes where they are, and the messages go back to librdkafka with their batch.
 * Headers are parsed by librdkafka when they are asked for, which costs more than all else about a message. They become
 * the text of a JSON object, in their order, names that come twice included; a value that is not UTF-8 becomes
 * "base64:..." and one that is not there null.
 */
#include "connect/kafka_source.h"

#define MESSAGE_COUNT_MIN 16
/* Kafka itself has no limit but the message's; this one is far above any use. */
#define HEADERS_SIZE_MAX ((size_t)64 << 20)

/* The messages of a slice as librdkafka has lent them. */
struct ps_kafka_lent {
    struct ps_lent base; /* first: this is what a batch knows of it */
    size_t count;
    rd_kafka_message_t *messages[];
};

static void give_back(struct ps_lent *base) {
    struct ps_kafka_lent *lent = (struct ps_kafka_lent *)base;
    for (size_t i = 0; i < lent->count; i++) {
        rd_kafka_message_destroy(lent->messages[i]);
    }
    ps_release(lent);
}

void ps_kafka_slice_done(struct ps_kafka_slice *slice) {
    ps_release(slice->messages);
    if (slice->lent != NULL) {
        give_back(&slice->lent->base);
    }
    slice->messages = NULL;
    slice->lent = NULL;
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

/* As JSON, in the arena. Its errors are those of memory: bytes that librdkafka cannot read as headers are none. */
static penstock_code read_headers(const void *of, struct ps_arena *arena, struct ps_bytes *headers_out,
                                  struct penstock_error *error) {
    rd_kafka_headers_t *headers = NULL;
    *headers_out = (struct ps_bytes){NULL, 0};
    if (rd_kafka_message_headers(of, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return PENSTOCK_OK;
    }
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&text, HEADERS_SIZE_MAX);
    add_headers(&text, headers);
    PS_TRY(ps_buffer_status(&text, error));
    if (text.size > 0) {
        *headers_out = (struct ps_bytes){ps_arena_copy_size(arena, text.data, text.size), text.size};
    }
    return text.size == 0 || headers_out->data != NULL ? PENSTOCK_OK
                                                       : ps_error_memory(error, "headers of a message");
}

/* --- messages --------------------------------------------------------------------------------------------- */

/* Room for one message more. */
static penstock_code reserve(struct ps_kafka_slice *slice, size_t count_hint, struct penstock_error *error) {
    if (slice->messages != NULL && slice->count < slice->capacity) {
        return PENSTOCK_OK;
    }
    size_t capacity = slice->messages == NULL ? count_hint : slice->capacity * 2;
    capacity = capacity < MESSAGE_COUNT_MIN ? MESSAGE_COUNT_MIN : capacity;
    struct ps_kafka_lent *lent =
        ps_reallocate(slice->lent, 1, sizeof *lent + capacity * sizeof(rd_kafka_message_t *));
    if (lent == NULL) {
        return ps_error_memory(error, "messages of a broker");
    }
    lent->base.give_back = give_back;
    lent->count = slice->count;
    slice->lent = lent;
    struct ps_message *messages = ps_reallocate(slice->messages, capacity, sizeof *messages);
    if (messages == NULL) {
        return ps_error_memory(error, "messages of a broker");
    }
    slice->messages = messages;
    slice->capacity = capacity;
    return PENSTOCK_OK;
}

penstock_code ps_kafka_slice_add(struct ps_kafka_slice *slice, rd_kafka_message_t *message, size_t count_hint,
                                 struct penstock_error *error) {
    const penstock_code code = reserve(slice, count_hint, error);
    if (code != PENSTOCK_OK) {
        rd_kafka_message_destroy(message);
        return code;
    }
    rd_kafka_timestamp_type_t kind = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    const int64_t timestamp_ms = rd_kafka_message_timestamp(message, &kind);
    slice->lent->messages[slice->lent->count++] = message;
    slice->messages[slice->count++] = (struct ps_message){
        .value = {message->payload, message->len},
        .key = {message->key, message->key_len},
        .headers = {read_headers, message},
        .offset = message->offset,
        .timestamp_ms = kind == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? -1 : timestamp_ms,
    };
    slice->size += message->len + message->key_len;
    slice->end = message->offset + 1;
    return PENSTOCK_OK;
}

penstock_code ps_kafka_slice_take(struct ps_kafka_slice *slice, struct ps_raw *raw,
                                  struct penstock_error *error) {
    PS_TRY(reserve(slice, 0, error)); /* compaction may have left nothing: that is a slice, too */
    raw->size = slice->size;
    raw->messages = ps_take(slice->messages);
    raw->message_count = slice->count;
    raw->lent = &ps_take(slice->lent)->base;
    raw->base_offset = slice->begin;
    return PENSTOCK_OK;
}
