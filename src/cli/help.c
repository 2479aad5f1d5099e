/* SPDX-License-Identifier: Apache-2.0
 *
 * help.c - `penstock help`, made from the command and option tables; --man and --completion likewise.
 */
#include <stdio.h>

#include "cli/command.h"

/* Text is wrapped here, so that it can be read in the narrowest usual terminal. */
#define HELP_WIDTH 80

struct help_values {
    bool man, completion;
};

static const struct ps_cli_option help_options[] = {
    {.row = {.name = "man",
             .type = PS_OPTION_BOOLEAN,
             .offset = offsetof(struct help_values, man),
             .help = "write the man page (roff)",
             .since = "0.1"}},
    {.row = {.name = "completion",
             .type = PS_OPTION_BOOLEAN,
             .offset = offsetof(struct help_values, completion),
             .help = "write the completion for bash",
             .since = "0.1"}},
    {.row = {.name = NULL}},
};

void ps_cli_option_usage(const struct ps_cli_option *option, struct ps_buffer *text) {
    ps_buffer_printf(text, "--%s", option->row.name);
    if (option->value_name != NULL) {
        ps_buffer_printf(text, " %s", option->value_name);
    } else if (option->row.type == PS_OPTION_CHOICE) {
        ps_buffer_printf(text, " %s", option->row.choices);
    }
}

/* Words of `text`, wrapped, each line with `indent` spaces; a newline ends a paragraph. `used`: of the first line. */
static void put_wrapped(struct ps_output *out, const char *text, size_t indent, size_t used) {
    size_t column = used;
    for (const char *word = text; *word != '\0';) {
        const size_t size = strcspn(word, " \n");
        if (column > indent && column + 1 + size > HELP_WIDTH) {
            ps_output_printf(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            ps_output_text(out, " ");
            column++;
        }
        ps_output_bytes(out, word, size);
        column += size;
        word += size;
        if (*word == '\n') {
            ps_output_printf(out, "\n%*s", (int)indent, "");
            column = indent;
        }
        word += *word == '\0' ? 0 : 1;
    }
    ps_output_text(out, "\n");
}

static void put_options(struct ps_output *out, const char *title, const struct ps_cli_option *options) {
    if (options == NULL) {
        return;
    }
    ps_output_printf(out, "\n%s\n", title);
    for (const struct ps_cli_option *option = options; option->row.name != NULL; option++) {
        struct ps_buffer usage PS_SCOPED(ps_buffer_done);
        ps_buffer_init(&usage, 1024);
        ps_cli_option_usage(option, &usage);
        ps_output_printf(out, "  %-32s ", usage.data);
        if (usage.size > 32) {
            ps_output_printf(out, "\n%*s", 35, "");
        }
        char help[512];
        const char *const value = option->row.default_text;
        const bool shows_default = value != NULL && option->row.type != PS_OPTION_BOOLEAN;
        snprintf(help, sizeof help, "%s%s%s%s", option->row.help, shows_default ? " (default " : "",
                 shows_default ? value : "", shows_default ? ")" : "");
        put_wrapped(out, help, 35, 35);
    }
}

/* A line of a list of commands. */
static void put_command(struct ps_output *out, const struct ps_command *command) {
    char usage[64];
    snprintf(usage, sizeof usage, "%s%s%s", command->name, command->arguments == NULL ? "" : " ",
             command->arguments == NULL ? "" : command->arguments);
    ps_output_printf(out, "  %-24s ", usage);
    put_wrapped(out, command->summary, 27, 27);
}

static void put_overview(struct ps_output *out) {
    ps_output_text(out, "penstock " PENSTOCK_VERSION ": records exactly once, clean tables, gated models\n\n"
                        "usage: penstock COMMAND [arguments] [options]\n\n");
    for (size_t index = 0; ps_commands[index] != NULL; index++) {
        put_command(out, ps_commands[index]);
    }
    put_options(out, "Options of every command (one dash or two):", ps_cli_common_options);
    ps_output_text(out, "\nExit status: 0 done, 1 failed, 2 usage, 3 gate refused, 4 data rule failed.\n"
                        "penstock help COMMAND says more; penstock options lists every option there is.\n");
}

void ps_cli_print_help(struct ps_output *out, const struct ps_command *command) {
    if (command == NULL) {
        put_overview(out);
        return;
    }
    ps_output_printf(out, "usage: penstock %s%s%s [options]\n\n", command->name,
                     command->arguments == NULL ? "" : " ",
                     command->arguments == NULL ? "" : command->arguments);
    put_wrapped(out, command->details == NULL ? command->summary : command->details, 0, 0);
    put_options(out, "Options:", command->options);
    put_options(out, "Options of every command (one dash or two):", ps_cli_common_options);
    if (command->examples != NULL) {
        ps_output_text(out, "\nExamples:\n");
        for (const char *line = command->examples; *line != '\0';) {
            const size_t size = strcspn(line, "\n");
            ps_output_text(out, "  ");
            ps_output_bytes(out, line, size);
            ps_output_text(out, "\n");
            line += size + (line[size] == '\n' ? 1 : 0);
        }
    }
}

/* The commands that begin with the word. */
void ps_cli_print_group_help(struct ps_output *out, const char *group) {
    const size_t size = strlen(group);
    ps_output_printf(out, "usage: penstock %s COMMAND [options]\n\nCommands:\n", group);
    for (size_t index = 0; ps_commands[index] != NULL; index++) {
        const struct ps_command *const command = ps_commands[index];
        if (strncmp(command->name, group, size) == 0 && command->name[size] == ' ') {
            put_command(out, command);
        }
    }
    put_options(out, "Options of every command (one dash or two):", ps_cli_common_options);
    ps_output_printf(out, "\npenstock %s COMMAND --help says more.\n", group);
}

static penstock_code run_help(struct ps_cli *cli, struct penstock_error *error) {
    const struct help_values *const values = cli->values;
    if (values->man) {
        ps_cli_print_manual(cli->out);
        return PENSTOCK_OK;
    }
    if (values->completion) {
        ps_cli_print_completion(cli->out);
        return PENSTOCK_OK;
    }
    if (cli->argument_count == 0) {
        ps_cli_print_help(cli->out, NULL);
        return PENSTOCK_OK;
    }
    /* As if the command were called with --help: the same errors for an unknown one. */
    const char *const first = cli->arguments[0];
    const char *const second = cli->argument_count > 1 ? cli->arguments[1] : NULL;
    const struct ps_command *const command = ps_cli_find_command(first, second);
    if (command == NULL && (second != NULL || !ps_cli_is_group(first))) {
        return ps_cli_unknown_command(first, second, error);
    }
    if (command == NULL) {
        ps_cli_print_group_help(cli->out, first);
    } else {
        ps_cli_print_help(cli->out, command);
    }
    return PENSTOCK_OK;
}

const struct ps_command ps_command_help = {
    .name = "help",
    .summary = "help on a command",
    .arguments = "[COMMAND]",
    .argument_count_max = 2,
    .options = help_options,
    .values_size = sizeof(struct help_values),
    .examples = "penstock help run\npenstock help --man | man -l -\nsource <(penstock help --completion)",
    .run = run_help,
};
