/* SPDX-License-Identifier: Apache-2.0
 *
 * memory_test.c - fails allocations of a run, one at a time: the run ends with an error or does without, nothing
 * is half-written, and the next run makes it whole. PENSTOCK_TORTURE=1 tries every allocation, =5 every fifth.
 */
#include "scene.h"

#define STATEMENTS \
    "CREATE SOURCE s (id INTEGER, price DECIMAL(6,2), at_time TIMESTAMP, WATERMARK FOR at_time AS at_time - INTERVAL 5" \
    " SECOND) WITH (connector = 'file', path = 'data/*.ndjson') FORMAT PLAIN ENCODE JSON;" \
    "CREATE STREAMING TABLE t (CONSTRAINT small EXPECT (id < 90) ON VIOLATION DEAD LETTER)" \
    " AS SELECT * FROM STREAM s;" \
    "CREATE MATERIALIZED VIEW n AS SELECT id % 3 AS k, count(*) AS n, max(id) AS m FROM STREAM t GROUP BY k;"

static const char question[] =
    "SELECT (SELECT count(*) FROM t), (SELECT sum(n) FROM n), (SELECT string_agg(reason, ',' ORDER BY id) FROM"
    " penstock.dead_letters), (SELECT sum(records) FROM penstock.epochs), (SELECT sum(position) FROM penstock.positions)";

static void begin(struct scene *scene) {
    scene_make(scene, "name: test\nepoch: {bytes: 1k}\n");
    for (int i = 0; i < 50; i++) {
        char line[100];
        snprintf(line, sizeof line, "{\"id\":%d,\"price\":\"%s\",\"at_time\":\"2013-01-01 00:00:%02d\"}\n",
                 i * 2, i == 7 ? "x" : "1.5", i == 30 ? 2 : i);
        scene_append(scene, i < 25 ? "data/a.ndjson" : "data/b.ndjson", line);
    }
    scene_append(scene, "data/b.ndjson", "oops\n");
    scene_open(scene, STATEMENTS);
}

/* The n-th allocation of a run fails. False: the run has fewer. */
static bool fail_one(int64_t call, const char *expected) {
    struct scene scene;
    begin(&scene);
    const int64_t before = ps_memory_call_count();
    ps_memory_fail_at(call);
    const penstock_code code = scene_try(&scene);
    const int64_t count = ps_memory_call_count() - before;
    ps_memory_fail_at(0);
    if (code != PENSTOCK_OK) {
        assert_true(scene.error.message[0] != '\0');
        assert_int_not_equal(scene.error.code, PENSTOCK_OK);
    }
    scene_run(&scene);
    scene_expect(&scene, question, expected);
    scene_end(&scene);
    return call <= count;
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene);
    scene_run(&scene);
    char expected[500];
    snprintf(expected, sizeof expected, "%s", scene_query(&scene, question));
    assert_string_equal(expected, "43|43|type,late,rule,rule,rule,rule,rule,syntax|51|2798;");
    scene_end(&scene);
    const char *torture = getenv("PENSTOCK_TORTURE");
    const int64_t asked = torture != NULL ? strtoll(torture, NULL, 10) : 0;
    const int64_t step = asked > 0 ? asked : 97;
    int64_t call = 1;
    while (fail_one(call, expected)) {
        call += step;
    }
    assert_true(call > 500);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
