/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_json.c - any bytes as NDJSON; and the short way for plain records against the parser.
 */
#include "data/codec_json.h"
#include "decoding.h"

/* The same rows and dead letters, whether or not every record is parsed. */
static void check_both(const struct ps_codec_type *codec, struct ps_bytes block) {
    const struct ps_json_config usual = {0}, parsed = {.is_parsed_always = true};
    for (size_t i = 0; i < sizeof(fuzz_schemas) / sizeof(fuzz_schemas[0]); i++) {
        struct ps_batch *left = fuzz_decode(codec, &usual, &fuzz_schemas[i], PS_BYTES(""), block, false);
        struct ps_batch *right = fuzz_decode(codec, &parsed, &fuzz_schemas[i], PS_BYTES(""), block, false);
        fuzz_lose_record(left);
        ps_check(left->row_count == right->row_count);
        ps_check(left->dead_letter_count == right->dead_letter_count);
        for (int64_t row = 0; row < left->row_count; row++) {
            ps_check(left->records[row].offset == right->records[row].offset);
            ps_check(fuzz_digest(left, row) == fuzz_digest(right, row));
        }
        for (size_t j = 0; j < left->dead_letter_count; j++) {
            ps_check(left->dead_letters[j].offset == right->dead_letters[j].offset);
            ps_check(strcmp(left->dead_letters[j].text, right->dead_letters[j].text) == 0);
        }
        ps_batch_free(left);
        ps_batch_free(right);
    }
}

static void fuzz_one(const char *data, size_t size) {
    const struct ps_json_config config = {0};
    const struct ps_bytes block = {data, size};
    check_both(ps_codec_find("json"), block);
    fuzz_codec(ps_codec_find("json"), &config, PS_BYTES(""), block);
}
