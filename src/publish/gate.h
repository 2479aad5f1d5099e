/* SPDX-License-Identifier: Apache-2.0
 *
 * gate.h - the checks that a candidate must pass before it becomes champion.
 *
 * Every check leaves its name, value, limit, verdict and one sentence. Some are always made (the rows are about as many
 * and as complete as the last times, the fit is finite, what is stored predicts what was scored, it beats the
 * constant), the others are the conditions of GATE (...). A condition that cannot be measured refuses: a gate that lets
 * through what it could not check is none. Comparisons with the champion are paired (paired.h).
 */
#ifndef PS_PUBLISH_GATE_H
#define PS_PUBLISH_GATE_H

#include "model/train.h"

enum ps_verdict {
    PS_VERDICT_PASSED,
    PS_VERDICT_REFUSED,
    PS_VERDICT_NOT_APPLICABLE,
    PS_VERDICT_WARNED, /* told, but it does not keep the candidate from being published */
};
const char *ps_verdict_name(enum ps_verdict verdict); /* "passed", "refused", "not applicable", "warning" */

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
    const char
        *profile; /* JSON to store with the version: profile.h, and what the report page draws; or NULL */
    struct ps_arena *arena;
};
/* What a candidate is judged by. */
struct ps_gate_question {
    const struct ps_candidate *candidate;
    int64_t champion_version; /* 0: there is none, this is the first run */
    /* Of the champion on the candidate's hold-out rows, NaN where it cannot predict one; of classes
     * row * class_count + class. NULL with a champion: it can predict none of them. */
    const double *champion_predictions;
    const char *champion_profile;     /* JSON, see profile.h; NULL: not known */
    const char *const *past_profiles; /* of the versions published last, newest first */
    size_t past_count;
};
penstock_code ps_gate_judge(const struct ps_gate_question *question, struct ps_gate_report **report_out,
                            struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_gate_report_free(struct ps_gate_report *report);

#endif
