/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_span.h - conditions on a column as spans of bytes: of a cell's value, of a part of the row key, of row keys.
 *
 * A span of values becomes a few spans of their bytes: what HBase's servers compare. Each step may let more through
 * than the condition does (then is_exact is false), never less: no row that counts may be lost on the way.
 */
#ifndef PS_CONNECT_HBASE_SPAN_H
#define PS_CONNECT_HBASE_SPAN_H

#include "connect/hbase_mapping.h"
#include "hbase/filter.h"
#include "job/predicate.h"

/* Of one condition, at most: an IN list times the parts of a key. */
#define PS_HBASE_SPAN_COUNT_MAX 200

struct ps_hbase_spans {
    struct ps_hbase_span *items; /* any order; they may overlap */
    size_t count;                /* 0: nothing can be in it */
    bool is_exact;
};

penstock_code ps_hbase_spans_add(struct ps_hbase_spans *spans, const struct ps_hbase_span *span,
                                 struct ps_arena *arena, struct penstock_error *error) PENSTOCK_MUST_USE;
/* What lies in both. */
penstock_code ps_hbase_spans_meet(const struct ps_hbase_spans *left, const struct ps_hbase_spans *right,
                                  struct ps_arena *arena, struct ps_hbase_spans *spans_out,
                                  struct penstock_error *error) PENSTOCK_MUST_USE;
/* Sorts them, and makes one of those that overlap or touch. */
void ps_hbase_spans_merge(struct ps_hbase_spans *spans);
/* One span around all of them. */
struct ps_hbase_span ps_hbase_spans_around(const struct ps_hbase_spans *spans);
bool ps_hbase_span_has(const struct ps_hbase_span *span, struct ps_bytes bytes);
bool ps_hbase_span_is_point(const struct ps_hbase_span *span);
/* The first bytes behind everything that begins with `prefix`; size 0 if there are none. */
penstock_code ps_hbase_behind(struct ps_bytes prefix, struct ps_arena *arena, struct ps_bytes *behind_out,
                              struct penstock_error *error) PENSTOCK_MUST_USE;

/* The bytes of the field's values for which the condition, a comparison, IN or PREFIX on its column, can hold.
 * *why_out not NULL: they are not known, for this reason. */
penstock_code ps_hbase_spans_of(const struct ps_hbase_mapping *mapping, const struct ps_hbase_field *field,
                                const struct ps_predicate *predicate, struct ps_arena *arena,
                                struct ps_hbase_spans *spans_out, const char **why_out,
                                struct penstock_error *error) PENSTOCK_MUST_USE;

/* The row keys for which all of the conditions on the row key or its parts can hold; `is_used_out` says of each whether
 * it is in them. No condition used: *spans_out is everything, one span. */
penstock_code ps_hbase_key_spans(const struct ps_hbase_mapping *mapping,
                                 const struct ps_predicate *const *predicates, size_t count,
                                 struct ps_arena *arena, struct ps_hbase_spans *spans_out, bool *is_used_out,
                                 struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
