/* SPDX-License-Identifier: Apache-2.0
 *
 * paired.h - how much better one model is than another on the same rows, and how sure that is.
 *
 * Both models predict the same hold-out rows. d = champion's squared error - candidate's squared error;
 * rows near in time are not independent, so d is summed per block (an hour of the time column, or
 * sqrt(n) rows where there is no time) and the blocks are what is counted.
 *
 * The relative gain in mean squared error is a ratio of block totals, sum(d) / sum(champion's squared
 * error); its standard error is that of a ratio estimator over clusters (Cochran, Sampling Techniques,
 * 3rd ed. 1977, chapter 6), its bound is Student's t with blocks - 1 degrees of freedom, and the gain in
 * RMSE is 1 - sqrt(1 - gain in MSE), which is monotone, so the bound goes through it unchanged. With
 * blocks of equal size this is the t test on block means of Diebold and Mariano (Comparing predictive
 * accuracy, 1995), without their lag window: the blocks stand for it.
 */
#ifndef PS_PUBLISH_PAIRED_H
#define PS_PUBLISH_PAIRED_H

#include "base/memory.h"

struct ps_paired_rows {
    const double *labels, *candidate, *champion; /* row_count each */
    const double *times;                         /* seconds, or NULL: the order of the rows is all there is */
    int64_t row_count;
};

struct ps_paired {
    int64_t row_count; /* rows that both models predicted */
    int64_t left_out;  /* rows that one of them could not predict */
    int64_t block_count;
    bool is_hourly; /* blocks are hours of the time column */
    bool has_bound; /* false with fewer than two blocks */
    double champion_rmse, candidate_rmse;
    double gain;        /* 1 - candidate's RMSE / champion's RMSE: 0.02 is 2 % better */
    double lower_bound; /* one-sided, of the gain; NaN without has_bound */
};

/* Errors: OUT_OF_MEMORY. No rows at all: gain and bound are NaN. */
penstock_code ps_paired_compare(const struct ps_paired_rows *rows, double confidence,
                                struct ps_paired *paired_out, struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
