/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_postgres.c - a table of PostgreSQL as a sink: rows and position in one transaction.
 *
 * An epoch is BEGIN, COPY of its rows, one UPDATE of the sink's row in penstock_sink_positions, COMMIT. The UPDATE
 * holds only for our attempt and for the epoch before this one, so an older attempt, or an epoch that is there already,
 * changes nothing; recover() raises the attempt in that row. The row is locked by the UPDATE only, at the very end: a
 * process that was stopped in the middle of an epoch holds no lock, and one that was stopped between UPDATE and COMMIT
 * is ended by the server on our word. When the connection breaks during COMMIT, the position tells whether it was done.
 */
#include "connect/sink_postgres.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/check.h"
#include "connect/postgres_ledger.h"
#include "connect/postgres_rows.h"

/* A wrong address should be an error soon; a server that was there once is waited for as long as `retry` says. */
#define FIRST_MS_MAX 3000

static const struct ps_option postgres_options[] = {
    {.name = "connection",
     .type = PS_OPTION_TEXT,
     .is_required = true,
     .is_secret = true,
     .offset = offsetof(struct ps_postgres_config, connection),
     .help =
         "the database: 'postgresql://user@host:5432/name' or 'host=... dbname=... user=...'; a password as"
         " ${VARIABLE}, in PGPASSWORD or ~/.pgpass",
     .since = "0.2"},
    {.name = "table",
     .type = PS_OPTION_TEXT,
     .is_required = true,
     .offset = offsetof(struct ps_postgres_config, table),
     .help = "table the rows go to: name or schema.name",
     .since = "0.2"},
    {.name = "create_table",
     .type = PS_OPTION_BOOLEAN,
     .default_text = "false",
     .offset = offsetof(struct ps_postgres_config, create_table),
     .help = "make the table, from the types of the SELECT, if it is not there",
     .since = "0.2"},
    {.name = "mode",
     .type = PS_OPTION_CHOICE,
     .default_text = "append",
     .choices = "append|upsert",
     .offset = offsetof(struct ps_postgres_config, mode),
     .help = "append: every row is one more; upsert: a row replaces the one with the same key",
     .since = "0.2"},
    {.name = "key",
     .type = PS_OPTION_TEXT,
     .offset = offsetof(struct ps_postgres_config, key),
     .help = "columns that mode = 'upsert' compares, with commas; they need a unique index",
     .since = "0.2"},
    {.name = "positions_table",
     .type = PS_OPTION_TEXT,
     .default_text = "penstock_sink_positions",
     .offset = offsetof(struct ps_postgres_config, positions_table),
     .help = "table in which the sinks of a database keep their epochs; made if it is not there",
     .since = "0.2"},
    {.name = "on_other_store",
     .type = PS_OPTION_CHOICE,
     .default_text = "fail",
     .choices = "fail|replace",
     .offset = offsetof(struct ps_postgres_config, on_other_store),
     .help = "the table has epochs of another store: fail, or replace its position (its rows stay)",
     .since = "0.2"},
    {.name = "retry",
     .type = PS_OPTION_DURATION,
     .default_text = "30 s",
     .offset = offsetof(struct ps_postgres_config, retry_ms),
     .help = "how long a server that is away is waited for before the epoch fails",
     .since = "0.2"},
    {.name = NULL},
};

static const char *const postgres_encodes[] = {"rows", NULL};

struct postgres_sink {
    const struct ps_sink_setup *setup;
    const struct ps_postgres_config *config;
    struct ps_arena *arena;   /* as long as the sink */
    struct ps_arena *session; /* from recover to recover */
    struct ps_sink_columns key;
    struct ps_postgres client;
    struct ps_postgres_table table;
    struct ps_postgres_rows rows;
    struct ps_postgres_ledger ledger;
    const char *begin_sql, *merge_sql;
    int64_t attempt;
    bool was_connected;
    bool is_begun;
    bool has_epoch; /* the epoch that is begun is there already: nothing is written */
};

static void postgres_close(void *state) {
    struct postgres_sink *sink = state;
    if (sink == NULL) {
        return;
    }
    ps_postgres_close(&sink->client);
    ps_postgres_rows_done(&sink->rows);
    ps_arena_free(sink->session);
    ps_arena_free(sink->arena);
    ps_release(sink);
}

static void postgres_close_scoped(struct postgres_sink **sink) {
    postgres_close(*sink);
}

static penstock_code check_config(struct postgres_sink *sink, struct penstock_error *error) {
    const bool is_upsert = strcmp(sink->config->mode, "upsert") == 0;
    PS_TRY(ps_postgres_check(sink->client.what, sink->config->connection, error));
    PS_TRY(ps_sink_columns_parse(sink->setup, "key", sink->config->key, sink->arena, &sink->key, error));
    if (is_upsert && sink->key.count == 0) {
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s: mode = 'upsert' needs a key",
                           sink->client.what);
        return ps_error_hint(error, "key = 'a' or key = 'a, b': the columns that tell rows apart");
    }
    if (!is_upsert && sink->key.count > 0) {
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s: key is for mode = 'upsert'",
                           sink->client.what);
        return ps_error_hint(error, "say mode = 'upsert', or leave key out");
    }
    return PENSTOCK_OK;
}

static penstock_code postgres_open(const struct ps_sink_setup *setup, const void *config, void **state_out,
                                   struct penstock_error *error) {
    struct postgres_sink *sink PS_SCOPED(postgres_close_scoped) = ps_allocate(1, sizeof *sink);
    if (sink == NULL) {
        return ps_error_memory(error, "a sink");
    }
    sink->setup = setup;
    sink->config = config;
    sink->arena = ps_arena_new(0);
    sink->session = ps_arena_new(0);
    if (sink->arena == NULL || sink->session == NULL) {
        return ps_error_memory(error, "a sink");
    }
    ps_postgres_rows_init(&sink->rows);
    /* PostgreSQL keeps 63 characters of an application's name */
    const char *identity = ps_arena_printf(sink->arena, "%s\n%s", setup->project, setup->name);
    sink->client.what = ps_arena_printf(sink->arena, "sink %s", setup->name);
    sink->client.connection = sink->config->connection;
    if (identity == NULL || sink->client.what == NULL) {
        return ps_error_memory(error, "a sink");
    }
    sink->client.application =
        ps_arena_printf(sink->arena, "penstock-%016" PRIx64, ps_hash(identity, strlen(identity), 0));
    if (sink->client.application == NULL) {
        return ps_error_memory(error, "a sink");
    }
    sink->ledger =
        (struct ps_postgres_ledger){.client = &sink->client,
                                    .setup = setup,
                                    .target = sink->config->table,
                                    .replaces_other = strcmp(sink->config->on_other_store, "replace") == 0};
    PS_TRY(check_config(sink, error));
    *state_out = ps_take(sink);
    return PENSTOCK_OK;
}

static penstock_code postgres_project(void *state, struct ps_arena *arena,
                                      struct ps_scan_column **columns_out, size_t *count_out,
                                      struct penstock_error *error) {
    const struct postgres_sink *sink = state;
    const size_t count = sink->setup->column_count;
    struct ps_scan_column *columns = ps_arena_allocate(arena, count + 1, sizeof *columns);
    for (size_t i = 0; columns != NULL && i < count; i++) {
        columns[i] = (struct ps_scan_column){
            ps_postgres_expression(sink->setup->column_names[i], sink->setup->column_types[i], arena),
            PS_SCAN_TEXT};
        if (columns[i].expression == NULL) {
            return ps_error_memory(error, "a sink's columns");
        }
    }
    *columns_out = columns;
    *count_out = count;
    return columns != NULL ? PENSTOCK_OK : ps_error_memory(error, "a sink's columns");
}

/* --- connection --------------------------------------------------------------------------------------------------- */

static penstock_code connect_patiently(struct postgres_sink *sink, struct ps_sink_patience *patience,
                                       struct penstock_error *error) {
    for (;;) {
        const penstock_code code = ps_postgres_connect(&sink->client, error);
        if (code == PENSTOCK_OK) {
            sink->was_connected = true;
            ps_error_clear(error);
            return code;
        }
        if ((error != NULL && error->remedy != PENSTOCK_RETRY) || !ps_sink_patience_wait(patience)) {
            return code;
        }
    }
}

/* May what failed be tried again on a new connection? Waits, if so. */
static bool may_retry(const struct postgres_sink *sink, struct ps_sink_patience *patience) {
    return ps_postgres_is_lost(&sink->client) && ps_sink_patience_wait(patience);
}

/* --- recover ------------------------------------------------------------------------------------------------------ */

static void add_columns(const struct postgres_sink *sink, const struct ps_sink_columns *chosen,
                        struct ps_buffer *sql) {
    const size_t count = chosen != NULL ? chosen->count : sink->setup->column_count;
    for (size_t i = 0; i < count; i++) {
        ps_buffer_printf(sql, "%s%s", i > 0 ? ", " : "",
                         sink->table.columns[chosen != NULL ? chosen->indexes[i] : i]);
    }
}

/* Rows of an epoch, the newest of each key, into the table. */
static void add_merge(const struct postgres_sink *sink, struct ps_buffer *sql) {
    ps_buffer_printf(sql, "INSERT INTO %s (", sink->table.name);
    add_columns(sink, NULL, sql);
    ps_buffer_text(sql, ") SELECT DISTINCT ON (");
    add_columns(sink, &sink->key, sql);
    ps_buffer_text(sql, ") ");
    add_columns(sink, NULL, sql);
    ps_buffer_text(sql, " FROM pg_temp.penstock_rows ORDER BY ");
    add_columns(sink, &sink->key, sql);
    ps_buffer_text(sql, ", penstock_row DESC ON CONFLICT (");
    add_columns(sink, &sink->key, sql);
    ps_buffer_text(sql, ") DO ");
    const char *between = "UPDATE SET ";
    for (size_t i = 0; i < sink->setup->column_count; i++) {
        if (!ps_sink_columns_have(&sink->key, i)) {
            ps_buffer_printf(sql, "%s%s = EXCLUDED.%s", between, sink->table.columns[i],
                             sink->table.columns[i]);
            between = ", ";
        }
    }
    ps_buffer_text(sql, between[0] == 'U' ? "NOTHING" : "");
}

/* One message opens an epoch: the transaction, the rows' place before they are merged, the entry. */
static void add_begin(const struct postgres_sink *sink, struct ps_buffer *sql) {
    ps_buffer_text(sql, "BEGIN ISOLATION LEVEL READ COMMITTED; ");
    if (sink->key.count > 0) {
        ps_buffer_text(sql, "CREATE TEMP TABLE IF NOT EXISTS penstock_rows ON COMMIT DELETE ROWS AS SELECT ");
        add_columns(sink, NULL, sql);
        ps_buffer_printf(sql, ", CAST(0 AS bigint) AS penstock_row FROM %s WITH NO DATA; ", sink->table.name);
    }
    ps_buffer_printf(sql, "SELECT store_id, epoch, attempt FROM %s WHERE project = ", sink->ledger.name);
    char *project = PQescapeLiteral(sink->client.handle, sink->setup->project, strlen(sink->setup->project));
    char *name = PQescapeLiteral(sink->client.handle, sink->setup->name, strlen(sink->setup->name));
    ps_buffer_printf(sql, "%s AND sink = %s", project != NULL ? project : "NULL",
                     name != NULL ? name : "NULL");
    PQfreemem(project);
    PQfreemem(name);
}

static penstock_code keep(struct ps_arena *arena, struct ps_buffer *sql, const char **text_out,
                          struct penstock_error *error) {
    PS_TRY(ps_buffer_status(sql, error));
    *text_out = ps_arena_copy(arena, sql->data);
    ps_buffer_clear(sql);
    return *text_out != NULL ? PENSTOCK_OK : ps_error_memory(error, "a sink's statements");
}

static penstock_code write_statements(struct postgres_sink *sink, struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    const bool is_upsert = sink->key.count > 0;
    ps_buffer_init(&sql, (size_t)8 << 20);
    add_begin(sink, &sql);
    PS_TRY(keep(sink->session, &sql, &sink->begin_sql, error));
    ps_buffer_printf(&sql, "COPY %s (", is_upsert ? "pg_temp.penstock_rows" : sink->table.name);
    add_columns(sink, NULL, &sql);
    ps_buffer_text(&sql, is_upsert ? ", penstock_row) FROM STDIN" : ") FROM STDIN");
    PS_TRY(keep(sink->session, &sql, &sink->rows.copy_sql, error));
    if (is_upsert) {
        add_merge(sink, &sql);
        PS_TRY(keep(sink->session, &sql, &sink->merge_sql, error));
    }
    return PENSTOCK_OK;
}

static penstock_code recover_once(struct postgres_sink *sink, int64_t attempt,
                                  struct ps_postgres_entry *entry_out, PGresult **result_out,
                                  struct penstock_error *error) {
    ps_arena_reset(sink->session);
    PS_TRY(ps_postgres_table_find(&sink->client, sink->setup, sink->config->table, sink->config->create_table,
                                  &sink->key, sink->session, &sink->table, error));
    PS_TRY(ps_postgres_ledger_open(&sink->ledger, sink->config->positions_table, sink->session, error));
    PS_TRY(write_statements(sink, error));
    return ps_postgres_ledger_claim(&sink->ledger, attempt, entry_out, result_out, error);
}

static penstock_code postgres_recover(void *state, int64_t attempt, struct ps_epoch *epoch_out,
                                      struct ps_position_list *positions_out, struct penstock_error *error) {
    struct postgres_sink *sink = state;
    PGresult *result PS_SCOPED(ps_postgres_clear_scoped) = NULL;
    struct ps_postgres_entry entry = {0};
    const int64_t wait_ms =
        sink->was_connected || sink->config->retry_ms < FIRST_MS_MAX ? sink->config->retry_ms : FIRST_MS_MAX;
    struct ps_sink_patience patience = ps_sink_patience_of(wait_ms);
    ps_postgres_close(&sink->client); /* and with it whatever was begun */
    sink->is_begun = false;
    for (;;) {
        PS_TRY(connect_patiently(sink, &patience, error));
        const penstock_code code = recover_once(sink, attempt, &entry, &result, error);
        if (code == PENSTOCK_OK) {
            break;
        }
        if (!may_retry(sink, &patience)) {
            ps_postgres_close(&sink->client); /* whoever was refused holds no lock */
            return code;
        }
    }
    ps_error_clear(error);
    sink->attempt = attempt;
    *epoch_out = (struct ps_epoch){entry.epoch, entry.epoch > 0 ? entry.attempt : 0};
    if (entry.is_other_store || entry.epoch == 0 || PQgetisnull(result, 0, 3)) {
        return PENSTOCK_OK;
    }
    return ps_sink_positions_read(PQgetvalue(result, 0, 3), (size_t)PQgetlength(result, 0, 3), positions_out,
                                  error);
}

/* --- an epoch ----------------------------------------------------------------------------------------------------- */

static penstock_code begin_once(struct postgres_sink *sink, struct ps_epoch epoch,
                                struct penstock_error *error) {
    PGresult *result PS_SCOPED(ps_postgres_clear_scoped) = NULL;
    PS_TRY(ps_postgres_run(&sink->client, "begin an epoch", sink->begin_sql, NULL, 0, &result, error));
    const struct ps_postgres_entry entry = ps_postgres_ledger_entry(&sink->ledger, result);
    if (!entry.is_there || entry.is_other_store) {
        (void)ps_error_set(error, PENSTOCK_INVALID_DATA, "%s: its row in %s was %s while it ran",
                           sink->client.what, sink->ledger.name,
                           entry.is_there ? "changed by another store" : "deleted");
        return ps_error_hint(error, "nobody but penstock may write to that table");
    }
    if (entry.attempt > epoch.attempt) {
        return ps_postgres_ledger_fenced(&sink->ledger, epoch.attempt, entry.attempt, error);
    }
    sink->has_epoch = entry.epoch >= epoch.number;
    return PENSTOCK_OK;
}

static penstock_code postgres_begin(void *state, struct ps_epoch epoch, struct penstock_error *error) {
    struct postgres_sink *sink = state;
    struct ps_sink_patience patience = ps_sink_patience_of(sink->config->retry_ms);
    sink->is_begun = true;
    sink->rows.client = &sink->client;
    sink->rows.setup = sink->setup;
    sink->rows.key = &sink->key;
    sink->rows.is_numbered = sink->key.count > 0;
    sink->rows.is_copying = false;
    sink->rows.row_count = 0;
    for (;;) { /* nothing is written yet: on a new connection all of this may be done again */
        if (ps_postgres_is_lost(&sink->client)) {
            PS_TRY(connect_patiently(sink, &patience, error));
        }
        const penstock_code code = begin_once(sink, epoch, error);
        if (code == PENSTOCK_OK || !may_retry(sink, &patience)) {
            return code;
        }
    }
}

static penstock_code postgres_write(void *state, const struct ps_batch *batch, struct penstock_error *error) {
    struct postgres_sink *sink = state;
    return sink->has_epoch ? PENSTOCK_OK : ps_postgres_rows_write(&sink->rows, batch, error);
}

/* The connection broke during COMMIT: was it done? The lock on the row waits until the old session is over. */
static penstock_code settle(struct postgres_sink *sink, struct ps_epoch epoch, struct penstock_error *error) {
    struct ps_sink_patience patience = ps_sink_patience_of(sink->config->retry_ms);
    struct penstock_error again = {0};
    struct ps_postgres_entry entry = {0};
    bool is_known = false;
    while (!is_known && ps_sink_patience_wait(&patience)) {
        is_known = connect_patiently(sink, &patience, &again) == PENSTOCK_OK &&
                   ps_postgres_ledger_lock(&sink->ledger, &entry, NULL, &again) == PENSTOCK_OK;
    }
    ps_postgres_close(&sink->client);
    if (is_known && entry.is_there && !entry.is_other_store && entry.epoch >= epoch.number) {
        ps_error_clear(error);
        return PENSTOCK_OK;
    }
    return error != NULL ? error->code : PENSTOCK_IO; /* of the COMMIT: recover() decides */
}

static penstock_code postgres_commit(void *state, struct ps_epoch epoch,
                                     const struct ps_position_list *positions, struct penstock_error *error) {
    struct postgres_sink *sink = state;
    if (sink->has_epoch) {
        sink->is_begun = false;
        return ps_postgres_end(&sink->client, "ROLLBACK", error);
    }
    PS_TRY(ps_postgres_rows_end(&sink->rows, error));
    if (sink->merge_sql != NULL && sink->key.count > 0 && sink->rows.row_count > 0) {
        PS_TRY(ps_postgres_run(&sink->client, "merge the rows into its table", sink->merge_sql, NULL, 0, NULL,
                               error));
    }
    PS_TRY(ps_postgres_ledger_move(&sink->ledger, epoch, positions, error));
    const penstock_code code = ps_postgres_end(&sink->client, "COMMIT", error);
    if (code != PENSTOCK_OK && ps_postgres_is_lost(&sink->client)) {
        PS_TRY(settle(sink, epoch, error));
    } else {
        PS_TRY(code);
    }
    sink->is_begun = false;
    return PENSTOCK_OK;
}

static penstock_code postgres_discard(void *state, struct penstock_error *error) {
    struct postgres_sink *sink = state;
    (void)error;
    if (sink->is_begun) { /* the shortest way out of a COPY, too; the next begin() connects again */
        ps_postgres_close(&sink->client);
        sink->is_begun = false;
    }
    return PENSTOCK_OK;
}

const struct ps_sink_type ps_sink_postgres = {
    .name = "postgres",
    .summary = "a table of PostgreSQL: rows and position in one transaction",
    .options = postgres_options,
    .config_size = sizeof(struct ps_postgres_config),
    .encodes = postgres_encodes,
    .is_remote = true,
    .delivery = PS_DELIVERY_SAME_TRANSACTION,
    .open = postgres_open,
    .project = postgres_project,
    .recover = postgres_recover,
    .begin = postgres_begin,
    .write = postgres_write,
    .commit = postgres_commit,
    .discard = postgres_discard,
    .close = postgres_close,
};
