/* SPDX-License-Identifier: Apache-2.0
 *
 * activation.c - activations and exponentials, value by value.
 */
#include "model/activation.h"

#include <stdint.h>
#include <string.h>

static const char *const names[] = {"identity", "relu", "tanh", "sigmoid"};

const char *ps_activation_name(enum ps_activation activation) {
    return names[activation];
}

int ps_activation_find(const char *name) {
    for (size_t i = 0; name != NULL && i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

/* 2^k e^r with |r| <= log(2) / 2: r by two-part subtraction, e^r by its series, 2^k in the exponent's bits. */
static inline double exponential(double value) {
    static const double log2_e = 1.4426950408889634074, ln2_high = 6.93147180369123816490e-01,
                        ln2_low = 1.90821492927058770002e-10, rounder = 0x1.8p52;
    const double limited = value > 709 ? 709 : value < -708 ? -708 : value;
    const double shifted = limited * log2_e + rounder;
    const double k = shifted - rounder;
    const double r = (limited - k * ln2_high) - k * ln2_low;
    double sum = 1.0 / 6227020800;
    sum = sum * r + 1.0 / 479001600;
    sum = sum * r + 1.0 / 39916800;
    sum = sum * r + 1.0 / 3628800;
    sum = sum * r + 1.0 / 362880;
    sum = sum * r + 1.0 / 40320;
    sum = sum * r + 1.0 / 5040;
    sum = sum * r + 1.0 / 720;
    sum = sum * r + 1.0 / 120;
    sum = sum * r + 1.0 / 24;
    sum = sum * r + 1.0 / 6;
    sum = sum * r + 0.5;
    sum = sum * r + 1;
    sum = sum * r + 1;
    uint64_t bits;
    memcpy(&bits, &shifted, sizeof bits); /* its low bits are k */
    bits = (bits + 1023) << 52;
    double power;
    memcpy(&power, &bits, sizeof power);
    return sum * power;
}

void ps_exponentials(double *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        values[i] = exponential(values[i]);
    }
}

void ps_activation_apply(enum ps_activation activation, double *values, size_t count) {
    switch (activation) {
    case PS_ACTIVATION_IDENTITY: break;
    case PS_ACTIVATION_RELU:
        for (size_t i = 0; i < count; i++) {
            values[i] = values[i] > 0 ? values[i] : 0;
        }
        break;
    case PS_ACTIVATION_TANH:
        for (size_t i = 0; i < count; i++) {
            values[i] = 1 - 2 / (exponential(2 * values[i]) + 1);
        }
        break;
    case PS_ACTIVATION_SIGMOID:
        for (size_t i = 0; i < count; i++) {
            values[i] = 1 / (exponential(-values[i]) + 1);
        }
        break;
    }
}

void ps_activation_slope(enum ps_activation activation, const double *values, double *slopes, size_t count) {
    switch (activation) {
    case PS_ACTIVATION_IDENTITY: break;
    case PS_ACTIVATION_RELU:
        for (size_t i = 0; i < count; i++) {
            slopes[i] = values[i] > 0 ? slopes[i] : 0;
        }
        break;
    case PS_ACTIVATION_TANH:
        for (size_t i = 0; i < count; i++) {
            slopes[i] *= 1 - values[i] * values[i];
        }
        break;
    case PS_ACTIVATION_SIGMOID:
        for (size_t i = 0; i < count; i++) {
            slopes[i] *= values[i] * (1 - values[i]);
        }
        break;
    }
}

void ps_softmax(double *values, size_t row_count, size_t count) {
    for (size_t i = 0; i < row_count; i++) {
        double *row = values + i * count;
        double largest = row[0];
        for (size_t k = 1; k < count; k++) {
            largest = row[k] > largest ? row[k] : largest;
        }
        double total = 0;
        for (size_t k = 0; k < count; k++) {
            row[k] = exponential(row[k] - largest);
            total += row[k];
        }
        for (size_t k = 0; k < count; k++) {
            row[k] /= total;
        }
    }
}
