/* SPDX-License-Identifier: Apache-2.0
 *
 * tally.c - the scan of the model search.
 *
 * Memory: per block under way one vector of sums for all parts, per worker the counts of pairs of categories,
 * and the levels of the tree. It is computed before anything is allocated.
 */
#include "model/tally.h"

#include <math.h>

#include "model/random.h"
#include "model/sumtree.h"

/* Constant: the order of addition, and so the bits, depend on it. */
static const size_t tree_memory = (size_t)64 << 20;

struct slot_result {
    double *sums;    /* part_count * sum_size */
    uint16_t *parts; /* of the block's rows */
    bool has_pilots;
    int64_t outliers, null_features, null_labels;
};

struct state {
    const struct ps_tally_options *options;
    struct ps_packing packing;
    struct ps_packer *packers; /* worker_count + 1: the last is the caller's, for the pilots */
    size_t packer_count;
    double **pairs; /* per worker, part_count * pair_size; unused when pairs are in the sums */
    struct slot_result *slots;
    size_t slot_count;
    size_t gram_size, pair_size;
    size_t sum_size; /* of one part in a block's vector: the gram, and its pairs when they are no counts */
    size_t
        weighted_size; /* of one part, behind those: weighted gram and pairs, sum of squared weights; 0: no weights */
    size_t vector_size; /* of all parts */
    double *zeros;
    double *pilots;
    bool has_pilots;
    struct ps_random random;
    struct ps_sumtree tree;
    struct ps_tally *tally;
};

/* The mean of the packed rows (packed without shift), about the first: a constant column gives itself. */
static void find_pilots(struct state *state, const struct ps_packer *packer) {
    const struct ps_layout *layout = state->options->layout;
    const size_t count = layout->shape.dense_count;
    for (size_t c = 0; c < count; c++) {
        const size_t indicator = c < layout->number_count ? layout->dense[c].indicator : PS_NO_COLUMN;
        double first = 0, sum = 0, rows = 0;
        for (size_t p = 0; p < state->packing.part_count; p++) {
            const struct ps_panel panel = ps_packer_panel(packer, p);
            const double *values = panel.columns + (1 + c) * panel.stride;
            const double *gaps =
                indicator == PS_NO_COLUMN ? NULL : panel.columns + (1 + indicator) * panel.stride;
            for (size_t i = 0; i < panel.row_count; i++) {
                if (gaps == NULL || gaps[i] == 0) {
                    first = rows == 0 ? values[i] : first;
                    sum += values[i] - first;
                    rows++;
                }
            }
        }
        state->pilots[c] = rows > 0 ? first + sum / rows : 0;
    }
    for (size_t c = layout->number_count; c < layout->label; c++) {
        state->pilots[c] = 0; /* indicators are counts: not shifted */
    }
}

static penstock_code prepare(void *context, struct ps_block *block, struct penstock_error *error) {
    struct state *state = context;
    struct slot_result *slot = &state->slots[block->slot];
    const struct ps_validation *validation = state->options->validation;
    if (validation->fold_column == NULL) {
        ps_validation_draw(validation, &state->random, slot->parts, block->row_count);
    }
    state->tally->row_count += block->row_count;
    if (!state->has_pilots) {
        struct ps_packer *packer = &state->packers[state->packer_count - 1];
        PS_TRY(ps_packer_pack(packer, block, slot->parts, state->zeros, error));
        size_t used = 0;
        for (size_t p = 0; p < state->packing.part_count; p++) {
            used += packer->filled[p];
        }
        if (used > 0) {
            find_pilots(state, packer);
            state->has_pilots = true;
        }
    }
    slot->has_pilots = state->has_pilots;
    return PENSTOCK_OK;
}

/* The part's weighted sums, behind the plain ones of all parts. */
static void add_weighted(const struct state *state, struct ps_packer *packer, size_t part, double *vector) {
    double *sums = vector + state->packing.part_count * state->sum_size + part * state->weighted_size;
    const struct ps_panel plain = ps_packer_panel(packer, part);
    for (size_t i = 0; i < plain.row_count; i++) {
        sums[state->weighted_size - 1] += plain.weights[i] * plain.weights[i];
    }
    const struct ps_panel panel = ps_packer_weigh(packer, part);
    ps_gram_add(&state->options->layout->shape, &panel, sums, sums + state->gram_size);
}

static penstock_code work(void *context, size_t worker, struct ps_block *block,
                          struct penstock_error *error) {
    struct state *state = context;
    struct slot_result *slot = &state->slots[block->slot];
    struct ps_packer *packer = &state->packers[worker];
    const struct ps_gram_shape *shape = &state->options->layout->shape;
    /* blocks before the first usable row have no use for pilots, which may not be there yet */
    PS_TRY(
        ps_packer_pack(packer, block, slot->parts, slot->has_pilots ? state->pilots : state->zeros, error));
    memset(slot->sums, 0, state->vector_size * sizeof(double));
    for (size_t p = 0; p < state->packing.part_count; p++) {
        const struct ps_panel panel = ps_packer_panel(packer, p);
        double *sums = slot->sums + p * state->sum_size;
        double *pairs =
            shape->has_values ? sums + state->gram_size : state->pairs[worker] + p * state->pair_size;
        ps_gram_add(shape, &panel, sums, pairs);
        if (state->weighted_size > 0) {
            add_weighted(state, packer, p, slot->sums);
        }
    }
    slot->outliers = packer->outliers;
    slot->null_features = packer->null_features - packer->null_labels;
    slot->null_labels = packer->null_labels;
    return PENSTOCK_OK;
}

static penstock_code merge(void *context, struct ps_block *block, struct penstock_error *error) {
    struct state *state = context;
    struct slot_result *slot = &state->slots[block->slot];
    state->tally->outliers += slot->outliers;
    state->tally->null_features += slot->null_features;
    state->tally->null_labels += slot->null_labels;
    return ps_sumtree_add(&state->tree, slot->sums, error);
}

static penstock_code check_memory(const struct state *state, struct penstock_error *error) {
    const struct ps_tally_options *options = state->options;
    const double parts = (double)state->packing.part_count;
    const double sums = (double)state->vector_size * 8;
    const double pairs = options->layout->shape.has_values ? 0 : parts * (double)state->pair_size * 8;
    const double base = (double)(options->layout->shape.dense_count + options->layout->shape.slot_count);
    const double spreads = (parts + 2) * base * base * 8;
    const double total =
        sums * ((double)state->slot_count + 2) + pairs * ((double)state->packer_count + 1) + spreads;
    if (options->memory_max > 0 && total > (double)options->memory_max) {
        (void)ps_error_set(error, PENSTOCK_OUT_OF_MEMORY,
                           "the sums of %.0f columns in %.0f folds need %.0f MiB, but %.0f MiB are allowed",
                           base, parts, ceil(total / 1048576), floor((double)options->memory_max / 1048576));
        return ps_error_hint(
            error, "raise executor-memory, use fewer folds, or leave out columns with many categories");
    }
    return PENSTOCK_OK;
}

static penstock_code allocate(struct state *state, struct penstock_error *error) {
    const struct ps_tally_options *options = state->options;
    const struct ps_gram_shape *shape = &options->layout->shape;
    const size_t parts = state->packing.part_count;
    state->packers = ps_allocate(state->packer_count, sizeof *state->packers);
    state->pairs = ps_allocate(state->packer_count, sizeof *state->pairs);
    state->slots = ps_allocate(state->slot_count, sizeof *state->slots);
    state->zeros = ps_allocate(shape->dense_count, sizeof(double));
    state->pilots = ps_allocate(shape->dense_count, sizeof(double));
    if (state->packers == NULL || state->pairs == NULL || state->slots == NULL || state->zeros == NULL ||
        state->pilots == NULL) {
        return ps_error_memory(error, "the model search");
    }
    for (size_t i = 0; i < state->packer_count; i++) {
        PS_TRY(ps_packer_init(&state->packers[i], &state->packing, error));
        state->pairs[i] = ps_allocate(shape->has_values ? 1 : parts * state->pair_size + 1, sizeof(double));
        if (state->pairs[i] == NULL) {
            return ps_error_memory(error, "counts of categories");
        }
    }
    for (size_t i = 0; i < state->slot_count; i++) {
        state->slots[i].sums = ps_allocate(state->vector_size, sizeof(double));
        state->slots[i].parts = ps_allocate((size_t)state->packing.block_rows, sizeof(uint16_t));
        if (state->slots[i].sums == NULL || state->slots[i].parts == NULL) {
            return ps_error_memory(error, "sums of blocks");
        }
    }
    return PENSTOCK_OK;
}

static void release(struct state *state) {
    for (size_t i = 0; state->packers != NULL && i < state->packer_count; i++) {
        ps_packer_done(&state->packers[i]);
    }
    for (size_t i = 0; state->pairs != NULL && i < state->packer_count; i++) {
        ps_release(state->pairs[i]);
    }
    for (size_t i = 0; state->slots != NULL && i < state->slot_count; i++) {
        ps_release(state->slots[i].sums);
        ps_release(state->slots[i].parts);
    }
    ps_release(state->packers);
    ps_release(state->pairs);
    ps_release(state->slots);
    ps_release(state->zeros);
    ps_release(state->pilots);
    ps_sumtree_done(&state->tree);
}

static penstock_code rowset_init(struct ps_rowset *set, const struct ps_layout *layout,
                                 struct penstock_error *error) {
    *set = (struct ps_rowset){0};
    set->sums = ps_allocate(ps_gram_size(&layout->shape), sizeof(double));
    set->pairs = ps_allocate(ps_gram_pair_size(&layout->shape) + 1, sizeof(double));
    set->least = ps_allocate(layout->number_count + 1, sizeof(double));
    set->largest = ps_allocate(layout->number_count + 1, sizeof(double));
    if (set->sums == NULL || set->pairs == NULL || set->least == NULL || set->largest == NULL) {
        ps_rowset_done(set);
        return ps_error_memory(error, "sums of a fold");
    }
    for (size_t i = 0; i < layout->number_count; i++) {
        set->least[i] = (double)INFINITY;
        set->largest[i] = -(double)INFINITY;
    }
    return PENSTOCK_OK;
}

void ps_rowset_done(struct ps_rowset *set) {
    ps_release(set->sums);
    ps_release(set->pairs);
    ps_release(set->least);
    ps_release(set->largest);
    ps_spread_done(&set->spread);
    *set = (struct ps_rowset){0};
}

static void widen(struct ps_rowset *set, const double *least, const double *largest, size_t count) {
    for (size_t i = 0; i < count; i++) {
        set->least[i] = fmin(set->least[i], least[i]);
        set->largest[i] = fmax(set->largest[i], largest[i]);
    }
}

static penstock_code collect_weighted(const struct state *state, const double *total, size_t part,
                                      const struct ps_rowset *plain, struct ps_rowset *set,
                                      struct penstock_error *error) {
    const struct ps_layout *layout = state->options->layout;
    const double *sums = total + state->packing.part_count * state->sum_size + part * state->weighted_size;
    PS_TRY(rowset_init(set, layout, error));
    memcpy(set->sums, sums, state->gram_size * sizeof(double));
    memcpy(set->pairs, sums + state->gram_size, state->pair_size * sizeof(double));
    set->weight_squares = sums[state->weighted_size - 1];
    widen(set, plain->least, plain->largest, layout->number_count);
    return ps_spread_init(&set->spread, &layout->shape, set->sums, set->pairs, error);
}

/* The tree's total and the workers' counts, part by part. */
static penstock_code collect(struct state *state, struct penstock_error *error) {
    const struct ps_layout *layout = state->options->layout;
    struct ps_tally *tally = state->tally;
    const size_t parts = state->packing.part_count;
    double *total PS_SCOPED(ps_release_scoped) = ps_allocate(state->vector_size, sizeof(double));
    tally->parts = ps_allocate(parts, sizeof *tally->parts);
    tally->weighted = state->weighted_size > 0 ? ps_allocate(parts, sizeof *tally->weighted) : NULL;
    if (total == NULL || tally->parts == NULL || (state->weighted_size > 0 && tally->weighted == NULL)) {
        return ps_error_memory(error, "sums of folds");
    }
    tally->part_count = parts;
    ps_sumtree_total(&state->tree, total);
    for (size_t p = 0; p < parts; p++) {
        struct ps_rowset *set = &tally->parts[p];
        PS_TRY(rowset_init(set, layout, error));
        const double *sums = total + p * state->sum_size;
        memcpy(set->sums, sums, state->gram_size * sizeof(double));
        if (layout->shape.has_values) {
            memcpy(set->pairs, sums + state->gram_size, state->pair_size * sizeof(double));
        }
        for (size_t w = 0; w < state->packer_count; w++) {
            const struct ps_packer *packer = &state->packers[w];
            for (size_t i = 0; !layout->shape.has_values && i < state->pair_size; i++) {
                set->pairs[i] += state->pairs[w][p * state->pair_size + i];
            }
            widen(set, packer->least + p * layout->number_count, packer->largest + p * layout->number_count,
                  layout->number_count);
        }
        PS_TRY(ps_spread_init(&set->spread, &layout->shape, set->sums, set->pairs, error));
        tally->used_count += (int64_t)set->spread.row_count;
        if (tally->weighted != NULL) {
            PS_TRY(collect_weighted(state, total, p, set, &tally->weighted[p], error));
        }
    }
    return PENSTOCK_OK;
}

penstock_code ps_tally_run(const struct ps_tally_options *options, struct ps_scan *scan,
                           struct ps_tally *tally_out, struct penstock_error *error) {
    const struct ps_gram_shape *shape = &options->layout->shape;
    struct ps_tally tally = {0};
    struct state state = {.options = options, .tally = &tally};
    state.packing = ps_packing_of(options->pipeline, options->layout, options->validation);
    const size_t workers = options->worker_count > 1 ? options->worker_count : 1;
    state.packer_count = workers + 1;
    state.slot_count = ps_block_slot_count(options->worker_count);
    state.gram_size = ps_gram_size(shape);
    state.pair_size = ps_gram_pair_size(shape);
    state.sum_size = state.gram_size + (shape->has_values ? state.pair_size : 0);
    state.weighted_size = state.packing.weight_column != NULL ? state.gram_size + state.pair_size + 1 : 0;
    state.vector_size = state.packing.part_count * (state.sum_size + state.weighted_size);
    PS_TRY(check_memory(&state, error));
    ps_gram_prepare();
    ps_random_init(&state.random, options->validation->seed);
    ps_sumtree_init(&state.tree, state.vector_size, tree_memory);
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
    if (code == PENSTOCK_OK) {
        code = ps_blocks_run(&job, scan, &tally.task_count, error);
    }
    if (code == PENSTOCK_OK) {
        code = collect(&state, error);
    }
    if (code == PENSTOCK_OK) {
        tally.pilots = ps_take(state.pilots);
        *tally_out = tally;
    } else {
        ps_tally_done(&tally);
    }
    release(&state);
    return code;
}

void ps_tally_done(struct ps_tally *tally) {
    for (size_t i = 0; i < tally->part_count; i++) {
        ps_rowset_done(&tally->parts[i]);
        if (tally->weighted != NULL) {
            ps_rowset_done(&tally->weighted[i]);
        }
    }
    ps_release(tally->parts);
    ps_release(tally->weighted);
    ps_release(tally->pilots);
    *tally = (struct ps_tally){0};
}

penstock_code ps_tally_join(const struct ps_tally *tally, const struct ps_layout *layout,
                            const struct ps_validation *validation, size_t split, bool is_validating,
                            bool is_weighted, struct ps_rowset *set_out, struct penstock_error *error) {
    struct ps_rowset set;
    PS_TRY(rowset_init(&set, layout, error));
    const size_t gram_size = ps_gram_size(&layout->shape);
    const size_t pair_size = ps_gram_pair_size(&layout->shape);
    for (size_t p = 0; p < tally->part_count; p++) {
        const struct ps_rowset *part = is_weighted ? &tally->weighted[p] : &tally->parts[p];
        if (is_validating ? !ps_validation_validates(validation, split, p)
                          : !ps_validation_trains(validation, split, p)) {
            continue;
        }
        for (size_t i = 0; i < gram_size; i++) {
            set.sums[i] += part->sums[i];
        }
        for (size_t i = 0; i < pair_size; i++) {
            set.pairs[i] += part->pairs[i];
        }
        set.weight_squares += part->weight_squares;
        widen(&set, part->least, part->largest, layout->number_count);
    }
    const penstock_code code = ps_spread_init(&set.spread, &layout->shape, set.sums, set.pairs, error);
    if (code != PENSTOCK_OK) {
        ps_rowset_done(&set);
        return code;
    }
    *set_out = set;
    return PENSTOCK_OK;
}
