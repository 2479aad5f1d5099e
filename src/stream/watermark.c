/* SPDX-License-Identifier: Apache-2.0
 *
 * watermark.c - late records.
 *
 * A record is late if its event time is before the greatest event time of all earlier records of its source,
 * less the delay. That is a property of the record's place in the source alone: neither epoch borders nor
 * the speed of reading change it. The greatest time so far is committed with the positions.
 */
#include <stdio.h>

#include "stream/run.h"

#define MICROSECONDS_PER_DAY ((int64_t)86400000000)

static int64_t time_of(const struct ps_column *column, int64_t row) {
    return column->type == PS_TYPE_DATE
               ? (int64_t)((const int32_t *)column->values)[row] * MICROSECONDS_PER_DAY
               : ((const int64_t *)column->values)[row];
}

static int64_t threshold_of(const struct ps_input *input) {
    int64_t threshold = INT64_MIN;
    if (!input->has_time || __builtin_sub_overflow(input->time_max_us, input->delay_us, &threshold)) {
        return INT64_MIN;
    }
    return threshold;
}

const char *ps_watermark_null_text(const struct ps_run *run, const struct ps_input *input) {
    return ps_arena_printf(run->epoch_arena, "%s is NULL, but it is the event time", input->time_name);
}

const char *ps_watermark_late_text(const struct ps_run *run, const struct ps_input *input,
                                   int64_t lateness_ms) {
    return ps_arena_printf(run->epoch_arena, "%s is %.3f s behind the latest record, %.3f s are allowed",
                           input->time_name, (double)lateness_ms / 1000.0, (double)input->delay_us / 1e6);
}

static penstock_code add_dead(struct ps_run *run, struct ps_input *input, const struct ps_batch *batch,
                              int64_t row, int64_t slice, bool is_null, struct penstock_error *error) {
    const struct ps_record *record = &batch->records[row];
    struct ps_dead_row dead = {.input = (size_t)(input - run->inputs),
                               .slice = slice,
                               .offset = record->offset,
                               .partition = batch->partition.name,
                               .reason = is_null ? PS_REASON_NULL : PS_REASON_LATE,
                               .column = input->time_name,
                               .raw = record->raw,
                               .raw_size = (int64_t)record->raw.size,
                               .record = record->message};
    if (is_null) {
        dead.message = ps_watermark_null_text(run, input);
    } else {
        dead.has_lateness = true;
        dead.lateness_ms = (input->time_max_us - time_of(&batch->columns[input->time_column], row)) / 1000;
        dead.message = ps_watermark_late_text(run, input, dead.lateness_ms);
    }
    return dead.message != NULL ? ps_dead_add(run, dead, error) : ps_error_memory(error, "dead letters");
}

penstock_code ps_watermark_apply(struct ps_run *run, struct ps_input *input, struct ps_batch *batch,
                                 int64_t slice, struct penstock_error *error) {
    const struct ps_column *column = &batch->columns[input->time_column];
    int64_t *dropped = NULL;
    size_t dropped_count = 0;
    int64_t threshold = threshold_of(input);
    for (int64_t row = 0; row < batch->row_count; row++) {
        const bool is_null = column->is_valid != NULL && column->is_valid[row] == 0;
        const int64_t time = is_null ? 0 : time_of(column, row);
        if (is_null || time < threshold) {
            if (dropped == NULL) {
                dropped =
                    ps_arena_allocate(run->epoch_arena, (size_t)(batch->row_count - row), sizeof *dropped);
                if (dropped == NULL) {
                    return ps_error_memory(error, "late records");
                }
            }
            dropped[dropped_count++] = row;
            PS_TRY(add_dead(run, input, batch, row, slice, is_null, error));
        } else if (!input->has_time || time > input->time_max_us) {
            input->has_time = true;
            input->time_max_us = time;
            threshold = threshold_of(input);
        }
    }
    ps_batch_drop_rows(batch, dropped, dropped_count);
    return PENSTOCK_OK;
}

/* Moves what is between two dropped rows down, column by column. */
void ps_batch_drop_rows(struct ps_batch *batch, const int64_t *rows, size_t count) {
    int64_t kept = count > 0 ? rows[0] : batch->row_count;
    for (size_t i = 0; i < count; i++) {
        const int64_t first = rows[i] + 1;
        const int64_t end = i + 1 < count ? rows[i + 1] : batch->row_count;
        const size_t run_size = (size_t)(end - first);
        for (size_t c = 0; c < batch->schema->column_count && run_size > 0; c++) {
            struct ps_column *column = &batch->columns[c];
            const size_t size = ps_type_size(column->type);
            char *values = column->values;
            memmove(values + (size_t)kept * size, values + (size_t)first * size, run_size * size);
            if (column->is_valid != NULL) {
                memmove(column->is_valid + kept, column->is_valid + first, run_size);
            }
        }
        memmove(batch->records + kept, batch->records + first, run_size * sizeof *batch->records);
        if (batch->operations != NULL) {
            memmove(batch->operations + kept, batch->operations + first, run_size);
        }
        kept += (int64_t)run_size;
    }
    batch->row_count = kept;
}

penstock_code ps_watermark_save(struct ps_run *run, struct ps_input *input, struct penstock_error *error) {
    if (input->time_column < 0 || !input->has_time) {
        return PENSTOCK_OK;
    }
    char watermark[32], time_max[32];
    int64_t threshold = 0;
    if (__builtin_sub_overflow(input->time_max_us, input->delay_us, &threshold)) {
        threshold = input->time_max_us;
    }
    snprintf(watermark, sizeof watermark, "%lld", (long long)threshold);
    snprintf(time_max, sizeof time_max, "%lld", (long long)input->time_max_us);
    const char *const values[] = {input->key, watermark, time_max};
    PS_TRY(ps_sql_run_with(run->connection,
                           input->is_time_stored
                               ? "UPDATE penstock.watermarks SET watermark = make_timestamp($2::BIGINT),"
                                 " time_max = make_timestamp($3::BIGINT) WHERE source = $1"
                               : "INSERT INTO penstock.watermarks VALUES ($1, make_timestamp($2::BIGINT),"
                                 " make_timestamp($3::BIGINT))",
                           values, 3, error));
    input->is_time_stored = true;
    return PENSTOCK_OK;
}
