/* SPDX-License-Identifier: Apache-2.0
 *
 * sink_delta_stats.c - the add actions of staged files: path, partition values, size, and statistics.
 *
 * Smallest and largest values come from the Parquet footers, so they cost no scan. A column whose statistics are
 * not complete, or whose values a reader might take for others (long text, wide decimals), has none: a reader then
 * reads the file, which is always right.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "connect/sink_delta.h"

/* As Delta's own default: more columns cost every reader of the log. */
#define STATS_COLUMN_COUNT 32
#define STATS_TEXT_SIZE_MAX 64

void ps_delta_add_path(struct ps_buffer *out, const char *name) {
    /* DuckDB has encoded the values in the folders' names already: only its own '%' is left to encode */
    for (const char *at = name; *at != '\0'; at++) {
        if (*at == '%') {
            ps_buffer_text(out, "%25");
        } else if (*at == ' ') {
            ps_buffer_text(out, "%20");
        } else if (*at == '"' || *at == '\\' || (unsigned char)*at < 0x20) {
            ps_buffer_printf(out, "%%%02X", (unsigned)(unsigned char)*at);
        } else {
            ps_buffer_add(out, at, 1);
        }
    }
}

/* --- partition values ---------------------------------------------------------------------------------------- */

static void add_decoded(struct ps_buffer *out, const char *text, size_t size) {
    struct ps_buffer value PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&value, PS_DELTA_STATEMENT_SIZE_MAX);
    for (size_t i = 0; i < size; i++) {
        unsigned byte = 0;
        if (text[i] == '%' && i + 2 < size && sscanf(text + i + 1, "%2x", &byte) == 1) {
            const char decoded = (char)byte;
            ps_buffer_add(&value, &decoded, 1);
            i += 2;
        } else {
            ps_buffer_add(&value, text + i, 1);
        }
    }
    ps_buffer_json(out, value.data != NULL ? value.data : "", value.size);
}

/* "a=1/b=x%20y/part-...": {"a":"1","b":"x y"} */
static void add_partition_values(const struct ps_delta_sink *sink, const char *name, struct ps_buffer *out) {
    static const char null[] = "__HIVE_DEFAULT_PARTITION__";
    ps_buffer_text(out, "{");
    for (size_t i = 0; i < sink->partition_count; i++) {
        const size_t size = strcspn(name, "/");
        const size_t key = strcspn(name, "=") + 1;
        ps_buffer_text(out, i > 0 ? "," : "");
        ps_buffer_json(out, sink->partition_names[i], strlen(sink->partition_names[i]));
        ps_buffer_text(out, ":");
        const size_t value_size = size > key ? size - key : 0;
        /* Delta takes an empty text for NULL, too */
        if (value_size == 0 || (value_size == sizeof null - 1 && memcmp(name + key, null, value_size) == 0)) {
            ps_buffer_text(out, "null");
        } else {
            add_decoded(out, name + key, value_size);
        }
        name += size + 1;
    }
    ps_buffer_text(out, "}");
}

/* --- statistics ---------------------------------------------------------------------------------------------- */

static bool has_stats(const struct ps_delta_sink *sink, size_t index) {
    const struct ps_delta_column *column = &sink->columns[index];
    for (size_t i = 0; i < sink->partition_count; i++) {
        if (strcmp(sink->partition_names[i], column->name) == 0) {
            return false;
        }
    }
    return index < STATS_COLUMN_COUNT && column->stats != PS_DELTA_STATS_NONE;
}

/* min(value) of one column's statistics, NULL unless every row group has it. */
static void add_bound(const struct ps_delta_column *column, bool is_min, struct ps_buffer *sql) {
    char value[160];
    const char *side = is_min ? "stats_min_value" : "stats_max_value";
    const char *merge = is_min ? "min" : "max";
    switch (column->stats) {
    case PS_DELTA_STATS_NUMBER:
        snprintf(value, sizeof value, "TRY_CAST(%s AS %s)", side, column->stats_type);
        break;
    case PS_DELTA_STATS_TIMESTAMP:
        /* milliseconds are the convention: the largest value is rounded up */
        snprintf(value, sizeof value, "TRY_CAST(replace(%s, '+00', '') AS TIMESTAMP)%s", side,
                 is_min ? "" : " + INTERVAL 999 MICROSECONDS");
        break;
    case PS_DELTA_STATS_NONE:
    case PS_DELTA_STATS_DATE:
    case PS_DELTA_STATS_TEXT: snprintf(value, sizeof value, "%s", side); break;
    }
    ps_buffer_text(sql, "CASE WHEN bool_and(stats_null_count = num_values OR (stats_min_value IS NOT NULL AND"
                        " stats_max_value IS NOT NULL AND min_is_exact AND max_is_exact");
    if (column->stats == PS_DELTA_STATS_TEXT) {
        ps_buffer_printf(sql, " AND strlen(stats_min_value) <= %d AND strlen(stats_max_value) <= %d",
                         STATS_TEXT_SIZE_MAX, STATS_TEXT_SIZE_MAX);
    } else {
        ps_buffer_text(sql, " AND NOT contains(stats_min_value || stats_max_value, 'inf')");
    }
    ps_buffer_text(sql, ")) FILTER (path_in_schema = ");
    ps_buffer_sql_literal(sql, column->name);
    ps_buffer_text(sql, ") THEN ");
    if (column->stats == PS_DELTA_STATS_TIMESTAMP) {
        ps_buffer_text(sql, "strftime(");
    }
    ps_buffer_printf(sql, "%s(%s) FILTER (path_in_schema = ", merge, value);
    ps_buffer_sql_literal(sql, column->name);
    ps_buffer_text(sql, " AND stats_min_value IS NOT NULL)");
    ps_buffer_text(sql,
                   column->stats == PS_DELTA_STATS_TIMESTAMP ? ", '%Y-%m-%dT%H:%M:%S.%gZ') END" : " END");
}

static void add_null_count(const struct ps_delta_column *column, struct ps_buffer *sql) {
    ps_buffer_text(sql, "sum(stats_null_count) FILTER (path_in_schema = ");
    ps_buffer_sql_literal(sql, column->name);
    ps_buffer_text(sql, ")::BIGINT");
}

/* One JSON object of all columns; the columns without a value are left out. */
static void add_object(const struct ps_delta_sink *sink, int kind, struct ps_buffer *sql) {
    size_t count = 0;
    ps_buffer_text(sql, "json_merge_patch('{}', json_object(");
    for (size_t i = 0; i < sink->setup->column_count; i++) {
        if (!has_stats(sink, i)) {
            continue;
        }
        ps_buffer_text(sql, count++ > 0 ? ", " : "");
        ps_buffer_sql_literal(sql, sink->columns[i].name);
        ps_buffer_text(sql, ", ");
        if (kind == 2) {
            add_null_count(&sink->columns[i], sql);
        } else {
            add_bound(&sink->columns[i], kind == 0, sql);
        }
    }
    ps_buffer_text(sql, "))::VARCHAR");
}

static penstock_code query_stats(const struct ps_delta_sink *sink, struct ps_connection *connection,
                                 const struct ps_part_list *parts, struct ps_result **result_out,
                                 struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&sql, PS_DELTA_STATEMENT_SIZE_MAX);
    ps_buffer_text(&sql, "SELECT file_name::VARCHAR, ");
    for (int kind = 0; kind < 3; kind++) {
        add_object(sink, kind, &sql);
        ps_buffer_text(&sql, kind < 2 ? ", " : " FROM parquet_metadata([");
    }
    for (size_t i = 0; i < parts->count; i++) {
        ps_buffer_text(&sql, i > 0 ? ", " : "");
        ps_buffer_sql_literal(&sql, parts->items[i].staged);
    }
    ps_buffer_text(&sql, "]) GROUP BY file_name");
    PS_TRY(ps_buffer_status(&sql, error));
    return ps_sql_query(connection, sql.data, result_out, error);
}

static int64_t find_row(const struct ps_result *result, const char *staged, int64_t guess) {
    const int64_t count = ps_result_row_count(result);
    for (int64_t i = 0; i < count; i++) {
        const int64_t row = (guess + i) % count;
        const char *name = ps_result_text(result, row, 0);
        if (name != NULL && strcmp(name, staged) == 0) {
            return row;
        }
    }
    return -1;
}

static void add_stats(const struct ps_part *part, const struct ps_result *result, int64_t row,
                      struct ps_buffer *out) {
    static const char *const names[] = {"minValues", "maxValues", "nullCount"};
    struct ps_buffer stats PS_SCOPED(ps_buffer_done);
    ps_buffer_init(&stats, PS_DELTA_STATEMENT_SIZE_MAX);
    ps_buffer_printf(&stats, "{\"numRecords\":%" PRId64, part->row_count);
    for (int64_t kind = 0; kind < 3 && row >= 0; kind++) {
        const char *object = ps_result_text(result, row, kind + 1);
        if (object != NULL) {
            ps_buffer_printf(&stats, ",\"%s\":", names[kind]);
            ps_buffer_text(&stats, object);
        }
    }
    ps_buffer_text(&stats, "}");
    ps_buffer_json(out, stats.data != NULL ? stats.data : "", stats.size);
}

penstock_code ps_delta_stats_add(struct ps_delta_sink *sink, struct ps_connection *connection,
                                 const struct ps_part_list *parts, bool is_change, struct ps_buffer *out,
                                 struct penstock_error *error) {
    struct ps_result *result PS_SCOPED(ps_result_free_scoped) = NULL;
    bool has_any = false;
    for (size_t i = 0; i < sink->setup->column_count; i++) {
        has_any = has_any || has_stats(sink, i);
    }
    if (has_any && parts->count > 0) {
        PS_TRY(query_stats(sink, connection, parts, &result, error));
    }
    for (size_t i = 0; i < parts->count; i++) {
        const struct ps_part *part = &parts->items[i];
        const int64_t row = result == NULL ? -1 : find_row(result, part->staged, (int64_t)i);
        ps_buffer_text(out, "{\"add\":{\"path\":\"");
        ps_delta_add_path(out, part->name);
        ps_buffer_text(out, "\",\"partitionValues\":");
        add_partition_values(sink, part->name, out);
        ps_buffer_printf(
            out,
            ",\"size\":%" PRId64 ",\"modificationTime\":%" PRId64 ",\"dataChange\":%s,\"stats\":", part->size,
            ps_clock_wall_ms(), is_change ? "true" : "false");
        add_stats(part, result, row, out);
        ps_buffer_text(out, "}}\n");
    }
    return ps_buffer_status(out, error);
}
