/* SPDX-License-Identifier: Apache-2.0
 *
 * splits_test.c - the metric of every fold beside scikit-learn's cross_val_score of the whole pipeline.
 *
 * splits.json (made by make_splits.py) holds for each case a model and the metrics of its folds, each stage fitted on
 * the rows that the fold trains on. Canary: the metrics of stages that were fitted once on all rows, which a leak
 * would give, are told from them in every case.
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
    must(ps_sql_runf(fixture->connection, &error,
                     "CREATE TABLE data AS SELECT *, row_number() OVER () - 1 AS row FROM read_csv('%s')",
                     path_of(fixture, "data.csv")),
         &error);
    struct ps_bytes text = {0};
    must(ps_file_read(path_of(fixture, "splits.json"), (size_t)1 << 20, fixture->arena, &text, &error),
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

static const char *text_of(yyjson_val *test, const char *name) {
    return yyjson_get_str(yyjson_obj_get(test, name));
}

static struct ps_candidate *train(struct fixture *fixture, yyjson_val *test) {
    struct penstock_error error = {0};
    struct ps_statement *statements = NULL;
    size_t count = 0;
    const char *text = ps_arena_printf(
        fixture->arena,
        "CREATE MODEL m TRANSFORM (%s) PREDICT y USING %s VALIDATE CrossValidator(numFolds = 3, foldCol = fold, "
        "metricName = '%s') AS SELECT %s, fold FROM data",
        text_of(test, "transforms"), text_of(test, "using"), text_of(test, "metric"),
        text_of(test, "select"));
    must(ps_statements_parse("splits.sql", text, strlen(text), NULL, 0, fixture->arena, &statements, &count,
                             &error),
         &error);
    const struct ps_node node = {
        .kind = PS_NODE_MODEL, .name = statements[0].name, .statement = &statements[0]};
    const struct ps_train_options options = {
        .node = &node, .connection = fixture->connection, .thread_count = 2, .memory_max = (int64_t)2 << 30};
    struct ps_candidate *candidate = NULL;
    must(ps_model_train(&options, &candidate, &error), &error);
    return candidate;
}

/* The largest difference of a fold. */
static double difference(const struct ps_search_cell *cell, yyjson_val *folds) {
    double largest = 0;
    assert_int_equal(cell->fold_count, yyjson_arr_size(folds));
    for (size_t i = 0; i < cell->fold_count; i++) {
        const double expected = yyjson_get_num(yyjson_arr_get(folds, i));
        largest = fmax(largest, fabs(cell->fold_metrics[i] - expected) / fmax(1, fabs(expected)));
    }
    return largest;
}

static void folds_are_scikit_learns(void **state) {
    struct fixture *fixture = *state;
    size_t index, count;
    yyjson_val *test;
    yyjson_arr_foreach(yyjson_obj_get(yyjson_doc_get_root(fixture->reference), "cases"), index, count, test) {
        struct ps_candidate *candidate = train(fixture, test);
        const double found = difference(&candidate->cells[0], yyjson_obj_get(test, "folds"));
        const double leaked = difference(&candidate->cells[0], yyjson_obj_get(test, "leaked"));
        const double tolerance = yyjson_get_num(yyjson_obj_get(test, "tolerance"));
        ps_candidate_free(candidate);
        if (!(found <= tolerance)) {
            fail_msg("%s: a fold is off by %g (fitted once: by %g)", text_of(test, "name"), found, leaked);
        }
        if (!(leaked > 4 * tolerance)) {
            fail_msg("%s: a stage that is fitted once could not be told", text_of(test, "name"));
        }
    }
    assert_true(count >= 9);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(folds_are_scikit_learns, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
