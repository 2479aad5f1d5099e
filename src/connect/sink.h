/* SPDX-License-Identifier: Apache-2.0
 *
 * sink.h - the contract of everything records go to.
 *
 * write() makes nothing durable. commit(epoch, positions) is the only moment at which anything becomes
 * durable, and then all of it does, rows and positions together; a commit of an epoch that is already
 * there does nothing, and a commit by an older attempt fails with FENCED. recover() tells the last epoch.
 * After begin(), write() or commit() failed, discard() throws away what there is, and only recover() knows what
 * was kept; discard() with nothing begun does nothing.
 * tests/sim crashes the engine before and after every step over this contract, and must catch three sinks
 * that break it: acknowledge early, acknowledge late, forget the position.
 */
#ifndef PS_CONNECT_SINK_H
#define PS_CONNECT_SINK_H

#include "data/batch.h"
#include "base/option.h"

/* How rows and position become durable together; the planner refuses a promise a sink cannot keep. */
enum ps_delivery {
    PS_DELIVERY_SAME_TRANSACTION, /* rows and position in one transaction */
    PS_DELIVERY_WRITE_ONCE,       /* a unit named by its epoch; writing it twice is the same */
    PS_DELIVERY_AT_LEAST_ONCE,
};

struct ps_epoch {
    int64_t number;  /* 1, 2, 3, ... ; 0: none yet */
    int64_t attempt; /* of the application: a commit by a lower one is fenced */
};

struct ps_sink_type {
    const char *name;
    const char *summary;
    const struct ps_option *options;
    size_t config_size;
    enum ps_delivery delivery;
    penstock_code (*open)(const void *config, void **state_out, struct penstock_error *error);
    penstock_code (*recover)(void *state, int64_t attempt, struct ps_epoch *epoch_out,
                             struct ps_position_list *positions_out, struct penstock_error *error);
    penstock_code (*begin)(void *state, struct ps_epoch epoch, struct penstock_error *error);
    penstock_code (*write)(void *state, const struct ps_batch *batch, struct penstock_error *error);
    penstock_code (*commit)(void *state, struct ps_epoch epoch, const struct ps_position_list *positions,
                            struct penstock_error *error);
    penstock_code (*discard)(void *state, struct penstock_error *error);
    void (*close)(void *state);
};

struct ps_sink;
penstock_code ps_sink_open(const struct ps_sink_type *type, const void *config, struct ps_sink **sink_out,
                           struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_sink_close(struct ps_sink *sink);
penstock_code ps_sink_recover(struct ps_sink *sink, int64_t attempt, struct ps_epoch *epoch_out,
                              struct ps_position_list *positions_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
penstock_code ps_sink_begin(struct ps_sink *sink, struct ps_epoch epoch, struct penstock_error *error)
    PENSTOCK_MUST_USE;
penstock_code ps_sink_write(struct ps_sink *sink, const struct ps_batch *batch, struct penstock_error *error)
    PENSTOCK_MUST_USE;
penstock_code ps_sink_commit(struct ps_sink *sink, struct ps_epoch epoch,
                             const struct ps_position_list *positions, struct penstock_error *error)
    PENSTOCK_MUST_USE;
penstock_code ps_sink_discard(struct ps_sink *sink, struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
