/* SPDX-License-Identifier: Apache-2.0
 *
 * application.h - applications and containers, as YARN knows them, kept as plain files under the store.
 *
 *   STORE/applications/application_<startms>_<nnnn>/application.json      state, pid, times, diagnostics
 *   .../container_<startms>_<nnnn>_01_000001/{stdout,stderr,penstock.log} the driver
 *   .../container_<startms>_<nnnn>_01_000002/{stdout,stderr,penstock.log} executor 1, up before there is work
 *
 * Plain files, because logs must be readable while a run holds the store and after it died. An application that
 * says RUNNING but whose process is gone was killed: the next reader says so (FAILED, with what is known).
 */
#ifndef PS_APP_APPLICATION_H
#define PS_APP_APPLICATION_H

#include "app/app.h"

/* yarn application -list [-appStates S,S|ALL] | -status ID | -kill ID: the text as yarn prints it. */
penstock_code ps_application_list(const char *store_path, const char *states, struct ps_buffer *out,
                                  struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_application_table(const char *store_path, struct ps_text_table **table_out,
                                   struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_application_status(const char *store_path, const char *id, struct ps_buffer *out,
                                    struct penstock_error *error) PENSTOCK_MUST_USE;
penstock_code ps_application_kill(const char *store_path, const char *id, struct ps_buffer *out,
                                  struct penstock_error *error) PENSTOCK_MUST_USE;

/* yarn logs. What is NULL, 0 or false was not given. */
struct ps_logs_options {
    const char *application_id;    /* -applicationId */
    const char *container_id;      /* -containerId */
    const char *log_files;         /* -log_files stderr,stdout */
    const char *log_files_pattern; /* -log_files_pattern 'std.*' (POSIX extended) */
    int64_t size;                  /* -size: first (or, negative, last) bytes of each file */
    bool has_size;
    const char *am;         /* -am ALL | 1 | -1 */
    const char *out_folder; /* -out DIR */
    bool show_application_log_info;
    bool show_container_log_info;
    bool list_nodes;
};
/* Appends what `yarn logs` prints to `out`, and its complaints to `complaints` (stderr);
 * *status_out: 0 or 255 as yarn's. */
penstock_code ps_application_logs(const char *store_path, const struct ps_logs_options *options,
                                  struct ps_buffer *out, struct ps_buffer *complaints, int *status_out,
                                  struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
