/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_puts.c - rows as puts and deletes; see hbase_puts.h.
 *
 * A put of the batch is a row key with a timestamp and one place for each cell of the mapping. A further record with
 * the same key and timestamp is written over it. Bytes are kept in one buffer, by offset, for it grows.
 */
#include "connect/hbase_puts.h"

#include <inttypes.h>

#include "base/check.h"

/* Bytes of a cell on the wire besides its key and value: three lengths, the row's, the family's, timestamp and type. */
#define CELL_SIZE_FIXED 24
/* A batch is sent when it is large; a single row may be as large as what ps_hbase_mutate() takes in one call. */
#define BYTES_SIZE_MAX ((size_t)256 << 20)

struct ps_hbase_put {
    size_t key_at, key_size;
    int64_t timestamp;
    uint64_t hash;
};

enum put_state { PUT_NOTHING, PUT_VALUE, PUT_DELETE };
struct ps_hbase_put_cell {
    size_t at, size; /* in `bytes` */
    enum put_state state;
};

/* A number whose bytes DuckDB can give as HBase has them, which is three times as fast as by way of its text. */
static bool is_plain(const struct ps_hbase_mapping *mapping, const struct ps_hbase_field *field) {
    const enum ps_type type = mapping->schema->columns[field->column].type;
    bool is_in_key = false;
    for (size_t i = 0; i < mapping->part_count; i++) {
        is_in_key = is_in_key || (mapping->parts[i].name != NULL &&
                                  mapping->fields[mapping->parts[i].field].column == field->column);
    }
    return field->place == PS_HBASE_IN_CELL && !is_in_key &&
           ((type == PS_TYPE_DOUBLE && field->encoding == PS_HBASE_AS_DOUBLE) ||
            (type == PS_TYPE_FLOAT && field->encoding == PS_HBASE_AS_FLOAT));
}

penstock_code ps_hbase_puts_init(struct ps_hbase_puts *puts, struct penstock_error *error) {
    ps_buffer_init(&puts->bytes, BYTES_SIZE_MAX);
    puts->has_timestamp = puts->mapping->timestamp != SIZE_MAX;
    puts->time_column = puts->has_timestamp ? puts->mapping->fields[puts->mapping->timestamp].column : 0;
    puts->arena = ps_arena_new(0);
    puts->values = ps_allocate(puts->mapping->field_count + 1, sizeof *puts->values);
    puts->is_plain = ps_allocate(puts->mapping->schema->column_count + 1, sizeof *puts->is_plain);
    if (puts->arena == NULL || puts->values == NULL || puts->is_plain == NULL) {
        return ps_error_memory(error, "rows for HBase");
    }
    for (size_t i = 0; i < puts->mapping->field_count; i++) {
        const struct ps_hbase_field *const field = &puts->mapping->fields[i];
        puts->is_plain[field->column] = is_plain(puts->mapping, field);
    }
    return PENSTOCK_OK;
}

void ps_hbase_puts_done(struct ps_hbase_puts *puts) {
    ps_buffer_done(&puts->bytes);
    ps_release(puts->puts);
    ps_release(puts->cells);
    ps_release(puts->slots);
    ps_release(puts->values);
    ps_release(puts->is_plain);
    ps_arena_free(puts->arena);
}

static void empty(struct ps_hbase_puts *puts) {
    ps_buffer_clear(&puts->bytes);
    puts->count = 0;
    puts->size = 0;
    if (puts->slot_count > 0) {
        memset(puts->slots, 0, puts->slot_count * sizeof *puts->slots);
    }
}

void ps_hbase_puts_clear(struct ps_hbase_puts *puts) {
    empty(puts);
    puts->row_count = 0;
}

/* --- what the SELECT gives ---------------------------------------------------------------------------------- */

/* What has a time zone as what it is in UTC, whatever the session's time zone; all else as it is. */
static const char *expression_of(const char *name, const char *type, struct ps_arena *arena) {
    return strcmp(type, "TIMESTAMP WITH TIME ZONE") == 0 ? ps_arena_printf(arena, "timezone('UTC', %s)", name)
                                                         : ps_arena_copy(arena, name);
}

/* The milliseconds since 1970 as text; what has none (an infinity) is left as its text. */
static const char *time_expression(const char *name, const char *type, struct ps_arena *arena) {
    const char *const time = expression_of(name, type, arena);
    if (time == NULL || (strcmp(type, "DATE") != 0 && strncmp(type, "TIMESTAMP", 9) != 0)) {
        return time;
    }
    return ps_arena_printf(arena,
                           "CASE WHEN isfinite(%s) THEN CAST(epoch_ms(CAST(%s AS TIMESTAMP)) AS VARCHAR)"
                           " ELSE CAST(%s AS VARCHAR) END",
                           time, time, time);
}

penstock_code ps_hbase_puts_project(const struct ps_hbase_puts *puts, struct ps_arena *arena,
                                    struct ps_scan_column **columns_out, size_t *count_out,
                                    struct penstock_error *error) {
    const struct ps_sink_setup *const setup = puts->setup;
    const size_t count = setup->column_count + (puts->has_timestamp ? 1 : 0);
    struct ps_scan_column *const columns = ps_arena_allocate(arena, count + 1, sizeof *columns);
    bool is_whole = columns != NULL;
    for (size_t i = 0; is_whole && i < count; i++) {
        struct ps_buffer name PS_SCOPED(ps_buffer_done) = {.data = NULL};
        const bool is_time = i == setup->column_count;
        const size_t from = is_time ? puts->time_column : i;
        const char *const type = setup->column_types[from];
        ps_buffer_init(&name, (size_t)1 << 20);
        ps_buffer_sql_name(&name, setup->column_names[from]);
        const bool is_bits = !is_time && puts->is_plain[i];
        if (!name.failed) {
            columns[i].expression = is_time   ? time_expression(name.data, type, arena)
                                    : is_bits ? ps_arena_printf(arena, "CAST(%s AS BIT)", name.data)
                                              : expression_of(name.data, type, arena);
        }
        columns[i].kind = is_bits || (!is_time && strcmp(type, "BLOB") == 0) ? PS_SCAN_BYTES : PS_SCAN_TEXT;
        is_whole = columns[i].expression != NULL;
    }
    *columns_out = columns;
    *count_out = count;
    return is_whole ? PENSTOCK_OK : ps_error_memory(error, "a sink's columns");
}

/* --- rows --------------------------------------------------------------------------------------------------- */

static penstock_code at_row(const struct ps_hbase_puts *puts, struct penstock_error *error) {
    return ps_error_context(error, "sink %s: row %" PRId64 " of the epoch", puts->setup->name,
                            puts->row_count + 1);
}

/* `value`: of the time column. */
static penstock_code refuse_time(const struct ps_hbase_puts *puts, struct ps_bytes value,
                                 struct penstock_error *error) {
    const char *const column = puts->setup->column_names[puts->time_column];
    if (value.data == NULL) {
        (void)ps_error_set(error, PENSTOCK_INVALID_DATA, "column %s: NULL is no timestamp of a cell", column);
    } else {
        (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                           "column %s: %.*s is no timestamp of a cell: milliseconds from 0 to 2^63 - 2",
                           column, (int)(value.size < 40 ? value.size : 40), value.data);
    }
    (void)ps_error_hint(error, "in the SELECT: WHERE %s >= ..., which also leaves NULL out", column);
    return at_row(puts, error);
}

static penstock_code read_time(const struct ps_hbase_puts *puts, struct ps_bytes value, int64_t *time_out,
                               struct penstock_error *error) {
    char text[24];
    if (!puts->has_timestamp) {
        *time_out = PS_HBASE_LATEST;
        return PENSTOCK_OK;
    }
    if (value.data == NULL || value.size >= sizeof text) {
        return refuse_time(puts, value, error);
    }
    memcpy(text, value.data, value.size);
    text[value.size] = '\0';
    return ps_parse_integer(text, time_out) && *time_out >= 0 && *time_out != PS_HBASE_LATEST
               ? PENSTOCK_OK
               : refuse_time(puts, value, error);
}

static bool is_same(const struct ps_hbase_puts *puts, const struct ps_hbase_put *left,
                    const struct ps_hbase_put *right) {
    return left->hash == right->hash && left->timestamp == right->timestamp &&
           left->key_size == right->key_size &&
           memcmp(puts->bytes.data + left->key_at, puts->bytes.data + right->key_at, left->key_size) == 0;
}

static size_t *find_slot(const struct ps_hbase_puts *puts, const struct ps_hbase_put *put) {
    size_t at = put->hash & (puts->slot_count - 1);
    while (puts->slots[at] != 0 && !is_same(puts, &puts->puts[puts->slots[at] - 1], put)) {
        at = (at + 1) & (puts->slot_count - 1);
    }
    return &puts->slots[at];
}

/* Room for one more put; the table of slots stays at most half full. */
static penstock_code make_room(struct ps_hbase_puts *puts, struct penstock_error *error) {
    PS_TRY(ps_grow((void **)&puts->puts, &puts->put_capacity, puts->count + 1, sizeof *puts->puts, error));
    PS_TRY(ps_grow((void **)&puts->cells, &puts->cell_capacity, (puts->count + 1) * puts->mapping->cell_count,
                   sizeof *puts->cells, error));
    if (2 * (puts->count + 1) <= puts->slot_count) {
        return PENSTOCK_OK;
    }
    const size_t slot_count = puts->slot_count == 0 ? 1024 : 2 * puts->slot_count;
    size_t *const slots = ps_allocate(slot_count, sizeof *slots);
    if (slots == NULL) {
        return ps_error_memory(error, "rows for HBase");
    }
    ps_release(puts->slots);
    puts->slots = slots;
    puts->slot_count = slot_count;
    for (size_t i = 0; i < puts->count; i++) {
        *find_slot(puts, &puts->puts[i]) = i + 1;
    }
    return PENSTOCK_OK;
}

/* The cells of the put that the row is of: a new one, or that of an earlier record with the same key and time. */
static penstock_code find_put(struct ps_hbase_puts *puts, int64_t timestamp, struct ps_hbase_put *put_out,
                              struct ps_hbase_put_cell **cells_out, struct penstock_error *error) {
    struct ps_hbase_put put = {.key_at = puts->bytes.size, .timestamp = timestamp};
    const size_t cell_count = puts->mapping->cell_count;
    PS_TRY(make_room(puts, error));
    if (ps_hbase_key_encode(puts->mapping, puts->values, &puts->bytes, error) != PENSTOCK_OK) {
        return at_row(puts, error);
    }
    PS_TRY(ps_buffer_status(&puts->bytes, error));
    put.key_size = puts->bytes.size - put.key_at;
    put.hash = ps_hash(puts->bytes.data + put.key_at, put.key_size, (uint64_t)timestamp);
    size_t *const slot = find_slot(puts, &put);
    if (*slot == 0) {
        memset(puts->cells + puts->count * cell_count, 0, cell_count * sizeof *puts->cells);
        puts->puts[puts->count++] = put;
        *slot = puts->count;
    } else {
        puts->bytes.size = put.key_at; /* it is there */
        put = puts->puts[*slot - 1];
    }
    *put_out = put;
    *cells_out = puts->cells + (*slot - 1) * cell_count;
    return PENSTOCK_OK;
}

static penstock_code add_cell(struct ps_hbase_puts *puts, const struct ps_hbase_field *field, size_t key_size,
                              struct ps_hbase_put_cell *cell, struct penstock_error *error) {
    const struct ps_hbase_column *const column = &puts->mapping->cells[field->cell];
    const struct ps_bytes value = puts->values[field - puts->mapping->fields];
    const size_t at = puts->bytes.size;
    if (value.data == NULL && !puts->deletes_nulls) {
        return PENSTOCK_OK;
    }
    if (value.data != NULL && puts->is_plain[field->column]) {
        ps_buffer_add(&puts->bytes, value.data, value.size);
    } else if (value.data != NULL &&
               ps_hbase_value_encode(puts->mapping, field, value, &puts->bytes, error) != PENSTOCK_OK) {
        return at_row(puts, error);
    }
    *cell = (struct ps_hbase_put_cell){
        .at = at, .size = puts->bytes.size - at, .state = value.data != NULL ? PUT_VALUE : PUT_DELETE};
    puts->size += CELL_SIZE_FIXED + key_size + column->family.size + column->qualifier.size + cell->size;
    return PENSTOCK_OK;
}

static penstock_code add_row(struct ps_hbase_puts *puts, struct ps_bytes time, struct penstock_error *error) {
    const struct ps_hbase_mapping *const mapping = puts->mapping;
    struct ps_hbase_put put = {.key_size = 0};
    struct ps_hbase_put_cell *cells = NULL;
    int64_t timestamp = 0;
    PS_TRY(read_time(puts, time, &timestamp, error));
    PS_TRY(find_put(puts, timestamp, &put, &cells, error));
    for (size_t i = 0; i < mapping->field_count; i++) {
        if (mapping->fields[i].place == PS_HBASE_IN_CELL) {
            PS_TRY(add_cell(puts, &mapping->fields[i], put.key_size, &cells[mapping->fields[i].cell], error));
        }
    }
    PS_TRY(ps_buffer_status(&puts->bytes, error));
    puts->size +=
        put.key_size + sizeof put + mapping->cell_count * sizeof *cells; /* also if all of it is NULL */
    puts->row_count++;
    return puts->size < puts->size_max ? PENSTOCK_OK : ps_hbase_puts_flush(puts, error);
}

static struct ps_bytes value_of(const struct ps_batch *batch, size_t column, int64_t row) {
    const struct ps_column *const values = &batch->columns[column];
    if (values->is_valid != NULL && values->is_valid[row] == 0) {
        return (struct ps_bytes){NULL, 0};
    }
    const struct ps_bytes value = ((const struct ps_bytes *)values->values)[row];
    return value.data != NULL ? value : PS_BYTES("");
}

penstock_code ps_hbase_puts_write(struct ps_hbase_puts *puts, const struct ps_batch *batch,
                                  struct penstock_error *error) {
    const size_t column_count = puts->setup->column_count;
    ps_check(batch->schema->column_count == column_count + (puts->has_timestamp ? 1 : 0));
    for (int64_t row = 0; row < batch->row_count; row++) {
        for (size_t i = 0; i < puts->mapping->field_count; i++) {
            puts->values[i] = value_of(batch, puts->mapping->fields[i].column, row);
        }
        const struct ps_bytes time =
            puts->has_timestamp ? value_of(batch, column_count, row) : (struct ps_bytes){NULL, 0};
        PS_TRY(add_row(puts, time, error));
    }
    return PENSTOCK_OK;
}

/* --- sending ------------------------------------------------------------------------------------------------ */

/* The mutations of one put: one for its values, one for what is deleted. Returns how many. */
static size_t add_mutations(const struct ps_hbase_puts *puts, size_t index, struct ps_hbase_cell *cells,
                            struct ps_hbase_mutation *mutations) {
    const struct ps_hbase_put *const put = &puts->puts[index];
    const struct ps_hbase_put_cell *const from = puts->cells + index * puts->mapping->cell_count;
    size_t cell_count = 0, mutation_count = 0;
    for (int is_delete = 0; is_delete <= 1; is_delete++) {
        const size_t first = cell_count;
        for (size_t i = 0; i < puts->mapping->cell_count; i++) {
            if (from[i].state == (is_delete == 1 ? PUT_DELETE : PUT_VALUE)) {
                cells[cell_count++] = (struct ps_hbase_cell){
                    .family = puts->mapping->cells[i].family,
                    .qualifier = puts->mapping->cells[i].qualifier,
                    .value = {puts->bytes.data + from[i].at, from[i].size},
                    .timestamp = put->timestamp,
                    .type = is_delete == 1 ? PS_HBASE_CELL_DELETE_COLUMN : PS_HBASE_CELL_PUT};
            }
        }
        if (cell_count > first) {
            mutations[mutation_count++] =
                (struct ps_hbase_mutation){.is_delete = is_delete == 1,
                                           .row = {puts->bytes.data + put->key_at, put->key_size},
                                           .cells = cells + first,
                                           .cell_count = cell_count - first,
                                           .durability = puts->durability};
        }
    }
    return mutation_count;
}

penstock_code ps_hbase_puts_mutations(struct ps_hbase_puts *puts,
                                      const struct ps_hbase_mutation **mutations_out, size_t *count_out,
                                      struct penstock_error *error) {
    const size_t cell_count = puts->mapping->cell_count;
    ps_arena_reset(puts->arena);
    struct ps_hbase_cell *const cells =
        ps_arena_allocate(puts->arena, puts->count * cell_count + 1, sizeof *cells);
    struct ps_hbase_mutation *const mutations =
        ps_arena_allocate(puts->arena, 2 * puts->count + 1, sizeof *mutations);
    size_t count = 0;
    if (cells == NULL || mutations == NULL) {
        return ps_error_memory(error, "rows for HBase");
    }
    for (size_t i = 0; i < puts->count; i++) {
        count += add_mutations(puts, i, cells + i * cell_count, mutations + count);
    }
    *mutations_out = mutations;
    *count_out = count;
    return PENSTOCK_OK;
}

penstock_code ps_hbase_puts_flush(struct ps_hbase_puts *puts, struct penstock_error *error) {
    const struct ps_hbase_mutation *mutations = NULL;
    size_t count = 0;
    PS_TRY(ps_hbase_puts_mutations(puts, &mutations, &count, error));
    if (count > 0 && ps_hbase_mutate(puts->client, puts->table, mutations, count, error) != PENSTOCK_OK) {
        return ps_error_context(error, "sink %s: write the rows to table %s", puts->setup->name, puts->table);
    }
    empty(puts);
    return PENSTOCK_OK;
}
