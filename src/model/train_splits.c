/* SPDX-License-Identifier: Apache-2.0
 *
 * train_splits.c - the search, when TRANSFORM learns from values or from the label: a pipeline for each split.
 *
 * What Spark's CrossValidator does with a Pipeline: the stages are fitted on the rows that the split trains on, and
 * the rows that validate are seen through them. So each split has its own pipeline, layout and sums, one split after
 * the other, and the memory of one. Rows fall into the same parts as ever: every scan here is the search's own scan
 * of the same rows in the same order. A stage without `refits` is as all training rows have made it.
 */
#include "model/fit.h"
#include "model/training.h"

/* What one split has for its own. */
struct own {
    struct ps_arena *arena;
    struct ps_layout layout;
    struct ps_tally_options tally_options;
    struct ps_tally tally;
    struct ps_rows *rows;
};

static void own_done(struct own *own) {
    ps_rows_free(own->rows);
    ps_tally_done(&own->tally);
    ps_arena_free(own->arena);
}

static penstock_code fit_split(struct ps_training *training, size_t index, struct ps_pipeline *pipeline,
                               struct own *own, struct penstock_error *error) {
    const struct ps_dataset *dataset = &training->dataset;
    struct ps_buffer where PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&where, (size_t)16 << 20);
    if (dataset->training != NULL) {
        ps_buffer_printf(&where, "WHERE %s", dataset->training);
    }
    const struct ps_fit_split split = {&training->recipe->validation, index, training->recipe->pipeline};
    struct ps_fit fit = {
        .connection = training->options->connection,
        .relation = dataset->relation,
        .where = &where,
        .is_sorted = dataset->is_sorted,
        .pipeline = pipeline,
        .arena = own->arena,
        .stop = training->options->stop,
        .split = &split,
    };
    PS_TRY(ps_pipeline_fit(&fit, error));
    training->candidate->scan_count += fit.scan_count;
    return ps_layout_init(&own->layout, pipeline, own->arena, error);
}

static penstock_code sum_split(struct ps_training *training, struct own *own, struct penstock_error *error) {
    struct ps_scan *scan = NULL;
    PS_TRY(ps_dataset_scan_training(&training->dataset, &scan, error));
    const penstock_code code = ps_tally_run(&own->tally_options, scan, &own->tally, error);
    ps_scan_close(scan);
    training->candidate->scan_count++;
    return code;
}

static penstock_code collect_split(struct ps_training *training, const char *folder, struct own *own,
                                   struct penstock_error *error) {
    bool is_needed = training->recipe->validation.metric->needs_rows;
    for (size_t i = 0; i < training->recipe->estimator_count; i++) {
        is_needed = is_needed || ps_estimator_needs_rows(&training->recipe->estimators[i]);
    }
    if (!is_needed) {
        return PENSTOCK_OK;
    }
    struct ps_scan *scan = NULL;
    PS_TRY(ps_dataset_scan_training(&training->dataset, &scan, error));
    const penstock_code code =
        ps_rows_collect(&own->tally_options, &own->tally, folder, scan, &own->rows, error);
    ps_scan_close(scan);
    training->candidate->scan_count++;
    return code;
}

static penstock_code run_split(struct ps_training *training, const struct ps_search_options *options,
                               size_t index, const char *folder, struct penstock_error *error) {
    struct own own PS_SCOPED(own_done) = {.arena = ps_arena_new(0)};
    if (own.arena == NULL) {
        return ps_error_memory(error, "a split");
    }
    struct ps_recipe *recipe = NULL;
    PS_TRY(ps_recipe_read(training->options->node->statement, training->column_names, training->column_types,
                          training->column_count, own.arena, &recipe, error));
    PS_TRY(fit_split(training, index, recipe->pipeline, &own, error));
    own.tally_options = training->tally_options;
    own.tally_options.pipeline = recipe->pipeline;
    own.tally_options.layout = &own.layout;
    PS_TRY(sum_split(training, &own, error));
    PS_TRY(collect_split(training, folder, &own, error));
    struct ps_search_options own_options = *options;
    own_options.layout = &own.layout;
    own_options.tally = &own.tally;
    own_options.rows = own.rows;
    return ps_search_split(&own_options, index, &training->search, error);
}

penstock_code ps_training_solve_splits(struct ps_training *training, const struct ps_search_options *options,
                                       const char *folder, struct penstock_error *error) {
    PS_TRY(ps_search_begin(options, &training->search, error));
    for (size_t i = 0; i < training->search.split_count; i++) {
        const penstock_code code = run_split(training, options, i, folder, error);
        if (code != PENSTOCK_OK) {
            (void)ps_error_context(error, "split %zu of %zu", i + 1, training->search.split_count);
            return code;
        }
    }
    return ps_search_end(options, &training->search, error);
}
