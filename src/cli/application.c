/* SPDX-License-Identifier: Apache-2.0
 *
 * application.c - `penstock application`, which answers as `yarn application` does.
 *
 * Applications are plain files under the store, so they can be read while a run holds it and after it died.
 */
#include "app/application.h"
#include "cli/command.h"

struct application_values {
    bool list;
    const char *states, *status, *kill;
};

static const struct ps_cli_option application_options[] = {
    {.row = {.name = "list",
             .type = PS_OPTION_BOOLEAN,
             .offset = offsetof(struct application_values, list),
             .help = "list the applications (the default)",
             .since = "0.1"}},
    {.row = {.name = "appStates",
             .type = PS_OPTION_TEXT,
             .offset = offsetof(struct application_values, states),
             .help = "with -list: only these states, comma separated, or ALL",
             .since = "0.1"},
     .value_name = "STATES"},
    {.row = {.name = "status",
             .type = PS_OPTION_TEXT,
             .offset = offsetof(struct application_values, status),
             .help = "the report of one application",
             .since = "0.1"},
     .value_name = "ID"},
    {.row = {.name = "kill",
             .type = PS_OPTION_TEXT,
             .offset = offsetof(struct application_values, kill),
             .help = "ask a running application to stop",
             .since = "0.1"},
     .value_name = "ID"},
    {.row = {.name = NULL}},
};

static penstock_code run_application(struct ps_cli *cli, struct penstock_error *error) {
    const struct application_values *const values = cli->values;
    const int verbs =
        (values->list ? 1 : 0) + (values->status != NULL ? 1 : 0) + (values->kill != NULL ? 1 : 0);
    if (verbs > 1) {
        ps_error_set(error, PENSTOCK_INVALID_ARGUMENT,
                     "penstock application: give one of -list, -status ID and -kill ID");
        return ps_error_hint(error, "penstock help application");
    }
    struct ps_project *project PS_SCOPED(ps_project_free_scoped) = NULL;
    PS_TRY(ps_cli_load_project(cli, &project, error));
    const char *const store = project->store_path;
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&text, PS_LIMIT_ARENA_SIZE);
    if (values->status != NULL) {
        PS_TRY(ps_application_status(store, values->status, &text, error));
    } else if (values->kill != NULL) {
        PS_TRY(ps_application_kill(store, values->kill, &text, error));
    } else if (ps_cli_format(cli) == PS_FORMAT_TABLE) {
        PS_TRY(ps_application_list(store, values->states, &text, error));
    } else {
        struct ps_text_table *table PS_SCOPED(ps_text_table_free_scoped) = NULL;
        PS_TRY(ps_application_table(store, &table, error));
        ps_cli_print_table(cli, table);
    }
    PS_TRY(ps_buffer_status(&text, error));
    ps_output_bytes(cli->out, text.data, text.size);
    return PENSTOCK_OK;
}

const struct ps_command ps_command_application = {
    .name = "application",
    .summary = "list, show or stop applications, as `yarn application` does",
    .options = application_options,
    .values_size = sizeof(struct application_values),
    .details =
        "Each run is an application with a driver and containers. Without -appStates the list has those that "
        "are SUBMITTED, ACCEPTED or RUNNING, as in YARN.",
    .examples =
        "penstock application -list -appStates ALL\npenstock application -status application_1795367732275_0001",
    .run = run_application,
};
