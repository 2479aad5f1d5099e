/* SPDX-License-Identifier: Apache-2.0
 *
 * manual.c - the man page, from the same rows as everything else.
 */
#include "cli/reference.h"

/* Text for roff: backslashes, and dots and quotes at the start of a line, mean something there. */
static void put_text(struct ps_output *out, const char *text) {
    bool is_line_start = true;
    for (const char *at = text; *at != '\0'; at++) {
        if (is_line_start && (*at == '.' || *at == '\'')) {
            ps_output_text(out, "\\&");
        }
        is_line_start = *at == '\n';
        if (*at == '\\') {
            ps_output_text(out, "\\e");
        } else if (*at == '-') {
            ps_output_text(out, "\\-");
        } else if (*at == '\n') {
            ps_output_text(out, "\n.PP\n");
        } else {
            ps_output_bytes(out, at, 1);
        }
    }
    ps_output_text(out, "\n");
}

static void put_option(struct ps_output *out, const struct ps_reference_row *row) {
    const struct ps_option *const option = row->option;
    ps_output_text(out, ".TP\n.B ");
    if (row->written != NULL) {
        struct ps_buffer usage PS_SCOPED(ps_buffer_done);
        ps_buffer_init(&usage, 1024);
        ps_cli_option_usage(row->written, &usage);
        put_text(out, usage.data == NULL ? option->name : usage.data);
        put_text(out, option->help);
        return;
    }
    put_text(out, option->name);
    struct ps_buffer described PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&described, (size_t)64 << 10);
    ps_buffer_printf(&described, "%s (", option->help == NULL ? "" : option->help);
    ps_option_describe(option, &described);
    ps_buffer_text(&described, ")");
    put_text(out, described.data == NULL ? "" : described.data);
}

static void put_row(const struct ps_reference_row *row, void *context) {
    struct ps_output *const out = context;
    if (strcmp(row->group, "command") == 0 && strcmp(row->owner, "*") != 0) {
        return; /* commands have their own section, with their text */
    }
    if (row->option != NULL) {
        put_option(out, row);
        return;
    }
    ps_output_text(out, ".SS ");
    if (strcmp(row->group, "command") != 0 && strcmp(row->group, "manifest") != 0) {
        ps_output_printf(out, "%s ", row->group);
    }
    put_text(out, strcmp(row->owner, "*") == 0 ? "Every command" : row->owner);
    put_text(out, row->summary == NULL ? "" : row->summary);
}

static void put_command(struct ps_output *out, const struct ps_command *command) {
    ps_output_text(out, ".SS penstock ");
    put_text(out, command->name);
    ps_output_text(out, ".B penstock ");
    put_text(out, command->name);
    if (command->arguments != NULL) {
        ps_output_text(out, ".I ");
        put_text(out, command->arguments);
    }
    ps_output_text(out, ".PP\n");
    put_text(out, command->details == NULL ? command->summary : command->details);
    for (const struct ps_cli_option *option = command->options; option != NULL && option->row.name != NULL;
         option++) {
        const struct ps_reference_row row = {.option = &option->row, .written = option};
        put_option(out, &row);
    }
    if (command->examples != NULL) {
        ps_output_text(out, ".PP\n.nf\n");
        for (const char *at = command->examples; *at != '\0'; at++) {
            ps_output_text(out, *at == '\\' ? "\\e" : *at == '-' ? "\\-" : (char[]){*at, '\0'});
        }
        ps_output_text(out, "\n.fi\n");
    }
}

void ps_cli_print_manual(struct ps_output *out) {
    ps_output_text(
        out,
        ".TH PENSTOCK 1 \"\" \"penstock " PENSTOCK_VERSION "\" \"User Commands\"\n"
        ".SH NAME\npenstock \\- records exactly once, clean tables, gated models\n"
        ".SH SYNOPSIS\n.B penstock\n.I COMMAND\n[arguments] [options]\n"
        ".SH DESCRIPTION\n"
        "A project is a folder with penstock.yml (where and how big) and *.sql files (what). penstock reads "
        "its sources exactly once, keeps its tables and views, trains its models and publishes those that "
        "pass their gate.\n"
        ".SH COMMANDS\n");
    for (size_t index = 0; ps_commands[index] != NULL; index++) {
        put_command(out, ps_commands[index]);
    }
    ps_output_text(out, ".SH OPTIONS\n");
    ps_reference_walk(put_row, out);
    ps_output_text(
        out, ".SH EXIT STATUS\n"
             ".TP\n.B 0\ndone\n.TP\n.B 1\nfailed; standard error has one sentence, the cause, what to do\n"
             ".TP\n.B 2\nusage: an unknown command, option or value\n"
             ".TP\n.B 3\nthe run is complete, but a gate refused a model\n"
             ".TP\n.B 4\na rule ON VIOLATION FAIL UPDATE was broken; the epoch was not committed\n"
             ".SH FILES\n.TP\n.I penstock.yml\nthe manifest\n"
             ".TP\n.I store/store.duckdb\ntables, views, models, positions: any DuckDB can read it\n"
             ".TP\n.I store/applications/\nlogs of every run\n");
}
