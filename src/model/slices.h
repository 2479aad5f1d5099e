/* SPDX-License-Identifier: Apache-2.0
 *
 * slices.h - which slice each hold-out row belongs to: the values of the columns that GATE (slice(column) ...) names.
 *
 * A value is any value of the column as text; rows without one belong to the value NULL.
 */
#ifndef PS_MODEL_SLICES_H
#define PS_MODEL_SLICES_H

#include "model/dictionary.h"
#include "model/train.h"
#include "sql/scan.h"

#define PS_SLICE_NULL (-1)
#define PS_SLICE_REST PS_DICTIONARY_FULL /* one of the values beyond PS_SLICE_VALUES */
#define PS_SLICE_VALUES 100000

struct ps_slice_column {
    const char *name;             /* as the SELECT has it */
    struct ps_dictionary *values; /* in the order in which they are met */
    int32_t *indexes;             /* one for each hold-out row, or PS_SLICE_NULL, PS_SLICE_REST */
    size_t capacity;
};
struct ps_slices {
    struct ps_slice_column *columns; /* distinct columns */
    size_t column_count;
};

/* Columns of all slice conditions of the gate; none: *slices_out has no columns. Owns: ps_slices_free(). */
penstock_code ps_slices_new(const struct ps_model_statement *model, struct ps_slices **slices_out,
                            struct penstock_error *error) PENSTOCK_MUST_USE;
/* Row `place` (rising by 1) has the value of the chunk's row. */
penstock_code ps_slices_add(struct ps_slice_column *column, int64_t place, const struct ps_chunk *chunk,
                            size_t chunk_column, int64_t row, struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_slices_free(struct ps_slices *slices); /* NULL: nothing */

#endif
