/* SPDX-License-Identifier: Apache-2.0
 *
 * codec_protobuf.h - the row of the codec table for Protobuf, and what its files share.
 *
 * Descriptors (descriptor.proto, which is itself Protobuf) are read with the same wire reader as records. A
 * message's bytes become a list of entries, sorted by field; columns and JSON are made from that list, so that
 * fields may come in any order, several times, and in pieces, as the encoding allows.
 */
#ifndef PS_DATA_CODEC_PROTOBUF_H
#define PS_DATA_CODEC_PROTOBUF_H

#include "base/limits.h"
#include "data/codec.h"

extern const struct ps_codec_type ps_codec_protobuf;

/* As FieldDescriptorProto.Type counts. */
enum ps_protobuf_type {
    PS_PROTOBUF_DOUBLE = 1,
    PS_PROTOBUF_FLOAT = 2,
    PS_PROTOBUF_INT64 = 3,
    PS_PROTOBUF_UINT64 = 4,
    PS_PROTOBUF_INT32 = 5,
    PS_PROTOBUF_FIXED64 = 6,
    PS_PROTOBUF_FIXED32 = 7,
    PS_PROTOBUF_BOOL = 8,
    PS_PROTOBUF_STRING = 9,
    PS_PROTOBUF_GROUP = 10,
    PS_PROTOBUF_MESSAGE = 11,
    PS_PROTOBUF_BYTES = 12,
    PS_PROTOBUF_UINT32 = 13,
    PS_PROTOBUF_ENUM = 14,
    PS_PROTOBUF_SFIXED32 = 15,
    PS_PROTOBUF_SFIXED64 = 16,
    PS_PROTOBUF_SINT32 = 17,
    PS_PROTOBUF_SINT64 = 18,
};

enum ps_protobuf_wire {
    PS_PROTOBUF_VARINT = 0,
    PS_PROTOBUF_I64 = 1,
    PS_PROTOBUF_LENGTH = 2,
    PS_PROTOBUF_START = 3, /* of a group, which nothing has used for long */
    PS_PROTOBUF_END = 4,
    PS_PROTOBUF_I32 = 5,
};

/* Messages of google.protobuf that mean a value. */
enum ps_protobuf_known {
    PS_PROTOBUF_ORDINARY,
    PS_PROTOBUF_TIMESTAMP,
    PS_PROTOBUF_DURATION,
    PS_PROTOBUF_WRAPPER, /* Int64Value and the like: a value that may be absent */
};

struct ps_protobuf_enum {
    const char *name; /* full */
    struct ps_bytes *names;
    int64_t *numbers;
    size_t count;
    struct ps_protobuf_enum *next; /* of all enums */
};

struct ps_protobuf_field {
    struct ps_bytes name, json_name;
    uint32_t number;
    enum ps_protobuf_type type;
    bool is_repeated;
    bool has_presence;     /* absent is NULL; else absent is the type's zero */
    int32_t oneof;         /* index, -1: of none */
    const char *type_name; /* of MESSAGE and ENUM, without the leading dot */
    struct ps_protobuf_message *message;
    const struct ps_protobuf_enum *values;
    int32_t column; /* when it stands in the outermost message; -1: none */
};

struct ps_protobuf_message {
    const char *name; /* full */
    enum ps_protobuf_known known;
    bool is_map_entry;
    struct ps_protobuf_field *fields; /* by number, smallest first */
    size_t field_count, oneof_count;
    struct ps_protobuf_message **children; /* messages declared in it, in order */
    size_t child_count;
    struct ps_protobuf_message *next; /* of all messages */
};

/* What comes out of compiling. */
struct ps_protobuf_schema {
    const struct ps_protobuf_message *fixed; /* what every record is; NULL: the record says it */
    const char *message;                     /* the name that is asked for, or NULL */
    struct ps_protobuf_message **tops;       /* of the schema's own file, in order */
    size_t top_count, oneof_count_max;
};

penstock_code ps_protobuf_compile(const void *config, const struct ps_schema *columns,
                                  const struct ps_schema_texts *texts, struct ps_arena *arena,
                                  const void **compiled_out, struct penstock_error *error) PENSTOCK_MUST_USE;

/* --- the wire ----------------------------------------------------------------------------------------------------- */

enum ps_protobuf_result {
    PS_PROTOBUF_OK,
    PS_PROTOBUF_CUT,  /* it ends within a value */
    PS_PROTOBUF_BAD,  /* no Protobuf */
    PS_PROTOBUF_DEEP, /* nested deeper than PS_LIMIT_JSON_DEPTH */
    PS_PROTOBUF_TEXT, /* a string that is not UTF-8 */
    PS_PROTOBUF_LARGE,
    PS_PROTOBUF_MEMORY,
};

struct ps_protobuf_reader {
    const unsigned char *at, *end;
};

/* One field as it stands in the bytes. */
struct ps_protobuf_item {
    uint32_t number;
    enum ps_protobuf_wire wire;
    uint64_t value;        /* VARINT, I32, I64 */
    struct ps_bytes bytes; /* LENGTH */
};

enum ps_protobuf_wire ps_protobuf_wire_of(enum ps_protobuf_type type);
struct ps_protobuf_reader ps_protobuf_reader_of(struct ps_bytes bytes);
enum ps_protobuf_result ps_protobuf_read_varint(struct ps_protobuf_reader *reader, uint64_t *value_out);
/* The next field; groups are passed over. At the end: number 0. */
enum ps_protobuf_result ps_protobuf_read_item(struct ps_protobuf_reader *reader,
                                              struct ps_protobuf_item *item_out);

/* --- values ------------------------------------------------------------------------------------------------------- */

struct ps_protobuf_entry {
    const struct ps_protobuf_field *field;
    uint64_t value;
    struct ps_bytes bytes;
    size_t sequence; /* order in the bytes */
    bool is_packed;
};

struct ps_protobuf_frame {
    const struct ps_protobuf_message *message;
    size_t first, end, next;          /* entries */
    size_t field;                     /* index */
    bool in_list, is_alone;           /* within a repeated field; which is all there is: a column */
    bool is_first, is_list_first;     /* nothing of the message, of the list was written yet */
    size_t list_end;                  /* entry */
    struct ps_protobuf_reader packed; /* the rest of a packed entry */
};

struct ps_protobuf_scan {
    struct ps_protobuf_entry *entries; /* a stack: those of a message inside lie above */
    size_t count, capacity;
    const struct ps_protobuf_field **winners; /* per oneof */
    size_t winner_capacity;
    size_t depth, steps_left;
    struct ps_arena *arena; /* for messages that came in pieces */
    struct ps_protobuf_frame frames[PS_LIMIT_JSON_DEPTH];
};

void ps_protobuf_scan_begin(struct ps_protobuf_scan *scan, struct ps_arena *arena); /* of a record */
void ps_protobuf_scan_done(struct ps_protobuf_scan *scan);
/* Puts the entries of a message on the stack, by field; with `columns_only` not those of fields without a column. */
enum ps_protobuf_result ps_protobuf_scan_message(struct ps_protobuf_scan *scan,
                                                 const struct ps_protobuf_message *message,
                                                 struct ps_bytes bytes, bool columns_only);
/* A field of a message, from its entries [first, end), as JSON. None: its default. */
enum ps_protobuf_result ps_protobuf_render(struct ps_protobuf_scan *scan,
                                           const struct ps_protobuf_message *message,
                                           const struct ps_protobuf_field *field, size_t first, size_t end,
                                           struct ps_buffer *out);
/* The bytes of a message that came in one or several pieces. */
enum ps_protobuf_result ps_protobuf_join(const struct ps_protobuf_scan *scan, size_t first, size_t end,
                                         struct ps_bytes *bytes_out);
/* A scalar, a time or a wrapper as JSON. *is_done_out false: a message, which this does not do. */
enum ps_protobuf_result ps_protobuf_render_value(const struct ps_protobuf_field *field,
                                                 const struct ps_protobuf_entry *entry, struct ps_buffer *out,
                                                 bool *is_done_out);
/* The number of an entry as its type means it; not for floats and UINT64 above INT64_MAX. */
int64_t ps_protobuf_integer(enum ps_protobuf_type type, uint64_t value);
double ps_protobuf_double(enum ps_protobuf_type type, uint64_t value);
/* seconds = 1, nanos = 2 of Timestamp and Duration. False: not one. */
bool ps_protobuf_read_time(struct ps_bytes bytes, int64_t *seconds_out, int64_t *nanoseconds_out);
/* What a wrapper has in it; the zero of its type if nothing. */
enum ps_protobuf_result ps_protobuf_unwrap(const struct ps_protobuf_field *wrapper, struct ps_bytes bytes,
                                           struct ps_protobuf_entry *entry_out);

#endif
