/* SPDX-License-Identifier: Apache-2.0
 *
 * decoding.c - what decoding the records of one source takes.
 *
 * The codec's config is copied once per kind of record (values, keys), because each kind has its own columns and
 * so its own compiled schemas. A fixed schema is compiled at once, so that `penstock check` finds its mistakes.
 */
#include "connect/decoding.h"

#include "base/file.h"
#include "base/limits.h"

/* A schema file: Protobuf descriptors of many files are a few MiB. */
#define SCHEMA_FILE_SIZE_MAX ((size_t)64 << 20)

void ps_decoding_free(struct ps_decoding *decoding) {
    if (decoding == NULL) {
        return;
    }
    ps_schemas_free(decoding->value_schemas);
    ps_schemas_free(decoding->key_schemas);
    ps_registry_free(decoding->registry);
    ps_release(decoding);
}

void ps_decoding_free_scoped(struct ps_decoding **decoding) {
    ps_decoding_free(*decoding);
}

/* --- columns ---------------------------------------------------------------------------------------------------- */

static penstock_code use_key(struct ps_decoding *decoding, const struct ps_source_setup *setup,
                             struct ps_arena *arena, struct penstock_error *error) {
    const struct ps_source_statement *statement = setup->statement;
    const size_t count = decoding->row_schema.column_count;
    struct ps_column_schema *columns = ps_arena_allocate(arena, count + 1, sizeof *columns);
    struct ps_column_schema *key = ps_arena_allocate(arena, statement->primary_key_count + 1, sizeof *key);
    if (columns == NULL || key == NULL) {
        return ps_error_memory(error, "a source");
    }
    memcpy(columns, decoding->row_schema.columns, count * sizeof *columns);
    for (size_t i = 0; i < statement->primary_key_count; i++) {
        const size_t column = statement->primary_key[i];
        if (column >= count) {
            (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                               "column %s of the primary key is not a declared column",
                               setup->schema->columns[column].name);
            return ps_error_hint(error,
                                 "the key of a changelog's row is in its records, not in INCLUDE columns");
        }
        columns[column].not_null =
            false; /* it may come from the record's key; looked at when it is all there */
        key[i] = columns[column];
    }
    decoding->row_schema.columns = columns;
    decoding->key_schema = (struct ps_schema){key, statement->primary_key_count};
    decoding->key_columns = statement->primary_key;
    return PENSTOCK_OK;
}

static penstock_code use_envelope(struct ps_decoding *decoding, struct ps_arena *arena,
                                  struct penstock_error *error) {
    struct ps_column_schema *columns = ps_arena_allocate(arena, PS_ENVELOPE_COUNT, sizeof *columns);
    if (columns == NULL) {
        return ps_error_memory(error, "a source");
    }
    const struct ps_column_schema json = {.type_text = "JSON", .type = PS_TYPE_CAST};
    columns[PS_ENVELOPE_PAYLOAD] = json;
    columns[PS_ENVELOPE_PAYLOAD].name = "payload";
    columns[PS_ENVELOPE_OPERATION] =
        (struct ps_column_schema){.name = "op", .type_text = "VARCHAR", .type = PS_TYPE_VARCHAR};
    columns[PS_ENVELOPE_BEFORE] = json;
    columns[PS_ENVELOPE_BEFORE].name = "before";
    columns[PS_ENVELOPE_AFTER] = json;
    columns[PS_ENVELOPE_AFTER].name = "after";
    decoding->value_schema = (struct ps_schema){columns, PS_ENVELOPE_COUNT};
    return PENSTOCK_OK;
}

static penstock_code use_format(struct ps_decoding *decoding, const struct ps_source_setup *setup,
                                struct ps_arena *arena, struct penstock_error *error) {
    const bool is_plain = setup->statement == NULL || setup->statement->format == PS_FORMAT_PLAIN;
    decoding->row_schema = setup->codec_schema.columns != NULL ? setup->codec_schema : *setup->schema;
    if (!is_plain) {
        PS_TRY(use_key(decoding, setup, arena, error));
    }
    decoding->value_schema = decoding->row_schema;
    if (!is_plain && setup->statement->format == PS_FORMAT_DEBEZIUM) {
        PS_TRY(use_envelope(decoding, arena, error));
    }
    const struct ps_codec_type *json = ps_codec_find("json");
    decoding->json_config = ps_arena_allocate(arena, 1, json->config_size);
    if (decoding->json_config == NULL) {
        return ps_error_memory(error, "a source");
    }
    return ps_option_defaults(json->options, decoding->json_config, arena, error);
}

/* --- schemas ---------------------------------------------------------------------------------------------------- */

static penstock_code fetch(void *context, int64_t id, struct ps_arena *arena,
                           struct ps_schema_texts *texts_out, struct penstock_error *error) {
    struct ps_decoding *decoding = context;
    if (id != PS_SCHEMA_FIXED) {
        const bool is_serialized = strcmp(decoding->codec->name, "protobuf") == 0;
        return ps_registry_fetch(decoding->registry, id, is_serialized, arena, texts_out, error);
    }
    *texts_out = (struct ps_schema_texts){&decoding->fixed, 1};
    return PENSTOCK_OK;
}

static bool is_given(const char *text) {
    return text != NULL && text[0] != '\0';
}

static penstock_code find_fixed(struct ps_decoding *decoding, const struct ps_source_setup *setup,
                                const struct ps_schema_options *options, struct ps_arena *arena,
                                struct penstock_error *error) {
    if (is_given(options->text)) {
        decoding->fixed = ps_bytes_of(options->text);
        return PENSTOCK_OK;
    }
    const char *path = ps_path_join(arena, setup->folder == NULL ? "." : setup->folder, options->file);
    if (path == NULL) {
        return ps_error_memory(error, "a schema");
    }
    return ps_file_read(path, SCHEMA_FILE_SIZE_MAX, arena, &decoding->fixed, error);
}

/* A copy of the codec's config with schemas of its own for these columns. */
static penstock_code use_schemas(struct ps_decoding *decoding, const struct ps_source_setup *setup,
                                 const struct ps_schema *columns, struct ps_arena *arena, void **config_out,
                                 struct ps_schemas **schemas_out, struct penstock_error *error) {
    struct ps_schema_options *config =
        (struct ps_schema_options *)ps_arena_allocate(arena, 1, setup->codec->config_size);
    if (config == NULL) {
        return ps_error_memory(error, "a source");
    }
    memcpy(config, setup->codec_config, setup->codec->config_size);
    const struct ps_schema_fetcher fetcher = {fetch, decoding};
    PS_TRY(ps_schemas_new(setup->codec, config, columns, fetcher, schemas_out, error));
    config->schemas = *schemas_out;
    *config_out = config;
    return PENSTOCK_OK;
}

static penstock_code connect_schemas(struct ps_decoding *decoding, const struct ps_source_setup *setup,
                                     struct ps_arena *arena, struct penstock_error *error) {
    const struct ps_schema_options *options = setup->codec_config;
    decoding->has_schemas = true;
    decoding->has_registry = is_given(options->registry);
    PS_TRY(use_schemas(decoding, setup, &decoding->value_schema, arena, &decoding->value_config,
                       &decoding->value_schemas, error));
    if (decoding->key_schema.column_count > 0) {
        PS_TRY(use_schemas(decoding, setup, &decoding->key_schema, arena, &decoding->key_config,
                           &decoding->key_schemas, error));
    }
    if (decoding->has_registry) {
        return ps_registry_new(options, &decoding->registry, error);
    }
    const void *compiled = NULL;
    PS_TRY(find_fixed(decoding, setup, options, arena, error));
    const penstock_code code = ps_schemas_find(decoding->value_schemas, PS_SCHEMA_FIXED, &compiled, error);
    if (code == PENSTOCK_INVALID_DATA && error != NULL) {
        error->code = PENSTOCK_INVALID_PROJECT;
    }
    return code == PENSTOCK_INVALID_DATA ? PENSTOCK_INVALID_PROJECT : code;
}

penstock_code ps_decoding_new(const struct ps_source_setup *setup, struct ps_arena *arena,
                              struct ps_decoding **decoding_out, struct penstock_error *error) {
    struct ps_decoding *decoding PS_SCOPED(ps_decoding_free_scoped) = ps_allocate(1, sizeof *decoding);
    if (decoding == NULL) {
        return ps_error_memory(error, "a source");
    }
    decoding->codec = setup->codec;
    PS_TRY(use_format(decoding, setup, arena, error));
    if (setup->codec->check_columns != NULL) {
        PS_TRY(setup->codec->check_columns(&decoding->row_schema, error));
    }
    if (setup->codec->compile != NULL) {
        PS_TRY(connect_schemas(decoding, setup, arena, error));
    }
    *decoding_out = ps_take(decoding);
    return PENSTOCK_OK;
}
