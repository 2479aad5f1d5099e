/* SPDX-License-Identifier: Apache-2.0
 *
 * gate_drift.c - the rows that the champion was trained on beside the rows of this training and its hold-out.
 *
 * Drift that nobody asked about is a warning: a new model for new rows is what training again is for. drift <= x makes
 * it a condition.
 */
#include <math.h>
#include <stdio.h>

#include "model/sample.h"
#include "publish/drift_score.h"
#include "publish/gate_parts.h"
#include "publish/json.h"

struct part {
    const char *name; /* "training rows" */
    const char *key;  /* in JSON */
    const struct ps_sample *sample;
};

static void keep(struct ps_gate *gate, const struct part *part, const struct ps_drift_report *report) {
    yyjson_mut_doc *document = gate->details;
    yyjson_mut_val *root = yyjson_mut_doc_get_root(document);
    yyjson_mut_val *all = yyjson_mut_obj_get(root, "drift");
    all = all == NULL ? yyjson_mut_obj_add_obj(document, root, "drift") : all;
    (void)yyjson_mut_obj_put(all, yyjson_mut_str(document, "champion"),
                             yyjson_mut_sint(document, gate->question->champion_version));
    yyjson_mut_val *features = yyjson_mut_arr(document);
    (void)yyjson_mut_obj_put(all, yyjson_mut_strcpy(document, part->key), features);
    for (size_t i = 0; i < report->feature_count; i++) {
        const struct ps_drift_feature *feature = &report->features[i];
        yyjson_mut_val *object = yyjson_mut_arr_add_obj(document, features);
        ps_json_add_text(document, object, "name", feature->name);
        ps_json_add_number(document, object, "score", feature->score);
        ps_json_add_number(document, object, "limit", feature->limit);
        (void)yyjson_mut_obj_add_bool(document, object, "drifted", feature->has_drifted);
        ps_json_add_text(document, object, "sentence", feature->sentence);
    }
}

static penstock_code tell(struct ps_gate *gate, const struct ps_gate_condition *condition,
                          const struct part *part, const struct ps_drift_report *report,
                          struct penstock_error *error) {
    char name[192];
    (void)snprintf(name, sizeof name, "%s%s%s", condition == NULL ? "drift" : condition->text,
                   condition == NULL ? " of " : ", ", part->name);
    const bool has_worst = report->feature_count > 0;
    const double value = has_worst ? report->features[0].score : (double)NAN;
    const double limit = has_worst ? report->features[0].limit : (double)NAN;
    if (!report->is_applicable) {
        return ps_gate_add(gate, error, name, value, limit, PS_VERDICT_NOT_APPLICABLE, PS_GATE_SILENT,
                           "%s: %s", part->name, report->sentence);
    }
    const enum ps_verdict drifted = condition == NULL ? PS_VERDICT_WARNED : PS_VERDICT_REFUSED;
    return ps_gate_add(gate, error, name, value, limit, report->has_drifted ? drifted : PS_VERDICT_PASSED,
                       condition == NULL ? PS_GATE_SILENT : PS_GATE_TOLD,
                       "%s beside those of champion version %lld: %s", part->name,
                       (long long)gate->question->champion_version, report->sentence);
}

static penstock_code compare(struct ps_gate *gate, const struct ps_gate_condition *condition,
                             const struct part *part, struct penstock_error *error) {
    struct ps_drift_report *report PS_SCOPED(ps_drift_report_free_scoped) = NULL;
    PS_TRY(ps_drift_compare(&gate->champion_profile, part->sample,
                            condition == NULL ? NULL : condition->column,
                            condition == NULL ? PS_DRIFT_TOLERANCE : condition->value,
                            condition == NULL ? PS_DRIFT_CONFIDENCE : condition->confidence, &report, error));
    if (condition == NULL || condition->column == NULL) {
        keep(gate, part, report);
    }
    return tell(gate, condition, part, report, error);
}

penstock_code ps_gate_check_drift(struct ps_gate *gate, struct penstock_error *error) {
    const struct part training = {"training rows", "training", gate->candidate->training_sample};
    const struct part holdout = {"hold-out rows", "holdout", gate->candidate->holdout_sample};
    bool is_asked = false;
    for (size_t i = 0; i < gate->model->gate_count; i++) {
        const struct ps_gate_condition *condition = &gate->model->gate[i];
        if (condition->kind != PS_GATE_DRIFT) {
            continue;
        }
        is_asked = is_asked || condition->column == NULL;
        if (ps_gate_is_first_run(gate)) {
            PS_TRY(ps_gate_add(gate, error, condition->text, (double)NAN, condition->value,
                               PS_VERDICT_NOT_APPLICABLE, PS_GATE_SILENT,
                               "first version, there is no champion whose rows could be compared"));
        } else if (!gate->has_champion_profile || training.sample == NULL) {
            PS_TRY(ps_gate_add_unmeasured(gate, condition, "the rows of the champion are not known", error));
        } else {
            PS_TRY(compare(gate, condition, &training, error));
        }
    }
    if (!gate->has_champion_profile || training.sample == NULL) {
        return PENSTOCK_OK;
    }
    if (!is_asked) {
        PS_TRY(compare(gate, NULL, &training, error));
    }
    return holdout.sample == NULL ? PENSTOCK_OK : compare(gate, NULL, &holdout, error);
}
