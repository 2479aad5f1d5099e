/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_avro.c - any bytes as Avro: the first line is a schema, and records of it stand behind.
 */
#include "schemas.h"

static void fuzz_one(const char *data, size_t size) {
    const char *newline = size == 0 ? NULL : memchr(data, '\n', size);
    const size_t length = newline == NULL ? size : (size_t)(newline - data);
    const size_t start = newline == NULL ? size : length + 1;
    fuzz_schemas_codec("avro", NULL, (struct ps_bytes){data, length},
                       (struct ps_bytes){data + start, size - start});
}
