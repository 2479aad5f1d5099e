/* SPDX-License-Identifier: Apache-2.0
 *
 * buckets.c - the interval of a number, by bisection; its name; the same as SQL.
 */
#include "model/buckets.h"

#include <math.h>
#include <stdio.h>

#include "model/fit.h"

penstock_code ps_buckets_name(const struct ps_buckets *buckets, struct ps_arena *arena,
                              struct ps_categories *categories_out, struct penstock_error *error) {
    struct ps_categories categories = {
        .count = buckets->split_count - 1, .order = PS_ORDER_VALUE, .has_unknown = buckets->keeps_missing};
    categories.labels = ps_arena_allocate(arena, categories.count, sizeof *categories.labels);
    if (categories.labels == NULL) {
        return ps_error_memory(error, "a pipeline");
    }
    for (size_t i = 0; i < categories.count; i++) {
        const bool is_last = i + 1 == categories.count;
        categories.labels[i] = ps_arena_printf(arena, "[%.12g,%.12g%s", buckets->splits[i],
                                               buckets->splits[i + 1], is_last ? "]" : ")");
        if (categories.labels[i] == NULL) {
            return ps_error_memory(error, "a pipeline");
        }
    }
    *categories_out = categories;
    return PENSTOCK_OK;
}

penstock_code ps_buckets_write_sql(const struct ps_buckets *buckets, const char *in, struct ps_arena *arena,
                                   const char **sql_out, struct penstock_error *error) {
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&text, (size_t)16 << 20);
    ps_buffer_text(&text, "CAST(CASE");
    for (size_t i = 1; i < buckets->split_count; i++) {
        const bool is_last = i + 1 == buckets->split_count;
        ps_buffer_printf(&text, " WHEN %s %s ", in, is_last ? "<=" : "<");
        ps_buffer_sql_double(&text, buckets->splits[i]);
        ps_buffer_printf(&text, " THEN %zu", i - 1);
    }
    if (buckets->keeps_missing) {
        ps_buffer_printf(&text, " WHEN %s IS NULL THEN %zu", in, buckets->split_count - 1);
    }
    ps_buffer_text(&text, " END AS DOUBLE)");
    PS_TRY(ps_buffer_status(&text, error));
    *sql_out = ps_arena_copy(arena, text.data);
    return *sql_out != NULL ? PENSTOCK_OK : ps_error_memory(error, "a pipeline");
}

/* Index of the bucket, or -1 outside. */
static int64_t bucket_of(const struct ps_buckets *buckets, double value) {
    size_t low = 0;
    size_t high = buckets->split_count - 1;
    if (value < buckets->splits[0] || value > buckets->splits[high]) {
        return -1;
    }
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (value < buckets->splits[middle]) {
            high = middle;
        } else {
            low = middle;
        }
    }
    return (int64_t)low;
}

void ps_buckets_apply(const struct ps_buckets *buckets, const char *column, struct ps_frame *frame, size_t in,
                      size_t out) {
    const double *from = frame->slots[in].numbers;
    double *to = frame->slots[out].own_numbers;
    const double missing = buckets->keeps_missing ? (double)(buckets->split_count - 1) : (double)NAN;
    for (size_t row = 0; row < frame->row_count; row++) {
        if (isnan(from[row])) {
            to[row] = missing;
            if (!buckets->keeps_missing) {
                ps_frame_set_fate(frame, row, PS_FATE_NULL);
            }
            continue;
        }
        const int64_t bucket = bucket_of(buckets, from[row]);
        if (bucket < 0) {
            char digits[32];
            (void)snprintf(digits, sizeof digits, "%.17g", from[row]);
            ps_frame_fail(frame, row, column, ps_bytes_of(digits), buckets->refusal);
        }
        to[row] = (double)bucket;
    }
    frame->slots[out].numbers = to;
}
