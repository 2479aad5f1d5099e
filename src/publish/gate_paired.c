/* SPDX-License-Identifier: Apache-2.0
 *
 * gate_paired.c - the champion and the candidate on the same hold-out rows: improvement and non-inferiority.
 *
 * improvement >= g: the lower confidence bound of the gain is at least g. non_inferiority <= w: the candidate is worse
 * by w at most, at that confidence, which is the same bound read from the other side.
 */
#include "publish/paired.h"

#include <math.h>
#include <stdio.h>

#include "publish/gate_parts.h"

#define CONFIDENCE_DEFAULT 0.95

/* "1,204 rows in 24 hours": how the comparison was made, for its sentence. */
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

struct comparison {
    const struct ps_gate_condition *condition; /* NULL: none is asked, the number is told all the same */
    const char *name;
    const struct ps_loss_metric *metric;
    double confidence, limit;
    struct ps_paired paired;
    char in[48]; /* " in mae", where the metric is not the usual one */
};

static penstock_code tell_nothing(struct ps_gate *gate, const struct comparison *comparison,
                                  const char *format, struct penstock_error *error) {
    char text[160];
    (void)snprintf(text, sizeof text, "%s", format);
    return ps_gate_add(gate, error, comparison->name, (double)NAN, comparison->limit,
                       comparison->condition == NULL ? PS_VERDICT_NOT_APPLICABLE : PS_VERDICT_REFUSED,
                       PS_GATE_TOLD, "champion version %lld %s", (long long)gate->question->champion_version,
                       text);
}

static penstock_code tell_improvement(struct ps_gate *gate, const struct comparison *comparison,
                                      struct penstock_error *error) {
    const struct ps_paired *paired = &comparison->paired;
    const struct ps_gate_condition *condition = comparison->condition;
    const long long version = (long long)gate->question->champion_version;
    char blocks[160];
    describe_blocks(paired, blocks, sizeof blocks);
    if (condition == NULL) {
        return ps_gate_add(gate, error, comparison->name, paired->gain, (double)NAN,
                           PS_VERDICT_NOT_APPLICABLE, PS_GATE_TOLD,
                           "improvement over champion version %lld%s is %.1f%% (no improvement is asked)",
                           version, comparison->in, 100.0 * paired->gain);
    }
    const double asked = 100.0 * condition->value;
    if (!paired->has_bound) {
        return ps_gate_add(
            gate, error, comparison->name, (double)NAN, condition->value, PS_VERDICT_REFUSED, PS_GATE_TOLD,
            "improvement over champion version %lld%s is %.1f%%, but %s are too few for a confidence bound, "
            "asked is %.4g%%",
            version, comparison->in, 100.0 * paired->gain, blocks, asked);
    }
    const bool passed = ps_gate_holds(paired->lower_bound, condition->comparison, condition->value);
    return ps_gate_add(
        gate, error, comparison->name, paired->lower_bound, condition->value, ps_gate_verdict(passed),
        PS_GATE_TOLD,
        "improvement over champion version %lld%s is %.1f%% (%.4g%% lower bound %.1f%%), asked is %.4g%%%s%s%s",
        version, comparison->in, 100.0 * paired->gain, 100.0 * comparison->confidence,
        100.0 * paired->lower_bound, asked, paired->left_out > 0 ? " (" : "",
        paired->left_out > 0 ? blocks : "", paired->left_out > 0 ? ")" : "");
}

static penstock_code tell_non_inferiority(struct ps_gate *gate, const struct comparison *comparison,
                                          struct penstock_error *error) {
    const struct ps_paired *paired = &comparison->paired;
    const struct ps_gate_condition *condition = comparison->condition;
    const long long version = (long long)gate->question->champion_version;
    char blocks[160];
    describe_blocks(paired, blocks, sizeof blocks);
    if (!paired->has_bound) {
        return ps_gate_add(
            gate, error, comparison->name, (double)NAN, condition->value, PS_VERDICT_REFUSED, PS_GATE_TOLD,
            "%s are too few to say that it is not worse than champion version %lld", blocks, version);
    }
    const double worse = -paired->lower_bound;
    const bool passed = ps_gate_holds(worse, condition->comparison, condition->value);
    return ps_gate_add(
        gate, error, comparison->name, worse, condition->value, ps_gate_verdict(passed), PS_GATE_TOLD,
        "%.1f%% %s than champion version %lld%s (%.4g%% bound: %.1f%% %s), allowed is %.4g%% worse",
        100.0 * fabs(paired->gain), paired->gain >= 0 ? "better" : "worse", version, comparison->in,
        100.0 * comparison->confidence, 100.0 * fabs(worse), worse > 0 ? "worse" : "better",
        100.0 * condition->value);
}

static penstock_code check(struct ps_gate *gate, const struct ps_gate_condition *condition,
                           struct penstock_error *error) {
    const struct ps_candidate *candidate = gate->candidate;
    struct comparison comparison = {.condition = condition,
                                    .name = condition == NULL ? "improvement" : condition->text,
                                    .metric = ps_gate_loss(gate, condition),
                                    .confidence =
                                        condition == NULL ? CONFIDENCE_DEFAULT : condition->confidence,
                                    .limit = condition == NULL ? (double)NAN : condition->value};
    if (ps_gate_is_first_run(gate)) {
        return ps_gate_add(gate, error, comparison.name, (double)NAN, comparison.limit,
                           PS_VERDICT_NOT_APPLICABLE, PS_GATE_TOLD,
                           "first version, there is no champion to beat");
    }
    if (!ps_gate_has_holdout(gate)) {
        return ps_gate_add(gate, error, comparison.name, (double)NAN, comparison.limit,
                           condition == NULL ? PS_VERDICT_NOT_APPLICABLE : PS_VERDICT_REFUSED,
                           condition == NULL ? PS_GATE_SILENT : PS_GATE_TOLD,
                           "improvement over champion version %lld cannot be measured: there is no HOLDOUT",
                           (long long)gate->question->champion_version);
    }
    const double *champion = gate->question->champion_predictions;
    const bool has_classes = ps_gate_has_classes(gate);
    const struct ps_paired_rows rows = {.labels = candidate->holdout_labels,
                                        .candidate = has_classes ? candidate->holdout_probabilities
                                                                 : candidate->holdout_predictions,
                                        .champion = champion,
                                        .times = candidate->holdout_times,
                                        .row_count = champion == NULL ? 0 : candidate->holdout.row_count,
                                        .loss = comparison.metric->loss,
                                        .is_root = comparison.metric->is_root,
                                        .class_count = candidate->target.class_count};
    if (condition != NULL && condition->metric != NULL) {
        (void)snprintf(comparison.in, sizeof comparison.in, " in %s", comparison.metric->shown);
    }
    PS_TRY(ps_paired_compare(&rows, comparison.confidence, &comparison.paired, error));
    if (comparison.paired.row_count == 0) {
        return tell_nothing(gate, &comparison,
                            "cannot predict any of the hold-out rows, so the two cannot be compared", error);
    }
    return condition != NULL && condition->kind == PS_GATE_NON_INFERIORITY
               ? tell_non_inferiority(gate, &comparison, error)
               : tell_improvement(gate, &comparison, error);
}

penstock_code ps_gate_check_champion(struct ps_gate *gate, struct penstock_error *error) {
    bool is_asked = false;
    for (size_t i = 0; i < gate->model->gate_count; i++) {
        const struct ps_gate_condition *condition = &gate->model->gate[i];
        if (condition->kind == PS_GATE_IMPROVEMENT || condition->kind == PS_GATE_NON_INFERIORITY) {
            is_asked = true;
            PS_TRY(check(gate, condition, error));
        }
    }
    return is_asked ? PENSTOCK_OK : check(gate, NULL, error);
}
