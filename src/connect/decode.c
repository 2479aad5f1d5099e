/* SPDX-License-Identifier: Apache-2.0
 *
 * decode.c - from the raw bytes of a slice to a batch.
 *
 * What a codec cannot know is done here: where the slice stands in its file (byte order mark, CSV header), and
 * records that were too large to be read. The batch takes the raw block over, because texts are views into it.
 */
#include <yyjson.h>

#include "base/check.h"
#include "base/limits.h"
#include "connect/changelog.h"

/* A row of an average slice takes about this many bytes: a first guess at the batch's rows. */
#define RECORD_SIZE_GUESS 160

/* The CSV header that the position state keeps; empty if there is none. */
static penstock_code header_of(const char *state, struct ps_arena *arena, struct ps_bytes *header_out,
                               struct penstock_error *error) {
    *header_out = (struct ps_bytes){"", 0};
    if (state == NULL || state[0] == '\0') {
        return PENSTOCK_OK;
    }
    yyjson_doc *document = yyjson_read(state, strlen(state), 0);
    yyjson_val *header = yyjson_obj_get(yyjson_doc_get_root(document), "header");
    if (yyjson_is_str(header)) {
        header_out->size = yyjson_get_len(header);
        header_out->data = ps_arena_copy_size(arena, yyjson_get_str(header), header_out->size);
    }
    yyjson_doc_free(document);
    return header_out->data != NULL ? PENSTOCK_OK : ps_error_memory(error, "a CSV header");
}

static penstock_code open_decoder(const struct ps_source_setup *setup, const char *partition,
                                  struct ps_bytes header, struct ps_decoder **decoder_out,
                                  struct penstock_error *error) {
    const bool has_schemas = setup->decoding != NULL && setup->decoding->has_schemas;
    const penstock_code code =
        ps_decoder_open(setup->codec, has_schemas ? setup->decoding->value_config : setup->codec_config,
                        setup->codec_schema.columns != NULL ? &setup->codec_schema : setup->schema, header,
                        decoder_out, error);
    return code == PENSTOCK_OK ? code : ps_error_context(error, "%s", partition);
}

/* Takes what stands before the first record of a file off the block; gives the header if the state has none. */
static void skip_start(const struct ps_source_setup *setup, struct ps_bytes *block, struct ps_bytes *header) {
    if (block->size >= 3 && memcmp(block->data, PS_BYTE_ORDER_MARK, 3) == 0) {
        block->data += 3;
        block->size -= 3;
    }
    if (!setup->codec->has_header(setup->codec_config)) {
        return;
    }
    const size_t length = ps_codec_frame(setup->codec, setup->codec_config, block->data, block->size, true);
    if (header->size == 0) {
        *header = (struct ps_bytes){block->data, length};
        while (header->size > 0 && strchr("\r\n", header->data[header->size - 1]) != NULL) {
            header->size--;
        }
    }
    block->data += length;
    block->size -= length;
}

static penstock_code add_oversize(struct ps_batch *batch, const struct ps_slice *slice,
                                  const struct ps_raw *raw, struct penstock_error *error) {
    const struct ps_record record = {.raw = {raw->data, raw->size}, .offset = slice->begin};
    PS_TRY(ps_batch_add_dead_letter(batch, record, PS_REASON_SIZE, NULL, error,
                                    "the record has %lld bytes, the most is %zu", (long long)raw->oversize,
                                    PS_LIMIT_RECORD_SIZE));
    batch->dead_letters[batch->dead_letter_count - 1].raw_size = raw->oversize;
    return PENSTOCK_OK;
}

static penstock_code name_partition(struct ps_batch *batch, struct ps_partition partition,
                                    struct penstock_error *error) {
    batch->partition = partition;
    batch->partition.name = ps_arena_copy(batch->arena, partition.name);
    return batch->partition.name != NULL ? PENSTOCK_OK : ps_error_memory(error, "a batch");
}

/* --- messages of a broker --------------------------------------------------------------------------------------- */

static void set_bytes(struct ps_batch *batch, size_t column, struct ps_bytes bytes) {
    ((struct ps_bytes *)batch->columns[column].values)[batch->row_count] = bytes;
}

/* The column of one INCLUDE in the row at batch->row_count. */
static penstock_code set_include(struct ps_batch *batch, const struct ps_include *include,
                                 struct ps_partition partition, const struct ps_message *message,
                                 struct penstock_error *error) {
    const size_t column = include->column;
    struct ps_bytes headers;
    const char *bracket = strrchr(partition.name, '[');
    switch (include->kind) {
    case PS_INCLUDE_KEY:
        if (message->key.data == NULL) {
            ps_batch_set_null(batch, column);
        } else {
            set_bytes(batch, column, message->key);
        }
        break;
    case PS_INCLUDE_PARTITION:
        ((int32_t *)batch->columns[column].values)[batch->row_count] =
            bracket != NULL ? (int32_t)strtol(bracket + 1, NULL, 10) : 0;
        break;
    case PS_INCLUDE_OFFSET:
        ((int64_t *)batch->columns[column].values)[batch->row_count] = message->offset;
        break;
    case PS_INCLUDE_TIMESTAMP:
        if (message->timestamp_ms < 0) {
            ps_batch_set_null(batch, column);
        } else {
            ((int64_t *)batch->columns[column].values)[batch->row_count] = message->timestamp_ms * 1000;
        }
        break;
    case PS_INCLUDE_HEADERS:
        PS_TRY(ps_message_headers(message, batch->arena, &headers, error));
        set_bytes(batch, column, headers.size > 0 ? headers : PS_BYTES("{}"));
        break;
    case PS_INCLUDE_REST: /* the codec has set it, but for what is gone */
        if (batch->operations != NULL && batch->operations[batch->row_count] == PS_OPERATION_DELETE) {
            ps_batch_set_null(batch, column);
        }
        break;
    case PS_INCLUDE_TOPIC:
        set_bytes(batch, column,
                  (struct ps_bytes){partition.name, bracket != NULL ? (size_t)(bracket - partition.name)
                                                                    : strlen(partition.name)});
        break;
    }
    return PENSTOCK_OK;
}

/* A VARCHAR key must be text. True: the record became a dead letter. */
static penstock_code check_key(const struct ps_source_setup *setup, struct ps_batch *batch,
                               struct ps_record record, bool *is_dead_out, struct penstock_error *error) {
    const struct ps_source_statement *statement = setup->statement;
    for (size_t i = 0; i < statement->include_count; i++) {
        const struct ps_column_schema *column = &setup->schema->columns[statement->includes[i].column];
        size_t bad = 0;
        if (statement->includes[i].kind == PS_INCLUDE_KEY && column->type == PS_TYPE_VARCHAR &&
            record.message->key.data != NULL && !ps_bytes_is_utf8(record.message->key, &bad)) {
            *is_dead_out = true;
            return ps_batch_add_dead_letter(batch, record, PS_REASON_ENCODING, column->name, error,
                                            "%s: byte %zu of the key (0x%02X) is not UTF-8", column->name,
                                            bad, (unsigned)(unsigned char)record.message->key.data[bad]);
        }
    }
    return PENSTOCK_OK;
}

/* What turns records into rows of one batch: a decoder, or a changelog with decoders of its own. */
struct reader {
    const struct ps_source_setup *setup;
    struct ps_batch *batch;
    struct ps_decoder *decoder;
    struct ps_changelog *changelog;
};

static void reader_done(struct reader *reader) {
    ps_decoder_close(reader->decoder);
    ps_changelog_close(reader->changelog);
}

static penstock_code reader_init(struct reader *reader, const struct ps_source_setup *setup,
                                 struct ps_batch *batch, const char *partition, struct ps_bytes header,
                                 struct penstock_error *error) {
    reader->setup = setup;
    reader->batch = batch;
    if (setup->statement == NULL || setup->statement->format == PS_FORMAT_PLAIN) {
        return open_decoder(setup, partition, header, &reader->decoder, error);
    }
    const penstock_code code = ps_changelog_open(setup, batch, &reader->changelog, error);
    return code == PENSTOCK_OK ? code : ps_error_context(error, "%s", partition);
}

static penstock_code decode_plain(const struct reader *reader, struct ps_record record,
                                  struct penstock_error *error) {
    if (record.message->value.data != NULL) {
        return ps_decoder_decode(reader->decoder, reader->batch, record, error);
    }
    const struct ps_record empty = {.raw = PS_BYTES(""), .offset = record.offset, .message = record.message};
    return ps_batch_add_dead_letter(reader->batch, empty, PS_REASON_NULL, NULL, error,
                                    "the record has no value (a tombstone); expected %s, or FORMAT UPSERT",
                                    reader->setup->encode);
}

static penstock_code decode_message(const struct reader *reader, struct ps_record record,
                                    struct penstock_error *error) {
    struct ps_batch *batch = reader->batch;
    const struct ps_source_statement *statement = reader->setup->statement;
    const int64_t before = batch->row_count;
    bool is_dead = false;
    PS_TRY(check_key(reader->setup, batch, record, &is_dead, error));
    if (is_dead) {
        return PENSTOCK_OK;
    }
    PS_TRY(reader->changelog != NULL ? ps_changelog_decode(reader->changelog, record, error)
                                     : decode_plain(reader, record, error));
    const int64_t after = batch->row_count;
    if (statement->include_count > 0) {
        for (int64_t row = before; row < after; row++) {
            batch->row_count = row; /* the row is written on: columns are set at row_count */
            for (size_t i = 0; i < statement->include_count; i++) {
                PS_TRY(set_include(batch, &statement->includes[i], batch->partition, record.message, error));
            }
        }
        batch->row_count = after;
    }
    return PENSTOCK_OK;
}

static penstock_code decode_messages(const struct ps_source_setup *setup, const struct ps_slice *slice,
                                     struct ps_raw *raw, struct ps_batch **batch_out,
                                     struct penstock_error *error) {
    struct ps_batch *batch PS_SCOPED(ps_batch_free_scoped) = NULL;
    struct reader reader PS_SCOPED(reader_done) = {0}; /* before its batch */
    PS_TRY(ps_batch_new(setup->schema, (int64_t)raw->message_count, &batch, error));
    PS_TRY(name_partition(batch, slice->partition, error));
    PS_TRY(reader_init(&reader, setup, batch, slice->partition.name, PS_BYTES(""), error));
    for (size_t i = 0; i < raw->message_count; i++) {
        const struct ps_message *message = &raw->messages[i];
        const struct ps_record record = {message->value, message->offset, message};
        PS_TRY(decode_message(&reader, record, error));
    }
    batch->raw = ps_take(raw->data); /* not before: what failed may be decoded once more */
    batch->messages = ps_take(raw->messages);
    batch->lent = ps_take(raw->lent);
    *batch_out = ps_take(batch);
    return PENSTOCK_OK;
}

penstock_code ps_decode(const struct ps_source_setup *setup, const struct ps_slice *slice, struct ps_raw *raw,
                        struct ps_batch **batch_out, struct penstock_error *error) {
    ps_check(setup->codec != NULL);
    ps_check(raw->data != NULL || raw->messages != NULL);
    if (raw->messages != NULL) {
        return decode_messages(setup, slice, raw, batch_out, error);
    }
    struct ps_batch *batch PS_SCOPED(ps_batch_free_scoped) = NULL;
    PS_TRY(ps_batch_new(setup->schema, (int64_t)(raw->size / RECORD_SIZE_GUESS), &batch, error));
    PS_TRY(name_partition(batch, slice->partition, error));
    if (raw->oversize > 0) {
        PS_TRY(add_oversize(batch, slice, raw, error));
    } else {
        struct ps_decoder *decoder PS_SCOPED(ps_decoder_close_scoped) = NULL;
        struct ps_bytes block = {raw->data, raw->size}, header;
        PS_TRY(header_of(slice->end_state, batch->arena, &header, error));
        if (slice->is_partition_start) {
            skip_start(setup, &block, &header);
        }
        const int64_t first = raw->base_offset + (block.data - raw->data);
        PS_TRY(open_decoder(setup, slice->partition.name, header, &decoder, error));
        PS_TRY(ps_decoder_decode_block(decoder, batch, block, first, error));
    }
    batch->raw = ps_take(raw->data);
    *batch_out = ps_take(batch);
    return PENSTOCK_OK;
}

/* The message with all its bytes in the batch's arena. */
static penstock_code copy_message(struct ps_batch *batch, const struct ps_message **message,
                                  struct penstock_error *error) {
    struct ps_message *copy = ps_arena_allocate(batch->arena, 1, sizeof *copy);
    if (copy == NULL) {
        return ps_error_memory(error, "decoding records again");
    }
    *copy = **message;
    struct ps_bytes *headers = ps_arena_allocate(batch->arena, 1, sizeof *headers);
    if (headers == NULL) {
        return ps_error_memory(error, "decoding records again");
    }
    PS_TRY(ps_message_headers(*message, batch->arena, headers, error));
    copy->headers = ps_headers_of(headers);
    struct ps_bytes *const parts[] = {&copy->value, &copy->key, headers};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (parts[i]->data != NULL) {
            parts[i]->data = ps_arena_copy_size(batch->arena, parts[i]->data, parts[i]->size);
            if (parts[i]->data == NULL) {
                return ps_error_memory(error, "decoding records again");
            }
        }
    }
    *message = copy;
    return PENSTOCK_OK;
}

penstock_code ps_decode_records(const struct ps_source_setup *setup, struct ps_partition partition,
                                const char *state, const struct ps_record *records, size_t record_count,
                                struct ps_batch **batch_out, struct penstock_error *error) {
    ps_check(setup->codec != NULL);
    struct ps_batch *batch PS_SCOPED(ps_batch_free_scoped) = NULL;
    struct reader reader PS_SCOPED(reader_done) = {0}; /* before its batch */
    struct ps_bytes header;
    PS_TRY(ps_batch_new(setup->schema, (int64_t)record_count, &batch, error));
    PS_TRY(name_partition(batch, partition, error));
    PS_TRY(header_of(state, batch->arena, &header, error));
    PS_TRY(reader_init(&reader, setup, batch, partition.name, header, error));
    for (size_t i = 0; i < record_count; i++) {
        struct ps_record record = records[i];
        if (record.message != NULL) {
            PS_TRY(copy_message(batch, &record.message, error));
            record.raw = record.message->value;
            PS_TRY(decode_message(&reader, record, error));
            continue;
        }
        record.raw.data = ps_arena_copy_size(batch->arena, records[i].raw.data, records[i].raw.size);
        if (record.raw.data == NULL) {
            return ps_error_memory(error, "decoding records again");
        }
        PS_TRY(reader.changelog != NULL ? ps_changelog_decode(reader.changelog, record, error)
                                        : ps_decoder_decode(reader.decoder, batch, record, error));
    }
    *batch_out = ps_take(batch);
    return PENSTOCK_OK;
}
