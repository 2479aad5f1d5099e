/* SPDX-License-Identifier: Apache-2.0
 *
 * search_space.h - the values of GRID, RANGE and RANDOM, as the axes of a search.
 *
 * Every value is a text that the option table reads, so that whatever can be written can be searched: numbers,
 * words, lists.
 */
#ifndef PS_MODEL_SEARCH_SPACE_H
#define PS_MODEL_SEARCH_SPACE_H

#include "model/estimator.h"

/* A parameter's values before cells are made of them. */
struct ps_search_range {
    const struct ps_option *option;
    const char *const *texts; /* count values; NULL: any number of from .. to */
    size_t count;
    double from, to;
    bool is_log, is_whole;
};

/* What GRID(...) or RANGE(...) comes to. RANGE without a count is all whole numbers, or, with RANDOM beside it, any
 * number. As numpy's linspace and geomspace: both ends are values. Errors: INVALID_PROJECT. */
penstock_code ps_search_range_read(const struct ps_parameter *parameter, const struct ps_option *option,
                                   bool is_random, struct ps_arena *arena, struct ps_search_range *range_out,
                                   struct penstock_error *error) PENSTOCK_MUST_USE;

/* Fills estimator's axes, cell_count (as a double: it may be too great) and is_drawn from its ranges. `random`:
 * RANDOM(n, seed), or NULL: all combinations. Without continuous ranges no cell is drawn twice. */
penstock_code ps_search_space_make(struct ps_estimator *estimator, const struct ps_search_range *ranges,
                                   size_t range_count, const struct ps_parameter *random,
                                   struct ps_arena *arena, double *cell_count_out,
                                   struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
