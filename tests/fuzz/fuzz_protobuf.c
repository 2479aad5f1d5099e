/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_protobuf.c - any bytes as Protobuf: two bytes of length, a descriptor set, and messages f.M of it behind.
 */
#include "schemas.h"

static void fuzz_one(const char *data, size_t size) {
    if (size < 2) {
        return;
    }
    const size_t wanted = (size_t)(unsigned char)data[0] << 8 | (unsigned char)data[1];
    const size_t length = wanted < size - 2 ? wanted : size - 2;
    fuzz_schemas_codec("protobuf", "f.M", (struct ps_bytes){data + 2, length},
                       (struct ps_bytes){data + 2 + length, size - 2 - length});
}
