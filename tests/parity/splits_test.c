/* SPDX-License-Identifier: Apache-2.0
 *
 * splits_test.c - the metric of every fold beside scikit-learn's cross_val_score of the whole pipeline.
 *
 * splits.json (made by make_splits.py) holds for each case a model and the metrics of its folds, each stage fitted on
 * the rows that the fold trains on. Canary: the metrics of stages that were fitted once on all rows, which a leak
 * would give, are told from them in every case.
 */
#include <math.h>

#include "scene.h"

static int setup(void **state) {
    return scene_open(state, "splits.json", "*, row_number() OVER () - 1 AS row");
}

static const char *text_of(yyjson_val *test, const char *name) {
    return yyjson_get_str(yyjson_obj_get(test, name));
}

static struct ps_candidate *train(struct scene *scene, yyjson_val *test) {
    struct penstock_error error = {0};
    struct ps_statement *statements = NULL;
    size_t count = 0;
    const char *text = ps_arena_printf(
        scene->arena,
        "CREATE MODEL m TRANSFORM (%s) PREDICT y USING %s VALIDATE CrossValidator(numFolds = 3, foldCol = fold, "
        "metricName = '%s') AS SELECT %s, fold FROM data",
        text_of(test, "transforms"), text_of(test, "using"), text_of(test, "metric"),
        text_of(test, "select"));
    must(ps_statements_parse("splits.sql", text, strlen(text), NULL, 0, scene->arena, &statements, &count,
                             &error),
         &error);
    const struct ps_node node = {
        .kind = PS_NODE_MODEL, .name = statements[0].name, .statement = &statements[0]};
    const struct ps_train_options options = {
        .node = &node, .connection = scene->connection, .thread_count = 2, .memory_max = (int64_t)2 << 30};
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
    struct scene *scene = *state;
    size_t index, count;
    yyjson_val *test;
    yyjson_arr_foreach(yyjson_obj_get(yyjson_doc_get_root(scene->reference), "cases"), index, count, test) {
        struct ps_candidate *candidate = train(scene, test);
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
        cmocka_unit_test_setup_teardown(folds_are_scikit_learns, setup, scene_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
