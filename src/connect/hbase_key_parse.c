/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_key_parse.c - the words of `rowkey` as parts.
 *
 *   rowkey = '-:1 sensor "|" seen:8:reversed'
 *
 * A key can be taken apart if every part of variable width ends by itself (OrderedBytes), at the literal behind it, or
 * so many bytes before the end as the fixed parts behind it have.
 */
#include "connect/hbase_key.h"

#include <ctype.h>
#include <stdio.h>

struct parser {
    const char *at;
    const struct ps_schema *schema;
    struct ps_arena *arena;
    struct ps_hbase_key_part *parts;
    size_t count;
    bool *is_used; /* per column */
};

static penstock_code refuse(struct penstock_error *error, const char *format, ...) PS_PRINTF(2, 3);

static penstock_code refuse(struct penstock_error *error, const char *format, ...) {
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return ps_error_set(error, PENSTOCK_INVALID_PROJECT, "rowkey: %s", text);
}

/* "..." */
static penstock_code parse_literal(struct parser *parser, struct ps_hbase_key_part *part,
                                   struct penstock_error *error) {
    const char *const end = strchr(parser->at + 1, '"');
    if (end == NULL) {
        (void)refuse(error, "the literal %s has no end", parser->at);
        return ps_error_hint(error, "write it as \"|\"; a quotation mark in it is \\x22");
    }
    const char *const text =
        ps_arena_copy_size(parser->arena, parser->at + 1, (size_t)(end - parser->at - 1));
    if (text == NULL) {
        return ps_error_memory(error, "a row key");
    }
    PS_TRY(ps_hbase_spell(text, parser->arena, &part->literal, error));
    if (part->literal.size == 0) {
        return refuse(error, "a literal is empty");
    }
    part->width = part->literal.size;
    parser->at = end + 1;
    return PENSTOCK_OK;
}

static penstock_code parse_width(const char *part, const char *word, size_t *width_out,
                                 struct penstock_error *error) {
    int64_t width = 0;
    if (!ps_parse_integer(word, &width) || width < 1 || width > PS_HBASE_ROW_SIZE_MAX) {
        return refuse(error, "part %s: a width is 1 to %d bytes, not %s", part, PS_HBASE_ROW_SIZE_MAX, word);
    }
    *width_out = (size_t)width;
    return PENSTOCK_OK;
}

/* The word behind a colon: a width or an encoding. */
static penstock_code parse_detail(const char *name, const char *word, struct ps_hbase_key_part *part,
                                  struct penstock_error *error) {
    if (isdigit((unsigned char)word[0]) && part->width == 0) {
        return parse_width(name, word, &part->width, error);
    }
    if (ps_hbase_encoding_find(word, &part->encoding)) {
        return PENSTOCK_OK;
    }
    const char *const near = ps_hbase_encoding_nearest(word);
    (void)refuse(error, "part %s: %s is no width and no encoding", name, word[0] == '\0' ? "nothing" : word);
    return near != NULL
               ? ps_error_hint(error, "did you mean %s?", near)
               : ps_error_hint(error, "write a part as name, name:8, name:8:reversed or name:ordered");
}

/* name[:width][:encoding], or "-" for bytes that nobody wants */
static penstock_code parse_part(struct parser *parser, struct ps_hbase_key_part *part,
                                struct penstock_error *error) {
    const size_t size = strcspn(parser->at, " \t\r\n\"");
    char *const text = ps_arena_copy_size(parser->arena, parser->at, size);
    if (text == NULL) {
        return ps_error_memory(error, "a row key");
    }
    parser->at += size;
    char *rest = text;
    const char *const name = strsep(&rest, ":");
    size_t detail_count = 0;
    while (rest != NULL) {
        const char *const word = strsep(&rest, ":");
        if (++detail_count > 2) {
            return refuse(error, "part %s: more than a width and an encoding", name);
        }
        PS_TRY(parse_detail(name, word, part, error));
    }
    if (strcmp(name, "-") == 0) {
        return part->encoding == PS_HBASE_AS_BYTES
                   ? PENSTOCK_OK
                   : refuse(error, "a part that is skipped (-) has a width, not an encoding");
    }
    part->name = name;
    return PENSTOCK_OK;
}

penstock_code ps_hbase_nearest_column(const struct ps_schema *schema, const char *name,
                                      struct ps_arena *arena, const char **near_out,
                                      struct penstock_error *error) {
    const char **const names = ps_arena_allocate(arena, schema->column_count + 1, sizeof(const char *));
    if (names == NULL) {
        return ps_error_memory(error, "a mapping");
    }
    for (size_t i = 0; i < schema->column_count; i++) {
        names[i] = schema->columns[i].name;
    }
    *near_out = ps_nearest(name, names);
    return PENSTOCK_OK;
}

static penstock_code find_column(struct parser *parser, struct ps_hbase_key_part *part,
                                 struct penstock_error *error) {
    const int64_t column = ps_schema_find(parser->schema, part->name);
    if (column < 0) {
        const char *near = NULL;
        PS_TRY(ps_hbase_nearest_column(parser->schema, part->name, parser->arena, &near, error));
        (void)refuse(error, "there is no column %s", part->name[0] == '\0' ? "without a name" : part->name);
        return near != NULL ? ps_error_hint(error, "did you mean %s?", near)
                            : ps_error_hint(error, "bytes that are no column are skipped by -:width");
    }
    if (parser->is_used[column]) {
        return refuse(error, "column %s stands in it twice", part->name);
    }
    parser->is_used[column] = true;
    part->field = (size_t)column;
    part->name = parser->schema->columns[column].name;
    return PENSTOCK_OK;
}

/* The encoding of a part and, as far as it follows from it, the width. */
static penstock_code resolve_part(const struct ps_column_schema *column, struct ps_hbase_key_part *part,
                                  struct penstock_error *error) {
    part->encoding = ps_hbase_encoding_resolve(part->encoding, column);
    const char *const word = ps_hbase_encoding_name(part->encoding);
    const size_t size = ps_hbase_encoding_size(part->encoding, column->type);
    const bool is_integer = column->type >= PS_TYPE_TINYINT && column->type <= PS_TYPE_BIGINT;
    if (!ps_hbase_encoding_suits(part->encoding, column) || part->encoding == PS_HBASE_AS_JSON) {
        return refuse(error, "part %s: %s is no encoding for %s in a row key", part->name, word,
                      column->type_text);
    }
    if (size > 0 && part->width > 0 && part->width != size) {
        (void)refuse(error, "part %s: %s has %zu byte%s, not %zu", part->name,
                     ps_hbase_encoding_what(part->encoding), size, size == 1 ? "" : "s", part->width);
        return is_integer ? ps_error_hint(error, "digits are written %s:%zu:text", part->name, part->width)
                          : ps_error_hint(error, "leave the width away, or write another encoding behind it");
    }
    if (ps_hbase_encoding_is_ordered_bytes(part->encoding) && part->width > 0) {
        return refuse(error, "part %s: a value of OrderedBytes has a width of its own", part->name);
    }
    part->width = size > 0 ? size : part->width;
    if (part->encoding == PS_HBASE_AS_TEXT && part->width > 0 && is_integer) {
        part->encoding = PS_HBASE_AS_PADDED;
    }
    return PENSTOCK_OK;
}

/* Where the part at `index`, which has no width, ends. */
static penstock_code find_end(const struct parser *parser, size_t index, struct penstock_error *error) {
    struct ps_hbase_key_part *const part = &parser->parts[index];
    const char *const name = part->name != NULL ? part->name : "-";
    const bool is_last =
        part->encoding == PS_HBASE_AS_BLOB_LAST || part->encoding == PS_HBASE_AS_BLOB_LAST_DESC;
    if (index + 1 == parser->count) {
        return PENSTOCK_OK;
    }
    if (is_last) {
        return refuse(error, "part %s: %s goes to the end of the key, so it is the last part", name,
                      ps_hbase_encoding_name(part->encoding));
    }
    if ((part->name != NULL && ps_hbase_encoding_is_ordered_bytes(part->encoding)) ||
        parser->parts[index + 1].literal.size > 0) {
        return PENSTOCK_OK;
    }
    for (size_t i = index + 1; i < parser->count; i++) {
        if (parser->parts[i].width == 0) {
            (void)refuse(error, "nothing ends part %s, and part %s behind it has no width either", name,
                         parser->parts[i].name != NULL ? parser->parts[i].name : "-");
            return ps_error_hint(error, "give it a width (%s:8) or put a separator behind it (%s \"|\")",
                                 name, name);
        }
        part->tail += parser->parts[i].width;
    }
    return PENSTOCK_OK;
}

static penstock_code parse_parts(struct parser *parser, struct penstock_error *error) {
    for (;;) {
        parser->at += strspn(parser->at, " \t\r\n");
        if (*parser->at == '\0') {
            break;
        }
        if (parser->count == PS_HBASE_PART_COUNT_MAX) {
            return refuse(error, "more than %d parts", PS_HBASE_PART_COUNT_MAX);
        }
        struct ps_hbase_key_part *const part = &parser->parts[parser->count++];
        if (*parser->at == '"') {
            PS_TRY(parse_literal(parser, part, error));
            continue;
        }
        PS_TRY(parse_part(parser, part, error));
        if (part->name != NULL) {
            PS_TRY(find_column(parser, part, error));
            PS_TRY(resolve_part(&parser->schema->columns[part->field], part, error));
        }
    }
    if (parser->count == 0) {
        (void)refuse(error, "it is empty");
        return ps_error_hint(error, "write its parts: 'sensor:8 seen:8:reversed'");
    }
    for (size_t i = 0; i < parser->count; i++) {
        if (parser->parts[i].width == 0) {
            PS_TRY(find_end(parser, i, error));
        }
    }
    return PENSTOCK_OK;
}

penstock_code ps_hbase_key_parse(const char *text, const struct ps_schema *schema, struct ps_arena *arena,
                                 struct ps_hbase_key_part **parts_out, size_t *count_out,
                                 struct penstock_error *error) {
    struct parser parser = {.at = text, .schema = schema, .arena = arena};
    parser.parts = ps_arena_allocate(arena, PS_HBASE_PART_COUNT_MAX, sizeof *parser.parts);
    parser.is_used = ps_arena_allocate(arena, schema->column_count + 1, sizeof *parser.is_used);
    if (parser.parts == NULL || parser.is_used == NULL) {
        return ps_error_memory(error, "a row key");
    }
    PS_TRY(parse_parts(&parser, error));
    *parts_out = parser.parts;
    *count_out = parser.count;
    return PENSTOCK_OK;
}
