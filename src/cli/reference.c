/* SPDX-License-Identifier: Apache-2.0
 *
 * reference.c - the walk over every table of option rows that the program has.
 */
#include "cli/reference.h"

#include "connect/create.h"
#include "model/estimator.h"
#include "model/transform.h"
#include "model/validation.h"

struct walk {
    ps_reference_visit *visit;
    void *context;
};

static void visit_rows(const struct walk *walk, const char *group, const char *owner, const char *summary,
                       const struct ps_option *options) {
    struct ps_reference_row row = {.group = group, .owner = owner, .summary = summary};
    walk->visit(&row, walk->context);
    for (const struct ps_option *option = options; option != NULL && option->name != NULL; option++) {
        row.option = option;
        walk->visit(&row, walk->context);
    }
}

static void visit_command(const struct walk *walk, const char *owner, const char *summary,
                          const struct ps_cli_option *options) {
    struct ps_reference_row row = {.group = "command", .owner = owner, .summary = summary};
    walk->visit(&row, walk->context);
    for (const struct ps_cli_option *option = options; option != NULL && option->row.name != NULL; option++) {
        row.option = &option->row;
        row.written = option;
        walk->visit(&row, walk->context);
    }
}

void ps_reference_walk(ps_reference_visit *visit, void *context) {
    const struct walk walk = {visit, context};
    visit_command(&walk, "*", "every command", ps_cli_common_options);
    for (size_t index = 0; ps_commands[index] != NULL; index++) {
        const struct ps_command *const command = ps_commands[index];
        visit_command(&walk, command->name, command->summary, command->options);
    }
    visit_rows(&walk, "manifest", "penstock.yml", "where and how big; also --conf", ps_manifest_options);
    visit_rows(&walk, "source", "CREATE SOURCE", "options of every source", ps_source_options);
    for (size_t index = 0; ps_source_types[index] != NULL; index++) {
        const struct ps_source_type *const type = ps_source_types[index];
        visit_rows(&walk, "source", type->name, type->summary, type->options);
    }
    visit_rows(&walk, "sink", "CREATE SINK", "options of every sink", ps_sink_options);
    for (size_t index = 0; ps_sink_types[index] != NULL; index++) {
        const struct ps_sink_type *const type = ps_sink_types[index];
        visit_rows(&walk, "sink", type->name, type->summary, type->options);
    }
    for (size_t index = 0; ps_codec_types[index] != NULL; index++) {
        const struct ps_codec_type *const type = ps_codec_types[index];
        visit_rows(&walk, "encode", type->name, type->summary, type->options);
    }
    for (size_t index = 0; ps_transform_types[index] != NULL; index++) {
        const struct ps_transform_type *const type = ps_transform_types[index];
        visit_rows(&walk, "transform", type->name, type->help, type->options);
    }
    for (const struct ps_estimator_type *type = ps_estimator_types; type->name != NULL; type++) {
        visit_rows(&walk, "estimator", type->name, type->help, type->options);
    }
    visit_rows(&walk, "dataset", "CREATE DATASET", "settings of every dataset", ps_dataset_options);
    visit_rows(&walk, "job", "CREATE JOB", "settings of every job", ps_job_options);
    for (const struct ps_validation_type *type = ps_validation_types; type->name != NULL; type++) {
        visit_rows(&walk, "validation", type->name, type->help, type->options);
    }
}

const char *ps_reference_value(const struct ps_option *option) {
    switch (option->type) {
    case PS_OPTION_BOOLEAN: return "true|false";
    case PS_OPTION_INTEGER: return "N";
    case PS_OPTION_DOUBLE: return "NUMBER";
    case PS_OPTION_TEXT: return "TEXT";
    case PS_OPTION_CHOICE: return option->choices;
    case PS_OPTION_SIZE: return "SIZE";
    case PS_OPTION_DURATION: return "DURATION";
    }
    return "TEXT";
}
