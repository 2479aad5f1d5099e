/* SPDX-License-Identifier: Apache-2.0
 *
 * file_parquet.c - Parquet files: a position is a row group, a slice is a relation for SQL.
 *
 * DuckDB reads Parquet better than a batch could carry it, so nothing is decoded here: a slice is a SELECT over
 * row groups, with every declared column cast to its declared type, and the row's number in the file as
 * penstock_offset. An in-memory engine is asked for what is in a file: its row groups and columns. Names and types
 * that do not fit, and values that a cast cannot take, are errors before the slice is handed over.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "connect/file_source.h"

/* "PAR1", a footer length, "PAR1": what the shortest file has. */
#define PARQUET_SIZE_MIN 12
#define SQL_SIZE_MAX ((size_t)4 << 20)

void ps_parquet_done(struct ps_parquet *parquet) {
    ps_connection_close(parquet->connection);
    ps_engine_close(parquet->engine);
    ps_arena_free(parquet->arena);
    *parquet = (struct ps_parquet){0};
}

/* --- what is in a file ----------------------------------------------------------------------------------- */

static penstock_code open_engine(struct ps_parquet *parquet, struct penstock_error *error) {
    if (parquet->connection != NULL) {
        return PENSTOCK_OK;
    }
    const struct ps_engine_options options = {.thread_count = 1};
    parquet->arena = ps_arena_new(0);
    if (parquet->arena == NULL) {
        return ps_error_memory(error, "reading Parquet");
    }
    PS_TRY(ps_engine_open(&options, &parquet->engine, error));
    return ps_connection_open(parquet->engine, &parquet->connection, error);
}

/* An SQL failure over a file is a fault of the file. */
static penstock_code blame_file(const struct ps_file_entry *entry, penstock_code code,
                                struct penstock_error *error) {
    if (code != PENSTOCK_SQL && code != PENSTOCK_IO) {
        return code;
    }
    char cause[sizeof(((struct penstock_error *)0)->message)] = "";
    if (error != NULL) {
        memcpy(cause, error->message, sizeof(cause));
    }
    (void)ps_error_set(error, PENSTOCK_INVALID_DATA, "%s cannot be read as Parquet", entry->name);
    (void)ps_error_detail(error, "%.400s", cause);
    return PENSTOCK_INVALID_DATA;
}

static void add_file(struct ps_buffer *sql, const char *path, const char *function, const char *tail) {
    ps_buffer_printf(sql, "%s(", function);
    ps_buffer_sql_literal(sql, path);
    ps_buffer_text(sql, tail);
}

static penstock_code load_row_groups(struct ps_parquet *parquet, const struct ps_file_entry *entry,
                                     struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    ps_buffer_init(&sql, SQL_SIZE_MAX);
    ps_buffer_text(&sql,
                   "SELECT row_group_id, any_value(row_group_num_rows), any_value(row_group_bytes) FROM ");
    add_file(&sql, entry->path, "parquet_metadata", ") GROUP BY 1 ORDER BY 1");
    PS_TRY(ps_buffer_status(&sql, error));
    const penstock_code code = ps_sql_query(parquet->connection, sql.data, &result, error);
    if (code != PENSTOCK_OK) {
        return blame_file(entry, code, error);
    }
    const size_t count = (size_t)ps_result_row_count(result);
    parquet->row_counts = ps_arena_allocate(parquet->arena, count + 1, sizeof(int64_t));
    parquet->byte_counts = ps_arena_allocate(parquet->arena, count + 1, sizeof(int64_t));
    parquet->first_rows = ps_arena_allocate(parquet->arena, count + 1, sizeof(int64_t));
    if (parquet->row_counts == NULL || parquet->byte_counts == NULL || parquet->first_rows == NULL) {
        return ps_error_memory(error, "reading Parquet");
    }
    for (size_t i = 0; i < count; i++) {
        parquet->row_counts[i] = ps_result_integer(result, (int64_t)i, 1);
        parquet->byte_counts[i] = ps_result_integer(result, (int64_t)i, 2);
        parquet->first_rows[i + 1] = parquet->first_rows[i] + parquet->row_counts[i];
    }
    parquet->row_group_count = count;
    return PENSTOCK_OK;
}

static penstock_code load_columns(struct ps_parquet *parquet, const struct ps_file_entry *entry,
                                  struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, SQL_SIZE_MAX);
    ps_buffer_text(&sql, "SELECT * FROM ");
    add_file(&sql, entry->path, "read_parquet", ")");
    PS_TRY(ps_buffer_status(&sql, error));
    const char **names, **types;
    const penstock_code code = ps_sql_describe(parquet->connection, sql.data, parquet->arena, &names, &types,
                                               &parquet->column_count, NULL, error);
    if (code != PENSTOCK_OK) {
        return blame_file(entry, code, error);
    }
    parquet->names = names;
    parquet->types = types;
    return PENSTOCK_OK;
}

/* Row groups and columns of the file; kept until another file is asked for. */
static penstock_code load(struct ps_parquet *parquet, const struct ps_file_entry *entry,
                          struct penstock_error *error) {
    if (parquet->path != NULL && strcmp(parquet->path, entry->path) == 0) {
        return PENSTOCK_OK;
    }
    if (strpbrk(entry->path, "*?[{") != NULL) {
        (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                           "%s: a Parquet file's path must not have *, ?, [ or { in it", entry->name);
        return ps_error_hint(error, "rename it");
    }
    PS_TRY(open_engine(parquet, error));
    parquet->path = NULL;
    ps_arena_reset(parquet->arena);
    PS_TRY(load_row_groups(parquet, entry, error));
    PS_TRY(load_columns(parquet, entry, error));
    parquet->path = ps_arena_copy(parquet->arena, entry->path);
    return parquet->path != NULL ? PENSTOCK_OK : ps_error_memory(error, "reading Parquet");
}

/* --- do the columns fit? --------------------------------------------------------------------------------- */

static bool is_number_type(const char *type) {
    static const char *const names[] = {"TINYINT",  "SMALLINT",  "INTEGER",  "BIGINT",  "HUGEINT",
                                        "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT",
                                        "FLOAT",    "DOUBLE",    NULL};
    for (size_t i = 0; names[i] != NULL; i++) {
        if (strcmp(names[i], type) == 0) {
            return true;
        }
    }
    return strncmp(type, "DECIMAL", 7) == 0;
}

static bool is_time_type(const char *type) {
    return strcmp(type, "DATE") == 0 || strncmp(type, "TIMESTAMP", 9) == 0;
}

/* May a column of type `found` be cast to the declared one? `declared` is DuckDB's own name of the type. */
static bool is_fit(const char *found, const char *declared) {
    if (strcmp(found, declared) == 0 || strcmp(declared, "VARCHAR") == 0) {
        return true;
    }
    if (is_number_type(found)) {
        return is_number_type(declared);
    }
    if (is_time_type(found)) {
        return is_time_type(declared);
    }
    /* text of types that Parquet does not have; nested types are compared by DuckDB's cast */
    const bool is_text = strcmp(found, "VARCHAR") == 0;
    if (is_text) {
        return !is_number_type(declared) && !is_time_type(declared) && strcmp(declared, "BOOLEAN") != 0;
    }
    return strpbrk(found, "([") != NULL && strpbrk(declared, "([") != NULL;
}

static int64_t find_column(const struct ps_parquet *parquet, const char *name) {
    for (size_t i = 0; i < parquet->column_count; i++) {
        if (ps_text_equal_nocase(parquet->names[i], name)) {
            return (int64_t)i;
        }
    }
    return -1;
}

static penstock_code refuse_missing(const struct ps_parquet *parquet, const struct ps_file_entry *entry,
                                    const char *column, struct penstock_error *error) {
    (void)ps_error_set(error, PENSTOCK_INVALID_DATA, "%s has no column %s", entry->name, column);
    const char **names = ps_arena_allocate(parquet->arena, parquet->column_count + 1, sizeof(*names));
    const char *nearest = NULL;
    if (names != NULL) {
        memcpy(names, parquet->names, parquet->column_count * sizeof(*names));
        nearest = ps_nearest(column, names);
    }
    if (nearest != NULL) {
        return ps_error_hint(error, "did you mean %s?", nearest);
    }
    return ps_error_hint(error, "its first column is %s; declare in CREATE SOURCE what the files have",
                         parquet->column_count > 0 ? parquet->names[0] : "none");
}

/* The declared types as DuckDB names them ("INT" is INTEGER), in the arena. */
static penstock_code name_types(struct ps_file_source *source, const char ***types_out,
                                struct penstock_error *error) {
    const struct ps_schema *schema = source->setup->schema;
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, SQL_SIZE_MAX);
    ps_buffer_text(&sql, "SELECT ");
    for (size_t i = 0; i < schema->column_count; i++) {
        ps_buffer_printf(&sql, "%sCAST(NULL AS %s)", i == 0 ? "" : ", ", schema->columns[i].type_text);
    }
    PS_TRY(ps_buffer_status(&sql, error));
    const char **names;
    size_t count;
    PS_TRY(ps_sql_describe(source->parquet.connection, sql.data, source->parquet.arena, &names, types_out,
                           &count, NULL, error));
    ps_check(count == schema->column_count);
    return PENSTOCK_OK;
}

static penstock_code check_columns(struct ps_file_source *source, const struct ps_file_entry *entry,
                                   struct penstock_error *error) {
    const struct ps_schema *schema = source->setup->schema;
    const struct ps_parquet *parquet = &source->parquet;
    const char **declared;
    PS_TRY(name_types(source, &declared, error));
    for (size_t i = 0; i < schema->column_count; i++) {
        const int64_t found = find_column(parquet, schema->columns[i].name);
        if (found < 0) {
            return refuse_missing(parquet, entry, schema->columns[i].name, error);
        }
        if (!is_fit(parquet->types[found], declared[i])) {
            (void)ps_error_set(error, PENSTOCK_INVALID_DATA, "%s: column %s is %s, declared as %s",
                               entry->name, schema->columns[i].name, parquet->types[found],
                               schema->columns[i].type_text);
            return ps_error_hint(error, "declare it as %s and cast it in the SELECT", parquet->types[found]);
        }
    }
    return PENSTOCK_OK;
}

/* --- the relation ---------------------------------------------------------------------------------------- */

/* The column of the file, cast to what is declared. Instants become UTC, whatever the session's time zone. */
static void add_cast(const struct ps_parquet *parquet, const struct ps_column_schema *column,
                     const char *cast, struct ps_buffer *sql) {
    const int64_t found = find_column(parquet, column->name);
    const char *type = parquet->types[found];
    const bool is_instant = strcmp(type, "TIMESTAMP WITH TIME ZONE") == 0;
    const bool is_declared_instant =
        strcasestr(column->type_text, "TZ") != NULL || strcasestr(column->type_text, "WITH TIME") != NULL;
    ps_buffer_printf(sql, "%s(", cast);
    ps_buffer_sql_name(sql, parquet->names[found]);
    ps_buffer_printf(sql, "%s AS %s)", is_instant && !is_declared_instant ? " AT TIME ZONE 'UTC'" : "",
                     column->type_text);
}

static void add_rows(const struct ps_parquet *parquet, const struct ps_slice *slice, const char *path,
                     struct ps_buffer *sql) {
    add_file(sql, path, " FROM read_parquet", ", file_row_number = true)");
    ps_buffer_printf(sql, " WHERE file_row_number >= %" PRId64 " AND file_row_number < %" PRId64,
                     parquet->first_rows[slice->begin], parquet->first_rows[slice->end]);
}

/* The condition under which a row breaks what is declared; false: none can. */
static bool add_broken(const struct ps_parquet *parquet, const struct ps_column_schema *column,
                       struct ps_buffer *sql) {
    const char *type = parquet->types[find_column(parquet, column->name)];
    const char *declared = column->type == PS_TYPE_CAST ? column->type_text : ps_type_sql(column->type);
    const bool may_fail = strcmp(type, declared) != 0 && column->type != PS_TYPE_VARCHAR;
    if (!column->not_null && !may_fail) {
        return false;
    }
    ps_buffer_text(sql, "(");
    add_cast(parquet, column, "TRY_CAST", sql);
    ps_buffer_text(sql, " IS NULL");
    if (!column->not_null) {
        ps_buffer_text(sql, " AND ");
        ps_buffer_sql_name(sql, parquet->names[find_column(parquet, column->name)]);
        ps_buffer_text(sql, " IS NOT NULL");
    }
    ps_buffer_text(sql, ")");
    return true;
}

static penstock_code refuse_value(const struct ps_file_entry *entry, const struct ps_column_schema *column,
                                  const struct ps_result *result, struct penstock_error *error) {
    const char *value = ps_result_text(result, 0, 1);
    (void)ps_error_set(error, PENSTOCK_INVALID_DATA, "%s, row %s: column %s: found %s, expected %s%s",
                       entry->name, ps_result_text(result, 0, 0), column->name,
                       value == NULL ? "NULL" : value, column->type_text,
                       column->not_null ? " NOT NULL" : "");
    return ps_error_hint(
        error,
        "declare a wider type, or without NOT NULL, and use an EXPECT rule with ON VIOLATION DEAD LETTER");
}

/* Looks for the first value of the slice that the declared type cannot hold. */
static penstock_code check_values(struct ps_file_source *source, const struct ps_file_entry *entry,
                                  const struct ps_slice *slice, struct penstock_error *error) {
    const struct ps_schema *schema = source->setup->schema;
    const struct ps_parquet *parquet = &source->parquet;
    for (size_t i = 0; i < schema->column_count; i++) {
        struct ps_buffer condition PS_SCOPED(ps_buffer_done);
        struct ps_buffer sql PS_SCOPED(ps_buffer_done);
        struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
        ps_buffer_init(&condition, SQL_SIZE_MAX);
        ps_buffer_init(&sql, SQL_SIZE_MAX);
        if (!add_broken(parquet, &schema->columns[i], &condition)) {
            continue;
        }
        PS_TRY(ps_buffer_status(&condition, error));
        ps_buffer_text(&sql, "SELECT file_row_number, CAST(");
        ps_buffer_sql_name(&sql, parquet->names[find_column(parquet, schema->columns[i].name)]);
        ps_buffer_text(&sql, " AS VARCHAR)");
        add_rows(parquet, slice, entry->path, &sql);
        ps_buffer_printf(&sql, " AND %s LIMIT 1", condition.data);
        PS_TRY(ps_buffer_status(&sql, error));
        const penstock_code code = ps_sql_query(parquet->connection, sql.data, &result, error);
        if (code != PENSTOCK_OK) {
            return blame_file(entry, code, error);
        }
        if (ps_result_row_count(result) > 0) {
            return refuse_value(entry, &schema->columns[i], result, error);
        }
    }
    return PENSTOCK_OK;
}

penstock_code ps_parquet_read(struct ps_file_source *source, const struct ps_file_entry *entry,
                              const struct ps_slice *slice, struct ps_raw *raw_out,
                              struct penstock_error *error) {
    struct ps_parquet *parquet = &source->parquet;
    const struct ps_schema *schema = source->setup->schema;
    PS_TRY(load(parquet, entry, error));
    if (slice->end > (int64_t)parquet->row_group_count) {
        return ps_error_set(error, PENSTOCK_INVALID_DATA,
                            "%s changed: row groups %" PRId64 " to %" PRId64 " were planned, it has %zu",
                            entry->name, slice->begin, slice->end - 1, parquet->row_group_count);
    }
    PS_TRY(check_values(source, entry, slice, error));
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, SQL_SIZE_MAX);
    ps_buffer_text(&sql, "(SELECT ");
    for (size_t i = 0; i < schema->column_count; i++) {
        add_cast(parquet, &schema->columns[i], "CAST", &sql);
        ps_buffer_text(&sql, " AS ");
        ps_buffer_sql_name(&sql, schema->columns[i].name);
        ps_buffer_text(&sql, ", ");
    }
    ps_buffer_text(&sql, "file_row_number AS penstock_offset");
    add_rows(parquet, slice, entry->path, &sql);
    ps_buffer_text(&sql, ")");
    PS_TRY(ps_buffer_status(&sql, error));
    char *relation = ps_duplicate(sql.data);
    if (relation == NULL) {
        return ps_error_memory(error, "reading Parquet");
    }
    raw_out->relation = relation;
    raw_out->base_offset = parquet->first_rows[slice->begin];
    raw_out->row_count = parquet->first_rows[slice->end] - parquet->first_rows[slice->begin];
    return PENSTOCK_OK;
}

/* --- plan ------------------------------------------------------------------------------------------------ */

/* A file that is being written has no footer yet. */
static bool has_footer(const struct ps_file_entry *entry) {
    char mark[4] = "";
    const int descriptor = open(entry->path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return true; /* the open that follows says why */
    }
    const ssize_t got = pread(descriptor, mark, sizeof(mark), entry->seen.size - (int64_t)sizeof(mark));
    close(descriptor);
    return got == (ssize_t)sizeof(mark) && memcmp(mark, "PAR1", sizeof(mark)) == 0;
}

/* Row groups [begin, end) that make one slice. */
static int64_t slice_end(const struct ps_parquet *parquet, int64_t begin,
                         const struct ps_epoch_limits *limits, const struct ps_range *range,
                         int64_t row_count, int64_t *byte_count_out) {
    int64_t end = begin, bytes = 0, rows = 0;
    while (end < (int64_t)parquet->row_group_count) {
        const int64_t group_bytes = parquet->byte_counts[end];
        const int64_t group_rows = parquet->row_counts[end];
        const bool is_first = end == begin && range->slice_count == 0;
        const bool is_over =
            range->byte_count + bytes + group_bytes > limits->byte_count_max ||
            (limits->record_count_max > 0 && row_count + rows + group_rows > limits->record_count_max);
        if (is_over && !is_first) {
            break;
        }
        if (end > begin && bytes + group_bytes > limits->slice_size) {
            break;
        }
        bytes += group_bytes;
        rows += group_rows;
        end++;
    }
    *byte_count_out = bytes > 0 ? bytes : 1;
    return end;
}

static penstock_code mark_file(struct ps_file_entry *entry, struct penstock_error *error) {
    const int descriptor = open(entry->path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return ps_error_errno(error, errno, "cannot read %s", entry->name);
    }
    const penstock_code code =
        ps_file_fingerprint(descriptor, entry->name, entry->seen.size, &entry->state.fingerprint, error);
    close(descriptor);
    entry->state.mark_size = entry->seen.size;
    entry->state.size = entry->seen.size;
    return code;
}

/* Rows of the range's slices so far are not kept in it: what is asked is only whether this file still fits. */
static penstock_code plan_groups(struct ps_file_source *source, struct ps_file_entry *entry,
                                 const struct ps_epoch_limits *limits, struct ps_range *range,
                                 bool *is_full_out, struct penstock_error *error) {
    const struct ps_parquet *parquet = &source->parquet;
    const int64_t first = entry->offset;
    const int64_t group_count = (int64_t)parquet->row_group_count;
    PS_TRY(mark_file(entry, error));
    while (entry->offset < group_count) {
        int64_t byte_count;
        const int64_t rows = parquet->first_rows[entry->offset] - parquet->first_rows[first];
        const int64_t end = slice_end(parquet, entry->offset, limits, range, rows, &byte_count);
        if (end == entry->offset) {
            *is_full_out = true;
            return PENSTOCK_OK;
        }
        entry->state.is_complete = end == group_count;
        PS_TRY(ps_file_add_slice(entry, end, byte_count, range, error));
    }
    entry->is_announced = entry->is_announced && entry->state.is_complete;
    entry->state.is_complete = true;
    return PENSTOCK_OK;
}

penstock_code ps_parquet_plan(struct ps_file_source *source, struct ps_file_entry *entry,
                              const struct ps_epoch_limits *limits, struct ps_range *range, bool *is_full_out,
                              struct penstock_error *error) {
    if (entry->state.is_complete) {
        return PENSTOCK_OK;
    }
    if (entry->seen.size < PARQUET_SIZE_MIN || !has_footer(entry)) {
        if (ps_clock_wall_ms() - entry->seen.modified_ms <= PS_FILE_QUIET_MS) {
            source->has_young_tail = true;
            return PENSTOCK_OK;
        }
        (void)ps_error_set(error, PENSTOCK_INVALID_DATA,
                           "%s is not a whole Parquet file: it does not end with a footer", entry->name);
        return ps_error_hint(error,
                             "write Parquet files under another name and rename them when they are done");
    }
    PS_TRY(load(&source->parquet, entry, error));
    if (entry->offset == 0) {
        PS_TRY(check_columns(source, entry, error));
    }
    return plan_groups(source, entry, limits, range, is_full_out, error);
}
