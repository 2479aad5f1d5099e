/* SPDX-License-Identifier: Apache-2.0
 *
 * run.c - `penstock run`: the whole project as one application.
 */
#include "cli/ask.h"
#include "cli/command.h"
#include "cli/report.h"
#include "cli/signals.h"

struct run_values {
    bool once, quiet, accept_changes;
};

static const struct ps_cli_option run_options[] = {
    {.row = {.name = "once",
             .type = PS_OPTION_BOOLEAN,
             .offset = offsetof(struct run_values, once),
             .help = "read what is there, train, ask the gate, return; else run until a signal",
             .since = "0.1"}},
    {.row = {.name = "quiet",
             .type = PS_OPTION_BOOLEAN,
             .offset = offsetof(struct run_values, quiet),
             .help = "no progress lines, only the report",
             .since = "0.1"}},
    {.row = {.name = "accept-changes",
             .type = PS_OPTION_BOOLEAN,
             .offset = offsetof(struct run_values, accept_changes),
             .help = "agree to what a changed project drops and computes again",
             .since = "0.2"}},
    {.row = {.name = NULL}},
};

static void print_line(const char *line, void *context) {
    struct ps_output *const out = context;
    ps_output_shown(out, line);
    ps_output_text(out, "\n");
    ps_output_flush(out);
}

/* Shown also with --quiet: who runs a changed project wants to know what comes of it. */
static bool show_changes(const struct ps_text_table *changes, bool needs_consent, void *context) {
    struct ps_output *const out = context;
    ps_output_text(out, "The project has changed since it ran on this store:\n");
    ps_output_table(out, changes, 2);
    ps_output_flush(out);
    return needs_consent && ps_cli_confirm(out, "Carry it out?");
}

static penstock_code run_run(struct ps_cli *cli, struct penstock_error *error) {
    const struct run_values *const values = cli->values;
    struct ps_signals signals PS_SCOPED(ps_signals_end) = {.app = NULL};
    ps_signals_block(&signals); /* before anything starts a thread, so that all of them inherit it */

    struct ps_app *app PS_SCOPED(ps_app_close_scoped) = NULL;
    PS_TRY(ps_cli_open(cli, &app, error));
    PS_TRY(ps_signals_watch(&signals, app, error));

    const bool shows_lines = ps_cli_format(cli) == PS_FORMAT_TABLE && !values->quiet;
    const struct ps_app_run_options options = {
        .once = values->once,
        .accepts_changes = values->accept_changes,
        .on_line = shows_lines ? print_line : NULL,
        .on_changes = ps_cli_format(cli) == PS_FORMAT_TABLE ? show_changes : NULL,
        .context = cli->out};
    struct ps_run_report *report = NULL;
    const penstock_code code = ps_app_run(app, &options, &report, error);
    ps_signals_end(&signals);
    if (report != NULL) {
        ps_report_print(cli->out, report, ps_cli_format(cli), cli->arena);
        ps_run_report_free(report);
    }
    return code;
}

const struct ps_command ps_command_run = {
    .name = "run",
    .summary = "read the sources, keep tables and views, train and gate the models",
    .options = run_options,
    .values_size = sizeof(struct run_values),
    .details =
        "Runs the project as one application: every source is read from its committed position, epoch by epoch; "
        "tables, views, dead letters and positions are committed together. Once the sources are drained, each model "
        "is trained, unless it was trained before from the same positions and the same statement, and published if "
        "it passes its gate.\n"
        "Ctrl-C or SIGTERM finishes the epoch and returns; a second one ends the process at once. Both lose "
        "nothing.\n"
        "A project whose statements changed since it ran on the store shows what becomes of each before "
        "anything is done; "
        "what is dropped and computed again needs a yes: at the terminal, or --accept-changes. penstock plan "
        "shows the "
        "same and does nothing.\n"
        "Exit status: 0 done, 1 failed, 2 usage, or changes that nobody agreed to, 3 a gate refused (everything "
        "else was done), 4 a rule ON VIOLATION "
        "FAIL UPDATE was broken.",
    .examples =
        "penstock run --once\npenstock run --once --format json > report.json\npenstock run --master 'local[4]' "
        "--set DAY=2013-01-01",
    .run = run_run,
};
