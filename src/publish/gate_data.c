/* SPDX-License-Identifier: Apache-2.0
 *
 * gate_data.c - are these rows like the ones that earlier versions were trained on?
 *
 * A broken source seldom stops: it gives half the rows, empties a column, changes a unit. So these checks are always
 * made, against the versions published last (their median, so that one odd version does not set the measure), and
 * GATE (...) only moves their limits:
 *   rows DROP <= 50 PERCENT, nulls RISE <= 10 PERCENT, label OUTSIDE <= 5 PERCENT,
 *   label SHIFT <= 1 (classes: 20 PERCENT)
 * Without an earlier version there is nothing to compare with.
 */
#include <math.h>
#include <stdio.h>

#include "base/sort.h"
#include "publish/gate_parts.h"

#define DROP_MAX 0.5
#define RISE_MAX 0.1
#define SHIFT_MAX 1.0
#define CLASS_SHIFT_MAX 0.2
#define OUTSIDE_MAX 0.05

/* Sorts the numbers. */
static double median(double *numbers, size_t count) {
    if (count == 0) {
        return (double)NAN;
    }
    ps_sort_doubles(numbers, count);
    return (numbers[(count - 1) / 2] + numbers[count / 2]) / 2;
}

static bool skips(const struct ps_gate *gate, const struct ps_gate_condition *condition) {
    return condition != NULL && condition->is_first_run && !ps_gate_is_first_run(gate);
}

static penstock_code add_later_run(struct ps_gate *gate, const struct ps_gate_condition *condition,
                                   struct penstock_error *error) {
    return ps_gate_add(gate, error, condition->text, (double)NAN, condition->value, PS_VERDICT_NOT_APPLICABLE,
                       PS_GATE_SILENT, "%s applies to the first run only", condition->text);
}

static penstock_code add_no_past(struct ps_gate *gate, const struct ps_gate_condition *condition,
                                 struct penstock_error *error) {
    return condition == NULL ? PENSTOCK_OK
                             : ps_gate_add(gate, error, condition->text, (double)NAN, condition->value,
                                           PS_VERDICT_NOT_APPLICABLE, PS_GATE_SILENT,
                                           "no version before this one says what its rows were like");
}

/* ---- rows ---- */

static int64_t count_rows(const struct ps_gate *gate) {
    return gate->has_profile ? gate->profile.training_count : gate->candidate->rows.training;
}

static penstock_code check_rows(struct ps_gate *gate, const struct ps_gate_condition *condition,
                                struct penstock_error *error) {
    const double value = (double)count_rows(gate);
    if (skips(gate, condition)) {
        return add_later_run(gate, condition, error);
    }
    const bool passed = ps_gate_holds(value, condition->comparison, condition->value);
    return ps_gate_add(gate, error, condition->text, value, condition->value, ps_gate_verdict(passed),
                       PS_GATE_TOLD, "%.0f training rows%s %s %.6g", value, passed ? "" : " are not",
                       condition->comparison, condition->value);
}

static penstock_code check_drop(struct ps_gate *gate, struct penstock_error *error) {
    const struct ps_gate_condition *condition = ps_gate_find(gate, PS_GATE_ROWS_DROP);
    if (gate->past_count == 0) {
        return add_no_past(gate, condition, error);
    }
    double *counts PS_SCOPED(ps_release_scoped) = ps_allocate(gate->past_count, sizeof *counts);
    if (counts == NULL) {
        return ps_error_memory(error, "gate report");
    }
    for (size_t i = 0; i < gate->past_count; i++) {
        counts[i] = (double)gate->past[i].training_count;
    }
    const double before = median(counts, gate->past_count);
    const double now = (double)count_rows(gate);
    const double drop = before > 0 ? 1.0 - now / before : 0.0;
    const double limit = condition == NULL ? DROP_MAX : condition->value;
    const bool passed = drop <= limit;
    return ps_gate_add(
        gate, error, condition == NULL ? "rows DROP" : condition->text, drop, limit, ps_gate_verdict(passed),
        passed && condition == NULL ? PS_GATE_SILENT : PS_GATE_TOLD,
        passed ? "%.0f training rows beside %.0f of the versions before: %.1f%% fewer, allowed are "
                 "%.4g%%"
               : "%.0f training rows are too few beside %.0f of the versions before: %.1f%% fewer, "
                 "allowed are %.4g%%",
        now, before, 100 * fmax(0.0, drop), 100 * limit);
}

/* ---- missing values ---- */

static double missing_share(const struct ps_profile_column *column) {
    const double count = (double)(column->count + column->missing_count);
    return count > 0 ? (double)column->missing_count / count : 0.0;
}

/* The share of missing values that the column had; NaN: no version before had the column. */
static penstock_code missing_before(const struct ps_gate *gate, const char *name, double *share_out,
                                    struct penstock_error *error) {
    double *shares PS_SCOPED(ps_release_scoped) = ps_allocate(gate->past_count + 1, sizeof *shares);
    size_t count = 0;
    if (shares == NULL) {
        return ps_error_memory(error, "gate report");
    }
    for (size_t i = 0; i < gate->past_count; i++) {
        const struct ps_profile_column *column = ps_profile_find(&gate->past[i], name);
        if (column != NULL) {
            shares[count++] = missing_share(column);
        }
    }
    *share_out = median(shares, count);
    return PENSTOCK_OK;
}

static const struct ps_gate_condition *find_of_column(const struct ps_gate *gate, enum ps_gate_kind kind,
                                                      const char *column) {
    for (size_t i = 0; i < gate->model->gate_count; i++) {
        const struct ps_gate_condition *condition = &gate->model->gate[i];
        if (condition->kind == kind && condition->column != NULL &&
            ps_text_equal_nocase(condition->column, column)) {
            return condition;
        }
    }
    return NULL;
}

/* The column that is worst by `kind` (missing values, or their rise) among those the condition is for. */
struct worst {
    const struct ps_profile_column *column;
    double share, before;
};
static penstock_code find_worst(const struct ps_gate *gate, enum ps_gate_kind kind, const char *only,
                                struct worst *worst, struct penstock_error *error) {
    double most = (double)-INFINITY;
    *worst = (struct worst){.before = (double)NAN};
    for (size_t i = 0; i < gate->profile.column_count; i++) {
        const struct ps_profile_column *column = &gate->profile.columns[i];
        double before = 0;
        if (only != NULL ? !ps_text_equal_nocase(column->name, only)
                         : find_of_column(gate, kind, column->name) != NULL) {
            continue;
        }
        if (kind == PS_GATE_NULLS_RISE) {
            PS_TRY(missing_before(gate, column->name, &before, error));
        }
        const double value = missing_share(column) - before;
        if (!isnan(before) && value > most) {
            most = value;
            *worst = (struct worst){column, missing_share(column), before};
        }
    }
    return PENSTOCK_OK;
}

static penstock_code check_nulls(struct ps_gate *gate, const struct ps_gate_condition *condition,
                                 struct penstock_error *error) {
    struct worst worst;
    if (skips(gate, condition)) {
        return add_later_run(gate, condition, error);
    }
    if (!gate->has_profile) {
        return ps_gate_add_unmeasured(gate, condition, "the rows of this training are not known", error);
    }
    PS_TRY(find_worst(gate, PS_GATE_NULLS, condition->column, &worst, error));
    if (worst.column == NULL) {
        return ps_gate_add_unmeasured(gate, condition, "the model does not read this column", error);
    }
    const bool passed = ps_gate_holds(worst.share, condition->comparison, condition->value);
    return ps_gate_add(gate, error, condition->text, worst.share, condition->value, ps_gate_verdict(passed),
                       PS_GATE_TOLD, "%s is missing in %.2f%% of the training rows, allowed are %.4g%%",
                       worst.column->name, 100 * worst.share, 100 * condition->value);
}

static penstock_code check_rise(struct ps_gate *gate, const struct ps_gate_condition *condition,
                                struct penstock_error *error) {
    struct worst worst;
    if (gate->past_count == 0 || !gate->has_profile) {
        return add_no_past(gate, condition, error);
    }
    PS_TRY(find_worst(gate, PS_GATE_NULLS_RISE, condition == NULL ? NULL : condition->column, &worst, error));
    if (worst.column == NULL) {
        return add_no_past(gate, condition, error);
    }
    const double rise = worst.share - worst.before;
    const double limit = condition == NULL ? RISE_MAX : condition->value;
    const bool passed = rise <= limit;
    return ps_gate_add(
        gate, error, condition == NULL ? "nulls RISE" : condition->text, rise, limit, ps_gate_verdict(passed),
        passed && condition == NULL ? PS_GATE_SILENT : PS_GATE_TOLD,
        "%s is missing in %.2f%% of the training rows, was in %.2f%%: allowed is a rise by %.4g%%",
        worst.column->name, 100 * worst.share, 100 * worst.before, 100 * limit);
}

/* ---- the label ---- */

static const struct ps_profile_column *label_of(const struct ps_profile *profile) {
    return profile->column_count > 0 ? &profile->columns[profile->column_count - 1] : NULL;
}

static penstock_code check_label(struct ps_gate *gate, const struct ps_gate_condition *condition,
                                 struct penstock_error *error) {
    const struct ps_profile_column *label = gate->has_profile ? label_of(&gate->profile) : NULL;
    if (skips(gate, condition)) {
        return add_later_run(gate, condition, error);
    }
    if (label == NULL || label->is_text || isnan(label->minimum)) {
        return ps_gate_add_unmeasured(gate, condition, "the label is no number", error);
    }
    const bool is_upper = condition->comparison[0] == '<';
    const double value = is_upper ? label->maximum : label->minimum;
    const bool passed = ps_gate_holds(value, condition->comparison, condition->value);
    return ps_gate_add(gate, error, condition->text, value, condition->value, ps_gate_verdict(passed),
                       PS_GATE_TOLD, "the %s %s %.6g%s %s %.6g", is_upper ? "largest" : "smallest",
                       label->name, value, passed ? "" : " is not", condition->comparison, condition->value);
}

/* Classes: the share of a class that has changed most. */
static double class_share(const struct ps_profile *profile, const struct ps_profile_column *of, size_t bin) {
    const struct ps_profile_column *label = label_of(profile);
    double all = 0;
    double found = 0;
    for (size_t i = 0; i < label->bin_count; i++) {
        all += (double)label->bins[i];
        const bool is_same =
            of->is_text ? label->is_text && strcmp(label->values[i], of->values[bin]) == 0
                        : !label->is_text && (i + 1 < label->bin_count ? label->edges[i] : label->maximum) ==
                                                 (bin + 1 < of->bin_count ? of->edges[bin] : of->maximum);
        found += is_same ? (double)label->bins[i] : 0.0;
    }
    return all > 0 ? found / all : 0.0;
}

static void widest_shift(const struct ps_profile *from, const struct ps_profile *now,
                         const struct ps_profile *before, double *shift, double *share_now,
                         double *share_before) {
    const struct ps_profile_column *label = label_of(from);
    for (size_t bin = 0; bin < label->bin_count; bin++) {
        const double a = class_share(now, label, bin);
        const double b = class_share(before, label, bin);
        if (fabs(a - b) > *shift) {
            *shift = fabs(a - b);
            *share_now = a;
            *share_before = b;
        }
    }
}

static penstock_code check_class_shift(struct ps_gate *gate, const struct ps_gate_condition *condition,
                                       struct penstock_error *error) {
    double shift = 0;
    double now = 0;
    double before = 0;
    widest_shift(&gate->profile, &gate->profile, &gate->past[0], &shift, &now, &before);
    widest_shift(&gate->past[0], &gate->profile, &gate->past[0], &shift, &now, &before);
    const double limit = condition == NULL ? CLASS_SHIFT_MAX : condition->value;
    const bool passed = shift <= limit;
    return ps_gate_add(
        gate, error, condition == NULL ? "label SHIFT" : condition->text, shift, limit,
        ps_gate_verdict(passed), passed && condition == NULL ? PS_GATE_SILENT : PS_GATE_TOLD,
        "the share of a class has moved by %.1f%% at most (%.1f%%, was %.1f%%): allowed is %.4g%%",
        100 * shift, 100 * now, 100 * before, 100 * limit);
}

struct label_past {
    double mean, deviation, minimum, maximum;
};

static penstock_code recall_label(const struct ps_gate *gate, struct label_past *past,
                                  struct penstock_error *error) {
    double *numbers PS_SCOPED(ps_release_scoped) = ps_allocate(2 * gate->past_count, sizeof *numbers);
    size_t count = 0;
    *past = (struct label_past){(double)NAN, (double)NAN, (double)INFINITY, (double)-INFINITY};
    if (numbers == NULL) {
        return ps_error_memory(error, "gate report");
    }
    for (size_t i = 0; i < gate->past_count; i++) {
        const struct ps_profile_column *label = label_of(&gate->past[i]);
        if (label == NULL || label->is_text || isnan(label->mean)) {
            continue;
        }
        numbers[count] = label->mean;
        numbers[gate->past_count + count++] = label->deviation;
        past->minimum = fmin(past->minimum, label->minimum);
        past->maximum = fmax(past->maximum, label->maximum);
    }
    past->mean = median(numbers, count);
    past->deviation = median(numbers + gate->past_count, count);
    return PENSTOCK_OK;
}

static penstock_code check_shift(struct ps_gate *gate, struct penstock_error *error) {
    const struct ps_gate_condition *condition = ps_gate_find(gate, PS_GATE_LABEL_SHIFT);
    const struct ps_profile_column *label = gate->has_profile ? label_of(&gate->profile) : NULL;
    struct label_past past;
    if (gate->past_count == 0 || label == NULL || label_of(&gate->past[0]) == NULL) {
        return add_no_past(gate, condition, error);
    }
    if (ps_gate_has_classes(gate)) {
        return check_class_shift(gate, condition, error);
    }
    PS_TRY(recall_label(gate, &past, error));
    if (isnan(past.mean) || isnan(label->mean)) {
        return add_no_past(gate, condition, error);
    }
    const double distance = fabs(label->mean - past.mean);
    const double shift = distance > 0 ? distance / past.deviation : 0.0;
    const double limit = condition == NULL ? SHIFT_MAX : condition->value;
    const bool passed = shift <= limit;
    return ps_gate_add(
        gate, error, condition == NULL ? "label SHIFT" : condition->text, shift, limit,
        ps_gate_verdict(passed), passed && condition == NULL ? PS_GATE_SILENT : PS_GATE_TOLD,
        "the mean of %s is %.6g, was %.6g: moved by %.3g standard deviations, allowed are %.4g", label->name,
        label->mean, past.mean, shift, limit);
}

static penstock_code check_outside(struct ps_gate *gate, struct penstock_error *error) {
    const struct ps_gate_condition *condition = ps_gate_find(gate, PS_GATE_LABEL_OUTSIDE);
    const struct ps_sample *sample = gate->candidate->training_sample;
    struct label_past past;
    if (gate->past_count == 0 || sample == NULL || ps_gate_has_classes(gate)) {
        return add_no_past(gate, condition, error);
    }
    PS_TRY(recall_label(gate, &past, error));
    const struct ps_sample_column *label = &sample->columns[sample->column_count - 1];
    if (label->is_text || isnan(past.mean)) {
        return add_no_past(gate, condition, error);
    }
    int64_t outside = 0;
    int64_t count = 0;
    for (size_t i = 0; i < sample->kept_count; i++) {
        count += isfinite(label->numbers[i]);
        outside += label->numbers[i] < past.minimum || label->numbers[i] > past.maximum;
    }
    const double share = count > 0 ? (double)outside / (double)count : 0.0;
    const double limit = condition == NULL ? OUTSIDE_MAX : condition->value;
    const bool passed = share <= limit;
    return ps_gate_add(gate, error, condition == NULL ? "label OUTSIDE" : condition->text, share, limit,
                       ps_gate_verdict(passed), passed && condition == NULL ? PS_GATE_SILENT : PS_GATE_TOLD,
                       "%.2f%% of %s lie outside of %.6g to %.6g, the range before: allowed are %.4g%%",
                       100 * share, label->name, past.minimum, past.maximum, 100 * limit);
}

static penstock_code check_asked(struct ps_gate *gate, enum ps_gate_kind kind,
                                 penstock_code (*check)(struct ps_gate *gate,
                                                        const struct ps_gate_condition *condition,
                                                        struct penstock_error *error),
                                 bool *is_general_out, struct penstock_error *error) {
    for (size_t i = 0; i < gate->model->gate_count; i++) {
        const struct ps_gate_condition *condition = &gate->model->gate[i];
        if (condition->kind == kind) {
            *is_general_out = *is_general_out || condition->column == NULL;
            PS_TRY(check(gate, condition, error));
        }
    }
    return PENSTOCK_OK;
}

penstock_code ps_gate_check_data(struct ps_gate *gate, struct penstock_error *error) {
    bool ignored = false;
    bool has_rise = false;
    PS_TRY(check_asked(gate, PS_GATE_ROWS, check_rows, &ignored, error));
    PS_TRY(check_drop(gate, error));
    PS_TRY(check_asked(gate, PS_GATE_NULLS, check_nulls, &ignored, error));
    PS_TRY(check_asked(gate, PS_GATE_NULLS_RISE, check_rise, &has_rise, error));
    if (!has_rise) {
        PS_TRY(check_rise(gate, NULL, error));
    }
    PS_TRY(check_asked(gate, PS_GATE_LABEL, check_label, &ignored, error));
    PS_TRY(check_shift(gate, error));
    return check_outside(gate, error);
}
