/* SPDX-License-Identifier: Apache-2.0
 *
 * absolute.c - sums of absolute residuals (as they are, or as shares of the labels), block by block, in the order of
 * blocks.
 */
#include "model/absolute.h"

#include <cblas.h>
#include <float.h>
#include <math.h>

#include "model/random.h"
#include "model/sumtree.h"

/* Cells whose predictions of a panel are in memory together. */
enum { CELLS_AT_ONCE = 32 };

struct state {
    const struct ps_tally_options *options;
    const struct ps_tally *tally;
    const struct ps_search *search;
    bool is_share; /* mape: each residual as a share of its label */
    struct ps_packing packing;
    struct ps_packer *packers; /* one per worker */
    double **predictions;      /* per worker: CELLS_AT_ONCE columns of a panel */
    size_t worker_count;
    double **sums; /* per block slot: split_count * cell_count */
    uint16_t **parts;
    size_t slot_count;
    struct ps_random random;
    struct ps_sumtree tree;
};

static penstock_code prepare(void *context, struct ps_block *block, struct penstock_error *error) {
    (void)error;
    struct state *state = context;
    const struct ps_validation *validation = state->options->validation;
    if (validation->fold_column == NULL) {
        ps_validation_draw(validation, &state->random, state->parts[block->slot], block->row_count);
    }
    return PENSTOCK_OK;
}

static void add_groups(const struct state *state, const struct ps_panel *panel, const double *weights,
                       double *predictions) {
    const struct ps_gram_shape *shape = &state->options->layout->shape;
    const double *slot_weights = weights + shape->dense_count;
    for (size_t g = 0; g < shape->group_count; g++) {
        for (size_t i = 0; i < panel->row_count; i++) {
            const int32_t index = panel->indexes[g * panel->stride + i];
            if (index >= 0) {
                const double value = panel->values == NULL ? 1 : panel->values[g * panel->stride + i];
                predictions[i] += slot_weights[shape->group_starts[g] + (size_t)index] * value;
            }
        }
    }
}

static void sum_cells(const struct state *state, const struct ps_panel *panel, size_t split, size_t first,
                      size_t count, double *predictions, double *sums) {
    const struct ps_gram_shape *shape = &state->options->layout->shape;
    const struct ps_search *search = state->search;
    const size_t model = split * search->cell_count + first;
    const double *weights = search->weights + model * search->base_count;
    const int rows = (int)panel->row_count;
    cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, rows, (int)count, (int)shape->dense_count, 1.0,
                panel->columns + panel->stride, (int)panel->stride, weights, (int)search->base_count, 0.0,
                predictions, rows);
    const double *labels = panel->columns + shape->dense_count * panel->stride;
    const double pilot = state->tally->pilots[state->options->layout->label];
    for (size_t cell = 0; cell < count; cell++) {
        double *column = predictions + cell * panel->row_count;
        add_groups(state, panel, weights + cell * search->base_count, column);
        const double constant = search->constants[model + cell];
        double sum = 0;
        for (size_t i = 0; i < panel->row_count; i++) {
            const double residual = fabs(labels[i] - constant - column[i]);
            sum += state->is_share ? residual / fmax(fabs(labels[i] + pilot), DBL_EPSILON) : residual;
        }
        sums[split * search->cell_count + first + cell] += sum;
    }
}

static void sum_split(const struct state *state, const struct ps_panel *panel, size_t split,
                      double *predictions, double *sums) {
    const size_t count = state->search->cell_count;
    for (size_t cell = 0; cell < count; cell += CELLS_AT_ONCE) {
        sum_cells(state, panel, split, cell, count - cell < CELLS_AT_ONCE ? count - cell : CELLS_AT_ONCE,
                  predictions, sums);
    }
}

static penstock_code work(void *context, size_t worker, struct ps_block *block,
                          struct penstock_error *error) {
    struct state *state = context;
    struct ps_packer *packer = &state->packers[worker];
    double *sums = state->sums[block->slot];
    PS_TRY(ps_packer_pack(packer, block, state->parts[block->slot], state->tally->pilots, error));
    const struct ps_search *search = state->search;
    memset(sums, 0, search->split_count * search->cell_count * sizeof(double));
    for (size_t part = 0; part < state->packing.part_count; part++) {
        const struct ps_panel panel = ps_packer_panel(packer, part);
        for (size_t split = 0; panel.row_count > 0 && split < search->split_count; split++) {
            if (ps_validation_validates(state->options->validation, split, part)) {
                sum_split(state, &panel, split, state->predictions[worker], sums);
            }
        }
    }
    return PENSTOCK_OK;
}

static penstock_code merge(void *context, struct ps_block *block, struct penstock_error *error) {
    struct state *state = context;
    return ps_sumtree_add(&state->tree, state->sums[block->slot], error);
}

static penstock_code allocate(struct state *state, struct penstock_error *error) {
    const size_t length = state->search->split_count * state->search->cell_count;
    const size_t rows = (size_t)state->packing.block_rows;
    state->packers = ps_allocate(state->worker_count, sizeof *state->packers);
    state->predictions = ps_allocate(state->worker_count, sizeof *state->predictions);
    state->sums = ps_allocate(state->slot_count, sizeof *state->sums);
    state->parts = ps_allocate(state->slot_count, sizeof *state->parts);
    if (state->packers == NULL || state->predictions == NULL || state->sums == NULL || state->parts == NULL) {
        return ps_error_memory(error, "absolute errors");
    }
    for (size_t i = 0; i < state->worker_count; i++) {
        PS_TRY(ps_packer_init(&state->packers[i], &state->packing, error));
        state->predictions[i] = ps_allocate(CELLS_AT_ONCE * rows, sizeof(double));
        if (state->predictions[i] == NULL) {
            return ps_error_memory(error, "absolute errors");
        }
    }
    for (size_t i = 0; i < state->slot_count; i++) {
        state->sums[i] = ps_allocate(length, sizeof(double));
        state->parts[i] = ps_allocate(rows, sizeof(uint16_t));
        if (state->sums[i] == NULL || state->parts[i] == NULL) {
            return ps_error_memory(error, "absolute errors");
        }
    }
    return PENSTOCK_OK;
}

static void release(struct state *state) {
    for (size_t i = 0; i < state->worker_count; i++) {
        if (state->packers != NULL) {
            ps_packer_done(&state->packers[i]);
        }
        ps_release(state->predictions == NULL ? NULL : state->predictions[i]);
    }
    for (size_t i = 0; i < state->slot_count; i++) {
        ps_release(state->sums == NULL ? NULL : state->sums[i]);
        ps_release(state->parts == NULL ? NULL : state->parts[i]);
    }
    ps_release(state->packers);
    ps_release(state->predictions);
    ps_release(state->sums);
    ps_release(state->parts);
    ps_sumtree_done(&state->tree);
}

static penstock_code collect(const struct state *state, struct ps_search *search,
                             struct penstock_error *error) {
    double *totals PS_SCOPED(ps_release_scoped) =
        ps_allocate(search->split_count * search->cell_count, sizeof(double));
    if (totals == NULL) {
        return ps_error_memory(error, "absolute errors");
    }
    ps_sumtree_total(&state->tree, totals);
    for (size_t split = 0; split < search->split_count; split++) {
        double rows = 0;
        for (size_t part = 0; part < state->packing.part_count; part++) {
            rows += ps_validation_validates(state->options->validation, split, part)
                        ? state->tally->parts[part].spread.row_count
                        : 0;
        }
        for (size_t cell = 0; cell < search->cell_count; cell++) {
            search->metrics[cell * search->split_count + split] =
                totals[split * search->cell_count + cell] / rows;
        }
    }
    return PENSTOCK_OK;
}

penstock_code ps_absolute_run(const struct ps_tally_options *options, const struct ps_tally *tally,
                              struct ps_scan *scan, struct ps_search *search, struct penstock_error *error) {
    struct state state = {.options = options, .tally = tally, .search = search};
    state.is_share = options->validation->metric == ps_metric_find("mape");
    state.packing = ps_packing_of(options->pipeline, options->layout, options->validation);
    state.worker_count = options->worker_count > 1 ? options->worker_count : 1;
    state.slot_count = ps_block_slot_count(options->worker_count);
    ps_random_init(&state.random, options->validation->seed);
    ps_sumtree_init(&state.tree, search->split_count * search->cell_count, (size_t)16 << 20);
    penstock_code code = allocate(&state, error);
    const struct ps_block_job job = {
        .context = &state,
        .block_rows = state.packing.block_rows,
        .worker_count = options->worker_count,
        .stop = options->stop,
        .prepare = prepare,
        .work = work,
        .merge = merge,
    };
    int64_t tasks = 0;
    if (code == PENSTOCK_OK) {
        code = ps_blocks_run(&job, scan, &tasks, error);
    }
    if (code == PENSTOCK_OK) {
        code = collect(&state, search, error);
    }
    release(&state);
    return code;
}
