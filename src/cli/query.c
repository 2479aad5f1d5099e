/* SPDX-License-Identifier: Apache-2.0
 *
 * query.c - `penstock query "SQL"`, and `status`: tables out of the store, as they come.
 */
#include "cli/command.h"

void ps_cli_print_table(const struct ps_cli *cli, const struct ps_text_table *table) {
    char count[48];
    switch (ps_cli_format(cli)) {
    case PS_FORMAT_TABLE:
        ps_output_table(cli->out, table, 0);
        ps_output_printf(cli->out, "(%s row%s)\n", ps_show_count(table->row_count, count, sizeof count),
                         table->row_count == 1 ? "" : "s");
        break;
    case PS_FORMAT_CSV: ps_output_table_csv(cli->out, table); break;
    case PS_FORMAT_JSON:
        ps_output_table_json(cli->out, table, 0);
        ps_output_text(cli->out, "\n");
        break;
    }
}

static penstock_code run_query(struct ps_cli *cli, struct penstock_error *error) {
    struct ps_app *app PS_SCOPED(ps_app_close_scoped) = NULL;
    PS_TRY(ps_cli_open_for_reading(cli, &app, error));
    struct ps_text_table *table PS_SCOPED(ps_text_table_free_scoped) = NULL;
    PS_TRY(ps_app_query(app, cli->arguments[0], &table, error));
    ps_cli_print_table(cli, table);
    return PENSTOCK_OK;
}

const struct ps_command ps_command_query = {
    .name = "query",
    .summary = "run one SELECT on the store, also while the project runs",
    .arguments = "SQL",
    .argument_count_min = 1,
    .argument_count_max = 1,
    .details =
        "Runs exactly one SELECT (also WITH, FROM, VALUES, DESCRIBE, SHOW, EXPLAIN). While the project runs, the "
        "running process answers, between two epochs. Schema penstock holds positions, epochs, dead_letters, "
        "rule_violations, models and more; DESCRIBE penstock.epochs says what.",
    .examples = "penstock query \"SELECT origin, count(*) FROM clean_departures GROUP BY ALL\"\n"
                "penstock query --format csv \"FROM penstock.epochs\" > epochs.csv",
    .run = run_query,
};

static penstock_code run_status(struct ps_cli *cli, struct penstock_error *error) {
    struct ps_app *app PS_SCOPED(ps_app_close_scoped) = NULL;
    PS_TRY(ps_cli_open(cli, &app, error));
    struct ps_text_table *table PS_SCOPED(ps_text_table_free_scoped) = NULL;
    PS_TRY(ps_app_status(app, &table, error));
    ps_cli_print_table(cli, table);
    return PENSTOCK_OK;
}

const struct ps_command ps_command_status = {
    .name = "status",
    .summary = "what the store holds and whether the project runs",
    .examples = "penstock status --format json",
    .run = run_status,
};
