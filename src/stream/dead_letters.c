/* SPDX-License-Identifier: Apache-2.0
 *
 * dead_letters.c - records that could not be used, kept whole with their place and the reason.
 *
 * They are gathered while an epoch runs and written in its transaction, in the order of their records, so
 * that their ids are the same however often the epoch had to be started.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/limits.h"
#include "stream/join.h"

static const char feed_name[] = "penstock_dead_letters";

static const struct ps_column_schema columns[] = {
    {.name = "id", .type_text = "BIGINT", .type = PS_TYPE_BIGINT},
    {.name = "source", .type_text = "VARCHAR", .type = PS_TYPE_VARCHAR},
    {.name = "statement", .type_text = "VARCHAR", .type = PS_TYPE_VARCHAR},
    {.name = "partition", .type_text = "VARCHAR", .type = PS_TYPE_VARCHAR},
    {.name = "position", .type_text = "BIGINT", .type = PS_TYPE_BIGINT},
    {.name = "reason", .type_text = "VARCHAR", .type = PS_TYPE_VARCHAR},
    {.name = "column_name", .type_text = "VARCHAR", .type = PS_TYPE_VARCHAR},
    {.name = "rule", .type_text = "VARCHAR", .type = PS_TYPE_VARCHAR},
    {.name = "lateness_ms", .type_text = "BIGINT", .type = PS_TYPE_BIGINT},
    {.name = "message", .type_text = "VARCHAR", .type = PS_TYPE_VARCHAR},
    {.name = "raw", .type_text = "BLOB", .type = PS_TYPE_BLOB},
    {.name = "raw_size", .type_text = "BIGINT", .type = PS_TYPE_BIGINT},
    {.name = "record_key", .type_text = "BLOB", .type = PS_TYPE_BLOB},
    {.name = "headers", .type_text = "VARCHAR", .type = PS_TYPE_VARCHAR},
    {.name = "record_time", .type_text = "TIMESTAMP", .type = PS_TYPE_TIMESTAMP},
};
#define COLUMN_COUNT (sizeof columns / sizeof columns[0])

/* A schema over a copy of the columns, which must live as long. */
static struct ps_schema schema_over(struct ps_column_schema copy[COLUMN_COUNT]) {
    memcpy(copy, columns, sizeof columns);
    return (struct ps_schema){copy, COLUMN_COUNT};
}

penstock_code ps_dead_declare(struct ps_engine *engine, struct penstock_error *error) {
    struct ps_column_schema copy[COLUMN_COUNT];
    const struct ps_schema schema = schema_over(copy);
    return ps_feed_declare(engine, feed_name, &schema, error);
}

penstock_code ps_dead_add(struct ps_run *run, struct ps_dead_row row, struct penstock_error *error) {
    struct ps_dead_list *list = &run->dead;
    void *items = list->items;
    const penstock_code code = ps_grow(&items, &list->capacity, list->count + 1, sizeof *list->items, error);
    list->items = items;
    PS_TRY(code);
    if (row.raw.size > PS_LIMIT_DEAD_LETTER_SIZE) {
        row.raw.size = PS_LIMIT_DEAD_LETTER_SIZE;
    }
    row.order = list->count;
    list->items[list->count++] = row;
    return PENSTOCK_OK;
}

/* --- from penstock_row back to the record --------------------------------------------------------------------- */

/* The record of one row of a feed. */
static const struct ps_record *find_record(const struct ps_input_rows *rows, int64_t row, size_t *slice_out) {
    size_t low = 0, high = rows->slice_count;
    while (
        low + 1 <
        high) { /* the last slice that starts at or before the row: an empty one starts where the next does */
        const size_t middle = low + (high - low) / 2;
        if (rows->starts[middle] <= row) {
            low = middle;
        } else {
            high = middle;
        }
    }
    const int64_t index = row - rows->starts[low];
    ps_check(index >= 0);
    ps_check(index < rows->batches[low]->row_count);
    *slice_out = low;
    return &rows->batches[low]->records[index];
}

static penstock_code rule_row(struct ps_run *run, const struct ps_output *output, const struct ps_rule *rule,
                              struct ps_dead_row *row_out, struct penstock_error *error) {
    *row_out = (struct ps_dead_row){.input = output->root,
                                    .statement = output->name,
                                    .reason = PS_REASON_RULE,
                                    .rule = rule->name,
                                    .message = ps_arena_printf(run->epoch_arena, "rule %s: (%s) is not true",
                                                               rule->name, rule->expression.text)};
    return row_out->message != NULL ? PENSTOCK_OK : ps_error_memory(error, "dead letters");
}

static penstock_code add_from_feed(struct ps_run *run, const struct ps_output *output, const int64_t *rows,
                                   const struct ps_rule *const *rules, size_t count,
                                   struct penstock_error *error) {
    const struct ps_input_rows *input_rows = &run->inputs[output->root].rows;
    for (size_t i = 0; i < count; i++) {
        struct ps_dead_row dead;
        PS_TRY(rule_row(run, output, rules[i], &dead, error));
        size_t slice = 0;
        const struct ps_record *record = find_record(input_rows, rows[i], &slice);
        dead.slice = (int64_t)slice;
        dead.offset = record->offset;
        dead.partition = input_rows->partitions[slice];
        dead.raw = record->raw;
        dead.raw_size = (int64_t)record->raw.size;
        dead.record = record->message;
        PS_TRY(ps_dead_add(run, dead, error));
    }
    return PENSTOCK_OK;
}

/* Rows of a table that was there before the statement: their place is the table's row. */
static penstock_code applied_rows(struct ps_run *run, const struct ps_output *output, const int64_t *rows,
                                  size_t count, struct ps_result **result_out, struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_LIMIT_SQL_SIZE);
    ps_buffer_text(&sql, "SELECT 0, rowid, to_json(t)::VARCHAR FROM main.");
    ps_buffer_sql_name(&sql, run->outputs[output->upstream].name);
    ps_buffer_text(&sql, " AS t WHERE rowid IN (");
    for (size_t i = 0; i < count; i++) {
        ps_buffer_printf(&sql, "%s%lld", i > 0 ? ", " : "", (long long)rows[i]);
    }
    ps_buffer_text(&sql, ") ORDER BY rowid");
    PS_TRY(ps_buffer_status(&sql, error));
    return ps_sql_query(run->connection, sql.data, result_out, error);
}

/* A joined row comes from two records, maybe of other epochs: the row itself is kept. */
static bool is_joined_row(const struct ps_run *run, const struct ps_output *output) {
    return output->join != NULL || (output->join_root >= 0 && !run->is_applying);
}

static penstock_code add_from_sql(struct ps_run *run, const struct ps_output *output, const int64_t *rows,
                                  const struct ps_rule *const *rules, size_t count,
                                  struct penstock_error *error) {
    const struct ps_input *input = &run->inputs[output->root];
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    const bool is_joined = is_joined_row(run, output);
    PS_TRY(is_joined          ? ps_join_rows(run, output, rows, count, &result, error)
           : run->is_applying ? applied_rows(run, output, rows, count, &result, error)
                              : ps_relation_rows(run, input, rows, count, &result, error));
    ps_check(ps_result_row_count(result) == (int64_t)count);
    for (size_t i = 0; i < count; i++) {
        struct ps_dead_row dead;
        PS_TRY(rule_row(run, output, rules[i], &dead, error));
        const int64_t at = (int64_t)i;
        const char *json = ps_arena_copy(run->epoch_arena, ps_result_text(result, at, 2));
        if (json == NULL) {
            return ps_error_memory(error, "dead letters");
        }
        dead.slice = ps_result_integer(result, at, 0);
        dead.offset = ps_result_integer(result, at, 1);
        dead.partition = is_joined          ? run->outputs[output->join_root].name
                         : run->is_applying ? run->outputs[output->upstream].name
                                            : input->rows.partitions[dead.slice];
        dead.raw = ps_bytes_of(json);
        dead.raw_size = (int64_t)dead.raw.size;
        PS_TRY(ps_dead_add(run, dead, error));
    }
    return PENSTOCK_OK;
}

penstock_code ps_dead_add_rows(struct ps_run *run, const struct ps_output *output, const int64_t *rows,
                               const struct ps_rule *const *rules, size_t count,
                               struct penstock_error *error) {
    return run->is_applying || output->join_root >= 0 || run->inputs[output->root].is_relation
               ? add_from_sql(run, output, rows, rules, count, error)
               : add_from_feed(run, output, rows, rules, count, error);
}

penstock_code ps_dead_place(struct ps_run *run, const struct ps_output *output, int64_t row,
                            const char **text_out, struct penstock_error *error) {
    const struct ps_input *input = &run->inputs[output->root];
    const char *text = NULL;
    if (is_joined_row(run, output)) {
        struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
        PS_TRY(ps_join_rows(run, output, &row, 1, &result, error));
        text = ps_arena_printf(run->epoch_arena, "the joined row %.300s", ps_result_text(result, 0, 2));
    } else if (run->is_applying) {
        text = ps_arena_printf(run->epoch_arena, "%s, row %lld", run->outputs[output->upstream].name,
                               (long long)row);
    } else if (input->is_relation) {
        struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
        PS_TRY(ps_relation_rows(run, input, &row, 1, &result, error));
        text = ps_arena_printf(run->epoch_arena, "%s, row %lld",
                               input->rows.partitions[ps_result_integer(result, 0, 0)],
                               (long long)ps_result_integer(result, 0, 1));
    } else {
        size_t slice = 0;
        const struct ps_record *record = find_record(&input->rows, row, &slice);
        text = ps_arena_printf(run->epoch_arena, "%s, %s %lld", input->rows.partitions[slice],
                               record->message != NULL ? "offset" : "byte", (long long)record->offset);
    }
    if (text == NULL) {
        return ps_error_memory(error, "the place of a record");
    }
    *text_out = text;
    return PENSTOCK_OK;
}

/* --- writing -------------------------------------------------------------------------------------------------- */

static int compare(const void *left, const void *right) {
    const struct ps_dead_row *a = left;
    const struct ps_dead_row *b = right;
    if (a->input != b->input) {
        return a->input < b->input ? -1 : 1;
    }
    if (a->slice != b->slice) {
        return a->slice < b->slice ? -1 : 1;
    }
    if (a->offset != b->offset) {
        return a->offset < b->offset ? -1 : 1;
    }
    return a->order < b->order ? -1 : a->order > b->order ? 1 : 0;
}

static void put_text(struct ps_batch *batch, size_t column, const char *text) {
    if (text == NULL) {
        ps_batch_set_null(batch, column);
    } else {
        ((struct ps_bytes *)batch->columns[column].values)[batch->row_count] = ps_bytes_of(text);
    }
}

static void put_integer(struct ps_batch *batch, size_t column, int64_t value) {
    ((int64_t *)batch->columns[column].values)[batch->row_count] = value;
}

/* Key, headers and time of a broker's record: with them it can be replayed as it was. */
static penstock_code put_record(struct ps_batch *batch, const struct ps_message *record,
                                struct penstock_error *error) {
    struct ps_bytes headers = {NULL, 0};
    if (record != NULL) {
        PS_TRY(ps_message_headers(record, batch->arena, &headers, error));
    }
    if (record == NULL || record->key.data == NULL) {
        ps_batch_set_null(batch, 12);
    } else {
        ((struct ps_bytes *)batch->columns[12].values)[batch->row_count] = record->key;
    }
    if (headers.size == 0) {
        ps_batch_set_null(batch, 13);
    } else {
        ((struct ps_bytes *)batch->columns[13].values)[batch->row_count] = headers;
    }
    if (record == NULL || record->timestamp_ms < 0) {
        ps_batch_set_null(batch, 14);
    } else {
        put_integer(batch, 14, record->timestamp_ms * 1000);
    }
    return PENSTOCK_OK;
}

static penstock_code put_row(const struct ps_run *run, struct ps_batch *batch, const struct ps_dead_row *row,
                             int64_t id, struct penstock_error *error) {
    put_integer(batch, 0, id);
    put_text(batch, 1, run->inputs[row->input].name);
    put_text(batch, 2, row->statement);
    put_text(batch, 3, row->partition);
    put_integer(batch, 4, row->offset);
    put_text(batch, 5, ps_reason_name(row->reason));
    put_text(batch, 6, row->column);
    put_text(batch, 7, row->rule);
    if (row->has_lateness) {
        put_integer(batch, 8, row->lateness_ms);
    } else {
        ps_batch_set_null(batch, 8);
    }
    put_text(batch, 9, row->message);
    ((struct ps_bytes *)batch->columns[10].values)[batch->row_count] = row->raw;
    put_integer(batch, 11, row->raw_size);
    return put_record(batch, row->record, error);
}

penstock_code ps_dead_save(struct ps_run *run, struct penstock_error *error) {
    if (run->dead.count == 0) {
        return PENSTOCK_OK;
    }
    qsort(run->dead.items, run->dead.count, sizeof *run->dead.items, compare);
    struct ps_column_schema copy[COLUMN_COUNT];
    const struct ps_schema schema = schema_over(copy);
    struct ps_batch *batch PS_SCOPED(ps_batch_free_scoped) = NULL;
    PS_TRY(ps_batch_new(&schema, (int64_t)run->dead.count, &batch, error));
    for (size_t i = 0; i < run->dead.count; i++) {
        PS_TRY(ps_batch_begin_row(batch, error));
        PS_TRY(put_row(run, batch, &run->dead.items[i], run->dead_id_next + (int64_t)i, error));
        ps_batch_end_row(batch, (struct ps_record){{NULL, 0}, 0, NULL});
    }
    char now[32];
    ps_clock_format_iso(ps_clock_wall_ms(), now, sizeof now);
    const struct ps_batch *const batches[] = {batch};
    PS_TRY(ps_feed_put(run->store->engine, feed_name, batches, 1, error));
    const penstock_code code = ps_sql_runf(
        run->connection, error,
        "INSERT INTO penstock.dead_letters SELECT id, %lld, source, statement, partition, position, reason,"
        " column_name, rule, lateness_ms, message, raw, raw_size, '%s'::TIMESTAMPTZ::TIMESTAMP, NULL, record_key,"
        " headers, record_time FROM penstock_feed('%s')",
        (long long)run->epoch.number, now, feed_name);
    ps_feed_clear(run->store->engine, feed_name);
    PS_TRY(code);
    run->dead_id_next += (int64_t)run->dead.count;
    run->dead.count = 0;
    return PENSTOCK_OK;
}
