/* SPDX-License-Identifier: Apache-2.0
 *
 * random.c - XORShiftRandom as Spark's rand() uses it.
 *
 * The seed is spread by MurmurHash3 (x86, 32 bits; A. Appleby, public domain) over its eight big-endian
 * bytes, twice: once for each half of the state. The generator is G. Marsaglia's xorshift (2003) with the
 * shifts 21, 35, 4, and a double is made of 26 + 27 bits as java.util.Random does.
 */
#include "model/random.h"

static uint32_t rotate(uint32_t value, int bits) {
    return (value << bits) | (value >> (32 - bits));
}

/* Of eight bytes: two whole words, no tail. */
static uint32_t murmur3(const uint32_t words[2], uint32_t seed) {
    uint32_t hash = seed;
    for (int i = 0; i < 2; i++) {
        hash ^= rotate(words[i] * 0xcc9e2d51u, 15) * 0x1b873593u;
        hash = rotate(hash, 13) * 5u + 0xe6546b64u;
    }
    hash ^= 8u;
    hash ^= hash >> 16;
    hash *= 0x85ebca6bu;
    hash ^= hash >> 13;
    hash *= 0xc2b2ae35u;
    hash ^= hash >> 16;
    return hash;
}

void ps_random_init(struct ps_random *random, int64_t seed) {
    const uint64_t bits = (uint64_t)seed;
    /* the bytes are big-endian, the words of the hash little-endian */
    const uint32_t words[2] = {__builtin_bswap32((uint32_t)(bits >> 32)), __builtin_bswap32((uint32_t)bits)};
    const uint32_t low = murmur3(words, 0x3c074a61u);
    const uint32_t high = murmur3(words, low);
    random->state = ((uint64_t)high << 32) | low;
}
