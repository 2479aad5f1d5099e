/* SPDX-License-Identifier: Apache-2.0
 *
 * predicate_value.c - the constant that a column is compared with, as a value of the column's type.
 *
 * DuckDB computes it, so that it means what it means in the statement. But DuckDB may compare in a third type (an
 * INTEGER with 2.5 as DECIMAL), and a source can only compare values of the column's: so the nearest of those is taken,
 * and it is told on which side of the written one it lies. Where two types do not compare as numbers do, or where the
 * session's time zone decides, nothing is taken.
 */
#include "job/predicate_parts.h"
#include "job/syntax.h"

static bool is_any_of(const char *name, const char *const *names) {
    for (size_t i = 0; names[i] != NULL; i++) {
        if (ps_text_equal_nocase(name, names[i])) {
            return true;
        }
    }
    return false;
}

static bool visit_constant(yyjson_mut_val *node, void *context) {
    static const char *const functions[] = {
        "+",        "-",     "*",          "to_years",   "to_months",       "to_weeks",        "to_days",
        "to_hours", "trunc", "to_minutes", "to_seconds", "to_milliseconds", "to_microseconds", "from_hex",
        "unhex",    NULL};
    bool *is_constant = context;
    const char *const class_name = ps_tree_member(node, "class");
    if (strcmp(class_name, "FUNCTION") == 0) {
        *is_constant = *is_constant && is_any_of(ps_tree_member(node, "function_name"), functions);
    } else if (strcmp(class_name, "CAST") == 0) {
        const char *type = ps_tree_member(yyjson_mut_obj_get(node, "cast_type"), "id");
        *is_constant = *is_constant && strstr(type, "TIME ZONE") == NULL && strcmp(type, "USER") != 0 &&
                       strcmp(type, "UNBOUND") != 0;
    } else if (class_name[0] != '\0' && strcmp(class_name, "CONSTANT") != 0) {
        *is_constant = false;
    }
    return *is_constant;
}

bool ps_predicate_is_constant(yyjson_mut_val *expression) {
    bool is_constant = true;
    ps_tree_visit(expression, visit_constant, &is_constant);
    return is_constant;
}

/* Is there a floating point number in it? Written out again it may look like a DECIMAL. */
static bool visit_float(yyjson_mut_val *node, void *context) {
    bool *has_float = context;
    yyjson_mut_val *value = yyjson_mut_obj_get(node, "value");
    const char *type = ps_tree_member(yyjson_mut_obj_get(value, "type"), "id");
    const char *cast = ps_tree_member(yyjson_mut_obj_get(node, "cast_type"), "id");
    *has_float = *has_float || strcmp(type, "DOUBLE") == 0 || strcmp(cast, "DOUBLE") == 0;
    return !*has_float;
}

static bool has_float(yyjson_mut_val *expression) {
    bool has = false;
    ps_tree_visit(expression, visit_float, &has);
    return has;
}

static bool is_integer_type(enum ps_type type) {
    return type == PS_TYPE_TINYINT || type == PS_TYPE_SMALLINT || type == PS_TYPE_INTEGER ||
           type == PS_TYPE_BIGINT;
}

static bool is_number_text(const char *type) {
    static const char *const names[] = {"TINYINT",   "SMALLINT", "INTEGER", "BIGINT",   "HUGEINT", "UTINYINT",
                                        "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT", "DOUBLE",  NULL};
    return is_any_of(type, names) || strncmp(type, "DECIMAL", 7) == 0;
}

/* Do a column and a constant of these types compare as values of the column's type do? */
static bool is_comparable(enum ps_type column, const char *type, bool is_text_constant, bool is_listed) {
    const bool is_text = strcmp(type, "VARCHAR") == 0;
    if (column == PS_TYPE_VARCHAR) {
        return is_text;
    }
    if (is_text) {
        return is_text_constant && column != PS_TYPE_BOOLEAN;
    }
    switch (column) {
    case PS_TYPE_BOOLEAN: return strcmp(type, "BOOLEAN") == 0;
    case PS_TYPE_TINYINT:
    case PS_TYPE_SMALLINT:
    case PS_TYPE_INTEGER:
    case PS_TYPE_BIGINT: return is_number_text(type) && !(is_listed && strcmp(type, "DOUBLE") == 0);
    case PS_TYPE_FLOAT: return is_number_text(type) || strcmp(type, "FLOAT") == 0;
    case PS_TYPE_DOUBLE: return is_number_text(type);
    case PS_TYPE_DATE: return strcmp(type, "DATE") == 0 || (!is_listed && strcmp(type, "TIMESTAMP") == 0);
    case PS_TYPE_TIMESTAMP: return strcmp(type, "DATE") == 0 || strcmp(type, "TIMESTAMP") == 0;
    case PS_TYPE_BLOB: return strcmp(type, "BLOB") == 0;
    case PS_TYPE_VARCHAR:
    case PS_TYPE_CAST: break;
    }
    return false;
}

/* How the nearest value n and what was written, v, are compared. */
static const char *order_of(enum ps_type type) {
    if (type == PS_TYPE_FLOAT || type == PS_TYPE_DOUBLE) {
        return "CASE WHEN CAST(n AS DOUBLE) < CAST(v AS DOUBLE) THEN -1"
               " WHEN CAST(n AS DOUBLE) = CAST(v AS DOUBLE) THEN 0 ELSE 1 END";
    }
    if (type == PS_TYPE_DATE) {
        return "CASE WHEN CAST(n AS TIMESTAMP) < CAST(v AS TIMESTAMP) THEN -1"
               " WHEN CAST(n AS TIMESTAMP) = CAST(v AS TIMESTAMP) THEN 0 ELSE 1 END";
    }
    return is_integer_type(type) ? "CASE WHEN n < v THEN -1 WHEN n = v THEN 0 ELSE 1 END" : "0";
}

static int hex_digit(char digit) {
    return digit <= '9' ? digit - '0' : (digit & ~0x20) - 'A' + 10;
}

static penstock_code take_value(const struct ps_predicate_scope *scope, enum ps_type type, const char *text,
                                struct ps_predicate_constant *constant, struct penstock_error *error) {
    const size_t size = strlen(text);
    char *copy = ps_arena_copy_size(scope->arena, text, size);
    if (copy == NULL) {
        return ps_error_memory(error, "a condition");
    }
    constant->value = (struct ps_bytes){copy, size};
    if (type == PS_TYPE_BLOB) {
        constant->shown = ps_arena_printf(scope->arena, "from_hex('%s')", text);
        for (size_t i = 0; i + 1 < size; i += 2) {
            copy[i / 2] = (char)(hex_digit(text[i]) << 4 | hex_digit(text[i + 1]));
        }
        constant->value.size = size / 2;
    } else if (type == PS_TYPE_VARCHAR || type == PS_TYPE_DATE || type == PS_TYPE_TIMESTAMP) {
        struct ps_buffer shown PS_SCOPED(ps_buffer_done);
        ps_buffer_init(&shown, (size_t)4 << 20);
        ps_buffer_sql_literal(&shown, copy);
        PS_TRY(ps_buffer_status(&shown, error));
        constant->shown = ps_arena_copy(scope->arena, shown.data);
    } else {
        constant->shown = copy;
    }
    return constant->shown == NULL ? ps_error_memory(error, "a condition") : PENSTOCK_OK;
}

/* A type of which the values mean the same in every session. */
static const char *why_not_type(const struct ps_predicate_scope *scope, size_t column) {
    const struct ps_column_schema *schema = &scope->schema->columns[column];
    if (schema->type == PS_TYPE_CAST) {
        return "values of its type are not compared outside of SQL";
    }
    if (schema->type == PS_TYPE_TIMESTAMP &&
        (ps_text_equal_nocase(schema->type_text, "TIMESTAMPTZ") ||
         ps_text_equal_nocase(schema->type_text, "TIMESTAMP WITH TIME ZONE"))) {
        return "the session's time zone decides";
    }
    return schema->type == PS_TYPE_VARCHAR ? scope->why_no_text : NULL;
}

penstock_code ps_predicate_constant(const struct ps_predicate_scope *scope, size_t column, bool is_listed,
                                    yyjson_mut_val *expression, struct ps_predicate_constant *constant_out,
                                    struct penstock_error *error) {
    const struct ps_column_schema *schema = &scope->schema->columns[column];
    const char *written = NULL;
    *constant_out = (struct ps_predicate_constant){.why = why_not_type(scope, column)};
    if (constant_out->why != NULL) {
        return PENSTOCK_OK;
    }
    if (!ps_predicate_is_constant(expression)) {
        constant_out->why = "it is not compared with a constant";
        return PENSTOCK_OK;
    }
    constant_out->why = "the types differ";
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    struct penstock_error ignored;
    const penstock_code code =
        ps_tree_expression_text(scope->connection, scope->tree, expression, scope->arena, &written, &ignored);
    if (code != PENSTOCK_OK) {
        return code == PENSTOCK_OUT_OF_MEMORY ? ps_error_memory(error, "a condition") : PENSTOCK_OK;
    }
    const char *shape = schema->type == PS_TYPE_BLOB ? "hex(n)" : "CAST(n AS VARCHAR)";
    if (ps_sql_queryf(
            scope->connection, &result, &ignored,
            "SELECT typeof(v), %s, %s, abs(TRY_CAST(CAST(v AS VARCHAR) AS DOUBLE)) < 9007199254740992"
            " FROM (SELECT v, TRY_CAST(v AS %s) AS n FROM (SELECT (%s) AS v))",
            shape, order_of(schema->type), schema->type_text, written) != PENSTOCK_OK ||
        ps_result_row_count(result) != 1 || ps_result_text(result, 0, 1) == NULL) {
        return PENSTOCK_OK;
    }
    const bool is_number = is_number_text(ps_result_text(result, 0, 0));
    const char *const type = is_number && has_float(expression) ? "DOUBLE" : ps_result_text(result, 0, 0);
    const bool is_text_constant = ps_syntax_is_class(expression, "CONSTANT");
    const char *is_small = ps_result_text(result, 0, 3);
    const bool is_float_compared = is_integer_type(schema->type) && strcmp(type, "DOUBLE") == 0;
    if (!is_comparable(schema->type, type, is_text_constant, is_listed) ||
        (is_float_compared && (is_small == NULL || strcmp(is_small, "true") != 0))) {
        return PENSTOCK_OK;
    }
    constant_out->why = NULL;
    constant_out->order = (int)ps_result_integer(result, 0, 2);
    return take_value(scope, schema->type, ps_result_text(result, 0, 1), constant_out, error);
}
