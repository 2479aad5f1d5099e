/* SPDX-License-Identifier: Apache-2.0
 *
 * codec_avro.c - Avro's binary encoding, straight into columns.
 *
 * A record's fields come one after the other in the order of its writer's schema, so a record is one pass: a field
 * that is a column is converted, every other one is passed over. Bytes and strings stay views into the record.
 * What has no column type (records, arrays, maps) becomes JSON text, for SQL to take apart.
 */
#include "data/codec_avro.h"

#include <math.h>

#include "data/render.h"
#include "data/value.h"

/* Values that a record of no bytes may have, and more for each byte it has. */
#define STEPS_MIN 4096
#define STEPS_PER_BYTE 16

struct avro_decoder {
    const struct ps_schema_options *options;
    const struct ps_schema *schema;
    bool *is_json; /* per column: type_text is JSON, so texts keep their quotes */
    bool *is_set;  /* per column: the record at hand has it */
    struct ps_schema_memo memo;
    struct ps_buffer text;
    struct ps_avro_reader reader;
};

static const struct ps_option avro_options[] = {
    {.name = "schema.registry",
     .type = PS_OPTION_TEXT,
     .offset = offsetof(struct ps_schema_options, registry),
     .help = "address of a schema registry, http://host:8081; each record then begins with a schema id",
     .since = "0.2"},
    {.name = "schema.registry.username",
     .type = PS_OPTION_TEXT,
     .offset = offsetof(struct ps_schema_options, username),
     .help = "user of the schema registry (HTTP basic authentication)",
     .since = "0.2"},
    {.name = "schema.registry.password",
     .type = PS_OPTION_TEXT,
     .is_secret = true,
     .offset = offsetof(struct ps_schema_options, password),
     .help = "his password; give it as a variable: '${REGISTRY_PASSWORD}'",
     .since = "0.2"},
    {.name = "schema.registry.ca",
     .type = PS_OPTION_TEXT,
     .offset = offsetof(struct ps_schema_options, ca_file),
     .help = "file with the certificates that an https registry is checked against; else the system's",
     .since = "0.2"},
    {.name = "schema",
     .type = PS_OPTION_TEXT,
     .offset = offsetof(struct ps_schema_options, text),
     .help = "the one schema of all records, as JSON; records have no header then",
     .since = "0.2"},
    {.name = "schema.file",
     .type = PS_OPTION_TEXT,
     .offset = offsetof(struct ps_schema_options, file),
     .help = "the file that has it, relative to the project's folder",
     .since = "0.2"},
    {.name = NULL},
};

static bool is_given(const char *text) {
    return text != NULL && text[0] != '\0';
}

static penstock_code avro_check(const void *config, struct penstock_error *error) {
    const struct ps_schema_options *options = config;
    const int count = is_given(options->registry) + is_given(options->text) + is_given(options->file);
    if (count == 1) {
        return PENSTOCK_OK;
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                       count == 0 ? "ENCODE AVRO does not say where the schema is"
                                  : "ENCODE AVRO takes one of schema.registry, schema and schema.file");
    return ps_error_hint(error, "ENCODE AVRO (schema.registry = 'http://host:8081'), (schema = '{...}') or "
                                "(schema.file = 'x.avsc')");
}

/* --- open and close --------------------------------------------------------------------------------------------- */

static void avro_close(void *state) {
    struct avro_decoder *decoder = state;
    if (decoder == NULL) {
        return;
    }
    ps_buffer_done(&decoder->text);
    ps_release(decoder->is_json);
    ps_release(decoder->is_set);
    ps_release(decoder);
}

static void avro_close_scoped(struct avro_decoder **decoder) {
    avro_close(*decoder);
}

static penstock_code avro_open(const void *config, const struct ps_schema *schema, struct ps_bytes header,
                               void **state_out, struct penstock_error *error) {
    (void)header;
    struct avro_decoder *decoder PS_SCOPED(avro_close_scoped) = ps_allocate(1, sizeof *decoder);
    if (decoder == NULL) {
        return ps_error_memory(error, "an Avro decoder");
    }
    decoder->options = config;
    decoder->schema = schema;
    decoder->is_json = ps_allocate(schema->column_count + 1, sizeof *decoder->is_json);
    decoder->is_set = ps_allocate(schema->column_count + 1, sizeof *decoder->is_set);
    ps_buffer_init(&decoder->text, PS_LIMIT_RECORD_SIZE);
    if (decoder->is_json == NULL || decoder->is_set == NULL) {
        return ps_error_memory(error, "an Avro decoder");
    }
    for (size_t i = 0; i < schema->column_count; i++) {
        decoder->is_json[i] = ps_text_equal_nocase(schema->columns[i].type_text, "JSON");
    }
    *state_out = ps_take(decoder);
    return PENSTOCK_OK;
}

/* --- values ----------------------------------------------------------------------------------------------------- */

/* What a field came to: the bytes are wrong, or the value does not fit its column, or both are well. */
struct outcome {
    enum ps_avro_result bytes;
    enum ps_value_result value;
};

static struct outcome of_value(enum ps_value_result value) {
    return (struct outcome){PS_AVRO_OK, value};
}

static struct outcome of_bytes(enum ps_avro_result bytes) {
    return (struct outcome){bytes, PS_VALUE_OK};
}

static bool is_text_type(enum ps_type type) {
    return type == PS_TYPE_VARCHAR || type == PS_TYPE_CAST;
}

static bool is_container(enum ps_avro_kind kind) {
    return kind == PS_AVRO_ARRAY || kind == PS_AVRO_MAP || kind == PS_AVRO_RECORD;
}

/* The value as the text of a column: JSON for a JSON column and for containers, else without quotes. */
static struct outcome convert_text(struct avro_decoder *decoder, struct ps_batch *batch,
                                   const struct ps_avro_type *type, size_t column) {
    struct ps_bytes text = {"", 0};
    ps_buffer_clear(&decoder->text);
    const enum ps_avro_result result = ps_avro_walk(&decoder->reader, type, &decoder->text);
    if (result != PS_AVRO_OK) {
        return of_bytes(result);
    }
    text = (struct ps_bytes){decoder->text.data, decoder->text.size};
    /* the quotes of a date, time, enum or base64 text, which has nothing to escape in it */
    if (!decoder->is_json[column] && !is_container(type->kind) && text.size >= 2 && text.data[0] == '"') {
        text.data++;
        text.size -= 2;
    }
    text.data = ps_arena_copy_size(batch->arena, text.data, text.size);
    ((struct ps_bytes *)batch->columns[column].values)[batch->row_count] = text;
    return of_bytes(text.data != NULL ? PS_AVRO_OK : PS_AVRO_MEMORY);
}

static struct outcome convert_integer(struct avro_decoder *decoder, const struct ps_avro_type *type,
                                      struct ps_column *column, int64_t row) {
    int64_t value = 0;
    const enum ps_avro_result result = ps_avro_read_long(&decoder->reader, &value);
    if (result != PS_AVRO_OK) {
        return of_bytes(result);
    }
    if (type->kind == PS_AVRO_INT && (value < INT32_MIN || value > INT32_MAX)) {
        return of_bytes(PS_AVRO_BAD);
    }
    const bool is_timestamp = type->logical == PS_AVRO_TIMESTAMP_MS ||
                              type->logical == PS_AVRO_TIMESTAMP_US || type->logical == PS_AVRO_TIMESTAMP_NS;
    if (column->type == PS_TYPE_DATE && type->logical == PS_AVRO_DATE) {
        ((int32_t *)column->values)[row] = (int32_t)value;
        return of_value(PS_VALUE_OK);
    }
    if (column->type == PS_TYPE_TIMESTAMP && is_timestamp) {
        int64_t *out = (int64_t *)column->values + row;
        return of_value(ps_avro_microseconds(type->logical, value, out) ? PS_VALUE_OK : PS_VALUE_RANGE);
    }
    if (column->type == PS_TYPE_TIMESTAMP && type->logical == PS_AVRO_DATE) {
        int64_t *out = (int64_t *)column->values + row;
        const bool is_large = __builtin_mul_overflow(value, INT64_C(86400000000), out);
        return of_value(is_large ? PS_VALUE_RANGE : PS_VALUE_OK);
    }
    if (column->type == PS_TYPE_BOOLEAN) {
        return of_value(PS_VALUE_TYPE);
    }
    return of_value(ps_value_of_integer(column->type, value, column->values, row));
}

static struct outcome convert_double(struct avro_decoder *decoder, const struct ps_avro_type *type,
                                     struct ps_column *column, int64_t row) {
    struct ps_avro_reader *reader = &decoder->reader;
    const size_t size = type->kind == PS_AVRO_FLOAT ? sizeof(float) : sizeof(double);
    double value = 0;
    if ((size_t)(reader->end - reader->at) < size) {
        return of_bytes(PS_AVRO_CUT);
    }
    if (type->kind == PS_AVRO_FLOAT) {
        float small;
        memcpy(&small, reader->at, sizeof small);
        value = (double)small;
    } else {
        memcpy(&value, reader->at, sizeof value);
    }
    reader->at += size;
    if (!isfinite(value)) {
        return of_value(column->type <= PS_TYPE_DOUBLE ? PS_VALUE_RANGE : PS_VALUE_TYPE);
    }
    return of_value(ps_value_of_double(column->type, value, column->values, row));
}

/* STRING, BYTES and FIXED. */
static struct outcome convert_bytes(struct avro_decoder *decoder, const struct ps_avro_type *type,
                                    struct ps_column *column, int64_t row) {
    struct ps_bytes bytes = {"", 0};
    const enum ps_avro_result result = ps_avro_read_bytes(&decoder->reader, type, &bytes);
    if (result != PS_AVRO_OK) {
        return of_bytes(result);
    }
    if (type->logical == PS_AVRO_DECIMAL && column->type != PS_TYPE_BLOB) {
        ps_buffer_clear(&decoder->text);
        if (!ps_render_decimal(&decoder->text, bytes, type->scale)) {
            return of_value(PS_VALUE_RANGE);
        }
        bytes = (struct ps_bytes){decoder->text.data, decoder->text.size};
        return of_value(ps_value_of_text(column->type, bytes, column->values, row));
    }
    if (type->kind != PS_AVRO_STRING && column->type != PS_TYPE_BLOB && !is_text_type(column->type)) {
        return of_value(PS_VALUE_TYPE);
    }
    if (column->type != PS_TYPE_BLOB && !ps_bytes_is_utf8(bytes, NULL)) {
        return of_bytes(PS_AVRO_TEXT);
    }
    return of_value(ps_value_of_text(column->type, bytes, column->values, row));
}

/* A value that is not null and follows all unions. */
static struct outcome convert(struct avro_decoder *decoder, struct ps_batch *batch,
                              const struct ps_avro_type *type, size_t index) {
    struct ps_column *column = &batch->columns[index];
    struct ps_avro_reader *reader = &decoder->reader;
    const bool is_raw =
        type->kind == PS_AVRO_STRING || type->kind == PS_AVRO_BYTES || type->kind == PS_AVRO_FIXED;
    if (is_text_type(column->type) &&
        (!is_raw || decoder->is_json[index] || type->logical == PS_AVRO_DECIMAL)) {
        return convert_text(decoder, batch, type, index);
    }
    if (is_raw) {
        return convert_bytes(decoder, type, column, batch->row_count);
    }
    switch (type->kind) {
    case PS_AVRO_INT:
    case PS_AVRO_LONG: return convert_integer(decoder, type, column, batch->row_count);
    case PS_AVRO_FLOAT:
    case PS_AVRO_DOUBLE: return convert_double(decoder, type, column, batch->row_count);
    case PS_AVRO_BOOLEAN:
        if (column->type == PS_TYPE_BOOLEAN && reader->at < reader->end && *reader->at <= 1) {
            ((uint8_t *)column->values)[batch->row_count] = *reader->at++;
            return of_value(PS_VALUE_OK);
        }
        break;
    case PS_AVRO_NULL:
    case PS_AVRO_BYTES:
    case PS_AVRO_STRING:
    case PS_AVRO_FIXED:
    case PS_AVRO_ENUM:
    case PS_AVRO_ARRAY:
    case PS_AVRO_MAP:
    case PS_AVRO_UNION:
    case PS_AVRO_RECORD: break;
    }
    const enum ps_avro_result result = ps_avro_walk(reader, type, NULL);
    return result != PS_AVRO_OK ? of_bytes(result) : of_value(PS_VALUE_TYPE);
}

/* --- refusals --------------------------------------------------------------------------------------------------- */

static penstock_code refuse_bytes(const struct avro_decoder *decoder, struct ps_batch *batch,
                                  struct ps_record record, enum ps_avro_result result, struct ps_bytes field,
                                  struct penstock_error *error) {
    const size_t at = (size_t)((const char *)decoder->reader.at - record.raw.data);
    const int size = (int)(field.size < 100 ? field.size : 100);
    switch (result) {
    case PS_AVRO_MEMORY: return ps_error_memory(error, "an Avro record");
    case PS_AVRO_TEXT:
        return ps_batch_add_dead_letter(batch, record, PS_REASON_ENCODING, NULL, error,
                                        "field %.*s, before byte %zu of the record: a text that is not UTF-8",
                                        size, field.data, at);
    case PS_AVRO_DEEP:
        return ps_batch_add_dead_letter(batch, record, PS_REASON_NESTING, NULL, error,
                                        "field %.*s: nested deeper than %d levels", size, field.data,
                                        PS_LIMIT_JSON_DEPTH);
    case PS_AVRO_LARGE:
        return ps_batch_add_dead_letter(batch, record, PS_REASON_SIZE, NULL, error,
                                        "field %.*s: more values than a record of %zu bytes can mean", size,
                                        field.data, record.raw.size);
    case PS_AVRO_CUT:
        return ps_batch_add_dead_letter(batch, record, PS_REASON_SYNTAX, NULL, error,
                                        "the record ends after %zu bytes, within field %.*s", record.raw.size,
                                        size, field.data);
    case PS_AVRO_BAD:
    case PS_AVRO_OK: break;
    }
    return ps_batch_add_dead_letter(batch, record, PS_REASON_SYNTAX, NULL, error,
                                    "field %.*s, before byte %zu of the record: not a value of its schema",
                                    size, field.data, at);
}

/* The value once more, to say what it is. */
static penstock_code refuse_value(struct avro_decoder *decoder, struct ps_batch *batch,
                                  struct ps_record record, enum ps_value_result result,
                                  const struct ps_avro_type *type, const unsigned char *start, size_t column,
                                  struct penstock_error *error) {
    static const char *const kinds[] = {
        [PS_AVRO_BOOLEAN] = "the boolean", [PS_AVRO_BYTES] = "the bytes", [PS_AVRO_STRING] = "the text",
        [PS_AVRO_FIXED] = "the bytes",     [PS_AVRO_ENUM] = "the enum",   [PS_AVRO_ARRAY] = "an array",
        [PS_AVRO_MAP] = "a map",           [PS_AVRO_RECORD] = "a record", [PS_AVRO_UNION] = NULL,
    };
    const char *kind = type->logical == PS_AVRO_DECIMAL ? "the decimal"
                       : type->logical != PS_AVRO_PLAIN ? "the time"
                       : kinds[type->kind] == NULL      ? "the number"
                                                        : kinds[type->kind];
    struct ps_bytes found = {"", 0};
    ps_buffer_clear(&decoder->text);
    decoder->reader.at = start;
    if (!is_container(type->kind) && ps_avro_walk(&decoder->reader, type, &decoder->text) == PS_AVRO_OK) {
        found = (struct ps_bytes){decoder->text.data, decoder->text.size};
        if (found.size >= 2 && found.data[0] == '"') {
            found.data++;
            found.size -= 2;
        }
    }
    return ps_value_refuse(batch, record, column, result, kind, found, error);
}

/* --- a record --------------------------------------------------------------------------------------------------- */

/* One field into its column. *is_dead_out: the record became a dead letter. */
static penstock_code decode_field(struct avro_decoder *decoder, struct ps_batch *batch,
                                  struct ps_record record, const struct ps_avro_type *type,
                                  struct ps_bytes name, int32_t column, bool *is_dead_out,
                                  struct penstock_error *error) {
    struct ps_avro_reader *reader = &decoder->reader;
    enum ps_avro_result result =
        column < 0 ? ps_avro_walk(reader, type, NULL) : ps_avro_enter_unions(reader, &type);
    if (result == PS_AVRO_OK && column >= 0 && type->kind != PS_AVRO_NULL) {
        const unsigned char *start = reader->at;
        const struct outcome outcome = convert(decoder, batch, type, (size_t)column);
        decoder->is_set[column] = true;
        if (outcome.bytes == PS_AVRO_OK && outcome.value != PS_VALUE_OK) {
            *is_dead_out = true;
            return refuse_value(decoder, batch, record, outcome.value, type, start, (size_t)column, error);
        }
        result = outcome.bytes;
    }
    if (result != PS_AVRO_OK) {
        *is_dead_out = true;
        return refuse_bytes(decoder, batch, record, result, name, error);
    }
    return PENSTOCK_OK;
}

static penstock_code finish_row(const struct avro_decoder *decoder, struct ps_batch *batch,
                                struct ps_record record, const struct ps_avro_type *root,
                                struct penstock_error *error) {
    const struct ps_avro_reader *reader = &decoder->reader;
    if (reader->at != reader->end) {
        return ps_batch_add_dead_letter(batch, record, PS_REASON_SYNTAX, NULL, error,
                                        "%zu bytes stand behind the record's last field",
                                        (size_t)(reader->end - reader->at));
    }
    for (size_t i = 0; i < decoder->schema->column_count; i++) {
        if (decoder->is_set[i]) {
            continue;
        }
        if (decoder->schema->columns[i].not_null) {
            bool has_field = root->columns == NULL;
            for (size_t k = 0; !has_field && k < root->count; k++) {
                has_field = root->columns[k] == (int32_t)i;
            }
            return ps_value_refuse_null(batch, record, i, has_field ? "null" : "nothing", error);
        }
        ps_batch_set_null(batch, i);
    }
    ps_batch_end_row(batch, record);
    return PENSTOCK_OK;
}

static penstock_code avro_decode(void *state, struct ps_batch *batch, struct ps_record record,
                                 struct penstock_error *error) {
    struct avro_decoder *decoder = state;
    const void *compiled = NULL;
    struct ps_bytes body = record.raw;
    PS_TRY(ps_schemas_of_record(decoder->options, &decoder->memo, batch, record, &compiled, &body, error));
    if (compiled == NULL) {
        return PENSTOCK_OK;
    }
    const struct ps_avro_type *root = ((const struct ps_avro_schema *)compiled)->root;
    struct ps_avro_reader *reader = &decoder->reader;
    reader->at = (const unsigned char *)body.data;
    reader->end = reader->at + body.size;
    reader->steps_left = STEPS_MIN + STEPS_PER_BYTE * (int64_t)body.size;
    memset(decoder->is_set, 0, decoder->schema->column_count);
    PS_TRY(ps_batch_begin_row(batch, error));
    bool is_dead = false;
    if (root->columns == NULL) {
        PS_TRY(decode_field(decoder, batch, record, root, ps_bytes_of(decoder->schema->columns[0].name), 0,
                            &is_dead, error));
    }
    for (size_t i = 0; root->columns != NULL && i < root->count && !is_dead; i++) {
        PS_TRY(decode_field(decoder, batch, record, root->types[i], root->names[i], root->columns[i],
                            &is_dead, error));
    }
    return is_dead ? PENSTOCK_OK : finish_row(decoder, batch, record, root, error);
}

const struct ps_codec_type ps_codec_avro = {
    .name = "avro",
    .summary = "Avro's binary encoding, with a schema registry or one fixed schema; columns by field name",
    .options = avro_options,
    .config_size = sizeof(struct ps_schema_options),
    .check = avro_check,
    .compile = ps_avro_compile,
    .has_header = ps_codec_has_no_header,
    .frame = ps_codec_frame_whole,
    .open = avro_open,
    .decode = avro_decode,
    .close = avro_close,
};
