/* SPDX-License-Identifier: Apache-2.0
 *
 * prove.c - `penstock prove`: exactly-once, shown on the user's own disk and broker.
 */
#include "app/prove.h"

#include "base/clock.h"
#include "base/file.h"
#include "cli/command.h"

struct prove_values {
    int64_t kills, records, seed;
    const char *folder, *bootstrap, *report;
    struct ps_text_list properties;
    bool canary, keep, quiet;
};

static const struct ps_cli_option prove_options[] = {
    {.row = {.name = "kills",
             .type = PS_OPTION_INTEGER,
             .default_text = "100",
             .value_min = 0,
             .value_max = 1000000,
             .offset = offsetof(struct prove_values, kills),
             .help = "how often the run is killed with SIGKILL",
             .since = "0.2"},
     .value_name = "N"},
    {.row = {.name = "records",
             .type = PS_OPTION_INTEGER,
             .default_text = "200000",
             .value_min = 1,
             .value_max = 1000000000,
             .offset = offsetof(struct prove_values, records),
             .help = "how many records the input has",
             .since = "0.2"},
     .value_name = "N"},
    {.row = {.name = "bootstrap",
             .type = PS_OPTION_TEXT,
             .offset = offsetof(struct prove_values, bootstrap),
             .help =
                 "a Kafka broker: input and sink are topics penstock-prove-..., made and deleted; else files",
             .since = "0.2"},
     .value_name = "HOST:PORT"},
    {.row = {.name = "property",
             .type = PS_OPTION_TEXT,
             .offset = offsetof(struct prove_values, properties),
             .help = "a setting of librdkafka, as security.protocol=SASL_SSL; may be repeated",
             .since = "0.2"},
     .value_name = "NAME=VALUE",
     .is_repeatable = true},
    {.row = {.name = "folder",
             .type = PS_OPTION_TEXT,
             .default_text = ".",
             .offset = offsetof(struct prove_values, folder),
             .help = "where the project's folder is made, on the disk that is to be proven",
             .since = "0.2"},
     .value_name = "DIR"},
    {.row = {.name = "seed",
             .type = PS_OPTION_INTEGER,
             .default_text = "0",
             .value_min = 0,
             .value_max = 9e15,
             .offset = offsetof(struct prove_values, seed),
             .help = "of the moments and the records; 0: another one each time",
             .since = "0.2"},
     .value_name = "N"},
    {.row = {.name = "report",
             .type = PS_OPTION_TEXT,
             .offset = offsetof(struct prove_values, report),
             .help = "write the report to this file, too (Markdown)",
             .since = "0.2"},
     .value_name = "FILE"},
    {.row = {.name = "canary",
             .type = PS_OPTION_BOOLEAN,
             .offset = offsetof(struct prove_values, canary),
             .help = "lose a row and double another before the count: the proof must fail",
             .since = "0.2"}},
    {.row = {.name = "keep",
             .type = PS_OPTION_BOOLEAN,
             .offset = offsetof(struct prove_values, keep),
             .help = "leave the project's folder",
             .since = "0.2"}},
    {.row = {.name = "quiet",
             .type = PS_OPTION_BOOLEAN,
             .offset = offsetof(struct prove_values, quiet),
             .help = "no progress lines, only the report",
             .since = "0.2"}},
    {.row = {.name = NULL}},
};

static void print_line(const char *line, void *context) {
    struct ps_output *const out = context;
    ps_output_shown(out, line);
    ps_output_text(out, "\n");
    ps_output_flush(out);
}

static penstock_code write_report(const struct ps_text_table *table, const char *path,
                                  struct penstock_error *error) {
    struct ps_buffer text PS_SCOPED(ps_buffer_done);
    char now[32];
    ps_buffer_init(&text, (size_t)1 << 20);
    ps_clock_format_iso(ps_clock_wall_ms(), now, sizeof now);
    ps_buffer_printf(&text, "# penstock prove, %.10s\n\n| | |\n|---|---|\n", now);
    for (int64_t row = 0; row < table->row_count; row++) {
        ps_buffer_printf(&text, "| %s | %s |\n", table->cells[row * 2], table->cells[row * 2 + 1]);
    }
    PS_TRY(ps_buffer_status(&text, error));
    return ps_file_replace(path, text.data, text.size, error);
}

static penstock_code run_prove(struct ps_cli *cli, struct penstock_error *error) {
    const struct prove_values *const values = cli->values;
    const bool shows_lines = ps_cli_format(cli) == PS_FORMAT_TABLE && !values->quiet;
    const struct ps_prove_options options = {.folder = values->folder,
                                             .bootstrap = values->bootstrap,
                                             .properties = values->properties.items,
                                             .kill_count = values->kills,
                                             .record_count = values->records,
                                             .seed = values->seed != 0 ? values->seed
                                                                       : ps_clock_wall_ms() % 1000000 + 1,
                                             .is_canary = values->canary,
                                             .keeps = values->keep,
                                             .on_line = shows_lines ? print_line : NULL,
                                             .context = cli->out};
    struct ps_text_table *table PS_SCOPED(ps_text_table_free_scoped) = NULL;
    bool is_proven = false;
    PS_TRY(ps_prove(&options, &table, &is_proven, error));
    if (ps_cli_format(cli) == PS_FORMAT_TABLE) {
        ps_output_table(cli->out, table, 0);
    } else {
        ps_cli_print_table(cli, table);
    }
    if (values->report != NULL) {
        PS_TRY(write_report(table, values->report, error));
    }
    cli->exit_status = is_proven ? 0 : 1;
    return PENSTOCK_OK;
}

const struct ps_command ps_command_prove = {
    .name = "prove",
    .summary = "show exactly-once on your own disk and broker: kill, restart, count",
    .options = prove_options,
    .values_size = sizeof(struct prove_values),
    .details =
        "Makes a project of its own with a table, a view and a sink over a keyed input, runs it as a child "
        "process, kills "
        "that with SIGKILL at random moments while the input grows, and in the end counts: every record of the "
        "input, "
        "read back, must be in the table, in the view and in the sink once. With --bootstrap input and sink are "
        "topics of "
        "your broker, else files on your disk.\n"
        "Exit status: 0 nothing lost and nothing doubled, 1 otherwise. --canary plants a fault, to see that the "
        "count "
        "would find one.",
    .examples = "penstock prove --kills 100\n"
                "penstock prove --kills 1000 --records 10000000 --bootstrap broker:9092 --report proof.md\n"
                "penstock prove --kills 5 --canary",
    .run = run_prove,
};
