/* SPDX-License-Identifier: Apache-2.0
 *
 * codec_protobuf.c - Protobuf messages into columns.
 *
 * Fields without a column are passed over, and so are fields that the schema does not have. Absent fields are NULL
 * where their absence can be seen (proto2, optional, oneof, messages), and else the zero of their type, which is
 * what their writer meant. Repeated fields, maps and messages become JSON text.
 */
#include "data/codec_protobuf.h"

#include <math.h>

#include "data/render.h"
#include "data/value.h"

/* Messages in messages that a record's header may name. */
#define INDEX_COUNT_MAX 32

struct protobuf_decoder {
    const struct ps_schema_options *options;
    const struct ps_schema *schema;
    bool *is_json; /* per column: type_text is JSON, so texts keep their quotes */
    bool *is_set;  /* per column: the record at hand has it */
    struct ps_schema_memo memo;
    struct ps_buffer text;
    struct ps_protobuf_scan scan;
};

static const struct ps_option protobuf_options[] = {
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
    {.name = "descriptor.file",
     .type = PS_OPTION_TEXT,
     .offset = offsetof(struct ps_schema_options, file),
     .help = "what protoc --include_imports --descriptor_set_out wrote; records have no header then",
     .since = "0.2"},
    {.name = "message",
     .type = PS_OPTION_TEXT,
     .offset = offsetof(struct ps_schema_options, message),
     .help = "the message that records are, with its package: pkg.Name",
     .since = "0.2"},
    {.name = NULL},
};

static bool is_given(const char *text) {
    return text != NULL && text[0] != '\0';
}

static penstock_code protobuf_check(const void *config, struct penstock_error *error) {
    const struct ps_schema_options *options = config;
    if (is_given(options->registry) != is_given(options->file)) {
        if (is_given(options->registry) || is_given(options->message)) {
            return PENSTOCK_OK;
        }
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                           "ENCODE PROTOBUF with descriptor.file does not say which message the records are");
        return ps_error_hint(error, "add message = 'pkg.Name'");
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                       is_given(options->registry)
                           ? "ENCODE PROTOBUF takes one of schema.registry and descriptor.file"
                           : "ENCODE PROTOBUF does not say where the schema is");
    return ps_error_hint(error, "ENCODE PROTOBUF (schema.registry = 'http://host:8081') or "
                                "(descriptor.file = 'x.desc', message = 'pkg.Name')");
}

/* --- open and close --------------------------------------------------------------------------------------------- */

static void protobuf_close(void *state) {
    struct protobuf_decoder *decoder = state;
    if (decoder == NULL) {
        return;
    }
    ps_buffer_done(&decoder->text);
    ps_protobuf_scan_done(&decoder->scan);
    ps_release(decoder->is_json);
    ps_release(decoder->is_set);
    ps_release(decoder);
}

static void protobuf_close_scoped(struct protobuf_decoder **decoder) {
    protobuf_close(*decoder);
}

static penstock_code protobuf_open(const void *config, const struct ps_schema *schema, struct ps_bytes header,
                                   void **state_out, struct penstock_error *error) {
    (void)header;
    struct protobuf_decoder *decoder PS_SCOPED(protobuf_close_scoped) = ps_allocate(1, sizeof *decoder);
    if (decoder == NULL) {
        return ps_error_memory(error, "a Protobuf decoder");
    }
    decoder->options = config;
    decoder->schema = schema;
    decoder->is_json = ps_allocate(schema->column_count + 1, sizeof *decoder->is_json);
    decoder->is_set = ps_allocate(schema->column_count + 1, sizeof *decoder->is_set);
    ps_buffer_init(&decoder->text, PS_LIMIT_RECORD_SIZE);
    if (decoder->is_json == NULL || decoder->is_set == NULL) {
        return ps_error_memory(error, "a Protobuf decoder");
    }
    for (size_t i = 0; i < schema->column_count; i++) {
        decoder->is_json[i] = ps_text_equal_nocase(schema->columns[i].type_text, "JSON");
    }
    *state_out = ps_take(decoder);
    return PENSTOCK_OK;
}

/* --- values ----------------------------------------------------------------------------------------------------- */

/* The bytes are wrong, or the value does not fit its column, or both are well. */
struct outcome {
    enum ps_protobuf_result bytes;
    enum ps_value_result value;
};

static struct outcome of_value(enum ps_value_result value) {
    return (struct outcome){PS_PROTOBUF_OK, value};
}

static struct outcome of_bytes(enum ps_protobuf_result bytes) {
    return (struct outcome){bytes, PS_VALUE_OK};
}

static bool is_text_type(enum ps_type type) {
    return type == PS_TYPE_VARCHAR || type == PS_TYPE_CAST;
}

static bool is_container(const struct ps_protobuf_field *field) {
    return field->is_repeated ||
           (field->type == PS_PROTOBUF_MESSAGE && field->message->known == PS_PROTOBUF_ORDINARY);
}

/* Entries [first, end) as the text of a column: JSON for a JSON column and for containers, else without quotes. */
static struct outcome convert_text(struct protobuf_decoder *decoder, struct ps_batch *batch,
                                   const struct ps_protobuf_message *root,
                                   const struct ps_protobuf_field *field, size_t first, size_t end) {
    ps_buffer_clear(&decoder->text);
    decoder->text.failed = false;
    const enum ps_protobuf_result result =
        ps_protobuf_render(&decoder->scan, root, field, first, end, &decoder->text);
    if (result != PS_PROTOBUF_OK) {
        return of_bytes(result);
    }
    struct ps_bytes text = {decoder->text.data, decoder->text.size};
    /* the quotes of a time, enum or base64 text, which has nothing to escape in it */
    if (!decoder->is_json[field->column] && !is_container(field) && text.size >= 2 && text.data[0] == '"') {
        text.data++;
        text.size -= 2;
    }
    text.data = ps_arena_copy_size(batch->arena, text.data, text.size);
    ((struct ps_bytes *)batch->columns[field->column].values)[batch->row_count] = text;
    return of_bytes(text.data != NULL ? PS_PROTOBUF_OK : PS_PROTOBUF_MEMORY);
}

static struct outcome convert_number(const struct ps_protobuf_entry *entry, struct ps_column *column,
                                     int64_t row) {
    const enum ps_protobuf_type type = entry->field->type;
    if (type == PS_PROTOBUF_DOUBLE || type == PS_PROTOBUF_FLOAT) {
        const double value = ps_protobuf_double(type, entry->value);
        if (!isfinite(value)) {
            return of_value(column->type <= PS_TYPE_DOUBLE ? PS_VALUE_RANGE : PS_VALUE_TYPE);
        }
        return of_value(ps_value_of_double(column->type, value, column->values, row));
    }
    if ((type == PS_PROTOBUF_BOOL) != (column->type == PS_TYPE_BOOLEAN)) {
        return of_value(PS_VALUE_TYPE);
    }
    if ((type == PS_PROTOBUF_UINT64 || type == PS_PROTOBUF_FIXED64) && entry->value > INT64_MAX) {
        return of_value(ps_value_of_double(column->type, (double)entry->value, column->values, row));
    }
    return of_value(
        ps_value_of_integer(column->type, ps_protobuf_integer(type, entry->value), column->values, row));
}

static struct outcome convert_time(const struct ps_protobuf_entry *entry, struct ps_column *column,
                                   int64_t row) {
    int64_t seconds, nanoseconds;
    if (column->type != PS_TYPE_TIMESTAMP) {
        return of_value(PS_VALUE_TYPE);
    }
    if (!ps_protobuf_read_time(entry->bytes, &seconds, &nanoseconds)) {
        return of_bytes(PS_PROTOBUF_BAD);
    }
    ((int64_t *)column->values)[row] = seconds * 1000000 + nanoseconds / 1000;
    return of_value(PS_VALUE_OK);
}

/* A scalar, or what is inside a wrapper. */
static struct outcome convert_scalar(struct protobuf_decoder *decoder, struct ps_batch *batch, size_t index,
                                     const struct ps_protobuf_entry *entry) {
    struct ps_column *column = &batch->columns[index];
    const enum ps_protobuf_type type = entry->field->type;
    const bool is_bytes = type == PS_PROTOBUF_BYTES || type == PS_PROTOBUF_STRING;
    if (!is_bytes) {
        return convert_number(entry, column, batch->row_count);
    }
    if (type == PS_PROTOBUF_BYTES && column->type != PS_TYPE_BLOB && !is_text_type(column->type)) {
        return of_value(PS_VALUE_TYPE);
    }
    if (column->type != PS_TYPE_BLOB && !ps_bytes_is_utf8(entry->bytes, NULL)) {
        return of_bytes(PS_PROTOBUF_TEXT);
    }
    (void)decoder;
    return of_value(ps_value_of_text(column->type, entry->bytes, column->values, batch->row_count));
}

/* The entries [first, end) of a field with a column; none only where absence is the zero. */
static struct outcome convert(struct protobuf_decoder *decoder, struct ps_batch *batch,
                              const struct ps_protobuf_message *root, const struct ps_protobuf_field *field,
                              size_t first, size_t end) {
    const size_t index = (size_t)field->column;
    const enum ps_type type = batch->columns[index].type;
    struct ps_protobuf_entry entry = {.field = field, .bytes = {"", 0}};
    if (end > first) {
        entry = decoder->scan.entries[end - 1];
    }
    if (is_container(field)) {
        return is_text_type(type) ? convert_text(decoder, batch, root, field, first, end)
                                  : of_value(PS_VALUE_TYPE);
    }
    if (field->type == PS_PROTOBUF_MESSAGE && field->message->known != PS_PROTOBUF_WRAPPER) {
        return is_text_type(type) ? convert_text(decoder, batch, root, field, first, end)
                                  : convert_time(&entry, &batch->columns[index], batch->row_count);
    }
    if (field->type == PS_PROTOBUF_MESSAGE) {
        const enum ps_protobuf_result result = ps_protobuf_unwrap(field, entry.bytes, &entry);
        if (result != PS_PROTOBUF_OK) {
            return of_bytes(result);
        }
    }
    const bool is_bytes = entry.field->type == PS_PROTOBUF_BYTES || entry.field->type == PS_PROTOBUF_STRING;
    if (is_text_type(type) && (!is_bytes || decoder->is_json[index])) {
        return convert_text(decoder, batch, root, field, first, end);
    }
    return convert_scalar(decoder, batch, index, &entry);
}

/* --- refusals --------------------------------------------------------------------------------------------------- */

static penstock_code refuse_bytes(struct ps_batch *batch, struct ps_record record,
                                  enum ps_protobuf_result result, const struct ps_protobuf_field *field,
                                  struct penstock_error *error) {
    const int size = field == NULL ? 0 : (int)(field->name.size < 100 ? field->name.size : 100);
    const char *name = field == NULL ? "" : field->name.data, *mark = field == NULL ? "" : "field ";
    const char *colon = field == NULL ? "" : ": ";
    switch (result) {
    case PS_PROTOBUF_MEMORY: return ps_error_memory(error, "a Protobuf record");
    case PS_PROTOBUF_TEXT:
        return ps_batch_add_dead_letter(batch, record, PS_REASON_ENCODING, NULL, error,
                                        "%s%.*s%sa text that is not UTF-8", mark, size, name, colon);
    case PS_PROTOBUF_DEEP:
        return ps_batch_add_dead_letter(batch, record, PS_REASON_NESTING, NULL, error,
                                        "%s%.*s%snested deeper than %d levels", mark, size, name, colon,
                                        PS_LIMIT_JSON_DEPTH);
    case PS_PROTOBUF_LARGE:
        return ps_batch_add_dead_letter(batch, record, PS_REASON_SIZE, NULL, error,
                                        "%s%.*s%smore values than a record may have, in %zu bytes", mark,
                                        size, name, colon, record.raw.size);
    case PS_PROTOBUF_CUT:
        return ps_batch_add_dead_letter(batch, record, PS_REASON_SYNTAX, NULL, error,
                                        "%s%.*s%sthe record's %zu bytes end within a value", mark, size, name,
                                        colon, record.raw.size);
    case PS_PROTOBUF_BAD:
    case PS_PROTOBUF_OK: break;
    }
    return ps_batch_add_dead_letter(batch, record, PS_REASON_SYNTAX, NULL, error,
                                    "%s%.*s%snot a Protobuf message", mark, size, name, colon);
}

/* The value once more, to say what it is. */
static penstock_code refuse_value(struct protobuf_decoder *decoder, struct ps_batch *batch,
                                  struct ps_record record, enum ps_value_result result,
                                  const struct ps_protobuf_field *field, size_t first, size_t end,
                                  struct penstock_error *error) {
    struct ps_protobuf_entry entry = {.field = field, .bytes = {"", 0}};
    struct ps_bytes found = {"", 0};
    bool is_done = false;
    const char *kind = field->is_repeated                   ? "a list"
                       : field->type == PS_PROTOBUF_STRING  ? "the text"
                       : field->type == PS_PROTOBUF_BYTES   ? "the bytes"
                       : field->type == PS_PROTOBUF_BOOL    ? "the boolean"
                       : field->type == PS_PROTOBUF_ENUM    ? "the enum"
                       : field->type != PS_PROTOBUF_MESSAGE ? "the number"
                       : is_container(field)                ? "a message"
                                                            : "the value";
    if (end > first) {
        entry = decoder->scan.entries[end - 1];
    }
    ps_buffer_clear(&decoder->text);
    decoder->text.failed = false;
    if (!field->is_repeated && !is_container(field) &&
        ps_protobuf_render_value(field, &entry, &decoder->text, &is_done) == PS_PROTOBUF_OK && is_done) {
        found = (struct ps_bytes){decoder->text.data, decoder->text.size};
        if (found.size >= 2 && found.data[0] == '"') {
            found.data++;
            found.size -= 2;
        }
    }
    return ps_value_refuse(batch, record, (size_t)field->column, result, kind, found, error);
}

/* --- which message ------------------------------------------------------------------------------------------------ */

static bool read_index(struct ps_protobuf_reader *reader, int64_t *index_out) {
    uint64_t value = 0;
    if (ps_protobuf_read_varint(reader, &value) != PS_PROTOBUF_OK) {
        return false;
    }
    *index_out = (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
    return *index_out >= 0;
}

/* The path of indexes that stands behind the schema id: how many, and each; a single 0 is short for the first
 * message. NULL: there is no such message. */
static const struct ps_protobuf_message *find_root(const struct ps_protobuf_schema *schema,
                                                   struct ps_bytes *body) {
    struct ps_protobuf_reader reader = ps_protobuf_reader_of(*body);
    const struct ps_protobuf_message *message = NULL;
    int64_t count = 0, index = 0;
    if (schema->fixed != NULL) {
        return schema->fixed;
    }
    if (!read_index(&reader, &count) || count > INDEX_COUNT_MAX) {
        return NULL;
    }
    for (int64_t i = 0; i < (count == 0 ? 1 : count); i++) {
        if (count > 0 && !read_index(&reader, &index)) {
            return NULL;
        }
        const size_t sibling_count = message == NULL ? schema->top_count : message->child_count;
        if ((uint64_t)index >= sibling_count) {
            return NULL;
        }
        message = message == NULL ? schema->tops[index] : message->children[index];
    }
    const size_t used = (size_t)((const char *)reader.at - body->data);
    body->data += used;
    body->size -= used;
    return message;
}

/* --- a record --------------------------------------------------------------------------------------------------- */

/* Every column that no field has filled. */
static penstock_code finish_row(const struct protobuf_decoder *decoder, struct ps_batch *batch,
                                struct ps_record record, struct penstock_error *error) {
    for (size_t i = 0; i < decoder->schema->column_count; i++) {
        if (decoder->is_set[i]) {
            continue;
        }
        if (decoder->schema->columns[i].not_null) {
            return ps_value_refuse_null(batch, record, i, "nothing", error);
        }
        ps_batch_set_null(batch, i);
    }
    ps_batch_end_row(batch, record);
    return PENSTOCK_OK;
}

static penstock_code decode_fields(struct protobuf_decoder *decoder, struct ps_batch *batch,
                                   struct ps_record record, const struct ps_protobuf_message *root,
                                   struct penstock_error *error) {
    struct ps_protobuf_scan *scan = &decoder->scan;
    const size_t entry_count = scan->count;
    size_t first = 0;
    for (size_t i = 0; i < root->field_count; i++) {
        const struct ps_protobuf_field *field = &root->fields[i];
        size_t end = first;
        while (end < entry_count && scan->entries[end].field == field) {
            end++;
        }
        const bool is_absent = first == end && field->has_presence && !field->is_repeated;
        if (field->column >= 0 && !is_absent && field->type != PS_PROTOBUF_GROUP) {
            const struct outcome outcome = convert(decoder, batch, root, field, first, end);
            decoder->is_set[field->column] = true;
            scan->count = entry_count;
            if (outcome.bytes != PS_PROTOBUF_OK) {
                return refuse_bytes(batch, record, outcome.bytes, field, error);
            }
            if (outcome.value != PS_VALUE_OK) {
                return refuse_value(decoder, batch, record, outcome.value, field, first, end, error);
            }
        }
        first = end;
    }
    return finish_row(decoder, batch, record, error);
}

static penstock_code protobuf_decode(void *state, struct ps_batch *batch, struct ps_record record,
                                     struct penstock_error *error) {
    struct protobuf_decoder *decoder = state;
    const void *compiled = NULL;
    struct ps_bytes body = record.raw;
    PS_TRY(ps_schemas_of_record(decoder->options, &decoder->memo, batch, record, &compiled, &body, error));
    if (compiled == NULL) {
        return PENSTOCK_OK;
    }
    const struct ps_protobuf_schema *schema = compiled;
    const struct ps_protobuf_message *root = find_root(schema, &body);
    if (root == NULL) {
        return ps_batch_add_dead_letter(batch, record, PS_REASON_SCHEMA, NULL, error,
                                        "schema %lld has no message of the indexes that the record names",
                                        (long long)decoder->memo.id);
    }
    if (schema->message != NULL && strcmp(schema->message, root->name) != 0) {
        return ps_batch_add_dead_letter(batch, record, PS_REASON_SCHEMA, NULL, error,
                                        "the record is a %s, expected %s", root->name, schema->message);
    }
    ps_protobuf_scan_begin(&decoder->scan, batch->arena);
    const enum ps_protobuf_result result = ps_protobuf_scan_message(&decoder->scan, root, body, true);
    if (result != PS_PROTOBUF_OK) {
        return refuse_bytes(batch, record, result, NULL, error);
    }
    memset(decoder->is_set, 0, decoder->schema->column_count);
    PS_TRY(ps_batch_begin_row(batch, error));
    return decode_fields(decoder, batch, record, root, error);
}

const struct ps_codec_type ps_codec_protobuf = {
    .name = "protobuf",
    .summary = "Protobuf, with a schema registry or a descriptor file; columns by field name",
    .options = protobuf_options,
    .config_size = sizeof(struct ps_schema_options),
    .check = protobuf_check,
    .compile = ps_protobuf_compile,
    .has_header = ps_codec_has_no_header,
    .frame = ps_codec_frame_whole,
    .open = protobuf_open,
    .decode = protobuf_decode,
    .close = protobuf_close,
};
