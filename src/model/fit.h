/* SPDX-License-Identifier: Apache-2.0
 *
 * fit.h - what transforms may ask of the training rows before the scan, answered by SQL.
 *
 * Only aggregates whose value does not depend on the order of rows are asked of DuckDB (counts, extremes,
 * exact quantiles): those are the same bits on any number of threads. Means and variances, which are not,
 * are summed by an ordered scan of our own.
 */
#ifndef PS_MODEL_FIT_H
#define PS_MODEL_FIT_H

#include "model/pipeline.h"

struct ps_fit {
    struct ps_connection *connection;
    const char *relation;    /* follows FROM */
    struct ps_buffer *where; /* "WHERE ..." of the training rows; filters add to it */
    struct ps_pipeline *pipeline;
    struct ps_arena *arena;
    const struct ps_stop *stop;
    int64_t scan_count; /* queries over the data so far */
    penstock_code (*note)(void *context, const char *text, struct penstock_error *error);
    void *note_context;
};

/* Exact quantiles with linear interpolation of `count` SQL numbers: quantiles_out[i * probability_count + p].
 * NaN where there is no value. */
penstock_code ps_fit_quantiles(struct ps_fit *fit, const char *const *expressions, size_t count,
                               const double *probabilities, size_t probability_count, double *quantiles_out,
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

/* Fits every stage that cannot wait for the moments of the scan, in order. */
penstock_code ps_pipeline_fit(struct ps_fit *fit, struct penstock_error *error) PENSTOCK_MUST_USE;

/* A double as SQL that reads back as the same bits. */
void ps_buffer_sql_double(struct ps_buffer *buffer, double value);

#endif
