/* SPDX-License-Identifier: Apache-2.0
 *
 * gate_limits.c - absolute limits of metrics, and the constant that every model must beat.
 *
 * The constant of a regression predicts the training mean, that of classes the training frequencies; it is measured on
 * the same hold-out rows. Without HOLDOUT the cross-validated mean stands for the hold-out.
 */
#include <math.h>
#include <stdio.h>

#include "base/option.h"
#include "model/metrics.h"
#include "publish/gate_parts.h"

static double search_mean(const struct ps_candidate *candidate) {
    return candidate->best < candidate->cell_count ? candidate->cells[candidate->best].mean : (double)NAN;
}

static bool is_searched(const struct ps_gate *gate, const char *metric) {
    return ps_option_name_equal(metric, gate->candidate->metric_name);
}

static penstock_code add_limit(struct ps_gate *gate, const struct ps_gate_condition *condition, double value,
                               const char *from, struct penstock_error *error) {
    const bool passed = ps_gate_holds(value, condition->comparison, condition->value);
    return ps_gate_add(gate, error, condition->text, value, condition->value, ps_gate_verdict(passed),
                       PS_GATE_TOLD, "%s%s %.4g%s %s %.6g%s", condition->is_cross_validated ? "cv_" : "",
                       condition->metric, value, passed ? "" : " is not", condition->comparison,
                       condition->value, from);
}

penstock_code ps_gate_check_limit(struct ps_gate *gate, const struct ps_gate_condition *condition,
                                  struct penstock_error *error) {
    const struct ps_candidate *candidate = gate->candidate;
    char because[160];
    if (condition->is_first_run && !ps_gate_is_first_run(gate)) {
        return ps_gate_add(gate, error, condition->text, (double)NAN, condition->value,
                           PS_VERDICT_NOT_APPLICABLE, PS_GATE_SILENT,
                           "%s applies to the first run only, the champion is version %lld", condition->text,
                           (long long)gate->question->champion_version);
    }
    if (condition->is_cross_validated || !ps_gate_has_holdout(gate)) {
        if (is_searched(gate, condition->metric)) {
            return add_limit(gate, condition, search_mean(candidate),
                             condition->is_cross_validated ? "" : " (cross-validated mean, no HOLDOUT)",
                             error);
        }
        if (condition->is_cross_validated) {
            (void)snprintf(because, sizeof because, "the search measured %s", candidate->metric_name);
        } else {
            (void)snprintf(because, sizeof because, "there is no HOLDOUT and the search measured %s",
                           candidate->metric_name);
        }
        return ps_gate_add_unmeasured(gate, condition, because, error);
    }
    const struct ps_metric_type *metric = ps_metric_find(condition->metric);
    const double value = metric == NULL ? (double)NAN : ps_metric_read(metric, &candidate->holdout);
    if (isnan(value)) {
        return ps_gate_add_unmeasured(gate, condition, "the hold-out rows do not give this metric", error);
    }
    return add_limit(gate, condition, value, "", error);
}

static penstock_code add_constant(struct ps_gate *gate, double value, double limit, const char *metric,
                                  const char *constant, struct penstock_error *error) {
    if (value < limit) {
        return ps_gate_add(gate, error, "better than the constant", value, limit, PS_VERDICT_PASSED,
                           PS_GATE_TOLD, "%.1f%% better than the constant %s", 100.0 * (1.0 - value / limit),
                           constant);
    }
    return ps_gate_add(gate, error, "better than the constant", value, limit, PS_VERDICT_REFUSED,
                       PS_GATE_TOLD, "not better than the constant %s: %s %.6g, the constant's is %.6g",
                       constant, metric, value, limit);
}

/* The constant's RMSE on the training rows is the label's deviation. */
static penstock_code check_mean_without_holdout(struct ps_gate *gate, struct penstock_error *error) {
    const struct ps_candidate *candidate = gate->candidate;
    const struct ps_metrics *training = &candidate->training;
    const double mean = search_mean(candidate);
    const double variance = training->r2 < 1.0 ? training->mse / (1.0 - training->r2) : training->var;
    double value = training->rmse; /* mae and others cannot be turned into an RMSE */
    if (is_searched(gate, "rmse")) {
        value = mean;
    } else if (is_searched(gate, "mse")) {
        value = sqrt(mean);
    } else if (is_searched(gate, "r2")) {
        value = sqrt(fmax(0.0, 1.0 - mean) * variance);
    }
    const double limit = sqrt(variance);
    const bool passed = value < limit;
    return ps_gate_add(
        gate, error, "better than the constant", value, limit, ps_gate_verdict(passed), PS_GATE_TOLD,
        passed
            ? "%.1f%% better than the constant mean (no HOLDOUT: rmse %.4g beside %.4g, from cross-validation)"
            : "%.1f%% better than the constant mean is not better (no HOLDOUT: rmse %.4g beside "
              "%.4g, from cross-validation)",
        limit > 0 ? 100.0 * (1.0 - value / limit) : 0.0, value, limit);
}

/* Log loss of the class frequencies on the training rows is their entropy. */
static penstock_code check_classes_without_holdout(struct ps_gate *gate, struct penstock_error *error) {
    const struct ps_profile_column *label = gate->has_profile && gate->profile.column_count > 0
                                                ? &gate->profile.columns[gate->profile.column_count - 1]
                                                : NULL;
    const double value =
        is_searched(gate, "logLoss") ? search_mean(gate->candidate) : gate->candidate->training.log_loss;
    if (label == NULL || isnan(value)) {
        return ps_gate_add(
            gate, error, "better than the constant", (double)NAN, (double)NAN, PS_VERDICT_WARNED,
            PS_GATE_TOLD,
            "nothing says whether it is better than the class frequencies: there is no HOLDOUT");
    }
    double entropy = 0;
    const double count = (double)(gate->profile.kept_count - label->kept_missing_count);
    for (size_t i = 0; i < label->bin_count; i++) {
        const double share = (double)label->bins[i] / count;
        entropy -= share > 0 ? share * log(share) : 0;
    }
    return add_constant(gate, value, entropy, "logLoss", "class frequencies", error);
}

penstock_code ps_gate_check_constant(struct ps_gate *gate, struct penstock_error *error) {
    const struct ps_candidate *candidate = gate->candidate;
    const bool has_classes = ps_gate_has_classes(gate);
    if (!ps_gate_has_holdout(gate)) {
        return has_classes ? check_classes_without_holdout(gate, error)
                           : check_mean_without_holdout(gate, error);
    }
    return has_classes
               ? add_constant(gate, candidate->holdout.log_loss, candidate->baseline.log_loss, "logLoss",
                              "class frequencies", error)
               : add_constant(gate, candidate->holdout.rmse, candidate->baseline.rmse, "rmse", "mean", error);
}
