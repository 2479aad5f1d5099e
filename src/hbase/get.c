/* SPDX-License-Identifier: Apache-2.0
 *
 * get.c - GetRequest and GetResponse, and the patience between them.
 */
#include "hbase/get.h"

#include "hbase/region.h"

struct cell_list {
    struct ps_arena *arena;
    struct ps_hbase_cell *items;
    size_t count, capacity;
};

static struct ps_hbase_cell *new_cell(struct cell_list *list) {
    if (list->count == list->capacity) {
        const size_t capacity = list->capacity == 0 ? 16 : list->capacity * 2;
        struct ps_hbase_cell *const grown = ps_arena_allocate(list->arena, capacity, sizeof *grown);
        if (grown == NULL) {
            return NULL;
        }
        if (list->count > 0) {
            memcpy(grown, list->items, list->count * sizeof *grown);
        }
        list->items = grown;
        list->capacity = capacity;
    }
    return &list->items[list->count++];
}

static penstock_code damaged(struct penstock_error *error) {
    return ps_error_set(error, PENSTOCK_INVALID_DATA, "HBase answers a get with what cannot be read");
}

/* Result{cell*, associated_cell_count}; the latter are in the block. */
static penstock_code parse_result(struct ps_bytes message, struct cell_list *list, uint64_t *in_block_out,
                                  struct penstock_error *error) {
    struct ps_proto_reader reader = ps_proto_begin(message);
    struct ps_proto_field field;
    while (ps_proto_next(&reader, &field)) {
        if (field.number == 1 && field.wire == PS_PROTO_BYTES) {
            struct ps_hbase_cell *const cell = new_cell(list);
            if (cell == NULL) {
                return ps_error_memory(error, "the cells of a row");
            }
            if (!ps_hbase_cell_parse(field.bytes, cell)) {
                return damaged(error);
            }
        } else if (field.number == 2) {
            *in_block_out = field.value;
        }
    }
    return reader.is_damaged ? damaged(error) : PENSTOCK_OK;
}

penstock_code ps_hbase_get_parse(struct ps_bytes message, struct ps_bytes block, struct ps_arena *arena,
                                 struct ps_hbase_row *row_out, struct penstock_error *error) {
    struct ps_proto_reader reader = ps_proto_begin(message);
    struct ps_proto_field field;
    struct cell_list list = {.arena = arena};
    uint64_t in_block = 0;
    while (ps_proto_next(&reader, &field)) {
        if (field.number == 1 && field.wire == PS_PROTO_BYTES) {
            PS_TRY(parse_result(field.bytes, &list, &in_block, error));
        }
    }
    struct ps_hbase_cell_reader cells = ps_hbase_cell_begin(block);
    struct ps_hbase_cell found;
    for (; ps_hbase_cell_next(&cells, &found); in_block--) {
        struct ps_hbase_cell *const cell = in_block == 0 ? NULL : new_cell(&list);
        if (cell == NULL) {
            return in_block == 0 ? damaged(error) : ps_error_memory(error, "the cells of a row");
        }
        *cell = found;
    }
    if (reader.is_damaged || cells.is_damaged || in_block != 0) {
        return damaged(error);
    }
    *row_out = (struct ps_hbase_row){.cells = list.items, .cell_count = list.count};
    if (list.count > 0) {
        row_out->key = list.items[0].row;
    }
    return PENSTOCK_OK;
}

static void add_get(struct ps_buffer *out, const struct ps_hbase_region *region,
                    const struct ps_hbase_get_options *options) {
    struct ps_buffer get PS_SCOPED(ps_buffer_done) = {.data = NULL};
    ps_buffer_init(&get, PS_HBASE_MESSAGE_SIZE_MAX);
    ps_proto_add_bytes(&get, 1, options->row.data, options->row.size);
    ps_hbase_add_columns(&get, 2, options->columns, options->column_count);
    ps_hbase_add_time_range(&get, 5, options->time_min, options->time_max);
    ps_proto_add_integer(&get, 6, options->versions > 0 ? options->versions : 1);
    ps_hbase_add_region_specifier(out, 1, region->name);
    ps_proto_add_message(out, 2, &get);
}

static penstock_code try_get(struct ps_hbase *client, const struct ps_hbase_get_options *options,
                             int64_t attempts, struct ps_hbase_answer *answer, struct ps_hbase_fault *fault,
                             struct penstock_error *error) {
    struct ps_hbase_region *region PS_SCOPED(ps_hbase_region_release_scoped) = NULL;
    struct ps_buffer message PS_SCOPED(ps_buffer_done) = {.data = NULL};
    ps_buffer_init(&message, PS_HBASE_MESSAGE_SIZE_MAX);
    PS_TRY(ps_hbase_locate(client, options->table, options->row, &region, fault, error));
    add_get(&message, region, options);
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
