/* SPDX-License-Identifier: Apache-2.0
 *
 * gate.c - one decision: all checks in order, the verdict, its sentence, and what is stored of it.
 *
 * What does not apply (improvement on the first run, FIRST RUN afterwards) is written down as such, so that the report
 * always has a row for every condition that was asked.
 */
#include <math.h>
#include <stdio.h>

#include "base/check.h"
#include "publish/gate_parts.h"
#include "publish/json.h"

/* Sentences and profiles of a project's own columns. */
#define ARENA_SIZE_MAX ((size_t)64 << 20)
#define SUMMARY_SIZE_MAX ((size_t)1 << 20)
#define DETAILS_SIZE_MAX ((size_t)64 << 20)
/* Checks that are made without being asked for. */
#define CHECK_COUNT_ALWAYS 16

const char *ps_verdict_name(enum ps_verdict verdict) {
    switch (verdict) {
    case PS_VERDICT_PASSED: return "passed";
    case PS_VERDICT_REFUSED: return "refused";
    case PS_VERDICT_NOT_APPLICABLE: return "not applicable";
    case PS_VERDICT_WARNED: return "warning";
    }
    return "refused";
}

penstock_code ps_gate_add(struct ps_gate *gate, struct penstock_error *error, const char *name, double value,
                          double limit, enum ps_verdict verdict, enum ps_telling telling, const char *format,
                          ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    ps_check(gate->report->check_count < gate->check_capacity);
    struct ps_gate_check *check = &gate->report->checks[gate->report->check_count++];
    check->name = ps_arena_copy(gate->report->arena, name);
    check->sentence = ps_arena_copy(gate->report->arena, text);
    check->value = value;
    check->limit = limit;
    check->verdict = verdict;
    if (check->name == NULL || check->sentence == NULL) {
        return ps_error_memory(error, "gate report");
    }
    if (verdict == PS_VERDICT_REFUSED) {
        ps_buffer_printf(&gate->refused, "%s%s", gate->refused.size == 0 ? "" : "; ", text);
    } else if (verdict == PS_VERDICT_WARNED && telling == PS_GATE_TOLD) {
        ps_buffer_printf(&gate->warned, "; warning: %s", text);
    } else if (telling == PS_GATE_TOLD) {
        ps_buffer_printf(&gate->passed, "%s%s", gate->passed.size == 0 ? "" : "; ", text);
    }
    return PENSTOCK_OK;
}

penstock_code ps_gate_add_unmeasured(struct ps_gate *gate, const struct ps_gate_condition *condition,
                                     const char *because, struct penstock_error *error) {
    return ps_gate_add(gate, error, condition->text, (double)NAN, condition->value, PS_VERDICT_REFUSED,
                       PS_GATE_TOLD, "%s cannot be checked: %s", condition->text, because);
}

enum ps_verdict ps_gate_verdict(bool passed) {
    return passed ? PS_VERDICT_PASSED : PS_VERDICT_REFUSED;
}

bool ps_gate_holds(double value, const char *comparison, double limit) {
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

bool ps_gate_is_first_run(const struct ps_gate *gate) {
    return gate->question->champion_version == 0;
}

bool ps_gate_has_holdout(const struct ps_gate *gate) {
    return gate->candidate->holdout.row_count > 0;
}

bool ps_gate_has_classes(const struct ps_gate *gate) {
    return (gate->candidate->target.task & PS_TASK_CLASSES) != 0;
}

const struct ps_gate_condition *ps_gate_find(const struct ps_gate *gate, enum ps_gate_kind kind) {
    for (size_t i = 0; i < gate->model->gate_count; i++) {
        if (gate->model->gate[i].kind == kind) {
            return &gate->model->gate[i];
        }
    }
    return NULL;
}

const struct ps_loss_metric *ps_gate_loss(const struct ps_gate *gate,
                                          const struct ps_gate_condition *condition) {
    const struct ps_loss_metric *asked =
        condition != NULL && condition->metric != NULL ? ps_loss_find(condition->metric) : NULL;
    return asked != NULL ? asked : ps_loss_of(gate->candidate->target.task, gate->candidate->metric_name);
}

static penstock_code check_all(struct ps_gate *gate, struct penstock_error *error) {
    PS_TRY(ps_gate_check_data(gate, error));
    PS_TRY(ps_gate_check_fit(gate, error));
    PS_TRY(ps_gate_check_parity(gate, error));
    for (size_t i = 0; i < gate->model->gate_count; i++) {
        if (gate->model->gate[i].kind == PS_GATE_LIMIT) {
            PS_TRY(ps_gate_check_limit(gate, &gate->model->gate[i], error));
        }
    }
    PS_TRY(ps_gate_check_constant(gate, error));
    PS_TRY(ps_gate_check_drift(gate, error));
    for (size_t i = 0; i < gate->model->gate_count; i++) {
        if (gate->model->gate[i].kind == PS_GATE_SLICE) {
            PS_TRY(ps_gate_check_slices(gate, &gate->model->gate[i], error));
        }
    }
    return ps_gate_check_champion(gate, error);
}

/* A stored profile that cannot be read is one that is not there: the checks that need it say so. */
static penstock_code read_profile(struct ps_gate *gate, const char *json, struct ps_profile *profile_out,
                                  bool *has_out, struct penstock_error *error) {
    struct penstock_error reason;
    *has_out = false;
    if (json == NULL) {
        return PENSTOCK_OK;
    }
    const penstock_code code = ps_profile_read(json, gate->report->arena, profile_out, &reason);
    *has_out = code == PENSTOCK_OK;
    if (code == PENSTOCK_OUT_OF_MEMORY && error != NULL) {
        *error = reason;
    }
    return code == PENSTOCK_OUT_OF_MEMORY ? code : PENSTOCK_OK;
}

static penstock_code open_profiles(struct ps_gate *gate, struct penstock_error *error) {
    const struct ps_gate_question *question = gate->question;
    const struct ps_candidate *candidate = gate->candidate;
    gate->past = ps_arena_allocate(gate->report->arena, question->past_count + 1, sizeof *gate->past);
    if (gate->past == NULL) {
        return ps_error_memory(error, "gate report");
    }
    for (size_t i = 0; i < question->past_count; i++) {
        bool has = false;
        PS_TRY(read_profile(gate, question->past_profiles[i], &gate->past[gate->past_count], &has, error));
        gate->past_count += has;
    }
    PS_TRY(read_profile(gate, question->champion_profile, &gate->champion_profile,
                        &gate->has_champion_profile, error));
    gate->has_profile = candidate->training_sample != NULL;
    if (!gate->has_profile) {
        return PENSTOCK_OK;
    }
    PS_TRY(ps_profile_of_sample(candidate->training_sample, gate->report->arena, &gate->profile, error));
    gate->profile.training_count = candidate->training_sample->row_count;
    gate->profile.holdout_count = candidate->holdout.row_count;
    for (int64_t i = 0; candidate->holdout_times != NULL && i < candidate->holdout.row_count; i++) {
        const double time = candidate->holdout_times[i];
        if (isfinite(time) && !(time <= gate->profile.time_last)) {
            gate->profile.time_last = time;
        }
    }
    return PENSTOCK_OK;
}

static penstock_code finish(struct ps_gate *gate, struct penstock_error *error) {
    struct ps_gate_report *report = gate->report;
    report->passed = true;
    for (size_t i = 0; i < report->check_count; i++) {
        report->passed = report->passed && report->checks[i].verdict != PS_VERDICT_REFUSED;
    }
    PS_TRY(ps_buffer_status(&gate->passed, error));
    PS_TRY(ps_buffer_status(&gate->warned, error));
    PS_TRY(ps_buffer_status(&gate->refused, error));
    report->sentence = report->passed ? ps_arena_printf(report->arena, "passed: %s%s", gate->passed.data,
                                                        gate->warned.size > 0 ? gate->warned.data : "")
                                      : ps_arena_printf(report->arena, "refused: %s", gate->refused.data);
    if (report->sentence == NULL) {
        return ps_error_memory(error, "gate report");
    }
    if (!gate->has_profile) {
        return PENSTOCK_OK;
    }
    struct ps_buffer json PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&json, DETAILS_SIZE_MAX);
    ps_profile_write(&gate->profile, gate->details, yyjson_mut_doc_get_root(gate->details));
    PS_TRY(ps_json_write(gate->details, false, &json, error));
    PS_TRY(ps_buffer_status(&json, error));
    report->profile = ps_arena_copy(report->arena, json.data);
    return report->profile == NULL ? ps_error_memory(error, "gate report") : PENSTOCK_OK;
}

static penstock_code decide(struct ps_gate *gate, struct penstock_error *error) {
    PS_TRY(open_profiles(gate, error));
    PS_TRY(ps_gate_add_curves(gate, error));
    PS_TRY(check_all(gate, error));
    return finish(gate, error);
}

penstock_code ps_gate_judge(const struct ps_gate_question *question, struct ps_gate_report **report_out,
                            struct penstock_error *error) {
    const struct ps_model_statement *model = &question->candidate->statement->as.model;
    struct ps_arena *arena = ps_arena_new(ARENA_SIZE_MAX);
    if (arena == NULL) {
        return ps_error_memory(error, "gate report");
    }
    struct ps_gate_report *report = ps_arena_allocate(arena, 1, sizeof *report);
    const size_t count_max = model->gate_count + CHECK_COUNT_ALWAYS;
    yyjson_mut_doc *details PS_SCOPED(ps_json_free_scoped) = ps_json_new();
    if (report != NULL) {
        report->arena = arena;
        report->checks = ps_arena_allocate(arena, count_max, sizeof *report->checks);
    }
    if (report == NULL || report->checks == NULL || details == NULL) {
        ps_arena_free(arena);
        return ps_error_memory(error, "gate report");
    }
    struct ps_gate gate = {.question = question,
                           .candidate = question->candidate,
                           .model = model,
                           .report = report,
                           .check_capacity = count_max,
                           .details = details};
    ps_buffer_init(&gate.passed, SUMMARY_SIZE_MAX);
    ps_buffer_init(&gate.warned, SUMMARY_SIZE_MAX);
    ps_buffer_init(&gate.refused, SUMMARY_SIZE_MAX);
    const penstock_code code = decide(&gate, error);
    ps_buffer_done(&gate.passed);
    ps_buffer_done(&gate.warned);
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
