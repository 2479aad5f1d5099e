/* SPDX-License-Identifier: Apache-2.0
 *
 * protobuf_schema.c - from descriptors (descriptor.proto) to a graph of messages.
 *
 * Read with our own wire reader: of descriptor.proto a dozen fields are needed, and a reader that is there anyway
 * is less than a generated one. A work list instead of recursion for messages in messages; names are resolved at
 * the end. The messages of google.protobuf that mean a value are known here, because registries leave them out.
 */
#include "data/codec_protobuf.h"
#include "data/names.h"

/* Messages and fields of one schema with all it imports. */
#define MESSAGE_COUNT_MAX 65536
#define FIELD_COUNT_MAX 65536

struct todo {
    struct ps_bytes bytes;
    struct ps_protobuf_message *message;
    const char *space; /* the name around it */
    struct todo *next;
};

struct compiler {
    struct ps_arena *arena;
    struct penstock_error *error;
    struct todo *todos;
    struct ps_protobuf_message *messages;
    struct ps_protobuf_enum *enums;
    size_t message_count;
    bool has_presence; /* of the file at hand: proto2 and editions */
};

static penstock_code refuse(const struct compiler *compiler, const char *what, const char *name) {
    return ps_error_set(compiler->error, PENSTOCK_INVALID_DATA, "not a Protobuf descriptor: %s%s%s", what,
                        name == NULL ? "" : " ", name == NULL ? "" : name);
}

static penstock_code out_of_memory(const struct compiler *compiler) {
    return ps_error_memory(compiler->error, "a Protobuf descriptor");
}

/* The next field of a descriptor's message; number 0 at its end. */
static penstock_code read_item(const struct compiler *compiler, struct ps_protobuf_reader *reader,
                               struct ps_protobuf_item *item) {
    return ps_protobuf_read_item(reader, item) == PS_PROTOBUF_OK
               ? PENSTOCK_OK
               : refuse(compiler, "its bytes are cut off", NULL);
}

static penstock_code count_items(const struct compiler *compiler, struct ps_bytes bytes, uint32_t number,
                                 size_t *count_out) {
    struct ps_protobuf_reader reader = ps_protobuf_reader_of(bytes);
    struct ps_protobuf_item item;
    *count_out = 0;
    while (true) {
        PS_TRY(read_item(compiler, &reader, &item));
        if (item.number == 0) {
            return PENSTOCK_OK;
        }
        *count_out += item.number == number && item.wire == PS_PROTOBUF_LENGTH ? 1 : 0;
    }
}

static const char *join_name(const struct compiler *compiler, const char *space, struct ps_bytes name) {
    const int size = (int)(name.size < 1000 ? name.size : 1000);
    return ps_arena_printf(compiler->arena, "%s%s%.*s", space, space[0] == '\0' ? "" : ".", size,
                           name.data == NULL ? "" : name.data);
}

static bool copy_bytes(const struct compiler *compiler, struct ps_bytes from, struct ps_bytes *to) {
    to->size = from.size;
    to->data = ps_arena_copy_size(compiler->arena, from.data == NULL ? "" : from.data, from.size);
    return to->data != NULL;
}

/* --- enums -------------------------------------------------------------------------------------------------------- */

static penstock_code read_enum_value(const struct compiler *compiler, struct ps_bytes bytes,
                                     struct ps_bytes *name_out, int64_t *number_out) {
    struct ps_protobuf_reader reader = ps_protobuf_reader_of(bytes);
    struct ps_protobuf_item item;
    struct ps_bytes name = {"", 0};
    while (true) {
        PS_TRY(read_item(compiler, &reader, &item));
        if (item.number == 0) {
            return copy_bytes(compiler, name, name_out) ? PENSTOCK_OK : out_of_memory(compiler);
        }
        if (item.number == 1 && item.wire == PS_PROTOBUF_LENGTH) {
            name = item.bytes;
        } else if (item.number == 2 && item.wire == PS_PROTOBUF_VARINT) {
            *number_out = (int32_t)item.value;
        }
    }
}

static penstock_code read_enum(struct compiler *compiler, struct ps_bytes bytes, const char *space) {
    struct ps_protobuf_reader reader = ps_protobuf_reader_of(bytes);
    struct ps_protobuf_item item;
    struct ps_protobuf_enum *values = ps_arena_allocate(compiler->arena, 1, sizeof *values);
    size_t count = 0;
    PS_TRY(count_items(compiler, bytes, 2, &count));
    if (values != NULL) {
        values->names = ps_arena_allocate(compiler->arena, count + 1, sizeof *values->names);
        values->numbers = ps_arena_allocate(compiler->arena, count + 1, sizeof *values->numbers);
    }
    if (values == NULL || values->names == NULL || values->numbers == NULL) {
        return out_of_memory(compiler);
    }
    while (true) {
        PS_TRY(read_item(compiler, &reader, &item));
        if (item.number == 0) {
            break;
        }
        if (item.number == 1 && item.wire == PS_PROTOBUF_LENGTH) {
            values->name = join_name(compiler, space, item.bytes);
        } else if (item.number == 2 && item.wire == PS_PROTOBUF_LENGTH) {
            PS_TRY(read_enum_value(compiler, item.bytes, &values->names[values->count],
                                   &values->numbers[values->count]));
            values->count++;
        }
    }
    if (values->name == NULL || values->count == 0) {
        return refuse(compiler, "an enum without a name or values", NULL);
    }
    values->next = compiler->enums;
    compiler->enums = values;
    return PENSTOCK_OK;
}

/* --- fields ------------------------------------------------------------------------------------------------------- */

static penstock_code read_field(const struct compiler *compiler, struct ps_bytes bytes,
                                struct ps_protobuf_field *field) {
    struct ps_protobuf_reader reader = ps_protobuf_reader_of(bytes);
    struct ps_protobuf_item item;
    struct ps_bytes name = {"", 0}, json_name = {"", 0}, type_name = {"", 0};
    bool is_optional = false; /* proto3's optional, which is written as a oneof of its own */
    *field = (struct ps_protobuf_field){.oneof = -1, .column = -1};
    while (true) {
        PS_TRY(read_item(compiler, &reader, &item));
        if (item.number == 0) {
            break;
        }
        const bool is_text = item.wire == PS_PROTOBUF_LENGTH;
        switch (item.number) {
        case 1: name = is_text ? item.bytes : name; break;
        case 3: field->number = item.value <= 0x1FFFFFFF ? (uint32_t)item.value : 0; break;
        case 4: field->is_repeated = item.value == 3; break;
        case 5:
            field->type = item.value >= 1 && item.value <= 18 ? (enum ps_protobuf_type)item.value : 0;
            break;
        case 6: type_name = is_text ? item.bytes : type_name; break;
        case 9: field->oneof = item.value < FIELD_COUNT_MAX ? (int32_t)item.value : -1; break;
        case 10: json_name = is_text ? item.bytes : json_name; break;
        case 17: is_optional = item.value != 0; break;
        default: break;
        }
    }
    if (type_name.size > 0 && type_name.data[0] == '.') {
        type_name.data++;
        type_name.size--;
    }
    if (field->number == 0 || (int)field->type == 0 || name.size == 0) {
        return refuse(compiler, "a field without number, type or name", NULL);
    }
    field->has_presence = compiler->has_presence || is_optional || field->oneof >= 0 ||
                          field->type == PS_PROTOBUF_MESSAGE || field->type == PS_PROTOBUF_GROUP;
    field->oneof = is_optional ? -1 : field->oneof;
    field->type_name = join_name(compiler, "", type_name);
    const bool is_copied = copy_bytes(compiler, name, &field->name) &&
                           copy_bytes(compiler, json_name, &field->json_name) && field->type_name != NULL;
    return is_copied ? PENSTOCK_OK : out_of_memory(compiler);
}

static int compare_fields(const void *left, const void *right) {
    const struct ps_protobuf_field *a = left, *b = right;
    return (a->number > b->number) - (a->number < b->number);
}

/* --- messages ----------------------------------------------------------------------------------------------------- */

static penstock_code new_message(struct compiler *compiler, struct ps_bytes bytes, const char *space,
                                 struct ps_protobuf_message **message_out) {
    struct ps_protobuf_message *message = ps_arena_allocate(compiler->arena, 1, sizeof *message);
    struct todo *todo = ps_arena_allocate(compiler->arena, 1, sizeof *todo);
    if (message == NULL || todo == NULL) {
        return out_of_memory(compiler);
    }
    compiler->message_count++;
    if (compiler->message_count > MESSAGE_COUNT_MAX) {
        return refuse(compiler, "too many messages", NULL);
    }
    *todo = (struct todo){bytes, message, space, compiler->todos};
    compiler->todos = todo;
    message->next = compiler->messages;
    compiler->messages = message;
    *message_out = message;
    return PENSTOCK_OK;
}

/* MessageOptions.map_entry */
static penstock_code read_options(const struct compiler *compiler, struct ps_bytes bytes, bool *is_map_out) {
    struct ps_protobuf_reader reader = ps_protobuf_reader_of(bytes);
    struct ps_protobuf_item item;
    while (true) {
        PS_TRY(read_item(compiler, &reader, &item));
        if (item.number == 0) {
            return PENSTOCK_OK;
        }
        if (item.number == 7 && item.wire == PS_PROTOBUF_VARINT) {
            *is_map_out = item.value != 0;
        }
    }
}

static penstock_code reserve_message(const struct compiler *compiler, const struct todo *todo) {
    struct ps_protobuf_message *message = todo->message;
    size_t field_count = 0, child_count = 0;
    PS_TRY(count_items(compiler, todo->bytes, 2, &field_count));
    PS_TRY(count_items(compiler, todo->bytes, 3, &child_count));
    PS_TRY(count_items(compiler, todo->bytes, 8, &message->oneof_count));
    if (field_count > FIELD_COUNT_MAX) {
        return refuse(compiler, "a message with too many fields", NULL);
    }
    message->fields = ps_arena_allocate(compiler->arena, field_count + 1, sizeof *message->fields);
    message->children = ps_arena_allocate(compiler->arena, child_count + 1, sizeof *message->children);
    return message->fields != NULL && message->children != NULL ? PENSTOCK_OK : out_of_memory(compiler);
}

/* The name comes first: what stands inside is named after it. */
static penstock_code read_name(const struct compiler *compiler, const struct todo *todo) {
    struct ps_protobuf_reader reader = ps_protobuf_reader_of(todo->bytes);
    struct ps_protobuf_item item;
    while (true) {
        PS_TRY(read_item(compiler, &reader, &item));
        if (item.number == 0) {
            return refuse(compiler, "a message without a name", NULL);
        }
        if (item.number == 1 && item.wire == PS_PROTOBUF_LENGTH) {
            todo->message->name = join_name(compiler, todo->space, item.bytes);
            return todo->message->name != NULL ? PENSTOCK_OK : out_of_memory(compiler);
        }
    }
}

static penstock_code read_message(struct compiler *compiler, const struct todo *todo) {
    struct ps_protobuf_reader reader = ps_protobuf_reader_of(todo->bytes);
    struct ps_protobuf_message *message = todo->message;
    struct ps_protobuf_item item;
    PS_TRY(read_name(compiler, todo));
    PS_TRY(reserve_message(compiler, todo));
    while (true) {
        PS_TRY(read_item(compiler, &reader, &item));
        if (item.number == 0) {
            break;
        }
        if (item.wire != PS_PROTOBUF_LENGTH) {
            continue;
        }
        if (item.number == 2) {
            PS_TRY(read_field(compiler, item.bytes, &message->fields[message->field_count]));
            message->field_count++;
        } else if (item.number == 3) {
            PS_TRY(
                new_message(compiler, item.bytes, message->name, &message->children[message->child_count]));
            message->child_count++;
        } else if (item.number == 4) {
            PS_TRY(read_enum(compiler, item.bytes, message->name));
        } else if (item.number == 7) {
            PS_TRY(read_options(compiler, item.bytes, &message->is_map_entry));
        }
    }
    qsort(message->fields, message->field_count, sizeof *message->fields, compare_fields);
    for (size_t i = 0; i < message->field_count; i++) {
        const struct ps_protobuf_field *field = &message->fields[i];
        if ((i > 0 && field->number == field[-1].number) ||
            (field->oneof >= 0 && (size_t)field->oneof >= message->oneof_count)) {
            return refuse(compiler, "fields that contradict each other in", message->name);
        }
    }
    return PENSTOCK_OK;
}

/* A FileDescriptorProto: its own messages go to schema->tops. */
static penstock_code read_file(struct compiler *compiler, struct ps_bytes bytes,
                               struct ps_protobuf_schema *schema) {
    struct ps_protobuf_reader reader = ps_protobuf_reader_of(bytes);
    struct ps_protobuf_item item;
    const char *package = "";
    size_t count = 0;
    PS_TRY(count_items(compiler, bytes, 4, &count));
    schema->tops = ps_arena_allocate(compiler->arena, count + 1, sizeof(struct ps_protobuf_message *));
    schema->top_count = 0;
    compiler->has_presence = true;
    for (int pass = 0; pass < 2; pass++) { /* package and syntax may stand behind the messages */
        reader = ps_protobuf_reader_of(bytes);
        while (true) {
            PS_TRY(read_item(compiler, &reader, &item));
            if (item.number == 0) {
                break;
            }
            if (item.wire != PS_PROTOBUF_LENGTH) {
                continue;
            }
            if (pass == 0 && item.number == 2) {
                package = join_name(compiler, "", item.bytes);
            } else if (pass == 0 && item.number == 12) {
                compiler->has_presence = !ps_bytes_equal(item.bytes, PS_BYTES("proto3"));
            } else if (pass == 1 && item.number == 4 && schema->tops != NULL && package != NULL) {
                PS_TRY(new_message(compiler, item.bytes, package, &schema->tops[schema->top_count]));
                schema->top_count++;
            } else if (pass == 1 && item.number == 5 && package != NULL) {
                PS_TRY(read_enum(compiler, item.bytes, package));
            }
        }
    }
    if (schema->tops == NULL || package == NULL) {
        return out_of_memory(compiler);
    }
    while (compiler->todos != NULL) {
        const struct todo *todo = compiler->todos;
        compiler->todos = todo->next;
        PS_TRY(read_message(compiler, todo));
    }
    return PENSTOCK_OK;
}

/* --- names -------------------------------------------------------------------------------------------------------- */

static penstock_code new_known(struct compiler *compiler, const char *name,
                               struct ps_protobuf_message **message_out) {
    static const struct {
        const char *name;
        enum ps_protobuf_known known;
        enum ps_protobuf_type type; /* of a wrapper's value */
    } rows[] = {
        {"google.protobuf.Timestamp", PS_PROTOBUF_TIMESTAMP, PS_PROTOBUF_INT64},
        {"google.protobuf.Duration", PS_PROTOBUF_DURATION, PS_PROTOBUF_INT64},
        {"google.protobuf.DoubleValue", PS_PROTOBUF_WRAPPER, PS_PROTOBUF_DOUBLE},
        {"google.protobuf.FloatValue", PS_PROTOBUF_WRAPPER, PS_PROTOBUF_FLOAT},
        {"google.protobuf.Int64Value", PS_PROTOBUF_WRAPPER, PS_PROTOBUF_INT64},
        {"google.protobuf.UInt64Value", PS_PROTOBUF_WRAPPER, PS_PROTOBUF_UINT64},
        {"google.protobuf.Int32Value", PS_PROTOBUF_WRAPPER, PS_PROTOBUF_INT32},
        {"google.protobuf.UInt32Value", PS_PROTOBUF_WRAPPER, PS_PROTOBUF_UINT32},
        {"google.protobuf.BoolValue", PS_PROTOBUF_WRAPPER, PS_PROTOBUF_BOOL},
        {"google.protobuf.StringValue", PS_PROTOBUF_WRAPPER, PS_PROTOBUF_STRING},
        {"google.protobuf.BytesValue", PS_PROTOBUF_WRAPPER, PS_PROTOBUF_BYTES},
    };
    *message_out = NULL;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(rows[i].name, name) != 0) {
            continue;
        }
        struct ps_protobuf_message *message = ps_arena_allocate(compiler->arena, 1, sizeof *message);
        struct ps_protobuf_field *field = ps_arena_allocate(compiler->arena, 1, sizeof *field);
        if (message == NULL || field == NULL) {
            return out_of_memory(compiler);
        }
        *field = (struct ps_protobuf_field){
            .name = PS_BYTES("value"), .number = 1, .type = rows[i].type, .oneof = -1, .column = -1};
        *message = (struct ps_protobuf_message){
            .name = rows[i].name, .known = rows[i].known, .fields = field, .field_count = 1};
        *message_out = message;
    }
    return PENSTOCK_OK;
}

static struct ps_protobuf_message *find_message(const struct compiler *compiler, const char *name) {
    struct ps_protobuf_message *message = compiler->messages;
    while (message != NULL && strcmp(message->name, name) != 0) {
        message = message->next;
    }
    return message;
}

static penstock_code resolve_field(struct compiler *compiler, struct ps_protobuf_field *field) {
    if (field->type == PS_PROTOBUF_ENUM) {
        const struct ps_protobuf_enum *values = compiler->enums;
        while (values != NULL && strcmp(values->name, field->type_name) != 0) {
            values = values->next;
        }
        field->values = values;
        return values != NULL ? PENSTOCK_OK : refuse(compiler, "there is no enum", field->type_name);
    }
    if (field->type != PS_PROTOBUF_MESSAGE) {
        return PENSTOCK_OK;
    }
    PS_TRY(new_known(compiler, field->type_name, &field->message));
    if (field->message == NULL) {
        field->message = find_message(compiler, field->type_name);
    }
    return field->message != NULL ? PENSTOCK_OK : refuse(compiler, "there is no message", field->type_name);
}

/* The types of all fields, and the columns they would fill in the outermost message. */
static penstock_code resolve(struct compiler *compiler, const struct ps_schema *columns,
                             struct ps_protobuf_schema *schema) {
    struct ps_names names PS_SCOPED(ps_names_done) = {0};
    bool is_exact;
    PS_TRY(ps_names_init(&names, columns, compiler->error));
    for (struct ps_protobuf_message *message = compiler->messages; message != NULL; message = message->next) {
        schema->oneof_count_max =
            message->oneof_count > schema->oneof_count_max ? message->oneof_count : schema->oneof_count_max;
        int32_t *field_of = ps_arena_allocate(compiler->arena, columns->column_count + 1, sizeof *field_of);
        if (field_of == NULL) {
            return out_of_memory(compiler);
        }
        for (size_t i = 0; i < message->field_count; i++) {
            struct ps_protobuf_field *field = &message->fields[i];
            PS_TRY(resolve_field(compiler, field));
            int32_t column = ps_names_find(&names, field->name, &is_exact);
            if (column < 0) {
                column = ps_names_find(&names, field->json_name, &is_exact);
                is_exact = false;
            }
            if (column >= 0 && field_of[column] != 0 && is_exact) {
                message->fields[field_of[column] - 1].column = -1;
                field_of[column] = 0;
            }
            if (column >= 0 && field_of[column] == 0) {
                field->column = column;
                field_of[column] = (int32_t)i + 1;
            }
        }
    }
    return PENSTOCK_OK;
}

static penstock_code read_texts(struct compiler *compiler, const struct ps_schema_texts *texts, bool is_set,
                                struct ps_protobuf_schema *schema) {
    for (size_t i = 0; i < texts->count; i++) {
        struct ps_protobuf_reader reader = ps_protobuf_reader_of(texts->items[i]);
        struct ps_protobuf_item item = {.number = 1};
        if (!is_set) {
            PS_TRY(read_file(compiler, texts->items[i], schema));
            continue;
        }
        while (item.number != 0) { /* a FileDescriptorSet */
            PS_TRY(read_item(compiler, &reader, &item));
            if (item.number == 1 && item.wire == PS_PROTOBUF_LENGTH) {
                PS_TRY(read_file(compiler, item.bytes, schema));
            }
        }
    }
    return PENSTOCK_OK;
}

penstock_code ps_protobuf_compile(const void *config, const struct ps_schema *columns,
                                  const struct ps_schema_texts *texts, struct ps_arena *arena,
                                  const void **compiled_out, struct penstock_error *error) {
    const struct ps_schema_options *options = config;
    const bool is_fixed = options->registry == NULL || options->registry[0] == '\0';
    struct compiler compiler = {.arena = arena, .error = error};
    struct ps_protobuf_schema *schema = ps_arena_allocate(arena, 1, sizeof *schema);
    if (schema == NULL) {
        return out_of_memory(&compiler);
    }
    PS_TRY(read_texts(&compiler, texts, is_fixed, schema));
    PS_TRY(resolve(&compiler, columns, schema));
    schema->message = options->message == NULL || options->message[0] == '\0' ? NULL : options->message;
    if (is_fixed) {
        schema->fixed = schema->message == NULL ? NULL : find_message(&compiler, schema->message);
        if (schema->fixed == NULL) {
            return ps_error_set(error, PENSTOCK_INVALID_DATA, "it has no message '%s'",
                                schema->message == NULL ? "" : schema->message);
        }
    }
    *compiled_out = schema;
    return PENSTOCK_OK;
}
