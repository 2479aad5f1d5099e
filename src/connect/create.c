/* SPDX-License-Identifier: Apache-2.0
 *
 * create.c - from a CREATE SOURCE statement to an open source.
 *
 * Every setting goes through an option row: the framework's, the connector's or the codec's. A mistake is an
 * INVALID_PROJECT error at the setting's own place, with the nearest name that would have been right.
 */
#include "connect/create.h"

#include "connect/decoding.h"
#include "connect/settings.h"
#include "data/codec_json.h"

struct framework_config {
    const char *connector;
    const char *on_bad_record;
    const char *on_new_field; /* 'keep' is in the statement's columns already */
};

const struct ps_option ps_source_options[] = {
    {.name = "connector",
     .type = PS_OPTION_TEXT,
     .is_required = true,
     .offset = offsetof(struct framework_config, connector),
     .help = "what the records come from: file, hbase, kafka",
     .since = "0.1"},
    {.name = "on_bad_record",
     .type = PS_OPTION_CHOICE,
     .default_text = "dead_letter",
     .choices = "dead_letter|fail",
     .offset = offsetof(struct framework_config, on_bad_record),
     .help = "a record that cannot be decoded: keep it as a dead letter and go on, or fail the epoch",
     .since = "0.1"},
    {.name = "on_new_field",
     .type = PS_OPTION_CHOICE,
     .default_text = "ignore",
     .choices = "ignore|keep|add",
     .offset = offsetof(struct framework_config, on_new_field),
     .help = "a field that is no column: leave it out, keep all such fields as JSON in column " PS_REST_COLUMN
             ", or make it a column",
     .since = "0.2"},
    {.name = NULL},
};

/* What a statement asks for, found and checked. */
struct wanted {
    const struct ps_source_type *type;
    void *config;
    struct ps_source_setup setup;
    struct framework_config framework;
    void *codec_config;
    struct ps_json_config json;
};

/* Where the statement itself can be blamed: its connector setting, or its first one. */
static struct ps_location location_of(const struct ps_source_statement *statement) {
    for (size_t i = 0; i < statement->setting_count; i++) {
        if (ps_option_name_equal(statement->settings[i].name, "connector")) {
            return statement->settings[i].location;
        }
    }
    if (statement->setting_count > 0) {
        return statement->settings[0].location;
    }
    return statement->column_locations != NULL && statement->schema.column_count > 0
               ? statement->column_locations[0]
               : (struct ps_location){0};
}

static penstock_code find_connector(const struct ps_source_statement *statement, const char *name,
                                    struct wanted *wanted, struct penstock_error *error) {
    const char *names[64] = {NULL};
    for (size_t i = 0; ps_source_types[i] != NULL && i < 63; i++) {
        names[i] = ps_source_types[i]->name;
    }
    if (statement->connector == NULL) {
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "source %s has no connector", name);
        (void)ps_error_hint(
            error, "say where its records come from: WITH (connector = 'file', path = 'data/*.ndjson')");
        return ps_settings_blame(error, location_of(statement), PENSTOCK_INVALID_PROJECT);
    }
    wanted->type = ps_source_type_find(statement->connector);
    if (wanted->type != NULL) {
        return PENSTOCK_OK;
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "source %s: there is no connector '%s'", name,
                       statement->connector);
    const char *nearest = ps_nearest(statement->connector, names);
    (void)ps_error_hint(error, nearest != NULL ? "did you mean '%s'?" : "connectors of this version: %s",
                        nearest != NULL ? nearest : names[0]);
    return ps_settings_blame(error, location_of(statement), PENSTOCK_INVALID_PROJECT);
}

/* --- settings -------------------------------------------------------------------------------------------- */

static penstock_code apply_settings(const struct ps_source_statement *statement, const char *name,
                                    struct ps_arena *arena, struct wanted *wanted,
                                    struct penstock_error *error) {
    const struct ps_settings_target target = {
        .what = ps_arena_printf(arena, "source %s", name),
        .owner = ps_arena_printf(arena, "connector '%s'", wanted->type->name),
        .framework_rows = ps_source_options,
        .rows = wanted->type->options,
        .framework = &wanted->framework,
        .config = wanted->config,
        .takes_properties = wanted->type->takes_properties,
        .codec_rows = wanted->setup.codec != NULL ? wanted->setup.codec->options : NULL,
        .location = location_of(statement)};
    if (target.what == NULL || target.owner == NULL) {
        return ps_error_memory(error, "a source");
    }
    PS_TRY(ps_settings_apply(&target, statement->settings, statement->setting_count, arena, error));
    wanted->setup.fail_on_bad_record = strcmp(wanted->framework.on_bad_record, "fail") == 0;
    return PENSTOCK_OK;
}

/* --- the codec ------------------------------------------------------------------------------------------- */

static penstock_code find_codec(const struct ps_source_statement *statement, const char *name,
                                struct wanted *wanted, struct penstock_error *error) {
    const char *const *encodes = wanted->type->encodes;
    const char *const usual = wanted->type->codec != NULL ? encodes[0] : "json";
    const char *encode = statement->encode == NULL ? usual : statement->encode;
    for (size_t i = 0; encodes[i] != NULL; i++) {
        if (ps_text_equal_nocase(encodes[i], encode)) {
            wanted->setup.encode = encodes[i];
            /* NULL: the connector gives relations */
            wanted->setup.codec = wanted->type->codec != NULL ? wanted->type->codec : ps_codec_find(encode);
            return PENSTOCK_OK;
        }
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "source %s: connector '%s' cannot read ENCODE %s",
                       name, wanted->type->name, encode);
    const char *nearest = ps_nearest(encode, encodes);
    (void)ps_error_hint(error, nearest != NULL ? "did you mean %s?" : "it reads %s among others",
                        nearest != NULL ? nearest : encodes[0]);
    return ps_settings_blame(error, location_of(statement), PENSTOCK_INVALID_PROJECT);
}

static penstock_code configure_codec(const struct ps_source_statement *statement, struct ps_arena *arena,
                                     struct wanted *wanted, struct penstock_error *error) {
    static const struct ps_option no_options[] = {{.name = NULL}};
    const struct ps_codec_type *codec = wanted->setup.codec;
    const struct ps_option *rows = codec == NULL ? no_options : codec->options;
    void *config = ps_arena_allocate(arena, 1, codec == NULL ? 1 : codec->config_size);
    if (config == NULL) {
        return ps_error_memory(error, "a codec");
    }
    PS_TRY(ps_option_defaults(rows, config, arena, error));
    for (size_t i = 0; i < statement->encode_setting_count; i++) {
        const struct ps_setting *setting = &statement->encode_settings[i];
        PS_TRY(ps_settings_check_twice(statement->encode_settings, i, error));
        if (ps_option_find(rows, setting->name) == NULL) {
            return ps_settings_refuse(setting, ps_arena_printf(arena, "ENCODE %s", wanted->setup.encode),
                                      rows, NULL, NULL, error);
        }
        const penstock_code code = ps_option_set(rows, config, setting->name, setting->value, arena, error);
        if (code != PENSTOCK_OK) {
            return ps_settings_blame(error, setting->location, code);
        }
    }
    const penstock_code code =
        codec == NULL || codec->check == NULL ? PENSTOCK_OK : codec->check(config, error);
    if (code != PENSTOCK_OK) {
        const bool is_given = statement->encode_setting_count > 0;
        return ps_settings_blame(
            error, is_given ? statement->encode_settings[0].location : location_of(statement), code);
    }
    wanted->setup.codec_config = wanted->codec_config = config;
    if (wanted->type->configure == NULL) {
        return PENSTOCK_OK;
    }
    const penstock_code made =
        wanted->type->configure(&wanted->setup, wanted->config, arena, &wanted->setup.codec_config, error);
    return made == PENSTOCK_OK ? made
                               : ps_settings_blame_named(error, statement->settings, statement->setting_count,
                                                         location_of(statement), made);
}

/* The columns behind the declared ones: can they be filled? */
static penstock_code check_includes(const struct ps_source_statement *statement, const char *name,
                                    struct wanted *wanted, struct penstock_error *error) {
    for (size_t i = 0; i < statement->include_count; i++) {
        const struct ps_include *include = &statement->includes[i];
        if (include->kind == PS_INCLUDE_REST) {
            if (strcmp(wanted->setup.encode, "json") != 0) {
                (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                                   "source %s: on_new_field = 'keep' needs ENCODE JSON", name);
                return ps_settings_blame(error, include->location, PENSTOCK_INVALID_PROJECT);
            }
            wanted->json.rest_column = include->column + 1;
        } else if (!wanted->type->is_sparse) {
            (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                               "source %s: INCLUDE is what a broker says of a record, connector '%s' is none",
                               name, wanted->type->name);
            return ps_settings_blame(error, include->location, PENSTOCK_INVALID_PROJECT);
        }
    }
    if (statement->adds_columns && strcmp(wanted->setup.encode, "json") != 0) {
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                           "source %s: on_new_field = 'add' needs ENCODE JSON", name);
        return ps_settings_blame(error, location_of(statement), PENSTOCK_INVALID_PROJECT);
    }
    wanted->json.growing = statement->adds_columns ? &statement->schema : NULL;
    wanted->json.added_count = statement->added_count;
    if (strcmp(wanted->setup.encode, "json") == 0) {
        memcpy(wanted->codec_config, &wanted->json, sizeof wanted->json);
    }
    return PENSTOCK_OK;
}

/* Schemas, and the keys and envelopes of changelogs. */
static penstock_code prepare_decoding(const struct ps_source_statement *statement, const char *name,
                                      struct ps_arena *arena, struct wanted *wanted,
                                      struct penstock_error *error) {
    const struct ps_codec_type *codec = wanted->setup.codec;
    const bool is_plain = statement->format == PS_FORMAT_PLAIN;
    if (!is_plain && (codec == NULL || !wanted->type->is_sparse)) {
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "source %s: FORMAT %s needs a broker's records",
                           name, statement->format == PS_FORMAT_UPSERT ? "UPSERT" : "DEBEZIUM");
        (void)ps_error_hint(error, "connector '%s' reads FORMAT PLAIN", wanted->type->name);
        return ps_settings_blame(error, statement->format_location, PENSTOCK_INVALID_PROJECT);
    }
    if (is_plain && (codec == NULL || (codec->compile == NULL && codec->check_columns == NULL))) {
        return PENSTOCK_OK;
    }
    const penstock_code code = ps_decoding_new(&wanted->setup, arena, &wanted->setup.decoding, error);
    if (code == PENSTOCK_OK) {
        return code;
    }
    const struct ps_location location =
        statement->encode_setting_count > 0 ? statement->encode_settings[0].location : location_of(statement);
    (void)ps_error_context(error, "source %s", name);
    return ps_settings_blame(error, location, code);
}

static penstock_code resolve(const struct ps_source_statement *statement, const char *name,
                             const char *folder, struct ps_arena *arena, struct wanted *wanted,
                             struct penstock_error *error) {
    PS_TRY(find_connector(statement, name, wanted, error));
    wanted->setup.name = ps_arena_copy(arena, name);
    wanted->setup.folder = folder == NULL ? NULL : ps_arena_copy(arena, folder);
    wanted->setup.schema = &statement->schema;
    wanted->setup.codec_schema = (struct ps_schema){
        statement->schema.columns, statement->schema.column_count - statement->include_count};
    wanted->setup.statement = statement;
    wanted->config = ps_arena_allocate(arena, 1, wanted->type->config_size);
    if (wanted->setup.name == NULL || wanted->config == NULL ||
        (folder != NULL && wanted->setup.folder == NULL)) {
        return ps_error_memory(error, "a source");
    }
    PS_TRY(find_codec(statement, name, wanted, error));
    PS_TRY(apply_settings(statement, name, arena, wanted, error));
    PS_TRY(configure_codec(statement, arena, wanted, error));
    PS_TRY(check_includes(statement, name, wanted, error));
    return prepare_decoding(statement, name, arena, wanted, error);
}

penstock_code ps_source_create(const struct ps_source_statement *statement, const char *name,
                               const char *folder, struct ps_arena *arena, struct ps_source **source_out,
                               struct ps_source_setup *setup_out, struct penstock_error *error) {
    return ps_source_create_for(statement, name, folder, NULL, arena, source_out, setup_out, error);
}

penstock_code ps_source_create_for(const struct ps_source_statement *statement, const char *name,
                                   const char *folder, const struct ps_source_use *use,
                                   struct ps_arena *arena, struct ps_source **source_out,
                                   struct ps_source_setup *setup_out, struct penstock_error *error) {
    struct wanted wanted = {.setup = {.use = use}};
    PS_TRY(resolve(statement, name, folder, arena, &wanted, error));
    struct ps_source *source = NULL;
    PS_TRY(ps_source_open(wanted.type, &wanted.setup, wanted.config, &source, error));
    *source_out = source;
    *setup_out = wanted.setup;
    return PENSTOCK_OK;
}

penstock_code ps_source_explain(const struct ps_source_statement *statement, const char *name,
                                const char *folder, const struct ps_source_use *use, struct ps_arena *arena,
                                struct ps_pushed *pushed_out, bool *is_known_out,
                                struct penstock_error *error) {
    struct wanted wanted = {.setup = {.use = use}};
    penstock_code code = resolve(statement, name, folder, arena, &wanted, error);
    *is_known_out = wanted.type != NULL && wanted.type->explain != NULL;
    if (code == PENSTOCK_OK && *is_known_out) {
        code = wanted.type->explain(&wanted.setup, wanted.config, arena, pushed_out, error);
    }
    ps_decoding_free(wanted.setup.decoding);
    return code;
}

penstock_code ps_source_check(const struct ps_source_statement *statement, const char *name,
                              const char *folder, struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    if (arena == NULL) {
        return ps_error_memory(error, "a source");
    }
    struct wanted wanted = {0};
    penstock_code code = resolve(statement, name, folder, arena, &wanted, error);
    if (code == PENSTOCK_OK && wanted.type->check != NULL) {
        code = wanted.type->check(&wanted.setup, wanted.config, error);
    }
    ps_decoding_free(wanted.setup.decoding);
    return code;
}
