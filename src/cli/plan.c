/* SPDX-License-Identifier: Apache-2.0
 *
 * plan.c - `penstock plan`: what a run would do with the statements as they are now; `penstock drop`: the end of one
 * that left the project.
 */
#include "cli/ask.h"
#include "cli/command.h"

struct plan_values {
    bool exit_code;
};

static const struct ps_cli_option plan_options[] = {
    {.row = {.name = "exit-code",
             .type = PS_OPTION_BOOLEAN,
             .offset = offsetof(struct plan_values, exit_code),
             .help = "exit with 2 if a run would need --accept-changes or a backfill",
             .since = "0.2"}},
    {.row = {.name = NULL}},
};

static penstock_code run_plan(struct ps_cli *cli, struct penstock_error *error) {
    const struct plan_values *const values = cli->values;
    struct ps_app *app PS_SCOPED(ps_app_close_scoped) = NULL;
    struct ps_text_table *table PS_SCOPED(ps_text_table_free_scoped) = NULL;
    bool is_ready = false;
    PS_TRY(ps_cli_open(cli, &app, error));
    PS_TRY(ps_app_plan(app, &table, &is_ready, error));
    ps_cli_print_table(cli, table);
    cli->exit_status = values->exit_code && !is_ready ? 2 : 0;
    return PENSTOCK_OK;
}

const struct ps_command ps_command_plan = {
    .name = "plan",
    .summary = "what a run would do with statements that changed",
    .options = plan_options,
    .values_size = sizeof(struct plan_values),
    .details =
        "One row a statement: keep; new; new text from now on (rows that are there stay); rebuild (dropped and "
        "computed "
        "again from the rows of what it streams from: penstock run asks, or takes --accept-changes); needs a "
        "backfill "
        "(its source has been read: penstock backfill reads it again for this statement alone); left out (no "
        "longer in the "
        "project: kept until penstock drop). Does nothing, also while the project runs.",
    .examples = "penstock plan\npenstock plan --exit-code --format json",
    .run = run_plan,
};

struct drop_values {
    bool yes;
};

static const struct ps_cli_option drop_options[] = {
    {.row = {.name = "yes",
             .type = PS_OPTION_BOOLEAN,
             .offset = offsetof(struct drop_values, yes),
             .help = "do it without asking",
             .since = "0.2"}},
    {.row = {.name = NULL}},
};

static penstock_code run_drop(struct ps_cli *cli, struct penstock_error *error) {
    const struct drop_values *const values = cli->values;
    struct ps_app *app PS_SCOPED(ps_app_close_scoped) = NULL;
    PS_TRY(ps_cli_open(cli, &app, error));
    if (!values->yes && !ps_cli_confirm(cli->out, "Its rows and its state are removed for good. Drop it?")) {
        (void)ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "%s was not dropped: nobody said yes",
                           cli->arguments[0]);
        return ps_error_hint(error, "give --yes: its rows and its state are removed for good");
    }
    PS_TRY(ps_app_drop(app, cli->arguments[0], error));
    ps_output_text(cli->out, ps_cli_format(cli) == PS_FORMAT_TABLE ? "dropped\n" : "");
    return PENSTOCK_OK;
}

const struct ps_command ps_command_drop = {
    .name = "drop",
    .summary = "remove rows and state of a statement that left the project",
    .arguments = "NAME",
    .argument_count_min = 1,
    .argument_count_max = 1,
    .options = drop_options,
    .values_size = sizeof(struct drop_values),
    .details =
        "A streaming table or view that is taken out of the project keeps its rows, and nothing is added to "
        "them. This "
        "removes them, its state and its dead letters. Refused for what the project still has.",
    .examples = "penstock drop old_counts --yes",
    .run = run_drop,
};
