/* SPDX-License-Identifier: Apache-2.0
 *
 * postgres_table.c - finding, making and matching a table of PostgreSQL; see postgres_table.h.
 *
 * Values travel as text, as COPY and PostgreSQL's input functions read it. DuckDB's own text is that already, but for
 * bytes (hexadecimal) and nested values (JSON).
 */
#include "connect/postgres_table.h"

/* --- types -------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *type; /* DuckDB's; the part before "(" */
    const char *postgres;
} types[] = {
    {"BOOLEAN", "boolean"},
    {"TINYINT", "smallint"},
    {"UTINYINT", "smallint"},
    {"SMALLINT", "smallint"},
    {"USMALLINT", "integer"},
    {"INTEGER", "integer"},
    {"UINTEGER", "bigint"},
    {"BIGINT", "bigint"},
    {"UBIGINT", "numeric(20,0)"},
    {"HUGEINT", "numeric(39,0)"},
    {"UHUGEINT", "numeric(39,0)"},
    {"FLOAT", "real"},
    {"DOUBLE", "double precision"},
    {"DATE", "date"},
    {"TIME", "time"},
    {"TIME WITH TIME ZONE", "time with time zone"},
    {"TIMESTAMP", "timestamp"},
    {"TIMESTAMP_S", "timestamp"},
    {"TIMESTAMP_MS", "timestamp"},
    {"TIMESTAMP_NS", "timestamp"}, /* which has microseconds: rounded */
    {"TIMESTAMP WITH TIME ZONE", "timestamp with time zone"},
    {"INTERVAL", "interval"},
    {"UUID", "uuid"},
    {"BLOB", "bytea"},
    {"BIT", "bit varying"},
    {"JSON", "jsonb"},
};

/* LIST, ARRAY, STRUCT, MAP, UNION */
static bool is_nested(const char *type) {
    const size_t size = strlen(type);
    return (size > 0 && type[size - 1] == ']') || strncmp(type, "STRUCT(", 7) == 0 ||
           strncmp(type, "MAP(", 4) == 0 || strncmp(type, "UNION(", 6) == 0;
}

void ps_postgres_type(const char *type, struct ps_buffer *sql) {
    if (is_nested(type)) {
        ps_buffer_text(sql, "jsonb");
        return;
    }
    if (strncmp(type, "DECIMAL(", 8) == 0) {
        ps_buffer_printf(sql, "numeric(%s", type + 8);
        return;
    }
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(types[i].type, type) == 0) {
            ps_buffer_text(sql, types[i].postgres);
            return;
        }
    }
    ps_buffer_text(sql, "text"); /* VARCHAR, ENUM, ... */
}

const char *ps_postgres_expression(const char *column, const char *type, struct ps_arena *arena) {
    struct ps_buffer name PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&name, (size_t)1 << 20);
    ps_buffer_sql_name(&name, column);
    if (name.failed) {
        return NULL;
    }
    return strcmp(type, "BLOB") == 0 ? ps_arena_printf(arena, "'\\x' || hex(%s)", name.data)
           : is_nested(type)         ? ps_arena_printf(arena, "to_json(%s)", name.data)
                                     : ps_arena_copy(arena, name.data);
}

/* --- names -------------------------------------------------------------------------------------------------------- */

penstock_code ps_postgres_resolve(struct ps_postgres *client, const char *text, struct ps_arena *arena,
                                  const char **name_out, bool *is_there_out, struct penstock_error *error) {
    PGresult *result PS_SCOPED(ps_postgres_clear_scoped) = NULL;
    const char *const values[] = {text};
    penstock_code code = ps_postgres_run(
        client, "look the table up",
        "SELECT name, to_regclass(name) IS NOT NULL FROM (SELECT string_agg(quote_ident(part), '.' ORDER BY place)"
        " AS name FROM unnest(parse_ident($1)) WITH ORDINALITY AS parts(part, place)) AS named",
        values, 1, &result, error);
    if (code == PENSTOCK_INVALID_DATA) { /* parse_ident() says so of its argument */
        (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s: '%s' is no name of a table", client->what,
                           text);
        return ps_error_hint(error, "name, schema.name, or \"Name\" where it needs quotes");
    }
    PS_TRY(code);
    const char *name = ps_arena_copy(arena, PQgetvalue(result, 0, 0));
    *name_out = name;
    *is_there_out = PQgetvalue(result, 0, 1)[0] == 't';
    return name != NULL ? PENSTOCK_OK : ps_error_memory(error, "a table's name");
}

/* "there is no table x", with the nearest of those that this user sees. */
static penstock_code no_such_table(struct ps_postgres *client, const char *text, struct ps_arena *arena,
                                   struct penstock_error *error) {
    PGresult *result PS_SCOPED(ps_postgres_clear_scoped) = NULL;
    PS_TRY(ps_postgres_run(
        client, "list the tables",
        "SELECT CASE WHEN pg_table_is_visible(c.oid) THEN relname ELSE nspname || '.' || relname"
        " END FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind IN"
        " ('r', 'p', 'f', 'v') AND nspname NOT IN ('pg_catalog', 'information_schema') AND"
        " nspname NOT LIKE 'pg_%' ORDER BY 1 LIMIT 1000",
        NULL, 0, &result, error));
    const int count = PQntuples(result);
    const char **names = ps_arena_allocate(arena, (size_t)count + 1, sizeof *names);
    for (int i = 0; names != NULL && i < count; i++) {
        names[i] = PQgetvalue(result, i, 0);
    }
    const char *nearest = names != NULL ? ps_nearest(text, names) : NULL;
    (void)ps_error_set(error, PENSTOCK_NOT_FOUND, "%s: PostgreSQL has no table %s", client->what, text);
    return nearest != NULL
               ? ps_error_hint(error, "did you mean %s? create_table = true makes a table that is not there",
                               nearest)
               : ps_error_hint(error, "CREATE TABLE it, or say create_table = true");
}

/* --- columns ------------------------------------------------------------------------------------------------------ */

static penstock_code create_table(struct ps_postgres *client, const struct ps_sink_setup *setup,
                                  const char *name, const struct ps_sink_columns *key,
                                  struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, (size_t)4 << 20);
    ps_buffer_printf(&sql, "CREATE TABLE %s (", name);
    for (size_t i = 0; i < setup->column_count; i++) {
        ps_buffer_text(&sql, i > 0 ? ", " : "");
        ps_postgres_name(&sql, setup->column_names[i]);
        ps_buffer_text(&sql, " ");
        ps_postgres_type(setup->column_types[i], &sql);
    }
    for (size_t i = 0; i < key->count; i++) {
        ps_buffer_text(&sql, i > 0 ? ", " : ", PRIMARY KEY (");
        ps_postgres_name(&sql, setup->column_names[key->indexes[i]]);
    }
    ps_buffer_text(&sql, key->count > 0 ? "))" : ")");
    PS_TRY(ps_buffer_status(&sql, error));
    return ps_postgres_run(client, "create the table", sql.data, NULL, 0, NULL, error);
}

/* Rows: name, quoted name, whether it needs a value. */
static penstock_code read_columns(struct ps_postgres *client, const char *name, PGresult **result_out,
                                  struct penstock_error *error) {
    const char *const values[] = {name};
    return ps_postgres_run(
        client, "read the table's columns",
        "SELECT attname, quote_ident(attname), attnotnull AND NOT atthasdef AND attidentity = ''"
        " FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped"
        " ORDER BY attnum",
        values, 1, result_out, error);
}

/* The table's column of that name, or else without case; -1: none. */
static int find_column(const PGresult *columns, const char *name) {
    for (int exact = 1; exact >= 0; exact--) {
        for (int i = 0; i < PQntuples(columns); i++) {
            const char *known = PQgetvalue(columns, i, 0);
            if (exact == 1 ? strcmp(known, name) == 0 : ps_text_equal_nocase(known, name)) {
                return i;
            }
        }
    }
    return -1;
}

static penstock_code other_columns(const struct ps_postgres *client, const struct ps_sink_setup *setup,
                                   const char *table, const char *column, const char *why,
                                   const PGresult *columns, struct penstock_error *error) {
    struct ps_buffer lists PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&lists, (size_t)1 << 20);
    ps_buffer_text(&lists, "the SELECT has: ");
    for (size_t i = 0; i < setup->column_count; i++) {
        ps_buffer_printf(&lists, "%s%s", i > 0 ? ", " : "", setup->column_names[i]);
    }
    ps_buffer_text(&lists, "; the table has: ");
    for (int i = 0; i < PQntuples(columns); i++) {
        ps_buffer_printf(&lists, "%s%s", i > 0 ? ", " : "", PQgetvalue(columns, i, 0));
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_PROJECT, "%s: column %s %s table %s", client->what, column,
                       why, table);
    (void)ps_error_detail(error, "%s", lists.data != NULL ? lists.data : "");
    return ps_error_hint(error,
                         "name the columns of the SELECT as the table's (SELECT a AS b), or ALTER TABLE");
}

static penstock_code match_columns(struct ps_postgres *client, const struct ps_sink_setup *setup,
                                   struct ps_arena *arena, struct ps_postgres_table *table,
                                   struct penstock_error *error) {
    PGresult *columns PS_SCOPED(ps_postgres_clear_scoped) = NULL;
    PS_TRY(read_columns(client, table->name, &columns, error));
    const size_t count = (size_t)PQntuples(columns);
    bool *is_written = ps_arena_allocate(arena, count + 1, sizeof *is_written);
    table->columns = ps_arena_allocate(arena, setup->column_count + 1, sizeof *table->columns);
    if (is_written == NULL || table->columns == NULL) {
        return ps_error_memory(error, "a table's columns");
    }
    for (size_t i = 0; i < setup->column_count; i++) {
        const int found = find_column(columns, setup->column_names[i]);
        if (found < 0 || is_written[found]) {
            return other_columns(client, setup, table->name, setup->column_names[i],
                                 found < 0 ? "of its SELECT is not in" : "is there twice for", columns,
                                 error);
        }
        is_written[found] = true;
        table->columns[i] = ps_arena_copy(arena, PQgetvalue(columns, found, 1));
        if (table->columns[i] == NULL) {
            return ps_error_memory(error, "a table's columns");
        }
    }
    for (int i = 0; i < (int)count; i++) {
        if (!is_written[i] && PQgetvalue(columns, i, 2)[0] == 't') {
            return other_columns(client, setup, table->name, PQgetvalue(columns, i, 0),
                                 "is not in its SELECT, and is NOT NULL without a default in", columns,
                                 error);
        }
    }
    return PENSTOCK_OK;
}

penstock_code ps_postgres_table_find(struct ps_postgres *client, const struct ps_sink_setup *setup,
                                     const char *text, bool may_create, const struct ps_sink_columns *key,
                                     struct ps_arena *arena, struct ps_postgres_table *table_out,
                                     struct penstock_error *error) {
    struct ps_postgres_table table = {0};
    bool is_there = false;
    PS_TRY(ps_postgres_resolve(client, text, arena, &table.name, &is_there, error));
    if (!is_there) {
        if (!may_create) {
            return no_such_table(client, text, arena, error);
        }
        PS_TRY(create_table(client, setup, table.name, key, error));
    }
    PS_TRY(match_columns(client, setup, arena, &table, error));
    *table_out = table;
    return PENSTOCK_OK;
}
