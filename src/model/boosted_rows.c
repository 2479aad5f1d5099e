/* SPDX-License-Identifier: Apache-2.0
 *
 * boosted_rows.c - XGBoost asks for the rows, portion by portion and several times over.
 *
 * It keeps a byte or two of each value: the interval that it falls into. A portion is bounded, so that ten million
 * rows do not lie in memory as numbers again. Rows that only watch are collected when they are met first.
 */
#include "model/boosted_rows.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/thread.h"
#include "model/frame.h"
#include "model/watching.h"

/* Values of one portion: 64 MiB as float32. */
static const size_t portion_values_max = (size_t)1 << 24;

struct source {
    const struct ps_boosted_rows_options *options;
    const struct ps_training_set *set;
    struct ps_features_reader *reader;
    struct ps_float_rows portion, watching;
    double share;
    bool is_whole;   /* all rows fit into one portion */
    bool is_watched; /* the rows that watch are collected */
    bool is_given;   /* the whole portion was given in this pass */
    size_t block, part, row;
    uint64_t ordinal; /* of the training set's rows */
    void *proxy;
    penstock_code code;
    struct penstock_error *error;
};

static void restart(void *context) {
    struct source *source = context;
    source->block = source->part = source->row = 0;
    source->ordinal = 0;
    source->is_given = false;
}

/* The next panel that has rows left; NULL: there is none. */
static const struct ps_row_panel *next_panel(struct source *source) {
    const struct ps_rows *rows = source->set->rows;
    while (source->block < rows->block_count) {
        const struct ps_row_panel *panel = &rows->panels[source->block * rows->part_count + source->part];
        if (source->set->trains[source->part] && source->row < panel->row_count) {
            return panel;
        }
        source->row = 0;
        source->part++;
        if (source->part == rows->part_count) {
            source->part = 0;
            source->block++;
        }
    }
    return NULL;
}

static void add_rows(struct source *source, const struct ps_row_panel *panel, size_t count) {
    const struct ps_features *features = ps_features_reader_read(source->reader, panel, source->row, count);
    for (size_t i = 0; i < count; i++) {
        const float label = (float)(panel->labels[source->row + i] - source->options->offset);
        const float weight = source->set->is_weighted ? (float)panel->weights[source->row + i] : 1;
        if (!ps_watching_has(source->options->seed, source->ordinal++, source->share)) {
            ps_float_rows_add(&source->portion, features, i, label, weight);
        } else if (!source->is_watched) {
            ps_float_rows_add(&source->watching, features, i, label, weight);
        }
    }
    source->row += count;
}

static void fill_portion(struct source *source) {
    ps_float_rows_clear(&source->portion);
    const struct ps_row_panel *panel = next_panel(source);
    while (panel != NULL && source->portion.row_count < source->portion.row_max) {
        const size_t left = panel->row_count - source->row;
        const size_t room = source->portion.row_max - source->portion.row_count;
        size_t count = left < PS_FRAME_ROWS ? left : PS_FRAME_ROWS;
        count = count < room ? count : room;
        add_rows(source, panel, count);
        panel = next_panel(source);
    }
    source->is_watched = source->is_watched || panel == NULL;
}

static int give(struct source *source) {
    const struct ps_xgboost *xgboost = source->options->xgboost;
    struct ps_float_arrays arrays;
    ps_float_rows_describe(&source->portion, &arrays);
    int status = source->portion.is_sparse
                     ? xgboost->proxy_set_csr(source->proxy, arrays.starts, arrays.indices, arrays.values,
                                              source->portion.feature_count)
                     : xgboost->proxy_set_dense(source->proxy, arrays.values);
    if (status == 0) {
        status = ps_float_rows_inform(&source->portion, xgboost, source->proxy);
    }
    source->code = ps_xgboost_status(xgboost, status, source->error);
    return source->code == PENSTOCK_OK ? 1 : 0;
}

/* XGBoost calls it: 1, there is another portion; 0, there is none. */
static int next_portion(void *context) {
    struct source *source = context;
    if (source->code != PENSTOCK_OK) {
        return 0;
    }
    if (ps_stop_requested(source->set->stop)) {
        source->code = ps_error_set(source->error, PENSTOCK_CANCELLED, "stopped while training");
        return 0;
    }
    if (source->is_whole && source->portion.row_count > 0) {
        const bool is_first = !source->is_given;
        source->is_given = true;
        return is_first ? give(source) : 0;
    }
    fill_portion(source);
    source->is_given = true;
    return source->portion.row_count > 0 ? give(source) : 0;
}

static penstock_code prepare(struct source *source, struct penstock_error *error) {
    const struct ps_boosted_rows_options *options = source->options;
    const struct ps_layout *layout = source->set->rows->layout;
    const size_t feature_count = source->set->design->count;
    const size_t numbers = layout->number_count, groups = layout->shape.group_count;
    const size_t width = numbers + groups > 0 ? numbers + groups : 1;
    const size_t row_count = (size_t)ps_training_set_rows(source->set);
    const size_t portion_rows =
        portion_values_max / width > PS_FRAME_ROWS ? portion_values_max / width : PS_FRAME_ROWS;
    /* an interval of each value twice (by row and by column); gradients, sums and the node of each row */
    const size_t bin_size = options->bin_count > 256 ? 2 : 1;
    const size_t needed = row_count * (2 * width * bin_size + 16 * options->sum_count + 12);
    if (source->set->memory_max > 0 && needed > (size_t)source->set->memory_max) {
        (void)ps_error_set(error, PENSTOCK_OUT_OF_MEMORY,
                           "boosting trees on %zu rows needs about %zu MiB, more than the executor has",
                           row_count, needed >> 20);
        (void)ps_error_hint(error, "give it more memory (executor-memory), or train on a sample of the rows");
        return PENSTOCK_OUT_OF_MEMORY;
    }
    source->share = options->watching_share;
    if (source->share * (double)row_count > (double)portion_rows) {
        source->share = (double)portion_rows / (double)row_count;
    }
    size_t watching_count = 0;
    for (size_t i = 0; source->share > 0 && i < row_count; i++) {
        watching_count += ps_watching_has(options->seed, i, source->share) ? 1 : 0;
    }
    if (source->share > 0 && (watching_count == 0 || watching_count == row_count)) {
        return ps_error_set(
            error, PENSTOCK_INVALID_DATA,
            "earlyStoppingRounds: of %zu training rows none would be left to learn from or to watch",
            row_count);
    }
    source->is_whole = row_count - watching_count <= portion_rows;
    const size_t rows_max = source->is_whole ? row_count - watching_count : portion_rows;
    PS_TRY(ps_float_rows_init(&source->portion, feature_count, numbers, groups, rows_max, error));
    PS_TRY(ps_float_rows_init(&source->watching, feature_count, numbers, groups, watching_count, error));
    source->portion.is_weighted = source->watching.is_weighted = source->set->is_weighted;
    return ps_features_reader_new(source->set, &source->reader, error);
}

static penstock_code read(struct source *source, void **matrix_out, void **watching_out,
                          struct penstock_error *error) {
    const struct ps_boosted_rows_options *options = source->options;
    const struct ps_xgboost *xgboost = options->xgboost;
    char config[128];
    (void)snprintf(config, sizeof config,
                   "{\"missing\": NaN, \"nthread\": %" PRId64 ", \"max_bin\": %" PRId64 "}",
                   options->thread_count, options->bin_count);
    PS_TRY(prepare(source, error));
    PS_TRY(ps_xgboost_status(xgboost, xgboost->proxy_create(&source->proxy), error));
    void *matrix = NULL;
    const int status =
        xgboost->quantile_create(source, source->proxy, NULL, restart, next_portion, config, &matrix);
    penstock_code code = source->code; /* what went wrong on this side comes first */
    if (code == PENSTOCK_OK) {
        code = ps_xgboost_status(xgboost, status, error);
    }
    void *watching = NULL;
    if (code == PENSTOCK_OK && source->share > 0) {
        code = ps_float_rows_matrix(&source->watching, xgboost, options->thread_count, &watching, error);
    }
    if (code != PENSTOCK_OK) {
        if (matrix != NULL) {
            (void)xgboost->matrix_free(matrix);
        }
        return code;
    }
    *matrix_out = matrix;
    *watching_out = watching;
    return PENSTOCK_OK;
}

penstock_code ps_boosted_rows_read(const struct ps_boosted_rows_options *options, void **matrix_out,
                                   void **watching_out, struct penstock_error *error) {
    struct source source = {.options = options, .set = options->set, .error = error};
    const penstock_code code = read(&source, matrix_out, watching_out, error);
    if (source.proxy != NULL) {
        (void)options->xgboost->matrix_free(source.proxy);
    }
    ps_features_reader_free(source.reader);
    ps_float_rows_done(&source.portion);
    ps_float_rows_done(&source.watching);
    return code;
}
