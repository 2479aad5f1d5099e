/* SPDX-License-Identifier: Apache-2.0
 *
 * dlq.c - `penstock dlq list`, `show` and `replay`: records that could not be used, and their way back.
 */
#include <inttypes.h>
#include <stdio.h>

#include "cli/command.h"

struct dlq_values {
    const char *source, *reason;
    int64_t limit;
};

static const struct ps_cli_option list_options[] = {
    {.row = {.name = "source",
             .type = PS_OPTION_TEXT,
             .offset = offsetof(struct dlq_values, source),
             .help = "only of this source",
             .since = "0.1"},
     .value_name = "NAME"},
    {.row = {.name = "reason",
             .type = PS_OPTION_TEXT,
             .offset = offsetof(struct dlq_values, reason),
             .help = "only with this reason",
             .since = "0.1"},
     .value_name = "REASON"},
    {.row = {.name = "limit",
             .type = PS_OPTION_INTEGER,
             .default_text = "100",
             .value_min = 1,
             .value_max = 1e9,
             .offset = offsetof(struct dlq_values, limit),
             .help = "at most this many",
             .since = "0.1"},
     .value_name = "N"},
    {.row = {.name = NULL}},
};

static const struct ps_cli_option replay_options[] = {
    {.row = {.name = "source",
             .type = PS_OPTION_TEXT,
             .offset = offsetof(struct dlq_values, source),
             .help = "only of this source",
             .since = "0.1"},
     .value_name = "NAME"},
    {.row = {.name = "reason",
             .type = PS_OPTION_TEXT,
             .offset = offsetof(struct dlq_values, reason),
             .help = "only with this reason",
             .since = "0.1"},
     .value_name = "REASON"},
    {.row = {.name = NULL}},
};

static penstock_code run_list(struct ps_cli *cli, struct penstock_error *error) {
    const struct dlq_values *const values = cli->values;
    struct ps_app *app PS_SCOPED(ps_app_close_scoped) = NULL;
    PS_TRY(ps_cli_open(cli, &app, error));
    struct ps_text_table *table PS_SCOPED(ps_text_table_free_scoped) = NULL;
    PS_TRY(ps_app_dlq_list(app, values->source, values->reason, values->limit, &table, error));
    ps_cli_print_table(cli, table);
    return PENSTOCK_OK;
}

const struct ps_command ps_command_dlq_list = {
    .name = "dlq list",
    .summary = "dead letters: each record, its place, the reason",
    .options = list_options,
    .values_size = sizeof(struct dlq_values),
    .details =
        "A record that cannot be decoded, comes too late or breaks a rule ON VIOLATION DEAD LETTER is kept whole "
        "(up to 1 MiB) with file and byte, in the transaction of its epoch.",
    .examples = "penstock dlq list --reason late\n"
                "penstock query \"SELECT reason, count(*) FROM penstock.dead_letters GROUP BY ALL\"",
    .run = run_list,
};

/* The lines of a printed record stand below each other; in other text a line end is shown as such. */
static void print_field(struct ps_output *out, const char *text, bool has_lines) {
    for (const char *end; has_lines && (end = strchr(text, '\n')) != NULL; text = end + 1) {
        ps_output_bytes(out, text, (size_t)(end - text));
        ps_output_printf(out, "\n%-14s  ", "");
    }
    ps_output_shown(out, text);
    ps_output_text(out, "\n");
}

/* One letter, a line a field: a person wants to see the record whole. */
static void print_letter(struct ps_output *out, const struct ps_text_table *table) {
    for (size_t column = 0; column < table->column_count; column++) {
        if (table->cells[column] != NULL) {
            const bool has_lines = strcmp(table->types[column], PS_TEXT_TABLE_LINES) == 0;
            ps_output_printf(out, "%-14s  ", table->names[column]);
            print_field(out, table->cells[column], has_lines);
        }
    }
}

static penstock_code run_show(struct ps_cli *cli, struct penstock_error *error) {
    int64_t id = 0;
    if (!ps_parse_integer(cli->arguments[0], &id)) {
        (void)ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "'%s' is no id of a dead letter",
                           cli->arguments[0]);
        return ps_error_hint(error, "penstock dlq list shows the ids");
    }
    struct ps_app *app PS_SCOPED(ps_app_close_scoped) = NULL;
    PS_TRY(ps_cli_open_for_reading(cli, &app, error));
    struct ps_text_table *table PS_SCOPED(ps_text_table_free_scoped) = NULL;
    PS_TRY(ps_app_dlq_show(app, id, &table, error));
    if (ps_cli_format(cli) == PS_FORMAT_TABLE) {
        print_letter(cli->out, table);
    } else {
        ps_cli_print_table(cli, table);
    }
    return PENSTOCK_OK;
}

const struct ps_command ps_command_dlq_show = {
    .name = "dlq show",
    .summary = "one dead letter whole: record, key, headers, place, reason",
    .arguments = "ID",
    .argument_count_min = 1,
    .argument_count_max = 1,
    .details =
        "partition and position are the file and byte, or the topic partition and offset, that the record came from; "
        "record_key, headers and record_time are what a broker had with it. A record without a value (a tombstone) has "
        "no raw. Bytes that are no text are shown as \\xNN; a row of HBase as a line for each of its cells.",
    .examples = "penstock dlq show 12\npenstock dlq show 12 --format json",
    .run = run_show,
};

static penstock_code run_replay(struct ps_cli *cli, struct penstock_error *error) {
    static const char *const names[] = {"tried", "replayed", "still_dead"};
    static const char *const types[] = {"BIGINT", "BIGINT", "BIGINT"};
    const struct dlq_values *const values = cli->values;
    struct ps_app *app PS_SCOPED(ps_app_close_scoped) = NULL;
    PS_TRY(ps_cli_open(cli, &app, error));
    struct ps_replay_totals totals = {0};
    PS_TRY(ps_app_dlq_replay(app, values->source, values->reason, &totals, error));
    char texts[3][32];
    snprintf(texts[0], sizeof texts[0], "%" PRId64, totals.tried);
    snprintf(texts[1], sizeof texts[1], "%" PRId64, totals.replayed);
    snprintf(texts[2], sizeof texts[2], "%" PRId64, totals.still_dead);
    const char *const cells[] = {texts[0], texts[1], texts[2]};
    struct ps_text_table *const table = ps_table_new(cli->arena, 3, names, types);
    if (table == NULL || !ps_table_add(table, cells)) {
        return ps_error_memory(error, "dlq replay");
    }
    ps_cli_print_table(cli, table);
    return PENSTOCK_OK;
}

const struct ps_command ps_command_dlq_replay = {
    .name = "dlq replay",
    .summary = "send dead letters through the project as it is now",
    .options = replay_options,
    .values_size = sizeof(struct dlq_values),
    .details =
        "Decodes dead letters again, with the project as it is now, and gives those that pass to the tables and "
        "views, in one epoch. Each is replayed at most once; what fails again stays a dead letter. Use it to take "
        "late records after all, or after what a rule looks at was put right: a plain table, an option of the source.",
    .examples = "penstock dlq replay --source departures --reason type",
    .run = run_replay,
};
