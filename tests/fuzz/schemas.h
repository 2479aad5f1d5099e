/* SPDX-License-Identifier: Apache-2.0
 *
 * schemas.h - what must hold for any bytes decoded with any schema.
 *
 * Either the schema is of no use, then every record is a dead letter that says so, or a record comes to the same
 * alone as among others. A block is records, each behind a byte with its length.
 */
#ifndef TESTS_FUZZ_SCHEMAS_H
#define TESTS_FUZZ_SCHEMAS_H

#include "decoding.h"

static penstock_code fuzz_fetch(void *context, int64_t id, struct ps_arena *arena,
                                struct ps_schema_texts *texts_out, struct penstock_error *error) {
    (void)id;
    (void)arena;
    (void)error;
    *texts_out = (struct ps_schema_texts){context, 1};
    return PENSTOCK_OK;
}

static void fuzz_schemas_records(const struct ps_codec_type *codec, const void *config,
                                 const struct ps_schema *columns, struct ps_bytes block) {
    struct ps_batch *batch = NULL;
    struct ps_decoder *decoder = NULL;
    struct penstock_error error = {0};
    int64_t count = 0;
    ps_check(ps_batch_new(columns, 0, &batch, &error) == PENSTOCK_OK);
    ps_check(ps_decoder_open(codec, config, columns, PS_BYTES(""), &decoder, &error) == PENSTOCK_OK);
    for (size_t at = 0; at < block.size; count++) {
        const size_t left = block.size - at - 1, wanted = (unsigned char)block.data[at];
        const struct ps_bytes raw = {block.data + at + 1, wanted < left ? wanted : left};
        const struct ps_record record = {.raw = raw, .offset = (int64_t)at};
        ps_check(ps_decoder_decode(decoder, batch, record, &error) == PENSTOCK_OK);
        at += 1 + raw.size;
    }
    ps_decoder_close(decoder);
    fuzz_lose_record(batch);
    ps_check(batch->row_count + (int64_t)batch->dead_letter_count == count);
    fuzz_check_alone(codec, config, PS_BYTES(""), batch);
    ps_batch_free(batch);
}

static void fuzz_schemas_codec(const char *name, const char *message, struct ps_bytes schema,
                               struct ps_bytes block) {
    const struct ps_codec_type *codec = ps_codec_find(name);
    for (size_t i = 0; i < sizeof fuzz_schemas / sizeof fuzz_schemas[0]; i++) {
        struct ps_schema_options config = {.text = "x", .message = message};
        const struct ps_schema_fetcher fetcher = {fuzz_fetch, &schema};
        struct penstock_error error = {0};
        const void *compiled = NULL;
        ps_check(ps_schemas_new(codec, &config, &fuzz_schemas[i], fetcher, &config.schemas, &error) ==
                 PENSTOCK_OK);
        const penstock_code code = ps_schemas_find(config.schemas, PS_SCHEMA_FIXED, &compiled, &error);
        ps_check(code == PENSTOCK_OK || (code == PENSTOCK_INVALID_DATA && error.message[0] != '\0'));
        fuzz_schemas_records(codec, &config, &fuzz_schemas[i], block);
        ps_schemas_free(config.schemas);
    }
}

#endif
