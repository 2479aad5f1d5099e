/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_mapping.h - how a row of HBase, which is bytes by bytes by bytes, is a row of typed columns.
 *
 *   mapping = 'speed f:speed, lane f:lane int, note f:n json, put f:speed@timestamp, newest :timestamp, k :key'
 *   rowkey  = 'salt:1 sensor:8 "|" seen:8:reversed'    the row key is made of parts
 *   family  = 'f'                                      a column that is not mentioned is f:<its name>
 *
 * A mapping is made once of the words of CREATE SOURCE or CREATE SINK and the columns, and then only read, by any
 * number of threads. It says which cells are needed (so that nothing else is asked of a server), turns cells into
 * values and values into cells. An encoding is stated or follows from the SQL type: HBase's own `Bytes` (big-endian).
 */
#ifndef PS_CONNECT_HBASE_MAPPING_H
#define PS_CONNECT_HBASE_MAPPING_H

#include "data/codec.h"
#include "hbase/rows.h"
#include "job/project.h"

/* How a value is bytes. BYTES is resolved by the SQL type when the mapping is made, so that it is never in one. */
enum ps_hbase_encoding {
    PS_HBASE_AS_BYTES,   /* as HBase's Bytes.toBytes() of the column's type */
    PS_HBASE_AS_BYTE,    /* 1, */
    PS_HBASE_AS_SHORT,   /* 2, */
    PS_HBASE_AS_INT,     /* 4, (a DATE: days since 1970, what it has if nothing is said) */
    PS_HBASE_AS_LONG,    /* 8 bytes, big-endian, two's complement */
    PS_HBASE_AS_FLOAT,   /* 4 bytes, */
    PS_HBASE_AS_DOUBLE,  /* 8 bytes, IEEE 754, big-endian */
    PS_HBASE_AS_BOOLEAN, /* one byte: 0, or anything else; written 0xFF */
    PS_HBASE_AS_DECIMAL, /* Bytes.toBytes(BigDecimal): int scale, then the unscaled value */
    PS_HBASE_AS_RAW,     /* the bytes as they are */
    PS_HBASE_AS_TEXT,    /* UTF-8 text of the value: numbers, dates as SQL writes them */
    PS_HBASE_AS_PADDED,  /* what TEXT is for an integer in a key part of fixed width: "000042", "-00042" */
    PS_HBASE_AS_SECONDS, /* times as a long: since 1970, */
    PS_HBASE_AS_MILLIS,  /* (what a TIMESTAMP has if nothing is said) */
    PS_HBASE_AS_MICROS,
    PS_HBASE_AS_REVERSED, /* Long.MAX_VALUE - milliseconds (TIMESTAMP) or - value: newest first */
    PS_HBASE_AS_ORDERED,  /* OrderedBytes of the column's type, ascending, */
    PS_HBASE_AS_ORDERED_DESC,
    PS_HBASE_AS_NUMERIC, /* OrderedBytes' numbers of variable length, whatever type of number the column has */
    PS_HBASE_AS_NUMERIC_DESC,
    PS_HBASE_AS_BLOB_LAST, /* OrderedBytes' BlobCopy: bytes to the end of the key or cell */
    PS_HBASE_AS_BLOB_LAST_DESC,
    PS_HBASE_AS_JSON, /* JSON text: a string, number, boolean or null; objects and lists as their text */
};

enum ps_hbase_place {
    PS_HBASE_IN_CELL,           /* the value of family:qualifier */
    PS_HBASE_IN_CELL_TIMESTAMP, /* family:qualifier@timestamp */
    PS_HBASE_IN_TIMESTAMP, /* :timestamp, the newest of the record's cells; in a sink: of all its cells */
    PS_HBASE_IN_KEY,       /* :key, all of the row key */
    PS_HBASE_IN_KEY_PART,  /* a part of `rowkey` with the column's name */
};

/* One column of the schema. */
struct ps_hbase_field {
    size_t column; /* of the schema */
    enum ps_hbase_place place;
    enum ps_hbase_encoding encoding;
    size_t cell; /* IN_CELL, IN_CELL_TIMESTAMP: into `cells` of the mapping */
    size_t part; /* IN_KEY_PART: into `parts` */
};

/* One piece of the row key, in their order. */
struct ps_hbase_key_part {
    struct ps_bytes literal; /* a separator that stands there; else size 0 */
    const char *name;        /* of the column; NULL: skipped ("-"), which a sink cannot write */
    /* Bytes. 0: up to the literal behind it; an OrderedBytes value, which knows where it ends; or all but the last
     * `tail` bytes of the key. A literal has its size here. */
    size_t width;
    size_t tail;
    enum ps_hbase_encoding encoding;
    size_t field; /* into `fields`, if name is set */
};

struct ps_hbase_mapping_words {
    const char *mapping, *rowkey, *family; /* as written, or NULL */
    const char
        *key; /* the column of PRIMARY KEY, if there is one: it is :key if nothing else is said; or NULL */
};

struct ps_hbase_mapping {
    const struct ps_schema *schema;
    struct ps_hbase_field *fields; /* one per column of the schema, in its order */
    size_t field_count;
    struct ps_hbase_column *cells; /* distinct, sorted by family and qualifier: what is read or written */
    size_t cell_count;
    /* Which fields a cell fills: of_cell[first_of_cell[i]] to before of_cell[first_of_cell[i + 1]], into `fields`. */
    const size_t *of_cell, *first_of_cell;
    struct ps_hbase_key_part *parts; /* none: the row key is one column, or not asked for */
    size_t part_count;
    /* Of a sink: the field whose value is the timestamp of all cells. It may be in the row key as well, and then that
     * is its place. SIZE_MAX: there is none. */
    size_t timestamp;
};

/* `schema`: the declared columns of a source, or those of a sink's SELECT with their types; borrowed.
 * Errors: INVALID_PROJECT: a column that is nowhere, a word that is no encoding (with the nearest), an encoding that
 * does not suit the type, a part of variable width that nothing ends, and for a sink (is_sink): a key that is not
 * written whole, two columns of one cell, family:qualifier@timestamp. The message does not name the source or sink. */
penstock_code ps_hbase_mapping_new(const struct ps_hbase_mapping_words *words, const struct ps_schema *schema,
                                   bool is_sink, struct ps_arena *arena,
                                   struct ps_hbase_mapping **mapping_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;

/* "text", "long", "ordered", ... for messages and explain. */
const char *ps_hbase_encoding_name(enum ps_hbase_encoding encoding);

/* How the order of bytes, compared as unsigned, follows the order of values: what a range of values may be turned into
 * a range of bytes by. The bytes of the two ends then belong to it, also of an open end: a time is cut to the unit of
 * its encoding. */
enum ps_hbase_order {
    PS_HBASE_ORDER_NONE,
    PS_HBASE_ORDER_SAME,     /* FLOAT, DOUBLE: -0.0 stands before 0.0, so widen an end that is 0 */
    PS_HBASE_ORDER_OPPOSITE, /* greater bytes are smaller values; -0.0 as above */
    /* As SAME from 0 on (FLOAT and DOUBLE: above 0; times: from 1970 on). The bytes of all smaller values lie outside:
     * between the bytes of two such values are only values between them. */
    PS_HBASE_ORDER_FROM_ZERO,
};
enum ps_hbase_order ps_hbase_encoding_order(enum ps_hbase_encoding encoding, enum ps_type type);
/* Have equal values equal bytes, always? (Not so: text of numbers, JSON, DOUBLE with its two zeros.) */
bool ps_hbase_encoding_is_unique(enum ps_hbase_encoding encoding, enum ps_type type);

/* A value, as SQL writes it as text (BLOB: its bytes), in the field's encoding, added to `out`; of a key part: exactly
 * what stands in the key, padded to its width. Times are cut (towards the past) to the encoding's unit.
 * Errors: INVALID_DATA: no such value in this encoding (out of range, not a number, no UTF-8), too long or too short
 * for its part, one that contains the literal behind it. What is in `out` then is of no use. */
penstock_code ps_hbase_value_encode(const struct ps_hbase_mapping *mapping,
                                    const struct ps_hbase_field *field, struct ps_bytes value,
                                    struct ps_buffer *out, struct penstock_error *error) PENSTOCK_MUST_USE;
/* The row key of values in the mapping's parts, or of the :key column: `values` has one per field, data NULL for NULL.
 * Errors: INVALID_DATA: a NULL, what ps_hbase_value_encode() refuses, an empty key, one above PS_HBASE_ROW_SIZE_MAX.
 */
penstock_code ps_hbase_key_encode(const struct ps_hbase_mapping *mapping, const struct ps_bytes *values,
                                  struct ps_buffer *out, struct penstock_error *error) PENSTOCK_MUST_USE;

/* The codec of the source's records: each is a block of cells (KeyValueCodec), all of one row, newest version of a
 * column first, as the wire has it. A value that does not fit becomes a dead letter that names row key, column,
 * timestamp and what was expected; a cell that is absent, or deleted by a mark in the record, is NULL. Its config is a
 * mapping (no options: `options` is empty). */
extern const struct ps_codec_type ps_codec_cells;

#endif
