/* SPDX-License-Identifier: Apache-2.0
 *
 * options.c - `penstock options`: every option row there is, as a table that programs can read.
 */
#include "cli/reference.h"

struct listing {
    struct ps_text_table *table;
    const char *wanted; /* a group or an owner; NULL: all */
    bool failed;
};

static const char *type_name(enum ps_option_type type) {
    static const char *const names[] = {
        [PS_OPTION_BOOLEAN] = "boolean",  [PS_OPTION_INTEGER] = "integer", [PS_OPTION_DOUBLE] = "double",
        [PS_OPTION_TEXT] = "text",        [PS_OPTION_CHOICE] = "choice",   [PS_OPTION_SIZE] = "size",
        [PS_OPTION_DURATION] = "duration"};
    return names[type];
}

static void add_row(const struct ps_reference_row *row, void *context) {
    struct listing *const listing = context;
    if (row->option == NULL ||
        (listing->wanted != NULL && !ps_text_equal_nocase(listing->wanted, row->group) &&
         !ps_text_equal_nocase(listing->wanted, row->owner))) {
        return;
    }
    const struct ps_option *const option = row->option;
    struct ps_buffer described PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&described, (size_t)64 << 10);
    ps_option_describe(option, &described);
    const char *const cells[] = {row->group,
                                 row->owner,
                                 option->name,
                                 type_name(option->type),
                                 option->default_text,
                                 described.data == NULL ? "" : described.data,
                                 option->is_required ? "true" : "false",
                                 option->help,
                                 option->since};
    listing->failed |= !ps_table_add(listing->table, cells);
}

static penstock_code run_options(struct ps_cli *cli, struct penstock_error *error) {
    static const char *const names[] = {"group",   "owner",    "name", "type", "default",
                                        "accepts", "required", "help", "since"};
    static const char *const types[] = {"VARCHAR", "VARCHAR", "VARCHAR", "VARCHAR", "VARCHAR",
                                        "VARCHAR", "BOOLEAN", "VARCHAR", "VARCHAR"};
    struct listing listing = {.table = ps_table_new(cli->arena, 9, names, types),
                              .wanted = cli->argument_count > 0 ? cli->arguments[0] : NULL};
    if (listing.table == NULL) {
        return ps_error_memory(error, "options");
    }
    ps_reference_walk(add_row, &listing);
    if (listing.failed) {
        return ps_error_memory(error, "options");
    }
    ps_cli_print_table(cli, listing.table);
    return PENSTOCK_OK;
}

const struct ps_command ps_command_options = {
    .name = "options",
    .summary = "every option of commands, manifest, sources, sinks, encodings and transforms",
    .arguments = "[GROUP|OWNER]",
    .argument_count_max = 1,
    .takes_names = true,
    .details =
        "One row an option: type, default, range, help, the version it came with. GROUP is command, manifest, "
        "source, sink, encode, transform, estimator or validation; OWNER is one of their names: run, file, "
        "StandardScaler.",
    .examples = "penstock options manifest\npenstock options --format json",
    .run = run_options,
};
