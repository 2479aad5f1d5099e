/* SPDX-License-Identifier: Apache-2.0
 *
 * report_test.c - the report of a run: what a person must find in it, and that the JSON
 * form is JSON with the same numbers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "cli/report.h"
#include "publish/json.h"

static const char *const parameter_names[] = {"regParam", "elasticNetParam"};
static const double first_values[] = {0, 0.5}, second_values[] = {0.1, 0.5};
static const char *const first_texts[] = {"0", "0.5"}, *const second_texts[] = {"0.1", "0.5"};
static const double first_folds[] = {11.5, 12.5, 12.0}, second_folds[] = {10.5, 11.5, 11.0};

struct world {
    struct ps_arena *arena;
    struct ps_search_cell cells[2];
    struct ps_stage_time stage;
    struct ps_candidate candidate;
    struct ps_gate_check check;
    struct ps_gate_report gate;
    struct ps_model_outcome model;
    struct ps_run_report report;
    struct ps_output output;
};

static const char *const notes[] = {"feature x is constant: coefficient 0"};

static void fill_candidate(struct world *world) {
    world->cells[0] = (struct ps_search_cell){
        "LinearRegression", parameter_names, first_texts, first_values, 2, first_folds, 3, 12.0};
    world->cells[1] = (struct ps_search_cell){
        "LinearRegression", parameter_names, second_texts, second_values, 2, second_folds, 3, 11.0};
    world->stage = (struct ps_stage_time){"search: one scan", 5000000, 4000000, 2};
    world->candidate = (struct ps_candidate){
        .target = {.task = PS_TASK_REGRESSION},
        .cells = world->cells,
        .cell_count = 2,
        .best = 1,
        .metric_name = "rmse",
        .rows = {336776, 260000, 60000, 5000, 7},
        .training = {260000, 11, 121, 0.2, 8, 3},
        .holdout = {60000, 11.7529, 138.1, 0.1293, 8.1, 20},
        .baseline = {60000, 12.6736, 160.6, -0.01, 9.2, 0},
        .stages = &world->stage,
        .stage_count = 1,
        .notes = notes,
        .note_count = 1,
        .scan_count = 1,
    };
}

static int setup(void **state) {
    static const char *const names[] = {"source", "reason", "rule", "records"};
    static const char *const types[] = {"VARCHAR", "VARCHAR", "VARCHAR", "BIGINT"};
    static const char *const cells[] = {"departures", "late", NULL, "213"};
    struct world *const world = ps_allocate(1, sizeof *world);
    assert_non_null(world);
    world->arena = ps_arena_new(0);
    fill_candidate(world);
    world->check = (struct ps_gate_check){"rmse <= 20", 11.7529, 20, PS_VERDICT_PASSED, "rmse is 11.75"};
    world->gate = (struct ps_gate_report){.checks = &world->check,
                                          .check_count = 1,
                                          .passed = true,
                                          .sentence = "passed: rmse 11.75 is at most 20"};
    world->model = (struct ps_model_outcome){.name = "congestion",
                                             .version = 2,
                                             .champion_before = 1,
                                             .candidate = &world->candidate,
                                             .report = &world->gate,
                                             .sample_count = 1,
                                             .sample_labels = {28},
                                             .sample_predictions = {30.5}};
    struct ps_text_table *const letters = ps_table_new(world->arena, 4, names, types);
    assert_true(letters != NULL && ps_table_add(letters, cells));
    world->report = (struct ps_run_report){.application = "application_1795367732275_0001",
                                           .has_sources = true,
                                           .totals = {6, 336776, 319596, 17180, 64000000},
                                           .dead_letters = letters,
                                           .models = &world->model,
                                           .model_count = 1};
    ps_output_init(&world->output, -1);
    *state = world;
    return 0;
}

static int teardown(void **state) {
    struct world *const world = *state;
    ps_output_done(&world->output);
    ps_arena_free(world->arena);
    ps_release(world);
    return 0;
}

static void expect(const struct world *world, const char *text) {
    if (strstr(world->output.text.data, text) == NULL) {
        fail_msg("\"%s\" is not in\n%s", text, world->output.text.data);
    }
}

static void a_published_model(void **state) {
    struct world *const world = *state;
    ps_report_print(&world->output, &world->report, PS_FORMAT_TABLE, world->arena);
    static const char *const texts[] = {"336,776 (61.0 MiB, 6 epochs)",
                                        "319,596 rows of streaming tables",
                                        "dead letters   17,180",
                                        "departures  late    NULL      213",
                                        "2 parameter sets x 3 folds by rmse, 1 scan of the data",
                                        "regParam = 0.1, elasticNetParam = 0.5 (mean rmse 11.000000)",
                                        "rmse 11.7529, r2 0.1293, mae 8.1000 on 60,000 rows",
                                        "rmse 12.6736 on the same rows",
                                        "feature x is constant",
                                        "passed: rmse 11.75 is at most 20",
                                        "version 2 as congestion@champion; version 1 is congestion@previous",
                                        "30.500  true     28.000",
                                        "11.000000  *"};
    for (size_t index = 0; index < sizeof texts / sizeof *texts; index++) {
        expect(world, texts[index]);
    }
}

static void a_refused_model(void **state) {
    struct world *const world = *state;
    world->gate.passed = false;
    world->gate.sentence = "refused: rmse 11.75 is above 10";
    ps_report_print(&world->output, &world->report, PS_FORMAT_TABLE, world->arena);
    expect(world, "refused: rmse 11.75 is above 10");
    expect(world, "version 2 is kept without an alias; version 1 stays champion");
}

static void nothing_new(void **state) {
    struct world *const world = *state;
    world->report.totals = (struct ps_run_totals){0};
    world->model.is_skipped = true;
    world->model.version = 1;
    world->model.candidate = NULL;
    world->model.report = NULL;
    ps_report_print(&world->output, &world->report, PS_FORMAT_TABLE, world->arena);
    expect(world, "nothing new: 0 records");
    expect(world, "version 1 was trained at these positions");
}

static void json_is_json(void **state) {
    struct world *const world = *state;
    world->candidate.baseline.r2 = nan("");
    ps_report_print(&world->output, &world->report, PS_FORMAT_JSON, world->arena);
    yyjson_doc *document PS_SCOPED(ps_json_read_free_scoped) =
        ps_json_read(world->output.text.data, world->output.text.size);
    assert_non_null(document);
    yyjson_val *const root = yyjson_doc_get_root(document);
    assert_int_equal(yyjson_get_int(yyjson_obj_get(root, "records")), 336776);
    assert_int_equal(yyjson_get_int(yyjson_ptr_get(root, "/dead_letters/0/records")), 213);
    assert_true(yyjson_is_null(yyjson_ptr_get(root, "/dead_letters/0/rule")));
    assert_true(yyjson_is_null(yyjson_ptr_get(root, "/models/0/baseline/r2")));
    assert_string_equal(yyjson_get_str(yyjson_ptr_get(root, "/models/0/outcome")), "published");
    assert_string_equal(yyjson_get_str(yyjson_ptr_get(root, "/models/0/gate/checks/0/verdict")), "passed");
    assert_int_equal(yyjson_arr_size(yyjson_ptr_get(root, "/models/0/search/cells")), 2);
    assert_true(fabs(yyjson_get_num(yyjson_ptr_get(root, "/models/0/search/cells/1/folds/2")) - 11.0) <
                1e-12);
}

/* Estimators with parameters of their own, one of them a list; two classes. */
static void several_estimators(void **state) {
    struct world *const world = *state;
    static const char *const names[] = {"layers"}, *const texts[] = {"[16, 8]"},
                             *const classes[] = {"late", "on time"};
    static const double values[] = {(double)NAN};
    world->cells[1] =
        (struct ps_search_cell){"MultilayerPerceptron", names, texts, values, 1, second_folds, 3, 0.9};
    world->candidate.target = (struct ps_target){PS_TASK_BINARY, 2, classes, true};
    world->candidate.metric_name = "areaUnderROC";
    world->candidate.holdout = (struct ps_metrics){
        .row_count = 60000, .area_under_roc = 0.91, .area_under_pr = 0.8, .log_loss = 0.3, .accuracy = 0.88};
    world->model.sample_labels[0] = 1;
    world->model.sample_predictions[0] = 0;
    ps_report_print(&world->output, &world->report, PS_FORMAT_TABLE, world->arena);
    static const char *const expected[] = {
        "estimator             parameters                              fold 1",
        "MultilayerPerceptron  layers = [16, 8]",
        "LinearRegression      regParam = 0, elasticNetParam = 0.5",
        "MultilayerPerceptron: layers = [16, 8] (mean areaUnderROC 0.900000)",
        "areaUnderROC 0.9100, areaUnderPR 0.8000, logLoss 0.3000, accuracy 0.8800 on 60,000 rows",
        "late  true on time"};
    for (size_t index = 0; index < sizeof expected / sizeof *expected; index++) {
        expect(world, expected[index]);
    }
    ps_output_done(&world->output);
    ps_output_init(&world->output, -1);
    ps_report_print(&world->output, &world->report, PS_FORMAT_JSON, world->arena);
    yyjson_doc *document PS_SCOPED(ps_json_read_free_scoped) =
        ps_json_read(world->output.text.data, world->output.text.size);
    yyjson_val *const model = yyjson_ptr_get(yyjson_doc_get_root(document), "/models/0");
    assert_string_equal(yyjson_get_str(yyjson_ptr_get(model, "/search/cells/1/parameters/layers")),
                        "[16, 8]");
    assert_string_equal(yyjson_get_str(yyjson_ptr_get(model, "/search/cells/0/estimator")),
                        "LinearRegression");
    assert_string_equal(yyjson_get_str(yyjson_ptr_get(model, "/estimator")), "MultilayerPerceptron");
    assert_true(fabs(yyjson_get_num(yyjson_ptr_get(model, "/holdout/areaUnderROC")) - 0.91) < 1e-12);
    assert_null(yyjson_ptr_get(model, "/holdout/rmse"));
}

/* Of many cells the best are shown, the best first. */
static void a_large_search(void **state) {
    struct world *const world = *state;
    enum { COUNT = 500 };
    struct ps_search_cell *cells = ps_arena_allocate(world->arena, COUNT, sizeof *cells);
    for (size_t i = 0; i < COUNT; i++) {
        cells[i] = world->cells[0];
        cells[i].mean = 100 + (double)((i * 37) % COUNT);
        cells[i].mean = i == 7 ? (double)NAN : cells[i].mean;
    }
    world->candidate.cells = cells;
    world->candidate.cell_count = COUNT;
    world->candidate.best = 0;
    ps_report_print(&world->output, &world->report, PS_FORMAT_TABLE, world->arena);
    expect(world, "100.000000  *");
    expect(world, "119.000000");
    expect(world, "the best 20 of 500; --format json has all");
    assert_null(strstr(world->output.text.data, "120.000000"));
    assert_true(strstr(world->output.text.data, "100.000000") <
                strstr(world->output.text.data, "101.000000"));
}

static void csv_has_the_numbers(void **state) {
    struct world *const world = *state;
    ps_report_print(&world->output, &world->report, PS_FORMAT_CSV, world->arena);
    expect(world, "run,records,336776\n");
    expect(world, "model congestion,holdout_rmse,11.7529\n");
    expect(world, "model congestion,estimator,LinearRegression\n");
    expect(world, "model congestion,regParam,0.1\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_published_model, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refused_model, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_new, setup, teardown),
        cmocka_unit_test_setup_teardown(json_is_json, setup, teardown),
        cmocka_unit_test_setup_teardown(several_estimators, setup, teardown),
        cmocka_unit_test_setup_teardown(a_large_search, setup, teardown),
        cmocka_unit_test_setup_teardown(csv_has_the_numbers, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
