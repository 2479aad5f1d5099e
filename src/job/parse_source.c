/* SPDX-License-Identifier: Apache-2.0
 *
 * parse_source.c - CREATE SOURCE name (columns, WATERMARK ..., PRIMARY KEY (...)) [INCLUDE key AS k ...] WITH (...)
 *                  [FORMAT PLAIN | UPSERT | DEBEZIUM] [ENCODE JSON (...)]
 *
 * A column's type is kept as written: whether it is one is DuckDB's to say (graph.c asks it).
 */
#include "base/check.h"
#include "base/limits.h"
#include "job/cursor.h"

static const char *const clause_words[] = {"WITH", "FORMAT", "ENCODE", "INCLUDE", NULL};

/* Columns that INCLUDE may add: one of each kind. */
#define INCLUDE_COUNT 6
/* and the column of on_new_field = 'keep' */
#define EXTRA_COUNT (INCLUDE_COUNT + 1)

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

static penstock_code start_key(struct ps_cursor *cursor, struct ps_source_statement *source,
                               size_t column_max) {
    if (source->primary_key != NULL) {
        return ps_cursor_fail(cursor, ps_cursor_location(cursor), "the source has two primary keys");
    }
    source->primary_key_location = ps_cursor_location(cursor);
    source->primary_key = ps_arena_allocate(cursor->arena, column_max, sizeof *source->primary_key);
    if (source->primary_key == NULL) {
        return ps_error_memory(cursor->error, "a primary key");
    }
    PS_TRY(ps_cursor_expect(cursor, "PRIMARY"));
    return ps_cursor_expect(cursor, "KEY");
}

/* id BIGINT PRIMARY KEY */
static penstock_code read_inline_key(struct ps_cursor *cursor, struct ps_source_statement *source,
                                     size_t index) {
    PS_TRY(start_key(cursor, source, 1));
    source->primary_key[source->primary_key_count++] = index;
    source->schema.columns[index].not_null = true;
    return PENSTOCK_OK;
}

/* PRIMARY KEY (a, b), behind the columns it names */
static penstock_code read_key(struct ps_cursor *cursor, struct ps_source_statement *source,
                              size_t column_max) {
    PS_TRY(start_key(cursor, source, column_max));
    PS_TRY(ps_cursor_expect_sign(cursor, '('));
    do {
        const struct ps_location location = ps_cursor_location(cursor);
        const char *name = NULL;
        PS_TRY(ps_cursor_name(cursor, "a column of the primary key", &name));
        const int64_t index = ps_schema_find(&source->schema, name);
        if (index < 0) {
            return ps_cursor_fail(cursor, location,
                                  "the primary key's '%s' is not a column declared before it", name);
        }
        for (size_t i = 0; i < source->primary_key_count; i++) {
            if (source->primary_key[i] == (size_t)index) {
                return ps_cursor_fail(cursor, location, "'%s' stands twice in the primary key", name);
            }
        }
        source->primary_key[source->primary_key_count++] = (size_t)index;
        source->schema.columns[index].not_null = true;
    } while (ps_cursor_accept_sign(cursor, ','));
    return ps_cursor_expect_sign(cursor, ')');
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
    if (ps_cursor_is_word(cursor, 0, "PRIMARY")) {
        PS_TRY(read_inline_key(cursor, source, index));
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
    const size_t all_max = column_max + EXTRA_COUNT;
    source->schema.columns = ps_arena_allocate(cursor->arena, all_max, sizeof *source->schema.columns);
    source->column_locations = ps_arena_allocate(cursor->arena, all_max, sizeof *source->column_locations);
    if (source->schema.columns == NULL || source->column_locations == NULL) {
        return ps_error_memory(cursor->error, "the columns of a source");
    }
    do {
        if (ps_cursor_is_word(cursor, 0, "WATERMARK") && ps_cursor_is_word(cursor, 1, "FOR")) {
            cursor->next++;
            PS_TRY(read_watermark(cursor, source));
        } else if (ps_cursor_is_word(cursor, 0, "PRIMARY") && ps_cursor_is_word(cursor, 1, "KEY")) {
            PS_TRY(read_key(cursor, source, column_max));
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

struct include_word {
    const char *word, *name, *type;
    enum ps_include_kind kind;
};

static penstock_code add_include(struct ps_cursor *cursor, struct ps_source_statement *source,
                                 const struct include_word *word, struct ps_location location) {
    struct ps_column_schema column = {.name = word->name, .type_text = word->type};
    struct ps_location name_location = location;
    if (ps_cursor_accept(cursor, "AS")) {
        name_location = ps_cursor_location(cursor);
        PS_TRY(ps_cursor_name(cursor, "a column's name", &column.name));
        if (word->kind == PS_INCLUDE_KEY && ps_cursor_accept(cursor, "VARCHAR")) {
            column.type_text = "VARCHAR";
        }
    }
    column.type = ps_type_of_sql(column.type_text);
    for (size_t i = 0; i < source->include_count; i++) {
        if (source->includes[i].kind == word->kind) {
            return ps_cursor_fail(cursor, location, "INCLUDE %s is given twice", word->word);
        }
    }
    if (ps_schema_find(&source->schema, column.name) >= 0) {
        return ps_cursor_fail(cursor, name_location, "the column '%s' is declared twice", column.name);
    }
    const size_t index = source->schema.column_count++;
    source->schema.columns[index] = column;
    source->column_locations[index] = location;
    source->includes[source->include_count++] = (struct ps_include){word->kind, index, location};
    return PENSTOCK_OK;
}

static penstock_code reserve_includes(struct ps_cursor *cursor, struct ps_source_statement *source) {
    if (source->includes == NULL) {
        source->includes = ps_arena_allocate(cursor->arena, EXTRA_COUNT, sizeof *source->includes);
    }
    return source->includes != NULL ? PENSTOCK_OK : ps_error_memory(cursor->error, "a source");
}

/* on_new_field = 'keep' and 'add' change the columns, so they have to be known before anything is opened. */
static penstock_code read_on_new_field(struct ps_cursor *cursor, struct ps_source_statement *source) {
    static const struct include_word word = {"", PS_REST_COLUMN, "VARCHAR", PS_INCLUDE_REST};
    for (size_t i = 0; i < source->setting_count; i++) {
        const struct ps_setting *setting = &source->settings[i];
        if (!ps_option_name_equal(setting->name, "on_new_field")) {
            continue;
        }
        if (ps_text_equal_nocase(setting->value, "keep")) {
            PS_TRY(reserve_includes(cursor, source));
            return add_include(cursor, source, &word, setting->location);
        }
        source->adds_columns = ps_text_equal_nocase(setting->value, "add");
    }
    return PENSTOCK_OK;
}

/* INCLUDE key [AS name [VARCHAR]] and the like; INCLUDE is taken. */
static penstock_code read_include(struct ps_cursor *cursor, struct ps_source_statement *source) {
    static const struct include_word rows[INCLUDE_COUNT] = {
        {"key", "kafka_key", "BLOB", PS_INCLUDE_KEY},
        {"partition", "kafka_partition", "INTEGER", PS_INCLUDE_PARTITION},
        {"offset", "kafka_offset", "BIGINT", PS_INCLUDE_OFFSET},
        {"timestamp", "kafka_timestamp", "TIMESTAMP", PS_INCLUDE_TIMESTAMP},
        {"headers", "kafka_headers", "VARCHAR", PS_INCLUDE_HEADERS},
        {"topic", "kafka_topic", "VARCHAR", PS_INCLUDE_TOPIC},
    };
    static const char *const words[] = {"key", "partition", "offset", "timestamp", "headers", "topic", NULL};
    const struct ps_location location = ps_cursor_location(cursor);
    PS_TRY(reserve_includes(cursor, source));
    for (size_t i = 0; i < INCLUDE_COUNT; i++) {
        if (ps_cursor_accept(cursor, rows[i].word)) {
            return add_include(cursor, source, &rows[i], location);
        }
    }
    return ps_cursor_unknown(cursor, "key, partition, offset, timestamp, headers or topic", words);
}

/* Names that were not given are those of the connector, which is known at the end only: kafka_key is hbase_key. */
static penstock_code name_includes(struct ps_cursor *cursor, struct ps_source_statement *source) {
    static const char usual[] = "kafka_";
    const bool is_hbase = source->connector != NULL && ps_option_name_equal(source->connector, "hbase");
    for (size_t i = 0; is_hbase && i < source->include_count; i++) {
        struct ps_column_schema *column = &source->schema.columns[source->includes[i].column];
        if (strncmp(column->name, usual, sizeof usual - 1) != 0) {
            continue;
        }
        const char *const name = ps_arena_printf(cursor->arena, "hbase_%s", column->name + sizeof usual - 1);
        if (name == NULL) {
            return ps_error_memory(cursor->error, "a source");
        }
        if (ps_schema_find(&source->schema, name) >= 0) {
            return ps_cursor_fail(cursor, source->includes[i].location, "the column '%s' is declared twice",
                                  name);
        }
        column->name = name;
    }
    return PENSTOCK_OK;
}

static penstock_code read_format(struct ps_cursor *cursor, struct ps_source_statement *source) {
    static const char *const formats[] = {"PLAIN", "UPSERT", "DEBEZIUM", NULL};
    source->format_location = ps_cursor_location(cursor);
    for (size_t i = 0; formats[i] != NULL; i++) {
        if (ps_cursor_accept(cursor, formats[i])) {
            source->format = (enum ps_source_format)i;
            return PENSTOCK_OK;
        }
    }
    return ps_cursor_unknown(cursor, "PLAIN, UPSERT or DEBEZIUM", formats);
}

static penstock_code read_encode(struct ps_cursor *cursor, struct ps_source_statement *source) {
    static const char *const words[] = {"JSON", "CSV", "PARQUET", "AVRO", "PROTOBUF", "BYTES", NULL};
    static const char *const names[] = {"json", "csv", "parquet", "avro", "protobuf", "bytes"};
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
    return ps_cursor_unknown(cursor, "JSON, CSV, PARQUET, AVRO, PROTOBUF or BYTES", words);
}

static penstock_code read_clause(struct ps_cursor *cursor, struct ps_source_statement *source) {
    if (ps_cursor_accept(cursor, "WITH")) {
        if (source->settings != NULL) {
            return ps_cursor_fail(cursor, ps_cursor_location(cursor), "WITH is given twice");
        }
        return ps_cursor_settings(cursor, &source->settings, &source->setting_count);
    }
    if (ps_cursor_accept(cursor, "FORMAT")) {
        return read_format(cursor, source);
    }
    if (ps_cursor_accept(cursor, "INCLUDE")) {
        return read_include(cursor, source);
    }
    if (ps_cursor_accept(cursor, "ENCODE")) {
        return read_encode(cursor, source);
    }
    return ps_cursor_unknown(cursor, "WITH (...), FORMAT ..., ENCODE ..., INCLUDE ... or ';'", clause_words);
}

static penstock_code check_format(struct ps_cursor *cursor, const struct ps_source_statement *source) {
    if (source->format == PS_FORMAT_PLAIN || source->primary_key_count > 0) {
        return PENSTOCK_OK;
    }
    ps_cursor_fail(cursor, source->format_location,
                   "FORMAT %s is a changelog of a table, so the source needs a PRIMARY KEY",
                   source->format == PS_FORMAT_UPSERT ? "UPSERT" : "DEBEZIUM");
    ps_error_hint(cursor->error,
                  "say which columns are the key of a row: (id BIGINT, ..., PRIMARY KEY (id))");
    return PENSTOCK_INVALID_PROJECT;
}

penstock_code ps_parse_source(struct ps_cursor *cursor, struct ps_source_statement *source_out) {
    struct ps_source_statement *source = source_out;
    PS_TRY(read_columns(cursor, source));
    const struct ps_location end_of_columns = ps_cursor_location(cursor);
    while (!ps_cursor_at_end(cursor)) {
        PS_TRY(read_clause(cursor, source));
    }
    for (size_t i = 0; i < source->setting_count; i++) {
        if (ps_option_name_equal(source->settings[i].name, "connector")) {
            source->connector = source->settings[i].value;
        }
    }
    PS_TRY(read_on_new_field(cursor, source));
    PS_TRY(name_includes(cursor, source));
    PS_TRY(check_watermark(cursor, source)); /* it may be an INCLUDE timestamp */
    PS_TRY(check_format(cursor, source));
    if (source->schema.column_count == source->include_count) {
        return ps_cursor_fail(cursor, end_of_columns, "a source needs at least one column");
    }
    if (source->connector == NULL) {
        ps_cursor_fail(cursor, end_of_columns, "the source does not say where its records come from");
        ps_error_hint(cursor->error, "add WITH (connector = 'file', path = '...')");
        return PENSTOCK_INVALID_PROJECT;
    }
    /* what HBase has are cells: no ENCODE says it */
    const char *const usual = ps_option_name_equal(source->connector, "hbase") ? "cells" : "json";
    source->encode = source->encode != NULL ? source->encode : usual;
    return PENSTOCK_OK;
}
