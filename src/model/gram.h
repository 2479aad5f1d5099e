/* SPDX-License-Identifier: Apache-2.0
 *
 * gram.h - the sufficient statistics of a linear model: sums of products, of dense and of one-hot columns.
 *
 * A row is [1, x_1 .. x_d, y] (dense; the label is the last dense column) and one slot in each group of
 * one-hot columns. The sums of one set of rows (a part: a fold) are
 *   dense  (d+2) x (d+2)   [1 x y]'[1 x y]           one dgemm a block
 *   cross  slots x (d+2)   a row's [1 x y], added to the slot it stands in
 *   pairs  slots x slots   how often two slots meet: counts, exact
 * A one-hot column is never multiplied out as zeros and ones. Dense columns are shifted by a pilot value
 * before they come here, so that the sums do not cancel.
 */
#ifndef PS_MODEL_GRAM_H
#define PS_MODEL_GRAM_H

#include "base/bytes.h"
#include "base/memory.h"

struct ps_gram_shape {
    size_t dense_count; /* with the label, without the ones */
    size_t group_count;
    const size_t *group_starts; /* first slot of each group; group_count + 1 entries */
    size_t slot_count;
    bool has_values; /* some group carries values other than 1, so that `pairs` are not counts */
};

/* Rows of one part in one block, packed. Column 0 is all ones; column 1 + j is dense column j. */
struct ps_panel {
    const double *columns;  /* column c, row i: columns[c * stride + i] */
    const int32_t *indexes; /* group g, row i: indexes[g * stride + i], a slot of the group or -1 */
    const double *values;   /* as indexes, the value in the slot; NULL: all 1 */
    const double *weights;  /* of the rows, NULL: none; no part of these sums */
    size_t stride;
    size_t row_count;
};

/* Doubles that dense and cross need, in one vector: dense first. */
size_t ps_gram_size(const struct ps_gram_shape *shape);
size_t ps_gram_pair_size(const struct ps_gram_shape *shape);
/* Adds a panel's sums to `sums` (ps_gram_size) and `pairs` (ps_gram_pair_size; NULL without groups). */
void ps_gram_add(const struct ps_gram_shape *shape, const struct ps_panel *panel, double *sums,
                 double *pairs);

/* Reading: `a` and `b` count [1, dense..., slots...]. The sum of products of two of these columns. */
double ps_gram_at(const struct ps_gram_shape *shape, const double *sums, const double *pairs, size_t a,
                  size_t b);

/* OpenBLAS with one thread: parallel is what calls it. */
void ps_gram_prepare(void);
/* Ends the threads that OpenBLAS starts when it is loaded. Each would look for work, in vain, for 60 ms on a core of
 * its own before it goes to sleep. To be called first, from the only thread. */
void ps_gram_begin(void);

#endif
