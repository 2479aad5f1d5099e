/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_ledger.h - the table of HBase in which sinks keep their epochs, one row a sink.
 *
 *   row PROJECT/SINK    p:epoch      {"store_id":"...","epoch":17,"attempt":3,"claim":"..."}
 *                       p:positions  the positions of that epoch as JSON, for people; empty if they are long
 *
 * p:epoch is only ever replaced by a checkAndMutate that names all of its old bytes. So whoever moves it knew what was
 * there, and nobody moved it in between: each start of a sink writes a claim of its own into it, and from then on an
 * older process, or a request of one that is still on its way, cannot move it any more. When it is not known whether a
 * move was carried out the row is read: it holds the new bytes, or the old ones, and then the same move is tried
 * again, which cannot happen twice. Private to room connect.
 */
#ifndef PS_CONNECT_HBASE_LEDGER_H
#define PS_CONNECT_HBASE_LEDGER_H

#include "connect/sink_server.h"
#include "hbase/client.h"

#define PS_HBASE_LEDGER_FAMILY "p"

struct ps_hbase_ledger {
    struct ps_hbase *client;
    const struct ps_sink_setup *setup;
    const char *what;            /* "sink scored", for errors */
    const char *table;           /* of the ledger */
    const char *target;          /* the table the rows go to, for errors */
    bool replaces_other;         /* on_other_store = 'replace' */
    int64_t patience_ms;         /* how long what nobody knows is tried to be found out */
    struct ps_buffer row, known; /* its key; what p:epoch holds since the last claim or move */
};

/* What it says of the sink. */
struct ps_hbase_entry {
    bool is_there;
    bool is_other_store;
    int64_t epoch, attempt;
};

penstock_code ps_hbase_ledger_init(struct ps_hbase_ledger *ledger, struct penstock_error *error)
    PENSTOCK_MUST_USE;
void ps_hbase_ledger_done(struct ps_hbase_ledger *ledger);
/* Finds the table, or makes it. Errors: NOT_FOUND with what to type in HBase's shell. */
penstock_code ps_hbase_ledger_open(struct ps_hbase_ledger *ledger, bool may_create, struct ps_arena *arena,
                                   struct penstock_error *error) PENSTOCK_MUST_USE;
/* Puts attempt and a new claim into the row, which is made if it is not there. The entry is the one that counts now.
 * Errors: FENCED; INVALID_DATA (another store's). */
penstock_code ps_hbase_ledger_claim(struct ps_hbase_ledger *ledger, int64_t attempt,
                                    struct ps_hbase_entry *entry_out, struct ps_position_list *positions_out,
                                    struct penstock_error *error) PENSTOCK_MUST_USE;
/* Is the row as it was left? Errors: FENCED; INVALID_DATA. */
penstock_code ps_hbase_ledger_check(struct ps_hbase_ledger *ledger, int64_t attempt,
                                    struct ps_hbase_entry *entry_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* Moves the epoch. Errors: FENCED; INVALID_DATA. */
penstock_code ps_hbase_ledger_move(struct ps_hbase_ledger *ledger, struct ps_epoch epoch,
                                   const struct ps_position_list *positions, struct penstock_error *error)
    PENSTOCK_MUST_USE;

#endif
