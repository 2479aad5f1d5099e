/* SPDX-License-Identifier: Apache-2.0
 *
 * offsets.h - a source moved by hand: what would move, and the move itself.
 *
 * Positions and rows belong together: that is what exactly-once means here. Moving a position breaks it on purpose, so
 * what it means is worked out first (read again, left out), and what was done is kept in penstock.offset_resets.
 */
#ifndef PS_STREAM_OFFSETS_H
#define PS_STREAM_OFFSETS_H

#include "connect/create.h"
#include "job/graph.h"
#include "stream/store.h"

/* One partition of a reset. Texts are in the arena. */
struct ps_offset_move {
    struct ps_partition partition;
    bool is_known; /* it has a committed position: `from` */
    int64_t from, to;
    const char *state; /* at `to` */
};

struct ps_offset_reset {
    const char *source;
    const char *given; /* "--to": as written */
    struct ps_offset_move *moves;
    size_t move_count;
    bool goes_back, skips;
    /* The greatest event time seen is forgotten, or everything that is read again would be late. */
    bool forgets_watermark;
    const char **readers; /* tables and views whose rows come from the source */
    size_t reader_count;
    bool is_keyed; /* a changelog: what is read again overwrites */
};

/* Where `to` ("earliest", "latest", "timestamp:2026-11-23T04:00:00Z", "data/a.ndjson=0,topic[3]=120") would move the
 * source. Asks its broker or looks at its files; writes nothing.
 * Errors: NOT_FOUND (no such source, or never read), INVALID_ARGUMENT (`to`), UNSUPPORTED, BUSY (an epoch with
 * outside sinks, or a backfill, is not finished). */
penstock_code ps_offsets_plan(const struct ps_graph *graph, struct ps_connection *connection,
                              const char *source, const char *to, struct ps_arena *arena,
                              struct ps_offset_reset *reset_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* Carries it out in one transaction. `who`: written into penstock.offset_resets. */
penstock_code ps_offsets_apply(struct ps_store *store, const struct ps_offset_reset *reset, const char *who,
                               struct penstock_error *error) PENSTOCK_MUST_USE;

/* The positions that `to` means; a list that the caller has initialised is added to. Moves nothing. */
penstock_code ps_offsets_locate(struct ps_connection *connection, struct ps_source *source,
                                const struct ps_position_list *committed, const char *to,
                                struct ps_arena *arena, struct ps_position_list *found_out,
                                struct penstock_error *error) PENSTOCK_MUST_USE;

/* What there is to read, beside committed positions: first and end of every partition. Lists are initialised by the
 * caller; a connector that cannot tell leaves them empty. */
penstock_code ps_offsets_look(const struct ps_source_statement *statement, const char *name,
                              const char *folder, const struct ps_position_list *committed,
                              struct ps_position_list *first_out, struct ps_position_list *end_out,
                              struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
