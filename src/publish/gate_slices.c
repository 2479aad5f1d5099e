/* SPDX-License-Identifier: Apache-2.0
 *
 * gate_slices.c - a model that is better on the whole must not be much worse for some.
 *
 * For each value of the column with enough hold-out rows, candidate and champion are compared on its rows (paired.h).
 * The value counts against the candidate when it is worse by more than the allowed share and that is no chance: of m
 * values tested at 5 percent each, one in twenty would cry, so the probabilities go through Holm's step-down (A simple
 * sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6, 1979): the smallest must be
 * below 0.05 / m, the next below 0.05 / (m - 1), and so on. Values with fewer rows are one slice, "others".
 */
#include <math.h>
#include <stdio.h>

#include "model/slices.h"
#include "publish/gate_parts.h"
#include "publish/json.h"
#include "publish/paired.h"

/* Names of slices in one sentence. */
#define NAMED_MAX 5

struct slice {
    const char *name;         /* of the value */
    int64_t first, row_count; /* in the order below */
    struct ps_paired paired;
    double probability; /* that it is only by chance worse by more than allowed */
    bool is_refused;
};
struct slicing {
    const struct ps_slice_column *column;
    struct slice *slices;
    size_t count;
    int64_t *order;      /* hold-out rows, slice after slice */
    size_t pooled_count; /* values that are in "others" */
};

static const struct ps_slice_column *find_column(const struct ps_slices *slices, const char *name) {
    for (size_t i = 0; slices != NULL && i < slices->column_count; i++) {
        if (ps_text_equal_nocase(slices->columns[i].name, name)) {
            return &slices->columns[i];
        }
    }
    return NULL;
}

/* Place of a row's value: its index, then NULL, then the values beyond the dictionary. */
static size_t place_of(const struct ps_slice_column *column, int64_t row, size_t value_count) {
    const int32_t index = column->indexes[row];
    return index >= 0 ? (size_t)index : value_count + (index == PS_SLICE_NULL ? 0 : 1);
}

/* Which slice each value's rows go to; small values, and those nobody counted, to the last. */
static void choose_slices(struct slicing *slicing, const int64_t *counts, size_t value_count,
                          int64_t row_count_min, size_t *slice_of) {
    const size_t place_count = value_count + 2;
    int64_t pooled = 0;
    for (size_t place = 0; place < place_count; place++) {
        const bool is_own = counts[place] >= row_count_min && place != value_count + 1;
        slice_of[place] = SIZE_MAX;
        if (is_own) {
            slice_of[place] = slicing->count;
            slicing->slices[slicing->count++] = (struct slice){
                .name = place == value_count ? "NULL" : ps_dictionary_text(slicing->column->values, place),
                .row_count = counts[place]};
        } else {
            pooled += counts[place];
            slicing->pooled_count += counts[place] > 0;
        }
    }
    if (pooled > 0) {
        for (size_t place = 0; place < place_count; place++) {
            slice_of[place] = slice_of[place] == SIZE_MAX ? slicing->count : slice_of[place];
        }
        slicing->slices[slicing->count++] = (struct slice){.name = "others", .row_count = pooled};
    }
}

static penstock_code fill(struct slicing *slicing, int64_t row_count, int64_t row_count_min,
                          struct penstock_error *error) {
    const size_t value_count = ps_dictionary_count(slicing->column->values);
    int64_t *counts PS_SCOPED(ps_release_scoped) = ps_allocate(value_count + 2, sizeof *counts);
    size_t *slice_of PS_SCOPED(ps_release_scoped) = ps_allocate(value_count + 2, sizeof *slice_of);
    slicing->slices = ps_allocate(value_count + 3, sizeof *slicing->slices);
    slicing->order = ps_allocate((size_t)row_count + 1, sizeof *slicing->order);
    if (counts == NULL || slice_of == NULL || slicing->slices == NULL || slicing->order == NULL) {
        return ps_error_memory(error, "the slices of a hold-out");
    }
    for (int64_t row = 0; row < row_count; row++) {
        counts[place_of(slicing->column, row, value_count)]++;
    }
    choose_slices(slicing, counts, value_count, row_count_min, slice_of);
    int64_t first = 0;
    for (size_t i = 0; i < slicing->count; i++) {
        slicing->slices[i].first = first;
        first += slicing->slices[i].row_count;
        slicing->slices[i].row_count = 0;
    }
    for (int64_t row = 0; row < row_count; row++) {
        struct slice *slice = &slicing->slices[slice_of[place_of(slicing->column, row, value_count)]];
        slicing->order[slice->first + slice->row_count++] = row;
    }
    return PENSTOCK_OK;
}

static penstock_code compare(struct ps_gate *gate, const struct ps_gate_condition *condition,
                             struct slicing *slicing, struct penstock_error *error) {
    const struct ps_candidate *candidate = gate->candidate;
    const struct ps_loss_metric *metric = ps_gate_loss(gate, condition);
    for (size_t i = 0; i < slicing->count; i++) {
        struct slice *slice = &slicing->slices[i];
        const struct ps_paired_rows rows = {.labels = candidate->holdout_labels,
                                            .candidate = ps_gate_has_classes(gate)
                                                             ? candidate->holdout_probabilities
                                                             : candidate->holdout_predictions,
                                            .champion = gate->question->champion_predictions,
                                            .times = candidate->holdout_times,
                                            .row_count = candidate->holdout.row_count,
                                            .loss = metric->loss,
                                            .is_root = metric->is_root,
                                            .class_count = candidate->target.class_count,
                                            .selection = slicing->order + slice->first,
                                            .selection_count = slice->row_count};
        PS_TRY(ps_paired_compare(&rows, condition->confidence, &slice->paired, error));
        slice->probability = ps_paired_worse(&slice->paired, condition->value);
    }
    return PENSTOCK_OK;
}

static int compare_slices(const void *left, const void *right) {
    const struct slice *a = left;
    const struct slice *b = right;
    if (a->probability != b->probability) {
        return a->probability < b->probability ? -1 : 1;
    }
    if (a->paired.gain != b->paired.gain) {
        return a->paired.gain < b->paired.gain ? -1 : 1;
    }
    return strcmp(a->name, b->name);
}

/* Sorts by probability and steps down. */
static size_t step_down(struct slicing *slicing, double confidence) {
    size_t refused = 0;
    if (slicing->count > 1) {
        qsort(slicing->slices, slicing->count, sizeof *slicing->slices, compare_slices);
    }
    while (refused < slicing->count &&
           slicing->slices[refused].probability <= (1.0 - confidence) / (double)(slicing->count - refused)) {
        slicing->slices[refused++].is_refused = true;
    }
    return refused;
}

static void keep(struct ps_gate *gate, const struct ps_gate_condition *condition,
                 const struct slicing *slicing) {
    yyjson_mut_doc *document = gate->details;
    yyjson_mut_val *root = yyjson_mut_doc_get_root(document);
    yyjson_mut_val *all = yyjson_mut_obj_get(root, "slices");
    all = all == NULL ? yyjson_mut_obj_add_arr(document, root, "slices") : all;
    yyjson_mut_val *object = yyjson_mut_arr_add_obj(document, all);
    ps_json_add_text(document, object, "column", condition->column);
    ps_json_add_text(document, object, "metric", ps_gate_loss(gate, condition)->shown);
    yyjson_mut_val *values = yyjson_mut_obj_add_arr(document, object, "values");
    for (size_t i = 0; i < slicing->count && i < 1000; i++) {
        const struct slice *slice = &slicing->slices[i];
        yyjson_mut_val *value = yyjson_mut_arr_add_obj(document, values);
        ps_json_add_text(document, value, "value", slice->name);
        (void)yyjson_mut_obj_add_sint(document, value, "rows", slice->row_count);
        ps_json_add_number(document, value, "champion", slice->paired.champion_metric);
        ps_json_add_number(document, value, "candidate", slice->paired.candidate_metric);
        ps_json_add_number(document, value, "gain", slice->paired.gain);
        ps_json_add_number(document, value, "probability", slice->probability);
        (void)yyjson_mut_obj_add_bool(document, value, "refused", slice->is_refused);
    }
}

static penstock_code tell(struct ps_gate *gate, const struct ps_gate_condition *condition,
                          const struct slicing *slicing, size_t refused, struct penstock_error *error) {
    const struct slice *worst = &slicing->slices[0];
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&text, 1024);
    char pooled[80] = "";
    if (slicing->pooled_count > 0) {
        (void)snprintf(pooled, sizeof pooled, "; %zu values with fewer than %lld rows are pooled as others",
                       slicing->pooled_count, (long long)condition->row_count_min);
    }
    if (refused == 0) {
        return ps_gate_add(
            gate, error, condition->text, -worst->paired.gain, condition->value, PS_VERDICT_PASSED,
            PS_GATE_TOLD,
            "none of %zu slices by %s is worse by more than %.4g%% beyond chance (nearest: %.40s, %.1f%% %s on "
            "%lld rows, p %.2g)%s",
            slicing->count, condition->column, 100 * condition->value, worst->name,
            100 * fabs(worst->paired.gain), worst->paired.gain < 0 ? "worse" : "better",
            (long long)worst->row_count, worst->probability, pooled);
    }
    for (size_t i = 0; i < refused && i < NAMED_MAX; i++) {
        const struct slice *slice = &slicing->slices[i];
        ps_buffer_printf(&text, "%s%.40s is %.1f%% worse on %lld rows (p %.2g)", i > 0 ? ", " : "",
                         slice->name, -100 * slice->paired.gain, (long long)slice->row_count,
                         slice->probability);
    }
    ps_buffer_text(&text, refused > NAMED_MAX ? ", ..." : "");
    PS_TRY(ps_buffer_status(&text, error));
    return ps_gate_add(
        gate, error, condition->text, -worst->paired.gain, condition->value, PS_VERDICT_REFUSED, PS_GATE_TOLD,
        "%zu of %zu slices by %s %s worse than champion version %lld by more than %.4g%%: %s%s", refused,
        slicing->count, condition->column, refused == 1 ? "is" : "are",
        (long long)gate->question->champion_version, 100 * condition->value, text.data, pooled);
}

static void slicing_done(struct slicing *slicing) {
    ps_release(slicing->slices);
    ps_release(slicing->order);
}

penstock_code ps_gate_check_slices(struct ps_gate *gate, const struct ps_gate_condition *condition,
                                   struct penstock_error *error) {
    struct slicing slicing PS_SCOPED(slicing_done) = {0};
    if (ps_gate_is_first_run(gate)) {
        return ps_gate_add(gate, error, condition->text, (double)NAN, condition->value,
                           PS_VERDICT_NOT_APPLICABLE, PS_GATE_SILENT,
                           "first version, there is no champion to compare slices with");
    }
    if (!ps_gate_has_holdout(gate)) {
        return ps_gate_add_unmeasured(gate, condition, "there is no HOLDOUT", error);
    }
    if (gate->question->champion_predictions == NULL) {
        return ps_gate_add_unmeasured(gate, condition, "the champion cannot predict the hold-out rows",
                                      error);
    }
    slicing.column = find_column(gate->candidate->slices, condition->column);
    if (slicing.column == NULL) {
        return ps_gate_add_unmeasured(gate, condition, "the hold-out rows have no such column", error);
    }
    PS_TRY(fill(&slicing, gate->candidate->holdout.row_count, condition->row_count_min, error));
    PS_TRY(compare(gate, condition, &slicing, error));
    const size_t refused = step_down(&slicing, condition->confidence);
    keep(gate, condition, &slicing);
    return tell(gate, condition, &slicing, refused, error);
}
