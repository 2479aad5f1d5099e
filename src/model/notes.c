/* SPDX-License-Identifier: Apache-2.0
 *
 * notes.c - findings about the features.
 *
 * Two features are copies when their correlation is 1 or -1 to rounding: the model is then not unique, and the
 * solution of least norm shares the weight between them.
 */
#include "model/notes.h"

#include <math.h>
#include <stdio.h>

static const double copy_correlation = 1 - 1e-12;
/* Of a feature's variance this share may be left beside others that it follows from; and with a weight below this (of
 * features of deviation 1) it does not follow from one. */
static const double dependence_max = 1e-10;
static const double weight_min = 1e-6;
/* Features that are looked at for it (the time is their number to the third), and names in one note. */
enum { DEPENDENT_MAX = 300, NAMES_MAX = 5 };

penstock_code ps_notes_init(struct ps_notes *notes, struct ps_arena *arena, struct penstock_error *error) {
    *notes = (struct ps_notes){.arena = arena};
    notes->texts = ps_arena_allocate(arena, PS_LIMIT_NOTE_COUNT + 1, sizeof *notes->texts);
    return notes->texts != NULL ? PENSTOCK_OK : ps_error_memory(error, "notes");
}

penstock_code ps_notes_add(struct ps_notes *notes, struct penstock_error *error, const char *format, ...) {
    char text[600];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (notes->count >= PS_LIMIT_NOTE_COUNT) {
        notes->left_out++;
        return PENSTOCK_OK;
    }
    notes->texts[notes->count] = ps_arena_copy(notes->arena, text);
    return notes->texts[notes->count++] != NULL ? PENSTOCK_OK : ps_error_memory(error, "notes");
}

static size_t slot_of(const struct ps_layout *layout, const struct ps_refit *refit, size_t feature) {
    const struct ps_layout_column *column = &layout->columns[refit->design.columns[feature]];
    return column->is_group ? layout->groups[column->index] : layout->dense[column->index].slot;
}

static const char *name_of(const struct ps_layout *layout, const struct ps_refit *refit, size_t feature) {
    const size_t slot = slot_of(layout, refit, feature);
    const char *name = ps_slot_feature_name(layout->pipeline, slot, refit->design.indexes[feature]);
    return name != NULL ? name : "?";
}

/* Most features of a hash are empty, and others coincide: nobody wants to read about each. */
static bool is_hashed(const struct ps_layout *layout, const struct ps_refit *refit, size_t feature) {
    const size_t maker = layout->pipeline->slots[slot_of(layout, refit, feature)].maker;
    return maker != PS_NO_SLOT && layout->pipeline->transforms[maker].type == &ps_feature_hasher_type;
}

static penstock_code note_copies(struct ps_notes *notes, const struct ps_layout *layout,
                                 const struct ps_refit *refit, size_t feature, struct penstock_error *error) {
    const struct ps_moments *moments = &refit->moments;
    const size_t n = moments->count;
    const double variance = moments->covariance[feature * n + feature];
    if (fabs(moments->cross[feature]) >= copy_correlation * sqrt(variance * moments->label_variance) &&
        moments->label_variance > 0) {
        PS_TRY(ps_notes_add(
            notes, error,
            "feature %s is a copy of the label (correlation %s1): is the answer among the questions?",
            name_of(layout, refit, feature), moments->cross[feature] < 0 ? "-" : ""));
    }
    for (size_t other = 0; other < feature; other++) {
        const double covariance = moments->covariance[feature * n + other];
        const double scale = sqrt(variance * moments->covariance[other * n + other]);
        if (scale > 0 && fabs(covariance) >= copy_correlation * scale) {
            return ps_notes_add(
                notes, error, "feature %s is a copy of %s (correlation %s1): they share one weight",
                name_of(layout, refit, feature), name_of(layout, refit, other), covariance < 0 ? "-" : "");
        }
    }
    return PENSTOCK_OK;
}

/* "c follows from a, b": the features of which `feature` is the sum, given the triangle of those before it. */
static penstock_code tell_dependent(struct ps_notes *notes, const struct ps_layout *layout,
                                    const struct ps_refit *refit, const size_t *kept, size_t count,
                                    const double *triangle, double *weights, size_t feature,
                                    struct penstock_error *error) {
    const size_t n = refit->moments.count;
    const char *names = "";
    size_t named = 0;
    bool is_one_hot = true; /* all of one group: its categories add up to 1, as they should */
    for (size_t i = count;
         i-- > 0;) { /* back substitution: weights of the kept features, scaled to deviation 1 */
        for (size_t j = i + 1; j < count; j++) {
            weights[i] -= triangle[j * n + i] * weights[j];
        }
        weights[i] /= triangle[i * n + i];
    }
    for (size_t i = 0; i < count && names != NULL; i++) {
        if (fabs(weights[i]) < weight_min) {
            continue;
        }
        named++;
        is_one_hot = is_one_hot && slot_of(layout, refit, kept[i]) == slot_of(layout, refit, feature);
        if (named <= NAMES_MAX) {
            names = ps_arena_printf(notes->arena, "%s%s%s", names, named > 1 ? ", " : "",
                                    name_of(layout, refit, kept[i]));
        }
    }
    if (names == NULL) {
        return ps_error_memory(error, "notes");
    }
    if (named < 2 || is_one_hot) { /* a copy: that was said */
        return PENSTOCK_OK;
    }
    if (named > NAMES_MAX) {
        return ps_notes_add(notes, error, "feature %s follows from %s and %zu more",
                            name_of(layout, refit, feature), names, named - NAMES_MAX);
    }
    return ps_notes_add(notes, error, "feature %s follows from %s", name_of(layout, refit, feature), names);
}

/* Cholesky's triangle of the correlations, feature after feature: one of which nothing is left depends on those
 * before it. */
static penstock_code note_dependent(struct ps_notes *notes, const struct ps_layout *layout,
                                    const struct ps_refit *refit, struct penstock_error *error) {
    const struct ps_moments *moments = &refit->moments;
    const size_t n = moments->count;
    if (n > DEPENDENT_MAX) {
        return PENSTOCK_OK;
    }
    double *triangle PS_SCOPED(ps_release_scoped) =
        ps_allocate(n * n, sizeof(double)); /* row of a kept feature */
    double *row PS_SCOPED(ps_release_scoped) = ps_allocate(n, sizeof(double));
    size_t *kept PS_SCOPED(ps_release_scoped) = ps_allocate(n, sizeof(size_t));
    if (triangle == NULL || row == NULL || kept == NULL) {
        return ps_error_memory(error, "notes");
    }
    size_t count = 0;
    for (size_t f = 0; f < n; f++) {
        const double deviation = sqrt(moments->covariance[f * n + f]);
        if (!(deviation > 0) || is_hashed(layout, refit, f)) {
            continue;
        }
        double left = 1;
        for (size_t i = 0; i < count; i++) {
            const double other = sqrt(moments->covariance[kept[i] * n + kept[i]]);
            double value = moments->covariance[f * n + kept[i]] / deviation / other;
            for (size_t j = 0; j < i; j++) {
                value -= row[j] * triangle[i * n + j];
            }
            row[i] = value / triangle[i * n + i];
            left -= row[i] * row[i];
        }
        if (left > dependence_max) {
            memcpy(triangle + count * n, row, count * sizeof(double));
            triangle[count * n + count] = sqrt(left);
            kept[count++] = f;
        } else {
            PS_TRY(tell_dependent(notes, layout, refit, kept, count, triangle, row, f, error));
        }
    }
    return PENSTOCK_OK;
}

penstock_code ps_notes_features(struct ps_notes *notes, const struct ps_layout *layout,
                                const struct ps_refit *refit, struct penstock_error *error) {
    const struct ps_moments *moments = &refit->moments;
    for (size_t i = 0; i < moments->count; i++) {
        if (is_hashed(layout, refit, i)) {
            continue;
        }
        if (moments->covariance[i * moments->count + i] > 0) {
            PS_TRY(note_copies(notes, layout, refit, i, error));
        } else {
            PS_TRY(ps_notes_add(notes, error, "feature %s is constant: coefficient 0",
                                name_of(layout, refit, i)));
        }
    }
    if (moments->label_variance == 0) {
        PS_TRY(ps_notes_add(notes, error, "the label is the same in all rows: the model is that constant"));
    }
    if (moments->weight_squares == 0 && moments->row_count < (double)moments->count) {
        PS_TRY(ps_notes_add(notes, error, "%.0f rows are fewer than the %zu features", moments->row_count,
                            moments->count));
    }
    const struct ps_linear_solution *solution = &refit->solution;
    if (solution->rank < solution->varying_count) {
        PS_TRY(ps_notes_add(
            notes, error, "%zu of %zu features follow from the others: the solution of least norm was taken",
            solution->varying_count - solution->rank, solution->varying_count));
    }
    return note_dependent(notes, layout, refit, error);
}

penstock_code ps_notes_finish(struct ps_notes *notes, struct penstock_error *error) {
    if (notes->left_out == 0) {
        return PENSTOCK_OK;
    }
    notes->texts[PS_LIMIT_NOTE_COUNT - 1] =
        ps_arena_printf(notes->arena, "... and %zu more of this kind", notes->left_out + 1);
    return notes->texts[PS_LIMIT_NOTE_COUNT - 1] != NULL ? PENSTOCK_OK : ps_error_memory(error, "notes");
}
