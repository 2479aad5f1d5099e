/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_csv.c - any bytes as CSV: the first byte chooses the options, the first record is the header.
 */
#include "decoding.h"

static void set(const struct ps_codec_type *codec, void *config, const char *name, const char *value,
                struct ps_arena *arena) {
    ps_check(ps_option_set(codec->options, config, name, value, arena, NULL) == PENSTOCK_OK);
}

static void fuzz_one(const char *data, size_t size) {
    static const char *const delimiters[] = {",", ";", "tab", "|"};
    static const char *const escapes[] = {"", "\\"};
    static const char *const quotes[] = {"\"", "'", "\"", ""};
    const struct ps_codec_type *codec = ps_codec_find("csv");
    const unsigned choice = size == 0 ? 0 : (unsigned char)data[0];
    struct ps_arena *arena = ps_arena_new(0);
    void *config = ps_arena_allocate(arena, 1, codec->config_size);
    ps_check(ps_option_defaults(codec->options, config, arena, NULL) == PENSTOCK_OK);
    /* seeds begin with a printable letter: 'A' is RFC 4180 with a header */
    const unsigned options = choice - 'A';
    set(codec, config, "delimiter", delimiters[options & 3], arena);
    set(codec, config, "quote", quotes[(options >> 2) & 3], arena);
    set(codec, config, "escape", escapes[(options >> 4) & 1], arena);
    set(codec, config, "header", ((options >> 5) & 1) == 0 ? "true" : "false", arena);
    struct ps_bytes block = {data + (size > 0 ? 1 : 0), size - (size > 0 ? 1 : 0)}, header = {"", 0};
    if (codec->has_header(config)) {
        const size_t length = ps_codec_frame(codec, config, block.data, block.size, true);
        header = (struct ps_bytes){block.data, length};
        while (header.size > 0 &&
               (header.data[header.size - 1] == '\n' || header.data[header.size - 1] == '\r')) {
            header.size--;
        }
        block = (struct ps_bytes){block.data + length, block.size - length};
    }
    fuzz_codec(codec, config, header, block);
    ps_arena_free(arena);
}
