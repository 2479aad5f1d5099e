/* SPDX-License-Identifier: Apache-2.0
 *
 * position.c - penstock.positions: up to where each partition of each source is in the tables.
 *
 * Written in the transaction of the rows, never apart from it.
 */
#include "stream/run.h"

static const char feed_name[] = "penstock_positions";

static const struct ps_column_schema columns[] = {
    {.name = "source", .type_text = "VARCHAR", .type = PS_TYPE_VARCHAR},
    {.name = "partition", .type_text = "VARCHAR", .type = PS_TYPE_VARCHAR},
    {.name = "ordinal", .type_text = "BIGINT", .type = PS_TYPE_BIGINT},
    {.name = "position", .type_text = "BIGINT", .type = PS_TYPE_BIGINT},
    {.name = "state", .type_text = "VARCHAR", .type = PS_TYPE_VARCHAR},
    {.name = "epoch", .type_text = "BIGINT", .type = PS_TYPE_BIGINT},
};
#define COLUMN_COUNT (sizeof columns / sizeof columns[0])

/* A schema over a copy of the columns, which must live as long. */
static struct ps_schema schema_over(struct ps_column_schema copy[COLUMN_COUNT]) {
    memcpy(copy, columns, sizeof columns);
    return (struct ps_schema){copy, COLUMN_COUNT};
}

penstock_code ps_position_declare(struct ps_engine *engine, struct penstock_error *error) {
    struct ps_column_schema copy[COLUMN_COUNT];
    const struct ps_schema schema = schema_over(copy);
    return ps_feed_declare(engine, feed_name, &schema, error);
}

penstock_code ps_position_load(struct ps_run *run, const char *source, struct ps_position_list *list,
                               struct penstock_error *error) {
    const char *const values[] = {source};
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query_with(
        run->connection,
        "SELECT partition, ordinal, position, state FROM penstock.positions WHERE source = $1"
        " ORDER BY ordinal",
        values, 1, &result, error));
    for (int64_t i = 0; i < ps_result_row_count(result); i++) {
        const struct ps_position position = {
            .partition = {ps_result_text(result, i, 0), ps_result_integer(result, i, 1)},
            .offset = ps_result_integer(result, i, 2),
            .state = ps_result_text(result, i, 3)};
        PS_TRY(ps_position_list_set(list, &position, error));
    }
    return PENSTOCK_OK;
}

static void put_text(struct ps_batch *batch, size_t column, const char *text) {
    ((struct ps_bytes *)batch->columns[column].values)[batch->row_count] = ps_bytes_of(text);
}

static void put_integer(struct ps_batch *batch, size_t column, int64_t value) {
    ((int64_t *)batch->columns[column].values)[batch->row_count] = value;
}

penstock_code ps_position_save(struct ps_run *run, const struct ps_range *const *ranges,
                               struct penstock_error *error) {
    struct ps_column_schema copy[COLUMN_COUNT];
    const struct ps_schema schema = schema_over(copy);
    struct ps_batch *batch PS_SCOPED(ps_batch_free_scoped) = NULL;
    PS_TRY(ps_batch_new(&schema, 64, &batch, error));
    for (size_t i = 0; i < run->input_count; i++) {
        for (size_t j = 0; ranges[i] != NULL && j < ranges[i]->end_count; j++) {
            const struct ps_position *end = &ranges[i]->ends[j];
            PS_TRY(ps_batch_begin_row(batch, error));
            put_text(batch, 0, run->inputs[i].key);
            put_text(batch, 1, end->partition.name);
            put_integer(batch, 2, end->partition.ordinal);
            put_integer(batch, 3, end->offset);
            put_text(batch, 4, end->state != NULL ? end->state : "");
            put_integer(batch, 5, run->epoch.number);
            ps_batch_end_row(batch, (struct ps_record){{NULL, 0}, 0, NULL});
        }
    }
    const struct ps_batch *const batches[] = {batch};
    PS_TRY(ps_feed_put(run->store->engine, feed_name, batches, 1, error));
    const penstock_code code =
        ps_run_execute(run, PS_RUN_SAVE_POSITIONS,
                       "MERGE INTO penstock.positions AS p USING penstock_feed('penstock_positions') AS f"
                       " ON p.source = f.source AND p.partition = f.partition"
                       " WHEN MATCHED THEN UPDATE SET position = f.position, state = f.state, epoch = f.epoch"
                       " WHEN NOT MATCHED THEN INSERT (source, partition, ordinal, position, state, epoch)"
                       " VALUES (f.source, f.partition, f.ordinal, f.position, f.state, f.epoch)",
                       error);
    ps_feed_clear(run->store->engine, feed_name);
    return code;
}
