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

#include "data/position.h"
#include "data/schema.h"

struct ps_column {
    enum ps_type type;
    void *values;      /* capacity * ps_type_size(type) bytes */
    uint8_t *is_valid; /* one byte a row, in the batch's validity block; NULL: all valid */
};

/* One record as it came: bytes and place. */
struct ps_record {
    struct ps_bytes raw; /* points into the batch's raw block */
    int64_t offset;      /* in its partition: byte of a file, Kafka offset, row of a row group */
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
};
const char *ps_reason_name(enum ps_reason reason); /* "syntax", "encoding", ... "late", "rule" */

struct ps_dead_letter {
    struct ps_bytes raw; /* at most PS_LIMIT_DEAD_LETTER_SIZE, in the batch */
    int64_t raw_size;    /* of the whole record */
    int64_t offset;
    enum ps_reason reason;
    const char *column; /* or NULL */
    const char *text;   /* one sentence: what was found, what was expected */
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
    int64_t record_count; /* rows + dead letters: every record is one or the other */
    struct ps_arena *arena;
    char *raw; /* the raw block that records point into, owned; or NULL */
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
/* Copies the text into the arena. `raw` is kept up to PS_LIMIT_DEAD_LETTER_SIZE bytes, copied. */
penstock_code ps_batch_add_dead_letter(struct ps_batch *batch, struct ps_record record, enum ps_reason reason,
                                       const char *column, struct penstock_error *error, const char *format,
                                       ...) PS_PRINTF(6, 7) PENSTOCK_MUST_USE;

#endif
