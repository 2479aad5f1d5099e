/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_span.c - spans of bytes: put together, cut with each other.
 */
#include "connect/hbase_span.h"

static penstock_code out_of_memory(struct penstock_error *error) {
    return ps_error_memory(error, "a condition");
}

penstock_code ps_hbase_spans_add(struct ps_hbase_spans *spans, const struct ps_hbase_span *span,
                                 struct ps_arena *arena, struct penstock_error *error) {
    const bool is_full = spans->count == 0 || (spans->count & (spans->count - 1)) == 0; /* 1, 2, 4, ... */
    if (is_full) {
        struct ps_hbase_span *items =
            ps_arena_allocate(arena, spans->count == 0 ? 1 : spans->count * 2, sizeof *items);
        if (items == NULL) {
            return out_of_memory(error);
        }
        if (spans->count > 0) {
            memcpy(items, spans->items, spans->count * sizeof *items);
        }
        spans->items = items;
    }
    spans->items[spans->count++] = *span;
    return PENSTOCK_OK;
}

static bool is_empty(const struct ps_hbase_span *span) {
    if (!span->has_high) {
        return false;
    }
    const int order = ps_hbase_compare(span->low, span->high);
    return order > 0 || (order == 0 && (span->low_is_open || !span->high_is_in));
}

static struct ps_hbase_span meet(const struct ps_hbase_span *left, const struct ps_hbase_span *right) {
    struct ps_hbase_span span = *left;
    const int low = ps_hbase_compare(right->low, left->low);
    if (low > 0 || (low == 0 && right->low_is_open)) {
        span.low = right->low;
        span.low_is_open = right->low_is_open;
    }
    if (right->has_high) {
        const int high = left->has_high ? ps_hbase_compare(right->high, left->high) : -1;
        if (high < 0 || (high == 0 && !right->high_is_in)) {
            span.has_high = true;
            span.high = right->high;
            span.high_is_in = right->high_is_in;
        }
    }
    return span;
}

penstock_code ps_hbase_spans_meet(const struct ps_hbase_spans *left, const struct ps_hbase_spans *right,
                                  struct ps_arena *arena, struct ps_hbase_spans *spans_out,
                                  struct penstock_error *error) {
    struct ps_hbase_spans spans = {.is_exact = left->is_exact && right->is_exact};
    if (left->count * right->count > (size_t)PS_HBASE_SPAN_COUNT_MAX * 4) {
        spans = left->count <= right->count ? *left : *right; /* more than is asked for, but not less */
        spans.is_exact = false;
        *spans_out = spans;
        return PENSTOCK_OK;
    }
    for (size_t i = 0; i < left->count; i++) {
        for (size_t j = 0; j < right->count; j++) {
            const struct ps_hbase_span span = meet(&left->items[i], &right->items[j]);
            if (!is_empty(&span)) {
                PS_TRY(ps_hbase_spans_add(&spans, &span, arena, error));
            }
        }
    }
    *spans_out = spans;
    return PENSTOCK_OK;
}

static int compare_spans(const void *left, const void *right) {
    const struct ps_hbase_span *const a = left, *const b = right;
    const int order = ps_hbase_compare(a->low, b->low);
    return order != 0 ? order : (int)a->low_is_open - (int)b->low_is_open;
}

void ps_hbase_spans_merge(struct ps_hbase_spans *spans) {
    size_t kept = 0;
    if (spans->count > 1) {
        qsort(spans->items, spans->count, sizeof *spans->items, compare_spans);
    }
    for (size_t i = 0; i < spans->count; i++) {
        const struct ps_hbase_span *const span = &spans->items[i];
        struct ps_hbase_span *const last = kept > 0 ? &spans->items[kept - 1] : NULL;
        const int gap = last == NULL || !last->has_high ? -1 : ps_hbase_compare(span->low, last->high);
        if (last == NULL || gap > 0 || (gap == 0 && span->low_is_open && !last->high_is_in)) {
            spans->items[kept++] = *span;
            continue;
        }
        const int beyond = !last->has_high   ? -1
                           : !span->has_high ? 1
                                             : ps_hbase_compare(span->high, last->high);
        if (beyond > 0 || (beyond == 0 && span->high_is_in)) {
            last->has_high = span->has_high;
            last->high = span->high;
            last->high_is_in = span->high_is_in;
        }
    }
    spans->count = kept;
}

struct ps_hbase_span ps_hbase_spans_around(const struct ps_hbase_spans *spans) {
    struct ps_hbase_span around = spans->items[0];
    for (size_t i = 1; i < spans->count; i++) {
        const struct ps_hbase_span *const span = &spans->items[i];
        const int low = ps_hbase_compare(span->low, around.low);
        if (low < 0 || (low == 0 && !span->low_is_open)) {
            around.low = span->low;
            around.low_is_open = span->low_is_open;
        }
        const int high = around.has_high && span->has_high ? ps_hbase_compare(span->high, around.high) : 0;
        around.has_high = around.has_high && span->has_high;
        if (high > 0 || (high == 0 && span->high_is_in)) {
            around.high = span->high;
            around.high_is_in = span->high_is_in;
        }
    }
    return around;
}

bool ps_hbase_span_has(const struct ps_hbase_span *span, struct ps_bytes bytes) {
    const int low = ps_hbase_compare(bytes, span->low);
    if (low < 0 || (low == 0 && span->low_is_open)) {
        return false;
    }
    const int high = span->has_high ? ps_hbase_compare(bytes, span->high) : -1;
    return high < 0 || (high == 0 && span->high_is_in);
}

bool ps_hbase_span_is_point(const struct ps_hbase_span *span) {
    return span->has_high && span->high_is_in && !span->low_is_open && ps_bytes_equal(span->low, span->high);
}

penstock_code ps_hbase_behind(struct ps_bytes prefix, struct ps_arena *arena, struct ps_bytes *behind_out,
                              struct penstock_error *error) {
    size_t size = prefix.size;
    while (size > 0 && prefix.data[size - 1] == '\xFF') {
        size--;
    }
    char *copy = ps_arena_copy_size(arena, size == 0 ? "" : prefix.data, size);
    if (copy == NULL) {
        return out_of_memory(error);
    }
    if (size > 0) {
        copy[size - 1] = (char)(unsigned char)((unsigned char)copy[size - 1] + 1);
    }
    *behind_out = (struct ps_bytes){copy, size};
    return PENSTOCK_OK;
}
