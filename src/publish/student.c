/* SPDX-License-Identifier: Apache-2.0
 *
 * student.c - Student's t by the incomplete beta function.
 *
 * The continued fraction of the incomplete beta function is evaluated by the modified Lentz method (Thompson
 * and Barnett, Coulomb and Bessel functions of complex arguments and order, 1986), which needs no rescaling.
 * The quantile is found by bisection on the probability: slower than Newton's method and never wrong; it is
 * taken once per gate.
 */
#include "publish/student.h"

#include <math.h>

#include "base/check.h"

/* The fraction needs about sqrt(max(a, b)) steps; beyond this many degrees of freedom t is the normal
 * distribution to the precision of a double's printed digits, so they are cut there. */
#define FREEDOM_MAX 1e7
#define STEP_MAX 20000
#define TINY 1e-300
#define PRECISION 1e-15

static double keep_away_from_zero(double value) {
    return fabs(value) < TINY ? TINY : value;
}

static double beta_fraction(double x, double a, double b) {
    double c = 1.0;
    double d = 1.0 / keep_away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    double product = d;
    for (int step = 1; step <= STEP_MAX; step++) {
        const double m = step;
        const double even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / keep_away_from_zero(1.0 + even * d);
        c = keep_away_from_zero(1.0 + even / c);
        product *= d * c;
        const double odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / keep_away_from_zero(1.0 + odd * d);
        c = keep_away_from_zero(1.0 + odd / c);
        const double change = d * c;
        product *= change;
        if (fabs(change - 1.0) < PRECISION) {
            break;
        }
    }
    return product;
}

/* I_x(a, b). `rest` is 1 - x, given apart because the caller knows it without cancellation. */
static double incomplete_beta(double x, double rest, double a, double b) {
    if (x <= 0.0) {
        return 0.0;
    }
    if (rest <= 0.0) {
        return 1.0;
    }
    int sign = 0;
    const double scale =
        exp(lgamma_r(a + b, &sign) - lgamma_r(a, &sign) - lgamma_r(b, &sign) + a * log(x) + b * log(rest));
    /* the fraction converges fast only left of the mean; beyond it the symmetry is used */
    if (x < (a + 1.0) / (a + b + 2.0)) {
        return scale * beta_fraction(x, a, b) / a;
    }
    return 1.0 - scale * beta_fraction(rest, b, a) / b;
}

double ps_student_probability(double t, double freedom) {
    ps_check(freedom > 0.0);
    const double degrees = fmin(freedom, FREEDOM_MAX);
    const double square = t * t;
    const double tail =
        0.5 * incomplete_beta(degrees / (degrees + square), square / (degrees + square), degrees / 2.0, 0.5);
    return t >= 0.0 ? 1.0 - tail : tail;
}

double ps_student_quantile(double probability, double freedom) {
    ps_check(probability > 0.0 && probability < 1.0);
    if (probability < 0.5) {
        return -ps_student_quantile(1.0 - probability, freedom);
    }
    double low = 0.0;
    double high = 1.0;
    while (ps_student_probability(high, freedom) < probability && high < 1e300) {
        low = high;
        high *= 2.0;
    }
    for (int step = 0; step < 200 && high - low > 1e-13 * high; step++) {
        const double middle = low + (high - low) / 2.0;
        if (ps_student_probability(middle, freedom) < probability) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low + (high - low) / 2.0;
}
