/* SPDX-License-Identifier: Apache-2.0
 *
 * leaks.c - columns of the sample beside its label.
 *
 * A column is looked at in a few rows first: almost none passes there, so that the sorting of all kept rows is done
 * only for what is suspicious already.
 */
#include "model/leaks.h"

#include <math.h>
#include <stdlib.h>

#include "base/sort.h"
#include "model/sample.h"

/* Fewer rows prove nothing; nor do fewer rows that differ from the most frequent label. */
enum { ROW_MIN = 50, VARIED_MIN = 10, GLANCE = 256 };
/* A text with more values than this share of the rows is an id: it stands for the row, not for the label. */
static const double id_share = 0.2;

struct pair {
    double value, label;
};

static int by_value(const void *left, const void *right) {
    const struct pair *a = left, *b = right;
    if (a->value < b->value || a->value > b->value) {
        return a->value < b->value ? -1 : 1;
    }
    return a->label < b->label ? -1 : a->label > b->label ? 1 : 0;
}

/* Rows of the column with both values; a text's value is its index. */
static size_t collect(const struct ps_sample *sample, size_t column, size_t row_max, struct pair *pairs) {
    const struct ps_sample_column *from = &sample->columns[column];
    const struct ps_sample_column *label = &sample->columns[sample->column_count - 1];
    size_t count = 0;
    for (size_t i = 0; i < sample->kept_count && count < row_max; i++) {
        const double value = from->is_text ? (double)from->indexes[i] : from->numbers[i];
        if (isfinite(value) && isfinite(label->numbers[i]) && (!from->is_text || value >= 0)) {
            pairs[count++] = (struct pair){value, label->numbers[i]};
        }
    }
    return count;
}

/* The first place of numbers in order that is not less than `number`; with `behind`: that is greater. */
static size_t place_of(const double *sorted, size_t count, double number, bool behind) {
    size_t low = 0, high = count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (sorted[middle] < number || (behind && sorted[middle] <= number)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool is_equal(double left, double right) {
    return left >= right && left <= right;
}

/* Do equal values have equal labels, and does the label rise (or fall) with the value all along? Then, and only then,
 * values and labels that are put in order each by itself are still pairs; if it falls, with the labels the other way
 * round. Numbers alone are sorted much faster than pairs. `values` and `labels`: room for as many. */
static bool is_monotone(const struct pair *pairs, size_t count, double *values, double *labels) {
    bool rises = true, falls = true;
    for (size_t i = 0; i < count; i++) {
        values[i] = pairs[i].value;
        labels[i] = pairs[i].label;
    }
    ps_sort_doubles(values, count);
    ps_sort_doubles(labels, count);
    for (size_t i = 0; i < count && (rises || falls); i++) {
        const size_t first = place_of(values, count, pairs[i].value, false);
        const size_t last = place_of(values, count, pairs[i].value, true) - 1;
        const double label = pairs[i].label;
        rises = rises && is_equal(labels[first], label) && is_equal(labels[last], label);
        falls =
            falls && is_equal(labels[count - 1 - first], label) && is_equal(labels[count - 1 - last], label);
    }
    return rises || falls;
}

/* Does each value have one label of its own? Sorted by value. */
static bool is_one_to_one(const struct pair *pairs, size_t count, double *labels) {
    size_t values = 0;
    for (size_t i = 0; i < count; i++) {
        const bool is_new = i == 0 || pairs[i].value > pairs[i - 1].value;
        if (!is_new && (pairs[i].label < pairs[i - 1].label || pairs[i].label > pairs[i - 1].label)) {
            return false;
        }
        if (is_new) {
            labels[values++] = pairs[i].label;
        }
    }
    ps_sort_doubles(labels, values);
    for (size_t i = 1; i < values; i++) {
        if (!(labels[i] > labels[i - 1])) {
            return false;
        }
    }
    return (double)values <= id_share * (double)count;
}

/* Rows whose label is not the most frequent one. */
static size_t count_varied(const struct pair *pairs, size_t count, double *labels) {
    size_t longest = 0, length = 0;
    for (size_t i = 0; i < count; i++) {
        labels[i] = pairs[i].label;
    }
    ps_sort_doubles(labels, count);
    for (size_t i = 0; i < count; i++) {
        length = i > 0 && labels[i] <= labels[i - 1] ? length + 1 : 1;
        longest = length > longest ? length : longest;
    }
    return count - longest;
}

static bool tells_label(const struct ps_sample *sample, size_t column, struct pair *pairs, double *labels) {
    const bool is_text = sample->columns[column].is_text;
    for (size_t pass = 0; pass < 2; pass++) {
        const size_t count = collect(sample, column, pass == 0 ? GLANCE : sample->kept_count, pairs);
        if (is_text) {
            qsort(pairs, count, sizeof *pairs, by_value);
        }
        if (count < ROW_MIN || (is_text ? !is_one_to_one(pairs, count, labels)
                                        : !is_monotone(pairs, count, labels + count, labels))) {
            return false;
        }
        if (pass == 1) {
            return count_varied(pairs, count, labels) >= VARIED_MIN;
        }
    }
    return false;
}

penstock_code ps_leaks_find(struct ps_candidate *candidate, struct ps_notes *notes,
                            struct penstock_error *error) {
    const struct ps_sample *sample = candidate->training_sample;
    if (sample == NULL || sample->column_count < 2 || sample->columns[sample->column_count - 1].is_text) {
        return PENSTOCK_OK;
    }
    struct pair *pairs PS_SCOPED(ps_release_scoped) = ps_allocate(sample->kept_count + 1, sizeof *pairs);
    double *labels PS_SCOPED(ps_release_scoped) = ps_allocate(2 * sample->kept_count + 1, sizeof *labels);
    const char **leaks = ps_arena_allocate(candidate->arena, sample->column_count, sizeof *leaks);
    if (pairs == NULL || labels == NULL || leaks == NULL) {
        return ps_error_memory(error, "a training");
    }
    struct ps_fit_sanity *sanity = &candidate->sanity;
    const char *label = sample->columns[sample->column_count - 1].name;
    sanity->leaks = leaks;
    sanity->leak_count = 0;
    for (size_t c = 0; c + 1 < sample->column_count; c++) {
        if (!tells_label(sample, c, pairs, labels)) {
            continue;
        }
        leaks[sanity->leak_count] = ps_arena_copy(candidate->arena, sample->columns[c].name);
        if (leaks[sanity->leak_count++] == NULL) {
            return ps_error_memory(error, "a training");
        }
        PS_TRY(ps_notes_add(notes, error,
                            "%s tells %s by itself: %s; is it known when a prediction is asked for?",
                            sample->columns[c].name, label,
                            sample->columns[c].is_text ? "each of its values stands for one of the label"
                                                       : "the rows are in the same order by both"));
    }
    return PENSTOCK_OK;
}
