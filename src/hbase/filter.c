/* SPDX-License-Identifier: Apache-2.0
 *
 * filter.c - the messages of Filter.proto and Comparator.proto that are used.
 *
 * LongComparator, BigDecimalComparator and NullComparator are left out on purpose: they throw on a cell that is not as
 * they expect, and that ends the scan. A cell that is there compares as not less than no bytes; one that is less than
 * them there is none.
 */
#include "hbase/filter.h"

#define PACKAGE "org.apache.hadoop.hbase.filter."
#define FILTER_SIZE_MAX ((size_t)16 << 20)
enum { MUST_PASS_ALL = 1, MUST_PASS_ONE = 2 };

static penstock_code take_body(const struct ps_buffer *message, const char *class_name,
                               struct ps_arena *arena, struct ps_hbase_filter *filter_out,
                               struct penstock_error *error) {
    PS_TRY(ps_buffer_status(message, error));
    const char *body = ps_arena_copy_size(arena, message->size == 0 ? "" : message->data, message->size);
    if (body == NULL) {
        return ps_error_memory(error, "a filter");
    }
    *filter_out = (struct ps_hbase_filter){class_name, {body, message->size}};
    return PENSTOCK_OK;
}

static void add_bytes(struct ps_buffer *out, uint32_t field, struct ps_bytes bytes) {
    ps_proto_add_bytes(out, field, bytes.size == 0 ? "" : bytes.data, bytes.size);
}

/* Comparator{name=1, serialized_comparator=2: BinaryComparator{comparable=1{value=1}}} */
static void add_comparator(struct ps_buffer *out, uint32_t field, struct ps_bytes value) {
    struct ps_buffer comparable PS_SCOPED(ps_buffer_done), binary PS_SCOPED(ps_buffer_done),
        comparator PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&comparable, FILTER_SIZE_MAX);
    ps_buffer_init(&binary, FILTER_SIZE_MAX);
    ps_buffer_init(&comparator, FILTER_SIZE_MAX);
    add_bytes(&comparable, 1, value);
    ps_proto_add_message(&binary, 1, &comparable);
    ps_proto_add_text(&comparator, 1, PACKAGE "BinaryComparator");
    ps_proto_add_message(&comparator, 2, &binary);
    ps_proto_add_message(out, field, &comparator);
}

/* SingleColumnValueFilter{family=1, qualifier=2, compare_op=3, comparator=4, filter_if_missing=5,
 * latest_version_only=6} */
static penstock_code compare_cell(const struct ps_hbase_column *column, enum ps_hbase_comparison compare,
                                  struct ps_bytes value, bool needs_cell, struct ps_arena *arena,
                                  struct ps_hbase_filter *filter_out, struct penstock_error *error) {
    struct ps_buffer message PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&message, FILTER_SIZE_MAX);
    add_bytes(&message, 1, column->family);
    add_bytes(&message, 2, column->qualifier);
    ps_proto_add_integer(&message, 3, (int64_t)compare);
    add_comparator(&message, 4, value);
    ps_proto_add_integer(&message, 5, needs_cell ? 1 : 0);
    ps_proto_add_integer(&message, 6, 1);
    return take_body(&message, PACKAGE "SingleColumnValueFilter", arena, filter_out, error);
}

penstock_code ps_hbase_filter_cell(const struct ps_hbase_column *column, enum ps_hbase_comparison compare,
                                   struct ps_bytes value, struct ps_arena *arena,
                                   struct ps_hbase_filter *filter_out, struct penstock_error *error) {
    return compare_cell(column, compare, value, true, arena, filter_out, error);
}

penstock_code ps_hbase_filter_absent(const struct ps_hbase_column *column, struct ps_arena *arena,
                                     struct ps_hbase_filter *filter_out, struct penstock_error *error) {
    return compare_cell(column, PS_HBASE_LESS, (struct ps_bytes){"", 0}, false, arena, filter_out, error);
}

/* RowFilter{compare_filter=1{compare_op=1, comparator=2}} */
penstock_code ps_hbase_filter_row(enum ps_hbase_comparison compare, struct ps_bytes key,
                                  struct ps_arena *arena, struct ps_hbase_filter *filter_out,
                                  struct penstock_error *error) {
    struct ps_buffer message PS_SCOPED(ps_buffer_done), inner PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&message, FILTER_SIZE_MAX);
    ps_buffer_init(&inner, FILTER_SIZE_MAX);
    ps_proto_add_integer(&inner, 1, (int64_t)compare);
    add_comparator(&inner, 2, key);
    ps_proto_add_message(&message, 1, &inner);
    return take_body(&message, PACKAGE "RowFilter", arena, filter_out, error);
}

/* FilterList{operator=1, filters=2*: Filter{name=1, serialized_filter=2}} */
penstock_code ps_hbase_filter_list(bool is_all, const struct ps_hbase_filter *filters, size_t count,
                                   struct ps_arena *arena, struct ps_hbase_filter *filter_out,
                                   struct penstock_error *error) {
    struct ps_buffer message PS_SCOPED(ps_buffer_done) = {.data = NULL},
                             one PS_SCOPED(ps_buffer_done) = {.data = NULL};
    if (count == 1) {
        *filter_out = filters[0];
        return PENSTOCK_OK;
    }
    ps_buffer_init(&message, FILTER_SIZE_MAX);
    ps_buffer_init(&one, FILTER_SIZE_MAX);
    ps_proto_add_integer(&message, 1, is_all ? MUST_PASS_ALL : MUST_PASS_ONE);
    for (size_t i = 0; i < count; i++) {
        ps_buffer_clear(&one);
        ps_proto_add_text(&one, 1, filters[i].class_name);
        add_bytes(&one, 2, filters[i].body);
        ps_proto_add_message(&message, 2, &one);
    }
    return take_body(&message, PACKAGE "FilterList", arena, filter_out, error);
}

/* MultiRowRangeFilter{row_range_list=1*: RowRange{start_row=1, start_row_inclusive=2, stop_row=3,
 * stop_row_inclusive=4}} */
penstock_code ps_hbase_filter_spans(const struct ps_hbase_span *spans, size_t count, struct ps_arena *arena,
                                    struct ps_hbase_filter *filter_out, struct penstock_error *error) {
    struct ps_buffer message PS_SCOPED(ps_buffer_done), one PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&message, FILTER_SIZE_MAX);
    ps_buffer_init(&one, FILTER_SIZE_MAX);
    for (size_t i = 0; i < count; i++) {
        ps_buffer_clear(&one);
        add_bytes(&one, 1, spans[i].low);
        ps_proto_add_integer(&one, 2, spans[i].low_is_open ? 0 : 1);
        add_bytes(&one, 3, spans[i].has_high ? spans[i].high : (struct ps_bytes){"", 0});
        ps_proto_add_integer(&one, 4, spans[i].has_high && spans[i].high_is_in ? 1 : 0);
        ps_proto_add_message(&message, 1, &one);
    }
    return take_body(&message, PACKAGE "MultiRowRangeFilter", arena, filter_out, error);
}
