/* SPDX-License-Identifier: Apache-2.0
 *
 * drift_score.h - the population stability index of one column, and the limit that goes with its numbers of rows.
 */
#ifndef PS_PUBLISH_DRIFT_SCORE_H
#define PS_PUBLISH_DRIFT_SCORE_H

#include "publish/drift.h"
#include "publish/profile.h"

struct ps_drift_score {
    double index;     /* PSI */
    double limit;     /* above it: more than the tolerance, and not by chance */
    size_t bin_count; /* compared; 1: there is nothing to compare */
    size_t worst;     /* bin of the profile that adds most: bin_count: other texts, bin_count + 1: missing */
    double worst_before, worst_now; /* its shares */
};
/* now: as ps_profile_count() gives them. Bins in which fewer than 5 rows are expected are put together first (Cochran,
 * Some methods for strengthening the common chi-square tests, Biometrics 10, 1954). confidence: of this column. */
penstock_code ps_drift_score_bins(const struct ps_profile_column *column, const int64_t *now,
                                  double tolerance, double confidence, struct ps_drift_score *score_out,
                                  struct penstock_error *error) PENSTOCK_MUST_USE;

/* All columns of the profile but the last (the label) that the sample has, too. column_name: only this one, or NULL. */
penstock_code ps_drift_compare(const struct ps_profile *profile, const struct ps_sample *sample,
                               const char *column_name, double tolerance, double confidence,
                               struct ps_drift_report **report_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

#endif
