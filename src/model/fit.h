/* SPDX-License-Identifier: Apache-2.0
 *
 * fit.h - what transforms may ask of the training rows before the scan.
 *
 * Only aggregates whose value does not depend on the order of rows are asked of DuckDB (counts, extremes,
 * exact quantiles): those are the same bits on any number of threads. Means and variances, which are not,
 * are summed by an ordered scan of our own: of SQL expressions (ps_fit_moments), or of rows that have gone
 * through the stages before, whatever these do (ps_fit_rows).
 */
#ifndef PS_MODEL_FIT_H
#define PS_MODEL_FIT_H

#include "model/pipeline.h"
#include "model/validation.h"

/* The rows that one split of the validation trains on, out of all training rows: `where` is the condition of these,
 * and each row's part is drawn, or read from the fold column, as the search does it. */
struct ps_fit_split {
    const struct ps_validation *validation;
    size_t index;
    const struct ps_pipeline
        *whole; /* fitted on all training rows: what stages that do not refit take over */
};

struct ps_fit {
    struct ps_connection *connection;
    const char *relation;    /* follows FROM */
    struct ps_buffer *where; /* "WHERE ..." of the training rows; filters add to it */
    bool is_sorted;          /* rows are summed up ORDER BY ALL: the relation has no order of its own */
    struct ps_pipeline *pipeline;
    struct ps_arena *arena;
    const struct ps_stop *stop;
    int64_t scan_count; /* queries over the data so far */
    penstock_code (*note)(void *context, const char *text, struct penstock_error *error);
    void *note_context;
    const struct ps_fit_split *split; /* NULL: all training rows */
    bool takes_all_parts;             /* of a split: ps_fit_rows() leaves none out, for now */
};

/* Starts a scan of expressions over the training rows; counts it. */
struct ps_scan;
struct ps_scan_column;
penstock_code ps_fit_scan(struct ps_fit *fit, const struct ps_scan_column *columns, size_t count,
                          struct ps_scan **scan_out, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Exact quantiles with linear interpolation of `count` SQL numbers: quantiles_out[i * probability_count + p].
 * NaN where there is no value. */
penstock_code ps_fit_quantiles(struct ps_fit *fit, const char *const *expressions, size_t count,
                               const double *probabilities, size_t probability_count, double *quantiles_out,
                               struct penstock_error *error) PENSTOCK_MUST_USE;
/* The same, but values of the column: the least one that reaches the probability's share of the rows, as Spark's
 * approxQuantile gives it with relativeError = 0. */
penstock_code ps_fit_ranks(struct ps_fit *fit, const char *const *expressions, size_t count,
                           const double *probabilities, size_t probability_count, double *values_out,
                           struct penstock_error *error) PENSTOCK_MUST_USE;
/* Count, mean, variance (n - 1), least and largest of each; NULLs and NaN are passed over. */
penstock_code ps_fit_moments(struct ps_fit *fit, const char *const *expressions, size_t count,
                             struct ps_column_moments *moments_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* The most frequent value, the least of equals; NaN if there is none. */
penstock_code ps_fit_mode(struct ps_fit *fit, const char *expression, double *mode_out,
                          struct penstock_error *error) PENSTOCK_MUST_USE;
/* Distinct values with their counts. Texts come sorted by byte value, numbers ascending. Labels in the arena.
 * More than PS_LIMIT_FEATURE_COUNT is an error that names `column`. */
struct ps_fit_values {
    const char **texts;
    double *numbers; /* NULL for texts */
    int64_t *counts;
    size_t count;
};
penstock_code ps_fit_distinct(struct ps_fit *fit, const char *expression, bool is_text, const char *column,
                              struct ps_fit_values *values_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
penstock_code ps_fit_note(struct ps_fit *fit, struct penstock_error *error, const char *format, ...)
    PS_PRINTF(3, 4);

/* One ordered scan of the training rows through the stages before `transform`: take() gets frame after frame, in
 * which the inputs of the transform (those that are not deferred) are set, and the label with `with_label`. Rows whose
 * fate is not KEEP are not to be learnt from. In the caller's thread: sums in the order of rows repeat to the bit. */
penstock_code ps_fit_rows(struct ps_fit *fit, const struct ps_transform *transform, bool with_label,
                          void *context,
                          penstock_code (*take)(void *context, const struct ps_frame *frame,
                                                struct penstock_error *error),
                          struct penstock_error *error) PENSTOCK_MUST_USE;
/* The moments of all inputs of the transform (zeros for deferred ones), by one such scan; values that are not finite
 * are passed over. moments_out: input_count. */
penstock_code ps_fit_input_moments(struct ps_fit *fit, const struct ps_transform *transform,
                                   struct ps_column_moments *moments_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* The values of each input of the transform that is not deferred, one after the other, sorted: those that are finite
 * and not `missing` (NaN: none is), for questions that cannot be asked in SQL of a split's rows. Four columns in one
 * scan. */
penstock_code ps_fit_sorted(struct ps_fit *fit, const struct ps_transform *transform, double missing,
                            void *context,
                            void (*use)(void *context, size_t input, const double *values, size_t count),
                            struct penstock_error *error) PENSTOCK_MUST_USE;
/* The categories of an input that does not carry its own, by ps_fit_distinct(). For a split they are those of all
 * training rows, too, as the split's stages before make them: a category says nothing of the label. `given_out`: taken
 * over from the whole, as they are; then there are no values. */
penstock_code ps_fit_categories(struct ps_fit *fit, struct ps_transform *transform, size_t input,
                                struct ps_fit_values *values_out, bool *given_out,
                                struct penstock_error *error) PENSTOCK_MUST_USE;
/* As ps_fit_quantiles(), ps_fit_ranks() and ps_fit_mode() have them; NaN of no values. */
double ps_sorted_quantile(const double *values, size_t count, double share);
double ps_sorted_rank(const double *values, size_t count, double share);
double ps_sorted_mode(const double *values, size_t count);
/* Running sums of one column about its first value, compensated (Neumaier). Starts as zeros. */
struct ps_fit_sums {
    double count, pilot, first, first_rest, second, second_rest, least, largest;
};
void ps_fit_sums_add(struct ps_fit_sums *sums, double value);
struct ps_column_moments ps_fit_sums_moments(const struct ps_fit_sums *sums);

/* Fits every stage that cannot wait for the moments of the scan, in order. */
penstock_code ps_pipeline_fit(struct ps_fit *fit, struct penstock_error *error) PENSTOCK_MUST_USE;

/* A double as SQL that reads back as the same bits. */
void ps_buffer_sql_double(struct ps_buffer *buffer, double value);

#endif
