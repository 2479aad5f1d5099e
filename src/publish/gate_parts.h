/* SPDX-License-Identifier: Apache-2.0
 *
 * gate_parts.h - the inside of the gate: one decision under way, and the checks by kind. Private to gate*.c.
 */
#ifndef PS_PUBLISH_GATE_PARTS_H
#define PS_PUBLISH_GATE_PARTS_H

#include <yyjson.h>

#include "base/bytes.h"
#include "publish/gate.h"
#include "model/loss.h"
#include "publish/profile.h"

struct ps_gate {
    const struct ps_gate_question *question;
    const struct ps_candidate *candidate;
    const struct ps_model_statement *model;
    struct ps_gate_report *report;
    size_t check_capacity;
    struct ps_buffer passed, warned, refused; /* the parts of the last sentence */
    bool has_profile;                         /* the candidate brought a sample of its rows */
    struct ps_profile profile;
    struct ps_profile *past; /* of the versions published last, newest first */
    size_t past_count;
    bool has_champion_profile;
    struct ps_profile champion_profile;
    yyjson_mut_doc *details; /* what is stored with the version beside the checks */
};

/* TOLD checks are named in the last sentence when the gate passes, refused ones always. */
enum ps_telling { PS_GATE_SILENT, PS_GATE_TOLD };
penstock_code ps_gate_add(struct ps_gate *gate, struct penstock_error *error, const char *name, double value,
                          double limit, enum ps_verdict verdict, enum ps_telling telling, const char *format,
                          ...) PS_PRINTF(8, 9) PENSTOCK_MUST_USE;
enum ps_verdict ps_gate_verdict(bool passed);
bool ps_gate_holds(double value, const char *comparison, double limit);
/* Refuses: the condition cannot be measured, because ... */
penstock_code ps_gate_add_unmeasured(struct ps_gate *gate, const struct ps_gate_condition *condition,
                                     const char *because, struct penstock_error *error) PENSTOCK_MUST_USE;
bool ps_gate_is_first_run(const struct ps_gate *gate);
bool ps_gate_has_holdout(const struct ps_gate *gate);
bool ps_gate_has_classes(const struct ps_gate *gate);
/* The first condition of the kind, or NULL. */
const struct ps_gate_condition *ps_gate_find(const struct ps_gate *gate, enum ps_gate_kind kind);
/* The metric that a comparison is made in: of IN metric, or by task. */
const struct ps_loss_metric *ps_gate_loss(const struct ps_gate *gate,
                                          const struct ps_gate_condition *condition);

/* gate_fit.c: finite, rank, condition, converged, and the stored model beside what was scored */
penstock_code ps_gate_check_fit(struct ps_gate *gate, struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_gate_check_parity(struct ps_gate *gate, struct penstock_error *error) PENSTOCK_MUST_USE;
/* gate_limits.c */
penstock_code ps_gate_check_limit(struct ps_gate *gate, const struct ps_gate_condition *condition,
                                  struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_gate_check_constant(struct ps_gate *gate, struct penstock_error *error) PENSTOCK_MUST_USE;
/* gate_data.c: rows, missing values, label, asked for or not */
penstock_code ps_gate_check_data(struct ps_gate *gate, struct penstock_error *error) PENSTOCK_MUST_USE;
/* gate_paired.c: improvement and non-inferiority; without either the gain is told */
penstock_code ps_gate_check_champion(struct ps_gate *gate, struct penstock_error *error) PENSTOCK_MUST_USE;
/* gate_slices.c */
penstock_code ps_gate_check_slices(struct ps_gate *gate, const struct ps_gate_condition *condition,
                                   struct penstock_error *error) PENSTOCK_MUST_USE;
/* gate_drift.c */
penstock_code ps_gate_check_drift(struct ps_gate *gate, struct penstock_error *error) PENSTOCK_MUST_USE;
/* gate_curves.c: residuals by prediction, calibration, for the report page */
penstock_code ps_gate_add_curves(struct ps_gate *gate, struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
