/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka_rows.c - rows as messages; see kafka_rows.h.
 */
#include "connect/kafka_rows.h"

/* Kafka has no limit; whoever puts more than this into headers means them to be columns. */
#define HEADER_COUNT_MAX 64

/* --- columns ------------------------------------------------------------------------------------------------------ */

static bool is_bytes(const struct ps_kafka_rows *rows, size_t column) {
    return strcmp(rows->setup->column_types[column], "BLOB") == 0;
}

static penstock_code check_columns(const struct ps_kafka_rows *rows, struct penstock_error *error) {
    const struct ps_sink_setup *setup = rows->setup;
    if (rows->timestamp.count > 1) {
        return ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s: a message has one timestamp", rows->what);
    }
    if (rows->timestamp.count == 1 &&
        strncmp(setup->column_types[rows->timestamp.indexes[0]], "TIMESTAMP", 9) != 0) {
        return ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s: timestamp column %s is %s, not TIMESTAMP",
                            rows->what, setup->column_names[rows->timestamp.indexes[0]],
                            setup->column_types[rows->timestamp.indexes[0]]);
    }
    if (rows->headers.count > HEADER_COUNT_MAX) {
        return ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s: %zu headers; %d are the most", rows->what,
                            rows->headers.count, HEADER_COUNT_MAX);
    }
    if (rows->is_json && rows->value.count == 0) {
        return ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                            "%s: every column is a header, none is left for the value", rows->what);
    }
    if (rows->is_json) {
        return PENSTOCK_OK;
    }
    const char *type = rows->value.count == 1 ? setup->column_types[rows->value.indexes[0]] : "";
    if (strcmp(type, "BLOB") == 0 || strcmp(type, "VARCHAR") == 0) {
        return PENSTOCK_OK;
    }
    (void)ps_error_set(
        error, PENSTOCK_INVALID_PROJECT,
        "%s: ENCODE BYTES wants one column, BLOB or VARCHAR, besides key, headers and timestamp; there %s"
        " %zu%s%s",
        rows->what, rows->value.count == 1 ? "is" : "are", rows->value.count,
        type[0] != '\0' ? ", of type " : "", type);
    return ps_error_hint(error, "ENCODE JSON writes any columns");
}

penstock_code ps_kafka_rows_init(struct ps_kafka_rows *rows, const char *key, const char *headers,
                                 const char *timestamp, struct ps_arena *arena,
                                 struct penstock_error *error) {
    const struct ps_sink_setup *setup = rows->setup;
    rows->is_json = setup->encode == NULL || strcmp(setup->encode, "json") == 0;
    PS_TRY(ps_sink_columns_parse(setup, "key", key, arena, &rows->key, error));
    PS_TRY(ps_sink_columns_parse(setup, "headers", headers, arena, &rows->headers, error));
    PS_TRY(ps_sink_columns_parse(setup, "timestamp", timestamp, arena, &rows->timestamp, error));
    rows->value.indexes = ps_arena_allocate(arena, setup->column_count + 1, sizeof(size_t));
    if (rows->value.indexes == NULL) {
        return ps_error_memory(error, "a sink's columns");
    }
    for (size_t i = 0; i < setup->column_count; i++) {
        const bool is_beside = !rows->is_json && (ps_sink_columns_have(&rows->key, i) ||
                                                  ps_sink_columns_have(&rows->timestamp, i));
        if (!is_beside && !ps_sink_columns_have(&rows->headers, i)) {
            rows->value.indexes[rows->value.count++] = i;
        }
    }
    return check_columns(rows, error);
}

/* --- expressions -------------------------------------------------------------------------------------------------- */

/* A member of a JSON object. DuckDB writes NaN and the infinities as bare words, which are no JSON: as texts here. */
static void add_member(const struct ps_kafka_rows *rows, size_t column, struct ps_buffer *sql) {
    const char *type = rows->setup->column_types[column];
    const char *name = rows->setup->column_names[column];
    ps_buffer_sql_literal(sql, name);
    ps_buffer_text(sql, ", ");
    if (strcmp(type, "DOUBLE") != 0 && strcmp(type, "FLOAT") != 0) {
        ps_buffer_sql_name(sql, name);
        return;
    }
    ps_buffer_text(sql, "CASE WHEN isfinite(");
    ps_buffer_sql_name(sql, name);
    ps_buffer_text(sql, ") THEN to_json(");
    ps_buffer_sql_name(sql, name);
    ps_buffer_text(sql, ") WHEN isnan(");
    ps_buffer_sql_name(sql, name);
    ps_buffer_text(sql, ") THEN to_json('NaN') WHEN ");
    ps_buffer_sql_name(sql, name);
    ps_buffer_text(sql, " > 0 THEN to_json('Infinity') WHEN ");
    ps_buffer_sql_name(sql, name);
    ps_buffer_text(sql, " < 0 THEN to_json('-Infinity') END");
}

static void add_object(const struct ps_kafka_rows *rows, const struct ps_sink_columns *columns,
                       struct ps_buffer *sql) {
    ps_buffer_text(sql, "json_object(");
    for (size_t i = 0; i < columns->count; i++) {
        ps_buffer_text(sql, i > 0 ? ", " : "");
        add_member(rows, columns->indexes[i], sql);
    }
    ps_buffer_text(sql, ")");
}

static void add_name(const struct ps_kafka_rows *rows, size_t column, struct ps_buffer *sql) {
    ps_buffer_sql_name(sql, rows->setup->column_names[column]);
}

struct projection {
    struct ps_scan_column *columns;
    size_t count;
};

static penstock_code take_column(struct projection *projection, struct ps_arena *arena, struct ps_buffer *sql,
                                 bool as_bytes, struct penstock_error *error) {
    PS_TRY(ps_buffer_status(sql, error));
    const char *expression = ps_arena_copy(arena, sql->data);
    ps_buffer_clear(sql);
    projection->columns[projection->count++] =
        (struct ps_scan_column){expression, as_bytes ? PS_SCAN_BYTES : PS_SCAN_TEXT};
    return expression != NULL ? PENSTOCK_OK : ps_error_memory(error, "a sink's columns");
}

penstock_code ps_kafka_rows_project(const struct ps_kafka_rows *rows, struct ps_arena *arena,
                                    struct ps_scan_column **columns_out, size_t *count_out,
                                    struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    struct projection projection = {
        ps_arena_allocate(arena, 3 + rows->headers.count, sizeof(struct ps_scan_column)), 0};
    ps_buffer_init(&sql, (size_t)8 << 20);
    if (projection.columns == NULL) {
        return ps_error_memory(error, "a sink's columns");
    }
    if (rows->is_json) {
        add_object(rows, &rows->value, &sql);
    } else {
        add_name(rows, rows->value.indexes[0], &sql);
    }
    PS_TRY(take_column(&projection, arena, &sql, !rows->is_json && is_bytes(rows, rows->value.indexes[0]),
                       error));
    if (rows->key.count == 1) {
        add_name(rows, rows->key.indexes[0], &sql);
        PS_TRY(take_column(&projection, arena, &sql, is_bytes(rows, rows->key.indexes[0]), error));
    } else if (rows->key.count > 1) {
        add_object(rows, &rows->key, &sql);
        PS_TRY(take_column(&projection, arena, &sql, false, error));
    }
    if (rows->timestamp.count == 1) {
        ps_buffer_text(&sql, "epoch_ms(");
        add_name(rows, rows->timestamp.indexes[0], &sql);
        ps_buffer_text(&sql, ")");
        PS_TRY(take_column(&projection, arena, &sql, false, error));
    }
    for (size_t i = 0; i < rows->headers.count; i++) {
        add_name(rows, rows->headers.indexes[i], &sql);
        PS_TRY(take_column(&projection, arena, &sql, is_bytes(rows, rows->headers.indexes[i]), error));
    }
    *columns_out = projection.columns;
    *count_out = projection.count;
    return PENSTOCK_OK;
}

/* --- messages ----------------------------------------------------------------------------------------------------- */

/* data NULL: SQL NULL. */
static struct ps_bytes value_of(const struct ps_batch *batch, size_t column, int64_t row) {
    const struct ps_column *values = &batch->columns[column];
    if (values->is_valid != NULL && values->is_valid[row] == 0) {
        return (struct ps_bytes){NULL, 0};
    }
    const struct ps_bytes value = ((const struct ps_bytes *)values->values)[row];
    return value.data != NULL ? value : (struct ps_bytes){"", 0};
}

static rd_kafka_vu_t bytes_of(rd_kafka_vtype_t kind, struct ps_bytes bytes) {
    rd_kafka_vu_t unit = {.vtype = kind};
    memcpy(&unit.u.mem.ptr, &bytes.data, sizeof bytes.data); /* it is only read: the message is copied */
    unit.u.mem.size = bytes.size;
    return unit;
}

static int64_t number_of(struct ps_bytes text) {
    char digits[24] = "";
    int64_t number = 0;
    memcpy(digits, text.data, text.size < sizeof digits ? text.size : sizeof digits - 1);
    return ps_parse_integer(digits, &number) ? number : 0;
}

static rd_kafka_headers_t *headers_of(const struct ps_kafka_rows *rows, const struct ps_batch *batch,
                                      size_t first, int64_t row) {
    rd_kafka_headers_t *headers = rd_kafka_headers_new(rows->headers.count);
    for (size_t i = 0; i < rows->headers.count; i++) {
        const struct ps_bytes value = value_of(batch, first + i, row);
        (void)rd_kafka_header_add(headers, rows->setup->column_names[rows->headers.indexes[i]], -1,
                                  value.data, (ssize_t)value.size);
    }
    return headers;
}

rd_kafka_error_t *ps_kafka_rows_produce(const struct ps_kafka_rows *rows, rd_kafka_t *handle,
                                        rd_kafka_topic_t *topic, const struct ps_batch *batch, int64_t row) {
    rd_kafka_vu_t units[6] = {{.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = topic},
                              {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
                              bytes_of(RD_KAFKA_VTYPE_VALUE, value_of(batch, 0, row))};
    size_t count = 3;
    size_t column = 1;
    if (rows->key.count > 0) {
        units[count++] = bytes_of(RD_KAFKA_VTYPE_KEY, value_of(batch, column++, row));
    }
    if (rows->timestamp.count > 0) {
        const struct ps_bytes time = value_of(batch, column++, row);
        if (time.data != NULL) {
            units[count++] = (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = number_of(time)};
        }
    }
    rd_kafka_headers_t *headers = rows->headers.count > 0 ? headers_of(rows, batch, column, row) : NULL;
    if (headers != NULL) {
        units[count++] = (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers};
    }
    rd_kafka_error_t *failure = rd_kafka_produceva(handle, units, count);
    if (failure != NULL && headers != NULL) {
        rd_kafka_headers_destroy(headers); /* they are librdkafka's only when the message is */
    }
    return failure;
}
