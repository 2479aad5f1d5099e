/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_encoding.h - one value of HBase's bytes, and back: what the mapping's codec, row keys and sinks are made of.
 *
 * Decoding writes into a column of a batch and says how it went as a word, because millions of cells go this way and
 * nearly all fit; the sentence for one that does not is made afterwards. Nothing is allocated for a value but for texts
 * that are no piece of the record.
 */
#ifndef PS_CONNECT_HBASE_ENCODING_H
#define PS_CONNECT_HBASE_ENCODING_H

#include "connect/hbase_mapping.h"

/* --- numbers as HBase writes them: the greatest byte first ------------------------------------------------------- */

static inline uint64_t ps_hbase_u64_of(const char *bytes) {
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
    return __builtin_bswap64(value);
}

static inline uint32_t ps_hbase_u32_of(const char *bytes) {
    uint32_t value;
    memcpy(&value, bytes, sizeof value);
    return __builtin_bswap32(value);
}

static inline uint16_t ps_hbase_u16_of(const char *bytes) {
    return (uint16_t)((unsigned)(unsigned char)bytes[0] << 8 | (unsigned char)bytes[1]);
}

/* The last `size` bytes of the value. */
void ps_hbase_add_integer(struct ps_buffer *out, uint64_t value, size_t size);

/* --- what an encoding is ----------------------------------------------------------------------------------------- */

/* What a type that travels as text is made of. */
enum ps_hbase_kind {
    PS_HBASE_KIND_NUMBER, /* DECIMAL, HUGEINT, UINTEGER, ... */
    PS_HBASE_KIND_TIME,   /* TIMESTAMP_S, TIMESTAMP_MS, TIMESTAMP_NS */
    PS_HBASE_KIND_JSON,
    PS_HBASE_KIND_OTHER,
};
enum ps_hbase_kind ps_hbase_kind_of(const char *type_text);

/* The encoding of that name, or false. */
bool ps_hbase_encoding_find(const char *name, enum ps_hbase_encoding *encoding_out);
/* The nearest name, or NULL. */
const char *ps_hbase_encoding_nearest(const char *name);
/* What `bytes` (or nothing) means for the column, and texts of bytes as the bytes they are. */
enum ps_hbase_encoding ps_hbase_encoding_resolve(enum ps_hbase_encoding encoding,
                                                 const struct ps_column_schema *column);
bool ps_hbase_encoding_suits(enum ps_hbase_encoding encoding, const struct ps_column_schema *column);
/* "a double" */
const char *ps_hbase_encoding_what(enum ps_hbase_encoding encoding);
/* Bytes of every value of this encoding and type; 0: it depends. */
size_t ps_hbase_encoding_size(enum ps_hbase_encoding encoding, enum ps_type type);
/* One of OrderedBytes: a value knows where it ends, but for BLOB_LAST. */
bool ps_hbase_encoding_is_ordered_bytes(enum ps_hbase_encoding encoding);
bool ps_hbase_encoding_is_descending(enum ps_hbase_encoding encoding);

/* --- bytes to values --------------------------------------------------------------------------------------------- */

enum ps_hbase_fit {
    PS_HBASE_FITS,
    PS_HBASE_FITS_NULL, /* JSON's null, OrderedBytes' NULL */
    PS_HBASE_MISFIT_SIZE,
    PS_HBASE_MISFIT_RANGE, /* a value that the column's type cannot hold */
    PS_HBASE_MISFIT_VALUE, /* not a value of this encoding and type */
    PS_HBASE_MISFIT_UTF8,
    PS_HBASE_NO_MEMORY,
};

/* Where a value goes. */
struct ps_hbase_slot {
    const struct ps_column_schema *column;
    void *values;
    int64_t row;
    struct ps_arena *arena;    /* for texts that are no view */
    struct ps_buffer *scratch; /* used again for every value */
    char *json_memory;         /* PS_HBASE_JSON_MEMORY_SIZE, for a parser; NULL if no column has JSON */
};
#define PS_HBASE_JSON_MEMORY_SIZE ((size_t)64 << 10)

enum ps_hbase_fit ps_hbase_decode(enum ps_hbase_encoding encoding, struct ps_bytes bytes,
                                  const struct ps_hbase_slot *slot);
/* What is wrong with these bytes: "has 3 bytes (0x61 0x62 0x63), a double has 8". */
void ps_hbase_explain_misfit(struct ps_buffer *out, enum ps_hbase_fit fit, enum ps_hbase_encoding encoding,
                             const struct ps_column_schema *column, struct ps_bytes bytes);
enum ps_reason ps_hbase_reason_of(enum ps_hbase_fit fit);
/* Writes a number, a time in microseconds or a text where the slot says. */
enum ps_hbase_fit ps_hbase_store_integer(const struct ps_hbase_slot *slot, int64_t value);
enum ps_hbase_fit ps_hbase_store_double(const struct ps_hbase_slot *slot, double value);
enum ps_hbase_fit ps_hbase_store_millis(const struct ps_hbase_slot *slot, int64_t milliseconds);
enum ps_hbase_fit ps_hbase_store_text(const struct ps_hbase_slot *slot, struct ps_bytes text);
/* A text that does not live as long as the batch. */
enum ps_hbase_fit ps_hbase_store_copy(const struct ps_hbase_slot *slot, struct ps_bytes text);

/* --- values to bytes --------------------------------------------------------------------------------------------- */

/* As ps_hbase_value_encode(), without what a key part adds. */
penstock_code ps_hbase_encode(enum ps_hbase_encoding encoding, const struct ps_column_schema *column,
                              struct ps_bytes value, struct ps_buffer *out, struct penstock_error *error)
    PENSTOCK_MUST_USE;
/* INVALID_DATA: "column lane: '99999999999' is out of range for an int". */
penstock_code ps_hbase_refuse_value(const struct ps_column_schema *column, struct ps_bytes value,
                                    const char *why, struct penstock_error *error) PENSTOCK_MUST_USE;
/* The number of a value's text, for encodings of whole numbers: also true and false, days of a date. */
enum ps_hbase_fit ps_hbase_integer_of_text(enum ps_type type, struct ps_bytes text, int64_t *value_out);
enum ps_hbase_fit ps_hbase_double_of_text(struct ps_bytes text, double *value_out);
/* Microseconds since 1970 of a date's or a time's text. */
enum ps_hbase_fit ps_hbase_micros_of_text(struct ps_bytes text, int64_t *micros_out);
int64_t ps_hbase_divide_down(int64_t value, int64_t divisor);

/* --- decimals ---------------------------------------------------------------------------------------------------- */

/* Digits that are more than any DECIMAL or HUGEINT has, and as many as the bytes that ps_render_decimal() takes. */
#define PS_HBASE_DIGIT_COUNT_MAX 150

/* digits * 10^exponent; no leading zeros, so zero has none. */
struct ps_hbase_decimal {
    bool is_negative;
    size_t count;
    uint8_t digits[PS_HBASE_DIGIT_COUNT_MAX];
    int32_t exponent;
};
/* [+-] digits [. digits] [e [+-] digits]; trailing zeros are kept. */
bool ps_hbase_decimal_of_text(struct ps_bytes text, struct ps_hbase_decimal *decimal_out);
/* Text that SQL and ps_value_of_text() read. */
void ps_hbase_render_digits(struct ps_buffer *out, const struct ps_hbase_decimal *decimal);
/* Bytes.toBytes(BigDecimal): four bytes of scale, one or more of the unscaled value. */
#define PS_HBASE_DECIMAL_SIZE_MIN 5
void ps_hbase_add_decimal(struct ps_buffer *out, const struct ps_hbase_decimal *decimal);
/* Its text; false: not such bytes. */
bool ps_hbase_render_decimal(struct ps_buffer *out, struct ps_bytes bytes);

#endif
