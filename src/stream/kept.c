/* SPDX-License-Identifier: Apache-2.0
 *
 * kept.c - penstock.kept: the records of the epoch in work, of sources that could not read them a second time.
 *
 * A range is enough to read a file or a broker again; what HBase had in a cell may be overwritten by then. So with the
 * plan of such a source, in its transaction, go the bytes of its slices. After a crash they are read from here: the
 * sinks that have the epoch and those that have not get the very same records. The table is made by the first plan
 * that needs it and holds one epoch, so it is bounded by epoch.bytes.
 */
#include <stdio.h>

#include "stream/run.h"

static const char feed_name[] = "penstock_kept";

static const struct ps_column_schema columns[] = {
    {.name = "source", .type_text = "VARCHAR", .type = PS_TYPE_VARCHAR},
    {.name = "slice", .type_text = "BIGINT", .type = PS_TYPE_BIGINT},
    {.name = "bytes", .type_text = "BLOB", .type = PS_TYPE_BLOB},
};
#define COLUMN_COUNT (sizeof columns / sizeof columns[0])

/* A schema over a copy of the columns, which must live as long. */
static struct ps_schema schema_over(struct ps_column_schema copy[COLUMN_COUNT]) {
    memcpy(copy, columns, sizeof columns);
    return (struct ps_schema){copy, COLUMN_COUNT};
}

penstock_code ps_kept_declare(struct ps_engine *engine, struct penstock_error *error) {
    struct ps_column_schema copy[COLUMN_COUNT];
    const struct ps_schema schema = schema_over(copy);
    return ps_feed_declare(engine, feed_name, &schema, error);
}

static bool is_needed(const struct ps_run *run) {
    for (size_t i = 0; i < run->input_count; i++) {
        const struct ps_source_type *const type =
            run->inputs[i].is_used ? ps_source_type_find(run->inputs[i].statement->connector) : NULL;
        if (type != NULL && type->is_fleeting) {
            return true;
        }
    }
    return false;
}

static penstock_code add_slices(const char *source, const struct ps_range *range, struct ps_batch *batch,
                                struct penstock_error *error) {
    for (size_t i = 0; i < range->slice_count; i++) {
        const struct ps_bytes kept = range->slices[i].kept;
        if (kept.data == NULL) {
            continue;
        }
        PS_TRY(ps_batch_begin_row(batch, error));
        ((struct ps_bytes *)batch->columns[0].values)[batch->row_count] = ps_bytes_of(source);
        ((int64_t *)batch->columns[1].values)[batch->row_count] = (int64_t)i;
        ((struct ps_bytes *)batch->columns[2].values)[batch->row_count] = kept;
        ps_batch_end_row(batch, (struct ps_record){{NULL, 0}, 0, NULL});
    }
    return PENSTOCK_OK;
}

penstock_code ps_kept_save(struct ps_run *run, struct ps_range *const *ranges, struct penstock_error *error) {
    struct ps_column_schema copy[COLUMN_COUNT];
    const struct ps_schema schema = schema_over(copy);
    struct ps_batch *batch PS_SCOPED(ps_batch_free_scoped) = NULL;
    if (!is_needed(run)) {
        return PENSTOCK_OK;
    }
    PS_TRY(ps_batch_new(&schema, 64, &batch, error));
    for (size_t i = 0; i < run->input_count; i++) {
        if (ranges[i] != NULL) {
            PS_TRY(add_slices(run->inputs[i].name, ranges[i], batch, error));
        }
    }
    PS_TRY(
        ps_sql_run(run->connection,
                   "CREATE TABLE IF NOT EXISTS penstock.kept(source VARCHAR NOT NULL, slice BIGINT NOT NULL,"
                   " bytes BLOB NOT NULL); DELETE FROM penstock.kept",
                   error));
    const struct ps_batch *const batches[] = {batch};
    PS_TRY(ps_feed_put(run->store->engine, feed_name, batches, 1, error));
    const penstock_code code = ps_sql_run(
        run->connection,
        "INSERT INTO penstock.kept SELECT source, slice, bytes FROM penstock_feed('penstock_kept')", error);
    ps_feed_clear(run->store->engine, feed_name);
    return code;
}

/* --- reading --------------------------------------------------------------------------------------------------- */

static int nibble(char digit) {
    return digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10;
}

static penstock_code lost(const char *source, struct penstock_error *error) {
    return ps_error_set(error, PENSTOCK_INVALID_DATA,
                        "the store has lost records of source %s in the epoch in work", source);
}

/* One slice at a time: as text they are twice as large. */
static penstock_code load_slice(struct ps_run *run, const char *source, size_t index, struct ps_range *range,
                                struct penstock_error *error) {
    char number[24];
    snprintf(number, sizeof number, "%zu", index);
    const char *const values[] = {source, number};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query_with(run->connection,
                             "SELECT hex(bytes) FROM penstock.kept WHERE source = $1 AND slice = $2::BIGINT",
                             values, 2, &result, error));
    const char *const text = ps_result_row_count(result) == 1 ? ps_result_text(result, 0, 0) : NULL;
    if (text == NULL) {
        return lost(source, error);
    }
    const size_t size = strlen(text) / 2;
    char *const data = ps_arena_allocate(range->arena, size + 1, 1);
    if (data == NULL) {
        return ps_error_memory(error, "an epoch's records");
    }
    for (size_t i = 0; i < size; i++) {
        data[i] = (char)(unsigned char)(nibble(text[2 * i]) << 4 | nibble(text[2 * i + 1]));
    }
    range->slices[index].kept = (struct ps_bytes){data, size};
    return PENSTOCK_OK;
}

penstock_code ps_kept_load(struct ps_run *run, struct ps_range *const *ranges, struct penstock_error *error) {
    for (size_t i = 0; i < run->input_count; i++) {
        const struct ps_source_type *const type =
            ranges[i] != NULL ? ps_source_type_find(run->inputs[i].statement->connector) : NULL;
        for (size_t j = 0; type != NULL && type->is_fleeting && j < ranges[i]->slice_count; j++) {
            PS_TRY(load_slice(run, run->inputs[i].name, j, ranges[i], error));
        }
    }
    return PENSTOCK_OK;
}
