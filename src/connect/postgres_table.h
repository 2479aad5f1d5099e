/* SPDX-License-Identifier: Apache-2.0
 *
 * postgres_table.h - a table of PostgreSQL that rows of a SELECT go to: found or made, its columns matched.
 *
 * Private to room connect.
 */
#ifndef PS_CONNECT_POSTGRES_TABLE_H
#define PS_CONNECT_POSTGRES_TABLE_H

#include "connect/postgres_client.h"
#include "connect/sink_server.h"

struct ps_postgres_table {
    const char *name;     /* quoted where it must be, with its schema if one was given */
    const char **columns; /* the table's column for each column of the SELECT, quoted */
};

/* `text` ("orders", "shop.orders", "\"Orders\"") as a name for SQL, in the arena; *is_there_out: is there such a table?
 * Errors: INVALID_PROJECT (no name at all); the server's. */
penstock_code ps_postgres_resolve(struct ps_postgres *client, const char *text, struct ps_arena *arena,
                                  const char **name_out, bool *is_there_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

/* The table with a column for every column of the SELECT; made if it is not there and `may_create` (then `key` is its
 * primary key). Errors: NOT_FOUND (no table, with the nearest name), INVALID_PROJECT (other columns; both lists). */
penstock_code ps_postgres_table_find(struct ps_postgres *client, const struct ps_sink_setup *setup,
                                     const char *text, bool may_create, const struct ps_sink_columns *key,
                                     struct ps_arena *arena, struct ps_postgres_table *table_out,
                                     struct penstock_error *error) PENSTOCK_MUST_USE;

/* PostgreSQL's type for a type of DuckDB. */
void ps_postgres_type(const char *type, struct ps_buffer *sql);
/* The SQL of DuckDB whose text PostgreSQL reads as the value of this column. In the arena; NULL: no memory. */
const char *ps_postgres_expression(const char *column, const char *type, struct ps_arena *arena);

#endif
