/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_delta_schema.c - DuckDB's types as Delta's, and back: a table that is there against the SELECT.
 *
 * What Delta has no type for is written as text (TIME, INTERVAL, UUID, ENUM, BIT) or, where that would lose what it
 * is, refused. TIMESTAMP is written as Delta's `timestamp`, an instant: penstock's times are UTC. Its other type,
 * timestamp_ntz, needs reader version 3, which would lock many readers out of every table.
 * A type's text is read once from left to right with a stack of its own: no recursion over input.
 */
#include <ctype.h>
#include <stdio.h>

#include "connect/sink_delta.h"

#define DEPTH_MAX 32
#define TYPE_SIZE_MAX ((size_t)4 << 20)

static const struct {
    const char *name, *delta, *cast; /* cast NULL: as it is */
    enum ps_delta_stats stats;
} types[] = {
    {"BOOLEAN", "boolean", NULL, PS_DELTA_STATS_NONE},
    {"TINYINT", "byte", NULL, PS_DELTA_STATS_NUMBER},
    {"SMALLINT", "short", NULL, PS_DELTA_STATS_NUMBER},
    {"INTEGER", "integer", NULL, PS_DELTA_STATS_NUMBER},
    {"BIGINT", "long", NULL, PS_DELTA_STATS_NUMBER},
    {"UTINYINT", "short", "SMALLINT", PS_DELTA_STATS_NUMBER},
    {"USMALLINT", "integer", "INTEGER", PS_DELTA_STATS_NUMBER},
    {"UINTEGER", "long", "BIGINT", PS_DELTA_STATS_NUMBER},
    {"UBIGINT", "decimal(20,0)", "DECIMAL(20,0)", PS_DELTA_STATS_NONE},
    {"HUGEINT", "decimal(38,0)", "DECIMAL(38,0)", PS_DELTA_STATS_NONE},
    {"UHUGEINT", "decimal(38,0)", "DECIMAL(38,0)", PS_DELTA_STATS_NONE},
    {"FLOAT", "float", NULL, PS_DELTA_STATS_NUMBER},
    {"DOUBLE", "double", NULL, PS_DELTA_STATS_NUMBER},
    {"VARCHAR", "string", NULL, PS_DELTA_STATS_TEXT},
    {"JSON", "string", "VARCHAR", PS_DELTA_STATS_NONE},
    {"UUID", "string", "VARCHAR", PS_DELTA_STATS_NONE},
    {"ENUM", "string", "VARCHAR", PS_DELTA_STATS_NONE},
    {"TIME", "string", "VARCHAR", PS_DELTA_STATS_NONE},
    {"TIME WITH TIME ZONE", "string", "VARCHAR", PS_DELTA_STATS_NONE},
    {"INTERVAL", "string", "VARCHAR", PS_DELTA_STATS_NONE},
    {"BIT", "string", "VARCHAR", PS_DELTA_STATS_NONE},
    {"BLOB", "binary", NULL, PS_DELTA_STATS_NONE},
    {"DATE", "date", NULL, PS_DELTA_STATS_DATE},
    {"TIMESTAMP", "timestamp", "TIMESTAMPTZ", PS_DELTA_STATS_TIMESTAMP},
    {"TIMESTAMP_S", "timestamp", "TIMESTAMPTZ", PS_DELTA_STATS_TIMESTAMP},
    {"TIMESTAMP_MS", "timestamp", "TIMESTAMPTZ", PS_DELTA_STATS_TIMESTAMP},
    {"TIMESTAMP WITH TIME ZONE", "timestamp", NULL, PS_DELTA_STATS_TIMESTAMP},
};
#define TYPE_COUNT (sizeof types / sizeof types[0])

/* --- reading a type ------------------------------------------------------------------------------------------ */

struct frame {
    bool is_map;
    bool is_value; /* of a map: its key is read */
    size_t type_start, cast_start;
};

struct reader {
    const char *at;
    struct ps_buffer type, cast;
    struct frame frames[DEPTH_MAX];
    size_t depth;
    bool is_unknown, has_zone_cast;
};

static void insert(struct ps_buffer *buffer, size_t at, const char *text) {
    const size_t size = strlen(text), moved = buffer->size - at;
    ps_buffer_text(buffer, text); /* makes room */
    if (!buffer->failed) {
        memmove(buffer->data + at + size, buffer->data + at, moved);
        memcpy(buffer->data + at, text, size);
    }
}

static bool take(struct reader *reader, const char *text) {
    const size_t size = strlen(text);
    if (strncmp(reader->at, text, size) != 0) {
        return false;
    }
    reader->at += size;
    return true;
}

/* A field's name: a word, or "quoted". */
static void read_field(struct reader *reader) {
    struct ps_buffer name PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&name, TYPE_SIZE_MAX);
    if (*reader->at == '"') {
        for (reader->at++; *reader->at != '\0'; reader->at++) {
            if (*reader->at == '"' && *++reader->at != '"') {
                break;
            }
            ps_buffer_add(&name, reader->at, 1);
        }
    } else {
        const size_t size = strcspn(reader->at, " ");
        ps_buffer_add(&name, reader->at, size);
        reader->at += size;
    }
    const char *text = name.data != NULL ? name.data : "";
    reader->is_unknown = reader->is_unknown || !take(reader, " ") || name.failed;
    ps_buffer_text(&reader->type, "{\"name\":");
    ps_buffer_json(&reader->type, text, strlen(text));
    ps_buffer_text(&reader->type, ",\"type\":");
    ps_buffer_sql_name(&reader->cast, text);
    ps_buffer_text(&reader->cast, " ");
}

/* Behind the parenthesis that is open: ENUM('a', 'it''s'). */
static void skip_arguments(struct reader *reader) {
    bool is_quoted = false;
    for (; *reader->at != '\0' && (is_quoted || *reader->at != ')'); reader->at++) {
        is_quoted = *reader->at == '\'' ? !is_quoted : is_quoted;
    }
    reader->is_unknown = reader->is_unknown || !take(reader, ")");
}

static void read_decimal(struct reader *reader) {
    const size_t size = strcspn(reader->at, ")");
    ps_buffer_printf(&reader->type, "\"decimal(%.*s)\"", (int)size, reader->at);
    ps_buffer_printf(&reader->cast, "DECIMAL(%.*s)", (int)size, reader->at);
    reader->at += size;
    reader->is_unknown = reader->is_unknown || !take(reader, ")");
}

static void read_simple(struct reader *reader) {
    if (take(reader, "DECIMAL(")) {
        read_decimal(reader);
        return;
    }
    const size_t size = strcspn(reader->at, "(),[");
    size_t i = 0;
    while (i < TYPE_COUNT &&
           (strlen(types[i].name) != size || strncmp(types[i].name, reader->at, size) != 0)) {
        i++;
    }
    if (i == TYPE_COUNT) {
        reader->is_unknown = true;
        return;
    }
    ps_buffer_printf(&reader->type, "\"%s\"", types[i].delta);
    ps_buffer_text(&reader->cast, types[i].cast != NULL ? types[i].cast : types[i].name);
    reader->has_zone_cast =
        reader->has_zone_cast || (types[i].cast != NULL && types[i].stats == PS_DELTA_STATS_TIMESTAMP);
    reader->at += size;
    if (take(reader, "(")) {
        skip_arguments(reader);
    }
}

/* STRUCT( or MAP(: true, and the next thing to read is a type again. */
static bool open_frame(struct reader *reader) {
    const bool is_map = take(reader, "MAP(");
    if (!is_map && !take(reader, "STRUCT(")) {
        return false;
    }
    if (reader->depth == DEPTH_MAX) {
        reader->is_unknown = true;
        return true;
    }
    reader->frames[reader->depth++] =
        (struct frame){.is_map = is_map, .type_start = reader->type.size, .cast_start = reader->cast.size};
    ps_buffer_text(&reader->type,
                   is_map ? "{\"type\":\"map\",\"keyType\":" : "{\"type\":\"struct\",\"fields\":[");
    ps_buffer_text(&reader->cast, is_map ? "MAP(" : "STRUCT(");
    if (!is_map) {
        read_field(reader);
    }
    return true;
}

/* What follows a whole type: [] and [3] make a list of it, ", " and ")" go on with or end what it stands in. True: the
 * next thing to read is a type. */
static bool close_type(struct reader *reader, size_t type_start, size_t cast_start) {
    while (!reader->is_unknown) {
        if (take(reader, "[")) {
            reader->at += strspn(reader->at, "0123456789");
            reader->is_unknown = !take(reader, "]");
            insert(&reader->type, type_start, "{\"type\":\"array\",\"elementType\":");
            ps_buffer_text(&reader->type, ",\"containsNull\":true}");
            ps_buffer_text(&reader->cast, "[]");
            continue;
        }
        if (reader->depth == 0) {
            reader->is_unknown = *reader->at != '\0';
            return false;
        }
        struct frame *frame = &reader->frames[reader->depth - 1];
        if (!frame->is_map) {
            ps_buffer_text(&reader->type, ",\"nullable\":true,\"metadata\":{}}");
        }
        if (take(reader, ", ")) {
            ps_buffer_text(&reader->cast, ", ");
            ps_buffer_text(&reader->type, frame->is_map ? ",\"valueType\":" : ",");
            reader->is_unknown = frame->is_map && frame->is_value;
            frame->is_value = true;
            if (!frame->is_map) {
                read_field(reader);
            }
            return true;
        }
        reader->is_unknown = !take(reader, ")");
        ps_buffer_text(&reader->type, frame->is_map ? ",\"valueContainsNull\":true}" : "]}");
        ps_buffer_text(&reader->cast, ")");
        type_start = frame->type_start;
        cast_start = frame->cast_start;
        reader->depth--;
    }
    (void)cast_start;
    return false;
}

penstock_code ps_delta_type_of(const char *duckdb_type, struct ps_arena *arena, const char **type_out,
                               const char **cast_out, bool *has_zone_cast_out, struct penstock_error *error) {
    struct reader reader = {.at = duckdb_type};
    ps_buffer_init(&reader.type, TYPE_SIZE_MAX);
    ps_buffer_init(&reader.cast, TYPE_SIZE_MAX);
    bool is_more = true;
    while (is_more && !reader.is_unknown) {
        if (open_frame(&reader)) {
            continue;
        }
        const size_t type_start = reader.type.size, cast_start = reader.cast.size;
        read_simple(&reader);
        is_more = close_type(&reader, type_start, cast_start);
    }
    penstock_code code = PENSTOCK_OK;
    *type_out = *cast_out = NULL;
    *has_zone_cast_out = reader.has_zone_cast;
    if (!reader.is_unknown) {
        code = ps_buffer_status(&reader.type, error);
        code = code == PENSTOCK_OK ? ps_buffer_status(&reader.cast, error) : code;
        *type_out = code == PENSTOCK_OK ? ps_arena_copy(arena, reader.type.data) : NULL;
        *cast_out = code == PENSTOCK_OK ? ps_arena_copy(arena, reader.cast.data) : NULL;
        if (code == PENSTOCK_OK && (*type_out == NULL || *cast_out == NULL)) {
            code = ps_error_memory(error, "a type");
        }
    }
    ps_buffer_done(&reader.type);
    ps_buffer_done(&reader.cast);
    return code;
}

/* --- the SELECT's columns ------------------------------------------------------------------------------------ */

static void set_stats(struct ps_delta_column *column, const char *duckdb_type) {
    int width = 0;
    if (sscanf(duckdb_type, "DECIMAL(%d,", &width) == 1 && strchr(duckdb_type, '[') == NULL) {
        /* a number of JSON is a double to most readers: 15 digits are exact */
        column->stats = width <= 15 ? PS_DELTA_STATS_NUMBER : PS_DELTA_STATS_NONE;
        column->stats_type = duckdb_type;
        return;
    }
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        if (strcmp(types[i].name, duckdb_type) == 0) {
            column->stats = types[i].stats;
            column->stats_type = types[i].cast != NULL ? types[i].cast : types[i].name;
        }
    }
}

static penstock_code make_column(const struct ps_delta_sink *sink, size_t index,
                                 struct ps_delta_column *column, struct penstock_error *error) {
    const char *name = sink->setup->column_names[index], *type = sink->setup->column_types[index];
    const char *cast = NULL;
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, TYPE_SIZE_MAX);
    column->name = name;
    PS_TRY(ps_delta_type_of(type, sink->arena, &column->type, &cast, &column->has_zone_cast, error));
    if (column->type == NULL) {
        (void)ps_error_set(error, PENSTOCK_UNSUPPORTED, "%s %s: Delta has no type for column %s %s",
                           ps_delta_what(sink), sink->setup->name, name, type);
        return ps_error_hint(error, "cast it in the SELECT: %s",
                             strcmp(type, "TIMESTAMP_NS") == 0 ? "CAST(x AS TIMESTAMP) has microseconds"
                                                               : "CAST(x AS VARCHAR), for example");
    }
    const bool is_time = strcmp(type, "TIMESTAMP") == 0 || strcmp(type, "TIMESTAMP_S") == 0 ||
                         strcmp(type, "TIMESTAMP_MS") == 0;
    if (is_time) { /* whatever the session's time zone is */
        ps_buffer_text(&sql, "make_timestamptz(epoch_us(");
        ps_buffer_sql_name(&sql, name);
        ps_buffer_text(&sql, "::TIMESTAMP))");
        column->has_zone_cast = false;
    } else if (strcmp(cast, type) == 0) {
        ps_buffer_sql_name(&sql, name);
    } else {
        ps_buffer_text(&sql, "CAST(");
        ps_buffer_sql_name(&sql, name);
        ps_buffer_printf(&sql, " AS %s)", cast);
    }
    PS_TRY(ps_buffer_status(&sql, error));
    column->expression = ps_arena_copy(sink->arena, sql.data);
    set_stats(column, type);
    return column->expression != NULL ? PENSTOCK_OK : ps_error_memory(error, "a sink's columns");
}

/* Delta's readers find a column by its name, and do not all tell cases apart. */
const char *ps_delta_what(const struct ps_delta_sink *sink) {
    return sink->setup->what != NULL ? sink->setup->what : "sink";
}

static penstock_code check_names(const struct ps_delta_sink *sink, struct penstock_error *error) {
    for (size_t i = 0; i < sink->setup->column_count; i++) {
        const char *name = sink->setup->column_names[i];
        if (name[strcspn(name, " ,;{}()\n\t=")] != '\0') {
            (void)ps_error_set(error, PENSTOCK_UNSUPPORTED,
                               "%s %s: Delta allows none of ' ,;{}()=' in a name, as in column \"%s\"",
                               ps_delta_what(sink), sink->setup->name, name);
            return ps_error_hint(error, "give it another name in the SELECT: AS name");
        }
        for (size_t k = 0; k < i; k++) {
            if (ps_text_equal_nocase(name, sink->setup->column_names[k])) {
                return ps_error_set(error, PENSTOCK_INVALID_PROJECT,
                                    "%s %s: the SELECT gives column \"%s\" twice", ps_delta_what(sink),
                                    sink->setup->name, name);
            }
        }
    }
    return PENSTOCK_OK;
}

penstock_code ps_delta_schema_make(struct ps_delta_sink *sink, struct penstock_error *error) {
    const size_t count = sink->setup->column_count;
    struct ps_buffer schema PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&schema, TYPE_SIZE_MAX);
    PS_TRY(check_names(sink, error));
    sink->columns = ps_arena_allocate(sink->arena, count + 1, sizeof *sink->columns);
    if (sink->columns == NULL) {
        return ps_error_memory(error, "a sink's columns");
    }
    ps_buffer_text(&schema, "{\"type\":\"struct\",\"fields\":[");
    for (size_t i = 0; i < count; i++) {
        PS_TRY(make_column(sink, i, &sink->columns[i], error));
        ps_buffer_text(&schema, i > 0 ? ",{\"name\":" : "{\"name\":");
        ps_buffer_json(&schema, sink->columns[i].name, strlen(sink->columns[i].name));
        ps_buffer_printf(&schema, ",\"type\":");
        ps_buffer_text(&schema, sink->columns[i].type);
        ps_buffer_text(&schema, ",\"nullable\":true,\"metadata\":{}}");
    }
    ps_buffer_text(&schema, "]}");
    PS_TRY(ps_buffer_status(&schema, error));
    sink->schema = ps_arena_copy(sink->arena, schema.data);
    return sink->schema != NULL ? PENSTOCK_OK : ps_error_memory(error, "a sink's columns");
}

/* --- a table that is there ----------------------------------------------------------------------------------- */

static yyjson_val *find_field(yyjson_val *fields, const char *name) {
    yyjson_val *field = NULL;
    size_t index, count;
    yyjson_arr_foreach(fields, index, count, field) {
        if (yyjson_equals_str(yyjson_obj_get(field, "name"), name)) {
            return field;
        }
    }
    return NULL;
}

static void add_difference(struct ps_buffer *list, const char *name, const char *what) {
    ps_buffer_printf(list, "%s%s %s", list->size > 0 ? "; " : "", name, what);
}

static void compare_field(const struct ps_delta_column *column, yyjson_val *fields, struct ps_buffer *list) {
    yyjson_val *field = find_field(fields, column->name);
    if (field == NULL) {
        add_difference(list, column->name, "is not in the table");
        return;
    }
    yyjson_val *type = yyjson_obj_get(field, "type");
    yyjson_doc *ours = yyjson_read(column->type, strlen(column->type), 0);
    if (!yyjson_equals(type, yyjson_doc_get_root(ours))) {
        add_difference(list, column->name, "is ");
        ps_buffer_printf(list, "%s in the table and %s in the SELECT",
                         yyjson_is_str(type) ? yyjson_get_str(type) : "another nested type", column->type);
    } else if (yyjson_is_false(yyjson_obj_get(field, "nullable")) ||
               yyjson_obj_get(yyjson_obj_get(field, "metadata"), "delta.invariants") != NULL) {
        add_difference(list, column->name, "has a constraint in the table, which is not checked here");
    }
    yyjson_doc_free(ours);
}

static bool is_missing(const struct ps_delta_sink *sink, size_t index, yyjson_val *fields) {
    return sink->setup->column_is_added != NULL && sink->setup->column_is_added[index] &&
           find_field(fields, sink->columns[index].name) == NULL;
}

penstock_code ps_delta_schema_grow(const struct ps_delta_sink *sink, const char *table, struct ps_buffer *out,
                                   struct penstock_error *error) {
    yyjson_doc *document = yyjson_read(table, strlen(table), 0);
    yyjson_val *fields = yyjson_obj_get(yyjson_doc_get_root(document), "fields");
    const char *end = strrchr(table, ']');
    if (end == NULL || yyjson_arr_size(fields) == 0) {
        yyjson_doc_free(document);
        return ps_error_set(error, PENSTOCK_INVALID_DATA, "the log of %s names no columns", sink->folder);
    }
    ps_buffer_add(out, table, (size_t)(end - table));
    for (size_t i = 0; i < sink->setup->column_count; i++) {
        if (is_missing(sink, i, fields)) {
            ps_buffer_text(out, ",{\"name\":");
            ps_buffer_json(out, sink->columns[i].name, strlen(sink->columns[i].name));
            ps_buffer_printf(out, ",\"type\":%s,\"nullable\":true,\"metadata\":{}}", sink->columns[i].type);
        }
    }
    ps_buffer_text(out, end);
    yyjson_doc_free(document);
    return ps_buffer_status(out, error);
}

penstock_code ps_delta_schema_check(const struct ps_delta_sink *sink, const char *table, size_t size,
                                    bool *is_short_out, struct penstock_error *error) {
    struct ps_buffer list PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&list, 4096);
    yyjson_doc *document = yyjson_read(table, size, 0);
    yyjson_val *fields = yyjson_obj_get(yyjson_doc_get_root(document), "fields"), *field = NULL;
    *is_short_out = false;
    for (size_t i = 0; i < sink->setup->column_count; i++) {
        if (is_missing(sink, i, fields)) {
            *is_short_out = true;
        } else {
            compare_field(&sink->columns[i], fields, &list);
        }
    }
    size_t index, count;
    yyjson_arr_foreach(fields, index, count, field) {
        const char *name = yyjson_get_str(yyjson_obj_get(field, "name"));
        bool is_ours = false;
        for (size_t i = 0; i < sink->setup->column_count && name != NULL; i++) {
            is_ours = is_ours || strcmp(sink->columns[i].name, name) == 0;
        }
        if (!is_ours) {
            add_difference(&list, name != NULL ? name : "?", "is in the table, but not in the SELECT");
        }
    }
    yyjson_doc_free(document);
    if (list.size == 0) {
        return PENSTOCK_OK;
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_DATA, "the Delta table %s has other columns: %s", sink->folder,
                       list.data);
    return ps_error_hint(error, "let the SELECT give the table's columns, or choose another path");
}
