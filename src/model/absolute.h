/* SPDX-License-Identifier: Apache-2.0
 *
 * absolute.h - the mean absolute error (mae, mape) of every cell on every split: one more scan.
 *
 * It is what sums of products do not give. The models are those of the search; all cells of a
 * split are multiplied with a panel at once.
 */
#ifndef PS_MODEL_ABSOLUTE_H
#define PS_MODEL_ABSOLUTE_H

#include "model/search.h"

/* The scan must deliver the same rows in the same order as the tally's. Sets search->metrics. */
penstock_code ps_absolute_run(const struct ps_tally_options *options, const struct ps_tally *tally,
                              struct ps_scan *scan, struct ps_search *search, struct penstock_error *error)
    PENSTOCK_MUST_USE;

#endif
