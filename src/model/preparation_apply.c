/* SPDX-License-Identifier: Apache-2.0
 *
 * preparation_apply.c - the fitted stages over all rows, slice by slice, into a table beside them.
 *
 * A slice is as many rows as fit into a fixed amount of memory. It is scanned in the order of rowid, goes through the
 * stages frame by frame, and is inserted before the next one is read; so row n of the new table belongs to row n of the
 * old one. Rows that a stage drops are there, too, with their mark, for the places to agree.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "model/categories.h"
#include "model/preparation.h"
#include "sql/feed.h"
#include "sql/scan.h"

/* Of one slice, what is made of it. */
#define SLICE_SIZE_MAX ((size_t)32 << 20)

struct applying {
    struct ps_preparation *preparation;
    const struct ps_preparation_run *run;
    struct ps_made_column *made;
    size_t made_count;
    size_t *inputs; /* slots that some stage reads, in the order of the scan's columns */
    size_t input_count;
    struct ps_scan_column *columns;
    struct ps_schema schema;
    struct ps_batch *batch;
    struct ps_frame *frame;
    uint8_t *fates;    /* before the stage */
    double **counts;   /* per slot: of each category, in the rows that stay; NULL: nobody asks */
    int64_t slice_max; /* rows */
    int64_t row_count; /* that have been taken */
};

static void applying_done(struct applying *applying) {
    ps_release(applying->fates);
    ps_frame_free(applying->frame);
    ps_batch_free(applying->batch);
}

/* ---- before the first slice ---- */

static penstock_code find_inputs(struct applying *applying, struct penstock_error *error) {
    const struct ps_pipeline *pipeline = applying->preparation->pipeline;
    struct ps_arena *arena = applying->preparation->arena;
    applying->inputs = ps_arena_allocate(arena, pipeline->input_count + 1, sizeof *applying->inputs);
    applying->columns = ps_arena_allocate(arena, pipeline->input_count + 1, sizeof *applying->columns);
    if (applying->inputs == NULL || applying->columns == NULL) {
        return ps_error_memory(error, "a dataset");
    }
    for (size_t i = 0; i < pipeline->input_count; i++) {
        const size_t index = pipeline->inputs[i];
        const struct ps_slot *slot = &pipeline->slots[index];
        bool is_read = false;
        for (size_t t = 0; t < pipeline->transform_count; t++) {
            for (size_t k = 0; k < pipeline->transforms[t].input_count; k++) {
                is_read = is_read || pipeline->transforms[t].inputs[k] == index;
            }
        }
        if (!is_read) {
            continue;
        }
        struct ps_buffer name PS_SCOPED(ps_buffer_done);
        ps_buffer_init(&name, (size_t)1 << 20);
        ps_buffer_sql_name(&name, slot->name);
        PS_TRY(ps_buffer_status(&name, error));
        const char *expression = ps_arena_copy(arena, name.data);
        if (expression == NULL) {
            return ps_error_memory(error, "a dataset");
        }
        applying->columns[applying->input_count] =
            (struct ps_scan_column){expression, slot->kind == PS_SLOT_TEXT ? PS_SCAN_TEXT : PS_SCAN_DOUBLE};
        applying->inputs[applying->input_count++] = index;
    }
    return PENSTOCK_OK;
}

static penstock_code make_schema(struct applying *applying, struct penstock_error *error) {
    struct ps_arena *arena = applying->preparation->arena;
    const size_t count = applying->made_count + 1;
    size_t row_size = 1;
    applying->schema.columns = ps_arena_allocate(arena, count, sizeof *applying->schema.columns);
    if (applying->schema.columns == NULL) {
        return ps_error_memory(error, "a dataset");
    }
    applying->schema.column_count = count;
    applying->schema.columns[0] =
        (struct ps_column_schema){"penstock_kept", "BOOLEAN", PS_TYPE_BOOLEAN, false};
    for (size_t i = 0; i < applying->made_count; i++) {
        const bool is_whole = applying->made[i].is_whole;
        const char *name = ps_arena_printf(arena, "c%zu", i);
        if (name == NULL) {
            return ps_error_memory(error, "a dataset");
        }
        applying->schema.columns[i + 1] = (struct ps_column_schema){
            name, is_whole ? "INTEGER" : "DOUBLE", is_whole ? PS_TYPE_INTEGER : PS_TYPE_DOUBLE, false};
        row_size += is_whole ? sizeof(int32_t) : sizeof(double);
    }
    const size_t rows = SLICE_SIZE_MAX / row_size / PS_FRAME_ROWS * PS_FRAME_ROWS;
    applying->slice_max = (int64_t)(rows < PS_FRAME_ROWS ? PS_FRAME_ROWS : rows);
    if (applying->run->slice_rows > 0 && applying->slice_max > applying->run->slice_rows) {
        applying->slice_max = applying->run->slice_rows;
    }
    if (applying->slice_max > applying->preparation->row_count) {
        applying->slice_max = applying->preparation->row_count;
    }
    return PENSTOCK_OK;
}

static penstock_code make_table(struct applying *applying, struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, (size_t)16 << 20);
    ps_buffer_printf(&sql, "CREATE OR REPLACE TEMP TABLE %s(", applying->run->made);
    for (size_t i = 0; i < applying->schema.column_count; i++) {
        ps_buffer_printf(&sql, "%s%s %s", i > 0 ? ", " : "", applying->schema.columns[i].name,
                         applying->schema.columns[i].type_text);
    }
    ps_buffer_text(&sql, ")");
    PS_TRY(ps_buffer_status(&sql, error));
    PS_TRY(ps_sql_run(applying->run->connection, sql.data, error));
    return ps_feed_declare(applying->run->engine, applying->run->feed, &applying->schema, error);
}

/* Of which one-hot groups the last category that occurs is no column. */
static penstock_code make_counts(struct applying *applying, struct penstock_error *error) {
    const struct ps_pipeline *pipeline = applying->preparation->pipeline;
    struct ps_arena *arena = applying->preparation->arena;
    applying->counts = ps_arena_allocate(arena, pipeline->slot_count + 1, sizeof *applying->counts);
    for (size_t i = 0; applying->counts != NULL && i < pipeline->slot_count; i++) {
        const struct ps_slot *slot = &pipeline->slots[i];
        if (slot->kind == PS_SLOT_ONE_HOT && slot->drops_last && slot->categories != NULL) {
            applying->counts[i] = ps_arena_allocate(arena, slot->width + 1, sizeof(double));
            if (applying->counts[i] == NULL) {
                return ps_error_memory(error, "a dataset");
            }
        }
    }
    return applying->counts != NULL ? PENSTOCK_OK : ps_error_memory(error, "a dataset");
}

/* ---- a frame ---- */

static void fill_frame(struct applying *applying, const struct ps_chunk *chunk, int64_t begin, size_t count) {
    struct ps_frame *frame = applying->frame;
    ps_frame_begin(frame, count);
    for (size_t i = 0; i < applying->input_count; i++) {
        const size_t slot = applying->inputs[i];
        const uint64_t *validity = ps_chunk_validity(chunk, i);
        if (applying->columns[i].kind == PS_SCAN_DOUBLE) {
            const struct ps_input_column column = {ps_chunk_doubles(chunk, i), NULL, validity};
            ps_frame_set_input(frame, slot, &column, begin);
            continue;
        }
        struct ps_bytes *texts = frame->slots[slot].own_texts;
        for (size_t row = 0; row < count; row++) {
            const int64_t place = begin + (int64_t)row;
            texts[row] = ps_chunk_is_valid(validity, place) ? ps_chunk_text(chunk, i, place)
                                                            : (struct ps_bytes){NULL, 0};
        }
        frame->slots[slot].texts = texts;
    }
}

/* Rows beyond the bounds, of those that have come so far. */
static void count_bounds(struct applying *applying, size_t stage_index) {
    struct ps_prepared_stage *stage = &applying->preparation->stages[stage_index];
    const struct ps_transform *transform = &applying->preparation->pipeline->transforms[stage_index];
    for (size_t i = 0; i < stage->bound_count; i++) {
        const double *values = applying->frame->slots[transform->inputs[i]].numbers;
        for (size_t row = 0; row < applying->frame->row_count; row++) {
            const bool has_come = applying->frame->fates[row] == PS_FATE_KEEP;
            stage->bounds[i].below += has_come && values[row] < stage->bounds[i].lower;
            stage->bounds[i].above += has_come && values[row] > stage->bounds[i].upper;
        }
    }
}

static penstock_code run_stages(struct applying *applying, struct penstock_error *error) {
    const struct ps_pipeline *pipeline = applying->preparation->pipeline;
    struct ps_frame *frame = applying->frame;
    for (size_t i = 0; i < pipeline->transform_count; i++) {
        const struct ps_transform *transform = &pipeline->transforms[i];
        memcpy(applying->fates, frame->fates, frame->row_count);
        count_bounds(applying, i);
        transform->type->apply(pipeline, transform, frame);
        if (frame->failure.is_set) {
            PS_TRY(ps_frame_error(frame, applying->row_count, error));
        }
        for (size_t row = 0; row < frame->row_count; row++) {
            applying->preparation->stages[i].dropped_count += applying->fates[row] != frame->fates[row];
        }
    }
    return PENSTOCK_OK;
}

static void count_categories(struct applying *applying) {
    const struct ps_pipeline *pipeline = applying->preparation->pipeline;
    const struct ps_frame *frame = applying->frame;
    for (size_t i = 0; i < pipeline->slot_count; i++) {
        const int32_t *indexes = frame->slots[i].indexes;
        for (size_t row = 0; applying->counts[i] != NULL && row < frame->row_count; row++) {
            if (frame->fates[row] == PS_FATE_KEEP && indexes[row] >= 0) {
                applying->counts[i][indexes[row]]++;
            }
        }
    }
}

/* ---- the batch ---- */

static void put_numbers(struct applying *applying, size_t column, const double *values) {
    struct ps_batch *batch = applying->batch;
    const size_t begin = (size_t)batch->row_count;
    double *out = (double *)batch->columns[column].values + begin;
    for (size_t row = 0; row < applying->frame->row_count; row++) {
        out[row] = values[row];
        batch->validity[column * (size_t)batch->row_capacity + begin + row] = (uint8_t)!isnan(values[row]);
    }
}

static void put_category(struct applying *applying, size_t column, const struct ps_made_column *made) {
    struct ps_batch *batch = applying->batch;
    const struct ps_frame_slot *slot = &applying->frame->slots[made->slot];
    const size_t begin = (size_t)batch->row_count;
    for (size_t row = 0; row < applying->frame->row_count; row++) {
        const bool is_it = slot->indexes[row] == (int32_t)made->index;
        if (made->is_whole) {
            ((int32_t *)batch->columns[column].values)[begin + row] = is_it;
        } else {
            const double value = !is_it ? 0 : slot->values == NULL ? 1 : slot->values[row];
            ((double *)batch->columns[column].values)[begin + row] = value;
            batch->validity[column * (size_t)batch->row_capacity + begin + row] = (uint8_t)!isnan(value);
        }
    }
}

static void put_frame(struct applying *applying) {
    const struct ps_pipeline *pipeline = applying->preparation->pipeline;
    const struct ps_frame *frame = applying->frame;
    struct ps_batch *batch = applying->batch;
    uint8_t *kept = (uint8_t *)batch->columns[0].values + batch->row_count;
    for (size_t row = 0; row < frame->row_count; row++) {
        kept[row] = frame->fates[row] == PS_FATE_KEEP;
        applying->preparation->kept_count += kept[row];
    }
    for (size_t i = 0; i < applying->made_count; i++) {
        const struct ps_made_column *made = &applying->made[i];
        if (pipeline->slots[made->slot].kind == PS_SLOT_ONE_HOT) {
            put_category(applying, i + 1, made);
        } else {
            put_numbers(applying, i + 1, frame->slots[made->slot].numbers);
        }
    }
    batch->row_count += (int64_t)frame->row_count;
}

static penstock_code take_chunk(struct applying *applying, const struct ps_chunk *chunk,
                                struct penstock_error *error) {
    const int64_t total = ps_chunk_row_count(chunk);
    for (int64_t begin = 0; begin < total; begin += PS_FRAME_ROWS) {
        const int64_t left = total - begin;
        fill_frame(applying, chunk, begin, (size_t)(left < PS_FRAME_ROWS ? left : PS_FRAME_ROWS));
        PS_TRY(run_stages(applying, error));
        count_categories(applying);
        put_frame(applying);
        applying->row_count += (int64_t)applying->frame->row_count;
    }
    return PENSTOCK_OK;
}

/* ---- a slice ---- */

static penstock_code take_all(struct applying *applying, struct ps_scan *scan, struct penstock_error *error) {
    for (;;) {
        struct ps_chunk *chunk = NULL;
        PS_TRY(ps_scan_next(scan, &chunk, error));
        if (chunk == NULL) {
            return PENSTOCK_OK;
        }
        const penstock_code code = take_chunk(applying, chunk, error);
        ps_chunk_free(chunk);
        PS_TRY(code);
        if (ps_stop_requested(applying->run->stop)) {
            return ps_error_set(error, PENSTOCK_CANCELLED, "stopped while making a dataset");
        }
    }
}

static penstock_code insert(struct applying *applying, struct penstock_error *error) {
    const struct ps_preparation_run *run = applying->run;
    const struct ps_batch *const batch = applying->batch;
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, (size_t)1 << 20);
    ps_buffer_printf(&sql, "INSERT INTO %s SELECT * FROM penstock_feed(", run->made);
    ps_buffer_sql_literal(&sql, run->feed);
    ps_buffer_text(&sql, ")");
    PS_TRY(ps_buffer_status(&sql, error));
    PS_TRY(ps_feed_put(run->engine, run->feed, &batch, 1, error));
    const penstock_code code = ps_sql_run(run->connection, sql.data, error);
    ps_feed_clear(run->engine, run->feed);
    return code;
}

static penstock_code take_slice(struct applying *applying, struct penstock_error *error) {
    char tail[128];
    struct ps_scan *scan = NULL;
    /* without an input there is nothing to read; a stage has one at least */
    (void)snprintf(tail, sizeof tail, "WHERE rowid >= %" PRId64 " AND rowid < %" PRId64, applying->row_count,
                   applying->row_count + applying->slice_max);
    applying->batch->row_count = 0;
    PS_TRY(ps_scan_open(applying->run->connection, applying->run->rows, applying->columns,
                        applying->input_count, tail, &scan, error));
    const penstock_code code = take_all(applying, scan, error);
    ps_scan_close(scan);
    PS_TRY(code);
    return insert(applying, error);
}

static penstock_code begin(struct applying *applying, struct penstock_error *error) {
    const struct ps_preparation *preparation = applying->preparation;
    PS_TRY(find_inputs(applying, error));
    PS_TRY(ps_preparation_list_made(preparation, &applying->made, &applying->made_count, error));
    PS_TRY(make_schema(applying, error));
    PS_TRY(make_counts(applying, error));
    PS_TRY(make_table(applying, error));
    PS_TRY(ps_frame_new(preparation->pipeline, PS_FRAME_ROWS, true, &applying->frame, error));
    PS_TRY(ps_batch_new(&applying->schema, applying->slice_max, &applying->batch, error));
    for (size_t i = 0; i < applying->made_count; i++) {
        if (!applying->made[i].is_whole) { /* as ps_batch_set_null() would, for all rows at once */
            applying->batch->columns[i + 1].is_valid =
                applying->batch->validity + (i + 1) * (size_t)applying->batch->row_capacity;
        }
    }
    applying->fates = ps_allocate(PS_FRAME_ROWS, 1);
    return applying->fates != NULL ? PENSTOCK_OK : ps_error_memory(error, "a dataset");
}

penstock_code ps_preparation_apply(struct ps_preparation *preparation, const struct ps_preparation_run *run,
                                   struct penstock_error *error) {
    struct applying applying PS_SCOPED(applying_done) = {.preparation = preparation, .run = run};
    const struct ps_pipeline *pipeline = preparation->pipeline;
    PS_TRY(begin(&applying, error));
    while (applying.row_count < preparation->row_count) {
        const int64_t before = applying.row_count;
        PS_TRY(take_slice(&applying, error));
        if (applying.row_count == before) {
            return ps_error_set(error, PENSTOCK_INTERNAL, "a dataset's rows are not numbered without a gap");
        }
    }
    int64_t *dropped PS_SCOPED(ps_release_scoped) = ps_allocate(pipeline->slot_count + 1, sizeof *dropped);
    if (dropped == NULL) {
        return ps_error_memory(error, "a dataset");
    }
    for (size_t i = 0; i < pipeline->slot_count; i++) {
        dropped[i] = applying.counts[i] == NULL
                         ? -1
                         : ps_categories_last(pipeline->slots[i].categories, applying.counts[i]);
        pipeline->slots[i].dropped = dropped[i];
    }
    return ps_preparation_name_columns(preparation, run, applying.made, applying.made_count, dropped, error);
}
