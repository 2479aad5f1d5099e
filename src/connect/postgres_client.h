/* SPDX-License-Identifier: Apache-2.0
 *
 * postgres_client.h - one connection to a PostgreSQL server, and its errors as sentences.
 *
 * A connection belongs to one thread and has at most one transaction. The password of the connection text is never
 * shown: places are told as host, port and database. Private to room connect.
 */
#ifndef PS_CONNECT_POSTGRES_CLIENT_H
#define PS_CONNECT_POSTGRES_CLIENT_H

#include <libpq-fe.h>

#include "base/bytes.h"

struct ps_postgres {
    const char *what;        /* "sink orders": the beginning of every sentence */
    const char *connection;  /* "postgresql://..." or "host=... dbname=..." */
    const char *application; /* how the server lists this client */
    PGconn *handle;          /* NULL: not connected */
};

/* Is it a connection text at all? Touches no network. Errors: INVALID_PROJECT. */
penstock_code ps_postgres_check(const char *what, const char *connection, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* One try. Errors: IO; its remedy is RETRY where the server may come back by itself. */
penstock_code ps_postgres_connect(struct ps_postgres *client, struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_postgres_close(struct ps_postgres *client); /* what is not committed is gone */
/* Is there no connection, or one that broke? Then nobody knows whether the last statement took effect. */
bool ps_postgres_is_lost(const struct ps_postgres *client);

/* One statement with parameters $1..$n as text (NULL: SQL NULL). `action` ("read the position") is for the error.
 * *result_out (may be NULL) is the caller's, for PQclear(). */
penstock_code ps_postgres_run(struct ps_postgres *client, const char *action, const char *sql,
                              const char *const *values, int value_count, PGresult **result_out,
                              struct penstock_error *error) PENSTOCK_MUST_USE;
/* `how`: "COMMIT" or "ROLLBACK". */
penstock_code ps_postgres_end(struct ps_postgres *client, const char *how, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* The error of a result that is not what was expected, or (NULL) of the connection. The result stays the caller's. */
penstock_code ps_postgres_error(const struct ps_postgres *client, const char *action, const PGresult *result,
                                struct penstock_error *error);
/* Does the result carry this SQLSTATE ("42P01")? */
bool ps_postgres_is_state(const PGresult *result, const char *state);
void ps_postgres_clear_scoped(PGresult **result);

/* "name", quoted where it must be. */
void ps_postgres_name(struct ps_buffer *sql, const char *name);

#endif
