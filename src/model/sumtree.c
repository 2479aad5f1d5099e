/* SPDX-License-Identifier: Apache-2.0
 *
 * sumtree.c - the binary counter of partial sums.
 *
 * Level l holds the sum of 2^l blocks. A new block carries upwards while a level is full, the earlier sum
 * always on the left. The last level that memory allows takes everything that reaches it.
 */
#include "model/sumtree.h"

void ps_sumtree_init(struct ps_sumtree *tree, size_t length, size_t memory_max) {
    *tree = (struct ps_sumtree){.length = length};
    size_t levels = memory_max / ((length > 0 ? length : 1) * sizeof(double));
    levels = levels < 1 ? 1 : levels > PS_SUMTREE_LEVELS ? PS_SUMTREE_LEVELS : levels;
    tree->level_max = levels - 1;
}

void ps_sumtree_done(struct ps_sumtree *tree) {
    for (size_t i = 0; i < PS_SUMTREE_LEVELS; i++) {
        ps_release(tree->levels[i]);
        tree->levels[i] = NULL;
        tree->is_full[i] = false;
    }
}

/* later = earlier + later */
static void add_earlier(const double *earlier, double *later, size_t length) {
    for (size_t i = 0; i < length; i++) {
        later[i] = earlier[i] + later[i];
    }
}

penstock_code ps_sumtree_add(struct ps_sumtree *tree, double *vector, struct penstock_error *error) {
    size_t level = 0;
    while (tree->is_full[level]) {
        add_earlier(tree->levels[level], vector, tree->length);
        if (level == tree->level_max) {
            break;
        }
        tree->is_full[level] = false;
        level++;
    }
    if (tree->levels[level] == NULL) {
        tree->levels[level] = ps_allocate(tree->length, sizeof(double));
        if (tree->levels[level] == NULL) {
            return ps_error_memory(error, "sums of blocks");
        }
    }
    memcpy(tree->levels[level], vector, tree->length * sizeof(double));
    tree->is_full[level] = true;
    return PENSTOCK_OK;
}

void ps_sumtree_total(const struct ps_sumtree *tree, double *sum_out) {
    memset(sum_out, 0, tree->length * sizeof(double));
    bool is_first = true;
    for (size_t i = 0; i < PS_SUMTREE_LEVELS; i++) {
        if (!tree->is_full[i]) {
            continue;
        }
        if (is_first) {
            memcpy(sum_out, tree->levels[i], tree->length * sizeof(double));
            is_first = false;
        } else {
            add_earlier(tree->levels[i], sum_out, tree->length);
        }
    }
}
