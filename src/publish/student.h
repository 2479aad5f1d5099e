/* SPDX-License-Identifier: Apache-2.0
 *
 * student.h - Student's t distribution, for confidence bounds of few blocks.
 *
 * A bound from 10 blocks by the normal quantile would publish too often; the t quantile is what makes the
 * stated confidence true for small counts.
 */
#ifndef PS_PUBLISH_STUDENT_H
#define PS_PUBLISH_STUDENT_H

/* P(T <= t) with `freedom` degrees of freedom (> 0), by the regularised incomplete beta function:
 * 1 - I_x(freedom / 2, 1/2) / 2 with x = freedom / (freedom + t * t), for t >= 0
 * (Abramowitz and Stegun 26.7.1 and 26.5.27; the continued fraction is 26.5.8). */
double ps_student_probability(double t, double freedom);
/* The t with P(T <= t) = probability, 0 < probability < 1, by bisection: to 1e-12 relative. */
double ps_student_quantile(double probability, double freedom);

#endif
