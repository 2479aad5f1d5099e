/* SPDX-License-Identifier: Apache-2.0
 *
 * codec.c - the table of codecs, and the one place that calls its functions.
 *
 * The wrappers hold the rule that everything counts on: a record adds exactly one row or exactly one dead
 * letter. What is the same for every format is done here: the largest record, empty lines, line ends.
 */
#include "data/codec.h"

#include "base/check.h"
#include "base/limits.h"
#include "data/codec_avro.h"
#include "data/codec_bytes.h"
#include "data/codec_csv.h"
#include "data/codec_json.h"
#include "data/codec_protobuf.h"

const struct ps_codec_type *const ps_codec_types[] = {&ps_codec_json,     &ps_codec_csv,   &ps_codec_avro,
                                                      &ps_codec_protobuf, &ps_codec_bytes, NULL};

struct ps_decoder {
    const struct ps_codec_type *type;
    const void *config;
    void *state;
};

const struct ps_codec_type *ps_codec_find(const char *name) {
    for (size_t i = 0; ps_codec_types[i] != NULL; i++) {
        if (ps_text_equal_nocase(ps_codec_types[i]->name, name)) {
            return ps_codec_types[i];
        }
    }
    return NULL;
}

bool ps_codec_has_no_header(const void *config) {
    (void)config;
    return false;
}

size_t ps_codec_frame_whole(const void *config, const char *data, size_t size, bool is_end) {
    (void)config;
    (void)data;
    return is_end ? size : 0;
}

size_t ps_codec_frame(const struct ps_codec_type *type, const void *config, const char *data, size_t size,
                      bool is_end) {
    if (size == 0) {
        return 0;
    }
    const size_t length = type->frame(config, data, size, is_end);
    ps_check(length <= size);
    ps_check(length > 0 || !is_end);
    return length;
}

penstock_code ps_decoder_open(const struct ps_codec_type *type, const void *config,
                              const struct ps_schema *schema, struct ps_bytes header,
                              struct ps_decoder **decoder_out, struct penstock_error *error) {
    ps_check(type != NULL);
    ps_check(schema != NULL);
    struct ps_decoder *decoder PS_SCOPED(ps_decoder_close_scoped) = ps_allocate(1, sizeof(*decoder));
    if (decoder == NULL) {
        return ps_error_memory(error, "a decoder");
    }
    decoder->type = type;
    decoder->config = config;
    PS_TRY(type->open(config, schema, header, &decoder->state, error));
    *decoder_out = ps_take(decoder);
    return PENSTOCK_OK;
}

void ps_decoder_close(struct ps_decoder *decoder) {
    if (decoder == NULL) {
        return;
    }
    decoder->type->close(decoder->state);
    ps_release(decoder);
}

void ps_decoder_close_scoped(struct ps_decoder **decoder) {
    ps_decoder_close(*decoder);
}

penstock_code ps_decoder_decode(struct ps_decoder *decoder, struct ps_batch *batch, struct ps_record record,
                                struct penstock_error *error) {
    const int64_t record_count = batch->record_count;
    if (record.raw.size > PS_LIMIT_RECORD_SIZE) {
        return ps_batch_add_dead_letter(batch, record, PS_REASON_SIZE, NULL, error,
                                        "the record has %zu bytes, the most is %zu", record.raw.size,
                                        PS_LIMIT_RECORD_SIZE);
    }
    PS_TRY(decoder->type->decode(decoder->state, batch, record, error));
    ps_check(batch->record_count == record_count + 1);
    ps_check(ps_batch_is_counted(batch));
    return PENSTOCK_OK;
}

static bool is_blank(struct ps_bytes line) {
    for (size_t i = 0; i < line.size; i++) {
        if (line.data[i] != ' ' && line.data[i] != '\t' && line.data[i] != '\r') {
            return false;
        }
    }
    return true;
}

penstock_code ps_decoder_decode_block(struct ps_decoder *decoder, struct ps_batch *batch,
                                      struct ps_bytes block, int64_t base_offset,
                                      struct penstock_error *error) {
    size_t at = 0;
    while (at < block.size) {
        const char *data = block.data + at;
        const size_t length = ps_codec_frame(decoder->type, decoder->config, data, block.size - at, true);
        struct ps_bytes raw = {data, length};
        const bool is_binary = decoder->type->is_binary;
        if (!is_binary && raw.size > 0 && raw.data[raw.size - 1] == '\n') {
            raw.size--;
        }
        if (!is_binary && raw.size > 0 && raw.data[raw.size - 1] == '\r') {
            raw.size--;
        }
        if (is_binary || !is_blank(raw)) {
            const struct ps_record record = {.raw = raw, .offset = base_offset + (int64_t)at};
            PS_TRY(ps_decoder_decode(decoder, batch, record, error));
        }
        at += length;
    }
    return PENSTOCK_OK;
}
