/* SPDX-License-Identifier: Apache-2.0
 *
 * signals.h - SIGINT and SIGTERM of commands that read records.
 *
 * Signals are taken by a thread of their own with sigwait(): no handler that does anything, no global. The first asks
 * the run to finish its epoch, the second ends the process at once, which is as safe as any other kill: the next run
 * goes on from the last commit.
 */
#ifndef PS_CLI_SIGNALS_H
#define PS_CLI_SIGNALS_H

#include <signal.h>

#include "cli/command.h"

struct ps_signals {
    struct ps_app *app;
    sigset_t set;
    struct ps_thread thread;
    atomic_bool is_done;
};
/* Before any other thread starts. */
void ps_signals_block(struct ps_signals *signals);
penstock_code ps_signals_watch(struct ps_signals *signals, struct ps_app *app, struct penstock_error *error)
    PENSTOCK_MUST_USE;
void ps_signals_end(struct ps_signals *signals); /* also twice */

#endif
