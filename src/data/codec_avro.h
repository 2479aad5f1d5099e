/* SPDX-License-Identifier: Apache-2.0
 *
 * codec_avro.h - the row of the codec table for Avro, and what its files share.
 *
 * A schema becomes a graph of types (recursive types point back). What a record's field becomes is decided when the
 * schema is compiled: the column of its name, else of one of its aliases, else none.
 */
#ifndef PS_DATA_CODEC_AVRO_H
#define PS_DATA_CODEC_AVRO_H

#include "base/limits.h"
#include "data/codec.h"

extern const struct ps_codec_type ps_codec_avro;

enum ps_avro_kind {
    PS_AVRO_NULL,
    PS_AVRO_BOOLEAN,
    PS_AVRO_INT,
    PS_AVRO_LONG,
    PS_AVRO_FLOAT,
    PS_AVRO_DOUBLE,
    PS_AVRO_BYTES,
    PS_AVRO_STRING,
    PS_AVRO_FIXED,
    PS_AVRO_ENUM,
    PS_AVRO_ARRAY,
    PS_AVRO_MAP,
    PS_AVRO_UNION,
    PS_AVRO_RECORD,
};

/* Logical types, with what a number counts: the ones of other names are their plain type. */
enum ps_avro_logical {
    PS_AVRO_PLAIN,
    PS_AVRO_DECIMAL,
    PS_AVRO_DATE,
    PS_AVRO_TIME_MS,
    PS_AVRO_TIME_US,
    PS_AVRO_TIMESTAMP_MS,
    PS_AVRO_TIMESTAMP_US,
    PS_AVRO_TIMESTAMP_NS,
};

struct ps_avro_type {
    enum ps_avro_kind kind;
    enum ps_avro_logical logical;
    bool is_local;               /* local-timestamp-*: of no time zone */
    int64_t scale;               /* of DECIMAL */
    int64_t size;                /* of FIXED */
    struct ps_avro_type **types; /* of RECORD's fields, of UNION's branches, of what an ARRAY or MAP has */
    struct ps_bytes *names;      /* of RECORD's fields, of ENUM's symbols */
    size_t count;                /* of names; of UNION's branches */
    int32_t *columns;            /* of the outermost RECORD's fields: column or -1; NULL in others */
};

/* What comes out of compiling. */
struct ps_avro_schema {
    struct ps_avro_type *root; /* a RECORD with columns, or what fills the only column */
};

penstock_code ps_avro_compile(const void *config, const struct ps_schema *columns,
                              const struct ps_schema_texts *texts, struct ps_arena *arena,
                              const void **compiled_out, struct penstock_error *error) PENSTOCK_MUST_USE;

/* --- reading values (avro_value.c) ------------------------------------------------------------------------------ */

enum ps_avro_result {
    PS_AVRO_OK,
    PS_AVRO_CUT,    /* the record ends within a value */
    PS_AVRO_BAD,    /* bytes that no writer of this schema writes */
    PS_AVRO_DEEP,   /* nested deeper than PS_LIMIT_JSON_DEPTH */
    PS_AVRO_TEXT,   /* a string that is not UTF-8 */
    PS_AVRO_LARGE,  /* more values than its bytes can mean, or a text above PS_LIMIT_RECORD_SIZE */
    PS_AVRO_MEMORY, /* out of memory */
};

struct ps_avro_frame {
    const struct ps_avro_type *type;
    size_t next;   /* field */
    int64_t left;  /* items of the block at hand */
    bool is_first; /* no item was rendered yet */
};

/* A place in a record's bytes. */
struct ps_avro_reader {
    const unsigned char *at, *end;
    int64_t
        steps_left; /* values that may still come: empty ones take no bytes, and a count is only a number */
    struct ps_avro_frame frames[PS_LIMIT_JSON_DEPTH];
};

enum ps_avro_result ps_avro_read_long(struct ps_avro_reader *reader, int64_t *value_out);
/* Follows unions to the type of the value that comes next. */
enum ps_avro_result ps_avro_enter_unions(struct ps_avro_reader *reader, const struct ps_avro_type **type);
/* The bytes of a STRING, BYTES or FIXED: a view. */
enum ps_avro_result ps_avro_read_bytes(struct ps_avro_reader *reader, const struct ps_avro_type *type,
                                       struct ps_bytes *bytes_out);
/* Passes over a value, whatever it is; with `out` it is added there as JSON. */
enum ps_avro_result ps_avro_walk(struct ps_avro_reader *reader, const struct ps_avro_type *type,
                                 struct ps_buffer *out);
/* An INT or LONG in microseconds. False: it does not fit. */
bool ps_avro_microseconds(enum ps_avro_logical logical, int64_t value, int64_t *microseconds_out);

#endif
