/* SPDX-License-Identifier: Apache-2.0
 *
 * drift_score.c - bins put together, shares, index, limit; and the report over all columns.
 *
 * Half a row is added to each bin, so that an empty one does not make the index infinite.
 */
#include "publish/drift_score.h"

#include <math.h>
#include <stdio.h>

#include "publish/chi_square.h"

#define EXPECTED_MIN 5.0
#define REPORT_SIZE_MAX ((size_t)8 << 20)
/* Names in the report's one sentence. */
#define NAMED_MAX 5

struct group {
    double before, now;
    size_t bin; /* a bin of it: the one with the most rows */
    double most;
};
struct grouping {
    struct group *groups; /* bin_count + 2 */
    size_t count;
    struct group rest; /* texts that are too few for a group of their own */
    double total_before, total_now;
};

static double expected(const struct grouping *grouping, double rows) {
    const double smaller =
        grouping->total_before < grouping->total_now ? grouping->total_before : grouping->total_now;
    return rows / (grouping->total_before + grouping->total_now) * smaller;
}

static void add_bin(struct group *group, size_t bin, double before, double now) {
    group->before += before;
    group->now += now;
    if (before + now >= group->most) {
        group->most = before + now;
        group->bin = bin;
    }
}

static void add_group(struct grouping *grouping, const struct group *group) {
    if (group->before + group->now <= 0) {
        return;
    }
    const bool is_small = expected(grouping, group->before + group->now) < EXPECTED_MIN;
    if (is_small && grouping->count > 0) {
        add_bin(&grouping->groups[grouping->count - 1], group->bin, group->before, group->now);
    } else {
        grouping->groups[grouping->count++] = *group;
    }
}

/* Numbers: neighbours are put together until they are enough. Texts: the small ones go to the rest. */
static void group_bins(const struct ps_profile_column *column, const int64_t *now,
                       struct grouping *grouping) {
    struct group open = {0};
    for (size_t i = 0; i < column->bin_count; i++) {
        const double before_count = (double)column->bins[i];
        const double now_count = (double)now[i];
        const bool is_small = expected(grouping, before_count + now_count) < EXPECTED_MIN;
        if (column->is_text && is_small) {
            add_bin(&grouping->rest, column->bin_count, before_count, now_count);
            continue;
        }
        add_bin(&open, i, before_count, now_count);
        if (expected(grouping, open.before + open.now) >= EXPECTED_MIN) {
            grouping->groups[grouping->count++] = open;
            open = (struct group){0};
        }
    }
    add_group(grouping, &open);
    if (column->is_text || column->bin_count == 0) {
        add_bin(&grouping->rest, column->bin_count, (double)column->other_count,
                (double)now[column->bin_count]);
    }
    struct group missing = {0};
    add_bin(&missing, column->bin_count + 1, (double)column->kept_missing_count,
            (double)now[column->bin_count + 1]);
    add_group(grouping, &grouping->rest);
    add_group(grouping, &missing);
}

penstock_code ps_drift_score_bins(const struct ps_profile_column *column, const int64_t *now,
                                  double tolerance, double confidence, struct ps_drift_score *score_out,
                                  struct penstock_error *error) {
    *score_out = (struct ps_drift_score){.bin_count = 1, .limit = tolerance};
    struct grouping grouping = {.total_before = (double)(column->other_count + column->kept_missing_count)};
    for (size_t i = 0; i < column->bin_count + 2; i++) {
        grouping.total_now += (double)now[i];
        grouping.total_before += i < column->bin_count ? (double)column->bins[i] : 0.0;
    }
    if (grouping.total_before <= 0 || grouping.total_now <= 0) {
        return PENSTOCK_OK;
    }
    struct group *groups PS_SCOPED(ps_release_scoped) =
        ps_allocate(column->bin_count + 3, sizeof *grouping.groups);
    if (groups == NULL) {
        return ps_error_memory(error, "a drift report");
    }
    grouping.groups = groups;
    group_bins(column, now, &grouping);
    const double count = (double)grouping.count;
    double most = -1;
    for (size_t i = 0; i < grouping.count; i++) {
        const double q = (groups[i].before + 0.5) / (grouping.total_before + 0.5 * count);
        const double p = (groups[i].now + 0.5) / (grouping.total_now + 0.5 * count);
        const double part = (p - q) * log(p / q);
        score_out->index += part;
        if (part > most) {
            most = part;
            score_out->worst = groups[i].bin;
            score_out->worst_before = groups[i].before / grouping.total_before;
            score_out->worst_now = groups[i].now / grouping.total_now;
        }
    }
    score_out->bin_count = grouping.count;
    if (grouping.count < 2) {
        score_out->index = 0;
        return PENSTOCK_OK;
    }
    const double scale = 1.0 / grouping.total_before + 1.0 / grouping.total_now;
    score_out->limit = scale * ps_chi_square_quantile(confidence, count - 1.0, tolerance / scale);
    return PENSTOCK_OK;
}

/* "EWR", "12 to 18", "missing": what the bin holds. */
static void name_bin(const struct ps_profile_column *column, size_t bin, char *text, size_t size) {
    if (bin > column->bin_count) {
        (void)snprintf(text, size, "missing values");
    } else if (bin == column->bin_count) {
        (void)snprintf(text, size, "other values");
    } else if (column->is_text) {
        (void)snprintf(text, size, "%.40s", column->values[bin]);
    } else if (column->bin_count == 1) {
        (void)snprintf(text, size, "any number");
    } else if (bin == 0) {
        (void)snprintf(text, size, "up to %.6g", column->edges[0]);
    } else if (bin + 1 == column->bin_count) {
        (void)snprintf(text, size, "above %.6g", column->edges[bin - 1]);
    } else {
        (void)snprintf(text, size, "%.6g to %.6g", column->edges[bin - 1], column->edges[bin]);
    }
}

static penstock_code describe(const struct ps_profile_column *column, const struct ps_drift_score *score,
                              struct ps_drift_report *report, struct penstock_error *error) {
    char bin[96];
    name_bin(column, score->worst, bin, sizeof bin);
    struct ps_drift_feature *feature = &report->features[report->feature_count++];
    feature->name = ps_arena_copy(report->arena, column->name);
    feature->score = score->index;
    feature->limit = score->limit;
    feature->has_drifted = score->bin_count > 1 && score->index > score->limit;
    feature->sentence =
        score->bin_count < 2
            ? ps_arena_printf(report->arena, "%s: all rows are alike, before and now", column->name)
            : ps_arena_printf(report->arena, "%s: PSI %.3g, limit %.3g; most by %s: %.1f%%, was %.1f%%",
                              column->name, score->index, score->limit, bin, 100 * score->worst_now,
                              100 * score->worst_before);
    report->drifted_count += feature->has_drifted;
    report->has_drifted = report->has_drifted || feature->has_drifted;
    return feature->name == NULL || feature->sentence == NULL ? ps_error_memory(error, "a drift report")
                                                              : PENSTOCK_OK;
}

/* A column that was text and is a number now, or the other way round: nothing of it is as it was. */
static penstock_code describe_other_kind(const struct ps_profile_column *column,
                                         struct ps_drift_report *report, struct penstock_error *error) {
    struct ps_drift_feature *feature = &report->features[report->feature_count++];
    feature->name = ps_arena_copy(report->arena, column->name);
    feature->score = (double)INFINITY;
    feature->limit = 0;
    feature->has_drifted = report->has_drifted = true;
    report->drifted_count++;
    feature->sentence = ps_arena_printf(report->arena, "%s: was a %s and is none any more", column->name,
                                        column->is_text ? "text" : "number");
    return feature->name == NULL || feature->sentence == NULL ? ps_error_memory(error, "a drift report")
                                                              : PENSTOCK_OK;
}

static int compare_features(const void *left, const void *right) {
    const struct ps_drift_feature *a = left;
    const struct ps_drift_feature *b = right;
    const double x = a->limit > 0 ? a->score / a->limit : a->score;
    const double y = b->limit > 0 ? b->score / b->limit : b->score;
    return x > y ? -1 : (x < y ? 1 : strcmp(a->name, b->name));
}

static penstock_code tell(struct ps_drift_report *report, struct penstock_error *error) {
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&text, REPORT_SIZE_MAX);
    if (!report->is_applicable) {
        ps_buffer_printf(&text, "%lld new rows are too few to tell drift", (long long)report->row_count);
    } else if (report->drifted_count == 0) {
        ps_buffer_printf(&text, "none of %zu features has drifted", report->feature_count);
    } else {
        ps_buffer_printf(&text, "%zu of %zu features %s drifted: ", report->drifted_count,
                         report->feature_count, report->drifted_count == 1 ? "has" : "have");
        for (size_t i = 0; i < report->drifted_count && i < NAMED_MAX; i++) {
            ps_buffer_printf(&text, "%s%s PSI %.3g (limit %.3g)", i > 0 ? ", " : "", report->features[i].name,
                             report->features[i].score, report->features[i].limit);
        }
        ps_buffer_text(&text, report->drifted_count > NAMED_MAX ? ", ..." : "");
    }
    PS_TRY(ps_buffer_status(&text, error));
    report->sentence = ps_arena_copy(report->arena, text.data);
    return report->sentence == NULL ? ps_error_memory(error, "a drift report") : PENSTOCK_OK;
}

static const struct ps_sample_column *find_column(const struct ps_sample *sample, const char *name) {
    for (size_t i = 0; i < sample->column_count; i++) {
        if (strcmp(sample->columns[i].name, name) == 0) {
            return &sample->columns[i];
        }
    }
    return NULL;
}

static bool is_compared(const struct ps_profile_column *column, const struct ps_sample *sample,
                        const char *column_name) {
    return (column_name == NULL || ps_text_equal_nocase(column->name, column_name)) &&
           find_column(sample, column->name) != NULL;
}

static penstock_code compare(const struct ps_profile *profile, const struct ps_sample *sample,
                             const char *column_name, double tolerance, double confidence,
                             struct ps_drift_report *report, struct penstock_error *error) {
    const size_t column_count = profile->column_count > 0 ? profile->column_count - 1 : 0;
    size_t compared = 0;
    size_t bins_max = 0;
    for (size_t i = 0; i < column_count; i++) {
        compared += is_compared(&profile->columns[i], sample, column_name);
        bins_max = profile->columns[i].bin_count > bins_max ? profile->columns[i].bin_count : bins_max;
    }
    report->features = ps_arena_allocate(report->arena, compared + 1, sizeof *report->features);
    int64_t *counts PS_SCOPED(ps_release_scoped) = ps_allocate(bins_max + 2, sizeof *counts);
    if (report->features == NULL || counts == NULL) {
        return ps_error_memory(error, "a drift report");
    }
    report->row_count = sample->row_count;
    report->is_applicable = compared > 0 && sample->row_count >= PS_DRIFT_ROW_COUNT_MIN;
    const double each = 1.0 - (1.0 - confidence) / (double)(compared > 0 ? compared : 1);
    for (size_t i = 0; report->is_applicable && i < column_count; i++) {
        const struct ps_profile_column *column = &profile->columns[i];
        bool is_same = false;
        if (!is_compared(column, sample, column_name)) {
            continue;
        }
        PS_TRY(ps_profile_count(column, sample, find_column(sample, column->name), counts, &is_same, error));
        if (!is_same) {
            PS_TRY(describe_other_kind(column, report, error));
            continue;
        }
        struct ps_drift_score score;
        PS_TRY(ps_drift_score_bins(column, counts, tolerance, each, &score, error));
        PS_TRY(describe(column, &score, report, error));
    }
    if (report->feature_count > 1) {
        qsort(report->features, report->feature_count, sizeof *report->features, compare_features);
    }
    return tell(report, error);
}

penstock_code ps_drift_compare(const struct ps_profile *profile, const struct ps_sample *sample,
                               const char *column_name, double tolerance, double confidence,
                               struct ps_drift_report **report_out, struct penstock_error *error) {
    struct ps_arena *arena = ps_arena_new(REPORT_SIZE_MAX);
    struct ps_drift_report *report = arena == NULL ? NULL : ps_arena_allocate(arena, 1, sizeof *report);
    if (report == NULL) {
        ps_arena_free(arena);
        return ps_error_memory(error, "a drift report");
    }
    report->arena = arena;
    const penstock_code code = compare(profile, sample, column_name, tolerance, confidence, report, error);
    if (code != PENSTOCK_OK) {
        ps_arena_free(arena);
        return code;
    }
    *report_out = report;
    return PENSTOCK_OK;
}

void ps_drift_report_free(struct ps_drift_report *report) {
    if (report != NULL) {
        ps_arena_free(report->arena);
    }
}

void ps_drift_report_free_scoped(struct ps_drift_report **report) {
    ps_drift_report_free(*report);
}
