/* SPDX-License-Identifier: Apache-2.0
 *
 * get.c - GetRequest and GetResponse, and the patience between them.
 */
#include "hbase/get.h"

#include "hbase/region.h"

static penstock_code damaged(struct penstock_error *error) {
    return ps_error_set(error, PENSTOCK_INVALID_DATA, "HBase answers a get with what cannot be read");
}

/* Result{cell*, associated_cell_count}: how many cells are here, and how many in the block. False when damaged. */
static bool count_cells(struct ps_bytes message, size_t *here_out, uint64_t *in_block_out) {
    struct ps_proto_reader reader = ps_proto_begin(message);
    struct ps_proto_field field;
    *here_out = 0;
    *in_block_out = 0;
    while (ps_proto_next(&reader, &field)) {
        if (field.number == 1 && field.wire == PS_PROTO_BYTES) {
            ++*here_out;
        } else if (field.number == 2 && field.wire == PS_PROTO_VARINT) {
            *in_block_out = field.value;
        }
    }
    return !reader.is_damaged;
}

penstock_code ps_hbase_result_parse(struct ps_bytes message, struct ps_hbase_cell_reader *block,
                                    struct ps_arena *arena, struct ps_hbase_row *row_out,
                                    struct penstock_error *error) {
    size_t here = 0, count = 0;
    uint64_t in_block = 0;
    /* no more than there are bytes for: the count is only claimed */
    if (!count_cells(message, &here, &in_block) ||
        in_block > (size_t)(block->end - block->at) / PS_HBASE_CELL_SIZE_MIN) {
        return damaged(error);
    }
    struct ps_hbase_cell *const cells = ps_arena_allocate(arena, here + (size_t)in_block + 1, sizeof *cells);
    if (cells == NULL) {
        return ps_error_memory(error, "the cells of a row");
    }
    struct ps_proto_reader reader = ps_proto_begin(message);
    struct ps_proto_field field;
    while (ps_proto_next(&reader, &field)) {
        if (field.number == 1 && field.wire == PS_PROTO_BYTES &&
            !ps_hbase_cell_parse(field.bytes, &cells[count++])) {
            return damaged(error);
        }
    }
    for (; in_block > 0; in_block--) {
        if (!ps_hbase_cell_next(block, &cells[count++])) {
            return damaged(error);
        }
    }
    *row_out = (struct ps_hbase_row){.cells = cells, .cell_count = count};
    if (count > 0) {
        row_out->key = cells[0].row;
    }
    return PENSTOCK_OK;
}

penstock_code ps_hbase_get_parse(struct ps_bytes message, struct ps_bytes block, struct ps_arena *arena,
                                 struct ps_hbase_row *row_out, struct penstock_error *error) {
    struct ps_proto_reader reader = ps_proto_begin(message);
    struct ps_proto_field field;
    struct ps_hbase_cell_reader cells = ps_hbase_cell_begin(block);
    struct ps_hbase_row row = {.cell_count = 0};
    while (ps_proto_next(&reader, &field)) {
        if (field.number == 1 && field.wire == PS_PROTO_BYTES) {
            PS_TRY(ps_hbase_result_parse(field.bytes, &cells, arena, &row, error));
        }
    }
    if (reader.is_damaged || cells.at != cells.end) {
        return damaged(error);
    }
    *row_out = row;
    return PENSTOCK_OK;
}

void ps_hbase_add_get(struct ps_buffer *out, uint32_t field, const struct ps_hbase_get_options *options,
                      struct ps_bytes row) {
    struct ps_buffer get PS_SCOPED(ps_buffer_done) = {.data = NULL};
    ps_buffer_init(&get, PS_HBASE_MESSAGE_SIZE_MAX);
    ps_proto_add_bytes(&get, 1, row.data, row.size);
    ps_hbase_add_columns(&get, 2, options->columns, options->column_count);
    ps_hbase_add_time_range(&get, 5, options->time_min, options->time_max);
    ps_proto_add_integer(&get, 6, options->versions > 0 ? options->versions : 1);
    ps_proto_add_message(out, field, &get);
}

static penstock_code try_get(struct ps_hbase *client, const struct ps_hbase_get_options *options,
                             int64_t attempts, struct ps_hbase_answer *answer, struct ps_hbase_fault *fault,
                             struct penstock_error *error) {
    struct ps_hbase_region *region PS_SCOPED(ps_hbase_region_release_scoped) = NULL;
    struct ps_buffer message PS_SCOPED(ps_buffer_done) = {.data = NULL};
    ps_buffer_init(&message, PS_HBASE_MESSAGE_SIZE_MAX);
    PS_TRY(ps_hbase_locate(client, options->table, options->row, &region, fault, error));
    ps_hbase_add_region_specifier(&message, 1, region->name);
    ps_hbase_add_get(&message, 2, options, options->row);
    const penstock_code code = ps_hbase_call(client, &region->server, PS_HBASE_CLIENT_SERVICE, "Get",
                                             &message, answer, fault, error);
    if (code != PENSTOCK_OK && fault->cure == PS_HBASE_CURE_RELOCATE) {
        PS_TRY(ps_hbase_mislocated(client, region, attempts, fault, error));
    }
    return code;
}

penstock_code ps_hbase_get(struct ps_hbase *client, const struct ps_hbase_get_options *options,
                           struct ps_arena *arena, struct ps_hbase_row *row_out,
                           struct penstock_error *error) {
    struct ps_hbase_answer answer PS_SCOPED(ps_hbase_answer_done) = {.frame = {.data = NULL}};
    struct ps_hbase_retry retry = ps_hbase_retry_begin(client);
    struct ps_hbase_fault fault = {.cure = PS_HBASE_CURE_NONE};
    if (options->row.size == 0 || options->row.size > PS_HBASE_ROW_SIZE_MAX) {
        return ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "a row key of HBase has 1 to %d bytes",
                            PS_HBASE_ROW_SIZE_MAX);
    }
    while (try_get(client, options, retry.attempts, &answer, &fault, error) != PENSTOCK_OK) {
        if (fault.too_large > 0) {
            return ps_hbase_row_too_large(client, options->table, options->row, &fault, error);
        }
        PS_TRY(ps_hbase_retry_wait(&retry, &fault, error));
    }
    /* both parts lie in the frame: one copy serves the views */
    const char *const copy = ps_arena_copy_size(arena, answer.frame.data, answer.frame.size);
    if (copy == NULL) {
        return ps_error_memory(error, "the cells of a row");
    }
    const struct ps_bytes message = {copy + (answer.message.data - answer.frame.data), answer.message.size};
    const struct ps_bytes block = {
        answer.cells.size == 0 ? copy : copy + (answer.cells.data - answer.frame.data), answer.cells.size};
    return ps_hbase_get_parse(message, block, arena, row_out, error);
}
