/* SPDX-License-Identifier: Apache-2.0
 *
 * connectors.c - `penstock connectors`: what records can come from and go to, from the tables of connectors.
 */
#include "cli/command.h"
#include "connect/create.h"

static const char *join(struct ps_arena *arena, const char *const *words) {
    const char *text = "";
    for (size_t i = 0; text != NULL && words != NULL && words[i] != NULL; i++) {
        text = ps_arena_printf(arena, "%s%s%s", text, i > 0 ? ", " : "", words[i]);
    }
    return text;
}

static const char *promise(enum ps_delivery delivery) {
    switch (delivery) {
    case PS_DELIVERY_SAME_TRANSACTION: return "exactly once: rows and position in one transaction";
    case PS_DELIVERY_WRITE_ONCE: return "exactly once: an epoch is written once, whatever is repeated";
    case PS_DELIVERY_AT_LEAST_ONCE: return "at least once";
    }
    return "";
}

static penstock_code list(struct ps_cli *cli, struct ps_text_table *table, struct penstock_error *error) {
    for (size_t i = 0; ps_source_types[i] != NULL; i++) {
        const struct ps_source_type *const type = ps_source_types[i];
        const char *const cells[] = {"source", type->name, join(cli->arena, type->encodes), "exactly once",
                                     type->summary};
        if (!ps_table_add(table, cells)) {
            return ps_error_memory(error, "connectors");
        }
    }
    for (size_t i = 0; ps_sink_types[i] != NULL; i++) {
        const struct ps_sink_type *const type = ps_sink_types[i];
        const char *const cells[] = {"sink", type->name, join(cli->arena, type->encodes),
                                     promise(type->delivery), type->summary};
        if (!ps_table_add(table, cells)) {
            return ps_error_memory(error, "connectors");
        }
    }
    return PENSTOCK_OK;
}

static penstock_code run_connectors(struct ps_cli *cli, struct penstock_error *error) {
    static const char *const names[] = {"kind", "connector", "encodes", "delivery", "summary"};
    struct ps_text_table *const table = ps_table_new(cli->arena, 5, names, NULL);
    if (table == NULL) {
        return ps_error_memory(error, "connectors");
    }
    PS_TRY(list(cli, table, error));
    ps_cli_print_table(cli, table);
    return PENSTOCK_OK;
}

const struct ps_command ps_command_connectors = {
    .name = "connectors",
    .summary = "what records can come from and go to",
    .details =
        "One row a connector: its encodings and the most that it can promise. penstock options NAME lists "
        "the options of one; those of every source and sink are under CREATE SOURCE and CREATE SINK.",
    .examples = "penstock connectors\npenstock options kafka",
    .run = run_connectors,
};
