/* SPDX-License-Identifier: Apache-2.0
 *
 * gate_checks_test.c - the gate's checks beyond limits and improvement: rows, missing values, label, fit, parity,
 * slices, drift, other metrics. Each is seen to pass, to refuse, and to say what it does not know.
 */
#include "publish/gate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake_fitted.h"
#include "model/sample.h"
#include "model/slices.h"

#define ROW_COUNT 1000

struct scene {
    struct ps_statement statement;
    struct ps_gate_condition conditions[4];
    struct ps_fitted fitted;
    struct ps_search_cell cell;
    double labels[ROW_COUNT], predictions[ROW_COUNT], champion[ROW_COUNT], times[ROW_COUNT];
    int32_t indexes[ROW_COUNT];
    struct ps_slice_column slice;
    struct ps_slices slices;
    struct ps_candidate candidate;
};

/* Training rows with a label about `mean`, of which one in `missing_every` has no distance (0: none). */
static struct ps_sample *training(int row_count, double mean, int missing_every) {
    static const char *const names[] = {"distance", "label"};
    static const bool is_text[] = {false, false};
    struct ps_sample *sample = NULL;
    assert_int_equal(ps_sample_new(2, names, is_text, PS_SAMPLE_ROWS, &sample, NULL), PENSTOCK_OK);
    for (int row = 0; row < row_count; row++) {
        const bool is_missing = missing_every > 0 && row % missing_every == 0;
        const double distance = is_missing ? (double)NAN : row * 7 % 100;
        const double label = mean + row % 21 - 10;
        const struct ps_sample_input inputs[] = {{&distance, NULL, 0}, {&label, NULL, 1}};
        assert_int_equal(ps_sample_add(sample, NULL, inputs, 1, NULL), PENSTOCK_OK);
    }
    ps_sample_finish(sample);
    return sample;
}

static void set(struct scene *scene) {
    *scene = (struct scene){.fitted = {1.0 / 3, {0.1, -2.0}}, .cell = {.mean = 1}};
    scene->statement.as.model.gate = scene->conditions;
    scene->candidate = (struct ps_candidate){
        .statement = &scene->statement,
        .fitted = &scene->fitted,
        .target = {.task = PS_TASK_REGRESSION},
        .cells = &scene->cell,
        .cell_count = 1,
        .metric_name = "rmse",
        .rows = {.training = 2000},
        .holdout = {.row_count = ROW_COUNT, .rmse = 1},
        .baseline = {.row_count = ROW_COUNT, .rmse = 2},
        .holdout_labels = scene->labels,
        .holdout_predictions = scene->predictions,
        .holdout_times = scene->times,
    };
    for (int row = 0; row < ROW_COUNT; row++) {
        scene->predictions[row] = 1 + 0.3 * sin(row * 0.7);
        scene->champion[row] = 1.05 * (1 + 0.3 * sin(row * 0.7)) + 0.05 * sin(row * 1.3);
        scene->times[row] = row * 600.0;
    }
}

static void done(struct scene *scene) {
    ps_sample_free(scene->candidate.training_sample);
    ps_sample_free(scene->candidate.holdout_sample);
    ps_dictionary_free(scene->slice.values);
}

static struct ps_gate_condition *ask(struct scene *scene, enum ps_gate_kind kind, const char *comparison,
                                     double value) {
    struct ps_gate_condition *condition = &scene->conditions[scene->statement.as.model.gate_count++];
    *condition = (struct ps_gate_condition){.kind = kind,
                                            .text = "asked",
                                            .comparison = comparison,
                                            .value = value,
                                            .confidence = 0.95,
                                            .row_count_min = 100};
    return condition;
}

static struct ps_gate_report *judge(const struct scene *scene, int64_t version, const char *profile) {
    struct ps_gate_report *report = NULL;
    const struct ps_gate_question question = {.candidate = &scene->candidate,
                                              .champion_version = version,
                                              .champion_predictions = version > 0 ? scene->champion : NULL,
                                              .champion_profile = profile,
                                              .past_profiles = &profile,
                                              .past_count = profile == NULL ? 0 : 1};
    struct penstock_error error;
    if (ps_gate_judge(&question, &report, &error) != PENSTOCK_OK) {
        fail_msg("%s", error.message);
    }
    return report;
}

static void expect(const struct scene *scene, int64_t version, const char *profile, const char *name,
                   enum ps_verdict verdict, const char *sentence) {
    struct ps_gate_report *report = judge(scene, version, profile);
    const struct ps_gate_check *found = NULL;
    for (size_t i = 0; i < report->check_count; i++) {
        found = strcmp(report->checks[i].name, name) == 0 ? &report->checks[i] : found;
    }
    if (found == NULL) {
        fail_msg("no check %s", name);
        return;
    }
    if (found->verdict != verdict || strstr(found->sentence, sentence) == NULL) {
        fail_msg("%s: %s: %s", name, ps_verdict_name(found->verdict), found->sentence);
    }
    assert_int_equal(report->passed, verdict != PS_VERDICT_REFUSED);
    ps_gate_report_free(report);
}

static bool has_check(const struct scene *scene, const char *name) {
    struct ps_gate_report *report = judge(scene, 0, NULL);
    bool found = false;
    for (size_t i = 0; i < report->check_count; i++) {
        found = found || strcmp(report->checks[i].name, name) == 0;
    }
    ps_gate_report_free(report);
    return found;
}

/* The profile of a run with 2,000 rows and a label about 50, as it is stored. */
static char *past_profile(void) {
    struct scene scene;
    set(&scene);
    scene.candidate.training_sample = training(2000, 50, 100);
    struct ps_gate_report *report = judge(&scene, 0, NULL);
    char *profile = ps_duplicate(report->profile);
    ps_gate_report_free(report);
    done(&scene);
    return profile;
}

static void rows_are_compared_with_the_last_runs(void **state) {
    struct scene scene;
    char *profile = past_profile();
    (void)state;
    set(&scene);
    scene.candidate.training_sample = training(1500, 50, 100);
    expect(&scene, 1, profile, "rows DROP", PS_VERDICT_PASSED, "1500 training rows beside 2000");
    ask(&scene, PS_GATE_ROWS_DROP, "<=", 0.2);
    expect(&scene, 1, profile, "asked", PS_VERDICT_REFUSED, "25.0% fewer, allowed are 20%");
    expect(&scene, 0, NULL, "asked", PS_VERDICT_NOT_APPLICABLE, "no version before");
    scene.statement.as.model.gate_count = 0;
    ask(&scene, PS_GATE_ROWS, ">=", 1501);
    expect(&scene, 0, NULL, "asked", PS_VERDICT_REFUSED, "1500 training rows are not >= 1501");
    scene.conditions[0].is_first_run = true;
    expect(&scene, 1, profile, "asked", PS_VERDICT_NOT_APPLICABLE, "first run only");
    done(&scene);
    set(&scene);
    scene.candidate.training_sample = training(900, 50, 100);
    expect(&scene, 1, profile, "rows DROP", PS_VERDICT_REFUSED, "900 training rows are too few beside 2000");
    done(&scene);
    ps_release(profile);
}

static void missing_values_are_seen(void **state) {
    struct scene scene;
    char *profile = past_profile();
    (void)state;
    set(&scene);
    scene.candidate.training_sample = training(2000, 50, 5);
    expect(&scene, 1, profile, "nulls RISE", PS_VERDICT_REFUSED,
           "distance is missing in 20.00% of the training rows, was in 1.00%");
    ask(&scene, PS_GATE_NULLS_RISE, "<=", 0.3);
    expect(&scene, 1, profile, "asked", PS_VERDICT_PASSED, "allowed is a rise by 30%");
    ask(&scene, PS_GATE_NULLS, "<=", 0.05)->text = "nulls";
    expect(&scene, 1, profile, "nulls", PS_VERDICT_REFUSED, "missing in 20.00%");
    scene.conditions[1].column = "label";
    expect(&scene, 1, profile, "nulls", PS_VERDICT_PASSED, "label is missing in 0.00%");
    scene.conditions[1].column = "other";
    expect(&scene, 1, profile, "nulls", PS_VERDICT_REFUSED, "does not read this column");
    done(&scene);
    ps_release(profile);
}

static void the_label_is_watched(void **state) {
    struct scene scene;
    char *profile = past_profile();
    (void)state;
    set(&scene);
    scene.candidate.training_sample = training(2000, 54, 100);
    ask(&scene, PS_GATE_LABEL_OUTSIDE, "<=", 0.5)->text = "outside";
    expect(&scene, 1, profile, "label SHIFT", PS_VERDICT_PASSED, "moved by 0.66 standard deviations");
    scene.statement.as.model.gate_count = 0;
    expect(&scene, 1, profile, "label OUTSIDE", PS_VERDICT_REFUSED, "lie outside of 40 to 60");
    ask(&scene, PS_GATE_LABEL_OUTSIDE, "<=", 0.5)->text = "outside";
    ask(&scene, PS_GATE_LABEL_SHIFT, "<=", 0.5);
    expect(&scene, 1, profile, "asked", PS_VERDICT_REFUSED, "allowed are 0.5");
    scene.conditions[1] =
        (struct ps_gate_condition){.kind = PS_GATE_LABEL, .text = "label", .comparison = "<=", .value = 60};
    expect(&scene, 1, profile, "label", PS_VERDICT_REFUSED, "the largest label 64 is not <= 60");
    done(&scene);
    ps_release(profile);
}

static void the_fit_must_stand_on_firm_ground(void **state) {
    struct scene scene;
    (void)state;
    set(&scene);
    scene.candidate.sanity = (struct ps_fit_sanity){.has_rank = true,
                                                    .rank = 3,
                                                    .varying_count = 4,
                                                    .condition = (double)INFINITY,
                                                    .has_convergence = true};
    expect(&scene, 0, NULL, "rank", PS_VERDICT_WARNED, "rank 3 of 4");
    scene.fitted.lacks_coefficients = true; /* trees have none that could be ambiguous */
    assert_false(has_check(&scene, "rank") || has_check(&scene, "condition"));
    scene.fitted.lacks_coefficients = false;
    assert_true(has_check(&scene, "rank") && has_check(&scene, "condition"));
    expect(&scene, 0, NULL, "converged", PS_VERDICT_WARNED, "reached maxIter");
    ask(&scene, PS_GATE_FULL_RANK, NULL, 0);
    expect(&scene, 0, NULL, "asked", PS_VERDICT_REFUSED, "rank 3 of 4");
    scene.conditions[0].kind = PS_GATE_CONVERGED;
    expect(&scene, 0, NULL, "converged", PS_VERDICT_REFUSED, "reached maxIter");
    scene.candidate.sanity.condition = 40;
    scene.conditions[0] = (struct ps_gate_condition){
        .kind = PS_GATE_CONDITION, .text = "asked", .comparison = "<=", .value = 30};
    expect(&scene, 0, NULL, "asked", PS_VERDICT_REFUSED, "condition number 40 is not <= 30");
    scene.candidate.sanity.has_rank = false;
    expect(&scene, 0, NULL, "asked", PS_VERDICT_REFUSED, "is not known");
    scene.statement.as.model.gate_count = 0;
    scene.predictions[7] = (double)NAN;
    expect(&scene, 0, NULL, "finite predictions", PS_VERDICT_REFUSED, "1 of 1000");
}

/* What was scored, by the model as it is; serving reads it back from its JSON. */
static struct ps_sample *scored(const struct ps_fitted *fitted) {
    static const char *const names[] = {"distance", "penstock_prediction"};
    static const bool is_text[] = {false, false};
    struct ps_sample *sample = NULL;
    assert_int_equal(ps_sample_new(2, names, is_text, PS_SAMPLE_ROWS, &sample, NULL), PENSTOCK_OK);
    for (int row = 0; row < 3000; row++) {
        const double distance = row * 1.1;
        const double prediction = fitted->intercept + fitted->coefficients[0] * distance;
        const struct ps_sample_input inputs[] = {{&distance, NULL, 0}, {&prediction, NULL, 1}};
        assert_int_equal(ps_sample_add(sample, NULL, inputs, 1, NULL), PENSTOCK_OK);
    }
    return sample;
}

static void serving_must_give_what_was_scored(void **state) {
    struct scene scene;
    (void)state;
    set(&scene);
    scene.candidate.holdout_sample = scored(&scene.fitted);
    expect(&scene, 0, NULL, "parity", PS_VERDICT_PASSED,
           "the same bits as scoring did on 1000 hold-out rows");
    scene.fitted.is_lossy = true; /* the canary: a writer that drops the last digits */
    expect(&scene, 0, NULL, "parity", PS_VERDICT_REFUSED, "hold-out rows otherwise than scoring did");
    done(&scene);
}

static void slice_rows(struct scene *scene) {
    struct penstock_error error;
    scene->slice.name = "origin";
    scene->slice.indexes = scene->indexes;
    scene->slices = (struct ps_slices){&scene->slice, 1};
    scene->candidate.slices = &scene->slices;
    assert_int_equal(ps_dictionary_new(100, &scene->slice.values, &error), PENSTOCK_OK);
    static const char *const names[] = {"EWR", "JFK", "LGA", "HPN"};
    for (int i = 0; i < 4; i++) {
        int32_t index = 0;
        assert_int_equal(ps_dictionary_add(scene->slice.values, ps_bytes_of(names[i]), &index, &error),
                         PENSTOCK_OK);
    }
    for (int row = 0; row < ROW_COUNT; row++) {
        scene->indexes[row] = row % 50 == 0 ? 3 : row % 97 == 0 ? PS_SLICE_NULL : row % 3;
    }
}

static void a_slice_must_not_pay_for_the_rest(void **state) {
    struct scene scene;
    (void)state;
    set(&scene);
    slice_rows(&scene);
    ask(&scene, PS_GATE_SLICE, "<=", 0.05)->column = "origin";
    expect(&scene, 0, NULL, "asked", PS_VERDICT_NOT_APPLICABLE, "no champion to compare");
    expect(&scene, 1, NULL, "asked", PS_VERDICT_PASSED,
           "2 values with fewer than 100 rows are pooled as others");
    for (int row = 0; row < ROW_COUNT; row++) {
        scene.predictions[row] *= scene.indexes[row] == 1 ? 1.4 : 1.0;
    }
    expect(&scene, 1, NULL, "asked", PS_VERDICT_REFUSED,
           "1 of 4 slices by origin is worse than champion version 1 by more than 5%: JFK is ");
    scene.conditions[0].value = 0.6;
    expect(&scene, 1, NULL, "asked", PS_VERDICT_PASSED, "nearest: JFK");
    scene.conditions[0].column = "tail";
    expect(&scene, 1, NULL, "asked", PS_VERDICT_REFUSED, "no such column");
    done(&scene);
}

static void not_worse_is_enough_when_asked(void **state) {
    struct scene scene;
    (void)state;
    set(&scene);
    for (int row = 0; row < ROW_COUNT; row++) { /* about 1 percent worse */
        scene.champion[row] = scene.predictions[row] / 1.01 + 0.01 * sin(row * 1.3);
    }
    ask(&scene, PS_GATE_NON_INFERIORITY, "<=", 0.02);
    expect(&scene, 1, NULL, "asked", PS_VERDICT_PASSED, "worse than champion version 1");
    scene.conditions[0].value = 0.005;
    expect(&scene, 1, NULL, "asked", PS_VERDICT_REFUSED, "allowed is 0.5% worse");
    expect(&scene, 0, NULL, "asked", PS_VERDICT_NOT_APPLICABLE, "no champion to beat");
    scene.conditions[0] = (struct ps_gate_condition){.kind = PS_GATE_IMPROVEMENT,
                                                     .text = "asked",
                                                     .metric = "mae",
                                                     .comparison = ">=",
                                                     .value = 0,
                                                     .confidence = 0.95};
    expect(&scene, 1, NULL, "asked", PS_VERDICT_REFUSED, "improvement over champion version 1 in mae is -1.");
}

static void classes_are_compared_in_log_loss(void **state) {
    static double probabilities[ROW_COUNT * 2], champion[ROW_COUNT * 2];
    struct scene scene;
    (void)state;
    set(&scene);
    scene.candidate.target = (struct ps_target){.task = PS_TASK_BINARY, .class_count = 2};
    scene.candidate.holdout.log_loss = 0.4;
    scene.candidate.baseline.log_loss = 0.6;
    scene.candidate.holdout_probabilities = probabilities;
    for (int row = 0; row < ROW_COUNT; row++) {
        scene.labels[row] = row % 2;
        const double sure = 0.8 + 0.1 * sin(row);
        probabilities[2 * row + row % 2] = sure;
        probabilities[2 * row + 1 - row % 2] = 1 - sure;
        champion[2 * row + row % 2] = sure - 0.1;
        champion[2 * row + 1 - row % 2] = 1.1 - sure;
    }
    ask(&scene, PS_GATE_IMPROVEMENT, ">=", 0.1);
    struct ps_gate_report *report = NULL;
    struct ps_gate_question question = {
        .candidate = &scene.candidate, .champion_version = 1, .champion_predictions = champion};
    assert_int_equal(ps_gate_judge(&question, &report, NULL), PENSTOCK_OK);
    assert_true(report->passed);
    assert_non_null(strstr(report->sentence, "33.3% better than the constant class frequencies"));
    ps_gate_report_free(report);
    question.champion_predictions = probabilities;
    assert_int_equal(ps_gate_judge(&question, &report, NULL), PENSTOCK_OK);
    assert_false(report->passed);
    ps_gate_report_free(report);
}

static void drift_warns_unless_it_is_asked_for(void **state) {
    struct scene scene;
    char *profile = past_profile();
    (void)state;
    set(&scene);
    scene.candidate.training_sample = training(2000, 50, 100);
    expect(&scene, 1, profile, "drift of training rows", PS_VERDICT_PASSED, "none of 1 features has drifted");
    ps_sample_free(scene.candidate.training_sample);
    scene.candidate.training_sample = training(2000, 50, 10);
    expect(&scene, 1, profile, "drift of training rows", PS_VERDICT_WARNED, "1 of 1 features has drifted");
    ask(&scene, PS_GATE_DRIFT, "<=", 0.01);
    expect(&scene, 1, profile, "asked, training rows", PS_VERDICT_REFUSED, "distance PSI");
    expect(&scene, 1, NULL, "asked", PS_VERDICT_REFUSED, "the rows of the champion are not known");
    expect(&scene, 0, NULL, "asked", PS_VERDICT_NOT_APPLICABLE, "first version");
    done(&scene);
    ps_release(profile);
}

static void out_of_memory_is_an_error(void **state) {
    struct scene scene;
    char *profile = past_profile();
    penstock_code code = PENSTOCK_OUT_OF_MEMORY;
    struct ps_gate_report *report = NULL;
    (void)state;
    set(&scene);
    scene.candidate.training_sample = training(500, 50, 100);
    scene.candidate.holdout_sample = scored(&scene.fitted);
    slice_rows(&scene);
    ask(&scene, PS_GATE_SLICE, "<=", 0.05)->column = "origin";
    const char *profiles = profile;
    const struct ps_gate_question question = {.candidate = &scene.candidate,
                                              .champion_version = 1,
                                              .champion_predictions = scene.champion,
                                              .champion_profile = profile,
                                              .past_profiles = &profiles,
                                              .past_count = 1};
    for (int64_t call = 1; code != PENSTOCK_OK; call++) {
        ps_memory_fail_at(call);
        code = ps_gate_judge(&question, &report, NULL);
        ps_memory_fail_at(0);
        assert_true(code == PENSTOCK_OK || code == PENSTOCK_OUT_OF_MEMORY);
    }
    ps_gate_report_free(report);
    done(&scene);
    ps_release(profile);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_compared_with_the_last_runs),
        cmocka_unit_test(missing_values_are_seen),
        cmocka_unit_test(the_label_is_watched),
        cmocka_unit_test(the_fit_must_stand_on_firm_ground),
        cmocka_unit_test(serving_must_give_what_was_scored),
        cmocka_unit_test(a_slice_must_not_pay_for_the_rest),
        cmocka_unit_test(not_worse_is_enough_when_asked),
        cmocka_unit_test(classes_are_compared_in_log_loss),
        cmocka_unit_test(drift_warns_unless_it_is_asked_for),
        cmocka_unit_test(out_of_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
