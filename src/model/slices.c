/* SPDX-License-Identifier: Apache-2.0
 *
 * slices.c - one index a hold-out row and column.
 */
#include "model/slices.h"

#include "base/check.h"

static bool has_column(const struct ps_slices *slices, const char *name) {
    for (size_t i = 0; i < slices->column_count; i++) {
        if (ps_text_equal_nocase(slices->columns[i].name, name)) {
            return true;
        }
    }
    return false;
}

penstock_code ps_slices_new(const struct ps_model_statement *model, struct ps_slices **slices_out,
                            struct penstock_error *error) {
    struct ps_slices *slices = ps_allocate(1, sizeof *slices);
    if (slices != NULL) {
        slices->columns = ps_allocate(model->gate_count + 1, sizeof *slices->columns);
    }
    if (slices == NULL || slices->columns == NULL) {
        ps_slices_free(slices);
        return ps_error_memory(error, "the slices of a hold-out");
    }
    for (size_t i = 0; i < model->gate_count; i++) {
        const struct ps_gate_condition *condition = &model->gate[i];
        if (condition->kind != PS_GATE_SLICE || has_column(slices, condition->column)) {
            continue;
        }
        struct ps_slice_column *column = &slices->columns[slices->column_count];
        const penstock_code code = ps_dictionary_new(PS_SLICE_VALUES, &column->values, error);
        if (code != PENSTOCK_OK) {
            ps_slices_free(slices);
            return code;
        }
        column->name = condition->column;
        slices->column_count++;
    }
    *slices_out = slices;
    return PENSTOCK_OK;
}

penstock_code ps_slices_add(struct ps_slice_column *column, int64_t place, const struct ps_chunk *chunk,
                            size_t chunk_column, int64_t row, struct penstock_error *error) {
    PS_TRY(ps_grow((void **)&column->indexes, &column->capacity, (size_t)place + 1, sizeof *column->indexes,
                   error));
    if (!ps_chunk_is_valid(ps_chunk_validity(chunk, chunk_column), row)) {
        column->indexes[place] = PS_SLICE_NULL;
        return PENSTOCK_OK;
    }
    return ps_dictionary_add(column->values, ps_chunk_text(chunk, chunk_column, row), &column->indexes[place],
                             error);
}

void ps_slices_free(struct ps_slices *slices) {
    if (slices == NULL) {
        return;
    }
    for (size_t i = 0; i < slices->column_count; i++) {
        ps_dictionary_free(slices->columns[i].values);
        ps_release(slices->columns[i].indexes);
    }
    ps_release(slices->columns);
    ps_release(slices);
}
