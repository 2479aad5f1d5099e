/* SPDX-License-Identifier: Apache-2.0
 *
 * protobuf_json.c - Protobuf's values and messages as JSON.
 *
 * As the mapping of the Protobuf documentation says, but for what SQL is better served with: names as in the
 * .proto file, 64-bit numbers as numbers, and fields that have no presence with their zero, so that every key is
 * there. A stack of frames of fixed depth, so no input makes this recurse.
 */
#include "data/codec_protobuf.h"
#include "data/render.h"

/* --- values ----------------------------------------------------------------------------------------------------- */

static void render_duration(int64_t seconds, int64_t nanoseconds, struct ps_buffer *out) {
    const bool is_negative = seconds < 0 || nanoseconds < 0;
    ps_buffer_printf(out, "\"%s%lld", is_negative ? "-" : "", (long long)(seconds < 0 ? -seconds : seconds));
    if (nanoseconds != 0) {
        ps_buffer_printf(out, ".%09lld", (long long)(nanoseconds < 0 ? -nanoseconds : nanoseconds));
    }
    ps_buffer_text(out, "s\"");
}

static enum ps_protobuf_result render_time(const struct ps_protobuf_field *field, struct ps_bytes bytes,
                                           struct ps_buffer *out) {
    int64_t seconds, nanoseconds;
    if (!ps_protobuf_read_time(bytes, &seconds, &nanoseconds)) {
        return PS_PROTOBUF_BAD;
    }
    if (field->message->known == PS_PROTOBUF_DURATION) {
        render_duration(seconds, nanoseconds, out);
        return PS_PROTOBUF_OK;
    }
    ps_buffer_add(out, "\"", 1);
    ps_render_timestamp(out, seconds * 1000000 + nanoseconds / 1000, "Z");
    ps_buffer_add(out, "\"", 1);
    return PS_PROTOBUF_OK;
}

static void render_enum(const struct ps_protobuf_enum *values, int64_t number, struct ps_buffer *out) {
    for (size_t i = 0; values != NULL && i < values->count; i++) {
        if (values->numbers[i] == number) {
            ps_buffer_json(out, values->names[i].data, values->names[i].size);
            return;
        }
    }
    ps_render_integer(out, number); /* a name that this schema does not have */
}

static enum ps_protobuf_result render_scalar(const struct ps_protobuf_field *field,
                                             const struct ps_protobuf_entry *entry, struct ps_buffer *out) {
    switch (field->type) {
    case PS_PROTOBUF_DOUBLE:
    case PS_PROTOBUF_FLOAT:
        ps_render_double(out, ps_protobuf_double(field->type, entry->value), field->type == PS_PROTOBUF_FLOAT,
                         true);
        return PS_PROTOBUF_OK;
    case PS_PROTOBUF_UINT64:
    case PS_PROTOBUF_FIXED64:
        ps_buffer_printf(out, "%llu", (unsigned long long)entry->value);
        return PS_PROTOBUF_OK;
    case PS_PROTOBUF_BOOL: ps_buffer_text(out, entry->value != 0 ? "true" : "false"); return PS_PROTOBUF_OK;
    case PS_PROTOBUF_STRING:
        if (!ps_bytes_is_utf8(entry->bytes, NULL)) {
            return PS_PROTOBUF_TEXT;
        }
        ps_buffer_json(out, entry->bytes.data, entry->bytes.size);
        return PS_PROTOBUF_OK;
    case PS_PROTOBUF_BYTES:
        ps_buffer_add(out, "\"", 1);
        ps_render_base64(out, entry->bytes);
        ps_buffer_add(out, "\"", 1);
        return PS_PROTOBUF_OK;
    case PS_PROTOBUF_ENUM:
        render_enum(field->values, ps_protobuf_integer(field->type, entry->value), out);
        return PS_PROTOBUF_OK;
    case PS_PROTOBUF_INT64:
    case PS_PROTOBUF_INT32:
    case PS_PROTOBUF_FIXED32:
    case PS_PROTOBUF_UINT32:
    case PS_PROTOBUF_SFIXED32:
    case PS_PROTOBUF_SFIXED64:
    case PS_PROTOBUF_SINT32:
    case PS_PROTOBUF_SINT64:
        ps_render_integer(out, ps_protobuf_integer(field->type, entry->value));
        return PS_PROTOBUF_OK;
    case PS_PROTOBUF_GROUP:
    case PS_PROTOBUF_MESSAGE: break;
    }
    return PS_PROTOBUF_BAD;
}

enum ps_protobuf_result ps_protobuf_render_value(const struct ps_protobuf_field *field,
                                                 const struct ps_protobuf_entry *entry, struct ps_buffer *out,
                                                 bool *is_done_out) {
    *is_done_out = true;
    if (field->type != PS_PROTOBUF_MESSAGE) {
        return render_scalar(field, entry, out);
    }
    if (field->message->known == PS_PROTOBUF_ORDINARY) {
        *is_done_out = false;
        return PS_PROTOBUF_OK;
    }
    if (field->message->known != PS_PROTOBUF_WRAPPER) {
        return render_time(field, entry->bytes, out);
    }
    struct ps_protobuf_entry inside;
    const enum ps_protobuf_result result = ps_protobuf_unwrap(field, entry->bytes, &inside);
    return result != PS_PROTOBUF_OK ? result : render_scalar(inside.field, &inside, out);
}

/* --- messages --------------------------------------------------------------------------------------------------- */

static enum ps_protobuf_result push_message(struct ps_protobuf_scan *scan,
                                            const struct ps_protobuf_message *message, struct ps_bytes bytes,
                                            struct ps_buffer *out) {
    const size_t first = scan->count;
    if (scan->depth == PS_LIMIT_JSON_DEPTH) {
        return PS_PROTOBUF_DEEP;
    }
    const enum ps_protobuf_result result = ps_protobuf_scan_message(scan, message, bytes, false);
    if (result != PS_PROTOBUF_OK) {
        return result;
    }
    scan->frames[scan->depth++] = (struct ps_protobuf_frame){
        .message = message, .first = first, .end = scan->count, .next = first, .is_first = true};
    ps_buffer_add(out, "{", 1);
    return PS_PROTOBUF_OK;
}

/* One value: written, or a message that is entered. */
static enum ps_protobuf_result render_entry(struct ps_protobuf_scan *scan,
                                            const struct ps_protobuf_field *field,
                                            const struct ps_protobuf_entry *entry, struct ps_buffer *out) {
    bool is_done;
    const enum ps_protobuf_result result = ps_protobuf_render_value(field, entry, out, &is_done);
    if (result != PS_PROTOBUF_OK || is_done) {
        return result;
    }
    return push_message(scan, field->message, entry->bytes, out);
}

/* A field that is not repeated: the last of its entries, or all pieces of a message, or the zero of its type. */
static enum ps_protobuf_result render_single(struct ps_protobuf_scan *scan,
                                             const struct ps_protobuf_field *field, size_t first, size_t end,
                                             struct ps_buffer *out) {
    struct ps_protobuf_entry entry = {.field = field, .bytes = {"", 0}};
    if (end > first) {
        entry = scan->entries[end - 1];
    }
    if (field->type == PS_PROTOBUF_MESSAGE) {
        const enum ps_protobuf_result result = ps_protobuf_join(scan, first, end, &entry.bytes);
        if (result != PS_PROTOBUF_OK) {
            return result;
        }
    }
    return render_entry(scan, field, &entry, out);
}

/* "key": value. Both may be missing, and are the zero of their types then. */
static enum ps_protobuf_result render_map_entry(struct ps_protobuf_scan *scan,
                                                const struct ps_protobuf_message *map, struct ps_bytes bytes,
                                                struct ps_buffer *out) {
    struct ps_protobuf_reader reader = ps_protobuf_reader_of(bytes);
    struct ps_protobuf_entry pair[2] = {{.bytes = {"", 0}}, {.bytes = {"", 0}}};
    struct ps_protobuf_item item;
    if (map->field_count != 2) {
        return PS_PROTOBUF_BAD;
    }
    while (true) {
        const enum ps_protobuf_result result = ps_protobuf_read_item(&reader, &item);
        if (result != PS_PROTOBUF_OK) {
            return result;
        }
        if (item.number == 0) {
            break;
        }
        if (item.number <= 2 && item.wire == ps_protobuf_wire_of(map->fields[item.number - 1].type)) {
            pair[item.number - 1].value = item.value;
            pair[item.number - 1].bytes = item.bytes;
        }
    }
    const bool is_quoted = map->fields[0].type == PS_PROTOBUF_STRING;
    ps_buffer_text(out, is_quoted ? "" : "\"");
    const enum ps_protobuf_result result = render_scalar(&map->fields[0], &pair[0], out);
    ps_buffer_text(out, is_quoted ? ":" : "\":");
    return result != PS_PROTOBUF_OK ? result : render_entry(scan, &map->fields[1], &pair[1], out);
}

/* --- steps ------------------------------------------------------------------------------------------------------ */

static bool is_map(const struct ps_protobuf_field *field) {
    return field->type == PS_PROTOBUF_MESSAGE && field->message->is_map_entry;
}

static enum ps_protobuf_result read_packed(struct ps_protobuf_reader *reader, enum ps_protobuf_type type,
                                           uint64_t *value_out) {
    const enum ps_protobuf_wire wire = ps_protobuf_wire_of(type);
    if (wire == PS_PROTOBUF_VARINT) {
        return ps_protobuf_read_varint(reader, value_out);
    }
    const size_t size = wire == PS_PROTOBUF_I64 ? 8 : 4;
    if ((size_t)(reader->end - reader->at) < size) {
        return PS_PROTOBUF_CUT;
    }
    *value_out = 0;
    memcpy(value_out, reader->at, size);
    reader->at += size;
    return PS_PROTOBUF_OK;
}

/* The next value of the repeated field at hand, or its end. */
static enum ps_protobuf_result step_list(struct ps_protobuf_scan *scan, struct ps_protobuf_frame *frame,
                                         struct ps_buffer *out) {
    const struct ps_protobuf_field *field = &frame->message->fields[frame->field];
    const bool is_packed = frame->packed.at < frame->packed.end;
    if (!is_packed && frame->next == frame->list_end) {
        ps_buffer_text(out, is_map(field) ? "}" : "]");
        frame->in_list = false;
        frame->field++;
        scan->depth -= frame->is_alone ? 1 : 0;
        return PS_PROTOBUF_OK;
    }
    struct ps_protobuf_entry entry = {.field = field, .bytes = {"", 0}};
    if (is_packed) {
        const enum ps_protobuf_result result = read_packed(&frame->packed, field->type, &entry.value);
        if (result != PS_PROTOBUF_OK) {
            return result;
        }
    } else {
        entry = scan->entries[frame->next++];
        if (entry.is_packed) {
            frame->packed = ps_protobuf_reader_of(entry.bytes);
            return PS_PROTOBUF_OK;
        }
    }
    ps_buffer_text(out, frame->is_list_first ? "" : ",");
    frame->is_list_first = false;
    return is_map(field) ? render_map_entry(scan, field->message, entry.bytes, out)
                         : render_entry(scan, field, &entry, out);
}

static void begin_list(struct ps_protobuf_frame *frame, const struct ps_protobuf_field *field,
                       size_t list_end, struct ps_buffer *out) {
    frame->in_list = frame->is_list_first = true;
    frame->list_end = list_end;
    frame->packed = ps_protobuf_reader_of((struct ps_bytes){"", 0});
    ps_buffer_text(out, is_map(field) ? "{" : "[");
}

/* The next field of the innermost message, or its end. */
static enum ps_protobuf_result step(struct ps_protobuf_scan *scan, struct ps_buffer *out) {
    struct ps_protobuf_frame *frame = &scan->frames[scan->depth - 1];
    if (frame->in_list) {
        return step_list(scan, frame, out);
    }
    if (frame->field == frame->message->field_count) {
        ps_buffer_add(out, "}", 1);
        scan->count = frame->first;
        scan->depth--;
        return PS_PROTOBUF_OK;
    }
    const struct ps_protobuf_field *field = &frame->message->fields[frame->field];
    const size_t first = frame->next;
    size_t end = first;
    while (end < frame->end && scan->entries[end].field == field) {
        end++;
    }
    if (field->type == PS_PROTOBUF_GROUP || (!field->is_repeated && first == end && field->has_presence)) {
        frame->field++;
        frame->next = end;
        return PS_PROTOBUF_OK;
    }
    ps_buffer_text(out, frame->is_first ? "" : ",");
    frame->is_first = false;
    ps_buffer_json(out, field->name.data, field->name.size);
    ps_buffer_add(out, ":", 1);
    if (field->is_repeated) {
        begin_list(frame, field, end, out);
        return PS_PROTOBUF_OK;
    }
    frame->field++;
    frame->next = end;
    return render_single(scan, field, first, end, out);
}

enum ps_protobuf_result ps_protobuf_render(struct ps_protobuf_scan *scan,
                                           const struct ps_protobuf_message *message,
                                           const struct ps_protobuf_field *field, size_t first, size_t end,
                                           struct ps_buffer *out) {
    enum ps_protobuf_result result = PS_PROTOBUF_OK;
    scan->depth = 0;
    if (field->is_repeated) {
        scan->frames[scan->depth++] = (struct ps_protobuf_frame){.message = message,
                                                                 .next = first,
                                                                 .end = end,
                                                                 .field = (size_t)(field - message->fields),
                                                                 .is_alone = true};
        begin_list(&scan->frames[0], field, end, out);
    } else {
        result = render_single(scan, field, first, end, out);
    }
    while (result == PS_PROTOBUF_OK && scan->depth > 0) {
        if (out->failed || scan->steps_left == 0) {
            return out->failed && out->size <= out->size_max / 2 ? PS_PROTOBUF_MEMORY : PS_PROTOBUF_LARGE;
        }
        scan->steps_left--;
        result = step(scan, out);
    }
    if (result == PS_PROTOBUF_OK && out->failed) {
        return out->size <= out->size_max / 2 ? PS_PROTOBUF_MEMORY : PS_PROTOBUF_LARGE;
    }
    return result;
}
