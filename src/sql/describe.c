/* SPDX-License-Identifier: Apache-2.0
 *
 * describe.c - what a SELECT would give, and what a function is, from DuckDB's binder and catalogue.
 */
#include "sql/duck.h"
#include "sql/tree.h"

static const char describe_head[] = "DESCRIBE ";

penstock_code ps_sql_describe(struct ps_connection *connection, const char *sql, struct ps_arena *arena,
                              const char ***names_out, const char ***types_out, size_t *count_out,
                              int64_t *offset_out, struct penstock_error *error) {
    if (offset_out != NULL) {
        *offset_out = -1;
    }
    char *text = ps_arena_printf(arena, "%s%s", describe_head, sql);
    if (text == NULL) {
        return ps_error_memory(error, "a statement");
    }
    duckdb_result raw;
    if (duckdb_query(connection->handle, text, &raw) != DuckDBSuccess) {
        int64_t offset = -1;
        const penstock_code code =
            ps_duck_error(error, duckdb_result_error_type(&raw), duckdb_result_error(&raw), text, &offset);
        duckdb_destroy_result(&raw);
        if (offset_out != NULL && offset >= (int64_t)(sizeof describe_head - 1)) {
            *offset_out = offset - (int64_t)(sizeof describe_head - 1);
        }
        return code;
    }
    duckdb_destroy_result(&raw);
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    PS_TRY(ps_sql_query(connection, text, &result, error));
    const size_t count = (size_t)ps_result_row_count(result);
    const char **names = ps_arena_allocate(arena, count + 1, sizeof *names);
    const char **types = ps_arena_allocate(arena, count + 1, sizeof *types);
    if (names == NULL || types == NULL) {
        return ps_error_memory(error, "a statement's columns");
    }
    for (size_t i = 0; i < count; i++) {
        names[i] = ps_arena_copy(arena, ps_result_text(result, (int64_t)i, 0));
        types[i] = ps_arena_copy(arena, ps_result_text(result, (int64_t)i, 1));
        if (names[i] == NULL || types[i] == NULL) {
            return ps_error_memory(error, "a statement's columns");
        }
    }
    *names_out = names;
    *types_out = types;
    *count_out = count;
    return PENSTOCK_OK;
}

/* Listing DuckDB's functions takes it 25 ms, and a project asks for dozens: each connection lists them once. */
static const char list_functions[] =
    "CREATE TEMP TABLE IF NOT EXISTS penstock_functions AS SELECT function_name,"
    " coalesce(bool_or(function_type = 'aggregate'), false) AS is_aggregate,"
    " coalesce(bool_or(stability IN ('VOLATILE', 'CONSISTENT_WITHIN_QUERY')), false) AS is_volatile"
    " FROM duckdb_functions() GROUP BY ALL";

/* What most projects use, none of it volatile: they start without the list. A test asks DuckDB whether it agrees. */
static const struct {
    const char *name;
    bool is_aggregate;
} known_functions[] = {
    {"count", true}, {"count_star", true}, {"sum", true},    {"avg", true},    {"min", true},
    {"max", true},   {"+", false},         {"-", false},     {"*", false},     {"/", false},
    {"||", false},   {"abs", false},       {"round", false}, {"lower", false}, {"upper", false},
};

static bool find_known(const char *name, bool *is_aggregate_out) {
    for (size_t i = 0; i < sizeof known_functions / sizeof known_functions[0]; i++) {
        if (ps_text_equal_nocase(known_functions[i].name, name)) {
            *is_aggregate_out = known_functions[i].is_aggregate;
            return true;
        }
    }
    return false;
}

static bool function_is(struct ps_connection *connection, const char *name, const char *condition) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, 4096);
    ps_buffer_text(&sql, "SELECT count(*) FROM temp.penstock_functions WHERE function_name = lower(");
    ps_buffer_sql_literal(&sql, name);
    ps_buffer_printf(&sql, ") AND %s", condition);
    int64_t count = 0;
    if (ps_buffer_status(&sql, NULL) != PENSTOCK_OK ||
        ps_sql_run(connection, list_functions, NULL) != PENSTOCK_OK ||
        ps_sql_integer(connection, sql.data, &count, NULL) != PENSTOCK_OK) {
        return false;
    }
    return count > 0;
}

bool ps_sql_is_aggregate(struct ps_connection *connection, const char *function_name) {
    bool is_aggregate = false;
    return find_known(function_name, &is_aggregate) ? is_aggregate
                                                    : function_is(connection, function_name, "is_aggregate");
}

bool ps_sql_is_volatile(struct ps_connection *connection, const char *function_name) {
    bool is_aggregate = false;
    return !find_known(function_name, &is_aggregate) && function_is(connection, function_name, "is_volatile");
}
