/* SPDX-License-Identifier: Apache-2.0
 *
 * postgres_client.c - connecting to PostgreSQL and saying what went wrong; see postgres_client.h.
 */
#include "connect/postgres_client.h"

#include <stdio.h>

/* A server that is gone without a word is noticed within these; the connection text may say otherwise. */
#define CONNECT_SECONDS "10"
#define UNACKNOWLEDGED_MS "30000"
#define KEEPALIVE_SECONDS "10" /* also where an answer is waited for: the system's own default is two hours */

/* What a SQLSTATE, or the beginning of one, means to the one who reads the error. */
static const struct {
    const char *state;
    penstock_code code;
    penstock_remedy remedy;
    const char *cause;
    const char *hint;
} causes[] = {
    {"08", PENSTOCK_IO, PENSTOCK_RETRY, "the connection broke", NULL},
    {"57P", PENSTOCK_IO, PENSTOCK_RETRY, "the server is stopping or starting", NULL},
    {"57014", PENSTOCK_IO, PENSTOCK_RETRY, "the server cancelled the statement", NULL},
    {"53300", PENSTOCK_IO, PENSTOCK_RETRY, "the server has no connection left", NULL},
    {"53100", PENSTOCK_IO, PENSTOCK_RETRY, "the server's disk is full", "make room on the server"},
    {"53", PENSTOCK_IO, PENSTOCK_RETRY, "the server is short of something", NULL},
    {"40", PENSTOCK_IO, PENSTOCK_RETRY, "another transaction was in the way", NULL},
    {"55P03", PENSTOCK_BUSY, PENSTOCK_RETRY, "another transaction holds the lock", NULL},
    {"25006", PENSTOCK_IO, PENSTOCK_RETRY, "the server takes no writes (a standby?)",
     "connect to the primary: target_session_attrs=read-write finds it among several hosts"},
    {"28", PENSTOCK_IO, PENSTOCK_GIVE_UP, "the server does not let this user in",
     "look at user and password"},
    {"42501", PENSTOCK_IO, PENSTOCK_GIVE_UP, "this user may not do that",
     "GRANT it what it lacks, or connect as another user"},
    {"3D000", PENSTOCK_NOT_FOUND, PENSTOCK_GIVE_UP, "there is no such database", NULL},
    {"3F000", PENSTOCK_NOT_FOUND, PENSTOCK_GIVE_UP, "there is no such schema", "CREATE SCHEMA first"},
    {"42P01", PENSTOCK_NOT_FOUND, PENSTOCK_GIVE_UP, "there is no such table", NULL},
    {"42703", PENSTOCK_INVALID_PROJECT, PENSTOCK_GIVE_UP, "there is no such column", NULL},
    {"42P10", PENSTOCK_INVALID_PROJECT, PENSTOCK_GIVE_UP, "the key columns are not unique in the table",
     "CREATE UNIQUE INDEX on exactly the columns of `key`"},
    {"42", PENSTOCK_INVALID_PROJECT, PENSTOCK_GIVE_UP, "the table is not of the kind this needs", NULL},
    {"22", PENSTOCK_INVALID_DATA, PENSTOCK_GIVE_UP, "a value does not fit its column",
     "CAST it in the SELECT, or ALTER the column of the table"},
    {"23505", PENSTOCK_INVALID_DATA, PENSTOCK_GIVE_UP, "a row with this key is there already",
     "mode = 'upsert' with key = '...' writes the newest row of a key"},
    {"23502", PENSTOCK_INVALID_DATA, PENSTOCK_GIVE_UP, "a NULL does not fit its column",
     "COALESCE it in the SELECT, filter it there, or DROP NOT NULL on the column"},
    {"23", PENSTOCK_INVALID_DATA, PENSTOCK_GIVE_UP, "a row breaks a constraint of the table", NULL},
};

/* Of a connection that failed there is only text. These do not go away by waiting. */
static const struct {
    const char *text;
    const char *cause;
    const char *hint;
} refusals[] = {
    {"password authentication failed", "it refuses user or password",
     "give the password in the connection as ${VARIABLE}, in PGPASSWORD or in ~/.pgpass"},
    {"no password supplied", "it asks for a password",
     "give the password in the connection as ${VARIABLE}, in PGPASSWORD or in ~/.pgpass"},
    {"no pg_hba.conf entry", "it does not let this user in from here", "add a line to its pg_hba.conf"},
    {"could not translate host name", "there is no host of that name", "look at host in the connection"},
    {"does not exist", "it has no such database or user", "look at dbname and user in the connection"},
    {"certificate", "the certificate is not accepted", "look at sslmode and sslrootcert in the connection"},
    {"does not support SSL", "it does not speak TLS", "look at sslmode in the connection"},
};

void ps_postgres_clear_scoped(PGresult **result) {
    PQclear(*result);
}

void ps_postgres_name(struct ps_buffer *sql, const char *name) {
    ps_buffer_sql_name(sql, name);
}

penstock_code ps_postgres_check(const char *what, const char *connection, struct penstock_error *error) {
    char *words = NULL;
    PQconninfoOption *options = PQconninfoParse(connection, &words);
    const bool is_right = options != NULL;
    PQconninfoFree(options);
    PQfreemem(words); /* may quote the password */
    if (is_right) {
        return PENSTOCK_OK;
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s: connection is no PostgreSQL connection text",
                       what);
    return ps_error_hint(
        error, "'postgresql://user@host:5432/database' or 'host=... port=5432 dbname=... user=...'");
}

/* "PostgreSQL at 127.0.0.1:5432, database shop" */
static void tell_place(const struct ps_postgres *client, struct ps_buffer *place) {
    const char *host = client->handle != NULL ? PQhost(client->handle) : NULL;
    const char *port = client->handle != NULL ? PQport(client->handle) : NULL;
    const char *database = client->handle != NULL ? PQdb(client->handle) : NULL;
    ps_buffer_text(place, "PostgreSQL");
    if (host != NULL && host[0] != '\0') {
        ps_buffer_printf(place, " at %.200s:%.20s", host, port != NULL ? port : "");
    }
    if (database != NULL && database[0] != '\0') {
        ps_buffer_printf(place, ", database %.100s", database);
    }
}

/* libpq's words end with a line end, and have some inside. */
static void one_line(const char *words, char *line, size_t size) {
    size_t used = 0;
    for (const char *c = words; *c != '\0' && used + 1 < size; c++) {
        const char next = *c == '\n' || *c == '\t' ? ' ' : *c;
        if (next != ' ' || (used > 0 && line[used - 1] != ' ')) {
            line[used++] = next;
        }
    }
    while (used > 0 && line[used - 1] == ' ') {
        used--;
    }
    line[used] = '\0';
}

static penstock_code connection_error(const struct ps_postgres *client, const char *action,
                                      struct penstock_error *error) {
    char words[480];
    one_line(client->handle != NULL ? PQerrorMessage(client->handle) : "", words, sizeof words);
    struct ps_buffer place PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&place, 4096);
    tell_place(client, &place);
    const char *where = place.data != NULL ? place.data : "PostgreSQL";
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        if (strstr(words, refusals[i].text) != NULL) {
            (void)ps_error_set(error, PENSTOCK_IO, "%s: cannot %s: %s: %s", client->what, action, where,
                               refusals[i].cause);
            (void)ps_error_detail(error, "%s", words);
            if (error != NULL) {
                error->remedy = PENSTOCK_GIVE_UP;
            }
            (void)ps_error_hint(error, "%s", refusals[i].hint);
            return PENSTOCK_IO;
        }
    }
    (void)ps_error_set(error, PENSTOCK_IO, "%s: cannot %s: %s does not answer", client->what, action, where);
    (void)ps_error_detail(error, "%s", words);
    (void)ps_error_hint(error, "is the server running there? look at host and port in the connection");
    return PENSTOCK_IO;
}

static void add_field(struct ps_buffer *text, const PGresult *result, int field, const char *before) {
    const char *value = PQresultErrorField(result, field);
    if (value != NULL && value[0] != '\0') {
        ps_buffer_printf(text, "%s%.300s", before, value);
    }
}

bool ps_postgres_is_state(const PGresult *result, const char *state) {
    const char *found = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    return found != NULL && strncmp(found, state, strlen(state)) == 0;
}

penstock_code ps_postgres_error(const struct ps_postgres *client, const char *action, const PGresult *result,
                                struct penstock_error *error) {
    if (result == NULL || PQresultErrorField(result, PG_DIAG_SQLSTATE) == NULL) {
        return connection_error(client, action, error);
    }
    size_t found = 0;
    const size_t count = sizeof causes / sizeof *causes;
    while (found < count && !ps_postgres_is_state(result, causes[found].state)) {
        found++;
    }
    const penstock_code code = found < count ? causes[found].code : PENSTOCK_IO;
    (void)ps_error_set(error, code, "%s: cannot %s: %s", client->what, action,
                       found < count ? causes[found].cause : "the server refuses it");
    if (error != NULL) {
        error->remedy = found < count ? causes[found].remedy : PENSTOCK_GIVE_UP;
    }
    struct ps_buffer words PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&words, 4096);
    add_field(&words, result, PG_DIAG_MESSAGE_PRIMARY, "");
    add_field(&words, result, PG_DIAG_CONTEXT, "; ");
    add_field(&words, result, PG_DIAG_MESSAGE_DETAIL, "; ");
    add_field(&words, result, PG_DIAG_SQLSTATE, "; SQLSTATE ");
    (void)ps_error_detail(error, "%s", words.data != NULL ? words.data : "");
    if (found < count && causes[found].hint != NULL) {
        (void)ps_error_hint(error, "%s", causes[found].hint);
    }
    return code;
}

static void hear_nothing(void *context, const PGresult *result) {
    (void)context;
    (void)result;
}

bool ps_postgres_is_lost(const struct ps_postgres *client) {
    return client->handle == NULL || PQstatus(client->handle) != CONNECTION_OK;
}

void ps_postgres_close(struct ps_postgres *client) {
    if (!ps_postgres_is_lost(client) && PQtransactionStatus(client->handle) == PQTRANS_ACTIVE) {
        (void)PQputCopyEnd(client->handle,
                           "penstock discards the epoch"); /* or the server sees a broken protocol */
    }
    PQfinish(client->handle);
    client->handle = NULL;
}

penstock_code ps_postgres_connect(struct ps_postgres *client, struct penstock_error *error) {
    /* what comes later wins: the connection text over the first ones, ours over it */
    const char *const names[] = {
        "connect_timeout", "tcp_user_timeout", "keepalives_idle", "keepalives_interval",
        "dbname",          "application_name", "client_encoding", NULL};
    const char *const values[] = {CONNECT_SECONDS,
                                  UNACKNOWLEDGED_MS,
                                  KEEPALIVE_SECONDS,
                                  KEEPALIVE_SECONDS,
                                  client->connection,
                                  client->application,
                                  "UTF8",
                                  NULL};
    ps_postgres_close(client);
    client->handle = PQconnectdbParams(names, values, 1);
    if (ps_postgres_is_lost(client)) {
        const penstock_code code = connection_error(client, "connect", error);
        ps_postgres_close(client);
        return code;
    }
    (void)PQsetNoticeReceiver(client->handle, hear_nothing, NULL);
    /* With synchronous_commit = off a server that dies loses commits that it has confirmed, and the store is ahead. */
    return ps_postgres_run(client, "prepare the session",
                           "SELECT set_config('DateStyle', 'ISO', false), set_config('synchronous_commit',"
                           " CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on'"
                           " ELSE current_setting('synchronous_commit') END, false)",
                           NULL, 0, NULL, error);
}

penstock_code ps_postgres_run(struct ps_postgres *client, const char *action, const char *sql,
                              const char *const *values, int value_count, PGresult **result_out,
                              struct penstock_error *error) {
    PGresult *result PS_SCOPED(ps_postgres_clear_scoped) =
        value_count > 0 ? PQexecParams(client->handle, sql, value_count, NULL, values, NULL, NULL, 0)
                        : PQexec(client->handle, sql);
    const ExecStatusType status = PQresultStatus(result); /* of NULL: FATAL_ERROR */
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_COPY_IN) {
        return ps_postgres_error(client, action, result, error);
    }
    if (result_out != NULL) {
        *result_out = ps_take(result);
    }
    return PENSTOCK_OK;
}

penstock_code ps_postgres_end(struct ps_postgres *client, const char *how, struct penstock_error *error) {
    PGresult *result PS_SCOPED(ps_postgres_clear_scoped) = NULL;
    PS_TRY(ps_postgres_run(client, "commit", how, NULL, 0, &result, error));
    /* a transaction that failed answers COMMIT with ROLLBACK */
    return strcmp(PQcmdStatus(result), how) == 0
               ? PENSTOCK_OK
               : ps_error_set(error, PENSTOCK_INTERNAL, "%s: the transaction was rolled back", client->what);
}
