/* SPDX-License-Identifier: Apache-2.0
 *
 * avro_schema.c - from the JSON of an Avro schema (specification 1.12) to a graph of types.
 *
 * A work list instead of recursion: what stands inside a type is put on the list with the place its type belongs to.
 * Names are resolved when the list is empty, so it does not matter in which order types are defined. Of reader's and
 * writer's schema, which Avro resolves against each other, the reader's is here the columns of the source.
 */
#include <yyjson.h>

#include "data/codec_avro.h"
#include "data/names.h"

/* Types of one schema with all it refers to. */
#define TYPE_COUNT_MAX 65536
#define NAME_SIZE_MAX 512

/* A piece of schema that is still to be read. */
struct todo {
    yyjson_val *value;
    struct ps_avro_type **slot;
    const char *space; /* the namespace around it */
    struct todo *next;
};

struct named {
    const char *name; /* full */
    struct ps_avro_type *type;
    struct named *next;
};

struct reference {
    const char *name;
    struct ps_avro_type **slot;
    struct reference *next;
};

struct compiler {
    struct ps_arena *arena;
    struct penstock_error *error;
    struct todo *todos;
    struct named *names;
    struct reference *references;
    yyjson_val **root_aliases; /* per field of the outermost record: its "aliases", or NULL */
    size_t type_count;
};

static const char *const primitives[] = {
    [PS_AVRO_NULL] = "null",   [PS_AVRO_BOOLEAN] = "boolean", [PS_AVRO_INT] = "int",
    [PS_AVRO_LONG] = "long",   [PS_AVRO_FLOAT] = "float",     [PS_AVRO_DOUBLE] = "double",
    [PS_AVRO_BYTES] = "bytes", [PS_AVRO_STRING] = "string",
};

static penstock_code refuse(const struct compiler *compiler, const char *what, const char *name) {
    return ps_error_set(compiler->error, PENSTOCK_INVALID_DATA, "not an Avro schema: %s%s%s", what,
                        name == NULL ? "" : " ", name == NULL ? "" : name);
}

static penstock_code out_of_memory(const struct compiler *compiler) {
    return ps_error_memory(compiler->error, "an Avro schema");
}

static penstock_code add_todo(struct compiler *compiler, yyjson_val *value, struct ps_avro_type **slot,
                              const char *space) {
    struct todo *todo = ps_arena_allocate(compiler->arena, 1, sizeof *todo);
    if (todo == NULL) {
        return out_of_memory(compiler);
    }
    *todo = (struct todo){value, slot, space, compiler->todos};
    compiler->todos = todo;
    return PENSTOCK_OK;
}

static penstock_code new_type(struct compiler *compiler, enum ps_avro_kind kind, size_t count,
                              struct ps_avro_type **type_out) {
    struct ps_avro_type *type = ps_arena_allocate(compiler->arena, 1, sizeof *type);
    if (type == NULL) {
        return out_of_memory(compiler);
    }
    compiler->type_count++;
    if (compiler->type_count > TYPE_COUNT_MAX || count > TYPE_COUNT_MAX) {
        return refuse(compiler, "too many types", NULL);
    }
    type->kind = kind;
    type->count = count;
    type->types = ps_arena_allocate(compiler->arena, count + 1, sizeof *type->types);
    type->names = ps_arena_allocate(compiler->arena, count + 1, sizeof *type->names);
    if (type->types == NULL || type->names == NULL) {
        return out_of_memory(compiler);
    }
    *type_out = type;
    return PENSTOCK_OK;
}

/* "space.name" unless the name has a dot. */
static const char *full_name(const struct compiler *compiler, const char *space, const char *name) {
    if (strchr(name, '.') != NULL || space == NULL || space[0] == '\0') {
        return name;
    }
    return ps_arena_printf(compiler->arena, "%s.%s", space, name);
}

/* The namespace of what stands inside a type of this full name. */
static const char *space_of(const struct compiler *compiler, const char *name) {
    const char *dot = strrchr(name, '.');
    return dot == NULL ? "" : ps_arena_copy_size(compiler->arena, name, (size_t)(dot - name));
}

/* A primitive type, or a name that is looked up at the end. */
static penstock_code read_name(struct compiler *compiler, const char *name, const struct todo *todo) {
    for (size_t i = 0; i < sizeof primitives / sizeof primitives[0]; i++) {
        if (strcmp(primitives[i], name) == 0) {
            return new_type(compiler, (enum ps_avro_kind)i, 0, todo->slot);
        }
    }
    struct reference *reference = ps_arena_allocate(compiler->arena, 1, sizeof *reference);
    const char *full = full_name(compiler, todo->space, name);
    if (reference == NULL || full == NULL) {
        return out_of_memory(compiler);
    }
    *reference = (struct reference){full, todo->slot, compiler->references};
    compiler->references = reference;
    return PENSTOCK_OK;
}

static void read_logical(struct ps_avro_type *type, yyjson_val *object) {
    static const struct {
        const char *name;
        enum ps_avro_logical logical;
        bool is_local;
    } rows[] = {
        {"date", PS_AVRO_DATE, false},
        {"time-millis", PS_AVRO_TIME_MS, false},
        {"time-micros", PS_AVRO_TIME_US, false},
        {"timestamp-millis", PS_AVRO_TIMESTAMP_MS, false},
        {"timestamp-micros", PS_AVRO_TIMESTAMP_US, false},
        {"timestamp-nanos", PS_AVRO_TIMESTAMP_NS, false},
        {"local-timestamp-millis", PS_AVRO_TIMESTAMP_MS, true},
        {"local-timestamp-micros", PS_AVRO_TIMESTAMP_US, true},
        {"local-timestamp-nanos", PS_AVRO_TIMESTAMP_NS, true},
        /* as Debezium says it, in "connect.name" */
        {"io.debezium.time.Date", PS_AVRO_DATE, false},
        {"io.debezium.time.Time", PS_AVRO_TIME_MS, false},
        {"io.debezium.time.MicroTime", PS_AVRO_TIME_US, false},
        {"io.debezium.time.Timestamp", PS_AVRO_TIMESTAMP_MS, true},
        {"io.debezium.time.MicroTimestamp", PS_AVRO_TIMESTAMP_US, true},
        {"io.debezium.time.NanoTimestamp", PS_AVRO_TIMESTAMP_NS, true},
    };
    const char *name = yyjson_get_str(yyjson_obj_get(object, "logicalType"));
    name = name != NULL ? name : yyjson_get_str(yyjson_obj_get(object, "connect.name"));
    if (name == NULL) {
        return;
    }
    if (strcmp(name, "decimal") == 0 && (type->kind == PS_AVRO_BYTES || type->kind == PS_AVRO_FIXED)) {
        yyjson_val *scale = yyjson_obj_get(object, "scale");
        type->logical = PS_AVRO_DECIMAL;
        type->scale = yyjson_is_int(scale) ? yyjson_get_sint(scale) : 0;
        return;
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const bool is_int = rows[i].logical == PS_AVRO_DATE || rows[i].logical == PS_AVRO_TIME_MS;
        if (strcmp(name, rows[i].name) == 0 && type->kind == (is_int ? PS_AVRO_INT : PS_AVRO_LONG)) {
            type->logical = rows[i].logical;
            type->is_local = rows[i].is_local;
        }
    }
}

/* --- types with a name ------------------------------------------------------------------------------------------ */

/* Enters a type's full name into the list and gives the namespace inside it. */
static penstock_code define(struct compiler *compiler, yyjson_val *object, const struct todo *todo,
                            struct ps_avro_type *type, const char **space_out) {
    const char *name = yyjson_get_str(yyjson_obj_get(object, "name"));
    const char *space = yyjson_get_str(yyjson_obj_get(object, "namespace"));
    if (name == NULL || name[0] == '\0' || strlen(name) > NAME_SIZE_MAX) {
        return refuse(compiler, "a record, enum or fixed without a name", NULL);
    }
    struct named *named = ps_arena_allocate(compiler->arena, 1, sizeof *named);
    const char *full = full_name(compiler, space != NULL ? space : todo->space, name);
    if (named == NULL || full == NULL) {
        return out_of_memory(compiler);
    }
    *named = (struct named){full, type, compiler->names};
    compiler->names = named;
    *space_out = space_of(compiler, full);
    return *space_out != NULL ? PENSTOCK_OK : out_of_memory(compiler);
}

static penstock_code copy_name(struct compiler *compiler, yyjson_val *value, struct ps_bytes *name_out) {
    if (!yyjson_is_str(value)) {
        return refuse(compiler, "a name that is not a text", NULL);
    }
    name_out->size = yyjson_get_len(value);
    name_out->data = ps_arena_copy_size(compiler->arena, yyjson_get_str(value), name_out->size);
    return name_out->data != NULL ? PENSTOCK_OK : out_of_memory(compiler);
}

static penstock_code read_record(struct compiler *compiler, yyjson_val *object, const struct todo *todo) {
    yyjson_val *fields = yyjson_obj_get(object, "fields");
    struct ps_avro_type *type = NULL;
    const char *space = NULL;
    if (!yyjson_is_arr(fields)) {
        return refuse(compiler, "a record without fields", NULL);
    }
    PS_TRY(new_type(compiler, PS_AVRO_RECORD, yyjson_arr_size(fields), &type));
    *todo->slot = type;
    PS_TRY(define(compiler, object, todo, type, &space));
    yyjson_val **aliases = ps_arena_allocate(compiler->arena, type->count + 1, sizeof *aliases);
    if (aliases == NULL) {
        return out_of_memory(compiler);
    }
    yyjson_arr_iter iterator = yyjson_arr_iter_with(fields);
    for (size_t i = 0; i < type->count; i++) {
        yyjson_val *field = yyjson_arr_iter_next(&iterator);
        yyjson_val *inside = yyjson_obj_get(field, "type");
        if (inside == NULL) {
            return refuse(compiler, "a field without a type", NULL);
        }
        PS_TRY(copy_name(compiler, yyjson_obj_get(field, "name"), &type->names[i]));
        PS_TRY(add_todo(compiler, inside, &type->types[i], space));
        aliases[i] = yyjson_obj_get(field, "aliases");
    }
    /* the outermost one is read first of its text */
    compiler->root_aliases = compiler->root_aliases == NULL ? aliases : compiler->root_aliases;
    return PENSTOCK_OK;
}

static penstock_code read_enum(struct compiler *compiler, yyjson_val *object, const struct todo *todo) {
    yyjson_val *symbols = yyjson_obj_get(object, "symbols");
    const char *space;
    if (!yyjson_is_arr(symbols)) {
        return refuse(compiler, "an enum without symbols", NULL);
    }
    PS_TRY(new_type(compiler, PS_AVRO_ENUM, yyjson_arr_size(symbols), todo->slot));
    PS_TRY(define(compiler, object, todo, *todo->slot, &space));
    yyjson_arr_iter iterator = yyjson_arr_iter_with(symbols);
    for (size_t i = 0; i < (*todo->slot)->count; i++) {
        PS_TRY(copy_name(compiler, yyjson_arr_iter_next(&iterator), &(*todo->slot)->names[i]));
    }
    return PENSTOCK_OK;
}

static penstock_code read_fixed(struct compiler *compiler, yyjson_val *object, const struct todo *todo) {
    yyjson_val *size = yyjson_obj_get(object, "size");
    const char *space;
    if (!yyjson_is_uint(size) || yyjson_get_uint(size) > PS_LIMIT_RECORD_SIZE) {
        return refuse(compiler, "a fixed without a size", NULL);
    }
    PS_TRY(new_type(compiler, PS_AVRO_FIXED, 0, todo->slot));
    (*todo->slot)->size = (int64_t)yyjson_get_uint(size);
    read_logical(*todo->slot, object);
    return define(compiler, object, todo, *todo->slot, &space);
}

/* --- all types -------------------------------------------------------------------------------------------------- */

static penstock_code read_container(struct compiler *compiler, enum ps_avro_kind kind, yyjson_val *inside,
                                    const struct todo *todo) {
    if (inside == NULL) {
        return refuse(compiler, "an array or map that does not say of what", NULL);
    }
    PS_TRY(new_type(compiler, kind, 1, todo->slot));
    return add_todo(compiler, inside, &(*todo->slot)->types[0], todo->space);
}

static penstock_code read_object(struct compiler *compiler, const struct todo *todo) {
    yyjson_val *object = todo->value, *type = yyjson_obj_get(object, "type");
    const char *name = yyjson_get_str(type);
    if (yyjson_is_ctn(type)) {
        return add_todo(compiler, type, todo->slot, todo->space); /* {"type": {"type": ...}} */
    }
    if (name == NULL) {
        return refuse(compiler, "a schema without a type", NULL);
    }
    if (strcmp(name, "record") == 0 || strcmp(name, "error") == 0) {
        return read_record(compiler, object, todo);
    }
    if (strcmp(name, "enum") == 0) {
        return read_enum(compiler, object, todo);
    }
    if (strcmp(name, "fixed") == 0) {
        return read_fixed(compiler, object, todo);
    }
    if (strcmp(name, "array") == 0) {
        return read_container(compiler, PS_AVRO_ARRAY, yyjson_obj_get(object, "items"), todo);
    }
    if (strcmp(name, "map") == 0) {
        return read_container(compiler, PS_AVRO_MAP, yyjson_obj_get(object, "values"), todo);
    }
    PS_TRY(read_name(compiler, name, todo));
    if (*todo->slot != NULL) {
        read_logical(*todo->slot, object);
    }
    return PENSTOCK_OK;
}

static penstock_code read_todo(struct compiler *compiler, const struct todo *todo) {
    if (yyjson_is_str(todo->value)) {
        return read_name(compiler, yyjson_get_str(todo->value), todo);
    }
    if (yyjson_is_obj(todo->value)) {
        return read_object(compiler, todo);
    }
    if (!yyjson_is_arr(todo->value) || yyjson_arr_size(todo->value) == 0) {
        return refuse(compiler, "neither a name, an object nor a union", NULL);
    }
    struct ps_avro_type *type = NULL;
    PS_TRY(new_type(compiler, PS_AVRO_UNION, yyjson_arr_size(todo->value), &type));
    *todo->slot = type;
    yyjson_arr_iter iterator = yyjson_arr_iter_with(todo->value);
    for (size_t i = 0; i < type->count; i++) {
        yyjson_val *branch = yyjson_arr_iter_next(&iterator);
        if (yyjson_is_arr(branch)) {
            return refuse(compiler, "a union directly in a union", NULL);
        }
        PS_TRY(add_todo(compiler, branch, &type->types[i], todo->space));
    }
    return PENSTOCK_OK;
}

/* One text: its outermost type goes to *root_out. */
static penstock_code read_text(struct compiler *compiler, yyjson_val *value, struct ps_avro_type **root_out) {
    compiler->root_aliases = NULL;
    PS_TRY(add_todo(compiler, value, root_out, ""));
    while (compiler->todos != NULL) {
        const struct todo *todo = compiler->todos;
        compiler->todos = todo->next;
        PS_TRY(read_todo(compiler, todo));
    }
    return PENSTOCK_OK;
}

static penstock_code resolve(struct compiler *compiler) {
    for (struct reference *at = compiler->references; at != NULL; at = at->next) {
        struct ps_avro_type *found = NULL;
        const char *plain = strrchr(at->name, '.');
        for (const struct named *named = compiler->names; named != NULL && found == NULL;
             named = named->next) {
            found = strcmp(named->name, at->name) == 0 ? named->type : NULL;
        }
        /* a name without a dot may also be one of no namespace */
        for (const struct named *named = compiler->names; plain != NULL && named != NULL && found == NULL;
             named = named->next) {
            found = strcmp(named->name, plain + 1) == 0 ? named->type : NULL;
        }
        if (found == NULL) {
            return refuse(compiler, "there is no type", at->name);
        }
        *at->slot = found;
    }
    return PENSTOCK_OK;
}

/* --- columns ---------------------------------------------------------------------------------------------------- */

static int32_t column_of_field(const struct ps_names *names, struct ps_bytes name, yyjson_val *aliases,
                               bool *is_exact_out) {
    int32_t column = ps_names_find(names, name, is_exact_out);
    yyjson_arr_iter iterator = yyjson_arr_iter_with(aliases);
    for (size_t i = 0; i < yyjson_arr_size(aliases) && column < 0; i++) {
        yyjson_val *alias = yyjson_arr_iter_next(&iterator);
        if (yyjson_is_str(alias)) {
            column = ps_names_find(names, (struct ps_bytes){yyjson_get_str(alias), yyjson_get_len(alias)},
                                   is_exact_out);
            *is_exact_out = false; /* a field of the name itself comes first */
        }
    }
    return column;
}

static penstock_code map_columns(struct compiler *compiler, struct ps_avro_type *root,
                                 const struct ps_schema *columns) {
    struct ps_names names PS_SCOPED(ps_names_done) = {0};
    root->columns = ps_arena_allocate(compiler->arena, root->count + 1, sizeof *root->columns);
    int32_t *field_of = ps_arena_allocate(compiler->arena, columns->column_count + 1, sizeof *field_of);
    if (root->columns == NULL || field_of == NULL) {
        return out_of_memory(compiler);
    }
    PS_TRY(ps_names_init(&names, columns, compiler->error));
    for (size_t i = 0; i < root->count; i++) {
        bool is_exact = false;
        const int32_t column = column_of_field(&names, root->names[i], compiler->root_aliases[i], &is_exact);
        root->columns[i] = -1;
        if (column < 0 || (field_of[column] != 0 && !is_exact)) {
            continue;
        }
        if (field_of[column] != 0) {
            root->columns[field_of[column] - 1] = -1;
        }
        root->columns[i] = column;
        field_of[column] = (int32_t)i + 1;
    }
    return PENSTOCK_OK;
}

static penstock_code compile(struct compiler *compiler, const struct ps_schema *columns,
                             yyjson_doc **documents, size_t count, struct ps_avro_schema *schema) {
    for (size_t i = 0; i < count; i++) {
        PS_TRY(read_text(compiler, yyjson_doc_get_root(documents[i]), &schema->root));
    }
    PS_TRY(resolve(compiler));
    struct ps_avro_type *root = schema->root;
    if (root != NULL && root->kind == PS_AVRO_RECORD && compiler->root_aliases != NULL) {
        return map_columns(compiler, root, columns);
    }
    if (columns->column_count != 1) {
        return ps_error_set(compiler->error, PENSTOCK_INVALID_DATA,
                            "it is not a record, so it can fill one column only, %zu are declared",
                            columns->column_count);
    }
    return PENSTOCK_OK;
}

penstock_code ps_avro_compile(const void *config, const struct ps_schema *columns,
                              const struct ps_schema_texts *texts, struct ps_arena *arena,
                              const void **compiled_out, struct penstock_error *error) {
    (void)config;
    struct compiler compiler = {.arena = arena, .error = error};
    struct ps_avro_schema *schema = ps_arena_allocate(arena, 1, sizeof *schema);
    yyjson_doc **documents = ps_arena_allocate(arena, texts->count + 1, sizeof *documents);
    if (schema == NULL || documents == NULL) {
        return ps_error_memory(error, "an Avro schema");
    }
    penstock_code code = PENSTOCK_OK;
    size_t count = 0;
    for (; count < texts->count && code == PENSTOCK_OK; count++) {
        documents[count] = yyjson_read(texts->items[count].data, texts->items[count].size, 0);
        if (documents[count] == NULL) {
            code = refuse(&compiler, "it is not JSON", NULL);
        }
    }
    code = code != PENSTOCK_OK ? code : compile(&compiler, columns, documents, count, schema);
    for (size_t i = 0; i < count; i++) {
        yyjson_doc_free(documents[i]);
    }
    *compiled_out = schema;
    return code;
}
