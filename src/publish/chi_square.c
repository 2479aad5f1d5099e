/* SPDX-License-Identifier: Apache-2.0
 *
 * chi_square.c - a power of the variable that is nearly normal; its quantile is the normal's, carried back.
 */
#include "publish/chi_square.h"

#include <math.h>

#include "base/check.h"
#include "publish/student.h"

/* Student's t with so many degrees of freedom is the normal distribution. */
#define NORMAL_FREEDOM 1e7

double ps_chi_square_quantile(double probability, double freedom, double noncentrality) {
    ps_check(freedom > 0.0 && noncentrality >= 0.0);
    if (noncentrality == 0.0 && freedom == 1.0) { /* the square of a normal number */
        const double normal = ps_student_quantile((1.0 + probability) / 2.0, NORMAL_FREEDOM);
        return normal * normal;
    }
    if (noncentrality == 0.0 && freedom == 2.0) { /* exponential */
        return -2.0 * log1p(-probability);
    }
    const double mean = freedom + noncentrality;
    const double spread = freedom + 2.0 * noncentrality;
    const double h = 1.0 - 2.0 * mean * (freedom + 3.0 * noncentrality) / (3.0 * spread * spread);
    const double p = spread / (mean * mean);
    const double m = (h - 1.0) * (1.0 - 3.0 * h);
    const double centre = 1.0 + h * p * (h - 1.0 - 0.5 * (2.0 - h) * m * p);
    const double deviation = h * sqrt(2.0 * p) * (1.0 + 0.5 * m * p);
    const double power = centre + ps_student_quantile(probability, NORMAL_FREEDOM) * deviation;
    return power <= 0.0 ? 0.0 : mean * pow(power, 1.0 / h);
}
