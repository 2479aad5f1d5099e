/* SPDX-License-Identifier: Apache-2.0
 *
 * paired.h - how much better one model is than another on the same rows, and how sure that is.
 *
 * Both models predict the same hold-out rows. d = champion's loss - candidate's loss of a row (loss.h); rows near in
 * time are not independent, so d is summed per block (an hour of the time column, or sqrt(n) rows where there is no
 * time) and the blocks are what is counted.
 *
 * The relative gain in mean loss is a ratio of block totals, sum(d) / sum(champion's loss); its standard error is
 * that of a ratio estimator over clusters (Cochran, Sampling Techniques, 3rd ed. 1977, chapter 6), its bound
 * Student's t with blocks - 1 degrees of freedom. Neighbouring blocks may go together, too: a second standard
 * error has their covariances (Newey and West, Econometrica 55, 1987) up to the lag 1.3 sqrt(blocks), with
 * Student's t of 1.5 blocks / lag degrees of freedom (Lazarus, Lewis, Stock and Watson, HAR inference:
 * recommendations for practice, Journal of Business & Economic Statistics 36, 2018). With 30 blocks or more the
 * more careful of the two bounds counts. A gain in RMSE is 1 - sqrt(1 - gain in MSE), which is monotone, so the
 * bound goes through it unchanged. With blocks of equal size this is the test of Diebold and Mariano (Comparing
 * predictive accuracy, Journal of Business & Economic Statistics 13, 1995).
 */
#ifndef PS_PUBLISH_PAIRED_H
#define PS_PUBLISH_PAIRED_H

#include "base/memory.h"
#include "model/loss.h"

struct ps_paired_rows {
    const double *labels, *candidate, *champion; /* row_count each */
    const double *times;                         /* seconds, or NULL: the order of the rows is all there is */
    int64_t row_count;
    enum ps_loss loss;
    bool is_root;       /* the metric is the root of the mean loss: rmse */
    size_t class_count; /* of log and zero-one loss: candidate and champion are row * class_count + class */
    const int64_t *selection; /* only these rows, rising; NULL: all */
    int64_t selection_count;
};

struct ps_paired {
    int64_t row_count; /* rows that both models predicted */
    int64_t left_out;  /* rows that one of them could not predict */
    int64_t block_count;
    bool is_hourly; /* blocks are hours of the time column */
    bool has_bound; /* false with fewer than two blocks */
    bool is_root;
    double champion_metric, candidate_metric;
    double gain;               /* 1 - candidate's metric / champion's metric: 0.02 is 2 % better */
    double lower_bound;        /* one-sided, of the gain; NaN without has_bound */
    double ratio;              /* gain in mean loss; its standard error and degrees of freedom, */
    double deviation, freedom; /* blocks taken as independent, */
    double serial_deviation, serial_freedom; /* and with the covariances of near blocks */
};

/* Errors: OUT_OF_MEMORY. No rows at all: gain and bound are NaN. */
penstock_code ps_paired_compare(const struct ps_paired_rows *rows, double confidence,
                                struct ps_paired *paired_out, struct penstock_error *error) PENSTOCK_MUST_USE;

/* The probability of what was seen, or more, if the candidate were worse by no more than `margin` (0.05: its metric is
 * at most 1.05 times the champion's). Small: it is worse by more. 1 without has_bound. */
double ps_paired_worse(const struct ps_paired *paired, double margin);

#endif
