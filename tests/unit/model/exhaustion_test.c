/* SPDX-License-Identifier: Apache-2.0
 *
 * exhaustion_test.c - memory that runs out at any moment of a training: an error, nothing lost, nothing freed twice.
 */
#include "training.h"

static const char *const statements[] = {
    "CREATE MODEL m TRANSFORM (OutlierFilter(y, k = 9), Imputer(b), OneHotEncoder(g), Interaction(a, g), StandardScaler(a)) "
    "PREDICT y USING LinearRegression(regParam = GRID(0.1, 1), elasticNetParam = 0.5) "
    "VALIDATE CrossValidator(metricName = 'mae') HOLDOUT 20 PERCENT AS SELECT a, b, g, h, y FROM t",
    "CREATE MODEL m PREDICT z USING LogisticRegression(regParam = RANGE(0.1, 1, LOG), RANDOM(2)), "
    "LogisticRegression(regParam = RANGE(1, 2, 2), maxIter = 20) "
    "VALIDATE TimeSeriesSplit(n = 2, gap = INTERVAL 2 HOUR, by = time) HOLDOUT 20 PERCENT AS SELECT a, y, z, time FROM t",
};

static void fail_each(struct scene *scene, const char *statement) {
    const int64_t before = ps_memory_call_count();
    must(train_with(scene, 1, statement), &scene->error);
    const int64_t calls = ps_memory_call_count() - before;
    assert_true(calls > 100);
    int64_t failed = 0;
    for (int64_t call = 1; call <= calls; call += 1) {
        parse(scene, statement);
        ps_memory_fail_at(call);
        struct ps_candidate *candidate = NULL;
        const penstock_code code = ps_model_train(&scene->options, &candidate, &scene->error);
        ps_memory_fail_at(0);
        if (code != PENSTOCK_OK && code != PENSTOCK_OUT_OF_MEMORY) {
            fail_msg("allocation %lld: %s: %s", (long long)call, ps_error_code_name(code),
                     scene->error.message);
        }
        failed += code != PENSTOCK_OK ? 1 : 0;
        ps_candidate_free(candidate);
    }
    print_message("%lld of %lld allocations were made to fail\n", (long long)failed, (long long)calls);
    assert_true(failed > calls / 6);
}

static void fails_cleanly(void **state) {
    struct scene *scene = *state;
    sql(scene,
        "CREATE TABLE t AS SELECT i / 3.0 AS a, nullif(i, 7) AS b, ['x', 'y', 'z'][i % 3 + 1] AS g, 'left out' AS h, "
        "i + 10 * sin(i) AS y, sin(i) > 0 AS z, TIMESTAMP '2024-01-01' + INTERVAL (i) HOUR AS time FROM range(60) r(i)");
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        fail_each(scene, statements[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fails_cleanly, scene_open, scene_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
