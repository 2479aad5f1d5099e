/* SPDX-License-Identifier: Apache-2.0
 *
 * signals.c - SIGINT and SIGTERM of commands that read records; see signals.h.
 */
#include "cli/signals.h"

#include <unistd.h>

static void *watch_signals(void *argument) {
    struct ps_signals *const watch = argument;
    static const char notice[] = "stopping after this epoch; a second signal stops at once\n";
    for (int count = 0;; count++) {
        int signal_number = 0;
        if (sigwait(&watch->set, &signal_number) != 0 || atomic_load(&watch->is_done)) {
            return NULL;
        }
        if (count > 0) {
            _exit(128 + signal_number);
        }
        ps_app_stop(watch->app);
        if (write(STDERR_FILENO, notice, sizeof notice - 1) < 0) {
            continue; /* nobody reads stderr: the stop was asked for all the same */
        }
    }
}

void ps_signals_end(struct ps_signals *watch) {
    if (watch->thread.is_started) {
        atomic_store(&watch->is_done, true);
        pthread_kill(watch->thread.handle, SIGTERM);
        ps_thread_join(&watch->thread);
        watch->thread.is_started = false;
    }
}

/* A library may have started threads before main(), with no signal blocked (OpenBLAS does). Such a thread would end
 * the process; with this handler it sends the signal once more instead, and while it is in here the only thread
 * left that takes it is the one in sigwait(). */
static void pass_on(int signal_number) {
    (void)kill(getpid(), signal_number);
}

void ps_signals_block(struct ps_signals *watch) {
    sigemptyset(&watch->set);
    sigaddset(&watch->set, SIGINT);
    sigaddset(&watch->set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &watch->set, NULL);
    const struct sigaction action = {.sa_handler = pass_on, .sa_mask = watch->set, .sa_flags = SA_RESTART};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

penstock_code ps_signals_watch(struct ps_signals *watch, struct ps_app *app, struct penstock_error *error) {
    watch->app = app;
    return ps_thread_start(&watch->thread, "signals", watch_signals, watch, error);
}
