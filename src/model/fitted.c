/* SPDX-License-Identifier: Apache-2.0
 *
 * fitted.c - a fitted model: what it reads, and what it predicts.
 */
#include <math.h>

#include "base/check.h"
#include "model/model.h"

void ps_fitted_free(struct ps_fitted *fitted) {
    if (fitted != NULL) {
        ps_arena_free(fitted->arena); /* the model itself lies in it */
    }
}

size_t ps_fitted_input_count(const struct ps_fitted *fitted) {
    return fitted->pipeline->input_count;
}

static const struct ps_slot *input_slot(const struct ps_fitted *fitted, size_t input) {
    ps_check(input < fitted->pipeline->input_count);
    return &fitted->pipeline->slots[fitted->pipeline->inputs[input]];
}

const char *ps_fitted_input_name(const struct ps_fitted *fitted, size_t input) {
    return input_slot(fitted, input)->name;
}

bool ps_fitted_input_is_text(const struct ps_fitted *fitted, size_t input) {
    return input_slot(fitted, input)->kind == PS_SLOT_TEXT;
}

size_t ps_fitted_feature_count(const struct ps_fitted *fitted) {
    return fitted->feature_count;
}

const char *ps_fitted_feature_name(const struct ps_fitted *fitted, size_t feature) {
    ps_check(feature < fitted->feature_count);
    return fitted->names[feature];
}

double ps_fitted_coefficient(const struct ps_fitted *fitted, size_t feature) {
    ps_check(feature < fitted->feature_count);
    return fitted->coefficients[feature];
}

double ps_fitted_intercept(const struct ps_fitted *fitted) {
    return fitted->intercept;
}

size_t ps_pipeline_feature_count(const struct ps_pipeline *pipeline) {
    int64_t *dropped = ps_allocate(pipeline->slot_count + 1, sizeof *dropped);
    size_t count = 0;
    for (size_t i = 0; dropped != NULL && i < pipeline->slot_count; i++) {
        dropped[i] = pipeline->slots[i].dropped;
    }
    for (size_t c = 0; dropped != NULL && c < pipeline->column_count; c++) {
        const struct ps_slot *slot = &pipeline->slots[pipeline->columns[c].slot];
        for (size_t i = 0; slot->kind == PS_SLOT_ONE_HOT && i < slot->width; i++) {
            count += ps_slot_is_dropped(slot, dropped, i) ? 0 : 1;
        }
        count += slot->kind == PS_SLOT_NUMBER && !pipeline->columns[c].is_label ? 1 : 0;
    }
    ps_release(dropped);
    return count;
}

/* Adds the term of every row that is still to be predicted. */
static void add_term(const struct ps_fitted *fitted, const struct ps_term *term, const struct ps_frame *frame,
                     double *predictions) {
    const struct ps_frame_slot *slot = &frame->slots[term->slot];
    if (fitted->pipeline->slots[term->slot].kind == PS_SLOT_NUMBER) {
        for (size_t i = 0; i < frame->row_count; i++) {
            predictions[i] += term->coefficients[0] * slot->numbers[i];
        }
        return;
    }
    for (size_t i = 0; i < frame->row_count; i++) {
        const int32_t index = slot->indexes[i];
        if (index >= 0) {
            predictions[i] += term->coefficients[index] * (slot->values == NULL ? 1 : slot->values[i]);
        }
    }
}

static penstock_code predict_frame(const struct ps_fitted *fitted, struct ps_frame *frame, int64_t begin,
                                   double *predictions, struct penstock_error *error) {
    ps_pipeline_apply(fitted->pipeline, frame);
    if (frame->failure.is_set) {
        return ps_frame_error(frame, begin, error);
    }
    for (size_t i = 0; i < frame->row_count; i++) {
        predictions[i] = fitted->intercept;
    }
    for (size_t t = 0; t < fitted->term_count; t++) {
        add_term(fitted, &fitted->terms[t], frame, predictions);
    }
    for (size_t i = 0; i < frame->row_count; i++) {
        if (frame->fates[i] != PS_FATE_KEEP || !isfinite(predictions[i])) {
            predictions[i] = (double)NAN;
        }
    }
    return PENSTOCK_OK;
}

penstock_code ps_fitted_predict(const struct ps_fitted *fitted, const struct ps_input_column *columns,
                                int64_t row_count, double *predictions_out, struct penstock_error *error) {
    if (row_count <= 0) {
        return PENSTOCK_OK;
    }
    const size_t row_max = row_count < PS_FRAME_ROWS ? (size_t)row_count : PS_FRAME_ROWS;
    struct ps_frame *frame = NULL;
    PS_TRY(ps_frame_new(fitted->pipeline, row_max, false, &frame, error));
    penstock_code code = PENSTOCK_OK;
    for (int64_t begin = 0; code == PENSTOCK_OK && begin < row_count; begin += PS_FRAME_ROWS) {
        const int64_t left = row_count - begin;
        ps_frame_begin(frame, (size_t)(left < PS_FRAME_ROWS ? left : PS_FRAME_ROWS));
        for (size_t i = 0; i < fitted->pipeline->input_count; i++) {
            ps_frame_set_input(frame, fitted->pipeline->inputs[i], &columns[i], begin);
        }
        code = predict_frame(fitted, frame, begin, predictions_out + begin, error);
    }
    ps_frame_free(frame);
    return code;
}
