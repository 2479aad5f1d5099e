/* SPDX-License-Identifier: Apache-2.0
 *
 * cell.c - a cell of HBase: read, written, shown.
 */
#include "hbase/cell.h"

#include <ctype.h>
#include <endian.h>

/* In front of a cell stand its length and those of key and value; in the key, besides row, family and qualifier, two
 * bytes for the row's length, one for the family's, eight for the timestamp and one for the type. */
#define LENGTHS_SIZE 12
#define KEY_FIXED_SIZE 12

/* Numbers are not aligned: copied, which costs nothing. */
static uint64_t read_u64(const char *bytes) {
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
    return be64toh(value);
}

uint32_t ps_hbase_read_u32(const char *bytes) {
    uint32_t value;
    memcpy(&value, bytes, sizeof value);
    return be32toh(value);
}

static size_t read_u16(const char *bytes) {
    uint16_t value;
    memcpy(&value, bytes, sizeof value);
    return be16toh(value);
}

void ps_hbase_add_u32(struct ps_buffer *out, uint32_t value) {
    const uint32_t swapped = htobe32(value);
    ps_buffer_add(out, (const char *)&swapped, sizeof swapped);
}

struct ps_hbase_cell_reader ps_hbase_cell_begin(struct ps_bytes block) {
    const char *const start = block.data == NULL ? "" : block.data;
    return (struct ps_hbase_cell_reader){.at = start, .end = start + block.size};
}

bool ps_hbase_cell_next(struct ps_hbase_cell_reader *reader, struct ps_hbase_cell *cell_out) {
    const size_t left = (size_t)(reader->end - reader->at);
    if (reader->is_damaged || left == 0) {
        return false;
    }
    reader->is_damaged = true; /* until all lengths are found to fit */
    if (left < PS_HBASE_CELL_SIZE_MIN) {
        return false;
    }
    const uint64_t size = ps_hbase_read_u32(reader->at), key_size = ps_hbase_read_u32(reader->at + 4),
                   value_size = ps_hbase_read_u32(reader->at + 8);
    if (size > left - 4 || key_size < KEY_FIXED_SIZE || key_size + value_size + 8 > size) {
        return false;
    }
    const char *const key = reader->at + LENGTHS_SIZE;
    const size_t row_size = read_u16(key);
    if (row_size + KEY_FIXED_SIZE > key_size) {
        return false;
    }
    const size_t family_size = (unsigned char)key[2 + row_size];
    if (row_size + family_size + KEY_FIXED_SIZE > key_size) {
        return false;
    }
    const char *const family = key + 3 + row_size, *const end = key + key_size;
    *cell_out = (struct ps_hbase_cell){
        .row = {key + 2, row_size},
        .family = {family, family_size},
        .qualifier = {family + family_size, (size_t)key_size - KEY_FIXED_SIZE - row_size - family_size},
        .value = {end, (size_t)value_size},
        .timestamp = (int64_t)read_u64(end - 9),
        .type = (uint8_t)(unsigned char)end[-1]};
    reader->at += 4 + size;
    reader->is_damaged = false;
    return true;
}

/* A cell is ten pieces of a few bytes: they are put together here, so that the buffer is called once or twice. */
struct pieces {
    struct ps_buffer *out;
    size_t size;
    char bytes[128];
};

static void flush(struct pieces *pieces) {
    ps_buffer_add(pieces->out, pieces->bytes, pieces->size);
    pieces->size = 0;
}

static inline void put(struct pieces *pieces, const void *bytes, size_t size) {
    if (size > sizeof pieces->bytes - pieces->size) {
        flush(pieces);
    }
    if (size > sizeof pieces->bytes) {
        ps_buffer_add(pieces->out, bytes, size);
    } else if (size > 0) {
        memcpy(pieces->bytes + pieces->size, bytes, size);
        pieces->size += size;
    }
}

void ps_hbase_cell_add(struct ps_buffer *block, const struct ps_hbase_cell *cell) {
    const size_t key_size = KEY_FIXED_SIZE + cell->row.size + cell->family.size + cell->qualifier.size;
    const uint32_t lengths[] = {htobe32((uint32_t)(8 + key_size + cell->value.size)),
                                htobe32((uint32_t)key_size), htobe32((uint32_t)cell->value.size)};
    const uint16_t row_size = htobe16((uint16_t)cell->row.size);
    const uint8_t family_size = (uint8_t)cell->family.size;
    const uint64_t timestamp = htobe64((uint64_t)cell->timestamp);
    struct pieces pieces;
    pieces.out = block;
    pieces.size = 0;
    put(&pieces, lengths, sizeof lengths);
    put(&pieces, &row_size, sizeof row_size);
    put(&pieces, cell->row.data, cell->row.size);
    put(&pieces, &family_size, sizeof family_size);
    put(&pieces, cell->family.data, cell->family.size);
    put(&pieces, cell->qualifier.data, cell->qualifier.size);
    put(&pieces, &timestamp, sizeof timestamp);
    put(&pieces, &cell->type, sizeof cell->type);
    put(&pieces, cell->value.data, cell->value.size);
    flush(&pieces);
}

bool ps_hbase_cell_parse(struct ps_bytes message, struct ps_hbase_cell *cell_out) {
    struct ps_hbase_cell cell = {.row = PS_BYTES(""),
                                 .family = PS_BYTES(""),
                                 .qualifier = PS_BYTES(""),
                                 .value = PS_BYTES(""),
                                 .type = PS_HBASE_CELL_PUT};
    struct ps_proto_reader reader = ps_proto_begin(message);
    struct ps_proto_field field;
    while (ps_proto_next(&reader, &field)) {
        const bool is_bytes = field.wire == PS_PROTO_BYTES;
        switch (field.number) {
        case 1: cell.row = is_bytes ? field.bytes : cell.row; break;
        case 2: cell.family = is_bytes ? field.bytes : cell.family; break;
        case 3: cell.qualifier = is_bytes ? field.bytes : cell.qualifier; break;
        case 4: cell.timestamp = (int64_t)field.value; break;
        case 5: cell.type = (uint8_t)(field.value & 0xFF); break;
        case 6: cell.value = is_bytes ? field.bytes : cell.value; break;
        default: break;
        }
    }
    if (!reader.is_damaged) {
        *cell_out = cell;
    }
    return !reader.is_damaged;
}

void ps_hbase_show(struct ps_buffer *out, struct ps_bytes bytes) {
    for (size_t i = 0; i < bytes.size; i++) {
        const unsigned char byte = (unsigned char)bytes.data[i];
        if (byte >= ' ' && byte <= '~' && byte != '\\') {
            ps_buffer_add(out, bytes.data + i, 1);
        } else {
            ps_buffer_printf(out, "\\x%02X", byte);
        }
    }
}

static unsigned hex_digit(char digit) {
    return isdigit((unsigned char)digit) ? (unsigned)(digit - '0')
                                         : (unsigned)(tolower((unsigned char)digit) - 'a' + 10);
}

penstock_code ps_hbase_spell(const char *text, struct ps_arena *arena, struct ps_bytes *bytes_out,
                             struct penstock_error *error) {
    char *const bytes = ps_arena_allocate(arena, strlen(text) + 1, 1);
    size_t size = 0;
    if (bytes == NULL) {
        return ps_error_memory(error, "a row key");
    }
    while (*text != '\0') {
        if (text[0] == '\\' && text[1] == 'x' && isxdigit((unsigned char)text[2]) &&
            isxdigit((unsigned char)text[3])) {
            bytes[size++] = (char)(unsigned char)(hex_digit(text[2]) << 4 | hex_digit(text[3]));
            text += 4;
        } else {
            bytes[size++] = *text++;
        }
    }
    *bytes_out = (struct ps_bytes){bytes, size};
    return PENSTOCK_OK;
}

int ps_hbase_compare(struct ps_bytes left, struct ps_bytes right) {
    const size_t size = left.size < right.size ? left.size : right.size;
    const int order = size == 0 ? 0 : memcmp(left.data, right.data, size);
    return order != 0 ? order : left.size < right.size ? -1 : left.size > right.size ? 1 : 0;
}
