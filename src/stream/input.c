/* SPDX-License-Identifier: Apache-2.0
 *
 * input.c - the sources of a run, and how their decoded records become rows for SQL.
 *
 * A record that cannot be used is taken out of its batch and becomes a dead letter before SQL sees anything:
 * first those that did not decode, then those without event time or too late, then those of which a text
 * does not cast to the declared type. What is left is numbered: penstock_row.
 */
#include <stdio.h>

#include "base/limits.h"
#include "stream/run.h"

/* --- opening -------------------------------------------------------------------------------------------------- */

static bool is_cast_needed(const struct ps_column_schema *column) {
    return !ps_text_equal_nocase(ps_type_sql(column->type), column->type_text);
}

/* CREATE OR REPLACE TEMP VIEW ... over the feed, or over nothing */
static void add_view(struct ps_buffer *sql, const struct ps_input *input, bool has_row, bool is_empty) {
    const struct ps_schema *schema = &input->statement->schema;
    char name[300];
    snprintf(name, sizeof name, "penstock_%s_%s", has_row ? "place" : "stream", input->name);
    ps_buffer_text(sql, "CREATE OR REPLACE TEMP VIEW ");
    ps_buffer_sql_name(sql, name);
    ps_buffer_text(sql, " AS SELECT ");
    for (size_t i = 0; i < schema->column_count; i++) {
        const struct ps_column_schema *column = &schema->columns[i];
        ps_buffer_text(sql, i > 0 ? ", " : "");
        if (is_empty) {
            ps_buffer_printf(sql, "CAST(NULL AS %s) AS ", column->type_text);
        } else if (is_cast_needed(column)) {
            ps_buffer_text(sql, "CAST(");
            ps_buffer_sql_name(sql, column->name);
            ps_buffer_printf(sql, " AS %s) AS ", column->type_text);
        }
        ps_buffer_sql_name(sql, column->name);
    }
    if (has_row) {
        ps_buffer_text(sql, is_empty ? ", CAST(NULL AS BIGINT) AS " PS_ROW_COLUMN : ", " PS_ROW_COLUMN);
    }
    if (is_empty) {
        ps_buffer_text(sql, " WHERE false; ");
    } else {
        ps_buffer_text(sql, " FROM penstock_feed(");
        ps_buffer_sql_literal(sql, input->feed);
        /* what a delete does is keyed.c's: it has no values to select from */
        ps_buffer_text(sql, input->is_changelog ? ") WHERE " PS_OPERATION_COLUMN " = 0; " : "); ");
    }
}

static penstock_code define(struct ps_run *run, const struct ps_input *input, bool is_empty,
                            struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    add_view(&sql, input, false, is_empty);
    if (input->needs_row) {
        add_view(&sql, input, true, is_empty);
    }
    PS_TRY(ps_buffer_status(&sql, error));
    return ps_sql_run(run->connection, sql.data, error);
}

penstock_code ps_input_define_empty(struct ps_run *run, const struct ps_input *input,
                                    struct penstock_error *error) {
    return define(run, input, true, error);
}

/* The columns of the source, and behind them, where they are needed, penstock_row and penstock_operation. */
static penstock_code declare_feed(struct ps_run *run, struct ps_input *input, struct penstock_error *error) {
    const struct ps_schema *schema = &input->statement->schema;
    input->needs_row = input->needs_row || input->has_casts || input->is_relation || input->is_changelog;
    const size_t count = schema->column_count + (input->needs_row ? 1 : 0) + (input->is_changelog ? 1 : 0);
    input->feed_schema.columns = ps_arena_allocate(run->arena, count + 1, sizeof *schema->columns);
    input->feed = ps_arena_printf(run->arena, "%s/%lld", input->name, (long long)++run->store->feed_count);
    if (input->feed_schema.columns == NULL || input->feed == NULL) {
        return ps_error_memory(error, "a feed");
    }
    memcpy(input->feed_schema.columns, schema->columns, schema->column_count * sizeof *schema->columns);
    input->feed_schema.column_count = count;
    if (input->needs_row) {
        input->feed_schema.columns[schema->column_count] =
            (struct ps_column_schema){.name = PS_ROW_COLUMN, .type_text = "BIGINT", .type = PS_TYPE_BIGINT};
    }
    if (input->is_changelog) {
        input->feed_schema.columns[schema->column_count + 1] = (struct ps_column_schema){
            .name = PS_OPERATION_COLUMN, .type_text = "TINYINT", .type = PS_TYPE_TINYINT};
    }
    return ps_feed_declare(run->store->engine, input->feed, &input->feed_schema, error);
}

static penstock_code check_time_type(const struct ps_input *input, struct penstock_error *error) {
    if (input->time_column < 0) {
        return PENSTOCK_OK;
    }
    const struct ps_column_schema *column = &input->statement->schema.columns[input->time_column];
    if (column->type == PS_TYPE_TIMESTAMP || column->type == PS_TYPE_DATE) {
        return PENSTOCK_OK;
    }
    (void)ps_error_set(error, PENSTOCK_UNSUPPORTED, "the event time %s of source %s is of type %s",
                       column->name, input->name, column->type_text);
    return ps_error_hint(error, "declare it as TIMESTAMP, TIMESTAMP WITH TIME ZONE or DATE");
}

static penstock_code load_time(struct ps_run *run, struct ps_input *input, struct penstock_error *error) {
    const char *const values[] = {input->key};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query_with(run->connection,
                             "SELECT epoch_us(time_max) FROM penstock.watermarks WHERE source = $1", values,
                             1, &result, error));
    if (ps_result_row_count(result) > 0) {
        input->has_time = true;
        input->is_time_stored = true;
        input->time_max_us = ps_result_integer(result, 0, 0);
    }
    return PENSTOCK_OK;
}

static penstock_code seek(struct ps_run *run, struct ps_input *input, struct penstock_error *error) {
    struct ps_position_list positions;
    PS_TRY(ps_position_list_init(&positions, error));
    penstock_code code = ps_position_load(run, input->key, &positions, error);
    if (code == PENSTOCK_OK) {
        code = ps_source_seek(input->source, &positions, error);
    }
    ps_position_list_done(&positions);
    return code;
}

penstock_code ps_input_declare(struct ps_run *run, struct ps_input *input, struct penstock_error *error) {
    PS_TRY(declare_feed(run, input, error));
    return input->is_relation ? ps_relation_define(run, input, error) : define(run, input, false, error);
}

penstock_code ps_input_open_all(struct ps_run *run, struct penstock_error *error) {
    for (size_t i = 0; i < run->input_count; i++) {
        struct ps_input *input = &run->inputs[i];
        if (!input->is_used) {
            continue; /* reading it would move its positions for nothing */
        }
        PS_TRY(check_time_type(input, error));
        PS_TRY(ps_source_create_for(input->statement, input->name, run->project->folder, input->node->use,
                                    run->arena, &input->source, &input->setup, error));
        PS_TRY(load_time(run, input, error));
        PS_TRY(seek(run, input, error));
        PS_TRY(ps_input_declare(run, input, error));
    }
    return PENSTOCK_OK;
}

void ps_input_close(struct ps_input *input) {
    ps_source_close(input->source);
    input->source = NULL;
}

/* --- an epoch's rows ------------------------------------------------------------------------------------------ */

/* A view of a batch with the columns penstock_row and penstock_operation behind its own. */
static penstock_code number_rows(struct ps_run *run, const struct ps_input *input, size_t slice,
                                 struct ps_batch *numbered_out, struct penstock_error *error) {
    const struct ps_batch *batch = input->rows.batches[slice];
    *numbered_out = *batch;
    numbered_out->schema = &input->feed_schema;
    if (!input->needs_row) {
        return PENSTOCK_OK;
    }
    const size_t own_count = input->statement->schema.column_count;
    struct ps_column *columns = ps_arena_allocate(run->epoch_arena, own_count + 2, sizeof *columns);
    int64_t *numbers = ps_arena_allocate(run->epoch_arena, (size_t)batch->row_count + 1, sizeof *numbers);
    uint8_t *operations = batch->operations;
    if (input->is_changelog && operations == NULL) { /* nothing was deleted */
        _Static_assert(PS_OPERATION_PUT == 0, "zeros are puts");
        operations = ps_arena_allocate(run->epoch_arena, (size_t)batch->row_count + 1, 1);
    }
    if (columns == NULL || numbers == NULL || (input->is_changelog && operations == NULL)) {
        return ps_error_memory(error, "the rows of an epoch");
    }
    memcpy(columns, batch->columns, own_count * sizeof *columns);
    for (int64_t i = 0; i < batch->row_count; i++) {
        numbers[i] = input->rows.starts[slice] + i;
    }
    columns[own_count] = (struct ps_column){.type = PS_TYPE_BIGINT, .values = numbers};
    if (input->is_changelog) {
        columns[own_count + 1] = (struct ps_column){.type = PS_TYPE_TINYINT, .values = operations};
    }
    numbered_out->columns = columns;
    return PENSTOCK_OK;
}

penstock_code ps_input_feed(struct ps_run *run, struct ps_input *input, struct penstock_error *error) {
    struct ps_input_rows *rows = &input->rows;
    ps_feed_clear(run->store->engine, input->feed);
    rows->starts = ps_arena_allocate(run->epoch_arena, rows->slice_count + 1, sizeof *rows->starts);
    struct ps_batch *numbered = ps_arena_allocate(run->epoch_arena, rows->slice_count + 1, sizeof *numbered);
    const struct ps_batch **fed = ps_arena_allocate(run->epoch_arena, rows->slice_count + 1, sizeof *fed);
    if (rows->starts == NULL || numbered == NULL || fed == NULL) {
        return ps_error_memory(error, "the rows of an epoch");
    }
    rows->row_count = 0;
    for (size_t i = 0; i < rows->slice_count; i++) {
        rows->starts[i] = rows->row_count;
        rows->row_count += rows->batches[i]->row_count;
        PS_TRY(number_rows(run, input, i, &numbered[i], error));
        fed[i] = &numbered[i];
    }
    PS_TRY(ps_feed_put(run->store->engine, input->feed, fed, rows->slice_count, error));
    return input->is_relation ? ps_relation_feed(run, input, error) : PENSTOCK_OK;
}

void ps_input_clear(struct ps_run *run, struct ps_input *input) {
    if (input->feed != NULL) {
        ps_feed_clear(run->store->engine, input->feed);
    }
    input->rows = (struct ps_input_rows){0};
}

static penstock_code add_undecoded(struct ps_run *run, struct ps_input *input, size_t slice,
                                   struct penstock_error *error) {
    const struct ps_batch *batch = input->rows.batches[slice];
    for (size_t i = 0; i < batch->dead_letter_count; i++) {
        const struct ps_dead_letter *letter = &batch->dead_letters[i];
        const struct ps_dead_row dead = {.input = (size_t)(input - run->inputs),
                                         .slice = (int64_t)slice,
                                         .offset = letter->offset,
                                         .partition = input->rows.partitions[slice],
                                         .reason = letter->reason,
                                         .column = letter->column,
                                         .message = letter->text,
                                         .raw = letter->raw,
                                         .raw_size = letter->raw_size,
                                         .record = letter->message};
        PS_TRY(ps_dead_add(run, dead, error));
    }
    return PENSTOCK_OK;
}

/* --- columns that SQL casts ------------------------------------------------------------------------------------ */

/* penstock_row and column index of every record of which a text does not cast. */
static penstock_code find_uncast(struct ps_run *run, const struct ps_input *input,
                                 struct ps_result **result_out, struct penstock_error *error) {
    const struct ps_schema *schema = &input->statement->schema;
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    ps_buffer_text(&sql, "SELECT " PS_ROW_COLUMN ", bad FROM (SELECT " PS_ROW_COLUMN ", CASE");
    for (size_t i = 0; i < schema->column_count; i++) {
        if (schema->columns[i].type == PS_TYPE_CAST) {
            ps_buffer_text(&sql, " WHEN ");
            ps_buffer_sql_name(&sql, schema->columns[i].name);
            ps_buffer_text(&sql, " IS NOT NULL AND TRY_CAST(");
            ps_buffer_sql_name(&sql, schema->columns[i].name);
            ps_buffer_printf(&sql, " AS %s) IS NULL THEN %zu", schema->columns[i].type_text, i);
        }
    }
    ps_buffer_text(&sql, " END AS bad FROM penstock_feed(");
    ps_buffer_sql_literal(&sql, input->feed);
    ps_buffer_text(&sql, ")) WHERE bad IS NOT NULL ORDER BY 1");
    PS_TRY(ps_buffer_status(&sql, error));
    return ps_sql_query(run->connection, sql.data, result_out, error);
}

static penstock_code add_uncast(struct ps_run *run, struct ps_input *input, size_t slice, int64_t row,
                                size_t column, struct penstock_error *error) {
    const struct ps_batch *batch = input->rows.batches[slice];
    const struct ps_column_schema *schema = &input->statement->schema.columns[column];
    const struct ps_bytes text = ((const struct ps_bytes *)batch->columns[column].values)[row];
    const struct ps_record *record = &batch->records[row];
    const int shown = (int)(text.size < 60 ? text.size : 60);
    const struct ps_dead_row dead = {.input = (size_t)(input - run->inputs),
                                     .slice = (int64_t)slice,
                                     .offset = record->offset,
                                     .partition = input->rows.partitions[slice],
                                     .reason = PS_REASON_TYPE,
                                     .column = schema->name,
                                     .message =
                                         ps_arena_printf(run->epoch_arena, "%s: found '%.*s', expected %s",
                                                         schema->name, shown, text.data, schema->type_text),
                                     .raw = record->raw,
                                     .raw_size = (int64_t)record->raw.size,
                                     .record = record->message};
    return dead.message != NULL ? ps_dead_add(run, dead, error) : ps_error_memory(error, "dead letters");
}

static penstock_code drop_uncast(struct ps_run *run, struct ps_input *input, struct penstock_error *error) {
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(find_uncast(run, input, &result, error));
    const int64_t bad_count = ps_result_row_count(result);
    if (bad_count == 0) {
        return PENSTOCK_OK;
    }
    int64_t *dropped = ps_arena_allocate(run->epoch_arena, (size_t)bad_count, sizeof *dropped);
    if (dropped == NULL) {
        return ps_error_memory(error, "dead letters");
    }
    int64_t at = 0;
    for (size_t slice = 0; slice < input->rows.slice_count; slice++) {
        const int64_t start = input->rows.starts[slice];
        const int64_t end = start + input->rows.batches[slice]->row_count;
        size_t count = 0;
        for (; at < bad_count && ps_result_integer(result, at, 0) < end; at++) {
            dropped[count] = ps_result_integer(result, at, 0) - start;
            PS_TRY(add_uncast(run, input, slice, dropped[count], (size_t)ps_result_integer(result, at, 1),
                              error));
            count++;
        }
        ps_batch_drop_rows(input->rows.batches[slice], dropped, count);
    }
    return ps_input_feed(run, input, error);
}

/* --- all of it ------------------------------------------------------------------------------------------------- */

/* on_bad_record = 'fail': the first bad record of the source in its own order. Late ones are not bad. */
static penstock_code fail_on_bad(const struct ps_run *run, const struct ps_input *input,
                                 struct penstock_error *error) {
    const struct ps_dead_row *first = NULL;
    for (size_t i = 0; i < run->dead.count; i++) {
        const struct ps_dead_row *row = &run->dead.items[i];
        const bool is_ours =
            &run->inputs[row->input] == input && row->statement == NULL && row->reason != PS_REASON_LATE;
        if (is_ours && (first == NULL || row->slice < first->slice ||
                        (row->slice == first->slice && row->offset < first->offset))) {
            first = row;
        }
    }
    if (first == NULL) {
        return PENSTOCK_OK;
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_DATA, "%s, %s %lld: %s", first->partition,
                       input->is_relation ? "row" : "byte", (long long)first->offset, first->message);
    (void)ps_error_detail(error, "source %s has on_bad_record = 'fail'; nothing of this epoch was written",
                          input->name);
    (void)ps_error_hint(error, "correct the file, or set on_bad_record = 'dead_letter'");
    return PENSTOCK_INVALID_DATA;
}

penstock_code ps_input_load(struct ps_run *run, struct ps_input *input, struct penstock_error *error) {
    input->rows.record_count = 0;
    for (size_t i = 0; i < input->rows.slice_count; i++) {
        struct ps_batch *batch = input->rows.batches[i];
        input->rows.record_count += batch->record_count;
        PS_TRY(add_undecoded(run, input, i, error));
        if (input->time_column >= 0) {
            PS_TRY(ps_watermark_apply(run, input, batch, (int64_t)i, error));
        }
    }
    PS_TRY(ps_input_feed(run, input, error));
    if (input->has_casts) {
        PS_TRY(drop_uncast(run, input, error));
    }
    return input->setup.fail_on_bad_record ? fail_on_bad(run, input, error) : PENSTOCK_OK;
}
