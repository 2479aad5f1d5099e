/* SPDX-License-Identifier: Apache-2.0
 *
 * protobuf_value.c - the wire format: items, and the entries of a message by field.
 *
 * No size in the bytes is believed before it is seen that the bytes are there; groups are passed over without
 * recursion; the entries of a record are bounded.
 */
#include "data/codec_protobuf.h"

/* Entries of one record: its fields with columns, and all fields of the messages being rendered. */
#define ENTRY_COUNT_MAX ((size_t)1 << 20)
/* Steps of rendering one record: fields that are absent take steps, too, but no bytes. */
#define STEP_COUNT_MAX ((size_t)1 << 26)
/* Duration reaches 10,000 years to both sides, which has room for Timestamp. */
#define SECONDS_MAX INT64_C(315576000000)

struct ps_protobuf_reader ps_protobuf_reader_of(struct ps_bytes bytes) {
    const unsigned char *data = (const unsigned char *)(bytes.data == NULL ? "" : bytes.data);
    return (struct ps_protobuf_reader){data, data + bytes.size};
}

enum ps_protobuf_result ps_protobuf_read_varint(struct ps_protobuf_reader *reader, uint64_t *value_out) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (reader->at == reader->end) {
            return PS_PROTOBUF_CUT;
        }
        const unsigned char byte = *reader->at++;
        value |= (uint64_t)(byte & 0x7F) << shift;
        if ((byte & 0x80) == 0) {
            *value_out = value;
            return PS_PROTOBUF_OK;
        }
    }
    return PS_PROTOBUF_BAD;
}

static enum ps_protobuf_result read_fixed(struct ps_protobuf_reader *reader, size_t size,
                                          uint64_t *value_out) {
    if ((size_t)(reader->end - reader->at) < size) {
        return PS_PROTOBUF_CUT;
    }
    *value_out = 0;
    memcpy(value_out, reader->at, size); /* both sides are little-endian */
    reader->at += size;
    return PS_PROTOBUF_OK;
}

/* A tag and what follows it; the start and end of a group are items of their own. */
static enum ps_protobuf_result read_raw_item(struct ps_protobuf_reader *reader,
                                             struct ps_protobuf_item *item) {
    uint64_t tag = 0, size = 0;
    enum ps_protobuf_result result = ps_protobuf_read_varint(reader, &tag);
    if (result != PS_PROTOBUF_OK) {
        return result;
    }
    if (tag >> 3 == 0 || tag >> 3 > 0x1FFFFFFF) {
        return PS_PROTOBUF_BAD;
    }
    item->number = (uint32_t)(tag >> 3);
    item->value = 0;
    item->bytes = (struct ps_bytes){"", 0};
    switch (tag & 7) {
    case 0: item->wire = PS_PROTOBUF_VARINT; return ps_protobuf_read_varint(reader, &item->value);
    case 1: item->wire = PS_PROTOBUF_I64; return read_fixed(reader, 8, &item->value);
    case 5: item->wire = PS_PROTOBUF_I32; return read_fixed(reader, 4, &item->value);
    case 3: item->wire = PS_PROTOBUF_START; return PS_PROTOBUF_OK;
    case 4: item->wire = PS_PROTOBUF_END; return PS_PROTOBUF_OK;
    case 2: break;
    default: return PS_PROTOBUF_BAD;
    }
    item->wire = PS_PROTOBUF_LENGTH;
    result = ps_protobuf_read_varint(reader, &size);
    if (result != PS_PROTOBUF_OK) {
        return result;
    }
    if (size > (uint64_t)(reader->end - reader->at)) {
        return PS_PROTOBUF_CUT;
    }
    item->bytes = (struct ps_bytes){(const char *)reader->at, (size_t)size};
    reader->at += size;
    return PS_PROTOBUF_OK;
}

/* Passes over a group whose start was read, with all groups in it. */
static enum ps_protobuf_result skip_group(struct ps_protobuf_reader *reader, uint32_t number) {
    uint32_t groups[PS_LIMIT_JSON_DEPTH] = {number};
    size_t depth = 1;
    while (depth > 0) {
        struct ps_protobuf_item item;
        const enum ps_protobuf_result result = read_raw_item(reader, &item);
        if (result != PS_PROTOBUF_OK) {
            return result;
        }
        if (item.wire == PS_PROTOBUF_START) {
            if (depth == PS_LIMIT_JSON_DEPTH) {
                return PS_PROTOBUF_DEEP;
            }
            groups[depth++] = item.number;
        } else if (item.wire == PS_PROTOBUF_END) {
            if (groups[depth - 1] != item.number) {
                return PS_PROTOBUF_BAD;
            }
            depth--;
        }
    }
    return PS_PROTOBUF_OK;
}

enum ps_protobuf_result ps_protobuf_read_item(struct ps_protobuf_reader *reader,
                                              struct ps_protobuf_item *item_out) {
    while (reader->at < reader->end) {
        enum ps_protobuf_result result = read_raw_item(reader, item_out);
        if (result != PS_PROTOBUF_OK) {
            return result;
        }
        if (item_out->wire == PS_PROTOBUF_END) {
            return PS_PROTOBUF_BAD;
        }
        if (item_out->wire != PS_PROTOBUF_START) {
            return PS_PROTOBUF_OK;
        }
        result = skip_group(reader, item_out->number);
        if (result != PS_PROTOBUF_OK) {
            return result;
        }
    }
    *item_out = (struct ps_protobuf_item){.number = 0};
    return PS_PROTOBUF_OK;
}

/* --- numbers ------------------------------------------------------------------------------------------------------ */

enum ps_protobuf_wire ps_protobuf_wire_of(enum ps_protobuf_type type) {
    switch (type) {
    case PS_PROTOBUF_DOUBLE:
    case PS_PROTOBUF_FIXED64:
    case PS_PROTOBUF_SFIXED64: return PS_PROTOBUF_I64;
    case PS_PROTOBUF_FLOAT:
    case PS_PROTOBUF_FIXED32:
    case PS_PROTOBUF_SFIXED32: return PS_PROTOBUF_I32;
    case PS_PROTOBUF_STRING:
    case PS_PROTOBUF_BYTES:
    case PS_PROTOBUF_MESSAGE: return PS_PROTOBUF_LENGTH;
    case PS_PROTOBUF_GROUP: return PS_PROTOBUF_START;
    case PS_PROTOBUF_INT64:
    case PS_PROTOBUF_UINT64:
    case PS_PROTOBUF_INT32:
    case PS_PROTOBUF_BOOL:
    case PS_PROTOBUF_UINT32:
    case PS_PROTOBUF_ENUM:
    case PS_PROTOBUF_SINT32:
    case PS_PROTOBUF_SINT64: return PS_PROTOBUF_VARINT;
    }
    return PS_PROTOBUF_VARINT;
}

int64_t ps_protobuf_integer(enum ps_protobuf_type type, uint64_t value) {
    switch (type) {
    case PS_PROTOBUF_INT32:
    case PS_PROTOBUF_ENUM:
    case PS_PROTOBUF_SFIXED32: return (int32_t)value;
    case PS_PROTOBUF_UINT32:
    case PS_PROTOBUF_FIXED32: return (uint32_t)value;
    case PS_PROTOBUF_SINT32: {
        const uint32_t small = (uint32_t)value;
        return (int32_t)((small >> 1) ^ (0 - (small & 1)));
    }
    case PS_PROTOBUF_SINT64: return (int64_t)((value >> 1) ^ (0 - (value & 1)));
    case PS_PROTOBUF_BOOL: return value != 0;
    case PS_PROTOBUF_DOUBLE:
    case PS_PROTOBUF_FLOAT:
    case PS_PROTOBUF_INT64:
    case PS_PROTOBUF_UINT64:
    case PS_PROTOBUF_FIXED64:
    case PS_PROTOBUF_STRING:
    case PS_PROTOBUF_GROUP:
    case PS_PROTOBUF_MESSAGE:
    case PS_PROTOBUF_BYTES:
    case PS_PROTOBUF_SFIXED64: break;
    }
    return (int64_t)value;
}

double ps_protobuf_double(enum ps_protobuf_type type, uint64_t value) {
    if (type == PS_PROTOBUF_FLOAT) {
        const uint32_t bits = (uint32_t)value;
        float small;
        memcpy(&small, &bits, sizeof small);
        return (double)small;
    }
    double result;
    memcpy(&result, &value, sizeof result);
    return result;
}

bool ps_protobuf_read_time(struct ps_bytes bytes, int64_t *seconds_out, int64_t *nanoseconds_out) {
    struct ps_protobuf_reader reader = ps_protobuf_reader_of(bytes);
    struct ps_protobuf_item item;
    *seconds_out = *nanoseconds_out = 0;
    while (true) {
        if (ps_protobuf_read_item(&reader, &item) != PS_PROTOBUF_OK) {
            return false;
        }
        if (item.number == 0) {
            return *seconds_out >= -SECONDS_MAX && *seconds_out <= SECONDS_MAX &&
                   *nanoseconds_out > -1000000000 && *nanoseconds_out < 1000000000;
        }
        if (item.number == 1 && item.wire == PS_PROTOBUF_VARINT) {
            *seconds_out = (int64_t)item.value;
        } else if (item.number == 2 && item.wire == PS_PROTOBUF_VARINT) {
            *nanoseconds_out = (int32_t)item.value;
        }
    }
}

enum ps_protobuf_result ps_protobuf_unwrap(const struct ps_protobuf_field *wrapper, struct ps_bytes bytes,
                                           struct ps_protobuf_entry *entry_out) {
    const struct ps_protobuf_field *field = &wrapper->message->fields[0];
    struct ps_protobuf_reader reader = ps_protobuf_reader_of(bytes);
    struct ps_protobuf_item item;
    *entry_out = (struct ps_protobuf_entry){.field = field, .bytes = {"", 0}};
    while (true) {
        const enum ps_protobuf_result result = ps_protobuf_read_item(&reader, &item);
        if (result != PS_PROTOBUF_OK || item.number == 0) {
            return result;
        }
        if (item.number == field->number && item.wire == ps_protobuf_wire_of(field->type)) {
            entry_out->value = item.value;
            entry_out->bytes = item.bytes;
        }
    }
}

/* --- entries ------------------------------------------------------------------------------------------------------ */

void ps_protobuf_scan_begin(struct ps_protobuf_scan *scan, struct ps_arena *arena) {
    scan->count = 0;
    scan->depth = 0;
    scan->steps_left = STEP_COUNT_MAX;
    scan->arena = arena;
}

void ps_protobuf_scan_done(struct ps_protobuf_scan *scan) {
    ps_release(scan->entries);
    ps_release(scan->winners);
}

static const struct ps_protobuf_field *find_field(const struct ps_protobuf_message *message,
                                                  uint32_t number) {
    size_t low = 0, high = message->field_count;
    if (number > 0 && number <= high && message->fields[number - 1].number == number) {
        return &message->fields[number - 1]; /* numbered without gaps, as most are */
    }
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (message->fields[middle].number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < message->field_count && message->fields[low].number == number ? &message->fields[low] : NULL;
}

static enum ps_protobuf_result push_entry(struct ps_protobuf_scan *scan,
                                          const struct ps_protobuf_field *field,
                                          const struct ps_protobuf_item *item) {
    const enum ps_protobuf_wire wire = ps_protobuf_wire_of(field->type);
    const bool is_packed =
        field->is_repeated && wire != PS_PROTOBUF_LENGTH && item->wire == PS_PROTOBUF_LENGTH;
    if (item->wire != wire && !is_packed) {
        return PS_PROTOBUF_OK; /* of another type than declared: as good as unknown */
    }
    if (scan->count == ENTRY_COUNT_MAX) {
        return PS_PROTOBUF_LARGE;
    }
    void *entries = scan->entries;
    const penstock_code code =
        ps_grow(&entries, &scan->capacity, scan->count + 1, sizeof *scan->entries, NULL);
    scan->entries = entries;
    if (code != PENSTOCK_OK) {
        return PS_PROTOBUF_MEMORY;
    }
    scan->entries[scan->count] =
        (struct ps_protobuf_entry){field, item->value, item->bytes, scan->count, is_packed};
    scan->count++;
    return PS_PROTOBUF_OK;
}

/* Of each oneof only the field that was set last counts. */
static enum ps_protobuf_result keep_winners(struct ps_protobuf_scan *scan,
                                            const struct ps_protobuf_message *message, size_t first) {
    if (message->oneof_count == 0) {
        return PS_PROTOBUF_OK;
    }
    void *winners = scan->winners;
    const penstock_code code = ps_grow(&winners, &scan->winner_capacity, message->oneof_count,
                                       sizeof(const struct ps_protobuf_field *), NULL);
    scan->winners = winners;
    if (code != PENSTOCK_OK) {
        return PS_PROTOBUF_MEMORY;
    }
    memset(scan->winners, 0, message->oneof_count * sizeof(const struct ps_protobuf_field *));
    for (size_t i = first; i < scan->count; i++) {
        if (scan->entries[i].field->oneof >= 0) {
            scan->winners[scan->entries[i].field->oneof] = scan->entries[i].field;
        }
    }
    size_t kept = first;
    for (size_t i = first; i < scan->count; i++) {
        const struct ps_protobuf_field *field = scan->entries[i].field;
        if (field->oneof < 0 || scan->winners[field->oneof] == field) {
            scan->entries[kept++] = scan->entries[i];
        }
    }
    scan->count = kept;
    return PS_PROTOBUF_OK;
}

static int compare_entries(const void *left, const void *right) {
    const struct ps_protobuf_entry *a = left, *b = right;
    if (a->field != b->field) {
        return a->field > b->field ? 1 : -1; /* of one message, so of one array */
    }
    return (a->sequence > b->sequence) - (a->sequence < b->sequence);
}

enum ps_protobuf_result ps_protobuf_scan_message(struct ps_protobuf_scan *scan,
                                                 const struct ps_protobuf_message *message,
                                                 struct ps_bytes bytes, bool columns_only) {
    struct ps_protobuf_reader reader = ps_protobuf_reader_of(bytes);
    struct ps_protobuf_item item;
    const size_t first = scan->count;
    bool is_sorted = true;
    while (true) {
        enum ps_protobuf_result result = ps_protobuf_read_item(&reader, &item);
        if (result != PS_PROTOBUF_OK) {
            return result;
        }
        if (item.number == 0) {
            break;
        }
        const struct ps_protobuf_field *field = find_field(message, item.number);
        if (field == NULL || (columns_only && field->column < 0 && field->oneof < 0)) {
            continue;
        }
        is_sorted = is_sorted && (scan->count == first || scan->entries[scan->count - 1].field <= field);
        result = push_entry(scan, field, &item);
        if (result != PS_PROTOBUF_OK) {
            return result;
        }
    }
    const enum ps_protobuf_result result = keep_winners(scan, message, first);
    if (!is_sorted && scan->count > first) {
        qsort(scan->entries + first, scan->count - first, sizeof *scan->entries, compare_entries);
    }
    return result;
}

enum ps_protobuf_result ps_protobuf_join(const struct ps_protobuf_scan *scan, size_t first, size_t end,
                                         struct ps_bytes *bytes_out) {
    *bytes_out = end > first ? scan->entries[end - 1].bytes : (struct ps_bytes){"", 0};
    if (end - first < 2) {
        return PS_PROTOBUF_OK;
    }
    size_t size = 0;
    for (size_t i = first; i < end; i++) {
        size += scan->entries[i].bytes.size; /* all of them lie in one record */
    }
    char *joined = ps_arena_allocate(scan->arena, size + 1, 1);
    if (joined == NULL) {
        return PS_PROTOBUF_MEMORY;
    }
    *bytes_out = (struct ps_bytes){joined, size};
    for (size_t i = first; i < end; i++) {
        memcpy(joined, scan->entries[i].bytes.data, scan->entries[i].bytes.size);
        joined += scan->entries[i].bytes.size;
    }
    return PS_PROTOBUF_OK;
}
