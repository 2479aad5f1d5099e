/* SPDX-License-Identifier: Apache-2.0
 *
 * random.h - Spark's rand(seed), bit for bit, for one partition.
 *
 * PySpark's CrossValidator and TrainValidationSplit give each row a number of rand(seed) and cut the range.
 * rand is an XORShiftRandom per partition, seeded with seed + partition through MurmurHash3. penstock reads
 * the training rows as one partition in the order of the query, so the same rows in the same order fall into
 * the same folds as in Spark on an input of one partition.
 */
#ifndef PS_MODEL_RANDOM_H
#define PS_MODEL_RANDOM_H

#include <stdint.h>

struct ps_random {
    uint64_t state;
};

void ps_random_init(struct ps_random *random, int64_t seed);

/* The low bits of the next state. */
static inline uint64_t ps_random_bits(struct ps_random *random, int bits) {
    uint64_t state = random->state;
    state ^= state << 21;
    state ^= state >> 35;
    state ^= state << 4;
    random->state = state;
    return state & (((uint64_t)1 << bits) - 1);
}
/* Uniform in [0, 1), 53 bits. */
static inline double ps_random_next(struct ps_random *random) {
    const uint64_t high = ps_random_bits(random, 26);
    const uint64_t low = ps_random_bits(random, 27);
    return (double)((high << 27) + low) * 0x1p-53;
}

#endif
