/* SPDX-License-Identifier: Apache-2.0
 *
 * duck.h - what the files of room sql share: the structs behind engine.h and the border to duckdb.h.
 * Included by this room only.
 */
#ifndef PS_SQL_DUCK_H
#define PS_SQL_DUCK_H

#include <duckdb.h>

#include "sql/engine.h"
#include "sql/serve.h"

struct ps_feed;

struct ps_engine {
    duckdb_database database;
    duckdb_connection control; /* for SET GLOBAL and registrations */
    pthread_mutex_t mutex;     /* tidy: allow pthread: guards control, feeds and the server */
    int64_t scan_ahead_size;   /* bytes of a streaming result that may wait for its consumer */
    struct ps_feed *feeds;     /* declared ones; a list */
    struct ps_server server;   /* of models */
};

struct ps_connection {
    struct ps_engine *engine;
    duckdb_connection handle;
};

/* Turns DuckDB's error text into ours: the code by its kind, the first paragraph as message, the rest as
 * detail. `sql` and `offset_out` (both may be NULL): the byte of `sql` that the text points at, or -1. */
penstock_code ps_duck_error(struct penstock_error *error, duckdb_error_type type, const char *text,
                            const char *sql, int64_t *offset_out);
/* Prepares; the caller destroys the statement also on failure. */
penstock_code ps_duck_prepare(struct ps_connection *connection, const char *sql,
                              duckdb_prepared_statement *statement_out, struct penstock_error *error);
/* "DECIMAL(10,2)", "TIMESTAMP WITH TIME ZONE", "STRUCT", ... in the arena. */
const char *ps_duck_type_text(duckdb_logical_type type, struct ps_arena *arena);

/* Registers the table function penstock_feed(name). */
penstock_code ps_feed_register(struct ps_engine *engine, struct penstock_error *error);
void ps_feed_free_all(struct ps_engine *engine);

/* Registers predict() and what it is made of. */
penstock_code ps_serve_register(struct ps_engine *engine, struct penstock_error *error);
/* Starts the line of an error that is its hint: a function can hand out one text only. */
#define PS_SERVE_HINT "penstock hint: "

#endif
