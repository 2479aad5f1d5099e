/* SPDX-License-Identifier: Apache-2.0
 *
 * record.h - application.json: what is known of one application, written by its own process, read by everybody.
 *
 * The file is replaced as a whole, so a reader sees one state or the next. A process that dies says nothing any
 * more; a reader that finds RUNNING without the process therefore writes the end itself. The process is told
 * from a later one with the same pid by the boot and the tick at which it started.
 */
#ifndef PS_APP_RECORD_H
#define PS_APP_RECORD_H

#include "base/memory.h"

enum ps_application_state {
    PS_APPLICATION_NEW,
    PS_APPLICATION_RUNNING,
    PS_APPLICATION_FINISHED,
    PS_APPLICATION_FAILED,
    PS_APPLICATION_KILLED
};
const char *ps_application_state_name(enum ps_application_state state); /* YARN's: "RUNNING" */

/* Texts belong to the arena they were read into, or are borrowed while it is written. */
struct ps_application_record {
    const char *id, *name, *user, *master;
    const char *node; /* host name; YARN's node id is host:port, ours has port 0: nothing listens */
    enum ps_application_state state;
    const char *final_status;    /* UNDEFINED, SUCCEEDED, FAILED, KILLED */
    int64_t start_ms, finish_ms; /* finish 0: not yet */
    int64_t pid;
    const char *process_start; /* ps_process_start() of pid */
    int64_t exit_code;         /* -1: not ended, or nobody saw it */
    const char *diagnostics;
};

bool ps_record_is_finished(const struct ps_application_record *record);

/* The boot and the start of a process as text: "" when there is none. At least 96 bytes. */
void ps_process_start(int64_t pid, char *text_out, size_t size);

/* STORE/applications, and STORE/applications/ID. In the arena; NULL when exhausted. */
char *ps_record_folder(struct ps_arena *arena, const char *store_path, const char *id);

penstock_code ps_record_write(const char *store_path, const struct ps_application_record *record,
                              struct penstock_error *error) PENSTOCK_MUST_USE;
/* Reads one; an application whose process is gone is FAILED, also in its file if that may be written.
 * Errors: NOT_FOUND in yarn's words. */
penstock_code ps_record_read(const char *store_path, const char *id, struct ps_arena *arena,
                             struct ps_application_record *record_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* All of the store, in order of number and start. Folders without a readable record are left out. */
penstock_code ps_record_list(const char *store_path, struct ps_arena *arena,
                             struct ps_application_record **records_out, size_t *count_out,
                             struct penstock_error *error) PENSTOCK_MUST_USE;
/* Names of the container folders of an application, in order. */
penstock_code ps_record_containers(const char *store_path, const char *id, struct ps_arena *arena,
                                   char ***names_out, size_t *count_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

/* "application_1795367732275_0001": numbers, or false. */
bool ps_application_id_parse(const char *id, int64_t *start_ms_out, int64_t *number_out);

#endif
