/* SPDX-License-Identifier: Apache-2.0
 *
 * search_split.c - the sums, features and moments of one split.
 */
#include "model/search_split.h"

#include <string.h>

void ps_split_done(struct ps_split *split) {
    ps_release(split->trains);
    ps_release(split->validates);
    ps_rowset_done(&split->training);
    ps_rowset_done(&split->weighted);
    ps_rowset_done(&split->validating);
    ps_design_done(&split->design);
    ps_moments_done(&split->moments);
    ps_linear_workspace_free(split->workspace);
    ps_release(split->coefficients);
    ps_release(split->scratch);
    ps_release(split->model.weights);
}

static penstock_code choose_parts(struct ps_split *split, struct penstock_error *error) {
    const struct ps_search_options *options = split->options;
    const size_t parts = options->tally->part_count;
    split->trains = ps_allocate(parts + 1, sizeof(bool));
    split->validates = ps_allocate(parts + 1, sizeof(bool));
    if (split->trains == NULL || split->validates == NULL) {
        return ps_error_memory(error, "the model search");
    }
    for (size_t p = 0; p < parts; p++) {
        split->trains[p] = ps_validation_trains(options->validation, split->index, p);
        split->validates[p] = split->index < options->validation->split_count &&
                              ps_validation_validates(options->validation, split->index, p);
    }
    PS_TRY(ps_tally_join(options->tally, options->layout, options->validation, split->index, false, false,
                         &split->training, error));
    const bool has_weights = options->tally->weighted != NULL;
    if (has_weights && options->validation->weighs_training) {
        PS_TRY(ps_tally_join(options->tally, options->layout, options->validation, split->index, false, true,
                             &split->weighted, error));
    }
    return ps_tally_join(options->tally, options->layout, options->validation, split->index, true,
                         has_weights && options->validation->score_weights != NULL, &split->validating,
                         error);
}

/* The feature that is the column of offsetCol, counted from 1; 0: there is none. */
static size_t offset_feature(const struct ps_split *split) {
    const struct ps_layout *layout = split->options->layout;
    const char *name = split->options->offset_column;
    for (size_t j = 0; name != NULL && j < split->design.count; j++) {
        const struct ps_layout_column *column = &layout->columns[split->design.columns[j]];
        if (!column->is_group &&
            strcmp(layout->pipeline->slots[layout->dense[column->index].slot].name, name) == 0) {
            return j + 1;
        }
    }
    return 0;
}

penstock_code ps_split_init(struct ps_split *split, const struct ps_search_options *options, size_t index,
                            struct ps_pipeline *fitted, struct penstock_error *error) {
    const struct ps_layout *layout = options->layout;
    split->options = options;
    split->index = index;
    PS_TRY(choose_parts(split, error));
    PS_TRY(ps_design_init(&split->design, layout, error));
    ps_design_learn(&split->design, layout, &split->training, options->tally->pilots, fitted);
    if (split->weighted.sums != NULL && !(split->weighted.spread.row_count > 0)) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA, "weightCol %s is 0 in all rows that are trained on",
                            options->validation->weight_column);
    }
    const struct ps_rowset *counted = split->weighted.sums != NULL ? &split->weighted : &split->training;
    PS_TRY(ps_moments_init(&split->moments, &counted->spread, layout->label,
                           options->tally->pilots[layout->label], split->design.maps, split->design.count,
                           error));
    split->moments.weight_squares = counted->weight_squares;
    const size_t base_count = split->training.spread.count;
    split->coefficients = ps_allocate(split->design.count + 1, sizeof(double));
    split->scratch = ps_allocate(base_count, sizeof(double));
    split->model.weights = ps_allocate(base_count, sizeof(double));
    if (split->coefficients == NULL || split->scratch == NULL || split->model.weights == NULL) {
        return ps_error_memory(error, "the model search");
    }
    split->set = (struct ps_training_set){
        .rows = options->rows,
        .trains = split->trains,
        .design = &split->design,
        .moments = &split->moments,
        .target = options->target,
        .is_weighted = split->weighted.sums != NULL,
        .offset_feature = offset_feature(split),
        .worker_count = options->worker_count > 1 ? options->worker_count : 1,
        .memory_max = options->memory_max,
        .stop = options->stop,
    };
    return PENSTOCK_OK;
}

penstock_code ps_split_solve(struct ps_split *split, const struct ps_linear_config *config,
                             struct ps_linear_solution *solution_out, struct penstock_error *error) {
    const struct ps_search_options *options = split->options;
    if (split->workspace == NULL) {
        PS_TRY(ps_linear_workspace_new(split->design.count, &split->workspace, error));
    }
    struct ps_linear_solution solution = {.coefficients = split->coefficients};
    PS_TRY(ps_linear_solve(config, &split->moments, split->workspace, &solution, error));
    ps_base_model_set(&split->model, split->training.spread.count,
                      options->tally->pilots[options->layout->label], split->design.maps, split->design.count,
                      solution.coefficients, solution.intercept);
    *solution_out = solution;
    return PENSTOCK_OK;
}

/* Scoring: every block writes its labels and outputs to a place of its own. */
struct scoring {
    const struct ps_training_set *set;
    const bool *includes;
    const struct ps_predictor *predictor;
    struct ps_features_reader **readers; /* per worker, made when it is first needed */
    size_t *starts;                      /* per block: its first row */
    double *labels, *outputs;
    double *weights; /* of the rows, or NULL: each counts 1 */
};

static penstock_code score_block(void *context, size_t worker, size_t block, struct penstock_error *error) {
    struct scoring *scoring = context;
    const struct ps_rows *rows = scoring->set->rows;
    if (scoring->readers[worker] == NULL) {
        PS_TRY(ps_features_reader_new(scoring->set, &scoring->readers[worker], error));
    }
    const size_t width = scoring->predictor->output_count;
    size_t place = scoring->starts[block];
    for (size_t p = 0; p < rows->part_count; p++) {
        const struct ps_row_panel *panel = &rows->panels[block * rows->part_count + p];
        for (size_t begin = 0; scoring->includes[p] && begin < panel->row_count; begin += PS_FRAME_ROWS) {
            const size_t left = panel->row_count - begin;
            const size_t count = left < PS_FRAME_ROWS ? left : PS_FRAME_ROWS;
            const struct ps_features *features =
                ps_features_reader_read(scoring->readers[worker], panel, begin, count);
            PS_TRY(ps_predictor_apply(scoring->predictor, features, scoring->outputs + place * width, error));
            memcpy(scoring->labels + place, panel->labels + begin, count * sizeof(double));
            if (scoring->weights != NULL) {
                memcpy(scoring->weights + place, panel->weights + begin, count * sizeof(double));
            }
            place += count;
        }
    }
    return PENSTOCK_OK;
}

static size_t count_rows(const struct ps_rows *rows, const bool *includes, size_t *starts) {
    size_t count = 0;
    for (size_t b = 0; b < rows->block_count; b++) {
        if (starts != NULL) {
            starts[b] = count;
        }
        for (size_t p = 0; p < rows->part_count; p++) {
            count += includes[p] ? rows->panels[b * rows->part_count + p].row_count : 0;
        }
    }
    return count;
}

static void scoring_done(struct scoring *scoring) {
    for (size_t i = 0; scoring->readers != NULL && i < scoring->set->worker_count; i++) {
        ps_features_reader_free(scoring->readers[i]);
    }
    ps_release(scoring->readers);
    ps_release(scoring->starts);
    ps_release(scoring->labels);
    ps_release(scoring->outputs);
    ps_release(scoring->weights);
}

int64_t ps_split_score_size(const struct ps_split *split, const bool *includes) {
    const struct ps_target *target = split->options->target;
    const size_t width = target->class_count > 0 ? target->class_count : 1;
    return (int64_t)(count_rows(split->options->rows, includes, NULL) * (width + 1) * sizeof(double));
}

penstock_code ps_split_score(const struct ps_split *split, const bool *includes,
                             const struct ps_predictor *predictor, struct ps_metrics *metrics_out,
                             struct penstock_error *error) {
    const struct ps_rows *rows = split->options->rows;
    struct scoring scoring PS_SCOPED(scoring_done) = {
        .set = &split->set, .includes = includes, .predictor = predictor};
    scoring.readers = ps_allocate(split->set.worker_count, sizeof *scoring.readers);
    scoring.starts = ps_allocate(rows->block_count + 1, sizeof(size_t));
    if (scoring.readers == NULL || scoring.starts == NULL) {
        return ps_error_memory(error, "scores of rows");
    }
    const size_t count = count_rows(rows, includes, scoring.starts);
    scoring.labels = ps_allocate(count + 1, sizeof(double));
    scoring.outputs = ps_allocate(count * predictor->output_count + 1, sizeof(double));
    const bool weighs = split->options->validation->score_weights != NULL && includes == split->validates;
    scoring.weights = weighs ? ps_allocate(count + 1, sizeof(double)) : NULL;
    if (scoring.labels == NULL || scoring.outputs == NULL || (weighs && scoring.weights == NULL)) {
        return ps_error_memory(error, "scores of rows");
    }
    PS_TRY(ps_training_set_run(&split->set, &scoring, score_block, NULL, error));
    if (predictor->task == PS_TASK_REGRESSION) {
        ps_metrics_compute(scoring.labels, scoring.outputs, scoring.weights, (int64_t)count, metrics_out);
        return PENSTOCK_OK;
    }
    const struct ps_class_rows given = {scoring.labels, scoring.outputs, scoring.weights, (int64_t)count,
                                        predictor->output_count};
    const struct ps_decision decision = ps_predictor_decision(predictor);
    return ps_metrics_compute_classes(&given, &decision, metrics_out, error);
}
