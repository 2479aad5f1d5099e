/* SPDX-License-Identifier: Apache-2.0
 *
 * parse_source.c - CREATE SOURCE name (columns, WATERMARK ...) WITH (...) [FORMAT PLAIN] [ENCODE JSON (...)]
 *
 * A column's type is kept as written: whether it is one is DuckDB's to say (graph.c asks it).
 */
#include "base/check.h"
#include "base/limits.h"
#include "job/cursor.h"

static const char *const clause_words[] = {"WITH", "FORMAT", "ENCODE", NULL};

/* What may stand behind a type. A comma and the closing parenthesis end it, too. */
static bool is_type_end(const struct ps_cursor *cursor) {
    static const char *const ends[] = {"NOT",   "NULL",       "DEFAULT",   "PRIMARY",    "UNIQUE",
                                       "CHECK", "REFERENCES", "GENERATED", "CONSTRAINT", "COLLATE"};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        if (ps_cursor_is_word(cursor, 0, ends[i])) {
            return true;
        }
    }
    return false;
}

static penstock_code read_type(struct ps_cursor *cursor, const char **type_out) {
    const size_t first = cursor->next;
    PS_TRY(ps_cursor_skip_item(cursor, is_type_end));
    if (cursor->next == first) {
        return ps_cursor_unexpected(cursor, "the column's type");
    }
    *type_out = ps_cursor_text(cursor, first, cursor->next);
    return *type_out != NULL ? PENSTOCK_OK : ps_error_memory(cursor->error, "a column");
}

static penstock_code read_column(struct ps_cursor *cursor, struct ps_source_statement *source,
                                 size_t column_max) {
    static const char expected[] = "',' or ')' or NOT NULL";
    const size_t index = source->schema.column_count;
    const struct ps_location location = ps_cursor_location(cursor);
    ps_check(index < column_max);
    struct ps_column_schema *column = &source->schema.columns[index];
    PS_TRY(ps_cursor_name(cursor, "a column or WATERMARK", &column->name));
    if (ps_cursor_is_word(cursor, 0, "FOR")) {
        ps_cursor_fail(cursor, location, "found '%s FOR', but a column or WATERMARK FOR was expected",
                       column->name);
        ps_error_hint(cursor->error, "did you mean WATERMARK FOR?");
        return PENSTOCK_INVALID_PROJECT;
    }
    if (index >= PS_LIMIT_COLUMN_COUNT) {
        return ps_cursor_fail(cursor, location, "a source has at most %d columns", PS_LIMIT_COLUMN_COUNT);
    }
    if (ps_schema_find(&source->schema, column->name) >= 0) {
        return ps_cursor_fail(cursor, location, "the column '%s' is declared twice", column->name);
    }
    PS_TRY(read_type(cursor, &column->type_text));
    column->type = ps_type_of_sql(column->type_text);
    if (ps_cursor_accept(cursor, "NOT")) {
        PS_TRY(ps_cursor_expect(cursor, "NULL"));
        column->not_null = true;
    } else {
        ps_cursor_accept(cursor, "NULL");
    }
    if (!ps_cursor_is_sign(cursor, 0, ',') && !ps_cursor_is_sign(cursor, 0, ')')) {
        return ps_cursor_unexpected(cursor, expected);
    }
    source->column_locations[index] = location;
    source->schema.column_count++;
    return PENSTOCK_OK;
}

/* WATERMARK FOR c AS c [- INTERVAL ...]; WATERMARK is taken. */
static penstock_code read_watermark(struct ps_cursor *cursor, struct ps_source_statement *source) {
    if (source->watermark_column != NULL) {
        return ps_cursor_fail(cursor, ps_cursor_location(cursor), "a source has one WATERMARK");
    }
    PS_TRY(ps_cursor_expect(cursor, "FOR"));
    source->watermark_location = ps_cursor_location(cursor);
    PS_TRY(ps_cursor_name(cursor, "the column of event time", &source->watermark_column));
    PS_TRY(ps_cursor_expect(cursor, "AS"));
    const struct ps_location again_location = ps_cursor_location(cursor);
    const char *again = NULL;
    PS_TRY(ps_cursor_name(cursor, source->watermark_column, &again));
    if (!ps_text_equal_nocase(again, source->watermark_column)) {
        return ps_cursor_fail(cursor, again_location,
                              "the watermark is for '%s', so it is '%s - INTERVAL ...', not '%s'",
                              source->watermark_column, source->watermark_column, again);
    }
    if (ps_cursor_accept_sign(cursor, '-')) {
        PS_TRY(ps_cursor_interval_ms(cursor, &source->watermark_delay_ms));
    }
    return PENSTOCK_OK;
}

static penstock_code read_columns(struct ps_cursor *cursor, struct ps_source_statement *source) {
    if (!ps_cursor_accept_sign(cursor, '(')) {
        return ps_cursor_unexpected(cursor, "'(' and the source's columns");
    }
    const size_t column_max = ps_cursor_count_items(cursor);
    source->schema.columns = ps_arena_allocate(cursor->arena, column_max, sizeof *source->schema.columns);
    source->column_locations = ps_arena_allocate(cursor->arena, column_max, sizeof *source->column_locations);
    if (source->schema.columns == NULL || source->column_locations == NULL) {
        return ps_error_memory(cursor->error, "the columns of a source");
    }
    do {
        if (ps_cursor_is_word(cursor, 0, "WATERMARK") && ps_cursor_is_word(cursor, 1, "FOR")) {
            cursor->next++;
            PS_TRY(read_watermark(cursor, source));
        } else {
            PS_TRY(read_column(cursor, source, column_max));
        }
    } while (ps_cursor_accept_sign(cursor, ','));
    return ps_cursor_accept_sign(cursor, ')') ? PENSTOCK_OK : ps_cursor_unexpected(cursor, "',' or ')'");
}

static penstock_code check_watermark(struct ps_cursor *cursor, const struct ps_source_statement *source) {
    if (source->watermark_column == NULL) {
        return PENSTOCK_OK;
    }
    const int64_t index = ps_schema_find(&source->schema, source->watermark_column);
    if (index < 0) {
        const char **names = ps_arena_allocate(cursor->arena, source->schema.column_count + 1, sizeof *names);
        for (size_t i = 0; names != NULL && i < source->schema.column_count; i++) {
            names[i] = source->schema.columns[i].name;
        }
        const char *near = names == NULL ? NULL : ps_nearest(source->watermark_column, names);
        ps_cursor_fail(cursor, source->watermark_location,
                       "the watermark's column '%s' is not a column of this source",
                       source->watermark_column);
        if (near != NULL) {
            ps_error_hint(cursor->error, "did you mean %s?", near);
        }
        return PENSTOCK_INVALID_PROJECT;
    }
    const struct ps_column_schema *column = &source->schema.columns[index];
    if (column->type != PS_TYPE_TIMESTAMP && column->type != PS_TYPE_DATE) {
        return ps_cursor_fail(cursor, source->watermark_location,
                              "the watermark's column '%s' is %s, but must be TIMESTAMP or DATE",
                              column->name, column->type_text);
    }
    return PENSTOCK_OK;
}

static penstock_code read_encode(struct ps_cursor *cursor, struct ps_source_statement *source) {
    static const char *const words[] = {"JSON", "CSV", "PARQUET", NULL};
    static const char *const names[] = {"json", "csv", "parquet"};
    if (source->encode != NULL) {
        return ps_cursor_fail(cursor, ps_cursor_location(cursor), "ENCODE is given twice");
    }
    for (size_t i = 0; words[i] != NULL; i++) {
        if (ps_cursor_accept(cursor, words[i])) {
            source->encode = names[i];
            return ps_cursor_is_sign(cursor, 0, '(')
                       ? ps_cursor_settings(cursor, &source->encode_settings, &source->encode_setting_count)
                       : PENSTOCK_OK;
        }
    }
    return ps_cursor_unknown(cursor, "JSON, CSV or PARQUET", words);
}

static penstock_code read_clause(struct ps_cursor *cursor, struct ps_source_statement *source) {
    static const char *const formats[] = {"PLAIN", NULL};
    if (ps_cursor_accept(cursor, "WITH")) {
        if (source->settings != NULL) {
            return ps_cursor_fail(cursor, ps_cursor_location(cursor), "WITH is given twice");
        }
        return ps_cursor_settings(cursor, &source->settings, &source->setting_count);
    }
    if (ps_cursor_accept(cursor, "FORMAT")) {
        if (!ps_cursor_accept(cursor, "PLAIN")) {
            return ps_cursor_unknown(cursor, "PLAIN", formats);
        }
        return PENSTOCK_OK;
    }
    if (ps_cursor_accept(cursor, "ENCODE")) {
        return read_encode(cursor, source);
    }
    return ps_cursor_unknown(cursor, "WITH (...), FORMAT PLAIN, ENCODE ... or ';'", clause_words);
}

penstock_code ps_parse_source(struct ps_cursor *cursor, struct ps_source_statement *source_out) {
    struct ps_source_statement *source = source_out;
    PS_TRY(read_columns(cursor, source));
    PS_TRY(check_watermark(cursor, source));
    source->format = "plain";
    const struct ps_location end_of_columns = ps_cursor_location(cursor);
    while (!ps_cursor_at_end(cursor)) {
        PS_TRY(read_clause(cursor, source));
    }
    if (source->schema.column_count == 0) {
        return ps_cursor_fail(cursor, end_of_columns, "a source needs at least one column");
    }
    for (size_t i = 0; i < source->setting_count; i++) {
        if (ps_option_name_equal(source->settings[i].name, "connector")) {
            source->connector = source->settings[i].value;
        }
    }
    if (source->connector == NULL) {
        ps_cursor_fail(cursor, end_of_columns, "the source does not say where its records come from");
        ps_error_hint(cursor->error, "add WITH (connector = 'file', path = '...')");
        return PENSTOCK_INVALID_PROJECT;
    }
    source->encode = source->encode != NULL ? source->encode : "json";
    return PENSTOCK_OK;
}
