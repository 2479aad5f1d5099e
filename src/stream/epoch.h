/* SPDX-License-Identifier: Apache-2.0
 *
 * epoch.h - one epoch's SQL, inside a transaction that the runner has begun.
 */
#ifndef PS_STREAM_EPOCH_H
#define PS_STREAM_EPOCH_H

#include "stream/ahead.h"

/* When an epoch was planned: what epoch_time() is in it. */
penstock_code ps_epoch_begin(struct ps_run *run, struct ps_epoch epoch, int64_t planned_ms,
                             struct penstock_error *error) PENSTOCK_MUST_USE;
/* Rows, states, dead letters, positions, watermarks and the epoch's own row. Does not commit. */
penstock_code ps_epoch_write(struct ps_run *run, struct ps_prepared *prepared,
                             struct ps_epoch_totals *totals_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* FENCED if another attempt has the store. */
penstock_code ps_epoch_commit(struct ps_run *run, struct penstock_error *error) PENSTOCK_MUST_USE;
/* The row of penstock.epochs. */
penstock_code ps_epoch_save(struct ps_run *run, int64_t started_ms, const struct ps_epoch_totals *totals,
                            struct penstock_error *error) PENSTOCK_MUST_USE;
/* Forgets the epoch's rows. */
void ps_epoch_release(struct ps_run *run);

#endif
