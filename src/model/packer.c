/* SPDX-License-Identifier: Apache-2.0
 *
 * packer.c - the inner loop of the model search.
 *
 * For each slice of at most 2048 rows: run the pipeline, list the rows of each part, copy column by column.
 * When a copy meets a value that is not finite, the rows with such values are found and the slice is copied
 * again without them.
 */
#include "model/packer.h"

#include <math.h>
#include <stdio.h>

#include "base/check.h"

int64_t ps_packing_block_rows(const struct ps_layout *layout) {
    const size_t row_size = (layout->shape.dense_count + 1) * sizeof(double);
    int64_t rows = 16384;
    while (rows > PS_FRAME_ROWS && (size_t)rows * row_size > (size_t)1 << 20) {
        rows /= 2;
    }
    return rows;
}

struct ps_packing ps_packing_of(const struct ps_pipeline *pipeline, const struct ps_layout *layout,
                                const struct ps_validation *validation) {
    return (struct ps_packing){
        .pipeline = pipeline,
        .layout = layout,
        .part_count = validation->part_count,
        .block_rows = ps_packing_block_rows(layout),
        .has_fold_column = validation->fold_column != NULL,
        .fold_column = validation->fold_column,
        .weight_column = validation->weight_column,
    };
}

penstock_code ps_packer_init(struct ps_packer *packer, const struct ps_packing *packing,
                             struct penstock_error *error) {
    const struct ps_gram_shape *shape = &packing->layout->shape;
    const size_t rows = (size_t)packing->block_rows;
    const size_t parts = packing->part_count;
    const size_t numbers = packing->layout->number_count;
    /* a stride that is no power of two, or all columns would share the same lines of the cache */
    *packer = (struct ps_packer){.packing = packing, .stride = rows + 8};
    PS_TRY(ps_frame_new(packing->pipeline, PS_FRAME_ROWS, true, &packer->frame, error));
    packer->columns = ps_allocate((shape->dense_count + 1) * packer->stride, sizeof(double));
    packer->indexes = ps_allocate(shape->group_count * packer->stride + 1, sizeof(int32_t));
    packer->values =
        shape->has_values ? ps_allocate(shape->group_count * packer->stride, sizeof(double)) : NULL;
    packer->parts = ps_allocate(rows, sizeof(uint16_t));
    packer->rows = ps_allocate(PS_FRAME_ROWS, sizeof(uint32_t));
    packer->row_starts = ps_allocate(parts + 1, sizeof(size_t));
    packer->starts = ps_allocate(parts + 1, sizeof(size_t));
    packer->filled = ps_allocate(parts + 1, sizeof(size_t));
    packer->least = ps_allocate(parts * numbers + 1, sizeof(double));
    packer->largest = ps_allocate(parts * numbers + 1, sizeof(double));
    const bool has_weights = packing->weight_column != NULL;
    packer->weights = has_weights ? ps_allocate(packer->stride, sizeof(double)) : NULL;
    packer->frame_weights = has_weights ? ps_allocate(PS_FRAME_ROWS, sizeof(double)) : NULL;
    packer->group_weights =
        has_weights ? ps_allocate(shape->group_count * packer->stride + 1, sizeof(double)) : NULL;
    if ((has_weights &&
         (packer->weights == NULL || packer->frame_weights == NULL || packer->group_weights == NULL)) ||
        packer->columns == NULL || packer->indexes == NULL || packer->parts == NULL ||
        (shape->has_values && packer->values == NULL) || packer->rows == NULL || packer->row_starts == NULL ||
        packer->starts == NULL || packer->filled == NULL || packer->least == NULL ||
        packer->largest == NULL) {
        return ps_error_memory(error, "packed rows");
    }
    for (size_t i = 0; i < packer->stride; i++) {
        packer->columns[i] = 1;
    }
    for (size_t i = 0; i < parts * numbers; i++) {
        packer->least[i] = (double)INFINITY;
        packer->largest[i] = -(double)INFINITY;
    }
    return PENSTOCK_OK;
}

void ps_packer_done(struct ps_packer *packer) {
    ps_frame_free(packer->frame);
    ps_release(packer->columns);
    ps_release(packer->indexes);
    ps_release(packer->values);
    ps_release(packer->weights);
    ps_release(packer->frame_weights);
    ps_release(packer->group_weights);
    ps_release(packer->parts);
    ps_release(packer->rows);
    ps_release(packer->row_starts);
    ps_release(packer->starts);
    ps_release(packer->filled);
    ps_release(packer->least);
    ps_release(packer->largest);
    *packer = (struct ps_packer){0};
}

static penstock_code read_parts(struct ps_packer *packer, const struct ps_block *block,
                                struct penstock_error *error) {
    const struct ps_packing *packing = packer->packing;
    const size_t column = packing->pipeline->input_count;
    size_t row = 0;
    for (size_t s = 0; s < block->slice_count; s++) {
        const struct ps_slice *slice = &block->slices[s];
        const double *folds = ps_chunk_doubles(slice->chunk, column);
        const uint64_t *validity = ps_chunk_validity(slice->chunk, column);
        for (int64_t i = slice->begin; i < slice->begin + slice->count; i++, row++) {
            const bool is_valid = ps_chunk_is_valid(validity, i);
            const double fold = is_valid ? folds[i] : -1;
            if (!(fold >= 0) || !(fold < (double)packing->part_count) || fold != floor(fold)) {
                char text[40];
                (void)snprintf(text, sizeof text, is_valid ? "%.17g" : "NULL", fold);
                return ps_error_set(error, PENSTOCK_INVALID_DATA,
                                    "row %lld: foldCol %s is %s; folds are whole numbers from 0 to %zu",
                                    (long long)(block->first_row + (int64_t)row + 1), packing->fold_column,
                                    text, packing->part_count - 1);
            }
            packer->parts[row] = (uint16_t)fold;
        }
    }
    return PENSTOCK_OK;
}

/* What the frame's rows count. */
static penstock_code read_weights(struct ps_packer *packer, const struct ps_slice *slice, int64_t begin,
                                  size_t count, int64_t first_row, struct penstock_error *error) {
    const struct ps_packing *packing = packer->packing;
    const size_t column = packing->pipeline->input_count + (packing->has_fold_column ? 1 : 0);
    const double *weights = ps_chunk_doubles(slice->chunk, column);
    const uint64_t *validity = ps_chunk_validity(slice->chunk, column);
    for (size_t i = 0; i < count; i++) {
        const int64_t place = begin + (int64_t)i;
        const bool is_valid = ps_chunk_is_valid(validity, place);
        const double weight = is_valid ? weights[place] : -1;
        if (!(weight >= 0) || isinf(weight)) {
            char text[40];
            (void)snprintf(text, sizeof text, is_valid ? "%.17g" : "NULL", weight);
            return ps_error_set(error, PENSTOCK_INVALID_DATA,
                                "row %lld: weightCol %s is %s; weights are numbers of 0 or more",
                                (long long)(first_row + (int64_t)i + 1), packing->weight_column, text);
        }
        packer->frame_weights[i] = weight;
    }
    return PENSTOCK_OK;
}

/* Where each part's rows begin in the packed columns: all rows of the block have room. */
static void place_parts(struct ps_packer *packer, const struct ps_block *block, const uint16_t *parts) {
    const size_t part_count = packer->packing->part_count;
    memset(packer->filled, 0, (part_count + 1) * sizeof(size_t));
    for (int64_t i = 0; i < block->row_count; i++) {
        packer->filled[parts[i]]++;
    }
    size_t start = 0;
    for (size_t p = 0; p < part_count; p++) {
        packer->starts[p] = start;
        start += packer->filled[p];
        packer->filled[p] = 0;
    }
}

/* Rows of the frame that stay, part by part, in packer->rows. */
static void list_rows(struct ps_packer *packer, const uint16_t *parts) {
    const size_t part_count = packer->packing->part_count;
    const struct ps_frame *frame = packer->frame;
    size_t *next = packer->row_starts;
    memset(next, 0, (part_count + 1) * sizeof(size_t));
    for (size_t i = 0; i < frame->row_count; i++) {
        next[parts[i] + 1] += frame->fates[i] == PS_FATE_KEEP ? 1 : 0;
    }
    for (size_t p = 0; p < part_count; p++) {
        next[p + 1] += next[p];
    }
    for (size_t i = 0; i < frame->row_count; i++) {
        if (frame->fates[i] == PS_FATE_KEEP) {
            packer->rows[next[parts[i]]++] = (uint32_t)i;
        }
    }
    for (size_t p = part_count; p > 0; p--) { /* each begin has moved to its end: shift back */
        next[p] = next[p - 1];
    }
    next[0] = 0;
}

/* 0, or NaN when a value is not finite. Four sums, so that they need not wait for one another. */
static double probe(const double *values, size_t count) {
    double sums[4] = {0};
    size_t i = 0;
    for (; i + 4 <= count; i += 4) {
        sums[0] += values[i] * 0.0;
        sums[1] += values[i + 1] * 0.0;
        sums[2] += values[i + 2] * 0.0;
        sums[3] += values[i + 3] * 0.0;
    }
    for (; i < count; i++) {
        sums[0] += values[i] * 0.0;
    }
    return sums[0] + sums[1] + sums[2] + sums[3];
}

/* Copies one column's listed rows. Returns 0, or NaN when a value was not finite. */
static double copy_rows(const double *from, const uint32_t *rows, size_t count, double pilot, double *to) {
    for (size_t i = 0; i < count; i++) {
        to[i] = from[rows[i]] - pilot;
    }
    return probe(to, count);
}

/* The same for a column whose gaps are filled later: 0 in the column and 1 in its indicator. */
static double copy_filled(const double *from, const uint32_t *rows, size_t count, double pilot, double *to,
                          double *indicator) {
    for (size_t i = 0; i < count; i++) {
        const bool is_gap = isnan(from[rows[i]]);
        to[i] = is_gap ? 0 : from[rows[i]] - pilot;
        indicator[i] = is_gap ? 1 : 0;
    }
    return probe(to, count);
}

static void track_range(struct ps_packer *packer, size_t part, size_t column, const double *from) {
    const size_t place = part * packer->packing->layout->number_count + column;
    double least = packer->least[place];
    double largest = packer->largest[place];
    for (size_t i = packer->row_starts[part]; i < packer->row_starts[part + 1]; i++) {
        const double value = from[packer->rows[i]];
        least = value < least ? value : least;
        largest = value > largest ? value : largest;
    }
    packer->least[place] = least;
    packer->largest[place] = largest;
}

/* Copies the listed rows' dense columns. False: something was not finite. */
static bool copy_dense(struct ps_packer *packer, const double *pilots) {
    const struct ps_layout *layout = packer->packing->layout;
    double found = 0;
    for (size_t c = 0; c <= layout->number_count; c++) {
        const bool is_label = c == layout->number_count;
        const size_t column = is_label ? layout->label : c;
        const double *from =
            packer->frame->slots[is_label ? layout->label_slot : layout->dense[c].slot].numbers;
        for (size_t p = 0; p < packer->packing->part_count; p++) {
            const uint32_t *rows = packer->rows + packer->row_starts[p];
            const size_t count = packer->row_starts[p + 1] - packer->row_starts[p];
            const size_t place = packer->starts[p] + packer->filled[p];
            double *to = packer->columns + (1 + column) * packer->stride + place;
            if (!is_label && layout->dense[c].is_filled) {
                double *indicator =
                    packer->columns + (1 + layout->dense[c].indicator) * packer->stride + place;
                found += copy_filled(from, rows, count, pilots[column], to, indicator);
            } else {
                found += copy_rows(from, rows, count, pilots[column], to);
            }
        }
    }
    return found == 0;
}

static void copy_groups(struct ps_packer *packer) {
    const struct ps_layout *layout = packer->packing->layout;
    for (size_t g = 0; g < layout->shape.group_count; g++) {
        const struct ps_frame_slot *slot = &packer->frame->slots[layout->groups[g]];
        for (size_t p = 0; p < packer->packing->part_count; p++) {
            const uint32_t *rows = packer->rows + packer->row_starts[p];
            const size_t count = packer->row_starts[p + 1] - packer->row_starts[p];
            const size_t place = g * packer->stride + packer->starts[p] + packer->filled[p];
            for (size_t i = 0; i < count; i++) {
                packer->indexes[place + i] = slot->indexes[rows[i]];
            }
            for (size_t i = 0; packer->values != NULL && i < count; i++) {
                packer->values[place + i] = slot->values == NULL ? 1 : slot->values[rows[i]];
            }
        }
    }
}

static void copy_weights(struct ps_packer *packer) {
    for (size_t p = 0; p < packer->packing->part_count; p++) {
        const uint32_t *rows = packer->rows + packer->row_starts[p];
        const size_t count = packer->row_starts[p + 1] - packer->row_starts[p];
        for (size_t i = 0; i < count; i++) {
            packer->weights[packer->starts[p] + packer->filled[p] + i] = packer->frame_weights[rows[i]];
        }
    }
}

/* Marks the rows with a value that is not finite; a label like that is counted apart. */
static void mark_rows(struct ps_packer *packer) {
    const struct ps_layout *layout = packer->packing->layout;
    struct ps_frame *frame = packer->frame;
    const double *labels = frame->slots[layout->label_slot].numbers;
    for (size_t i = 0; i < frame->row_count; i++) {
        if (frame->fates[i] == PS_FATE_KEEP && !isfinite(labels[i])) {
            packer->null_labels++;
            ps_frame_set_fate(frame, i, PS_FATE_NULL);
        }
    }
    for (size_t c = 0; c < layout->number_count; c++) {
        const double *numbers = frame->slots[layout->dense[c].slot].numbers;
        const bool is_filled = layout->dense[c].is_filled;
        for (size_t i = 0; i < frame->row_count; i++) {
            if (!isfinite(numbers[i]) && !(is_filled && isnan(numbers[i]))) {
                ps_frame_set_fate(frame, i, PS_FATE_NULL);
            }
        }
    }
    for (size_t g = 0; packer->values != NULL && g < layout->shape.group_count; g++) {
        const double *values = frame->slots[layout->groups[g]].values;
        for (size_t i = 0; values != NULL && i < frame->row_count; i++) {
            if (!isfinite(values[i])) {
                ps_frame_set_fate(frame, i, PS_FATE_NULL);
            }
        }
    }
}

static void fill_frame(struct ps_packer *packer, const struct ps_slice *slice, int64_t begin, size_t count) {
    const struct ps_pipeline *pipeline = packer->packing->pipeline;
    ps_frame_begin(packer->frame, count);
    for (size_t i = 0; i < pipeline->input_count; i++) {
        const size_t slot = pipeline->inputs[i];
        const uint64_t *validity = ps_chunk_validity(slice->chunk, i);
        if (pipeline->slots[slot].kind == PS_SLOT_NUMBER) {
            const struct ps_input_column column = {ps_chunk_doubles(slice->chunk, i), NULL, validity};
            ps_frame_set_input(packer->frame, slot, &column, begin);
            continue;
        }
        struct ps_bytes *texts = packer->frame->slots[slot].own_texts;
        for (size_t row = 0; row < count; row++) {
            const int64_t place = begin + (int64_t)row;
            texts[row] = ps_chunk_is_valid(validity, place) ? ps_chunk_text(slice->chunk, i, place)
                                                            : (struct ps_bytes){NULL, 0};
        }
        packer->frame->slots[slot].texts = texts;
    }
}

static void count_fates(struct ps_packer *packer) {
    const struct ps_frame *frame = packer->frame;
    for (size_t i = 0; frame->has_fates && i < frame->row_count; i++) {
        packer->outliers += frame->fates[i] == PS_FATE_OUTLIER ? 1 : 0;
        packer->null_features += frame->fates[i] == PS_FATE_NULL ? 1 : 0;
    }
}

static penstock_code pack_frame(struct ps_packer *packer, const uint16_t *parts, const double *pilots,
                                int64_t first_row, struct penstock_error *error) {
    const struct ps_packing *packing = packer->packing;
    ps_pipeline_apply(packing->pipeline, packer->frame);
    if (packer->frame->failure.is_set) {
        return ps_frame_error(packer->frame, first_row, error);
    }
    if (packer->values != NULL) {
        mark_rows(packer); /* values of interactions are not in the dense copy that would notice */
    }
    list_rows(packer, parts);
    if (!copy_dense(packer, pilots)) {
        mark_rows(packer);
        list_rows(packer, parts);
        if (!copy_dense(packer, pilots)) {
            return ps_error_set(error, PENSTOCK_INVALID_DATA, "a feature is too large to be summed up");
        }
    }
    copy_groups(packer);
    if (packer->weights != NULL) {
        copy_weights(packer);
    }
    for (size_t c = 0; packing->layout->needs_range && c < packing->layout->number_count; c++) {
        for (size_t p = 0; p < packing->part_count; p++) {
            track_range(packer, p, c, packer->frame->slots[packing->layout->dense[c].slot].numbers);
        }
    }
    for (size_t p = 0; p < packing->part_count; p++) {
        packer->filled[p] += packer->row_starts[p + 1] - packer->row_starts[p];
    }
    count_fates(packer);
    return PENSTOCK_OK;
}

penstock_code ps_packer_pack(struct ps_packer *packer, const struct ps_block *block, const uint16_t *parts,
                             const double *pilots, struct penstock_error *error) {
    packer->outliers = packer->null_features = packer->null_labels = 0;
    if (packer->packing->has_fold_column) {
        PS_TRY(read_parts(packer, block, error));
        parts = packer->parts;
    }
    place_parts(packer, block, parts);
    for (size_t i = 0; packer->weights != NULL && i < packer->stride; i++) {
        packer->columns[i] = 1; /* ps_packer_weigh() may have been here */
    }
    size_t row = 0;
    for (size_t s = 0; s < block->slice_count; s++) {
        const struct ps_slice *slice = &block->slices[s];
        for (int64_t done = 0; done < slice->count;) {
            const int64_t left = slice->count - done;
            const size_t count = (size_t)(left < PS_FRAME_ROWS ? left : PS_FRAME_ROWS);
            fill_frame(packer, slice, slice->begin + done, count);
            if (packer->weights != NULL) {
                PS_TRY(read_weights(packer, slice, slice->begin + done, count,
                                    block->first_row + (int64_t)row, error));
            }
            PS_TRY(pack_frame(packer, parts + row, pilots, block->first_row + (int64_t)row, error));
            row += count;
            done += (int64_t)count;
        }
    }
    return PENSTOCK_OK;
}

struct ps_panel ps_packer_panel(const struct ps_packer *packer, size_t part) {
    const size_t start = packer->starts[part];
    return (struct ps_panel){
        .columns = packer->columns + start,
        .indexes = packer->indexes + start,
        .values = packer->values == NULL ? NULL : packer->values + start,
        .weights = packer->weights == NULL ? NULL : packer->weights + start,
        .stride = packer->stride,
        .row_count = packer->filled[part],
    };
}

struct ps_panel ps_packer_weigh(struct ps_packer *packer, size_t part) {
    const struct ps_gram_shape *shape = &packer->packing->layout->shape;
    const size_t start = packer->starts[part];
    struct ps_panel panel = ps_packer_panel(packer, part);
    double *roots = packer->weights + start;
    for (size_t i = 0; i < panel.row_count; i++) {
        roots[i] = sqrt(roots[i]);
    }
    for (size_t c = 0; c <= shape->dense_count; c++) {
        double *column = packer->columns + c * packer->stride + start;
        for (size_t i = 0; i < panel.row_count; i++) {
            column[i] *= roots[i];
        }
    }
    for (size_t g = 0; g < shape->group_count; g++) {
        const size_t place = g * packer->stride + start;
        for (size_t i = 0; i < panel.row_count; i++) {
            packer->group_weights[place + i] =
                roots[i] * (packer->values == NULL ? 1 : packer->values[place + i]);
        }
    }
    panel.values = packer->group_weights + start;
    return panel;
}
