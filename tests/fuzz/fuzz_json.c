/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_json.c - any bytes as NDJSON.
 */
#include "data/codec_json.h"
#include "decoding.h"

static void fuzz_one(const char *data, size_t size) {
    const struct ps_json_config config = {0};
    fuzz_codec(ps_codec_find("json"), &config, PS_BYTES(""), (struct ps_bytes){data, size});
}
