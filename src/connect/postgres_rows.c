/* SPDX-License-Identifier: Apache-2.0
 *
 * postgres_rows.c - batches as the text format of COPY; see postgres_rows.h.
 */
#include "connect/postgres_rows.h"

#include <inttypes.h>

/* Rows are sent in pieces of about this size; one row may be longer, up to PostgreSQL's own limit. */
#define PIECE_SIZE ((size_t)256 << 10)
#define ROW_SIZE_MAX ((size_t)1 << 30)

void ps_postgres_rows_init(struct ps_postgres_rows *rows) {
    ps_buffer_init(&rows->buffer, ROW_SIZE_MAX);
}

void ps_postgres_rows_done(struct ps_postgres_rows *rows) {
    ps_buffer_done(&rows->buffer);
}

/* Whatever the server says to the statement that is under way; all of its results are taken. */
static penstock_code take_results(struct ps_postgres_rows *rows, int64_t *count_out,
                                  struct penstock_error *error) {
    penstock_code code = PENSTOCK_OK;
    for (;;) {
        PGresult *result PS_SCOPED(ps_postgres_clear_scoped) = PQgetResult(rows->client->handle);
        if (result == NULL ||
            PQresultStatus(result) == PGRES_COPY_IN) { /* COPY_IN: it waits for more of it */
            return code;
        }
        if (PQresultStatus(result) != PGRES_COMMAND_OK && code == PENSTOCK_OK) {
            code = ps_postgres_error(rows->client, "write the rows", result, error);
        }
        (void)ps_parse_integer(PQcmdTuples(result), count_out);
    }
}

static penstock_code send_piece(struct ps_postgres_rows *rows, struct penstock_error *error) {
    PS_TRY(ps_buffer_status(&rows->buffer, error));
    if (rows->buffer.size == 0) {
        return PENSTOCK_OK;
    }
    const int sent = PQputCopyData(rows->client->handle, rows->buffer.data, (int)rows->buffer.size);
    ps_buffer_clear(&rows->buffer);
    if (sent == 1) {
        return PENSTOCK_OK;
    }
    int64_t count = 0;
    rows->is_copying = false;
    PS_TRY(take_results(rows, &count, error)); /* the server ended the COPY, and says why */
    return ps_postgres_error(rows->client, "write the rows", NULL, error);
}

static void add_escaped(struct ps_buffer *out, struct ps_bytes text) {
    size_t begin = 0;
    for (size_t i = 0; i < text.size; i++) {
        const char c = text.data[i];
        const char *escape = c == '\\'   ? "\\\\"
                             : c == '\n' ? "\\n"
                             : c == '\r' ? "\\r"
                             : c == '\t' ? "\\t"
                                         : NULL;
        if (escape != NULL) {
            ps_buffer_add(out, text.data + begin, i - begin);
            ps_buffer_add(out, escape, 2);
            begin = i + 1;
        }
    }
    ps_buffer_add(out, text.data + begin, text.size - begin);
}

/* `before`, `after`: what to write in the SELECT around the column's name. */
static penstock_code refuse_value(const struct ps_postgres_rows *rows, size_t column, const char *fault,
                                  const char *before, const char *after, struct penstock_error *error) {
    (void)ps_error_set(error, PENSTOCK_INVALID_DATA, "%s: row %" PRId64 " of the epoch, column %s: %s",
                       rows->client->what, rows->row_count + 1, rows->setup->column_names[column], fault);
    return ps_error_hint(error, "in the SELECT: %s%s%s", before, rows->setup->column_names[column], after);
}

static penstock_code add_value(struct ps_postgres_rows *rows, const struct ps_batch *batch, size_t column,
                               int64_t row, struct penstock_error *error) {
    const struct ps_column *values = &batch->columns[column];
    if (values->is_valid != NULL && values->is_valid[row] == 0) {
        if (ps_sink_columns_have(rows->key, column)) {
            return refuse_value(rows, column, "NULL in a column of the key", "WHERE ", " IS NOT NULL", error);
        }
        ps_buffer_add(&rows->buffer, "\\N", 2);
        return PENSTOCK_OK;
    }
    const struct ps_bytes text = ((const struct ps_bytes *)values->values)[row];
    if (text.size > 0 && memchr(text.data, '\0', text.size) != NULL) {
        return refuse_value(rows, column, "a text with a NUL byte, which PostgreSQL cannot store", "replace(",
                            ", chr(0), '')", error);
    }
    add_escaped(&rows->buffer, text);
    return PENSTOCK_OK;
}

static penstock_code start_copy(struct ps_postgres_rows *rows, struct penstock_error *error) {
    PGresult *result PS_SCOPED(ps_postgres_clear_scoped) = NULL;
    PS_TRY(ps_postgres_run(rows->client, "write the rows", rows->copy_sql, NULL, 0, &result, error));
    if (PQresultStatus(result) != PGRES_COPY_IN) {
        return ps_postgres_error(rows->client, "write the rows", result, error);
    }
    rows->is_copying = true;
    return PENSTOCK_OK;
}

penstock_code ps_postgres_rows_write(struct ps_postgres_rows *rows, const struct ps_batch *batch,
                                     struct penstock_error *error) {
    if (!rows->is_copying && batch->row_count > 0) {
        PS_TRY(start_copy(rows, error));
    }
    ps_buffer_clear(&rows->buffer);
    for (int64_t row = 0; row < batch->row_count; row++) {
        for (size_t column = 0; column < rows->setup->column_count; column++) {
            ps_buffer_add(&rows->buffer, "\t", column > 0 ? 1 : 0);
            PS_TRY(add_value(rows, batch, column, row, error));
        }
        rows->row_count++;
        if (rows->is_numbered) {
            ps_buffer_printf(&rows->buffer, "\t%" PRId64, rows->row_count);
        }
        ps_buffer_add(&rows->buffer, "\n", 1);
        if (rows->buffer.size >= PIECE_SIZE) {
            PS_TRY(send_piece(rows, error));
        }
    }
    return send_piece(rows, error);
}

penstock_code ps_postgres_rows_end(struct ps_postgres_rows *rows, struct penstock_error *error) {
    int64_t count = 0;
    if (!rows->is_copying) {
        return PENSTOCK_OK;
    }
    rows->is_copying = false;
    if (PQputCopyEnd(rows->client->handle, NULL) != 1) {
        PS_TRY(take_results(rows, &count, error));
        return ps_postgres_error(rows->client, "write the rows", NULL, error);
    }
    PS_TRY(take_results(rows, &count, error));
    if (ps_postgres_is_lost(rows->client)) {
        return ps_postgres_error(rows->client, "write the rows", NULL, error);
    }
    return count == rows->row_count
               ? PENSTOCK_OK
               : ps_error_set(error, PENSTOCK_INTERNAL,
                              "%s: %" PRId64 " rows were sent, %" PRId64 " are in the transaction",
                              rows->client->what, rows->row_count, count);
}
