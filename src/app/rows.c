/* SPDX-License-Identifier: Apache-2.0
 *
 * rows.c - CSV (RFC 4180: quotes, doubled quotes, line breaks in quotes, CRLF) and NDJSON into a table of text.
 *
 * These are a few rows for a model, not a source: no schema, no dead letters; the first thing that is wrong is
 * an error with its line.
 */
#include "app/rows.h"

#include <stdio.h>

#include "app/table.h"
#include "base/limits.h"

/* ---- CSV ---- */

struct csv {
    const char *at;
    int64_t line;
    struct ps_arena *arena;
};

/* Bytes of the quoted field at `text`, with its quotes: no field gets more memory than it takes. */
static size_t quoted_size(const char *text) {
    const char *end = text + 1;
    while (*end != '\0' && (*end != '"' || end[1] == '"')) {
        end += *end == '"' ? 2 : 1;
    }
    return (size_t)(end - text) + 1;
}

/* Afterwards *at stands at ',' or at the end of the line or of the text. */
static penstock_code read_quoted(struct csv *csv, const char **field_out, struct penstock_error *error) {
    const int64_t start_line = csv->line;
    char *field = ps_arena_allocate(csv->arena, quoted_size(csv->at), 1);
    if (field == NULL) {
        return ps_error_memory(error, "CSV");
    }
    size_t size = 0;
    for (csv->at++;; csv->at++) {
        if (*csv->at == '\0') {
            return ps_error_set(error, PENSTOCK_INVALID_DATA, "line %lld: the quoted field has no end",
                                (long long)start_line);
        }
        if (*csv->at == '"') {
            if (csv->at[1] != '"') {
                break;
            }
            csv->at++;
        }
        csv->line += *csv->at == '\n';
        field[size++] = *csv->at;
    }
    csv->at++;
    if (csv->at[strspn(csv->at, "\r")] != '\n' && *csv->at != ',' && *csv->at != '\0') {
        return ps_error_set(error, PENSTOCK_INVALID_DATA, "line %lld: '%c' after the end of a quoted field",
                            (long long)csv->line, *csv->at);
    }
    *field_out = field;
    return PENSTOCK_OK;
}

static penstock_code read_field(struct csv *csv, const char **field_out, struct penstock_error *error) {
    if (*csv->at == '"') {
        return read_quoted(csv, field_out, error);
    }
    const size_t size = strcspn(csv->at, ",\r\n");
    *field_out = size == 0 ? NULL : ps_arena_copy_size(csv->arena, csv->at, size);
    if (size > 0 && *field_out == NULL) {
        return ps_error_memory(error, "CSV");
    }
    csv->at += size;
    return PENSTOCK_OK;
}

/* Fields of one line into `fields` (at most PS_LIMIT_COLUMN_COUNT). */
static penstock_code read_line(struct csv *csv, const char **fields, size_t *count_out,
                               struct penstock_error *error) {
    size_t count = 0;
    const int64_t line = csv->line;
    for (;;) {
        if (count == PS_LIMIT_COLUMN_COUNT) {
            return ps_error_set(error, PENSTOCK_INVALID_DATA, "line %lld: more than %d columns",
                                (long long)line, PS_LIMIT_COLUMN_COUNT);
        }
        PS_TRY(read_field(csv, &fields[count++], error));
        if (*csv->at != ',') {
            break;
        }
        csv->at++;
    }
    csv->at += *csv->at == '\r';
    if (*csv->at == '\n') {
        csv->at++;
        csv->line++;
    }
    *count_out = count;
    return PENSTOCK_OK;
}

static penstock_code parse_csv(const char *text, struct ps_arena *arena,
                               struct ps_text_table_builder *builder, struct penstock_error *error) {
    struct csv csv = {.at = text, .line = 1, .arena = arena};
    const char *fields[PS_LIMIT_COLUMN_COUNT];
    const char *types[PS_LIMIT_COLUMN_COUNT];
    size_t column_count = 0;
    PS_TRY(read_line(&csv, fields, &column_count, error));
    for (size_t i = 0; i < column_count; i++) {
        if (fields[i] == NULL) {
            return ps_error_set(error, PENSTOCK_INVALID_DATA, "line 1: column %zu of the header has no name",
                                i + 1);
        }
        types[i] = "VARCHAR";
    }
    PS_TRY(ps_text_table_begin(builder, fields, types, column_count, error));
    while (*csv.at != '\0') {
        size_t count = 0;
        const int64_t line = csv.line;
        ps_arena_reset(arena);
        PS_TRY(read_line(&csv, fields, &count, error));
        if (count == 1 && fields[0] == NULL && column_count > 1) {
            continue; /* an empty line */
        }
        if (count != column_count) {
            return ps_error_set(error, PENSTOCK_INVALID_DATA, "line %lld has %zu fields, the header has %zu",
                                (long long)line, count, column_count);
        }
        PS_TRY(ps_text_table_row(builder, fields, error));
    }
    return PENSTOCK_OK;
}

/* ---- NDJSON ---- */

struct ndjson {
    const char *names[PS_LIMIT_COLUMN_COUNT];
    const char *types[PS_LIMIT_COLUMN_COUNT];
    size_t count;
    struct ps_arena *arena; /* of the names */
};

/* Calls visit for every line's object. */
static penstock_code each_line(const char *text,
                               penstock_code (*visit)(yyjson_val *object, int64_t line, void *context,
                                                      struct penstock_error *error),
                               void *context, struct penstock_error *error) {
    int64_t line = 1;
    for (const char *at = text; *at != '\0'; line++) {
        const size_t size = strcspn(at, "\n");
        if (at[strspn(at, " \t\r")] != '\n' && at[strspn(at, " \t\r")] != '\0') {
            yyjson_doc *document PS_SCOPED(ps_json_read_free_scoped) = NULL;
            if (ps_json_parse(at, size, &document, error) == PENSTOCK_OUT_OF_MEMORY) {
                return PENSTOCK_OUT_OF_MEMORY;
            }
            yyjson_val *root = yyjson_doc_get_root(document);
            if (!yyjson_is_obj(root)) {
                return ps_error_set(error, PENSTOCK_INVALID_DATA, "line %lld is %s", (long long)line,
                                    root == NULL ? "not JSON" : "JSON, but not an object");
            }
            PS_TRY(visit(root, line, context, error));
        }
        at += size + (at[size] == '\n');
    }
    return PENSTOCK_OK;
}

static const char *type_of(yyjson_val *value) {
    if (yyjson_is_num(value)) {
        return "DOUBLE";
    }
    return yyjson_is_bool(value) ? "BOOLEAN" : "VARCHAR";
}

static penstock_code collect_names(yyjson_val *object, int64_t line, void *context,
                                   struct penstock_error *error) {
    struct ndjson *rows = context;
    yyjson_obj_iter members = yyjson_obj_iter_with(object);
    for (yyjson_val *key = yyjson_obj_iter_next(&members); key != NULL;
         key = yyjson_obj_iter_next(&members)) {
        const char *name = yyjson_get_str(key);
        yyjson_val *value = yyjson_obj_iter_get_val(key);
        size_t index = 0;
        while (index < rows->count && strcmp(rows->names[index], name) != 0) {
            index++;
        }
        if (index == PS_LIMIT_COLUMN_COUNT) {
            return ps_error_set(error, PENSTOCK_INVALID_DATA, "line %lld: more than %d columns",
                                (long long)line, PS_LIMIT_COLUMN_COUNT);
        }
        if (index == rows->count) {
            rows->names[index] = ps_arena_copy(rows->arena, name);
            rows->count++;
            if (rows->names[index] == NULL) {
                return ps_error_memory(error, "NDJSON");
            }
        }
        if (!yyjson_is_null(value)) {
            const char *type = type_of(value);
            rows->types[index] =
                rows->types[index] == NULL || strcmp(rows->types[index], type) == 0 ? type : "VARCHAR";
        }
    }
    return PENSTOCK_OK;
}

struct filling {
    const struct ndjson *rows;
    struct ps_text_table_builder *builder;
    struct ps_arena *arena; /* of one line's texts */
};

/* The value as text; arrays and objects as JSON. */
static penstock_code text_of(yyjson_val *value, struct ps_arena *arena, const char **text_out,
                             struct penstock_error *error) {
    if (value == NULL || yyjson_is_null(value)) {
        *text_out = NULL;
        return PENSTOCK_OK;
    }
    if (yyjson_is_str(value)) {
        *text_out = yyjson_get_str(value);
        return PENSTOCK_OK;
    }
    yyjson_mut_doc *document PS_SCOPED(ps_json_free_scoped) = ps_json_new();
    struct ps_buffer text PS_SCOPED(ps_buffer_done) = {0};
    if (document == NULL) {
        return ps_error_memory(error, "NDJSON");
    }
    ps_buffer_init(&text, PS_LIMIT_RECORD_SIZE);
    yyjson_mut_doc_set_root(document, yyjson_val_mut_copy(document, value));
    PS_TRY(ps_json_write(document, false, &text, error));
    *text_out = ps_arena_copy_size(arena, text.data, text.size);
    return *text_out == NULL ? ps_error_memory(error, "NDJSON") : PENSTOCK_OK;
}

static penstock_code fill_row(yyjson_val *object, int64_t line, void *context, struct penstock_error *error) {
    const struct filling *filling = context;
    const char *cells[PS_LIMIT_COLUMN_COUNT];
    (void)line;
    ps_arena_reset(filling->arena);
    for (size_t i = 0; i < filling->rows->count; i++) {
        PS_TRY(text_of(yyjson_obj_get(object, filling->rows->names[i]), filling->arena, &cells[i], error));
    }
    return ps_text_table_row(filling->builder, cells, error);
}

static penstock_code parse_ndjson(const char *text, struct ps_arena *arena,
                                  struct ps_text_table_builder *builder, struct penstock_error *error) {
    struct ps_arena *name_arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ndjson *rows PS_SCOPED(ps_release_scoped) = ps_allocate(1, sizeof *rows);
    if (name_arena == NULL || rows == NULL) {
        return ps_error_memory(error, "NDJSON");
    }
    rows->arena = name_arena;
    PS_TRY(each_line(text, collect_names, rows, error));
    for (size_t i = 0; i < rows->count; i++) {
        rows->types[i] = rows->types[i] == NULL ? "VARCHAR" : rows->types[i];
    }
    PS_TRY(ps_text_table_begin(builder, rows->names, rows->types, rows->count, error));
    struct filling filling = {.rows = rows, .builder = builder, .arena = arena};
    return each_line(text, fill_row, &filling, error);
}

penstock_code ps_rows_parse(const char *text, struct ps_text_table **table_out,
                            struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_text_table_builder builder PS_SCOPED(ps_text_table_builder_done) = {0};
    if (arena == NULL) {
        return ps_error_memory(error, "rows to predict");
    }
    const char *start = strncmp(text, "\xef\xbb\xbf", 3) == 0 ? text + 3 : text; /* a byte order mark */
    const char first = start[strspn(start, " \t\r\n")];
    size_t bad = 0;
    if (first == '\0') {
        return ps_error_set(error, PENSTOCK_INVALID_DATA, "there are no rows to predict");
    }
    if (!ps_bytes_is_utf8(ps_bytes_of(start), &bad)) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA, "byte %zu is not UTF-8", bad);
    }
    if (first == '{' || first == '[') {
        PS_TRY(parse_ndjson(start, arena, &builder, error));
    } else {
        PS_TRY(parse_csv(start, arena, &builder, error));
    }
    return ps_text_table_end(&builder, table_out, error);
}
