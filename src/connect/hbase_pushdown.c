/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_pushdown.c - what is asked of HBase, made of what is needed; and how it is told.
 *
 * A cell that no statement uses need not be asked for. But a row of which none of the asked cells is there does not
 * come at all, where it would be a record of NULLs. So cells are only left out when such a record cannot count: when
 * every statement has a condition that it does not meet, or when a column of a cell that is asked for is NOT NULL.
 */
#include "connect/hbase_pushdown.h"

#include <inttypes.h>
#include <time.h>

#include "connect/hbase_pushed_rows.h"
#include "data/render.h"

struct making {
    const struct ps_hbase_pushdown_request *request;
    struct ps_predicate_list rows; /* scan.filter and what the statements need */
    struct ps_arena *arena;
    struct ps_hbase_pushdown *pushdown;
    struct penstock_error *error;
};

static penstock_code out_of_memory(const struct making *making) {
    return ps_error_memory(making->error, "a condition");
}

/* --- cells ------------------------------------------------------------------------------------------------------ */

static bool is_cell(const struct ps_hbase_mapping *mapping, size_t column) {
    return column < mapping->field_count && (mapping->fields[column].place == PS_HBASE_IN_CELL ||
                                             mapping->fields[column].place == PS_HBASE_IN_CELL_TIMESTAMP);
}

/* Does a record without any cell fail the condition? From the last part to the first. */
static penstock_code needs_cell(const struct making *making, bool *needs_out) {
    const struct ps_predicate_list *const list = &making->rows;
    bool *needs = ps_arena_allocate(making->arena, list->count + 1, sizeof *needs);
    if (needs == NULL) {
        return out_of_memory(making);
    }
    for (size_t i = list->count; i-- > 0;) {
        const struct ps_predicate *const item = &list->items[i];
        const bool is_any = item->kind == PS_PREDICATE_ANY;
        if (!is_any && item->kind != PS_PREDICATE_ALL) {
            needs[i] = item->kind != PS_PREDICATE_IS_NULL && is_cell(making->request->mapping, item->column);
            continue;
        }
        needs[i] = is_any;
        for (size_t j = 0; j < item->child_count; j++) {
            const bool own = needs[item->first_child + j];
            needs[i] = is_any ? needs[i] && own : needs[i] || own;
        }
    }
    *needs_out = list->count > 0 && needs[0];
    return PENSTOCK_OK;
}

/* Why the times of all cells are needed; or NULL. */
static const char *why_times(const struct making *making) {
    const struct ps_hbase_pushdown_request *const request = making->request;
    const struct ps_source_statement *const statement = request->statement;
    for (size_t i = 0; i < request->mapping->field_count; i++) {
        if (request->mapping->fields[i].place == PS_HBASE_IN_TIMESTAMP && request->use->column_is_used[i]) {
            return "a record's :timestamp is that of the newest of all cells";
        }
    }
    for (size_t i = 0; i < statement->include_count; i++) {
        const struct ps_include *const include = &statement->includes[i];
        if (include->kind == PS_INCLUDE_TIMESTAMP && request->use->column_is_used[include->column]) {
            return "INCLUDE timestamp is that of the newest of all cells";
        }
        if (include->kind == PS_INCLUDE_OFFSET && request->use->column_is_used[include->column]) {
            return "INCLUDE offset counts all records";
        }
    }
    return NULL;
}

/* Which cells columns that are used are in; *unused_out: how many are not. */
static size_t mark_cells(const struct making *making, bool *is_asked, bool *has_not_null) {
    const struct ps_hbase_mapping *const mapping = making->request->mapping;
    size_t count = 0;
    *has_not_null = false;
    for (size_t i = 0; i < mapping->field_count; i++) {
        const bool not_null = mapping->schema->columns[i].not_null;
        bool is_used = making->request->use->column_is_used[i] || not_null;
        for (size_t j = 0; j < making->rows.count;
             j++) { /* scan.filter may look at a column that nobody reads */
            const struct ps_predicate *const item = &making->rows.items[j];
            is_used = is_used || (item->child_count == 0 && item->column == i);
        }
        if (is_cell(mapping, i) && is_used) {
            count += !is_asked[mapping->fields[i].cell];
            is_asked[mapping->fields[i].cell] = true;
            *has_not_null = *has_not_null || not_null;
        }
    }
    return count;
}

static penstock_code choose_columns(struct making *making) {
    const struct ps_hbase_pushdown_request *const request = making->request;
    const struct ps_hbase_mapping *const mapping = request->mapping;
    struct ps_hbase_pushdown *const pushdown = making->pushdown;
    pushdown->columns = mapping->cells;
    pushdown->column_count = mapping->cell_count;
    if (request->use == NULL) {
        return PENSTOCK_OK;
    }
    bool *is_asked = ps_arena_allocate(making->arena, mapping->cell_count + 1, sizeof *is_asked);
    struct ps_hbase_column *columns =
        ps_arena_allocate(making->arena, mapping->cell_count + 1, sizeof *columns);
    bool has_not_null = false, needs = false;
    if (is_asked == NULL || columns == NULL) {
        return out_of_memory(making);
    }
    const size_t count = mark_cells(making, is_asked, &has_not_null);
    if (count == mapping->cell_count) {
        return PENSTOCK_OK;
    }
    PS_TRY(needs_cell(making, &needs));
    const char *const times = why_times(making);
    const char **const why = &pushdown->shown.why_all_columns;
    *why = request->is_upsert        ? "with FORMAT UPSERT a record is its row's whole"
           : times != NULL           ? times
           : count == 0              ? "a row without any of them would not come"
           : !needs && !has_not_null ? "a row without those that are used would not come"
                                     : NULL;
    if (*why != NULL) {
        return PENSTOCK_OK;
    }
    pushdown->column_count = 0;
    for (size_t i = 0; i < mapping->cell_count; i++) {
        if (is_asked[i]) {
            columns[pushdown->column_count++] = mapping->cells[i];
        }
    }
    pushdown->columns = columns;
    return PENSTOCK_OK;
}

/* --- rows --------------------------------------------------------------------------------------------------------- */

/* The filter of one kind of pass: the spans of keys, cells, and what is there anyway. */
static penstock_code finish_rows(const struct making *making, const struct ps_hbase_rows_test *test,
                                 struct ps_hbase_pushed_rows *rows) {
    struct ps_hbase_filter filters[3] = {{NULL, {NULL, 0}}};
    size_t count = 0;
    rows->time_min = test->time_min;
    rows->time_max = test->time_max;
    rows->is_nothing = (test->has_keys && test->keys.count == 0) || test->time_min >= test->time_max;
    if (test->has_keys && test->keys.count > 0) {
        rows->keys = test->keys;
        ps_hbase_spans_merge(&rows->keys);
        rows->around = ps_hbase_spans_around(&rows->keys);
        if (rows->keys.count > 1) {
            PS_TRY(ps_hbase_filter_spans(rows->keys.items, rows->keys.count, making->arena, &filters[count++],
                                         making->error));
        }
    }
    if (test->filter.class_name != NULL) {
        filters[count++] = test->filter;
    }
    if (making->request->base.class_name != NULL) {
        filters[count++] = making->request->base;
    }
    return count == 0
               ? PENSTOCK_OK
               : ps_hbase_filter_list(true, filters, count, making->arena, &rows->filter, making->error);
}

static penstock_code translate(const struct making *making, const struct ps_predicate_list *list,
                               bool is_first_pass, struct ps_hbase_rows_translation *translation_out,
                               struct ps_hbase_rows_test *test_out) {
    *translation_out = (struct ps_hbase_rows_translation){.request = making->request,
                                                          .list = list,
                                                          .is_first_pass = is_first_pass,
                                                          .arena = making->arena,
                                                          .error = making->error};
    return ps_hbase_rows_translate(translation_out, test_out);
}

/* --- scan.filter ------------------------------------------------------------------------------------------------ */

static penstock_code refuse_part(const struct making *making, const char *text, const char *why) {
    (void)ps_error_set(making->error, PENSTOCK_INVALID_PROJECT,
                       "scan.filter = '%s': HBase cannot look at %s: %s", making->request->filter, text, why);
    return ps_error_hint(making->error,
                         "put it into the WHERE of the statements that read the source: what can be "
                         "pushed is, and the rest is left to SQL");
}

/* Exactly what is written, or nothing. */
static penstock_code read_filter(const struct making *making, struct ps_predicate_list *list) {
    const struct ps_hbase_pushdown_request *const request = making->request;
    struct ps_hbase_rows_translation translation;
    struct ps_hbase_rows_test test;
    const penstock_code code =
        ps_predicate_parse(request->filter, request->mapping->schema, making->arena, list, making->error);
    if (code != PENSTOCK_OK) {
        return ps_error_context(making->error, "scan.filter = '%s'", request->filter);
    }
    if (list->left_count > 0) {
        return refuse_part(making, list->left[0].text, list->left[0].why);
    }
    PS_TRY(translate(making, list, true, &translation, &test));
    if (translation.left_count > 0) {
        return refuse_part(making, translation.left[0].text, translation.left[0].why);
    }
    const bool is_all = list->count == 0;
    if (!list->is_exact || (!is_all && !test.is_exact)) {
        return refuse_part(making, is_all ? "it" : list->items[0].text,
                           "not without letting other rows through");
    }
    if (!request->is_snapshot && test.filter.class_name != NULL) {
        (void)ps_error_set(
            making->error, PENSTOCK_INVALID_PROJECT,
            "scan.filter = '%s': a later pass gives cells that are new, of which the others of their"
            " row cannot decide",
            request->filter);
        return ps_error_hint(making->error,
                             "with scan.mode = 'snapshot' it may look at cells; else at the row key alone");
    }
    return PENSTOCK_OK;
}

/* --- for a person --------------------------------------------------------------------------------------------- */

static penstock_code take_text(const struct making *making, const struct ps_buffer *text,
                               const char **text_out) {
    PS_TRY(ps_buffer_status(text, making->error));
    *text_out = ps_arena_copy_size(making->arena, text->data, text->size);
    return *text_out == NULL ? out_of_memory(making) : PENSTOCK_OK;
}

static penstock_code show_columns(const struct making *making) {
    struct ps_hbase_pushdown *const pushdown = making->pushdown;
    const char **names = ps_arena_allocate(making->arena, pushdown->column_count + 1, sizeof *names);
    if (names == NULL) {
        return out_of_memory(making);
    }
    for (size_t i = 0; i < pushdown->column_count; i++) {
        struct ps_buffer name PS_SCOPED(ps_buffer_done);
        ps_buffer_init(&name, (size_t)1 << 20);
        ps_hbase_show(&name, pushdown->columns[i].family);
        ps_buffer_text(&name, ":");
        ps_hbase_show(&name, pushdown->columns[i].qualifier);
        PS_TRY(take_text(making, &name, &names[i]));
    }
    pushdown->shown.columns = names;
    pushdown->shown.column_count = pushdown->column_count;
    pushdown->shown.column_count_all = making->request->mapping->cell_count;
    return PENSTOCK_OK;
}

static penstock_code show_span(const struct making *making, const struct ps_hbase_span *span,
                               const char **text_out) {
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&text, (size_t)1 << 20);
    if (ps_hbase_span_is_point(span)) {
        ps_buffer_text(&text, "'");
        ps_hbase_show(&text, span->low);
        ps_buffer_text(&text, "'");
        return take_text(making, &text, text_out);
    }
    if (span->low.size > 0) {
        ps_buffer_text(&text, span->low_is_open ? "behind '" : "from '");
        ps_hbase_show(&text, span->low);
        ps_buffer_text(&text, span->has_high ? "' " : "'");
    }
    if (span->has_high) {
        ps_buffer_text(&text, span->high_is_in ? "to '" : "to before '");
        ps_hbase_show(&text, span->high);
        ps_buffer_text(&text, "'");
    }
    return take_text(making, &text, text_out);
}

static penstock_code show_keys(const struct making *making) {
    const struct ps_hbase_spans *const spans = &making->pushdown->first.keys;
    const char **texts = ps_arena_allocate(making->arena, spans->count + 1, sizeof *texts);
    if (texts == NULL) {
        return out_of_memory(making);
    }
    for (size_t i = 0; i < spans->count; i++) {
        PS_TRY(show_span(making, &spans->items[i], &texts[i]));
    }
    making->pushdown->shown.keys = texts;
    making->pushdown->shown.key_count = spans->count;
    return PENSTOCK_OK;
}

static penstock_code show_times(const struct making *making) {
    const struct ps_hbase_pushed_rows *const rows = &making->pushdown->first;
    struct ps_buffer text PS_SCOPED(ps_buffer_done) = {.data = NULL};
    if (rows->time_min == 0 && rows->time_max == INT64_MAX) {
        return PENSTOCK_OK;
    }
    ps_buffer_init(&text, 1000);
    if (rows->time_min > 0) {
        ps_buffer_printf(&text, "from %" PRId64 " ms%s", rows->time_min,
                         rows->time_max < INT64_MAX ? " " : "");
    }
    if (rows->time_max < INT64_MAX) {
        ps_buffer_printf(&text, "to before %" PRId64 " ms", rows->time_max);
    }
    return take_text(making, &text, &making->pushdown->shown.times);
}

/* What SQL looks at alone: what nobody understood, and what HBase cannot. */
static penstock_code show_left(const struct making *making,
                               const struct ps_hbase_rows_translation *translation) {
    struct ps_pushed *const shown = &making->pushdown->shown;
    const struct ps_predicate_list *const rows = &making->rows;
    struct ps_predicate_left *left =
        ps_arena_allocate(making->arena, rows->left_count + translation->left_count + 1, sizeof *left);
    if (left == NULL) {
        return out_of_memory(making);
    }
    for (size_t i = 0; i < rows->left_count; i++) {
        left[shown->left_count++] = rows->left[i];
    }
    for (size_t i = 0; i < translation->left_count; i++) {
        left[shown->left_count++] = translation->left[i];
    }
    shown->left = left;
    return PENSTOCK_OK;
}

static penstock_code show(const struct making *making, const struct ps_hbase_rows_test *first,
                          const struct ps_hbase_rows_translation *translation) {
    struct ps_hbase_pushdown *const pushdown = making->pushdown;
    struct ps_pushed *const shown = &pushdown->shown;
    shown->filter = first->filter.class_name != NULL ? first->filter_text : NULL;
    const bool is_less_later = !making->request->is_snapshot &&
                               !ps_bytes_equal(pushdown->first.filter.body, pushdown->later.filter.body);
    shown->note = is_less_later ? "in the first pass; a later one reads what is new" : NULL;
    if (pushdown->first.is_nothing) {
        shown->note = "no row can pass: nothing is read";
    }
    PS_TRY(show_columns(making));
    PS_TRY(show_keys(making));
    PS_TRY(show_times(making));
    return show_left(making, translation);
}

/* --- all of it -------------------------------------------------------------------------------------------------- */

static penstock_code make(struct making *making) {
    const struct ps_hbase_pushdown_request *const request = making->request;
    struct ps_hbase_rows_translation translation;
    struct ps_hbase_rows_test first, later;
    making->rows = (struct ps_predicate_list){.is_exact = true};
    if (request->filter != NULL) {
        PS_TRY(read_filter(making, &making->rows));
    }
    if (request->use != NULL) {
        making->pushdown->shown.why_all_rows = request->use->why_all;
        PS_TRY(ps_predicate_both(&making->rows, &request->use->rows, making->arena, &making->rows,
                                 making->error));
    }
    PS_TRY(choose_columns(making));
    PS_TRY(translate(making, &making->rows, false, &translation, &later));
    PS_TRY(translate(making, &making->rows, true, &translation, &first));
    PS_TRY(finish_rows(making, &first, &making->pushdown->first));
    PS_TRY(finish_rows(making, &later, &making->pushdown->later));
    return show(making, &first, &translation);
}

penstock_code ps_hbase_pushdown_new(const struct ps_hbase_pushdown_request *request, struct ps_arena *arena,
                                    const struct ps_hbase_pushdown **pushdown_out,
                                    struct penstock_error *error) {
    struct ps_hbase_pushdown *pushdown = ps_arena_allocate(arena, 1, sizeof *pushdown);
    if (pushdown == NULL) {
        return ps_error_memory(error, "a condition");
    }
    struct making making = {.request = request, .arena = arena, .pushdown = pushdown, .error = error};
    PS_TRY(make(&making));
    *pushdown_out = pushdown;
    return PENSTOCK_OK;
}

bool ps_hbase_pushdown_apply(const struct ps_hbase_pushdown *pushdown, bool is_first_pass,
                             struct ps_hbase_range *range) {
    const struct ps_hbase_pushed_rows *const rows = is_first_pass ? &pushdown->first : &pushdown->later;
    const struct ps_hbase_span *const around = &rows->around;
    range->columns = pushdown->columns;
    range->column_count = pushdown->column_count;
    range->filter_class = ps_bytes_of(rows->filter.class_name);
    range->filter = rows->filter.body;
    range->time_min = rows->time_min > range->time_min ? rows->time_min : range->time_min;
    range->time_max = rows->time_max < range->time_max ? rows->time_max : range->time_max;
    const int low = ps_hbase_compare(around->low, range->start_row);
    if (low > 0 || (low == 0 && around->low_is_open)) {
        range->start_row = around->low;
        range->start_is_exclusive = around->low_is_open;
    }
    if (around->has_high) {
        const int high = range->stop_row.size == 0 ? -1 : ps_hbase_compare(around->high, range->stop_row);
        if (high < 0) {
            range->stop_row = around->high;
            range->stop_is_inclusive = around->high_is_in;
        }
    }
    const int order = range->stop_row.size == 0 ? -1 : ps_hbase_compare(range->start_row, range->stop_row);
    const bool is_empty =
        order > 0 || (order == 0 && (range->start_is_exclusive || !range->stop_is_inclusive));
    return !rows->is_nothing && !is_empty && range->time_min < range->time_max;
}
