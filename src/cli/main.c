/* SPDX-License-Identifier: Apache-2.0
 *
 * main.c - the program: takes the command line apart, runs one command, shows its error, exits.
 *
 * Errors are text on stderr whatever --format says: the sentence, then what caused it, then what to do.
 */
#include "cli/command.h"

#ifdef PENSTOCK_MIMALLOC
#include <mimalloc.h>
#endif
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "model/gram.h"

/* DuckDB's own words run over many lines: a detail is one. */
static void show_squeezed(struct ps_output *output, const char *text) {
    while (*text != '\0') {
        const size_t word = strcspn(text, " \t\r\n");
        char part[256];
        snprintf(part, sizeof part, "%.*s", (int)(word < sizeof part ? word : sizeof part - 1), text);
        ps_output_shown(output, part);
        text += strlen(part);
        const size_t space = strspn(text, " \t\r\n");
        text += space;
        if (space > 0 && *text != '\0') {
            ps_output_text(output, " ");
        }
    }
}

static void show_error(const struct penstock_error *error) {
    struct ps_output output PS_SCOPED(ps_output_done);
    ps_output_init(&output, STDERR_FILENO);
    ps_output_text(&output, "error: ");
    ps_output_shown(&output, error->message);
    if (error->detail[0] != '\0') {
        ps_output_text(&output, "\n  detail: ");
        show_squeezed(&output, error->detail);
    }
    if (error->hint[0] != '\0') {
        ps_output_text(&output, "\n  hint: ");
        ps_output_shown(&output, error->hint);
    }
    ps_output_text(&output, "\n");
    ps_output_flush(&output);
}

static penstock_code run(struct ps_cli *cli, int argument_count, char **arguments,
                         struct penstock_error *error) {
    PS_TRY(ps_cli_parse(cli, argument_count > 0 ? (size_t)argument_count - 1 : 0, arguments + 1, error));
    if (cli->common.version) {
        cli->command = ps_cli_find_command("version", NULL);
    } else if (cli->command == NULL && cli->group != NULL) {
        ps_cli_print_group_help(cli->out, cli->group);
        return PENSTOCK_OK;
    } else if (cli->command == NULL || cli->common.help) {
        ps_cli_print_help(cli->out, cli->command);
        return PENSTOCK_OK;
    }
    return cli->command->run(cli, error);
}

/* The program (not the library, nor with sanitizers) has mimalloc instead of malloc: messages of a broker are made on
 * one thread and freed on another, and in glibc both wait for each other's lock: a tenth of the CPU time of a Kafka
 * source. A stream allocates what it has just freed, so pages go back to the system after a second, not at once. */
static void keep_freed_memory(void) {
#ifdef PENSTOCK_MIMALLOC
    mi_option_set_default(mi_option_decommit_delay, 1000 /* ms; MIMALLOC_DECOMMIT_DELAY goes before it */);
    mi_option_set_default(mi_option_segment_decommit_delay, 1000);
#endif
}

int main(int argument_count, char **arguments) {
    keep_freed_memory();
    struct ps_output output PS_SCOPED(ps_output_done);
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct penstock_error error = {0};
    struct ps_cli cli = {.arena = arena, .out = &output};
    ps_gram_begin();
    signal(SIGPIPE, SIG_IGN); /* a reader that went away is an errno, not a death; */
    signal(SIGXFSZ, SIG_IGN); /* and so is a limit on the size of files */
    ps_output_init(&output, STDOUT_FILENO);
    penstock_code code = arena == NULL ? ps_error_memory(&error, "command line")
                                       : run(&cli, argument_count, arguments, &error);
    if (code != PENSTOCK_OK) {
        ps_output_flush(&output);
        show_error(&error);
        return ps_error_exit_status(code);
    }
    code = ps_output_status(&output, &error);
    if (code != PENSTOCK_OK) {
        show_error(&error);
        return ps_error_exit_status(code);
    }
    return cli.exit_status;
}
