/* SPDX-License-Identifier: Apache-2.0
 *
 * sanity.h - does a fit stand on firm ground? Rank and condition of the features it was fitted to.
 *
 * The condition number is that of the features scaled to unit deviation (and centred): the root of the largest over
 * the smallest eigenvalue of their correlation matrix. Above 30 features are near to being sums of each other
 * (Belsley, Kuh and Welsch, Regression Diagnostics, 1980, chapter 3); the square of it times 1e-16 is about how much
 * of the normal equations' solution is noise. A penalty makes a fit of such features firm again, their coefficients
 * are then a matter of the penalty.
 */
#ifndef PS_MODEL_SANITY_H
#define PS_MODEL_SANITY_H

#include "model/spread.h"
#include "model/train.h"

/* Sets rank, varying_count, condition. */
penstock_code ps_sanity_measure(const struct ps_moments *moments, struct ps_fit_sanity *sanity_out,
                                struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
