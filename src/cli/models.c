/* SPDX-License-Identifier: Apache-2.0
 *
 * models.c - `penstock models list` and `models show`.
 */
#include "cli/command.h"
#include "cli/model_card.h"

static penstock_code run_list(struct ps_cli *cli, struct penstock_error *error) {
    struct ps_app *app PS_SCOPED(ps_app_close_scoped) = NULL;
    PS_TRY(ps_cli_open_for_reading(cli, &app, error));
    struct ps_text_table *table PS_SCOPED(ps_text_table_free_scoped) = NULL;
    PS_TRY(ps_app_models_list(app, &table, error));
    ps_cli_print_table(cli, table);
    return PENSTOCK_OK;
}

const struct ps_command ps_command_models_list = {
    .name = "models list",
    .summary = "every version of every model, with its aliases",
    .details =
        "Versions are immutable and numbered 1, 2, 3. champion is the version that passed its gate last, previous "
        "the one before; a refused candidate is kept as a version without an alias.",
    .examples = "penstock models list",
    .run = run_list,
};

static penstock_code run_show(struct ps_cli *cli, struct penstock_error *error) {
    struct ps_app *app PS_SCOPED(ps_app_close_scoped) = NULL;
    PS_TRY(ps_cli_open_for_reading(cli, &app, error));
    struct ps_buffer json PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&json, PS_LIMIT_ARENA_SIZE);
    PS_TRY(ps_app_models_show(app, cli->arguments[0], &json, error));
    PS_TRY(ps_buffer_status(&json, error));
    if (ps_cli_format(cli) != PS_FORMAT_JSON) {
        return ps_model_card_print(cli, json.data, json.size, error);
    }
    ps_output_bytes(cli->out, json.data, json.size);
    if (json.size > 0 && json.data[json.size - 1] != '\n') {
        ps_output_text(cli->out, "\n");
    }
    return PENSTOCK_OK;
}

const struct ps_command ps_command_models_show = {
    .name = "models show",
    .summary = "one version: search, choice, coefficients, hold-out, gate, lineage",
    .arguments = "MODEL",
    .argument_count_min = 1,
    .argument_count_max = 1,
    .details =
        "MODEL is a name (its champion), name@alias, name@version or models:/name@alias. With --format json the "
        "whole search is there: every parameter set with the metric of every fold and the mean. With --format csv: "
        "the coefficients by feature name.",
    .examples = "penstock models show congestion\npenstock models show congestion@2 --format json",
    .run = run_show,
};
