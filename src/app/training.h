/* SPDX-License-Identifier: Apache-2.0
 *
 * training.h - one training of one model: is there anything new, train on a snapshot, score the champion on the same
 * hold-out rows, ask the gate, publish.
 *
 * It belongs to the thread that calls it and to the connection that it is given; a run trains in its own thread, jobs
 * beside the stream in theirs (jobs.h). What it has to say goes to the progress, which knows from which thread.
 */
#ifndef PS_APP_TRAINING_H
#define PS_APP_TRAINING_H

#include "app/progress.h"

struct ps_training_setup {
    struct ps_progress *progress;
    const struct ps_voice *voice; /* of the thread */
    const struct ps_node *node;
    struct ps_connection *connection; /* no transaction is open; none is afterwards */
    int64_t thread_count;
    const struct ps_stop *stop;
    struct ps_arena *arena; /* of the outcome's texts */
    /* The snapshot's transaction has begun: what else is to be read in it. Or NULL. */
    penstock_code (*on_snapshot)(void *context, struct penstock_error *error);
    /* In the transaction of the publication; in one of its own when there is nothing to publish. Or NULL. */
    penstock_code (*on_outcome)(void *context, const struct ps_model_outcome *outcome,
                                struct penstock_error *error);
    void *context;
};

/* *outcome: zeroed. Owned by the caller also on failure (ps_training_free). A refusal is no error. Errors:
 * INVALID_DATA (too few rows, ...), CANCELLED, SQL, FENCED. */
penstock_code ps_training_one(const struct ps_training_setup *setup, struct ps_model_outcome *outcome,
                              struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
