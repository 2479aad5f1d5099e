/* SPDX-License-Identifier: Apache-2.0
 *
 * chi_square.h - quantiles of the chi-square distribution, central and noncentral, for the limits of drift.
 */
#ifndef PS_PUBLISH_CHI_SQUARE_H
#define PS_PUBLISH_CHI_SQUARE_H

/* The x with P(X <= x) = probability for `freedom` degrees of freedom (> 0) and `noncentrality` (>= 0; 0: central),
 * by Sankaran's second approximation (Approximations to the non-central chi-square distribution, Biometrika 50,
 * 1963), which is that of Wilson and Hilferty (1931) for noncentrality 0: within 1 percent above 0.9. Exact for a
 * central one of 1 or 2 degrees. */
double ps_chi_square_quantile(double probability, double freedom, double noncentrality);

#endif
