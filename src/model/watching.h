/* SPDX-License-Identifier: Apache-2.0
 *
 * watching.h - the training rows that are held back to see when learning stops helping (early stopping).
 *
 * Whether row number i of a training set is one of them follows from i and the seed alone, so that it does not
 * matter in what order, in which portions or by which thread rows are read.
 */
#ifndef PS_MODEL_WATCHING_H
#define PS_MODEL_WATCHING_H

#include <stdbool.h>
#include <stdint.h>

/* splitmix64 (S. Vigna), as a hash: 64 bits from a row's number and a seed. */
static inline uint64_t ps_watching_hash(int64_t seed, uint64_t row) {
    uint64_t value = (uint64_t)seed * UINT64_C(0xd1342543de82ef95) + (row + 1) * UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}
/* share: 0 (none) to 1 */
static inline bool ps_watching_has(int64_t seed, uint64_t row, double share) {
    return (double)(ps_watching_hash(seed, row) >> 11) * 0x1p-53 < share;
}

#endif
