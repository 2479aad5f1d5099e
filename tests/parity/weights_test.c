/* SPDX-License-Identifier: Apache-2.0
 *
 * weights_test.c - weightCol, offsetCol, threshold and thresholds beside Spark ML.
 *
 * weights.json (made by make_weights.py) holds for each case a CREATE MODEL statement and what Spark found:
 * coefficients, the mean metric of a cross-validation, or the class of each row. Canaries: the same statement without
 * its weights, offset or thresholds must differ.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>
#include <yyjson.h>

#include "base/file.h"
#include "model/predictor.h"
#include "model/train.h"

/* Sizes of a, b, c, d: rounding and stopping early are seen beside what a feature does. */
static const double sizes[] = {3, 2, 200, 6};

#define TOLERANCE 1e-5

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
    must(ps_sql_runf(fixture->connection, &error, "CREATE TABLE data AS FROM read_csv('%s')",
                     path_of(fixture, "data.csv")),
         &error);
    struct ps_bytes text = {0};
    must(ps_file_read(path_of(fixture, "weights.json"), (size_t)64 << 20, fixture->arena, &text, &error),
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

static struct ps_candidate *train(struct fixture *fixture, const char *statement) {
    struct penstock_error error = {0};
    struct ps_statement *statements = NULL;
    size_t count = 0;
    must(ps_statements_parse("reference.sql", statement, strlen(statement), NULL, 0, fixture->arena,
                             &statements, &count, &error),
         &error);
    const struct ps_node node = {
        .kind = PS_NODE_MODEL, .name = statements[0].name, .statement = &statements[0]};
    const struct ps_train_options options = {.node = &node,
                                             .connection = fixture->connection,
                                             .thread_count = 2,
                                             .memory_max = (int64_t)512 << 20};
    struct ps_candidate *candidate = NULL;
    must(ps_model_train(&options, &candidate, &error), &error);
    return candidate;
}

static double number_at(yyjson_val *list, size_t row, size_t column) {
    yyjson_val *item = yyjson_arr_get(list, row);
    return yyjson_get_num(yyjson_is_arr(item) ? yyjson_arr_get(item, column) : item);
}

/* The worst difference of coefficients and intercepts, beside the largest effect. An offset is one more feature. */
static double coefficient_distance(const struct ps_candidate *candidate, yyjson_val *item) {
    const struct ps_linear_predictor *linear =
        (const struct ps_linear_predictor *)(const void *)ps_fitted_predictor(candidate->fitted);
    yyjson_val *coefficients = yyjson_obj_get(item, "coefficients");
    yyjson_val *intercepts = yyjson_obj_get(item, "intercepts");
    const size_t width = linear->predictor.feature_count;
    assert_int_equal(yyjson_arr_size(coefficients), linear->sum_count);
    assert_int_equal(width, yyjson_get_bool(yyjson_obj_get(item, "offset")) ? 5 : 4);
    double largest = 1e-3, worst = width == 5 ? fabs(linear->coefficients[4] - 1) : 0;
    for (size_t k = 0; k < linear->sum_count; k++) {
        for (size_t j = 0; j < 4; j++) {
            const double wanted = number_at(coefficients, k, j);
            largest = fmax(largest, fabs(wanted) * sizes[j]);
            worst = fmax(worst, fabs(linear->coefficients[k * width + j] - wanted) * sizes[j]);
        }
        /* an intercept moves with a's coefficient, whose mean is 50 */
        worst = fmax(worst, fabs(linear->intercepts[k] - number_at(intercepts, k, 0)) * 3 / 50);
    }
    return worst / largest;
}

/* The share of rows whose class is another. */
static double class_distance(struct fixture *fixture, const struct ps_candidate *candidate,
                             yyjson_val *item) {
    struct penstock_error error = {0};
    struct ps_result *result = NULL;
    const char *classes = yyjson_get_str(yyjson_obj_get(item, "classes"));
    must(ps_sql_query(fixture->connection, "SELECT a, b, c, d FROM data", &result, &error), &error);
    const int64_t rows = ps_result_row_count(result);
    assert_int_equal((int64_t)strlen(classes), rows);
    double differences = 0;
    for (int64_t i = 0; i < rows; i++) {
        double numbers[4], prediction = 0;
        struct ps_input_column columns[4] = {{0}};
        for (size_t j = 0; j < 4; j++) {
            assert_true(ps_parse_double(ps_result_text(result, i, (int64_t)j), &numbers[j]));
            columns[j].numbers = &numbers[j];
        }
        must(ps_fitted_predict(candidate->fitted, columns, 1, &prediction, &error), &error);
        differences += (int)prediction == classes[i] - '0' ? 0 : 1;
    }
    ps_result_free(result);
    return differences / (double)rows;
}

static double distance(struct fixture *fixture, yyjson_val *item, const char *statement) {
    struct ps_candidate *candidate = train(fixture, statement);
    yyjson_val *metric = yyjson_obj_get(item, "metric");
    double found = 0;
    if (metric != NULL) {
        found = fabs(candidate->cells[0].mean - yyjson_get_num(metric)) / fabs(yyjson_get_num(metric));
    } else if (yyjson_obj_get(item, "classes") != NULL) {
        found = class_distance(fixture, candidate, item);
    } else {
        found = coefficient_distance(candidate, item);
    }
    ps_candidate_free(candidate);
    return found;
}

static void agrees_with_spark(void **state) {
    struct fixture *fixture = *state;
    size_t differences = 0;
    size_t index, count;
    yyjson_val *item;
    yyjson_arr_foreach(yyjson_obj_get(yyjson_doc_get_root(fixture->reference), "cases"), index, count, item) {
        const double found = distance(fixture, item, yyjson_get_str(yyjson_obj_get(item, "statement")));
        if (!(found <= TOLERANCE)) {
            print_error("%s: %.2g\n", yyjson_get_str(yyjson_obj_get(item, "name")), found);
            differences++;
        }
    }
    assert_true(count > 40);
    assert_int_equal(differences, 0);
}

/* The statement's weights become ones, or its thresholds are not there: the numbers must be others. */
static void sees_what_is_missing(void **state) {
    struct fixture *fixture = *state;
    size_t index, count, seen = 0;
    yyjson_val *item;
    yyjson_arr_foreach(yyjson_obj_get(yyjson_doc_get_root(fixture->reference), "cases"), index, count, item) {
        char *statement = ps_arena_copy(fixture->arena, yyjson_get_str(yyjson_obj_get(item, "statement")));
        char *weight = strstr(statement, "0.5 + c / 100");
        char *thresholds = strstr(statement, "thresholds = [0.5, 0.2, 0.3]");
        if (weight != NULL) {
            memcpy(weight, "0.5 + 0 / 100", 13);
        } else if (thresholds != NULL) {
            memcpy(thresholds, "thresholds = [0.3, 0.3, 0.3]", 28);
        } else {
            continue;
        }
        if (!(distance(fixture, item, statement) > TOLERANCE)) {
            fail_msg("%s: nothing is seen", yyjson_get_str(yyjson_obj_get(item, "name")));
        }
        seen++;
    }
    assert_true(seen > 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_spark),
        cmocka_unit_test(sees_what_is_missing),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
