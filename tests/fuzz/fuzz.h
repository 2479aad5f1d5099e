/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz.h - a fuzz target as a plain program.
 *
 * A target defines fuzz_one() and includes this file. With a fuzzing compiler (-DPENSTOCK_LIBFUZZER)
 * LLVMFuzzerTestOneInput is exported and the compiler's main drives it. Otherwise main replays the files of a
 * folder and then mutates them for a number of seconds: cheap mutations from a seed, so that a failure can be
 * run again.
 *
 *   fuzz_json SEEDS [SECONDS [SEED]]
 *   fuzz_json FILE             one input, to look at a failure
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"

#define FUZZ_SIZE_MAX ((size_t)1 << 16)

/* Runs one input; aborts when something is wrong. */
static void fuzz_one(const char *data, size_t size);

#ifdef PENSTOCK_LIBFUZZER
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_one((const char *)data, size);
    return 0;
}
#else

struct fuzz_random {
    uint64_t state;
};

/* splitmix64 (S. Vigna) */
static uint64_t fuzz_next(struct fuzz_random *random) {
    uint64_t value = random->state += UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

static size_t fuzz_below(struct fuzz_random *random, size_t limit) {
    return limit == 0 ? 0 : (size_t)(fuzz_next(random) % limit);
}

/* One change of data[0..size): returns the new size, at most FUZZ_SIZE_MAX. */
static size_t fuzz_mutate(struct fuzz_random *random, char *data, size_t size, struct ps_bytes other) {
    static const char interesting[] = "{}[]\",:;'\\\n\r\t 0123456789.-+eE\x00\x7F\x80\xC3\xED\xF4\xFF()/*_$";
    const size_t at = fuzz_below(random, size + 1), length = 1 + fuzz_below(random, 16);
    switch (fuzz_below(random, 6)) {
    case 0: /* a byte becomes another */
        if (at < size) {
            data[at] = interesting[fuzz_below(random, sizeof(interesting) - 1)];
        }
        return size;
    case 1: /* a bit flips */
        if (at < size) {
            data[at] = (char)(data[at] ^ (1 << fuzz_below(random, 8)));
        }
        return size;
    case 2: { /* bytes are left out */
        const size_t cut = length < size - at ? length : size - at;
        memmove(data + at, data + at + cut, size - at - cut);
        return size - cut;
    }
    case 3: { /* a piece of it comes again */
        const size_t from = fuzz_below(random, size + 1);
        const size_t piece = length < size - from ? length : size - from;
        if (size + piece > FUZZ_SIZE_MAX) {
            return size;
        }
        char copy[16];
        memcpy(copy, data + from, piece);
        memmove(data + at + piece, data + at, size - at);
        memcpy(data + at, copy, piece);
        return size + piece;
    }
    case 4: /* it ends here */ return at;
    default: { /* a piece of another seed */
        const size_t from = fuzz_below(random, other.size + 1);
        const size_t wanted = fuzz_below(random, other.size - from + 1);
        const size_t piece = wanted < FUZZ_SIZE_MAX - at ? wanted : FUZZ_SIZE_MAX - at;
        memcpy(data + at, other.data + from, piece);
        return at + piece > size ? at + piece : size;
    }
    }
}

/* What is run right now, for whoever finds the abort. */
static void fuzz_remember(const char *name, const char *data, size_t size) {
    char path[256];
    snprintf(path, sizeof(path), "%s.input", name);
    FILE *file = fopen(path, "wb");
    if (file != NULL) {
        fwrite(data, 1, size, file);
        fclose(file);
    }
}

/* An exact copy on the heap: a read past the end is a sanitizer's find. */
static void fuzz_run(const char *data, size_t size) {
    char *copy = malloc(size == 0 ? 1 : size);
    if (copy == NULL) {
        abort();
    }
    memcpy(copy, data, size);
    fuzz_one(copy, size);
    free(copy);
}

int main(int argc, char **argv) {
    struct ps_arena *arena = ps_arena_new(0);
    struct penstock_error error = {0};
    char **names = NULL;
    size_t count = 0;
    struct ps_bytes seeds[512];
    struct ps_file_info info;
    if (argc < 2 || ps_file_stat(argv[1], &info, &error) != PENSTOCK_OK) {
        fprintf(stderr, "usage: %s SEEDS [SECONDS [SEED]]\n%s\n", argv[0], error.message);
        return 2;
    }
    if (info.is_regular) {
        names = &argv[1];
        count = 1;
    } else if (ps_file_list(argv[1], arena, &names, &count, &error) != PENSTOCK_OK || count == 0 ||
               count > 512) {
        fprintf(stderr, "%s: %zu seeds %s\n", argv[1], count, error.message);
        return 2;
    }
    for (size_t i = 0; i < count; i++) {
        const char *path = info.is_regular ? argv[1] : ps_path_join(arena, argv[1], names[i]);
        if (ps_file_read(path, FUZZ_SIZE_MAX, arena, &seeds[i], &error) != PENSTOCK_OK) {
            fprintf(stderr, "%s\n", error.message);
            return 2;
        }
        fuzz_run(seeds[i].data, seeds[i].size);
    }
    const double seconds = argc > 2 ? atof(argv[2]) : 0;
    const int64_t end_ns = ps_clock_monotonic_ns() + (int64_t)(seconds * 1e9);
    struct fuzz_random random = {argc > 3 ? strtoull(argv[3], NULL, 10) : 1};
    char *data = malloc(FUZZ_SIZE_MAX);
    int64_t run_count = 0;
    while (!info.is_regular && data != NULL && ps_clock_monotonic_ns() < end_ns) {
        const struct ps_bytes seed = seeds[fuzz_below(&random, count)];
        size_t size = seed.size;
        memcpy(data, seed.data, size);
        for (size_t i = 1 + fuzz_below(&random, 8); i > 0; i--) {
            size = fuzz_mutate(&random, data, size, seeds[fuzz_below(&random, count)]);
        }
        if (getenv("PENSTOCK_FUZZ_REMEMBER") != NULL) {
            fuzz_remember(ps_path_name(argv[0]), data, size);
        }
        fuzz_run(data, size);
        run_count++;
    }
    printf("%s: %zu seeds, %lld mutations\n", ps_path_name(argv[0]), count, (long long)run_count);
    free(data);
    ps_arena_free(arena);
    return 0;
}

#endif
#endif
