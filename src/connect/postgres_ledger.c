/* SPDX-License-Identifier: Apache-2.0
 *
 * postgres_ledger.c - the epochs of the sinks of a database, and who may move them; see postgres_ledger.h.
 */
#include "connect/postgres_ledger.h"

#include <inttypes.h>
#include <stdio.h>

/* Times that somebody else's lock is waited for, 2 s each. */
#define CLAIM_COUNT_MAX 5

struct ps_postgres_entry ps_postgres_ledger_entry(const struct ps_postgres_ledger *ledger,
                                                  const PGresult *result) {
    struct ps_postgres_entry entry = {.is_there = PQntuples(result) == 1};
    if (entry.is_there) {
        entry.is_other_store = strcmp(PQgetvalue(result, 0, 0), ledger->setup->store_id) != 0;
        (void)ps_parse_integer(PQgetvalue(result, 0, 1), &entry.epoch);
        (void)ps_parse_integer(PQgetvalue(result, 0, 2), &entry.attempt);
    }
    return entry;
}

/* `tail`: "" or "FOR UPDATE". *result_out may be NULL. */
static penstock_code read_position(struct ps_postgres_ledger *ledger, const char *tail,
                                   struct ps_postgres_entry *entry_out, PGresult **result_out,
                                   struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    PGresult *result PS_SCOPED(ps_postgres_clear_scoped) = NULL;
    const char *const values[] = {ledger->setup->project, ledger->setup->name};
    ps_buffer_init(&sql, 4096);
    ps_buffer_printf(&sql,
                     "SELECT store_id, epoch, attempt, positions FROM %s WHERE project = $1 AND sink = $2 %s",
                     ledger->name, tail);
    PS_TRY(ps_buffer_status(&sql, error));
    PS_TRY(ps_postgres_run(ledger->client, "read its position", sql.data, values, 2, &result, error));
    *entry_out = ps_postgres_ledger_entry(ledger, result);
    if (result_out != NULL) {
        *result_out = ps_take(result);
    }
    return PENSTOCK_OK;
}

penstock_code ps_postgres_ledger_fenced(const struct ps_postgres_ledger *ledger, int64_t attempt,
                                        int64_t newer, struct penstock_error *error) {
    return ps_error_set(error, PENSTOCK_FENCED,
                        "%s: attempt %" PRId64 " is over: attempt %" PRId64 " writes now",
                        ledger->client->what, attempt, newer);
}

static penstock_code other_store(const struct ps_postgres_ledger *ledger, const char *store_id,
                                 struct penstock_error *error) {
    (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                       "%s: table %s has epochs of sink %s of project %s that another store wrote",
                       ledger->client->what, ledger->target, ledger->setup->name, ledger->setup->project);
    (void)ps_error_detail(error, "the other store is %s, this one is %s", store_id, ledger->setup->store_id);
    return ps_error_hint(error, "give the sink another name, or remove what the other store wrote and say"
                                " on_other_store = 'replace'");
}

penstock_code ps_postgres_ledger_open(struct ps_postgres_ledger *ledger, const char *text,
                                      struct ps_arena *arena, struct penstock_error *error) {
    bool is_there = false;
    PS_TRY(ps_postgres_resolve(ledger->client, text, arena, &ledger->name, &is_there, error));
    if (is_there) {
        return PENSTOCK_OK;
    }
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, 4096);
    ps_buffer_printf(
        &sql,
        "CREATE TABLE IF NOT EXISTS %s (project text NOT NULL, sink text NOT NULL, store_id text NOT"
        " NULL, epoch bigint NOT NULL, attempt bigint NOT NULL, positions jsonb, committed_at timestamptz,"
        " PRIMARY KEY (project, sink)) WITH (fillfactor = 50)",
        ledger->name);
    PS_TRY(ps_buffer_status(&sql, error));
    if (ps_postgres_run(ledger->client, "make the table of positions", sql.data, NULL, 0, NULL, error) ==
        PENSTOCK_OK) {
        return PENSTOCK_OK;
    }
    /* two at once: IF NOT EXISTS does not save the slower one, but then the table is there */
    return ps_postgres_run(ledger->client, "make the table of positions", sql.data, NULL, 0, NULL, error);
}

/* In a transaction: the row, made if it is not there, locked for at most 2 s. */
penstock_code ps_postgres_ledger_lock(struct ps_postgres_ledger *ledger, struct ps_postgres_entry *entry_out,
                                      PGresult **result_out, struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    const char *const values[] = {ledger->setup->project, ledger->setup->name, ledger->setup->store_id};
    ps_buffer_init(&sql, 4096);
    ps_buffer_printf(&sql,
                     "INSERT INTO %s (project, sink, store_id, epoch, attempt) VALUES ($1, $2, $3, 0, 0)"
                     " ON CONFLICT DO NOTHING",
                     ledger->name);
    PS_TRY(ps_buffer_status(&sql, error));
    PS_TRY(ps_postgres_run(ledger->client, "claim its position",
                           "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '2s'", NULL, 0,
                           NULL, error));
    PS_TRY(ps_postgres_run(ledger->client, "claim its position", sql.data, values, 3, NULL, error));
    return read_position(ledger, "FOR UPDATE", entry_out, result_out, error);
}

/* Whoever holds the lock is an older attempt that was stopped in the middle of its commit: the server ends it. */
static penstock_code end_older(struct ps_postgres_ledger *ledger, int64_t attempt,
                               struct penstock_error *error) {
    struct ps_postgres_entry entry;
    const char *const values[] = {ledger->client->application};
    PS_TRY(ps_postgres_run(ledger->client, "claim its position", "ROLLBACK", NULL, 0, NULL, error));
    PS_TRY(read_position(ledger, "", &entry, NULL, error));
    if (entry.attempt > attempt && !entry.is_other_store) {
        return ps_postgres_ledger_fenced(ledger, attempt, entry.attempt, error);
    }
    return ps_postgres_run(
        ledger->client, "end an older attempt",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND"
        " pid <> pg_backend_pid() AND usename = current_user AND datname = current_database()",
        values, 1, NULL, error);
}

static penstock_code raise_attempt(struct ps_postgres_ledger *ledger, int64_t attempt,
                                   struct ps_postgres_entry *entry, const char *store_id,
                                   struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    char number[24];
    char epoch[24];
    ps_buffer_init(&sql, 4096);
    if (entry->is_other_store && !ledger->replaces_other) {
        return other_store(ledger, store_id, error);
    }
    if (entry->is_other_store) {
        *entry = (struct ps_postgres_entry){.is_there = true};
    }
    if (entry->attempt > attempt) {
        return ps_postgres_ledger_fenced(ledger, attempt, entry->attempt, error);
    }
    snprintf(number, sizeof number, "%" PRId64, attempt);
    snprintf(epoch, sizeof epoch, "%" PRId64, entry->epoch);
    const char *const values[] = {ledger->setup->project, ledger->setup->name, ledger->setup->store_id,
                                  number, epoch};
    ps_buffer_printf(&sql,
                     "UPDATE %s SET store_id = $3, attempt = $4, epoch = $5 WHERE project = $1 AND sink = $2",
                     ledger->name);
    PS_TRY(ps_buffer_status(&sql, error));
    PS_TRY(ps_postgres_run(ledger->client, "claim its position", sql.data, values, 5, NULL, error));
    return ps_postgres_end(ledger->client, "COMMIT", error);
}

penstock_code ps_postgres_ledger_claim(struct ps_postgres_ledger *ledger, int64_t attempt,
                                       struct ps_postgres_entry *entry_out, PGresult **result_out,
                                       struct penstock_error *error) {
    for (int i = 0;; i++) {
        PGresult *result PS_SCOPED(ps_postgres_clear_scoped) = NULL;
        const penstock_code code = ps_postgres_ledger_lock(ledger, entry_out, &result, error);
        if (code == PENSTOCK_OK) {
            PS_TRY(raise_attempt(ledger, attempt, entry_out, PQgetvalue(result, 0, 0), error));
            *result_out = ps_take(result);
            return PENSTOCK_OK;
        }
        if (code != PENSTOCK_BUSY || i >= CLAIM_COUNT_MAX) {
            return code;
        }
        PS_TRY(end_older(ledger, attempt, error));
    }
}

/* Moves the position; it moves only if nobody else has. */
penstock_code ps_postgres_ledger_move(struct ps_postgres_ledger *ledger, struct ps_epoch epoch,
                                      const struct ps_position_list *positions,
                                      struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    struct ps_buffer json PS_SCOPED(ps_buffer_done);
    PGresult *result PS_SCOPED(ps_postgres_clear_scoped) = NULL;
    char number[24];
    char attempt[24];
    ps_buffer_init(&sql, 4096);
    ps_buffer_init(&json, PS_LIMIT_SINK_POSITIONS_SIZE);
    ps_sink_positions_write(positions, &json);
    snprintf(number, sizeof number, "%" PRId64, epoch.number);
    snprintf(attempt, sizeof attempt, "%" PRId64, epoch.attempt);
    const char *const values[] = {
        ledger->setup->project,        ledger->setup->name, ledger->setup->store_id, attempt, number,
        json.failed ? NULL : json.data};
    ps_buffer_printf(
        &sql,
        "UPDATE %s SET epoch = $5, positions = $6, committed_at = clock_timestamp() WHERE project ="
        " $1 AND sink = $2 AND store_id = $3 AND attempt = $4 AND epoch < CAST($5 AS bigint)",
        ledger->name);
    PS_TRY(ps_buffer_status(&sql, error));
    PS_TRY(ps_postgres_run(ledger->client, "write its position", sql.data, values, 6, &result, error));
    if (strcmp(PQcmdTuples(result), "1") == 0) {
        return PENSTOCK_OK;
    }
    struct ps_postgres_entry entry;
    PS_TRY(read_position(ledger, "", &entry, NULL, error));
    if (entry.is_there && entry.attempt > epoch.attempt) {
        return ps_postgres_ledger_fenced(ledger, epoch.attempt, entry.attempt, error);
    }
    return ps_error_set(error, PENSTOCK_INVALID_DATA,
                        "%s: its position was moved to epoch %" PRId64 " while epoch %" PRId64 " was written",
                        ledger->client->what, entry.epoch, epoch.number);
}
