/* SPDX-License-Identifier: Apache-2.0
 *
 * offsets.c - where the sources stand, and moving one of them by hand.
 */
#include "stream/offsets.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "app/offsets.h"
#include "app/table.h"

#define SQL_SIZE_MAX ((size_t)1 << 20)
#define MEANING_SIZE_MAX ((size_t)64 << 10)

#define SHOW_COUNT 7
static const char *const show_names[SHOW_COUNT] = {"source", "partition", "position", "epoch",
                                                   "low",    "high",      "lag"};
static const char *const show_types[SHOW_COUNT] = {"VARCHAR", "VARCHAR", "BIGINT", "BIGINT",
                                                   "BIGINT",  "BIGINT",  "BIGINT"};

/* --- show ------------------------------------------------------------------------------------------------------- */

static penstock_code find_statement(const struct ps_project *project, const char *name,
                                    struct penstock_error *error) {
    const char *names[64] = {NULL};
    size_t count = 0;
    for (size_t i = 0; i < project->statement_count; i++) {
        const struct ps_statement *statement = &project->statements[i];
        if (statement->kind != PS_STATEMENT_SOURCE) {
            continue;
        }
        if (name == NULL || ps_text_equal_nocase(statement->name, name)) {
            return PENSTOCK_OK;
        }
        if (count < 63) {
            names[count++] = statement->name;
        }
    }
    if (name == NULL) {
        return PENSTOCK_OK; /* a project without a source has no offsets */
    }
    const char *nearest = ps_nearest(name, names);
    (void)ps_error_set(error, PENSTOCK_NOT_FOUND, "the project has no source '%s'", name);
    return nearest == NULL ? ps_error_hint(error, "penstock check lists the sources")
                           : ps_error_hint(error, "did you mean %s?", nearest);
}

/* What is committed of one source: partition, ordinal, position, state, epoch. */
static penstock_code read_committed(struct ps_access *access, const char *source,
                                    struct ps_text_table **table_out, struct penstock_error *error) {
    struct ps_buffer sql PS_SCOPED(ps_buffer_done) = {0};
    ps_buffer_init(&sql, SQL_SIZE_MAX);
    ps_buffer_text(
        &sql, "SELECT partition, ordinal, position, state, epoch FROM penstock.positions WHERE source = ");
    ps_buffer_sql_literal(&sql, source);
    ps_buffer_text(&sql, " ORDER BY ordinal");
    PS_TRY(ps_buffer_status(&sql, error));
    return ps_access_query(access, sql.data, table_out, error);
}

static int64_t integer_of(const char *text) {
    int64_t value = 0;
    return text != NULL && ps_parse_integer(text, &value) ? value : 0;
}

static penstock_code add_partition(struct ps_text_table_builder *builder, const char *source,
                                   const char *partition, const char *position, const char *epoch,
                                   const struct ps_position *first, const struct ps_position *end,
                                   struct penstock_error *error) {
    char texts[3][24];
    const int64_t at = position != NULL ? integer_of(position) : first != NULL ? first->offset : 0;
    (void)snprintf(texts[0], sizeof texts[0], "%" PRId64, first != NULL ? first->offset : 0);
    (void)snprintf(texts[1], sizeof texts[1], "%" PRId64, end != NULL ? end->offset : 0);
    (void)snprintf(texts[2], sizeof texts[2], "%" PRId64,
                   end != NULL && end->offset > at ? end->offset - at : 0);
    const char *const cells[] = {source,
                                 partition,
                                 position,
                                 epoch,
                                 first != NULL ? texts[0] : NULL,
                                 end != NULL ? texts[1] : NULL,
                                 end != NULL ? texts[2] : NULL};
    return ps_text_table_row(builder, cells, error);
}

struct look {
    struct ps_position_list committed, first, end;
};

static void look_done(struct look *look) {
    ps_position_list_done(&look->committed);
    ps_position_list_done(&look->first);
    ps_position_list_done(&look->end);
}

static penstock_code look_init(struct look *look, struct penstock_error *error) {
    PS_TRY(ps_position_list_init(&look->committed, error));
    PS_TRY(ps_position_list_init(&look->first, error));
    return ps_position_list_init(&look->end, error);
}

static penstock_code add_source(const struct ps_app *app, const struct ps_statement *statement,
                                struct ps_access *access, struct ps_text_table_builder *builder,
                                struct penstock_error *unreachable, struct penstock_error *error) {
    struct ps_text_table *table PS_SCOPED(ps_text_table_drop) = NULL;
    struct look look PS_SCOPED(look_done) = {0};
    PS_TRY(look_init(&look, error));
    if (ps_access_has_store(access)) {
        PS_TRY(read_committed(access, statement->name, &table, error));
    }
    for (int64_t i = 0; table != NULL && i < table->row_count; i++) {
        const char **cells = table->cells + (size_t)i * table->column_count;
        const struct ps_position position = {
            .partition = {cells[0], integer_of(cells[1])}, .offset = integer_of(cells[2]), .state = cells[3]};
        PS_TRY(ps_position_list_set(&look.committed, &position, error));
    }
    /* what the outside says is a help, not the answer */
    struct penstock_error refused = {0};
    if (ps_offsets_look(&statement->as.source, statement->name, app->project->folder, &look.committed,
                        &look.first, &look.end, &refused) != PENSTOCK_OK) {
        *unreachable = refused;
    }
    for (int64_t i = 0; table != NULL && i < table->row_count; i++) {
        const char **cells = table->cells + (size_t)i * table->column_count;
        PS_TRY(add_partition(builder, statement->name, cells[0], cells[2], cells[4],
                             ps_position_list_find(&look.first, cells[0]),
                             ps_position_list_find(&look.end, cells[0]), error));
    }
    for (size_t i = 0; i < look.end.count; i++) { /* not read yet */
        const char *name = look.end.items[i].partition.name;
        if (ps_position_list_find(&look.committed, name) == NULL) {
            PS_TRY(add_partition(builder, statement->name, name, NULL, NULL,
                                 ps_position_list_find(&look.first, name), &look.end.items[i], error));
        }
    }
    return PENSTOCK_OK;
}

penstock_code ps_app_offsets_show(struct ps_app *app, const char *source, struct ps_text_table **table_out,
                                  struct penstock_error *unreachable_out, struct penstock_error *error) {
    struct ps_access access PS_SCOPED(ps_access_close) = {0};
    struct ps_text_table_builder builder PS_SCOPED(ps_text_table_builder_done) = {0};
    ps_error_clear(unreachable_out);
    PS_TRY(find_statement(app->project, source, error));
    PS_TRY(ps_access_open(app, &access, error));
    PS_TRY(ps_text_table_begin(&builder, show_names, show_types, SHOW_COUNT, error));
    for (size_t i = 0; i < app->project->statement_count; i++) {
        const struct ps_statement *statement = &app->project->statements[i];
        if (statement->kind == PS_STATEMENT_SOURCE &&
            (source == NULL || ps_text_equal_nocase(statement->name, source))) {
            PS_TRY(add_source(app, statement, &access, &builder, unreachable_out, error));
        }
    }
    return ps_text_table_end(&builder, table_out, error);
}

penstock_code ps_offsets_lag(const struct ps_app *app, struct ps_access *access, const char *source,
                             int64_t *lag_out, struct penstock_error *error) {
    struct ps_text_table_builder builder PS_SCOPED(ps_text_table_builder_done) = {0};
    struct penstock_error unreachable = {0};
    const struct ps_statement *statement = ps_project_find(app->project, source);
    *lag_out = -1;
    PS_TRY(ps_text_table_begin(&builder, show_names, show_types, SHOW_COUNT, error));
    PS_TRY(add_source(app, statement, access, &builder, &unreachable, error));
    int64_t lag = 0;
    bool is_known = unreachable.code == PENSTOCK_OK;
    for (size_t i = SHOW_COUNT - 1; i < builder.count; i += SHOW_COUNT) {
        is_known = is_known && builder.cells[i] != NULL; /* of packed files nobody knows */
        lag += builder.cells[i] != NULL ? integer_of(builder.cells[i]) : 0;
    }
    *lag_out = is_known ? lag : -1;
    return PENSTOCK_OK;
}

/* --- reset ------------------------------------------------------------------------------------------------------ */

static void store_close_scoped(struct ps_store **store) {
    ps_store_close(*store);
}

static penstock_code open_store(const struct ps_app *app, bool is_read_only, struct ps_store **store_out,
                                struct penstock_error *error) {
    const struct ps_store_options options = {.path = app->project->store_path,
                                             .is_read_only = is_read_only,
                                             .thread_count = 1,
                                             .memory_max = app->project->manifest.executor_memory};
    const penstock_code code = ps_store_open(&options, store_out, error);
    if (code == PENSTOCK_BUSY) {
        (void)ps_error_hint(error, "stop the run first: positions are moved only while nothing reads");
    }
    return code;
}

static penstock_code list_moves(const struct ps_offset_reset *reset, struct ps_text_table **table_out,
                                struct penstock_error *error) {
    static const char *const names[] = {"partition", "from", "to", "meaning"};
    static const char *const types[] = {"VARCHAR", "BIGINT", "BIGINT", "VARCHAR"};
    struct ps_text_table_builder builder PS_SCOPED(ps_text_table_builder_done) = {0};
    PS_TRY(ps_text_table_begin(&builder, names, types, 4, error));
    for (size_t i = 0; i < reset->move_count; i++) {
        const struct ps_offset_move *move = &reset->moves[i];
        char from[24], to[24];
        (void)snprintf(from, sizeof from, "%" PRId64, move->from);
        (void)snprintf(to, sizeof to, "%" PRId64, move->to);
        const char *meaning = !move->is_known         ? "starts here"
                              : move->to < move->from ? "read again"
                                                      : "left out";
        const char *const cells[] = {move->partition.name, move->is_known ? from : NULL, to, meaning};
        PS_TRY(ps_text_table_row(&builder, cells, error));
    }
    return ps_text_table_end(&builder, table_out, error);
}

static void add_readers(const struct ps_offset_reset *reset, struct ps_buffer *text) {
    for (size_t i = 0; i < reset->reader_count; i++) {
        ps_buffer_printf(text, "%s%s", i > 0 ? ", " : "", reset->readers[i]);
    }
}

/* Sentences, one a line. */
static penstock_code explain(const struct ps_offset_reset *reset, struct ps_buffer *text,
                             struct penstock_error *error) {
    if (reset->goes_back && reset->reader_count > 0 && !reset->is_keyed) {
        ps_buffer_text(text, "records that are read again would be DOUBLED in what has them already: ");
        add_readers(reset, text);
        ps_buffer_text(text, "\n");
    } else if (reset->goes_back && reset->reader_count > 0) {
        ps_buffer_text(
            text, "records that are read again are written over by their keys, and sent again to sinks: ");
        add_readers(reset, text);
        ps_buffer_text(text, "\n");
    }
    if (reset->skips && reset->reader_count > 0) {
        ps_buffer_text(text, "records that are left out will be MISSING in: ");
        add_readers(reset, text);
        ps_buffer_text(text, "\n");
    }
    if (reset->forgets_watermark) {
        ps_buffer_text(text, "the watermark starts anew, or what is read again would all be late\n");
    }
    return ps_buffer_status(text, error);
}

static void user_name(char *name, size_t size) {
    struct passwd entry, *found = NULL;
    char buffer[2048];
    if (getpwuid_r(geteuid(), &entry, buffer, sizeof buffer, &found) == 0 && found != NULL) {
        (void)snprintf(name, size, "%s", entry.pw_name);
    } else {
        (void)snprintf(name, size, "%lu", (unsigned long)geteuid());
    }
}

penstock_code ps_app_offsets_reset(struct ps_app *app, const char *source, const char *to,
                                   const struct ps_app_ask *ask, bool *is_done_out,
                                   struct penstock_error *error) {
    struct ps_arena *arena PS_SCOPED(ps_arena_free_scoped) = ps_arena_new(0);
    struct ps_store *store PS_SCOPED(store_close_scoped) = NULL;
    struct ps_text_table *moves PS_SCOPED(ps_text_table_drop) = NULL;
    struct ps_buffer meaning PS_SCOPED(ps_buffer_done) = {0};
    struct ps_offset_reset reset;
    char who[64];
    *is_done_out = false;
    if (arena == NULL) {
        return ps_error_memory(error, "offsets");
    }
    if (!ps_file_exists(app->project->store_path)) {
        (void)ps_error_set(error, PENSTOCK_NOT_FOUND, "there is no store yet");
        return ps_error_hint(error, "run penstock run first");
    }
    PS_TRY(open_store(app, ask->is_dry_run, &store, error));
    PS_TRY(ps_offsets_plan(app->graph, store->connection, source, to, arena, &reset, error));
    PS_TRY(list_moves(&reset, &moves, error));
    ps_buffer_init(&meaning, MEANING_SIZE_MAX);
    PS_TRY(explain(&reset, &meaning, error));
    const bool is_harmless = reset.reader_count == 0 || !(reset.goes_back || reset.skips);
    const bool is_agreed =
        ask->on_plan(moves, meaning.data != NULL ? meaning.data : "", is_harmless, ask->context);
    if (ask->is_dry_run || reset.move_count == 0) {
        return PENSTOCK_OK;
    }
    if (!is_agreed) {
        (void)ps_error_set(error, PENSTOCK_INVALID_ARGUMENT, "source %s was not moved: nobody said yes",
                           reset.source);
        return ps_error_hint(error, "give --yes once the above is what you want");
    }
    user_name(who, sizeof who);
    PS_TRY(ps_offsets_apply(store, &reset, who, error));
    *is_done_out = true;
    return PENSTOCK_OK;
}
