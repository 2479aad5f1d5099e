/* SPDX-License-Identifier: Apache-2.0
 *
 * codec_csv.c - CSV as in RFC 4180: quoted fields may hold delimiters, line breaks and doubled quotes.
 *
 * A quote opens a field only at its beginning; elsewhere it is a character. Framing and splitting share one way
 * through a quoted field, so that the end the planner finds is the end the decoder finds. A quote that is never
 * closed would swallow the rest of the file: when no end is found within the data (at its end, or within
 * PS_LIMIT_RECORD_SIZE) the record is the first line alone, and the next line stands for itself.
 * The columns of a file come from its own header line.
 */
#include "data/codec_csv.h"

#include <stdio.h>

#include "base/limits.h"
#include "data/names.h"
#include "data/value.h"

struct csv_config {
    const char *delimiter;
    const char *quote;
    const char *escape;
    const char *null_text;
    bool header;
};

static const struct ps_option csv_options[] = {
    {.name = "delimiter",
     .type = PS_OPTION_TEXT,
     .default_text = ",",
     .offset = offsetof(struct csv_config, delimiter),
     .help = "the one character between fields; 'tab' for a tab",
     .since = "0.1"},
    {.name = "quote",
     .type = PS_OPTION_TEXT,
     .default_text = "\"",
     .offset = offsetof(struct csv_config, quote),
     .help = "the character around a field with delimiters or line breaks in it; '' for none",
     .since = "0.1"},
    {.name = "escape",
     .type = PS_OPTION_TEXT,
     .default_text = "",
     .offset = offsetof(struct csv_config, escape),
     .help = "the character before a quote inside quotes; '' for the quote itself, doubled",
     .since = "0.1"},
    {.name = "header",
     .type = PS_OPTION_BOOLEAN,
     .default_text = "true",
     .offset = offsetof(struct csv_config, header),
     .help = "the first line of each file has the column names; false: columns in declared order",
     .since = "0.1"},
    {.name = "null_text",
     .type = PS_OPTION_TEXT,
     .default_text = "",
     .offset = offsetof(struct csv_config, null_text),
     .help = "the unquoted field that means NULL",
     .since = "0.1"},
    {.name = NULL},
};

/* The configuration as bytes to compare with; quote 0: no quoting. */
struct csv_format {
    char delimiter, quote, escape;
};

struct csv_field {
    struct ps_bytes text; /* without the quotes around it */
    bool is_quoted, is_escaped;
};

struct csv_decoder {
    const struct csv_config *config;
    const struct ps_schema *schema;
    struct csv_format format;
    size_t field_count;       /* that every record must have */
    size_t *field_of_column;  /* per column of the schema */
    struct csv_field *fields; /* of the record at hand */
};

static char byte_of(const char *text) {
    if (text[0] == '\0' || text[1] == '\0') {
        return text[0];
    }
    const bool is_tab = strcmp(text, "\\t") == 0 || ps_text_equal_nocase(text, "tab");
    return is_tab ? '\t' : text[0];
}

static struct csv_format format_of(const struct csv_config *config) {
    struct csv_format format = {byte_of(config->delimiter), byte_of(config->quote), byte_of(config->escape)};
    if (format.escape == '\0') {
        format.escape = format.quote;
    }
    return format;
}

static penstock_code check_character(const char *name, const char *text, bool may_be_empty,
                                     struct penstock_error *error) {
    const char character = byte_of(text);
    const bool is_one = text[0] == '\0' ? may_be_empty : text[1] == '\0' || character == '\t';
    if (!is_one || character == '\n' || character == '\r' || ((unsigned char)character & 0x80) != 0) {
        return ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "%s = '%s': expected one ASCII character%s",
                            name, text, may_be_empty ? " or ''" : "");
    }
    return PENSTOCK_OK;
}

static penstock_code csv_check(const void *config, struct penstock_error *error) {
    const struct csv_config *csv = config;
    PS_TRY(check_character("delimiter", csv->delimiter, false, error));
    PS_TRY(check_character("quote", csv->quote, true, error));
    PS_TRY(check_character("escape", csv->escape, true, error));
    const struct csv_format format = format_of(csv);
    if (format.delimiter == format.quote || format.delimiter == format.escape) {
        return ps_error_set(error, PENSTOCK_INVALID_ARGUMENT,
                            "delimiter = '%s' is also the quote or the escape: they must differ",
                            csv->delimiter);
    }
    return PENSTOCK_OK;
}

static bool csv_has_header(const void *config) {
    return ((const struct csv_config *)config)->header;
}

/* --- framing --------------------------------------------------------------------------------------------- */

/* Index of the quote that closes the field whose text starts at `at`; `size` if there is none. */
static size_t find_closing_quote(const struct csv_format *format, const char *data, size_t at, size_t size,
                                 bool *is_escaped_out) {
    *is_escaped_out = false;
    while (at < size) {
        if (format->escape == format->quote) {
            const char *quote = memchr(data + at, format->quote, size - at);
            if (quote == NULL) {
                return size;
            }
            at = (size_t)(quote - data);
        }
        const bool has_next = at + 1 < size;
        if (data[at] == format->escape && has_next &&
            (data[at + 1] == format->quote || data[at + 1] == format->escape)) {
            *is_escaped_out = true;
            at += 2;
            continue;
        }
        if (data[at] == format->quote) {
            return at;
        }
        at++;
    }
    return size;
}

/* Index of the delimiter or line feed at or after `at`, or `size`. */
static size_t find_field_end(const struct csv_format *format, const char *data, size_t at, size_t size) {
    while (at < size && data[at] != format->delimiter && data[at] != '\n') {
        at++;
    }
    return at;
}

/* The record as the first line alone. */
static size_t frame_line(const char *data, size_t size, bool is_end) {
    const char *newline = memchr(data, '\n', size);
    if (newline != NULL) {
        return (size_t)(newline - data) + 1;
    }
    return is_end ? size : 0;
}

static size_t csv_frame(const void *config, const char *data, size_t size, bool is_end) {
    const struct csv_format format = format_of(config);
    const size_t line = frame_line(data, size, is_end);
    if (format.quote == '\0' || (line > 0 && memchr(data, format.quote, line) == NULL)) {
        return line;
    }
    /* there are quotes: field by field */
    size_t at = 0;
    while (at < size) {
        if (data[at] == format.quote) {
            bool is_escaped;
            at = find_closing_quote(&format, data, at + 1, size, &is_escaped);
            if (at == size) {
                return is_end || size >= PS_LIMIT_RECORD_SIZE ? line : 0;
            }
            at++;
        }
        at = find_field_end(&format, data, at, size);
        if (at < size && data[at] == '\n') {
            return at + 1;
        }
        at++;
    }
    return is_end ? size : 0;
}

/* --- splitting ------------------------------------------------------------------------------------------- */

/* Splits a record into at most `field_max` fields; *count_out is how many it has, kept or not.
 * NULL, or what is wrong. */
static const char *split(const struct csv_format *format, struct ps_bytes raw, struct csv_field *fields,
                         size_t field_max, size_t *count_out) {
    size_t at = 0, count = 0;
    while (true) {
        struct csv_field field = {0};
        if (format->quote != '\0' && at < raw.size && raw.data[at] == format->quote) {
            const size_t end = find_closing_quote(format, raw.data, at + 1, raw.size, &field.is_escaped);
            if (end == raw.size) {
                return "a quote is opened and not closed";
            }
            field.text = (struct ps_bytes){raw.data + at + 1, end - at - 1};
            field.is_quoted = true;
            at = end + 1;
            if (at < raw.size && raw.data[at] != format->delimiter) {
                return "a closing quote is followed by something else than the delimiter";
            }
        } else {
            const size_t begin = at;
            while (at < raw.size && raw.data[at] != format->delimiter) {
                at++;
            }
            field.text = (struct ps_bytes){raw.data + begin, at - begin};
        }
        if (count < field_max) {
            fields[count] = field;
        }
        count++;
        if (at >= raw.size) {
            *count_out = count;
            return NULL;
        }
        at++; /* the delimiter */
    }
}

/* The text without its escapes, in the arena; NULL when exhausted. */
static const char *unescape(const struct csv_format *format, struct ps_arena *arena, struct ps_bytes *text) {
    char *copy = ps_arena_allocate(arena, text->size + 1, 1);
    if (copy == NULL) {
        return NULL;
    }
    size_t used = 0;
    for (size_t i = 0; i < text->size; i++) {
        const bool is_escape = text->data[i] == format->escape && i + 1 < text->size &&
                               (text->data[i + 1] == format->quote || text->data[i + 1] == format->escape);
        i += is_escape ? 1 : 0;
        copy[used++] = text->data[i];
    }
    *text = (struct ps_bytes){copy, used};
    return copy;
}

/* --- the header ------------------------------------------------------------------------------------------ */

#define FIELD_NONE SIZE_MAX

static penstock_code refuse_header(const struct csv_decoder *decoder, const char *column,
                                   struct ps_bytes header, const char *const *names,
                                   struct penstock_error *error) {
    const int shown = header.size < 200 ? (int)header.size : 200;
    (void)decoder;
    (void)ps_error_set(error, PENSTOCK_INVALID_DATA, "the CSV header has no column %s; it is: %.*s%s", column,
                       shown, header.data, header.size > 200 ? "..." : "");
    const char *nearest = ps_nearest(column, names);
    if (nearest != NULL) {
        return ps_error_hint(error, "did you mean %s? The names of CREATE SOURCE must be those of the header",
                             nearest);
    }
    return ps_error_hint(
        error, "name the columns as in the header, or use ENCODE CSV (header = false) if the file has none");
}

static struct ps_bytes trim_name(struct ps_bytes name) {
    while (name.size > 0 && (name.data[0] == ' ' || name.data[0] == '\t')) {
        name.data++;
        name.size--;
    }
    while (name.size > 0 && (name.data[name.size - 1] == ' ' || name.data[name.size - 1] == '\t')) {
        name.size--;
    }
    return name;
}

/* Maps each column to a field by the names in `header`. */
static penstock_code map_fields(struct csv_decoder *decoder, struct ps_bytes header,
                                const struct csv_field *fields, struct ps_arena *arena,
                                struct penstock_error *error) {
    struct ps_names names;
    PS_TRY(ps_names_init(&names, decoder->schema, error));
    const char **texts = ps_arena_allocate(arena, decoder->field_count + 1, sizeof(*texts));
    bool *is_exact = ps_arena_allocate(arena, decoder->schema->column_count + 1, sizeof(*is_exact));
    bool is_exhausted = texts == NULL || is_exact == NULL;
    for (size_t i = 0; i < decoder->field_count && !is_exhausted; i++) {
        struct ps_bytes name = fields[i].text;
        is_exhausted = fields[i].is_escaped && unescape(&decoder->format, arena, &name) == NULL;
        name = fields[i].is_quoted ? name : trim_name(name);
        texts[i] = ps_arena_copy_size(arena, name.data, name.size);
        is_exhausted = is_exhausted || texts[i] == NULL;
        bool exact = false;
        const int32_t column = ps_names_find(&names, name, &exact);
        if (column >= 0 && (decoder->field_of_column[column] == FIELD_NONE || (exact && !is_exact[column]))) {
            decoder->field_of_column[column] = i;
            is_exact[column] = exact;
        }
    }
    ps_names_done(&names);
    if (is_exhausted) {
        return ps_error_memory(error, "a CSV header");
    }
    for (size_t i = 0; i < decoder->schema->column_count; i++) {
        if (decoder->field_of_column[i] == FIELD_NONE) {
            return refuse_header(decoder, decoder->schema->columns[i].name, header, texts, error);
        }
    }
    return PENSTOCK_OK;
}

static penstock_code read_header(struct csv_decoder *decoder, struct ps_bytes header,
                                 struct penstock_error *error) {
    const char *wrong = split(&decoder->format, header, NULL, 0, &decoder->field_count);
    size_t bad = 0;
    if (wrong == NULL && !ps_bytes_is_utf8(header, &bad)) {
        wrong = "it is not UTF-8";
    }
    if (wrong == NULL && decoder->field_count > PS_LIMIT_COLUMN_COUNT) {
        wrong = "it has too many columns";
    }
    if (wrong != NULL) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA, "the CSV header cannot be read: %s", wrong);
    }
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct csv_field *fields =
        arena == NULL ? NULL : ps_arena_allocate(arena, decoder->field_count, sizeof(*fields));
    if (fields == NULL) {
        return ps_error_memory(error, "a CSV header");
    }
    (void)split(&decoder->format, header, fields, decoder->field_count, &decoder->field_count);
    return map_fields(decoder, header, fields, arena, error);
}

/* --- the decoder ----------------------------------------------------------------------------------------- */

static void csv_close(void *state) {
    struct csv_decoder *decoder = state;
    if (decoder == NULL) {
        return;
    }
    ps_release(decoder->field_of_column);
    ps_release(decoder->fields);
    ps_release(decoder);
}

static void csv_close_scoped(struct csv_decoder **decoder) {
    csv_close(*decoder);
}

static penstock_code csv_open(const void *config, const struct ps_schema *schema, struct ps_bytes header,
                              void **state_out, struct penstock_error *error) {
    struct csv_decoder *decoder PS_SCOPED(csv_close_scoped) = ps_allocate(1, sizeof(*decoder));
    if (decoder == NULL) {
        return ps_error_memory(error, "a CSV decoder");
    }
    decoder->config = config;
    decoder->schema = schema;
    decoder->format = format_of(config);
    decoder->field_of_column = ps_allocate(schema->column_count + 1, sizeof(*decoder->field_of_column));
    if (decoder->field_of_column == NULL) {
        return ps_error_memory(error, "a CSV decoder");
    }
    const bool has_header = csv_has_header(config);
    for (size_t i = 0; i < schema->column_count; i++) {
        decoder->field_of_column[i] = has_header ? FIELD_NONE : i;
    }
    decoder->field_count = schema->column_count;
    if (has_header) {
        PS_TRY(read_header(decoder, header, error));
    }
    decoder->fields = ps_allocate(decoder->field_count + 1, sizeof(*decoder->fields));
    if (decoder->fields == NULL) {
        return ps_error_memory(error, "a CSV decoder");
    }
    *state_out = ps_take(decoder);
    return PENSTOCK_OK;
}

static bool is_null(const struct csv_decoder *decoder, const struct csv_field *field) {
    return !field->is_quoted && ps_bytes_equal(field->text, ps_bytes_of(decoder->config->null_text));
}

static penstock_code fill_row(struct csv_decoder *decoder, struct ps_batch *batch, struct ps_record record,
                              struct penstock_error *error) {
    PS_TRY(ps_batch_begin_row(batch, error));
    for (size_t i = 0; i < decoder->schema->column_count; i++) {
        const struct ps_column_schema *column = &decoder->schema->columns[i];
        struct csv_field field = decoder->fields[decoder->field_of_column[i]];
        if (is_null(decoder, &field)) {
            if (column->not_null) {
                return ps_value_refuse_null(batch, record, i, "nothing", error);
            }
            ps_batch_set_null(batch, i);
            continue;
        }
        if (field.is_escaped && unescape(&decoder->format, batch->arena, &field.text) == NULL) {
            return ps_error_memory(error, "a CSV record");
        }
        const enum ps_value_result result =
            ps_value_of_text(column->type, field.text, batch->columns[i].values, batch->row_count);
        if (result != PS_VALUE_OK) {
            return ps_value_refuse(batch, record, i, result, "the text", field.text, error);
        }
    }
    ps_batch_end_row(batch, record);
    return PENSTOCK_OK;
}

static penstock_code csv_decode(void *state, struct ps_batch *batch, struct ps_record record,
                                struct penstock_error *error) {
    struct csv_decoder *decoder = state;
    size_t bad, field_count = 0;
    if (!ps_bytes_is_utf8(record.raw, &bad)) {
        return ps_batch_add_dead_letter(batch, record, PS_REASON_ENCODING, NULL, error,
                                        "byte %zu of the record (0x%02X) is not UTF-8", bad,
                                        (unsigned)(unsigned char)record.raw.data[bad]);
    }
    const char *wrong =
        split(&decoder->format, record.raw, decoder->fields, decoder->field_count, &field_count);
    if (wrong != NULL) {
        return ps_batch_add_dead_letter(batch, record, PS_REASON_SYNTAX, NULL, error, "not CSV: %s", wrong);
    }
    if (field_count != decoder->field_count) {
        return ps_batch_add_dead_letter(batch, record, PS_REASON_SYNTAX, NULL, error,
                                        "found %zu field%s, expected %zu", field_count,
                                        field_count == 1 ? "" : "s", decoder->field_count);
    }
    return fill_row(decoder, batch, record, error);
}

const struct ps_codec_type ps_codec_csv = {
    .name = "csv",
    .summary = "RFC 4180: quoted fields, a header line with the column names",
    .options = csv_options,
    .config_size = sizeof(struct csv_config),
    .check = csv_check,
    .has_header = csv_has_header,
    .frame = csv_frame,
    .open = csv_open,
    .decode = csv_decode,
    .close = csv_close,
};
