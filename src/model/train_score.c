/* SPDX-License-Identifier: Apache-2.0
 *
 * train_score.c - the last stage of a training: what the model says of rows that training has not seen, beside what
 * a constant would say, and beside the champion.
 */
#include <string.h>

#include "model/classes.h"
#include "model/metrics.h"
#include "model/sample.h"
#include "model/slices.h"
#include "model/training.h"

/* Predicting the training mean. */
static penstock_code mean_baseline(struct ps_training *training, struct penstock_error *error) {
    const int64_t rows = training->scored.row_count;
    double *constant PS_SCOPED(ps_release_scoped) = ps_allocate((size_t)rows + 1, sizeof(double));
    if (constant == NULL) {
        return ps_error_memory(error, "the hold-out");
    }
    for (int64_t i = 0; i < rows; i++) {
        constant[i] = training->refit.moments.label_mean;
    }
    ps_metrics_compute(training->scored.labels, constant, NULL, rows, &training->candidate->baseline);
    return PENSTOCK_OK;
}

/* Predicting every class as often as training has seen it. */
static penstock_code class_baseline(struct ps_training *training, struct penstock_error *error) {
    const struct ps_rows *rows = training->rows;
    const size_t classes = training->target.class_count;
    const int64_t count = training->scored.row_count;
    double *shares PS_SCOPED(ps_release_scoped) = ps_allocate(classes, sizeof(double));
    double *probabilities PS_SCOPED(ps_release_scoped) =
        ps_allocate((size_t)count * classes + 1, sizeof(double));
    if (shares == NULL || probabilities == NULL) {
        return ps_error_memory(error, "the hold-out");
    }
    for (size_t p = 0; p < rows->block_count * rows->part_count; p++) {
        for (size_t i = 0; i < rows->panels[p].row_count; i++) {
            shares[(size_t)rows->panels[p].labels[i]] += 1 / (double)rows->row_count;
        }
    }
    for (int64_t i = 0; i < count; i++) {
        memcpy(probabilities + (size_t)i * classes, shares, classes * sizeof(double));
    }
    const struct ps_class_rows given = {training->scored.labels, probabilities, NULL, count, classes};
    const struct ps_decision decision = {.threshold = 0.5};
    return ps_metrics_compute_classes(&given, &decision, &training->candidate->baseline, error);
}

static penstock_code measure(struct ps_training *training, struct penstock_error *error) {
    struct ps_candidate *candidate = training->candidate;
    const struct ps_scored *scored = &training->scored;
    if (training->target.task == PS_TASK_REGRESSION) {
        ps_metrics_compute(scored->labels, scored->predictions, NULL, scored->row_count, &candidate->holdout);
        return mean_baseline(training, error);
    }
    if (scored->unseen_classes > 0) {
        PS_TRY(ps_notes_add(&training->notes, error,
                            "%lld of %lld hold-out rows are of classes that training has not seen: they "
                            "count as wrong",
                            (long long)scored->unseen_classes, (long long)scored->row_count));
    }
    const struct ps_class_rows rows = {scored->labels, scored->probabilities, NULL, scored->row_count,
                                       training->target.class_count};
    const struct ps_decision decision = ps_predictor_decision(ps_fitted_predictor(candidate->fitted));
    PS_TRY(ps_metrics_compute_classes(&rows, &decision, &candidate->holdout, error));
    return class_baseline(training, error);
}

penstock_code ps_training_score(struct ps_training *training, struct penstock_error *error) {
    struct ps_candidate *candidate = training->candidate;
    if (training->dataset.holdout == NULL) {
        return ps_notes_add(&training->notes, error,
                            "without HOLDOUT there is no test on rows that training has not seen");
    }
    struct ps_scored *scored = &training->scored;
    PS_TRY(ps_score_holdout(&training->dataset, candidate->fitted, NULL, training->options->stop, scored,
                            error));
    const int64_t seen = scored->row_count + scored->unpredicted + scored->null_labels;
    if (scored->null_labels > 0) {
        (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                           "the label %s is NULL or not finite in %lld of %lld hold-out rows",
                           training->recipe->model->label, (long long)scored->null_labels, (long long)seen);
        return ps_error_hint(error, "add WHERE %s IS NOT NULL to the SELECT", training->recipe->model->label);
    }
    if (scored->row_count == 0) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA, "none of the %lld hold-out rows can be predicted",
                            (long long)seen);
    }
    candidate->rows.holdout = scored->row_count;
    candidate->rows.null_features += scored->unpredicted;
    candidate->rows.read += seen;
    if (scored->unpredicted > 0) {
        PS_TRY(ps_notes_add(&training->notes, error,
                            "%lld of %lld hold-out rows cannot be predicted: a feature is NULL or not finite",
                            (long long)scored->unpredicted, (long long)seen));
    }
    PS_TRY(measure(training, error));
    candidate->holdout_labels = ps_take(scored->labels);
    candidate->holdout_predictions = ps_take(scored->predictions);
    candidate->holdout_probabilities = ps_take(scored->probabilities);
    candidate->holdout_times = ps_take(scored->times);
    candidate->holdout_sample = ps_take(scored->sample);
    candidate->slices = ps_take(scored->slices);
    return ps_training_end_stage(training, 1, "score the hold-out", error);
}

penstock_code ps_model_score_holdout(const struct ps_train_options *options,
                                     const struct ps_candidate *candidate, const struct ps_fitted *fitted,
                                     double **predictions_out, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    if (arena == NULL) {
        return ps_error_memory(error, "the hold-out");
    }
    struct ps_candidate empty = {.arena = arena};
    struct ps_training training = {.options = options, .candidate = &empty, .arena = arena};
    PS_TRY(ps_notes_init(&training.notes, arena, error));
    PS_TRY(ps_training_read_statement(&training, error));
    PS_TRY(ps_dataset_open(options->connection, training.recipe, options->thread_count, arena,
                           &training.dataset, error));
    PS_TRY(ps_classes_apply(&training.dataset, training.recipe, &candidate->target, arena, error));
    struct ps_scored scored = {0};
    PS_TRY(ps_score_holdout(&training.dataset, candidate->fitted, fitted, options->stop, &scored, error));
    if (scored.row_count != candidate->holdout.row_count) {
        ps_scored_done(&scored);
        return ps_error_set(error, PENSTOCK_INTERNAL,
                            "the hold-out has other rows than when the candidate was scored");
    }
    *predictions_out = ps_take(scored.others);
    ps_scored_done(&scored);
    return PENSTOCK_OK;
}
