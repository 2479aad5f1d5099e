/* SPDX-License-Identifier: Apache-2.0
 *
 * sink.c - the one place that calls a sink's functions, in the order the contract allows.
 *
 *   open -> recover -> [ begin -> write* -> commit | discard ]* -> close
 *
 * After a begin, write or commit that failed nobody knows what the sink holds: only discard, recover and close
 * are allowed then.
 * An epoch follows the one before it; beginning one that is already there is allowed, its commit does nothing.
 */
#include "connect/sink.h"

#include "base/check.h"

enum sink_phase { SINK_OPEN, SINK_READY, SINK_BEGUN, SINK_UNSURE };

struct ps_sink {
    const struct ps_sink_type *type;
    void *state;
    enum sink_phase phase;
    struct ps_epoch epoch;   /* the one that is begun */
    int64_t number, attempt; /* last committed, and ours */
};

penstock_code ps_sink_open(const struct ps_sink_type *type, const void *config, struct ps_sink **sink_out,
                           struct penstock_error *error) {
    ps_check(type != NULL);
    ps_check(sink_out != NULL);
    struct ps_sink *sink = ps_allocate(1, sizeof(*sink));
    if (sink == NULL) {
        return ps_error_memory(error, "a sink");
    }
    sink->type = type;
    const penstock_code code = type->open(config, &sink->state, error);
    if (code != PENSTOCK_OK) {
        ps_release(sink);
        return code;
    }
    *sink_out = sink;
    return PENSTOCK_OK;
}

void ps_sink_close(struct ps_sink *sink) {
    if (sink == NULL) {
        return;
    }
    sink->type->close(sink->state);
    ps_release(sink);
}

penstock_code ps_sink_recover(struct ps_sink *sink, int64_t attempt, struct ps_epoch *epoch_out,
                              struct ps_position_list *positions_out, struct penstock_error *error) {
    ps_check(attempt > 0);
    ps_check(sink->phase != SINK_BEGUN);
    struct ps_epoch epoch = {0};
    PS_TRY(sink->type->recover(sink->state, attempt, &epoch, positions_out, error));
    ps_check(epoch.number >= 0);
    if (epoch.attempt > attempt) {
        return ps_error_set(error, PENSTOCK_FENCED, "attempt %lld is over: attempt %lld has committed",
                            (long long)attempt, (long long)epoch.attempt);
    }
    sink->phase = SINK_READY;
    sink->number = epoch.number;
    sink->attempt = attempt;
    *epoch_out = epoch;
    return PENSTOCK_OK;
}

penstock_code ps_sink_begin(struct ps_sink *sink, struct ps_epoch epoch, struct penstock_error *error) {
    ps_check(sink->phase == SINK_READY);
    ps_check(epoch.number >= 1 && epoch.number <= sink->number + 1);
    ps_check(epoch.attempt == sink->attempt);
    const penstock_code code = sink->type->begin(sink->state, epoch, error);
    sink->phase = code == PENSTOCK_OK ? SINK_BEGUN : SINK_UNSURE;
    sink->epoch = epoch;
    return code;
}

penstock_code ps_sink_write(struct ps_sink *sink, const struct ps_batch *batch,
                            struct penstock_error *error) {
    ps_check(sink->phase == SINK_BEGUN);
    ps_check(batch != NULL);
    const penstock_code code = sink->type->write(sink->state, batch, error);
    sink->phase = code == PENSTOCK_OK ? SINK_BEGUN : SINK_UNSURE;
    return code;
}

penstock_code ps_sink_commit(struct ps_sink *sink, struct ps_epoch epoch,
                             const struct ps_position_list *positions, struct penstock_error *error) {
    ps_check(sink->phase == SINK_BEGUN);
    ps_check(positions != NULL);
    ps_check(epoch.number == sink->epoch.number && epoch.attempt == sink->epoch.attempt);
    const penstock_code code = sink->type->commit(sink->state, epoch, positions, error);
    if (code != PENSTOCK_OK) {
        sink->phase = SINK_UNSURE;
        return code;
    }
    sink->phase = SINK_READY;
    sink->number = epoch.number > sink->number ? epoch.number : sink->number;
    return PENSTOCK_OK;
}

penstock_code ps_sink_discard(struct ps_sink *sink, struct penstock_error *error) {
    ps_check(sink->phase != SINK_OPEN); /* ready: whoever cleans up need not know how far it came */
    PS_TRY(sink->type->discard(sink->state, error));
    /* after a failed commit only recover() knows whether the epoch is there */
    sink->phase = sink->phase == SINK_UNSURE ? SINK_OPEN : SINK_READY;
    return PENSTOCK_OK;
}
