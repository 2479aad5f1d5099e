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
/* Uniform in [0, 1), 53 bits. */
double ps_random_next(struct ps_random *random);

#endif
