/* SPDX-License-Identifier: Apache-2.0
 *
 * codec.h - bytes to columns. One row of the codec table per format (json, csv, avro, protobuf, bytes).
 *
 * The configuration is made once and then only read, by any number of threads. A decoder is opened per slice:
 * it belongs to one thread and keeps what makes the next record cheap (a parser's memory, the order of keys,
 * the columns of a CSV header). A record becomes exactly one row or exactly one dead letter.
 */
#ifndef PS_DATA_CODEC_H
#define PS_DATA_CODEC_H

#include "base/option.h"
#include "data/batch.h"
#include "data/schemas.h"

/* UTF-8's, at the beginning of some files; no part of the first record. */
#define PS_BYTE_ORDER_MARK "\xEF\xBB\xBF"

struct ps_codec_type {
    const char *name; /* "json", "csv", "avro", "protobuf", "bytes" */
    const char *summary;
    const struct ps_option *options; /* for csv: delimiter, quote, header, null_text, ... */
    size_t config_size;
    bool is_line_based; /* a record is a line, whatever is in it */
    bool is_binary;     /* a record ends where `frame` says: a last byte 0x0A belongs to it */
    bool has_key; /* a record's value has the columns of its key: of a changelog no other key is looked at */
    /* Do the options go together? May be NULL. */
    penstock_code (*check)(const void *config, struct penstock_error *error);
    /* Can these columns be filled? May be NULL. */
    penstock_code (*check_columns)(const struct ps_schema *columns, struct penstock_error *error);
    /* Set for codecs with schemas: the config begins with a struct ps_schema_options, and this makes of a schema's
     * texts what decoding takes, for records that become these columns. In the arena; read by any thread after it.
     * INVALID_DATA: the schema is of no use. */
    penstock_code (*compile)(const void *config, const struct ps_schema *columns,
                             const struct ps_schema_texts *texts, struct ps_arena *arena,
                             const void **compiled_out, struct penstock_error *error);
    /* Does a line with column names stand before the first record? */
    bool (*has_header)(const void *config);
    /* Finds the end of the record that starts at data[0]: its length with its terminator, 0 if it is not
     * complete within `size`. `is_end`: no more bytes will come, so what is there is a whole record. */
    size_t (*frame)(const void *config, const char *data, size_t size, bool is_end);
    /* `header`: the line with the column names, without its terminator; empty if there is none. */
    penstock_code (*open)(const void *config, const struct ps_schema *schema, struct ps_bytes header,
                          void **state_out, struct penstock_error *error);
    penstock_code (*decode)(void *state, struct ps_batch *batch, struct ps_record record,
                            struct penstock_error *error);
    void (*close)(void *state);
    /* A record's raw bytes as lines for a person, without a last newline; any bytes, also the beginning of a record.
     * NULL: they are text, or shown as bytes. */
    void (*print)(struct ps_bytes raw, struct ps_buffer *out);
};
extern const struct ps_codec_type *const ps_codec_types[]; /* NULL-terminated */

const struct ps_codec_type *ps_codec_find(const char *name); /* or NULL */

/* For formats without lines: no header, and all there is is one record. */
bool ps_codec_has_no_header(const void *config);
size_t ps_codec_frame_whole(const void *config, const char *data, size_t size, bool is_end);

/* Length of the record at data[0] with its terminator, as `frame` above; at least 1 unless 0. */
size_t ps_codec_frame(const struct ps_codec_type *type, const void *config, const char *data, size_t size,
                      bool is_end);

/* An open decoder: one thread. The schema and config are borrowed. */
struct ps_decoder;
penstock_code ps_decoder_open(const struct ps_codec_type *type, const void *config,
                              const struct ps_schema *schema, struct ps_bytes header,
                              struct ps_decoder **decoder_out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
void ps_decoder_close(struct ps_decoder *decoder);
void ps_decoder_close_scoped(struct ps_decoder **decoder);
/* Adds one row or one dead letter to the batch. record.raw has no terminator and must stay as long as the batch:
 * texts without escapes are views into it. Errors: OUT_OF_MEMORY; of codecs with schemas what fetching one says. */
penstock_code ps_decoder_decode(struct ps_decoder *decoder, struct ps_batch *batch, struct ps_record record,
                                struct penstock_error *error) PENSTOCK_MUST_USE;
/* Frames and decodes a block of whole records; empty lines are no records. base_offset: offset of data[0]. */
penstock_code ps_decoder_decode_block(struct ps_decoder *decoder, struct ps_batch *batch,
                                      struct ps_bytes block, int64_t base_offset,
                                      struct penstock_error *error) PENSTOCK_MUST_USE;

#endif
