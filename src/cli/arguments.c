/* SPDX-License-Identifier: Apache-2.0
 *
 * arguments.c - a command line taken apart by the option rows.
 *
 * One dash or two for every long option, "--name value" or "--name=value", case and '_' for '-' do not
 * count: -applicationId, --applicationId and --application-id are one. An option that takes a value takes
 * the next word whatever it looks like (`-size -60`). "--" ends the options.
 */
#include "cli/command.h"

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>

#define COMMON(field) offsetof(struct ps_cli_common, field)

const struct ps_cli_option ps_cli_common_options[] = {
    {.row = {.name = "project",
             .type = PS_OPTION_TEXT,
             .default_text = ".",
             .offset = COMMON(project),
             .help = "the folder of the project",
             .since = "0.1"},
     .value_name = "DIR"},
    {.row = {.name = "format",
             .type = PS_OPTION_CHOICE,
             .default_text = "table",
             .choices = "table|csv|json",
             .offset = COMMON(format),
             .help = "how answers are written",
             .since = "0.1"}},
    {.row = {.name = "target",
             .type = PS_OPTION_TEXT,
             .offset = COMMON(target),
             .help = "the target of penstock.yml to use",
             .since = "0.1"},
     .value_name = "NAME"},
    {.row = {.name = "set",
             .type = PS_OPTION_TEXT,
             .offset = COMMON(variables),
             .help = "a value for ${VAR} in the SQL files and the manifest; may be repeated",
             .since = "0.1"},
     .value_name = "VAR=VALUE",
     .is_repeatable = true},
    {.row = {.name = "conf",
             .type = PS_OPTION_TEXT,
             .offset = COMMON(settings),
             .help = "a setting of the manifest, also as spark.executor.*; may be repeated",
             .since = "0.1"},
     .value_name = "KEY=VALUE",
     .is_repeatable = true},
    {.row = {.name = "master",
             .type = PS_OPTION_TEXT,
             .offset = COMMON(master),
             .help = "local[N] or local[*]: how many task slots",
             .since = "0.1"},
     .value_name = "MASTER"},
    {.row = {.name = "num-executors",
             .type = PS_OPTION_TEXT,
             .offset = COMMON(num_executors),
             .help = "short for --conf num-executors=N",
             .since = "0.1"},
     .value_name = "N"},
    {.row = {.name = "executor-cores",
             .type = PS_OPTION_TEXT,
             .offset = COMMON(executor_cores),
             .help = "short for --conf executor-cores=N",
             .since = "0.1"},
     .value_name = "N"},
    {.row = {.name = "executor-memory",
             .type = PS_OPTION_TEXT,
             .offset = COMMON(executor_memory),
             .help = "short for --conf executor-memory=SIZE: the one memory number, \"512m\", \"2g\"",
             .since = "0.1"},
     .value_name = "SIZE"},
    {.row = {.name = "help",
             .type = PS_OPTION_BOOLEAN,
             .offset = COMMON(help),
             .help = "help on the command, then stop",
             .since = "0.1"}},
    {.row = {.name = "version",
             .type = PS_OPTION_BOOLEAN,
             .offset = COMMON(version),
             .help = "the version, then stop",
             .since = "0.1"}},
    {.row = {.name = NULL}},
};

static bool names_match(const char *known, const char *written, size_t written_size) {
    size_t at = 0;
    for (const char *letter = known; *letter != '\0'; letter++) {
        if (*letter == '-' || *letter == '_') {
            continue;
        }
        while (at < written_size && (written[at] == '-' || written[at] == '_')) {
            at++;
        }
        if (at == written_size || tolower((unsigned char)*letter) != tolower((unsigned char)written[at])) {
            return false;
        }
        at++;
    }
    while (at < written_size && (written[at] == '-' || written[at] == '_')) {
        at++;
    }
    return at == written_size;
}

bool ps_cli_option_matches(const struct ps_cli_option *option, const char *written) {
    return names_match(option->row.name, written, strlen(written));
}

static const struct ps_cli_option *find_option(const struct ps_cli_option *options, const char *written,
                                               size_t size) {
    for (const struct ps_cli_option *option = options; option != NULL && option->row.name != NULL; option++) {
        if (names_match(option->row.name, written, size)) {
            return option;
        }
    }
    return size == 1 && options == ps_cli_common_options && written[0] == 'h'
               ? find_option(options, "help", 4)
               : NULL;
}

static bool command_starts_with(const struct ps_command *command, const char *word) {
    const size_t size = strlen(word);
    return strncmp(command->name, word, size) == 0 &&
           (command->name[size] == ' ' || command->name[size] == '\0');
}

const struct ps_command *ps_cli_find_command(const char *first, const char *second) {
    for (size_t index = 0; ps_commands[index] != NULL; index++) {
        const struct ps_command *const command = ps_commands[index];
        const char *const space = strchr(command->name, ' ');
        if (space == NULL
                ? strcmp(command->name, first) == 0
                : second != NULL && command_starts_with(command, first) && strcmp(space + 1, second) == 0) {
            return command;
        }
    }
    return NULL;
}

/* The next option or value, while walking over the words. */
struct walk {
    size_t count;
    char *const *words;
    size_t next;
    bool options_ended;
};

static penstock_code unknown_option(const struct ps_cli *cli, const char *word,
                                    struct penstock_error *error) {
    const char *names[128];
    size_t count = 0;
    const struct ps_cli_option *const tables[] = {cli->command == NULL ? NULL : cli->command->options,
                                                  ps_cli_common_options};
    for (size_t table = 0; table < 2; table++) {
        for (const struct ps_cli_option *option = tables[table]; option != NULL && option->row.name != NULL;
             option++) {
            if (count + 1 < sizeof names / sizeof *names) {
                names[count++] = option->row.name;
            }
        }
    }
    names[count] = NULL;
    char written[128];
    const size_t dashes = strspn(word, "-");
    snprintf(written, sizeof written, "%.*s", (int)strcspn(word + dashes, "="), word + dashes);
    const char *const nearest = ps_nearest(written, names);
    if (cli->command == NULL) {
        ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "unknown option %s before a command", word);
        ps_error_hint(error, "options of a command come after it: penstock COMMAND %s", word);
    } else {
        ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "unknown option %s of penstock %s", word,
                     cli->command->name);
        ps_error_hint(error, "see penstock help %s", cli->command->name);
    }
    if (nearest != NULL) {
        ps_error_hint(error, "did you mean --%s?", nearest);
    }
    return PENSTOCK_INVALID_ARGUMENT;
}

static penstock_code append_text(struct ps_cli *cli, struct ps_text_list *list, const char *value,
                                 struct penstock_error *error) {
    const char **const grown = ps_arena_allocate(cli->arena, list->count + 2, sizeof *grown);
    if (grown == NULL) {
        return ps_error_memory(error, "command line");
    }
    if (list->count > 0) {
        memcpy(grown, list->items, list->count * sizeof *grown);
    }
    grown[list->count] = value;
    list->items = grown;
    list->count++;
    return PENSTOCK_OK;
}

/* One word with a dash in front, and its value. */
static penstock_code take_option(struct ps_cli *cli, struct walk *walk, struct penstock_error *error) {
    const char *const word = walk->words[walk->next++];
    const char *const name = word + (word[1] == '-' ? 2 : 1);
    const size_t name_size = strcspn(name, "=");
    void *values = cli->values;
    const struct ps_cli_option *option =
        find_option(cli->command == NULL ? NULL : cli->command->options, name, name_size);
    if (option == NULL) {
        option = find_option(ps_cli_common_options, name, name_size);
        values = &cli->common;
    }
    if (option == NULL) {
        return unknown_option(cli, word, error);
    }
    const char *value = name[name_size] == '=' ? name + name_size + 1 : NULL;
    if (value == NULL && option->row.type == PS_OPTION_BOOLEAN) {
        value = "true";
    } else if (value == NULL) {
        if (walk->next == walk->count) {
            ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "option %s needs a value", word);
            return ps_error_hint(error, "--%s %s: %s", option->row.name,
                                 option->value_name != NULL ? option->value_name : option->row.choices,
                                 option->row.help);
        }
        value = walk->words[walk->next++];
    }
    if (option->is_repeatable) {
        return append_text(cli, (struct ps_text_list *)(void *)((char *)values + option->row.offset), value,
                           error);
    }
    const struct ps_option rows[2] = {option->row, {.name = NULL}};
    if (ps_option_set(rows, values, option->row.name, value, cli->arena, error) != PENSTOCK_OK) {
        if (error->code == PENSTOCK_OUT_OF_MEMORY) {
            return error->code;
        }
        error->code = PENSTOCK_INVALID_ARGUMENT; /* whatever was wrong with it, it is usage here */
        return PENSTOCK_INVALID_ARGUMENT;
    }
    return PENSTOCK_OK;
}

static penstock_code set_defaults(const struct ps_cli_option *options, void *values, struct ps_arena *arena,
                                  struct penstock_error *error) {
    for (const struct ps_cli_option *option = options; option != NULL && option->row.name != NULL; option++) {
        if (!option->is_repeatable) {
            const struct ps_option rows[2] = {option->row, {.name = NULL}};
            PS_TRY(ps_option_defaults(rows, values, arena, error));
        }
    }
    return PENSTOCK_OK;
}

/* "models lst": the commands that start with the first word, or the nearest command of all. */
penstock_code ps_cli_unknown_command(const char *first, const char *second, struct penstock_error *error) {
    char known[256] = "";
    const char *names[64];
    size_t count = 0;
    for (size_t index = 0; ps_commands[index] != NULL; index++) {
        const struct ps_command *const command = ps_commands[index];
        if (command_starts_with(command, first)) {
            const size_t used = strlen(known);
            snprintf(known + used, sizeof known - used, "%spenstock %s", used == 0 ? "" : ", ",
                     command->name);
        }
        if (count + 1 < sizeof names / sizeof *names) {
            names[count++] = command->name;
        }
    }
    names[count] = NULL;
    if (known[0] != '\0') {
        if (second == NULL) {
            ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "penstock %s needs a second word", first);
        } else {
            ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "unknown command %s %s", first, second);
        }
        return ps_error_hint(error, "there is %s", known);
    }
    const char *const nearest = ps_nearest(first, names);
    ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "unknown command %s", first);
    return nearest != NULL ? ps_error_hint(error, "did you mean penstock %s?", nearest)
                           : ps_error_hint(error, "penstock help lists the commands");
}

bool ps_cli_is_group(const char *word) {
    for (size_t index = 0; ps_commands[index] != NULL; index++) {
        if (command_starts_with(ps_commands[index], word) && strchr(ps_commands[index]->name, ' ') != NULL) {
            return true;
        }
    }
    return false;
}

/* The command's name is the first one or two words that are no options and no values of options. */
static penstock_code take_command(struct ps_cli *cli, struct walk *walk, struct penstock_error *error) {
    const char *const word = walk->words[walk->next++];
    cli->command =
        cli->group == NULL ? ps_cli_find_command(word, NULL) : ps_cli_find_command(cli->group, word);
    if (cli->command == NULL && cli->group == NULL && ps_cli_is_group(word)) {
        cli->group = word;
        return PENSTOCK_OK;
    }
    if (cli->command == NULL) {
        return cli->group == NULL ? ps_cli_unknown_command(word, NULL, error)
                                  : ps_cli_unknown_command(cli->group, word, error);
    }
    cli->values = ps_arena_allocate(cli->arena, 1, cli->command->values_size + 1);
    if (cli->values == NULL) {
        return ps_error_memory(error, "command line");
    }
    return set_defaults(cli->command->options, cli->values, cli->arena, error);
}

/* Is help asked for further on? Then what is wrong before it is no matter: who asks for help gets it. */
static bool help_follows(const struct walk *walk) {
    for (size_t index = walk->next; index < walk->count && strcmp(walk->words[index], "--") != 0; index++) {
        const char *const word = walk->words[index];
        const size_t dashes = strspn(word, "-");
        if (dashes == 1 || dashes == 2) {
            const struct ps_cli_option *const option =
                find_option(ps_cli_common_options, word + dashes, strlen(word + dashes));
            if (option != NULL && strcmp(option->row.name, "help") == 0) {
                return true;
            }
        }
    }
    return false;
}

static penstock_code check_arguments(const struct ps_cli *cli, struct penstock_error *error) {
    const struct ps_command *const command = cli->command;
    if (cli->common.help || cli->common.version) {
        return PENSTOCK_OK;
    }
    if (command == NULL) {
        return cli->group == NULL ? PENSTOCK_OK : ps_cli_unknown_command(cli->group, NULL, error);
    }
    const char *const usage = command->arguments == NULL ? "" : command->arguments;
    if (cli->argument_count < command->argument_count_min) {
        ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "penstock %s needs %s", command->name, usage);
        return ps_error_hint(error, "penstock help %s", command->name);
    }
    if (cli->argument_count > command->argument_count_max) {
        ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "penstock %s: unexpected \"%s\"", command->name,
                     cli->arguments[command->argument_count_max]);
        return ps_error_hint(error, "usage: penstock %s %s%s[options]; put text with spaces in quotes",
                             command->name, usage, usage[0] == '\0' ? "" : " ");
    }
    return PENSTOCK_OK;
}

penstock_code ps_cli_parse(struct ps_cli *cli, size_t argument_count, char *const *arguments,
                           struct penstock_error *error) {
    struct walk walk = {.count = argument_count, .words = arguments};
    PS_TRY(set_defaults(ps_cli_common_options, &cli->common, cli->arena, error));
    cli->arguments = ps_arena_allocate(cli->arena, argument_count + 1, sizeof *cli->arguments);
    if (cli->arguments == NULL) {
        return ps_error_memory(error, "command line");
    }
    while (walk.next < walk.count) {
        const char *const word = walk.words[walk.next];
        if (!walk.options_ended && strcmp(word, "--") == 0) {
            walk.options_ended = true;
            walk.next++;
        } else if (!walk.options_ended && word[0] == '-' && word[1] != '\0') {
            const penstock_code code = take_option(cli, &walk, error);
            cli->common.help = cli->common.help || (code == PENSTOCK_INVALID_ARGUMENT && help_follows(&walk));
            if (code != PENSTOCK_OK && (code != PENSTOCK_INVALID_ARGUMENT || !cli->common.help)) {
                return code;
            }
        } else if (cli->command == NULL) {
            PS_TRY(take_command(cli, &walk, error));
        } else {
            cli->arguments[cli->argument_count++] = word;
            walk.next++;
        }
    }
    return check_arguments(cli, error);
}

enum ps_format ps_cli_format(const struct ps_cli *cli) {
    if (strcmp(cli->common.format, "json") == 0) {
        return PS_FORMAT_JSON;
    }
    return strcmp(cli->common.format, "csv") == 0 ? PS_FORMAT_CSV : PS_FORMAT_TABLE;
}

static penstock_code add_setting(const struct ps_cli *cli, const char **settings, size_t *count,
                                 const char *name, const char *value, struct penstock_error *error) {
    if (value == NULL) {
        return PENSTOCK_OK;
    }
    settings[*count] = ps_arena_printf(cli->arena, "%s=%s", name, value);
    if (settings[*count] == NULL) {
        return ps_error_memory(error, "command line");
    }
    (*count)++;
    return PENSTOCK_OK;
}

penstock_code ps_cli_project_options(const struct ps_cli *cli, struct ps_app_options *options_out,
                                     struct penstock_error *error) {
    const struct ps_cli_common *const common = &cli->common;
    const char **const settings = ps_arena_allocate(cli->arena, common->settings.count + 4, sizeof *settings);
    if (settings == NULL) {
        return ps_error_memory(error, "command line");
    }
    size_t count = 0;
    for (; count < common->settings.count; count++) {
        settings[count] = common->settings.items[count];
    }
    PS_TRY(add_setting(cli, settings, &count, "num-executors", common->num_executors, error));
    PS_TRY(add_setting(cli, settings, &count, "executor-cores", common->executor_cores, error));
    PS_TRY(add_setting(cli, settings, &count, "executor-memory", common->executor_memory, error));
    *options_out = (struct ps_app_options){
        .folder = common->project,
        .project = {.target = common->target,
                    .master = common->master,
                    .settings = settings,
                    .variables = common->variables.items},
    };
    return PENSTOCK_OK;
}

penstock_code ps_cli_open(const struct ps_cli *cli, struct ps_app **app_out, struct penstock_error *error) {
    struct ps_app_options options;
    PS_TRY(ps_cli_project_options(cli, &options, error));
    return ps_app_open(&options, app_out, error);
}

penstock_code ps_cli_open_for_reading(const struct ps_cli *cli, struct ps_app **app_out,
                                      struct penstock_error *error) {
    struct ps_app_options options;
    PS_TRY(ps_cli_project_options(cli, &options, error));
    options.is_for_reading = true;
    return ps_app_open(&options, app_out, error);
}

penstock_code ps_cli_load_project(const struct ps_cli *cli, struct ps_project **project_out,
                                  struct penstock_error *error) {
    struct ps_app_options options;
    PS_TRY(ps_cli_project_options(cli, &options, error));
    return ps_project_load(options.folder, &options.project, project_out, error);
}

void ps_project_free_scoped(struct ps_project **project) {
    ps_project_free(*project);
}

void ps_app_close_scoped(struct ps_app **app) {
    ps_app_close(*app);
}

void ps_text_table_free_scoped(struct ps_text_table **table) {
    ps_text_table_free(*table);
}
