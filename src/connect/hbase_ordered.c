/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_ordered.c - values of OrderedBytes: whole numbers, floats, texts, bytes, NULL. hbase_numeric.c has the numbers
 * of variable length.
 *
 * As org.apache.hadoop.hbase.util.OrderedBytes of HBase 2.6 writes them, byte by byte: tests compare with what it
 * wrote.
 */
#include "connect/hbase_ordered.h"

#include <math.h>

#include "connect/hbase_numeric.h"

#define HEADER_NULL 0x05
#define HEADER_TEXT 0x34
#define HEADER_BLOB_VAR 0x37
#define HEADER_BLOB_COPY 0x38
/* The one NaN that Double.doubleToLongBits() and Float.floatToIntBits() know. */
#define NAN_BITS_64 UINT64_C(0x7FF8000000000000)
#define NAN_BITS_32 UINT32_C(0x7FC00000)

enum kind { INT8, INT16, INT32, INT64, FLOAT32, FLOAT64, TEXT, BLOB_VAR, BLOB_COPY, NUMERIC, KIND_COUNT };

static const struct {
    unsigned char header;
    size_t size; /* with the header; 0: it depends */
    const char *name, *name_descending;
} kinds[KIND_COUNT] = {
    [INT8] = {0x29, 2, "int8 (0x29 and 1 byte)", "int8, descending (0xD6 and 1 byte)"},
    [INT16] = {0x2A, 3, "int16 (0x2A and 2 bytes)", "int16, descending (0xD5 and 2 bytes)"},
    [INT32] = {0x2B, 5, "int32 (0x2B and 4 bytes)", "int32, descending (0xD4 and 4 bytes)"},
    [INT64] = {0x2C, 9, "int64 (0x2C and 8 bytes)", "int64, descending (0xD3 and 8 bytes)"},
    [FLOAT32] = {0x30, 5, "float32 (0x30 and 4 bytes)", "float32, descending (0xCF and 4 bytes)"},
    [FLOAT64] = {0x31, 9, "float64 (0x31 and 8 bytes)", "float64, descending (0xCE and 8 bytes)"},
    [TEXT] = {HEADER_TEXT, 0, "string (0x34 to 0x00)", "string, descending (0xCB to 0xFF)"},
    [BLOB_VAR] = {HEADER_BLOB_VAR, 0, "blob (0x37, 7 bits a byte)", "blob, descending (0xC8, 7 bits a byte)"},
    [BLOB_COPY] = {HEADER_BLOB_COPY, 0, "blob copy (0x38)", "blob copy, descending (0xC7 to 0xFF)"},
    [NUMERIC] = {0, 0, "numeric (0x07 to 0x26)", "numeric, descending (0xD9 to 0xF8)"},
};

static enum kind kind_of(enum ps_hbase_encoding encoding, const struct ps_column_schema *column) {
    if (encoding == PS_HBASE_AS_NUMERIC || encoding == PS_HBASE_AS_NUMERIC_DESC) {
        return NUMERIC;
    }
    if (encoding == PS_HBASE_AS_BLOB_LAST || encoding == PS_HBASE_AS_BLOB_LAST_DESC) {
        return BLOB_COPY;
    }
    switch (column->type) {
    case PS_TYPE_BOOLEAN:
    case PS_TYPE_TINYINT: return INT8;
    case PS_TYPE_SMALLINT: return INT16;
    case PS_TYPE_INTEGER:
    case PS_TYPE_DATE: return INT32;
    case PS_TYPE_BIGINT:
    case PS_TYPE_TIMESTAMP: return INT64;
    case PS_TYPE_FLOAT: return FLOAT32;
    case PS_TYPE_DOUBLE: return FLOAT64;
    case PS_TYPE_VARCHAR: return TEXT;
    case PS_TYPE_BLOB: return BLOB_VAR;
    case PS_TYPE_CAST: break;
    }
    return ps_hbase_kind_of(column->type_text) == PS_HBASE_KIND_NUMBER ? NUMERIC : TEXT;
}

const char *ps_hbase_ordered_name(enum ps_hbase_encoding encoding, const struct ps_column_schema *column) {
    const enum kind kind = kind_of(encoding, column);
    return ps_hbase_encoding_is_descending(encoding) ? kinds[kind].name_descending : kinds[kind].name;
}

/* What every byte is to be combined with. */
static unsigned char mask_of(enum ps_hbase_encoding encoding) {
    return ps_hbase_encoding_is_descending(encoding) ? 0xFF : 0;
}

static unsigned char byte_at(struct ps_bytes bytes, size_t index, unsigned char mask) {
    return (unsigned char)((unsigned char)bytes.data[index] ^ mask);
}

/* Behind the first byte from `at` on of which the masked bits are 0; 0 if there is none. */
static size_t end_of(struct ps_bytes bytes, size_t at, unsigned char mask, unsigned char bits) {
    for (; at < bytes.size; at++) {
        if ((byte_at(bytes, at, mask) & bits) == 0) {
            return at + 1;
        }
    }
    return 0;
}

size_t ps_hbase_ordered_measure(enum ps_hbase_encoding encoding, struct ps_bytes bytes) {
    const unsigned char mask = mask_of(encoding);
    if (bytes.size == 0 || encoding == PS_HBASE_AS_BLOB_LAST || encoding == PS_HBASE_AS_BLOB_LAST_DESC) {
        return bytes.size;
    }
    const unsigned char header = byte_at(bytes, 0, mask);
    if (header == HEADER_NULL) {
        return 1;
    }
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (kinds[i].size > 0 && kinds[i].header == header) {
            return kinds[i].size <= bytes.size ? kinds[i].size : 0;
        }
    }
    if (header == HEADER_TEXT || header == HEADER_BLOB_VAR) {
        return end_of(bytes, 1, mask, header == HEADER_TEXT ? 0xFF : 0x80);
    }
    return ps_hbase_numeric_measure(bytes, mask);
}

/* --- bytes to values --------------------------------------------------------------------------------------------- */

static enum ps_hbase_fit decode_integer(const struct ps_hbase_slot *slot, uint64_t bits, size_t size) {
    /* the sign bit was inverted; move it to the top to spread it */
    const unsigned shift = (unsigned)(8 * (8 - size));
    const uint64_t top = (bits << shift) ^ ((uint64_t)1 << 63);
    const int64_t value = (int64_t)top >> shift;
    return slot->column->type == PS_TYPE_TIMESTAMP ? ps_hbase_store_millis(slot, value)
                                                   : ps_hbase_store_integer(slot, value);
}

static enum ps_hbase_fit decode_float(const struct ps_hbase_slot *slot, uint64_t stored, bool is_single) {
    double value;
    if (is_single) {
        const uint32_t low = (uint32_t)stored;
        const uint32_t bits = (low & UINT32_C(0x80000000)) != 0 ? low ^ UINT32_C(0x80000000) : ~low;
        float single;
        memcpy(&single, &bits, sizeof single);
        if (isnan(single) && bits != NAN_BITS_32) {
            return PS_HBASE_MISFIT_VALUE;
        }
        value = (double)single;
    } else {
        const uint64_t sign = (uint64_t)1 << 63;
        const uint64_t bits = (stored & sign) != 0 ? stored ^ sign : ~stored;
        memcpy(&value, &bits, sizeof value);
        if (isnan(value) && bits != NAN_BITS_64) {
            return PS_HBASE_MISFIT_VALUE;
        }
    }
    return ps_hbase_store_double(slot, value);
}

/* `content`: masked bytes without header and terminator. */
static enum ps_hbase_fit decode_bytes(const struct ps_hbase_slot *slot, struct ps_bytes content,
                                      unsigned char mask, bool has_no_zero) {
    if (mask == 0) {
        return ps_hbase_store_text(slot, content);
    }
    ps_buffer_clear(slot->scratch);
    for (size_t i = 0; i < content.size; i++) {
        const char byte = (char)byte_at(content, i, mask);
        if (has_no_zero && byte == '\0') {
            return PS_HBASE_MISFIT_VALUE;
        }
        ps_buffer_add(slot->scratch, &byte, 1);
    }
    return slot->scratch->failed
               ? PS_HBASE_NO_MEMORY
               : ps_hbase_store_copy(slot, (struct ps_bytes){slot->scratch->data, content.size});
}

/* Seven bits a byte, the highest bit says that more follow. */
static enum ps_hbase_fit decode_blob_var(const struct ps_hbase_slot *slot, struct ps_bytes content,
                                         unsigned char mask) {
    const size_t size = content.size * 7 / 8;
    uint32_t bits = 0, bit_count = 0;
    ps_buffer_clear(slot->scratch);
    for (size_t i = 0; i < content.size; i++) {
        bits = (bits << 7 | (byte_at(content, i, mask) & 0x7F)) & 0xFFFF;
        bit_count += 7;
        if (bit_count >= 8) {
            bit_count -= 8;
            const char byte = (char)(unsigned char)(bits >> bit_count & 0xFF);
            ps_buffer_add(slot->scratch, &byte, 1);
        }
    }
    const bool is_tight = content.size == (size == 0 ? 1 : (size * 8 + 6) / 7);
    if (!is_tight || (bits & ((1U << bit_count) - 1)) != 0) {
        return PS_HBASE_MISFIT_VALUE;
    }
    return slot->scratch->failed ? PS_HBASE_NO_MEMORY
                                 : ps_hbase_store_copy(slot, (struct ps_bytes){slot->scratch->data, size});
}

static enum ps_hbase_fit decode_blob_copy(const struct ps_hbase_slot *slot, struct ps_bytes bytes,
                                          unsigned char mask) {
    struct ps_bytes content = {bytes.data + 1, bytes.size - 1};
    if (mask != 0) {
        if (content.size == 0 || byte_at(bytes, bytes.size - 1, mask) != 0) {
            return PS_HBASE_MISFIT_VALUE;
        }
        content.size--;
    }
    return decode_bytes(slot, content, mask, true);
}

static bool is_null(enum kind kind, struct ps_bytes bytes, unsigned char mask) {
    const bool is_ended = kind == BLOB_COPY && mask != 0; /* by a terminator */
    return byte_at(bytes, 0, mask) == HEADER_NULL && bytes.size == (is_ended ? 2 : 1) &&
           (!is_ended || byte_at(bytes, 1, mask) == 0);
}

enum ps_hbase_fit ps_hbase_ordered_decode(enum ps_hbase_encoding encoding, struct ps_bytes bytes,
                                          const struct ps_hbase_slot *slot) {
    const enum kind kind = kind_of(encoding, slot->column);
    const unsigned char mask = mask_of(encoding);
    if (bytes.size == 0) {
        return PS_HBASE_MISFIT_VALUE;
    }
    if (is_null(kind, bytes, mask)) {
        return PS_HBASE_FITS_NULL;
    }
    if (kind == NUMERIC) {
        return ps_hbase_numeric_decode(bytes, mask, slot);
    }
    if (byte_at(bytes, 0, mask) != kinds[kind].header) {
        return PS_HBASE_MISFIT_VALUE;
    }
    if (kind == BLOB_COPY) {
        return decode_blob_copy(slot, bytes, mask);
    }
    if (ps_hbase_ordered_measure(encoding, bytes) != bytes.size) {
        return PS_HBASE_MISFIT_VALUE;
    }
    if (kind == TEXT) {
        return decode_bytes(slot, (struct ps_bytes){bytes.data + 1, bytes.size - 2}, mask, true);
    }
    if (kind == BLOB_VAR) {
        return decode_blob_var(slot, (struct ps_bytes){bytes.data + 1, bytes.size - 1}, mask);
    }
    uint64_t bits = 0;
    for (size_t i = 1; i < bytes.size; i++) {
        bits = bits << 8 | byte_at(bytes, i, mask);
    }
    return kind == FLOAT32 || kind == FLOAT64 ? decode_float(slot, bits, kind == FLOAT32)
                                              : decode_integer(slot, bits, bytes.size - 1);
}

/* --- values to bytes --------------------------------------------------------------------------------------------- */

static void add_masked(struct ps_buffer *out, const char *data, size_t size, unsigned char mask) {
    for (size_t i = 0; i < size && mask != 0; i++) {
        const char byte = (char)(unsigned char)((unsigned char)data[i] ^ mask);
        ps_buffer_add(out, &byte, 1);
    }
    if (mask == 0 && size > 0) {
        ps_buffer_add(out, data, size);
    }
}

static void add_byte(struct ps_buffer *out, unsigned char byte, unsigned char mask) {
    const char masked = (char)(unsigned char)(byte ^ mask);
    ps_buffer_add(out, &masked, 1);
}

static void add_bits(struct ps_buffer *out, uint64_t bits, size_t size, unsigned char mask) {
    for (size_t i = size; i > 0; i--) {
        add_byte(out, (unsigned char)(bits >> (8 * (i - 1)) & 0xFF), mask);
    }
}

static penstock_code encode_integer(enum kind kind, const struct ps_column_schema *column,
                                    struct ps_bytes value, struct ps_buffer *out, unsigned char mask,
                                    struct penstock_error *error) {
    const size_t size = kinds[kind].size - 1;
    const int64_t max = INT64_MAX >> (8 * (8 - size));
    int64_t integer = 0;
    enum ps_hbase_fit fit;
    if (column->type == PS_TYPE_TIMESTAMP) {
        fit = ps_hbase_micros_of_text(value, &integer);
        integer = ps_hbase_divide_down(integer, 1000);
    } else {
        fit = ps_hbase_integer_of_text(column->type, value, &integer);
    }
    if (fit != PS_HBASE_FITS || integer > max || integer < -max - 1) {
        return ps_hbase_refuse_value(column, value, "is no value for OrderedBytes of this type", error);
    }
    add_byte(out, kinds[kind].header, mask);
    add_bits(out, (uint64_t)integer ^ (uint64_t)1 << (8 * size - 1), size, mask);
    return PENSTOCK_OK;
}

static penstock_code encode_float(enum kind kind, const struct ps_column_schema *column,
                                  struct ps_bytes value, struct ps_buffer *out, unsigned char mask,
                                  struct penstock_error *error) {
    double real = 0;
    if (ps_hbase_double_of_text(value, &real) != PS_HBASE_FITS ||
        (kind == FLOAT32 && isfinite(real) && !isfinite((float)real))) {
        return ps_hbase_refuse_value(column, value, "is no value for OrderedBytes of this type", error);
    }
    add_byte(out, kinds[kind].header, mask);
    if (kind == FLOAT32) {
        const float single = (float)real;
        uint32_t bits;
        memcpy(&bits, &single, sizeof bits);
        bits = isnan(single) ? NAN_BITS_32 : bits;
        add_bits(out, (bits & UINT32_C(0x80000000)) != 0 ? ~bits : bits | UINT32_C(0x80000000), 4, mask);
    } else {
        const uint64_t sign = (uint64_t)1 << 63;
        uint64_t bits;
        memcpy(&bits, &real, sizeof bits);
        bits = isnan(real) ? NAN_BITS_64 : bits;
        add_bits(out, (bits & sign) != 0 ? ~bits : bits | sign, 8, mask);
    }
    return PENSTOCK_OK;
}

static void encode_blob_var(struct ps_bytes value, struct ps_buffer *out, unsigned char mask) {
    uint32_t bits = 0, bit_count = 0;
    add_byte(out, HEADER_BLOB_VAR, mask);
    for (size_t i = 0; i < value.size; i++) {
        bits = (bits << 8 | (unsigned char)value.data[i]) & 0xFFFF;
        bit_count += 8;
        while (bit_count >= 7 && (bit_count > 7 || i + 1 < value.size)) {
            bit_count -= 7;
            add_byte(out, (unsigned char)(0x80 | (bits >> bit_count & 0x7F)), mask);
        }
    }
    /* the last one: what is left, from the left */
    add_byte(out, (unsigned char)(bits << (7 - bit_count) & 0x7F), mask);
}

penstock_code ps_hbase_ordered_encode(enum ps_hbase_encoding encoding, const struct ps_column_schema *column,
                                      struct ps_bytes value, struct ps_buffer *out,
                                      struct penstock_error *error) {
    const enum kind kind = kind_of(encoding, column);
    const unsigned char mask = mask_of(encoding);
    size_t bad;
    switch (kind) {
    case INT8:
    case INT16:
    case INT32:
    case INT64: return encode_integer(kind, column, value, out, mask, error);
    case FLOAT32:
    case FLOAT64: return encode_float(kind, column, value, out, mask, error);
    case NUMERIC: return ps_hbase_numeric_encode(column, value, out, mask, error);
    case BLOB_VAR: encode_blob_var(value, out, mask); return PENSTOCK_OK;
    case TEXT:
    case BLOB_COPY:
    case KIND_COUNT: break;
    }
    if (column->type != PS_TYPE_BLOB && !ps_bytes_is_utf8(value, &bad)) {
        return ps_hbase_refuse_value(column, value, "is not UTF-8", error);
    }
    const bool is_ended = kind == TEXT || mask != 0;
    if (is_ended && value.size > 0 && memchr(value.data, '\0', value.size) != NULL) {
        return ps_hbase_refuse_value(column, value, "has a byte 0x00, which ends a value of OrderedBytes",
                                     error);
    }
    add_byte(out, kinds[kind].header, mask);
    add_masked(out, value.data, value.size, mask);
    if (is_ended) {
        add_byte(out, 0, mask);
    }
    return PENSTOCK_OK;
}
