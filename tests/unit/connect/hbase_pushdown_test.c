/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_pushdown_test.c - what HBase is asked to leave out: ranges of keys, cells, filters, times; and scan.filter.
 */
#include <inttypes.h>

#include "hbase_conditions.h"

struct example {
    const char *columns, *mapping, *rowkey, *condition;
    const char *keys, *filter, *left; /* several keys or conditions with a semicolon between; "": none */
};

static void check_example(const struct example *example) {
    struct scene scene;
    bool is_used[64];
    memset(is_used, 1, sizeof is_used);
    scene_begin(&scene, example->columns, example->mapping, example->rowkey, NULL);
    struct ps_source_use use = {.column_is_used = is_used,
                                .rows = read_condition(&scene, example->condition)};
    const struct ps_pushed *const shown = &push(&scene, &use)->shown;
    struct ps_buffer keys, left;
    ps_buffer_init(&keys, 10000);
    ps_buffer_init(&left, 10000);
    ps_buffer_text(&keys, "");
    ps_buffer_text(&left, "");
    for (size_t i = 0; i < shown->key_count; i++) {
        ps_buffer_printf(&keys, "%s%s", i > 0 ? "; " : "", shown->keys[i]);
    }
    for (size_t i = 0; i < shown->left_count; i++) {
        ps_buffer_printf(&left, "%s%s", i > 0 ? "; " : "", shown->left[i].text);
    }
    if (strcmp(keys.size == 0 ? "" : keys.data, example->keys) != 0 ||
        strcmp(shown->filter == NULL ? "" : shown->filter, example->filter) != 0 ||
        strcmp(left.size == 0 ? "" : left.data, example->left) != 0) {
        fail_msg("%s:\n  keys: %s\n  filter: %s\n  left: %s", example->condition, keys.data,
                 shown->filter == NULL ? "" : shown->filter, left.data);
    }
    ps_buffer_done(&keys);
    ps_buffer_done(&left);
    scene_end(&scene);
}

static void test_keys(void **state) {
    (void)state;
    static const char simple[] = "k VARCHAR; speed DOUBLE", at_key[] = "k :key, speed f:speed";
    static const char sensors[] = "sensor VARCHAR; seen TIMESTAMP; speed DOUBLE", speed[] = "speed f:speed";
    static const char lone[] = "sensor VARCHAR; speed DOUBLE";
    static const char split[] = "sensor:2 seen:8:reversed", ended[] = "sensor \"|\" seen:8:millis";
    static const struct example examples[] = {
        {simple, at_key, NULL, "k = 'a'", "'a'", "", ""},
        {simple, at_key, NULL, "k >= 'a' AND k < 'b'", "from 'a' to before 'b'", "", ""},
        {simple, at_key, NULL, "k > 'a'", "behind 'a'", "", ""},
        {simple, at_key, NULL, "k BETWEEN 'a' AND 'b'", "from 'a' to 'b'", "", ""},
        {simple, at_key, NULL, "k LIKE 'ab%'", "from 'ab' to before 'ac'", "", ""},
        {simple, at_key, NULL, "k IN ('b', 'a')", "'a'; 'b'", "", ""},
        {simple, at_key, NULL, "k = 'a' AND speed > 3", "'a'", "speed > 3.0", ""},
        {simple, at_key, NULL, "k = 'a' OR speed > 3", "", "k = 'a' OR speed > 3.0", ""},
        {simple, at_key, NULL, "k = 'a' OR k > 'x'", "'a'; behind 'x'", "", ""},
        {simple, at_key, NULL, "k = 'a' AND upper(k) = 'A'", "'a'", "", "(upper(k) = 'A')"},
        {simple, at_key, NULL, "k IS NULL", "", "", "k IS NULL"},
        {sensors, speed, split, "sensor = 'aa'", "from 'aa' to before 'ab'", "", ""},
        {sensors, speed, split, "sensor = 'aa' AND seen = '1970-01-01 00:00:01'",
         "'aa\\x7F\\xFF\\xFF\\xFF\\xFF\\xFF\\xFC\\x17'", "", ""},
        {sensors, speed, split, "sensor = 'aa' AND seen > '1970-01-01 00:00:01'",
         "from 'aa' to before 'aa\\x7F\\xFF\\xFF\\xFF\\xFF\\xFF\\xFC\\x17'", "", ""},
        {sensors, speed, split, "seen > '1970-01-01 00:00:01'", "", "", "seen > '1970-01-01 00:00:01'"},
        {sensors, speed, split, "sensor > 'aa'", "from 'ab'", "", ""},
        {sensors, speed, split, "sensor IN ('aa', 'bb') AND speed < 1",
         "from 'aa' to before 'ab'; from 'bb' to before 'bc'", "speed < 1.0", ""},
        {sensors, speed, ended, "sensor = 'a' AND seen >= '1970-01-01'",
         "from 'a|\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00' to before 'a|\\x80'", "", ""},
        {sensors, speed, ended, "sensor < 'a'", "", "", ""},
        {sensors, speed, ended, "sensor < '~a'", "to before '\\x7F'", "", ""},
        {sensors, speed, ended, "sensor < '\xC3\xA9'", "to before '\\xC3\\xA9'", "", ""},
        {lone, speed, "-:1 sensor", "sensor = 'a'", "", "", "sensor = 'a'"},
        {lone, speed, "\"v1|\" sensor", "sensor = 'a'", "'v1|a'", "", ""},
        {lone, speed, "\"v1|\" sensor", "speed = 1", "", "speed = 1.0", ""},
    };
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        check_example(&examples[i]);
    }
}

static void test_cells(void **state) {
    (void)state;
    static const char columns[] =
        "k VARCHAR; i INTEGER; d DOUBLE; w VARCHAR; j INTEGER; n DECIMAL(9,2); seen TIMESTAMP",
                      mapping[] = "k :key, i f:i, d f:d, w f:w, j f:j json, n f:n, seen :timestamp";
    static const struct example examples[] = {
        {columns, mapping, NULL, "i > 1 AND (d = 0 OR w LIKE 'a%')", "",
         "i > 1 AND (d = 0.0 OR starts_with(w, 'a'))", ""},
        {columns, mapping, NULL, "i > 1 AND j > 1", "", "i > 1", "j > 1"},
        {columns, mapping, NULL, "i > 1 OR j > 1", "", "", "i > 1 OR j > 1"},
        {columns, mapping, NULL, "i > 1 AND n > 1", "", "i > 1", "(n > 1)"},
        {columns, mapping, NULL, "i IS NULL AND j IS NOT NULL", "", "i IS NULL AND j IS NOT NULL", ""},
        {columns, mapping, NULL, "j IS NULL", "", "", "j IS NULL"},
        {columns, mapping, NULL, "seen > '2024-01-01'", "", "", "seen > '2024-01-01 00:00:00'"},
    };
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        check_example(&examples[i]);
    }
}

/* Which cells are asked for. */
static void check_columns(const char *columns, const char *used, const char *condition, const char *wanted) {
    struct scene scene;
    bool is_used[64] = {false};
    struct ps_buffer got;
    scene_begin(&scene, columns, "a f:a, b f:b, c f:c, k :key, seen :timestamp", NULL, NULL);
    for (size_t i = 0; i < scene.schema.column_count; i++) {
        is_used[i] = strstr(used, scene.schema.columns[i].name) != NULL;
    }
    struct ps_source_use use = {.column_is_used = is_used, .rows = {.is_exact = true}};
    if (condition != NULL) {
        use.rows = read_condition(&scene, condition);
    }
    const struct ps_hbase_pushdown *pushdown = push(&scene, &use);
    ps_buffer_init(&got, 1000);
    ps_buffer_text(&got, "");
    for (size_t i = 0; i < pushdown->column_count; i++) {
        ps_buffer_add(&got, pushdown->columns[i].qualifier.data, pushdown->columns[i].qualifier.size);
    }
    if (strcmp(got.data, wanted) != 0 || (got.size == 3) != (pushdown->shown.why_all_columns != NULL)) {
        fail_msg("%s, %s: %s (%s)", used, condition == NULL ? "" : condition, got.data,
                 pushdown->shown.why_all_columns);
    }
    ps_buffer_done(&got);
    scene_end(&scene);
}

static void test_columns(void **state) {
    (void)state;
    static const char nullable[] = "a INTEGER; b INTEGER; c INTEGER; k VARCHAR; seen TIMESTAMP",
                      some[] = "a INTEGER; b INTEGER; c INTEGER NOT NULL; k VARCHAR; seen TIMESTAMP";
    check_columns(nullable, "a", NULL, "abc");  /* a row with b alone is a record of NULL */
    check_columns(nullable, "a", "a > 1", "a"); /* and does not count here */
    check_columns(nullable, "ab", "a > 1 OR b > 1", "ab");
    check_columns(nullable, "ab", "a > 1 OR b IS NULL", "abc");
    check_columns(nullable, "ak", "a > 1 OR k = 'x'", "abc");
    check_columns(nullable, "k", NULL, "abc");
    check_columns(some, "a", NULL, "ac");
    check_columns(some, "k", NULL, "c");
    check_columns(some, "a seen", "a > 1", "abc"); /* the newest of all cells */
}

static void check_filter(const char *filter, const char *mode, const char *message) {
    struct scene scene;
    scene_begin(&scene, "k VARCHAR; speed DOUBLE; f FLOAT; lane INTEGER; n DECIMAL(9,2)",
                "k :key, speed f:speed, f f:f, lane f:lane, n f:n", NULL, NULL);
    const struct ps_hbase_pushdown_request request = {.mapping = scene.mapping,
                                                      .statement = &plain,
                                                      .filter = filter,
                                                      .versions = 1,
                                                      .is_upsert = strcmp(mode, "upsert") == 0,
                                                      .is_snapshot = strcmp(mode, "snapshot") == 0};
    const struct ps_hbase_pushdown *pushdown = NULL;
    const penstock_code code = ps_hbase_pushdown_new(&request, scene.arena, &pushdown, &scene.error);
    if (code != (message == NULL ? PENSTOCK_OK : PENSTOCK_INVALID_PROJECT) ||
        (message != NULL && strstr(scene.error.message, message) == NULL)) {
        fail_msg("%s: %s", filter, code == PENSTOCK_OK ? "fine" : scene.error.message);
    }
    scene_end(&scene);
}

static void test_scan_filter(void **state) {
    (void)state;
    check_filter("speed > 10 AND lane = 2", "snapshot", NULL);
    check_filter("k LIKE 'a%' AND NOT (speed > 10 OR lane IS NULL)", "snapshot", NULL);
    check_filter("speed > 10 AND upper(k) = 'A'", "snapshot", "cannot look at (upper(k) = 'A')");
    check_filter("speed > 10 AND n > 1", "snapshot", "cannot look at (n > 1)");
    check_filter("f > 0.1", "snapshot", "not without letting other rows through");
    check_filter("sped > 10", "snapshot", "sped");
    check_filter("speed", "snapshot", "this is DOUBLE, not a condition");
    check_filter("speed >", "snapshot", "scan.filter");
    check_filter("speed > 10", "incremental", "a later pass gives cells that are new");
    check_filter("k = 'a'", "incremental", NULL);
    check_filter("k = 'a'", "upsert", NULL);
    check_filter("speed > 10", "upsert", "FORMAT UPSERT");
}

/* Times: only where no cell of a record is taken away. */
static void test_times(void **state) {
    (void)state;
    static const struct {
        const char *mapping, *condition;
        int64_t versions, time_min, time_max;
    } cases[] = {
        {"a f:a, seen :timestamp", "seen >= '1970-01-01 00:00:01'", 1, 1000, INT64_MAX},
        {"a f:a, seen :timestamp", "seen > '1970-01-01 00:00:01'", 1, 1001, INT64_MAX},
        {"a f:a, seen :timestamp", "seen >= '1970-01-01 00:00:01.0005'", 1, 1001, INT64_MAX},
        {"a f:a, seen :timestamp", "seen < '1970-01-01 00:00:01'", 1, 0, INT64_MAX},
        {"a f:a, seen :timestamp", "seen < '1970-01-01 00:00:01'", INT32_MAX, 0, 1000},
        {"a f:a, seen :timestamp", "seen <= '1970-01-01 00:00:01'", INT32_MAX, 0, 1001},
        {"a f:a, seen :timestamp", "seen >= '1960-01-01'", 1, 0, INT64_MAX},
        {"a f:a, seen :timestamp", "seen >= '1970-01-01 00:00:01' OR a = 1", 1, 0, INT64_MAX},
        {"a f:a, seen :timestamp", "seen >= '1970-01-01 00:00:02' OR seen > '1970-01-01 00:00:01'", 1, 1001,
         INT64_MAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scene scene;
        bool is_used[2] = {true, true};
        scene_begin(&scene, "a INTEGER; seen TIMESTAMP", cases[i].mapping, NULL, NULL);
        struct ps_source_use use = {.column_is_used = is_used,
                                    .rows = read_condition(&scene, cases[i].condition)};
        const struct ps_hbase_pushdown_request request = {
            .mapping = scene.mapping, .statement = &plain, .use = &use, .versions = cases[i].versions};
        const struct ps_hbase_pushdown *pushdown = NULL;
        assert_int_equal(ps_hbase_pushdown_new(&request, scene.arena, &pushdown, &scene.error), PENSTOCK_OK);
        struct ps_hbase_range range = {.time_min = 0, .time_max = INT64_MAX};
        assert_true(ps_hbase_pushdown_apply(pushdown, true, &range));
        if (range.time_min != cases[i].time_min || range.time_max != cases[i].time_max) {
            fail_msg("%s: %" PRId64 " %" PRId64, cases[i].condition, range.time_min, range.time_max);
        }
        scene_end(&scene);
    }
}

/* Whichever allocation fails: an ordinary error, and nothing is lost. */
static void test_memory(void **state) {
    (void)state;
    struct scene scene;
    bool is_used[8] = {true, false, true, true};
    scene_begin(&scene, "p VARCHAR; q BIGINT; d DOUBLE; t TIMESTAMP; w VARCHAR", "d f:d, t f:t, w f:w",
                "p \"|\" q:8", NULL);
    struct ps_source_use use = {
        .column_is_used = is_used,
        .rows = read_condition(&scene,
                               "p IN ('a', 'b') AND (d > 0 OR t < '2024-01-01' OR w LIKE 'a%' OR q = 3) AND "
                               "upper(w) = 'A' AND q > 5")};
    const struct ps_hbase_pushdown_request request = {
        .mapping = scene.mapping, .statement = &plain, .use = &use, .versions = 1};
    penstock_code code = PENSTOCK_OUT_OF_MEMORY;
    for (int64_t call = 1; code != PENSTOCK_OK; call++) {
        const struct ps_hbase_pushdown *pushdown = NULL;
        struct ps_arena *arena = ps_arena_new(0);
        ps_memory_fail_at(call);
        code = ps_hbase_pushdown_new(&request, arena, &pushdown, &scene.error);
        ps_memory_fail_at(0);
        assert_true(code == PENSTOCK_OK || code == PENSTOCK_OUT_OF_MEMORY);
        assert_true(call < 10000);
        ps_arena_free(arena);
    }
    scene_end(&scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),        cmocka_unit_test(test_cells), cmocka_unit_test(test_columns),
        cmocka_unit_test(test_scan_filter), cmocka_unit_test(test_times), cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
