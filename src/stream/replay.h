/* SPDX-License-Identifier: Apache-2.0
 *
 * replay.h - a replay's rows on their way to outside sinks, exactly once.
 *
 * A replay is an epoch like any other: before a sink sees its number, what it consists of (the ids of the letters) is
 * durable in penstock.plans. If it is cut off between a sink's commit and the store's, the same letters are replayed
 * under the same number at the next start, and the sinks that have it are left out.
 */
#ifndef PS_STREAM_REPLAY_H
#define PS_STREAM_REPLAY_H

#include "stream/run.h"

struct ps_replay_sinks {
    uint64_t has_epoch, is_begun; /* one bit a sink */
};

/* The ids of a replay that was cut off ("1, 2, 3"), in the arena; NULL: there is none. */
penstock_code ps_replay_plan_find(struct ps_connection *connection, struct ps_arena *arena,
                                  const char **ids_out, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Makes the ids durable under run->epoch.number, in a transaction of its own. */
penstock_code ps_replay_plan_save(struct ps_run *run, const char *ids, struct penstock_error *error)
    PENSTOCK_MUST_USE;
penstock_code ps_replay_plan_forget(struct ps_run *run, struct penstock_error *error) PENSTOCK_MUST_USE;

/* Opens and recovers the sinks; run->epoch.number is the last committed one. `is_resumed`: a sink may be one ahead. */
penstock_code ps_replay_sinks_open(struct ps_run *run, bool is_resumed, struct ps_replay_sinks *sinks,
                                   struct penstock_error *error) PENSTOCK_MUST_USE;
/* In the epoch's transaction. */
penstock_code ps_replay_sinks_begin(struct ps_run *run, struct ps_replay_sinks *sinks,
                                    struct penstock_error *error) PENSTOCK_MUST_USE;
/* After each group of letters: its rows of every sink that has not got the epoch yet. */
penstock_code ps_replay_sinks_gather(struct ps_run *run, const struct ps_replay_sinks *sinks,
                                     struct penstock_error *error) PENSTOCK_MUST_USE;
/* Writes what was gathered and commits the sinks. */
penstock_code ps_replay_sinks_commit(struct ps_run *run, struct ps_replay_sinks *sinks,
                                     struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_replay_sinks_discard(struct ps_run *run, struct ps_replay_sinks *sinks);

#endif
