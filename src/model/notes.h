/* SPDX-License-Identifier: Apache-2.0
 *
 * notes.h - what a training has to tell beside its numbers, one sentence each.
 */
#ifndef PS_MODEL_NOTES_H
#define PS_MODEL_NOTES_H

#include "model/search.h"

/* More notes than this are counted, not told. */
#define PS_LIMIT_NOTE_COUNT 100

struct ps_notes {
    struct ps_arena *arena;
    const char **texts;
    size_t count;
    size_t left_out;
};
penstock_code ps_notes_init(struct ps_notes *notes, struct ps_arena *arena, struct penstock_error *error)
    PENSTOCK_MUST_USE;
penstock_code ps_notes_add(struct ps_notes *notes, struct penstock_error *error, const char *format, ...)
    PS_PRINTF(3, 4) PENSTOCK_MUST_USE;
/* Constant features, copies of one another and of the label, dependence: from the moments of all rows. */
penstock_code ps_notes_features(struct ps_notes *notes, const struct ps_layout *layout,
                                const struct ps_refit *refit, struct penstock_error *error) PENSTOCK_MUST_USE;
/* "... and 12 more": call last. */
penstock_code ps_notes_finish(struct ps_notes *notes, struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
