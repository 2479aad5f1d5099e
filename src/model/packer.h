/* SPDX-License-Identifier: Apache-2.0
 *
 * packer.h - rows of a block, through the pipeline, into packed panels: one for each part.
 *
 * A packer belongs to one thread. Dense columns are copied once, shifted by their pilots, part by part;
 * everything after that is BLAS on contiguous columns. That a value is not finite is found out in the same
 * copy (x * 0 is NaN then, and sums keep it), so clean rows pay nothing for the check.
 */
#ifndef PS_MODEL_PACKER_H
#define PS_MODEL_PACKER_H

#include "model/blocks.h"
#include "model/layout.h"
#include "model/validation.h"

/* What the scan delivers: column i is input i of the pipeline; then perhaps the fold column, then perhaps what each
 * row counts. */
struct ps_packing {
    const struct ps_pipeline *pipeline;
    const struct ps_layout *layout;
    size_t part_count;
    int64_t block_rows;
    bool has_fold_column; /* scan column pipeline->input_count */
    const char *fold_column;
    const char *weight_column; /* NULL: there is none */
};

struct ps_packer {
    const struct ps_packing *packing;
    struct ps_frame *frame;
    size_t stride;
    double *columns;         /* (dense_count + 1) * stride; the first is all ones */
    int32_t *indexes;        /* group_count * stride */
    double *values;          /* the same, or NULL */
    double *weights;         /* stride: of the packed rows; NULL: there are none */
    double *frame_weights;   /* of the frame's rows */
    double *group_weights;   /* group_count * stride: of ps_packer_weigh() */
    uint16_t *parts;         /* of the block's rows, when a column says them */
    uint32_t *rows;          /* of the frame, part by part */
    size_t *row_starts;      /* part_count + 1, in rows */
    size_t *starts, *filled; /* per part, in the packed columns */
    double *least, *largest; /* part_count * number_count, over all blocks of this packer */
    int64_t outliers, null_features, null_labels; /* of the last block */
};

/* The packing of a validation: folds and weights. */
struct ps_packing ps_packing_of(const struct ps_pipeline *pipeline, const struct ps_layout *layout,
                                const struct ps_validation *validation);
/* Rows of a block that make its packed columns about a megabyte: they stay in a core's cache. */
int64_t ps_packing_block_rows(const struct ps_layout *layout);
penstock_code ps_packer_init(struct ps_packer *packer, const struct ps_packing *packing,
                             struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_packer_done(struct ps_packer *packer);
/* Packs a block. `parts`: of its rows (ignored with a fold column). `pilots`: dense_count.
 * Errors: INVALID_DATA (a category or a bucket that is refused, a fold out of range), with the row. */
penstock_code ps_packer_pack(struct ps_packer *packer, const struct ps_block *block, const uint16_t *parts,
                             const double *pilots, struct penstock_error *error) PENSTOCK_MUST_USE;
struct ps_panel ps_packer_panel(const struct ps_packer *packer, size_t part);
/* The same with every row times the root of its weight, so that sums of products are weighted ones; the panel as it was
 * is gone. With weights only. */
struct ps_panel ps_packer_weigh(struct ps_packer *packer, size_t part);

#endif
