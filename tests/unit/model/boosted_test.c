/* SPDX-License-Identifier: Apache-2.0
 *
 * boosted_test.c - GradientBoostedTrees: what it learns, the same bits on any number of threads, when it stops.
 */
#include "rows_scene.h"

#include "model/boosted.h"
#include "model/trees.h"
#include "model/xgboost.h"

static const struct ps_estimator_type *boosted(void) {
    const struct ps_estimator_type *type = ps_estimator_find("GradientBoostedTrees");
    assert_non_null(type);
    return type;
}

static penstock_code fit_code(const struct ps_training_set *set, const char *settings,
                              struct ps_fit_result *result, struct penstock_error *error) {
    struct ps_arena *arena = ps_arena_new(0);
    const void *config = rows_scene_config(boosted(), settings, arena);
    const penstock_code code = boosted()->fit(config, set, NULL, result, error);
    ps_arena_free(arena);
    return code;
}

static struct ps_predictor *fit(const struct ps_training_set *set, const char *settings) {
    struct ps_fit_result result = {0};
    struct penstock_error error = {0};
    if (fit_code(set, settings, &result, &error) != PENSTOCK_OK) {
        fail_msg("%s | %s | %s", error.message, error.detail, error.hint);
    }
    return result.predictor;
}

/* y = a step in x0, a slope in x1, an offset for each category. */
static void make_regression(struct rows_scene *scene, size_t rows, size_t width, double label_mean) {
    struct ps_random random;
    ps_random_init(&random, 3);
    rows_scene_init(scene, rows, 3, width);
    for (size_t i = 0; i < rows; i++) {
        double *x = scene->x + i * 3;
        for (size_t c = 0; c < 3; c++) {
            x[c] = 10 * ps_random_next(&random) - 5;
        }
        scene->categories[i] = width > 0 ? (int32_t)(i / 2 % (width + 1)) - 1 : 0; /* -1: none */
        scene->labels[i] = label_mean + (x[0] > 1 ? 20 : 0) + 2 * x[1] + x[0] * x[2] +
                           (width > 0 ? 4.0 * scene->categories[i] : 0) + ps_random_next(&random);
    }
}

static double rmse(const struct rows_scene *scene, const struct ps_predictor *predictor) {
    double *outputs = rows_scene_apply(scene, predictor, 777), sum = 0;
    for (size_t i = 0; i < scene->row_count; i++) {
        sum += (outputs[i] - scene->labels[i]) * (outputs[i] - scene->labels[i]);
    }
    ps_release(outputs);
    return sqrt(sum / (double)scene->row_count);
}

static void learns_a_regression(void **state) {
    (void)state;
    for (size_t width = 0; width <= 4; width += 4) {
        /* a label with a large mean loses nothing to float32 */
        for (double mean = 0; mean <= 1e9; mean += 1e9) {
            struct rows_scene scene;
            make_regression(&scene, 3000, width, mean);
            const struct ps_training_set *set = rows_scene_set(&scene, PS_TASK_REGRESSION, 0, false, 2);
            struct ps_predictor *predictor = fit(set, "maxIter=150;maxDepth=5");
            const double error = rmse(&scene, predictor);
            if (!(error < 1)) {
                fail_msg("rmse %g with %zu categories and mean %g", error, width, mean);
            }
            rows_scene_round_trip(&scene, predictor);
            const struct ps_trees_predictor *trees =
                (const struct ps_trees_predictor *)(const void *)predictor;
            double total = 0;
            for (size_t j = 0; j < predictor->feature_count; j++) {
                total += trees->gains[j];
            }
            assert_true(fabs(total - 1) < 1e-9 && trees->gains[0] > trees->gains[1]);
            ps_predictor_free(predictor);
            /* canary: one tree of one level cannot */
            predictor = fit(set, "maxIter=1;maxDepth=1");
            assert_true(rmse(&scene, predictor) > 4);
            ps_predictor_free(predictor);
            rows_scene_done(&scene);
        }
    }
}

static void learns_spirals(void **state) {
    (void)state;
    for (size_t classes = 2; classes <= 3; classes++) {
        struct rows_scene scene;
        rows_scene_init(&scene, 2000, 2, 0);
        rows_scene_spirals(&scene, classes, 11);
        const struct ps_training_set *set =
            rows_scene_set(&scene, classes == 2 ? PS_TASK_BINARY : PS_TASK_MULTICLASS, classes, true, 2);
        struct ps_predictor *predictor = fit(set, "");
        assert_int_equal(predictor->output_count, classes);
        assert_true(rows_scene_accuracy(&scene, predictor) > 0.97);
        rows_scene_round_trip(&scene, predictor);
        ps_predictor_free(predictor);
        predictor = fit(set, "maxDepth=1;maxIter=3"); /* canary */
        assert_true(rows_scene_accuracy(&scene, predictor) < 0.9);
        ps_predictor_free(predictor);
        rows_scene_done(&scene);
    }
}

static void gives_the_same_bits(void **state) {
    (void)state;
    struct rows_scene scene;
    make_regression(&scene, 5000, 3, 100);
    double *first = NULL;
    const size_t workers[] = {1, 2, 4}, steps[] = {1, 64, 5000};
    for (size_t i = 0; i < 3; i++) {
        const struct ps_training_set *set = rows_scene_set(&scene, PS_TASK_REGRESSION, 0, false, workers[i]);
        struct ps_predictor *predictor =
            fit(set, "subsamplingRate=0.7;featureSubsetStrategy=onethird;seed=5");
        double *outputs = rows_scene_apply(&scene, predictor, steps[i]);
        if (first == NULL) {
            first = outputs;
        } else {
            assert_memory_equal(first, outputs, scene.row_count * sizeof(double));
            ps_release(outputs);
        }
        ps_predictor_free(predictor);
        /* the scene keeps its values, and packs them anew */
        for (size_t p = 0; p < scene.rows.block_count * 2; p++) {
            ps_release((void *)(uintptr_t)scene.rows.panels[p].columns);
            ps_release((void *)(uintptr_t)scene.rows.panels[p].indexes);
            ps_release((void *)(uintptr_t)scene.rows.panels[p].labels);
        }
        ps_release(scene.rows.panels);
        ps_release(scene.pilots);
        scene.rows.panels = NULL;
        scene.pilots = NULL;
    }
    ps_release(first);
    rows_scene_done(&scene);
}

static void stops_early(void **state) {
    (void)state;
    struct rows_scene scene;
    rows_scene_init(&scene, 1000, 2, 0);
    struct ps_random random;
    ps_random_init(&random, 9);
    for (size_t i = 0; i < 1000; i++) {
        scene.x[2 * i] = ps_random_next(&random);
        scene.x[2 * i + 1] = ps_random_next(&random);
        scene.labels[i] = scene.x[2 * i] + 4 * ps_random_next(&random); /* mostly noise */
    }
    const struct ps_training_set *set = rows_scene_set(&scene, PS_TASK_REGRESSION, 0, false, 1);
    struct ps_fit_result result = {0}, whole = {0};
    struct penstock_error error = {0};
    assert_int_equal(
        fit_code(set, "maxIter=500;earlyStoppingRounds=5;validationFraction=0.2", &result, &error),
        PENSTOCK_OK);
    const struct ps_trees_predictor *trees =
        (const struct ps_trees_predictor *)(const void *)result.predictor;
    assert_true(result.iteration_count < 100);
    assert_int_equal(trees->tree_count, (size_t)result.iteration_count - 5); /* the best, not the last */
    assert_int_equal(fit_code(set, "maxIter=100", &whole, &error), PENSTOCK_OK);
    assert_int_equal(whole.iteration_count, 100);
    ps_predictor_free(result.predictor);
    ps_predictor_free(whole.predictor);
    rows_scene_done(&scene);
}

static void says_what_is_wrong(void **state) {
    (void)state;
    struct rows_scene scene;
    make_regression(&scene, 400, 0, 0);
    const struct ps_training_set *set = rows_scene_set(&scene, PS_TASK_REGRESSION, 0, false, 1);
    struct ps_fit_result result = {0};
    struct penstock_error error = {0};
    /* labels below 0 are nothing for Poisson: XGBoost says so, and only in the error */
    assert_int_equal(fit_code(set, "lossType=poisson", &result, &error), PENSTOCK_INVALID_DATA);
    assert_non_null(strstr(error.message, "XGBoost refuses: PoissonRegression: label must be nonnegative"));
    assert_null(strstr(error.message, "\n"));
    assert_int_equal(fit_code(set, "lossType=logistic", &result, &error), PENSTOCK_INVALID_DATA);
    scene.target = (struct ps_target){.task = PS_TASK_BINARY, .class_count = 1};
    assert_int_equal(fit_code(set, "", &result, &error), PENSTOCK_INVALID_DATA);
    assert_non_null(strstr(error.message, "one class only"));
    scene.target = (struct ps_target){.task = PS_TASK_REGRESSION};
    scene.set.memory_max = 1000;
    assert_int_equal(fit_code(set, "", &result, &error), PENSTOCK_OUT_OF_MEMORY);
    scene.set.memory_max = 0;
    atomic_store(&scene.stop.requested, 1);
    assert_int_equal(fit_code(set, "maxIter=100000", &result, &error), PENSTOCK_CANCELLED);
    assert_null(result.predictor);
    rows_scene_done(&scene);
}

static void checks_parameters(void **state) {
    (void)state;
    struct ps_arena *arena = ps_arena_new(0);
    struct penstock_error error = {0};
    static const struct {
        const char *settings, *words;
    } cases[] = {
        {"lossType=squared;objective=reg:gamma", "two different losses"},
        {"featureSubsetStrategy=some", "featureSubsetStrategy cannot be 'some'"},
        {"featureSubsetStrategy=1.5", "featureSubsetStrategy cannot be '1.5'"},
        {"lossType=huber;minInstancesPerNode=5", "minInstancesPerNode counts rows"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const void *config = rows_scene_config(boosted(), cases[i].settings, arena);
        assert_int_equal(boosted()->check(config, &error), PENSTOCK_INVALID_PROJECT);
        assert_non_null(strstr(error.message, cases[i].words));
    }
    assert_int_equal(boosted()->check(rows_scene_config(boosted(),
                                                        "lossType=gamma;objective=reg:gamma;"
                                                        "featureSubsetStrategy=3",
                                                        arena),
                                      &error),
                     PENSTOCK_OK);
    const void *config = rows_scene_config(boosted(), "", arena);
    assert_int_equal(boosted()->task(config, 0, false), PS_TASK_REGRESSION);
    assert_int_equal(boosted()->task(config, 2, false), PS_TASK_BINARY);
    assert_int_equal(boosted()->task(config, 300, false), PS_TASK_REGRESSION);
    assert_int_equal(boosted()->task(config, 3, true), PS_TASK_MULTICLASS);
    config = rows_scene_config(boosted(), "lossType=softprob", arena);
    assert_int_equal(boosted()->task(config, 300, false), PS_TASK_MULTICLASS);
    ps_arena_free(arena);
}

static void refuses_damaged_trees(void **state) {
    (void)state;
    static const char head[] =
        "{\"kind\":\"trees\",\"task\":\"regression\",\"outputs\":1,\"link\":\"identity\","
        "\"offset\":1,\"base\":0.5,\"gains\":[1,0],\"trees\":[%s]}";
    static const struct {
        const char *tree;
        bool is_good;
    } cases[] = {
        {"{\"features\":[0,-1,-1],\"values\":[0.5,1,2],\"lefts\":[1,0,0],\"absent_left\":[0,0,0]}", true},
        {"{\"features\":[0,-1,-1],\"values\":[0.5,1,2],\"lefts\":[0,0,0],\"absent_left\":[0,0,0]}", false},
        {"{\"features\":[0,-1,-1],\"values\":[0.5,1,2],\"lefts\":[2,0,0],\"absent_left\":[0,0,0]}", false},
        {"{\"features\":[2,-1,-1],\"values\":[0.5,1,2],\"lefts\":[1,0,0],\"absent_left\":[0,0,0]}", false},
        {"{\"features\":[0,-1,-1],\"values\":[0.1,1,2],\"lefts\":[1,0,0],\"absent_left\":[0,0,0]}", false},
        {"{\"features\":[0,-1],\"values\":[0.5,1,2],\"lefts\":[1,0,0],\"absent_left\":[0,0,0]}", false},
        {"{\"features\":[],\"values\":[],\"lefts\":[],\"absent_left\":[]}", false},
        {"3", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[512];
        (void)snprintf(text, sizeof text, head, cases[i].tree);
        yyjson_doc *doc = yyjson_read(text, strlen(text), 0);
        struct ps_predictor *predictor = NULL;
        struct penstock_error error = {0};
        const penstock_code code = ps_predictor_read(yyjson_doc_get_root(doc), 2, &predictor, &error);
        if (code != (cases[i].is_good ? PENSTOCK_OK : PENSTOCK_INVALID_DATA)) {
            fail_msg("%s: %s", cases[i].tree, error.message);
        }
        ps_predictor_free(predictor);
        yyjson_doc_free(doc);
    }
}

static void runs_out_of_memory_cleanly(void **state) {
    (void)state;
    struct rows_scene scene;
    make_regression(&scene, 300, 2, 0);
    const struct ps_training_set *set = rows_scene_set(&scene, PS_TASK_REGRESSION, 0, false, 1);
    struct ps_arena *arena = ps_arena_new(0);
    const void *config = rows_scene_config(boosted(), "maxIter=2;earlyStoppingRounds=1", arena);
    bool is_done = false;
    int64_t failed = 0;
    for (int64_t call = 1; !is_done; call++) {
        struct ps_fit_result result = {0};
        struct penstock_error error = {0};
        ps_memory_fail_at(call);
        const penstock_code code = boosted()->fit(config, set, NULL, &result, &error);
        ps_memory_fail_at(0);
        is_done = code == PENSTOCK_OK;
        failed += is_done ? 0 : 1;
        if (!is_done && code != PENSTOCK_OUT_OF_MEMORY) {
            fail_msg("allocation %lld: %s", (long long)call, error.message);
        }
        ps_predictor_free(result.predictor);
    }
    assert_true(failed > 15);
    ps_arena_free(arena);
    rows_scene_done(&scene);
}

int main(void) {
    struct ps_xgboost xgboost;
    struct penstock_error error = {0};
    if (ps_xgboost_open(&xgboost, &error) != PENSTOCK_OK) {
        /* a build without it says so, in a sentence */
        print_message("%s (%s)\n", error.message, error.hint);
        const struct CMUnitTest some[] = {cmocka_unit_test(checks_parameters),
                                          cmocka_unit_test(refuses_damaged_trees)};
        return cmocka_run_group_tests(some, NULL, NULL);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learns_a_regression),   cmocka_unit_test(learns_spirals),
        cmocka_unit_test(gives_the_same_bits),   cmocka_unit_test(stops_early),
        cmocka_unit_test(says_what_is_wrong),    cmocka_unit_test(checks_parameters),
        cmocka_unit_test(refuses_damaged_trees), cmocka_unit_test(runs_out_of_memory_cleanly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
