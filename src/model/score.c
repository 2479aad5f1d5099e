/* SPDX-License-Identifier: Apache-2.0
 *
 * score.c - one scan of the hold-out rows, chunk by chunk through ps_fitted_predict().
 */
#include "model/score.h"

#include <math.h>
#include <string.h>

#include "model/train.h"

struct scorer {
    struct ps_dataset *dataset;
    const struct ps_fitted *models[2];
    size_t model_count;
    struct ps_scan_column *columns; /* inputs of both models, label, time */
    size_t column_count;
    size_t firsts[2]; /* first column of each model's inputs */
    size_t label, time;
    struct ps_input_column *inputs;
    struct ps_bytes **texts; /* per column, of a chunk */
    int64_t text_capacity;
    double *outputs[2];  /* of a chunk: predictions, or probabilities of classes */
    size_t width;        /* outputs of a row */
    double *predictions; /* of the first model; those outputs, or classes */
    int64_t capacity;
    struct ps_scored scored;
    size_t labels_capacity;
    size_t slice_first;                    /* column of the first slice */
    struct ps_sample_input *sample_inputs; /* of the chunk at hand */
};

static void scorer_done(struct scorer *scorer) {
    for (size_t i = 0; scorer->texts != NULL && i < scorer->column_count; i++) {
        ps_release(scorer->texts[i]);
    }
    ps_release(scorer->texts);
    ps_release(scorer->columns);
    ps_release(scorer->inputs);
    ps_release(scorer->sample_inputs);
    ps_release(scorer->outputs[0]);
    ps_release(scorer->outputs[1]);
    ps_release(scorer->predictions);
    ps_scored_done(&scorer->scored);
}

void ps_scored_done(struct ps_scored *scored) {
    ps_release(scored->labels);
    ps_release(scored->times);
    ps_release(scored->predictions);
    ps_release(scored->probabilities);
    ps_release(scored->others);
    ps_sample_free(scored->sample);
    ps_slices_free(scored->slices);
    *scored = (struct ps_scored){0};
}

static penstock_code choose_columns(struct scorer *scorer, struct penstock_error *error) {
    const struct ps_recipe *recipe = scorer->dataset->recipe;
    size_t count = 2;
    if (scorer->scored.slices != NULL) {
        count += scorer->scored.slices->column_count;
    }
    for (size_t m = 0; m < scorer->model_count; m++) {
        count += ps_fitted_input_count(scorer->models[m]);
    }
    scorer->columns = ps_allocate(count, sizeof *scorer->columns);
    scorer->inputs = ps_allocate(count, sizeof *scorer->inputs);
    scorer->texts = ps_allocate(count, sizeof *scorer->texts);
    if (scorer->columns == NULL || scorer->inputs == NULL || scorer->texts == NULL) {
        return ps_error_memory(error, "the hold-out");
    }
    for (size_t m = 0; m < scorer->model_count; m++) {
        scorer->firsts[m] = scorer->column_count;
        for (size_t i = 0; i < ps_fitted_input_count(scorer->models[m]); i++) {
            struct ps_scan_column *column = &scorer->columns[scorer->column_count++];
            column->expression =
                ps_dataset_column(scorer->dataset, ps_fitted_input_name(scorer->models[m], i));
            column->kind = ps_fitted_input_is_text(scorer->models[m], i) ? PS_SCAN_TEXT : PS_SCAN_DOUBLE;
        }
    }
    scorer->label = scorer->column_count++;
    const char *label = scorer->dataset->label_sql;
    label = label != NULL ? label : ps_dataset_column(scorer->dataset, recipe->model->label);
    scorer->columns[scorer->label] = (struct ps_scan_column){label, PS_SCAN_DOUBLE};
    if (recipe->by_column != NULL) {
        scorer->time = scorer->column_count++;
        scorer->columns[scorer->time] =
            (struct ps_scan_column){ps_dataset_column(scorer->dataset, recipe->by_column), PS_SCAN_DOUBLE};
    }
    scorer->slice_first = scorer->column_count;
    for (size_t i = 0; scorer->scored.slices != NULL && i < scorer->scored.slices->column_count; i++) {
        scorer->columns[scorer->column_count++] = (struct ps_scan_column){
            ps_dataset_column(scorer->dataset, scorer->scored.slices->columns[i].name), PS_SCAN_TEXT};
    }
    for (size_t i = 0; i < scorer->column_count; i++) {
        if (scorer->columns[i].expression == NULL) {
            return ps_error_memory(error, "the hold-out");
        }
    }
    return PENSTOCK_OK;
}

/* The inputs of the model as they are read, and what it predicts of them. */
static penstock_code open_sample(struct scorer *scorer, struct penstock_error *error) {
    const size_t count = ps_fitted_input_count(scorer->models[0]);
    const char **names PS_SCOPED(ps_release_scoped) = ps_allocate(count + 1, sizeof *names);
    bool *is_text PS_SCOPED(ps_release_scoped) = ps_allocate(count + 1, sizeof *is_text);
    scorer->sample_inputs = ps_allocate(count + 1, sizeof *scorer->sample_inputs);
    if (names == NULL || is_text == NULL || scorer->sample_inputs == NULL) {
        return ps_error_memory(error, "the hold-out");
    }
    for (size_t i = 0; i < count; i++) {
        names[i] = ps_fitted_input_name(scorer->models[0], i);
        is_text[i] = ps_fitted_input_is_text(scorer->models[0], i);
    }
    names[count] = "penstock_prediction";
    return ps_sample_new(count + 1, names, is_text, PS_SAMPLE_ROWS, &scorer->scored.sample, error);
}

static penstock_code sample_rows(struct scorer *scorer, const struct ps_chunk *chunk, int64_t rows,
                                 struct penstock_error *error) {
    struct ps_sample *sample = scorer->scored.sample;
    if (sample == NULL) {
        return PENSTOCK_OK;
    }
    for (size_t c = 0; c + 1 < sample->column_count; c++) {
        const struct ps_input_column *input = &scorer->inputs[scorer->firsts[0] + c];
        scorer->sample_inputs[c] =
            (struct ps_sample_input){input->numbers, input->validity, scorer->firsts[0] + c};
    }
    scorer->sample_inputs[sample->column_count - 1] =
        (struct ps_sample_input){.numbers = scorer->predictions};
    return ps_sample_add(sample, chunk, scorer->sample_inputs, rows, error);
}

static penstock_code fill_inputs(struct scorer *scorer, const struct ps_chunk *chunk,
                                 struct penstock_error *error) {
    const int64_t rows = ps_chunk_row_count(chunk);
    for (size_t c = 0; c < scorer->column_count; c++) {
        struct ps_input_column *input = &scorer->inputs[c];
        *input = (struct ps_input_column){.validity = ps_chunk_validity(chunk, c)};
        if (scorer->columns[c].kind == PS_SCAN_DOUBLE) {
            input->numbers = ps_chunk_doubles(chunk, c);
            continue;
        }
        if (scorer->texts[c] == NULL || rows > scorer->text_capacity) {
            struct ps_bytes *larger = ps_reallocate(scorer->texts[c], (size_t)rows, sizeof *larger);
            if (larger == NULL) {
                return ps_error_memory(error, "the hold-out");
            }
            scorer->texts[c] = larger;
        }
        for (int64_t row = 0; row < rows; row++) {
            if (ps_chunk_is_valid(input->validity, row)) {
                scorer->texts[c][row] = ps_chunk_text(chunk, c, row);
            }
        }
        input->texts = scorer->texts[c];
    }
    scorer->text_capacity = rows > scorer->text_capacity ? rows : scorer->text_capacity;
    return PENSTOCK_OK;
}

/* Predictions, or the probabilities of the classes. */
static penstock_code outputs_of(const struct ps_fitted *fitted, const struct ps_input_column *inputs,
                                int64_t row_count, double *outputs, struct penstock_error *error) {
    return ps_fitted_target(fitted)->class_count > 0
               ? ps_fitted_probabilities(fitted, inputs, row_count, outputs, error)
               : ps_fitted_predict(fitted, inputs, row_count, outputs, error);
}

/* Row by row, for a model that refuses some row of the chunk. */
static penstock_code predict_leniently(const struct ps_fitted *fitted, const struct ps_input_column *inputs,
                                       int64_t row_count, double *outputs, size_t width,
                                       struct penstock_error *error) {
    const size_t count = ps_fitted_input_count(fitted);
    struct ps_input_column *row PS_SCOPED(ps_release_scoped) = ps_allocate(count + 1, sizeof *row);
    if (row == NULL) {
        return ps_error_memory(error, "the hold-out");
    }
    static const uint64_t none = 0;
    for (int64_t r = 0; r < row_count; r++) {
        for (size_t i = 0; i < count; i++) {
            row[i] = inputs[i];
            row[i].numbers = inputs[i].numbers == NULL ? NULL : inputs[i].numbers + r;
            row[i].texts = inputs[i].texts == NULL ? NULL : inputs[i].texts + r;
            row[i].validity = ps_chunk_is_valid(inputs[i].validity, r) ? NULL : &none;
        }
        double *place = outputs + (size_t)r * width;
        const penstock_code code = outputs_of(fitted, row, 1, place, error);
        if (code != PENSTOCK_OK && code != PENSTOCK_INVALID_DATA) {
            return code;
        }
        for (size_t k = 0; code == PENSTOCK_INVALID_DATA && k < width; k++) {
            place[k] = (double)NAN;
        }
    }
    return PENSTOCK_OK;
}

static penstock_code predict(struct scorer *scorer, int64_t rows, struct penstock_error *error) {
    double **const buffers[] = {&scorer->outputs[0], &scorer->outputs[1], &scorer->predictions};
    for (size_t i = 0; rows > scorer->capacity && i < 3; i++) {
        double *larger = ps_reallocate(*buffers[i], (size_t)rows * scorer->width, sizeof(double));
        if (larger == NULL) {
            return ps_error_memory(error, "the hold-out");
        }
        *buffers[i] = larger;
    }
    scorer->capacity = rows > scorer->capacity ? rows : scorer->capacity;
    for (size_t m = 0; m < scorer->model_count; m++) {
        const struct ps_input_column *inputs = scorer->inputs + scorer->firsts[m];
        double *outputs = scorer->outputs[m];
        penstock_code code = outputs_of(scorer->models[m], inputs, rows, outputs, error);
        if (code == PENSTOCK_INVALID_DATA && m > 0) {
            code = predict_leniently(scorer->models[m], inputs, rows, outputs, scorer->width, error);
        }
        if (code != PENSTOCK_OK) {
            (void)ps_error_context(error, "the hold-out");
            return code;
        }
    }
    const bool has_classes = ps_fitted_target(scorer->models[0])->class_count > 0;
    for (int64_t r = 0; r < rows; r++) {
        const double *outputs = scorer->outputs[0] + (size_t)r * scorer->width;
        scorer->predictions[r] = has_classes ? ps_fitted_class(scorer->models[0], outputs) : outputs[0];
    }
    return PENSTOCK_OK;
}

static penstock_code reserve(struct scorer *scorer, int64_t rows, struct penstock_error *error) {
    struct ps_scored *scored = &scorer->scored;
    const size_t needed = (size_t)(scored->row_count + rows);
    if (needed <= scorer->labels_capacity) {
        return PENSTOCK_OK;
    }
    size_t capacity = scorer->labels_capacity == 0 ? 4096 : scorer->labels_capacity * 2;
    capacity = capacity < needed ? needed : capacity;
    const bool has_classes = ps_fitted_target(scorer->models[0])->class_count > 0;
    double **const columns[] = {
        &scored->labels, &scored->predictions, scorer->time > 0 ? &scored->times : NULL,
        scorer->model_count > 1 ? &scored->others : NULL, has_classes ? &scored->probabilities : NULL};
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        const size_t width = i < 3 ? 1 : scorer->width;
        double *larger =
            columns[i] == NULL ? NULL : ps_reallocate(*columns[i], capacity * width, sizeof(double));
        if (columns[i] != NULL && larger == NULL) {
            return ps_error_memory(error, "the hold-out");
        }
        if (columns[i] != NULL) {
            *columns[i] = larger;
        }
    }
    scorer->labels_capacity = capacity;
    return PENSTOCK_OK;
}

static void keep_outputs(const double *outputs, int64_t row, size_t width, double *kept, int64_t place) {
    if (kept != NULL) {
        memcpy(kept + (size_t)place * width, outputs + (size_t)row * width, width * sizeof(double));
    }
}

static penstock_code keep_rows(struct scorer *scorer, const struct ps_chunk *chunk, int64_t rows,
                               struct penstock_error *error) {
    struct ps_scored *scored = &scorer->scored;
    const struct ps_input_column *label = &scorer->inputs[scorer->label];
    for (int64_t r = 0; r < rows; r++) {
        if (!ps_chunk_is_valid(label->validity, r) || !isfinite(label->numbers[r])) {
            scored->null_labels++;
            continue;
        }
        if (isnan(scorer->predictions[r])) {
            scored->unpredicted++;
            continue;
        }
        const int64_t place = scored->row_count++;
        scored->labels[place] = label->numbers[r];
        scored->predictions[place] = scorer->predictions[r];
        scored->unseen_classes += scored->labels[place] < 0 && scored->probabilities != NULL ? 1 : 0;
        if (scored->times != NULL) {
            scored->times[place] = scorer->inputs[scorer->time].numbers[r];
        }
        keep_outputs(scorer->outputs[0], r, scorer->width, scored->probabilities, place);
        keep_outputs(scorer->outputs[1], r, scorer->width, scored->others, place);
        for (size_t i = 0; scored->slices != NULL && i < scored->slices->column_count; i++) {
            PS_TRY(
                ps_slices_add(&scored->slices->columns[i], place, chunk, scorer->slice_first + i, r, error));
        }
    }
    return PENSTOCK_OK;
}

static penstock_code score_chunk(struct scorer *scorer, const struct ps_chunk *chunk,
                                 struct penstock_error *error) {
    const int64_t rows = ps_chunk_row_count(chunk);
    PS_TRY(fill_inputs(scorer, chunk, error));
    PS_TRY(predict(scorer, rows, error));
    PS_TRY(reserve(scorer, rows, error));
    PS_TRY(sample_rows(scorer, chunk, rows, error));
    return keep_rows(scorer, chunk, rows, error);
}

static penstock_code score_all(struct scorer *scorer, struct ps_scan *scan, const struct ps_stop *stop,
                               struct penstock_error *error) {
    for (;;) {
        struct ps_chunk *chunk = NULL;
        PS_TRY(ps_scan_next(scan, &chunk, error));
        if (chunk == NULL) {
            return PENSTOCK_OK;
        }
        const penstock_code code = score_chunk(scorer, chunk, error);
        ps_chunk_free(chunk);
        PS_TRY(code);
        if (ps_stop_requested(stop)) {
            return ps_error_set(error, PENSTOCK_CANCELLED, "stopped while scoring the hold-out");
        }
    }
}

/* Two models are compared on one hold-out: they must predict the same things. */
static penstock_code check_targets(const struct ps_fitted *fitted, const struct ps_fitted *other,
                                   struct penstock_error *error) {
    const struct ps_target *left = ps_fitted_target(fitted);
    const struct ps_target *right = ps_fitted_target(other);
    bool is_same = left->class_count == right->class_count;
    for (size_t i = 0; is_same && i < left->class_count; i++) {
        is_same = strcmp(left->class_names[i], right->class_names[i]) == 0;
    }
    if (is_same) {
        return PENSTOCK_OK;
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                       "the other model predicts %zu classes and this one %zu, or other ones (0: a number)",
                       right->class_count, left->class_count);
    return ps_error_hint(error, "models of different classes cannot be compared row by row");
}

penstock_code ps_score_holdout(struct ps_dataset *dataset, const struct ps_fitted *fitted,
                               const struct ps_fitted *other, const struct ps_stop *stop,
                               struct ps_scored *scored_out, struct penstock_error *error) {
    struct scorer scorer PS_SCOPED(scorer_done) = {.dataset = dataset, .models = {fitted, other}};
    scorer.model_count = other != NULL ? 2 : 1;
    const size_t classes = ps_fitted_target(fitted)->class_count;
    scorer.width = classes > 0 ? classes : 1;
    if (other != NULL) {
        PS_TRY(check_targets(fitted, other, error));
    }
    if (other == NULL) {
        PS_TRY(ps_slices_new(dataset->recipe->model, &scorer.scored.slices, error));
        PS_TRY(open_sample(&scorer, error));
    }
    PS_TRY(choose_columns(&scorer, error));
    struct ps_scan *scan = NULL;
    PS_TRY(ps_dataset_scan_holdout(dataset, scorer.columns, scorer.column_count, &scan, error));
    const penstock_code code = score_all(&scorer, scan, stop, error);
    ps_scan_close(scan);
    PS_TRY(code);
    if (scorer.scored.sample != NULL) {
        ps_sample_finish(scorer.scored.sample);
    }
    *scored_out = scorer.scored;
    scorer.scored = (struct ps_scored){0};
    return PENSTOCK_OK;
}
