/* SPDX-License-Identifier: Apache-2.0
 *
 * profile.c - bins and quantiles of a sample.
 *
 * Edges are values of the sample, so that a number that occurs often is wholly in one bin. Of a time that
 * CyclicEncoder reads only the gaps are kept: that new rows have other moments than old ones is no drift.
 */
#include "publish/profile.h"

#include <math.h>

#include "base/sort.h"

/* Tenths: the usual number for the population stability index (Siddiqi, Credit Risk Scorecards, 2006). */
#define BIN_COUNT 10
/* So many different numbers or fewer: a bin for each. */
#define DISTINCT_MAX 20
/* Texts with a bin of their own. */
#define VALUE_MAX 100

const double ps_profile_probabilities[PS_PROFILE_QUANTILES] = {0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1};

/* The least value that a share of `probability` is at or below. */
static double quantile(const double *sorted, size_t count, double probability) {
    const double place = ceil(probability * (double)count) - 1;
    return sorted[place < 0 ? 0 : (size_t)place];
}

static size_t find_bin(const double *edges, size_t edge_count, double number) {
    size_t low = 0;
    size_t high = edge_count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (number <= edges[middle]) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

static size_t choose_edges(const double *sorted, size_t count, double *edges) {
    double distinct[DISTINCT_MAX + 1];
    size_t distinct_count = 0;
    for (size_t i = 0; i < count && distinct_count <= DISTINCT_MAX; i++) {
        if (i == 0 || sorted[i] != sorted[i - 1]) {
            distinct[distinct_count++] = sorted[i];
        }
    }
    size_t edge_count = 0;
    if (distinct_count <= DISTINCT_MAX) {
        for (; edge_count + 1 < distinct_count; edge_count++) {
            edges[edge_count] = distinct[edge_count];
        }
        return edge_count;
    }
    for (size_t i = 1; i < BIN_COUNT; i++) {
        const double edge = quantile(sorted, count, (double)i / BIN_COUNT);
        if ((edge_count == 0 || edge > edges[edge_count - 1]) && edge < sorted[count - 1]) {
            edges[edge_count++] = edge;
        }
    }
    return edge_count;
}

static penstock_code bin_numbers(const struct ps_sample *sample, const struct ps_sample_column *from,
                                 struct ps_arena *arena, struct ps_profile_column *column,
                                 struct penstock_error *error) {
    double *sorted PS_SCOPED(ps_release_scoped) = ps_allocate(sample->kept_count + 1, sizeof(double));
    double *edges = ps_arena_allocate(arena, DISTINCT_MAX, sizeof *edges);
    int64_t *bins = ps_arena_allocate(arena, DISTINCT_MAX + 1, sizeof *bins);
    if (sorted == NULL || edges == NULL || bins == NULL) {
        return ps_error_memory(error, "a profile");
    }
    size_t count = 0;
    for (size_t i = 0; i < sample->kept_count; i++) {
        if (isfinite(from->numbers[i])) {
            sorted[count++] = from->numbers[i];
        }
    }
    column->kept_missing_count = (int64_t)(sample->kept_count - count);
    column->edges = edges;
    column->bins = bins;
    for (size_t i = 0; i < PS_PROFILE_QUANTILES; i++) {
        column->quantiles[i] = (double)NAN;
    }
    if (count == 0) {
        return PENSTOCK_OK;
    }
    ps_sort_doubles(sorted, count);
    for (size_t i = 0; i < PS_PROFILE_QUANTILES; i++) {
        column->quantiles[i] = quantile(sorted, count, ps_profile_probabilities[i]);
    }
    const size_t edge_count = choose_edges(sorted, count, edges);
    column->bin_count = edge_count + 1;
    for (size_t i = 0; i < count; i++) {
        bins[find_bin(edges, edge_count, sorted[i])]++;
    }
    return PENSTOCK_OK;
}

struct value {
    const char *text;
    int64_t count;
};

/* Most frequent first, then by byte value, so that the order of rows does not matter. */
static int compare_values(const void *left, const void *right) {
    const struct value *a = left;
    const struct value *b = right;
    return a->count != b->count ? (a->count > b->count ? -1 : 1) : strcmp(a->text, b->text);
}

static penstock_code keep_values(const struct value *values, size_t value_count, struct ps_arena *arena,
                                 struct ps_profile_column *column, struct penstock_error *error) {
    const size_t bin_count = value_count < VALUE_MAX ? value_count : VALUE_MAX;
    const char **texts = ps_arena_allocate(arena, bin_count + 1, sizeof *texts);
    int64_t *bins = ps_arena_allocate(arena, bin_count + 1, sizeof *bins);
    if (texts == NULL || bins == NULL) {
        return ps_error_memory(error, "a profile");
    }
    column->values = texts;
    column->bins = bins;
    for (size_t i = 0; i < value_count; i++) {
        if (i >= bin_count || values[i].count == 0) {
            column->other_count += values[i].count;
            continue;
        }
        texts[i] = ps_arena_copy(arena, values[i].text);
        bins[i] = values[i].count;
        column->bin_count = i + 1;
        if (texts[i] == NULL) {
            return ps_error_memory(error, "a profile");
        }
    }
    return PENSTOCK_OK;
}

static penstock_code bin_texts(const struct ps_sample *sample, const struct ps_sample_column *from,
                               struct ps_arena *arena, struct ps_profile_column *column,
                               struct penstock_error *error) {
    const size_t value_count = ps_dictionary_count(from->values);
    struct value *values PS_SCOPED(ps_release_scoped) = ps_allocate(value_count + 1, sizeof *values);
    if (values == NULL) {
        return ps_error_memory(error, "a profile");
    }
    for (size_t i = 0; i < value_count; i++) {
        values[i].text = ps_dictionary_text(from->values, i);
    }
    for (size_t i = 0; i < sample->kept_count; i++) {
        const int32_t index = from->indexes[i];
        if (index == PS_DICTIONARY_FULL || (index >= 0 && from->is_time)) {
            column->other_count++;
        } else if (index >= 0) {
            values[index].count++;
        } else {
            column->kept_missing_count++;
        }
    }
    if (value_count > 1) {
        qsort(values, value_count, sizeof *values, compare_values);
    }
    return keep_values(values, value_count, arena, column, error);
}

penstock_code ps_profile_of_sample(const struct ps_sample *sample, struct ps_arena *arena,
                                   struct ps_profile *profile_out, struct penstock_error *error) {
    struct ps_profile profile = {.kept_count = (int64_t)sample->kept_count,
                                 .time_last = (double)NAN,
                                 .column_count = sample->column_count};
    profile.columns = ps_arena_allocate(arena, sample->column_count + 1, sizeof *profile.columns);
    if (profile.columns == NULL) {
        return ps_error_memory(error, "a profile");
    }
    for (size_t c = 0; c < sample->column_count; c++) {
        const struct ps_sample_column *from = &sample->columns[c];
        struct ps_profile_column *column = &profile.columns[c];
        *column = (struct ps_profile_column){.name = ps_arena_copy(arena, from->name),
                                             .is_text = from->is_text,
                                             .count = from->count,
                                             .missing_count = from->missing_count,
                                             .minimum = from->minimum,
                                             .maximum = from->maximum,
                                             .mean = from->mean,
                                             .deviation = from->deviation};
        if (column->name == NULL) {
            return ps_error_memory(error, "a profile");
        }
        if (from->is_text) {
            PS_TRY(bin_texts(sample, from, arena, column, error));
        } else {
            PS_TRY(bin_numbers(sample, from, arena, column, error));
        }
    }
    *profile_out = profile;
    return PENSTOCK_OK;
}

const struct ps_profile_column *ps_profile_find(const struct ps_profile *profile, const char *name) {
    for (size_t i = 0; i < profile->column_count; i++) {
        if (strcmp(profile->columns[i].name, name) == 0) {
            return &profile->columns[i];
        }
    }
    return NULL;
}

static penstock_code count_texts(const struct ps_profile_column *column, const struct ps_sample *sample,
                                 const struct ps_sample_column *counted, int64_t *counts,
                                 struct penstock_error *error) {
    const size_t other = column->bin_count;
    const size_t value_count = ps_dictionary_count(counted->values);
    int64_t *found PS_SCOPED(ps_release_scoped) = ps_allocate(value_count + 1, sizeof *found);
    if (found == NULL) {
        return ps_error_memory(error, "a profile");
    }
    for (size_t i = 0; i < sample->kept_count; i++) {
        const int32_t index = counted->indexes[i];
        if (index >= 0) {
            found[index]++;
        } else {
            counts[index == PS_DICTIONARY_FULL ? other : other + 1]++;
        }
    }
    for (size_t v = 0; v < value_count; v++) {
        const char *text = ps_dictionary_text(counted->values, v);
        size_t bin = 0;
        while (bin < column->bin_count && strcmp(column->values[bin], text) != 0) {
            bin++;
        }
        counts[bin] += found[v];
    }
    return PENSTOCK_OK;
}

penstock_code ps_profile_count(const struct ps_profile_column *column, const struct ps_sample *sample,
                               const struct ps_sample_column *counted, int64_t *counts_out, bool *is_same_out,
                               struct penstock_error *error) {
    *is_same_out = column->is_text == counted->is_text;
    memset(counts_out, 0, (column->bin_count + 2) * sizeof *counts_out);
    if (!*is_same_out) {
        return PENSTOCK_OK;
    }
    if (column->is_text) {
        return count_texts(column, sample, counted, counts_out, error);
    }
    for (size_t i = 0; i < sample->kept_count; i++) {
        const double number = counted->numbers[i];
        size_t bin = column->bin_count + 1; /* missing */
        if (isfinite(number)) {
            bin = column->bin_count == 0 ? 0 : find_bin(column->edges, column->bin_count - 1, number);
        }
        counts_out[bin]++;
    }
    return PENSTOCK_OK;
}
