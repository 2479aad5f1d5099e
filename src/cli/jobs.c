/* SPDX-License-Identifier: Apache-2.0
 *
 * jobs.c - `penstock jobs list` and `jobs run`.
 */
#include <inttypes.h>

#include "cli/command.h"
#include "cli/signals.h"

static penstock_code run_list(struct ps_cli *cli, struct penstock_error *error) {
    struct ps_app *app PS_SCOPED(ps_app_close_scoped) = NULL;
    PS_TRY(ps_cli_open(cli, &app, error));
    struct ps_text_table *table PS_SCOPED(ps_text_table_free_scoped) = NULL;
    PS_TRY(ps_app_jobs_list(app, &table, error));
    ps_cli_print_table(cli, table);
    return PENSTOCK_OK;
}

const struct ps_command ps_command_jobs_list = {
    .name = "jobs list",
    .summary = "every job: when it trains, what its last training came to, when it is due next",
    .details =
        "state is training, due or waits; a job that was never carried out is due. next_due is the next time of EVERY "
        "(UTC), rows_left how many rows AFTER still waits for. outcome is published, refused (by the gate; the "
        "champion stays), unchanged (bit for bit the champion), nothing new (not trained) or failed, and sentence "
        "says why. All trainings of all jobs: SELECT * FROM penstock.job_runs.",
    .examples = "penstock jobs list\npenstock jobs list --format json",
    .run = run_list,
};

static void print_line(const char *line, void *context) {
    struct ps_output *const out = context;
    ps_output_shown(out, line);
    ps_output_text(out, "\n");
    ps_output_flush(out);
}

static penstock_code show_result(struct ps_cli *cli, const struct ps_job_result *result,
                                 struct penstock_error *error) {
    static const char *const names[] = {"job", "outcome", "version", "sentence"};
    static const char *const types[] = {"VARCHAR", "VARCHAR", "BIGINT", "VARCHAR"};
    struct ps_text_table *const table = ps_table_new(cli->arena, 4, names, types);
    const char *const version =
        result->version > 0 ? ps_arena_printf(cli->arena, "%" PRId64, result->version) : NULL;
    const char *const cells[] = {cli->arguments[0], result->outcome, version, result->sentence};
    if (table == NULL || !ps_table_add(table, cells)) {
        return ps_error_memory(error, "jobs run");
    }
    ps_cli_print_table(cli, table);
    return PENSTOCK_OK;
}

static penstock_code run_run(struct ps_cli *cli, struct penstock_error *error) {
    struct ps_signals signals PS_SCOPED(ps_signals_end) = {.app = NULL};
    ps_signals_block(&signals);
    struct ps_app *app PS_SCOPED(ps_app_close_scoped) = NULL;
    PS_TRY(ps_cli_open(cli, &app, error));
    PS_TRY(ps_signals_watch(&signals, app, error));
    const struct ps_app_run_options options = {.once = true,
                                               .on_line =
                                                   ps_cli_format(cli) == PS_FORMAT_TABLE ? print_line : NULL,
                                               .context = cli->out};
    struct ps_job_result result;
    const penstock_code code = ps_app_jobs_run(app, cli->arguments[0], &options, &result, error);
    ps_signals_end(&signals);
    PS_TRY(code);
    PS_TRY(show_result(cli, &result, error));
    if (strcmp(result.outcome, "refused") == 0) {
        ps_error_set(error, PENSTOCK_GATE_REFUSED, "job %s: version %" PRId64 " was not published: %s",
                     cli->arguments[0], result.version, result.sentence);
        return ps_error_hint(error, "the champion stays as it was");
    }
    return PENSTOCK_OK;
}

const struct ps_command ps_command_jobs_run = {
    .name = "jobs run",
    .summary = "carry a job out now, due or not",
    .arguments = "JOB",
    .argument_count_min = 1,
    .argument_count_max = 1,
    .details =
        "Trains the job's model on the rows that are in the store now, asks the gate and publishes what passes: in the "
        "process that runs the project, beside its stream, or, when none does, here. Waits for what comes of it. When "
        "a training of the model is under way, one more follows it. Exit status 3: the gate refused.",
    .examples = "penstock jobs run retrain",
    .run = run_run,
};
