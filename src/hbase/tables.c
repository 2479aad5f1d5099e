/* SPDX-License-Identifier: Apache-2.0
 *
 * tables.c - TableSchema and ColumnFamilySchema (HBase.proto of 2.6).
 *
 * Each list is walked twice: once to count, once to fill an array of that size.
 */
#include "hbase/tables.h"

#include "hbase/wire.h"

static penstock_code damaged(struct penstock_error *error) {
    return ps_error_set(error, PENSTOCK_INVALID_DATA,
                        "HBase's master describes a table in a way that cannot be read");
}

/* How many messages the field has; SIZE_MAX when damaged. */
static size_t count_field(struct ps_bytes message, uint32_t wanted) {
    struct ps_proto_reader reader = ps_proto_begin(message);
    struct ps_proto_field field;
    size_t count = 0;
    while (ps_proto_next(&reader, &field)) {
        count += field.number == wanted && field.wire == PS_PROTO_BYTES ? 1 : 0;
    }
    return reader.is_damaged ? SIZE_MAX : count;
}

/* The next message of the field. */
static bool next_of(struct ps_proto_reader *reader, uint32_t wanted, struct ps_bytes *message_out) {
    struct ps_proto_field field;
    while (ps_proto_next(reader, &field)) {
        if (field.number == wanted && field.wire == PS_PROTO_BYTES) {
            *message_out = field.bytes;
            return true;
        }
    }
    return false;
}

/* Pairs of two fields: attributes, then configuration. */
static penstock_code read_attributes(struct ps_bytes message, const uint32_t fields[2],
                                     struct ps_arena *arena, struct ps_hbase_attribute **items_out,
                                     size_t *count_out, struct penstock_error *error) {
    const size_t first = count_field(message, fields[0]), second = count_field(message, fields[1]);
    if (first == SIZE_MAX || second == SIZE_MAX) {
        return damaged(error);
    }
    *items_out = ps_arena_allocate(arena, first + second + 1, sizeof **items_out);
    if (*items_out == NULL) {
        return ps_error_memory(error, "the tables of HBase");
    }
    *count_out = 0;
    for (size_t i = 0; i < 2; i++) {
        struct ps_proto_reader reader = ps_proto_begin(message);
        struct ps_bytes pair;
        while (next_of(&reader, fields[i], &pair)) {
            struct ps_hbase_attribute *const item = &(*items_out)[(*count_out)++];
            if (!ps_hbase_parse_pair(pair, &item->name, &item->value)) {
                return damaged(error);
            }
        }
    }
    return PENSTOCK_OK;
}

static penstock_code read_families(struct ps_bytes message, struct ps_arena *arena,
                                   struct ps_hbase_table *table, struct penstock_error *error) {
    static const uint32_t attributes[2] = {2, 3};
    const size_t count = count_field(message, 3);
    table->families = count == SIZE_MAX ? NULL : ps_arena_allocate(arena, count + 1, sizeof *table->families);
    if (table->families == NULL) {
        return count == SIZE_MAX ? damaged(error) : ps_error_memory(error, "the tables of HBase");
    }
    struct ps_proto_reader reader = ps_proto_begin(message);
    struct ps_bytes family, ignored;
    while (next_of(&reader, 3, &family)) {
        struct ps_hbase_family *const item = &table->families[table->family_count++];
        struct ps_proto_reader name = ps_proto_begin(family);
        item->name = next_of(&name, 1, &ignored) ? ignored : PS_BYTES("");
        PS_TRY(read_attributes(family, attributes, arena, &item->attributes, &item->attribute_count, error));
    }
    return PENSTOCK_OK;
}

static penstock_code read_table(struct ps_bytes message, struct ps_arena *arena, struct ps_hbase_table *table,
                                struct penstock_error *error) {
    static const uint32_t attributes[2] = {2, 4};
    struct ps_proto_reader reader = ps_proto_begin(message);
    struct ps_bytes name, space, qualifier;
    if (!next_of(&reader, 1, &name) || !ps_hbase_parse_pair(name, &space, &qualifier)) {
        return damaged(error);
    }
    table->name = ps_bytes_equal(space, PS_BYTES("default"))
                      ? ps_arena_copy_size(arena, qualifier.data, qualifier.size)
                      : ps_arena_printf(arena, "%.*s:%.*s", (int)space.size, space.data, (int)qualifier.size,
                                        qualifier.data);
    if (table->name == NULL) {
        return ps_error_memory(error, "the tables of HBase");
    }
    PS_TRY(read_families(message, arena, table, error));
    return read_attributes(message, attributes, arena, &table->attributes, &table->attribute_count, error);
}

static int compare_names(const void *left, const void *right) {
    return strcmp(((const struct ps_hbase_table *)left)->name, ((const struct ps_hbase_table *)right)->name);
}

penstock_code ps_hbase_tables_parse(struct ps_bytes message, struct ps_arena *arena,
                                    struct ps_hbase_table **tables_out, size_t *count_out,
                                    struct penstock_error *error) {
    const size_t count = count_field(message, 1);
    struct ps_hbase_table *const tables =
        count == SIZE_MAX ? NULL : ps_arena_allocate(arena, count + 1, sizeof *tables);
    if (tables == NULL) {
        return count == SIZE_MAX ? damaged(error) : ps_error_memory(error, "the tables of HBase");
    }
    struct ps_proto_reader reader = ps_proto_begin(message);
    struct ps_bytes table;
    for (size_t i = 0; next_of(&reader, 1, &table); i++) {
        PS_TRY(read_table(table, arena, &tables[i], error));
    }
    qsort(tables, count, sizeof *tables, compare_names);
    *tables_out = tables;
    *count_out = count;
    return PENSTOCK_OK;
}
