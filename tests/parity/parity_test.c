/* SPDX-License-Identifier: Apache-2.0
 *
 * parity_test.c - models trained here beside the same models trained by real Spark ML and scikit-learn.
 *
 * reference.json (made by make_reference.py) holds for each case a CREATE MODEL statement, the metric of every
 * fold and cell, the best cell, coefficients by feature name and the intercept. Each statement is parsed and
 * trained by the real code on the same rows, with 1 and with 3 threads, which must agree to the bit. A canary
 * changes a number of the reference and must be noticed.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>
#include <yyjson.h>

#include "base/file.h"
#include "model/train.h"

struct fixture {
    struct ps_arena *arena;
    struct ps_engine *engine;
    struct ps_connection *connection;
    yyjson_doc *reference;
};

static void must(penstock_code code, const struct penstock_error *error) {
    if (code != PENSTOCK_OK) {
        fail_msg("%s: %s | %s | %s", ps_error_code_name(code), error->message, error->detail, error->hint);
    }
}

static const char *path_of(struct fixture *fixture, const char *name) {
    const char *root = getenv("PENSTOCK_SOURCE_ROOT");
    return ps_arena_printf(fixture->arena, "%s/tests/parity/%s", root != NULL ? root : ".", name);
}

static int setup(void **state) {
    struct penstock_error error = {0};
    struct fixture *fixture = ps_allocate(1, sizeof *fixture);
    fixture->arena = ps_arena_new(0);
    const struct ps_engine_options options = {.thread_count = 2};
    must(ps_engine_open(&options, &fixture->engine, &error), &error);
    must(ps_connection_open(fixture->engine, &fixture->connection, &error), &error);
    static const char *const tables[] = {"data", "flights"};
    for (size_t i = 0; i < 2; i++) {
        const char *file = ps_arena_printf(fixture->arena, "%s.csv", tables[i]);
        must(ps_sql_runf(fixture->connection, &error, "CREATE TABLE %s AS FROM read_csv('%s')", tables[i],
                         path_of(fixture, file)),
             &error);
    }
    struct ps_bytes text = {0};
    must(ps_file_read(path_of(fixture, "reference.json"), (size_t)64 << 20, fixture->arena, &text, &error),
         &error);
    fixture->reference = yyjson_read(text.data, text.size, 0);
    assert_non_null(fixture->reference);
    *state = fixture;
    return 0;
}

static int teardown(void **state) {
    struct fixture *fixture = *state;
    yyjson_doc_free(fixture->reference);
    ps_connection_close(fixture->connection);
    ps_engine_close(fixture->engine);
    ps_arena_free(fixture->arena);
    ps_release(fixture);
    return 0;
}

static struct ps_candidate *train(struct fixture *fixture, const char *statement, int64_t threads) {
    struct penstock_error error = {0};
    struct ps_statement *statements = NULL;
    size_t count = 0;
    must(ps_statements_parse("reference.sql", statement, strlen(statement), NULL, 0, fixture->arena,
                             &statements, &count, &error),
         &error);
    assert_int_equal(count, 1);
    const struct ps_node node = {
        .kind = PS_NODE_MODEL, .name = statements[0].name, .statement = &statements[0]};
    const struct ps_train_options options = {.node = &node,
                                             .connection = fixture->connection,
                                             .thread_count = threads,
                                             .memory_max = (int64_t)512 << 20};
    struct ps_candidate *candidate = NULL;
    must(ps_model_train(&options, &candidate, &error), &error);
    return candidate;
}

/* Relative, but nothing is asked of digits below `floor`. */
static bool is_near(double found, double expected, double tolerance, double floor) {
    return fabs(found - expected) <= tolerance * fmax(fabs(expected), floor);
}

struct comparison {
    const char *name;
    double tolerance;
    size_t differences;
    double worst;
};

static void compare(struct comparison *comparison, const char *what, double found, double expected,
                    double floor) {
    const double difference = fabs(found - expected) / fmax(fabs(expected), floor);
    comparison->worst = fmax(comparison->worst, difference);
    if (!is_near(found, expected, comparison->tolerance, floor)) {
        comparison->differences++;
        print_error("%s: %s: %.15g, but Spark has %.15g (%.1e)\n", comparison->name, what, found, expected,
                    difference);
    }
}

static bool compares(yyjson_val *item, const char *what) {
    size_t index, count;
    yyjson_val *value;
    yyjson_arr_foreach(yyjson_obj_get(item, "compares"), index, count, value) {
        if (yyjson_equals_str(value, what)) {
            return true;
        }
    }
    return false;
}

static void compare_metrics(struct comparison *comparison, yyjson_val *item,
                            const struct ps_candidate *candidate) {
    yyjson_val *folds = yyjson_obj_get(item, "folds");
    assert_int_equal(yyjson_arr_size(folds), candidate->cell_count);
    for (size_t cell = 0; cell < candidate->cell_count; cell++) {
        yyjson_val *row = yyjson_arr_get(folds, cell);
        assert_int_equal(yyjson_arr_size(row), candidate->cells[cell].fold_count);
        for (size_t fold = 0; fold < candidate->cells[cell].fold_count; fold++) {
            char what[64];
            (void)snprintf(what, sizeof what, "cell %zu fold %zu", cell, fold);
            compare(comparison, what, candidate->cells[cell].fold_metrics[fold],
                    yyjson_get_num(yyjson_arr_get(row, fold)), 1e-3);
        }
        compare(comparison, "mean", candidate->cells[cell].mean,
                yyjson_get_num(yyjson_arr_get(yyjson_obj_get(item, "means"), cell)), 1e-3);
    }
    assert_int_equal(candidate->best, yyjson_get_uint(yyjson_obj_get(item, "best")));
}

/* Spark keeps columns of zeros where penstock has no feature: their weight there is 0 or meaningless. */
static void compare_coefficients(struct comparison *comparison, yyjson_val *item,
                                 const struct ps_candidate *candidate) {
    const struct ps_fitted *fitted = candidate->fitted;
    yyjson_val *expected = yyjson_obj_get(item, "coefficients");
    double largest = 0;
    size_t index, count;
    yyjson_val *key, *value;
    yyjson_obj_foreach(expected, index, count, key, value) {
        largest = fmax(largest, fabs(yyjson_get_num(value)));
    }
    for (size_t i = 0; i < ps_fitted_feature_count(fitted); i++) {
        yyjson_val *number = yyjson_obj_get(expected, ps_fitted_feature_name(fitted, i));
        if (number == NULL) {
            comparison->differences++;
            print_error("%s: Spark has no feature %s\n", comparison->name, ps_fitted_feature_name(fitted, i));
            continue;
        }
        compare(comparison, ps_fitted_feature_name(fitted, i), ps_fitted_coefficient(fitted, i),
                yyjson_get_num(number), 1e-3 * largest);
    }
    compare(comparison, "intercept", ps_fitted_intercept(fitted),
            yyjson_get_num(yyjson_obj_get(item, "intercept")), 1);
}

static size_t compare_case(struct fixture *fixture, yyjson_val *item, double shift) {
    struct comparison comparison = {.name = yyjson_get_str(yyjson_obj_get(item, "name")),
                                    .tolerance = yyjson_get_num(yyjson_obj_get(item, "tolerance"))};
    struct ps_candidate *candidate = train(fixture, yyjson_get_str(yyjson_obj_get(item, "statement")), 1);
    if (compares(item, "metrics")) {
        compare_metrics(&comparison, item, candidate);
        compare(&comparison, "canary", candidate->cells[0].mean * (1 + shift), candidate->cells[0].mean, 0);
    }
    if (compares(item, "coefficients")) {
        compare_coefficients(&comparison, item, candidate);
    }
    const bool needs_rows = strcmp(candidate->metric_name, "mae") == 0;
    bool refits = false;
    for (size_t i = 0; i < candidate->stage_count; i++) {
        refits = refits || strstr(candidate->stages[i].name, "transforms of each split") != NULL;
    }
    if (!refits) { /* one scan for the whole search; stages that are fitted anew for each split have their own */
        assert_int_equal(candidate->scan_count, needs_rows ? 2 : 1);
    }
    ps_candidate_free(candidate);
    print_message("%-45s worst relative difference %.1e\n", comparison.name, comparison.worst);
    return comparison.differences;
}

static void agrees_with_spark(void **state) {
    struct fixture *fixture = *state;
    size_t differences = 0;
    size_t index, count;
    yyjson_val *item;
    yyjson_arr_foreach(yyjson_obj_get(yyjson_doc_get_root(fixture->reference), "cases"), index, count, item) {
        differences += compare_case(fixture, item, 0);
    }
    assert_int_equal(differences, 0);
}

static void canary_is_noticed(void **state) {
    struct fixture *fixture = *state;
    yyjson_val *item = yyjson_arr_get(yyjson_obj_get(yyjson_doc_get_root(fixture->reference), "cases"), 0);
    assert_int_equal(compare_case(fixture, item, 1e-6), 1);
}

static void same_bits_on_any_threads(void **state) {
    struct fixture *fixture = *state;
    size_t index, count;
    yyjson_val *item;
    yyjson_arr_foreach(yyjson_obj_get(yyjson_doc_get_root(fixture->reference), "cases"), index, count, item) {
        struct ps_buffer texts[2];
        for (size_t i = 0; i < 2; i++) {
            struct penstock_error error = {0};
            struct ps_candidate *candidate =
                train(fixture, yyjson_get_str(yyjson_obj_get(item, "statement")), i == 0 ? 1 : 3);
            ps_buffer_init(&texts[i], (size_t)16 << 20);
            must(ps_fitted_to_json(candidate->fitted, &texts[i], &error), &error);
            ps_candidate_free(candidate);
        }
        assert_string_equal(texts[0].data, texts[1].data);
        ps_buffer_done(&texts[0]);
        ps_buffer_done(&texts[1]);
    }
}

static double coefficient(const struct ps_fitted *fitted, const char *name) {
    for (size_t i = 0; i < ps_fitted_feature_count(fitted); i++) {
        if (strcmp(ps_fitted_feature_name(fitted, i), name) == 0) {
            return ps_fitted_coefficient(fitted, i);
        }
    }
    return (double)NAN;
}

/* 1/2n |y - xb - b0|^2 + alpha l1_ratio |b|_1 + alpha (1 - l1_ratio)/2 |b|^2 over table `data`. */
static double objective(struct fixture *fixture, yyjson_val *item, const double *weights, double intercept) {
    struct penstock_error error = {0};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    must(ps_sql_query(fixture->connection, "SELECT a, b, c, d, y FROM data", &result, &error), &error);
    long double sum = 0;
    const int64_t rows = ps_result_row_count(result);
    for (int64_t row = 0; row < rows; row++) {
        long double residual = (long double)ps_result_double(result, row, 4) - (long double)intercept;
        for (int column = 0; column < 4; column++) {
            residual -= (long double)ps_result_double(result, row, column) * (long double)weights[column];
        }
        sum += residual * residual;
    }
    const double alpha = yyjson_get_num(yyjson_obj_get(item, "alpha"));
    const double share = yyjson_get_num(yyjson_obj_get(item, "l1_ratio"));
    double penalty = 0;
    for (size_t i = 0; i < 4; i++) {
        penalty += alpha * share * fabs(weights[i]) + alpha * (1 - share) / 2 * weights[i] * weights[i];
    }
    return (double)(sum / (2 * (long double)rows)) + penalty;
}

static void compare_sklearn(struct fixture *fixture, yyjson_val *item, size_t *objectives) {
    static const char *const names[] = {"a", "b", "c", "d"};
    const char *name = yyjson_get_str(yyjson_obj_get(item, "name"));
    struct ps_candidate *candidate =
        train(fixture,
              ps_arena_printf(
                  fixture->arena,
                  "CREATE MODEL m PREDICT y USING LinearRegression(%s) AS SELECT a, b, c, d, y FROM data",
                  yyjson_get_str(yyjson_obj_get(item, "using"))),
              2);
    double own[4], theirs[4];
    for (size_t i = 0; i < 4; i++) {
        own[i] = coefficient(candidate->fitted, names[i]);
        theirs[i] = yyjson_get_num(yyjson_obj_get(yyjson_obj_get(item, "coefficients"), names[i]));
        if (!is_near(own[i], theirs[i], 1e-9, 1e-4)) {
            fail_msg("%s: %s is %.17g, scikit-learn has %.17g", name, names[i], own[i], theirs[i]);
        }
    }
    yyjson_val *intercept = yyjson_obj_get(item, "intercept");
    if (yyjson_is_num(intercept)) {
        assert_true(is_near(ps_fitted_intercept(candidate->fitted), yyjson_get_num(intercept), 1e-9, 1));
    }
    if (yyjson_obj_get(item, "alpha") !=
        NULL) { /* never above scikit-learn's, but for the rounding of the sum */
        const double ours = objective(fixture, item, own, ps_fitted_intercept(candidate->fitted));
        const double other = objective(fixture, item, theirs, yyjson_get_num(intercept));
        if (!(ours <= other * (1 + 1e-15))) {
            fail_msg("%s: the objective is %.17g, scikit-learn's %.17g", name, ours, other);
        }
        own[0] += 1e-6; /* the canary */
        assert_true(objective(fixture, item, own, ps_fitted_intercept(candidate->fitted)) >
                    other * (1 + 1e-15));
        (*objectives)++;
    }
    ps_candidate_free(candidate);
}

static void agrees_with_scikit_learn(void **state) {
    struct fixture *fixture = *state;
    size_t index, count, objectives = 0;
    yyjson_val *item;
    yyjson_arr_foreach(yyjson_obj_get(yyjson_doc_get_root(fixture->reference), "sklearn"), index, count,
                       item) {
        compare_sklearn(fixture, item, &objectives);
    }
    assert_int_equal(count, 20);
    assert_int_equal(objectives, 13);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_spark),
        cmocka_unit_test(canary_is_noticed),
        cmocka_unit_test(same_bits_on_any_threads),
        cmocka_unit_test(agrees_with_scikit_learn),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
