/* SPDX-License-Identifier: Apache-2.0
 *
 * buckets.h - intervals of numbers, for the stages that make an index of a number.
 *
 * Intervals are [split, next split), the last one closed. What lies outside all of them is refused however
 * handleInvalid stands; a missing value is a bucket of its own (keeps_missing) or costs the row.
 */
#ifndef PS_MODEL_BUCKETS_H
#define PS_MODEL_BUCKETS_H

#include "model/pipeline.h"

struct ps_buckets {
    const double *splits; /* rising; the ends may be infinite */
    size_t split_count;   /* at least 2 */
    bool keeps_missing;
    const char *refusal; /* what is said of a value outside */
};

/* "[0,10)", in the order of the buckets; the missing ones' bucket is the unknown category. */
penstock_code ps_buckets_name(const struct ps_buckets *buckets, struct ps_arena *arena,
                              struct ps_categories *categories_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* The index as SQL of the number `in`; in the arena. */
penstock_code ps_buckets_write_sql(const struct ps_buckets *buckets, const char *in, struct ps_arena *arena,
                                   const char **sql_out, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Indexes of slot `in` into slot `out`. `column`: for the sentence about a refused row. */
void ps_buckets_apply(const struct ps_buckets *buckets, const char *column, struct ps_frame *frame, size_t in,
                      size_t out);

#endif
