/* SPDX-License-Identifier: Apache-2.0
 *
 * explain.c - `penstock explain`: the DAG and the physical plan, stages and tasks; of a model, what its training costs.
 */
#include "app/explain.h"
#include "cli/command.h"

struct explain_values {
    bool dot, json;
};

static const struct ps_cli_option explain_options[] = {
    {.row = {.name = "dot",
             .type = PS_OPTION_BOOLEAN,
             .offset = offsetof(struct explain_values, dot),
             .help = "for Graphviz: penstock explain --dot | dot -Tsvg",
             .since = "0.1"}},
    {.row = {.name = "json",
             .type = PS_OPTION_BOOLEAN,
             .offset = offsetof(struct explain_values, json),
             .help = "the same as --format json",
             .since = "0.1"}},
    {.row = {.name = NULL}},
};

static penstock_code explain_model(struct ps_cli *cli, bool is_json, struct penstock_error *error) {
    struct ps_app *app PS_SCOPED(ps_app_close_scoped) = NULL;
    struct ps_text_table *table PS_SCOPED(ps_text_table_free_scoped) = NULL;
    PS_TRY(ps_cli_open(cli, &app, error));
    PS_TRY(ps_app_explain_model(app, cli->arguments[0], &table, error));
    if (is_json) {
        ps_output_table_json(cli->out, table, 0);
        ps_output_text(cli->out, "\n");
    } else if (ps_cli_format(cli) == PS_FORMAT_CSV) {
        ps_output_table_csv(cli->out, table);
    } else {
        ps_output_table(cli->out, table, 0);
    }
    return PENSTOCK_OK;
}

static penstock_code run_explain(struct ps_cli *cli, struct penstock_error *error) {
    const struct explain_values *const values = cli->values;
    const bool is_json = values->json || ps_cli_format(cli) == PS_FORMAT_JSON;
    if (values->dot && is_json) {
        ps_error_set(error, PENSTOCK_INVALID_ARGUMENT,
                     "penstock explain: --dot and --json cannot both be meant");
        return ps_error_hint(error, "give one of them");
    }
    if (cli->argument_count > 0) {
        if (values->dot) {
            return ps_error_set(error, PENSTOCK_INVALID_ARGUMENT,
                                "penstock explain: --dot draws the whole project, not a model");
        }
        return explain_model(cli, is_json, error);
    }
    struct ps_app *app PS_SCOPED(ps_app_close_scoped) = NULL;
    PS_TRY(ps_cli_open(cli, &app, error));
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&text, PS_LIMIT_ARENA_SIZE);
    PS_TRY(ps_app_explain(app,
                          values->dot ? PS_EXPLAIN_DOT
                          : is_json   ? PS_EXPLAIN_JSON
                                      : PS_EXPLAIN_TEXT,
                          &text, error));
    PS_TRY(ps_buffer_status(&text, error));
    ps_output_bytes(cli->out, text.data, text.size);
    if (text.size > 0 && text.data[text.size - 1] != '\n') {
        ps_output_text(cli->out, "\n");
    }
    return PENSTOCK_OK;
}

const struct ps_command ps_command_explain = {
    .name = "explain",
    .summary = "show the DAG, the physical plan, its stages and tasks; or what a model costs",
    .arguments = "[MODEL]",
    .argument_count_max = 1,
    .options = explain_options,
    .values_size = sizeof(struct explain_values),
    .details =
        "Shows what a run would do: which statement reads which, what the optimiser did, and the stages. A stage "
        "ends where data must be exchanged; a task is the work of one core on one part. With the name of a model "
        "(also EXPLAIN MODEL name in penstock query): its task, features, cells and fits, every scan of the data with "
        "its reason, and memory.",
    .examples =
        "penstock explain\npenstock explain congestion\npenstock explain --dot | dot -Tsvg > plan.svg",
    .run = run_explain,
};
