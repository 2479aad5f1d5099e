/* SPDX-License-Identifier: Apache-2.0
 *
 * backfill.h - a table or view that is new over a source that has been read already: the source read once more, for it
 * alone, up to exactly the committed position.
 *
 * From there on the ordinary epochs have it. Everything is committed together with the progress (positions under
 * "backfill:NAME"), so a kill at any moment loses and doubles nothing, and the next backfill goes on. Until it is
 * finished nothing else runs on the store: the position that it must reach may not move away.
 * Outside sinks get nothing of it: a sink over a table has the rows that came after it.
 */
#ifndef PS_STREAM_BACKFILL_H
#define PS_STREAM_BACKFILL_H

#include "stream/runner.h"

struct ps_backfill {
    const char *name; /* a streaming table or view that streams from a source itself */
    const char *from; /* "earliest" (NULL), "timestamp:...", "PARTITION=OFFSET,...": as offsets.h */
    bool is_rebuild;  /* what is there is dropped first, with everything that streams from it */
};

/* From where to where, per partition: what the backfill would read. Texts are in the arena. */
struct ps_backfill_span {
    const char *partition;
    int64_t from, to;
};
struct ps_backfill_plan {
    const char *source;
    bool is_resumed; /* it was begun before: `from` is where it stands */
    struct ps_backfill_span *spans;
    size_t span_count;
    const char **outputs; /* that are filled: the one named and what streams from it */
    size_t output_count;
};
/* Errors: NOT_FOUND; INVALID_ARGUMENT (filled already, and no rebuild; not over a source); UNSUPPORTED (a join of
 * streams); BUSY (an epoch with outside sinks is not finished; another backfill is). */
penstock_code ps_backfill_plan(const struct ps_graph *graph, struct ps_store *store,
                               const struct ps_backfill *backfill, struct ps_arena *arena,
                               struct ps_backfill_plan *plan_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* Carries it out, or goes on with it; a stop request ends it between two epochs. *is_finished_out: it is filled. */
penstock_code ps_runner_backfill(const struct ps_runner_options *options, const struct ps_backfill *backfill,
                                 struct ps_run_totals *totals_out, bool *is_finished_out,
                                 struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
