/* SPDX-License-Identifier: Apache-2.0
 *
 * logs.c - `penstock logs`, which answers as `yarn logs` does: the same options, the same blocks.
 *
 * It reads plain files under the store: also while a run holds it, and after it died.
 */
#include <unistd.h>

#include "app/application.h"
#include "cli/command.h"

struct logs_values {
    struct ps_logs_options logs;
    const char *size;
};

static const struct ps_cli_option logs_options[] = {
    {.row = {.name = "applicationId",
             .type = PS_OPTION_TEXT,
             .offset = offsetof(struct ps_logs_options, application_id),
             .help = "the application",
             .since = "0.1"},
     .value_name = "ID"},
    {.row = {.name = "containerId",
             .type = PS_OPTION_TEXT,
             .offset = offsetof(struct ps_logs_options, container_id),
             .help = "only this container",
             .since = "0.1"},
     .value_name = "ID"},
    {.row = {.name = "log_files",
             .type = PS_OPTION_TEXT,
             .offset = offsetof(struct ps_logs_options, log_files),
             .help = "only these files: stdout, stderr, penstock.log; comma separated",
             .since = "0.1"},
     .value_name = "NAMES"},
    {.row = {.name = "log_files_pattern",
             .type = PS_OPTION_TEXT,
             .offset = offsetof(struct ps_logs_options, log_files_pattern),
             .help = "only files whose name matches this regular expression",
             .since = "0.1"},
     .value_name = "REGEX"},
    {.row = {.name = "size",
             .type = PS_OPTION_TEXT,
             .offset = offsetof(struct logs_values, size),
             .help = "the first N bytes of each file, or the last N with -N",
             .since = "0.1"},
     .value_name = "N"},
    {.row = {.name = "am",
             .type = PS_OPTION_TEXT,
             .offset = offsetof(struct ps_logs_options, am),
             .help = "containers of the driver: ALL, 1, -1",
             .since = "0.1"},
     .value_name = "WHICH"},
    {.row = {.name = "out",
             .type = PS_OPTION_TEXT,
             .offset = offsetof(struct ps_logs_options, out_folder),
             .help = "write files into this folder instead",
             .since = "0.1"},
     .value_name = "DIR"},
    {.row = {.name = "show_application_log_info",
             .type = PS_OPTION_BOOLEAN,
             .offset = offsetof(struct ps_logs_options, show_application_log_info),
             .help = "only the state and the containers",
             .since = "0.1"}},
    {.row = {.name = "show_container_log_info",
             .type = PS_OPTION_BOOLEAN,
             .offset = offsetof(struct ps_logs_options, show_container_log_info),
             .help = "only the files of each container with their sizes",
             .since = "0.1"}},
    {.row = {.name = "list_nodes",
             .type = PS_OPTION_BOOLEAN,
             .offset = offsetof(struct ps_logs_options, list_nodes),
             .help = "only the nodes of a finished application",
             .since = "0.1"}},
    {.row = {.name = NULL}},
};

static penstock_code check_values(struct ps_cli *cli, struct logs_values *values,
                                  struct penstock_error *error) {
    if (cli->argument_count > 0 && values->logs.application_id == NULL) {
        values->logs.application_id = cli->arguments[0];
    }
    if (values->logs.application_id == NULL && values->logs.container_id == NULL) {
        ps_error_set(error, PENSTOCK_INVALID_ARGUMENT,
                     "penstock logs needs -applicationId ID or -containerId ID");
        return ps_error_hint(error, "penstock application -list -appStates ALL shows the ids");
    }
    if (values->size != NULL) {
        values->logs.has_size = true;
        if (!ps_parse_integer(values->size, &values->logs.size)) {
            ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "-size: \"%s\" is no number of bytes",
                         values->size);
            return ps_error_hint(error, "-size 4096 for the first, -size -4096 for the last 4096 bytes");
        }
    }
    return PENSTOCK_OK;
}

static penstock_code run_logs(struct ps_cli *cli, struct penstock_error *error) {
    struct logs_values *const values = cli->values;
    PS_TRY(check_values(cli, values, error));
    struct ps_project *project PS_SCOPED(ps_project_free_scoped) = NULL;
    PS_TRY(ps_cli_load_project(cli, &project, error));
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    struct ps_buffer complaints PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&text, PS_LIMIT_ARENA_SIZE);
    ps_buffer_init(&complaints, PS_LIMIT_ARENA_SIZE);
    PS_TRY(ps_application_logs(project->store_path, &values->logs, &text, &complaints, &cli->exit_status,
                               error));
    PS_TRY(ps_buffer_status(&text, error));
    ps_output_bytes(cli->out, text.data, text.size);
    ps_output_flush(cli->out);
    struct ps_output errors PS_SCOPED(ps_output_done);
    ps_output_init(&errors, STDERR_FILENO);
    ps_output_bytes(&errors, complaints.data, complaints.size);
    ps_output_flush(&errors);
    return PENSTOCK_OK;
}

const struct ps_command ps_command_logs = {
    .name = "logs",
    .summary = "the logs of an application, as `yarn logs` prints them",
    .arguments = "[APPLICATION]",
    .argument_count_max = 1,
    .options = logs_options,
    .values_size = sizeof(struct logs_values),
    .details =
        "Every container keeps stdout, stderr and penstock.log (one JSON object a line). Options are those of "
        "`yarn logs`, with one dash or two. Exit status 255 where yarn's is.",
    .examples = "penstock logs -applicationId application_1795367732275_0001 -log_files stderr\n"
                "penstock logs -applicationId application_1795367732275_0001 -show_application_log_info",
    .run = run_logs,
};
