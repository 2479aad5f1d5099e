/* SPDX-License-Identifier: Apache-2.0
 *
 * codec_json.c - one JSON object a line (NDJSON) or a message, strict JSON.
 *
 * Plain records, which are most, take a short way (json_plain.h). All else is here, and what a row is.
 * One parse per record into memory that is used again for the next one, then one pass over the members (json_keys.h).
 * Texts without escapes are views into the raw record: yyjson decodes a copy in place, so a text stands at the same
 * offset in both.
 *
 * Numbers keep their digits where these matter (DECIMAL, text columns, nested values): then the record is
 * parsed with numbers as raw text. A column's last value counts if a key stands twice, as in JavaScript.
 */
#include "data/codec_json.h"

#include <yyjson.h>

#include "base/check.h"
#include "base/limits.h"
#include "data/json_keys.h"
#include "data/json_plain.h"
#include "data/value.h"

/* The parser's memory for usual records; a larger record takes from the heap what it needs. */
#define SCRATCH_SIZE ((size_t)128 << 10)

static const char declare_it[] = ", as its first values were; declare the column to give it another type";

/* The value of a column in the record at hand. */
struct found {
    yyjson_val *value; /* NULL: missing */
    bool is_exact;
};

struct json_decoder {
    const struct ps_schema *schema;
    struct ps_json_keys keys;
    struct ps_json_plain *plain; /* NULL: every record is parsed */
    bool keeps_digits;           /* parse numbers as raw text */
    bool *is_json;               /* per column: type_text is JSON, so texts keep their quotes */
    struct found *found;
    size_t rest_column; /* as in the config */
    struct ps_buffer rest;
    struct ps_json_config config;
    size_t new_count_max; /* columns that may still be added */
    bool has_unknown;     /* the record at hand has a member without a column */
    char *scratch;
    size_t scratch_used;
    yyjson_alc allocator;
};

/* --- the parser's memory --------------------------------------------------------------------------------- */

static bool is_in_scratch(const struct json_decoder *decoder, const void *pointer) {
    return (const char *)pointer >= decoder->scratch &&
           (const char *)pointer < decoder->scratch + SCRATCH_SIZE;
}

static void *scratch_allocate(void *context, size_t size) {
    struct json_decoder *decoder = context;
    const size_t rounded = (size + 15) & ~(size_t)15;
    if (rounded < size || rounded > SCRATCH_SIZE - decoder->scratch_used) {
        return ps_reallocate(NULL, size, 1);
    }
    void *result = decoder->scratch + decoder->scratch_used;
    decoder->scratch_used += rounded;
    return result;
}

static void *scratch_reallocate(void *context, void *pointer, size_t old_size, size_t size) {
    struct json_decoder *decoder = context;
    if (!is_in_scratch(decoder, pointer)) {
        return ps_reallocate(pointer, size, 1);
    }
    if (size <= old_size) {
        return pointer;
    }
    void *result = scratch_allocate(context, size);
    if (result != NULL) {
        memcpy(result, pointer, old_size);
    }
    return result;
}

static void scratch_free(void *context, void *pointer) {
    if (!is_in_scratch(context, pointer)) {
        ps_release(pointer);
    }
}

/* --- open and close -------------------------------------------------------------------------------------- */

static void json_close(void *state) {
    struct json_decoder *decoder = state;
    if (decoder == NULL) {
        return;
    }
    ps_json_plain_free(decoder->plain);
    ps_json_keys_done(&decoder->keys);
    ps_buffer_done(&decoder->rest);
    ps_release(decoder->is_json);
    ps_release(decoder->found);
    ps_release(decoder->scratch);
    ps_release(decoder);
}

static void json_close_scoped(struct json_decoder **decoder) {
    json_close(*decoder);
}

static penstock_code json_open(const void *config, const struct ps_schema *schema, struct ps_bytes header,
                               void **state_out, struct penstock_error *error) {
    (void)header;
    struct json_decoder *decoder PS_SCOPED(json_close_scoped) = ps_allocate(1, sizeof(*decoder));
    if (decoder == NULL) {
        return ps_error_memory(error, "a JSON decoder");
    }
    decoder->schema = schema;
    decoder->config = *(const struct ps_json_config *)config;
    decoder->rest_column = decoder->config.rest_column;
    if (decoder->config.added_count < PS_LIMIT_ADDED_COLUMN_COUNT) {
        decoder->new_count_max = PS_LIMIT_ADDED_COLUMN_COUNT - decoder->config.added_count;
    }
    ps_buffer_init(&decoder->rest, PS_LIMIT_RECORD_SIZE * 6); /* every byte may need an escape */
    decoder->is_json = ps_allocate(schema->column_count + 1, sizeof(*decoder->is_json));
    decoder->found = ps_allocate(schema->column_count + 1, sizeof(*decoder->found));
    decoder->scratch = ps_reallocate(NULL, SCRATCH_SIZE, 1);
    if (decoder->is_json == NULL || decoder->found == NULL || decoder->scratch == NULL) {
        return ps_error_memory(error, "a JSON decoder");
    }
    PS_TRY(ps_json_keys_init(&decoder->keys, schema, error));
    for (size_t i = 0; i < schema->column_count; i++) {
        decoder->is_json[i] = ps_text_equal_nocase(schema->columns[i].type_text, "JSON");
        decoder->keeps_digits = decoder->keeps_digits || schema->columns[i].type == PS_TYPE_CAST;
    }
    if (!decoder->config.is_parsed_always) {
        decoder->plain = ps_json_plain_new(&decoder->keys.names, decoder->is_json,
                                           decoder->config.growing != NULL || decoder->rest_column != 0,
                                           decoder->rest_column);
        if (decoder->plain == NULL) {
            return ps_error_memory(error, "a JSON decoder");
        }
    }
    decoder->allocator = (yyjson_alc){scratch_allocate, scratch_reallocate, scratch_free, decoder};
    *state_out = ps_take(decoder);
    return PENSTOCK_OK;
}

/* --- a record that is not JSON --------------------------------------------------------------------------- */

/* Deeper than the limit? Without recursion, and before the parser sees it. Depth d takes at least 2 d bytes. */
static bool is_too_deep(struct ps_bytes raw) {
    if (raw.size < 2 * (PS_LIMIT_JSON_DEPTH + 1)) {
        return false;
    }
    size_t openings = 0;
    for (size_t i = 0; i < raw.size; i++) {
        openings += (raw.data[i] == '{') | (raw.data[i] == '[');
    }
    if (openings <= PS_LIMIT_JSON_DEPTH) {
        return false;
    }
    int64_t depth = 0;
    bool in_text = false;
    for (size_t i = 0; i < raw.size; i++) {
        const char character = raw.data[i];
        if (in_text) {
            i += character == '\\' ? 1 : 0;
            in_text = character != '"';
        } else if (character == '"') {
            in_text = true;
        } else if (character == '{' || character == '[') {
            depth++;
            if (depth > PS_LIMIT_JSON_DEPTH) {
                return true;
            }
        } else if (character == '}' || character == ']') {
            depth--;
        }
    }
    return false;
}

static penstock_code refuse_syntax(struct ps_batch *batch, struct ps_record record,
                                   const yyjson_read_err *cause, struct penstock_error *error) {
    size_t bad;
    if (cause->code == YYJSON_READ_ERROR_MEMORY_ALLOCATION) {
        return ps_error_memory(error, "a JSON record");
    }
    if (!ps_bytes_is_utf8(record.raw, &bad)) {
        return ps_batch_add_dead_letter(batch, record, PS_REASON_ENCODING, NULL, error,
                                        "byte %zu of the record (0x%02X) is not UTF-8", bad,
                                        (unsigned)(unsigned char)record.raw.data[bad]);
    }
    return ps_batch_add_dead_letter(batch, record, PS_REASON_SYNTAX, NULL, error,
                                    "byte %zu of the record: not JSON: %s; expected one JSON object a line",
                                    cause->pos, cause->msg);
}

/* "the number", as messages name it; bytes are its text. Numbers have kept their digits here. */
static const char *describe(yyjson_val *value, struct ps_bytes *bytes_out) {
    *bytes_out = (struct ps_bytes){"", 0};
    if (yyjson_is_str(value) || yyjson_is_raw(value)) {
        *bytes_out = (struct ps_bytes){unsafe_yyjson_get_str(value), unsafe_yyjson_get_len(value)};
        return yyjson_is_str(value) ? "the text" : "the number";
    }
    if (yyjson_is_bool(value)) {
        *bytes_out = yyjson_is_true(value) ? PS_BYTES("true") : PS_BYTES("false");
        return "the boolean";
    }
    return yyjson_is_arr(value) ? "an array" : yyjson_is_obj(value) ? "an object" : "null";
}

/* --- values ---------------------------------------------------------------------------------------------- */

/* The text as a view into the raw record, or a copy where the record has escapes. */
static bool take_text(struct ps_batch *batch, struct ps_record record, const yyjson_doc *document,
                      yyjson_val *value, struct ps_bytes *text_out) {
    const char *text = unsafe_yyjson_get_str(value);
    const size_t size = unsafe_yyjson_get_len(value);
    const size_t offset = (size_t)(text - document->str_pool);
    const bool is_inside = offset < record.raw.size && size <= record.raw.size - offset;
    if (is_inside && (yyjson_is_raw(value) || unsafe_yyjson_get_subtype(value) == YYJSON_SUBTYPE_NOESC ||
                      (size < record.raw.size - offset && record.raw.data[offset + size] == '"' &&
                       memcmp(record.raw.data + offset, text, size) == 0))) {
        *text_out = (struct ps_bytes){record.raw.data + offset, size};
        return true;
    }
    const char *copy = ps_arena_copy_size(batch->arena, text, size);
    *text_out = (struct ps_bytes){copy, size};
    return copy != NULL;
}

/* JSON text of any value, in the batch's arena. */
static bool take_json(struct json_decoder *decoder, struct ps_batch *batch, yyjson_val *value,
                      struct ps_bytes *text_out) {
    size_t size = 0;
    char *text = yyjson_val_write_opts(value, 0, &decoder->allocator, &size, NULL);
    if (text == NULL) {
        return false;
    }
    const char *copy = ps_arena_copy_size(batch->arena, text, size);
    scratch_free(decoder, text);
    *text_out = (struct ps_bytes){copy, size};
    return copy != NULL;
}

/* A value for a column that travels as text. False: out of memory. */
static bool convert_text(struct json_decoder *decoder, struct ps_batch *batch, struct ps_record record,
                         const yyjson_doc *document, yyjson_val *value, size_t column) {
    struct ps_bytes text = {"", 0};
    bool is_taken = true;
    if (yyjson_is_raw(value) || (yyjson_is_str(value) && !decoder->is_json[column])) {
        is_taken = take_text(batch, record, document, value, &text);
    } else if (yyjson_is_bool(value)) {
        text = yyjson_is_true(value) ? PS_BYTES("true") : PS_BYTES("false");
    } else {
        is_taken = take_json(decoder, batch, value, &text);
    }
    ((struct ps_bytes *)batch->columns[column].values)[batch->row_count] = text;
    return is_taken;
}

/* 0 or 1, however they are written: the same as of a number that was parsed. */
static enum ps_value_result convert_boolean(struct ps_bytes digits, void *values, int64_t row) {
    double number = 0;
    return ps_value_of_text(PS_TYPE_DOUBLE, digits, &number, 0) == PS_VALUE_OK &&
                   ps_value_of_double(PS_TYPE_BOOLEAN, number, values, row) == PS_VALUE_OK
               ? PS_VALUE_OK
               : PS_VALUE_TYPE;
}

static enum ps_value_result convert_scalar(enum ps_type type, yyjson_val *value, void *values, int64_t row) {
    struct ps_bytes text;
    switch (yyjson_get_type(value)) {
    case YYJSON_TYPE_NUM:
        if (yyjson_is_real(value)) {
            return ps_value_of_double(type, unsafe_yyjson_get_real(value), values, row);
        }
        if (yyjson_is_uint(value) && unsafe_yyjson_get_uint(value) > INT64_MAX) {
            return ps_value_of_double(type, (double)unsafe_yyjson_get_uint(value), values, row);
        }
        return ps_value_of_integer(type, unsafe_yyjson_get_sint(value), values, row);
    case YYJSON_TYPE_STR:
        return ps_value_of_text(
            type, (struct ps_bytes){unsafe_yyjson_get_str(value), unsafe_yyjson_get_len(value)}, values, row);
    case YYJSON_TYPE_RAW:
        if (type == PS_TYPE_DATE || type == PS_TYPE_TIMESTAMP) {
            return PS_VALUE_TYPE;
        }
        text = (struct ps_bytes){unsafe_yyjson_get_raw(value), unsafe_yyjson_get_len(value)};
        return type == PS_TYPE_BOOLEAN ? convert_boolean(text, values, row)
                                       : ps_value_of_text(type, text, values, row);
    case YYJSON_TYPE_BOOL:
        if (type != PS_TYPE_BOOLEAN) {
            return PS_VALUE_TYPE;
        }
        ((uint8_t *)values)[row] = yyjson_is_true(value) ? 1 : 0;
        return PS_VALUE_OK;
    default: return PS_VALUE_TYPE;
    }
}

/* --- a record -------------------------------------------------------------------------------------------- */

/* Fills decoder->found. False: digits are needed that this parse has not kept; they will be from now on. */
static bool find_members(struct json_decoder *decoder, yyjson_val *root, bool has_digits) {
    memset(decoder->found, 0, decoder->schema->column_count * sizeof(*decoder->found));
    decoder->has_unknown = false;
    yyjson_obj_iter iterator = yyjson_obj_iter_with(root);
    for (size_t index = 0; true; index++) {
        yyjson_val *key = yyjson_obj_iter_next(&iterator);
        if (key == NULL) {
            return true;
        }
        bool is_exact;
        const struct ps_bytes name = {unsafe_yyjson_get_str(key), unsafe_yyjson_get_len(key)};
        const int32_t column = ps_json_keys_find(&decoder->keys, index, name, &is_exact);
        if (column < 0) {
            decoder->has_unknown = true;
        }
        if ((column < 0 && decoder->rest_column == 0) ||
            (column >= 0 && decoder->found[column].is_exact && !is_exact)) {
            continue;
        }
        yyjson_val *value = yyjson_obj_iter_get_val(key);
        if (!has_digits && (column < 0 || ps_type_is_bytes(decoder->schema->columns[column].type)) &&
            (yyjson_is_num(value) || yyjson_is_ctn(value))) {
            decoder->keeps_digits = true;
            return false;
        }
        if (column >= 0) {
            decoder->found[column] = (struct found){value, is_exact};
        }
    }
}

/* --- members that become columns ------------------------------------------------------------------------- */

/* The narrowest type of a value that is not null. */
static enum ps_type type_of(yyjson_val *value) {
    switch (yyjson_get_type(value)) {
    case YYJSON_TYPE_BOOL: return PS_TYPE_BOOLEAN;
    case YYJSON_TYPE_NUM:
        return yyjson_is_sint(value) || (yyjson_is_uint(value) && unsafe_yyjson_get_uint(value) <= INT64_MAX)
                   ? PS_TYPE_BIGINT
                   : PS_TYPE_DOUBLE;
    case YYJSON_TYPE_RAW: {
        int64_t integer = 0;
        return ps_parse_integer(unsafe_yyjson_get_raw(value), &integer) ? PS_TYPE_BIGINT : PS_TYPE_DOUBLE;
    }
    default: return PS_TYPE_VARCHAR;
    }
}

/* A field that cannot be kept as a column makes its record a dead letter: nothing of it is lost. Called once before
 * the row is made (batch NULL: nothing is noted), once after. */
static penstock_code look_at_unknown(struct json_decoder *decoder, yyjson_val *root, struct ps_batch *batch,
                                     struct ps_bytes *refused_out, const char **why_out,
                                     struct penstock_error *error) {
    yyjson_obj_iter iterator = yyjson_obj_iter_with(root);
    for (size_t index = 0; index < yyjson_obj_size(root); index++) {
        yyjson_val *key = yyjson_obj_iter_next(&iterator);
        yyjson_val *value = yyjson_obj_iter_get_val(key);
        const struct ps_bytes name = {unsafe_yyjson_get_str(key), unsafe_yyjson_get_len(key)};
        bool is_exact;
        if (yyjson_is_null(value) || ps_json_keys_find(&decoder->keys, index, name, &is_exact) >= 0) {
            continue;
        }
        const char *why =
            batch != NULL ? NULL
                          : ps_new_field_refusal(name, decoder->config.growing, decoder->new_count_max == 0);
        if (why != NULL && *why_out == NULL) {
            *refused_out = name;
            *why_out = why;
        }
        if (batch != NULL) {
            PS_TRY(ps_new_fields_add(&batch->new_fields, name, type_of(value), decoder->new_count_max,
                                     batch->arena, error));
        }
    }
    return PENSTOCK_OK;
}

/* --- the row --------------------------------------------------------------------------------------------- */

/* A member without a column goes to the rest. False: out of memory. */
static bool add_rest(struct json_decoder *decoder, struct ps_bytes name, yyjson_val *value) {
    size_t size = 0;
    char *text = yyjson_val_write_opts(value, 0, &decoder->allocator, &size, NULL);
    if (text == NULL) {
        return false;
    }
    ps_buffer_add(&decoder->rest, decoder->rest.size == 0 ? "{" : ",", 1);
    ps_buffer_json(&decoder->rest, name.data, name.size);
    ps_buffer_add(&decoder->rest, ":", 1);
    ps_buffer_add(&decoder->rest, text, size);
    scratch_free(decoder, text);
    return !decoder->rest.failed;
}

/* The column of all members that have none. False: out of memory. */
static bool set_rest(struct json_decoder *decoder, struct ps_batch *batch, yyjson_val *root) {
    const size_t column = decoder->rest_column - 1;
    yyjson_obj_iter iterator = yyjson_obj_iter_with(root);
    bool is_exact;
    ps_buffer_clear(&decoder->rest);
    for (size_t index = 0; index < yyjson_obj_size(root); index++) {
        yyjson_val *key = yyjson_obj_iter_next(&iterator);
        const struct ps_bytes name = {unsafe_yyjson_get_str(key), unsafe_yyjson_get_len(key)};
        if (ps_json_keys_find(&decoder->keys, index, name, &is_exact) < 0 &&
            !add_rest(decoder, name, yyjson_obj_iter_get_val(key))) {
            return false;
        }
    }
    if (decoder->rest.size == 0) {
        ps_batch_set_null(batch, column);
        return true;
    }
    ps_buffer_add(&decoder->rest, "}", 1);
    const struct ps_bytes text = {ps_arena_copy_size(batch->arena, decoder->rest.data, decoder->rest.size),
                                  decoder->rest.size};
    ((struct ps_bytes *)batch->columns[column].values)[batch->row_count] = text;
    return text.data != NULL && !decoder->rest.failed;
}

/* The row of a record, or its dead letter; without digits *again_out instead of a dead letter. */
static penstock_code fill_row(struct json_decoder *decoder, struct ps_batch *batch, struct ps_record record,
                              const yyjson_doc *document, bool *again_out, struct penstock_error *error) {
    PS_TRY(ps_batch_begin_row(batch, error));
    for (size_t i = 0; i < decoder->schema->column_count; i++) {
        const struct ps_column_schema *column = &decoder->schema->columns[i];
        yyjson_val *value = decoder->found[i].value;
        if (value == NULL || yyjson_is_null(value)) {
            if (column->not_null) {
                return ps_value_refuse_null(batch, record, i, value == NULL ? "nothing" : "null", error);
            }
            ps_batch_set_null(batch, i);
        } else if (ps_type_is_bytes(column->type)) {
            if (!convert_text(decoder, batch, record, document, value, i)) {
                return ps_error_memory(error, "a JSON record");
            }
        } else {
            const enum ps_value_result result =
                convert_scalar(column->type, value, batch->columns[i].values, batch->row_count);
            if (result != PS_VALUE_OK && yyjson_is_num(value)) {
                *again_out = true;
                return PENSTOCK_OK;
            }
            if (result != PS_VALUE_OK) {
                struct ps_bytes found;
                const char *kind = describe(value, &found);
                PS_TRY(ps_value_refuse(batch, record, i, result, kind, found, error));
                return i + decoder->config.added_count < decoder->schema->column_count
                           ? PENSTOCK_OK
                           : ps_batch_explain_dead_letter(batch, declare_it, error);
            }
        }
    }
    if (decoder->rest_column != 0 && !set_rest(decoder, batch, document->root)) {
        return ps_error_memory(error, "a JSON record");
    }
    ps_batch_end_row(batch, record);
    return PENSTOCK_OK;
}

/* With on_new_field = 'add', of a record that has fields without a column. */
static penstock_code fill_growing_row(struct json_decoder *decoder, struct ps_batch *batch,
                                      struct ps_record record, const yyjson_doc *document, bool *again_out,
                                      struct penstock_error *error) {
    struct ps_bytes refused = {"", 0};
    const char *why = NULL;
    const int64_t row_count = batch->row_count;
    PS_TRY(look_at_unknown(decoder, document->root, NULL, &refused, &why, error));
    if (why != NULL) {
        return ps_batch_add_dead_letter(batch, record, PS_REASON_SCHEMA, NULL, error,
                                        "the field \"%.*s\" cannot become a column: %s",
                                        (int)(refused.size < 60 ? refused.size : 60), refused.data, why);
    }
    PS_TRY(fill_row(decoder, batch, record, document, again_out, error));
    return batch->row_count > row_count
               ? look_at_unknown(decoder, document->root, batch, &refused, &why, error)
               : PENSTOCK_OK;
}

/* yyjson takes `char *` but without YYJSON_READ_INSITU only reads. */
static yyjson_doc *parse(struct json_decoder *decoder, struct ps_bytes raw, bool has_digits,
                         yyjson_read_err *cause) {
    union {
        const char *in;
        char *out;
    } data = {.in = raw.data};
    decoder->scratch_used = 0;
    const yyjson_read_flag flags = has_digits ? YYJSON_READ_NUMBER_AS_RAW : YYJSON_READ_BIGNUM_AS_RAW;
    return yyjson_read_opts(data.out, raw.size, flags, &decoder->allocator, cause);
}

static penstock_code decode_parsed(struct json_decoder *decoder, struct ps_batch *batch,
                                   struct ps_record record, yyjson_doc *document, bool has_digits,
                                   bool *again_out, struct penstock_error *error) {
    yyjson_val *root = yyjson_doc_get_root(document);
    if (!yyjson_is_obj(root) && !has_digits) {
        *again_out = true;
        return PENSTOCK_OK;
    }
    if (!yyjson_is_obj(root)) {
        struct ps_bytes found;
        return ps_batch_add_dead_letter(batch, record, PS_REASON_SYNTAX, NULL, error,
                                        "found %s, expected one JSON object a line", describe(root, &found));
    }
    *again_out = !find_members(decoder, root, has_digits);
    if (*again_out) {
        return PENSTOCK_OK;
    }
    return decoder->has_unknown && decoder->config.growing != NULL
               ? fill_growing_row(decoder, batch, record, document, again_out, error)
               : fill_row(decoder, batch, record, document, again_out, error);
}

/* A record that does not become a row is parsed once more with its digits, so that what its dead letter says does not
 * depend on which records the decoder has seen before. */
static penstock_code decode_any(struct json_decoder *decoder, struct ps_batch *batch, struct ps_record record,
                                struct penstock_error *error) {
    if (is_too_deep(record.raw)) {
        return ps_batch_add_dead_letter(batch, record, PS_REASON_NESTING, NULL, error,
                                        "the record is nested deeper than %d levels", PS_LIMIT_JSON_DEPTH);
    }
    bool has_digits = decoder->keeps_digits;
    for (int attempt = 0; attempt < 2; attempt++) {
        yyjson_read_err cause = {0};
        yyjson_doc *document = parse(decoder, record.raw, has_digits, &cause);
        if (document == NULL && has_digits) {
            return refuse_syntax(batch, record, &cause, error);
        }
        if (document != NULL) {
            bool again = false;
            const penstock_code code =
                decode_parsed(decoder, batch, record, document, has_digits, &again, error);
            yyjson_doc_free(document);
            if (code != PENSTOCK_OK || !again) {
                return code;
            }
        }
        has_digits = true;
    }
    return ps_error_set(error, PENSTOCK_INTERNAL, "a JSON record that keeps its digits was parsed twice");
}

static penstock_code json_decode(void *state, struct ps_batch *batch, struct ps_record record,
                                 struct penstock_error *error) {
    struct json_decoder *decoder = state;
    if (decoder->plain != NULL) {
        bool is_taken;
        PS_TRY(ps_json_plain_decode(decoder->plain, batch, record, &is_taken, error));
        if (is_taken) {
            return PENSTOCK_OK;
        }
    }
    return decode_any(decoder, batch, record, error);
}

static size_t json_frame(const void *config, const char *data, size_t size, bool is_end) {
    (void)config;
    const char *newline = memchr(data, '\n', size);
    if (newline != NULL) {
        return (size_t)(newline - data) + 1;
    }
    return is_end ? size : 0;
}

static bool json_has_header(const void *config) {
    (void)config;
    return false;
}

static const struct ps_option json_options[] = {{.name = NULL}};

const struct ps_codec_type ps_codec_json = {
    .name = "json",
    .summary = "one JSON object a line (NDJSON); columns by key, unknown keys ignored, missing ones NULL",
    .options = json_options,
    .config_size = sizeof(struct ps_json_config),
    .is_line_based = true,
    .has_header = json_has_header,
    .frame = json_frame,
    .open = json_open,
    .decode = json_decode,
    .close = json_close,
};
