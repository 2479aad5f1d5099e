/* SPDX-License-Identifier: Apache-2.0
 *
 * batch.h - the decoded rows of one slice of a source, as columns, with where each row came from.
 *
 * A batch owns its columns and, through its arena, every text in them. It also keeps the raw bytes of
 * each record and the dead letters met while decoding: raw bytes, position and reason stay together
 * until the epoch is committed. Rows are in the order of their records. One thread fills a batch; after
 * that it is read-only.
 */
#ifndef PS_DATA_BATCH_H
#define PS_DATA_BATCH_H

#include "data/new_fields.h"
#include "data/position.h"
#include "data/schema.h"

struct ps_column {
    enum ps_type type;
    void *values;      /* capacity * ps_type_size(type) bytes */
    uint8_t *is_valid; /* one byte a row, in the batch's validity block; NULL: all valid */
};

/* The headers of a message are read when they are asked for: few records need them, and reading them costs more than
 * a record's other bytes. */
struct ps_headers {
    penstock_code (*read)(const void *of, struct ps_arena *arena, struct ps_bytes *headers_out,
                          struct penstock_error *error); /* NULL: there are none */
    const void *of;
};

/* What a broker says of a record beside its value. The bytes are in the batch, or lent to it. */
struct ps_message {
    struct ps_bytes value; /* data NULL: the record has no value (a tombstone) */
    struct ps_bytes key;   /* data NULL: it has no key */
    struct ps_headers headers;
    int64_t offset;
    int64_t timestamp_ms; /* since 1970-01-01 UTC; -1: none */
};
/* JSON object of texts, in the order of the message; size 0: none. In the arena, or where the message is. */
penstock_code ps_message_headers(const struct ps_message *message, struct ps_arena *arena,
                                 struct ps_bytes *headers_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* Headers whose text is known; it must stay. */
struct ps_headers ps_headers_of(const struct ps_bytes *text);

/* Memory of somebody else (a broker's client) that records point into; he has it back when nobody needs them. */
struct ps_lent {
    void (*give_back)(struct ps_lent *lent);
};
void ps_lent_give_back(struct ps_lent *lent); /* accepts NULL */

/* One record as it came: bytes and place. */
struct ps_record {
    struct ps_bytes raw;              /* points into the batch's raw block, or into what is lent to it */
    int64_t offset;                   /* in its partition: byte of a file, Kafka offset, row of a row group */
    const struct ps_message *message; /* NULL unless it came from a broker; raw is its value then */
};

/* What a record of a changelog (FORMAT UPSERT, DEBEZIUM) does to the row of its primary key. */
enum ps_operation {
    PS_OPERATION_PUT,    /* the row is there with these values */
    PS_OPERATION_DELETE, /* the row is gone; only the columns of the primary key are set */
};

/* Why a record could not be used: a closed list of reasons. */
enum ps_reason {
    PS_REASON_SYNTAX,   /* not JSON, wrong number of CSV fields */
    PS_REASON_ENCODING, /* invalid UTF-8 */
    PS_REASON_TYPE,     /* a value of another type than declared */
    PS_REASON_RANGE,    /* a number out of the column's range */
    PS_REASON_NULL,     /* NULL or missing in a NOT NULL column */
    PS_REASON_NESTING,  /* deeper than PS_LIMIT_JSON_DEPTH */
    PS_REASON_SIZE,     /* longer than PS_LIMIT_RECORD_SIZE */
    PS_REASON_LATE,     /* behind the watermark */
    PS_REASON_RULE,     /* an EXPECT rule with ON VIOLATION DEAD LETTER */
    PS_REASON_KEY,      /* a changelog record without a usable key */
    PS_REASON_SCHEMA,   /* no schema to decode it with: unknown schema id, no wire format header */
};
const char *ps_reason_name(
    enum ps_reason reason); /* "syntax", "encoding", ... "late", "rule", "key", "schema" */

struct ps_dead_letter {
    struct ps_bytes raw; /* at most PS_LIMIT_DEAD_LETTER_SIZE, in the batch */
    int64_t raw_size;    /* of the whole record */
    int64_t offset;
    enum ps_reason reason;
    const char *column;               /* or NULL */
    const char *text;                 /* one sentence: what was found, what was expected */
    const struct ps_message *message; /* in the batch, or NULL */
};

struct ps_batch {
    const struct ps_schema *schema; /* borrowed, outlives the batch */
    struct ps_partition partition;  /* which file or topic partition; borrowed texts */
    struct ps_column *columns;      /* schema->column_count */
    struct ps_record *records;      /* row_count */
    uint8_t *validity;              /* column_count * row_capacity bytes, so that a NULL never needs memory */
    int64_t row_count, row_capacity;
    struct ps_dead_letter *dead_letters;
    size_t dead_letter_count, dead_letter_capacity;
    /* Records that were decoded: rows + dead letters. In a changelog there may also be records that say nothing, and
     * records of two rows: record_count = row_count + dead_letter_count + skipped_count - second_count. */
    int64_t record_count, skipped_count, second_count;
    struct ps_arena *arena;
    char *raw;                   /* the raw block that records point into, owned; or NULL */
    struct ps_message *messages; /* owned, of broker records; or NULL */
    struct ps_lent *lent;        /* what their bytes are in, owned; or NULL */
    uint8_t *operations;         /* row_capacity of enum ps_operation, owned; NULL: every row is a put. See
                            ps_batch_use_operations() */
    struct ps_new_fields new_fields; /* of its rows; in the arena */
};

/* An empty batch. Errors: OUT_OF_MEMORY. */
penstock_code ps_batch_new(const struct ps_schema *schema, int64_t row_capacity, struct ps_batch **batch_out,
                           struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_batch_free(struct ps_batch *batch);
void ps_batch_free_scoped(struct ps_batch **batch);
/* Room for one more row; columns are then written at index batch->row_count, all valid, and
 * ps_batch_end_row() makes it count. */
penstock_code ps_batch_begin_row(struct ps_batch *batch, struct penstock_error *error) PENSTOCK_MUST_USE;
void ps_batch_end_row(struct ps_batch *batch, struct ps_record record);
void ps_batch_set_null(struct ps_batch *batch, size_t column);
/* Takes the last row, or the last dead letter, back as if its record had not been decoded yet. */
void ps_batch_take_back_row(struct ps_batch *batch);
void ps_batch_take_back_dead_letter(struct ps_batch *batch);
/* A record of a changelog that neither is a row nor wrong. */
void ps_batch_skip_record(struct ps_batch *batch);
/* The last row is of the same record as the row before it. */
void ps_batch_is_second_row(struct ps_batch *batch);
/* Puts more behind the sentence of the last dead letter. */
penstock_code ps_batch_explain_dead_letter(struct ps_batch *batch, const char *more,
                                           struct penstock_error *error) PENSTOCK_MUST_USE;
/* What holds between records and what became of them. */
bool ps_batch_is_counted(const struct ps_batch *batch);
/* Gives the (still empty) batch a column of operations, all PUT. */
penstock_code ps_batch_use_operations(struct ps_batch *batch, struct penstock_error *error) PENSTOCK_MUST_USE;
/* Copies the text into the arena. `raw` is kept up to PS_LIMIT_DEAD_LETTER_SIZE bytes, copied. */
penstock_code ps_batch_add_dead_letter(struct ps_batch *batch, struct ps_record record, enum ps_reason reason,
                                       const char *column, struct penstock_error *error, const char *format,
                                       ...) PS_PRINTF(6, 7) PENSTOCK_MUST_USE;

#endif
