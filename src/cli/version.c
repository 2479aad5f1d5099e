/* SPDX-License-Identifier: Apache-2.0
 *
 * version.c - `penstock version`. Opens nothing.
 */
#include "cli/command.h"

static penstock_code run_version(struct ps_cli *cli, struct penstock_error *error) {
    (void)error;
    switch (ps_cli_format(cli)) {
    case PS_FORMAT_TABLE: ps_output_text(cli->out, "penstock " PENSTOCK_VERSION "\n"); break;
    case PS_FORMAT_CSV: ps_output_text(cli->out, "version\n" PENSTOCK_VERSION "\n"); break;
    case PS_FORMAT_JSON: ps_output_text(cli->out, "{\"version\": \"" PENSTOCK_VERSION "\"}\n"); break;
    }
    return PENSTOCK_OK;
}

const struct ps_command ps_command_version = {
    .name = "version",
    .summary = "the version of the program",
    .examples = "penstock version --format json",
    .run = run_version,
};
