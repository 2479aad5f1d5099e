/* SPDX-License-Identifier: Apache-2.0
 *
 * create_sink.c - from a CREATE SINK statement to an open sink; see create.h.
 *
 * A promise that the sink cannot keep is refused here, before anything runs.
 */
#include "connect/create.h"
#include "connect/settings.h"

struct framework_config {
    const char *connector;
    const char *delivery;
};

const struct ps_option ps_sink_options[] = {
    {.name = "connector",
     .type = PS_OPTION_TEXT,
     .is_required = true,
     .offset = offsetof(struct framework_config, connector),
     .help = "where the rows go: kafka, postgres, hbase, delta, parquet, file",
     .since = "0.2"},
    {.name = "delivery",
     .type = PS_OPTION_CHOICE,
     .default_text = "exactly_once",
     .choices = "exactly_once|at_least_once",
     .offset = offsetof(struct framework_config, delivery),
     .help =
         "exactly_once: a row is there once, whatever is killed; at_least_once: it may be there twice after a"
         " crash, where that is cheaper",
     .since = "0.2"},
    {.name = NULL},
};

static penstock_code find_type(const struct ps_sink_statement *statement, const char *name,
                               const struct ps_sink_type **type_out, struct penstock_error *error) {
    const char *names[64] = {NULL};
    for (size_t i = 0; ps_sink_types[i] != NULL && i < 63; i++) {
        names[i] = ps_sink_types[i]->name;
    }
    *type_out = ps_sink_type_find(statement->connector);
    if (*type_out != NULL) {
        return PENSTOCK_OK;
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "sink %s: there is no connector '%s'", name,
                       statement->connector);
    const char *nearest = ps_nearest(statement->connector, names);
    struct ps_buffer list PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&list, 400);
    for (size_t i = 0; names[i] != NULL; i++) {
        ps_buffer_printf(&list, "%s%s", i > 0 ? ", " : "", names[i]);
    }
    (void)ps_error_hint(error, nearest != NULL ? "did you mean '%s'?" : "connectors of sinks: %s",
                        nearest != NULL     ? nearest
                        : list.data != NULL ? list.data
                                            : "");
    return ps_settings_blame(error, statement->connector_location, PENSTOCK_INVALID_PROJECT);
}

static penstock_code find_encode(const struct ps_sink_statement *statement, const struct ps_sink_type *type,
                                 struct ps_sink_setup *setup, struct penstock_error *error) {
    if (statement->encode == NULL) {
        setup->encode = type->encodes[0];
        return PENSTOCK_OK;
    }
    for (size_t i = 0; type->encodes[i] != NULL; i++) {
        if (ps_text_equal_nocase(type->encodes[i], statement->encode)) {
            setup->encode = type->encodes[i];
            return PENSTOCK_OK;
        }
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "sink %s: connector '%s' cannot write ENCODE %s",
                       setup->name, type->name, statement->encode);
    (void)ps_error_hint(error, "leave it out: it writes %s", type->encodes[0]);
    return ps_settings_blame(error, statement->connector_location, PENSTOCK_INVALID_PROJECT);
}

static penstock_code check_delivery(const struct ps_sink_statement *statement,
                                    const struct ps_sink_type *type, const struct ps_sink_setup *setup,
                                    struct penstock_error *error) {
    if (setup->is_at_least_once || type->delivery != PS_DELIVERY_AT_LEAST_ONCE) {
        return PENSTOCK_OK;
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                       "sink %s promises exactly_once, but connector '%s' can keep at_least_once only",
                       setup->name, type->name);
    (void)ps_error_hint(
        error, "say delivery = 'at_least_once', or write to kafka, postgres, hbase, delta, parquet or file");
    return ps_settings_blame(error, statement->connector_location, PENSTOCK_INVALID_PROJECT);
}

static penstock_code resolve(const struct ps_sink_statement *statement, struct ps_sink_setup *setup,
                             struct ps_arena *arena, const struct ps_sink_type **type_out, void **config_out,
                             struct penstock_error *error) {
    const struct ps_sink_type *type = NULL;
    struct framework_config framework = {0};
    PS_TRY(find_type(statement, setup->name, &type, error));
    PS_TRY(find_encode(statement, type, setup, error));
    void *config = ps_arena_allocate(arena, 1, type->config_size);
    const struct ps_settings_target target = {.what = ps_arena_printf(arena, "sink %s", setup->name),
                                              .owner = ps_arena_printf(arena, "connector '%s'", type->name),
                                              .framework_rows = ps_sink_options,
                                              .rows = type->options,
                                              .framework = &framework,
                                              .config = config,
                                              .takes_properties = type->takes_properties,
                                              .location = statement->connector_location};
    if (config == NULL || target.what == NULL || target.owner == NULL) {
        return ps_error_memory(error, "a sink");
    }
    PS_TRY(ps_settings_apply(&target, statement->settings, statement->setting_count, arena, error));
    setup->is_at_least_once = strcmp(framework.delivery, "at_least_once") == 0;
    setup->statement = statement;
    PS_TRY(check_delivery(statement, type, setup, error));
    *type_out = type;
    *config_out = config;
    return PENSTOCK_OK;
}

static bool has_place(const struct penstock_error *error, struct ps_location location) {
    const size_t size = location.file != NULL ? strlen(location.file) : 0;
    return error != NULL && size > 0 && strncmp(error->message, location.file, size) == 0 &&
           error->message[size] == ':';
}

penstock_code ps_sink_create(const struct ps_sink_statement *statement, const struct ps_sink_setup *setup,
                             struct ps_arena *arena, struct ps_sink **sink_out,
                             struct penstock_error *error) {
    struct ps_sink_setup own = *setup;
    const struct ps_sink_type *type = NULL;
    void *config = NULL;
    PS_TRY(resolve(statement, &own, arena, &type, &config, error));
    const penstock_code code = ps_sink_open(type, &own, config, sink_out, error);
    if (code == PENSTOCK_OK || has_place(error, statement->connector_location)) {
        return code; /* a connector that knows the setting at fault has named its place */
    }
    return ps_settings_blame_named(error, statement->settings,
                                   code == PENSTOCK_INVALID_PROJECT ? statement->setting_count : 0,
                                   statement->connector_location, code);
}

penstock_code ps_sink_check(const struct ps_sink_statement *statement, const struct ps_sink_setup *setup,
                            struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    if (arena == NULL) {
        return ps_error_memory(error, "a sink");
    }
    struct ps_sink *sink = NULL;
    PS_TRY(ps_sink_create(statement, setup, arena, &sink, error)); /* opening touches nothing outside */
    ps_sink_close(sink);
    return PENSTOCK_OK;
}
