/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics_classes.c - all metrics of a classification from rows, as Spark's evaluators compute them.
 *
 * The metrics of classes (MulticlassMetrics) follow from the counts of (class, predicted class); a class that is
 * never predicted has precision 0. The areas (BinaryClassificationMetrics with numBins = 0) come from the rows by
 * falling probability of the second class: every distinct probability is a threshold, trapezoids in between. The
 * curve of ROC begins at (0, 0) and ends at (1, 1); that of precision over recall begins at recall 0 with the
 * precision of its first threshold.
 */
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "model/metrics.h"

/* MulticlassMetrics.logLoss: a probability counts as at least this, and at most 1 less this. */
static const double loss_epsilon = 1e-15;

static size_t scaled_class(const double *probabilities, size_t class_count, const double *thresholds) {
    size_t best = 0;
    double most = -(double)INFINITY;
    for (size_t c = 0; c < class_count; c++) {
        const double scaled = thresholds[c] == 0 ? (double)INFINITY : probabilities[c] / thresholds[c];
        if (scaled > most) {
            most = scaled;
            best = c;
        }
    }
    return best;
}

size_t ps_metrics_class(const double *probabilities, size_t class_count, const struct ps_decision *decision) {
    if (decision->thresholds != NULL) {
        return scaled_class(probabilities, class_count, decision->thresholds);
    }
    if (class_count == 2) {
        return probabilities[1] > decision->threshold ? 1 : 0;
    }
    size_t best = 0;
    for (size_t c = 1; c < class_count; c++) {
        best = probabilities[c] > probabilities[best] ? c : best;
    }
    return best;
}

static double loss_of(double probability) {
    if (!(probability >= loss_epsilon)) {
        return -log(loss_epsilon);
    }
    return probability > 1 - loss_epsilon ? -log1p(-loss_epsilon) : -log(probability);
}

static double weight_of(const struct ps_class_rows *rows, int64_t row) {
    return rows->weights == NULL ? 1 : rows->weights[row];
}

/* Compensated (Neumaier). */
static double mean_loss(const struct ps_class_rows *rows, double weight_sum) {
    double sum = 0, rest = 0;
    for (int64_t i = 0; i < rows->row_count; i++) {
        const bool is_known = rows->labels[i] >= 0 && rows->labels[i] < (double)rows->class_count;
        const size_t place = (size_t)i * rows->class_count + (is_known ? (size_t)rows->labels[i] : 0);
        const double value = weight_of(rows, i) * loss_of(is_known ? rows->probabilities[place] : 0);
        const double total = sum + value;
        rest += fabs(sum) >= fabs(value) ? (sum - total) + value : (value - total) + sum;
        sum = total;
    }
    return (sum + rest) / weight_sum;
}

/* --- counts of classes ------------------------------------------------------------------------------------ */

struct class_counts {
    double rows;      /* of the class */
    double predicted; /* rows that were given the class */
    double right;     /* both */
};

static void score_classes(const struct class_counts *counts, size_t class_count, double row_count,
                          struct ps_metrics *metrics) {
    double right = 0, precision = 0, recall = 0, f1 = 0, false_positives = 0;
    for (size_t c = 0; c < class_count; c++) {
        const struct class_counts *of = &counts[c];
        if (!(of->rows > 0)) {
            continue; /* no row of the class: its weight is 0 */
        }
        const double weight = of->rows / row_count;
        const double p = of->predicted > 0 ? of->right / of->predicted : 0;
        const double r = of->right / of->rows;
        right += of->right;
        precision += weight * p;
        recall += weight * r;
        f1 += weight * (p + r > 0 ? 2 * p * r / (p + r) : 0);
        false_positives += weight * ((of->predicted - of->right) / (row_count - of->rows));
    }
    metrics->accuracy = right / row_count;
    metrics->hamming_loss = (row_count - right) / row_count;
    metrics->weighted_precision = precision;
    metrics->weighted_recall = recall;
    metrics->f1 = f1;
    metrics->weighted_false_positive_rate = false_positives;
}

static penstock_code count_classes(const struct ps_class_rows *rows, const struct ps_decision *decision,
                                   double weight_sum, struct ps_metrics *metrics,
                                   struct penstock_error *error) {
    const size_t class_count = rows->class_count;
    struct class_counts *counts PS_SCOPED(ps_release_scoped) = ps_allocate(class_count, sizeof *counts);
    if (counts == NULL) {
        return ps_error_memory(error, "metrics");
    }
    for (int64_t i = 0; i < rows->row_count; i++) {
        const double weight = weight_of(rows, i);
        const size_t given =
            ps_metrics_class(rows->probabilities + (size_t)i * class_count, class_count, decision);
        counts[given].predicted += weight;
        if (rows->labels[i] >= 0 && rows->labels[i] < (double)class_count) {
            struct class_counts *own = &counts[(size_t)rows->labels[i]];
            own->rows += weight;
            own->right += own == &counts[given] ? weight : 0;
        }
    }
    score_classes(counts, class_count, weight_sum, metrics);
    return PENSTOCK_OK;
}

/* --- areas ------------------------------------------------------------------------------------------------- */

struct ranked {
    double score, weight;
    bool is_positive;
};

static int by_falling_score(const void *left, const void *right) {
    const double a = ((const struct ranked *)left)->score;
    const double b = ((const struct ranked *)right)->score;
    return a < b ? 1 : a > b ? -1 : 0;
}

static void measure_areas(const struct ranked *rows, size_t count, double positives, double negatives,
                          struct ps_metrics *metrics) {
    double true_count = 0, false_count = 0;          /* given the second class at this threshold */
    double x = 0, y = 0, recall = 0, precision = -1; /* of the threshold before */
    double roc = 0, pr = 0;
    for (size_t i = 0; i < count;) {
        const double score = rows[i].score;
        for (; i < count && !(rows[i].score < score); i++) {
            true_count += rows[i].is_positive ? rows[i].weight : 0;
            false_count += rows[i].is_positive ? 0 : rows[i].weight;
        }
        const double x_now = false_count / negatives, y_now = true_count / positives;
        const double precision_now = true_count / (true_count + false_count);
        roc += (x_now - x) * (y_now + y) / 2;
        pr += (y_now - recall) * (precision_now + (precision < 0 ? precision_now : precision)) / 2;
        x = x_now;
        y = recall = y_now;
        precision = precision_now;
    }
    if (positives > 0 && negatives > 0) {
        metrics->area_under_roc = roc;
    }
    if (positives > 0) {
        metrics->area_under_pr = pr;
    }
}

static penstock_code rank(const struct ps_class_rows *given, struct ps_metrics *metrics,
                          struct penstock_error *error) {
    const size_t count = (size_t)given->row_count;
    struct ranked *rows PS_SCOPED(ps_release_scoped) = ps_allocate(count, sizeof *rows);
    if (rows == NULL) {
        return ps_error_memory(error, "metrics");
    }
    double positives = 0, negatives = 0;
    for (size_t i = 0; i < count; i++) {
        rows[i] = (struct ranked){.score = given->probabilities[2 * i + 1],
                                  .weight = weight_of(given, (int64_t)i),
                                  .is_positive = given->labels[i] >= 1 && given->labels[i] < 2};
        positives += rows[i].is_positive ? rows[i].weight : 0;
        negatives += rows[i].is_positive ? 0 : rows[i].weight;
    }
    qsort(rows, count, sizeof *rows, by_falling_score);
    measure_areas(rows, count, positives, negatives, metrics);
    return PENSTOCK_OK;
}

penstock_code ps_metrics_compute_classes(const struct ps_class_rows *rows, const struct ps_decision *decision,
                                         struct ps_metrics *metrics_out, struct penstock_error *error) {
    struct ps_metrics metrics;
    double weight_sum = 0;
    ps_metrics_clear(&metrics);
    metrics.row_count = rows->row_count;
    for (int64_t i = 0; i < rows->row_count; i++) {
        weight_sum += weight_of(rows, i);
    }
    if (rows->row_count > 0) {
        metrics.log_loss = mean_loss(rows, weight_sum);
        PS_TRY(count_classes(rows, decision, weight_sum, &metrics, error));
        if (rows->class_count == 2) {
            PS_TRY(rank(rows, &metrics, error));
        }
    }
    *metrics_out = metrics;
    return PENSTOCK_OK;
}
