/* SPDX-License-Identifier: Apache-2.0
 *
 * zone_test.c - offsets and instants against the C library's own reading of the same zones; damaged files.
 *
 * The C library is asked one zone after the other through TZ, which only a test of one thread may do.
 */
#include "base/zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "base/file.h"

static const char *const names[] = {"UTC",
                                    "Europe/Berlin",
                                    "America/New_York",
                                    "America/Sao_Paulo",
                                    "Asia/Kolkata",
                                    "Australia/Lord_Howe",
                                    "Pacific/Apia",
                                    "Africa/Casablanca",
                                    "Europe/Dublin",
                                    "America/St_Johns",
                                    "Asia/Kathmandu",
                                    "America/Nuuk",
                                    "Pacific/Chatham",
                                    "Asia/Tehran"};

static struct ps_arena *arena;

static int begin(void **state) {
    (void)state;
    arena = ps_arena_new(0);
    return arena == NULL;
}

static int end(void **state) {
    (void)state;
    ps_arena_free(arena);
    unsetenv("TZ");
    tzset();
    return 0;
}

static const struct ps_zone *load(const char *name) {
    const struct ps_zone *zone = NULL;
    struct penstock_error error = {0};
    if (ps_zone_load(name, arena, &zone, &error) != PENSTOCK_OK) {
        fail_msg("%s", error.message);
    }
    return zone;
}

static int64_t library_offset(int64_t utc) {
    const time_t time = (time_t)utc;
    struct tm fields;
    assert_non_null(localtime_r(&time, &fields));
    return fields.tm_gmtoff;
}

static uint64_t next_random(uint64_t *seed) {
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 16;
}

/* From 1970 to 2100: the list of the file, and far behind it its closing rule. */
static void test_offsets(void **state) {
    (void)state;
    uint64_t seed = 11;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct ps_zone *zone = load(names[i]);
        setenv("TZ", names[i], 1);
        tzset();
        for (int k = 0; k < 4000; k++) {
            const int64_t utc = (int64_t)(next_random(&seed) % UINT64_C(4102444800));
            if (ps_zone_offset(zone, utc) != library_offset(utc)) {
                fail_msg("%s at %lld: %lld, the C library says %lld", names[i], (long long)utc,
                         (long long)ps_zone_offset(zone, utc), (long long)library_offset(utc));
            }
        }
    }
}

/* Every instant that shows a local time is found, by trying all quarters of an hour around it. */
static void test_instants(void **state) {
    (void)state;
    uint64_t seed = 5;
    int gaps = 0;
    int repeats = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct ps_zone *zone = load(names[i]);
        setenv("TZ", names[i], 1);
        tzset();
        for (int k = 0; k < 600; k++) {
            /* where the clock is moved is what is worth asking for */
            int64_t utc = (int64_t)(next_random(&seed) % UINT64_C(2208988800)) / 900 * 900;
            for (int64_t day = 0; day < 300 && library_offset(utc) == library_offset(utc + 86400); day++) {
                utc += 86400;
            }
            const int64_t local = utc + library_offset(utc) + (int64_t)(next_random(&seed) % 200) * 900;
            int64_t expected[2] = {0, 0};
            int count = 0;
            for (int64_t t = local - 27 * 3600; t <= local + 27 * 3600; t += 900) {
                if (t + library_offset(t) == local && count < 2) {
                    expected[count++] = t;
                }
            }
            int64_t found[2] = {0, 0};
            assert_int_equal(ps_zone_instants(zone, local, found), count);
            for (int j = 0; j < count; j++) {
                assert_int_equal(found[j], expected[j]);
            }
            if (count == 0) { /* before it the clock showed less, at it more */
                assert_true(found[0] + library_offset(found[0]) > local);
                assert_true(found[0] - 1 + library_offset(found[0] - 1) < local);
            }
            gaps += count == 0;
            repeats += count == 2;
        }
    }
    assert_true(gaps > 20 && repeats > 20);
}

static void test_calendar(void **state) {
    (void)state;
    for (int64_t days = -200000; days <= 200000; days += 17) {
        const struct ps_date date = ps_date_of_days(days);
        assert_int_equal(ps_date_to_days(date), days);
        struct tm fields;
        const time_t time = (time_t)(days * 86400);
        assert_non_null(gmtime_r(&time, &fields));
        assert_int_equal(date.year, fields.tm_year + 1900);
        assert_int_equal(date.month, fields.tm_mon + 1);
        assert_int_equal(date.day, fields.tm_mday);
        assert_int_equal(ps_date_weekday(days), fields.tm_wday);
    }
}

static void test_unknown(void **state) {
    (void)state;
    const struct ps_zone *zone = NULL;
    struct penstock_error error = {0};
    assert_int_equal(ps_zone_load("Europe/Berln", arena, &zone, &error), PENSTOCK_NOT_FOUND);
    assert_string_equal(error.message, "there is no time zone 'Europe/Berln'");
    assert_string_equal(error.hint, "did you mean 'Europe/Berlin'?");
    static const char *const bad[] = {"../etc/passwd", "/etc/passwd", "", "Europe", "a b", "Europe/../../x"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(ps_zone_load(bad[i], arena, &zone, &error), PENSTOCK_NOT_FOUND);
    }
}

/* Cut anywhere and with any byte changed: an answer or an error, never a read outside. */
static void test_damaged(void **state) {
    (void)state;
    struct ps_bytes content;
    const struct ps_zone *zone = NULL;
    struct penstock_error error = {0};
    assert_int_equal(ps_file_read("/usr/share/zoneinfo/Europe/Berlin", 1 << 20, arena, &content, &error),
                     PENSTOCK_OK);
    int refused = 0;
    for (size_t size = 1; size < content.size; size++) {
        char *copy = malloc(size);
        assert_non_null(copy);
        memcpy(copy, content.data, size);
        refused += ps_zone_read(copy, size, arena, &zone, &error) != PENSTOCK_OK;
        free(copy);
    }
    assert_true(refused > 100);
    for (size_t at = 0; at < content.size; at++) {
        char *copy = malloc(content.size);
        assert_non_null(copy);
        memcpy(copy, content.data, content.size);
        copy[at] = (char)(copy[at] ^ 0x55);
        int64_t instants[2];
        if (ps_zone_read(copy, content.size, arena, &zone, &error) == PENSTOCK_OK) {
            (void)ps_zone_instants(zone, 1700000000, instants);
            (void)ps_zone_instants(zone, 4000000000, instants);
        }
        free(copy);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_offsets), cmocka_unit_test(test_instants),
                                       cmocka_unit_test(test_calendar), cmocka_unit_test(test_unknown),
                                       cmocka_unit_test(test_damaged)};
    return cmocka_run_group_tests(tests, begin, end);
}
