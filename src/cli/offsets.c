/* SPDX-License-Identifier: Apache-2.0
 *
 * offsets.c - `penstock offsets show` and `offsets reset`.
 */
#include <unistd.h>

#include "cli/ask.h"
#include "cli/command.h"

struct reset_values {
    const char *to;
    bool dry_run, yes;
};

static const struct ps_cli_option reset_options[] = {
    {.row = {.name = "to",
             .type = PS_OPTION_TEXT,
             .offset = offsetof(struct reset_values, to),
             .help = "earliest, latest, timestamp:2026-11-23T04:00:00Z, or PARTITION=OFFSET[,...]",
             .since = "0.2"},
     .value_name = "PLACE"},
    {.row = {.name = "dry-run",
             .type = PS_OPTION_BOOLEAN,
             .offset = offsetof(struct reset_values, dry_run),
             .help = "only show what would move and what that means",
             .since = "0.2"}},
    {.row = {.name = "yes",
             .type = PS_OPTION_BOOLEAN,
             .offset = offsetof(struct reset_values, yes),
             .help = "do it without asking",
             .since = "0.2"}},
    {.row = {.name = NULL}},
};

static penstock_code run_show(struct ps_cli *cli, struct penstock_error *error) {
    struct ps_app *app PS_SCOPED(ps_app_close_scoped) = NULL;
    PS_TRY(ps_cli_open_for_reading(cli, &app, error));
    struct ps_text_table *table PS_SCOPED(ps_text_table_free_scoped) = NULL;
    struct penstock_error unreachable;
    PS_TRY(ps_app_offsets_show(app, cli->argument_count > 0 ? cli->arguments[0] : NULL, &table, &unreachable,
                               error));
    ps_cli_print_table(cli, table);
    if (unreachable.code != PENSTOCK_OK) {
        ps_output_flush(cli->out);
        ps_cli_note(unreachable.message);
    }
    return PENSTOCK_OK;
}

const struct ps_command ps_command_offsets_show = {
    .name = "offsets show",
    .summary = "where the sources stand, per partition",
    .arguments = "[SOURCE]",
    .argument_count_max = 1,
    .details =
        "position is the next one to read, committed with epoch; low and high are the first and the end of what is "
        "there now (bytes of a file, offsets of a broker), lag is what lies between position and high. Of packed "
        "files, and of a broker that does not answer, they are not known.",
    .examples = "penstock offsets show departures",
    .run = run_show,
};

static penstock_code run_reset(struct ps_cli *cli, struct penstock_error *error) {
    const struct reset_values *const values = cli->values;
    if (values->to == NULL) {
        (void)ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "penstock offsets reset needs --to");
        return ps_error_hint(error, "--to earliest|latest|timestamp:...|PARTITION=OFFSET[,...]");
    }
    struct ps_app *app PS_SCOPED(ps_app_close_scoped) = NULL;
    PS_TRY(ps_cli_open(cli, &app, error));
    struct ps_cli_answer answer = {.cli = cli, .is_yes = values->yes, .question = "Move it?"};
    const struct ps_app_ask ask = {.is_dry_run = values->dry_run, .on_plan = ps_cli_ask, .context = &answer};
    answer.is_dry_run = values->dry_run;
    bool is_done = false;
    PS_TRY(ps_app_offsets_reset(app, cli->arguments[0], values->to, &ask, &is_done, error));
    if (ps_cli_format(cli) == PS_FORMAT_TABLE) {
        ps_output_text(cli->out, is_done           ? "moved\n"
                                 : answer.is_empty ? "nothing to move\n"
                                 : values->dry_run ? "nothing was moved: --dry-run\n"
                                                   : "");
    }
    return PENSTOCK_OK;
}

const struct ps_command ps_command_offsets_reset = {
    .name = "offsets reset",
    .summary = "move a source by hand",
    .arguments = "SOURCE",
    .argument_count_min = 1,
    .argument_count_max = 1,
    .options = reset_options,
    .values_size = sizeof(struct reset_values),
    .details =
        "Shows from where to where each partition would move and what that means for the tables that have its "
        "records, then asks; --yes answers. Tables are not touched: records that are read again are in them twice, "
        "records that are left out never come. Refused while a run holds the store. What was done is kept in "
        "penstock.offset_resets.\n"
        "To fill a new table from the beginning, use penstock backfill, which doubles nothing.",
    .examples = "penstock offsets reset departures --to earliest --dry-run\n"
                "penstock offsets reset clicks --to timestamp:2026-11-23T04:00:00Z\n"
                "penstock offsets reset clicks --to 'clicks[0]=120,clicks[1]=98' --yes",
    .run = run_reset,
};
