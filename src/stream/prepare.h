/* SPDX-License-Identifier: Apache-2.0
 *
 * prepare.h - a project's statements applied to its store.
 */
#ifndef PS_STREAM_PREPARE_H
#define PS_STREAM_PREPARE_H

#include "stream/run.h"

/* Runs what has not run yet, makes tables and views that are not there, and plans every output. */
penstock_code ps_prepare(struct ps_run *run, struct penstock_error *error) PENSTOCK_MUST_USE;
/* After it: opens the sources and lets the streams stand over the epochs to come. */
penstock_code ps_prepare_epochs(struct ps_run *run, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Claims the next attempt of the store; run->epoch is then the last committed one. */
penstock_code ps_prepare_attempt(struct ps_run *run, struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
