/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_text.c - rows as lines of JSON or CSV; see sink_text.h.
 *
 * JSON has no NaN and no infinity, but DuckDB writes them: numbers that are not finite become null first, as far as
 * they are columns of their own.
 */
#include "connect/sink_text.h"

#include "connect/settings.h"

#define STATEMENT_SIZE_MAX ((size_t)64 << 20)

#define TEXT_OPTION(option_name, field, default_value, help_text) \
    { \
        .name = (option_name), .type = PS_OPTION_TEXT, .default_text = (default_value), \
        .offset = offsetof(struct ps_text_format, field), .help = (help_text), .since = "0.2" \
    }
#define TIME_OPTIONS \
    TEXT_OPTION("dateformat", date_format, NULL, "of DATE, as in strftime: '%d.%m.%Y'"), \
        TEXT_OPTION("timestampformat", timestamp_format, NULL, "of TIMESTAMP, as in strftime")

static const struct ps_option json_options[] = {
    TIME_OPTIONS,
    {.name = NULL},
};

static const struct ps_option csv_options[] = {
    {.name = "header",
     .type = PS_OPTION_BOOLEAN,
     .default_text = "true",
     .offset = offsetof(struct ps_text_format, has_header),
     .help = "a first line with the names of the columns",
     .since = "0.2"},
    TEXT_OPTION("delimiter", delimiter, ",", "between two values"),
    TEXT_OPTION("quote", quote, "\"", "around values that need it"),
    TEXT_OPTION("escape", escape, "\"", "before a quote within a value"),
    TEXT_OPTION("null", null, "", "what stands for NULL"),
    TIME_OPTIONS,
    {.name = NULL},
};

penstock_code ps_text_format_read(const struct ps_sink_setup *setup, struct ps_arena *arena,
                                  struct ps_text_format *format_out, struct penstock_error *error) {
    struct ps_text_format format = {.is_csv = setup->encode != NULL && strcmp(setup->encode, "csv") == 0};
    const struct ps_option *rows = format.is_csv ? csv_options : json_options;
    const struct ps_sink_statement *statement = setup->statement;
    for (size_t i = 0; format.is_csv && setup->column_is_added != NULL && i < setup->column_count; i++) {
        if (setup->column_is_added[i]) {
            (void)ps_error_set(
                error, PENSTOCK_INVALID_PROJECT,
                "sink %s: a CSV file keeps the columns it began with, and %s was added to its source later",
                setup->name, setup->column_names[i]);
            return ps_error_hint(
                error, "name the columns in place of *, declare %s in CREATE SOURCE, or ENCODE JSON",
                setup->column_names[i]);
        }
    }
    PS_TRY(ps_option_defaults(rows, &format, arena, error));
    for (size_t i = 0; statement != NULL && i < statement->encode_setting_count; i++) {
        const struct ps_setting *setting = &statement->encode_settings[i];
        PS_TRY(ps_settings_check_twice(statement->encode_settings, i, error));
        if (ps_option_find(rows, setting->name) == NULL) {
            return ps_settings_refuse(setting, format.is_csv ? "ENCODE CSV" : "ENCODE JSON", rows, NULL, NULL,
                                      error);
        }
        const penstock_code code = ps_option_set(rows, &format, setting->name, setting->value, arena, error);
        if (code != PENSTOCK_OK) {
            return ps_settings_blame(error, setting->location, code);
        }
    }
    *format_out = format;
    return PENSTOCK_OK;
}

/* SELECT with finite numbers only. */
static void add_select(struct ps_buffer *sql, const struct ps_text_format *format,
                       const struct ps_sink_setup *setup, const char *select_sql) {
    size_t count = 0;
    for (size_t i = 0; !format->is_csv && i < setup->column_count; i++) {
        if (strcmp(setup->column_types[i], "DOUBLE") != 0 && strcmp(setup->column_types[i], "FLOAT") != 0) {
            continue;
        }
        ps_buffer_text(sql, count++ == 0 ? "SELECT * REPLACE (" : ", ");
        ps_buffer_text(sql, "CASE WHEN isfinite(");
        ps_buffer_sql_name(sql, setup->column_names[i]);
        ps_buffer_text(sql, ") THEN ");
        ps_buffer_sql_name(sql, setup->column_names[i]);
        ps_buffer_text(sql, " END AS ");
        ps_buffer_sql_name(sql, setup->column_names[i]);
    }
    /* a line feed ends a comment that the SELECT may end with */
    ps_buffer_text(sql, count > 0 ? ") FROM (" : "");
    ps_buffer_text(sql, select_sql);
    ps_buffer_text(sql, count > 0 ? "\n)" : "\n");
}

static void add_option(struct ps_buffer *sql, const char *name, const char *value) {
    if (value != NULL) {
        ps_buffer_printf(sql, ", %s ", name);
        ps_buffer_sql_literal(sql, value);
    }
}

penstock_code ps_text_format_copy(const struct ps_text_format *format, const struct ps_sink_setup *setup,
                                  struct ps_connection *connection, const char *select_sql, const char *path,
                                  bool is_first, int64_t *row_count_out, struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    ps_buffer_init(&sql, STATEMENT_SIZE_MAX);
    ps_buffer_text(&sql, "COPY (");
    add_select(&sql, format, setup, select_sql);
    ps_buffer_text(&sql, ") TO ");
    ps_buffer_sql_literal(&sql, path);
    ps_buffer_printf(&sql, " (FORMAT %s, USE_TMP_FILE false, COMPRESSION 'none'",
                     format->is_csv ? "csv" : "json");
    if (format->is_csv) {
        ps_buffer_printf(&sql, ", HEADER %s", format->has_header && is_first ? "true" : "false");
        add_option(&sql, "DELIMITER", format->delimiter);
        add_option(&sql, "QUOTE", format->quote);
        add_option(&sql, "ESCAPE", format->escape);
        add_option(&sql, "NULLSTR", format->null);
    }
    add_option(&sql, "DATEFORMAT", format->date_format);
    add_option(&sql, "TIMESTAMPFORMAT", format->timestamp_format);
    ps_buffer_text(&sql, ")");
    PS_TRY(ps_buffer_status(&sql, error));
    PS_TRY(ps_sql_query(connection, sql.data, &result, error));
    *row_count_out = ps_result_integer(result, 0, 0);
    return PENSTOCK_OK;
}
