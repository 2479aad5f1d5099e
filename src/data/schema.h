/* SPDX-License-Identifier: Apache-2.0
 *
 * schema.h - what a row is: named columns with types.
 *
 * A column keeps the type as its user wrote it (`type_text`, any DuckDB type) and the way its values
 * travel in a batch (`type`). Types that have no native column (DECIMAL, UUID, LIST, STRUCT, ...) travel
 * as text and are cast by SQL with TRY_CAST; a value that does not cast makes its record a dead letter.
 */
#ifndef PS_DATA_SCHEMA_H
#define PS_DATA_SCHEMA_H

#include "base/bytes.h"

enum ps_type {
    PS_TYPE_BOOLEAN,   /* uint8_t 0 or 1 */
    PS_TYPE_TINYINT,   /* int8_t */
    PS_TYPE_SMALLINT,  /* int16_t */
    PS_TYPE_INTEGER,   /* int32_t */
    PS_TYPE_BIGINT,    /* int64_t */
    PS_TYPE_FLOAT,     /* float */
    PS_TYPE_DOUBLE,    /* double */
    PS_TYPE_DATE,      /* int32_t days since 1970-01-01 */
    PS_TYPE_TIMESTAMP, /* int64_t microseconds since 1970-01-01, also WITH TIME ZONE (then UTC) */
    PS_TYPE_VARCHAR,   /* struct ps_bytes, UTF-8 */
    PS_TYPE_BLOB,      /* struct ps_bytes */
    PS_TYPE_CAST,      /* struct ps_bytes: text that SQL casts to type_text */
};

struct ps_column_schema {
    const char *name;
    const char *type_text; /* as written: "DECIMAL(10,2)" */
    enum ps_type type;
    bool not_null;
};

struct ps_schema {
    struct ps_column_schema *columns;
    size_t column_count;
};

/* How a column of this SQL type travels. Aliases as in DuckDB (INT, INT8, TEXT, STRING, REAL, DATETIME...). */
enum ps_type ps_type_of_sql(const char *type_text);
/* Bytes of one value in a column. */
size_t ps_type_size(enum ps_type type);
/* Are its values bytes, as those of VARCHAR, BLOB and of what travels as text? */
static inline bool ps_type_is_bytes(enum ps_type type) {
    return type == PS_TYPE_VARCHAR || type == PS_TYPE_BLOB || type == PS_TYPE_CAST;
}
/* The SQL type that a batch column of this kind has: PS_TYPE_CAST is VARCHAR. */
const char *ps_type_sql(enum ps_type type);
/* Index of a column by name (ASCII case ignored), or -1. */
int64_t ps_schema_find(const struct ps_schema *schema, const char *name);

#endif
