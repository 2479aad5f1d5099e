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
#include "connect/source.h"

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
    const penstock_code code =
        ps_decoder_open(setup->codec, setup->codec_config, setup->schema, header, decoder_out, error);
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

penstock_code ps_decode(const struct ps_source_setup *setup, const struct ps_slice *slice, struct ps_raw *raw,
                        struct ps_batch **batch_out, struct penstock_error *error) {
    ps_check(setup->codec != NULL);
    ps_check(raw->data != NULL);
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

penstock_code ps_decode_records(const struct ps_source_setup *setup, struct ps_partition partition,
                                const char *state, const struct ps_record *records, size_t record_count,
                                struct ps_batch **batch_out, struct penstock_error *error) {
    ps_check(setup->codec != NULL);
    struct ps_batch *batch PS_SCOPED(ps_batch_free_scoped) = NULL;
    struct ps_decoder *decoder PS_SCOPED(ps_decoder_close_scoped) = NULL;
    struct ps_bytes header;
    PS_TRY(ps_batch_new(setup->schema, (int64_t)record_count, &batch, error));
    PS_TRY(name_partition(batch, partition, error));
    PS_TRY(header_of(state, batch->arena, &header, error));
    PS_TRY(open_decoder(setup, partition.name, header, &decoder, error));
    for (size_t i = 0; i < record_count; i++) {
        struct ps_record record = records[i];
        record.raw.data = ps_arena_copy_size(batch->arena, records[i].raw.data, records[i].raw.size);
        if (record.raw.data == NULL) {
            return ps_error_memory(error, "decoding records again");
        }
        PS_TRY(ps_decoder_decode(decoder, batch, record, error));
    }
    *batch_out = ps_take(batch);
    return PENSTOCK_OK;
}
