/* SPDX-License-Identifier: Apache-2.0
 *
 * hbase_encoding.c - the encodings: their names, what they suit, and what the order of their bytes says.
 *
 * What a predicate may be pushed down by is stated here and nowhere else, and proven by a test that compares values
 * and bytes.
 */
#include "connect/hbase_ordered.h"

#include <strings.h>

#define ENCODING_COUNT (PS_HBASE_AS_JSON + 1)

struct encoding {
    const char *name, *what;
    size_t size; /* of every value; 0: it depends */
};

static const struct encoding encodings[ENCODING_COUNT] = {
    [PS_HBASE_AS_BYTES] = {"bytes", "bytes", 0},
    [PS_HBASE_AS_BYTE] = {"byte", "a byte", 1},
    [PS_HBASE_AS_SHORT] = {"short", "a short", 2},
    [PS_HBASE_AS_INT] = {"int", "an int", 4},
    [PS_HBASE_AS_LONG] = {"long", "a long", 8},
    [PS_HBASE_AS_FLOAT] = {"float", "a float", 4},
    [PS_HBASE_AS_DOUBLE] = {"double", "a double", 8},
    [PS_HBASE_AS_BOOLEAN] = {"boolean", "a boolean", 1},
    [PS_HBASE_AS_DECIMAL] = {"decimal", "a decimal", 0},
    [PS_HBASE_AS_RAW] = {"raw", "bytes", 0},
    [PS_HBASE_AS_TEXT] = {"text", "text", 0},
    [PS_HBASE_AS_PADDED] = {"padded", "a zero-padded number", 0},
    [PS_HBASE_AS_SECONDS] = {"seconds", "a time in seconds", 8},
    [PS_HBASE_AS_MILLIS] = {"millis", "a time in milliseconds", 8},
    [PS_HBASE_AS_MICROS] = {"micros", "a time in microseconds", 8},
    [PS_HBASE_AS_REVERSED] = {"reversed", "a reversed long", 8},
    [PS_HBASE_AS_ORDERED] = {"ordered", "an OrderedBytes value", 0},
    [PS_HBASE_AS_ORDERED_DESC] = {"ordered_desc", "a descending OrderedBytes value", 0},
    [PS_HBASE_AS_NUMERIC] = {"numeric", "an OrderedBytes numeric", 0},
    [PS_HBASE_AS_NUMERIC_DESC] = {"numeric_desc", "a descending OrderedBytes numeric", 0},
    [PS_HBASE_AS_BLOB_LAST] = {"blob_last", "an OrderedBytes blob copy", 0},
    [PS_HBASE_AS_BLOB_LAST_DESC] = {"blob_last_desc", "a descending OrderedBytes blob copy", 0},
    [PS_HBASE_AS_JSON] = {"json", "JSON", 0},
};

/* Other words that users of HBase, Phoenix, Flink or Spark know. */
static const struct {
    const char *name;
    enum ps_hbase_encoding encoding;
} aliases[] = {{"string", PS_HBASE_AS_TEXT},
               {"bool", PS_HBASE_AS_BOOLEAN},
               {"integer", PS_HBASE_AS_INT},
               {"bigdecimal", PS_HBASE_AS_DECIMAL},
               {"ordered_asc", PS_HBASE_AS_ORDERED}};

const char *ps_hbase_encoding_name(enum ps_hbase_encoding encoding) {
    return encodings[encoding].name;
}

const char *ps_hbase_encoding_what(enum ps_hbase_encoding encoding) {
    return encodings[encoding].what;
}

bool ps_hbase_encoding_find(const char *name, enum ps_hbase_encoding *encoding_out) {
    for (size_t i = 0; i < ENCODING_COUNT; i++) {
        if (i != PS_HBASE_AS_PADDED && ps_text_equal_nocase(encodings[i].name, name)) {
            *encoding_out = (enum ps_hbase_encoding)i;
            return true;
        }
    }
    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++) {
        if (ps_text_equal_nocase(aliases[i].name, name)) {
            *encoding_out = aliases[i].encoding;
            return true;
        }
    }
    return false;
}

const char *ps_hbase_encoding_nearest(const char *name) {
    const char *names[ENCODING_COUNT + 1] = {NULL};
    size_t count = 0;
    for (size_t i = 0; i < ENCODING_COUNT; i++) {
        if (i != PS_HBASE_AS_PADDED) {
            names[count++] = encodings[i].name;
        }
    }
    return ps_nearest(name, names);
}

/* --- types ------------------------------------------------------------------------------------------------------- */

static bool is_integer(enum ps_type type) {
    return type >= PS_TYPE_TINYINT && type <= PS_TYPE_BIGINT;
}

static bool is_number(enum ps_type type) {
    return type >= PS_TYPE_TINYINT && type <= PS_TYPE_DOUBLE;
}

enum ps_hbase_kind ps_hbase_kind_of(const char *type_text) {
    static const struct {
        const char *name;
        enum ps_hbase_kind kind;
    } kinds[] = {{"DECIMAL", PS_HBASE_KIND_NUMBER},    {"NUMERIC", PS_HBASE_KIND_NUMBER},
                 {"DEC", PS_HBASE_KIND_NUMBER},        {"HUGEINT", PS_HBASE_KIND_NUMBER},
                 {"UHUGEINT", PS_HBASE_KIND_NUMBER},   {"INT128", PS_HBASE_KIND_NUMBER},
                 {"UINT128", PS_HBASE_KIND_NUMBER},    {"UBIGINT", PS_HBASE_KIND_NUMBER},
                 {"UINT64", PS_HBASE_KIND_NUMBER},     {"UINTEGER", PS_HBASE_KIND_NUMBER},
                 {"UINT32", PS_HBASE_KIND_NUMBER},     {"USMALLINT", PS_HBASE_KIND_NUMBER},
                 {"UINT16", PS_HBASE_KIND_NUMBER},     {"UTINYINT", PS_HBASE_KIND_NUMBER},
                 {"UINT8", PS_HBASE_KIND_NUMBER},      {"TIMESTAMP_S", PS_HBASE_KIND_TIME},
                 {"TIMESTAMP_MS", PS_HBASE_KIND_TIME}, {"TIMESTAMP_NS", PS_HBASE_KIND_TIME},
                 {"JSON", PS_HBASE_KIND_JSON}};
    const size_t size = strcspn(type_text, " (");
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && strchr(type_text, '[') == NULL; i++) {
        if (strlen(kinds[i].name) == size && strncasecmp(kinds[i].name, type_text, size) == 0) {
            return kinds[i].kind;
        }
    }
    return PS_HBASE_KIND_OTHER;
}

/* What Bytes.toBytes() of the type is; for types that it has not, what is nearest to it. */
static enum ps_hbase_encoding usual(const struct ps_column_schema *column) {
    switch (column->type) {
    case PS_TYPE_BOOLEAN: return PS_HBASE_AS_BOOLEAN;
    case PS_TYPE_TINYINT: return PS_HBASE_AS_BYTE;
    case PS_TYPE_SMALLINT: return PS_HBASE_AS_SHORT;
    case PS_TYPE_INTEGER:
    case PS_TYPE_DATE: return PS_HBASE_AS_INT;
    case PS_TYPE_BIGINT: return PS_HBASE_AS_LONG;
    case PS_TYPE_FLOAT: return PS_HBASE_AS_FLOAT;
    case PS_TYPE_DOUBLE: return PS_HBASE_AS_DOUBLE;
    case PS_TYPE_TIMESTAMP: return PS_HBASE_AS_MILLIS;
    case PS_TYPE_BLOB: return PS_HBASE_AS_RAW;
    case PS_TYPE_VARCHAR: return PS_HBASE_AS_TEXT;
    case PS_TYPE_CAST: break;
    }
    switch (ps_hbase_kind_of(column->type_text)) {
    case PS_HBASE_KIND_NUMBER: return PS_HBASE_AS_DECIMAL;
    case PS_HBASE_KIND_TIME: return PS_HBASE_AS_MILLIS;
    case PS_HBASE_KIND_JSON: return PS_HBASE_AS_JSON;
    case PS_HBASE_KIND_OTHER: break;
    }
    return PS_HBASE_AS_TEXT;
}

enum ps_hbase_encoding ps_hbase_encoding_resolve(enum ps_hbase_encoding encoding,
                                                 const struct ps_column_schema *column) {
    if (encoding == PS_HBASE_AS_BYTES) {
        return usual(column);
    }
    if (encoding == PS_HBASE_AS_TEXT && column->type == PS_TYPE_BLOB) {
        return PS_HBASE_AS_RAW;
    }
    return encoding == PS_HBASE_AS_RAW && column->type == PS_TYPE_VARCHAR ? PS_HBASE_AS_TEXT : encoding;
}

bool ps_hbase_encoding_suits(enum ps_hbase_encoding encoding, const struct ps_column_schema *column) {
    const enum ps_type type = column->type;
    const enum ps_hbase_kind kind =
        type == PS_TYPE_CAST ? ps_hbase_kind_of(column->type_text) : PS_HBASE_KIND_OTHER;
    const bool counts = is_number(type) || kind == PS_HBASE_KIND_NUMBER;
    const bool is_time = type == PS_TYPE_DATE || type == PS_TYPE_TIMESTAMP || kind == PS_HBASE_KIND_TIME;
    switch (encoding) {
    case PS_HBASE_AS_BYTES:
    case PS_HBASE_AS_TEXT:
    case PS_HBASE_AS_ORDERED:
    case PS_HBASE_AS_ORDERED_DESC: return true;
    case PS_HBASE_AS_BYTE:
    case PS_HBASE_AS_SHORT: return counts || type == PS_TYPE_BOOLEAN;
    case PS_HBASE_AS_INT:
    case PS_HBASE_AS_LONG: return counts || type == PS_TYPE_BOOLEAN || type == PS_TYPE_DATE;
    case PS_HBASE_AS_FLOAT:
    case PS_HBASE_AS_DOUBLE:
    case PS_HBASE_AS_DECIMAL:
    case PS_HBASE_AS_NUMERIC:
    case PS_HBASE_AS_NUMERIC_DESC: return counts;
    case PS_HBASE_AS_BOOLEAN: return type == PS_TYPE_BOOLEAN;
    case PS_HBASE_AS_RAW:
    case PS_HBASE_AS_BLOB_LAST:
    case PS_HBASE_AS_BLOB_LAST_DESC: return type == PS_TYPE_BLOB || type == PS_TYPE_VARCHAR;
    case PS_HBASE_AS_PADDED: return is_integer(type);
    case PS_HBASE_AS_SECONDS:
    case PS_HBASE_AS_MILLIS:
    case PS_HBASE_AS_MICROS: return is_time;
    case PS_HBASE_AS_REVERSED: return is_time || is_integer(type);
    case PS_HBASE_AS_JSON: return type != PS_TYPE_BLOB;
    }
    return false;
}

/* --- bytes ------------------------------------------------------------------------------------------------------- */

bool ps_hbase_encoding_is_ordered_bytes(enum ps_hbase_encoding encoding) {
    return encoding >= PS_HBASE_AS_ORDERED && encoding <= PS_HBASE_AS_BLOB_LAST_DESC;
}

bool ps_hbase_encoding_is_descending(enum ps_hbase_encoding encoding) {
    return encoding == PS_HBASE_AS_ORDERED_DESC || encoding == PS_HBASE_AS_NUMERIC_DESC ||
           encoding == PS_HBASE_AS_BLOB_LAST_DESC;
}

/* An OrderedBytes value has no fixed size: any may be a NULL of one byte. */
size_t ps_hbase_encoding_size(enum ps_hbase_encoding encoding, enum ps_type type) {
    (void)type;
    return encodings[encoding].size;
}

enum ps_hbase_order ps_hbase_encoding_order(enum ps_hbase_encoding encoding, enum ps_type type) {
    const bool is_text = type == PS_TYPE_VARCHAR || type == PS_TYPE_BLOB;
    const enum ps_hbase_order way =
        ps_hbase_encoding_is_descending(encoding) ? PS_HBASE_ORDER_OPPOSITE : PS_HBASE_ORDER_SAME;
    switch (encoding) {
    case PS_HBASE_AS_BYTE:
    case PS_HBASE_AS_SHORT:
    case PS_HBASE_AS_PADDED:
    case PS_HBASE_AS_INT:
    case PS_HBASE_AS_LONG:
        return is_integer(type) || type == PS_TYPE_DATE ? PS_HBASE_ORDER_FROM_ZERO : PS_HBASE_ORDER_NONE;
    case PS_HBASE_AS_FLOAT:
    case PS_HBASE_AS_DOUBLE:
        return type == PS_TYPE_FLOAT || type == PS_TYPE_DOUBLE ? PS_HBASE_ORDER_FROM_ZERO
                                                               : PS_HBASE_ORDER_NONE;
    case PS_HBASE_AS_SECONDS:
    case PS_HBASE_AS_MILLIS:
    case PS_HBASE_AS_MICROS:
        return type == PS_TYPE_TIMESTAMP ? PS_HBASE_ORDER_FROM_ZERO : PS_HBASE_ORDER_NONE;
    case PS_HBASE_AS_REVERSED:
        return is_integer(type) || type == PS_TYPE_TIMESTAMP ? PS_HBASE_ORDER_OPPOSITE : PS_HBASE_ORDER_NONE;
    case PS_HBASE_AS_RAW:
    case PS_HBASE_AS_TEXT: return is_text ? PS_HBASE_ORDER_SAME : PS_HBASE_ORDER_NONE;
    case PS_HBASE_AS_BLOB_LAST:
    case PS_HBASE_AS_BLOB_LAST_DESC: return is_text ? way : PS_HBASE_ORDER_NONE;
    case PS_HBASE_AS_ORDERED:
    case PS_HBASE_AS_ORDERED_DESC:
        /* not that of bytes: 0x01 stands before 0x00 0xFF, because the bit that says that more follows comes first */
        return type != PS_TYPE_CAST && type != PS_TYPE_BLOB ? way : PS_HBASE_ORDER_NONE;
    case PS_HBASE_AS_NUMERIC:
    case PS_HBASE_AS_NUMERIC_DESC: return is_integer(type) ? way : PS_HBASE_ORDER_NONE;
    case PS_HBASE_AS_BYTES:
    case PS_HBASE_AS_BOOLEAN:
    case PS_HBASE_AS_DECIMAL:
    case PS_HBASE_AS_JSON: return PS_HBASE_ORDER_NONE;
    }
    return PS_HBASE_ORDER_NONE;
}

/* Where bytes have an order, a value has one form, but for the two zeros. */
bool ps_hbase_encoding_is_unique(enum ps_hbase_encoding encoding, enum ps_type type) {
    if (type == PS_TYPE_BLOB && (encoding == PS_HBASE_AS_ORDERED || encoding == PS_HBASE_AS_ORDERED_DESC)) {
        return true;
    }
    return type != PS_TYPE_FLOAT && type != PS_TYPE_DOUBLE &&
           ps_hbase_encoding_order(encoding, type) != PS_HBASE_ORDER_NONE;
}

/* --- what does not fit ------------------------------------------------------------------------------------------- */

/* Bytes of a value that a sentence shows. */
#define SHOWN_SIZE_MAX 16

static void show_found(struct ps_buffer *out, enum ps_hbase_encoding encoding, struct ps_bytes bytes) {
    const size_t shown = bytes.size < SHOWN_SIZE_MAX ? bytes.size : SHOWN_SIZE_MAX;
    const bool is_text =
        encoding == PS_HBASE_AS_TEXT || encoding == PS_HBASE_AS_JSON || encoding == PS_HBASE_AS_PADDED;
    ps_buffer_printf(out, "has %zu byte%s", bytes.size, bytes.size == 1 ? "" : "s");
    if (shown == 0) {
        return;
    }
    ps_buffer_text(out, is_text ? " ('" : " (");
    if (is_text) {
        ps_hbase_show(out, (struct ps_bytes){bytes.data, shown});
    }
    for (size_t i = 0; i < shown && !is_text; i++) {
        ps_buffer_printf(out, "%s0x%02X", i > 0 ? " " : "", (unsigned)(unsigned char)bytes.data[i]);
    }
    ps_buffer_text(out, is_text ? "'" : "");
    ps_buffer_text(out, shown < bytes.size ? " ...)" : ")");
}

void ps_hbase_explain_misfit(struct ps_buffer *out, enum ps_hbase_fit fit, enum ps_hbase_encoding encoding,
                             const struct ps_column_schema *column, struct ps_bytes bytes) {
    const struct encoding *const expected = &encodings[encoding];
    show_found(out, encoding, bytes);
    switch (fit) {
    case PS_HBASE_MISFIT_SIZE:
        if (expected->size > 0) {
            ps_buffer_printf(out, ", %s has %zu", expected->what, expected->size);
        } else {
            ps_buffer_printf(out, ", %s has at least %d", expected->what, PS_HBASE_DECIMAL_SIZE_MIN);
        }
        break;
    case PS_HBASE_MISFIT_RANGE:
        ps_buffer_printf(out, ", %s out of the range of %s", expected->what, column->type_text);
        break;
    case PS_HBASE_MISFIT_VALUE:
        if (ps_hbase_encoding_is_ordered_bytes(encoding)) {
            ps_buffer_printf(out, ", expected OrderedBytes %s", ps_hbase_ordered_name(encoding, column));
        } else {
            ps_buffer_printf(out, ", %s that is no %s", expected->what, column->type_text);
        }
        break;
    case PS_HBASE_MISFIT_UTF8: ps_buffer_text(out, ", which are not UTF-8"); break;
    case PS_HBASE_FITS:
    case PS_HBASE_FITS_NULL:
    case PS_HBASE_NO_MEMORY: break;
    }
}

enum ps_reason ps_hbase_reason_of(enum ps_hbase_fit fit) {
    return fit == PS_HBASE_MISFIT_RANGE  ? PS_REASON_RANGE
           : fit == PS_HBASE_MISFIT_UTF8 ? PS_REASON_ENCODING
                                         : PS_REASON_TYPE;
}
