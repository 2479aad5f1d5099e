/* SPDX-License-Identifier: Apache-2.0
 *
 * option_test.c - values of every type, ranges, near names, secrets, and the parsers below them.
 */
#include "base/option.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct config {
    bool fast;
    int64_t folds;
    double ratio;
    const char *topic;
    const char *codec;
    int64_t memory;
    int64_t wait_ms;
    const char *password;
};

static const struct ps_option rows[] = {
    {.name = "fast",
     .type = PS_OPTION_BOOLEAN,
     .default_text = "true",
     .offset = offsetof(struct config, fast)},
    {.name = "numFolds",
     .type = PS_OPTION_INTEGER,
     .default_text = "3",
     .value_min = 2,
     .value_max = 100,
     .offset = offsetof(struct config, folds)},
    {.name = "ratio",
     .type = PS_OPTION_DOUBLE,
     .value_min = 0,
     .value_max = INFINITY,
     .offset = offsetof(struct config, ratio)},
    {.name = "topic", .type = PS_OPTION_TEXT, .is_required = true, .offset = offsetof(struct config, topic)},
    {.name = "codec",
     .type = PS_OPTION_CHOICE,
     .default_text = "none",
     .choices = "none|gzip|zstd",
     .offset = offsetof(struct config, codec)},
    {.name = "memory",
     .type = PS_OPTION_SIZE,
     .default_text = "1g",
     .value_min = 64.0 * 1024 * 1024,
     .value_max = 1e15,
     .offset = offsetof(struct config, memory)},
    {.name = "wait",
     .type = PS_OPTION_DURATION,
     .default_text = "100 ms",
     .offset = offsetof(struct config, wait_ms)},
    {.name = "password",
     .type = PS_OPTION_TEXT,
     .is_secret = true,
     .default_text = "geheim",
     .offset = offsetof(struct config, password)},
    {.name = NULL},
};

struct fixture {
    struct ps_arena *arena;
    struct config config;
    struct penstock_error error;
};

static int set_up(void **state) {
    static struct fixture fixture;
    fixture.arena = ps_arena_new(0);
    *state = &fixture;
    return ps_option_defaults(rows, &fixture.config, fixture.arena, &fixture.error) == PENSTOCK_OK ? 0 : -1;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    ps_arena_free(fixture->arena);
    return 0;
}

static penstock_code set(struct fixture *fixture, const char *name, const char *value) {
    return ps_option_set(rows, &fixture->config, name, value, fixture->arena, &fixture->error);
}

static void test_defaults(void **state) {
    const struct fixture *fixture = *state;
    assert_true(fixture->config.fast);
    assert_int_equal(fixture->config.folds, 3);
    assert_true(fixture->config.ratio == 0.0);
    assert_null(fixture->config.topic);
    assert_string_equal(fixture->config.codec, "none");
    assert_int_equal(fixture->config.memory, 1 << 30);
    assert_int_equal(fixture->config.wait_ms, 100);
}

static void test_set(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(set(fixture, "FAST", "Off"), PENSTOCK_OK);
    assert_false(fixture->config.fast);
    assert_int_equal(set(fixture, "num_folds", "10"), PENSTOCK_OK);
    assert_int_equal(fixture->config.folds, 10);
    assert_int_equal(set(fixture, "ratio", "2.5e-1"), PENSTOCK_OK);
    assert_true(fixture->config.ratio == 0.25);
    assert_int_equal(set(fixture, "codec", "GZIP"), PENSTOCK_OK);
    assert_string_equal(fixture->config.codec, "gzip");
    assert_int_equal(set(fixture, "memory", "512m"), PENSTOCK_OK);
    assert_int_equal(fixture->config.memory, 512 << 20);
}

static void test_refusals_leave_the_old_value(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(set(fixture, "num_fold", "5"), PENSTOCK_INVALID_ARGUMENT);
    assert_string_equal(fixture->error.hint, "did you mean 'numFolds'?");
    assert_int_equal(set(fixture, "zebra", "5"), PENSTOCK_INVALID_ARGUMENT);
    assert_non_null(strstr(fixture->error.hint, "numFolds, ratio"));
    assert_int_equal(set(fixture, "numFolds", "five"), PENSTOCK_INVALID_ARGUMENT);
    assert_non_null(strstr(fixture->error.message, "'five' is not of type integer"));
    assert_int_equal(set(fixture, "numFolds", "1"), PENSTOCK_INVALID_ARGUMENT);
    assert_non_null(strstr(fixture->error.message, "2 to 100"));
    assert_int_equal(fixture->config.folds, 3);
    assert_int_equal(set(fixture, "ratio", "-1"), PENSTOCK_INVALID_ARGUMENT);
    assert_non_null(strstr(fixture->error.message, "at least 0"));
    assert_int_equal(set(fixture, "codec", "gzp"), PENSTOCK_INVALID_ARGUMENT);
    assert_string_equal(fixture->error.hint, "did you mean 'gzip'?");
    assert_int_equal(set(fixture, "memory", "1m"), PENSTOCK_INVALID_ARGUMENT);
    assert_non_null(strstr(fixture->error.message, "64 MiB"));
    assert_int_equal(set(fixture, "fast", "maybe"), PENSTOCK_INVALID_ARGUMENT);
    assert_true(fixture->config.fast);
}

static void test_secrets_are_not_shown(void **state) {
    struct fixture *fixture = *state;
    struct config config;
    static const struct ps_option secret[] = {
        {.name = "pin",
         .type = PS_OPTION_INTEGER,
         .value_min = 1,
         .value_max = 9,
         .is_secret = true,
         .default_text = "4",
         .offset = offsetof(struct config, folds)},
        {.name = NULL},
    };
    const char *const values[] = {"hunter2", "4711"};
    for (size_t index = 0; index < 2; index++) {
        assert_int_equal(
            ps_option_set(secret, &config, "pin", values[index], fixture->arena, &fixture->error),
            PENSTOCK_INVALID_ARGUMENT);
        assert_null(strstr(fixture->error.message, values[index]));
        assert_null(strstr(fixture->error.hint, values[index]));
    }
    struct ps_buffer out PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&out, 1000);
    ps_option_describe(secret, &out);
    assert_string_equal(out.data, "integer, 1 to 9, default ***");
}

static void test_describe(void **state) {
    (void)state;
    struct ps_buffer out PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&out, 1000);
    const char *const expected[] = {
        "true or false, default true",
        "integer, 2 to 100, default 3",
        "number, at least 0",
        "text, required",
        "one of none, gzip, zstd, default none",
    };
    for (size_t index = 0; index < sizeof expected / sizeof expected[0]; index++) {
        ps_buffer_clear(&out);
        ps_option_describe(&rows[index], &out);
        assert_string_equal(out.data, expected[index]);
    }
}

static void test_names(void **state) {
    (void)state;
    assert_true(ps_option_name_equal("regParam", "REG_PARAM_"));
    assert_false(ps_option_name_equal("regParam", "regParams"));
    assert_true(ps_option_name_equal("", "_"));
    assert_null(ps_option_find(rows, "nothing"));
    assert_string_equal(ps_option_nearest(rows, "topci"), "topic");
}

static void test_integers(void **state) {
    (void)state;
    int64_t value = 77;
    assert_true(ps_parse_integer("-9223372036854775808", &value) && value == INT64_MIN);
    assert_true(ps_parse_integer("9223372036854775807", &value) && value == INT64_MAX);
    assert_true(ps_parse_integer("+05", &value) && value == 5);
    const char *const bad[] = {
        "", "-", " 1", "1 ", "1.0", "0x10", "9223372036854775808", "-9223372036854775809", "1e3"};
    for (size_t index = 0; index < sizeof bad / sizeof bad[0]; index++) {
        assert_false(ps_parse_integer(bad[index], &value));
    }
    assert_int_equal(value, 5);
}

static void test_doubles(void **state) {
    (void)state;
    double value = 77;
    assert_true(ps_parse_double("0.1", &value) && value == 0.1);
    assert_true(ps_parse_double("-1e-3", &value) && value == -1e-3);
    assert_true(ps_parse_double(".5", &value) && value == 0.5);
    assert_true(ps_parse_double("5.", &value) && value == 5.0);
    const char *const bad[] = {"",   "inf", "nan", "NaN",   "1e999", "0x1p3", "1,5", " 1",
                               "1 ", ".",   "-",   "1.2.3", "e5",    "1e",    "1e+"};
    for (size_t index = 0; index < sizeof bad / sizeof bad[0]; index++) {
        assert_false(ps_parse_double(bad[index], &value));
    }
    assert_true(value == 5.0);
}

static void test_units(void **state) {
    (void)state;
    int64_t value = 0;
    assert_true(ps_parse_size("64KiB", &value) && value == 65536);
    assert_true(ps_parse_size("4g", &value) && value == INT64_C(4) << 30);
    assert_true(ps_parse_size("1.5 MB", &value) && value == 1572864);
    assert_true(ps_parse_size("17", &value) && value == 17);
    assert_false(ps_parse_size("-1", &value));
    assert_false(ps_parse_size("1x", &value));
    assert_false(ps_parse_size("m", &value));
    assert_false(ps_parse_size("9999999999999999g", &value));
    assert_false(ps_parse_size("9e30g", &value));
    assert_int_equal(value, 17);
    assert_true(ps_parse_duration("100 ms", &value) && value == 100);
    assert_true(ps_parse_duration("2s", &value) && value == 2000);
    assert_true(ps_parse_duration("5 MIN", &value) && value == 300000);
    assert_true(ps_parse_duration("1.5h", &value) && value == 5400000);
    assert_false(ps_parse_duration("5 fortnights", &value));
    assert_false(ps_parse_duration("", &value));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_defaults, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_set, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refusals_leave_the_old_value, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_secrets_are_not_shown, set_up, tear_down),
        cmocka_unit_test(test_describe),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
