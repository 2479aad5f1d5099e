/* SPDX-License-Identifier: Apache-2.0
 *
 * backfill.c - `penstock backfill`: a new table over a source that has been read already.
 */
#include "stream/backfill.h"

#include <inttypes.h>

#include "cli/ask.h"
#include "cli/signals.h"

struct backfill_values {
    const char *from;
    bool rebuild, dry_run, yes, quiet;
};

static const struct ps_cli_option backfill_options[] = {
    {.row = {.name = "from",
             .type = PS_OPTION_TEXT,
             .offset = offsetof(struct backfill_values, from),
             .help = "where to begin: earliest (the default), timestamp:..., PARTITION=OFFSET[,...]",
             .since = "0.2"},
     .value_name = "PLACE"},
    {.row = {.name = "rebuild",
             .type = PS_OPTION_BOOLEAN,
             .offset = offsetof(struct backfill_values, rebuild),
             .help = "drop the rows that are there, with everything that streams from them, and fill it anew",
             .since = "0.2"}},
    {.row = {.name = "dry-run",
             .type = PS_OPTION_BOOLEAN,
             .offset = offsetof(struct backfill_values, dry_run),
             .help = "only show what would be read",
             .since = "0.2"}},
    {.row = {.name = "yes",
             .type = PS_OPTION_BOOLEAN,
             .offset = offsetof(struct backfill_values, yes),
             .help = "rebuild without asking",
             .since = "0.2"}},
    {.row = {.name = "quiet",
             .type = PS_OPTION_BOOLEAN,
             .offset = offsetof(struct backfill_values, quiet),
             .help = "no progress lines",
             .since = "0.2"}},
    {.row = {.name = NULL}},
};

static void print_line(const char *line, void *context) {
    struct ps_output *const out = context;
    ps_output_shown(out, line);
    ps_output_text(out, "\n");
    ps_output_flush(out);
}

static void print_end(struct ps_cli *cli, const struct ps_run_totals *totals, bool is_finished,
                      bool is_dry_run) {
    if (ps_cli_format(cli) != PS_FORMAT_TABLE) {
        return;
    }
    if (is_dry_run) {
        ps_output_text(cli->out, "nothing was done: --dry-run\n");
        return;
    }
    ps_output_printf(cli->out,
                     "%s: %" PRId64 " records read, %" PRId64 " rows kept, %" PRId64
                     " new dead letters, in %" PRId64 " epochs\n",
                     is_finished ? "filled" : "stopped; penstock backfill goes on", totals->record_count,
                     totals->row_count, totals->dead_letter_count, totals->epoch_count);
}

static penstock_code run_backfill(struct ps_cli *cli, struct penstock_error *error) {
    const struct backfill_values *const values = cli->values;
    struct ps_signals signals PS_SCOPED(ps_signals_end) = {.app = NULL};
    ps_signals_block(&signals);
    struct ps_app *app PS_SCOPED(ps_app_close_scoped) = NULL;
    PS_TRY(ps_cli_open(cli, &app, error));
    PS_TRY(ps_signals_watch(&signals, app, error));
    const bool shows_lines = ps_cli_format(cli) == PS_FORMAT_TABLE && !values->quiet;
    struct ps_cli_answer answer = {
        .cli = cli, .question = "Rebuild it?", .is_yes = values->yes, .is_dry_run = values->dry_run};
    const struct ps_backfill backfill = {
        .name = cli->arguments[0], .from = values->from, .is_rebuild = values->rebuild};
    const struct ps_app_run_options options = {
        .once = true, .on_line = shows_lines ? print_line : NULL, .context = cli->out};
    const struct ps_app_ask ask = {.is_dry_run = values->dry_run, .on_plan = ps_cli_ask, .context = &answer};
    struct ps_run_totals totals = {0};
    bool is_finished = false;
    const penstock_code code = ps_app_backfill(app, &backfill, &options, &ask, &totals, &is_finished, error);
    ps_signals_end(&signals);
    PS_TRY(code);
    print_end(cli, &totals, is_finished, values->dry_run);
    return PENSTOCK_OK;
}

const struct ps_command ps_command_backfill = {
    .name = "backfill",
    .summary = "fill a table or view that is new over a source that was read already",
    .arguments = "NAME",
    .argument_count_min = 1,
    .argument_count_max = 1,
    .options = backfill_options,
    .values_size = sizeof(struct backfill_values),
    .details =
        "Reads the source of NAME once more, for NAME and what streams from it alone, up to exactly the "
        "position that "
        "the other tables have; from there on runs keep all of them. Rows and progress are committed together: after "
        "a kill the same command goes on, nothing is lost or doubled. Nothing else runs on the store until it is "
        "finished. What did not get past the source before is a dead letter already and is not added again; "
        "records that "
        "dlq replay made rows of are not read back. Outside sinks get nothing of it.",
    .examples = "penstock backfill hourly --dry-run\npenstock backfill hourly\n"
                "penstock backfill hourly --rebuild --yes\n"
                "penstock backfill clicks_by_user --from timestamp:2026-11-01T00:00:00Z",
    .run = run_backfill,
};
