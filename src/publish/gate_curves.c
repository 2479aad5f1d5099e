/* SPDX-License-Identifier: Apache-2.0
 *
 * gate_curves.c - what the report page draws of the hold-out: residuals by prediction, calibration.
 *
 * Rows are cut into parts of equal size by what was predicted; of each part means and quantiles are kept, never the
 * rows. Of several classes the class that is predicted, and how sure the model was of it, is what is calibrated.
 */
#include <math.h>

#include "publish/gate_parts.h"
#include "publish/json.h"

#define PART_COUNT 20

struct point {
    double predicted, outcome; /* outcome: the residual, or 1 if the class came */
    int64_t row;
};

static int compare_points(const void *left, const void *right) {
    const struct point *a = left;
    const struct point *b = right;
    if (a->predicted != b->predicted) {
        return a->predicted < b->predicted ? -1 : 1;
    }
    return a->row < b->row ? -1 : (a->row > b->row ? 1 : 0);
}

static int compare_outcomes(const void *left, const void *right) {
    const double a = ((const struct point *)left)->outcome;
    const double b = ((const struct point *)right)->outcome;
    return a < b ? -1 : (a > b ? 1 : 0);
}

static double quantile(const struct point *sorted, size_t count, double probability) {
    return sorted[(size_t)(probability * (double)(count - 1) + 0.5)].outcome;
}

static void add_part(yyjson_mut_doc *document, yyjson_mut_val *parts, struct point *points, size_t count,
                     bool has_classes) {
    double predicted = 0;
    double outcome = 0;
    for (size_t i = 0; i < count; i++) {
        predicted += points[i].predicted;
        outcome += points[i].outcome;
    }
    yyjson_mut_val *part = yyjson_mut_arr_add_obj(document, parts);
    (void)yyjson_mut_obj_add_uint(document, part, "rows", count);
    ps_json_add_number(document, part, "predicted", predicted / (double)count);
    ps_json_add_number(document, part, has_classes ? "observed" : "residual", outcome / (double)count);
    if (has_classes) {
        return;
    }
    static const struct {
        const char *name;
        double probability;
    } quantiles[] = {{"p05", 0.05}, {"p25", 0.25}, {"p50", 0.5}, {"p75", 0.75}, {"p95", 0.95}};
    qsort(points, count, sizeof *points, compare_outcomes);
    for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++) {
        ps_json_add_number(document, part, quantiles[i].name,
                           quantile(points, count, quantiles[i].probability));
    }
}

/* Two classes: the second one's probability. Several: the greatest one. */
static struct point class_point(const struct ps_candidate *candidate, int64_t row) {
    const size_t class_count = candidate->target.class_count;
    const double *probabilities = candidate->holdout_probabilities + (size_t)row * class_count;
    size_t best = class_count == 2 ? 1 : 0;
    for (size_t i = 0; class_count > 2 && i < class_count; i++) {
        best = probabilities[i] > probabilities[best] ? i : best;
    }
    return (struct point){probabilities[best],
                          fabs(candidate->holdout_labels[row] - (double)best) < 0.5 ? 1.0 : 0.0, row};
}

penstock_code ps_gate_add_curves(struct ps_gate *gate, struct penstock_error *error) {
    const struct ps_candidate *candidate = gate->candidate;
    const int64_t row_count = candidate->holdout.row_count;
    const bool has_classes = ps_gate_has_classes(gate);
    if (!gate->has_profile || row_count == 0 ||
        (has_classes ? candidate->holdout_probabilities == NULL : candidate->holdout_predictions == NULL)) {
        return PENSTOCK_OK;
    }
    struct point *points PS_SCOPED(ps_release_scoped) = ps_allocate((size_t)row_count, sizeof *points);
    if (points == NULL) {
        return ps_error_memory(error, "gate report");
    }
    size_t count = 0;
    for (int64_t row = 0; row < row_count; row++) {
        const double prediction = has_classes ? 0 : candidate->holdout_predictions[row];
        const struct point point =
            has_classes ? class_point(candidate, row)
                        : (struct point){prediction, candidate->holdout_labels[row] - prediction, row};
        if (isfinite(point.predicted) && isfinite(point.outcome)) {
            points[count++] = point;
        }
    }
    qsort(points, count, sizeof *points, compare_points);
    yyjson_mut_val *parts = yyjson_mut_obj_add_arr(gate->details, yyjson_mut_doc_get_root(gate->details),
                                                   has_classes ? "calibration" : "residuals");
    for (size_t i = 0; i < PART_COUNT; i++) {
        const size_t first = i * count / PART_COUNT;
        const size_t end = (i + 1) * count / PART_COUNT;
        if (end > first) {
            add_part(gate->details, parts, points + first, end - first, has_classes);
        }
    }
    return PENSTOCK_OK;
}
