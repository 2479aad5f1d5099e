/* SPDX-License-Identifier: Apache-2.0
 *
 * profile.h - what the rows looked like that a version was trained on: the memory that later runs compare with.
 *
 * Of every column that the model reads, and of the label: counts, missing values, range, mean, deviation, quantiles,
 * and how the kept rows of the sample fall into bins: a bin for each tenth of the numbers (one for each number where
 * there are few), one for each of the most frequent texts. A profile is stored with its version as JSON; new rows are
 * counted into the bins of an old profile, never the other way round.
 */
#ifndef PS_PUBLISH_PROFILE_H
#define PS_PUBLISH_PROFILE_H

#include <yyjson.h>

#include "base/bytes.h"
#include "model/sample.h"

/* Of numbers: 0, 1, 5, 25, 50, 75, 95, 99 and 100 percent. */
#define PS_PROFILE_QUANTILES 9
extern const double ps_profile_probabilities[PS_PROFILE_QUANTILES];

struct ps_profile_column {
    const char *name;
    bool is_text;
    int64_t count, missing_count;             /* of all rows */
    double minimum, maximum, mean, deviation; /* NaN: no number */
    double quantiles[PS_PROFILE_QUANTILES];   /* of the kept rows; NaN: no number */
    size_t bin_count;
    const double *edges;       /* numbers: bin_count - 1; bin i holds edges[i - 1] < x <= edges[i] */
    const char *const *values; /* texts: bin_count, most frequent first; of times: none, all are others */
    const int64_t *bins;       /* kept rows in each bin */
    int64_t other_count;       /* kept rows with another text */
    int64_t kept_missing_count;
};
struct ps_profile {
    int64_t training_count, holdout_count;
    int64_t kept_count;
    double time_last;                  /* of HOLDOUT ... BY column, seconds since 1970; NaN: none */
    struct ps_profile_column *columns; /* inputs, then the label */
    size_t column_count;
};

/* Everything in the arena. */
penstock_code ps_profile_of_sample(const struct ps_sample *sample, struct ps_arena *arena,
                                   struct ps_profile *profile_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* Adds the profile's members to `object`. */
void ps_profile_write(const struct ps_profile *profile, yyjson_mut_doc *document, yyjson_mut_val *object);
/* Errors: INVALID_DATA (no profile, from a newer version). */
penstock_code ps_profile_read(const char *json, struct ps_arena *arena, struct ps_profile *profile_out,
                              struct penstock_error *error) PENSTOCK_MUST_USE;
const struct ps_profile_column *ps_profile_find(const struct ps_profile *profile, const char *name);

/* Rows of the sample in the bins of `column`: bin_count counts, then those of other texts, then missing ones.
 * *is_same_out false: the one is text and the other is not. */
penstock_code ps_profile_count(const struct ps_profile_column *column, const struct ps_sample *sample,
                               const struct ps_sample_column *counted, int64_t *counts_out, bool *is_same_out,
                               struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
