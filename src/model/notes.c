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
    const struct ps_linear_solution *solution = &refit->solution;
    if (solution->rank < solution->varying_count) {
        PS_TRY(ps_notes_add(
            notes, error, "%zu of %zu features follow from the others: the solution of least norm was taken",
            solution->varying_count - solution->rank, solution->varying_count));
    }
    return PENSTOCK_OK;
}

penstock_code ps_notes_finish(struct ps_notes *notes, struct penstock_error *error) {
    if (notes->left_out == 0) {
        return PENSTOCK_OK;
    }
    notes->texts[PS_LIMIT_NOTE_COUNT - 1] =
        ps_arena_printf(notes->arena, "... and %zu more of this kind", notes->left_out + 1);
    return notes->texts[PS_LIMIT_NOTE_COUNT - 1] != NULL ? PENSTOCK_OK : ps_error_memory(error, "notes");
}
