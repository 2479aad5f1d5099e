/* SPDX-License-Identifier: Apache-2.0
 *
 * cell.h - a cell of HBase, as a view into the bytes it came in, and the three forms in which it is written: in a
 * cell block (KeyValueCodec), in a Protobuf message, and for a person.
 *
 * Reading believes nothing: a length that does not fit is an end with is_damaged set.
 */
#ifndef PS_HBASE_CELL_H
#define PS_HBASE_CELL_H

#include "base/proto.h"

enum ps_hbase_cell_type {
    PS_HBASE_CELL_PUT = 4,
    PS_HBASE_CELL_DELETE = 8,                 /* one version of a column */
    PS_HBASE_CELL_DELETE_FAMILY_VERSION = 10, /* the cells of a family with this very timestamp */
    PS_HBASE_CELL_DELETE_COLUMN = 12,         /* all versions up to the timestamp */
    PS_HBASE_CELL_DELETE_FAMILY = 14,
};

/* A timestamp that the server replaces by its clock. */
#define PS_HBASE_LATEST INT64_MAX
#define PS_HBASE_ROW_SIZE_MAX 32767  /* its length is written in 15 bits, */
#define PS_HBASE_FAMILY_SIZE_MAX 127 /* and this one in 7 */
/* Of a cell in a block: with nothing but its lengths, its timestamp and its type. */
#define PS_HBASE_CELL_SIZE_MIN 24

struct ps_hbase_cell {
    struct ps_bytes row, family, qualifier, value;
    int64_t timestamp;
    uint8_t type; /* one of the above; a scan gives PUT only */
};

/* How something there compares with what is given: the numbers of HBase's CompareType. */
enum ps_hbase_comparison {
    PS_HBASE_LESS = 0,
    PS_HBASE_LESS_OR_EQUAL = 1,
    PS_HBASE_EQUAL = 2,
    PS_HBASE_NOT_EQUAL = 3,
    PS_HBASE_GREATER_OR_EQUAL = 4,
    PS_HBASE_GREATER = 5,
};

struct ps_hbase_cell_reader {
    const char *at, *end;
    bool is_damaged;
};
struct ps_hbase_cell_reader ps_hbase_cell_begin(struct ps_bytes block);
bool ps_hbase_cell_next(struct ps_hbase_cell_reader *reader, struct ps_hbase_cell *cell_out);
/* Appends the cell to a block. Sizes are the caller's to check (ROW_SIZE_MAX, FAMILY_SIZE_MAX). */
void ps_hbase_cell_add(struct ps_buffer *block, const struct ps_hbase_cell *cell);
/* A cell as a Protobuf message, which is how Get answers. False when damaged. */
bool ps_hbase_cell_parse(struct ps_bytes message, struct ps_hbase_cell *cell_out);

/* Integers as HBase and its protocol write them: the greatest byte first. */
uint32_t ps_hbase_read_u32(const char *bytes);
void ps_hbase_add_u32(struct ps_buffer *out, uint32_t value);

/* Bytes as HBase's shell shows them: "speed\x00\xFF"; printable ASCII but the backslash stands for itself. */
void ps_hbase_show(struct ps_buffer *out, struct ps_bytes bytes);
/* The same spelling back to bytes, also with small hex digits; a backslash before anything but x and two hex digits
 * is a backslash, as in the shell. The copy is in the arena. */
penstock_code ps_hbase_spell(const char *text, struct ps_arena *arena, struct ps_bytes *bytes_out,
                             struct penstock_error *error) PENSTOCK_MUST_USE;
/* Less than, equal to or greater than 0, byte by byte: the order of rows. */
int ps_hbase_compare(struct ps_bytes left, struct ps_bytes right);

#endif
