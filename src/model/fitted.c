/* SPDX-License-Identifier: Apache-2.0
 *
 * fitted.c - a fitted model: what it reads, and what it predicts.
 *
 * A linear regression is a sum of terms over the columns of a frame; every other predictor gets the frame as
 * features. Both add in the order of the features.
 */
#include <math.h>

#include "base/check.h"
#include "model/metrics.h"
#include "model/model.h"

void ps_fitted_free(struct ps_fitted *fitted) {
    if (fitted != NULL) {
        ps_predictor_free(fitted->predictor);
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

const struct ps_target *ps_fitted_target(const struct ps_fitted *fitted) {
    return &fitted->target;
}

const struct ps_predictor *ps_fitted_predictor(const struct ps_fitted *fitted) {
    return fitted->predictor;
}

size_t ps_fitted_feature_count(const struct ps_fitted *fitted) {
    return fitted->feature_count;
}

const char *ps_fitted_feature_name(const struct ps_fitted *fitted, size_t feature) {
    ps_check(feature < fitted->feature_count);
    return fitted->names[feature];
}

bool ps_fitted_has_coefficients(const struct ps_fitted *fitted) {
    return fitted->linear != NULL;
}

double ps_fitted_coefficient(const struct ps_fitted *fitted, size_t feature) {
    ps_check(feature < fitted->feature_count);
    return fitted->linear == NULL ? (double)NAN : fitted->linear->coefficients[feature];
}

double ps_fitted_intercept(const struct ps_fitted *fitted) {
    return fitted->linear == NULL ? (double)NAN : fitted->linear->intercepts[0];
}

double ps_fitted_class(const struct ps_fitted *fitted, const double *probabilities) {
    if (isnan(probabilities[0])) {
        return (double)NAN;
    }
    const struct ps_decision decision = ps_predictor_decision(fitted->predictor);
    return (double)ps_metrics_class(probabilities, fitted->target.class_count, &decision);
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

static void add_terms(const struct ps_fitted *fitted, const struct ps_frame *frame, double *predictions) {
    for (size_t i = 0; i < frame->row_count; i++) {
        predictions[i] = fitted->linear->intercepts[0];
    }
    for (size_t t = 0; t < fitted->term_count; t++) {
        add_term(fitted, &fitted->terms[t], frame, predictions);
    }
}

/* A missing or infinite feature: comparisons and relu would make a number of it. */
static void mark_features(struct ps_frame *frame, const double *numbers) {
    for (size_t i = 0; numbers != NULL && i < frame->row_count; i++) {
        if (!isfinite(numbers[i])) {
            ps_frame_set_fate(frame, i, PS_FATE_NULL);
        }
    }
}

/* The frame as features; `columns` is this call's own copy. */
static penstock_code apply_predictor(const struct ps_fitted *fitted, struct ps_frame *frame,
                                     struct ps_feature_column *columns, double *outputs,
                                     struct penstock_error *error) {
    for (size_t c = 0; c < fitted->column_count; c++) {
        const struct ps_frame_slot *slot = &frame->slots[fitted->slots[c]];
        if (fitted->columns[c].features == NULL) {
            columns[c].numbers = slot->numbers;
            mark_features(frame, slot->numbers);
        } else {
            columns[c].indexes = slot->indexes;
            columns[c].values = slot->values;
            mark_features(frame, slot->values);
        }
    }
    const struct ps_features features = {.columns = columns,
                                         .column_count = fitted->column_count,
                                         .feature_count = fitted->feature_count,
                                         .row_count = frame->row_count};
    return ps_predictor_apply(fitted->predictor, &features, outputs, error);
}

/* A row that cannot be predicted is NaN in all its outputs. */
static void mark_rows(const struct ps_frame *frame, size_t width, double *outputs) {
    for (size_t i = 0; i < frame->row_count; i++) {
        bool is_kept = frame->fates[i] == PS_FATE_KEEP;
        for (size_t k = 0; k < width; k++) {
            is_kept = is_kept && isfinite(outputs[i * width + k]);
        }
        for (size_t k = 0; !is_kept && k < width; k++) {
            outputs[i * width + k] = (double)NAN;
        }
    }
}

static penstock_code predict_frame(const struct ps_fitted *fitted, struct ps_frame *frame,
                                   struct ps_feature_column *columns, int64_t begin, double *outputs,
                                   struct penstock_error *error) {
    ps_pipeline_apply(fitted->pipeline, frame);
    if (frame->failure.is_set) {
        return ps_frame_error(frame, begin, error);
    }
    if (fitted->terms != NULL) {
        add_terms(fitted, frame, outputs);
    } else {
        PS_TRY(apply_predictor(fitted, frame, columns, outputs, error));
    }
    mark_rows(frame, fitted->predictor->output_count, outputs);
    return PENSTOCK_OK;
}

/* All outputs of all rows: into `outputs` row after row, or, with `classes`, the class of each row. */
static penstock_code predict_rows(const struct ps_fitted *fitted, const struct ps_input_column *inputs,
                                  int64_t row_count, struct ps_frame *frame, double *outputs, double *classes,
                                  struct penstock_error *error) {
    const size_t width = fitted->predictor->output_count;
    struct ps_feature_column *columns PS_SCOPED(ps_release_scoped) = NULL;
    if (fitted->terms == NULL) {
        columns = ps_allocate(fitted->column_count + 1, sizeof *columns);
        if (columns == NULL) {
            return ps_error_memory(error, "predictions");
        }
        memcpy(columns, fitted->columns, fitted->column_count * sizeof *columns);
    }
    for (int64_t begin = 0; begin < row_count; begin += PS_FRAME_ROWS) {
        const int64_t left = row_count - begin;
        ps_frame_begin(frame, (size_t)(left < PS_FRAME_ROWS ? left : PS_FRAME_ROWS));
        for (size_t i = 0; i < fitted->pipeline->input_count; i++) {
            ps_frame_set_input(frame, fitted->pipeline->inputs[i], &inputs[i], begin);
        }
        double *place = classes != NULL ? outputs : outputs + (size_t)begin * width;
        PS_TRY(predict_frame(fitted, frame, columns, begin, place, error));
        for (size_t i = 0; classes != NULL && i < frame->row_count; i++) {
            classes[begin + (int64_t)i] = ps_fitted_class(fitted, outputs + i * width);
        }
    }
    return PENSTOCK_OK;
}

static size_t rows_at_once(int64_t row_count) {
    return row_count < PS_FRAME_ROWS ? (size_t)row_count : PS_FRAME_ROWS;
}

penstock_code ps_fitted_predict(const struct ps_fitted *fitted, const struct ps_input_column *columns,
                                int64_t row_count, double *predictions_out, struct penstock_error *error) {
    if (row_count <= 0) {
        return PENSTOCK_OK;
    }
    const size_t row_max = rows_at_once(row_count);
    double *outputs PS_SCOPED(ps_release_scoped) = NULL;
    if (fitted->target.class_count > 0) {
        outputs = ps_allocate(row_max * fitted->target.class_count, sizeof(double));
        if (outputs == NULL) {
            return ps_error_memory(error, "predictions");
        }
    }
    struct ps_frame *frame = NULL;
    PS_TRY(ps_frame_new(fitted->pipeline, row_max, false, &frame, error));
    const penstock_code code =
        predict_rows(fitted, columns, row_count, frame, outputs == NULL ? predictions_out : outputs,
                     outputs == NULL ? NULL : predictions_out, error);
    ps_frame_free(frame);
    return code;
}

penstock_code ps_fitted_probabilities(const struct ps_fitted *fitted, const struct ps_input_column *columns,
                                      int64_t row_count, double *probabilities_out,
                                      struct penstock_error *error) {
    ps_check(fitted->target.class_count > 0);
    if (row_count <= 0) {
        return PENSTOCK_OK;
    }
    struct ps_frame *frame = NULL;
    PS_TRY(ps_frame_new(fitted->pipeline, rows_at_once(row_count), false, &frame, error));
    const penstock_code code =
        predict_rows(fitted, columns, row_count, frame, probabilities_out, NULL, error);
    ps_frame_free(frame);
    return code;
}
