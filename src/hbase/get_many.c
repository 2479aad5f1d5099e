/* SPDX-License-Identifier: Apache-2.0
 *
 * get_many.c - many rows by their keys: what an answer says of each is told by actions.c; here it finds its place.
 *
 * How many rows fit into one answer is known only when some have come: the first calls ask for few, later ones for as
 * many as make answers of about ANSWER_SIZE.
 */
#include "hbase/actions.h"
#include "hbase/get.h"

#define ANSWER_SIZE ((size_t)4 << 20)
#define CALL_COUNT_FIRST 100
#define CALL_COUNT_MAX 1000

struct gets {
    const struct ps_hbase_get_options *options;
    const struct ps_bytes *keys;
    struct ps_hbase_row *rows;
    struct ps_arena *arena;
    struct ps_hbase_cell_reader block; /* of the answer at hand: what was not yet given to a row */
    size_t done_count, done_size;      /* rows, and the bytes of their answers */
};

static struct ps_bytes row_of(const void *context, size_t index) {
    const struct gets *const gets = context;
    return gets->keys[index];
}

/* Action{index, get} */
static void add(const void *context, size_t index, uint32_t number, struct ps_buffer *out,
                struct ps_buffer *cells) {
    const struct gets *const gets = context;
    struct ps_buffer action PS_SCOPED(ps_buffer_done) = {.data = NULL};
    (void)cells;
    ps_buffer_init(&action, PS_HBASE_MESSAGE_SIZE_MAX);
    ps_proto_add_integer(&action, 1, number);
    ps_hbase_add_get(&action, 3, gets->options, gets->keys[index]);
    ps_proto_add_message(out, 3, &action);
}

static size_t call_count_max(const void *context) {
    const struct gets *const gets = context;
    if (gets->done_count == 0) {
        return CALL_COUNT_FIRST;
    }
    const size_t count = ANSWER_SIZE / (gets->done_size / gets->done_count + 1);
    return count == 0 ? 1 : count < CALL_COUNT_MAX ? count : CALL_COUNT_MAX;
}

/* Both parts of the answer lie in its frame: one copy serves the views. */
static penstock_code begin(void *context, struct ps_hbase_answer *answer, struct penstock_error *error) {
    struct gets *const gets = context;
    const char *const frame = answer->frame.data;
    const char *const copy = ps_arena_copy_size(gets->arena, frame, answer->frame.size);
    if (copy == NULL) {
        return ps_error_memory(error, "rows of HBase");
    }
    if (answer->message.size > 0) {
        answer->message.data = copy + (answer->message.data - frame);
    }
    if (answer->cells.size > 0) {
        answer->cells.data = copy + (answer->cells.data - frame);
    }
    gets->block = ps_hbase_cell_begin(answer->cells);
    gets->done_size += answer->frame.size;
    return PENSTOCK_OK;
}

static penstock_code take(void *context, size_t index, struct ps_bytes result, struct penstock_error *error) {
    struct gets *const gets = context;
    struct ps_hbase_row *const row = &gets->rows[index];
    PS_TRY(ps_hbase_result_parse(result, &gets->block, gets->arena, row, error));
    for (size_t i = 0; i < row->cell_count; i++) {
        if (!ps_bytes_equal(row->cells[i].row, gets->keys[index])) {
            return ps_error_set(error, PENSTOCK_INVALID_DATA,
                                "HBase answers a get with the cells of another row");
        }
    }
    row->key = row->cell_count == 0 ? gets->keys[index] : row->key;
    gets->done_count++;
    return PENSTOCK_OK;
}

penstock_code ps_hbase_get_many(struct ps_hbase *client, const struct ps_hbase_get_options *options,
                                const struct ps_bytes *keys, size_t count, struct ps_arena *arena,
                                struct ps_hbase_row **rows_out, struct penstock_error *error) {
    for (size_t i = 0; i < count; i++) {
        if (keys[i].size == 0 || keys[i].size > PS_HBASE_ROW_SIZE_MAX) {
            return ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "a row key of HBase has 1 to %d bytes",
                                PS_HBASE_ROW_SIZE_MAX);
        }
    }
    struct gets gets = {.options = options,
                        .keys = keys,
                        .rows = ps_arena_allocate(arena, count + 1, sizeof *gets.rows),
                        .arena = arena};
    if (gets.rows == NULL) {
        return ps_error_memory(error, "rows of HBase");
    }
    const struct ps_hbase_actions actions = {.table = options->table,
                                             .word = "a get",
                                             .count = count,
                                             .context = &gets,
                                             .row = row_of,
                                             .add = add,
                                             .call_count_max = call_count_max,
                                             .begin = begin,
                                             .take = take};
    PS_TRY(ps_hbase_act(client, &actions, error));
    *rows_out = gets.rows;
    return PENSTOCK_OK;
}
