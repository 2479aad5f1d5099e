/* SPDX-License-Identifier: Apache-2.0
 *
 * gate.c - every condition of the GATE clause and the checks that are always on, each with its sentence.
 *
 * A condition that cannot be measured (no hold-out, no hour to compare) refuses: a gate that lets through what
 * it could not check is none. What does not apply (improvement on the first run, FIRST RUN afterwards) is
 * written down as such, so that the report always has a row for every condition that was asked.
 */
#include "publish/gate.h"

#include <math.h>
#include <stdio.h>

#include "base/check.h"
#include "publish/paired.h"

/* Sentences of a project's own numbers; a gate has a handful of conditions. */
#define ARENA_SIZE_MAX ((size_t)1 << 20)
#define SUMMARY_SIZE_MAX ((size_t)1 << 16)
#define CONFIDENCE_DEFAULT 0.95
/* finite, constant, improvement */
#define CHECK_COUNT_ALWAYS 3

struct gate {
    const struct ps_candidate *candidate;
    const double *champion_predictions;
    int64_t champion_version; /* 0: first run */
    struct ps_gate_report *report;
    struct ps_buffer passed, refused; /* the parts of the last sentence */
    bool failed;
};

enum telling { SILENT, TOLD };

/* Adds a check; TOLD ones are named when the gate passes, refused ones always. */
static void add(struct gate *gate, const char *name, double value, double limit, enum ps_verdict verdict,
                enum telling telling, const char *format, ...) PS_PRINTF(7, 8);
static void add(struct gate *gate, const char *name, double value, double limit, enum ps_verdict verdict,
                enum telling telling, const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    struct ps_gate_check *check = &gate->report->checks[gate->report->check_count++];
    check->name = ps_arena_copy(gate->report->arena, name);
    check->sentence = ps_arena_copy(gate->report->arena, text);
    check->value = value;
    check->limit = limit;
    check->verdict = verdict;
    gate->failed = gate->failed || check->name == NULL || check->sentence == NULL;
    if (verdict == PS_VERDICT_REFUSED) {
        ps_buffer_printf(&gate->refused, "%s%s", gate->refused.size == 0 ? "" : "; ", text);
    } else if (telling == TOLD) {
        ps_buffer_printf(&gate->passed, "%s%s", gate->passed.size == 0 ? "" : "; ", text);
    }
}

static enum ps_verdict verdict_of(bool passed) {
    return passed ? PS_VERDICT_PASSED : PS_VERDICT_REFUSED;
}

static bool holds(double value, const char *comparison, double limit) {
    if (strcmp(comparison, "<=") == 0) {
        return value <= limit;
    }
    if (strcmp(comparison, "<") == 0) {
        return value < limit;
    }
    if (strcmp(comparison, ">=") == 0) {
        return value >= limit;
    }
    return strcmp(comparison, ">") == 0 && value > limit;
}

static double metric_of(const struct ps_metrics *metrics, const char *name) {
    const struct {
        const char *name;
        double value;
    } known[] = {{"rmse", metrics->rmse},
                 {"mse", metrics->mse},
                 {"r2", metrics->r2},
                 {"mae", metrics->mae},
                 {"var", metrics->var}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (ps_text_equal_nocase(known[i].name, name)) {
            return known[i].value;
        }
    }
    return (double)NAN;
}

static bool has_holdout(const struct ps_candidate *candidate) {
    return candidate->holdout.row_count > 0;
}

static double search_mean(const struct ps_candidate *candidate) {
    return candidate->best < candidate->cell_count ? candidate->cells[candidate->best].mean : (double)NAN;
}

static void check_finite(struct gate *gate) {
    const struct ps_fitted *fitted = gate->candidate->fitted;
    const size_t count = ps_fitted_feature_count(fitted);
    size_t bad = 0;
    const char *first = NULL;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(ps_fitted_coefficient(fitted, i))) {
            first = first == NULL ? ps_fitted_feature_name(fitted, i) : first;
            bad++;
        }
    }
    if (!isfinite(ps_fitted_intercept(fitted))) {
        first = first == NULL ? "the intercept" : first;
        bad++;
    }
    if (bad == 0) {
        add(gate, "finite coefficients", 0, 0, PS_VERDICT_PASSED, SILENT,
            "all %zu coefficients and the intercept are finite", count);
    } else {
        add(gate, "finite coefficients", (double)bad, 0, PS_VERDICT_REFUSED, TOLD,
            "%zu of %zu coefficients are not finite, first %s", bad, count + 1, first);
    }
}

/* Without a hold-out the constant is measured on the training rows: its RMSE is the label's deviation. */
static void check_constant_without_holdout(struct gate *gate) {
    const struct ps_candidate *candidate = gate->candidate;
    const struct ps_metrics *training = &candidate->training;
    const double mean = search_mean(candidate);
    const double variance = training->r2 < 1.0 ? training->mse / (1.0 - training->r2) : training->var;
    double value = (double)NAN;
    if (ps_text_equal_nocase(candidate->metric_name, "rmse")) {
        value = mean;
    } else if (ps_text_equal_nocase(candidate->metric_name, "mse")) {
        value = sqrt(mean);
    } else if (ps_text_equal_nocase(candidate->metric_name, "r2")) {
        value = sqrt(fmax(0.0, 1.0 - mean) * variance);
    } else {
        value = training->rmse; /* mae and var cannot be turned into an RMSE */
    }
    const double limit = sqrt(variance);
    const bool passed = value < limit;
    add(gate, "better than the constant", value, limit, verdict_of(passed), TOLD,
        passed
            ? "%.1f%% better than the constant mean (no HOLDOUT: rmse %.4g beside %.4g, from cross-validation)"
            : "%.1f%% better than the constant mean is not better (no HOLDOUT: rmse %.4g beside "
              "%.4g, from cross-validation)",
        limit > 0 ? 100.0 * (1.0 - value / limit) : 0.0, value, limit);
}

static void check_constant(struct gate *gate) {
    const struct ps_candidate *candidate = gate->candidate;
    if (!has_holdout(candidate)) {
        check_constant_without_holdout(gate);
        return;
    }
    const double value = candidate->holdout.rmse;
    const double limit = candidate->baseline.rmse;
    if (value < limit) {
        add(gate, "better than the constant", value, limit, PS_VERDICT_PASSED, TOLD,
            "%.1f%% better than the constant mean", 100.0 * (1.0 - value / limit));
    } else {
        add(gate, "better than the constant", value, limit, PS_VERDICT_REFUSED, TOLD,
            "not better than the constant mean: rmse %.6g, the constant's is %.6g", value, limit);
    }
}

static void check_limit(struct gate *gate, const struct ps_gate_condition *condition) {
    const struct ps_candidate *candidate = gate->candidate;
    char name[128];
    (void)snprintf(name, sizeof name, "%s%s %s %.6g", condition->is_first_run ? "FIRST RUN " : "",
                   condition->metric, condition->comparison, condition->value);
    if (condition->is_first_run && gate->champion_version > 0) {
        add(gate, name, (double)NAN, condition->value, PS_VERDICT_NOT_APPLICABLE, SILENT,
            "%s applies to the first run only, the champion is version %lld", name,
            (long long)gate->champion_version);
        return;
    }
    const char *from = "";
    double value = metric_of(&candidate->holdout, condition->metric);
    if (!has_holdout(candidate)) {
        if (!ps_text_equal_nocase(condition->metric, candidate->metric_name)) {
            add(gate, name, (double)NAN, condition->value, PS_VERDICT_REFUSED, TOLD,
                "%s cannot be checked: there is no HOLDOUT and the search measured %s", condition->metric,
                candidate->metric_name);
            return;
        }
        value = search_mean(candidate);
        from = " (cross-validated mean, no HOLDOUT)";
    }
    const bool passed = holds(value, condition->comparison, condition->value);
    add(gate, name, value, condition->value, verdict_of(passed), TOLD, "%s %.4g%s %s %.6g%s",
        condition->metric, value, passed ? "" : " is not", condition->comparison, condition->value, from);
}

/* "version 1 (1,204 rows ...)": how the comparison was made, for its sentence. */
static void describe_blocks(const struct ps_paired *paired, char *text, size_t size) {
    const char *kind = paired->is_hourly ? "hours" : "blocks";
    if (paired->left_out > 0) {
        (void)snprintf(text, size, "%lld rows in %lld %s, %lld rows that one of both cannot predict left out",
                       (long long)paired->row_count, (long long)paired->block_count, kind,
                       (long long)paired->left_out);
    } else {
        (void)snprintf(text, size, "%lld rows in %lld %s", (long long)paired->row_count,
                       (long long)paired->block_count, kind);
    }
}

static void tell_improvement(struct gate *gate, const struct ps_gate_condition *condition, const char *name,
                             const struct ps_paired *paired, double confidence) {
    const long long version = (long long)gate->champion_version;
    char blocks[160];
    describe_blocks(paired, blocks, sizeof blocks);
    if (paired->row_count == 0) {
        add(gate, name, (double)NAN, condition == NULL ? (double)NAN : condition->value,
            condition == NULL ? PS_VERDICT_NOT_APPLICABLE : PS_VERDICT_REFUSED, TOLD,
            "champion version %lld cannot predict any of the hold-out rows, so the two cannot be compared",
            version);
        return;
    }
    if (condition == NULL) {
        add(gate, name, paired->gain, (double)NAN, PS_VERDICT_NOT_APPLICABLE, TOLD,
            "improvement over champion version %lld is %.1f%% (no improvement is asked)", version,
            100.0 * paired->gain);
        return;
    }
    const double asked = 100.0 * condition->value;
    if (!paired->has_bound) {
        add(gate, name, (double)NAN, condition->value, PS_VERDICT_REFUSED, TOLD,
            "improvement over champion version %lld is %.1f%%, but %s are too few for a confidence bound, "
            "asked is %.4g%%",
            version, 100.0 * paired->gain, blocks, asked);
        return;
    }
    const bool passed = holds(paired->lower_bound, condition->comparison, condition->value);
    add(gate, name, paired->lower_bound, condition->value, verdict_of(passed), TOLD,
        "improvement over champion version %lld is %.1f%% (%.4g%% lower bound %.1f%%), asked is %.4g%%%s%s%s",
        version, 100.0 * paired->gain, 100.0 * confidence, 100.0 * paired->lower_bound, asked,
        paired->left_out > 0 ? " (" : "", paired->left_out > 0 ? blocks : "",
        paired->left_out > 0 ? ")" : "");
}

/* `condition` NULL: no improvement is asked, the number is told all the same. */
static penstock_code check_improvement(struct gate *gate, const struct ps_gate_condition *condition,
                                       struct penstock_error *error) {
    const struct ps_candidate *candidate = gate->candidate;
    char name[128];
    if (condition == NULL) {
        (void)snprintf(name, sizeof name, "improvement");
    } else {
        (void)snprintf(name, sizeof name, "%simprovement %s %.6g PERCENT",
                       condition->is_first_run ? "FIRST RUN " : "", condition->comparison,
                       100.0 * condition->value);
    }
    const double limit = condition == NULL ? (double)NAN : condition->value;
    if (gate->champion_version == 0) {
        add(gate, name, (double)NAN, limit, PS_VERDICT_NOT_APPLICABLE, TOLD,
            "first version, there is no champion to beat");
        return PENSTOCK_OK;
    }
    if (condition != NULL && condition->is_first_run) {
        add(gate, name, (double)NAN, limit, PS_VERDICT_NOT_APPLICABLE, SILENT,
            "%s applies to the first run only", name);
        return PENSTOCK_OK;
    }
    if (!has_holdout(candidate)) {
        add(gate, name, (double)NAN, limit,
            condition == NULL ? PS_VERDICT_NOT_APPLICABLE : PS_VERDICT_REFUSED,
            condition == NULL ? SILENT : TOLD,
            "improvement over champion version %lld cannot be measured: there is no HOLDOUT",
            (long long)gate->champion_version);
        return PENSTOCK_OK;
    }
    const struct ps_paired_rows rows = {
        candidate->holdout_labels, candidate->holdout_predictions, gate->champion_predictions,
        candidate->holdout_times, gate->champion_predictions == NULL ? 0 : candidate->holdout.row_count};
    double confidence = condition == NULL ? CONFIDENCE_DEFAULT : condition->confidence;
    confidence = confidence > 0.0 && confidence < 1.0 ? confidence : CONFIDENCE_DEFAULT;
    struct ps_paired paired;
    PS_TRY(ps_paired_compare(&rows, confidence, &paired, error));
    tell_improvement(gate, condition, name, &paired, confidence);
    return PENSTOCK_OK;
}

static penstock_code check_all(struct gate *gate, struct penstock_error *error) {
    const struct ps_model_statement *model = &gate->candidate->statement->as.model;
    bool has_improvement = false;
    check_finite(gate);
    for (size_t i = 0; i < model->gate_count; i++) {
        if (model->gate[i].kind == PS_GATE_LIMIT) {
            check_limit(gate, &model->gate[i]);
        }
    }
    check_constant(gate);
    for (size_t i = 0; i < model->gate_count; i++) {
        if (model->gate[i].kind == PS_GATE_IMPROVEMENT) {
            PS_TRY(check_improvement(gate, &model->gate[i], error));
            has_improvement = true;
        }
    }
    return has_improvement ? PENSTOCK_OK : check_improvement(gate, NULL, error);
}

static penstock_code finish(struct gate *gate, struct penstock_error *error) {
    struct ps_gate_report *report = gate->report;
    report->passed = true;
    for (size_t i = 0; i < report->check_count; i++) {
        report->passed = report->passed && report->checks[i].verdict != PS_VERDICT_REFUSED;
    }
    PS_TRY(ps_buffer_status(&gate->passed, error));
    PS_TRY(ps_buffer_status(&gate->refused, error));
    report->sentence = report->passed ? ps_arena_printf(report->arena, "passed: %s", gate->passed.data)
                                      : ps_arena_printf(report->arena, "refused: %s", gate->refused.data);
    return gate->failed || report->sentence == NULL ? ps_error_memory(error, "gate report") : PENSTOCK_OK;
}

static penstock_code decide(struct gate *gate, struct penstock_error *error) {
    PS_TRY(check_all(gate, error));
    return finish(gate, error);
}

penstock_code ps_gate_decide(const struct ps_candidate *candidate, const double *champion_predictions,
                             int64_t champion_version, struct ps_gate_report **report_out,
                             struct penstock_error *error) {
    struct ps_arena *arena = ps_arena_new(ARENA_SIZE_MAX);
    if (arena == NULL) {
        return ps_error_memory(error, "gate report");
    }
    struct ps_gate_report *report = ps_arena_allocate(arena, 1, sizeof *report);
    const size_t count_max = candidate->statement->as.model.gate_count + CHECK_COUNT_ALWAYS;
    if (report != NULL) {
        report->arena = arena;
        report->checks = ps_arena_allocate(arena, count_max, sizeof *report->checks);
    }
    if (report == NULL || report->checks == NULL) {
        ps_arena_free(arena);
        return ps_error_memory(error, "gate report");
    }
    struct gate gate = {.candidate = candidate,
                        .champion_predictions = champion_predictions,
                        .champion_version = champion_version,
                        .report = report};
    ps_buffer_init(&gate.passed, SUMMARY_SIZE_MAX);
    ps_buffer_init(&gate.refused, SUMMARY_SIZE_MAX);
    const penstock_code code = decide(&gate, error);
    ps_buffer_done(&gate.passed);
    ps_buffer_done(&gate.refused);
    if (code != PENSTOCK_OK) {
        ps_arena_free(arena);
        return code;
    }
    *report_out = report;
    return PENSTOCK_OK;
}

void ps_gate_report_free(struct ps_gate_report *report) {
    if (report != NULL) {
        ps_arena_free(report->arena);
    }
}
