/* SPDX-License-Identifier: Apache-2.0
 *
 * gate_fit.c - is the fit sound, and does the model that is stored predict what was scored?
 *
 * Not finite is refused always. A rank that is too small and a fit that did not converge are warnings unless
 * full_rank or converged is asked for: a penalty makes good models of features that are sums of each other.
 *
 * Parity: the model is written as it will be stored, read back and asked for up to 1,000 hold-out rows one at a time,
 * as serving does. Every prediction must be the same double, bit for bit, that scoring got from blocks of rows.
 */
#include <math.h>
#include <stdio.h>

#include "model/sample.h"
#include "publish/gate_parts.h"

#define PARITY_ROWS 1000
#define MODEL_SIZE_MAX ((size_t)256 << 20)

static penstock_code check_finite(struct ps_gate *gate, struct penstock_error *error) {
    const struct ps_fitted *fitted = gate->candidate->fitted;
    const size_t count = ps_fitted_feature_count(fitted);
    size_t bad = 0;
    const char *first = NULL;
    if (!ps_fitted_has_coefficients(fitted)) {
        return PENSTOCK_OK;
    }
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
        return ps_gate_add(gate, error, "finite coefficients", 0, 0, PS_VERDICT_PASSED, PS_GATE_SILENT,
                           "all %zu coefficients and the intercept are finite", count);
    }
    return ps_gate_add(gate, error, "finite coefficients", (double)bad, 0, PS_VERDICT_REFUSED, PS_GATE_TOLD,
                       "%zu of %zu coefficients are not finite, first %s", bad, count + 1, first);
}

static penstock_code check_finite_predictions(struct ps_gate *gate, struct penstock_error *error) {
    const struct ps_candidate *candidate = gate->candidate;
    int64_t bad = 0;
    if (candidate->holdout_predictions == NULL) {
        return PENSTOCK_OK;
    }
    for (int64_t i = 0; i < candidate->holdout.row_count; i++) {
        bad += !isfinite(candidate->holdout_predictions[i]);
    }
    return ps_gate_add(gate, error, "finite predictions", (double)bad, 0, ps_gate_verdict(bad == 0),
                       bad == 0 ? PS_GATE_SILENT : PS_GATE_TOLD,
                       "%lld of %lld hold-out predictions %s finite",
                       (long long)(bad == 0 ? candidate->holdout.row_count : bad),
                       (long long)candidate->holdout.row_count, bad == 0 ? "are" : "are not");
}

static penstock_code check_rank(struct ps_gate *gate, struct penstock_error *error) {
    const struct ps_fit_sanity *sanity = &gate->candidate->sanity;
    const struct ps_gate_condition *condition = ps_gate_find(gate, PS_GATE_FULL_RANK);
    if (condition == NULL && !ps_fitted_has_coefficients(gate->candidate->fitted)) {
        return PENSTOCK_OK; /* trees and networks have no coefficients that could be ambiguous */
    }
    if (!sanity->has_rank) {
        return condition == NULL
                   ? PENSTOCK_OK
                   : ps_gate_add_unmeasured(gate, condition, "the rank of this model's features is not known",
                                            error);
    }
    const bool is_full = sanity->rank >= sanity->varying_count;
    const enum ps_verdict lacking = condition != NULL ? PS_VERDICT_REFUSED : PS_VERDICT_WARNED;
    return ps_gate_add(
        gate, error, condition != NULL ? condition->text : "rank", (double)sanity->rank,
        (double)sanity->varying_count, is_full ? PS_VERDICT_PASSED : lacking,
        is_full && condition == NULL ? PS_GATE_SILENT : PS_GATE_TOLD,
        is_full
            ? "rank %zu of %zu features that vary"
            : "rank %zu of %zu features that vary: some are sums of others, their coefficients are not unique",
        sanity->rank, sanity->varying_count);
}

static penstock_code check_condition(struct ps_gate *gate, struct penstock_error *error) {
    const double value = gate->candidate->sanity.condition;
    const struct ps_gate_condition *condition = ps_gate_find(gate, PS_GATE_CONDITION);
    if (condition == NULL && !ps_fitted_has_coefficients(gate->candidate->fitted)) {
        return PENSTOCK_OK;
    }
    if (!gate->candidate->sanity.has_rank || isnan(value)) {
        return condition == NULL
                   ? PENSTOCK_OK
                   : ps_gate_add_unmeasured(gate, condition,
                                            "the condition of this model's features is not known", error);
    }
    if (condition == NULL) {
        return ps_gate_add(gate, error, "condition", value, (double)NAN, PS_VERDICT_PASSED, PS_GATE_SILENT,
                           "the features' condition number is %.3g", value);
    }
    const bool passed = ps_gate_holds(value, condition->comparison, condition->value);
    return ps_gate_add(gate, error, condition->text, value, condition->value, ps_gate_verdict(passed),
                       PS_GATE_TOLD, "the features' condition number %.3g is %s%s %.3g", value,
                       passed ? "" : "not ", condition->comparison, condition->value);
}

static penstock_code check_converged(struct ps_gate *gate, struct penstock_error *error) {
    const struct ps_fit_sanity *sanity = &gate->candidate->sanity;
    const struct ps_gate_condition *condition = ps_gate_find(gate, PS_GATE_CONVERGED);
    if (!sanity->has_convergence) {
        return condition == NULL
                   ? PENSTOCK_OK
                   : ps_gate_add_unmeasured(gate, condition, "this estimator does not go in steps", error);
    }
    const enum ps_verdict lacking = condition != NULL ? PS_VERDICT_REFUSED : PS_VERDICT_WARNED;
    return ps_gate_add(gate, error, "converged", sanity->is_converged ? 1 : 0, 1,
                       sanity->is_converged ? PS_VERDICT_PASSED : lacking,
                       sanity->is_converged && condition == NULL ? PS_GATE_SILENT : PS_GATE_TOLD,
                       sanity->is_converged ? "the fit has converged"
                                            : "the fit reached maxIter before it converged");
}

/* A warning: the column may be honest. */
static penstock_code check_leaks(struct ps_gate *gate, struct penstock_error *error) {
    const struct ps_fit_sanity *sanity = &gate->candidate->sanity;
    if (sanity->leak_count == 0) {
        return PENSTOCK_OK;
    }
    return ps_gate_add(gate, error, "leak", (double)sanity->leak_count, 0, PS_VERDICT_WARNED, PS_GATE_TOLD,
                       "%s%s by %s: is the answer among the questions?", sanity->leaks[0],
                       sanity->leak_count > 1 ? " and others tell the label" : " tells the label",
                       sanity->leak_count > 1 ? "themselves" : "itself");
}

penstock_code ps_gate_check_fit(struct ps_gate *gate, struct penstock_error *error) {
    PS_TRY(check_finite(gate, error));
    PS_TRY(check_finite_predictions(gate, error));
    PS_TRY(check_rank(gate, error));
    PS_TRY(check_condition(gate, error));
    PS_TRY(check_leaks(gate, error));
    return check_converged(gate, error);
}

/* ---- parity ---- */

/* One row of the sample as serving gets it. False: a text of it was not kept. */
static bool fill_row(const struct ps_sample *sample, size_t row, struct ps_input_column *inputs,
                     struct ps_bytes *texts) {
    static const uint64_t nothing = 0;
    for (size_t c = 0; c + 1 < sample->column_count; c++) {
        const struct ps_sample_column *column = &sample->columns[c];
        inputs[c] = (struct ps_input_column){0};
        if (!column->is_text) {
            inputs[c].numbers = &column->numbers[row];
            inputs[c].validity = isnan(column->numbers[row]) ? &nothing : NULL;
            continue;
        }
        const int32_t index = column->indexes[row];
        inputs[c].texts = &texts[c];
        if (index == PS_DICTIONARY_FULL) {
            return false;
        }
        if (index < 0) {
            inputs[c].validity = &nothing;
            continue;
        }
        texts[c] = (struct ps_bytes){ps_dictionary_text(column->values, (size_t)index),
                                     ps_dictionary_text_size(column->values, (size_t)index)};
    }
    return true;
}

struct parity {
    int64_t compared, different;
    double scored, served; /* of the first that differs */
};

static penstock_code compare_rows(const struct ps_sample *sample, const struct ps_fitted *stored,
                                  struct parity *parity, struct penstock_error *error) {
    struct ps_input_column *inputs PS_SCOPED(ps_release_scoped) =
        ps_allocate(sample->column_count, sizeof *inputs);
    struct ps_bytes *texts PS_SCOPED(ps_release_scoped) = ps_allocate(sample->column_count, sizeof *texts);
    if (inputs == NULL || texts == NULL) {
        return ps_error_memory(error, "the comparison of serving with scoring");
    }
    const double *scored = sample->columns[sample->column_count - 1].numbers;
    const size_t wanted = sample->kept_count < PARITY_ROWS ? sample->kept_count : PARITY_ROWS;
    for (size_t i = 0; i < wanted; i++) {
        const size_t row = i * sample->kept_count / wanted;
        double served = (double)NAN;
        if (!fill_row(sample, row, inputs, texts)) {
            continue;
        }
        PS_TRY(ps_fitted_predict(stored, inputs, 1, &served, error));
        parity->compared++;
        const bool is_same =
            (isnan(served) && isnan(scored[row])) || memcmp(&served, &scored[row], sizeof served) == 0;
        if (!is_same && parity->different++ == 0) {
            parity->scored = scored[row];
            parity->served = served;
        }
    }
    return PENSTOCK_OK;
}

static void free_fitted(struct ps_fitted **fitted) {
    ps_fitted_free(*fitted);
}

penstock_code ps_gate_check_parity(struct ps_gate *gate, struct penstock_error *error) {
    const struct ps_sample *sample = gate->candidate->holdout_sample;
    if (sample == NULL || sample->kept_count == 0) {
        return PENSTOCK_OK;
    }
    struct ps_buffer json PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&json, MODEL_SIZE_MAX);
    PS_TRY(ps_fitted_to_json(gate->candidate->fitted, &json, error));
    PS_TRY(ps_buffer_status(&json, error));
    struct ps_fitted *stored PS_SCOPED(free_fitted) = NULL;
    PS_TRY(ps_fitted_from_json(json.data, json.size, &stored, error));
    struct parity parity = {0};
    PS_TRY(compare_rows(sample, stored, &parity, error));
    if (parity.different == 0) {
        return ps_gate_add(
            gate, error, "parity", 0, 0, PS_VERDICT_PASSED, PS_GATE_SILENT,
            "the stored model gives the same bits as scoring did on %lld hold-out rows, one at a "
            "time",
            (long long)parity.compared);
    }
    return ps_gate_add(
        gate, error, "parity", (double)parity.different, 0, PS_VERDICT_REFUSED, PS_GATE_TOLD,
        "the stored model predicts %lld of %lld hold-out rows otherwise than scoring did, first "
        "%.17g instead of %.17g",
        (long long)parity.different, (long long)parity.compared, parity.served, parity.scored);
}
