/* SPDX-License-Identifier: Apache-2.0
 *
 * postgres_ledger.h - the table in which the sinks of a database keep their epochs, one row a sink.
 *
 * Whoever may move a sink's epoch is decided here: the attempt that is in the row, and no older one. The row is locked
 * at the very end of an epoch only, so a process that was stopped in the middle of one holds no lock. Private to room
 * connect.
 */
#ifndef PS_CONNECT_POSTGRES_LEDGER_H
#define PS_CONNECT_POSTGRES_LEDGER_H

#include "connect/postgres_table.h"

struct ps_postgres_ledger {
    struct ps_postgres *client;
    const struct ps_sink_setup *setup;
    const char *target;  /* the sink's table, for errors */
    bool replaces_other; /* on_other_store = 'replace' */
    const char *name;    /* of the ledger, quoted */
};

/* What it says of the sink. */
struct ps_postgres_entry {
    bool is_there;
    bool is_other_store;
    int64_t epoch, attempt;
};

/* Finds the ledger `text`, or makes it. */
penstock_code ps_postgres_ledger_open(struct ps_postgres_ledger *ledger, const char *text,
                                      struct ps_arena *arena, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Of a result with the columns store_id, epoch, attempt. */
struct ps_postgres_entry ps_postgres_ledger_entry(const struct ps_postgres_ledger *ledger,
                                                  const PGresult *result);
/* Opens a transaction with the row in it, made if it is not there, locked; waits 2 s for whoever else has it (BUSY).
 * *result_out (may be NULL): store_id, epoch, attempt, positions. */
penstock_code ps_postgres_ledger_lock(struct ps_postgres_ledger *ledger, struct ps_postgres_entry *entry_out,
                                      PGresult **result_out, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Raises the attempt, in a transaction of its own; ends the session of an older one that holds the row. The entry is
 * the one that counts now. Errors: FENCED; INVALID_DATA (another store's). */
penstock_code ps_postgres_ledger_claim(struct ps_postgres_ledger *ledger, int64_t attempt,
                                       struct ps_postgres_entry *entry_out, PGresult **result_out,
                                       struct penstock_error *error) PENSTOCK_MUST_USE;
/* Within the epoch's transaction: moves the epoch. Errors: FENCED. */
penstock_code ps_postgres_ledger_move(struct ps_postgres_ledger *ledger, struct ps_epoch epoch,
                                      const struct ps_position_list *positions, struct penstock_error *error)
    PENSTOCK_MUST_USE;
penstock_code ps_postgres_ledger_fenced(const struct ps_postgres_ledger *ledger, int64_t attempt,
                                        int64_t newer, struct penstock_error *error);

#endif
