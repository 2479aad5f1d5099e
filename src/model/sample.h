/* SPDX-License-Identifier: Apache-2.0
 *
 * sample.h - some rows of a scan as they were read, and counts of all of them, on the side of what the scan is for.
 *
 * The gate wants to know what rows a model was trained on (their profile) and has no scan of its own for it. Which
 * rows are kept depends on their numbers alone, by a hash: the same rows each time, on any number of threads, with no
 * rhythm that data could have too. When there is no more room, every second of the kept rows goes, and from then on
 * half as many are taken.
 */
#ifndef PS_MODEL_SAMPLE_H
#define PS_MODEL_SAMPLE_H

#include "model/dictionary.h"
#include "sql/scan.h"

/* Rows kept of a training set: quantiles and shares of them are known to less than half a percent. */
#define PS_SAMPLE_ROWS 65536

struct ps_sample_column {
    const char *name;
    bool is_text;
    bool is_time; /* a text that is a moment: new rows have new ones, so that its values are no categories */
    /* Of all rows. NULL, NaN and infinities are missing. Texts: counts only. */
    int64_t count, missing_count;
    double minimum, maximum; /* NaN: no number */
    double mean, deviation;  /* of the population; set by ps_sample_finish() */
    /* Of the kept rows: numbers as they are (NaN: missing), or indexes of values (-1: missing, -2: too many). */
    double *numbers;
    int32_t *indexes;
    struct ps_dictionary *values; /* NULL for numbers */
};
struct ps_sample {
    struct ps_sample_column *columns;
    size_t column_count;
    int64_t row_count; /* of the scan */
    size_t kept_count;
    int64_t *rows; /* number of each kept row in the scan, rising */
};

/* A column of a chunk: numbers, or a text to be had by ps_chunk_text(chunk, chunk_column, row). */
struct ps_sample_input {
    const double *numbers; /* NULL: text */
    const uint64_t *validity;
    size_t chunk_column;
};

/* Names are copied. room: rows kept at most; less with so many columns that they would take more than 16 MB. */
penstock_code ps_sample_new(size_t column_count, const char *const *names, const bool *is_text, size_t room,
                            struct ps_sample **sample_out, struct penstock_error *error) PENSTOCK_MUST_USE;
/* The next row_count rows. `chunk` is needed for texts only. */
penstock_code ps_sample_add(struct ps_sample *sample, const struct ps_chunk *chunk,
                            const struct ps_sample_input *inputs, int64_t row_count,
                            struct penstock_error *error) PENSTOCK_MUST_USE;
/* The sample's columns are the first columns of the scan: all chunks are added as the scan is read. */
void ps_sample_watch(struct ps_sample *sample, struct ps_scan *scan);
/* Sets means and deviations. */
void ps_sample_finish(struct ps_sample *sample);
void ps_sample_free(struct ps_sample *sample); /* NULL: nothing */
void ps_sample_free_scoped(struct ps_sample **sample);

#endif
