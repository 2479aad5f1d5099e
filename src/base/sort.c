/* SPDX-License-Identifier: Apache-2.0
 *
 * sort.c - numbers in order: a radix sort from the lowest byte up (Knuth, TAOCP volume 3, 5.2.5), on keys that are in
 * the order of the numbers: of a number below zero all bits are turned, of others the sign alone.
 */
#include "base/sort.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* For fewer, counting bytes costs more than comparing. */
#define RADIX_COUNT_MIN 512
#define BYTES 8
#define SIGN (UINT64_C(1) << 63)

static int compare(const void *left, const void *right) {
    const double a = *(const double *)left;
    const double b = *(const double *)right;
    return a < b ? -1 : a > b ? 1 : 0;
}

static bool is_sorted(const double *values, size_t count) {
    for (size_t i = 1; i < count; i++) {
        if (values[i] < values[i - 1]) {
            return false;
        }
    }
    return true;
}

static uint64_t key_of(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (bits & SIGN) != 0 ? ~bits : bits | SIGN;
}

static double value_of(uint64_t key) {
    const uint64_t bits = (key & SIGN) != 0 ? key & ~SIGN : ~key;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Moves the keys to where their bytes number `byte` send them; counts become places. */
static void move(const uint64_t *from, uint64_t *to, size_t count, unsigned byte, size_t *counts) {
    size_t place = 0;
    for (size_t i = 0; i < 256; i++) {
        const size_t here = counts[i];
        counts[i] = place;
        place += here;
    }
    for (size_t i = 0; i < count; i++) {
        to[counts[from[i] >> (8 * byte) & 0xFF]++] = from[i];
    }
}

void ps_sort_doubles(double *values, size_t count) {
    if (is_sorted(values, count)) {
        return;
    }
    uint64_t *const memory = count < RADIX_COUNT_MIN || count > SIZE_MAX / 2
                                 ? NULL
                                 : ps_reallocate(NULL, 2 * count, sizeof *memory);
    if (memory == NULL) {
        qsort(values, count, sizeof *values, compare);
        return;
    }
    size_t counts[BYTES][256] = {{0}};
    uint64_t *keys = memory, *other = memory + count;
    for (size_t i = 0; i < count; i++) {
        keys[i] = key_of(values[i]);
        for (unsigned byte = 0; byte < BYTES; byte++) {
            counts[byte][keys[i] >> (8 * byte) & 0xFF]++;
        }
    }
    for (unsigned byte = 0; byte < BYTES; byte++) {
        if (counts[byte][keys[0] >> (8 * byte) & 0xFF] == count) {
            continue; /* the same in all of them */
        }
        move(keys, other, count, byte, counts[byte]);
        uint64_t *const moved = other;
        other = keys;
        keys = moved;
    }
    for (size_t i = 0; i < count; i++) {
        values[i] = value_of(keys[i]);
    }
    ps_release(memory);
}
