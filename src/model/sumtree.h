/* SPDX-License-Identifier: Apache-2.0
 *
 * sumtree.h - sums of vectors in one fixed order, whoever computed them.
 *
 * Floating-point addition is not associative, so bits depend on the order. Partial sums belong to blocks of
 * rows and are added here in block order as a binary counter does: blocks 0 and 1, then 2 and 3, then both
 * pairs, ... The order depends on the number of blocks alone, never on threads, and the rounding error grows
 * with the logarithm of the number of blocks.
 */
#ifndef PS_MODEL_SUMTREE_H
#define PS_MODEL_SUMTREE_H

#include "base/bytes.h"
#include "base/memory.h"

#define PS_SUMTREE_LEVELS 40

struct ps_sumtree {
    size_t length;
    size_t level_max; /* levels from here on are added up one after the other: the memory bound */
    double *levels[PS_SUMTREE_LEVELS];
    bool is_full[PS_SUMTREE_LEVELS];
};

/* `memory_max` bounds the levels (at least one is kept); it changes the order of addition, so give a constant. */
void ps_sumtree_init(struct ps_sumtree *tree, size_t length, size_t memory_max);
void ps_sumtree_done(struct ps_sumtree *tree);
/* Adds the next block's vector. `vector` is used as scratch: its content is lost. */
penstock_code ps_sumtree_add(struct ps_sumtree *tree, double *vector, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* The sum of all vectors so far, into `sum_out` (zeros if there was none). */
void ps_sumtree_total(const struct ps_sumtree *tree, double *sum_out);

#endif
