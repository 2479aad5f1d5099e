/* SPDX-License-Identifier: Apache-2.0
 *
 * gate_test.c - what the gate lets through, what it refuses, and the sentences it says.
 */
#include "publish/gate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake_fitted.h"

#define ROW_COUNT 400

struct scene {
    struct ps_statement statement;
    struct ps_gate_condition conditions[4];
    struct ps_fitted fitted;
    double means[2];
    struct ps_search_cell cells[2];
    double labels[ROW_COUNT], predictions[ROW_COUNT], times[ROW_COUNT], champion[ROW_COUNT];
    struct ps_candidate candidate;
};

/* A candidate with rmse 11.75 beside 12.67 of the constant, and a champion that is worse by `champion_extra`. */
static void set(struct scene *scene, double champion_extra) {
    *scene = (struct scene){.fitted = {1.5, {0.5, -2.0}}};
    scene->statement.as.model.gate = scene->conditions;
    scene->cells[0] = (struct ps_search_cell){.mean = 13.0};
    scene->cells[1] = (struct ps_search_cell){.mean = 12.5};
    for (int row = 0; row < ROW_COUNT; row++) {
        scene->labels[row] = row % 2 == 0 ? 30.0 : -30.0;
        const double wrong = 11.75 + 3.0 * sin(row * 0.7);
        scene->predictions[row] = scene->labels[row] + wrong;
        scene->champion[row] = scene->labels[row] + wrong * (1.0 + champion_extra * (1.0 + 0.5 * sin(row)));
        scene->times[row] = row * 600.0;
    }
    scene->candidate = (struct ps_candidate){
        .statement = &scene->statement,
        .fitted = &scene->fitted,
        .cells = scene->cells,
        .cell_count = 2,
        .best = 1,
        .metric_name = "rmse",
        .training = {.row_count = 1000, .rmse = 12.0, .mse = 144.0, .r2 = 0.19, .mae = 9, .var = 30},
        .holdout =
            {.row_count = ROW_COUNT, .rmse = 11.75, .mse = 138.0625, .r2 = 0.129, .mae = 8.5, .var = 20},
        .baseline = {.row_count = ROW_COUNT, .rmse = 12.67, .mse = 160.5, .r2 = -0.01},
        .holdout_labels = scene->labels,
        .holdout_predictions = scene->predictions,
        .holdout_times = scene->times,
    };
}

static void without_holdout(struct scene *scene) {
    const struct ps_metrics none = {0};
    scene->candidate.holdout = none;
    scene->candidate.baseline = none;
}

static struct ps_gate_condition *ask(struct scene *scene, enum ps_gate_kind kind, const char *metric,
                                     const char *comparison, double value) {
    struct ps_gate_condition *condition = &scene->conditions[scene->statement.as.model.gate_count++];
    *condition = (struct ps_gate_condition){.kind = kind,
                                            .text = metric,
                                            .metric = kind == PS_GATE_LIMIT ? metric : NULL,
                                            .comparison = comparison,
                                            .value = value,
                                            .confidence = 0.95};
    return condition;
}

static penstock_code decide(const struct scene *scene, const double *champion, int64_t version,
                            struct ps_gate_report **report_out) {
    const struct ps_gate_question question = {
        .candidate = &scene->candidate, .champion_version = version, .champion_predictions = champion};
    return ps_gate_judge(&question, report_out, NULL);
}

static void expect(const struct scene *scene, const double *champion, int64_t version, bool passed,
                   const char *sentence) {
    struct ps_gate_report *report = NULL;
    assert_int_equal(decide(scene, champion, version, &report), PENSTOCK_OK);
    assert_string_equal(report->sentence, sentence);
    assert_int_equal(report->passed, passed);
    for (size_t i = 0; i < report->check_count; i++) {
        assert_true(report->checks[i].name[0] != '\0' && report->checks[i].sentence[0] != '\0');
    }
    ps_gate_report_free(report);
}

static void first_run(void **state) {
    struct scene scene;
    (void)state;
    set(&scene, 0);
    ask(&scene, PS_GATE_LIMIT, "rmse", "<=", 20);
    ask(&scene, PS_GATE_IMPROVEMENT, "improvement", ">=", 0.01);
    expect(
        &scene, NULL, 0, true,
        "passed: rmse 11.75 <= 20; 7.3% better than the constant mean; first version, there is no champion to beat");
    scene.conditions[0].value = 11;
    expect(&scene, NULL, 0, false, "refused: rmse 11.75 is not <= 11");
    scene.conditions[0] = (struct ps_gate_condition){.kind = PS_GATE_LIMIT,
                                                     .text = "FIRST RUN r2 > 0.1",
                                                     .metric = "r2",
                                                     .comparison = ">",
                                                     .value = 0.1,
                                                     .is_first_run = true};
    expect(
        &scene, NULL, 0, true,
        "passed: r2 0.129 > 0.1; 7.3% better than the constant mean; first version, there is no champion to beat");
    scene.conditions[0].value = 0.5;
    expect(&scene, NULL, 0, false, "refused: r2 0.129 is not > 0.5");
    expect(&scene, scene.champion, 1, false,
           "refused: improvement over champion version 1 is 0.0% (95% lower bound 0.0%), asked is 1%");
}

static void no_clause(void **state) {
    struct scene scene;
    (void)state;
    set(&scene, 0.1);
    expect(&scene, NULL, 0, true,
           "passed: 7.3% better than the constant mean; first version, there is no champion to beat");
    expect(
        &scene, scene.champion, 3, true,
        "passed: 7.3% better than the constant mean; improvement over champion version 3 is 9.2% (no improvement is asked)");
    scene.candidate.holdout.rmse = 12.67;
    expect(&scene, NULL, 0, false,
           "refused: not better than the constant mean: rmse 12.67, the constant's is 12.67");
    scene.candidate.holdout.rmse = (double)NAN;
    expect(&scene, NULL, 0, false,
           "refused: not better than the constant mean: rmse nan, the constant's is 12.67");
}

static void improvement(void **state) {
    struct scene scene;
    (void)state;
    set(&scene, 0.1);
    ask(&scene, PS_GATE_IMPROVEMENT, "improvement", ">=", 0.01);
    expect(
        &scene, scene.champion, 1, true,
        "passed: 7.3% better than the constant mean; improvement over champion version 1 is 9.2% (95% lower bound 9.0%), asked is 1%");
    scene.conditions[0].value = 0.15;
    expect(&scene, scene.champion, 1, false,
           "refused: improvement over champion version 1 is 9.2% (95% lower bound 9.0%), asked is 15%");
    scene.conditions[0].confidence = 0.5; /* the bound is the gain itself */
    expect(&scene, scene.champion, 1, false,
           "refused: improvement over champion version 1 is 9.2% (50% lower bound 9.2%), asked is 15%");
    set(&scene, -0.1); /* the champion is better */
    ask(&scene, PS_GATE_IMPROVEMENT, "improvement", ">=", 0.0);
    struct ps_gate_report *report = NULL;
    assert_int_equal(decide(&scene, scene.champion, 1, &report), PENSTOCK_OK);
    assert_false(report->passed);
    assert_true(report->checks[report->check_count - 1].value < -0.1);
    ps_gate_report_free(report);
    expect(
        &scene, NULL, 1, false,
        "refused: champion version 1 cannot predict any of the hold-out rows, so the two cannot be compared");
    for (int row = 1; row < ROW_COUNT; row++) {
        scene.champion[row] = (double)NAN;
    }
    expect(
        &scene, scene.champion, 1, false,
        "refused: improvement over champion version 1 is -11.1%, but 1 rows in 1 blocks, 399 rows that one of both cannot predict left out "
        "are too few for a confidence bound, asked is 0%");
}

static void no_holdout(void **state) {
    struct scene scene;
    (void)state;
    set(&scene, 0);
    without_holdout(&scene);
    ask(&scene, PS_GATE_LIMIT, "rmse", "<=", 20);
    expect(
        &scene, NULL, 0, true,
        "passed: rmse 12.5 <= 20 (cross-validated mean, no HOLDOUT); 6.2% better than the constant mean (no HOLDOUT: rmse 12.5 beside "
        "13.33, from cross-validation); first version, there is no champion to beat");
    scene.conditions[0].metric = "mae";
    scene.conditions[0].text = "mae <= 20";
    expect(&scene, NULL, 0, false,
           "refused: mae <= 20 cannot be checked: there is no HOLDOUT and the search measured rmse");
    scene.statement.as.model.gate_count = 0;
    ask(&scene, PS_GATE_IMPROVEMENT, "improvement", ">=", 0.01);
    expect(&scene, NULL, 2, false,
           "refused: improvement over champion version 2 cannot be measured: there is no HOLDOUT");
    scene.means[0] = 0;
    scene.cells[1].mean = 14.0;
    scene.statement.as.model.gate_count = 0;
    expect(
        &scene, NULL, 0, false,
        "refused: -5.0% better than the constant mean is not better (no HOLDOUT: rmse 14 beside 13.33, from cross-validation)");
}

static void coefficients_must_be_finite(void **state) {
    struct scene scene;
    (void)state;
    set(&scene, 0);
    scene.fitted.coefficients[1] = (double)INFINITY;
    expect(&scene, NULL, 0, false, "refused: 1 of 3 coefficients are not finite, first origin=JFK");
    scene.fitted.coefficients[1] = 1;
    scene.fitted.intercept = (double)NAN;
    expect(&scene, NULL, 0, false, "refused: 1 of 3 coefficients are not finite, first the intercept");
}

static void every_comparison_is_meant(void **state) {
    static const struct {
        const char *comparison;
        double limit;
        bool passes;
    } cases[] = {{"<=", 11.75, true}, {"<", 11.75, false}, {">=", 11.75, true}, {">", 11.75, false},
                 {"<", 12, true},     {">", 11, true},     {"=", 11.75, false}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scene scene;
        struct ps_gate_report *report = NULL;
        set(&scene, 0);
        ask(&scene, PS_GATE_LIMIT, "rmse", cases[i].comparison, cases[i].limit);
        assert_int_equal(decide(&scene, NULL, 0, &report), PENSTOCK_OK);
        assert_int_equal(report->passed, cases[i].passes);
        ps_gate_report_free(report);
    }
}

static void out_of_memory_is_an_error(void **state) {
    (void)state;
    struct scene scene;
    struct ps_gate_report *report = NULL;
    penstock_code code = PENSTOCK_OUT_OF_MEMORY;
    int64_t call = 0;
    set(&scene, 0.1);
    ask(&scene, PS_GATE_LIMIT, "rmse", "<=", 20);
    ask(&scene, PS_GATE_IMPROVEMENT, "improvement", ">=", 0.01);
    while (code != PENSTOCK_OK) {
        ps_memory_fail_at(++call);
        code = decide(&scene, scene.champion, 1, &report);
        ps_memory_fail_at(0);
        assert_true(code == PENSTOCK_OK || code == PENSTOCK_OUT_OF_MEMORY);
    }
    assert_true(call > 4 && report->passed);
    ps_gate_report_free(report);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_run),
        cmocka_unit_test(no_clause),
        cmocka_unit_test(improvement),
        cmocka_unit_test(no_holdout),
        cmocka_unit_test(coefficients_must_be_finite),
        cmocka_unit_test(every_comparison_is_meant),
        cmocka_unit_test(out_of_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
