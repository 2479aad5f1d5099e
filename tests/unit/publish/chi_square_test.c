/* SPDX-License-Identifier: Apache-2.0
 *
 * chi_square_test.c - quantiles beside those of SciPy 1.15 (chi2.ppf, ncx2.ppf).
 */
#include "publish/chi_square.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void quantiles_are_those_of_scipy(void **state) {
    static const struct {
        double probability, freedom, noncentrality, quantile;
    } cases[] = {
        {0.95, 1, 0, 3.8414588},     {0.99, 9, 0, 21.665994},   {0.999, 20, 0, 45.314747},
        {0.95, 9, 10, 32.882649},    {0.99, 9, 100, 160.80936}, {0.999, 4, 1000, 1208.1354},
        {0.99, 19, 5000, 5352.7005}, {0.9995, 2, 0, 15.201805}, {0.99, 1, 50, 88.311422},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const double quantile =
            ps_chi_square_quantile(cases[i].probability, cases[i].freedom, cases[i].noncentrality);
        if (!(fabs(quantile / cases[i].quantile - 1) < 0.01)) {
            fail_msg("case %zu: %.8g is not %.8g", i, quantile, cases[i].quantile);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(quantiles_are_those_of_scipy)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
