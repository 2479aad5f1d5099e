/* SPDX-License-Identifier: Apache-2.0
 *
 * container.h - the application that this process is: its record, its containers and their log files.
 *
 * Container 000001 is the driver, 000002 and on are executors; with a local master all of them are this process,
 * and each still has its own files, up before there is work. The driver's stdout and stderr get what the program
 * prints for a person, an executor's stderr gets a line when a task starts and ends, penstock.log is JSON.
 *
 * Threads: the run's; its files roll. What another thread has to say goes through struct ps_voice (progress.h). The
 * structured log alone is for any.
 */
#ifndef PS_APP_CONTAINER_H
#define PS_APP_CONTAINER_H

#include "app/record.h"
#include "base/log.h"

struct ps_application;

struct ps_application_setup {
    const char *store_path, *name, *master;
    int64_t executor_count;
    enum ps_log_level log_level;
};

/* Makes the folders and files, writes the record as NEW. Errors: IO, OUT_OF_MEMORY. */
penstock_code ps_application_begin(const struct ps_application_setup *setup,
                                   struct ps_application **application_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
const char *ps_application_id(const struct ps_application *application);
penstock_code ps_application_set_running(struct ps_application *application, struct penstock_error *error)
    PENSTOCK_MUST_USE;

void ps_application_print(struct ps_application *application, const char *line);    /* driver stdout */
void ps_application_complain(struct ps_application *application, const char *line); /* driver stderr */
/* One line of an executor's stderr, with the time in front; `executor` counts from 0 and wraps around. */
void ps_application_task(struct ps_application *application, int64_t executor, const char *format, ...)
    PS_PRINTF(3, 4);
/* The driver's structured log. */
struct ps_log *ps_application_log(struct ps_application *application);

/* Has somebody asked to kill it? (`penstock application -kill`, as opposed to a signal) */
bool ps_application_kill_requested(const struct ps_application *application);
/* STORE/applications/ID/kill: the mark that asks for it. */
char *ps_application_kill_path(struct ps_arena *arena, const char *store_path, const char *id);

/* Writes the end. The files stay. */
penstock_code ps_application_end(struct ps_application *application, enum ps_application_state state,
                                 const char *final_status, int64_t exit_code, const char *diagnostics,
                                 struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_application_free(struct ps_application *application);

#endif
