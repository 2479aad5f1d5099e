/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_json.c - any bytes as NDJSON.
 */
#include "decoding.h"

static void fuzz_one(const char *data, size_t size) {
    fuzz_codec(ps_codec_find("json"), "", PS_BYTES(""), (struct ps_bytes){data, size});
}
