/* SPDX-License-Identifier: Apache-2.0
 *
 * sanity.c - eigenvalues of the correlation matrix of the features.
 */
#include "model/sanity.h"

#include <lapacke.h>
#include <math.h>

/* An eigenvalue that is this small beside the largest, for each feature, is rounding: as the solver has it. */
#define EIGENVALUE_MIN 1e-13

static size_t fill_correlations(const struct ps_moments *moments, double *matrix, size_t *features) {
    size_t count = 0;
    for (size_t j = 0; j < moments->count; j++) {
        if (moments->covariance[j * moments->count + j] > 0) {
            features[count++] = j;
        }
    }
    for (size_t i = 0; i < count; i++) {
        const size_t fi = features[i];
        const double vi = moments->covariance[fi * moments->count + fi];
        for (size_t j = 0; j < count; j++) {
            const size_t fj = features[j];
            const double vj = moments->covariance[fj * moments->count + fj];
            matrix[i * count + j] = moments->covariance[fi * moments->count + fj] / (sqrt(vi) * sqrt(vj));
        }
    }
    return count;
}

penstock_code ps_sanity_measure(const struct ps_moments *moments, struct ps_fit_sanity *sanity_out,
                                struct penstock_error *error) {
    const size_t n = moments->count + 1;
    double *matrix PS_SCOPED(ps_release_scoped) = ps_allocate(n * n, sizeof(double));
    double *values PS_SCOPED(ps_release_scoped) = ps_allocate(n, sizeof(double));
    size_t *features PS_SCOPED(ps_release_scoped) = ps_allocate(n, sizeof(size_t));
    if (matrix == NULL || values == NULL || features == NULL) {
        return ps_error_memory(error, "the condition of a fit");
    }
    const size_t count = fill_correlations(moments, matrix, features);
    sanity_out->has_rank = true;
    sanity_out->varying_count = sanity_out->rank = count;
    sanity_out->condition = 1;
    if (count == 0) {
        return PENSTOCK_OK;
    }
    const int info = LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'N', 'U', (int)count, matrix, (int)count, values);
    if (info == LAPACK_WORK_MEMORY_ERROR) {
        return ps_error_memory(error, "the condition of a fit");
    }
    if (info != 0) { /* not finite, or no convergence: nothing is known */
        sanity_out->has_rank = false;
        sanity_out->condition = (double)NAN;
        return PENSTOCK_OK;
    }
    const double least = values[count - 1] * EIGENVALUE_MIN * (double)count;
    sanity_out->rank = 0;
    for (size_t i = 0; i < count; i++) {
        sanity_out->rank += values[i] > least;
    }
    sanity_out->condition = sanity_out->rank < count ? (double)INFINITY : sqrt(values[count - 1] / values[0]);
    return PENSTOCK_OK;
}
