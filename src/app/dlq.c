/* SPDX-License-Identifier: Apache-2.0
 *
 * dlq.c - dead letters: listing them, and sending them back through the project as it is now.
 */
#include "app/progress.h"
#include "app/session.h"

#include <inttypes.h>
#include <stdio.h>

#include "app/control.h"
#include "app/table.h"
#include "base/limits.h"
#include "connect/source.h"
#include "data/batch.h"

#define SQL_SIZE_MAX ((size_t)1 << 20)
#define REASON_COUNT (PS_REASON_SCHEMA + 1)
/* A record as lines: every byte of it may be four characters. */
#define PRINTED_SIZE_MAX (8 * PS_LIMIT_DEAD_LETTER_SIZE)

static penstock_code check_reason(const char *reason, struct penstock_error *error) {
    const char *names[REASON_COUNT + 1] = {NULL};
    for (int i = 0; i < REASON_COUNT; i++) {
        names[i] = ps_reason_name((enum ps_reason)i);
        if (reason == NULL || strcmp(reason, names[i]) == 0) {
            return PENSTOCK_OK;
        }
    }
    const char *nearest = ps_nearest(reason, names);
    ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "there is no reason '%s' for a dead letter", reason);
    return nearest == NULL
               ? ps_error_hint(
                     error,
                     "reasons: syntax, encoding, type, range, null, nesting, size, late, rule, key, schema")
               : ps_error_hint(error, "did you mean %s?", nearest);
}

static penstock_code check_source(const struct ps_app *app, const char *source,
                                  struct penstock_error *error) {
    const int64_t index = source == NULL ? -1 : ps_graph_find(app->graph, source);
    if (source == NULL || (index >= 0 && app->graph->nodes[index].kind == PS_NODE_SOURCE)) {
        return PENSTOCK_OK;
    }
    const char *names[64] = {NULL};
    size_t count = 0;
    for (size_t i = 0; i < app->graph->node_count && count < 63; i++) {
        if (app->graph->nodes[i].kind == PS_NODE_SOURCE) {
            names[count++] = app->graph->nodes[i].name;
        }
    }
    const char *nearest = ps_nearest(source, names);
    ps_error_set(error, PENSTOCK_NOT_FOUND, "the project has no source '%s'", source);
    return nearest == NULL ? ps_error_hint(error, "penstock check lists the sources")
                           : ps_error_hint(error, "did you mean %s?", nearest);
}

static penstock_code list(struct ps_app *app, const char *sql, struct ps_text_table **table_out,
                          struct penstock_error *error) {
    struct ps_access access PS_SCOPED(ps_access_close) = {0};
    PS_TRY(ps_access_open(app, &access, error));
    return ps_access_query(&access, sql, table_out, error);
}

/* --- records that are no text ---------------------------------------------------------------------------------- */

typedef void printer(struct ps_bytes raw, struct ps_buffer *out);

/* What shows records of the source as lines, or NULL. */
static printer *printer_of(const struct ps_statement *statement) {
    const struct ps_source_type *const type =
        statement->kind == PS_STATEMENT_SOURCE ? ps_source_type_find(statement->as.source.connector) : NULL;
    return type != NULL && type->codec != NULL ? type->codec->print : NULL;
}

static printer *find_printer(const struct ps_app *app, const char *source) {
    for (size_t i = 0; i < app->project->statement_count; i++) {
        const struct ps_statement *const statement = &app->project->statements[i];
        if (statement->kind == PS_STATEMENT_SOURCE && strcmp(statement->name, source) == 0) {
            return printer_of(statement);
        }
    }
    return NULL;
}

/* The record as a column: its text, or its bytes as DuckDB shows them; in hex if the source's codec is to print it. */
static void add_raw(const struct ps_app *app, struct ps_buffer *sql) {
    size_t count = 0;
    for (size_t i = 0; i < app->project->statement_count; i++) {
        if (printer_of(&app->project->statements[i]) != NULL) {
            ps_buffer_text(sql, count++ == 0 ? "CASE WHEN source IN (" : ", ");
            ps_buffer_sql_literal(sql, app->project->statements[i].name);
        }
    }
    ps_buffer_text(sql, count > 0 ? ") THEN hex(raw) ELSE " : "");
    ps_buffer_text(sql, "coalesce(TRY(decode(raw)), CAST(raw AS VARCHAR))");
    ps_buffer_text(sql, count > 0 ? " END AS raw" : " AS raw");
}

static int nibble(char digit) {
    return digit <= '9' ? digit - '0' : digit - 'A' + 10;
}

/* hex -> bytes -> lines, in the table's arena. */
static penstock_code print_cell(struct ps_arena *arena, printer *print, const char **cell,
                                struct penstock_error *error) {
    struct ps_buffer bytes PS_SCOPED(ps_buffer_done) = {0}, lines PS_SCOPED(ps_buffer_done) = {0};
    ps_buffer_init(&bytes, 2 * PS_LIMIT_DEAD_LETTER_SIZE);
    ps_buffer_init(&lines, PRINTED_SIZE_MAX);
    for (const char *at = *cell; at[0] != '\0' && at[1] != '\0'; at += 2) {
        const char byte = (char)(unsigned char)(nibble(at[0]) * 16 + nibble(at[1]));
        ps_buffer_add(&bytes, &byte, 1);
    }
    PS_TRY(ps_buffer_status(&bytes, error));
    print((struct ps_bytes){bytes.data == NULL ? "" : bytes.data, bytes.size}, &lines);
    PS_TRY(ps_buffer_status(&lines, error));
    *cell = ps_arena_copy(arena, lines.data == NULL ? "" : lines.data);
    return *cell != NULL ? PENSTOCK_OK : ps_error_memory(error, "dead letters");
}

static size_t column_of(const struct ps_text_table *table, const char *name) {
    size_t column = 0;
    while (strcmp(table->names[column], name) != 0) {
        column++;
    }
    return column;
}

/* What add_raw() has asked for in hex becomes lines. */
static penstock_code print_raw(const struct ps_app *app, struct ps_text_table *table,
                               struct penstock_error *error) {
    const size_t source = column_of(table, "source"), raw = column_of(table, "raw");
    for (int64_t row = 0; row < table->row_count; row++) {
        const char **const cells = table->cells + (size_t)row * table->column_count;
        printer *const print = find_printer(app, cells[source]);
        if (print != NULL && cells[raw] != NULL) {
            table->types[raw] = PS_TEXT_TABLE_LINES;
            PS_TRY(print_cell(table->arena, print, &cells[raw], error));
        }
    }
    return PENSTOCK_OK;
}

static penstock_code list_printed(struct ps_app *app, const char *sql, struct ps_text_table **table_out,
                                  struct penstock_error *error) {
    struct ps_text_table *table PS_SCOPED(ps_text_table_drop) = NULL;
    PS_TRY(list(app, sql, &table, error));
    PS_TRY(print_raw(app, table, error));
    *table_out = ps_take(table);
    return PENSTOCK_OK;
}

/* --- commands --------------------------------------------------------------------------------------------------- */

penstock_code ps_app_dlq_list(struct ps_app *app, const char *source, const char *reason,
                              int64_t row_count_max, struct ps_text_table **table_out,
                              struct penstock_error *error) {
    PS_TRY(check_reason(reason, error));
    PS_TRY(check_source(app, source, error));
    struct ps_buffer sql PS_SCOPED(ps_buffer_done) = {0};
    ps_buffer_init(&sql, SQL_SIZE_MAX);
    ps_buffer_text(
        &sql,
        "SELECT id, source, statement, reason, rule, column_name, lateness_ms, partition, position, message, ");
    add_raw(app, &sql);
    ps_buffer_text(
        &sql,
        ", raw_size, epoch, created_at, replayed_epoch,"
        " coalesce(TRY(decode(record_key)), CAST(record_key AS VARCHAR)) AS record_key, headers, record_time"
        " FROM penstock.dead_letters WHERE true");
    if (source != NULL) {
        ps_buffer_text(&sql, " AND source = ");
        ps_buffer_sql_literal(&sql, source);
    }
    if (reason != NULL) {
        ps_buffer_text(&sql, " AND reason = ");
        ps_buffer_sql_literal(&sql, reason);
    }
    ps_buffer_text(&sql, " ORDER BY id");
    if (row_count_max > 0) {
        ps_buffer_printf(&sql, " LIMIT %" PRId64, row_count_max);
    }
    PS_TRY(ps_buffer_status(&sql, error));
    return list_printed(app, sql.data, table_out, error);
}

penstock_code ps_app_dlq_show(struct ps_app *app, int64_t id, struct ps_text_table **table_out,
                              struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done) = {0};
    ps_buffer_init(&sql, SQL_SIZE_MAX);
    ps_buffer_text(
        &sql,
        "SELECT id, source, statement, reason, rule, column_name, message, lateness_ms, partition,"
        " position, record_time, coalesce(TRY(decode(record_key)), CAST(record_key AS VARCHAR)) AS record_key,"
        " headers, raw_size, ");
    add_raw(app, &sql);
    ps_buffer_printf(
        &sql, ", epoch, created_at, replayed_epoch FROM penstock.dead_letters WHERE id = %" PRId64, id);
    PS_TRY(ps_buffer_status(&sql, error));
    PS_TRY(list_printed(app, sql.data, table_out, error));
    if ((*table_out)->row_count > 0) {
        return PENSTOCK_OK;
    }
    ps_text_table_free(*table_out);
    *table_out = NULL;
    (void)ps_error_set(error, PENSTOCK_NOT_FOUND, "there is no dead letter %" PRId64, id);
    return ps_error_hint(error, "penstock dlq list shows the ids");
}

static penstock_code replay_remote(const char *store_path, const char *source, const char *reason,
                                   struct ps_replay_totals *totals_out, struct penstock_error *error) {
    yyjson_mut_doc *request PS_SCOPED(ps_json_free_scoped) = ps_json_new();
    yyjson_doc *answer PS_SCOPED(ps_json_read_free_scoped) = NULL;
    if (request == NULL) {
        return ps_error_memory(error, "request");
    }
    yyjson_mut_val *root = yyjson_mut_doc_get_root(request);
    ps_json_add_text(request, root, "request", "replay");
    ps_json_add_text(request, root, "source", source);
    ps_json_add_text(request, root, "reason", reason);
    PS_TRY(ps_control_ask(store_path, request, 0, &answer, error));
    yyjson_val *told = yyjson_doc_get_root(answer);
    *totals_out =
        (struct ps_replay_totals){.tried = yyjson_get_sint(yyjson_obj_get(told, "tried")),
                                  .replayed = yyjson_get_sint(yyjson_obj_get(told, "replayed")),
                                  .still_dead = yyjson_get_sint(yyjson_obj_get(told, "still_dead"))};
    return PENSTOCK_OK;
}

penstock_code ps_app_dlq_replay(struct ps_app *app, const char *source, const char *reason,
                                struct ps_replay_totals *totals_out, struct penstock_error *error) {
    PS_TRY(check_reason(reason, error));
    PS_TRY(check_source(app, source, error));
    bool is_remote = false;
    {
        struct ps_access access PS_SCOPED(ps_access_close) = {0};
        PS_TRY(ps_access_open(app, &access, error));
        if (!ps_access_has_store(&access)) {
            ps_error_set(error, PENSTOCK_NOT_FOUND, "there is no store yet");
            return ps_error_hint(error, "run penstock run first");
        }
        is_remote = access.is_remote;
    }
    return is_remote ? replay_remote(app->project->store_path, source, reason, totals_out, error)
                     : ps_app_replay(app, source, reason, totals_out, error);
}
