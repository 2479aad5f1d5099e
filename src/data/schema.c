/* SPDX-License-Identifier: Apache-2.0
 *
 * schema.c - how SQL types travel in a batch.
 *
 * The names are DuckDB's, aliases included (INT8 is 64 bit, as in PostgreSQL). Whatever is not in the list
 * travels as text and is cast by SQL, so a type that DuckDB learns later needs no change here.
 */
#include "data/schema.h"

#include <ctype.h>
#include <stdio.h>

struct type_name {
    const char *name;
    enum ps_type type;
};

static const struct type_name type_names[] = {
    {"BOOLEAN", PS_TYPE_BOOLEAN},
    {"BOOL", PS_TYPE_BOOLEAN},
    {"LOGICAL", PS_TYPE_BOOLEAN},
    {"TINYINT", PS_TYPE_TINYINT},
    {"INT1", PS_TYPE_TINYINT},
    {"SMALLINT", PS_TYPE_SMALLINT},
    {"INT2", PS_TYPE_SMALLINT},
    {"INT16", PS_TYPE_SMALLINT},
    {"SHORT", PS_TYPE_SMALLINT},
    {"INTEGER", PS_TYPE_INTEGER},
    {"INT", PS_TYPE_INTEGER},
    {"INT4", PS_TYPE_INTEGER},
    {"INT32", PS_TYPE_INTEGER},
    {"SIGNED", PS_TYPE_INTEGER},
    {"INTEGRAL", PS_TYPE_INTEGER},
    {"BIGINT", PS_TYPE_BIGINT},
    {"INT8", PS_TYPE_BIGINT},
    {"INT64", PS_TYPE_BIGINT},
    {"LONG", PS_TYPE_BIGINT},
    {"FLOAT", PS_TYPE_FLOAT},
    {"FLOAT4", PS_TYPE_FLOAT},
    {"REAL", PS_TYPE_FLOAT},
    {"DOUBLE", PS_TYPE_DOUBLE},
    {"FLOAT8", PS_TYPE_DOUBLE},
    {"DOUBLE PRECISION", PS_TYPE_DOUBLE},
    {"DATE", PS_TYPE_DATE},
    {"TIMESTAMP", PS_TYPE_TIMESTAMP},
    {"DATETIME", PS_TYPE_TIMESTAMP},
    {"TIMESTAMP_US", PS_TYPE_TIMESTAMP},
    {"TIMESTAMP WITHOUT TIME ZONE", PS_TYPE_TIMESTAMP},
    {"TIMESTAMPTZ", PS_TYPE_TIMESTAMP},
    {"TIMESTAMP WITH TIME ZONE", PS_TYPE_TIMESTAMP},
    {"VARCHAR", PS_TYPE_VARCHAR},
    {"CHAR", PS_TYPE_VARCHAR},
    {"BPCHAR", PS_TYPE_VARCHAR},
    {"NVARCHAR", PS_TYPE_VARCHAR},
    {"CHARACTER VARYING", PS_TYPE_VARCHAR},
    {"TEXT", PS_TYPE_VARCHAR},
    {"STRING", PS_TYPE_VARCHAR},
    {"BLOB", PS_TYPE_BLOB},
    {"BYTEA", PS_TYPE_BLOB},
    {"BINARY", PS_TYPE_BLOB},
    {"VARBINARY", PS_TYPE_BLOB},
    {"BYTES", PS_TYPE_BLOB},
};

/* Upper case, one space between words, no space around; false if it does not fit (then it is no known name). */
static bool normalise(const char *text, char *out, size_t size) {
    size_t used = 0;
    bool pending_space = false;
    for (const char *at = text; *at != '\0'; at++) {
        if (isspace((unsigned char)*at)) {
            pending_space = used > 0;
            continue;
        }
        if (used + 3 > size) {
            return false;
        }
        if (pending_space && *at != '(') {
            out[used++] = ' ';
        }
        pending_space = false;
        out[used++] = (char)toupper((unsigned char)*at);
    }
    out[used] = '\0';
    return true;
}

enum ps_type ps_type_of_sql(const char *type_text) {
    char name[64];
    if (type_text == NULL || !normalise(type_text, name, sizeof(name))) {
        return PS_TYPE_CAST;
    }
    /* VARCHAR(20): DuckDB accepts the length and does not use it */
    char *parenthesis = strchr(name, '(');
    const bool has_length = parenthesis != NULL && parenthesis[strlen(parenthesis) - 1] == ')' &&
                            strspn(parenthesis + 1, "0123456789 ") == strlen(parenthesis) - 2;
    if (has_length) {
        *parenthesis = '\0';
    }
    for (size_t i = 0; i < sizeof(type_names) / sizeof(type_names[0]); i++) {
        if (strcmp(type_names[i].name, name) == 0) {
            const bool is_text = type_names[i].type == PS_TYPE_VARCHAR;
            return has_length && !is_text ? PS_TYPE_CAST : type_names[i].type;
        }
    }
    return PS_TYPE_CAST;
}

size_t ps_type_size(enum ps_type type) {
    switch (type) {
    case PS_TYPE_BOOLEAN:
    case PS_TYPE_TINYINT: return 1;
    case PS_TYPE_SMALLINT: return 2;
    case PS_TYPE_INTEGER:
    case PS_TYPE_FLOAT:
    case PS_TYPE_DATE: return 4;
    case PS_TYPE_BIGINT:
    case PS_TYPE_DOUBLE:
    case PS_TYPE_TIMESTAMP: return 8;
    case PS_TYPE_VARCHAR:
    case PS_TYPE_BLOB:
    case PS_TYPE_CAST: return sizeof(struct ps_bytes);
    }
    return 0;
}

const char *ps_type_sql(enum ps_type type) {
    switch (type) {
    case PS_TYPE_BOOLEAN: return "BOOLEAN";
    case PS_TYPE_TINYINT: return "TINYINT";
    case PS_TYPE_SMALLINT: return "SMALLINT";
    case PS_TYPE_INTEGER: return "INTEGER";
    case PS_TYPE_BIGINT: return "BIGINT";
    case PS_TYPE_FLOAT: return "FLOAT";
    case PS_TYPE_DOUBLE: return "DOUBLE";
    case PS_TYPE_DATE: return "DATE";
    case PS_TYPE_TIMESTAMP: return "TIMESTAMP";
    case PS_TYPE_BLOB: return "BLOB";
    case PS_TYPE_VARCHAR:
    case PS_TYPE_CAST: return "VARCHAR";
    }
    return "VARCHAR";
}

int64_t ps_schema_find(const struct ps_schema *schema, const char *name) {
    for (size_t i = 0; i < schema->column_count; i++) {
        if (ps_text_equal_nocase(schema->columns[i].name, name)) {
            return (int64_t)i;
        }
    }
    return -1;
}
