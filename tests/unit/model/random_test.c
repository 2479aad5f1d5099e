/* SPDX-License-Identifier: Apache-2.0
 *
 * random_test.c - rand(seed) is Spark's: known values, and the folds of 100,000 rows.
 */
#include "model/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "close.h"

#include "model/validation.h"

/* SELECT rand(42) FROM range(3), one partition. */
static void numbers_are_sparks(void **state) {
    (void)state;
    static const double expected[] = {0.619189370225301, 0.5096018842446481, 0.8325259388871524};
    struct ps_random random;
    ps_random_init(&random, 42);
    for (size_t i = 0; i < 3; i++) {
        assert_close(ps_random_next(&random), expected[i], 1e-15);
    }
}

static struct ps_validation read(struct ps_arena *arena, const char *name, const char *parameter,
                                 const char *value) {
    const char *values[] = {value};
    struct ps_parameter parameters[] = {{.name = parameter, .values = values, .value_count = 1}};
    const struct ps_call call = {.name = name, .parameters = parameters, .parameter_count = 1};
    struct ps_validation validation;
    struct penstock_error error;
    assert_int_equal(ps_validation_read(&call, arena, &validation, &error), PENSTOCK_OK);
    return validation;
}

static void count(const struct ps_validation *validation, int64_t rows, int64_t *counts) {
    struct ps_random random;
    ps_random_init(&random, validation->seed);
    for (int64_t i = 0; i < rows; i++) {
        counts[ps_validation_part(validation, ps_random_next(&random))]++;
    }
}

/* The sizes that Spark 4.3.0 printed for its three validation sets. */
static void folds_are_sparks(void **state) {
    (void)state;
    struct ps_arena *arena = ps_arena_new(0);
    const struct ps_validation validation = read(arena, "CrossValidator", "seed", "42");
    int64_t counts[3] = {0};
    count(&validation, 100000, counts);
    assert_int_equal(counts[0], 33367);
    assert_int_equal(counts[1], 33441);
    assert_int_equal(counts[2], 33192);
    ps_arena_free(arena);
}

static void split_validates_the_upper_part(void **state) {
    (void)state;
    struct ps_arena *arena = ps_arena_new(0);
    const struct ps_validation validation = read(arena, "TrainValidationSplit", "trainRatio", "0.8");
    assert_int_equal(validation.split_count, 1);
    assert_int_equal(validation.part_count, 2);
    assert_int_equal(ps_validation_part(&validation, 0.79), 1);
    assert_int_equal(ps_validation_part(&validation, 0.8), 0);
    ps_arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_sparks),
        cmocka_unit_test(folds_are_sparks),
        cmocka_unit_test(split_validates_the_upper_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
