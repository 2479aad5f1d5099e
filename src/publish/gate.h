/* SPDX-License-Identifier: Apache-2.0
 *
 * gate.h - the checks that a candidate must pass before it becomes champion.
 *
 * Every check leaves its name, value, limit, verdict and one sentence. Improvement over the champion is
 * paired: both models predict the same hold-out rows, squared errors are averaged per hour of the time
 * column (rows near in time are not independent) and the publish decision is the lower one-sided bound
 * of the relative gain in RMSE at the asked confidence.
 */
#ifndef PS_PUBLISH_GATE_H
#define PS_PUBLISH_GATE_H

#include "model/train.h"

enum ps_verdict { PS_VERDICT_PASSED, PS_VERDICT_REFUSED, PS_VERDICT_NOT_APPLICABLE };
struct ps_gate_check {
    const char *name; /* "rmse <= 20", "better than the constant", "improvement" */
    double value, limit;
    enum ps_verdict verdict;
    const char *sentence;
};
struct ps_gate_report {
    struct ps_gate_check *checks;
    size_t check_count;
    bool passed;
    const char *sentence; /* the verdict, with the numbers, as it is printed */
    struct ps_arena *arena;
};
/* champion_version: 0 when there is none (first run). champion_predictions: of the champion on the candidate's hold-out
 * rows, NaN where it cannot predict one; NULL with a champion means that it can predict none of them. */
penstock_code ps_gate_decide(const struct ps_candidate *candidate, const double *champion_predictions,
                             int64_t champion_version, struct ps_gate_report **report_out,
                             struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_gate_report_free(struct ps_gate_report *report);

#endif
