/* SPDX-License-Identifier: Apache-2.0
 *
 * postgres_rows.h - rows of an epoch as a COPY ... FROM STDIN: started with the first row, ended before the commit.
 *
 * Private to room connect.
 */
#ifndef PS_CONNECT_POSTGRES_ROWS_H
#define PS_CONNECT_POSTGRES_ROWS_H

#include "connect/postgres_table.h"

struct ps_postgres_rows {
    struct ps_postgres *client;
    const struct ps_sink_setup *setup; /* of the sink: names for errors */
    const char *copy_sql;              /* COPY ... FROM STDIN */
    const struct ps_sink_columns *key; /* columns that may not be NULL */
    bool is_numbered;                  /* a last column has the number of the row */
    bool is_copying;
    int64_t row_count;       /* of the epoch so far */
    struct ps_buffer buffer; /* kept from batch to batch */
};

void ps_postgres_rows_init(struct ps_postgres_rows *rows);
void ps_postgres_rows_done(struct ps_postgres_rows *rows);
/* Errors: INVALID_DATA with row and column (a NUL in a text, a NULL in the key); the server's. */
penstock_code ps_postgres_rows_write(struct ps_postgres_rows *rows, const struct ps_batch *batch,
                                     struct penstock_error *error) PENSTOCK_MUST_USE;
/* Ends the COPY, if one was started: all rows are in the transaction. */
penstock_code ps_postgres_rows_end(struct ps_postgres_rows *rows, struct penstock_error *error)
    PENSTOCK_MUST_USE;

#endif
