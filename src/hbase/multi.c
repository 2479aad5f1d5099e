/* SPDX-License-Identifier: Apache-2.0
 *
 * multi.c - MultiRequest and MultiResponse (Client.proto of 2.6): actions by region, their cells in a block behind the
 * message.
 */
#include "hbase/mutate_parts.h"

#define MUTATE_PUT 2
#define MUTATE_DELETE 3
#define COMPARATOR "org.apache.hadoop.hbase.filter.BinaryComparator"

/* --- requests ------------------------------------------------------------------------------------------------ */

void ps_hbase_add_action(struct ps_buffer *out, uint32_t index, const struct ps_hbase_mutation *mutation,
                         struct ps_buffer *cells) {
    struct ps_buffer action PS_SCOPED(ps_buffer_done) = {.data = NULL},
                            proto PS_SCOPED(ps_buffer_done) = {.data = NULL};
    ps_buffer_init(&action, PS_HBASE_MESSAGE_SIZE_MAX);
    ps_buffer_init(&proto, PS_HBASE_MESSAGE_SIZE_MAX);
    ps_proto_add_bytes(&proto, 1, mutation->row.data, mutation->row.size);
    ps_proto_add_integer(&proto, 2, mutation->is_delete ? MUTATE_DELETE : MUTATE_PUT);
    ps_proto_add_integer(&proto, 4, PS_HBASE_LATEST);
    ps_proto_add_integer(&proto, 6, mutation->durability);
    ps_proto_add_integer(&proto, 8, (int64_t)mutation->cell_count);
    ps_proto_add_integer(&action, 1, index);
    ps_proto_add_message(&action, 2, &proto);
    ps_proto_add_message(out, 3, &action);
    for (size_t i = 0; i < mutation->cell_count; i++) {
        struct ps_hbase_cell cell = mutation->cells[i];
        cell.row = mutation->row;
        ps_hbase_cell_add(cells, &cell);
    }
}

static void add_condition(struct ps_buffer *out, uint32_t field, const struct ps_hbase_condition *condition) {
    struct ps_buffer proto PS_SCOPED(ps_buffer_done) = {.data = NULL},
                           comparator PS_SCOPED(ps_buffer_done) = {.data = NULL},
                           binary PS_SCOPED(ps_buffer_done) = {.data = NULL},
                           comparable PS_SCOPED(ps_buffer_done) = {.data = NULL};
    ps_buffer_init(&proto, PS_HBASE_MESSAGE_SIZE_MAX);
    ps_buffer_init(&comparator, PS_HBASE_MESSAGE_SIZE_MAX);
    ps_buffer_init(&binary, PS_HBASE_MESSAGE_SIZE_MAX);
    ps_buffer_init(&comparable, PS_HBASE_MESSAGE_SIZE_MAX);
    ps_proto_add_bytes(&comparable, 1, condition->value.data, condition->value.size);
    ps_proto_add_message(&binary, 1, &comparable);
    ps_proto_add_text(&comparator, 1, COMPARATOR);
    ps_proto_add_message(&comparator, 2, &binary);
    ps_proto_add_bytes(&proto, 1, condition->row.data, condition->row.size);
    ps_proto_add_bytes(&proto, 2, condition->family.data, condition->family.size);
    ps_proto_add_bytes(&proto, 3, condition->qualifier.data, condition->qualifier.size);
    ps_proto_add_integer(&proto, 4, condition->compare);
    ps_proto_add_message(&proto, 5, &comparator);
    ps_proto_add_message(out, field, &proto);
}

penstock_code ps_hbase_mutation_check(const struct ps_hbase_mutation *mutation,
                                      struct penstock_error *error) {
    if (mutation->row.size == 0 || mutation->row.size > PS_HBASE_ROW_SIZE_MAX) {
        return ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "a row key of HBase has 1 to %d bytes, not %zu",
                            PS_HBASE_ROW_SIZE_MAX, mutation->row.size);
    }
    if (mutation->cell_count == 0 && !mutation->is_delete) {
        return ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "a put of HBase needs a cell");
    }
    for (size_t i = 0; i < mutation->cell_count; i++) {
        const struct ps_hbase_cell *const cell = &mutation->cells[i];
        if (cell->family.size == 0 || cell->family.size > PS_HBASE_FAMILY_SIZE_MAX || cell->timestamp < 0 ||
            (cell->type == PS_HBASE_CELL_PUT) == mutation->is_delete ||
            cell->value.size > PS_HBASE_CELLS_SIZE_MAX / 2) {
            return ps_error_set(
                error, PENSTOCK_INVALID_ARGUMENT,
                "a cell for HBase has a family of %zu bytes, the timestamp %lld, the type %d, a value of %zu "
                "bytes",
                cell->family.size, (long long)cell->timestamp, cell->type, cell->value.size);
        }
    }
    return PENSTOCK_OK;
}

void ps_hbase_add_guarded(struct ps_buffer *message, struct ps_buffer *cells, struct ps_bytes region_name,
                          const struct ps_hbase_guarded *guarded) {
    struct ps_buffer action PS_SCOPED(ps_buffer_done) = {.data = NULL};
    ps_buffer_init(message, PS_HBASE_MESSAGE_SIZE_MAX);
    ps_buffer_init(cells, PS_HBASE_CELLS_SIZE_MAX);
    ps_buffer_init(&action, PS_HBASE_MESSAGE_SIZE_MAX);
    ps_hbase_add_region_specifier(&action, 1, region_name);
    ps_proto_add_integer(&action, 2, 1); /* atomic */
    for (size_t i = 0; i < guarded->count; i++) {
        ps_hbase_add_action(&action, (uint32_t)i, &guarded->mutations[i], cells);
    }
    add_condition(&action, 4, guarded->condition);
    ps_proto_add_message(message, 1, &action);
}

/* --- answers -------------------------------------------------------------------------------------------------- */

/* ResultOrException{index, result, exception}; a get has a result */
static bool parse_action(struct ps_bytes message, struct ps_hbase_multi_result *result) {
    struct ps_proto_reader reader = ps_proto_begin(message);
    struct ps_proto_field field;
    result->action_index = 0; /* the default of the field */
    result->has_exception = false;
    while (ps_proto_next(&reader, &field)) {
        if (field.number == 1 && field.wire == PS_PROTO_VARINT) {
            result->action_index = (size_t)field.value;
        } else if (field.number == 2 && field.wire == PS_PROTO_BYTES) {
            result->result = field.bytes;
        } else if (field.number == 3 && field.wire == PS_PROTO_BYTES) {
            result->has_exception = true;
            if (!ps_hbase_parse_exception_pair(field.bytes, &result->exception)) {
                return false;
            }
        }
    }
    return !reader.is_damaged;
}

/* RegionActionResult{resultOrException*, exception, processed} */
static bool parse_region(struct ps_bytes message, size_t index, ps_hbase_multi_visit *visit, void *context) {
    struct ps_proto_reader reader = ps_proto_begin(message);
    struct ps_proto_field field;
    struct ps_hbase_multi_result whole = {.region_index = index, .action_index = SIZE_MAX};
    while (ps_proto_next(&reader, &field)) {
        if (field.number == 1 && field.wire == PS_PROTO_BYTES) {
            struct ps_hbase_multi_result part = {.region_index = index, .result = PS_BYTES("")};
            if (!parse_action(field.bytes, &part)) {
                return false;
            }
            visit(&part, context);
        } else if (field.number == 2 && field.wire == PS_PROTO_BYTES) {
            whole.has_exception = true;
            if (!ps_hbase_parse_exception_pair(field.bytes, &whole.exception)) {
                return false;
            }
        } else if (field.number == 3) {
            whole.is_processed = field.value != 0;
        }
    }
    if (!reader.is_damaged) {
        visit(&whole, context);
    }
    return !reader.is_damaged;
}

bool ps_hbase_multi_parse(struct ps_bytes message, ps_hbase_multi_visit *visit, void *context) {
    struct ps_proto_reader reader = ps_proto_begin(message);
    struct ps_proto_field field;
    size_t index = 0;
    while (ps_proto_next(&reader, &field)) {
        if (field.number == 1 && field.wire == PS_PROTO_BYTES &&
            !parse_region(field.bytes, index++, visit, context)) {
            return false;
        }
    }
    return !reader.is_damaged;
}
