/* SPDX-License-Identifier: Apache-2.0
 *
 * model_report.c - `penstock models report`.
 */
#include "base/file.h"
#include "cli/command.h"
#include "cli/model_page.h"

struct values {
    const char *output;
};

static const struct ps_cli_option options[] = {
    {.row = {.name = "output",
             .type = PS_OPTION_TEXT,
             .offset = offsetof(struct values, output),
             .help = "where the page is written; without it, to standard output",
             .since = "0.2"},
     .value_name = "FILE"},
    {.row = {.name = NULL}},
};

static penstock_code run(struct ps_cli *cli, struct penstock_error *error) {
    const struct values *values = cli->values;
    struct ps_app *app PS_SCOPED(ps_app_close_scoped) = NULL;
    struct ps_buffer json PS_SCOPED(ps_buffer_done);
    struct ps_buffer html PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&json, PS_LIMIT_ARENA_SIZE);
    ps_buffer_init(&html, PS_LIMIT_ARENA_SIZE);
    PS_TRY(ps_cli_open_for_reading(cli, &app, error));
    PS_TRY(ps_app_models_show(app, cli->arguments[0], &json, error));
    PS_TRY(ps_buffer_status(&json, error));
    PS_TRY(ps_model_page_write(json.data, json.size, &html, error));
    if (values->output == NULL) {
        ps_output_bytes(cli->out, html.data, html.size);
        return PENSTOCK_OK;
    }
    PS_TRY(ps_file_replace(values->output, html.data, html.size, error));
    ps_output_printf(cli->out, "%s: %zu bytes\n", values->output, html.size);
    return PENSTOCK_OK;
}

const struct ps_command ps_command_models_report = {
    .name = "models report",
    .summary = "one version as an HTML page: gate, search, residuals, drift, coefficients",
    .arguments = "MODEL",
    .argument_count_min = 1,
    .argument_count_max = 1,
    .options = options,
    .values_size = sizeof(struct values),
    .details =
        "The page is one file with nothing to load from elsewhere: it can be kept, mailed and printed. MODEL is "
        "written as for models show.",
    .examples = "penstock models report congestion --output congestion.html\n"
                "penstock models report congestion@2 > second.html",
    .run = run,
};
