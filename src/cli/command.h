/* SPDX-License-Identifier: Apache-2.0
 *
 * command.h - what a command of the program is: one row of a table, one file.
 *
 * The row has the name, the help and the option rows; the parser, `help`, the man page, the completion
 * and `penstock options` are made from it. A command returns an error like any library function; main
 * shows it and turns it into the exit status. A new command is one file and one line in commands.c.
 */
#ifndef PS_CLI_COMMAND_H
#define PS_CLI_COMMAND_H

#include "app/app.h"
#include "cli/output.h"

/* An option of the command line: a typed row of base/option.h and how it is written. */
struct ps_cli_option {
    struct ps_option row;   /* a NULL name ends a table; `offset` is in the command's values */
    const char *value_name; /* "DIR"; NULL: the choices, or nothing for a flag */
    bool is_repeatable;     /* the field is a struct ps_text_list */
};

struct ps_text_list {
    const char **items; /* NULL-terminated */
    size_t count;
};

/* Options that every command takes. */
struct ps_cli_common {
    const char *project, *format, *master, *target;
    const char *num_executors, *executor_cores, *executor_memory;
    struct ps_text_list settings, variables; /* --conf, --set */
    bool help, version;
};
extern const struct ps_cli_option ps_cli_common_options[];

/* A command line, taken apart. */
struct ps_cli {
    struct ps_arena *arena;
    struct ps_output *out;
    struct ps_cli_common common;
    const struct ps_command *command; /* NULL: none was given */
    const char *group;                /* "models": the first word of a command of two; NULL: none */
    void *values;                     /* the command's own struct, in the arena */
    const char **arguments;           /* what is neither command nor option */
    size_t argument_count;
    int exit_status; /* of a command that returns PENSTOCK_OK */
};

struct ps_command {
    const char *name;      /* "models show"; NULL ends the table */
    const char *summary;   /* one line */
    const char *arguments; /* as in the usage line: "NAME", or NULL */
    size_t argument_count_min, argument_count_max;
    const struct ps_cli_option *options; /* besides the common ones; NULL: none */
    size_t values_size;
    const char *details;  /* paragraphs for help and man page */
    const char *examples; /* lines */
    bool takes_names;     /* completion: its argument is a group or an owner of `penstock options` */
    penstock_code (*run)(struct ps_cli *cli, struct penstock_error *error);
};
/* One per file; commands.c puts them into the table. */
extern const struct ps_command ps_command_init;
extern const struct ps_command ps_command_check;
extern const struct ps_command ps_command_explain;
extern const struct ps_command ps_command_plan;
extern const struct ps_command ps_command_run;
extern const struct ps_command ps_command_backfill;
extern const struct ps_command ps_command_drop;
extern const struct ps_command ps_command_status;
extern const struct ps_command ps_command_query;
extern const struct ps_command ps_command_models_list;
extern const struct ps_command ps_command_models_show;
extern const struct ps_command ps_command_models_report;
extern const struct ps_command ps_command_models_diff;
extern const struct ps_command ps_command_models_promote;
extern const struct ps_command ps_command_models_rollback;
extern const struct ps_command ps_command_models_delete;
extern const struct ps_command ps_command_models_replay;
extern const struct ps_command ps_command_replay;
extern const struct ps_command ps_command_models_export;
extern const struct ps_command ps_command_models_import;
extern const struct ps_command ps_command_datasets_list;
extern const struct ps_command ps_command_datasets_show;
extern const struct ps_command ps_command_jobs_list;
extern const struct ps_command ps_command_jobs_run;
extern const struct ps_command ps_command_predict;
extern const struct ps_command ps_command_dlq_list;
extern const struct ps_command ps_command_dlq_show;
extern const struct ps_command ps_command_dlq_replay;
extern const struct ps_command ps_command_offsets_show;
extern const struct ps_command ps_command_offsets_reset;
extern const struct ps_command ps_command_application;
extern const struct ps_command ps_command_logs;
extern const struct ps_command ps_command_prove;
extern const struct ps_command ps_command_hbase_tables;
extern const struct ps_command ps_command_hbase_describe;
extern const struct ps_command ps_command_hbase_scan;
extern const struct ps_command ps_command_hbase_get;
extern const struct ps_command ps_command_connectors;
extern const struct ps_command ps_command_options;
extern const struct ps_command ps_command_version;
extern const struct ps_command ps_command_help;
extern const struct ps_command *const ps_commands[]; /* NULL-terminated */

/* Takes `arguments` (without the program's name) apart. Errors: INVALID_ARGUMENT with the nearest name. */
penstock_code ps_cli_parse(struct ps_cli *cli, size_t argument_count, char *const *arguments,
                           struct penstock_error *error) PENSTOCK_MUST_USE;
/* "models show", also for an unambiguous `models` alone; NULL if there is none. */
const struct ps_command *ps_cli_find_command(const char *first, const char *second);
/* Is it the first word of commands of two? */
bool ps_cli_is_group(const char *word);
/* "unknown command", with the nearest or the second words there are. Returns INVALID_ARGUMENT. */
penstock_code ps_cli_unknown_command(const char *first, const char *second, struct penstock_error *error);
/* Is `written` (without dashes) this option? Case, '-' and '_' do not count. */
bool ps_cli_option_matches(const struct ps_cli_option *option, const char *written);

/* --format, as one of three. */
enum ps_format { PS_FORMAT_TABLE, PS_FORMAT_CSV, PS_FORMAT_JSON };
enum ps_format ps_cli_format(const struct ps_cli *cli);

/* --conf, --set, --master and the shorthands as project options, in cli's arena; *folder_out: --project. */
penstock_code ps_cli_project_options(const struct ps_cli *cli, struct ps_app_options *options_out,
                                     struct penstock_error *error) PENSTOCK_MUST_USE;
/* ps_app_open() on them. */
penstock_code ps_cli_open(const struct ps_cli *cli, struct ps_app **app_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* The same for what only reads the store: starts in a fraction of the time. */
penstock_code ps_cli_open_for_reading(const struct ps_cli *cli, struct ps_app **app_out,
                                      struct penstock_error *error) PENSTOCK_MUST_USE;
/* Only the project as it is read from its folder: for what needs no more than the store's path. */
penstock_code ps_cli_load_project(const struct ps_cli *cli, struct ps_project **project_out,
                                  struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_project_free_scoped(struct ps_project **project);
void ps_app_close_scoped(struct ps_app **app);
void ps_text_table_free_scoped(struct ps_text_table **table);

/* Shows a table in cli's format; in table form with "(n rows)" after it. */
void ps_cli_print_table(const struct ps_cli *cli, const struct ps_text_table *table);

/* help.c, manual.c, completion.c */
void ps_cli_print_help(struct ps_output *out, const struct ps_command *command);
void ps_cli_print_group_help(struct ps_output *out, const char *group);
void ps_cli_print_manual(struct ps_output *out);
void ps_cli_print_completion(struct ps_output *out);
/* "--project DIR"; in the arena of nobody: into `text` */
void ps_cli_option_usage(const struct ps_cli_option *option, struct ps_buffer *text);

/* A table made cell by cell, for what only the command line knows. */
struct ps_text_table *ps_table_new(struct ps_arena *arena, size_t column_count, const char *const *names,
                                   const char *const *types);
/* Cells are copied. False when out of memory. */
bool ps_table_add(struct ps_text_table *table, const char *const *cells);

#endif
