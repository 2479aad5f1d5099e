/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_filters.h - what an HBase server would do with a filter: its Protobuf form, read back and applied to one row.
 *
 * Only the filters that src/hbase/filter.c writes; any other one fails the test.
 */
#ifndef TESTS_UNIT_CONNECT_HBASE_FILTERS_H
#define TESTS_UNIT_CONNECT_HBASE_FILTERS_H

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <cmocka.h>

#include "hbase/filter.h"

/* A row as a server has it. */
struct filtered_row {
    struct ps_bytes key;
    const struct ps_hbase_column *columns; /* that are scanned, */
    const struct ps_bytes *values;         /* and their newest values; data NULL: no such cell */
    size_t column_count;
};

/* The canary: greater or equal is taken for greater. */
struct filter_world {
    bool is_off_by_one;
};

static inline bool compares(const struct filter_world *world, uint64_t compare, struct ps_bytes value,
                            struct ps_bytes bound) {
    const int order = ps_hbase_compare(value, bound);
    switch (compare) {
    case 0: return order < 0;
    case 1: return order <= 0;
    case 2: return order == 0;
    case 3: return order != 0;
    case 4: return world->is_off_by_one ? order > 0 : order >= 0;
    case 5: return order > 0;
    default: fail_msg("compare type %d", (int)compare);
    }
    return false;
}

/* Field `number` of a message: the first one. */
static inline struct ps_proto_field field_of(struct ps_bytes message, uint32_t number) {
    struct ps_proto_reader reader = ps_proto_begin(message);
    struct ps_proto_field field;
    while (ps_proto_next(&reader, &field)) {
        if (field.number == number) {
            return field;
        }
    }
    assert_false(reader.is_damaged);
    return (struct ps_proto_field){.bytes = {"", 0}};
}

/* Comparator{name, BinaryComparator{ByteArrayComparable{value}}} */
static inline struct ps_bytes bound_of(struct ps_bytes comparator) {
    assert_true(ps_bytes_equal(field_of(comparator, 1).bytes,
                               PS_BYTES("org.apache.hadoop.hbase.filter.BinaryComparator")));
    const struct ps_bytes binary = field_of(comparator, 2).bytes;
    return field_of(field_of(binary, 1).bytes, 1).bytes;
}

static inline bool passes_cell(const struct filter_world *world, struct ps_bytes body,
                               const struct filtered_row *row) {
    const struct ps_bytes family = field_of(body, 1).bytes, qualifier = field_of(body, 2).bytes;
    for (size_t i = 0; i < row->column_count; i++) {
        if (ps_bytes_equal(row->columns[i].family, family) &&
            ps_bytes_equal(row->columns[i].qualifier, qualifier)) {
            return row->values[i].data == NULL ? field_of(body, 5).value == 0
                                               : compares(world, field_of(body, 3).value, row->values[i],
                                                          bound_of(field_of(body, 4).bytes));
        }
    }
    fail_msg("a filter on a column that is not scanned: %.*s", (int)qualifier.size, qualifier.data);
    return false;
}

static inline bool passes_spans(const struct filter_world *world, struct ps_bytes body, struct ps_bytes key) {
    struct ps_proto_reader reader = ps_proto_begin(body);
    struct ps_proto_field span;
    bool is_in = false;
    while (ps_proto_next(&reader, &span)) {
        const struct ps_bytes low = field_of(span.bytes, 1).bytes, high = field_of(span.bytes, 3).bytes;
        const bool is_above = compares(world, field_of(span.bytes, 2).value != 0 ? 4 : 5, key, low);
        const bool is_below =
            high.size == 0 || compares(world, field_of(span.bytes, 4).value != 0 ? 1 : 0, key, high);
        is_in = is_in || (is_above && is_below);
    }
    return is_in;
}

#define FILTER_CLASS(name) PS_BYTES("org.apache.hadoop.hbase.filter." name)
#define FILTER_DEPTH_MAX 16

/* Lists lie in each other: a stack of those that are not decided yet. */
struct filter_level {
    struct ps_proto_reader rest;
    bool is_all, result;
};

static inline bool passes_leaf(const struct filter_world *world, struct ps_bytes class_name,
                               struct ps_bytes body, const struct filtered_row *row) {
    if (ps_bytes_equal(class_name, FILTER_CLASS("SingleColumnValueFilter"))) {
        assert_int_equal(field_of(body, 6).value, 1);
        return passes_cell(world, body, row);
    }
    if (ps_bytes_equal(class_name, FILTER_CLASS("RowFilter"))) {
        const struct ps_bytes compare = field_of(body, 1).bytes;
        return compares(world, field_of(compare, 1).value, row->key, bound_of(field_of(compare, 2).bytes));
    }
    assert_true(ps_bytes_equal(class_name, FILTER_CLASS("MultiRowRangeFilter")));
    return passes_spans(world, body, row->key);
}

static inline bool passes(const struct filter_world *world, struct ps_bytes class_name, struct ps_bytes body,
                          const struct filtered_row *row) {
    struct filter_level levels[FILTER_DEPTH_MAX];
    size_t depth = 0;
    bool result = true;
    if (class_name.size == 0) {
        return true;
    }
    for (;;) {
        if (ps_bytes_equal(class_name, FILTER_CLASS("FilterList"))) {
            assert_true(depth < FILTER_DEPTH_MAX);
            const bool is_all = field_of(body, 1).value == 1;
            levels[depth++] = (struct filter_level){ps_proto_begin(body), is_all, is_all};
        } else {
            result = passes_leaf(world, class_name, body, row);
            if (depth == 0) {
                return result;
            }
            struct filter_level *level = &levels[depth - 1];
            level->result = level->is_all ? level->result && result : level->result || result;
        }
        struct ps_proto_field next = {.number = 0};
        while (depth > 0 && next.number != 2) { /* the next filter of the innermost list that has one */
            if (ps_proto_next(&levels[depth - 1].rest, &next)) {
                continue;
            }
            result = levels[--depth].result;
            if (depth == 0) {
                return result;
            }
            struct filter_level *level = &levels[depth - 1];
            level->result = level->is_all ? level->result && result : level->result || result;
        }
        class_name = field_of(next.bytes, 1).bytes;
        body = field_of(next.bytes, 2).bytes;
    }
}

#endif
