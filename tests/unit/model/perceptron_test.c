/* SPDX-License-Identifier: Apache-2.0
 *
 * perceptron_test.c - MultilayerPerceptron: gradients, what it learns and a linear model cannot, the same bits on any
 * number of threads and rows, when it stops, what it refuses.
 */
#include "rows_scene.h"

#include <time.h>

#include "base/clock.h"
#include "model/backward.h"
#include "model/gram.h"
#include "model/minimizer.h"
#include "model/perceptron.h"

static const struct ps_estimator_type *perceptron(void) {
    const struct ps_estimator_type *type = ps_estimator_find("MultilayerPerceptron");
    assert_non_null(type);
    return type;
}

static penstock_code fit_code(const struct ps_training_set *set, const char *settings,
                              struct ps_fit_result *result, struct penstock_error *error) {
    struct ps_arena *arena = ps_arena_new(0);
    const void *config = rows_scene_config(perceptron(), settings, arena);
    penstock_code code = perceptron()->check(config, error);
    if (code == PENSTOCK_OK) {
        code = perceptron()->fit(config, set, NULL, result, error);
    }
    ps_arena_free(arena);
    return code;
}

static struct ps_fit_result fit_all(const struct ps_training_set *set, const char *settings) {
    struct ps_fit_result result = {0};
    struct penstock_error error = {0};
    if (fit_code(set, settings, &result, &error) != PENSTOCK_OK) {
        fail_msg("%s | %s | %s", error.message, error.detail, error.hint);
    }
    return result;
}

static struct ps_predictor *fit(const struct ps_training_set *set, const char *settings) {
    return fit_all(set, settings).predictor;
}

/* --- gradients beside finite differences --------------------------------------------------------------------- */

struct gradient_case {
    struct ps_network_shape shape;
    struct ps_inputs inputs;
    struct ps_row_batch rows;
    double *parameters;
};

static void make_case(struct gradient_case *test, enum ps_task task, enum ps_activation activation) {
    struct ps_random random;
    ps_random_init(&random, 17);
    static size_t features[7] = {0, 1, 2, 3, 4, 5, 6};
    test->shape = (struct ps_network_shape){.task = task, .activation = activation, .layer_count = 3};
    const size_t sizes[] = {7, 5, 4, task == PS_TASK_MULTICLASS ? 3 : 1};
    memcpy(test->shape.sizes, sizes, sizeof sizes);
    assert_true(ps_network_shape_close(&test->shape));
    assert_int_equal(test->shape.parameter_count, 8 * 5 + 6 * 4 + 5 * sizes[3]);
    test->inputs =
        (struct ps_inputs){.feature_count = 7, .number_count = 3, .group_count = 1, .features = features};
    struct penstock_error error = {0};
    assert_int_equal(ps_row_batch_init(&test->rows, &test->inputs, 6, &error), PENSTOCK_OK);
    test->rows.row_count = 6;
    for (size_t i = 0; i < 6; i++) {
        for (size_t c = 0; c < 3; c++) {
            test->rows.numbers[i * 3 + c] = 2 * ps_random_next(&random) - 1;
        }
        test->rows.categories[i] = i == 5 ? -1 : (int32_t)(3 + i % 4);
        test->rows.labels[i] = task == PS_TASK_REGRESSION ? ps_random_next(&random)
                                                          : (double)(i % (task == PS_TASK_BINARY ? 2 : 3));
    }
    test->parameters = ps_allocate(test->shape.parameter_count, sizeof(double));
    for (size_t i = 0; i < test->shape.parameter_count; i++) {
        test->parameters[i] = 2 * ps_random_next(&random) - 1;
    }
}

/* Largest difference of the gradient and central differences. */
static double gradient_error(struct gradient_case *test, struct ps_backward *backward,
                             const struct ps_dropout *dropout, const double *gradient) {
    double worst = 0;
    for (size_t i = 0; i < test->shape.parameter_count; i++) {
        const double kept = test->parameters[i];
        test->parameters[i] = kept + 1e-5;
        const double above = ps_backward_run(backward, test->parameters, &test->rows, 0, 6, dropout, NULL);
        test->parameters[i] = kept - 1e-5;
        const double below = ps_backward_run(backward, test->parameters, &test->rows, 0, 6, dropout, NULL);
        test->parameters[i] = kept;
        worst = fmax(worst, fabs(gradient[i] - (above - below) / 2e-5));
    }
    return worst;
}

static void has_right_gradients(void **state) {
    (void)state;
    static const enum ps_task tasks[] = {PS_TASK_REGRESSION, PS_TASK_BINARY, PS_TASK_MULTICLASS};
    ps_gram_prepare();
    for (size_t t = 0; t < 3; t++) {
        for (int activation = 0; activation < 4; activation++) {
            for (int drops = 0; drops < 2; drops++) {
                struct gradient_case test;
                make_case(&test, tasks[t], (enum ps_activation)activation);
                const struct ps_dropout dropout = {.share = drops * 0.4, .seed = 5};
                struct ps_backward *backward = NULL;
                struct penstock_error error = {0};
                assert_int_equal(ps_backward_new(&test.shape, 6, true, &backward, &error), PENSTOCK_OK);
                double *gradient = ps_allocate(test.shape.parameter_count, sizeof(double));
                (void)ps_backward_run(backward, test.parameters, &test.rows, 0, 6, &dropout, gradient);
                const double found = gradient_error(&test, backward, &dropout, gradient);
                if (!(found < 1e-7)) {
                    fail_msg("task %zu, activation %d, dropout %d: off by %g", t, activation, drops, found);
                }
                /* canaries: a slope that is left out, and one that belongs to another weight, are seen */
                gradient[2] = 0;
                assert_true(gradient_error(&test, backward, &dropout, gradient) > 1e-4 || drops == 1);
                memset(gradient, 0, test.shape.parameter_count * sizeof(double));
                (void)ps_backward_run(backward, test.parameters, &test.rows, 0, 5, &dropout, gradient);
                assert_true(gradient_error(&test, backward, &dropout, gradient) > 1e-4);
                ps_release(gradient);
                ps_release(test.parameters);
                ps_row_batch_done(&test.rows);
                ps_backward_free(backward);
            }
        }
    }
}

static void computes_exponentials(void **state) {
    (void)state;
    double worst = 0;
    for (double x = -700; x < 700; x += 0.0137) {
        double value = x;
        ps_exponentials(&value, 1);
        worst = fmax(worst, fabs(value / exp(x) - 1));
    }
    assert_true(worst < 5e-16);
    double values[7] = {0, -1e300, 1e300, -800, 1, -INFINITY, 2}, alone = 2;
    ps_exponentials(values, 7);
    ps_exponentials(&alone, 1);
    assert_true(values[0] == 1 && values[1] < 1e-307 && isfinite(values[2]) && values[5] < 1e-307);
    assert_memory_equal(&values[6], &alone, sizeof alone);
}

/* --- minimisers ------------------------------------------------------------------------------------------------ */

/* Rosenbrock's valley in four dimensions. */
static penstock_code valley(void *context, const double *x, double *value_out, double *gradient,
                            struct penstock_error *error) {
    (void)error;
    ++*(int *)context;
    *value_out = 0;
    memset(gradient, 0, 4 * sizeof(double));
    for (size_t i = 0; i < 3; i++) {
        const double a = x[i + 1] - x[i] * x[i], b = 1 - x[i];
        *value_out += 100 * a * a + b * b;
        gradient[i] += -400 * a * x[i] - 2 * b;
        gradient[i + 1] += 200 * a;
    }
    return PENSTOCK_OK;
}

static void minimizes(void **state) {
    (void)state;
    int calls = 0;
    double point[4] = {-1.2, 1, -1.2, 1};
    struct ps_minimum minimum;
    struct penstock_error error = {0};
    struct ps_minimizer_options options = {
        .count = 4, .iteration_max = 500, .tol = 1e-9, .context = &calls, .evaluate = valley};
    assert_int_equal(ps_minimize_lbfgs(&options, point, &minimum, &error), PENSTOCK_OK);
    assert_false(minimum.is_unconverged);
    assert_true(calls < 200 && minimum.value < 1e-15);
    for (size_t i = 0; i < 4; i++) {
        assert_true(fabs(point[i] - 1) < 1e-7);
    }
    /* descent goes down, but is nowhere after as many steps */
    double other[4] = {-1.2, 1, -1.2, 1};
    options.step_size = 1e-3;
    options.iteration_max = calls;
    assert_int_equal(ps_minimize_descent(&options, other, &minimum, &error), PENSTOCK_OK);
    assert_true(minimum.is_unconverged && minimum.value > 0.01 && minimum.value < 100);
    options.iteration_max = 3;
    double third[4] = {-1.2, 1, -1.2, 1};
    assert_int_equal(ps_minimize_lbfgs(&options, third, &minimum, &error), PENSTOCK_OK);
    assert_true(minimum.is_unconverged && minimum.iteration_count == 3);
}

/* --- learning -------------------------------------------------------------------------------------------------- */

static void learns_xor(void **state) {
    (void)state;
    static const char *const ways[] = {
        "layers=8;maxIter=500;stepSize=0.01;batchSize=50", "layers=8;solver=l-bfgs;activation=tanh",
        "layers=[2, 8, 2];maxIter=500;stepSize=0.02;batchSize=50;activation=sigmoid", /* Spark's list */
        "layers=[16, 16];maxIter=300;stepSize=0.01;batchSize=50;dropout=0.1;earlyStopping=true"};
    struct rows_scene scene;
    rows_scene_init(&scene, 1000, 2, 0);
    struct ps_random random;
    ps_random_init(&random, 4);
    for (size_t i = 0; i < 1000; i++) {
        scene.x[2 * i] = 2 * ps_random_next(&random) - 1;
        scene.x[2 * i + 1] = 2 * ps_random_next(&random) - 1;
        scene.labels[i] = (scene.x[2 * i] > 0) != (scene.x[2 * i + 1] > 0) ? 1 : 0;
    }
    const struct ps_training_set *set = rows_scene_set(&scene, PS_TASK_BINARY, 2, false, 2);
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        struct ps_predictor *predictor = fit(set, ways[i]);
        const double accuracy = rows_scene_accuracy(&scene, predictor);
        if (!(accuracy > 0.95)) {
            fail_msg("%s: accuracy %g", ways[i], accuracy);
        }
        rows_scene_round_trip(&scene, predictor);
        ps_predictor_free(predictor);
    }
    /* canary: without hidden units it is a linear model, which cannot */
    struct ps_predictor *linear = fit(set, "layers=0;solver=l-bfgs");
    assert_true(rows_scene_accuracy(&scene, linear) < 0.65);
    ps_predictor_free(linear);
    rows_scene_done(&scene);
}

static void learns_spirals(void **state) {
    (void)state;
    for (size_t classes = 2; classes <= 3; classes++) {
        struct rows_scene scene;
        rows_scene_init(&scene, 1200, 2, 0);
        rows_scene_spirals(&scene, classes, 21);
        const struct ps_training_set *set =
            rows_scene_set(&scene, classes == 2 ? PS_TASK_BINARY : PS_TASK_MULTICLASS, classes, true, 2);
        struct ps_predictor *predictor =
            fit(set, "layers=[32, 32];maxIter=300;stepSize=0.01;batchSize=50;activation=tanh");
        const double accuracy = rows_scene_accuracy(&scene, predictor);
        if (!(accuracy > 0.97)) {
            fail_msg("%zu spirals: accuracy %g", classes, accuracy);
        }
        rows_scene_round_trip(&scene, predictor);
        ps_predictor_free(predictor);
        struct ps_predictor *linear = fit(set, "layers=0;solver=l-bfgs");
        assert_true(rows_scene_accuracy(&scene, linear) < 0.85);
        ps_predictor_free(linear);
        rows_scene_done(&scene);
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

static void make_surface(struct rows_scene *scene, size_t rows) {
    struct ps_random random;
    ps_random_init(&random, 6);
    rows_scene_init(scene, rows, 3, 4);
    for (size_t i = 0; i < rows; i++) {
        double *x = scene->x + i * 3;
        for (size_t c = 0; c < 3; c++) {
            x[c] = 4 * ps_random_next(&random) - 2;
        }
        scene->categories[i] = (int32_t)(i / 2 % 5) - 1;
        scene->labels[i] = 1e4 + 100 * (sin(2 * x[0]) + x[1] * x[2] + 0.5 * scene->categories[i]);
    }
}

static void learns_a_surface(void **state) {
    (void)state;
    struct rows_scene scene;
    make_surface(&scene, 2000);
    const struct ps_training_set *set = rows_scene_set(&scene, PS_TASK_REGRESSION, 0, false, 2);
    struct ps_predictor *predictor = fit(set, "layers=[32, 16];maxIter=150;stepSize=0.01;batchSize=64");
    const double found = rmse(&scene, predictor);
    if (!(found < 20)) {
        fail_msg("rmse %g", found);
    }
    rows_scene_round_trip(&scene, predictor);
    ps_predictor_free(predictor);
    predictor = fit(set, "layers=24;solver=l-bfgs;activation=tanh;tol=1e-3");
    assert_true(rmse(&scene, predictor) < 20);
    ps_predictor_free(predictor);
    predictor = fit(set, "layers=0;solver=l-bfgs"); /* canary */
    assert_true(rmse(&scene, predictor) > 100);
    ps_predictor_free(predictor);
    rows_scene_done(&scene);
}

/* --- repeating ------------------------------------------------------------------------------------------------- */

static void gives_the_same_bits(void **state) {
    (void)state;
    /* the first is cut into slices, the second is not, the third passes over blocks */
    static const char *const ways[] = {
        "layers=[128, 64];maxIter=3;batchSize=512;dropout=0.2;seed=3",
        "layers=8;maxIter=5;earlyStopping=true",
        "layers=16;solver=l-bfgs;maxIter=20",
        "layers=16;solver=gd;stepSize=0.1;maxIter=20",
    };
    const size_t workers[] = {1, 2, 4}, steps[] = {1, 64, 9000};
    for (size_t w = 0; w < sizeof ways / sizeof ways[0]; w++) {
        double *first = NULL;
        for (size_t i = 0; i < 3; i++) {
            struct rows_scene scene;
            make_surface(&scene, 9000);
            const struct ps_training_set *set =
                rows_scene_set(&scene, PS_TASK_REGRESSION, 0, false, workers[i]);
            struct ps_predictor *predictor = fit(set, ways[w]);
            double *outputs = rows_scene_apply(&scene, predictor, steps[i]);
            if (first == NULL) {
                first = outputs;
            } else {
                assert_memory_equal(first, outputs, scene.row_count * sizeof(double));
                ps_release(outputs);
            }
            ps_predictor_free(predictor);
            rows_scene_done(&scene);
        }
        ps_release(first);
    }
}

static void deals_every_row_once(void **state) {
    (void)state;
    struct rows_scene scene;
    make_surface(&scene, 5000);
    for (size_t i = 0; i < 5000; i++) {
        scene.labels[i] = (double)i;
    }
    const struct ps_training_set *set = rows_scene_set(&scene, PS_TASK_REGRESSION, 0, false, 1);
    struct ps_inputs inputs;
    struct penstock_error error = {0};
    struct ps_deck *deck = NULL;
    struct ps_row_batch batch;
    assert_int_equal(ps_inputs_init(&inputs, set, &error), PENSTOCK_OK);
    const struct ps_deck_options options = {
        .set = set, .inputs = &inputs, .seed = 1, .watching_share = 0.2, .label_scale = 1};
    assert_int_equal(ps_deck_new(&options, &deck, &error), PENSTOCK_OK);
    assert_int_equal(ps_row_batch_init(&batch, &inputs, 64, &error), PENSTOCK_OK);
    const struct ps_row_batch *watching = ps_deck_watching(deck);
    assert_true(watching->row_count > 850 && watching->row_count < 1150);
    double previous = -1;
    bool is_shuffled = false;
    for (int epoch = 0; epoch < 2; epoch++) {
        uint8_t *seen = ps_allocate(5000, 1);
        for (size_t i = 0; i < watching->row_count; i++) {
            seen[(size_t)watching->labels[i]]++;
        }
        ps_deck_shuffle(deck);
        while (ps_deck_deal(deck, &batch)) {
            for (size_t i = 0; i < batch.row_count; i++) {
                const size_t row = (size_t)batch.labels[i];
                seen[row]++;
                is_shuffled = is_shuffled || batch.labels[i] < previous;
                previous = batch.labels[i];
                assert_true(fabs(batch.numbers[i * 3] - scene.x[row * 3]) < 1e-12);
                assert_int_equal(batch.categories[i],
                                 scene.categories[row] < 0 ? -1 : scene.categories[row] + 3);
            }
        }
        for (size_t i = 0; i < 5000; i++) {
            assert_int_equal(seen[i], 1);
        }
        ps_release(seen);
    }
    assert_true(is_shuffled);
    ps_row_batch_done(&batch);
    ps_deck_free(deck);
    ps_inputs_done(&inputs);
    rows_scene_done(&scene);
}

/* --- stopping and refusing ------------------------------------------------------------------------------------- */

static void stops_early(void **state) {
    (void)state;
    struct rows_scene scene;
    rows_scene_init(&scene, 600, 2, 0);
    struct ps_random random;
    ps_random_init(&random, 9);
    for (size_t i = 0; i < 600; i++) {
        scene.x[2 * i] = 2 * ps_random_next(&random) - 1;
        scene.x[2 * i + 1] = 2 * ps_random_next(&random) - 1;
        scene.labels[i] = scene.x[2 * i] + 4 * ps_random_next(&random); /* mostly noise */
    }
    const struct ps_training_set *set = rows_scene_set(&scene, PS_TASK_REGRESSION, 0, false, 1);
    static const char early[] = "layers=64;maxIter=1000;stepSize=0.01;batchSize=32;earlyStopping=true;"
                                "validationFraction=0.3;nIterNoChange=5";
    struct ps_fit_result result = fit_all(set, early);
    assert_true(result.iteration_count < 200 && !result.is_unconverged);
    /* the weights are those of the best epoch: training up to there only gives the same */
    char shorter[200];
    struct ps_fit_result best = {.objective = INFINITY};
    for (int64_t epochs = result.iteration_count - 6; epochs <= result.iteration_count; epochs++) {
        (void)snprintf(shorter, sizeof shorter,
                       "layers=64;maxIter=%lld;stepSize=0.01;batchSize=32;earlyStopping=true;"
                       "validationFraction=0.3;nIterNoChange=100",
                       (long long)epochs);
        struct ps_fit_result other = fit_all(set, shorter);
        assert_true(other.is_unconverged);
        assert_true(other.objective >= result.objective);
        if (other.objective < best.objective) {
            best.objective = other.objective;
        }
        ps_predictor_free(other.predictor);
    }
    assert_true(best.objective == result.objective);
    ps_predictor_free(result.predictor);
    rows_scene_done(&scene);
}

static void *stop_soon(void *argument) {
    struct ps_stop *stop = argument;
    const struct timespec pause = {.tv_nsec = 200 * 1000 * 1000};
    (void)nanosleep(&pause, NULL);
    atomic_store(&stop->requested, 1);
    return NULL;
}

static void stops_when_asked(void **state) {
    (void)state;
    static const char *const ways[] = {"layers=[512, 512];maxIter=100000;tol=0",
                                       "layers=[256, 256];solver=l-bfgs;maxIter=100000;tol=0"};
    for (size_t i = 0; i < 2; i++) {
        struct rows_scene scene;
        make_surface(&scene, 9000);
        const struct ps_training_set *set = rows_scene_set(&scene, PS_TASK_REGRESSION, 0, false, 2);
        struct ps_thread thread;
        struct penstock_error error = {0};
        assert_int_equal(ps_thread_start(&thread, "stop", stop_soon, &scene.stop, &error), PENSTOCK_OK);
        const int64_t begin = ps_clock_monotonic_ns();
        struct ps_fit_result result = {0};
        assert_int_equal(fit_code(set, ways[i], &result, &error), PENSTOCK_CANCELLED);
        assert_true(ps_clock_monotonic_ns() - begin < (int64_t)5 * 1000 * 1000 * 1000);
        ps_thread_join(&thread);
        assert_null(result.predictor);
        rows_scene_done(&scene);
    }
}

static void says_what_is_wrong(void **state) {
    (void)state;
    struct rows_scene scene;
    make_surface(&scene, 400);
    for (size_t i = 0; i < 400; i++) {
        scene.x[3 * i] *= 1e200; /* far from standard */
    }
    const struct ps_training_set *set = rows_scene_set(&scene, PS_TASK_REGRESSION, 0, false, 1);
    struct ps_fit_result result = {0};
    struct penstock_error error = {0};
    assert_int_equal(fit_code(set, "", &result, &error), PENSTOCK_INVALID_DATA);
    assert_non_null(strstr(error.message, "the loss is not finite any more after 1 epochs"));
    assert_non_null(strstr(error.hint, "StandardScaler"));
    static const struct {
        const char *settings, *words;
    } cases[] = {
        {"layers=[3, x]", "layers cannot be [3, x]"},
        {"layers=[3, 0]", "layers cannot be [3, 0]"},
        {"layers=-4", "layers cannot be -4"},
        {"solver=l-bfgs;earlyStopping=true", "earlyStopping is for solver = 'adam'"},
        {"solver=gd;dropout=0.5", "dropout is for solver = 'adam'"},
        {"layers=[65536, 65536]", "more than 16 million weights"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(fit_code(set, cases[i].settings, &result, &error) != PENSTOCK_OK);
        if (strstr(error.message, cases[i].words) == NULL) {
            fail_msg("%s: %s", cases[i].settings, error.message);
        }
    }
    scene.target = (struct ps_target){.task = PS_TASK_BINARY, .class_count = 1};
    assert_int_equal(fit_code(set, "", &result, &error), PENSTOCK_INVALID_DATA);
    assert_non_null(strstr(error.message, "one class only"));
    rows_scene_done(&scene);
}

static void refuses_damaged_networks(void **state) {
    (void)state;
    static const struct {
        const char *members;
        bool is_good;
    } cases[] = {
        /* two zeros and a bias of 0 */
        {"\"activation\":\"relu\",\"layers\":[2,1],\"labelMean\":1,\"labelScale\":2,"
         "\"parameters\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"",
         true},
        {"\"activation\":\"relu\",\"layers\":[2,1],\"labelMean\":1,\"labelScale\":2,"
         "\"parameters\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"",
         false},
        {"\"activation\":\"relu\",\"layers\":[2,1],\"labelMean\":1,\"labelScale\":2,"
         "\"parameters\":\"AAAAAAAA8P8AAAAAAAAAAAAAAAAAAAAA\"",
         false}, /* infinity */
        {"\"activation\":\"relu\",\"layers\":[2,1],\"labelMean\":1,"
         "\"parameters\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"",
         false},
        {"\"activation\":\"relu\",\"layers\":[3,1],\"labelMean\":1,\"labelScale\":2,\"parameters\":\"\"",
         false},
        {"\"activation\":\"other\",\"layers\":[2,1],\"labelMean\":1,\"labelScale\":2,\"parameters\":\"\"",
         false},
        {"\"activation\":\"relu\",\"layers\":[2,0,1],\"labelMean\":1,\"labelScale\":2,\"parameters\":\"\"",
         false},
        {"\"activation\":\"relu\",\"layers\":[2,65536,65536,1],\"parameters\":\"\"", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[512];
        (void)snprintf(text, sizeof text, "{\"kind\":\"network\",\"task\":\"regression\",\"outputs\":1,%s}",
                       cases[i].members);
        yyjson_doc *doc = yyjson_read(text, strlen(text), 0);
        struct ps_predictor *predictor = NULL;
        struct penstock_error error = {0};
        const penstock_code code = ps_predictor_read(yyjson_doc_get_root(doc), 2, &predictor, &error);
        if (code != (cases[i].is_good ? PENSTOCK_OK : PENSTOCK_INVALID_DATA)) {
            fail_msg("%s: %s", cases[i].members, error.message);
        }
        ps_predictor_free(predictor);
        yyjson_doc_free(doc);
    }
}

static void runs_out_of_memory_cleanly(void **state) {
    (void)state;
    static const char *const ways[] = {"layers=[4];maxIter=2;earlyStopping=true;dropout=0.1",
                                       "layers=[4];maxIter=2;solver=l-bfgs"};
    struct rows_scene scene;
    make_surface(&scene, 300);
    const struct ps_training_set *set = rows_scene_set(&scene, PS_TASK_REGRESSION, 0, false, 1);
    struct ps_arena *arena = ps_arena_new(0);
    for (size_t w = 0; w < 2; w++) {
        const void *config = rows_scene_config(perceptron(), ways[w], arena);
        bool is_done = false;
        int64_t failed = 0;
        for (int64_t call = 1; !is_done; call++) {
            struct ps_fit_result result = {0};
            struct penstock_error error = {0};
            ps_memory_fail_at(call);
            const penstock_code code = perceptron()->fit(config, set, NULL, &result, &error);
            ps_memory_fail_at(0);
            is_done = code == PENSTOCK_OK;
            failed += is_done ? 0 : 1;
            assert_true(is_done || code == PENSTOCK_OUT_OF_MEMORY);
            ps_predictor_free(result.predictor);
        }
        assert_true(failed > 20);
    }
    ps_arena_free(arena);
    rows_scene_done(&scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_out_of_memory_cleanly),
        cmocka_unit_test(has_right_gradients),
        cmocka_unit_test(computes_exponentials),
        cmocka_unit_test(minimizes),
        cmocka_unit_test(deals_every_row_once),
        cmocka_unit_test(learns_xor),
        cmocka_unit_test(learns_spirals),
        cmocka_unit_test(learns_a_surface),
        cmocka_unit_test(gives_the_same_bits),
        cmocka_unit_test(stops_early),
        cmocka_unit_test(stops_when_asked),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(refuses_damaged_networks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
