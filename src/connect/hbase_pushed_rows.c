/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_pushed_rows.c - from a condition to ranges of row keys, a range of times, and filters of HBase.
 *
 * Parts are translated from the last to the first, so that each finds those below it done. Conditions on the key that
 * hold together become spans of keys, which the servers need not even read; within an OR, where cells decide as well,
 * they become filters on the key. Conditions on a cell become filters on its bytes.
 */
#include "connect/hbase_pushed_rows.h"

#include "data/value.h"

/* In an OR: more spans of keys than this are told by the one around them. */
#define ROW_FILTER_COUNT_MAX 32

static const struct ps_hbase_rows_test passes_all = {.time_max = INT64_MAX, .is_exact = true};

static penstock_code out_of_memory(const struct ps_hbase_rows_translation *translation) {
    return ps_error_memory(translation->error, "a condition");
}

static bool is_junction(const struct ps_predicate *predicate) {
    return predicate->kind == PS_PREDICATE_ALL || predicate->kind == PS_PREDICATE_ANY;
}

/* --- cells ------------------------------------------------------------------------------------------------------ */

/* A few filters on the way to one. */
struct filters {
    struct ps_hbase_filter *items;
    size_t count;
};

static penstock_code make_room(const struct ps_hbase_rows_translation *translation, size_t count,
                               struct filters *filters) {
    filters->items = ps_arena_allocate(translation->arena, count + 1, sizeof *filters->items);
    filters->count = 0;
    return filters->items == NULL ? out_of_memory(translation) : PENSTOCK_OK;
}

static penstock_code join_filters(const struct ps_hbase_rows_translation *translation, bool is_all,
                                  const struct filters *filters, struct ps_hbase_filter *filter_out) {
    return ps_hbase_filter_list(is_all, filters->items, filters->count, translation->arena, filter_out,
                                translation->error);
}

/* `cell` NULL: of the row key. */
static penstock_code compare(const struct ps_hbase_rows_translation *translation,
                             const struct ps_hbase_column *cell, enum ps_hbase_comparison compare,
                             struct ps_bytes bytes, struct filters *filters) {
    struct ps_hbase_filter *filter = &filters->items[filters->count++];
    return cell == NULL
               ? ps_hbase_filter_row(compare, bytes, translation->arena, filter, translation->error)
               : ps_hbase_filter_cell(cell, compare, bytes, translation->arena, filter, translation->error);
}

static penstock_code span_filter(const struct ps_hbase_rows_translation *translation,
                                 const struct ps_hbase_column *cell, const struct ps_hbase_span *span,
                                 struct ps_hbase_filter *filter_out) {
    struct filters filters;
    PS_TRY(make_room(translation, 2, &filters));
    if (ps_hbase_span_is_point(span)) {
        return compare(translation, cell, PS_HBASE_EQUAL, span->low, &filters) == PENSTOCK_OK
                   ? join_filters(translation, true, &filters, filter_out)
                   : PENSTOCK_OUT_OF_MEMORY;
    }
    if (span->low.size > 0 || span->low_is_open ||
        !span->has_high) { /* an empty low end: that the cell is there */
        PS_TRY(compare(translation, cell, span->low_is_open ? PS_HBASE_GREATER : PS_HBASE_GREATER_OR_EQUAL,
                       span->low, &filters));
    }
    if (span->has_high) {
        PS_TRY(compare(translation, cell, span->high_is_in ? PS_HBASE_LESS_OR_EQUAL : PS_HBASE_LESS,
                       span->high, &filters));
    }
    return join_filters(translation, true, &filters, filter_out);
}

static penstock_code spans_filter(const struct ps_hbase_rows_translation *translation,
                                  const struct ps_hbase_column *cell, const struct ps_hbase_spans *spans,
                                  struct ps_hbase_filter *filter_out) {
    struct filters filters;
    PS_TRY(make_room(translation, spans->count, &filters));
    for (size_t i = 0; i < spans->count; i++) {
        PS_TRY(span_filter(translation, cell, &spans->items[i], &filters.items[filters.count]));
        filters.count++;
    }
    return join_filters(translation, false, &filters, filter_out);
}

/* Could the bytes of such a cell mean NULL? */
static bool has_null_form(enum ps_hbase_encoding encoding) {
    return encoding == PS_HBASE_AS_JSON ||
           (encoding >= PS_HBASE_AS_ORDERED && encoding <= PS_HBASE_AS_BLOB_LAST_DESC);
}

static penstock_code test_null(const struct ps_hbase_rows_translation *translation,
                               const struct ps_predicate *predicate, const struct ps_hbase_field *field,
                               struct ps_hbase_rows_test *test) {
    const struct ps_hbase_column *const cell = &translation->request->mapping->cells[field->cell];
    const bool has_form = has_null_form(field->encoding);
    if (predicate->kind == PS_PREDICATE_IS_NULL) {
        if (has_form) {
            test->why = "a cell that is there may hold a NULL";
            return PENSTOCK_OK;
        }
        return ps_hbase_filter_absent(cell, translation->arena, &test->filter, translation->error);
    }
    test->is_exact = !has_form;
    return ps_hbase_filter_cell(cell, PS_HBASE_GREATER_OR_EQUAL, (struct ps_bytes){"", 0}, translation->arena,
                                &test->filter, translation->error);
}

static penstock_code test_cell(const struct ps_hbase_rows_translation *translation,
                               const struct ps_predicate *predicate, const struct ps_hbase_field *field,
                               struct ps_hbase_rows_test *test) {
    const struct ps_hbase_mapping *const mapping = translation->request->mapping;
    test->filter_text = predicate->text;
    if (!translation->is_first_pass) {
        test->why = "it is not the first pass";
        return PENSTOCK_OK;
    }
    if (translation->request->versions != 1 || translation->request->is_upsert) {
        test->why = translation->request->is_upsert
                        ? "with FORMAT UPSERT every record replaces the row with its key"
                        : "with scan.versions a row is several records, a filter looks at its newest cells";
        return PENSTOCK_OK;
    }
    if (predicate->value_count == 0) {
        return test_null(translation, predicate, field, test);
    }
    struct ps_hbase_spans spans;
    PS_TRY(ps_hbase_spans_of(mapping, field, predicate, translation->arena, &spans, &test->why,
                             translation->error));
    if (test->why != NULL) {
        return PENSTOCK_OK;
    }
    test->is_exact = spans.is_exact;
    return spans_filter(translation, &mapping->cells[field->cell], &spans, &test->filter);
}

/* --- times -------------------------------------------------------------------------------------------------------- */

/* The time of a record is that of its newest cell, and a range of times takes cells away: from below it may only take
 * all of a record's, from above only what no older version can stand in for. */
static void test_time(const struct ps_hbase_rows_translation *translation,
                      const struct ps_predicate *predicate, struct ps_hbase_rows_test *test) {
    const struct ps_hbase_pushdown_request *const request = translation->request;
    const bool is_lower =
        predicate->kind == PS_PREDICATE_GREATER || predicate->kind == PS_PREDICATE_GREATER_EQUAL;
    const bool is_upper = predicate->kind == PS_PREDICATE_LESS || predicate->kind == PS_PREDICATE_LESS_EQUAL;
    const bool is_bigint = request->mapping->schema->columns[predicate->column].type == PS_TYPE_BIGINT;
    const bool cuts_whole = request->versions != 1 || request->mapping->cell_count == 1;
    int64_t value = 0;
    test->why = "a range of times would take single cells out of a record (scan.timerange does)";
    if (!(is_lower && cuts_whole) && !(is_upper && request->versions == INT32_MAX)) {
        return;
    }
    const enum ps_type type = is_bigint ? PS_TYPE_BIGINT : PS_TYPE_TIMESTAMP;
    if (request->is_upsert || ps_value_of_text(type, predicate->values[0], &value, 0) != PS_VALUE_OK) {
        return;
    }
    const int64_t unit = is_bigint ? 1 : 1000;
    const bool is_whole = value % unit == 0;
    const int64_t least = value / unit - (value % unit < 0 ? 1 : 0); /* at or before it */
    if (least >= INT64_MAX - 1) {
        return;
    }
    test->why = NULL;
    if (is_lower) {
        const bool is_in = is_whole && predicate->kind == PS_PREDICATE_GREATER_EQUAL;
        test->time_min = is_in ? least : least + 1;
        test->time_min = test->time_min < 0 ? 0 : test->time_min;
    } else {
        const bool is_out = is_whole && predicate->kind == PS_PREDICATE_LESS;
        test->time_max = is_out ? least : least + 1;
        test->time_max = test->time_max < 0 ? 0 : test->time_max;
    }
}

/* --- one condition ---------------------------------------------------------------------------------------------- */

static bool is_of_key(const struct ps_hbase_mapping *mapping, size_t column) {
    return column < mapping->field_count && (mapping->fields[column].place == PS_HBASE_IN_KEY ||
                                             mapping->fields[column].place == PS_HBASE_IN_KEY_PART);
}

/* Of a column that is not of the row key. */
static penstock_code test_column(const struct ps_hbase_rows_translation *translation,
                                 const struct ps_predicate *predicate, struct ps_hbase_rows_test *test) {
    const struct ps_hbase_mapping *const mapping = translation->request->mapping;
    *test = passes_all;
    if (predicate->column >= mapping->field_count) {
        test->why = "it is about the record, not in the table";
        return PENSTOCK_OK;
    }
    const struct ps_hbase_field *const field = &mapping->fields[predicate->column];
    if (field->place == PS_HBASE_IN_CELL) {
        return test_cell(translation, predicate, field, test);
    }
    if (field->place == PS_HBASE_IN_TIMESTAMP) {
        test_time(translation, predicate, test);
        return PENSTOCK_OK;
    }
    test->why = "no filter of HBase looks at the timestamp of one cell";
    return PENSTOCK_OK;
}

static void add_left(struct ps_hbase_rows_translation *translation, const char *text, const char *why) {
    translation->left[translation->left_count++] = (struct ps_predicate_left){text, why};
}

/* --- together --------------------------------------------------------------------------------------------------- */

static const char *join_texts(const struct ps_hbase_rows_translation *translation, const char *left,
                              const char *between, const char *right) {
    return left == NULL    ? right
           : right == NULL ? left
                           : ps_arena_printf(translation->arena, "%s%s%s", left, between, right);
}

/* Adds a test that must hold as well; its filter goes into `filters`. */
static penstock_code add_test(const struct ps_hbase_rows_translation *translation,
                              struct ps_hbase_rows_test *all, const struct ps_hbase_rows_test *test,
                              bool is_any, struct filters *filters) {
    if (test->has_keys) {
        PS_TRY(all->has_keys ? ps_hbase_spans_meet(&all->keys, &test->keys, translation->arena, &all->keys,
                                                   translation->error)
                             : PENSTOCK_OK);
        all->keys = all->has_keys ? all->keys : test->keys;
        all->has_keys = true;
    }
    if (test->filter.class_name != NULL) {
        filters->items[filters->count++] = test->filter;
        const char *text = test->filter_text;
        text = is_any ? ps_arena_printf(translation->arena, "(%s)", text) : text;
        all->filter_text = join_texts(translation, all->filter_text, " AND ", text);
        if (all->filter_text == NULL) {
            return out_of_memory(translation);
        }
    }
    all->time_min = test->time_min > all->time_min ? test->time_min : all->time_min;
    all->time_max = test->time_max < all->time_max ? test->time_max : all->time_max;
    all->is_exact = all->is_exact && test->is_exact;
    return PENSTOCK_OK;
}

/* The conditions on the row key among the children, together. */
static penstock_code test_keys(struct ps_hbase_rows_translation *translation,
                               const struct ps_predicate *const *predicates, size_t count,
                               struct ps_hbase_rows_test *test) {
    static const char why_not[] = "no range of row keys follows from it";
    bool *is_used = ps_arena_allocate(translation->arena, count + 1, sizeof *is_used);
    *test = passes_all;
    if (is_used == NULL) {
        return out_of_memory(translation);
    }
    PS_TRY(ps_hbase_key_spans(translation->request->mapping, predicates, count, translation->arena,
                              &test->keys, is_used, translation->error));
    test->is_exact = test->keys.is_exact;
    for (size_t i = 0; i < count; i++) {
        test->has_keys = test->has_keys || is_used[i];
        if (!is_used[i]) {
            test->is_exact = false;
            add_left(translation, predicates[i]->text, why_not);
        }
    }
    return PENSTOCK_OK;
}

/* `items`: one condition, or all children of an ALL. */
static penstock_code test_all(struct ps_hbase_rows_translation *translation, const struct ps_predicate *items,
                              size_t count, struct ps_hbase_rows_test *test_out) {
    const struct ps_predicate **of_key = ps_arena_allocate(translation->arena, count + 1, sizeof *of_key);
    struct ps_hbase_rows_test all = passes_all, test;
    struct filters filters;
    size_t key_count = 0, pushed_count = 0;
    PS_TRY(make_room(translation, count, &filters));
    if (of_key == NULL) {
        return out_of_memory(translation);
    }
    for (size_t i = 0; i < count; i++) {
        const struct ps_predicate *const item = &items[i];
        if (!is_junction(item) && is_of_key(translation->request->mapping, item->column)) {
            of_key[key_count++] = item;
            continue;
        }
        if (is_junction(item)) {
            test = translation->tests[item - translation->list->items];
        } else {
            PS_TRY(test_column(translation, item, &test));
        }
        if (test.why != NULL) {
            all.is_exact = false;
            all.why = test.why;
            add_left(translation, item->text, test.why);
            continue;
        }
        pushed_count++;
        PS_TRY(add_test(translation, &all, &test, item->kind == PS_PREDICATE_ANY, &filters));
    }
    if (key_count > 0) {
        PS_TRY(test_keys(translation, of_key, key_count, &test));
        all.why = test.has_keys ? all.why : "no range of row keys follows from it";
        pushed_count += test.has_keys;
        PS_TRY(add_test(translation, &all, &test, false, &filters));
    }
    all.why = pushed_count > 0 ? NULL : all.why;
    if (filters.count > 0) {
        PS_TRY(join_filters(translation, true, &filters, &all.filter));
    }
    *test_out = all;
    return PENSTOCK_OK;
}

/* One way through an OR as a filter: its cells, and its keys unless all ways have nothing but keys. */
static penstock_code way_filter(const struct ps_hbase_rows_translation *translation,
                                const struct ps_hbase_rows_test *test, struct ps_hbase_filter *filter_out) {
    struct filters filters;
    PS_TRY(make_room(translation, 2, &filters));
    if (test->has_keys) {
        const struct ps_hbase_span around = test->keys.count > 0 ? ps_hbase_spans_around(&test->keys)
                                                                 : (struct ps_hbase_span){.low = {"", 0}};
        const struct ps_hbase_spans one = {(struct ps_hbase_span[]){around}, 1, false};
        const bool is_much = test->keys.count > ROW_FILTER_COUNT_MAX;
        PS_TRY(spans_filter(translation, NULL, is_much ? &one : &test->keys, &filters.items[filters.count]));
        filters.count++;
    }
    if (test->filter.class_name != NULL) {
        filters.items[filters.count++] = test->filter;
    }
    return join_filters(translation, true, &filters, filter_out);
}

/* Keys that pass one of the tests, if each of them has keys. */
static penstock_code unite_keys(const struct ps_hbase_rows_translation *translation,
                                const struct ps_hbase_rows_test *tests, size_t count,
                                struct ps_hbase_rows_test *any) {
    any->has_keys = true;
    any->keys = (struct ps_hbase_spans){.is_exact = true};
    for (size_t i = 0; i < count; i++) {
        any->has_keys = any->has_keys && tests[i].has_keys;
    }
    for (size_t i = 0; i < count && any->has_keys; i++) {
        any->keys.is_exact = any->keys.is_exact && tests[i].keys.is_exact;
        for (size_t j = 0; j < tests[i].keys.count; j++) {
            PS_TRY(ps_hbase_spans_add(&any->keys, &tests[i].keys.items[j], translation->arena,
                                      translation->error));
        }
    }
    return PENSTOCK_OK;
}

static penstock_code unite(struct ps_hbase_rows_translation *translation, const struct ps_predicate *items,
                           const struct ps_hbase_rows_test *tests, size_t count,
                           struct ps_hbase_rows_test *any) {
    struct filters filters;
    size_t filter_count = 0;
    bool has_way_without = false;
    PS_TRY(make_room(translation, count, &filters));
    any->time_min = INT64_MAX;
    any->time_max = 0;
    PS_TRY(unite_keys(translation, tests, count, any));
    for (size_t i = 0; i < count; i++) {
        const bool has_filter = tests[i].filter.class_name != NULL;
        any->time_min = tests[i].time_min < any->time_min ? tests[i].time_min : any->time_min;
        any->time_max = tests[i].time_max > any->time_max ? tests[i].time_max : any->time_max;
        /* times are not in a filter: together with others they are only a hull */
        const bool has_time = tests[i].time_min > 0 || tests[i].time_max < INT64_MAX;
        any->is_exact = any->is_exact && tests[i].is_exact && !has_time;
        filter_count += has_filter;
        has_way_without = has_way_without || (!has_filter && !tests[i].has_keys);
    }
    if (filter_count == 0 || has_way_without) {
        any->is_exact = any->is_exact && !has_way_without;
        return PENSTOCK_OK;
    }
    for (size_t i = 0; i < count; i++) {
        if (tests[i].has_keys && tests[i].keys.count == 0) {
            continue; /* nothing can come this way */
        }
        PS_TRY(way_filter(translation, &tests[i], &filters.items[filters.count]));
        filters.count++;
        any->is_exact = any->is_exact && (!tests[i].has_keys || tests[i].keys.count <= ROW_FILTER_COUNT_MAX);
        const bool is_nested = is_junction(&items[i]) && items[i].child_count > 1;
        const char *text =
            is_nested ? ps_arena_printf(translation->arena, "(%s)", items[i].text) : items[i].text;
        any->filter_text = join_texts(translation, any->filter_text, " OR ", text);
        if (any->filter_text == NULL || text == NULL) {
            return out_of_memory(translation);
        }
    }
    return filters.count == 0 ? PENSTOCK_OK : join_filters(translation, false, &filters, &any->filter);
}

static penstock_code test_any(struct ps_hbase_rows_translation *translation, const struct ps_predicate *items,
                              size_t count, struct ps_hbase_rows_test *test_out) {
    struct ps_hbase_rows_test *tests = ps_arena_allocate(translation->arena, count + 1, sizeof *tests);
    struct ps_hbase_rows_test any = passes_all;
    if (tests == NULL) {
        return out_of_memory(translation);
    }
    const size_t left_count = translation->left_count;
    for (size_t i = 0; i < count && any.why == NULL; i++) {
        if (items[i].kind == PS_PREDICATE_ALL) {
            tests[i] = translation->tests[&items[i] - translation->list->items];
        } else {
            PS_TRY(test_all(translation, &items[i], 1, &tests[i]));
        }
        any.why = tests[i].why;
    }
    if (any.why == NULL) {
        PS_TRY(unite(translation, items, tests, count, &any));
    } else {
        translation->left_count = left_count; /* it is told as a whole */
    }
    *test_out = any;
    return PENSTOCK_OK;
}

penstock_code ps_hbase_rows_translate(struct ps_hbase_rows_translation *translation,
                                      struct ps_hbase_rows_test *test_out) {
    const struct ps_predicate_list *const list = translation->list;
    translation->tests = ps_arena_allocate(translation->arena, list->count + 1, sizeof *translation->tests);
    /* a condition is told at most once by itself and once by each OR that it is in */
    translation->left = ps_arena_allocate(translation->arena, 4 * list->count + 4, sizeof *translation->left);
    if (translation->tests == NULL || translation->left == NULL) {
        return out_of_memory(translation);
    }
    *test_out = passes_all;
    for (size_t i = list->count; i-- > 0;) {
        const struct ps_predicate *const item = &list->items[i];
        const struct ps_predicate *const children = &list->items[item->first_child];
        if (item->kind == PS_PREDICATE_ALL) {
            PS_TRY(test_all(translation, children, item->child_count, &translation->tests[i]));
        } else if (item->kind == PS_PREDICATE_ANY) {
            PS_TRY(test_any(translation, children, item->child_count, &translation->tests[i]));
        }
    }
    if (list->count == 0) {
        return PENSTOCK_OK;
    }
    if (!is_junction(&list->items[0])) {
        return test_all(translation, list->items, 1, test_out);
    }
    *test_out = translation->tests[0];
    if (test_out->why != NULL && list->items[0].kind == PS_PREDICATE_ANY) {
        add_left(translation, list->items[0].text, test_out->why);
    }
    return PENSTOCK_OK;
}
