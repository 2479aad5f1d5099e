/* SPDX-License-Identifier: Apache-2.0
 *
 * decoding.h - what must hold for any bytes that are decoded, in any format.
 *
 * Records are rows or dead letters; they lie in the block, in order, without overlap, and what lies between
 * them is line ends and blanks; framing a beginning of the block never gives an end that the whole does not
 * have. A record comes to the same alone as among others, whatever the decoder remembers of those.
 */
#ifndef TESTS_FUZZ_DECODING_H
#define TESTS_FUZZ_DECODING_H

#include "data/codec.h"
#include "fuzz.h"

#include "base/check.h"

static struct ps_column_schema fuzz_columns[] = {
    {"a", "INTEGER", PS_TYPE_INTEGER, false},    {"b", "VARCHAR", PS_TYPE_VARCHAR, true},
    {"c", "DOUBLE", PS_TYPE_DOUBLE, false},      {"d", "TIMESTAMP", PS_TYPE_TIMESTAMP, false},
    {"e", "DATE", PS_TYPE_DATE, false},          {"f", "BOOLEAN", PS_TYPE_BOOLEAN, false},
    {"g", "DECIMAL(18,3)", PS_TYPE_CAST, false}, {"h", "TINYINT", PS_TYPE_TINYINT, false},
    {"i", "BIGINT", PS_TYPE_BIGINT, false},      {"j", "FLOAT", PS_TYPE_FLOAT, false},
};
/* with and without the column that keeps digits: two ways through the JSON decoder */
static const struct ps_schema fuzz_schemas[] = {{fuzz_columns, 10}, {fuzz_columns, 6}};

/* `is_record`: the bytes are one record, else a block of them. NULL: the header is refused. */
static inline struct ps_batch *fuzz_decode(const struct ps_codec_type *codec, const void *config,
                                           const struct ps_schema *schema, struct ps_bytes header,
                                           struct ps_bytes bytes, bool is_record) {
    struct ps_decoder *decoder = NULL;
    struct ps_batch *batch = NULL;
    struct penstock_error error = {0};
    ps_check(ps_batch_new(schema, 0, &batch, &error) == PENSTOCK_OK);
    const penstock_code code = ps_decoder_open(codec, config, schema, header, &decoder, &error);
    if (code != PENSTOCK_OK) {
        ps_check(code == PENSTOCK_INVALID_DATA && error.message[0] != '\0');
        ps_batch_free(batch);
        return NULL;
    }
    const struct ps_record record = {.raw = bytes};
    ps_check((is_record ? ps_decoder_decode(decoder, batch, record, &error)
                        : ps_decoder_decode_block(decoder, batch, bytes, 0, &error)) == PENSTOCK_OK);
    ps_decoder_close(decoder);
    return batch;
}

/* The canary: with PENSTOCK_FUZZ_CANARY set a record is taken away, and the program must abort. */
static inline void fuzz_lose_record(struct ps_batch *batch) {
    if (getenv("PENSTOCK_FUZZ_CANARY") != NULL && batch->row_count > 1) {
        batch->row_count--;
    }
}

/* Every byte that is in no record is a line end or a blank. */
static inline void fuzz_check_records(const struct ps_batch *batch, struct ps_bytes block) {
    int64_t row = 0, at = 0;
    size_t letter = 0;
    ps_check(batch->record_count == batch->row_count + (int64_t)batch->dead_letter_count);
    while (row < batch->row_count || letter < batch->dead_letter_count) {
        const bool is_row =
            letter == batch->dead_letter_count ||
            (row < batch->row_count && batch->records[row].offset < batch->dead_letters[letter].offset);
        const int64_t offset = is_row ? batch->records[row].offset : batch->dead_letters[letter].offset;
        const int64_t size =
            is_row ? (int64_t)batch->records[row].raw.size : batch->dead_letters[letter].raw_size;
        ps_check(offset >= at && offset + size <= (int64_t)block.size);
        for (; at < offset; at++) {
            ps_check(strchr("\r\n\t ", block.data[at]) != NULL && block.data[at] != '\0');
        }
        ps_check(is_row || batch->dead_letters[letter].text[0] != '\0');
        at = offset + size;
        row += is_row ? 1 : 0;
        letter += is_row ? 0 : 1;
    }
    for (; at < (int64_t)block.size; at++) {
        ps_check(strchr("\r\n\t ", block.data[at]) != NULL && block.data[at] != '\0');
    }
}

/* A row's values. Texts are read to their ends, so that a view outside its block is found; numbers are finite. */
static inline uint64_t fuzz_digest(const struct ps_batch *batch, int64_t row) {
    uint64_t digest = 0;
    for (size_t i = 0; i < batch->schema->column_count; i++) {
        const struct ps_column *column = &batch->columns[i];
        const bool is_valid = column->is_valid == NULL || column->is_valid[row] != 0;
        ps_check(is_valid || !batch->schema->columns[i].not_null);
        const size_t size = ps_type_size(column->type);
        const struct ps_bytes *text = (const struct ps_bytes *)column->values + row;
        size_t bad;
        if (size == sizeof(*text)) {
            ps_check(ps_bytes_is_utf8(*text, &bad));
            digest = ps_hash(text->data == NULL ? "" : text->data, text->size, digest + is_valid);
        } else {
            digest = ps_hash((const char *)column->values + (size_t)row * size, size, digest + is_valid);
        }
        if (column->type == PS_TYPE_DOUBLE) {
            const double value = ((const double *)column->values)[row];
            ps_check(value - value == 0);
        }
    }
    return digest;
}

/* Each record alone, by a decoder that has seen no other, comes to the same. */
static inline void fuzz_check_alone(const struct ps_codec_type *codec, const void *config,
                                    struct ps_bytes header, const struct ps_batch *batch) {
    for (int64_t row = 0; row < batch->row_count && row < 8; row++) {
        struct ps_batch *alone =
            fuzz_decode(codec, config, batch->schema, header, batch->records[row].raw, true);
        ps_check(alone->row_count == 1 && alone->dead_letter_count == 0);
        ps_check(fuzz_digest(alone, 0) == fuzz_digest(batch, row));
        ps_batch_free(alone);
    }
    for (size_t i = 0; i < batch->dead_letter_count && i < 8; i++) {
        const struct ps_dead_letter *letter = &batch->dead_letters[i];
        struct ps_batch *alone = fuzz_decode(codec, config, batch->schema, header, letter->raw, true);
        ps_check(alone->row_count == 0 && alone->dead_letter_count == 1);
        ps_check(alone->dead_letters[0].reason == letter->reason);
        ps_check(strcmp(alone->dead_letters[0].text, letter->text) == 0);
        ps_batch_free(alone);
    }
}

static inline void fuzz_check_frames(const struct ps_codec_type *codec, const void *config,
                                     struct ps_bytes block) {
    for (size_t at = 0; at < block.size;) {
        const size_t left = block.size - at;
        const size_t whole = ps_codec_frame(codec, config, block.data + at, left, true);
        const size_t sure = ps_codec_frame(codec, config, block.data + at, left, false);
        const size_t part = ps_codec_frame(codec, config, block.data + at, (left + 1) / 2, false);
        ps_check(whole > 0);
        ps_check(sure == 0 || sure == whole);
        ps_check(part == 0 || part == whole);
        at += whole;
    }
}

static inline void fuzz_codec(const struct ps_codec_type *codec, const void *config, struct ps_bytes header,
                              struct ps_bytes block) {
    fuzz_check_frames(codec, config, block);
    for (size_t i = 0; i < sizeof(fuzz_schemas) / sizeof(fuzz_schemas[0]); i++) {
        struct ps_batch *batch = fuzz_decode(codec, config, &fuzz_schemas[i], header, block, false);
        if (batch == NULL) {
            continue;
        }
        fuzz_lose_record(batch);
        fuzz_check_records(batch, block);
        fuzz_check_alone(codec, config, header, batch);
        ps_batch_free(batch);
    }
}

#endif
