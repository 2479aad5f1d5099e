/* SPDX-License-Identifier: Apache-2.0
 *
 * commands.c - the table of commands, in the order of help. A new command is one file and one line here.
 */
#include "cli/command.h"

const struct ps_command *const ps_commands[] = {
    &ps_command_init,
    &ps_command_check,
    &ps_command_explain,
    &ps_command_plan,
    &ps_command_run,
    &ps_command_status,
    &ps_command_query,
    &ps_command_models_list,
    &ps_command_models_show,
    &ps_command_models_report,
    &ps_command_models_diff,
    &ps_command_models_promote,
    &ps_command_models_rollback,
    &ps_command_models_delete,
    &ps_command_models_replay,
    &ps_command_replay,
    &ps_command_models_export,
    &ps_command_models_import,
    &ps_command_jobs_list,
    &ps_command_jobs_run,
    &ps_command_predict,
    &ps_command_dlq_list,
    &ps_command_dlq_show,
    &ps_command_dlq_replay,
    &ps_command_offsets_show,
    &ps_command_offsets_reset,
    &ps_command_application,
    &ps_command_logs,
    &ps_command_backfill,
    &ps_command_drop,
    &ps_command_prove,
    &ps_command_connectors,
    &ps_command_options,
    &ps_command_version,
    &ps_command_help,
    NULL,
};
