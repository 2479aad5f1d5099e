/* SPDX-License-Identifier: Apache-2.0
 *
 * init.c - `penstock init NAME`: a new project that runs as it is.
 */
#include "cli/command.h"

static penstock_code run_init(struct ps_cli *cli, struct penstock_error *error) {
    const char *const name = cli->arguments[0];
    const char *const folder = ps_path_join(cli->arena, cli->common.project, name);
    if (folder == NULL) {
        return ps_error_memory(error, "init");
    }
    const char *const shown = strcmp(cli->common.project, ".") == 0 ? name : folder;
    PS_TRY(ps_app_init(shown, error));
    switch (ps_cli_format(cli)) {
    case PS_FORMAT_TABLE:
        ps_output_text(cli->out, "made ");
        ps_output_shown(cli->out, shown);
        ps_output_text(cli->out, ": a project that runs. Try\n  penstock run --once --project ");
        ps_output_shown(cli->out, shown);
        ps_output_text(cli->out, "\n");
        break;
    case PS_FORMAT_CSV:
        ps_output_text(cli->out, "project\n");
        ps_output_shown(cli->out, shown);
        ps_output_text(cli->out, "\n");
        break;
    case PS_FORMAT_JSON:
        ps_output_text(cli->out, "{\"project\": ");
        ps_output_json(cli->out, shown);
        ps_output_text(cli->out, "}\n");
        break;
    }
    return PENSTOCK_OK;
}

const struct ps_command ps_command_init = {
    .name = "init",
    .summary = "make a new project folder that runs",
    .arguments = "NAME",
    .argument_count_min = 1,
    .argument_count_max = 1,
    .details =
        "Makes the folder NAME with a manifest (penstock.yml), one SQL file and a little data. A folder that is "
        "there already must be empty.",
    .examples = "penstock init demo\npenstock run --once --project demo",
    .run = run_init,
};
